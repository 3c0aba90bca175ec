"""Temporary files that a killed run left behind are cleared, and those of a run at work are not."""

from __future__ import annotations

import errno
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from poolcli.files import atomic, sweep, tempfiles

WRITER = """
import sys
from poolcli.files import atomic
with atomic("x.npy", overwrite=True) as stream:
    stream.write(b"new")
    print(flush=True)
    sys.stdin.read()
"""


def leftovers(folder: Path) -> list[str]:
    """Temporary files."""
    return [name for name in os.listdir(folder) if name.startswith(tempfiles.TEMPORARY)]  # noqa: PTH208


def writer(folder: Path) -> subprocess.Popen[bytes]:
    """Another process in the middle of writing x.npy; closing its stdin lets it finish."""
    started = subprocess.Popen([sys.executable, "-c", WRITER], cwd=folder, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    assert started.stdout is not None
    started.stdout.readline()
    return started


def test_the_next_run_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    """While the writer lives its file stays and is finished; once it was killed, the file goes. The old output stays
    whole till then."""
    (tmp_path / "x.npy").write_bytes(b"old")
    with writer(tmp_path) as alive, writer(tmp_path) as killed:
        sweep(tmp_path)
        assert len(leftovers(tmp_path)) == 2
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
        assert (len(leftovers(tmp_path)), (tmp_path / "x.npy").read_bytes()) == (2, b"old")
        sweep(tmp_path)
        assert len(leftovers(tmp_path)) == 1
        alive.communicate(timeout=30)
    assert (leftovers(tmp_path), (tmp_path / "x.npy").read_bytes()) == ([], b"new")


def test_a_writer_in_this_process_is_seen_too(tmp_path: Path) -> None:
    """On another thread, say."""
    with atomic(tmp_path / "x") as stream:
        stream.write(b"new")
        sweep(tmp_path)
    assert (tmp_path / "x").read_bytes() == b"new"


def test_what_is_not_ours_stays(tmp_path: Path) -> None:
    """Of another host, whose locks may be unseen here; of another ending; a link, a FIFO."""
    ours = tempfiles._name_prefix()
    others = [f"{tempfiles.TEMPORARY}00000000-1.tmp", f"{tempfiles.TEMPORARY}1.tmp", f"{ours}1.png", "x.tmp"]
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / f"{ours}link.tmp").symlink_to(tmp_path / "x.tmp")
    os.mkfifo(tmp_path / f"{ours}fifo.tmp")
    (tmp_path / f"{ours}stale.tmp").touch()
    before = set(os.listdir(tmp_path))  # noqa: PTH208
    sweep(tmp_path)
    assert before - set(os.listdir(tmp_path)) == {f"{ours}stale.tmp"}  # noqa: PTH208


def test_a_folder_is_cleared_when_nobody_holds_it(tmp_path: Path) -> None:
    """A chunked array on its way is a folder: held while its writer lives, removed with all that is in it after."""
    descriptor, held = tempfiles.temporary_folder(os.fspath(tmp_path))
    (Path(held) / "chunk").touch()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (Path(held) / "link").symlink_to(elsewhere)
    sweep(tmp_path)
    assert (Path(held) / "chunk").exists()
    os.close(descriptor)
    sweep(tmp_path)
    assert os.listdir(tmp_path) == ["elsewhere"]  # noqa: PTH208


def test_without_locks_nothing_is_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some network file systems have none: writing works, and no file can be told to be stale."""
    (tmp_path / f"{tempfiles._name_prefix()}1.tmp").touch()
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(38, "not implemented")))
    with atomic(tmp_path / "x") as stream:
        stream.write(b"new")
    sweep(tmp_path)
    assert len(leftovers(tmp_path)) == 1


def test_a_file_that_was_cleared_before_it_was_held_is_made_again(tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its creation and its lock another run may take it for a stale one."""
    real, swept = tempfiles._lock_file, []

    def hold(descriptor: int) -> bool:
        if not swept:
            swept.append(True)
            monkeypatch.setattr(tempfiles, "_lock_file", real)
            sweep(tmp_path)
        return real(descriptor)

    monkeypatch.setattr(tempfiles, "_lock_file", hold)
    with atomic(tmp_path / "x") as stream:
        stream.write(b"new")
    assert swept and (tmp_path / "x").read_bytes() == b"new"


def test_a_missing_folder_is_no_matter(tmp_path: Path) -> None:
    """It will be made."""
    sweep(tmp_path / "missing")


@pytest.mark.parametrize("create", [tempfiles.temporary, tempfiles.temporary_folder])
@pytest.mark.parametrize("call", ["stat", "fstat"])
def test_a_call_that_fails_before_it_is_held_leaves_nothing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: Callable[[str], tuple[int, str]], call: str) -> None:
    """Neither a file or a folder nor an open descriptor."""
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    before = set(os.listdir("/dev/fd"))  # noqa: PTH208
    with monkeypatch.context() as patched:
        patched.setattr(tempfiles.os, call, fail)
        with pytest.raises(OSError, match="Input/output"):
            create(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    assert set(os.listdir("/dev/fd")) == before  # noqa: PTH208


@pytest.mark.parametrize("call", ["open", "close"])
def test_ctrl_c_while_a_folder_is_made_leaves_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Nobody knows of it yet, so nobody else would remove it."""
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfiles, "_leads_to", lambda path, descriptor: False)  # taken by another: closed, and again
    monkeypatch.setattr(tempfiles.os, call, interrupt)
    with pytest.raises(KeyboardInterrupt):
        tempfiles.temporary_folder(str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("create", "call"), [(tempfiles.temporary, "open"), (tempfiles.temporary_folder, "mkdir")])
def test_ctrl_c_right_after_it_is_made_leaves_none(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, create: Callable[[str], tuple[int, str]], call: str) -> None:
    """Python looks for signals when a call returns, before the next line."""
    make, made = getattr(os, call), []

    def interrupt(*given: Any) -> None:
        made.append(make(*given))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tempfiles.os, call, interrupt)
        with pytest.raises(KeyboardInterrupt):
            create(str(tmp_path))
    for descriptor in filter(None, made):
        os.close(descriptor)
    assert made and list(tmp_path.iterdir()) == []


WITHOUT_MEMORY = """
import os, sys, _testcapi
from poolcli.files import atomic, atomic_folder
opening = {"file": atomic, "folder": atomic_folder}[sys.argv[1]]
left = []
def write():
    with opening("out") as made:
        pass
for opened in (write, write):  # whatever is imported or kept on the way is there then
    opened()
    os.rmdir("out") if os.path.isdir("out") else os.remove("out")
for number in range(1, 2000):
    _testcapi.set_nomemory(number, number + 1)
    try:
        write()
    except Exception:  # CPython has several for it
        pass
    else:
        break
    finally:
        _testcapi.remove_mem_hooks()
    left += [(number, name) for name in os.listdir() if name != "out"]
    for name in os.listdir():
        os.rmdir(name) if os.path.isdir(name) else os.remove(name)
print(number, left)
"""


@pytest.mark.skipif(importlib.util.find_spec("_testcapi") is None, reason="this CPython has no _testcapi")
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_no_memory_leaves_nothing(kind: str, tmp_path: Path) -> None:
    """Each allocation of a writer fails once; whichever it is, no temporary file or folder is left."""
    ended = subprocess.run([sys.executable, "-c", WITHOUT_MEMORY, kind], cwd=tmp_path, capture_output=True, text=True,
                           timeout=60, check=True)
    number, _, left = ended.stdout.partition(" ")
    assert (int(number) > 30, left.strip()) == (True, "[]")
