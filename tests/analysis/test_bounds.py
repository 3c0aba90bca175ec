"""Bounds hold for every array of the box, and those called exact are attained."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction
from math import comb
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

import poolcli
from poolcli import PoolError
from poolcli.analysis.bounds import bounds as bounding
from poolcli.analysis.bounds import intervals
from poolcli.core.reducers import REDUCERS, Reducer

Array = NDArray[Any]
BOUNDED = [name for name, row in REDUCERS.items() if row.monotone or row.interval_rule]
CALLS: dict[str, dict[str, Any]] = {
    **{name: {} for name in BOUNDED}, "soft/2": {"alpha": 2}, "soft/-.5": {"alpha": -0.5},
    "soft/0": {"alpha": 0}, "avg/d": {"divisor": 3}, "lp/1.5": {"p": 1.5}, "lp/.5": {"p": 0.5},
    "lp/inf": {"p": np.inf}, "lse/-2": {"r": -2.0}, "quantile/.3": {"q": 0.3}, "stochastic/e": {"expected": True}}
"""Every reducer, and some by their parameters."""
DTYPES = ("bool", "uint8", "int8", "uint16", "int32", "uint64", "int64", "float16", "float32", "float64")
WINDOWS: dict[str, dict[str, Any]] = {
    "2": {"size": 2}, "3/2p1d2": {"size": 3, "stride": 2, "padding": 1, "dilation": 2},
    "ceil": {"size": 3, "stride": 2, "ceil_mode": True}, "adaptive": {"adaptive": (2, 3)}, "all": {"size": "all"},
    "fractional": {"fractional": 1.5, "u": 0.3},
    "reflect": {"size": 3, "stride": 2, "padding": 1, "pad_mode": "reflect"},
    "constant": {"size": 3, "stride": 3, "padding": 2, "pad_mode": "constant", "pad_value": 1}}
SHAPES = {"L": (9,), "HW": (5, 6), "CHW": (2, 5, 4), "HWC": (5, 4, 2), "DHW": (3, 4, 3)}


def box(rng: np.random.Generator, dtype: str, shape: tuple[int, ...], negative: bool) -> tuple[Array, Array]:
    """Two arrays, low <= high; some samples are certain, some ends are those of the dtype."""
    if dtype == "bool":
        a, b = rng.random(shape) > 0.7, rng.random(shape) > 0.3
    elif dtype.startswith("float"):
        a, b = (((rng.random(shape) - 0.5 * negative) * 8).astype(dtype) for _ in range(2))
    else:
        least, most = np.iinfo(dtype).min if negative else 0, np.iinfo(dtype).max
        a, b = (rng.integers(max(least, -9), 9, shape, endpoint=True).astype(dtype) for _ in range(2))
        a, b = (np.where(rng.random(shape) < 0.05, end, part) for end, part in ((least, a), (most, b)))
    b = np.where(rng.random(shape) < 0.3, a, b)
    return np.minimum(a, b), np.maximum(a, b)


def inside(rng: np.random.Generator, low: Array, high: Array) -> Array:
    """Some array of the box: each sample at an end or anywhere between, all of the dtype."""
    share = rng.choice([0.0, 1.0, rng.random()], low.shape)
    if low.dtype.kind == "f":
        between = (low.astype(float) + share * (high.astype(float) - low.astype(float))).astype(low.dtype)
    elif low.dtype.kind == "b":
        between = share > 0.5
    else:
        between = np.array([min(int(b), int(a) + int(s * (int(b) - int(a)))) for a, b, s in zip(
            low.ravel(), high.ravel(), share.ravel(), strict=True)], object).reshape(low.shape).astype(low.dtype)
    return np.clip(between.astype(low.dtype), low, high) if low.dtype.kind != "b" else (between | low) & high


def check(found: bounding.Bounds, values: Array) -> None:
    """No value beyond the bounds; NaN where they are."""
    assert values.dtype == found.low.dtype == found.high.dtype and values.shape == found.low.shape
    within = (found.low <= values) & (values <= found.high) | np.isnan(values) & np.isnan(found.low)
    assert within.all(), (found.low[~within], values[~within], found.high[~within])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("call", CALLS)
def test_no_array_of_the_box_leaves_the_bounds(call: str, dtype: str) -> None:
    """Over layouts and windows; samples at their ends, at random, and climbing to where the value grows or falls."""
    rng = np.random.default_rng(len(call) * 100 + DTYPES.index(dtype))
    for (letters, shape), window in zip(itertools.cycle(SHAPES.items()), WINDOWS.values(), strict=False):
        if "adaptive" in window and len(shape) - letters.count("C") != 2:
            window = {"adaptive": 2}
        options = {**window, "layout": letters, **CALLS[call]}
        name = call.partition("/")[0]
        low, high = box(rng, dtype, shape, not REDUCERS[name].nonnegative)
        found = poolcli.bounds(low, high, name, **options)
        for _ in range(6):
            check(found, poolcli.pool(inside(rng, low, high), name, **options))


def climbed(rng: np.random.Generator, low: Array, high: Array, name: str, sign: int, **options: Any) -> float:
    """The best of random starts, one sample at a time to an end or between, as long as the value improves."""
    best = -np.inf
    for _ in range(4):
        x = inside(rng, low, high)
        value = sign * float(poolcli.pool(x, name, size="all", **options).item())
        for i in [*rng.permutation(x.size)] * 3:
            for new in (low.flat[i], high.flat[i], inside(rng, low, high).flat[i]):
                old, x.flat[i] = x.flat[i], new
                tried = sign * float(poolcli.pool(x, name, size="all", **options).item())
                value, x.flat[i] = (tried, new) if tried > value else (value, old)
        best = max(best, value)
    return sign * best


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "float64"])
def test_hill_climbing_finds_nothing_beyond(call: str, dtype: str) -> None:
    """On a window of 25; and where bounds are exact and the climber can reach them, it comes near."""
    rng = np.random.default_rng(3)
    name, options = call.partition("/")[0], CALLS[call]
    low, high = box(rng, dtype, (5, 5), not REDUCERS[name].nonnegative)
    found = poolcli.bounds(low, high, name, size="all", **options)
    least, most = (climbed(rng, low, high, name, sign, **options) for sign in (-1, 1))
    assert found.low.item() <= least <= most <= found.high.item()


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int64"])
def test_exact_bounds_are_attained(call: str, dtype: str) -> None:
    """Every array of small boxes of whole numbers is tried; unless rounded outward, a bound is one of the values."""
    rng = np.random.default_rng(5)
    name, options = call.partition("/")[0], CALLS[call]
    for _ in range(30):
        low = rng.integers(0 if dtype in ("bool", "uint8") or REDUCERS[name].nonnegative else -3, 2, 4)
        high = np.minimum(low + rng.integers(0, 4, 4), 1 if dtype == "bool" else 9)
        low, high = np.minimum(low, high).astype(dtype), high.astype(dtype)
        every = np.array(list(itertools.product(*(
            range(int(a), int(b) + 1) for a, b in zip(low, high, strict=True)))), dtype)
        seeds = {"size": "all", **options}
        values = (np.stack([poolcli.pool(x, name, **seeds) for x in every]) if name == "stochastic" else
                  poolcli.pool(every, name, layout="NL", **seeds))
        check_ends(poolcli.bounds(low, high, name, **seeds), values)


def check_ends(found: bounding.Bounds, values: Array) -> None:
    """The bounds are the extremes of all values, where they are said to be exact."""
    least, most = values.min(), values.max()
    assert found.low.item() <= least and most <= found.high.item()
    if found.exact and not found.rounded:
        assert (found.low.item(), found.high.item()) == (least, most)
    elif found.exact:
        np.testing.assert_allclose([found.low.item(), found.high.item()], [least, most], rtol=1e-12, atol=1e-7)


@pytest.mark.parametrize("call", ["soft", "soft/2", "soft/-.5", "stochastic/e", "var", "std"])
def test_least_of_reals_is_found_between_the_ends(call: str) -> None:
    """A fine grid comes as near to the bounds as its square, and never beyond."""
    rng = np.random.default_rng(8)
    name, options = call.partition("/")[0], CALLS[call]
    for _ in range(5):
        low = rng.random(3) * 3
        high = low + rng.random(3) * 3
        grid = np.stack(np.meshgrid(*(np.linspace(a, b, 61) for a, b in zip(low, high, strict=True)), indexing="ij"))
        values = poolcli.pool(grid.reshape(3, -1), name, size="all", layout="LC", **options)
        found = poolcli.bounds(low, high, name, size="all", **options)
        assert found.exact and found.low.item() <= values.min() and values.max() <= found.high.item()
        beyond = sorted((values.min() - found.low.item(), found.high.item() - values.max()))
        assert beyond[0] < 1e-9 and beyond[1] < 0.01  # one extreme is at ends, the other may be between them


@pytest.mark.parametrize("samples", [3, 9, 12])
def test_variance_has_its_largest_at_the_best_of_all_corners(samples: int) -> None:
    """Intervals within intervals: found for up to 9 samples, bounded beyond; of one eps found for any number."""
    rng = np.random.default_rng(samples)
    corners = (np.arange(1 << samples)[:, None] >> np.arange(samples) & 1).astype(bool)
    for eps in (None, 1.5):
        low = rng.random(samples) * 4
        high = low + (rng.random(samples) * 4 if eps is None else eps)
        most = np.where(corners, high, low).var(axis=1).max()
        found = poolcli.bounds(low, high, "var", size="all")
        assert found.exact or (samples > 9 and eps is None)
        assert most <= found.high.item() <= most * (1 + 1e-10 if found.exact else 1.05)


def test_a_range_is_of_two_samples() -> None:
    """The widest interval is not both ends at once; equal samples are possible where intervals meet."""
    found = poolcli.bounds(np.array([0, 4, 4], np.int8), np.array([9, 5, 6], np.int8), "range", size=3)
    assert (found.low.item(), found.high.item(), found.exact) == (0, 6, True)
    found = poolcli.bounds(np.array([-128], np.int8), np.array([127], np.int8), "range", size=1)
    assert (found.low.item(), found.high.item()) == (0, 0)


def test_a_mode_that_is_sure_is_told() -> None:
    """Twelve samples of one label are a majority, whatever the other four are; two against two are not."""
    low, high = np.full((4, 4), 3, np.uint8), np.full((4, 4), 3, np.uint8)
    low[0], high[0] = 0, 9
    found = poolcli.bounds(low, high, "mode", size=4)
    assert found.exact and found.low.item() == found.high.item() == 3
    found = poolcli.bounds(np.array([3, 3, 0, 0], np.uint8), np.array([3, 3, 9, 9], np.uint8), "mode", size=4)
    assert (found.low.item(), found.high.item()) == (0, 3)  # a tie goes to the smaller


def test_what_the_seed_draws_is_bounded_tighter_than_by_the_hull() -> None:
    """For one draw not every sample can be the one; over many windows the bounds are narrower."""
    rng = np.random.default_rng(0)
    low, high = intervals.interval(rng.integers(0, 256, (64, 64)).astype(np.uint8), 4)
    found = poolcli.bounds(low, high, "stochastic", size=4, seed=7)
    hull = poolcli.pool(high, "max", size=4).astype(float) - poolcli.pool(low, "min", size=4)
    assert (found.widths <= hull).all() and found.mean < 0.3 * hull.mean()


@pytest.mark.parametrize("name", BOUNDED)
@pytest.mark.parametrize("missing", ["nan", "nodata"])
def test_missing_samples_stay_missing(name: str, missing: str) -> None:
    """They are in no window's box; a window of nothing else has no bounds."""
    rng = np.random.default_rng(4)
    low = rng.integers(1, 9, (6, 6)).astype(float)
    high, gone = low + rng.integers(0, 3, (6, 6)), rng.random((6, 6)) < 0.3
    gone[:2, :2] = True
    value = np.nan if missing == "nan" else 0.0
    low, high = (np.where(gone, value, end) for end in (low, high))
    options: dict[str, Any] = {"nan": "ignore"} if missing == "nan" else {"nodata": 0}
    found = poolcli.bounds(low, high, name, size=2, **options)
    assert np.isnan(found.low[0, 0]) and np.isnan(found.high[0, 0])
    for _ in range(8):
        check(found, poolcli.pool(np.where(gone, value, inside(rng, low, high)), name, size=2, **options))


