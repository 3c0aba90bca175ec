"""Drive a chosen fold kernel: its buffers, its blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import jit
from ...core import dtypes
from ...core.windows import Windows, as_array
from ...kernels.fold import row_pairs, shared_columns, small, wide
from ...kernels.fold import rows as kernel
from ..kernel_task import Array, Block, KernelTask, Runner, cut
from . import addition_chain
from .fold_table import Fold, divisors

ROW_STATES, _ROW_OF_DOUBLES = 1 << 15, 1 << 11
"""States of a scratch row: rows of uint8 and float32 ran fastest whole, and those of 4096 pixels are half of it. A ring
of doubles should fit into the second cache (avg 31x31/1 of float32 takes 20.3 ms, with whole rows 21.6).
"""
LONGEST = 1 << 19
"""Places of a scratch row beyond which it is twice as long as a window only, not four times."""
BLOCK_SAMPLES = 1 << 24
"""Samples read by one call: 0.1 s for sums in pairs of doubles."""
MOST_NUMBERS = 5
"""The most numbers of a fold's state: kernels take so many buffers of states."""
_MOST_ROOMS = 8
"""Sizes of blocks whose scratch space a thread keeps: regular windows have up to four, listed ones may have many."""
_MOST_PREPARED = 1 << 10
"""Blocks whose buffers are kept for the next array, 2 KB each: to make them takes 40 us (avg 15/1 of 4 M samples, 128
blocks)."""


class Prepared(NamedTuple):
    """A block's buffers, but for the array, the result and the scratch space."""

    buffers: tuple[Array, ...]
    room: int
    """States of scratch space, and the place of the identity among them."""
    identity: int


class Rooms:
    """Scratch space: a buffer for each number of a state, with the state of no sample at a place that stays as it is.

    Blocks of one size share it; those of others have their own, so that each block's call can be made again.
    """

    def __init__(self, dtypes: Sequence[Any], none: Sequence[float | int]) -> None:
        self.dtypes, self.none = dtypes, none
        self.known: dict[tuple[int, int], list[Array]] = {}

    def __call__(self, size: int, identity: int) -> list[Array]:
        """So many states, and the place of the state of no sample."""
        found = self.known.get((size, identity))
        if found is None:
            if len(self.known) == _MOST_ROOMS:
                self.known.clear()
            found = [np.zeros(size if i < len(self.dtypes) else 0, dtype)
                     for i, dtype in enumerate(numbers_of(self.dtypes))]
            for room, value in zip(found, self.none, strict=False):
                room[identity] = value
            self.known[size, identity] = found
        return found


def numbers_of(dtypes: Sequence[Any]) -> Sequence[Any]:
    """The dtypes of the buffers of states that a kernel takes: those of a state's numbers, then others."""
    return (*dtypes, *(np.uint8,) * MOST_NUMBERS)[:MOST_NUMBERS]


