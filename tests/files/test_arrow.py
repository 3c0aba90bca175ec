"""Pixels where Pillow keeps them: the same as a copy, on every mode and size, and the byte to spare never shows."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from poolcli import files
from poolcli.batch import four_channels
from poolcli.cli.main import run
from poolcli.files.images.arrow import pack, view_pixels, widen
from poolcli.files.images.decode import read_image
from poolcli.files.stderr_capture import pillow_limits

SIZES = ((1, 1), (1, 9), (9, 1), (7, 5), (2305, 2049))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F"])
@pytest.mark.parametrize("size", SIZES)
def test_views_are_the_pixels(mode: str, size: tuple[int, int]) -> None:
    """A view equals ``numpy.asarray``, outlives the image, and is read-only; some modes have none."""
    with pillow_limits(10**8, False):
        image = Image.effect_noise(size, 90).convert("RGB" if mode == "LAB" else "L" if mode == "I;16" else mode)
        image = Image.new(mode, size) if mode in ("LAB", "I;16") else image
    viewed, expected = view_pixels(image), np.array(image)
    del image
    gc.collect()
    assert (viewed is not None) == (mode in ("L", "P", "RGB", "RGBA", "CMYK"))
    if viewed is not None:
        assert np.array_equal(viewed, expected) and not viewed.flags.writeable
        assert np.array_equal(pack(viewed), expected)
        assert (widen(viewed) is not None) == (mode == "RGB")


@pytest.mark.parametrize("turn", range(1, 9))
def test_views_are_turned(turn: int) -> None:
    """A photograph on its side comes upright whether its pixels are copied or not."""
    exif = Image.Exif()
    exif[274] = turn
    stream = io.BytesIO()
    Image.effect_noise((33, 18), 90).convert("RGB").save(stream, "JPEG", exif=exif)
    assert np.array_equal(read_image(stream, "x", shared=True).array, read_image(stream, "x").array)


@pytest.mark.parametrize("reducer", ["max", "min", "avg", "subsample", "median"])
@pytest.mark.parametrize("ending", [".jpg", ".png", ".npy", ".webp"])
def test_outputs_are_those_of_a_copy(reducer: str, ending: str, tmp_path: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """The output is the same to the byte, whatever the format, whether four channels are pooled or three."""
    photo = tmp_path / "a.jpg"
    Image.merge("RGB", [Image.effect_noise((101, 67), s) for s in (30, 60, 90)]).save(photo)
    line = [reducer, "-k", "3", "-s", "2", "-q", str(photo), "-o"]
    monkeypatch.setattr("sys.argv", ["poolcli", *line, str(tmp_path / f"four{ending}")])
    assert run() == 0
    monkeypatch.setattr(four_channels, "widen", lambda array: None)  # stays so: nothing is a view then
    monkeypatch.setattr("poolcli.files.images.pixels.view_pixels", lambda image: None)
    monkeypatch.setattr("sys.argv", ["poolcli", *line, str(tmp_path / f"three{ending}")])
    assert run() == 0
    assert (tmp_path / f"four{ending}").read_bytes() == (tmp_path / f"three{ending}").read_bytes()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_simplejpeg_decodes_as_pillow(mode: str, subsampling: int, tmp_path: Path) -> None:
    """With the extra ``jpeg`` pixels are the same."""
    pytest.importorskip("simplejpeg", reason='needs simplejpeg: pip install "poolcli[jpeg]"')
    path = tmp_path / "a.jpg"
    Image.effect_noise((201, 133), 40).convert(mode).save(path, subsampling=subsampling)
    with Image.open(path) as image:
        assert np.array_equal(files.read(path).array, np.asarray(image))
