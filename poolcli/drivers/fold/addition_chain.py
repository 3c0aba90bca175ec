"""Short chains of spans, from 1 to a window's size: how a row is folded along itself (``kernels/fold_row.py``)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ...kernels.fold import fold_row, rows

_PASS = 1.5
"""What writing a row costs, in reads of one."""
_NEAR = 3
"""How many spans are tried for each number of copies."""

Step = tuple[int, ...]
"""The spans that are merged, in order; their sum is the step's span."""


@lru_cache(maxsize=1024)
def chain(size: int) -> tuple[Step, ...]:
    """The cheapest steps to ``size`` samples: some copies of one span, and a rest that was a span on the way there.

    31 is 15 + 15 + 1, 15 is 5 + 5 + 5, 5 is five samples.
    """
    if size == 1:
        return ()
    found = []
    for copies in range(2, fold_row.MOST_SOURCES + 1):
        for span in range(size // copies, max(0, size // copies - _NEAR), -1):
            before, rest = chain(span), size - copies * span
            if rest == 0 or (copies < fold_row.MOST_SOURCES and rest in (1, *map(sum, before))):
                found.append((*before, (span,) * copies + (rest,) * (rest > 0)))
                break
    return min(found, key=_estimate_cost)


def _estimate_cost(steps: tuple[Step, ...]) -> float:
    """Reads of a row, about."""
    return sum(len(step) + _PASS for step in steps)


def table(size: int) -> NDArray[np.int64]:
    """The size, the number of steps and the steps, as kernels read them; a row is used again when it is done with."""
    steps = chain(size)
    held = {1: 0}
    found = [size, len(steps)]
    for i, step in enumerate(steps):
        needed = {span for later in steps[i:] for span in later}
        held = {span: row for span, row in held.items() if span in needed or span == 1}
        to = next(row for row in range(1, rows.ROWS) if row not in held.values())
        sources = [number for j, span in enumerate(step) for number in (held[span], sum(step[:j]))]
        found += [to, sum(step), len(step), *sources, *(0,) * (2 * fold_row.MOST_SOURCES - len(sources))]
        held[sum(step)] = to
    return np.array(found, np.int64)
