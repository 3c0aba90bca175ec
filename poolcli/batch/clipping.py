"""Counts results that an integer type could not hold, and says what could.

A kernel rounds and saturates in one step, so a result at the end of its type's range may be right or clipped. Only
such results are looked at again: their windows are pooled once more in a wider type, which for integers is the type
that the reducer has by itself. (An l2 of 3x3/1 of 12 M bytes: 0.65 s into uint8, 0.08 s into float64.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, full_box, input_box, slices, subplan
from ..core.plans import Plan, PlanPart
from ..core.reducers import REDUCERS
from ..pooling import Pooling

Array = NDArray[Any]

BOX_OUTPUTS = 1 << 21
"""Outputs that are pooled once more at a time: 16 MiB of float64."""


def may_clip(pooling: Pooling, dtype: Any, result: dtypes.Type | None = None) -> bool:
    """Whether a result can lie beyond its type: of an integer type that cannot hold all that the reducer may give.

    ``result`` is that type, for those who know it.
    """
    source, result = np.dtype(dtype), result or pooling.result_dtype(dtype)
    if result.kind == "f":
        return False
    return not (_stays_in_range(pooling) and source.kind != "f" and _contains(result, source))


def _stays_in_range(pooling: Pooling) -> bool:
    """Whether each result lies between the smallest and the largest sample of its window."""
    known = {p.name: p for p in REDUCERS[pooling.reducer.name].parameters}
    leaves = (value is not None and value != known[name].default and known[name].leaves_range
              for name, value in pooling.parameters.items() if name in known)
    return pooling.reducer.result_range == "samples" and not any(leaves)


def is_nonnegative(pooling: Pooling, dtype: Any) -> bool:
    """Whether no result is below 0, for samples of a type that has no negative values."""
    return pooling.reducer.result_range != "any" and np.dtype(dtype).kind in "bu"


def _contains(result: dtypes.Type, source: dtypes.Type) -> bool:
    """Whether an integer type has all values of another."""
    (low, high), (least, most) = find_limits(result), find_limits(source)
    return low <= least and most <= high


def find_limits(dtype: dtypes.Type) -> tuple[int, int]:
    """The smallest and the largest value of an integer type or of bool."""
    return (0, 1) if dtype == dtypes.BOOL else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))


class ClipCounter:
    """Counts the clipped results of one pooling, part by part, and remembers how large they would have been."""

    def __init__(self, pooling: Pooling, dtype: Any) -> None:
        self.result = pooling.result_dtype(dtype)
        self.wide = replace(pooling, dtype=_wide_dtype(pooling, np.dtype(dtype)))
        self.round = pooling.round
        self.never_below = is_nonnegative(pooling, dtype)
        self.count = self.total = 0
        self.least: float = 0
        self.most: float = 0

    def add(self, array: Array, plan: Plan, values: Array, part: PlanPart | None = None) -> None:
        """Count the clipped ones among the values that a plan, or part of one, gave for an array."""
        self.total += values.size
        values = values.reshape(plan.full_shape)
        for outputs in self.boxes(plan, part):
            here = values[slices(outputs)]
            if self.is_suspect(here):
                self.compare(array, plan, part, outputs)

    def boxes(self, plan: Plan, part: PlanPart | None) -> Iterator[Box]:
        """All outputs, in boxes that bound the memory; one box where a part cannot be cut further."""
        full = full_box(plan.full_shape)
        if part is not None or self.wide.pad_mode != "exclude" or prod(plan.full_shape) <= BOX_OUTPUTS:
            yield full
            return
        axis = max(range(len(full)), key=lambda i: plan.full_shape[i])
        step = max(1, BOX_OUTPUTS * plan.full_shape[axis] // prod(plan.full_shape))
        for start in range(0, plan.full_shape[axis], step):
            yield (*full[:axis], (start, min(start + step, plan.full_shape[axis])), *full[axis + 1 :])

    def is_suspect(self, values: Array) -> bool:
        """Whether any value is an end of its type's range."""
        low, high = find_limits(self.result)
        return bool(values.size) and bool(values.max() == high or (not self.never_below and values.min() == low))

    def compare(self, array: Array, plan: Plan, part: PlanPart | None, outputs: Box) -> None:
        """Pool some outputs in the wider type, and count those beyond the range."""
        if part is None and outputs != full_box(plan.full_shape):
            inputs = input_box(plan, outputs)
            array = array[slices(inputs)]
            plan, part = subplan(plan, outputs, inputs)
        wide = self.wide.run(array, plan, part=part).values
        beyond = self.above(wide) | self.below(wide)
        self.count += int(np.count_nonzero(beyond))
        if beyond.any():
            self.least = min(self.least, wide[beyond].min().item())
            self.most = max(self.most, wide[beyond].max().item())

    def above(self, wide: Array) -> Array:
        """Which values are rounded to more than the largest."""
        high = find_limits(self.result)[1]
        if wide.dtype.kind != "f" or self.round == "ceil":
            return np.asarray(wide > high)
        # the largest of every integer type is odd, so a tie above it is rounded upwards by half-even too
        return np.asarray(wide >= high + (1 if self.round == "floor" else 0.5))

    def below(self, wide: Array) -> Array:
        """Which values are rounded to less than the smallest."""
        low = find_limits(self.result)[0]
        if wide.dtype.kind != "f":
            return np.asarray(wide < low) if wide.dtype.kind == "i" else np.zeros(wide.shape, np.bool_)
        if self.round == "ceil":
            return np.asarray(wide <= low - 1)
        return np.asarray(wide < low - (0 if self.round == "floor" else 0.5))

    def holding_dtype(self) -> dtypes.Type:
        """The smallest type that holds what was clipped: unsigned where nothing is negative, float64 at the last."""
        kind = "int" if self.least < 0 or self.result.kind == "i" else "uint"
        for bits in (8, 16, 32, 64):
            dtype = np.dtype(f"{kind}{bits}")
            low, high = find_limits(dtype)
            if low <= self.least and self.most < high and _contains(dtype, self.result):
                return dtype
        return dtypes.FLOAT64

    def note(self, holders: str) -> str | None:
        """A line for the report that says how many were clipped, and what would hold them; None where none was."""
        if not self.count:
            return None
        low, high = find_limits(self.result)
        ends = " or ".join(str(end) for end, hit in ((low, self.least < low), (high, self.most > high)) if hit)
        return f"{self.count:,} of {self.total:,} samples are clipped to {ends}; {holders} would hold them"


def _wide_dtype(pooling: Pooling, source: dtypes.Type) -> dtypes.Type:
    """A type that shows what was clipped: the reducer's own, or float64 where that is no wider than the result."""
    own = replace(pooling, dtype=None).result_dtype(source)
    if own.kind == "f" or _contains(pooling.result_dtype(source), own):
        return dtypes.FLOAT64
    return own
