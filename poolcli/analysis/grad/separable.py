"""Formulas of 8-bit samples, apart: a number for each sample's value times one for each window, summed over windows.

All slopes but those of ranks are sums of such products: that of a standard deviation is x / (n std) - mean / (n std).
So the gradient is sums of windows' numbers over the windows of each sample (``adjoint.py``), whose cost hardly grows
with the windows. Samples of 8 bits have a table for what depends on them, and are near enough to each other for the
differences of products to be exact to some 2^-44; for others ``windowed.py`` takes the differences first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.boxes import cut_windows
from ...core.reducers import REDUCERS
from ...core.windows import Windows
from ...drivers.kernel_task import KernelTask
from .. import adjoint
from ..run_parts import run_parts
from .gradient_task import Floats, GradientTask, run_task

ROWS_SAMPLES = 1 << 19
"""Samples of a band: a band's ends are pooled twice, and its float64 arrays are 4 MB each."""
_MAX_POWER = 40.0
"""Exponents up to which powers of bytes, and of ``eps``, are far from the ends of float64."""
_MAX_GROWTH = 600.0
"""Of r x in an exponential: e^-600 is a normal float64."""
Products = list[tuple[Floats, Floats]]
"""A number for each value that a sample can have, by its bits, and one for each window."""


def _list_values(dtype: np.dtype[Any]) -> Floats:
    """What each byte stands for."""
    found: Floats = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float64)
    return found


def _pool_band(work: KernelTask, reducer: str | None = None, array: NDArray[Any] | None = None) -> Floats:
    """The windows of a band pooled, by another reducer without parameters or of another array, as float64."""
    row = work.reducer if reducer is None else REDUCERS[reducer]
    parameters = work.parameters if reducer is None else (*row.presets, *(0.0 for _ in row.parameters))
    taken = work.array if array is None else array
    source = work.source if array is None else dtypes.check_dtype(taken.dtype)
    return run_task(replace(work, reducer=row, parameters=parameters, array=taken, source=source,
                            result=dtypes.FLOAT64))[0]


def _divide(a: Floats | float, b: Floats) -> Floats:
    """A quotient, 0 where the divisor is."""
    found: Floats = np.divide(a, b, out=np.zeros(b.shape), where=b != 0)
    return found


def _separate_variance(work: KernelTask, counts: Floats) -> Products | None:
    """2 (x - mean) / n."""
    values = _list_values(work.array.dtype)
    centre, shares = values.mean(), 2 / counts
    return [(values - centre, shares), (np.ones(256), (centre - _pool_band(work, "avg")) * shares)]


def _separate_deviation(work: KernelTask, counts: Floats) -> Products | None:
    """(x - mean) / (n std)."""
    values = _list_values(work.array.dtype)
    centre, shares = values.mean(), _divide(1.0, _pool_band(work) * counts)
    return [(values - centre, shares), (np.ones(256), (centre - _pool_band(work, "avg")) * shares)]


def _separate_softmax_mean(work: KernelTask, counts: Floats) -> Products | None:
    """e^(a x) (1 + a (x - y)) / sum e^(a x), a the first parameter."""
    alpha, values = work.parameters[0], _list_values(work.array.dtype)
    scaled, centre = alpha * values, values.mean()
    if scaled.max() - scaled.min() > _MAX_GROWTH:
        return None
    weights = np.exp(scaled - scaled.max())
    shares = 1 / _pool_band(work, "sum", _look_up(weights, work.array))
    return [(weights * (1 + alpha * (values - centre)), shares),
            (weights, alpha * (centre - _pool_band(work)) * shares)]


def _separate_log_mean_exp(work: KernelTask, counts: Floats) -> Products | None:
    """e^(r x) / sum e^(r x)."""
    scaled = work.parameters[0] * _list_values(work.array.dtype)
    if scaled.max() - scaled.min() > _MAX_GROWTH:
        return None
    weights = np.exp(scaled - scaled.max())
    return [(weights, 1 / _pool_band(work, "sum", _look_up(weights, work.array)))]


def _separate_norm(work: KernelTask, counts: Floats) -> Products | None:
    """sign(x) (|x| / y)^(p - 1)."""
    p, values = work.parameters[0], _list_values(work.array.dtype)
    if p > _MAX_POWER:
        return None
    sizes, norms = np.abs(values), _pool_band(work)
    powers = np.where(sizes > 0, np.sign(values) * np.where(sizes > 0, sizes, 1.0) ** (p - 1), 0.0)
    return [(powers, np.where(norms > 0, np.where(norms > 0, norms, 1.0) ** (1 - p), 0.0))]


