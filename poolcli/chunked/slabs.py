"""A plan cut into slabs, so that arrays larger than memory, and pipes, are pooled as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.boxes import Box, Range, full_box, subplan
from ..core.plans import Plan, PlanPart
from ..core.windows import as_array
from ..pooling import Pooling
from .sample_sources import SampleSources

Array = NDArray[Any]

SLAB_BYTES = 1 << 23
"""Input of one slab. Some eight of that size are in memory at a time; 4 to 16 MiB are equally fast, 1 MiB is not."""


@dataclass(frozen=True, eq=False)
class SlabLayout:
    """How a plan is cut: along one axis, within each of the planes that the axes before it make.

    A row is a step along that axis; rows are counted through all planes, as they lie in memory.
    """

    plan: Plan
    axis: int
    row_bytes: int

    @property
    def planes(self) -> int:
        """How many planes there are."""
        return prod(self.plan.input_shape[: self.axis])

    @property
    def length(self) -> int:
        """The rows of a plane."""
        return self.plan.input_shape[self.axis]

    @property
    def row_shape(self) -> tuple[int, ...]:
        """The axes behind that of the cut."""
        return self.plan.input_shape[self.axis + 1 :]

    @property
    def most(self) -> int:
        """Rows of a slab, more only where a window needs them."""
        return max(1, SLAB_BYTES // max(1, self.row_bytes))


@dataclass(frozen=True, eq=False)
class _Slab:
    """A part of a plan: the rows ``start:stop`` give the next rows of the output."""

    start: int
    stop: int
    plan: Plan
    part: PlanPart


def choose_slab_axis(pooling: Pooling, plan: Plan, itemsize: int) -> SlabLayout:
    """Cut along the first axis whose steps fit into a slab: a kept one, or the first that is pooled."""
    pooled = plan.axes.pooled[0]
    cuts = [SlabLayout(plan, axis, prod(plan.input_shape[axis + 1 :]) * itemsize) for axis in range(pooled + 1)]
    fitting = next((cut for cut in cuts[:-1] if cut.row_bytes <= SLAB_BYTES), None)
    return fitting or cuts[-1 if pooled == 0 or _why_not_by_rows(pooling, cuts[-1]) is None else -2]


def why_not_streamable(pooling: Pooling, plan: Plan, itemsize: int) -> str | None:
    """Why a plan cannot be pooled slab by slab, or None."""
    if plan.axes.order != tuple(range(len(plan.axes.order))):
        return f"in layout {plan.axes.letters} a kept axis lies between pooled ones"
    cut = choose_slab_axis(pooling, plan, itemsize)
    if cut.axis < plan.axes.pooled[0] and (cut.row_bytes <= 8 * SLAB_BYTES or cut.planes * cut.length > 1):
        return None
    by_rows = SlabLayout(plan, plan.axes.pooled[0], prod(plan.input_shape[plan.axes.pooled[0] + 1 :]) * itemsize)
    return _why_not_by_rows(pooling, by_rows)


def _why_not_by_rows(pooling: Pooling, cut: SlabLayout) -> str | None:
    """Why a pooled axis cannot be cut, or None."""
    if pooling.pad_mode != "exclude":
        return f"pad mode {pooling.pad_mode} needs rows from both ends"
    windows = cut.plan.windows[0]
    widest = int((as_array(windows.stops) - as_array(windows.starts)).max(initial=0))
    if widest * cut.row_bytes > 8 * SLAB_BYTES:
        return f"a window takes {widest} rows of {cut.row_bytes:,} bytes"
    return None


def _split_slabs(cut: SlabLayout) -> Iterator[_Slab]:
    """Every output row belongs to one slab, in order."""
    within = _split_kept_axis if cut.axis < cut.plan.axes.pooled[0] else _split_pooled_axis
    for plane in range(cut.planes):
        for start, stop, first, last in within(cut):
            inputs = (*_planes_at(plane, cut), (start, stop), *full_box(cut.row_shape))
            outputs = (*_planes_at(plane, cut), (first, last), *full_box(cut.plan.full_shape[cut.axis + 1 :]))
            before = plane * cut.length
            yield _Slab(before + start, before + stop, *subplan(cut.plan, outputs, inputs))


def count_slabs(cut: SlabLayout) -> int:
    """How many slabs there are, without making them."""
    within = _split_kept_axis if cut.axis < cut.plan.axes.pooled[0] else _split_pooled_axis
    return cut.planes * sum(1 for _ in within(cut))


def _planes_at(number: int, cut: SlabLayout) -> Box:
    """Where a plane lies, along the axes before that of the cut."""
    at: list[Range] = []
    for n in reversed(cut.plan.input_shape[: cut.axis]):
        number, i = divmod(number, n)
        at.append((i, i + 1))
    return tuple(reversed(at))


RowRange = tuple[int, int, int, int]
"""Rows start:stop of a plane, and the rows of output that they give."""


def _split_kept_axis(cut: SlabLayout) -> Iterator[RowRange]:
    """As many rows as a slab has room for."""
    for start in range(0, cut.length, cut.most):
        stop = min(start + cut.most, cut.length)
        yield start, stop, start, stop


def _split_pooled_axis(cut: SlabLayout) -> Iterator[RowRange]:
    """As many windows as there are in the rows of a slab."""
    windows = cut.plan.windows[0]
    # unclipped bounds rise from window to window; first samples need not: dilation keeps its phase at the border
    first = np.maximum(as_array(windows.starts), 0)
    last = np.minimum(as_array(windows.stops), windows.length)
    i = 0
    while i < len(windows):
        j = max(i + 1, int(np.searchsorted(last, first[i] + cut.most, "right")))
        yield int(first[i]), int(last[j - 1]), i, j
        i = j


def read_schedule(cut: SlabLayout) -> Iterator[tuple[int, int]]:
    """What the slabs need, in order: how many rows to pass over, and how many then to read."""
    begun = 0
    for slab in _split_slabs(cut):
        yield max(0, slab.start - begun), slab.stop - max(begun, slab.start)
        begun = slab.stop


SlabCallback = Callable[[Array, Plan, Array, PlanPart], None]
"""Is shown the samples of a slab, its plan, its values and its place."""


def pool_slabs(pooling: Pooling, cut: SlabLayout, blocks: Iterable[Array], check: SlabCallback | None = None,
               beside: SampleSources | None = None) -> Iterator[Array]:
    """Pool a plan slab by slab; ``blocks`` are the rows of ``read_schedule``. Together the results are the whole.

    What is ``beside`` says which samples count.
    """
    rest: Array | None = None
    begun = 0
    for slab, fresh in zip(_split_slabs(cut), blocks, strict=True):
        kept = max(0, begun - slab.start)
        rest = fresh if rest is None or not kept else np.concatenate([rest[len(rest) - kept :], fresh])
        begun = slab.stop
        samples = rest.reshape(slab.plan.input_shape)
        if beside is None:
            values = pooling.run(samples, slab.plan, part=slab.part).values
        else:
            inputs = tuple((at, at + n) for at, n in zip(slab.part.corner, samples.shape, strict=True))
            values = beside.pool(pooling, samples, inputs, slab.plan, slab.part)
        if check is not None:
            check(samples, slab.plan, values, slab.part)
        yield values
