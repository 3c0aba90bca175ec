"""``poolcli plan``: what a chain of poolings makes of a shape or of a file's header, no pixel touched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...analysis.stages import as_stage
from ...core.choices import DTYPES
from ...errors import OptionError
from ...redact import printable
from .. import options, param_types
from ..display.formatting import format_axes, format_bytes, format_percent, format_shape
from ..display.study_output import make_table
from .context import STDIO, Answer, StudyContext, file_errors
from .study import Study, file_options

if TYPE_CHECKING:
    from ...analysis.plan.find_settings import Setting
    from ...analysis.plan.survey import AxisSurvey, StageSurvey, Survey
    from ...analysis.stages import Stage
    from ...core.place import Place, PlaceFacts

_SHAPE = re.compile(r"[0-9]{1,19}(x[0-9]{1,19})*")
_DTYPE = "float32"


@dataclass(frozen=True)
class _PlannedInput:
    """What is planned for: a shape, its letters if the file says them, its type, and where it lies."""

    shape: tuple[int, ...]
    layout: str | None
    dtype: str
    place: Place | None = None


@dataclass(frozen=True)
class _TargetSettings:
    """What ``--target`` finds."""

    input_shape: tuple[int, ...]
    target: tuple[int, ...]
    settings: tuple[Setting, ...]


def _answer(asked: StudyContext) -> Answer:
    """The survey of the stages, or the settings that give a target."""
    given = _read_input(asked)
    layout = asked.given["layout"] or given.layout or options.default_layout(len(given.shape))
    return _find_targets(asked, given, layout) if asked.given["target"] else _survey_input(asked, given, layout)


def _survey_input(asked: StudyContext, given: _PlannedInput, layout: str | None) -> Answer:
    """What the stages make."""
    from ...analysis.plan.survey import survey

    stages = asked.stages or (as_stage("max", asked.shared),)
    found = survey(given.shape, stages, layout=layout, dtype=given.dtype, place=given.place)
    problems = tuple(_list_problems(found)) if asked.given["strict"] else ()
    return Answer(found, lambda: _render(found), _note_conventions(asked, stages), 1 if problems else 0, problems)


def _note_conventions(asked: StudyContext, stages: Sequence[Stage]) -> tuple[str, ...]:
    """What --like makes of each stage, where it differs from our defaults; none without it."""
    from ...core.conventions import describe_differences

    like = asked.given["like"]
    said = (describe_differences(like, stage.reducer, {n: v for n, v in stage.keywords.items() if n != "like"})
            for stage in stages if like is not None)
    return tuple(dict.fromkeys(said))


def _find_targets(asked: StudyContext, given: _PlannedInput, layout: str | None) -> Answer:
    """Settings for the target, from what the stages typed leave."""
    from ...analysis.plan.find_settings import settings_for
    from ...analysis.stage_plans import plan_stages

    if asked.given["strict"]:
        raise OptionError("strict", "goes with stages, not with --target")
    target, shape = asked.given["target"], given.shape
    if asked.stages:
        last = plan_stages(shape, asked.stages, layout, _parse_dtype(given.dtype))[-1].plan
        shape, layout = last.output_shape, last.output_letters
    held = {} if asked.stages else {name: value for name, value in asked.shared.items() if name != "layout"}
    found = _TargetSettings(shape, target, settings_for(shape, target, layout=layout, **held))
    such = f" with that {' and '.join(held)}" if held else ""
    wanted = format_shape(target)
    said = f"nothing plain{such} gives {wanted} from {format_shape(shape)}; --adaptive {wanted} does"
    problems = () if found.settings else (said,)
    return Answer(found, lambda: [_make_target_table(found)] if found.settings else [], (), len(problems), problems)


def _parse_dtype(name: str) -> Any:
    """A dtype by its name."""
    from ...core.dtypes import parse_dtype

    return parse_dtype(name)


# The input.


def _read_input(asked: StudyContext) -> _PlannedInput:
    """A shape that was typed, or what a file's header says; a file called 3x3 is written ./3x3."""
    name, wanted = asked.the_file(), asked.given["dtype"]
    if _SHAPE.fullmatch(name):
        return _PlannedInput(tuple(int(part) for part in name.split("x")), None, wanted or _DTYPE)
    if wanted:
        raise OptionError("dtype", "goes with a shape; a file has a type of its own")
    if name != STDIO and not Path(name).exists() and re.fullmatch(r"[0-9x]+", name):
        raise OptionError("INPUT", f"{printable(name)} is neither a shape nor a file; 224x224x3 would work")
    found = _read_header(asked, name)
    return _PlannedInput(found.array.shape, found.layout, found.array.dtype.name, found.source.place)


