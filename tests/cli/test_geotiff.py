"""GeoTIFF: what other readers find in our results lies where its windows lay in the input."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call
from places import chain, pool_file

from poolcli import files
from poolcli.core.place import Place
from poolcli.files import formats
from poolcli.files.georef.geotiff import KEYS, SCALE, TIEPOINTS, TRANSFORMATION, TYPES, read_geotiff

rasterio = pytest.importorskip("rasterio")
tifffile = pytest.importorskip("tifffile")
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")
"""What rasterio does with affine."""
AFFINES = {"north up": (10, 0, 500_000, 0, -10, 5_800_000), "rotated": (7, 3, 4e5, 2, -9, 5e6),
           "degrees": (1 / 3, 0, -180, 0, -0.25, 90)}
SHAPE = (24, 30)


def geotiff(path: Path, array: np.ndarray, affine: tuple[float, ...] = AFFINES["north up"], **profile: Any) -> Path:
    """Write a GeoTIFF by rasterio, (H, W) or (H, W, C)."""
    bands = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    tags = profile.pop("tags", {})
    point = {"AREA_OR_POINT": "Point"} if profile.pop("point", False) else {}
    with rasterio.open(path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
                       dtype=bands.dtype, transform=rasterio.Affine(*affine),
                       **{"crs": "EPSG:32633", **profile}) as file:
        file.write(bands)
        file.update_tags(**point, **tags)
        for i in range(len(bands)):
            file.set_band_description(i + 1, f"band {i} \N{GREEK SMALL LETTER MU}m")
        file.update_tags(1, STATISTICS_MINIMUM="3", kept="yes")
    return path


def samples(shape: tuple[int, ...] = SHAPE, dtype: str = "uint8") -> np.ndarray:
    """Small numbers."""
    return np.random.default_rng(3).integers(0, 9, shape).astype(dtype)


@pytest.fixture(params=[True, False], ids=["tifffile", "Pillow alone"])
def extra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """With the extra and without it."""
    if not request.param:
        for module in (formats, files.images.encode):
            monkeypatch.setattr(module, "has_tifffile", lambda: False)
    yield request.param


@pytest.mark.parametrize("point", [False, True], ids=["area", "point"])
@pytest.mark.parametrize("affine", AFFINES)
def test_centres_are_those_of_windows(tmp_path: Path, extra: bool, affine: str, point: bool) -> None:
    """For random plans, to 1e-9 of a pixel, as rasterio finds both."""
    chance = random.Random(f"{affine} {point}")
    source = geotiff(tmp_path / "in.tif", samples(), AFFINES[affine], point=point)
    with rasterio.open(source) as file:
        before = file.transform
    for _ in range(15):
        stages, (rows, columns) = chain(chance, SHAPE, "HW")
        pool_file(source, tmp_path / "out.tif", stages)
        with rasterio.open(tmp_path / "out.tif") as file:
            assert file.shape == (len(rows), len(columns)) and file.crs.to_epsg() == 32633
            after = file.transform
        for i, j in ((0, 0), (len(rows) - 1, len(columns) - 1), (0, len(columns) - 1)):
            found = ~before @ (after @ (j + 0.5, i + 0.5))
            assert found == pytest.approx((float(columns[j]) + 0.5, float(rows[i]) + 0.5), abs=1e-9)


@pytest.mark.parametrize(("channels", "dtype", "options"), [
    (None, "uint8", {"compress": "lzw", "predictor": 2}), (3, "uint8", {"photometric": "RGB", "interleave": "pixel"}),
    (None, "int16", {"compress": "deflate", "tiled": True, "blockxsize": 16, "blockysize": 16}),
    (5, "float32", {"compress": "zstd", "interleave": "band", "predictor": 3}), (4, "uint16", {"bigtiff": "YES"})])
def test_what_a_file_is_stays(here: Call, tmp_path: Path, options: dict[str, Any], channels: int | None,
                              dtype: str) -> None:
    """Compression, predictor, tiles, planes, descriptions, nodata, values; not the statistics of the old pixels."""
    pytest.importorskip("imagecodecs")
    shape = (70, 90) if channels is None else (70, 90, channels)
    array = samples(shape, dtype)
    source = geotiff(tmp_path / "in.tif", array, nodata=5, **options)
    assert here("avg", "-k", "2", str(source), "-o", str(tmp_path / "out.tif"), "-q").code == 0
    with rasterio.open(source) as before, rasterio.open(tmp_path / "out.tif") as after:
        names = ("compress", "tiled", "interleave", "dtype", "count", "nodata", "crs")
        assert {name: after.profile.get(name) for name in names} == {name: before.profile.get(name) for name in names}
        assert after.descriptions == before.descriptions and after.colorinterp == before.colorinterp
        assert after.tags(1) == {"kept": "yes"}
        values = after.read()
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(tmp_path / "out.tif") as after:
        assert after.is_bigtiff == before.is_bigtiff and after.pages[0].predictor == before.pages[0].predictor
        for tag in (34735, 34737):
            assert after.pages[0].tags[tag].value == before.pages[0].tags[tag].value
    from poolcli import pool

    expected = pool(array, "avg", size=2, nodata=5, dtype=dtype, layout="HWC"[: array.ndim])
    np.testing.assert_array_equal(values, expected[None] if channels is None else expected.transpose(2, 0, 1))


def test_without_the_extra_what_cannot_be_kept_is_said(here: Call, tmp_path: Path, extra: bool) -> None:
    """Tiles and compression are tifffile's; the place is there either way."""
    source = geotiff(tmp_path / "in.tif", samples(), compress="lzw", tiled=True, blockxsize=16, blockysize=16)
    printed = here("max", "-k", "1", str(source), "-o", str(tmp_path / "out.tif"))
    assert printed.code == 0
    with rasterio.open(tmp_path / "out.tif") as file:
        assert file.transform == rasterio.Affine(*AFFINES["north up"]) and file.profile["tiled"] == extra
    assert ("pip install" in printed.err) == (not extra)


