"""Where the jobs of a batch are done: here, on threads, in processes of their own, or on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...report import FileReport
from ..settings import Job, Settings
from .base import Done, Place, Promise

if TYPE_CHECKING:
    from ...pooling import Pooling

Perform = Callable[[Job], FileReport]


class Here:
    """One job after another, in this thread."""

    most = 1

    def __init__(self, perform: Perform) -> None:
        self.perform = perform

    def submit(self, job: Job) -> Promise:
        """Do it now."""
        return Done(self.perform(job))

    def drop(self) -> None:
        """Nothing is under way."""

    def finish(self, due: Iterable[Promise]) -> list[Promise]:
        """All that is due is done."""
        return list(due)


class Threads:
    """Decoding, kernels and encoding drop the GIL, so threads overlap them."""

    def __init__(self, perform: Perform, count: int) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self.perform, self.most = perform, 2 * count
        self.pool = ThreadPoolExecutor(count)

    def submit(self, job: Job) -> Promise:
        """Do it on the next thread that has nothing to do."""
        return self.pool.submit(self.perform, job)

    def drop(self) -> None:
        """A thread cannot be ended: what it does is finished."""

    def finish(self, due: Iterable[Promise]) -> list[Promise]:
        """Wait for what is under way."""
        begun = [promise for promise in due if not promise.cancel()]
        self.pool.shutdown(wait=True, cancel_futures=True)
        return begun


class Processes:
    """Worker processes, each with a thread here, or with this one, that waits for it."""

    def __init__(self, pooling: Pooling, settings: Settings, count: int) -> None:
        from .process import WorkerPool  # multiprocessing takes 15 ms to import

        self.crew = WorkerPool(pooling, settings)
        self.waiting = in_turn(self.crew.perform, count)
        self.most, self.submit = self.waiting.most, self.waiting.submit

    def drop(self) -> None:
        """What is done in another process is let go at once."""
        self.crew.drop()

    def finish(self, due: Iterable[Promise]) -> list[Promise]:
        """Wait for what is under way, and end the processes."""
        begun = self.waiting.finish(due)
        self.crew.close()
        return begun


def in_turn(perform: Perform, count: int) -> Here | Threads:
    """A thread for each worker; none for a single one."""
    return Threads(perform, count) if count > 1 else Here(perform)


def place(perform: Perform, pooling: Pooling, settings: Settings, workers: int) -> Place:
    """Where the settings want jobs to be done, ``workers`` at once; ``perform`` does one in this process."""
    if settings.scheduler is not None and not settings.dry_run:
        from .dask import DaskExecutor  # distributed takes 0.4 s to import

        return DaskExecutor(pooling, settings, workers)
    if settings.isolate:
        return Processes(pooling, settings, workers)
    return in_turn(perform, workers)
