"""Which reducers fold, and how: the ``FOLDS`` table, by reducer and types.

A fold is put together from parts: what it sums or keeps, whether samples may be missing (``present``), and what it
writes. So each input dtype, each result dtype with its rounding and each kind of missing sample goes with each reducer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf, log2, prod
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...jit.kernel_spec import Part
from ...kernels.double_double import CEIL, FLOOR, HALF_EVEN, HALF_UP
from ...kernels.fold import finalizers as end
from ...kernels.fold import fold_states as states
from ...kernels.fold import wide
from ..kernel_task import KernelTask

PLAIN_SUMS = 1024
"""Up to so many additions in a row a plain float64 sum of float32 samples is within 1 ulp, even where mean|x| is 10^6
|mean x|: no partial sum exceeds half of sum|x| then, and each addition is off by 2^-53 of that, all of them by 2^-44
sum|x|, which is 2^-24 |sum x|.
"""
EXACT_BITS = 52
"""Whole numbers of so many bits, doubled too, are exact in a double."""
_WEIGHT_BITS = 16
"""A weight of so many binary digits, times a small whole number, is exact in a double."""

_LOADS = states.load1, states.load2, states.load3, states.load4, states.load5
_SAVES = states.save1, states.save2, states.save3, states.save4, states.save5
_CHOOSE = states.choose2, states.choose3, states.choose4, states.choose5
"""By how many numbers a state has, from one on (two)."""


@dataclass(frozen=True)
class Fold:
    """The steps of a fold, the dtypes of its state, and the state of no sample."""

    lift: Part
    merge: Part
    value: Part
    """What the state of a window comes to, and how that is written (``kernels/finalizers.py``)."""
    convert: Part
    dtypes: tuple[Any, ...]
    none: tuple[float | int, ...]
    grouping: Literal["exact", "pairs", "rounded"] = "rounded"
    """What regrouping the parts of a window changes: nothing; of floats the last of 106 bits; or rounding errors."""
    counts: bool = False
    """Whether the last number of the state counts samples."""
    weighs: bool = False
    """Whether the lift takes a sample with its weight."""
    costly: bool = False
    """Whether the lift takes much longer than a merge, so that no sample should be lifted for several windows: weighted
    avg 7x7/1 of 0.6 MP of bytes takes 11 ms, by the small kernel 67.
    """
    finalize: Part = end.finalize_all
    """Whether samples may be missing, and whether those that are there are what sums are divided by."""

    @property
    def finalizer(self) -> Part:
        """The function that writes the state of a window."""
        return self.finalize, self.value, self.convert

    @property
    def steps(self) -> tuple[Part, ...]:
        """Lift, merge, load, save, finalize: what kernels are made of."""
        numbers = len(self.dtypes)
        lift = (states.lift_with_weight if self.weighs else states.lift_at), self.lift
        return lift, self.merge, _LOADS[numbers - 1], _SAVES[numbers - 1], self.finalizer

    @property
    def subtract(self) -> Part | None:
        """What takes a state out of another without an error, for sums of whole numbers."""
        sums = self.merge in _SUMS or (isinstance(self.merge, tuple) and self.merge[1] in _SUMS)
        whole = all(np.dtype(dtype).kind in "iu" for dtype in self.dtypes)
        return _SUBTRACT[len(self.dtypes) - 1] if sums and whole else None


_SUMS = states.merge_sum, states.merge_two_sums
_SUBTRACT = states.subtract_sum, states.subtract_two_sums, states.subtract_three_sums
"""By how many sums, or numbers of samples, a state has."""


class Extent(NamedTuple):
    """The samples of the largest window in each axis."""

    deep: int
    rows: int
    wide: int
    weight: int = 1
    """For how many each may count."""

    @property
    def samples(self) -> int:
        """For how many samples it may count."""
        return self.deep * self.rows * self.wide * self.weight

    @property
    def chain(self) -> int:
        """The most additions that one sample goes through: lines, or runs of them, one after another; along a line by
        doubling.
        """
        return self.deep * self.rows * -(-self.wide // wide.MOST_ADDED) + 2 * self.wide.bit_length()


# Presence.


def present(work: KernelTask, fold: Fold, *, divides: bool) -> Fold:
    """Make the fold of samples that may be missing, if they may; ``divides`` says whether sums are divided by their
    count.
    """
    if not missing(work):
        return fold
    if work.weights is not None and work.largest_weight != 1:
        return _weigh(fold, divides)
    one, counted = states.lift_present, states.lift_present_counted
    if work.weights is not None:
        one, counted = states.lift_unmasked, states.lift_unmasked_counted
        fold = replace(fold, weighs=True)
    finalize = end.finalize_counted if divides else end.finalize_present
    if fold.counts:
        lift = counted, fold.lift, _CHOOSE[len(fold.dtypes) - 2]
        return replace(fold, lift=lift, finalize=finalize)
    kept = fold.merge in _EXTREMES
    count = np.uint8 if kept else fold.dtypes[-1]
    lift = one, fold.lift, _CHOOSE[len(fold.dtypes) - 1]
    merge = (states.merge_flagged if kept else states.merge_counted), fold.merge
    return replace(fold, lift=lift, merge=merge, dtypes=(*fold.dtypes, count), none=(*fold.none, 0), counts=True,
                   finalize=finalize)


def _weigh(fold: Fold, divides: bool) -> Fold:
    """Make the fold of samples that count by weights; what is divided by is the sum of these."""
    finalize = end.finalize_counted if divides else end.finalize_present
    apart = fold.merge is states.merge_two_pairs
    numbers = len(fold.dtypes) + (2 if apart else not fold.counts)
    made = states.lift_weighted_counted if fold.counts else states.lift_weighted
    lift = made, fold.lift, _WEIGH[fold.merge], _CHOOSE[numbers - 2]
    if apart:
        return replace(fold, lift=lift, counts=True, weighs=True, finalize=finalize,
                       dtypes=(*fold.dtypes, np.float64, np.float64), none=(*fold.none, 0, 0))
    if fold.counts:
        return replace(fold, lift=lift, weighs=True, finalize=finalize)
    return replace(fold, lift=lift, merge=(states.merge_counted, fold.merge), counts=True, weighs=True,
                   dtypes=(*fold.dtypes, fold.dtypes[-1]), none=(*fold.none, 0), finalize=finalize)


_WEIGH: Mapping[Part, Part] = {
    states.merge_sum: states.weigh_sum, states.merge_two_sums: states.weigh_two_sums,
    states.merge_pair: states.weigh_pair, states.merge_errors: states.weigh_pair,
    states.merge_two_pairs: states.weigh_pair_alone, states.merge_mixed: states.weigh_mixed,
    states.merge_mixed_pair: states.weigh_mixed_pair, states.merge_wide_moments: states.weigh_wide_moments,
    states.merge_spread: states.weigh_spread, states.merge_wide_spread: states.weigh_wide_spread}
"""How the state of one sample is weighed, by how states are merged."""

_EXTREMES = states.merge_max, states.merge_min, states.merge_range
"""Merges to which it does not matter how many samples there are."""


# Conversions: how a value is written into the result's dtype.


def of_ratio(work: KernelTask, largest_divisor: float = 1.0) -> Part | None:
    """How a ratio is written; None where its remainder, or a quotient into 64 bits, may not be exact."""
    out = work.written
    if out.kind == "f":
        return end.ratio_to_float
    if out.itemsize == 8 or largest_divisor * 2.0 ** (8 * out.itemsize + 1) > 2.0**EXACT_BITS:
        return None
    return end.ratio_to_integer, end.ROUNDINGS[work.rounding]


def of_pair(work: KernelTask) -> Part:
    """How a pair of doubles is written."""
    return end.pair_to_float if work.written.kind == "f" else end.pair_to_integer


def _of_sample(work: KernelTask) -> tuple[Part, Part]:
    """The value and the conversion of a sample of the array."""
    dtype, out = work.array.dtype, work.written
    if work.source == work.result and dtype == out:
        return end.first_number, end.as_it_is
    if out.kind == "f":
        return end.first_number, end.number_to_float
    if dtype.kind == "f" and (convert := of_ratio(work)):
        return end.first_as_ratio, convert
    wide = dtype.kind == "f" or dtype == np.uint64
    return (end.first_as_pair, end.pair_to_integer) if wide else (end.first_number, end.whole_to_integer)


# None: the general kernel does.


def _extreme(work: KernelTask, merge: Part, worst: Any) -> Fold:
    """Max or min."""
    value, convert = _of_sample(work)
    dtype = work.array.dtype
    fold = Fold(states.lift_sample, merge, value, convert, (dtype,), (worst(dtype),), "exact")
    return present(work, fold, divides=False)


def _farthest(work: KernelTask, window: Extent) -> Fold:
    """The sample of the largest magnitude, from the largest and the smallest."""
    dtype = work.array.dtype
    value, convert = _of_sample(work)
    of = end.of_farthest if dtype.kind == "f" else end.of_farthest_integer
    value = value if dtype.kind == "u" else (of, value)
    ends = _lowest(dtype), _highest(dtype)
    fold = Fold(states.lift_twice, states.merge_range, value, convert, (dtype, dtype), ends, "exact")
    return present(work, fold, divides=False)


def _ratio_mean(work: KernelTask, lift: Part, merge: Part, value: Part, none: tuple[float, ...]) -> Fold | None:
    """A harmonic or a geometric mean, whose values are a little off where they should be whole."""
    convert = of_ratio(work) if work.rounding in (HALF_UP, HALF_EVEN) else None
    if work.written.kind == "f":
        convert = end.finite_ratio_to_float
    if convert is None:
        return None
    return present(work, Fold(lift, merge, value, convert, (np.float64,) * len(none), none), divides=True)


def _value_range(work: KernelTask, window: Extent) -> Fold:
    """Range."""
    dtype, out = work.array.dtype, work.written
    value: Part = end.range_pair
    convert = of_pair(work)
    if dtype.kind in "iu" and dtype.itemsize < 8:
        natural = work.result == dtypes.result_dtype(work.reducer, work.source)
        value = end.range_whole
        convert = end.as_it_is if natural else end.number_to_float if out.kind == "f" else end.whole_to_integer
    elif out.kind == "f":
        value, convert = (end.range_ratio, end.ratio_to_float) if dtype.kind == "f" else (value, convert)
    fold = Fold(states.lift_twice, states.merge_range, value, convert, (dtype, dtype),
                (_lowest(dtype), _highest(dtype)), "exact")
    return present(work, fold, divides=False)


def _mean(work: KernelTask, window: Extent) -> Fold:
    """Avg and sum: sums in the smallest integer that holds them, in doubles, or in pairs of doubles."""
    divides = work.reducer.fold == "average" and not any(work.parameters)
    fold = present(work, _fold_quotient(work, window), divides=divides)
    four = work.array.dtype == np.uint8 and window.samples <= 4 and divides and fold.counts
    return replace(fold, finalize=end.finalize_four) if four and fold.value is end.mean_narrow else fold


def _fold_quotient(work: KernelTask, window: Extent) -> Fold:
    """The sum over a divisor."""
    dtype, out = work.array.dtype, work.written
    value: Part
    in_parts = _counts_in_parts(work)
    if in_parts and (out.kind != "f" or (work.largest_weight < 0 and dtype.kind != "f")):
        value = end.mean_by_pair if work.reducer.fold == "average" else end.mean_pair
        return Fold(states.lift_pair, states.merge_two_pairs, value, of_pair(work), (np.float64,) * 2, (0, 0),
                    costly=True)
    # Fractions as weights, 3x3/1 on 1 MP: bytes take 1.5 ms in doubles (9.7 in two pairs), float64 5.1 with errors.
    narrow = dtype.itemsize <= 2 or (dtype.kind == out.kind == "f" and max(dtype.itemsize, out.itemsize) <= 4)
    if _in_pairs(dtype, window) or (in_parts and not narrow):
        merge = states.merge_errors if dtype.kind == "f" or in_parts else states.merge_pair
        return Fold(states.lift_pair, merge, end.mean_pair, of_pair(work), (np.float64,) * 2, (0, 0), "pairs")
    convert = of_ratio(work, largest_divisor(work) * window.weight)
    if dtype.kind == "f" or in_parts:
        value, convert = (end.mean, convert) if convert else (end.mean_wide, end.pair_to_integer)
        if out.kind == "f" and out.itemsize <= 4:
            convert = end.ratio_to_near_float
        return Fold(states.lift_sum, states.merge_sum, value, convert, (np.float64,), (0,))
    value, convert = _whole_mean(work, window, convert)
    return Fold(states.lift_sum, states.merge_sum, value, convert, (sum_dtype(dtype, window.samples),), (0,), "exact")


NARROW: Mapping[int, Part] = {HALF_UP: end.mean_narrow, FLOOR: end.mean_narrow_down, CEIL: end.mean_narrow_up}
"""Means of up to 16 bits by rounding."""


def in_range(work: KernelTask) -> bool:
    """Whether every mean of integers is in the result's range for certain."""
    (low, high), (least, most) = dtypes.whole_limits(work.source), dtypes.whole_limits(work.result)
    return work.written.kind != "f" and least <= low and high <= most


