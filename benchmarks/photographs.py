"""A folder of photographs that anybody can make again: light and shade, edges, texture and the grain of a sensor.

Drawn at twice the sampling and reduced, so that edges are as soft as a lens leaves them. Their spectrum falls off as
that of photographs does, so decoders, filters and entropy coders have the usual work.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

SIZES = ((1632, 1224), (1536, 2048), (2304, 1728), (2592, 1944), (1944, 2592), (2816, 2112), (3264, 2448), (4000, 3000))
"""2 to 12 megapixels, upright and not; the mean of 60 in turn is 5 megapixels."""
GRAIN = 2.5
"""Standard deviation of the noise, in levels: a good sensor at a low sensitivity."""


def scene(size: tuple[int, int], seed: int) -> Image.Image:
    """One photograph of (width, height): the same for a seed on any machine."""
    rng = np.random.default_rng(seed)
    picture = Image.merge("RGB", [_light(size, rng) for _ in range(3)])
    picture = Image.blend(picture, _things(size, rng), 0.5).filter(ImageFilter.GaussianBlur(0.8))
    return _grained(picture, rng)


def _light(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Clouds: each octave has twice the detail and half the contrast."""
    total = np.zeros((size[1] // 2, size[0] // 2), np.float32)
    for octave in range(8):
        grid = rng.normal(size=(3 << octave, 4 << octave)).astype(np.float32)
        total += np.asarray(Image.fromarray(grid).resize(total.shape[::-1], Image.Resampling.BICUBIC)) / 1.8**octave
    levels = np.clip(128 + 55 * total, 0, 255).astype(np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)


def _things(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """What has edges: leaves, windows, wires."""
    picture = Image.new("RGB", size, (120, 130, 140))
    draw = ImageDraw.Draw(picture)
    for radius in np.geomspace(max(size) / 3, 3, 900):
        x, y = rng.uniform(0, size[0]), rng.uniform(0, size[1])
        angles = np.sort(rng.uniform(0, 2 * np.pi, 5))
        corners = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]
        draw.polygon(corners, fill=tuple(int(v) for v in rng.integers(20, 235, 3)))
    return picture


def _grained(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture with the noise of a sensor, which is the same in all channels to a large part."""
    array = np.asarray(picture).astype(np.float32)
    array += rng.normal(0, GRAIN, (*array.shape[:2], 1)).astype(np.float32)
    array += rng.normal(0, GRAIN / 2, array.shape).astype(np.float32)
    return Image.fromarray(np.clip(array + 0.5, 0, 255).astype(np.uint8))


def photographs(count: int, sizes: tuple[tuple[int, int], ...] = SIZES) -> Iterator[Image.Image]:
    """So many photographs, their sizes in turn."""
    for i in range(count):
        yield scene(sizes[i % len(sizes)], i)


def make(folder: Path, count: int, sizes: tuple[tuple[int, int], ...] = SIZES) -> tuple[Path, Path]:
    """Folders of JPEG as cameras write it (quality 92, 4:2:0) and of PNG as Pillow does; the pictures are the same."""
    jpeg, png = folder / "jpeg", folder / "png"
    for one in (jpeg, png):
        one.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(photographs(count, sizes)):
        picture.save(jpeg / f"photo{i:03}.jpg", quality=92)
        picture.save(png / f"photo{i:03}.png", compress_level=3)
    return jpeg, png
