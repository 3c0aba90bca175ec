"""The table of reducers: its words name rows of other tables, and what it says of each reducer is so."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest

import poolcli
from poolcli import REDUCERS
from poolcli.analysis.bounds.bounds import INTERVAL_RULES
from poolcli.analysis.bounds.outward_rounding import ERROR_MODELS
from poolcli.analysis.explain.explainers import EXPLAINERS
from poolcli.analysis.grad.derivatives import DERIVATIVES
from poolcli.analysis.grad.grad import GRADIENTS
from poolcli.core.reducers import Reducer
from poolcli.drivers.fold.fold_table import FOLDS
from poolcli.drivers.tile_driver import LANE_CORES

UNBOUNDED = ("ada", "circmean", "count", "distinct", "entropy")
"""Reducers of which nobody knows the extremes over intervals; ``bounds`` refuses them."""
ROWS = [variant for row in REDUCERS.values() for variant in (row, *row.variants.values())]
SAMPLES = [np.random.default_rng(seed).gamma(2.0, size=(40, 9)) for seed in range(3)]
"""Windows of nine samples above 0, which every reducer takes."""


def median_deviation(window: list[int]) -> Fraction:
    """The median distance of four whole numbers from their median."""
    away = sorted(abs(v - Fraction(sum(sorted(window)[1:3]), 2)) for v in window)
    return (away[1] + away[2]) / 2


def names(trait: str, wanted: bool = True) -> list[str]:
    """The reducers of which a trait holds, or does not."""
    return [row.name for row in REDUCERS.values() if bool(getattr(row, trait)) == wanted]


def pooled(x: np.ndarray, reducer: str) -> np.ndarray:
    """One value for each row; no draw is like another, so all rows take the same one."""
    return np.array([float(poolcli.pool(row, reducer, size="all", dtype="float64")[0]) for row in x])


@pytest.mark.parametrize(("trait", "tables"), [
    ("fold", [FOLDS]), ("lanes", [LANE_CORES]), ("explanation", [EXPLAINERS]), ("derivative", [DERIVATIVES, GRADIENTS]),
    ("interval_rule", [INTERVAL_RULES]), ("error_model", [ERROR_MODELS])])
def test_words_of_rows_are_rows_of_tables(trait: str, tables: Iterable[dict[str, object]]) -> None:
    """No word without its row, no row without a reducer that has it."""
    assert {getattr(row, trait) for row in ROWS} - {""} == {word for table in tables for word in table}


def test_bounds_know_every_reducer() -> None:
    """Each grows with its samples or has a rule, and then an error model if it computes; or it has none of these."""
    known = [row for row in ROWS if row.name not in UNBOUNDED]
    wrong = [row.name for row in known if row.monotone == bool(row.interval_rule) or row.picks == bool(row.error_model)]
    assert not wrong, (f"{wrong}: give monotone=True or an interval_rule, and an error_model if it computes; or name "
                       "it in UNBOUNDED here, and bounds refuses it")
    assert not any(row.monotone or row.interval_rule or row.error_model for row in ROWS if row.name in UNBOUNDED)


@pytest.mark.parametrize("reducer", names("monotone"))
def test_monotone_ones_never_fall_when_samples_grow(reducer: str) -> None:
    """By any amount, in any of the samples."""
    for x in SAMPLES:
        grown = x + np.random.default_rng(4).random(x.shape) * (np.random.default_rng(5).random(x.shape) < 0.5)
        assert (pooled(grown, reducer) >= pooled(x, reducer) - 1e-12).all()


@pytest.mark.parametrize("reducer", [name for name in names("monotone", False)
                                     if not REDUCERS[name].draws and name not in UNBOUNDED])
def test_the_others_do_fall(reducer: str) -> None:
    """So that none is searched whose ends are enough."""
    ramp = np.array([[1.0, 1.0, 2.0, 3.0, 5.0, 5.0, 8.0, 8.0, 8.0]])
    lower = [ramp - step * np.eye(9)[[i]] for i in range(9) for step in (0.5, 1.0, 20.0)]
    assert any(pooled(low, reducer) > pooled(low + step, reducer) + 1e-12
               for low in lower for step in (np.eye(9)[[i]] * 4 for i in range(9))), (
        f"{reducer} grew with every sample here: if it always does, its row has monotone=True and no interval_rule")


@pytest.mark.parametrize("reducer", names("any_order"))
def test_order_does_not_matter(reducer: str) -> None:
    """Shuffled windows have the same value, but for the rounding of sums."""
    for x in SAMPLES:
        shuffled = np.random.default_rng(6).permuted(x, axis=1)
        np.testing.assert_allclose(pooled(shuffled, reducer), pooled(x, reducer), rtol=1e-12)


@pytest.mark.parametrize("reducer", names("any_order", False))
def test_order_does_matter(reducer: str) -> None:
    """To those of which the row does not say otherwise."""
    row = REDUCERS[reducer]
    turned = pooled(SAMPLES[0][:, ::-1] ** 2, reducer)
    assert row.weighted or row.central or not np.allclose(turned[:20], pooled(SAMPLES[0] ** 2, reducer)[:20]), (
        f"{reducer} was the same of turned windows: if the order never matters, its row has any_order=True")


@pytest.mark.parametrize("reducer", names("composes"))
def test_poolings_of_poolings_are_poolings(reducer: str) -> None:
    """Of windows that tile, 3 x 3 samples at once or in two steps; but a norm or a mean of logarithms keeps n in it."""
    for x in SAMPLES:
        twice = pooled(np.array([poolcli.pool(row, reducer, size=3) for row in x]), reducer)
        once = pooled(x, reducer)
        if REDUCERS[reducer].repeats_exactly:
            assert (twice == once).all()
        else:
            np.testing.assert_allclose(twice, once, rtol=1e-6)


@pytest.mark.parametrize("reducer", names("composes", False))
def test_the_others_do_not_compose(reducer: str) -> None:
    """So that a pyramid is right to make its levels otherwise, or to say that they are not exact."""
    if not REDUCERS[reducer].picks:
        twice = pooled(np.array([poolcli.pool(row, reducer, size=3) for row in SAMPLES[0]]), reducer)
        assert not np.allclose(twice, pooled(SAMPLES[0], reducer), rtol=1e-6), (
            f"{reducer} of {reducer} was that of all samples: if it always is, its row has composes=True")


@pytest.mark.parametrize("reducer", names("linear"))
def test_linear_ones_are_sums_and_means(reducer: str) -> None:
    """Of whole numbers, as fractions of whole numbers say."""
    over = 1 if REDUCERS[reducer].linear == "sum" else 9
    x = np.random.default_rng(9).integers(-99, 99, (40, 9))
    assert pooled(x, reducer).tolist() == [float(Fraction(sum(map(int, row)), over)) for row in x]


@pytest.mark.parametrize("reducer", names("linear", False))
def test_the_others_are_no_sums_and_no_means(reducer: str) -> None:
    """So that a chain is right to round them between its stages."""
    x = SAMPLES[0]
    assert not any(np.allclose(pooled(x, reducer), made) for made in (x.sum(axis=1), x.mean(axis=1))), (
        f"{reducer} was the sum or the mean here: if it always is, its row has linear=")


@pytest.mark.parametrize("reducer", names("keeps_scale"))
def test_results_lie_between_the_samples(reducer: str) -> None:
    """Of those on the samples' scale."""
    for x in SAMPLES:
        found = pooled(x, reducer)
        assert (found >= x.min(axis=1) * (1 - 1e-12)).all() and (found <= x.max(axis=1) * (1 + 1e-12)).all()