def _whole_mean(work: KernelTask, window: Extent, convert: Part | None) -> tuple[Part, Part]:
    """The value and the conversion of a sum of integers."""
    dtype, out = work.array.dtype, work.written
    if work.reducer.fold == "total" and out.kind != "f":
        natural = work.result == dtypes.result_dtype(work.reducer, work.source)
        return end.first_number, end.as_it_is if natural else end.whole_to_integer
    if _past_doubles(dtype, window) and (work.reducer.fold == "average" or out.kind != "f"):
        return end.mean_wide, of_pair(work)
    plain = work.reducer.fold == "average" and not work.parameters[1] and window.samples < 1 << 31
    if plain and in_range(work) and dtype.itemsize <= 2 and work.rounding in NARROW:
        return NARROW[work.rounding], end.as_it_is
    if convert is None and out.itemsize == 8 and window.samples << (8 * dtype.itemsize + 3) < 1 << EXACT_BITS:
        convert = end.ratio_to_integer, end.ROUNDINGS[work.rounding]
    return (end.mean_wide, end.pair_to_integer) if convert is None else (end.mean, convert)


def _fold_count(work: KernelTask, window: Extent) -> Fold:
    """The number of samples."""
    out, state = work.written, np.dtype(np.int32 if window.samples < 1 << 31 else np.int64)
    convert = (end.number_to_float if out.kind == "f" else end.as_it_is if work.result == np.int64
               else end.whole_to_integer)
    fold = Fold(states.lift_one, states.merge_sum, end.first_number, convert, (state,), (0,), "exact")
    return present(work, fold, divides=False)


