"""File names as text that a terminal shows and cannot obey."""

from __future__ import annotations

import os
import re

# Control characters move the cursor and split table rows, bidirectional marks reorder what is read, the two
# Unicode line ends split rows again, and a lone surrogate (an undecodable byte of a name) cannot be encoded at all.
_RISKY = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(name: str | os.PathLike[str]) -> str:
    """Return ``name`` with control, bidirectional and surrogate characters backslash-escaped, and without secrets.

    >>> printable("a\\x1b[31m.png")
    'a\\\\x1b[31m.png'
    """
    return _RISKY.sub(_escape, redact_secrets(os.fspath(name)))


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


# What a URL may hold beside a name: user:password@, and a query with a signature (X-Amz-Signature=...).
_URLS = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]+://[^\s'"<>]*""")
_USER = re.compile(r"://[^/]*@")
_QUERY = re.compile(r"\?[^?]*=.*", re.DOTALL)


def redact_secrets(text: str) -> str:
    """Return ``text`` with the secrets of each URL in it as stars.

    >>> redact_secrets("https://me:secret@host/a.png?X-Amz-Signature=f00: gone")
    'https://***@host/a.png?*** gone'
    """
    return _URLS.sub(_without_secrets, text) if "://" in text else text


def _without_secrets(url: re.Match[str]) -> str:
    return _QUERY.sub("?***", _USER.sub("://***@", url[0]))
