"""A network as one loop of straight-line code, for the windows that fill most of a large array.

The network kernel keeps every value of a program in a slot: a load or two and a store for each minimum. Here the text
of a kernel is written for one network: values stay in registers, and only those that a neighbouring lane reads are
stored. It takes the arguments of the network kernel, whose place it takes; a kernel for each shape, rank and number of
channels is worth it for large arrays only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from .graph import Graph, Ref, Value, ranked, reaches
from .interpreter import CELLS, GREATER, LESSER, LINES, LOAD, NAN, ROUNDING, WHOLE_ROW, signed

_BITS = 1
"""Where ``_Text.fixed`` has the bits."""
_NEAR = 20480
"""Lanes of all slots together, of which so many bytes share the nearest cache with the samples: 5x5/1 on 16 MP of uint8
takes 5.2 ms by it, by twice as many 6.4."""
_LEAST, _MOST = 512, 4096
"""The lanes of a strip: at least, where slots are many, and at most. The last strip of a line begins so early that it
is as long as the others, since what is left over from whole vectors would be done one by one."""
_AGAIN = 1.7
"""One loop makes everything, what neighbours share once for each, if that takes at most so many times the minima and
maxima: slots cost stores, and loads across two cache lines. 3x3/1 on 16 MP of uint8 takes 1.8 ms by it, else 2.5."""
_VECTOR = 64
"""Strips have a multiple of so many lanes."""
_SPARE = 192
"""Lanes of a slot beyond a strip; no power of two, so that slots do not fall on the same lines of the cache."""


def _least(x: Any, y: Any) -> Any:
    """The lesser of two."""
    return x if x < y else y


def _most(x: Any, y: Any) -> Any:
    """The greater of two."""
    return y if x < y else x


def _nan_or(x: Any, y: Any) -> Any:
    """The first where it is NaN, else the second."""
    return x if x != x else y


def _passes(graph: Graph, reach: dict[int, int]) -> dict[int, int]:
    """In which loop each value is made: a value that a neighbour's value is needed for comes after that one's loop."""
    found: dict[int, int] = {}
    for number, value in enumerate(graph.values):
        if number in reach and value.kind != LOAD:
            before = [found[ref.value] + (ref.shift > 0) for ref in value.inputs() if ref.value in found]
            found[number] = max(before, default=0)
    return found


def _again(graph: Graph, results: Iterable[Ref]) -> set[Ref]:
    """What one loop makes in which nothing is kept for a neighbour: some values at several shifts."""
    found: set[Ref] = set()
    left = list(results)
    while left:
        ref = left.pop()
        if ref not in found and graph.values[ref.value].kind != LOAD:
            found.add(ref)
            left += [Ref(one.value, one.shift + ref.shift) for one in graph.values[ref.value].inputs()]
    return found


class _Text:
    """Writes the loops."""

    fixed: tuple[int, ...] = (0, 0, 0)
    """A point between two small integers in whole numbers (``interpreter.end_fixed``), as constants: the share
    times 2^bits, the bits, what is added before they are cut off. No bits: ``end`` writes."""

    def __init__(self, graph: Graph, lines: Sequence[Sequence[Ref]], inner: int, apart: int) -> None:
        self.graph, self.inner, self.apart = graph, inner, apart
        self.lines = lines
        results = [ref for line in self.lines for ref in line]
        self.reach = reaches(graph, results)
        self.loops = _passes(graph, self.reach)
        self.single = len(_again(graph, results)) <= _AGAIN * len(self.loops)
        if self.single:
            self.loops = dict.fromkeys(self.loops, 0)
        self.last = 0 if self.single else max(self.loops.values(), default=0) + any(ref.shift for ref in results)
        uses = [(self.loops[n], ref) for n in self.loops for ref in graph.values[n].inputs()]
        uses += [(self.last, ref) for ref in results]
        self.stored = sorted({ref.value for loop, ref in uses if ref.value in self.loops
                              and self.loops[ref.value] < loop})
        self.strip = min(max(_NEAR // (len(self.stored) + 1) // _VECTOR * _VECTOR, _LEAST), _MOST)
        self.room = self.strip + _SPARE

    def made(self, number: int) -> tuple[list[int], int]:
        """The values of a loop, and for how many lanes beyond a strip."""
        values = [n for n, loop in self.loops.items() if loop == number]
        return values, max((self.reach[n] for n in values), default=0) if number < self.last else 0

    def reads_only(self, columns: int) -> bool:
        """Whether no loop reads samples beyond those of the last window: one value may need fewer lanes than others."""
        return all(beyond + ref.shift < columns for number in range(self.last) for values, beyond in [self.made(number)]
                   for n in values for ref in self.graph.values[n].inputs() if ref.value not in self.loops)

    def loop(self, number: int) -> Iterator[str]:
        """One loop: its values, and what it stores."""
        made, beyond = self.made(number)
        yield f"for i in range(n + {beyond * self.inner}):"
        known: dict[Ref, str] = {}
        for n in [] if self.single else made:
            yield from self.value(Ref(n, 0), number, known)
            if n in self.stored:
                yield f"    slots[{self.stored.index(n) * self.room} + i] = {known[Ref(n, 0)]}"
        for line, results in enumerate(self.lines if number == self.last else []):
            for ref in results:
                yield from self.value(ref, number, known)
            yield from self.ending([known[ref] for ref in results], f"to{line}")

    def ending(self, found: list[str], to: str) -> Iterator[str]:
        """The results written."""
        a, b = found[0], found[-1]
        if self.fixed[_BITS]:
            share, bits, added = self.fixed
            sum_of_shares = f"signed({a}) * {(1 << bits) - share} + signed({b}) * {share} + {added}"
            yield f"    dst[{to} + i] = ({sum_of_shares}) >> {bits}"
        else:
            yield f"    good &= end({a}, {b}, dst, {to} + i, params, row, limits, rounding)"

    def value(self, ref: Ref, number: int, known: dict[Ref, str]) -> Iterator[str]:
        """A value of a loop, once: from the input, from the slot of an earlier loop, or made."""
        if ref in known:
            return
        value = self.graph.values[ref.value]
        if value.kind == LOAD:
            text = f"src[row{value.a.value} + i * {self.apart} + {self.place(ref, value)}]"
        elif self.loops[ref.value] < number:
            text = f"slots[{self.stored.index(ref.value) * self.room + ref.shift * self.inner} + i]"
        else:
            inputs = [Ref(one.value, one.shift + ref.shift) for one in value.inputs()]
            for one in inputs:
                yield from self.value(one, number, known)
            text = f"{_CALLS[value.kind]}({known[inputs[0]]}, {known[inputs[1]]})"
        known[ref] = f"v{len(known)}"
        yield f"    {known[ref]} = {text}"

    def place(self, ref: Ref, value: Value) -> int:
        """How far from its lane's first sample one is."""
        return (ref.shift * self.apart + value.b.value) * self.inner

    def kernel(self, rows: int) -> str:
        """All of it."""
        lines = []
        for line in range(len(self.lines)):
            lines.append(f"to{line} = targets[line + {line}] + cell")
            lines += [f"row{row + line} = sources[line + {line}] + cell * {self.apart} + offsets[{row}]"
                      for row in range(rows) if line == 0 or row == rows - 1]
        for number in range(self.last + 1):
            lines += self.loop(number)
        head = _HEAD.replace("STRIP", str(self.strip)).replace("TOGETHER", str(len(self.lines)))
        return head + "".join(f"            {line}\n" for line in lines) + _TAIL


