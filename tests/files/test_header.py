"""What a header says of an array is what reading it gives, and no pixel is decoded for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from poolcli import files
from poolcli.errors import PoolError


def turned(orientation: int) -> Image.Exif:
    """EXIF with this orientation."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_shapes_are_upright(tmp_path: Path, orientation: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph that lies on its side has its height and width as they are read."""
    path = tmp_path / f"picture.{kind}"
    Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(path, exif=turned(orientation))
    wanted = files.read(path).array.shape
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    found = files.load_header(path, max_pixels=files.MAX_PIXELS)
    assert found is not None and found.array.shape == wanted and found.layout == "HWC"


TIFFS = [("uint8", 1, {}), ("uint8", 3, {}), ("uint8", 4, {"extrasamples": ["unassalpha"]}), ("uint16", 1, {}),
         ("uint16", 3, {}), ("float32", 1, {}), ("int8", 1, {}), ("float64", 1, {}),
         ("uint8", 4, {"photometric": "separated"}),
         ("uint8", 1, {"photometric": "miniswhite"}), ("uint8", 3, {"planarconfig": "separate"}),
         ("uint16", 3, {"compression": "zlib", "tile": (16, 16)})]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("dtype", "channels", "options"), TIFFS)
def test_tiff_by_its_tags(tmp_path: Path, dtype: str, channels: int, options: dict[str, Any], orientation: int,
                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Shape and type are those that reading gives."""
    tifffile = pytest.importorskip("tifffile")
    array = np.zeros((5, 7, channels)[: 3 if channels > 1 else 2], dtype)
    if options.get("planarconfig") == "separate":
        array = array.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "x.tif", array, metadata=None, extratags=[(274, 3, 1, orientation, True)],
                     **{"photometric": "rgb" if channels >= 3 else "minisblack", **options})
    wanted = files.read(tmp_path / "x.tif")
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    found = files.load_header(tmp_path / "x.tif", max_pixels=files.MAX_PIXELS)
    assert found is not None or dtype == "float64"  # Pillow has no mode for it
    if found is not None:
        assert (found.array.shape, found.array.dtype, found.layout) == (wanted.array.shape, wanted.array.dtype,
                                                                        wanted.layout)
        assert found.source.mode == (wanted.source.mode if "CMYK" in (wanted.source.mode or "") else None)


def test_npz_by_its_header(tmp_path: Path) -> None:
    """Of the array that --key names, with read's errors."""
    np.savez(tmp_path / "x.npz", a=np.zeros((3, 4), "i2"), b=np.zeros(5))
    found = files.load_header(tmp_path / "x.npz", max_pixels=files.MAX_PIXELS, key="a")
    assert found is not None and (found.array.shape, found.array.dtype) == ((3, 4), "i2")
    with pytest.raises(PoolError, match="--key takes one of: a, b"):
        files.load_header(tmp_path / "x.npz", max_pixels=files.MAX_PIXELS)


def test_an_orientation_behind_the_pixels_is_not_guessed(tmp_path: Path) -> None:
    """Some programs write a PNG's EXIF last: then the header does not say."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(stream, "PNG", exif=turned(6))
    data = stream.getvalue()
    start = data.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(data[start : start + 4], "big")
    end = data.index(b"IEND") - 4
    path = tmp_path / "late.png"
    path.write_bytes(data[:start] + data[stop:end] + data[start:stop] + data[end:])
    assert files.read(path).array.shape == (7, 5)
    assert files.load_header(path, max_pixels=files.MAX_PIXELS) is None
