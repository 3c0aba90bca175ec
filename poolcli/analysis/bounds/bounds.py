"""What every output can become when each input moves within an interval of its own: certified bounds.

A reducer that never falls when a sample grows has its extremes where all samples have theirs, so the pooled ends are
exact. The others are searched window by window (``interval_extremes.py``, ``variance_extremes.py``). Float results that
were computed, not picked, are rounded outward (``outward_rounding.py``), so that the bounds hold for what ``pool``
gives and for the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import dtypes
from ...core.plans import Plan
from ...core.pool_options import Keywords
from ...core.reducers import REDUCERS, Reducer
from ...engine.prepared import describe_unrepresentable
from ...errors import PoolError
from ...masked import WIDER, find_empty, pads_missing, pool_without
from ...pooling import Pooling, as_array, parse_pooling
from ...valid_samples import find_present, parse_rules
from . import interval_extremes, interval_search, intervals, variance_extremes
from .outward_rounding import (
    ERROR_MODELS,
    HIGH,
    LOW,
    WEIGHTS,
    are_finite,
    convert_bounds,
    count_samples,
    error_margin,
    move_outward,
    needs_outward_rounding,
    rounds_weights,
)
from .weighted_ends import bound_weighted_ends

Array = NDArray[Any]
_COPIES = ("reflect", "edge", "wrap")


@dataclass(frozen=True)
class _BoundMethod:
    """How a reducer is bounded."""

    text: str
    """In words, for reports."""
    solve: interval_search.Solve | None = None
    """The extremes of windows side by side; None where the pooled ends are."""
    ends: Callable[[Array, Array], tuple[Array, Array]] = lambda low, high: (low, high)
    """The two arrays whose pooled values are the bounds."""
    exact: bool = True
    once: bool = True
    """Exact, too, where padding repeats a sample: equal intervals get equal samples."""
    doubles: bool = False
    """Searched in float64, which does not tell all 64-bit integers apart."""
    narrow: bool = False
    """The search works on samples of at most 32 bits as they are, so more of them stay in the cache."""


_MONOTONE = _BoundMethod("exact: it never falls when a sample grows, so both ends are pooled")
_SPREAD = _BoundMethod("exact where no interval lies inside another, or windows have at most 9 samples; else sound",
                       variance_extremes.variance_extremes, once=False, doubles=True, narrow=True)
INTERVAL_RULES: Mapping[str, _BoundMethod] = {
    "magnitudes": _BoundMethod(
        "exact: the samples nearest to 0 and farthest from it are pooled",
        ends=lambda low, high: (intervals.nearest_to_zero(low, high), intervals.farthest_from_zero(low, high))),
    "softmax_mean": _BoundMethod("exact: fractional programming, one sample at a time",
                                 interval_extremes.soft_extremes, doubles=True, narrow=True),
    "expected": _BoundMethod("exact: fractional programming, one sample at a time",
                             interval_extremes.find_expected_extremes, doubles=True, narrow=True),
    "draw": _BoundMethod("sound: what this seed's draws can reach", interval_extremes.draw_extremes, exact=False),
    "mode": _BoundMethod("exact for windows of at most 4 samples; else sound: values that can be as frequent as the "
                         "surest one",
                         interval_extremes.mode_extremes),
    "variance": _SPREAD,
    "deviation": replace(_SPREAD, solve=variance_extremes.deviation_extremes),
    "median_deviation": _BoundMethod("sound: each sample's distances from all that the median can be",
                                     interval_extremes.mad_extremes, exact=False, doubles=True),
    "difference": _BoundMethod("exact: from max low - min high, or 0, to the largest high minus another sample's low",
                               interval_extremes.range_extremes, once=False, narrow=True),
}
"""Of reducers that are not monotone, by the word of the reducer's row."""


