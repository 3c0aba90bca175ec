"""The NumPy tier gives what the kernels give, and the policy lets it work until a kernel is worth compiling."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
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
