"""Windows in pieces of one shape, as the network kernel takes them: the interior, the strips that a border clips.

Lanes run along W, or along H where a piece is tall and thin.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import floor

import numpy as np
from numpy.typing import NDArray

from ..kernels import fused
from ..kernels.programs import Program, most_frequent, selection
from ..work import Block, Work, cut
from .stretches import Stretch, find, stretches

STRIP_BYTES = 2048
"""What the lanes of a slot fill: 3x3 and 5x5 ran fastest with it."""
WHOLE_BYTES = 256
"""Instructions do so many bytes at a time: less would be done by a slower loop for the rest."""
BLOCK_WINDOWS = 1 << 22
"""Windows of one block: 0.1 s for the largest. Blocks of 260,000 of 5x5/1 cost 0.5 ms of 3.3 on 16 MP, to begin each on
two threads; a quarter of what a thread has to do costs nothing."""
KEPT = 1 << 16
"""Lines of windows whose places are kept for the next array of a plan, 16 bytes each: to lay out the 12 pieces of 3x3/1
on 16 MP takes 0.3 ms of 2.4, the 49 of 7x7/1 on 1 MP 1.4 of 4.4."""


@dataclass(frozen=True)
class Rank:
    """Where a quantile lies among n sorted samples."""

    low: int
    high: int
    share: float
    """How much of the way from the one rank to the other."""

    @classmethod
    def of(cls, n: int, q: float) -> Rank:
        """(n - 1) q, as the general kernel has it."""
        h = (n - 1) * q
        low = min(floor(h), n - 1)
        share = h - low if low + 1 < n else 0.0
        return cls(low, low + (share > 0.0), share)


def below(work: Work, deep: Stretch, high: Stretch) -> int:
    """1 where the lines of a block are two or more, each a row of the input further down; else 0."""
    return int(deep.count == high.apart == work.windows[1].step == 1 and len(high.starts) > 1)


def shape_of(work: Work, rows: int, along: Stretch, step: int, inner: int, below: int) -> tuple[int, ...]:
    """What a fused kernel is made for: rows, columns, stride, step, two ranks, whether there may be NaN, channels,
    whether lines are one row apart."""
    rank = Rank.of(rows * along.count, q_of(work))
    low = fused.MODE if work.reducer.name == "mode" else rank.low
    return rows, along.count, along.apart, step, low, rank.high, int(work.array.dtype.kind == "f"), inner, below


def q_of(work: Work) -> float:
    """The quantile asked for (0 for the mode, whose result is a sample as well)."""
    return work.parameters[0] if work.parameters else 0.0


@dataclass(frozen=True, eq=False)
class Piece:
    """A block of windows of one shape."""

    shape: tuple[int, ...]
    """As ``shape_of`` has it; empty if lanes run down the rows."""
    program: Program
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    offsets: NDArray[np.int64]
    rank: Rank
    geometry: NDArray[np.int64]
    """As the kernel has it (``networks.LINES`` and the others)."""
    room: int
    """Lanes of scratch space that the program needs: its slots, and as far as the last of them is read shifted."""


class Pieces:
    """How a plan is cut; the plan's own array is not looked at."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.axes = [stretches(windows) or [] for windows in work.windows]
        self.whole = WHOLE_BYTES // work.array.itemsize
        self.kept: dict[Block, Piece] = {}
        self.lines = 0

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of windows of one shape, enough of them for the threads."""
        outer, inner = self.work.output_shape[0], self.work.output_shape[4]
        total = int(np.prod(self.work.output_shape))
        most = min(BLOCK_WINDOWS, max(total // (4 * threads), 1 << 14))
        found: list[Block] = []
        for d, h, w in product(*self.axes):
            block = ((0, outer), *((s.begin, s.begin + len(s.starts)) for s in (d, h, w)))
            sizes = [len(s.starts) for s in (d, h, w)]
            tall = upright(sizes[1], sizes[2] * inner)
            rows = sizes[1] if tall else max(1, most // (sizes[2] * inner))
            alone = tall or (sizes[1] % 2 and below(self.work, d, h))  # lines in pairs: no pair across two planes
            planes = 1 if alone else max(1, rows // sizes[1])
            found += cut(block, [planes, 1, rows, sizes[2]])
        return found

    def __getitem__(self, block: Block) -> Piece:
        """One block laid out."""
        if block in self.kept:
            return self.kept[block]
        piece = self.piece(block)
        if self.lines + piece.sources.size <= KEPT:
            self.lines += piece.sources.size
            self.kept[block] = piece
        return piece

    def piece(self, block: Block) -> Piece:
        """One block, its lanes along W, or along H if it is tall and thin."""
        d, h, w = (find(axis, part) for axis, part in zip(self.axes, block[1:], strict=True))
        _, depth, height, width, inner = self.work.array.shape
        _, out_d, out_h, out_w, _ = self.work.output_shape
        steps = [windows.step for windows in self.work.windows]
        planes = np.arange(*block[0])
        in_plane = (planes[:, None] * depth + d.starts).reshape(-1) * height
        out_plane = (planes[:, None] * out_d + np.arange(*block[1])).reshape(-1) * out_h
        deep = np.arange(d.count) * (steps[0] * height * width * inner)
        if upright(len(h.starts), len(w.starts) * inner):
            cells = (np.arange(*block[3])[:, None] * inner + np.arange(inner)).reshape(-1)
            places = (w.starts[:, None] * inner + np.arange(inner)).reshape(-1)
            sources = (in_plane + h.starts[0])[:, None] * (width * inner) + places
            targets = (out_plane + block[2][0])[:, None] * (out_w * inner) + cells
            beside = np.arange(w.count) * (steps[2] * inner)
            return self.assembled(sources, targets, deep[:, None] + beside, h, steps[1], 1, width * inner,
                                  out_w * inner, 0)
        sources = (in_plane[:, None] + h.starts) * (width * inner) + int(w.starts[0]) * inner
        targets = (out_plane[:, None] + np.arange(*block[2])) * (out_w * inner) + block[3][0] * inner
        under = np.arange(h.count) * (steps[1] * width * inner)
        return self.assembled(sources, targets, deep[:, None] + under, w, steps[2], inner, inner, inner,
                              below(self.work, d, h))

    def assembled(self, sources: NDArray[np.int64], targets: NDArray[np.int64], offsets: NDArray[np.int64],
                  along: Stretch, step: int, inner: int, unit: int, out_apart: int, below: int) -> Piece:
        """A piece whose lanes run along one axis, in groups of ``inner``; places on that axis are ``unit`` apart."""
        rows = offsets.size
        shape = shape_of(self.work, rows, along, step, inner, below)
        rank = Rank.of(rows * along.count, q_of(self.work))
        mode = self.work.reducer.name == "mode"
        program = most_frequent(*shape[:4], bool(shape[6])) if mode else selection(*shape[:7])
        cells = len(along.starts) * inner
        beyond = program.reach * inner
        strip = STRIP_BYTES if unit == inner else WHOLE_BYTES  # down the rows, each lane is a line of its own to cache
        room = max(strip // self.work.array.itemsize, 4 * beyond, inner + beyond)
        room = -(-min(room, cells + beyond) // self.whole) * self.whole
        strip = (room - beyond) // inner * inner
        geometry = np.array([sources.size, cells, inner, along.apart * unit, unit, out_apart, strip, room,
                             len(program.code), *program.results[0], *program.results[1], self.work.rounding])
        return Piece(shape if unit == inner else (), program, sources.reshape(-1), targets.reshape(-1),
                     offsets.reshape(-1), rank, geometry, program.slots * room + beyond)


def upright(rows: int, cells: int) -> bool:
    """Whether lanes had better run down the rows."""
    return cells < 16 and rows > cells