_CALLS = {LESSER: "least", GREATER: "most", NAN: "nan_or"}

_HEAD = f"""
def pool_fused(src, dst, code, offsets, kinds, sources, targets, table, geometry, params, limits, missing, fill, slots,
               counts):
    good = True
    row = geometry[{WHOLE_ROW}]
    rounding = geometry[{ROUNDING}]
    cells = geometry[{CELLS}]
    strips = max((cells + STRIP - 1) // STRIP, 1 + (cells % {_VECTOR} > 0))
    n = min(cells, ((cells + strips - 1) // strips + {_VECTOR - 1}) // {_VECTOR} * {_VECTOR})
    for group in range((geometry[{LINES}] + TOGETHER - 1) // TOGETHER):
        line = min(group * TOGETHER, geometry[{LINES}] - TOGETHER)
        done = 0
        while done < cells:
            cell = min(done, cells - n)
"""
_TAIL = """            done += n
    return 0 if good else 1
"""


def text_of(rows: int, columns: int, stride: int, step: int, low: int, high: int, floating: int, inner: int,
            below: int) -> _Text:
    """The loops for one rank or two of a window.

    Two lines at a time (if each is one row ``below`` the other) where one loop makes both: that of 3x3 on 16 MP of
    uint8 takes 1.9 ms, of one line 2.3.
    """
    for together in range(1 + (below and rows > 1), 0, -1):
        graph, lines = ranked(rows, columns, stride, step, low, high, bool(floating), together)
        text = _Text(graph, lines, inner, stride)
        if text.single:
            break
    return text


@lru_cache(maxsize=256)
def slots_needed(rows: int, columns: int, stride: int, step: int, low: int, high: int, floating: int, inner: int,
                 below: int) -> int:
    """How many lanes of scratch space the kernel needs; 0 where there is none for such a window."""
    text = text_of(rows, columns, stride, step, low, high, floating, inner, below)
    reach = (columns - 1) * step // stride
    return (len(text.stored) + 1) * text.room if text.reads_only(reach + 1) and 2 * reach * inner < _SPARE else 0


def make_kernel(end: Callable[..., bool], rows: int, columns: int, stride: int, step: int, low: int, high: int,
                floating: int, inner: int, below: int, *fixed: int) -> Callable[..., int]:
    """Return the kernel of one kind of window, for ``inner`` channels (one, if the stride is not 1).

    ``below`` is 1 if the lines are each a row of the input further down than the one before, and two at least.
    """
    text = text_of(rows, columns, stride, step, low, high, floating, inner, below)
    text.fixed = fixed or text.fixed
    names: dict[str, Any] = {"end": end, "least": _least, "most": _most, "nan_or": _nan_or, "signed": signed}
    exec(text.kernel(rows), names)  # made of numbers alone
    kernel: Callable[..., int] = names["pool_fused"]
    return kernel
