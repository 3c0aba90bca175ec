"""PGM and PPM of more or fewer than 256 levels, which Pillow rescales or cuts to 8 bits, one pixel at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...errors import PoolError
from .pixels import Picture, decode_plain, gather

if TYPE_CHECKING:
    from PIL import ImageFile

    from ..image_info import Array
    from .pillow_open import Opener


def read_ppm(file: Opener) -> Picture:
    """Read a PBM, PGM, PPM or PFM: 8 bits up to maxval 255, else 16; other maxvals than 255 and 65535 are stretched."""
    image = file.open()
    codec, _, offset, args = image.tile[0]
    maxval = _find_maxval(codec, args)
    if maxval in (None, 255):
        return decode_plain(image)
    if codec == "ppm_plain":
        return _plain_text(image, maxval)
    return _scale_to_white(_read_levels(file, image, offset, maxval), maxval, image.mode)


def _find_maxval(codec: str, args: Any) -> Any:
    if codec == "raw":
        return 65_535 if args == "I;16B" else None
    return args[-1] if codec in ("ppm", "ppm_plain") and isinstance(args, tuple) else None


def _read_levels(file: Opener, image: ImageFile.ImageFile, offset: int, maxval: int) -> Array:
    import numpy as np

    width, height = image.size
    shape = (height, width, 3)[: 3 if image.mode == "RGB" else 2]
    dtype = np.dtype(">u2" if maxval > 255 else "u1")
    size = int(np.prod(shape, dtype=object)) * dtype.itemsize
    file.stream.seek(offset)
    data = file.stream.read(size)
    if len(data) < size and not file.allow_truncated:
        raise PoolError(f"truncated PPM image: {len(data):,} of {size:,} bytes of pixels are there")
    return np.frombuffer(data.ljust(size, b"\0"), dtype).reshape(shape)


def _scale_to_white(levels: Array, maxval: int, mode: str) -> Picture:
    """Make ``maxval`` the white of 8 or 16 bits, rounding half up."""
    import numpy as np

    white, dtype, grey = (255, "uint8", "L") if maxval < 256 else (65_535, "uint16", "I;16")
    kind = "RGB" if mode == "RGB" else grey
    if maxval == white:
        return Picture(levels.astype(dtype), kind)
    clipped = np.minimum(levels, maxval).astype("uint64")
    array = ((clipped * (2 * white) + maxval) // (2 * maxval)).astype(dtype)
    return Picture(array, kind, notes=(_stretch_note(maxval, white),))


def _stretch_note(maxval: int, white: int) -> str:
    return f"levels 0 to {maxval} stretched to 0 to {white}"


def _plain_text(image: ImageFile.ImageFile, maxval: int) -> Picture:
    """Numbers as text: Pillow stretches them itself, in 8 bits unless they are grey."""
    if maxval > 255 and image.mode == "RGB":
        raise PoolError("plain-text PPM of 16 bits, of which Pillow keeps 8; binary PPM (P6) would work")
    image.load()
    white = 255 if maxval < 256 else 65_535
    notes = () if maxval == white else (_stretch_note(maxval, white),)
    array = gather(image)
    if image.mode == "I":
        return Picture(array.astype("uint16"), "I;16", notes=notes)
    return Picture(array, image.mode, notes=notes)
