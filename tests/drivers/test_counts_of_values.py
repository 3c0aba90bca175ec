"""Numbers of values and their entropies by every kernel that serves them, against NumPy's ``unique``."""

from __future__ import annotations

import numpy as np
import pytest

import poolcli

RNG = np.random.default_rng(3)
WINDOWS = [{"size": 2, "stride": 1}, {"size": 23, "stride": 1}, {"size": 24}, {"size": 5, "stride": 2, "padding": 2}]
"""By lanes, sliding, counted at once, and at borders."""


def made(dtype: str) -> np.ndarray:
    """Few values, some of them NaN in floats."""
    x = RNG.integers(0, 6, (25, 26)).astype(dtype)
    if x.dtype.kind == "f":
        x[RNG.random(x.shape) < 0.05] = np.nan
    return x


def expected(x: np.ndarray, windows: dict[str, int], missing: float | None) -> tuple[np.ndarray, ...]:
    """Count, distinct and entropy window by window."""
    size, stride, pad = windows["size"], windows.get("stride", windows["size"]), windows.get("padding", 0)
    found: list[list[float]] = [[], [], []]
    starts = [range(-pad, n + pad - size + 1, stride) for n in x.shape]
    for i in starts[0]:
        for j in starts[1]:
            part = x[max(i, 0) : i + size, max(j, 0) : j + size].ravel()
            part = part[part != missing] if missing is not None else part
            _, counts = np.unique(part, return_counts=True)
            p = counts / counts.sum()
            nan = part.size == 0 or (part.dtype.kind == "f" and bool(np.isnan(part).any()))
            for row, value in zip(found, (part.size, counts.size, np.nan if nan else abs((p * np.log(p)).sum())),
                                  strict=True):
                row.append(value)
    shape = tuple(len(one) for one in starts)
    return tuple(np.array(row).reshape(shape) for row in found)


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize(("dtype", "missing"), [("uint8", None), ("int16", 2), ("int64", 2), ("float32", None)])
def test_all_kernels_count_as_numpy_does(dtype: str, missing: int | None, windows: dict[str, int]) -> None:
    """NaN is one value of ``distinct`` and a sample of ``count``; it wins in ``entropy``."""
    x = made(dtype)
    count, distinct, entropy = expected(x, windows, missing)
    np.testing.assert_array_equal(poolcli.pool(x, "count", nodata=missing, **windows), count)
    np.testing.assert_array_equal(poolcli.pool(x, "distinct", nodata=missing, **windows), distinct)
    found = poolcli.pool(x, "entropy", nodata=missing, **windows)
    np.testing.assert_allclose(found, entropy, rtol=1e-6 if dtype == "float32" else 1e-13, atol=1e-14)


def test_large_windows_have_kernels_of_their_own() -> None:
    """None of them falls to the general kernel, where large ones sort."""
    from poolcli.drivers import counting_driver, sliding_driver
    from poolcli.pooling import parse_pooling

    for reducer in ("distinct", "entropy"):
        for windows, wanted in (({"size": 31, "stride": 1}, sliding_driver.SlidingChoice),
                                ({"size": 31}, counting_driver._CountingChoice)):
            pooling = parse_pooling(reducer, **windows)  # type: ignore[arg-type]
            chosen = pooling.prepare(pooling.plan((310, 310)), np.dtype(np.float32)).choice
            assert isinstance(getattr(chosen, "kernel", chosen), wanted)


@pytest.mark.parametrize("reducer", ["distinct", "entropy"])
def test_small_integers_are_counted(reducer: str) -> None:
    """By one kernel, overlapping or not, unless NumPy counts large windows."""
    from poolcli.drivers import value_counts_driver
    from poolcli.pooling import parse_pooling

    for windows in ({"size": 31, "stride": 1}, {"size": 12}):
        pooling = parse_pooling(reducer, **windows)  # type: ignore[arg-type]
        chosen = pooling.prepare(pooling.plan((310, 310)), np.dtype(np.int16)).choice
        assert isinstance(getattr(chosen, "kernel", chosen), value_counts_driver.ValueCountsChoice)


@pytest.mark.parametrize(("reducer", "dtype"), [("distinct", "int32"), ("distinct", "uint8"), ("entropy", "int8"),
                                                ("entropy", "uint16")])
