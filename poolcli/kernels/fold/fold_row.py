"""Fold a scratch row along itself, by steps that merge two to five shifted copies each.

``drivers/fold/addition_chain.py`` says which: 5, 15 and 31 samples in three passes of eleven reads, where doubling
takes eight passes of sixteen. Avg 31x31/1 on 16 MP of float32 takes 8 ms more by it than 31x1/1.
"""

from __future__ import annotations

from typing import Any

from ..double_double import Buffer

TO, SPAN, COUNT, SOURCES = range(4)
"""A step: the row it makes, how many samples each of its states has, how many copies are merged, and of these each a
row and how many samples it is shifted.
"""
MOST_SOURCES = 5
STEP = SOURCES + 2 * MOST_SOURCES
STEPS, FIRST_STEP = 1, 2
"""In the table of kinds, behind the one size: the number of steps, and the steps."""


def fold_by_steps(fold: Any, kinds: Buffer, unit: int, room: int) -> int:
    """Fold row 0 along itself over windows of samples ``unit`` apart; return where the result is."""
    result = 0
    for i in range(kinds[STEPS]):
        step = FIRST_STEP + i * STEP
        result = kinds[step + TO] * room
        _merge_some(fold, kinds, step, unit, room, result, room - (kinds[step + SPAN] - 1) * unit)
    return result


def _place(kinds: Buffer, step: int, i: int, unit: int, room: int) -> int:
    """Where source i of a step begins."""
    at = step + SOURCES + 2 * i
    begins: int = kinds[at] * room + kinds[at + 1] * unit
    return begins


def _merge_some(fold: Any, kinds: Buffer, step: int, unit: int, room: int, to: int, n: int) -> None:
    """scratch[to :] = n states, each merged from those of all sources."""
    count = kinds[step + COUNT]
    a, b, c = (_place(kinds, step, 0, unit, room), _place(kinds, step, 1, unit, room),
               _place(kinds, step, 2, unit, room))
    d, e = _place(kinds, step, 3, unit, room), _place(kinds, step, 4, unit, room)
    if count == 2:
        for i in range(n):
            fold.save(fold.scratch, to + i, _two(fold, a + i, b + i))
    elif count == 3:
        for i in range(n):
            fold.save(fold.scratch, to + i, fold.merge(_two(fold, a + i, b + i), fold.load(fold.scratch, c + i)))
    elif count == 4:
        for i in range(n):
            fold.save(fold.scratch, to + i, fold.merge(_two(fold, a + i, b + i), _two(fold, c + i, d + i)))
    else:
        for i in range(n):
            four = fold.merge(_two(fold, a + i, b + i), _two(fold, c + i, d + i))
            fold.save(fold.scratch, to + i, fold.merge(four, fold.load(fold.scratch, e + i)))


def _two(fold: Any, a: int, b: int) -> Any:
    """The merged states at a and at b."""
    return fold.merge(fold.load(fold.scratch, a), fold.load(fold.scratch, b))
