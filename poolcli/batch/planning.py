"""From names to jobs: every output is laid down before any work. Names only, nothing is opened.

A plan holds names and nothing else, those of a folder in one string (100,000 of them are 1.5 MB), and makes each job
when its turn comes. So what is looked for in all of them at once is what names can tell.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol

from .. import files
from ..core.reducers import REDUCERS
from ..errors import OptionError, PoolError
from ..files import Format
from ..files.arrays.literals import LITERAL_NAME, is_literal
from ..files.formats import KNOWN, split_ending
from ..files.paths import output_paths
from ..files.paths.collisions import check_targets
from ..files.paths.scan import find_own_results, scan
from ..files.paths.urls import AnyPath, is_url, parse_path, strip_query
from ..files.paths.zarr_paths import is_store_name, strip_slashes
from ..redact import printable
from .settings import STDIO, Job, Settings, file_mode, is_folder, is_special, stands_for_many

_SEPARATOR = "\0"
"""No name has it."""
NAMES_PER_PACK = 10_000
"""Names that are packed together, and unpacked together."""
_NAMES_KEPT = 256
"""Inputs whose outputs are named once: for the look at all of them before any work, and for the job."""
MAX_SKIPPED_NAMED = 100
"""Names passed over that are told one by one."""


@dataclass(frozen=True)
class _PackedNames:
    """Inputs of one folder (None: as they were named), found under a root, or what is wrong with the folder.

    Folder and root end in a slash.
    """

    names: str
    count: int
    folder: str | None = None
    root: str | None = None
    problem: str | None = None

    @classmethod
    def of(cls, names: Sequence[str], folder: str | None = None, root: str | None = None,
           problem: str | None = None) -> _PackedNames:
        """Pack some names."""
        return cls(_SEPARATOR.join(names), len(names), folder, root, problem)

    def sources(self) -> Iterator[str]:
        """The paths."""
        before = self.folder or ""
        return (before + name for name in self.names.split(_SEPARATOR))


@dataclass
class _SkippedNames:
    """Names that are no inputs and why: the first hundred, and how many more."""

    told: list[tuple[str, str]] = field(default_factory=list)
    more: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    """Files of folders that look like pictures and are not read, by their endings."""

    def add_unread(self, ending: str) -> None:
        """Count a file that is not read."""
        self.unread[ending] += 1

    def add(self, name: str, text: str) -> None:
        """Take one."""
        if len(self.told) < MAX_SKIPPED_NAMED:
            self.told.append((name, text))
        else:
            self.more += 1

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """All that is to be said."""
        yield from self.told
        if self.more:
            yield self.told[-1][0], f"and {self.more:,} more names were passed over"


class _NamedOperation(Protocol):
    """What is done to the inputs: a reducer, or another thing that outputs are named after."""

    @property
    def name(self) -> str:
        """The word."""


class _OutputNames(NamedTuple):
    """What is written of one input."""

    values: str | None
    """None: standard output, or nothing."""
    indices: str | None
    shown: bool
    """Whether the result has no place: there is nothing beside a stream or a typed matrix."""


class JobPlan:
    """All jobs of a run, made one by one each time that they are gone through; and what was passed over."""

    def __init__(self, lots: Sequence[_PackedNames], row: _NamedOperation, settings: Settings,
                 notes: _SkippedNames, *, several: bool) -> None:
        self.lots, self.settings, self.notes = lots, settings, notes
        self.output = output_paths.OutputNamer(settings.output, row.name, several=several)
        self.indices = None if settings.indices is None else output_paths.OutputNamer(settings.indices, row.name)
        self.in_place = settings.output is None and settings.in_place
        self.name_outputs = lru_cache(_NAMES_KEPT)(self._name_outputs)

    def __len__(self) -> int:
        return sum(lot.count for lot in self.lots)

    def __iter__(self) -> Iterator[Job]:
        for lot in self.lots:
            yield from (self.job(source, lot) for source in lot.sources())

    def job(self, source: str, lot: _PackedNames) -> Job:
        """Name the outputs of one input."""
        if lot.problem is not None:
            return Job(source, problem=lot.problem)
        named, wanted = self.name_outputs(source, lot.root), self.settings.format
        indices = None if named.indices is None else parse_path(named.indices)
        if named.shown:
            return Job(source, indices=indices, shown=True)
        output = None if named.values is None else parse_path(named.values)
        try:
            return Job(source, output, wanted or _format_for(output), indices)
        except PoolError as error:
            missing = not file_mode(source)  # then reading it says so, which is the better reason
            reason = None if missing else files.describe_foreign(source) or str(error)
            return Job(source, output, None, None, problem=reason)

    def _name_outputs(self, source: str, root: str | None) -> _OutputNames:
        """The outputs of one input."""
        typed = is_literal(source)
        name = LITERAL_NAME if typed else strip_query(source)
        shown = self.settings.output is None and (source == STDIO or typed)
        values = source if self.in_place else self.output(_with_ending(name, self.settings.format), root)
        indices = None if self.indices is None else self.indices(_with_ending(name, files.FORMATS["NPY"]), root)
        return _OutputNames(None if shown else values, indices, shown)

    def pairs(self) -> _InputOutputPairs:
        """Every input with each of its outputs."""
        return _InputOutputPairs(self)


@dataclass(frozen=True)
class _InputOutputPairs:
    """The pairs of a plan, made again each time that they are gone through."""

    of: JobPlan

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for lot in self.of.lots:
            if lot.problem is not None:
                continue
            for source in lot.sources():
                named = self.of.name_outputs(source, lot.root)
                if named.values is not None and _will_write(named.values, self.of.settings.format):
                    yield source, named.values
                if named.indices is not None:
                    yield source, named.indices


def plan_jobs(inputs: Iterable[str], row: _NamedOperation, settings: Settings, *, several: bool = False) -> JobPlan:
    """Lay down every output before any work; PoolError lists all that would lose a file, a line for each.

    Of ``several`` results of an input each is named after its reducer, in a folder too.
    """
    for option in ("output", "indices"):
        if (pattern := getattr(settings, option)) is not None:
            output_paths.check_fields(option, pattern)
    notes = _SkippedNames()
    lots = list(_find_inputs(inputs, settings, notes, tuple({**REDUCERS, row.name: row})))
    planned = JobPlan(lots, row, settings, notes, several=several)
    check_targets(planned.pairs(), in_place=settings.in_place)
    for option in ("output", "indices"):
        _check_folder(option, getattr(settings, option))
    return planned


def _check_folder(option: str, output: str | None) -> None:
    """Refuse a folder in which every file would fail after all its work."""
    if output is None or output == STDIO or not output_paths.is_folder(output) or output_paths.is_pattern(output):
        return
    reason = output_paths.explain_unwritable(output)
    if reason is not None:
        raise OptionError(option, reason)


def _find_inputs(inputs: Iterable[str], settings: Settings, notes: _SkippedNames,
                 reducers: tuple[str, ...]) -> Iterator[_PackedNames]:
    """The inputs that names stand for: folders as they are scanned, the names between them together.

    What is given after one of ``reducers`` may be a result of another input.
    """
    given: list[str] = []
    for name in inputs:
        below = _find_below(name, settings, notes, reducers)
        if below is None:
            given.append(strip_slashes(name) if is_store_name(name) else name)
        if below is not None or (len(given) >= NAMES_PER_PACK and not _is_beside_input(settings)):
            yield from _pack_names(given, settings, notes, reducers)
            given = []
            yield from below or ()
    yield from _pack_names(given, settings, notes, reducers)


def _find_below(name: str, settings: Settings, notes: _SkippedNames,
                reducers: tuple[str, ...]) -> Iterator[_PackedNames] | None:
    """The inputs below a folder, or those that a URL stands for; None where a name is one input."""
    if name == STDIO:
        return None
    if is_url(name):
        return _find_remote(name, settings, notes, reducers) if stands_for_many(name) else None
    return _scan_folder(name, settings, notes, reducers) if is_folder(name) else None


def _find_remote(url: str, settings: Settings, notes: _SkippedNames,
                 reducers: tuple[str, ...]) -> Iterator[_PackedNames]:
    """The inputs that a URL stands for; who asks for none imports nothing of it."""
    from ..files.remote.object_listing import is_pattern

    return _match_remote(url) if is_pattern(url) else _list_remote(url, settings, notes, reducers)


def _list_remote(url: str, settings: Settings, notes: _SkippedNames,
                 reducers: tuple[str, ...]) -> Iterator[_PackedNames]:
    """The inputs below a URL; what goes wrong on the way is a lot of its own, and what was listed stays."""
    from ..files.remote import object_listing

    if settings.output is None and not settings.in_place:
        raise OptionError("output", f"is needed when a folder is the input, as {printable(url)} is; "
                                    "-o s3://BUCKET/FOLDER/ or -o FOLDER/ would work")
    root = url.rstrip("/") + "/"
    output = settings.output
    into_folder = output is not None and output_paths.is_folder(output)
    pages = object_listing.list_objects(root, recursive=settings.recursive, globs=settings.globs, note=notes.add,
                         unread=notes.add_unread, skip=[output] if output is not None and into_folder else [],
                         reducers=reducers if output is not None and not into_folder else ())
    try:
        for names in pages:
            yield _PackedNames.of(names, root, root)
    except PoolError as error:
        yield _PackedNames.of([url], problem=str(error))


def _match_remote(pattern: str) -> Iterator[_PackedNames]:
    """The inputs that fit a pattern, as if each had been named; without any the pattern itself is one that is not
    there."""
    from ..files.remote import object_listing

    found = False
    try:
        root, pages = object_listing.list_matching(pattern)
        for names in pages:
            found = True
            yield _PackedNames.of(names, root)
    except PoolError as error:
        yield _PackedNames.of([pattern], problem=str(error))
        return
    if not found:
        yield _PackedNames.of([pattern], problem="no object fits the pattern")


def _is_beside_input(settings: Settings) -> bool:
    """Whether outputs get their default names beside the inputs."""
    return settings.output is None and not settings.in_place


def _pack_names(names: list[str], settings: Settings, notes: _SkippedNames,
                reducers: tuple[str, ...]) -> Iterator[_PackedNames]:
    """Inputs as they were named; x_max.png is none where x.png is too: a second run over *.png must not pool its own
    results."""
    if _is_beside_input(settings):
        made = find_own_results(names, reducers)
        for name in (name for name in names if name in made):
            notes.add(name, "named like a result of another input, so it is no input itself; alone it would be")
        names = [name for name in names if name not in made]
    if names:
        yield _PackedNames.of(names)


def _scan_folder(root: str, settings: Settings, notes: _SkippedNames,
                 reducers: tuple[str, ...]) -> Iterator[_PackedNames]:
    """The inputs in a folder."""
    if _is_beside_input(settings):
        raise OptionError("output", f"is needed when a folder is the input, as {printable(root)} is; "
                                    "-o FOLDER/ would work")
    # Into a folder outputs keep their names, so x_max.png can only be an input there.
    into_folder = settings.output is not None and output_paths.is_folder(settings.output)
    skip = [settings.output] if settings.output is not None and into_folder else []
    broken: list[_PackedNames] = []
    for folder, names in scan(root, recursive=settings.recursive, skip=skip, globs=settings.globs, note=notes.add,
                              unread=notes.add_unread,
                              reducers=reducers if settings.output is not None and not into_folder else (),
                              failed=lambda path, error: broken.append(_PackedNames.of([path], problem=str(error)))):
        for start in range(0, len(names), NAMES_PER_PACK):
            yield _PackedNames.of(names[start : start + NAMES_PER_PACK], os.path.join(folder, ""),
                                  os.path.join(root, ""))
    yield from broken


def takes_several(output: str) -> bool:
    """Whether an output can name more than one file."""
    return output != STDIO and (output_paths.is_folder(output) or output_paths.is_pattern(output))


def _with_ending(source: str, wanted: Format | None) -> str:
    """The input as if it had the wanted format's ending: names of outputs follow it."""
    if wanted is None or source == STDIO or source.lower().endswith(wanted.endings):
        return source
    return split_ending(source)[0] + wanted.endings[0]


def _will_write(output: str, wanted: Format | None) -> bool:
    """Whether the name of an output says its format; a job that cannot have one writes nothing."""
    if wanted is not None or output.lower().endswith(KNOWN):
        return True
    try:
        _format_for(parse_path(output))
    except PoolError:
        return False
    return True


def _format_for(output: AnyPath | None) -> Format:
    """The format that an output's name asks for; .npy for streams."""
    if output is None or is_special(output):
        return files.FORMATS["NPY"]
    return files.format_of(output)
