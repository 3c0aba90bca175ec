"""Drive the weighted row kernel (``kernels/fold/weighted_rows.py``): sums with a weight for each place of a window.

Sums are whole numbers of 32 bits or doubles where these hold them exactly, doubles where the result is a float of at
most 32 bits or small integers have fractions for weights, and pairs of doubles elsewhere; so whole numbers come out
exactly, rounded once.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from math import fsum, inf, prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.windows import Windows
from ..jit.kernel_spec import Part
from ..kernels.fold import finalizers as end
from ..kernels.fold import fold_states as states
from ..kernels.fold import weighted_rows as kernel
from .fold.fold_run import Rooms, longest_stretch, numbers_of, step_of
from .fold.fold_table import (
    EXACT_BITS,
    NARROW,
    SUM_FOLDS,
    Fold,
    in_range,
    missing,
    of_pair,
    of_ratio,
    present,
)
from .general_driver import MAX_EXACT_BINOMIALS, binomial, needs_whole_weights
from .kernel_task import Array, Block, KernelTask, Runner, cut

_ARGUMENTS = ("read", "write", "read", "write", *("int64",) * 4, *("weight",) * 3, *("float64",) * 5)
"""The dtypes of ``pool_weighted``'s buffers, in order; those of states follow."""
_MOST_NUMBERS = 4
"""The most numbers of a sum's state."""
_ROW_STATES = 1 << 12
"""States of a scratch row: with the windows made of it, it stays in the first cache."""
_BLOCK_PRODUCTS = 1 << 26
"""Products of one call: 0.1 s of pairs of doubles."""


@dataclass(frozen=True, eq=False)
class AxisWeights:
    """The windows of one axis with their weights: a row a window, and the weights that the rows point into."""

    table: NDArray[np.int64]
    weights: NDArray[np.float64]
    totals: NDArray[np.float64]
    """The sum of each window's weights."""
    whole: bool
    """Whether the weights are whole numbers; those of long windows may be fractions of the largest."""
    divisors: NDArray[np.float64]
    """What each window's sum is divided by: a factor of it."""

    @classmethod
    def of_parts(cls, windows: Windows, divides: bool) -> AxisWeights:
        """Give each sample the part of it that lies in a window; of a mean their sum is divided by, else a sample's."""
        first, count = windows.present
        if windows.stretch is None or not windows.weighs:
            weights, at, unit = np.ones(int(count.max()), np.int64), np.zeros_like(first), 1
            totals = count.astype(float)
        else:
            (weights, at), unit = windows.parts(), windows.stretch.unit
            totals = np.full(len(windows), float(windows.stretch.size))
        divisors = totals if divides else np.full(len(windows), float(unit))
        return cls(np.stack([first, count, at], 1), np.concatenate([weights.astype(float), [0.0]]), totals, True,
                   divisors)

    def by_place(self) -> AxisWeights:
        """The same with the weights of the windows' first places first, then those of the second ones, and so on."""
        count, at = self.table[:, 1], self.table[:, 2]
        place = np.arange(int(count.max()))[:, None]
        there = place < count
        weights = np.where(there, self.weights[np.where(there, at + place, 0)], 0.0).reshape(-1)
        return replace(self, weights=weights)

    @classmethod
    def of(cls, windows: Windows, whole: bool = True) -> AxisWeights:
        """Give each window the binomial weights of its own length, of which clipped ones have a part."""
        first, count = windows.present
        kinds, of_window = np.unique(np.stack([windows.sizes, windows.offsets(), count], 1), axis=0,
                                     return_inverse=True)
        weights = [binomial(size, offset, taps, whole) for size, offset, taps in kinds.tolist()]
        starts = np.cumsum([0, *(len(one) for one in weights)])[:-1]
        of_window = of_window.reshape(-1)
        totals = np.array([fsum(one) for one in weights])[of_window]
        whole = whole or bool((windows.sizes <= MAX_EXACT_BINOMIALS).all())
        return cls(np.stack([first, count, starts[of_window]], 1), np.concatenate([*weights, [0.0]]), totals, whole,
                   totals)


@dataclass(frozen=True, eq=False)
class _WeightedChoice:
    """The kernel for a plan; parts of it run by the same."""

    plain_calls: ClassVar[bool] = True
    """Each block is one call of the kernel, with nothing beside it that depends on the samples or on other blocks."""
    fold: Fold
    spec: jit.KernelSpec
    laid: dict[Any, list[AxisWeights]] = field(default_factory=dict)
    """The weights of the last plan, or part of one, by its windows."""

    def on(self, work: KernelTask, values: Array) -> _WeightedRun:
        """The kernel on an array."""
        axes = self.laid.get(work.windows)
        if axes is None:  # another thread may empty it meanwhile
            self.laid.clear()
            axes = self.laid[work.windows] = weigh_axes(work, work.windows)
        return _WeightedRun(work, values, self, axes)


