"""One policy for all work: a kernel that is ready, a kernel that is worth compiling now, or NumPy at once.

A kernel takes one to three seconds to compile and then saves time in every call. Nobody knows how many calls will
follow, so the rule is that of renting skis: NumPy does the work until what it has taken adds up to about what the
kernel costs; then the kernel is compiled. A single call that would take NumPy long compiles at once. What NumPy does
not serve, or not exactly, the kernel does as plain Python where the array is tiny.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .. import jit
from .kernel_task import KernelChoice, KernelTask

COMPILE_NOW = 300.0
"""Milliseconds that NumPy may take for one call: the next like it would wait as long again."""
COMPILE_AFTER = 1000.0
"""Milliseconds that NumPy may take for all calls that one kernel would serve: about what it takes to compile."""

AUTO, KERNELS, NUMPY = "auto", "kernels", "numpy"
_tier: str = AUTO
_spent: dict[jit.KernelSpec, float] = {}
MOST_SPENT = 1024
"""Kernels of which it is known what their work has taken; a kernel more, and the one noted longest ago is forgotten."""


@contextmanager
def use_tier(tier: str) -> Iterator[None]:
    """Meanwhile all work is done by kernels, or by NumPy wherever it serves; ``AUTO`` is the policy."""
    global _tier
    before, _tier = _tier, tier
    try:
        yield
    finally:
        _tier = before


def current_tier() -> str:
    """The tier that is forced, by ``use_tier`` or by POOLCLI_COMPILE=always."""
    return KERNELS if _tier == AUTO and os.environ.get("POOLCLI_COMPILE") == "always" else _tier


@dataclass(eq=False)
class UncompiledKernel:
    """A kernel that is not compiled yet, and what NumPy or plain Python takes that can do its work meanwhile."""

    spec: jit.KernelSpec
    milliseconds: float
    """About what that takes."""

    def pays(self) -> bool:
        """Whether NumPy, or plain Python, does the next call."""
        if current_tier() == KERNELS or self.milliseconds > COMPILE_NOW:
            return False
        if current_tier() == NUMPY:
            return True
        return not jit.is_available(self.spec) and _spent.get(self.spec, 0.0) + self.milliseconds < COMPILE_AFTER

    @contextmanager
    def measure(self) -> Iterator[None]:
        """Note what NumPy takes, or plain Python."""
        start = time.thread_time()
        try:
            yield
        finally:
            took = 1e3 * (time.thread_time() - start)
            _note(self.spec, took)


def _note(spec: jit.KernelSpec, milliseconds: float) -> None:
    """Add to what a kernel's work has taken, which is now the last to be forgotten."""
    _spent[spec] = _spent.pop(spec, 0.0) + milliseconds
    while len(_spent) > MOST_SPENT:
        with suppress(StopIteration, KeyError, RuntimeError):  # another thread was quicker
            del _spent[next(iter(_spent))]


@contextmanager
def run_small_plainly(spec: jit.KernelSpec, milliseconds: float) -> Iterator[None]:
    """Meanwhile kernels run as plain Python, if ``spec`` is not compiled and that takes less time than compiling it."""
    uncompiled = UncompiledKernel(spec, milliseconds)
    if uncompiled.pays():
        with uncompiled.measure(), jit.run_plain():
            yield
    else:
        yield


@dataclass(eq=False)
class Deferred(UncompiledKernel):
    """A kernel that is not compiled yet, and what pools meanwhile: NumPy, or the kernel itself as plain Python."""

    kernel: KernelChoice | None
    """The faster kernel; None: the general one."""
    numpy: KernelChoice | None
    """NumPy's run, if it serves."""
    plain_milliseconds: float
    """About what plain Python takes."""

    def decline(self) -> None:
        """From now on without NumPy, which has met values that it cannot pool exactly."""
        self.numpy, self.milliseconds = None, self.plain_milliseconds


def is_ready(spec: jit.KernelSpec) -> bool:
    """Whether a kernel is what runs: it is compiled already, or kernels are forced."""
    tier = current_tier()
    return tier == KERNELS or (tier == AUTO and jit.is_available(spec))


def decide(work: KernelTask, kernel: KernelChoice | None, general: Callable[[KernelTask], jit.KernelSpec],
           meanwhile: Callable[[KernelTask], tuple[KernelChoice | None, float, float]],
           ) -> KernelChoice | Deferred | None:
    """Return the kernel if it is ready, or what pools until it is worth compiling; None for the general kernel.

    ``general`` gives the spec of the general kernel, ``meanwhile`` NumPy's run, if it serves, about the milliseconds it
    takes, and those of the kernel as plain Python.
    """
    spec = getattr(kernel, "spec", None) if kernel is not None else general(work)
    if spec is None or is_ready(spec):
        return kernel
    numpy, milliseconds, plain_milliseconds = meanwhile(work)
    return Deferred(spec, plain_milliseconds if numpy is None else milliseconds, kernel, numpy, plain_milliseconds)


def forget() -> None:
    """Forget what NumPy has taken."""
    _spent.clear()
