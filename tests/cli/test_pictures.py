"""Options of pictures from end to end: frames, alpha, light, metadata."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call
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
    for option, colour in (((), (255, 0, 0, 64)), (("--alpha", "premultiplied"), (255, 0, 0, 64)),
                           (("--alpha", "apart"), (64, 191, 0, 64))):
        assert process("avg", "-k", "2", "-q", "--overwrite", *option, "a.png", "-o", "b.png").returncode == 0
        with Image.open(tmp_path / "b.png") as image:
            assert image.getpixel((0, 0)) == colour
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).save(tmp_path / "g.png")
    assert process("avg", "-k", "2", "-q", "--linear", "g.png", "-o", "h.png").returncode == 0
    with Image.open(tmp_path / "h.png") as image:
        assert image.getpixel((0, 0)) == 188


def fringed(kind: str, path: Path) -> Path:
    """A red pixel beside three that are transparent and green, as files of several kinds have it."""
    pixels = np.array([[[255, 0, 0, 255], [0, 255, 0, 0]], [[0, 255, 0, 0], [0, 255, 0, 0]]], np.uint8)
    image = Image.fromarray(pixels)
    if kind == "P":
        image = Image.fromarray(pixels[..., 1] // 255).convert("P")
        image.putpalette([255, 0, 0, 0, 255, 0])
        image.info["transparency"] = 1
    image.save(path, **({"lossless": True, "exact": True} if path.suffix == ".webp" else {}))
    return path


@pytest.mark.parametrize("reducer", ["avg", "blur", "median", "quantile"])
@pytest.mark.parametrize("kind", ["a.png", "a.tif", "a.webp", "P"])
def test_averages_of_pictures_have_no_fringe(kind: str, reducer: str, here: Call, tmp_path: Path) -> None:
    """By default, from every format, into pictures and arrays; the report says so."""
    source = fringed(kind, tmp_path / (kind if kind != "P" else "a.png"))
    done = here(reducer, "-k", "2", "--json", source, "-o", tmp_path / "b.png")
    assert json.loads(done.out)["files"][0]["parameters"]["premultiplied"] is True
    with Image.open(tmp_path / "b.png") as image:
        assert image.getpixel((0, 0))[:3] == (255, 0, 0)  # type: ignore[index]
    assert here(reducer, "-k", "2", source, "-o", tmp_path / "b.npy").code == 0
    assert np.load(tmp_path / "b.npy")[0, 0, :3].tolist() == [255, 0, 0]


def test_what_is_no_average_has_alpha_apart(here: Call, tmp_path: Path) -> None:
    """Maxima are of each channel, arrays are numbers, and an opaque picture is the same either way."""
    source = fringed("a.png", tmp_path / "a.png")
    assert here("max", "-k", "2", source, "-o", tmp_path / "b.png").code == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.getpixel((0, 0)) == (255, 255, 0, 255)
    np.save(tmp_path / "a.npy", np.asarray(Image.open(source)))
    assert here("avg", "-k", "2", "--layout", "HWC", tmp_path / "a.npy", "-o", tmp_path / "c.png").code == 0
    with Image.open(tmp_path / "c.png") as image:
        assert image.getpixel((0, 0)) == (64, 191, 0, 64)
    Image.new("RGBA", (4, 4), (9, 8, 7, 255)).save(tmp_path / "o.png")
    done = here("avg", "-k", "2", "--json", tmp_path / "o.png", "-o", tmp_path / "p.png")
    assert "premultiplied" not in json.loads(done.out)["files"][0]["parameters"]


def test_what_takes_a_picture_apart_says_that_alpha_is_apart(here: Call, tmp_path: Path) -> None:
    """A chain and a study pool alpha as a channel, and say so where it makes a difference."""
    source, note = fringed("a.png", tmp_path / "a.png"), "alpha is a channel like others here"
    assert note in here("chain", "avg -k 2", source, "-o", tmp_path / "b.png").err
    assert note in here("explain", source, "avg -k 2", "--at", "0,0").err
    assert note not in here("explain", source, "max -k 2", "--at", "0,0").err
    Image.new("RGBA", (4, 4), (9, 8, 7, 255)).save(tmp_path / "o.png")
    assert note not in here("chain", "avg -k 2", tmp_path / "o.png", "-o", tmp_path / "p.png").err


def test_a_missing_value_or_a_constant_padding_keeps_alpha_apart(here: Call, tmp_path: Path) -> None:
    """They are values of samples, which no weight may change; no error, for nobody asked for weights."""
    source = fringed("a.png", tmp_path / "a.png")
    for name, option in (("b", ("--nodata", "0")), ("c", ("--pad-mode", "constant", "--padding", "1"))):
        assert here("avg", "-k", "2", *option, source, "-o", tmp_path / f"{name}.png").code == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.getpixel((0, 0)) == (255, 255, 0, 255)


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
