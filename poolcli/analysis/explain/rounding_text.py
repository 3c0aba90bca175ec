"""From an exact value to the result's dtype, in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np

from ...core import dtypes
from .exact_numbers import Number, format_number, is_finite_number, to_float

RULES: Mapping[str, Callable[[Fraction], int]] = {
    "half-up": lambda v: math.floor(v + Fraction(1, 2)),
    "half-even": round,
    "floor": math.floor,
    "ceil": math.ceil,
}
"""The roundings; ``kernels/double_double.py`` does the same on pairs of doubles."""


def _integer_limits(dtype: dtypes.Type) -> tuple[int, int]:
    """The smallest and the largest value of an integer dtype."""
    if dtype == dtypes.BOOL:
        return 0, 1
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def describe_conversion(value: Number, exact: bool, dtype: dtypes.Type, rounding: str) -> str:
    """What happens to a value on its way into a dtype."""
    said = _describe_float(value, dtype) if dtype.kind == "f" else _describe_integer(value, dtype, rounding)
    if exact or not is_finite_number(value):
        return said
    return "computed in float64" + ("" if dtype == dtypes.FLOAT64 else f"; {said}")


def _describe_float(value: Number, dtype: dtypes.Type) -> str:
    """The nearest, ties to even."""
    if not is_finite_number(value):
        return f"{float(value):g} has its place in {dtype}"
    with np.errstate(over="ignore"):
        near = float(np.float64(to_float(value)).astype(dtype))
    if math.isinf(near):
        return f"beyond the largest {dtype}"
    return f"{dtype} holds it exactly" if Fraction(near) == value else f"to the nearest {dtype}"


def _describe_integer(value: Number, dtype: dtypes.Type, rounding: str) -> str:
    """Rounded once, then saturated."""
    low, high = _integer_limits(dtype)
    if not is_finite_number(value):
        return f"{float(value):g} becomes the {'largest' if value > 0 else 'smallest'} {dtype}"
    rounded = RULES[rounding](Fraction(value))
    said = "a whole number, nothing to round" if rounded == value else (
        f"{format_number(value)} rounded {rounding} to {rounded}")
    if low <= rounded <= high:
        return said
    limit = "largest" if rounded > high else "smallest"
    return f"{said}; beyond the {limit} {dtype}, so {high if rounded > high else low}"
