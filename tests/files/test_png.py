"""PNG written by ourselves: exact for every kind of pixel, small for photographs and for drawings."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from files.pictures import noise
from PIL import Image

from poolcli.files import Encoding, ImageInfo, read, write
from poolcli.files.images.decode import read_image
from poolcli.files.images.png import HUFFMAN, is_photographic

KINDS = [(dtype, channels) for dtype in ("uint8", "uint16") for channels in (1, 2, 3, 4)]


def photograph(dtype: str = "uint8", channels: int = 3, shape: tuple[int, int] = (301, 203)) -> Any:
    """Light and shade with the grain of a sensor."""
    light = np.add.outer(np.sin(np.arange(shape[0]) / 40), np.cos(np.arange(shape[1]) / 50))[..., None]
    grain = np.random.default_rng(1).normal(0, 0.03, (*shape, channels))
    scale = np.iinfo(dtype).max
    array = np.clip((light / 5 + 0.5 + grain) * scale, 0, scale).astype(dtype)
    return array if channels > 1 else array[..., 0]


def drawing(shape: tuple[int, int] = (301, 203)) -> Any:
    """Paper with a grid on it."""
    array = np.full((*shape, 3), 250, np.uint8)
    array[::20] = array[:, ::20] = 3
    return array


def encoded(array: Any, **options: Any) -> bytes:
    """The PNG of an array."""
    stream = io.BytesIO()
    write(stream, array, ImageInfo("x", "PNG"), "png", encoding=Encoding(**options))
    return stream.getvalue()


def by_pillow(array: Any, level: int) -> int:
    """The size of Pillow's PNG."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "PNG", compress_level=level)
    return len(stream.getvalue())


@pytest.mark.parametrize(("dtype", "channels"), KINDS)
@pytest.mark.parametrize("shape", [(301, 203), (1, 1), (1, 9), (9, 1), (3, 20_001)])
def test_photographs_come_back_exactly(dtype: str, channels: int, shape: tuple[int, int]) -> None:
    """Every kind of pixel, one row, one column, rows longer than the sample; read by Pillow's decoder."""
    array = photograph(dtype, channels, shape)
    loaded = read_image(io.BytesIO(encoded(array)), "x.png")
    assert loaded.array.dtype == array.dtype
    np.testing.assert_array_equal(loaded.array, array)


@pytest.mark.parametrize("level", [None, 0, 9])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_wide_colours_come_back_at_every_level(level: int | None, channels: int) -> None:
    """16-bit colour has no other writer, so it takes the level that is asked."""
    array = noise("uint16", (20, 30, channels))
    np.testing.assert_array_equal(read_image(io.BytesIO(encoded(array, compress_level=level)), "x.png").array, array)


def test_a_photograph_is_no_larger_than_pillow_makes_it() -> None:
    """Huffman codes behind the filter of means, against the best of five filters and a long search."""
    array = photograph()
    assert is_photographic(array) == HUFFMAN
    assert len(encoded(array)) < by_pillow(array, 6)


def test_a_drawing_is_left_to_deflate() -> None:
    """Without repetitions its 183 kB would take 23 at least, one bit for each sample."""
    array = drawing()
    assert is_photographic(array) is None
    assert len(encoded(array)) == by_pillow(array, 4) < 5_000


def test_a_level_that_is_asked_for_is_heeded() -> None:
    """0 compresses nothing, and 9 is Pillow's own 9."""
    array = photograph()
    assert len(encoded(array, compress_level=0)) > array.nbytes
    assert len(encoded(array, compress_level=9)) == by_pillow(array, 9)


def test_profiles_stay_with_pixels_of_our_own(tmp_path: Any) -> None:
    """All that is not pixels is in the template that Pillow writes."""
    icc = bytes(16) + b"RGB " + bytes(108)
    path = tmp_path / "x.png"
    write(path, photograph(), ImageInfo("x", "PNG", "RGB", icc_profile=icc))
    assert read(path).source.icc_profile == icc
