"""The irregular kernel: folds over windows of a few samples that lie at will (adaptive, fractional), of a few sizes.

Along a row, results of every size are made at every place, whether a window is there or not: samples are merged where
they lie (``unrolled.py``), with sizes as constants, so all of that is vector code. Then each window's result is picked
from the row of its size: the only step that is done one by one, half a cycle for a window. Avg of 2904 x 2904 windows
of 1 to 4 samples on 16 MP of float32 takes 5.6 ms; by rows that are folded for each size and kept (``rows.py``) 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..double_double import Buffer, fetch
from .finalizers import Output
from .fold_states import Scratch
from .rows import (
    A0,
    A1,
    D0,
    D1,
    H0,
    H1,
    INNER,
    LENGTH,
    OUT_D,
    OUT_H,
    OUT_W,
    ROW,
    SIZE,
    START,
    STEP_D,
    STEP_H,
    STRETCHES,
    D,
    H,
    W,
    fold_over,
    output_to,
)
from .unrolled import SampleGrid, clipped_window, column, few

_STRETCH = 4
_FIRST, _STOP, _LEFT, _WIDE = 0, 1, 2, 3
"""A stretch in its table: windows FIRST to STOP start within the WIDE pixels from LEFT on. Or, where WIDE is 0, window
FIRST, which is made alone, with STOP columns more than the smallest.
"""


def _fetch_lines(src: Buffer, at: int, rows: int, apart: int, n: int, line: int) -> None:
    """Ask memory for n samples of some rows, ``line`` of them at a time."""
    for j in range(rows):
        for i in range((n + line - 1) // line):
            fetch(src, at + j * apart + i * line)


def _lines_below(table_h: Buffer, j: int, stop: int) -> Any:
    """How many lines below those of window j the next one has; 0 where there is none."""
    if j + 1 == stop:
        return 0
    return table_h[ROW * (j + 1) + START] + table_h[ROW * (j + 1) + SIZE] - table_h[ROW * j] - table_h[ROW * j + SIZE]


def _end_places(grid: Any, at: int, n: int, kinds: int, share: float, share_of: Buffer, end: Any, output: Output,
                room: int) -> bool:
    """Results of windows of each of up to three sizes at n places, a row for each size."""
    n0, n1, n2 = share * share_of[0], share * share_of[min(1, kinds - 1)], share * share_of[kinds - 1]
    good = True
    for i in range(n):
        state = few(grid, column, at + i, grid.size)
        good &= end(state, n0, 0.5 / n0, output, i)
        if kinds > 1:
            state = grid.fold.merge(state, column(grid, at + i, grid.size))
            good &= end(state, n1, 0.5 / n1, output, room + i)
        if kinds > 2:
            state = grid.fold.merge(state, column(grid, at + i, grid.size + 1))
            good &= end(state, n2, 0.5 / n2, output, 2 * room + i)
    return good


def _pick(ended: Buffer, places: Buffer, k0: int, k1: int, inner: int, dst: Buffer, to: int) -> None:
    """dst[to :] = the results of windows k0 to k1, each from its place."""
    if inner == 1:
        for k in range(k0, k1):
            dst[to + k] = ended[places[k]]
    else:
        for k in range(k0, k1):
            for c in range(inner):
                dst[to + k * inner + c] = ended[places[k] * inner + c]


def _end_alone(grid: Any, at: int, rows: int, more: int, share: float, share_of: Buffer, end: Any, output: Output,
               to: int) -> bool:
    """Write one window, so near to the end of its line that a larger one would not fit."""
    n = share * share_of[more]
    good = True
    for c in range(grid.inner):
        state = clipped_window(grid, at + c, grid.deep, rows, grid.size + more)
        good &= end(state, n, 0.5 / n, output, to + c)
    return good


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool], deep: int, rows: int, more: int, size: int,
                kinds: int, line: int) -> Callable[..., int]:
    """Return the uneven kernel of one fold; as ``rows.make_kernel``.

    Windows have ``deep`` planes, ``rows`` lines, or with ``more`` one more of these, and ``size`` columns or up to
    ``kinds`` - 1 more. ``line`` samples fill a line of the cache.
    """

    def pool_uneven(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                    table_h: Buffer, places: Buffer, stretches: Buffer, share_d: Buffer, share_h: Buffer,
                    share_of: Buffer, params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer,
                    fourth: Buffer, fifth: Buffer, ended: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        fold = fold_over(lift, merge, load, save, scratch, geometry, nodata, 0, params)
        output = output_to(ended, fill, geometry, limits, params)
        final = output_to(dst, fill, geometry, limits, params)
        inner, room = geometry[INNER], geometry[LENGTH] * geometry[INNER]
        across, plane = geometry[W] * inner, geometry[H] * geometry[W] * inner
        fewer = SampleGrid(fold, src, geometry[STEP_D] * plane, geometry[STEP_H] * across, deep, rows, size, 1, inner,
                           0, 0, fold.scratch)
        longer = SampleGrid(fold, src, geometry[STEP_D] * plane, geometry[STEP_H] * across, deep, rows + more, size, 1,
                            inner, 0, 0, fold.scratch)
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                for j in range(geometry[H1] - geometry[H0]):
                    corner = (a * geometry[D] + table_d[ROW * i + START]) * plane + table_h[ROW * j + START] * across
                    to = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j
                    to *= geometry[OUT_W] * inner
                    share, many = share_d[i] * share_h[j], table_h[ROW * j + SIZE]
                    new = _lines_below(table_h, j, geometry[H1] - geometry[H0])
                    for part in range(geometry[STRETCHES]):
                        s = _STRETCH * part
                        at, n = corner + stretches[s + _LEFT] * inner, stretches[s + _WIDE] * inner
                        if n == 0:
                            good &= _end_alone(fewer, at, many, stretches[s + _STOP], share, share_of, end, final,
                                               to + stretches[s + _FIRST] * inner)
                            continue
                        _fetch_lines(src, at + many * across, new, across, n, line)
                        if many > rows:
                            good &= _end_places(longer, at, n, kinds, share, share_of, end, output, room)
                        else:
                            good &= _end_places(fewer, at, n, kinds, share, share_of, end, output, room)
                        _pick(ended, places, stretches[s + _FIRST], stretches[s + _STOP], inner, dst, to)
        return 0 if good else 1

    return pool_uneven
