"""Cut a plan into blocks for the network kernel, and lay out each: lanes, lines, rows and programs.

Windows that have all their samples are one block with the program of their shape. Those that a border clips are up to
two blocks an axis, with one program for all of them. Lanes run along W; along H where a block is tall and thin; across
planes where these are small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..kernels.network.interpreter import ABSENT, PARAMS
from ..kernels.network.program import (
    Program,
    most_frequent,
    partial_most_frequent,
    partial_selection,
    selection,
    tile_selection,
)
from ..kernels.order_statistics import rank_of
from .kernel_task import Block, KernelTask, cut
from .uniform_runs import AxisRuns

Ints = NDArray[np.int64]

_SLOTS_BYTES = 1 << 18
"""What all slots together should fill, of the second cache: 15x15/1 on 1 MP of float32 takes 43 ms by it, by half as
much 59."""
_MAX_STRIP_BYTES, _MIN_STRIP_BYTES = 2048, 1024
"""What the lanes of a slot fill at most (3x3 and 5x5 ran fastest with it) and at least."""
WHOLE_BYTES = 256
"""Instructions do so many bytes at a time: less would be done by a slower loop for the rest."""
BLOCK_WINDOWS = 1 << 22
"""Windows of one block at most. Blocks of 260,000 of 5x5/1 cost 0.5 ms of 3.3 on 16 MP."""
_BLOCK_COMPARED = 1 << 27
"""Samples in the windows of one block at most: 0.1 s."""
MIN_SPLIT_WINDOWS = 1 << 12
"""Windows from which on those that a border clips are blocks of their own: fewer are done at once by the program for
clipped windows, since to begin a block costs 25 us."""
_MIN_LANES = 12
"""Lanes of a line below which lanes run another way, if there are far more of them there."""
_SHORT_LINES = 8
"""How many times as many: short lines along W are done together. Medians of bytes in milliseconds, along W and another
way, 15x15 of 16 planes of 13 x 13 windows 0.63 and 4.84, 9x9 of 6 x 6 0.07 and 0.25; 4x4 of 64 planes of 7 x 7 0.08 and
0.06."""
_KEPT_LINES = 1 << 16
"""Lines of windows whose places are kept for the next array of a plan, 24 bytes each: to lay out 3x3/1 on 16 MP takes
0.3 ms of 2.4."""


@dataclass(frozen=True)
class Rank:
    """Where a quantile lies among n sorted samples."""

    low: int
    high: int
    share: float
    """How much of the way from the one rank to the other."""

    @classmethod
    def of(cls, n: int, q: float) -> Rank:
        """Return (n - 1) q, as the general kernel has it."""
        low, share = rank_of(n, q)
        return cls(low, low + (share > 0.0), share)


def q_of(work: KernelTask) -> float:
    """Return the quantile asked for (0 for the mode, whose result is a sample as well)."""
    return work.parameters[0] if work.parameters else 0.0


@dataclass(frozen=True, eq=False)
class _Lanes:
    """A way to lay windows side by side."""

    cells: int
    inner: int
    columns: int
    """Places of a window along the lanes' axis; samples of it across the lanes are rows."""
    stride: int
    """From a window to the next, in places of ``unit`` numbers; as long as a window where they are listed."""
    step: int
    unit: int
    out_apart: int
    origin: int
    """The place of the first window, which may be before the axis."""
    length: int
    """The places of the axis."""
    regular: bool = True
    """Whether windows are at equal distances, or listed."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """A block laid out."""

    generated: bool
    """Whether a kernel generated for whole windows serves this block, if there is one."""
    code: Ints
    offsets: Ints
    kinds: Ints
    sources: Ints
    targets: Ints
    table: Ints
    geometry: Ints
    """As the kernel has it (``interpreter.LINES`` and the others)."""
    slots: int
    """Lanes of scratch space for samples, as far as the last slot is read shifted."""
    counts: int
    """Lanes of scratch space for counts of present samples."""


class NetworkTiles:
    """How a plan is cut; the plan's own array is not looked at."""

    def __init__(self, work: KernelTask, single: bool = False) -> None:
        self.work, self.single = work, single
        self.axes = [AxisRuns.of(windows) for windows in work.windows]
        self.may_miss = work.skip_nan or work.nodata is not None
        self.whole_lanes = WHOLE_BYTES // work.array.itemsize
        self.kept: dict[Block, _Piece] = {}
        self.lines = 0

    @cached_property
    def tile(self) -> tuple[int, int]:
        """How many windows down and across are one lane's: those at stride 1 have the more in common the larger."""
        d, h, w = self.axes
        one = self.single or self.may_miss or self.work.reducer.sorts == "runs" or d.size > 1
        if one or h.windows.step > 1 or w.windows.step > 1 or w.stride != 1 or self.work.array.shape[4] > 1:
            return 1, 1
        return (2 if h.size >= 5 and h.stride == 1 else 1), 4 if w.size >= 7 else 2 if w.size >= 5 else 1

    @cached_property
    def inside(self) -> list[tuple[int, int]]:
        """The windows of each axis that have all their samples, in whole tiles."""
        tiles = 1, *self.tile
        return [(axis.whole[0], axis.whole[1] - (axis.whole[1] - axis.whole[0]) % tile)
                for axis, tile in zip(self.axes, tiles, strict=True)]

    @property
    def samples(self) -> int:
        """The samples of the largest window."""
        return int(np.prod([axis.size for axis in self.axes]))

    @cached_property
    def sample_counts(self) -> set[int]:
        """How many samples windows may have."""
        if self.may_miss:
            return set(range(1, self.samples + 1))
        return {d * h * w for d, h, w in product(*(axis.counts() for axis in self.axes))}

    @cached_property
    def ranks(self) -> tuple[int, int]:
        """The lowest and the highest first rank of any window."""
        ranks = [Rank.of(n, q_of(self.work)).low for n in self.sample_counts]
        return min(ranks), max(ranks)

    # Blocks.

    def blocks(self, threads: int) -> list[Block]:
        """Return blocks of windows of one kind, enough of them for the threads."""
        total = int(np.prod(self.work.output_shape))
        most = min(BLOCK_WINDOWS, _BLOCK_COMPARED // self.samples, max(total // (4 * threads), 1 << 14))
        return [block for part in self.parts(total) for block in self.cut_part(part, most)]

    def parts(self, total: int) -> list[Block]:
        """Return the windows that have all their samples as one block, and those around them."""
        outer, *counts, _ = self.work.output_shape
        everything = [(0, n) for n in counts]
        inside = self.inside
        if total < MIN_SPLIT_WINDOWS or any(begin == stop for begin, stop in inside):
            return [((0, outer), *everything)]
        parts: list[Block] = []
        for i, ((_, n), (begin, stop)) in enumerate(zip(everything, inside, strict=True)):
            for edge in ((0, begin), (stop, n)):
                if edge[0] < edge[1]:
                    parts.append(((0, outer), *inside[:i], edge, *everything[i + 1 :]))
        return [*parts, ((0, outer), *inside)]

    def cut_part(self, block: Block, most: int) -> list[Block]:
        """Cut a block into lines, so that each has about ``most`` windows."""
        depth, height, width = (stop - begin for begin, stop in block[1:])
        way = self.way(block)
        if way != "W":
            return [block]
        lines = max(1, most // (width * self.work.array.shape[4]))
        if self.tile[0] > 1 and self.is_inside(block):
            lines = max(self.tile[0], lines - lines % self.tile[0])
        if self.pairs(block) and height % 2:  # lines in pairs: no pair across two planes
            return cut(block, [1, 1, max(lines & ~1, 2), width])
        return cut(block, [max(1, lines // (height * depth)), max(1, min(depth, lines // height)),
                           min(height, lines), width])

    def way(self, block: Block) -> str:
        """Return the axis that lanes run along: W, H, or N for across the planes."""
        planes, _, height, width = (stop - begin for begin, stop in block)
        along_w = width * self.work.array.shape[4]
        lanes = {"W": _SHORT_LINES * along_w, "H": height if self.axes[1].stride else 0, "N": planes}
        return "W" if along_w >= _MIN_LANES else max(lanes, key=lambda letter: lanes[letter])

    def pairs(self, block: Block) -> bool:
        """Return whether the lines of a block are two or more, each a row of the input further down."""
        d, h = self.axes[:2]
        return d.size == h.stride == h.windows.step == 1 and block[2][1] - block[2][0] > 1

    # Layout.

    def __getitem__(self, block: Block) -> _Piece:
        """Return one block laid out."""
        if block in self.kept:
            return self.kept[block]
        piece = self.lay_out(block)
        if self.lines + piece.sources.size <= _KEPT_LINES:
            self.lines += piece.sources.size
            self.kept[block] = piece
        return piece

    def lay_out(self, block: Block) -> _Piece:
        """Lay out one block along the axis that suits it."""
        way = self.way(block)
        along = "N.HW".index(way)
        tile = self.tile if way == "W" and self.is_inside(block) else (1, 1)
        sources, targets, kinds, offsets = self.lines_of(block, along, tile[0])
        if way != "W":  # each channel is a line
            channels = np.arange(self.work.array.shape[4])
            sources, targets = ((numbers[:, None] + channels).reshape(-1) for numbers in (sources, targets))
            kinds = np.repeat(kinds, len(channels))
        lanes = self.lanes_of(block, along, tile[1])
        table = np.zeros(2, np.int64)
        if not lanes.regular:
            axis, (begin, stop) = self.axes[2], block[3]
            first, count = axis.starts(begin, stop), axis.present(begin, stop)[:, 1]
            table = np.stack([first, first + count * axis.windows.step], 1).reshape(-1)
        whole = all(axis.is_whole(*part) for axis, part in zip(self.axes, block[1:], strict=True))
        if lanes.regular:
            sources = sources + lanes.origin * lanes.unit
        whole = whole and not (self.may_miss and way != "W")
        plan = block[0], *(axis.whole for axis in self.axes)
        in_pairs = block[2][1] - block[2][0] > 1 or not self.pairs(plan)
        return self.assembled(lanes, sources, targets, kinds, offsets, table, whole,
                              whole and way == "W" and in_pairs, tile)

    def is_inside(self, block: Block) -> bool:
        """Return whether a block is of windows that have all their samples, in whole tiles."""
        return all(inside[0] <= part[0] and part[1] <= inside[1] and (part[1] - part[0]) % tile == 0
                   for part, inside, tile in zip(block[1:], self.inside, (1, *self.tile), strict=True))

    def lines_of(self, block: Block, along: int, together: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Return where each line of windows begins in input and output, its kind, and the rows of each kind.

        Windows of a line have the same rows; a row beyond a border is ABSENT. ``together`` windows down are one line.
        """
        kinds, sources, targets = (np.zeros(1, np.int64) for _ in range(3))
        offsets = np.zeros((1, 1), np.int64)
        for i, (begin, stop) in enumerate(block):
            place, target = (int(np.prod(shape[i + 1 :])) for shape in (self.work.array.shape, self.work.output_shape))
            if i == along:
                targets += begin * target
                continue
            apart = together if i == 2 else 1
            starts = (self.axes[i - 1].starts(begin, stop) if i else np.arange(begin, stop))[::apart]
            sources = (sources[:, None] + starts * place).reshape(-1)
            targets = (targets[:, None] + np.arange(begin, stop, apart) * target).reshape(-1)
            of_window = np.zeros(len(starts), np.int64)
            if i:
                rows = self.axes[i - 1].size + apart - 1
                present, of_window = np.unique(self.axes[i - 1].present(begin, stop)[::apart], axis=0,
                                               return_inverse=True)
                present[:, 1] += apart - 1
                more = _row_offsets(present, rows, self.axes[i - 1].windows.step * place)
                offsets = (offsets[:, None, :, None] + more[:, None, :]).reshape(len(offsets) * len(more), -1)
                offsets = np.where(offsets < 0, ABSENT, offsets)
            kinds = (kinds[:, None] * (int(of_window.max()) + 1) + of_window.reshape(-1)).reshape(-1)
        return sources, targets, kinds, offsets

    def lanes_of(self, block: Block, along: int, tile: int) -> _Lanes:
        """Return what lanes along an axis are: of the planes 0, of H 2, of W 3."""
        begin, stop = block[along]
        inner = self.work.array.shape[4]
        unit, out_unit = (int(np.prod(shape[along + 1 :])) for shape in (self.work.array.shape, self.work.output_shape))
        if along == 0:
            return _Lanes(stop - begin, 1, 1, 1, 1, unit, out_unit, begin, self.work.array.shape[0])
        axis = self.axes[along - 1]
        inner = inner if along == 3 else 1
        step = axis.windows.step
        if tile > 1:
            return _Lanes((stop - begin) // tile, 1, axis.size + tile - 1, tile, 1, unit, out_unit,
                          int(axis.starts(begin, begin + 1)[0]), axis.windows.length)
        return _Lanes((stop - begin) * inner, inner, axis.size, axis.stride or (axis.size - 1) * step + 1, step, unit,
                      out_unit, int(axis.starts(begin, begin + 1)[0]), axis.windows.length, axis.stride > 0)

    def assembled(self, lanes: _Lanes, sources: Ints, targets: Ints, kinds: Ints, offsets: Ints, table: Ints,
                  whole: bool, generated: bool, tile: tuple[int, int]) -> _Piece:
        """Return a piece with the programs that it needs."""
        rows = offsets.shape[1]
        shape = rows, lanes.columns, lanes.stride, lanes.step
        floating = self.work.array.dtype.kind == "f" and not self.work.skip_nan
        mode = self.work.reducer.sorts == "runs"
        programs: list[Program | None] = [None, None]
        if whole:
            rank = Rank.of(self.samples, q_of(self.work))
            ranks = rank.low, rank.high
            if tile != (1, 1):
                window = rows - tile[0] + 1, lanes.columns - tile[1] + 1
                programs[0] = tile_selection(*window, *tile, *ranks, floating)
            else:
                programs[0] = most_frequent(*shape, floating) if mode else selection(*shape, *ranks, floating)
        if self.may_miss or not whole:
            programs[1] = (partial_most_frequent(*shape, floating) if mode
                           else partial_selection(*shape, *self.ranks, floating))
        known = [program for program in programs if program]
        beyond, slots = (max(getattr(program, name) for program in known) for name in ("reach", "slots"))
        beyond *= lanes.inner
        room, together = self.room(lanes, beyond, slots, sources.size if programs[0] and not programs[1] else 1)
        first, second = programs[0].results if programs[0] else ((0, 0), (0, 0))
        geometry = np.array([
            sources.size, lanes.cells, lanes.inner, lanes.stride, lanes.unit, lanes.out_apart,
            (room - beyond) // lanes.inner * lanes.inner, room, rows, len(programs[0].code) if programs[0] else 0,
            *first, *second, self.work.rounding, len(programs[1].code) if programs[1] else 0,
            programs[1].results[0].value if programs[1] else 0, programs[1].counters if programs[1] else 0,
            lanes.origin, lanes.length, ((lanes.columns - 1) * lanes.step + 1) * lanes.unit, not lanes.regular,
            self.may_miss, self.work.skip_nan, self.work.fill is not None, self.samples * PARAMS,
            *tile, int(np.prod(self.work.output_shape[3:])), together, lanes.cells + beyond,
            *(programs[0].further if programs[0] else ())])
        counts = (programs[1].counters + 2) * room + 2 if programs[1] else 0
        code = np.concatenate([program.code for program in known])
        return _Piece(generated, code, offsets.reshape(-1), kinds, sources, targets, table, geometry,
                      slots * room + beyond, counts)

    def room(self, lanes: _Lanes, beyond: int, slots: int, lines: int) -> tuple[int, int]:
        """Return the lanes of a slot, and how many of so many lines are one strip: more where they are short."""
        strip = min(_MAX_STRIP_BYTES, max(_MIN_STRIP_BYTES, _SLOTS_BYTES // slots))
        if lanes.unit != lanes.inner:  # each lane is a line of its own to the cache
            strip = WHOLE_BYTES
        room = max(strip // self.work.array.itemsize, 4 * beyond, lanes.inner + beyond)
        together = 1
        if lanes.out_apart == lanes.inner and lanes.cells + beyond <= room:
            together = max(1, min(lines, room // (lanes.cells + beyond)))
        room = min(room, together * (lanes.cells + beyond))
        return -(-room // self.whole_lanes) * self.whole_lanes, together


def _row_offsets(present: Ints, size: int, distance: int) -> Ints:
    """Return where each of ``size`` rows is for each kind of window, which has the rows from one number to another."""
    rows = np.arange(size)
    inside = (rows >= present[:, :1]) & (rows < present[:, 1:])
    return np.where(inside, rows * distance, ABSENT)
