"""The band kernel: the largest or smallest of small windows at stride 1, two rows of windows at once.

Two rows of windows have all lines in common but the first and the last, so the columns of both are made together: for
windows of 7 x 7, 7 merges of lines for two rows in place of 12. A window that reaches beyond the array's first or last
line takes that line in place of those beyond: it has it already, and an extreme does not mind a sample more than once.
So no row of windows is a special case. Lines that are no whole number of vectors end with one that begins earlier, for
the same reason. Max 3x3/1 of 2048 maps of 56 x 56 float32 takes 2.9 ms by it and 6.5 by the small kernel, 7x7/1 5.2
and 9.8.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..double_double import Buffer, fetch, fetch_to_write
from .finalizers import Output
from .fold_states import Scratch
from .rows import (
    A0,
    A1,
    D0,
    D1,
    FIRST,
    H0,
    H1,
    IDENTITY,
    INNER,
    LENGTH,
    LOW,
    OUT_D,
    OUT_H,
    OUT_W,
    ROW,
    SIZE,
    START,
    W0,
    W1,
    D,
    FoldSteps,
    H,
    W,
    fold_over,
    output_to,
)
from .unrolled import few

_LINES = 16
"""Lines of the cache that a strip of windows has in a row. Longer ones read and write memory in longer turns, which is
slower: 7x7/1 on 64 MB of float32 takes 10.1 ms, with 64 11.1.
"""


class _Band(NamedTuple):
    """A fold, the samples it reads, and a pair of rows of windows."""

    fold: FoldSteps
    src: Buffer
    deep: int
    """Planes of a window, and lines."""
    rows: int
    d: int
    """The first plane of a window and the first line of the upper one; below 0 and beyond the last: padding."""
    h: int
    planes: int
    """Planes and lines of the array, and samples of each."""
    lines: int
    plane: int
    line: int
    inner: int
    room: int
    """States of a scratch row."""


def _sample(band: Any, at: int, i: int) -> Any:
    """The state of a sample in plane i of a window."""
    d = min(max(band.d + i, 0), band.planes - 1)
    return band.fold.lift(band.fold, band.src, at + d * band.plane)


def _of_line(band: Any, at: int, i: int) -> Any:
    """The state of a column's part in line i."""
    h = min(max(band.h + i, 0), band.lines - 1)
    return few(band, _sample, at + h * band.line, band.deep)


def _between(band: Any, at: int, i: int) -> Any:
    """The state of a column's part in line i of those that both rows of windows have."""
    return _of_line(band, at, i + 1)


def _column(band: Any, at: int, i: int) -> Any:
    """The state of a window's column i."""
    return band.fold.load(band.fold.scratch, at + i * band.inner)


def _turns(n: int, line: int) -> int:
    """In how many turns n numbers are done: whole lines of the cache, then the last one if some are left."""
    return 2 if n > line and n % line else 1


def _begin(n: int, turn: int, line: int) -> int:
    """Where a turn begins."""
    return turn * (n - line)


def _length(n: int, turn: int, line: int) -> int:
    """How many numbers a turn has."""
    if n < line:
        return n
    return line if turn else n // line * line


def states_needed(line: int, size: int, inner: int) -> int:
    """States of scratch space: two rows of columns."""
    return 2 * _room_of(_LINES * line, size, inner, line)


def _room_of(strip: int, size: int, inner: int, line: int) -> int:
    """States of a scratch row for a strip, in whole lines of the cache, and some between one and the next."""
    return (strip + (size - 1) * inner + 2 * line - 1) // line * line


def _make_columns(band: Any, at: int, to: int, n: int) -> None:
    """Make n columns of both rows of windows."""
    fold = band.fold
    for i in range(n):
        both = few(band, _between, at + i, band.rows - 1)
        fold.save(fold.scratch, to + i, fold.merge(_of_line(band, at + i, 0), both))
        fold.save(fold.scratch, to + band.room + i, fold.merge(both, _of_line(band, at + i, band.rows)))