class FoldLayout:
    """A plan as a fold kernel takes it: the same for all arrays of its shape."""

    def __init__(self, work: KernelTask, fold: Fold, kinds: NDArray[np.int64], tall: int) -> None:
        self.work, self.fold, self.kinds, self.tall = work, fold, kinds, tall
        self.steps = addition_chain.table(int(kinds[-1])) if tall else kinds
        self.tables = [_clip_axis(w) for w in work.windows[:2]]
        self.shares = divisors(work)
        value = 0 if work.nodata is None else work.nodata[0]
        nodata = np.array([value], work.array.dtype)
        self.missing = nodata, np.zeros(1, work.written) if work.fill is None else work.fill
        self.bounds = dtypes.whole_limits(work.result)
        self.ending = np.array([*work.parameters, 0.0, 0.0]), dtypes.limits(work.result)
        written = 4 * prod(work.output_shape) * work.written.itemsize
        self.milliseconds = 3e-8 * (work.array.nbytes + written)
        line, size, inner = 64 // work.array.itemsize, int(kinds[-1]), work.output_shape[4]
        self.least = max(shared_columns.states_needed(line, size, step_of(work.windows[2]), inner),
                         row_pairs.states_needed(line, size, inner))
        self.cuts: dict[int, list[Block]] = {}
        self.parts: dict[tuple[int, int], RowWindows] = {}
        self.regular: dict[int, NDArray[np.int64]] = {}
        self.prepared: dict[Block, Prepared] = {}

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of whole rows where they fit, enough of them for the threads."""
        if threads not in self.cuts:
            self.cuts[threads] = self.cut(threads)
        return self.cuts[threads]

    def cut(self, threads: int) -> list[Block]:
        """``blocks``, worked out."""
        work = self.work
        outer, planes, rows, windows, inner = work.output_shape
        width = work.windows[2]
        apart = max(1, work.array.shape[3] // windows)
        extent = (int(self.kinds[-1]) - 1) * width.step + 1
        most = min(max(work.array.size // (4 * threads), 1 << 18), BLOCK_SAMPLES) if threads > 1 else BLOCK_SAMPLES
        across = self.windows_across(extent, inner, apart, most)
        samples_of_row = max(1, work.array.size // max(1, outer * planes * rows))
        down = max(1, most // samples_of_row, 4 * self.tall // max(1, work.array.shape[2] // rows))
        return cut(work.whole, [max(1, down // (rows * planes)), max(1, down // rows), min(down, rows), across])

    def windows_across(self, extent: int, inner: int, apart: int, most: int) -> int:
        """How many windows along W a block may have; ``most`` is how many samples it should have."""
        doubles = self.tall and np.dtype(self.fold.dtypes[0]).itemsize == 8
        states = _ROW_OF_DOUBLES if doubles else ROW_STATES
        return max(1, (max(states // inner, min(4 * extent, LONGEST), 2 * extent) - extent) // apart)

    def prepare(self, block: Block) -> Prepared:
        """The buffers of a block, kept."""
        found = self.prepared.get(block)
        if found is None:
            found = self.buffers(block)
            if len(self.prepared) < _MOST_PREPARED:
                self.prepared[block] = found
        return found

    def buffers(self, block: Block) -> Prepared:
        """The buffers of a block."""
        across = self.across(block[3])
        rows = [t[i0:i1] for t, (i0, i1) in zip(self.tables, block[1:3], strict=True)]
        shares = [s[i0:i1] for s, (i0, i1) in zip(self.shares, block[1:], strict=True)]
        buffers = (*self.missing, self.geometry(block, across), *rows, across.places, self.steps, *shares, *self.ending)
        return Prepared(buffers, self.room(across), self.identity(across))

    def identity(self, across: RowWindows) -> int:
        """Where the state of no sample lies in the scratch space."""
        return int(kernel.ROWS * across.length * self.work.array.shape[4])

    def room(self, across: RowWindows) -> int:
        """States of scratch space."""
        inner, kept = self.work.array.shape[4], across.listed * len(self.kinds)
        return max(kernel.scratch_size(across.length, inner, self.tall, kept), self.least)

    def own(self) -> list[Array]:
        """Further buffers that a runner has for itself."""
        return []

    def across(self, part: tuple[int, int]) -> RowWindows:
        """The windows along W of one block: most blocks have the same."""
        if part not in self.parts:
            width = self.work.windows[2][part[0] : part[1]]
            starts, sizes = as_array(width.starts), width.sizes
            low = int(starts[0])
            length = int((starts + (sizes - 1) * width.step).max()) + 1 - low
            if width.regular:
                head, tail = width.edges()
                alike = (head, tail) if head < tail else (0, 0)
                places = self.regular.setdefault(len(width), _as_columns(starts - low, sizes))
                self.parts[part] = RowWindows(places, low, length, alike, False)
            elif isinstance(width.starts, range):
                full = self.shares[2][part[0] : part[1]] == self.shares[2].max()
                alike = longest_stretch(full & (width.present[1] == sizes))
                self.parts[part] = RowWindows(_as_columns(starts - low, sizes), low, length, alike, False)
            else:
                rows = [kernel.kept_row(kind, length) for kind in range(len(self.kinds))]
                kept = np.array(rows)[np.searchsorted(self.kinds, sizes)]
                self.parts[part] = RowWindows(_as_columns(starts - low + kept, sizes), low, length, (0, 0), True)
        return self.parts[part]

    def geometry(self, block: Block, across: RowWindows) -> Array:
        """The whole numbers of one block, in the kernel's order."""
        work = self.work
        _, *lengths, inner = work.array.shape
        _, height, width = work.windows
        first = int(height.starts[block[2][0]])
        origin = int(height.starts[0]) if work.origin is None else work.origin
        top = first - (first - origin) % (self.tall or 1)  # sums in the same groups, wherever a block begins
        return np.array([*lengths, inner, *work.output_shape[1:4], *(w.step for w in work.windows),
                         *itertools.chain(*block), work.skip_nan, work.nodata is not None, work.fill is not None,
                         work.rounding, across.low, across.length, *across.alike, step_of(width),
                         len(self.kinds), self.tall, top, first, step_of(height), across.listed, across.stretches,
                         self.identity(across), *self.bounds], np.int64)


