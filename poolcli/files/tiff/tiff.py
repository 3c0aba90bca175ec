"""TIFF, where Pillow changes most in silence: signs, byte order, bits, and channels that it has no mode for.

All of it was found by writing files with tifffile and reading them back (Pillow 13.0): compressed big-endian int16,
int32 and float32 arrive with their bytes swapped; int8 and uint32 arrive with the wrong sign; 16-bit colour loses
its low bytes; unspecified extra channels are dropped.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from ...errors import PoolError
from ..georef.geotiff import with_page_tags
from ..images.nodata import NODATA, with_nodata
from ..images.pixels import Picture, combine_alpha, decode_plain, find_rawmode, with_rawmode
from .tiff_extra import read_tiff_extra

if TYPE_CHECKING:
    from PIL import ImageFile

    from ..image_info import Array
    from ..images.pillow_open import Opener

_WIDTH, _HEIGHT, _ORIENTATION = 256, 257, 274
_BITS, _PHOTOMETRIC, _SAMPLES, _PLANAR, _SAMPLE_FORMAT = 258, 262, 277, 284, 339
_NUMBERS = {f"{kind}{bits}" for kind in ("uint", "int", "float") for bits in (8, 16, 32, 64)} - {"float8"}
_KINDS = {1: "uint", 2: "int", 3: "float", 4: "void", 5: "complex int", 6: "complex"}
# How Pillow says that it has no mode for a page; the last is a slip of its own on separate planes.
_UNKNOWN = {
    "unknown pixel mode",
    "unknown data organization",
    "Invalid value for samples per pixel",
    "string index out of range",
}
_WIDTHS = {1, 2, 4, 8, 10, 12, 14, 16, 24, 32, 64, 128}
_WIDE = re.compile(r"(RGB|RGBA|CMYK);16([LBN])")
_OTHER_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
# libtiff gives native byte order whatever the file has, and Pillow 13 swaps again for these raw modes.
_NATIVE = {
    raw: native
    for native, raws in {
        "I;16NS": ("I;16S", "I;16BS"),
        "I;32NS": ("I;32S", "I;32BS"),
        "F;32NF": ("F;32F", "F;32BF"),
    }.items()
    for raw in raws
}


def read_tiff(file: Opener) -> Picture:
    """Read a page of a TIFF, through tifffile where Pillow would lose something and tifffile is installed."""
    picture = _read_page(file)
    if picture.storage is not None or file.image is None:
        return picture
    return with_page_tags(picture, _read_tags(file.image).get, big=_is_big(file.stream))


def _is_big(stream: IO[bytes]) -> bool:
    stream.seek(0)
    return 43 in stream.read(4)[2:]


def _read_page(file: Opener) -> Picture:
    try:
        image = file.open()
    except PoolError:
        raise
    except Exception as error:
        return read_tiff_extra(file, _describe_page(file.stream, error))
    if lost := _find_lost(image):
        return read_tiff_extra(file, lost)
    if wide := _WIDE.fullmatch(find_rawmode(image)):
        array = combine_alpha(file, f"{wide[1]};16{_OTHER_ORDER[wide[2]]}")
        picture = Picture(array, f"{wide[1]};16", None, image.info.get("icc_profile"))
        return with_nodata(picture, _nodata_tag(file, image))
    return _read_small(file, image)


def _read_small(file: Opener, image: ImageFile.ImageFile) -> Picture:
    image.tile = [
        tile._replace(args=with_rawmode(tile.args, _NATIVE.get(find_rawmode(image), find_rawmode(image))))
        if tile.codec_name == "libtiff"
        else tile
        for tile in image.tile
    ]
    premultiplied = find_rawmode(image) in ("RGBa", "La")
    kind = _name_dtype(_read_tags(image))
    picture = _reinterpret(decode_plain(image, file.indexed), kind)
    if picture.mode == "I;16" and _read_tags(image).get(_PHOTOMETRIC) == 0:
        picture = replace(picture, array=~picture.array)  # white is 0: Pillow inverts 8 bits, and not 16
    notes = ("premultiplied alpha divided out of the colours",) if premultiplied else ()
    picture = replace(picture, notes=(*picture.notes, *notes))
    inverted = _read_tags(image).get(_PHOTOMETRIC) == 0 and picture.mode in ("1", "L", "I;16")
    expanded = image.mode in ("P", "PA") and not file.indexed
    return with_nodata(picture, _nodata_tag(file, image), inverted=inverted, expanded=expanded)


# What Pillow's modes L and I have no room for: (mode, sample type) -> how to give it back. All of it is exact.
_VIEWS: dict[tuple[str | None, str], Callable[[Array], Array]] = {
    ("L", "int8"): lambda array: array.view("int8"),
    ("I", "int16"): lambda array: array.astype("int16"),
    ("I", "uint32"): lambda array: array.view("uint32"),
}


def _reinterpret(picture: Picture, kind: str) -> Picture:
    view = _VIEWS.get((picture.mode, kind))
    return replace(picture, array=view(picture.array), mode=kind) if view else picture


def _read_tags(image: ImageFile.ImageFile) -> Any:
    return image.tag_v2  # type: ignore[attr-defined]  # a TiffImageFile, which only importing its plugin could say


def _nodata_tag(file: Opener, image: ImageFile.ImageFile) -> object:
    """The tag of the page, or else of the first page: writers name the value once for all."""
    tag = _read_tags(image).get(NODATA)
    return read_first_tags(file.stream).get(NODATA) if tag is None and file.frame else tag


def _name_dtype(tags: Any) -> str:
    """Return the sample type by tags 258 and 339 as a dtype name: "uint8", "float16"."""
    bits, sample = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (1,))
    return f"{_KINDS.get(first_of(sample), 'unknown')}{first_of(bits)}"


def tiff_layout(image: ImageFile.ImageFile) -> tuple[str, tuple[int, int, int], int] | None:
    """Return a page's dtype, (height, width, channels) as they are stored, and orientation, by its tags alone.

    None for palettes, unusual colour spaces, and samples that are no whole bytes.
    """
    tags = _read_tags(image)
    bits, dtype = tags.get(_BITS, (1,)), _name_dtype(tags)
    if tags.get(_PHOTOMETRIC) not in (0, 1, 2, 5) or len(set(bits)) != 1 or bits[0] % 8 or dtype not in _NUMBERS:
        return None
    return dtype, (tags[_HEIGHT], tags[_WIDTH], tags.get(_SAMPLES, 1)), tags.get(_ORIENTATION, 1)


def first_of(value: Any) -> Any:
    """Return the first of several values of a tag, or the only one."""
    return value[0] if isinstance(value, tuple) and value else value


def _find_lost(image: ImageFile.ImageFile) -> str:
    """Say what Pillow would drop of this page, or "" when nothing."""
    tags = _read_tags(image)
    samples, bands = tags.get(_SAMPLES, 1), len(image.getbands())
    text = f"{_name_dtype(tags)} with {samples} channels"
    wide = samples > 1 and first_of(tags.get(_BITS, (1,))) > 8
    if samples > bands or (wide and (tags.get(_PLANAR, 1) == 2 or not _WIDE.fullmatch(find_rawmode(image)))):
        return text
    return ""


def _describe_page(stream: IO[bytes], error: Exception) -> str:
    """Say what a page is that Pillow did not open, when that is why; else raise ``error`` again."""
    if str(error) not in _UNKNOWN:
        raise error
    tags = read_first_tags(stream)
    bits, samples = first_of(tags.get(_BITS, (1,))), tags.get(_SAMPLES, 1)
    if bits not in _WIDTHS or not isinstance(samples, int):
        raise error
    return f"{_name_dtype(tags)} with {samples} channel{'s' * (samples != 1)}"


def read_first_tags(stream: IO[bytes]) -> Any:
    """Read the first directory of a file: a mapping of tags, without their values decoded."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    stream.seek(0)
    head = stream.read(8)
    tags = ImageFileDirectory_v2(head + (stream.read(8) if head[2] == 43 else b""))  # 43: BigTIFF
    stream.seek(tags.next)
    tags.load(stream)
    return tags
