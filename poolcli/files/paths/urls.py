"""Names that are URLs, by their form alone. What is behind them is for ``remote/fsspec_io.py``, which knows fsspec."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from ... import optional_deps
from ...errors import PoolError
from ...redact import printable

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two letters at least: C:/ is a drive
_RECENT = 256
"""Names of which it is known whether they are URLs: each is asked about twenty times on its way."""
WEB = ("http", "https")
EXISTS = "exists; --overwrite or --skip-existing would work"
"""What is said of an output, wherever it is."""
_NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"s3": ("fsspec", "s3fs"), "http": ("fsspec", "aiohttp"), "https": ("fsspec", "aiohttp")}
)
"""Libraries by protocol; of others fsspec says what they need."""


class Url(str):
    """A URL where a path is expected; a Path would make one slash of two."""

    def __fspath__(self) -> str:
        return str(self)

    @property
    def parent(self) -> Url:
        """What it lies in."""
        return Url(self.rpartition("/")[0])


AnyPath = Path | Url


def find_protocol(name: str | os.PathLike[str]) -> str | None:
    """The protocol of a URL in small letters; None for a path."""
    return _find_protocol(os.fspath(name))


@lru_cache(_RECENT)
def _find_protocol(name: str) -> str | None:
    found = _URL.match(name)
    return found[1].lower() if found else None


def is_url(name: str | os.PathLike[str]) -> bool:
    """Whether a name is a URL."""
    return find_protocol(name) is not None


def parse_path(name: str) -> AnyPath:
    """A name as a URL or a path."""
    return Url(name) if is_url(name) else Path(name)


def path_from_file_url(name: str) -> str:
    """A ``file://`` URL as the path that it stands for; every other name as it is. PoolError where it names a host."""
    if find_protocol(name) != "file":
        return name
    host, slash, path = name[len("file://") :].partition("/")
    if host not in ("", "localhost"):
        raise PoolError(f"{printable(name)} names a machine; file:///folder/name.png, with three slashes, would work")
    return unquote(slash + path)


def strip_query(name: str) -> str:
    """The part of a URL that is a name: of one on the web not the query, which may hold a signature."""
    return re.split(r"[?#]", name, maxsplit=1)[0] if find_protocol(name) in WEB else name


def check_url(name: str) -> None:
    """Raise PoolError where a URL cannot be followed for want of the extra."""
    found = find_protocol(name)
    lacking = None if found is None else optional_deps.lacking(*_NEEDS.get(found, ("fsspec",)))
    if lacking is not None:
        raise PoolError(f"{printable(name)} {lacking}")


def check_output(name: str) -> None:
    """The same for what is to be written; the web takes no files."""
    if find_protocol(name) in WEB:
        raise PoolError(f"{printable(name)} is on the web, which takes no files; a folder, or s3://bucket/, would work")
    check_url(name)
