"""Chunked arrays on a cluster: a scheduler, two workers as processes, jobs that are chunks; bytes of a local run."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from chunked.volumes_made import read, stored
from cli.calls import Call, names
from cli.test_cluster import Started, environment

import poolcli
from poolcli.chunked import executors

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


@pytest.mark.parametrize("ending", ["npy", "zarr"])
def test_what_goes_with_results_comes_back_from_workers(here: Call, tmp_path: Path, ending: str) -> None:
    """Numbers of valid samples, and standard errors, in a .npy as in chunks: those of one machine."""
    rng = np.random.default_rng(1)
    x, sigma, mask = (rng.random((32, 30, 31)).astype(np.float32) for _ in range(3))
    for name, array in (("sigma", sigma), ("mask", (mask < 0.6).astype(np.uint8))):
        np.save(tmp_path / f"{name}.npy", array)
    path = stored(tmp_path, x, (8, 8, 8), name="volume.zarr")
    words = ("avg", path, "--layout", "DHW", "-q", "-k", "3", "-s", "2", "--mask", tmp_path / "mask.npy", "--sigma",
             tmp_path / "sigma.npy", "--min-valid", "3")
    for where, more in (("here", ()), ("there", ("--scheduler", "local", "--jobs", "2"))):
        done = here(*words, "--sigma-out", tmp_path / f"e_{where}.{ending}", "--valid-out", tmp_path / f"v_{where}.npy",
                    "-o", tmp_path / f"y_{where}.{ending}", *more)
        assert (done.code, done.err) == (0, "")
    for name, form in (("y", ending), ("e", ending), ("v", "npy")):
        ours, theirs = (tmp_path / f"{name}_{where}.{form}" for where in ("here", "there"))
        load = read if form == "zarr" else np.load
        assert load(ours).tobytes() == load(theirs).tobytes()  # type: ignore[operator]
    assert np.load(tmp_path / "v_there.npy").max() > 10


HOOK = """
import os, sys, time

trouble = os.environ.get("TROUBLE")
if trouble == "lacks poolcli":
    sys.modules["poolcli"] = None
elif trouble == "another version":
    import poolcli
    poolcli.__version__ = "0.0.9"
elif trouble == "another folder":
    real = os.path.lexists
    os.path.lexists = lambda path: not str(path).endswith("v.zarr") and real(path)
elif "SLOW_WRITES" in os.environ and "dask_worker" in " ".join(sys.orig_argv):
    from poolcli.chunked import run_box
    real = run_box.pool_box

    def pool_box(task, outputs):
        time.sleep(float(os.environ["SLOW_WRITES"]))
        return real(task, outputs)

    run_box.pool_box = pool_box
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Started]:
    """A scheduler and two workers on which a box takes four seconds."""
    (tmp_path / "site").mkdir()
    (tmp_path / "there").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(HOOK, encoding="utf-8")
    env = {**environment(tmp_path / "site", tmp_path / "notes"), "SLOW_WRITES": "4"}
    made = Started(tmp_path / "there", env)
    try:
        made.revive()
        yield made
    finally:
        made.end()


def begin(folder: Path, scheduler: Path, *words: str) -> subprocess.Popen[str]:
    """Pool a volume of 27 boxes on a cluster, in a process of its own."""
    x = np.ones((48, 48, 48), np.uint16)
    path = stored(folder, x, (16, 16, 16), name="v.zarr")
    command = [sys.executable, "-c", "from poolcli.chunked import chunk_shapes\nchunk_shapes.JOB_BYTES = 1 << 13\n"
               "chunk_shapes.CHUNK_BYTES = 1\nfrom poolcli.cli.main import start\nstart()", "max", "--layout", "DHW",
               path, "-o", str(folder / "y.zarr"), "--scheduler", str(scheduler), *words]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_ctrl_c_in_a_chunked_run_leaves_nothing(cluster: Started, tmp_path: Path) -> None:
    """130 within ten seconds and one line, though workers are in the middle of boxes; no store comes back later."""
    (tmp_path / "w").mkdir()
    going = begin(tmp_path / "w", cluster.file, "-q")
    until = time.monotonic() + 60
    while not list((tmp_path / "w").glob(".poolcli-*/c")) and time.monotonic() < until:
        time.sleep(0.1)
    begun = time.monotonic()
    going.send_signal(signal.SIGINT)
    out, err = going.communicate(timeout=150)
    assert (going.returncode, out, err) == (130, "", "poolcli: interrupted\n")
    assert time.monotonic() - begun < 10 and names(tmp_path / "w") == ["v.zarr"]
    time.sleep(5)  # more than a box takes
    assert names(tmp_path / "w") == ["v.zarr"]


