"""Arrays that are text: files, standard input, and matrices typed as an argument, whatever form they have."""

from __future__ import annotations

import codecs
import re
from typing import IO, TYPE_CHECKING

from ...errors import PoolError
from .brackets import parse_brackets
from .delimited import parse_lines, split_lines

if TYPE_CHECKING:
    from ..image_info import Array

MAX_BYTES = 1 << 28
"""Bytes of text that are read, some 10^8 numbers: what is larger takes minutes, and as .npy no time."""
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
"""Byte order marks; UTF-32 before UTF-16, whose mark it begins with."""
_CONTROL = re.compile(rb"[\0-\x08\x0e-\x1f\x7f]")
_NETPBM = re.compile(rb"P[1-6f]\s+[\d#]")


def looks_like_text(head: bytes) -> bool:
    """Return True when the first bytes of a stream are text that can hold numbers: UTF-8, or any with its mark."""
    if any(head.startswith(mark) for mark, _ in _MARKS):
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(head) and _CONTROL.search(head) is None


def may_be_named_text(head: bytes) -> bool:
    """Return True when a file that is called .csv, .tsv or .txt is what it is called, though it begins like a picture.

    A header may begin with BM or P1; those of BMP and PNM files go on with bytes that no header has.
    """
    marked = any(head.startswith(mark) for mark, _ in _MARKS)
    return marked or (_CONTROL.search(head) is None and not _NETPBM.match(head))


def read_text(stream: IO[bytes], head: bytes = b"") -> tuple[Array, tuple[str, ...]]:
    """Read one array from an open binary stream to its end; ``head`` is what has been read of it already.

    Returns
    -------
    The array, int64, uint64 or float64, and notes. It has one or two axes, or as many as there are nested brackets.

    Raises
    ------
    PoolError
        Where the bytes are no text, too many, or no matrix.
    """
    data = head
    while len(data) <= MAX_BYTES and (chunk := stream.read(MAX_BYTES + 1 - len(data))):
        data += chunk
    if len(data) > MAX_BYTES:
        raise PoolError(f"more than {MAX_BYTES:,} bytes of text; the array as .npy would work")
    return _parse(_decode(data))


def read_literal(text: str) -> tuple[Array, tuple[str, ...]]:
    """Return the array that was typed, and notes; PoolError where its rows are of different lengths."""
    return _parse(text, literal=True)


def _parse(text: str, *, literal: bool = False) -> tuple[Array, tuple[str, ...]]:
    lines = split_lines(text)
    if lines and lines[0][1].lstrip().startswith("["):
        return parse_brackets("\n".join(line for _, line in lines)), ()
    return parse_lines(lines, literal=literal)


def _decode(data: bytes) -> str:
    """Turn bytes into text by their byte order mark, else as UTF-8, else as Latin-1, which old spreadsheets write."""
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if not encoding.startswith("utf-8"):
            raise PoolError(f"begins as {encoding.upper()} and breaks off at byte {error.start:,}; saved as UTF-8 it "
                            "would work") from error
        text = data.decode("latin-1")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise PoolError(f"line {line:,} holds a NUL byte: no text, or UTF-16 without a byte order mark; saved as UTF-8 "
                        "it would work")
    return text
