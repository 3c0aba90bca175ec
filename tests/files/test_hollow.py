"""What a header says of an array is what reading it gives, and no pixel is decoded for it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from poolcli import files


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
    found = files.hollow(path, max_pixels=files.MAX_PIXELS)
    assert found is not None and found.array.shape == wanted and found.layout == "HWC"


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
    assert files.hollow(path, max_pixels=files.MAX_PIXELS) is None
