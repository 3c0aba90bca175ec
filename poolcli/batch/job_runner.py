"""One job from its input to its report: whatever goes wrong with a file is in its report, and nowhere else."""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .. import report
from ..core.memory_budget import begin_job
from ..errors import NO_MEMORY, LayoutError, OutputError, PoolError, describe_unexpected, lacks_memory
from ..redact import printable, redact_secrets
from ..report import FileReport
from . import run_chunked, run_in_memory, run_large_picture, run_streamed
from .settings import DRY_RUN, STDIO, Job, Settings, must_keep

if TYPE_CHECKING:
    from ..pooling import Pooling

Runner = Callable[[Job, "Pooling", Settings, FileReport], FileReport]
"""Runs a job and fills in its blank report."""
_DISK_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What every next file would meet too."""


def run_job(job: Job, pooling: Pooling, settings: Settings) -> FileReport:
    """Read, pool, write; whatever goes wrong with this file is in its report. BrokenPipeError passes."""
    blank = start_report(job, pooling)
    return catch_errors(job, blank, lambda: _attempt(job, pooling, settings, blank))


def catch_errors(job: Job, blank: FileReport, attempt: Callable[[], FileReport]) -> FileReport:
    """The report of an attempt, however it ends; BrokenPipeError passes."""
    begun = time.perf_counter()
    try:
        with begin_job():
            done = attempt()
        if done.status == "ok":
            output = STDIO if job.output is None else os.fspath(job.output)
            done = replace(done, bytes_in=done.bytes_in or _file_size(job.source), bytes_out=_file_size(output))
    except BrokenPipeError:
        raise
    except Exception as error:
        done = fail_report(blank, error)
    return replace(done, seconds=round(time.perf_counter() - begun, 6))


def start_report(job: Job, pooling: Pooling) -> FileReport:
    """What there is to say of a job before anything is done."""
    return FileReport(job.source_name, job.output_name(), "ok", reducer=pooling.reducer.name,
                      parameters=report.list_parameters(pooling), notes=job.notes)


def fail_report(blank: FileReport, error: Exception) -> FileReport:
    """The report of a job that an error ended."""
    return replace(blank, status="failed", error=redact_secrets(describe_error(error)), cause=error,
                   stops=is_disk_full(error), layout_error=error if isinstance(error, LayoutError) else None)


def is_disk_full(error: Exception) -> bool:
    """Whether every next file would meet the error too."""
    inner = error.__cause__ if isinstance(error, PoolError) else error
    return isinstance(inner, OSError) and inner.errno in _DISK_FULL_ERRNOS


def describe_error(error: Exception) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OutputError) and error.target is not None:
        return f"{printable(error.target)} {error}"
    if isinstance(error, PoolError):
        return str(error)
    if isinstance(error, OSError):
        return f"cannot be read or written: {error.strerror or error}"
    if lacks_memory(error):
        return f"{NO_MEMORY} for it"
    return describe_unexpected(error)  # still one file's


def _file_size(name: str) -> int:
    """The bytes of a file; 0 of a stream, a folder, and an object, which would have to be asked about once more."""
    try:
        found = None if name == STDIO else Path(name).stat()
    except OSError:
        return 0
    return found.st_size if found is not None and stat.S_ISREG(found.st_mode) else 0


def _attempt(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """One job where nothing goes wrong."""
    if (skipped := skip_report(job, settings, blank)) is not None:
        return skipped
    return _choose_runner(job, pooling, settings)(job, pooling, settings, blank)


def _choose_runner(job: Job, pooling: Pooling, settings: Settings) -> Runner:
    """Choose how a job is run: by boxes of a large picture, by chunks, as a stream of rows, or whole in memory."""
    if (opened := run_large_picture.open_source(job, pooling, settings)) is not None:
        return partial(run_large_picture.run, opened)
    if run_chunked.takes(job):
        return run_chunked.run
    return run_streamed.run if run_streamed.takes(job, settings) else run_in_memory.run


def skip_report(job: Job, settings: Settings, blank: FileReport) -> FileReport | None:
    """The report of a job for which there is nothing to do; PoolError where nothing can be done."""
    if job.problem is not None:
        raise PoolError(job.problem)
    passed = find_skip_reason(job, settings)
    return None if passed is None else replace(blank, status="skipped", notes=(*blank.notes, passed))


def find_skip_reason(job: Job, settings: Settings) -> str | None:
    """Why there is nothing to do; PoolError where an output would be lost."""
    if settings.again:
        return None
    kept = [path for path in (job.output, job.indices) if path is not None and must_keep(path, job, settings)]
    if kept and not settings.skip_existing:
        raise PoolError(f"{printable(kept[0])} exists; --overwrite or --skip-existing would work")
    if kept and kept[0] == (job.output or job.indices):  # indices are written first: alone they are half of a pair
        return f"skipped: {printable(kept[0])} exists"
    return DRY_RUN if settings.dry_run else None