def test_few_samples_are_put_in_order(reducer: str, dtype: str) -> None:
    """By the network kernel, to the bit what counts of values tell: borders, missing samples, the base and channels."""
    from poolcli.drivers import network_driver, value_counts_driver
    from poolcli.engine import run
    from poolcli.pooling import parse_pooling

    x = RNG.integers(0, 5, (13, 29, 3)).astype(dtype)
    base = {"base": 2} if reducer == "entropy" else {}
    for windows in ({"size": 3, "stride": 1, "padding": 1}, {"size": 2}, {"size": (5, 2), "stride": (1, 2)},
                    {"adaptive": (7, 15)}):
        for nodata in (None, 3):
            pooling = parse_pooling(reducer, layout="HWC", nodata=nodata, **windows, **base)  # type: ignore[arg-type]
            settled = pooling.prepare(pooling.plan(x.shape), x.dtype)
            assert isinstance(network_driver.choose(settled.work), network_driver.NetworkChoice)
            found = poolcli.pool(x, reducer, layout="HWC", nodata=nodata, **windows, **base)  # type: ignore[call-overload]
            by_counts = parse_pooling(reducer, layout="HWC", nodata=nodata, **windows, **base)  # type: ignore[arg-type]
            small = x.astype(np.int16)  # wider numbers have no counts of each value
            other = by_counts.prepare(by_counts.plan(x.shape), small.dtype)
            choice = value_counts_driver.choose(other.work)
            expected, _ = run.run_task(other.on(small), None, choice)
            np.testing.assert_array_equal(found.ravel(), expected.ravel())


def test_keys_tell_apart_what_runs_a_window_has() -> None:
    """No two ways to have up to MOST_KEYED samples in runs have one key; of more samples some have."""
    from poolcli.drivers.value_counts_driver import _split_samples
    from poolcli.kernels.network import interpreter

    def keys(n: int) -> list[int]:
        steps = np.cumsum([0, *(interpreter.step_key(run) for run in range(1, n + 1))])
        return [int(steps[list(runs)].sum()) % interpreter.KEYS for runs in _split_samples(n, n)]

    most = interpreter.MOST_KEYED
    assert all(len(set(keys(n))) == len(keys(n)) for n in range(1, most + 1))
    assert len(set(keys(most + 1))) < len(keys(most + 1))


def test_entropies_of_large_windows_are_precise() -> None:
    """One sample unlike the others: log n - (n - 1) / n log(n - 1) is (1 + log n) / n, almost."""
    x = np.zeros((101, 102), np.uint8)
    x[50, 50] = 255
    n = np.longdouble(100 * 100)
    wanted = (n * np.log(n) - (n - 1) * np.log(n - 1)) / n
    found = poolcli.pool(x, "entropy", size=100, stride=1)
    np.testing.assert_allclose(found, float(wanted), rtol=1e-14)


def test_the_core_takes_all_nan_for_one_value() -> None:
    """Where no faster kernel serves."""
    from poolcli.kernels.general import Window
    from poolcli.kernels.order_statistics import distinct

    x = np.array([2.0, np.nan, 2.0, np.nan, 1.0])
    assert distinct(Window(x, 0, 5, 5, x, 0.0, x, np.empty(5))) == (3.0, 0.0)


def test_a_window_of_missing_samples_has_0_of_them() -> None:
    """Whatever the dtype, and without a nodata value for the result."""
    x = np.array([[np.nan, np.nan, 1.0, 1.0]])
    assert poolcli.pool(x, "count", size=(1, 2), nan="ignore").tolist() == [[0, 2]]
    assert poolcli.pool(x, "distinct", size=(1, 2), nan="ignore").tolist() == [[0, 1]]
    assert np.isnan(poolcli.pool(x, "entropy", size=(1, 2), nan="ignore")[0, 0])
    assert poolcli.pool(np.full((2, 2), 7, np.uint8), "count", size=2, nodata=7).tolist() == [[0]]


def test_entropy_in_bits() -> None:
    """Of two equal shares one bit, of four two; of one value exactly 0."""
    x = np.array([[0, 1, 0, 1, 5, 5, 5, 5, 1, 2, 3, 4]], np.uint8)
    found = poolcli.pool(x, "entropy", size=(1, 4), base=2)
    np.testing.assert_allclose(found, [[1, 0, 2]], rtol=1e-15)
    assert found[0, 1] == 0
    with pytest.raises(poolcli.PoolError, match="base must be > 1"):
        poolcli.pool(x, "entropy", base=1)


def test_gradient_of_count_is_0() -> None:
    """No value has to do with it; the others have none."""
    assert not poolcli.grad(np.ones((4, 4)), "count").any()
    with pytest.raises(poolcli.PoolError, match="gradient of distinct is not known"):
        poolcli.grad(np.ones((4, 4)), "distinct")
