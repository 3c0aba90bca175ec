"""The jobs of one chunked array on a Dask cluster: its chunks are to the cluster what files are."""

from __future__ import annotations

import os
import pickle
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...chunked import chunk_shapes
from ...chunked.executors import Future, call_single_threaded
from ...errors import PoolError
from .dask_worker import announce_to_scheduler

if TYPE_CHECKING:
    from distributed import Client
    from distributed import Future as DaskFuture

PENDING_PER_THREAD = 3
"""Jobs under way for each thread: results are taken in order, and one that takes long holds those behind it up."""
MIN_PENDING = 8
"""Jobs under way where there are few threads, or none yet."""


@dataclass(frozen=True)
class DaskBackend:
    """Does the jobs of an array on the workers of a cluster, which must all see the stores by the same names."""

    client: Client
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
        share: int = min([chunk_shapes.available_memory() // self.workers, *limits]) // chunk_shapes.COPIES_PER_JOB
        return max(1 << 20, share)

    def executor(self, function: Callable[[Any, Any], Any], common: Any, several: bool) -> DaskChunkExecutor:
        """Make one that has sent nothing yet."""
        return DaskChunkExecutor(self, function, pickle.dumps(common))


class DaskChunkExecutor:
    """Sends jobs to a scheduler. One may be done again where a worker dies; one that killed as many as Dask allows ends
    the run.
    """

    def __init__(self, backend: DaskBackend, function: Callable[[Any, Any], Any], packed: bytes) -> None:
        self.backend, self.client, self.function, self.packed = backend, backend.client, function, packed
        self.run, self.count = uuid.uuid4().hex, 0
        self.sent: set[DaskFuture] = set()

    @property
    def max_pending(self) -> int:
        """Jobs that may be under way at once."""
        return max(MIN_PENDING, PENDING_PER_THREAD * self.backend.workers)

    def submit(self, job: Any, /) -> Future[Any]:
        """Send a job."""
        self.count += 1
        future = self.client.submit(call_on_worker, self.function, self.packed, job,
                                    key=(f"poolcli-{self.run}", self.count), pure=False)
        self.sent.add(future)
        return ChunkFuture(self, future)

    def cancel(self) -> None:
        """Do nothing yet: what has begun on a worker cannot be ended; ``shutdown`` lets the rest go."""

    def shutdown(self) -> None:
        """Take back what has not begun."""
        if self.sent:
            self.client.cancel(list(self.sent), force=True)


@dataclass(frozen=True)
class ChunkFuture:
    """A result that is on its way."""

    executor: DaskChunkExecutor
    future: DaskFuture

    def result(self) -> Any:
        """Wait for it; PoolError where it cannot come."""
        from distributed.scheduler import KilledWorker

        try:
            found = self.future.result()
        except KilledWorker as error:
            raise PoolError(f"killed {error.allowed_failures + 1} workers; more memory for each thread, or smaller "
                            "chunks, may work") from error
        except (CancelledError, OSError) as error:
            raise PoolError("lost the connection to the scheduler") from error
        self.executor.sent.discard(self.future)
        return found

    def exception(self) -> BaseException | None:
        """Wait for it, and return what came in its place."""
        found: BaseException | None = self.future.exception()
        return found

    def cancelled(self) -> bool:
        """Whether it was taken back."""
        return bool(self.future.cancelled())


def call_on_worker(function: Callable[[Any, Any], Any], packed: bytes, job: Any) -> Any:
    """Do one job, on a worker."""
    os.environ.setdefault("POOLCLI_THREADS", "1")
    announce_to_scheduler()
    return call_single_threaded(function, unpack_common(packed), job)


@lru_cache(maxsize=4)
def unpack_common(packed: bytes) -> Any:
    """What all calls have in common, unpacked once."""
    return pickle.loads(packed)
