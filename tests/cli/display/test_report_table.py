"""The table: what it says, and that nothing is lost whatever its width, its stream or the names in it."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from poolcli import report
from poolcli.cli.display import report_table
from poolcli.cli.display.summary import format_summary
from poolcli.cli.stdio import SafeWriter
from poolcli.report import FileReport, Report, Stats

IMAGE = FileReport(
    "image.png", "image_max.png", "ok", reducer="max", windowing="fixed", layout="HWC",
    windows={"count": [160, 240], "size": [2, 2], "stride": [2, 2], "padding": [[0, 0], [0, 0]], "dilation": [1, 1],
             "ceil": False, "pad_mode": "exclude"},
    input_shape=(320, 480, 3), output_shape=(160, 240, 3), input_dtype="uint8", output_dtype="uint8",
    uncovered={"H": 0, "W": 0}, input_stats=Stats(9, 63.7272265625, 255), output_stats=Stats(9, 72.4165, 255),
    preview=report.cut_planes(np.arange(160 * 240 * 3).reshape(160, 240, 3) % 251, "HWC"), seconds=0.0123)
SMALL = FileReport(
    "a map.npy", "-", "ok", reducer="lp", parameters={"p": 3.0}, windowing="fractional", layout="HW",
    windows={"count": [2, 2], "fractional": [1.5, 2], "size": None, "overlapping": True, "random": False, "seed": 7},
    input_shape=(3, 4), output_shape=(2, 2), input_dtype="int64", output_dtype="float64",
    uncovered={"H": 1, "W": 2}, input_stats=Stats(-5, 0.5, 11), output_stats=Stats(float("nan"), None, float("inf")),
    preview=report.cut_planes(np.array([[0.5, np.nan], [1e10, -3]]), "HW"), seconds=2.5)


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


def drawn(*files: FileReport, columns: int | None = None, colour: bool | None = False, encoding: str = "utf-8",
          total: Report | None = None, rows: bool = False) -> str:
    """The table on a terminal of so many columns, or in a pipe."""
    stream = Stream(columns is not None, encoding)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns or 80))
        patch.setenv("TERM", "xterm-256color")
        patch.delenv("NO_COLOR", raising=False)
        view = report_table.Table(SafeWriter(stream), colour, rows=rows)
        for file in files:
            view.add(file)
        total = total or Report.of(files)
        view.end(format_summary(total, 0) if total.count > 1 else "")
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
def test_no_width_loses_a_fact(columns: int) -> None:
    """Names are cut in the middle in the table; all else is whole, and where there is no room a block has all."""
    long = replace(IMAGE, input="photos/" + "0123456789" * 9 + ".png", output="out/" + "abcdefghij" * 9 + ".png")
    text = drawn(long, SMALL, columns=columns)
    assert max(map(len, text.splitlines())) <= columns
    letters = re.sub(r"\s", "", text)
    is_block = "shape:" in letters
    for file in (long, SMALL):
        for fact in (report_table.shape(file.input_shape), report_table.shape(file.output_shape), file.input_dtype,
                     report_table.reducer(file).replace(" ", ""), report_table.windows(file).replace(" ", ""),
                     *(pair.split("\n")[0] for pair in report_table.number_pairs(file))):
            assert (fact or "") in letters, fact
        assert not is_block or "".join(file.input.split()) in letters


@pytest.mark.parametrize("columns", [80, 100])
def test_long_names_are_cut_in_the_middle_on_a_terminal(columns: int) -> None:
    """It stays a table of two lines a file; how a name begins and how it ends can be read."""
    names = {"input": "0123456789" * 9 + ".png", "output": "ABCDEFGHIJ" * 9 + ".png"}
    lines = drawn(replace(IMAGE, **names), columns=columns).splitlines()
    assert lines.index("values:") == 5 and max(map(len, lines)) == columns
    for line, name in zip(lines[3:5], names.values(), strict=True):
        head, _, tail = line.split(" ")[0].partition("…")
        assert len(head) >= 5 and len(tail) >= 6 and name.startswith(head) and name.endswith(tail)
    assert "..." in drawn(replace(IMAGE, **names), columns=columns, encoding="ascii").splitlines()[3]


def test_wide_characters_are_cut_by_their_cells() -> None:
    """A Japanese name takes two columns a letter: the table keeps to its width."""
    lines = drawn(replace(IMAGE, input="写真" * 40 + ".png"), columns=90).splitlines()
    assert cell_len(lines[3]) <= 90 and lines[3].split(" ")[0].endswith(".png") and "…" in lines[3]


def test_numbers_stand_below_each_other_by_their_decimal_points() -> None:
    """In the columns of statistics, through all files; units of time too; words stand at the right."""
    other = replace(IMAGE, input_stats=Stats(-10, 7.5, 300), output_stats=Stats(1e-7, float("nan"), 2.25), seconds=2.5)
    lines = drawn(IMAGE, other, columns=200).splitlines()[3:7]
    assert lines[2].rstrip().endswith("2.5 s") and lines[0].endswith("12.3 ms")
    column = lines[0].index("63.7272")
    assert [line[column:column + 7] for line in lines] == ["63.7272", "72.4165", " 7.5   ", "    nan"]
    column = lines[0].index("255")
    assert [line[column:column + 6] for line in lines] == ["255   ", "255   ", "300   ", "  2.25"]


def test_a_pipe_has_no_width() -> None:
    """Each file is on its two lines, whole, however long its name."""
    long = replace(IMAGE, input="x" * 300 + ".png")
    lines = drawn(long).splitlines()
    assert lines[3].startswith("x" * 300 + ".png  320x480x3 HWC  uint8  max ")


def test_the_table_is_plain_where_it_must_be() -> None:
    """Escape codes on a terminal only, and not with --no-color; ASCII boxes where the encoding has no others."""
    assert "\x1b[" in drawn(IMAGE, columns=120, colour=True)
    assert "\x1b" not in drawn(IMAGE, columns=120, colour=False)
    assert "\x1b" not in drawn(IMAGE, colour=None)
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


@pytest.mark.parametrize(("windowing", "changed", "text"), WINDOWS)
def test_windows_in_words(windowing: str, changed: dict[str, Any], text: str) -> None:
    """Only what is not as always."""
    assert report_table.windows(replace(IMAGE, windowing=windowing,
                                        windows={**(IMAGE.windows or {}), **changed})) == text


def test_parameters_of_zero_are_shown() -> None:
    """And those that are off or not given are not."""
    parameters = {"q": 0.0, "divisor": None, "flag": False, "on": True, "nan": "ignore"}
    assert report_table.reducer(replace(IMAGE, reducer="avg", parameters=parameters)) == "avg q=0 on=1 nan=ignore"


@pytest.mark.parametrize(("uncovered", "text"), [({"H": 0, "W": 0}, "100%"), ({"H": 1, "W": 0}, "99.6%"),
                                                 ({"H": 319, "W": 479}, "0%")])
def test_a_share_is_never_rounded_up(uncovered: dict[str, int], text: str) -> None:
    """100% means every sample."""
    assert report_table.share(replace(IMAGE, uncovered=uncovered)) == text


def test_a_lossy_result_says_so_in_its_row() -> None:
    """In the block too."""
    lossy = replace(IMAGE, notes=("lossy: JPEG of quality 95",))
    assert " lossy " in drawn(lossy, columns=200)
    assert "type: uint8 -> uint8, lossy\n" in drawn(lossy, columns=40)
    assert "lossy" not in drawn(IMAGE, columns=200) + drawn(IMAGE, columns=40)


@pytest.mark.parametrize("count", [9, 10, 150])
def test_from_ten_files_on_a_summary_takes_the_place_of_the_rows(count: int) -> None:
    """Counts, shapes, sizes before and after, reasons; nine files still have their rows."""
    sized = replace(IMAGE, bytes_in=4000, bytes_out=1000)
    other = replace(sized, input_shape=(2, 2, 3), output_shape=(1, 1, 3))
    failed = replace(IMAGE, status="failed", error="cannot be read", layout=None, input_shape=None, output_shape=None)
    text = drawn(*[sized] * (count - 2), other, failed)
    if count < 10:
        assert text.count("image.png ") == count - 1 and "shapes:" not in text
        return
    assert text == (f"{count} files: {count - 1} done, 1 failed\n"
                    f"  shapes: 320x480x3 -> 160x240x3 ({count - 2}), 2x2x3 -> 1x1x3 (1)\n"
                    f"  size: {summarise(4000 * (count - 1))}B -> {summarise(1000 * (count - 1))}B (25%)\n"
                    "  1 failed: cannot be read\n")


def summarise(size: int) -> str:
    """Three digits and a prefix, as these sizes need."""
    return f"{size / 1000:.3g} k"


def test_sizes_are_of_files_of_which_both_are_known() -> None:
    """The output of a pipe or of a store has no size: then it is said of how many files the sizes are."""
    files = [replace(IMAGE, bytes_in=4000, bytes_out=1000)] * 9 + [replace(IMAGE, bytes_in=4000)] * 2
    assert "  size: 36 kB -> 9 kB (25%) of 9 files\n" in drawn(*files)
    assert "size" not in drawn(*[IMAGE] * 11)


def test_only_the_commonest_shapes_are_named() -> None:
    """Of a thousand different ones four; memory for counting them stays flat."""
    files = [replace(IMAGE, input_shape=(i + 2, 2, 3), output_shape=(1, 1, 3)) for i in range(300)]
    total = Report.of([*files, *[IMAGE] * 2])
    assert len(total.shapes) == 100
    assert "shapes: 2x2x3 -> 1x1x3 (1), 3x2x3 -> 1x1x3 (1), 4x2x3 -> 1x1x3 (1), 5x2x3 -> 1x1x3 (1), others (298)" in (
        format_summary(total, 0))


@pytest.mark.parametrize("columns", [None, 40, 80, 120])
def test_every_row_of_many_files_where_it_is_asked_for(columns: int | None) -> None:
    """--table: a heading once, rows in the same columns through all parts, no values, then the summary."""
    files = [replace(IMAGE, input=f"in/{i:04}.png", input_stats=Stats(9, 63.5, 255)) for i in range(250)]
    text = drawn(*files, columns=columns, rows=True)
    lines = [line for line in text.splitlines() if "in/" in line]
    assert len(lines) == 250 and "values" not in text and "\n250 files: 250 done\n" in text
    assert max(map(len, text.splitlines())) <= (columns or 1000)
    if columns != 40:
        assert text.count("uncovered") == 1
        assert len({(line.index("uint8"), line.index("63.5"), line.index("12.3 ms")) for line in lines}) == 1


def test_rows_are_printed_as_they_come() -> None:
    """A hundred at once, so that 100,000 files take no more memory than 100."""
    stream = Stream(False)
    view = report_table.Table(SafeWriter(stream), rows=True)
    for _ in range(report_table.ROWS_AT_ONCE + 1):
        view.add(IMAGE)
    assert stream.printed().count("image.png ") == report_table.ROWS_AT_ONCE and len(view.files) == 1


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_the_summary_keeps_to_the_terminal(columns: int) -> None:
    """Lines are broken at words, and neither between a number and its unit nor at an arrow; in a pipe they are not."""
    files = [replace(IMAGE, bytes_in=4000, bytes_out=1000, input_shape=(i, 2, 3)) for i in range(20)]
    text = drawn(*files, columns=columns)
    assert max(map(len, text.splitlines())) <= max(columns, 30)
    assert not re.search(r"->\s*$|^\s*->|\d$\n *k?B", text, re.MULTILINE)
    assert drawn(*files).count("\n") == 3
