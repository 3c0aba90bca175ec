"""One protocol for whatever does jobs, files or boxes: in this thread, on threads, in processes, on a cluster.

The words are those of ``concurrent.futures``. An executor takes jobs of one kind, and knows what to do with them.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any, Generic, Protocol, TypeVar

from ..errors import lacks_memory, lost_memory_listeners

Job_contra = TypeVar("Job_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)
Job = TypeVar("Job")
Result = TypeVar("Result")


class Future(Protocol[Result_co]):
    """A result that is due, as ``concurrent.futures.Future`` is."""

    def result(self) -> Result_co:
        """Wait for it; raises what the job raised."""

    def exception(self) -> BaseException | None:
        """Wait for it, and return what the job raised; None where it has a result."""

    def cancelled(self) -> bool:
        """Whether the job was not begun, and never will be."""


class Executor(Protocol[Job_contra, Result_co]):
    """Does jobs side by side. Who asks for results knows nothing of how."""

    @property
    def max_pending(self) -> int:
        """Jobs that may be submitted and not yet waited for: memory stays flat whatever their number."""

    def submit(self, job: Job_contra, /) -> Future[Result_co]:
        """Do a job as soon as there is room for it."""

    def cancel(self) -> None:
        """End soon: let go at once of what can be."""

    def shutdown(self) -> Sequence[Future[Result_co]]:
        """Begin nothing more, wait for what has begun, and end. Futures of jobs that were not begun are cancelled.

        Returns futures that ``submit`` could not return, because a signal came.
        """


@dataclass(frozen=True)
class CompletedFuture(Generic[Result]):
    """A result that is there already."""

    value: Result

    def result(self) -> Result:
        """Return it."""
        return self.value

    def exception(self) -> None:
        """Return None: it is a result."""

    def cancelled(self) -> bool:
        """Return False: it is done."""
        return False


class SerialExecutor(Generic[Job, Result]):
    """Does one job after another, in this thread, when it is submitted."""

    max_pending = 1

    def __init__(self, function: Callable[[Job], Result]) -> None:
        self.function = function

    def submit(self, job: Job, /) -> Future[Result]:
        """Do it now; what it raises is raised here."""
        return CompletedFuture(self.function(job))

    def cancel(self) -> None:
        """Do nothing: no job is under way."""

    def shutdown(self) -> Sequence[Future[Result]]:
        """Do nothing: no job is under way."""
        return ()


class _LostErrors(logging.Handler):
    """What a library logs of errors in its threads, which reach nobody else: of a lack of memory the program is told,
    all else is another handler's.
    """

    def __init__(self, others: logging.Handler) -> None:
        super().__init__()
        self.others = others

    def emit(self, record: logging.LogRecord) -> None:
        """Tell, or pass on; asyncio's errors that were "never retrieved" are those of work that has ended."""
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and lacks_memory(error) and lost_memory_listeners:
            for tell in lost_memory_listeners if "never retrieved" not in record.msg else ():
                tell()
        else:
            self.others.handle(record)


_LOST_ERRORS = {"concurrent.futures": _LostErrors(logging.lastResort or logging.NullHandler()),
                "asyncio": _LostErrors(logging.NullHandler())}
"""Handlers by their loggers. zarr raises the error of one chunk; asyncio's log tells of the others."""


def handle_lost_errors() -> None:
    """Put the handlers on their loggers, in a process of the command line: any other has its own way of logging."""
    for name, handler in _LOST_ERRORS.items():
        logging.getLogger(name).addHandler(handler)


def release_lost_errors() -> None:
    """Take the handlers from their loggers."""
    for name, handler in _LOST_ERRORS.items():
        logging.getLogger(name).removeHandler(handler)


class ThreadExecutor(Generic[Job, Result]):
    """Does jobs on threads of this process; reading, decoding, kernels and encoding drop the GIL."""

    def __init__(self, function: Callable[[Job], Result], workers: int) -> None:
        self.function, self.max_pending = function, 2 * workers
        self.pool = ThreadPoolExecutor(workers)

    def submit(self, job: Job, /) -> Future[Result]:
        """Do it on the next thread that has nothing to do."""
        return self.pool.submit(self.function, job)

    def cancel(self) -> None:
        """Drop what waits; a thread cannot be ended, so what it does is finished."""
        self.pool.shutdown(wait=False, cancel_futures=True)

    def shutdown(self) -> Sequence[Future[Result]]:
        """Wait for what is under way."""
        self.pool.shutdown(wait=True, cancel_futures=True)
        return ()


class OrderedResults(Generic[Job, Result]):
    """The results of many jobs in their order, with at most ``max_pending`` of them under way."""

    def __init__(self, executor: Executor[Job, Result]) -> None:
        if lost_memory_listeners:
            handle_lost_errors()
        self.executor = executor
        self.pending: deque[Future[Result]] = deque()

    def run(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """Do all jobs, as long as somebody asks for results."""
        for job in jobs:
            self.pending.append(self.executor.submit(job))
            if len(self.pending) >= self.executor.max_pending:
                yield self.take()
        while self.pending:
            yield self.take()

    def take(self) -> Result:
        """Wait for the oldest; it stays pending where waiting is cut short."""
        done = self.pending[0].result()
        self.pending.popleft()
        return done

    def finish(self) -> Iterator[Result]:
        """End; the results of jobs that had begun."""
        self.pending.extend(self.executor.shutdown())
        begun = [future for future in self.pending if not future.cancelled()]
        self.pending.clear()
        yield from (future.result() for future in begun if future.exception() is None)


# Boxes of one array.


class ChunkBackend(Protocol):
    """Where the jobs of one array are done: it makes executors for functions of what all jobs share and of one job."""

    @property
    def shares_memory(self) -> bool:
        """Whether jobs are done in this process."""

    @property
    def workers(self) -> int:
        """How many jobs run at once."""

    @property
    def max_job_bytes(self) -> int:
        """Bytes of samples that one job may hold."""

    def executor(self, function: Callable[[Any, Any], Any], common: Any, several: bool) -> Executor[Any, Any]:
        """Make an executor that calls ``function(common, job)``, for ``several`` jobs or a single one."""


@dataclass(frozen=True)
class ThreadBackend:
    """Does jobs on so many threads of this process."""

    workers: int
    shares_memory = True

    @property
    def max_job_bytes(self) -> int:
        """Bytes of samples that one job may hold."""
        from . import chunk_shapes  # NumPy, which a batch that begins nothing does not need

        return chunk_shapes.max_job_bytes(self.workers)

    def executor(self, function: Callable[[Any, Any], Any], common: Any, several: bool) -> Executor[Any, Any]:
        """Make one of threads; a single job is done here, with all threads for its kernels."""
        if several and self.workers > 1:
            return ThreadExecutor(partial(call_single_threaded, function, common), self.workers)
        return SerialExecutor(partial(function, common))


def map_ordered(backend: ChunkBackend, function: Callable[[Any, Any], Any], common: Any,
                jobs: Iterable[Any]) -> Iterator[Any]:
    """Yield ``function(common, job)`` of all jobs in order; when it ends, however that is, none is under way."""
    first = list(islice(waiting := iter(jobs), 2))
    executor = backend.executor(function, common, len(first) > 1)
    try:
        yield from OrderedResults(executor).run(chain(first, waiting))
    except BaseException:
        executor.cancel()
        raise
    finally:
        executor.shutdown()


def call_single_threaded(function: Callable[[Any, Any], Any], common: Any, job: Any) -> Any:
    """Call a function whose kernels use no other thread."""
    from ..engine import threads

    with threads.use_one_thread():
        return function(common, job)
