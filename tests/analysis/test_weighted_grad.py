"""Gradients of samples that do not count, or count with weights: slopes of formulas in NumPy, found by differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.errors import PoolError

RNG = np.random.default_rng(11)
X = RNG.uniform(0.5, 3, (4, 6))
WEIGHTS = RNG.integers(0, 5, (4, 6)) * 0.5
MASK = RNG.random((4, 6)) < 0.7
FORMULAS: Mapping[str, Callable[[Any, Any], Any]] = {
    "avg": lambda x, w: (w * x).sum() / w.sum(),
    "sum": lambda x, w: (w * x).sum(),
    "var": lambda x, w: (w * (x - (w * x).sum() / w.sum()) ** 2).sum() / w.sum(),
    "std": lambda x, w: ((w * (x - (w * x).sum() / w.sum()) ** 2).sum() / w.sum()) ** 0.5,
    "rms": lambda x, w: ((w * x**2).sum() / w.sum()) ** 0.5,
    "l2": lambda x, w: (w * x**2).sum() ** 0.5,
    "lp": lambda x, w: (w * x**3).sum() ** (1 / 3),
    "gem": lambda x, w: ((w * x**3).sum() / w.sum()) ** (1 / 3),
    "lse": lambda x, w: np.log((w * np.exp(2 * x)).sum() / w.sum()) / 2,
    "soft": lambda x, w: (w * x * np.exp(x)).sum() / (w * np.exp(x)).sum(),
    "mixed": lambda x, w: 0.3 * x[w > 0].max() + 0.7 * (w * x).sum() / w.sum(),
}
OPTIONS: Mapping[str, dict[str, float]] = {"lp": {"p": 3}, "gem": {"p": 3}, "lse": {"r": 2}, "mixed": {"weight": 0.3}}


def differentiate(formula: Callable[[Any, Any], Any], x: Any, w: Any, upstream: Any) -> Any:
    """Slopes in windows of 2x3 by central differences; 0 where a window has no weight."""
    found = np.zeros(x.shape)
    for i, j in np.ndindex(*x.shape):
        window = (slice(i // 2 * 2, i // 2 * 2 + 2), slice(j // 3 * 3, j // 3 * 3 + 3))
        if w[i, j] == 0:
            continue
        ends = []
        for step in (1e-6, -1e-6):
            moved = x.copy()
            moved[i, j] += step
            ends.append(formula(moved[window], w[window]))
        found[i, j] = upstream[i // 2, j // 3] * (ends[0] - ends[1]) / 2e-6
    return found


@pytest.mark.parametrize("reducer", FORMULAS)
def test_weights_in_every_formula(reducer: str) -> None:
    """Samples of weight 0 have none, whatever they are, NaN too."""
    upstream = RNG.random((2, 2))
    x = np.where(WEIGHTS == 0, np.nan, X)
    made = poolcli.grad(x, reducer, upstream, weights=WEIGHTS, size=(2, 3), **OPTIONS.get(reducer, {}))
    wanted = differentiate(FORMULAS[reducer], X, WEIGHTS, upstream)
    np.testing.assert_allclose(made, wanted, atol=2e-7)


@pytest.mark.parametrize("reducer", ["median", "mode"])
def test_weighted_ranks_and_votes_go_to_the_sample_that_they_are(reducer: str) -> None:
    """The first of that value which has a weight."""
    x = RNG.integers(0, 4, (4, 6)).astype(np.uint8)
    made = poolcli.grad(x, reducer, weights=WEIGHTS, size=(2, 3))
    values = poolcli.pool(x, reducer, weights=WEIGHTS, size=(2, 3))
    wanted = np.zeros(x.shape)
    for i, j in np.ndindex(2, 2):
        rows, columns = np.nonzero((x[2 * i : 2 * i + 2, 3 * j : 3 * j + 3] == values[i, j])
                                   & (WEIGHTS[2 * i : 2 * i + 2, 3 * j : 3 * j + 3] > 0))
        wanted[2 * i + rows[0], 3 * j + columns[0]] = 1
    assert np.array_equal(made, wanted)


def build_blur_matrix(length: int, size: int, stride: int, padding: int) -> Any:
    """The binomial weight of each sample of an axis (columns) in each window (rows)."""
    row = [math.comb(size - 1, j) for j in range(size)]
    starts = range(-padding, length + padding - size + 1, stride)
    return np.array([[row[i - start] if 0 <= i - start < size else 0 for i in range(length)] for start in starts])


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize(("size", "stride", "padding"), [(3, 2, 1), (5, 1, 2), (4, 3, 0), (6, 5, 3)])
def test_weights_of_blur_are_a_dense_matrix(size: int, stride: int, padding: int, hidden: bool) -> None:
    """Each sample has binomial times given weight over their sum in the window, with masks and channels too."""
    x, weights = RNG.random((9, 8, 2)), RNG.integers(0, 4, (9, 8)) * 0.75
    mask = RNG.random((9, 8)) < 0.6 if hidden else np.ones((9, 8), bool)
    matrix = np.kron(build_blur_matrix(9, size, stride, padding), build_blur_matrix(8, size, stride, padding))
    matrix = matrix * (weights * mask).reshape(-1)
    sums = matrix.sum(axis=1, keepdims=True)
    matrix = np.divide(matrix, sums, out=np.zeros(matrix.shape), where=sums > 0)
    options = {"size": size, "stride": stride, "padding": padding, "layout": "HWC", "weights": weights, "mask": mask}
    pooled = poolcli.pool(x, "blur", **options)
    upstream = RNG.standard_normal(pooled.shape)
    made = poolcli.grad(x, "blur", upstream, **options)
    np.testing.assert_allclose(made, (matrix.T @ upstream.reshape(-1, 2)).reshape(x.shape), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(np.nan_to_num(pooled).reshape(-1, 2), matrix @ x.reshape(-1, 2), rtol=1e-12)


def test_weights_of_blur_by_differences_and_of_every_kind() -> None:
    """Whole and broken weights, volumes, NaN that is passed over; weights of 1 are none."""
    x = RNG.random((3, 4, 5))
    x[1, 2, 3] = np.nan
    for weights in (RNG.integers(0, 9, x.shape).astype(np.uint8), RNG.random(x.shape).astype(np.float32)):
        options: dict[str, Any] = {"size": 3, "stride": 1, "padding": 1, "layout": "DHW", "nan": "ignore",
                                   "weights": weights}
        made, wanted = poolcli.grad(x, "blur", **options), np.zeros(x.shape)
        for at in np.ndindex(*x.shape):
            moved = [x.copy(), x.copy()]
            moved[0][at] += 1e-5
            moved[1][at] -= 1e-5
            ends = [np.nansum(poolcli.pool(one, "blur", **options)) for one in moved]
            wanted[at] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(made, wanted, atol=1e-8)
    options["weights"] = np.ones(x.shape)
    np.testing.assert_allclose(poolcli.grad(x, "blur", **options), poolcli.grad(
        x, "blur", **{**options, "weights": None}), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8"])
@pytest.mark.parametrize("reducer", ["max", "avg", "median", "std", "geomean", "range"])
def test_a_mask_is_as_missing_samples_are(reducer: str, dtype: str) -> None:
    """The gradient of NaN that are passed over; of the samples' own dtype where that is a float."""
    x = (10 * X).astype(dtype)
    made = poolcli.grad(x, reducer, mask=MASK, size=3, stride=1)
    wanted = poolcli.grad(np.where(MASK, x.astype(float), np.nan), reducer, nan="ignore", size=3, stride=1)
    assert made.dtype == ("float64" if dtype == "uint8" else dtype) and not made[~MASK].any()
    np.testing.assert_allclose(made.astype(float), wanted, rtol=2e-3 if dtype == "float16" else 1e-9, atol=1e-12)


def test_channels_share_a_mask_and_padding_repeats_it() -> None:
    """A mask of the pooled axes; padding that is data hands back what its own samples get."""
    x, mask = RNG.random((6, 5, 2)), RNG.random((6, 5)) < 0.6
    made = poolcli.grad(x, "avg", mask=mask, layout="HWC", size=3, padding=1, pad_mode="reflect")
    wanted = poolcli.grad(np.where(mask[..., None], x, np.nan), "avg", layout="HWC", size=3, padding=1,
                          pad_mode="reflect", nan="ignore")
    np.testing.assert_allclose(made, wanted, rtol=1e-12)


def test_what_has_no_gradient_is_said() -> None:
    """Weights of what takes none."""
    with pytest.raises(PoolError, match="weights mean nothing to max"):
        poolcli.grad(X, "max", weights=WEIGHTS)
