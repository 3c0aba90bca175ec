"""Drive the kernel that counts values (``kernels/value_counts.py``): numbers of values, entropies, shares of classes.

Few samples are put in order instead (``network_driver.py``). CPU milliseconds of 1 MP of uint8 in 30 classes: entropies
of 5x5/1 17, by lanes 250; shares of 3x3/1 42, by a mean of indicators for each class 74, and of 2x2 8.6, 21.6.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..kernels import sliding
from ..kernels import value_counts as kernel
from ..kernels.network import interpreter as network
from ..kernels.order_statistics import unit_of_entropy
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for

_ARGUMENTS = ("read", "write", "write", *("int64",) * 5, "int32", "int64", "int64", "float64", "float64")
"""The dtypes of the kernel's buffers, in order."""
_COUNTED_BYTES = 2
"""Integers of up to so many bytes are counted: a table of 2^16 counts stays in the second cache."""
_MOST_SAMPLES = 1 << 14
"""The largest window: the terms of its entropy are right to 2^-44, of a sum that is 0 or at least 1."""
_CHANGE_NS, _CLASS_NS = 0.9, 1.1
"""About what it takes to count a sample, or to take it out; and to write a class of a window."""
_BLOCK_SAMPLES = 1 << 22
"""Samples of the windows of a block, which Ctrl-C waits for."""

Terms = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
"""By a count: what a value that occurs so often adds; by a window's samples: what is added to that, and the divisor."""


def _terms_of_distinct(samples: int, parameters: tuple[float, ...]) -> Terms:
    """Return 1 for each value that occurs."""
    terms = np.minimum(np.arange(samples + 2), 1)
    return terms, np.zeros(samples + 1, np.int64), np.ones(samples + 1)


def _terms_of_entropy(samples: int, parameters: tuple[float, ...]) -> Terms:
    """Return -c log c, of n samples n log n added and by n divided, as whole numbers of a small unit."""
    counts = np.arange(samples + 2, dtype=np.longdouble)
    terms = counts * np.log(np.maximum(counts, 1))
    unit = 61 - int(np.frexp(float(terms[-1]))[1])
    whole = np.rint(np.ldexp(terms, unit)).astype(np.int64)
    divisors = np.float64(2.0**unit / unit_of_entropy(np.array([*parameters, 0.0]))) * np.arange(samples + 1)
    return -whole, whole[:-1], divisors


