"""Where outputs go: their names, made without opening anything."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from ...errors import OptionError
from ...redact import printable
from ..formats import split_ending
from .urls import AnyPath, is_url, parse_path
from .zarr_paths import is_store_name

STDIO = "-"
FIELDS = ("stem", "ext", "reducer", "parent")
_FIELDS = re.compile(rf"\{{({'|'.join(FIELDS)})\}}")
_ANY_FIELD = re.compile(r"\{(\w*)(?:[!:.][^{}]*)?\}")


class OutputNamer:
    """The output of each input; what does not depend on the input is found out once, for there may be 100,000."""

    def __init__(self, output: str | None, reducer: str, *, several: bool = False) -> None:
        """``output`` is what ``-o`` got: None for ``{stem}_{reducer}{ext}`` beside the input, a pattern with {stem},
        {ext}, {reducer} or {parent}, a folder (one that exists, or a slash at the end), or a file.

        With ``several`` outputs of an input they are told apart by their reducers in a folder too."""
        self._output, self._reducer, self._several = output, reducer, several
        self._pattern = _FIELDS.split(output) if output is not None and is_pattern(output) else None
        self._folder = os.path.join(output, "") if output and not self._pattern and is_folder(output) else None
        self._missing: set[str] = set()

    def __call__(self, source: str, root: str | None = None) -> str | None:
        """Return one output path, or None for standard output (``-``).

        Into a folder an input that was found under ``root`` (with a slash at its end) keeps the path below it.
        """
        if self._folder is not None:
            inside = _strip_root(source, root)
            return self._folder + (self._add_reducer(inside) if self._several else inside)
        if self._pattern is not None:
            named = self._fill_pattern(source, self._pattern)
            return os.path.join(named, _strip_root(source, root)) if self._leads_to_folder(named) else named
        if self._output is None:
            return self._add_reducer(source)
        return None if self._output == STDIO else self._output

    def _add_reducer(self, name: str) -> str:
        """A name with the reducer at the end of its stem."""
        stem, ending = split_ending(name)
        return f"{stem}_{self._reducer}{ending}"

    def _fill_pattern(self, source: str, pattern: list[str]) -> str:
        """Put the fields in, by hand: str.format would evaluate braces, and a stem may hold some ("a{ext}b.png")."""
        parent, name = os.path.split("stdin" if source == STDIO else source)
        stem, ending = split_ending(name)
        values = {"stem": stem, "ext": ending, "reducer": self._reducer, "parent": parent or os.curdir}
        return "".join([values[part] if i % 2 else part for i, part in enumerate(pattern)])

    def _leads_to_folder(self, named: str) -> bool:
        """As ``is_folder``; in a folder that is not there yet, nothing is."""
        parent = named[: named.rfind(os.sep) + 1]
        if parent in self._missing:
            return named.endswith(os.sep)
        if parent and not os.path.isdir(parent):
            self._missing.add(parent)
        return is_folder(named)


def _strip_root(source: str, root: str | None) -> str:
    if root is not None:
        return source[len(root) :]
    return "stdin" if source == STDIO else os.path.basename(source)


def name_output(
    source: str | os.PathLike[str], output: str | None, reducer: str, *, root: str | os.PathLike[str] | None = None
) -> AnyPath | None:
    """Return the output path of one input, as ``OutputNamer`` has it."""
    named = OutputNamer(output, reducer)(os.fspath(source), None if root is None else os.path.join(root, ""))
    return None if named is None else parse_path(named)


def is_folder(output: str) -> bool:
    """Return True when ``-o`` names a folder: it exists as one, or ends in a slash; a chunked array is none."""
    if is_store_name(output):
        return False
    return output.endswith(tuple(filter(None, (os.sep, os.altsep)))) or os.path.isdir(output)


def is_pattern(output: str) -> bool:
    """Return True when ``-o`` has a field, so that several inputs may share it."""
    return _FIELDS.search(output) is not None


def _unknown_field(output: str, known: Sequence[str] = FIELDS) -> str | None:
    """Return the first field of a pattern that is none of those known; None where a folder has this very name.

    >>> _unknown_field("{stem}_{name}.png"), _unknown_field("{stem}{ext}")
    ('{name}', None)
    """
    unknown = next((found[0] for found in _ANY_FIELD.finditer(output)
                    if found[0] not in {f"{{{name}}}" for name in known}), None)
    return None if unknown is None or (not is_url(output) and os.path.isdir(output)) else unknown


def check_fields(option: str, output: str | None, known: Sequence[str] = FIELDS) -> None:
    """Raise OptionError for a pattern with a field that is not known."""
    if output is not None and (unknown := _unknown_field(output, known)) is not None:
        fields = " ".join(f"{{{name}}}" for name in known)
        raise OptionError(option, f"{printable(unknown)} is no field of a pattern; {fields} would work")


def explain_unwritable(folder: str) -> str | None:
    """Say why nothing can be written into a folder that may have to be made, or None."""
    if is_url(folder):  # who may write there is found out by writing
        return None
    there = os.path.abspath(folder)
    while not os.path.lexists(there):
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        return f"{printable(there)} is no folder; another name would work"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{printable(there)} cannot be written to; another folder would work"
    return None


def identify(path: str | os.PathLike[str]) -> tuple[int, int] | None:
    """Return what tells a regular file or folder from all others, through links of both kinds; None without one.

    Of a URL, whether there is anything or not: it is one name of one object.
    """
    if is_url(path):
        from hashlib import blake2b

        return -1, int.from_bytes(blake2b(os.fsencode(path), digest_size=8).digest(), "big")
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
