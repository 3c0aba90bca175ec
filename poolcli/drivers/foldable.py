"""Which reducers fold, and how: the ``FOLDS`` table, by reducer and types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .. import dtypes
from ..kernels import endings, folds
from ..kernels.numerics import HALF_EVEN, HALF_UP
from ..work import Work

PLAIN_SUMS = 1024
"""Up to so many additions in a row a plain float64 sum of float32 samples is within 1 ulp, even where mean|x| is 10^6
|mean x|: no partial sum exceeds half of sum|x| then, and each addition is off by 2^-53 of that, all of them by 2^-44
sum|x|, which is 2^-24 |sum x|.
"""


@dataclass(frozen=True)
class Fold:
    """The steps of a fold, the dtypes of its state, and the state of no sample."""

    steps: tuple[Callable[..., Any], ...]
    """lift, merge, load, save, end."""
    states: tuple[Any, ...]
    identity: tuple[float | int, ...]


ONE = (folds.load1, folds.save1)
TWO = (folds.load2, folds.save2)
THREE = (folds.load3, folds.save3)


class Extent(NamedTuple):
    """The samples of the largest window in each axis."""

    deep: int
    rows: int
    wide: int

    @property
    def samples(self) -> int:
        """How many it has."""
        return self.deep * self.rows * self.wide

    @property
    def chain(self) -> int:
        """The most additions that one sample goes through: lines one after another, along a line by doubling."""
        return self.deep * self.rows + 2 * self.wide.bit_length()


# None: the general kernel does.


def extreme(work: Work, window: Extent, merge: Any, merge_present: Any, worst: Any) -> Fold | None:
    """Max or min."""
    dtype = work.array.dtype
    same = work.source == work.result
    if missing(work):
        steps = (folds.lift_present, merge_present, *TWO, endings.end_present_sample)
        return Fold(steps, (dtype, np.uint8), (worst(dtype), 0)) if same and dtype == written(work) else None
    end = (endings.end_sample if same and dtype == written(work) else
           endings.end_sample_float if written(work).kind == "f" else endings.end_sample_integer)
    return Fold((folds.lift_sample, merge, *ONE, end), (dtype,), (worst(dtype),))


def largest(work: Work, window: Extent) -> Fold | None:
    """Max."""
    return extreme(work, window, folds.merge_max, folds.merge_max_present, lowest)


def smallest(work: Work, window: Extent) -> Fold | None:
    """Min."""
    return extreme(work, window, folds.merge_min, folds.merge_min_present, highest)


def spread(work: Work, window: Extent) -> Fold | None:
    """Range."""
    dtype = work.array.dtype
    if missing(work):
        return None
    narrow = dtype.kind in "iu" and dtype.itemsize < 8
    own_range = narrow and work.result == dtypes.result_dtype(work.reducer, work.source)
    end = (endings.end_range_unsigned if own_range else
           endings.end_range_float if written(work).kind == "f" else endings.end_range_integer)
    return Fold((folds.lift_twice, folds.merge_range, *TWO, end), (dtype, dtype), (lowest(dtype), highest(dtype)))


def mean(work: Work, window: Extent) -> Fold | None:
    """Avg: sums in the smallest integer that holds them, in doubles, or in pairs of doubles."""
    if not missing(work):
        return summed(work, window)
    return None if any(work.parameters) else counted_mean(work, window)


def total(work: Work, window: Extent) -> Fold | None:
    """Sum."""
    if missing(work):
        return None
    fold = summed(work, window)
    small = work.array.dtype.kind in "iu" and work.array.dtype.itemsize < 8
    if small and work.result == dtypes.result_dtype(work.reducer, work.source):
        return Fold((*fold.steps[:4], endings.end_sum), fold.states, fold.identity)
    return fold


def summed(work: Work, window: Extent) -> Fold:
    """The sum over a divisor."""
    to_float = written(work).kind == "f"
    dtype = work.array.dtype
    if in_pairs(dtype, window):
        end = endings.end_pair_mean_float if to_float else endings.end_pair_mean_integer
        merge = folds.merge_errors if dtype.kind == "f" and dtype.itemsize < 8 else folds.merge_pair
        return Fold((folds.lift_pair, merge, *TWO, end), (np.float64,) * 2, (0, 0))
    if dtype.kind == "f":
        near = written(work).itemsize <= 4
        end = (endings.end_mean_near if near else endings.end_mean) if to_float else endings.end_mean_integer
        return Fold((folds.lift_float, folds.merge_sum, *ONE, end), (np.float64,), (0,))
    if past_doubles(dtype, window):
        end = endings.end_mean_wide if to_float else endings.end_mean_integer
    else:
        end = endings.end_mean if to_float else rounded_mean(work)
    return Fold((folds.lift_integer, folds.merge_sum, *ONE, end), (sum_dtype(dtype, window.samples),), (0,))


def counted_mean(work: Work, window: Extent) -> Fold | None:
    """The mean of the samples that count: into a float, or of integers into their own range."""
    dtype, to_float = work.array.dtype, written(work).kind == "f"
    if not to_float and (not has_own_range(work) or work.rounding != HALF_UP or dtype.kind == "f"):
        return None
    if in_pairs(dtype, window) or past_doubles(dtype, window):
        steps = (folds.lift_pair_present, folds.merge_pair_present, *THREE, endings.end_pair_mean_present)
        return Fold(steps, (np.float64, np.float64, np.int64), (0, 0, 0)) if to_float else None
    if dtype.kind == "f":
        steps = (folds.lift_float_present, folds.merge_sum_present, *TWO, endings.end_mean_present)
        return Fold(steps, (np.float64,) * 2, (0, 0))
    if dtype == np.uint8 and window.samples <= 4 and not to_float:
        steps = (folds.lift_narrow_present, folds.merge_narrow, *TWO, endings.end_mean_present_of_four)
        return Fold(steps, (np.uint16,) * 2, (0, 0))
    end = endings.end_mean_present if to_float else endings.end_mean_present_half_up
    state = sum_dtype(dtype, window.samples)
    return Fold((folds.lift_integer_present, folds.merge_sum_present, *TWO, end), (state,) * 2, (0, 0))


QUICK_ROUNDINGS = {HALF_UP: endings.end_mean_half_up, HALF_EVEN: endings.end_mean_half_even}
"""Roundings as vector code: 3x3/1 on 16 MP of uint8 takes 4.4 ms by them, 450 ms by way of pairs."""


def rounded_mean(work: Work) -> Callable[..., bool]:
    """A quick rounding where there is one and the mean is surely in the result's range."""
    sure = work.reducer.name == "avg" and not work.parameters[1] and has_own_range(work)
    if sure and work.rounding == HALF_UP and work.array.dtype.itemsize <= 2:
        return endings.end_mean_of_narrow
    return QUICK_ROUNDINGS.get(work.rounding, endings.end_mean_integer) if sure else endings.end_mean_integer


