"""Masked arrays: masked samples are missing for every reducer and dtype, and the result is masked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import masked
from poolcli.core.reducers import REDUCERS

RNG = np.random.default_rng(12)
MASK = RNG.random((6, 8)) < 0.4
MASK[:2, :2] = True


@pytest.fixture(autouse=True)
def kernels_first() -> None:
    """Masks are about values, not about kernels: NumPy does small work, as users see it."""



def values_of(dtype: str) -> Any:
    """48 samples, none negative."""
    made = RNG.integers(0, 2 if dtype == "bool" else 100, (6, 8))
    return made.astype(dtype)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint32", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("reducer", REDUCERS)
def test_each_window_is_pooled_without_its_masked_samples(reducer: str, dtype: str) -> None:
    """As the samples that are there, pooled alone; masked where there is none."""
    x = np.ma.MaskedArray(values_of(dtype), MASK)
    if reducer in ("stochastic", "blur", "subsample", "centre"):
        pytest.skip("of a window's places, or of chance: tested with nodata")
    found = poolcli.pool(x, reducer, size=2)
    assert isinstance(found, np.ma.MaskedArray)
    assert found.dtype == poolcli.pool(x.data, reducer, size=2).dtype
    for i, j in np.ndindex(3, 4):
        there = x[2 * i:2 * i + 2, 2 * j:2 * j + 2].compressed()
        counted = REDUCERS[reducer].empty_value
        assert bool(np.ma.getmaskarray(found)[i, j]) == (there.size == 0 and counted is None)
        if not there.size and counted is not None:
            assert found[i, j] == counted
        if there.size:
            alone = poolcli.pool(there, reducer, size="all")[0]
            np.testing.assert_allclose(found.data[i, j], alone, rtol=1e-6 if dtype != "float16" else 1e-3)


@pytest.mark.parametrize("options", [{"size": 2}, {"size": 3, "stride": 1, "padding": 1}, {"adaptive": (4, 3)},
                                     {"fractional": 1.5, "seed": 3}, {"size": 3, "padding": 1, "pad_mode": "reflect"},
                                     {"size": 3, "padding": 1, "pad_mode": "constant", "pad_value": 7}], ids=str)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_a_mask_is_as_a_nodata_value(reducer: str, options: dict[str, Any]) -> None:
    """That no sample has, on every kind of window."""
    x = np.ma.MaskedArray(values_of("float64"), MASK)
    found = poolcli.pool(x, reducer, **options)
    wanted = poolcli.pool(x.filled(1e9), reducer, nodata=1e9, **options)
    assert np.array_equal(np.ma.getmaskarray(found), np.isnan(wanted))
    values = found.filled(np.nan) if np.ma.is_masked(found) else found.data
    assert np.array_equal(values, wanted, equal_nan=True)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "float16"])
@pytest.mark.parametrize("reducer", ["max", "min", "avg", "sum", "median", "mode", "range", "std"])
def test_an_array_that_has_every_value_of_its_dtype(dtype: str, reducer: str) -> None:
    """Is pooled in a wider one, and the result has the dtype that it would have had."""
    bits = np.dtype(dtype).itemsize * 8
    every = np.array([False, True]) if dtype == "bool" else np.arange(2**bits).astype(f"u{bits // 8}").view(dtype)
    every = every[np.isfinite(every)] if dtype == "float16" else every
    x = np.ma.MaskedArray(np.append(every, every[:2]), np.append(np.zeros(every.size, bool), [True, True]))
    assert masked.find_unused_value(every, None) is None
    found, wanted = poolcli.pool(x, reducer, size=2), poolcli.pool(every, reducer, size=2)
    assert found.dtype == wanted.dtype and found.mask.tolist() == [False] * wanted.size + [True]
    assert np.array_equal(found.data[:-1], wanted, equal_nan=dtype == "float16")


def test_masks_go_with_nan_and_nodata() -> None:
    """All are missing; NaN that is not masked spreads, or is an error, as always."""
    x = np.ma.MaskedArray([1.0, np.nan, 3.0, 9.0, np.nan, 5.0, 9.0, 9.0], [0, 0, 0, 1, 1, 0, 0, 0])
    assert poolcli.pool(x, "sum", nan="ignore", nodata=9, size=2).filled(-1).tolist() == [1, 3, 5, -1]
    found = poolcli.pool(x, "sum", size=2)
    assert np.isnan(found.data[0]) and not found.mask.any() and found[1:].tolist() == [3, 5, 18]
    with pytest.raises(poolcli.PoolError, match="NaN at"):
        poolcli.pool(x, "sum", nan="error")
    assert poolcli.pool(x[2:], "sum", nan="error", size=2).tolist() == [3, 5, 18]
    with pytest.raises(poolcli.PoolError, match="NaN has no place in uint8"):
        poolcli.pool(x, "max", dtype="uint8")


def test_integers_without_a_sample_are_masked_too() -> None:
    """Where a plain array would have no place for nothing; indices are -1."""
    x = np.ma.MaskedArray(np.array([[1, 2, 250, 255]], np.uint8), [[1, 1, 0, 1]], fill_value=77)
    found, where = poolcli.pool(x, "max", size=(1, 2), return_indices=True)
    assert found.tolist() == [[None, 250]] and where.tolist() == [[-1, 2]] and found.fill_value == 77
    out = np.ma.MaskedArray(np.zeros((1, 2), np.uint8))
    assert poolcli.pool(x, "max", size=(1, 2), out=out) is out and out.tolist() == [[None, 250]]
    with pytest.raises(poolcli.PoolError, match="masked array"):
        poolcli.pool(x, "max", size=(1, 2), out=np.zeros((1, 2), np.uint8))
    assert isinstance(poolcli.pool(np.ma.MaskedArray([1, 2]), "max"), np.ma.MaskedArray)
    assert x.data.tolist() == [[1, 2, 250, 255]]


def test_what_takes_no_mask_says_so() -> None:
    """Rather than taking masked samples for data."""
    with pytest.raises(poolcli.PoolError, match=r"x\.filled\(value\)"):
        poolcli.grad(np.ma.MaskedArray([1.0, 2.0], [0, 1]))
