"""Which files of a folder are wanted: shell patterns against their names, or against their paths below it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property

MAGIC = "*?["
"""Signs that make a name a pattern."""


@dataclass(frozen=True)
class Globs:
    """``*``, ``?`` and ``[...]`` as in a shell, but that ``*`` goes over slashes; case counts.

    A pattern without a slash is held against names, one with a slash against the path below the folder that is
    scanned. What ``exclude`` matches is left out whatever ``include`` says; a folder with all that is in it.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def takes(self, below: str) -> bool:
        """Whether a file is wanted; ``below`` is its path in the folder."""
        return (not self.include or self._wanted(below)) and not self.drops(below)

    def drops(self, below: str) -> bool:
        """Whether a file or folder is left out."""
        return bool(self.exclude) and self._unwanted(below)

    @cached_property
    def _wanted(self) -> _Matcher:
        return _Matcher(self.include)

    @cached_property
    def _unwanted(self) -> _Matcher:
        return _Matcher(self.exclude)


ALL = Globs()


class _Matcher:
    """All patterns as two regular expressions."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        plain = [one.removeprefix("./").rstrip("/") for one in patterns]
        plain += [one.removeprefix("**/") for one in plain if one.startswith("**/")]  # ** is also no folder at all
        self._names = _compile_any(one for one in plain if "/" not in one)
        self._paths = _compile_any(one.removeprefix("/") for one in plain if "/" in one)

    def __call__(self, below: str) -> bool:
        name = below[below.rfind("/") + 1 :]
        return bool(self._names.match(name) or self._paths.match(below))


def _compile_any(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")
