"""One job whose input is in memory: read, fitted to its output, pooled, written."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

from .. import files, report
from ..core.memory_budget import reserve
from ..errors import PoolError
from ..files.paths.urls import is_url
from ..redact import printable
from ..report import FileReport, PlaceChange
from . import sample_files
from .four_channels import pool_four, unpack_channels
from .settings import STDIO, Job, SampleFiles, Settings, may_replace, must_keep

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..colour import Light
    from ..core.place import Place
    from ..core.plans import Plan
    from ..engine.prepared import Result
    from ..files import ImageInfo, Loaded
    from ..pooling import Pooling

    Array = NDArray[Any]

STAYS_BILEVEL = ("input", "unsigned", "rank")
"""Result rules under which a 1-bit picture stays one; anything else is written as 8-bit grey, True as 255."""


def run(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """Read a job's input whole, pool it and write the result."""
    preflight_samples(job, settings, lambda loaded, job: plan_loaded(loaded, job, pooling))
    loaded = read_input(job.source, settings, takes_indices(pooling, settings))
    return pool_loaded(loaded, job, pooling, settings, blank)


def preflight_samples(job: Job, settings: Settings, fit: Callable[[Loaded, Job], LoadedJob]) -> None:
    """Refuse what headers tell of masks, weights and errors that do not go with an input; quiet where they do not, and
    where it was done."""
    if settings.samples is None or job.headers_seen or job.source == STDIO or is_url(job.source):
        return
    if (task := fit_header(job, settings, fit)) is not None:
        sample_files.check_headers(settings.samples, job, task.plan, task.pooling, settings)


def fit_header(job: Job, settings: Settings, fit: Callable[[Loaded, Job], LoadedJob]) -> LoadedJob | None:
    """What the header of an input tells of a job; None where it does not, for reading says what is wrong, and where
    frames are chosen, of which the header tells no shape.
    """
    if settings.frames is not None:
        return None
    try:
        hollow = files.load_header(job.source, max_pixels=settings.max_pixels, key=settings.key)
        return fit(hollow, job) if hollow is not None else None
    except PoolError:
        return None


def takes_indices(pooling: Pooling, settings: Settings) -> bool:
    """Whether the indices of a palette are pooled, and not its colours."""
    return pooling.reducer.takes_labels and not (settings.linear or settings.premultiplied)


def read_input(source: str, settings: Settings, indexed: bool) -> Loaded:
    """Read an input whole; a picture may be the decoder's own memory."""
    return files.read(source, key=settings.key, max_pixels=settings.max_pixels, stdin=settings.stdin,
                      allow_truncated=settings.allow_truncated, indexed=indexed, frames=settings.frames, shared=True)