def _fold_mix(work: KernelTask, window: Extent) -> Fold | None:
    """The mix of maximum and mean: exact for integers."""
    dtype, weight = work.array.dtype, work.parameters[0]
    if _in_pairs(dtype, window) or (_counts_in_parts(work) and dtype.kind != "f"):
        fold = Fold(states.lift_mixed_pair, states.merge_mixed_pair, end.mixed_pair, of_pair(work),
                    (dtype, np.float64, np.float64), (_lowest(dtype), 0, 0))
        return present(work, fold, divides=True)
    convert = of_ratio(work, window.samples)
    if dtype.kind == "f":
        certain = end.finite_ratio_to_float if 0.0 < weight < 1.0 else end.sure_ratio_to_float
        convert = certain if work.written.kind == "f" else convert
        state: Any = np.float64
    else:
        short = (weight * 2.0**_WEIGHT_BITS).is_integer()
        bits = log2(window.samples) + 8 * dtype.itemsize + _WEIGHT_BITS + 1
        convert = convert if short and bits < EXACT_BITS else None
        state = sum_dtype(dtype, window.samples)
    value, convert = (end.mixed, convert) if convert else (end.mixed_wide, of_pair(work))
    fold = Fold(states.lift_mixed, states.merge_mixed, value, convert, (dtype, state), (_lowest(dtype), 0))
    return present(work, fold, divides=True)


