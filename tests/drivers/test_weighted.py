"""Sums with a weight for each place: exact for whole numbers, right where samples are missing or sums overflow."""

from __future__ import annotations

from contextlib import nullcontext
from fractions import Fraction
from math import ceil, comb, floor
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import jit
from poolcli.drivers import policy


def exact_blur(x: np.ndarray, size: int) -> list[Fraction]:
    """Binomial means of all full windows of a series, as fractions."""
    weights = [comb(size - 1, j) for j in range(size)]
    return [sum((Fraction(int(v)) * w for v, w in zip(x[i : i + size], weights, strict=True)), Fraction()) /
            sum(weights) for i in range(len(x) - size + 1)]


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
@pytest.mark.parametrize("size", [2, 7, 31, 53])
def test_whole_numbers_are_rounded_once(dtype: str, size: int) -> None:
    """The nearest double of the exact mean, whatever the size of the weights."""
    x = np.random.default_rng(size).integers(0, np.iinfo(dtype).max, 90, dtype, endpoint=True)
    expected = [float(value) for value in exact_blur(x, size)]
    np.testing.assert_array_equal(poolcli.pool(x, "blur", size=size, stride=1), expected)


ROUND = {"half-up": lambda v: floor(v + Fraction(1, 2)), "half-even": round, "floor": floor, "ceil": ceil}


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16"])
@pytest.mark.parametrize("size", [3, 5, 8, 15])
def test_narrow_results_are_rounded_once(dtype: str, size: int) -> None:
    """Whichever type holds the sums."""
    x = np.random.default_rng(size).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, 200, dtype, endpoint=True)
    x[:40] = np.iinfo(dtype).max
    for how, rounded in ROUND.items():
        with policy.use_tier(policy.KERNELS):
            result = poolcli.pool(x, "blur", size=size, stride=1, dtype=dtype, round=how)
        assert result.tolist() == [rounded(value) for value in exact_blur(x, size)]


def exact_weighted_blur(x: np.ndarray, weights: np.ndarray, size: int) -> list[Fraction | None]:
    """The same of a picture at stride 1 with padding, each sample with a weight of its own; None where all are 0."""
    along, around = [comb(size - 1, j) for j in range(size)], size // 2
    found: list[Fraction | None] = []
    for i, j in np.ndindex(*(n + 2 * around - size + 1 for n in x.shape)):
        here = [(int(along[a]) * along[b] * Fraction(weights[r, c].item()), Fraction(x[r, c].item()))
                for a, r in enumerate(range(i - around, i - around + size)) if 0 <= r < x.shape[0]
                for b, c in enumerate(range(j - around, j - around + size)) if 0 <= c < x.shape[1]]
        mass = sum(w for w, _ in here)
        found.append(sum(w * v for w, v in here) / mass if mass else None)
    return found


WEIGHTS = {"a mask": 1, "bytes": 255, "large": 2**31 - 1, "parts": None}
COMPILED = {("uint8", "bytes"), ("float32", "parts")}
"""Those whose kernels are compiled; of the others they run as plain Python."""


