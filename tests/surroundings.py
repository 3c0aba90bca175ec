"""The environment of an ordinary machine: what a container or a developer's shell adds must not change a test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

ORDINARY = ("PATH", "HOME", "LANG")
"""All that a script of the README may find beside the kernel cache."""
REMOVED = ("PYTHON", "POOLCLI_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "TTY_")
"""Beginnings of names that change what Python, this program or Rich do."""
KEPT = ("PYTHONPATH", "POOLCLI_CACHE_DIR", "POOLCLI_HOSTILE_FILES")
"""Exceptions: where modules are found, and what a tester says to the tests."""


def unusual(environment: Iterable[str]) -> list[str]:
    """Return the names of the variables that tests and the processes that they start must not see."""
    return [name for name in environment if name.startswith(REMOVED) and name not in KEPT]


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what ``env -i`` with PATH, HOME and LANG leaves, and the folder of kernels, lest each script compile."""
    return {name: environment[name] for name in (*ORDINARY, "POOLCLI_CACHE_DIR") if name in environment}
