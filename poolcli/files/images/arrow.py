"""The pixels of a Pillow image where they lie, by the Arrow C data interface: nothing is copied.

Pillow keeps a pixel of several bands in four bytes; of RGB the fourth means nothing. So RGB is a view of three of four
channels here, and :func:`widen` finds the four again for who can work on them at once. Copying the three takes 0.9 ms a
megapixel, ``numpy.asarray`` of an image up to 1.9; pooling them by averages of 2x2 takes 0.2.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image

    from ..image_info import Array

# Bytes of a pixel. Not LA, PA and LAB, whose bytes lie otherwise, nor 1, whose bytes are 0 and 255.
_PIXEL = {"L": 1, "P": 1, "RGB": 4, "RGBA": 4, "CMYK": 4}


class _ArrowArray(ctypes.Structure):
    """``struct ArrowArray`` of the Arrow C data interface, as far as its children."""


_ArrowArray._fields_ = [
    ("length", ctypes.c_int64),
    ("null_count", ctypes.c_int64),
    ("offset", ctypes.c_int64),
    ("n_buffers", ctypes.c_int64),
    ("n_children", ctypes.c_int64),
    ("buffers", ctypes.POINTER(ctypes.c_void_p)),
    ("children", ctypes.POINTER(ctypes.POINTER(_ArrowArray))),
]


class _Pixels:
    """Memory for ``numpy.asarray``, and what keeps it alive: the capsule, which holds Pillow's image until it is freed.

    Nothing is moved out of the capsule, so its own destructor calls Arrow's release, once, after the last view is gone.
    """

    def __init__(self, capsule: object, address: int, shape: tuple[int, ...]) -> None:
        self.capsule = capsule
        self.__array_interface__ = {"version": 3, "typestr": "|u1", "data": (address, True), "shape": shape}


def view_pixels(image: Image.Image) -> Array | None:
    """View the pixels of a loaded image, read-only: (H, W), or (H, W, C) with RGB as three of four channels.

    Parameters
    ----------
    image
        A loaded image that nobody changes any more; the view keeps its memory, not the image itself.

    Returns
    -------
    numpy.ndarray or None
        None where the memory is not as expected: another mode, several blocks, rows with gaps, no Arrow.

    Examples
    --------
    >>> from PIL import Image
    >>> pixels = view_pixels(Image.new("RGB", (3, 2), (1, 2, 3)))
    >>> pixels.shape, pixels[1, 2].tolist(), pixels.strides
    ((2, 3, 3), [1, 2, 3], (12, 4, 1))
    """
    size = _PIXEL.get(image.mode)
    if size is None or not _has_plain_rows():
        return None
    try:
        _, capsule = image.__arrow_c_array__()
    except (AttributeError, ValueError, MemoryError):  # no Arrow; several blocks
        return None
    address = _find_bytes(capsule, image.width * image.height, size)
    if not address:
        return None
    import numpy as np

    shape = (image.height, image.width) if size == 1 else (image.height, image.width, size)
    pixels: Array = np.asarray(_Pixels(capsule, address, shape))
    return pixels[..., :3] if image.mode == "RGB" else pixels


def _has_plain_rows() -> bool:
    """Whether rows follow each other without gaps; PILLOW_ALIGNMENT may ask for some, of which Arrow says nothing."""
    from PIL import Image

    core: Any = getattr(Image, "core", None)
    try:
        return int(core.get_alignment()) == 1
    except (AttributeError, TypeError, ValueError):
        return False


def _find_bytes(capsule: object, pixels: int, size: int) -> int:
    """The address of so many pixels in an Arrow capsule; 0 where it holds anything else."""
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    array = _ArrowArray.from_address(pointer(capsule, b"arrow_array"))
    # Several bands are a list of fixed size, whose one child has the bytes.
    data = array.children[0].contents if array.n_children == 1 else array
    expected = array.length == pixels and data.length == pixels * (size if array.n_children else 1)
    if not expected or array.n_children != (size > 1) or array.offset or data.offset or data.n_buffers != 2:
        return 0
    return data.buffers[1] or 0


def widen(array: Array) -> Array | None:
    """Find the four channels of which ``array`` (H, W, 3) views the first three; None where it views nothing such.

    Nothing outside the memory that the array owns or keeps alive is ever read.

    Examples
    --------
    >>> import numpy as np
    >>> four = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    >>> widen(four[..., :3]).shape, widen(four[:, :2, :3]), widen(four[..., 1:])
    ((2, 3, 4), None, None)
    """
    base: Any = array.base
    if array.ndim != 3 or array.shape[2] != 3 or base is None or getattr(base, "dtype", None) != array.dtype:
        return None
    height, width, _ = array.shape
    item = array.itemsize
    if array.strides != (4 * width * item, 4 * item, item) or not base.flags.c_contiguous:
        return None
    if base.size != 4 * height * width or base.ctypes.data != array.ctypes.data:
        return None
    wide: Array = base.reshape(height, width, 4)
    return wide


def pack(array: Array) -> Array:
    """Copy an array whose channels have a gap, channel by channel; give any other as it is.

    0.9 ms a megapixel, where ``numpy.ascontiguousarray`` takes 4.3 for runs of three bytes.
    """
    import numpy as np

    if widen(array) is None:
        return array
    packed = np.empty(array.shape, array.dtype)
    for channel in range(3):
        packed[..., channel] = array[..., channel]
    return packed
