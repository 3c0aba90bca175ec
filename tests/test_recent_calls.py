"""Calls that are like an earlier one are not checked and planned anew: nothing else about them may differ."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import jit, pooling
from poolcli.core.reducers import REDUCERS
from poolcli.engine import direct_call

X = np.arange(48, dtype=np.float32).reshape(6, 8)


@pytest.fixture(autouse=True)
def kernels_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels do all the work: calls that NumPy does are not made again, and depend on what is compiled already."""
    monkeypatch.setenv("POOLCLI_COMPILE", "always")


class Watched(np.ndarray[Any, Any]):
    """An array that tells when it goes."""


def test_an_equal_call_is_not_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second call with the same options, on other values, asks nobody; its values are its own."""
    poolcli.pool(X, "max", size=2, padding=(0, 1))
    monkeypatch.setattr(pooling, "parse_pooling", None)
    np.testing.assert_array_equal(poolcli.pool(X + 1, "max", size=2, padding=(0, 1))[:, 1], [11, 27, 43])


def test_an_equal_call_with_weights_is_not_planned_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is its kernel chosen again; one with weights of another kind has its own."""
    mask, parts = X % 3 > 0, X / 7
    wanted = (X * mask).reshape(3, 2, 4, 2).sum((1, 3)), (X * parts).reshape(3, 2, 4, 2).sum((1, 3))
    for _ in range(2):
        np.testing.assert_array_equal(poolcli.pool(X, "sum", size=2, mask=mask), wanted[0])
        np.testing.assert_allclose(poolcli.pool(X, "sum", size=2, weights=parts), wanted[1], rtol=1e-6)
        monkeypatch.setattr(pooling, "parse_pooling", None)
        monkeypatch.setattr("poolcli.engine.run.FOLD_CHOICE", None)
    with pytest.raises(TypeError):
        poolcli.pool(X, "sum", size=2, weights=parts.astype(np.float64))


def test_options_are_checked_once_for_all_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """An array of another shape is planned anew, but what was asked is not checked again; 2 and 2.0 are two."""
    pooling.cache_clear()
    poolcli.pool(X, "max", size=2)
    monkeypatch.setattr(pooling, "parse_pooling", None)
    np.testing.assert_array_equal(poolcli.pool(X[:4], "max", size=2), X[1:4:2, 1::2])
    with pytest.raises(TypeError):
        poolcli.pool(X[:4], "max", size=3)
    with pytest.raises(TypeError):
        poolcli.pool(X[:4], "max", size=2.0)


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
    pooling.cache_clear()
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
    """Few calls, and none that lists many windows."""
    monkeypatch.setattr(pooling, "CACHE_SIZE", 3)
    monkeypatch.setattr(pooling, "MOST_LISTED", 100)
    for n in range(8):
        poolcli.pool(np.zeros(50 + n), "max", size=2)
        assert len(pooling._prepared) <= 3
    before = len(pooling._prepared)
    poolcli.pool(np.zeros(300), "max", adaptive=199)
    assert len(pooling._prepared) == before


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


# The kernel calls of a small array, made again.


def direct_of(x: np.ndarray, reducer: str = "max", **options: Any) -> Any:
    """The calls that are kept for such an array."""
    return pooling.prepare_cached(x, reducer, options, False)[1].repeated.call


def test_a_small_array_keeps_its_kernel_call() -> None:
    """From the second array on only addresses change; each result has memory of its own."""
    arrays = [np.random.default_rng(i).random((8, 9), np.float32) for i in range(4)]
    results = [poolcli.pool(x, "max", size=2) for x in arrays]
    assert direct_of(arrays[0], size=2) is not None
    for x, result in zip(arrays, results, strict=True):
        np.testing.assert_array_equal(result, x[:, :8].reshape(4, 2, 4, 2).max(axis=(1, 3)))


SEVERAL_BLOCKS = [("median", (70, 80), {"size": 3, "stride": 1, "padding": "same"}),
                  ("avg", (100_000,), {"size": 5, "stride": 1}), ("blur", (90_000,), {"size": 3, "stride": 1})]
"""Plans of several blocks, the last of which has another size: a median's borders, and series longer than a row."""


