"""Arrays one after another on one stream: each is pooled, written and reported before the next is waited for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from .. import files
from ..errors import PoolError
from ..report import FileReport
from .batch_run import BatchRun
from .job_runner import fail_report, find_skip_reason, run_job, start_report
from .run_streamed import open_target
from .settings import STDIO, Job

if TYPE_CHECKING:
    from .settings import Settings


class _NoArrayWritten(Exception):
    """No array was written, so there is no output."""


class NpySequence(BatchRun):
    """The arrays of one input, as many as there are; it ends at the first that fails, for none can be found behind it.

    What was written before stays: whole arrays only, but for one too large for memory that breaks off in a pipe.
    """

    def __iter__(self) -> Iterator[FileReport]:
        job = next(iter(self.jobs))
        blank = start_report(job, self.pooling)
        try:
            if (passed := find_skip_reason(job, self.settings)) is not None:
                yield replace(blank, status="skipped", notes=(*blank.notes, passed))
                return
            with (suppress(_NoArrayWritten), _open_source(job, self.settings) as source,
                  open_target(job, self.settings) as target):
                yield from self.each(job, source, target)
        except PoolError as error:
            yield fail_report(blank, error)

    def each(self, job: Job, source: IO[bytes], target: IO[bytes]) -> Iterator[FileReport]:
        """A report for each array."""
        given = self.settings.samples
        settings = replace(self.settings, stdin=source, stdout=target,
                           samples=None if given is None else given.settle(job.source, self.pooling.reducer.name))
        one = replace(job, source=STDIO, output=None, format=files.FORMATS["NPY"])
        written = False
        if not source.peek(1):  # type: ignore[attr-defined]  # waits for a byte or the end
            raise PoolError("empty; arrays as .npy, one after another, would work")
        while True:
            start = target.tell() if job.output is not None and target.seekable() else None
            done = run_job(one, self.pooling, settings)
            if done.status == "failed" and start is not None:
                target.seek(start)
                target.truncate()
            yield replace(done, input=job.source, output=job.output_name())
            written = written or done.status == "ok"
            if done.status == "failed":
                break
            if not source.peek(1):  # type: ignore[attr-defined]
                break
        if not written:
            raise _NoArrayWritten


@contextmanager
def _open_source(job: Job, settings: Settings) -> Iterator[IO[bytes]]:
    """The job's input, which can be peeked into."""
    if job.source == STDIO:
        if settings.stdin is None:
            raise PoolError("standard input is closed; a file name would work")
        peeks = hasattr(settings.stdin, "peek")
        yield settings.stdin if peeks else io.BufferedReader(settings.stdin)  # type: ignore[type-var]
        return
    with files.explain_errors("read"), open(job.source, "rb") as source:  # noqa: PTH123  (a name, as it was given)
        yield source
