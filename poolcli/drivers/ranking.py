"""Drive the network kernel (``kernels/networks.py``): medians, quantiles and modes of windows of few samples.

The windows are cut into pieces of one shape, the interior and the strips that the border clips; each has a program.
Lanes run along W, or along H where a piece is tall and thin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import floor

import numpy as np
from numpy.typing import NDArray

from .. import compiled, dtypes
from ..kernels import fused
from ..kernels import networks as kernel
from ..kernels.numerics import CEIL, FLOOR, HALF_EVEN, HALF_UP
from ..kernels.programs import Program, most_frequent, selection
from ..work import Array, Block, Runner, Work, cut
from .stretches import Stretch, find, stretches

ARGUMENTS = ("read", "write", *("int64",) * 5, "float64", "float64", "read")
"""The dtypes of ``pool_network``'s buffers, in order."""

LARGE = 1 << 18
"""Samples from which on compiling the kernel is worth it (about 1.5 s, once for all windows of a dtype)."""
MOST = 256
"""The largest window, in samples: 15x15 of uint8 takes 12 ns a window, the general kernel 3 us."""
MOST_COUNTED = 127
"""The same where equal samples are counted in their own type."""
STRIP_BYTES = 2048
"""What the lanes of a slot fill: 3x3 and 5x5 ran fastest with it."""
WHOLE_BYTES = 256
"""Instructions do so many bytes at a time: less would be done by a slower loop for the rest."""
FUSED = 1 << 21
"""Results from which on a kernel of its own for one window's shape is worth compiling (about 0.9 s, once): 3x3/1 on
16 MP of uint8 takes 2.4 ms by it instead of 6, 5x5/1 takes 5.6 instead of 13."""
FUSED_MOST = 25
"""The largest window of such a kernel; the one of 7x7 takes 2.2 s to compile."""
FUSED_MODE = 9
"""The same for the mode, which compares each sample with each."""
BLOCK_WINDOWS = 1 << 22
"""Windows of one block: 0.1 s for the largest. Blocks of 300,000 of 5x5/1 cost 4 ms on 16 MP, to begin each."""
FEW_BITS = 20
"""Of a share between two ranks: with no more, a point between float32 or 32-bit integers is exact in doubles."""


# How a result is written.


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


def ending(work: Work, shares: Sequence[float]) -> Callable[..., bool]:
    """The quickest way to write that is exact for all these shares of the way between two ranks."""
    to, dtype = dtypes.write_dtype(work.result), work.array.dtype
    own = work.source == work.result and dtype == to
    few = bits_of(shares)
    if own and few == 0:
        return kernel.end_sample
    if own and dtype.kind != "f" and dtype.itemsize < 8 and few <= FEW_BITS:
        return kernel.end_middle_up if few == 1 and work.rounding in (HALF_UP, CEIL) else kernel.end_fixed
    if to.kind == "f":
        return kernel.end_line if dtype.itemsize < 8 and few <= FEW_BITS else kernel.end_float
    return kernel.end_integer


def bits_of(shares: Sequence[float]) -> int:
    """The bits after the point that these numbers below 1 need."""
    return max(share.as_integer_ratio()[1].bit_length() - 1 for share in shares)


ADDED: Mapping[int, Callable[[int], int]] = {
    HALF_UP: lambda one: one >> 1,
    HALF_EVEN: lambda one: (one >> 1) - 1,
    FLOOR: lambda one: 0,
    CEIL: lambda one: one - 1,
}
"""What is added to a whole number before bits worth ``one`` are cut off; half-even adds the last bit that stays."""


def parameters(work: Work, rank: Rank) -> NDArray[np.float64]:
    """What the ways of writing want to know (``networks.SHARE`` and the others)."""
    bits = bits_of([rank.share])
    if bits > FEW_BITS:
        return np.array([rank.share, 0, 0, 0, 0])
    one = 1 << bits
    even = work.rounding == HALF_EVEN and bits > 0
    return np.array([rank.share, rank.share * one, bits, even, max(0, ADDED[work.rounding](one))])


@dataclass(frozen=True, eq=False)
class Choice:
    """The kernel for a plan; parts of it run by the same."""

    recipe: compiled.Recipe
    shape: tuple[int, ...]
    """What most windows have in common (``shape_of``), if there is a fused kernel for them."""
    fused: compiled.Recipe
    """That kernel."""

    def on(self, work: Work, values: Array) -> Ranked:
        """The kernel on an array."""
        return Ranked(work, values, self)


def choose(work: Work) -> Choice | None:
    """Choose by types, geometry and size, without a look at the data; None where the general kernel serves."""
    missing = work.skip_nan or work.nodata is not None
    if work.reducer.name not in RANKS or missing or work.want_indices or work.array.size < LARGE:
        return None
    axes = [stretches(windows) for windows in work.windows]
    shapes = [d.count * h.count * w.count for d, h, w in product(*(axis or [] for axis in axes))]
    if not shapes or max(shapes) > (MOST_COUNTED if work.reducer.name == "mode" else MOST):
        return None
    end = ending(work, [Rank.of(n, q_of(work)).share for n in set(shapes)])
    names = {"read": work.array.dtype.name, "write": dtypes.write_dtype(work.result).name}
    whole = WHOLE_BYTES // work.array.itemsize
    recipe = compiled.Recipe(kernel.make_kernel, (end, whole), tuple(names.get(a, a) for a in ARGUMENTS))
    shape = most_common(work, axes)
    return Choice(recipe, shape, fused_recipe(work, shape, recipe.arguments) if shape else recipe)


