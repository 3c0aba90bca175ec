"""The NumPy tier gives what the kernels give, and the policy lets it work until a kernel is worth compiling."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference

import poolcli
from poolcli import jit, pooling
from poolcli.core.reducers import REDUCERS
from poolcli.drivers import policy
from poolcli.engine import numpy_tier

WINDOWS: list[dict[str, Any]] = [
    {"size": 2},
    {"size": 3, "stride": 2, "padding": 1},
    {"size": 3, "stride": 2, "ceil_mode": True},
    {"size": 2, "stride": 1, "dilation": 2},
    {"size": 5, "stride": 1, "padding": "same"},
    {"size": 9, "stride": 1, "padding": 4},
    {"size": "all"},
    {"adaptive": 3},
    {"fractional": 1.4, "seed": 3},
]
VALUES: list[dict[str, Any]] = [
    {},
    {"nan": "ignore"},
    {"nodata": 3},
    {"dtype": "uint8", "round": "half-up"},
    {"dtype": "int16", "round": "half-even", "nodata": 3},
    {"dtype": "int64", "round": "floor"},
    {"dtype": "float32", "round": "ceil"},
]
STEP = 9
"""Every so many pairs of windows and values are tried for one reducer and dtype; all of them for some."""
DTYPES = ["bool", "uint8", "int8", "uint16", "int32", "int64", "uint64", "float16", "float32", "float64"]


@pytest.fixture(autouse=True)
def numpy_only() -> Iterator[None]:
    """NumPy does all that it can."""
    with policy.use_tier(policy.NUMPY):
        yield


def noise(dtype: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Small numbers with ties, and for floats a NaN and an infinity in some arrays."""
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=shape) * 40).astype(dtype)
    if dtype.startswith("float") and seed % 3 == 0:
        x[rng.random(shape) < 0.1] = np.nan
    if dtype.startswith("float") and seed % 5 == 0:
        x[rng.random(shape) < 0.05] = np.inf
    return x