def test_ground_control_points(here: Call, tmp_path: Path) -> None:
    """They move with the pixels."""
    from rasterio.control import GroundControlPoint

    points = [GroundControlPoint(row, column, x, y, 0) for row, column, x, y in
              ((0, 0, 10, 50), (0, 30, 11, 50), (24, 0, 10, 49), (24, 30, 11.5, 49.25))]
    with rasterio.open(tmp_path / "in.tif", "w", driver="GTiff", count=1, height=24, width=30, dtype="uint8",
                       crs="EPSG:4326", gcps=points) as file:
        file.write(samples()[None])
    assert here("max", "-k", "2x3", str(tmp_path / "in.tif"), "-o", str(tmp_path / "out.tif"), "-q").code == 0
    with rasterio.open(tmp_path / "out.tif") as file:
        moved, crs = file.gcps
    assert crs.to_epsg() == 4326
    assert [(p.row, p.col, p.x, p.y) for p in moved] == [(p.row / 2, p.col / 3, p.x, p.y) for p in points]


@pytest.mark.parametrize(("arguments", "said"), [
    (("--adaptive", "7"), "windows of several sizes along HW lie unevenly"),
    (("-k", "2", "--format", "npy"), "its place (GeoTIFF) is left out: NPY holds none"),
    (("-k", "2", "--format", "png"), "its place (GeoTIFF) is left out: PNG holds none")])