@pytest.mark.parametrize("name", BOUNDED)
def test_nan_is_passed_on(name: str) -> None:
    """In the windows that have one, unless it is not the sample that counts."""
    low = np.arange(1.0, 17).reshape(4, 4)
    low[1, 1] = np.nan
    found = poolcli.bounds(low, low + 1, name, size=2)
    assert np.isnan(found.low).tolist() == [[REDUCERS[name].nan_wins or name == "last", False], [False, False]]
    assert np.isnan(found.high).tolist() == np.isnan(found.low).tolist()


@pytest.mark.parametrize("name", BOUNDED)
def test_infinities_are_data(name: str) -> None:
    """An end may be infinite; values that are numbers stay within."""
    low, high = np.arange(1.0, 17).reshape(4, 4), np.arange(2.0, 18).reshape(4, 4)
    high[0, 0] = high[3, 3] = low[3, 3] = np.inf
    found = poolcli.bounds(low, high, name, size=2)
    rng = np.random.default_rng(1)
    for _ in range(8):
        share = rng.random((4, 4))
        with np.errstate(invalid="ignore"):
            x = np.where(np.isinf(high), np.where(share < 0.5, low, high), low + share * (high - low))
        values = poolcli.pool(x, name, size=2)
        assert ((found.low <= values) & (values <= found.high) | np.isnan(values)).all()


