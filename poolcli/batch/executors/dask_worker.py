"""A worker's end of a batch on a cluster: what is called there, and all that goes over the network.

Names, settings and reports only; each machine reads and writes its files itself.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from ... import __version__, files
from ...core.memory_budget import set_limit
from ...errors import PoolError
from ...files.atomic import guarding_outputs
from ...files.paths.urls import AnyPath, Url, is_url
from ...redact import printable, redact_secrets
from ...report import FileReport
from ..settings import Job
from .process_worker import run_to_report

EVENT_TOPIC = "poolcli"
"""The topic of events under which a worker says what compiling has to say."""
_MAX_STARTED = 10_000
"""Jobs that a worker remembers to have begun: more than are under way on one."""

_lock = threading.Lock()
_started: deque[tuple[str, int]] = deque(maxlen=_MAX_STARTED)
_ended_runs: deque[str] = deque(maxlen=1_000)
_abandoned: deque[str] = deque(maxlen=1_000)
"""Runs whose jobs may not put anything in its place any more."""
_running: Counter[str] = Counter()
"""How many jobs of each run this worker is at."""


class RunContext(NamedTuple):
    """What all jobs of a run have in common. Bytes, so that another version of us finds out that it is one."""

    run: str
    version: str
    packed: bytes

    @classmethod
    def of(cls, run: str, common: Any) -> RunContext:
        """Pack a pooling and its settings."""
        return cls(run, __version__, pickle.dumps(common))


def run_on_worker(errand: RunContext, number: int, packed: bytes) -> FileReport | None:
    """Do one job; None where its run has ended before it began."""
    if errand.version != __version__:
        raise PoolError(f"a worker has poolcli {__version__}, and this is {errand.version}; the same on all would work")
    with register_job(errand.run, number) as may_begin:
        if not may_begin:
            return None
        announce_to_scheduler()
        job: Job = pickle.loads(packed)
        for folder in job.output_folders:
            _clear_up(errand.run, folder)
        pooling, settings = _unpack_context(errand.packed)
        set_limit(settings.memory)
        with guarding_outputs(partial(_check_not_abandoned, errand.run)):
            report = run_to_report(job, pooling, settings)
    if isinstance(report, BrokenPipeError):  # nobody reads from us but through files
        raise PoolError(f"lost a connection: {report}")
    return report


@contextmanager
def register_job(run: str, number: int) -> Iterator[bool]:
    """Count a job among those that this worker is at; gives False, and does not, where its run has ended."""
    with _lock:
        may_begin = run not in _ended_runs
        if may_begin:
            _started.append((run, number))
            _running[run] += 1
    try:
        yield may_begin
    finally:
        if may_begin:
            with _lock:
                _running[run] -= 1
                if not _running[run]:
                    del _running[run]


def abandon_run(run: str) -> None:
    """Let jobs of a run that are still at work write nothing: nobody waits for them."""
    with _lock:
        _abandoned.append(run)


def _check_not_abandoned(run: str) -> None:
    """Raise PoolError where nobody waits for a run's jobs any more."""
    if run in _abandoned:
        raise PoolError("its run has ended")


def count_running(run: str) -> int:
    """Count the jobs of a run that this worker is at."""
    with _lock:
        return _running.get(run, 0)


def find_worker_problem(version: str, paths: Sequence[str]) -> str | None:
    """Say why this worker cannot do jobs of a run, or None: another version, a name that leads nowhere here."""
    if version != __version__:
        return f"has poolcli {__version__}, and this is {version}; the same on all would work"
    missing = next((path for path in paths if not os.path.lexists(path)), None)
    return None if missing is None else (f"sees no {printable(missing)}; a folder that has the same name on all "
                                         "machines would work")


def stop_run(run: str) -> list[int]:
    """Begin no job of a run any more; which have begun, the ended ones among them."""
    with _lock:
        _ended_runs.append(run)
        return [number for one, number in _started if one == run]


@lru_cache(maxsize=4)
def _unpack_context(packed: bytes) -> Any:
    """The pooling and the settings of a run, unpacked once."""
    return pickle.loads(packed)


@lru_cache(maxsize=1_000)
def _clear_up(run: str, folder: AnyPath) -> None:
    """Remove what a worker of this machine that died left in a folder; the one in its place comes here anew."""
    files.sweep(folder)


@lru_cache(maxsize=1)
def announce_to_scheduler() -> None:
    """Once in a worker: a thread for a job, for the worker has a thread for each core; and say what compiling says."""
    from distributed import get_worker

    from ... import jit

    os.environ.setdefault("POOLCLI_THREADS", "1")
    jit.announce = lambda text: get_worker().log_event(EVENT_TOPIC, text)


# Jobs as a process in another folder needs them, and their reports with the names that were given here.


def with_absolute_names(job: Job) -> Job:
    """The job as a process in another folder needs it."""
    return replace(job, source=os.fspath(_make_absolute(job.source)),
                   output=None if job.output is None else _make_absolute(job.output),
                   indices=None if job.indices is None else _make_absolute(job.indices),
                   beside={option: os.fspath(_make_absolute(name)) for option, name in (job.beside or {}).items()})


def _make_absolute(name: str | AnyPath) -> AnyPath:
    """Without resolving anything: a link may lead elsewhere on a worker."""
    return Url(name) if is_url(name) else Path.cwd() / name


def with_given_names(report: FileReport, job: Job, sent: Job) -> FileReport:
    """The report with the names as they were given."""
    pairs = [(printable(there), printable(here)) for there, here in
             ((sent.output, job.output), (sent.indices, job.indices)) if there is not None and here is not None]
    pairs += [(redact_secrets(name), redact_secrets((job.beside or {})[option]))
              for option, name in (sent.beside or {}).items()]

    def named(text: str) -> str:
        for there, here in pairs:
            text = text.replace(there, here)
        return text

    parameters = {name: named(value) if isinstance(value, str) else value for name, value in report.parameters.items()}
    return replace(report, input=job.source_name, output=job.output_name(), notes=tuple(map(named, report.notes)),
                   parameters=parameters,
                   error=None if report.error is None else named(report.error))
