"""Masks and weights beside a chunked array: of each box of samples the same box of theirs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, box_shape
from ..core.plans import Plan, PlanPart, find_squeezed
from ..errors import OptionError, PoolError
from ..masked import pads_missing
from ..pooling import Pooling
from ..valid_samples import (
    NO_WEIGHTS_OF_PADDING,
    SampleRules,
    ValidResult,
    check_least,
    check_mask_dtype,
    check_shape,
    find_result_dtype,
)
from ..valid_samples import run as run_valid
from .sources import ArraySource, Target, UnpaddedSource, pad_source

Array = NDArray[Any]


@dataclass(frozen=True)
class ValidOutput:
    """A .npy file of the numbers of valid samples."""

    name: str
    shares: bool = False
    """They are told as shares of their windows."""
    overwrite: bool = False

    @property
    def dtype(self) -> dtypes.Type:
        """What they are written as."""
        return np.dtype(np.float32 if self.shares else np.uint32)


@dataclass(frozen=True, eq=False)
class SampleSources:
    """Which samples of an array count, and how much, box by box."""

    mask: ArraySource | None = None
    weights: ArraySource | None = None
    least: int | Fraction = 1
    inverted: bool = False
    """Whether samples count where the mask is 0."""
    of_mask: str = ""
    of_weights: str = ""
    """Where each comes from, ahead of what is said of it."""
    valid: ValidOutput | None = None
    """Where the numbers of valid samples go, if they are wanted."""
    target: Target | None = None
    """The same, open."""

    def check(self, pooling: Pooling, plan: Plan) -> None:
        """PoolError for other shapes than a plan's, masks that are none, and more valid samples than a window has."""
        for source, origin, what in ((self.mask, self.of_mask, "mask"),
                                     (self.weights, self.of_weights, "array of weights")):
            if source is None:
                continue
            try:
                dtype = dtypes.check_dtype(source.dtype)
                if source is self.mask:
                    check_mask_dtype(dtype)
                check_shape(source.shape, plan, what)
            except PoolError as error:
                raise PoolError(f"{origin}{error}") from None
        check_least(self.least, pooling, plan)

    def pad(self, pooling: Pooling, plan: Plan) -> SampleSources:
        """The same for samples that are padded with data: what repeats a sample counts where that one does, and a
        constant always; OptionError for what has no meaning then."""
        if pooling.pad_mode == "exclude":
            return self
        if self.weights is not None:
            raise OptionError("weights", NO_WEIGHTS_OF_PADDING)
        if pads_missing(pooling):
            raise OptionError("pad_value", "padding that is missing is no data; pad_mode exclude would work")
        if self.mask is None:
            return self
        counts = replace(pooling, pad_value=0 if self.inverted else 1)
        return replace(self, mask=pad_source(counts, plan, _BroadcastSource(self.mask, plan))[2])

    def find_result_dtype(self, pooling: Pooling, dtype: dtypes.Type) -> dtypes.Type:
        """The result's dtype of samples of a dtype."""
        return find_result_dtype(pooling, dtype, None if self.weights is None else self.weights.dtype)

    def pool(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart) -> Array:
        """The values of a box of samples, which lies at ``inputs``; the numbers of valid ones are written."""
        found = self.pool_box(pooling, samples, inputs, plan, part, counted=self.target is not None)
        if self.target is not None and found.valid is not None:
            at = [(i, i + n) for i, n in zip(part.first, plan.full_shape, strict=True)]
            kept = tuple(one for axis, one in enumerate(at) if axis not in find_squeezed(part.of))
            self.target.write(kept, found.valid.reshape(box_shape(kept)))
        return found.values

    def pool_box(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart, *, counted: bool,
                 shares: bool = False) -> ValidResult:
        """Pool a box of samples, which lies at ``inputs``; tell of valid ones, or of their shares, where that is
        wanted."""
        mask, weights = (_read(source, inputs, plan) for source in (self.mask, self.weights))
        if mask is not None and self.inverted:
            mask = np.equal(mask, 0)
        rules = SampleRules(mask, weights, self.least, self.of_weights)
        return run_valid(pooling, samples, plan, rules, return_valid=counted,
                         shares=shares or (self.valid is not None and self.valid.shares), part=part)


@dataclass(frozen=True, eq=False)
class _BroadcastSource(UnpaddedSource):
    """A source of the samples' shape, of one of that shape or of that of the pooled axes."""

    inner: ArraySource
    plan: Plan

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the samples."""
        return self.plan.input_shape

    @property
    def dtype(self) -> dtypes.Type:
        """That of the source."""
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """All of it: nobody asks for chunks of masks."""
        return self.plan.input_shape

    def read(self, ranges: Box) -> Array:
        """A box, along other axes than the pooled ones the same again and again."""
        found = _read(self.inner, ranges, self.plan)
        assert found is not None
        shape = box_shape(ranges)
        there = [n if len(found.shape) == len(shape) or i in self.plan.axes.pooled else 1 for i, n in enumerate(shape)]
        return np.broadcast_to(found.reshape(there), shape)


def _read(source: ArraySource | None, inputs: Box, plan: Plan) -> Array | None:
    """A box of a source; of one that has the pooled axes only, along those."""
    if source is None:
        return None
    has_all = len(source.shape) == len(inputs)
    return source.read(inputs if has_all else tuple(inputs[axis] for axis in plan.axes.pooled))
