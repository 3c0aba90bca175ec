"""How often averaging tools miss the exact mean of 8-bit blocks: python docs/compare_averages.py

Prints the README's table. The tools come with the extra ``bench``; one that is missing says so. The exact mean is
rational arithmetic, rounded half up; the picture is seeded noise of 600 x 600 blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SIZES = (2, 3, 4)
BLOCKS = 600


def poolcli(x: Array, k: int) -> Array:
    """poolcli.pool(x, "avg")"""
    import poolcli

    return poolcli.pool(x, "avg", size=k, dtype=np.uint8)


def pillow_reduce(x: Array, k: int) -> Array:
    """Pillow, Image.reduce"""
    from PIL import Image

    return np.asarray(Image.fromarray(x).reduce(k))


def pillow_box(x: Array, k: int) -> Array:
    """Pillow, resize with BOX"""
    from PIL import Image

    return np.asarray(Image.fromarray(x).resize((BLOCKS, BLOCKS), Image.Resampling.BOX))


def opencv_area(x: Array, k: int) -> Array:
    """OpenCV, INTER_AREA"""
    import cv2

    return np.asarray(cv2.resize(x, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA))


def skimage_block(x: Array, k: int) -> Array:
    """scikit-image, block_reduce, rounded"""
    from skimage.measure import block_reduce

    return np.asarray(np.floor(block_reduce(x, k, np.mean) + 0.5))


def torch_int64(x: Array, k: int) -> Array:
    """PyTorch, avg_pool2d of int64"""
    import torch

    return np.asarray(torch.nn.functional.avg_pool2d(torch.tensor(x[None].astype(np.int64)), k)[0])


TOOLS: tuple[Callable[[Array, int], Array], ...] = (
    poolcli, opencv_area, pillow_reduce, pillow_box, skimage_block, torch_int64)


def missed(tool: Callable[[Array, int], Array], k: int) -> str:
    """The share of blocks whose value is not the exact one, in per cent."""
    x = np.random.default_rng(0).integers(0, 256, (BLOCKS * k, BLOCKS * k), dtype=np.uint8)
    sums, n = x.astype(int).reshape(BLOCKS, k, BLOCKS, k).sum((1, 3)), k * k
    return f"{100 * np.mean(tool(x, k) != (2 * sums + n) // (2 * n)):.1f} %"


if __name__ == "__main__":
    for tool in TOOLS:
        try:
            print("|", tool.__doc__, "|", " | ".join(missed(tool, k) for k in SIZES), "|")
        except ImportError:
            print("|", tool.__doc__, "| not installed |")
