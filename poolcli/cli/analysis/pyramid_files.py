"""From a file to the files of its levels: all is planned and all names are checked before the first is made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...analysis.stages import Stage, as_stage
from ...errors import OptionError, PoolError
from ...files.formats import find_format, split_ending
from ...files.paths import urls
from ...redact import printable
from .. import options
from ..display.levels_table import WrittenLevel
from .context import STDIO, StudyContext, file_errors
from .explain_command import load_sample_rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analysis.pyramid.pyramid import Level
    from ...analysis.pyramid.pyramid_plan import LevelPlan
    from ...files import Format, Loaded
    from ...pooling import Pooling
    from ...valid_samples import SampleRules

    Array = NDArray[Any]

LEVEL = "{level}"
TIFF = (".tif", ".tiff")


@dataclass(frozen=True)
class PyramidTask:
    """The input, what is done to it, and the plans of all levels."""

    asked: StudyContext
    name: str
    loaded: Loaded
    array: Array
    pooling: Pooling
    layout: str | None
    level_plans: tuple[LevelPlan, ...]
    rules: SampleRules | None = None
    """Which samples of the input count."""

    def notes(self, outputs: Sequence[str]) -> tuple[str, ...]:
        """What is worth knowing of the input, and of outputs that are not read back as they were written."""
        from ... import files
        rows = set(map(find_format, outputs))
        settled = {row.name: (row, files.settle_encoding(row, files.Encoding(), self.loaded.source.lossy))
                   for row in rows if row is not None}
        lossy = sorted((name, encoding.quality) for name, (row, encoding) in settled.items()
                       if files.is_lossy(row, encoding))
        return (*self.loaded.source.notes, *(f"lossy: {name} of quality {quality}" for name, quality in lossy))

    @property
    def letters(self) -> str:
        """The axes."""
        return self.level_plans[0].step.axes.letters


def get_stage(asked: StudyContext, default: str) -> Stage:
    """The stage that was typed, or a default one with the command's own options."""
    return asked.the_stage() if asked.stages else as_stage(default, asked.shared)


def default_name(name: str, ending: str) -> str:
    """A name beside the input."""
    if name == STDIO:
        raise OptionError("output", "is needed where - is the input; -o FOLDER/ would work")
    if urls.find_protocol(name) in urls.WEB:
        raise OptionError("output", "is needed where the input is on the web, which takes no files; -o FOLDER/ would "
                                    "work")
    # the name as text: a Path would make one slash of the two in s3://
    return split_ending(name)[0] + ending


def is_single_output(output: str) -> bool:
    """Whether all levels go into one file, or one after another down a pipe."""
    return output == STDIO or (output.lower().endswith(TIFF) and LEVEL not in output)


def prepare_task(asked: StudyContext, name: str, output: str) -> PyramidTask:
    """Read and plan; a picture as output has its input's dtype, and so has a hypercolumn of a picture."""
    from ...analysis.pyramid.pyramid_plan import plan_levels
    from ...batch.run_chain import for_picture
    from ...files import ENDINGS

    stage = get_stage(asked, "avg")
    loaded = asked.load(name, indexed=stage.pooling.reducer.suits_labels and not asked.given["hypercolumn"],
                        keeps_nodata=True)
    loaded, stage = _with_file_nodata(asked, loaded, stage)
    array, column = loaded.array, asked.given["hypercolumn"]
    ending = Path(output if Path(output).suffix or output == STDIO else name).suffix.lower()
    if loaded.source.mode is not None if column else ending in ENDINGS and not ENDINGS[ending].is_array:
        array, (stage,) = for_picture(array, (stage,))
    pooling = replace(stage.pooling, fills_nodata=loaded.source.nodata is not None)
    layout = asked.given["layout"] or loaded.layout
    exact = {"exact": True, "repeated": False}.get(asked.given["how"])
    with file_errors(name):
        level_plans = tuple(plan_levels(array.shape, pooling, levels=asked.given["levels"], exact=exact, layout=layout,
                                        smallest=asked.given["smallest"]))
        rules = load_sample_rules(asked, pooling, level_plans[0].step)
    return PyramidTask(asked, name, loaded, array, pooling, layout, level_plans, rules)


def _with_file_nodata(asked: StudyContext, loaded: Loaded, stage: Stage) -> tuple[Loaded, Stage]:
    """Take the nodata value that the file names, where the stage does not say its own, and note that."""
    from ...batch.run_in_memory import nodata_note

    source = loaded.source
    if asked.given["place"] == "none":
        source = replace(source, place=None)
    if source.nodata is None or asked.given.get("nodata") == options.NO_NODATA:
        return replace(loaded, source=replace(source, nodata=None)), stage
    if "nodata" in stage.keywords:
        return replace(loaded, source=replace(source, nodata=stage.pooling.nodata)), stage
    source = replace(source, notes=(*source.notes, nodata_note(source.nodata)))
    return replace(loaded, source=source), replace(stage, keywords={**stage.keywords, "nodata": source.nodata})


