"""Choose a fold kernel: ``rows.py``, ``small.py``, ``row_pairs.py``, ``van_herk.py`` or ``irregular.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ... import jit
from ...kernels.fold import finalizers, irregular, ordered_floats, row_pairs, small, unrolled, van_herk, wide
from ...kernels.fold import rows as kernel
from ..kernel_task import Array, KernelTask
from .fold_run import MOST_NUMBERS, ChunkLayout, FoldLayout, FoldRun, WideLayout, numbers_of, step_of
from .fold_table import FOLDS, Extent, Fold, finalizer_of_full, largest_divisor
from .irregular_layout import IrregularLayout, constants_if_irregular

_ARGUMENTS = ("read", "write", "read", "write", *("int64",) * 5, *("float64",) * 5)
"""The dtypes of ``pool_rows``' buffers, in order; those of states follow."""

_SMALL, _FEW, _CHANNELS = 7, 49, 4
"""The longest overlapping window, the most samples of one, and the most channels that the small kernel is made for (max
7x7/1 of 16 MP of float32 takes 13.4 ms by it, by the tall kernel 18.5; avg 7x7/1 of six channels 9.5 and 0.3).
"""
_APART = 4
"""The longest window that the small kernel is made for where windows do not overlap; of one line, all that it can
merge: range 7 of a series of 4 M bytes takes 0.24 ms by it, by rows folded for every place 6.9; avg 8 of float32 2.1
and 9.7.
"""
_FEW_ROWS, _NARROW = 3, 512
"""The band kernel is for windows of more rows; and of fewer, where rows have channels or up to so many bytes for each
row of a window but one: below, it is slower than the small kernel by what two lines of results at once cost (max 3x3/1
on 64 MB of float32 takes 6.8 ms, by the small kernel 6.2; with three channels 4.9 and 53).
"""
LARGE = 1 << 17
"""Samples from which on a kernel of its own for a window's size is worth compiling (about 1 s, once): on 500 x 500
bytes max 5x5/1 takes 0.043 ms by it, else 0.063, avg 2x2/2 0.022 and 0.051.
"""
_LINES, _LONG = 8, 2048
"""Lines of a window, and samples of one, from which on the row kernel merges four lines at once: avg global of
4096x4096 of float32 takes 3.9 ms by it, else 7.2. Short rows stay near anyway (64 planes of 512x512: 3.0 by
it, else 2.0).
"""
SHORT_WINDOW, LONG_WINDOW = 24, 256
"""Samples of a window along W from which on the wide kernel serves, if no sample is in more than two on average: 1x256
strips of 1 x 4096 of 16 MP of float32 take 5.5 ms by it, max of 1 M samples 0.14; by rows folded for every place 24 and
1.1. From the first number on if they are one line without channels: avg of 4096 maps of 7 x 7 of float32 takes 0.1 ms
by it, 0.2 by rows. Of windows with more lines, most of the work is to fold these, and rows do that as well unless they
are very long.
"""
FEW_LINES, _VERY_LONG = 8, 1 << 15
"""Lines of a window up to which that is so, and samples of one from which on."""


@dataclass(frozen=True, eq=False)
class _FoldChoice:
    """The fold and the kernel for a plan. Parts of the plan run by the same choice, so that they equal the whole."""

    plain_calls: ClassVar[bool] = True
    """Each block is one call of the kernel, with nothing beside it that depends on the samples or on other blocks."""
    fold: Fold
    spec: jit.KernelSpec
    kinds: NDArray[np.int64]
    """The sizes of the windows along W."""
    tall: int
    """The rows of a window, where the tall kernel runs."""
    constants: tuple[int, ...] | None = None
    """What the small kernel is made for, where that runs."""
    laid: dict[Any, FoldLayout] = field(default_factory=dict)
    """The last plan or part of one that was laid out, by what it is laid out for."""

    @property
    def flattens(self) -> bool:
        """Whether windows that are one stretch of memory are better taken for those of a series."""
        return self.spec.make is wide.make_kernel

    def on(self, work: KernelTask, values: Array) -> FoldRun:
        """The kernel on an array. A part may have fewer channels; its sums are grouped as those of the whole."""
        key = work.windows, work.array.shape, work.origin
        found = self.laid.get(key)
        if found is None:  # another thread may empty it meanwhile
            self.laid.clear()
            lay_out = _LAYOUTS.get(self.spec.make, FoldLayout)
            found = self.laid[key] = lay_out(work.bare(), self.fold, self.kinds, self.tall)
        return FoldRun(work, values, self.spec_for(work), found)

    def spec_for(self, work: KernelTask) -> jit.KernelSpec:
        """The kernel for a part of the plan."""
        if self.constants is None or (inner := work.output_shape[4]) == self.constants[_CHANNELS_AT]:
            return self.spec
        constants = (*self.constants[:_CHANNELS_AT], inner, *self.constants[_CHANNELS_AT + 1 :])
        return _make_spec(work, self.fold, constants, self.tall)


