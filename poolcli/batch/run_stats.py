"""A batch in which each file is read once and pooled by several reducers, into files of their own or into one."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from .. import files, report
from ..analysis.stages import Stage
from ..core.memory_budget import reserve
from ..errors import OptionError, PoolError
from ..files.georef.geotiff import place_bands
from ..files.paths import output_paths
from ..report import FileReport
from . import run_chunked, run_large_picture
from .batch_run import BatchRun
from .job_runner import catch_errors, skip_report, start_report
from .planning import plan_jobs, takes_several
from .run_in_memory import (
    LoadedJob,
    describe_place,
    picture_axes,
    plan_fields,
    plan_loaded,
    pool_loaded,
    preflight_samples,
    read_input,
    takes_indices,
    with_file_nodata,
    with_place,
    write_values,
)
from .sample_files import describe, pool_valid
from .settings import STDIO, Job, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..files import Loaded

    Array = NDArray[Any]

_NAME = "stats"


@dataclass(frozen=True)
class _NamedStage:
    """A stage and what its outputs are called after."""

    name: str
    stage: Stage


@dataclass(frozen=True)
class _StageJob(Job):
    """One reducer of one input."""

    number: int = 0
    """Of the stage; of stacked results -1."""
    group: int = 0
    """Of the input: its jobs share what is read."""


def _name_stages(stages: Sequence[Stage]) -> list[_NamedStage]:
    """Each stage by its reducer, numbered where that is asked for several times: max, quantile_1, quantile_2."""
    count, seen = Counter(stage.reducer for stage in stages), Counter[str]()
    named = []
    for stage in stages:
        seen[stage.reducer] += 1
        several = count[stage.reducer] > 1
        named.append(_NamedStage(f"{stage.reducer}_{seen[stage.reducer]}" if several else stage.reducer, stage))
    return named


class StatsPlan:
    """The jobs of all reducers, those of an input one after another."""

    def __init__(self, names: Iterable[str], stages: Sequence[Stage], settings: Settings, stacked: bool) -> None:
        """Lay down every output before any work; PoolError or OptionError where two results have one name."""
        inputs = list(names)
        if stacked:
            self.plans = [plan_jobs(inputs, _NamedStage(_NAME, stages[0]), settings)]
        else:
            _check_names_several(settings.output, len(stages))
            self.plans = [plan_jobs(inputs, one, settings, several=len(stages) > 1) for one in _name_stages(stages)]
        self.stacked, self.notes = stacked, self.plans[0].notes

    def __len__(self) -> int:
        return sum(map(len, self.plans))

    def __iter__(self) -> Iterator[Job]:
        for group, jobs in enumerate(zip(*self.plans, strict=True)):
            for number, job in enumerate(jobs):
                known = {field.name: getattr(job, field.name) for field in fields(job)}
                yield _StageJob(**known, number=-1 if self.stacked else number, group=group)


def _check_names_several(output: str | None, count: int) -> None:
    """Refuse an output that does not tell results of one input apart."""
    if output is None or count == 1:
        return
    if not takes_several(output):
        raise OptionError("output", f"takes one result, and there are {count}; a folder with a slash at its end, a "
                                    "pattern with {reducer}, or --stack would work")
    if output_paths.is_pattern(output) and "{reducer}" not in output:
        raise OptionError("output", "needs {reducer} to tell the results of one input apart; "
                                    "'{stem}_{reducer}{ext}' would work")


class _SharedInput:
    """What the jobs of one input read: once, by whoever needs it first."""

    def __init__(self, count: int) -> None:
        self.lock, self.left, self.known = threading.Lock(), count, dict[bool, Any]()

    def read(self, source: str, settings: Settings, indexed: bool) -> Loaded:
        """The input; what was wrong with it is wrong for all its jobs."""
        with self.lock:
            if indexed not in self.known:
                try:
                    self.known[indexed] = read_input(source, settings, indexed)
                except Exception as error:
                    self.known[indexed] = error
            found = self.known[indexed]
        if isinstance(found, Exception):
            raise found
        loaded: Loaded = found
        return loaded


class StatsRun(BatchRun):
    """Several reducers at work on each file: as ``BatchRun``, with a report of every result."""

    def __init__(self, jobs: StatsPlan, stages: Sequence[Stage], default_layouts: tuple[str, ...], settings: Settings,
                 workers: int = 1) -> None:
        self.poolings = [replace(stage.pooling, default_layouts=default_layouts) for stage in stages]
        self.titles = [one.name for one in _name_stages(stages)]
        self.per_input = len(jobs.plans)
        self.lock, self.inputs = threading.Lock(), dict[int, _SharedInput]()
        super().__init__(jobs, self.poolings[0], settings, workers)

    def fit(self, loaded: Loaded, job: Job) -> LoadedJob:
        """What a header tells of a job; of stacked results it tells too little."""
        number = _as_stage_job(job).number
        return plan_loaded(loaded, job if number >= 0 else replace(job, format=None), self.poolings[number])

    def blank(self, job: Job) -> FileReport:
        """The report of a job before anything is done."""
        number = _as_stage_job(job).number
        if number >= 0:
            return start_report(job, self.poolings[number])
        return FileReport(job.source_name, job.output_name(), "ok", reducer=_NAME, notes=job.notes,
                          parameters={"bands": ", ".join(self.titles)})

    def perform(self, job: Job) -> FileReport:
        """One job, here."""
        mine, blank = _as_stage_job(job), self.blank(job)
        with self.lock:
            shared = self.inputs.setdefault(mine.group, _SharedInput(self.per_input))
        try:
            return catch_errors(job, blank, lambda: self._attempt(mine, shared, blank))
        finally:
            with self.lock:
                shared.left -= 1
                if not shared.left:
                    del self.inputs[mine.group]

    def _attempt(self, job: _StageJob, shared: _SharedInput, blank: FileReport) -> FileReport:
        """One job where nothing goes wrong."""
        if (skipped := skip_report(job, self.settings, blank)) is not None:
            return skipped
        preflight_samples(job, self.settings, self.fit)
        if job.number < 0:
            return self._stack(job, shared, blank)
        pooling = self.poolings[job.number]
        if (opened := run_large_picture.open_source(job, pooling, self.settings)) is not None:
            return run_large_picture.run(opened, job, pooling, self.settings, blank)
        if run_chunked.takes(job):
            return run_chunked.run(job, pooling, self.settings, blank)
        loaded = shared.read(job.source, self.settings, self._reads_indices(job))
        return pool_loaded(loaded, job, pooling, self.settings, blank)

    def _reads_indices(self, job: _StageJob) -> bool:
        """Whether indices of a palette are pooled: by each reducer as alone, but what is one array, or a stream, is
        read in one way."""
        alone = job.number >= 0 and job.source != STDIO
        poolings = [self.poolings[job.number]] if alone else self.poolings
        return all(takes_indices(pooling, self.settings) for pooling in poolings)

    def _stack(self, job: _StageJob, shared: _SharedInput, blank: FileReport) -> FileReport:
        """All results of an input as channels of one."""
        if run_chunked.takes(job):
            raise PoolError("results are stacked in memory, and a chunked array is none; without --stack it would work")
        loaded = with_place(shared.read(job.source, self.settings, self._reads_indices(job)), self.settings)
        heeded: tuple[str, ...] = ()
        tasks = []
        for pooling in self.poolings:
            settled, heeded = with_file_nodata(loaded.source, pooling, self.settings)
            tasks.append(plan_loaded(loaded, replace(job, format=None), settled))
        bands, values = _stack_results(tasks, self.titles, self.settings)
        lost = _write_stack(job, tasks[0], bands, values, self.settings)
        plan, array = tasks[0].plan, loaded.array
        done = replace(blank, **plan_fields(tasks[0].pooling, plan), input_dtype=array.dtype.name,
                       output_dtype=values.dtype.name, bytes_in=loaded.source.nbytes,
                       notes=(*blank.notes, *heeded, *tasks[0].notes, *lost),
                       place=describe_place(loaded.source.place, plan))
        given = self.settings.samples
        asked = {} if given is None else describe(given, job, _NAME)
        done = replace(done, output_shape=values.shape, parameters={**done.parameters, **asked})
        if not self.settings.statistics:
            return done
        skip_nan, nodata = tasks[0].pooling.nan == "ignore", tasks[0].pooling.nodata
        seen = replace(done, input_stats=report.measure_samples(array, skip_nan=skip_nan, nodata=nodata),
                       output_stats=report.measure_samples(values, skip_nan=skip_nan or given is not None,
                                                           nodata=nodata))
        return replace(seen, values=values.tolist() if values.size <= report.MOST_VALUES else None,
                       preview=report.cut_planes(values, _letters_of_bands(plan.output_letters)))


def _as_stage_job(job: Job) -> _StageJob:
    """A job of a ``StatsPlan``."""
    assert isinstance(job, _StageJob)
    return job


def _stack_results(tasks: Sequence[LoadedJob], titles: Sequence[str],
                   settings: Settings) -> tuple[list[str], Array]:
    """The names of the bands, and all results along their channels, in the type that holds each of them.

    Where that is a float, windows without samples are NaN in all of them.
    """
    import numpy as np

    shapes = {task.plan.output_shape for task in tasks}
    if len(shapes) > 1:
        raise PoolError(f"results of several shapes cannot be stacked: {', '.join(map(str, sorted(shapes)))}; without "
                        "--stack each has a file of its own")
    dtype = np.result_type(*(task.result_dtype for task in tasks))
    letters, shape = tasks[0].plan.output_letters, tasks[0].plan.output_shape
    reserve(len(tasks) * int(np.prod(shape)) * dtype.itemsize, "stacked results")
    results = []
    for task in tasks:
        given = settings.samples
        result = task.pooling.run(task.array, task.plan) if given is None else pool_valid(given, task, settings)[0]
        found = result.values
        made, nodata = found.astype(dtype), task.pooling.nodata
        if dtype.kind == "f" and found.dtype.kind != "f" and nodata is not None:
            made[found == nodata] = np.nan
        results.append(made)
    if "C" not in letters:
        return list(titles), np.stack(results, axis=-1)
    axis = letters.index("C")
    bands = [f"{title} {channel}" for title in titles for channel in range(shape[axis])]
    return bands, np.concatenate(results, axis=axis)


def _letters_of_bands(letters: str) -> str:
    """The layout of stacked results: their channels are those that there are, or a last axis."""
    return letters if "C" in letters else f"{letters}C"


def _write_stack(job: Job, task: LoadedJob, bands: Sequence[str], values: Array,
                 settings: Settings) -> tuple[str, ...]:
    """Write stacked results in their place, bands by their names where the format has such; return what was lost."""
    letters = _letters_of_bands(task.plan.output_letters)
    known, row = task.loaded.source, job.format
    nodata = None if values.dtype.kind == "f" else task.pooling.nodata
    source = replace(known, mode=None, palette=None, nodata=nodata, metadata=None, pages=None, axes=(),
                     place=None if known.place is None else place_bands(known.place, task.plan, letters, bands))
    if job.shown:
        return ()
    if row is not None and job.writes_picture:
        order, leading = picture_axes(letters)
        if leading:
            raise PoolError(f"{letters} is no picture; -o NAME.npy would work")
        values = values.transpose(order)
        files.holds(row, values.dtype, values.shape, None)
    return write_values(job, values, source, settings)
