"""Haar's wavelet: nothing is lost, means are means, bands are PyWavelets'."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolcli
from poolcli import PoolError, haar, inverse_haar

WHOLE = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32"]
RNG = np.random.default_rng(5)


def made(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Any values, both ends of the dtype among them."""
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind == "b":
        return rng.random(shape) < 0.5
    info = np.iinfo(kind)
    x = rng.integers(info.min, info.max, shape, kind, endpoint=True)
    return np.where(rng.random(shape) < 0.3, rng.choice(np.array([info.min, info.max], kind), shape), x)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(WHOLE), st.lists(st.integers(1, 7), min_size=1, max_size=3),
       st.integers(1, 3))
def test_whole_numbers_come_back_to_the_last_bit(seed: int, dtype: str, shape: list[int], levels: int) -> None:
    """Of any sides, odd ones too; and means lie between the samples."""
    levels = min(levels, max(max(shape) - 1, 0).bit_length())
    if not levels:
        return
    x = made(tuple(shape), dtype, seed)
    bands = haar(x, levels, layout="DHW"[-len(shape):])
    back = inverse_haar(bands)
    assert back.dtype == x.dtype and (back == x).all()
    assert x.min() <= bands.low.min() and bands.low.max() <= x.max()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_floats_come_back(dtype: str) -> None:
    """To the last bit where sums fit in 53 bits, which those of float16 and of whole floats do; else nearly."""
    x = RNG.integers(-1000, 1000, (9, 14)).astype(dtype)
    assert (inverse_haar(haar(x, 3)) == x).all()
    wide = (RNG.standard_normal((9, 14)) * 10.0 ** RNG.integers(-4, 4, (9, 14))).astype(dtype)
    back = inverse_haar(haar(wide, 3))
    if dtype == "float16":
        assert (back == wide).all()
    assert np.abs(back.astype(float) - wide.astype(float)).max() <= 2.0**-49 * np.abs(wide).max()


@pytest.mark.parametrize("shape", [(12,), (8, 6), (4, 6, 8)])
def test_bands_are_those_of_pywavelets(shape: tuple[int, ...]) -> None:
    """But for the factors of an orthonormal transform: the root of 1/2 for each mean, of 2 for each difference."""
    pywt = pytest.importorskip("pywt")
    x = RNG.standard_normal(shape)
    bands = haar(x, layout="DHW"[-len(shape):])
    wanted = pywt.dwtn(x, "haar")
    for name, band in zip(("L" * len(shape), *bands.names), np.moveaxis(bands.stack(), -1, 0), strict=True):
        scale = 2 ** ((name.count("H") - name.count("L")) / 2)
        np.testing.assert_allclose(band, wanted[name.replace("L", "a").replace("H", "d")] * scale, atol=1e-14)


def test_means_are_avg_rounded_down_along_each_axis() -> None:
    """Of floats the means of 2 x 2, of whole numbers those of pairs of rows, then of columns."""
    x = RNG.random((6, 8))
    np.testing.assert_allclose(haar(x).low, poolcli.pool(x, "avg", size=2), rtol=1e-15)
    whole = RNG.integers(0, 256, (6, 8)).astype(np.uint8)
    rows = poolcli.pool(whole, "avg", size=(2, 1), dtype="uint8", round="floor")
    np.testing.assert_array_equal(haar(whole).low, poolcli.pool(rows, "avg", size=(1, 2), dtype="uint8", round="floor"))


def test_channels_are_taken_apart_one_by_one() -> None:
    """By the letters of the axes."""
    x = RNG.integers(0, 256, (3, 5, 7)).astype(np.uint8)
    bands = haar(x, 2, layout="CHW")
    assert bands.low.shape == (3, 2, 2) and bands.details[0].shape == (3, 3, 4, 3)
    np.testing.assert_array_equal(bands.low[1], haar(x[1], 2).low)
    np.testing.assert_array_equal(inverse_haar(bands), x)


def test_a_changed_band_changes_the_array() -> None:
    """Without differences it is the means again, over their windows; whole numbers stay in their range."""
    x = RNG.integers(0, 256, (4, 6)).astype(np.uint8)
    bands = haar(x)
    flat = inverse_haar(replace(bands, details=(bands.details[0] * 0,)))
    np.testing.assert_array_equal(flat, bands.low.repeat(2, 0).repeat(2, 1))
    assert inverse_haar(replace(bands, low=bands.low + 300)).min() == 255 or (bands.details[0] != 0).any()


@pytest.mark.parametrize(("call", "said"), [
    (lambda: haar(np.zeros((4, 4), np.int64)), "need more than 64 bits"),
    (lambda: haar(np.zeros((4, 4)), 3), "up to 2 would work"), (lambda: haar(np.zeros((4, 4)), 0), "whole number >= 1"),
    (lambda: haar(np.zeros((4, 4)), 2).stack(), "levels have bands of several sizes"),
    (lambda: inverse_haar(replace(haar(np.zeros((4, 4))), shape=(6, 6))), "the differences of level 1 have the shape"),
    (lambda: inverse_haar(replace(haar(np.zeros((4, 4))), low=np.zeros((1, 1)))), "the means have the shape")])
def test_what_cannot_be_is_told(call: object, said: str) -> None:
    """In one line."""
    with pytest.raises(PoolError, match=said):
        call()  # type: ignore[operator]
