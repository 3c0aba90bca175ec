"""The samples of windows, side by side: what formulas in plain NumPy work on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows

Array = NDArray[Any]
Block = tuple[slice, slice, slice, slice, slice]
"""Where in a canonical output (outer, D, H, W, inner)."""
MOST_SAMPLES = 1 << 18
"""Gathered at once: what a formula makes of them stays in the caches."""
Axis = tuple[Array, NDArray[np.bool_]]
"""The places of each window's samples along an axis, and which of them are there, as ``window_positions`` gives."""


@dataclass(frozen=True, eq=False)
class UnfoldedBlock:
    """The windows of a block of rows of the canonical output (outer, D, H, W, inner), sample by sample.

    ``values[p]`` is the p-th nominal position of every window in C order, shaped as the block; values are 0 where
    there is no sample.
    """

    block: Block
    """Where in the canonical output these windows stand."""
    values: Array
    axes: tuple[Axis, Axis, Axis]
    """Of the block's windows along D, H and W."""
    lengths: tuple[int, int]
    """Of the array along H and W."""
    steps: tuple[_Stride, _Stride, _Stride] | None
    """How windows and samples follow each other along D, H and W where that is regular; None where it is not."""

    @cached_property
    def present(self) -> NDArray[np.bool_]:
        """Which positions are samples, shaped as the values."""
        d, h, w = (_broadcast_axis(there, axis) for axis, (_, there) in enumerate(self.axes))
        return self.reshape(d & h & w)

    @property
    def whole(self) -> bool:
        """Whether all positions are samples."""
        return self.steps is not None or all(bool(there.all()) for _, there in self.axes)

    @cached_property
    def flat(self) -> NDArray[np.int64]:
        """The index of each position within the plane of pooled axes."""
        d, h, w = (_broadcast_axis(places, axis) for axis, (places, _) in enumerate(self.axes))
        return self.reshape((d * self.lengths[0] + h) * self.lengths[1] + w)

    def reshape(self, of_positions: Array) -> Array:
        """Something of each position, for each of the block's planes and channels, shaped as the values."""
        counts = tuple(places.shape[1] for places, _ in self.axes)
        outer, d, h, w, inner = self.values.shape[1:]
        return np.broadcast_to(of_positions, (*counts, outer, d, h, w, inner)).reshape(self.values.shape)

    def add_to(self, found: NDArray[np.float64], terms: Array, lock: AbstractContextManager[Any]) -> None:
        """Add a term for each position, where it is a sample, to the samples of an array (outer, D, H, W, inner).

        Other threads add to it too, under the lock.
        """
        if self.steps is not None:
            ranges = [step.reach(places.shape[1]) for step, (places, _) in zip(self.steps, self.axes, strict=True)]
            reached = np.zeros((1, *(stop - start for start, stop in ranges), self.values.shape[5]))
            for term, cut in zip(terms, self.cuts([start for start, _ in ranges]), strict=True):
                reached[(slice(None), *cut)] += term
            with lock:
                found[(self.block[0], *(slice(*one) for one in ranges), self.block[4])] += reached
            return
        inner = found.shape[4]
        places = (self.flat * inner + np.arange(inner)[self.block[4]])[self.present]
        first = int(places.min(initial=0))
        sums = np.bincount(places - first, terms[self.present])
        with lock:
            found[self.block[0]].reshape(-1)[first : first + len(sums)] += sums

    def cuts(self, origin: Sequence[int] = (0, 0, 0)) -> Iterator[tuple[slice, ...]]:
        """The samples at each position, as slices of D, H and W from an origin on; of regular windows."""
        assert self.steps is not None
        for at in np.ndindex(*(places.shape[1] for places, _ in self.axes)):
            yield tuple(step.samples(i, start) for step, i, start in zip(self.steps, at, origin, strict=True))


@dataclass(frozen=True)
class _Stride:
    """Windows that follow each other regularly along an axis, all of their samples there."""

    first: int
    windows: int
    stride: int
    step: int
    """From sample to sample of a window."""

    @classmethod
    def of(cls, places: Array, there: Array) -> _Stride | None:
        """That of an axis, None where windows are clipped or not equally far apart."""
        count, size = places.shape
        stride = int(places[1, 0] - places[0, 0]) if count > 1 else 1
        step = int(places[0, 1] - places[0, 0]) if size > 1 else 1
        first = int(places[0, 0])
        regular = stride > 0 and there.all() and (
            places == first + stride * np.arange(count)[:, None] + step * np.arange(size)).all()
        return cls(first, count, stride, step) if regular else None

    def samples(self, number: int, origin: int = 0) -> slice:
        """The sample of that number of all windows, counted from an origin."""
        start = self.first + number * self.step - origin
        return slice(start, start + (self.windows - 1) * self.stride + 1, self.stride)

    def reach(self, size: int) -> tuple[int, int]:
        """From the first sample to behind the last, of windows of so many samples."""
        return self.first, self.first + (self.windows - 1) * self.stride + (size - 1) * self.step + 1


