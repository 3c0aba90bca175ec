"""The jobs of one chunked array on a Dask cluster: its chunks are to the cluster what files are."""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, wait
from concurrent.futures import Future as StandardFuture
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from ...chunked import chunk_shapes
from ...chunked.executors import Future, call_single_threaded
from ...core.memory_budget import budget
from ...errors import PoolError
from .dask_connection import END_SECONDS, POLL_SECONDS, ClusterWatch, connect
from .dask_worker import abandon_run, announce_to_scheduler, count_running, register_job, stop_run

if TYPE_CHECKING:
    from distributed import Client

_PENDING_PER_THREAD = 3
"""Jobs under way for each thread: results are taken in order, and one that takes long holds those behind it up."""
_MIN_PENDING = 8
"""Jobs under way where there are few threads, or none yet."""


@dataclass(frozen=True)
class DaskBackend:
    """Does the jobs of an array on the workers of a cluster, which must all see the stores by the same names."""

    client: Client
    able: Sequence[str] | None = None
    """Addresses of the workers that may do jobs; none: all."""
    shares_memory = False

    @property
    def workers(self) -> int:
        """Threads of the cluster; 1 where there are none yet."""
        return max(1, sum(int(count) for count in self.client.nthreads().values()))

    @property
    def max_job_bytes(self) -> int:
        """Bytes of samples that one job may hold: of the worker with the least memory for a thread."""
        found = self.client.scheduler_info(n_workers=-1).get("workers", {}).values()
        limits = [int(worker["memory_limit"]) // worker["nthreads"] for worker in found if worker.get("memory_limit")]
        share: int = min([budget() // self.workers, *limits]) // chunk_shapes.COPIES_PER_JOB
        return max(1 << 20, share)

    def executor(self, function: Callable[[Any, Any], Any], common: Any, several: bool) -> _DaskChunkExecutor:
        """Make one that has sent nothing yet."""
        return _DaskChunkExecutor(self, function, pickle.dumps(common))


@contextmanager
def open_cluster(scheduler: str, workers: int) -> Iterator[DaskBackend]:
    """Reach a scheduler, or start a cluster here with so many workers, for as long as the block lasts."""
    local, client = connect(scheduler, workers)
    try:
        yield DaskBackend(client)
    finally:
        with suppress(Exception):  # a scheduler that has gone cannot be taken leave of
            client.close(END_SECONDS)
        if local is not None:
            with suppress(Exception):
                local.close(END_SECONDS)


class _DaskChunkExecutor:
    """Sends jobs to a scheduler. One may be done again where a worker dies; one that killed as many as Dask allows ends
    the run.
    """

    def __init__(self, backend: DaskBackend, function: Callable[[Any, Any], Any], packed: bytes) -> None:
        self.backend, self.client, self.function, self.packed = backend, backend.client, function, packed
        self.watch = ClusterWatch(self.client)
        self.jobs = self.client.get_executor(pure=False)
        self.run, self.count = uuid.uuid4().hex, 0
        self.pending: dict[int, StandardFuture[Any]] = {}

    @property
    def max_pending(self) -> int:
        """Jobs that may be under way at once."""
        return max(_MIN_PENDING, _PENDING_PER_THREAD * self.watch.count_threads())

    def submit(self, job: Any, /) -> Future[Any]:
        """Send a job."""
        self.count += 1
        future: StandardFuture[Any] = self.jobs.submit(_call_on_worker, self.run, self.count, self.function,
                                                       self.packed, job, key=(f"poolcli-{self.run}", self.count),
                                                       **restrict_to(self.backend.able or ()))
        self.pending[self.count] = future
        return _ChunkFuture(self, self.count, future)

    def cancel(self) -> None:
        """Do nothing yet: what has begun on a worker cannot be ended; ``shutdown`` lets the rest go."""

    def shutdown(self) -> Sequence[Future[Any]]:
        """Take back what has not begun, and wait for the rest: nobody may write into a store that is being removed."""
        if self.pending:
            with suppress(Exception):  # a scheduler that has gone cannot be asked
                end_run(self.client, self.run, self.pending)
        return ()


@dataclass(frozen=True)
class _ChunkFuture:
    """A result that is on its way."""

    executor: _DaskChunkExecutor
    number: int
    future: StandardFuture[Any]

    def result(self) -> Any:
        """Wait for it; PoolError where it cannot come."""
        from distributed.scheduler import KilledWorker

        try:
            self.executor.watch.wait([self.future], len(self.executor.pending))
            found = self.future.result()
        except KilledWorker as error:
            raise PoolError(f"killed {error.allowed_failures + 1} workers; more memory for each thread, or smaller "
                            "chunks, may work") from error
        except (CancelledError, OSError) as error:
            raise PoolError("lost the connection to the scheduler") from error
        self.executor.pending.pop(self.number, None)
        return found

    def exception(self) -> BaseException | None:
        """Wait for it, and return what came in its place."""
        return self.future.exception()

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return self.future.cancelled()


def restrict_to(workers: Sequence[str]) -> dict[str, Any]:
    """Options of a submission for certain workers; none where all may do it."""
    return {"workers": list(workers), "allow_other_workers": False} if workers else {}


def end_run(client: Client, run: str, pending: Mapping[int, StandardFuture[Any]]) -> None:
    """Let no worker begin another job of a run, and wait for those that they are at, as long as Ctrl-C may take.

    What takes longer is left to its worker, which may write nothing then.
    """
    begun = {number for numbers in client.run(stop_run, run, on_error="ignore").values() for number in numbers or ()}
    for number, future in pending.items():
        if number not in begun:
            future.cancel()
    until = monotonic() + END_SECONDS
    while any(client.run(count_running, run, on_error="ignore").values()):
        if monotonic() > until:
            client.run(abandon_run, run, on_error="ignore")
            break
        sleep(POLL_SECONDS / 5)
    wait([future for number, future in pending.items() if number in begun], POLL_SECONDS)  # results are on their way


def _call_on_worker(run: str, number: int, function: Callable[[Any, Any], Any], packed: bytes, job: Any) -> Any:
    """Do one job, on a worker; None where its run has ended before it began."""
    os.environ.setdefault("POOLCLI_THREADS", "1")
    with register_job(run, number) as may_begin:
        if not may_begin:
            return None
        announce_to_scheduler()
        return call_single_threaded(function, _unpack_common(packed), job)


@lru_cache(maxsize=4)
def _unpack_common(packed: bytes) -> Any:
    """What all calls have in common, unpacked once."""
    return pickle.loads(packed)