_LAYOUTS = {irregular.make_kernel: IrregularLayout, wide.make_kernel: WideLayout, small.make_kernel: ChunkLayout,
            row_pairs.make_kernel: ChunkLayout}
"""How plans are laid out for kernels that want it otherwise."""


def _is_wide(work: KernelTask, kinds: NDArray[np.int64]) -> bool:
    """Whether windows are long along W, and hardly overlap there."""
    width = work.windows[2]
    least, most = int(kinds[0]) * work.array.shape[4], int(kinds[-1]) * work.array.shape[4]
    lines = max(work.largest_sizes[:2])
    enough = SHORT_WINDOW if lines == work.array.shape[4] == 1 else LONG_WINDOW
    long = width.step == 1 and least >= enough and (lines <= FEW_LINES or most >= _VERY_LONG)
    samples = int(kinds[0]) * len(width) if len(kinds) == 1 else int(width.sizes.sum())
    return long and samples <= 2 * work.array.shape[3]


def choose(work: KernelTask) -> _FoldChoice | None:
    """Choose by types, geometry and size, without a look at the data; None where the general kernel serves."""
    if work.reducer.fold not in FOLDS or work.want_indices:
        return None
    kinds = np.array(work.windows[2].distinct_sizes, np.int64)
    fold = FOLDS[work.reducer.fold](work, Extent(*work.largest_sizes, max(work.largest_weight, 1)))
    if fold is None:
        return None
    if _is_wide(work, kinds):
        steps = fold.steps if fold.costly or len(fold.dtypes) > 1 else (*fold.steps, 1)
        spec = jit.KernelSpec(wide.make_kernel, steps, _dtypes_of(work, fold), bundled=True)
        return _FoldChoice(fold, spec, kinds, 0)
    if work.array.size < LARGE:
        return _FoldChoice(fold, _make_spec(work, fold, None, 0), kinds, 0)
    if made := constants_if_irregular(work):
        arguments = (*_dtypes_of(work, fold), work.written.name)
        return _FoldChoice(fold, jit.KernelSpec(irregular.make_kernel, (*fold.steps, *made), arguments), kinds, 0)
    if (of_bands := _sizes_if_bands(work, fold)) is not None:
        fold = _key_floats(work, fold)
        return _FoldChoice(fold, _make_row_pairs_spec(work, fold, of_bands), kinds, 0)
    constants = None if fold.costly else _constants_if_small(work, kinds)
    rows = 0 if constants else _rows_if_tall(work)
    return _FoldChoice(fold, _make_spec(work, fold, constants, rows), kinds, rows, constants)


