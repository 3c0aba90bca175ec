"""Finding the scheduler of a cluster, or starting one. Only this file and ``dask.py`` know distributed."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from concurrent.futures import Future, wait
from multiprocessing import resource_tracker
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ... import jit, optional_deps
from ...errors import OptionError
from ...redact import printable
from ..settings import LOCAL
from .process import interrupts_blocked

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CONNECT_SECONDS = 10.0
"""Seconds to reach a scheduler, and between looks at how many workers there are."""
_ALLOWED = 1
"""Deaths of workers that Dask passes over before it gives a job back, on a local cluster; ``dask.py`` sees to it
that there are three in all. Elsewhere the scheduler's own setting holds, which is 3."""
_LOGGERS = ("distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "bokeh",
            "asyncio", "concurrent.futures")
"""Each has a level of its own in distributed's defaults and writes to stderr, where our lines are; the last two
complain of callbacks that come when a connection is closed."""
END_SECONDS = 7.0
"""Seconds that a run which is cut short waits for what workers are at, of the ten in which Ctrl-C ends."""
POLL_SECONDS = 0.5
"""Seconds between looks at the connection, and at the worker of a job that is suspected."""
_LONELY_SECONDS = 2.0
"""Seconds between looks for workers while there are none."""


def connect(scheduler: str, workers: int) -> tuple[LocalCluster | None, Client]:
    """Reach a scheduler by its address or file, or start one here with so many workers of one thread each.

    OptionError where that does not go. Ctrl-C is for us to heed: threads and processes that start here are deaf to it.
    """
    if (reason := optional_deps.lacking("distributed")) is not None:
        raise OptionError("scheduler", reason)
    resource_tracker.ensure_running()  # which unblocks interrupts when it starts
    with interrupts_blocked():
        _quiet_loggers()
        if scheduler == LOCAL:
            local = _start_local_cluster(workers)
            return local, _open_client(scheduler, address=local)
        return None, _open_client(scheduler, **_parse_scheduler(scheduler))


def _quiet_loggers() -> None:
    """Keep distributed from logging to stderr, here and in workers that are started here: what matters is reported."""
    import dask

    dask.config.set({"distributed.logging": dict.fromkeys(_LOGGERS, "critical")})
    import distributed  # noqa: F401  (it sets its loggers up when it is imported)

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _start_local_cluster(workers: int) -> LocalCluster:
    """A scheduler in this process, and workers of their own; no limit of memory, as in a local batch."""
    from distributed import LocalCluster

    return LocalCluster(n_workers=max(1, workers), threads_per_worker=1, processes=True, memory_limit=0,
                        dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL, host="127.0.0.1",
                        scheduler_kwargs={"allowed_failures": _ALLOWED})


def _parse_scheduler(scheduler: str) -> dict[str, Any]:
    """Where a scheduler is, as distributed wants to be told."""
    if "://" in scheduler:
        return {"address": scheduler}
    if Path(scheduler).is_file():
        return {"scheduler_file": scheduler}
    name, _, port = scheduler.rpartition(":")
    if name and port.isdigit():
        return {"address": f"tcp://{scheduler}"}
    raise OptionError("scheduler", f"{printable(scheduler)} is neither an address nor a scheduler file; "
                                   f"tcp://host:8786, a file that dask scheduler wrote, or {LOCAL} would work")


class ClusterWatch:
    """Looks at the workers of a cluster while results are waited for."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.threads, self.next_look = 0, 0.0
        self.said = False

    def count_threads(self) -> int:
        """Count the threads of all workers, anew every ten seconds; every two while there are none."""
        if monotonic() >= self.next_look:
            try:
                self.threads = sum(int(count) for count in self.client.nthreads().values())
            except Exception:  # the scheduler has gone, which waiting for a result will tell
                return self.threads
            self.next_look = monotonic() + (CONNECT_SECONDS if self.threads else _LONELY_SECONDS)
        return self.threads

    def wait(self, futures: Iterable[Future[Any]], jobs: int) -> None:
        """Wait till all of some futures have ended; while there are no workers say how many jobs wait for one.

        ConnectionError where they may never end: what is sent in the moment in which a connection breaks has no answer.
        """
        while wait(futures, POLL_SECONDS).not_done:
            if self.client.status != "running":
                raise ConnectionError("no scheduler")
            if self.count_threads():
                self.said = False
            elif not self.said:
                self.said = True
                waiting = "1 job waits" if jobs == 1 else f"{jobs} jobs wait"
                jit.announce(f"the scheduler has no workers; {waiting} for one, as dask worker starts it")


def _open_client(scheduler: str, **where: Any) -> Client:
    """A connection; whatever an address or a file may have wrong in it is one reason."""
    from distributed import Client

    try:
        return Client(**where, timeout=CONNECT_SECONDS, set_as_default=False)
    except Exception as error:
        raise OptionError("scheduler", f"{printable(scheduler)} cannot be reached: {_root_cause(error)}; "
                                       "dask scheduler starts one") from error


def _root_cause(error: Exception) -> str:
    """The last word of a chain of errors, in one line."""
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
    return printable(" ".join(str(error).split())) or type(error).__name__
