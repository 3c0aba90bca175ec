"""Batches on Dask: a scheduler and workers as processes of their own, on loopback, some of which are killed.

A module that Python imports at start makes reading some names slow, or deadly to a worker; at the program's end, where
no worker is, it does nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, names

from poolcli import optional_deps
from poolcli.batch import Job, Settings
from poolcli.batch.executors import dask_connection, dask_worker
from poolcli.batch.executors.dask_worker import RunContext
from poolcli.errors import PoolError
from poolcli.files.atomic import atomic
from poolcli.files.tempfiles import temporary
from poolcli.pooling import parse_pooling

needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None,
                                reason='needs distributed: pip install "poolcli[dask]"')
HOOK = """
import os, signal, sys, time
from pathlib import Path

def hooked():
    from poolcli import files
    from poolcli.batch.executors import dask_worker
    from poolcli.jit import compiler
    real_read, real_outcome, real_build = files.read, dask_worker.run_to_report, compiler.build

    def read(path, **options):
        name = Path(path).name
        if name.startswith("slow"):
            time.sleep(0.05)
        if name.startswith("deadly"):
            with open(os.environ["NOTES"], "a") as notes:
                notes.write("died\\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return real_read(path, **options)

    def outcome(job, *rest):
        done = real_outcome(job, *rest)
        mark = Path(os.environ["NOTES"] + "-twice")
        if Path(job.source).name.startswith("twice") and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    def build(spec):
        with open(os.environ["NOTES"], "a") as notes:
            notes.write("compiled\\n")
        return real_build(spec)

    files.read, dask_worker.run_to_report, compiler.build = read, outcome, build

if "WORKS" in os.environ and ("dask_worker" in " ".join(sys.orig_argv) or "spawn_main" in " ".join(sys.orig_argv)):
    hooked()
"""
"""Workers are told from the program by their command line."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for Python's path, with the hook."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    return folder


def environment(site: Path, notes: Path) -> dict[str, str]:
    """What workers are started with."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *sys.path]), "WORKS": "1", "NOTES": str(notes)}


def background(command: Sequence[str], folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    """A Python module as a process that says nothing."""
    return subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Started:
    """A scheduler and two workers, which nobody restarts when they die, in a folder of their own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.env = folder, env
        self.file = folder / "scheduler.json"
        self.scheduler, self.workers = self.begun(), [self.another(), self.another()]

    def begun(self) -> subprocess.Popen[bytes]:
        """A scheduler."""
        self.file.unlink(missing_ok=True)
        return background(["distributed.cli.dask_scheduler", "--scheduler-file", str(self.file), "--host", "127.0.0.1",
                           "--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"],
                          self.folder, self.env)

    def another(self) -> subprocess.Popen[bytes]:
        """A worker."""
        return background(["distributed.cli.dask_worker", "--scheduler-file", str(self.file), "--nthreads", "1",
                           "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--death-timeout", "60"],
                          self.folder, self.env)

    def revive(self) -> None:
        """Start again what a test has killed."""
        if self.scheduler.poll() is not None:
            self.end()
            self.scheduler = self.begun()
        self.workers = [one if one.poll() is None else self.another() for one in self.workers]
        while not self.file.exists():
            time.sleep(0.05)

    def end(self) -> None:
        """Kill all."""
        for one in (self.scheduler, *self.workers):
            one.kill()
            one.wait()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Iterator[Started]:
    """A cluster for all tests."""
    folder = tmp_path_factory.mktemp("there")
    made = Started(folder, environment(site, folder / "notes"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def cluster(started: Started) -> Started:
    """The cluster, whole."""
    started.revive()
    return started


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with forty arrays that a worker takes its time to read."""
    (tmp_path / "in").mkdir()
    for i in range(40):
        np.save(tmp_path / f"in/slow{i:02}.npy", np.random.default_rng(i).integers(0, 255, (30, 30)))
    return tmp_path


def run(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The program, in a folder."""
    return subprocess.run([sys.executable, "-m", "poolcli", *arguments], cwd=folder, env=env, capture_output=True,
                          text=True, check=False, timeout=120, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def going_on(folder: Path, cluster: Started, reducer: str) -> Iterator[tuple[Any, list[str]]]:
    """A run on the cluster that has done three files, and their reports."""
    command = [sys.executable, "-m", "poolcli", reducer, "-k", "3", "in", "-o", "out/", "--jsonl", "-q", "--scheduler",
               str(cluster.file)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as going:
        assert going.stdout is not None
        yield going, [going.stdout.readline() for _ in range(3)]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its name; temporary ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def reports(text: str) -> list[dict[str, Any]]:
    """The document, without times."""
    return [{**file, "seconds": 0} for file in json.loads(text)["files"]]


@needs_dask
def test_masks_go_to_a_cluster_by_their_names(tmp_path: Path, cluster: Started) -> None:
    """Reports and bytes, numbers of valid samples too; of an array in chunks each box has the mask's."""
    rng = np.random.default_rng(0)
    for folder in ("in", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        np.save(tmp_path / f"in/{name}.npy", rng.integers(1, 200, (40, 30)))
        np.save(tmp_path / f"masks/{name}.npy", rng.integers(0, 2, (40, 30)))
    np.save(tmp_path / "masks/b.npy", np.ones((3, 3), int))
    outcomes = []
    for how in ([], ["--scheduler", str(cluster.file)]):
        first = run(tmp_path, "max", "-k", "2", "in", "-o", "out/", "--mask", "!masks/{stem}.npy", "--valid-out",
                    "out/{stem}_valid.npy", "--nodata", "0", "--json", *how)
        again = run(tmp_path, "max", "-k", "2", "in/a.npy", "-o", "new.npy", "--valid-out", "out/a_valid.npy", *how)
        chunks = run(tmp_path, "max", "-k", "2", "in/a.npy", "-o", "out/a.zarr", "--mask", "masks/a.npy", "--nodata",
                     "0", "-q", *how)
        said = [line for line in first.stderr.splitlines() if "compiling" not in line]
        zarr = {str(path.relative_to(tmp_path)): path.read_bytes() for path in (tmp_path / "out/a.zarr").rglob("c/*/*")}
        shutil.rmtree(tmp_path / "out/a.zarr", ignore_errors=True)
        outcomes.append((first.returncode, said, reports(first.stdout), again.returncode, again.stderr,
                         chunks.returncode, zarr, contents(tmp_path / "out")))
        shutil.rmtree(tmp_path / "out")
    assert outcomes[0] == outcomes[1] and set(outcomes[0][7]) == {"a.npy", "a_valid.npy"}
    assert outcomes[0][0] == 3 and "masks/b.npy: the mask has the shape 3x3" in outcomes[0][1][0]


@needs_dask
def test_a_cluster_gives_what_a_local_run_gives(tmp_path: Path, cluster: Started) -> None:
    """Reports, notes, failures, skips, exit codes and bytes; relative names, though the workers are elsewhere."""
    (tmp_path / "in").mkdir()
    for path in SAMPLES.iterdir():
        if path.suffix in (".png", ".npy", ".jpg"):
            (tmp_path / "in" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "in/bad.png").write_bytes(b"no picture")
    outcomes = []
    for how in ([], ["--scheduler", str(cluster.file)]):
        (tmp_path / "out").mkdir()
        (tmp_path / "out/labels.png").touch()
        first = run(tmp_path, "max", "-k", "2", "in", "-o", "out/", "--indices", "where/{stem}.npy", "--json", *how)
        again = run(tmp_path, "max", "-k", "2", "in", "-o", "out/", "--skip-existing", "--csv", *how)
        said = [line for line in first.stderr.splitlines() if "compiling" not in line]
        outcomes.append((first.returncode, reports(first.stdout), said, contents(tmp_path / "out"),
                         contents(tmp_path / "where"), again.returncode, again.stdout.count("skipped")))
        for folder in ("out", "where"):
            (tmp_path / folder).rename(tmp_path / f"{folder}{len(outcomes)}")
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 3 and len(outcomes[0][3]) > 8


@needs_dask
def test_a_worker_is_killed_in_the_middle(pictures: Path, cluster: Started) -> None:
    """All files are done, in order, with the bytes of a local run, and nothing temporary is left."""
    with going_on(pictures, cluster, "avg") as (going, lines):
        cluster.workers[0].kill()
        os.close(temporary(str(pictures / "out"))[0])  # what it may have been writing
        lines += going.stdout
        assert (going.wait(60), going.stderr.read()) == (0, "")
    assert [Path(json.loads(line)["input"]).name for line in lines] == names(pictures / "in")
    assert run(pictures, "avg", "-k", "3", "in", "-o", "here/", "-q").returncode == 0
    assert contents(pictures / "out") == contents(pictures / "here")


@needs_dask
def test_a_report_is_lost_with_its_worker(pictures: Path, cluster: Started) -> None:
    """The job is done again, and its own output of the first time is no reason to fail."""
    (pictures / "in/slow07.npy").rename(pictures / "in/twice.npy")
    done = run(pictures, "max", "in", "-o", "out/", "-q", "--scheduler", str(cluster.file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (cluster.folder / "notes-twice").exists() and len(names(pictures / "out")) == 40


@needs_dask
def test_a_file_that_kills_workers_is_named(pictures: Path, site: Path) -> None:
    """After three deaths, the last of them alone; the files that were beside it are done. The cluster is a local one,
    so nothing of it is left."""
    (pictures / "in/slow07.npy").rename(pictures / "in/deadly.npy")
    done = run(pictures, "max", "in", "-o", "out/", "-q", "--scheduler", "local", "--jobs", "2",
               env=environment(site, pictures / "notes"))
    assert done.returncode == 3
    assert done.stderr == "poolcli: in/deadly.npy: killed 3 workers, the last with no other file beside it\n"
    assert (pictures / "notes").read_text().count("died") == 3
    assert names(pictures / "out") == [name for name in names(pictures / "in") if name != "deadly.npy"]


@needs_dask
def test_ctrl_c_cancels_what_has_not_begun(pictures: Path, cluster: Started) -> None:
    """130; every output there is has its report, and none comes later."""
    with going_on(pictures, cluster, "max") as (going, lines):
        going.send_signal(signal.SIGINT)
        lines += going.stdout
        assert (going.wait(60), going.stderr.read()) == (130, "poolcli: interrupted\n")
    told = sorted(Path(json.loads(line)["output"]).name for line in lines)
    time.sleep(0.5)
    assert told == names(pictures / "out")
    assert 3 <= len(told) < 40


@needs_dask
def test_the_scheduler_goes_away(pictures: Path, cluster: Started) -> None:
    """The run ends with one line, and what was done is reported."""
    with going_on(pictures, cluster, "max") as (going, lines):
        cluster.scheduler.kill()
        lines += going.stdout
        said = going.stderr.read()
        assert (going.wait(60), said.count("\n")) == (3, 1), said
    last = json.loads(lines[-1])
    assert last["error"] == "lost the connection to the scheduler; --skip-existing does what is left"
    assert said == f"poolcli: {last['input']}: {last['error']}\n"


@needs_dask
def test_workers_of_one_machine_compile_once(pictures: Path, site: Path) -> None:
    """Two that begin together: one compiles, the other waits for it."""
    env = environment(site, pictures / "notes") | {
        "POOLCLI_CACHE_DIR": str(pictures / "kernels"), "POOLCLI_COMPILE": "always"}
    done = run(pictures, "max", "in", "-o", "out/", "-q", "--scheduler", "local", "--jobs", "2", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert (pictures / "notes").read_text().splitlines() == ["compiled"]
    assert [Path(name).suffix for name in names(pictures / "kernels")] == [".o"]


@needs_dask
def test_fail_fast_on_a_cluster(pictures: Path, cluster: Started) -> None:
    """What has not begun is left."""
    (pictures / "in/slow01.npy").write_bytes(b"no array")
    done = run(pictures, "max", "in", "-o", "out/", "--csv", "--fail-fast", "--scheduler", str(cluster.file))
    assert done.returncode == 3 and "slow01.npy: not an image" in done.stderr
    assert len(names(pictures / "out")) < 39


@needs_dask
@pytest.mark.parametrize(("words", "message"), [
    (["--scheduler", "tcp://127.0.0.1:9"], "tcp://127.0.0.1:9 cannot be reached: "),
    (["--scheduler", "nowhere"], "nowhere is neither an address nor a scheduler file; "),
    (["--scheduler", "a.npy"], "a.npy cannot be reached: "),
    (["--scheduler", "local", "--isolate"], "and --isolate exclude each other; "),
    (["--scheduler", "local", "--in-place", "--overwrite"], "and --in-place exclude each other: a job may be done "
                                                            "twice there"),
    (["--scheduler", "local", "-o", "-"], "sends names, not data, so - goes not with it; "),
    (["--scheduler", "local", "-", "-o", "out/"], "sends names, not data, so - goes not with it; "),
    (["--scheduler", "local", "--stream"], "and --stream exclude each other; "),
])
def test_what_cannot_be(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str],
                        message: str) -> None:
    """One line, exit 2, nothing else printed."""
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dask_connection, "CONNECT_SECONDS", 0.5)
    done = here("max", "a.npy", "--json", *words)
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert done.err.startswith(f"poolcli: --scheduler: {message}")


def test_the_extra_is_named(here: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where distributed is not installed."""
    np.save(tmp_path / "a.npy", np.zeros((4, 4)))
    monkeypatch.setattr(optional_deps, "find_spec", lambda name: None)
    done = here("max", tmp_path / "a.npy", "--scheduler", "local")
    assert done == (2, "", "poolcli: --scheduler: needs distributed, which is not installed; "
                           'pip install "poolcli[dask]" would work\n')


def test_another_version_at_the_other_end() -> None:
    """Is refused before anything of it is unpacked."""
    with pytest.raises(PoolError, match=r"a worker has poolcli \S+, and this is 0\.0\.0; the same on all would work"):
        dask_worker.run_on_worker(RunContext("a run", "0.0.0", b"no pickle"), 1, b"no pickle")


def test_a_run_that_has_ended_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that gets a job after the end of its run leaves it, and has told which had begun."""
    monkeypatch.setattr(dask_worker, "announce_to_scheduler", lambda: None)  # this process is no worker, and goes on
    errand = RunContext.of("ended", (parse_pooling("max"), Settings()))
    with contextlib.suppress(ImportError):
        dask_worker.run_on_worker(errand, 7, pickle.dumps(Job("missing.png")))
    assert dask_worker.stop_run("ended") == [7]
    assert dask_worker.run_on_worker(errand, 8, pickle.dumps(Job("missing.png"))) is None


@pytest.mark.parametrize("links", [True, False])
def test_an_output_of_the_same_bytes_may_be_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                     links: bool) -> None:
    """Another's is never replaced, and no temporary file stays; on file systems without hard links too."""
    def refused(*_: str) -> None:
        raise PermissionError(1, "no links")

    if not links:
        monkeypatch.setattr(os, "link", refused)
    for _ in range(2):
        with atomic(tmp_path / "x", again=True) as stream:
            stream.write(b"same")
    (tmp_path / "x").write_bytes(b"else")
    with pytest.raises(PoolError, match="exists"), atomic(tmp_path / "x", again=True) as stream:
        stream.write(b"same")
    assert names(tmp_path) == ["x"] and (tmp_path / "x").read_bytes() == b"else"
