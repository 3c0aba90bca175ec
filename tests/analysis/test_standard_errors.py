"""Standard errors of sums and means: the formula in fractions, what samples drawn anew scatter by, what is missing."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolcli
from poolcli import PoolError

RNG = np.random.default_rng(7)


def error_of(s: list[float], w: list[float], reducer: str) -> float:
    """By the formula, exact but for the root."""
    if not s:
        return math.nan
    squares = sum(Fraction(a) ** 2 * Fraction(b) ** 2 for a, b in zip(s, w, strict=True))
    return math.sqrt(squares) / (float(sum(map(Fraction, w))) if reducer == "avg" else 1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["avg", "sum"]), st.integers(1, 4), st.integers(1, 3), st.booleans(),
       st.booleans())
def test_errors_are_those_of_the_formula(seed: int, reducer: str, size: int, stride: int, weighted: bool,
                                         masked: bool) -> None:
    """With weights, masks and nodata; values are those without errors."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, (7, 9)).astype(np.int16)
    s, w = rng.random((7, 9)), rng.integers(0, 4, (7, 9)).astype(float)
    mask = rng.random((7, 9)) < 0.7
    more: dict[str, Any] = {"weights": w} if weighted else {}
    more |= {"mask": mask} if masked else {}
    options: dict[str, Any] = {"size": size, "stride": stride, "nodata": 3, "dtype": "float64", **more}
    values, errors = poolcli.pool(x, reducer, sigma=s, **options)
    np.testing.assert_array_equal(values, poolcli.pool(x, reducer, **options))
    for i, j in np.ndindex(values.shape):
        at = slice(i * stride, i * stride + size), slice(j * stride, j * stride + size)
        there = (x[at] != 3) & (mask[at] if masked else True) & ((w[at] > 0) if weighted else True)
        wanted = error_of(s[at][there].tolist(), (w[at][there] if weighted else np.ones(there.sum())).tolist(), reducer)
        np.testing.assert_allclose(errors[i, j], wanted, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_errors_of_one_number_are_one_number(dtype: str) -> None:
    """Of squeezed axes nothing is left to assign to."""
    x = np.arange(12, dtype=np.uint8).reshape(3, 4)
    options: dict[str, Any] = {"size": "all", "squeeze": True, "sigma": np.full((3, 4), 2.0), "dtype": dtype}
    _, errors = poolcli.pool(x, "avg", **options)
    assert errors.shape == () and math.isclose(float(errors), 2 / math.sqrt(12), rel_tol=1e-6)
    _, none = poolcli.pool(x, "avg", mask=np.zeros((3, 4), np.uint8), nodata=7, **options)
    assert none.shape == () and math.isnan(none)


def test_they_are_what_samples_drawn_anew_scatter_by() -> None:
    """4,000 arrays with these errors: the deviation of their means is within 6 % of what is said."""
    x, s = RNG.random((6, 6)), RNG.random((6, 6)) + 0.1
    drawn = poolcli.pool(x + s * RNG.standard_normal((4000, 6, 6)), "avg", size=3, layout="NHW")
    _, errors = poolcli.pool(x, "avg", size=3, sigma=s)
    np.testing.assert_allclose(drawn.std(axis=0), errors, rtol=0.06)


def test_what_a_mean_is_divided_by_divides_its_error() -> None:
    """The padded window's size, or a divisor of one's own."""
    s = np.ones((4, 4))
    _, padded = poolcli.pool(s, "avg", size=2, padding=1, sigma=s, count_include_pad=True)
    _, plain = poolcli.pool(s, "avg", size=2, padding=1, sigma=s)
    assert (padded[0, 0], plain[0, 0], padded[1, 1]) == (0.25, 1.0, 0.5)
    _, divided = poolcli.pool(s, "avg", size=2, sigma=s, divisor=10)
    np.testing.assert_allclose(divided, 0.2)


def test_missing_and_unknown() -> None:
    """Windows without samples, or with too few, have no error; one that is unknown makes the result's unknown."""
    x = np.array([[np.nan, 1.0, 2.0, 3.0]])
    s = np.array([[np.nan, 3.0, 4.0, np.nan]])
    _, errors = poolcli.pool(x, "sum", size=(1, 2), sigma=s, nan="ignore")
    assert errors[0, 0] == 3 and np.isnan(errors[0, 1])
    _, few = poolcli.pool(x, "sum", size=(1, 2), sigma=np.ones((1, 4)), nan="ignore", min_valid="100%")
    assert np.isnan(few[0, 0]) and few[0, 1] == pytest.approx(2**0.5)
    _, large = poolcli.pool(x[:, 1:], "sum", size=(1, 3), sigma=np.full((1, 3), 1e300))
    assert large[0, 0] == pytest.approx(3**0.5 * 1e300)
    channels, errors = poolcli.pool(np.ones((4, 4, 3), np.float32), "avg", sigma=np.ones((4, 4)))
    assert channels.dtype == errors.dtype == np.float32 and errors.shape == (2, 2, 3)


@pytest.mark.parametrize(("reducer", "options", "said"), [
    ("max", {}, "max has no standard error here; those that have: avg, sum"),
    ("avg", {"sigma": np.full((4, 4), -1.0)}, "are at least 0"),
    ("avg", {"sigma": np.ones((3, 3))}, "has the shape 3x3"),
    ("avg", {"padding": 1, "pad_mode": "edge"}, "not independent"),
    ("avg", {"return_valid": True}, "goes with neither")])
def test_what_cannot_be_is_told(reducer: str, options: dict[str, Any], said: str) -> None:
    """In one line."""
    with pytest.raises(PoolError, match=said):
        poolcli.pool(np.ones((4, 4)), reducer, **{"sigma": np.ones((4, 4)), **options})
