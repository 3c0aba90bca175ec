"""A chunked pooling as a value, and its jobs: read a box, pool it, write it. Who has the value can do any job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import axes
from ..core.boxes import Box, box_shape, input_box, subplan
from ..core.plans import Plan, find_squeezed
from ..errors import PoolError
from ..pooling import Pooling
from ..report import Tally
from . import chunk_shapes
from .sample_sources import SampleSources
from .sources import ArraySource, Target, array_bytes

Array = NDArray[Any]


class _NullTarget:
    """No target, or none that can be sent."""

    def write(self, ranges: Box, values: Array) -> None:
        """Nothing is kept."""


NULL_TARGET = _NullTarget()


@dataclass(frozen=True, eq=False)
class BoxContext:
    """All that the jobs of one pooling have in common."""

    pooling: Pooling
    plan: Plan
    source: ArraySource
    target: Target
    most: int
    """Bytes of samples that a job may hold."""
    looks: bool = True
    """Whether values are tallied for the report."""
    beside: SampleSources | None = None
    """Which samples count, and how much, where not all do the same."""

    def map_targets(self, change: Callable[[Target | None], Target | None]) -> BoxContext:
        """The same with other targets in place of all that there are."""
        beside = self.beside
        if beside is not None:
            beside = replace(beside, target=change(beside.target), errors_target=change(beside.errors_target))
        return replace(self, target=change(self.target) or NULL_TARGET, beside=beside)

    def start_tally(self) -> Tally:
        """A tally of results; where only some samples count, NaN is an empty window."""
        return Tally(self.pooling.nan == "ignore" or self.beside is not None, self.pooling.nodata)

    @property
    def itemsize(self) -> int:
        """Bytes of a sample."""
        return int(self.source.dtype.itemsize)


def run_box(task: BoxContext, outputs: Box) -> Tally:
    """One job: its values are in the target when it returns. PoolError for what cannot be pooled or read."""
    return write_box(task, outputs, pool_box(task, outputs))


@dataclass(frozen=True)
class RelayedTarget:
    """Stands for a target that a worker elsewhere cannot write into: what is written goes back with its job."""

    number: int
    written: list[tuple[int, Box, Array]] = field(default_factory=list)

    def write(self, ranges: Box, values: Array) -> None:
        """Keep values and their place."""
        self.written.append((self.number, ranges, values))


def run_relayed(task: BoxContext, outputs: Box) -> tuple[Tally, list[tuple[int, Box, Array]]]:
    """One job, and what it wrote into the targets that are relayed."""
    written: list[tuple[int, Box, Array]] = []
    own = task.map_targets(lambda one: replace(one, written=written) if isinstance(one, RelayedTarget) else one)
    return run_box(own, outputs), written


def write_box(task: BoxContext, outputs: Box, values: Array) -> Tally:
    """Write a job's values, and look at them."""
    kept = tuple(one for axis, one in enumerate(outputs) if axis not in find_squeezed(task.plan))
    task.target.write(kept, values.reshape(box_shape(kept)))
    return tally_values(task, values)


def tally_values(task: BoxContext, values: Array) -> Tally:
    """Look at a job's values, where that is wanted."""
    tally = task.start_tally()
    if task.looks:
        tally.add(values)
    return tally


def pool_box(task: BoxContext, outputs: Box) -> Array:
    """The values of a box, in one piece where its samples fit into memory."""
    wide = outputs if task.beside is None else task.beside.widen(outputs, task.plan)
    pixel = task.itemsize * prod(box_shape(wide)) // max(1, prod(box_shape(outputs)))
    parts = list(chunk_shapes.split_to_fit(task.plan, outputs, pixel, task.most))
    if len(parts) == 1:
        return _pool_piece(task, outputs)
    values = np.empty(box_shape(outputs), task.pooling.result_dtype(task.source.dtype))
    for part in parts:
        place = tuple(slice(a - start, b - start) for (a, b), (start, _) in zip(part, outputs, strict=True))
        values[place] = _pool_piece(task, part)
    return values


def _pool_piece(task: BoxContext, outputs: Box) -> Array:
    """The values of a box that is read whole."""
    wanted, outputs = outputs, outputs if task.beside is None else task.beside.widen(outputs, task.plan)
    inputs = input_box(task.plan, outputs)
    size = array_bytes(box_shape(inputs), task.source.dtype)
    if size > task.most:
        raise _window_too_large(task, inputs, size)
    samples = task.source.read(inputs)
    plan, part = subplan(task.plan, outputs, inputs)
    if task.beside is not None:
        values = task.beside.pool(task.pooling, samples, inputs, plan, part)
        return values[tuple(slice(a - start, b - start)
                            for (a, b), (start, _) in zip(wanted, outputs, strict=True))]
    return task.pooling.run(samples, plan, part=part).values


def _window_too_large(task: BoxContext, inputs: Box, size: int) -> PoolError:
    """A window that no job may hold, of a reducer that must see it whole."""
    return PoolError(f"a window takes {axes.describe(box_shape(inputs))} samples ({size:,} bytes), which "
                     f"{task.pooling.reducer.name} needs all at once, and a job may hold {task.most:,} bytes; smaller "
                     "windows, fewer --jobs or more memory would work")


def split_jobs(task: BoxContext, chunk: tuple[int, ...], jobs: int) -> Iterator[Box]:
    """The jobs of a task, as the boxes of their outputs: at least so many, if there are chunks enough."""
    shape = chunk_shapes.choose_job_shape(task.plan, chunk, task.itemsize, jobs, min(chunk_shapes.JOB_BYTES, task.most))
    yield from chunk_shapes.split_boxes(task.plan.full_shape, shape)
