"""Transformed copies of an array, pooled and brought back box by box: what a box of the result needs of each copy."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.boxes import Box, Range, full_box, input_box, slices, subplan
from ...core.plans import Plan
from ...pooling import Pooling
from ..exact_stages import Fractions, over_one_divisor, pool_exactly
from .transforms import Transform

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class PlainCopy:
    """An array as it is."""

    array: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array."""
        return self.array.shape

    def values(self, box: Box) -> Array:
        """A box of it."""
        return self.array[slices(box)]


@dataclass(frozen=True, eq=False)
class PooledCopy:
    """A copy of an array, pooled, and brought back."""

    pooling: Pooling
    plan: Plan
    """Of the turned array."""
    turned: Array
    """The array, flipped and turned but not yet shifted: a view."""
    transform: Transform
    """What is undone of the pooled values; a copy that is not brought back has none of it but the shift of samples."""
    axes: tuple[int, ...]
    """Those that are pooled."""
    steps: tuple[int, ...]
    """How many windows the values are shifted back along each pooled axis."""
    shifts: tuple[int, ...] = ()
    """How many samples the array is shifted along each pooled axis."""

    @classmethod
    def of(cls, pooling: Pooling, array: Array, one: Transform, axes: tuple[int, ...], strides: Sequence[int],
           invariant: bool) -> PooledCopy:
        """A copy by a transform; one that is ``invariant`` is not brought back."""
        turned = replace(one, shifts=()).forward(array, axes)
        steps = () if invariant or not one.shifts else tuple(one.steps(strides))
        undone = Transform("") if invariant else replace(one, shifts=())
        return cls(pooling, pooling.plan(turned.shape), turned, undone, axes, steps, one.shifts)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the values when they have been brought back."""
        return self.transform.shape_before(self.plan.full_shape, self.axes)

    def values(self, box: Box) -> Array | Fractions:
        """The values of a box of what was brought back."""
        turned = self.transform.box(box, self.shape, self.axes)
        steps = dict(zip(self.axes, self.steps, strict=False))
        along = [_split_shifted(turned[axis], steps.get(axis, 0), n) for axis, n in enumerate(self.plan.full_shape)]
        pieces = [self.pool_box(part) for part in itertools.product(*along)]
        joined = _join_pieces(pieces, [len(parts) for parts in along])
        return _apply_to(joined, lambda array: self.transform.back(array, self.axes, ()))

    def pool_box(self, box: Box) -> Array | Fractions:
        """A box of the values before they are brought back."""
        if self.pooling.pad_mode != "exclude":
            return _apply_to(self.whole, lambda array: array[slices(box)])
        needed = input_box(self.plan, box)
        plan, part = subplan(self.plan, box, needed)
        return pool_exactly(self.pooling, plan, self.samples(needed), part)

    @cached_property
    def whole(self) -> Array | Fractions:
        """All values, of padding that is data: that may be a copy of any sample."""
        return pool_exactly(self.pooling, self.plan, self.samples(full_box(self.turned.shape)))

    def samples(self, box: Box) -> Array:
        """A box of the shifted copy: a view, but where the shift comes round."""
        found, shifts = self.turned, dict(zip(self.axes, self.shifts, strict=False))
        for axis, (start, stop) in enumerate(box):
            n = found.shape[axis]
            first = (start - shifts.get(axis, 0)) % n
            if first + stop - start <= n:
                found = found[(slice(None),) * axis + (slice(first, first + stop - start),)]
            else:
                found = found.take(np.arange(first, first + stop - start) % n, axis)
        return found


def _split_shifted(ranges: Range, by: int, length: int) -> list[Range]:
    """A range of an axis, moved on by some windows, which may come round to the front: one range or two."""
    start, stop = ranges
    first = (start + by) % length
    last = first + stop - start
    return [(first, last)] if last <= length else [(first, length), (0, last - length)]


def _join_pieces(pieces: Sequence[Array | Fractions], counts: Sequence[int]) -> Array | Fractions:
    """Put together what lies side by side: so many pieces along each axis, in C order; fractions where all are."""
    if len(pieces) == 1:
        return pieces[0]
    arrays, divisor = over_one_divisor(pieces)
    for axis in reversed(range(len(counts))):
        n = counts[axis]
        arrays = [np.concatenate(arrays[i : i + n], axis) for i in range(0, len(arrays), n)]
    return arrays[0] if divisor is None else Fractions(arrays[0], divisor)


def _apply_to(values: Array | Fractions, move: Callable[[Array], Array]) -> Array | Fractions:
    """Move the values of an array, or the numerators of fractions."""
    return Fractions(move(values.numerators), values.divisor) if isinstance(values, Fractions) else move(values)
