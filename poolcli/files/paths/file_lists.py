"""Lists of names, as find, git ls-files and editors write them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import IO

from ...errors import PoolError

LINES, NULS = b"\n", b"\0"
_BLOCK = 1 << 16


def read_names(stream: IO[bytes], between: bytes = LINES) -> Iterator[str]:
    """Yield the names in a list, any bytes but the one between them; empty ones are passed over.

    A ``-`` is a file of that name: what is in a list is never standard input.
    """
    for name in _pieces(stream, between):
        if NULS in name:
            raise PoolError("has names with NUL bytes, as find -print0 puts between them; --files-from0 would work")
        if name:
            yield os.path.join(os.curdir, "-") if name == b"-" else os.fsdecode(name)


def _pieces(stream: IO[bytes], between: bytes) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + block).split(between)
        yield from whole
    yield rest
