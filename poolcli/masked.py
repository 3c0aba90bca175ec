"""Masked arrays: masked samples are missing, and a value of which no sample is there is masked.

Kernels know of missing samples by one value, nodata. So the masked samples get a value that no other sample has; an
array of 8 or 16 bits that has them all is widened first, and its result is of the dtype that it would have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core import dtypes
from .core.plans import Plan
from .core.pool_options import as_python
from .core.reducers import REDUCERS
from .core.windowings import check_flag
from .errors import OptionError, PoolError
from .pooling import Pooling, as_array, check_out, parse_pooling

Array = NDArray[Any]
WIDER: Mapping[str, str] = {"bool": "uint8", "uint8": "uint16", "int8": "int16", "uint16": "uint32", "int16": "int32",
                            "float16": "float32"}
"""Dtypes of which an array in memory may have every value, and one that holds them and more."""


@dataclass(frozen=True)
class _MaskedPooling(Pooling):
    """A pooling whose values without samples will be masked, so that they may be anything."""

    def fill(self, result: dtypes.Type) -> Array:
        """Return NaN for floats and 0 for integers, or the reducer's value of no samples."""
        if self.reducer.empty_value is not None:
            return dtypes.scalar(dtypes.write_dtype(result), self.reducer.empty_value)
        return dtypes.scalar(dtypes.write_dtype(result), float("nan") if result.kind == "f" else 0)


def pool(x: Any, reducer: str = "max", *, out: Any = None, return_indices: bool = False, **options: Any) -> Any:
    """Return ``poolcli.pool`` of a masked array as a masked array, and the indices if they are wanted."""
    base = parse_pooling(reducer, **options)
    wanted = check_flag("return_indices", as_python(return_indices))
    array = as_array(np.ma.getdata(x))
    dtype = dtypes.check_dtype(array.dtype)
    array = array.astype(dtype, copy=False)
    missing = find_missing(array, np.ma.getmaskarray(x), base)
    plan, result_dtype = base.plan(array.shape), base.result_dtype(dtype)
    if out is not None:
        _check_masked_out(out, plan.output_shape, result_dtype)
    pooling, array = pool_without(base, array, missing, result_dtype)
    result = pooling.run(array, plan, return_indices=wanted)
    values = np.ma.MaskedArray(result.values, find_empty(base, plan, missing, pads_missing(base)))
    if values.dtype == dtype:
        with np.errstate(over="ignore"):  # the default, 1e20, is infinite as float16
            values.fill_value = x.fill_value
    if out is not None:
        out[...] = values
        values = out
    return values if result.indices is None else (values, result.indices)


def allow_any_fill(base: Pooling) -> _MaskedPooling:
    """The same pooling where values without samples may be anything, since nobody looks at them."""
    return _MaskedPooling(**{one.name: getattr(base, one.name) for one in fields(base)})


def pads_missing(pooling: Pooling) -> bool:
    """Whether padding is missing samples: of their value, where that is given, or NaN that is ignored."""
    return pooling.pad_value == pooling.nodata or (pooling.skips_nan() and pooling.pad_value != pooling.pad_value)


def pool_without(base: Pooling, array: Array, missing: NDArray[np.bool_],
                 result: dtypes.Type) -> tuple[_MaskedPooling, Array]:
    """Return a pooling of another array that passes over what is missing, and that array."""
    pooling = replace(allow_any_fill(base), dtype=result, nodata=None)
    if missing.any():
        # NaN is no value of integers, and refused as such
        pads = pads_missing(base) and (array.dtype.kind == "f" or base.pad_value == base.nodata)
        array, value = _mark_missing(array, missing, None if pads else base.pad_value)
        pooling = replace(pooling, nodata=value, pad_value=value if pads else base.pad_value)
    _check_numbers(array, missing, pooling)
    return pooling, array


def find_missing(array: Array, mask: NDArray[np.bool_], pooling: Pooling) -> NDArray[np.bool_]:
    """Return which samples are masked, nodata, or NaN that is ignored."""
    missing = find_missing_values(array, pooling)
    return mask.copy() if missing is None else mask | missing


