"""What the tests of the command line share."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parents[2] / "sample_images"


class Outcome(NamedTuple):
    """What a call gave."""

    code: int
    out: str
    err: str


Call = Callable[..., Outcome]
Process = Callable[..., subprocess.CompletedProcess[bytes]]


def save_picture(path: Path, array: Any, mode: str | None = None) -> Path:
    """Write an array as a picture."""
    picture = Image.fromarray(np.asarray(array))
    (picture if mode is None else picture.convert(mode)).save(path)
    return path


def names(folder: Path) -> Sequence[str]:
    """What a folder holds."""
    return sorted(path.name for path in folder.iterdir())


def on_terminal(cwd: Path, *arguments: str | os.PathLike[str], **env: str) -> tuple[int, str]:
    """Run with a terminal for stdin, stdout and stderr: the exit code, and what was printed. COLUMNS says its width."""
    ours, theirs = pty.openpty()
    started = subprocess.Popen([sys.executable, "-m", "poolcli", *map(os.fspath, arguments)], cwd=cwd, stdin=theirs,
                               stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm", **env})
    os.close(theirs)
    printed = b""
    try:
        while chunk := os.read(ours, 65536):
            printed += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return started.wait(), printed.decode().replace("\r\n", "\n")
