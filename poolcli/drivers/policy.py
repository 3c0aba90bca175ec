"""One policy for all work: a kernel that is ready, a kernel that is worth compiling now, or NumPy at once.

A kernel takes one to three seconds to compile and then saves time in every call. Nobody knows how many calls will
follow, so the rule is that of renting skis: NumPy does the work until what it has taken adds up to about what the
kernel costs; then the kernel is compiled. A single call that would take NumPy long compiles at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .. import jit
from .kernel_task import KernelChoice, KernelTask

COMPILE_NOW = 300.0
"""Milliseconds that NumPy may take for one call: the next like it would wait as long again."""
COMPILE_AFTER = 1000.0
"""Milliseconds that NumPy may take for all calls that one kernel would serve: about what it takes to compile."""

AUTO, KERNELS, NUMPY = "auto", "kernels", "numpy"
_tier: str = AUTO
_spent: dict[jit.KernelSpec, float] = {}


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
    """A kernel that is not compiled yet, and what NumPy takes that can do its work meanwhile."""

    spec: jit.KernelSpec
    milliseconds: float
    """About what NumPy takes."""

    def pays(self) -> bool:
        """Whether NumPy does the next call."""
        if current_tier() != AUTO:
            return current_tier() == NUMPY
        if self.milliseconds > COMPILE_NOW or jit.is_available(self.spec):
            return False
        return _spent.get(self.spec, 0.0) + self.milliseconds < COMPILE_AFTER

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Note what NumPy takes."""
        start = time.thread_time()
        try:
            yield
        finally:
            took = 1e3 * (time.thread_time() - start)
            _spent[self.spec] = _spent.get(self.spec, 0.0) + took


@dataclass(eq=False)
class Deferred(UncompiledKernel):
    """A kernel that is not compiled yet, and NumPy that pools meanwhile."""

    kernel: KernelChoice | None
    """The faster kernel; None: the general one."""
    numpy: KernelChoice
    declined: bool = field(default=False)
    """Whether NumPy met values that are for a kernel."""

    def pays(self) -> bool:
        """Whether NumPy does the next call."""
        forced = current_tier() != AUTO
        return super().pays() and (forced or not self.declined)


def decide(work: KernelTask, kernel: KernelChoice | None, general: Callable[[KernelTask], jit.KernelSpec],
           numpy: Callable[[KernelTask], tuple[KernelChoice, float] | None]) -> KernelChoice | Deferred | None:
    """Return the kernel if it is ready, or NumPy until it is worth compiling; None for the general kernel.

    ``general`` gives the spec of the general kernel, ``numpy`` NumPy's run and about the milliseconds it takes.
    """
    spec = getattr(kernel, "spec", None) if kernel is not None else general(work)
    tier = current_tier()
    if spec is None or tier == KERNELS or (tier == AUTO and jit.is_available(spec)):
        return kernel
    found = numpy(work)
    return kernel if found is None else Deferred(spec, found[1], kernel, found[0])


def forget() -> None:
    """Forget what NumPy has taken."""
    _spent.clear()
