"""Writing pictures through Pillow, which converts in silence: what a format holds is checked before, by table."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any, Union
from zlib import Z_DEFAULT_STRATEGY

from ...errors import PoolError
from ..arrays.npy import write_all
from ..formats import (
    DEFAULT_ENCODING,
    DRAWING,
    EXPANDED,
    WIDE,
    Encoding,
    Format,
    has_tifffile,
    holds,
    mode_of,
    settle_encoding,
)
from ..georef.geotiff import list_georeference_fields
from ..image_info import ImageInfo, Palette
from ..stderr_capture import capture_stderr
from ..tiff.tiff_storage import PILLOW, note_losses
from . import metadata
from .arrow import pack, widen
from .nodata import NODATA, nodata_text
from .palettes import expand_palette, find_few_colours, gif_transparency, with_palette
from .pillow_open import describe_cause, import_plugin
from .png import Method, is_photographic, write_pixels

if TYPE_CHECKING:
    from PIL import Image

    from ..image_info import Array

# Our modes that Pillow has no name for, and what it stores them as.
_STORED = {"int8": "L", "int16": "I;16", "P+A": "P"}
_DTYPES = {"I;16": "<u2", "int16": "<i2", "int8": "i1", "I": "<i4", "F": "<f4", "1": "bool"}
_RAW = {"1": "1;8", "I": "I;32S", "F": "F;32F"}
# Pillow maps the array's own memory for these modes, and copies for all others.
_MAPPED = {"L", "RGBA", "CMYK", "I;16", "P"}
Target = Union["_Plain", io.BytesIO]
_END_OF_JPEG = b"\xff\xd9"
_OWN_PNG = {"L", "LA", "RGB", "RGBA", "I;16", *WIDE}
# TIFF tag 339, SampleFormat 2 is two's complement. Pillow has no mode for it and writes the tag as it is given.
_SIGNED = {"tiffinfo": {339: 2}}
# The colour space that an ICC profile is for (its bytes 16 to 19) and the modes it may go with.
_SPACES = {
    b"GRAY": {"1", "L", "LA", "I;16", "I", "F"},
    b"RGB ": {"RGB", "RGBA", "P", "P+A", "PA"},
    b"CMYK": {"CMYK"},
    b"Lab ": {"LAB"},
}


def write_image(
    array: Array, source: ImageInfo, row: Format, stream: IO[bytes], encoding: Encoding = DEFAULT_ENCODING,
    *, checked: bool = False,
) -> tuple[str, ...]:
    """Encode ``array`` as format ``row`` into an open binary stream, which may be a pipe; return what was lost.

    It is (H, W) or (H, W, C), or several of these along a first axis where the source has ``pages``. What the format
    cannot hold exactly (a lossy one: at all) raises PoolError before anything is written, unless the caller has
    ``checked`` that; a stream that cannot be written raises OSError. Of the source, colour space, palette, ICC profile,
    timing and metadata are kept.
    """
    if not checked:
        holds(row, array.dtype, array.shape, source.mode, source.pages)
    encoding = settle_encoding(row, encoding, source.lossy)
    chained = source.pages is not None and row.tagged  # Pillow reads back where the last page ended
    target = _Plain(stream) if _at_start(stream) and not chained else io.BytesIO()
    with capture_stderr() as chatter:
        try:
            import_plugin(row.name)
            if row.tagged and not _by_pillow(array, source, row, encoding):
                lost = _write_numbers(array, source, target, encoding)
            elif source.pages is None:
                lost = _write_one(array, source, row, target, encoding)
            else:
                lost = _write_several(array, source, row, target, encoding)
        except Exception as error:
            if isinstance(error, PoolError) or getattr(error, "errno", None):
                raise
            why = describe_cause(error, chatter.first_line())
            raise PoolError(f"cannot be encoded as {row.name} ({why}); .npy would work") from error
    if isinstance(target, io.BytesIO):
        write_all(stream, target.getbuffer())
    return (*lost, *(() if encoding.strip else metadata.list_losses(source.metadata, row)))


def _write_one(array: Array, source: ImageInfo, row: Format, target: Target, encoding: Encoding) -> tuple[str, ...]:
    """Write one picture through Pillow, or by our own encoder; return notes of what was lost."""
    picture, mode, palette = _prepare(array if row.spare_byte else pack(array), source, row)
    lost: tuple[str, ...] = ()
    if encoding.palette and palette is None and mode in ("L", "RGB", "RGBA") and "P" in row.modes:
        picture, mode, palette, lost = with_palette(picture)
    options = row.options(encoding) | _profile_options(source, row, mode)
    options |= _picture_options(row, mode, palette, array.nbytes)
    if source.progressive and row.progressive:
        options["progressive"] = True
    options |= _nodata_options(source, row, array, options)
    options |= _list_metadata(source, row, array, options, encoding)
    options |= _georeference_options(source, row, options) | _compression_options(source, row, encoding)
    if row.tagged:
        lost = (*lost, *note_losses(source.storage))
    if (method := _own_method(picture, mode, row, encoding)) is not None:
        write_pixels(picture, _make_template(mode, options), method, target)
    else:
        _save(_make_image(picture, mode, palette), row, target, options)
    return lost


def _save(image: Image.Image, row: Format, target: Target, options: dict[str, Any]) -> None:
    """Encode a picture by Pillow, whose JPEG encoder lets other threads run only while it writes to a file number.

    So that file is one in memory, where the system has these: 60 photographs by two threads take 1.5 s, without 1.7.
    """
    if row.to_descriptor and (room := _file_in_memory()) is not None:
        with room:
            image.save(room, row.name, **options)
            room.seek(0)
            data = room.read()
        if data.endswith(_END_OF_JPEG):
            write_all(target, data)
            return
    image.save(target, row.name, **options)  # type: ignore[arg-type]


def _file_in_memory() -> IO[bytes] | None:
    """A file that is nowhere but in memory, and has a number; None where there is no such thing."""
    try:
        return open(os.memfd_create("poolcli"), "r+b", buffering=0)
    except (AttributeError, OSError):
        return None


def _write_several(array: Array, source: ImageInfo, row: Format, target: Target, encoding: Encoding) -> tuple[str, ...]:
    """Write frames or pages, which lie along the first axis, through Pillow; return notes of what was lost."""
    from .frames import frames_for, play_times

    frames, mode, lost = frames_for(array, source, row, _prepare)
    first, *rest = [_make_frame(*one) for one in frames]
    options = row.options(encoding) | _profile_options(source, row, mode)
    options |= _picture_options(row, mode, None, array.nbytes)
    options |= _nodata_options(source, row, array, options)
    options |= _list_metadata(source, row, array[0], options, encoding)
    options |= _georeference_options(source, row, options) | _compression_options(source, row, encoding)
    if row.tagged:
        lost = (*lost, *note_losses(source.storage))
    options |= play_times(source.timing, row, len(frames), mode)
    first.save(target, row.name, save_all=True, append_images=rest, **options)  # type: ignore[arg-type]
    return lost


def _by_pillow(array: Array, source: ImageInfo, row: Format, encoding: Encoding) -> bool:
    """Whether Pillow holds a picture as TIFF, and stores it as the input was and as it is wished."""
    shape = array.shape if source.pages is None else array.shape[1:]
    mode = mode_of(array.dtype, shape, source.mode)
    if mode not in row.modes and EXPANDED.get(mode or "") not in row.modes:
        return False
    storage = source.storage
    wanted = encoding.compress is not None or source.place is not None or not (storage is None or storage.is_plain)
    return not wanted or mode in ("1", "LAB", "PA") or not has_tifffile()


def _write_numbers(array: Array, source: ImageInfo, target: Target, encoding: Encoding) -> tuple[str, ...]:
    """Write a TIFF of numbers that Pillow does not write; return notes of what was lost."""
    from ..tiff.tiff_extra import write_tiff_extra

    whole = io.BytesIO()
    notes = write_tiff_extra(array, source, whole, encoding)
    write_all(target, whole.getbuffer())
    return notes


def _make_frame(picture: Array, mode: str, palette: Palette | None) -> Image.Image:
    """A frame; which of its colours is transparent is its own affair."""
    image = _make_image(picture, mode, palette)
    if palette is not None and palette.alpha is not None:
        image.info["transparency"] = gif_transparency(palette)
    return image


def _own_method(picture: Array, mode: str, row: Format, encoding: Encoding) -> Method | None:
    """How the pixels are compressed by ourselves: PNG of photographs, and of what Pillow has no mode for."""
    if not row.own_encoder or mode not in _OWN_PNG:
        return None
    if encoding.compress_level is None and (method := is_photographic(picture)):
        return method
    level = DRAWING if encoding.compress_level is None else encoding.compress_level
    return (level, Z_DEFAULT_STRATEGY) if mode in WIDE else None


def _make_template(mode: str, options: dict[str, Any]) -> bytes:
    """A PNG of one pixel of this mode (of 8 bits in place of 16), with all that the options ask for."""
    from PIL import Image

    stream = io.BytesIO()
    Image.new(WIDE.get(mode, mode), (1, 1)).save(stream, "PNG", **options)
    return stream.getvalue()


class _Plain:
    """A stream that hides its file number: through that, Pillow's encoders take a short write for a whole one, and a
    disk that fills up ends a file with a short write."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.write, self.flush, self.seek, self.tell = stream.write, stream.flush, stream.seek, stream.tell