@pytest.mark.parametrize("name", ["avg", "median", "lp", "soft", "std", "range", "mode", "sum"])
def test_rounding_and_saturation_are_kept(name: str) -> None:
    """Into whole numbers as pool rounds them, by any rule."""
    rng = np.random.default_rng(2)
    low, high = box(rng, "uint8", (8, 8), False)
    for dtype, how in itertools.product(["int8", "float32"], ["half-up", "floor"]):
        found = poolcli.bounds(low, high, name, size=2, dtype=dtype, round=how)
        for _ in range(5):
            check(found, poolcli.pool(inside(rng, low, high), name, size=2, dtype=dtype, round=how))


@pytest.mark.parametrize("name", ["avg", "sum", "blur", "mixed"])
def test_sums_that_cancel_are_bounded(name: str) -> None:
    """Where next to nothing is left of large magnitudes, rounding is more than one unit in the last place."""
    x = np.array([1e16, 1.0, -1e16, 1e-9] * 4)
    for dtype in ("float32", "float64"):
        part = x.astype(dtype)
        found = poolcli.bounds(part, part, name, size=4)
        exact = poolcli.pool(part.astype(np.float64), name, size=4)  # in pairs
        assert (found.low <= exact).all() and (exact <= found.high).all()


@pytest.mark.parametrize("call", [("mixed", {"size": 2, "weight": 0.3}), ("mixed", {"size": 2, "weight": 1 / 3}),
                                  ("blur", {"size": 31}), ("blur", {"size": 60})])
