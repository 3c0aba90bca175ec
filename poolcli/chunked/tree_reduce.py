"""Windows that are larger than a job: folded part by part, wherever, their states merged here and ended here.

A part is a box of samples along chunk borders, so each chunk is read once for all windows of a chunk of the output.
States are few numbers a window; they are merged in the order of the array, so that a run is the same however many work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..core import dtypes
from ..core.boxes import Box, Range, box_shape, input_box, subplan
from ..core.plans import Plan, place_in
from ..core.reducers import REDUCERS
from ..core.windows import Windows
from ..drivers.fold import partial as merging
from ..drivers.fold.partial import Merger, States
from ..engine.prepared import describe_unrepresentable
from ..errors import PoolError
from ..report import Tally
from . import chunk_shapes
from .executors import ChunkBackend, map_ordered
from .run_box import NULL_TARGET, BoxContext, write_box

Array = NDArray[Any]
Flags = NDArray[np.bool_]


def choose_merger(task: BoxContext) -> Merger | None:
    """The fold that puts windows together from parts, if the reducer has one and the windows are worth it."""
    largest = chunk_shapes.box_bytes(task.plan, [1] * len(task.plan.input_shape), task.itemsize)
    if largest <= min(task.most, chunk_shapes.JOB_BYTES // 2):
        return None
    merger = choose_fold(task)
    return merger if merger is not None and (merger.exact or largest > task.most) else None


def choose_fold(task: BoxContext) -> Merger | None:
    """The fold for the whole plan."""
    return merging.choose(task.pooling.prepare(task.plan, task.source.dtype).work)


@dataclass(frozen=True)
class _InputPart:
    """A box of samples, and the outputs whose windows reach into it."""

    outputs: Box
    inputs: Box


@dataclass(frozen=True, eq=False)
class _FoldedPart:
    """What a portion has of some windows."""

    outputs: Box
    states: States
    """In the array's order of axes."""
    there: Flags
    """Which of them have a sample there."""


def _fold_part(task: BoxContext, portion: _InputPart) -> _FoldedPart:
    """One job: read a part, fold what it has of each window. PoolError for what cannot be read or pooled."""
    merger = choose_fold(task)
    assert merger is not None
    samples = task.source.read(portion.inputs)
    task.pooling.check_array(samples, [start for start, _ in portion.inputs])
    plan, _ = subplan(task.plan, portion.outputs, portion.inputs)
    work = task.pooling.prepare(plan, samples.dtype).on(samples)
    states = tuple(plan.axes.restore(one, plan.full_shape) for one in merger.states(work.array, work.windows))
    there = np.ones(plan.full_shape, bool)
    for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True):
        there &= _reshape_along(windows.present[1] > 0, axis, len(plan.full_shape))
    return _FoldedPart(portion.outputs, states, there)


def _split_input(task: BoxContext, outputs: Box) -> Iterator[_InputPart]:
    """What the windows of a box of outputs are put together from, in the order of the array."""
    most = min(chunk_shapes.JOB_BYTES, task.most)
    for inputs in chunk_shapes.split_along_chunks(input_box(task.plan, outputs), task.source.chunks, task.itemsize,
                                                  most):
        hit = list(inputs)
        for axis, windows in zip(task.plan.axes.pooled, task.plan.windows, strict=True):
            hit[axis] = _find_reaching(windows, outputs[axis], inputs[axis])
        if all(start < stop for start, stop in hit):
            yield _InputPart(tuple(hit), inputs)


def _find_reaching(windows: Windows, outputs: Range, samples: Range) -> Range:
    """From the first to behind the last of some windows that begin before the end of some samples and end after."""
    first, count = windows[slice(*outputs)].present
    found = np.flatnonzero((first < samples[1]) & (first + (count - 1) * windows.step >= samples[0]))
    return (outputs[0] + int(found[0]), outputs[0] + int(found[-1]) + 1) if len(found) else (0, 0)


def _reshape_along(values: NDArray[Any], axis: int, ndim: int) -> NDArray[Any]:
    """Values of one axis, to be broadcast over the others."""
    return values.reshape([-1 if i == axis else 1 for i in range(ndim)])


# Here: merging and ending.


