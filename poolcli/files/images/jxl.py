"""The header of a JPEG XL file (ISO/IEC 18181-1, Annex D): its size, before anything is decoded, and if it is lossy."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_HEAD = 1 << 16
"""Bytes in which a container has its first piece of codestream."""
_SIGNATURE = b"\xff\x0a"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Width to height."""
_SIDE = ((1, 9), (1, 13), (1, 18), (1, 30))
"""What a side is: an offset and the bits that are added, by a selector of two bits."""


@dataclass(frozen=True, slots=True)
class _JxlHeader:
    """What the first bytes say."""

    size: tuple[int, int]
    """Width and height."""
    lossy: bool
    """Colours are stored in XYB, which no lossless file has; False too where that is not found out."""


def read_jxl_header(stream: IO[bytes]) -> _JxlHeader | None:
    """Read the header, wherever the stream stands; None for what is none."""
    stream.seek(0)
    data = stream.read(_HEAD)
    if not data.startswith(_SIGNATURE):
        boxes = [at for at in (data.find(b"jxlc"), data.find(b"jxlp")) if at >= 0]
        start = data.find(_SIGNATURE, min(boxes)) if boxes else -1
        data = data[start:] if start >= 0 else b""
    with suppress(IndexError):
        bits = _Bits(data[2:])
        size = _read_size(bits)
        return _JxlHeader(size, _read_lossy(bits))
    return None


class _Bits:
    """Numbers of some bits, the lowest bit first; IndexError at the end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        """The next number."""
        value = 0
        for i in range(count):
            value |= (self.data[self.at >> 3] >> (self.at & 7) & 1) << i
            self.at += 1
        return value

    def choose(self, choices: tuple[tuple[int, int], ...]) -> int:
        """A number of one of four lengths: an offset and how many bits are added to it."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)


def _read_size(bits: _Bits) -> tuple[int, int]:
    small = bits.take(1)
    height = 8 * (1 + bits.take(5)) if small else bits.choose(_SIDE)
    ratio = bits.take(3)
    if ratio:
        return height * _RATIOS[ratio][0] // _RATIOS[ratio][1], height
    return (8 * (1 + bits.take(5)) if small else bits.choose(_SIDE)), height


def _read_lossy(bits: _Bits) -> bool:
    if bits.take(1):  # all as by default, which is XYB
        return True
    if bits.take(1):  # orientation, animation and the like
        bits.take(3)
        if bits.take(1) or bits.take(1) or bits.take(1):
            return False
    floats = bits.take(1)
    bits.choose(((32, 0), (16, 0), (24, 0), (1, 6)) if floats else ((8, 0), (10, 0), (12, 0), (1, 6)))
    bits.take(4 * floats + 1)
    extra_channels = bits.choose(((0, 0), (1, 0), (2, 4), (1, 12)))
    if any(not bits.take(1) for _ in range(extra_channels)):  # other than plain alpha
        return False
    return bool(bits.take(1))
