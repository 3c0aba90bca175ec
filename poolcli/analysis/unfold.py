"""The samples of windows, side by side: what formulas in plain NumPy work on."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows

Array = NDArray[Any]
Block = tuple[slice, slice, slice, slice, slice]
"""Where in a canonical output (outer, D, H, W, inner)."""
MOST_SAMPLES = 1 << 22
"""Gathered at once: 32 MB of float64, so that a formula's few temporaries stay far below a picture's own budget."""


@dataclass(frozen=True, eq=False)
class UnfoldedBlock:
    """The windows of a block of rows of the canonical output (outer, D, H, W, inner), sample by sample.

    ``values[p]`` is the p-th nominal position of every window in C order, shaped as the block; ``present[p]`` tells
    which of them are samples (values are 0 elsewhere), ``flat[p]`` their index within the plane of pooled axes.
    """

    block: Block
    """Where in the canonical output these windows stand."""
    values: Array
    present: NDArray[np.bool_]
    flat: NDArray[np.int64]


def window_positions(windows: Windows) -> tuple[Array, NDArray[np.bool_]]:
    """(windows, most samples): the place of each window's samples on the axis, and which of them are there.

    A window's first sample comes first; padding leaves no holes.
    """
    first, count = windows.present()
    steps = np.arange(max(int(count.max(initial=0)), 1))
    present = steps < count[:, None]
    return np.where(present, first[:, None] + steps * windows.step, 0), present


def split_blocks(shape: Sequence[int], samples: int) -> Iterator[Block]:
    """A canonical output in blocks whose windows have about MOST_SAMPLES together: whole rows, where they are few."""
    outer, d, h, w, inner = shape
    most = max(1, MOST_SAMPLES // max(1, samples))
    channels = max(1, min(inner, most))
    columns = max(1, min(w, most // channels))
    rows = max(1, most // (channels * columns))
    for o, i in itertools.product(range(outer), range(d)):
        for parts in itertools.product(_split_range(h, rows), _split_range(w, columns), _split_range(inner, channels)):
            yield slice(o, o + 1), slice(i, i + 1), *parts


def _split_range(length: int, size: int) -> list[slice]:
    """A range in pieces."""
    return [slice(start, min(length, start + size)) for start in range(0, length, size)]


def unfold(canonical: Array, windows: Sequence[Windows]) -> Iterator[UnfoldedBlock]:
    """The samples of all windows of a canonical array (outer, D, H, W, inner), block by block.

    ``windows`` are those along D, H and W. Missing values (NaN, nodata) are the caller's to leave out of ``present``.
    """
    places, there = zip(*(window_positions(one) for one in windows), strict=True)
    samples = int(np.prod([part.shape[1] for part in places]))
    shape = (canonical.shape[0], *(len(one) for one in windows), canonical.shape[4])
    for block in split_blocks(shape, samples):
        yield unfold_block(canonical, block, places, there)


def unfold_block(canonical: Array, block: Block, places: Sequence[Array], there: Sequence[Array]) -> UnfoldedBlock:
    """Eight axes: samples along D, H and W of a window, then the block's five."""
    d, h, w = (_broadcast_axis(part[cut], axis)
               for axis, (part, cut) in enumerate(zip(places, block[1:4], strict=True)))
    in_d, in_h, in_w = (_broadcast_axis(part[cut], axis)
                        for axis, (part, cut) in enumerate(zip(there, block[1:4], strict=True)))
    outer = np.arange(canonical.shape[0])[block[0]].reshape(-1, 1, 1, 1, 1)
    values = canonical[outer, d, h, w, np.arange(canonical.shape[4])[block[4]]]
    present = np.broadcast_to(in_d & in_h & in_w, values.shape)
    flat = np.broadcast_to((d * canonical.shape[2] + h) * canonical.shape[3] + w, values.shape)
    shape = (-1, *values.shape[3:])
    return UnfoldedBlock(block, np.where(present, values, np.zeros((), values.dtype)).reshape(shape),
                         present.reshape(shape),
                    flat.reshape(shape))


def _broadcast_axis(part: Array, axis: int) -> Array:
    """(windows, samples) of one axis, laid along its two of the eight."""
    shape = [1] * 8
    shape[axis], shape[4 + axis] = part.shape[1], part.shape[0]
    return part.T.reshape(shape)
