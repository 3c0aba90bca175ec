"""From names to jobs: every output is laid down before any work. Names only, nothing is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import files
from ..errors import PoolError
from ..files import Format, targets
from ..files.scan import ours, scan
from ..reducers import REDUCERS, Reducer
from .jobs import STDIO, Job, Planned, Settings, is_folder, is_special, kind


@dataclass(frozen=True)
class Found:
    """An input, the folder it was found in (None: it was named), and what is wrong with it."""

    source: str
    root: str | None = None
    problem: str | None = None


def plan_jobs(inputs: Sequence[str], row: Reducer, settings: Settings) -> Planned:
    """Lay down every output before any work; PoolError lists all that would lose a file, a line for each."""
    notes: list[tuple[str, str]] = []
    found = [one for name in inputs for one in expanded(name, settings, notes)]
    if settings.output is None and not settings.in_place:
        found = without_ours(found, notes)
    jobs = tuple(job(one, row, settings) for one in found)
    pairs = [targets.Pair(Path(one.source), path) for one in jobs for path in (one.output, one.indices)
             if path is not None and one.problem is None]
    targets.check_targets(pairs, in_place=settings.in_place)
    return Planned(jobs, tuple(notes))


def takes_several(output: str) -> bool:
    """Whether an output can name more than one file."""
    return output != STDIO and (targets.is_folder(output) or targets.is_pattern(output))


def expanded(name: str, settings: Settings, notes: list[tuple[str, str]]) -> Iterator[Found]:
    """The inputs that a name on the command line stands for."""
    if name == STDIO or not is_folder(name):
        yield Found(name)
        return
    # Into a folder outputs keep their names, so x_max.png can only be an input there.
    beside = settings.output is not None and not targets.is_folder(settings.output)
    broken: list[Found] = []
    skip = [settings.output] if settings.output is not None and targets.is_folder(settings.output) else []
    for path in scan(name, recursive=settings.recursive, skip=skip, reducers=tuple(REDUCERS) if beside else (),
                     note=lambda path, text: notes.append((os.fspath(path), text)),
                     failed=lambda path, error: broken.append(Found(os.fspath(path), name, str(error)))):
        yield Found(os.fspath(path), name)
    yield from broken


def without_ours(found: list[Found], notes: list[tuple[str, str]]) -> list[Found]:
    """Leave out x_max.png where x.png is an input too: a second run over *.png must not pool its own results."""
    made = ours([Path(one.source) for one in found], tuple(REDUCERS))
    notes += [(one.source, "named like a result of another input, so it is no input itself; alone it would be")
              for one in found if Path(one.source) in made]
    return [one for one in found if Path(one.source) not in made]


def job(found: Found, row: Reducer, settings: Settings) -> Job:
    """Name the outputs of one input."""
    if found.problem is not None:
        return Job(found.source, problem=found.problem)
    wanted, indices = settings.format, None
    if settings.output is None and settings.in_place:
        output: Path | None = Path(found.source)
    else:
        output = targets.target(renamed(found.source, wanted), settings.output, row.name, root=found.root)
    if settings.indices is not None:
        npy = renamed(found.source, files.FORMATS["NPY"])
        indices = targets.target(npy, settings.indices, row.name, root=found.root)
    try:
        return Job(found.source, output, wanted or format_for(output), indices)
    except PoolError as error:
        missing = not kind(found.source)  # then reading it says so, which is the better reason
        return Job(found.source, output, None, indices, problem=None if missing else str(error))


def renamed(source: str, wanted: Format | None) -> str:
    """The input as if it had the wanted format's ending: names of outputs follow it."""
    if wanted is None or source == STDIO or source.lower().endswith(wanted.endings):
        return source
    return os.fspath(Path(source).with_suffix(wanted.endings[0]))


def format_for(output: Path | None) -> Format:
    """The format that an output's name asks for; .npy for streams."""
    if output is None or is_special(output):
        return files.FORMATS["NPY"]
    return files.format_of(output)
