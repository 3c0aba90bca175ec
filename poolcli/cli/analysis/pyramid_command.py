"""``poolcli pyramid``: every level in a file, all in one TIFF, or in one array."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...errors import OptionError
from ...files.paths import output_paths
from ...redact import printable
from .. import grammar, options
from .context import STDIO, Answer, Asked, failing
from .display.formatting import sides
from .display.levels_table import Levels, line, shown
from .display.output import table
from .pyramid_files import LEVEL, Task, check, default, in_one, named, prepared, the_stage, written
from .pyramid_stores import in_chunks
from .pyramid_stores import levels as in_group
from .study import Study, output_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


@dataclass(frozen=True)
class Whole:
    """All levels in one array."""

    input: str
    output: str
    reducer: str
    axes: str
    levels: tuple[tuple[int, ...], ...]
    """Their shapes, or the grids' of a spatial pyramid."""
    shape: tuple[int, ...]
    dtype: str


def look(asked: Asked) -> Answer:
    """Levels, hypercolumn or vector, as asked."""
    if asked.given["hypercolumn"] and asked.given["spp"]:
        raise OptionError("spp", "and --hypercolumn exclude each other; one of them would work")
    return spatial(asked) if asked.given["spp"] else levels(asked)


def levels(asked: Asked) -> Answer:
    """Every level in a file of its own, all in one TIFF, or upsampled in one array."""
    name = asked.the_file()
    column = asked.given["hypercolumn"]
    if in_chunks(name, asked.output) and not column:
        return in_group(asked, name)
    output_paths.check_fields("output", asked.output, (LEVEL.strip("{}"), *output_paths.FIELDS))
    output = asked.output or default(name, "_hypercolumn.npy" if column else f"_level{LEVEL}{Path(name).suffix}")
    task = prepared(asked, name, output)
    if column:
        return hypercolumn(task, output)
    outputs = (output,) * len(task.ladder) if in_one(output) else named(output, name, task)
    with failing(name):
        check(task, outputs)
        made = written(task, output, outputs)
    return Answer(Levels(name, task.pooling.reducer.name, task.letters, made), lambda: shown(made), task.notes(outputs))


# All in one array.


def hypercolumn(task: Task, output: str) -> Answer:
    """All levels at the input's size."""
    from ...analysis.pyramid.hypercolumn import stacked
    from ...analysis.pyramid.pyramid import each_level

    with failing(task.name):
        made = [level for level, _ in each_level(task.array, task.pooling, iter(task.ladder))]
        whole = stacked(made, task.ladder[0].step.axes)
    shapes = tuple(level.values.shape for level in made)
    return in_array(task.asked, task.name, output, task.letters, shapes, whole, task.pooling.reducer.name, "level")


def spatial(asked: Asked) -> Answer:
    """One vector."""
    from ...analysis.pyramid.hypercolumn import spp

    name = asked.the_file()
    for given in ("levels", "smallest", "how"):
        if asked.given[given] is not None:
            raise OptionError(given if given != "how" else "exact", "goes with levels, and --spp has grids")
    stage = the_stage(asked, "max")
    output = asked.output or default(name, "_spp.npy")
    loaded, bins = asked.load(name), asked.given["spp"]
    with failing(name):
        layout = asked.given["layout"] or loaded.layout
        vector = spp(loaded.array, (stage.reducer, stage.keywords), bins=bins, layout=layout)
    from ...core.axes import resolve

    letters = resolve(loaded.array.shape, layout).letters
    grids = tuple((count,) * sum(letter not in "NC" for letter in letters) for count in bins)
    return in_array(asked, name, output, letters, grids, vector, stage.reducer, "grid")


def in_array(asked: Asked, name: str, output: str, letters: str, shapes: tuple[tuple[int, ...], ...], whole: Array,
             reducer: str, title: str) -> Answer:
    """Write it as an array."""
    if output != STDIO and not output.lower().endswith((".npy", ".npz")):
        raise OptionError("output", f"{printable(output)}: an array goes into .npy; another ending would work")
    asked.write(output, whole)
    found = Whole(name, output, reducer, letters, shapes, whole.shape, whole.dtype.name)
    rows = [(sides(one),) for one in shapes]
    return Answer(found, lambda: [table((title,), rows), line(
        f"{printable(output)}: {sides(found.shape)} {found.dtype}")])


def grids(text: str) -> tuple[int, ...]:
    """1,2,4."""
    return tuple(grammar.positive(part) for part in text.split(","))


def own() -> list[click.Option]:
    """The options of this command."""
    return [
        options.option("--levels", type=grammar.positive, metavar="N", help="How many levels. Default: all there are."),
        options.option("--smallest", type=grammar.positive, metavar="N", help="As long as all sides have N samples."),
        click.Option(["--exact", "how"], flag_value="exact",
                     help="Every level straight from the input. Default for averages, sums, extremes and norms."),
        click.Option(["--repeated", "how"], flag_value="repeated", help="Every level from the one before, unrounded."),
        options.flag("--hypercolumn", help="All levels at the input's size, stacked as channels, in one .npy."),
        options.option("--spp", type=grids, metavar="M,M,...",
                       help="Spatial pyramid pooling: adaptive poolings to 1,2,4 windows a side, as one vector; max "
                            "unless a stage says otherwise."),
        output_option("A FOLDER/, a pattern with {level} {stem} {ext} {parent}, one .tif or .zarr for all levels, or - "
                      "for .npy after .npy. Default: {stem}_level{level}{ext} beside the input."),
        options.option("--layout", type=options.layout, metavar="LETTERS",
                       help="A letter for each axis; N and C are kept, every other is pooled.")]


STUDY = Study(
    "pyramid", "An array pooled again and again; averages stay exact at every level.",
    ["poolcli pyramid photo.jpg --levels 4 -o levels/", "poolcli pyramid scan.tif -k 2 --smallest 256 -o pyramid.tif",
     "poolcli pyramid labels.png mode --levels 3", "poolcli pyramid image.png --levels 3 --hypercolumn -o columns.npy",
     "poolcli pyramid maps.npy --layout NCHW --spp 1,2,4"], look, own(), default=(), formats=())
command = STUDY.command()
