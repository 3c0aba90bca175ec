"""Drive the row kernel (``kernels/rows.py``): choose the fold for a reducer and its types, and lay out the blocks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from numpy.typing import NDArray

from .. import compiled, dtypes
from ..kernels import rows as kernel
from ..kernels import small, tall
from ..windows import Windows, as_array
from ..work import Array, Block, Work, cut
from .foldable import FOLDS, Extent, Fold, end_of_full, written

ARGUMENTS = ("read", "write", "read", "write", *("int64",) * 5, *("float64",) * 5, "state0", "state1", "state2")
"""The dtypes of ``pool_rows``' buffers, in order."""

MOST_KINDS = 3
"""Window sizes on one axis that are worth folding the row for."""
SMALL, FEW, CHANNELS = 7, 49, 4
"""The longest window, the most samples of one, and the most channels that the small kernel is made for."""
SMALL_FLOAT = 3
"""The longest window of floats that it finds extremes of: NaN makes a merge three operations (max 7x7/1: 17 ms, the
tall kernel 14).
"""
IN_PLACE = 9
"""Up to so many samples are merged where they lie; of more, columns first, so that neighbours share them."""
LARGE = 1 << 18
"""Samples from which on a kernel of its own for a window's size is worth compiling (about 1 s, once)."""
LONGEST_ROW = 1 << 17
"""A window wider than this is left to the general kernel, which reads it in place."""
ROW_STATES, ROW_OF_DOUBLES = 1 << 15, 1 << 11
"""States of a scratch row: rows of uint8 and float32 ran fastest whole, and those of 4096 pixels are half of it. A ring
of doubles should fit into the second cache (avg 31x31/1 of float32 takes 28 ms, with whole rows 34).
"""
BLOCK_SAMPLES = 1 << 24
"""Samples read by one call: 0.1 s for sums in pairs of doubles."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The fold and the kernel for a plan. Parts of the plan run by the same choice, so that they equal the whole."""

    fold: Fold
    recipe: compiled.Recipe
    kinds: NDArray[np.int64]
    """The sizes of the windows along W."""
    tall: int
    """The rows of a window, where the tall kernel runs."""
    constants: tuple[int, ...] | None = None
    """What the small kernel is made for, where that runs."""

    def on(self, work: Work, values: Array) -> Folded:
        """The kernel on an array. A part may have fewer channels; its sums are grouped as those of the whole."""
        constants = self.constants
        if constants is not None and (inner := channels(work)) != constants[CHANNELS_AT]:
            constants = (*constants[:CHANNELS_AT], inner, *constants[CHANNELS_AT + 1 :])
            return Folded(work, values, replace(self, recipe=recipe(work, self.fold, constants, self.tall)))
        return Folded(work, values, self)


def choose(work: Work) -> Choice | None:
    """Choose by types, geometry and size, without a look at the data; None where the general kernel serves."""
    sizes = [w.sizes() for w in work.windows]
    kinds = distinct(sizes[2])
    extent = (int(kinds[-1]) - 1) * work.windows[2].step + 1
    if work.reducer.name not in FOLDS or work.want_indices or len(kinds) > MOST_KINDS or extent > LONGEST_ROW:
        return None
    fold = FOLDS[work.reducer.name](work, Extent(*(int(size.max()) for size in sizes)))
    if fold is None:
        return None
    constants = constants_if_small(work, kinds)
    rows = 0 if constants else rows_if_tall(work, int(kinds[-1]))
    return Choice(fold, recipe(work, fold, constants, rows), kinds, rows, constants)


