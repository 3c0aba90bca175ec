"""Where reducers that are not monotone have their extremes over a box: one window's intervals in a column.

Each function takes ``low`` and ``high`` of shape (samples, windows), all finite, and gives ``Extremes``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import byte_extremes, intervals
from .column_search import ColumnSearch

Array = NDArray[Any]
_ROUNDS = 100
"""Dinkelbach's iteration converges superlinearly: 4 to 9 rounds on pictures and noise."""


@dataclass(frozen=True, eq=False)
class Extreme:
    """Samples, (some, windows), whose pooled value is the bound; whether it is attained; a bound where it is not."""

    samples: Array
    exact: NDArray[np.bool_]
    beyond: Array | None = None
    """Where not exact, the bound itself in float64, in place of the samples' pooled value."""
    beyond_root: Array | None = None
    """The root of ``beyond``, finite where that is beyond float64."""
    by: str | None = None
    """The reducer that makes the value of the samples; by default the one asked for."""


@dataclass(frozen=True, eq=False)
class Extremes:
    """The least and the largest of each window."""

    low: Extreme
    high: Extreme


def same_for_all(samples: Array, exact: bool = True, by: str | None = None) -> Extreme:
    """The same for all windows."""
    return Extreme(samples, np.full(samples.shape[1], exact), by=by)


# Weighted means whose weights grow with the sample: soft and the expected draw.


def soft_extremes(low: Array, high: Array, parameters: Sequence[float]) -> Extremes:
    """Sum x e^(a x) / sum e^(a x), a = ``parameters[0]``.

    f(x) <= y is sum (x - y) e^(a x) <= 0, a sum of one term a sample: its least value over the box is found sample by
    sample, at x = y - 1 / a or the end nearest to it, and its largest at an end. Starting from a value that is
    attained, y <- f(that x) goes to the extreme itself (Dinkelbach, "On nonlinear fractional programming", 1967). Of a
    negative a it is -f(-x) of -a; 0 is the mean.
    """
    a = parameters[0]
    if a == 0.0:
        return Extremes(same_for_all(low), same_for_all(high))
    if a < 0.0 and low.dtype.kind == "f":
        found = soft_extremes(-high, -low, (-a,))
        return Extremes(same_for_all(-found.high.samples), same_for_all(-found.low.samples))
    if a < 0.0:
        return Extremes(*(same_for_all(end, False, "max") for end in (low.min(axis=0, keepdims=True),
                                                                      high.max(axis=0, keepdims=True))))
    whole = low.dtype.kind != "f"
    rest = -1 / np.expm1(-a)  # of whole numbers x and x + 1 the first is better iff y <= x + e^a / (e^a - 1)
    search = ColumnSearch("softmax_mean", low)
    if search.pays(low):
        least, most, _ = search.run(low, high, [a, 1.0, rest if whole else 1 / a, float(whole)])
        return Extremes(same_for_all(least), same_for_all(most))
    lo, hi = low.astype(np.float64), high.astype(np.float64)
    with search.by_numpy():
        return Extremes(_minimize_ratio(low, high, lambda y: np.ceil(y - rest) if whole else y - 1 / a,
                                        _evaluate_softmax_mean(lo, a)),
                        same_for_all(_maximize_soft(low, high, lo, hi, a)))


def _evaluate_softmax_mean(low: Array, a: float) -> Callable[[Array], Array]:
    """Soft of samples among which the largest is that of ``low``, as in every round of ``_minimize_ratio``."""
    top = low.max(axis=0)

    def mean(x: Array) -> Array:
        weights = np.exp(a * (x - top))
        found: Array = top + ((x - top) * weights).sum(axis=0) / weights.sum(axis=0)
        return found
    return mean


def _minimize_ratio(low: Array, high: Array, best: Callable[[Array], Array], mean: Callable[[Array], Array]) -> Extreme:
    """Descend from the low ends: for a value y take the ``best`` sample of each interval, and the ``mean`` of those."""
    lo, hi = low.astype(np.float64), high.astype(np.float64)
    x, y = lo, mean(lo)
    for _ in range(_ROUNDS):
        nearer = np.clip(best(y), lo, hi)
        lower = mean(nearer)
        better = lower < y
        if not better.any():
            break
        x, y = np.where(better, nearer, x), np.where(better, lower, y)
    return same_for_all(_round_to_samples(x, low, high))


def _round_to_samples(x: Array, low: Array, high: Array) -> Array:
    """Whole numbers in the samples' dtype; of floats the reals between them count too."""
    return x if low.dtype.kind == "f" else np.clip(x.astype(low.dtype), low, high)


