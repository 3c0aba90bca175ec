"""The steps by which a file or a folder appears whole or not at all, one by one."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import pytest

from poolcli.errors import OutputError, PoolError
from poolcli.files import sweep, tempfiles

atomic = importlib.import_module("poolcli.files.atomic")  # files.atomic is its function


def leftovers(folder: Path) -> list[str]:
    """What is neither an output nor its folder."""
    return sorted(one.name for one in folder.iterdir() if one.name.startswith(tempfiles.TEMPORARY))


def count_open() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def put_folder(path: Path, text: str, **options: Any) -> None:
    """Write a folder that holds one file."""
    with atomic.atomic_folder(path, **options) as name:
        (Path(name) / "chunk").write_text(text)


# Guards.


def test_a_guard_is_asked_before_an_output_gets_its_name(tmp_path: Path) -> None:
    """Once for each, of a file and of a stream; what it raises leaves no trace, and it is asked no more afterwards."""
    asked: list[list[str]] = []
    with atomic.guarding_outputs(lambda: asked.append(os.listdir(tmp_path))):  # noqa: PTH208
        with atomic.atomic(tmp_path / "x") as stream:
            stream.write(b"new")
        with atomic.atomic(os.devnull) as stream:
            stream.write(b"new")
    assert [len(names) for names in asked] == [1, 1] and asked[0] != ["x"] and asked[1] == ["x"]
    with atomic.atomic(tmp_path / "y"):
        pass
    assert len(asked) == 2

    def refuse() -> None:
        raise PoolError("abandoned")

    with (pytest.raises(PoolError, match="abandoned"), atomic.guarding_outputs(refuse),
          atomic.atomic(tmp_path / "z") as stream):
        stream.write(b"new")
    assert sorted(os.listdir(tmp_path)) == ["x", "y"]  # noqa: PTH208


def test_a_guard_is_asked_of_objects_of_a_store() -> None:
    """Before they are uploaded."""
    fsspec = pytest.importorskip("fsspec")
    asked = []
    with (atomic.guarding_outputs(lambda: asked.append(fsspec.filesystem("memory").exists("/guarded/x"))),
          atomic.atomic("memory://guarded/x", overwrite=True) as stream):
        stream.write(b"new")
    assert asked == [False] and fsspec.filesystem("memory").cat("/guarded/x") == b"new"


# Errors.


def test_errors_of_the_system_become_ours() -> None:
    """With the output's name where there is one, and the error as the cause; a reader that has gone passes."""
    for target in (None, "x.png"):
        with pytest.raises(PoolError, match="cannot be read: No space left") as caught, atomic.explain_errors(
                "read", target):
            raise OSError(28, "No space left on device")
        assert isinstance(caught.value.__cause__, OSError)
        assert isinstance(caught.value, OutputError) is (target is not None)
        assert getattr(caught.value, "target", None) == target
    for own, wanted in ((None, "x.png"), ("y.png", "y.png")):
        with pytest.raises(OutputError) as refused, atomic.explain_errors(target="x.png"):
            raise OutputError("no", own)
        assert refused.value.target == wanted
    with pytest.raises(BrokenPipeError), atomic.explain_errors():
        raise BrokenPipeError


# What is written straight.


def test_what_is_open_already_is_known_by_its_name(tmp_path: Path) -> None:
    """Standard streams and descriptors, through links too; no file is one, nor a chain of links that ends nowhere."""
    (tmp_path / "link").symlink_to("/dev/stdout")
    (tmp_path / "further").symlink_to("link")
    (tmp_path / "file").touch()
    (tmp_path / "to-file").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", tmp_path / "link", tmp_path / "further"):
        assert atomic._is_descriptor(name) is True
    for name in ("file", "to-file", "missing", "loop"):
        assert atomic._is_descriptor(tmp_path / name) is False
    assert atomic._is_descriptor(os.devnull) is False


# Files.


@pytest.mark.parametrize("renames_open", [True, False])
def test_a_file_is_whole_when_it_gets_its_name(renames_open: bool, monkeypatch: pytest.MonkeyPatch,
                                               tmp_path: Path) -> None:
    """All of it is written then; the lock holds till then where names of open files may change. Once, in any case."""
    monkeypatch.setattr(atomic, "_RENAMES_OPEN", renames_open)
    seen, publish = [], atomic._publish

    def look(temporary: str, *rest: Any) -> None:
        if renames_open:
            sweep(tmp_path)
        seen.append((Path(temporary).read_bytes(), any(
            os.path.realpath(one) == temporary for one in Path("/proc/self/fd").iterdir())))
        publish(temporary, *rest)

    monkeypatch.setattr(atomic, "_publish", look)
    with atomic.atomic(tmp_path / "x") as stream:
        stream.write(b"new")
    assert seen == [(b"new", renames_open)]
    assert ((tmp_path / "x").read_bytes(), leftovers(tmp_path)) == (b"new", [])