def test_a_box_without_width_holds_the_exact_value(call: tuple[str, dict[str, Any]]) -> None:
    """What is called exact holds for the formula, in fractions, not only for what ``pool`` computes."""
    name, options = call
    rng = np.random.default_rng(4)
    size = options["size"]
    weights = [Fraction(comb(size - 1, j), 2 ** (size - 1)) for j in range(size)]
    w = Fraction(options.get("weight", 0))
    for x in [rng.normal(size=size) for _ in range(100)] + [rng.integers(0, 256, size, np.uint8) for _ in range(100)]:
        found = poolcli.bounds(x, x, name, **options)
        samples = [Fraction(v) for v in x.tolist()]
        exact = (w * max(samples) + (1 - w) * sum(samples) / size if name == "mixed" else
                 sum(a * b for a, b in zip(samples, weights, strict=True)))
        low, high = (Fraction(float(end[0])) for end in (found.low, found.high))
        assert low <= exact <= high or (low == high == float(exact) and x.dtype.kind != "f")
        assert found.low[0] <= poolcli.pool(x, name, **options)[0] <= found.high[0]


@pytest.mark.parametrize("name", ["sum", "var", "std", "range"])
@pytest.mark.parametrize("scale", [1e160, 1e307])
def test_bounds_near_the_largest_float_hold_without_a_warning(name: str, scale: float) -> None:
    """Squares overflow, and the bounds of their roots do not: warnings are errors here."""
    x = np.random.default_rng(8).uniform(-1, 1, 400) * scale
    apart = np.random.default_rng(9).uniform(0, 0.1, 400) * scale
    found = poolcli.bounds(x - apart, x + apart, name, size=20, dtype="float64")
    values = poolcli.pool(x, name, size=20)
    assert (found.low <= values).all() and (values <= found.high).all()
    assert name != "std" or scale > 1e200 or np.isfinite(found.high).all()


