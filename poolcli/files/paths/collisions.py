"""What must not happen to outputs: that two inputs share one, or that one is an input. Told before any work.

There may be 100,000 of them, so names are kept as their hashes only, and a look at the disk is taken where one may
tell something.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator

from ...errors import PoolError
from ...redact import printable
from .output_paths import identify
from .urls import is_url

Pairs = Iterable[tuple[str, str]]
"""Input and output paths; to be gone through more than once."""
_SINGLE_LOOKS = 100
_FOLDERS_KEPT = 10_000


def check_targets(pairs: Pairs, *, in_place: bool = False) -> None:
    """Raise one PoolError that lists every output that two inputs share and every output that is an input.

    Names are compared as a file system that folds case and composes accents would: A.png and a.png collide. With
    ``in_place`` an output may be its own input, and still not another one.
    """
    shared, overwritten = _find_suspects(pairs, in_place)
    problems = [*(_find_shared(pairs, shared) if shared else ()),
                *(_find_overwritten(pairs, in_place) if overwritten else ())]
    if problems:
        raise PoolError("\n".join(problems))


def _find_suspects(pairs: Pairs, in_place: bool) -> tuple[set[int], bool]:
    """Go through all once: which outputs come twice, by their hashes, and whether any is there already."""
    key, present, there = _Key(), _ExistingOutputs(), False
    seen: set[int] = set()
    twice: set[int] = set()
    for source, output in pairs:
        short, before = hash(key(output)), len(seen)
        seen.add(short)
        if len(seen) == before:
            twice.add(short)
        there = there or (not (in_place and output == source) and present(output))
    return twice, there


def _find_shared(pairs: Pairs, suspected: set[int]) -> list[str]:
    key = _Key()
    groups: dict[str, list[tuple[str, str]]] = {}
    for pair in pairs:
        whole = key(pair[1])
        if hash(whole) in suspected:
            groups.setdefault(whole, []).append(pair)
    return [_describe_shared(group) for group in groups.values() if len(group) > 1]


def _describe_shared(group: list[tuple[str, str]]) -> str:
    inputs = " and ".join(printable(source) for source, _ in group)
    text = f"{inputs} would both be written to {printable(group[0][1])}"
    return f"{text}; a pattern with {{parent}}, {{stem}} and {{ext}} would work"


class _Key:
    """A path as it is compared: its folder resolved (once each), its case folded, its accents composed."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        if is_url(path):  # the name as it is: case counts, and nothing leads elsewhere
            return path
        folder, name = _split(path)
        if name in ("", os.curdir, os.pardir):
            folder, name = _split(os.path.abspath(path))
        if folder not in self._folders:
            if len(self._folders) >= _FOLDERS_KEPT:
                self._folders.clear()
            self._folders[folder] = _fold_case(os.path.realpath(folder)) + os.sep
        return self._folders[folder] + _fold_case(name)


def _split(path: str) -> tuple[str, str]:
    """As os.path.split, at a fifth of its time."""
    folder, slash, name = path.rpartition(os.sep)
    return folder or slash, name


def _fold_case(text: str) -> str:
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _find_overwritten(pairs: Pairs, in_place: bool) -> Iterator[str]:
    present = _ExistingOutputs()
    inputs = {number for source, _ in pairs if (number := _file_number(source)) is not None}
    for source, output in pairs:
        if (in_place and output == source) or not present(output) or (found := _file_number(output)) not in inputs:
            continue
        if found != _file_number(source):
            yield f"{printable(output)} is the output of {printable(source)} and an input itself"
        elif not in_place:
            yield f"{printable(output)} is its own input; --in-place or another -o would work"


def _file_number(path: str) -> int | None:
    """What tells a regular file from all others, in one number."""
    found = identify(path)
    return None if found is None else found[0] << 64 | found[1]


class _ExistingOutputs:
    """Whether outputs may exist: a look at each, and where a folder gets many, one look at the folder."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self._looks = 0
        self._names: set[str] | None = None

    def __call__(self, path: str) -> bool:
        if is_url(path):  # comparing names will tell
            return True
        folder, name = _split(path)
        if folder != self._folder:
            self._folder, self._looks = folder, 0
        self._looks += 1
        if self._looks == _SINGLE_LOOKS:
            self._names = _list_folder(folder)
        if self._looks < _SINGLE_LOOKS or self._names is None:
            return os.path.lexists(path)
        return _fold_case(name) in self._names


def _list_folder(folder: str) -> set[str] | None:
    try:
        return {_fold_case(name) for name in os.listdir(folder or os.curdir)}
    except FileNotFoundError:
        return set()
    except OSError:  # not to be listed, but perhaps to be written in
        return None
