"""Unpooling: every value where it stood or over its windows, shapes as they were, indices as others number them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import PoolError
from poolcli.analysis.unpool.index_formats import INDEX_FORMATS
from poolcli.core.dtypes import round_to

LAYOUTS = [((9,), "L"), ((2, 9, 8), "CHW"), ((7, 9, 3), "HWC"), ((6, 7, 8), "DHW"), ((2, 7, 2, 6, 3), "NHCDW")]
OPTIONS: list[dict[str, Any]] = [
    {"size": 2}, {"size": 3, "stride": 2, "padding": 1, "dilation": 2}, {"size": 3, "padding": "same", "stride": 2},
    {"size": 2, "stride": 3}, {"size": 4, "stride": 1, "padding": ((0, 2),)}, {"adaptive": 4}, {"adaptive": 11},
    {"size": "all"}, {"fractional": 1.5, "overlapping": True}, {"size": 3, "ceil_mode": True}]


def noise(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Numbers that all differ, none of them 0."""
    return np.random.default_rng(seed).permutation(np.arange(1.0, 1 + np.prod(shape))).reshape(shape)


def places(plan: Any, output: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Where the samples of one output's window lie, by the plan's own words."""
    ranges = [[i] for i in output]
    for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True):
        first, count = (int(part[output[axis]]) for part in windows.present)
        ranges[axis] = list(range(first, first + count * windows.step, windows.step))
    yield from itertools.product(*ranges)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
def test_maxima_stand_where_they_stood(options: dict[str, Any], shape: tuple[int, ...], layout: str) -> None:
    """And everywhere else there is 0."""
    x = noise(shape)
    values, indices = poolcli.pool(x, "max", layout=layout, return_indices=True, **options)
    wanted = np.where(np.isin(x, values), x, 0)
    assert (poolcli.unpool(values, indices, output_shape=shape, layout=layout) == wanted).all()


@pytest.mark.parametrize(("options", "length"), [
    ({"size": 2}, 8), ({"size": 3, "stride": 2}, 9), ({"size": 3, "stride": 2, "padding": 1}, 7),
    ({"size": 3, "stride": 2, "padding": ((0, 1),)}, 8), ({"size": 2, "dilation": 3}, 10),
    ({"size": 3, "stride": 2, "padding": "same"}, 8)])
def test_fixed_windows_tell_the_size_before(options: dict[str, Any], length: int) -> None:
    """(o - 1) s - before - after + the window's extent; o s where windows are "same"."""
    values = np.ones((2, 4), np.float32)
    assert poolcli.unpool(values, np.zeros((2, 4), int) - 1, layout="CL", **options).shape == (2, length)


def test_an_output_shape_is_of_all_axes_or_of_the_pooled_ones() -> None:
    """PyTorch reads index 5 in the plane of the output, ONNX in that of the default size and then by coordinates."""
    one = np.ones((1, 1, 2, 2), int)
    five = np.full_like(one, 5)
    for shape in ((5, 5), (1, 1, 5, 5), np.array([1, 1, 5, 5])):
        made = [poolcli.unpool(one, five, output_shape=shape, layout="NCHW", index_format=name)
                for name in ("torch", "onnx")]
        assert [np.argwhere(one[0, 0]).tolist() for one in made] == [[[1, 0]], [[1, 1]]]


def numbered(name: str, x: np.ndarray, layout: str) -> np.ndarray:
    """The tensor in the order in which a format counts: its flat view, or one for each batch or plane."""
    pooled = "".join(letter for letter in layout if letter not in "NC")
    order = {"torch": "NC" + pooled, "onnx": "NC" + pooled, "onnx-column-major": "NC" + pooled[::-1],
             "tensorflow": "N" + pooled + "C", "tensorflow-batch": "N" + pooled + "C"}[name]
    return x.transpose([layout.index(letter) for letter in order if letter in layout])


@pytest.mark.parametrize("name", INDEX_FORMATS)
@pytest.mark.parametrize("layout", ["NCHW", "HWNC", "NDHWC", "CHW", "HW", "L"])
def test_indices_of_each_format_lead_to_the_samples(name: str, layout: str) -> None:
    """In the flat view that the format is about; back again they are what they were."""
    x = noise(tuple({"N": 2, "C": 3, "D": 2, "H": 4, "W": 6, "L": 10}[letter] for letter in layout))
    values, indices = poolcli.pool(x, "max", layout=layout, return_indices=True)
    found = poolcli.convert_indices(indices, "torch", name, x.shape, layout)
    own = {"torch": "NC", "tensorflow": "N"}.get(name, "")
    for n, c in itertools.product(range(2), range(3)):
        kept = {"N": n, "C": c}
        pick = tuple(kept.get(letter, slice(None)) if letter in own else slice(None) for letter in layout)
        part = numbered(name, x[pick], "".join(letter for letter in layout if letter not in own))
        assert (part.reshape(-1)[found[pick]] == values[pick]).all()
    assert (poolcli.convert_indices(found, name, "torch", x.shape, layout) == indices).all()
    again = poolcli.unpool(values, found, layout=layout, index_format=name)
    assert (again == np.where(np.isin(x, values), x, 0)).all()


def test_no_sample_is_no_sample_in_every_format() -> None:
    """-1 stays, and nothing is placed."""
    for name in INDEX_FORMATS:
        assert (poolcli.convert_indices([[-1, 0]], "torch", name, (1, 2)) == [[-1, 0]]).all()
    values, indices = poolcli.pool([[np.nan, np.nan, 2, 1]], "max", size=(1, 2), nan="ignore", return_indices=True)
    assert poolcli.unpool(values, indices, size=(1, 2)).tolist() == [[0, 0, 2, 0]]


@pytest.mark.parametrize(("rule", "wanted"), [("last", 2), ("first", 3), ("sum", 9), ("max", 4)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_duplicates_follow_a_rule(rule: str, wanted: int, dtype: str) -> None:
    """Of 3, 4 and 2 at one place; and negative maxima do not lose to the zeros around them."""
    values, indices = np.array([3, 4, 2, 7], dtype), np.array([1, 1, 1, 0])
    assert poolcli.unpool(values, indices, duplicates=rule).tolist() == [7, wanted, *[0] * 6]
    if dtype == "float32":
        assert poolcli.unpool(-values, indices, duplicates=rule)[1] == (-2 if rule == "max" else -wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int64", "uint64", "bool"])
def test_sums_of_duplicates_saturate(dtype: str) -> None:
    """At the limits of the dtype, on both sides; short of them they are exact."""
    least, most = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    values = np.array([most, most, least, least, 1, 1], dtype)
    found = poolcli.unpool(values, np.array([0, 0, 1, 1, 2, 3]), duplicates="sum")
    assert found.tolist()[:4] == [most, 2 * least if least == 0 else least, 1, 1]


def test_duplicates_may_be_an_error() -> None:
    """Which names the sample."""
    with pytest.raises(PoolError, match=r"2 values have the index of sample 5 "):
        poolcli.unpool([[1, 2, 3]], [[5, 0, 5]], duplicates="error")


@pytest.mark.parametrize(("indices", "index_format", "said"), [
    ([[0, 16]], "torch", r"index 16 at \(0, 1\) is no place in 2x4"),
    ([[-2, 0]], "torch", r"index -2 at \(0, 0\)"), ([[8, 0]], "onnx-column-major", r"index 8 at \(0, 0\)"),
    ([[1.0, 0.0]], "torch", "whole numbers, not float64"), ([[0]], "torch", "shape 1x1 do not go with values"),
    (np.array([[2**64 - 1, 0]], np.uint64), "torch", "larger than any array"),
])
def test_wrong_indices_are_named(indices: Any, index_format: str, said: str) -> None:
    """With the place where they stand."""
    with pytest.raises(PoolError, match=said):
        poolcli.unpool([[1, 2]], indices, index_format=index_format)


def test_an_index_of_another_channel_is_no_index() -> None:
    """TensorFlow's tell the channel, and it must be the value's own."""
    indices = np.zeros((1, 1, 2), int)
    with pytest.raises(PoolError, match=r"index 0 at \(0, 0, 1\)"):
        poolcli.unpool(np.ones((1, 1, 2)), indices, index_format="tensorflow", layout="HWC")


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
def test_an_average_is_the_mean_of_the_windows(options: dict[str, Any], shape: tuple[int, ...], layout: str) -> None:
    """Of those that hold the sample, 0 where none does; added up window by window."""
    plan = poolcli.plan(shape, layout=layout, **options)
    values = noise(plan.full_shape)
    total, count = np.zeros(shape), np.zeros(shape)
    for output in np.ndindex(plan.full_shape):
        for place in places(plan, output):
            total[place] += values[output]
            count[place] += 1
    found = poolcli.unpool(values, spread="average", output_shape=shape, layout=layout, **options)
    np.testing.assert_allclose(found, total / np.maximum(count, 1), rtol=1e-14)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
def test_nearest_is_a_window_that_holds_the_sample(options: dict[str, Any], shape: tuple[int, ...],
                                                   layout: str) -> None:
    """That with the nearest middle, of equal ones the first; the dtype stays."""
    plan = poolcli.plan(shape, layout=layout, **options)
    values = noise(plan.full_shape).astype(np.int64) + 2**60
    least, wanted = np.full(shape, np.inf), np.zeros(shape, np.int64)
    for output in np.ndindex(plan.full_shape):
        middle = {axis: (windows.starts[output[axis]] + windows.stops[output[axis]] - 1) / 2
                  for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True)}
        for place in places(plan, output):
            far = sum(abs(place[axis] - at) for axis, at in middle.items())
            if far < least[place]:
                least[place], wanted[place] = far, values[output]
    found = poolcli.unpool(values, spread="nearest", output_shape=shape, layout=layout, **options)
    assert found.dtype == np.int64 and (found == wanted).all()


def test_infinity_stays_in_its_window() -> None:
    """What is not there is not multiplied by it."""
    found = poolcli.unpool([np.inf, np.nan, 1.0, 3.0], spread="average", size=3, stride=2)
    assert found[[0, 1, 5, 6, 7, 8]].tolist() == [np.inf, np.inf, 1, 2, 3, 3] and np.isnan(found[2:5]).all()


def test_averages_are_rounded_as_said() -> None:
    """1.5 to 2 by default, to 1 by floor."""
    values = np.array([1, 2], np.uint8)
    for how, wanted in ((None, 2), ("floor", 1)):
        found = poolcli.unpool(values, spread="average", size=3, stride=1, dtype="uint8", round=how)
        assert found.dtype == np.uint8 and found.tolist() == [1, wanted, wanted, 2]


@pytest.mark.parametrize(("how", "wanted"), [
    ("half-up", [0, 1, 2, 3, 0, -1, -128, 127]), ("half-even", [0, 0, 2, 2, 0, -2, -128, 127]),
    ("floor", [0, 0, 1, 2, -1, -2, -128, 127]), ("ceil", [1, 1, 2, 3, 0, -1, -128, 127])])
def test_rounding_is_pools(how: str, wanted: list[int]) -> None:
    """Ties as the name says, floats just below a tie not up, and saturation."""
    given = np.array([0.49999999999999994, 0.5, 1.5, 2.5, -0.5, -1.5, -1e9, np.inf])
    assert round_to(given, np.dtype(np.int8), how).tolist() == wanted
    assert round_to(given[-1:], np.dtype(np.int64)).tolist() == [2**63 - 1]
    with pytest.raises(PoolError, match="NaN"):
        round_to(np.array([np.nan]), np.dtype(np.int8))


@pytest.mark.parametrize(("options", "said"), [
    ({}, "spread is missing"), ({"indices": [[0, 1]], "spread": "nearest"}, "does not go with indices"),
    ({"spread": "most"}, "one of nearest, average"), ({"spread": "nearest", "adaptive": 2}, "an output_shape would"),
    ({"spread": "nearest", "size": "all"}, "an output_shape would"),
    ({"spread": "nearest", "size": (1, "all")}, "an output_shape would"),
    ({"spread": "nearest", "output_shape": (9, 9)}, "these windows make 4x4 of 9x9, not 1x2"),
    ({"spread": "nearest", "output_shape": 7}, "names 1 axes, HW has 2"),
    ({"spread": "nearest", "output_shape": (2.5, 4)}, "a length for each axis"),
    ({"spread": "nearest", "output_shape": (0, 4)}, "has no samples"),
    ({"spread": "nearest", "layout": "CL", "output_shape": (3, 4)}, "along an axis that is not pooled"),
    ({"spread": "nearest", "padding": 2}, "with so much padding are of no axis"),
    ({"spread": "nearest", "dtype": "uint8"}, 'goes with spread "average"'),
    ({"spread": "nearest", "p": 3}, "p is no option of unpool"), ({"spread": "average", "size": 0}, "size must be"),
    ({"indices": [[0, 1]], "duplicates": "mean"}, "one of last, first, sum, max, error"),
    ({"indices": [[0, 1]], "index_format": "cudnn"}, "one of torch, onnx"),
    ({"indices": [[0, 1]], "output_shape": (10**6, 10**6)}, "may be held"),
])
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    """PoolError, with what would work."""
    with pytest.raises(PoolError, match=said):
        poolcli.unpool([[1, 2]], **options)


def test_the_input_is_left_alone() -> None:
    """Strided, big-endian and read-only arrays too."""
    x = np.arange(24.0, dtype=">f4").reshape(4, 6)[:, ::2]
    x.flags.writeable = False
    kept = x.copy()
    found = poolcli.unpool(x, spread="average")
    assert found.dtype == np.dtype("=f4") and (found[::2, ::2] == kept).all() and (x == kept).all()
