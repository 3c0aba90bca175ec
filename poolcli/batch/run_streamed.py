"""One job from .npy to .npy in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import IO, TYPE_CHECKING, Any

from .. import files, report
from ..errors import PoolError
from ..report import FileReport
from . import run_in_memory, sample_files
from .run_in_memory import add_values, plan_fields, pool_loaded
from .settings import STDIO, Job, Settings, may_replace, needs_all_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..chunked.sample_sources import SampleSources
    from ..core.plans import Plan
    from ..files.arrays.npy import Header
    from ..pooling import Pooling
    from .clipping import ClipCounter

    Array = NDArray[Any]

BlockCallback = Callable[["Array"], None]
_MAX_KEPT_VALUES = 1 << 20
"""Values of a stream that are kept in memory to be shown."""


def takes(job: Job, settings: Settings) -> bool:
    """Whether a job may be run as a stream: its result is a .npy, and nothing is wished that needs all of the input."""
    return job.format is files.FORMATS["NPY"] and not needs_all_samples(job, settings)


def run(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """Run a job from .npy to .npy in bounded memory: of a pipe always, of a file where it is large; others whole."""
    from ..chunked import run_array, streaming

    with files.npy_data(job.source, settings.stdin, streaming.MIN_STREAM_BYTES, certain=settings.stream) as found:
        if found is None:
            return run_in_memory.run(job, pooling, settings, blank)
        header, source = found
        files.check_samples(header.shape, settings.max_pixels)
        if settings.stream and header.nbytes < streaming.MIN_STREAM_BYTES:  # whole, or nothing of it is written
            loaded = files.Loaded(files.read_data(source, header), None, files.ImageInfo(STDIO, "NPY"))
            return pool_loaded(loaded, job, pooling, settings, blank)
        plan = pooling.plan(header.shape)
        beside = _open_beside(job, pooling, plan, settings)
        reason = streaming.why_not(pooling, plan, header)
        if reason is not None:
            return pool_loaded(_load_whole(job, header, source, reason), job, pooling, settings, blank)
        if beside is not None:
            pooling = replace(pooling, dtype=beside.find_result_dtype(pooling, header.dtype))
        tallies = [report.Tally(pooling.nan == "ignore" or skips, pooling.nodata)
                   for skips in (False, beside is not None)]
        looks: list[BlockCallback] = [tally.add if settings.statistics else streaming.ignore for tally in tallies]
        kept: list[Array] = []
        if settings.statistics and prod(plan.output_shape) <= _MAX_KEPT_VALUES:
            looks[1] = _call_all(tallies[1].add, kept.append)
        counter = None if beside is not None else _clip_counter(pooling, header, settings)
        with run_array.open_valid(beside, plan) as noted, open_target(job, settings) as target:
            streaming.pool_stream(pooling, plan, header, source, target, looks[0], looks[1],
                                  check=None if counter is None else counter.add, beside=noted)
    if settings.samples is not None:
        asked = sample_files.describe(settings.samples, job, pooling.reducer.name)
        blank = replace(blank, parameters={**blank.parameters, **asked})
    done = replace(blank, **plan_fields(pooling, plan), input_dtype=header.dtype.name,
                   output_dtype=pooling.result_dtype(header.dtype).name,
                   notes=(*blank.notes, *_clip_notes(counter)))
    if not settings.statistics:
        return done
    done = replace(done, input_stats=tallies[0].to_stats(), output_stats=tallies[1].to_stats())
    return add_values(done, _join_blocks(kept, plan), plan) if kept else done


def _open_beside(job: Job, pooling: Pooling, plan: Plan, settings: Settings) -> SampleSources | None:
    """What says which samples count, if anything does; PoolError, before any sample, for what does not fit."""
    given = settings.samples
    if given is None:
        return None
    sample_files.check_valid_output(given, job, settings, pooling.reducer.name)
    if not job.headers_seen:
        sample_files.check_headers(given, job, plan, pooling, settings)
    beside = sample_files.open_sources(given, job, pooling, settings)
    beside.check(pooling, plan)
    return beside


def _clip_counter(pooling: Pooling, header: Header, settings: Settings) -> ClipCounter | None:
    """What counts results that are clipped, where there may be any and somebody wants to know."""
    from . import clipping

    wanted = settings.notes and clipping.may_clip(pooling, header.dtype)
    return clipping.ClipCounter(pooling, header.dtype) if wanted else None


def _clip_notes(counter: ClipCounter | None) -> list[str]:
    """A note of how many results were clipped, which only an explicit --dtype can bring about in an array."""
    note = None if counter is None else counter.note(f"--dtype {counter.holding_dtype()}")
    return [] if note is None else [note]


def _load_whole(job: Job, header: Header, source: IO[bytes], reason: str) -> files.Loaded:
    """An array that cannot be pooled as it comes: a file mapped, a pipe in memory, and a note that says so."""
    if job.source == STDIO:
        made = files.ImageInfo(STDIO, "NPY", notes=(f"held in memory whole: {reason}",))
        return files.Loaded(files.read_data(source, header), None, made)
    loaded = files.read(job.source)
    notes = (*loaded.source.notes, f"mapped whole, not streamed: {reason}")
    return replace(loaded, source=replace(loaded.source, notes=notes))


def _call_all(*looks: BlockCallback) -> BlockCallback:
    """Several looks at the same block."""
    def look(block: Array) -> None:
        for one in looks:
            one(block)
    return look


def _join_blocks(blocks: list[Array], plan: Plan) -> Array:
    """The whole result from its blocks."""
    import numpy as np

    return np.concatenate([block.reshape(-1) for block in blocks]).reshape(plan.output_shape)


@contextmanager
def open_target(job: Job, settings: Settings) -> Iterator[IO[bytes]]:
    """The job's output, to be written as data come."""
    if job.output is not None:
        replaces = may_replace(job.output, job, settings)
        with files.atomic(job.output, overwrite=replaces, again=settings.again) as target:
            yield target
        return
    if settings.stdout is None:
        raise PoolError("standard output is closed; -o FILE would work")
    with files.explain_errors(target=files.STANDARD_OUTPUT):
        yield settings.stdout
