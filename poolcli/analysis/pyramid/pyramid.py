"""Pyramids: an array pooled again and again, each level exact, and how far rounding level by level would drift.

A mean of means is the mean of all only where nothing is rounded on the way and all windows are full. So averages, sums,
extremes and norms of level L are taken over windows of the input itself (s^L wide where a window is s wide), partial
ones at the edges with what they hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import axes
from ...core.plans import Plan
from ...errors import PoolError
from ...pooling import Pooling, as_array
from ...valid_samples import SampleRules, parse_rules
from ..stages import as_stage
from .level_rules import LevelRules, check_levels, start_rules
from .pyramid_plan import LevelPlan, plan_levels

Array = NDArray[Any]
_MOST_NAMED = 100
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Drift:
    """How a level differs from the one that pooling the rounded level before would give."""

    max: float
    """The largest absolute difference."""
    mean: float
    """The mean absolute difference."""
    share: float
    """The share of samples that differ."""


@dataclass(frozen=True)
class Labels:
    """The different values of a level."""

    kept: int
    """How many of the input's are there."""
    lost: int
    """How many are not."""
    which: tuple[int | float, ...]
    """Those that are not, in order; the first hundred."""


@dataclass(frozen=True, eq=False)
class Level:
    """One level; number 0 is the input."""

    number: int
    values: Array
    scale: tuple[float, ...]
    """For each axis: samples of the input from one sample to the next."""
    offset: tuple[float, ...]
    """For each axis: where the first sample is centred, the input's first being at 0."""
    exact: bool
    """Whether it is made of the input's samples, not of the level before."""
    drift: Drift | None = None
    labels: Labels | None = None
    centres: tuple[NDArray[np.float64], ...] = field(default=(), metadata={"document": False})
    """For each pooled axis: where the samples are centred."""


@dataclass(frozen=True, eq=False)
class _Pyramid:
    """The input as level 0, and the levels above it.

    Attributes
    ----------
    reducer
        The name of the reducer.
    axes
        The layout letters of the input.
    levels
        The input and each level, finest first.

    Examples
    --------
    >>> import numpy as np
    >>> made = pyramid(np.arange(16.0).reshape(4, 4), "avg", levels=2)
    >>> [level.values.shape for level in made.levels], made.levels[1].scale, made.levels[1].offset
    ([(4, 4), (2, 2), (1, 1)], (2.0, 2.0), (0.5, 0.5))
    """

    reducer: str
    axes: str
    levels: tuple[Level, ...]


def pyramid(x: ArrayLike, reducer: Any = "avg", *, levels: int | None = None, smallest: int | None = None,
            exact: bool | None = None, drift: bool = True, layout: str | None = None, mask: ArrayLike | None = None,
            weights: ArrayLike | None = None, min_valid: int | str | None = None, **keywords: Any) -> _Pyramid:
    """Pool an array again and again.

    Averages, sums, extremes and norms are exact where windows tile (no overlap, no gaps): level L is the pooling of all
    samples of the input below it, rounded once if ``dtype`` asks for it. For mode and subsample each level tells which
    labels are lost.

    Parameters
    ----------
    x
        The array.
    reducer
        The name of a reducer.
    levels
        How many times. Default: as long as every pooled side has ``smallest`` samples.
    smallest
        The fewest samples of a side. Default: 1.
    exact
        True: every level straight from the input, or an error; False: from the level before, unrounded. Default: where
        it can be.
    drift
        Tell for each level how pooling the level before *as it is stored* would differ.
    layout
        A letter for each axis of ``x``.
    mask, weights, min_valid
        Which samples of ``x`` count, and how much, as of ``pool``. A level made from the one before weighs each sample
        by the mean weight of what it was made of, 0 for what does not count, of means and votes; of all other reducers
        those that have a value count alike.
    **keywords
        The keywords of ``pool``.

    Returns
    -------
    Pyramid
        ``levels``, the input first, each with its values and what is known of it.

    Raises
    ------
    PoolError
        Where a level cannot be made; the message says how many can.

    Examples
    --------
    >>> import numpy as np
    >>> made = pyramid(np.arange(64, dtype=np.uint8).reshape(8, 8), "avg", levels=2, dtype="uint8")
    >>> [level.values.shape for level in made.levels], made.levels[2].values.tolist()
    ([(8, 8), (4, 4), (2, 2)], [[14, 18], [46, 50]])
    """
    array, pooling = as_array(x), as_stage(reducer, keywords).pooling
    level_plans = plan_levels(array.shape, pooling, levels=levels, smallest=smallest, exact=exact, layout=layout)
    try:
        made = tuple(report_levels(array, pooling, level_plans, drift, parse_rules(mask, weights, min_valid)))
    except MemoryError:
        raise PoolError(f"not enough memory for the levels of {axes.describe(array.shape)}") from None
    return _Pyramid(pooling.reducer.name, axes.resolve(array.shape, pooling.layout or layout).letters, made)


