"""Bounds of samples with weights, attacked: corners, points between, exact fractions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import valid_samples
from poolcli.errors import PoolError

RNG = np.random.default_rng(5)
SUMS = ("avg", "sum", "mixed", "blur")


def find_exact(reducer: str, x: Any, w: Any) -> Fraction:
    """A window's value as a fraction; of mixed with a weight of a half."""
    samples = [Fraction(v) for v in x.reshape(-1).tolist()]
    each = [Fraction(v) for v in w.reshape(-1).tolist()]
    if reducer == "blur":
        row = [math.comb(x.shape[0] - 1, j) for j in range(x.shape[0])]
        each = [v * a * b for v, (a, b) in zip(each, itertools.product(row, row), strict=True)]
    total = sum((v * a for v, a in zip(samples, each, strict=True)), Fraction(0))
    if reducer == "sum":
        return total
    mean = total / sum(each)
    there = [v for v, a in zip(samples, each, strict=True) if a]
    return (max(there) + mean) / 2 if reducer == "mixed" else mean


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "uint8", "int64"])
@pytest.mark.parametrize("reducer", SUMS)
def test_no_corner_and_no_point_between_lies_beyond(reducer: str, dtype: str) -> None:
    """Of every window; the formula's own ends lie within, and no more than a few units are lost."""
    scale = {"uint8": 90, "float16": 30}.get(dtype, 10_000)
    spans = 10.0 ** RNG.integers(-9, 9 if dtype != "float16" else 1, (6, 6))
    middle = RNG.standard_normal((6, 6)) * scale if dtype.startswith("f") else RNG.integers(40, scale, (6, 6))
    low, high = (middle - scale / 9).astype(dtype), (middle + scale / 9).astype(dtype)
    for weights in (RNG.integers(0, 4, (6, 6)), RNG.random((6, 6)), RNG.random((6, 6)) * spans):
        options: dict[str, Any] = {"size": 3, "stride": 3, "weights": weights}
        found = poolcli.bounds(low, high, reducer, **options)
        assert found.low.dtype == poolcli.pool(low, reducer, **options).dtype
        for i, j in np.ndindex(2, 2):
            window = (slice(3 * i, 3 * i + 3), slice(3 * j, 3 * j + 3))
            for end, bound, sign in ((low, found.low, 1), (high, found.high, -1)):
                exact = find_exact(reducer, end[window], weights[window])
                near = float(exact)
                if bound.dtype.kind == "f":
                    assert sign * (exact - Fraction(float(bound[i, j]))) >= 0
                    spread = abs(near) + float(np.abs(end[window].astype(float)).max() * max(1, weights[window].sum()))
                    assert abs(float(bound[i, j]) - near) <= spread * float(np.finfo(bound.dtype).eps) * 128
                else:
                    assert abs(float(bound[i, j]) - near) <= 1
        for _ in range(200):
            share = RNG.integers(0, 2, low.shape) if RNG.random() < 0.5 else RNG.random(low.shape)
            x = np.clip((low + share * (high.astype(float) - low)).astype(dtype), low, high)
            made = poolcli.pool(x, reducer, **options)
            assert np.all((made >= found.low) & (made <= found.high))


def test_whole_numbers_are_exact_and_masks_go_along() -> None:
    """Integers of integers with whole weights; windows without weight have the missing value."""
    low, weights = RNG.integers(0, 90, (4, 4)).astype(np.uint8), RNG.integers(1, 5, (4, 4))
    mask = np.ones((4, 4), bool)
    weights[2:, 2:], mask[0, 0] = 0, False
    options: dict[str, Any] = {"size": 2, "weights": weights, "mask": mask, "nodata": 200, "dtype": "uint8"}
    found = poolcli.bounds(low, low + np.uint8(9), "avg", **options)
    assert np.array_equal(found.low, poolcli.pool(low, "avg", **options)) and found.low[1, 1] == 200
    assert np.array_equal(found.high, poolcli.pool(low + np.uint8(9), "avg", **options)) and found.exact
    x = RNG.random((5, 5))
    each = np.ones((5, 5))
    ones = [poolcli.bounds(x, x + 1, "blur", size=3, stride=1, padding=1, weights=given) for given in (each, None)]
    np.testing.assert_allclose([ones[0].low, ones[0].high], [ones[1].low, ones[1].high], rtol=1e-12)
    x[2, 2] = np.nan
    assert np.isfinite(poolcli.bounds(x, x + 1, "blur", size=3, weights=each, nan="ignore").low).all()
    assert np.isnan(poolcli.bounds(x, x + 1, "avg", size=3, weights=each).low).all()


@pytest.mark.parametrize(("reducer", "weights", "said"), [
    ("median", np.ones((4, 4)), "of median with weights no certified bounds are known; those that have: avg, sum"),
    ("max", np.ones((4, 4)), "of max with weights no certified bounds"),
    ("avg", -np.ones((4, 4)), "weights are finite and at least 0"), ("avg", np.ones((3, 4)), "has the shape 3x4"),
    ("avg", np.full((4, 4), np.nan), "weights are finite and at least 0"),
])
def test_what_has_no_bounds_is_one_line(reducer: str, weights: Any, said: str) -> None:
    """Reducers of which nobody knows, and weights that are none."""
    with pytest.raises(PoolError, match=said):
        poolcli.bounds(np.zeros((4, 4)), np.ones((4, 4)), reducer, weights=weights, size=2)


def test_weights_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each end, and for each rounding of it."""
    looked, look = [], valid_samples._find_largest
    monkeypatch.setattr(valid_samples, "_find_largest", lambda weights: looked.append(1) or look(weights))
    x = np.arange(16, dtype=np.uint8).reshape(4, 4)
    poolcli.bounds(x, x + 1, "avg", weights=np.ones((4, 4)), size=2, dtype="uint8")
    assert len(looked) == 1
