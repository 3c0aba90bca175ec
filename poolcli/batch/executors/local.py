"""Executors for the files of a batch: in this process, in worker processes, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...chunked.executors import Executor, Future, Result, SerialExecutor, ThreadExecutor
from ...core.memory_budget import budget
from ...report import FileReport
from ..settings import Job, Settings

if TYPE_CHECKING:
    from ...pooling import Pooling

FileExecutor = Executor[Job, FileReport]
Perform = Callable[[Job], FileReport]


class _ProcessExecutor:
    """Does jobs in worker processes, each with a thread here, or with this one, that waits for it."""

    def __init__(self, pooling: Pooling, settings: Settings, workers: int) -> None:
        from .process import WorkerPool  # multiprocessing takes 15 ms to import

        share = replace(settings, memory=budget() // max(1, workers))
        self.pool = WorkerPool(pooling, share)
        self.waiting = make_local_executor(self.pool.perform, workers)

    @property
    def max_pending(self) -> int:
        """Jobs that may be under way at once."""
        return self.waiting.max_pending

    def submit(self, job: Job, /) -> Future[FileReport]:
        """Do it in the next process that has nothing to do."""
        return self.waiting.submit(job)

    def cancel(self) -> None:
        """Let go at once of what other processes do."""
        self.pool.drop()

    def shutdown(self) -> Sequence[Future[FileReport]]:
        """Wait for what is under way, and end the processes."""
        left = self.waiting.shutdown()
        self.pool.close()
        return left


def make_local_executor(function: Callable[[Any], Result], workers: int) -> Executor[Any, Result]:
    """Make one of this process: a thread for each worker; none for a single one."""
    return ThreadExecutor(function, workers) if workers > 1 else SerialExecutor(function)


def make_executor(perform: Perform, pooling: Pooling, settings: Settings, workers: int) -> FileExecutor:
    """Make the executor that the settings ask for, for ``workers`` jobs at once; ``perform`` does one here."""
    if settings.scheduler is not None and not settings.dry_run:
        from .dask import DaskExecutor  # distributed takes 0.4 s to import

        return DaskExecutor(pooling, settings, workers)
    if settings.isolate:
        return _ProcessExecutor(pooling, settings, workers)
    return make_local_executor(perform, workers)
