"""Chunked arrays by their names: a folder that is one array (or a group of them), not a folder of files.

Names and a look at the disk only; the library that reads them is imported in the room ``chunked``.
"""

from __future__ import annotations

import os

from ...errors import PoolError
from ...optional_deps import lacking
from .urls import is_url

ENDING = ".zarr"
STORE_MARKS = ("zarr.json", ".zarray", ".zgroup")
"""Files of which a Zarr array or group has one, by its version."""


def is_store_name(path: str | os.PathLike[str]) -> bool:
    """Whether a name says that it is a chunked array."""
    return strip_slashes(path).lower().endswith(ENDING)


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether a folder is a chunked array or a group, by its name or by what lies in it; a URL by its name alone."""
    if is_store_name(path):
        return os.path.isdir(path) or is_url(path)
    return os.path.isdir(path) and any(os.path.isfile(os.path.join(path, mark)) for mark in STORE_MARKS)


def strip_slashes(path: str | os.PathLike[str]) -> str:
    """The name without slashes at its end, which completion adds to a folder's."""
    return os.fspath(path).rstrip("/" if os.sep == "/" else "\\/")


def check_extra(name: str) -> None:
    """Raise PoolError where a chunked array cannot be read or written for want of the extra."""
    if (reason := lacking("zarr")) is not None:
        raise PoolError(f"{name} {reason}")