def window_positions(windows: Windows) -> Axis:
    """(windows, most samples): the place of each window's samples on the axis, and which of them are there.

    A window's first sample comes first; padding leaves no holes.
    """
    first, count = windows.present
    steps = np.arange(max(int(count.max(initial=0)), 1))
    present = steps < count[:, None]
    return np.where(present, first[:, None] + steps * windows.step, 0), present


def split_blocks(shape: Sequence[int], windows: Sequence[Windows], samples: int,
                 at_once: int = MOST_SAMPLES) -> Iterator[Block]:
    """A canonical output in blocks whose windows have about ``at_once`` samples together: whole rows, where few.

    Windows that are whole are apart from those at a border, so that most blocks are regular.
    """
    outer, *_, inner = shape
    most = max(1, at_once // max(1, samples))
    channels = max(1, min(inner, most))
    along_d, along_h, along_w = (_split_border(one) for one in windows)
    for o, (d0, d1), (h0, h1), (w0, w1) in itertools.product(range(outer), along_d, along_h, along_w):
        columns = max(1, min(w1 - w0, most // channels))
        rows = max(1, most // (channels * columns))
        for d, h, w, c in itertools.product(range(d0, d1), _split_range(h0, h1, rows), _split_range(w0, w1, columns),
                                            _split_range(0, inner, channels)):
            yield slice(o, o + 1), slice(d, d + 1), h, w, c


def _split_border(windows: Windows) -> list[tuple[int, int]]:
    """The windows of an axis, those that a border may clip apart from the others."""
    ends = [0, *(windows.edges() if windows.regular else ()), len(windows)]
    return [(start, stop) for start, stop in itertools.pairwise(ends) if start < stop]


def _split_range(start: int, stop: int, size: int) -> list[slice]:
    """A range in pieces."""
    return [slice(at, min(stop, at + size)) for at in range(start, stop, size)]


def unfold(canonical: Array, windows: Sequence[Windows]) -> Iterator[UnfoldedBlock]:
    """The samples of all windows of a canonical array (outer, D, H, W, inner), block by block.

    ``windows`` are those along D, H and W. Missing values (NaN, nodata) are the caller's to leave out of ``present``.
    """
    axes = [window_positions(one) for one in windows]
    samples = prod(places.shape[1] for places, _ in axes)
    shape = (canonical.shape[0], *(len(one) for one in windows), canonical.shape[4])
    for block in split_blocks(shape, windows, samples):
        yield unfold_block(canonical, block, axes)


def unfold_block(canonical: Array, block: Block, axes: Sequence[Axis]) -> UnfoldedBlock:
    """The samples of a block's windows; ``axes`` are those of all windows along D, H and W."""
    d, h, w = ((places[cut], there[cut]) for (places, there), cut in zip(axes, block[1:4], strict=True))
    strides = tuple(_Stride.of(*one) for one in (d, h, w))
    lengths = canonical.shape[2:4]
    if strides[0] is None or strides[1] is None or strides[2] is None:
        return UnfoldedBlock(block, _gather_any(canonical, block, (d, h, w)), (d, h, w), lengths, None)
    shape = (1, *(len(one[0]) for one in (d, h, w)), len(range(canonical.shape[4])[block[4]]))
    values = np.empty((prod(one[0].shape[1] for one in (d, h, w)), *shape), canonical.dtype)
    found = UnfoldedBlock(block, values, (d, h, w), lengths, (strides[0], strides[1], strides[2]))
    for p, cut in enumerate(found.cuts()):  # 1 ns a sample, where ``_gather_any`` takes 30
        values[p] = canonical[(block[0], *cut, block[4])]
    return found


def _gather_any(canonical: Array, block: Block, axes: Sequence[Axis]) -> Array:
    """Eight axes: samples along D, H and W of a window, then the block's five."""
    d, h, w = (_broadcast_axis(places, axis) for axis, (places, _) in enumerate(axes))
    in_d, in_h, in_w = (_broadcast_axis(there, axis) for axis, (_, there) in enumerate(axes))
    outer = np.arange(canonical.shape[0])[block[0]].reshape(-1, 1, 1, 1, 1)
    values = canonical[outer, d, h, w, np.arange(canonical.shape[4])[block[4]]]
    present = np.broadcast_to(in_d & in_h & in_w, values.shape)
    found: Array = np.where(present, values, np.zeros((), values.dtype)).reshape(-1, *values.shape[3:])
    return found


def _broadcast_axis(part: Array, axis: int) -> Array:
    """(windows, samples) of one axis, laid along its two of the eight."""
    shape = [1] * 8
    shape[axis], shape[4 + axis] = part.shape[1], part.shape[0]
    return part.T.reshape(shape)
