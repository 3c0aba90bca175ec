"""Masks, weights and the least share of valid samples, against exact arithmetic, NumPy and xarray."""

from __future__ import annotations

import dataclasses
import math
import warnings
from contextlib import nullcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import PoolError, jit, pooling
from poolcli.core.reducers import REDUCERS
from poolcli.drivers import policy
from poolcli.drivers.tile_driver import WEIGHTED_LANE_CORES

RNG = np.random.default_rng(15)
X = RNG.integers(1, 60, (6, 8)).astype(np.uint8)
MASK = RNG.random((6, 8)) < 0.6
MASK[:2, :2] = False
WHOLE = RNG.integers(0, 5, (6, 8))
WHOLE[2:4, 2:4] = 0
PARTS = WHOLE / 8
WEIGHTED = [name for name, row in REDUCERS.items() if row.weighted_core is not None]
WINDOWS: list[dict[str, Any]] = [{"size": 2}, {"size": 3, "stride": 2, "padding": 1}, {"adaptive": (4, 3)},
                                 {"size": 2, "dilation": 2, "stride": 1}, {"size": "all"}]


def blocks(x: np.ndarray) -> np.ndarray:
    """The 2 x 2 windows of an array, flat."""
    return x.reshape(3, 2, 4, 2).transpose(0, 2, 1, 3).reshape(12, 4)


@pytest.mark.parametrize("options", WINDOWS, ids=str)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_a_mask_is_nan_that_is_ignored(reducer: str, options: dict[str, Any]) -> None:
    """For every reducer and windowing, to the last bit, and the numbers of samples are those that are left."""
    x = X.astype(np.float64)
    found, valid = poolcli.pool(x, reducer, mask=MASK, return_valid=True, **options)
    wanted = poolcli.pool(np.where(MASK, x, np.nan), reducer, nan="ignore", **options)
    assert np.array_equal(found, wanted, equal_nan=True)
    assert np.array_equal(valid, poolcli.pool(MASK, "sum", **options))


@pytest.mark.parametrize("options", WINDOWS, ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("reducer", [name for name in WEIGHTED if name not in ("median", "quantile")])
def test_weights_of_one_are_none(reducer: str, dtype: str, options: dict[str, Any]) -> None:
    """Ranks apart, which weighted have no point between two samples."""
    x = X.astype(dtype)
    found = poolcli.pool(x, reducer, weights=np.ones(x.shape, int), **options)
    wanted = poolcli.pool(x, reducer, **options)
    assert found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=1e-12 if dtype == "uint8" else 3e-7)


def weighted(reducer: str, x: list[int], w: list[Fraction]) -> float:
    """The weighted value of the integers of a 2 x 2 window in exact arithmetic, rounded at the end."""
    values, total = [Fraction(v) for v in x], sum(w)
    mean = sum(a * b for a, b in zip(values, w, strict=True)) / total
    spread = sum(b * (a - mean) ** 2 for a, b in zip(values, w, strict=True)) / total
    there = [(v, float(b)) for v, b in zip(x, w, strict=True) if b]
    power = math.fsum(b * v**2 for v, b in there)
    top = max(v for v, _ in there)
    grown = [b * math.exp(v - top) for v, b in there]
    rules: dict[str, Any] = {
        "avg": lambda: mean, "blur": lambda: mean, "sum": lambda: mean * total,
        "var": lambda: spread, "std": lambda: math.sqrt(spread),
        "lp": lambda: math.sqrt(power), "l2": lambda: math.sqrt(power), "rms": lambda: math.sqrt(power / float(total)),
        "gem": lambda: (math.fsum(b * v**3 for v, b in there) / float(total)) ** (1 / 3),
        "lse": lambda: top + math.log(math.fsum(grown) / float(total)),
        "soft": lambda: math.fsum(g * v for g, (v, _) in zip(grown, there, strict=True)) / math.fsum(grown),
        "mixed": lambda: (top + mean) / 2,
        "median": lambda: np.quantile([v for v, _ in there], 0.5, weights=[b for _, b in there], method="inverted_cdf"),
        "quantile": lambda: np.quantile([v for v, _ in there], 0.3, weights=[b for _, b in there],
                                        method="inverted_cdf"),
        "mode": lambda: max(sorted({v for v, _ in there}), key=lambda one: sum(b for v, b in there if v == one))}
    return float(rules[reducer]())


