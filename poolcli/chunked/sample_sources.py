"""Masks and weights beside a chunked array: of each box of samples the same box of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, box_shape
from ..core.plans import Plan, PlanPart
from ..errors import OptionError
from ..pooling import Pooling
from ..valid_samples import SampleRules, check_mask_dtype, check_shape, find_result_dtype
from ..valid_samples import run as run_valid
from .sources import ArraySource, UnpaddedSource

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class _BroadcastSource(UnpaddedSource):
    """An array of the samples' shape from one of that of the pooled axes: the same for all channels and batches."""

    inner: ArraySource
    plan: Plan

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the samples."""
        return self.plan.input_shape

    @property
    def dtype(self) -> dtypes.Type:
        """That of the array."""
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Those of the array, and all of the other axes."""
        pooled = dict(zip(self.plan.axes.pooled, self.inner.chunks, strict=True))
        return tuple(pooled.get(axis, n) for axis, n in enumerate(self.shape))

    def read(self, ranges: Box) -> Array:
        """A view that repeats what is read once."""
        pooled = self.plan.axes.pooled
        found = self.inner.read(tuple(ranges[axis] for axis in pooled))
        shape = box_shape(ranges)
        return np.broadcast_to(found.reshape([n if axis in pooled else 1 for axis, n in enumerate(shape)]), shape)


@dataclass(frozen=True, eq=False)
class SampleSources:
    """Which samples of an array count, and how much, box by box."""

    mask: ArraySource | None = None
    weights: ArraySource | None = None
    least: int | Fraction = 1
    inverted: bool = False
    """Whether samples count where the mask is 0."""

    def fit(self, plan: Plan) -> SampleSources:
        """The same for each sample of a plan; PoolError for other shapes, and for masks that are none."""
        if self.mask is not None:
            check_mask_dtype(dtypes.check_dtype(self.mask.dtype))
        return SampleSources(_broadcast_source(self.mask, plan, "mask"),
                             _broadcast_source(self.weights, plan, "array of weights"), self.least, self.inverted)

    def settle(self, pooling: Pooling, dtype: dtypes.Type) -> dtypes.Type:
        """The result's dtype of samples of a dtype; OptionError where padding is data, which has neither."""
        if pooling.pad_mode != "exclude":
            raise OptionError("pad_mode", "padding that is data goes with masks and weights in memory only; pad_mode "
                                          "exclude would work")
        return find_result_dtype(pooling, dtype, None if self.weights is None else self.weights.dtype)

    def pool(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart) -> Array:
        """The values of a box of samples, which lies at ``inputs``."""
        mask = None if self.mask is None else self.mask.read(inputs)
        if mask is not None and self.inverted:
            mask = np.equal(mask, 0)
        rules = SampleRules(mask, None if self.weights is None else self.weights.read(inputs), self.least)
        return run_valid(pooling, samples, plan, rules, return_valid=False, part=part).values


def _broadcast_source(source: ArraySource | None, plan: Plan, what: str) -> ArraySource | None:
    """A source for each sample of a plan."""
    if source is None:
        return None
    check_shape(source.shape, plan, what)
    return source if source.shape == plan.input_shape else _BroadcastSource(source, plan)
