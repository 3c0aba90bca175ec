"""Back to full resolution: each sample gets the value of a window, or a mix of two on each axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.windows import Windows, as_array

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class SourceWindows:
    """Which windows an axis' samples are made from: ``weight`` of ``high``, the rest of ``low``; None: low alone."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    weight: NDArray[np.float64] | None

    def __getitem__(self, part: slice) -> SourceWindows:
        """Those of some samples."""
        return SourceWindows(self.low[part], self.high[part], None if self.weight is None else self.weight[part])


def window_centres(windows: Windows) -> NDArray[np.float64]:
    """The middle of each window on its axis, between samples too: 2 samples from 0 have theirs at 0.5.

    Positions in the padding count, so that a clipped window stays where it was asked for.
    """
    middles: NDArray[np.float64] = (as_array(windows.starts) + as_array(windows.stops) - 1) / 2
    return middles


def map_nearest(windows: Windows) -> SourceWindows:
    """The window whose middle is nearest; of two equally near the lower one. Whole blocks where size is stride."""
    middles = window_centres(windows)
    chosen = np.searchsorted((middles[1:] + middles[:-1]) / 2, np.arange(windows.length), side="left")
    return SourceWindows(chosen, chosen, None)


def map_bilinear(windows: Windows) -> SourceWindows:
    """A straight line from middle to middle; beyond the first and the last middle their values."""
    last = len(windows) - 1
    place = np.interp(np.arange(windows.length), window_centres(windows), np.arange(len(windows)))
    low = np.minimum(place.astype(np.int64), last)
    return SourceWindows(low, np.minimum(low + 1, last), place - low)


UPSAMPLINGS: Mapping[str, Callable[[Windows], SourceWindows]] = {"nearest": map_nearest, "bilinear": map_bilinear}
"""How a small picture is laid over the large one."""


def upsample(pooled: Array, places: Sequence[SourceWindows]) -> Array:
    """``pooled`` with its first axes as long as their ``places``: (h, w, c) -> (H, W, c); float64 where mixed."""
    for axis in range(len(places)):
        one = places[axis]
        low = pooled.take(one.low, axis)
        if one.weight is not None:
            shape = [-1 if i == axis else 1 for i in range(pooled.ndim)]
            high = pooled.take(one.high, axis).astype(np.float64, copy=False)
            # 0 * inf is NaN: a sample on a middle has no part of the next window
            low = np.where(one.weight.reshape(shape) == 0, low, low + (high - low) * one.weight.reshape(shape))
        pooled = low
    return pooled
