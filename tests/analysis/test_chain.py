"""A chain is its stages one by one."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import pooling
from poolcli.analysis.stages import as_stages, with_layout, with_named_axes

CHAINS: list[list[tuple[str, dict[str, Any]]]] = [
    [("max", {}), ("avg", {"size": 3, "stride": 2})],
    [("avg", {"size": 3, "stride": 1, "padding": "same"}), ("median", {"size": 2}), ("max", {"adaptive": 2})],
    [("avg", {"dtype": "uint8"}), ("sum", {"size": 2}), ("lp", {"p": 3, "size": 2, "stride": 1})],
    [("max", {"size": (1, "all")}), ("avg", {"size": (2, 1)})],
    [("quantile", {"q": 0.3, "fractional": 1.5}), ("blur", {"size": 3, "stride": 2, "dilation": 2, "padding": 2})],
    [("avg", {"nodata": 0}), ("min", {"ceil_mode": True, "size": 3})],
]


@pytest.mark.parametrize("stages", CHAINS, ids=range(len(CHAINS)))
@pytest.mark.parametrize(("dtype", "layout"), [("uint8", "HWC"), ("float32", "CHW"), ("int16", "HWC")])
def test_a_chain_is_its_stages_one_by_one(stages: list[tuple[str, dict[str, Any]]], dtype: str, layout: str) -> None:
    """To the last bit, each with the record that its own report would have."""
    x = np.random.default_rng(1).integers(0, 100, (19, 17, 16)).astype(dtype)
    found = poolcli.chain(x, stages, layout=layout)
    values = x
    for (name, keywords), record in zip(stages, found.stages, strict=True):
        before = values
        values = poolcli.pool(values, name, layout=layout, **keywords)
        assert (record.input_shape, record.output_shape) == (before.shape, values.shape)
        assert (record.input_dtype, record.output_dtype) == (before.dtype.name, values.dtype.name)
        assert record.output_stats is not None and record.output_stats.max == values.max()
    assert found.values.dtype == values.dtype and np.array_equal(found.values, values)


def test_means_of_means_of_bytes_are_those_of_all_samples() -> None:
    """Rounded once: half up, by whole numbers. By way of float64 some are one too low."""
    x = np.random.default_rng(1).integers(0, 256, (240, 252), np.uint8)
    sums = x.astype(int).reshape(40, 6, 42, 6).sum((1, 3))
    found = poolcli.chain(x, [("avg", {"size": 3}), ("avg", {"size": 2, "dtype": "uint8"})])
    assert found.values.dtype == np.uint8 and np.array_equal(found.values, (2 * sums + 36) // 72)
    tops = x.astype(int).reshape(80, 3, 84, 3).sum((1, 3)).reshape(40, 2, 42, 2).max((1, 3)).reshape(20, 2, 21, 2)
    found = poolcli.chain(x, [("avg", {"size": 3}), "max", ("avg", {"dtype": "uint8"})], size=2)
    assert np.array_equal(found.values, (2 * tops.sum((1, 3)) + 36) // 72)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_means_of_clipped_windows_are_handed_on_exactly(dtype: str) -> None:
    """Windows at the borders have fewer samples, and so another divisor."""

    def means(x: list[Fraction], size: int) -> list[Fraction]:
        windows = [x[max(0, i - 1) : i - 1 + size] for i in range(0, len(x) + 3 - size, 2)]
        return [sum(one, Fraction()) / len(one) for one in windows]

    x = np.random.default_rng(2).integers(0, 256, 200, np.uint8)
    stages = [("avg", {"size": 3, "stride": 2, "padding": 1}),
              ("avg", {"size": 4, "stride": 2, "padding": 1, "dtype": dtype})]
    expected = means(means([Fraction(v) for v in x.tolist()], 3), 4)
    wanted = [float(v) for v in expected] if dtype == "float64" else [int(v + Fraction(1, 2)) for v in expected]
    assert poolcli.chain(x, stages, layout="L").values.tolist() == wanted


def test_nothing_is_rounded_between_stages() -> None:
    """The mean of means of four is that of sixteen, exactly; a stage that says dtype does round."""
    x = np.random.default_rng(2).integers(0, 256, (4, 4), np.uint8)
    assert Fraction(float(poolcli.chain(x, ["avg", "avg"]).values[0, 0])) == Fraction(int(x.sum()), 16)
    rounded = poolcli.chain(x, [("avg", {"dtype": "uint8"}), "avg"]).values
    assert Fraction(float(rounded[0, 0])) != Fraction(int(x.sum()), 16)


def test_letters_go_on() -> None:
    """The layout names the first stage's input; what is squeezed is gone."""
    x = np.arange(2.0 * 3 * 8 * 8).reshape(2, 3, 8, 8)
    found = poolcli.chain(x, [("max", {"size": (1, "all"), "squeeze": True}), "avg"], layout="NCHW")
    assert found.values.shape == (2, 3, 4) and [one.layout for one in found.stages] == ["NCHW", "NCH"]
    assert np.array_equal(found.values, x.max(axis=3).reshape(2, 3, 4, 2).mean(axis=3))


