"""What reading a file gives: the array, and what the file was."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..errors import PoolError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..core.place import Place
    from .formats import Format
    from .images.metadata import Metadata
    from .tiff.tiff_storage import TiffStorage

    Array = NDArray[Any]

# Pillow refuses images above twice its MAX_IMAGE_PIXELS, which is a quarter of 2**31 / 3 bytes; the same number here.
MAX_PIXELS = 178_956_970
MAX_FRAMES = 1_000
"""Pages of a TIFF are counted so far, for finding each costs the chain before it."""

MAX_STACK = 20_000
"""Pages that are counted where all of them are wanted: each is looked for among those before it."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of an indexed picture: ``colours`` is RGB triples, ``alpha`` one byte per colour or None."""

    colours: bytes
    alpha: bytes | None = None


@dataclass(frozen=True, slots=True)
class AnimationTiming:
    """How an animation is played: milliseconds of each frame, and how often in all (0: for ever)."""

    durations: tuple[float, ...]
    plays: int = 0


@dataclass(frozen=True, slots=True)
class Frames:
    """Which pictures of a file are wanted: numbers from 1, the last included (None: to the end)."""

    first: int = 1
    last: int | None = None

    def numbers(self, count: int) -> range:
        """Their places from 0 among ``count``; PoolError when one of them is not there."""
        last = count if self.last is None else self.last
        if not 1 <= self.first <= last <= count:
            asked = str(self.first) if last == self.first else f"{self.first}-{last}"
            raise PoolError(f"there is no frame {asked}: the file has {count:,}; --frames all takes what is there")
        return range(self.first - 1, last)


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a file was, as far as writing a result like it needs to know.

    ``mode`` says what the array's channels are (a mode of :mod:`poolcli.files.formats`), None for arrays from .npy.
    ``palette`` is there only when indices were asked for. ``frames`` counts those of the file. ``key`` is the name
    inside an .npz file.
    """

    name: str
    format: str
    mode: str | None = None
    icc_profile: bytes | None = None
    palette: Palette | None = None
    frames: int = 1
    lossy: bool = False
    progressive: bool = False
    """A JPEG that appears whole and coarse first."""
    notes: tuple[str, ...] = ()
    key: str | None = None
    pages: int | None = None
    """So many frames lie along the first axis of the array; None: it is one picture."""
    timing: AnimationTiming | None = None
    metadata: Metadata | None = None
    nodata: int | float | None = None
    """The value of samples that are missing, where the file names one (tag 42113 of TIFF)."""
    axes: tuple[str, ...] = ()
    """What the axes of the array are called, where the file has names for them."""
    cell_methods: str = ""
    """How a result was made, in the words of the CF conventions: ``lat: lon: mean``."""
    place: Place | None = None
    """Where its samples lie in the world, where the file says it."""
    storage: TiffStorage | None = None
    """How it is stored, where it is a TIFF."""
    nbytes: int = 0
    """What was read, where no file can be asked: of a URL."""

    @property
    def place_kind(self) -> str | None:
        """The kind of its place; None without one."""
        return None if self.place is None else self.place.georeference.kind

    def fit_place(self, row: Format, shape: tuple[int, ...]) -> tuple[ImageInfo, tuple[str, ...]]:
        """Leave out the place where a format has none, or where it is not that of an array of this shape.

        Returns the source, and notes for all that the format cannot keep.
        """
        if self.place is None:
            return self, ()
        kind = self.place.georeference.kind
        if kind not in row.places:
            return replace(self, place=None), (f"its place ({kind}) is left out: {row.name} holds none",)
        if not self.place.fits(shape):
            return replace(self, place=None), (f"its place ({kind}) is left out: the result has other axes",)
        return self, self.place.losses()


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """An array and its source. ``layout`` is "HW" or "HWC" for pictures, None where the file does not say."""

    array: Array
    layout: str | None
    source: ImageInfo
