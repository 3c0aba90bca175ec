"""Drive the histogram kernel (``kernels/histogram.py``): medians and quantiles of 8-bit samples in large windows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.windows import Windows
from ..kernels import histogram as kernel
from ..kernels.network import interpreter
from .kernel_task import Array, Block, KernelTask, Runner, cut
from .network_driver import ending
from .network_tiles import Rank, q_of

_ARGUMENTS = ("read", "write", *("int64",) * 3, "float64", "float64", "uint8", "columns", "columns", "counts",
              "counts", "counts", "int64", "float64")
"""The dtypes of ``pool_histograms``' buffers, in order."""

_LEAST = 301
"""The least samples of a window: 15x15/1 takes 23 ms for 1 MP by histograms, in one run, and 10 by a network; 21x21/1
23 and 28, borders included."""
_OVERLAP = 4
"""How many windows a sample must be in, on average: histograms are for windows that have much in common."""
COLUMNS = 1024
"""Columns of one block: their histograms, a quarter of a megabyte, stay in the L2 cache."""
BLOCK_WINDOWS = 1 << 20
"""At some 16 ns each."""

_SINGLE: Mapping[Callable[..., Any], Callable[..., bool]] = {
    interpreter.end_fixed: interpreter.end_integer}
"""Ways to write for windows of many sizes in one block: the share of each is told, and nothing made from it before."""


@dataclass(frozen=True, eq=False)
class HistogramChoice:
    """The kernel for a plan; parts of it run by the same."""

    plain_calls: ClassVar[bool] = True
    """Each block is one call of the kernel, with nothing beside it that depends on the samples or on other blocks."""
    spec: jit.KernelSpec

    def on(self, work: KernelTask, values: Array) -> _Counted:
        """The kernel on an array."""
        return _Counted(work, values, self.spec)


def choose(work: KernelTask) -> HistogramChoice | None:
    """Choose by types, geometry and size, without a look at the data; None where another kernel serves."""
    missing = work.skip_nan or work.nodata is not None or work.want_indices
    if work.reducer.sorts != "rank" or missing or work.array.itemsize > 1:
        return None
    deep, high, wide = (windows.present[1] for windows in work.windows)
    most = int(high.max() * wide.max())
    read = int(high.sum() * wide.sum())
    if most < _LEAST or read < _OVERLAP * work.array.shape[2] * work.array.shape[3]:
        return None
    if (deep != 1).any() or not all(_is_solid(windows) for windows in work.windows[1:]):
        return None
    sizes = {a * b for a in set(high.tolist()) for b in set(wide.tolist())}
    names = {"read": work.array.dtype.name, "write": work.written.name,
             "columns": "uint8" if int(high.max()) < 1 << 8 else "uint32",
             "counts": "uint16" if most < 1 << 16 else "uint32"}
    end = ending(work, [Rank.of(n, q_of(work)).share for n in sizes])
    arguments = tuple(names.get(a, a) for a in _ARGUMENTS)
    return HistogramChoice(jit.KernelSpec(kernel.make_kernel, (_SINGLE.get(end, end),), arguments, bundled=True))


def _is_solid(windows: Windows) -> bool:
    """Whether windows have no holes, and neither end ever steps back."""
    first, count = windows.present
    return windows.step == 1 and bool(count.all()) and not (np.diff(first) < 0).any() and not (
        np.diff(first + count) < 0).any()


class _Counted:
    """The histogram kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, spec: jit.KernelSpec) -> None:
        self.work, self.values, self.spec = work, values, spec
        self.tables = [np.stack(windows.present, 1) for windows in work.windows]
        self.limits = dtypes.limits(work.result)

    @property
    def milliseconds(self) -> float:
        """By windows: 16 ns for each."""
        return 1.6e-5 * self.values.size

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of many rows, since each begins with counting a whole window's rows, and of not too many columns."""
        work = self.work
        _, _, rows, windows, inner = work.output_shape
        wide = int(self.tables[2][:, kernel.COUNT].max())
        apart = max(1, work.array.shape[3] // windows)
        across = max(1, max(COLUMNS - wide, wide) // apart)
        high = int(self.tables[1][:, kernel.COUNT].max()) * rows // work.array.shape[2]
        down = max(4 * high, min(BLOCK_WINDOWS // (across * inner), -(-rows // threads)), 1)
        return cut(work.whole, [1, 1, down, across])

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own."""
        run = jit.load(self.spec)
        work = self.work
        of_column, counts = (np.dtype(self.spec.arguments[i]) for i in (8, 10))
        steps = (np.arange(kernel.COARSE)[:, None] < np.arange(kernel.COARSE)).astype(np.uint8)
        window, fine, wanted = (np.zeros(n, counts) for n in (kernel.COARSE, kernel.VALUES, 1))
        spans, point = np.zeros(kernel.COARSE * kernel.SPAN, np.int64), np.zeros(5)

        def run_block(block: Block) -> bool:
            geometry, columns = self.geometry(block)
            room = [np.empty(columns * bins, of_column) for bins in (kernel.VALUES, kernel.COARSE)]
            rows = [table[begin:stop] for table, (begin, stop) in zip(self.tables[1:], block[2:], strict=True)]
            return run((work.array, self.values, geometry, *rows, np.array([q_of(work)]), self.limits, steps, *room,
                        window, fine, wanted, spans, point)) == 0

        return run_block

    def geometry(self, block: Block) -> tuple[NDArray[np.int64], int]:
        """The whole numbers of one block, in the kernel's order, and how many columns it has."""
        work = self.work
        _, depth, height, width, inner = work.array.shape
        _, out_d, out_h, out_w, _ = work.output_shape
        first, count = self.tables[2][slice(*block[3])].T
        left, right = int(first[0]), int(first[-1] + count[-1])
        plane = block[0][0] * depth + int(self.tables[0][block[1][0], kernel.START])
        out_plane = block[0][0] * out_d + block[1][0]
        lowest = int(np.iinfo(work.array.dtype).min)
        windows = itertools.chain(*block[2:])
        return np.array([plane, out_plane, height, width, inner, out_h, out_w, *windows, left, right, lowest,
                         work.rounding]), right - left