def test_only_what_computes_is_rounded_outward() -> None:
    """Picks are the sample itself; integers are exact; a float average is one unit wider on each side."""
    x = np.array([1.0, 2.5], np.float32)
    assert [poolcli.bounds(x, x, name, size=2).rounded for name in ("max", "median", "avg", "subsample")] == [
        False, True, True, False]
    found = poolcli.bounds(x, x, "avg", size=2)
    assert found.low.item() == np.nextafter(np.float32(1.75), np.float32(0))
    assert found.high.item() == np.nextafter(np.float32(1.75), np.float32(2))
    assert not poolcli.bounds(x[:1], x[:1], "median", size=1).rounded
    assert not poolcli.bounds(x.astype(np.uint8), x.astype(np.uint8), "avg", size=2).rounded


@pytest.mark.parametrize("dtype", DTYPES)
def test_intervals_stay_within_the_dtype(dtype: str) -> None:
    """Nothing wraps, whatever eps is; the array itself lies within."""
    info = np.finfo(dtype) if dtype.startswith("float") else None if dtype == "bool" else np.iinfo(dtype)
    x = np.array([False, True]) if info is None else np.array([info.min, 0, 1, info.max], dtype)
    for eps in (0, 0.5, 1, 2.5, 1e30):
        low, high = poolcli.interval(x, eps)
        assert low.dtype == high.dtype == x.dtype and (low <= x).all() and (x <= high).all()
        assert np.isfinite(low.astype(float)).all() and np.isfinite(high.astype(float)).all()
    assert (poolcli.interval(x, 0)[0] == x).all()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint64", "int64"])
def test_intervals_of_whole_numbers_are_those_of_arithmetic_without_end(dtype: str) -> None:
    """x - floor(eps) and x + floor(eps), then clipped; modular arithmetic within leaves no trace."""
    least, most = (0, 1) if dtype == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    x = sorted({least, least + 1, -3 if least else 1, 0, 1, most - 7 if most > 9 else 0, most})
    for eps, clip in itertools.product([0, 0.5, 1, 3.9, 200, 256, 1e30], [None, (0, 1), (-5, 9), (-1000, 1000)]):
        low, high = (least, most) if clip is None else (max(least, clip[0]), min(most, clip[1]))
        for sign, found in zip((-1, 1), poolcli.interval(np.array(x, dtype), eps, clip=clip), strict=True):
            assert found.tolist() == [min(max(n + sign * int(eps), low), high) for n in x]


def test_intervals_are_clipped_and_leave_what_is_missing() -> None:
    """To clip; NaN, infinities and nodata stay, and nothing moves onto nodata."""
    low, high = poolcli.interval(np.array([0.1, np.nan, np.inf, 0.9, 7.0]), 0.2, clip=(0, 1))
    np.testing.assert_array_equal(low, [0, np.nan, np.inf, 0.7, 1])
    np.testing.assert_array_equal(high, [0.1 + 0.2, np.nan, np.inf, 1, 1])
    low, high = poolcli.interval(np.array([0, 1, 5], np.uint8), 1, nodata=0)
    assert low.tolist() == [0, 1, 4] and high.tolist() == [0, 2, 6]


@pytest.mark.parametrize(("call", "said"), [
    (lambda: poolcli.interval([1], -1), "eps must be 0 or more"),
    (lambda: poolcli.interval([1], "far"), "eps must be 0 or more"),
    (lambda: poolcli.interval([1.0], 1, clip=(2, 1)), "clip must be the least and the largest"),
    (lambda: poolcli.interval([1], 1, clip=(0.2, 0.8)), "holds no int64 value"),
    (lambda: poolcli.bounds([1, 2], [3]), "two arrays of one shape and dtype"),
    (lambda: poolcli.bounds([1, 2], [1.0, 2.0]), "two arrays of one shape and dtype"),
    (lambda: poolcli.bounds([1, 3], [2, 2]), "low is 3 and high 2 at (1,)"),
    (lambda: poolcli.bounds([1.0, np.nan], [2.0, 2.0]), "is missing"),
    (lambda: poolcli.bounds([-1, 2], [1, 2], "stochastic"), "no meaning for negative values"),
    (lambda: poolcli.bounds([np.nan, 2], [np.nan, 2], "soft", dtype="uint8"), "no place for it"),
])
def test_what_cannot_be_bounded_is_told(call: Any, said: str) -> None:
    """PoolError with what is wrong."""
    with pytest.raises(PoolError, match=said.replace("(", r"\(").replace(")", r"\)")):
        call()


