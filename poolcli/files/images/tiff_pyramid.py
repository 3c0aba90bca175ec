"""A TIFF of several resolutions: the full picture, and smaller levels as SubIFDs, through tifffile (``poolcli[tiff]``).

That is how the supplements of TIFF 6 and OME have it: who knows nothing of levels sees the full picture alone. Large
levels are tiled, so that a viewer reads what it shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import IO, TYPE_CHECKING, Any

from ...errors import PoolError
from ..atomic import atomic
from ..formats import DEFAULT_ENCODING, Encoding, has_tifffile
from .tiff_extra import as_stored, list_carried_tags

if TYPE_CHECKING:
    from ..image_info import Array, ImageInfo

TILE = 256
CLASSIC = 2**32 - 2**25
"""Bytes that offsets of 32 bits reach, less some room for tags."""


def check_pyramid(shape: tuple[int, ...], mode: str | None) -> None:
    """Refuse, before any work, what cannot be written."""
    if not has_tifffile():
        raise PoolError('levels in one TIFF take tifffile; pip install "poolcli[tiff]" would work, or -o FOLDER/')
    if len(shape) not in (2, 3) or 0 in shape:
        raise PoolError(f"TIFF holds (height, width) or (height, width, channels), not {shape}; -o FOLDER/ would work")
    if mode in ("LAB", "LAB;16", "PA"):
        raise PoolError(f"levels in one TIFF cannot be {mode}; another -o, such as FOLDER/, would work")


def write_pyramid(target: str | os.PathLike[str], levels: Iterable[Array], count: int, source: ImageInfo, *,
                  encoding: Encoding = DEFAULT_ENCODING, overwrite: bool = False) -> None:
    """Write ``count`` levels, the full one first, (H, W) or (H, W, C) of any real numbers; whole or not at all.

    Each level is asked for when the one before is written. Compressed without loss; above 4 GB as BigTIFF.
    """
    import tifffile

    remaining = iter(levels)
    first = next(remaining)
    check_pyramid(first.shape, source.mode)
    large = first.nbytes * (1 if count == 1 else 4 / 3) > CLASSIC
    with atomic(target, overwrite=overwrite) as stream, tifffile.TiffWriter(without_name(stream),
                                                                            bigtiff=large) as file:
        told = describe_level(source, encoding) if source.mode or source.metadata else {}
        write_level(file, first, source, subifds=count - 1, **told)
        for level in remaining:
            write_level(file, level, source, subfiletype=1)


def without_name(stream: IO[bytes]) -> Any:
    """The stream without the number that is its name: tifffile wants a path there, or nothing."""
    from types import SimpleNamespace

    return SimpleNamespace(write=stream.write, seek=stream.seek, tell=stream.tell, flush=stream.flush)


def write_level(file: Any, level: Array, source: ImageInfo, **options: Any) -> None:
    """One IFD."""
    import numpy as np

    array, what = as_stored(level, source)
    if max(array.shape[:2]) > TILE:
        options["tile"] = (TILE, TILE)
    file.write(np.ascontiguousarray(array), compression="zlib", metadata=None, software=False, contiguous=False,
               **what, **options)


def describe_level(source: ImageInfo, encoding: Encoding) -> dict[str, Any]:
    """The colour profile, texts and resolution."""
    told = {} if encoding.strip else list_carried_tags(source.metadata)
    return told | ({"iccprofile": source.icc_profile} if source.icc_profile else {})
