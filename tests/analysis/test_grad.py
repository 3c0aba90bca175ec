"""Gradients against finite differences, against the pooling itself where it is linear, and at the odd places."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import poolcli
from poolcli import PoolError
from poolcli.analysis import unfold
from poolcli.analysis.grad import separable
from poolcli.analysis.grad.grad import differentiable_reducers, find_gradient, flatten_gradient

LINEAR = ["avg", "sum", "blur", "subsample"]
REDUCERS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in differentiable_reducers()), ("stochastic", {"expected": True}), ("lp", {"p": 1}),
    ("lp", {"p": np.inf}), ("lp", {"p": 0.7}), ("gem", {"eps": 0.3}), ("lse", {"r": -3}), ("mixed", {"weight": 1}),
    ("mixed", {"weight": 0}), ("quantile", {"q": 0.3}), ("quantile", {"q": 1}), ("avg", {"count_include_pad": True}),
    ("avg", {"divisor": 5}), ("soft", {"alpha": -2}), ("topk", {"n": 3}), ("trimmed", {"share": 0.1}),
    ("winsor", {"share": 0.4}), ("ada", {"beta": 1}), ("circmean", {"period": 20})]
OPTIONS: list[dict[str, Any]] = [
    {"size": 2}, {"size": (3, 2), "stride": (1, 2), "padding": 1},
    {"size": 2, "dilation": 2, "padding": 1, "stride": 1},
    {"size": 3, "stride": 2, "padding": "same"}, {"size": 2, "stride": 3}, {"size": 3, "stride": 2, "ceil_mode": True},
    {"adaptive": (4, 8)}, {"size": "all"}, {"size": (2, "all")}, {"fractional": 1.5, "overlapping": True},
    {"size": 3, "stride": 2, "padding": 2, "pad_mode": "reflect"},
    {"size": 3, "padding": ((7, 1),), "pad_mode": "wrap"},
    {"size": 3, "padding": 1, "pad_mode": "constant", "pad_value": 0.05}, {"size": 2, "padding": 1, "pad_mode": "edge"},
    {"size": 2, "nan": "ignore"}, {"size": 3, "stride": 1, "padding": 1, "nodata": 2}]
LAYOUTS = [((8,), "L"), ((2, 4, 3), "CHW"), ((4, 3, 2), "HWC"), ((3, 4, 3), "DHW"), ((2, 3, 2, 4, 2), "HNWCD")]


def points(shape: tuple[int, ...], options: dict[str, Any]) -> np.ndarray:
    """Positive numbers that all differ by 1/8 at least; with holes if asked."""
    x = np.random.default_rng(5).permutation(np.arange(1.0, 1 + np.prod(shape))).reshape(shape) / 8
    if options.get("nan") == "ignore":
        x[x == 1] = np.nan
        x.reshape(-1)[:2] = np.nan
    return x


def differences(x: np.ndarray, reducer: str, upstream: np.ndarray, options: dict[str, Any]) -> np.ndarray:
    """Central differences of sum(upstream * pool(x)), 0 where there is no sample."""
    found, step = np.zeros(x.shape), 2.0**-16
    for place in np.ndindex(x.shape):
        if x[place] == x[place] and x[place] != options.get("nodata"):
            moved = np.stack([x, x])
            moved[(0, *place)] += step
            moved[(1, *place)] -= step
            up, down = (poolcli.pool(one, reducer, **options) for one in moved)
            found[place] = np.nansum(upstream * (up - down)) / (2 * step)
    return found


def check(x: np.ndarray, reducer: str, options: dict[str, Any]) -> None:
    """The gradient is the limit of differences."""
    upstream = np.random.default_rng(1).normal(size=poolcli.pool(x, reducer, **options).shape)
    found = poolcli.grad(x, reducer, upstream, **options)
    assert found.shape == x.shape and found.dtype == np.float64
    np.testing.assert_allclose(found, differences(x, reducer, upstream, options), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("reducer", "own"), REDUCERS)
def test_gradients_are_limits_of_differences(reducer: str, own: dict[str, Any], options: dict[str, Any]) -> None:
    """Of every reducer, for windows of every kind, padding of every kind, and with samples missing."""
    shift = 0 if poolcli.REDUCERS[reducer].nonnegative else 1.03
    options = {**options, **own}
    x = points((4, 5), options)
    if reducer == "mad":  # whose distances would be ties
        x = np.where(x == options.get("nodata"), x, x + 0.05 * np.sin(37 * x))
    check(x - (shift if "nodata" not in options else 0), reducer, options)


@pytest.mark.parametrize(("shape", "layout"), LAYOUTS)
@pytest.mark.parametrize("reducer", ["max", "blur", "std", "median"])
def test_in_every_layout(reducer: str, shape: tuple[int, ...], layout: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One to three dimensions, channels before, behind and between; and blocks of any size give the same."""
    options = {"size": 2, "stride": 1, "padding": 1, "layout": layout}
    x = points(shape, options)
    check(x, reducer, options)
    upstream = np.random.default_rng(0).normal(size=poolcli.pool(x, reducer, **options).shape)
    whole = poolcli.grad(x, reducer, upstream, **options)
    monkeypatch.setattr(unfold, "MOST_SAMPLES", 4)
    np.testing.assert_allclose(poolcli.grad(x, reducer, upstream, **options), whole, rtol=1e-13, atol=1e-15)


