"""File names as text that a terminal shows and cannot obey."""

from __future__ import annotations

import os
import re

# Control characters move the cursor and split table rows, bidirectional marks reorder what is read, the two
# Unicode line ends split rows again, and a lone surrogate (an undecodable byte of a name) cannot be encoded at all.
_RISKY = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(name: str | os.PathLike[str]) -> str:
    """Return ``name`` with control, bidirectional and surrogate characters backslash-escaped.

    >>> printable("a\\x1b[31m.png")
    'a\\\\x1b[31m.png'
    """
    return _RISKY.sub(_escaped, os.fspath(name))


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
