"""HDF5 datasets that h5py wrote, pooled, and read again by h5py; names of dimensions in chains and in Zarr."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call

h5py = pytest.importorskip("h5py")
xarray = pytest.importorskip("xarray")
pytest.importorskip("h5netcdf")
SHAPE = (4, 6, 8)


@pytest.fixture
def array(tmp_path: Path) -> np.ndarray:
    """Three datasets in x.h5: one alone, one in groups, one of another kind."""
    array = np.random.default_rng(0).integers(0, 99, SHAPE).astype("int16")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["image"] = array[0]
        file["entry/data/counts"] = array
        file["entry/name"] = "a run"
        file["image"].attrs["units"] = "counts"
    return array


@pytest.mark.parametrize(("key", "options"), [("image", ()), ("entry/data/counts", ("--layout", "nHW")),
                                              ("/entry/data/counts", ("--layout", "nHW"))])
def test_datasets_by_their_paths(here: Call, tmp_path: Path, array: np.ndarray, key: str,
                                 options: tuple[str, ...]) -> None:
    """Values are those of blocks, attributes stay."""
    done = here("max", "-k", "2", *options, "--key", key, tmp_path / "x.h5", "-o", tmp_path / "out.h5")
    assert done.code == 0, done.err
    wanted = array.reshape(4, 3, 2, 4, 2).max((2, 4))
    with h5py.File(tmp_path / "out.h5") as file:
        found = file[key.rpartition("/")[2]]
        np.testing.assert_array_equal(found, wanted[0] if key == "image" else wanted)
        assert key != "image" or found.attrs["units"] == "counts"


def test_axes_without_names_need_a_layout(here: Call, tmp_path: Path, array: np.ndarray,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of .npy do; and a path to nothing names what there is."""
    monkeypatch.delenv("POOLCLI_LAYOUT")
    done = here("max", "-k", "2", "--key", "entry/data/counts", tmp_path / "x.h5", "-o", tmp_path / "out.h5")
    assert done.code != 0 and "--layout" in done.err
    for key in "nothing", "entry/nothing", "nowhere/at/all":
        done = here("max", "-k", "2", "--key", key, tmp_path / "x.h5", "-o", tmp_path / "out.h5")
        assert done.code == 1 and "Traceback" not in done.err and done.err.count("\n") == 1


def test_arrays_of_other_files_go_into_hdf5(here: Call, tmp_path: Path) -> None:
    """And come back as they were."""
    array = np.random.default_rng(0).normal(size=(6, 8)).astype("float32")
    np.save(tmp_path / "x.npy", array)
    assert here("max", "-k", "2", tmp_path / "x.npy", "-o", tmp_path / "out.hdf5").code == 0
    with h5py.File(tmp_path / "out.hdf5") as file:
        np.testing.assert_array_equal(file["values"], array.reshape(3, 2, 4, 2).max((1, 3)))


def test_a_cut_file_is_one_line(here: Call, tmp_path: Path, array: np.ndarray) -> None:
    """Whatever is missing."""
    data = (tmp_path / "x.h5").read_bytes()
    for count in (100, len(data) // 2, len(data) - 9):
        (tmp_path / "cut.h5").write_bytes(data[:count])
        done = here("max", "-k", "2", "--key", "image", tmp_path / "cut.h5", "-o", tmp_path / "cut_out.h5")
        assert done.code == 1 and "Traceback" not in done.err and done.err.count("\n") == 1


def grid() -> object:
    """A variable with named dimensions and coordinates."""
    coords = {"time": np.arange(4) * 6, "lat": 50 - np.arange(6) * 0.5, "lon": np.arange(8) * 0.25}
    values = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    return xarray.Dataset({"t2m": (("time", "lat", "lon"), values, {"units": "K"})}, coords)


def test_names_in_a_chain(here: Call, tmp_path: Path) -> None:
    """Each stage may name its own, of the file."""
    dataset = grid()
    dataset.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")  # type: ignore[attr-defined]
    done = here("chain", "avg -k lat=2,lon=4", "max -k time=2", tmp_path / "x.nc", "-o", tmp_path / "out.nc")
    assert done.code == 0, done.err
    wanted = dataset.coarsen(lat=2, lon=4).mean().coarsen(time=2).max()  # type: ignore[attr-defined]
    with xarray.open_dataset(tmp_path / "out.nc", engine="h5netcdf") as found:
        np.testing.assert_allclose(found.t2m, wanted.t2m, rtol=1e-6)
        for name in "lat", "lon":
            np.testing.assert_allclose(found[name], wanted[name])
    done = here("chain", "avg -k lat=2", "max -k depth=2", tmp_path / "x.nc", "-o", tmp_path / "no.nc")
    assert done.code == 1 and "no axis is called depth" in done.err and "time" in done.err


def test_names_in_zarr(here: Call, tmp_path: Path) -> None:
    """Chunk by chunk; what xarray wrote opens in xarray again, with its coordinates."""
    pytest.importorskip("zarr")
    dataset = grid()
    dataset.to_zarr(tmp_path / "x.zarr", consolidated=False)  # type: ignore[attr-defined]
    done = here("avg", "-k", "lat=3,time=2", tmp_path / "x.zarr", "-o", tmp_path / "out.zarr")
    assert done.code == 0, done.err
    wanted = dataset.coarsen(lat=3, time=2).mean()  # type: ignore[attr-defined]
    with xarray.open_zarr(tmp_path / "out.zarr", consolidated=False) as found:
        assert found.t2m.dims == ("time", "lat", "lon") and found.t2m.attrs["units"] == "K"
        np.testing.assert_allclose(found.t2m, wanted.t2m, rtol=1e-6, atol=1e-6)  # xarray sums in float32
        for name in "time", "lat", "lon":
            np.testing.assert_allclose(found[name], wanted[name])
