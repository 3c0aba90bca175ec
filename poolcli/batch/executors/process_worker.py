"""A process that does jobs for another one: what kills it, or never ends, costs one file."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from ...chunked.executors import handle_lost_errors
from ...core.memory_budget import set_limit
from ...errors import PoolError
from ...report import FileReport
from ..job_runner import run_job
from ..settings import Job, Settings

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from ...pooling import Pooling

_READY = "ready"


class Stdin:
    """Standard input, which a process that was spawned has too."""

    def __reduce__(self) -> Any:
        return _inherit_stdin, ()


def _inherit_stdin() -> IO[bytes] | None:
    """Called before multiprocessing puts /dev/null in its place."""
    try:
        return os.fdopen(os.dup(0), "rb")
    except OSError:
        return None


def serve(pipe: Connection, pooling: Pooling, settings: Settings, stdin: IO[bytes] | None) -> None:
    """Do the jobs that come through the pipe, until it is closed."""
    from ... import jit

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; it is our parent who decides
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    jit.announce = pipe.send
    handle_lost_errors()
    set_limit(settings.memory)
    settings = replace(settings, stdin=stdin, stdout=os.fdopen(1, "wb", closefd=False))
    pipe.send(_READY)
    while (job := _receive_job(pipe)) is not None:
        pipe.send(run_to_report(job, pooling, settings))


def _stop(*_: object) -> None:
    """End the process; what is being written is cleaned up on the way."""
    raise SystemExit(1)


def _receive_job(pipe: Connection) -> Job | None:
    """The next job; None where the other end is closed."""
    try:
        job: Job = pipe.recv()
        return job
    except (EOFError, OSError):
        return None


def run_to_report(job: Job, pooling: Pooling, settings: Settings) -> FileReport | BrokenPipeError:
    """A report that can be sent."""
    try:
        done = run_job(job, pooling, settings)
    except BrokenPipeError as error:
        return error
    if done.cause is None:
        return done
    text = "".join(traceback.format_exception(done.cause))
    return replace(done, cause=PoolError(f"in a worker process\n{text}"))


def _end_with_parent() -> None:
    """Wait for the parent to end, however it does, and end too."""
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)
