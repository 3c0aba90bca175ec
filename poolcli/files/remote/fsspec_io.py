"""What lies behind URLs, through fsspec: opened and written; ``object_listing.py`` lists it.

Credentials, endpoints and time limits are looked for where fsspec and the libraries below it look (environment,
~/.aws, ~/.config/fsspec), and nowhere else.
"""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import IO, Any

from ...errors import OutputError, PoolError
from ...redact import printable
from ..paths.urls import EXISTS, check_url, protocol

BLOCK = 8 << 20
"""Bytes that are fetched at once: a photograph is one request for its size and one for itself."""
_MOST_WORDS = 200


@lru_cache(maxsize=16)
def _system(name: str) -> Any:
    """The file system of a protocol, one for all threads; without a cache of listings, which would hold a record for
    each of a million objects."""
    import fsspec

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if name in ("http", "https"):
        import aiohttp

        options["client_kwargs"] = {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)}
    return fsspec.filesystem(name, **options)


def find_object(url: str) -> tuple[Any, str]:
    """A file system of fsspec, and the path in it."""
    check_url(url)
    system = _system(protocol(url) or "")
    return system, system._strip_protocol(url)


@contextmanager
def explained(done: str, target: str | None = None) -> Iterator[None]:
    """Turn whatever a network may raise into PoolError, with a reason in one line and no secret in it.

    With the name of a ``target`` that is written it is an OutputError, which holds that name.
    """
    try:
        yield
    except (PoolError, MemoryError):
        raise
    except Exception as error:
        reason = f"cannot be {done}: {_reason(error)}"
        raise (PoolError(reason) if target is None else OutputError(reason, target)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, OSError):
        return _reason(error.__cause__)  # that is how fsspec tells of a web server that does not answer
    known = {FileNotFoundError: "there is no such object or bucket", PermissionError: "access is denied"}
    text = " ".join(str(error).split())
    for kind, words in known.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, TimeoutError) or not text:
        text = f"{type(error).__name__}" + (f": {text}" if text else "")
    return printable(text)[:_MOST_WORDS]


# Reading and writing.


@contextmanager
def open_object(url: str) -> Iterator[IO[bytes]]:
    """Open an object; PoolError with one line where that fails or breaks off."""
    with explained("read"):
        system, path = find_object(url)
        with system.open(path, "rb", block_size=BLOCK, cache_type="readahead") as stream:
            yield stream


@contextmanager
def create_object(url: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Give an open binary file whose bytes become the object when the block ends well; else nothing is sent.

    The object appears when its upload is complete; parts of one that fails are given up. Without ``overwrite`` the
    store is asked to create it only where there is none. One of the same bytes is taken for our own: an answer may
    have been lost, or a worker with its report.
    """
    with explained("written", url), tempfile.NamedTemporaryFile(prefix="poolcli-") as temporary:
        yield temporary.file
        temporary.file.flush()
        system, path = find_object(url)
        kind = mimetypes.guess_type(path)[0]
        told = {"ContentType": kind} if kind is not None and is_s3(system) else {}
        try:
            system.put_file(temporary.name, path, mode="overwrite" if overwrite else "create", **told)
        except FileExistsError as error:
            if not _same(temporary.file, system, path):
                raise OutputError(EXISTS, url) from error


def _same(file: IO[bytes], system: Any, path: str) -> bool:
    if system.size(path) != file.seek(0, os.SEEK_END):
        return False
    file.seek(0)
    with system.open(path, "rb", block_size=BLOCK) as there:
        while part := file.read(BLOCK):
            if part != there.read(len(part)):
                return False
    return True


def is_s3(system: Any) -> bool:
    """Whether a file system can be asked for pages, conditions and types as S3 knows them."""
    return hasattr(system, "call_s3")
