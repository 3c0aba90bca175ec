"""Folds are put together from parts: presence, result dtype, rounding and input dtype go with every reducer that folds.

Kernels run as plain Python here, lest hundreds be compiled; ``test_quick_kernels.py`` runs them compiled.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import reference

import poolcli
from poolcli import jit, pooling
from poolcli.drivers.fold import fold_driver, fold_run
from poolcli.drivers.kernel_task import KernelChoice, KernelTask
from poolcli.engine import run
from poolcli.kernels.fold import rows, small, unrolled, wide

REDUCERS: dict[str, dict[str, Any]] = {
    "max": {}, "min": {}, "range": {}, "avg": {}, "sum": {}, "var": {}, "std": {}, "l2": {},
    "lp": {"p": 3}, "gem": {"p": 3}, "mixed": {"weight": 0.25},
    "rms": {}, "absmax": {}, "geomean": {}, "harmean": {},
}
DTYPES = ["uint8", "int16", "int32", "uint64", "float32", "float64"]
RESULTS = [None, "uint8", "uint16", "int32", "float32"]


@pytest.fixture
def folded(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Folds run on small arrays, uncompiled, and what was chosen is noted."""
    chosen: list[Any] = []

    def choose(work: KernelTask) -> KernelChoice | None:
        choice = fold_driver.choose(work)
        chosen.append(choice)
        return choice

    monkeypatch.setattr(run, "CHOICES", (choose,))
    monkeypatch.setattr(fold_driver, "LARGE", 0)
    monkeypatch.setattr(fold_run, "jit", SimpleNamespace(load=jit.interpret))
    pooling.cache_clear()
    return chosen


def sample(dtype: str, missing: dict[str, Any]) -> np.ndarray:
    """Small numbers of both signs where the dtype has them; a third are missing if any may be."""
    rng = np.random.default_rng(3)
    kind = np.dtype(dtype)
    x = rng.integers(0 if kind.kind == "u" else -9, 30, (7, 9)).astype(kind)
    if kind.kind == "f":
        x = (x + rng.integers(0, 8, x.shape) / 8).astype(kind)
    gone = np.nan if "nan" in missing else missing.get("nodata")
    return x if gone is None else np.where(rng.random(x.shape) < 0.35, kind.type(gone), x)


