"""Drive reducers that keep one place of each window: that is slicing, and NumPy does it at the memory's speed.

Where the first sample of a window is missing, the next ones are looked at, of these windows alone; where many are, or
it is another sample that is kept, the tile kernel does the block, or the general one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows
from . import policy, tile_driver
from .fold.fold_table import missing
from .general_driver import estimate_plain
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for

_BLOCK_SAMPLES = 1 << 24
"""Samples copied by one call, which Ctrl-C waits for: 0.05 s."""


@dataclass(frozen=True)
class _SlicingChoice:
    """Slicing, for a plan or a part of it."""

    def on(self, work: KernelTask, values: Array) -> _Slices:
        """Return the slices of an array."""
        return _Slices(work, values)


def choose(work: KernelTask) -> _SlicingChoice | None:
    """Choose slicing where samples are written as they are or as floats."""
    written = work.written
    same = work.source == work.result and work.array.dtype == written
    return _SlicingChoice() if same or written.kind == "f" else None


class _Slices:
    """One sample of each window, and its index where these are wanted."""

    def __init__(self, work: KernelTask, values: Array) -> None:
        self.work, self.values = work, values
        self.first, self.count = zip(*(windows.present for windows in work.windows), strict=True)
        self.kept = [_PLACES[work.reducer.slices](windows) for windows in work.windows]

    @cached_property
    def tiles(self) -> tile_driver.Tiles | None:
        """The tile kernel on the array, if it serves."""
        choice = tile_driver.choose(self.work) if self.work.reducer.lanes else None
        return None if choice is None else choice.on(self.work, self.values)

    @property
    def milliseconds(self) -> float:
        """Estimate the time of one thread: 1 ns for each sample."""
        return 1e-6 * self.values.size

    def blocks(self, threads: int) -> list[Block]:
        """Cut the work for so many threads."""
        whole = self.work.whole
        outputs = min(_BLOCK_SAMPLES, max(1 << 18, self.values.size // (4 * threads)))
        return cut(whole, sizes_for(whole, max(1, outputs // self.work.output_shape[4])))

    def runner(self) -> Runner:
        """Return a function that copies one block."""
        def run_block(block: Block) -> bool:
            place = tuple(slice(*part) for part in block)
            kept = [places[part] for places, part in zip(self.kept, place[1:], strict=True)]
            samples = self.work.array[place[0]]
            for axis, places in enumerate(kept, 1):
                samples = _take(samples, places, axis)
            indices = None if self.work.indices is None else self.work.indices[place]
            if indices is not None:
                indices[...] = _flat_positions(self.work, kept)
            empty: Any = ()
            if missing(self.work) and (gone := self.is_missing(samples)).any():
                samples = samples.copy()
                looks = self.work.reducer.slices == _FIRST
                empty = self.look_on(samples, gone, indices, block) if looks else None
                if empty is None:
                    return self.give_up(block)
            if samples.dtype != self.values.dtype:  # a 64-bit integer becomes a float32 by a double, as in kernels
                samples = samples.astype(np.float64, copy=False)
            with np.errstate(over="ignore"):
                self.values[place] = samples
            if len(empty) and self.work.fill is not None:
                self.values[place][empty] = self.work.fill
            return not len(empty) or self.work.fill is not None
        return run_block

    def give_up(self, block: Block) -> bool:
        """Let the tile kernel do a block, or the general one, which is to find no value that it could keep."""
        if self.tiles is not None:
            with policy.run_small_plainly(self.tiles.choice.spec, estimate_plain(self.work)):
                return self.tiles.runner()(block)
        if self.values.dtype.kind == "f":
            self.values[tuple(slice(*part) for part in block)] = np.nan
        return False

    def is_missing(self, samples: Array) -> NDArray[np.bool_]:
        """Return which samples do not count."""
        work = self.work
        gone = samples != samples if work.skip_nan else np.zeros(samples.shape, np.bool_)
        return gone if work.nodata is None else gone | (samples == work.nodata[0])

    def look_on(self, samples: Array, gone: NDArray[np.bool_], indices: Array | None, block: Block) -> Any:
        """Replace samples that are gone by the next ones of their windows; return the places of windows without one.

        None where that would be more looks than windows.
        """
        work, places = self.work, np.nonzero(gone)
        first, count = (np.stack([axis[begin:stop][i] for axis, (begin, stop), i
                                  in zip(of_axes, block[1:], places[1:4], strict=True)])
                        for of_axes in (self.first, self.count))
        step = np.array([windows.step for windows in work.windows])[:, None]
        left, total, number, looks = np.arange(len(places[0])), count.prod(axis=0), 0, 0
        exhausted = [left[:0]]
        while len(left):
            number, looks = number + 1, looks + len(left)
            if looks > samples.size:
                return None
            done = total[left] <= number
            exhausted.append(left[done])
            left = left[~done]
            _, high, wide = count[:, left]
            of_window = np.stack([number // wide // high, number // wide % high, number % wide])
            d, h, w = first[:, left] + of_window * step
            found = work.array[places[0][left] + block[0][0], d, h, w, places[4][left]]
            here = ~self.is_missing(found)
            at = tuple(axis[left[here]] for axis in places)
            samples[at] = found[here]
            if indices is not None:
                indices[at] = ((d * work.array.shape[2] + h) * work.array.shape[3] + w)[here]
            left = left[~here]
        ends = np.concatenate(exhausted)
        if indices is not None:
            indices[tuple(axis[ends] for axis in places)] = -1
        return tuple(axis[ends] for axis in places) if len(ends) else ()


def _first_places(windows: Windows) -> NDArray[np.int64]:
    """Return the first sample of each window along an axis."""
    return windows.present[0]


def _last_places(windows: Windows) -> NDArray[np.int64]:
    """Return the last one."""
    first, count = windows.present
    return first + (count - 1) * windows.step


def _centre_places(windows: Windows) -> NDArray[np.int64]:
    """Return the one nearest to the middle of the window's positions, the first of two."""
    first, count = windows.present
    from_first = (windows.sizes - 1) // 2 - windows.offsets()
    found: NDArray[np.int64] = first + np.clip(from_first, 0, count - 1) * windows.step
    return found


_FIRST = "first"
_PLACES: Mapping[str, Callable[[Windows], NDArray[np.int64]]] = {
    _FIRST: _first_places, "last": _last_places, "centre": _centre_places}
"""Which sample is kept, by the word of the reducer's row."""


def _take(samples: Array, places: NDArray[np.int64], axis: int) -> Array:
    """Return the samples at these places along an axis: a view if they are evenly spaced."""
    spacing = int(places[1] - places[0]) if len(places) > 1 else 1
    if spacing < 1 or (np.diff(places) != spacing).any():
        return np.take(samples, places, axis)
    even = slice(int(places[0]), int(places[-1]) + 1, spacing)
    view: Array = samples[(slice(None),) * axis + (even,)]
    return view


def _flat_positions(work: KernelTask, places: list[NDArray[np.int64]]) -> NDArray[Any]:
    """Return the position of each sample in its plane, one for all channels."""
    d, h, w = np.ix_(*places)
    _, _, height, width, _ = work.array.shape
    positions: NDArray[Any] = (d * height + h) * width + w
    return positions[..., None]
