"""Many files on the command line: lists, patterns, what is printed as it goes and at the end."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from cli.calls import Call, names

from poolcli import report
from poolcli.cli.display import progress_bar, report_writers, summary
from poolcli.cli.stdio import SafeWriter
from poolcli.report import FileReport, Report

SCHEMA = json.loads((Path(report.__file__).parent / "schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of two arrays, one file that is none, and one folder below; it is the current one."""
    (tmp_path / "in/sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        np.save(tmp_path / f"in/{name}.npy", np.arange(16.0).reshape(4, 4))
    (tmp_path / "in/bad.npy").write_bytes(b"no array")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_inputs_from_a_list(here: Call, several: Path) -> None:
    """Beside those on the command line; folders in it are gone through."""
    (several / "list").write_text("in/b.npy\nin/sub\n")
    assert here("max", "in/a.npy", "--files-from", "list", "-o", "out/", "-q") == (0, "", "")
    assert names(several / "out") == ["a.npy", "b.npy", "c.npy"]


def test_inputs_from_standard_input(here: Call, several: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As find -print0 writes them: no name is too odd."""
    odd = several / "in/o\ndd\udcff.npy"
    (several / "in/a.npy").rename(odd)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"in/o\ndd\xff.npy\0in/b.npy\0")))
    called = here("max", "--files-from0", "-", "-o", "out/", "--dry-run")
    assert called == (0, "in/o\\ndd\\udcff.npy -> out/o\\ndd\\udcff.npy\nin/b.npy -> out/b.npy\n", "")


@pytest.mark.parametrize(("words", "code", "message"), [
    (["--files-from", "missing"], 2, "--files-from: missing cannot be read: No such file or directory"),
    (["--files-from", "nuls"], 2, "--files-from: nuls has names with NUL bytes, as find -print0 puts between them; "
                                  "--files-from0 would work"),
    (["--files-from", "empty"], 4, "nothing matched: the list has no names, and its folders no file whose ending is "
                                   "known"),
    (["--files-from", "-", "-"], 2, "INPUT: - can be read only once"),
    (["--files-from", "-", "--files-from0", "-"], 2, "INPUT: - can be read only once"),
    (["--files-from", "folder"], 2, "--output: is needed when a folder is the input, as in is; -o FOLDER/ would work"),
    (["--files-from", "empty", "-o", "x.npy"], 2,
     "--output: x.npy takes one result, and there may be several; a folder with a slash at its end, or a pattern with "
     "{stem}, would work"),
    (["in", "--include", "*.png", "-o", "out/"], 4, "nothing matched: the folders have no file whose ending is known "
                                                    "and that --include and --exclude let through"),
    (["in/a.npy", "--timeout", "3"], 2, "--timeout: goes with --isolate: what hangs can be ended only in a process of "
                                        "its own"),
    (["in/a.npy", "--isolate", "--timeout", "0"], 2, "--timeout: 0 is no time; 10 or 0.5 would work"),
    (["in/a.npy", "--json", "--csv"], 2, "--json: and --csv exclude each other; one of them would work"),
    (["in/a.npy", "-q", "-v"], 2, "--quiet: and --verbose exclude each other; one of them would work"),
])
def test_what_cannot_be(here: Call, several: Path, words: list[str], code: int, message: str) -> None:
    """One line, and nothing is written."""
    (several / "nuls").write_bytes(b"a\0b")
    (several / "folder").write_text("in")
    (several / "empty").touch()
    assert here("max", *words) == (code, "", f"poolcli: {message}\n")
    assert names(several) == ["empty", "folder", "in", "nuls"]


def test_patterns_choose(here: Call, several: Path) -> None:
    """Of folders; what is named is taken."""
    called = here("max", "in", "in/sub/c.npy", "-r", "--include", "[ab]*", "--exclude", "bad*", "--exclude", "sub",
                  "-o", "out/", "--dry-run")
    assert called.out.split("\n")[:3] == ["in/a.npy -> out/a.npy", "in/b.npy -> out/b.npy",
                                          "in/sub/c.npy -> out/c.npy"]


def test_a_line_for_each_file(here: Call, several: Path) -> None:
    """--jsonl and --csv: after their schema, all files, on stdout alone; exit code and status agree."""
    called = here("max", "in", "-o", "out/", "--jsonl")
    lines = [json.loads(line) for line in called.out.splitlines()]
    for line in lines:
        jsonschema.validate(line, {"$ref": "#/$defs/line", "$defs": SCHEMA["$defs"]})
    assert (called.code, [line["status"] for line in lines]) == (3, ["ok", "ok", "failed"])
    assert called.err.count("\n") == 1
    rows = list(csv.DictReader(io.StringIO(here("max", "in", "-o", "out/", "--csv", "--overwrite").out)))
    assert [(row["status"], row["output_stats_max"]) for row in rows] == [("ok", "15.0")] * 2 + [("failed", "")]


@pytest.mark.parametrize("option", ["as_jsonl", "as_csv"])
def test_lines_come_as_files_end(option: str) -> None:
    """Each is flushed: a reader in a pipe sees it before the next file is begun."""
    done: list[str] = []
    stream = SimpleNamespace(write=lambda text: done.append("write"), flush=lambda: done.append("flush"))
    body = report_writers.REPORT_WRITERS[option](SafeWriter(stream))  # type: ignore[arg-type]
    for _ in range(3):
        body.add(FileReport("x", "y", "ok"))
        assert done[-2:] == ["write", "flush"]


def test_a_summary_ends_the_batch(here: Call, several: Path) -> None:
    """Done, skipped, failed with reasons; pixels and bytes a second."""
    (several / "in/worse.npy").write_bytes(b"no array")
    called = here("max", "in", "missing.npy", "-o", "out/")
    text = called.out[called.out.index("5 files: "):]
    assert re.fullmatch(r"5 files: 2 done, 3 failed in [\d.]+ s \([\d.e+]+ files/s, [\d.]+ [kM]?pixels/s, [\d.]+ "
                        r"[kM]?B/s read\)\n  2 failed: not an image .*\n  1 failed: cannot be read: No such file or "
                        r"directory\n", text)
    assert "5 files: 2 skipped, 3 failed" not in called.out
    assert "files:" not in here("max", "in/a.npy", "-o", "x.npy").out


def test_fail_fast_says_how_many_are_left(here: Call, several: Path) -> None:
    """Exit 3, for something was written; 1 where nothing was."""
    called = here("max", "in/a.npy", "in/bad.npy", "in/b.npy", "-o", "out/", "--fail-fast", "--jobs", "1")
    assert (called.code, names(several / "out")) == (3, ["a.npy"])
    assert "2 files: 1 done, 1 failed, 1 not begun" in called.out
    assert here("max", "in/bad.npy", "in/b.npy", "-o", "x/", "--fail-fast", "--jobs", "1").code == 1


def test_verbose_says_what_is_done(here: Call, several: Path) -> None:
    """A line for each file, on stderr; with a report for programs the summary too."""
    called = here("max", "in", "-o", "out/", "--jsonl", "-v")
    lines = called.err.splitlines()
    assert re.fullmatch(r"poolcli: in/a\.npy -> out/a\.npy: 4x4 -> 2x2, [\d.e-]+ s", lines[0])
    assert lines[-2].startswith("poolcli: 3 files: 2 done, 1 failed in ")
    assert all(json.loads(line) for line in called.out.splitlines())


def test_skipped_files_are_told_together(here: Call, several: Path) -> None:
    """By the summary; one by one where only one was asked for, or by --verbose."""
    here("max", "in/sub", "in/a.npy", "-o", "out/", "-q")
    called = here("max", "in/sub", "in/a.npy", "-o", "out/", "--skip-existing")
    assert called == (0, "2 files: 0 done, 2 skipped\n", "")
    notes = [f"poolcli: in/{name}.npy: note: skipped: out/{Path(name).name}.npy exists\n" for name in ("sub/c", "a")]
    assert here("max", "in/sub", "in/a.npy", "-o", "out/", "--skip-existing", "-v").err == "".join(notes)
    assert here("max", "in/a.npy", "-o", "out/", "--skip-existing").err == notes[1]


def test_the_summary_counts(here: Call) -> None:
    """Numbers in three digits, reasons by how often, the rest together."""
    assert [summary.format_scaled(n) for n in (0, 0.5, 999.4, 999.6, 1000, 123456, 5.55e9, 1e13)] == [
        "0 ", "0.5 ", "999 ", "1 k", "1 k", "123 k", "5.55 G", "1e+04 G"]
    reasons = {f"reason {i}": i + 1 for i in range(12)}
    lines = summary.format_summary(Report(failed=sum(reasons.values()), reasons=reasons), 1.0).splitlines()
    assert lines[:2] == ["78 files: 0 done, 78 failed", "  12 failed: reason 11"]
    assert lines[-1] == "  3 failed for other reasons" and len(lines) == 12


@pytest.mark.parametrize(("width", "kinds"), [
    (20, ["MofNCompleteColumn", "TimeRemainingColumn"]),
    (40, ["MofNCompleteColumn", "Rate", "TimeRemainingColumn"]),
    (80, ["BarColumn", "MofNCompleteColumn", "Rate", "TimeRemainingColumn"]),
])
def test_the_bar_shows_what_there_is_room_for(width: int, kinds: list[str]) -> None:
    """In 20 columns how many of how many, and the time left."""
    assert [type(column).__name__ for column in progress_bar.choose_columns(width, "files")] == kinds


def test_skipping_completes_a_pair_of_which_only_the_indices_exist(here: Call, numbers: Path, tmp_path: Path) -> None:
    """Indices are written first: a run that was killed between the two files leaves them alone."""
    out, at = tmp_path / "out.npy", tmp_path / "at.npy"
    words = ("max", "-k", "2", numbers, "-o", out, "--indices", at, "--skip-existing")
    assert here(*words).code == 0
    whole = out.read_bytes(), at.read_bytes()
    out.unlink()
    assert here(*words).code == 0
    assert (out.read_bytes(), at.read_bytes()) == whole
    out.unlink()
    np.save(at, np.zeros((2, 2), np.int64))
    other = at.read_bytes()
    called = here(*words)
    assert (called.code, called.err.count("\n")) == (1, 1)
    assert "exists and holds something else; --overwrite would work" in called.err
    assert (at.read_bytes(), out.exists()) == (other, False)
