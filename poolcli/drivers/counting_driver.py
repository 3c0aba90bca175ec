"""Drive modes, ranks and counts of values of large windows that have little in common: NumPy counts the samples.

The mode of 1 M samples of uint8 takes 1.6 ms by it, of float32, which are sorted, 40; the general kernel takes 74 and
134. 100 windows of 100 x 100 take 2.3 and 20, by the sliding kernel 51 and 73.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..kernels.double_double import to_double
from ..kernels.order_statistics import between, rank_of, unit_of_entropy
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for

_COUNTED_BYTES = 2
"""Integers of up to so many bytes are counted in a table of all values; others are sorted."""
LEAST = 1 << 9
"""Samples of a window that are worth the 10 us of a handful of calls."""
LEAST_RANKED = {1: 1 << 17, 2: 1 << 19}
"""The same of ranks, by the bytes of an integer: medians of four windows of 1 M samples of uint8 take 6.4 ms by counts,
12.3 by the general kernel; of 65,000 samples 0.75 and 0.66."""
_COUNTED_AT_ONCE = {1: 1 << 15, 2: 1 << 18}
"""Samples counted at a time, by their bytes: NumPy makes 64 bits of each first, which stay in the second cache so."""
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
    """Choose counting where what is found is written as it is or as a float, and nobody asks where it was."""
    written = work.written
    found = dtypes.result_dtype(work.reducer, work.source)
    same = work.result == found and written == found and work.array.dtype == dtypes.read_dtype(work.source)
    samples = int(np.prod([windows.count_range()[1] for windows in work.windows]))
    few = samples < _find_least(work) or samples * int(np.prod(work.output_shape)) > _OVERLAP * work.array.size
    return None if few or work.want_indices or not (same or written.kind == "f") else _CountingChoice(samples)


def _find_least(work: KernelTask) -> float:
    """Return how many samples a window must have; of ranks only small integers are counted."""
    if work.reducer.sorts != "rank":
        return LEAST
    return LEAST_RANKED[work.array.dtype.itemsize] if _is_counted(work.array.dtype) else math.inf


class _Counts:
    """What is found of the windows of one array."""

    def __init__(self, work: KernelTask, values: Array, samples: int) -> None:
        self.work, self.values, self.samples = work, values, samples
        self.first, self.count = zip(*(windows.present for windows in work.windows), strict=True)

    @property
    def milliseconds(self) -> float:
        """Estimate the time of one thread: 1.5 ns for each sample that is counted, 40 for each that is sorted."""
        return (1.5e-6 if _is_counted(self.work.array.dtype) else 4e-5) * self.values.size * self.samples

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
                good &= self.write(self.value_of(self.work.array[(outer, *spans, c)].reshape(-1)), (outer, *at, c))
            return good
        return run_block

    def write(self, value: np.generic | None, at: tuple[int, ...]) -> bool:
        """Write a value, or what stands for none; False where that is for the general kernel to tell."""
        floats, fill = self.values.dtype.kind == "f", self.work.fill
        certain = (value is not None and (floats or not np.isnan(value))) or (value is None and fill is not None)
        if value is None:
            self.values[at] = fill[0] if fill is not None else np.nan if floats else 0
        elif certain:
            self.values[at] = float(value) if floats else value
        return certain

    def value_of(self, samples: Array) -> np.generic | None:
        """Return what is found of the samples that are not missing; a NaN wins, or is one value more."""
        work, nans = self.work, 0
        if work.nodata is not None:
            samples = samples[samples != work.nodata[0]]
        if samples.dtype.kind == "f" and (nan := np.isnan(samples)).any():
            if not work.skip_nan and work.reducer.nan_wins:
                return np.float64(np.nan)
            nans = 0 if work.skip_nan else int(nan.sum())
            samples = samples[~nan]
        if not samples.size and not nans:
            return None
        values, counts = _count_values(samples)
        counts = np.append(counts, nans) if nans else counts
        return _MEASURES[work.reducer.sorts](samples, values, counts, work)


def _is_counted(dtype: dtypes.Type) -> bool:
    """Return whether samples are counted in a table of all values."""
    return dtype.kind != "f" and dtype.itemsize <= _COUNTED_BYTES


def _count_values(samples: Array) -> tuple[Array, NDArray[np.int64]]:
    """Return some values in order, and how often each occurs: all values of small integers, those there are of others.
    """
    if _is_counted(samples.dtype):
        lowest = int(np.iinfo(samples.dtype).min)
        counts = np.zeros(int(np.iinfo(samples.dtype).max) - lowest + 1, np.int64)
        at_once = _COUNTED_AT_ONCE[samples.itemsize]
        for begin in range(0, samples.size, at_once):
            part = samples[begin : begin + at_once]
            found = np.bincount(part if not lowest else (part.astype(np.int32) - lowest))
            counts[: len(found)] += found
        return np.arange(lowest, lowest + len(counts)).astype(samples.dtype), counts
    ordered = np.sort(samples)
    begins = np.flatnonzero(np.append(samples.size > 0, ordered[1:] != ordered[:-1]))
    return ordered[begins], np.diff(begins, append=len(ordered))


def _most_frequent(samples: Array, values: Array, counts: NDArray[np.int64], work: KernelTask) -> np.generic:
    """Return the most frequent number, of equally frequent ones the smallest; of zeros, the first."""
    mode: np.generic = values[counts.argmax()]
    return samples[samples == 0][0] if mode == 0 and samples.dtype.kind == "f" else mode


def _find_quantile(samples: Array, values: Array, counts: NDArray[np.int64], work: KernelTask) -> np.generic:
    """Return the sample of a rank, or a point between two, by the steps of the general kernel."""
    rank, share = rank_of(samples.size, work.parameters[0])
    low, high = values[np.searchsorted(np.cumsum(counts), [rank, rank + (share > 0.0)], "right")]
    between_two = to_double(*between((float(low), 0.0), (float(high), 0.0), share))
    return np.float64(between_two) if share > 0.0 else low


def _count_distinct(samples: Array, values: Array, counts: NDArray[np.int64], work: KernelTask) -> np.generic:
    """Return how many numbers occur."""
    return np.int64(np.count_nonzero(counts))


def _find_entropy(samples: Array, values: Array, counts: NDArray[np.int64], work: KernelTask) -> np.generic:
    """Return -sum p log p of the numbers' shares."""
    counts = counts[counts > 0]
    n = counts.sum()
    found = (counts / n * (np.log(n) - np.log(counts))).sum() * unit_of_entropy(np.array([*work.parameters, 0.0]))
    return np.float64(found)


_MEASURES: Mapping[str, Callable[[Array, Array, NDArray[np.int64], KernelTask], np.generic]] = {
    "runs": _most_frequent, "rank": _find_quantile, "distinct": _count_distinct, "entropy": _find_entropy}
"""What is found of the samples, their values and how often each occurs, by the word of the reducer's row."""
