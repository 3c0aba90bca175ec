"""TIFF larger than memory: what is pooled by boxes has the samples, the tags and the place of what is pooled whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call

import poolcli
from poolcli.batch import run_large_picture
from poolcli.chunked import chunk_shapes
from poolcli.files.tiff import tiff_array, tiff_tiles

tifffile = pytest.importorskip("tifffile")
rasterio = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
AFFINE = (10, 0, 500_000, 0, -10, 5_800_000)
SHAPE = (90, 110)
TILED = {"tiled": True, "blockxsize": 16, "blockysize": 32}


def noted(way: Any, ways: list[str]) -> Any:
    """The same function, which says that it was called."""
    def note(*arguments: Any) -> Any:
        ways.append(way.__name__.removeprefix("_"))
        return way(*arguments)
    return note


@pytest.fixture
def by_boxes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every TIFF is large, and jobs are small; gives what was written: a tile, or a result in memory."""
    monkeypatch.setattr(tiff_array, "MIN_BYTES", 1)
    monkeypatch.setattr(run_large_picture, "MAX_HELD_BYTES", 0)
    monkeypatch.setattr(chunk_shapes, "JOB_BYTES", 1 << 12)
    monkeypatch.setattr(chunk_shapes, "CHUNK_BYTES", 1 << 8)
    monkeypatch.setattr(tiff_tiles, "TILE", 16)
    ways: list[str] = []
    for name in ("_pool_tiles", "_pool_held", "_pool_array"):
        monkeypatch.setattr(run_large_picture, name, noted(getattr(run_large_picture, name), ways))
    return ways


def geotiff(path: Path, array: np.ndarray, **profile: Any) -> Path:
    """Write a GeoTIFF by rasterio, (H, W) or (H, W, C)."""
    bands = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    with rasterio.open(path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
                       dtype=bands.dtype, crs="EPSG:32633", transform=rasterio.Affine(*AFFINE), **profile) as file:
        file.write(bands)
        file.set_band_description(1, "height")
    return path


def samples(shape: tuple[int, ...] = SHAPE, dtype: str = "uint8") -> np.ndarray:
    """Numbers that a wrong order would give away."""
    return np.random.default_rng(3).integers(0, 99, shape).astype(dtype)


