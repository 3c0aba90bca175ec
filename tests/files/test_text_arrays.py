"""Arrays as text: separators, headers, comments, brackets; what is wrong is named by line and column."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from poolcli import PoolError, files
from poolcli.files.arrays import text_arrays
from poolcli.files.arrays.literals import is_literal

NAN = float("nan")
FOUR = [[1, 3], [5, 6]]


def read(data: bytes | str) -> tuple[Any, tuple[str, ...]]:
    """What text is read as."""
    return text_arrays.read_text(io.BytesIO(data.encode() if isinstance(data, str) else data))


@pytest.mark.parametrize(("text", "wanted"), [
    ("1,3\n5,6\n", FOUR), ("1\t3\r\n5\t6", FOUR), ("1;3\n5;6\n", FOUR), ("1 3\r5  6", FOUR), (" 1 3 \n\n  5 6\n", FOUR),
    ("1 3; 5 6", FOUR), ("1, 3; 5, 6\n", FOUR), ("1,3;5,6", FOUR), ("1 3;\n5 6;\n", FOUR), ("1; 3\n5; 6", FOUR),
    ("# x\n1 3 # y\n5 6\n", FOUR), ("[[1, 3], [5, 6]]", FOUR), ("[[1 3]\n [5 6]]", FOUR), ("[1 3; 5 6]", FOUR),
    ("[[1, 3], [5, 6]]  # json", FOUR), ('"1","3"\n"5","6"', FOUR), ("1 3 2 4", [1, 3, 2, 4]), ("1\n3\n2", [1, 3, 2]),
    ("5", [5]), ("[[1, 3]]", [[1, 3]]), ("[[[1, 3]], [[5, 6]]]", [[[1, 3]], [[5, 6]]]), ("007 -08", [7, -8]),
    ("18446744073709551615 1", [2**64 - 1, 1]), ("9223372036854775807", [2**63 - 1]),
])
def test_whole_numbers_are_read_exactly(text: str, wanted: Any) -> None:
    """Each way to write rows and columns; int64, or uint64 where only that holds them."""
    array, notes = read(text)
    assert array.dtype.kind in "iu" and array.dtype.itemsize == 8
    assert array.tolist() == wanted and notes == ()


@pytest.mark.parametrize(("text", "wanted"), [
    ("1,,3\n4,5,\n", [[1, NAN, 3], [4, 5, NAN]]), ("1;NA\nnan;2", [[1, NAN], [NAN, 2]]), ("1e3 -inf", [1000, -np.inf]),
    ("[[1., .5] [nan inf]]", [[1, 0.5], [NAN, np.inf]]), ("1.0 2", [1, 2]), ("[1 null]", None),
    ("99999999999999999999 -1", [1e20, -1]), ("0.1\t0.2", [0.1, 0.2]),
])
def test_other_numbers_are_doubles(text: str, wanted: Any) -> None:
    """And an empty cell is NaN."""
    if wanted is None:
        with pytest.raises(PoolError, match="no number"):
            read(text)
        return
    array, _ = read(text)
    assert array.dtype == np.float64
    np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_marks_are_heeded(encoding: str) -> None:
    """As spreadsheets write them."""
    assert read("größe,b\r\n1,3\r\n5,6\r\n".encode(encoding))[0].tolist() == FOUR


def test_a_header_is_skipped_with_a_note() -> None:
    """It is quoted; letters of Latin-1 too."""
    array, notes = read("größe,b\n1,3\n5,6".encode("latin-1"))
    assert array.tolist() == FOUR and notes == ("line 1 skipped, a header: 'größe,b'",)


def test_a_separator_at_the_end_of_all_lines_begins_no_column() -> None:
    """Where only some lines have it, the cell is missing."""
    array, notes = read("1,3,\n5,6,\n")
    assert array.tolist() == FOUR and "separator at the end" in notes[0]


@pytest.mark.parametrize(("text", "reason"), [
    ("1 2\n3 x", r"^line 2, column 2: 'x' is no number"), ("1,2\n\n3,4,5", r"^line 3 has 3 numbers, line 1 has 2"),
    ("1 2; 3", r"^row 2 has 1 number, the first has 2"),
    ("1,5;2,5\n3,5;4,5", r"^line 1, column 1: '1,5'.*decimal point"),
    ("1 2, 3 4", "one kind of separator"), ("", "^holds no numbers"), ("a b", "^holds no numbers"),
    ("# 1", "no numbers"),
    ("1\0 2", "NUL byte"), (b"\xff\xfe1", "breaks off"), ("[[1, 2], [3]]", "row 2 has 1 entries, row 1 has 2"),
    ("[1, [2]]", "side by side"), ("[[1], 2]", "side by side"), ("[" * 100_000, "do not match"), ("[]", "empty"),
    ("[[1, 2], [x]]", "^'x' is no number"), ("[1-2]", "run into each other"), ("1_000 2", "'1_000' is no number"),
    ("[[1 2; 3 4]]", "semicolons"), ("[1] [2]", "one pair around all"), ("x,2019\n1,2", r"^line 1, column 1: 'x'"),
    ('1,"2\n3,4', "line 1 has a quote that is not closed"), ("[" + "1," * 600_000 + "1]", "characters in brackets"),
])
def test_what_is_no_matrix_is_told_by_its_place(text: str | bytes, reason: str) -> None:
    """One line, with line and column."""
    with pytest.raises(PoolError, match=reason) as caught:
        read(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_text_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with what a pipe goes on to give."""
    monkeypatch.setattr(text_arrays, "MAX_BYTES", 1000)
    with pytest.raises(PoolError, match=r"more than 1,000 bytes of text; the array as \.npy would work"):
        read(b"1 " * 501)
    assert read(b"1 " * 500)[0].shape == (500,)


