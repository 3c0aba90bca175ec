"""``poolcli shift`` as it is used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import SAMPLES, Call
from PIL import Image


def test_the_table_is_ordered_by_rank(here: Call) -> None:
    """The least aliasing first; then what blurs would gain."""
    found = here("shift", SAMPLES / "image.png", "subsample", "avg")
    assert found.code == 0 and found.err == ""
    rows = found.out.splitlines()
    assert rows[0].endswith("320x480x3 uint8; the range is 246")
    assert [row.split()[:2] for row in rows[3:5]] == [["1", "avg"], ["2", "subsample"]]
    assert all("exact" in row for row in rows[3:5]) and "by shift" not in found.out
    assert rows[7].split() == ["pooling", "none", "2", "3", "4", "5", "6", "7"]


def test_larger_shifts_have_a_table(here: Call) -> None:
    """Changes by how far."""
    out = here("shift", SAMPLES / "noisy.png", "max", "--max-shift", "9").out
    assert "changes by shift" in out
    titles = out.splitlines()[out.splitlines().index("changes by shift") + 1]
    assert titles.split()[:2] == ["pooling", "1"] and titles.split()[-1] == "9" and len(titles.split()) == 7


def test_json_has_every_number(here: Call) -> None:
    """And no pictures."""
    found = json.loads(here("shift", SAMPLES / "noisy.png", "--json", "max -k 3 -s 2").out)
    row = found["rows"][0]
    assert found["study"] == "shift" and found["shape"] == [180, 240] and "heat" not in row
    assert row["stride"] == [2, 2] and row["shifts"] == 3 and row["equivariance"] == 0 and row["rank"] == 1
    assert [blur["taps"] for blur in row["blurred"]] == [2, 3, 4, 5, 6, 7]


def test_heat_maps_as_a_picture_and_as_numbers(here: Call, tmp_path: Path) -> None:
    """A sheet, or (stages, h, w)."""
    assert here("shift", SAMPLES / "noisy.png", "max", "avg", "-o", tmp_path / "heat.png").code == 0
    with Image.open(tmp_path / "heat.png") as sheet:
        assert sheet.mode == "RGB" and sheet.width > 500
    assert here("shift", SAMPLES / "noisy.png", "max", "avg", "-o", tmp_path / "heat.npy").code == 0
    assert np.load(tmp_path / "heat.npy").shape == (2, 89, 119)
    refused = here("shift", SAMPLES / "noisy.png", "max", "max -k 3", "-o", tmp_path / "two.npy")
    assert refused.code == 1 and "different sizes" in refused.err and not (tmp_path / "two.npy").exists()


def test_a_part_is_told(here: Call) -> None:
    """And how to take another."""
    found = here("shift", SAMPLES / "noisy.png", "max", "--crop", "64")
    assert "note: looked at the middle 64x64 of 180x240; --crop N takes another size" in found.err


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["--adaptive", "3"], 1, "adaptive windows follow the array and have no stride"),
    (["--global", "max"], 1, "global windows"),
    (["--max-shift", "0"], 2, "--max-shift"),
    (["--max-shift", "40"], 1, "too short for shifts by 40"),
    (["max -k 3"], 1, "shifts leave"),
])
def test_what_is_wrong_is_one_line(here: Call, grey: Path, arguments: list[str], code: int, said: str) -> None:
    """With the program's exit codes."""
    found = here("shift", grey, *arguments)
    assert found.code == code and said in found.err and found.err.count("\n") == 1 and found.out == ""