@pytest.mark.parametrize("weights", [WHOLE, PARTS], ids=["whole", "parts"])
@pytest.mark.parametrize("reducer", WEIGHTED)
def test_weighted_values(reducer: str, weights: np.ndarray) -> None:
    """Of every reducer that takes weights: exact where sums are rational; windows of no weight have no value."""
    x = X % 7 if reducer == "mode" else X
    options: dict[str, Any] = {"q": 0.3} if reducer == "quantile" else {}
    found = poolcli.pool(x, reducer, weights=weights, size=2, dtype="float64", **options).reshape(-1)
    exact = reducer in ("avg", "blur", "sum", "var", "median", "quantile", "mode")
    for got, samples, each in zip(found, blocks(x).tolist(), blocks(weights).tolist(), strict=True):
        if not any(each):
            assert math.isnan(got)
            continue
        wanted = weighted(reducer, samples, [Fraction(b) for b in each])
        assert got == wanted if exact else got == pytest.approx(wanted, rel=1e-12)


FOLDED = [name for name, row in REDUCERS.items() if row.fold]
KINDS: list[tuple[str, Any]] = [("mask", MASK), ("weights", WHOLE.astype(np.uint8)), ("weights", WHOLE * 1e9),
                                ("weights", (PARTS / 3).astype(np.float32)), ("weights", PARTS / 3)]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "uint64", "float32", "float64"])
