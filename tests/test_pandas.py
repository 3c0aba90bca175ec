"""Series of pandas: values of the array, an index where windows are centred."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.errors import PoolError

pandas = pytest.importorskip("pandas")
VALUES = np.random.default_rng(0).normal(size=24)
INDEXES: dict[str, Any] = {
    "default": None, "range": pandas.RangeIndex(10, 82, 3), "floats": pandas.Index(np.arange(24) * 0.1),
    "hours": pandas.date_range("2024-03-30", periods=24, freq="h"),
    "zone": pandas.date_range("2024-03-30", periods=24, freq="h", tz="Europe/Berlin"),
    "differences": pandas.timedelta_range("1s", periods=24, freq="250ms"),
}


@pytest.mark.parametrize("options", [{"size": 4}, {"size": 3, "stride": 1, "padding": 1}, {"size": 2, "dilation": 3},
                                     {"adaptive": 5}, {"size": "all"}], ids=str)
@pytest.mark.parametrize("index", INDEXES)
def test_index_is_the_centres(index: str, options: dict[str, Any]) -> None:
    """The middle of each window's first and last sample, exactly; values are those of the array."""
    series = pandas.Series(VALUES, INDEXES[index], name="speed")
    made = poolcli.pool(series, "median", **options)
    assert isinstance(made, pandas.Series) and made.name == "speed"
    np.testing.assert_array_equal(made.to_numpy(), poolcli.pool(VALUES, "median", **options))
    step = series.index[1] - series.index[0]
    k, d, s = options.get("size", 1), options.get("dilation", 1), options.get("stride", options.get("size"))
    if "adaptive" in options:
        centres = [((i * 24) // 5 + -(-(i + 1) * 24 // 5) - 1) / 2 for i in range(5)]
    elif k == "all":
        centres = [11.5]
    else:
        centres = [-options.get("padding", 0) + d * (k - 1) / 2 + s * i for i in range(len(made))]
    wanted = [series.index[0] + step * centre for centre in centres]
    if index == "floats":
        np.testing.assert_allclose(made.index, wanted, rtol=1e-12)
    else:
        assert list(made.index) == wanted and getattr(made.index, "tz", None) == getattr(series.index, "tz", None)


def test_windows_of_rolling() -> None:
    """Centred windows of pandas are ours, where they are whole."""
    series = pandas.Series(VALUES, INDEXES["hours"])
    wanted = series.rolling(5, center=True).max().dropna()
    pandas.testing.assert_series_equal(poolcli.pool(series, "max", size=5, stride=1), wanted, check_freq=False,
                                       check_index_type=False)


@pytest.mark.parametrize(("given", "words"), [
    (pandas.Series(VALUES, np.arange(24) ** 2), "not evenly spaced"), (pandas.Series([1.0, 2.0], ["a", "b"]), "evenly"),
    (pandas.DataFrame({"a": VALUES}), "a column of it"), (pandas.Series(["x", "y"]), "not an array|object|str")])
def test_what_has_no_place(given: Any, words: str) -> None:
    """Is an error that says what would work."""
    with pytest.raises(PoolError, match=words):
        poolcli.pool(given, "max", size=2)


def test_arrays_options() -> None:
    """Indices and ``out`` are of arrays."""
    for wish in ({"return_indices": True}, {"out": np.empty(12)}):
        with pytest.raises(PoolError, match="to_numpy"):
            poolcli.pool(pandas.Series(VALUES), "max", size=2, **wish)


def test_masks_and_weights_of_a_series() -> None:
    """Of the same index: the mean with weights, and how many hours were valid."""
    series = pandas.Series(VALUES, INDEXES["hours"], name="speed")
    weights, mask = pandas.Series(np.arange(24.0), series.index), pandas.Series(VALUES > 0, series.index)
    made = poolcli.pool(series, "avg", size=4, weights=weights)
    wanted = (series * weights).to_numpy().reshape(6, 4).sum(1) / weights.to_numpy().reshape(6, 4).sum(1)
    np.testing.assert_allclose(made.to_numpy(), wanted, rtol=1e-12)
    high, valid = poolcli.pool(series, "max", size=4, mask=mask, return_valid=True)
    assert list(valid) == list(mask.to_numpy().reshape(6, 4).sum(1)) and valid.index.equals(high.index)
    assert (high.name, valid.name) == ("speed", "valid")
    with pytest.raises(PoolError, match="mask has another index than the samples"):
        poolcli.pool(series, "max", size=4, mask=mask.reset_index(drop=True))


def test_scores_and_errors_of_a_series() -> None:
    """The value at the highest score, and standard errors with the values' index."""
    series = pandas.Series(VALUES, pandas.date_range("2024-01-01", periods=24, freq="h"))
    score = pandas.Series(np.random.default_rng(0).permutation(24), series.index)
    best = poolcli.pool(series, "max", size=4, by=score)
    at = score.to_numpy().reshape(6, 4).argmax(1) + np.arange(0, 24, 4)
    assert list(best) == list(VALUES[at]) and best.index.equals(poolcli.pool(series, "max", size=4).index)
    mean, error = poolcli.pool(series, "avg", size=4, sigma=pandas.Series(np.full(24, 3.0), series.index))
    assert error.index.equals(mean.index) and error.name == "sigma" and set(error) == {1.5}
    for what in ("by", "sigma"):
        with pytest.raises(PoolError, match=f"{what} has another index than the samples"):
            poolcli.pool(series, "max" if what == "by" else "avg", size=4, **{what: score.reset_index(drop=True)})
