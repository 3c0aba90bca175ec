"""Bounds of windows of which a mask hides samples: every array within the intervals is tried."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.errors import PoolError

RNG = np.random.default_rng(3)
MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], bool)


def find_extremes(low: Any, high: Any, value: Any) -> tuple[Any, Any]:
    """The least and the largest value of each 2x2 window over all whole numbers in its intervals; NaN of no sample."""
    found = np.full((2, 2, 2), np.nan)
    for i, j in np.ndindex(2, 2):
        window = (slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
        ends = list(zip(low[window][MASK[window]].tolist(), high[window][MASK[window]].tolist(), strict=True))
        if ends:
            every = [value(np.array(one, float)) for one in itertools.product(*(range(a, b + 1) for a, b in ends))]
            found[:, i, j] = min(every), max(every)
    return found[0], found[1]


@pytest.mark.parametrize("span", [(0, 10), (0, 256)])
@pytest.mark.parametrize(("reducer", "value"), [
    ("max", np.max), ("avg", np.mean), ("range", np.ptp), ("var", np.var), ("median", np.median)])
def test_bounds_of_bytes_are_those_of_every_array(reducer: str, value: Any, span: tuple[int, int]) -> None:
    """Attained, and none beyond; also where the bytes have no value left to mark the hidden ones by."""
    low = RNG.integers(*span, (4, 4)).astype(np.uint8)
    low[0, 2], low[1, 0] = 0, span[1] - 1  # hidden
    high = np.minimum(low.astype(int) + RNG.integers(0, 4, (4, 4)), span[1] - 1).astype(np.uint8)
    found = poolcli.bounds(low, high, reducer, mask=MASK, size=2, dtype="float64")
    under, over = find_extremes(low, high, value)
    if reducer == "var":  # of any numbers, not of whole ones
        assert np.all((found.low <= under + 1e-9) | np.isnan(under))
        np.testing.assert_allclose(found.high, over, rtol=1e-12)
        return
    np.testing.assert_allclose(found.low, under, rtol=1e-12)
    np.testing.assert_allclose(found.high, over, rtol=1e-12)


def test_floats_are_bounded_as_with_missing_samples() -> None:
    """NaN in both ends that are passed over."""
    low = RNG.random((4, 4))
    high = low + RNG.random((4, 4))
    for reducer in ("std", "soft", "lp", "gem"):
        found = poolcli.bounds(low, high, reducer, mask=MASK, size=2)
        wanted = poolcli.bounds(*(np.where(MASK, one, np.nan) for one in (low, high)), reducer, size=2, nan="ignore")
        np.testing.assert_allclose([found.low, found.high], [wanted.low, wanted.high], rtol=1e-9)


def test_windows_without_a_sample_have_the_missing_value_or_none() -> None:
    """A nodata value; without one a byte has no place for it."""
    low, high = np.full((4, 4), 3, np.uint8), np.full((4, 4), 5, np.uint8)
    found = poolcli.bounds(low, high, "max", mask=MASK, size=2, nodata=9)
    assert found.low.tolist() == [[3, 3], [3, 9]] and found.high.tolist() == [[5, 5], [5, 9]]
    with pytest.raises(PoolError, match=r"the value at \(1, 1\) is NaN or missing, and uint8 has no place for it"):
        poolcli.bounds(low, high, "max", mask=MASK, size=2)
    with pytest.raises(PoolError, match="the mask has the shape 2x4, the samples 4x4"):
        poolcli.bounds(low, high, "max", mask=MASK[:2], size=2)
