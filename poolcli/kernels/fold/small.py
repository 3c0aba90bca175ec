"""The small kernel: folds over windows of a few samples, with their size, stride, channels and count as constants.

A window's samples are read and merged where they lie, with no scratch row between (``unrolled.py``), and the loop over
the windows is vector code: max 2x2/2 on 16 MP of uint8 takes 0.4 ms, a copy of the input 0.5. Windows that overlap, and
pixels of four channels, are made in a line (``shared_columns.py``): max 3x3/2 on 16 MP of uint8 takes 0.65 ms, where
they lie 2.4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..double_double import Buffer, fetch
from .fold_states import Scratch
from .rows import (
    A0,
    A1,
    D0,
    D1,
    DOWN,
    H0,
    H1,
    IDENTITY,
    K0,
    K1,
    LOW,
    OUT_D,
    OUT_H,
    OUT_W,
    ROW,
    SIZE,
    START,
    STEP_D,
    STEP_H,
    W0,
    W1,
    D,
    H,
    W,
    fold_over,
    output_to,
)
from .shared_columns import chunk_of, columnwise, row_of, spare_of
from .unrolled import Line, SampleGrid, clipped_window, where_they_lie

_FAR = 128
"""Lines of the cache between what is asked for and what is read, at least: 8 KB."""


def _fetch_ahead(grid: Any, at: int, n: int, rows: int, apart: int, line: int) -> None:
    """Ask memory for n samples of some rows that come later, ``line`` of them at a time.

    Processors foresee one long stream, not the two or three short ones of a window's lines: 2x2/2 on 64 planes of
    512 x 512 of uint8, four times, takes 6.3 ms without and 2.4 ms with it.
    """
    for j in range(rows):
        for i in range((n + line - 1) // line):
            fetch(grid.src, at + j * apart + i * line)


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool], end_full: Callable[..., bool], deep: int,
                rows: int, size: int, apart: int, channels: int, samples: int, in_line: int,
                line: int) -> Callable[..., int]:
    """Return the kernel of one fold for windows of ``deep`` x ``rows`` x ``size``, ``apart`` from one to the next.

    ``channels`` is the array's inner length. Windows of exactly ``samples`` samples end by ``end_full``,
    which gets that count as a constant; those that are clipped by ``end``. ``in_line``: see above; ``line`` samples
    fill a line of the cache.
    """
    chunk = chunk_of(line, apart, channels)
    row, spare = (row_of(chunk, size, channels, line), spare_of(size, channels, line)) if in_line else (0, 0)
    some_windows = columnwise if in_line else where_they_lie

    def pool_small(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                   table_h: Buffer, table_w: Buffer, kinds: Buffer, share_d: Buffer, share_h: Buffer, share_w: Buffer,
                   params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer, fourth: Buffer,
                   fifth: Buffer, column0: Buffer, column1: Buffer, column2: Buffer, column3: Buffer,
                   column4: Buffer) -> int:
        inner, low, windows, width = channels, geometry[LOW], geometry[W1] - geometry[W0], geometry[W]
        scratch = Scratch(first, second, third, fourth, fifth)
        fold = fold_over(lift, merge, load, save, scratch, geometry, nodata, geometry[IDENTITY], params)
        columns = Scratch(column0, column1, column2, column3, column4) if apart > 1 else fold.scratch
        grid = SampleGrid(fold, src, geometry[STEP_D] * geometry[H] * width * inner, geometry[STEP_H] * width * inner,
                          deep, rows, size, apart, inner, row, spare, columns)
        output = output_to(dst, fill, geometry, limits, params)
        identity = fold.missing.none
        k0, k1 = geometry[K0], geometry[K1]
        total = geometry[A1] * geometry[D] * geometry[H] * width * inner
        ahead = max(rows * grid.line, _FAR * line)  # the lines that this row of windows does not read
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                for j in range(geometry[H1] - geometry[H0]):
                    d_size, h_size = table_d[ROW * i + SIZE], table_h[ROW * j + SIZE]
                    at = ((a * geometry[D] + table_d[ROW * i + START]) * geometry[H] + table_h[ROW * j + START]) * width
                    to = ((a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j)
                    to = (to * geometry[OUT_W] + geometry[W0]) * inner
                    share = share_d[i] * share_h[j]
                    begin, count = 0, windows
                    if not in_line:
                        full = d_size == deep and h_size == rows and share * share_w[k0] == samples
                        begin, count = k0, k1 - k0 if full else 0
                    of_row = Line(at * inner, d_size, h_size, width, total, share, share_w, k0, k1)
                    some = min(chunk, count)
                    for part in range((count + chunk - 1) // chunk):
                        k = begin + min(part * chunk, count - some)
                        x, target = low + table_w[ROW * k + START], to + k * inner
                        place = (at + x) * inner
                        _fetch_ahead(grid, place + ahead, some * apart * inner, geometry[DOWN], width * inner, line)
                        good &= some_windows(grid, of_row, x, k, some, identity, end, end_full, output, target, samples)
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