def _maximize_soft(low: Array, high: Array, lo: Array, hi: Array, a: float) -> Array:
    """Ascend from the high ends; of each interval the end whose term is larger."""
    top = hi.max(axis=0)
    at_low, at_high = np.exp(a * (lo - top)), np.exp(a * (hi - top))
    with np.errstate(over="ignore"):
        growth = np.exp(a * (hi - lo))
    upper = np.ones(low.shape, np.bool_)
    y = ((hi - top) * at_high).sum(axis=0) / at_high.sum(axis=0) + top
    for _ in range(_ROUNDS):
        with np.errstate(invalid="ignore"):
            now = (hi >= y) | ((y - hi) * growth <= y - lo)
        weights = np.where(now, at_high, at_low)
        higher = (np.where(now, hi - top, lo - top) * weights).sum(axis=0) / weights.sum(axis=0) + top
        better = higher > y
        if not better.any():
            break
        upper, y = np.where(better, now, upper), np.where(better, higher, y)
    return np.where(upper, high, low)


def find_expected_extremes(low: Array, high: Array, _: Any) -> Extremes:
    """Sum x^2 / sum x of samples that are not negative; as ``soft_extremes``, with x (x - y) for the term."""
    whole = low.dtype.kind != "f"
    search = ColumnSearch("expected", low)
    if search.pays(low):
        least, most, _ = search.run(low, high, [0.0, 0.5, 0.5 * whole, float(whole)])
        return Extremes(same_for_all(least), same_for_all(most))
    with search.by_numpy():
        lower = _minimize_ratio(low, high, lambda y: np.ceil((y - 1) / 2) if whole else y / 2,
                                _evaluate_square_mean(high.astype(np.float64)))
        return Extremes(lower, same_for_all(_maximize_expected(low, high)))


def _maximize_expected(low: Array, high: Array) -> Array:
    """Ascend from the high ends."""
    lo, hi = low.astype(np.float64), high.astype(np.float64)
    mean = _evaluate_square_mean(hi)
    upper, y = np.ones(low.shape, np.bool_), mean(hi)
    for _ in range(_ROUNDS):
        now = (hi >= y) | (hi + lo >= y)
        higher = mean(np.where(now, hi, lo))
        better = higher > y
        if not better.any():
            break
        upper, y = np.where(better, now, upper), np.where(better, higher, y)
    return np.where(upper, high, low)


def _evaluate_square_mean(high: Array) -> Callable[[Array], Array]:
    """Sum x^2 / sum x, scaled by the largest sample there can be; 0 where all are 0."""
    top = np.maximum(high.max(axis=0), np.finfo(np.float64).tiny)

    def mean(x: Array) -> Array:
        share = x / top
        total = share.sum(axis=0)
        found: Array = top * (share * share).sum(axis=0) / np.where(total > 0, total, 1)
        return found
    return mean


# Those that pick a sample.


