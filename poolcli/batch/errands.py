"""A worker's end of a batch on a cluster: what is called there, and all that goes over the network.

Names, settings and reports only; each machine reads and writes its files itself.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import __version__, files
from ..errors import PoolError
from ..report import FileReport
from .jobs import Job
from .worker import outcome

if TYPE_CHECKING:
    from ..files.paths.urls import Place

TALK = "poolcli"
"""The topic of events under which a worker says what compiling has to say."""
MOST_BEGUN = 10_000
"""Jobs that a worker remembers to have begun: more than are under way on one."""

_lock = threading.Lock()
_begun: deque[tuple[str, int]] = deque(maxlen=MOST_BEGUN)
_over: deque[str] = deque(maxlen=1_000)


class Errand(NamedTuple):
    """What all jobs of a run have in common. Bytes, so that another version of us finds out that it is one."""

    run: str
    version: str
    packed: bytes

    @classmethod
    def of(cls, run: str, common: Any) -> Errand:
        """Pack a pooling and its settings."""
        return cls(run, __version__, pickle.dumps(common))


def perform(errand: Errand, number: int, packed: bytes) -> FileReport | None:
    """Do one job; None where its run has ended before it began."""
    if errand.version != __version__:
        raise PoolError(f"a worker has poolcli {__version__}, and this is {errand.version}; the same on all would work")
    with _lock:
        if errand.run in _over:
            return None
        _begun.append((errand.run, number))
    settle()
    job: Job = pickle.loads(packed)
    for path in {path.parent for path in (job.output, job.indices) if path is not None}:
        clear_up(errand.run, path)
    report = outcome(job, *common(errand.packed))
    if isinstance(report, BrokenPipeError):  # nobody reads from us but through files
        raise PoolError(f"lost a connection: {report}")
    return report


def halt(run: str) -> list[int]:
    """Begin no job of a run any more; which have begun, the ended ones among them."""
    with _lock:
        _over.append(run)
        return [number for one, number in _begun if one == run]


@lru_cache(maxsize=4)
def common(packed: bytes) -> Any:
    """The pooling and the settings of a run, unpacked once."""
    return pickle.loads(packed)


@lru_cache(maxsize=1_000)
def clear_up(run: str, folder: Place) -> None:
    """Remove what a worker of this machine that died left in a folder; the one in its place comes here anew."""
    files.sweep(folder)


@lru_cache(maxsize=1)
def settle() -> None:
    """Once in a worker: a thread for a job, for the worker has a thread for each core; and say what compiling says."""
    from distributed import get_worker

    from .. import compiled

    os.environ.setdefault("POOLCLI_THREADS", "1")
    compiled.announce = lambda text: get_worker().log_event(TALK, text)
