"""docs/places.md: each command of it, as it stands, on small files of the kinds that it is about."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, save_picture

PAGE = (Path(__file__).parents[2] / "docs" / "places.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
            for line in block.splitlines() if line.startswith("poolcli ")]


def landcover(path: Path) -> None:
    """Classes, some of them missing."""
    rasterio = pytest.importorskip("rasterio")
    array = np.random.default_rng(0).integers(0, 6, (80, 120)).astype("uint8")
    with rasterio.open(path, "w", driver="GTiff", height=80, width=120, count=1, dtype="uint8", nodata=0,
                       crs="EPSG:3035", transform=rasterio.Affine(100, 0, 4e6, 0, -100, 3e6)) as file:
        file.write(array[None])


def scene(path: Path) -> None:
    """A map of numbers, tiled."""
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(path, "w", driver="GTiff", height=80, width=120, count=1, dtype="int16", tiled=True,
                       blockxsize=16, blockysize=16, crs="EPSG:32633",
                       transform=rasterio.Affine(10, 0, 4e5, 0, -10, 3e6)) as file:
        file.write(np.random.default_rng(0).integers(0, 9999, (1, 80, 120)).astype("int16"))


def era5(path: Path) -> None:
    """Two days of hours."""
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("h5py")
    hours = np.datetime64("2020-01-01", "ns") + np.arange(48) * np.timedelta64(1, "h")
    values = np.random.default_rng(0).normal(280, 9, (48, 8, 12)).astype("float32")
    coords = {"time": hours, "lat": 60 - 0.25 * np.arange(8), "lon": 0.25 * np.arange(12)}
    data = xarray.Dataset({"t2m": (("time", "lat", "lon"), values), "tp": (("time", "lat", "lon"), values)}, coords)
    data.to_netcdf(path, engine="h5netcdf")


def volume(path: Path) -> None:
    """Labels in space, and in time where the name says so."""
    nibabel = pytest.importorskip("nibabel")
    shape = (6, 8, 4, 20) if path.name.startswith("bold") else (6, 8, 4)
    array = np.random.default_rng(0).integers(0, 9, shape).astype("int16")
    nibabel.Nifti1Image(array, np.diag([1, 1, 1, 1])).to_filename(path)


def sky(path: Path) -> None:
    """Counts, and a cube in an HDU of its name."""
    fits = pytest.importorskip("astropy.io.fits")
    array = np.random.default_rng(0).poisson(9, (6, 8, 10)).astype("float32")
    first = fits.PrimaryHDU(array[0])
    first.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": -1e-4, "CDELT2": 1e-4})
    cube = fits.ImageHDU(array, name="SCI")
    cube.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CTYPE3": "FREQ", "CDELT3": 1e6})
    fits.HDUList([first, cube]).writeto(path)


def microscope(path: Path) -> None:
    """A stack of two channels, by its name of OME's or of ImageJ's."""
    tifffile = pytest.importorskip("tifffile")
    array = np.random.default_rng(0).integers(0, 999, (4, 2, 12, 16)).astype("uint16")
    if path.name.endswith(".ome.tif"):
        tifffile.imwrite(path, array, ome=True, photometric="minisblack",
                         metadata={"axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.5})
    else:
        tifffile.imwrite(path, array, imagej=True, resolution=(9, 9),
                         metadata={"axes": "ZCYX", "spacing": 0.5, "unit": "um"})


def map_with_world_file(path: Path) -> None:
    """Six numbers beside it."""
    path.with_suffix(".pgw").write_text("10\n0\n0\n-10\n5\n95\n")
    save_picture(path, np.arange(192, dtype=np.uint8).reshape(12, 16))


MAKERS = {".tif": landcover, ".nc": era5, ".gz": volume, ".fits": sky, ".png": map_with_world_file}


BY_NAME = {"scene_10m": scene, "cells": microscope, "stack": microscope}


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_page(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """With exit code 0, and a result that has a place."""
    monkeypatch.chdir(tmp_path)
    _, *arguments = shlex.split(command)
    source = next(one for one in arguments if Path(one).suffix in MAKERS)
    BY_NAME.get(source.partition(".")[0], MAKERS[Path(source).suffix])(tmp_path / source)
    done = here(*arguments, "--json")
    assert done.code == 0, done.err
    assert ('"after": {' in done.out) or arguments[0] in ("plan", "pyramid")
    assert arguments[0] != "plan" or '"pixel_size": {"H": 1000.0, "W": 1000.0}' in done.out.replace("\n", "")


def test_the_page_has_them_all() -> None:
    """Lest a renamed block silence the test above."""
    assert len(COMMANDS) == 14
