"""What people write in Python for a folder of photographs: ``python -m benchmarks.loops KIND FOLDER OUT [QUALITY]``.

A process of its own for each, as for every rival, so that starting counts for all.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

Halve = Callable[[Image.Image], Image.Image]


def reduced(picture: Image.Image) -> Image.Image:
    """Pillow's own means of 2x2."""
    return picture.reduce(2)


def pooled(picture: Image.Image) -> Image.Image:
    """PyTorch's, rounded half up."""
    import numpy as np
    import torch

    planes = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
    means = torch.nn.functional.avg_pool2d(planes, 2).add_(0.5).clamp_(0, 255).to(torch.uint8)
    return Image.fromarray(means[0].permute(1, 2, 0).contiguous().numpy())


def one(halve: Halve, out: Path, options: dict[str, Any], path: Path) -> None:
    """One photograph."""
    with Image.open(path) as picture:
        halve(picture).save(out / path.name, **options)


def several(pool: str, work: Callable[[Path], None], paths: list[Path]) -> None:
    """Two at a time, on threads or in processes."""
    import concurrent.futures

    with getattr(concurrent.futures, f"{pool}PoolExecutor")(2) as workers:
        for _ in workers.map(work, paths):
            pass


def main(kind: str, folder: str, out: str, quality: str = "") -> None:
    """Halve every photograph of a folder."""
    options = {"quality": int(quality), "subsampling": 0 if int(quality) >= 90 else 2} if quality else {}
    work = partial(one, pooled if kind == "torch" else reduced, Path(out), options)
    paths = sorted(Path(folder).iterdir())
    if kind in ("Thread", "Process"):
        several(kind, work, paths)
    else:
        for path in paths:
            work(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
