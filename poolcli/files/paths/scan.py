"""Finding the inputs in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache

from ...errors import PoolError
from ..formats import ENDINGS, KNOWN, in_folders, split_ending, unread_ending
from ..tempfiles import TEMPORARY
from .globs import ALL, Globs
from .output_paths import identify
from .zarr_paths import is_store_name

Note = Callable[[str, str], None]
Failed = Callable[[str, PoolError], None]


def scan(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = False,
    skip: Collection[str | os.PathLike[str]] = (),
    reducers: Collection[str] = (),
    globs: Globs = ALL,
    note: Note | None = None,
    failed: Failed | None = None,
    unread: Callable[[str], None] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """Yield folders, each with those of its files whose endings are known, sorted; then the folders below, sorted.

    Links are not followed; they, FIFOs, sockets and devices are passed over and told to ``note``. Folders in ``skip``
    (the output's) are not entered, nor those that ``globs`` leave out. With ``reducers`` a file x_max.png beside its
    x.png is an output of ours, and no input. A folder that cannot be read is told to ``failed``, or raises its
    PoolError. ``unread`` gets the ending of each file that looks like a picture and cannot be read.
    """
    skipped = {identify(path) for path in skip} - {None}
    root = os.path.join(os.fspath(folder), "")
    waiting = [os.fspath(folder)]
    while waiting:  # no recursion: a tree may be deeper than Python's stack
        current = waiting.pop()
        try:
            entries = _list_entries(current)
        except PoolError as error:
            if failed is None:
                raise
            failed(current, error)
            continue
        below = os.path.join(current, "")[len(root) :]
        yield current, _choose_files(entries, below, reducers, globs, note, unread)
        if recursive:
            folders = (entry for entry in reversed(entries)
                       if entry.is_dir(follow_symlinks=False) and not _is_store(entry))
            paths = (entry.path for entry in folders if not globs.drops(below + entry.name))
            waiting += [path for path in paths if not skipped or identify(path) not in skipped]


def find_own_results(paths: Collection[str], reducers: Collection[str]) -> set[str]:
    """Return those of ``paths`` that are named as our outputs of others: x_max.png, when x.png is there."""
    plain = {path: os.path.normpath(path) for path in paths}
    results = is_own_result(set(plain.values()), reducers)
    return {path for path in paths if plain[path] in results}


def is_own_result(names: set[str], reducers: Collection[str]) -> set[str]:
    """The same for names of one folder."""
    ends = tuple(f"_{reducer}" for reducer in reducers)
    return {name for name in names if not names.isdisjoint(_name_origins(name, ends))}


def _list_entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise PoolError(f"cannot be read: {error.strerror}") from error


def _choose_files(
    entries: list[os.DirEntry[str]], below: str, reducers: Collection[str], globs: Globs, note: Note | None,
    unread: Callable[[str], None] | None,
) -> list[str]:
    names = []
    for entry in entries:
        known = is_wanted(below + entry.name, entry.name, globs)
        passed = _explain_skip(entry, known)
        if passed and note is not None:
            note(entry.path, passed)
        if known and not passed and (entry.is_file(follow_symlinks=False) or _is_store(entry)):
            names.append(entry.name)
        elif unread is not None and not passed and (ending := unread_picture(below + entry.name, entry.name, globs)):
            unread(ending)
    if not reducers:
        return names
    results = is_own_result(set(names), reducers)
    return [name for name in names if name not in results]


def _is_store(entry: os.DirEntry[str]) -> bool:
    return is_store_name(entry.name) and entry.is_dir(follow_symlinks=False)


def is_wanted(below: str, name: str, globs: Globs) -> bool:
    """Whether a file of a folder is wanted, by its path in it and its name."""
    return _is_known(name, globs) and globs.takes(below)


def unread_picture(below: str, name: str, globs: Globs) -> str | None:
    """The ending of a wanted file of a folder that looks like a picture and cannot be read; None for all others."""
    return unread_ending(name) if globs.takes(below) and not name.startswith(".") else None


def _is_known(name: str, globs: Globs) -> bool:
    known = name.lower().endswith(in_folders() + _find_included(globs))
    return known and not name.startswith(TEMPORARY) and name.lower() not in ENDINGS


@lru_cache
def _find_included(globs: Globs) -> tuple[str, ...]:
    """Endings that are no inputs in folders unless ``--include`` says so, and it does: ``*.csv``."""
    return tuple(ending for ending in KNOWN if any(one.lower().endswith(ending) for one in globs.include))


def _explain_skip(entry: os.DirEntry[str], known: bool) -> str:
    """Say why an entry is passed over when that is worth a word, else ""; nothing is opened, so no FIFO can hang."""
    if entry.is_symlink():
        return "a link, and links are not followed in folders" if known or entry.is_dir() else ""
    if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
        return ""
    return "neither a file nor a folder"


def _name_origins(path: str, ends: tuple[str, ...]) -> list[str]:
    stem, ending = split_ending(path)
    if not stem.endswith(ends):
        return []
    return [stem.removesuffix(end) + ending for end in ends if stem.endswith(end)]
