"""``poolcli haar``: bands out, the same file back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import poolcli

SAMPLES = Path(__file__).parents[2] / "sample_images"


def test_a_picture_comes_back(here: Any, tmp_path: Path) -> None:
    """All levels from one file, odd sides and dtype too; the means are a small picture."""
    x = np.asarray(Image.open(SAMPLES / "image.png"))[:301, :205]
    Image.fromarray(x).save(tmp_path / "x.png")
    done = here("haar", tmp_path / "x.png", "--levels", "3", "--low", tmp_path / "small.png", "--json")
    report = json.loads(done.out)
    assert done.code == 0 and report["exact"] and report["bands"] == ["LL", "LH", "HL", "HH"], done.err
    bands = poolcli.haar(x, 3)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "small.png")), bands.low)
    assert here("haar", "--inverse", tmp_path / "x_haar.npz", "-o", tmp_path / "y.png").code == 0
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "y.png")), x)


def test_one_level_is_channels(here: Any, tmp_path: Path) -> None:
    """Which come back by the size and the type that they had."""
    x = np.random.default_rng(0).integers(0, 256, (5, 8)).astype(np.uint8)
    np.save(tmp_path / "x.npy", x)
    assert here("haar", tmp_path / "x.npy", "-o", tmp_path / "b.npy").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), poolcli.haar(x).stack())
    done = here("haar", "--inverse", tmp_path / "b.npy", "--output-shape", "5x8", "--dtype", "uint8", "-o",
                tmp_path / "y.npy")
    assert done.code == 0, done.err
    back = np.load(tmp_path / "y.npy")
    assert back.dtype == x.dtype and (back == x).all()


def test_the_means_keep_their_place(here: Any, tmp_path: Path) -> None:
    """Of a raster the pixel doubles with each level, and the corner stays."""
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(tmp_path / "in.tif", "w", driver="GTiff", width=32, height=24, count=1, dtype="uint8",
                       crs="EPSG:32632", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)) as file:
        file.write(np.arange(768, dtype=np.uint8).reshape(24, 32), 1)
    done = here("haar", tmp_path / "in.tif", "--levels", "2", "--low", tmp_path / "low.tif")
    assert done.code == 0, done.err
    with rasterio.open(tmp_path / "low.tif") as file:
        assert file.res == (40, 40) and (file.bounds.left, file.bounds.top) == (5e5, 4e6) and file.shape == (6, 8)


@pytest.mark.parametrize(("line", "code", "said"), [
    ("haar x.npy --levels 9", 1, "levels are too many"),
    ("haar x.npy --levels 2 -o b.npy", 2, "bands of several sizes, which only .npz holds; -o b.npz, or --levels 1,"),
    ("haar x.npy --dtype uint8", 2, "--dtype: goes with --inverse of a stacked"),
    ("haar x.npy --output-shape 6x6", 2, "--output-shape: goes with --inverse of a stacked"),
    ("haar --inverse odd.npz --dtype uint8", 2, "--dtype: goes with --inverse of a stacked"),
    ("haar --inverse odd.npz --output-shape 6x6", 2, "--output-shape: goes with --inverse of a stacked"),
    ("haar --inverse x.npy --layout HW", 2, "--layout: goes not with --inverse"),
    ("haar one.npy", 1, "axes of 1x1 samples cannot be halved; one of 2 or more would work"),
    ("haar --inverse part.npz", 1, "is no file of bands, which poolcli haar writes: no array is called 'like'"),
    ("haar --inverse odd.npz", 1, "do not go together"),
    ("haar --inverse x.npy", 1, "is no stack of bands"), ("haar --inverse other.npz", 1, "no array is called"),
    ("haar x.npy max", 2, "takes no pooling"), ("haar --inverse x.npy --levels 2", 2, "goes not with --inverse"),
    ("haar long.npy", 1, "need more than 64 bits; an array of int32, or of float64, would work"),
    ("haar gone.npy", 1, "cannot be read")])
def test_what_cannot_be_is_one_line(here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, code: int,
                                    said: str) -> None:
    """And an exit code."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", np.zeros((6, 6), np.uint8))
    np.save("long.npy", np.zeros((6, 6), np.int64))
    np.save("one.npy", np.zeros((1, 1), np.uint8))
    np.savez("part.npz", low=np.zeros((3, 3)), shape=[6, 6], axes=[0, 1], level1=np.zeros((3, 3, 3)))
    np.savez("other.npz", a=np.zeros(3))
    np.savez("odd.npz", low=np.zeros((3, 3)), shape=[6, 6], axes=[0, 0], like=np.zeros(1), level1=np.zeros((3, 3, 3)))
    done = here(*line.split())
    assert done.code == code and said in done.err and done.err.count("\n") <= 3, done.err
