"""How fast this machine pools: a few telling works, each beside a plain copy of its input.

Taking times is here, and ``benchmarks/`` in the checkout, which has the peers and the targets, takes it from here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core.axes import describe
from .pooling import pool

Array = NDArray[Any]
Runner = Callable[[], Any]


@dataclass(frozen=True)
class Budget:
    """How long a runner may take: at most so many rounds, and no further round after so many seconds."""

    rounds: int = 25
    seconds: float = 1.2


QUICK = Budget(rounds=5, seconds=0.1)


_SHORT = 0.02
"""Seconds of a run for which the state of the caches matters."""


def race(runners: Mapping[Any, Runner], budget: Budget) -> dict[Any, float]:
    """The least time of each runner, in milliseconds.

    They take turns (A B C A B C ...), so that a machine that slows down slows all of them down. The first turn
    warms up; it counts only where a runner is too slow to be asked again. Before a short run comes one that does not
    count, so that each finds the caches as it leaves them itself, not as its neighbour does.
    """
    spent = {name: time_run(run) for name, run in runners.items()}
    least = {name: seconds for name, seconds in spent.items() if seconds > 2 * budget.seconds}
    for _ in range(budget.rounds):
        for name, run in runners.items():
            if name in least and spent[name] >= budget.seconds:
                continue
            if least.get(name, 0.0) < _SHORT:
                run()
            seconds = time_run(run)
            spent[name] += seconds
            least[name] = min(seconds, least.get(name, seconds))
    return {name: 1e3 * seconds for name, seconds in least.items()}


def time_run(run: Runner) -> float:
    """The seconds of one run."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


# What ``poolcli bench`` runs.


@dataclass(frozen=True)
class BenchRow:
    """One work: the reducer, its windows in words and as keywords, and the input."""

    reducer: str
    windows: str
    keywords: Mapping[str, Any]
    shape: tuple[int, ...]
    dtype: str

    @property
    def name(self) -> str:
        """The row in words."""
        return f"{self.reducer} {self.windows}, {self.dtype} {describe(self.shape)}"

    def smaller(self, times: int) -> BenchRow:
        """The same on a picture whose sides are so many times smaller."""
        return replace(self, shape=(self.shape[0] // times, self.shape[1] // times, *self.shape[2:]))


_TILES = ("2x2", {"size": 2})
_PADDED = ("3x3/2 padded", {"size": 3, "stride": 2, "padding": 1})
_SLIDING = ("3x3/1 same", {"size": 3, "stride": 1, "padding": "same"})
_LARGE = ("31x31/1 same", {"size": 31, "stride": 1, "padding": "same"})
_GLOBAL = ("global", {"size": "all"})
_GREY, _COLOUR, _MAP = ((4096, 4096), "uint8"), ((4096, 4096, 3), "uint8"), ((4096, 4096), "float32")
ROWS = tuple(BenchRow(reducer, *windows, *data) for reducer, windows, data in (
    ("max", _TILES, _GREY), ("max", _TILES, _COLOUR), ("max", _TILES, _MAP), ("max", _PADDED, _MAP),
    ("max", _LARGE, _GREY),
    ("avg", _TILES, _GREY), ("avg", _TILES, _COLOUR), ("avg", _TILES, _MAP), ("avg", _SLIDING, _MAP),
    ("avg", _GLOBAL, _MAP),
    ("median", _SLIDING, _GREY), ("mode", _TILES, _GREY), ("std", _TILES, _MAP), ("lse", _TILES, _MAP),
))


@dataclass(frozen=True)
class _Figure:
    """What a row took, and what a copy of its input took beside it, in milliseconds."""

    row: BenchRow
    own: float
    copy: float

    @property
    def ratio(self) -> float:
        """How many copies the work costs."""
        return self.own / self.copy


def figures(quick: bool = False) -> Iterator[_Figure]:
    """Run every row; a quick round has a quarter of the samples and few turns."""
    for row in ROWS:
        yield figure(row.smaller(2), QUICK) if quick else figure(row, Budget())


def figure(row: BenchRow, budget: Budget) -> _Figure:
    """Pool a made-up array and copy it, in turns, from buffer to buffer. Integers keep their type."""
    x = make_noise(row)
    keywords = {**row.keywords, "dtype": row.dtype}
    out, copied = pool(x, row.reducer, **keywords), np.full_like(x, 1)
    least = race({"own": lambda: pool(x, row.reducer, out=out, **keywords), "copy": lambda: np.copyto(copied, x)},
                 budget)
    return _Figure(row, least["own"], least["copy"])


def make_noise(row: BenchRow) -> Array:
    """Noise."""
    noise = np.random.default_rng(7).random(row.shape, np.float32)
    return noise if row.dtype == "float32" else (noise * 256).astype(row.dtype)
