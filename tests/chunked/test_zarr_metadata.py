"""What a Zarr array says of itself, and of its axes, holds for the result; xarray is the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunked.volumes_made import read, stored, zarr

import poolcli
from poolcli.chunked import run_array
from poolcli.pooling import parse_pooling


def pooled(path: Path | str, output: Path, reducer: str = "avg", key: str | None = None, **options: Any) -> None:
    """Pool a store, or a variable of it, into another."""
    array = run_array.open_array(str(path), key, lambda: None)  # type: ignore[arg-type, return-value]
    run_array.pool(parse_pooling(reducer, **options), array, str(output), overwrite=True)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.filterwarnings("ignore:Consolidated metadata")
def test_xarray_reopens_the_result_with_attributes_and_coordinates(tmp_path: Path, version: int, dtype: str) -> None:
    """Names of axes, attributes of variables and of the set, times and places; missing samples are missing still."""
    xarray = pytest.importorskip("xarray")
    values = np.random.default_rng(0).integers(0, 900, (4, 8, 6)).astype(dtype)
    values[0, 0, 0] = -1
    times = np.datetime64("2026-01-01T00:00", "ns") + np.arange(4) * np.timedelta64(1, "D")
    data = xarray.Dataset(
        {"air": (("time", "lat", "lon"), values, {"units": "K", "long_name": "air temperature"})},
        {"time": times, "lat": np.linspace(70, 0, 8), "lon": np.arange(200, 215, 2.5)}, {"title": "weather"})
    data.air.encoding["_FillValue"] = np.array(-1, dtype)[()]
    data.to_zarr(tmp_path / "x.zarr", zarr_format=version)
    pooled(tmp_path / "x.zarr", tmp_path / "y.zarr", "max", size=2)  # no --key: coordinates are no choice
    made = xarray.open_zarr(tmp_path / "y.zarr", consolidated=False)
    expected = xarray.open_zarr(tmp_path / "x.zarr").coarsen(lat=2, lon=2).max()
    assert made.attrs == data.attrs and made.air.attrs == data.air.attrs and made.air.dims == data.air.dims
    for name in ("time", "lat", "lon"):
        assert np.array_equal(made[name], expected[name]) and made[name].attrs == expected[name].attrs
    assert np.array_equal(made.air, expected.air)
    assert made.air.encoding["_FillValue"] == -1


@pytest.mark.parametrize("version", [2, 3])
def test_attributes_names_and_fill_value_of_an_array_alone_are_kept(tmp_path: Path, version: int) -> None:
    """Names of version 2 are an attribute, and say the layout as those of version 3 do."""
    names = {"dimension_names": ["z", "y", "x"]} if version == 3 else {}
    own = {"units": "mm"} | ({"_ARRAY_DIMENSIONS": ["z", "y", "x"]} if version == 2 else {})
    path = stored(tmp_path, np.ones((4, 6, 8), np.uint8), (2, 3, 4), version, attributes=own, fill_value=7, **names)
    pooled(path, tmp_path / "y.zarr", "sum", size=(2, 2, 2))
    made = zarr.open_array(str(tmp_path / "y.zarr"), mode="r")
    assert (made.shape, made.fill_value, dict(made.attrs)) == ((2, 3, 4), 7, own)
    assert version == 2 or tuple(made.metadata.dimension_names) == ("z", "y", "x")
    pooled(path, tmp_path / "y.zarr", size=2, layout="CHW", dtype="bool")
    assert zarr.open_array(str(tmp_path / "y.zarr"), mode="r").fill_value == 0  # 7 is no bool


@pytest.mark.filterwarnings("ignore:The data type")
def test_coordinates_that_have_no_mean_are_left_out(tmp_path: Path) -> None:
    """Of names along a pooled axis; along one that is kept they stay. A window's coordinate is that of its middle."""
    group = zarr.create_group(store=str(tmp_path / "x.zarr"))
    for name, axes, values in (("a", ["k", "x"], np.ones((3, 6))), ("k", ["k"], np.array(["r", "g", "b"])),
                               ("x", ["x"], np.arange(6) * 10)):
        group.create_array(name, data=values, dimension_names=axes)
    pooled(tmp_path / "x.zarr", tmp_path / "y.zarr", layout="CW", size=3, stride=2, padding=1)
    assert list(read(tmp_path / "y.zarr", "k")) == ["r", "g", "b"]
    assert list(read(tmp_path / "y.zarr", "x")) == [0, 20, 40]
    pooled(tmp_path / "x.zarr", tmp_path / "z.zarr", layout="HW", size=1)
    assert sorted(dict(zarr.open_group(str(tmp_path / "z.zarr")).arrays())) == ["a", "x"]


@pytest.mark.parametrize("output", ["y.zarr", "y.npy"])
@pytest.mark.parametrize("layout, shape", [("CHW", (0, 8, 8)), ("DHW", (8, 0, 8))])
def test_an_axis_of_length_zero_is_empty_or_an_error_as_in_memory(
        tmp_path: Path, output: str, layout: str, shape: tuple[int, ...]) -> None:
    """A kept one has no planes, so the result has none; a pooled one has no windows."""
    x = np.zeros(shape, np.uint8)
    path = stored(tmp_path, x, tuple(max(1, n) for n in shape))
    if layout == "DHW":
        with pytest.raises(poolcli.PoolError, match="axis H of shape 8x0x8 has no samples"):
            pooled(path, tmp_path / output, layout=layout, size=2)
        return
    pooled(path, tmp_path / output, layout=layout, size=2)
    made = read(tmp_path / output) if output.endswith(".zarr") else np.load(tmp_path / output)
    whole = poolcli.pool(x, "avg", layout=layout, size=2)
    assert (made.shape, made.dtype) == (whole.shape, whole.dtype)
