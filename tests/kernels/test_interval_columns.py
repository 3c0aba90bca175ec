"""The kernel of intervals in columns finds the extremes that trying every sample finds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from poolcli.analysis.bounds import interval_extremes, variance_extremes
from poolcli.drivers import policy

SHARPNESS = 0.7
FORMULAS: dict[str, tuple[Callable[..., Any], Any, Callable[[NDArray[np.float64]], Any]]] = {
    "variance": (variance_extremes.variance_extremes, None, lambda x: x.var(axis=0)),
    "softmax": (interval_extremes.soft_extremes, (SHARPNESS,),
                lambda x: (x * np.exp(SHARPNESS * (x - x.max(axis=0)))).sum(axis=0)
                / np.exp(SHARPNESS * (x - x.max(axis=0))).sum(axis=0)),
    "expected": (interval_extremes.find_expected_extremes, None,
                 lambda x: (x * x).sum(axis=0) / np.maximum(x.sum(axis=0), 1)),
}


def draw_intervals(dtype: Any, columns: int, kind: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Three samples a column, of up to 4 values each; of bytes and shorts from one end of the dtype to the other.

    Those of a variance are equally wide: where one lies inside another the kernel leaves the largest to NumPy.
    """
    rng = np.random.default_rng(columns)
    info = np.iinfo(dtype)
    least = 0 if kind == "expected" else info.min
    base = rng.integers(least, info.max - 9, (1, columns)) * rng.integers(0, 2, (1, columns))
    low = np.clip(base + rng.integers(0, 7, (3, columns)), least, info.max)
    widths = rng.integers(0, 4, (1 if kind == "variance" else 3, columns))
    return low.astype(dtype), np.minimum(low + widths, info.max).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
@pytest.mark.parametrize("kind", FORMULAS)
def test_whole_numbers_reach_what_trying_all_finds(kind: str, dtype: Any) -> None:
    """Both ends are those of the best of all samples within the intervals; 140 columns are a full tile and a rest."""
    search, parameters, formula = FORMULAS[kind]
    low, high = draw_intervals(dtype, 140, kind)
    with policy.use_tier(policy.KERNELS):
        found = search(low, high, parameters)
    tried = np.stack([formula(np.minimum(low.astype(np.float64) + np.array(step)[:, None], high))
                      for step in product(range(4), repeat=3)])
    for end, wanted in ((found.low, tried.min(axis=0)), (found.high, tried.max(axis=0))):
        assert ((end.samples >= low) & (end.samples <= high)).all() or kind == "variance"
        np.testing.assert_allclose(formula(end.samples.astype(np.float64)), wanted, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("kind", ["softmax", "expected"])
def test_floats_are_as_numpy_finds_them(kind: str) -> None:
    """Samples between the floats count for the least; both searches come to the same values."""
    search, parameters, formula = FORMULAS[kind]
    rng = np.random.default_rng(3)
    low = rng.random((4, 9), np.float32) * 5
    high = low + rng.random((4, 9), np.float32)
    values = []
    for tier in (policy.KERNELS, policy.NUMPY):
        with policy.use_tier(tier):
            found = search(low, high, parameters)
        values.append([formula(end.samples.astype(np.float64)) for end in (found.low, found.high)])
    np.testing.assert_allclose(values[0], values[1], rtol=1e-12)


def test_samples_of_nothing_but_zero_have_an_expected_draw() -> None:
    """Columns of zeros give zeros, without a warning."""
    zeros = np.zeros((2, 3), np.uint8)
    with policy.use_tier(policy.KERNELS):
        found = interval_extremes.find_expected_extremes(zeros, zeros, None)
    assert not found.low.samples.any() and not found.high.samples.any()