@st.composite
def geometry(draw: Any) -> dict[str, Any]:
    """Windows and padding of an array of two pooled axes."""
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    options = {"size": draw(pair), "stride": draw(pair), "dilation": draw(st.tuples(*[st.integers(1, 2)] * 2)),
               "padding": draw(st.tuples(*[st.tuples(*[st.integers(0, 3)] * 2)] * 2)), "ceil_mode": draw(st.booleans()),
               "pad_mode": draw(st.sampled_from(["exclude", "constant", "reflect", "edge", "wrap"]))}
    return draw(st.sampled_from([options, {"adaptive": draw(pair)}, {"fractional": draw(st.sampled_from([1, 1.7]))}]))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(LINEAR), geometry(), st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 2)),
       st.sampled_from(["HWC", "HCW"]), st.booleans())
def test_a_linear_pooling_and_its_gradient_are_adjoint(
    reducer: str, options: dict[str, Any], shape: tuple[int, ...], layout: str, holes: bool
) -> None:
    """<grad(u), v> = <u, pool(v)>, whatever the windows; with missing samples too."""
    rng = np.random.default_rng(0)
    v = rng.normal(size=shape if layout == "HWC" else (shape[0], shape[2], shape[1]))
    v[rng.random(v.shape) < 0.2 * holes] = np.nan
    options = {**options, "layout": layout, "nan": "ignore"}
    try:
        pooled = poolcli.pool(v, reducer, **options)
    except PoolError:
        assume(False)
    upstream = rng.normal(size=pooled.shape)
    wanted = np.nansum(upstream * pooled)
    found = np.nansum(poolcli.grad(v, reducer, upstream, **options) * v)
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("reducer", [name for name, row in poolcli.REDUCERS.items() if row.picks])
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "bool"])
def test_picks_count_their_wins(reducer: str, dtype: str) -> None:
    """As many as there are windows, and where the indices say; ties go to the first."""
    x = np.random.default_rng(0).integers(0, 3, (9, 8, 2)).astype(dtype)
    options = {"size": 3, "stride": 1, "padding": 1}
    _, indices = poolcli.pool(x, reducer, return_indices=True, **options)
    found = poolcli.grad(x, reducer, **options)
    for c in range(2):
        assert (found[:, :, c].reshape(-1) == np.bincount(indices[:, :, c].reshape(-1), minlength=72)).all()


@pytest.mark.parametrize(("dtype", "wanted"), [("float16", "float16"), (">f4", "float32"), ("float64", "float64"),
                                               ("uint8", "float64"), ("bool", "float64"), ("int64", "float64")])
def test_floats_keep_their_dtype(dtype: str, wanted: str) -> None:
    """All else gets float64; the input stays as it is."""
    x = np.array([[1, 0], [1, 1]], dtype)
    x.flags.writeable = False
    for reducer in ("max", "avg", "std"):
        assert poolcli.grad(x, reducer).dtype == np.dtype(wanted)


