"""The NumPy tier: small work done at once by whole-array NumPy, where compiling a kernel would take longer.

Folds (extremes, sums) go axis by axis over strided slices; ranks and modes are taken from gathered windows. Results
are those of the kernels: whole numbers are summed in whole numbers, floats in pairs of doubles, and each value is
rounded once. What cannot be had exactly this way is declined, and a kernel does it. ``policy.py`` says when it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import cut_windows
from ..core.windows import Windows
from ..drivers.fold.fold_table import divisors, missing, sum_dtype
from ..drivers.kernel_task import Array, Block, KernelTask, Runner, UnrepresentableValue, cut, sizes_for
from ..drivers.weighted_driver import AxisWeights, divides, weigh_axes
from ..kernels import double_double, order_statistics
from .axis_fold import States, add_pairs, fold, merge_errors, multiply, two_sum

_BLOCK_SAMPLES = 1 << 19
"""Samples of a block, so that what is made on the way stays in the second cache."""
_GATHERED = 1 << 21
"""Samples of the windows of a block where windows are gathered."""
_EXACT = 1 << 53
"""Whole numbers up to here are doubles."""
_MOST_GATHERED = 4096
"""Samples of the largest window that is gathered."""
_MOST_SPLIT = 2.0**960
"""Beyond it a product may overflow where its factors are split."""
_MIX_UNIT = 65536.0
"""A weight of ``mixed`` times this is a whole number, or the kernel mixes."""


class _Declined(Exception):
    """These values are for a kernel: NumPy would round twice, or overflow."""


@dataclass(frozen=True, eq=False)
class _BlockWindows:
    """The samples and the windows of one block."""

    x: Array
    """(outer, D, H, W, inner), as far as the windows reach."""
    windows: tuple[Windows, Windows, Windows]
    work: KernelTask
    divisor: NDArray[np.float64]
    """What sums are divided by where no sample is missing, for each window of the block."""
    weights: Array | None
    """How much each sample counts, of its shape; None where all count alike."""

    @cached_property
    def present(self) -> NDArray[np.bool_] | None:
        """Which samples count; None where all do."""
        work, x = self.work, self.x
        if not missing(work):
            return None
        if self.weights is not None:
            here: NDArray[np.bool_] = self.weights != 0
            return here
        here = x == x if work.skip_nan else np.ones(x.shape, np.bool_)
        return here if work.nodata is None else here & (x != work.nodata[0])


Compute = Callable[[_BlockWindows], Array]


# What reducers are made of. Each returns values that ``_store`` need not round, or exact ones that it rounds once.


def _count_present(part: _BlockWindows) -> NDArray[np.int64] | None:
    """How many samples of each window count, or the sum of their weights; None where none is missing."""
    present = part.present if part.work.largest_weight <= 1 else part.weights
    if present is None:
        return None
    return fold((present.astype(np.int64),), part.windows, lambda a, b: (a[0] + b[0],), (0,))[0]


def _find_divisor(part: _BlockWindows) -> NDArray[np.float64]:
    """What the sum of each window is divided by: where samples may be missing how many count, at least 1."""
    count = _count_present(part)
    return part.divisor if count is None else np.maximum(count, 1).astype(np.float64)


def _take_extreme(part: _BlockWindows, ufunc: Any, worst: Any) -> Array:
    """Max or min; a NaN wins, as in ``np.maximum``."""
    present = part.present
    x = part.x if present is None else np.where(present, part.x, part.x.dtype.type(worst))
    return fold((x,), part.windows, lambda a, b: (ufunc(a[0], b[0]),), (worst,))[0]


def _find_max(part: _BlockWindows) -> Array:
    """The largest sample of each window."""
    return _take_extreme(part, np.maximum, -np.inf if part.x.dtype.kind == "f" else np.iinfo(part.x.dtype).min)


def _find_min(part: _BlockWindows) -> Array:
    """The smallest sample of each window."""
    return _take_extreme(part, np.minimum, np.inf if part.x.dtype.kind == "f" else np.iinfo(part.x.dtype).max)


def _find_range(part: _BlockWindows) -> Array:
    """Max - min: whole numbers of up to 32 bits in int64, floats in doubles, where one subtraction rounds once."""
    if part.x.dtype.itemsize == 8 and part.x.dtype.kind != "f":
        _check_small(part.x, 1)
    wide = np.float64 if part.x.dtype.kind == "f" else np.int64
    difference: Array = np.subtract(_find_max(part), _find_min(part), dtype=wide)
    return difference


def _find_farthest(part: _BlockWindows) -> Array:
    """The sample of the largest magnitude; of two that are equally large, the positive one."""
    high, low = _find_max(part), _find_min(part)
    if high.dtype.kind == "f":
        return np.where((high >= -low) | (high != high), high, low)
    return np.where((low >= 0) | (~low < high), high, low)  # ~x is -x - 1, which the smallest integer has too


def _check_small(x: Array, times: int) -> None:
    """Decline 64-bit integers of which so many do not sum to a whole number that is a double."""
    if x.size and max(abs(int(x.min())), abs(int(x.max()))) * times >= _EXACT:
        raise _Declined


def _sum_whole(part: _BlockWindows) -> NDArray[np.int64]:
    """The exact sum of integers."""
    x, samples = part.x, part.work.max_window_samples * max(part.work.largest_weight, 1)
    state = np.dtype(np.int64)
    if x.dtype.itemsize == 8:
        _check_small(x, 2 * samples)
    elif samples << 8 * x.dtype.itemsize + 1 >= _EXACT:
        raise _Declined
    else:
        state = sum_dtype(x.dtype, samples)
    present = part.present
    x = x.astype(state) if present is None else np.where(present, x, 0).astype(state)
    if part.weights is not None and part.work.largest_weight > 1:
        x = x * part.weights.astype(state)
    return fold((x,), part.windows, lambda a, b: (a[0] + b[0],), (0,))[0].astype(np.int64)


def _sum_floats(part: _BlockWindows) -> States:
    """The sum of floats as pairs of doubles, of those that are finite; declined where it overflows."""
    x = part.x.astype(np.float64)
    x = np.where(np.isfinite(x) if part.present is None else np.isfinite(x) & part.present, x, 0.0)
    merge = merge_errors if part.x.dtype.itemsize < 8 else add_pairs
    total = fold((x, np.zeros_like(x)), part.windows, merge, (0.0, 0.0))
    if not np.isfinite(total[0]).all() or not np.isfinite(total[1]).all():
        raise _Declined  # the mean of what overflows may still be a double
    return total


def _finish_floats(part: _BlockWindows, values: Array) -> Array:
    """Sums or means of finite floats with the infinities and NaNs of each window added; declined for integer results.

    A whole number would be rounded twice.
    """
    if part.work.written.kind != "f":
        raise _Declined
    special = ~np.isfinite(part.x) if part.present is None else ~np.isfinite(part.x) & part.present
    if not special.any():
        return values
    apart = np.where(special, part.x, part.x.dtype.type(0))
    total = fold((apart,), part.windows, lambda a, b: (a[0] + b[0],), (0.0,))[0]
    return np.where(total == 0.0, values, total)


def _find_sum(part: _BlockWindows) -> Array:
    """The sum."""
    if part.x.dtype.kind != "f":
        return _sum_whole(part)
    hi, lo = _sum_floats(part)
    return _finish_floats(part, hi + lo)


def _find_mean(part: _BlockWindows) -> Array:
    """Sum / divisor: of whole numbers exactly, rounded once."""
    work = part.work
    if missing(work) and any(work.parameters):
        raise _Declined
    divisor = _find_divisor(part)
    if part.x.dtype.kind == "f":
        hi, lo = _sum_floats(part)
        q = hi / divisor
        # the remainder of the first division, exact by splitting as double_double.divide has it
        return _finish_floats(part, _add_quotient(q, hi, lo, divisor))
    total = _sum_whole(part)
    if work.written.kind == "f":
        return np.asarray(total / divisor)
    return _round_quotient(total, divisor.astype(np.int64), work.rounding)


def _add_quotient(q: Array, hi: Array, lo: Array, divisor: Array) -> Array:
    """(hi + lo) / divisor, given q = hi / divisor: ``double_double.divide`` rounded to one double.

    Declined for quotients that are too large to be split.
    """
    product_, error = multiply(q, divisor)
    found = np.asarray(q + (((hi - product_) - error) + lo) / divisor)
    if not np.isfinite(found).all():
        raise _Declined  # splitting overflows beyond 2^996
    return found


def _round_quotient(total: Array, n: Array, rounding: int) -> Array:
    """total / n as a whole number, by any of the four roundings, in whole numbers."""
    if rounding == double_double.HALF_UP:
        total, n = 2 * total + n, 2 * n
    if rounding == double_double.CEIL:
        total = total + n - 1
    floor: Array = np.floor_divide(total, n)
    if rounding == double_double.HALF_EVEN:
        twice = 2 * (total - floor * n)
        floor += (twice > n) | ((twice == n) & (floor % 2 == 1))
    return floor


def _sum_squares(part: _BlockWindows) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The sums and the sums of squares of integers, and how many there are, at least 1: all whole numbers, exactly."""
    work, present = part.work, part.present
    if part.x.dtype.kind == "f" or work.max_window_samples ** 2 << 16 * part.x.dtype.itemsize >= _EXACT:
        raise _Declined
    x = (part.x if present is None else np.where(present, part.x, 0)).astype(np.int64)
    total, squares = fold((x, x * x), part.windows, lambda a, b: (a[0] + b[0], a[1] + b[1]), (0, 0))
    return total, squares, _find_divisor(part).astype(np.int64)


