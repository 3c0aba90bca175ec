"""Jobs on a Dask cluster, sent to its scheduler; ``dask_worker.py`` is what its workers do.

What names tell is settled here, before a job is sent, by the same code as in a local batch; so a job that is done a
second time, because the worker with its report was lost, never meets its own output as another's.

Dask gives the jobs of a worker that dies to others, and gives up on those to which that happens too often. All jobs
that lay on the worker are counted so, not only the one that killed it. So each of them gets another try with no other
of ours beside it, and only one that kills its worker then too is the culprit.
"""

from __future__ import annotations

import os
import pickle
import signal
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, wait
from concurrent.futures import Future as StandardFuture
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

from ... import __version__, files, jit
from ...chunked.executors import CompletedFuture, Future
from ...errors import PoolError
from ...files.paths.urls import AnyPath, is_url
from ...report import FileReport
from ..job_runner import fail_report, run_job, skip_report, start_report
from ..run_chunked import has_chunks
from ..sample_files import check_valid_output
from ..settings import Job, Settings
from .dask_chunks import DaskBackend, end_run, restrict_to
from .dask_connection import CONNECT_SECONDS, POLL_SECONDS, ClusterWatch, connect
from .dask_worker import (
    EVENT_TOPIC,
    RunContext,
    find_worker_problem,
    run_on_worker,
    with_absolute_names,
    with_given_names,
)

if TYPE_CHECKING:
    from distributed import Client

    from ...pooling import Pooling

ReportFuture = StandardFuture[FileReport | None]
"""The report of a job; None where its run had ended before it began."""

_MAX_WORKER_DEATHS = 3
"""Workers that a file may kill before it is given up, the last of them alone."""
_PENDING_PER_THREAD = 4
"""Jobs under way for each thread of the cluster: reports are taken in order, and a long job holds those behind up."""
_MIN_PENDING = 16
"""Jobs under way where there are few threads, or none yet: a cluster that grows with its work must see some."""
_CLOSE_SECONDS = 2.0
"""Seconds to take leave of a scheduler."""


class DaskExecutor:
    """A place where jobs are done: the workers of a scheduler, each a process on some machine."""

    def __init__(self, pooling: Pooling, settings: Settings, workers: int) -> None:
        self.pooling, self.settings = pooling, settings
        self.name = uuid.uuid4().hex
        self.errand = RunContext.of(self.name, (pooling, settings.for_a_cluster()))
        self.local, self.client = connect(str(settings.scheduler), workers)
        self.client.subscribe_topic(EVENT_TOPIC, lambda event: jit.announce(event[1]))
        self.jobs = self.client.get_executor(pure=False)
        self.limit = workers if self.local is None else 0
        self.watch, self.count = ClusterWatch(self.client), 0
        self.due: dict[int, _PendingJob] = {}
        self.able: Sequence[str] | None = None
        """Addresses of the workers that can do our jobs where others cannot; empty: all, and those that come."""
        self.folders: set[AnyPath] = set()
        """Where jobs write, and a worker that died may have left what it was writing."""

    @property
    def max_pending(self) -> int:
        """Jobs that may be under way at once."""
        return self.limit or max(_MIN_PENDING, _PENDING_PER_THREAD * self.watch.count_threads())

    def submit(self, job: Job, /) -> Future[FileReport]:
        """Send a job, unless its names tell already how it ends."""
        blank = start_report(job, self.pooling)
        try:
            settled = skip_report(job, self.settings, blank)
            if self.settings.samples is not None and settled is None:
                check_valid_output(self.settings.samples, job, self.settings, self.pooling.reducer.name)
        except PoolError as error:
            return CompletedFuture(fail_report(blank, error))
        if settled is not None:
            return CompletedFuture(settled)
        if self.able is None:
            try:
                self.able = _find_able_workers(self.client, job)
            except PoolError as error:
                return CompletedFuture(_stop_report(blank, error, error))
        if has_chunks(job):  # they are sent, each as a job
            settings = replace(self.settings, backend=DaskBackend(self.client, self.able))
            return CompletedFuture(run_job(job, self.pooling, settings))
        self.count += 1
        self.folders |= job.output_folders
        try:
            with _signals_deferred():  # a job that is sent must be known
                sent = _PendingJob(self, self.count, job)
                self.due[self.count] = sent
        except Exception as error:  # nothing can be sent to a scheduler that has gone
            return CompletedFuture(_connection_lost_report(blank, error))
        sent.is_held = True
        return sent

    def wait(self, futures: Iterable[ReportFuture]) -> None:
        """Wait till all have ended; ConnectionError where that may never be."""
        self.watch.wait(futures, len(self.due))

    def send(self, number: int, job: Job, **where: Any) -> ReportFuture:
        """Give a job to the scheduler; a second try is another task to it."""
        key = (f"poolcli-{self.name}", number, uuid.uuid4().hex)
        where = where or restrict_to(self.able or ())
        sent: ReportFuture = self.jobs.submit(run_on_worker, self.errand, number, pickle.dumps(job), key=key, **where)
        return sent

    def alone(self, number: int, job: Job, deaths: int) -> FileReport | None:
        """More tries, with no other of our jobs beside it; Culprit when it has killed enough workers."""
        self.wait([other.future for other in self.due.values()])
        while True:
            try:
                return self.watch_job(number, job, self.some_worker())
            except _WorkerDied as died:
                deaths += 1
                if deaths >= _MAX_WORKER_DEATHS:
                    raise _WorkerKiller(f"killed {deaths} workers, the last with no other file beside it") from died

    def some_worker(self) -> str:
        """The address of a worker, as soon as there is one."""
        while not (found := self.client.nthreads()):
            sleep(POLL_SECONDS)
        return str(next(iter(found)))

    def watch_job(self, number: int, job: Job, address: str) -> FileReport | None:
        """One try on a certain worker; Died when that goes away."""
        future = self.send(number, job, workers=[address], allow_other_workers=False)
        while not wait([future], POLL_SECONDS).done:
            if address not in self.client.nthreads():
                future.cancel()
                raise _WorkerDied
        if _count_deaths(future):
            raise _WorkerDied
        return future.result()

    def cancel(self) -> None:
        """Do nothing yet: what has begun on a worker cannot be ended; ``shutdown`` lets the rest go."""

    def shutdown(self) -> Sequence[Future[FileReport]]:
        """Cancel what has not begun, wait for the rest as long as Ctrl-C may take, and leave."""
        sent = list(self.due.values())
        with suppress(Exception):  # a scheduler that has gone cannot be asked, waited for, nor taken leave of
            if sent and self.client.status == "running":
                end_run(self.client, self.name, {one.number: one.future for one in sent})
            self.client.close(_CLOSE_SECONDS)
        if self.local is not None:
            with suppress(Exception):
                self.local.close(CONNECT_SECONDS)
        for folder in self.folders:
            files.sweep(folder)
        return [one for one in sent if not one.is_held]