class ChunkLayout(FoldLayout):
    """A plan for kernels that take a row in chunks: min 2/2 of 1 M samples of int16 takes 0.15 ms as one block, cut as
    others are 1.4.
    """

    def windows_across(self, extent: int, inner: int, apart: int, most: int) -> int:
        """As many as a block should have samples for."""
        return max(1, most // (apart * inner))

    def identity(self, across: RowWindows) -> int:
        """Behind the scratch rows."""
        return int(self.least)

    def room(self, across: RowWindows) -> int:
        """The scratch rows, and the identity."""
        return int(self.least + self.work.array.shape[4])


class WideLayout(ChunkLayout):
    """A plan of windows that are long along W."""

    @property
    def run(self) -> int:
        """States of the scratch row: whole pixels."""
        inner, numbers = int(self.work.array.shape[4]), sum(np.dtype(dtype).itemsize for dtype in self.fold.dtypes)
        pixels: int = max(wide.RUN_BYTES // (numbers * inner), 1)
        return pixels * inner

    def identity(self, across: RowWindows) -> int:
        """Behind the scratch row."""
        return self.run

    def room(self, across: RowWindows) -> int:
        """The scratch row, and the identity."""
        return self.run + 1

    def across(self, part: tuple[int, int]) -> RowWindows:
        """The windows along W of one block: each by itself."""
        if part not in self.parts:
            width = self.work.windows[2][part[0] : part[1]]
            places = _as_columns(as_array(width.starts), width.sizes)
            self.parts[part] = RowWindows(places, 0, 0, (0, 0), False)
        return self.parts[part]


class FoldRun:
    """A chosen kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, spec: jit.KernelSpec, laid: FoldLayout) -> None:
        self.work, self.values, self.spec, self.laid = work, values, spec, laid
        self.milliseconds = laid.milliseconds
        self.blocks = laid.blocks

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own; False if the general kernel must."""
        run, laid = jit.load(self.spec), self.laid
        states, rooms = laid.fold.dtypes, Rooms(laid.fold.dtypes, laid.fold.none)
        samples, values = self.work.array, self.values
        if self.spec.make is row_pairs.make_kernel:
            samples, values = samples.view(states[0]), values.view(states[0])
        small_one = self.spec.make is small.make_kernel
        weights = () if self.work.weights is None else (self.work.weights,)
        own = [np.empty(laid.least, dtype) for dtype in numbers_of(states)] if small_one else laid.own()

        def run_block(block: Block) -> bool:
            prepared = laid.prepare(block)
            buffers = prepared.buffers
            if weights:
                buffers = (*weights, *buffers[1:])  # in the place of the value of missing samples
            return run((samples, values, *buffers, *rooms(prepared.room, prepared.identity), *own)) == 0

        return run_block


@dataclass(frozen=True, eq=False)
class RowWindows:
    """The windows along W of one block."""

    places: NDArray[np.int64]
    """Where each starts, counted from ``low`` or where its kind is kept, and its size."""
    low: int
    length: int
    """The first position that one of them has, and how many they span."""
    alike: tuple[int, int]
    """The longest stretch of them that stand at equal distances, have all their samples and share one divisor."""
    listed: bool
    """Whether they lie at will."""
    stretches: int = 0
    """How many stretches the uneven kernel takes them in."""


def longest_stretch(full: NDArray[np.bool_]) -> tuple[int, int]:
    """The longest run of True."""
    turns = np.flatnonzero(np.diff(full, prepend=False, append=False))
    if not len(turns):
        return 0, 0
    begins, ends = turns[::2], turns[1::2]
    longest = int(np.argmax(ends - begins))
    return int(begins[longest]), int(ends[longest])


def step_of(windows: Windows) -> int:
    """From one window's start to the next, where that is always the same."""
    return windows.starts.step if isinstance(windows.starts, range) else 1


def _clip_axis(windows: Windows) -> NDArray[np.int64]:
    """One of the axes D and H as the kernel reads it: first sample and count of each window."""
    return _as_columns(*windows.present)


def _as_columns(first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Two columns side by side (``np.stack`` takes four times as long)."""
    table = np.empty((len(first), 2), np.int64)
    table[:, 0], table[:, 1] = first, second
    return table