def _make_spec(work: KernelTask, fold: Fold, constants: tuple[int, ...] | None, rows: int) -> jit.KernelSpec:
    """The kernel to run: tall, small, or the plain one."""
    arguments = _dtypes_of(work, fold)
    if rows:
        sums, parts = fold.dtypes[0] != work.array.dtype, fold.steps
        if fold.subtract is not None:
            parts = *parts, fold.subtract
        return jit.KernelSpec(van_herk.make_kernel, parts, arguments, unrolled=sums)
    if constants is None:
        return jit.KernelSpec(kernel.make_kernel, (*fold.steps, 1) if _has_long_rows(work) else fold.steps, arguments)
    parts = (*fold.steps, finalizer_of_full(work, fold), *constants, 64 // work.array.dtype.itemsize)
    return jit.KernelSpec(small.make_kernel, parts, (*arguments, *arguments[-MOST_NUMBERS:]))


def _dtypes_of(work: KernelTask, fold: Fold) -> tuple[str, ...]:
    """The dtypes of ``pool_rows``' buffers for a fold."""
    names = {"read": _name_of(work.array.dtype), "write": _name_of(work.written)}
    read, write, nodata, *others = (names.get(a, a) for a in _ARGUMENTS)
    if work.weights is not None:
        nodata = _name_of(work.weights.dtype)
    return (read, write, nodata, *others, *_state_names(fold))


def _state_names(fold: Fold) -> list[str]:
    """The dtypes of a fold's buffers of states."""
    return [_name_of(dtype) for dtype in numbers_of(fold.dtypes)]


@cache
def _name_of(dtype: Any) -> str:
    """A dtype's name, which NumPy makes anew each time: a tenth of what a new shape takes."""
    return str(np.dtype(dtype).name)


def _constants_if_small(work: KernelTask, kinds: NDArray[np.int64]) -> tuple[int, ...] | None:
    """What the small kernel is made for, where it pays: a full window's size, its stride along W, channels, samples,
    and whether windows are made in line.
    """
    width, size = work.windows[2], work.largest_sizes
    regular = isinstance(width.starts, range) and width.step == 1 and len(kinds) == 1
    apart, inner = step_of(width), work.output_shape[4]
    shared = size[2] > apart
    longest = _SMALL if shared else unrolled.PARTS if max(size[:2]) == 1 else _APART
    few = max(size) <= longest and prod(size) <= _FEW and inner <= _CHANNELS
    if not regular or not few:
        return None
    samples = int(largest_divisor(work))
    in_line = shared or (inner == _CHANNELS and 1 < apart <= _SMALL)
    return *size, apart, inner, samples, int(in_line)


def _sizes_if_bands(work: KernelTask, fold: Fold) -> tuple[int, ...] | None:
    """What the band kernel is made for, where that pays: a window's planes, lines and columns."""
    _, rows, _ = size = work.largest_sizes
    regular = all(w.step == 1 and len(w.distinct_sizes) == 1 for w in work.windows)
    stride_one = all(isinstance(w.starts, range) and step_of(w) == 1 for w in work.windows[1:])
    samples = fold.convert is finalizers.as_it_is and work.reducer.repeats_exactly and len(fold.dtypes) == 1
    if not (regular and stride_one and samples):
        return None
    inner = work.output_shape[4]
    row = work.output_shape[3] * inner * work.array.itemsize
    worth = rows > _FEW_ROWS or (rows > 1 and (inner > 1 or row <= _NARROW * (rows - 1)))
    return size if worth and max(size) <= _SMALL and prod(size) <= _FEW else None


def _key_floats(work: KernelTask, fold: Fold) -> Fold:
    """The fold on whole numbers in the place of floats, in the same order."""
    dtype = work.array.dtype
    if dtype.kind != "f":
        return fold
    whole = np.dtype(f"int{8 * dtype.itemsize}")
    lift, merge, value = ordered_floats.STEPS[work.reducer.fold, dtype.itemsize]
    return Fold(lift, merge, value, finalizers.as_it_is, (whole,), (np.iinfo(whole).min,))


def _make_row_pairs_spec(work: KernelTask, fold: Fold, sizes: tuple[int, ...]) -> jit.KernelSpec:
    """The band kernel. Floats are given as the whole numbers that have their bits."""
    state, *others = _state_names(fold)
    arguments = (*(state,) * 4, *_ARGUMENTS[4:], state, *others)
    return jit.KernelSpec(row_pairs.make_kernel, (*fold.steps, *sizes, 64 // work.array.dtype.itemsize), arguments)


_CHANNELS_AT = 4
"""Where the channels stand among those constants."""


def _has_long_rows(work: KernelTask) -> bool:
    """Whether windows have so many lines, and so long ones, that merging four at once pays."""
    lines, width = max(work.largest_sizes[:2]), work.largest_sizes[2]
    return work.array.size >= LARGE and lines >= _LINES and width * work.output_shape[4] >= _LONG


def _rows_if_tall(work: KernelTask) -> int:
    """The windows' rows if two running folds of every line are less work than merging all lines of each window."""
    _, height, width = work.windows
    regular = isinstance(height.starts, range) and isinstance(width.starts, range) and height.step == 1
    if not regular:
        return 0
    rows, deep = int(height.stops[0] - height.starts[0]), work.largest_sizes[0]
    each_window = step_of(height) * (2 * deep + 1) + 1
    return rows if len(height) > 1 and each_window < deep * rows else 0
