"""Threads that share the blocks of one run: how many there are, and who runs which block."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from .. import jit, progress
from ..drivers.kernel_task import Block, FastKernel, Runner

MIN_MS_PER_THREAD = 0.6
"""Work for a thread that is worth starting: a second one costs 0.35 ms (2x2/2 on 4 MP of uint8: 0.4 ms, by two 0.8)."""

_thread_state = threading.local()


@contextmanager
def use_one_thread() -> Iterator[None]:
    """Make runs of the calling thread use no other thread meanwhile: others beside it pool too."""
    before = getattr(_thread_state, "alone", False)
    _thread_state.alone = True
    try:
        yield
    finally:
        _thread_state.alone = before


def count_threads() -> int:
    """Return how many threads a run may use: POOLCLI_THREADS, or the cores that this process may use."""
    if getattr(_thread_state, "alone", False):
        return 1
    for name in ("POOLCLI_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def choose_thread_count(kernel: FastKernel) -> int:
    """Return how many threads a kernel's run is worth."""
    worth = int(kernel.milliseconds / MIN_MS_PER_THREAD)
    return 1 if worth < 2 else min(count_threads(), worth)


class _SharedIterator:
    """An iterator that several threads may draw from; it ends for all when one of them fails."""

    def __init__(self, items: Iterable[Block]) -> None:
        self.items, self.lock = iter(items), threading.Lock()
        self.error: BaseException | None = None

    def __iter__(self) -> Iterator[Block]:
        while self.error is None:
            with self.lock:
                item = next(self.items, None)
            if item is None:
                return
            yield item


def run_blocks(make_runner: Callable[[], Runner], blocks: Sequence[Block], interruptible: bool,
               threads: int) -> None:
    """Run all blocks, on several threads where there are several blocks and cores.

    The calling thread is one of them. The others are daemons, and a block too large to split (``interruptible``) gets
    one too: so Ctrl-C is seen.
    """
    count = min(threads, len(blocks))
    if count > 1:
        jit.stop_recording()
    shared = _SharedIterator(progress.shown(iter(blocks), len(blocks)))

    def run_shared() -> None:
        try:
            runner = make_runner()
            for block in shared:
                runner(block)
        except BaseException as error:
            shared.error = error

    run_in_threads(run_shared, count - (not interruptible), shared, here=not interruptible)
    if shared.error is not None:
        raise shared.error


def run_in_threads(function: Callable[[], None], count: int, shared: _SharedIterator, here: bool) -> None:
    """Run a function on so many daemon threads, and in the calling one too if ``here``; and wait."""
    threads = [threading.Thread(target=function, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        if here:
            function()
        for thread in threads:
            thread.join()
    except BaseException as error:
        shared.error = error
        raise
