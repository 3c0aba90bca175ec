"""How much of the space each kernel family serves, by plans alone: nothing runs, nothing is compiled."""

from __future__ import annotations

import random
from collections import Counter

from poolcli.drivers import policy

from .dimensions import Case, draw

GENERAL = "general"


def family(case: Case) -> str:
    """The module of the kernel that serves a case once it is compiled."""
    with policy.use_tier(policy.KERNELS):
        choice = case.prepare().choice
    if choice is None:
        return GENERAL
    spec = getattr(choice, "spec", None)
    driver = type(choice).__module__.rpartition(".")[2]
    if spec is None:
        return driver
    kernel: str = spec.make.__module__.rpartition(".")[2]
    return kernel if driver.startswith("fold") or kernel == driver else f"{driver}: {kernel}"


def shares(seed: int, draws: int) -> Counter[str]:
    """How many of so many draws each family serves."""
    rng = random.Random(seed)
    return Counter(family(draw(rng)) for _ in range(draws))


def first_tier(seed: int, draws: int) -> int:
    """How many of so many draws NumPy serves while no kernel is compiled."""
    rng = random.Random(seed)
    with policy.use_tier(policy.NUMPY):
        return sum(isinstance(draw(rng).prepare().choice, policy.Deferred) for _ in range(draws))
