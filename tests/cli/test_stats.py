"""``poolcli stats``: what several reducers make of a file that is read once is what each makes alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, names

import poolcli
from poolcli import files
from poolcli.batch import run_in_memory
from poolcli.files import Loaded

THREE = ("max", "avg", "quantile --q 0.9")


def test_each_result_is_that_of_its_own_command(tmp_path: Path, here: Call) -> None:
    """To the last byte of the files: pictures, arrays, and a palette of which modes take indices and means colours."""
    numbers = tmp_path / "numbers.npy"
    np.save(numbers, np.random.default_rng(0).normal(size=(12, 10)))
    inputs = (SAMPLES / "image.png", SAMPLES / "labels.png", numbers)
    done = here("stats", "max", "avg", "mode", "-k", "3", *inputs, "-o", f"{tmp_path / 'all'}/", "--json")
    assert done.code == 0 and len(json.loads(done.out)["files"]) == 9
    for reducer in ("max", "avg", "mode"):
        alone = tmp_path / "alone" / f"{{stem}}_{reducer}{{ext}}"
        assert here(reducer, "-k", "3", *inputs, "-o", alone, "-q").code == 0
    assert names(tmp_path / "all") == names(tmp_path / "alone") and len(names(tmp_path / "all")) == 9
    for path in (tmp_path / "all").iterdir():
        assert path.read_bytes() == (tmp_path / "alone" / path.name).read_bytes()


@pytest.mark.parametrize("jobs", ["1", "3"])
def test_a_file_is_read_once(tmp_path: Path, here: Call, monkeypatch: pytest.MonkeyPatch, jobs: str) -> None:
    """Whatever is done side by side; also one that cannot be read, whose results all say why."""
    asked: list[str] = []
    read = files.read

    def count(name: str, **options: Any) -> Loaded:
        asked.append(name)
        return read(name, **options)

    monkeypatch.setattr(run_in_memory.files, "read", count)
    (tmp_path / "broken.png").write_bytes((SAMPLES / "image.png").read_bytes()[:900])
    done = here("stats", *THREE, "-k", "40", SAMPLES / "image.png", tmp_path / "broken.png", "-q", "-j", jobs,
                "-o", f"{tmp_path / 'out'}/")
    assert done.code == 3 and done.err.count("broken or truncated PNG") == 3
    assert sorted(asked) == sorted([str(SAMPLES / "image.png"), str(tmp_path / "broken.png")])


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_stacked_results_are_channels(tmp_path: Path, here: Call, shape: tuple[int, ...]) -> None:
    """In the order of the reducers, each the values of the library, in the type that holds all."""
    x = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    np.save(tmp_path / "in.npy", x)
    done = here("stats", *THREE, "-k", "5", "--stack", tmp_path / "in.npy", "-o", tmp_path / "out.npy", "--json")
    assert done.code == 0 and json.loads(done.out)["files"][0]["parameters"] == {"bands": "max, avg, quantile"}
    wanted = [*poolcli.pool(x, ["max", "avg"], size=5), poolcli.pool(x, "quantile", q=0.9, size=5)]
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.concatenate([one.reshape(4, 6, -1) for one in wanted], axis=2))


def test_bands_of_a_raster_have_names_and_their_place(tmp_path: Path, here: Call) -> None:
    """As rasterio reads them; windows without samples are NaN in every band."""
    rasterio = pytest.importorskip("rasterio")
    x = np.random.default_rng(2).integers(1, 200, (20, 30), np.uint8)
    x[:5, :5] = 0
    with rasterio.open(tmp_path / "in.tif", "w", driver="GTiff", count=1, height=20, width=30, dtype="uint8", nodata=0,
                       crs="EPSG:32633", transform=rasterio.Affine(30, 0, 500_000, 0, -30, 4_600_000)) as file:
        file.write(x, 1)
    done = here("stats", "max", "avg", "-k", "5", "--stack", tmp_path / "in.tif", "-q")
    assert done.code == 0, done.err
    with rasterio.open(tmp_path / "in_stats.tif") as file:
        assert file.descriptions == ("max", "avg") and file.res == (150, 150)
        found = file.read()
    blocks = x.reshape(4, 5, 6, 5).swapaxes(1, 2).reshape(4, 6, 25)
    assert np.isnan(found[:, 0, 0]).all()
    np.testing.assert_array_equal(found[0].ravel()[1:], blocks.max(2).ravel()[1:])
    np.testing.assert_allclose(found[1].ravel()[1:], blocks.mean(2).ravel()[1:])


def test_subfolders_stay(tmp_path: Path, here: Call) -> None:
    """Each input keeps its path below the folder that was scanned, so that two of one name do not meet."""
    for folder in ("", "b", "b/c"):
        (tmp_path / "in" / folder).mkdir(parents=True, exist_ok=True)
        np.save(tmp_path / "in" / folder / "x.npy", np.arange(16).reshape(4, 4) + len(folder))
    done = here("stats", "max", "min", "-k", "2", "-r", f"{tmp_path / 'in'}/", "-o", f"{tmp_path / 'out'}/", "-q")
    assert (done.code, done.err) == (0, "")
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.npy"))
    assert found == sorted(f"{folder}x_{reducer}.npy" for folder in ("", "b/", "b/c/") for reducer in ("max", "min"))
    assert np.load(tmp_path / "out/b/c/x_min.npy").tolist() == [[3, 5], [11, 13]]


@pytest.mark.parametrize("stacked", [False, True])
def test_masks_and_weights_go_for_all_reducers(tmp_path: Path, here: Call, monkeypatch: pytest.MonkeyPatch,
                                               stacked: bool) -> None:
    """The values are those of each alone, with too few valid samples none."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    x, mask, weights = rng.normal(size=(6, 8)), rng.random((6, 8)) < 0.6, rng.integers(1, 5, (6, 8))
    for name, array in (("x", x), ("m", mask), ("w", weights)):
        np.save(f"{name}.npy", array)
    done = here("stats", "avg", "sum", "-k", "2", "x.npy", "--mask", "!m.npy", "--weights", "w.npy",
                "--min-valid", "40%", *(["--stack", "-o", "y.npy"] if stacked else ["-o", "out/"]), "--json")
    assert (done.code, done.err) == (0, "")
    wanted = [poolcli.pool(x, name, size=2, mask=~mask, weights=weights, min_valid="40%") for name in ("avg", "sum")]
    found = np.moveaxis(np.load("y.npy"), -1, 0) if stacked else [np.load(f"out/x_{one}.npy") for one in ("avg", "sum")]
    np.testing.assert_array_equal(found, wanted)
    assert json.loads(done.out)["files"][0]["parameters"]["mask"] == "!m.npy"