def _find_method(row: Reducer) -> _BoundMethod:
    """Return how a reducer is bounded; PoolError where its row says too little for bounds that hold."""
    method = _MONOTONE if row.monotone else INTERVAL_RULES.get(row.interval_rule)
    if method is None or not (row.picks or row.error_model in ERROR_MODELS):
        missing = "whether it grows with its samples" if method is None else "how far its floats are rounded"
        known = ", ".join(name for name, other in REDUCERS.items() if other.monotone or other.interval_rule)
        raise PoolError(f"{row.name} has no certified bounds, for nobody says {missing}; those that have: {known}")
    return method


@dataclass(frozen=True, eq=False)
class Bounds:
    """Between which values every output lies.

    Attributes
    ----------
    reducer
        The name of the reducer.
    low, high
        The least and the largest value of each output: arrays of the shape and dtype that ``pool`` gives.
    exact
        Every bound is attained by some input within the intervals, up to the rounding outward; else they are sound.
    share_exact
        Of the outputs, how many have exact bounds: from 0 to 1.
    rounded
        Bounds were rounded outward, because floats were computed with.
    method
        Why they hold, in words.
    smallest, mean, largest
        Of high - low over all outputs, in the unit of the results; NaN outputs are left out.
    widest
        The index of the output where the largest is; None where all outputs are NaN.
    letters
        The layout letters of the outputs.
    widths
        high - low of each output, as float64.

    Examples
    --------
    >>> import poolcli
    >>> found = poolcli.bounds([[1, 2], [3, 4]], [[1, 2], [3, 9]], "max", size=2)
    >>> found.low.item(), found.high.item(), found.largest, found.widest, found.exact
    (4, 9, 5.0, (0, 0), True)
    """

    reducer: str
    low: Array
    high: Array
    exact: bool
    share_exact: float
    rounded: bool
    method: str
    smallest: float
    mean: float
    largest: float
    widest: tuple[int, ...] | None
    letters: str = field(metadata={"document": False})

    @property
    def widths(self) -> Array:
        """high - low as float64."""
        return _interval_widths(self.low, self.high)


def bounds(low: ArrayLike, high: ArrayLike, reducer: str = "max", *, mask: ArrayLike | None = None,
           weights: ArrayLike | None = None, **options: Unpack[Keywords]) -> Bounds:
    """Bound ``pool(x, reducer, ...)`` for every x of the same dtype with low <= x <= high, sample by sample.

    What is missing (NaN, nodata) is missing in both ends, and stays missing; what is present stays present. NaN that
    arises from infinities of both signs lies outside of any bounds.

    Parameters
    ----------
    low, high
        The ends of the intervals, of one shape and dtype; ``interval`` makes them around an array.
    reducer
        The name of a reducer of which enough is known.
    mask, weights
        Which samples count, and how much, as of ``pool``. With weights bounds are known of sums and means: avg, sum,
        mixed, blur.
    **options
        The keywords of ``pool``.

    Returns
    -------
    Bounds
        ``low`` and ``high`` of every result, whether they are reached (``exact``), and by which method they were found.

    Raises
    ------
    PoolError
        For ends that do not fit together, a reducer without certified bounds, and whatever ``pool`` refuses.

    Examples
    --------
    >>> low, high = intervals.interval(np.array([[1, 2], [3, 4]]), 1)
    >>> found = bounds(low, high, "avg", size=2)
    >>> found.low, found.high, found.exact
    (array([[1.5]]), array([[3.5]]), True)
    """
    pooling = parse_pooling(reducer, **options)
    method = _find_method(pooling.reducer)
    a, b = intervals.check_ends(low, high, pooling.missing())
    dtype = dtypes.check_dtype(a.dtype)
    a, b = a.astype(dtype, copy=False), b.astype(dtype, copy=False)
    plan = pooling.plan(a.shape)
    if pooling.reducer.takes_parts:
        plan.check_whole_samples("bounds")
    missing_value, empty = pooling.fill(pooling.result_dtype(dtype)), None
    rules = None if weights is None else parse_rules(mask, weights)
    if rules is None:
        if mask is not None:
            pooling, a, b, empty = _hide_samples(pooling, plan, a, b, as_array(mask))
        pooling.check_array(a)
        pooling.check_array(b)
    try:
        if rules is not None:
            under, over, exact, empty = bound_weighted_ends(pooling, plan, a, b, rules)
        else:
            bound = _bound_by_ends if method.solve is None else _bound_by_windows
            under, over, exact = bound(pooling, plan, a, b, method)
    except MemoryError:
        raise PoolError(f"not enough memory to bound an array of shape {a.shape}") from None
    rounded = rules is not None or _is_rounded_on_the_way(pooling, plan, a.dtype)
    if empty is not None and empty.any():
        if missing_value is None:
            raise describe_unrepresentable(tuple(int(i) for i in np.argwhere(empty)[0]), under.dtype)
        under[empty] = over[empty] = missing_value[0]
    return _summarize_bounds(pooling, plan, method, (under, over), exact, rounded)