@pytest.mark.parametrize("tier", [policy.KERNELS, policy.NUMPY, "general"])
@pytest.mark.parametrize("kind", WEIGHTS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint64", "float32", "float64"])
def test_samples_with_weights_of_their_own(dtype: str, kind: str, tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole numbers are rounded once from the exact mean, floats are near it, by each way to compute it."""
    rng = np.random.default_rng(len(kind))
    x = (rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (9, 8), dtype, endpoint=True) if dtype[0] in "iu"
         else rng.normal(size=(9, 8)).astype(dtype))
    most = WEIGHTS[kind]
    weights = rng.random(x.shape) if most is None else rng.integers(0, most, x.shape, endpoint=True)
    weights[:4, :4] = 0
    if tier == "general":
        monkeypatch.setattr("poolcli.engine.run.PART_CHOICES", ())
    options: dict[str, Any] = {"size": 3, "stride": 1, "padding": 1, "weights": weights}
    exact = exact_weighted_blur(x, weights, 3)
    compiled = tier == policy.KERNELS and (dtype, kind) in COMPILED
    with policy.use_tier(policy.AUTO if tier == "general" else tier), nullcontext() if compiled else jit.run_plain():
        found = poolcli.pool(x, "blur", **options).reshape(-1)
        wanted = [np.nan if value is None else float(value) for value in exact]
        near = 3e-7 if dtype == "float32" else 1e-13
        exact_ones = dtype[0] in "iu" and kind != "parts"
        np.testing.assert_allclose(found, wanted, rtol=0 if exact_ones else near)
        if exact_ones:
            rounded = poolcli.pool(x, "blur", dtype=dtype, nodata=np.iinfo(dtype).max, **options).reshape(-1)
            hidden = exact_weighted_blur(x, np.where(x == np.iinfo(dtype).max, 0, weights), 3)
            assert rounded.tolist() == [np.iinfo(dtype).max if value is None else ROUND["half-up"](value)
                                        for value in hidden]


@pytest.mark.parametrize("reducer", ["avg", "sum", "blur"])
@pytest.mark.parametrize("kind", ["int64", "float64"])
def test_large_whole_weights_are_exact(reducer: str, kind: str) -> None:
    """Sums of products beyond 2^53 are rounded once, of weights in either kind of numbers."""
    rng = np.random.default_rng(3)
    x, weights = rng.integers(0, 256, 80, np.uint8), rng.integers(2**50, 2**53, 80)
    with jit.run_plain():
        found = poolcli.pool(x, reducer, size=2, weights=weights.astype(kind), dtype="float64")
    masses = weights.reshape(-1, 2).tolist()
    pairs = zip(masses, x.reshape(-1, 2).tolist(), strict=True)
    totals = [w[0] * v[0] + w[1] * v[1] for w, v in pairs]
    wanted = [Fraction(t, 1 if reducer == "sum" else sum(w)) for t, w in zip(totals, masses, strict=True)]
    assert found.tolist() == [float(value) for value in wanted]


@pytest.mark.parametrize("reducer", ["avg", "sum", "blur"])
@pytest.mark.parametrize("dtype", ["int32", "float64"])
def test_products_with_fractions_cancel_without_an_error(reducer: str, dtype: str) -> None:
    """What large samples of both signs leave is right, though no product of theirs is a double."""
    x, weights = np.array([2**30 + 1, 2**29, -(2**30), 3], dtype), [0.1, 0.2, 0.3, 0.7]
    x[1], binomial = -x[0] // 3, [comb(3, j) if reducer == "blur" else 1 for j in range(4)]
    each = [Fraction(w) * b for w, b in zip(weights, binomial, strict=True)]
    x[3] = round(-sum(w * Fraction(int(v)) for w, v in zip(each[:3], x[:3], strict=True)) / each[3]) + 1
    exact = sum(w * Fraction(int(v)) for w, v in zip(each, x, strict=True)) / (1 if reducer == "sum" else sum(each))
    with jit.run_plain():
        found = poolcli.pool(x, reducer, size=4, weights=weights)
    np.testing.assert_allclose(found, [float(exact)], rtol=1e-15)


def test_weights_of_their_own_in_all_windows() -> None:
    """Equal ones change nothing, of any size."""
    x = np.random.default_rng(1).integers(0, 256, (12, 14, 3), np.uint8)
    windows: list[dict[str, Any]] = [{"size": 5, "stride": 2}, {"adaptive": 5}, {"size": "all"}, {"size": (1, 4)},
                                     {"size": 3, "dilation": 2, "padding": 2}, {"scale": 2.5, "touch": "all"}]
    for options in windows:
        np.testing.assert_array_equal(poolcli.pool(x, "blur", weights=np.ones(x.shape, int), **options),
                                      poolcli.pool(x, "blur", **options))
        np.testing.assert_allclose(poolcli.pool(x, "blur", weights=np.full((12, 14), 0.3), **options),
                                   poolcli.pool(x, "blur", **options), rtol=1e-15)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "uint64"])
@pytest.mark.parametrize("size", [55, 200, 2500])
def test_long_windows_are_near_the_exact_mean(dtype: str, size: int) -> None:
    """Binomials of more than 54 taps are no doubles; what they make is off by 2^-45 of the largest sample at most."""
    x = np.random.default_rng(size).integers(0, np.iinfo(dtype).max, size + 2, dtype, endpoint=True)
    expected = [float(value) for value in exact_blur(x, size)]
    atol = 2.0**-45 * float(x.max())
    np.testing.assert_allclose(poolcli.pool(x, "blur", size=size, stride=1), expected, rtol=0, atol=atol)
    np.testing.assert_allclose(poolcli.pool(x.astype(float), "blur", size=size, stride=1), expected, rtol=0, atol=atol)


@pytest.mark.parametrize("how", ["floor", "ceil"])
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_a_long_window_of_equal_samples_is_that_sample(dtype: str, how: str) -> None:
    """Weights and their sum are whole numbers, so that no mean falls to the whole number beside it."""
    for size in (55, 100, 300):
        found = poolcli.pool(np.full(size + 1, 7, dtype), "blur", size=size, stride=1, dtype="uint8", round=how)
        assert found.tolist() == [7, 7]


@pytest.mark.parametrize("weight", [0.1, 1 / 3, 0.3, 0.9])
@pytest.mark.parametrize("windows", [1, 5000])
def test_mixed_of_whole_numbers_is_the_exact_value_rounded_once(weight: float, windows: int) -> None:
    """1 - w is no double; it is carried as two."""
    x = np.random.default_rng(3).integers(0, 256, (windows, 2, 2), np.uint8)
    w = Fraction(weight)
    expected = [float(w * int(one.max()) + (1 - w) * Fraction(int(one.sum()), 4)) for one in x]
    assert poolcli.pool(x, "mixed", size=2, weight=weight, layout="NHW").ravel().tolist() == expected


def test_roundings_are_those_of_the_exact_value() -> None:
    """Ties are seen as ties."""
    x = np.array([[0, 1, 2, 3], [1, 0, 255, 254]], np.uint8)
    for how, expected in {"half-up": [1, 129], "half-even": [0, 128], "floor": [0, 128], "ceil": [1, 129]}.items():
        assert poolcli.pool(x, "blur", size=2, dtype="uint8", round=how).tolist() == [expected]


def test_missing_samples_give_up_their_weight() -> None:
    """NaN ignored, as in a weighted mean of the others; a window of nothing else is NaN."""
    x = np.array([1.0, np.nan, 3.0, np.nan, np.nan, np.nan, 8.0])
    result = poolcli.pool(x, "blur", size=3, stride=1, nan="ignore")
    np.testing.assert_array_equal(result, [(1 + 3) / 2, 3.0, 3.0, np.nan, 8.0])


def test_sums_that_overflow_are_repaired() -> None:
    """The mean of large samples is finite."""
    x = np.full(9, 1.7e308)
    np.testing.assert_allclose(poolcli.pool(x, "blur", size=5, stride=1), np.full(5, 1.7e308), rtol=1e-15)


@pytest.mark.parametrize(("dtype", "how"), [("uint8", "half-up"), ("int16", "half-even"), ("uint16", "floor"),
                                            ("uint8", "ceil")])
def test_planes_whose_sums_no_double_holds_are_rounded_once(dtype: str, how: str) -> None:
    """Windows of 29 x 29, whose weights add up to 2^56; stripes of neighbouring numbers are ties."""
    size, shape = 29, (31, 33)
    x = np.random.default_rng(9).integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)
    x[:, :] = np.where(np.arange(shape[1]) < 30, np.arange(shape[1]) % 2 + 6, x)
    rows = [[sum(comb(size - 1, j) * int(x[i + j, c]) for j in range(size)) for c in range(shape[1])] for i in range(3)]
    exact = [[Fraction(sum(comb(size - 1, j) * row[c + j] for j in range(size)), 4 ** (size - 1)) for c in range(5)]
             for row in rows]
    assert {value for row in exact for value in row[:2]} == {Fraction(13, 2)}
    with policy.use_tier(policy.KERNELS):
        result = poolcli.pool(x, "blur", size=size, stride=1, dtype=dtype, round=how)
        floats = poolcli.pool(x, "blur", size=size, stride=1)
    assert result.tolist() == [[ROUND[how](value) for value in row] for row in exact]
    assert floats.tolist() == [[float(value) for value in row] for row in exact]
