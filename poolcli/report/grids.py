"""A small array and its result, cell by cell: where windows part, and which samples they picked."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

from .previews import short
from .records import CellGrid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..core.plans import Plan
    from ..core.reducers import Reducer
    from ..core.windows import Windows

    Array = NDArray[Any]

_MOST_CELLS_AN_AXIS = 16
"""Rows and columns up to which an input is shown whole beside its result, on a screen of 24 lines."""


def list_cells(array: Array, values: Array, plan: Plan, reducer: Reducer) -> CellGrid | None:
    """Return the cells of a small array of one or two pooled axes and of its result; None for any other."""
    if not 1 <= array.ndim <= 2 or len(plan.windows) != array.ndim or not 0 < max(array.shape) <= _MOST_CELLS_AN_AXIS:
        return None
    if not array.size or not values.size:
        return None
    before, after = _in_rows(array), _in_rows(values.reshape(plan.full_shape))
    disjoint = all(map(_is_disjoint, plan.windows))
    cuts = [_find_cuts(windows) if disjoint else () for windows in plan.windows]
    rows, columns = cuts if len(cuts) == 2 else ((), cuts[0])
    picks = reducer.picks and not reducer.draws and disjoint
    winners = frozenset(_find_winners(before, after, plan.windows)) if picks else frozenset()
    return CellGrid(_format_cells(before), _format_cells(after), rows, columns, winners)


def _in_rows(array: Array) -> Array:
    return array if array.ndim == 2 else array.reshape(1, -1)


def _format_cells(array: Array) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(short(value) for value in row) for row in array.tolist())


def _is_disjoint(windows: Windows) -> bool:
    """Tell whether windows lie one behind the other, without gaps between their samples."""
    first, count = windows.present
    return bool(windows.step == 1 and (first[1:] >= first[:-1] + count[:-1]).all())


def _find_cuts(windows: Windows) -> tuple[int, ...]:
    """Where a window begins or ends within an axis."""
    first, count = windows.present
    return tuple(sorted({*first.tolist(), *(first + count).tolist()} - {0, windows.length}))


def _find_winners(before: Array, after: Array, windows: tuple[Windows, ...]) -> list[tuple[int, int]]:
    """The first sample of each window that equals its result, by row and column."""
    import numpy as np

    found = [[slice(a, a + n) for a, n in zip(*map(np.ndarray.tolist, one.present), strict=True)] for one in windows]
    rows, columns = found if len(found) == 2 else ([slice(0, 1)], found[0])
    winners = []
    for (i, high), (j, wide) in product(enumerate(rows), enumerate(columns)):
        same = np.argwhere(before[high, wide] == after[i, j])
        if len(same):
            winners.append((high.start + int(same[0, 0]), wide.start + int(same[0, 1])))
    return winners
