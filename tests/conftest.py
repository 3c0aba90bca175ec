"""What all tests share: one kernel cache, hypothesis' profile, and Ctrl-C as a terminal has it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import settings
from surroundings import unusual

from poolcli import pooling

# Compiling may take a second, so no example is timed; in CI a failure must come back on the next run.
settings.register_profile("poolcli", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
settings.load_profile("poolcli")


def pytest_configure(config: pytest.Config) -> None:
    """See what an ordinary machine has; keep compiled kernels beside pytest's own cache; heed SIGINT."""
    for name in unusual(os.environ):
        del os.environ[name]
    cache = getattr(config, "cache", None)  # none under -p no:cacheprovider
    if cache is not None:
        os.environ.setdefault("POOLCLI_CACHE_DIR", str(cache.mkdir("kernels")))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; it is inherited
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Nothing that a test has changed stays in what recent calls have settled."""
    pooling.forget()
    yield
    pooling.forget()
