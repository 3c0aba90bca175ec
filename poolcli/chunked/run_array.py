"""From one array to another, at least one of them in chunks: opened, cut into jobs, run, and in place at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import files, progress
from ..core import dtypes
from ..core.boxes import Box, full_box, slices
from ..core.memory_budget import budget
from ..core.plans import Plan, find_squeezed
from ..drivers.fold.partial import Merger
from ..engine import threads
from ..errors import PoolError
from ..files.arrays.npy import header_bytes
from ..files.paths.urls import is_url
from ..files.paths.zarr_paths import is_store, is_store_name
from ..pooling import Pooling
from ..report import Stats, Tally
from ..valid_samples import find_errors_dtype
from . import chunk_shapes, ome, tree_reduce
from .executors import ChunkBackend, ThreadBackend, map_ordered
from .run_box import NULL_TARGET, BoxContext, RelayedTarget, run_box, run_relayed, split_jobs
from .sample_sources import SampleSources
from .sources import ArraySource, MemorySource, NpySource, Target, array_bytes, pad_source
from .zarr_metadata import ArrayMetadata, Coordinate, fit_attributes, fit_fill_value

Array = NDArray[Any]
_DEFAULT_ZARR_VERSION = 3
"""Of the format, where the input has none."""
_MAX_SHOWN_VALUES = 1 << 20
"""Values of a result that are read back to be shown."""


@dataclass(frozen=True, eq=False)
class OpenedArray:
    """An input that is opened: where its samples come from, and what is known of its axes."""

    source: ArraySource
    letters: str | None = None
    """The layout that its metadata says, if they do."""
    names: tuple[str | None, ...] | None = None
    """What its axes are called."""
    version: int = _DEFAULT_ZARR_VERSION
    notes: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """Of the group that it is in."""
    path: str = ""
    """Its path there."""
    metadata: ArrayMetadata = field(default_factory=ArrayMetadata)
    """What it says of itself."""


@dataclass(frozen=True, eq=False)
class PoolResult:
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
        return array_bytes(self.plan.input_shape, self.source)


def open_array(path: str, key: str | None, read: Callable[[], files.Loaded]) -> OpenedArray:
    """Open an input; what is no store and no .npy is read whole, by ``read``."""
    if is_store(path):
        from . import stores

        path = path if is_url(path) else str(Path(path).absolute())
        array, notes = stores.open_zarr(path, key)
        array.dtype  # noqa: B018  (refuses what cannot be pooled)
        attributes = stores.read_attributes(path)
        letters = ome.find_letters(attributes, array.names, len(array.shape))
        return OpenedArray(array, letters, array.names, array.version, notes, attributes, array.name,
                           array.metadata())
    if path.lower().endswith(".npy") and Path(path).is_file():
        return OpenedArray(NpySource(str(Path(path).absolute())))
    found = read()
    return OpenedArray(MemorySource(found.array), found.layout, notes=found.source.notes)


def load_array(volume: OpenedArray) -> Array:
    """All of a volume, where that is no danger."""
    shape, dtype = volume.source.shape, volume.source.dtype
    size, most = array_bytes(shape, dtype), budget() // 4
    if size > most:
        raise PoolError(f"takes {size:,} bytes, and {most:,} may be held for an output that is written in one piece; "
                        "one that ends in .zarr or .npy would work")
    return volume.source.read(tuple((0, n) for n in shape))


def pool(pooling: Pooling, volume: OpenedArray, output: str, *, overwrite: bool = False, looks: bool = True,
         backend: ChunkBackend | None = None, beside: SampleSources | None = None) -> PoolResult:
    """Pool a volume into ``output``, a store or a .npy file, which appears at the end, whole or not at all.

    ``backend`` takes the jobs: this thread by default. What is ``beside`` says which samples count.
    """
    if backend is None or isinstance(volume.source, MemorySource):
        known = 1 if backend is None else backend.workers if backend.shares_memory else threads.count_threads()
        backend = ThreadBackend(known)
    names = [str(name) for name in volume.names or ()]
    pooling = pooling.for_axes(volume.source.shape, volume.letters, names)
    plan = pooling.plan(volume.source.shape, volume.letters, held=False)
    if beside is not None:
        beside.check(pooling, plan)
        beside = beside.pad(pooling, plan)
        pooling = replace(pooling, dtype=beside.find_result_dtype(pooling, volume.source.dtype))
    result = pooling.result_dtype(volume.source.dtype)
    with open_valid(beside, plan) as noted:
        ready = prepare_run(pooling, plan, volume.source, backend, looks, noted)
        with ExitStack() as stack:
            target = stack.enter_context(_create_target(output, plan, result, ready.chunk, volume, overwrite))
            if noted is not None and noted.errors is not None:
                of_errors = find_errors_dtype(replace(pooling, dtype=None), volume.source.dtype)
                written = stack.enter_context(_create_target(noted.errors.name, plan, of_errors, ready.chunk, volume,
                                                             noted.errors.overwrite))
                ready = replace(ready, task=replace(ready.task, beside=replace(noted, errors_target=written)))
            tally = ready.run(backend, target)
            small = looks and prod(plan.output_shape) <= _MAX_SHOWN_VALUES
            values = target.read(full_box(plan.output_shape)) if small else None
    return PoolResult(plan, volume.source.dtype, result, tally.to_stats() if looks else None, values, volume.notes)


@dataclass(frozen=True, eq=False)
class _ChunkedRun:
    """A pooling with its way settled, by boxes or by parts of windows, and the shape of the output's chunks."""

    task: BoxContext
    merger: Merger | None
    chunk: tuple[int, ...]

    def run(self, backend: ChunkBackend, target: Target) -> Tally:
        """Do all jobs."""
        task = replace(self.task, target=target)
        return sum_tallies(task, run_jobs(backend, task, self.merger, self.chunk))


