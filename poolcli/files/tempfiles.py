"""Temporary files: whose they are, and which of them nobody will finish.

A process that is killed leaves its temporary file behind. Another one may be at work in the same folder this very
moment, so age and name say nothing: a writer holds a lock on its file (``flock``), and the system drops it with the
process, whatever it died of. A file is cleared when its name says that it is of this host, on which locks are seen
by all, and the lock is free. Where there are no such locks nothing is cleared.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache

from .paths.urls import AnyPath, Url

TEMPORARY = ".poolcli-"
_ENDING = ".tmp"


@cache
def _name_prefix() -> str:
    """How the names of this host's temporary files begin."""
    import platform

    return f"{TEMPORARY}{zlib.crc32(platform.node().encode()):08x}-"


def temporary(folder: str) -> tuple[int, str]:
    """Create a file that is held until its descriptor is closed; 38 bytes of name, however long the output's is."""
    while True:
        path = _name_new(folder)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            if _keep_locked(path, descriptor):
                return descriptor, path
        except BaseException:
            _undo(os.unlink, path)
            raise


def temporary_folder(folder: str) -> tuple[int, str]:
    """Create a folder that is held until its descriptor is closed; -1 where folders cannot be held."""
    while True:
        path = _name_new(folder)
        try:
            os.mkdir(path)
            if not hasattr(os, "O_DIRECTORY"):
                return -1, path
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            if _keep_locked(path, descriptor):
                return descriptor, path
        except BaseException:
            _undo(os.rmdir, path)
            raise


def _name_new(folder: str) -> str:
    """Name a file or a folder that is not there: no two of 64 random bits are alike."""
    return os.path.join(folder, f"{_name_prefix()}{os.urandom(8).hex()}{_ENDING}")


def _undo(undo: Callable[[str], None], path: str) -> None:
    """Undo what was just made where a call fails, memory lacks or Ctrl-C comes, before anybody else knows of it.

    Ctrl-C can come between a call and the next line, so the call that makes it is within the block that undoes it. No
    context manager: its making takes memory, between the making of the file and the block.
    """
    with suppress(OSError):
        undo(path)


def _keep_locked(path: str, descriptor: int) -> bool:
    """Hold what was just made; close it, and be False, where another run has cleared it meanwhile or is about to.

    Until it is held it looks like one that nobody will finish.
    """
    kept = False
    try:
        with suppress(BlockingIOError):
            kept = not _lock_file(descriptor) or _leads_to(path, descriptor)
    finally:
        if not kept:
            os.close(descriptor)
    return kept


def _lock_file(descriptor: int) -> bool:
    """Lock a file; False where there are no locks, BlockingIOError where another holds it."""
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except (ImportError, OSError):
        return False
    return True


def sweep(folder: AnyPath) -> None:
    """Remove this host's temporary files and folders in a folder that nobody holds; what cannot be told stays."""
    if isinstance(folder, Url):  # nothing of ours is there before it is whole
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_name_prefix()) and entry.name.endswith(_ENDING):
                _clear(entry.path)


def _clear(path: str) -> None:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            mode = os.fstat(descriptor).st_mode
            known = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
            if known and _lock_file(descriptor) and _leads_to(path, descriptor):
                remove(path)
        finally:
            os.close(descriptor)


def remove(path: str) -> None:
    """Remove a file or a folder with all that is in it; links are never followed."""
    if not os.path.isdir(path) or os.path.islink(path):
        os.unlink(path)
        return
    import shutil

    shutil.rmtree(path)


def _leads_to(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False
