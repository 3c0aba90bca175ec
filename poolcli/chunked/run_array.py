"""From one array to another, at least one of them in chunks: opened, cut into jobs, run, and in place at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import engine, files, progress
from ..core import dtypes
from ..core.boxes import Ranges, slices
from ..core.plans import Plan
from ..drivers.partial import Merger
from ..errors import PoolError
from ..files.arrays.npy import header_bytes
from ..files.paths.zarr_paths import is_store, is_store_name
from ..pooling import Pooling
from ..report import Stats, Tally
from . import chunk_shapes, ome, tree_reduce
from .executors import Each, Threads
from .run_box import NOWHERE, Target, Task, do, finished, outputs_of, pooled, squeezed
from .sources import InMemory, Npy, Source, nbytes, padded

Array = NDArray[Any]
VERSION = 3
"""Of the format, where the input has none."""
SHOWN = 1 << 20
"""Values of a result that are read back to be shown."""


@dataclass(frozen=True, eq=False)
class Volume:
    """An input that is opened: where its samples come from, and what is known of its axes."""

    source: Source
    letters: str | None = None
    """The layout that its metadata says, if they do."""
    names: tuple[str | None, ...] | None = None
    """What its axes are called."""
    version: int = VERSION
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Of the group that it is in."""
    path: str = ""
    """Its path there."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was done."""

    plan: Plan
    source: dtypes.Type
    result: dtypes.Type
    stats: Stats | None
    values: Array | None
    """The result where it is small."""
    notes: tuple[str, ...]

    @property
    def bytes_in(self) -> int:
        """The input's bytes, not compressed."""
        return nbytes(self.plan.input_shape, self.source)


def opened(path: str, key: str | None, read: Callable[[], files.Loaded]) -> Volume:
    """Open an input; what is no store and no .npy is read whole, by ``read``."""
    if is_store(path):
        from . import stores

        array, notes = stores.opened(str(Path(path).absolute()), key)
        array.dtype  # noqa: B018  (refuses what cannot be pooled)
        attributes = stores.attributes(path)
        letters = ome.letters(attributes, array.names, len(array.shape))
        return Volume(array, letters, array.names, array.version, notes, attributes, array.name)
    if path.lower().endswith(".npy") and Path(path).is_file():
        return Volume(Npy(str(Path(path).absolute())))
    found = read()
    return Volume(InMemory(found.array), found.layout, notes=found.source.notes)


def in_memory(volume: Volume) -> Array:
    """All of a volume, where that is no danger."""
    shape, dtype = volume.source.shape, volume.source.dtype
    size, most = nbytes(shape, dtype), chunk_shapes.memory() // 4
    if size > most:
        raise PoolError(f"takes {size:,} bytes, and {most:,} may be held for an output that is written in one piece; "
                        "one that ends in .zarr or .npy would work")
    return volume.source.read(tuple((0, n) for n in shape))


def pool(pooling: Pooling, volume: Volume, output: str, *, overwrite: bool = False, looks: bool = True,
         each: Each | None = None) -> Outcome:
    """Pool a volume into ``output``, a store or a .npy file, which appears at the end, whole or not at all.

    ``each`` takes the jobs: this thread by default.
    """
    if each is None or isinstance(volume.source, InMemory):
        each = Threads(1 if each is None else each.workers if each.near else engine.thread_count())
    plan = pooling.plan(volume.source.shape, volume.letters, held=False)
    result = pooling.result_dtype(volume.source.dtype)
    ready = ready_for(pooling, plan, volume.source, each, looks)
    with made(output, plan, result, ready.chunk, volume, overwrite) as target:
        tally = ready.run(each, target)
        values = target.read(whole(plan)) if looks and prod(plan.output_shape) <= SHOWN else None
    return Outcome(plan, volume.source.dtype, result, tally.stats() if looks else None, values, volume.notes)


@dataclass(frozen=True, eq=False)
class Ready:
    """A pooling with its way settled, by boxes or by parts of windows, and the shape of the output's chunks."""

    task: Task
    merger: Merger | None
    chunk: tuple[int, ...]

    def run(self, each: Each, target: Target) -> Tally:
        """Do all jobs."""
        task = replace(self.task, target=target)
        return tallied(task, done_by(each, task, self.merger, self.chunk))