def _hide_samples(pooling: Pooling, plan: Plan, low: Array, high: Array,
                  mask: Array) -> tuple[Pooling, Array, Array, NDArray[np.bool_]]:
    """A pooling that passes over what a mask hides, the ends in which it is marked, and which windows have no sample.

    Narrow integers are widened, so that the mark lies in no interval.
    """
    present = find_present(pooling, low, mask, plan)
    wide = np.dtype(WIDER.get(low.dtype.name, low.dtype.name))
    ends, result = np.stack([low, high]).astype(wide), pooling.result_dtype(low.dtype)
    base, (under, over) = pool_without(pooling, ends, ~np.stack([present, present]), result)
    return base, under, over, find_empty(pooling, plan, ~present, pads_missing(pooling))


def _summarize_bounds(pooling: Pooling, plan: Plan, method: _BoundMethod, found: tuple[Array, Array], exact: Array,
                      rounded: bool) -> Bounds:
    """The answer with its widths."""
    sums = _WidthStatistics()
    flat = [one.reshape(-1) for one in found]
    for start in range(0, flat[0].size, _WIDTHS_AT_ONCE):
        sums.add(_interval_widths(*(one[start : start + _WIDTHS_AT_ONCE] for one in flat)), start)
    at = None if sums.widest is None else tuple(int(i) for i in np.unravel_index(sums.widest, found[0].shape))
    return Bounds(pooling.reducer.name, *found, bool(exact.all()), float(exact.mean()) if exact.size else 1.0, rounded,
                  method.text, *sums.numbers, at, plan.output_letters)


_WIDTHS_AT_ONCE = 1 << 17
"""Widths summed up at a time: they need no memory beside the bounds."""


@dataclass
class _WidthStatistics:
    """The least, the mean and the largest of widths that come in parts; NaN is left out."""

    least: float = math.inf
    largest: float = -math.inf
    widest: int | None = None
    """The flat number of the largest, the first of equal ones."""
    means: list[tuple[float, int]] = field(default_factory=list)

    def add(self, widths: Array, start: int) -> None:
        """More of them, the first with the number ``start``."""
        some = widths[~np.isnan(widths)]
        if not some.size:
            return
        self.least = min(self.least, float(some.min()))
        if float(some.max()) > self.largest:
            self.largest, self.widest = float(some.max()), start + int(np.nanargmax(widths))
        self.means.append((_average_widths(some), some.size))

    @property
    def numbers(self) -> tuple[float, float, float]:
        """All three; NaN of nothing."""
        if not self.means:
            return math.nan, math.nan, math.nan
        count = sum(size for _, size in self.means)
        return self.least, math.fsum(mean * (size / count) for mean, size in self.means), self.largest


def _average_widths(widths: Array) -> float:
    """Return the mean of widths, whose sum may be beyond float64."""
    most = float(widths.max())
    return float((widths / most).mean() * most) if 1e300 < most < np.inf else float(widths.mean())


