"""Running a row: poolcli and its rivals in turns, their results compared."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

import poolcli

from .cases import Array, Case, Data, Rival
from .measure import Budget, Line, Runner, race, threads
from .peers import PEERS, Ask

OURS = ""
"""The name under which poolcli itself runs."""
DIFFERS = "another result"
"""Noted where a peer's result is not poolcli's, so that its time says little."""


@lru_cache(maxsize=2)
def made(data: Data) -> Array:
    """The input; rows that follow each other share it."""
    return data.make()


def own(case: Case, x: Array, out: Array) -> Runner:
    """poolcli's runner."""
    keywords = case.keywords(case.options)

    def run() -> Any:
        with threads(case.threads):
            return poolcli.pool(x, case.reducer, out=out, **keywords)
    return run


def asked(case: Case, rival: Rival, x: Array, result: Array) -> Ask:
    """What the rival of a row is asked."""
    options = case.keywords(rival.options) if rival.peer == "poolcli" else {**case.options, **rival.options}
    return Ask(x, case.reducer, options, result)


def lines(case: Case, budget: Budget) -> Iterator[Line]:
    """A line for each rival of a row."""
    x = made(case.data)
    out = poolcli.pool(x, case.reducer, **case.keywords(case.options))
    asks = {rival: asked(case, rival, x, out) for rival in case.rivals if PEERS[rival.peer].here()}
    results: dict[Any, Any] = {}
    runners = {rival: keeping(PEERS[rival.peer].make(ask), results, rival) for rival, ask in asks.items()}
    least = race({OURS: own(case, x, out), **runners}, budget)
    if not asks:
        yield Line(case.group, case.name, least[OURS], "", None, 0.0, None)
    for rival, ask in asks.items():
        peer = PEERS[rival.peer]
        agrees = not peer.compares or peer.agrees(ask, np.asarray(results[rival]))
        yield Line(case.group, case.name, least[OURS], rival.says or rival.peer, least[rival],
                   least[OURS] / least[rival], rival.target, note="" if agrees else DIFFERS)


def keeping(run: Runner, results: dict[Any, Any], name: Any) -> Runner:
    """The runner, its last result kept."""
    def run_and_keep() -> None:
        results[name] = run()
    return run_and_keep