def weigh_axes(work: KernelTask, windows: tuple[Windows, ...]) -> list[AxisWeights]:
    """Weigh windows of all axes, those of a task or of a block of it."""
    if work.in_parts:
        return [AxisWeights.of_parts(along, divides(work)) for along in windows]
    return [AxisWeights.of(along, needs_whole_weights(work)) for along in windows]


def choose(work: KernelTask) -> _WeightedChoice | None:
    """Choose by types and geometry, without a look at the data; None where the general kernel serves."""
    if work.want_indices or not (work.reducer.weighted or (work.in_parts and work.reducer.fold in SUM_FOLDS)):
        return None
    axes = weigh_axes(work, work.windows)
    whole = all(axis.whole for axis in axes) and (work.weights is None or work.largest_weight > 0)
    *lines, row = (float(axis.totals.max()) if whole else inf for axis in axes)
    fold = _choose_sum(work, prod(lines) * max(work.largest_weight, 1), row)
    names = {"read": work.array.dtype.name, "write": work.written.name,
             "weight": np.dtype(fold.dtypes[0]).name}
    read, write, nodata, *others = (names.get(argument, argument) for argument in _ARGUMENTS)
    if work.weights is not None:
        nodata = work.weights.dtype.name
    numbers = [np.dtype(dtype).name for dtype in numbers_of(fold.dtypes)[:_MOST_NUMBERS]]
    lift, _, load, save, finalize = fold.steps
    in_parts = (1,) if fold.merge is kernel.accumulate_parts else ()
    steps = lift, fold.merge, load, save, finalize
    arguments = read, write, nodata, *others, *numbers
    return _WeightedChoice(fold, jit.KernelSpec(kernel.make_kernel, (*steps, *in_parts), arguments))


def _choose_sum(work: KernelTask, lines: float, row: float) -> Fold:
    """The sum that holds samples times weights: exactly, or as the result needs.

    Weights add up to ``lines`` for the lines of a window (those of samples are in it), to ``row`` for the places of
    one; both are infinite where weights are no whole numbers.
    """
    dtype, weight = work.array.dtype, lines * row
    largest = weight * (2.0 ** (8 * dtype.itemsize) if dtype.kind != "f" else 1.0)
    near = all(one.kind == "f" and one.itemsize <= 4 for one in (dtype, work.written))
    in_parts = work.weights is not None and not work.largest_weight and work.written.kind == "f"
    if near or (dtype.kind != "f" and (largest < 2.0**EXACT_BITS or (in_parts and dtype.itemsize <= 2))):
        convert = end.ratio_to_near_float if near else of_ratio(work, weight)
        value: Part = end.mean if convert is not None else end.mean_wide
        convert = of_pair(work) if convert is None else convert
        few = dtype.kind != "f" and dtype.itemsize <= 2 and weight < 2.0**31
        if few and divides(work) and in_range(work) and work.rounding in NARROW:
            value, convert = NARROW[work.rounding], end.as_it_is
        state = _sum_state(dtype, largest)
        fold = Fold(states.lift_sum, states.merge_sum, value, convert, (state,), (0,))
        plain, counted = kernel.accumulate_one, kernel.accumulate_two
    elif not missing(work) and dtype.kind != "f" and _fits_in_parts(lines * 2.0 ** (8 * dtype.itemsize), row):
        of_float = work.written.kind == "f"
        value = kernel.mean_of_parts if of_float or work.written.itemsize == 8 else kernel.ratio_of_parts
        convert = (end.pair_ratio_to_integer, end.ROUNDINGS[work.rounding])
        return Fold(states.lift_pair, kernel.accumulate_parts, value,
                    of_pair(work) if value is kernel.mean_of_parts else convert, (np.float64,) * 2, (0, 0))
    else:
        near_mass = in_parts or (dtype.kind == work.written.kind == "f")
        apart = work.weights is not None and work.largest_weight != 1 and not near_mass
        merge, value = (states.merge_two_pairs, end.mean_by_pair) if apart else (states.merge_pair, end.mean_pair)
        fold = Fold(states.lift_pair, merge, value, of_pair(work), (np.float64,) * 2, (0, 0))
        plain = kernel.accumulate_pair
        counted = kernel.accumulate_two_pairs if apart else kernel.accumulate_pair_and_count
    return replace(present(work, fold, divides=divides(work)), merge=counted if missing(work) else plain)