@pytest.mark.parametrize(("reducer", "x", "wanted"), [
    ("max", [3, 1, 3, 2], [1, 0, 0, 0]), ("min", [3, 1, 1, 2], [0, 1, 0, 0]), ("range", [2, 2, 2, 2], [0, 0, 0, 0]),
    ("l2", [0, 0, 0, 0], [0, 0, 0, 0]), ("l2", [0, 0, -2, 0], [0, 0, -1, 0]), ("std", [5, 5, 5, 5], [0, 0, 0, 0]),
    (("lp", {"p": 1}), [0, -3, 2, 0], [0, -1, 1, 0]), (("lp", {"p": 0.5}), [0, 4, 0, 0], [0, 1, 0, 0]),
    (("lp", {"p": np.inf}), [2, -3, 3, 0], [0, -1, 0, 0]), (("stochastic", {"expected": True}), [0, 0, 0, 0], [0] * 4),
    (("gem", {"p": 1, "eps": 2}), [1, 2, 3, -9], [0, 0.25, 0.25, 0]), ("median", [2, 1, 2, 2], [0.5, 0, 0.5, 0]),
    ("geomean", [0, 4, 2, 8], [0, 0, 0, 0]), ("harmean", [0, 4, 2, 8], [4, 0, 0, 0]),
    ("harmean", [0, 0, 2, 8], [0] * 4), ("rms", [0, 0, 0, 0], [0, 0, 0, 0]),
    ("circmean", [0, 180, 90, 270], [np.nan] * 4), ("absmax", [-3, 1, 3, 3], [0, 0, 1, 0]),
    ("topk", [2, 3, 2, 1], [0, 0.5, 0.5, 0]), ("winsor", [1, 2, 3, 4], [0, 0.5, 0.5, 0]),
    ("centre", [4, 1, 1, 4], [0, 1, 0, 0]),
    ("mode", [4, 1, 1, 4], [0, 1, 0, 0]), ("subsample", [4, 1, 1, 4], [1, 0, 0, 0]),
    ("max", [1, np.nan, 3, np.nan], [0, 0, 0, 1]), ("avg", [1, np.nan, 3, 4], [0.25] * 4),
    ("var", [1, np.nan, 3, 4], [np.nan] * 4), ("median", [1, np.nan, 3, 4], [np.nan] * 4),
    ("range", [1, np.nan, 3, 4], [np.nan] * 4), ("lse", [np.inf, 1, 2, 3], [np.nan] * 4),
    ("soft", [-np.inf, 1, 1, -np.inf], [0, 0.5, 0.5, 0]), ("lse", [1e4, 1e4, -1e4, 0], [0.5, 0.5, 0, 0]),
    ("lse", [-1e4, -1e4, -2e4, -3e4], [0.5, 0.5, 0, 0]), ("soft", [-1e4, -1e4, -2e4, -3e4], [0.5, 0.5, 0, 0]),
    ("l2", [3e300, 4e300, 0, 0], [0.6, 0.8, 0, 0]), ("std", [1e200, -1e200, 1e200, -1e200], [0.25, -0.25] * 2),
    ("gem", [1e200, 1e200, 1e200, 1e200], [0.25] * 4),
])
def test_where_there_is_no_derivative(reducer: Any, x: list[float], wanted: list[float]) -> None:
    """The choice that the documentation names; and nothing overflows."""
    name, own = reducer if isinstance(reducer, tuple) else (reducer, {})
    found = poolcli.grad(np.array(x, np.float64), name, size=4, **own)
    np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_large_integers_are_ranked_as_they_are() -> None:
    """float64 would take these for ties."""
    x = np.array([2**60 + 2, 2**60 + 1, 2**60])
    assert poolcli.grad(x, "median", size=3).tolist() == [0, 1, 0]


@pytest.mark.parametrize("reducer", differentiable_reducers())
def test_missing_samples_have_nothing_and_windows_of_them_give_nothing(reducer: str) -> None:
    """NaN that is passed over, and nodata."""
    for dtype, hole, options in ((np.float64, np.nan, {"nan": "ignore"}), (np.int16, 7, {"nodata": 7})):
        x = np.array([hole, hole, 3, hole, 5, 6]).astype(dtype)
        found = poolcli.grad(x, reducer, size=2, **options)
        assert found[[0, 1, 3]].tolist() == [0, 0, 0] and np.isfinite(found).all()
        alone = {"sum": 1, "lp": 1, "l2": 1, "var": 0, "std": 0, "range": 0, "mad": 0, "count": 0}.get(reducer, 1)
        assert found[2] == pytest.approx(alone)


def test_a_reducer_without_a_gradient_is_named() -> None:
    """With those that have one: all nineteen that there were when this was written."""
    assert len(differentiable_reducers()) >= 19
    with pytest.raises(PoolError, match="the gradient of rms is not known; those that are: max, min, avg, "):
        find_gradient(replace(poolcli.REDUCERS["var"], name="rms", derivative=""))


