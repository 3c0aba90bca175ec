"""Drive the network kernel (``kernels/networks.py``): medians, quantiles and modes of windows of few samples.

The windows are cut into pieces of one shape (``pieces.py``); each has a program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from .. import compiled, dtypes
from ..kernels import fused
from ..kernels import networks as kernel
from ..kernels.numerics import CEIL, FLOOR, HALF_EVEN, HALF_UP
from ..work import Array, Block, Runner, Work
from .pieces import WHOLE_BYTES, Pieces, Rank, below, q_of, shape_of
from .stretches import Stretch, stretches

ARGUMENTS = ("read", "write", *("int64",) * 5, "float64", "float64", "read")
"""The dtypes of ``pool_network``'s buffers, in order."""

MIN_COMPARED_PER_PIECE = 2000
"""Samples compared in a piece, on average, from which on a program a piece is faster than the general kernel: to begin
one costs about 25 us, a sample in the general kernel about 12 ns."""
MOST = 256
"""The largest window, in samples: 15x15 of uint8 takes 12 ns a window, the general kernel 3 us."""
MOST_COUNTED = 127
"""The same where equal samples are counted in their own type."""
FUSED = 1 << 21
"""Results from which on a kernel of its own for one window's shape is worth compiling (about 0.9 s, once): 3x3/1 on
16 MP of uint8 takes 1.9 ms by it instead of 6, 5x5/1 takes 5.2 instead of 13."""
FUSED_MOST = 25
"""The largest window of such a kernel; the one of 7x7 takes 2.2 s to compile."""
FUSED_MODE = 9
"""The same for the mode, which compares each sample with each."""
FEW_BITS = 20
"""Of a share between two ranks: with no more, a point between float32 or 32-bit integers is exact in doubles."""


# How a result is written.


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
    pieces: Pieces
    """How the plan is cut."""

    def on(self, work: Work, values: Array) -> Ranked:
        """The kernel on an array, of the plan or of a part of it."""
        same = work.windows is self.pieces.work.windows and work.array.shape == self.pieces.work.array.shape
        return Ranked(work, values, self, self.pieces if same else Pieces(work))


def choose(work: Work) -> Choice | None:
    """Choose by types, geometry and size, without a look at the data; None where the general kernel serves."""
    missing = work.skip_nan or work.nodata is not None
    if work.reducer.name not in RANKS or missing or work.want_indices:
        return None
    axes = [stretches(windows) for windows in work.windows]
    shapes = [d.count * h.count * w.count for d, h, w in product(*(axis or [] for axis in axes))]
    if not shapes or max(shapes) > (MOST_COUNTED if work.reducer.name == "mode" else MOST):
        return None
    if np.prod(work.output_shape) * max(shapes) < MIN_COMPARED_PER_PIECE * len(shapes):
        return None
    end = ending(work, [Rank.of(n, q_of(work)).share for n in set(shapes)])
    names = {"read": work.array.dtype.name, "write": dtypes.write_dtype(work.result).name}
    whole = WHOLE_BYTES // work.array.itemsize
    recipe = compiled.Recipe(kernel.make_kernel, (end, whole), tuple(names.get(a, a) for a in ARGUMENTS))
    shape = most_common(work, axes)
    return Choice(recipe, shape, fused_recipe(work, shape, recipe.arguments) if shape else recipe, Pieces(work.bare()))


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
    shape = shape_of(work, d.count * h.count, w, work.windows[2].step, inner, below(work, d, h))
    return shape if fused.slots_needed(*shape) else ()


SPARE = 64
"""Lanes beyond the last slot: vectors end after what they are asked for."""
RANKS = ("median", "quantile", "mode")
"""The reducers that order samples."""


class Ranked:
    """The network kernel on one array."""

    def __init__(self, work: Work, values: Array, choice: Choice, pieces: Pieces) -> None:
        self.work, self.values, self.choice, self.pieces = work, values, choice, pieces
        self.limits = dtypes.limits(work.result)

    @property
    def milliseconds(self) -> float:
        """By samples that are compared: 2.0 for 3x3/1 on 16 MP of uint8."""
        return 1.3e-8 * self.values.size * int(np.prod([int(w.present()[1].max()) for w in self.work.windows]))

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of windows of one shape, enough of them for the threads."""
        return self.pieces.blocks(threads)

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own."""
        work, choice = self.work, self.choice
        room = [np.empty(0, work.array.dtype)]

        def run_block(block: Block) -> bool:
            piece = self.pieces[block]
            recipe, lanes = choice.recipe, piece.room
            if choice.shape and piece.shape == choice.shape:
                recipe, lanes = choice.fused, fused.slots_needed(*piece.shape)
            if room[0].size < lanes + SPARE:
                room[0] = aligned(lanes + SPARE, work.array.dtype)
            return compiled.load(recipe)((work.array, self.values, piece.program.code, piece.offsets, piece.sources,
                                          piece.targets, piece.geometry, parameters(work, piece.rank), self.limits,
                                          room[0])) == 0

        return run_block


def aligned(size: int, dtype: dtypes.Type) -> Array:
    """Scratch space that begins with a cache line: vectors across two lines take twice as long."""
    raw = np.empty(size * dtype.itemsize + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size * dtype.itemsize].view(dtype)