@pytest.mark.parametrize(("words", "message"), [
    (["max", "avg", "in.npy", "-o", "one.npy"], "--output: takes one result, and there are 2"),
    (["max", "avg", "in.npy", "-o", "{stem}.npy"], "--output: needs {reducer}"),
    (["in.npy"], "STAGE: is missing"), (["maxx", "in.npy"], "begins with no reducer's name"),
    (["max", "avg", "--q", "0.5", "in.npy"], "--q: is a parameter of quantile"),
    (["avg", "max", "--weights", "in.npy", "in.npy"], "--weights: mean nothing to max; those that take them: avg"),
])
def test_what_cannot_be_is_one_line(tmp_path: Path, here: Call, monkeypatch: pytest.MonkeyPatch, words: list[str],
                                    message: str) -> None:
    """Usage, before anything is read."""
    monkeypatch.chdir(tmp_path)
    np.save("in.npy", np.zeros((4, 4)))
    done = here("stats", *words)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1
    assert names(tmp_path) == ["in.npy"]


def test_shapes_that_differ_are_not_stacked(tmp_path: Path, here: Call) -> None:
    """They are named."""
    np.save(tmp_path / "in.npy", np.zeros((6, 6)))
    done = here("stats", "max -k 2", "avg -k 3", "--stack", tmp_path / "in.npy", "-o", tmp_path / "out.npy")
    assert done.code == 1 and "results of several shapes cannot be stacked: (2, 2), (3, 3)" in done.err
