"""The small kernel: folds over windows of a few samples, with their size, stride, channels and count as constants.

A window's samples are read and merged where they lie, with no scratch row between, and the loop over the windows is
vector code: max 2x2/2 on 16 MP of uint8 takes 0.4 ms, 3x3/1 1.4 ms, a copy of the input 0.4; the row kernel takes 1.4
and 3.6. Taking every second of three neighbours, or of pixels of four channels, is slow where it is done for every
sample. There the windows are made ``in_line``: columns folded into a scratch row, windows at every place of it, and
those that are wanted picked (max of a row of 2048 pixels: 2x2/2 of four channels of uint8 0.5 us instead of 2.6, 3x3/2
of float32 0.7 instead of 1.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .folds import Missing, Output, Scratch
from .numerics import Buffer, fetch
from .rows import (
    A0,
    A1,
    D0,
    D1,
    DOWN,
    H0,
    H1,
    HAS_FILL,
    HAS_NODATA,
    INNER,
    K0,
    K1,
    LOW,
    OUT_D,
    OUT_H,
    OUT_W,
    ROUNDING,
    ROW,
    SIZE,
    SKIP_NAN,
    START,
    STEP_D,
    STEP_H,
    W0,
    W1,
    D,
    Fold,
    H,
    W,
)

FAR = 128
"""Lines of the cache between what is asked for and what is read, at least: 8 KB."""
CHUNK = 16
"""Lines of the cache that are asked for at once, of each row: 2x2/2 on 64 MB of float32 takes 3.0 ms, with 64 4.1."""
SPARE = 64
"""Numbers that the scratch row and the line of windows must have room for beyond the last."""


class Grid(NamedTuple):
    """A fold, the samples it reads where they lie, and a window's place among them."""

    fold: Fold
    src: Buffer
    plane: int
    """The distance of a window's planes, lines and samples, and how many planes and lines it has."""
    line: int
    inner: int
    deep: int
    rows: int


class Pixels(NamedTuple):
    """The line of windows and the output, as numbers that are a whole pixel, or ``each`` of them."""

    line: Buffer
    dst: Buffer
    each: int


def sample(grid: Any, at: int) -> Any:
    """The state of one sample."""
    return grid.fold.lift(grid.src[at], grid.fold.missing, grid.fold.params)


def lines(grid: Any, at: int) -> Any:
    """The state of a window's column in one plane."""
    return few(grid, sample, at, grid.line, grid.rows)


def column(grid: Any, at: int) -> Any:
    """The state of a window's column."""
    return few(grid, lines, at, grid.plane, grid.deep)


def kept(grid: Any, at: int) -> Any:
    """The state of a column in the scratch row."""
    return grid.fold.load(grid.fold.scratch, at)


def few(grid: Any, part: Callable[..., Any], at: int, apart: int, n: int) -> Any:
    """The merged states of one to eight parts. No loop: one with a state in it would not become vector code."""
    if n <= 4:
        return up_to_four(grid, part, at, apart, n)
    return grid.fold.merge(up_to_four(grid, part, at, apart, 4), up_to_four(grid, part, at + 4 * apart, apart, n - 4))


def up_to_four(grid: Any, part: Callable[..., Any], at: int, apart: int, n: int) -> Any:
    """The merged states of one to four parts."""
    a = part(grid, at)
    if n == 1:
        return a
    b = part(grid, at + apart)
    if n == 2:
        return grid.fold.merge(a, b)
    c = part(grid, at + 2 * apart)
    if n == 3:
        return grid.fold.merge(grid.fold.merge(a, b), c)
    return grid.fold.merge(grid.fold.merge(a, b), grid.fold.merge(c, part(grid, at + 3 * apart)))


def full_windows(grid: Any, part: Callable[..., Any], at: int, end: Any, output: Output, to: int, count: int, size: int,
                 apart: int, inner: int, next_column: int, samples: int) -> bool:
    """Write ``count`` windows of ``size`` columns, for ``inner`` numbers each."""
    good = True
    for k in range(count):
        for c in range(inner):
            state = few(grid, part, at + k * apart * inner + c, next_column, size)
            good &= end(state, float(samples), 0.5 / samples, output, to + k * inner + c)
    return good


