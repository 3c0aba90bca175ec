"""Opening a picture with the one Pillow plugin that its first bytes ask for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import IO, TYPE_CHECKING

from ...errors import PoolError
from ...optional_deps import lacking
from ...redact import printable
from ..formats import FORMATS
from ..size_limits import check_pixels, claim_picture
from .jxl import read_jxl_header

if TYPE_CHECKING:
    from PIL import ImageFile

# Only the plugin that is needed is imported, and called by name: 8 ms. Image.open without a file name imports five
# (11 ms), for a format that it does not know yet all 43 (24 ms); it says "cannot identify" whatever is wrong, and
# without an allow-list it would start Ghostscript for an EPS file.


def sniff(head: bytes) -> str | None:
    """Return the name of the format that a file with these first 12 bytes has, arrays included, or None."""
    if head[4:8] == b"ftyp" and (row := next((one for one in FORMATS.values() if head[8:12] in one.brands), None)):
        return "AVIF" if row.name == "HEIF" and b"avif" in head[12:] else row.name  # HEIF's own brands may hold AVIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return next((row.name for row in FORMATS.values() if row.magic and head.startswith(row.magic)), None)


def image_kind(stream: IO[bytes]) -> str:
    """Return the format of the picture in ``stream``; raise PoolError when it is empty or no picture."""
    stream.seek(0)
    head = stream.read(64)
    if not head:
        raise PoolError("empty file; an image or a .npy array would work")
    kind = sniff(head)
    if kind is None or FORMATS[kind].plugin is None:
        readable = ", ".join(row.name for row in FORMATS.values() if row.plugin)
        raise PoolError(f"not an image that poolcli reads; {readable} and .npy arrays would work")
    return kind


def import_plugin(kind: str) -> Callable[[IO[bytes]], ImageFile.ImageFile]:
    """Import the plugin for a format, which registers its writer too, and return what opens a stream."""
    row = FORMATS[kind]
    assert row.plugin is not None
    (module, factory), library = row.plugin, row.library
    if library is not None and (reason := lacking(library)):
        raise PoolError(f"{kind} {reason}")
    found = importlib.import_module(f"PIL.{module}" if library is None else module)
    if library == "pillow_heif":
        found.register_heif_opener()
    elif kind == "AVIF" and not found.SUPPORTED:
        raise PoolError("AVIF is not in this build of Pillow; Pillow from PyPI has it")
    opens: Callable[[IO[bytes]], ImageFile.ImageFile] = getattr(found, factory)
    return opens


_BLOCK = 1 << 24
"""Bytes given to a decoder at once: it works without the GIL, and threads meet at it once a file, not each 64 KB."""


@cache
def silence_warnings(library: str) -> None:
    """Give a library's log a handler, once: without any, what it logs would reach stderr as a last resort."""
    import logging

    logging.getLogger(library).addHandler(logging.NullHandler())


@dataclass(slots=True)
class Opener:
    """One frame of a picture file that can be opened more than once; ``image`` is what was opened last.

    ``ready`` is an image that stands at that frame already: seeking there again costs the square of a long chain.
    """

    name: str
    stream: IO[bytes]
    kind: str
    max_pixels: int
    allow_truncated: bool = False
    indexed: bool = False
    frame: int = 0
    ready: ImageFile.ImageFile | None = None
    image: ImageFile.ImageFile | None = None
    counts: bool = True
    """Whether the frames of the file are counted; of each page of a stack that would cost the square of the stack."""
    shared: bool = False
    """Whether the array may be the decoder's own memory."""
    claimed: bool = False
    """Whether its memory is accounted for: it may be opened again for the same picture."""

    def open(self) -> ImageFile.ImageFile:
        """Read the header, decode nothing; PoolError when it promises more than is allowed."""
        silence_warnings("PIL")
        image, self.ready = self.ready, None
        if image is None:
            if self.kind == "JXL" and (header := read_jxl_header(self.stream)):  # its plugin decodes all to open it
                check_pixels(header.size, self.max_pixels)
            self.stream.seek(0)
            image = import_plugin(self.kind)(self.stream)
            if self.frame:
                image.seek(self.frame)
        check_pixels(image.size, self.max_pixels)
        if not self.claimed:
            claim_picture(image.size)
            self.claimed = True
        image.decodermaxblock = _BLOCK
        self.image = image
        return image


def describe_cause(error: Exception, chatter: str) -> str:
    """Put what Pillow raised, and what its C library printed, on one line. KeyError(320) alone would say only 320."""
    text = printable(" ".join(str(error).split()))
    if not text or not isinstance(error, (OSError, SyntaxError, ValueError)):
        text = f"{type(error).__name__} {text}".strip()
    return f"{text[:160]}: {printable(chatter)}" if chatter else text[:160]
