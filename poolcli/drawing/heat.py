"""Heat maps: a number becomes a colour whose lightness grows with it."""

from __future__ import annotations

from collections.abc import Callable
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
    low, high = find_ends(values, low, high)
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


def find_ends(values: NDArray[Any], low: float | None = None, high: float | None = None) -> tuple[float, float]:
    """The numbers of the darkest and the lightest colour: as given, or the extremes of the finite values."""
    finite = values[np.isfinite(values)]
    low = float(finite.min(initial=np.inf)) if low is None else low
    high = float(finite.max(initial=-np.inf)) if high is None else high
    low, high = np.nan_to_num([low, high])
    return float(low), float(high)


def draw_labelled_heat(values: NDArray[Any], label: str, low: float | None = None,
                       least: int = 256) -> NDArray[np.uint8]:
    """A heat map, enlarged to at least so many pixels, above its scale: a bar from dark to light with the numbers of
    both ends, and what they are with their unit."""
    values = np.asarray(values, np.float64)
    return _add_scale(enlarge(draw_heat(values, low), least), *find_ends(values, low), label)


def _add_scale(picture: NDArray[np.uint8], low: float, high: float, label: str) -> NDArray[np.uint8]:
    """A picture above a bar of all colours, the numbers of its ends and a label, in letters that suit its size."""
    from PIL import Image, ImageDraw, ImageFont

    from .sheet import GAP, INK, LETTERS, PAGE

    height, width = picture.shape[:2]
    size = max(LETTERS, width // 60)
    font, line = ImageFont.load_default(size), size + size // 2
    ends = f"{low:.4g}", f"{high:.4g}"
    lines = _wrap_words(label, lambda text: font.getlength(text) <= max(width, _MIN_LABEL))
    widest = max(font.getlength(" ".join(ends)) + GAP, *(font.getlength(text) for text in lines))
    page = Image.new("RGB", (max(width, int(widest) + 2), height + GAP + line * (2 + len(lines))), PAGE)
    page.paste(Image.fromarray(picture), (0, 0))
    bar = _colour_scale()[np.linspace(0, _LEVELS - 1, page.width).astype(int)]
    page.paste(Image.fromarray(np.broadcast_to(bar, (size, *bar.shape)).copy()), (0, height + GAP))
    pen, top = ImageDraw.Draw(page), height + GAP + line
    pen.text((0, top), ends[0], INK, font)
    pen.text((page.width - font.getlength(ends[1]) - 1, top), ends[1], INK, font)
    for i, text in enumerate(lines, 1):
        pen.text((0, top + i * line), text, INK, font)
    return np.asarray(page)


_MIN_LABEL = 240
"""Pixels that a line of a label may take, however narrow the picture is."""


def _wrap_words(text: str, fits: Callable[[str], bool]) -> list[str]:
    """A text in lines that fit, broken between words."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and fits(longer):
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


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
