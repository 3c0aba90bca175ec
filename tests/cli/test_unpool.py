"""``poolcli unpool`` and ``poolcli convert-indices``: what one command wrote, the other takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, save_picture
from PIL import Image

import poolcli
from poolcli.analysis.unpool import index_formats
from poolcli.analysis.unpool import unpool as library
from poolcli.cli.analysis import unpool_command as command

FEATURES = SAMPLES / "feature_map.npy"


@pytest.fixture
def folder(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the maxima of a feature map, and where they stood."""
    monkeypatch.chdir(tmp_path)
    assert here("max", "-q", FEATURES, "-o", "v.npy", "--indices", "w.npy").code == 0
    return tmp_path


def test_names_are_the_librarys() -> None:
    """Which the command cannot import before it runs."""
    here = command.SPREADS, command.DUPLICATES, command.INDEX_FORMATS
    for names, table in zip(here, (library.SPREADS, library.DUPLICATES, index_formats.INDEX_FORMATS), strict=True):
        assert names == tuple(table)


def unpooled(folder: Path) -> np.ndarray:
    """What the library makes of the values and indices there."""
    return poolcli.unpool(*(np.load(folder / f"{name}.npy") for name in "vw"), layout="HWC")


def test_what_max_wrote_goes_back(here: Call, folder: Path) -> None:
    """Beside the input when no name is said; the document has what was done."""
    found = json.loads(here("unpool", "v.npy", "--indices", "w.npy", "--json").out)
    x = np.load(FEATURES)
    made = np.load(folder / "v_unpool.npy")
    assert made.dtype == x.dtype and np.array_equal(made, unpooled(folder))
    assert (found["output"], found["output_shape"], found["layout"]) == ("v_unpool.npy", [16, 16, 8], "HWC")
    assert found["values"] is None and found["output_stats"]["max"] == x.max()


def test_a_quoted_stage_says_what_is_undone(here: Call, folder: Path) -> None:
    """The whole call that pooled may stand there; only its windows matter."""
    here("max", "-q", "-k", "3", "-s", "2", "--padding", "1", FEATURES, "-o", "a.npy", "--indices", "b.npy")
    stage = "max -k 3 -s 2 --padding 1 --nan ignore"
    assert here("unpool", stage, "a.npy", "--indices", "b.npy", "--output-shape", "16x16", "-o", "c.npy").code == 0
    assert np.load(folder / "c.npy").shape == (16, 16, 8)
    assert here("unpool", stage, "a.npy", "--indices", "b.npy", "-o", "d.npy").code == 1  # 15 x 15: an index beyond


def test_a_picture_stays_a_picture(here: Call, folder: Path) -> None:
    """An average is rounded to its type, half up; to an array it stays exact."""
    save_picture(folder / "p.png", np.array([[1, 2]], np.uint8))
    for name in ("q.png", "q.npy"):
        assert here("unpool", "p.png", "avg -k 3 -s 1", "--spread", "average", "-o", name).code == 0
    assert np.asarray(Image.open(folder / "q.png"))[0].tolist() == [1, 2, 2, 2]
    assert np.load(folder / "q.npy")[0].tolist() == [1, 1.5, 1.5, 2]


def test_a_palette_is_kept(here: Call, folder: Path) -> None:
    """Labels go back as labels; only means are mixed."""
    here("mode", "-q", "-k", "4", SAMPLES / "labels.png", "-o", "m.png", "--indices", "i.npy")
    assert here("unpool", "m.png", "-k", "4", "--indices", "i.npy", "-o", "n.png").code == 0
    with Image.open(folder / "n.png") as back, Image.open(SAMPLES / "labels.png") as old:
        assert back.mode == "P" and set(np.unique(back)) <= set(np.unique(old)) and back.size == old.size


def test_means_of_a_1_bit_picture_are_grey(here: Call, folder: Path) -> None:
    """As those that avg writes."""
    save_picture(folder / "b.png", np.array([[True, False]]))
    assert here("unpool", "b.png", "avg -k 3 -s 1", "--spread", "average", "-o", "c.png").code == 0
    assert np.asarray(Image.open(folder / "c.png"))[0].tolist() == [255, 128, 128, 0]


