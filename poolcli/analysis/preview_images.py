"""What people look at: two axes of an array of any layout, its channels as colours, its values as 8 bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.axes import Axes
from .compare.upsampling import SourceWindows

Array = NDArray[Any]

_STRIP = 24
"""Pixels that a signal of one axis is high."""


@dataclass(frozen=True)
class Region:
    """Which part is shown: of each axis of the array the samples from and to."""

    axes: Axes
    stretches: tuple[tuple[int, int], ...]

    def words(self, shape: Sequence[int]) -> str:
        """What is shown, as far as it is not everything."""
        shown = self.axes.pooled[-2:]
        said = [f"{self.axes.letters[i]} {start}:{stop}" for i, (start, stop) in enumerate(self.stretches)
                if (start, stop) != (0, shape[i]) and i in shown]
        said += [f"{self.axes.letters[i]} {start} of {shape[i]}" for i, (start, stop) in enumerate(self.stretches)
                 if i not in shown and self.axes.letters[i] != "C" and shape[i] > 1]
        return ", ".join(said)


def choose_region(shape: Sequence[int], axes: Axes, most: int) -> Region:
    """The middle of the last two pooled axes, at most so many samples of each, and all channels.

    Of other pooled axes the middle sample, of N the first.
    """
    stretches = []
    for i, (letter, n) in enumerate(zip(axes.letters, shape, strict=True)):
        if letter == "C":
            stretches.append((0, n))
        elif i in axes.pooled[-2:]:
            start = max(0, (n - most) // 2)
            stretches.append((start, min(n, start + most)))
        else:
            first = 0 if letter == "N" else n // 2
            stretches.append((first, min(n, first + 1)))
    return Region(axes, tuple(stretches))


def read_region(array: Array, shown: Region, places: Sequence[SourceWindows] | None = None) -> Array:
    """The region as (h, w, channels); with ``places``, that of an array which is laid over the region's own."""
    for i, (start, stop) in enumerate(shown.stretches):
        wanted: Any = np.arange(start, stop)
        if places is not None and i in shown.axes.pooled:
            wanted = places[shown.axes.pooled.index(i)].low[start:stop]
        array = array.take(wanted, i)
    channel = shown.axes.letters.find("C")
    last = [*shown.axes.pooled[-2:], *([channel] if channel >= 0 else [])]
    array = array.transpose([i for i in range(array.ndim) if i not in last] + last)
    channels = array.shape[-1] if channel >= 0 else 1
    width = array.shape[len(array.shape) - (2 if channel >= 0 else 1)]
    return array.reshape(-1, width, channels)


def to_bytes(picture: Array, low: float, high: float, alpha: bool) -> NDArray[np.uint8]:
    """(h, w, c) numbers as (h, w, 1, 3 or 4) bytes: ``low`` is 0 and ``high`` 255, NaN 0.

    Three channels are colours; with ``alpha`` the second or fourth of two or four is how solid a pixel is. Of any other
    number of channels the first is shown.
    """
    channels = picture.shape[2]
    if channels == 2 and alpha:
        picture = picture[:, :, [0, 0, 0, 1]]
    elif channels != 3 and not (channels == 4 and alpha):
        picture = picture[:, :, :1]
    span = high - low
    with np.errstate(invalid="ignore", over="ignore"):
        share = (picture.astype(np.float64) - low) * (255 / span if span > 0 else 0)
    bytes_: NDArray[np.uint8] = np.rint(np.nan_to_num(share, nan=0, posinf=255, neginf=0).clip(0, 255)).astype(np.uint8)
    return bytes_.repeat(_STRIP, axis=0) if len(bytes_) == 1 else bytes_
