"""The oracle of the tests, plain Python, asked for a case on a tiny array."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from poolcli import PoolError
from poolcli.drivers import policy

from .dimensions import Case

TESTS = Path(__file__).parents[2] / "tests"
TINY = 120
"""Samples of a plane."""


def reference() -> Any:
    """The module of the tests that has the oracle, or None where it is not there."""
    if str(TESTS) not in sys.path:
        sys.path.append(str(TESTS))
    try:
        return importlib.import_module("reference")
    except ImportError:
        return None


def equals_oracle(case: Case) -> bool | None:
    """Whether the case on a tiny array is what the oracle gives; None where its windows do not fit."""
    tiny, oracle = replace(case, size=TINY), reference()
    if oracle is None:
        return None
    x = tiny.make()
    try:
        with policy.use_tier(policy.KERNELS):
            got = tiny.pool(x)
        want = oracle.pool(x, tiny.reducer, return_indices=tiny.indices, **tiny.options)
    except (PoolError, ValueError):
        return None
    try:
        for ours, its in zip(got, want, strict=True) if tiny.indices else [(got, want)]:
            oracle.assert_agrees(ours, its, x, tiny.reducer)
    except AssertionError:
        return False
    return True
