"""Jobs in processes of their own, so that a decoder that crashes or hangs costs its own file and no other.

Processes are spawned, never forked: a fork of a process with threads may hang. Each has a thread here that waits for
it, so what runs jobs side by side needs to know nothing of them.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context, resource_tracker
from typing import TYPE_CHECKING

from ... import files, jit
from ...errors import PoolError
from ...report import FileReport
from ..job_runner import fail_report, start_report
from ..settings import STDIO, Job, Settings
from .process_worker import Stdin, serve

if TYPE_CHECKING:
    from ...pooling import Pooling

_GRACE = 0.5
"""Seconds for a worker that is told to end to remove what it was writing."""


class _WorkerError(PoolError):
    """A worker that gave no report."""


class _WorkerCrashed(_WorkerError):
    """It died; perhaps of something else than its file (memory that others took), so the file gets another try."""


class _Worker:
    """One process."""

    def __init__(self, pooling: Pooling, settings: Settings) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        bare = settings.without_streams()
        self.process = context.Process(target=serve, args=(theirs, pooling, bare, Stdin()), daemon=True)
        resource_tracker.ensure_running()  # which unblocks interrupts when it starts
        with interrupts_blocked():
            self.process.start()
        theirs.close()
        self.answer(None)  # that it is ready: starting takes time that is no file's

    def do(self, job: Job, timeout: float | None) -> FileReport:
        """One job; Lost where the process dies or takes longer."""
        with suppress(OSError):  # it died, which asking for the answer will tell
            self.pipe.send(job)
        while isinstance(answer := self.answer(timeout), str):
            jit.announce(answer)  # a kernel is compiled, which is no fault of the file: time begins anew
        if isinstance(answer, BrokenPipeError):
            raise answer
        return answer

    def answer(self, timeout: float | None) -> FileReport | BrokenPipeError | str:
        """What the process has to say next."""
        try:
            if not self.pipe.poll(timeout):
                raise _WorkerError(f"took longer than {timeout:g} s; a longer --timeout may work")
            answer: FileReport | BrokenPipeError | str = self.pipe.recv()
            return answer
        except (EOFError, OSError):
            self.process.join(_GRACE)
            code = self.process.exitcode or 0
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise _WorkerCrashed(f"decoder crashed ({how})") from None

    def end(self) -> None:
        """End it, if need be by force."""
        self.process.join(_GRACE)
        self.process.kill()
        self.process.join()
        self.pipe.close()


@contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Let a process that is started here begin deaf to Ctrl-C, lest it dies of it with a traceback of its own."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


class _SharedLock:
    """Lets in many, or one alone."""

    def __init__(self) -> None:
        self.turn = threading.Condition()
        self.inside, self.alone = 0, False

    @contextmanager
    def take(self, alone: bool) -> Iterator[None]:
        """Come in; alone when all others have left, and till then nobody else comes in."""
        with self.turn:
            self.turn.wait_for(lambda: not self.alone)
            self.alone = alone
            self.turn.wait_for(lambda: not alone or not self.inside)
            self.inside += 1
        try:
            yield
        finally:
            with self.turn:
                self.inside -= 1
                self.alone = self.alone and not alone
                self.turn.notify_all()


class WorkerPool:
    """Workers, made as they are needed: as many as there are threads that ask. One that is lost is replaced."""

    def __init__(self, pooling: Pooling, settings: Settings) -> None:
        self.pooling, self.settings = pooling, settings
        self.idle: list[_Worker] = []
        self.busy: set[_Worker] = set()
        self.lock, self.turns = threading.Lock(), _SharedLock()
        self.over = False

    def perform(self, job: Job) -> FileReport:
        """One job; after a crash once more, with no other beside it."""
        try:
            return self.attempt(job, alone=False)
        except _WorkerCrashed as error:
            return fail_report(start_report(job, self.pooling),
                               error) if STDIO in (job.source, job.output_name()) else self.again(job)
        except _WorkerError as error:
            return fail_report(start_report(job, self.pooling), error)

    def again(self, job: Job) -> FileReport:
        """The second try."""
        try:
            return self.attempt(job, alone=True)
        except _WorkerError as error:
            return fail_report(start_report(job, self.pooling), error)

    def attempt(self, job: Job, alone: bool) -> FileReport:
        """One try."""
        with self.turns.take(alone):
            worker = self.take_worker()
            try:
                done = worker.do(job, self.settings.timeout)
            except _WorkerError:
                self.lose(worker, job)
                raise
            with self.lock:
                self.busy.discard(worker)
                self.idle.append(worker)
            return done

    def take_worker(self) -> _Worker:
        """A worker that has nothing to do, or a new one."""
        with self.lock:
            if self.over:
                raise _Cancelled
            worker = self.idle.pop() if self.idle else None
            if worker is not None:
                self.busy.add(worker)
                return worker
        worker = _Worker(self.pooling, self.settings)
        with self.lock:
            self.busy.add(worker)
            if self.over:
                raise _Cancelled
        return worker

    def lose(self, worker: _Worker, job: Job) -> None:
        """End a worker that is of no more use, and clear what it was writing."""
        worker.process.terminate()
        worker.end()
        with self.lock:
            self.busy.discard(worker)
            if self.over:
                raise _Cancelled
        for folder in job.output_folders:
            files.sweep(folder)

    def drop(self) -> None:
        """End all at once: what they are doing is dropped."""
        with self.lock:
            self.over = True
            workers = [*self.busy, *self.idle]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:  # a thread waits for each busy one, and will see it end
            worker.process.join(_GRACE)
            worker.process.kill()

    def close(self) -> None:
        """End all; nobody asks any more."""
        workers = [*self.busy, *self.idle]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.end()


class _Cancelled(Exception):
    """There is no report, and nobody waits for one."""