@pytest.mark.parametrize(("options", "said"), [
    ({"upstream": [1, 2]}, "upstream has the shape 2, the result 2x2; one number for each value would work"),
    ({"p": 3}, "p is a parameter of lp, gem, not of max"), ({"size": 9}, "does not fit"),
    ({"upstream": ["a"]}, "dtype"),
])
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    """PoolError, with what would work."""
    with pytest.raises(PoolError, match=said):
        poolcli.grad(np.eye(4), **options)
    with pytest.raises(PoolError, match="no meaning for negative"):
        poolcli.grad(-np.eye(4), "stochastic")


def test_squeezed_results_take_squeezed_upstreams_and_empty_batches_are_empty() -> None:
    """Shapes are the pooling's; dtype and rounding are passed over."""
    x = np.arange(12.0).reshape(3, 4)
    upstream = np.array([1.0, 2.0])
    found = poolcli.grad(x, "max", upstream, size=(3, 2), squeeze=True, dtype="uint8", round="floor")
    assert found[2].tolist() == [0, 1, 0, 2] and not found[:2].any()
    for reducer in differentiable_reducers():
        assert poolcli.grad(np.zeros((0, 4, 4)), reducer, layout="NHW").shape == (0, 4, 4)


def test_a_map_has_the_last_two_pooled_axes() -> None:
    """All else is added up; of one axis it is a row."""
    x = np.arange(2.0 * 3 * 4 * 2).reshape(2, 3, 4, 2)
    assert (flatten_gradient(x, "DHWC") == x.sum(axis=(0, 3))).all()
    assert (flatten_gradient(x, "NHCW") == x.sum(axis=(0, 2))).all()
    assert (flatten_gradient(x[0, 0], "LC") == x[0, 0].sum(axis=1)[None]).all()
    assert flatten_gradient(np.array([[np.nan, 1]])).tolist() == [[0, 1]]


def test_a_nan_in_a_window_makes_the_slope_of_range_nan_at_all_of_its_samples() -> None:
    """max - min of a NaN is NaN wherever its samples are; other windows, and --nan ignore, keep their numbers."""
    x = np.array([1.0, np.nan, 3.0, 5.0, 2.0, 4.0])
    np.testing.assert_array_equal(poolcli.grad(x, "range", size=3), [np.nan, np.nan, np.nan, 1, -1, 0])
    np.testing.assert_array_equal(poolcli.grad(x, "range", size=3, nan="ignore"), [-1, 0, 1, 1, -1, 0])


@pytest.mark.parametrize("options", [
    {"size": 3, "stride": 2, "padding": 1}, {"adaptive": 4}, {"size": 2, "stride": 3},
    {"size": 5, "stride": 1, "padding": 2, "pad_mode": "reflect"}], ids=str)
@pytest.mark.parametrize(("reducer", "own"), [
    ("var", {}), ("std", {}), ("soft", {}), ("lse", {"r": 2}), ("lse", {"r": -1}), ("lp", {"p": 3}), ("lp", {"p": 0.5}),
    ("gem", {}), ("stochastic", {"expected": True})], ids=str)
def test_bytes_have_the_gradient_of_the_same_floats(
    reducer: str, own: dict[str, Any], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go another way: numbers of samples times sums of windows' numbers, band by band."""
    monkeypatch.setattr(separable, "ROWS_SAMPLES", 40)
    rng = np.random.default_rng(3)
    x = rng.integers(0, 200, (9, 8, 2)).astype(np.uint8)
    x[:4] = 7  # windows of equal samples
    upstream = rng.normal(size=poolcli.pool(x, reducer, **options, **own).shape)
    found, expected = (poolcli.grad(one, reducer, upstream, **options, **own) for one in (x, x.astype(np.float64)))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("q", [0.5, 0.25, 1.0, 0.4])
def test_ranks_of_many_windows_at_once(q: float) -> None:
    """The sample that has the rank gets it all, of equal ones the one that a stable sort puts there."""
    x = np.random.default_rng(4).integers(0, 4, (12, 14)).astype(np.uint8)
    upstream = np.arange(1.0, 1 + 10 * 12).reshape(10, 12)
    expected = np.zeros(x.shape)
    for i, j in np.ndindex(10, 12):
        window = x[i : i + 3, j : j + 3].reshape(-1)
        order, h = np.argsort(window, kind="stable"), 8 * q
        for rank, weight in ((int(h), 1 - h % 1), (int(h) + 1, h % 1)):
            if weight:
                expected[i + order[rank] // 3, j + order[rank] % 3] += weight * upstream[i, j]
    found = poolcli.grad(x, "quantile", upstream, q=q, size=3, stride=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
