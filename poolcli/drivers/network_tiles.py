"""Cut a plan into blocks for the network kernel, and lay out each: lanes, lines, rows and programs.

Windows that have all their samples are one block with the program of their shape; where windows differ in size, those
of one size after another, each with its program. Those that a border clips are up to two blocks an axis, with one
program for all of them. Lanes run along W; along H where a block is tall and thin; across planes where these are small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ..core.windows import as_array
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
from .uniform_runs import AxisPart, AxisRuns

Ints = NDArray[np.int64]
_Parts = tuple[AxisPart, ...]
"""Windows along D, H and W."""

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
_MOST_SIZES = 16
"""Shapes of irregular windows that have a program each: adaptive windows have four at most, two sizes an axis."""
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
    """Return the quantile asked for (0 for the mode, whose result is a sample as well, and for what has none)."""
    return work.parameters[0] if work.parameters and work.reducer.sorts == "rank" else 0.0


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
    listed: AxisPart | None = None
    """The windows, if they are not at equal distances."""


@dataclass(frozen=True, eq=False)
class NetworkPiece:
    """A block laid out, or those of its windows that have one size."""

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
        self.kept: dict[Block, list[NetworkPiece]] = {}
        self.lines = 0

    @cached_property
    def tile(self) -> tuple[int, int]:
        """How many windows down and across are one lane's: those at stride 1 have the more in common the larger."""
        d, h, w = self.axes
        one = self.single or self.may_miss or self.work.reducer.sorts != "rank" or d.size > 1
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

    def __getitem__(self, block: Block) -> list[NetworkPiece]:
        """Return one block laid out."""
        if block in self.kept:
            return self.kept[block]
        pieces = [self.lay_out(block, parts) for parts in self.parts_by_size(block)]
        lines = sum(piece.sources.size for piece in pieces)
        if self.lines + lines <= _KEPT_LINES:
            self.lines += lines
            self.kept[block] = pieces
        return pieces

    def parts_by_size(self, block: Block) -> list[_Parts]:
        """Return the windows of a block along each axis: apart by their sizes, if these are few."""
        together = tuple(axis.part(*part) for axis, part in zip(self.axes, block[1:], strict=True))
        found = [axis.parts(*part) for axis, part in zip(self.axes, block[1:], strict=True)]
        return list(product(*found)) if math.prod(map(len, found)) <= _MOST_SIZES else [together]

    def lay_out(self, block: Block, parts: _Parts) -> NetworkPiece:
        """Lay out windows of one block along the axis that suits it."""
        way = self.way(block)
        along = "N.HW".index(way)
        tile = self.tile if way == "W" and self.is_inside(block) else (1, 1)
        sources, targets, kinds, offsets = self.lines_of(block[0], parts, along, tile[0])
        if way != "W":  # each channel is a line
            channels = np.arange(self.work.array.shape[4])
            sources, targets = ((numbers[:, None] + channels).reshape(-1) for numbers in (sources, targets))
            kinds = np.repeat(kinds, len(channels))
        lanes = self.lanes_of(block[0], parts, along, tile[1])
        whole = all(part.whole for part in parts)
        if not lanes.listed:
            sources = sources + lanes.origin * lanes.unit
        whole = whole and not (self.may_miss and way != "W")
        plan = block[0], *(axis.whole for axis in self.axes)
        in_pairs = block[2][1] - block[2][0] > 1 or not self.pairs(plan)
        return self.assemble(lanes, sources, targets, kinds, offsets, whole, whole and way == "W" and in_pairs, tile)

    def is_inside(self, block: Block) -> bool:
        """Return whether a block is of windows that have all their samples, in whole tiles."""
        return all(inside[0] <= part[0] and part[1] <= inside[1] and (part[1] - part[0]) % tile == 0
                   for part, inside, tile in zip(block[1:], self.inside, (1, *self.tile), strict=True))

    def lines_of(self, planes: tuple[int, int], parts: _Parts, along: int, together: int) -> tuple[Ints, ...]:
        """Return where each line of windows begins in input and output, its kind, and the rows of each kind.

        Windows of a line have the same rows; a row beyond a border is ABSENT. ``together`` windows down are one line.
        """
        kinds, sources, targets = (np.zeros(1, np.int64) for _ in range(3))
        offsets = np.zeros((1, 1), np.int64)
        for i, part in enumerate((None, *parts)):
            place, target = (int(np.prod(shape[i + 1 :])) for shape in (self.work.array.shape, self.work.output_shape))
            if i == along:  # windows that are listed have their own targets
                targets += target * (planes[0] if part is None else part.numbers[0] if part.stride else 0)
                continue
            numbers = as_array(range(*planes) if part is None else part.numbers)
            apart = together if i == 2 else 1
            starts = (numbers if part is None else part.starts())[::apart]
            sources = (sources[:, None] + starts * place).reshape(-1)
            targets = (targets[:, None] + numbers[::apart] * target).reshape(-1)
            of_window = np.zeros(len(starts), np.int64)
            if part is not None:
                present, of_window = np.unique(part.present()[::apart], axis=0, return_inverse=True)
                present[:, 1] += apart - 1
                more = _row_offsets(present, part.size + apart - 1, part.windows.step * place)
                offsets = (offsets[:, None, :, None] + more[:, None, :]).reshape(len(offsets) * len(more), -1)
                offsets = np.where(offsets < 0, ABSENT, offsets)
            kinds = (kinds[:, None] * (int(of_window.max()) + 1) + of_window.reshape(-1)).reshape(-1)
        return sources, targets, kinds, offsets

    def lanes_of(self, planes: tuple[int, int], parts: _Parts, along: int, tile: int) -> _Lanes:
        """Return what lanes along an axis are: of the planes 0, of H 2, of W 3."""
        inner = self.work.array.shape[4]
        unit, out_unit = (int(np.prod(shape[along + 1 :])) for shape in (self.work.array.shape, self.work.output_shape))
        if along == 0:
            return _Lanes(planes[1] - planes[0], 1, 1, 1, 1, unit, out_unit, planes[0], self.work.array.shape[0])
        part, length = parts[along - 1], self.work.array.shape[along]
        inner = inner if along == 3 else 1
        step, count = part.windows.step, len(part.numbers)
        if tile > 1:
            return _Lanes(count // tile, 1, part.size + tile - 1, tile, 1, unit, out_unit, part.origin(), length)
        return _Lanes(count * inner, inner, part.size, part.stride or (part.size - 1) * step + 1, step, unit, out_unit,
                      part.origin(), length, None if part.stride else part)

    def assemble(self, lanes: _Lanes, sources: Ints, targets: Ints, kinds: Ints, offsets: Ints, whole: bool,
                  generated: bool, tile: tuple[int, int]) -> NetworkPiece:
        """Return a piece with the programs that it needs."""
        rows = offsets.shape[1]
        shape = rows, lanes.columns, lanes.stride, lanes.step
        floating = self.work.array.dtype.kind == "f" and not self.work.skip_nan
        runs = self.work.reducer.sorts != "rank"
        samples = (rows - tile[0] + 1) * (lanes.columns - tile[1] + 1)
        programs: list[Program | None] = [None, None]
        if whole:
            rank = Rank.of(samples, q_of(self.work))
            ranks = rank.low, rank.high
            if tile != (1, 1):
                window = rows - tile[0] + 1, lanes.columns - tile[1] + 1
                programs[0] = tile_selection(*window, *tile, *ranks, floating)
            else:
                programs[0] = most_frequent(*shape, floating) if runs else selection(*shape, *ranks, floating)
        if self.may_miss or not whole:
            programs[1] = (partial_most_frequent(*shape, floating) if runs
                           else partial_selection(*shape, *self.ranks, floating))
        known = [program for program in programs if program]
        beyond, slots = (max(getattr(program, name) for program in known) for name in ("reach", "slots"))
        beyond *= lanes.inner
        room, together = self.room(lanes, beyond, slots, sources.size if programs[0] and not programs[1] else 1)
        listed, table = 0, np.zeros(1, np.int64)
        if lanes.listed is not None:
            part, listed = lanes.listed, len(lanes.listed.numbers)
            begins = part.starts()
            ends = begins + part.present()[:, 1] * part.windows.step
            table = np.concatenate([begins * lanes.unit, ends * lanes.unit, as_array(part.numbers) * lanes.out_apart])
        first, second = programs[0].results if programs[0] else ((0, 0), (0, 0))
        geometry = np.array([
            sources.size, lanes.cells, lanes.inner, lanes.stride, lanes.unit, lanes.out_apart,
            (room - beyond) // lanes.inner * lanes.inner, room, rows, len(programs[0].code) if programs[0] else 0,
            *first, *second, self.work.rounding, len(programs[1].code) if programs[1] else 0,
            programs[1].results[0].value if programs[1] else 0, programs[1].counters if programs[1] else 0,
            lanes.origin, lanes.length, ((lanes.columns - 1) * lanes.step + 1) * lanes.unit, listed,
            self.may_miss, self.work.skip_nan, self.work.fill is not None, samples * PARAMS,
            *tile, int(np.prod(self.work.output_shape[3:])), together, lanes.cells + beyond,
            *(programs[0].further if programs[0] else ())])
        counts = (programs[1].counters + 2) * room + 2 if programs[1] else 0
        code = np.concatenate([program.code for program in known])
        return NetworkPiece(generated, code, offsets.reshape(-1), kinds, sources, targets, table, geometry,
                            slots * room + beyond, counts)

    def room(self, lanes: _Lanes, beyond: int, slots: int, lines: int) -> tuple[int, int]:
        """Return the lanes of a slot, and how many of so many lines are one strip: more where they are short."""
        strip = min(_MAX_STRIP_BYTES, max(_MIN_STRIP_BYTES, _SLOTS_BYTES // slots))
        if lanes.unit != lanes.inner:  # each lane is a line of its own to the cache
            strip = WHOLE_BYTES
        room = max(strip // self.work.array.itemsize, 4 * beyond, lanes.inner + beyond)
        together = 1
        if (lanes.out_apart == lanes.inner or lanes.listed is not None) and lanes.cells + beyond <= room:
            together = max(1, min(lines, room // (lanes.cells + beyond)))
        room = min(room, together * (lanes.cells + beyond))
        return -(-room // self.whole_lanes) * self.whole_lanes, together


def _row_offsets(present: Ints, size: int, distance: int) -> Ints:
    """Return where each of ``size`` rows is for each kind of window, which has the rows from one number to another."""
    rows = np.arange(size)
    inside = (rows >= present[:, :1]) & (rows < present[:, 1:])
    return np.where(inside, rows * distance, ABSENT)
