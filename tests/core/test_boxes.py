"""A plan cut into boxes at will: the parts are the whole, byte for byte, whatever reducer, layout and type."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolcli
from poolcli.core import boxes
from poolcli.core.reducers import REDUCERS
from poolcli.drivers import network_tiles
from poolcli.drivers.fold import fold_driver
from poolcli.pooling import Pooling, parse_pooling

WINDOWS: list[dict[str, Any]] = [
    {"size": 2},
    {"size": 3, "stride": 2, "padding": 1},
    {"size": 5, "stride": 1, "padding": 2},
    {"size": 3, "dilation": 2, "padding": 2, "stride": 1},
    {"size": 2, "stride": 3},
    {"size": 3, "stride": 2, "ceil_mode": True, "padding": 1},
    {"size": 3, "stride": 2, "padding": "same"},
    {"size": 4, "stride": 3, "padding": "same-lower"},
    {"adaptive": 3},
    {"adaptive": 5},
    {"fractional": 1.3, "seed": 4},
    {"fractional": 1.7, "seed": 2, "overlapping": True},
    {"size": "all"},
]
LAYOUTS = ("L", "HW", "HWC", "CHW", "HCW", "NHWC", "NCHW", "DHW", "DHWC", "NDHW")
DTYPES = ("uint8", "int16", "int32", "uint64", "float16", "float32", "float64", "bool")


@st.composite
def cuts(draw: st.DrawFn, n: int) -> list[tuple[int, int]]:
    """Ranges that make up n."""
    inside = sorted(draw(st.sets(st.integers(1, n - 1), max_size=3))) if n > 1 else []
    edges = [0, *inside, n]
    return list(pairwise(edges))


def samples(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers without a sign, so that every reducer takes them."""
    if np.dtype(dtype).kind == "f":
        return (rng.random(shape) * 100).astype(dtype)
    return rng.integers(0, 2 if dtype == "bool" else 120, shape).astype(dtype)


def in_parts(pooling: Pooling, x: np.ndarray, ranges: list[list[tuple[int, int]]]) -> np.ndarray:
    """The result, put together from one run for each box."""
    plan = pooling.plan(x.shape)
    whole = np.empty(plan.full_shape, pooling.result_dtype(x.dtype))
    for number in np.ndindex(*(len(one) for one in ranges)):
        outputs = tuple(one[i] for one, i in zip(ranges, number, strict=True))
        inputs = boxes.input_box(plan, outputs)
        part = boxes.subplan(plan, outputs, inputs)
        whole[boxes.slices(outputs)] = pooling.run(x[boxes.slices(inputs)].copy(), part[0], part=part[1]).values
    return whole.reshape(plan.output_shape)


@pytest.mark.parametrize("reducer", REDUCERS)
@settings(max_examples=6)
@given(data=st.data())
def test_boxes_are_the_whole(reducer: str, data: st.DataObject) -> None:
    """However outputs are cut, along every axis at once, each value keeps its bytes."""
    layout = data.draw(st.sampled_from(LAYOUTS))
    shape = tuple(data.draw(st.integers(7, 30)) if letter not in "NC" else data.draw(st.integers(1, 4))
                  for letter in layout)
    dtype = data.draw(st.sampled_from(DTYPES))
    options = data.draw(st.sampled_from(WINDOWS))
    missing = data.draw(st.sampled_from([{}, {"nodata": 1}])) if reducer in ("max", "avg") else {}
    x = samples(np.random.default_rng(data.draw(st.integers(0, 99))), dtype, shape)
    pooling = parse_pooling(reducer, layout=layout, **options, **missing)
    ranges = [data.draw(cuts(n)) for n in pooling.plan(shape).full_shape]
    try:
        whole = pooling.run(x, pooling.plan(shape)).values
    except poolcli.PoolError:
        return  # a mean of nothing, which has no place in an integer
    assert in_parts(pooling, x, ranges).tobytes() == whole.tobytes()


