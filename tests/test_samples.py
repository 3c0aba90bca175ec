"""The committed samples are what `make_samples.py` makes: pixels and numbers, not encoder bytes."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

FOLDER = Path(__file__).parents[1] / "sample_images"
SCRIPT = runpy.run_path(str(FOLDER / "make_samples.py"))
SAMPLES: dict[str, Callable[[], Any]] = SCRIPT["SAMPLES"]


def decoded(path: Path) -> dict[str, np.ndarray]:
    """Every array in a sample; a picture has its pixels, palette and EXIF tags."""
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return dict(arrays)
    if path.suffix == ".npy":
        return {"array": np.load(path)}
    with Image.open(path) as picture:
        extras = {"palette": picture.getpalette() or [], "exif": list(picture.getexif().items())}
        return {picture.mode: np.asarray(picture)} | {key: np.array(value) for key, value in extras.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_script_makes_the_committed_sample(name: str, tmp_path: Path) -> None:
    """Equal value by value; in a JPEG, whose coders differ, one in a thousand may be off by more than 8."""
    SCRIPT["save"](SAMPLES[name](), tmp_path / name)
    want, got = decoded(FOLDER / name), decoded(tmp_path / name)
    assert got.keys() == want.keys()
    for part in want:
        assert (got[part].dtype, got[part].shape) == (want[part].dtype, want[part].shape)
        if name.endswith(".jpg") and part == "RGB":
            assert np.quantile(np.abs(got[part].astype(int) - want[part]), 0.999) <= 8
        else:
            np.testing.assert_array_equal(got[part], want[part])


def test_the_samples_are_small_and_listed() -> None:
    """Under 400 KB together, and each has its row in the folder's README."""
    assert sum((FOLDER / name).stat().st_size for name in SAMPLES) < 400_000
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in SAMPLES if f"| `{name}` |" not in readme] == []


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("image.png", "RGB", (480, 320)),
        ("gradient.png", "I;16", (256, 256)),
        ("checkerboard.png", "L", (320, 256)),
        ("labels.png", "P", (240, 160)),
        ("noisy.png", "L", (240, 180)),
        ("photo.jpg", "RGB", (480, 320)),
        ("bilevel.png", "1", (272, 148)),
        ("cutout.png", "RGBA", (200, 240)),
    ],
)
def test_pictures_have_every_kind_of_pixel(name: str, mode: str, size: tuple[int, int]) -> None:
    """One sample for each pixel type that is read."""
    with Image.open(FOLDER / name) as picture:
        assert (picture.mode, picture.size) == (mode, size)


def test_the_photo_lies_on_its_side_and_says_so() -> None:
    """Upright it is a portrait with the bright sky above the dark firs."""
    with Image.open(FOLDER / "photo.jpg") as picture:
        assert picture.getexif()[0x0112] == 6
        profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        upright = ImageOps.exif_transpose(picture)
    assert upright.size == (320, 480)
    grey = np.asarray(upright.convert("L"), float)
    assert grey[:100].mean() > grey[-100:].mean() + 50


def test_values_are_as_the_readme_says() -> None:
    """All greys once, eight classes, a soft alpha, two missing samples."""
    with Image.open(FOLDER / "gradient.png") as picture:
        assert np.array_equal(np.unique(np.asarray(picture)), np.arange(65536))
    with Image.open(FOLDER / "labels.png") as picture:
        assert np.array_equal(np.unique(np.asarray(picture)), np.arange(8))
    with Image.open(FOLDER / "cutout.png") as picture:
        pixels = np.asarray(picture)
    assert len(np.unique(pixels[..., 3])) > 50
    assert not pixels[pixels[..., 3] == 0].any()
    assert np.isnan(np.load(FOLDER / "sequence.npy")).sum() == 2
