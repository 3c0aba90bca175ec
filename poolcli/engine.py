"""Run a plan: pick the kernel, cut the plan into blocks, run them on threads."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import lgamma
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import compiled, dtypes
from .kernels import windows as kernel
from .reducers import Reducer
from .windows import Windows

Array = NDArray[Any]
Block = tuple[tuple[int, int], ...]
"""Ranges of outer planes and of windows along D, H, W."""

BLOCK_SAMPLES = 1 << 22
"""Samples read by one call: up to 0.2 s for the slowest reducers, since Ctrl-C waits for a kernel to return."""

_EXACT_BINOMIALS = 54  # C(k - 1, j) <= 2^53 up to here

ARGUMENTS = ("read", "write", "read", "write", *("int64",) * 5, *("float64",) * 6, "read", "read", "float64")
"""The dtypes of ``pool_windows``' buffers, in order."""


Parts = tuple[Callable[..., Any], ...]
VALUES: Mapping[bool, Parts] = {
    True: (kernel.put_value_as_float, kernel.nan_value, kernel.no_place),
    False: (kernel.put_value_as_integer, kernel.nan_value, kernel.no_place),
}
"""How a value is written, by whether it becomes a float."""
PICKS: Mapping[tuple[bool, bool], Parts] = {
    (True, True): (kernel.put_sample, kernel.nan_pick, kernel.place),
    (True, False): (kernel.put_sample, kernel.nan_pick, kernel.place),
    (False, True): (kernel.put_sample_as_float, kernel.nan_pick, kernel.place),
    (False, False): (kernel.put_sample_as_integer, kernel.nan_pick, kernel.place),
}
"""How a pick is written, by whether it keeps its dtype and whether it becomes a float."""


class NoPlace(Exception):
    """A value has no place in the result's dtype: NaN in an integer, with no nodata to stand for it."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index
        """The flat position in the canonical output."""


@dataclass(frozen=True)
class Work:
    """One canonical array and all that a run of it needs, already settled."""

    array: Array
    """(outer, D, H, W, inner), C-contiguous, of a dtype that kernels read."""
    windows: tuple[Windows, Windows, Windows]
    reducer: Reducer
    parameters: tuple[float, ...]
    source: dtypes.Type
    """The dtype that the array had before it became what kernels read."""
    result: dtypes.Type
    """The dtype of the result."""
    rounding: int = 0
    skip_nan: bool = False
    nodata: Array | None = None
    """A missing sample, in the array's dtype."""
    fill: Array | None = None
    """What a window without a value gives, in the dtype written."""
    draws: Array | None = None
    """A number in [0, 1) for each output."""
    want_indices: bool = False

    @property
    def output_shape(self) -> tuple[int, ...]:
        """(outer, windows along D, H, W, inner)."""
        return (self.array.shape[0], *(len(w) for w in self.windows), self.array.shape[4])


def run(work: Work) -> tuple[Array, Array | None]:
    """Return the canonical result, in the dtype that kernels write, and the indices if wanted."""
    written = dtypes.write_dtype(work.result)
    values = np.empty(work.output_shape, written)
    indices = np.empty(work.output_shape if work.want_indices else (0,), np.int64)
    if values.size:
        Run(work, values, indices).all_blocks()
    return values, indices if work.want_indices else None


