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


@dataclass(frozen=True)
class ErrorsOutput:
    """A chunked array, or a .npy file, of standard errors."""

    name: str
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class SampleSources:
    """Which samples of an array count, and how much, box by box."""

    mask: ArraySource | None = None
    weights: ArraySource | None = None
    least: int | Fraction = 0
    inverted: bool = False
    """Whether samples count where the mask is 0."""
    of_mask: str = ""
    of_weights: str = ""
    """Where each comes from, ahead of what is said of it."""
    valid: ValidOutput | None = None
    """Where the numbers of valid samples go, if they are wanted."""
    target: Target | None = None
    """The same, open."""
    errors: ErrorsOutput | None = None
    """Where the standard errors of the results go, if they are wanted."""
    errors_target: Target | None = None
    """The same, open."""

    def check(self, pooling: Pooling, plan: Plan) -> None:
        """PoolError for other shapes than a plan's, masks that are none, and more valid samples than a window has."""
        for source, origin, what in ((self.mask, self.of_mask, "mask"),
                                     (self.weights, self.of_weights, "array of weights")):
            if source is not None:
                self.check_source(source, plan, origin, what)
        check_least(self.least, pooling, plan)

    def check_source(self, source: ArraySource, plan: Plan, origin: str, what: str) -> None:
        """PoolError, with its origin ahead, for a source that does not fit the samples."""
        try:
            dtype = dtypes.check_dtype(source.dtype)
            if source is self.mask:
                check_mask_dtype(dtype)
            self.check_shape(source.shape, plan, what)
        except PoolError as error:
            raise PoolError(f"{origin}{error}") from None

    def check_shape(self, shape: tuple[int, ...], plan: Plan, what: str) -> None:
        """PoolError for a shape that is neither the samples' nor that of the pooled axes."""
        check_shape(shape, plan, what)

    def widen(self, outputs: Box, plan: Plan) -> Box:
        """The outputs that must be made together with these."""
        return outputs

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
        found = self.pool_box(pooling, samples, inputs, plan, part,
                              counted=self.target is not None or self.errors_target is not None)
        if self.target is not None and found.valid is not None:
            _write_part(self.target, found.valid, plan, part)
        if self.errors_target is not None:
            _write_part(self.errors_target, self.find_errors(pooling, samples, inputs, plan, part, found), plan, part)
        return found.values

    def find_errors(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart,
                    found: ValidResult) -> Array:
        """The standard errors of a box's results; of sources that know those of samples."""
        raise NotImplementedError

    def read_mask(self, inputs: Box, plan: Plan) -> Array | None:
        """A box of the mask, as it counts."""
        mask = read_beside(self.mask, inputs, plan)
        return mask if mask is None or not self.inverted else np.equal(mask, 0)

    def read_rules(self, inputs: Box, plan: Plan) -> SampleRules:
        """Which samples of a box count, and how much."""
        weights = read_beside(self.weights, inputs, plan)
        return SampleRules(self.read_mask(inputs, plan), weights, self.least, self.of_weights)

    def pool_box(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart, *, counted: bool,
                 shares: bool = False) -> ValidResult:
        """Pool a box of samples, which lies at ``inputs``; tell of valid ones, or of their shares, where that is
        wanted."""
        rules = self.read_rules(inputs, plan)
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
        found = read_beside(self.inner, ranges, self.plan)
        assert found is not None
        shape = box_shape(ranges)
        there = [n if len(found.shape) == len(shape) or i in self.plan.axes.pooled else 1 for i, n in enumerate(shape)]
        return np.broadcast_to(found.reshape(there), shape)


def _write_part(target: Target, values: Array, plan: Plan, part: PlanPart) -> None:
    """Write what a part of a plan gives to its place in the whole."""
    at = [(i, i + n) for i, n in zip(part.first, plan.full_shape, strict=True)]
    kept = tuple(one for axis, one in enumerate(at) if axis not in find_squeezed(part.of))
    target.write(kept, values.reshape(box_shape(kept)))


def read_beside(source: ArraySource | None, inputs: Box, plan: Plan) -> Array | None:
    """A box of a source; of one that has the pooled axes only, or no channels, along those."""
    if source is None:
        return None
    count, letters = len(source.shape), plan.axes.letters
    if count == len(inputs):
        return source.read(inputs)
    pooled = count == len(plan.axes.pooled)
    return source.read(tuple(one for axis, one in enumerate(inputs)
                             if (axis in plan.axes.pooled if pooled else letters[axis] != "C")))
