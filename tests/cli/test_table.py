"""The table: what it says, and that nothing is lost whatever its width, its stream or the names in it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from poolcli import report
from poolcli.cli import table
from poolcli.cli.streams import Pen
from poolcli.cli.summary import summary
from poolcli.report import FileReport, Report, Stats

IMAGE = FileReport(
    "image.png", "image_max.png", "ok", reducer="max", layout="fixed", axes="HWC",
    windows={"count": [160, 240], "size": [2, 2], "stride": [2, 2], "padding": [[0, 0], [0, 0]], "dilation": [1, 1],
             "ceil": False, "pad_mode": "exclude"},
    input_shape=(320, 480, 3), output_shape=(160, 240, 3), input_dtype="uint8", output_dtype="uint8",
    uncovered={"H": 0, "W": 0}, input_stats=Stats(9, 63.7272265625, 255), output_stats=Stats(9, 72.4165, 255),
    preview=report.preview(np.arange(160 * 240 * 3).reshape(160, 240, 3) % 251, "HWC"), seconds=0.0123)
SMALL = FileReport(
    "a map.npy", "-", "ok", reducer="lp", parameters={"p": 3.0}, layout="fractional", axes="HW",
    windows={"count": [2, 2], "fractional": [1.5, 2], "size": None, "overlapping": True, "random": False, "seed": 7},
    input_shape=(3, 4), output_shape=(2, 2), input_dtype="int64", output_dtype="float64",
    uncovered={"H": 1, "W": 2}, input_stats=Stats(-5, 0.5, 11), output_stats=Stats(float("nan"), None, float("inf")),
    preview=report.preview(np.array([[0.5, np.nan], [1e10, -3]]), "HW"), seconds=2.5)


class Stream(io.TextIOWrapper):
    """A stream with an encoding that may be a terminal."""

    def __init__(self, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__(io.BytesIO(), encoding=encoding, errors="backslashreplace", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        """As told."""
        return self.terminal

    def printed(self) -> str:
        """What was written."""
        return self.buffer.getvalue().decode(self.encoding)  # type: ignore[attr-defined]


def drawn(*files: FileReport, columns: int | None = None, colour: bool = False, encoding: str = "utf-8",
          total: Report | None = None) -> str:
    """The table on a terminal of so many columns, or in a pipe."""
    stream = Stream(columns is not None, encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns or 80))
        patch.setenv("TERM", "xterm-256color")
        patch.delenv("NO_COLOR", raising=False)
        view = table.Table(Pen(stream), colour)
        for file in files:
            view.add(file)
        total = total or Report.of(files)
        view.end(summary(total, 0) if total.count > 1 else "")
    return stream.printed()


def test_the_table_in_80_columns() -> None:
    """The main job of the README fits an ordinary terminal."""
    assert [line.rstrip() for line in drawn(IMAGE, columns=80).splitlines()] == [
        "input",
        "output         shape          type   pool  uncovered  min     mean  max     time",
        "────────────────────────────────────────────────────────────────────────────────",
        "image.png      320x480x3 HWC  uint8  max   none         9  63.7272  255  12.3 ms",
        "image_max.png  -> 160x240x3          2x2   100% read    9  72.4165  255",
        "values:",
        "        0 1 2        3 4 5  ...  212 213 214  215 216 217",
        "  218 219 220  221 222 223  ...  179 180 181  182 183 184",
        "          ...          ...  ...          ...          ...",
        "     57 58 59     60 61 62  ...     18 19 20     21 22 23",
        "     24 25 26     27 28 29  ...  236 237 238  239 240 241",
    ]


def test_a_block_in_40_columns() -> None:
    """Too narrow for the table: one fact a line."""
    assert drawn(IMAGE, columns=40).splitlines()[:11] == [
        "file: image.png -> image_max.png",
        "layout: HWC",
        "shape: 320x480x3 -> 160x240x3",
        "type: uint8 -> uint8",
        "pooling: max 2x2",
        "uncovered: none, 100% read",
        "min: 9 -> 9",
        "mean: 63.7272 -> 72.4165",
        "max: 255 -> 255",
        "time: 12.3 ms",
        "values:",
    ]


def test_a_result_of_odd_numbers_in_200_columns() -> None:
    """NaN, infinities, what is not known, what no window reached, the seed that replays it."""
    assert [line.rstrip() for line in drawn(SMALL, columns=200).splitlines()] == [
        "input",
        "output     shape   type        pool                                 uncovered   min  mean  max   time",
        "─────────────────────────────────────────────────────────────────────────────────────────────────────",
        "a map.npy  3x4 HW  int64       lp p=3                               1 H, 2 W     -5   0.5   11  2.5 s",
        "-          -> 2x2  -> float64  fractional 1.5x2 seed 7 overlapping  33.3% read  nan     -  inf",
        "values:",
        "    0.5  nan",
        "  1e+10   -3",
    ]


@pytest.mark.parametrize("columns", [20, 40, 60, 79, 80, 100, 200])
def test_no_width_loses_anything(columns: int) -> None:
    """A long name is folded, not cut."""
    long = replace(IMAGE, input="photos/" + "0123456789" * 9 + ".png", output="out/" + "abcdefghij" * 9 + ".png")
    text = drawn(long, SMALL, columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    letters = re.sub(r"\s", "", text)
    for file in (long, SMALL):
        for fact in ("".join(file.input.split()), table.shape(file.input_shape), table.shape(file.output_shape),
                     file.input_dtype, table.reducer(file).replace(" ", ""), table.windows(file).replace(" ", ""),
                     *(table.number_pair(file, name).split("\n")[0] for name in table.NUMBERS)):
            if columns < 80 or len(fact or "") < 60:
                assert (fact or "") in letters, fact
    assert all(letters.count(digit) >= 9 for digit in "0123456789abcdefghij")


@pytest.mark.parametrize("columns", [80, 100])
def test_long_names_are_folded_in_the_table(columns: int) -> None:
    """It stays a table, and its names stay whole."""
    names = {"input": "0123456789" * 9 + ".png", "output": "ABCDEFGHIJ" * 9 + ".png"}
    lines = drawn(replace(IMAGE, **names), columns=columns).splitlines()
    first = "".join(line.split(" ")[0] for line in lines[3:lines.index("values:")])
    assert first == names["input"] + names["output"]
    assert max(map(len, lines)) <= columns


def test_a_pipe_has_no_width() -> None:
    """Each file is on its two lines, whole, however long its name."""
    long = replace(IMAGE, input="x" * 300 + ".png")
    lines = drawn(long).splitlines()
    assert lines[3].startswith("x" * 300 + ".png  320x480x3 HWC  uint8  max ")


def test_the_table_is_plain_where_it_must_be() -> None:
    """Escape codes on a terminal only, and not with --no-color; ASCII boxes where the encoding has no others."""
    assert "\x1b[" in drawn(IMAGE, columns=120, colour=True)
    assert "\x1b" not in drawn(IMAGE, columns=120, colour=False)
    assert "\x1b" not in drawn(IMAGE, colour=True)
    assert drawn(replace(IMAGE, input="é.png"), encoding="ascii").isascii()
    assert "\\xe9.png" in drawn(replace(IMAGE, input="é.png"), encoding="ascii")
    assert "\\u25" not in drawn(IMAGE, encoding="ascii")


@pytest.mark.parametrize("name", ["x[/].png", "a[red]b[/red].png", "pic:smile:.png", "http://x.org/y.png", "12345.png"])
def test_names_are_no_markup(name: str) -> None:
    """Nothing in a name is obeyed or coloured."""
    assert f"\n{name} " in drawn(replace(IMAGE, input=name), columns=150, colour=True)


@pytest.mark.parametrize("columns", [None, 50])
def test_control_characters_are_escaped(columns: int | None) -> None:
    """In table and block."""
    text = drawn(replace(IMAGE, input="a\nb\x1b[31m\udcff.png"), columns=columns)
    assert "a\\nb\\x1b[31m\\udcff.png" in text and "\x1b" not in text


WINDOWS: list[tuple[str, dict[str, Any], str]] = [
    ("fixed", {}, "2x2"),
    ("fixed", {"stride": [1, 2]}, "2x2 stride 1x2"),
    ("fixed", {"padding": [[1, 1], [0, 2]]}, "2x2 padding 1x0:2"),
    ("fixed", {"dilation": [2, 1], "ceil": True}, "2x2 dilation 2x1 ceil"),
    ("fixed", {"padding": [[1, 1], [1, 1]], "pad_mode": "reflect"}, "2x2 padding 1x1 reflect"),
    ("same", {"padding": [[0, 1], [0, 1]], "stride": [1, 1]}, "2x2 stride 1x1 same"),
    ("global", {}, "global"),
    ("adaptive", {"adaptive": [7, 5]}, "adaptive 7x5"),
    ("fractional", {"fractional": [1.4], "u": 0.25, "random": False, "overlapping": False}, "fractional 1.4 u 0.25"),
]


@pytest.mark.parametrize(("layout", "changed", "text"), WINDOWS)
def test_windows_in_words(layout: str, changed: dict[str, Any], text: str) -> None:
    """Only what is not as always."""
    assert table.windows(replace(IMAGE, layout=layout, windows={**(IMAGE.windows or {}), **changed})) == text


def test_parameters_of_zero_are_shown() -> None:
    """And those that are off or not given are not."""
    parameters = {"q": 0.0, "divisor": None, "flag": False, "on": True, "nan": "ignore"}
    assert table.reducer(replace(IMAGE, reducer="avg", parameters=parameters)) == "avg q=0 on=1 nan=ignore"


@pytest.mark.parametrize(("uncovered", "text"), [({"H": 0, "W": 0}, "100%"), ({"H": 1, "W": 0}, "99.6%"),
                                                 ({"H": 319, "W": 479}, "0%")])
def test_a_share_is_never_rounded_up(uncovered: dict[str, int], text: str) -> None:
    """100% means every sample."""
    assert table.share(replace(IMAGE, uncovered=uncovered)) == text


def test_a_lossy_result_says_so_in_its_row() -> None:
    """In the block too."""
    lossy = replace(IMAGE, notes=("lossy: JPEG of quality 95",))
    assert " lossy " in drawn(lossy, columns=200)
    assert "type: uint8 -> uint8, lossy\n" in drawn(lossy, columns=40)
    assert "lossy" not in drawn(IMAGE, columns=200) + drawn(IMAGE, columns=40)


def test_many_files_end_in_a_summary() -> None:
    """The first rows, how many more, and how many of each kind; values of the first few."""
    failed = replace(IMAGE, status="failed", error="cannot be read")
    text = drawn(*[IMAGE] * 150, failed, replace(IMAGE, status="skipped"))
    assert text.count("image.png ") == table.MOST_ROWS
    assert text.count("values of ") == table.MOST_PREVIEWS
    assert text.endswith("... and 50 files more\n152 files: 150 done, 1 skipped, 1 failed\n"
                         "  1 failed: cannot be read\n")
