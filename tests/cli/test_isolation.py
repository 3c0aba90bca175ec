"""Worker processes: what a decoder does to its process costs one file, and no process outlives the run.

A module that Python imports at start makes reading some names deadly, as a damaged file may be to a C library.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cli.calls import names, save_picture

from poolcli import files
from poolcli.core.reducers import REDUCERS
from poolcli.pooling import parse_pooling

DEADLY = """
import os, signal, time
from pathlib import Path
from poolcli import files

real = files.read

def read(path, **options):
    name = Path(path).name
    if name.startswith("segv"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("once") and not Path("tried").exists():
        Path("tried").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("hang"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("hangs", flush=True)
        time.sleep(1000)
    return real(path, **options)

files.read = read
"""
GREY = np.arange(24, dtype=np.uint8).reshape(4, 6)


@pytest.fixture
def deadly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, and reading that kills; segv.png, once.png and hang.png are good pictures in truth."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), *sys.path]))
    (tmp_path / "in").mkdir()
    for name in ("a", "hang", "once", "segv", "z"):
        save_picture(tmp_path / f"in/{name}.png", GREY)
    return tmp_path


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """A run that leads a session of its own, so that all its processes can be found."""
    return subprocess.Popen([sys.executable, "-m", "poolcli", "max", *arguments], cwd=folder, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True)


def gone(leader: int) -> bool:
    """Whether all processes of a session have ended, soon."""
    for _ in range(100):
        try:
            os.killpg(leader, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_rows_20_and_68_gate_9_three_worker_deaths(deadly: Path) -> None:
    """A crash is tried again and named by its signal, a hang is ended in time, a worker that was killed from outside is
    replaced and its file done; the rest goes on, exit 3."""
    run = started(deadly, "in", "-o", "out/", "--isolate", "--timeout", "1", "--jobs", "2", "--json")
    out, err = run.communicate(timeout=60)
    found = {Path(file["input"]).stem: file for file in json.loads(out.replace(b"hangs\n", b""))["files"]}
    assert {name: file["status"] for name, file in found.items()} == {
        "a": "ok", "hang": "failed", "once": "ok", "segv": "failed", "z": "ok"}
    assert found["segv"]["error"] == "decoder crashed (signal 11)"
    assert found["hang"]["error"] == "took longer than 1 s; a longer --timeout may work"
    assert (run.returncode, names(deadly / "out")) == (3, ["a.png", "once.png", "z.png"])
    assert sorted(err.decode().splitlines()) == [
        "poolcli: in/hang.png: took longer than 1 s; a longer --timeout may work",
        "poolcli: in/segv.png: decoder crashed (signal 11)"]
    assert gone(run.pid)


def hanging(folder: Path) -> subprocess.Popen[bytes]:
    """A run that has done one file and hangs in the next."""
    run = started(folder, "in/a.png", "in/hang.png", "-o", "out/", "--isolate", "--jsonl", "--jobs", "2")
    assert run.stdout is not None
    lines = [run.stdout.readline(), run.stdout.readline()]
    assert b"hangs\n" in lines and json.loads(min(lines, key=lambda line: line == b"hangs\n"))["status"] == "ok"
    return run


def test_ctrl_c_while_a_worker_hangs(deadly: Path) -> None:
    """The whole group gets it, as from a terminal: what hangs is dropped, 130, and no process is left."""
    run = hanging(deadly)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (130, b"poolcli: interrupted\n")
    assert names(deadly / "out") == ["a.png"] and gone(run.pid)


def test_workers_end_with_a_killed_parent(deadly: Path) -> None:
    """Nobody could tell them."""
    run = hanging(deadly)
    run.kill()
    run.wait(30)
    assert gone(run.pid)
    run.communicate()


def test_isolated_results_are_the_same(deadly: Path) -> None:
    """From a pipe to a pipe, word for word; a reason is told with its traceback by --debug."""
    data = io.BytesIO()
    np.save(data, GREY)
    outs = []
    for extra in ([], ["--isolate"]):
        done = subprocess.run([sys.executable, "-m", "poolcli", "max", "-", "-o", "-", "-q", *extra], cwd=deadly,
                              input=data.getvalue(), capture_output=True, check=True)
        outs.append(done.stdout)
        assert done.stderr == b""
    assert outs[0] == outs[1] and np.load(io.BytesIO(outs[0])).tolist() == [[7, 9, 11], [19, 21, 23]]
    run = started(deadly, "missing.png", "-o", "x.png", "--isolate", "--debug")
    _, err = run.communicate(timeout=30)
    assert run.returncode == 1 and b"in a worker process" in err and err.count(b"Traceback") >= 1


@pytest.mark.parametrize("name", REDUCERS)
def test_a_pooling_can_be_sent(name: str) -> None:
    """Rows of tables go by their names and are the same rows at the other end."""
    pooling = parse_pooling(name, size=2, nan="ignore")
    sent = pickle.loads(pickle.dumps(pooling))
    assert sent == pooling and sent.reducer is pooling.reducer
    expected = parse_pooling("stochastic", expected=True).reducer
    assert pickle.loads(pickle.dumps(expected)) is expected
    assert all(pickle.loads(pickle.dumps(row)) is row for row in files.FORMATS.values())
