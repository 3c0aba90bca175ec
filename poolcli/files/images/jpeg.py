"""Decoding JPEG straight into an array by simplejpeg, where the extra ``poolcli[jpeg]`` is installed.

Pillow reads the header, EXIF and profile either way, and decodes what simplejpeg does not: CMYK, damaged and truncated
files. Both bring libjpeg-turbo, so pixels are the same. Encoding stays with Pillow: simplejpeg 1.9 has no way to ask
for the accurate DCT below quality 96, and its files are up to 0.7 % larger at the same quality.
"""

from __future__ import annotations

from functools import cache
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from ..image_info import Array

_COLOUR_SPACES = {"RGB": "RGB", "L": "GRAY"}


def decode_jpeg(image: Image.Image, stream: IO[bytes]) -> Array | None:
    """Decode the file of an image that was opened and not loaded.

    Parameters
    ----------
    image
        What Pillow made of the header; its size is what may be decoded.
    stream
        The file; where it stands is kept.

    Returns
    -------
    numpy.ndarray or None
        (H, W) or (H, W, 3); None where Pillow has to decode it, or to say what is wrong with it.
    """
    space = _COLOUR_SPACES.get(image.mode)
    if space is None or not _has_simplejpeg():
        return None
    place = stream.tell()
    try:
        return _decode(stream, (image.height, image.width), space)
    except Exception:  # whatever it is, Pillow meets it too, or gets on with it
        return None
    finally:
        stream.seek(place)


@cache
def _has_simplejpeg() -> bool:
    from ...optional_deps import lacking

    return lacking("simplejpeg") is None


def _decode(stream: IO[bytes], size: tuple[int, int], space: str) -> Array | None:
    import numpy as np
    import simplejpeg

    stream.seek(0)
    data = stream.read()
    # Two parsers may see two sizes in a hostile file: the one that was checked has to be the one that is decoded.
    if simplejpeg.decode_jpeg_header(data)[:2] != size:
        return None
    out = np.empty((*size, 3 if space == "RGB" else 1), np.uint8)
    simplejpeg.decode_jpeg(data, space, buffer=out)
    return out if space == "RGB" else out[..., 0]
