"""Which names are inputs: patterns for those of a folder, and lists of names."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolcli.cli.inputs import LINES, NULS, read_names
from poolcli.errors import PoolError
from poolcli.files.paths.globs import Globs
from poolcli.files.paths.scan import scan

TREE = ("a.png", "b.jpg", "B.JPG", "sub/c.png", "sub/deep/d.png", "thumbs/e.png", "sub/thumbs/f.png")


@pytest.mark.parametrize(("include", "exclude", "expected"), [
    ([], [], TREE),
    (["*.png"], [], ["a.png", "sub/c.png", "sub/deep/d.png", "thumbs/e.png", "sub/thumbs/f.png"]),
    (["*.jpg"], [], ["b.jpg"]),
    (["[ab].*"], [], ["a.png", "b.jpg"]),
    (["sub/*"], [], ["sub/c.png", "sub/deep/d.png", "sub/thumbs/f.png"]),
    (["./sub/c.*", "?.jpg"], [], ["b.jpg", "sub/c.png"]),
    (["**/c.png", "**/a.png"], [], ["a.png", "sub/c.png"]),
    ([], ["thumbs"], ["a.png", "b.jpg", "B.JPG", "sub/c.png", "sub/deep/d.png"]),
    ([], ["thumbs/"], ["a.png", "b.jpg", "B.JPG", "sub/c.png", "sub/deep/d.png"]),
    ([], ["sub/thumbs", "*.jpg"], ["a.png", "B.JPG", "sub/c.png", "sub/deep/d.png", "thumbs/e.png"]),
    (["*.png"], ["sub"], ["a.png", "thumbs/e.png"]),
    (["nothing"], [], []),
])
def test_globs_choose_files_of_a_folder(tmp_path: Path, include: list[str], exclude: list[str],
                                        expected: Sequence[str]) -> None:
    """By name, or by path below the folder where there is a slash; what is excluded is left out whatever is included,
    a folder with all that is in it."""
    for name in TREE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    globs = Globs(tuple(include), tuple(exclude))
    found = [os.path.relpath(Path(folder) / name, tmp_path) for folder, names in
             scan(tmp_path, recursive=True, globs=globs) for name in names]
    assert sorted(found) == sorted(expected)


def test_excluded_folders_are_not_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be large, or forbidden."""
    (tmp_path / "no").mkdir()
    real, seen = os.scandir, []
    monkeypatch.setattr(os, "scandir", lambda path: (seen.append(Path(path).name), real(path))[1])
    list(scan(tmp_path, recursive=True, globs=Globs(exclude=("no",))))
    assert seen == [tmp_path.name]


@given(st.text("ab*?[]!-.", max_size=6), st.text("ab.-]", min_size=1, max_size=4))
def test_globs_agree_with_fnmatch(pattern: str, name: str) -> None:
    """Of names without slashes."""
    assert Globs(include=(pattern,)).takes(name) == fnmatchcase(name, pattern)


NAMES = st.lists(st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name and name != b"-"))


@given(NAMES)
def test_a_list_with_nuls_gives_any_name_back(names: list[bytes]) -> None:
    """Newlines, bytes that are no UTF-8: whatever find -print0 prints, with or without a NUL at its end."""
    for end in (b"", b"\0"):
        found = read_names(io.BytesIO(b"\0".join(names) + end), NULS)
        assert list(map(os.fsencode, found)) == names


def test_a_list_of_lines() -> None:
    """Spaces are part of a name, empty lines are none; - is a file, for a list never means standard input."""
    found = list(read_names(io.BytesIO(b" a b.png \n\n-\nc\xff.png"), LINES))
    assert found == [" a b.png ", "./-", "c\udcff.png"]


def test_a_list_longer_than_a_block() -> None:
    """Names lie across the ends of blocks."""
    names = [f"{i:07}.png" for i in range(20_000)]
    assert list(read_names(io.BytesIO("\n".join(names).encode()), LINES)) == names


def test_nuls_in_a_list_of_lines_are_told() -> None:
    """It was made for the other option."""
    with pytest.raises(PoolError, match="--files-from0 would work"):
        list(read_names(io.BytesIO(b"a.png\0b.png\0"), LINES))
