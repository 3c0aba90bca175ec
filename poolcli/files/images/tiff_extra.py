"""TIFF that Pillow has no mode for, through tifffile: the extra ``poolcli[tiff]``; no other file imports it."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from ...errors import PoolError
from .nodata import NODATA, nodata_text, with_nodata
from .pillow_open import check_pixels, unheard
from .pixels import Picture, turned

if TYPE_CHECKING:
    from ..formats import Encoding
    from ..image_info import Array, Source
    from .metadata import Metadata
    from .pillow_open import Opener

_TEXTS = {270, 271, 272, 305, 306, 315, 33432}  # description, make, model, software, date, artist, copyright
_XMP = 700
_ORIENTATION = 274
_INKS = {"uint8": "CMYK", "uint16": "CMYK;16"}
_PLAIN = {1, 2, 5}  # grey with black as 0, RGB, CMYK (tag 262)


def read_tiff_extra(source: Opener, what: str) -> Picture:
    """Read a page as (H, W) or (H, W, C). ``what`` says what it is, for the error when tifffile is missing."""
    try:
        import tifffile
    except ImportError:
        raise PoolError(f"TIFF of {what}, which Pillow does not read; pip install poolcli[tiff] does") from None
    unheard("tifffile")
    source.stream.seek(0)
    with tifffile.TiffFile(source.stream) as file:
        page: Any = file.pages[source.frame]
        _check(page, what, source.max_pixels)
        turn = page.tags.get(_ORIENTATION)
        array = turned(_channels_last(page), turn.value if turn else 1)
        mode = _INKS.get(array.dtype.name) if page.photometric == 5 and array.shape[2:] == (4,) else None
        first: Any = file.pages[0]
        tag = page.tags.get(NODATA) or first.tags.get(NODATA)
        picture = Picture(array, mode, None, page.iccprofile, frames=len(file.pages))
        return with_nodata(picture, tag.value if tag else None)


def _check(page: Any, what: str, max_pixels: int) -> None:
    """Before anything is allocated: real numbers, one plane, and no more bytes than such pictures have."""
    check_pixels((page.imagewidth, page.imagelength), max_pixels)
    if page.dtype is None or page.dtype.kind not in "biuf" or page.dtype.itemsize > 8 or page.imagedepth != 1:
        raise PoolError(f"TIFF of {what} cannot be pooled; bool, integers and float16 to float64 can")
    if page.photometric not in _PLAIN:
        raise PoolError(f"TIFF of {what} with indices or an unusual colour space; grey, RGB and CMYK would work")
    if page.nbytes > 16 * max_pixels:
        raise PoolError(f"TIFF of {what} takes {page.nbytes:,} bytes; --max-pixels raises the limit")


def _channels_last(page: Any) -> Array:
    # (planes, depth, height, width, samples): one of the first and the last is 1.
    array: Array = page.asarray(squeeze=False, maxworkers=1)
    moved = array[:, 0, :, :, 0].transpose(1, 2, 0) if array.shape[0] > 1 else array[0, 0]
    native = moved.astype(moved.dtype.newbyteorder("="), copy=False)
    return native[..., 0] if native.shape[-1] == 1 else native


# Writing.


def write_tiff_extra(array: Array, source: Source, mode: str | None, stream: IO[bytes], encoding: Encoding) -> None:
    """Write (H, W) or (H, W, C) of any real numbers, or several of these, as TIFF; BigTIFF above 4 GB."""
    import tifffile

    options = kind(mode, 1 if array.ndim == 2 + (source.pages is not None) else array.shape[-1])
    options |= {"iccprofile": source.icc_profile} if source.icc_profile and mode else {}
    options |= {} if encoding.strip else carried(source.metadata)
    if (text := nodata_text(source.nodata, array.dtype)) is not None:
        options["extratags"] = [*options.get("extratags", ()), (NODATA, 2, 0, text, True)]
    with tifffile.TiffWriter(stream, bigtiff=array.nbytes > 2**32 - 2**25) as file:
        for page in array if source.pages is not None else [array]:
            file.write(page, metadata=None, software=False, contiguous=False, **options)


def kind(mode: str | None, channels: int) -> dict[str, Any]:
    """What the channels are: ink, colours, or numbers beside each other."""
    if mode in ("CMYK", "CMYK;16"):
        return {"photometric": "separated", "planarconfig": "contig"}
    if channels in (3, 4):
        alpha = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
        return {"photometric": "rgb", "planarconfig": "contig", **alpha}
    if channels == 1:
        return {"photometric": "minisblack"}
    extra = ["unassalpha"] if mode in ("LA", "LA;16") else ["unspecified"] * (channels - 1)
    return {"photometric": "minisblack", "planarconfig": "contig", "extrasamples": extra}


def carried(metadata: Metadata | None) -> dict[str, Any]:
    """Texts, resolution and the XMP packet, as tifffile takes them."""
    if metadata is None:
        return {}
    tags: list[Any] = [(tag, 2, 0, text, True) for tag, text in metadata.exif.items()
            if tag in _TEXTS and isinstance(text, str) and text.isascii()]
    tags += [(_XMP, 1, len(metadata.xmp), metadata.xmp, True)] if metadata.xmp else []
    told: dict[str, Any] = {"extratags": tags} if tags else {}
    return told | ({"resolution": metadata.dpi, "resolutionunit": "inch"} if metadata.dpi else {})