_POWERS: Mapping[float, tuple[Part, Part]] = {
    1.0: (states.power_one, end.root_one),
    2.0: (states.power_two, end.root_two),
    3.0: (states.power_three, end.root_three),
}
"""Powers and roots without logarithms; of all others ``power_any``."""
_LARGEST_POWER = 8.0
"""Larger powers of floats leave the range of doubles too easily: those are scaled, window by window."""


def _powers(work: KernelTask, lift: Part, value: Part) -> Fold | None:
    """A norm or a mean of powers, where powers of samples are doubles."""
    dtype, p = work.array.dtype, work.parameters[0]
    bits = 8 * dtype.itemsize if dtype.kind != "f" else inf
    if p > _LARGEST_POWER and p * bits > 900:
        return None
    power, root = _POWERS.get(p, (states.power_any, end.root_any))
    # a root by logarithms is a little off where it should be whole
    convert = of_ratio(work) if p in _POWERS or work.rounding in (HALF_UP, HALF_EVEN) else None
    if work.written.kind == "f":
        convert = end.finite_ratio_to_float
    if convert is None:
        return None
    fold = Fold((lift, power), states.merge_sum, (value, root), convert, (np.float64,), (0,), costly=p not in _POWERS)
    return present(work, fold, divides=value is end.power_mean)