def _find_variance(part: _BlockWindows) -> Array:
    """(n sum x^2 - (sum x)^2) / n^2 of integers."""
    total, squares, n = _sum_squares(part)
    return _divide(n * squares - total * total, n * n, part.work)


def _find_deviation(part: _BlockWindows) -> Array:
    """The root of that."""
    total, squares, n = _sum_squares(part)
    return np.asarray(np.sqrt((n * squares - total * total) / (n * n)))


def _find_norm(part: _BlockWindows) -> Array:
    """The root of the sum of the squares of integers; declined for other powers."""
    if part.work.parameters[0] != 2.0:
        raise _Declined
    return np.asarray(np.sqrt(_sum_squares(part)[1]))


def _find_root_mean_square(part: _BlockWindows) -> Array:
    """The root of the mean of the squares of integers."""
    _, squares, n = _sum_squares(part)
    return np.asarray(np.sqrt(squares / n))


def _find_mix(part: _BlockWindows) -> Array:
    """(w n max + (1 - w) sum) / n of integers, for a w of few bits."""
    weight, unit = part.work.parameters[0] * _MIX_UNIT, int(_MIX_UNIT)
    largest = part.work.max_window_samples * unit << 8 * part.x.dtype.itemsize + 1
    if part.x.dtype.kind == "f" or not weight.is_integer() or largest >= _EXACT:
        raise _Declined
    n = _find_divisor(part).astype(np.int64)
    total = int(weight) * n * _find_max(part).astype(np.int64) + (unit - int(weight)) * _sum_whole(part)
    return _divide(total, n * unit, part.work)