def test_names_of_open_files_may_change_here() -> None:
    """On POSIX they may."""
    assert atomic._RENAMES_OPEN is (os.name == "posix")


def test_a_file_that_is_there_is_no_error_where_it_has_the_same_bytes(tmp_path: Path) -> None:
    """And only where that is asked; its bytes are compared, not its size and time."""
    for i, (first, second, again, refused) in enumerate((
            (b"old", b"old", True, False), (b"old", b"old", False, True), (b"old", b"new", True, True),
            (b"old", b"new", False, True))):
        one, other = tmp_path / f"{i}a", tmp_path / f"{i}b"  # filecmp remembers those of one name
        for path, data in ((one, first), (other, second)):
            path.write_bytes(data)
            os.utime(path, (10**9, 10**9))
        if refused:
            with pytest.raises(OutputError, match=atomic.EXISTS[:20]):
                atomic._check_same_bytes(str(one), str(other), again)
        else:
            atomic._check_same_bytes(str(one), str(other), again)


# Folders.


def test_a_folder_is_new_or_replaces_an_old_one(tmp_path: Path) -> None:
    """Only where that is asked; its parents are made; no descriptor stays open and nothing is left beside it."""
    path = tmp_path / "a" / "b" / "x.zarr"
    before = count_open()
    put_folder(path, "first")
    with pytest.raises(OutputError, match=atomic.EXISTS[:20]):
        put_folder(path, "second")
    assert (path / "chunk").read_text() == "first"
    put_folder(path, "third", overwrite=True)
    assert (path / "chunk").read_text() == "third"
    assert (leftovers(path.parent), count_open()) == ([], before)


def test_a_folder_that_is_there_is_refused_before_any_work(tmp_path: Path) -> None:
    """And after it, where it came meanwhile."""
    worked = []
    (tmp_path / "x").mkdir()
    with pytest.raises(OutputError), atomic.atomic_folder(tmp_path / "x"):
        worked.append(True)
    assert worked == []
    with pytest.raises(OutputError), atomic.atomic_folder(tmp_path / "y"):
        (tmp_path / "y").mkdir()
    assert sorted(os.listdir(tmp_path)) == ["x", "y"]  # noqa: PTH208


def test_a_folder_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """The old one stays as it was."""
    put_folder(tmp_path / "x", "old")
    with pytest.raises(ZeroDivisionError), atomic.atomic_folder(tmp_path / "x", overwrite=True) as name:
        (Path(name) / "chunk").touch()
        raise ZeroDivisionError
    assert ((tmp_path / "x" / "chunk").read_text(), os.listdir(tmp_path)) == ("old", ["x"])  # noqa: PTH208


def test_an_old_folder_comes_back_where_the_new_one_cannot_take_its_place(tmp_path: Path,
                                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is told, and the old folder has its name again."""
    put_folder(tmp_path / "x", "old")
    real, calls = os.rename, []

    def fail_second(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "rename", fail_second)
    with pytest.raises(OutputError, match="No space left"):
        put_folder(tmp_path / "x", "new", overwrite=True)
    assert len(calls) == 3 and (tmp_path / "x" / "chunk").read_text() == "old"


@pytest.mark.parametrize(("call", "number", "there"), [("rename", 1, "old"), ("rename", 2, "new"), ("rmdir", 1, "new")])
def test_ctrl_c_while_an_old_folder_is_replaced_leaves_one_of_both(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, there: str) -> None:
    """Python looks for signals when a call returns: the old one is aside, the new one there, or half is removed."""
    put_folder(tmp_path / "x", "old")
    real, calls = getattr(os, call), []

    def interrupt(*given: Any, **named: Any) -> None:
        real(*given, **named)
        calls.append(given)
        if len(calls) == number:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, call, interrupt)
        with pytest.raises(KeyboardInterrupt):
            put_folder(tmp_path / "x", "new", overwrite=True)
    assert (tmp_path / "x" / "chunk").read_text() == there
    assert os.listdir(tmp_path) == ["x"]  # noqa: PTH208