@pytest.mark.parametrize("windows", [{"size": 3, "stride": 2, "padding": 1}, {"size": 9, "stride": 1, "padding": 4}])
@pytest.mark.parametrize("layout", ["HWC", "DHW"])
@pytest.mark.parametrize(("reducer", "dtype"), [("avg", "float32"), ("max", "uint8"), ("median", "uint8")])
def test_boxes_by_the_kernels_of_large_arrays(reducer: str, dtype: str, layout: str, windows: dict[str, Any],
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """A part runs by the kernel of the whole, with fewer channels too; its memory is the part's own."""
    monkeypatch.setattr(fold_driver, "LARGE", 0)
    monkeypatch.setattr(network_tiles, "MIN_SPLIT_WINDOWS", 0)
    shape = (30, 40, 3) if layout == "HWC" else (12, 14, 20)
    x = samples(np.random.default_rng(1), dtype, shape)
    pooling = parse_pooling(reducer, layout=layout, **windows)
    plan = pooling.plan(shape)
    ranges = [[(0, 1), (1, n // 2), (n // 2, n)] if n > 3 else [(0, 1), (1, n)] for n in plan.full_shape]
    assert in_parts(pooling, x, ranges).tobytes() == pooling.run(x, plan).values.tobytes()


def test_a_box_needs_what_its_windows_reach() -> None:
    """From the first sample to the last and no further: 3/2 windows overlap by one, holes are no need."""
    plan = parse_pooling("max", size=3, stride=2, padding=1).plan((20, 20))
    assert boxes.input_box(plan, ((0, 2), (2, 5))) == ((0, 4), (3, 10))
    plan = parse_pooling("max", size=2, stride=5).plan((20, 20))
    assert boxes.input_box(plan, ((0, 1), (1, 3))) == ((0, 2), (5, 12))


def test_windows_in_the_padding_need_nothing() -> None:
    """Neither before the axis nor behind it; a window of one sample needs that one."""
    plan = parse_pooling("sum", size=2, stride=1, padding=((3, 4),), layout="L", pad_mode="edge").plan((5,))
    assert [boxes.input_box(plan, ((start, stop),)) for start, stop in ((0, 3), (0, 4), (7, 11), (6, 11))] == [
        ((0, 1),), ((0, 2),), ((4, 5),), ((3, 5),)]
    plan = parse_pooling("sum", size=1, stride=1, layout="L").plan((5,))
    assert boxes.input_box(plan, ((1, 3),)) == ((1, 3),)


def test_a_box_is_a_range_of_each_axis() -> None:
    """All of a shape, its own shape, and what NumPy takes."""
    assert boxes.full_box((4, 1)) == ((0, 4), (0, 1))
    assert boxes.box_shape(((1, 4), (0, 2))) == (3, 2)
    assert boxes.slices(((1, 4), (0, 2))) == (slice(1, 4), slice(0, 2))


@pytest.mark.parametrize("options", [{"size": 5, "stride": 2, "padding": ((3, 4),), "pad_mode": "edge"},
                                     {"size": 4, "stride": 5, "ceil_mode": True, "padding": ((0, 1),)}, {"area": 5},
                                     {"fractional": 1.7, "seed": 2, "overlapping": True}], ids=str)
def test_windows_on_a_part_of_their_axis_are_the_same(options: dict[str, Any]) -> None:
    """Their samples, from the part's first on; the positions that count; and how much of each sample they hold."""
    (whole,) = parse_pooling("sum", layout="L", **options).plan((17,)).windows
    for first, last, start, stop in ((1, 4, 0, 17), (2, 4, 3, 15), (0, 2, 0, 9), (3, 5, 7, 17)):
        one = whole[first:last]
        if not (one.present[0].min() >= start and (one.present[0] + (one.present[1] - 1) * one.step).max() < stop):
            continue
        part = boxes.cut_windows(one, start, stop)
        assert part.length == stop - start
        assert (part.present[0] + start).tolist() == one.present[0].tolist()
        assert part.present[1].tolist() == one.present[1].tolist()
        assert part.nominal().tolist() == one.nominal().tolist()
        if one.stretch is not None:
            assert [numbers.tolist() for numbers in part.parts()] == [numbers.tolist() for numbers in one.parts()]


def test_dilation_keeps_its_phase_in_a_box() -> None:
    """A window that begins in the padding has its first sample where the dilation says."""
    plan = parse_pooling("max", size=3, dilation=2, padding=2, stride=1, layout="L").plan((9,))
    assert boxes.input_box(plan, ((1, 2),)) == ((1, 4),)


def test_an_error_names_the_place_in_the_whole() -> None:
    """Where a NaN stands is told of the array, not of the part."""
    x = np.zeros((8, 8))
    x[5, 6] = np.nan
    for options, place in (({"nan": "error"}, (5, 6)), ({"dtype": "uint8"}, (2, 3))):
        pooling = parse_pooling("max", **options)
        plan = pooling.plan(x.shape)
        inputs = boxes.input_box(plan, ((2, 4), (2, 4)))
        part, where = boxes.subplan(plan, ((2, 4), (2, 4)), inputs)
        with pytest.raises(poolcli.PoolError, match=str(place).replace("(", r"\(").replace(")", r"\)")):
            pooling.run(x[4:8, 4:8], part, part=where)
