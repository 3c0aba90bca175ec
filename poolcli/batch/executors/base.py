"""What a place where jobs are done gives for a job, and what every such place can do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ...report import FileReport
from ..settings import Job


class Promise(Protocol):
    """A report that is due."""

    def result(self) -> FileReport:
        """Wait for it."""

    def exception(self) -> BaseException | None:
        """Wait for it, and say what came in its place."""

    def cancel(self) -> bool:
        """Do not begin the job; False where it has begun."""


class Place(Protocol):
    """Does jobs side by side. Who asks for reports knows nothing of how."""

    @property
    def most(self) -> int:
        """Jobs that may be under way at once: memory stays flat whatever their number."""

    def submit(self, job: Job) -> Promise:
        """Do a job when there is room for it."""

    def drop(self) -> None:
        """End soon: what can be let go is let go at once."""

    def finish(self, due: Iterable[Promise]) -> list[Promise]:
        """Begin nothing more, wait for what has begun, and end; of what was due, that which has begun."""


class Done:
    """A report that is there already."""

    def __init__(self, report: FileReport) -> None:
        self.report = report

    def result(self) -> FileReport:
        """Give it."""
        return self.report

    def exception(self) -> None:
        """Nothing came in its place."""

    def cancel(self) -> bool:
        """It is too late."""
        return False