def _read_header(asked: StudyContext, name: str) -> Any:
    """What the header says; where it does not say all, the file is read, as ``chain`` would."""
    from ... import files

    limit = asked.given["max_pixels"] or files.MAX_PIXELS
    with file_errors(name):
        if name == STDIO or asked.given["frames"]:
            hollow = None
        elif (found := files.open_boxes(name, max_pixels=limit)) is not None:  # larger than may be read at once
            source, hollow = found
            source.close()
        else:
            hollow = files.load_header(name, max_pixels=limit, key=asked.given["key"])
    indexed = bool(asked.stages) and all(stage.pooling.reducer.takes_labels for stage in asked.stages)
    return hollow or asked.load(name, indexed)


def _parse_target(text: str) -> tuple[int, ...]:
    """A target: a whole number for each pooled axis."""
    found = param_types.steps(text)
    if isinstance(found, dict):
        raise OptionError("target", "names axes; a length for each pooled one, as in 112x112, would work")
    return found if isinstance(found, tuple) else (found,)


# For people.


def _render(found: Survey) -> list[Any]:
    """The table of the stages, their formulas, what is left out, the whole."""
    rows: list[tuple[str, ...]] = [("", f"{format_shape(found.input_shape)} {found.layout}", "1", "1", "0", "", "")]
    rows += [_format_row(number, stage) for number, stage in enumerate(found.stages, 1)]
    titles = ("stage", "shape", "sees", "jump", "first", "overlap", "kept")
    return [make_table(titles, rows, left=2), _plain_text("\n".join(["", *_format_lines(found)]))]


def _plain_text(text: str) -> Any:
    """Text that is never markup."""
    from ..display.report_table import text as as_text

    return as_text(text)


def _format_row(number: int, stage: StageSurvey) -> tuple[str, ...]:
    """A stage in the table; one number where all axes have the same."""
    axes = stage.by_axis
    return (str(number), format_shape(stage.output_shape), format_axes([_format_field(one) for one in axes]),
            format_axes([f"{one.jump:.4g}" for one in axes]), format_axes([f"{one.first_centre:g}" for one in axes]),
            format_axes([str(one.overlap) for one in axes]), format_percent(stage.kept))


def _format_field(one: AxisSurvey) -> str:
    """The receptive field, of windows of several lengths from the least."""
    same = one.receptive_field_least == one.receptive_field
    return str(one.receptive_field) if same else f"{one.receptive_field_least}-{one.receptive_field}"


def _format_lines(found: Survey) -> list[str]:
    """Formulas and what is left out, stage by stage; then the whole."""
    said = []
    for number, stage in enumerate(found.stages, 1):
        said.append(f"{number} {printable(stage.stage)}")
        said += [f"   {one.axis}: {one.formula}" for one in stage.by_axis]
        said += [f"   {_format_amount(stage.values_in, stage.input_dtype, stage.bytes_in)} -> "
                 f"{_format_amount(stage.values_out, stage.output_dtype, stage.bytes_out)}"]
        said += [f"   pixel size: {_format_pixel_size(stage.place)}"] * (stage.place is not None)
        said += [f"   {text}" for text in _describe_unread(stage)]
    return [*said,
            f"chain: {format_shape(found.input_shape)} -> {format_shape(found.output_shape)}, "
            f"{format_bytes(found.bytes_in)} -> {format_bytes(found.bytes_out)}; {format_percent(found.kept)} of the "
            f"values remain, {format_percent(found.coverage)} of the input is seen"]


