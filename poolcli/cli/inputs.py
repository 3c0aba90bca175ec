"""The names of inputs: those on the command line, then those of lists."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

from ..batch import STDIO
from ..errors import OptionError, PoolError
from ..files.arrays.literals import is_literal
from ..files.paths.globs import MAGIC
from ..files.paths.urls import is_url, path_from_file_url
from ..redact import printable

LINES, NULS = b"\n", b"\0"
_BLOCK = 1 << 16
_ESCAPED_MAGIC = re.compile("%2[aA]|%3[fF]|%5[bB]")
"""The signs of ``MAGIC`` as a URL escapes them."""
LISTS = {"files_from": LINES, "files_from0": NULS}
"""Options that name a list, and what is between its names."""


def expand_globs(inputs: Sequence[str]) -> tuple[str, ...]:
    """Put the files that fit it in the place of each pattern, sorted, as a shell does where it is not quoted.

    A file of the very name comes first, and so does a matrix in brackets. ``**`` stands for folders of any depth. A
    pattern that nothing fits stays: reading it says so. A ``file://`` URL becomes its path, and is a pattern like that;
    what it escapes (``%2A``) is a sign of a name.
    """
    return tuple(name for given in inputs for name in _expand(given))


def _expand(given: str) -> list[str]:
    name = resolve_file_url(given, "INPUT")
    if not any(sign in given for sign in MAGIC) or is_url(name) or os.path.lexists(name) or is_literal(name):
        return [name]
    pattern = name if given == name else resolve_file_url(_ESCAPED_MAGIC.sub(r"[\g<0>]", given), "INPUT")
    return _find_matches(pattern) or [name]


def _find_matches(pattern: str) -> list[str]:
    from glob import glob

    # Path.glob takes no absolute pattern and drops a leading "./"
    found = sorted(glob(pattern, recursive=True))  # noqa: PTH207
    return [f"./{name}" if name == STDIO else name for name in found]


def find_lists(given: Mapping[str, Any]) -> dict[str, str]:
    """The lists that were given, by option."""
    return {option: given[option] for option in LISTS if given[option] is not None}


def read_inputs(inputs: Sequence[str], given: Mapping[str, Any]) -> Iterator[str]:
    """All of them, as they are read."""
    yield from inputs
    for option, path in find_lists(given).items():
        try:
            with nullcontext(sys.stdin.buffer) if path == STDIO else Path(path).open("rb") as stream:
                for name in read_names(stream, LISTS[option]):
                    yield resolve_file_url(name, option)
        except OSError as error:
            raise OptionError(option, f"{printable(path)} cannot be read: {error.strerror or error}") from error
        except OptionError:
            raise
        except PoolError as error:
            raise OptionError(option, f"{printable(path)} {error}") from error


def resolve_file_url(name: str, option: str) -> str:
    """Return the path that a ``file://`` URL stands for, any other name as it is; OptionError where it names a host."""
    try:
        return path_from_file_url(name)
    except PoolError as error:
        raise OptionError(option, str(error)) from None


def read_names(stream: IO[bytes], between: bytes = LINES) -> Iterator[str]:
    """Yield the names in a list, any bytes but the one between them; empty ones are passed over.

    A ``-`` is a file of that name: what is in a list is never standard input.
    """
    for name in _split_stream(stream, between):
        if NULS in name:
            raise PoolError("has names with NUL bytes, as find -print0 puts between them; --files-from0 would work")
        if name:
            yield "./-" if name == b"-" else os.fsdecode(name)


def _split_stream(stream: IO[bytes], between: bytes) -> Iterator[bytes]:
    rest = b""
    while block := stream.read(_BLOCK):
        *whole, rest = (rest + block).split(between)
        yield from whole
    yield rest