def _moments(work: KernelTask, window: Extent, *, root: bool) -> Fold | None:
    """Variance and deviation: of integers from exact sums, of floats from distances that nothing cancels in."""
    found = _fold_variance(work, window) if work.array.dtype.kind == "f" else _whole_moments(work, window)
    if found is None:
        return None
    fold, is_ratio = found
    convert: Part | None = fold.convert
    if root:
        convert = of_ratio(work)
        if convert is end.ratio_to_float:
            convert = end.finite_ratio_to_float
        fold = replace(fold, value=(end.root_of_ratio if is_ratio else end.root_of_pair, fold.value))
    return None if convert is None else present(work, replace(fold, convert=convert), divides=True)


def _whole_moments(work: KernelTask, window: Extent) -> tuple[Fold, bool] | None:
    """The fold of integers, and whether its value is a ratio; None for weights that may be no whole numbers."""
    dtype = work.array.dtype
    if _counts_in_parts(work):
        return None
    if dtype.itemsize > 2 or window.samples << 16 * dtype.itemsize >= 1 << 63:
        fold = Fold(states.lift_wide_moments, states.merge_wide_moments, end.variance_wide, of_pair(work),
                    (np.float64,) * 3, (0, 0, 0))
        return fold, False
    largest_square = window.samples << 16 * dtype.itemsize
    state = np.int32 if largest_square < 1 << 31 else np.int64
    convert = of_ratio(work, window.samples**2)
    fold = Fold(states.lift_moments, states.merge_two_sums, end.variance_moments, of_pair(work), (state,) * 2, (0, 0),
                "exact")
    if convert is None or window.samples * largest_square >= 1 << 53:
        return fold, False
    return replace(fold, value=end.variance_few, convert=convert), True


def _fold_variance(work: KernelTask, window: Extent) -> tuple[Fold, bool]:
    """The fold of floats, and whether its value is a ratio: pairs for doubles, and for integer results."""
    if work.array.dtype.itemsize == 8 or work.written.kind != "f":
        convert = end.pair_or_nan_to_float if work.written.kind == "f" else end.pair_to_integer
        fold = Fold(states.lift_wide_spread, states.merge_wide_spread, end.variance_wide_spread, convert,
                    (np.float64,) * 5, (0,) * 5, counts=True)
        return fold, False
    convert = end.ratio_to_near_float if work.written.itemsize <= 4 else end.ratio_to_float
    return Fold(states.lift_spread, states.merge_spread, end.variance_spread, convert, (np.float64,) * 3, (0,) * 3,
                counts=True), True


