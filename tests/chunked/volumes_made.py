"""Chunked arrays for the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

zarr = pytest.importorskip("zarr", reason='the extra is missing: pip install "poolcli[zarr]"')


def stored(folder: Path, x: np.ndarray, chunks: tuple[int, ...], version: int = 3, name: str = "x.zarr",
           **options: Any) -> str:
    """An array as a Zarr store of its own."""
    path = str(folder / name)
    array = zarr.create_array(store=path, shape=x.shape, chunks=chunks, dtype=x.dtype, zarr_format=version,
                              overwrite=True, **options)
    array[...] = x
    return path


def read(path: str | Path, key: str | None = None) -> np.ndarray:
    """All of an array, by the library itself."""
    node = zarr.open(str(path), mode="r")
    return np.asarray((node if key is None else node[key])[...])
