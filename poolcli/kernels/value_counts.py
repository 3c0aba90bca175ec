"""Count how often each value occurs in each window: shares of classes, numbers of values, entropies of small integers.

A window has a count for each value that its type has. Of windows that overlap along a row, only what leaves and what
enters is counted. What is a sum over the values of a function of their counts is kept up to date beside them, as a
whole number: so it is the same whichever way the windows were walked, and no window looks through its counts.
"""

from __future__ import annotations

from collections.abc import Callable

from .double_double import NOT_A_NUMBER, Buffer, double

(A0, A1, D0, D1, H0, H1, W0, W1, D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, MASK, NODATA, HAS_FILL,
 ROUNDING, CLASSES) = range(23)
"""The whole numbers of a block: its ranges; the lengths of the array's axes and of the output's; the dilations; the
bits of a sample that are its number; the number of missing samples, or -1; whether a window without samples has a
value; how an integer is rounded; how many classes there are."""
_START, _COUNT, _ROW = 0, 1, 2
"""A window of one axis in its table: its first sample, and how many."""


def _count(src: Buffer, rows: Buffer, n: int, x: int, stop: int, step: int, mask: int, counts: Buffer,
           terms: Buffer, sums: int, change: int) -> int:
    """Count the samples of columns of n rows, or with a ``change`` of -1 take them out; return what the sum of terms
    gains."""
    gained = 0
    for i in range(n):
        at = rows[i] + x
        while at < rows[i] + stop:
            number = src[at] & mask
            count = counts[number]
            gained += terms[count + change] - terms[count] if sums else 0
            counts[number] = count + change
            at += step
    return gained


def _clear(src: Buffer, rows: Buffer, n: int, x: int, stop: int, step: int, mask: int, counts: Buffer) -> None:
    """Take all samples of a window out of the counts."""
    for i in range(n):
        at = rows[i] + x
        while at < rows[i] + stop:
            counts[src[at] & mask] = 0
            at += step


def _list_rows(rows: Buffer, deep: Buffer, d: int, high: Buffer, h: int, plane: int, geometry: Buffer) -> int:
    """List where the rows of the windows (d, h) begin; return how many there are."""
    n = 0
    for i in range(deep[d * _ROW + _COUNT]):
        at = (plane * geometry[D] + deep[d * _ROW + _START] + i * geometry[STEP_D]) * geometry[H]
        for j in range(high[h * _ROW + _COUNT]):
            rows[n] = (at + high[h * _ROW + _START] + j * geometry[STEP_H]) * geometry[W] * geometry[INNER]
            n += 1
    return n


def make_sum(write: Callable[..., bool]) -> Callable[..., bool]:
    """Return what writes the sum of terms of a window, and what stands beside it for its number of samples."""

    def put_sum(dst: Buffer, at: int, counts: Buffer, found: int, n: int, geometry: Buffer, terms: Buffer,
                totals: Buffer, divisors: Buffer, limits: Buffer, fill: Buffer) -> bool:
        missing = counts[geometry[NODATA]] if geometry[NODATA] >= 0 else 0
        present = n - missing
        if present == 0:
            dst[at] = fill[0]
            return bool(geometry[HAS_FILL] > 0)
        value = double(found - terms[missing] + totals[present]) / divisors[present]
        return write(dst, at, value, limits, geometry[ROUNDING])

    return put_sum


def write_whole(dst: Buffer, at: int, value: float, limits: Buffer, rounding: int) -> bool:
    """Write a whole number that an integer holds."""
    dst[at] = int(value)
    return True


def put_shares(dst: Buffer, at: int, counts: Buffer, found: int, n: int, geometry: Buffer, terms: Buffer,
               totals: Buffer, divisors: Buffer, limits: Buffer, fill: Buffer) -> bool:
    """Write the share of each class among a window's samples that are not missing; ``terms`` are the classes' numbers.

    ``divisors`` are the shares of a window with all its samples, by the count: to divide takes twice as long.
    """
    classes, first = geometry[CLASSES], at * geometry[CLASSES]
    present = n - (counts[geometry[NODATA]] if geometry[NODATA] >= 0 else 0)
    if present == totals[0]:
        for i in range(classes):
            dst[first + i] = divisors[counts[terms[i]]]
    else:
        for i in range(classes):
            dst[first + i] = double(counts[terms[i]]) / double(present) if present > 0 else NOT_A_NUMBER
    return True


def put_counts(dst: Buffer, at: int, counts: Buffer, found: int, n: int, geometry: Buffer, terms: Buffer,
               totals: Buffer, divisors: Buffer, limits: Buffer, fill: Buffer) -> bool:
    """Write how many samples each class has."""
    for i in range(geometry[CLASSES]):
        dst[at * geometry[CLASSES] + i] = counts[terms[i]]
    return True


def make_kernel(put: Callable[..., bool], sums: int) -> Callable[..., int]:
    """Return the kernel for one way to write what the counts tell; it returns 1 where a value has no place.

    ``sums`` is 1 where that is a sum of terms, 0 where there are none.
    """

    def count_values(src: Buffer, dst: Buffer, fill: Buffer, geometry: Buffer, deep: Buffer, high: Buffer, wide: Buffer,
                     rows: Buffer, counts: Buffer, terms: Buffer, totals: Buffer, divisors: Buffer,
                     limits: Buffer) -> int:
        inner, mask = geometry[INNER], geometry[MASK]
        step, slides = geometry[STEP_W] * inner, geometry[STEP_W] == 1
        planes, lines = geometry[D1] - geometry[D0], geometry[H1] - geometry[H0]
        good = True
        for number in range((geometry[A1] - geometry[A0]) * planes * lines):
            plane = geometry[A0] + number // lines // planes
            d, h = geometry[D0] + number // lines % planes, geometry[H0] + number % lines
            n = _list_rows(rows, deep, d, high, h, plane, geometry)
            to = ((plane * geometry[OUT_D] + d) * geometry[OUT_H] + h) * geometry[OUT_W]
            for c in range(inner):
                begin = stop = found = 0
                for w in range(geometry[W0], geometry[W1]):
                    start = wide[w * _ROW + _START] * inner + c
                    beyond = start + wide[w * _ROW + _COUNT] * step
                    if slides and begin <= start and start < stop and stop <= beyond:
                        found += _count(src, rows, n, begin, start, step, mask, counts, terms, sums, -1)
                        found += _count(src, rows, n, stop, beyond, step, mask, counts, terms, sums, 1)
                    else:
                        _clear(src, rows, n, begin, stop, step, mask, counts)
                        found = _count(src, rows, n, start, beyond, step, mask, counts, terms, sums, 1)
                    begin, stop = start, beyond
                    good &= put(dst, (to + w) * inner + c, counts, found, n * wide[w * _ROW + _COUNT], geometry, terms,
                                totals, divisors, limits, fill)
                _clear(src, rows, n, begin, stop, step, mask, counts)
        return 0 if good else 1

    return count_values
