"""From paths to FileReports: every output is planned before any work, then each file is a job of its own.

Nothing here prints: one bad file is a report with its error, and the next file goes on. A job is a value and
``run_job`` touches nothing but that job's files, so that jobs can run side by side.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from . import files, report
from .errors import PoolError
from .files import MAX_PIXELS, Encoding, Format, targets
from .files.formats import DEFAULT_ENCODING
from .files.scan import ours, scan
from .reducers import REDUCERS, Reducer
from .report import FileReport
from .text import printable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .files import Loaded
    from .plans import Plan
    from .pooling import Pooling, Result

    Array = NDArray[Any]

Look = Callable[["Array"], None]
STDIO = targets.STDIO
KEEPS_PALETTE = ("mode", "subsample")
"""Reducers that take each sample as a name: of a palette picture they pool the indices."""
STAYS_BILEVEL = ("input", "unsigned", "rank")
"""Result rules under which a 1-bit picture stays one; anything else is written as 8-bit grey, True as 255."""
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What every next file would meet too."""
MOST_KEPT = 1 << 20
"""Values of a stream that are kept in memory to be shown."""
DRY_RUN = "dry run: nothing was written"


@dataclass(frozen=True)
class Settings:
    """How files are read and written; the same for every job."""

    output: str | None = None
    indices: str | None = None
    format: Format | None = None
    encoding: Encoding = DEFAULT_ENCODING
    key: str | None = None
    max_pixels: int = MAX_PIXELS
    allow_truncated: bool = False
    overwrite: bool = False
    skip_existing: bool = False
    in_place: bool = False
    dry_run: bool = False
    recursive: bool = False
    statistics: bool = True
    """Without them nobody looks at the report, and they cost a pass over the data."""
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None


@dataclass(frozen=True)
class Job:
    """One input and where its results go."""

    source: str
    output: Path | None = None
    """None: standard output."""
    format: Format | None = None
    indices: Path | None = None
    problem: str | None = None
    """Why it cannot be done, as far as names tell."""
    notes: tuple[str, ...] = ()

    def output_name(self) -> str | None:
        """The output as the report names it."""
        if self.problem is not None and self.output is None:
            return None
        return STDIO if self.output is None else os.fspath(self.output)


@dataclass(frozen=True)
class Planned:
    """All jobs of a run, and what was passed over on the way to them."""

    jobs: tuple[Job, ...]
    notes: tuple[tuple[str, str], ...] = ()
    """Names and why they are no inputs."""


# Planning: names only, nothing is opened.


@dataclass(frozen=True)
class Found:
    """An input, the folder it was found in (None: it was named), and what is wrong with it."""

    source: str
    root: str | None = None
    problem: str | None = None


def plan_jobs(inputs: Sequence[str], row: Reducer, settings: Settings) -> Planned:
    """Lay down every output before any work; PoolError lists all that would lose a file, a line for each."""
    notes: list[tuple[str, str]] = []
    found = [one for name in inputs for one in expanded(name, settings, notes)]
    if settings.output is None and not settings.in_place:
        found = without_ours(found, notes)
    jobs = tuple(job(one, row, settings) for one in found)
    pairs = [targets.Pair(Path(one.source), path) for one in jobs for path in (one.output, one.indices)
             if path is not None and one.problem is None]
    targets.check_targets(pairs, in_place=settings.in_place)
    return Planned(jobs, tuple(notes))


def takes_several(output: str) -> bool:
    """Whether an output can name more than one file."""
    return output != STDIO and (targets.is_folder(output) or targets.is_pattern(output))


def kind(path: str | Path) -> int:
    """The type and permission bits of a file; 0 where there is none, or a name that no file can have."""
    try:
        return Path(path).stat().st_mode
    except OSError:
        return 0


def is_folder(path: str) -> bool:
    """Whether an input is a folder."""
    return stat.S_ISDIR(kind(path))


def is_special(path: str | Path) -> bool:
    """Whether a path is a device, pipe or socket: it has no ending and takes .npy, as standard output does."""
    found = kind(path)
    return found != 0 and not stat.S_ISREG(found) and not stat.S_ISDIR(found)


def expanded(name: str, settings: Settings, notes: list[tuple[str, str]]) -> Iterator[Found]:
    """The inputs that a name on the command line stands for."""
    if name == STDIO or not is_folder(name):
        yield Found(name)
        return
    # Into a folder outputs keep their names, so x_max.png can only be an input there.
    beside = settings.output is not None and not targets.is_folder(settings.output)
    broken: list[Found] = []
    skip = [settings.output] if settings.output is not None and targets.is_folder(settings.output) else []
    for path in scan(name, recursive=settings.recursive, skip=skip, reducers=tuple(REDUCERS) if beside else (),
                     note=lambda path, text: notes.append((os.fspath(path), text)),
                     failed=lambda path, error: broken.append(Found(os.fspath(path), name, str(error)))):
        yield Found(os.fspath(path), name)
    yield from broken


