"""What a picture carries beside its pixels: who took it, when, where and with what; and how large it is in print.

All of that stays true of a pooled picture. What does not is left out: the orientation, which has been applied, the
thumbnail, offsets into the old file; sizes are put right.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from ..formats import Format

_EXIF, _GPS = 0x8769, 0x8825
_WIDTH, _HEIGHT, _MAKER_NOTE = 40962, 40963, 37500
# Of the first directory: description, make, model, resolution and its unit, software, date, artist, host, rating,
# copyright, and Windows' title, comment, author, keywords and subject. In TIFF all others are about the old pixels.
_KEPT = {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096)}
_DESCRIPTION, _SOFTWARE, _RESOLUTION = 270, 305, {282, 283, 296}
_XMP_TAG = 700
_XML_ROOT = r"(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:\w+:)?"
# Descriptions that list shapes, planes and sizes of the very pixels they came with, by who writes them. Beside other
# pixels readers fail on them, or take one page where there are many.
_OF_PIXELS = {
    "tifffile": re.compile(r'\{\s*"(?:shape|axes)"\s*:|shape=\('),
    "ImageJ": re.compile(r"ImageJ="),
    "SCIFIO": re.compile(r"SCIFIO="),
    "OME": re.compile(_XML_ROOT + r"OME\b", re.DOTALL),
    "MetaMorph": re.compile(r"<MetaData>"),
    "slide scanner": re.compile(r"Aperio |" + _XML_ROOT + r"(?:scn|DataObject|PerkinElmer-QPI|iScan)\b", re.DOTALL),
    "ScanImage": re.compile(r"state\.config|SI\d?\.|scanimage\."),
}
_UNTRUE = rb"(?:tiff:(?:Orientation|ImageWidth|ImageLength)|exif:Pixel[XY]Dimension)"
_XMP_UNTRUE = re.compile(rb"\s*" + _UNTRUE + rb"""=(?:"\d*"|'\d*')|<(""" + _UNTRUE + rb")>\d*</\1>")
_SEGMENT = 65_000
"""Bytes that a segment of a JPEG file holds, less its head."""
_XMP_KEY = "XML:com.adobe.xmp"


@dataclass(frozen=True, slots=True)
class Metadata:
    """EXIF tags (directories within as dicts), an XMP packet, dots per inch, and texts by their keywords."""

    exif: Mapping[int, Any]
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    text: tuple[tuple[str, str], ...] = ()
    left_out: str = ""
    """Who wrote the description of pixels that is not carried on; "" where there was none worth a word."""


def describes_pixels(text: object) -> str | None:
    """Name the program whose description of pixels this is (tag 270 of TIFF); None for words of people.

    Examples
    --------
    >>> describes_pixels("ImageJ=1.54f\\nimages=24\\n")
    'ImageJ'
    >>> describes_pixels("A walk by the sea") is None
    True
    """
    begins = str(text).lstrip("\ufeff \t\r\n")[:4096] if isinstance(text, str) else ""
    return next((program for program, pattern in _OF_PIXELS.items() if pattern.match(begins)), None)


def read_metadata(image: Image.Image) -> Metadata | None:
    """What an opened image carries; whatever of it is damaged says nothing about the pixels, and is left out."""
    exif: dict[int, Any] = {}
    with suppress(Exception):
        exif = _read_exif(image)
    xmp = image.info.get("xmp")
    dpi = _parse_dpi(image.info.get("dpi"))
    programs = [program for tag in (_DESCRIPTION, _SOFTWARE) if (program := describes_pixels(exif.get(tag)))]
    if programs:
        exif = {tag: value for tag, value in exif.items() if not describes_pixels(value)}
    left_out = next((program for program in programs if program != "tifffile"), "")
    if left_out:  # of a measured picture the resolution is the size of its pixels, which are larger now
        exif, dpi = {tag: value for tag, value in exif.items() if tag not in _RESOLUTION}, None
    xmp = _XMP_UNTRUE.sub(b"", xmp) if isinstance(xmp, bytes) else b""
    made = Metadata(exif, xmp, dpi, _read_text(image), left_out)
    return made if made != Metadata({}) else None


def _read_exif(image: Image.Image) -> dict[int, Any]:
    whole = image.getexif()
    kept = {tag: value for tag, value in whole.items() if tag in _KEPT}
    return kept | {tag: dict(inner) for tag in (_EXIF, _GPS) if (inner := whole.get_ifd(tag))}


def _parse_dpi(value: Any) -> tuple[float, float] | None:
    with suppress(Exception):
        x, y = (float(one) for one in value)
        return (x, y) if 0 < x < 1e5 and 0 < y < 1e5 else None
    return None


def _read_text(image: Image.Image) -> tuple[tuple[str, str], ...]:
    """PNG's texts, or the comment of a JPEG or GIF file."""
    comment = image.info.get("comment")
    if isinstance(comment, bytes):
        return (("Comment", comment.decode("utf-8", "replace")),)
    pairs = getattr(image, "text", {}) if image.format == "PNG" else {}
    return tuple((key, str(value)) for key, value in pairs.items()
                 if key != _XMP_KEY and not key.startswith("Raw profile type"))


# Writing.


def list_losses(metadata: Metadata | None, row: Format) -> tuple[str, ...]:
    """Say what a TIFF of the result lacks: a description of pixels is not written beside others."""
    if metadata is None or not metadata.left_out or not row.tagged:
        return ()
    return (f"its {metadata.left_out} description and resolution are left out: they are about the old pixels",)


def list_options(metadata: Metadata | None, row: Format, size: tuple[int, int],
                 given: Mapping[str, Any]) -> dict[str, Any]:
    """How Pillow is told to write it into format ``row`` for a picture of (width, height), ``given`` other options."""
    if metadata is None:
        return {}
    told: dict[str, Any] = {}
    if metadata.dpi and row.dpi:
        told["dpi"] = metadata.dpi
    if exif := _exif_bytes(metadata.exif, row, size):
        told["exif"] = exif
    if row.tagged and metadata.xmp:
        told["tiffinfo"] = {**given.get("tiffinfo", {}), _XMP_TAG: metadata.xmp}
    elif metadata.xmp and row.xmp and len(metadata.xmp) < _SEGMENT:
        told["xmp"] = metadata.xmp
    if row.comment and (comment := dict(metadata.text).get("Comment", "")):
        told["comment"] = comment.encode()[:_SEGMENT]
    if row.texts and (metadata.text or metadata.xmp):
        told["pnginfo"] = _make_png_info(metadata)
    return told


def _exif_bytes(tags: Mapping[int, Any], row: Format, size: tuple[int, int]) -> bytes:
    """The tags with the new size; without the maker's note, or not at all, where a JPEG segment is too short."""
    if not tags or not row.exif:
        return b""
    inner = dict(tags.get(_EXIF, {}))
    inner.update({tag: side for tag, side in zip((_WIDTH, _HEIGHT), size, strict=True) if tag in inner})
    data = _pack_exif({**tags, _EXIF: inner} if inner else tags)
    if row.exif_limit is not None and len(data) >= row.exif_limit:
        inner.pop(_MAKER_NOTE, None)
        data = _pack_exif({**tags, _EXIF: inner})
    return data if row.exif_limit is None or len(data) < row.exif_limit else b""


def _pack_exif(tags: Mapping[int, Any]) -> bytes:
    """EXIF tags as bytes; none where a value cannot be written."""
    from PIL import Image

    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    with suppress(Exception):  # values that no camera writes
        return exif.tobytes()
    return b""


def _make_png_info(metadata: Metadata) -> Any:
    """Texts and XMP as Pillow writes them into PNG."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for key, text in metadata.text:
        with suppress(Exception):  # keys that PNG does not allow
            info.add_text(key, text)
    if metadata.xmp:
        info.add_itxt(_XMP_KEY, metadata.xmp.decode("utf-8", "replace"))
    return info