def _divide(total: Array, n: Array, work: KernelTask) -> Array:
    """A ratio of whole numbers that doubles hold, rounded once."""
    return total / n if work.written.kind == "f" else _round_quotient(total, n, work.rounding)


def _find_weighted_mean(part: _BlockWindows) -> Array:
    """Sum w x / sum w of whole numbers whose weighted sums are exact; sums of areas divide by one sample's weight."""
    work, present = part.work, part.present
    axes = weigh_axes(work, part.windows)
    largest = float(np.prod([axis.totals.max() for axis in axes])) * max(work.largest_weight, 1)
    if part.x.dtype.kind == "f" or largest * 2.0 ** (8 * part.x.dtype.itemsize + 1) >= _EXACT:
        raise _Declined
    there = np.ones((1, *part.x.shape[1:4], 1), np.bool_) if present is None else present
    if part.weights is not None:
        there = part.weights
    each = there.astype(np.int64)
    total = _sum_weighted(part.x.astype(np.int64) * each, part.windows, axes)
    if not divides(work):
        return _divide(total, np.array(prod(int(axis.divisors[0]) for axis in axes)), work)
    weight = np.maximum(_sum_weighted(each, part.windows, axes), 1)
    return _divide(total, weight, work)


def _sum_weighted(x: Array, windows: tuple[Windows, ...], axes: list[AxisWeights]) -> Array:
    """The sum of samples times whole weights, one axis after another."""
    for axis, (along, axis_weights) in enumerate(zip(windows, axes, strict=True), 1):
        first, count, begin = axis_weights.table.T
        total: Array = np.zeros(1, np.int64)
        for j in range(int(count.max())):
            at = np.minimum(begin + j, len(axis_weights.weights) - 1)
            weight = np.where(count > j, axis_weights.weights[at], 0).astype(np.int64)
            place = np.minimum(first + j * along.step, x.shape[axis] - 1)
            total = total + np.take(x, place, axis=axis) * weight.reshape([-1 if i == axis else 1 for i in range(5)])
        x = total
    return x


