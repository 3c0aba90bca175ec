"""Drive the sliding kernel (``kernels/sliding.py``): ranks, modes and counts of large windows that overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.windows import Windows
from ..kernels import sliding as kernel
from ..kernels.network import interpreter as ends
from ..kernels.order_statistics import rank_of, unit_of_entropy
from .kernel_task import Array, Block, KernelTask, Runner, cut
from .network_driver import ending
from .network_tiles import q_of

_ARGUMENTS = ("uint16", "read", "write", *("int64",) * 4, "float64", "float64", "write", *("int64",) * 4, "uint16")
"""The dtypes of the kernel's buffers, in order."""

TILE_SAMPLES = 65000
"""Samples of a tile at most: ranks are numbers of 16 bits."""
_SORT_NS, _CHANGE_NS, _FIND_NS, _SCAN_NS = 20.0, 1.5, 30.0, 1.0
"""About what it takes to sort a sample of a tile, to take one in or let it go, to find a rank, to look at a sample for
the mode."""
GENERAL_NS = {"rank": 4.5, "runs": 40.0, "distinct": 40.0, "entropy": 40.0}
"""What the general kernel takes for a sample: it selects, for all but ranks it sorts."""


_MEASURES = {"distinct": kernel.count_distinct, "entropy": kernel.find_entropy}
"""What is told by the counts of ranks, by the word of the reducer's row."""


@dataclass(frozen=True, eq=False)
class SlidingChoice:
    """The kernel for a plan; parts of it run by the same."""

    spec: jit.KernelSpec
    windows: tuple[Windows, Windows, Windows]
    counts: list[int]
    """How many windows of each axis are a tile."""

    def on(self, work: KernelTask, values: Array) -> _Sliding:
        """Return the kernel on an array."""
        counts = self.counts if work.windows is self.windows else _tile_counts(work.windows)
        return _Sliding(work, values, self.spec, counts)


def choose(work: KernelTask) -> SlidingChoice | None:
    """Choose by types and geometry, without a look at the data; None where another kernel serves."""
    if not work.reducer.sorts or work.want_indices:
        return None
    if not all(map(_goes_on, work.windows)):
        return None
    counts = _tile_counts(work.windows)
    if _estimate_nanoseconds(work, counts) > GENERAL_NS[work.reducer.sorts] * _average_samples(work):
        return None
    names = {"read": work.array.dtype.name, "write": work.written.name}
    arguments = tuple(names.get(a, a) for a in _ARGUMENTS)
    if (measure := _MEASURES.get(work.reducer.sorts)) is not None:
        write = kernel.write_float if work.written.kind == "f" else kernel.write_integer
        spec = jit.KernelSpec(kernel.make_counts_kernel, (measure, write, int(work.reducer.nan_wins)), arguments)
        return SlidingChoice(spec, work.windows, counts)
    mode = work.reducer.sorts == "runs"
    end = ending(work, [rank_of(2, q_of(work))[1]])  # no share has more bits than the quantile
    end = ends.end_integer if end is ends.end_fixed else end
    make = kernel.make_mode_kernel if mode else kernel.make_kernel
    spec = jit.KernelSpec(make, (end,), arguments)
    return SlidingChoice(spec, work.windows, counts)


def _goes_on(windows: Windows) -> bool:
    """Return whether no end of the windows ever steps back (dilated ones are built anew), and each has a sample."""
    first, count = windows.present
    back = (np.diff(first) < 0).any() or (np.diff(first + count) < 0).any()
    return bool(count.all()) and (windows.step > 1 or not back)


def _longest_span(windows: Windows, together: int) -> int:
    """Return the most samples from the first to the last of so many windows together, cut from the first on."""
    first, count = windows.present
    begins = np.arange(0, len(first), together)
    beyond = np.maximum.reduceat(first + (count - 1) * windows.step + 1, begins)
    return int((beyond - np.minimum.reduceat(first, begins)).max())


