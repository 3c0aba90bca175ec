"""From float64 to any dtype, as ``pool`` rounds: once, saturating."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..errors import PoolError

Array = NDArray[Any]


def round_half_up(values: Array) -> Array:
    """floor(v + 1/2), without the sum that rounds 0.49999999999999994 up."""
    floor = np.floor(values)
    return floor + (values - floor >= 0.5)


ROUNDINGS: Mapping[str, Callable[[Array], Array]] = {"half-up": round_half_up, "half-even": np.rint, "floor": np.floor,
                                                     "ceil": np.ceil}
"""By the names of ``dtypes.ROUNDINGS``."""


def round_to(values: NDArray[np.float64], dtype: dtypes.Type, how: str = "half-up") -> Array:
    """float64 as another dtype; integers saturate. PoolError for a NaN where there is no place for it."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype, copy=False)
    if np.isnan(values).any():
        raise PoolError(f"a value is NaN, and {dtype} has no place for it; a float dtype would work")
    least, most = (0, 1) if dtype == dtypes.BOOL else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    whole = ROUNDINGS[how](np.clip(values, least, most))
    beyond = whole >= most  # 2^63 - 1 and 2^64 - 1 are no doubles
    result = np.where(beyond, least, whole).astype(dtype)
    result[beyond] = most
    return result
