"""Chunked arrays on a cluster: a scheduler, two workers as processes, jobs that are chunks; bytes of a local run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chunked.volumes_made import read, stored
from cli.calls import Call, names

import poolcli

pytest.importorskip("distributed", reason='the extra is missing: pip install "poolcli[dask]"')


def test_chunks_go_to_workers(here: Call, tmp_path: Path) -> None:
    """By boxes, by parts of one window, into a .npy that no worker can write; an error is told as a local one is."""
    x = np.random.default_rng(0).integers(0, 60_000, (64, 60, 62)).astype(np.uint16)
    path = stored(tmp_path, x, (16, 16, 16), name="volume.zarr")
    cluster = ("--layout", "DHW", "-q", "--scheduler", "local", "--jobs", "2")
    for windows in (("-k", "3", "-s", "2"), ("--global",)):
        for output in ("y.zarr", "y.npy"):
            called = here("avg", path, *windows, *cluster, "-o", tmp_path / output, "--overwrite")
            assert (called.code, called.err) == (0, "")
        options = {"size": 3, "stride": 2} if windows[0] == "-k" else {"size": "all"}
        whole = poolcli.pool(x, "avg", layout="DHW", **options)
        assert read(tmp_path / "y.zarr").tobytes() == np.load(tmp_path / "y.npy").tobytes() == whole.tobytes()
    negative = stored(tmp_path, -x.astype(np.int32), (16, 16, 16), name="negative.zarr")
    called = here("stochastic", negative, *cluster, "-o", tmp_path / "z.zarr")
    assert called.code == 1 and "stochastic has no meaning for negative values" in called.err
    assert names(tmp_path) == ["negative.zarr", "volume.zarr", "y.npy", "y.zarr"]
