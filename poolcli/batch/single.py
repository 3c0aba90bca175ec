"""One job from its input to its report: whatever goes wrong with a file is in its report, and nowhere else."""

from __future__ import annotations

import errno
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from .. import files, report
from ..errors import PoolError
from ..report import FileReport
from ..text import printable
from .jobs import DRY_RUN, Job, Settings, is_kept
from .streamed import attempt_stream
from .whole import attempt_loaded

if TYPE_CHECKING:
    from ..pooling import Pooling

KEEPS_PALETTE = ("mode", "subsample")
"""Reducers that take each sample as a name: of a palette picture they pool the indices."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What every next file would meet too."""


def run_job(job: Job, pooling: Pooling, settings: Settings) -> FileReport:
    """Read, pool, write; whatever goes wrong with this file is in its report. BrokenPipeError passes."""
    begun = time.perf_counter()
    blank = FileReport(job.source, job.output_name(), "ok", reducer=pooling.reducer.name,
                       parameters=report.parameters(pooling), notes=job.notes)
    try:
        done = attempt(job, pooling, settings, blank)
    except BrokenPipeError:
        raise
    except PoolError as error:
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL
        done = replace(blank, status="failed", error=str(error), cause=error, stops=full)
    except OSError as error:
        done = replace(blank, status="failed", error=f"cannot be read or written: {error.strerror or error}",
                       cause=error, stops=error.errno in FULL)
    except MemoryError as error:
        done = replace(blank, status="failed", error="not enough memory for it", cause=error)
    except Exception as error:  # a fault of ours, or of a library below: still one file's
        text = f"unexpected {type(error).__name__}: {error}; --debug shows where"
        done = replace(blank, status="failed", error=text, cause=error)
    return replace(done, seconds=round(time.perf_counter() - begun, 6))


def attempt(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """One job where nothing goes wrong."""
    if job.problem is not None:
        raise PoolError(job.problem)
    passed = passed_over(job, settings)
    if passed is not None:
        return replace(blank, status="skipped", notes=(*blank.notes, passed))
    streamed = attempt_stream(job, pooling, settings, blank)
    if streamed is not None:
        return streamed
    loaded = files.read(job.source, key=settings.key, max_pixels=settings.max_pixels, stdin=settings.stdin,
                        allow_truncated=settings.allow_truncated, indexed=pooling.reducer.name in KEEPS_PALETTE)
    return attempt_loaded(loaded, job, pooling, settings, blank)


def passed_over(job: Job, settings: Settings) -> str | None:
    """Why there is nothing to do; PoolError where an output would be lost."""
    kept = [path for path in (job.output, job.indices) if path is not None and is_kept(path, job, settings)]
    if kept and not settings.skip_existing:
        raise PoolError(f"{printable(kept[0])} exists; --overwrite or --skip-existing would work")
    if kept:
        return f"skipped: {printable(kept[0])} exists"
    return DRY_RUN if settings.dry_run else None
