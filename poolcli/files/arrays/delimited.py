"""Rows of numbers as text, read and written after the conventions of ``numpy.loadtxt``.

What is accepted:

- one row of numbers a line, all of one length; blank lines, and what follows a ``#``, are passed over;
- columns between commas, tabs, semicolons or white space, whichever the first line of numbers has;
- semicolons end rows where what is between them is several numbers (``1 3; 5 6``), and separate columns where it is one
  (``1;3``, as spreadsheets of countries with a decimal comma write it);
- a first line without any number is a header, and skipped with a note;
- an empty cell, NA, null and nan are NaN; inf and -inf are infinities;
- any kind of line end.

Whole numbers become int64 (uint64 where they are too large for it), all else float64. One row or one column is an array
with one axis, as ``numpy.loadtxt`` gives it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING

from ...errors import PoolError
from ...redact import printable
from .npy import write_all

if TYPE_CHECKING:
    from ..image_info import Array

Line = tuple[int, str]
"""The number of a line, from 1, and its text."""
_WRITTEN_AT_ONCE = 1 << 16
"""Samples that are turned into text before they are written."""
_MISSING = frozenset({"", "na", "n/a", "null"})
_LINES_LOOKED_AT = 100
"""Lines among which the first one with numbers is looked for, which tells the separator."""
_SHOWN = 30
"""Characters of a cell or a header that a message repeats."""


def split_lines(text: str) -> list[Line]:
    """Return the lines that hold anything, with their numbers from 1, comments cut off."""
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    found = ((number, line.partition("#")[0].strip(" \f\v")) for number, line in enumerate(plain.split("\n"), 1))
    return [(number, line) for number, line in found if line.strip()]


def parse_lines(lines: list[Line], *, literal: bool = False) -> tuple[Array, tuple[str, ...]]:
    """Return the array that lines hold, and notes. ``literal``: it was typed, so semicolons end rows.

    Raises
    ------
    PoolError
        Where there is no number, a cell is none, or lines are of different lengths; it names the line and the column.
    """
    typed = literal or len(lines) == 1
    sample = next((line for _, line in lines[:_LINES_LOOKED_AT] if _has_numbers_only(line)), "")
    if _ends_rows(sample, typed):
        lines = [(number, piece.strip()) for number, line in lines for piece in line.split(";") if piece.strip()]
        sample = sample.partition(";")[0]
    separator = next((mark for mark in ("\t", ";", ",") if mark in sample.strip()), None)
    return _parse_rows(lines, separator)


def _ends_rows(sample: str, typed: bool) -> bool:
    """Tell whether semicolons end rows: several numbers stand between them."""
    pieces = [piece.strip() for piece in sample.split(";")]
    if len(pieces) == 1:
        return False
    return any(re.search(r"\s", piece) for piece in pieces) or (typed and "," in sample)


def _has_numbers_only(line: str) -> bool:
    cells = [cell for cell in re.split(r"[\s,;]+", line) if cell]
    return bool(cells) and all(_is_number(cell.strip('"')) for cell in cells)


def _parse_rows(lines: Sequence[Line], separator: str | None) -> tuple[Array, tuple[str, ...]]:
    """Return the array that lines of one separator hold, with notes on what was skipped."""
    notes: list[str] = []
    if lines and _is_header(_split_cells(lines[0][1], separator)):
        notes.append(f"line {lines[0][0]:,} skipped, a header: {_shorten(lines[0][1].strip())}")
        lines = lines[1:]
    if not lines:
        raise PoolError("holds no numbers; a row of numbers a line, as 1,3 or 1 3, would work")
    if (unpaired := next((number for number, line in lines if line.count('"') % 2), None)) is not None:
        raise PoolError(f"line {unpaired:,} has a quote that is not closed; numbers need no quotes")
    if separator is not None and all(line.endswith(separator) for _, line in lines):
        lines = [(number, line[:-1]) for number, line in lines]
        notes.append("the separator at the end of each line begins no column")
    array = _load([line for _, line in lines], separator, ("int64", "uint64", "float64"))
    if array is None:  # something is missing or wrong
        array = _load(_fill_empty(lines, separator), separator, ("float64",))
    if array is None:  # unreachable as far as we know: what mends is what loads
        raise PoolError("cannot be read as numbers; numpy.savetxt writes what can")
    return (array.reshape(-1) if 1 in array.shape else array), tuple(notes)


def _load(lines: Sequence[str], separator: str | None, dtypes: Sequence[str]) -> Array | None:
    """Return what ``numpy.loadtxt`` makes of lines, in the first dtype that all numbers fit; None where none does."""
    import numpy as np

    for dtype in dtypes:
        try:
            return np.loadtxt(lines, dtype, comments=None, delimiter=separator, ndmin=2, quotechar='"')
        except (ValueError, OverflowError, DeprecationWarning):
            continue
    return None


def _fill_empty(lines: Sequence[Line], separator: str | None) -> list[str]:
    """Put nan where a cell is empty; PoolError names the first cell that is no number, or line of another length."""
    mended = []
    first, width = lines[0][0], len(_split_cells(lines[0][1], separator))
    for row, (number, line) in enumerate(lines, 1):
        cells = _split_cells(line, separator)
        for column, cell in enumerate(cells, 1):
            if cell.lower() not in _MISSING and not _is_number(cell):
                raise PoolError(f"line {number:,}, column {column:,}: {_shorten(cell)} is no number"
                                f"{_suggest_decimal(cell)}")
        if len(cells) != width:
            where = f"row {row:,}" if number == first else f"line {number:,}"
            other = "the first" if number == first else f"line {first:,}"
            raise PoolError(f"{where} has {len(cells):,} number{'s' * (len(cells) != 1)}, {other} has {width:,}; rows "
                            "of one length would work")
        mended.append((separator or " ").join("nan" if cell.lower() in _MISSING else cell for cell in cells))
    return mended


def _split_cells(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    if '"' not in line:
        return [cell.strip() for cell in line.split(separator)]
    import csv

    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]
    except csv.Error as error:
        raise PoolError(f"a quoted cell cannot be read ({error}); numbers need no quotes") from error


def _is_header(cells: Iterable[str]) -> bool:
    known = [cell for cell in cells if cell.lower() not in _MISSING]
    return bool(known) and not any(_is_number(cell) or re.search(r"^[-+]?\.?\d", cell) for cell in known)


def _is_number(cell: str) -> bool:
    """As ``numpy.loadtxt`` has it: float() would take 1_000 and digits of other scripts too."""
    try:
        float(cell)
    except ValueError:
        return False
    return cell.isascii() and "_" not in cell


def _suggest_decimal(cell: str) -> str:
    if re.fullmatch(r"[-+]?[\d.]*,\d+(e[-+]?\d+)?", cell, re.IGNORECASE):
        return "; a decimal point in place of the comma would work"
    if re.search(r"[\d.]\s+[-+.\d]", cell):
        return "; one kind of separator in the whole file would work"
    return "; a number, an empty cell (NaN), or # before what is a comment would work"


def _shorten(text: str) -> str:
    safe = printable(text)
    return f"'{safe}'" if len(safe) <= _SHOWN else f"'{safe[: _SHOWN - 3]}...'"


def write_text(array: Array, stream: IO[bytes], separator: str) -> None:
    """Write an array of one or two axes, a row a line, each number in the fewest digits that give it back.

    An array of one axis is a column, as ``numpy.savetxt`` has it; bool is 0 and 1.
    """
    import numpy as np

    table = array.reshape(len(array), -1) if array.ndim else array.reshape(1, 1)
    table = table.astype(np.uint8) if table.dtype == np.bool_ else table
    rows = max(1, _WRITTEN_AT_ONCE // max(1, table.shape[1]))
    for start in range(0, len(table), rows):
        cells = table[start : start + rows].astype(str).tolist()
        write_all(stream, "".join(f"{separator.join(row)}\n" for row in cells).encode())