def prepare_run(pooling: Pooling, plan: Plan, source: ArraySource, backend: ChunkBackend, looks: bool,
                beside: SampleSources | None = None) -> _ChunkedRun:
    """Settle how a plan is run on a source; parts of windows know of no masks."""
    task = replace(make_task(pooling, plan, source, backend.max_job_bytes, looks), beside=beside)
    merger = tree_reduce.choose_merger(task) if beside is None else None
    most = chunk_shapes.UNBOUNDED if merger is not None else min(chunk_shapes.JOB_BYTES, task.most)
    itemsize = pooling.result_dtype(source.dtype).itemsize
    return _ChunkedRun(task, merger, chunk_shapes.choose_chunk_shape(task.plan, task.source.chunks, itemsize,
                                                                     task.itemsize, most))


def run_jobs(backend: ChunkBackend, task: BoxContext, merger: Merger | None,
             chunk: tuple[int, ...]) -> Generator[Tally, None, None]:
    """All jobs, done; values go through here where workers elsewhere cannot write into a target."""
    if merger is not None:
        yield from tree_reduce.run_reduction(task, merger, chunk, backend)
        return
    boxes = list(split_jobs(task, chunk, 2 * backend.workers))
    relayed: list[MappedTarget] = []

    def relay(target: Target | None) -> Target | None:
        if not isinstance(target, MappedTarget):
            return target
        relayed.append(target)
        return RelayedTarget(len(relayed) - 1)

    sent = task if backend.shares_memory else task.map_targets(relay)
    if not relayed:
        yield from progress.shown(map_ordered(backend, run_box, task, boxes), len(boxes))
        return
    for tally, written in progress.shown(map_ordered(backend, run_relayed, sent, boxes), len(boxes)):
        for number, ranges, values in written:
            relayed[number].write(ranges, values)
        yield tally


