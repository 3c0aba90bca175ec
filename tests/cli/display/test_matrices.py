"""Small matrices beside their results: lines between windows, marks on what was picked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Process, on_terminal

A = "1 3 2 4; 5 6 7 8; 9 10 11 12; 13 14 15 16"
SHOWN = """\
max 2x2: 4x4 int64 -> 2x2 int64

    1   3 │  2   4
    5  *6*│  7  *8*        6   8
  ────────┼────────  ->   14  16
    9  10 │ 11  12
   13 *14*│ 15 *16*
"""
OVERLAPPING = """\
max 3x3 stride 1x1: 4x4 int64 -> 2x2 int64

    1   3   2   4
    5   6   7   8   ->   11  12
    9  10  11  12        15  16
   13  14  15  16
"""


def test_a_typed_matrix_is_shown_beside_its_result(process: Process) -> None:
    """With lines between the windows and stars around what was picked, where nothing shows colours."""
    assert process("max", A, env={"PYTHONIOENCODING": "utf-8"}).stdout.decode() == SHOWN


def test_lines_are_ascii_where_letters_are(process: Process) -> None:
    """As those of the table."""
    done = process("max", A, env={"PYTHONIOENCODING": "ascii"}).stdout.decode("ascii")
    assert done == SHOWN.replace("│", "|").replace("─", "-").replace("┼", "+")


def test_windows_that_overlap_have_no_lines(process: Process) -> None:
    """And no marks: a sample may win several."""
    assert process("max", "-k", "3", "-s", "1", A, env={"PYTHONIOENCODING": "utf-8"}).stdout.decode() == OVERLAPPING


@pytest.mark.parametrize(("command", "matrix", "line"), [
    (["max"], "1 3 2 4 9", "   1 *3*│ 2 *4*│ 9   ->   3  4"), (["min"], "5 5 5 5", "  *5* 5 │*5* 5   ->   5  5"),
    (["avg"], "5 5 5 5", "   5  5 │ 5  5   ->   5  5"), (["max"], "nan 1 2 3", "   nan  1 │ 2 *3*  ->   nan  3"),
])
def test_samples_that_were_picked_are_marked(process: Process, command: list[str], matrix: str, line: str) -> None:
    """The first of equal ones; of averages none; what no window reaches lies behind a line."""
    done = process(*command, matrix, env={"PYTHONIOENCODING": "utf-8"}).stdout.decode()
    assert done.splitlines()[-1] == line


def test_on_a_terminal_colours_mark_them(tmp_path: Path) -> None:
    """No stars; one below the other where the terminal is narrow, and the values alone where it is narrower."""
    code, printed = on_terminal(tmp_path, "max", A, COLUMNS="80")
    assert code == 0 and "*" not in printed and "\x1b[1;32m" in printed
    assert "*14*" in on_terminal(tmp_path, "max", A, COLUMNS="80", NO_COLOR="1")[1]
    narrow = on_terminal(tmp_path, "max", A, COLUMNS="24", NO_COLOR="1")[1]
    assert "  ->\n" in narrow and max(map(len, narrow.splitlines()[1:])) <= 24
    assert "values:" in on_terminal(tmp_path, "max", A, COLUMNS="12", NO_COLOR="1")[1]


def test_small_arrays_of_files_are_shown_too(process: Process, tmp_path: Path) -> None:
    """Below the table; large ones and those with channels by their values."""
    np.save(tmp_path / "a.npy", np.arange(16.0).reshape(4, 4))
    done = process("max", "a.npy", env={"PYTHONIOENCODING": "utf-8"}).stdout.decode()
    assert "uncovered" in done and "│" in done and "values:" not in done
    np.save(tmp_path / "b.npy", np.arange(289.0).reshape(17, 17))
    assert "values:" in process("max", "b.npy").stdout.decode()
