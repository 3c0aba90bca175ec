"""DataArrays and NetCDF: sizes by the names of axes, coordinates that are means, all that CF asks for."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from places import chain, pool_file

import poolcli
from poolcli.errors import OptionError, PoolError
from poolcli.files import read

xarray = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")
pytest.importorskip("h5py")


def temperature(shape: tuple[int, int, int] = (4, 12, 18), **options: Any) -> Any:
    """A grid with dates, texts, and a coordinate of two axes."""
    values = np.random.default_rng(1).normal(280, 9, shape).astype("float32")
    time, lat, lon = shape
    latitudes = 60 - 0.25 * np.arange(lat)
    coords = {
        "time": ("time", np.datetime64("2020-01-01", "ns") + np.arange(time) * np.timedelta64(6, "h")),
        "lat": ("lat", latitudes, {"units": "degrees_north"}),
        "lon": ("lon", 5 + 0.25 * np.arange(lon), {"units": "degrees_east"}),
        "height": (("lat", "lon"), np.random.default_rng(2).normal(size=(lat, lon))),
        "station": ("lon", [f"s{i}" for i in range(lon)]), "version": 3,
    }
    return xarray.DataArray(values, dims=("time", "lat", "lon"), coords=coords, name="t2m",
                            attrs={"units": "K", "standard_name": "air_temperature"}, **options)


def test_as_coarsen() -> None:
    """Values, dates and coordinates of whole windows, by the names of dimensions."""
    x = temperature()
    made, bare = poolcli.pool(x, "avg", size={"lat": 3, "lon": 2}), x.drop_vars("station")  # texts have no mean
    expected = bare.coarsen(lat=3, lon=2).mean()
    assert made.dims == expected.dims and made.name == "t2m" and made.attrs["units"] == "K"
    assert made.attrs["cell_methods"] == "lat: lon: mean" and "station" not in made.coords
    np.testing.assert_allclose(made.values, expected.values, rtol=1e-6)
    for name in ("time", "lat", "lon", "height", "version"):
        np.testing.assert_array_almost_equal(made[name].values.astype(float), expected[name].values.astype(float), 12)
    days = poolcli.pool(x, "max", size={"time": 4})
    assert days.time.values[0] == bare.coarsen(time=4).max().time.values[0] and days.shape == (1, 12, 18)


def test_all_that_coarsen_has_not() -> None:
    """Strides, padding and uneven windows; the same values as of the array."""
    x = temperature()
    options = {"size": 3, "stride": 2, "padding": 1}
    made = poolcli.pool(x, "median", **options)
    np.testing.assert_array_equal(made.values, poolcli.pool(x.values, "median", layout="CHW", **options))
    np.testing.assert_allclose(made.lat.values, 60 - 0.5 * np.arange(6))
    uneven = poolcli.pool(x, "max", adaptive={"lon": 4})
    np.testing.assert_allclose(uneven.lon.values, 5 + 0.25 * np.array([2.0, 6.0, 11.0, 15.0]))
    flat = poolcli.pool(x, "max", size={"lat": "all", "lon": "all"}, squeeze=True)
    assert flat.dims == ("time",) and float(flat.lat) == pytest.approx(x.lat.values.mean())


def test_an_accessor() -> None:
    """With the same options."""
    import poolcli.xarray

    assert poolcli.xarray.PoolAccessor
    x = temperature()
    xarray.testing.assert_identical(x.pool("mode", size={"lon": 3}), poolcli.pool(x, "mode", size={"lon": 3}))


def test_dask_stays_lazy() -> None:
    """The array inside is Dask's before and after."""
    pytest.importorskip("dask")
    x = temperature()
    made = poolcli.pool(x.chunk({"lat": 5}), "max", size={"lat": 2, "lon": 2})
    assert made.chunks is not None
    np.testing.assert_array_equal(made.values, poolcli.pool(x, "max", size={"lat": 2, "lon": 2}).values)


@pytest.mark.parametrize(("options", "said"), [
    ({"size": {"latitude": 2}}, "no axis is called latitude; there are time, lat, lon"),
    ({"size": {}}, "by names is a number for each"), ({"size": {"lat": 0}}, "whole number"),
    ({"size": {"lat": 2, "H": 2}}, "an axis is named twice"), ({"return_indices": True}, "goes with arrays")])
def test_what_is_wrong_is_said(options: dict[str, Any], said: str) -> None:
    """With what would work."""
    with pytest.raises((OptionError, PoolError), match=said):
        poolcli.pool(temperature(), "max", **options)