@pytest.mark.parametrize("result", RESULTS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_parts_go_together(reducer: str, dtype: str, result: str | None, folded: list[Any]) -> None:
    """Missing samples of either reason, any result and any input: what the oracle gives, by a fold."""
    missing: list[dict[str, Any]] = [{}, {"nodata": 7}, *([{"nan": "ignore"}] if dtype.startswith("f") else [])]
    layouts: tuple[dict[str, Any], ...] = ({"size": 3, "stride": 2, "padding": 1}, {"size": (5, 2), "stride": 1})
    for gone, windows in itertools.product(missing, layouts):
        x = sample(dtype, gone)
        options: dict[str, Any] = {**REDUCERS[reducer], **gone, **windows, **({"dtype": result} if result else {})}
        try:
            want = reference.pool(x, reducer, **options)
        except ValueError:
            continue
        reference.assert_agrees(poolcli.pool(x, reducer, **options), want, x, reducer)
        assert folded[-1] is not None


@pytest.mark.parametrize("options", [{"divisor": 5}, {"count_include_pad": True}], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
@pytest.mark.usefixtures("folded")
def test_a_divisor_stays_where_samples_are_missing(dtype: str, options: dict[str, Any]) -> None:
    """What is divided by is what was asked for, or padded windows, not how many samples there are."""
    x = sample(dtype, {"nodata": 7})
    for result in ("float64", "int32"):
        every: dict[str, Any] = {"nodata": 7, "size": 3, "stride": 2, "padding": 1, "dtype": result, **options}
        reference.assert_agrees(poolcli.pool(x, "avg", **every), reference.pool(x, "avg", **every), x, "avg")


@pytest.mark.parametrize("rounding", ["half-up", "half-even", "floor", "ceil"])
@pytest.mark.parametrize(("dtype", "result"), [
    ("uint8", "uint8"), ("uint8", "int64"), ("int16", "int8"), ("int32", "uint16"), ("uint32", "uint32"),
    ("float32", "uint8"), ("float64", "int16")])
@pytest.mark.usefixtures("folded")
def test_every_rounding_is_of_the_exact_mean(dtype: str, result: str, rounding: str) -> None:
    """Ties, means that are nearly one, and those beyond the result's range."""
    rng = np.random.default_rng(1)
    x = (rng.integers(-40, 80, (8, 60)) / (2 if dtype.startswith("f") else 1)).astype(dtype)
    for size in (1, 2, 3):
        options: dict[str, Any] = {"size": size, "stride": 1, "dtype": result, "round": rounding}
        np.testing.assert_array_equal(poolcli.pool(x, "avg", **options), reference.pool(x, "avg", **options))


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint64", "float64"])
def test_variances_of_wide_samples_are_exact(dtype: str, folded: list[Any]) -> None:
    """Samples far from 0 and near to one another: the nearest double to the exact variance, or one beside it."""
    rng = np.random.default_rng(2)
    x = (rng.integers(0, 5, (6, 40)) + (1 << 30)).astype(dtype)
    if dtype == "float64":
        x = x + rng.random(x.shape) * 1e-6
    found = poolcli.pool(x, "var", size=(3, 5), stride=1)
    for i, j in np.ndindex(found.shape):
        window = [Fraction(v.item()) for v in x[i : i + 3, j : j + 5].ravel()]
        mean = sum(window, Fraction(0)) / 15
        exact = float(sum((v - mean) ** 2 for v in window) / Fraction(15))
        assert abs(found[i, j] - exact) <= (np.spacing(exact) if dtype == "float64" else 0)
    assert folded[-1] is not None


@pytest.mark.usefixtures("folded")
def test_deviations_of_one_value_are_zero() -> None:
    """A window of equal doubles has no spread at all, wherever other samples lie."""
    x = np.full((9, 30), 0.1)
    x[4:, 20:] = np.pi * 1e9
    for reducer in ("var", "std"):
        assert not poolcli.pool(x, reducer, size=(4, 5), stride=(1, 5))[:, :3].any()


@pytest.mark.parametrize(("reducer", "options"), [
    ("lp", {"p": 7.5}), ("lp", {"p": 1.5}), ("lp", {"p": 2}), ("lp", {"p": 3}), ("gem", {"p": 2.5}), ("mixed", {})])
@pytest.mark.parametrize("scale", [1e-200, 1e-100, 1e-45, 1e38, 1e120, 1e250])
def test_powers_out_of_range_are_those_of_the_general_kernel(reducer: str, options: dict[str, Any], scale: float,
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """What squares and powers cannot hold is scaled, by falling back; infinities and NaN are what they are."""
    x = np.abs(np.random.default_rng(4).standard_normal((6, 8))) * scale
    x[0, 0], x[3, 3], x[5, 7] = np.inf, np.nan, 0.0
    want = poolcli.pool(x, reducer, size=2, **options)
    monkeypatch.setattr(run, "CHOICES", (fold_driver.choose,))
    monkeypatch.setattr(fold_run, "jit", SimpleNamespace(load=jit.interpret))
    pooling.cache_clear()
    np.testing.assert_allclose(poolcli.pool(x, reducer, size=2, **options), want, rtol=1e-13)


WIDE = [
    ({"size": (1, 20)}, (3, 50)), ({"size": "all"}, (5, 37)), ({"adaptive": (2, 3)}, (5, 40)),
    ({"size": (2, 9), "stride": (1, 9), "padding": (1, 4)}, (6, 30)), ({"size": "all", "layout": "W"}, (133,)),
    ({"size": (1, 13), "stride": (1, 10), "ceil_mode": True}, (4, 33)),
    ({"size": (3, 16), "layout": "HWC"}, (6, 50, 3)),
    ({"size": (1, 63)}, (2, 126)), ({"size": "all", "layout": "DHW"}, (3, 4, 29)), ({"fractional": (1, 9.3)}, (3, 60)),
]


@pytest.mark.parametrize(("options", "shape"), WIDE, ids=str)
@pytest.mark.parametrize("reducer", ["max", "avg", "var"])
@pytest.mark.parametrize("row", [16, 64, 1 << 14])
def test_wide_windows_are_folded_run_by_run(row: int, reducer: str, options: dict[str, Any], shape: tuple[int, ...],
                                            folded: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows shorter and longer than the scratch row, of any number of lines, clipped and of several sizes."""
    monkeypatch.setattr(fold_driver, "SHORT_WINDOW", 2)
    monkeypatch.setattr(fold_driver, "LONG_WINDOW", 2)
    monkeypatch.setattr(fold_driver, "FEW_LINES", 99)
    monkeypatch.setattr(wide, "RUN_BYTES", row)
    reasons: list[dict[str, Any]] = [{}, {"nodata": 3}]
    for dtype, missing in itertools.product(("uint8", "float32"), reasons):
        x = np.random.default_rng(5).integers(0, 40, shape).astype(dtype)
        found = poolcli.pool(x, reducer, **options, **missing)
        reference.assert_agrees(found, reference.pool(x, reducer, **options, **missing), x, reducer)
        assert folded[-1] is not None and folded[-1].spec.make is wide.make_kernel
        pooling.cache_clear()


@pytest.mark.parametrize("result", ["int32", "uint16", "float64"])
@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@pytest.mark.usefixtures("folded")
def test_variances_that_pairs_cannot_hold_fall_back(dtype: str, result: str) -> None:
    """Squares of integers beyond 2^48 are for the general kernel; windows of none but missing samples stay empty."""
    x = np.random.default_rng(6).integers(0, 2**62, (6, 8)).astype(dtype)
    x[:2, :2], x[0, 5] = 0, 0
    options: dict[str, Any] = {"size": 2, "nodata": 0, "dtype": result}
    reference.assert_agrees(poolcli.pool(x, "var", **options), reference.pool(x, "var", **options), x, "var")


@pytest.mark.parametrize(("size", "kernel"), [(5, small), (unrolled.PARTS, small), (unrolled.PARTS + 1, rows)])
@pytest.mark.parametrize("reducer", ["max", "avg"])
def test_windows_of_one_line_as_long_as_the_small_kernel_merges(folded: list[Any], reducer: str, size: int,
                                                                kernel: Any) -> None:
    """Apart from each other; a longer one would lose its last samples."""
    x = np.random.default_rng(8).integers(0, 200, 20 * size).astype(np.uint8)
    x[size - 1 :: size] = 255  # the last sample of each window
    windows = x.reshape(20, size)
    expected = windows.max(axis=1) if reducer == "max" else windows.mean(axis=1)
    assert np.array_equal(poolcli.pool(x, reducer, size=size), expected)
    assert folded[-1].spec.make is kernel.make_kernel
