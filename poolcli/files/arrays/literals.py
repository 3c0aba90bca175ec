"""Matrices typed as an argument: ``"1 3; 5 6"``, ``"[[1, 3], [5, 6]]"``."""

from __future__ import annotations

import os
import re

from ...redact import printable

LITERAL_NAME = "matrix.txt"
"""What a typed matrix is called where its result needs a name."""
_FIRST = frozenset("[+-.0123456789nNiI \t\n")
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+|nan|inf)(?:e[-+]?\d+)?"
_SEVERAL_NUMBERS = rf"\s*{_NUMBER}(?:[\s,;]+{_NUMBER})+[\s,;]*"
_IN_BRACKETS = r"\s*\[(?:[\s,;\[\]\d.e+-]|nan|inf(?:inity)?)*\]\s*"
_PARTED = r"\d\.?\]?[\s,;]|\[\s*\["
"""[0-9] is a pattern of the shell, [0, 9] is a matrix."""
_SHOWN = 30
"""Characters of a cell that a message repeats."""


def is_nearly_literal(name: str) -> bool:
    """Return True when an argument looks like a matrix with something wrong in it: half of it is numbers, two at least.

    >>> [is_nearly_literal(name) for name in ("1 3; 5 x", "[[1, 3], [5, six]]", "2024 01 02.png", "a b")]
    [True, True, False, False]
    """
    if re.search(r"[/\\]|\.[A-Za-z]\w*$", name):
        return False
    cells = [cell for cell in re.split(r"[\s,;\[\]]+", name) if cell]
    numbers = sum(re.fullmatch(_NUMBER, cell, re.IGNORECASE) is not None for cell in cells)
    return numbers >= 2 and 2 * numbers >= len(cells)


def find_wrong_cell(text: str) -> str | None:
    """Say which cell of a matrix that was typed without brackets is no number; None where all are.

    >>> find_wrong_cell("1 3; 5 x")
    "row 2, column 2: 'x' is no number"
    """
    for i, row in enumerate(re.split(r"[;\n]", text), 1):
        for j, cell in enumerate(re.findall(r"[^\s,]+", row), 1):
            if not re.fullmatch(_NUMBER, cell, re.IGNORECASE):
                return f"row {i}, column {j}: '{printable(cell[:_SHOWN])}' is no number"
    return None


def is_literal(name: str | os.PathLike[str]) -> bool:
    """Return True when an argument is a matrix, not the name of a file.

    That is two numbers or more, or brackets with nothing but numbers and separators, and no file of that name.

    >>> [is_literal(name) for name in ("1 3; 5 6", "[[1, 3], [5, 6]]", "[ab].png", "[0-9]", "12")]
    [True, True, False, False, False]
    """
    text = os.fspath(name)
    if text[:1] not in _FIRST:  # which is all that is asked of most names
        return False
    if text.lstrip().startswith("["):
        found = re.fullmatch(_IN_BRACKETS, text, re.IGNORECASE) and re.search(_PARTED, text)
    else:
        found = re.fullmatch(_SEVERAL_NUMBERS, text, re.IGNORECASE)
    return found is not None and not os.path.lexists(text)