@pytest.mark.parametrize("reducer", FOLDED)
def test_folds_of_masks_and_weights_are_the_general_kernel(reducer: str, dtype: str,
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit of integers with whole weights; elsewhere but for rounding."""
    x = X.astype(dtype) * np.array({"uint64": 2**62 // 60, "int32": 2**24 + 1}.get(dtype, 1), dtype)
    found = {}
    for folds in (True, False):
        if not folds:
            monkeypatch.setattr("poolcli.engine.run.FOLD_CHOICE", lambda task: None)
            pooling.cache_clear()
        for i, (name, given) in enumerate(KINDS):
            for options in (WINDOWS if REDUCERS[reducer].weighted_core or name == "mask" else []):
                for result in (None, "int32", "float32"):
                    found[folds, i, str(options), result] = poolcli.pool(
                        x, reducer, nodata=0, dtype=result, **{name: given}, **options)
    for (folds, i, options, result), values in found.items():
        if folds:
            wanted = found[False, i, options, result]
            assert values.dtype == wanted.dtype
            exact = values.dtype.kind != "f" or (i < 3 and dtype[0] != "f" and reducer in ("avg", "sum", "var", "max"))
            if result is None and exact:
                assert np.array_equal(values, wanted, equal_nan=values.dtype.kind == "f")
            else:
                np.testing.assert_allclose(values.astype(float), wanted.astype(float), atol=result == "int32",
                                           rtol=3e-7 if "float32" in (dtype, result) else 1e-13)


TILED = [(name, dtype) for name, row in REDUCERS.items() if row.weighted_core in WEIGHTED_LANE_CORES
         for dtype in ("uint8", "int16", "uint32", "float32", "float64")]


@pytest.mark.parametrize(("reducer", "dtype"), TILED)
def test_windows_with_weights_side_by_side_are_the_general_kernel(reducer: str, dtype: str,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit where that is promised; weights of sums that round show which of two samples it is."""
    rng = np.random.default_rng(4)
    x = (rng.integers(1, 9, (6, 17, 3)) * (0.1 if dtype[0] == "f" else 1)).astype(dtype)
    if dtype[0] == "f":
        x[2, 3:5], x[4, 12, 0], x[0, 15, 0] = np.nan, np.inf, -np.inf
    weights = rng.integers(0, 4, (6, 17)) / 10
    weights[2, 3] = 0
    given: list[dict[str, Any]] = [{"weights": kind} for kind in (weights, weights.astype(np.float32), weights * 10)]
    given += [{"weights": weights, "nan": "ignore", "nodata": x.flat[0]}, {"weights": weights, "mask": weights != 0.2}]
    given += [{"weights": weights, "dtype": "int16", "nodata": 3, "nan": "ignore"}]
    found = []
    for tiles in (True, False):
        if not tiles:
            monkeypatch.setattr("poolcli.engine.run.PART_CHOICES", ())
            pooling.cache_clear()
        with nullcontext() if dtype == "int16" else jit.run_plain():
            found.append([poolcli.pool(x[:, :, : 1 + 2 * (i % 3 == 0)], reducer, layout="HWc", **WINDOWS[i % 4],
                                       **{"nodata": 0, **each})
                          for i, each in enumerate((*given, *given[::-1]))])
    for got, wanted in zip(*found, strict=True):
        assert got.dtype == wanted.dtype
        if reducer in ("lse", "soft") and got.dtype.kind == "f":
            np.testing.assert_allclose(got, wanted, rtol=3e-7 if got.dtype == np.float32 else 1e-13)
        else:
            assert np.array_equal(got, wanted, equal_nan=got.dtype.kind == "f")


@pytest.mark.parametrize("reducer", ["var", "std"])
def test_equal_integers_do_not_vary(reducer: str) -> None:
    """At all, whatever their weights; of others the result is the nearest double of the exact one."""
    weights = RNG.random((40, 9)) * 10.0 ** RNG.integers(-9, 9, (40, 1))
    x = np.repeat(RNG.integers(-2**31, 2**31, (40, 1)), 9, 1).astype(np.int32)
    assert not poolcli.pool(x, reducer, weights=weights, size=(1, 9)).any()
    x[:, 4] //= 3
    found = poolcli.pool(x, reducer, weights=weights, size=(1, 9))[:, 0].tolist()
    for got, samples, each in zip(found, x.tolist(), weights.tolist(), strict=True):
        wanted = weighted(reducer, samples, [Fraction(b) for b in each])
        assert got == (wanted if reducer == "var" else pytest.approx(wanted, rel=3e-16))


def test_windows_without_samples_give_the_nodata_value_in_floats_too() -> None:
    """Where it stands for missing ones, as in files: by every kernel."""
    x = X.astype(np.float32)
    x[:2, :2] = -1
    for reducer in ("lse", "soft", "avg", "median"):
        base = pooling.parse_pooling(reducer, size=2, nodata=-1)
        found = dataclasses.replace(base, fills_nodata=True).run(x, base.plan(x.shape)).values
        assert found[0, 0] == -1 and (found.ravel()[1:] >= 0).all()


def test_a_mask_over_many_windows_is_nan_that_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """By each of the fold kernels that large arrays are for."""
    monkeypatch.setattr("poolcli.drivers.fold.fold_driver.LARGE", 1)
    x = RNG.integers(0, 256, (20, 30)).astype(np.uint8)
    mask = RNG.random(x.shape) < 0.5
    hidden = np.where(mask, x, np.nan)
    for options in ({"size": 2}, {"size": 5, "stride": 1}, {"size": 13, "stride": 1}, {"adaptive": 12},
                    {"size": (1, 30)}):
        for reducer in ("max", "avg"):
            found = poolcli.pool(x, reducer, mask=mask, dtype="float64", **options)
            assert np.array_equal(found, poolcli.pool(hidden, reducer, nan="ignore", **options), equal_nan=True)


def test_weighted_averages_of_integers_are_rounded_once() -> None:
    """From the exact value, into the integers' own dtype; and of 64 bits nothing is lost."""
    assert poolcli.pool(np.array([1, 2], np.uint8), "avg", weights=[1, 1], size=2, dtype="uint8").tolist() == [2]
    assert poolcli.pool(np.array([1, 2], np.uint8), "avg", weights=[3, 2], size=2, dtype="uint8").tolist() == [1]
    large = np.array([2**62 + 1, 2**62 + 3], np.int64)
    assert poolcli.pool(large, "avg", weights=[1, 3], size=2, dtype="int64", round="floor").tolist() == [2**62 + 2]
    assert poolcli.pool(large, "sum", weights=[1, 0], size=2).tolist() == [2**62 + 1]
    assert poolcli.pool(X, "sum", weights=PARTS, size="all").dtype == np.float64


@pytest.mark.parametrize(("least", "wanted"), [(1, [1, 2.5, 2.75]), (2, [None, 2.5, 2.75]),
                                               ("75%", [None, None, 2.75]), ("50%", [None, 2.5, 2.75]),
                                               (3, [None, None, 2.75]), ("100 %", [None, None, 2.75])])
def test_windows_with_few_valid_samples_have_no_value(least: Any, wanted: list[float | None]) -> None:
    """A number, or a share of the samples that a window has; NaN, nodata, masks and weights of 0 all count."""
    x = np.array([1, np.nan, 7, 9, 2, 3, 99, 99, 5, 6, 0, 0])
    mask = np.array([1, 1, 1, 0] + [1] * 8)
    weights = np.array([1.0, 1, 0, 1] + [1.0] * 8)
    for tier in (policy.NUMPY, policy.KERNELS):
        with policy.use_tier(tier), jit.run_plain():
            found = poolcli.pool(x, "avg", size=4, mask=mask, weights=weights, nan="ignore", min_valid=least, nodata=99)
        assert [None if math.isnan(v) else v for v in found.tolist()] == wanted


def test_integers_without_samples_need_a_nodata_value() -> None:
    """As they do where all samples are nodata."""
    with pytest.raises(PoolError, match=r"the value at \(0, 0\) is NaN or missing, and uint8 has no place for it"):
        poolcli.pool(X, "max", mask=MASK)
    found, indices, valid = poolcli.pool(X, "max", mask=MASK, nodata=0, return_indices=True, return_valid=True)
    assert (found[0, 0], indices[0, 0], valid[0, 0]) == (0, -1, 0)


def test_masks_of_pooled_axes_go_for_every_channel_and_batch() -> None:
    """And in any layout; weights too."""
    x = RNG.random((2, 3, 6, 8))
    for name, given in (("mask", MASK), ("weights", PARTS)):
        found = poolcli.pool(x, "avg", layout="NCHW", size=2, **{name: given})
        for i, j in np.ndindex(2, 3):
            np.testing.assert_array_equal(found[i, j], poolcli.pool(x[i, j], "avg", size=2, **{name: given}))
    turned = poolcli.pool(x.transpose(2, 3, 0, 1), "avg", layout="HWNC", size=2, mask=MASK)
    wanted = poolcli.pool(x, "avg", layout="NCHW", size=2, mask=MASK)
    np.testing.assert_array_equal(turned, wanted.transpose(2, 3, 0, 1))


def test_importance_pooling_is_soft_with_weights() -> None:
    """Local importance pooling, sum x e^l / sum e^l of logits l, is soft of alpha 0 with weights e^l."""
    logits = RNG.normal(size=(6, 8))
    x = RNG.normal(size=(6, 8))
    found = poolcli.pool(x, "soft", alpha=0, weights=np.exp(logits), size=2).reshape(-1)
    wanted = (blocks(x) * np.exp(blocks(logits))).sum(1) / np.exp(blocks(logits)).sum(1)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_xarray_agrees() -> None:
    """Its ``weighted`` over a whole array, and ``coarsen`` with NaN left out."""
    xarray = pytest.importorskip("xarray")
    x = np.where(MASK, X, np.nan)
    array = xarray.DataArray(x, dims=("y", "x"))
    for reducer, name in (("avg", "mean"), ("sum", "sum"), ("var", "var"), ("std", "std")):
        wanted = getattr(array.weighted(xarray.DataArray(PARTS, dims=("y", "x"))), name)().item()
        got = poolcli.pool(X.astype(float), reducer, mask=MASK, weights=PARTS, size="all").item()
        assert got == pytest.approx(wanted, rel=1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of windows without a sample
        coarse = array.coarsen(y=2, x=2).mean().values
    np.testing.assert_allclose(poolcli.pool(X.astype(float), "avg", mask=MASK), coarse, rtol=1e-12)


def test_shares_are_of_samples_or_of_their_weight() -> None:
    """What ``min_valid`` compares with, against plain NumPy: window by window."""
    each = blocks(MASK.astype(float))
    _, shares = poolcli.pool(X, "max", size=2, mask=MASK, nodata=0, return_valid="share")
    np.testing.assert_array_equal(shares.reshape(-1), each.mean(1))
    _, counts = poolcli.pool(X, "max", size=2, mask=MASK, nodata=0, return_valid="number")
    np.testing.assert_array_equal(counts.reshape(-1), each.sum(1))
    for weights in (PARTS, WHOLE):
        weighed = blocks(weights.astype(float))
        with np.errstate(all="ignore"):
            wanted = np.nan_to_num((weighed * each).sum(1) / weighed.sum(1))
        found, shares = poolcli.pool(X, "avg", size=2, mask=MASK, weights=weights, min_valid="60%",
                                     return_valid="share")
        np.testing.assert_allclose(shares.reshape(-1), wanted, rtol=1e-12)
        np.testing.assert_array_equal(np.isnan(found.reshape(-1)), (wanted < 0.6) | (wanted == 0))


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "float16", "float32", "float64"])
def test_weights_of_every_dtype_are_looked_at(dtype: str) -> None:
    """-0.0 is 0; one that is negative, infinite or NaN among others is named, wherever it lies."""
    weights = np.arange(X.size).reshape(X.shape).astype(dtype)[:, ::-1]
    wrong_ones = {"f": [-1.0, -0.5, np.inf, -np.inf, np.nan], "i": [-1, -128], "u": []}
    for one in wrong_ones[weights.dtype.kind]:
        wrong = weights.copy()
        wrong[1, 3] = one
        with pytest.raises(PoolError, match=r"the one at \(1, 3\) is"):
            poolcli.pool(X, "avg", size=2, weights=wrong)
    if weights.dtype.kind == "f":
        weights = 9 * weights
        plain = poolcli.pool(X, "avg", size=2, weights=weights)
        weights[weights == 0] = -0.0
        np.testing.assert_array_equal(poolcli.pool(X, "avg", size=2, weights=weights), plain)


