"""--stream: arrays one after another on one pipe, in and out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poolcli

Process = Callable[..., "subprocess.CompletedProcess[bytes]"]
ARRAYS = [np.arange(n * n, dtype=np.float32).reshape(n, n) for n in (4, 6, 8)]


def joined(*arrays: Any) -> bytes:
    """Their .npy files, one after another."""
    stream = io.BytesIO()
    for array in arrays:
        np.save(stream, array)
    return stream.getvalue()


def parted(data: bytes) -> list[Any]:
    """The arrays of such a stream."""
    stream, found = io.BytesIO(data), []
    while stream.tell() < len(data):
        found.append(np.load(stream))
    return found


def pooled(*arrays: Any) -> list[Any]:
    """What is expected of them."""
    return [poolcli.pool(array, "max", size=2) for array in arrays]


def test_each_array_is_pooled_and_reported(process: Process) -> None:
    """From pipe to pipe; a row for each."""
    done = process("max", "-k", "2", "--stream", "-", "-o", "-", "--json", stdin=joined(*ARRAYS))
    assert done.returncode == 0
    assert all(map(np.array_equal, parted(done.stdout), pooled(*ARRAYS))) and len(parted(done.stdout)) == 3
    files = json.loads(done.stderr)["files"]
    assert [(file["input"], file["output"], file["input_shape"]) for file in files] == [
        ("-", "-", [4, 4]), ("-", "-", [6, 6]), ("-", "-", [8, 8])]


def test_a_file_of_several_arrays(process: Process, tmp_path: Path) -> None:
    """Into a file of several, whole or not there."""
    (tmp_path / "many.npy").write_bytes(joined(*ARRAYS))
    done = process("max", "-k", "2", "-q", "--stream", "many.npy", "-o", "out/halves.npy")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(parted((tmp_path / "out/halves.npy").read_bytes())) == 3


def test_the_first_is_there_before_the_last_is_sent() -> None:
    """A reader need not wait for the end, which may never come."""
    with subprocess.Popen([sys.executable, "-m", "poolcli", "max", "-k", "2", "-q", "--stream", "-", "-o", "-"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdin is not None and running.stdout is not None
        for array in ARRAYS:
            running.stdin.write(joined(array))
            running.stdin.flush()
            (expected,) = pooled(array)
            assert running.stdout.read(len(joined(expected))) == joined(expected)
        running.stdin.close()
        assert running.stdout.read() == b""
    assert running.returncode == 0


@pytest.mark.parametrize("output", ["-", "out.npy"])
@pytest.mark.parametrize("broken", [b"garbage", joined(ARRAYS[2])[:150], joined(np.zeros((1, 1), np.float32)),
                                    joined(np.zeros((4, 4), complex))], ids=["no array", "cut", "too small", "complex"])
def test_an_error_in_the_middle_leaves_whole_arrays(process: Process, tmp_path: Path, broken: bytes,
                                                    output: str) -> None:
    """Those before it are written and those behind it cannot be found; exit code 3."""
    done = process("max", "-k", "2", "-q", "--stream", "-", "-o", output, stdin=joined(*ARRAYS[:2]) + broken)
    assert done.returncode == 3 and done.stderr.count(b"\n") == 1 and done.stderr.startswith(b"poolcli: -: ")
    data = done.stdout if output == "-" else (tmp_path / output).read_bytes()
    assert all(map(np.array_equal, parted(data), pooled(*ARRAYS[:2]))) and len(parted(data)) == 2


@pytest.mark.parametrize("data", [b"", b"garbage", joined(ARRAYS[0])[:90]])
def test_nothing_usable_leaves_nothing(process: Process, tmp_path: Path, data: bytes) -> None:
    """No file, no temporary file, exit code 1."""
    done = process("max", "-k", "2", "-q", "--stream", "-", "-o", "out.npy", stdin=data)
    assert done.returncode == 1 and done.stderr.startswith(b"poolcli: -: ")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept(process: Process, tmp_path: Path) -> None:
    """As everywhere."""
    (tmp_path / "out.npy").write_bytes(b"old")
    done = process("max", "--stream", "-", "-o", "out.npy", "-q", stdin=joined(*ARRAYS))
    assert done.returncode == 1 and b"--overwrite" in done.stderr
    assert process("max", "--stream", "-", "-o", "out.npy", "--skip-existing", "-q", stdin=b"").returncode == 0
    assert (tmp_path / "out.npy").read_bytes() == b"old"


@pytest.mark.parametrize(("arguments", "text"), [
    (("a.npy", "b.npy", "-o", "out/"), b"takes one input"),
    (("-", "-o", "x.png"), b"writes .npy"),
    (("-", "-o", "-", "--frames", "all"), b"--frames"),
    (("-", "-o", "x.npy", "--indices", "i.npy"), b"--indices"),
])
def test_what_goes_with_one_array_only(process: Process, arguments: tuple[str, ...], text: bytes) -> None:
    """Usage errors, before anything is read."""
    done = process("max", "--stream", *arguments, stdin=b"")
    assert done.returncode == 2 and text in done.stderr
