"""One job whose input is a picture that is read box by box, because it would not fit into memory, or hardly."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from .. import files
from ..core.plans import check_memory
from ..report import FileReport
from .run_chunked import clip_notes
from .run_in_memory import (
    LoadedJob,
    add_values,
    finish_report,
    picture_axes,
    placeholder,
    plan_loaded,
    with_file_nodata,
    with_place,
    write,
)
from .settings import Job, Settings, is_special, may_replace, needs_all_samples

if TYPE_CHECKING:
    from ..chunked.executors import ChunkBackend
    from ..pooling import Pooling
    from ..report import Stats

MAX_HELD_BYTES = 1 << 26
"""Of a result that is held in memory where its format is written box by box too."""


def open_source(job: Job, pooling: Pooling, settings: Settings) -> tuple[Any, files.Loaded] | None:
    """Open an input that is read box by box, to be given to ``run``, which closes it; None of what is pooled whole."""
    if settings.frames is not None or settings.samples is not None or needs_all_samples(job, settings):
        return None
    found = files.open_boxes(job.source, max_pixels=settings.max_pixels, indexed=pooling.reducer.takes_labels)
    if found is None:
        return None
    weighed = settings.premultiplied is None and pooling.reducer.average and "A" in (found[1].source.mode or "")
    if not weighed:
        return found
    found[0].close()
    return None


def run(opened: tuple[Any, files.Loaded], job: Job, pooling: Pooling, settings: Settings,
        blank: FileReport) -> FileReport:
    """Pool a large picture box by box; into memory where the result is small or its format is written at once."""
    with closing(opened[0]) as source:
        return _run_boxes(source, opened[1], job, pooling, settings, blank)


def _run_boxes(source: Any, loaded: files.Loaded, job: Job, pooling: Pooling, settings: Settings,
               blank: FileReport) -> FileReport:
    """The same of an open source."""
    from ..chunked.executors import ThreadBackend
    from ..engine import threads

    loaded = with_place(loaded, settings)
    asked, heeded = with_file_nodata(loaded.source, pooling, settings)
    task = plan_loaded(loaded, job, asked, held=False)
    task.check_holds()
    backend = settings.backend or ThreadBackend(threads.count_threads())
    parameters = {**blank.parameters, **({"nodata": asked.nodata} if heeded else {})}
    blank = replace(blank, parameters=parameters, notes=(*blank.notes, *heeded))
    if _is_held(task):
        return _pool_held(task, source, settings, blank, backend)
    if job.format is not None and job.format.tiled:
        return _pool_tiles(task, source, settings, blank, backend)
    return _pool_array(task, source, settings, blank, backend)


def _is_held(task: LoadedJob) -> bool:
    """Whether the result is made in memory: it is small, or its output can only be written at once."""
    row, plan = task.job.format, task.plan
    if row is not None and row.is_folder:
        return False
    size = prod(plan.output_shape) * task.result_dtype.itemsize
    by_boxes = row is not None and (row.chunked or (row.tiled and _is_upright(plan.output_letters)))
    if size > MAX_HELD_BYTES and by_boxes and task.job.output is not None and not is_special(task.job.output):
        return False
    check_memory(plan)
    return True


def _is_upright(letters: str) -> bool:
    """Whether a result's axes are those of one picture, in their order."""
    order, leading = picture_axes(letters)
    return not leading and order == tuple(range(len(order)))


def _pool_held(task: LoadedJob, source: Any, settings: Settings, blank: FileReport,
               backend: ChunkBackend) -> FileReport:
    """Pool into memory, and write that as any other result."""
    from .. import report
    from ..chunked import run_picture
    from ..engine.prepared import Result

    values = run_picture.pool_to_memory(task.pooling, task.plan, source, backend)
    lost = write(task, Result(values, None), settings)
    if not settings.statistics:
        return _report_result(task, settings, blank, None, lost)
    seen = report.measure_samples(values, skip_nan=task.pooling.nan == "ignore", nodata=task.pooling.nodata)
    return add_values(_report_result(task, settings, blank, seen, lost), values, task.plan)


def _pool_tiles(task: LoadedJob, source: Any, settings: Settings, blank: FileReport,
                backend: ChunkBackend) -> FileReport:
    """Pool into a tiled file, which is as large as it must be."""
    from ..chunked import run_picture

    job, plan = task.job, task.plan
    assert job.output is not None
    with files.open_tiled(job.output, plan.output_shape, task.result_dtype, task.source,
                          encoding=settings.encoding, overwrite=may_replace(job.output, job, settings),
                          again=settings.again) as target:
        seen = run_picture.pool_to_file(task.pooling, plan, source, target, backend, settings.statistics)
    return _report_result(task, settings, blank, seen, target.notes)


def _pool_array(task: LoadedJob, source: Any, settings: Settings, blank: FileReport,
                backend: ChunkBackend) -> FileReport:
    """Pool into an array that is written chunk by chunk."""
    from ..chunked import run_array

    job = task.job
    assert job.output is not None and job.format is not None
    _, lost = task.source.fit_place(job.format, task.plan.output_shape)
    opened = run_array.OpenedArray(source, task.loaded.layout)
    done = run_array.pool(task.pooling, opened, str(job.output), overwrite=may_replace(job.output, job, settings),
                          looks=settings.statistics, backend=backend)
    finished = _report_result(task, settings, blank, done.stats, lost)
    return finished if done.values is None else add_values(finished, done.values, done.plan)


def _report_result(task: LoadedJob, settings: Settings, blank: FileReport, seen: Stats | None,
                   lost: tuple[str, ...]) -> FileReport:
    """What there is to say of a job that is done; of its samples nothing, for nobody has looked at all of them."""
    from ..chunked.run_array import PoolResult
    from ..engine.prepared import Result

    dtype = task.result_dtype
    done = PoolResult(task.plan, task.array.dtype, dtype, seen, None, ())
    blank = replace(blank, notes=(*blank.notes, *clip_notes(task.pooling, done, settings), *lost), output_stats=seen)
    hollow = Result(placeholder(dtype, task.plan.output_shape), None)
    return finish_report(task, hollow, replace(settings, statistics=False), blank)
