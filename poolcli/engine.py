"""Run a plan: cut it into blocks, run them on threads, each by the fastest kernel that knows it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from . import compiled, progress
from .core import dtypes
from .core.reducers import Reducer
from .drivers import FAST_DRIVERS, general, policy
from .drivers.flatten import Flattened, flatten
from .work import Array, Block, Choice, Quick, Runner, Work

BLOCK_SAMPLES = 1 << 22
"""Samples read by one call: up to 0.2 s for the slowest reducers, since Ctrl-C waits for a kernel to return."""

LEAST_MILLISECONDS = 0.6
"""Work for a thread that is worth starting: a second one costs 0.35 ms (2x2/2 on 4 MP of uint8: 0.4 ms, by two 0.8)."""


def asking(driver: str, serves: Callable[[Reducer], bool]) -> Callable[[Work], Choice | None]:
    """A driver's ``choose``, imported when it is needed."""
    def choose(work: Work) -> Choice | None:
        if not serves(work.reducer):
            return None
        found: Choice | None = import_module(f"{general.__package__}.{driver}").choose(work)
        return found
    return choose


CHOICES: Sequence[Callable[[Work], Choice | None]] = [asking(*row) for row in FAST_DRIVERS.items()]
"""Who may have a faster kernel than the general one; the first that serves is taken."""


def run(work: Work, out: Array | None, choice: Choice | policy.Deferred | None,
        whole: bool = True) -> tuple[Array, Array | None]:
    """Return the canonical result, in the dtype that kernels write (``out`` if given), and the indices if wanted.

    ``choice`` is what ``choose`` gave for the work, or for the larger one of which it is a part; NumPy does no parts.
    """
    values = np.empty(work.output_shape, dtypes.write_dtype(work.result)) if out is None else out
    indices = np.empty(work.output_shape, np.int64) if work.want_indices else None
    if not values.size:
        return values, indices
    if isinstance(choice, policy.Deferred):
        if whole and choice.pays() and run_numpy(work, values, choice):
            return values, indices
        choice = choice.kernel
    compiled.name_purpose(f"the {work.reducer.name} kernel for {work.source}")
    if isinstance(choice, Flattened):
        flat = choice.flatten(replace(work, indices=indices))
        run_kernel(flat, values.reshape(flat.output_shape), choice.kernel)
    else:
        run_kernel(replace(work, indices=indices), values, choice)
    return values, indices


def run_kernel(work: Work, values: Array, choice: Choice | None) -> None:
    """Run a kernel, or the general one, on all blocks."""
    every = general.General(work, values, work.indices)
    if choice is None:
        each_block(every.runner, every.blocks(BLOCK_SAMPLES), interruptible=every.cost > BLOCK_SAMPLES,
                   threads=thread_count())
    else:
        quick = choice.on(work, values)
        each_block(lambda: with_fallback(quick.runner(), every), quick.blocks(threads := threads_for(quick)), False,
                   threads)


def run_numpy(work: Work, values: Array, choice: policy.Deferred) -> bool:
    """Let NumPy do the work; False if it met values that are for a kernel."""
    quick = choice.numpy.on(work, values)

    def runner() -> Runner:
        run_block = quick.runner()

        def run_or_decline(block: Block) -> bool:
            if not choice.declined and not run_block(block):
                choice.declined = True
            return True
        return run_or_decline

    with choice.measured():
        each_block(runner, quick.blocks(threads := threads_for(quick)), False, threads)
    return not choice.declined


def threads_for(quick: Quick) -> int:
    """As many threads as there is work for."""
    return max(1, min(thread_count(), int(quick.milliseconds / LEAST_MILLISECONDS)))


def choose(work: Work) -> Choice | policy.Deferred | None:
    """The kernel for a plan, if one is faster than the general one; None where that must do it."""
    flat = flatten(work)
    quick = None if flat is None else first_choice(flat)
    kernel = first_choice(work) if quick is None or not getattr(quick, "flattens", False) else (
        Flattened(quick, quick.recipe))
    return policy.decide(work, kernel, lambda work: general.recipe(work, dtypes.write_dtype(work.result)))


def first_choice(work: Work) -> Any:
    """The first kernel of ``CHOICES`` that serves, or None."""
    return next((choice for find in CHOICES if (choice := find(work)) is not None), None)


def with_fallback(runner: Runner, every: general.General) -> Runner:
    """Return a runner that gives what a faster kernel cannot compute to the general kernel, in smaller pieces.

    A faster kernel that refuses a block has written a value for each of its windows. Those that are not finite are
    computed again, where that tells them all; else the whole block is. avg 7x7 of 1 MP of float64 with one NaN takes
    20 ms so, by whole blocks 269.
    """
    def run_block(block: Block) -> bool:
        if not runner(block):
            piecewise = every.runner(repair=every.can_repair)
            for part in every.blocks(BLOCK_SAMPLES, block):
                piecewise(part)
        return True
    return run_block


# Threads.


_here = threading.local()


@contextmanager
def one_thread() -> Iterator[None]:
    """Runs of this thread use no other meanwhile: there are others beside it that do as much."""
    before = getattr(_here, "alone", False)
    _here.alone = True
    try:
        yield
    finally:
        _here.alone = before


def thread_count() -> int:
    """How many threads a run may use: POOLCLI_THREADS, or the cores that this process may use."""
    if getattr(_here, "alone", False):
        return 1
    for name in ("POOLCLI_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return max(1, int(os.environ[name]))
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Shared:
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


def each_block(make_runner: Callable[[], Runner], blocks: Sequence[Block], interruptible: bool,
               threads: int) -> None:
    """Run all blocks, on several threads where there are several blocks and cores.

    This thread is one of them. The others are daemons, and a block too large to cut gets one too: so Ctrl-C is seen.
    """
    count = min(threads, len(blocks))
    if len(blocks) > 1:
        compiled.stop_noting()
    shared = Shared(progress.shown(iter(blocks), len(blocks)))

    def work() -> None:
        try:
            runner = make_runner()
            for block in shared:
                runner(block)
        except BaseException as error:
            shared.error = error

    in_threads(work, count - (not interruptible), shared, here=not interruptible)
    if shared.error is not None:
        raise shared.error


def in_threads(work: Callable[[], None], count: int, shared: Shared, here: bool) -> None:
    """Run ``work`` on so many daemon threads, and in this one too if ``here``; and wait."""
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    try:
        for thread in threads:
            thread.start()
        if here:
            work()
        for thread in threads:
            thread.join()
    except BaseException as error:
        shared.error = error
        raise