def _write_windows(band: Any, end: Any, output: Output, size: int, at: int, to: int, n: int) -> bool:
    """Write n windows of one row, from their columns."""
    good = True
    for i in range(n):
        good &= end(few(band, _column, at + i, size), 1.0, 0.5, output, to + i)
    return good


def _fill_beside(fold: Any, identity: Any, at: int, begin: int, stop: int, n: int) -> None:
    """The identity where there are no columns: before ``_begin`` and from ``stop`` on, of n."""
    for i in range(begin):
        fold.save(fold.scratch, at + i, identity)
    for i in range(stop, n):
        fold.save(fold.scratch, at + i, identity)


def _fetch_pair(buffer: Buffer, at: int, apart: int, n: int, line: int) -> None:
    """Ask memory for n samples of two lines that come later."""
    for i in range((n + line - 1) // line):
        fetch(buffer, at + i * line)
        fetch(buffer, at + apart + i * line)


def _fetch_pair_to_write(buffer: Buffer, at: int, apart: int, n: int, line: int) -> None:
    """The same for two lines that will be written."""
    for i in range((n + line - 1) // line):
        fetch_to_write(buffer, at + i * line)
        fetch_to_write(buffer, at + apart + i * line)


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool], deep: int, rows: int, size: int,
                line: int) -> Callable[..., int]:
    """Return the kernel of one extreme for windows of ``deep`` x ``rows`` x ``size``; as ``rows.make_kernel``.

    ``line`` samples fill a line of the cache.
    """

    def pool_bands(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                   table_h: Buffer, table_w: Buffer, kinds: Buffer, share_d: Buffer, share_h: Buffer, share_w: Buffer,
                   params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer,
                   fourth: Buffer, fifth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        fold = fold_over(lift, merge, load, save, scratch, geometry, nodata, geometry[IDENTITY], params)
        output = output_to(dst, fill, geometry, limits, params)
        inner, low, width, count = geometry[INNER], geometry[LOW], geometry[W], geometry[H1] - geometry[H0]
        cells, reach = (geometry[W1] - geometry[W0]) * inner, (size - 1) * inner
        left, right = max(-low, 0) * inner, min(geometry[LENGTH], width - low) * inner
        strip = min(cells, _LINES * line)
        room = _room_of(strip, size, inner, line)
        row, out_row = width * inner, geometry[OUT_W] * inner
        identity = fold.missing.none
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                d = table_d[ROW * i + START] if table_d[ROW * i + START] else table_d[ROW * i + SIZE] - deep
                plane = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0]
                at = a * geometry[D] * geometry[H] * row + low * inner
                for j in range(0, count, 2):
                    to = (plane + j) * out_row + geometry[W0] * inner
                    band = _Band(fold, src, deep, rows, d, geometry[FIRST] + j, geometry[D], geometry[H],
                                 geometry[H] * row, row, inner, room)
                    for part in range((cells + strip - 1) // strip):
                        x = min(part * strip, cells - strip)
                        x0 = max(left - x, 0)
                        x1 = min(right - x, x0 + (strip + reach - x0 + line - 1) // line * line)  # whole vectors
                        _fetch_pair(src, at + x + (band.h + rows + 1) * row, row, strip, line)
                        _fetch_pair_to_write(dst, to + x + strip, out_row, strip, line)
                        for r in range(2):
                            _fill_beside(fold, identity, r * room, x0, x1, strip + reach)
                        for turn in range(_turns(x1 - x0, line)):
                            here = x0 + _begin(x1 - x0, turn, line)
                            _make_columns(band, at + x + here, here, _length(x1 - x0, turn, line))
                        for r in range(min(2, count - j)):
                            for turn in range(_turns(strip, line)):
                                here = _begin(strip, turn, line)
                                good &= _write_windows(band, end, output, size, r * room + here,
                                                       to + r * out_row + x + here, _length(strip, turn, line))
        return 0 if good else 1

    return pool_bands