def _at_start(stream: IO[bytes]) -> bool:
    """TIFF offsets count from the start of the file, so anything else gets a finished copy."""
    try:
        return stream.seekable() and stream.tell() == 0
    except (AttributeError, OSError):
        return False


def _list_metadata(
    source: ImageInfo, row: Format, array: Array, given: Mapping[str, Any], encoding: Encoding
) -> dict[str, Any]:
    """What else the picture carries, unless nothing of it is wanted."""
    return {} if encoding.strip else metadata.list_options(source.metadata, row, array.shape[1::-1], given)


def _nodata_options(source: ImageInfo, row: Format, array: Array, given: Mapping[str, Any]) -> dict[str, Any]:
    """Name the value of missing samples, where the format has room for it."""
    text = nodata_text(source.nodata, array.dtype) if row.tagged else None
    return {} if text is None else {"tiffinfo": {**given.get("tiffinfo", {}), NODATA: text}}


def _georeference_options(source: ImageInfo, row: Format, given: Mapping[str, Any]) -> dict[str, Any]:
    """Say where the picture lies, in the types of fields that GeoTIFF has; Pillow would guess some."""
    fields = list_georeference_fields(source) if row.tagged else ()
    if not fields:
        return {}
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    tags = ImageFileDirectory_v2()
    for tag, value in given.get("tiffinfo", {}).items():
        tags[tag] = value
    for tag, kind, value in fields:
        tags.tagtype[tag] = kind
        tags[tag] = value
    return {"tiffinfo": tags}


