"""Drive the network kernel (``kernels/network/interpreter.py``): medians, quantiles and modes of up to 300 samples,
numbers of values and entropies.

``network_tiles.py`` cuts the windows into blocks of one kind; each has a program.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..kernels.double_double import CEIL, FLOOR, HALF_EVEN, HALF_UP
from ..kernels.network import codegen
from ..kernels.network import interpreter as kernel
from . import policy
from .kernel_task import Array, Block, KernelTask, Runner
from .network_tiles import WHOLE_BYTES, NetworkPiece, NetworkTiles, Rank, q_of

_ARGUMENTS = ("read", "write", *("int64",) * 7, "float64", "float64", "read", "write", "read", "int16")
"""The dtypes of ``pool_network``'s buffers, in order."""

_MAX_SAMPLES = 300
"""The largest window, in samples. 17x17 of float32 takes about half of what the sliding kernel takes; to write the
programs of larger ones, in Python, takes longer than they save on a megapixel."""
_MAX_SAMPLES_COUNTED = 127
"""The same where equal samples are counted in their own type: for modes, and for numbers of values, of which 1 MP of
bytes 3x3/1 takes 1.0 ms so (by counts of each value 12), 7x7/1 7.9, 11x11/1 27; of int32 3x3/1 4.4."""
GENERATED = 1 << 16
"""Results from which on a kernel of its own for one window's shape is worth compiling (0.4 to 0.9 s), once calls have
taken as long as that: on 16 MP of uint8 3x3/1 takes 1.9 ms by it instead of 6, 5x5/1 5.2 instead of 13."""
_GENERATED_MOST = 25
"""The largest window of such a kernel; the one of 7x7 takes 2.2 s to compile."""
_LISTED_SAMPLES, _LISTED_LANES = 100, 32
"""Windows that may lack samples and are listed along W: from so many samples on, up to so many windows for another
kernel."""
_ASKED: Mapping[str, int] = {"rank": kernel.RANKS, "runs": kernel.MODES, "distinct": kernel.VALUES,
                             "entropy": kernel.LENGTHS}
"""What the kernel is asked for, by the word of the reducer's row."""
_KEYED_BYTES = 2
"""Integers of up to so many bytes have entropies that another kernel tells to the same bit, by whole numbers."""
_FEW_BITS = 20
"""Of a share between two ranks: with no more, a point between float32 or 32-bit integers is exact in doubles."""


# How a result is written.


def ending(work: KernelTask, shares: Sequence[float]) -> Callable[..., bool]:
    """The quickest way to write that is exact for all these shares of the way between two ranks."""
    asked = _ASKED[work.reducer.sorts]
    if asked in (kernel.VALUES, kernel.LENGTHS):
        return kernel.end_sample if asked == kernel.VALUES else kernel.end_key
    to, dtype = work.written, work.array.dtype
    own = work.source == work.result and dtype == to
    few = _bits_of(shares)
    if own and few == 0:
        return kernel.end_sample
    if own and dtype.kind != "f" and dtype.itemsize < 8 and few <= _FEW_BITS:
        return kernel.end_middle_up if few == 1 and work.rounding in (HALF_UP, CEIL) else kernel.end_fixed
    if to.kind == "f":
        return kernel.end_line if dtype.itemsize < 8 and few <= _FEW_BITS else kernel.end_float
    return kernel.end_integer


def _bits_of(shares: Sequence[float]) -> int:
    """The bits after the point that these numbers below 1 need."""
    return max(share.as_integer_ratio()[1].bit_length() - 1 for share in shares)


_ADDED: Mapping[int, Callable[[int], int]] = {
    HALF_UP: lambda one: one >> 1,
    HALF_EVEN: lambda one: (one >> 1) - 1,
    FLOOR: lambda one: 0,
    CEIL: lambda one: one - 1,
}
"""What is added to a whole number before bits worth ``one`` are cut off; half-even adds the last bit that stays."""