# Gathered windows: those with equal numbers of samples at a time.


def _gather_groups(part: _BlockWindows) -> Iterator[tuple[tuple[Any, ...], Array]]:
    """The windows of each number of samples: where they are in the result, and their samples along a last axis."""
    axes = []
    for windows in part.windows:
        first, count = windows.present
        axes.append([(np.flatnonzero(count == n), first[count == n][:, None] + np.arange(n) * windows.step)
                     for n in sorted(set(count.tolist()))])
    for (d, in_d), (h, in_h), (w, in_w) in product(*axes):
        index = in_d[:, None, None, :, None, None], in_h[:, None, None, :, None], in_w[:, None, None, :]
        gathered = np.moveaxis(part.x[:, index[0], index[1], index[2], :], -1, 4)
        yield np.ix_(np.arange(part.x.shape[0]), d, h, w), gathered.reshape(*gathered.shape[:5], -1)


def _sort_present(part: _BlockWindows, windows: Array) -> tuple[Array, Array]:
    """Samples sorted along the last axis, those that are missing behind all others, and how many are not missing."""
    work, x = part.work, windows
    if not missing(work):
        return np.sort(x, axis=-1), np.asarray(windows.shape[-1])
    gone = x != x if work.skip_nan else np.zeros(x.shape, np.bool_)
    if work.nodata is not None:
        gone |= x == work.nodata[0]
    if x.dtype.kind == "f":
        if not work.skip_nan and np.isnan(x).any():
            raise _Declined
        behind: Array = np.where(gone, x.dtype.type(np.nan), x)
    elif x.dtype.itemsize == 8:
        raise _Declined
    else:
        behind = np.where(gone, 1 << 40, x.astype(np.int64))
    return np.sort(behind, axis=-1), np.sum(~gone, axis=-1)


def _find_quantile(part: _BlockWindows) -> Array:
    """The sample of rank (n - 1) q, or a point between two, as ``order_statistics.quantile`` has it."""
    return _over_groups(part, _rank_of_group)


def _rank_of_group(part: _BlockWindows, windows: Array) -> Array:
    """The quantile of windows of one size."""
    q, size = part.work.parameters[0], windows.shape[-1]
    picks, upward = q >= order_statistics.LOWER, q >= order_statistics.UPPER
    q -= order_statistics.UPPER if upward else order_statistics.LOWER if picks else 0.0
    if missing(part.work):
        windows, n = _sort_present(part, windows)
    else:
        low = min(int(np.floor((size - 1) * q)), size - 1)
        windows, n = np.partition(windows, [low, min(low + 1, size - 1)], axis=-1), np.array(size)
    h = (np.maximum(n, 1) - 1) * q
    low_rank = np.minimum(np.floor(h).astype(np.int64), np.maximum(n, 1) - 1)
    high_rank = np.minimum(low_rank + 1, np.maximum(n, 1) - 1)
    share = np.where(high_rank > low_rank, h - low_rank, 0.0)
    if picks:
        low_rank, share = np.where(upward & (share > 0.0), high_rank, low_rank), np.zeros(1)
    a, b = (_take_rank(windows, rank) for rank in (low_rank, high_rank))
    values = _interpolate_ranks(a, b, share, part.work) if share.any() else a
    if part.x.dtype.kind == "f" and not missing(part.work):  # NaN is behind all others
        nan = np.isnan(windows[..., int(low_rank) :]).any(axis=-1)
        values = np.where(nan, np.nan, values).astype(values.dtype, copy=False)
    return values


def _take_rank(windows: Array, rank: NDArray[np.int64]) -> Array:
    """The sample at a place along the last axis: one for all windows, or each its own."""
    if rank.ndim == 0:
        return windows[..., int(rank)]
    return np.take_along_axis(windows, rank[..., None], axis=-1)[..., 0]


