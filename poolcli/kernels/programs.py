"""Networks that order the samples of a window, as short programs for the network kernel (``kernels/networks.py``).

A window has rows of samples; a row is loaded once for many neighbouring windows, the *lanes*, and one instruction works
on a run of all lanes. A sample of the window is a row at a shift: the lane's right neighbour reads the same row one
further on. So whatever is done to two samples is done for free to the same two samples anywhere else in the window: the
sorted columns are one sorted column at several shifts, and so are the merged pairs of columns, and the merged fours. A
median of 5x5 takes 90 minima and maxima instead of the 174 of the best network without shifts; of 9x9, 404.

Sorting and merging are Batcher's odd-even networks (Knuth, The Art of Computer Programming 3, 5.3.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, zip_longest
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .networks import BOTH, GREATER, LESSER, LOAD, NAN, RUN, START

RUNS = 3
"""Slots for counting runs: the best sample, its count, the count that goes on."""


class Ref(NamedTuple):
    """The number of a value, and how many lanes further on it is read."""

    value: int
    shift: int


class Value(NamedTuple):
    """How a value is made: from a loaded row (``a`` is its number, ``b`` its phase) or from two others."""

    kind: int
    a: Ref
    b: Ref

    def inputs(self) -> tuple[Ref, ...]:
        """The values that it is made from."""
        return () if self.kind == LOAD else (self.a, self.b)


class Graph:
    """Values, each made once however often it is asked for."""

    def __init__(self) -> None:
        self.values: list[Value] = []
        self.numbers: dict[Value, int] = {}

    def number(self, kind: int, a: Ref, b: Ref) -> int:
        """The number of a value."""
        value = Value(kind, a, b)
        if value not in self.numbers:
            self.numbers[value] = len(self.values)
            self.values.append(value)
        return self.numbers[value]

    def load(self, row: int, phase: int, shift: int) -> Ref:
        """A sample of the window: place ``shift`` of those places of a row that are ``phase`` beyond a stride."""
        return Ref(self.number(LOAD, Ref(row, 0), Ref(phase, 0)), shift)

    def of_two(self, kinds: Sequence[int], a: Ref, b: Ref) -> list[Ref]:
        """The values of both, at the nearer one's shift: so the same pair further on is found again."""
        base = min(a.shift, b.shift)
        a, b = Ref(a.value, a.shift - base), Ref(b.value, b.shift - base)
        return [Ref(self.number(kind, a, b), base) for kind in kinds]

    def exchange(self, a: Ref, b: Ref) -> list[Ref]:
        """The lesser and the greater of two."""
        return self.of_two((LESSER, GREATER), *((a, b) if (a.shift, a.value) < (b.shift, b.value) else (b, a)))

    def merge(self, a: list[Ref], b: list[Ref]) -> list[Ref]:
        """Two rising lists as one: the even and the odd places are merged, then neighbours exchanged."""
        if not a or not b:
            return a + b
        if len(a) == len(b) == 1:
            return self.exchange(a[0], b[0])
        even, odd = self.merge(a[::2], b[::2]), self.merge(a[1::2], b[1::2])
        pairs = zip_longest(odd, even[1:])
        return [even[0], *(ref for x, y in pairs for ref in (self.exchange(x, y) if x and y else [x or y]))]

    def sort(self, refs: list[Ref]) -> list[Ref]:
        """A rising list."""
        if len(refs) < 2:
            return refs
        half = len(refs) // 2
        return self.merge(self.sort(refs[:half]), self.sort(refs[half:]))

    def merged(self, columns: list[list[Ref]]) -> list[Ref]:
        """Rising columns, a power of two of them, as one list; halves alike, so that they are one value shifted."""
        if len(columns) == 1:
            return columns[0]
        half = len(columns) // 2
        return self.merge(self.merged(columns[:half]), self.merged(columns[half:]))

    def nan_among(self, refs: list[Ref]) -> Ref:
        """A value that is NaN where one of these is."""
        if len(refs) == 1:
            return refs[0]
        power = 1 << (len(refs) - 1).bit_length() - 1
        return self.of_two((NAN,), self.nan_among(refs[:power]), self.nan_among(refs[power:]))[0]