def _list_parameters(work: KernelTask, samples: int, counts: set[int]) -> NDArray[np.float64]:
    """Return what the ways of writing want to know, a row for each count of present samples that may be."""
    if _ASKED[work.reducer.sorts] == kernel.LENGTHS:
        from .value_counts_driver import list_entropies

        return list_entropies(samples, work.max_window_samples, work.parameters)
    rows = np.zeros((samples + 1, kernel.PARAMS))
    rows[0, 0] = q_of(work)
    for n in counts | {samples}:
        share = Rank.of(n, q_of(work)).share
        bits = _bits_of([share])
        if bits > _FEW_BITS:
            rows[n, kernel.SHARE] = share
        else:
            one = 1 << bits
            even = work.rounding == HALF_EVEN and bits > 0
            rows[n] = share, share * one, bits, even, max(0, _ADDED[work.rounding](one))
    return rows


@dataclass(frozen=True, eq=False)
class NetworkChoice:
    """The kernel for a plan; parts of it run by the same."""

    spec: jit.KernelSpec
    generated: jit.KernelSpec | None
    """A kernel generated for the windows that have all their samples, if one serves and pays."""
    tiles: NetworkTiles
    """How the plan is cut."""
    later: _Later | None = None
    """The same with a generated kernel, once that has paid."""

    @property
    def plain_calls(self) -> bool:
        """Whether each block is one call, with nothing beside it that depends on the samples or on other blocks."""
        return self.later is None or not self.later.uncompiled.pays()

    def on(self, work: KernelTask, values: Array) -> _Network:
        """Return the kernel on an array, of the plan or of a part of it."""
        if self.later is not None and not self.later.uncompiled.pays():
            return self.later.choice.on(work, values)
        mine = self.tiles.work
        same = work.windows is mine.windows and work.array.shape == mine.array.shape
        return _Network(work, values, self, self.tiles if same else NetworkTiles(work.bare(), self.tiles.single))


@dataclass(frozen=True, eq=False)
class _Later:
    """A kernel that pays only for many calls, and what these have cost without it."""

    choice: NetworkChoice
    uncompiled: policy.UncompiledKernel


def choose(work: KernelTask) -> NetworkChoice | None:
    """Choose by types and geometry, without a look at the data; None where another kernel serves."""
    if not work.reducer.sorts or work.want_indices:
        return None
    if not _may_ask(work):
        return None
    tiles = NetworkTiles(work.bare())
    if tiles.may_miss and _has_short_lists(work, tiles):
        return None
    if not 0 < tiles.samples <= (_MAX_SAMPLES if work.reducer.sorts == "rank" else _MAX_SAMPLES_COUNTED):
        return None
    end = ending(work, [Rank.of(n, q_of(work)).share for n in tiles.sample_counts])
    names = {"read": work.array.dtype.name, "write": work.written.name}
    whole = WHOLE_BYTES // work.array.itemsize
    parts = end, whole, _ASKED[work.reducer.sorts]
    spec = jit.KernelSpec(kernel.make_kernel, parts, tuple(names.get(a, a) for a in _ARGUMENTS))
    generated = generate_spec(work, tiles, spec.arguments)
    if not generated:
        return NetworkChoice(spec, None, tiles)
    fused = NetworkChoice(spec, generated, NetworkTiles(work.bare(), single=True))
    uncompiled = policy.UncompiledKernel(generated, 4e-8 * _results_of(work, tiles) * tiles.samples)
    return NetworkChoice(spec, None, tiles, _Later(fused, uncompiled))


def _may_ask(work: KernelTask) -> bool:
    """Return whether what is asked can be told by the order of samples in lanes of their dtype."""
    asked, whole = _ASKED[work.reducer.sorts], work.array.dtype.kind != "f"
    if asked == kernel.VALUES:
        return whole
    keyed = whole and work.array.itemsize <= _KEYED_BYTES and work.max_window_samples <= kernel.MOST_KEYED
    return asked != kernel.LENGTHS or (keyed and work.written.kind == "f")


def _has_short_lists(work: KernelTask, tiles: NetworkTiles) -> bool:
    """Return whether large windows are listed along W, and few: lines that may lack samples are not done together.

    Medians of 16 planes of 200 x 200 bytes with a nodata value into 13 x 13: 14.7 ms, by the general kernel 3.2.
    """
    listed = work.reducer.sorts == "rank" and not tiles.axes[2].stride and tiles.samples >= _LISTED_SAMPLES
    return listed and len(work.windows[2]) * work.array.shape[4] < _LISTED_LANES


def _results_of(work: KernelTask, tiles: NetworkTiles) -> int:
    """Return how many windows have all their samples, channels counted."""
    whole = int(np.prod([axis.whole[1] - axis.whole[0] for axis in tiles.axes]))
    return int(work.array.shape[0] * whole * work.array.shape[4])


