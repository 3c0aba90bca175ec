"""The least and the largest variance over a box: one window's intervals in a column.

Ferson, Ginzburg, Kreinovich, Longpre, Aviles, "Exact bounds on finite populations of interval data", Reliable Computing
11 (2005): the least is found by sorting, the largest is NP-hard where intervals lie within one another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import byte_extremes
from .column_search import ColumnSearch
from .interval_extremes import Array, Extreme, Extremes, same_for_all

_MOST_TRIED = 9
"""Samples of a window whose 2^n corners are all tried where nothing else settles it: 3x3 windows have 512."""
_TRIED_AT_ONCE = 1 << 22
_CLOSE = 2.0**-50
"""A gap between bounds of so small a share is rounding."""


def variance_extremes(low: Array, high: Array, _: Any) -> Extremes:
    """Of samples (n, windows): the least and the largest mean (x - mean x)^2, and so of its root."""
    if not byte_extremes.serves(low):
        return Extremes(_minimize_variance(low, high), _maximize_variance(low, high))
    search = ColumnSearch("variance", low)
    if search.pays(low):
        least, most, inside = search.run(low, high, [float(np.iinfo(low.dtype).min)])
    else:
        with search.by_numpy():
            least, (most, inside) = byte_extremes.least_variance(low, high), byte_extremes.largest_variance(low, high)
    return Extremes(same_for_all(least), _maximize_variance(low, high) if inside.any() else same_for_all(most))


def deviation_extremes(low: Array, high: Array, _: Any) -> Extremes:
    """Return the extremes of the standard deviation: the same samples, and the root of a bound beyond them."""
    found = variance_extremes(low, high, _)
    low_end, high_end = (end if end.beyond is None else replace(end, beyond=end.beyond_root)
                         for end in (found.low, found.high))
    return Extremes(low_end, high_end)


def _minimize_variance(low: Array, high: Array) -> Extreme:
    """Every sample as near as it can be to c, where c is their mean.

    The least of mean (x - c)^2 over x and c: for one c, each x is the nearest to it. mean(nearest to c) - c falls with
    c, so its root is found by halving the sorted ends. Of whole numbers c is the one below or above the root: beyond it
    the samples that are free to follow c are already on the far side of their mean.
    """
    lo, hi, scale = _scale_down(low, high)
    c = _solve_balance(lo, hi)
    if low.dtype.kind == "f":
        return same_for_all(np.clip(c, lo, hi) * scale)
    below = np.floor(c * scale)
    a, b = (_nearest_whole(x, low, high) for x in (below, below + 1))
    return same_for_all(np.where(_estimate_variance(a) <= _estimate_variance(b), a, b))


def _nearest_whole(c: Array, low: Array, high: Array) -> Array:
    """The whole number nearest to c in each interval."""
    least, most = (0, 1) if low.dtype.kind == "b" else (np.iinfo(low.dtype).min, np.iinfo(low.dtype).max)
    inside = np.zeros(c.shape, low.dtype)  # by assignment: np.where takes no Python integer above int64 since NumPy 2.5
    inside[c >= float(most)] = most
    inside[c <= float(least)] = least
    fits = (c > float(least)) & (c < float(most))
    return np.clip(np.where(fits, np.where(fits, c, 0).astype(low.dtype), inside), low, high)


def _estimate_variance(x: Array) -> Array:
    """The variance in float64, good enough to choose by."""
    return np.asarray(x.astype(np.float64).var(axis=0))


def _scale_down(low: Array, high: Array) -> tuple[Array, Array, Array]:
    """Both in float64 over a power of two, so that no square overflows, and that power."""
    lo, hi = low.astype(np.float64), high.astype(np.float64)
    most = np.maximum(np.abs(lo).max(axis=0), np.abs(hi).max(axis=0))
    scale = np.exp2(np.clip(np.frexp(most)[1], -1000, 1000).astype(np.float64))
    return lo / scale, hi / scale, scale


def _solve_balance(lo: Array, hi: Array) -> Array:
    """The c with mean(clip(c, lo, hi)) = c, one for each column; one of them where there are several."""
    ends = np.sort(np.concatenate([lo, hi]), axis=0)
    left, right = np.zeros(lo.shape[1], np.int64), np.full(lo.shape[1], len(ends) - 1)
    while (right - left > 1).any():
        middle = (left + right) // 2
        c = np.take_along_axis(ends, middle[None], axis=0)[0]
        above = np.clip(c, lo, hi).mean(axis=0) >= c
        left, right = np.where(above, middle, left), np.where(above, right, middle)
    start, stop = (np.take_along_axis(ends, at[None], axis=0)[0] for at in (left, right))
    ahead, behind = lo >= stop, hi <= start
    fixed = ahead.sum(axis=0) + behind.sum(axis=0)
    c = (np.where(ahead, lo, 0).sum(axis=0) + np.where(behind, hi, 0).sum(axis=0)) / np.maximum(fixed, 1)
    found: Array = np.where(fixed > 0, np.clip(c, start, stop), start)
    return found


def _maximize_variance(low: Array, high: Array) -> Extreme:
    """Every sample at an end, for the variance is convex.

    Where no interval lies within another (all of one eps), those with the smaller middles are at their low ends, the
    rest at their high ends: swapping two that are not cannot lower the variance. So n + 1 corners are tried. In any
    case mean (x - c)^2 over the box is no less, whatever c: the c that makes it least bounds the rest, and where it
    meets a corner it settles it. Windows of few samples that stay open have all their corners tried.
    """
    lo, hi, scale = _scale_down(low, high)
    order = np.argsort(lo + hi, axis=0, kind="stable")
    lo, hi, low, high = (np.take_along_axis(part, order, axis=0) for part in (lo, hi, low, high))
    centre = (lo.min(axis=0) + hi.max(axis=0)) / 2
    lo, hi = lo - centre, hi - centre
    values, bound = _try_splits(lo, hi)
    upper = np.arange(len(lo))[:, None] >= values.argmax(axis=0)
    beyond = bound + _CLOSE * np.abs(bound)
    settled = (np.diff(lo, axis=0) >= 0).all(axis=0) & (np.diff(hi, axis=0) >= 0).all(axis=0)
    settled |= bound <= values.max(axis=0) * (1 + _CLOSE)
    if not settled.all() and len(lo) <= _MOST_TRIED:
        open_ones = np.flatnonzero(~settled)
        upper[:, open_ones] = _try_corners(lo[:, open_ones], hi[:, open_ones])
        settled[:] = True
    with np.errstate(over="ignore"):
        return Extreme(np.where(upper, high, low), settled, beyond * scale * scale, np.sqrt(beyond) * scale)


def _try_splits(lo: Array, hi: Array) -> tuple[Array, Array]:
    """With samples in the order of their middles: the variance with the first k = 0 ... n low and the others high, and
    the least over c of the largest mean (x - c)^2."""
    n, nothing = len(lo), np.zeros((1, lo.shape[1]))
    sums, squares = (np.concatenate([nothing, part.cumsum(axis=0)]) +
                     np.concatenate([other[::-1].cumsum(axis=0)[::-1], nothing])
                     for part, other in ((lo, hi), (lo * lo, hi * hi)))
    sums, squares = sums / n, squares / n
    middles = (lo + hi) / 2
    infinite = np.full((1, lo.shape[1]), np.inf)
    c = np.clip(sums, np.concatenate([-infinite, middles]), np.concatenate([middles, infinite]))
    return squares - sums * sums, (squares - 2 * c * sums + c * c).min(axis=0)


def _try_corners(lo: Array, hi: Array) -> NDArray[np.bool_]:
    """Of each column the corner with the largest variance, of all 2^n; True is the high end."""
    n, windows = lo.shape
    corners = (np.arange(1 << n)[:, None] >> np.arange(n) & 1).astype(np.float64)
    found = np.empty((n, windows), np.bool_)
    step = max(1, _TRIED_AT_ONCE >> n)
    for start in range(0, windows, step):
        part = slice(start, start + step)
        a, b = lo[:, part], hi[:, part]
        sums = corners @ (b - a) + a.sum(axis=0)
        squares = corners @ (b * b - a * a) + (a * a).sum(axis=0)
        found[:, part] = corners[(squares - sums * sums / n).argmax(axis=0)].T > 0
    return found
