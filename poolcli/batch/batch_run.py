"""Jobs one after another or side by side, their reports in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from .. import files
from ..chunked.executors import OrderedResults
from ..report import FileReport
from . import preflight
from .executors.local import make_executor
from .job_runner import run_job, start_report
from .preflight import check_headers
from .run_in_memory import LoadedJob, plan_loaded
from .settings import Job, Settings
from .shared_arrays import SHARED_ARRAYS

if TYPE_CHECKING:
    from ..files import Loaded
    from ..files.paths.urls import AnyPath
    from ..pooling import Pooling


class BatchRun:
    """A batch at work: gives reports in the order of the inputs, but first those of files that cannot go well.

    At most so many jobs are under way as its executor takes: memory stays flat whatever their number.
    It stops where every next file would fail too.
    """

    def __init__(self, jobs: Iterable[Job], pooling: Pooling, settings: Settings, workers: int = 1) -> None:
        self.jobs, self.pooling, self.settings = jobs, pooling, settings
        self.cleared: set[AnyPath] = set()
        self.cancelled = False
        self.executor = make_executor(self.perform, pooling, settings, workers)
        self.results = OrderedResults(self.executor)

    def __iter__(self) -> Iterator[FileReport]:
        jobs = iter(self.jobs)
        first = list(islice(jobs, preflight.HEADERS))
        refused = check_headers(first, self.settings, self.fit, self.blank)
        if refused is not None:
            first = [replace(job, headers_seen=True) for number, job in enumerate(first) if number not in refused]
        work = chain(first, jobs)
        for done in self.reports((refused or {}).values(), work):
            yield done
            if done.stops or (self.settings.fail_fast and done.status == "failed"):
                return

    def reports(self, refused: Iterable[FileReport], work: Iterable[Job]) -> Iterator[FileReport]:
        """All of them, as long as somebody asks."""
        yield from refused
        yield from self.results.run(self.clear_up(job) for job in work)

    def fit(self, loaded: Loaded, job: Job) -> LoadedJob:
        """What a header tells of a job."""
        return plan_loaded(loaded, job, self.pooling)

    def blank(self, job: Job) -> FileReport:
        """The report of a job before anything is done."""
        return start_report(job, self.pooling)

    def perform(self, job: Job) -> FileReport:
        """One job, in this process."""
        return run_job(job, self.pooling, self.settings)

    def clear_up(self, job: Job) -> Job:
        """Remove what a killed run left where this job writes, once for each folder; return the job."""
        for folder in job.output_folders - self.cleared if not self.settings.dry_run else ():
            files.sweep(folder)
            self.cleared.add(folder)
        return job

    def cancel(self) -> None:
        """End soon: no failure is reported any more, and what is done in another process is let go at once."""
        self.cancelled = True
        self.executor.cancel()

    def finish(self) -> Iterator[FileReport]:
        """End: files that are being written are finished and reported, the others not begun."""
        yield from (file for file in self.results.finish() if not self.cancelled or file.status != "failed")
        SHARED_ARRAYS.clear()


def run_jobs(jobs: Iterable[Job], pooling: Pooling, settings: Settings, workers: int = 1) -> Iterator[FileReport]:
    """Do each job and give its report, however it ends."""
    running = BatchRun(jobs, pooling, settings, workers)
    try:
        yield from running
    except BaseException:
        running.cancel()
        raise
    finally:
        rest = list(running.finish())
    yield from rest
