"""Makes the README's picture from a sample: python docs/make_pictures.py [FOLDER]"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import poolcli

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "sample_images" / "image.png"
SIZE = 4
CROP = (8, 72, 280, 256)
"""Left, top, right, bottom of what is shown: all multiples of SIZE, so that windows stay whole."""
PANELS = {None: "the picture", "max": "max: lights and cables stay", "min": "min: dark lines stay",
          "avg": "avg: both fade", "median": "median: both go", "subsample": "subsample: left to chance"}
COLUMNS, GAP, LABEL = 3, 8, 22
GREY = (118, 125, 135, 255)
"""Legible on a white page and on a black one; between the panels the picture is transparent."""


def panel(picture: NDArray[Any], reducer: str | None) -> NDArray[Any]:
    """The cropped picture, pooled; each pixel of the result covers what it was made from."""
    left, top, right, bottom = CROP
    part = picture[top:bottom, left:right]
    if reducer is None:
        return part
    small = poolcli.pool(part, reducer, size=SIZE, dtype=part.dtype)
    return small.repeat(SIZE, axis=0).repeat(SIZE, axis=1)


def before_after() -> Image.Image:
    """The picture and what 4x4 windows make of it, with a line below each."""
    picture = np.asarray(Image.open(SAMPLE))
    width, height = CROP[2] - CROP[0], CROP[3] - CROP[1]
    rows = -(-len(PANELS) // COLUMNS)
    page = Image.new("RGBA", (COLUMNS * (width + GAP) - GAP, rows * (height + LABEL + GAP) - GAP))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(14)
    for i, (reducer, label) in enumerate(PANELS.items()):
        x, y = i % COLUMNS * (width + GAP), i // COLUMNS * (height + LABEL + GAP)
        page.paste(Image.fromarray(panel(picture, reducer)), (x, y))
        pen.text((x + 2, y + height + 3), label, GREY, font)
    return page


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images"
    before_after().save(folder / "before_after.png", optimize=True)
