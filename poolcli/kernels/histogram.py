"""The histogram kernel: quantiles of 8-bit samples in large windows that overlap, whose size it hardly feels.

Perreault and Hébert, "Median filtering in constant time", IEEE Trans. Image Process. 16 (2007): each column of the
picture keeps a histogram of the samples that the current row of windows has in it. Going down a row, each takes one
sample in and lets one go; going along the row, the window's histogram takes one column in and lets one go. Histograms
have two levels: the coarse one says which 16 values to look at, and only these are brought up to date, in vector code.

Counts are of all samples below a bin: so the place of a rank is one comparison with 16 of them at once. In the fine
histogram they begin anew with each coarse bin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .double_double import Buffer
from .network.interpreter import SHARE
from .order_statistics import rank_of

(PLANE, OUT_PLANE, HEIGHT, WIDTH, INNER, OUT_H, OUT_W, H0, H1, W0, W1, LEFT, RIGHT, LOWEST, ROUNDING) = range(15)
"""The whole numbers of a block: a plane, its windows H0:H1 and W0:W1, which have the columns LEFT:RIGHT; the dtype's
lowest value."""

VALUES, COARSE = 256, 16
"""Counts of a histogram, and how many of them are one of the coarse histogram."""
_ROW = 2
START, COUNT = 0, 1
"""One window of one axis in its table."""
SPAN = 2
"""For each coarse bin, the columns that the window's fine histogram has there: first, and first beyond."""


def _sixteen(arguments: str, value: str) -> Any:
    """A function that gives 16 counts from ``to`` on new values: all are read before one is written.

    So LLVM makes vector code of it (``KernelSpec.bundled``): 16 ns a window. A loop of 16 is unrolled before it could
    become a vector, and then each write might be to what is read later: 45 ns.
    """
    names: dict[str, Any] = {"__name__": __name__}
    made = [f"    v{i} = {value.replace('#', str(i))}" for i in range(COARSE)]
    kept = [f"    counts[to + {i}] = v{i}" for i in range(COARSE)]
    exec("\n".join([f"def given(counts, to, {arguments}):", *made, *kept]), names)  # made of the texts below alone
    return names["given"]


add = _sixteen("more, at", "int(counts[to + #]) + int(more[at + #])")
"""counts[to : to + 16] grow by more[at :]."""
subtract = _sixteen("less, at", "int(counts[to + #]) - int(less[at + #])")
"""counts[to : to + 16] shrink by less[at :]."""
exchange = _sixteen("more, at, less, out", "int(counts[to + #]) + int(more[at + #]) - int(less[out + #])")
"""counts[to : to + 16] grow by more[at :] and shrink by less[out :]."""


def _placing() -> Any:
    """A function that says which of 16 bins has a rank: how many begin with it or below, less one.

    It has no branch that a processor could foresee wrongly. The rank goes through a buffer, to be as small as a count.
    """
    names: dict[str, Any] = {"__name__": __name__}
    terms = " + ".join(f"(1 if counts[at + {i}] <= least else 0)" for i in range(COARSE))
    exec(f"def place(counts, at, wanted, rank):\n    wanted[0] = rank\n    least = wanted[0]\n    return {terms} - 1",
         names)
    return names["place"]


place = _placing()


def _exchange_row(columns: Buffer, coarse: Buffer, steps: Buffer, src: Buffer, at: int, out: int, inner: int, n: int,
                  lowest: int) -> None:
    """Let each of n columns take in a sample and let one go."""
    for x in range(n):
        value, gone = int(src[at + x * inner]) - lowest, int(src[out + x * inner]) - lowest
        exchange(coarse, x * COARSE, steps, (value >> 4) * COARSE, steps, (gone >> 4) * COARSE)
        add(columns, x * VALUES + (value >> 4) * COARSE, steps, (value & 15) * COARSE)
        subtract(columns, x * VALUES + (gone >> 4) * COARSE, steps, (gone & 15) * COARSE)


def _count_row(columns: Buffer, coarse: Buffer, steps: Buffer, src: Buffer, at: int, inner: int, n: int, lowest: int,
               by: int) -> None:
    """Let each of n columns take in a sample (``by`` 1) or let it go (-1)."""
    for x in range(n):
        value = int(src[at + x * inner]) - lowest
        bin, rest = (value >> 4) * COARSE, (value & 15) * COARSE
        for i in range(COARSE):
            coarse[x * COARSE + i] = int(coarse[x * COARSE + i]) + by * int(steps[bin + i])
            columns[x * VALUES + bin + i] = int(columns[x * VALUES + bin + i]) + by * int(steps[rest + i])