def powers(n: int) -> Iterable[tuple[int, int]]:
    """0 to n cut into powers of two, falling."""
    start = 0
    while start < n:
        power = 1 << (n - start).bit_length() - 1
        yield start, start + power
        start += power


def selected(graph: Graph, columns: list[list[Ref]], low: int, high: int) -> list[Ref]:
    """The samples of the ranks ``low`` to ``high`` of all columns, which rise.

    The shortest two lists are merged until one is left. A place of a list of m has so many samples below it and so many
    above it that it may be out of the question: it is dropped, and the ranks are counted without it.
    """
    lists = [graph.merged(columns[start:stop]) for start, stop in powers(len(columns))]
    while len(lists) > 1:
        lists, low, high = candidates(lists, low, high)
        lists.sort(key=len)
        lists = [*lists[2:], graph.merge(lists[0], lists[1])] if len(lists) > 1 else lists
    return lists[0][low : high + 1]


def candidates(lists: list[list[Ref]], low: int, high: int) -> tuple[list[list[Ref]], int, int]:
    """The lists without the places that cannot have the ranks, and the ranks among what is left."""
    n = 0
    while n != sum(map(len, lists)):
        n = sum(map(len, lists))
        below = [max(0, len(one) - (n - low)) for one in lists]
        lists = [one[start : high + 1] for one, start in zip(lists, below, strict=True)]
        low, high = low - sum(below), high - sum(below)
    return [one for one in lists if one], low, high


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


def reaches(graph: Graph, results: Sequence[Ref]) -> dict[int, int]:
    """For each value that the results need, how many lanes further on it is read."""
    reach: dict[int, int] = {}
    for ref in results:
        reach[ref.value] = max(reach.get(ref.value, 0), ref.shift)
    for number in reversed(range(len(graph.values))):
        for ref in graph.values[number].inputs() if number in reach else ():
            reach[ref.value] = max(reach.get(ref.value, 0), ref.shift + reach[number])
    return reach


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


def ranked(rows: int, columns: int, stride: int, step: int, low: int, high: int,
           floating: bool) -> tuple[Graph, list[Ref]]:
    """The samples of the ranks ``low`` and ``high`` (the same or the next) of rows x columns samples.

    Neighbouring windows are ``stride`` columns apart, those of one window ``step``.
    """
    graph, window = loaded(rows, columns, stride, step)
    results = selected(graph, [graph.sort(column) for column in window], low, high)
    if floating:
        nan = graph.nan_among([graph.nan_among(column) for column in window])
        results = [graph.of_two((NAN,), nan, results[0])[0], *results[1:]]
    return graph, results


@lru_cache(maxsize=256)
def selection(rows: int, columns: int, stride: int, step: int, low: int, high: int, floating: bool) -> Program:
    """``ranked`` as a program."""
    graph, results = ranked(rows, columns, stride, step, low, high, floating)
    writer = written(graph, results)
    return program(writer.code, [Ref(*writer.at(ref)) for ref in results], writer.slots)


def ordered(rows: int, columns: int, stride: int, step: int, floating: bool) -> tuple[Graph, list[Ref], list[Ref]]:
    """All samples of a window in their order; and, if there may be one, a value that is NaN where one of them is."""
    graph, window = loaded(rows, columns, stride, step)
    samples = selected(graph, [graph.sort(column) for column in window], 0, rows * columns - 1)
    nan = [graph.nan_among([graph.nan_among(column) for column in window])] if floating else []
    return graph, samples, nan


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


def loaded(rows: int, columns: int, stride: int, step: int) -> tuple[Graph, list[list[Ref]]]:
    """The samples of a window, column by column."""
    graph = Graph()
    places = [divmod(i * step, stride) for i in range(columns)]
    return graph, [[graph.load(row, phase, shift) for row in range(rows)] for shift, phase in places]
