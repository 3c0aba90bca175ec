"""From a picture that is read box by box to one in memory, or to a file whose tiles are written in order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..core.boxes import Box
from ..core.plans import Plan
from ..pooling import Pooling
from ..report import Stats, Tally
from . import chunk_shapes, tree_reduce
from .executors import ChunkBackend, map_ordered
from .run_array import MappedTarget, make_task, run_jobs, sum_tallies
from .run_box import NULL_TARGET, BoxContext, pool_box, split_jobs, tally_values
from .sources import ArraySource

Array = NDArray[Any]

_ORDERED_JOBS = 64
"""The least jobs of a file whose tiles are written in order, where it has so many: a number that depends on nothing, so
that the file is the same to the byte however many work.
"""


class _BoxEncoder(Protocol):
    """Turns boxes of values into bytes, anywhere."""

    def encode(self, values: Array) -> Sequence[bytes]:
        """Return the pieces of a box in the order of the file."""


class _OrderedTarget(Protocol):
    """A file to which encoded boxes are appended, one after another."""

    @property
    def encoder(self) -> _BoxEncoder:
        """What makes the pieces."""

    @property
    def unit(self) -> tuple[int, ...]:
        """The shape of a piece: boxes are whole pieces, but for the last along an axis."""

    def write(self, ranges: Box, values: Array) -> None:
        """Encode a box here, and append it."""

    def append(self, ranges: Box, pieces: Sequence[bytes]) -> None:
        """Append the pieces of a box."""


def pool_to_memory(pooling: Pooling, plan: Plan, source: ArraySource, backend: ChunkBackend) -> Array:
    """Pool a source whose result is small."""
    task = _make_context(pooling, plan, source, backend, looks=False)
    values = np.empty(plan.output_shape, pooling.result_dtype(source.dtype))
    target = MappedTarget(values)
    merger = tree_reduce.choose_merger(task)
    sum_tallies(task, run_jobs(backend, replace(task, target=target), merger, _choose_unit(task, (1,) * values.ndim)))
    return values


def pool_to_file(pooling: Pooling, plan: Plan, source: ArraySource, target: _OrderedTarget, backend: ChunkBackend,
                 looks: bool) -> Stats | None:
    """Pool a source into a file, box by box; where it ``looks``, return the statistics of the values."""
    task = _make_context(pooling, plan, source, backend, looks)
    unit = _choose_unit(task, target.unit)
    merger = tree_reduce.choose_merger(task)
    if merger is not None:
        done: Generator[Tally, None, None] = run_jobs(backend, replace(task, target=target), merger, unit)
    else:
        done = _run_in_order(task, target, unit, backend)
    tally = sum_tallies(task, done)
    return tally.to_stats() if looks else None


def _make_context(pooling: Pooling, plan: Plan, source: ArraySource, backend: ChunkBackend, looks: bool) -> BoxContext:
    """What all jobs have in common. A job holds no more than it must, whatever memory there is."""
    most = backend.max_job_bytes
    window = chunk_shapes.box_bytes(plan, [1] * len(plan.input_shape), source.dtype.itemsize)
    if window <= chunk_shapes.JOB_BYTES:
        most = min(most, chunk_shapes.JOB_BYTES)
    return make_task(pooling, plan, source, most, looks)


def _choose_unit(task: BoxContext, piece: Sequence[int]) -> tuple[int, ...]:
    """The least box of a job: whole pieces of the output, made of whole chunks of the input where these are larger."""
    size = task.pooling.result_dtype(task.source.dtype).itemsize
    shape = chunk_shapes.choose_chunk_shape(task.plan, task.source.chunks, size, task.itemsize, task.most)
    return tuple(ceil(n / m) * m for n, m in zip(shape, piece, strict=True))


@dataclass(frozen=True)
class _EncodedBox:
    """A box of values as it goes into a file, and what there is to say of them."""

    pieces: Sequence[bytes]
    tally: Tally


@dataclass(frozen=True, eq=False)
class _EncodingContext:
    """What all jobs have in common whose values are encoded where they are made."""

    task: BoxContext
    encoder: _BoxEncoder


def _encode_box(context: _EncodingContext, outputs: Box) -> _EncodedBox:
    """One job: read a box, pool it, encode it."""
    values = pool_box(context.task, outputs)
    return _EncodedBox(context.encoder.encode(values), tally_values(context.task, values))


def _run_in_order(task: BoxContext, target: _OrderedTarget, unit: tuple[int, ...],
                  backend: ChunkBackend) -> Generator[Tally, None, None]:
    """All jobs, their boxes encoded side by side and appended in order."""
    boxes = list(split_jobs(task, unit, _ORDERED_JOBS))
    context = _EncodingContext(replace(task, target=NULL_TARGET), target.encoder)
    for box, done in zip(boxes, progress.shown(map_ordered(backend, _encode_box, context, boxes), len(boxes)),
                         strict=True):
        target.append(box, done.pieces)
        yield done.tally