def _compression_options(source: ImageInfo, row: Format, encoding: Encoding) -> dict[str, Any]:
    """Compress a TIFF as it is wished, or as the input was, where Pillow can."""
    codec = encoding.compress or (source.storage.codec if source.storage is not None else None)
    return {"compression": PILLOW[codec]} if row.tagged and codec is not None and codec in PILLOW else {}


def _profile_options(source: ImageInfo, row: Format, mode: str) -> dict[str, Any]:
    """Keep the profile, unless it describes another colour space than the result now has."""
    icc = source.icc_profile
    if not row.icc or not icc or WIDE.get(mode, mode) not in _SPACES.get(icc[16:20], ()):
        return {}
    return {"icc_profile": icc}


def _picture_options(row: Format, mode: str, palette: Palette | None, size: int) -> dict[str, Any]:
    """Save options that follow from the picture and not from the format."""
    options: dict[str, Any] = dict(_SIGNED) if mode in ("int8", "int16") else {}
    if row.tagged and size > 2**32 - 2**16:  # offsets of 32 bits, less some room for the tags
        options["big_tiff"] = True
    if mode == "P+A" and palette is not None and palette.alpha is not None:
        options["transparency"] = gif_transparency(palette) if row.few_colours else palette.alpha
    return options


def _prepare(array: Array, source: ImageInfo, row: Format) -> tuple[Array, str, Palette | None]:
    """Give the array the shape and the mode in which ``row`` takes it, and its palette where it has one."""
    squeezed = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    mode = mode_of(array.dtype, array.shape, source.mode) or ""
    palette = source.palette if mode in EXPANDED else None
    if palette is not None and mode not in row.modes:
        squeezed, mode, palette = expand_palette(squeezed, palette), EXPANDED[mode], None
    if row.few_colours and palette is None and mode != "L":
        squeezed, palette = find_few_colours(squeezed)
        mode = "P+A" if palette.alpha else "P"
    return squeezed, mode, palette


def _make_image(array: Array, mode: str, palette: Palette | None) -> Image.Image:
    """The array as an image of Pillow's; RGB of four bytes a pixel without a copy."""
    import numpy as np
    from PIL import Image

    size = (array.shape[1], array.shape[0])
    if mode == "RGB" and (wide := widen(array)) is not None:  # the memory itself, as Pillow would lay it out
        return Image.frombuffer("RGBX", size, wide.reshape(-1).data, "raw", "RGBX", 0, 1)  # type: ignore[arg-type]
    data = np.ascontiguousarray(array, _DTYPES.get(mode, "u1"))
    stored = _STORED.get(mode, mode)
    raw = _RAW.get(stored, stored)
    make = Image.frombuffer if stored in _MAPPED else Image.frombytes
    image = make(stored, size, data.reshape(-1).view("u1").data, "raw", raw, 0, 1)  # type: ignore[arg-type]
    if palette is not None:
        # Pillow writes as few bits per index as the palette needs, so it has to reach the highest index in use.
        image.putpalette(palette.colours.ljust(3 * (int(data.max()) + 1), b"\0"))
    return image