def has_own_range(work: Work) -> bool:
    """Whether the result has the input's dtype, of less than 64 bits."""
    return work.result == work.source and work.result.itemsize < 8


def euclidean(work: Work, window: Extent) -> Fold | None:
    """The 2-norm, where squares cannot overflow."""
    dtype = work.array.dtype
    if missing(work) or dtype.itemsize == 8 or written(work).kind != "f" or work.parameters != (2.0,):
        return None
    return Fold((folds.lift_square, folds.merge_sum, *ONE, endings.end_root), (np.float64,), (0,))


class Endings(NamedTuple):
    """The ways of ending of a reducer that the moments give."""

    moments: Any
    few: Any
    spread: Any


def moments(work: Work, window: Extent, ends: Endings) -> Fold | None:
    """Variance: of small integers from exact sums, of floats of up to 32 bits from distances in doubles."""
    dtype = work.array.dtype
    if missing(work) or dtype.itemsize > (4 if dtype.kind == "f" else 2) or written(work).kind != "f":
        return None
    if dtype.kind == "f":
        steps: tuple[Any, ...] = (folds.lift_spread, folds.merge_spread, *THREE, ends.spread)
        return Fold(steps, (np.float64,) * 3, (0, 0, 0)) if window.chain <= PLAIN_SUMS else None
    largest_square = window.samples << 16 * dtype.itemsize
    state = np.int32 if largest_square < 1 << 31 else np.int64
    steps = (folds.lift_moments, folds.merge_sum_present, *TWO)
    return Fold((*steps, ends.few if window.samples * largest_square < 1 << 53 else ends.moments), (state,) * 2, (0, 0))


VARIANCE = Endings(endings.end_variance_float, endings.end_small_variance, endings.end_spread)
DEVIATION = Endings(endings.end_deviation_float, endings.end_small_deviation, endings.end_root_of_spread)

FOLDS: Mapping[str, Callable[[Work, Extent], Fold | None]] = {
    "max": largest,
    "min": smallest,
    "range": spread,
    "avg": mean,
    "sum": total,
    "l2": euclidean,
    "lp": euclidean,
    "var": lambda work, window: moments(work, window, VARIANCE),
    "std": lambda work, window: moments(work, window, DEVIATION),
}
"""The reducers that fold, each an optimisation of its core: equal results, by ``tests/test_matrix.py``."""

def end_of_full(work: Work, fold: Fold) -> Callable[..., bool]:
    """A quicker way of ending where the count is a constant of the kernel."""
    end = fold.steps[4]
    if end is not endings.end_mean_of_narrow:
        return end
    return endings.end_mean_of_few if fold.states[0] == np.uint16 else endings.end_mean_of_few_wide


def missing(work: Work) -> bool:
    """Whether samples may be missing."""
    return work.skip_nan or work.nodata is not None


def written(work: Work) -> dtypes.Type:
    """The dtype that the kernel writes."""
    return dtypes.write_dtype(work.result)


def in_pairs(dtype: dtypes.Type, window: Extent) -> bool:
    """Whether the sum of a window needs a pair of doubles."""
    return dtype.itemsize == 8 or (dtype.kind == "f" and window.chain > PLAIN_SUMS)


def past_doubles(dtype: dtypes.Type, window: Extent) -> bool:
    """Whether twice a sum of integers, which rounding half up takes, may exceed 2^53: 2^20 samples of 32 bits."""
    return dtype.kind in "iu" and window.samples << (8 * dtype.itemsize + 1) >= 1 << 53


def sum_dtype(dtype: dtypes.Type, samples: int) -> dtypes.Type:
    """The smallest integer that holds any sum of so many samples: the narrower, the more fit in a vector."""
    largest_sum = samples * max(abs(int(np.iinfo(dtype).min)), int(np.iinfo(dtype).max))
    if dtype == np.uint8 and largest_sum < 1 << 16:
        return np.dtype(np.uint16)
    return np.dtype(np.int32 if largest_sum < 1 << 31 else np.int64)


def lowest(dtype: dtypes.Type) -> Any:
    """The identity of max."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def highest(dtype: dtypes.Type) -> Any:
    """The identity of min."""
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max
