"""Intervals of arrays: checked, made around an array, and the sample of each interval nearest to zero or farthest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import dtypes
from ...errors import OptionError, PoolError
from ...pooling import as_array

Array = NDArray[Any]


def interval(x: ArrayLike, eps: float, *, clip: tuple[float, float] | None = None,
             nodata: float | None = None) -> tuple[Array, Array]:
    """Return the arrays x - eps and x + eps, in sample units and x's dtype; whole numbers move by floor(eps).

    Parameters
    ----------
    x
        The array. NaN, infinities and samples equal to ``nodata`` stay as they are.
    eps
        How far each sample may move, at least 0.
    clip
        The least and the largest value that a sample may have; one outside goes to the nearer end. Default: the dtype's
        finite values.
    nodata
        The value of missing samples, onto which no other sample moves.

    Returns
    -------
    tuple of numpy.ndarray
        The lower and the upper ends.

    Raises
    ------
    PoolError
        For an eps that is negative or no number, and a clip whose ends are in the wrong order.

    Examples
    --------
    >>> interval(np.array([0, 100, 254], np.uint8), 2)
    (array([  0,  98, 252], dtype=uint8), array([  2, 102, 255], dtype=uint8))
    """
    array = as_array(x)
    dtype = dtypes.check_dtype(array.dtype)
    array = array.astype(dtype, copy=False)
    least, most = _sample_limits(dtype, clip)
    missing = is_missing(array, None if nodata is None else dtypes.parse_nodata(nodata))
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = _move_both_ways(array, _check_eps(eps), least, most)
    kept = missing | ~np.isfinite(array)
    low, high = np.where(kept, array, low), np.where(kept, array, high)
    return avoid_nodata(low, high, ~missing, nodata)


def _check_eps(eps: Any) -> float:
    """How far samples move, or OptionError."""
    try:
        number = float(eps)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not number >= 0:
        raise OptionError("eps", f"eps must be 0 or more, in units of a sample, not {eps!r}")
    return number


def _sample_limits(dtype: dtypes.Type, clip: Any) -> tuple[Any, Any]:
    """The least and the largest sample, within the dtype and ``clip``."""
    if dtype.kind == "f":
        least, most = float(np.finfo(dtype).min), float(np.finfo(dtype).max)
    else:
        least, most = (0, 1) if dtype == dtypes.BOOL else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    if clip is None:
        return least, most
    try:
        low, high = (float(end) for end in clip)
    except (TypeError, ValueError):
        low = high = math.nan
    if not low <= high:
        raise OptionError("clip", f"clip must be the least and the largest sample, as in 0 and 255, not {clip!r}")
    if dtype.kind != "f":
        low, high = math.ceil(max(low, least)), math.floor(min(high, most))
    low, high = max(low, least), min(high, most)
    if low > high:
        raise OptionError("clip", f"clip {clip!r} holds no {dtype} value")
    return low, high


def _move_both_ways(array: Array, eps: float, least: Any, most: Any) -> tuple[Array, Array]:
    """x - eps and x + eps between least and most, without wrapping.

    The nearest float to x - eps lies below every float of the interval, so that rounding loses none of them.
    """
    dtype = array.dtype
    if dtype.kind == "f":
        wide = array.astype(np.float64)
        return (np.clip(wide - eps, least, most).astype(dtype), np.clip(wide + eps, least, most).astype(dtype))
    return _shift_saturated(array, -int(min(eps, 2.0**65)), least,
                            most), _shift_saturated(array, int(min(eps, 2.0**65)), least, most)


def _shift_saturated(array: Array, step: int, least: int, most: int) -> Array:
    """x + step between least and most: modular arithmetic is right where x + step is a value at all."""
    unsigned = np.dtype(f"u{array.dtype.itemsize}")
    first, last = (0, 1) if array.dtype == dtypes.BOOL else (np.iinfo(array.dtype).min, np.iinfo(array.dtype).max)
    ahead, behind = least - step, most - step  # x below the one ends at least, above the other at most
    with np.errstate(over="ignore"):
        sums = (array.view(unsigned) + unsigned.type(step % 2 ** (8 * unsigned.itemsize))).view(array.dtype)
    if ahead > last or behind < first:
        return np.full(array.shape, least if ahead > last else most, array.dtype)
    sums = np.where(array < ahead, least, sums) if ahead > first else sums
    sums = np.where(array > behind, most, sums) if behind < last else sums
    return sums.astype(array.dtype, copy=False)


def is_missing(array: Array, nodata: float | int | None) -> NDArray[np.bool_]:
    """Which samples are NaN or the nodata value."""
    gone = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, np.bool_)
    if nodata is not None and nodata == nodata and dtypes.holds(array.dtype, nodata):
        gone = gone | (array == dtypes.scalar(array.dtype, nodata))
    return gone


def avoid_nodata(low: Array, high: Array, present: NDArray[np.bool_], nodata: float | None) -> tuple[Array, Array]:
    """A present sample is not the nodata value, so an end that is it goes to the next value within."""
    if nodata is None or nodata != nodata:
        return low, high
    here = present & is_missing(low, nodata)
    low = np.where(here, next_value(low, 1), low)
    here = present & is_missing(high, nodata)
    return low, np.where(here, next_value(high, -1), high)


def next_value(array: Array, way: int) -> Array:
    """The next value of the dtype above (1) or below (-1)."""
    if array.dtype.kind == "f":
        return np.asarray(np.nextafter(array, array.dtype.type(way * np.inf)))
    if array.dtype == dtypes.BOOL:
        return np.full(array.shape, way > 0)
    with np.errstate(over="ignore"):
        following: Array = array + array.dtype.type(1) if way > 0 else array - array.dtype.type(1)
    return following


def check_ends(low: ArrayLike, high: ArrayLike, nodata: float | int | None) -> tuple[Array, Array]:
    """Two arrays that bound others: equal shapes and dtypes, low <= high, missing at the same places."""
    a, b = as_array(low), as_array(high)
    if a.shape != b.shape or a.dtype.newbyteorder("=") != b.dtype.newbyteorder("="):
        raise PoolError(f"low is {a.dtype} of shape {a.shape}, high is {b.dtype} of shape {b.shape}; two arrays of one "
                        "shape and dtype would work")
    gone, also = is_missing(a, nodata), is_missing(b, nodata)
    if (wrong := gone != also).any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise PoolError(f"the sample at {at} is missing (NaN or nodata) in one of low and high; it must be in both")
    if (wrong := ~gone & (a > b)).any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise PoolError(f"low is {a[at]} and high {b[at]} at {at}; low must not be above high")
    return a, b


def nearest_to_zero(low: Array, high: Array) -> Array:
    """Of each interval the sample with the smallest magnitude."""
    zero = np.zeros((), low.dtype)
    return np.where((low > 0) | (low != low), low, np.where(high < 0, high, zero))


def farthest_from_zero(low: Array, high: Array) -> Array:
    """Of each interval the end with the largest magnitude."""
    if low.dtype.kind != "i":
        return high if low.dtype.kind in "bu" else np.where((-low > high) | (low != low), low, high)
    farthest: Array = np.where((low < 0) & (~low >= high), low, high)  # ~low is -low - 1, which does not wrap
    return farthest
