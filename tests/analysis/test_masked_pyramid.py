"""Pyramids of samples that count differently: means of what counts, votes, and the least of valid samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli import REDUCERS, PoolError, hypercolumn, pool, pyramid

RNG = np.random.default_rng(15)


def means_below(x: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """The weighted mean of each block, NaN where none has weight."""
    shape = (x.shape[0] // size, size, x.shape[1] // size, size)
    total = (x * weights).reshape(shape).sum((1, 3))
    mass = weights.reshape(shape).sum((1, 3))
    return np.divide(total, mass, out=np.full(total.shape, np.nan), where=mass > 0)


RULES: list[dict[str, Any]] = [{"mask": RNG.random((16, 24)) < 0.4}, {"weights": RNG.integers(0, 4, (16, 24))},
                               {"mask": RNG.integers(0, 2, (16, 24)), "weights": RNG.random((16, 24))}]
RULES[0]["mask"][:4, :8] = False


@pytest.mark.parametrize("exact", [None, False])
@pytest.mark.parametrize("rules", RULES, ids=["mask", "weights", "both"])
def test_means_of_what_counts_are_of_the_inputs_samples(rules: dict[str, Any], exact: bool | None) -> None:
    """At every level, straight from the input or from the level before; sums of sums too."""
    x = RNG.integers(0, 200, (16, 24)).astype(np.float64)
    weights = rules.get("weights", np.ones(x.shape)) * (np.asarray(rules.get("mask", 1)) != 0)
    made = pyramid(x, "avg", size=2, levels=3, exact=exact, **rules)
    for level in made.levels[1:]:
        np.testing.assert_allclose(level.values, means_below(x, weights, 2**level.number), rtol=1e-13)
    sums = pyramid(x, "sum", size=2, levels=3, exact=exact, **rules).levels[3].values
    np.testing.assert_allclose(np.nan_to_num(sums), (x * weights).reshape(2, 8, 3, 8).sum((1, 3)), rtol=1e-13)


@pytest.mark.parametrize("exact", [None, False])
@pytest.mark.parametrize("reducer", [*REDUCERS])
def test_a_mask_and_weights_of_ones_change_nothing(reducer: str, exact: bool | None) -> None:
    """Of any reducer, with windows that are cut at the edge; drift and labels too. Weighted ranks are another rule."""
    x = RNG.integers(1, 9, (9, 14)).astype(np.float32)
    options: dict[str, Any] = {"size": 2, "ceil_mode": True, "levels": 3, "exact": exact}
    plain = pyramid(x, reducer, **options)
    ones: list[dict[str, Any]] = [{"mask": np.ones(x.shape, np.uint8)}]
    ones += [{"weights": np.ones(x.shape, int)}] if (
        REDUCERS[reducer].weighted_core and reducer not in ("median", "quantile")) else []
    for rules in ones:
        for one, other in zip(pyramid(x, reducer, **options, **rules).levels, plain.levels, strict=True):
            np.testing.assert_allclose(one.values, other.values, rtol=2e-6)
            assert one.labels == other.labels and (one.drift is None) == (other.drift is None)


def test_medians_and_modes_of_levels_are_votes_by_what_was_present() -> None:
    """As many as there were below each sample, of medians where weights are given; a mask hides maxima."""
    x, mask = RNG.integers(0, 9, (16, 24)), RULES[0]["mask"]
    weights: Any
    for weights in (None, RNG.integers(0, 4, x.shape)):
        first = pool(x, "median", size=2, mask=mask, weights=weights, dtype="float64")
        counts = pool(mask * (1 if weights is None else weights), "sum", size=2)
        second = pool(first, "median", size=2, mask=counts > 0, weights=None if weights is None else counts)
        made = pyramid(x, "median", size=2, levels=2, mask=mask, weights=weights, dtype="float64").levels
        np.testing.assert_array_equal(made[1].values, first)
        np.testing.assert_array_equal(made[2].values, second)
    votes, counts = pool(x, "mode", size=2, mask=mask, nodata=-1, return_valid=True)
    made = pyramid(x, "mode", size=2, levels=2, mask=mask, nodata=-1).levels
    np.testing.assert_array_equal(made[2].values, pool(votes, "mode", size=2, weights=counts, nodata=-1))
    kept, lost = set(np.unique(x[mask]).tolist()), made[2].labels
    assert lost is not None and lost.kept + lost.lost == len(kept)
    gone = pyramid(np.where(mask, x, np.nan), "max", size=3, stride=2, levels=2, nan="ignore").levels[2].values
    np.testing.assert_array_equal(
        pyramid(x.astype(float), "max", size=3, stride=2, levels=2, mask=mask).levels[2].values, gone)


@pytest.mark.parametrize("exact", [None, False])
def test_a_level_has_the_least_of_valid_samples(exact: bool | None) -> None:
    """A share is of the input's samples; a window with less is missing, at the levels behind it too."""
    x, mask = np.arange(64.0).reshape(8, 8), np.ones((8, 8), bool)
    mask[:2, :2] = False  # one sample of level 1, a quarter of one of level 2
    mask[2:4, 4:7] = False
    made = pyramid(x, "avg", size=2, levels=2, mask=mask, min_valid="50%", exact=exact).levels
    assert np.isnan(made[1].values).tolist() == [[True, False, False, False], [False, False, True, False],
                                                 [False] * 4, [False] * 4]
    wanted = means_below(x, mask.astype(float), 4)
    if exact is False:  # of what has a value: the last sample of that window's row is not enough by itself
        hidden = mask.copy()
        hidden[2:4, 4:6] = False
        wanted = means_below(x, hidden.astype(float), 4)
    np.testing.assert_allclose(made[2].values, wanted, rtol=1e-13)
    strict = pyramid(x, "avg", size=2, levels=2, mask=mask, min_valid="80%", exact=exact).levels[2].values
    assert np.isnan(strict).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize(("options", "said"), [
    ({"mask": np.ones((3, 4), bool)}, "the mask has the shape 3x4"),
    ({"weights": -np.ones((8, 8))}, "weights are finite and at least 0"),
    ({"weights": np.ones((8, 8)), "reducer": "max"}, "weights mean nothing to max"),
    ({"mask": np.ones((8, 8), bool), "scale": "3/2", "size": None}, "weighs its samples; samples of areas count"),
    ({"mask": np.ones((8, 8), bool), "padding": 1, "pad_mode": "edge", "size": 3, "stride": 2},
     "weighs its samples; padding that is data has no weights"),
    ({"mask": np.ones((8, 8), bool), "divisor": 4}, "what is divided by is the weight"),
    ({"mask": np.zeros((8, 8), bool), "dtype": "uint8"}, "is NaN or missing, and uint8"),
])
def test_rules_that_no_level_can_keep_are_told(options: dict[str, Any], said: str) -> None:
    """In one line, before the first level."""
    asked = {"size": 2, "levels": 2, **options}
    with pytest.raises(PoolError, match=said):
        pyramid(np.ones((8, 8)), asked.pop("reducer", "avg"), **{k: v for k, v in asked.items() if v is not None})


def test_a_hypercolumn_of_what_counts() -> None:
    """Its levels are those of the pyramid."""
    x, mask = RNG.random((8, 8)), RNG.random((8, 8)) < 0.5
    found = hypercolumn(x, "avg", size=2, levels=1, mask=mask, min_valid=1)
    np.testing.assert_array_equal(found[::2, ::2, 1], pyramid(x, "avg", size=2, levels=1, mask=mask).levels[1].values)


def test_drift_where_only_one_of_two_levels_has_values() -> None:
    """It differs there, by no number; nothing is warned of."""
    x, mask = np.arange(16.0).reshape(4, 4), np.zeros((4, 4), bool)
    mask[0, :2] = mask[2, 2:] = True
    drift = pyramid(x, "max", size=2, levels=2, mask=mask, min_valid=3, exact=True).levels[2].drift
    assert drift is not None and (drift.max, drift.mean, drift.share) == (0, 0, 1)