def _interpolate_ranks(a: Array, b: Array, share: Array, work: KernelTask) -> Array:
    """A point of the way from a to b; declined where a double does not hold it, or where halfway may overflow."""
    if a.dtype.itemsize == 8 and a.dtype.kind != "f" and work.array.dtype.itemsize == 8:
        _check_small(a, 2)
        _check_small(b, 2)
    a, b = a.astype(np.float64), b.astype(np.float64)
    gone = np.isnan(a) | np.isnan(b)
    a, b = np.where(gone, 0.0, a), np.where(gone, 0.0, b)
    if not (np.abs(b - a) < _MOST_SPLIT).all():
        raise _Declined
    d, e = two_sum(b, -a)
    p, f = multiply(d, share)
    hi, lo = add_pairs((a, np.zeros_like(a)), two_sum(p, f + e * share))
    hi, lo = np.where(a == b, a, hi), np.where(a == b, 0.0, lo)
    if work.written.kind != "f":
        return np.where(gone, np.nan, _round_pairs(hi, lo, work.rounding))
    return np.where(gone, np.nan, hi + lo)


def _round_pairs(hi: Array, lo: Array, rounding: int) -> Array:
    """Pairs rounded once to whole numbers, as ``double_double.rounded`` has it; declined for those beyond 2^52."""
    if not (np.abs(hi) < _EXACT / 2).all():
        raise _Declined
    f = np.floor(hi)
    g = np.where(f == hi, np.floor(lo), 0.0)
    beyond_half = ((hi - f) - 0.5) + (lo - g)
    up = np.zeros(hi.shape, np.bool_)
    if rounding == double_double.HALF_UP:
        up = beyond_half >= 0.0
    elif rounding == double_double.HALF_EVEN:
        up = (beyond_half > 0.0) | ((beyond_half == 0.0) & ((f + g) % 2.0 == 1.0))
    elif rounding == double_double.CEIL:
        up = (hi - f) + (lo - g) > 0.0
    return np.asarray(f + g + up)


def _find_mean_of_ranks(ranks: Callable[[int, Any], tuple[int, int, int]], part: _BlockWindows) -> Array:
    """The mean of integers from one rank to another, as ``ranks`` has them; declined where samples are missing."""
    if part.x.dtype.kind == "f" or missing(part.work):
        raise _Declined
    if part.x.dtype.itemsize == 8:
        _check_small(part.x, 2 * part.work.max_window_samples)

    def compute(part: _BlockWindows, windows: Array) -> Array:
        first, stop, again = ranks(windows.shape[-1], part.work.parameters)
        ordered = np.sort(windows, axis=-1)[..., first:stop].astype(np.int64)
        total = ordered.sum(axis=-1) + again * (ordered[..., 0] + ordered[..., -1])
        return _divide(total, np.array(stop - first + 2 * again), part.work)

    return _over_groups(part, compute)


def _find_distinct(part: _BlockWindows) -> Array:
    """How many different values there are."""
    return _over_groups(part, _distinct_of_group)


def _distinct_of_group(part: _BlockWindows, windows: Array) -> Array:
    """How many different values windows of one size have; declined where some are NaN that count."""
    windows, n = _sort_present(part, windows)
    if windows.dtype.kind == "f" and not missing(part.work) and np.isnan(windows[..., -1]).any():
        raise _Declined
    other = (windows[..., 1:] != windows[..., :-1]) & (np.arange(1, windows.shape[-1]) < n[..., None])
    return np.asarray(other.sum(axis=-1) + np.minimum(n, 1))


def _find_mode(part: _BlockWindows) -> Array:
    """The most frequent sample; of equally frequent ones, the smallest."""
    return _over_groups(part, _mode_of_group)


def _mode_of_group(part: _BlockWindows, windows: Array) -> Array:
    """The mode of windows of one size."""
    windows, n = _sort_present(part, windows)
    best = windows[..., 0].copy()
    run = np.ones(best.shape, np.int32)
    most = run.copy()
    for j in range(1, windows.shape[-1]):
        run = np.where(windows[..., j] == windows[..., j - 1], run + 1, 1)
        longer = (run > most) & (j < n)
        best, most = np.where(longer, windows[..., j], best), np.where(longer, run, most)
    if part.x.dtype.kind == "f" and not missing(part.work):
        best = np.where(np.isnan(windows[..., -1]), best.dtype.type(np.nan), best)
    return best


