"""One process at a time makes the same machine code: of many workers that begin together on a machine one compiles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .trust import make_folder


@contextmanager
def turn(path: Path | None) -> Iterator[None]:
    """Wait till no other process makes the code of this name, and let none begin meanwhile.

    A lock on a file beside it holds that; the system drops it with the process. Without locks, or a folder to write
    in, nobody waits.
    """
    beside = None if path is None else path.with_suffix(".lock")
    descriptor = None if beside is None else _locked(beside)
    try:
        yield
    finally:
        if beside is not None and descriptor is not None:
            with suppress(OSError):
                beside.unlink()
            os.close(descriptor)


def _locked(path: Path) -> int | None:
    """The file, when it is our turn; None where there is nothing to wait for."""
    try:
        import fcntl

        make_folder(path.parent)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return descriptor
            except FileNotFoundError:  # whose turn it was has removed it: what we hold is no lock to others
                os.close(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
            else:
                os.close(descriptor)
    except (ImportError, OSError):
        return None