def test_keywords_for_all_stages() -> None:
    """They go to those that do not say their own; a parameter to those that have it."""
    x = np.arange(81.0).reshape(9, 9)
    found = poolcli.chain(x, ["max", ("lp", {"size": 2})], size=3, p=1)
    assert np.array_equal(found.values, poolcli.pool(poolcli.pool(x, "max", size=3), "lp", size=2, p=1))


@pytest.mark.parametrize(("stages", "said"), [
    (["max", ("avg", {"size": 5})], "stage 2, avg size=5, on 4x4: a window of 5 does not fit"),
    (["avg", "stochastic"], "stage 2, stochastic, on 4x4: stochastic has no meaning for negative values"),
    ([], "stages are missing"), (["max", "most"], "there is no reducer 'most'")])
def test_what_fails_says_its_stage(stages: Any, said: str) -> None:
    """PoolError, before or during the work."""
    with pytest.raises(poolcli.PoolError, match=re.escape(said)):
        poolcli.chain(-np.ones((8, 8)), stages)


@pytest.mark.parametrize("keywords", [
    {"size": 3, "padding": 1}, {"size": 2, "pad_mode": "edge", "padding": 1, "nodata": 0},
    {"adaptive": (2, 3), "layout": "HWC"}, {"size": {"h": 2}}, {"like": "torch", "size": 2},
])
def test_the_axes_of_a_file_do_not_check_a_stage_again(keywords: dict[str, Any],
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that learns its layout, or which axes its names are, has the pooling that checking would give."""
    stage = as_stages([("avg", keywords)])[0]
    checked = stage.pooling
    with monkeypatch.context() as patched:
        patched.setattr(pooling, "parse_pooling", None)
        found = [with_layout(stage, "CHW"), with_named_axes(stage, (3, 4, 5), "CHW")]
        known = [one.pooling for one in found]
    assert stage.pooling is checked
    assert [pooling.parse_pooling("avg", **one.keywords) for one in found] == known
    assert known[0].layout == keywords.get("layout", "CHW")


def test_what_has_no_sample_counts_for_no_later_stage() -> None:
    """Means of maxima of what the mask shows, in NumPy: of a byte no value is told apart, so nothing hides behind 0."""
    rng = np.random.default_rng(8)
    x, mask = rng.integers(0, 256, (12, 8)).astype(np.uint8), rng.random((12, 8)) < 0.3
    blocks = np.where(mask, x.astype(float), np.nan).reshape(6, 2, 4, 2).swapaxes(1, 2).reshape(6, 4, 4)
    there = ~np.isnan(blocks).all(-1)
    tops = np.where(there, np.nanmax(np.where(np.isnan(blocks), -1, blocks), -1), np.nan)
    wanted = np.nanmean(tops.reshape(2, 3, 2, 2).swapaxes(1, 2).reshape(2, 2, 6), -1)
    found = poolcli.chain(x, ["max", ("avg", {"size": (3, 2)})], mask=mask, size=2)
    assert not there.all()
    np.testing.assert_allclose(found.values, wanted, rtol=1e-14)
    assert [stage.output_dtype for stage in found.stages] == ["uint8", "float64"]
    shown = found.stages[0].output_stats
    assert shown is not None and (shown.min, shown.max) == (np.nanmin(tops), np.nanmax(tops))
    np.testing.assert_allclose(shown.mean, np.nanmean(tops), rtol=1e-14)


def test_a_stage_without_any_value_has_no_statistics() -> None:
    """Its stand-ins are no values; what a window of nothing has, a count of 0, is one."""
    x, nothing = np.full((4, 4), 9, np.uint8), np.zeros((4, 4), bool)
    stages = poolcli.chain(x, ["max", ("count", {"size": 1})], mask=nothing, size=2).stages
    assert [stage.output_stats and (stage.output_stats.min, stage.output_stats.mean, stage.output_stats.max)
            for stage in stages] == [(None, None, None), (0, 0.0, 0)]


def test_weights_are_those_of_the_first_stage_and_the_least_is_of_all() -> None:
    """Each window of a stage has so many values of the one before, or none itself."""
    x, weights = np.arange(16.0).reshape(4, 4), np.array([[1, 3, 0, 0], [2, 0, 0, 0], [1, 1, 0, 2], [4, 2, 1, 1]])
    wanted = [[(0 * 1 + 1 * 3 + 4 * 2) / 6, np.nan], [(8 + 9 + 4 * 12 + 2 * 13) / 8, (2 * 11 + 14 + 15) / 4]]
    found = poolcli.chain(x, ["avg", "max"], weights=weights, size=2)
    assert found.values.tolist() == [[wanted[1][1]]]
    found = poolcli.chain(x, ["avg", ("sum", {"size": (2, 1)})], weights=weights, min_valid=2, size=2)
    assert found.values[0, 0] == wanted[0][0] + wanted[1][0] and np.isnan(found.values[0, 1])
    with pytest.raises(poolcli.PoolError, match=r"stage 2, max, on 2x2: the value at \(0, 0\) is NaN or missing"):
        poolcli.chain(x.astype(np.uint8), ["max", "max"], mask=np.zeros((4, 4), bool), size=2)
