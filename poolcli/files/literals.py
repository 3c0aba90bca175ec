"""Matrices typed as an argument: ``"1 3; 5 6"``, ``"[[1, 3], [5, 6]]"``."""

from __future__ import annotations

import os
import re

LITERAL_NAME = "matrix.txt"
"""What a typed matrix is called where its result needs a name."""
_FIRST = frozenset("[+-.0123456789nNiI \t\n")
_NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+|nan|inf)(?:e[-+]?\d+)?"
_SEVERAL_NUMBERS = rf"\s*{_NUMBER}(?:[\s,;]+{_NUMBER})+[\s,;]*"
_IN_BRACKETS = r"\s*\[(?:[\s,;\[\]\d.e+-]|nan|inf(?:inity)?)*\]\s*"
_PARTED = r"\d\.?\]?[\s,;]|\[\s*\["
"""[0-9] is a pattern of the shell, [0, 9] is a matrix."""


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
