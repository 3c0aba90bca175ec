"""``poolcli unpool``: values back to where they stood, or over their windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...redact import printable
from .. import options, param_types
from ..display.study_output import make_table
from .context import STDIO, Answer, StudyContext
from .study import Study, output_option

if TYPE_CHECKING:
    from ...report import Plane, Stats

SPREADS = ("nearest", "average")
DUPLICATES = ("last", "first", "sum", "max", "error")
INDEX_FORMATS = ("torch", "onnx", "onnx-column-major", "tensorflow", "tensorflow-batch")
"""The library has these names too, in rooms that import NumPy; tests/cli/test_unpool.py holds them together."""


@dataclass(frozen=True)
class _Unpooled:
    """What was read and what was written."""

    input: str
    indices: str | None
    output: str
    how: str
    layout: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_dtype: str
    output_dtype: str
    input_stats: Stats
    output_stats: Stats
    values: Any
    """The result, when it is small."""


def _answer(asked: StudyContext) -> Answer:
    """Read, unpool, write."""
    import numpy as np

    from ...analysis.unpool.unpool import unpool
    from ...core.axes import resolve
    from ...report import MOST_VALUES, cut_planes, measure_samples

    name, given, keywords = asked.the_file(), asked.given, _collect_keywords(asked)
    target = _output_name(asked, name)
    averages = given["spread"] == "average"
    loaded = asked.load(name, indexed=not averages)
    array = loaded.array
    keywords["layout"] = resolve(loaded.array.shape, keywords.get("layout") or loaded.layout).letters
    if averages and _is_picture(target):
        array = array if array.dtype != np.bool_ else np.where(array, np.uint8(255), np.uint8(0))  # means are grey
        keywords.setdefault("dtype", array.dtype)
    if given["indices"] is not None:
        keywords["indices"] = asked.load(given["indices"]).array
    made = unpool(array, **keywords)
    notes = asked.write(target, made, loaded.source)
    found = _Unpooled(name, given["indices"], target, _describe_rule(given), keywords["layout"], loaded.array.shape,
                      made.shape,
                      loaded.array.dtype.name, made.dtype.name, measure_samples(loaded.array), measure_samples(made),
                      made if made.size <= MOST_VALUES else None)
    return Answer(found, lambda: _render(found, cut_planes(made, found.layout)), (*loaded.source.notes, *notes))


def _collect_keywords(asked: StudyContext) -> dict[str, Any]:
    """The library's keywords: of the pooling that is undone its windows, and the command's own options."""
    from ...analysis.unpool.unpool import check_arguments

    stage, given = asked.the_stage(), asked.given
    said = (*stage.pooling.window.windowing.options, "layout", "dtype", "round")
    windows = {name: value for name, value in stage.keywords.items() if name in said}
    check_arguments(windows, given["indices"] is not None, given["spread"])
    own = {name: given[name] for name in ("spread", "duplicates", "index_format", "output_shape")}
    return windows | {name: value for name, value in own.items() if value is not None}


def _output_name(asked: StudyContext, name: str) -> str:
    """The output's name."""
    from ...files.paths import output_paths

    found = str(output_paths.name_output(name, asked.output, "unpool") or STDIO)
    asked.check_outputs(name, {"output": found})
    return found


def _is_picture(target: str) -> bool:
    """Whether a file is a picture by its ending."""
    from ...files import format_of

    return target != STDIO and not format_of(target).numpy


def _describe_rule(given: Mapping[str, Any]) -> str:
    """By what rule, in words."""
    if given["spread"]:
        return f"{given['spread']} over the windows"
    numbers, duplicates = given["index_format"] or INDEX_FORMATS[0], given["duplicates"] or DUPLICATES[0]
    return f"at {numbers} indices, {duplicates} of duplicates"


def _render(found: _Unpooled, planes: tuple[Plane, ...]) -> list[Any]:
    """What was done, a row before, a row after, the values."""
    from ...core.axes import describe
    from ...report import short_stats
    from ..display.report_table import plane, text

    sides = (("values", found.input_shape, found.input_dtype, found.input_stats),
             ("result", found.output_shape, found.output_dtype, found.output_stats))
    rows = [(title, f"{describe(shape)} {found.layout}", dtype, *short_stats(stats))
            for title, shape, dtype, stats in sides]
    shown = [text(f"{printable(found.input)} -> {printable(found.output)}: {found.how}"),
             make_table(("", "shape", "type", "min", "mean", "max"), rows, left=3)]
    return shown + [part for one in planes for part in (text(f"values {one.label}".strip() + ":"), plane(one))]


def choice_option(name: str, names: tuple[str, ...], metavar: str, help: str) -> Any:
    """An option that is one of some names."""
    return options.option(name, type=options.choice(names), metavar=metavar, help=help)


_STUDY = Study(
    "unpool", "Undo a pooling: each value back to where it stood, or over its window. A quoted stage, or the window "
    "options, say what is undone.",
    ["poolcli max -k 2 map.npy -o values.npy --indices where.npy",
     "poolcli unpool values.npy --indices where.npy -k 2 -o back.npy",
     'poolcli unpool values.npy "max -k 3 -s 2 --padding 1" --indices where.npy --output-shape 55x55',
     "poolcli unpool small.png --spread average -k 4 -o large.png"],
    _answer, formats=(),
    options=[options.option("--indices", type=options.path(), metavar="FILE", help="Where each value stood: .npy."),
             choice_option("--index-format", INDEX_FORMATS, "FORMAT",
                           f"How they count: {', '.join(INDEX_FORMATS)}. Default torch, as poolcli writes."),
             choice_option("--duplicates", DUPLICATES, "WHICH",
                           f"Of an index that several values have: {', '.join(DUPLICATES)}. Default last."),
             choice_option("--spread", SPREADS, "HOW", "Without indices: nearest, or average of overlapping windows."),
             options.option("--output-shape", type=param_types.lengths, metavar="SHAPE",
                            help="Of all axes, 1x3x8x8, or the pooled ones, 8x8. Default: what the windows tell."),
             output_option("A file, a FOLDER/ or - for stdout. Default: {stem}_unpool{ext} beside the input.")])
command = _STUDY.command()
