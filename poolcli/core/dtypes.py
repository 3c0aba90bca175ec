"""Types, settled once: what may be pooled, what a kernel reads and writes, what the result is and how it is rounded."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OptionError, PoolError
from ..kernels import double_double
from . import choices
from .reducers import Reducer

ROUNDINGS = dict(zip(choices.ROUNDINGS, (double_double.HALF_UP, double_double.HALF_EVEN, double_double.FLOOR,
                                         double_double.CEIL), strict=True))
"""How an exact value becomes an integer; half-up is floor(v + 1/2), towards +infinity."""

Type = np.dtype[Any]

BOOL = np.dtype(np.bool_)
FLOAT16 = np.dtype(np.float16)
FLOAT64 = np.dtype(np.float64)


@cache
def check_dtype(dtype: Type) -> Type:
    """The dtype in native byte order; PoolError for what is no real number of at most 8 bytes."""
    if dtype.kind in "biuf" and dtype.itemsize <= 8 and dtype.num < 256:  # those of other libraries begin there
        return dtype.newbyteorder("=")
    if dtype.name == "bfloat16" or (dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None):
        raise PoolError(f"{'' if dtype.name == 'bfloat16' else 'two bytes that are no number of NumPy, perhaps '}"
                        "bfloat16 cannot be pooled; x.astype(float32) would work")
    raise PoolError(f"dtype {dtype} cannot be pooled; bool, (u)int8 to 64 and float16 to 64 can")


def parse_dtype(value: Any) -> Type:
    """The dtype an option names."""
    try:
        return check_dtype(np.dtype(value))
    except (TypeError, PoolError):
        raise OptionError("dtype", f"dtype must be bool, (u)int8 to 64 or float16 to 64, not {value!r}") from None


def result_dtype(reducer: Reducer, dtype: Type) -> Type:
    """The result's dtype where the user asks for none: the ``result`` rule of the reducer's row."""
    rule = reducer.result
    if rule == "input":
        return dtype
    if rule == "unsigned":
        return np.dtype(f"u{dtype.itemsize}") if dtype.kind == "i" else dtype
    if rule == "count":
        return np.dtype(np.int64)
    if dtype.kind == "f":
        return dtype
    if rule == "sum":
        return np.dtype(np.uint64 if dtype.kind == "u" else np.int64)
    return FLOAT64


@cache
def read_dtype(dtype: Type) -> Type:
    """What a kernel reads: bool as 0 and 1, float16 as the float32 that holds it exactly."""
    if dtype == BOOL:
        return np.dtype(np.uint8)
    return np.dtype(np.float32) if dtype == FLOAT16 else dtype


@cache
def write_dtype(dtype: Type) -> Type:
    """What a kernel writes for a result of ``dtype``; float16 is rounded once, from float64, at the end."""
    if dtype == BOOL:
        return np.dtype(np.uint8)
    return FLOAT64 if dtype == FLOAT16 else dtype


def as_read(array: NDArray[Any]) -> NDArray[Any]:
    """A native array of any allowed dtype as what a kernel reads."""
    if array.dtype == BOOL:
        whole: NDArray[Any] = array.view(np.uint8) != 0  # a bool from a file may be any byte
        return whole.view(np.uint8)
    return array.astype(read_dtype(array.dtype), copy=False)


def as_result(array: NDArray[Any], dtype: Type) -> NDArray[Any]:
    """What a kernel wrote, as the result's dtype."""
    if dtype == BOOL:
        return array.view(np.bool_)
    with np.errstate(over="ignore"):
        return array.astype(dtype, copy=False)


def limits(dtype: Type) -> NDArray[np.float64]:
    """The smallest and the largest value of a dtype, each as (hi, lo)."""
    if dtype.kind == "f":
        return np.array([-np.inf, 0, np.inf, 0])
    low, high = (0, 1) if dtype == BOOL else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return np.array([part for bound in (low, high) for part in (float(bound), float(bound - int(float(bound))))])


