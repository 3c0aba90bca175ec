"""What reading a file gives: the array, and what the file was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Pillow refuses images above twice its MAX_IMAGE_PIXELS, which is a quarter of 2**31 / 3 bytes; the same number here.
MAX_PIXELS = 178_956_970


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of an indexed picture: ``colours`` is RGB triples, ``alpha`` one byte per colour or None."""

    colours: bytes
    alpha: bytes | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """What a file was, as far as writing a result like it needs to know.

    ``mode`` says what the array's channels are (a mode of :mod:`poolcli.files.formats`), None for arrays from .npy.
    ``palette`` is there only when indices were asked for. ``key`` is the name inside an .npz file.
    """

    name: str
    format: str
    mode: str | None = None
    icc_profile: bytes | None = None
    palette: Palette | None = None
    frames: int = 1
    lossy: bool = False
    notes: tuple[str, ...] = ()
    key: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """An array and its source. ``layout`` is "HW" or "HWC" for pictures, None where the file does not say."""

    array: Array
    layout: str | None
    source: Source
