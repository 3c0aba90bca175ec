"""Drive the general kernel (``kernels/general.py``): every reducer over every windowing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.windows import Windows
from ..kernels import general as kernel
from .kernel_task import Array, Block, KernelTask, UnrepresentableValue, cut, sizes_for

_ARGUMENTS = ("read", "write", "read", "write", *("int64",) * 5, *("float64",) * 7, "read", "read", "float64")
"""The dtypes of ``pool_windows``' buffers, in order."""

Parts = tuple[Callable[..., Any], ...]
_VALUES: Mapping[bool, Parts] = {
    True: (kernel.put_value_as_float, kernel.nan_value, kernel.locate_unrepresentable),
    False: (kernel.put_value_as_integer, kernel.nan_value, kernel.locate_unrepresentable),
}
"""How a value is written, by whether it becomes a float."""
_CASTS: Mapping[bool, Parts] = {
    True: (kernel.put_sample_as_float, kernel.nan_pick, kernel.place),
    False: (kernel.put_sample_as_integer, kernel.nan_pick, kernel.place),
}
"""How a pick is written into another dtype, by whether that is a float."""
_SAMPLE: Parts = (kernel.put_sample, kernel.nan_pick, kernel.place)
"""How a pick is written in its own dtype."""

_PLAIN_WINDOW, _PLAIN_SAMPLE = 30.0, 10.0
"""Microseconds of a kernel as plain Python, for each window and each sample of it: the slowest reducers take twice
that (the upper median of bytes 17), most a third (lp 0.6, with missing samples 1.5)."""

MAX_EXACT_BINOMIALS = 54
"""Taps up to which all C(k - 1, j) are doubles: they are at most 2^53."""


def make_spec(work: KernelTask, written: dtypes.Type) -> jit.KernelSpec:
    """The kernel for this reducer, these dtypes and this way of writing."""
    to_float = written.kind == "f"
    if not work.reducer.picks:
        parts = _VALUES[to_float]
    elif work.source == work.result and work.array.dtype == written:
        parts = _SAMPLE
    else:
        parts = _CASTS[to_float]
    row = work.reducer
    core = row.core if work.weights is None and not work.in_parts else row.weighted_core
    weigh = (kernel.gather_sample_weights if work.weights is not None
             else kernel.gather_weights if row.weighted or work.in_parts
             else kernel.gather_distances if row.central else kernel.no_weights)
    assert core is not None
    names = {"read": work.array.dtype.name, "write": written.name}
    return jit.KernelSpec(kernel.make_kernel, (core, *parts, weigh),
                          tuple(names.get(argument, argument) for argument in _ARGUMENTS))