def test_what_the_row_does_not_say_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a reducer that is known by its core alone nothing is certified: its bounds would hold by chance."""
    bare = Reducer("mean_of_roots", "A reducer of which nobody said anything.", "?", "float", REDUCERS["avg"].core)
    for row, said in ((bare, "grows with its samples"), (replace(bare, monotone=True), "floats are rounded"),
                      (replace(bare, error_model="sum"), "grows with its samples")):
        monkeypatch.setitem(cast(dict[str, Reducer], REDUCERS), row.name, row)
        with pytest.raises(PoolError, match=f"mean_of_roots has no certified bounds, for nobody says .*{said}"):
            poolcli.bounds(np.zeros(4), np.ones(4), row.name, size=2)


def list_values(low: Array, high: Array, reducer: str) -> list[Fraction]:
    """What a window of whole numbers can become, every combination tried."""
    found = []
    for samples in itertools.product(*(range(a, b + 1) for a, b in zip(low.tolist(), high.tolist(), strict=True))):
        n, times = len(samples), {x: samples.count(x) for x in samples}
        found.append({
            "mode": lambda x=samples, t=times: Fraction(min(v for v in x if t[v] == max(t.values()))),
            "range": lambda x=samples: Fraction(max(x) - min(x)),
            "var": lambda x=samples, n=n: Fraction(n * sum(v * v for v in x) - sum(x) ** 2, n * n)}[reducer]())
    return found


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32"])
@pytest.mark.parametrize("reducer", ["mode", "range", "var"])
def test_all_combinations_of_few_whole_numbers(reducer: str, dtype: str) -> None:
    """The bounds are the least and the largest of them, where intervals lie within one another too."""
    rng = np.random.default_rng(11)
    for count in (1, 2, 3, 4):
        low = rng.integers(0, 7, (30, count))
        high = low + rng.integers(0, 4, low.shape) * (rng.random((30, 1)) < 0.7) + 2 * (rng.random((30, 1)) < 0.3)
        shift = -4 if np.dtype(dtype).kind == "i" else 0
        found = poolcli.bounds(*((one + shift).reshape(-1).astype(dtype) for one in (low, high)), reducer, size=count)
        values = [list_values(a, b, reducer) for a, b in zip(low, high, strict=True)]
        moved = shift if reducer == "mode" else 0
        np.testing.assert_allclose(found.low, [float(min(one)) + moved for one in values], rtol=1e-15, atol=1e-12)
        np.testing.assert_allclose(found.high, [float(max(one)) + moved for one in values], rtol=1e-15, atol=1e-12)
        assert found.exact


@pytest.mark.parametrize("dtype", ["float32", "bool"])
def test_the_mode_of_few_floats_and_bits(dtype: str) -> None:
    """A value that is alone is the mode only where all others can differ and none is below it."""
    low, high = (np.array(ends).astype(dtype) for ends in ([0, 1, 1, 1], [0, 1, 1, 1]))
    found = poolcli.bounds(low, high, "mode", size=4)
    assert (found.low, found.high) == (1, 1) and found.exact
    wide = poolcli.bounds(np.zeros(4, dtype), np.ones(4, dtype), "mode", size=4)
    assert (wide.low, wide.high) == (0, 1)


def test_the_mode_of_many_is_no_value_that_must_be_alone() -> None:
    """With samples sure to be below it, a value needs two that can be it."""
    low = np.array([0, 1, 2, 3, 90], np.uint8)
    found = poolcli.bounds(low, low + np.uint8(2), "mode", size=5)
    assert (found.low, found.high) == (0, 4)


@pytest.mark.parametrize("rounding", ["floor", "ceil"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
@pytest.mark.parametrize("reducer", ["avg", "soft", "lp", "median"])
def test_whole_bounds_that_are_rounded_down_or_up(reducer: str, dtype: str, rounding: str) -> None:
    """They hold the pooled ends, and are called exact only where they are these."""
    low = np.repeat(np.arange(1, 9), 4).astype(dtype)  # equal samples: values are whole, or just beside
    high = low + np.dtype(dtype).type(2)
    options: dict[str, Any] = {"size": 4, "dtype": "uint8", "round": rounding}
    found = poolcli.bounds(low, high, reducer, **options)
    ends = [poolcli.pool(one, reducer, **options) for one in (low, high)]
    assert (found.low <= ends[0]).all() and (found.high >= ends[1]).all()
    same = (found.low == ends[0]) & (found.high == ends[1])
    assert found.share_exact <= same.mean() and found.exact <= same.all()