@pytest.mark.parametrize("reducer", numpy_tier.COMPUTE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_those_of_the_oracle(reducer: str, dtype: str) -> None:
    """Every window and every way to treat values, against plain Python in exact arithmetic."""
    start = (list(numpy_tier.COMPUTE).index(reducer) + DTYPES.index(dtype)) % STEP
    for seed, (windows, values) in enumerate(itertools.islice(itertools.product(WINDOWS, VALUES), start, None, STEP)):
        if dtype == "bool" and "nodata" in values:
            continue
        roots = REDUCERS[reducer].error_model in ("power", "deviation")
        if roots and dtype == "uint64" and values.get("dtype") == "int64":
            continue  # their roots are doubles, which are not whole numbers to the last digit beyond 2^53
        x = noise(dtype, (8, 7, 2) if seed % 2 else (9, 10), seed)
        options = windows | values | {"layout": "HWC" if seed % 2 else "HW"}
        try:
            expected = reference.pool(x, reducer, **options)
        except Exception:
            with pytest.raises(poolcli.PoolError):
                poolcli.pool(x, reducer, **options)
            continue
        reference.assert_agrees(poolcli.pool(x, reducer, **options), expected, x, reducer)


@pytest.mark.parametrize("reducer", numpy_tier.COMPUTE)
def test_results_are_those_of_the_kernels(reducer: str) -> None:
    """To the last bit, on arrays of several blocks, for each dtype."""
    for seed, dtype in enumerate(["uint8", "float32"]):
        x = noise(dtype, (71, 97, 3), seed + 1)
        for options in ({"size": 3, "stride": 1, "padding": "same"}, {"size": 8}, {"adaptive": 5}):
            by_numpy = poolcli.pool(x, reducer, layout="HWC", **options)
            with policy.use_tier(policy.KERNELS):
                pooling.cache_clear()
                by_kernels = poolcli.pool(x, reducer, layout="HWC", **options)
            np.testing.assert_array_equal(by_numpy, by_kernels)
            assert by_numpy.dtype == by_kernels.dtype


@pytest.fixture
def nothing_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that is asked for is a failure, compiled or plain."""
    def refuse(spec: jit.KernelSpec) -> None:
        pytest.fail(f"asks for {spec.make.__name__}")

    monkeypatch.setattr(jit, "load", refuse)


@pytest.mark.parametrize("reducer", ["max", "min", "range", "count", "sum", "avg"])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32", "float64"])
def test_masks_hide_samples_without_a_kernel(reducer: str, dtype: str, nothing_compiles: None) -> None:
    """They are what nodata or an ignored NaN is to the oracle."""
    for seed, windows in enumerate(WINDOWS):
        x = noise(dtype, (9, 10), 1) if dtype.startswith("float") else abs(noise("int16", (9, 10), 1)).astype(dtype)
        mask = np.random.default_rng(seed).random(x.shape) < 0.4
        missing = {"nan": "ignore"} if x.dtype.kind == "f" else {"nodata": 120}
        marked = np.where(mask, x, x.dtype.type(missing.get("nodata", np.nan)))
        expected = reference.pool(marked, reducer, **windows, **missing)
        found = poolcli.pool(x, reducer, mask=mask, **windows, nodata=missing.get("nodata"))
        reference.assert_agrees(found, expected, x, reducer)


@pytest.mark.parametrize("dtype", ["uint8", "int32"])
@pytest.mark.parametrize("result", ["uint8", "float64", None])
def test_whole_weights_need_no_kernel(dtype: str, result: str | None, nothing_compiles: None) -> None:
    """Weighted sums and means of integers, each rounded once."""
    rng = np.random.default_rng(5)
    x, weights = rng.integers(0, 99, (9, 11)).astype(dtype), rng.integers(0, 300, (9, 11))
    weights[2:5, 2:5] = 0
    for reducer, size, stride in (("avg", 2, 2), ("avg", 3, 2), ("sum", 3, 1)):
        found = poolcli.pool(x, reducer, weights=weights, size=size, stride=stride, dtype=result, nodata=255)
        for at in np.ndindex(*found.shape):
            place = tuple(slice(stride * i, stride * i + size) for i in at)
            total = sum(int(a) * int(b) for a, b in zip(x[place].flat, weights[place].flat, strict=True))
            divisor = int(weights[place].sum()) if reducer == "avg" else 1
            exact = Fraction(total, divisor) if divisor and weights[place].any() else None
            wanted: float = float(exact) if exact is not None else 255 if found.dtype.kind != "f" else math.nan
            if exact is not None and found.dtype.kind != "f":
                wanted = min(math.floor(exact + Fraction(1, 2)), np.iinfo(found.dtype).max)
            np.testing.assert_equal(float(found[at]), wanted)


def test_an_empty_window_of_a_mask_has_its_place_in_the_message(nothing_compiles: None) -> None:
    """Integers without a nodata value have nothing for it."""
    mask = np.ones((4, 6), bool)
    mask[2:, 4:] = False
    with pytest.raises(poolcli.PoolError, match=r"value at \(1, 2\) is NaN or missing"):
        poolcli.pool(np.zeros((4, 6), np.uint8), "max", size=2, mask=mask)


@pytest.mark.parametrize("q", [0.1, 1 / 3, 0.9, 0.999])
def test_points_between_two_ranks_are_rounded_once(q: float, nothing_compiles: None) -> None:
    """Quantiles of integers and floats, by every rounding, against exact arithmetic."""
    for seed, (dtype, values) in enumerate(itertools.product(["uint8", "int16", "float32", "float64"], [
            {}, {"dtype": "int32", "round": "half-up"}, {"dtype": "int32", "round": "half-even"},
            {"dtype": "int32", "round": "floor"}, {"dtype": "uint8", "round": "ceil"}, {"dtype": "float64"}])):
        x = (np.random.default_rng(seed).normal(size=(9, 10)) * 60).astype(dtype)
        options = {"size": 3, "stride": 2, "q": q, **values}
        reference.assert_agrees(poolcli.pool(x, "quantile", **options), reference.pool(x, "quantile", **options), x,
                                "quantile")


def test_sums_that_overflow_are_for_a_kernel() -> None:
    """The mean of two samples of 1.7e308 is one of them, though their sum is infinite."""
    x = np.full((4, 4), 1.7e308)
    np.testing.assert_array_equal(poolcli.pool(x, "avg", size=2), x[::2, ::2])


def test_means_too_large_to_be_split_are_for_a_kernel() -> None:
    """Beyond 2^996 a double times 2^27 is infinite, though the sum of four samples is not."""
    x = np.ldexp(np.random.default_rng(3).normal(size=(9, 9)), 1020)
    expected = reference.pool(x, "avg", size=2, stride=1)
    np.testing.assert_array_equal(poolcli.pool(x, "avg", size=2, stride=1), expected)


def test_every_table_row_is_a_reducer() -> None:
    """COMPUTE speaks of reducers that exist."""
    assert not set(numpy_tier.COMPUTE) - set(REDUCERS)


# The policy.


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[jit.KernelSpec]]:
    """No kernel is ready, and those that are asked for are noted."""
    asked: list[jit.KernelSpec] = []
    load = jit.load
    monkeypatch.setattr(jit, "is_available", lambda spec: spec in asked)
    monkeypatch.setattr(jit, "load", lambda spec: asked.append(spec) or load(spec))
    policy.forget()
    with policy.use_tier(policy.AUTO):
        yield asked
    policy.forget()


def test_small_work_compiles_nothing(nothing_compiled: list[jit.KernelSpec]) -> None:
    """The first small picture of a new user waits for no compiler."""
    for reducer in numpy_tier.COMPUTE:
        poolcli.pool(np.zeros((40, 40), np.uint8), reducer, size=3, stride=1, padding="same")
    assert nothing_compiled == []


TINY: list[dict[str, Any]] = [{"size": 2}, {"size": 3, "stride": 1, "padding": 1}, {"size": "all"}, {"adaptive": 3}]


@pytest.mark.parametrize("reducer", REDUCERS)
def test_tiny_arrays_compile_nothing(reducer: str, nothing_compiled: list[jit.KernelSpec],
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even of the reducers that NumPy does not know, nor with missing samples, infinities or indices."""
    def refuse(spec: jit.KernelSpec) -> None:
        pytest.fail(f"compiles {spec.make.__name__}")

    monkeypatch.setattr(jit, "_get_compiled", refuse)
    monkeypatch.setattr(jit, "_is_ready", lambda spec: False)
    row = REDUCERS[reducer]
    for (seed, windows), missing in itertools.product(enumerate(TINY), ({}, {"nan": "ignore"}, {"nodata": 3})):
        x = abs(noise("float32" if "nan" in missing or seed % 2 else "uint8", (6, 7), 15)) + 1
        if x.dtype.kind == "f" and not missing:
            x[3, 4] = np.nan
        options = {**windows, **missing, "return_indices": row.picks and seed == 1}
        found = poolcli.pool(x, reducer, **options)
        nothing_compiled.clear()  # so that no kernel counts as ready, nor as paid for
        policy.forget()
        if not options["return_indices"] and not row.draws:
            reference.assert_agrees(found, reference.pool(x, reducer, **windows, **missing), x, reducer)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("missing", [{}, {"nan": "ignore"}])
def test_infinities_and_nans_are_summed_at_once(dtype: str, missing: dict[str, Any]) -> None:
    """Sums and means of windows with infinities and NaNs are NumPy's too, and every other window keeps its last bit."""
    x = noise(dtype, (40, 30), 15)
    x[0, :5], x[1, :3] = -0.0, [np.inf, -np.inf, 1.0]
    for reducer in ("sum", "avg"):
        plan = pooling.prepare_cached(x, reducer, {"size": 3, "stride": 1, **missing}, False)[1]
        found = plan.run(x).values
        assert plan.choice.numpy is not None  # type: ignore[union-attr]  # it has not declined
        reference.assert_agrees(found, reference.pool(x, reducer, size=3, stride=1, **missing), x, reducer)


def test_much_work_is_worth_a_kernel(nothing_compiled: list[jit.KernelSpec],
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many milliseconds of NumPy's, the kernel is compiled; and used from then on."""
    x = np.zeros((40, 40), np.uint8)
    poolcli.pool(x, "max", size=2)
    assert not nothing_compiled
    monkeypatch.setattr(policy, "COMPILE_AFTER", 0.0)
    poolcli.pool(x, "max", size=2)
    assert nothing_compiled
    assert not pooling.prepare_cached(x, "max", {"size": 2}, False)[1].choice.pays()  # type: ignore[union-attr]


def test_a_long_call_compiles_at_once(nothing_compiled: list[jit.KernelSpec],
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """What NumPy would take long for is not begun with it."""
    monkeypatch.setattr(policy, "COMPILE_NOW", 0.0)
    poolcli.pool(np.zeros((40, 40), np.uint8), "max", size=2)
    assert nothing_compiled


def test_the_environment_may_ask_for_kernels(nothing_compiled: list[jit.KernelSpec],
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """POOLCLI_COMPILE=always is for those who measure kernels."""
    monkeypatch.setenv("POOLCLI_COMPILE", "always")
    poolcli.pool(np.zeros((40, 40), np.uint8), "max", size=2)
    assert nothing_compiled


def _share(at: int, ratio: Fraction, sample: int) -> Fraction:
    """How much of a sample lies in the window of a number."""
    return max(Fraction(0), min((at + 1) * ratio, Fraction(sample + 1)) - max(at * ratio, Fraction(sample)))


@pytest.mark.parametrize("reducer", ["avg", "sum"])
@pytest.mark.parametrize("options", [{}, {"nodata": 3}, {"dtype": "int64", "round": "half-even"}])
def test_areas_of_integers_need_no_kernel(reducer: str, options: dict[str, Any], nothing_compiles: None) -> None:
    """Samples count by the part of them that lies in a window, as exact fractions have it."""
    ratios = Fraction(5, 2), Fraction(8, 3)
    x = np.random.default_rng(2).integers(-9, 9, (13, 17)).astype("int16")
    x[:3, :3] = 3
    found = poolcli.pool(x, reducer, scale=ratios, **options)
    assert found.shape == (5, 6)
    for at in np.ndindex(*found.shape):
        shares = {place: _share(at[0], ratios[0], place[0]) * _share(at[1], ratios[1], place[1])
                  for place in np.ndindex(*x.shape) if int(x[place]) != options.get("nodata")}
        weight = sum(shares.values())
        if not weight:
            wanted: float = 3 if found.dtype.kind != "f" else math.nan
        else:
            exact = sum(share * int(x[place]) for place, share in shares.items()) / (1 if reducer == "sum" else weight)
            wanted = round(exact) if "round" in options else math.floor(exact + Fraction(1, 2))
            wanted = wanted if found.dtype.kind != "f" else float(exact)
        np.testing.assert_equal(float(found[at]), wanted)


@pytest.mark.parametrize("reducer", ["avg", "sum"])
def test_areas_in_blocks_are_those_of_the_kernels(reducer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block's windows begin within samples just as those of the whole."""
    monkeypatch.setattr(numpy_tier, "_BLOCK_SAMPLES", 1 << 9)
    x = noise("uint8", (71, 97, 3), 1)
    found = poolcli.pool(x, reducer, layout="HWC", area=(31, 40), nodata=7)
    with policy.use_tier(policy.KERNELS):
        np.testing.assert_array_equal(found, poolcli.pool(x, reducer, layout="HWC", area=(31, 40), nodata=7))
