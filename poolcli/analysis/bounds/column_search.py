"""Extremes of intervals in columns by a compiled kernel (``kernels/interval_columns.py``), where that pays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import jit
from ...drivers import policy
from ...jit.kernel_spec import Part
from ...kernels import interval_columns as kernel
from ..sort_rows import list_exchanges

Array = NDArray[Any]
_NANOSECONDS = {"variance": 20.0, "softmax_mean": 130.0, "expected": 60.0}
"""What NumPy takes for a sample of a window, about."""
_CORES: Mapping[str, tuple[Part, Part]] = {
    "variance": (kernel.least_variance, kernel.largest_variance),
    "softmax_mean": ((kernel.make_descent, kernel.weigh_exponentially),
                     (kernel.make_ascent, kernel.weigh_exponentially)),
    "expected": ((kernel.make_descent, kernel.weigh_by_value), (kernel.make_ascent, kernel.weigh_by_value)),
}
"""How the least and the largest are searched."""
_MOST_SAMPLES = 64
"""Of a window: what is made of more leaves the second cache."""


class ColumnSearch:
    """The search for the extremes of one kind, for samples of one dtype of at most 32 bits."""

    def __init__(self, kind: str, low: Array) -> None:
        self.of_least = np.dtype(np.float64) if low.dtype.kind == "f" else low.dtype  # the reals between floats count
        samples = (low.dtype.name, low.dtype.name, self.of_least.name, low.dtype.name)
        arguments = (*samples, "uint8", "int64", "int64", "float64", "float64")
        self.spec = jit.KernelSpec(kernel.make_kernel, _CORES[kind], arguments)
        self.uncompiled = policy.UncompiledKernel(self.spec, 1e-6 * _NANOSECONDS[kind] * low.size)

    def pays(self, low: Array) -> bool:
        """Whether the kernel is to do it; NumPy does small work while it is not compiled."""
        fits = low.dtype.kind in "iuf" and low.dtype.itemsize <= 4 and 1 < len(low) <= _MOST_SAMPLES
        return fits and not self.uncompiled.pays()

    def by_numpy(self) -> AbstractContextManager[None]:
        """What NumPy does meanwhile counts."""
        return self.uncompiled.measure()

    def run(self, low: Array, high: Array, parameters: Sequence[float]) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Return the samples of the least and of the largest, and of which columns the largest may be larger."""
        n, m = low.shape
        exchanges = np.array(list_exchanges(n), np.int64).reshape(-1)
        geometry = np.array([n, m, len(exchanges) // 2], np.int64)
        least, most = np.empty((n, m), self.of_least), np.empty((n, m), low.dtype)
        nested, room = np.zeros(m, np.uint8), np.empty((kernel.ROWS + 2 * n) * kernel.LANES)
        jit.load(self.spec)((np.ascontiguousarray(low), np.ascontiguousarray(high), least, most, nested, exchanges,
                             geometry, np.array(parameters, np.float64), room))
        return least, most, nested.view(np.bool_)

