"""The histogram kernel: quantiles of 8-bit samples in large windows that overlap, whose size it hardly feels.

Perreault and Hébert, "Median filtering in constant time", IEEE Trans. Image Process. 16 (2007): each column of the
picture keeps a histogram of the samples that the current row of windows has in it. Going down a row, each takes one
sample in and lets one go; going along the row, the window's histogram takes one column in and lets one go. Histograms
have two levels: the coarse one says which 16 values to look at, and only these are brought up to date, in vector code.
"""

from __future__ import annotations

from collections.abc import Callable

from .networks import SHARE
from .numerics import Buffer, whole

(PLANE, OUT_PLANE, HEIGHT, WIDTH, INNER, OUT_H, OUT_W, H0, H1, W0, W1, LEFT, RIGHT, LOWEST, ROUNDING) = range(15)
"""The whole numbers of a block: a plane, its windows H0:H1 and W0:W1, which have the columns LEFT:RIGHT; the dtype's
lowest value."""

VALUES, COARSE = 256, 16
"""Bins of a histogram, and how many of them are one of the coarse histogram."""
ROW = 2
START, COUNT = 0, 1
"""One window of one axis in its table."""
SPAN = 2
"""For each coarse bin, the columns that the window's fine histogram has there: first, and first beyond."""


def count_row(columns: Buffer, coarse: Buffer, src: Buffer, at: int, inner: int, n: int, lowest: int, by: int) -> None:
    """Let each of n columns take in a sample (``by`` 1) or let it go (-1)."""
    for x in range(n):
        value = int(src[at + x * inner]) - lowest
        columns[x * VALUES + value] += by
        coarse[x * COARSE + (value >> 4)] += by


def clear(counts: Buffer, at: int, n: int) -> None:
    """n counts become 0."""
    for i in range(n):
        counts[at + i] = 0


def add(counts: Buffer, to: int, columns: Buffer, at: int) -> None:
    """16 bins of a column are added to those of the window."""
    for i in range(COARSE):
        counts[to + i] += columns[at + i]


def subtract(counts: Buffer, to: int, columns: Buffer, at: int) -> None:
    """16 bins of a column are taken from those of the window."""
    for i in range(COARSE):
        counts[to + i] -= columns[at + i]


def bring(fine: Buffer, spans: Buffer, bin: int, columns: Buffer, begin: int, stop: int) -> None:
    """Bring the 16 values of a coarse bin up to date for a window with the columns begin:stop."""
    to = bin * COARSE
    first, beyond = spans[bin * SPAN], spans[bin * SPAN + 1]
    if begin >= beyond or begin - first + stop - beyond > stop - begin:
        clear(fine, to, COARSE)
        first, beyond = begin, begin
    for x in range(first, begin):
        subtract(fine, to, columns, x * VALUES + to)
    for x in range(beyond, stop):
        add(fine, to, columns, x * VALUES + to)
    spans[bin * SPAN], spans[bin * SPAN + 1] = begin, stop


def ranked(window: Buffer, fine: Buffer, spans: Buffer, columns: Buffer, begin: int, stop: int, rank: int) -> int:
    """The value of a rank in a window with the columns begin:stop.

    In loops that end where they have found it: a picture's neighbours are alike, so that the processor mostly foresees
    it. Always counting through all 16 bins, without branches, took 62 ns a window instead of 46.
    """
    bin = 0
    while rank >= window[bin]:
        rank -= int(window[bin])
        bin += 1
    bring(fine, spans, bin, columns, begin, stop)
    value = bin * COARSE
    while rank >= fine[value]:
        rank -= int(fine[value])
        value += 1
    return value


def make_kernel(end: Callable[..., bool]) -> Callable[..., int]:
    """Return the kernel for one way to write a result.

    It returns 0, or 1 where some window of the block is one for the general kernel.
    """

    def pool_histograms(src: Buffer, dst: Buffer, geometry: Buffer, table_h: Buffer, table_w: Buffer, params: Buffer,
                        limits: Buffer, columns: Buffer, coarse: Buffer, window: Buffer, fine: Buffer,
                        spans: Buffer, point: Buffer) -> int:
        width, inner, left = geometry[WIDTH], geometry[INNER], geometry[LEFT]
        n, lowest = geometry[RIGHT] - left, geometry[LOWEST]
        good = True
        for c in range(inner):
            plane = (geometry[PLANE] * geometry[HEIGHT] * width + left) * inner + c
            clear(columns, 0, n * VALUES)
            clear(coarse, 0, n * COARSE)
            top = below = table_h[START]
            for j in range(geometry[H1] - geometry[H0]):
                high = table_h[j * ROW + COUNT]
                first = table_h[j * ROW + START]
                for y in range(below, first + high):
                    count_row(columns, coarse, src, plane + y * width * inner, inner, n, lowest, 1)
                for y in range(top, first):
                    count_row(columns, coarse, src, plane + y * width * inner, inner, n, lowest, -1)
                top, below = first, first + high
                clear(window, 0, COARSE)
                clear(spans, 0, COARSE * SPAN)
                begin = stop = table_w[START] - left
                row = geometry[OUT_PLANE] * geometry[OUT_H] + geometry[H0] + j
                to = (row * geometry[OUT_W] + geometry[W0]) * inner + c
                for k in range(geometry[W1] - geometry[W0]):
                    start = table_w[k * ROW + START] - left
                    wide = table_w[k * ROW + COUNT]
                    for x in range(stop, start + wide):
                        add(window, 0, coarse, x * COARSE)
                    for x in range(begin, start):
                        subtract(window, 0, coarse, x * COARSE)
                    begin, stop = start, start + wide
                    samples = high * wide
                    h = (samples - 1) * params[0]
                    rank = min(int(whole(h)), samples - 1)
                    low = ranked(window, fine, spans, columns, begin, stop, rank)
                    next_one = low
                    point[SHARE] = 0.0
                    if h > rank and rank + 1 < samples:
                        point[SHARE] = h - rank
                        next_one = ranked(window, fine, spans, columns, begin, stop, rank + 1)
                    good &= end(low + lowest, next_one + lowest, dst, to + k * inner, point, limits,
                                geometry[ROUNDING])
        return 0 if good else 1

    return pool_histograms