def iterate_levels(array: Array, pooling: Pooling, level_plans: Iterator[LevelPlan], rules: SampleRules | None = None,
                   ) -> Iterator[tuple[Level, LevelPlan | None, LevelRules | None]]:
    """The levels, one by one, the input first, with the rules of the samples of the one before; nothing is rounded
    between them.

    Only the input and the level before are held. Where samples are missing by a nodata value, a level of whole numbers
    is pooled as it is stored: only there that value stands for what is missing.
    """
    plans = tuple(level_plans)
    first = start_rules(pooling, array, plans[0].step, rules) if rules is not None and rules.given else None
    if first is not None:
        check_levels(pooling, plans, first.rules.weights is not None)
    yield Level(0, array, (1.0,) * array.ndim, (0.0,) * array.ndim, True), None, None
    before, plain, here = array, replace(pooling, dtype=None), first
    for level_plan in plans:
        whole = level_plan.whole is not None
        source, plan = (array, level_plan.whole) if level_plan.whole is not None else (before, level_plan.step)
        values = _pool(pooling, source, plan, first if whole else here)
        stored = pooling.nodata is not None or plain.result_dtype(before.dtype) == values.dtype
        if not whole:
            before = values if stored else _pool(plain, before, plan, here)
        yield Level(level_plan.number, values, level_plan.scale, level_plan.offset, whole,
                    centres=level_plan.centres()), level_plan, here
        here = None if here is None else here.follow(pooling, level_plan.step)


def _pool(pooling: Pooling, array: Array, plan: Plan, rules: LevelRules | None) -> Array:
    """All samples pooled, or those that count."""
    return pooling.run(array, plan).values if rules is None else rules.pool(pooling, array, plan)


def report_levels(array: Array, pooling: Pooling, level_plans: Iterator[LevelPlan], drift: bool,
                  rules: SampleRules | None = None) -> Iterator[Level]:
    """The same with drift and labels."""
    named = None
    stored = array
    for level, level_plan, here in iterate_levels(array, pooling, level_plans, rules):
        if pooling.reducer.suits_labels and level_plan is not None and level_plan.number == 1:
            named = _count_labels(array if here is None else array[here.there > 0], pooling)
        if level_plan is not None and drift:
            as_stored = replace(pooling, dtype=level.values.dtype)
            stored = level.values if level_plan.number == 1 else _pool(as_stored, stored, level_plan.step, here)
            level = replace(level, drift=_measure_drift(stored, level.values))
        if level_plan is not None and named is not None:
            there = _count_labels(level.values, pooling)
            lost = np.setdiff1d(named, there)
            level = replace(level, labels=Labels(len(named) - len(lost), len(lost), tuple(lost[:_MOST_NAMED].tolist())))
        yield level


def _count_labels(array: Array, pooling: Pooling) -> Array:
    """The different values of an array, in order, without missing ones."""
    if array.dtype.kind in "bu" and array.itemsize <= 2:
        found = np.flatnonzero(np.bincount(array.reshape(-1).astype(np.uint16, copy=False), minlength=1))
    else:
        found = np.unique(array)
        found = found[~np.isnan(found)] if array.dtype.kind == "f" else found
    return found[found != pooling.nodata] if pooling.nodata is not None else found


def _measure_drift(one: Array, other: Array) -> Drift:
    """How two arrays of one shape and dtype differ; NaN is like NaN, and at no distance from others. Block by block, in
    float64.
    """
    worst, total, count = 0.0, 0.0, 0
    one, other = one.reshape(-1), other.reshape(-1)
    for start in range(0, one.size, _BLOCK):
        a, b = one[start : start + _BLOCK], other[start : start + _BLOCK]
        unlike = (a != b) & ~((a != a) & (b != b))
        if unlike.any():
            with np.errstate(invalid="ignore"):
                apart = np.abs(a[unlike].astype(np.float64) - b[unlike].astype(np.float64))
            worst, total = max(worst, float(np.fmax.reduce(apart, initial=0))), total + float(np.nansum(apart))
            count += apart.size
    return Drift(worst, total / max(one.size, 1), count / max(one.size, 1))