def divides(work: KernelTask) -> bool:
    """Whether sums are divided by the weights of what is there."""
    return work.reducer.fold != "total"


def _fits_in_parts(largest: float, row: float) -> bool:
    """Whether a row's sum of lines, none of them above ``largest``, is exact once these are cut in two."""
    upper = max(largest / 2.0**kernel.PART_BITS, 1.0)
    return largest < 2.0**EXACT_BITS and max(upper, 2.0**kernel.PART_BITS) * row <= 2.0**53


def _sum_state(dtype: dtypes.Type, largest: float) -> Any:
    """The narrowest type that holds sums below ``largest`` of samples of a dtype: more of them fit in a vector."""
    if dtype.kind == "f" or largest >= 2.0**31:
        return np.float64
    return np.uint16 if dtype.kind == "u" and largest <= 2.0**16 else np.int32


class _WeightedRun:
    """The weighted row kernel on one array."""

    def __init__(self, work: KernelTask, values: Array, choice: _WeightedChoice, axes: list[AxisWeights]) -> None:
        self.work, self.values, self.choice = work, values, choice
        if work.in_parts:
            axes = [*axes[:2], axes[2].by_place()]
        self.axes = axes
        self.weights = [axis.weights.astype(choice.fold.dtypes[0]) for axis in self.axes]
        self.most = [int(axis.table[:, kernel.COUNT].max()) for axis in self.axes]

    @property
    def milliseconds(self) -> float:
        """About how long one thread takes: 0.15 ns for each product of a line, as much for each of a place."""
        work = self.work
        _, _, rows, windows, inner = work.output_shape
        lines = work.output_shape[0] * work.output_shape[1] * rows * inner
        products = self.most[0] * self.most[1] * work.array.shape[3] + windows * self.most[2]
        return 1.5e-7 * float(lines * products)

    def blocks(self, threads: int) -> list[Block]:
        """Blocks of rows that stay in the cache, enough of them for the threads."""
        work = self.work
        outer, planes, rows, windows, inner = work.output_shape
        apart = max(1, work.array.shape[3] // windows)
        across = max(1, max(_ROW_STATES // inner, 2 * self.most[2]) // apart)
        products = prod(self.most[:2]) * min(work.array.shape[3], across * apart) * inner
        most = max(1, min(_BLOCK_PRODUCTS // products, -(-outer * planes * rows // (2 * threads))))
        return cut(work.whole, [max(1, most // (rows * planes)), max(1, most // rows), min(most, rows), across])

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own; False if the general kernel must."""
        run, work, fold = jit.load(self.choice.spec), self.work, self.choice.fold
        rooms = Rooms(fold.dtypes, fold.none)
        nodata = np.zeros(1, work.array.dtype) if work.nodata is None else work.nodata
        if work.weights is not None:
            nodata = work.weights
        fill = np.zeros(1, self.values.dtype) if work.fill is None else work.fill
        ending = np.zeros(2), dtypes.limits(work.result)

        def run_block(block: Block) -> bool:
            tables = [axis.table[begin:stop] for axis, (begin, stop) in zip(self.axes, block[1:], strict=True)]
            totals = [axis.divisors[begin:stop] for axis, (begin, stop) in zip(self.axes, block[1:], strict=True)]
            geometry, needed = self.geometry(block, tables[2], totals[2])
            room = rooms(needed + 1, needed)[:_MOST_NUMBERS]
            return run((work.array, self.values, nodata, fill, geometry, *tables, *self.weights, *totals, *ending,
                        *room)) == 0

        return run_block

    def geometry(self, block: Block, table: NDArray[np.int64], totals: NDArray[np.float64]) -> tuple[Array, int]:
        """The whole numbers of one block, in the kernel's order, and the states of its scratch space."""
        work, width = self.work, self.work.windows[2]
        low = int(table[:, kernel.START].min())
        last = table[:, kernel.START] + (table[:, kernel.COUNT] - 1) * width.step
        length = int(last.max()) + 1 - low
        regular = isinstance(width.starts, range)
        alike = longest_stretch((table[:, 1:] == table[len(table) // 2, 1:]).all(axis=1)) if regular else (0, 0)
        needed = (length + len(table)) * work.array.shape[4]
        counts = self.axes[2].table[:, kernel.COUNT]
        numbers = [*work.array.shape[1:], *work.output_shape[1:4], *(windows.step for windows in work.windows),
                   *itertools.chain(*block), work.skip_nan, work.nodata is not None, work.fill is not None,
                   work.rounding, low, length, *alike, step_of(width), *dtypes.whole_limits(work.result), needed,
                   work.in_parts, counts.min(), counts.max()]
        return np.array(numbers, np.int64), needed
