"""What the tests of files share: one array for every mode, and PNG files that Pillow cannot write."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from poolcli.files import ImageInfo, Palette

# One array for every mode: dtype, channels, the mode of the source.
MODES: dict[str, tuple[str, int, str | None]] = {
    "1": ("bool", 1, None),
    "L": ("uint8", 1, None),
    "LA": ("uint8", 2, None),
    "RGB": ("uint8", 3, None),
    "RGBA": ("uint8", 4, None),
    "CMYK": ("uint8", 4, "CMYK"),
    "LAB": ("uint8", 3, "LAB"),
    "P": ("uint8", 1, "P"),
    "P+A": ("uint8", 1, "P+A"),
    "PA": ("uint8", 2, "PA"),
    "I;16": ("uint16", 1, None),
    "LA;16": ("uint16", 2, None),
    "RGB;16": ("uint16", 3, None),
    "RGBA;16": ("uint16", 4, None),
    "I": ("int32", 1, None),
    "F": ("float32", 1, None),
    "int8": ("int8", 1, None),
    "int16": ("int16", 1, None),
}


def noise(dtype: Any, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Return every bit pattern that fits, but for floats (integers, halves and a few large ones)."""
    rng = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) > 0.5
    if kind.kind == "f":
        return (rng.integers(-9999, 9999, shape) / 2).astype(kind)
    limits = np.iinfo(kind)
    return rng.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)


def palette(alpha: bool = False) -> Palette:
    """Return 200 colours, one of them transparent when ``alpha``."""
    colours = noise("uint8", (200, 3), 7).tobytes()
    return Palette(colours, bytes(0 if i == 3 else 255 for i in range(200)) if alpha else None)


def sample(mode: str, height: int = 5, width: int = 7) -> tuple[Any, ImageInfo]:
    """Return an array of ``mode`` and the source that it would have come from."""
    dtype, channels, source = MODES[mode]
    array = noise(dtype, (height, width, channels)[: 3 if channels > 1 else 2])
    if mode in ("P", "P+A", "PA"):
        array = array % 200
        array[0, 0] = 3  # the transparent one
        return array, ImageInfo("x", "PNG", source, palette=palette(mode == "P+A"))
    return array, ImageInfo("x", "PNG", source)


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: list[bytes], *extra: bytes) -> bytes:
    """Return a PNG of packed rows, each filtered by Sub as its pixel's bytes ask, with ``extra`` chunks before them."""
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    step = max(1, depth * channels // 8)
    filtered = b"".join(
        b"\1" + bytes((byte - (row[i - step] if i >= step else 0)) % 256 for i, byte in enumerate(row)) for row in rows
    )
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(filtered)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(extra) + body


def png16(array: Any, *extra: bytes) -> bytes:
    """Return a 16-bit PNG of (H, W, 2), (H, W, 3) or (H, W, 4), which Pillow cannot write."""
    height, width, channels = array.shape
    rows = [row.astype(">u2").tobytes() for row in array]
    return png(width, height, 16, {2: 4, 3: 2, 4: 6}[channels], rows, *extra)
