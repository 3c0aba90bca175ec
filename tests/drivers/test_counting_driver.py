"""Modes and ranks of large windows, by counting or sorting, are those of a plain count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from poolcli import PoolError, pool, pooling
from poolcli.drivers import counting_driver, policy
from poolcli.engine import run


def mode(samples: np.ndarray[Any, Any]) -> Any:
    """The most frequent sample, of equally frequent ones the smallest."""
    counts = Counter(samples.reshape(-1).tolist())
    return min(value for value, n in counts.items() if n == max(counts.values()))


def samples_of(dtype: str) -> np.ndarray[Any, Any]:
    """Samples with many ties, some below 0 where that can be."""
    x = np.random.default_rng(8).integers(0, 90, (60, 56))
    return (x - 40 * (np.dtype(dtype).kind != "u")).astype(dtype)


@pytest.fixture(autouse=True)
def by_counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Windows are counted however few their samples are."""
    monkeypatch.setattr(counting_driver, "LEAST", 1)
    monkeypatch.setattr(counting_driver, "LEAST_RANKED", {1: 1, 2: 1})
    monkeypatch.setattr(counting_driver, "_COUNTED_AT_ONCE", {1: 100, 2: 1000})
    monkeypatch.setattr(run, "CHOICES", (counting_driver.choose,))
    pooling.cache_clear()
    with policy.use_tier(policy.KERNELS):
        yield
    pooling.cache_clear()


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int64", "float32", "float16"])
def test_modes_of_quarters(dtype: str) -> None:
    """Of every type, of the windows' own samples."""
    x = samples_of(dtype)
    result = pool(x, "mode", adaptive=2)
    assert result.dtype == x.dtype
    assert result.tolist() == [[mode(x[i : i + 30, j : j + 28]) for j in (0, 28)] for i in (0, 30)]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16"])
@pytest.mark.parametrize(("reducer", "options", "method"), [
    ("median", {}, "linear"), ("quantile", {"q": 0.3}, "linear"), ("median-low", {}, "lower"),
    ("median-high", {}, "higher")])
def test_ranks_are_found_among_counts(dtype: str, reducer: str, options: dict[str, Any], method: Any,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of NumPy, and to the last bit of the general kernel; with nodata, which leaves an odd number or an even."""
    x = samples_of(dtype)
    task = pooling.prepare_cached(x, reducer, {"adaptive": 2, **options}, False)[1].work
    assert counting_driver.choose(task) is not None
    found = pool(x, reducer, adaptive=2, **options), pool(x, reducer, adaptive=2, nodata=7, **options)
    for result, wanted in zip(found, (x, np.ma.masked_equal(x, 7)), strict=True):
        for i, j in np.ndindex(2, 2):
            window = np.ma.compressed(wanted[30 * i : 30 * i + 30, 28 * j : 28 * j + 28]).astype(np.float64)
            assert np.isclose(result[i, j], np.quantile(window, options.get("q", 0.5), method=method), rtol=1e-15)
    monkeypatch.setattr(run, "CHOICES", ())
    pooling.cache_clear()
    assert found[0].tobytes() == pool(x, reducer, adaptive=2, **options).tobytes()
    assert found[1].tobytes() == pool(x, reducer, adaptive=2, nodata=7, **options).tobytes()


def test_missing_samples_do_not_count() -> None:
    """NaN and nodata; a window of nothing else has what stands for it; else a NaN wins."""
    x = samples_of("float32")
    x[:30, :28] = np.nan
    x[40:, 40:] = 7
    result = pool(x, "mode", adaptive=2, nan="ignore", nodata=7)
    rest = x[30:, 28:]
    assert np.isnan(result[0, 0]) or result[0, 0] == 7
    assert result[1, 1] == mode(rest[rest != 7])
    assert np.isnan(pool(x, "mode", size="all"))
    with pytest.raises(PoolError, match="NaN or missing"):
        pool(x, "mode", size="all", dtype=np.uint8)


def test_the_first_of_zeros_is_given() -> None:
    """Its sign shows which."""
    x = np.zeros(600, np.float32)
    x[0] = -0.0
    assert np.signbit(pool(x, "mode", size="all")).all()
