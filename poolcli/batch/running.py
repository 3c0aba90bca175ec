"""Jobs one after another or side by side, their reports in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from .. import files
from ..report import FileReport
from .foresight import foreseen
from .jobs import Job, Settings
from .single import blank_report, run_job
from .whole import Task, fitted

if TYPE_CHECKING:
    from ..files import Loaded
    from ..pooling import Pooling
    from .workers import Crew


class Running:
    """A batch at work: gives reports in the order of the inputs, but first those of files that cannot go well.

    Decoding, kernels and encoding drop the GIL, so threads overlap them. At most two jobs a worker are under way:
    memory stays flat whatever their number. It stops where every next file would fail too.
    """

    def __init__(self, jobs: Iterable[Job], pooling: Pooling, settings: Settings, workers: int = 1) -> None:
        self.jobs, self.pooling, self.settings, self.workers = jobs, pooling, settings, workers
        self.under_way: deque[Future[FileReport]] = deque()
        self.pool = ThreadPoolExecutor(workers) if workers > 1 else None
        self.crew = crew(pooling, settings) if settings.isolate else None
        self.cleared: set[Path] = set()
        self.dropped = False

    def __iter__(self) -> Iterator[FileReport]:
        refused = foreseen(self.jobs, self.settings, self.fit, self.blank)
        work = (job for number, job in enumerate(self.jobs) if number not in refused)
        for done in self.reports(refused.values(), work):
            yield done
            if done.stops or (self.settings.fail_fast and done.status == "failed"):
                return

    def reports(self, refused: Iterable[FileReport], work: Iterable[Job]) -> Iterator[FileReport]:
        """All of them, as long as somebody asks."""
        yield from refused
        for job in work:
            self.clear_up(job)
            if self.pool is None:
                yield self.perform(job)
                continue
            self.under_way.append(self.pool.submit(self.perform, job))
            if len(self.under_way) >= 2 * self.workers:
                yield self.next()
        while self.under_way:
            yield self.next()

    def fit(self, loaded: Loaded, job: Job) -> Task:
        """What a header tells of a job."""
        return fitted(loaded, job, self.pooling)

    def blank(self, job: Job) -> FileReport:
        """The report of a job before anything is done."""
        return blank_report(job, self.pooling)

    def perform(self, job: Job) -> FileReport:
        """One job, here or in a process of its own."""
        return run_job(job, self.pooling, self.settings) if self.crew is None else self.crew.perform(job)

    def clear_up(self, job: Job) -> None:
        """Remove what a killed run left where this job writes, once for each folder."""
        paths = (path for path in (job.output, job.indices) if path is not None)
        for folder in {path.parent for path in paths} - self.cleared if not self.settings.dry_run else ():
            files.sweep(folder)
            self.cleared.add(folder)

    def next(self) -> FileReport:
        """The oldest report that is due; still due where waiting for it is cut short."""
        done = self.under_way[0].result()
        self.under_way.popleft()
        return done

    def drop(self) -> None:
        """End soon: no failure is reported any more, and what is done in another process is let go at once."""
        self.dropped = True
        if self.crew is not None:
            self.crew.drop()

    def finish(self) -> Iterator[FileReport]:
        """End: files that are being written are finished and reported, the others not begun."""
        waiting = [future for future in self.under_way if not future.cancel()]
        self.under_way.clear()
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)
        if self.crew is not None:
            self.crew.close()
        done = (future.result() for future in waiting if future.exception() is None)
        yield from (file for file in done if not self.dropped or file.status != "failed")


def run(jobs: Iterable[Job], pooling: Pooling, settings: Settings, workers: int = 1) -> Iterator[FileReport]:
    """Do each job and give its report, however it ends."""
    running = Running(jobs, pooling, settings, workers)
    try:
        yield from running
    except BaseException:
        running.drop()
        raise
    finally:
        rest = list(running.finish())
    yield from rest


def crew(pooling: Pooling, settings: Settings) -> Crew:
    """Worker processes; multiprocessing takes 15 ms to import."""
    from .workers import Crew

    return Crew(pooling, settings)
