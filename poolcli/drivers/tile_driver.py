"""Drive the tile kernel (``kernels/tiles.py``): windows of any kind side by side, with missing samples or not."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.windows import Windows
from ..kernels import tile_cores as cores
from ..kernels import tiles as kernel
from ..kernels import weighted_cores
from ..kernels import weighted_tile_cores as weighted
from .kernel_task import Array, Block, KernelTask, Runner, cut, sizes_for

_ARGUMENTS = ("read", "write", "write", "write", *("int64",) * 6, *("float64",) * 6, "weight", "float64")
"""The dtypes of ``pool_tiles``' buffers, in order."""


class _LaneCore(NamedTuple):
    """How a reducer is computed in lanes."""

    core: Callable[[kernel.LaneTile], None]
    inexact: bool = False
    """Values may be off by a few units in the last place: integers are rounded from the reducer's own core's."""
    sorts: bool = False
    """Needs room for the samples once more."""
    whole: bool = False
    """Of integers only."""
    most: int = 1 << 13
    """The samples of the largest window: lse 90x90 of float32. Lanes sort, the general kernel finds one rank without:
    median of 640,000 bytes by 10x10 4.6 ms and 3.6, by 20x20 6.9 and 2.7; by 8x8 3.9 and 5.1."""


LANE_CORES: Mapping[str, _LaneCore] = {
    "maximum": _LaneCore(cores.maximum),
    "minimum": _LaneCore(cores.minimum),
    "first": _LaneCore(cores.first),
    "draw": _LaneCore(cores.draw),
    "expected": _LaneCore(cores.expected, inexact=True),
    "log_mean_exp": _LaneCore(cores.log_mean_exp, inexact=True),
    "softmax_mean": _LaneCore(cores.softmax_mean, inexact=True),
    "mix": _LaneCore(cores.mixed),
    "norm": _LaneCore(cores.norm, inexact=True),
    "generalised_mean": _LaneCore(cores.generalised_mean, inexact=True),
    "farthest": _LaneCore(cores.farthest),
    "last": _LaneCore(cores.last),
    "root_mean_square": _LaneCore(cores.root_mean_square, inexact=True),
    "quantile": _LaneCore(cores.quantile, sorts=True, most=96),
    "ranked_sample": _LaneCore(cores.ranked_sample, sorts=True, most=128),
    "topk": _LaneCore(cores.topk, sorts=True, most=128),
    "trimmed": _LaneCore(cores.trimmed, sorts=True, most=512),
    "winsorised": _LaneCore(cores.winsorised, sorts=True, most=512),
    "mode": _LaneCore(cores.mode, sorts=True, most=512),
    "distinct": _LaneCore(cores.distinct, sorts=True, most=512),
    "entropy": _LaneCore(cores.entropy, inexact=True, sorts=True, most=512),
}
"""The cores in lanes that rows of ``REDUCERS`` name, each an optimisation of a core: equal results, by the oracle."""
WEIGHTED_LANE_CORES: Mapping[Callable[..., Any] | None, _LaneCore] = {
    weighted_cores.log_mean_exp: _LaneCore(weighted.log_mean_exp, inexact=True),
    weighted_cores.softmax_mean: _LaneCore(weighted.softmax_mean, inexact=True),
    weighted_cores.variance: _LaneCore(weighted.variance, whole=True),
    weighted_cores.deviation: _LaneCore(weighted.deviation, whole=True),
    weighted_cores.quantile: _LaneCore(weighted.quantile, most=1024),
    weighted_cores.mode: _LaneCore(weighted.mode, most=121),
}
"""The same of samples with weights, by the reducer's own core; others fold. 512 x 512 bytes with fractions as weights:
std 3x3/1 takes 8.3 ms, by the general kernel 85; median 3x3/1 7.5 and 53, 22x22 3.7 and 16; mode, which compares all
with all, 3x3/1 7.9 and 57, 11x11 9.7 and 10.5."""
_LEAST_LANES = 8
"""Windows, channels counted, below which a large window has too few neighbours: the general kernel takes as long."""
_FEW = 64
"""The samples of windows for which that does not matter."""
_SLOTS, _LONGEST_SLOT, _SHORTEST_SLOT = 1 << 15, 256, 32
"""Doubles of a tile, a quarter of a second cache of 1 MB, and of a slot (gem 2x2/2: 19.5 ms, with 512 of them 23)."""
BLOCK_SAMPLES = 1 << 22
"""Samples read by one call, 0.02 s at most: a thread gets several."""


@dataclass(frozen=True, eq=False)
class _TileChoice:
    """The tile kernel for a plan."""

    plain_calls: ClassVar[bool] = True
    """Each block is one call of the kernel, with nothing beside it that depends on the samples or on other blocks."""
    flattens: ClassVar[bool] = True
    """Windows that are one stretch of memory are better taken for those of a series."""
    spec: jit.KernelSpec
    core: _LaneCore
    largest: tuple[int, ...]
    """The most samples of a window along each axis."""

    def on(self, work: KernelTask, values: Array) -> Tiles:
        """Return the kernel on an array."""
        return Tiles(work, values, self)