def whole_limits(dtype: Type) -> tuple[int, int]:
    """The smallest and the largest value of an integer dtype, as far as int64 has them; 0 and 0 for floats."""
    if dtype.kind == "f":
        return 0, 0
    low, high = (0, 1) if dtype == BOOL else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    return low, min(high, int(np.iinfo(np.int64).max))


def parse_nodata(value: Any) -> int | float:
    """The number that stands for a missing sample."""
    try:
        number = value if isinstance(value, int) else float(value)
        if isinstance(value, str) and value.strip().lstrip("+-").isdigit():
            number = int(value)
        return int(number) if math.isfinite(number) and number == int(number) else number
    except (TypeError, ValueError, OverflowError):  # the last of a whole number beyond all doubles
        raise OptionError("nodata", f"nodata must be a number, not {value!r}") from None


def holds(dtype: Type, number: int | float) -> bool:
    """Whether a dtype has this very number (NaN and infinities: a float dtype)."""
    if dtype.kind == "f":
        return not math.isfinite(number) or math.isfinite(float(scalar(dtype, number)[0]))
    low, high = (0, 1) if dtype == BOOL else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return math.isfinite(number) and number == int(number) and low <= number <= high


def scalar(dtype: Type, number: int | float) -> NDArray[Any]:
    """The number as one sample of ``dtype``."""
    with np.errstate(over="ignore"):
        return np.array([number], dtype)


def round_doubles(values: NDArray[Any], rounding: int) -> NDArray[Any]:
    """Round doubles to whole numbers, still as doubles; ``rounding`` is one of the values of ``ROUNDINGS``.

    Half up is not floor(x + 1/2): that sum rounds 0.49999999999999994 to 1.

    >>> round_doubles(np.array([0.49999999999999994, 0.5, 2.5, -2.5]), ROUNDINGS["half-up"]).tolist()
    [0.0, 1.0, 3.0, -2.0]
    """
    whole: NDArray[Any]
    if rounding == double_double.HALF_EVEN:
        whole = np.rint(values)
    elif rounding == double_double.CEIL:
        whole = np.ceil(values)
    else:
        whole = np.floor(values)
        if rounding == double_double.HALF_UP:
            with np.errstate(invalid="ignore"):  # infinity has no fraction
                whole = whole + (values - whole >= 0.5)
    return whole


def copy_saturated(values: NDArray[Any], out: NDArray[Any], result: Type) -> None:
    """Write whole numbers (of any dtype, no NaN) into ``out``, held within the limits of the dtype ``result``.

    >>> out = np.empty(3, np.int64)
    >>> copy_saturated(np.array([-np.inf, 7.0, 2.0**63]), out, np.dtype(np.int64))
    >>> out.tolist()
    [-9223372036854775808, 7, 9223372036854775807]
    """
    low, high = (0, 1) if result.kind == "b" else (np.iinfo(result).min, np.iinfo(result).max)
    if values.dtype == out.dtype and result.kind != "b":
        np.copyto(out, values)
    elif values.dtype.kind == "f":  # 2^63 - 1 and 2^64 - 1 are no doubles
        above, below = values >= float(high), values <= float(low)
        np.copyto(out, np.where(above | below, 0.0, values), casting="unsafe")
        out[above], out[below] = high, low
    else:
        limits = np.iinfo(values.dtype)
        np.copyto(out, np.clip(values, max(low, int(limits.min)), min(high, int(limits.max))), casting="unsafe")


def round_to(values: NDArray[np.float64], dtype: Type, how: str = "half-up") -> NDArray[Any]:
    """Round doubles to another dtype; integers saturate. PoolError for a NaN that the dtype cannot represent."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype, copy=False)
    if np.isnan(values).any():
        raise PoolError(f"a value is NaN, and {dtype} has no place for it; a float dtype would work")
    result = np.empty(values.shape, dtype)
    copy_saturated(round_doubles(values, ROUNDINGS[how]), result, dtype)
    return result
