"""The walk: measure a case, its neighbours and its peers, and check what they give."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

from poolcli import PoolError
from poolcli.drivers import policy

from .dimensions import Array, Case, draw, neighbours
from .oracle import equals_oracle
from .peers import PEERS, Peer, agrees, present
from .shares import family

CALL = 1e-4
"""Seconds that a call may take whatever its work."""
ROUNDS, SECONDS = 7, 0.15
"""Runs of a case: at most so many, and none more after so many seconds."""
SMALL = 1 << 16
"""Samples up to which a case is also timed as a user first meets it, by NumPy."""
DEAR, LOST, FAR = 5.0, 1.5, 3.0
"""From which ratio on a case is a cliff, and a comparison lost, or lost by far."""


@dataclass(frozen=True)
class Comparison:
    """A case beside something else."""

    case: str
    against: str
    """The dimension that is plain there, or the peer."""
    ours: float
    theirs: float
    """Seconds."""
    ratio: float
    """How many times dearer ours is: for each unit of work with a neighbour, for the call with a peer."""
    agrees: bool = True


@dataclass
class Findings:
    """All that a walk found."""

    cases: int = 0
    near: list[Comparison] = field(default_factory=list)
    peers: list[Comparison] = field(default_factory=list)
    met: list[Comparison] = field(default_factory=list)
    """Small cases by NumPy, as long as no kernel is compiled, beside the kernel."""
    cliffs: int = 0
    """Cases that are dear beside any neighbour."""
    wrong: list[str] = field(default_factory=list)
    """Results that are not the oracle's, and errors."""
    differing: list[str] = field(default_factory=list)
    """Results that are not a peer's."""
    failed: list[str] = field(default_factory=list)
    """Peers that fail."""
    families: dict[str, int] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Every comparison, for programs."""
        kinds = {"neighbour": self.near, "peer": self.peers, "tier": self.met}
        return [{"kind": kind, **asdict(one)} for kind, found in kinds.items() for one in found]


def least(run: Callable[[], Any]) -> float:
    """The least CPU time of a run, in seconds, after one that warms up."""
    run()
    best, spent = float("inf"), 0.0
    for _ in range(ROUNDS):
        start = time.thread_time()
        run()
        took = time.thread_time() - start
        best, spent = min(best, took), spent + took
        if spent > SECONDS:
            break
    return best


class Meter:
    """Times of cases, each taken once."""

    def __init__(self, time_case: Callable[[Case], float] | None = None) -> None:
        self.times: dict[Case, float] = {}
        self.time_case = time_case or time_by_kernels

    def __call__(self, case: Case) -> float:
        """The seconds of a case."""
        if case not in self.times:
            self.times[case] = self.time_case(case)
        return self.times[case]


def time_by_kernels(case: Case) -> float:
    """The seconds of a case once its kernel is compiled."""
    x = case.make()
    with policy.use_tier(policy.KERNELS):
        return least(lambda: case.pool(x))


def time_by_numpy(case: Case) -> float | None:
    """The seconds of a case by NumPy, or None where NumPy does not serve."""
    with policy.use_tier(policy.NUMPY):
        settled = case.prepare()
        if not isinstance(settled.choice, policy.Deferred):
            return None
        x = case.make()
        return least(lambda: settled.run(x))


def dearer(case: Case, near: Case, meter: Meter) -> float:
    """How many times dearer a case is than another, for each unit of necessary work; a call is allowed."""
    return max(0.0, meter(case) - CALL) / case.units() / (meter(near) / near.units())


def walk(seed: int, cases: int, seconds: float, meter: Meter | None = None,
         peers: Sequence[Peer] = PEERS, tell: Callable[[str], None] = lambda text: None) -> Findings:
    """Draw cases and measure them until so many are done, or so many seconds have passed."""
    meter, rng, found = meter or Meter(), random.Random(seed), Findings()
    end = time.monotonic() + seconds
    while found.cases < cases and time.monotonic() < end:
        case = draw(rng)
        found.cases += 1
        try:
            look(case, meter, peers, found)
        except PoolError as error:
            found.wrong.append(f"{case.name}: {error}")
        tell(f"{found.cases}: {case.name}")
    return found


def look(case: Case, meter: Meter, peers: Sequence[Peer], found: Findings) -> None:
    """Measure a case and all that is beside it."""
    kind = family(case)
    found.families[kind] = found.families.get(kind, 0) + 1
    near = [Comparison(case.name, name, meter(case), meter(one), dearer(case, one, meter))
            for name, one in neighbours(case)]
    found.near += near
    found.cliffs += any(one.ratio >= DEAR for one in near)
    found.peers += compared(case, meter, peers, found)
    if prod(case.shape) <= SMALL and (by_numpy := time_by_numpy(case)) is not None:
        found.met.append(Comparison(case.name, "kernel", by_numpy, meter(case), by_numpy / meter(case)))
    if equals_oracle(case) is False:
        found.wrong.append(f"{case.name}: not what the oracle gives")


def compared(case: Case, meter: Meter, peers: Sequence[Peer], found: Findings) -> Iterator[Comparison]:
    """The case beside every peer that does the same."""
    x: Array | None = None
    for peer in present(tuple(peers)):
        x = case.make() if x is None else x
        run = peer.make(case, x)
        if run is None:
            continue
        try:
            result = run()
        except Exception as error:  # whatever another library may fail with
            found.failed.append(f"{case.name}: {peer.name}: {type(error).__name__}: {error}")
            continue
        with policy.use_tier(policy.KERNELS):
            same = agrees(case, peer, case.pool(x), result)
        if not same:
            found.differing.append(f"{case.name}: {peer.name} gives something else")
        ours, theirs = meter(case), least(run)
        yield Comparison(case.name, peer.name, ours, theirs, ours / theirs, same)


