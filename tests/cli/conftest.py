"""Two ways to call the program: here, which is quick, and as a process, which is what users have."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call, Outcome, Process, save_picture

from poolcli.cli import main
from poolcli.cli.display import run_view


@pytest.fixture(autouse=True)
def arrays_have_channels_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say it once for all tests of the command line; test_layout_hints.py is about arrays of which nobody says it."""
    monkeypatch.setenv("POOLCLI_LAYOUT", "HWC NHWC NDHWC")


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in this process: ``here("max", "-k", "2", path)``."""
    monkeypatch.setattr(run_view, "COMPILING_AFTER", 600)  # whether a kernel is compiled is no matter of these tests

    def call(*arguments: str | os.PathLike[str]) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["poolcli", *map(os.fspath, arguments)])
        capsys.readouterr()
        code = main.get_exit_code({})
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Call it as a process, in an empty folder, without a terminal."""

    def call(*arguments: str | bytes | os.PathLike[str], stdin: bytes = b"", env: dict[str, str] | None = None,
             **settings: Any) -> subprocess.CompletedProcess[bytes]:
        settings.setdefault("cwd", tmp_path)
        if "stdout" not in settings:
            settings["stdout"] = subprocess.PIPE
        return subprocess.run([sys.executable, "-m", "poolcli", *arguments], input=stdin, stderr=subprocess.PIPE,
                              env={**os.environ, **(env or {})}, timeout=120, check=False, **settings)

    return call


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A 4 x 6 grey picture of 0 to 23."""
    return save_picture(tmp_path / "grey.png", np.arange(24, dtype=np.uint8).reshape(4, 6))


@pytest.fixture
def numbers(tmp_path: Path) -> Path:
    """The 4 x 4 array of 0.0 to 15.0."""
    path = tmp_path / "numbers.npy"
    np.save(path, np.arange(16.0).reshape(4, 4))
    return path


@pytest.fixture
def memory() -> Iterator[Any]:
    """A store in this process, empty before and after."""
    fsspec = pytest.importorskip("fsspec", reason='needs fsspec: pip install "poolcli[cloud]"')
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()
