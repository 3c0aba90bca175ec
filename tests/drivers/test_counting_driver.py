"""Modes of large windows, by counting or sorting, are those of a plain count."""

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
