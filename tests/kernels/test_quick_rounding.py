"""The roundings that run as vector code, against whole-number arithmetic, ties and negative means among them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import poolcli
from poolcli.drivers.fold import fold_driver


@pytest.mark.parametrize("large", [0, fold_driver.LARGE], ids=["small and tall kernels", "row kernel"])
@pytest.mark.parametrize("rounding", ["half-up", "half-even"])
@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_means_are_rounded_once(dtype: str, size: int, rounding: str, large: int,
                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Every mean is the exact one, rounded: a tie goes up, or to the even neighbour."""
    monkeypatch.setattr(fold_driver, "LARGE", large)
    bounds = np.iinfo(dtype)
    x = np.random.default_rng(size).integers(bounds.min, bounds.max, (48, 50), dtype=dtype, endpoint=True)
    sums = np.lib.stride_tricks.sliding_window_view(x.astype(np.int64), (size, size)).sum((2, 3))
    n = size * size
    exact = [[round(Fraction(int(s), n)) if rounding == "half-even" else (2 * int(s) + n) // (2 * n) for s in row]
             for row in sums]
    found = poolcli.pool(x, "avg", size=size, stride=1, dtype=dtype, round=rounding)
    assert found.tolist() == exact


@pytest.mark.parametrize("missing", [{}, {"nodata": 7}], ids=["all", "nodata"])
@pytest.mark.parametrize("total", [10698018013524571, 12948413088523387, 17773866095263793, 9 * 10**15 + 7])
def test_sums_beyond_doubles_are_divided_exactly(total: int, missing: dict[str, int]) -> None:
    """4 million samples of 32 bits add up to more than 2^53: their mean is rounded once all the same."""
    side = 2049
    count = side * side
    array = np.full(count, total // count, np.uint32)
    array[: total % count] += 1
    square = array.reshape(side, side)
    assert float(poolcli.pool(square, "avg", size="all", **missing)[0, 0]) == total / count  # whole numbers: exact
    rounded = poolcli.pool(square, "avg", size="all", dtype="uint32", **missing)[0, 0]
    assert int(rounded) == (2 * total + count) // (2 * count)
