"""From an opened Pillow image to an array, with nothing changed on the way that is not said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...errors import PoolError
from ..image_info import Palette
from .arrow import view_pixels, widen

if TYPE_CHECKING:
    from PIL import Image, ImageFile

    from ...core.place import Georeference
    from ..image_info import Array
    from ..tiff.tiff_storage import TiffStorage
    from .pillow_open import Opener

_BAND = 1 << 20
_DTYPES = {"1": "bool", "I;16": "uint16", "I;16L": "uint16", "I;16B": "uint16", "I": "int32", "F": "float32"}
_AS_IS = {"1", "L", "LA", "RGB", "RGBA", "CMYK", "LAB", "I;16", "I", "F", "PA", "P"}
# Premultiplied alpha is divided out; the mean of a hue is wrong, and of a chroma in one more rounding.
_CONVERTED = {
    "La": "LA",
    "RGBa": "RGBA",
    "RGBX": "RGB",
    "YCbCr": "RGB",
    "HSV": "RGB",
    "I;16B": "I;16",
    "I;16L": "I;16",
}
# Grey PNG samples of 2 and 4 bits are stretched to 0..255 by Pillow 13, and their transparent value is not.
_STRETCHED = {"L;2": 85, "L;4": 17}


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded picture: the array (H, W) or (H, W, C), its mode, its palette when indices were wanted."""

    array: Array
    mode: str | None
    palette: Palette | None = None
    icc_profile: bytes | None = None
    notes: tuple[str, ...] = ()
    frames: int | None = None
    """How many the file has, where Pillow cannot count them."""
    nodata: int | float | None = None
    """The value of samples that are missing."""
    georeference: Georeference | None = None
    """Where it lies, as its format has it."""
    storage: TiffStorage | None = None
    """How a TIFF stores it."""


def decode_plain(image: ImageFile.ImageFile, indexed: bool = False, shared: bool = False) -> Picture:
    """Decode ``image`` as Pillow understands it, palettes and transparent colours expanded unless ``indexed``.

    With ``shared`` the array may be the image's own memory, which must not be changed from then on.
    """
    raw = find_rawmode(image)
    image.load()
    icc = image.info.get("icc_profile")
    if image.mode in ("P", "PA"):
        return _expand_palette(image, indexed, icc)
    mode = _CONVERTED.get(image.mode, image.mode)
    if mode not in _AS_IS:
        raise PoolError(f"pixels of mode {image.mode} are not supported; save it as PNG or TIFF")
    decoded = image if image.mode in _DTYPES or mode == image.mode else image.convert(mode)
    viewed = view_pixels(decoded) if shared else None
    array = gather(decoded) if viewed is None else viewed
    return _add_key_alpha(Picture(array, mode, None, icc), image.info.get("transparency"), _STRETCHED.get(raw, 1))


def find_rawmode(image: ImageFile.ImageFile) -> str:
    """Return how the pixels lie in the file, by Pillow's name; it says what the mode hides."""
    args = image.tile[0].args if image.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def gather(image: Image.Image) -> Array:
    """Copy the pixels out in bands of about 1 MiB.

    ``np.asarray`` joins 64 KB pieces twice: 260 ms for 4096 x 4096 RGB, where the bands take 15 ms (150 ms when the
    memory is new) and need no second copy.
    """
    import numpy as np

    width, height = image.size
    bands = len(image.getbands())
    out = np.empty((height, width, bands)[: 3 if bands > 1 else 2], _DTYPES.get(image.mode, "uint8"))
    rows = max(1, _BAND // (width * bands))
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(height, top + rows)))
        # As an array a bilevel image is booleans made of the bytes 0 and 255, and sums of those go wrong.
        data = np.asarray(band.convert("L")) != 0 if image.mode == "1" else np.asarray(band)
        out[top : top + rows] = data
    return out


# EXIF tag 274: how the stored rows and columns have to be turned to stand upright.
_TURNS: dict[int, Callable[[Array], Array]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def turn_upright(array: Array, orientation: object) -> Array:
    """Return ``array`` upright and C-contiguous; the array itself when ``orientation`` is 1 or nothing known.

    A view of three of four bytes stays one: pixels are moved as whole numbers of 32 bits then.
    """
    import numpy as np

    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    if turn is None:
        return array
    if array.itemsize == 1 and (wide := widen(array)) is not None:
        whole = np.ascontiguousarray(turn(wide.view(np.uint32)[..., 0]))
        return whole.view(array.dtype).reshape(*whole.shape, 4)[..., :3]
    return np.ascontiguousarray(turn(array))


def combine_alpha(file: Opener, swapped: str) -> Array:
    """Return the 16-bit channels of which Pillow keeps 8: (H, W, C) uint16.

    The file is decoded twice, once as Pillow opens it (the high bytes) and once in the other byte order (the low
    bytes). Both raw modes take the same bits per pixel, so the PNG filters are undone alike.
    """
    high, low = file.open(), file.open()
    low.tile = [tile._replace(args=with_rawmode(tile.args, swapped)) for tile in low.tile]
    high.load()
    low.load()
    return (gather(high).astype("uint16") << 8) | gather(low)


def with_rawmode(args: Any, mode: str) -> Any:
    """Return the arguments of a Pillow tile with another raw mode."""
    return (mode, *args[1:]) if isinstance(args, tuple) else mode


def _expand_palette(image: ImageFile.ImageFile, indexed: bool, icc: bytes | None) -> Picture:
    """The colours of a picture with a palette, or its indices with the palette where these are asked for."""
    transparent = image.has_transparency_data
    if not indexed:
        mode = "RGBA" if transparent else "RGB"
        return Picture(gather(image.convert(mode)), mode, None, icc)
    palette = _read_palette(image, transparent and image.mode == "P")
    mode = "P+A" if palette.alpha else image.mode
    return Picture(gather(image), mode, palette, icc)


def _read_palette(image: ImageFile.ImageFile, transparent: bool) -> Palette:
    """The palette's colours, with their alpha where it is transparent."""
    flat = bytes(_rgba_palette(image))
    colours = bytes(value for i, value in enumerate(flat) if i % 4 != 3)
    return Palette(colours, flat[3::4] if transparent else None)


def _rgba_palette(image: ImageFile.ImageFile) -> list[int]:
    """Red, green, blue and alpha of each entry in turn; PoolError where there is no palette."""
    image.apply_transparency()  # folds tRNS, one index or a table, into the palette
    palette = image.getpalette("RGBA")
    if palette is None:
        raise PoolError("the picture has indices and no palette; save it again from the original")
    return palette


def _add_key_alpha(picture: Picture, transparent: Any, stretch: int) -> Picture:
    """Give an alpha channel to a picture in which one colour is transparent (PNG tRNS, GIF)."""
    import numpy as np

    if transparent is None or picture.mode not in ("1", "L", "RGB", "I;16"):
        return picture
    if picture.mode == "I;16":
        return replace(picture, notes=("its one transparent grey is kept as grey: no format holds 16-bit alpha",))
    grey = picture.array.astype("uint8") * (255 if picture.mode == "1" else 1)
    colour = np.multiply(transparent, stretch)
    same = grey == colour if grey.ndim == 2 else (grey == colour).all(-1)
    alpha = np.where(same, 0, 255).astype("uint8")
    return Picture(np.dstack((grey, alpha)), f"{picture.mode.replace('1', 'L')}A", None, picture.icc_profile)
