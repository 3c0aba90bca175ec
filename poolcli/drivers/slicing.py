"""Drive ``subsample`` where no sample is missing: it is slicing, and NumPy does it at the memory's speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for

BLOCK_SAMPLES = 1 << 24
"""Samples copied by one call, which Ctrl-C waits for: 0.05 s."""


@dataclass(frozen=True)
class Choice:
    """Slicing, for a plan or a part of it."""

    def on(self, work: KernelTask, values: Array) -> Slices:
        """Return the slices of an array."""
        return Slices(work, values)


def choose(work: KernelTask) -> Choice | None:
    """Choose slicing where every window's first sample is there, and is written as it is or as a float."""
    missing = work.skip_nan or work.nodata is not None
    written = dtypes.write_dtype(work.result)
    same = work.source == work.result and work.array.dtype == written
    return None if missing or not (same or written.kind == "f") else Choice()


class Slices:
    """The first samples of windows, and their indices where these are wanted."""

    def __init__(self, work: KernelTask, values: Array) -> None:
        self.work, self.values = work, values
        self.first = [windows.present()[0] for windows in work.windows]

    @property
    def milliseconds(self) -> float:
        """Estimate the time of one thread: 1 ns for each sample."""
        return 1e-6 * self.values.size

    def blocks(self, threads: int) -> list[Block]:
        """Cut the work for so many threads."""
        whole = self.work.whole
        outputs = min(BLOCK_SAMPLES, max(1 << 18, self.values.size // (4 * threads)))
        return cut(whole, sizes_for(whole, max(1, outputs // self.work.output_shape[4])))

    def runner(self) -> Runner:
        """Return a function that copies one block."""
        def run_block(block: Block) -> bool:
            place = tuple(slice(*part) for part in block)
            samples = self.work.array[place[0]]
            for axis, (first, part) in enumerate(zip(self.first, place[1:], strict=True), 1):
                samples = take(samples, first[part], axis)
            if samples.dtype != self.values.dtype:  # a 64-bit integer becomes a float32 by a double, as in kernels
                samples = samples.astype(np.float64, copy=False)
            with np.errstate(over="ignore"):
                self.values[place] = samples
            if self.work.indices is not None:
                firsts = [first[part] for first, part in zip(self.first, place[1:], strict=True)]
                self.work.indices[place] = flat_positions(self.work, firsts)
            return True
        return run_block


def take(samples: Array, places: NDArray[np.int64], axis: int) -> Array:
    """Return the samples at these places along an axis: a view if they are evenly spaced."""
    spacing = int(places[1] - places[0]) if len(places) > 1 else 1
    if spacing < 1 or (np.diff(places) != spacing).any():
        return np.take(samples, places, axis)
    even = slice(int(places[0]), int(places[-1]) + 1, spacing)
    view: Array = samples[(slice(None),) * axis + (even,)]
    return view


def flat_positions(work: KernelTask, places: list[NDArray[np.int64]]) -> NDArray[Any]:
    """Return the position of each sample in its plane, one for all channels."""
    d, h, w = np.ix_(*places)
    _, _, height, width, _ = work.array.shape
    positions: NDArray[Any] = (d * height + h) * width + w
    return positions[..., None]