def _find_count(part: _BlockWindows) -> Array:
    """How many samples are present."""
    count = _count_present(part)
    shape = (part.x.shape[0], *(len(w) for w in part.windows), part.x.shape[4])
    return np.broadcast_to(part.divisor.astype(np.int64), shape) if count is None else count


def _over_groups(part: _BlockWindows, compute: Callable[[_BlockWindows, Array], Array]) -> Array:
    """Compute windows of one size after another."""
    found = [(place, compute(part, windows)) for place, windows in _gather_groups(part)]
    dtypes_found = {values.dtype for _, values in found}
    dtype = dtypes_found.pop() if len(dtypes_found) == 1 else np.dtype(np.float64)
    result = np.empty((part.x.shape[0], *(len(w) for w in part.windows), part.x.shape[4]), dtype)
    for place, values in found:
        if values.dtype.kind != "f" and dtype.kind == "f":
            _check_small(values, 1)
        result[place] = values
    return result


@dataclass(frozen=True)
class _Method:
    """What computes a reducer, and about what it costs on a machine of 2024."""

    compute: Compute
    byte: float
    """Nanoseconds for each byte of the input."""
    output: float
    """Nanoseconds for each window of integers."""
    floats: float
    """Nanoseconds for each window of floats."""
    gathered: float = 0.0
    """Nanoseconds for each sample of each window, where windows are gathered; 0 where they are not."""
    weighs: bool = False
    """Whether integers may have weights that are whole numbers, not only a mask."""
    of_parts: _Method | None = None
    """What computes integers that count by the parts of them that lie in an area."""


_WEIGHTED_MEAN = _Method(_find_weighted_mean, 5.0, 50.0, 50.0, weighs=True)


COMPUTE: Mapping[str, _Method] = {
    "max": _Method(_find_max, 0.4, 1.2, 2.0), "min": _Method(_find_min, 0.4, 1.2, 2.0),
    "range": _Method(_find_range, 0.6, 2.5, 4.0),
    "count": _Method(_find_count, 0.3, 1.0, 1.0),
    "sum": _Method(_find_sum, 0.5, 2.0, 90.0, weighs=True, of_parts=_WEIGHTED_MEAN),
    "avg": _Method(_find_mean, 0.5, 3.0, 110.0, weighs=True, of_parts=_WEIGHTED_MEAN),
    "absmax": _Method(_find_farthest, 0.8, 3.0, 5.0),
    "mixed": _Method(_find_mix, 1.0, 8.0, 8.0),
    "var": _Method(_find_variance, 2.0, 10.0, 10.0), "std": _Method(_find_deviation, 2.0, 12.0, 12.0),
    "lp": _Method(_find_norm, 2.0, 6.0, 6.0), "l2": _Method(_find_norm, 2.0, 6.0, 6.0),
    "rms": _Method(_find_root_mean_square, 2.0, 8.0, 8.0),
    "blur": _WEIGHTED_MEAN,
    "median": _Method(_find_quantile, 0.0, 160.0, 160.0, 12.0),
    "quantile": _Method(_find_quantile, 0.0, 160.0, 160.0, 12.0),
    "median-low": _Method(_find_quantile, 0.0, 100.0, 100.0, 12.0),
    "median-high": _Method(_find_quantile, 0.0, 100.0, 100.0, 12.0),
    "topk": _Method(partial(_find_mean_of_ranks, order_statistics.topk_ranks), 0.0, 100.0, 100.0, 12.0),
    "trimmed": _Method(partial(_find_mean_of_ranks, order_statistics.trimmed_ranks), 0.0, 100.0, 100.0, 12.0),
    "winsor": _Method(partial(_find_mean_of_ranks, order_statistics.winsor_ranks), 0.0, 100.0, 100.0, 12.0),
    "distinct": _Method(_find_distinct, 0.0, 60.0, 60.0, 15.0),
    "mode": _Method(_find_mode, 0.0, 60.0, 60.0, 18.0),
}
"""The reducers that NumPy serves."""


# Storing.