def draw_extremes(low: Array, high: Array, draws: Array) -> Extremes:
    """The sample that a draw t in [0, 1) takes: the first whose running sum exceeds t sum x.

    With A and B the sums before and behind it, sample k is drawn iff z = (1 - t) A - t B lies in (-(1 - t) x_k, t x_k].
    z may be anything between its ends, so k can be drawn iff that range is not missed with x_k = high; the least x_k
    is high enough to meet it. Slack of the sums' rounding keeps it sound.
    """
    lo, hi, t = low.astype(np.float64), high.astype(np.float64), draws
    slack = 2.0**-52 * (len(lo) + 8) * hi.sum(axis=0)
    before_lo, before_hi = lo.cumsum(axis=0) - lo, hi.cumsum(axis=0) - hi
    behind_lo, behind_hi = lo.sum(axis=0) - before_lo - lo, hi.sum(axis=0) - before_hi - hi
    z_lo, z_hi = (1 - t) * before_lo - t * behind_hi - slack, (1 - t) * before_hi - t * behind_lo + slack
    can = (z_lo <= t * hi) & (z_hi >= (t - 1) * hi)
    can |= ~can.any(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = np.fmax(np.fmax(lo, np.where(z_lo > 0, z_lo / t, lo)), -z_hi / (1 - t))
    needed = np.minimum(needed, hi)
    if low.dtype.kind != "f":
        needed = np.ceil(needed - 2.0**-40 * np.maximum(needed, 1))
    at = np.where(can, needed, np.inf).argmin(axis=0)
    lower = np.take_along_axis(needed, at[None], axis=0)
    upper = np.where(can, high, low.min(axis=0)).max(axis=0, keepdims=True)
    return Extremes(same_for_all(np.clip(lower.astype(low.dtype), low.min(axis=0), upper), False, "max"),
                    same_for_all(upper, False, "max"))


def mode_extremes(low: Array, high: Array, _: Any) -> Extremes:
    """The most frequent value (a tie: the smallest).

    Of up to 4 samples all that can be is tried (``_mode_of_few``). Of more: values that can be as frequent as the
    surest one, where some samples are sure; if M samples are sure to be u, a value needs M samples that can be it if it
    is at most u, else M + 1. Without sure samples the least of all can be it, and what two samples can be, or what no
    sample is sure to be below.
    """
    if len(low) <= _FEW:
        return Extremes(*(same_for_all(found[None], by="max") for found in _mode_of_few(low, high)))
    if not (low == high).any():
        lower, upper = low.min(axis=0), high.min(axis=0)
        for end in high:
            holds = np.zeros(end.shape, np.int32)
            for a, b in zip(low, high, strict=True):
                holds += (a <= end) & (end <= b)
            upper = np.where((holds > 1) & (end > upper), end, upper)
        settled = lower == upper
        return Extremes(Extreme(lower[None], settled, by="max"), Extreme(upper[None], settled, by="max"))
    return _sure_mode_extremes(low, high)


_FEW = 4
"""Samples of a window of which all that the mode can be is tried."""


def _mode_of_few(low: Array, high: Array) -> tuple[Array, Array]:
    """The least and the largest mode of up to 4 samples, by trying.

    A value is the mode if the c samples that can be it are, and the others can be such that none below it has c of
    them, and none above more than c. Which samples can be a value, and which lie below, changes at the ends alone; so
    the least is a low end or the value behind a high end, the largest a high end or the value before a low end.
    """
    behind, before = _next_ends(high, 1), _next_ends(low, -1)
    least, most = high.max(axis=0), low.min(axis=0)
    for starts, ends in ((low, high), (behind, before)):
        for a, b in zip(starts, ends, strict=True):
            least = np.where((a < least) & _can_be_mode(a, low, high), a, least)
            most = np.where((b > most) & _can_be_mode(b, low, high), b, most)
    return least, most


def _next_ends(ends: Array, way: int) -> Array:
    """The next value of the dtype beyond each end; an end that is the dtype's last stays."""
    return np.where(ends == _last_value(ends.dtype, way), ends, intervals.next_value(ends, way))


def _last_value(dtype: np.dtype[Any], way: int) -> Any:
    """The largest (1) or the least (-1) value of a dtype."""
    if dtype.kind == "f":
        return dtype.type(way * np.inf)
    if dtype.kind == "b":
        return way > 0
    return np.iinfo(dtype).max if way > 0 else np.iinfo(dtype).min


def _can_be_mode(value: Array, low: Array, high: Array) -> NDArray[np.bool_]:
    """Whether each value can be the mode of its column's samples, up to 4."""
    under = [one < value for one in high]  # samples that are below for sure
    above = [one > value for one in low]
    count, below = len(low) - _sum_up(under) - _sum_up(above), _sum_up(under)
    found: NDArray[np.bool_] = (count > 1) | ((count == 1) & (below == 0) & _can_differ(above, low, high))
    for i, j in combinations(range(len(low)), 2):  # two below that are one value are as many as the two that it has
        found &= ~((count == 2) & under[i] & under[j] & (low[i] == high[i]) & (low[j] == low[i]) & (high[j] == low[i]))
    return found


def _sum_up(these: Sequence[NDArray[np.bool_]]) -> Array:
    """How many are true."""
    found = np.zeros(these[0].shape, np.int8)
    for one in these:
        found += one.view(np.int8)
    return found


def _can_differ(these: Sequence[NDArray[np.bool_]], low: Array, high: Array) -> NDArray[np.bool_]:
    """Whether up to three of the intervals can have a value each (P. Hall: no two share one, no three share two)."""
    found = np.ones(low.shape[1], np.bool_)
    for i, j in combinations(range(len(low)), 2):
        alone = (low[i] == high[i]) & (low[j] == low[i]) & (high[j] == low[i])
        found &= ~(these[i] & these[j] & alone)
    for i, j, k in combinations(range(len(low)), 3):
        start = np.minimum(np.minimum(low[i], low[j]), low[k])
        stop = np.maximum(np.maximum(high[i], high[j]), high[k])
        found &= ~(these[i] & these[j] & these[k] & (stop <= _next_ends(start, 1)))
    return found


def _sure_mode_extremes(low: Array, high: Array) -> Extremes:
    """Values that can be as frequent as the surest one."""
    times, sure = _find_sure_mode(low, high)
    ends = np.concatenate([low, high])
    order = np.argsort(ends, axis=0, kind="stable")  # where ends are equal, intervals begin before others end
    begins = order < len(low)
    begun = begins.cumsum(axis=0)
    over = begun - (~begins).cumsum(axis=0) + ~begins  # how many hold the value of this end
    ends = np.take_along_axis(ends, order, axis=0)
    first = (begins & (over >= np.maximum(times, 1))).argmax(axis=0)
    backward = (~begins & (over >= times + 1))[::-1]
    last = len(ends) - 1 - backward.argmax(axis=0)
    lower, upper = (np.take_along_axis(ends, at[None], axis=0) for at in (first, last))
    upper = np.where(times > 0, np.where(backward.any(axis=0), np.maximum(upper, sure), sure), upper)
    settled = (lower == upper)[0]
    return Extremes(Extreme(lower, settled, by="max"), Extreme(upper, settled, by="max"))


def _find_sure_mode(low: Array, high: Array) -> tuple[Array, Array]:
    """How many samples are sure to be the most frequent sure value (the smallest of those), and that value."""
    sure = low == high
    order = np.lexsort((low, ~sure), axis=0)
    values, sure = np.take_along_axis(low, order, axis=0), np.take_along_axis(sure, order, axis=0)
    places = np.arange(len(low))[:, None]
    fresh = np.concatenate([np.ones((1, low.shape[1]), np.bool_), values[1:] != values[:-1]])
    runs = np.where(sure, places - np.maximum.accumulate(np.where(fresh, places, 0), axis=0) + 1, 0)
    at = runs.argmax(axis=0)[None]
    return np.take_along_axis(runs, at, axis=0)[0], np.take_along_axis(values, at, axis=0)[0]


def mad_extremes(low: Array, high: Array, _: Any) -> Extremes:
    """The median of |x - median x|: the median lies between those of the ends, so each distance does, and theirs."""
    lo, hi = low.astype(np.float64), high.astype(np.float64)
    least, most = np.median(lo, axis=0), np.median(hi, axis=0)
    near = np.median(np.maximum(np.maximum(lo - most, least - hi), 0), axis=0)
    far = np.median(np.maximum(hi - least, most - lo), axis=0)
    never = np.zeros(low.shape[1], np.bool_)
    return Extremes(Extreme(low, never, near), Extreme(low, never, far))


def range_extremes(low: Array, high: Array, _: Any) -> Extremes:
    """Max x - min x: at least max low - min high, or 0; at most high_i - low_j of two samples i and j."""
    top, bottom = low.max(axis=0), high.min(axis=0)
    lower = np.stack([top, np.minimum(top, bottom)])
    if len(low) == 1:
        return Extremes(same_for_all(lower), same_for_all(high))
    if byte_extremes.serves(low) and low.dtype.kind == "u":
        widest = byte_extremes.largest_range(low, high)
        return Extremes(same_for_all(lower), same_for_all(np.stack([widest, np.zeros_like(widest)])))
    i, j = high.argmax(axis=0), low.argmin(axis=0)
    others = np.arange(len(low))[:, None] != i
    second_low = np.where(others, low, high.max(axis=0)).min(axis=0)
    second_high = np.where(others, high, low.min(axis=0)).max(axis=0)
    a = np.stack([high.max(axis=0), np.minimum(second_low, high.max(axis=0))])
    b = np.stack([np.maximum(second_high, low.min(axis=0)), low.min(axis=0)])
    apart = np.stack([high.max(axis=0), low.min(axis=0)])
    wide = _is_wider(a, b)
    return Extremes(same_for_all(lower), same_for_all(np.where(i != j, apart, np.where(wide, a, b))))


def _is_wider(a: Array, b: Array) -> NDArray[np.bool_]:
    """Whether a[0] - a[1] >= b[0] - b[1], both at least 0, without wrapping."""
    if a.dtype.kind == "f":
        half = a.dtype.type(0.5)
        found: NDArray[np.bool_] = half * a[0] - half * a[1] >= half * b[0] - half * b[1]
        return found
    unsigned = np.dtype(f"u{a.dtype.itemsize}")
    a, b = a.astype(unsigned), b.astype(unsigned)
    narrower: NDArray[np.bool_] = a[0] - a[1] >= b[0] - b[1]
    return narrower
