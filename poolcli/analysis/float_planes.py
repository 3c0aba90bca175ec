"""An array as formulas take it: planes of pooled axes, in floats, what is missing as NaN."""

from __future__ import annotations

from dataclasses import dataclass
from math import frexp, inf, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import Axes
from .compare import metrics

Array = NDArray[Any]

_USUAL = 200
"""Exponents of two within which a fourth power is a normal float64, as SSIM needs."""


@dataclass(frozen=True, eq=False)
class FloatPlanes:
    """The canonical array (outer, D, H, W, inner) of ``axes`` pooled axes."""

    canonical: Array
    axes: int
    nodata: int | float | None = None
    offset: float = 0.0
    """Taken from every sample: formulas that need differences alone are exacter near 0."""
    exponent: int = 0
    """Samples are divided by two to this power, so that no square of theirs overflows or vanishes."""

    @classmethod
    def of(cls, array: Array, axes: Axes, nodata: int | float | None = None, offset: float = 0.0,
           exponent: int = 0) -> FloatPlanes:
        """An array by its layout."""
        return cls(axes.canonical(array), len(axes.pooled), nodata, offset if isfinite(offset) else 0.0, exponent)

    @property
    def count(self) -> int:
        """How many planes there are."""
        return len(self.canonical)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Of the pooled axes."""
        return self.canonical.shape[4 - self.axes:4]

    def plane(self, number: int) -> Array:
        """(pooled axes ..., inner)."""
        found: Array = self.canonical[(number, *(0,) * (3 - self.axes))]
        return found

    def floats(self, part: Array) -> NDArray[np.float64]:
        """A part of a plane as float64 of its own, NaN where a sample is missing or infinite."""
        made = part.astype(np.float64)
        if self.nodata is not None:
            made[part == self.nodata] = np.nan
        if part.dtype.kind == "f":
            made[np.isinf(made)] = np.nan
        if self.offset:
            made -= self.offset
        return np.ldexp(made, -self.exponent) if self.exponent else made


def choose_exponent(low: float, high: float) -> int:
    """The power of two to divide by where squares of squares leave float64; 0 of all usual numbers."""
    exponent = frexp(max(abs(low), abs(high)))[1]
    return exponent if abs(exponent) > _USUAL else 0


def sample_extent(subject: FloatPlanes) -> tuple[float, float]:
    """The least and the largest sample that is there; 0 and 0 of none."""
    low, high = inf, -inf
    for number in range(subject.count):
        plane = subject.plane(number)
        for start, stop in metrics.split_row_blocks(plane.shape):
            part = plane[start:stop]
            if part.dtype.kind == "f" or subject.nodata is not None:
                part = subject.floats(part)
                part = part[np.isfinite(part)]
            if part.size:
                low, high = min(low, float(part.min())), max(high, float(part.max()))
    return (low, high) if low <= high else (0.0, 0.0)


def dtype_span(dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """From where to where the numbers of a dtype of pictures go: bool, 8 and 16 bits; None of all others."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max)
    return None


def choose_data_range(dtype: np.dtype[Any], low: float, high: float) -> float:
    """What PSNR and SSIM take for the largest difference that there can be."""
    ends = dtype_span(dtype) or (low, high)
    return ends[1] - ends[0]
