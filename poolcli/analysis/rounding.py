"""From float64 to any dtype, as ``pool`` rounds: once, saturating."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..errors import PoolError


def round_to(values: NDArray[np.float64], dtype: dtypes.Type, how: str = "half-up") -> NDArray[Any]:
    """Round doubles to another dtype; integers saturate. PoolError for a NaN that the dtype cannot represent."""
    if dtype.kind == "f":
        with np.errstate(over="ignore"):
            return values.astype(dtype, copy=False)
    if np.isnan(values).any():
        raise PoolError(f"a value is NaN, and {dtype} has no place for it; a float dtype would work")
    result = np.empty(values.shape, dtype)
    dtypes.copy_saturated(dtypes.round_doubles(values, dtypes.ROUNDINGS[how]), result, dtype)
    return result
