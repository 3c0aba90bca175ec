"""Exponential, logarithm and cube root against the C library's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from poolcli.kernels.vector_math import cube_root, exponential, logarithm

RNG = np.random.default_rng(3)
FEW_UNITS = 2.5


@pytest.mark.parametrize("scale", [1e-9, 0.3, 10.0, 700.0])
def test_exponential(scale: float) -> None:
    """Within a few units in the last place over the whole range."""
    for x in (RNG.random(300) * 2 - 1) * scale:
        assert abs(exponential(x) - math.exp(x)) <= FEW_UNITS * math.ulp(math.exp(x)), x


@pytest.mark.parametrize("scale", [1e-9, 0.3, 10.0, 700.0])
def test_logarithm(scale: float) -> None:
    """Within a few units in the last place, near 1 of ln 2's."""
    for y in np.exp((RNG.random(300) * 2 - 1) * scale):
        assert abs(logarithm(y) - math.log(y)) <= FEW_UNITS * max(math.ulp(math.log(y)), 2.0**-60), y


@pytest.mark.parametrize("scale", [1e-9, 0.3, 10.0, 700.0])
def test_cube_root(scale: float) -> None:
    """Within four units in the last place over the whole range."""
    for y in np.exp((RNG.random(300) * 2 - 1) * scale):
        assert abs(cube_root(y) - math.cbrt(y)) <= 4 * math.ulp(math.cbrt(y)), y


def test_ends() -> None:
    """Nothing is left below e^-708; what is not finite has no logarithm."""
    assert exponential(np.float64(-709.0)) == 0.0
    assert exponential(np.float64(0.0)) == 1.0
    assert logarithm(np.float64(1.0)) == 0.0
    with np.errstate(invalid="ignore"):
        assert math.isnan(logarithm(np.float64(np.inf)))
        assert math.isnan(cube_root(np.float64(np.inf)))
    assert math.isnan(cube_root(np.float64(np.nan)))
    assert math.isnan(exponential(np.float64(np.nan)))
