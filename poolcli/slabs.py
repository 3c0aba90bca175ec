"""A plan cut along its first axis, so that arrays larger than memory, and pipes, are pooled as they come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .axes import KEPT
from .plans import Part, Plan
from .pooling import Pooling
from .windows import Windows, as_array, shift

Array = NDArray[Any]

SLAB_BYTES = 1 << 24
"""Input of one slab: 16 MiB keep two threads busy and a pipe flowing."""


@dataclass(frozen=True, eq=False)
class Slab:
    """A part of a plan: rows ``start:stop`` of the input's first axis give the next rows of the output."""

    start: int
    stop: int
    plan: Plan
    part: Part


def obstacle(pooling: Pooling, plan: Plan, itemsize: int) -> str | None:
    """Why a plan cannot be pooled slab by slab, or None."""
    if plan.axes.order != tuple(range(len(plan.axes.order))):
        return f"in layout {plan.axes.letters} a kept axis lies between pooled ones"
    if plan.axes.letters[0] in KEPT:
        return None
    if pooling.pad_mode != "exclude":
        return f"pad mode {pooling.pad_mode} needs rows from both ends"
    windows, row = plan.windows[0], row_bytes(plan, itemsize)
    widest = int((as_array(windows.stops) - as_array(windows.starts)).max(initial=0))
    if widest * row > 4 * SLAB_BYTES:
        return f"a window takes {widest} rows of {row:,} bytes"
    return None


def row_bytes(plan: Plan, itemsize: int) -> int:
    """The bytes of one step along the first axis."""
    return prod(plan.input_shape[1:]) * itemsize


def slabs(plan: Plan, itemsize: int) -> Iterator[Slab]:
    """Cut a plan: every output row belongs to one slab, in order."""
    at_least = max(1, SLAB_BYTES // max(1, row_bytes(plan, itemsize)))
    outputs = prod(plan.full_shape[1:])
    if plan.axes.letters[0] in KEPT:
        for start in range(0, plan.input_shape[0], at_least):
            stop = min(start + at_least, plan.input_shape[0])
            part = replace(plan, input_shape=(stop - start, *plan.input_shape[1:]))
            yield Slab(start, stop, part, Part(plan, start * outputs, origin(plan, 0)))
        return
    windows = plan.windows[0]
    # unclipped bounds rise from window to window; first samples need not: dilation keeps its phase at the border
    first = np.maximum(as_array(windows.starts), 0)
    last = np.minimum(as_array(windows.stops), windows.length)
    i = 0
    while i < len(windows):
        j = max(i + 1, int(np.searchsorted(last, first[i] + at_least, "right")))
        start, stop = int(first[i]), int(last[j - 1])
        along = cut_windows(windows[i:j], start, stop)
        part = replace(plan, input_shape=(stop - start, *plan.input_shape[1:]), windows=(along, *plan.windows[1:]))
        yield Slab(start, stop, part, Part(plan, i * outputs, origin(plan, start)))
        i = j


def cut_windows(windows: Windows, start: int, stop: int) -> Windows:
    """The same windows on the samples start:stop of their axis; what lies beyond still counts as it did."""
    after = windows.length + windows.after - stop
    return Windows(stop - start, shift(windows.starts, -start), shift(windows.stops, -start), windows.step,
                   windows.before, after)


def origin(plan: Plan, start: int) -> int:
    """Where the plan's first window along H starts, in the rows of a slab that begins at ``start``."""
    if len(plan.windows) < 2:
        return 0
    of_first_axis = plan.axes.pooled[-2] == 0
    return int(plan.windows[-2].starts[0]) - (start if of_first_axis else 0)


def reads(plan: Plan, itemsize: int) -> Iterator[tuple[int, int]]:
    """What the slabs need of the first axis, in order: how many rows to pass over, and how many then to read."""
    begun = 0
    for slab in slabs(plan, itemsize):
        yield max(0, slab.start - begun), slab.stop - max(begun, slab.start)
        begun = slab.stop


def pool_slabs(pooling: Pooling, plan: Plan, dtype: np.dtype[Any], blocks: Iterable[Array]) -> Iterator[Array]:
    """Pool a plan slab by slab; ``blocks`` are the rows that ``reads`` asks for. Together the results are the whole."""
    rest = np.empty((0, *plan.input_shape[1:]), dtype)
    begun = 0
    for slab, fresh in zip(slabs(plan, dtype.itemsize), blocks, strict=True):
        kept = max(0, begun - slab.start)
        rest = np.concatenate([rest[len(rest) - kept :], fresh]) if kept else fresh
        begun = slab.stop
        yield pooling.run(rest, slab.plan, part=slab.part).values