def _format_pixel_size(place: PlaceFacts | None) -> str:
    """How large a pixel is in the world: 30 x 30 metre, EPSG:32633."""
    if place is None:
        return ""
    sizes = [f"{length:.6g}" for length in place.pixel_size.values()]
    units = list(place.units.values()) or [place.unit or ""]
    if len(set(units)) > 1:
        sizes, units = [f"{size} {unit}" for size, unit in zip(sizes, units, strict=True)], [""]
    return printable(f"{' x '.join(sizes)} {units[0]}".rstrip() + (f", {place.crs}" if place.crs else ""))


def _format_amount(values: int, dtype: str, size: int) -> str:
    """How many values of which type, and how many bytes."""
    return f"{values:,} {dtype}, {format_bytes(size)}"


def _describe_unread(stage: StageSurvey) -> list[str]:
    """What no window reaches, and what would."""
    missing = [f"{one.axis} {_format_places(one)}" for one in stage.by_axis if one.uncovered]
    if not missing:
        return []
    ways = [f"{one.change} ({format_shape(one.output_shape)})" for one in stage.remedies]
    return [f"no window reaches {', '.join(missing)}; {' or '.join(ways) or 'only other windows'} would"]


def _format_places(one: AxisSurvey) -> str:
    """Which samples: 223 of 0-223."""
    shown = [str(first) if stop == first + 1 else f"{first}-{stop - 1}" for first, stop in one.uncovered_at[:3]]
    more = ", ..." if len(one.uncovered_at) > len(shown) else ""
    return f"{', '.join(shown)}{more} ({one.uncovered:,} of {one.input:,})"


def _list_problems(found: Survey) -> list[str]:
    """A line for each stage that leaves something out."""
    return [f"strict: stage {number}, {stage.stage}: {text}" for number, stage in enumerate(found.stages, 1)
            for text in _describe_unread(stage)]


def _make_target_table(found: _TargetSettings) -> Any:
    """Settings, the best first."""
    rows = [(one.options, format_percent(one.coverage), format_axes([str(n) for n in one.uncovered.values()]),
             f"{one.coverage + one.overlap:.3g} x") for one in found.settings]
    return make_table((f"{format_shape(found.input_shape)} -> {format_shape(found.target)}", "read", "uncovered",
                       "reads"), rows)


def _list_options() -> Sequence[Any]:
    """The options of this command; --layout and --dtype say what the input is, not what each stage makes of it."""
    return [options.option("--target", type=_parse_target, metavar="LENGTHS",
                           help="List the plain settings that give this output: 112x112, a length a pooled axis; with "
                                "-k, -s, --padding or --ceil only those that have it; behind stages, "
                                "from what they leave."),
            options.flag("--strict", help="End with exit code 1 where any sample is in no window."),
            options.option("--layout", type=options.layout, metavar="LETTERS",
                           help="A letter for each axis of the input; N and C are kept, every other is pooled."),
            options.option("--dtype", type=options.choice(DTYPES), metavar="TYPE",
                           help=f"The type of a SHAPE's values. Default {_DTYPE}.")]


_STUDY = Study(
    "plan", "What a chain of poolings makes of a shape or a file, without touching a pixel.",
    ['poolcli plan 224x224x3 "max -k 3 -s 2 --padding 1" "avg -k 2"', "poolcli plan 1x64x56x56 --layout NCHW max -k 2",
     'poolcli plan image.png --strict "max -k 3 -s 2"', "poolcli plan 225x225 --target 112x112 -k 3",
     'poolcli plan 448x448 "avg -k 2" --target 112x112'],
    _answer, _list_options(), usage="SHAPE|FILE [STAGE]...", default=(),
    files=[one for one in file_options() if one.name != "overwrite"])
command = _STUDY.command()
