"""A batch in which each file goes through several poolings, without files between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .. import colour, files, report
from ..analysis import stage_plans
from ..analysis.chain import Chain, StageRecord, run_chain
from ..analysis.stages import Stage
from ..core import axes
from ..engine.prepared import Result
from ..errors import PoolError
from ..files.paths.zarr_paths import is_store, is_store_name
from ..report import FileReport
from .batch_run import BatchRun
from .job_runner import catch_errors, skip_report
from .run_in_memory import (
    STAYS_BILEVEL,
    LoadedJob,
    add_values,
    describe_place,
    fit_format,
    lossy_notes,
    nodata_note,
    preflight_samples,
    with_place,
    write,
)
from .sample_files import describe, load_rules
from .settings import Job, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..files import Loaded

    Array = NDArray[Any]

_NAME = "chain"


@dataclass(frozen=True)
class ChainReport(FileReport):
    """What became of one input: of the whole chain, and of every stage."""

    stages: tuple[StageRecord, ...] = field(default=())


@dataclass(frozen=True)
class ChainSpec:
    """What is done to each file: stages, and the layout of the first one's input."""

    stages: tuple[Stage, ...]
    layout: str | None = None
    default_layouts: tuple[str, ...] = ()
    """Layouts of arrays that say nothing of their axes, by how many axes they name."""
    name: str = _NAME


class ChainRun(BatchRun):
    """Chains at work: as ``BatchRun``, with a report of every stage."""

    def __init__(self, jobs: Iterable[Job], poolings: ChainSpec, settings: Settings, workers: int = 1) -> None:
        # what is beside an input lies beside what the first stage gets, not the last, so headers are looked at later
        super().__init__(jobs, poolings.stages[-1].pooling, replace(settings, samples=None), workers)
        self.poolings, self.job_settings = poolings, settings

    def fit(self, loaded: Loaded, job: Job) -> LoadedJob:
        """What a header tells of the last stage."""
        return _plan_stages(loaded, job, self.poolings)[0]

    def blank(self, job: Job) -> ChainReport:
        """The report of a job before anything is done."""
        return ChainReport(job.source_name, job.output_name(), "ok", reducer=_NAME, notes=job.notes)

    def perform(self, job: Job) -> FileReport:
        """One job, here."""
        blank = self.blank(job)
        return catch_errors(job, blank, lambda: _run_chain_job(job, self.poolings, self.job_settings, blank))


def _run_chain_job(job: Job, poolings: ChainSpec, settings: Settings, blank: ChainReport) -> FileReport:
    """One job where nothing goes wrong."""
    if (skipped := skip_report(job, settings, blank)) is not None:
        return skipped
    if any(is_store_name(name) for name in (job.source, job.output or "")) or is_store(job.source):
        raise PoolError("chain takes no chunked arrays; a command for each stage, one after another, would work")
    preflight_samples(job, settings, lambda loaded, job: _plan_first(loaded, job, poolings))
    indexed = all(stage.pooling.reducer.suits_labels for stage in poolings.stages)
    loaded = files.read(job.source, key=settings.key, max_pixels=settings.max_pixels, stdin=settings.stdin,
                        allow_truncated=settings.allow_truncated, indexed=indexed, frames=settings.frames)
    loaded = with_place(loaded, settings)
    job = fit_format(job, loaded)
    poolings, heeded = _with_file_nodata(loaded.source, poolings, settings)
    heeded += colour.list_alpha_notes(loaded.array, loaded.source.mode,
                                      [stage.pooling.reducer for stage in poolings.stages])
    task, planned, array = _plan_stages(loaded, job, poolings)
    task.check_holds()
    rules, asked = None, {}
    if settings.samples is not None:
        first = planned[0]
        rules = load_rules(settings.samples, job, first.stage.pooling, first.plan, settings)
        asked = describe(settings.samples, job, _NAME)
    done = run_chain(array, planned, settings.statistics, rules)
    lost = write(task, Result(done.values, None), settings)
    blank = replace(blank, notes=(*blank.notes, *heeded, *lost), parameters={**blank.parameters, **asked},
                    place=describe_place(loaded.source.place, *(link.plan for link in planned)))
    return _finish_report(task, planned, done, settings, blank)


