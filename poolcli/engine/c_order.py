"""Bring an array into C order and into a kernel's dtype, and 16-bit floats back: NumPy, or a kernel where that pays.

NumPy copies a transposed array sample by sample, 3 to 6 ns each (2048 x 2048 of float32 in 24 ms), and converts 16-bit
floats one by one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..drivers import policy
from ..kernels import rearrange as kernel

Array = NDArray[Any]

_LEAST = 1 << 12
"""Samples of an array below which NumPy is as quick."""
_NANOSECONDS = 3.0
"""About what NumPy takes for a sample."""


def in_c_order(view: Array, dtype: dtypes.Type) -> Array:
    """Return the array in C order and in a kernel's dtype; the array itself where it is that already."""
    if view.flags.c_contiguous and view.dtype == dtype:
        return view
    halves = view.dtype == dtypes.FLOAT16 and dtype == np.float32
    plain = not (halves or view.dtype == dtype) or not view.dtype.isnative or not view.flags.aligned
    if not plain and not halves and (merged := _merge_pixels(view)) is not view and merged.flags.aligned:
        return in_c_order(merged, merged.dtype).view(dtype)
    if plain or view.size < _LEAST or not (halves or _is_scattered(view)):
        return np.ascontiguousarray(view, dtype)
    read = np.dtype(f"u{view.itemsize}")
    convert = kernel.single_of_half if halves else kernel.itself
    return _copy(view, read, np.empty(view.shape, dtype), dtype if halves else read, convert)


def as_result(values: Array, dtype: dtypes.Type) -> Array:
    """Return what a kernel wrote, as the result's dtype; 16-bit floats are rounded once, from doubles."""
    if dtype != dtypes.FLOAT16 or values.dtype != np.float64 or values.size < _LEAST:
        return dtypes.as_result(values, dtype)
    result = np.empty(values.shape, dtypes.FLOAT16)
    return _copy(values, values.dtype, result, np.dtype(np.uint16), kernel.half_of_double)


def _is_scattered(view: Array) -> bool:
    """Whether the array is densest along another axis than the last, pixels of three samples aside."""
    axes = [(abs(step), n) for step, n in zip(view.strides, view.shape, strict=True) if n > 1]
    if len(axes) > 2 and axes[-1] == (view.itemsize, 3):
        axes.pop()
    return bool(axes) and axes[-1][0] > min(axes)[0]


def _merge_pixels(view: Array) -> Array:
    """Return the array with pixels of 2, 4 or 8 bytes as one number each, which transposes as fast as one channel."""
    size = view.shape[-1] * view.itemsize
    if size == view.itemsize or size not in (2, 4, 8) or view.strides[-1] != view.itemsize:
        return view
    return view if any(step % size for step in view.strides[:-1]) else view.view(f"u{size}")


def _copy(view: Array, read: dtypes.Type, result: Array, write: dtypes.Type, convert: Any) -> Array:
    """Copy an array into ``result``; both are taken for what their bits are read and written as."""
    spec = jit.KernelSpec(kernel.make_kernel, (convert,), (read.name, write.name, "int64"))
    uncompiled = policy.UncompiledKernel(spec, 1e-6 * _NANOSECONDS * view.size)
    if uncompiled.pays():
        with uncompiled.measure(), np.errstate(over="ignore"):
            np.copyto(result, view, casting="same_kind")
        return result
    source, geometry = _span_of(view.reshape(-1) if view.flags.c_contiguous else view, read)
    jit.load(spec)((source, result.view(write), geometry))
    return result


def _span_of(view: Array, read: dtypes.Type) -> tuple[Array, NDArray[np.int64]]:
    """Return the memory that an array lies in, flat, and the copy's geometry (``kernels/rearrange.py``)."""
    shape = [n for n in view.shape if n > 1] or [1]
    apart = [step // view.itemsize for step, n in zip(view.strides, view.shape, strict=True) if n > 1] or [1]
    to = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    origin = -sum(min(0, (n - 1) * step) for n, step in zip(shape, apart, strict=True))
    length = 1 + sum((n - 1) * abs(step) for n, step in zip(shape, apart, strict=True))
    corner = view[tuple(slice(None, None, -1) if step < 0 else slice(None) for step in view.strides)]
    source = np.lib.stride_tricks.as_strided(corner.view(), (length,), (view.itemsize,), writeable=False).view(read)
    axes = list(zip(shape, apart, to, strict=True))
    last = axes.pop()
    dense = axes.pop(min(range(len(axes)), key=lambda i: abs(axes[i][1]))) if axes else (1, 0, 0)
    axes = [(1, 0, 0)] * (kernel.DENSE - len(axes)) + axes + [dense, last]
    return source, np.array([*(number for column in zip(*axes, strict=True) for number in column), origin], np.int64)