def _tile_counts(windows: tuple[Windows, ...]) -> list[int]:
    """Return how many windows of each axis are one tile: as many as fit, so that few samples lie in two."""
    counts = [1, 1, 1]
    growing = [len(w) > 1 for w in windows]
    while any(growing):
        shares = [count / _longest_span(w, 1) if grows else np.inf
                  for count, w, grows in zip(counts, windows, growing, strict=True)]
        i = int(np.argmin(shares))
        more = [*counts]
        more[i] = min(len(windows[i]), counts[i] + max(1, counts[i] // 4))
        if np.prod([_longest_span(w, n) for w, n in zip(windows, more, strict=True)]) > TILE_SAMPLES:
            growing[i] = False
        else:
            counts, growing[i] = more, more[i] < len(windows[i])
    return counts


def _average_samples(work: KernelTask) -> float:
    """Return how many samples a window has on average."""
    return float(np.prod([w.present[1].mean() for w in work.windows]))


def _estimate_nanoseconds(work: KernelTask, counts: list[int]) -> float:
    """Return about what a window takes; infinity where a tile cannot hold one."""
    region = np.prod([_longest_span(w, n) for w, n in zip(work.windows, counts, strict=True)])
    if region > TILE_SAMPLES:
        return float("inf")
    wide = work.windows[2]
    column = _average_samples(work) / wide.present[1].mean()
    first, count = wide.present
    moved = (first[-1] - first[0]) / max(1, len(first) - 1) if wide.step == 1 else np.inf
    changed = 2 * column * min(moved, count.mean()) + _average_samples(work) / counts[2]
    scanned = _FIND_NS if work.reducer.sorts == "rank" else _SCAN_NS * _average_samples(work)
    return float(_SORT_NS * region / np.prod(counts) + _CHANGE_NS * changed + scanned)


class _Sliding:
    """The sliding kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, spec: jit.KernelSpec, counts: list[int]) -> None:
        self.work, self.values, self.spec, self.counts = work, values, spec, counts
        self.tables = [np.stack(windows.present, 1) for windows in work.windows]
        self.limits = dtypes.limits(work.result)
        self.fill = np.zeros(1, values.dtype) if work.fill is None else work.fill
        self.counts_ranks = work.reducer.sorts != "rank"

    @property
    def milliseconds(self) -> float:
        """By windows."""
        return 1e-6 * _estimate_nanoseconds(self.work, self.counts) * self.values.size

    def blocks(self, threads: int) -> list[Block]:
        """Return one block a tile."""
        return cut(self.work.whole, [1, *self.counts])

    def runner(self) -> Runner:
        """Return a function that runs one block, with scratch space of its own."""
        run = jit.load(self.spec)
        most = int(self.tables[0][:, 1].max()) * int(self.tables[1][:, 1].max())
        rows, bits, state = (np.zeros(n, np.int64) for n in (most, kernel.ABSENT // kernel.WORD_BITS + 2, 4))
        masks = np.left_shift(np.int64(1), np.arange(kernel.WORD_BITS))
        counts = np.zeros(kernel.ABSENT + 1 if self.counts_ranks else 1, np.uint16)
        params = np.array([0.0] * ends.PARAMS + [q_of(self.work)])
        if self.work.reducer.sorts in _MEASURES:
            samples = most * int(self.tables[2][:, 1].max())
            params = np.log(np.maximum(np.arange(samples + 1.0), 1.0))
            params[0] = unit_of_entropy(np.array([*self.work.parameters, 0.0]))

        def run_block(block: Block) -> bool:
            good = True
            tables, corners = [], []
            for table, (begin, stop) in zip(self.tables, block[1:], strict=True):
                corners.append(int(table[begin:stop, 0].min()))
                tables.append(table[begin:stop] - [corners[-1], 0])
            ends_at = [int(corner + (table[:, 0] + (table[:, 1] - 1) * w.step).max() + 1)
                       for corner, table, w in zip(corners, tables, self.work.windows, strict=True)]
            for plane in range(*block[0]):
                for channel in range(self.work.array.shape[4]):
                    tile = self.work.array[plane, corners[0] : ends_at[0], corners[1] : ends_at[1],
                                           corners[2] : ends_at[2], channel]
                    ranks, values, nan_from = self.ranks(tile)
                    state[:] = 0
                    geometry = self.geometry(block, plane, channel, tile.shape, len(values), nan_from)
                    good &= run((ranks, values, self.values, geometry, *tables, params, self.limits, self.fill, rows,
                                 bits, masks, state, counts)) == 0
            return good

        return run_block

    def ranks(self, tile: Array) -> tuple[NDArray[np.uint16], Array, int]:
        """Return the rank of each sample, the value of each rank, and the first rank of a NaN."""
        samples = tile.reshape(-1)
        ranks = np.full(samples.size, kernel.ABSENT, np.uint16)
        is_nan = samples != samples
        plain = ~is_nan
        if self.work.nodata is not None:
            plain &= samples != self.work.nodata[0]
        places = np.arange(samples.size) if plain.all() else np.flatnonzero(plain)
        values = samples[places]
        if self.counts_ranks:
            values, inverse = np.unique(values, return_inverse=True)
            ranks[places] = inverse.reshape(-1)
        else:
            order = np.argsort(values, kind="stable" if values.dtype.itemsize < 4 else None)
            values = values[order]
            ranks[places[order]] = np.arange(values.size, dtype=np.uint16)
        nan_from = values.size
        if not self.work.skip_nan and is_nan.any():
            ranks[is_nan] = nan_from if self.counts_ranks else nan_from + np.arange(is_nan.sum())
            values = np.concatenate([values, samples[is_nan]])
        return ranks, values if values.size else samples[:1], nan_from

    def geometry(self, block: Block, plane: int, channel: int, tile: tuple[int, ...], ranks: int,
                 nan_from: int) -> NDArray[np.int64]:
        """Return the whole numbers of one tile, in the kernel's order."""
        shape = self.work.output_shape
        target = np.ravel_multi_index((plane, *(begin for begin, _ in block[1:]), channel), shape)
        apart = [int(np.prod(shape[i:])) for i in (2, 3, 4)]
        return np.array([*(stop - begin for begin, stop in block[1:]), target, *apart, tile[1] * tile[2], tile[2],
                         *(w.step for w in self.work.windows), ranks, nan_from, self.work.fill is not None,
                         self.work.rounding])
