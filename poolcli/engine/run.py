"""Run a task: choose its kernel, split it into blocks, and run them on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

from .. import jit
from ..core.reducers import Reducer
from ..drivers import FAST_DRIVERS, PART_DRIVERS, general_driver, policy
from ..drivers.flatten import Flattened, flatten
from ..drivers.kernel_task import Array, Block, FastKernel, KernelChoice, KernelTask, Runner
from .threads import choose_thread_count, count_threads, run_blocks, use_one_thread

BLOCK_SAMPLES = 1 << 22
"""Samples read by one call: up to 0.2 s for the slowest reducers, since Ctrl-C waits for a kernel to return."""
_Choices = Sequence[Callable[[KernelTask], KernelChoice | None]]


def _lazy_driver(driver: str, serves: Callable[[Reducer], bool]) -> Callable[[KernelTask], KernelChoice | None]:
    """Return a driver's ``choose``, which imports the driver for the first reducer that it serves."""
    def choose(task: KernelTask) -> KernelChoice | None:
        if not serves(task.reducer):
            return None
        found: KernelChoice | None = import_module(f"{general_driver.__package__}.{driver}").choose(task)
        return found
    return choose


FOLD_CHOICE = _lazy_driver("fold.fold_driver", lambda row: bool(row.fold))
CHOICES: _Choices = [_lazy_driver(*row) for row in FAST_DRIVERS.items()]
"""Who may have a faster kernel than the general one; the first that serves is taken."""
PART_CHOICES: _Choices = [_lazy_driver(*row) for row in PART_DRIVERS.items()]
"""The same for windows that end between samples."""


def choose_kernel(task: KernelTask) -> KernelChoice | policy.Deferred | None:
    """Return the kernel for a plan, if one is faster than the general one; None where that must do it."""
    if task.in_parts:
        return policy.decide(task, _find_fast(task, PART_CHOICES), _spec_of_general, _choose_numpy)
    flat, merging = flatten(task) or (None, None)
    kernel: Any = None if flat is None else _find_fast(flat, CHOICES)
    if merging is not None and getattr(kernel, "flattens", False):
        kernel = Flattened(kernel, kernel.spec, merging)
    else:
        kernel = _find_fast(task, CHOICES)
    return policy.decide(task, kernel, _spec_of_general, _choose_numpy)


def _spec_of_general(task: KernelTask) -> jit.KernelSpec:
    """Return the general kernel's spec."""
    return general_driver.make_spec(task, task.written)


def _find_fast(task: KernelTask, choices: _Choices) -> Any:
    """Return the first kernel that serves, or None."""
    return next((choice for find in choices if (choice := find(task)) is not None), None)


def _choose_numpy(task: KernelTask) -> tuple[KernelChoice | None, float, float]:
    """Return NumPy's run of a task, if it serves, about how many milliseconds it takes, and how many plain Python."""
    from . import numpy_tier

    choice = numpy_tier.choose(task)
    return choice, 0.0 if choice is None else numpy_tier.estimate(choice, task), general_driver.estimate_plain(task)


def run_task(task: KernelTask, out: Array | None, choice: KernelChoice | policy.Deferred | None,
             whole: bool = True) -> tuple[Array, Array | None]:
    """Return the canonical result, in the dtype that kernels write (``out`` if given), and the indices if wanted.

    ``choice`` is what ``choose_kernel`` gave for the task, or for the larger one of which it is a part (not
    ``whole``); NumPy runs no parts.
    """
    values = np.empty(task.output_shape, task.written) if out is None else out
    indices = None
    if task.want_indices:
        indices = np.empty(task.output_shape, np.int64)
        task = replace(task, indices=indices)
    if not values.size:
        return values, indices
    if isinstance(choice, policy.Deferred):
        if whole and choice.pays() and _run_deferred(task, values, choice):
            return values, indices
        choice = choice.kernel
    jit.set_purpose(f"the {task.reducer.name} kernel for {task.source}")
    _run_flattened(task, values, choice)
    return values, indices


def _run_flattened(task: KernelTask, values: Array, choice: KernelChoice | None) -> None:
    """Run a kernel on all blocks, of the array as it is or flattened."""
    if isinstance(choice, Flattened):
        task, choice = choice.flatten(task), choice.kernel
        values = values.reshape(task.output_shape)
    _run_kernel(task, values, choice)


