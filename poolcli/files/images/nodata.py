"""The value of missing samples that a TIFF names (tag 42113, GDAL_NODATA), read as a sample and written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...errors import PoolError
from ...redact import printable

if TYPE_CHECKING:
    from .pixels import Picture

NODATA = 42113
"""A text that holds one number, as GDAL has it."""


def with_nodata(picture: Picture, tag: object, *, inverted: bool = False, expanded: bool = False) -> Picture:
    """Give a picture the nodata value of its file, or a note where the value means no sample of it.

    Parameters
    ----------
    picture
        What was decoded.
    tag
        The value of tag 42113; None or an empty text where there is none.
    inverted
        The file has white as 0 and the picture has black as 0.
    expanded
        The picture has the colours of a palette, of which the value is an index.
    """
    text = tag.decode("latin-1") if isinstance(tag, bytes) else tag if isinstance(tag, str) else ""
    text = text.strip(" \0\r\n\t")
    if not text:
        return picture
    if expanded:
        return _read_nodata_tag(picture, text,
                                "is an index of the palette, and colours are pooled: no sample counts as missing")
    try:
        value = _as_sample(text, picture.array.dtype)
    except PoolError:
        return _read_nodata_tag(picture, text, "is no number: no sample counts as missing")
    if value is None:
        return _read_nodata_tag(picture, text, f"is no {picture.array.dtype} value: no sample counts as missing")
    return replace(picture, nodata=_largest_sample(picture.array.dtype) - value if inverted else value)


def _read_nodata_tag(picture: Picture, text: str, why: str) -> Picture:
    """Add a note about the nodata value of the file."""
    return replace(picture, notes=(*picture.notes, f"its nodata value {printable(text[:40])} {why}"))


def _as_sample(text: str, dtype: Any) -> int | float | None:
    """Read a text as a sample of ``dtype``; None where that dtype has no such value, PoolError for no number.

    A text of float32 data is rounded to float32, as its samples were: 0.1, and -3.40282346638529e+38 of old GDAL.
    """
    from ...core import dtypes

    number = dtypes.parse_nodata(text)
    if not dtypes.holds(dtype, number):
        return None
    return dtypes.parse_nodata(float(dtypes.scalar(dtype, number)[0])) if dtype.kind == "f" else number


def _largest_sample(dtype: Any) -> int:
    """The largest sample of a bool or unsigned dtype."""
    import numpy as np

    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def nodata_text(value: int | float | None, dtype: Any) -> str | None:
    """The text of tag 42113 for samples of ``dtype``; None where there is no nodata value, or it is no such sample."""
    from ...core import dtypes

    if value is None or not dtypes.holds(dtype, value):
        return None
    return str(value) if isinstance(value, int) else repr(float(value))