def pool_loaded(loaded: Loaded, job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """One job whose input is at hand."""
    loaded = with_place(loaded, settings)
    job = fit_format(job, loaded)
    pooling, heeded = with_file_nodata(loaded.source, pooling, settings)
    task = plan_loaded(loaded, job, pooling)
    task.check_holds()
    shape = task.plan.full_shape
    reserve(prod(shape) * task.result_dtype.itemsize, "a result of shape", shape)
    light = _choose_light(task, settings)
    task = unpack_channels(task, alone=light is None and not settings.statistics and settings.samples is None)
    if settings.samples is None:
        result = _run_pooling(task, light)
        clipped = _clip_notes(task, result, pooling, settings, light)
        lost = write(task, result, settings)
    else:
        result, clipped, lost = _pool_valid_samples(settings.samples, task, settings, light)
    asked: dict[str, Any] = {name: True for name in ("linear", "premultiplied") if getattr(light, name, False)}
    if heeded:
        asked["nodata"] = pooling.nodata
    if settings.samples is not None:
        asked |= sample_files.describe(settings.samples, job, pooling.reducer.name)
    blank = replace(blank, notes=(*blank.notes, *heeded, *clipped, *lost), parameters={**blank.parameters, **asked})
    return finish_report(task, result, settings, blank)


def _pool_valid_samples(given: SampleFiles, task: LoadedJob, settings: Settings,
                        light: Light | None) -> tuple[Result, tuple[str, ...], tuple[str, ...]]:
    """Pool the samples that count and write all there is; return the result, and notes of what was lost."""
    if light is not None:
        raise PoolError("masks and weights go with colours as they are: --alpha apart, without --linear, would work")
    sample_files.check_valid_output(given, task.job, settings, task.pooling.reducer.name)
    result, valid = sample_files.pool_valid(given, task, settings)
    lost = write(task, result, settings)
    sample_files.write_valid(given, task, valid, settings)
    return result, (), lost


def with_place(loaded: Loaded, settings: Settings) -> Loaded:
    """Forget where the samples lie, where nobody wants to know."""
    if settings.keeps_place or loaded.source.place is None:
        return loaded
    return replace(loaded, source=replace(loaded.source, place=None))


def fit_format(job: Job, loaded: Loaded) -> Job:
    """Give a job the format that its output has for what was read: of a hyperstack the .tif that it was."""
    if job.format is None or loaded.source.place is None:
        return job
    return replace(job, format=files.choose_variant(job.format, loaded.source.place_kind))


def _choose_light(task: LoadedJob, settings: Settings) -> Light | None:
    """How colours are taken: as light, weighed by alpha; None where they are numbers like others."""
    mode, asked = task.loaded.source.mode, settings.premultiplied
    # a look at the mode first: who has no alpha imports nothing of it
    may_weigh = asked is None and task.pooling.reducer.average and mode is not None and "A" in mode
    if not (settings.linear or asked or may_weigh):
        return None
    from .. import colour

    weighs = asked or (may_weigh and colour.is_weighed_by_default(task.pooling, mode, task.plan.axes.letters)
                       and colour.is_transparent(task.array))
    light = colour.Light(settings.linear, bool(weighs))
    if light and task.loaded.source.nodata is not None:
        light.check(task.pooling)
    return light or None


def _run_pooling(task: LoadedJob, light: Light | None) -> Result:
    """The result, of colours as light where that is wished."""
    if light is None:
        if (result := pool_four(task)) is not None:
            return result
        return task.pooling.run(task.array, task.plan, return_indices=task.job.indices is not None)
    from .. import colour
    from ..engine.prepared import Result

    return Result(colour.pool(task.pooling, task.array, task.plan, task.loaded.source.mode, light), None)


def _clip_notes(task: LoadedJob, result: Result, asked: Pooling, settings: Settings,
                light: Light | None) -> tuple[str, ...]:
    """A note of how many results the output's type could not hold; ``asked`` has the dtype that the user named."""
    from . import clipping

    # reducers of light stay in its range
    if not settings.notes or light or not clipping.may_clip(task.pooling, task.array.dtype, task.result_dtype):
        return ()
    counter = clipping.ClipCounter(task.pooling, task.array.dtype)
    counter.add(task.array, task.plan, result.values)
    note = counter.note(task.suggest_holders(counter.holding_dtype(), asked.dtype is None))
    return () if note is None else (note,)


@dataclass(frozen=True, eq=False)
class LoadedJob:
    """A job with its input read and its pooling settled."""

    job: Job
    loaded: Loaded
    array: Array
    pooling: Pooling
    plan: Plan
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def result_dtype(self) -> np.dtype[Any]:
        """The dtype of the result."""
        return self.pooling.result_dtype(self.array.dtype)

    @cached_property
    def picture_axes(self) -> tuple[tuple[int, ...], int]:
        """The axes of the result in the order of a picture, and how many of planes lead them."""
        return picture_axes(self.plan.output_letters)

    @cached_property
    def planes(self) -> int:
        """How many pictures the result is, where the output is a file of pictures."""
        order, leading = self.picture_axes
        return prod(self.plan.output_shape[i] for i in order[:leading])

    @cached_property
    def source(self) -> ImageInfo:
        """The input as the writer needs to know it: with as many pages as the result has."""
        known = self.loaded.source
        if known.palette is not None and self.pooling.reducer.reads_labels:
            known = replace(known, mode=None, palette=None)
        if known.place is not None:
            known = replace(known, place=known.place.pool(self.plan), cell_methods=self.cell_methods())
        if not self.job.writes_picture:
            return known
        pages = self.planes if self.picture_axes[1] and self.planes != 1 else None
        return replace(known, pages=pages, nodata=self.choose_nodata())

    def cell_methods(self) -> str:
        """How the result was made of the axes that have names, as CF has it."""
        method, names = self.pooling.reducer.cell_method, self.loaded.source.axes
        pooled = [f"{names[i]}:" for i, one in zip(self.plan.axes.pooled, self.plan.windows, strict=True)
                  if i < len(names) and (len(one) < one.length or one.size_range()[1] > 1)]
        return " ".join([*pooled, method]) if pooled and method else ""

    def choose_nodata(self) -> int | float | None:
        """What stands in the result where a window has no sample; None where no sample counts as missing."""
        if self.pooling.reducer.empty_value is not None:
            return None
        pooling = self.pooling
        filled = pooling.fills_nodata or self.result_dtype.kind != "f"
        return pooling.nodata if pooling.nodata is None or filled else float("nan")

    def arrange(self, values: Array) -> Array:
        """Turn the result as its output wants it: a picture has its channels last, and its planes along one axis."""
        if not self.job.writes_picture:
            return values
        order, leading = self.picture_axes
        turned = values.transpose(order)
        rest = turned.shape[leading:]
        return turned if not leading else turned.reshape(rest if self.source.pages is None else (self.planes, *rest))

    def check_holds(self, dtype: np.dtype[Any] | None = None) -> None:
        """Refuse, before any work, what the output's format cannot hold, of the result's dtype or another."""
        row, known = self.job.format, self.loaded.source
        if row is None or not self.job.writes_picture:
            return
        if self.source.pages is not None and known.pages is None and not row.pages:
            raise PoolError(f"{row.name} holds one picture, and the result has {self.planes:,} planes; .tif would hold "
                            "them as pages, and a window of all over the first axis leaves one")
        dtype = dtype or self.result_dtype
        shape = self.arrange(placeholder(dtype, self.plan.output_shape)).shape
        files.holds(row, dtype, shape, self.source.mode, self.source.pages)

    def suggest_holders(self, dtype: np.dtype[Any], is_default: bool) -> str:
        """Name the options for a result of a wider dtype: an array, or the same format where that has the dtype.

        A picture's own dtype is the default; an array has a wide one, unless another was asked for.
        """
        try:
            self.check_holds(dtype)
        except PoolError:
            return "-o NAME.npy" + ("" if is_default else f" with --dtype {dtype}")
        return ("-o NAME.npy or " if is_default else "") + f"--dtype {dtype}"


def picture_axes(letters: str) -> tuple[tuple[int, ...], int]:
    """Order a result's axes as pictures have them (planes, rows, columns, channels), and count those of planes.

    Examples
    --------
    >>> picture_axes("CHW"), picture_axes("DHW"), picture_axes("NDHWC")
    (((1, 2, 0), 0), ((0, 1, 2), 1), ((0, 1, 2, 3, 4), 2))
    """
    axes = range(len(letters))
    if len(letters) < 3:
        return tuple(axes), 0
    by_kind = sorted(axes, key=lambda i: {"N": 0, "C": 2}.get(letters[i], 1))
    return tuple(by_kind), max(len(letters) - letters.count("C") - 2, 0)


def placeholder(dtype: Any, shape: tuple[int, ...]) -> Array:
    """Make an array of a shape without memory behind it."""
    import numpy as np

    return np.broadcast_to(np.zeros((), dtype), shape)


def plan_loaded(loaded: Loaded, job: Job, pooling: Pooling, *, held: bool = True) -> LoadedJob:
    """Settle what depends on the file: the windows, and the dtype where the output is a picture.

    A result that is ``held`` in memory must fit there.
    """
    array, notes = loaded.array, list(loaded.source.notes)
    if job.format is not None and job.format.keeps_dtype:
        array, pooling = for_picture(array, pooling)
        if array is not loaded.array:
            notes.append("1-bit pixels pooled as 8-bit grey, white as 255")
    layout = _stack_layout(loaded, pooling)
    pooling = pooling.for_axes(array.shape, layout, loaded.source.axes)
    plan = pooling.plan(array.shape, layout, held=held)
    return LoadedJob(job, loaded, array, pooling, plan, tuple(notes))


def with_file_nodata(source: ImageInfo, pooling: Pooling, settings: Settings) -> tuple[Pooling, tuple[str, ...]]:
    """Take the nodata value that the file names, where none was asked for, and say so."""
    if source.nodata is None or pooling.nodata is not None or not settings.heeds_nodata:
        return pooling, ()
    return replace(pooling, nodata=source.nodata), (nodata_note(source.nodata),)


def nodata_note(value: float) -> str:
    """Say that the nodata value of the file is heeded."""
    return f"samples of {value} count as missing: the file names it as nodata; --nodata none turns it off"


def _stack_layout(loaded: Loaded, pooling: Pooling) -> str | None:
    """The layout of what was read; pages are an axis to pool where the windows have three values: allx1x1."""
    letters = loaded.layout
    if letters is not None and letters.startswith("N") and pooling.window.value_count() == len(letters.rstrip("C")):
        return "D" + letters[1:]
    return letters


def for_picture(array: Array, pooling: Pooling) -> tuple[Array, Pooling]:
    """A picture has its input's dtype, but a 1-bit one turns grey where its result is no choice of black or white."""
    import numpy as np

    if array.dtype == np.bool_ and pooling.reducer.result not in STAYS_BILEVEL and pooling.dtype != np.bool_:
        array = np.where(array, np.uint8(255), np.uint8(0))
        nodata = pooling.nodata * 255 if pooling.nodata in (0, 1) else pooling.nodata
        pooling = replace(pooling, nodata=nodata, pad_value=pooling.pad_value * 255)
    if pooling.dtype is None:
        pooling = replace(pooling, dtype=array.dtype.newbyteorder("="))
    return array, replace(pooling, fills_nodata=pooling.nodata is not None)


def write(task: LoadedJob, result: Result, settings: Settings) -> tuple[str, ...]:
    """Write the result, and its indices if they are wanted; return what was lost on the way."""
    job = task.job
    if job.indices is not None and result.indices is not None and not _has_indices(job, result.indices, settings):
        replaces = may_replace(job.indices, job, settings)
        files.write(job.indices, result.indices, task.loaded.source, "npy", overwrite=replaces, again=settings.again)
    return () if job.shown else write_values(job, task.arrange(result.values), task.source, settings)


def write_values(job: Job, values: Array, source: ImageInfo, settings: Settings) -> tuple[str, ...]:
    """Write what a job's format is known to hold; return what was lost on the way."""
    target = settings.stdout if job.output is None else job.output
    if target is None:
        raise PoolError("standard output is closed; -o FILE would work")
    replaces = job.output is not None and may_replace(job.output, job, settings)
    return files.write(target, values, source, job.format, encoding=settings.encoding, overwrite=replaces,
                       again=settings.again, checked=True)


def _has_indices(job: Job, indices: Array, settings: Settings) -> bool:
    """Whether a run that was cut short has written these indices already, and not yet the result."""
    import numpy as np

    if job.indices is None or not settings.skip_existing or not must_keep(job.indices, job, settings):
        return False
    if np.array_equal(files.read(os.fspath(job.indices)).array, indices):
        return True
    raise PoolError(f"{printable(job.indices)} exists and holds something else; --overwrite would work")


def finish_report(task: LoadedJob, result: Result, settings: Settings, blank: FileReport) -> FileReport:
    """What there is to say of a job that is done."""
    plan, pooling, values = task.plan, task.pooling, result.values
    lost = lossy_notes(task.job, settings, task.loaded.source.lossy)
    done = replace(blank, **plan_fields(pooling, plan), bytes_in=task.loaded.source.nbytes,
                   input_dtype=task.loaded.array.dtype.name,
                   output_dtype=values.dtype.name, notes=(*blank.notes, *task.notes, *lost),
                   place=describe_place(task.loaded.source.place, plan))
    return _add_statistics(done, task, values, settings.samples is not None) if settings.statistics else done


def lossy_notes(job: Job, settings: Settings, of_lossy: bool) -> tuple[str, ...]:
    """A note where what is read back may differ; ``of_lossy`` says whether the input was lossy."""
    if job.format is None or not (job.format.lossy or job.format.quality):
        return ()
    encoding = files.settle_encoding(job.format, settings.encoding, of_lossy)
    if not files.is_lossy(job.format, encoding):
        return ()
    return (f"{report.LOSSY}: {job.format.name} of quality {encoding.quality}",)


def _add_statistics(done: FileReport, task: LoadedJob, values: Array, some_count: bool) -> FileReport:
    """The same with what it takes a look at every sample to say; where only some count a NaN result is an empty window.
    """
    skip_nan, nodata = task.pooling.nan == "ignore", task.pooling.nodata
    done = replace(done, input_stats=report.measure_samples(task.array, skip_nan=skip_nan, nodata=nodata),
                   output_stats=report.measure_samples(values, skip_nan=skip_nan or some_count, nodata=nodata))
    return replace(add_values(done, values, task.plan),
                   grid=report.list_cells(task.array, values, task.plan, task.pooling.reducer))


# What the report says of a job that is done, for whole arrays and streams alike.


def plan_fields(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """The fields of a report that follow from the plan."""
    return {"windowing": pooling.window.windowing.name, "layout": plan.axes.letters,
            "windows": report.describe_windows(pooling, plan),
            "input_shape": plan.input_shape, "output_shape": plan.output_shape, "uncovered": plan.uncovered}


def describe_place(place: Place | None, *plans: Plan) -> PlaceChange | None:
    """Return where an input lies, and where the result of these plans does, one after another."""
    if place is None:
        return None
    before, after = place.with_letters(plans[0].axes.letters), place
    for plan in plans:
        after = after.pool(plan)
    return PlaceChange(before.facts(), after.facts())


def add_values(done: FileReport, values: Array, plan: Plan) -> FileReport:
    """The same with values to look at."""
    small = values.size <= report.MOST_VALUES
    return replace(done, values=values.tolist() if small else None,
                   preview=report.cut_planes(values, plan.output_letters))