def without_ours(found: list[Found], notes: list[tuple[str, str]]) -> list[Found]:
    """Leave out x_max.png where x.png is an input too: a second run over *.png must not pool its own results."""
    made = ours([Path(one.source) for one in found], tuple(REDUCERS))
    notes += [(one.source, "named like a result of another input, so it is no input itself; alone it would be")
              for one in found if Path(one.source) in made]
    return [one for one in found if Path(one.source) not in made]


def job(found: Found, row: Reducer, settings: Settings) -> Job:
    """Name the outputs of one input."""
    if found.problem is not None:
        return Job(found.source, problem=found.problem)
    wanted, indices = settings.format, None
    if settings.output is None and settings.in_place:
        output: Path | None = Path(found.source)
    else:
        output = targets.target(renamed(found.source, wanted), settings.output, row.name, root=found.root)
    if settings.indices is not None:
        npy = renamed(found.source, files.FORMATS["NPY"])
        indices = targets.target(npy, settings.indices, row.name, root=found.root)
    try:
        return Job(found.source, output, wanted or format_for(output), indices)
    except PoolError as error:
        missing = not kind(found.source)  # then reading it says so, which is the better reason
        return Job(found.source, output, None, indices, problem=None if missing else str(error))


def renamed(source: str, wanted: Format | None) -> str:
    """The input as if it had the wanted format's ending: names of outputs follow it."""
    if wanted is None or source == STDIO or source.lower().endswith(wanted.endings):
        return source
    return os.fspath(Path(source).with_suffix(wanted.endings[0]))


def format_for(output: Path | None) -> Format:
    """The format that an output's name asks for; .npy for streams."""
    if output is None or is_special(output):
        return files.FORMATS["NPY"]
    return files.format_of(output)


# Work: one job at a time, or several side by side.


def run(jobs: Iterable[Job], pooling: Pooling, settings: Settings, workers: int = 1) -> Iterator[FileReport]:
    """Do each job, several at once with more workers, and report in order; stop where every next one would fail too.

    Decoding, kernels and encoding drop the GIL, so threads overlap them. At most two jobs a worker are under way:
    memory stays flat whatever their number.
    """
    if workers > 1:
        yield from side_by_side(jobs, pooling, settings, workers)
        return
    for one in jobs:
        done = run_job(one, pooling, settings)
        yield done
        if done.stops:
            return


def side_by_side(jobs: Iterable[Job], pooling: Pooling, settings: Settings, workers: int) -> Iterator[FileReport]:
    """``run`` on threads. However it ends, files that are being written are finished and the others not begun."""
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers)
    under_way: deque[Future[FileReport]] = deque()
    try:
        for one in jobs:
            under_way.append(pool.submit(run_job, one, pooling, settings))
            if len(under_way) < 2 * workers:
                continue
            done = under_way.popleft().result()
            yield done
            if done.stops:
                break
        else:
            yield from (future.result() for future in under_way)
            return
        yield from (future.result() for future in under_way if not future.cancel())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def run_job(job: Job, pooling: Pooling, settings: Settings) -> FileReport:
    """Read, pool, write; whatever goes wrong with this file is in its report. BrokenPipeError passes."""
    begun = time.perf_counter()
    blank = FileReport(job.source, job.output_name(), "ok", reducer=pooling.reducer.name,
                       parameters=report.parameters(pooling), notes=job.notes)
    try:
        done = attempt(job, pooling, settings, blank)
    except BrokenPipeError:
        raise
    except PoolError as error:
        full = isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL
        done = replace(blank, status="failed", error=str(error), cause=error, stops=full)
    except OSError as error:
        done = replace(blank, status="failed", error=f"cannot be read or written: {error.strerror or error}",
                       cause=error, stops=error.errno in FULL)
    except MemoryError as error:
        done = replace(blank, status="failed", error="not enough memory for it", cause=error)
    except Exception as error:  # a fault of ours, or of a library below: still one file's
        text = f"unexpected {type(error).__name__}: {error}; --debug shows where"
        done = replace(blank, status="failed", error=text, cause=error)
    return replace(done, seconds=round(time.perf_counter() - begun, 6))


