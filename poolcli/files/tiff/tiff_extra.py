"""TIFF that Pillow has no mode for, through tifffile: the extra ``poolcli[tiff]``; no other file imports it."""

from __future__ import annotations

from functools import partial
from typing import IO, TYPE_CHECKING, Any

from ...errors import PoolError
from ..formats import mode_of
from ..georef.geotiff import ASCII, list_georeference_fields, with_page_tags
from ..image_info import MAX_PIXELS, Palette
from ..images.nodata import NODATA, nodata_text, with_nodata
from ..images.palettes import expand_palette
from ..images.pillow_open import silence_warnings
from ..images.pixels import Picture, turn_upright
from ..size_limits import check_pixels, claim_array
from .tiff_storage import DEFLATE, TiffStorage, can_encode, choose_storage_options

if TYPE_CHECKING:
    from ..formats import Encoding
    from ..image_info import Array, ImageInfo
    from ..images.metadata import Metadata
    from ..images.pillow_open import Opener

_TEXTS = {270, 271, 272, 305, 306, 315, 33432}  # description, make, model, software, date, artist, copyright
_XMP = 700
_ORIENTATION = 274
INKS = {"uint8": "CMYK", "uint16": "CMYK;16"}
"""Modes of four inks, by dtype."""
_PLAIN = {1, 2, 5}  # grey with black as 0, RGB, CMYK (tag 262)


def read_tiff_extra(source: Opener, what: str) -> Picture:
    """Read a page as (H, W) or (H, W, C). ``what`` says what it is, for the error when tifffile is missing."""
    try:
        import tifffile
    except ImportError:
        raise PoolError(f"TIFF of {what}, which Pillow does not read; pip install poolcli[tiff] does") from None
    silence_warnings("tifffile")
    source.stream.seek(0)
    with tifffile.TiffFile(source.stream) as file:
        page: Any = file.pages[source.frame]
        _check(page, what, source.max_pixels)
        turn = page.tags.get(_ORIENTATION)
        array = turn_upright(_channels_last(page), turn.value if turn else 1)
        mode = INKS.get(array.dtype.name) if page.photometric == 5 and array.shape[2:] == (4,) else None
        first: Any = file.pages[0]
        tag = page.tags.get(NODATA) or first.tags.get(NODATA)
        picture = Picture(array, mode, None, page.iccprofile, frames=len(file.pages))
        picture = with_page_tags(picture, partial(read_tag, page), big=file.is_bigtiff)
        return with_nodata(picture, tag.value if tag else None)


def read_tag(page: Any, number: int) -> Any:
    """Return the value of a tag, None without it; of a text its bytes, for tifffile guesses how they are encoded."""
    tag = page.tags.get(number)
    if tag is None or tag.dtype != ASCII:
        return None if tag is None else tag.value
    handle = page.parent.filehandle
    handle.seek(tag.valueoffset)
    return handle.read(tag.valuebytecount)


def _check(page: Any, what: str, max_pixels: int) -> None:
    """Before anything is allocated: real numbers, one plane, and no more bytes than such pictures have."""
    check_pixels((page.imagewidth, page.imagelength), max_pixels)
    if page.dtype is None or page.dtype.kind not in "biuf" or page.dtype.itemsize > 8 or page.imagedepth != 1:
        raise PoolError(f"TIFF of {what} cannot be pooled; bool, integers and float16 to float64 can")
    if page.photometric not in _PLAIN:
        raise PoolError(f"TIFF of {what} with indices or an unusual colour space; grey, RGB and CMYK would work")
    if page.nbytes > 16 * max_pixels:
        raise PoolError(f"TIFF of {what} takes {page.nbytes:,} bytes; --max-pixels raises the limit")
    claim_array(page.shape, page.dtype.itemsize, MAX_PIXELS)


def _channels_last(page: Any) -> Array:
    # (planes, depth, height, width, samples): one of the first and the last is 1.
    array: Array = page.asarray(squeeze=False, maxworkers=1)
    moved = array[:, 0, :, :, 0].transpose(1, 2, 0) if array.shape[0] > 1 else array[0, 0]
    native = moved.astype(moved.dtype.newbyteorder("="), copy=False)
    return native[..., 0] if native.shape[-1] == 1 else native


# Writing.

CLASSIC = 2**32 - 2**25
"""Bytes that offsets of 32 bits reach, less some room for tags."""


def write_tiff_extra(array: Array, source: ImageInfo, stream: IO[bytes], encoding: Encoding) -> tuple[str, ...]:
    """Write (H, W) or (H, W, C) of any real numbers, or several of these, as TIFF; BigTIFF above 4 GB.

    Compression, tiles and planes are those of the source, unless the encoding names a compression. Returns notes.
    """
    import tifffile

    storage = source.storage or TiffStorage()
    codec, notes = choose_codec(storage, encoding)
    options: dict[str, Any] = {} if encoding.strip else list_carried_tags(source.metadata)
    if source.icc_profile and source.mode:
        options["iccprofile"] = source.icc_profile
    options["extratags"] = [*options.get("extratags", ()), *list_own_tags(array, source)]
    big = storage.big or array.nbytes > CLASSIC
    with tifffile.TiffWriter(stream, bigtiff=big) as file:
        for page in array if source.pages is not None else [array]:
            stored, what = as_stored(page, source)
            file.write(separate_planes(stored, what), metadata=None, software=False, contiguous=False,
                       **what, **choose_storage_options(storage, codec, stored.shape, stored.dtype), **options)
    return notes


