"""Drive modes of large windows that have little in common: NumPy counts each window's samples by value.

The mode of 1 M samples of uint8 takes 1.6 ms by it, of float32, which are sorted, 40; the general kernel takes 74 and
134. 100 windows of 100 x 100 take 2.3 and 20, by the sliding kernel 51 and 73.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core import dtypes
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for

_COUNTED_BYTES = 2
"""Integers of up to so many bytes are counted in a table of all values; others are sorted."""
LEAST = 1 << 9
"""Samples of a window that are worth the 10 us of a handful of calls."""
_OVERLAP = 2
"""How many windows a sample may be in, on average: where it is in more, windows that slide take less."""
_BLOCK_SAMPLES = 1 << 22
"""Samples of the windows of a block, which Ctrl-C waits for."""


@dataclass(frozen=True)
class _CountingChoice:
    """Counting, for a plan or a part of it."""

    samples: int
    """The samples of the largest window."""

    def on(self, work: KernelTask, values: Array) -> _Counts:
        """Return the counts of an array."""
        return _Counts(work, values, self.samples)


def choose(work: KernelTask) -> _CountingChoice | None:
    """Choose counting where the mode is written as it is or as a float, and nobody asks where it was."""
    written = dtypes.write_dtype(work.result)
    same = work.source == work.result and work.array.dtype == written
    samples = int(np.prod([windows.count_range()[1] for windows in work.windows]))
    few = samples < LEAST or samples * int(np.prod(work.output_shape)) > _OVERLAP * work.array.size
    return None if few or work.want_indices or not (same or written.kind == "f") else _CountingChoice(samples)


class _Counts:
    """Modes of the windows of one array."""

    def __init__(self, work: KernelTask, values: Array, samples: int) -> None:
        self.work, self.values, self.samples = work, values, samples
        self.first, self.count = zip(*(windows.present() for windows in work.windows), strict=True)

    @property
    def milliseconds(self) -> float:
        """Estimate the time of one thread: 5 ns for each sample."""
        return 5e-6 * self.values.size * self.samples

    def blocks(self, threads: int) -> list[Block]:
        """Cut the work for so many threads."""
        whole = self.work.whole
        samples = min(_BLOCK_SAMPLES, max(1, self.values.size * self.samples // (4 * threads)))
        return cut(whole, sizes_for(whole, max(1, samples // (self.samples * self.work.output_shape[4]))))

    def runner(self) -> Runner:
        """Return a function that does one block; False where a window has no sample left, or a NaN no place."""
        def run_block(block: Block) -> bool:
            good = True
            for place in np.ndindex(*(stop - begin for begin, stop in block), self.work.output_shape[4]):
                outer, *at, c = (i + begin for i, (begin, _) in zip(place, (*block, (0, 0)), strict=True))
                spans = [slice(first[i], first[i] + count[i] * windows.step, windows.step) for first, count, windows, i
                         in zip(self.first, self.count, self.work.windows, at, strict=True)]
                good &= self.write(self.mode_of(self.work.array[(outer, *spans, c)].reshape(-1)), (outer, *at, c))
            return good
        return run_block

    def write(self, mode: np.generic | None, at: tuple[int, ...]) -> bool:
        """Write a mode, or what stands for none; False where that is for the general kernel to tell."""
        floats, fill = self.values.dtype.kind == "f", self.work.fill
        certain = (mode is not None and (floats or not np.isnan(mode))) or (mode is None and fill is not None)
        if mode is None:
            self.values[at] = fill[0] if fill is not None else np.nan if floats else 0
        elif certain:
            self.values[at] = float(mode) if floats else mode
        return certain

    def mode_of(self, samples: Array) -> np.generic | None:
        """Return the most frequent sample that is not missing, of equally frequent ones the smallest; NaN wins."""
        work = self.work
        if work.nodata is not None:
            samples = samples[samples != work.nodata[0]]
        if samples.dtype.kind == "f" and (nan := np.isnan(samples)).any():
            if not work.skip_nan:
                return np.float64(np.nan)
            samples = samples[~nan]
        if not samples.size:
            return None
        return _most_frequent(samples)


def _most_frequent(samples: Array) -> np.generic:
    """Return the most frequent number, of equally frequent ones the smallest; of zeros, the first."""
    if samples.dtype.kind != "f" and samples.itemsize <= _COUNTED_BYTES:
        lowest = int(np.iinfo(samples.dtype).min)
        unsigned = samples if not lowest else (samples.astype(np.int32) - lowest)
        counted: np.generic = samples.dtype.type(int(np.bincount(unsigned).argmax()) + lowest)
        return counted
    ordered = np.sort(samples)
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    mode: np.generic = ordered[begins[np.diff(begins, append=len(ordered)).argmax()]]
    return samples[samples == 0][0] if mode == 0 else mode