def test_the_view_has_both_sides_and_the_values(here: Call, folder: Path) -> None:
    """Whatever the names are."""
    np.save(folder / "[red]x.npy", np.array([[3]]))
    done = here("unpool", "[red]x.npy", "--spread", "nearest", "-o", "y.npy")
    assert "[red]x.npy" in done.out and "1x1 HW" in done.out and "2x2 HW" in done.out
    assert done.out.splitlines()[-2:] == ["  3  3"] * 2 and done.err == ""


def test_a_pipe_goes_through(process: Call, folder: Path) -> None:
    """Data on stdout, the view on stderr."""
    done = process("unpool", "-", "--indices", "w.npy", "-o", "-", stdin=(folder / "v.npy").read_bytes(), cwd=folder)
    assert done.stdout[:6] == b"\x93NUMPY" and b"16x16x8" in done.stderr and done.returncode == 0


@pytest.mark.parametrize(("line", "code", "said"), [
    ("unpool v.npy", 2, "--spread: is missing, and so are indices; nearest, average"),
    ("unpool v.npy --indices w.npy --spread nearest", 2, "--spread: does not go with indices"),
    ("unpool v.npy --spread sharp", 2, "--spread: 'sharp' is not one of 'nearest', 'average'"),
    ("unpool v.npy --indices w.npy --output-shape 8x", 2, "--output-shape: '8x' is no shape; 8x8 or 1x3x8x8"),
    ("unpool v.npy --indices v.npy", 1, "v.npy: indices are whole numbers, not float32"),
    ("unpool v.npy --indices w.npy --index-format onnx", 1, "v.npy: index "),
    ("unpool v.npy --indices none.npy", 1, "none.npy: cannot be read"),
    ("unpool v.npy --indices w.npy --overwrite -o w.npy", 1, "w.npy: is the input"),
    ("unpool v.npy --spread nearest --adaptive 3", 1, "v.npy: adaptive windows do not tell how large"),
    ("unpool - --spread nearest", 2, "--output: is missing"),
    ("convert-indices w.npy -o x.npy", 2, "--shape: is missing"),
    ("convert-indices w.npy --shape 16x16x8", 2, "--output: is missing"),
    ("convert-indices w.npy --shape 15x15x8 -o x.npy", 1, "w.npy: index "),
    ("convert-indices w.npy --shape 16x16x3 -o x.npy", 1, "w.npy: indices of shape 8x8x8 are of no pooling of 16x16x3"),
    ("convert-indices w.npy --shape 16x16x8 --to cudnn -o x.npy", 2, "--to: 'cudnn' is not one of"),
])
def test_what_cannot_be_is_one_line(here: Call, folder: Path, line: str, code: int, said: str) -> None:
    """And nothing is written."""
    done = here(*line.split())
    assert done.code == code and done.out == "" and done.err.count("\n") == 1
    assert done.err.startswith(f"poolcli: {said}")
    assert sorted(path.name for path in folder.iterdir()) == ["v.npy", "w.npy"]


def test_options_come_from_the_environment_by_the_names_that_help_tells(
    here: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dash of the command's name is no dash there."""
    assert "POOLCLI_CONVERT_INDICES_FROM=FORMAT is --from FORMAT" in here("convert-indices", "--help").out
    monkeypatch.setenv("POOLCLI_CONVERT_INDICES_SHAPE", "16x16x8")
    assert here("convert-indices", "w.npy", "--to", "onnx", "-o", "o.npy").code == 0


def test_indices_are_converted_there_and_back(here: Call, folder: Path) -> None:
    """The file is the library's result."""
    w = np.load(folder / "w.npy")
    there = here("convert-indices", "w.npy", "--to", "tensorflow", "--shape", "16x16x8", "-o", "t.npy", "--json")
    assert (np.load(folder / "t.npy") == poolcli.convert_indices(w, "torch", "tensorflow", (16, 16, 8), "HWC")).all()
    assert json.loads(there.out)["layout"] == "HWC"
    back = here("convert-indices", "t.npy", "--from", "tensorflow", "--shape", "16x16x8", "-o", "b.npy")
    assert (np.load(folder / "b.npy") == w).all() and "tensorflow -> torch" in back.out