def make_task(pooling: Pooling, plan: Plan, source: ArraySource, most: int, looks: bool) -> BoxContext:
    """The jobs' common part, with padding that is data taken for data; its target is not made yet."""
    inner, longer, padded_source = pad_source(pooling, plan, source)
    return BoxContext(inner, longer, padded_source, NULL_TARGET, most, looks)


def sum_tallies(task: BoxContext, done: Generator[Tally, None, None]) -> Tally:
    """Wait for all jobs, and put together what they saw."""
    total = task.start_tally()
    with closing(done):  # a run that is cut short waits for its jobs: none writes into a folder that is being removed
        for tally in done:
            total.least += tally.least
            total.most += tally.most
            total.count += tally.count
            total.total += tally.total
    return total


# Outputs.


class _ReadableTarget(Protocol):
    """A target that can be read when it is full."""

    def write(self, ranges: Box, values: Array) -> None:
        """Put values in their place."""

    def read(self, ranges: Box) -> Array:
        """Take values."""


@dataclass(frozen=True, eq=False)
class MappedTarget:
    """An array that is filled box by box."""

    array: Array

    def write(self, ranges: Box, values: Array) -> None:
        """Put values in their place."""
        self.array[slices(ranges)] = values

    def read(self, ranges: Box) -> Array:
        """A copy."""
        return np.array(self.array[slices(ranges)])


@contextmanager
def open_valid(beside: SampleSources | None, plan: Plan) -> Iterator[SampleSources | None]:
    """The same with the file of the numbers of valid samples open, if they are wanted."""
    if beside is None or beside.valid is None:
        yield beside
        return
    wanted = beside.valid
    with _create_npy(wanted.name, plan.output_shape, wanted.dtype, wanted.overwrite) as array:
        yield replace(beside, target=MappedTarget(array))


@contextmanager
def _create_target(output: str, plan: Plan, dtype: dtypes.Type, chunk: tuple[int, ...], volume: OpenedArray,
                   overwrite: bool) -> Iterator[_ReadableTarget]:
    """A new store or file, which gets its name when the block ends well."""
    if not is_store_name(output):
        with _create_npy(output, plan.output_shape, dtype, overwrite) as array:
            yield MappedTarget(array)
        return
    from . import stores

    left = [axis for axis in range(len(plan.full_shape)) if axis not in find_squeezed(plan)]
    names = None if volume.names is None else [volume.names[axis] for axis in left]
    with files.atomic_folder(output, overwrite=overwrite) as folder:
        shape, known = tuple(chunk[axis] for axis in left), volume.metadata
        # a variable of a group stays one, with its coordinates beside it: xarray opens groups only
        name = volume.path if known.group is not None else ""
        if known.group is not None:
            stores.create_group(folder, volume.version, known.group)
            for one in _pool_coordinates(volume, plan):
                stores.write_coordinate(folder, one, volume.version)
        attributes = {**fit_attributes(known.attributes, volume.source.dtype, dtype), **_select_channels(volume)}
        yield stores.create_array(folder, name, plan.output_shape, dtype, shape, volume.version, names, attributes,
                                  fit_fill_value(known.fill_value, dtype))


def _pool_coordinates(volume: OpenedArray, plan: Plan) -> Iterator[Coordinate]:
    """Pool the coordinates of the axes that the result has."""
    for axis, name in enumerate(volume.names or ()):
        for one in volume.metadata.coordinates:
            if one.name == name and axis not in find_squeezed(plan) and (found := one.pool(plan, axis)) is not None:
                yield found


def _select_channels(volume: OpenedArray) -> dict[str, Any]:
    """How the channels of a level of OME-Zarr are shown, where the version says it."""
    omero = ome.find_omero(volume.attributes)
    if omero is None:
        return {}
    return {"omero": dict(omero)} if volume.version == 2 else {"ome": {"omero": dict(omero)}}


@contextmanager
def _create_npy(output: str, shape: tuple[int, ...], dtype: dtypes.Type, overwrite: bool) -> Iterator[Array]:
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
