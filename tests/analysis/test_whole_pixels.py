"""Whole pixels: all channels of the sample that wins by a score, against NumPy window by window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolcli
from poolcli import REDUCERS, PoolError

PICKS = [name for name, row in REDUCERS.items() if row.picks and not row.draws]
X = np.random.default_rng(0).integers(0, 6, (6, 8, 3)).astype(np.uint8)
SCORES = {"luma": X.astype(int) @ [299, 587, 114], 2: X[..., 2], "array": np.random.default_rng(1).random((6, 8))}


@pytest.mark.parametrize("by", list(SCORES))
@pytest.mark.parametrize("reducer", PICKS)
def test_pixels_are_those_that_the_score_picks(reducer: str, by: Any) -> None:
    """Every channel from the index that the reducer picks of the score: of equals the first, as it has them."""
    windows = {"size": 3, "stride": 2, "padding": 1}
    _, at = poolcli.pool(SCORES[by], reducer, return_indices=True, **windows)  # type: ignore[call-overload]
    values, indices = poolcli.pool(X, reducer, by=SCORES[by] if by == "array" else by, return_indices=True,
                                   **windows)  # type: ignore[call-overload]
    np.testing.assert_array_equal(indices, at)
    np.testing.assert_array_equal(values, X.reshape(-1, 3)[at])
    assert values.dtype == X.dtype


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["max", "min"]), st.integers(1, 4), st.booleans())
def test_the_largest_luma_wins_and_of_equals_the_first(seed: int, reducer: str, size: int, floats: bool) -> None:
    """Every pixel of the result is a pixel of its window."""
    x = np.random.default_rng(seed).integers(0, 3, (5, 7, 3)).astype(np.float32 if floats else np.uint8)
    found = poolcli.pool(x, reducer, by="luma", size=size, stride=1)
    for i, j in np.ndindex(found.shape[:2]):
        window = x[i : i + size, j : j + size].reshape(-1, 3)
        luma = [round(float(p @ np.array([299.0, 587.0, 114.0]))) for p in window]
        best = luma.index(max(luma) if reducer == "max" else min(luma))
        assert found[i, j].tolist() == window[best].tolist()


def test_any_layout() -> None:
    """Channels ahead of the pooled axes or between them, batches, and pooled axes that are squeezed."""
    wanted = poolcli.pool(X, "max", size=2, by=1)
    for letters, order in (("CHW", (2, 0, 1)), ("HCW", (0, 2, 1))):
        found = poolcli.pool(X.transpose(order), "max", size=2, by=1, layout=letters)
        np.testing.assert_array_equal(found, wanted.transpose(order))
    stacked = poolcli.pool(np.stack([X, X[::-1]]), "max", size=2, by="luma", layout="NHWC")
    np.testing.assert_array_equal(stacked[1], poolcli.pool(X[::-1], "max", size=2, by="luma"))
    assert poolcli.pool(X, "max", size="all", by=0, squeeze=True).shape == (3,)


def test_missing_pixels_do_not_win() -> None:
    """By nodata in any channel, by NaN that is ignored, by a mask; a window without others is missing."""
    x = X.astype(float)
    x[0, 0, 1], x[1, 1, 0], mask = np.nan, 9, np.ones((6, 8), bool)
    assert poolcli.pool(x, "max", size=2, by=0)[0, 0].tolist() == x[1, 1].tolist()
    by_nan = poolcli.pool(x, "max", size=2, by=1)[0, 0]
    assert np.isnan(by_nan[1]) and by_nan[0] == x[0, 0, 0]  # a NaN wins, as in indices
    nodata = poolcli.pool(x, "max", size=2, by=0, nodata=9, nan="ignore")[0, 0]
    assert nodata.tolist() == max((x[0, 1], x[1, 0]), key=lambda p: p[0]).tolist()
    mask[:2, :2] = False
    values, indices = poolcli.pool(x, "max", size=2, by=0, mask=mask, return_indices=True)
    assert np.isnan(values[0, 0]).all() and indices[0, 0] == -1
    np.testing.assert_array_equal(values[1:], poolcli.pool(x, "max", size=2, by=0)[1:])
    with pytest.raises(PoolError, match="NaN or missing"):
        poolcli.pool(X, "max", size=2, by=0, mask=mask)
    assert poolcli.pool(X, "max", size=2, by=np.full((6, 8), 2**63 - 1), mask=mask, nodata=7)[0, 0].tolist() == [7] * 3


@pytest.mark.parametrize(("reducer", "options", "said"), [
    ("max", {"by": 3}, "no channel 3 of 3"), ("max", {"by": "red"}, "must be luma"),
    ("max", {"by": np.zeros((3, 3))}, "the score has the shape 3x3"), ("avg", {"by": 0}, "picks no sample"),
    ("max", {"by": 0, "dtype": "float32"}, "keep their type"), ("max", {"by": 0, "min_valid": 2}, "goes with neither"),
    ("max", {"by": 0, "layout": "DHW"}, "has no channels"), ("max", {"by": 0, "pad_mode": "edge"}, "no indices")])
def test_what_cannot_be_is_told(reducer: str, options: dict[str, Any], said: str) -> None:
    """In one line."""
    with pytest.raises(PoolError, match=said):
        poolcli.pool(X, reducer, size=2, **options)  # type: ignore[call-overload]