def _clear(counts: Buffer, at: int, n: int) -> None:
    """n counts become 0."""
    for i in range(n):
        counts[at + i] = 0


def _move(counts: Buffer, to: int, columns: Buffer, at: int, apart: int, first: int, beyond: int, begin: int,
          stop: int) -> None:
    """Bring 16 counts that hold the columns first:beyond to begin:stop; neither end steps back."""
    while first < begin and beyond < stop:
        exchange(counts, to, columns, beyond * apart + at, columns, first * apart + at)
        first += 1
        beyond += 1
    for x in range(first, begin):
        subtract(counts, to, columns, x * apart + at)
    for x in range(beyond, stop):
        add(counts, to, columns, x * apart + at)


def _bring(fine: Buffer, spans: Buffer, bin: int, columns: Buffer, begin: int, stop: int) -> None:
    """Bring the 16 counts of a coarse bin up to date for a window with the columns begin:stop."""
    to = bin * COARSE
    first, beyond = spans[bin * SPAN], spans[bin * SPAN + 1]
    if begin >= beyond or begin - first + stop - beyond > stop - begin:
        _clear(fine, to, COARSE)
        first, beyond = begin, begin
    _move(fine, to, columns, to, VALUES, first, beyond, begin, stop)
    spans[bin * SPAN], spans[bin * SPAN + 1] = begin, stop


def _ranked(window: Buffer, fine: Buffer, spans: Buffer, columns: Buffer, begin: int, stop: int, rank: int,
            wanted: Buffer) -> int:
    """The value of a rank in a window with the columns begin:stop."""
    bin = place(window, 0, wanted, rank)
    _bring(fine, spans, bin, columns, begin, stop)
    return int(bin * COARSE + place(fine, bin * COARSE, wanted, rank - int(window[bin])))


def make_kernel(end: Callable[..., bool]) -> Callable[..., int]:
    """Return the kernel for one way to write a result.

    It returns 0, or 1 where some window of the block is one for the general kernel.
    """

    def pool_histograms(src: Buffer, dst: Buffer, geometry: Buffer, table_h: Buffer, table_w: Buffer, params: Buffer,
                        limits: Buffer, steps: Buffer, columns: Buffer, coarse: Buffer, window: Buffer,
                        fine: Buffer, wanted: Buffer, spans: Buffer, point: Buffer) -> int:
        width, inner, left = geometry[WIDTH], geometry[INNER], geometry[LEFT]
        n, lowest = geometry[RIGHT] - left, geometry[LOWEST]
        good, samples, share, rank = True, 0, 0.0, 0
        for c in range(inner):
            plane = (geometry[PLANE] * geometry[HEIGHT] * width + left) * inner + c
            _clear(columns, 0, n * VALUES)
            _clear(coarse, 0, n * COARSE)
            top = below = table_h[START]
            for j in range(geometry[H1] - geometry[H0]):
                high = table_h[j * _ROW + COUNT]
                first = table_h[j * _ROW + START]
                while top < first and below < first + high:
                    _exchange_row(columns, coarse, steps, src, plane + below * width * inner,
                                  plane + top * width * inner, inner, n, lowest)
                    top += 1
                    below += 1
                for y in range(below, first + high):
                    _count_row(columns, coarse, steps, src, plane + y * width * inner, inner, n, lowest, 1)
                for y in range(top, first):
                    _count_row(columns, coarse, steps, src, plane + y * width * inner, inner, n, lowest, -1)
                top, below = first, first + high
                _clear(window, 0, COARSE)
                _clear(spans, 0, COARSE * SPAN)
                begin = stop = table_w[START] - left
                row = geometry[OUT_PLANE] * geometry[OUT_H] + geometry[H0] + j
                to = (row * geometry[OUT_W] + geometry[W0]) * inner + c
                for k in range(geometry[W1] - geometry[W0]):
                    start = table_w[k * _ROW + START] - left
                    wide = table_w[k * _ROW + COUNT]
                    _move(window, 0, coarse, 0, COARSE, begin, stop, start, start + wide)
                    begin, stop = start, start + wide
                    if high * wide != samples:
                        samples = high * wide
                        rank, share = rank_of(samples, params[0])
                    point[SHARE] = share
                    low = _ranked(window, fine, spans, columns, begin, stop, rank, wanted)
                    next_one = low
                    if point[SHARE] > 0.0:
                        next_one = _ranked(window, fine, spans, columns, begin, stop, rank + 1, wanted)
                    good &= end(low + lowest, next_one + lowest, dst, to + k * inner, point, 0, limits,
                                geometry[ROUNDING])
        return 0 if good else 1

    return pool_histograms
