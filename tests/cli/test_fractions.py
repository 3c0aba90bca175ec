"""``poolcli fractions``: files in, channels of shares out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import poolcli

SAMPLES = Path(__file__).parents[2] / "sample_images"


def test_a_palette_picture_has_its_indices_for_classes(here: Any, tmp_path: Path) -> None:
    """Into .npy by default; the report has the classes."""
    done = here("fractions", SAMPLES / "labels.png", "-k", "40", "-o", tmp_path / "s.npy", "--json")
    report = json.loads(done.out)
    indices = np.asarray(Image.open(SAMPLES / "labels.png"))
    wanted = poolcli.fractions(indices, size=40)
    np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), wanted.values)
    assert report["classes"] == list(wanted.classes) and report["layout"] == "HWC"
    assert report["output_shape"] == [4, 6, 8] and report["of"] == "valid"
    assert "class" in here("fractions", SAMPLES / "labels.png", "-k", "40", "-o", tmp_path / "t.npy").out


def test_a_raster_keeps_its_place_and_names_its_bands(here: Any, tmp_path: Path) -> None:
    """As GDAL reads them; samples of the file's nodata value are missing, which is noted."""
    rasterio = pytest.importorskip("rasterio")
    x = np.random.default_rng(0).integers(0, 5, (20, 30)).astype(np.uint8)
    with rasterio.open(tmp_path / "in.tif", "w", driver="GTiff", width=30, height=20, count=1, dtype="uint8", nodata=0,
                       crs="EPSG:32632", transform=rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)) as file:
        file.write(x, 1)
        file.set_band_description(1, "land & cover")
    done = here("fractions", tmp_path / "in.tif", "-k", "5", "--classes", "2,4", "--json")
    assert done.code == 0 and "count as missing" in done.err
    with rasterio.open(tmp_path / "in_fractions.tif") as file:
        assert file.descriptions == ("class 2", "class 4") and file.res == (50, 50) and file.crs.to_epsg() == 32632
        wanted = poolcli.fractions(x, size=5, classes=[2, 4], nodata=0).values
        np.testing.assert_array_equal(file.read().transpose(1, 2, 0), wanted)


def test_masks_by_a_pattern(here: Any, tmp_path: Path) -> None:
    """Each file has its own; weights and a least share go with it as in Python, and one wrong mask fails its file."""
    draws = np.random.default_rng(3)
    (tmp_path / "maps").mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / "maps" / f"{name}.npy", draws.integers(0, 4, (8, 9)))
        Image.fromarray(draws.integers(0, 2, (8, 9)).astype(np.uint8) * 255).save(tmp_path / f"{name}_mask.png")
    np.save(tmp_path / "w.npy", draws.integers(0, 3, (8, 9)))
    words = ("fractions", tmp_path / "maps", "-k", "3", "--classes", "1,2", "-o", f"{tmp_path / 'out'}/",
             "--weights", tmp_path / "w.npy", "--min-valid", "40%")
    assert here(*words, "--mask", f"!{tmp_path}/{{stem}}_mask.png").code == 0
    for name in ("a", "b"):
        wanted = poolcli.fractions(np.load(tmp_path / "maps" / f"{name}.npy"), size=3, classes=[1, 2], min_valid="40%",
                                   mask=np.asarray(Image.open(tmp_path / f"{name}_mask.png")) == 0,
                                   weights=np.load(tmp_path / "w.npy")).values
        np.testing.assert_array_equal(np.load(tmp_path / "out" / f"{name}_fractions.npy"), wanted)
    (tmp_path / "b_mask.png").unlink()
    failed = here(*words, "--mask", f"{tmp_path}/{{stem}}_mask.png", "--overwrite")
    assert failed.code == 1 and "b_mask.png: cannot be read" in failed.err and "a_mask" not in failed.err


@pytest.mark.parametrize(("options", "code", "said"), [
    (["--mask", str(SAMPLES / "noisy.png")], 1, "the mask has the shape"),
    (["--min-valid", "0"], 2, "must be a whole number"),
    (["--classes", "1,,2"], 2, "is no list of classes"), (["--classes", "700"], 1, "class 700 is no uint8 value"),
    (["--limit", "3"], 1, "more than 3 classes"), (["max -k 3"], 2, "takes windows, and no pooling"),
    (["-o", "x.png"], 1, "PNG cannot hold float32"), (["--of", "all"], 2, "")])
def test_what_cannot_be_is_one_line(here: Any, tmp_path: Path, options: list[str], code: int, said: str) -> None:
    """And an exit code."""
    output = [] if "-o" in options else ["-o", str(tmp_path / "s.npy")]
    done = here("fractions", SAMPLES / "labels.png", *options, *output)
    assert done.code == code and said in done.err and done.err.count("\n") <= 3
    assert not (tmp_path / "s.npy").exists()
