"""A line of the table, and poolcli's own way of taking times (``poolcli/bench.py``)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from poolcli.bench import QUICK, Budget, Runner, race, time_run

__all__ = ["QUICK", "Budget", "Line", "Runner", "race", "threads", "time_run"]


@dataclass(frozen=True)
class Line:
    """One line of the table: poolcli against one rival, or against a number."""

    group: str
    work: str
    ours: float
    """Milliseconds, unless ``unit`` says otherwise."""
    rival: str
    theirs: float | None
    value: float
    """What the target is about: the ratio of the two times, or ``ours`` where there is no rival."""
    target: float | None
    """The most that ``value`` may be."""
    unit: str = "ms"
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        return None if self.target is None else self.value <= self.target


@contextmanager
def threads(count: int) -> Iterator[None]:
    """poolcli works with so many threads meanwhile."""
    before = os.environ.get("POOLCLI_THREADS")
    os.environ["POOLCLI_THREADS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["POOLCLI_THREADS"]
        else:
            os.environ["POOLCLI_THREADS"] = before
