"""How a TIFF stores its samples: compression, predictor, tiles, planes and kinds of channels, read and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR, _PREDICTOR = 259, 262, 277, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _EXTRA_SAMPLES = 322, 323, 338
NONE, DEFLATE = "none", "deflate"
_CODECS: Mapping[int, str] = MappingProxyType(
    {1: NONE, 5: "lzw", 8: DEFLATE, 32773: "packbits", 32946: DEFLATE, 34925: "lzma", 50000: "zstd"})
"""Compressions without loss, by tag 259."""
_COMPRESSIONS = (NONE, DEFLATE, "lzw", "zstd", "lzma", "packbits")
"""What ``--compress`` takes."""
_TIFFFILE = {DEFLATE: "zlib"}
_GREATEST_TILE = 1 << 14
"""Of a side: a header may say anything."""


@dataclass(frozen=True)
class TiffStorage:
    """How one page is stored."""

    codec: str | None = NONE
    """A name of CODECS; None for a compression that loses something, or that cannot be written."""
    predicts: bool = False
    """Samples are differences from their neighbours."""
    tile: tuple[int, int] | None = None
    """Length and width; None for strips."""
    separate: bool = False
    """Channels lie in planes of their own."""
    big: bool = False
    """Offsets have 64 bits."""
    photometric: int = 1
    extra_samples: tuple[int, ...] = ()
    """What channels beyond grey or colours are (tag 338)."""
    samples: int = 1

    @property
    def is_plain(self) -> bool:
        """Whether Pillow writes just so."""
        return self.codec in (NONE, None) and self.tile is None and not self.separate and not self.big


def read_storage(tags: Callable[[int], Any], *, big: bool) -> TiffStorage:
    """Read it from a page's tags; ``big`` says whether the file is a BigTIFF."""
    tile = (_take_first(tags(_TILE_LENGTH)), _take_first(tags(_TILE_WIDTH)))
    usable = all(0 < side <= _GREATEST_TILE and side % 16 == 0 for side in tile)
    extra = tags(_EXTRA_SAMPLES)
    extra = (extra,) if isinstance(extra, int) else extra
    return TiffStorage(_CODECS.get(_take_first(tags(_COMPRESSION)) or 1), _take_first(tags(_PREDICTOR)) in (2, 3),
                       tile if usable else None, _take_first(tags(_PLANAR)) == 2, big, _take_first(tags(_PHOTOMETRIC)),
                       tuple(int(one) for one in extra) if isinstance(extra, tuple) else (),
                       _take_first(tags(_SAMPLES)) or 1)


def _take_first(value: Any) -> int:
    value = value[0] if isinstance(value, tuple) and value else value
    return int(value) if isinstance(value, (int, float)) else 0


@cache
def can_encode(codec: str) -> bool:
    """Return whether tifffile, which must be there, writes a compression here: most need imagecodecs."""
    import tifffile

    if codec == NONE:
        return True
    try:
        name = _TIFFFILE.get(codec, codec).upper()
        return bool(tifffile.TIFF.COMPRESSORS[tifffile.COMPRESSION[{"ZLIB": "ADOBE_DEFLATE"}.get(name, name)]])
    except (KeyError, ValueError):
        return False


PILLOW: Mapping[str, str] = MappingProxyType({"lzw": "tiff_lzw", DEFLATE: "tiff_adobe_deflate", "packbits": "packbits",
                                              "lzma": "lzma", "zstd": "zstd"})
"""What Pillow calls a compression."""
_TIFFFILE_KEEPS = 'tifffile keeps them, which pip install "poolcli[tiff]" brings'


def note_losses(storage: TiffStorage | None) -> tuple[str, ...]:
    """Return a note of what Pillow does not keep of how a TIFF was stored."""
    if storage is None or (storage.tile is None and not storage.separate):
        return ()
    lost = " and ".join(["its tiles"] * (storage.tile is not None) + ["its separate planes"] * storage.separate)
    return (f"{lost} become strips: {_TIFFFILE_KEEPS}",)


def choose_storage_options(storage: TiffStorage, codec: str, shape: tuple[int, ...],
                           dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return tile and compression as tifffile takes them.

    Parameters
    ----------
    storage
        How the input was stored.
    codec
        The compression, which must be one that ``can_encode`` knows.
    shape, dtype
        Of the result: (H, W) or (H, W, C). A picture that fits one tile is stored in strips.
    """
    options: dict[str, Any] = {}
    if storage.tile is not None and (shape[0] > storage.tile[0] or shape[1] > storage.tile[1]):
        options["tile"] = storage.tile
    if codec != NONE:
        options["compression"] = _TIFFFILE.get(codec, codec)
        if storage.predicts and codec != "packbits" and (number := _choose_predictor(dtype)) != 1:
            options["predictor"] = number
    return options


def _choose_predictor(dtype: np.dtype[Any]) -> int:
    """Differences of whole numbers, or of the bytes of floats, which tifffile does by imagecodecs."""
    from importlib.util import find_spec

    if dtype.kind in "iu":
        return 2
    return 3 if dtype.kind == "f" and find_spec("imagecodecs") is not None else 1
