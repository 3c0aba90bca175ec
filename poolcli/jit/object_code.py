"""Machine code as it is kept: an object file, and where it can be entered without a linker."""

from __future__ import annotations

from typing import NamedTuple

SYMBOL = "poolcli_kernel"
"""The entry of every object."""
SLOTS, SLOT_SIZE = 8, 8
"""Where straight code has the addresses of the C functions that it calls: behind the jump at its start."""


class ObjectCode(NamedTuple):
    """An object file. If it is straight, some of its bytes run wherever they are put."""

    object: bytes
    start: int = 0
    """Where in the object the straight bytes begin."""
    size: int = 0
    """How many they are; 0: only a linker makes this object run."""
    calls: tuple[str, ...] = ()
    """C functions whose addresses belong into the slots."""

    @property
    def position_independent(self) -> bytes:
        """The bytes that can be entered at their first."""
        return self.object[self.start : self.start + self.size]

    def to_bytes(self) -> bytes:
        """All of it as the content of a file."""
        return " ".join((str(self.start), str(self.size), *self.calls)).encode() + b"\n" + self.object


def from_bytes(content: bytes) -> ObjectCode:
    """``to_bytes``, backwards."""
    head, _, code = content.partition(b"\n")
    start, size, *calls = head.decode().split()
    return ObjectCode(code, int(start), int(size), tuple(calls))
