"""The jobs of one chunked array on a Dask cluster: its chunks are to the cluster what files are."""

from __future__ import annotations

import os
import pickle
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ...chunked import chunk_shapes
from ...chunked.executors import call_single_threaded
from ...errors import PoolError
from .dask_worker import announce_to_scheduler

if TYPE_CHECKING:
    from distributed import Client, Future

PENDING_PER_THREAD = 3
"""Jobs under way for each thread: results are taken in order, and one that takes long holds those behind it up."""
MIN_PENDING = 8
"""Jobs under way where there are few threads, or none yet."""


class DaskChunkExecutor:
    """Calls on the workers of a cluster, which must all see the stores by the same names.

    A call may be done again where a worker dies; one that killed as many as Dask allows ends the run.
    """

    near = False

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def workers(self) -> int:
        """Threads of the cluster."""
        return max(1, sum(int(count) for count in self.client.nthreads().values()))

    @property
    def most(self) -> int:
        """Bytes of samples that one job may hold: of the worker with the least memory for a thread."""
        told = self.client.scheduler_info().get("workers", {}).values()
        limits = [int(worker["memory_limit"]) // worker["nthreads"] for worker in told if worker.get("memory_limit")]
        share: int = min([chunk_shapes.available_memory() // self.workers, *limits]) // chunk_shapes.COPIES_PER_JOB
        return max(1 << 20, share)

    def __call__(self, function: Callable[..., Any], common: Any, items: Iterable[Any]) -> Iterator[Any]:
        """Results in order."""
        run, packed = uuid.uuid4().hex, pickle.dumps(common)
        under_way: deque[Future] = deque()
        try:
            for number, item in enumerate(items):
                key = (f"poolcli-{run}", number)
                under_way.append(self.client.submit(run_on_worker, function, packed, item, key=key, pure=False))
                if len(under_way) >= max(MIN_PENDING, PENDING_PER_THREAD * self.workers):
                    yield self.result(under_way.popleft())
            while under_way:
                yield self.result(under_way.popleft())
        finally:
            self.client.cancel(list(under_way), force=True)

    def result(self, future: Future) -> Any:
        """Wait for one."""
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise PoolError(f"killed {error.allowed_failures + 1} workers; more memory for each thread, or smaller "
                            "chunks, may work") from error
        except (CancelledError, OSError) as error:
            raise PoolError("lost the connection to the scheduler") from error


def run_on_worker(function: Callable[..., Any], packed: bytes, item: Any) -> Any:
    """One call, on a worker."""
    os.environ.setdefault("POOLCLI_THREADS", "1")
    announce_to_scheduler()
    return call_single_threaded(function, unpack_common(packed), item)


@lru_cache(maxsize=4)
def unpack_common(packed: bytes) -> Any:
    """What all calls have in common, unpacked once."""
    return pickle.loads(packed)
