"""What the headers of the first files tell before any pixel is touched: results that no output can hold, and masks
and weights that do not go with their inputs.

All names of a batch are looked at before work begins; of headers only the first few hundred, because 100,000 of them
would take a minute in which nothing is done. A later file is looked at when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .. import files
from ..errors import PoolError
from ..report import FileReport
from .job_runner import fail_report, find_skip_reason
from .run_in_memory import preflight_samples
from .settings import STDIO, Job, Settings

if TYPE_CHECKING:
    from ..files import Loaded
    from .run_in_memory import LoadedJob

    Fit = Callable[[Loaded, Job], LoadedJob]

HEADERS = 256
"""Files whose headers are read first: 0.05 s."""


def check_headers(first: Sequence[Job], settings: Settings, fit: Fit,
                  blank: Callable[[Job], FileReport]) -> dict[int, FileReport]:
    """Reports of those of the first jobs that cannot go well, by their numbers.

    ``fit`` settles what a file's header tells of a job, ``blank`` begins its report.
    None where decoders are not trusted (``isolate``), and none of a single file, whose turn has come.
    """
    if settings.isolate or len(first) < 2:
        return {}
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
    try:
        preflight_samples(job, settings, fit)
    except PoolError as error:
        return error
    if job.format is None or job.format.is_array:
        return None
    try:
        hollow = files.load_header(job.source, max_pixels=settings.max_pixels)
        task = fit(hollow, job) if hollow is not None else None
    except PoolError:
        return None
    try:
        if task is not None:
            task.check_holds()
    except PoolError as error:
        return error
    return None