def run_reduction(task: BoxContext, merger: Merger, chunk: tuple[int, ...], backend: ChunkBackend) -> Iterator[Tally]:
    """All boxes of outputs, one after another; their parts side by side."""
    boxes = list(chunk_shapes.split_boxes(task.plan.full_shape, chunk))
    count = sum(1 for box in boxes for _ in _split_input(task, box))
    parts = (portion for box in boxes for portion in _split_input(task, box))
    folded = progress.shown(map_ordered(backend, _fold_part, replace(task, target=NULL_TARGET), parts), count)
    for box in boxes:
        gathered = _MergedStates(merger, box)
        for _ in _split_input(task, box):
            gathered.add(next(folded))
        yield write_box(task, box, gathered.values(task))


class _MergedStates:
    """The windows of a box of outputs, as far as they have been put together."""

    def __init__(self, merger: Merger, outputs: Box) -> None:
        self.merger, self.outputs = merger, outputs
        shape = box_shape(outputs)
        self.states = tuple(np.zeros(shape, state) for state in merger.fold.dtypes)
        self.begun = np.zeros(shape, bool)

    def add(self, part: _FoldedPart) -> None:
        """Merge the next part."""
        place = tuple(slice(a - start, b - start)
                      for (a, b), (start, _) in zip(part.outputs, self.outputs, strict=True))
        merged = self.merger.merge(tuple(one[place] for one in self.states), self.begun[place], part.states, part.there)
        for one, new in zip(self.states, merged, strict=True):
            one[place] = new
        self.begun[place] |= part.there

    def values(self, task: BoxContext) -> Array:
        """The result of the box."""
        shares = self.shares(task.plan)
        values, bad = self.merger.end(self.states, shares)
        if bad.any():
            _settle(task, self, values, bad, shares)
        return dtypes.as_result(values, self.merger.work.result)

    def shares(self, plan: Plan) -> NDArray[np.float64]:
        """What the sum of each window is divided by."""
        ndim, shares = len(self.outputs), self.merger.shares
        total = np.ones([1] * ndim)
        pooled = plan.axes.pooled
        for ignored in shares[: len(shares) - len(pooled)]:
            total = total * ignored[0]
        for axis, share in zip(pooled, shares[len(shares) - len(pooled) :], strict=True):
            total = total * _reshape_along(share[slice(*self.outputs[axis])], axis, ndim)
        return np.broadcast_to(total, self.begun.shape)


def _settle(task: BoxContext, gathered: _MergedStates, values: Array, bad: Flags, shares: NDArray[np.float64]) -> None:
    """Fill in the values that have none for sure: NaN, infinities and what they came from; PoolError where none can be.

    A sum of doubles that is not finite may have overflowed on the way, which its extremes tell: the one-piece run would
    scale it, and so can no run of parts.
    """
    merger, result = gathered.merger, gathered.merger.work.result
    sums = gathered.states[0].astype(np.float64)
    with np.errstate(all="ignore"):
        found = sums / shares
    at = place_in(np.argwhere(bad)[0], [start for start, _ in gathered.outputs])
    if merger.work.fill is None and (merger.work.skip_nan or merger.work.nodata is not None):
        raise describe_unrepresentable(at, result)
    if task.source.dtype.itemsize == 8 and task.source.dtype.kind == "f" and not _find_infinite(task, gathered, bad):
        raise PoolError(f"the sum of the window at {at} overflows, and the window is too large to be scaled in one "
                        "piece; a smaller one would work")
    if result.kind != "f":
        if np.isnan(found[bad]).any():
            raise describe_unrepresentable(at, result)
        low, high = (0, 1) if result == dtypes.BOOL else (np.iinfo(result).min, np.iinfo(result).max)
        values[bad] = np.where(found[bad] > 0, high, low)
        return
    values[bad] = found[bad]


def _find_infinite(task: BoxContext, gathered: _MergedStates, bad: Flags) -> bool:
    """Whether each of these windows has an infinity or a NaN among its samples."""
    found = np.zeros(bad.shape, bool)
    for name in ("max", "min"):
        other = replace(task, pooling=replace(task.pooling, reducer=REDUCERS[name], parameters={}, dtype=None))
        merger = choose_fold(other)
        assert merger is not None
        extremes = _MergedStates(merger, gathered.outputs)
        for portion in _split_input(other, gathered.outputs):
            extremes.add(_fold_part(other, portion))
        found |= ~np.isfinite(extremes.values(other))
    return bool(found[bad].all())
