"""Masks and weights beside a chunked array: of each box of samples the same box of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, box_shape
from ..core.plans import Plan, PlanPart, find_squeezed
from ..errors import OptionError, PoolError
from ..pooling import Pooling
from ..valid_samples import SampleRules, check_least, check_mask_dtype, check_shape, find_result_dtype
from ..valid_samples import run as run_valid
from .sources import ArraySource, Target

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

    def check_padding(self, pooling: Pooling) -> None:
        """OptionError where padding is data, of which there is no mask and no weight."""
        if pooling.pad_mode != "exclude":
            raise OptionError("pad_mode", "padding that is data goes with masks and weights in memory only; pad_mode "
                                          "exclude would work")

    def find_result_dtype(self, pooling: Pooling, dtype: dtypes.Type) -> dtypes.Type:
        """The result's dtype of samples of a dtype."""
        return find_result_dtype(pooling, dtype, None if self.weights is None else self.weights.dtype)

    def pool(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart) -> Array:
        """The values of a box of samples, which lies at ``inputs``; the numbers of valid ones are written."""
        mask, weights = (_read(source, inputs, plan) for source in (self.mask, self.weights))
        if mask is not None and self.inverted:
            mask = np.equal(mask, 0)
        rules = SampleRules(mask, weights, self.least, self.of_weights)
        found = run_valid(pooling, samples, plan, rules, return_valid=self.target is not None,
                          shares=self.valid is not None and self.valid.shares, part=part)
        if self.target is not None and found.valid is not None:
            at = [(i, i + n) for i, n in zip(part.first, plan.full_shape, strict=True)]
            kept = tuple(one for axis, one in enumerate(at) if axis not in find_squeezed(part.of))
            self.target.write(kept, found.valid.reshape(box_shape(kept)))
        return found.values


def _read(source: ArraySource | None, inputs: Box, plan: Plan) -> Array | None:
    """A box of a source; of one that has the pooled axes only, along those."""
    if source is None:
        return None
    has_all = len(source.shape) == len(inputs)
    return source.read(inputs if has_all else tuple(inputs[axis] for axis in plan.axes.pooled))
