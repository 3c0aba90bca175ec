"""Jobs as a process in another folder needs them, and their reports with the names that were given here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..files.paths.urls import Place, Url, is_url
from ..redact import printable
from ..report import FileReport
from .jobs import Job


def away(job: Job) -> Job:
    """The job as a process in another folder needs it."""
    return replace(job, source=os.fspath(absolute(job.source)),
                   output=None if job.output is None else absolute(job.output),
                   indices=None if job.indices is None else absolute(job.indices))


def absolute(name: str | Place) -> Place:
    """Without resolving anything: a link may lead elsewhere on a worker."""
    return Url(name) if is_url(name) else Path.cwd() / name


def named_back(report: FileReport, job: Job, sent: Job) -> FileReport:
    """The report with the names as they were given."""
    pairs = [(printable(there), printable(here)) for there, here in
             ((sent.output, job.output), (sent.indices, job.indices)) if there is not None and here is not None]

    def named(text: str) -> str:
        for there, here in pairs:
            text = text.replace(there, here)
        return text

    return replace(report, input=job.source_name, output=job.output_name(), notes=tuple(map(named, report.notes)),
                   error=None if report.error is None else named(report.error))
