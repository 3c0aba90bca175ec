"""Windows that are one stretch of memory give what they give with all their axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from poolcli import PoolError, pool, pooling
from poolcli.core.boxes import input_box, subplan
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
        monkeypatch.setattr(run, "flatten", lambda task: None)
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


PARTS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "rows that overlap, the last clipped": (
        (4, 5, 3, 4), {"size": 3, "stride": 2, "ceil_mode": True, "layout": "DHWC"}),
    "planes": ((3, 4, 7, 9), GLOBAL),
    "blocks of rows": ((2, 12, 9), {"size": (3, 9), "layout": "NHW"}),
    "blocks of planes": ((8, 6, 5), {"size": (2, 6, 5), "layout": "DHW"}),
    "a plane of many samples": ((2, 2, 40, 41), GLOBAL),
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("reducer", ["lse", "soft", "gem", "max", "avg", "var"])
def test_parts_are_flattened_as_the_whole_is(reducer: str, name: str) -> None:
    """Each output alone, and all but the first along each axis, to the last bit."""
    shape, options = PARTS[name]
    x = np.random.default_rng(8).random(shape, np.float32)
    with policy.use_tier(policy.KERNELS):
        pooling.cache_clear()
        prepared = pooling.parse_pooling(reducer, **options)
        plan = prepared.plan(shape)
        whole = prepared.run(x, plan).values
        boxes = [tuple((i, i + 1) for i in cell) for cell in np.ndindex(whole.shape)]
        boxes += [tuple((min(1, n - 1), n) if axis == cut else (0, n) for axis, n in enumerate(whole.shape))
                  for cut in range(whole.ndim)]
        for box in boxes:
            inputs = input_box(plan, box)
            alone, part = subplan(plan, box, inputs)
            found = prepared.run(x[tuple(slice(*ends) for ends in inputs)], alone, part=part).values
            np.testing.assert_array_equal(found, whole[tuple(slice(*ends) for ends in box)])
        pooling.cache_clear()