def windows_in_line(grid: Any, at: int, end: Any, output: Output, line: Output, pixels: Pixels, to: int, count: int,
                    size: int, apart: int, inner: int, samples: int) -> bool:
    """The same by way of all the windows that start between the first and the last, one beside the other."""
    n, each = ((count - 1) * apart + 1) * inner, pixels.each
    for x in range(n + (size - 1) * inner):
        grid.fold.save(grid.fold.scratch, x, column(grid, at + x))
    if apart == 1:
        return full_windows(grid, kept, 0, end, output, to, n, size, 1, 1, inner, samples)
    whole = (n + SPARE - 1) // SPARE * SPARE  # full vectors: what follows the last window is never read
    good = full_windows(grid, kept, 0, end, line, 0, whole, size, 1, 1, inner, samples)
    for k in range(count):
        for c in range(each):
            pixels.dst[(to // inner + k) * each + c] = pixels.line[k * apart * each + c]
    return good


def fetch_ahead(grid: Any, at: int, n: int, rows: int, apart: int, line: int) -> None:
    """Ask memory for n samples of some rows that come later, ``line`` of them at a time.

    Processors foresee one long stream, not the two or three short ones of a window's lines: 2x2/2 on 64 planes of
    512 x 512 of uint8, four times, takes 6.3 ms without and 2.4 ms with it.
    """
    for j in range(rows):
        for i in range((n + line - 1) // line):
            fetch(grid.src, at + j * apart + i * line)


def clipped_window(grid: Any, at: int, deep: int, rows: int, size: int) -> Any:
    """The state of a window that has fewer samples than others."""
    state = sample(grid, at)
    for i in range(deep):
        for j in range(rows):
            for k in range(1 if i + j == 0 else 0, size):
                state = grid.fold.merge(state, sample(grid, at + i * grid.plane + j * grid.line + k * grid.inner))
    return state


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool], end_full: Callable[..., bool], deep: int,
                rows: int, size: int, apart: int, channels: int, samples: int, in_line: int, each: int,
                line: int) -> Callable[..., int]:
    """Return the kernel of one fold for windows of ``deep`` x ``rows`` x ``size``, ``apart`` from one to the next.

    ``channels`` is the array's inner length, or 0 for any. Windows of exactly ``samples`` samples end by ``end_full``,
    which gets that count as a constant; those that are clipped by ``end``. ``in_line``: see above; ``each`` is how many
    numbers of ``pixels`` and ``dst_pixels`` make one pixel; ``line`` samples fill a line of the cache.
    """

    def pool_small(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                   table_h: Buffer, table_w: Buffer, kinds: Buffer, share_d: Buffer, share_h: Buffer, share_w: Buffer,
                   params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer, made: Buffer,
                   pixels: Buffer, dst_pixels: Buffer) -> int:
        inner = channels if channels else geometry[INNER]
        low, windows, width = geometry[LOW], geometry[W1] - geometry[W0], geometry[W]
        fold = Fold(lift, merge, load, save, Scratch(first, second, third),
                    Missing(geometry[SKIP_NAN], geometry[HAS_NODATA], nodata[0], nodata[1]), params)
        grid = Grid(fold, src, geometry[STEP_D] * geometry[H] * width * inner, geometry[STEP_H] * width * inner, inner,
                    deep, rows)
        output = Output(dst, fill[0], geometry[HAS_FILL], limits, geometry[ROUNDING], params)
        in_a_line = Output(made, fill[0], geometry[HAS_FILL], limits, geometry[ROUNDING], params)
        wide = Pixels(pixels, dst_pixels, each)
        k0, k1 = geometry[K0], geometry[K1]
        chunk = max((2 if in_line else 1) * CHUNK * line // (apart * inner), 1)
        ahead = max(geometry[DOWN] * width * inner, FAR * line)
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                for j in range(geometry[H1] - geometry[H0]):
                    d_size, h_size = table_d[ROW * i + SIZE], table_h[ROW * j + SIZE]
                    at = ((a * geometry[D] + table_d[ROW * i + START]) * geometry[H] + table_h[ROW * j + START]) * width
                    to = ((a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j)
                    to = (to * geometry[OUT_W] + geometry[W0]) * inner
                    share = share_d[i] * share_h[j]
                    count = 0
                    if d_size == deep and h_size == rows and share * share_w[k0] == samples:
                        count = k1 - k0
                    begin = (at + low + table_w[ROW * k0 + START]) * inner
                    for part in range((count + chunk - 1) // chunk):
                        k = part * chunk
                        some = min(chunk, count - k)
                        place, target = begin + k * apart * inner, to + (k0 + k) * inner
                        fetch_ahead(grid, place + ahead, some * apart * inner, geometry[DOWN], width * inner, line)
                        if in_line:
                            good &= windows_in_line(grid, place, end_full, output, in_a_line, wide, target, some, size,
                                                    apart, inner, samples)
                        else:
                            good &= full_windows(grid, column, place, end_full, output, target, some, size, apart,
                                                 inner, inner, samples)
                    for other in range(windows - count):
                        k = other + count if other >= k0 else other
                        first_w = max(low + table_w[ROW * k + START], 0)
                        w_size = min(low + table_w[ROW * k + START] + size, width) - first_w
                        n = share * share_w[k]
                        for c in range(inner):
                            state = clipped_window(grid, (at + first_w) * inner + c, d_size, h_size, w_size)
                            good &= end(state, n, 0.5 / n, output, to + k * inner + c)
        return 0 if good else 1

    return pool_small
