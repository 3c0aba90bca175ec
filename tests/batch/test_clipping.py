"""Results that are clipped by an integer type are counted, exactly and at little cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from poolcli import pooling
from poolcli.batch import clipping
from poolcli.core.reducers import REDUCERS

Array = Any
RNG = np.random.default_rng(12)
BYTES = RNG.integers(0, 256, (64, 48), np.uint8)
CASES = [(BYTES, "uint8"), (RNG.integers(-500, 500, (20, 30), np.int16), "int8"),
         (RNG.integers(-600, 600, (20, 30)) / 4, "uint8")]


def windows(x: Array, k: int) -> Array:
    """The samples of k by k windows side by side, on a last axis, as exact whole numbers or as doubles."""
    h, w = x.shape[0] // k, x.shape[1] // k
    wide = x.astype(np.float64 if x.dtype.kind == "f" else object)
    return wide[: h * k, : w * k].reshape(h, k, w, k).transpose(0, 2, 1, 3).reshape(h, w, k * k)


ORACLES: dict[str, Callable[[Array], Array]] = {
    "sum": lambda x: x.sum(-1),
    "var": lambda x: x.astype(np.float64).var(-1),
    "range": lambda x: x.max(-1) - x.min(-1),
}
ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "half-up": lambda v: np.floor(v + 0.5), "half-even": np.rint, "floor": np.floor, "ceil": np.ceil}


def counter_of(x: Array, reducer: str, k: int = 2, **options: Any) -> clipping.ClipCounter:
    """Count what pooling an array clips."""
    asked = pooling.parse_pooling(reducer, size=k, **options)
    plan = asked.plan(x.shape)
    counter = clipping.ClipCounter(asked, x.dtype)
    counter.add(x, plan, asked.run(x, plan).values)
    return counter


@pytest.mark.parametrize("how", ROUNDINGS)
@pytest.mark.parametrize("reducer", ORACLES)
def test_the_count_is_that_of_numpy(reducer: str, how: str) -> None:
    """Of bytes, of signed numbers, and of floats with halves; rounded results beyond the range, no others."""
    for x, dtype in CASES:
        ends = np.iinfo(dtype)
        exact = ROUNDINGS[how](ORACLES[reducer](windows(x, 2)).astype(np.float64))
        beyond = (exact > ends.max) | (exact < ends.min)
        counter = counter_of(x, reducer, dtype=dtype, round=how)
        assert (counter.count, counter.total) == (beyond.sum(), exact.size)
        held = np.iinfo(counter.holding_dtype())
        assert held.min <= exact.min() and exact.max() <= held.max


def test_an_end_of_the_range_is_no_clipped_value() -> None:
    """White stays white: 255 of a maximum, or a sum that is 255, is right."""
    white = np.full((8, 8), 255, np.uint8)
    assert counter_of(white, "max", dtype="uint8").count == 0
    assert counter_of(np.full((8, 8), 51, np.uint8), "sum", 5, dtype="uint8").count == 1
    ones = np.zeros((8, 8), np.uint8)
    ones[::2, ::2] = 255
    assert counter_of(ones, "sum", dtype="uint8").count == 0


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_sums_beyond_64_bits_are_counted(dtype: str) -> None:
    """They saturate too, and only float64 holds them."""
    x = np.full((4, 4), 2**62, dtype)
    x[0, 0] = 0
    counter = counter_of(x, "sum", dtype=dtype)
    assert counter.count == (3 if dtype == "uint64" else 4) and counter.holding_dtype() == np.float64


def test_boxes_count_as_the_whole_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: only boxes with a suspect value are pooled again, with what their windows reach."""
    options: dict[str, Any] = {"stride": 1, "padding": 1, "dtype": "uint8"}
    whole = counter_of(BYTES, "sum", 3, **options).count
    monkeypatch.setattr(clipping, "BOX_OUTPUTS", 100)
    assert counter_of(BYTES, "sum", 3, **options).count == whole > 0


def test_reducers_that_stay_in_range_are_never_looked_at() -> None:
    """What their rows say holds: no result is outside of the samples, so an average never pays for the count."""
    for name, row in REDUCERS.items():
        result = pooling.parse_pooling(name, size=4)
        plan = result.plan(BYTES.shape)
        values = result.run(BYTES, plan).values.astype(np.float64)
        inside = values.min() >= BYTES.min() and values.max() <= BYTES.max()
        if row.result_range == "samples":
            assert inside and not clipping.may_clip(pooling.parse_pooling(name, dtype="uint8"), np.uint8)
        elif row.result_range == "nonnegative":
            assert values.min() >= 0 and clipping.may_clip(pooling.parse_pooling(name, dtype="uint8"), np.uint8)
    assert clipping.may_clip(pooling.parse_pooling("avg", divisor=2, dtype="uint8"), np.uint8)
    assert clipping.may_clip(pooling.parse_pooling("max", dtype="uint8"), np.uint16)
    assert not clipping.may_clip(pooling.parse_pooling("sum"), np.float32)
