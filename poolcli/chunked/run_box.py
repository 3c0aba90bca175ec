"""A chunked pooling as a value, and its jobs: read a box, pool it, write it. Who has the value can do any job."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core import axes
from ..core.boxes import Ranges, lengths, needed, part_of
from ..core.plans import Plan
from ..errors import PoolError
from ..pooling import Pooling
from ..report import Tally
from . import chunk_shapes
from .sources import Source, nbytes

Array = NDArray[Any]


class Target(Protocol):
    """Where boxes of values go. Boxes that share no chunk may be written at the same time."""

    def write(self, ranges: Ranges, values: Array) -> None:
        """Put values in their place."""


class Nowhere:
    """No target, or none that can be sent."""

    def write(self, ranges: Ranges, values: Array) -> None:
        """Nothing is kept."""


NOWHERE = Nowhere()


@dataclass(frozen=True, eq=False)
class Task:
    """All that the jobs of one pooling have in common."""

    pooling: Pooling
    plan: Plan
    source: Source
    target: Target
    most: int
    """Bytes of samples that a job may hold."""
    looks: bool = True
    """Whether values are tallied for the report."""

    @property
    def itemsize(self) -> int:
        """Bytes of a sample."""
        return int(self.source.dtype.itemsize)


def do(task: Task, outputs: Ranges) -> Tally:
    """One job: its values are in the target when it returns. PoolError for what cannot be pooled or read."""
    return finished(task, outputs, pooled(task, outputs))


def finished(task: Task, outputs: Ranges, values: Array) -> Tally:
    """Write a job's values, and look at them."""
    kept = tuple(one for axis, one in enumerate(outputs) if axis not in squeezed(task.plan))
    task.target.write(kept, values.reshape(lengths(kept)))
    tally = Tally(task.pooling.nan == "ignore", task.pooling.nodata)
    if task.looks:
        tally.add(values)
    return tally


def squeezed(plan: Plan) -> set[int]:
    """The axes that the result does not have."""
    return {axis for axis in plan.axes.pooled if plan.squeeze and plan.full_shape[axis] == 1}


def pooled(task: Task, outputs: Ranges) -> Array:
    """The values of a box, in one piece where its samples fit into memory."""
    parts = list(chunk_shapes.pieces(task.plan, outputs, task.itemsize, task.most))
    if len(parts) == 1:
        return pooled_piece(task, outputs)
    values = np.empty(lengths(outputs), task.pooling.result_dtype(task.source.dtype))
    for part in parts:
        place = tuple(slice(a - start, b - start) for (a, b), (start, _) in zip(part, outputs, strict=True))
        values[place] = pooled_piece(task, part)
    return values


def pooled_piece(task: Task, outputs: Ranges) -> Array:
    """The values of a box that is read whole."""
    inputs = needed(task.plan, outputs)
    size = nbytes(lengths(inputs), task.source.dtype)
    if size > task.most:
        raise too_large(task, inputs, size)
    samples = task.source.read(inputs)
    plan, part = part_of(task.plan, outputs, inputs)
    return task.pooling.run(samples, plan, part=part).values


def too_large(task: Task, inputs: Ranges, size: int) -> PoolError:
    """A window that no job may hold, of a reducer that must see it whole."""
    return PoolError(f"a window takes {axes.describe(lengths(inputs))} samples ({size:,} bytes), which "
                     f"{task.pooling.reducer.name} needs all at once, and a job may hold {task.most:,} bytes; smaller "
                     "windows, fewer --jobs or more memory would work")


def outputs_of(task: Task, chunk: tuple[int, ...], jobs: int) -> Iterator[Ranges]:
    """The jobs of a task, as the boxes of their outputs: at least so many, if there are chunks enough."""
    shape = chunk_shapes.job_shape(task.plan, chunk, task.itemsize, jobs, min(chunk_shapes.JOB_BYTES, task.most))
    yield from chunk_shapes.boxes_of(task.plan.full_shape, shape)
