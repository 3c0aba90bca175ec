"""``poolcli grad``: the library's gradient as numbers, as a picture and in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, on_terminal
from PIL import Image

import poolcli

FEATURES = SAMPLES / "feature_map.npy"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a map of 4 x 4: its maxima stand at 5, 7, 13 and 15, or in windows of 3 at 10, 11, 14 and 15."""
    monkeypatch.chdir(tmp_path)
    np.save("map.npy", np.arange(16.0).reshape(4, 4))
    return tmp_path


def test_the_numbers_are_the_librarys(here: Call, folder: Path) -> None:
    """With an upstream gradient, a quoted stage and options beside it."""
    upstream = np.random.default_rng(0).normal(size=(8, 8, 8))
    np.save(folder / "u.npy", upstream)
    done = here("grad", "lse --r 2", "-k", "2", FEATURES, "--upstream", "u.npy", "-o", "g.npy", "--json")
    wanted = poolcli.grad(np.load(FEATURES), "lse", upstream, r=2, size=2, layout="HWC")
    found = np.load(folder / "g.npy")
    assert found.dtype == np.float32 and (found == wanted).all()
    told = json.loads(done.out)
    assert (told["layout"], told["shape"], told["wins"]) == ("HWC", [16, 16, 8], None)
    assert told["stats"]["max"] == wanted.max() and told["total"] == pytest.approx(upstream.sum(), rel=1e-4)


def test_wins_are_counted(here: Call, folder: Path) -> None:
    """Of a reducer that picks: how many samples win how many windows; of others there are none to win."""
    told = json.loads(here("grad", "map.npy", "max -k 3 -s 1 --padding 1", "--json").out)
    assert told["wins"] == {"0": 7, "1": 4, "2": 4, "4": 1} and told["total"] == 16 and told["zero"] == 7 / 16
    assert told["values"][3] == [0, 2, 2, 4]
    shown = here("grad", "map.npy", "max -k 3 -s 1 --padding 1").out
    assert "windows won  samples  share" in shown.replace("   ", "  ") and "43.8%" in shown
    assert json.loads(here("grad", "map.npy", "avg", "--json").out)["wins"] is None


def test_a_picture_is_a_heat_map(here: Call, folder: Path) -> None:
    """Light where the gradient goes; small maps are enlarged; both may be written at once."""
    assert here("grad", "map.npy", "-o", "heat.png").code == 0
    assert here("grad", "map.npy", "-o", "g.npy", "--map", "same.png").code == 0
    picture = np.asarray(Image.open(folder / "heat.png"))
    assert picture.shape[0] > 256 and picture.shape[1:] == (256, 3)
    assert (picture == np.asarray(Image.open(folder / "same.png"))).all()
    lightness = picture[32:256:64, 32::64].sum(axis=2)
    assert ((lightness == lightness.max()) == (np.load(folder / "g.npy") == 1)).all()


def test_pictures_are_what_their_reducers_pool(here: Call, folder: Path) -> None:
    """The mode of a palette picture has its indices, the spread of a 1-bit one greys from 0 to 255."""
    told = json.loads(here("grad", SAMPLES / "labels.png", "mode -k 4", "--json").out)
    assert (told["layout"], told["total"]) == ("HW", 160 * 240 / 16)
    here("grad", SAMPLES / "bilevel.png", "var -k 4", "-o", "g.npy")
    grey = np.where(np.asarray(Image.open(SAMPLES / "bilevel.png").convert("L")) > 0, np.uint8(255), np.uint8(0))
    assert (np.load(folder / "g.npy") == poolcli.grad(grey, "var", size=4)).all()


def test_maps_of_sequences_and_volumes(here: Call, folder: Path) -> None:
    """A strip, and all slices together."""
    here("grad", SAMPLES / "sequence.npy", "median -k 8 --nan ignore", "-o", "strip.png")
    here("grad", SAMPLES / "volume.npy", "std", "--layout", "DHW", "-o", "slices.png")
    strip, slices = (np.asarray(Image.open(folder / name)) for name in ("strip.png", "slices.png"))
    assert strip.shape[0] > 32 and strip.shape[1:] == (512, 3)
    assert slices.shape[0] > 256 and slices.shape[1:] == (256, 3)


def test_a_pipe_goes_through(process: Call, folder: Path) -> None:
    """Numbers on stdout, words on stderr."""
    done = process("grad", "-", "-o", "-", stdin=(folder / "map.npy").read_bytes(), cwd=folder)
    assert done.returncode == 0 and done.stdout[:6] == b"\x93NUMPY" and b"windows won" in done.stderr


def test_numbers_are_whole_on_a_narrow_terminal(folder: Path) -> None:
    """60 columns."""
    code, printed = on_terminal(folder, "grad", str(SAMPLES / "image.png"), "max -k 3 -s 2", COLUMNS="60", NO_COLOR="1")
    assert code == 0 and "0.247402" in printed and "364,459" in printed


@pytest.mark.parametrize(("line", "code", "said"), [
    ("grad", 2, "INPUT: is missing"), ("grad map.npy -k 9", 1, "map.npy: a window of 9 does not fit"),
    ("grad map.npy --upstream map.npy", 1, "map.npy: upstream has the shape 4x4, the result 2x2"),
    ("grad map.npy --map x.npy", 1, "x.npy: a map is a picture; a name that ends in .png would work"),
    ("grad map.npy -o map.npy --overwrite", 1, "map.npy: is the input"),
    ("grad map.npy -o x.xyz", 2, "--output: x.xyz: the ending '.xyz' is of no known format"),
    ("grad map.npy --p 3", 2, "--p: is a parameter of lp, gem, and none of them is asked for"),
])
def test_what_cannot_be_is_one_line(here: Call, folder: Path, line: str, code: int, said: str) -> None:
    """And nothing is written."""
    done = here(*line.split())
    assert done.code == code and done.out == "" and done.err.startswith(f"poolcli: {said}")
    assert done.err.count("\n") == 1 and [path.name for path in folder.iterdir()] == ["map.npy"]


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_an_empty_gradient(here: Call, tmp_path: Path, form: tuple[str, ...]) -> None:
    """No channels: numbers of nothing are left out, and nobody is warned."""
    np.save(tmp_path / "none.npy", np.zeros((4, 4, 0)))
    called = here("grad", tmp_path / "none.npy", *form)
    assert (called.code, called.err) == (0, "")
    assert not form or json.loads(called.out)["zero"] is None


def test_masks_and_weights_of_files(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files beside the input, one inverted; the errors are those of a reducer's command."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(2)
    x, mask, weights = rng.random((4, 6)), rng.random((4, 6)) < 0.7, rng.random((4, 6))
    for name, array in (("x", x), ("m", (~mask).astype(np.uint8)), ("w", weights), ("long", weights[:3])):
        np.save(f"{name}.npy", array)
    done = here("grad", "x.npy", "avg -k 2", "--mask", "!m.npy", "--weights", "w.npy", "-o", "g.npy", "--json")
    assert (done.code, done.err) == (0, "") and json.loads(done.out)["shape"] == [4, 6]
    np.testing.assert_array_equal(np.load("g.npy"), poolcli.grad(x, "avg", mask=mask, weights=weights, size=2))
    done = here("grad", "x.npy", "avg -k 2", "--weights", "long.npy")
    assert done.code == 1 and "the array of weights has the shape 3x6, the samples 4x6" in done.err
    assert here("grad", "x.npy", "max", "--weights", "w.npy").code == 2