def distinct(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The different numbers, rising (``np.unique`` imports numpy.ma, 20 ms)."""
    ordered: NDArray[np.int64] = np.sort(numbers)
    different: NDArray[np.int64] = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return different


def recipe(work: Work, fold: Fold, constants: tuple[int, ...] | None, rows: int) -> compiled.Recipe:
    """The kernel to run: tall, small, or the plain one."""
    names = {"read": work.array.dtype.name, "write": written(work).name}
    for i in range(3):
        names[f"state{i}"] = np.dtype(fold.states[i]).name if i < len(fold.states) else "uint8"
    arguments = tuple(names.get(a, a) for a in ARGUMENTS)
    if rows:
        return compiled.Recipe(tall.make_kernel, fold.steps, arguments)
    if constants is None:
        return compiled.Recipe(kernel.make_kernel, fold.steps, arguments)
    end, pixel = end_of_full(work, fold), pixel_dtype(work)
    each = work.output_shape[4] * written(work).itemsize // pixel.itemsize
    return compiled.Recipe(small.make_kernel, (*fold.steps, end, *constants, each, 64 // work.array.dtype.itemsize),
                           (*arguments, written(work).name, pixel.name, pixel.name))


def constants_if_small(work: Work, kinds: NDArray[np.int64]) -> tuple[int, ...] | None:
    """What the small kernel is made for, where it pays: a full window's size, its stride along W, channels, samples,
    and whether windows are made in line.
    """
    width, size = work.windows[2], [int(w.sizes().max()) for w in work.windows]
    regular = isinstance(width.starts, range) and width.step == 1 and len(kinds) == 1
    longest = SMALL_FLOAT if work.array.dtype.kind == "f" and work.reducer.picks else SMALL
    if not regular or max(size) > longest or prod(size) > FEW or work.array.size < LARGE:
        return None
    apart, inner = step_of(width), work.output_shape[4]
    samples = int(prod(float(share.max()) for share in divisors(work)))
    shared, wide = size[2] > apart, inner == CHANNELS and apart > 1
    in_line = inner <= CHANNELS and (wide or (shared and (apart > 1 or prod(size) > IN_PLACE)))
    return *size, apart, channels(work), samples, int(in_line)


CHANNELS_AT = 4
"""Where the channels stand among those constants."""


def channels(work: Work) -> int:
    """The channels that the small kernel is made for; 0 is any number."""
    inner = work.output_shape[4]
    return inner if inner <= CHANNELS else 0


PIXELS: Mapping[int, dtypes.Type] = {np.dtype(t).itemsize: np.dtype(t) for t in ("u1", "u2", "u4", "u8", "c16")}
"""A number of so many bytes, to copy pixels by."""


def pixel_dtype(work: Work) -> dtypes.Type:
    """A number as large as a pixel of the result, or one of its channels if there is none."""
    channel = written(work)
    return PIXELS.get(channel.itemsize * work.output_shape[4], channel)


def rows_if_tall(work: Work, widest: int) -> int:
    """The windows' rows if folding each line along itself once is less work than once for each window."""
    depth, height, width = work.windows
    regular = isinstance(height.starts, range) and isinstance(width.starts, range) and height.step == 1
    if not regular or work.array.size < LARGE:
        return 0
    rows, deep = int(height.sizes()[0]), int(depth.sizes().max())
    passes = 2 * widest.bit_length()
    each_window = deep * rows + passes
    each_line = step_of(height) * (deep + passes + 3)
    return rows if rows > 1 and len(height) > 1 and each_line < each_window else 0


def divisors(work: Work) -> list[NDArray[np.float64]]:
    """For each axis a number for each window; their product is what a sum is divided by."""
    ones = [np.ones(len(w)) for w in work.windows]
    if work.reducer.name != "avg":
        return ones if work.reducer.name == "sum" else [w.present()[1].astype(float) for w in work.windows]
    include_pad, divisor = work.parameters
    if divisor:
        return [np.full(len(work.windows[0]), divisor), *ones[1:]]
    return [(w.nominal() if include_pad else w.present()[1]).astype(float) for w in work.windows]


class Folded:
    """A chosen kernel on one array."""

    def __init__(self, work: Work, values: Array, choice: Choice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.tables = [clipped(w) for w in work.windows[:2]]
        self.shares = divisors(work)
        self.limits = dtypes.limits(work.result)
        self.parts: dict[tuple[int, int], Across] = {}

    @property
    def milliseconds(self) -> float:
        """By bytes that are read, and written: 1.0 for 2x2/2 on 16 MP of uint8, 2.5 for 7x7/1."""
        return 3e-8 * (self.work.array.nbytes + 4 * self.values.nbytes)

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of whole rows where they fit, enough of them for the threads."""
        work = self.work
        outer, planes, rows, windows = work.output_shape[:4]
        inner = work.output_shape[4]
        width = work.windows[2]
        apart = max(1, work.array.shape[3] // windows)
        extent = (int(self.choice.kinds[-1]) - 1) * width.step + 1
        doubles = self.choice.tall and np.dtype(self.choice.fold.states[0]).itemsize == 8
        states = ROW_OF_DOUBLES if doubles else ROW_STATES
        across = max(1, (max(states // inner, 4 * extent) - extent) // apart)
        most = min(max(work.array.size // (4 * threads), 1 << 18), BLOCK_SAMPLES) if threads > 1 else BLOCK_SAMPLES
        samples_of_row = max(1, work.array.size // max(1, outer * planes * rows))
        down = max(1, most // samples_of_row, 4 * self.choice.tall // max(1, work.array.shape[2] // rows))
        return cut(work.whole, [max(1, down // (rows * planes)), max(1, down // rows), min(down, rows), across])

    def runner(self) -> Callable[[Block], bool]:
        """A function that runs one block, with scratch space of its own; False if the general kernel must."""
        run = compiled.load(self.choice.recipe)
        work = self.work
        value = 0 if work.nodata is None else work.nodata[0]
        nodata = np.array([value, self.choice.fold.identity[0]], work.array.dtype)
        fill = np.zeros(1, self.values.dtype) if work.fill is None else work.fill
        parameters = np.array([*work.parameters, 0.0])
        room: list[Array] = [np.empty(0, state) for state in (*self.choice.fold.states, np.uint8, np.uint8)[:3]]
        pixel = pixel_dtype(work)

        def run_block(block: Block) -> bool:
            across = self.across(block[3])
            size = kernel.scratch_size(across.length, len(across.places), work.array.shape[4], self.choice.tall,
                                       across.listed * len(self.choice.kinds))
            for i, state in enumerate(self.choice.fold.states):
                if room[i].size < size:
                    room[i] = np.zeros(size, state)
                room[i][kernel.ROWS * across.length * work.array.shape[4]] = self.choice.fold.identity[i]
            rows = [t[i0:i1] for t, (i0, i1) in zip(self.tables, block[1:3], strict=True)]
            shares = [s[i0:i1] for s, (i0, i1) in zip(self.shares, block[1:], strict=True)]
            buffers = (work.array, self.values, nodata, fill, self.geometry(block, across), *rows, across.places,
                       self.choice.kinds, *shares, parameters, self.limits, *room)
            if self.choice.recipe.make is small.make_kernel:
                line = np.empty(across.length * work.array.shape[4] + small.SPARE, self.values.dtype)
                buffers = (*buffers, line, line.view(pixel), self.values.reshape(-1).view(pixel))
            return run(buffers) == 0

        return run_block

    def across(self, part: tuple[int, int]) -> Across:
        """The windows along W of one block: most blocks have the same."""
        if part not in self.parts:
            width = self.work.windows[2][part[0] : part[1]]
            starts, sizes = as_array(width.starts), width.sizes()
            low = int(starts.min())
            length = int((starts + (sizes - 1) * width.step).max()) + 1 - low
            if isinstance(width.starts, range):
                full = self.shares[2][part[0] : part[1]] == self.shares[2].max()
                alike = longest_stretch(full & (width.present()[1] == sizes))
                self.parts[part] = Across(np.stack([starts - low, sizes], 1), low, length, alike, False)
            else:
                rows = [kernel.kept_row(kind, length) for kind in range(len(self.choice.kinds))]
                kept = np.array(rows)[np.searchsorted(self.choice.kinds, sizes)]
                self.parts[part] = Across(np.stack([starts - low + kept, sizes], 1), low, length, (0, 0), True)
        return self.parts[part]

    def geometry(self, block: Block, across: Across) -> Array:
        """The whole numbers of one block, in the kernel's order."""
        work = self.work
        _, *lengths, inner = work.array.shape
        _, height, width = work.windows
        first = int(height.starts[block[2][0]])
        origin = int(height.starts[0]) if work.origin is None else work.origin
        top = first - (first - origin) % (self.choice.tall or 1)  # sums in the same groups, wherever a block begins
        return np.array([*lengths, inner, *work.output_shape[1:4], *(w.step for w in work.windows),
                         *itertools.chain(*block), work.skip_nan, work.nodata is not None, work.fill is not None,
                         work.rounding, across.low, across.length, *across.alike, step_of(width),
                         len(self.choice.kinds), self.choice.tall, top, first, step_of(height), across.listed],
                        np.int64)


@dataclass(frozen=True, eq=False)
class Across:
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


def clipped(windows: Windows) -> NDArray[np.int64]:
    """One of the axes D and H as the kernel reads it: first sample and count of each window."""
    return np.stack(windows.present(), 1)
