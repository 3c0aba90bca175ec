"""Differences and similarities in one pass are those of windows one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from poolcli.analysis.compare.metrics import RunningMean
from poolcli.analysis.compare.similarity_pass import SimilarityPass
from poolcli.drivers import policy


@pytest.mark.parametrize("shape, above", [((7, 7, 1), 0), ((9, 181, 3), 2), ((6, 20, 1), 0), ((8, 5, 2), 1)])
def test_a_block_has_what_windows_have_one_by_one(shape: tuple[int, int, int], above: int) -> None:
    """Means, variances and covariances of each window by NumPy; 181 columns of 3 channels are more than a strip."""
    rng = np.random.default_rng(above)
    x = rng.integers(0, 256, shape).astype(np.float64)
    y = x + rng.normal(0, 20, shape)
    squares, likeness = RunningMean(), RunningMean()
    with policy.use_tier(policy.KERNELS):
        similar = min(shape[:2]) >= 7
        assert SimilarityPass(255.0, 3.0, similar).add_block(x, y, above, squares, likeness)
    apart = ((x - y) ** 2)[above:]
    assert squares.count == apart.size and squares.largest == apart.max()
    assert squares.value == pytest.approx(apart.mean(), rel=1e-12)
    if not similar:
        assert likeness.value is None
        return
    a, b = (sliding_window_view(one, (7, 7), (0, 1)).reshape(-1, 49) for one in (x, y))
    mx, my, shared = a.mean(1) + 3, b.mean(1) + 3, ((a - a.mean(1)[:, None]) * (b - b.mean(1)[:, None])).mean(1)
    c1, c2 = 2.55**2, 7.65**2
    every = (2 * mx * my + c1) * (2 * shared + c2) / ((mx**2 + my**2 + c1) * (a.var(1) + b.var(1) + c2))
    assert likeness.count == every.size and likeness.value == pytest.approx(every.mean(), rel=1e-10)


def test_missing_samples_are_left_to_numpy() -> None:
    """Nothing is added of a block that has any."""
    x, squares, likeness = np.zeros((8, 8, 1)), RunningMean(), RunningMean()
    y = x.copy()
    y[3, 3] = np.nan
    with policy.use_tier(policy.KERNELS):
        assert not SimilarityPass(1.0, 0.0, True).add_block(x, y, 0, squares, likeness)
    assert squares.count == likeness.count == 0