def read(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    """Samples, and what rasterio says of a file; not of its tiles and offsets."""
    with rasterio.open(path) as file:
        known = {key: value for key, value in file.profile.items()
                 if not key.startswith("block") and key not in ("tiled", "BIGTIFF")}
        return file.read(), {**known, "descriptions": file.descriptions, "colours": file.colorinterp,
                             "tags": file.tags()}


STORAGES: dict[str, tuple[tuple[int, ...], str, dict[str, Any]]] = {
    "strips": (SHAPE, "uint8", {}),
    "strips compressed": (SHAPE, "int16", {"compress": "lzw", "predictor": 2, "nodata": 7}),
    "tiles": (SHAPE, "float32", {**TILED, "nodata": 7}),
    "tiles compressed": (SHAPE, "uint16", {**TILED, "compress": "deflate", "predictor": 2}),
    "floats": (SHAPE, "float64", {**TILED, "compress": "deflate", "predictor": 3}),
    "big endian": (SHAPE, "int32", {**TILED, "ENDIANNESS": "BIG"}),
    "big endian strips": (SHAPE, "float32", {"ENDIANNESS": "BIG"}),
    "colours": ((*SHAPE, 3), "uint8", {**TILED, "photometric": "RGB", "interleave": "pixel"}),
    "separate planes": ((*SHAPE, 4), "uint16", {**TILED, "interleave": "band"}),
    "separate strips": ((*SHAPE, 3), "uint8", {"interleave": "band", "compress": "deflate"}),
    "bands": ((*SHAPE, 5), "int16", {**TILED, "interleave": "pixel", "nodata": -1}),
}


@pytest.mark.parametrize("call", [("avg", "-k", "2"), ("median", "-k", "3", "-s", "2", "--padding", "1"),
                                  ("max", "-k", "5x1", "-s", "1", "--padding", "same", "--pad-mode", "edge")],
                         ids=lambda call: call[0])
@pytest.mark.parametrize("storage", STORAGES)
def test_boxes_are_the_whole(tmp_path: Path, here: Call, request: pytest.FixtureRequest, storage: str,
                             call: tuple[str, ...]) -> None:
    """Samples, place, nodata, compression, planes and names are those of what is pooled in one piece."""
    shape, dtype, profile = STORAGES[storage]
    source = geotiff(tmp_path / "in.tif", samples(shape, dtype), **profile)
    whole = here(*call, source, "-o", tmp_path / "whole.tif", "--json")
    ways = request.getfixturevalue("by_boxes")
    done = here(*call, source, "-o", tmp_path / "boxes.tif", "--json")
    assert done.code == 0 and ways == ["pool_tiles"]
    (values, known), (wanted, expected) = read(tmp_path / "boxes.tif"), read(tmp_path / "whole.tif")
    np.testing.assert_array_equal(values, wanted)
    assert known == expected
    found, other = (json.loads(one.out)["files"][0] for one in (done, whole))
    assert found["place"] == other["place"] and found["output_stats"] == pytest.approx(other["output_stats"])
    with tifffile.TiffFile(tmp_path / "boxes.tif") as file:
        page = file.pages[0]
        assert page.is_tiled and file.is_bigtiff and all(page.dataoffsets) and all(page.databytecounts)


def test_the_file_is_the_same_however_many_work(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """To the byte."""
    pytest.importorskip("imagecodecs")  # which reads LZW
    source = geotiff(tmp_path / "in.tif", samples(), **TILED, compress="lzw")
    for jobs in "1", "4":
        assert here("avg", "-k", "2", source, "-o", tmp_path / f"{jobs}.tif", "--jobs", jobs).code == 0
    assert by_boxes == ["pool_tiles"] * 2
    assert (tmp_path / "1.tif").read_bytes() == (tmp_path / "4.tif").read_bytes()


def test_a_palette_is_kept_by_labels(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """Indices are pooled by mode, colours by averages, for which the picture is read whole."""
    source = tmp_path / "in.tif"
    colours = np.random.default_rng(0).integers(0, 256, (3, 256), np.uint8).astype("u2") * 257
    tifffile.imwrite(source, samples(), photometric="palette", colormap=colours, tile=(32, 16))
    assert here("mode", "-k", "2", source, "-o", tmp_path / "out.tif").code == 0
    assert by_boxes == ["pool_tiles"]
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        np.testing.assert_array_equal(file.pages[0].colormap, colours)
        values = file.asarray()
    blocks = samples().reshape(45, 2, 55, 2).transpose(0, 2, 1, 3).reshape(45, 55, 4)
    wanted = np.array([[np.bincount(block).argmax() for block in row] for row in blocks])
    np.testing.assert_array_equal(values, wanted)
    assert here("avg", "-k", "2", source, "-o", tmp_path / "grey.tif").code == 0 and len(by_boxes) == 1


@pytest.mark.parametrize(("name", "way"), [("out.png", "pool_held"), ("out.npy", "pool_array"),
                                           ("out.zarr", "pool_array")])
def test_other_outputs(tmp_path: Path, here: Call, by_boxes: list[str], name: str, way: str) -> None:
    """A picture is made in memory, an array chunk by chunk; the place is left out with a note."""
    if name.endswith("zarr"):
        pytest.importorskip("zarr")
    source = geotiff(tmp_path / "in.tif", samples(), **TILED)
    done = here("max", "-k", "2", source, "-o", tmp_path / name, "--json")
    found = json.loads(done.out)["files"][0]
    assert done.code == 0 and by_boxes == [way]
    assert found["output_stats"]["max"] == samples().max()
    notes = " ".join(found["notes"])
    assert ("place (GeoTIFF) is left out" in notes) == (not name.endswith("png")) or name.endswith("png")
    if name.endswith("npy"):
        wanted = samples().reshape(45, 2, 55, 2).max((1, 3))
        np.testing.assert_array_equal(np.load(tmp_path / name), wanted)


def test_a_window_over_all(tmp_path: Path, here: Call, by_boxes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows larger than a job are put together from parts."""
    source = geotiff(tmp_path / "in.tif", samples(dtype="int32"), **TILED)
    assert here("avg", "-k", "allx55", source, "-o", tmp_path / "out.tif", "--dtype", "float64").code == 0
    np.testing.assert_allclose(read(tmp_path / "out.tif")[0][0], samples().reshape(90, 2, 55).mean((0, 2))[None], 1e-15)


def test_a_sparse_tile_is_nodata(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """As GDAL reads what is not there."""
    source = tmp_path / "in.tif"
    with rasterio.open(source, "w", driver="GTiff", count=1, height=64, width=64, dtype="uint8", nodata=9, tiled=True,
                       blockxsize=16, blockysize=16, SPARSE_OK="TRUE", transform=rasterio.Affine(*AFFINE)) as file:
        file.write(np.full((1, 16, 16), 4, np.uint8), window=rasterio.windows.Window(16, 16, 16, 16))
    assert here("avg", "-k", "4", source, "-o", tmp_path / "out.tif").code == 0
    wanted = np.full((16, 16), 9)
    wanted[4:8, 4:8] = 4
    np.testing.assert_array_equal(read(tmp_path / "out.tif")[0][0], wanted)


def test_alpha_and_light_take_the_picture_whole(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """Averages weigh colours by alpha, which is no matter of boxes; without that wish they are boxes again."""
    source = tmp_path / "in.tif"
    tifffile.imwrite(source, samples((*SHAPE, 4)), photometric="rgb", extrasamples=["unassalpha"], tile=(32, 16))
    for options, count in ((), 0), (("--linear",), 0), (("--alpha", "apart"), 1):
        assert here("avg", "-k", "2", *options, source, "-o", tmp_path / "out.tif", "--overwrite").code == 0
        assert len(by_boxes) == count


def test_damage_is_one_line(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """A tile cut short, and offsets beyond the file: no output, no traceback."""
    source = geotiff(tmp_path / "in.tif", samples(), **TILED, compress="deflate")
    data = bytearray(source.read_bytes())
    with tifffile.TiffFile(source) as file:
        offset = file.pages[0].dataoffsets[3]
    for damaged in (data[:-500], data[:offset] + b"\xff" * 20 + data[offset + 20 :]):
        source.write_bytes(damaged)
        done = here("max", "-k", "2", source, "-o", tmp_path / "out.tif")
        assert done.code == 1 and "TIFF" in done.err and "Traceback" not in done.err and done.err.count("\n") == 1
        assert not (tmp_path / "out.tif").exists()


def test_a_low_limit_of_pixels_is_kept(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """The default limit is about pictures in memory; a lower one is a wish."""
    source = geotiff(tmp_path / "in.tif", samples(), **TILED)
    done = here("max", "-k", "2", source, "-o", tmp_path / "out.tif", "--max-pixels", "1000")
    assert done.code == 1 and "more than 1,000 pixels" in done.err and by_boxes == []


def test_plan_reads_the_header_of_any_size(tmp_path: Path, here: Call) -> None:
    """More pixels than may be in memory are no matter to it."""
    source = tmp_path / "in.tif"
    with rasterio.open(source, "w", driver="GTiff", count=1, height=16_000, width=20_000, dtype="uint8", tiled=True,
                       blockxsize=4096, blockysize=4096, SPARSE_OK="TRUE", crs="EPSG:32633",
                       transform=rasterio.Affine(*AFFINE)):
        pass
    done = here("plan", source, "avg -k 10")
    assert done.code == 0 and "1600x2000" in done.out and "pixel size: 100 x 100 metre" in done.out
    done = here("plan", source, "avg -k 10", "--max-pixels", "1M")
    assert done.code == 1 and "more than 1,000,000 pixels" in done.err


def sparse(path: Path, side: int) -> Path:
    """Write a tiled file of side x side bytes of which six pieces are there, by rasterio."""
    chance = np.random.default_rng(0)
    with rasterio.open(path, "w", driver="GTiff", count=1, height=side, width=side, dtype="uint8", crs="EPSG:32633",
                       transform=rasterio.Affine(*AFFINE), tiled=True, blockxsize=512, blockysize=512, BIGTIFF="YES",
                       SPARSE_OK="TRUE") as file:
        for _ in range(6):
            x, y = chance.integers(0, side - 700, 2)
            file.write(chance.integers(1, 250, (1, 600, 600)).astype("uint8"),
                       window=rasterio.windows.Window(int(x), int(y), 600, 600))
    return path


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are read from /proc")
def test_memory_is_bounded(tmp_path: Path) -> None:
    """900 million pixels, more than are read at once, take fewer than 400 MB, of which a compiler may need 200."""
    check_memory(tmp_path, 30_000, 400)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks of memory are read from /proc")
def test_ten_billion_pixels(tmp_path: Path) -> None:
    """And ten billion fewer than 400."""
    check_memory(tmp_path, 100_000, 400)


def check_memory(tmp_path: Path, side: int, most: int) -> None:
    """Pool as a process of its own, whose peak is below so many megabytes; every value and the place are right."""
    source = sparse(tmp_path / "in.tif", side)
    # VmHWM begins anew with a program; ru_maxrss would be that of the process that started it
    script = ("import sys; from poolcli.cli.main import run; code = run();"
              "print(open('/proc/self/status').read().partition('VmHWM:')[2].split()[0], file=sys.stderr);"
              "sys.exit(code)")
    done = subprocess.run([sys.executable, "-c", script, "sum", "-k", "10", "--dtype", "uint16", "-q", source, "-o",
                           tmp_path / "out.tif"], stderr=subprocess.PIPE, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stderr.split()[-1]) / 1024 < most
    with rasterio.open(source) as before, rasterio.open(tmp_path / "out.tif") as after:
        assert after.shape == (side // 10, side // 10)
        assert after.transform == before.transform * rasterio.Affine.scale(10)
        for _, window in after.block_windows(1):
            if window.col_off // 256 % 8 and side > 50_000:  # a seventh of so many will do
                continue
            box = rasterio.windows.Window(*(10 * n for n in window.flatten()))
            found, wanted = after.read(1, window=window), before.read(1, window=box)
            height, width = found.shape
            np.testing.assert_array_equal(found, wanted.reshape(height, 10, width, 10).sum((1, 3), dtype="u8"))


def test_a_mask_is_heeded(tmp_path: Path, here: Call, by_boxes: list[str]) -> None:
    """Masks and weights go with arrays in memory: such a picture is read at once, however large."""
    array, mask = samples(), np.random.default_rng(1).integers(0, 2, SHAPE).astype(np.uint8)
    mask[::2, ::2] = 1
    source = geotiff(tmp_path / "in.tif", array, **TILED)
    np.save(tmp_path / "mask.npy", mask)
    done = here("max", "-k", "2", source, "--mask", tmp_path / "mask.npy", "-o", tmp_path / "out.tif")
    assert (done.code, by_boxes) == (0, [])
    expected = poolcli.pool(array, "max", size=2, mask=mask, layout="HWC"[: array.ndim])
    with rasterio.open(tmp_path / "out.tif") as file:
        found = file.read()
    np.testing.assert_array_equal(found[0] if array.ndim == 2 else found.transpose(1, 2, 0), expected)