def choose(work: KernelTask) -> _TileChoice | None:
    """Choose the tile kernel where doubles hold the samples and windows are not too large for lanes."""
    dtype, weights = work.array.dtype, work.weights
    if work.in_parts or (weights is not None and work.want_indices):
        return None
    core = LANE_CORES[work.reducer.lanes] if weights is None else WEIGHTED_LANE_CORES.get(work.reducer.weighted_core)
    if core is None or (core.whole and dtype.kind == "f"):
        return None
    endless = work.reducer.lanes == "norm" and not work.parameters[0] < np.inf
    if (dtype.kind != "f" and dtype.itemsize == 8) or endless:
        return None
    if not work.reducer.nan_wins and dtype.kind == "f" and not work.skip_nan:
        return None  # a NaN is a sample like others there, and missing ones are NaN here
    largest = tuple(int(w.present[1].max()) for w in work.windows)
    most = int(np.prod(largest))
    if most > core.most or (most > _FEW and int(np.prod(work.output_shape)) < _LEAST_LANES):
        return None
    names = {"read": dtype.name, "write": work.written.name,
             "weight": "float64" if weights is None else weights.dtype.name}
    arguments = tuple(names.get(a, a) for a in _ARGUMENTS)
    spec = jit.KernelSpec(kernel.make_kernel, _choose_parts(work, core), arguments)
    return _TileChoice(spec, core, largest)


def _choose_parts(work: KernelTask, core: _LaneCore) -> tuple[Callable[..., Any], ...]:
    """Return what the kernel is made of."""
    mend = kernel.mend_pick if work.reducer.picks else kernel.mend_value
    row, weighs = work.reducer, work.weights is not None
    own = row.weighted_core if weighs else row.core
    assert own is not None
    return core.core, own, mend, choose_put(work), kernel.weigh if weighs else kernel.no_weights


def choose_put(work: KernelTask) -> Callable[..., bool]:
    """Return how values of lanes are written."""
    written = work.written
    return kernel.put_floats if written.kind == "f" else kernel.put_wide if written.itemsize == 8 else kernel.put_narrow


class Tiles:
    """The tile kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, choice: _TileChoice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.samples = int(np.prod(choice.largest))
        copies = 3 if work.weights is not None else 2 if choice.core.sorts else 1
        self.room = max(_SHORTEST_SLOT, min(_LONGEST_SLOT, _SLOTS // (self.samples * copies)))
        self.slots = (kernel.EXTRA + self.samples * copies) * self.room

    @cached_property
    def tables(self) -> list[NDArray[np.int64]]:
        """The windows of D, H and W."""
        return [_list_windows(windows) for windows in self.work.windows]

    @property
    def milliseconds(self) -> float:
        """Estimate the time of one thread: 1 ns for each sample."""
        return 1e-6 * self.values.size * self.samples

    def blocks(self, threads: int) -> list[Block]:
        """Cut the work, by rows where possible, for so many threads."""
        whole = self.work.whole
        samples = min(BLOCK_SAMPLES, max(1 << 16, self.values.size * self.samples // (4 * threads)))
        return cut(whole, sizes_for(whole, max(1, samples // (self.samples * self.work.output_shape[4]))))

    def runner(self) -> Runner:
        """Return a function that runs one block; False where a value has no place in the output."""
        work = self.work
        run = jit.load(self.choice.spec)
        nodata = np.zeros(1) if work.nodata is None else work.nodata.astype(np.float64)
        fill = np.zeros(1, self.values.dtype) if work.fill is None else work.fill
        index = np.empty(0, np.int64) if work.indices is None else work.indices
        draws = np.zeros(1) if work.draws is None else work.draws
        lanes = np.zeros(kernel.LANE * self.room + self.samples, np.int64)
        staging = np.empty(self.room, self.values.dtype)
        parameters, limits = np.array([*work.parameters, 0.0]), dtypes.limits(work.result)
        slots, scratch = np.zeros(self.slots), np.empty(2 * self.samples)
        each, of_window = (np.ones(1), np.ones(1)) if work.weights is None else (work.weights, np.empty(self.samples))

        def run_block(block: Block) -> bool:
            return run((work.array, self.values, fill, staging, index, self.geometry(block), *self.tables, lanes,
                        nodata, draws, parameters, limits, slots, scratch, each, of_window)) == 0

        return run_block

    def geometry(self, block: Block) -> Array:
        """Return the whole numbers of one block, in the kernel's order."""
        work, written = self.work, self.values.dtype
        floats = work.array.dtype.kind == "f"
        precise = written != np.float32 or work.array.dtype.itemsize == 8
        return np.array([*work.array.shape[1:], *work.output_shape[1:4], *(w.step for w in work.windows),
                         *itertools.chain(*block), *self.choice.largest, self.room,
                         floats and work.reducer.nan_wins and not work.skip_nan, work.nodata is not None,
                         work.fill is not None, work.indices is not None, work.draws is not None, work.rounding,
                         self.choice.core.inexact and written.kind != "f", precise, work.skip_nan,
                         work.weights is not None], np.int64)


def _list_windows(windows: Windows) -> NDArray[np.int64]:
    """Return one axis as the kernel reads it: a row for each window (``kernel.ROW``)."""
    first, count = windows.present
    rows = np.ones((len(windows), kernel.ROW), np.int64)
    rows[:, kernel.START], rows[:, kernel.COUNT] = first, count
    if len(windows) > 1:
        apart = np.diff(first)
        rows[:-1, kernel.APART] = apart
        rows[:-1, kernel.RUN] = _run_lengths(count[1:] == count[:-1], apart)
    return rows


def _run_lengths(alike: NDArray[np.bool_], apart: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, for each window but the last, how many from it on have one size and lie evenly.

    ``alike`` tells which windows have the size of the next one, ``apart`` how far away that starts.
    """
    ends = np.arange(len(apart))
    goes_on = np.append(alike[:-1] & alike[1:] & (apart[:-1] == apart[1:]), False)
    last = np.where(goes_on, len(apart), ends)
    last = np.minimum.accumulate(last[::-1])[::-1]
    return np.where(alike, last - ends + 2, 1)
