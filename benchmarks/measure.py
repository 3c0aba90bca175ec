"""Taking times: runners that take turns, and the least time of each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Runner = Callable[[], Any]


@dataclass(frozen=True)
class Budget:
    """How long a runner may take: at most so many rounds, and no further round after so many seconds."""

    rounds: int = 25
    seconds: float = 1.2


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


def race(runners: Mapping[str, Runner], budget: Budget) -> dict[str, float]:
    """The least time of each runner, in milliseconds.

    They take turns (A B C A B C ...), so that a machine that slows down slows all of them down. The first turn
    warms up; it counts only where a runner is too slow to be asked again.
    """
    spent = {name: timed(run) for name, run in runners.items()}
    least = {name: seconds for name, seconds in spent.items() if seconds > 2 * budget.seconds}
    for _ in range(budget.rounds):
        for name, run in runners.items():
            if name in least and spent[name] >= budget.seconds:
                continue
            seconds = timed(run)
            spent[name] += seconds
            least[name] = min(seconds, least.get(name, seconds))
    return {name: 1e3 * seconds for name, seconds in least.items()}


def timed(run: Runner) -> float:
    """The seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


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
