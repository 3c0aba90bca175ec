"""Means of whole numbers as whole numbers over one divisor: what a stage hands on where float64 would round.

A mean of bytes is rarely a double: the mean of such means, rounded at the end, can differ from the rounded mean of all.
So where a stage averages whole numbers and another stage follows, its result is kept as sums over the least common
multiple of the windows' counts. What only orders, adds up or averages samples goes on with the numerators; the others,
and what does not fit 63 bits, get the nearest float64, rounded once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.plans import Plan, PlanPart
from ..core.reducers import REDUCERS
from ..pooling import Pooling, parse_pooling

Array = NDArray[Any]
_MAX_BITS = 62
"""Of numerators: one less than int64 has, so that twice a numerator is still one."""


_MAX_COUNTS = 64
"""Of different numbers of samples: windows with more have no divisor of use in common."""


@dataclass(frozen=True, eq=False)
class Fractions:
    """``numerators / divisor``, all over one divisor of at least 2."""

    numerators: Array
    divisor: int

    def convert(self, dtype: dtypes.Type, rounding: str = "half-up") -> Array:
        """Round each to a dtype, once."""
        pooling = replace(parse_pooling("avg", size=1, layout="L", divisor=self.divisor), dtype=dtype, round=rounding)
        flat = np.ascontiguousarray(self.numerators).reshape(-1)
        if not flat.size:
            return self.numerators.astype(dtype)
        return pooling.run(flat, pooling.plan(flat.shape)).values.reshape(self.numerators.shape)

    def over(self, divisor: int) -> Fractions | None:
        """Return the same over a multiple of the divisor; None where numerators do not fit."""
        factor = divisor // self.divisor
        if _find_largest_magnitude(self.numerators) * factor >= 1 << _MAX_BITS:
            return None
        return self if factor == 1 else Fractions(self.numerators.astype(np.int64) * factor, divisor)


def pool_exactly(pooling: Pooling, plan: Plan, given: Array | Fractions,
                 part: PlanPart | None = None) -> Array | Fractions:
    """Pool an array or fractions; fractions come out where ``dtype`` is not asked for and nothing need be rounded.

    What is asked for as another dtype is rounded to it, once, from the exact value. ``part`` says of which larger plan
    this one is a part.
    """
    numerators, divisor = (given.numerators, given.divisor) if isinstance(given, Fractions) else (given, 1)
    source = dtypes.FLOAT64 if isinstance(given, Fractions) else given.dtype
    whole = plan.count_wholly() is plan
    exact = _pool_numerators(pooling, plan, numerators, divisor, part) if whole else None
    if exact is None:
        array = given.convert(dtypes.FLOAT64) if isinstance(given, Fractions) else given
        return pooling.run(array, plan, part=part).values
    result = pooling.result_dtype(source)
    return exact if result == dtypes.FLOAT64 and exact.divisor > 1 else exact.convert(result, pooling.round)


def to_array(given: Array | Fractions) -> Array:
    """Round fractions to float64; an array stays as it is."""
    return given.convert(dtypes.FLOAT64) if isinstance(given, Fractions) else given


def over_one_divisor(values: Sequence[Array | Fractions], most: int | None = None) -> tuple[list[Array], int | None]:
    """Return numerators over a divisor; the nearest float64 and None where there is none for all, up to ``most``."""
    fractions = [one for one in values if isinstance(one, Fractions)]
    divisor = math.lcm(*(one.divisor for one in fractions))
    common = [one.over(divisor) for one in fractions]
    numerators = [one.numerators for one in common if one is not None]
    if len(numerators) == len(values) and (most is None or divisor <= most):
        return numerators, divisor
    return [to_array(one) for one in values], None


def _pool_numerators(pooling: Pooling, plan: Plan, x: Array, divisor: int, part: PlanPart | None) -> Fractions | None:
    """Pool whole numbers over a divisor; None where the result is no fraction of that kind, or too large."""
    row = pooling.reducer
    whole = x.dtype.kind in "iu" and x.dtype != np.uint64
    if not whole or not x.size or pooling.missing() is not None or pooling.pad_mode != "exclude":
        return None
    padded = pooling.parameters.get("count_include_pad")
    counts = [one.nominal() if padded else one.present[1] for one in plan.windows]
    most = math.prod(int(one.max(initial=0)) for one in counts)
    if row.linear == "mean":
        return _sum_over_divisor(pooling, plan, x, divisor, counts, part)
    if divisor == 1 or not (row.linear or (row.picks and not row.draws)):
        return None
    if row.linear and _find_largest_magnitude(x) * most >= 1 << _MAX_BITS:
        return None
    return Fractions(replace(pooling, dtype=np.dtype(np.int64)).run(x, plan, part=part).values, divisor)


def _sum_over_divisor(pooling: Pooling, plan: Plan, x: Array, divisor: int, counts: Sequence[Array],
                      part: PlanPart | None) -> Fractions | None:
    """Sum each window, over a divisor that all windows have in common."""
    given = pooling.parameters.get("divisor")
    products = np.ones(1, np.int64) if given else _unique_products(counts)
    if int(products[0]) == 0 or len(products) > _MAX_COUNTS:
        return None
    common = int(given) if given else math.lcm(*products.tolist())
    most = math.prod(int(one.max(initial=1)) for one in counts)
    bound = _find_largest_magnitude(x) * max(most, common)
    if bound >= 1 << _MAX_BITS or divisor * common > 1 << 53:
        return None
    dtype = np.dtype(np.int32 if bound < 1 << 31 else np.int64)
    sums = replace(pooling, reducer=REDUCERS["sum"], parameters={}, dtype=dtype).run(x, plan, part=part).values
    if not given and len(products) > 1:
        shape = [1] * len(plan.full_shape)
        factors = np.ones(shape, np.int64)
        for axis, count in zip(plan.axes.pooled, counts, strict=True):
            factors = factors * count.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        gone = tuple(i for i in plan.axes.pooled if plan.squeeze and plan.full_shape[i] == 1)
        sums = sums * (common // factors.squeeze(gone)).astype(dtype)
    return Fractions(sums, divisor * common)


def _unique_products(counts: Sequence[Array]) -> NDArray[np.int64]:
    """The numbers of samples that windows have."""
    found = np.ones(1, np.int64)
    for one in counts:
        found = np.unique(np.multiply.outer(found, np.unique(one)))
    return found


def _find_largest_magnitude(x: Array) -> int:
    """The largest magnitude."""
    return max(abs(int(x.min(initial=0))), abs(int(x.max(initial=0))))