def list_entropies(samples: int, largest: int, parameters: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the entropies of windows of up to so many samples by the lengths of runs of equal ones.

    For each number of samples there are as many as keys of the network kernel. The terms are those of the largest
    window, so that the results are the same by both kernels.
    """
    terms, totals, divisors = _terms_of_entropy(largest, parameters)
    found = np.zeros((samples + 1, network.KEYS))
    steps = np.cumsum([0, *(network.step_key(run) for run in range(1, samples + 1))])
    for n in range(1, samples + 1):
        for runs in _split_samples(n, n):
            key = sum(int(steps[run]) for run in runs) % network.KEYS
            found[n, key] = float(sum(int(terms[run]) for run in runs) + int(totals[n])) / divisors[n]
    return found


def _split_samples(n: int, longest: int) -> Iterator[tuple[int, ...]]:
    """Every way to have n samples in runs, the longest first."""
    if not n:
        yield ()
    for run in range(min(n, longest), 0, -1):
        yield from ((run, *others) for others in _split_samples(n - run, run))


_TERMS: Mapping[str, Callable[[int, tuple[float, ...]], Terms]] = {
    "distinct": _terms_of_distinct, "entropy": _terms_of_entropy}
"""What is told by the counts of a window's values, by the word of the reducer's row."""


@dataclass(frozen=True, eq=False)
class ValueCountsChoice:
    """The kernel for a plan, or a part of it."""

    plain_calls: ClassVar[bool] = True
    """Each block is one call of the kernel, with nothing beside it that depends on the samples or on other blocks."""
    spec: jit.KernelSpec
    samples: int
    """The samples of the largest window."""
    terms: Terms
    classes: int = 0
    """How many classes have a result each; 0 of what is one result."""

    def estimate(self, work: KernelTask) -> float:
        """Return about how many milliseconds one thread takes."""
        first, count = work.windows[2].present
        moved = (first[-1] - first[0]) / max(1, len(first) - 1) if work.windows[2].step == 1 else np.inf
        changes = float(2 * self.samples * min(1.0, moved / count.max()))
        return 1e-6 * float(np.prod(work.output_shape)) * (_CHANGE_NS * changes + _CLASS_NS * self.classes)

    def on(self, work: KernelTask, values: Array) -> _ValueCounts:
        """Return the kernel on an array."""
        return _ValueCounts(work, values, self)


def is_counted(dtype: dtypes.Type) -> bool:
    """Return whether samples are numbers of counts as they are."""
    return dtype.kind != "f" and dtype.itemsize <= _COUNTED_BYTES


def choose(work: KernelTask) -> ValueCountsChoice | None:
    """Choose by types and geometry."""
    samples, sorts = work.max_window_samples, work.reducer.sorts
    if sorts not in _TERMS or not is_counted(work.array.dtype) or samples > _MOST_SAMPLES or work.want_indices:
        return None
    quick = _TERMS[sorts] is _terms_of_distinct and dtypes.limits(work.result)[2] >= samples
    write = sliding.write_float if work.written.kind == "f" else kernel.write_whole if quick else sliding.write_integer
    terms = _TERMS[sorts](samples, work.parameters)
    return ValueCountsChoice(_make_spec(work, work.written, (kernel.make_sum, write), 1), samples, terms)


def choose_shares(work: KernelTask, written: dtypes.Type, classes: NDArray[np.int64]) -> ValueCountsChoice:
    """Choose for shares of classes, or their numbers where ``written`` is an integer."""
    samples = work.max_window_samples
    whole = np.arange(samples + 1 if samples <= _MOST_SAMPLES else 1) / samples
    put = kernel.put_shares if written.kind == "f" else kernel.put_counts
    terms = classes & _mask(work.array.dtype), np.array([samples if len(whole) > 1 else -1]), whole
    return ValueCountsChoice(_make_spec(work, written, put, 0), samples, terms, len(classes))


def _mask(dtype: dtypes.Type) -> int:
    """Return the bits of a sample."""
    return int((1 << 8 * dtype.itemsize) - 1)


def _make_spec(work: KernelTask, written: dtypes.Type, put: Any, sums: int) -> jit.KernelSpec:
    """Return the kernel for one way to write."""
    names = {"read": work.array.dtype.name, "write": written.name}
    return jit.KernelSpec(kernel.make_kernel, (put, sums), tuple(names.get(a, a) for a in _ARGUMENTS))


class _ValueCounts:
    """The kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, choice: ValueCountsChoice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.tables = [np.stack(windows.present, 1) for windows in work.windows]

    @property
    def milliseconds(self) -> float:
        """Estimate the time of one thread: what leaves and what enters of each window, and its results."""
        return self.choice.estimate(self.work)

    def blocks(self, threads: int) -> list[Block]:
        """Cut the work, by rows where possible, for so many threads."""
        whole, samples = self.work.whole, self.choice.samples + self.choice.classes
        some = min(_BLOCK_SAMPLES, max(1 << 16, int(np.prod(self.work.output_shape)) * samples // (4 * threads)))
        return cut(whole, sizes_for(whole, max(1, some // (samples * self.work.output_shape[4]))))

    def runner(self) -> Runner:
        """Return a function that runs one block; False where a value has no place in the output."""
        work, run = self.work, jit.load(self.choice.spec)
        fill = np.zeros(1, self.values.dtype) if work.fill is None else work.fill
        rows = np.empty(int(self.tables[0][:, 1].max()) * int(self.tables[1][:, 1].max()), np.int64)
        counts, limits = np.zeros(1 << 8 * work.array.itemsize, np.int32), dtypes.limits(work.result)

        def run_block(block: Block) -> bool:
            return run((work.array, self.values, fill, self.geometry(block), *self.tables, rows, counts,
                        *self.choice.terms, limits)) == 0

        return run_block

    def geometry(self, block: Block) -> NDArray[np.int64]:
        """Return the whole numbers of one block, in the kernel's order."""
        work = self.work
        mask = _mask(work.array.dtype)
        return np.array([*itertools.chain(*block), *work.array.shape[1:], *work.output_shape[1:4],
                         *(w.step for w in work.windows), mask,
                         -1 if work.nodata is None else int(work.nodata[0]) & mask, work.fill is not None,
                         work.rounding, self.choice.classes], np.int64)
