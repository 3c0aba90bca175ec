"""``poolcli fractions``: the share of each class in each window, as channels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from ..errors import OptionError, PoolError
from ..redact import printable
from . import options, param_types
from .analysis.chain_command import SAMPLES
from .analysis.context import STDIO, Answer, FileError, StudyContext, file_errors, name_output
from .analysis.explain_command import load_sample_rules
from .analysis.study import Study, output_option
from .display.study_output import make_table

if TYPE_CHECKING:
    from ..analysis.fractions import ClassFractions
    from ..core.place import Place
    from ..files import Loaded

_OF = ("valid", "window")


@dataclass(frozen=True)
class _FractionsReport:
    """What was read, which classes there are, and what was written."""

    input: str
    output: str
    of: str
    counts: bool
    classes: tuple[int | float, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    layout: str
    output_dtype: str
    means: tuple[float | None, ...]
    """Of each class, over all windows with samples; None where there are none."""
    values: Any
    """The result, when it is small."""


def _answer(asked: StudyContext) -> Answer:
    """Read, find, write."""
    from ..analysis.fractions import find_fractions
    from ..analysis.stages import as_stage
    from ..report import MOST_VALUES

    if asked.stages:
        raise OptionError("STAGE", "takes windows, and no pooling; poolcli fractions labels.png -k 10 would work")
    name, given = asked.the_file("labels.png"), asked.given
    target = _check_output(asked)
    loaded = asked.load(name, indexed=True, keeps_nodata=True)
    stage, notes = as_stage("avg", asked.shared), loaded.source.notes
    if loaded.source.nodata is not None and "nodata" not in stage.keywords and given.get("nodata") != options.NO_NODATA:
        from ..batch.run_in_memory import nodata_note

        stage = replace(stage, keywords={**stage.keywords, "nodata": loaded.source.nodata})
        notes = (*notes, nodata_note(loaded.source.nodata))
    rules = load_sample_rules(asked, stage.pooling, stage.pooling.plan(loaded.array.shape, loaded.layout))
    found = find_fractions(loaded.array, stage.pooling, given["classes"], of=given["of"] or _OF[0],
                           counts=given["counts"], limit=given["limit"] or 256, layout=loaded.layout, rules=rules)
    lost = _write(asked, target, found, loaded)
    report = _FractionsReport(name, target, given["of"] or _OF[0], given["counts"], found.classes, loaded.array.shape,
                              found.values.shape, found.letters, found.values.dtype.name, _find_means(found),
                              found.values if found.values.size <= MOST_VALUES else None)
    return Answer(report, lambda: _render(report), (*notes, *lost))


def _find_means(found: ClassFractions) -> tuple[float | None, ...]:
    """The mean of each class over the windows that have samples."""
    import numpy as np

    planes = (found.values[..., i][~np.isnan(found.values[..., i])] for i in range(len(found.classes)))
    return tuple(float(plane.mean(dtype=np.float64)) if plane.size else None for plane in planes)


def _name_outputs(asked: StudyContext) -> list[str]:
    """The output's name: beside the input a TIFF of a TIFF, else .npy, since few pictures hold shares."""
    name = asked.the_file("labels.png")
    is_tiff = name.lower().endswith((".tif", ".tiff"))
    pattern = "{stem}_fractions" + (name[name.rfind("."):] if is_tiff else ".npy")
    return [name_output(name, asked.output, pattern, "fractions")]


def _check_output(asked: StudyContext) -> str:
    """The output's name, which can be written."""
    found, = _name_outputs(asked)
    asked.check_outputs(asked.the_file("labels.png"), {"output": found})
    return found


def _write(asked: StudyContext, target: str, found: ClassFractions, loaded: Loaded) -> tuple[str, ...]:
    """Write the result, in its place, with a name for each band where the format has such."""
    from .. import files

    source = replace(loaded.source, mode=None, palette=None, nodata=None, metadata=None, pages=None, axes=(),
                     place=_place_classes(loaded.source.place, found))
    if target != STDIO and not files.format_of(target).is_array:
        if found.letters != "HWC":
            raise FileError(target, PoolError(f"{found.letters} is no picture, which has the axes HWC; .npy would "
                                              "work"))
        with file_errors(target):
            files.holds(files.format_of(target), found.values.dtype, found.values.shape, None)
    return asked.write(target, found.values, None if target == STDIO else source)


def _place_classes(place: Place | None, found: ClassFractions) -> Place | None:
    """Where the result lies: as a pooling of the input, with one more axis that names the classes."""
    if place is None:
        return None
    from ..files.georef.geotiff import place_bands

    return place_bands(place, found.plan, found.letters, [f"class {one}" for one in found.classes])


def _render(found: _FractionsReport) -> list[Any]:
    """What was done, and a row for each class."""
    from ..core.axes import describe
    from ..report import short
    from .display.report_table import text

    what = "samples" if found.counts else f"share of {'all' if found.of == 'window' else 'valid'} samples"
    head = (f"{printable(found.input)} -> {printable(found.output)}: {describe(found.input_shape)} -> "
            f"{describe(found.output_shape)} {found.layout}, {found.output_dtype}")
    rows = [(str(i), str(one), "-" if mean is None else short(mean))
            for i, (one, mean) in enumerate(zip(found.classes, found.means, strict=True))]
    return [text(head), make_table(("channel", "class", f"mean {what}"), rows)]


def _parse_classes(text: str) -> tuple[int | float, ...]:
    """Numbers joined by commas."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise click.BadParameter(f"{param_types.quote_input(text)} is no list of classes; 1,2,5 would work")
    return tuple(param_types.number(part) for part in parts)


_STUDY = Study(
    "fractions", "The share of each class in each window, a channel for each class.",
    ["poolcli fractions labels.png -k 10 -o shares.npy",
     "poolcli fractions landcover.tif -k 30 --classes 1,2,5 -o shares.tif",
     "poolcli fractions tiles/ -k 10 --classes 1,2,5 --mask 'masks/{stem}.png' -o shares/",
     "poolcli fractions labels.npy --adaptive 8 --counts --of window --json -o counts.npy"],
    _answer, usage="FILE...", default=(), formats=(), name_outputs=_name_outputs,
    options=[options.option("--classes", type=_parse_classes, metavar="LIST",
                            help="Which classes, in this order: 1,2,5. Default: all that occur, in each "
                                 "file by itself."),
             options.option("--of", type=options.choice(_OF), metavar="WHAT",
                            help="What a share is a share of: valid (samples that are not missing, the default), or "
                                 "window (all of a window's samples)."),
             options.flag("--counts", help="Numbers of samples in place of shares: int64, exact."),
             options.option("--limit", type=param_types.positive, metavar="N",
                            help="The most classes that may occur, where none are named. Default 256."),
             *(one for one in options.valid_samples() if one.name in SAMPLES),
             output_option("A file, a FOLDER/, a pattern with {stem}, or - for stdout. Default: {stem}_fractions.npy "
                           "beside the input, of a TIFF a TIFF.")])
command = _STUDY.command()
