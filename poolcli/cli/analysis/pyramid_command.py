"""``poolcli pyramid``: every level in a file, all in one TIFF, or in one array."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ...errors import OptionError
from ...files.formats import split_ending
from ...files.paths import output_paths
from ...redact import printable
from .. import options, param_types
from ..display.formatting import format_shape
from ..display.levels_table import WrittenLevels, plain_text, render_levels
from ..display.study_output import make_table
from .chain_command import SAMPLES
from .context import STDIO, Answer, StudyContext, file_errors
from .pyramid_files import (
    LEVEL,
    TIFF,
    PyramidTask,
    check_targets,
    default_name,
    get_stage,
    is_single_output,
    name_outputs,
    prepare_task,
    write_files,
)
from .pyramid_stores import is_chunked
from .pyramid_stores import write_store as in_group
from .study import Study, output_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True)
class _WholePyramid:
    """All levels in one array."""

    input: str
    output: str
    reducer: str
    axes: str
    levels: tuple[tuple[int, ...], ...]
    """Their shapes, or the grids' of a spatial pyramid."""
    shape: tuple[int, ...]
    dtype: str


def _answer(asked: StudyContext) -> Answer:
    """Levels, hypercolumn or vector, as asked."""
    if asked.given["hypercolumn"] and asked.given["spp"]:
        raise OptionError("spp", "and --hypercolumn exclude each other; one of them would work")
    if asked.given["spp"] and asked.given["scheduler"] is not None:
        raise OptionError("scheduler", "takes the chunks of one group, and --spp makes one vector; without it that "
                                       "would work")
    return _make_spatial(asked) if asked.given["spp"] else _write_levels(asked)


def _write_levels(asked: StudyContext) -> Answer:
    """Every level in a file of its own, all in one TIFF, or upsampled in one array."""
    name = asked.the_file()
    column = asked.given["hypercolumn"]
    if asked.given["cog"] and (column or asked.output is None or not asked.output.lower().endswith(TIFF)):
        raise OptionError("cog", "is one .tif with all levels; -o NAME.tif would work")
    if is_chunked(name, asked.output) and not column:
        return in_group(asked, name)
    if asked.given["scheduler"] is not None:
        raise OptionError("scheduler", "takes the chunks of one group; an output that ends in .zarr would work")
    output_paths.check_fields("output", asked.output, (LEVEL.strip("{}"), *output_paths.FIELDS))
    ending = "_hypercolumn.npy" if column else f"_level{LEVEL}{split_ending(name)[1]}"
    output = asked.output or default_name(name, ending)
    task = prepare_task(asked, name, output)
    if column:
        return _make_hypercolumn(task, output)
    outputs = (output,) * len(task.level_plans) if is_single_output(output) else name_outputs(output, name, task)
    with file_errors(name):
        check_targets(task, output, outputs)
        made, lost = write_files(task, output, outputs)
    notes = (*task.notes(outputs), *lost)
    return Answer(WrittenLevels(name, task.pooling.reducer.name, task.letters, made), lambda: render_levels(made),
                  notes)


# All in one array.


def _make_hypercolumn(task: PyramidTask, output: str) -> Answer:
    """All levels at the input's size."""
    from ...analysis.pyramid.hypercolumn import stack_levels
    from ...analysis.pyramid.pyramid import iterate_levels

    with file_errors(task.name):
        made = [one[0] for one in iterate_levels(task.array, task.pooling, iter(task.level_plans), task.rules)]
        whole = stack_levels(made, task.level_plans[0].step.axes)
    shapes = tuple(level.values.shape for level in made)
    return _write_array(task.asked, task.name, output, task.letters, shapes, whole, task.pooling.reducer.name, "level")


