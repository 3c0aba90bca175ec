"""Heat maps: a number becomes a colour whose lightness grows with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import PoolError

COLOURS = np.array([(8, 8, 28), (48, 16, 92), (106, 26, 110), (162, 44, 96), (210, 72, 66), (240, 118, 36),
                    (250, 172, 40), (246, 222, 104), (252, 252, 220)], np.float64)
"""Dark to light in about equal steps of lightness, so that it reads the same in grey and for the colour-blind."""
_LEVELS = 2041
"""More than the colours between two of these differ; looked up, 12 MP take 0.3 s and not 1."""
_LARGE = 1e307
"""Beyond it the ends are halved, lest their difference be infinite."""
MISSING = (96, 128, 128)
"""NaN: a colour that is none of the scale."""


def draw_heat(values: NDArray[Any], low: float | None = None, high: float | None = None) -> NDArray[np.uint8]:
    """(H, W) numbers as an (H, W, 3) picture; ``low`` is darkest and ``high`` lightest, by default their extremes.

    All equal gives the darkest colour; NaN a grey green.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2:
        raise PoolError(f"a heat map shows two axes, not {values.ndim}")
    finite = values[np.isfinite(values)]
    low = float(finite.min(initial=np.inf)) if low is None else low
    high = float(finite.max(initial=-np.inf)) if high is None else high
    low, high = np.nan_to_num([low, high])
    if max(abs(low), abs(high)) > _LARGE:
        values, low, high = values / 2, low / 2, high / 2
    span = high - low
    with np.errstate(over="ignore"):  # far beyond the ends is at the end
        share = np.clip((values - low) / span, 0, 1) if span > 0 else np.where(np.isnan(values), np.nan, 0.0)
    missing = np.isnan(share)
    share[missing] = 0
    coloured: NDArray[np.uint8] = _colour_scale()[np.rint(share * (_LEVELS - 1)).astype(np.int16)]
    coloured[missing] = MISSING
    return coloured


def _colour_scale() -> NDArray[np.uint8]:
    """LEVELS colours, dark to light."""
    places, steps = np.linspace(0, len(COLOURS) - 1, _LEVELS), np.arange(len(COLOURS))
    mixed = np.stack([np.interp(places, steps, channel) for channel in COLOURS.T], axis=-1)
    colours: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return colours


def enlarge(picture: NDArray[Any], least: int = 256) -> NDArray[Any]:
    """A small picture with every pixel as a block, so that its longer side has at least so many pixels."""
    times = max(1, -(-least // max(picture.shape[:2])))
    return picture.repeat(times, axis=0).repeat(times, axis=1)