def name_outputs(output: str, name: str, task: PyramidTask) -> tuple[str, ...]:
    """The output of each level from 1 on."""
    from ...files.paths.output_paths import OutputNamer, is_folder

    if is_folder(output):
        source = Path("stdin.npy" if name == STDIO else urls.strip_query(name))
        stem, suffix = split_ending(source.name)
        return tuple(f"{_as_folder(output)}{stem}_level{level_plan.number}{suffix}" for level_plan in task.level_plans)
    if LEVEL not in output and len(task.level_plans) > 1:
        raise OptionError("output", f"{printable(output)} takes one level, and there are {len(task.level_plans)}; "
                                    f"{LEVEL} in it, a folder with a slash at its end, or .tif for all in one would "
                                    "work")
    found = (OutputNamer(output.replace(LEVEL, str(level_plan.number)),
                         task.pooling.reducer.name)(name) for level_plan in task.level_plans)
    return tuple(one or STDIO for one in found)


def _as_folder(output: str) -> str:
    """A folder's name with one slash at its end; of a URL as it stands, where a Path would make one slash of two."""
    return output.rstrip("/") + "/" if urls.is_url(output) else f"{Path(output)}{os.sep}"


def check_targets(task: PyramidTask, output: str, targets: Sequence[str]) -> None:
    """Refuse, before any level is made, what cannot be written."""
    from ... import files
    from ...files.tiff.tiff_pyramid import check_pyramid

    dtype, overwrite = task.pooling.result_dtype(task.array.dtype), task.asked.given["overwrite"]
    for target, level_plan in zip(targets, task.level_plans, strict=True):
        if target == STDIO:
            continue
        with file_errors(target):
            task.asked.check_free(target)
            if Path(target).is_file() and not overwrite:
                raise PoolError("exists; --overwrite would work")
            if is_single_output(output):
                check_pyramid(_move_channels_last(level_plan.shape, task.letters), task.loaded.source.mode)
            else:
                row = _choose_format(task, target)
                shape = level_plan.shape if row.is_array else _move_channels_last(level_plan.shape, task.letters)
                files.holds(row, dtype, shape, task.loaded.source.mode)


def _choose_format(task: PyramidTask, target: str) -> Format:
    """The format of a level: of a hyperstack the .tif that it was."""
    from ... import files

    return files.choose_variant(files.format_of(target), task.loaded.source.place_kind)


def _move_channels_last(shape: Sequence[int], letters: str) -> tuple[int, ...]:
    """A shape with the axis C at its end."""
    return tuple(n for n, letter in zip(shape, letters, strict=True) if letter != "C") + tuple(
        n for n, letter in zip(shape, letters, strict=True) if letter == "C")


def _to_picture(values: Array, letters: str) -> Array:
    """An array with its channels last."""
    import numpy as np

    return np.moveaxis(values, letters.index("C"), -1) if "C" in letters else values


def _make_levels(task: PyramidTask, records: list[WrittenLevel], targets: Sequence[str]) -> Iterator[Level]:
    """The levels as they are made, each noted down."""
    from ...analysis.pyramid.pyramid import report_levels

    for level in report_levels(task.array, task.pooling, iter(task.level_plans), True, task.rules):
        target = None if level.number == 0 else targets[level.number - 1]
        records.append(WrittenLevel(level.number, level.values.shape, level.values.dtype.name, level.scale,
                                    level.offset,
                                    level.exact, level.drift, level.labels, target))
        yield level


def write_files(task: PyramidTask, output: str,
                targets: Sequence[str]) -> tuple[tuple[WrittenLevel, ...], tuple[str, ...]]:
    """Write each level as it is made; return what was made, and notes of what was lost."""
    from ...files import Encoding
    from ...files.tiff.tiff_pyramid import write_pyramid

    records: list[WrittenLevel] = []
    found = _make_levels(task, records, targets)
    if output != STDIO and is_single_output(output):
        with file_errors(output):
            lost = write_pyramid(output, (_to_picture(level.values, task.letters) for level in found), len(targets) + 1,
                                 task.loaded.source, encoding=Encoding(compress=task.asked.given["compress"]),
                                 overwrite=bool(task.asked.given["overwrite"]), cog=task.asked.given["cog"])
        return tuple(records), lost
    notes: dict[str, None] = {}
    place = task.loaded.source.place
    for level in found:
        if level.number:
            target = targets[level.number - 1]
            place = None if place is None else place.pool(task.level_plans[level.number - 1].step)
            array = target == STDIO or _choose_format(task, target).is_array
            lost = task.asked.write(target, level.values if array else _to_picture(level.values, task.letters),
                                    None if target == STDIO else replace(task.loaded.source, place=place),
                                    Encoding(compress=task.asked.given["compress"]))
            notes |= dict.fromkeys(lost)
    return tuple(records), tuple(notes)
