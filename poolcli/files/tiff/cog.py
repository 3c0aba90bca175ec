"""Cloud-optimised GeoTIFF: the directories first, then the samples, the smallest level before the others.

So a reader that asks for a few kilobytes knows where everything is, and one that wants an overview reads it in one
piece (OGC 21-026). libtiff and tifffile write a directory behind its samples, so the parts of a finished file are put
in order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_OFFSETS = (273, 324)
"""Tags that say where strips and tiles lie."""
_LONG, _LONG8 = 4, 16
_COPIED = 1 << 22
"""Bytes that are copied at a time."""


@dataclass(frozen=True)
class Layout:
    """How long the parts of a classic TIFF or a BigTIFF are."""

    big: bool

    @property
    def word(self) -> int:
        """Bytes of an offset."""
        return 8 if self.big else 4

    @property
    def header(self) -> bytes:
        """The beginning of the file; the first directory follows it at once."""
        return struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if self.big else struct.pack("<2sHI", b"II", 42, 8)

    def directory_size(self, fields: Sequence[Field]) -> int:
        """Bytes of a directory with the values behind it."""
        inline = (8 if self.big else 2) + len(fields) * (4 + 2 * self.word) + self.word
        return _round_up(inline) + sum(_round_up(len(field.data)) for field in fields if len(field.data) > self.word)

    def directory(self, fields: Sequence[Field], start: int, following: int) -> bytes:
        """A directory that lies at ``start``; ``following`` is where the next one does, 0 for none."""
        sign = "Q" if self.big else "I"
        table = struct.pack("<Q" if self.big else "<H", len(fields))
        values = b""
        behind = start + _round_up(len(table) + len(fields) * (4 + 2 * self.word) + self.word)
        for field in fields:
            value = field.data
            if len(value) > self.word:
                values, value = (values + value.ljust(_round_up(len(value)), b"\0"),
                                 struct.pack(f"<{sign}", behind + len(values)))
            table += struct.pack(f"<HH{sign}", field.tag, field.type, field.count) + value.ljust(self.word, b"\0")
        table += struct.pack(f"<{sign}", following)
        return table.ljust(_round_up(len(table)), b"\0") + values


@dataclass(frozen=True)
class Field:
    """A field of a directory, its value as bytes."""

    tag: int
    type: int
    count: int
    data: bytes


def _round_up(size: int) -> int:
    """Round up to a multiple of 8, where anything may begin."""
    return -(-size // 8) * 8


def write_cog(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy a little-endian TIFF whose pages are the levels of one picture, the full one first, as a COG has them."""
    import tifffile

    source.seek(0)
    with tifffile.TiffFile(source, name="levels") as file:
        layout = Layout(file.is_bigtiff)
        pages: list[Any] = list(file.pages)
        fields = [list(read_fields(page, source)) for page in pages]
        starts, position = [], len(layout.header)
        for one in fields:
            starts.append(position)
            position += layout.directory_size(one)
        placed: dict[int, list[int]] = {}
        for number in reversed(range(len(pages))):
            placed[number] = []
            for size in pages[number].databytecounts:
                placed[number].append(position)
                position += _round_up(size)
        target.write(layout.header)
        for number, one in enumerate(fields):
            following = starts[number + 1] if number + 1 < len(fields) else 0
            moved = [_with_offsets(field, placed[number], layout) for field in one]
            target.write(layout.directory(moved, starts[number], following))
        for number in reversed(range(len(pages))):
            for offset, size in zip(pages[number].dataoffsets, pages[number].databytecounts, strict=True):
                _copy(source, offset, size, target)


def read_fields(page: Any, source: IO[bytes]) -> Iterator[Field]:
    """Read the fields of a page by tag, the bytes of their values as they stand in the file."""
    for tag in sorted(page.tags, key=lambda one: one.code):
        source.seek(tag.valueoffset)
        yield Field(tag.code, int(tag.dtype), tag.count, source.read(tag.valuebytecount))


def _with_offsets(field: Field, offsets: Sequence[int], layout: Layout) -> Field:
    if field.tag not in _OFFSETS:
        return field
    sign = "Q" if field.type == _LONG8 else "I"
    data = struct.pack(f"<{len(offsets)}{sign}", *offsets)
    return Field(field.tag, _LONG8 if sign == "Q" else _LONG, len(offsets), data)


def _copy(source: IO[bytes], offset: int, size: int, target: IO[bytes]) -> None:
    source.seek(offset)
    left = size
    while left:
        data = source.read(min(left, _COPIED))
        target.write(data)
        left -= len(data)
    target.write(b"\0" * (_round_up(size) - size))