def test_a_loss_is_a_note(here: Call, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """And --place none is none."""
    source = geotiff(tmp_path / "in.tif", samples())
    output = tmp_path / f"out.{arguments[-1] if '--format' in arguments else 'tif'}"
    printed = here("max", *arguments, str(source), "-o", str(output))
    assert printed.code == 0 and said in printed.err
    printed = here("max", *arguments, str(source), "-o", str(output), "--overwrite", "--place", "none")
    assert printed.code == 0 and "place" not in printed.err


BROKEN = {
    "keys cut": ({KEYS: (1, 1, 0, 9, 1024, 0, 1, 1)}, "its GeoKeys are broken"),
    "keys beyond": ({KEYS: (1, 1, 0, 1, 3073, 34737, 200, 60_000)}, "its GeoKeys are broken"),
    "no version": ({KEYS: (0, 0)}, "its GeoKeys are broken"),
    "NaN": ({SCALE: (float("nan"), 1.0, 0.0), TIEPOINTS: (0.0,) * 6}, "its pixel scale is nan, 1, 0"),
    "zero": ({SCALE: (0.0, 0.0, 0.0), TIEPOINTS: (0.0,) * 6}, "its pixel scale is 0, 0, 0"),
    "short": ({SCALE: (1.0, 1.0, 0.0), TIEPOINTS: (0.0,) * 3}, "its tie point is 0, 0, 0"),
    "half": ({SCALE: (1.0, 1.0, 0.0)}, "a pixel scale without a tie point"),
    "matrix": ({TRANSFORMATION: (1.0,) * 4}, "4 numbers in place of 16"),
    "singular": ({TRANSFORMATION: (1.0,) * 16}, "its transformation is 1, 1, 1, 1, 1, 1"),
    "infinite points": ({TIEPOINTS: (0.0, 0.0, 0.0, float("inf"), 0.0, 0.0)}, "its tie point is 0, 0, 0, inf, 0, 0"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_tags_are_left_out_with_a_note(here: Call, tmp_path: Path, case: str) -> None:
    """The pixels are pooled."""
    tags, said = BROKEN[case]
    kinds = {KEYS: 3}
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        file.write(samples(), metadata=None, extratags=[(tag, kinds.get(tag, 12), len(value), value, True)
                                                        for tag, value in tags.items()])
    printed = here("max", "-k", "2", str(tmp_path / "in.tif"), "-o", str(tmp_path / "out.tif"))
    assert printed.code == 0 and said in printed.err and printed.err.count("note") == 1
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert not set(file.pages[0].tags.keys()) & {KEYS, SCALE, TIEPOINTS, TRANSFORMATION}


def test_no_tags_of_any_kind_are_more_than_a_note() -> None:
    """Whatever numbers, texts or bytes stand in the tags: hostile files choose these."""
    chance = random.Random(5)
    values: list[Any] = [None, 0, -1, 1e308, float("nan"), (), (1,) * 16, (float("inf"),) * 16, (1e-320,) * 3, b"",
                         b"\xff" * 9, "text", (1, 1, 0, 65535), (1, 1, 0, 1, 1025, 0, 1, 2), tuple(range(24)),
                         (0.0,) * 6]
    for _ in range(3_000):
        tags = {tag: chance.choice(values) for tag in TYPES}
        found, notes = read_geotiff(tags.get, 0)
        if found is not None:
            place = Place.of(found, SHAPE)
            assert place.facts() is None or found.fields(place)
        assert len(notes) <= 1


def test_pages_of_one_place_stay_there(here: Call, tmp_path: Path) -> None:
    """Each page of a stack carries it."""
    with rasterio.open(geotiff(tmp_path / "one.tif", samples())) as file:
        profile = file.profile
    with tifffile.TiffFile(tmp_path / "one.tif") as file:
        tags = [(tag.code, tag.dtype, tag.count, tag.value, False) for tag in file.pages[0].tags
                if tag.code in (SCALE, TIEPOINTS, KEYS, 34736, 34737)]
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for _ in range(3):
            file.write(samples(), metadata=None, contiguous=False, extratags=tags)
    done = here("max", "-k", "2", "--frames", "all", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "-q")
    assert done.code == 0
    for page in (1, 2, 3):
        with rasterio.open(f"GTIFF_DIR:{page}:{tmp_path / 'out.tif'}") as file:
            assert file.transform == profile["transform"] @ rasterio.Affine.scale(2)


def test_a_nodata_that_the_type_cannot_hold(here: Call, tmp_path: Path) -> None:
    """Names both."""
    source = geotiff(tmp_path / "in.tif", samples())
    printed = here("max", "--nodata", "-9999", str(source), "-o", str(tmp_path / "out.tif"))
    assert printed.code == 1 and "nodata -9999 is no uint8 value" in printed.err


def test_plan_says_the_new_pixel_size(here: Call, tmp_path: Path) -> None:
    """Of every stage, in the unit of the file."""
    source = geotiff(tmp_path / "in.tif", samples())
    printed = here("plan", str(source), "max -k 2x3", "avg -k 2")
    assert "pixel size: 20 x 30 metre, EPSG:32633" in printed.out
    assert "pixel size: 40 x 60 metre, EPSG:32633" in printed.out