class _WorkerKiller(PoolError):
    """A file that kills workers."""


class _WorkerDied(Exception):
    """A worker with the only job that it had of ours."""


class _NotStarted(Exception):
    """There is no report: the run ended before."""


class _PendingJob:
    """A job that is on its way, and its report."""

    def __init__(self, cluster: DaskExecutor, number: int, job: Job) -> None:
        self.cluster, self.number, self.job = cluster, number, job
        self.blank = start_report(job, cluster.pooling)
        given = cluster.settings.samples
        beside = {} if given is None else given.name_files(job, cluster.pooling.reducer.name)
        self.job = replace(job, beside=beside)
        self.away = with_absolute_names(self.job)
        self.future = cluster.send(number, self.away)
        self.is_held = False
        """Whether somebody has it who will ask for its result."""

    def result(self) -> FileReport:
        """Wait for the report; whatever else comes would come in place of the next one too, and ends the run."""
        try:
            self.cluster.wait([self.future])
            self.cluster.due.pop(self.number, None)
            return with_given_names(self.report(), self.job, self.away)
        except _WorkerKiller as error:
            return fail_report(self.blank, error)
        except (CancelledError, OSError) as error:
            return _connection_lost_report(self.blank, error)
        except Exception as error:
            return _stop_report(self.blank, error if isinstance(error, PoolError) else _worker_error(error), error)

    def report(self) -> FileReport:
        """What came, or what comes of another try."""
        killed = _count_deaths(self.future)
        found = self.cluster.alone(self.number, self.away, killed) if killed else self.future.result()
        if found is None:
            raise _NotStarted
        return found

    def exception(self) -> BaseException | None:
        """What came in place of a report."""
        try:
            return self.future.exception() or (None if self.future.result() else _NotStarted())
        except CancelledError as error:
            return error

    def cancelled(self) -> bool:
        """Whether it was not begun, or there is nobody left to tell."""
        return self.future.cancelled() or not self.future.done()


@contextmanager
def _signals_deferred() -> Iterator[None]:
    """Let signals that end a run wait for the end of a short block; dask's threads are deaf to them anyway."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def _find_able_workers(client: Client, job: Job) -> Sequence[str]:
    """Say of each worker that cannot do jobs of a run why not, in a line; return the others, none where all can.

    PoolError where there are workers and none of them can.
    """
    folder = None if job.output is None or is_url(job.output) else _find_folder(Path.cwd() / job.output)
    paths = [*([] if is_url(job.source) else [os.fspath(Path.cwd() / job.source)]), *([folder] if folder else [])]
    found = client.run(find_worker_problem, __version__, [path for path in paths if Path(path).exists()],
                       on_error="return")
    problems = {address: _describe_problem(problem) for address, problem in found.items() if problem is not None}
    for address, problem in problems.items():
        jit.announce(f"worker {address} {problem}")
    able = [address for address in found if address not in problems]
    if problems and not able:
        raise PoolError(f"no worker can do it: {next(iter(problems.values()))}")
    return able if problems else ()


def _find_folder(output: Path) -> str:
    """The folder of an output that is there: its own, or the one in which that will be made."""
    return os.fspath(next(folder for folder in output.parents if folder.is_dir()))


def _describe_problem(problem: str | Exception) -> str:
    """What keeps a worker from doing our jobs."""
    if "ModuleNotFoundError" in repr(problem):  # which distributed hands over as the text of another
        return "has no poolcli; the same version on all would work"
    return problem if isinstance(problem, str) else f"cannot be asked: {type(problem).__name__}: {problem}"


def _stop_report(blank: FileReport, error: PoolError, cause: BaseException) -> FileReport:
    """The report of a job after which no other can be done."""
    return replace(fail_report(blank, error), cause=cause, stops=True)


def _connection_lost_report(blank: FileReport, cause: BaseException) -> FileReport:
    """The report of a job that was on its way when the scheduler went away."""
    return _stop_report(blank, PoolError("lost the connection to the scheduler; --skip-existing does what is left"),
                        cause)


def _worker_error(error: Exception) -> PoolError:
    """What to say where a worker cannot even begin."""
    return PoolError(f"a worker cannot do it: {type(error).__name__}: {error}; poolcli has to be installed on every "
                     "worker")


def _count_deaths(future: ReportFuture) -> int:
    """How many workers died before Dask gave up on a job that has ended; 0 where it ended otherwise."""
    from distributed.scheduler import KilledWorker

    try:
        error = future.exception()
    except CancelledError:
        return 0
    return error.allowed_failures + 1 if isinstance(error, KilledWorker) else 0
