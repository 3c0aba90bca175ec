"""``poolcli compare`` as it is used."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, save_picture
from PIL import Image
from rich.console import Console

import poolcli
from poolcli.cli.display.half_blocks import UPPER, ImagePreview


def test_the_table_has_a_row_for_each_pooling(here: Call) -> None:
    """And the original's; best values in numbers that the library gives."""
    found = here("compare", SAMPLES / "noisy.png", "-k", "4", "median", "avg")
    assert found.code == 0 and found.err == ""
    rows = found.out.splitlines()
    assert rows[0].endswith("180x240 uint8; range 255, laid over it again by nearest")
    assert [row.split()[0] for row in rows[3:]] == ["the", "median", "avg"]
    assert "15.65" in rows[5] and "0.1730" in rows[5]


def test_json_has_the_same_numbers_and_no_pictures(here: Call) -> None:
    """Pictures are for -o and --preview."""
    found = json.loads(here("compare", SAMPLES / "noisy.png", "-k", "4", "--json").out)
    assert found["study"] == "compare" and found["shape"] == [180, 240]
    assert [row["stage"] for row in found["rows"]] == [
        "max", "min", "avg", "median", "subsample", "blur --size 8 --stride 4 --padding 2"]
    assert "picture" not in found and "picture" not in found["rows"][0]
    assert found["rows"][2]["psnr"] == pytest.approx(15.65211168409247)


def test_a_sheet_is_written_and_its_part_is_told(here: Call, tmp_path: Path) -> None:
    """A picture larger than a tile is shown in part, which is said."""
    out = tmp_path / "sheet.png"
    found = here("compare", SAMPLES / "image.png", "max", "--tile", "100", "-o", out)
    assert found.code == 0 and "note: the pictures show H 110:210, W 190:290" in found.err
    with Image.open(out) as sheet:
        assert sheet.mode == "RGB" and sheet.width > 2 * 180
    assert "exists" in here("compare", SAMPLES / "image.png", "max", "-o", out).err


@pytest.mark.parametrize("width", [30, 60, 100])
@pytest.mark.parametrize(("colour", "no_color"), [("truecolor", False), (None, False), ("truecolor", True)])
def test_a_preview_fits_the_terminal(width: int, colour: str | None, no_color: bool) -> None:
    """In half blocks where there are colours, in letters elsewhere."""
    tiles = [(np.full((40, 60, 3), 10 * i, np.uint8), f"picture {i}") for i in range(5)]
    console = Console(file=StringIO(), width=width, force_terminal=True, color_system=colour,  # type: ignore[arg-type]
                      no_color=no_color, legacy_windows=False, _environ={})
    with console.capture() as captured:
        console.print(ImagePreview(tiles))
    plain = re.sub(r"\x1b\[[\d;]*m", "", captured.get())
    assert max(len(line) for line in plain.splitlines()) <= width
    assert all(f"picture {i}" in plain for i in range(5))
    in_colour = colour is not None and not no_color
    assert (UPPER in plain) == in_colour and ("48;2;40;40;40" in captured.get()) == in_colour


def test_a_preview_in_a_pipe_is_of_letters(here: Call, grey: Path) -> None:
    """No colours, 80 columns, dark to light."""
    found = here("compare", grey, "avg", "--preview")
    assert found.code == 0 and "\x1b" not in found.out and UPPER not in found.out
    lines = found.out.splitlines()
    pictures = lines[:next(i for i, line in enumerate(lines) if "laid over" in line)]
    assert len(pictures) > 10 and max(map(len, pictures)) <= 80
    assert found.out.splitlines()[0].startswith("the original")


def test_one_bit_and_sixteen(here: Call, tmp_path: Path) -> None:
    """Ranges by their types."""
    for name, span in (("bilevel.png", 1), ("gradient.png", 65535)):
        found = json.loads(here("compare", SAMPLES / name, "max", "--json", "-o", tmp_path / name).out)
        assert found["data_range"] == span and (tmp_path / name).exists()


def test_other_scales_are_noted(here: Call, grey: Path) -> None:
    """A deviation has no error against a picture."""
    found = here("compare", grey, "std", "max")
    assert "std: on another scale" in found.err and found.code == 0
    assert found.out.splitlines()[-2].split()[:4] == ["std", "-", "-", "-"]


@pytest.mark.parametrize(("arguments", "code", "said"), [
    (["--upsample", "cubic"], 2, "--upsample"),
    (["--data-range", "0"], 2, "--data-range: must be a number above 0"),
    (["--tile", "0"], 2, "--tile"),
    (["max -k 99"], 1, "does not fit"),
    (["--p", "3"], 2, "--p: is a parameter of lp, gem"),
])
def test_what_is_wrong_is_one_line(here: Call, grey: Path, arguments: list[str], code: int, said: str) -> None:
    """With the program's exit codes."""
    found = here("compare", grey, *arguments)
    assert found.code == code and said in found.err and found.err.count("\n") == 1 and found.out == ""


def test_alpha_is_composed_and_cmyk_is_read(here: Call, tmp_path: Path) -> None:
    """Pictures of four channels of either kind."""
    assert here("compare", SAMPLES / "cutout.png", "avg", "-o", tmp_path / "a.png").code == 0
    cmyk = save_picture(tmp_path / "cmyk.jpg", np.zeros((16, 16, 3), np.uint8), "CMYK")
    assert here("compare", cmyk, "avg", "-o", tmp_path / "b.png").code == 0


def test_a_mask(here: Call, tmp_path: Path) -> None:
    """As in Python; inverted too, and what does not fit is one line."""
    x, mask = np.arange(64.0).reshape(8, 8), np.arange(64).reshape(8, 8) % 5
    for name, array in (("x", x), ("m", mask), ("i", mask == 0), ("l", mask[:2])):
        np.save(tmp_path / f"{name}.npy", array)
    wanted = poolcli.compare(x, ["max"], size=2, mask=mask).rows[0]
    for name in (tmp_path / "m.npy", f"!{tmp_path / 'i.npy'}"):
        row, = json.loads(here("compare", tmp_path / "x.npy", "max -k 2", "--mask", name, "--json").out)["rows"]
        assert row["mean_squared_error"] == wanted.mean_squared_error and row["psnr"] == wanted.psnr
    done = here("compare", tmp_path / "x.npy", "max -k 2", "--mask", tmp_path / "l.npy")
    assert done.code == 1 and "l.npy: the mask has the shape 2x8" in done.err and done.err.count("\n") == 1
