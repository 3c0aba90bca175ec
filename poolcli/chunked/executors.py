"""Jobs side by side: in threads here, or wherever an ``ChunkExecutor`` takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, Protocol

from .. import engine
from . import chunk_shapes


class ChunkExecutor(Protocol):
    """Calls a function of two values, the first the same for all, wherever that may be; results come in order.

    Few calls more than there are workers are under way at a time. What one raises is raised in its turn, and nothing is
    begun after it.
    """

    @property
    def near(self) -> bool:
        """Whether it calls in this process, where memory is shared."""

    @property
    def workers(self) -> int:
        """How many calls run at once."""

    @property
    def most(self) -> int:
        """Bytes of samples that one call may hold."""

    def __call__(self, function: Callable[..., Any], common: Any, items: Iterable[Any]) -> Iterator[Any]:
        """Results of ``function(common, item)``."""


class ThreadChunkExecutor:
    """Calls in so many threads of this process; reading, decoding and kernels drop the GIL."""

    near = True

    def __init__(self, workers: int) -> None:
        self.workers = workers

    @property
    def most(self) -> int:
        """Bytes of samples that one call may hold."""
        return chunk_shapes.max_job_bytes(self.workers)

    def __call__(self, function: Callable[..., Any], common: Any, items: Iterable[Any]) -> Iterator[Any]:
        """Results in order, at most two calls a thread under way. One call has all threads for its kernels."""
        begun = list(islice(waiting := iter(items), 2))
        if len(begun) < 2 or self.workers < 2:
            yield from (function(common, item) for item in chain(begun, waiting))
            return
        with ThreadPoolExecutor(self.workers) as pool:
            under_way: deque[Future[Any]] = deque()
            try:
                for item in chain(begun, waiting):
                    under_way.append(pool.submit(call_single_threaded, function, common, item))
                    if len(under_way) >= 2 * self.workers:
                        yield under_way.popleft().result()
                while under_way:
                    yield under_way.popleft().result()
            finally:
                for future in under_way:
                    future.cancel()


def call_single_threaded(function: Callable[..., Any], common: Any, item: Any) -> Any:
    """A call whose kernels use no other thread."""
    with engine.one_thread():
        return function(common, item)
