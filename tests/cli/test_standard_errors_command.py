"""``--sigma`` and ``--sigma-out``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poolcli

X = np.random.default_rng(0).random((6, 8)).astype(np.float32)
S = np.random.default_rng(1).random((6, 8))


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An array and its errors."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("x_err.npy", S)


def test_errors_beside_the_result(here: Any) -> None:
    """By patterns, with weights; the report names the files."""
    np.save("w.npy", S + 1)
    done = here("avg", "-k", "2", "x.npy", "-o", "y.npy", "--sigma", "{stem}_err.npy", "--sigma-out", "{stem}_out.npy",
                "--weights", "w.npy", "--json")
    assert done.code == 0, done.err
    values, errors = poolcli.pool(X, "avg", size=2, sigma=S, weights=S + 1)
    np.testing.assert_array_equal(np.load("y.npy"), values)
    np.testing.assert_array_equal(np.load("x_out.npy"), errors)
    parameters = json.loads(done.out)["files"][0]["parameters"]
    assert parameters["sigma"] == "x_err.npy" and parameters["sigma-out"] == "x_out.npy"


def test_errors_of_a_raster_lie_where_it_does(here: Any) -> None:
    """In its coordinates."""
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open("x.tif", "w", driver="GTiff", width=8, height=6, count=1, dtype="float32", crs="EPSG:32632",
                       transform=rasterio.Affine(10, 0, 5e5, 0, -10, 4e6)) as file:
        file.write(X, 1)
    done = here("sum", "-k", "2", "x.tif", "-o", "y.tif", "--sigma", "x_err.npy", "--sigma-out", "e.tif")
    assert done.code == 0, done.err
    with rasterio.open("y.tif") as values, rasterio.open("e.tif") as errors:
        assert errors.transform == values.transform and errors.crs == values.crs
        np.testing.assert_allclose(errors.read(1), poolcli.pool(X, "sum", size=2, sigma=S)[1], rtol=1e-6)


@pytest.mark.parametrize(("options", "code", "said"), [
    (["--sigma", "x_err.npy"], 2, "goes with --sigma-out"), (["--sigma-out", "e.npy"], 2, "goes with --sigma FILE"),
    (["--sigma", "gone.npy", "--sigma-out", "e.npy"], 1, "--sigma gone.npy: cannot be read"),
    (["--sigma", "x_err.npy", "--sigma-out", "y.npy"], 2, "is another output too"),
    (["--sigma", "x_err.npy", "--sigma-out", "x_err.npy"], 1, "exists")])
def test_what_cannot_be_is_one_line(here: Any, options: list[str], code: int, said: str) -> None:
    """And an exit code."""
    done = here("avg", "-k", "2", "x.npy", "-o", "y.npy", *options)
    assert done.code == code and said in done.err and not Path("e.npy").exists(), done.err
