"""Files of a folder that look like pictures and are not read: counted, in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, save_picture

from poolcli.files.formats import ENDINGS, FORMATS, UNREAD, unread_ending


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pictures; raw data of cameras, in a folder below too; what is no picture."""
    (tmp_path / "in" / "below").mkdir(parents=True)
    for name in ("a.png", "b.png"):
        save_picture(tmp_path / "in" / name, np.zeros((4, 4), np.uint8))
    for name in ("c.CR2", "d.cr2", "e.dng", "notes.md", ".hidden.dng", "below/f.cr2"):
        (tmp_path / "in" / name).write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_line_of_the_summary_counts_them(here: Call, folder: Path) -> None:
    """The commonest first; those of folders below only where these are gone through."""
    line = "  passed over, for they look like pictures and are not read: 2 .cr2, 1 .dng"
    done = here("max", "in", "-o", "out/")
    assert done.code == 0 and done.out.splitlines().count(line) == 1 and done.err == ""
    assert "3 .cr2, 1 .dng" in here("max", "-r", "in", "-o", "all/").out
    assert "1 .dng" in here("max", "in", "--exclude", "*.[cC][rR]2", "-o", "some/").out


def test_without_a_summary_the_line_is_a_note(here: Call, folder: Path) -> None:
    """Of a run with JSON, of a single file, and of a folder in which nothing is read; not with --quiet."""
    for name, arguments in enumerate((("--json", "in"), ("in", "--exclude", "b*"), ("in", "--include", "*.cr2"),
                                      ("chain", "max", "--json", "in"))):
        command = arguments if arguments[0] == "chain" else ("max", *arguments)
        done = here(*command, "-o", f"out{name}/")
        said = [line for line in done.err.splitlines() if "look like pictures" in line]
        assert len(said) == 1 and said[0].startswith("poolcli: passed over"), done
    assert "look like" not in here("max", "-q", "in", "-o", "q/").err


@pytest.mark.parametrize(("ending", "extra"), [(".heic", "heif"), (".jxl", "jxl")])
def test_what_an_extra_reads_is_passed_over_without_it(ending: str, extra: str, here: Call, folder: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of a telephone does not fail for each picture; the line says what reads them. Asked for, they fail."""
    from poolcli.files import formats

    monkeypatch.setattr("poolcli.optional_deps.find_spec", lambda name: None)
    formats.in_folders.cache_clear()
    try:
        (folder / "in" / f"g{ending}").write_bytes(b"x")
        done = here("max", "in", "-o", "out/")
        assert done.code == 0 and f'1 {ending}; pip install "poolcli[{extra}]" reads {ending}' in done.out
        assert here("max", "in", "--include", f"*{ending}", "-o", "two/").code == 1
    finally:
        formats.in_folders.cache_clear()


def test_no_ending_is_both_read_and_unread() -> None:
    """A row that is added leaves the list; text and chunks are no pictures."""
    assert not UNREAD & set(ENDINGS)
    assert all(unread_ending(f"a{ending}") is None for row in FORMATS.values() if row.library is None
               for ending in row.endings)
    assert unread_ending("a.NEF") == ".nef" and unread_ending("nef") is None and unread_ending("a.md") is None
