"""Drive the kernel of quantiles by area (``kernels/area_ranks.py``)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import prod
from typing import ClassVar

import numpy as np

from .. import jit
from ..core import dtypes
from ..kernels import area_ranks as kernel
from ..kernels import tiles, weighted_cores
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for
from .tile_driver import BLOCK_SAMPLES, choose_put
from .weighted_driver import AxisWeights

_ARGUMENTS = ("read", "write", "read", "write", *("int64",) * 4, *("float64",) * 6)
"""The dtypes of ``pool_area_ranks``' buffers, in order."""
_MOST = 1500
"""The samples of the largest window: medians of 2 MP of bytes by areas of 36 x 36 take 51 ms, by the general one 133;
by areas of 2.5 x 2.5 13 and 100, of 72 x 72 108 and 157.
"""
_MOST_PARTS = 2**50
"""The parts of a window: a sum of them, and one more, is a whole number of doubles."""
_SLOTS, _MOST_LANES = 1 << 12, 128
"""Doubles of a tile, which fits into a first cache of 32 KB where it can, and the most lanes of one."""


@dataclass(frozen=True, eq=False)
class _AreaChoice:
    """The kernel for a plan."""

    plain_calls: ClassVar[bool] = True
    """Each block is one call of the kernel, with nothing beside it that depends on the samples or on other blocks."""
    spec: jit.KernelSpec
    largest: tuple[int, ...]
    """The most samples of a window along each axis."""

    def on(self, work: KernelTask, values: Array) -> _AreaRanks:
        """The kernel on an array."""
        return _AreaRanks(work, values, self)


def choose(work: KernelTask) -> _AreaChoice | None:
    """Choose the kernel for quantiles of samples that doubles hold, in windows that are not too large for lanes."""
    dtype = work.array.dtype
    served = work.in_parts and work.reducer.weighted_core is weighted_cores.quantile and not work.want_indices
    if not served or (dtype.kind != "f" and dtype.itemsize == 8):
        return None
    largest = tuple(int(w.present[1].max()) for w in work.windows)
    parts = prod(n if w.stretch is None or not w.weighs else w.stretch.size
                 for w, n in zip(work.windows, largest, strict=True))
    if prod(largest) > _MOST or parts >= _MOST_PARTS:
        return None
    names = {"read": dtype.name, "write": work.written.name}
    arguments = tuple(names.get(a, a) for a in _ARGUMENTS)
    return _AreaChoice(jit.KernelSpec(kernel.make_kernel, (choose_put(work),), arguments), largest)


class _AreaRanks:
    """The kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, choice: _AreaChoice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.samples = prod(choice.largest)
        lanes = min(_MOST_LANES, _SLOTS // (2 * self.samples), prod(work.output_shape[3:]))
        self.room = -(-lanes // kernel.TOGETHER) * kernel.TOGETHER or kernel.TOGETHER

    @property
    def milliseconds(self) -> float:
        """About how long one thread takes: 2 ns for each sample."""
        return 2e-6 * self.values.size * self.samples

    def blocks(self, threads: int) -> list[Block]:
        """Cut the work, by rows where possible, for so many threads."""
        samples = min(BLOCK_SAMPLES, max(1 << 16, self.values.size * self.samples // (4 * threads)))
        whole = self.work.whole
        return cut(whole, sizes_for(whole, max(1, samples // (self.samples * self.work.output_shape[4]))))

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own; False where a window has no value."""
        work = self.work
        run = jit.load(self.choice.spec)
        axes = [AxisWeights.of_parts(windows, True).by_place() for windows in work.windows]
        starts = [np.ascontiguousarray(axis.table[:, 0]) for axis in axes]
        nodata = np.zeros(1, work.array.dtype) if work.nodata is None else work.nodata
        fill = np.zeros(1, self.values.dtype) if work.fill is None else work.fill
        ending = np.array([*work.parameters, 0.0]), dtypes.limits(work.result)
        slots = np.zeros((tiles.EXTRA + 2 * self.samples) * self.room)

        def run_block(block: Block) -> bool:
            return run((work.array, self.values, nodata, fill, self.geometry(block), *starts,
                        *(axis.weights for axis in axes), *ending, slots)) == 0

        return run_block

    def geometry(self, block: Block) -> Array:
        """The whole numbers of one block, in the kernel's order."""
        work = self.work
        return np.array([*work.array.shape[1:], *work.output_shape[1:4], *itertools.chain(*block), *self.choice.largest,
                         self.room, work.skip_nan, work.nodata is not None,
                         work.nodata is not None or work.array.dtype.kind == "f", work.fill is not None,
                         work.rounding], np.int64)
