"""World files: read beside pictures, written beside results, and what JSON says of places."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, save_picture
from places import chain, pool_file

NUMBERS = "10\n0.5\n0.25\n-10\n100\n2000\n"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of 12 x 18 with a world file."""
    (tmp_path / "in.pgw").write_text(NUMBERS)
    return save_picture(tmp_path / "in.png", np.arange(216, dtype=np.uint8).reshape(12, 18))


def affine(path: Path) -> np.ndarray:
    """(x, y) of a column and a row, of pixel centres, as ESRI has it: A D B E C F."""
    a, d, b, e, c, f = (float(line) for line in path.read_text().split())
    return np.array([[a, b, c], [d, e, f], [0, 0, 1]])


def test_centres_are_those_of_windows(picture: Path, tmp_path: Path) -> None:
    """For random plans."""
    import random

    chance = random.Random(4)
    for _ in range(40):
        stages, (rows, columns) = chain(chance, (12, 18), "HW")
        pool_file(picture, tmp_path / "out.png", stages)
        i, j = len(rows) - 1, len(columns) - 1
        there = affine(tmp_path / "out.pgw") @ [j, i, 1]
        assert np.linalg.solve(affine(picture.with_suffix(".pgw")), there)[:2] == pytest.approx(
            (float(columns[j]), float(rows[i])), abs=1e-9)


@pytest.mark.parametrize(("output", "beside"), [("o.png", "o.pgw"), ("o.jpg", "o.jgw"), ("o.tif", "o.tfw"),
                                                ("o.bmp", "o.bpw"), ("o.gif", None), ("o.npy", None)])
def test_formats_that_have_one(here: Call, picture: Path, tmp_path: Path, output: str, beside: str | None) -> None:
    """And a note where there is none."""
    done = here("max", "-k", "3", picture, "-o", tmp_path / output)
    made = {path.name for path in tmp_path.iterdir()} - {"in.png", "in.pgw", output}
    assert done.code == 0 and made == ({beside} if beside else set())
    assert ("place (world file) is left out" in done.err) == (beside is None)


@pytest.mark.parametrize("name", ["in.pngw", "in.wld"])
def test_other_names(here: Call, picture: Path, tmp_path: Path, name: str) -> None:
    """As GDAL and ESRI have them."""
    picture.with_suffix(".pgw").rename(tmp_path / name)
    assert here("max", "-k", "2", picture, "-o", tmp_path / "out.png").code == 0
    assert affine(tmp_path / "out.pgw")[:, 0].tolist() == [20, 1, 0]


def test_an_older_world_file_is_not_written_over(here: Call, picture: Path, tmp_path: Path) -> None:
    """Nor is the picture written then; --overwrite and --place none would do."""
    (tmp_path / "out.pgw").write_text("mine")
    done = here("max", "-k", "2", picture, "-o", tmp_path / "out.png")
    assert done.code == 1 and "out.pgw exists" in done.err and not (tmp_path / "out.png").exists()
    assert here("max", "-k", "2", picture, "-o", tmp_path / "out.png", "--place", "none").code == 0
    assert (tmp_path / "out.pgw").read_text() == "mine"
    assert here("max", "-k", "2", picture, "-o", tmp_path / "out.png", "--overwrite").code == 0
    assert affine(tmp_path / "out.pgw")[0, 0] == 20


@pytest.mark.parametrize("text", ["", "1\n2\n3", "a\nb\nc\nd\ne\nf", "nan\n0\n0\n1\n0\n0", "0\n" * 6, "1" * 9999])
def test_broken_ones_are_a_note(here: Call, picture: Path, tmp_path: Path, text: str) -> None:
    """The pixels are pooled."""
    picture.with_suffix(".pgw").write_text(text)
    done = here("max", "-k", "2", picture, "-o", tmp_path / "out.png")
    assert done.code == 0 and "in.pgw is left out" in done.err and not (tmp_path / "out.pgw").exists()


@pytest.mark.parametrize("command", [("max", "-k", "6"), ("chain", "max -k 2", "avg -k 3")])
def test_json_has_both_places(here: Call, picture: Path, tmp_path: Path, command: tuple[str, ...]) -> None:
    """Of chains that of the last stage."""
    (file,) = json.loads(here(*command, picture, "-o", tmp_path / "out.png", "--json").out)["files"]
    before, after = file["place"]["before"], file["place"]["after"]
    assert before["first_centre"] == [100, 2000] and after["first_centre"] == pytest.approx([125.625, 1976.25])
    assert {axis: size * 6 for axis, size in before["pixel_size"].items()} == pytest.approx(after["pixel_size"])


def test_nothing_lies_beside_a_stream(here: Call, picture: Path, tmp_path: Path) -> None:
    """Which is a note."""
    (tmp_path / "pipe").symlink_to("/dev/null")
    done = here("max", "-k", "2", picture, "-o", tmp_path / "pipe", "--format", "png")
    assert done.code == 0 and "nothing can lie beside the output" in done.err
