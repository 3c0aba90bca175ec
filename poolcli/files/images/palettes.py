"""Indexed pictures: indices to colours, and few colours to indices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import PoolError
from ..image_info import Palette

if TYPE_CHECKING:
    from ..image_info import Array


class TooManyColours(PoolError):
    """More colours than GIF has room for."""


def expand_palette(array: Array, palette: Palette) -> Array:
    """Look up the colours of indices: (H, W) to (H, W, 3), or to (H, W, 4) with alpha; (H, W, 2) brings its alpha."""
    import numpy as np

    table = np.zeros((256, 4), "uint8")
    colours = np.frombuffer(palette.colours, "uint8").reshape(-1, 3)
    table[:, 3] = 255
    table[: len(colours), :3] = colours
    if array.ndim == 3:
        return np.dstack((table[:, :3][array[..., 0]], array[..., 1]))
    if palette.alpha is None:
        return table[:, :3][array]
    table[: len(palette.alpha), 3] = np.frombuffer(palette.alpha, "uint8")
    return table[array]


def find_few_colours(array: Array) -> tuple[Array, Palette]:
    """Index (H, W, C) grey with alpha, RGB or RGBA by its own colours; PoolError above the 256 that GIF holds."""
    import numpy as np

    alpha = array[..., 3:] if array.shape[2] == 4 else array[..., 1:2] if array.shape[2] == 2 else None
    colour = np.broadcast_to(array[..., :1], (*array.shape[:2], 3)) if array.shape[2] == 2 else array[..., :3]
    full = np.full((*array.shape[:2], 1), 255, "uint8") if alpha is None else alpha
    packed = np.ascontiguousarray(np.concatenate((colour, full), axis=2)).view("<u4")[..., 0]
    values, indices = np.unique(packed, return_inverse=True)
    if len(values) > 256:
        raise TooManyColours(f"GIF holds 256 colours and the result has {len(values):,}; .png can hold it")
    # Downwards, because a palette that begins (0,0,0), (1,1,1) ... is read back as grey.
    table = values[::-1].astype("<u4").view("uint8").reshape(-1, 4)
    opaque = bool((table[:, 3] == 255).all())
    palette = Palette(table[:, :3].tobytes(), None if opaque else table[:, 3].tobytes())
    return (len(values) - 1 - indices).astype("uint8").reshape(array.shape[:2]), palette


def quantise(array: Array) -> tuple[Array, str, Palette]:
    """Index (H, W, 3) RGB or (H, W, 4) RGBA by at most 256 colours that are near its own, one of them transparent."""
    import numpy as np
    from PIL import Image

    gone = array[..., 3] < 128 if array.shape[2] == 4 else None
    colours = 256 if gone is None else 255
    image = Image.fromarray(np.ascontiguousarray(array[..., :3])).quantize(colours, Image.Quantize.MEDIANCUT)
    indices = np.array(image)
    table = bytes(image.getpalette() or ()).ljust(3 * colours, b"\0")[: 3 * colours]
    if gone is None:
        return indices, "P", Palette(table)
    indices[gone] = 255
    return indices, "P+A", Palette(table + bytes(3), bytes([255] * 255 + [0]))


def with_palette(array: Array) -> tuple[Array, str, Palette, tuple[str, ...]]:
    """Index (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA; by its own colours where 256 are enough, else with a note."""
    import numpy as np

    colour = np.repeat(array[..., None], 3, axis=2) if array.ndim == 2 else array
    try:
        indices, palette = find_few_colours(colour)
    except TooManyColours:
        return *quantise(colour), ("lossy: a palette of 256 colours, where the result has more",)
    return indices, "P+A" if palette.alpha else "P", palette, ()


def gif_transparency(palette: Palette) -> int:
    """Return the one transparent index that GIF can mark; PoolError when the palette has other alpha than that."""
    alpha = palette.alpha or b""
    if set(alpha) - {0, 255} or alpha.count(0) != 1:
        raise PoolError("GIF holds one fully transparent colour and no half transparent ones; .png can hold it")
    return alpha.index(0)