def _interval_widths(low: Array, high: Array) -> Array:
    """high - low as float64, right for whole numbers of any width; 0 between equal infinities."""
    if low.dtype.kind in "iu":
        unsigned = np.dtype(f"u{low.dtype.itemsize}")
        with np.errstate(over="ignore"):
            return np.asarray(high.astype(unsigned) - low.astype(unsigned), np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.asarray(high, np.float64) - np.asarray(low, np.float64)
    return np.where(high == low, 0.0, apart)


def _is_rounded_on_the_way(pooling: Pooling, plan: Plan, dtype: dtypes.Type) -> bool:
    """Whether values are computed in floats, so that bounds must go outward."""
    return (needs_outward_rounding(pooling, dtype, count_samples(pooling.prepare(plan, dtype).work))
            or rounds_weights(pooling.prepare(plan, dtype).work))


# Monotone reducers.


def _bound_by_ends(pooling: Pooling, plan: Plan, low: Array, high: Array,
                   method: _BoundMethod) -> tuple[Array, Array, Array]:
    """The two arrays pooled, and rounded outward where floats are computed with."""
    a, b = intervals.avoid_nodata(*method.ends(low, high), ~intervals.is_missing(low, pooling.missing()),
                                  pooling.missing())
    if not _is_rounded_on_the_way(pooling, plan, low.dtype):
        under, over = (pooling.run(part, plan).values for part in (a, b))
        return under, over, np.ones(under.shape, np.bool_)
    result, in_doubles = pooling.result_dtype(low.dtype), replace(pooling, dtype=dtypes.FLOAT64)
    values = [in_doubles.run(part, plan).values for part in (a, b)]
    work = pooling.prepare(plan, low.dtype).work
    far = _pool_magnitudes(pooling, plan, low, high)
    lost = WEIGHTS * _pool_magnitudes(pooling, plan, low, high, largest=True) if rounds_weights(work) else 0.0
    samples, finite = work.max_window_samples, are_finite(low, high)
    found = []
    for value, side in zip(values, (LOW, HIGH), strict=True):
        by = error_margin(pooling, low.dtype, samples, value, far, far) + lost
        found.append(convert_bounds(move_outward(value, by, side, finite), pooling, result, side))
    if result.kind == "f":
        return found[0], found[1], np.ones(found[0].shape, np.bool_)
    ends = [pooling.run(part, plan).values for part in (a, b)]  # floor and ceil may take what is outward a step beyond
    under, over = np.minimum(found[0], ends[0]), np.maximum(found[1], ends[1])
    return under, over, (under == ends[0]) & (over == ends[1])


def _pool_magnitudes(pooling: Pooling, plan: Plan, low: Array, high: Array, largest: bool = False) -> Array:
    """What the pooling makes of magnitudes: how much a sum has in it that may cancel. For ranks, the largest."""
    far = np.abs(intervals.farthest_from_zero(low, high).astype(np.float64))
    missing = pooling.missing()
    if missing is not None:
        far[intervals.is_missing(low, missing)] = np.nan
    sums = replace(pooling, nodata=None, dtype=dtypes.FLOAT64, pad_value=abs(pooling.pad_value),
                   nan="ignore" if missing is not None or pooling.skips_nan() else pooling.nan)
    if largest or ERROR_MODELS[pooling.reducer.error_model].of_largest:
        sums = replace(sums, reducer=REDUCERS["max"], parameters={})
    return sums.run(far, plan).values


def _bound_by_windows(pooling: Pooling, plan: Plan, low: Array, high: Array,
                      method: _BoundMethod) -> tuple[Array, Array, Array]:
    """Searched window by window."""
    assert method.solve is not None
    under, over, exact = interval_search.search_windows(pooling, plan, low, high, method.solve, method.narrow)
    blurred = method.doubles and low.dtype.kind in "iu" and low.dtype.itemsize == 8
    certain = method.exact and not blurred and (method.once or pooling.pad_mode not in _COPIES)
    return under, over, exact & certain
