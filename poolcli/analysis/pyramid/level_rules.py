"""Which samples of a level count, and how much: what was present in the input counts on.

A level that is made from the one before weighs each of its samples by the mean weight of what that was made of, 1 where
nobody gave weights and 0 for what does not count. So a mean of means is the mean of those samples of the input that
count. Sums and norms add up what is there, and a reducer that takes no weights takes every sample that has a value; so
do medians and quantiles unless weights are given, since a weighted rank is not interpolated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.plans import Plan, PlanPart, place_in
from ...core.reducers import REDUCERS, Reducer
from ...engine.prepared import describe_unrepresentable
from ...errors import OptionError, PoolError
from ...pooling import Pooling
from ...valid_samples import SampleRules, broadcast_rules, check_weighable, find_present, run

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LevelRules:
    """Which samples of one level count."""

    rules: SampleRules
    there: Array
    """The weight of what is present in each sample."""
    whole: Array
    """The weight that would be if all were present."""
    weighs: bool
    """Whether samples of the next levels count by what of them was present."""
    share: Fraction | None = None
    """The least share of it that a window made of this level must have, which its rules do not say."""

    def pool(self, pooling: Pooling, array: Array, plan: Plan, part: PlanPart | None = None) -> Array:
        """The samples that count, pooled; ``part`` says of which larger plan this one is a part."""
        values = run(pooling, array, plan, self.rules, return_valid=False, part=part).values
        if self.share is None:
            return values
        mean = make_mean(pooling)
        there, whole = (mean.run(one, plan, part=part).values for one in (self.there, self.whole))
        few = find_few(there, whole, self.share)
        if few.any():
            fill = pooling.fill(values.dtype)
            if fill is None:
                raise describe_unrepresentable(place_in(np.argwhere(few)[0], None if part is None else part.first),
                                               values.dtype)
            values[few] = fill[0]
        return values

    def follow(self, pooling: Pooling, plan: Plan) -> LevelRules:
        """The rules of the level that ``plan`` makes of this one."""
        there, whole = (_average(pooling, plan, one) for one in (self.there, self.whole))
        least = self.rules.least
        share = least if isinstance(least, Fraction) else self.share
        if share is not None:
            there[find_few(there, whole, share)] = 0
        rules = SampleRules(there > 0, there if self.weighs else None, 0 if share is not None else least)
        return LevelRules(rules, there, whole, self.weighs, share)


def find_few(there: Array, whole: Array, share: Fraction) -> NDArray[np.bool_]:
    """Where the weight that is present is less than a share of the whole."""
    few: NDArray[np.bool_] = there * share.denominator < whole * share.numerator
    return few


def start_rules(pooling: Pooling, array: Array, plan: Plan, rules: SampleRules) -> LevelRules:
    """The rules of the input, whose first level has a plan; PoolError for what does not fit."""
    rules = broadcast_rules(rules, plan).check_weights(pooling, plan)
    weights = np.ones(array.shape) if rules.checked is None else rules.checked.each.astype(np.float64)
    present = find_present(pooling, array, rules.mask, plan)
    weighs = weighs_levels(pooling.reducer, rules.weights is not None)
    return LevelRules(rules, np.where(present, weights, 0.0), weights, weighs)


class LevelPlans(Protocol):
    """The plans of one level."""

    @property
    def number(self) -> int:
        """From 1 on."""

    @property
    def step(self) -> Plan:
        """On the level before."""

    @property
    def whole(self) -> Plan | None:
        """On the input, if that is wanted."""


def check_levels(pooling: Pooling, level_plans: Sequence[LevelPlans], weighted: bool) -> None:
    """PoolError for levels made from the one before where what was present cannot count on; ``weighted`` says whether
    weights are given."""
    for one in level_plans:
        if one.whole is None and one.number > 1:
            try:
                if pooling.pad_mode != "exclude" or weighs_levels(pooling.reducer, weighted):
                    check_weighable(pooling, one.step)
            except OptionError as error:
                raise PoolError("with a mask, weights or a least of valid samples a level made from the one before "
                                f"weighs its samples; {error}") from None


def weighs_levels(row: Reducer, weighted: bool) -> bool:
    """Whether samples of a level count by what of them was present: of means and votes, not of what adds up."""
    return row.weighted_core is not None and not row.extensive and (weighted or row.result != "rank")


def _average(pooling: Pooling, plan: Plan, weights: Array) -> NDArray[np.float64]:
    """The mean weight of each window, times the samples of the largest."""
    found: NDArray[np.float64] = make_mean(pooling).run(weights, plan).values
    return found * count_largest(plan)


def make_mean(pooling: Pooling) -> Pooling:
    """What takes the mean weight of each window of a pooling."""
    row = REDUCERS["avg"]
    return replace(pooling, reducer=row, parameters={one.name: one.default for one in row.parameters},
                   nan="propagate", nodata=None, dtype=dtypes.FLOAT64, fills_nodata=False)


def count_largest(plan: Plan) -> int:
    """The samples of the largest window: by so many mean weights are raised, so that of full windows whole ones stay
    whole."""
    return prod(windows.count_range()[1] for windows in plan.windows)
