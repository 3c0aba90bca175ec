"""Contact sheets: pictures side by side, a line of text below each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

GAP, _LABEL, _MARGIN, LETTERS = 10, 18, 10, 13
PAGE, INK = (250, 250, 248), (40, 44, 52)


def _to_rgb(picture: NDArray[Any]) -> NDArray[np.uint8]:
    """A uint8 picture of 1, 3 or 4 channels, or two axes, as RGB; transparency is laid on the page's colour."""
    picture = np.asarray(picture, np.uint8)
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.shape[2] == 4:
        alpha = picture[:, :, 3:].astype(np.float64) / 255
        picture = np.rint(picture[:, :, :3] * alpha + np.array(PAGE) * (1 - alpha)).astype(np.uint8)
    return np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture[:, :, :3]


def draw_sheet(tiles: Sequence[tuple[NDArray[Any], str]], columns: int | None = None) -> NDArray[np.uint8]:
    """(picture, label) pairs as one (H, W, 3) picture; by default about as many columns as rows.

    A tile is as wide as its picture or its label, whichever is wider; all tiles get the same cell.
    """
    pictures = [_to_rgb(picture) for picture, _ in tiles]
    labels = [label for _, label in tiles]
    columns = columns or int(np.ceil(np.sqrt(len(tiles))))
    font = ImageFont.load_default(LETTERS)
    width = max(*(p.shape[1] for p in pictures), *(int(font.getlength(label)) + 2 for label in labels), 1)
    height = max(p.shape[0] for p in pictures) + _LABEL
    rows = -(-len(tiles) // columns)
    extent = (2 * _MARGIN + columns * (width + GAP) - GAP, 2 * _MARGIN + rows * (height + GAP) - GAP)
    page = Image.new("RGB", extent, PAGE)
    pen = ImageDraw.Draw(page)
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        x, y = _MARGIN + i % columns * (width + GAP), _MARGIN + i // columns * (height + GAP)
        page.paste(Image.fromarray(picture), (x, y))
        pen.text((x, y + picture.shape[0] + 2), label, INK, font)
    return np.asarray(page)


def shrink(picture: NDArray[Any], width: int) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) of exactly this width or, if it is higher than wide, this height at most.

    Each pixel is the mean of those that it covers; small pictures are enlarged.
    """
    made = Image.fromarray(_to_rgb(picture))
    scale = min(width / made.width, width / made.height)
    sides = max(1, round(made.width * scale)), max(1, round(made.height * scale))
    return np.asarray(made.resize(sides, Image.Resampling.BOX))