def _run_kernel(task: KernelTask, values: Array, choice: KernelChoice | None) -> None:
    """Run a kernel, or the general one, on all blocks."""
    fallback = general_driver.General(task, values, task.indices)
    if choice is None:
        run_blocks(fallback.runner, fallback.blocks(BLOCK_SAMPLES), interruptible=fallback.cost > BLOCK_SAMPLES,
                   threads=count_threads())
    else:
        fast = choice.on(task, values)
        run_blocks(lambda: _add_fallback(fast.runner(), fallback), fast.blocks(threads := choose_thread_count(fast)),
                   False, threads)


def _run_deferred(task: KernelTask, values: Array, choice: policy.Deferred) -> bool:
    """Let NumPy run a task, or plain Python; False if NumPy met values that only a compiled kernel can pool soon."""
    numpy = choice.numpy
    if numpy is not None:
        if _run_numpy(task, values, choice, numpy):
            return True
        choice.decline()
        if not choice.pays():
            return False
    with choice.measure(), jit.run_plain(), use_one_thread():
        _run_flattened(task, values, choice.kernel)
    return True


def _run_numpy(task: KernelTask, values: Array, kernel: policy.UncompiledKernel, numpy: KernelChoice) -> bool:
    """Let NumPy run a task in a kernel's place; False if it met values that only the kernel can pool."""
    with kernel.measure():
        return run_wholly(numpy.on(task, values))


def choose_fold(task: KernelTask) -> KernelChoice | None:
    """Return the quick kernel of samples with weights; None where only the general one serves."""
    return None if task.in_parts else FOLD_CHOICE(task) or _find_fast(task, PART_CHOICES)


def run_fold(task: KernelTask, choice: Any) -> Array | None:
    """Return the canonical result of samples with weights by a quick kernel; None where the general one must do it."""
    values = np.empty(task.output_shape, task.written)
    if policy.is_ready(choice.spec):
        return values if not values.size or run_wholly(choice.on(task, values)) else None
    if values.size and _run_fold_by_numpy(task, values, choice):
        return values
    jit.set_purpose(f"the {task.reducer.name} kernel for {task.source} with weights")
    with policy.run_small_plainly(choice.spec, general_driver.estimate_plain(task)):
        served = not values.size or run_wholly(choice.on(task, values))
    return values if served else None


def _run_fold_by_numpy(task: KernelTask, values: Array, choice: Any) -> bool:
    """Let NumPy run a fold with weights while its kernel is not compiled; False if it does not."""
    numpy, milliseconds, _ = _choose_numpy(task)
    if numpy is None:
        return False
    uncompiled = policy.UncompiledKernel(choice.spec, milliseconds)
    if not uncompiled.pays():
        return False
    return _run_numpy(task, values, uncompiled, numpy)


def run_wholly(fast: FastKernel) -> bool:
    """Run all blocks by a kernel that has no other behind it; False once it meets one that it does not serve."""
    declined: list[Block] = []

    def make_runner() -> Runner:
        run_block = fast.runner()

        def run_or_decline(block: Block) -> bool:
            if not declined and not run_block(block):
                declined.append(block)
            return True
        return run_or_decline

    run_blocks(make_runner, fast.blocks(threads := choose_thread_count(fast)), False, threads)
    return not declined


def _add_fallback(runner: Runner, fallback: general_driver.General) -> Runner:
    """Return a runner that gives what a faster kernel cannot compute to the general kernel, in smaller blocks.

    A faster kernel that refuses a block has written a value for each of its windows. Those that are not finite are
    computed again, where that tells them all; else the whole block is. avg 7x7 of 1 MP of float64 with one NaN takes
    20 ms so, by whole blocks 269.
    """
    def run_block(block: Block) -> bool:
        if not runner(block):
            with policy.run_small_plainly(fallback.spec, general_driver.estimate_plain(fallback.work)):
                run_general = fallback.runner(repair=fallback.can_repair)
                for part in fallback.blocks(BLOCK_SAMPLES, block):
                    run_general(part)
        return True
    return run_block