def test_a_cluster_without_workers_says_so_and_goes_on(cluster: Started, tmp_path: Path) -> None:
    """In a line, with the number of jobs that wait; a worker that comes does them."""
    (tmp_path / "w").mkdir()
    for one in cluster.workers:
        one.kill()
        one.wait()
    with begin(tmp_path / "w", cluster.file) as going:
        assert going.stderr is not None
        if not select.select([going.stderr], [], [], 60)[0]:
            going.kill()
        line = going.stderr.readline()
        assert line == "poolcli: the scheduler has no workers; 8 jobs wait for one, as dask worker starts it\n"
        cluster.env["SLOW_WRITES"] = "0"
        cluster.revive()
        assert going.wait(60) == 0
    assert names(tmp_path / "w") == ["v.zarr", "y.zarr"]


@pytest.mark.parametrize("trouble, reason", [
    ("lacks poolcli", "has no poolcli; the same version on all would work"),
    ("another version", f"has poolcli 0.0.9, and this is {poolcli.__version__}; the same on all would work"),
    ("another folder", "sees no {folder}/v.zarr; a folder that has the same name on all machines would work"),
])
def test_a_worker_that_cannot_do_our_jobs_is_named_and_left_alone(cluster: Started, tmp_path: Path, trouble: str,
                                                                  reason: str) -> None:
    """One line; the other worker does all. With none that can the run ends before a job is lost."""
    (tmp_path / "w").mkdir()
    reason = reason.format(folder=tmp_path / "w")
    for one in cluster.workers:
        one.kill()
        one.wait()
    cluster.env["SLOW_WRITES"] = "0"
    cluster.workers[1] = cluster.another()
    cluster.env["TROUBLE"] = trouble
    cluster.workers[0] = cluster.another()
    time.sleep(4)  # till both are there
    with begin(tmp_path / "w", cluster.file) as going:
        said = going.communicate(timeout=150)[1].splitlines()
    lacking = [line for line in said if "compiling" not in line and "->" not in line]
    assert going.returncode == 0 and len(lacking) == 1, said
    assert lacking[0].startswith("poolcli: worker tcp://127.0.0.1:") and lacking[0].endswith(f" {reason}"), lacking
    cluster.workers[1].kill()
    cluster.workers[1].wait()
    with begin(tmp_path / "w", cluster.file, "--overwrite", "-q") as going:
        out, err = going.communicate(timeout=150)
    assert (going.returncode, out) == (1, "")
    assert err.endswith(f"v.zarr: no worker can do it: {reason}\n"), err


def test_a_pyramid_on_a_cluster_is_that_of_one_machine(here: Call, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Each level's chunks are jobs of workers; the group has the same bytes in it, and no job was done here."""
    x = np.random.default_rng(1).integers(0, 60_000, (64, 48)).astype(np.uint16)
    path = stored(tmp_path, x, (16, 16), name="scan.zarr")
    pyramid = ("pyramid", path, "--layout", "HW", "--levels", "2", "-o")
    assert here(*pyramid, tmp_path / "near.zarr").code == 0
    monkeypatch.setattr(executors, "ThreadBackend", None)  # who works here fails
    called = here(*pyramid, tmp_path / "far.zarr", "--scheduler", "local")
    assert (called.code, called.err) == (0, "")
    files = [{one.relative_to(tmp_path / made): one.read_bytes() for one in (tmp_path / made).rglob("*")
              if one.is_file()} for made in ("far.zarr", "near.zarr")]
    assert files[0] == files[1] != {} and names(tmp_path) == ["far.zarr", "near.zarr", "scan.zarr"]