class General:
    """The general kernel on one array: its buffers, made when first needed, and its blocks."""

    def __init__(self, work: KernelTask, values: Array, indices: Array | None) -> None:
        self.work, self.values = work, values
        self.indices = np.empty(0, np.int64) if indices is None else indices

    @cached_property
    def tables(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """The windows of D, H and W, and their weights."""
        row = self.work.reducer
        if self.work.in_parts or (self.work.weights is not None and not row.weighted):
            return [_table_of_parts(w, wholly=not row.extensive) for w in self.work.windows]
        along = partial(binomial, whole=needs_whole_weights(self.work)) if row.weighted else None
        return [table(w, partial(square_distances, step=w.step) if row.central else along) for w in self.work.windows]

    @cached_property
    def most(self) -> int:
        """The samples of the largest window."""
        return self.work.max_window_samples

    @property
    def cost(self) -> int:
        """The samples read for one place of the output, all inner numbers together."""
        return self.most * self.work.output_shape[4]

    @cached_property
    def constants(self) -> tuple[Array, ...]:
        """The buffers that are the same for every block: draws, parameters, limits."""
        draws = np.zeros(1) if self.work.draws is None else self.work.draws
        return draws, np.array([*self.work.parameters, 0.0]), dtypes.limits(self.work.result)

    def blocks(self, samples: int, block: Block | None = None) -> list[Block]:
        """Cut a block (or all) so that each piece reads about this many samples."""
        whole = block or self.work.whole
        return cut(whole, sizes_for(whole, max(1, samples // self.cost)))

    @property
    def spec(self) -> jit.KernelSpec:
        """The kernel."""
        return make_spec(self.work, self.values.dtype)

    @property
    def can_repair(self) -> bool:
        """Whether a window that a faster kernel could not compute shows in its result: a float that is not finite.

        False for integers, for indices, and where a window without a value has no fill value to show for it.
        """
        missing = self.work.skip_nan or self.work.nodata is not None
        shown = self.work.fill is not None or not missing
        return self.values.dtype.kind == "f" and not self.work.want_indices and shown

    def runner(self, repair: bool = False) -> Callable[[Block], bool]:
        """Return a function that runs one block, with scratch space of its own.

        With ``repair`` it computes only the windows whose value is not finite; a faster kernel must have written all.
        """
        work = self.work
        run = jit.load(self.spec)
        nodata = np.zeros(1, work.array.dtype) if work.nodata is None else work.nodata
        fill = np.zeros(1, self.values.dtype) if work.fill is None else work.fill
        samples, scratch = np.empty(self.most, work.array.dtype), np.empty(self.most, work.array.dtype)
        each = work.reducer.weighted or work.reducer.central or work.weights is not None or work.in_parts
        weights = np.empty(self.most if each else 1)
        of_samples = np.ones(1) if work.weights is None else work.weights

        def run_block(block: Block) -> bool:
            rows = [t[i0:i1] for (t, _), (i0, i1) in zip(self.tables, block[1:], strict=True)]
            along = [weights_of_axis for _, weights_of_axis in self.tables]
            failed = run((work.array, self.values, nodata, fill, self.indices, self.geometry(block, repair), *rows,
                          *along, of_samples, *self.constants, samples, scratch, weights))
            if failed:
                raise UnrepresentableValue(failed - 1)
            return True

        return run_block

    def geometry(self, block: Block, repair: bool) -> Array:
        """The whole numbers of one block, in the kernel's order."""
        work = self.work
        _, *lengths, inner = work.array.shape
        flags = [work.skip_nan, work.reducer.nan_wins and not work.skip_nan, work.nodata is not None,
                 work.fill is not None, work.want_indices, work.draws is not None]
        return np.array([*lengths, inner, *work.output_shape[1:4], *(w.step for w in work.windows),
                         *itertools.chain(*block), *flags, work.rounding, repair], np.int64)


def estimate_plain(work: KernelTask) -> float:
    """About how many milliseconds a kernel takes as plain Python."""
    return 1e-3 * float(np.prod(work.output_shape)) * (_PLAIN_WINDOW + _PLAIN_SAMPLE * work.max_window_samples)


def needs_whole_weights(work: KernelTask) -> bool:
    """Whether weights are whole numbers however long windows are: of whole samples, and where results are whole.

    There a sum that is off by the last bit would take a window of equal samples to the whole number below.
    """
    return work.array.dtype.kind != "f" or work.result.kind != "f"


def table(windows: Windows, along: AlongAxis | None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One axis as the kernel reads it: a row a window (``kernel.ROW``), and the weights that the rows point into."""
    first, count = windows.present
    rows = np.empty((len(windows), kernel.ROW), np.int64)
    rows[:, kernel.START], rows[:, kernel.COUNT], rows[:, kernel.NOMINAL] = first, count, windows.nominal()
    rows[:, kernel.WEIGHT] = 0
    if along is None:
        return rows, np.ones(1)
    kinds, of_window = np.unique(np.stack([windows.sizes, windows.offsets(), count], 1), axis=0, return_inverse=True)
    weights = [along(size, offset, taps) for size, offset, taps in kinds.tolist()]
    starts = np.cumsum([0, *(len(w) for w in weights)])
    rows[:, kernel.WEIGHT] = starts[of_window.reshape(-1)]
    return rows, np.concatenate(weights)


def _table_of_parts(windows: Windows, wholly: bool) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One axis whose samples count by parts: as whole numbers (``wholly``), or as shares of a sample; else by 1."""
    rows, _ = table(windows, None)
    if not windows.weighs or windows.stretch is None:
        return rows, np.ones(int(rows[:, kernel.COUNT].max()))
    parts, rows[:, kernel.WEIGHT] = windows.parts()
    return rows, parts / (1 if wholly else windows.stretch.unit)


AlongAxis = Callable[[int, int, int], NDArray[np.float64]]
"""From a window's positions on an axis, the first of them that is a sample, and how many are, a number for each."""


def square_distances(size: int, offset: int, count: int, step: int) -> NDArray[np.float64]:
    """How far samples that are ``step`` apart are from the middle of a window, in half samples, squared."""
    found: NDArray[np.float64] = np.square((2.0 * np.arange(offset, offset + count) - (size - 1)) * step)
    return found


def binomial(size: int, offset: int, count: int, whole: bool = False) -> NDArray[np.float64]:
    """C(size - 1, j) for j = offset ... offset + count - 1, up to a common factor.

    Whole numbers up to ``MAX_EXACT_BINOMIALS``; beyond that the largest is 1 and each is the nearest double of its
    ratio to that, down to the smallest double and 0. Where they are to be ``whole`` they are rounded to multiples of
    about 2^-49 of the largest, so that they and their sum are whole numbers of doubles again.
    """
    places = range(offset, offset + count)
    if size <= MAX_EXACT_BINOMIALS:
        return np.array([float(comb(size - 1, j)) for j in places])
    top, largest = min(max((size - 1) // 2, offset), offset + count - 1), 1 << 1200
    found = np.zeros(count)
    found[top - offset] = 1.0
    for way in (1, -1):
        j, term = top, largest
        while offset <= (j := j + way) < offset + count and term:
            term = term * (size - j) // j if way > 0 else term * (j + 1) // (size - 1 - j)
            found[j - offset] = term / largest  # of whole numbers: rounded once
    return np.rint(np.ldexp(found, 52 - int(np.frexp(found.sum())[1]))) if whole else found
