"""Small windows made in a line: what neighbours share is folded once, and all loops are full vectors.

The lines of a row of windows are folded into a scratch row of columns, contiguous, whatever the channels. Windows that
overlap at a stride read every second or third of them, which is slow where it is done for every sample of a window: so
the columns are dealt out first, a scratch row for each place beside a window's start. Then the windows are merged from
contiguous runs of these. What lies beyond the array is the fold's identity.
"""

from __future__ import annotations

from math import gcd
from typing import Any

from .finalizers import Output
from .unrolled import clipped_window, column, few, kept, sample

_CHUNK = 16
"""Lines of the cache that are asked for at once, of each row: 2x2/2 on 64 MB of float32 takes 3.0 ms, with 64 4.1."""
_VECTORS = 4
"""Lines of the cache that a loop of vector code takes in one turn: what is left over is done one by one."""


def _turn_of(line: int, inner: int) -> int:
    """The fewest pixels that are whole turns of vector code, where ``line`` samples fill a line of the cache."""
    return _VECTORS * line // gcd(_VECTORS, inner)


def chunk_of(line: int, apart: int, inner: int) -> int:
    """How many windows are made at once: those of CHUNK lines, or nearly, in whole turns."""
    turn = _turn_of(line, inner)
    return max(_CHUNK * line // (apart * max(inner, 1)) // turn, 1) * turn


def spare_of(size: int, inner: int, line: int) -> int:
    """Columns beyond those of a chunk, in whole turns."""
    turn = _turn_of(line, inner)
    return (size + turn - 1) // turn * turn


def row_of(chunk: int, size: int, inner: int, line: int) -> int:
    """States of a scratch row for a chunk of windows and the columns beyond the last one's start."""
    return (chunk + spare_of(size, inner, line)) * inner


def states_needed(line: int, size: int, apart: int, inner: int) -> int:
    """States of scratch space: a row for each place beside the start of a window; as many for all columns."""
    return apart * row_of(chunk_of(line, apart, inner), size, inner, line)


def columnwise(grid: Any, line: Any, x: int, k: int, count: int, identity: Any, end: Any, end_full: Any,
              output: Output, to: int, samples: int) -> bool:
    """Write ``count`` windows from number k on, at pixel x, by way of scratch rows: of all columns, the identity where
    there is none, every ``apart``-th lies in one of them.
    """
    good = True
    _keep_columns(grid, line, x, count, identity)
    n = line.share * line.share_w[line.k0]
    if n == samples and line.deep == grid.deep and line.rows == grid.rows:
        for i in range(count * grid.inner):
            good &= end_full(few(grid, kept, i, grid.size), float(samples), 0.5 / samples, output, to + i)
    else:
        for i in range(count * grid.inner):
            good &= end(few(grid, kept, i, grid.size), n, 0.5 / n, output, to + i)
    for i in range(max(0, min(count, line.k0 - k))):
        good &= _finalize_again(grid, line, k, i, end, output, to)
    for i in range(max(0, min(count, line.k1 - k)), count):
        good &= _finalize_again(grid, line, k, i, end, output, to)
    return good


def _finalize_again(grid: Any, line: Any, k: int, i: int, end: Any, output: Output, to: int) -> bool:
    """Write window k + i with its own share."""
    n = line.share * line.share_w[k + i]
    good = True
    for at in range(i * grid.inner, (i + 1) * grid.inner):
        good &= end(few(grid, kept, at, grid.size), n, 0.5 / n, output, to + at)
    return good


def _keep_columns(grid: Any, line: Any, x: int, count: int, identity: Any) -> None:
    """The columns of ``count`` windows at pixel x, in rows; made in whole vectors first, then dealt out.

    Vectors may reach beyond the row of pixels, though not beyond the array: what they find there is replaced.
    """
    inner, apart, fold = grid.inner, grid.apart, grid.fold
    columns = (count - 1) * apart + grid.size
    whole = count * apart if apart > 1 else count + grid.spare
    at = line.at + x * inner
    begin, stop = 0, whole
    if at < 0 or at + (grid.deep - 1) * grid.plane + (grid.rows - 1) * grid.line + whole * inner > line.total:
        begin, stop = max(-x, 0), min(columns, whole, line.width - x)
    _make_columns(grid, line, at, begin * inner, stop * inner)
    for i in range(max(-x, 0) * inner):
        fold.save(grid.columns, i, identity)
    for i in range(max(line.width - x, 0) * inner, min(whole, columns) * inner):
        fold.save(grid.columns, i, identity)
    if apart > 1:
        for k in range(count):
            _deinterleave(grid, k * inner)
        for p in range(grid.size - apart):
            _at_end(grid, line, at, x, count, p, identity)


def _at_end(grid: Any, line: Any, at: int, x: int, count: int, p: int, identity: Any) -> None:
    """Column p of those beyond the start of the window after the last one."""
    inner, fold, here = grid.inner, grid.fold, count * grid.apart + p
    to = p % grid.apart * grid.row + (count + p // grid.apart) * inner
    for c in range(inner):
        if x + here >= line.width:
            fold.save(fold.scratch, to + c, identity)
        elif line.deep == grid.deep and line.rows == grid.rows:
            fold.save(fold.scratch, to + c, column(grid, at + here * inner + c, 0))
        else:
            fold.save(fold.scratch, to + c, clipped_window(grid, at + here * inner + c, line.deep, line.rows, 1))


def _make_columns(grid: Any, line: Any, at: int, begin: int, stop: int) -> None:
    """Columns begin:stop; where lines are missing, line by line."""
    fold = grid.fold
    if line.deep == grid.deep and line.rows == grid.rows:
        for i in range(begin, stop):
            fold.save(grid.columns, i, column(grid, at + i, 0))
        return
    for i in range(begin, stop):
        fold.save(grid.columns, i, sample(grid, at + i, 0))
    for d in range(line.deep):
        for j in range(1 if d == 0 else 0, line.rows):
            for i in range(begin, stop):
                state = sample(grid, at + d * grid.plane + i, j)
                fold.save(grid.columns, i, fold.merge(fold.load(grid.columns, i), state))


def _deinterleave(grid: Any, at: int) -> None:
    """Bring the columns from one window's start to the next to their rows. No loop, here and below: see ``few``."""
    _deinterleave_pixel(grid, at, 0)
    _deinterleave_pixel(grid, at, 1)
    if grid.apart > 2:
        _deinterleave_pixel(grid, at, 2)
    if grid.apart > 3:
        _deinterleave_pixel(grid, at, 3)
    if grid.apart > 4:
        _deinterleave_pixel(grid, at, 4)
    if grid.apart > 5:
        _deinterleave_pixel(grid, at, 5)
    if grid.apart > 6:
        _deinterleave_pixel(grid, at, 6)


def _deinterleave_pixel(grid: Any, at: int, row: int) -> None:
    """One of them, of up to four channels."""
    _deinterleave_number(grid, at, row, 0)
    if grid.inner > 1:
        _deinterleave_number(grid, at, row, 1)
    if grid.inner > 2:
        _deinterleave_number(grid, at, row, 2)
    if grid.inner > 3:
        _deinterleave_number(grid, at, row, 3)


def _deinterleave_number(grid: Any, at: int, row: int, c: int) -> None:
    """One channel of one of them."""
    state = grid.fold.load(grid.columns, at * grid.apart + row * grid.inner + c)
    grid.fold.save(grid.fold.scratch, row * grid.row + at + c, state)
