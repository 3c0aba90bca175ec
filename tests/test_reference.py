"""The oracle itself, on rows that can be redone with pencil and paper."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import reference
from reference import Options

A = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
NAN, INF = math.nan, math.inf


def windows(n: int, **options: Any) -> list[list[int]]:
    """The present positions of every window on one axis of n."""
    (axis,) = reference.axes([n], Options(**options))
    return [[q for q in window if axis.present(q)] for window in axis.windows]


WINDOWS = [
    ("floor drops the edge", 5, {"size": 2}, [[0, 1], [2, 3]]),
    ("ceil keeps it", 5, {"size": 2, "ceil_mode": True}, [[0, 1], [2, 3], [4]]),
    ("ceil, window larger than the axis", 4, {"size": 5, "stride": 2, "ceil_mode": True}, [[0, 1, 2, 3]]),
    ("ceil, no window starts beyond the end", 4, {"size": 1, "stride": 3, "ceil_mode": True}, [[0], [3]]),
    ("padding is clipped", 3, {"size": 3, "stride": 2, "padding": 1}, [[0, 1], [1, 2]]),
    ("unequal padding", 3, {"size": 2, "padding": ((1, 0),)}, [[0], [1, 2]]),
    (
        "clipping keeps the dilation's phase",
        5,
        {"size": 3, "stride": 2, "padding": 1, "dilation": 2},
        [[1, 3], [1, 3]],
    ),
    ("stride leaves holes", 5, {"size": 1, "stride": 3}, [[0], [3]]),
    ("same: the extra sample after", 5, {"size": 2, "padding": "same"}, [[0, 1], [2, 3], [4]]),
    ("same-lower: the extra sample before", 5, {"size": 2, "padding": "same-lower"}, [[0], [1, 2], [3, 4]]),
    (
        "same, size below stride: never negative",
        5,
        {"size": 1, "stride": 2, "padding": "same"},
        [[0], [2], [4]],
    ),
    ("all: one window", 3, {"size": "all"}, [[0, 1, 2]]),
    ("adaptive 7 to 3", 7, {"adaptive": 3}, [[0, 1, 2], [2, 3, 4], [4, 5, 6]]),
    ("adaptive 3 to 5 repeats", 3, {"adaptive": 5}, [[0], [0, 1], [1], [1, 2], [2]]),
    ("adaptive all keeps", 3, {"adaptive": "all"}, [[0], [1], [2]]),
    ("fractional", 7, {"fractional": 1.4, "u": 0.3}, [[0], [1, 2], [3], [4, 5], [6]]),
    (
        "fractional, overlapping",
        7,
        {"fractional": 1.4, "u": 0.3, "overlapping": True},
        [[0, 1], [1, 2, 3], [3, 4], [4, 5, 6], [6]],
    ),
    ("fractional of fixed size", 7, {"fractional": 2, "size": 2, "u": 0}, [[0, 1], [2, 3], [5, 6]]),
    ("fractional of fixed size, one window", 7, {"fractional": 4, "size": 2, "u": 0.9}, [[0, 1]]),
]


@pytest.mark.parametrize(
    ("n", "options", "want"), [row[1:] for row in WINDOWS], ids=[row[0] for row in WINDOWS]
)
def test_windows(n: int, options: dict[str, Any], want: list[list[int]]) -> None:
    """A windowing gives exactly these windows."""
    assert windows(n, **options) == want


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"size": 3}, id="window larger than the axis"),
        pytest.param({"size": 2, "stride": 2, "ceil_mode": True, "dilation": 9}, id="the same, dilated"),
        pytest.param({"size": 1, "padding": 1}, id="window in the padding"),
        pytest.param({"size": 2, "dilation": 3, "padding": 1}, id="dilated over both ends"),
        pytest.param({"fractional": 3}, id="ratio above the axis"),
        pytest.param({"fractional": 1, "size": 2}, id="too many windows of that size"),
    ],
)
def test_impossible_geometry(options: dict[str, Any]) -> None:
    """No window, or one without a present sample, is a ValueError."""
    with pytest.raises(ValueError, match="window"):
        windows(2, **options)


def test_a_ratio_is_the_decimal_that_was_written() -> None:
    """33 samples at 1.1 are 30 windows; float division would give 29."""
    assert len(windows(33, fractional=1.1)) == len(windows(33, fractional="1.1")) == 30


def test_random_edges_are_shuffled_steps() -> None:
    """Random windows have n mod o long steps and the rest short ones, and they depend on the seed alone."""
    steps = [len(window) for window in windows(17, fractional=2.5, random=True, seed=3)]
    assert sorted(steps) == [2, 3, 3, 3, 3, 3]
    assert steps == [len(window) for window in windows(17, fractional=2.5, random=True, seed=3)]
    assert len({str(windows(17, fractional=2.5, random=True, seed=seed)) for seed in range(8)}) > 1


def test_the_first_word_is_philoxs() -> None:
    """Without u, axis i draws from raw word i of NumPy's Philox of that seed."""
    words = np.random.Philox(key=5).random_raw(2)
    drawn = [Fraction(int(word) >> 11, 2**53) for word in words]
    got = reference.axes([9, 9], Options(fractional=1.5, seed=5))
    want = [reference.stepped(9, 6, u) for u in drawn]
    assert [[window[0] for window in axis.windows] + [9] for axis in got] == want