@pytest.mark.parametrize(("options", "said"), [
    ({"mask": MASK[:3]}, "the mask has the shape 3x8, the samples 6x8; that shape would work"),
    ({"mask": PARTS}, "a mask is of whole numbers or bool, 0 where a sample does not count, not of float64"),
    ({"reducer": "avg", "weights": WHOLE - 1}, "weights are finite and at least 0, and the one at .* is -1"),
    ({"reducer": "avg", "weights": np.full(X.shape, np.nan)}, "weights are finite and at least 0"),
    ({"reducer": "avg", "weights": WHOLE, "divisor": 2}, "divisor goes not with weights"),
    ({"reducer": "avg", "weights": WHOLE, "padding": 1, "pad_mode": "edge"}, "padding that is data has no weights"),
    ({"weights": WHOLE}, "weights mean nothing to max; those that take them: avg, sum"),
    ({"min_valid": "0%"}, "min_valid must be a whole number of samples from 1 on, or a share"),
    ({"size": 2, "min_valid": 5}, "a least of 5 valid samples is more than a window of 2x2 has; 4 or less would work"),
    ({"min_valid": 0}, "min_valid must be"), ({"min_valid": 1.5}, "min_valid must be"),
    ({"return_valid": 3}, "return_valid is True or False"),
    ({"return_valid": "part"}, "return_valid is True, False, number or share, not 'part'"),
])
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    """PoolError, with what would work."""
    with pytest.raises(PoolError, match=said):
        poolcli.pool(X, options.pop("reducer", "max"), **options)
    with pytest.raises(PoolError, match="go with arrays that are not masked themselves"):
        poolcli.pool(np.ma.MaskedArray(X), "max", mask=MASK)


