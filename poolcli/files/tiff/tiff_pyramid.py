"""A TIFF of several resolutions: the full picture, and smaller levels as SubIFDs, through tifffile (``poolcli[tiff]``).

That is how the supplements of TIFF 6 and OME have it: who knows nothing of levels sees the full picture alone. Large
levels are tiled, so that a viewer reads what it shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from ...errors import PoolError
from ..atomic import atomic
from ..formats import DEFAULT_ENCODING, FORMATS, Encoding, has_tifffile
from .cog import write_cog
from .tiff_extra import CLASSIC, as_stored, choose_codec, list_carried_tags, list_own_tags, separate_planes
from .tiff_storage import DEFLATE, NONE, TiffStorage, choose_storage_options

if TYPE_CHECKING:
    from ..image_info import Array, ImageInfo

TILE = 256


def check_pyramid(shape: tuple[int, ...], mode: str | None) -> None:
    """Refuse, before any work, what cannot be written."""
    if not has_tifffile():
        raise PoolError('levels in one TIFF take tifffile; pip install "poolcli[tiff]" would work, or -o FOLDER/')
    if len(shape) not in (2, 3) or 0 in shape:
        raise PoolError(f"TIFF holds (height, width) or (height, width, channels), not {shape}; -o FOLDER/ would work")
    if mode in ("LAB", "LAB;16", "PA"):
        raise PoolError(f"levels in one TIFF cannot be {mode}; another -o, such as FOLDER/, would work")


def write_pyramid(target: str | os.PathLike[str], levels: Iterable[Array], count: int, source: ImageInfo, *,
                  encoding: Encoding = DEFAULT_ENCODING, overwrite: bool = False, cog: bool = False) -> tuple[str, ...]:
    """Write ``count`` levels, the full one first, (H, W) or (H, W, C) of any real numbers; whole or not at all.

    Each level is asked for when the one before is written. Compressed without loss; above 4 GB as BigTIFF. Levels of
    what has a place are pages of their own, as GDAL reads overviews, and with ``cog`` the file is a cloud-optimised
    GeoTIFF. Returns notes.
    """
    import tifffile

    remaining = iter(levels)
    first = next(remaining)
    check_pyramid(first.shape, source.mode)
    storage = source.storage or TiffStorage()
    large = storage.big or first.nbytes * (1 if count == 1 else 4 / 3) > CLASSIC
    codec, notes = (DEFLATE, ()) if storage.codec == NONE and not encoding.compress else choose_codec(storage, encoding)
    source, lost = source.fit_place(FORMATS["TIFF"], first.shape)
    as_pages = cog or source.place is not None
    storage = replace(storage, tile=storage.tile if storage.tile and not cog else (TILE, TILE))
    writer = _LevelWriter(source, storage, codec, always_tiled=cog)
    with (atomic(target, overwrite=overwrite) as stream, _open_unordered(stream, cog) as whole,
          tifffile.TiffWriter(_without_name(whole), bigtiff=large) as file):
        told = describe_level(source, encoding) if source.mode or source.metadata else {}
        told["extratags"] = [*told.get("extratags", ()), *list_own_tags(first, source)]
        writer.write(file, first, **({} if as_pages else {"subifds": count - 1}), **told)
        for level in remaining:
            tags = list_own_tags(level, replace(source, place=None)) if as_pages else []
            writer.write(file, level, subfiletype=1, extratags=tags)
    return (*lost, *notes)


@contextmanager
def _open_unordered(stream: IO[bytes], cog: bool) -> Iterator[IO[bytes]]:
    """The stream itself, or a file from which a COG is put together at the end."""
    if not cog:
        yield stream
        return
    with TemporaryFile() as whole:
        yield whole
        write_cog(whole, stream)


@dataclass(frozen=True)
class _LevelWriter:
    """Writes levels one after another, all stored in the same way."""

    source: ImageInfo
    storage: TiffStorage
    codec: str
    always_tiled: bool

    def write(self, file: Any, level: Array, **options: Any) -> None:
        """Write one level as a page."""
        array, what = as_stored(level, self.source)
        stored = choose_storage_options(self.storage, self.codec, array.shape, array.dtype)
        if self.always_tiled:
            stored["tile"] = self.storage.tile
        file.write(separate_planes(array, what), metadata=None, software=False, contiguous=False,
                   **what, **stored, **options)


def _without_name(stream: IO[bytes]) -> Any:
    """The stream without the number that is its name: tifffile wants a path there, or nothing."""
    from types import SimpleNamespace

    return SimpleNamespace(write=stream.write, seek=stream.seek, tell=stream.tell, flush=stream.flush)


def describe_level(source: ImageInfo, encoding: Encoding) -> dict[str, Any]:
    """The colour profile, texts and resolution."""
    told = {} if encoding.strip else list_carried_tags(source.metadata)
    return told | ({"iccprofile": source.icc_profile} if source.icc_profile else {})