@pytest.mark.parametrize(("reducer", "shape", "options"), SEVERAL_BLOCKS)
def test_the_calls_of_several_blocks_are_made_again(reducer: str, shape: tuple[int, ...], options: dict[str, Any],
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Scratch space that blocks share gives each what it needs, in every round."""
    monkeypatch.setenv("POOLCLI_THREADS", "1")
    arrays = [np.random.default_rng(i).integers(0, 255, shape).astype(np.float32) for i in range(5)]
    results = [poolcli.pool(x, reducer, **options) for x in arrays]
    direct = direct_of(arrays[0], reducer, **options)
    if jit.is_enabled():
        assert len(direct.functions) > 1
    for x, result in zip(arrays, results, strict=True):
        views = np.lib.stride_tricks.sliding_window_view(
            np.pad(x, 1, constant_values=np.nan) if x.ndim == 2 else x, [options["size"]] * x.ndim)
        expected = (np.nanmedian(views, axis=(-2, -1)) if reducer == "median" else
                    views.mean(axis=-1) if reducer == "avg" else views @ [0.25, 0.5, 0.25])
        np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.mark.parametrize("kind", ["mask", "weights"])
def test_calls_with_weights_are_made_again(kind: str) -> None:
    """Each call takes its own samples and its own weights, however these lie; a window without any has no value."""
    rng = np.random.default_rng(8)
    plain = [(rng.integers(0, 99, (8, 10)).astype(np.float32), rng.integers(0, 2, (8, 10), np.uint8)) for _ in range(5)]
    for _, each in plain:
        each[:2, :2] = 1
    plain[4][1][:2, :2] = 0
    otherwise = [(plain[0][0], np.asfortranarray(plain[0][1])), (np.asfortranarray(plain[1][0]), plain[1][1])]
    for x, each in plain + otherwise:
        with np.errstate(invalid="ignore"):
            wanted = ((x * each).reshape(4, 2, 5, 2).sum((1, 3)) / each.reshape(4, 2, 5, 2).sum((1, 3)))
        np.testing.assert_array_equal(poolcli.pool(x, "avg", size=2, **{kind: each}), wanted.astype(np.float32))
    if jit.is_enabled():
        (runs,) = pooling.prepare_cached(plain[0][0], "avg", {"size": 2}, False)[1].weighted.values()
        assert runs.repeated.call is not None


def test_calls_that_need_much_room_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many plans are remembered, so each may keep little scratch space."""
    monkeypatch.setattr(direct_call, "_MOST_BYTES", 100)
    x = np.ones((12, 13), np.float32)
    for _ in range(4):
        poolcli.pool(x, "max", size=2)
    assert direct_of(x, size=2) is None


def test_what_a_kernel_cannot_do_goes_the_long_way() -> None:
    """An infinite sum that did not overflow is told from one that did, after a call that was kept."""
    x = np.ones((4, 4))
    for _ in range(3):
        poolcli.pool(x, "avg", size=2)
    x[:2, :2] = 1.7e308
    assert poolcli.pool(x, "avg", size=2)[0, 0] == 1.7e308
    x[0, 0] = np.inf
    assert poolcli.pool(x, "avg", size=2)[0, 0] == np.inf


def test_arrays_that_lie_otherwise_are_read_right() -> None:
    """Strided, Fortran's, read-only, empty of bytes of their own; and results into ``out``, even the array itself."""
    x = np.random.default_rng(5).random((8, 8), np.float32)
    expected = poolcli.pool(x, "max", size=2)
    poolcli.pool(x, "max", size=2)
    assert direct_of(x, size=2) is not None
    frozen = x.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(x), np.repeat(x, 2, axis=0)[::2], frozen, x[::-1].copy()[::-1]):
        np.testing.assert_array_equal(poolcli.pool(same, "max", size=2), expected)
    wide = np.zeros((4, 8), np.float32)
    for out in (np.empty((4, 4), np.float32), wide[:, ::2], x[:4, :4]):
        assert poolcli.pool(x, "max", size=2, out=out) is out
        np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("options", [{"dtype": "float16"}, {"pad_mode": "edge", "padding": 1}, {"layout": "CHW"}])
def test_what_needs_more_than_a_kernel_keeps_no_call(options: dict[str, Any]) -> None:
    """Conversions and padding are done anew for each array."""
    shape = (3, 6, 6) if "layout" in options else (6, 6)
    x = np.random.default_rng(3).random(shape).astype("float16" if "dtype" in options else "float32")
    first = poolcli.pool(x, "max", size=2, **options)
    np.testing.assert_array_equal(poolcli.pool(x.copy(), "max", size=2, **options), first)
    assert "layout" in options or direct_of(x, size=2, **options) is None


@pytest.mark.parametrize("reducer", REDUCERS)
@pytest.mark.parametrize("options", [{"size": 2}, {"size": 3, "stride": 1, "padding": "same"}, {"size": "all"}])
def test_every_call_gives_what_the_first_one_would(reducer: str, options: dict[str, Any]) -> None:
    """Scratch space that is used again, and sentinels that stay in it, change nothing."""
    arrays = [np.random.default_rng(i).integers(0, 9, (9, 11), np.uint8) for i in range(6)]
    again = [poolcli.pool(x, reducer, **options) for x in arrays]
    for x, result in zip(arrays, again, strict=True):
        pooling.cache_clear()
        np.testing.assert_array_equal(result, poolcli.pool(x, reducer, **options))
