"""Makes the pictures of the README and of pages in docs from samples: python docs/make_pictures.py [FOLDER]"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import poolcli
from poolcli.analysis.grad.grad import flatten_gradient
from poolcli.drawing import heat

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "sample_images" / "image.png"
SIZE = 4
CROP = (8, 72, 280, 256)
"""Left, top, right, bottom of what is shown: all multiples of SIZE, so that windows stay whole."""
PANELS = {None: "the picture", "max": "max: lights and cables stay", "min": "min: dark lines stay",
          "avg": "avg: both fade", "median": "median: both go", "subsample": "subsample: left to chance"}
COLUMNS, GAP, LABEL = 3, 8, 22
DETAIL, ZOOM = (80, 88, 148, 134), 4
"""What is shown of the picture where single pixels matter, and how large each is drawn."""
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
    """The picture and what 4x4 windows make of it."""
    picture = np.asarray(Image.open(SAMPLE))
    return page([(panel(picture, reducer), label) for reducer, label in PANELS.items()], COLUMNS)


def undone() -> Image.Image:
    """A detail, its 2x2 maxima, and three ways back to the old size."""
    left, top, right, bottom = DETAIL
    part = np.asarray(Image.open(SAMPLE))[top:bottom, left:right]
    values, indices = poolcli.pool(part, "max", size=2, return_indices=True)
    means = poolcli.pool(part, "avg", size=3, stride=2, padding=1, dtype="uint8")
    overlapping = {"size": 3, "stride": 2, "padding": 1, "output_shape": part.shape}
    panels = [(part, "a detail"), (values.repeat(2, axis=0).repeat(2, axis=1), "its 2x2 maxima"),
              (poolcli.unpool(values, indices), "unpool --indices"),
              (means.repeat(2, axis=0).repeat(2, axis=1), "3x3 means, stride 2"),
              (poolcli.unpool(means, spread="nearest", **overlapping), "unpool --spread nearest"),
              (poolcli.unpool(means, spread="average", dtype="uint8", **overlapping), "unpool --spread average")]
    return page([(one.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1), label) for one, label in panels], COLUMNS)


def blamed() -> Image.Image:
    """A detail, and where 3x3 windows at stride 2 send a gradient of ones, by six reducers."""
    left, top, right, bottom = DETAIL
    part = np.asarray(Image.open(SAMPLE))[top:bottom, left:right]
    maps = [(heat.draw_heat(flatten_gradient(poolcli.grad(part, reducer, size=3, stride=2))), f"grad {reducer}")
            for reducer in ("max", "avg", "blur", "median", "soft")]
    return page([(one.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1), label) for one, label in [(part, "a detail"), *maps]],
                COLUMNS)


def turned() -> Image.Image:
    """Pooled as it is, and turned, pooled and turned back: by subsample alone, and over the four quarter turns."""
    left, top, right, bottom = CROP
    part = np.asarray(Image.open(SAMPLE))[top:bottom, left:right]
    plain = partial(poolcli.pool, reducer="subsample", size=5)

    def group(x: NDArray[Any]) -> NDArray[Any]:
        return poolcli.group(x, "subsample", over="rot4", by="median", check=False, size=5, dtype="uint8").values

    panels = []
    for name, pool in (("subsample", plain), ("over rot4", group)):
        once, again = pool(part), np.rot90(pool(np.rot90(part)), -1)
        off = np.abs(once.astype(int) - again).astype(np.uint8)
        panels += [(once, f"{name}"), (again, "turned, pooled, turned back"), (off, "the difference")]
    return page([(one.repeat(5, axis=0).repeat(5, axis=1), label) for one, label in panels], COLUMNS)


def page(panels: list[tuple[NDArray[Any], str]], columns: int) -> Image.Image:
    """Pictures of one size, a line below each."""
    height, width = panels[0][0].shape[:2]
    rows = -(-len(panels) // columns)
    made = Image.new("RGBA", (columns * (width + GAP) - GAP, rows * (height + LABEL + GAP) - GAP))
    pen, font = ImageDraw.Draw(made), ImageFont.load_default(14)
    for i, (picture, label) in enumerate(panels):
        x, y = i % columns * (width + GAP), i // columns * (height + LABEL + GAP)
        made.paste(Image.fromarray(picture), (x, y))
        pen.text((x + 2, y + height + 3), label, GREY, font)
    return made


def bounds_widths() -> Image.Image:
    """How far the standard deviation of 8x8 samples can move when each moves by 2: dark is little."""
    low, high = poolcli.interval(np.asarray(Image.open(SAMPLE)), 2)
    widths = poolcli.bounds(low, high, "std", size=8).widths.max(axis=2)
    return Image.fromarray(heat.enlarge(heat.draw_heat(widths, 0.0), 480))


def compared() -> Image.Image:
    """The sheet of ``poolcli compare -k 4 --tile 240``."""
    return Image.fromarray(poolcli.compare(np.asarray(Image.open(SAMPLE)), size=4, tile=240).sheet())


def shifted() -> Image.Image:
    """The sheet of ``poolcli shift --crop 320 max avg subsample``."""
    return Image.fromarray(poolcli.shift(np.asarray(Image.open(SAMPLE)), ["max", "avg", "subsample"], crop=320).sheet())


PICTURES = {"before_after": before_after, "undone": undone, "blamed": blamed, "bounds_widths": bounds_widths,
            "compared": compared, "turned": turned, "shifted": shifted}


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "images"
    for name, draw in PICTURES.items():
        draw().save(folder / f"{name}.png", optimize=True)
