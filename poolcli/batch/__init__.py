"""From paths to FileReports: every output is planned before any work, then each file is a job of its own.

Nothing here prints: one bad file is a report with its error, and the next file goes on. A job is a value and
``run_job`` touches nothing but that job's files, so that jobs can run side by side.
"""

from __future__ import annotations

from .batch_run import BatchRun, run_jobs
from .job_runner import run_job
from .npy_stream import NpySequence
from .planning import JobPlan, plan_jobs, takes_several
from .settings import (
    DRY_RUN,
    LOCAL,
    STDIO,
    VALID_SHARE,
    Job,
    SampleFiles,
    Settings,
    is_folder,
    is_special,
    stands_for_many,
)

__all__ = [
    "DRY_RUN",
    "LOCAL",
    "STDIO",
    "VALID_SHARE",
    "BatchRun",
    "Job",
    "JobPlan",
    "NpySequence",
    "SampleFiles",
    "Settings",
    "is_folder",
    "is_special",
    "plan_jobs",
    "run_job",
    "run_jobs",
    "stands_for_many",
    "takes_several",
]
