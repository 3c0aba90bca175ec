"""Where a pooled value stood, as PyTorch, ONNX and TensorFlow number it; and from one of them to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import axes as layouts
from ...errors import OptionError, PoolError

Array = NDArray[Any]
Ints = NDArray[np.int64]
NONE = -1
"""What ``pool`` gives for a window without a sample; the same in every format."""


@dataclass(frozen=True)
class IndexedTensor:
    """The array that indices point into: its axes, and the shape that they are counted in."""

    axes: layouts.Axes
    shape: tuple[int, ...]

    @property
    def plane(self) -> tuple[int, ...]:
        """The lengths of the pooled axes."""
        return tuple(self.shape[i] for i in self.axes.pooled)

    @property
    def size(self) -> int:
        """The samples of a plane."""
        return int(np.prod(self.plane, dtype=np.int64))

    def count(self, letter: str) -> int:
        """How long the axis N or C is; 1 where there is none."""
        return self.shape[self.axes.letters.index(letter)] if letter in self.axes.letters else 1

    def along(self, letter: str) -> Ints:
        """The place on the axis N or C, to be broadcast against the indices."""
        shape = [self.count(letter) if one == letter else 1 for one in self.axes.letters]
        return np.arange(self.count(letter), dtype=np.int64).reshape(shape)

    @property
    def starts(self) -> Ints:
        """The first index of every plane, planes counted in the order N, C."""
        return (self.along("N") * self.count("C") + self.along("C")) * self.size


@dataclass(frozen=True)
class _IndexFormat:
    """One way to number the samples of an array. Both functions take int64 of the pooled array's shape."""

    help: str
    encode: Callable[[Ints, IndexedTensor], Ints]
    """From the flat index within the plane."""
    decode: Callable[[Ints, IndexedTensor], Ints]
    """To it; anything outside the plane, or not given back by ``encode``, is an index that cannot be."""


def _reorder_axes(flat: Ints, plane: Sequence[int], old: Any, new: Any) -> Ints:
    """An index within a plane in another order of its axes; what is outside stays outside."""
    size = int(np.prod(plane, dtype=np.int64))
    inside = (flat >= 0) & (flat < size)
    places = np.unravel_index(np.where(inside, flat, 0), plane, order=old)
    return np.where(inside, np.ravel_multi_index(places, plane, order=new), np.int64(size))


def _to_channels_last(flat: Ints, tensor: IndexedTensor) -> Ints:
    """(y W + x) C + c."""
    return flat * tensor.count("C") + tensor.along("C")


def _drop_channels(index: Ints, tensor: IndexedTensor) -> Ints:
    """The plane's part of it."""
    return (index - tensor.along("C")) // tensor.count("C")


INDEX_FORMATS: Mapping[str, _IndexFormat] = {
    "torch": _IndexFormat("flat within each plane, as PyTorch and poolcli", lambda flat, _: flat, lambda i, _: i),
    "onnx": _IndexFormat("flat within the whole tensor of N, C and the plane", lambda flat, t: flat + t.starts,
                         lambda i, t: i - t.starts),
    "onnx-column-major": _IndexFormat("the same with storage_order 1: planes column by column",
                                      lambda flat, t: _reorder_axes(flat, t.plane, "C", "F") + t.starts,
                                      lambda i, t: _reorder_axes(i - t.starts, t.plane, "F", "C")),
    "tensorflow": _IndexFormat("(y W + x) C + c", _to_channels_last, _drop_channels),
    "tensorflow-batch": _IndexFormat("((n H + y) W + x) C + c, with include_batch_in_index",
                                     lambda flat, t: _to_channels_last(flat + t.along("N") * t.size, t),
                                     lambda i, t: _drop_channels(i, t) - t.along("N") * t.size),
}
"""TensorFlow's own result for padded windows is a documented bug of its own; ours never counts padding."""


def check_format(option: str, name: Any) -> _IndexFormat:
    """A row of INDEX_FORMATS, or OptionError."""
    if name not in INDEX_FORMATS:
        raise OptionError(option, f"{option} must be one of {', '.join(INDEX_FORMATS)}, not {name!r}")
    return INDEX_FORMATS[name]


def check_integers(given: ArrayLike) -> Ints:
    """Whole numbers as int64, or PoolError."""
    array = np.asarray(given)
    if array.dtype.kind not in "iu":
        raise PoolError(f"indices are whole numbers, not {array.dtype}; what --indices writes would work")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise PoolError(f"index {array.max()} is larger than any array")
    return array.astype(np.int64)


def to_plane(indices: Ints, tensor: IndexedTensor, row: _IndexFormat) -> Ints:
    """Indices of a format as flat ones within their planes, NONE where there are none; PoolError names a wrong one."""
    flat = row.decode(indices, tensor)
    right = (flat >= 0) & (flat < tensor.size)
    right &= row.encode(np.where(right, flat, 0), tensor) == indices
    wrong = ~right & (indices != NONE)
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise index_error(int(indices[at]), at, tensor)
    return np.where(indices == NONE, NONE, flat)


def index_error(index: int, at: tuple[int, ...], tensor: IndexedTensor) -> PoolError:
    """The error of an index that no sample has."""
    return PoolError(f"index {index} at {at} is no place in {layouts.describe(tensor.shape)} "
                     f"{tensor.axes.letters}; the shape that was pooled, or another index format, would work")


def convert_indices(indices: ArrayLike, source: str, target: str, shape: Sequence[int],
                    layout: str | None = None) -> Ints:
    """Renumber indices of picked samples from one library's way of counting to another's.

    Parameters
    ----------
    indices
        Integers, with the pooled array's axes. -1, for no sample, stays.
    source, target
        torch, onnx, onnx-column-major, tensorflow or tensorflow-batch (``INDEX_FORMATS``); ONNX counts planes in the
        order N, C wherever these axes lie.
    shape
        The shape of the array that was pooled, whose samples the indices name.
    layout
        A letter for each axis.

    Returns
    -------
    numpy.ndarray
        int64, of the shape of ``indices``.

    Raises
    ------
    PoolError
        For an index that no sample has, and a format that is not known.

    Examples
    --------
    >>> import numpy as np
    >>> convert_indices(np.array([[5, 7], [13, 15]]), "torch", "onnx-column-major", (4, 4))
    array([[ 5, 13],
           [ 7, 15]])
    """
    found = check_integers(indices)
    tensor = _describe_tensor(found.shape, shape, layout)
    flat = to_plane(found, tensor, check_format("source", source))
    return np.where(flat == NONE, NONE, check_format("target", target).encode(np.maximum(flat, 0), tensor))


def _describe_tensor(indices: Sequence[int], shape: Sequence[int], layout: str | None) -> IndexedTensor:
    """What indices of one shape say of an array of another: they differ along pooled axes only."""
    shape = tuple(int(n) for n in shape)
    resolved = layouts.resolve(shape, layout)
    if len(indices) != len(shape) or any(indices[i] != n for i, n in enumerate(shape) if i not in resolved.pooled):
        raise PoolError(f"indices of shape {layouts.describe(indices)} are of no pooling of "
                        f"{layouts.describe(shape)} {resolved.letters}")
    return IndexedTensor(resolved, shape)
