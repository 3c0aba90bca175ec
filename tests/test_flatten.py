"""Windows that are one stretch of memory give what they give with all their axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli import PoolError, pool, pooling
from poolcli.drivers import policy
from poolcli.drivers.flatten import Flattened
from poolcli.engine import run

X = np.random.default_rng(6).random((3, 4, 7, 9), np.float32)
GLOBAL = {"size": "all", "layout": "NCHW"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "indices": ("max", {**GLOBAL, "return_indices": True}),
    "draws": ("stochastic", {**GLOBAL, "seed": 3}),
    "rows that overlap": ("lse", {"size": (3, "all"), "stride": (2, 9), "layout": "NCHW"}),
}


@pytest.mark.parametrize("name", CASES)
def test_tiles_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with all axes, to the last bit."""
    reducer, options = CASES[name]
    with policy.use_tier(policy.KERNELS):
        pooling.cache_clear()
        flat = pool(X, reducer, **options)
        monkeypatch.setattr(run, "flatten", lambda work: None)
        pooling.cache_clear()
        np.testing.assert_array_equal(flat, pool(X, reducer, **options))
        pooling.cache_clear()


def test_folds_give_what_numpy_gives() -> None:
    """Planes, also of pixels with channels, strips, and samples that are missing."""
    x = X.copy()
    x[1, 2, 3:, 4] = np.nan
    with policy.use_tier(policy.KERNELS):
        np.testing.assert_allclose(pool(X, "avg", **GLOBAL), X.mean((2, 3), keepdims=True), rtol=1e-6)
        strips = pool(X, "avg", size=(1, 7, 9), layout="NDHW")
        np.testing.assert_allclose(strips, X.mean((2, 3), keepdims=True), rtol=1e-6)
        pixels = pool(X, "max", size="all", layout="DHWC")
        np.testing.assert_array_equal(pixels, X.max((0, 1, 2), keepdims=True))
        np.testing.assert_array_equal(pool(x, "max", nan="ignore", **GLOBAL), np.nanmax(x, (2, 3), keepdims=True))


@pytest.mark.parametrize("shape", [(5, 3, 5, 5), (1, 2, 9, 15), (2, 2, 40, 41)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_windows_of_every_length(shape: tuple[int, ...], dtype: str) -> None:
    """A few samples stay in registers, many are merged in runs."""
    x = np.random.default_rng(7).integers(0, 100, shape).astype(dtype)
    with policy.use_tier(policy.KERNELS):
        for reducer in ("max", "sum"):
            settled = pooling.parse_pooling(reducer, **GLOBAL)
            assert isinstance(settled.prepare(settled.plan(shape), x.dtype, False).choice, Flattened)
            expected = getattr(np, reducer)(x, axis=(2, 3), keepdims=True)
            np.testing.assert_array_equal(pool(x, reducer, **GLOBAL), expected)


def test_the_place_of_an_error_has_all_axes() -> None:
    """The window is named by the result that the user knows."""
    x = X.copy()
    x[1, 2] = np.nan
    with policy.use_tier(policy.KERNELS), pytest.raises(PoolError, match=r"\(1, 2, 0, 0\)"):
        pool(x, "max", dtype=np.uint8, **GLOBAL)
