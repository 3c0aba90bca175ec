"""One policy for all work: a kernel that is ready, a kernel that is worth compiling now, or NumPy at once.

A kernel takes one to three seconds to compile and then saves time in every call. Nobody knows how many calls will
follow, so the rule is that of renting skis: NumPy does the work until what it has taken adds up to about what the
kernel costs; then the kernel is compiled. A single call that would take NumPy long compiles at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .. import compiled
from ..work import Choice, Work

COMPILE_NOW = 300.0
"""Milliseconds that NumPy may take for one call: the next like it would wait as long again."""
COMPILE_AFTER = 1000.0
"""Milliseconds that NumPy may take for all calls that one kernel would serve: about what it takes to compile."""

AUTO, KERNELS, NUMPY = "auto", "kernels", "numpy"
_tier: str = AUTO
_spent: dict[compiled.Recipe, float] = {}


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
class Rent:
    """A kernel that is not compiled yet, and what NumPy takes that can do its work meanwhile."""

    recipe: compiled.Recipe
    milliseconds: float
    """About what NumPy takes."""

    def pays(self) -> bool:
        """Whether NumPy does the next call."""
        if current_tier() != AUTO:
            return current_tier() == NUMPY
        if self.milliseconds > COMPILE_NOW or compiled.is_ready(self.recipe):
            return False
        return _spent.get(self.recipe, 0.0) + self.milliseconds < COMPILE_AFTER

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Note what NumPy takes."""
        start = time.thread_time()
        try:
            yield
        finally:
            took = 1e3 * (time.thread_time() - start)
            _spent[self.recipe] = _spent.get(self.recipe, 0.0) + took


@dataclass(eq=False)
class Deferred(Rent):
    """A kernel that is not compiled yet, and NumPy that pools meanwhile."""

    kernel: Choice | None
    """The faster kernel; None: the general one."""
    numpy: Choice
    declined: bool = field(default=False)
    """Whether NumPy met values that are for a kernel."""

    def pays(self) -> bool:
        """Whether NumPy does the next call."""
        forced = current_tier() != AUTO
        return super().pays() and (forced or not self.declined)


def decide(work: Work, kernel: Choice | None, general: Any) -> Choice | Deferred | None:
    """The kernel if it is ready, or NumPy until it is worth compiling; None for the general kernel."""
    recipe = getattr(kernel, "recipe", None) if kernel is not None else general(work)
    tier = current_tier()
    if recipe is None or tier == KERNELS or (tier == AUTO and compiled.is_ready(recipe)):
        return kernel
    from . import numpy_tier

    numpy = numpy_tier.choose(work)
    if numpy is None:
        return kernel
    return Deferred(recipe, numpy_tier.estimate(numpy, work), kernel, numpy)


def forget() -> None:
    """Forget what NumPy has taken."""
    _spent.clear()