def ready_for(pooling: Pooling, plan: Plan, source: Source, each: Each, looks: bool) -> Ready:
    """Settle how a plan is run on a source."""
    task = settled(pooling, plan, source, each.most, looks)
    merger = tree_reduce.merger_of(task)
    most = chunk_shapes.UNBOUNDED if merger is not None else min(chunk_shapes.JOB_BYTES, task.most)
    itemsize = pooling.result_dtype(source.dtype).itemsize
    return Ready(task, merger, chunk_shapes.chunks_of(task.plan, task.source.chunks, itemsize, task.itemsize, most))


def done_by(each: Each, task: Task, merger: Merger | None, chunk: tuple[int, ...]) -> Generator[Tally, None, None]:
    """All jobs, done; values go through here where workers elsewhere cannot write into the target."""
    if merger is not None:
        yield from tree_reduce.run(task, merger, chunk, each)
        return
    boxes = list(outputs_of(task, chunk, 2 * each.workers))
    if each.near or not isinstance(task.target, Mapped):
        yield from progress.shown(each(do, task, boxes), len(boxes))
        return
    values = progress.shown(each(pooled, replace(task, target=NOWHERE), boxes), len(boxes))
    for box, found in zip(boxes, values, strict=True):
        yield finished(task, box, found)


def settled(pooling: Pooling, plan: Plan, source: Source, most: int, looks: bool) -> Task:
    """The jobs' common part, with padding that is data taken for data; its target is not made yet."""
    inner, longer, padded_source = padded(pooling, plan, source)
    return Task(inner, longer, padded_source, NOWHERE, most, looks)


def tallied(task: Task, done: Generator[Tally, None, None]) -> Tally:
    """Wait for all jobs, and put together what they saw."""
    total = Tally(task.pooling.nan == "ignore", task.pooling.nodata)
    with closing(done):  # a run that is cut short waits for its jobs: none writes into a folder that is being removed
        for tally in done:
            total.least += tally.least
            total.most += tally.most
            total.count += tally.count
            total.total += tally.total
    return total


def whole(plan: Plan) -> Ranges:
    """All of the result."""
    return tuple((0, n) for n in plan.output_shape)


# Outputs.


class Readable(Protocol):
    """A target that can be read when it is full."""

    def write(self, ranges: Ranges, values: Array) -> None:
        """Put values in their place."""

    def read(self, ranges: Ranges) -> Array:
        """Take values."""


@dataclass(frozen=True, eq=False)
class Mapped:
    """An array that is filled box by box."""

    array: Array

    def write(self, ranges: Ranges, values: Array) -> None:
        """Put values in their place."""
        self.array[slices(ranges)] = values

    def read(self, ranges: Ranges) -> Array:
        """A copy."""
        return np.array(self.array[slices(ranges)])


@contextmanager
def made(output: str, plan: Plan, dtype: dtypes.Type, chunk: tuple[int, ...], volume: Volume,
         overwrite: bool) -> Iterator[Readable]:
    """A new store or file, which gets its name when the block ends well."""
    if not is_store_name(output):
        with mapped(output, plan.output_shape, dtype, overwrite) as array:
            yield Mapped(array)
        return
    from . import stores

    left = [axis for axis in range(len(plan.full_shape)) if axis not in squeezed(plan)]
    names = None if volume.names is None else [volume.names[axis] for axis in left]
    with files.atomic_folder(output, overwrite=overwrite) as folder:
        shape = tuple(chunk[axis] for axis in left)
        yield stores.created(folder, "", plan.output_shape, dtype, shape, volume.version, names)


@contextmanager
def mapped(output: str, shape: tuple[int, ...], dtype: dtypes.Type, overwrite: bool) -> Iterator[Array]:
    """A new .npy file as an array."""
    with files.atomic(output, overwrite=overwrite) as stream:
        head = header_bytes(dtype, shape)
        stream.write(head)
        stream.truncate(len(head) + prod(shape) * dtype.itemsize)
        stream.flush()
        if not prod(shape):
            yield np.empty(shape, dtype)
            return
        array = np.memmap(stream, dtype, "r+", len(head), shape)
        yield array
        array.flush()
