"""The same picture, moved by a few samples, pooled: how much of the result changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import isfinite, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.axes import describe
from ...core.plans import Plan
from ...errors import PoolError
from ...pooling import Pooling

Array = NDArray[Any]
Floats = NDArray[np.float64]
Places = tuple[int, ...]

_BLOCK = 1 << 15
"""Cells that all shifts are taken of before the next: a block and what it is taken from stay in the cache."""


@dataclass
class ChangeStatistics:
    """|y_t - y_0| over shifts and cells, cells without a number left out."""

    total: float = 0.0
    count: int = 0
    worst: float = 0.0
    same: int = 0
    by_distance: dict[int, list[float]] = field(default_factory=dict)

    def add(self, change: Floats, distance: int) -> None:
        """Those of one shift."""
        there, total = self.add_mean(change)
        self.worst = max(self.worst, float(there.max(initial=0)))
        self.same += there.size - int(np.count_nonzero(there))
        sums = self.by_distance.setdefault(distance, [0.0, 0.0])
        sums[0], sums[1] = sums[0] + total, sums[1] + there.size

    def add_mean(self, change: Floats) -> tuple[Floats, float]:
        """What the score needs, and no more; return those that are numbers, and their sum."""
        there, total = change, float(change.sum())
        if not isfinite(total):
            there = change[np.isfinite(change)]
            total = float(there.sum())
        self.total, self.count = self.total + total, self.count + there.size
        return there, total

    def score(self, span: float) -> float:
        """The mean change as a share of the range; 0 where there is no shift or no range."""
        return self.total / self.count / span if self.count and span > 0 else 0.0


@dataclass(frozen=True, eq=False)
class ShiftedCrops:
    """An array of which parts of one size are pooled, from shifted places on."""

    array: Array
    pooling: Pooling
    plan: Plan
    """Of such a part: the windows lie alike in all of them."""
    strides: Places
    exponent: int = 0
    """Pooled values are divided by two to this power."""

    @classmethod
    def by(cls, array: Array, pooling: Pooling, strides: Places, most: Sequence[int],
           exponent: int = 0) -> ShiftedCrops:
        """Parts that leave room for the largest shift along each pooled axis, and for one stride."""
        axes = pooling.plan(array.shape).axes
        shape = list(array.shape)
        for axis, stride, shift in zip(axes.pooled, strides, most, strict=True):
            shape[axis] -= max(stride, shift)
            if shape[axis] < 1:
                raise PoolError(f"axis {axes.letters[axis]} of {array.shape[axis]} is too short for shifts by "
                                f"{max(stride, shift)}; a smaller stride or a larger array would work")
        try:
            return cls(array, pooling, pooling.plan(shape), strides, exponent)
        except PoolError as error:
            raise PoolError(f"shifts leave {describe(shape)} of {describe(array.shape)}: {error}") from None

    def pool_at(self, at: Places) -> Floats:
        """The part from ``at`` on, pooled; NaN where there is no number."""
        cut: list[Any] = [slice(None)] * self.array.ndim
        for axis, start in zip(self.plan.axes.pooled, at, strict=True):
            cut[axis] = slice(start, start + self.plan.input_shape[axis])
        values = self.pooling.run(self.array[tuple(cut)], self.plan).values.reshape(self.plan.full_shape)
        found = to_floats(values, self.pooling.missing())
        return np.ldexp(found, -self.exponent) if self.exponent else found

    @cached_property
    def first(self) -> Floats:
        """The part that is not shifted, pooled."""
        return self.pool_at((0,) * len(self.strides))

    @cached_property
    def inside(self) -> tuple[tuple[int, int], ...]:
        """Along each pooled axis the cells whose windows lie wholly in the part, from and to."""
        found = []
        for letter, windows in zip(self.plan.axes.pooled_letters, self.plan.windows, strict=True):
            whole = [start >= 0 and stop <= windows.length
                     for start, stop in zip(windows.starts, windows.stops, strict=True)]
            if not any(whole):
                raise PoolError(f"axis {letter} has no window that lies wholly in the array; a larger array, or "
                                "smaller windows, would work")
            found.append((whole.index(True), len(whole) - whole[::-1].index(True)))
        return tuple(found)

    def cells(self, before: Sequence[int], after: Sequence[int]) -> tuple[Any, ...]:
        """Inner cells without so many at both ends, for indexing."""
        cut: list[Any] = [slice(None)] * self.array.ndim
        for axis, (start, stop), b, a in zip(self.plan.axes.pooled, self.inside, before, after, strict=True):
            cut[axis] = slice(start + b, max(start + b, stop - a))
        return tuple(cut)

    def change(self, at: Places) -> Floats:
        """|y_t - y_0| of the inner cells."""
        none = (0,) * len(at)
        cut = self.cells(none, none)
        with np.errstate(invalid="ignore"):
            found: Floats = np.abs(self.pool_at(at)[cut] - self.first[cut])
        return found

    def equivariance(self) -> float | None:
        """The largest |difference| between pooling what was moved by whole strides and moving what was pooled.

        One stride along each axis and along several at once, inner cells only; None where there are none to compare.
        """
        worst = None
        for moves in product((0, 1), repeat=len(self.strides)):
            if not any(moves):
                continue
            none = (0,) * len(moves)
            ours = self.pool_at(tuple(s * m for s, m in zip(self.strides, moves, strict=True)))[self.cells(none, moves)]
            theirs = self.first[self.cells(moves, none)]
            with np.errstate(invalid="ignore"):
                found = np.abs(ours - theirs)
            found = found[np.isfinite(found)]
            worst = max(worst or 0.0, float(found.max())) if found.size else worst
        return worst


def to_floats(values: Array, nodata: int | float | None) -> Floats:
    """Values as float64, NaN for what is missing."""
    made: Floats = values.astype(np.float64)
    if nodata is not None:
        made[values == nodata] = np.nan
    return made


def choose_shifts(most: Sequence[int], at_most: int) -> Iterator[Places]:
    """All shifts from 0 to ``most`` along each axis but none at all; evenly chosen where they are more than so many."""
    axis_share = max(2, int(at_most ** (1 / len(most)) + 1e-9))
    chosen = [range(n + 1) if n < axis_share else sorted({round(i * n / (axis_share - 1)) for i in range(axis_share)})
              for n in most]
    return (at for at in product(*chosen) if any(at))


def measure_dense_changes(dense: Floats, pooled: Sequence[int], strides: Places,
                          moves: Sequence[Places]) -> ChangeStatistics:
    """The mean of the same changes, read from the reducer at stride 1: y_t[i] = z[t + i s]. No padding.

    Block by block, each split into its phases: then all shifts are slices, which lie in one piece and in the cache.
    """
    found = ChangeStatistics()
    most = [max((at[i] for at in moves), default=0) for i in range(len(strides))]
    counts = [(dense.shape[axis] - n - 1) // s + 1 for axis, n, s in zip(pooled, most, strides, strict=True)]
    if min(counts) < 1:
        return found
    step = max(1, _BLOCK * counts[0] // max(1, prod(dense.shape) // prod(strides)))
    for first in range(0, counts[0], step):
        few = (min(step, counts[0] - first), *counts[1:])
        start = (slice(None),) * pooled[0]
        part = dense[(*start, slice(first * strides[0], (first + few[0] - 1) * strides[0] + most[0] + 1))]
        phases = {at: np.ascontiguousarray(_cut_axes(part, pooled, [slice(i, None, s) for i, s in zip(at, strides,
                                                                                                      strict=True)]))
                  for at in product(*map(range, strides))}
        base = _cut_axes(phases[(0,) * len(strides)], pooled, [slice(count) for count in few])
        change = np.empty(base.shape)
        for at in moves:
            phase = phases[tuple(i % s for i, s in zip(at, strides, strict=True))]
            whole = [slice(i // s, i // s + count) for i, s, count in zip(at, strides, few, strict=True)]
            with np.errstate(invalid="ignore"):
                np.subtract(_cut_axes(phase, pooled, whole), base, out=change)
            found.add_mean(np.abs(change, out=change))
    return found


def _cut_axes(values: Floats, pooled: Sequence[int], cuts: Sequence[slice]) -> Floats:
    """A part along the pooled axes."""
    cut: list[Any] = [slice(None)] * values.ndim
    for axis, one in zip(pooled, cuts, strict=True):
        cut[axis] = one
    found: Floats = values[tuple(cut)]
    return found


def blur_once(dense: Floats, pooled: Sequence[int]) -> Floats:
    """The mean of each two neighbours along every pooled axis: m - 1 times make the binomial weights of m taps."""
    for axis in pooled:
        before = (slice(None),) * axis
        dense = (dense[(*before, slice(None, -1))] + dense[(*before, slice(1, None))]) / 2
    return dense
