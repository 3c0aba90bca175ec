"""Writing so that a file appears whole or not at all.

Peers lose originals when they do not: an interrupted in-place run left 0 bytes (oxipng#873), a temporary name lost the
mode or replaced a link (jpegoptim#5). So: a temporary file in the same folder, flush, fsync, rename.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import IO, TYPE_CHECKING

from ..errors import OutputError, PoolError
from .paths.urls import EXISTS, is_url
from .tempfiles import remove, temporary, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STANDARD_OUTPUT = "standard output"
"""What messages call it."""
_RENAMES_OPEN = os.name == "posix"
# What file systems without hard links answer (FAT, some network mounts).
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}


_guard: ContextVar[Callable[[], None] | None] = ContextVar("guard", default=None)


@contextmanager
def guarding_outputs(check: Callable[[], None]) -> Iterator[None]:
    """Call ``check`` before an output that is written in the block gets its name; what it raises leaves no trace."""
    token = _guard.set(check)
    try:
        yield
    finally:
        _guard.reset(token)


def _check_guard() -> None:
    if (check := _guard.get()) is not None:
        check()


@contextmanager
def atomic(path: str | os.PathLike[str], *, overwrite: bool = False, again: bool = False) -> Iterator[IO[bytes]]:
    """Give an open binary file that becomes ``path`` when the block ends well, and leaves no trace when it does not.

    Links are followed, so that the file they lead to is replaced and not the link; missing folders are created; an
    old file keeps its permission bits. A pipe, FIFO or device is written straight. Without ``overwrite`` a file that is
    there is never replaced; with ``again`` it is no error either where it has the very bytes that were written. Every
    OSError becomes PoolError with that error as its cause, but for BrokenPipeError: a reader that has gone is no
    failure of ours.
    """
    if is_url(path):
        from .remote.fsspec_io import create_object

        with create_object(os.fspath(path), overwrite=overwrite) as stream:
            yield stream
            _check_guard()
        return
    with explain_errors(target=os.fspath(path)):
        old = _read_status(path)
        if (old is not None and not stat.S_ISREG(old.st_mode)) or _is_descriptor(path):
            opening = _write_through(path, old)
        else:
            opening = _replace(os.path.realpath(path), old, overwrite, again)
        with opening as stream:
            yield stream
            _check_guard()


@contextmanager
def explain_errors(done: str = "written", target: str | None = None) -> Iterator[None]:
    """Turn OSError into PoolError with its errno text and itself as the cause; BrokenPipeError passes.

    With the name of a ``target`` that is written it is an OutputError, which holds that name.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        reason = f"cannot be {done}: {error.strerror or error}"
        raise (PoolError(reason) if target is None else OutputError(reason, target)) from error
    except OutputError as error:
        error.target = error.target or target
        raise


def _read_status(path: str | os.PathLike[str]) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_descriptor(path: str | os.PathLike[str]) -> bool:
    """True for /dev/stdout and /dev/fd/N: what is behind them is open already, and renaming would miss it."""
    seen = os.fspath(path)
    for _ in range(40):  # as many links as Linux follows
        folder, name = os.path.split(os.path.abspath(seen))
        folder = os.path.realpath(folder)
        if folder.startswith("/proc/") or folder == "/dev/fd":
            return True
        try:
            seen = os.path.join(folder, os.readlink(os.path.join(folder, name)))
        except OSError:
            return False
    return False


@contextmanager
def _write_through(path: str | os.PathLike[str], old: os.stat_result | None) -> Iterator[IO[bytes]]:
    if old is not None and stat.S_ISDIR(old.st_mode):
        raise OutputError("is a folder; a file name, or the folder with a slash at its end, would work")
    with open(path, "wb") as stream:
        yield stream


@contextmanager
def _replace(path: str, old: os.stat_result | None, overwrite: bool, again: bool) -> Iterator[IO[bytes]]:
    if old is not None and not overwrite and not again:
        raise OutputError(EXISTS)
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    descriptor, name = temporary(folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            _copy_permissions(old, descriptor)
            os.fsync(descriptor)
            if _RENAMES_OPEN:  # the lock holds till then
                _publish(name, path, overwrite, again)
        if not _RENAMES_OPEN:
            _publish(name, path, overwrite, again)
    except BaseException:  # Ctrl-C too
        with suppress(OSError):
            os.unlink(name)
        raise


def _copy_permissions(old: os.stat_result | None, descriptor: int) -> None:
    """Give the new file the owner (where that is allowed) and the permissions of the old one.

    Without an old one it has 0666 less the umask, from os.open; tempfile.mkstemp would have made it 0600.
    """
    if old is None or not hasattr(os, "fchmod"):
        return
    with suppress(PermissionError):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, old.st_mode & 0o777)


def _publish(temporary: str, path: str, overwrite: bool, again: bool) -> None:
    """Give the finished file its name. Without ``overwrite`` a file that came meanwhile must not be lost: a hard link
    is the one way to create a name only if it is free, and costs no more than the rename."""
    if overwrite:
        os.replace(temporary, path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        _check_same_bytes(temporary, path, again)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if not os.path.lexists(path):
            os.replace(temporary, path)
            return
        _check_same_bytes(temporary, path, again)
    os.unlink(temporary)


def _check_same_bytes(temporary: str, path: str, again: bool) -> None:
    """Refuse a file that is there already, unless it may be, and is, what was to be written."""
    from filecmp import cmp

    if not (again and cmp(temporary, path, shallow=False)):
        raise OutputError(EXISTS)


# Folders: a chunked array is one.


@contextmanager
def atomic_folder(path: str | os.PathLike[str], *, overwrite: bool = False) -> Iterator[str]:
    """Give the name of a new folder that becomes ``path`` when the block ends well, and is removed when it does not.

    An old one is put aside, replaced and removed: for the moment between two renames there is none. Chunks are not
    forced to the disk one by one; after a loss of power the folder may be there with chunks that are cut short. Every
    OSError becomes PoolError with that error as its cause. Of a URL it is a folder here, which is uploaded when it is
    whole.
    """
    if is_url(path):
        from .remote.fsspec_io import create_folder

        with create_folder(os.fspath(path), overwrite=overwrite) as name:
            yield name
        return
    with explain_errors(target=os.fspath(path)):
        final = os.path.realpath(path)
        _check_free(final, overwrite)
        os.makedirs(os.path.dirname(final), exist_ok=True)
        descriptor, name = temporary_folder(os.path.dirname(final))
        try:
            yield name
            _check_free(final, overwrite)
            _put_in_place(name, final)
        except BaseException:
            with suppress(OSError):
                remove(name)
            raise
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def _check_free(path: str, overwrite: bool) -> None:
    if os.path.lexists(path) and not overwrite:
        raise OutputError(EXISTS)


def _put_in_place(name: str, path: str) -> None:
    if not os.path.lexists(path):
        os.rename(name, path)
        return
    descriptor, aside = temporary_folder(os.path.dirname(path))
    try:
        old = os.path.join(aside, "old")
        os.rename(path, old)
        os.rename(name, path)
    except BaseException:  # Ctrl-C too, which may come behind either
        if not os.path.lexists(path):
            os.rename(old, path)
        raise
    finally:
        if os.path.lexists(path):  # else the old one is still there
            _remove_whole(aside)
        if descriptor >= 0:
            os.close(descriptor)


def _remove_whole(path: str) -> None:
    """Remove a folder, and what is left of it where Ctrl-C comes meanwhile."""
    try:
        with suppress(OSError):
            remove(path)
    except BaseException:
        with suppress(OSError):
            remove(path)
        raise
