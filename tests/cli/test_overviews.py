"""Pyramids of GeoTIFF: overviews that GDAL reads, cloud-optimised files, level files that know where they lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call

from poolcli import pool

rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
"""What rasterio does with affine."""
TRANSFORM = (10, 0, 500_000, 0, -10, 5_800_000)


def raster(path: Path, shape: tuple[int, ...] = (1300, 1100), dtype: str = "uint8", **options: Any) -> np.ndarray:
    """Write classes, a third of them missing, by rasterio."""
    array = np.random.default_rng(3).integers(0, 9, shape).astype(dtype)
    array[: shape[0] // 3] = 7
    bands = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    with rasterio.open(path, "w", driver="GTiff", height=shape[0], width=shape[1], count=len(bands), dtype=dtype,
                       nodata=7, crs="EPSG:32633", transform=rasterio.Affine(*TRANSFORM), **options) as file:
        file.write(bands)
    return array


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize(("reducer", "channels", "options"), [
    ("mode", None, {"compress": "lzw"}), ("avg", 3, {"interleave": "band"}), ("max", None, {"bigtiff": "YES"})])
def test_overviews(here: Call, tmp_path: Path, reducer: str, channels: int | None, options: dict[str, str],
                   cog: bool) -> None:
    """Of exact values, nodata left out; the file is where the input was."""
    pytest.importorskip("imagecodecs")
    array = raster(tmp_path / "in.tif", (1300, 1100) if channels is None else (1300, 1100, channels), **options)
    done = here("pyramid", tmp_path / "in.tif", f"{reducer} -k 2", "--levels", "2", *["--cog"] * cog,
                "-o", tmp_path / "out.tif")
    assert done.code == 0, done.err
    for level in (None, 0, 1):
        with rasterio.open(tmp_path / "out.tif", **({} if level is None else {"overview_level": level})) as file:
            assert file.overviews(1) == ([2, 4] if level is None else [2] if level == 0 else [])[: 2]
            assert file.nodata == 7 and file.crs.to_epsg() == 32633
            size = 1 if level is None else 2 ** (level + 1)
            assert file.transform.a == pytest.approx(10 * size) and file.transform.c == 500_000
            values = file.read()
        expected = pool(array, reducer, size=size, nodata=7, dtype=array.dtype, layout="HWC"[: array.ndim])
        if reducer == "mode" and level == 1:
            continue  # a mode of modes
        np.testing.assert_array_equal(values, expected[None] if channels is None else expected.transpose(2, 0, 1))
    if cog:
        from rio_cogeo import cog_validate

        valid, errors, warnings = cog_validate(tmp_path / "out.tif", strict=True, quiet=True)
        assert valid, (errors, warnings)


def test_level_files_know_where_they_lie(here: Call, tmp_path: Path) -> None:
    """Each by its own windows."""
    raster(tmp_path / "in.tif", (60, 80))
    stage, output = "max -k 3 -s 2 --padding 1", f"{tmp_path}/levels/"
    done = here("pyramid", tmp_path / "in.tif", stage, "--levels", "2", "-o", output)
    assert done.code == 0, done.err
    for level, size in ((1, 20), (2, 40)):
        with rasterio.open(tmp_path / f"levels/in_level{level}.tif") as file:
            assert file.transform.a == size and file.xy(0, 0) == (500_005, 5_799_995)


def test_cog_is_one_tif(here: Call, tmp_path: Path) -> None:
    """Anything else is a usage error."""
    raster(tmp_path / "in.tif", (60, 80))
    done = here("pyramid", tmp_path / "in.tif", "--cog", "-o", f"{tmp_path}/levels/")
    assert done.code == 2 and "-o NAME.tif would work" in done.err