def _separate_generalised_mean(work: KernelTask, counts: Floats) -> Products | None:
    """(x / y)^(p - 1) / n."""
    (p, eps), values = work.parameters[:2], _list_values(work.array.dtype)
    if abs(p) > _MAX_POWER:
        return None
    powers = np.where(values >= eps, np.maximum(values, eps) ** (p - 1), 0.0)
    return [(powers, _pool_band(work) ** (1 - p) / counts)]


def _separate_expected(work: KernelTask, counts: Floats) -> Products | None:
    """(2 x - y) / sum x."""
    shares = _divide(1.0, _pool_band(work, "sum"))
    return [(2 * _list_values(work.array.dtype), shares), (np.ones(256), -_pool_band(work) * shares)]


_SEPARATIONS: Mapping[str, Callable[[KernelTask, Floats], Products | None]] = {
    "variance": _separate_variance, "deviation": _separate_deviation, "softmax_mean": _separate_softmax_mean,
    "log_mean_exp": _separate_log_mean_exp, "norm": _separate_norm, "generalised_mean": _separate_generalised_mean,
    "expected": _separate_expected,
}
"""By the word of the reducer's row."""


def _look_up(table: Floats, array: NDArray[Any]) -> Floats:
    """A number for each sample of 8 bits."""
    found: Floats = table[array.view(np.uint8)]
    return found


@dataclass(frozen=True, eq=False)
class _SampleBand:
    """Rows of samples, with all windows that reach into them."""

    place: adjoint.Place
    windows: slice
    """Which windows along H."""
    work: KernelTask
    """Those windows, on the rows that they need."""
    counts: Floats
    """How many samples each of them has."""
    samples: NDArray[Any]
    """Of the whole array."""

    @classmethod
    def of(cls, work: KernelTask, along_h: adjoint.AxisAdjoint, place: adjoint.Place) -> _SampleBand | None:
        """That of a place; None where no window reaches it."""
        o, _, rows, _ = place
        reaching = along_h.sources[rows][along_h.weights[rows] > 0]
        if not reaching.size:
            return None
        windows = slice(int(reaching.min()), int(reaching.max()) + 1)
        d, h, w = work.windows
        first, count = (numbers[windows] for numbers in h.present)
        start, stop = int(first.min()), int((first + (count - 1) * h.step).max()) + 1
        axes = (d, cut_windows(h[windows], start, stop), w)
        part = replace(work, array=work.array[o : o + 1, :, start:stop], windows=axes)
        return cls(place, windows, part, _count_samples(axes), work.array)

    def add_to(self, found: Floats, products: Products, upstream: Floats,
               reached: Sequence[adjoint.AxisAdjoint]) -> None:
        """Add for each sample its own numbers times the sums over all windows that hold it."""
        o, _, rows, _ = self.place
        d, along_h, along_w = reached
        own = adjoint.AxisAdjoint(along_h.sources[rows] - self.windows.start, along_h.weights[rows])
        scaled = [(table, shares * upstream) for table, shares in products]
        target, samples = found[o : o + 1, :, rows], self.samples[o : o + 1, :, rows]
        for block in adjoint.split_places(target.shape):
            for table, values in scaled:
                sums = adjoint.sum_place(values, (d, own, along_w), block)
                target[block] += sums if (table == 1).all() else sums * _look_up(table, samples[block])


def _count_samples(windows: Sequence[Windows]) -> Floats:
    """How many samples each window has, shaped as a canonical result."""
    d, h, w = (one.present[1].astype(np.float64) for one in windows)
    found: Floats = (d[:, None, None, None] * h[:, None, None] * w[:, None])[None]
    return found


def separable_gradient(task: GradientTask) -> Floats | None:
    """The gradient of a picture's bytes, band by band; None of other samples, and where numbers would be too large."""
    work = task.work
    separate = _SEPARATIONS.get(work.reducer.derivative)
    few = work.array.dtype.itemsize == 1 and work.nodata is None and work.array.shape[1] == 1
    if separate is None or not few or len(work.windows[0]) != 1:
        return None
    found = np.zeros(work.array.shape)
    reached = [adjoint.window_adjoint(one) for one in work.windows]

    def fill_band(place: adjoint.Place) -> bool:
        band = _SampleBand.of(work, reached[1], place)
        if band is None:
            return True
        products = separate(band.work, band.counts)
        if products is None:
            return False
        band.add_to(found, products, task.upstream[place[0] : place[0] + 1, :, band.windows], reached)
        return True

    rows = max(1, ROWS_SAMPLES // max(1, work.array.shape[3] * work.array.shape[4]))
    bands = [(o, 0, slice(start, min(start + rows, work.array.shape[2])), slice(None))
             for o in range(len(work.array)) for start in range(0, work.array.shape[2], rows)]
    return found if all(run_parts(fill_band, bands)) else None
