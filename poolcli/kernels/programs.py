"""Networks (``graphs.py``) as short programs for the network kernel (``networks.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .graphs import Graph, Ref, Value, ordered, ranked, reaches
from .networks import BOTH, GREATER, LESSER, LOAD, NAN, RUN, START

RUNS = 3
"""Slots for counting runs: the best sample, its count, the count that goes on."""


@dataclass(frozen=True, eq=False)
class Program:
    """Instructions, a row each (``networks.KIND`` and the fields after it), and where the results are."""

    code: NDArray[np.int64]
    results: tuple[Ref, Ref]
    """The slots of the results (may be the same), and their shifts."""
    slots: int
    """How many runs of lanes are kept at a time."""
    reach: int
    """The largest shift: so many lanes further on the first values are needed."""


def written(graph: Graph, results: Sequence[Ref]) -> Writer:
    """The program that makes these results."""
    reach = reaches(graph, results)
    last = {ref.value: number for number, value in enumerate(graph.values) if number in reach for ref in value.inputs()}
    writer = Writer(last | {ref.value: len(graph.values) for ref in results})
    for number, value in enumerate(graph.values):
        if number in reach and number not in writer.slot:
            writer.write(graph, number, value, reach)
    return writer


class Writer:
    """Writes instructions, and gives each value a slot until its last use.

    No instruction writes to a slot that it reads: vector code would first have to find out that this does no harm.
    """

    def __init__(self, last: dict[int, int]) -> None:
        self.last = last
        self.code: list[tuple[int, ...]] = []
        self.slot: dict[int, int] = {}
        self.free: list[int] = []
        self.slots = 0

    def take(self) -> int:
        """A free slot."""
        if not self.free:
            self.slots += 1
            return self.slots - 1
        return self.free.pop()

    def at(self, ref: Ref) -> tuple[int, int]:
        """Where a value is read."""
        return self.slot[ref.value], ref.shift

    def write(self, graph: Graph, number: int, value: Value, reach: dict[int, int]) -> None:
        """One instruction: for a lesser value also the greater one, if that is needed too."""
        kind, a, b = value
        self.slot[number] = self.take()
        if kind == LOAD:
            self.code.append((LOAD, a.value, 0, b.value, 0, self.slot[number], 0, reach[number]))
            return
        other = graph.numbers.get(Value(LESSER + GREATER - kind, a, b), -1) if kind in (LESSER, GREATER) else -1
        low = high = self.slot[number]
        if other in reach:
            other_slot = self.slot[other] = self.take()
            low, high = (low, other_slot) if kind == LESSER else (other_slot, low)
        span = max(reach[number], reach.get(other, 0))
        self.code.append((BOTH if other in reach else kind, *self.at(a), *self.at(b), low, high, span))
        self.free += [self.slot[ref] for ref in {a.value, b.value} if self.last[ref] <= max(number, other)]


@lru_cache(maxsize=256)
def selection(rows: int, columns: int, stride: int, step: int, low: int, high: int, floating: bool) -> Program:
    """``ranked`` as a program."""
    graph, [results] = ranked(rows, columns, stride, step, low, high, floating)
    writer = written(graph, results)
    return program(writer.code, [Ref(*writer.at(ref)) for ref in results], writer.slots)


@lru_cache(maxsize=256)
def most_frequent(rows: int, columns: int, stride: int, step: int, floating: bool) -> Program:
    """The mode of rows x columns samples: in their order, the first of the longest run of equal ones."""
    graph, samples, nan = ordered(rows, columns, stride, step, floating)
    writer = written(graph, samples + nan)
    best, result = writer.slots, writer.slots + RUNS
    places = [writer.at(ref) for ref in samples]
    writer.code.append((START, *places[0], 0, 0, best, 0, 0))
    writer.code += [(RUN, *after, *before, best, 0, 0) for before, after in pairwise(places)]
    writer.code += [(NAN, *writer.at(ref), best, 0, result, 0, 0) for ref in nan]
    return program(writer.code, [Ref(result if nan else best, 0)], result + 1)


def program(code: list[tuple[int, ...]], results: Sequence[Ref], slots: int) -> Program:
    """Instructions as the kernel reads them."""
    numbers = np.array(code, np.int64)
    return Program(numbers, (results[0], results[-1]), slots, int(numbers[:, -1].max()))
