"""Where boxes of samples come from: a Zarr array, a .npy file, memory; padded where the pooling wants that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import files
from ..core import dtypes
from ..core.boxes import Box, Range, box_shape, slices
from ..errors import PoolError

if TYPE_CHECKING:
    from ..core.plans import Plan
    from ..pooling import Pooling

Array = NDArray[Any]


class ArraySource(Protocol):
    """An array that is read box by box."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> dtypes.Type:
        """Its dtype, of either byte order."""

    @property
    def chunks(self) -> tuple[int, ...]:
        """What is read at once, along each axis."""

    def read(self, ranges: Box) -> Array:
        """The samples of a box. PoolError where they cannot be read."""

    def reaches(self, ranges: Box) -> Iterator[Box]:
        """The boxes of the array itself that reading a box reads."""


class Target(Protocol):
    """Where boxes of values go. Boxes that share no chunk may be written at the same time."""

    def write(self, ranges: Box, values: Array) -> None:
        """Put values in their place."""


class UnpaddedSource:
    """A source that is not padded."""

    def reaches(self, ranges: Box) -> Iterator[Box]:
        """The box itself."""
        yield ranges


class _NumpySource(UnpaddedSource):
    """A source that is a NumPy array."""

    if TYPE_CHECKING:
        @property
        def array(self) -> Array:
            """All of it."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return self.array.shape

    @property
    def dtype(self) -> dtypes.Type:
        """Its dtype."""
        return self.array.dtype


@dataclass(frozen=True, eq=False)
class MemorySource(_NumpySource):
    """An array at hand, or mapped: one chunk."""

    array: Array

    @property
    def chunks(self) -> tuple[int, ...]:
        """All of it."""
        return self.array.shape

    def read(self, ranges: Box) -> Array:
        """A view."""
        return self.array[slices(ranges)]


@dataclass(frozen=True)
class NpySource(_NumpySource):
    """A .npy file, mapped in each process that reads it."""

    path: str

    @cached_property
    def array(self) -> Array:
        """All of it, mapped."""
        return files.read(self.path).array

    def __getstate__(self) -> dict[str, Any]:
        """A mapped file goes to another process by its name."""
        return {"path": self.path}

    @property
    def chunks(self) -> tuple[int, ...]:
        """Planes along the first axis, of some megabytes."""
        row = max(1, self.array.nbytes // max(1, self.array.shape[0]))
        return (max(1, min(self.array.shape[0], (1 << 22) // row)), *self.array.shape[1:])

    def read(self, ranges: Box) -> Array:
        """A copy, so that no more of the file is mapped in than a box."""
        array = self.array
        found = np.array(array[slices(ranges)])
        files.release_pages(array)
        return found


# Padding that is data: the plan's axes are longer than the array's, and what is beyond them comes from within.


@dataclass(frozen=True, eq=False)
class _PaddedSource:
    """A source whose pooled axes are padded as ``numpy.pad`` would pad them."""

    inner: ArraySource
    mode: str
    value: float
    widths: tuple[Range, ...]
    """How much stands ahead of and behind each axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """With the padding."""
        return tuple(n + before + after for n, (before, after) in zip(self.inner.shape, self.widths, strict=True))

    @property
    def dtype(self) -> dtypes.Type:
        """That of the samples."""
        return self.inner.dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """Those of the array."""
        return self.inner.chunks

    def read(self, ranges: Box) -> Array:
        """A box of the padded array: pieces of the array's body and of its borders, each read by itself."""
        box = np.full(box_shape(ranges), dtypes.scalar(dtypes.check_dtype(self.dtype), self.value)[0])
        axes = [list(self.pieces(axis, wanted)) for axis, wanted in enumerate(ranges)]
        for combined in product(*axes):
            block = self.inner.read(tuple(piece.read for piece in combined))
            box[tuple(piece.to for piece in combined)] = block[np.ix_(*(piece.taken for piece in combined))]
        return box

    def reaches(self, ranges: Box) -> Iterator[Box]:
        """A box for each piece."""
        axes = [list(self.pieces(axis, wanted)) for axis, wanted in enumerate(ranges)]
        for combined in product(*axes):
            yield from self.inner.reaches(tuple(piece.read for piece in combined))

    def pieces(self, axis: int, wanted: Range) -> Iterator[_PaddedPiece]:
        """What an axis' range is put together from: ahead of the array, of it, behind it."""
        n, (before, _) = self.inner.shape[axis], self.widths[axis]
        edges = sorted({*wanted, *(at for at in (before, before + n) if wanted[0] < at < wanted[1])})
        for start, stop in pairwise(edges):
            inside = before <= start < before + n
            if inside or self.mode != "constant":
                places = np.arange(start - before, stop - before) if inside else self.mirror_axis(axis)[start:stop]
                low, high = int(places.min()), int(places.max()) + 1
                yield _PaddedPiece(slice(start - wanted[0], stop - wanted[0]), (low, high), places - low)

    def mirror_axis(self, axis: int) -> NDArray[np.int64]:
        """For each place of a padded axis the sample that stands there."""
        numbers: NDArray[np.int64] = np.pad(np.arange(self.inner.shape[axis]), self.widths[axis],
                                            self.mode)  # type: ignore[call-overload]
        return numbers


@dataclass(frozen=True)
class _PaddedPiece:
    """A stretch of a padded axis."""

    to: slice
    """Where it goes in the box."""
    read: Range
    """What is read of the array for it."""
    taken: NDArray[np.int64]
    """Which of those samples it is made of."""


def pad_source(pooling: Pooling, plan: Plan, source: ArraySource) -> tuple[Pooling, Plan, ArraySource]:
    """The same pooling with its padding done: then no window reaches beyond the array."""
    if pooling.pad_mode == "exclude":
        return pooling, plan, source
    if pooling.pad_mode == "constant" and not dtypes.holds(dtypes.check_dtype(source.dtype), pooling.pad_value):
        raise PoolError(f"pad_value {pooling.pad_value} is no {source.dtype} value")
    widths = [(0, 0)] * len(plan.input_shape)
    for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True):
        widths[axis] = (windows.before, windows.after)
    longer = _PaddedSource(source, pooling.pad_mode, pooling.pad_value, tuple(widths))
    laid = tuple(one.on_padded_axis() for one in plan.windows)
    return (replace(pooling, pad_mode="exclude", pad_value=0), replace(plan, input_shape=longer.shape, windows=laid),
            longer)


def array_bytes(shape: Sequence[int], dtype: dtypes.Type) -> int:
    """The bytes of an array."""
    total = dtype.itemsize
    for n in shape:
        total *= n
    return total