@pytest.mark.parametrize("mode", ["edge", "wrap", "reflect"])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_positions_of_a_pad_mode_are_numpys(mode: Any, n: int) -> None:
    """Padding wider than the axis folds again, as `np.pad` does."""
    padded = np.pad(np.arange(n), (7, 8), mode=mode)
    assert [reference.source(q, n, mode) for q in range(-7, n + 8)] == padded.tolist()


def one(values: list[Any], reducer: str, given: str = "float64", **options: Any) -> Any:
    """Pool all the values, given in some dtype, by one window."""
    return reference.pool(np.array(values, given), reducer, **{"size": "all"} | options).item()


REDUCED = [
    ("max", [1, 3, 2], {}, 3),
    ("max", [1, NAN, 2], {}, NAN),
    ("max", [1, NAN, 2], {"nan": "ignore"}, 2),
    ("max", [-INF, -INF], {}, -INF),
    ("min", [2, 1, 3], {}, 1),
    ("avg", [1.7, 0.9, -0.2, 1.1], {}, 0.875),
    ("avg", [1e16, 1, -1e16], {}, 1 / 3),
    ("avg", [1.7e308, 1.7e308], {}, 1.7e308),
    ("avg", [INF, -INF], {}, NAN),
    ("avg", [1, 2, 6], {"divisor": 2}, 4.5),
    ("sum", [0.1, 0.2, 0.3], {}, math.fsum([0.1, 0.2, 0.3])),
    ("lp", [3, -4], {}, 5),
    ("lp", [3, -4], {"p": 1}, 7),
    ("lp", [3, -4], {"p": INF}, 4),
    ("l2", [0, 0], {}, 0),
    ("gem", [2, 2], {"p": 200}, 2),
    ("gem", [-5, -5], {}, 1e-6),
    ("lse", [1000, 1000], {}, 1000),
    ("lse", [0, 1000], {"r": -1}, math.log(2)),
    ("lse", [0, math.log(3)], {}, math.log(2)),
    ("soft", [0, math.log(3)], {}, 0.75 * math.log(3)),
    ("soft", [-INF, 2], {}, 2),
    ("mixed", [0, 4], {"weight": 0.25}, 2.5),
    ("mixed", [INF, -INF], {"weight": 1}, INF),
    ("stochastic", [0, 0, 5], {}, 5),
    ("stochastic", [0, 0], {}, 0),
    ("stochastic", [1, 3], {"expected": True}, 2.5),
    ("median", [1, 2, INF], {}, 2),
    ("median", [INF, INF], {}, INF),
    ("quantile", [10, 20, 30], {"q": 0.25}, 15),
    ("mode", [3, 2, 3, 2, 1], {}, 2),
    ("var", [1, 2, 6], {}, 14 / 3),
    ("std", [2, 4], {}, 1),
    ("range", [-3, 5], {}, 8),
    ("blur", [0, 8, 0, 0], {}, 3),
    ("subsample", [4, NAN], {}, 4),
]


@pytest.mark.parametrize(("reducer", "values", "options", "want"), REDUCED)
def test_reducer(reducer: str, values: list[float], options: dict[str, Any], want: float) -> None:
    """A window reduces to what can be worked out by hand."""
    assert one(values, reducer, **options) == pytest.approx(want, rel=1e-15, abs=0, nan_ok=True)