def find_missing_values(array: Array, pooling: Pooling) -> NDArray[np.bool_] | None:
    """Return which samples are nodata, or NaN that is ignored; None where there can be none."""
    missing: NDArray[np.bool_] | None = None
    if pooling.skips_nan() and array.dtype.kind == "f":
        missing = np.isnan(array)
    if (value := pooling.missing()) is not None:
        if not dtypes.holds(array.dtype, value):
            raise PoolError(f"nodata {value} is no {array.dtype} value; a value of that type would work")
        marked: NDArray[np.bool_] = array == dtypes.scalar(array.dtype, value)
        missing = marked if missing is None else missing | marked
    return missing


def _mark_missing(array: Array, missing: NDArray[np.bool_], beside: float | None) -> tuple[Array, int | float]:
    """Return a copy with a value at missing samples that no other one has, nor is ``beside``; and that value."""
    value = find_unused_value(array, beside)  # of masked ones too: to pick the others takes as long as a median
    if value is None:
        array = array.astype(WIDER[array.dtype.name])
        value = find_unused_value(array, beside)
    assert value is not None
    return np.where(missing, dtypes.scalar(array.dtype, value)[0], array), value


def find_unused_value(present: Array, beside: float | None) -> int | float | None:
    """Return a finite value of the array's dtype that is not in it, or None where all are."""
    dtype = present.dtype
    numbers = present.view(np.uint8) if dtype == dtypes.BOOL else present
    if beside is not None and dtypes.holds(dtype, beside):
        numbers = np.append(numbers, dtypes.scalar(dtype, beside).astype(numbers.dtype))
    low, high = _lowest_highest(dtype)
    if dtype.kind == "f" and not (numbers.size and np.isfinite(numbers.max())):
        numbers = numbers[np.isfinite(numbers)]
    if not numbers.size:
        return 0
    if numbers.max() < high:
        return _as_number(_next_value(numbers.max()))
    if numbers.min() > low:
        return _as_number(_next_value(numbers.min(), up=False))
    if dtype.kind not in "bf" and dtype.itemsize <= 2:
        bits = np.dtype(f"u{dtype.itemsize}")  # counted: to sort them takes three times as long
        free = np.flatnonzero(np.bincount(numbers.ravel().view(bits), minlength=256**dtype.itemsize) == 0)
        return _as_number(free[:1].astype(bits).view(numbers.dtype)[0]) if free.size else None
    known = np.unique(numbers)
    gaps = np.flatnonzero(_next_value(known[:-1]) != known[1:])
    return _as_number(_next_value(known[gaps[0]])) if gaps.size else None


def _lowest_highest(dtype: dtypes.Type) -> tuple[Any, Any]:
    """Return the ends of a dtype's finite numbers."""
    if dtype == dtypes.BOOL:
        return 0, 1
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return info.min, info.max


def _next_value(numbers: Any, up: bool = True) -> Any:
    """Return the next number of the same dtype above, or below."""
    if numbers.dtype.kind == "f":
        return np.nextafter(numbers, numbers.dtype.type(np.inf if up else -np.inf))
    one = numbers.dtype.type(1)
    return numbers + one if up else numbers - one


def _as_number(number: Any) -> int | float:
    """Return NumPy's number as Python's."""
    found: int | float = number.item()
    return found


def _check_numbers(array: Array, missing: NDArray[np.bool_], pooling: Pooling) -> None:
    """Refuse NaN that an integer result has no place for: it is a number that went wrong, not a missing one."""
    result = pooling.dtype
    if array.dtype.kind != "f" or result is None or result.kind == "f":
        return
    if (np.isnan(array) & ~missing).any():
        raise PoolError(f'NaN has no place in {result}; nan="ignore", or a float dtype, would work')


def find_empty(pooling: Pooling, plan: Plan, missing: NDArray[np.bool_], pads_missing: bool) -> NDArray[np.bool_]:
    """Which windows have no value, as they have no sample: the largest of 1 for present and 0 for missing is 0.
    """
    if pooling.reducer.empty_value is not None:
        return np.zeros(plan.output_shape, np.bool_)
    present = replace(pooling, reducer=REDUCERS["max"], parameters={}, nan="propagate", nodata=None, dtype=None,
                      pad_value=0 if pads_missing else 1)
    found: NDArray[np.bool_] = present.run((~missing).view(np.uint8), plan).values == 0
    return found


def _check_masked_out(out: Any, shape: tuple[int, ...], dtype: dtypes.Type) -> None:
    """Refuse an ``out`` that is no masked array, or not of the result's shape and dtype."""
    if not isinstance(out, np.ma.MaskedArray):
        raise OptionError("out", "out must be a masked array, as the result of one is")
    check_out(out, shape, dtype)
