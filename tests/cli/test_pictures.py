"""Options of pictures from end to end: frames, alpha, light, metadata."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Process = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def animation(tmp_path: Path) -> Path:
    """Three frames of 8 x 8 that differ, 50 ms each."""
    frames = [Image.fromarray(np.full((8, 8), 40 * i, np.uint8)) for i in range(1, 4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=50, loop=0)
    return tmp_path / "a.gif"


def test_frames(process: Process, animation: Path, tmp_path: Path) -> None:
    """All of them, one, none that is there; the report names the axis."""
    done = process("max", "-k", "2", "--frames", "all", "a.gif", "-o", "b.gif")
    assert done.returncode == 0 and b"NHW" in done.stdout
    with Image.open(tmp_path / "b.gif") as image:
        assert (image.n_frames, image.size, image.info["duration"]) == (3, (4, 4), 50)  # type: ignore[attr-defined]
    assert process("max", "-k", "2", "-q", "--frames", "2", "a.gif", "-o", "c.png").returncode == 0
    with Image.open(tmp_path / "c.png") as image:
        assert np.asarray(image.convert("L")).tolist() == [[80] * 4] * 4
    assert b"no frame 7" in process("max", "--frames", "7", "a.gif", "-o", "d.png").stderr
    assert process("max", "--frames", "3-2", "a.gif", "-o", "d.png").returncode == 2
    assert b"JPEG holds one picture, not 3" in process("max", "--frames", "all", "a.gif", "-o", "d.jpg").stderr


def test_frames_as_an_axis_of_their_own(process: Process, animation: Path, tmp_path: Path) -> None:
    """Named by a layout they are pooled too; what is left shares the time."""
    done = process("max", "-k", "2", "--ceil", "--layout", "DHWC", "--frames", "all", "a.gif", "-o", "b.gif", "-q")
    assert done.returncode == 0
    with Image.open(tmp_path / "b.gif") as image:
        assert (image.n_frames, image.info["duration"]) == (2, 70)  # type: ignore[attr-defined]  # GIF counts in 10 ms


def test_alpha_and_light(process: Process, tmp_path: Path) -> None:
    """A red pixel beside three that are transparent and green; black beside white."""
    pixels = np.array([[[255, 0, 0, 255], [0, 255, 0, 0]], [[0, 255, 0, 0], [0, 255, 0, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert process("avg", "-k", "2", "-q", "--alpha", "premultiplied", "a.png", "-o", "b.png").returncode == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.getpixel((0, 0)) == (255, 0, 0, 64)
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).save(tmp_path / "g.png")
    assert process("avg", "-k", "2", "-q", "--linear", "g.png", "-o", "h.png").returncode == 0
    with Image.open(tmp_path / "h.png") as image:
        assert image.getpixel((0, 0)) == 188


@pytest.mark.parametrize(("reducer", "option", "text"), [
    ("std", ("--linear",), b"--linear: std of light is no light"),
    ("sum", ("--alpha", "premultiplied"), b"--alpha: sum has no meaning"),
    ("avg", ("--linear", "--nodata", "0"), b"--nodata"),
])
def test_wishes_without_meaning(process: Process, reducer: str, option: tuple[str, ...], text: bytes) -> None:
    """Usage errors."""
    done = process(reducer, *option, "a.png", "-o", "b.png")
    assert done.returncode == 2 and text in done.stderr


def test_an_array_has_no_light(process: Process, tmp_path: Path) -> None:
    """It fails by itself, large or small, from a file or a pipe."""
    np.save(tmp_path / "a.npy", np.ones((4, 4), np.uint8))
    done = process("avg", "--linear", "a.npy", "-o", "b.npy")
    assert done.returncode == 1 and b"an array has no sRGB colours" in done.stderr
    done = process("avg", "--linear", "-", "-o", "-", stdin=(tmp_path / "a.npy").read_bytes())
    assert done.returncode == 1 and done.stdout == b""


def test_strip(process: Process, tmp_path: Path) -> None:
    """Dates stay unless they are stripped."""
    exif = Image.Exif()
    exif[306] = "2024:01:02 03:04:05"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    for option, kept in (("-q", True), ("--strip", False)):
        assert process("avg", option, "a.jpg", "-o", "b.jpg", "--overwrite").returncode == 0
        assert (b"2024:01:02" in (tmp_path / "b.jpg").read_bytes()) is kept
