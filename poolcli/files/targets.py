"""Where outputs go: their names, planned for all inputs before anything is read, and what must not collide."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import PoolError
from ..text import printable

STDIO = "-"
_FIELDS = re.compile(r"\{(stem|ext|reducer|parent)\}")


def default_name(source: str | os.PathLike[str], reducer: str) -> Path:
    """Return ``{stem}_{reducer}{ext}`` beside the input: photos/a.png -> photos/a_max.png."""
    path = Path(source)
    return path.with_name(f"{path.stem}_{reducer}{path.suffix}")


def target(
    source: str | os.PathLike[str], output: str | None, reducer: str, *, root: str | os.PathLike[str] | None = None
) -> Path | None:
    """Return the output path of one input, or None for standard output (``-``).

    ``output`` is what ``-o`` got: None for a name beside the input, a pattern with {stem}, {ext}, {reducer} or
    {parent}, a folder (one that exists, or a slash at the end), or a file. Into a folder an input that was found
    under ``root`` keeps the path that it had there.
    """
    if output is None:
        return default_name(source, reducer)
    if output == STDIO:
        return None
    path = Path("stdin" if os.fspath(source) == STDIO else source)
    named = _filled(output, path, reducer)
    if not is_folder(named):
        return Path(named)
    inside = path.relative_to(root) if root is not None else Path(path.name)
    return Path(named) / inside


def is_folder(output: str) -> bool:
    """Return True when ``-o`` names a folder: it exists as one, or ends in a slash."""
    return output.endswith(tuple(filter(None, (os.sep, os.altsep)))) or os.path.isdir(output)


def is_pattern(output: str) -> bool:
    """Return True when ``-o`` has a field, so that several inputs may share it."""
    return _FIELDS.search(output) is not None


def _filled(pattern: str, path: Path, reducer: str) -> str:
    # In one pass and by hand: str.format would evaluate braces, and a stem may hold some ("a{ext}b.png").
    values = {"stem": path.stem, "ext": path.suffix, "reducer": reducer, "parent": str(path.parent)}
    return _FIELDS.sub(lambda field: values[field[1]], pattern)


@dataclass(frozen=True, slots=True)
class Pair:
    """One planned piece of work: an input path and its output path."""

    source: Path
    output: Path


def check_targets(pairs: Iterable[Pair], *, in_place: bool = False) -> None:
    """Raise one PoolError that lists every output that two inputs share and every output that is an input.

    Names are compared as a file system that folds case and composes accents would: A.png and a.png collide. With
    ``in_place`` an output may be its own input, and still not another one.
    """
    planned = list(pairs)
    problems = [*_shared(planned), *_overwritten(planned, in_place)]
    if problems:
        raise PoolError("\n".join(problems))


def _shared(pairs: list[Pair]) -> list[str]:
    key = _Key()
    sources: dict[str, list[Pair]] = {}
    for pair in pairs:
        sources.setdefault(key(pair.output), []).append(pair)
    return [_shared_text(group) for group in sources.values() if len(group) > 1]


def _shared_text(group: list[Pair]) -> str:
    inputs = " and ".join(printable(pair.source) for pair in group)
    text = f"{inputs} would both be written to {printable(group[0].output)}"
    return f"{text}; a pattern with {{parent}}, {{stem}} and {{ext}} would work"


class _Key:
    """A path as it is compared: its folder resolved (once each), its case folded, its accents composed."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def __call__(self, path: Path) -> str:
        folder = os.path.dirname(os.path.abspath(path))
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        whole = os.path.join(self._folders[folder], path.name)
        return unicodedata.normalize("NFC", unicodedata.normalize("NFC", whole).casefold())


def _overwritten(pairs: list[Pair], in_place: bool) -> list[str]:
    inputs = {found: pair.source for pair in pairs if (found := identity(pair.source))}
    problems = []
    for pair in pairs:
        found = identity(pair.output)
        if found is None or found not in inputs:
            continue
        if found != identity(pair.source):
            problems.append(f"{printable(pair.output)} is the output of {printable(pair.source)} and an input itself")
        elif not in_place:
            problems.append(f"{printable(pair.output)} is its own input; --in-place or another -o would work")
    return problems


def identity(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return what tells a regular file or folder from all others, through links of both kinds; None without one."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