def _find_shape(work: KernelTask, tiles: NetworkTiles, rank: Rank) -> tuple[int, ...]:
    """Return what a kernel is generated for: rows, columns, stride, step, two ranks, whether there may be NaN,
    channels, whether lines are one row apart."""
    d, h, w = tiles.axes
    inside: Block = ((0, work.array.shape[0]), d.whole, h.whole, w.whole)
    return (d.size * h.size, w.size, w.stride, w.windows.step, rank.low, rank.high, int(work.array.dtype.kind == "f"),
            work.array.shape[4], int(tiles.pairs(inside)))


def generate_spec(work: KernelTask, tiles: NetworkTiles, arguments: tuple[str, ...]) -> jit.KernelSpec | None:
    """Return a kernel for the windows that have all their samples, where it pays."""
    inner = work.array.shape[4]
    w = tiles.axes[2]
    few = _results_of(work, tiles) < GENERATED
    if few or tiles.samples > _GENERATED_MOST or work.reducer.sorts != "rank" or tiles.may_miss:
        return None
    if not ((inner <= 4 and w.stride == 1) or (inner == 1 and w.stride <= 4)):
        return None
    rank = Rank.of(tiles.samples, q_of(work))
    shape = _find_shape(work, tiles, rank)
    if not codegen.slots_needed(*shape):
        return None
    end = ending(work, [rank.share])
    row = _list_parameters(work, tiles.samples, set())[tiles.samples]
    share, bits, even, added = (int(number) for number in row[1:])
    fixed = (share, bits, added) if end is kernel.end_fixed and not even else ()
    return jit.KernelSpec(codegen.make_kernel, (end, *shape, *fixed), arguments)


_SPARE = 64
"""Lanes beyond the last slot: vectors end after what they are asked for."""


class _Network:
    """The network kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, choice: NetworkChoice, tiles: NetworkTiles) -> None:
        self.work, self.values, self.choice, self.tiles = work, values, choice, tiles
        limits = np.inf if work.array.dtype.kind == "f" else np.iinfo(work.array.dtype).max
        nodata = np.nan if work.array.dtype.kind == "f" else 0
        missing = np.array([limits, nodata], work.array.dtype)
        if work.nodata is not None:
            missing[kernel.NODATA] = work.nodata[0]
        fill = np.zeros(1, values.dtype) if work.fill is None else work.fill
        params = _list_parameters(work, tiles.samples, tiles.sample_counts)
        self.constants = params, dtypes.limits(work.result), missing, fill

    @property
    def milliseconds(self) -> float:
        """By samples that are compared: 2.0 for 3x3/1 on 16 MP of uint8."""
        return 1.3e-8 * self.values.size * self.tiles.samples

    def blocks(self, threads: int) -> list[Block]:
        """Return blocks of windows of one kind, enough of them for the threads."""
        return self.tiles.blocks(threads)

    def runner(self) -> Runner:
        """Return a function that runs one block, with scratch space of its own."""
        work, choice = self.work, self.choice
        room = [np.empty(0, work.array.dtype), np.empty(0, np.int16)]

        def run_piece(piece: NetworkPiece) -> bool:
            spec, lanes = choice.spec, piece.slots
            if choice.generated and piece.generated:
                spec, lanes = choice.generated, codegen.slots_needed(*choice.generated.parts[1:10])
            for i, size in enumerate((lanes + _SPARE, piece.counts + _SPARE)):
                if room[i].size < size:
                    room[i] = _allocate_aligned(size, room[i].dtype)
            run = jit.load(spec)
            with choice.later.uncompiled.measure() if choice.later else nullcontext():
                return run((work.array, self.values, piece.code, piece.offsets, piece.kinds, piece.sources,
                            piece.targets, piece.table, piece.geometry, *self.constants, *room)) == 0

        def run_block(block: Block) -> bool:
            return all(run_piece(piece) for piece in self.tiles[block])

        return run_block


def _allocate_aligned(size: int, dtype: dtypes.Type) -> Array:
    """Scratch space that begins with a cache line: vectors across two lines take twice as long."""
    raw = np.empty(size * dtype.itemsize + 64, np.uint8)
    begin = -raw.ctypes.data % 64
    return raw[begin : begin + size * dtype.itemsize].view(dtype)