def _store(part: _BlockWindows, values: Array, out: Array) -> NDArray[np.bool_]:
    """Write exact values in the result's dtype, rounded once; return which of them have no place there."""
    work = part.work
    empty = np.zeros(values.shape, np.bool_)
    count = _count_present(part)
    if count is not None:
        empty = count == 0
    if out.dtype.kind == "f":
        np.copyto(out, values, casting="unsafe")
    else:
        if values.dtype.kind == "f":
            empty = empty | np.isnan(values)
            values = dtypes.round_doubles(np.where(empty, 0.0, values.astype(np.float64)), work.rounding)
        dtypes.copy_saturated(values, out, work.result)
    return empty


# Driving.


@dataclass(frozen=True)
class _NumpyChoice:
    """The NumPy tier for a plan."""

    row: _Method
    samples: int
    """The samples of the largest window."""

    def on(self, work: KernelTask, values: Array) -> _SliceRun:
        """The tier on an array."""
        return _SliceRun(work, values, self)


def choose(work: KernelTask) -> _NumpyChoice | None:
    """The tier, where it may serve; a look at the data may still decline a block."""
    row = COMPUTE.get(work.reducer.name)
    if row is not None and work.in_parts:
        row = row.of_parts if work.weights is None else None
    if row is None or work.want_indices:
        return None
    if work.weights is not None and work.largest_weight != 1 and not (
            row.weighs and work.largest_weight > 0 and work.array.dtype.kind != "f"):
        return None
    samples = work.max_window_samples
    if (row.gathered and samples > _MOST_GATHERED) or (row is _WEIGHTED_MEAN and work.array.dtype.kind == "f"):
        return None
    return _NumpyChoice(row, samples)


class _SliceRun:
    """The NumPy tier on one array."""

    def __init__(self, work: KernelTask, values: Array, choice: _NumpyChoice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.shares = divisors(work)

    @property
    def milliseconds(self) -> float:
        """About how long one thread takes."""
        return estimate(self.choice, self.work)

    def blocks(self, threads: int) -> list[Block]:
        """Blocks whose samples stay in the second cache."""
        work = self.work
        outputs = max(1, int(np.prod(work.output_shape[:4])))
        samples = _BLOCK_SAMPLES * outputs // work.array.size
        if self.choice.row.gathered:
            samples = _GATHERED // self.choice.samples
        return cut(work.whole, sizes_for(work.whole, max(1, samples // work.output_shape[4])))

    def runner(self) -> Runner:
        """A function that runs one block; False where it is declined."""
        def run_block(block: Block) -> bool:
            try:
                with np.errstate(all="ignore"):
                    self.run(block)
            except _Declined:
                return False
            return True

        return run_block

    def run(self, block: Block) -> None:
        """Compute one block and write it."""
        part, place = self.part(block), tuple(slice(*span) for span in block)
        out = self.values[place]
        empty = _store(part, self.choice.row.compute(part), out)
        if empty.any():
            if self.work.fill is None:
                at = np.argwhere(empty)[0] + [*(span[0] for span in block), 0]
                raise UnrepresentableValue(int(np.ravel_multi_index(tuple(at), self.work.output_shape)))
            out[empty] = self.work.fill[0]

    def part(self, block: Block) -> _BlockWindows:
        """The samples that a block's windows reach."""
        spans, windows = [], []
        for along, (begin, stop) in zip(self.work.windows, block[1:], strict=True):
            one = along[begin:stop]
            low, high = one.reach()
            spans.append(slice(low, max(low, high)))
            windows.append(cut_windows(one, low, high))
        d, h, w = (share[slice(*span)] for share, span in zip(self.shares, block[1:], strict=True))
        divisor = d[:, None, None, None] * h[:, None, None] * w[:, None]
        place = slice(*block[0]), *spans
        weights = None if self.work.weights is None else self.work.weights[place]
        return _BlockWindows(self.work.array[place], (windows[0], windows[1], windows[2]), self.work, divisor, weights)


def estimate(choice: _NumpyChoice, work: KernelTask) -> float:
    """About how many milliseconds one thread takes."""
    row, outputs = choice.row, float(np.prod(work.output_shape))
    of_output = (row.floats if work.array.dtype.kind == "f" else row.output) + row.gathered * choice.samples
    read = work.array.nbytes if work.weights is None else 3 * (work.array.nbytes + work.weights.nbytes)
    return 0.1 + 1e-6 * (row.byte * read + of_output * outputs)