def test_datasets_hold_several() -> None:
    """One of them would work."""
    with pytest.raises(PoolError, match="one of them"):
        poolcli.pool(temperature().to_dataset(), "max")


def test_names_in_arrays() -> None:
    """Letters are names too; what is not named is kept."""
    x = np.arange(48).reshape(2, 4, 6)
    for size, same, layout in (({"H": 2, "W": 3}, (2, 3), "CHW"), ({"W": 3}, (1, 3), "CHW"),
                               ({"C": 2}, (2, 1, 1), "DHW")):
        made = poolcli.pool(x, "max", size=size, layout="CHW")
        np.testing.assert_array_equal(made, poolcli.pool(x, "max", size=same, layout=layout))


# Files.


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A packed, compressed variable."""
    x = temperature()
    x.values[0, 0, 0] = np.nan
    x.encoding = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 280.0, "_FillValue": -32768, "zlib": True}
    data = x.to_dataset().drop_vars("station")
    data.lat.attrs["bounds"] = "lat_bnds"
    data["lat_bnds"] = ("lat", "nv"), np.stack((data.lat.values + 0.125, data.lat.values - 0.125), axis=1)
    data.attrs["title"] = "weather"
    data.to_netcdf(tmp_path / "in.nc", engine="h5netcdf")
    return tmp_path / "in.nc"


def test_centres_are_those_of_windows(file: Path, tmp_path: Path) -> None:
    """Of even coordinates, for random plans, to 1e-9 of a sample, as xarray finds both."""
    chance = random.Random(6)
    for _ in range(8):
        stages, centres = chain(chance, (4, 12, 18), "CHW")
        pool_file(file, tmp_path / "out.nc", stages)
        with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as made:
            for name, first, step, expected in (("lat", 60, -0.25, centres[0]), ("lon", 5, 0.25, centres[1])):
                found = (made[name].values - first) / step
                np.testing.assert_allclose(found, [float(one) for one in expected], atol=1e-9)


def test_a_variable_of_a_file(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name of dimension; packing, attributes, bounds and cell methods are there again."""
    from click.testing import CliRunner

    from poolcli.cli import main

    command = ["avg", "-k", "lat=2,lon=2", str(file), "--key", "t2m", "-o", str(tmp_path / "out.nc"), "--nan", "ignore",
               "-q"]
    done = CliRunner().invoke(main.program, command)
    assert done.exit_code == 0, done.output
    with xarray.open_dataset(file, engine="h5netcdf") as before, xarray.open_dataset(
            tmp_path / "out.nc", engine="h5netcdf") as after:
        expected = before.t2m.coarsen(lat=2, lon=2).mean()
        np.testing.assert_allclose(after.t2m.values, expected.values, atol=0.0051)
        assert after.attrs["title"] == "weather" and after.t2m.attrs["cell_methods"] == "lat: lon: mean"
        assert after.t2m.encoding["dtype"] == np.int16 and after.t2m.encoding["scale_factor"] == 0.01
        np.testing.assert_allclose(after.lat_bnds.values[:, 0], before.lat_bnds.values[::2, 0])
        np.testing.assert_allclose(after.lat_bnds.values[:, 1], before.lat_bnds.values[1::2, 1])
        np.testing.assert_array_equal(after.time.values, before.time.values)


def test_packing_that_is_too_narrow_is_left_out(file: Path, tmp_path: Path) -> None:
    """With a note, and values as they are."""
    loaded = read(file)
    notes = poolcli.files.write(tmp_path / "out.nc", loaded.array * 1000, loaded.source)
    assert any("its packing as int16 is left out" in note for note in notes)
    with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as after:
        np.testing.assert_allclose(after.t2m.values, loaded.array * 1000)


def test_damaged_files_are_one_line(file: Path, tmp_path: Path) -> None:
    """Whatever is wrong with them."""
    chance = random.Random(8)
    whole = file.read_bytes()
    for _ in range(25):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.4 else whole)
        for _ in range(chance.randint(1, 20) if data else 0):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "bad.nc").write_bytes(data)
        try:
            read(tmp_path / "bad.nc")
        except PoolError as error:
            assert "\n" not in str(error)