@pytest.mark.parametrize("row", [row for row in ROWS if row.exact_bits], ids=lambda row: row.name)
def test_integers_are_exact(row: Reducer) -> None:
    """Of as many bits as the row says: the float64 result is the nearest to a fraction of whole numbers."""
    x = np.random.default_rng(8).integers(0, 2 ** (row.exact_bits - 2), size=(8, 4)).astype(f"int{row.exact_bits}")
    wanted = {"avg": lambda w: Fraction(sum(w), 4), "sum": sum, "median": lambda w: Fraction(sum(sorted(w)[1:3]), 2),
              "quantile": lambda w: Fraction(sum(sorted(w)[1:3]), 2), "topk": lambda w: Fraction(sum(sorted(w)[2:]), 2),
              **dict.fromkeys(("trimmed", "winsor"), lambda w: Fraction(sum(sorted(w)[1:3]), 2)),
              "mad": median_deviation, "range": lambda w: max(w) - min(w),
              "mixed": lambda w: Fraction(max(w), 2) + Fraction(sum(w), 8),
              "blur": lambda w: Fraction(w[0] + 3 * w[1] + 3 * w[2] + w[3], 8)}[row.name]
    assert [float(wanted([int(v) for v in w])) for w in x] == pooled(x, row.name).tolist()
    assert all(math.isfinite(value) for value in pooled(x, row.name))
