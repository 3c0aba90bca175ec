"""Finding the inputs in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path

from ..errors import PoolError
from .atomic import TEMPORARY
from .formats import ENDINGS
from .targets import identity

Note = Callable[[Path, str], None]
Failed = Callable[[Path, PoolError], None]


def scan(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = False,
    skip: Collection[str | os.PathLike[str]] = (),
    reducers: Collection[str] = (),
    note: Note | None = None,
    failed: Failed | None = None,
) -> Iterator[Path]:
    """Yield the files of a folder whose endings are known: one folder at a time, its names sorted, then those below.

    Links are not followed; they, FIFOs, sockets and devices are passed over and told to ``note``. Folders in ``skip``
    (the output's) are not entered. With ``reducers`` a file x_max.png beside its x.png is an output of ours, and no
    input. A folder that cannot be read is told to ``failed``, or raises its PoolError.
    """
    skipped = {identity(path) for path in skip} - {None}
    waiting = [os.fspath(folder)]
    while waiting:  # no recursion: a tree may be deeper than Python's stack
        current = waiting.pop()
        try:
            entries = _entries(current)
        except PoolError as error:
            if failed is None:
                raise
            failed(Path(current), error)
            continue
        yield from _files(entries, reducers, note)
        if recursive:
            below = (entry.path for entry in reversed(entries) if entry.is_dir(follow_symlinks=False))
            waiting += [path for path in below if not skipped or identity(path) not in skipped]


def ours(paths: Iterable[Path], reducers: Collection[str]) -> set[Path]:
    """Return those of ``paths`` that are named as our outputs of others: x_max.png, when x.png is there."""
    known = set(paths)
    return {path for path in known if any(path.with_name(name) in known for name in _origins(path.name, reducers))}


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise PoolError(f"cannot be read: {error.strerror}") from error


def _files(entries: list[os.DirEntry[str]], reducers: Collection[str], note: Note | None) -> Iterator[Path]:
    wanted = {entry.name for entry in entries if _is_known(entry.name)}
    for entry in entries:
        passed = _passed_over(entry, entry.name in wanted)
        if passed and note is not None:
            note(Path(entry.path), passed)
        if passed or entry.name not in wanted or not entry.is_file(follow_symlinks=False):
            continue
        if wanted.isdisjoint(_origins(entry.name, reducers)):
            yield Path(entry.path)


def _is_known(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in ENDINGS and not name.startswith(TEMPORARY)


def _passed_over(entry: os.DirEntry[str], known: bool) -> str:
    """Say why an entry is passed over when that is worth a word, else ""; nothing is opened, so no FIFO can hang."""
    if entry.is_symlink():
        return "a link, and links are not followed in folders" if known or entry.is_dir() else ""
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return ""
    return "neither a file nor a folder"


def _origins(name: str, reducers: Collection[str]) -> list[str]:
    stem, ending = os.path.splitext(name)
    return [stem.removesuffix(f"_{reducer}") + ending for reducer in reducers if stem.endswith(f"_{reducer}")]
