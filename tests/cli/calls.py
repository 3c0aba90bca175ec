"""What the tests of the command line share."""

from __future__ import annotations

import subprocess
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
