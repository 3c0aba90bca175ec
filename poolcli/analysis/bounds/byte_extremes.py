"""Extremes of windows of samples of at most 16 bits: rows of whole numbers, put in order by minima and maxima.

The same as ``variance_extremes.py`` and ``interval_extremes.py`` find, but exact, and vector code of 8 to 32 lanes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sort_rows import MOST_ROWS, sort_rows

Array = NDArray[Any]


def serves(low: Array) -> bool:
    """Whether samples and windows are small enough."""
    return low.dtype.kind in "iu" and low.dtype.itemsize <= 2 and 1 < len(low) <= MOST_ROWS


def _widen_types(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """A type for sums of up to 64 samples, and one for sums of their squares times 64."""
    return (np.int16, np.int32) if dtype.itemsize == 1 else (np.int32, np.int64)


def _times_squares(rows: Array, square: Any) -> Array:
    """n^2 times the variance of columns, as whole numbers."""
    total, squares = rows.sum(axis=0, dtype=square), np.zeros(rows.shape[1], square)
    for one in rows:
        wide = one.astype(square)
        squares += wide * wide
    found: Array = len(rows) * squares - total * total
    return found


def least_variance(low: Array, high: Array) -> Array:
    """Samples with the least variance: all as near to c as they can be, where c is about their mean.

    The sum of what is nearest to c, minus n c, falls with c; so its root is found by halving.
    """
    narrow, square = _widen_types(low.dtype)
    lo, hi, n = low.astype(narrow), high.astype(narrow), len(low)
    left, right = hi.min(axis=0), lo.max(axis=0)
    nearest, total = np.empty_like(left), np.empty_like(left)
    steps = int(max(0, int((right.astype(square) - left).max(initial=0)))).bit_length()
    for _ in range(steps):
        middle = (left + right) >> 1
        total[:] = 0
        for a, b in zip(lo, hi, strict=True):
            np.maximum(middle, a, out=nearest)
            np.minimum(nearest, b, out=nearest)
            total += nearest
        above = total >= middle * narrow(n)
        left, right = np.where(above, middle, left), np.where(above, right, middle)
    below, beyond = np.clip(left, lo, hi), np.clip(left + narrow(1), lo, hi)
    chosen = _times_squares(below, square) <= _times_squares(beyond, square)
    found: Array = np.where(chosen, below, beyond).astype(low.dtype)
    return found


def _order_intervals(low: Array, high: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Intervals in the order of their ends, and in which columns one lies inside another; its order is no use there.

    An interval is sorted as one whole number, its low end before its high end.
    """
    bits = 8 * low.dtype.itemsize
    least = np.iinfo(low.dtype).min
    key = np.dtype(f"u{2 * low.dtype.itemsize}")
    a, b = ((one.astype(np.int32) - least).astype(key) for one in (low, high))
    ordered = sort_rows(a << key.type(bits) | b)
    lo = ((ordered >> key.type(bits)).astype(np.int32) + least).astype(low.dtype)
    hi = ((ordered & key.type((1 << bits) - 1)).astype(np.int32) + least).astype(low.dtype)
    inside: NDArray[np.bool_] = (hi[1:] < hi[:-1]).any(axis=0)
    return lo, hi, inside


def largest_variance(low: Array, high: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Samples with the largest variance: the first few of the ordered intervals at their low ends, the rest at their
    high ends. And in which columns that need not be so, for an interval lies inside another.
    """
    _, square = _widen_types(low.dtype)
    lo, hi, inside = _order_intervals(low, high)
    n = len(lo)
    total = hi.sum(axis=0, dtype=square)
    squares = np.zeros(total.shape, square)
    for one in hi:
        wide = one.astype(square)
        squares += wide * wide
    most, split = n * squares - total * total, np.zeros(total.shape, np.uint8)
    for k in range(n):
        a, b = lo[k].astype(square), hi[k].astype(square)
        total += a - b
        squares += a * a - b * b
        found = n * squares - total * total
        better = found > most
        np.maximum(most, found, out=most)
        split[better] = k + 1
    samples = np.where(np.arange(n, dtype=np.uint8)[:, None] < split, lo, hi)
    return samples, inside


def largest_range(low: Array, high: Array) -> Array:
    """The largest high end minus the low end of another sample, of samples without a sign."""
    n = len(low)
    after = [low[-1]]
    for one in low[-2:0:-1]:
        after.append(np.minimum(after[-1], one))
    least = np.full(low.shape[1], np.iinfo(low.dtype).max, low.dtype)
    found = np.zeros(low.shape[1], low.dtype)
    for i in range(n):
        others = least if i == n - 1 else np.minimum(least, after[n - 2 - i])
        np.maximum(found, high[i] - np.minimum(others, high[i]), out=found)
        np.minimum(least, low[i], out=least)
    return found
