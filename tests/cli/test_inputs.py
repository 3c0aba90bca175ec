"""What stands in the place of an input: a quoted pattern, a matrix with a slip in it, a file of another library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli.calls import Call, names, save_picture


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures and one below it; the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    for name in ("in/b.png", "in/a.png", "in/deep/c.png"):
        save_picture(tmp_path / name, np.arange(16, dtype=np.uint8).reshape(4, 4))
    return tmp_path


@pytest.mark.parametrize(("pattern", "written"), [
    ("in/*.png", ["a.png", "b.png"]),
    ("in/?.png", ["a.png", "b.png"]),
    ("in/[b-z].png", ["b.png"]),
    ("in/**/*.png", ["a.png", "b.png", "c.png"]),
])
@pytest.mark.parametrize("command", ["max", "chain"])
def test_a_quoted_pattern_is_expanded(here: Call, folder: Path, command: str, pattern: str, written: list[str]) -> None:
    """As a shell would have done; cmd.exe hands patterns on as they are."""
    words = ["max"] if command == "max" else ["chain", "max -k 2"]
    assert here(*words, pattern, "-o", "out/", "-q") == (0, "", "")
    assert names(folder / "out") == written


def test_a_pattern_of_several_needs_a_folder(here: Call, folder: Path) -> None:
    """It counts as the files that fit it."""
    called = here("max", "in/*.png", "-o", "one.png")
    assert called.code == 2
    assert called.err.startswith("poolcli: --output: one.png takes one result, and there may be several; ")


def test_a_study_takes_patterns(here: Call, folder: Path) -> None:
    """Those that take several files get all of them."""
    assert here("group", "avg", "in/?.png", "-o", "mean.npy", "-q").code == 0
    assert (folder / "mean.npy").exists()


def test_a_file_with_signs_in_its_name_comes_first(here: Call, folder: Path) -> None:
    """[a].png is that file where it is there, not a.png."""
    save_picture(folder / "in/[a].png", np.full((6, 6), 9, np.uint8))
    assert here("max", "in/[a].png", "-o", "out/", "-q").code == 0
    assert names(folder / "out") == ["[a].png"]


def test_a_pattern_that_nothing_fits(here: Call, folder: Path) -> None:
    """One line that says so; exit 1."""
    assert here("max", "in/*.gif") == (1, "", "poolcli: in/*.gif: no file fits the pattern\n")


@pytest.mark.parametrize(("typed", "message"), [
    ("1 3; 5 x", "row 2, column 2: 'x' is no number; '1 3; 5 6' would work"),
    ("1,3;5,six", "row 2, column 2: 'six' is no number; '1 3; 5 6' would work"),
    ("1 3 | 5 6", "row 1, column 3: '|' is no number; '1 3; 5 6' would work"),
    ("[[1, 3], [5, x]]", "'x' is no number; [[1, 3], [5, 6]] would work"),
])
@pytest.mark.parametrize("command", ["max", "explain"])
def test_a_matrix_with_a_slip(here: Call, folder: Path, command: str, typed: str, message: str) -> None:
    """The message is about the matrix, not about a file that is not there."""
    assert here(command, typed) == (
        1, "", f"poolcli: {typed}: no file has this name, and as a matrix it is wrong: {message}\n")


@pytest.mark.parametrize("name", ["2024 01 02.png", "in/1 2 x", "a 1"])
def test_a_missing_file_is_no_matrix(here: Call, folder: Path, name: str) -> None:
    """A name with an ending, in a folder, or with fewer than two numbers is a file's."""
    called = here("max", name, "-o", "out/")
    assert called == (1, "", f"poolcli: {name}: cannot be read: No such file or directory\n")


@pytest.mark.parametrize(("ending", "what"), [
    (".pt", "PyTorch"), (".pth", "PyTorch"), (".ckpt", "checkpoint"), (".safetensors", "safetensors"),
    (".pkl", "pickle"), (".mat", "MATLAB")])
@pytest.mark.parametrize("content", [b"PK\3\4 as torch.save begins", b"\x80\4 as pickle begins"])
@pytest.mark.parametrize("words", [["max"], ["max", "-o", "z.npy"], ["explain"]], ids=" ".join)
def test_files_of_other_libraries(here: Call, folder: Path, ending: str, what: str, content: bytes,
                                  words: list[str]) -> None:
    """What they are, and the call of NumPy that makes an array of them; nothing of them is loaded."""
    (folder / f"m{ending}").write_bytes(content)
    called = here(words[0], f"m{ending}", *words[1:])
    assert (called.code, called.out, called.err.count("\n")) == (1, "", 1)
    assert called.err.startswith(f"poolcli: m{ending}: is a ") and what in called.err
    assert "numpy.save(" in called.err


def test_a_picture_of_such_an_ending_is_read(here: Call, folder: Path) -> None:
    """The bytes are believed, as of every file."""
    (folder / "in/a.png").rename(folder / "a.pt")
    assert here("max", "a.pt", "-o", "a.png", "-q") == (0, "", "")


@pytest.mark.parametrize("given", ["24", "2_4", "2.4e1", "0.024k", "24e0"])
def test_a_number_of_pixels_in_any_notation(here: Call, folder: Path, grey: Path, given: str) -> None:
    """24 pixels are allowed, and those of a picture of 24."""
    assert here("max", grey, "-o", "a.png", "-q", "--max-pixels", given) == (0, "", "")


@pytest.mark.parametrize("given", ["23", "2.3e1"])
def test_a_number_of_pixels_is_kept_to(here: Call, folder: Path, grey: Path, given: str) -> None:
    """Of 24 pixels one is too many."""
    called = here("max", grey, "-o", "a.png", "-q", "--max-pixels", given)
    assert called == (1, "", f"poolcli: {grey}: 6x4 is more than 23 pixels; --max-pixels raises the limit\n")


def test_a_key_may_hold_spaces(here: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment too, where click would part it."""
    np.savez(folder / "z.npz", **{"a b": np.eye(4), "c": np.eye(6)})
    monkeypatch.setenv("POOLCLI_MAX_KEY", "a b")
    assert here("max", "z.npz", "-o", "z.npy", "-q").code == 0
    assert np.load(folder / "z.npy").shape == (2, 2)


@pytest.mark.parametrize("command", ["max", "chain max"])
def test_a_write_error_names_the_output(here: Call, folder: Path, command: str) -> None:
    """The input is fine: it is the output that cannot be written."""
    (folder / "file").write_bytes(b"")
    called = here(*command.split(), "in/a.png", "-o", "file/a.png")
    assert called == (1, "", "poolcli: in/a.png: file/a.png cannot be written: Not a directory\n")


def test_indices_that_cannot_be_written_are_named(here: Call, folder: Path) -> None:
    """Not the output beside them."""
    (folder / "file").write_bytes(b"")
    called = here("max", "in/a.png", "-o", "a.png", "--indices", "file/i.npy")
    assert called == (1, "", "poolcli: in/a.png: file/i.npy cannot be written: Not a directory\n")
