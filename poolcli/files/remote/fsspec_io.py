"""What lies behind URLs, through fsspec: opened and written; ``object_listing.py`` lists it.

Credentials, endpoints and time limits are looked for where fsspec and the libraries below it look (environment,
~/.aws, ~/.config/fsspec), and nowhere else.
"""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import IO, Any

from ...errors import OutputError, PoolError
from ...redact import printable
from ..paths.urls import EXISTS, check_url, find_protocol

_BLOCK = 8 << 20
"""Bytes that are fetched at once: a photograph is one request for its size and one for itself."""
_PART = 50 << 20
"""Bytes of a part of an upload in parts: 10,000 of them make 500 GB."""
_RETRIES = 5
"""How often a web server is asked, as often as s3fs asks a store."""
_FIRST_PAUSE = 0.1
"""Seconds before the second time; twice as long before each that follows."""
_PASSING = (429, 500, 502, 503, 504)
"""Answers of web servers that may be others in a moment."""
_MOST_WORDS = 200


@lru_cache(maxsize=16)
def _make_file_system(name: str) -> Any:
    """The file system of a protocol, one for all threads; without a cache of listings, which would hold a record for
    each of a million objects."""
    import fsspec

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if name in ("http", "https"):
        import aiohttp

        options["client_kwargs"] = {"timeout": aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30),
                                    "middlewares": (_ask_again,)}
    return fsspec.filesystem(name, **options)


async def _ask_again(request: Any, handler: Any) -> Any:
    """Repeat a request to the web that was reset or that met a busy server; s3fs and botocore do that for a store."""
    import asyncio

    import aiohttp

    for attempt in range(_RETRIES - 1):
        try:
            answer = await handler(request)
        except aiohttp.ClientConnectorError:
            raise  # nobody is there, and will not be
        except (TimeoutError, aiohttp.ClientConnectionError):
            pass
        else:
            if answer.status not in _PASSING:
                return answer
            answer.release()
        await asyncio.sleep(_FIRST_PAUSE * 2**attempt)
    return await handler(request)


def find_object(url: str) -> tuple[Any, str]:
    """A file system of fsspec, and the path in it."""
    check_url(url)
    system = _make_file_system(find_protocol(url) or "")
    return system, system._strip_protocol(url)


@contextmanager
def explain_remote_errors(done: str, target: str | None = None) -> Iterator[None]:
    """Turn whatever a network may raise into PoolError, with a reason in one line and no secret in it.

    With the name of a ``target`` that is written it is an OutputError, which holds that name.
    """
    try:
        yield
    except (PoolError, MemoryError):
        raise
    except Exception as error:
        reason = f"cannot be {done}: {_describe_reason(error)}"
        raise (PoolError(reason) if target is None else OutputError(reason, target)) from error


def _describe_reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, OSError):
        return _describe_reason(error.__cause__)  # that is how fsspec tells of a web server that does not answer
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
    with explain_remote_errors("read"):
        system, path = find_object(url)
        with system.open(path, "rb", block_size=_BLOCK, cache_type="readahead") as stream:
            yield stream


@contextmanager
def create_object(url: str, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Give an open binary file whose bytes become the object when the block ends well; else nothing is sent.

    The object appears when its upload is complete; parts of one that fails are given up. Without ``overwrite`` the
    store is asked to create it only where there is none. One of the same bytes is taken for our own: an answer may
    have been lost, or a worker with its report.
    """
    with explain_remote_errors("written", url), tempfile.NamedTemporaryFile(prefix="poolcli-") as temporary:
        yield temporary.file
        temporary.file.flush()
        system, path = find_object(url)
        kind = mimetypes.guess_type(path)[0]
        told = {"ContentType": kind} if kind is not None and is_s3(system) else {}
        try:
            if is_s3(system) and temporary.file.tell() > 2 * _PART:
                _upload_in_parts(temporary.file, system, path, "wb" if overwrite else "xb", told)
            else:
                system.put_file(temporary.name, path, mode="overwrite" if overwrite else "create", **told)
        except FileExistsError as error:
            if not _has_same_bytes(temporary.file, system, path):
                raise OutputError(EXISTS, url) from error


def _upload_in_parts(file: IO[bytes], system: Any, path: str, mode: str, told: dict[str, str]) -> None:
    """Upload to S3 part by part; what is cut short, by a signal too, is aborted: its parts would be paid for for ever.

    s3fs's own ``put_file`` aborts after errors, but goes on in its thread when a signal ends the one that waits for it.
    """
    file.seek(0)
    upload = system.open(path, mode, block_size=_PART, **told)
    try:
        while part := file.read(_PART):
            upload.write(part)
        upload.close()
    except BaseException:
        upload.discard()
        upload.closed = True  # or its end would try to complete it
        raise


@contextmanager
def create_folder(url: str, *, overwrite: bool) -> Iterator[str]:
    """Give the name of a new folder of this machine whose files become objects below ``url`` when the block ends well.

    What the folder itself is said to be by (its metadata, which lie in it and in no folder of it) comes last: so a
    reader finds nothing before all chunks are there. An upload that fails, or is cut short, takes back what it sent.
    """
    with explain_remote_errors("written", url), tempfile.TemporaryDirectory(prefix="poolcli-") as folder:
        system, path = find_object(url)
        there = system.exists(path)
        if there and not overwrite:
            raise OutputError(EXISTS, url)
        yield folder
        if there:
            system.rm(path, recursive=True)
        elif system.exists(path):
            raise OutputError(EXISTS, url)
        files = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
        chunks = [name for name in files if os.path.dirname(name) != folder]
        last = [name for name in files if os.path.dirname(name) == folder]
        try:
            for names in (chunks, last):
                targets = [f"{path}/{os.path.relpath(name, folder).replace(os.sep, '/')}" for name in names]
                if names:
                    system.put(names, targets)
        except BaseException:
            with suppress(Exception):
                system.rm(path, recursive=True)
            raise


def _has_same_bytes(file: IO[bytes], system: Any, path: str) -> bool:
    if system.size(path) != file.seek(0, os.SEEK_END):
        return False
    file.seek(0)
    with system.open(path, "rb", block_size=_BLOCK) as there:
        while part := file.read(_BLOCK):
            if part != there.read(len(part)):
                return False
    return True


def is_s3(system: Any) -> bool:
    """Whether a file system can be asked for pages, conditions and types as S3 knows them."""
    return hasattr(system, "call_s3")
