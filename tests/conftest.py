"""What all tests share: which of them run, one kernel cache, hypothesis' profile, and Ctrl-C as a terminal has it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import selection
from hypothesis import settings
from surroundings import unusual

from poolcli import pooling
from poolcli.drivers import policy

# Compiling may take a second, so no example is timed; in CI a failure must come back on the next run.
settings.register_profile("poolcli", deadline=None, max_examples=60, derandomize=bool(os.environ.get("CI")))
settings.load_profile("poolcli")

RUN = "TESTS_THAT_RUN"
"""Tells xdist's workers what the process that started them was told: a value of ``selection.told``."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI run the tests in another order each time."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and the tests of each, in a random order")


def pytest_configure(config: pytest.Config) -> None:
    """See what an ordinary machine has; keep compiled kernels beside pytest's own cache; heed SIGINT."""
    for name in unusual(os.environ):
        del os.environ[name]
    if not hasattr(config, "workerinput"):
        os.environ[RUN] = selection.told(config)
    config.addinivalue_line("markers", "long: left out where pytest is told nothing (tests/selection.py)")
    cache = getattr(config, "cache", None)  # none under -p no:cacheprovider
    if cache is not None:
        os.environ.setdefault("POOLCLI_CACHE_DIR", str(cache.mkdir("kernels")))
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell; it is inherited
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    """Say what is going on while the first dots take their time."""
    return selection.heading(Path(os.environ.get("POOLCLI_CACHE_DIR", "")), os.environ[RUN] == selection.QUICK)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the long tests where nothing is said; ``-m long`` is most of them, and some that ran as plain
    Python.
    """
    long = [item for item in items if selection.is_long(item)]
    if os.environ[RUN] == selection.QUICK:
        left_out = set(long)
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in left_out]
    for item in {*long, *filter(selection.runs_again, items)}.difference(filter(selection.is_thinned, items)):
        item.add_marker("long")
    if (seed := config.getoption("shuffle")) is not None:
        items[:] = selection.shuffle(items, seed)


THREADS = "POOLCLI_THREADS"
NUMBERS = ("chunked", "core", "drivers", "engine", "jit", "kernels")
"""Folders whose tests are about numbers, as are those beside this file."""


@pytest.fixture(autouse=True)
def threads_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line, called in this process, sets how many threads kernels get: for one test only."""
    before = os.environ.get(THREADS)
    monkeypatch.setenv(THREADS, "")  # so that what is there now comes back at the end
    if before is None:
        monkeypatch.delenv(THREADS)
    else:
        monkeypatch.setenv(THREADS, before)


@pytest.fixture(autouse=True)
def forgetful(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing that a test has changed stays in what recent calls have settled; a quick run compiles few kernels."""
    pooling.cache_clear()
    policy.forget()
    if selection.runs_plain(request.node, os.environ[RUN]):
        with selection.compiling(selection.dtypes(request.node)):
            yield
    else:
        yield
    pooling.cache_clear()


@pytest.fixture(autouse=True)
def kernels_first(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests of numbers are about kernels; all others see what a user sees."""
    folder = request.path.parent.relative_to(request.config.rootpath / "tests").as_posix()
    with policy.use_tier(policy.KERNELS if folder in (".", *NUMBERS) else policy.AUTO):
        yield