def choose_codec(storage: TiffStorage, encoding: Encoding) -> tuple[str, tuple[str, ...]]:
    """Return the compression to write and a note where it is not the one that is asked for, or that the input has.

    PoolError where one that is asked for cannot be written here.
    """
    asked = encoding.compress
    if asked is not None:
        if not can_encode(asked):
            raise PoolError(f"TIFF with {asked} compression needs imagecodecs, which is not installed; pip install "
                            f"imagecodecs would work, or --compress {DEFLATE}")
        return asked, ()
    if storage.codec is None:
        return DEFLATE, (f"stored with {DEFLATE} compression, which loses nothing, in place of the input's",)
    if can_encode(storage.codec):
        return storage.codec, ()
    return DEFLATE, (f"stored with {DEFLATE} compression: {storage.codec} needs imagecodecs, which is not installed",)


def list_own_tags(array: Array, source: ImageInfo) -> list[tuple[int, int, int, Any, bool]]:
    """Return the nodata value and the place as tags that tifffile takes."""
    tags: list[tuple[int, int, int, Any, bool]] = []
    if (text := nodata_text(source.nodata, array.dtype)) is not None:
        tags.append((NODATA, ASCII, 0, text, True))
    for tag, type_, value in list_georeference_fields(source):
        tags.append((tag, type_, len(value) + (type_ == ASCII), value, True))
    return tags


def separate_planes(stored: Array, what: dict[str, Any]) -> Array:
    """The samples in C order, planes first where they lie apart."""
    import numpy as np

    apart = what.get("planarconfig") == "separate"
    return np.ascontiguousarray(np.moveaxis(stored, -1, 0) if apart else stored)


def as_stored(level: Array, source: ImageInfo) -> tuple[Array, dict[str, Any]]:
    """The samples and what they are: 1-bit pixels become grey, colours of a palette that has transparent ones RGBA."""
    import numpy as np

    if level.dtype == np.bool_:
        level = np.where(level, np.uint8(255), np.uint8(0))
    if source.palette is not None and level.ndim == 2 and level.dtype == np.uint8:
        if source.palette.alpha is None:
            return level, {"photometric": "palette", "colormap": _make_colormap(source.palette)}
        level = expand_palette(level, source.palette)
    channels = 1 if level.ndim == 2 else level.shape[2]
    return level, _choose_channel_options(source, mode_of(level.dtype, level.shape, source.mode), channels)


def _choose_channel_options(source: ImageInfo, mode: str | None, channels: int) -> dict[str, Any]:
    """What the channels are: as the input had them where that was read as it stood, else by their number."""
    known, options = source.storage, _describe_channels(mode, channels)
    if known is None or known.samples != channels or channels == 1:
        return options
    if source.mode is None and known.photometric in (1, 2):
        colours = {1: 1, 2: 3}[known.photometric]
        options = {"photometric": known.photometric, "planarconfig": "contig"}
        if channels > colours:
            extra = (*known.extra_samples, *([0] * channels))[: channels - colours]
            options["extrasamples"] = extra
    return options | ({"planarconfig": "separate"} if known.separate else {})


def _make_colormap(palette: Palette) -> Array:
    """(3, 256) of 16 bits."""
    import numpy as np

    colours = np.frombuffer(palette.colours.ljust(768, b"\0")[:768], np.uint8).reshape(256, 3)
    return colours.T.astype(np.uint16) * 257


def _describe_channels(mode: str | None, channels: int) -> dict[str, Any]:
    """What the channels are: ink, colours, or numbers beside each other."""
    if mode in ("CMYK", "CMYK;16"):
        return {"photometric": "separate_planes", "planarconfig": "contig"}
    if channels in (3, 4):
        alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        return {"photometric": "rgb", "planarconfig": "contig", **alpha}
    if channels == 1:
        return {"photometric": "minisblack"}
    extra = ["unassalpha"] if mode in ("LA", "LA;16") else ["unspecified"] * (channels - 1)
    return {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": extra}


def list_carried_tags(metadata: Metadata | None) -> dict[str, Any]:
    """Texts, resolution and the XMP packet, as tifffile takes them."""
    if metadata is None:
        return {}
    tags: list[Any] = [(tag, 2, 0, text, True) for tag, text in metadata.exif.items()
                       if tag in _TEXTS and isinstance(text, str) and text.isascii()]
    tags += [(_XMP, 1, len(metadata.xmp), metadata.xmp, True)] if metadata.xmp else []
    told: dict[str, Any] = {"extratags": tags} if tags else {}
    return told | ({"resolution": metadata.dpi, "resolutionunit": "inch"} if metadata.dpi else {})