class Run:
    """The buffers and the kernel of one run, and its blocks."""

    def __init__(self, work: Work, values: Array, indices: Array) -> None:
        self.work, self.values, self.indices = work, values, indices
        self.tables = tuple(table(w, work.reducer.weighted) for w in work.windows)
        self.most = 1
        for rows, _ in self.tables:
            self.most *= int(rows[:, kernel.COUNT].max())
        self.kernel = compiled.load(recipe(work, values.dtype))
        self.limits = dtypes.limits(work.result)
        self.nodata = np.zeros(1, work.array.dtype) if work.nodata is None else work.nodata
        self.fill = np.zeros(1, values.dtype) if work.fill is None else work.fill
        self.parameters = np.array([*work.parameters, 0.0])
        self.draws = np.zeros(1) if work.draws is None else work.draws

    def all_blocks(self) -> None:
        """Run every block, on as many threads as pay."""
        outer, *counts, inner = self.work.output_shape
        cost = self.most * inner
        blocks = cut((outer, *counts), max(1, BLOCK_SAMPLES // cost))
        run_all(self.worker, blocks, interruptible=cost > BLOCK_SAMPLES)

    def worker(self, blocks: Iterator[Block]) -> None:
        """Run blocks one after another, in this thread's own scratch space."""
        samples = np.empty(self.most, self.work.array.dtype)
        scratch = np.empty(self.most, self.work.array.dtype)
        weights = np.empty(self.most if self.work.reducer.weighted else 1)
        for block in blocks:
            self.one_block(block, samples, scratch, weights)

    def one_block(self, block: Block, samples: Array, scratch: Array, weights: Array) -> None:
        """Call the kernel for one block."""
        (d, along_d), (h, along_h), (w, along_w) = self.tables
        rows = [t[i0:i1] for t, (i0, i1) in zip((d, h, w), block[1:], strict=True)]
        failed = self.kernel((self.work.array, self.values, self.nodata, self.fill, self.indices,
                              self.geometry(block), *rows, along_d, along_h, along_w, self.draws, self.parameters,
                              self.limits, samples, scratch, weights))
        if failed:
            raise NoPlace(failed - 1)

    def geometry(self, block: Block) -> Array:
        """The whole numbers of one block, in the kernel's order."""
        work = self.work
        _, *lengths, inner = work.array.shape
        steps = [w.step for w in work.windows]
        flags = [work.skip_nan, work.reducer.nan_wins and not work.skip_nan, work.nodata is not None,
                 work.fill is not None, work.want_indices, work.draws is not None]
        counts = work.output_shape[1:4]
        return np.array([*lengths, inner, *counts, *steps, *itertools.chain(*block), *flags, work.rounding], np.int64)


def recipe(work: Work, written: dtypes.Type) -> compiled.Recipe:
    """The kernel for this reducer, these dtypes and this way of writing."""
    read = work.array.dtype
    same = work.source == work.result and read == written
    pick, to_float = work.reducer.picks, written.kind == "f"
    parts = PICKS[same, to_float] if pick else VALUES[to_float]
    weigh = kernel.gather_weights if work.reducer.weighted else kernel.no_weights
    names = {"read": read.name, "write": written.name}
    return compiled.Recipe(kernel.make_kernel, (work.reducer.core, *parts, weigh),
                           tuple(names.get(argument, argument) for argument in ARGUMENTS))


def table(windows: Windows, weighted: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One axis as the kernel reads it: a row a window (``kernel.ROW``), and the weights that the rows point into."""
    first, count = windows.present()
    rows = np.empty((len(windows), kernel.ROW), np.int64)
    rows[:, kernel.START], rows[:, kernel.COUNT], rows[:, kernel.NOMINAL] = first, count, windows.nominal()
    rows[:, kernel.WEIGHT] = 0
    if not weighted:
        return rows, np.ones(1)
    kinds, of_window = np.unique(np.stack([windows.sizes(), windows.offsets(), count], 1), axis=0, return_inverse=True)
    weights = [binomial(*(int(v) for v in kind)) for kind in kinds]
    starts = np.cumsum([0, *(len(w) for w in weights)])
    rows[:, kernel.WEIGHT] = starts[of_window.reshape(-1)]
    return rows, np.concatenate(weights)


def binomial(size: int, offset: int, count: int) -> NDArray[np.float64]:
    """C(size - 1, j) for j = offset ... offset + count - 1, up to a common factor.

    Whole numbers while they are exact; beyond that scaled so that the largest is 1 (they overflow from size 1031 on).
    """
    places = range(offset, offset + count)
    if size <= _EXACT_BINOMIALS:
        from math import comb

        return np.array([float(comb(size - 1, j)) for j in places])
    logs = np.array([lgamma(size) - lgamma(j + 1) - lgamma(size - j) for j in places])
    result: NDArray[np.float64] = np.exp(logs - logs.max())
    return result


# Blocks and threads.


def cut(extents: Sequence[int], most: int) -> list[Block]:
    """Cut outer x D x H x W outputs into blocks of at most ``most`` (at least one), whole rows where possible."""
    sizes = [1] * len(extents)
    for axis in reversed(range(len(extents))):
        sizes[axis] = max(1, min(extents[axis], most))
        most //= extents[axis] or 1
        if most < 1:
            break
    ranges = [[(i, min(i + size, n)) for i in range(0, n, size)] for n, size in zip(extents, sizes, strict=True)]
    return list(itertools.product(*ranges))


def thread_count() -> int:
    """How many threads a run may use: POOLCLI_THREADS, or the cores that this process may use."""
    for name in ("POOLCLI_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Shared:
    """An iterator that several threads may draw from; it ends for all when one of them fails."""

    def __init__(self, items: Iterable[Block]) -> None:
        self.items, self.lock = iter(items), threading.Lock()
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[Block]:
        while self.error is None:
            with self.lock:
                item = next(self.items, None)
            if item is None:
                return
            yield item


def run_all(worker: Any, blocks: Sequence[Block], interruptible: bool) -> None:
    """Let workers run all blocks; several threads where there are several blocks and cores.

    The threads are daemons and a block too large to cut gets one of its own: so Ctrl-C is seen at once.
    """
    count = min(thread_count(), len(blocks))
    shared = Shared(blocks)
    if count == 1 and not interruptible:
        worker(iter(shared))
        return

    def work() -> None:
        try:
            worker(iter(shared))
        except BaseException as error:
            shared.error = error

    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    except BaseException as error:
        shared.error = error
        raise
    if shared.error is not None:
        raise shared.error