TYPED = [
    ("avg", [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 2], "int64", {}, float(2**53 + 2)),
    ("median", [-128, 127], "int8", {}, -0.5),
    ("range", [-128, 127], "int8", {}, 255),
    ("sum", [255] * 4, "uint8", {}, 1020),
    ("sum", [2**63 - 1] * 2, "int64", {}, 2**63 - 1),
    ("sum", [-(2**63)] * 2, "int64", {}, -(2**63)),
    ("sum", [2**64 - 1] * 2, "uint64", {}, 2**64 - 1),
    ("sum", [True, True], "bool", {}, 2),
    ("range", [False, True], "bool", {}, True),
    ("sum", [60000, 60000], "float16", {}, INF),
    ("avg", [60000, 60000], "float16", {}, 60000.0),
    ("avg", [255, 254], "uint8", {"dtype": "uint8"}, 255),
    ("avg", [-1, -2], "int8", {"dtype": "int8"}, -1),
    ("avg", [-1, -2], "int8", {"dtype": "int8", "round": "half-even"}, -2),
    ("avg", [-1, -2], "int8", {"dtype": "int8", "round": "floor"}, -2),
    ("avg", [1, 2], "int8", {"dtype": "int8", "round": "ceil"}, 2),
    ("sum", [200, 200], "uint8", {"dtype": "uint8"}, 255),
    ("max", [INF], "float32", {"dtype": "int16"}, 32767),
    ("avg", [NAN], "float32", {"dtype": "int16", "nodata": -1}, -1),
    ("max", [7, 7], "uint8", {"nodata": 7}, 7),
    ("avg", [7, 7], "uint8", {"nodata": 7}, NAN),
    ("avg", [0.49999999999999994], "float64", {"dtype": "uint8"}, 0),
]


@pytest.mark.parametrize(("reducer", "values", "dtype", "options", "want"), TYPED)
def test_result_type(reducer: str, values: list[Any], dtype: str, options: dict[str, Any], want: Any) -> None:
    """A result has the value and the kind that its dtype rule promises."""
    got = one(values, reducer, dtype, **options)
    assert got == pytest.approx(want, rel=0, abs=0, nan_ok=True)
    assert isinstance(got, type(want))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_nearest_is_numpys_rounding(dtype: str) -> None:
    """An exact value rounds to the float that NumPy's cast gives: half to even, subnormal, infinite."""
    rng = np.random.default_rng(0)
    values = [
        *(rng.standard_normal(300) * 10.0 ** rng.integers(-50, 50, 300)),
        0.0,
        65520.0,
        65519.9,
        2**-25,
        INF,
    ]
    with np.errstate(over="ignore", under="ignore"):
        want = np.array(values).astype(dtype)
    assert [reference.nearest(float(v), np.dtype(dtype)) for v in values] == want.tolist()


def test_padding_counts_but_a_ceil_overhang_never_does() -> None:
    """Explicit padding divides the average, what overhangs does not."""
    got = reference.pool(np.ones((2, 2)), "avg", padding=1, count_include_pad=True, ceil_mode=True)
    assert got.tolist() == [[0.25, 0.25], [0.25, 0.25]]
    got = reference.pool(np.ones((3, 3)), "avg", ceil_mode=True, count_include_pad=True)
    assert got.tolist() == [[1, 1], [1, 1]]


def test_indices_are_flat_in_the_plane() -> None:
    """The first maximum's index, the last NaN's, in the plane of the pooled axes."""
    x = np.array([[[1, 1, 2, NAN], [1, 1, NAN, 0]]])
    _, indices = reference.pool(x, "max", layout="CHW", return_indices=True)
    assert indices.tolist() == [[[0, 6]]]


def test_channels_are_kept_and_squeeze_drops_ones() -> None:
    """HWC pools H and W; an axis pooled to 1 goes away when asked."""
    x = np.arange(8).reshape(2, 2, 2)
    assert reference.pool(x, "max").tolist() == [[[6, 7]]]
    assert reference.pool(x, "max", squeeze=True).tolist() == [6, 7]


def test_every_pad_mode_is_pooling_of_the_padded_array() -> None:
    """With a pad mode, padding is data: pooling equals pooling of `np.pad`'s array."""
    x = np.arange(12).reshape(3, 4) ** 2 % 13
    for mode in ("edge", "wrap", "reflect", "constant"):
        padded = np.pad(x, ((2, 1), (0, 3)), mode=mode)
        got = reference.pool(x, "avg", size=2, stride=1, padding=((2, 1), (0, 3)), pad_mode=mode)
        np.testing.assert_array_equal(got, reference.pool(padded, "avg", size=2, stride=1))
