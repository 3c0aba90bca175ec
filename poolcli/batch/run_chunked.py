"""One job that reads or writes a chunked array, chunk by chunk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .. import files
from ..errors import PoolError
from ..files.paths.zarr_paths import check_extra, is_store
from ..redact import printable
from ..report import FileReport
from . import sample_files
from .run_in_memory import add_values, plan_fields, pool_loaded
from .settings import Job, Settings, is_special, may_replace

if TYPE_CHECKING:
    from ..chunked.run_array import PoolResult
    from ..pooling import Pooling

def has_chunks(job: Job) -> bool:
    """Whether a job is done chunk by chunk."""
    straight = job.output is None or is_special(job.output) or job.indices is not None
    if straight or job.format is None or not job.format.chunked:
        return False
    return job.format.is_folder or is_store(job.source)


def takes(job: Job) -> bool:
    """Whether a job reads a chunked array or writes one."""
    return is_store(job.source) or (job.format is not None and job.format.is_folder)


def run(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """Run a job from a chunked array or into one, chunk by chunk where its output allows that."""
    check_extra(printable(job.source if is_store(job.source) else job.output_name() or ""))
    if job.format is not None and job.format.is_folder:
        _check_in_memory_options(job, settings)
    if not has_chunks(job):
        return pool_loaded(_load_chunked(job, settings), job, pooling, settings, blank)
    return _pool_chunks(job, pooling, settings, blank)


def _check_in_memory_options(job: Job, settings: Settings) -> None:
    """Refuse what is done with arrays in memory only."""
    wishes = {"--indices": job.indices, "--linear": settings.linear, "--alpha premultiplied": settings.premultiplied}
    for option, wish in wishes.items():
        if wish:
            raise PoolError(f"{option} goes with no chunked output; an output that is a file would work")
    if job.output is None:
        raise PoolError("ZARR is a folder of chunks, no stream of bytes; -o NAME.zarr would work")


def _pool_chunks(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """The same where both ends are arrays."""
    from ..chunked import run_array
    from ..chunked.executors import ThreadBackend
    from ..engine import threads

    assert job.output is not None
    volume = run_array.open_array(job.source, settings.key, lambda: _read_whole(job, settings))
    files.check_samples(volume.source.shape, settings.max_pixels)
    beside = None
    if settings.samples is not None:
        sample_files.check_valid_output(settings.samples, job, settings, pooling.reducer.name)
        beside = sample_files.open_sources(settings.samples, job, pooling, settings)
        asked = sample_files.describe(settings.samples, job, pooling.reducer.name)
        blank = replace(blank, parameters={**blank.parameters, **asked})
    done = run_array.pool(pooling, volume, str(job.output), overwrite=may_replace(job.output, job, settings),
                          looks=settings.statistics, backend=settings.backend or ThreadBackend(threads.count_threads()),
                          beside=beside)
    blank = replace(blank, notes=(*blank.notes, *clip_notes(pooling, done, settings)))
    return _finish_report(done, pooling, settings, blank)


def clip_notes(pooling: Pooling, done: PoolResult, settings: Settings) -> tuple[str, ...]:
    """A note that results may be clipped: jobs give their values away, and are not done again to count."""
    from . import clipping

    may_clip = done.result.kind != "f" and clipping.may_clip(pooling, done.source)
    if not settings.notes or done.stats is None or not may_clip:
        return ()
    low, high = clipping.find_limits(done.result)
    if done.stats.max != high and (done.stats.min != low or clipping.is_nonnegative(pooling, done.source)):
        return ()
    return (f"samples beyond {done.result} are clipped, and not counted in a chunked array; a wider --dtype would hold "
            "them",)


def _read_whole(job: Job, settings: Settings) -> files.Loaded:
    """An input that is no chunked array."""
    return files.read(job.source, key=settings.key, max_pixels=settings.max_pixels, stdin=settings.stdin,
                      allow_truncated=settings.allow_truncated, frames=settings.frames)


def _load_chunked(job: Job, settings: Settings) -> files.Loaded:
    """A chunked array in memory, for an output that is written in one piece."""
    from ..chunked import run_array

    volume = run_array.open_array(job.source, settings.key, lambda: _read_whole(job, settings))
    array = run_array.load_array(volume)
    note = "held in memory whole; an output that ends in .zarr or .npy is written chunk by chunk"
    return files.Loaded(array, volume.letters, files.ImageInfo(job.source, "ZARR", notes=(*volume.notes, note)))


def _finish_report(done: PoolResult, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """What there is to say of it."""
    made = replace(blank, **plan_fields(pooling, done.plan), input_dtype=done.source.name,
                   output_dtype=done.result.name,
                   notes=(*blank.notes, *done.notes), bytes_in=done.bytes_in, output_stats=done.stats)
    return made if done.values is None else add_values(made, done.values, done.plan)