def _make_spatial(asked: StudyContext) -> Answer:
    """One vector."""
    from ...analysis.pyramid.hypercolumn import spp

    name = asked.the_file()
    for given in ("levels", "smallest", "how", *SAMPLES):
        if asked.given[given] is not None:
            raise OptionError(given if given != "how" else "exact", "goes with levels, and --spp has grids")
    stage = get_stage(asked, "max")
    output = asked.output or default_name(name, "_spp.npy")
    loaded, bins = asked.load(name), asked.given["spp"]
    with file_errors(name):
        layout = asked.given["layout"] or loaded.layout
        vector = spp(loaded.array, (stage.reducer, stage.keywords), bins=bins, layout=layout)
    from ...core.axes import resolve

    letters = resolve(loaded.array.shape, layout).letters
    grids = tuple((count,) * sum(letter not in "NC" for letter in letters) for count in bins)
    return _write_array(asked, name, output, letters, grids, vector, stage.reducer, "grid")


def _write_array(asked: StudyContext, name: str, output: str, letters: str, shapes: tuple[tuple[int, ...], ...],
                 whole: Array,
                 reducer: str, title: str) -> Answer:
    """Write it as an array."""
    if output != STDIO and not output.lower().endswith((".npy", ".npz")):
        raise OptionError("output", f"{printable(output)}: an array goes into .npy; another ending would work")
    asked.write(output, whole)
    found = _WholePyramid(name, output, reducer, letters, shapes, whole.shape, whole.dtype.name)
    rows = [(format_shape(one),) for one in shapes]
    return Answer(found, lambda: [make_table((title,), rows), plain_text(
        f"{printable(output)}: {format_shape(found.shape)} {found.dtype}")])


def _parse_bins(text: str) -> tuple[int, ...]:
    """1,2,4."""
    return tuple(param_types.positive(part) for part in text.split(","))


def _list_options() -> list[click.Option]:
    """The options of this command."""
    return [
        options.option("--levels", type=param_types.positive, metavar="N",
                       help="How many levels. Default: all there are."),
        options.option("--smallest", type=param_types.positive, metavar="N",
                       help="As long as all sides have N samples."),
        click.Option(["--exact", "how"], flag_value="exact",
                     help="Every level straight from the input. Default for averages, sums, extremes and norms."),
        click.Option(["--repeated", "how"], flag_value="repeated", help="Every level from the one before, unrounded."),
        options.flag("--cog", help="Write a cloud-optimised GeoTIFF: tiles, overviews, directories first."),
        *(one for one in options.valid_samples() if one.name in SAMPLES),
        options.place(), options.compress(),
        options.option("--scheduler", metavar="WHERE", help="Make the levels of a .zarr on a Dask cluster: "
                       "tcp://host:8786, a scheduler file, or local."),
        options.flag("--hypercolumn", help="All levels at the input's size, stacked as channels, in one .npy."),
        options.option("--spp", type=_parse_bins, metavar="M,M,...",
                       help="Spatial pyramid pooling: adaptive poolings to 1,2,4 windows a side, as one vector; max "
                            "unless a stage says otherwise."),
        output_option("A FOLDER/, a pattern with {level} {stem} {ext} {parent}, one .tif or .zarr for all levels, or - "
                      "for .npy after .npy. Default: {stem}_level{level}{ext} beside the input."),
        options.option("--layout", type=options.layout, metavar="LETTERS",
                       help="A letter for each axis; N and C are kept, every other is pooled.")]


_STUDY = Study(
    "pyramid", "An array pooled again and again; averages stay exact at every level.",
    ["poolcli pyramid photo.jpg --levels 4 -o levels/", "poolcli pyramid scan.tif -k 2 --smallest 256 -o pyramid.tif",
     "poolcli pyramid labels.png mode --levels 3", "poolcli pyramid dem.tif --mask clear.png -o levels/",
     "poolcli pyramid image.png --levels 3 --hypercolumn -o columns.npy",
     "poolcli pyramid maps.npy --layout NCHW --spp 1,2,4"], _answer, _list_options(), default=(), formats=())
command = _STUDY.command()
