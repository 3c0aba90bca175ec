"""Chunked arrays at URLs: in and out, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chunked.volumes_made import zarr
from cli.calls import Call

import poolcli
from poolcli import PoolError
from poolcli.files.remote import fsspec_io


def read(url: str, name: str = "") -> Any:
    """An array of a store, by the library."""
    return zarr.open_array(url, path=name, mode="r")[:]


def test_an_array_goes_out_and_comes_in(here: Call, tmp_path: Path, memory: Any) -> None:
    """To a URL and from one, as to a folder; what is there is refused, passed over or replaced."""
    x = np.random.default_rng(1).integers(0, 256, (12, 20), np.uint8)
    np.save(tmp_path / "x.npy", x)
    pooled = poolcli.pool(x, "max", size=2)
    assert here("max", tmp_path / "x.npy", "-k", "2", "-o", "memory://b/y.zarr", "-q") == (0, "", "")
    assert (read("memory://b/y.zarr") == pooled).all()
    assert here("avg", "memory://b/y.zarr", "-o", tmp_path / "z.npy", "-q") == (0, "", "")
    assert (np.load(tmp_path / "z.npy") == poolcli.pool(pooled, "avg")).all()
    refused = here("min", tmp_path / "x.npy", "-o", "memory://b/y.zarr", "-q")
    assert refused.code == 1 and "memory://b/y.zarr exists; --overwrite or --skip-existing" in refused.err
    assert here("min", tmp_path / "x.npy", "-o", "memory://b/y.zarr", "-q", "--skip-existing").code == 0
    assert (read("memory://b/y.zarr") == pooled).all()
    assert here("min", tmp_path / "x.npy", "-o", "memory://b/y.zarr", "-q", "--overwrite").code == 0
    assert (read("memory://b/y.zarr") == poolcli.pool(x, "min")).all()


def test_a_pyramid_goes_into_a_group(here: Call, tmp_path: Path, memory: Any) -> None:
    """All levels, and metadata that say which they are."""
    x = np.random.default_rng(2).integers(0, 256, (16, 24), np.uint8)
    np.save(tmp_path / "x.npy", x)
    assert here("pyramid", tmp_path / "x.npy", "--layout", "HW", "--levels", "2", "-o", "memory://b/p.zarr").code == 0
    assert (read("memory://b/p.zarr", "1") == poolcli.pool(x, "avg", dtype="uint8")).all()
    told = json.loads(memory.cat_file("/b/p.zarr/zarr.json"))["attributes"]["ome"]["multiscales"][0]["datasets"]
    assert [one["path"] for one in told] == ["0", "1", "2"]


def test_what_is_not_there_is_one_line(here: Call, tmp_path: Path, memory: Any) -> None:
    """And nothing is written."""
    done = here("avg", "memory://b/none.zarr", "-o", tmp_path / "z.npy")
    reason = "cannot be read: there is no Zarr array or group here"
    assert (done.code, done.err) == (1, f"poolcli: memory://b/none.zarr: {reason}\n")
    assert list(tmp_path.iterdir()) == []


def test_metadata_come_last_and_a_failed_upload_is_taken_back(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader finds no array before all chunks are there; after an error, or Ctrl-C, there is nothing."""
    sent: list[str] = []
    plain = type(memory).put_file

    def put_file(self: Any, source: str, target: str, **options: Any) -> None:
        if fails is not None and len(sent) == 2:
            raise fails
        sent.append(target)
        plain(self, source, target, **options)

    monkeypatch.setattr(type(memory), "put_file", put_file)
    for fails in (OSError("gone"), KeyboardInterrupt(), None):
        sent.clear()
        try:
            with fsspec_io.create_folder("memory://b/a.zarr", overwrite=False) as folder:
                (Path(folder) / "zarr.json").write_text("{}")
                (Path(folder) / "c").mkdir()
                for name in "01":
                    (Path(folder) / "c" / name).write_bytes(b"x")
        except (PoolError, KeyboardInterrupt):
            assert fails is not None
        assert bool(memory.find("/b")) is (fails is None)
    assert sent[-1].endswith("/b/a.zarr/zarr.json") and len(sent) == 3


def test_a_cluster_elsewhere_writes_no_url(here: Call, tmp_path: Path) -> None:
    """Chunks lie in a folder here until all are there."""
    pytest.importorskip("fsspec")
    np.save(tmp_path / "x.npy", np.zeros((4, 4)))
    for command in (["max"], ["pyramid", "--layout", "HW"]):
        done = here(*command, tmp_path / "x.npy", "-o", "memory://b/a.zarr", "--scheduler", "tcp://head:8786")
        assert done.code == 2 and done.err.startswith("poolcli: --scheduler: writes chunks into a folder of this")
    done = here("pyramid", tmp_path / "x.npy", "--scheduler", "local", "-o", tmp_path / "l/")
    assert done.code == 2 and "an output that ends in .zarr would work" in done.err