def test_a_line_of_a_million_columns_is_read() -> None:
    """No line is too long."""
    assert read(b"1," * 999_999 + b"2")[0].shape == (1_000_000,)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
@given(array=hnp.arrays(st.sampled_from([np.int64, np.uint64, np.float64, np.float32, np.float16]),
                        hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=5)))
def test_what_is_written_is_read_back(ending: str, array: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """To the last bit, NaN and infinities included; and by NumPy's own reader."""
    path = tmp_path_factory.mktemp("text") / f"a{ending}"
    files.write(path, array, files.ImageInfo("a", "NPY"))
    separator = {".csv": ",", ".tsv": "\t"}.get(ending)
    np.testing.assert_array_equal(np.loadtxt(path, array.dtype, delimiter=separator, ndmin=2), array)
    np.testing.assert_array_equal(files.read(path).array.astype(array.dtype), array)


def test_one_axis_is_a_column_and_bool_is_0_and_1(tmp_path: Path) -> None:
    """As numpy.savetxt has it."""
    path = tmp_path / "a.csv"
    files.write(path, np.array([True, False]), files.ImageInfo("a", "NPY"))
    assert path.read_text() == "1\n0\n"


def test_three_axes_are_refused_with_a_remedy(tmp_path: Path) -> None:
    """Rows and columns are all that there is."""
    with pytest.raises(PoolError, match=r"rows and columns.*\.npy can hold it"):
        files.write(tmp_path / "a.csv", np.zeros((2, 2, 2)), files.ImageInfo("a", "NPY"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "data", "wanted"), [
    ("a.csv", b"BMI,P1\n1,3\n5,6\n", FOUR), ("a.csv", b"P1,BM\n1,3\n5,6\n", FOUR), ("a.dat", b"1 3\n5 6\n", FOUR),
    ("a", b"1 3\n5 6\n", FOUR), ("a.txt", b"P2\n2 2\n255\n1 3\n5 6\n", FOUR),
])
def test_first_bytes_and_ending_tell_what_is_text(tmp_path: Path, name: str, data: bytes, wanted: Any) -> None:
    """A header that begins as a picture does, numbers in a file of any name, a plain PGM that is called text."""
    path = tmp_path / name
    path.write_bytes(data)
    assert files.read(path).array.tolist() == wanted


def test_text_that_is_called_a_picture_is_no_picture(tmp_path: Path) -> None:
    """The ending is believed where the bytes say nothing."""
    path = tmp_path / "a.png"
    path.write_bytes(b"1 3\n5 6\n")
    with pytest.raises(PoolError, match="not an image"):
        files.read(path)


@pytest.mark.parametrize(("name", "wanted"), [
    ("1 3; 5 6", True), ("[[1, 3], [5, 6]]", True), ("1 3 2 4", True), ("+1,-.5", True), ("[1 2]", True),
    ("nan 1", True), ("1\n2", True), ("12", False), ("[0-9]", False), ("[ab].png", False),
    ("[1-3].png", False), ("1 x", False),
    ("-", False), ("", False), ("image.png", False), ("2024 10.png", False), ("[[x]]", False),
    ("1" * 10_000 + "x", False),
])
def test_numbers_are_a_matrix_where_no_file_has_that_name(
        name: str, wanted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file goes first."""
    monkeypatch.chdir(tmp_path)
    assert is_literal(name) == wanted
    if wanted and "/" not in name:
        Path(name).write_text("")
        assert not is_literal(name)
