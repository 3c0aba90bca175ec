"""Matrices in brackets: ``[[1, 3], [5, 6]]`` of Python, ``[[1 3] [5 6]]`` of NumPy, ``[1 3; 5 6]`` of MATLAB."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from ...errors import PoolError
from ...redact import printable
from .delimited import parse_lines, split_lines

if TYPE_CHECKING:
    from ..image_info import Array

_MAX_CHARACTERS = 1 << 20
"""Of brackets: Python's parser takes some 200 bytes of memory for each number."""
_SPACES = re.compile(r"(?<=[\d.\]fnyFNY])\s+(?=[-+.\d\[nNiI])")
"""Between numbers that nothing else parts, as NumPy prints them."""
_ALLOWED = re.compile(r"(?:[\s,;\[\]\d.eE+-]|nan|inf(?:inity)?)*", re.IGNORECASE)


def parse_brackets(text: str) -> Array:
    """Return the array in brackets, nested as Python, NumPy and JSON write them, or with ``;`` as MATLAB does.

    Raises
    ------
    PoolError
        Where the brackets do not match, hold more than numbers, or rows of different lengths.
    """
    text = text.strip()
    if len(text) > _MAX_CHARACTERS:
        raise PoolError(f"more than {_MAX_CHARACTERS:,} characters in brackets; a row of numbers a line would work")
    if _ALLOWED.fullmatch(text) is None:
        wrong = re.split(r"[\s,;\[\]]", _ALLOWED.sub("", text, count=1), maxsplit=1)[0]
        raise PoolError(f"'{printable(wrong[:30])}' is no number; [[1, 3], [5, 6]] would work")
    if ";" in text:
        return _in_rows(text)
    return _as_array(_evaluate(_SPACES.sub(", ", text)))


def _in_rows(text: str) -> Array:
    """[1 3; 5 6]."""
    inner = text[1:-1]
    if not text.endswith("]") or "[" in inner or "]" in inner:
        raise PoolError("brackets within brackets, and semicolons; [[1, 3], [5, 6]] or [1 3; 5 6] would work")
    return parse_lines(split_lines(inner), literal=True)[0]


def _evaluate(text: str) -> Any:
    named = re.sub(r"\bnan\b", "None", re.sub(r"\binf(inity)?\b", "1e999", text, flags=re.IGNORECASE),
                   flags=re.IGNORECASE)
    try:
        return ast.literal_eval(re.sub(r"(?<![\d.])0+(?=\d)", "", named))  # 007 is no number to Python
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise PoolError("the brackets do not match, or numbers run into each other; [[1, 3], [5, 6]] would "
                        "work") from error


def _as_array(nested: Any) -> Array:
    import numpy as np

    if not isinstance(nested, list):
        raise PoolError("several pairs of brackets side by side; one pair around all would work")
    _check_lengths(nested)
    array = np.array(nested)
    array = array if array.dtype.kind in "iu" else np.array(nested, np.float64)  # None is NaN there
    if not array.size:
        raise PoolError("the brackets are empty; [[1, 3], [5, 6]] would work")
    return array


def _check_lengths(nested: list[Any]) -> None:
    """Raise PoolError unless all lists of a depth are of one length, and hold lists only or numbers only."""
    level: list[Any] = [nested]
    while level and isinstance(level[0], list):
        for number, row in enumerate(level, 1):
            if not isinstance(row, list):
                raise PoolError("numbers and rows of numbers side by side; [[1, 3], [5, 6]] would work")
            if len(row) != len(level[0]):
                raise PoolError(f"row {number:,} has {len(row):,} entries, row 1 has {len(level[0]):,}; rows of one "
                                "length would work")
        level = [entry for row in level for entry in row]
    if any(isinstance(entry, list) for entry in level):
        raise PoolError("numbers and rows of numbers side by side; [[1, 3], [5, 6]] would work")
