"""Networks that order the samples of a window, as values made from others, each once for all neighbours.

A window has rows of samples; a row is loaded once for many neighbouring windows, the *lanes*, and one instruction works
on a run of all lanes. A sample of the window is a row at a shift: the lane's right neighbour reads the same row one
further on. So whatever is done to two samples is done for free to the same two samples anywhere else in the window: the
sorted columns are one sorted column at several shifts, and so are the merged pairs of columns, and the merged fours. A
median of 5x5 takes 90 minima and maxima instead of the 174 of the best network without shifts; of 9x9, 404.

Sorting and merging are Batcher's odd-even networks (Knuth, The Art of Computer Programming 3, 5.3.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from .interpreter import GREATER, LESSER, LOAD, NAN


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


def _powers(n: int) -> Iterable[tuple[int, int]]:
    """0 to n cut into powers of two, falling."""
    start = 0
    while start < n:
        power = 1 << (n - start).bit_length() - 1
        yield start, start + power
        start += power


def selected(graph: Graph, columns: list[list[Ref]], low: int, high: int) -> list[Ref]:
    """The samples of the ranks ``low`` to ``high`` of all columns, which rise."""
    return _chosen(graph, [graph.merged(columns[start:stop]) for start, stop in _powers(len(columns))], low, high)


def _chosen(graph: Graph, lists: list[list[Ref]], low: int, high: int) -> list[Ref]:
    """The samples of the ranks ``low`` to ``high`` of rising lists.

    The shortest two lists are merged until one is left. A place of a list of m has so many samples below it and so many
    above it that it may be out of the question: it is dropped, and the ranks are counted without it.
    """
    while len(lists) > 1:
        lists, low, high = _candidates(lists, low, high)
        lists.sort(key=len)
        lists = [*lists[2:], graph.merge(lists[0], lists[1])] if len(lists) > 1 else lists
    return lists[0][low : high + 1]


def _crossed(graph: Graph, columns: list[list[Ref]], low: int, high: int) -> list[Ref]:
    """The same by sorting rows too: place j of row i then has (i + 1)(j + 1) - 1 others below it, few are left.

    Of 3x3, the greatest of the least, the middle of the middle ones and the least of the greatest.
    """
    height, width = len(columns[0]), len(columns)
    lists, dropped = [], 0
    for i in range(height):
        below = sum((height - i) * (width - j) > height * width - low for j in range(width))
        above = sum((i + 1) * (j + 1) - 1 > high for j in range(width))
        dropped += below
        if below + above < width:
            lists.append(selected(graph, [[column[i]] for column in columns], below, width - 1 - above))
    return _chosen(graph, lists, low - dropped, high - dropped)


def _quickest(graph: Graph, columns: list[list[Ref]], low: int, high: int) -> list[Ref]:
    """``selected`` or ``_crossed``, whichever takes fewer minima and maxima: 22 or 18 for the median of 3x3."""
    ways = [selected(graph, columns, low, high), _crossed(graph, columns, low, high)]
    return min(ways, key=lambda results: len(reaches(graph, results)))


def _candidates(lists: list[list[Ref]], low: int, high: int) -> tuple[list[list[Ref]], int, int]:
    """The lists without the places that cannot have the ranks, and the ranks among what is left."""
    n = 0
    while n != sum(map(len, lists)):
        n = sum(map(len, lists))
        below = [max(0, len(one) - (n - low)) for one in lists]
        lists = [one[start : high + 1] for one, start in zip(lists, below, strict=True)]
        low, high = low - sum(below), high - sum(below)
    return [one for one in lists if one], low, high


def reaches(graph: Graph, results: Sequence[Ref]) -> dict[int, int]:
    """For each value that the results need, how many lanes further on it is read."""
    reach: dict[int, int] = {}
    for ref in results:
        reach[ref.value] = max(reach.get(ref.value, 0), ref.shift)
    for number in reversed(range(len(graph.values))):
        for ref in graph.values[number].inputs() if number in reach else ():
            reach[ref.value] = max(reach.get(ref.value, 0), ref.shift + reach[number])
    return reach


def loaded(rows: int, columns: int, stride: int, step: int) -> tuple[Graph, list[list[Ref]]]:
    """The samples of a window, column by column."""
    graph = Graph()
    places = [divmod(i * step, stride) for i in range(columns)]
    return graph, [[graph.load(row, phase, shift) for row in range(rows)] for shift, phase in places]


def ranked(rows: int, columns: int, stride: int, step: int, low: int, high: int, floating: bool,
           together: int = 1) -> tuple[Graph, list[list[Ref]]]:
    """The samples of the ranks ``low`` and ``high`` (the same or the next) of rows x columns samples.

    Neighbouring windows are ``stride`` columns apart, those of one window ``step``. There are so many windows
    ``together``, each a row below the one before: the part of a column that all of them have is sorted once.
    """
    graph, window = loaded(rows + together - 1, columns, stride, step)
    common = [graph.sort(column[together - 1 : rows]) for column in window]
    results = []
    for first in range(together):
        own = [graph.sort(column[first : together - 1] + column[rows : rows + first]) for column in window]
        sorted_columns = [graph.merge(a, b) for a, b in zip(own, common, strict=True)]
        found = _quickest(graph, sorted_columns, low, high)
        if floating:
            nan = graph.nan_among([graph.nan_among(column[first : first + rows]) for column in window])
            found = [graph.of_two((NAN,), nan, found[0])[0], *found[1:]]
        results.append(found)
    return graph, results


def _narrowed(lists: list[list[Ref]], low: int, high: int, later: int) -> tuple[list[list[Ref]], int, int]:
    """``_candidates`` where so many samples will be added ``later``."""
    n = -1
    while n != sum(map(len, lists)) + later:
        n = sum(map(len, lists)) + later
        below = [max(0, len(one) - (n - low)) for one in lists]
        lists = [one[start : high + 1] for one, start in zip(lists, below, strict=True)]
        low, high = low - sum(below), high - sum(below)
    return [one for one in lists if one], low, high


class _TileNetwork:
    """The network of a tile of windows: what all of them have in common is put in order first.

    The tile is halved until a window is left, and each half takes in the columns or rows that its windows share beside
    (Adams, "Fast median filters using separable sorting networks", ACM Trans. Graph. 40 (2021)). A sorted list keeps
    only the places that may still have the rank. The median of 15x15 takes 488 minima and maxima a window in tiles of
    2 x 4, where windows one by one take 2,266; of 7x7, 114 and 294.
    """

    def __init__(self, rows: int, columns: int, high: int, wide: int) -> None:
        self.rows, self.columns = rows, columns
        self.graph = Graph()
        self.samples = [[self.graph.load(row, x % wide, x // wide) for row in range(rows + high - 1)]
                        for x in range(columns + wide - 1)]
        self.common = high - 1, rows
        self.known: dict[tuple[int, ...], list[Ref]] = {}
        self.found: dict[tuple[int, int], list[Ref]] = {}

    def select(self, high: int, wide: int, low_rank: int, high_rank: int) -> None:
        """Find the samples of the ranks in every window of the tile."""
        columns = [self.column(x, *self.common) for x in range(wide - 1, self.columns)]
        lists = [self.graph.merged(columns[start:stop]) for start, stop in _powers(len(columns))]
        box = (*self.common, wide - 1, self.columns)
        self.halve((0, high, 0, wide), box, *self.merged(lists, low_rank, high_rank, box))

    def column(self, x: int, top: int, bottom: int) -> list[Ref]:
        """The samples of a column in order: what all windows have of it, and what some have beside."""
        if (x, top, bottom) not in self.known:
            begin, stop = self.common
            column, graph = self.samples[x], self.graph
            beside = graph.merge(graph.sort(column[top:begin]), graph.sort(column[stop:bottom]))
            self.known[x, top, bottom] = graph.merge(beside, graph.sort(column[begin:stop]))
        return self.known[x, top, bottom]

    def row(self, y: int, left: int, right: int) -> list[Ref]:
        """The samples of a row in order."""
        if (y, left, right, 0) not in self.known:
            parts = [self.graph.merged([[self.samples[x][y]] for x in range(left + start, left + stop)])
                     for start, stop in _powers(right - left)]
            while len(parts) > 1:
                parts.sort(key=len)
                parts = [*parts[2:], self.graph.merge(parts[0], parts[1])]
            self.known[y, left, right, 0] = parts[0]
        return self.known[y, left, right, 0]

    def merged(self, lists: list[list[Ref]], low: int, high: int,
               box: tuple[int, int, int, int]) -> tuple[list[Ref], int, int]:
        """One list of what may have the ranks, once the samples of a box are in it."""
        later = self.rows * self.columns - (box[1] - box[0]) * (box[3] - box[2])
        lists, low, high = _narrowed(lists, low, high, later)
        while len(lists) > 1:
            lists.sort(key=len)
            lists, low, high = _narrowed([*lists[2:], self.graph.merge(lists[0], lists[1])], low, high, later)
        return lists[0] if lists else [], low, high

    def halve(self, tile: tuple[int, int, int, int], box: tuple[int, int, int, int], best: list[Ref], low: int,
              high: int) -> None:
        """Go on with each half of a tile of windows that all have the samples of a box, ``best`` of which are left."""
        y0, y1, x0, x1 = tile
        top, bottom, left, right = box
        if (y1 - y0, x1 - x0) == (1, 1):
            self.found[y0, x0] = best[low : high + 1]
        elif x1 - x0 > y1 - y0:
            for begin, stop in ((x0, (x0 + x1) // 2), ((x0 + x1) // 2, x1)):
                a, b = stop - 1, begin + self.columns
                more = [self.column(x, top, bottom) for x in (*range(a, left), *range(right, b))]
                lists = [self.graph.merged(more[first:last]) for first, last in _powers(len(more))]
                wider = (top, bottom, a, b)
                self.halve((y0, y1, begin, stop), wider, *self.merged([best, *lists], low, high, wider))
        else:
            for begin, stop in ((y0, (y0 + y1) // 2), ((y0 + y1) // 2, y1)):
                a, b = stop - 1, begin + self.rows
                lists = [self.row(y, left, right) for y in (*range(a, top), *range(bottom, b))]
                taller = (a, b, left, right)
                self.halve((begin, stop, x0, x1), taller, *self.merged([best, *lists], low, high, taller))


def tiled(rows: int, columns: int, high: int, wide: int, low_rank: int, high_rank: int,
          floating: bool) -> tuple[Graph, dict[tuple[int, int], list[Ref]]]:
    """The samples of one rank or two in each window of a tile of ``high`` x ``wide``, at stride 1."""
    tile = _TileNetwork(rows, columns, high, wide)
    tile.select(high, wide, low_rank, high_rank)
    for (y, x), found in tile.found.items():
        if floating:
            nan = nan_of(tile.graph, [column[y : y + rows] for column in tile.samples[x : x + columns]])
            found[0] = tile.graph.of_two((NAN,), nan[0], found[0])[0]
    return tile.graph, tile.found


def nan_of(graph: Graph, window: list[list[Ref]]) -> list[Ref]:
    """A value that is NaN where a sample of the window is."""
    return [graph.nan_among([graph.nan_among(column) for column in window])]


def ordered(rows: int, columns: int, stride: int, step: int, floating: bool) -> tuple[Graph, list[Ref], list[Ref]]:
    """All samples of a window in their order; and, if there may be one, a value that is NaN where one of them is."""
    graph, window = loaded(rows, columns, stride, step)
    samples = selected(graph, [graph.sort(column) for column in window], 0, rows * columns - 1)
    return graph, samples, nan_of(graph, window) if floating else []
