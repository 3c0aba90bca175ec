"""Calls that are like an earlier one are not checked and planned anew: nothing else about them may differ."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import pooling

X = np.arange(48, dtype=np.float32).reshape(6, 8)


class Watched(np.ndarray[Any, Any]):
    """An array that tells when it goes."""


def test_an_equal_call_is_not_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call with the same options, on other values, asks nobody; its values are its own."""
    poolcli.pool(X, "max", size=2, padding=(0, 1))
    monkeypatch.setattr(pooling, "prepare", None)
    np.testing.assert_array_equal(poolcli.pool(X + 1, "max", size=2, padding=(0, 1))[:, 1], [11, 27, 43])


@pytest.mark.parametrize(("options", "others"), [
    ({"size": 2}, {"size": 2.0}), ({"size": 1}, {"size": True}), ({"size": (2, 1)}, {"size": (2, True)}),
])
def test_what_compares_equal_is_not_the_same(options: dict[str, Any], others: dict[str, Any]) -> None:
    """A value that is refused is refused, too, after its equal of another type has been taken."""
    poolcli.pool(X, "max", **options)
    with pytest.raises(poolcli.PoolError):
        poolcli.pool(X, "max", **others)


@pytest.mark.parametrize("array", [X.astype(np.float64), X[:4], X.astype(">f4"), X.reshape(6, 8, 1)])
def test_another_array_is_another_call(array: Any) -> None:
    """Shape, dtype and byte order are part of a call."""
    pooling.forget()
    alone = poolcli.pool(array, "avg", size=2)
    poolcli.pool(X, "avg", size=2)
    again = poolcli.pool(array, "avg", size=2)
    assert again.dtype == alone.dtype
    np.testing.assert_array_equal(again, alone)


def test_no_array_is_kept() -> None:
    """Neither the input nor the result stays in memory."""
    x = X.copy().view(Watched)
    gone = weakref.ref(x)
    poolcli.pool(x, "avg", size=2, nan="ignore")
    del x
    gc.collect()
    assert gone() is None


def test_little_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few calls, and none of many windows."""
    monkeypatch.setattr(pooling, "RECENT", 3)
    monkeypatch.setattr(pooling, "MOST_WINDOWS", 100)
    for n in range(8):
        poolcli.pool(np.zeros(50 + n), "max", size=2)
        assert len(pooling._recent) <= 3
    before = len(pooling._recent)
    poolcli.pool(np.zeros(300), "max", size=2)
    assert len(pooling._recent) == before


def test_threads_may_share_a_call() -> None:
    """Several threads that make the same call at once each get their own values."""
    arrays = [np.random.default_rng(i).random((300, 400), np.float32) for i in range(4)]
    wanted = [poolcli.pool(x, "avg", size=9, stride=1) for x in arrays]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(10):
            if not np.array_equal(poolcli.pool(arrays[i], "avg", size=9, stride=1), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
