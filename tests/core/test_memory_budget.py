"""How much may be held: what is refused, who waits for whom, and where the limit comes from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from poolcli import PoolError, pool
from poolcli.core import memory_budget as memory

MB = 1 << 20


@pytest.fixture
def limited() -> Iterator[None]:
    """Ten megabytes for the test."""
    with memory.limit_to(10 * MB):
        yield


@pytest.mark.usefixtures("limited")
def test_more_than_may_ever_be_held_is_refused() -> None:
    """With the number that was asked for and the number that there is."""
    memory.check_room(10 * MB, "it")
    with pytest.raises(PoolError, match=r"^it takes 10,485,761 bytes of memory or more, and 10,485,760 may be held"):
        memory.check_room(10 * MB + 1, "it")
    with pytest.raises(PoolError, match="a result of shape 4000x4000"):
        pool(np.zeros((4, 4)), adaptive=4000)


@pytest.mark.usefixtures("limited")
def test_jobs_wait_for_room_and_give_it_back() -> None:
    """The second begins when the first has ended, also where that failed; small ones go beside it."""
    order, begun = [], threading.Event()

    def hold(name: str, count: int) -> None:
        with memory.begin_job():
            memory.reserve(count, name)
            order.append(name)

    with pytest.raises(ZeroDivisionError), memory.begin_job():
        memory.reserve(6 * MB, "first")
        waiting = threading.Thread(target=lambda: (begun.set(), hold("second", 6 * MB)))
        waiting.start()
        begun.wait()
        small = threading.Thread(target=hold, args=("small", 2 * MB))
        small.start()
        small.join(10)
        memory.reserve(3 * MB, "the first's result")  # who holds some never waits
        order.append("first")
        raise ZeroDivisionError
    waiting.join(10)
    assert order == ["small", "first", "second"]


@pytest.mark.usefixtures("limited")
def test_a_job_that_needs_all_of_it_runs_alone() -> None:
    """It would wait for ever if what it needs had to be free beside what it holds."""
    with memory.begin_job():
        memory.reserve(9 * MB, "samples")
        memory.reserve(9 * MB, "result")
    with memory.begin_job():
        memory.reserve(10 * MB, "samples")


@pytest.mark.parametrize(("group", "files", "limit"), [
    ("0::/\n", {"memory.max": "1000000000\n"}, 1_000_000_000),
    ("0::/a/b\n", {"memory.max": "max\n", "a/memory.max": "700000000\n", "a/b/memory.max": "max\n"}, 700_000_000),
    ("0::/a/b\n", {"a/memory.max": "700000000\n", "a/b/memory.max": "600000000\n"}, 600_000_000),
    ("5:cpu,memory:/job\n0::/\n", {"memory/job/memory.limit_in_bytes": "500000000\n"}, 500_000_000),
])
def test_control_groups_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: str, files: dict[str, str],
                                 limit: int) -> None:
    """Of both versions, that of the process and all around it: the least counts."""
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "cgroup").write_text(group)
    monkeypatch.setattr(memory, "_CGROUPS", str(tmp_path))
    monkeypatch.setattr(memory, "_OWN_GROUP", str(tmp_path / "cgroup"))
    memory.available_memory.cache_clear()
    try:
        assert memory.available_memory() == limit and memory.budget() == limit // 4 * 3
    finally:
        memory.available_memory.cache_clear()
