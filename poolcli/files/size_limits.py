"""How much may be read of a file: pixels and samples by ``--max-pixels``, bytes by ``--memory``.

Called with what a header promises, before anything of that size is allocated.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..core.memory_budget import reserve
from ..errors import PoolError
from .image_info import MAX_PIXELS

_BYTES_PER_PIXEL = 8
"""What a picture takes while it is decoded: four bytes in Pillow, and as much for the array and for turning it."""


def check_pixels(size: tuple[int, int], max_pixels: int) -> None:
    """Raise PoolError for a picture of more than ``max_pixels``; ``size`` is its width and height."""
    if size[0] * size[1] > max_pixels:
        raise PoolError(f"{size[0]}x{size[1]} is more than {max_pixels:,} pixels; --max-pixels raises the limit")


def check_total(size: tuple[int, ...], count: int, max_pixels: int) -> None:
    """Raise PoolError where so many frames of a size are more than ``max_pixels`` together."""
    if size[0] * size[1] * count > max_pixels:
        raise PoolError(f"{count:,} frames of {size[0]}x{size[1]} are more than {max_pixels:,} pixels together; "
                        "--max-pixels raises the limit, --frames 1-9 takes some of them")


def claim_picture(size: tuple[int, int]) -> None:
    """Say that a picture of this width and height will be decoded; PoolError where memory is too small for it."""
    reserve(_BYTES_PER_PIXEL * size[0] * size[1], "a picture of", size)


def check_samples(shape: Sequence[int], max_pixels: int) -> None:
    """Raise PoolError for an array of more samples than a limit that was asked for; the default is for pictures."""
    if max_pixels != MAX_PIXELS and prod(shape) > max_pixels:
        raise PoolError(f"{prod(shape):,} samples are more than {max_pixels:,}; a larger --max-pixels would work")


def claim_array(shape: Sequence[int], itemsize: int, max_pixels: int) -> None:
    """Say that an array will be read into memory; PoolError where it is larger than a limit that was asked for."""
    check_samples(shape, max_pixels)
    reserve(prod(shape) * itemsize, "an array of shape", shape)
