"""Jobs one after another or side by side, their reports in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..report import FileReport
from .jobs import Job, Settings
from .single import run_job

if TYPE_CHECKING:
    from ..pooling import Pooling


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
