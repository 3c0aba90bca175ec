"""Matrices that are typed, piped as text, or kept in text files, by the commands that read them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, Process, names, on_terminal

ROWS = "1 3 2 4; 5 6 7 8; 9 10 11 12; 13 14 15 16"


def test_a_typed_matrix_is_shown_and_nothing_is_written(process: Process, tmp_path: Path) -> None:
    """Without -o: the report says the result."""
    done = process("max", ROWS)
    assert done.returncode == 0 and b"14" in done.stdout and b"16" in done.stdout
    assert names(tmp_path) == []


def test_text_on_standard_input_is_read(process: Process) -> None:
    """No --format is needed: its first bytes tell."""
    done = process("max", "-", "--json", stdin=f"{ROWS}\n".encode())
    file = json.loads(done.stdout)["files"][0]
    assert file["values"] == [[6, 8], [14, 16]] and file["input_dtype"] == "int64"
    assert file["input"] == "-" and file["output"] is None


@pytest.mark.parametrize("options", [["-o", "-"], ["-q"], ["--format", "text"], ["-o", "-", "--format", "txt"]])
def test_text_goes_out_as_text(process: Process, options: list[str]) -> None:
    """Where data are wanted they are bare."""
    assert process("max", "-", *options, stdin=ROWS.encode()).stdout == b"6 8\n14 16\n"
    assert process("max", ROWS, *options).stdout == b"6 8\n14 16\n"


def test_text_goes_through_a_pipe_of_commands(process: Process) -> None:
    """What one writes the next reads."""
    first = process("avg", ROWS, "-o", "-")
    assert process("max", "-", "-o", "-", stdin=first.stdout).stdout == b"13.5\n"


def test_arrays_become_text_where_that_is_asked(process: Process, numbers: Path) -> None:
    """.npy in, text out; and the other way round."""
    done = process("max", "-", "-o", "-", "--format", "csv", stdin=numbers.read_bytes())
    assert done.stdout == b"5.0,7.0\n13.0,15.0\n"
    done = process("max", "-", "-o", "-", "--format", "npy", stdin=ROWS.encode())
    assert done.stdout.startswith(b"\x93NUMPY")


def test_binary_input_still_needs_an_output(process: Process, numbers: Path) -> None:
    """What is no text is not shown."""
    done = process("max", "-", stdin=numbers.read_bytes())
    assert done.returncode == 2 and b"-o FILE or -o - would work" in done.stderr
    assert process("max", "-", stdin=b"").returncode == 2


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
def test_text_files_are_read_and_written_by_their_endings(here: Call, tmp_path: Path, ending: str) -> None:
    """Beside the input by default."""
    path = tmp_path / f"a{ending}"
    path.write_text("a;b;c;d\n1;3;2;4\n5;6;7;8\n")
    done = here("max", path)
    assert done.code == 0 and "line 1 skipped, a header" in done.err
    separator = {".csv": ",", ".tsv": "\t", ".txt": " "}[ending]
    assert (tmp_path / f"a_max{ending}").read_text() == f"6{separator}8\n"


def test_many_text_files_make_a_batch(here: Call, tmp_path: Path) -> None:
    """One that is wrong does not stop the others; a typed one gets a name."""
    for name, text in (("a.csv", "1,2\n3,4"), ("b.csv", "1,2\n3,x"), ("c.tsv", "1\t2\n3\t4")):
        (tmp_path / name).write_text(text)
    done = here("max", *(tmp_path / name for name in ("a.csv", "b.csv", "c.tsv")), "1 2; 3 9", "-o", f"{tmp_path}/out/")
    assert done.code == 3 and "b.csv: line 2, column 2: 'x' is no number" in done.err
    assert names(tmp_path / "out") == ["a.csv", "c.tsv", "matrix.txt"]
    assert (tmp_path / "out" / "matrix.txt").read_text() == "9\n"


def test_folders_are_searched_for_text_where_that_is_asked(here: Call, tmp_path: Path) -> None:
    """A folder of pictures may have notes and labels in it."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.csv").write_text("1,2\n3,4")
    (folder / "README.txt").write_text("Some words.")
    done = here("max", folder, "-o", f"{tmp_path}/out/")
    assert done.code == 4 and "--include '*.csv' takes text" in done.err
    assert here("max", folder, "-o", f"{tmp_path}/out/", "--include", "*.csv").code == 0
    assert names(tmp_path / "out") == ["a.csv"]


def test_a_file_goes_before_a_matrix(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of that name."""
    monkeypatch.chdir(tmp_path)
    Path("1 3; 5 6").write_text("7 8\n9 9\n")
    assert json.loads(here("max", "1 3; 5 6", "--json", "-o", "x.txt").out)["files"][0]["values"] == [[9]]


def test_streams_are_npy(process: Process) -> None:
    """One text has no end but its last byte."""
    done = process("max", "-", "--stream", "-o", "x.npy", stdin=ROWS.encode())
    assert done.returncode == 1 and b"numpy.save writes one" in done.stderr
    done = process("max", ROWS, "--stream", "-o", "x.npy")
    assert done.returncode == 2 and b"--stream" in done.stderr and done.stderr.count(b"\n") == 1


def test_results_with_more_axes_are_refused_before_any_work(process: Process, tmp_path: Path) -> None:
    """The message names what can hold them."""
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 4)))
    done = process("max", "a.npy", "--layout", "DHW", "-o", "a.csv")
    assert done.returncode == 1 and b"rows and columns" in done.stderr and b".npy" in done.stderr
    assert names(tmp_path) == ["a.npy"]


def test_text_may_go_to_a_terminal(tmp_path: Path) -> None:
    """It is no binary data."""
    code, printed = on_terminal(tmp_path, "max", ROWS, "-o", "-", "-q")
    assert code == 0 and printed == "6 8\n14 16\n"


def test_a_long_matrix_is_not_repeated_in_reports(process: Process) -> None:
    """Its beginning tells which it is."""
    done = process("max", "; ".join(["1 2"] * 1000 + ["3"]))
    assert done.returncode == 1 and len(done.stderr) < 200


@pytest.mark.parametrize("arguments", [
    ["plan", ROWS, "max"], ["explain", ROWS, "max", "--at", "0,1"], ["bounds", ROWS, "avg", "--eps", "1"],
    ["shift", ROWS, "max"], ["compare", ROWS, "-k", "2"], ["chain", "max", "avg", ROWS], ["grad", ROWS, "max"],
    ["group", ROWS, "max", "--over", "d4", "-o", "out.csv"], ["pyramid", ROWS, "-o", "level{level}.csv"],
    ["unpool", ROWS, "--spread", "average", "-o", "large.csv"],
])
def test_studies_read_typed_matrices(process: Process, arguments: list[str]) -> None:
    """By the reader that all share."""
    done = process(*arguments)
    assert done.returncode == 0, done.stderr.decode()
    assert process(*["-" if one == ROWS else one.replace(".csv", "2.csv") for one in arguments], stdin=ROWS.encode(),
                   ).returncode == 0