def fused_recipe(work: Work, shape: tuple[int, ...], arguments: tuple[str, ...]) -> compiled.Recipe:
    """A kernel for windows of one shape."""
    rank = Rank.of(shape[0] * shape[1], q_of(work))
    end = ending(work, [rank.share])
    _, share, bits, even, added = (int(number) for number in parameters(work, rank))
    fixed = (share, bits, added) if end is kernel.end_fixed and not even else ()
    return compiled.Recipe(fused.make_kernel, (end, *shape, *fixed), arguments)


def most_common(work: Work, axes: Sequence[list[Stretch] | None]) -> tuple[int, ...]:
    """The shape of most windows, where a fused kernel for it pays; an empty one where not."""
    d, h, w = (max(axis or [], key=lambda stretch: len(stretch.starts)) for axis in axes)
    inner = work.array.shape[4]
    results = work.array.shape[0] * len(d.starts) * len(h.starts) * len(w.starts) * inner
    lanes = (inner <= 4 and w.apart == 1) or (inner == 1 and w.apart <= 4)
    most = FUSED_MODE if work.reducer.name == "mode" else FUSED_MOST
    if results < FUSED or d.count * h.count * w.count > most or not lanes:
        return ()
    shape = shape_of(work, d.count * h.count, w, work.windows[2].step, inner)
    return shape if fused.slots_needed(*shape) else ()


def shape_of(work: Work, rows: int, along: Stretch, step: int, inner: int) -> tuple[int, ...]:
    """What a fused kernel is made for: rows, columns, stride, step, two ranks, whether there may be NaN, channels."""
    rank = Rank.of(rows * along.count, q_of(work))
    low = fused.MODE if work.reducer.name == "mode" else rank.low
    return rows, along.count, along.apart, step, low, rank.high, int(work.array.dtype.kind == "f"), inner


def q_of(work: Work) -> float:
    """The quantile asked for (0 for the mode, whose result is a sample as well)."""
    return work.parameters[0] if work.parameters else 0.0


RANKS = ("median", "quantile", "mode")
"""The reducers that order samples."""


@dataclass(frozen=True, eq=False)
class Piece:
    """A block of windows of one shape, as the kernel takes it."""

    program: Program
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]
    offsets: NDArray[np.int64]
    rank: Rank
    geometry: NDArray[np.int64]
    """As the kernel has it (``networks.LINES`` and the others)."""
    room: int
    """Lanes of scratch space."""
    recipe: compiled.Recipe


class Ranked:
    """The network kernel on one array."""

    def __init__(self, work: Work, values: Array, choice: Choice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.axes = [stretches(windows) or [] for windows in work.windows]
        self.whole = WHOLE_BYTES // work.array.itemsize
        self.limits = dtypes.limits(work.result)

    @property
    def milliseconds(self) -> float:
        """By samples that are compared: 3.0 for 3x3/1 on 16 MP of uint8."""
        return 2e-8 * self.values.size * int(np.prod([int(w.present()[1].max()) for w in self.work.windows]))

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of windows of one shape, enough of them for the threads."""
        outer, inner = self.work.output_shape[0], self.work.output_shape[4]
        total = int(np.prod(self.work.output_shape))
        found: list[Block] = []
        for d, h, w in product(*self.axes):
            most = min(BLOCK_WINDOWS, max(total // (4 * threads), 1 << 14))
            block = ((0, outer), *((s.begin, s.begin + len(s.starts)) for s in (d, h, w)))
            sizes = [len(s.starts) for s in (d, h, w)]
            tall = upright(sizes[1], sizes[2] * inner)
            rows = sizes[1] if tall else max(1, most // (sizes[2] * inner))
            found += cut(block, [1, 1, rows, sizes[2]])
        return found

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own."""
        work = self.work
        room = [np.empty(0, work.array.dtype)]

        def run_block(block: Block) -> bool:
            piece = self.piece(block)
            if room[0].size < piece.room:
                room[0] = aligned(piece.room, work.array.dtype)
            run = compiled.load(piece.recipe)
            return run((work.array, self.values, piece.program.code, piece.offsets, piece.sources, piece.targets,
                        piece.geometry, parameters(work, piece.rank), self.limits, room[0])) == 0

        return run_block

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
                                  out_w * inner)
        sources = (in_plane[:, None] + h.starts) * (width * inner) + int(w.starts[0]) * inner
        targets = (out_plane[:, None] + np.arange(*block[2])) * (out_w * inner) + block[3][0] * inner
        below = np.arange(h.count) * (steps[1] * width * inner)
        return self.assembled(sources, targets, deep[:, None] + below, w, steps[2], inner, inner, inner)

    def assembled(self, sources: NDArray[np.int64], targets: NDArray[np.int64], offsets: NDArray[np.int64],
                  along: Stretch, step: int, inner: int, unit: int, out_apart: int) -> Piece:
        """A piece whose lanes run along one axis, in groups of ``inner``; places on that axis are ``unit`` apart."""
        rows = offsets.size
        shape = shape_of(self.work, rows, along, step, inner)
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
        recipe, lanes = self.choice.recipe, program.slots * room
        if shape == self.choice.shape and unit == inner:
            recipe, lanes = self.choice.fused, fused.slots_needed(*shape)
        return Piece(program, sources.reshape(-1), targets.reshape(-1), offsets.reshape(-1), rank, geometry, lanes,
                     recipe)


def upright(rows: int, cells: int) -> bool:
    """Whether lanes had better run down the rows."""
    return cells < 16 and rows > cells


def aligned(size: int, dtype: dtypes.Type) -> Array:
    """Scratch space that begins with a cache line: vectors across two lines take twice as long."""
    raw = np.empty((size + 64) * dtype.itemsize + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + (size + 64) * dtype.itemsize].view(dtype)