def attempt(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """One job where nothing goes wrong."""
    if job.problem is not None:
        raise PoolError(job.problem)
    passed = passed_over(job, settings)
    if passed is not None:
        return replace(blank, status="skipped", notes=(*blank.notes, passed))
    streamed = attempt_stream(job, pooling, settings, blank)
    if streamed is not None:
        return streamed
    loaded = files.read(job.source, key=settings.key, max_pixels=settings.max_pixels, stdin=settings.stdin,
                        allow_truncated=settings.allow_truncated, indexed=pooling.reducer.name in KEEPS_PALETTE)
    return attempt_loaded(loaded, job, pooling, settings, blank)


def attempt_loaded(loaded: Loaded, job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport:
    """One job whose input is at hand."""
    task = fitted(loaded, job, pooling)
    task.check_holds()
    result = task.pooling.run(task.array, task.plan, return_indices=job.indices is not None)
    write(task, result, settings)
    return described(task, result, settings, blank)


def attempt_stream(job: Job, pooling: Pooling, settings: Settings, blank: FileReport) -> FileReport | None:
    """One job from .npy to .npy in bounded memory: of a pipe always, of a file where it is large; None elsewhere."""
    if job.format is not files.FORMATS["NPY"] or job.indices is not None:
        return None
    from . import streaming

    with files.npy_data(job.source, settings.stdin, streaming.LEAST_BYTES) as found:
        if found is None:
            return None
        header, source = found
        plan = pooling.plan(header.shape)
        reason = streaming.why_not(pooling, plan, header)
        if reason is not None:
            if job.source != STDIO:
                return None
            whole = files.Loaded(files.read_data(source, header), None,
                                 files.Source(STDIO, "NPY", notes=(f"held in memory whole: {reason}",)))
            return attempt_loaded(whole, job, pooling, settings, blank)
        tallies = [report.Tally(pooling.nan == "ignore", pooling.nodata) for _ in range(2)]
        looks: list[Look] = [tally.add if settings.statistics else streaming.unseen for tally in tallies]
        kept: list[Array] = []
        if settings.statistics and prod(plan.output_shape) <= MOST_KEPT:
            looks[1] = together(tallies[1].add, kept.append)
        with opened_target(job, settings) as target:
            streaming.pool_stream(pooling, plan, header, source, target, *looks)
    notes = () if pooling.layout else layout_notes(header.shape, plan.axes.letters)
    done = replace(blank, **geometry(pooling, plan), input_dtype=header.dtype.name,
                   output_dtype=pooling.result_dtype(header.dtype).name, notes=(*blank.notes, *notes))
    if not settings.statistics:
        return done
    done = replace(done, input_stats=tallies[0].stats(), output_stats=tallies[1].stats())
    return with_values(done, joined(kept, plan), plan) if kept else done


def together(*looks: Look) -> Look:
    """Several looks at the same block."""
    def look(block: Array) -> None:
        for one in looks:
            one(block)
    return look


def joined(blocks: list[Array], plan: Plan) -> Array:
    """The whole result from its blocks."""
    import numpy as np

    return np.concatenate([block.reshape(-1) for block in blocks]).reshape(plan.output_shape)


@contextmanager
def opened_target(job: Job, settings: Settings) -> Iterator[IO[bytes]]:
    """The job's output, to be written as data come."""
    if job.output is not None:
        with files.atomic(job.output, overwrite=may_replace(job.output, job, settings)) as target:
            yield target
        return
    if settings.stdout is None:
        raise PoolError("standard output is closed; -o FILE would work")
    with files.explained():
        yield settings.stdout


def passed_over(job: Job, settings: Settings) -> str | None:
    """Why there is nothing to do; PoolError where an output would be lost."""
    kept = [path for path in (job.output, job.indices) if path is not None and is_kept(path, job, settings)]
    if kept and not settings.skip_existing:
        raise PoolError(f"{printable(kept[0])} exists; --overwrite or --skip-existing would work")
    if kept:
        return f"skipped: {printable(kept[0])} exists"
    return DRY_RUN if settings.dry_run else None


def is_kept(path: Path, job: Job, settings: Settings) -> bool:
    """Whether there is a file that must not be replaced."""
    return stat.S_ISREG(kind(path)) and not may_replace(path, job, settings)


def may_replace(path: Path, job: Job, settings: Settings) -> bool:
    """Whether an old file may give way."""
    return settings.overwrite or (settings.in_place and targets.identity(path) == targets.identity(job.source))


@dataclass(frozen=True, eq=False)
class Task:
    """A job with its input read and its pooling settled."""

    job: Job
    loaded: Loaded
    array: Array
    pooling: Pooling
    plan: Plan
    notes: tuple[str, ...] = field(default=())

    def order(self) -> tuple[int, ...]:
        """The result's axes as the output wants them: a picture has its channels last."""
        letters = self.plan.output_letters
        axes = tuple(range(len(letters)))
        if self.job.format is None or self.job.format.is_array or len(letters) != 3 or "C" not in letters:
            return axes
        channels = letters.index("C")
        return (*(i for i in axes if i != channels), channels)

    def check_holds(self) -> None:
        """Refuse, before any work, what the output's format cannot hold."""
        shape = tuple(self.plan.output_shape[i] for i in self.order())
        if self.job.format is not None:
            dtype = self.pooling.result_dtype(self.array.dtype)
            files.holds(self.job.format, dtype, shape, self.loaded.source.mode)


def fitted(loaded: Loaded, job: Job, pooling: Pooling) -> Task:
    """Settle what depends on the file: the windows, and the dtype where the output is a picture."""
    array, notes = loaded.array, list(loaded.source.notes)
    if job.format is not None and not job.format.is_array:
        array, pooling = for_picture(array, pooling)
        if array is not loaded.array:
            notes.append("1-bit pixels pooled as 8-bit grey, white as 255")
    plan = pooling.plan(array.shape, loaded.layout)
    if pooling.layout is None and loaded.layout is None:
        notes += layout_notes(array.shape, plan.axes.letters)
    return Task(job, loaded, array, pooling, plan, tuple(notes))


def for_picture(array: Array, pooling: Pooling) -> tuple[Array, Pooling]:
    """A picture has its input's dtype, but a 1-bit one turns grey where its result is no choice of black or white."""
    import numpy as np

    if array.dtype == np.bool_ and pooling.reducer.result not in STAYS_BILEVEL and pooling.dtype != np.bool_:
        array = np.where(array, np.uint8(255), np.uint8(0))
        nodata = pooling.nodata * 255 if pooling.nodata in (0, 1) else pooling.nodata
        pooling = replace(pooling, nodata=nodata, pad_value=pooling.pad_value * 255)
    if pooling.dtype is None:
        pooling = replace(pooling, dtype=array.dtype.newbyteorder("="))
    return array, pooling


def layout_notes(shape: tuple[int, ...], letters: str) -> list[str]:
    """A word about arrays that seem to have their channels first."""
    from . import axes

    if not axes.looks_channel_first(shape):
        return []
    other = letters.replace("HWC", "CHW")
    return [f"{axes.describe(shape)} looks channel-first, and is pooled as {letters}; --layout {other} says it is"]


def write(task: Task, result: Result, settings: Settings) -> None:
    """Write the result, and its indices if they are wanted."""
    job = task.job
    if job.indices is not None and result.indices is not None:
        replaces = may_replace(job.indices, job, settings)
        files.write(job.indices, result.indices, task.loaded.source, "npy", overwrite=replaces)
    values = result.values.transpose(task.order())
    target = settings.stdout if job.output is None else job.output
    if target is None:
        raise PoolError("standard output is closed; -o FILE would work")
    replaces = job.output is not None and may_replace(job.output, job, settings)
    files.write(target, values, task.loaded.source, job.format, encoding=settings.encoding, overwrite=replaces)


def described(task: Task, result: Result, settings: Settings, blank: FileReport) -> FileReport:
    """What there is to say of a job that is done."""
    plan, pooling, values = task.plan, task.pooling, result.values
    notes = [*blank.notes, *task.notes]
    if task.job.format is not None and files.is_lossy(task.job.format, settings.encoding):
        notes.append(f"{report.LOSSY}: {task.job.format.name} of quality {settings.encoding.quality}")
    done = replace(blank, **geometry(pooling, plan), input_dtype=task.loaded.array.dtype.name,
                   output_dtype=values.dtype.name, notes=tuple(notes))
    return with_numbers(done, task, values) if settings.statistics else done


def geometry(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """The fields of a report that follow from the plan."""
    return {"layout": pooling.window.layout.name, "axes": plan.axes.letters, "windows": report.windows(pooling, plan),
            "input_shape": plan.input_shape, "output_shape": plan.output_shape, "uncovered": plan.uncovered}


def with_numbers(done: FileReport, task: Task, values: Array) -> FileReport:
    """The same with what it takes a look at every sample to say."""
    skip_nan, nodata = task.pooling.nan == "ignore", task.pooling.nodata
    done = replace(done, input_stats=report.stats(task.array, skip_nan=skip_nan, nodata=nodata),
                   output_stats=report.stats(values, skip_nan=skip_nan, nodata=nodata))
    return with_values(done, values, task.plan)


def with_values(done: FileReport, values: Array, plan: Plan) -> FileReport:
    """The same with values to look at."""
    small = values.size <= report.MOST_VALUES
    return replace(done, values=values.tolist() if small else None,
                   preview=report.preview(values, plan.output_letters))
