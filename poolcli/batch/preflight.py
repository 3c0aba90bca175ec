"""What the headers of the first files tell before any pixel is touched: results that no output can hold, and masks
and weights that do not go with their inputs.

All names of a batch are looked at before work begins; of headers only the first few hundred, because 100,000 of them
would take a minute in which nothing is done. A later file is looked at when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..errors import PoolError
from ..report import FileReport
from . import sample_files
from .job_runner import fail_report, find_skip_reason
from .run_in_memory import fit_header
from .settings import STDIO, Job, Settings

if TYPE_CHECKING:
    from ..files import Loaded
    from .run_in_memory import LoadedJob

    Fit = Callable[[Loaded, Job], LoadedJob]

HEADERS = 256
"""Files whose headers are read first: 0.05 s."""


def check_headers(first: Sequence[Job], settings: Settings, fit: Fit,
                  blank: Callable[[Job], FileReport]) -> dict[int, FileReport] | None:
    """Reports of those of the first jobs that cannot go well, by their numbers.

    ``fit`` settles what a file's header tells of a job, ``blank`` begins its report. None where headers are not read
    first: where decoders are not trusted (``isolate``), and of a single file, whose turn has come.
    """
    if settings.isolate or len(first) < 2:
        return None
    found = ((number, job, _find_format_problem(job, settings, fit)) for number, job in enumerate(first))
    return {number: fail_report(blank(job), error) for number, job, error in found if error is not None}


def _find_format_problem(job: Job, settings: Settings, fit: Fit) -> PoolError | None:
    """Why the output's format cannot hold the result, or a mask does not go with it, if headers say so; all else is
    found out in its turn."""
    if job.problem is not None or job.source == STDIO:
        return None
    try:
        if find_skip_reason(job, settings) is not None:
            return None
    except PoolError:
        return None
    if settings.samples is None and not job.writes_picture:
        return None
    task = fit_header(job, settings, fit)
    if task is None:
        return None
    try:
        if settings.samples is not None:
            sample_files.check_headers(settings.samples, job, task.plan, task.pooling, settings)
        task.check_holds()
    except PoolError as error:
        return error
    return None
