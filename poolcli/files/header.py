"""What a file's header alone says of its array: shape and type, and no sample."""

from __future__ import annotations

import os
import warnings
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from ..core.place import Place
from ..errors import PoolError
from .arrays.npy import read_header
from .atomic import explain_errors
from .formats import FORMATS, find_format, list_variants
from .georef.geotiff import with_page_tags
from .georef.world_file import with_world_file
from .image_info import ImageInfo, Loaded
from .images.metadata import describes_pixels
from .images.pillow_open import Opener, sniff
from .images.pixels import Picture, find_rawmode
from .size_limits import check_samples
from .stderr_capture import guard_decoding

if TYPE_CHECKING:
    from typing import IO

    from PIL import ImageFile

    from .formats import Format
    from .image_info import Array

# Modes that come as they are.
_MODES = {"1": ("bool", 1), "L": ("uint8", 1), "LA": ("uint8", 2), "RGB": ("uint8", 3), "RGBA": ("uint8", 4),
          "CMYK": ("uint8", 4)}
_INDEXED = {"P": ("uint8", 1)}
"""Where indices of a palette are asked for."""
_SIDEWAYS = {5, 6, 7, 8}
"""EXIF orientations whose rows stand up as columns."""
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_WIDE = {"I;16B": 1, "LA;16B": 2, "RGB;16B": 3, "RGBA;16B": 4}


def load_header(path: str | os.PathLike[str], *, max_pixels: int, key: str | None = None,
                indexed: bool = False) -> Loaded | None:
    """Return what ``read`` would, with an array that has no memory behind it; None where the header does not say.

    Of .npy and .npz, of NIfTI and FITS, of grey, RGB and CMYK as TIFF, and of PNG, JPEG and BMP pictures without a
    transparent colour; of those with a palette if it is ``indexed``. PoolError as ``read`` raises it.
    """
    if not os.path.isfile(path):  # a FIFO would wait for a writer
        return None
    with explain_errors("read"), open(path, "rb") as stream:
        kind = sniff(stream.read(12))
        stream.seek(0)
        if kind == "NPY":
            header = read_header(stream)
            check_samples(header.shape, max_pixels)
            return Loaded(_without_memory(header.dtype.name, header.shape), None, ImageInfo(os.fspath(path), kind))
        if kind == "NPZ":
            from .arrays.npz import npz_header

            header, found = npz_header(stream, key)
            check_samples(header.shape, max_pixels)
            source = ImageInfo(os.fspath(path), kind, key=found)
            return Loaded(_without_memory(header.dtype.name, header.shape), None, source)
        named = find_format(os.fspath(path))
        if named is not None and named.module is not None and kind in (None, named.name):
            return _load_by_module(stream, os.fspath(path), named, key, max_pixels) if named.quick_header else None
        if kind is None or not FORMATS[kind].quick_header:
            return None
        loaded = _load_picture(stream, os.fspath(path), kind, max_pixels, indexed)
    return loaded if loaded is None or loaded.source.place else with_world_file(loaded, os.fspath(path))


def _load_by_module(stream: IO[bytes], name: str, row: Format, key: str | None, max_pixels: int) -> Loaded | None:
    """What the header says to a format's own module; None where that is not all, or reading will say what is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of what they put right
        try:
            module = import_module(f".{row.module}", __package__)
            found: Loaded | None = module.read_header(stream, name, key, max_pixels)
        except PoolError:
            raise
        except Exception:  # no such library either
            return None
    return found


def _load_picture(stream: IO[bytes], name: str, kind: str, max_pixels: int, indexed: bool) -> Loaded | None:
    """What the header of a picture says, as Pillow reads it; None where that is not all."""
    with guard_decoding(max_pixels, allow_truncated=False):
        try:
            image = Opener(name, stream, kind, max_pixels).open()
        except PoolError:
            raise
        except Exception:  # reading it will say what is wrong
            return None
    if FORMATS[kind].tagged:
        return _load_tiff(image, name)
    raw = find_rawmode(image)
    modes = _INDEXED if indexed and image.mode in _INDEXED else _MODES
    dtype, channels = ("uint16", _WIDE[raw]) if raw in _WIDE else modes.get(image.mode, ("", 0))
    if not channels or ("transparency" in image.info and modes is _MODES):
        return None
    width, height = image.size
    if FORMATS[kind].texts and _may_be_turned_later(stream):
        return None
    if _read_orientation(image) in _SIDEWAYS:
        width, height = height, width
    mode = "CMYK" if image.mode == "CMYK" else None
    return _load_without_samples(dtype, (height, width, channels), ImageInfo(name, kind, mode))


def _load_tiff(image: ImageFile.ImageFile, name: str) -> Loaded | None:
    """By its tags: whole bytes a sample, of grey, RGB and CMYK."""
    from .tiff.tiff import tiff_layout

    if any(describes_pixels(image.tag_v2.get(270)) == kind for row in list_variants("TIFF")  # type: ignore[attr-defined]
           for kind in row.places):
        return None
    layout = tiff_layout(image)
    if layout is None:
        return None
    dtype, (height, width, channels), orientation = layout
    if orientation in _SIDEWAYS:
        width, height = height, width
    mode = "CMYK" if image.mode == "CMYK" else None
    loaded = _load_without_samples(dtype, (height, width, channels), ImageInfo(name, "TIFF", mode))
    found = with_page_tags(Picture(loaded.array, mode), image.tag_v2.get, big=False)  # type: ignore[attr-defined]
    place = None if found.georeference is None else Place.of(found.georeference, loaded.array.shape)
    return replace(loaded, source=replace(loaded.source, place=place, notes=found.notes))


def _load_without_samples(dtype: str, shape: tuple[int, int, int], source: ImageInfo) -> Loaded:
    letters = "HWC"[: 3 if shape[2] > 1 else 2]
    return Loaded(_without_memory(dtype, shape[: len(letters)]), letters, source)


def _read_orientation(image: ImageFile.ImageFile) -> object:
    from PIL import Image

    with suppress(Exception):  # a damaged EXIF block says nothing about the pixels
        return Image.Image.getexif(image).get(274)  # PngImageFile's own would decode the pixels first
    return None


def _may_be_turned_later(stream: IO[bytes]) -> bool:
    """Whether a PNG has anything behind its pixels that may hold an orientation. Chunks are hopped over, not read."""
    stream.seek(8)
    behind = False
    while len(head := stream.read(8)) == 8:
        kind = head[4:]
        behind = behind or kind == b"IDAT"
        if behind and (kind == b"eXIf" or (kind in _TEXTS and stream.peek(3)[:3] in (b"Raw", b"XML"))):  # type: ignore[attr-defined]
            return True
        stream.seek(int.from_bytes(head[:4], "big") + 4, os.SEEK_CUR)
    return False


def _without_memory(dtype: str, shape: tuple[int, ...]) -> Array:
    import numpy as np

    return np.broadcast_to(np.zeros((), dtype), shape)
