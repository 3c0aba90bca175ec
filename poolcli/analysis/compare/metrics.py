"""What a pooled picture keeps of a picture, in numbers. Small formulas in plain NumPy, over blocks of rows.

A block is a float64 array (rows, ..., channels): its first ``axes`` axes are pooled, the last is kept. NaN is a sample
that is missing, and whatever depends on it is left out of the means.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]

WINDOW = 7
"""Samples of a window of SSIM, along each axis."""
_K1, _K2 = 0.01, 0.03
"""Wang et al. 2004: C1 = (K1 R)^2 and C2 = (K2 R)^2 keep the quotients finite."""
BLOCK = 1 << 17
"""Samples of a block, a megabyte: the dozen temporaries of SSIM stay in the second cache."""
LEAST_ROWS = 24
"""Rows of a block at least, lest most of the work be on the six that it shares with the one before."""


@dataclass
class RunningMean:
    """A mean that grows block by block, NaN left out; and the largest value."""

    total: float = 0.0
    count: int = 0
    largest: float = 0.0

    def add(self, values: Floats) -> None:
        """More values, none below 0."""
        total, count = float(values.sum()), values.size
        if not math.isfinite(total):
            there = np.isfinite(values)
            count = int(there.sum())
            values = values[there]
            total = float(values.sum())
        self.total += total
        self.count += count
        self.largest = max(self.largest, float(values.max(initial=0.0)))

    def add_sum(self, total: float, count: int, largest: float) -> None:
        """So many more values, by their sum and the largest of them."""
        self.total += float(total)
        self.count += count
        self.largest = max(self.largest, float(largest))

    @property
    def value(self) -> float | None:
        """The mean, None of nothing."""
        return self.total / self.count if self.count else None


def split_row_blocks(shape: Sequence[int]) -> Iterator[tuple[int, int]]:
    """A plane (rows, ..., channels) in stretches of rows, from and to."""
    rows = max(LEAST_ROWS, BLOCK // max(1, math.prod(shape[1:])))
    for start in range(0, shape[0], rows):
        yield start, min(start + rows, shape[0])


def compute_psnr(error: float | None, span: float) -> float | None:
    """The peak signal-to-noise ratio in dB, 10 log10(span^2 / error), of a mean squared error; inf where it is 0."""
    if error is None or (error > 0 and span == 0):
        return None
    return math.inf if error == 0 else 20 * math.log10(span) - 10 * math.log10(error)


def _window_means(values: Floats, axes: int) -> Floats:
    """The mean of every complete window of WINDOW samples along each of the first axes, equally weighted.

    Sums of 1, 2 and 4 samples make one of 7, so that 4 additions do for an axis, and a NaN stays in its windows.
    """
    for axis in range(axes):
        n = values.shape[axis] - WINDOW + 1
        two = _slice_axis(values, axis, 0, n + 5) + _slice_axis(values, axis, 1, n + 5)
        four = _slice_axis(two, axis, 0, n + 2) + _slice_axis(two, axis, 2, n + 2)
        values = _slice_axis(four, axis, 0, n) + _slice_axis(two, axis, 4, n) + _slice_axis(values, axis, 6, n)
    values *= 1 / WINDOW**axes
    return values


def _slice_axis(values: Floats, axis: int, start: int, count: int) -> Floats:
    """So many samples along an axis."""
    return values[(slice(None),) * axis + (slice(start, start + count),)]


def choose_constants(span: float) -> tuple[float, float]:
    """C1 and C2 of SSIM."""
    return (_K1 * span) ** 2, (_K2 * span) ** 2


def compute_ssim(x: Floats, y: Floats, span: float, axes: int, offset: float = 0.0) -> Floats:
    """The structural similarity of each complete window: 1 is the same, 0 nothing in common.

    SSIM = (2 mx my + C1) (2 cxy + C2) / ((mx^2 + my^2 + C1) (vx + vy + C2)), with means, population variances and the
    covariance of windows of 7 samples along each axis, equally weighted. Z. Wang, A. C. Bovik, H. R. Sheikh, E. P.
    Simoncelli, "Image quality assessment", IEEE Trans. Image Processing 13(4), 2004; K1 = 0.01, K2 = 0.03. ``offset``
    was taken from x and y: variances of large numbers that are close together would drown in rounding.
    """
    c1, c2 = choose_constants(span)
    mx, my = _window_means(x, axes), _window_means(y, axes)
    power = _window_means(x * x + y * y, axes) - mx * mx - my * my
    shared = _window_means(x * y, axes) - mx * my
    mx, my = mx + offset, my + offset
    found: Floats = ((2 * mx * my + c1) * (2 * shared + c2)) / ((mx * mx + my * my + c1) * (power + c2))
    return found


def second_differences(values: Floats, axes: int) -> Floats:
    """|second differences along every axis, one after another|: of two axes |[1 -2 1; -2 4 -2; 1 -2 1] * x|."""
    for axis in range(axes):
        values = np.diff(values, 2, axis)
    return np.abs(values)


def estimate_noise_variance(rough: float | None, axes: int) -> float | None:
    """The variance of Gaussian noise whose mean ``second_differences`` this is: (sqrt(pi / 2) rough / sqrt(6)^axes)^2.

    J. Immerkaer, "Fast noise variance estimation", Computer Vision and Image Understanding 64(2), 1996. Slopes give
    nothing; fine texture and edges count as noise, so that it is too large where there is much of them.
    """
    return None if rough is None else math.pi / 2 * (rough / 6 ** (axes / 2)) * (rough / 6 ** (axes / 2))