def test_masks_and_weights_by_the_names_of_dimensions() -> None:
    """Of some dimensions, in any order: as xarray's weighted mean, and as where() for a mask; lazy where x is."""
    x = temperature()
    weights = xarray.DataArray(np.random.default_rng(3).random((18, 12)), dims=("lon", "lat"),
                               coords={"lat": x.lat, "lon": x.lon})
    mask = xarray.DataArray(np.random.default_rng(4).random((12, 18)) < 0.4, dims=("lat", "lon"))
    bare, size = x.drop_vars("station").astype(float), {"lat": 3, "lon": 2}
    wanted = (bare * weights).coarsen(size).sum() / weights.broadcast_like(bare).coarsen(size).sum()
    made = x.astype(float).pool("avg", size=size, weights=weights)
    np.testing.assert_allclose(made.values, wanted.transpose(*x.dims).values, rtol=1e-12)
    hidden, valid = x.pool("max", size=size, mask=mask, return_valid=True)
    np.testing.assert_array_equal(hidden.values, bare.where(mask).coarsen(size).max().values.astype("float32"))
    np.testing.assert_array_equal(valid.values, mask.broadcast_like(x).coarsen(size).sum().transpose(*x.dims).values)
    assert valid.name == "valid" and valid.dims == hidden.dims and valid.lat.equals(hidden.lat)
    pytest.importorskip("dask.array")
    lazy = x.chunk({"lat": 5, "lon": 7}).pool("max", size=size, mask=mask.chunk({"lon": 4}))
    assert lazy.chunks is not None and lazy.compute().equals(hidden)


@pytest.mark.parametrize(("mask", "said"), [
    (xarray.DataArray(np.ones(3, bool), dims="depth"), "mask has the dimension depth, and the samples have time"),
    (xarray.DataArray(np.ones(12, bool), dims="lat", coords={"lat": np.arange(12)}), "mask has other coordinates"),
    (np.ones((3, 2), bool), "the mask has the shape 3x2, the samples 4x12x18")], ids=["names", "places", "shape"])
def test_a_mask_of_other_axes_is_refused(mask: Any, said: str) -> None:
    """With what would work."""
    with pytest.raises(PoolError, match=said):
        temperature().pool("max", size={"lat": 2, "lon": 2}, mask=mask)


def test_whole_pixels_and_errors_by_the_names_of_dimensions() -> None:
    """As of plain arrays, lazy where x is; coordinates are means, and errors have the units."""
    rng, size = np.random.default_rng(5), {"lat": 2, "lon": 3}
    x = temperature().astype("float64").drop_vars("station")
    scores = xarray.DataArray(rng.random((18, 12)), dims=("lon", "lat"))
    mask = xarray.DataArray(rng.random((12, 18)) < 0.7, dims=("lat", "lon"))
    bands = x.rename(time="band")
    best = bands.pool("max", size=size, by=scores, mask=mask, layout="CHW", nan="ignore")
    wanted = poolcli.pool(bands.values, "max", size=(2, 3), by=scores.values.T, mask=mask.values, layout="CHW")
    np.testing.assert_array_equal(best.values, wanted)
    assert best.dims == bands.dims and "cell_methods" not in best.attrs
    np.testing.assert_allclose(best.lat, bands.lat.coarsen(lat=2).mean())
    np.testing.assert_array_equal(
        bands.pool("max", size=size, by=1, layout="CHW").values,
        poolcli.pool(bands.values, "max", size=(2, 3), by=1, layout="CHW"))
    sigma = xarray.DataArray(rng.random((18, 12)), dims=("lon", "lat"))
    mean, error = poolcli.pool(x, "avg", size=size, sigma=sigma, mask=mask)
    present = mask.broadcast_like(x).transpose(*x.dims)
    squares = (sigma**2).broadcast_like(x).where(present)
    np.testing.assert_allclose(error, np.sqrt(squares.coarsen(size).sum().transpose(*x.dims))
                               / present.coarsen(size).sum(), rtol=1e-12)
    np.testing.assert_allclose(mean, x.where(present).coarsen(size).mean(), rtol=1e-12)
    assert (error.name, error.attrs, error.dims) == ("sigma", {"units": "K"}, x.dims)
    np.testing.assert_array_equal(error.lon, mean.lon)
    pytest.importorskip("dask.array")
    lazy = bands.chunk({"lat": 5, "lon": 7}).pool("max", size=size, by=scores, mask=mask, layout="CHW")
    assert type(lazy.data) is not np.ndarray
    np.testing.assert_array_equal(lazy.values, wanted)


@pytest.mark.parametrize("what", ["by", "mask"])
def test_a_score_for_each_channel_is_refused(what: str) -> None:
    """There is one for each pixel; the message names the dimension."""
    bands = temperature().rename(time="band")
    given = {"by": bands.isel(band=0, drop=True), what: bands}
    with pytest.raises(poolcli.PoolError, match=f"{what} has the dimension band, and the samples have lat, lon"):
        bands.pool("max", size={"lat": 2, "lon": 2}, layout="CHW", **given)
