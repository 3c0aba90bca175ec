"""A tiled BigTIFF that is written box by box: boxes are encoded anywhere, their tiles come in the order of the boxes.

tifffile encodes a box as a small file of its own, whose tiles are taken as they stand. So predictor, planes and edges
are as it writes them; only the directory, which says where tiles lie, is ours. It comes first, and is filled in last.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.boxes import Box
from ...errors import PoolError
from ..formats import Encoding
from ..image_info import ImageInfo
from .cog import Field, Layout, read_fields
from .tiff_extra import as_stored, choose_codec, list_own_tags, separate_planes
from .tiff_pyramid import TILE, describe_level
from .tiff_storage import TiffStorage, choose_storage_options

Array = NDArray[Any]

_WIDTH, _HEIGHT, _OFFSETS, _COUNTS = 256, 257, 324, 325
_LONG, _LONG8 = 4, 16
_MIN_TILE = 256
"""Side of the tiles of a result where the input has strips, or tiles so small that there would be a million of them."""


@dataclass(frozen=True)
class _TileEncoder:
    """Encodes boxes of a picture as tiles. It can be sent to where the boxes are made."""

    source: ImageInfo
    """What the result is: its place, its storage, its colours."""
    encoding: Encoding
    codec: str
    tile: tuple[int, int]
    """Height and width."""

    def encode(self, values: Array) -> list[bytes]:
        """Return the tiles of a box (H, W) or (H, W, C), which begins at one: row by row, planes one by one."""
        import tifffile

        # closed at once: tifffile's objects lie in circles, so 24 boxes of 2 MB waited for the garbage collector
        with self.write(values) as room, tifffile.TiffFile(room, name="box") as file, room.getbuffer() as data:
            page: Any = file.pages[0]
            return [bytes(data[start : start + count])
                    for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]

    def write(self, values: Array, **options: Any) -> io.BytesIO:
        """Write a box as a file of its own."""
        import tifffile

        stored, what = as_stored(values, self.source)
        storage = replace(self.source.storage or TiffStorage(), tile=self.tile)
        chosen = {**choose_storage_options(storage, self.codec, stored.shape, stored.dtype), "tile": self.tile}
        room = io.BytesIO()
        with tifffile.TiffWriter(room, bigtiff=True, byteorder="<") as file:
            file.write(separate_planes(stored, what), metadata=None, software=False, contiguous=False, maxworkers=1,
                       **what, **chosen, **options)
        room.seek(0)
        return room

    def fields(self, dtype: dtypes.Type, channels: tuple[int, ...]) -> list[Field]:
        """Return the fields of the directory, of a picture of one tile."""
        import tifffile

        told = describe_level(self.source, self.encoding) if self.source.mode or self.source.metadata else {}
        blank = np.zeros((*self.tile, *channels), dtype)
        told["extratags"] = [*told.get("extratags", ()), *list_own_tags(blank, self.source)]
        room = self.write(blank, **told)
        with tifffile.TiffFile(room, name="box") as file:
            return list(read_fields(file.pages[0], room))


class TiledTiff:
    """A target of boxes that are written in order. ``encoder`` may be used elsewhere, and its tiles appended here."""

    def __init__(self, stream: IO[bytes], shape: tuple[int, ...], dtype: dtypes.Type, source: ImageInfo,
                 encoding: Encoding) -> None:
        """Begin a file; ``shape`` is (H, W) or (H, W, C)."""
        self.stream, self.shape = stream, shape
        codec, self.notes = choose_codec(source.storage or TiffStorage(), encoding)
        self.encoder = _TileEncoder(source, encoding, codec, _choose_tile(source.storage, shape))
        self.dtype = dtype
        self.offsets = np.zeros(self.planes * self.grid[0] * self.grid[1], np.uint64)
        self.counts = np.zeros_like(self.offsets)
        head = self.directory()
        stream.write(head)
        self.position = len(head)

    @property
    def unit(self) -> tuple[int, ...]:
        """The shape of a tile, all its channels."""
        return (*self.encoder.tile, *self.shape[2:])

    @cached_property
    def fields(self) -> list[Field]:
        """Those of the directory."""
        return self.encoder.fields(self.dtype, self.shape[2:])

    @cached_property
    def planes(self) -> int:
        """How many planes of tiles there are."""
        separate = next((field.data for field in self.fields if field.tag == 284), b"\1")
        return self.shape[2] if int.from_bytes(separate, "little") == 2 else 1

    @property
    def grid(self) -> tuple[int, int]:
        """Tiles down and across."""
        height, width = self.encoder.tile
        return ceil(self.shape[0] / height), ceil(self.shape[1] / width)

    def write(self, ranges: Box, values: Array) -> None:
        """Encode a box here, and append its tiles."""
        self.append(ranges, self.encoder.encode(values))

    def append(self, ranges: Box, tiles: Sequence[bytes]) -> None:
        """Append the tiles of a box, whose corner is that of a tile."""
        (top, bottom), (left, right) = ranges[:2]
        height, width = self.encoder.tile
        rows, columns = range(top // height, ceil(bottom / height)), range(left // width, ceil(right / width))
        numbers = [(plane * self.grid[0] + i) * self.grid[1] + j
                   for plane in range(self.planes) for i in rows for j in columns]
        for number, tile in zip(numbers, tiles, strict=True):
            self.stream.write(tile)
            self.offsets[number], self.counts[number] = self.position, len(tile)
            self.position += len(tile)

    def read(self, ranges: Box) -> Array:
        """Refuse: what is written is not looked at again."""
        raise PoolError("a TIFF that is being written cannot be read")

    def close(self) -> None:
        """Say where the tiles are."""
        self.stream.seek(0)
        self.stream.write(self.directory())
        self.stream.seek(self.position)

    def directory(self) -> bytes:
        """The beginning of the file as far as it is known."""
        layout = Layout(big=True)
        own = {_WIDTH: Field(_WIDTH, _LONG, 1, struct.pack("<I", self.shape[1])),
               _HEIGHT: Field(_HEIGHT, _LONG, 1, struct.pack("<I", self.shape[0])),
               _OFFSETS: Field(_OFFSETS, _LONG8, len(self.offsets), self.offsets.astype("<u8").tobytes()),
               _COUNTS: Field(_COUNTS, _LONG8, len(self.counts), self.counts.astype("<u8").tobytes())}
        fields = [own.get(field.tag, field) for field in self.fields]
        return layout.header + layout.directory(fields, len(layout.header), 0)


def _choose_tile(storage: TiffStorage | None, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the height and width of tiles: those of the input, unless they are very small for so large a result."""
    if storage is None or storage.tile is None:
        return TILE, TILE
    height, width = storage.tile
    small = shape[0] * shape[1] > (height * width) << 20
    return (max(height, _MIN_TILE), max(width, _MIN_TILE)) if small else (height, width)