@pytest.mark.parametrize("pads", [{"pad_value": np.nan}, {"pad_value": -9, "nodata": -9}])
def test_padding_that_is_missing_counts_nowhere(pads: dict[str, float]) -> None:
    """NaN that is ignored as well as nodata: in numbers of valid samples, in the least of them, and in shares."""
    x = np.array([[1, np.nan, 2], [3, 4, 5]])
    padded = np.pad(x, 1, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
    there = np.isfinite(windows).sum((2, 3))
    how: dict[str, Any] = {"size": 3, "stride": 1, "padding": 1, "pad_mode": "constant", "nan": "ignore", **pads}
    values, valid = poolcli.pool(x, "avg", return_valid=True, **how)
    assert valid.tolist() == there.tolist() and np.allclose(values, np.nanmean(windows, (2, 3)), rtol=1e-15)
    few = poolcli.pool(x, "avg", min_valid=4, **how)
    assert np.isnan(few).tolist() == (there < 4).tolist()
    shares = poolcli.fractions(x, classes=(1, 2, 3, 4, 5), **how).values
    assert np.allclose(shares.sum(-1), 1, rtol=1e-6)


def test_padding_of_nan_is_no_value_of_integers() -> None:
    """With a mask as without."""
    for more in ({}, {"mask": [[1, 0], [1, 1]]}):
        with pytest.raises(PoolError, match="pad_value nan is no int64 value"):
            poolcli.pool(np.array([[1, 2], [3, 4]]), "avg", size=3, stride=1, padding=1, pad_mode="constant",
                         pad_value=np.nan, nan="ignore", **more)