def _plan_first(loaded: Loaded, job: Job, poolings: ChainSpec) -> LoadedJob:
    """What a header tells of the first stage."""
    task, planned, _ = _plan_stages(loaded, job, poolings)
    return replace(task, plan=planned[0].plan, pooling=planned[0].stage.pooling)


def _with_file_nodata(source: files.ImageInfo, poolings: ChainSpec, settings: Settings) -> tuple[ChainSpec,
                                                                                                 tuple[str, ...]]:
    """Take the nodata value that the file names for all stages, where none of them says its own."""
    stages, value = poolings.stages, source.nodata
    if value is None or not settings.heeds_nodata or any("nodata" in stage.keywords for stage in stages):
        return poolings, ()
    heeding = tuple(replace(stage, keywords={**stage.keywords, "nodata": value}) for stage in stages)
    return replace(poolings, stages=heeding), (nodata_note(value),)


def _plan_stages(loaded: Loaded, job: Job, poolings: ChainSpec) -> tuple[LoadedJob, list[stage_plans.StagePlan], Array]:
    """The last stage as a job of its own, all stages planned, and the array of the first.

    A picture as output has its input's dtype: the last stage rounds to it, those before do not round at all.
    """
    import numpy as np

    array, stages, notes = loaded.array, poolings.stages, list(loaded.source.notes)
    if job.format is not None and job.format.keeps_dtype:
        array, stages = for_picture(array, stages)
        if array is not loaded.array:
            notes.append("1-bit pixels pooled as 8-bit grey, white as 255")
    layout = poolings.layout or loaded.layout or axes.pick_layout(poolings.default_layouts, array.ndim)
    planned = stage_plans.plan_stages(array.shape, stages, layout, array.dtype.newbyteorder("="),
                                      loaded.source.axes)
    last = planned[-1]
    loaded = _add_place(loaded, planned)
    placeholder = np.broadcast_to(np.zeros((), last.dtype), last.plan.input_shape)
    return LoadedJob(job, loaded, placeholder, last.stage.pooling, last.plan, tuple(notes)), planned, array


def _add_place(loaded: Loaded, planned: Sequence[stage_plans.StagePlan]) -> Loaded:
    """The input with the place that the last stage's has."""
    place = loaded.source.place
    if place is None:
        return loaded
    for link in planned[:-1]:
        place = place.pool(link.plan)
    return replace(loaded, source=replace(loaded.source, place=place))


def for_picture(array: Array, stages: Sequence[Stage]) -> tuple[Array, tuple[Stage, ...]]:
    """A 1-bit picture turns grey where any stage is no choice of black or white; the last stage gives the dtype."""
    import numpy as np

    poolings = [stage.pooling for stage in stages]
    if array.dtype == np.bool_ and any(one.reducer.result not in STAYS_BILEVEL and one.dtype != np.bool_
                                       for one in poolings):
        array = np.where(array, np.uint8(255), np.uint8(0))
        stages = [replace(stage, keywords={  # values of samples too: white is 255
            name: value * 255 if name in ("nodata", "pad_value") and value in (0, 1) else value
            for name, value in stage.keywords.items()}) for stage in stages]
    *before, last = stages
    dtype = poolings[-1].dtype or array.dtype.newbyteorder("=")
    return array, (*before, replace(last, keywords={**last.keywords, "dtype": dtype}))


def _finish_report(task: LoadedJob, planned: Sequence[stage_plans.StagePlan], done: Chain, settings: Settings,
                   blank: ChainReport) -> FileReport:
    """What there is to say of a job that is done."""
    first, last = planned[0], planned[-1]
    notes = (*blank.notes, *task.notes, *lossy_notes(task.job, settings, task.loaded.source.lossy))
    made = replace(blank, stages=done.stages, layout=first.plan.axes.letters, input_shape=first.plan.input_shape,
                   output_shape=last.plan.output_shape, input_dtype=task.loaded.array.dtype.name,
                   output_dtype=done.values.dtype.name, uncovered=stage_plans.count_unread(planned), notes=notes)
    if not settings.statistics:
        return made
    pooling = first.stage.pooling
    before = report.measure_samples(task.loaded.array, skip_nan=pooling.nan == "ignore", nodata=pooling.nodata)
    return add_values(replace(made, input_stats=before, output_stats=done.stages[-1].output_stats), done.values,
                      last.plan)
