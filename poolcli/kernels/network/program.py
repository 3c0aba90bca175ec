"""Write networks (``graph.py``) as short programs for the interpreter (``interpreter.py``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .graph import Graph, Ref, Value, loaded, nan_of, ordered, ranked, reaches, selected, tiled
from .interpreter import (
    BOTH,
    COUNT,
    FIELDS,
    GREATER,
    HIGH,
    KIND,
    LESSER,
    LOAD,
    NAN,
    PICK,
    RANK,
    REACH,
    RUN,
    RUN_PRESENT,
    START,
    ZIP,
    B,
)

_RUNS = 3
"""Slots for counting runs: the best sample, its count, the count that goes on."""


@dataclass(frozen=True, eq=False)
class Program:
    """Instructions, a row each (``interpreter.KIND`` and the fields after it), and where the results are."""

    code: NDArray[np.int64]
    results: tuple[Ref, Ref]
    """The slots of the results (may be the same), and their shifts."""
    slots: int
    """How many runs of lanes are kept at a time."""
    reach: int
    """The largest shift: so many lanes further on the first values are needed."""
    counters: int = 0
    """Columns whose present samples are counted apart, if they are counted."""
    further: tuple[int, ...] = ()
    """Of a tile of windows: the slots and shifts of the results of each row after the first."""


def _written(graph: Graph, results: Sequence[Ref]) -> _Writer:
    """The program that makes these results."""
    reach = reaches(graph, results)
    last = {ref.value: number for number, value in enumerate(graph.values) if number in reach for ref in value.inputs()}
    writer = _Writer(last | {ref.value: len(graph.values) for ref in results})
    for number, value in enumerate(graph.values):
        if number in reach and number not in writer.slot:
            writer.write(graph, number, value, reach)
    return writer


class _Writer:
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
    writer = _written(graph, results)
    return _program(writer.code, [Ref(*writer.at(ref)) for ref in results], writer.slots)


@lru_cache(maxsize=256)
def tile_selection(rows: int, columns: int, high: int, wide: int, low: int, high_rank: int, floating: bool) -> Program:
    """Return ``tiled`` as a program; the results of a row of the tile are zipped, to be written side by side."""
    graph, found = tiled(rows, columns, high, wide, low, high_rank, floating)
    places = [[found[y, x][end] for x in range(wide)] for y in range(high) for end in range(high_rank - low + 1)]
    writer = _written(graph, [ref for refs in places for ref in refs])
    slots, results = writer.slots, []
    for refs in places:
        lanes, times = [writer.at(ref) for ref in refs], 1
        while len(lanes) > 1:
            half = len(lanes) // 2
            zipped = []
            for a, b in zip(lanes[:half], lanes[half:], strict=True):
                writer.code.append((ZIP, *a, *b, slots, times, 0))
                zipped.append((slots, 0))
                slots += 2 * times
            lanes, times = zipped, 2 * times
        results.append(Ref(*lanes[0]))
    pairs = [(results[i], results[i + high_rank - low]) for i in range(0, len(results), high_rank - low + 1)]
    made = _program(writer.code, pairs[0], slots)
    further = tuple(number for first, second in pairs[1:] for number in (*first, *second))
    return replace(made, further=further)


@lru_cache(maxsize=256)
def most_frequent(rows: int, columns: int, stride: int, step: int, floating: bool) -> Program:
    """The mode of rows x columns samples: in their order, the first of the longest run of equal ones."""
    graph, samples, nan = ordered(rows, columns, stride, step, floating)
    writer = _written(graph, samples + nan)
    best, result = writer.slots, writer.slots + _RUNS
    places = [writer.at(ref) for ref in samples]
    writer.code.append((START, *places[0], 0, 0, best, 0, 0))
    writer.code += [(RUN, *after, *before, best, 0, 0) for before, after in pairwise(places)]
    writer.code += [(NAN, *writer.at(ref), best, 0, result, 0, 0) for ref in nan]
    return _program(writer.code, [Ref(result if nan else best, 0)], result + 1)


@lru_cache(maxsize=256)
def partial_selection(rows: int, columns: int, stride: int, step: int, low: int, high: int, floating: bool) -> Program:
    """Return the program of windows that lack samples: each lane's own rank, from ``low`` to ``high``, and the next.

    All samples are put in order, which takes about three times as long as one rank of 15 x 15, but one program does for
    windows that lack any of their samples.
    """
    graph, window = loaded(rows, columns, stride, step)
    high = min(high + 1, rows * columns - 1)
    samples = selected(graph, [graph.sort(column) for column in window], low, high)
    nan = nan_of(graph, window) if floating else []
    writer = _written(graph, samples + nan)
    best, result = writer.slots, writer.slots + 2 * len(nan)
    writer.code += [*_counting(columns, stride, step), (RANK, *[0] * (FIELDS - 1))]
    writer.code += [(PICK, *writer.at(ref), 0, 0, best, number, 0) for number, ref in enumerate(samples, low)]
    writer.code += [(NAN, *writer.at(ref), best + i, 0, result + i, 0, 0) for ref in nan for i in range(2)]
    return _program(writer.code, [Ref(result, 0)], result + 2)


@lru_cache(maxsize=256)
def partial_most_frequent(rows: int, columns: int, stride: int, step: int, floating: bool) -> Program:
    """Return the program of the mode of windows that lack samples: missing ones, last in order, are not counted."""
    graph, samples, nan = ordered(rows, columns, stride, step, floating)
    writer = _written(graph, samples + nan)
    best, result = writer.slots, writer.slots + _RUNS * len(nan)
    places = [writer.at(ref) for ref in samples]
    writer.code += [*_counting(columns, stride, step), (START, *places[0], 0, 0, best, 0, 0)]
    writer.code += [(RUN_PRESENT, *after, *before, best, number, 0)
                    for number, (before, after) in enumerate(pairwise(places), 1)]
    writer.code += [(NAN, *writer.at(ref), best, 0, result, 0, 0) for ref in nan]
    return _program(writer.code, [Ref(result, 0)], result + _RUNS)


def _counting(columns: int, stride: int, step: int) -> list[tuple[int, ...]]:
    """The instructions that add up what is present in each column of a window (counters begin with 1)."""
    phases = sorted({i * step % stride for i in range(columns)})
    return [(COUNT, 1 + phases.index(i * step % stride), i * step // stride, *[0] * (FIELDS - 3))
            for i in range(columns)]


def _program(code: list[tuple[int, ...]], results: Sequence[Ref], slots: int) -> Program:
    """Instructions as the kernel reads them."""
    numbers = np.array(code, np.int64)
    loads = numbers[:, KIND] == LOAD
    phases, counters = np.unique(numbers[loads, B], return_inverse=True)
    numbers[loads, HIGH] = counters.reshape(-1) + 1
    return Program(numbers, (results[0], results[-1]), slots, int(numbers[:, REACH].max()), len(phases))