FOLDS: Mapping[str, Callable[[KernelTask, Extent], Fold | None]] = {
    "largest": lambda work, window: _extreme(work, states.merge_max, _lowest),
    "smallest": lambda work, window: _extreme(work, states.merge_min, _highest),
    "difference": _value_range,
    "average": _mean,
    "total": _mean,
    "count": _fold_count,
    "norm": lambda work, window: _powers(work, states.lift_norm, end.norm),
    "generalised_mean": lambda work, window: _powers(work, states.lift_at_least, end.power_mean),
    "root_mean_square": lambda work, window: _powers(work, states.lift_norm, end.power_mean),
    "harmonic_mean": lambda work, window: _ratio_mean(work, states.lift_reciprocal, states.merge_sum, end.harmonic_mean,
                                                      (0.0,)),
    "geometric_mean": lambda work, window: _ratio_mean(work, states.lift_product, states.merge_product,
                                                       end.geometric_mean, (1.0, 0.0)),
    "farthest": _farthest,
    "mix": _fold_mix,
    "variance": lambda work, window: _moments(work, window, root=False),
    "deviation": lambda work, window: _moments(work, window, root=True),
}
"""The folds that rows of ``REDUCERS`` name, each an optimisation of a core: equal results, by the test matrix."""
EXTREME_FOLDS = ("largest", "smallest", "difference", "farthest")
"""Folds whose states are samples, however large a window is."""
SUM_FOLDS = ("average", "total")
"""Folds whose state is the sum of the samples."""


def finalizer_of_full(work: KernelTask, fold: Fold) -> Part:
    """A quicker finalizer for the small kernel, where the count is a constant."""
    if fold.value is not end.mean_narrow or fold.finalize is not end.finalize_all:
        return fold.finalizer
    return end.finalize_all, end.mean_few if fold.dtypes[0] == np.uint16 else end.mean_few_wide, end.as_it_is


def missing(work: KernelTask) -> bool:
    """Whether samples may be missing."""
    return work.weights is not None or work.nodata is not None or (work.skip_nan and work.array.dtype.kind == "f")


def _counts_in_parts(work: KernelTask) -> bool:
    """Whether samples have weights that may be no whole numbers, or are large ones."""
    return work.weights is not None and work.largest_weight <= 0


def _in_pairs(dtype: dtypes.Type, window: Extent) -> bool:
    """Whether the sum of a window needs a pair of doubles."""
    large = window.samples << 8 * dtype.itemsize >= 1 << 62
    return dtype.itemsize == 8 or large or (dtype.kind == "f" and window.chain > PLAIN_SUMS)


def _past_doubles(dtype: dtypes.Type, window: Extent) -> bool:
    """Whether twice a sum of integers, which rounding half up takes, may exceed 2^53: 2^20 samples of 32 bits."""
    return dtype.kind in "iu" and window.samples << (8 * dtype.itemsize + 1) >= 1 << 53


def sum_dtype(dtype: dtypes.Type, samples: int) -> dtypes.Type:
    """The smallest integer that holds any sum of so many samples: the narrower, the more fit in a vector."""
    largest_sum = samples * max(abs(int(np.iinfo(dtype).min)), int(np.iinfo(dtype).max))
    if dtype == np.uint8 and largest_sum < 1 << 16:
        return np.dtype(np.uint16)
    return np.dtype(np.int32 if largest_sum < 1 << 31 else np.int64)


def _lowest(dtype: dtypes.Type) -> Any:
    """The identity of max."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: dtypes.Type) -> Any:
    """The identity of min."""
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


def divisors(work: KernelTask) -> list[NDArray[np.float64]]:
    """For each axis a number for each window; their product is what a sum is divided by."""
    include_pad, divisor = work.parameters if work.reducer.fold == "average" else (0, 0)
    if divisor or work.reducer.fold == "total":
        return [np.full(n, value) for n, value in zip(work.output_shape[1:4], (divisor or 1.0, 1.0, 1.0), strict=True)]
    return [(w.nominal() if include_pad else w.present[1]).astype(float) for w in work.windows]


def largest_divisor(work: KernelTask) -> float:
    """Return the largest of those products, in O(1) for regular windows."""
    if work.reducer.fold == "total":
        return 1.0
    include_pad, divisor = work.parameters if work.reducer.fold == "average" else (0, 0)
    return divisor or float(prod(w.max_nominal() if include_pad else w.count_range()[1] for w in work.windows))
