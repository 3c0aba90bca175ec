"""Which samples of a pyramid's levels count, box by box: what ``analysis.pyramid.level_rules`` says of one piece."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analysis.pyramid.level_rules import LevelRules, find_few, start_rules
from ..core import dtypes
from ..core.boxes import Box, box_shape
from ..core.plans import Plan, PlanPart
from ..pooling import Pooling
from .sample_sources import SampleSources
from .sources import ArraySource, UnpaddedSource

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class LevelSources(SampleSources):
    """Which samples of a level count that is made from another one: by what was present there."""

    there: ArraySource | None = None
    """The weight of what is present in each sample."""
    whole: ArraySource | None = None
    """The weight that would be if all were present; None where no share of it is asked for."""
    share: Fraction | None = None
    """The least share of it that a window must have."""

    @classmethod
    def of(cls, there: ArraySource, whole: ArraySource | None, weighs: bool, least: int | Fraction) -> LevelSources:
        """What counts by its weight, or, unless it ``weighs``, as any other sample that is present."""
        share = least if isinstance(least, Fraction) else None
        if whole is not None and share is not None:
            there = _WithoutFew(there, whole, share)
        return cls(None if weighs else _Present(there), there if weighs else None, 0 if isinstance(least, Fraction)
                   else least, there=there, whole=whole, share=share)

    def pool(self, pooling: Pooling, samples: Array, inputs: Box, plan: Plan, part: PlanPart) -> Array:
        """The values of a box of samples, which lies at ``inputs``."""
        there, whole = (np.zeros(()) if one is None else one.read(inputs) for one in (self.there, self.whole))
        level = LevelRules(self.read_rules(inputs, plan), there, whole, self.weights is not None, self.share)
        return level.pool(pooling, samples, plan, part)


@dataclass(frozen=True, eq=False)
class _Derived(UnpaddedSource):
    """A source of numbers that are made of another source's, at the same places."""

    inner: ArraySource

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the other source."""
        return self.inner.shape

    @property
    def dtype(self) -> dtypes.Type:
        """Weights are doubles."""
        return dtypes.FLOAT64

    @property
    def chunks(self) -> tuple[int, ...]:
        """Those of the other source."""
        return self.inner.chunks


@dataclass(frozen=True, eq=False)
class InputWeights(_Derived):
    """The weights of an input's samples."""

    beside: SampleSources
    pooling: Pooling
    plan: Plan
    present: bool
    """Whether those of samples that do not count are 0."""

    def read(self, ranges: Box) -> Array:
        """The weights of a box."""
        samples = self.inner.read(ranges)
        box = replace(self.plan, input_shape=box_shape(ranges))
        first = start_rules(self.pooling, samples.astype(dtypes.check_dtype(samples.dtype), copy=False), box,
                            self.beside.read_rules(ranges, self.plan))
        return first.there if self.present else first.whole


@dataclass(frozen=True, eq=False)
class ScaledWeights(_Derived):
    """Mean weights times a number, so that of full windows whole ones stay whole."""

    factor: int

    def read(self, ranges: Box) -> Array:
        """The weights of a box."""
        return self.inner.read(ranges) * np.float64(self.factor)


@dataclass(frozen=True, eq=False)
class _WithoutFew(_Derived):
    """Weights, those of samples that have too little of the whole being 0."""

    whole: ArraySource
    share: Fraction

    def read(self, ranges: Box) -> Array:
        """The weights of a box."""
        there = self.inner.read(ranges).copy()
        there[find_few(there, self.whole.read(ranges), self.share)] = 0
        return there


@dataclass(frozen=True, eq=False)
class _Present(_Derived):
    """Whether samples have a weight."""

    @property
    def dtype(self) -> dtypes.Type:
        """That of a mask."""
        return np.dtype(np.bool_)

    def read(self, ranges: Box) -> Array:
        """The mask of a box."""
        return self.inner.read(ranges) > 0
