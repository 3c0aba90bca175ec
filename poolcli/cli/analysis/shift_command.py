"""``poolcli shift``: how stable poolings are when the picture moves, and what their strides fold back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...analysis.defaults import note_other_scale
from ...errors import PoolError
from ...redact import printable
from .. import options, param_types
from ..display.formatting import format_shape
from ..display.study_output import make_table
from .compare_command import default_calls
from .context import STDIO, Answer, StudyContext, apply_layout, file_errors
from .study import Study, output_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analysis.shift.shift import Shifts, Stability


def _answer(asked: StudyContext) -> Answer:
    """Measure, and draw the heat maps if they are wanted."""
    from ...analysis.shift.shift import shift

    name, stages = asked.the_file(), asked.stages or default_calls(asked.shared)
    loaded = asked.load(name)
    stages = apply_layout(stages, loaded)
    with file_errors(name):
        found = shift(loaded.array, stages, max_shift=asked.given["max_shift"], crop=asked.given["crop"])
    notes = [*loaded.source.notes, *_list_notes(found)]
    if asked.output:
        with file_errors(asked.output):
            drawn = _write_maps(found, asked.output)
        notes += asked.write(asked.output, drawn)
    return Answer(found, lambda: _render(name, found), tuple(notes))


def _write_maps(found: Shifts, target: str) -> NDArray[Any]:
    """The heat maps: as a sheet, or for .npy and - as numbers (stages, h, w)."""
    import numpy as np

    if target != STDIO and Path(target).suffix.lower() != ".npy":
        return found.sheet()
    if len({row.heat.shape for row in found.rows}) > 1:
        raise PoolError("the maps have different sizes, which one array cannot hold; poolings of one stride, or "
                        "a .png, would work")
    return np.stack([row.heat for row in found.rows])


def _list_notes(found: Shifts) -> list[str]:
    """What one should know of the numbers."""
    scale = note_other_scale([row.reducer for row in found.rows])
    part = (f"looked at the middle {format_shape(found.looked_at)} of {format_shape(found.shape)}; "
            "--crop N takes another size")
    return ([scale] if scale else []) + ([] if found.whole else [part])


def _render(name: str, found: Shifts) -> list[Any]:
    """The ranking, and what blurs would gain."""
    from ..display.report_table import text

    head = f"{printable(name)}  {format_shape(found.looked_at)} {found.dtype}; the range is {found.span:.6g}"
    ranks = sorted(found.rows, key=lambda row: (row.rank is None, row.rank))
    titles = ("rank", "pooling", "folds", "changes", "worst", "same", "commutes")
    made = [text(head), make_table(titles, [_format_cells(row) for row in ranks], left=2)]
    if any(len(row.by_shift) > 1 for row in ranks):
        farthest = sorted({distance for row in ranks for distance, _ in row.by_shift})
        made += [text("\nchanges by shift"), _tabulate_distances(ranks, _thin_out(farthest))]
    return [*made, text("\nchanges if blurred before the stride, by taps"), _tabulate_gains(ranks)]


def _thin_out(numbers: Sequence[int], most: int = 6) -> list[int]:
    """Some of many, the first and the last among them."""
    if len(numbers) <= most:
        return list(numbers)
    return sorted({numbers[round(i * (len(numbers) - 1) / (most - 1))] for i in range(most)})


def _format_cells(row: Stability) -> tuple[str, ...]:
    """A row of the ranking."""
    return ("-" if row.rank is None else str(row.rank), printable(row.stage), _format_share(row.aliasing),
            _format_share(row.score),
            _format_share(row.worst), _format_share(row.unchanged),
            "-" if row.equivariance is None else "exact" if row.equivariance == 0 else f"off by {row.equivariance:.3g}")


def _tabulate_distances(rows: Sequence[Stability], distances: Sequence[int]) -> Any:
    """The score of each distance."""
    return make_table(("pooling", *(str(distance) for distance in distances)),
                 [(printable(row.stage), *(_format_share(dict(row.by_shift).get(distance)) for distance in distances))
                  for row in rows])


def _tabulate_gains(rows: Sequence[Stability]) -> Any:
    """The score without a blur and with each."""
    taps = sorted({blur.taps for row in rows for blur in row.blurred})
    return make_table(("pooling", "none", *map(str, taps)), [
        (printable(row.stage), _format_share(row.score),
         *(_format_share({blur.taps: blur.score for blur in row.blurred}.get(count)) for count in taps))
         for row in rows])


def _format_share(value: float | None) -> str:
    """Percent in three digits; the unit is said once, by the sign."""
    if value is None:
        return "-"
    return f"{100 * value:.3g}%" if value == 0 or value >= 1e-5 else "<.001%"


def _list_options() -> Sequence[Any]:
    """The options of this command."""
    return [output_option("Write heat maps of what is unstable: a sheet, or with .npy the numbers."),
            options.option("--max-shift", type=param_types.positive, metavar="N",
                           help="Shift by 0 to N samples. Default: all phases, 0 to stride - 1."),
            options.option("--crop", type=param_types.positive, metavar="N",
                           help="Look at N samples of each axis, the middle. Default: 1024 of two axes, fewer for "
                                "large windows.")]


_STUDY = Study(
    "shift", "How stable poolings are when the picture moves, and what their strides fold back.",
    ["poolcli shift photo.jpg", 'poolcli shift photo.jpg -k 4 max avg "blur -k 8 -s 4" -o heat.png',
     "poolcli shift maps.npz --key early --layout NCHW --max-shift 4 max --json"],
    _answer, _list_options(), usage="FILE [STAGE]...", default=())
command = _STUDY.command()
