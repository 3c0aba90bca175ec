"""Shares of classes, against counts window by window in NumPy."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import poolcli
from poolcli import fractions, valid_samples
from poolcli.drivers import policy
from poolcli.engine.prepared import PreparedPooling


def shares_of(x: np.ndarray, size: int, stride: int, classes: list[int], missing: int | None,
              window: bool) -> np.ndarray:
    """The share of each class in each window of a plane, as the nearest float32; NaN without samples."""
    rows, columns = (range(0, n - size + 1, stride) for n in x.shape)
    found = np.full((len(rows), len(columns), len(classes)), np.nan, np.float32)
    for a, i in enumerate(rows):
        for b, j in enumerate(columns):
            part = x[i : i + size, j : j + size].ravel().tolist()
            n = len(part) if window else sum(v != missing for v in part)
            for k, one in enumerate(classes):
                if n:
                    found[a, b, k] = np.float32(Fraction(0 if one == missing else part.count(one), n))
    return found


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["uint8", "int16", "float64"]), st.integers(1, 4), st.integers(1, 3),
       st.booleans(), st.booleans())
def test_shares_are_those_of_numpy(seed: int, dtype: str, size: int, stride: int, missing: bool,
                                   window: bool) -> None:
    """For any windows, of samples that are there or of all; and shares of counts sum to 1."""
    x = np.random.default_rng(seed).integers(0, 4, (7, 9)).astype(dtype)
    options = {"size": size, "stride": stride, "nodata": 3 if missing else None}
    found = fractions(x, of="window" if window else "valid", **options)  # type: ignore[arg-type]
    classes = [int(v) for v in np.unique(x) if not (missing and v == 3)]
    assert list(found.classes) == classes and found.values.dtype == np.float32 and found.letters == "HWC"
    np.testing.assert_array_equal(found.values, shares_of(x, size, stride, classes, 3 if missing else None, window))
    counts = fractions(x, counts=True, **options).values  # type: ignore[arg-type]
    assert counts.dtype == np.int64
    present = poolcli.pool(x, "count", **options)
    np.testing.assert_array_equal(counts.sum(axis=-1), present)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("tier", ["kernels", "numpy"])
def test_one_pass_and_a_pass_for_each_class_are_equal(dtype: str, tier: str) -> None:
    """Of classes below 0 too, those with the largest and the smallest value of a type, and few of a wide range."""
    x = np.random.default_rng(7).integers(0, 4, (8, 9)).astype(dtype)
    known = np.array([0, 1, 2, 3])
    if dtype != "uint8":
        limits = (-70_000, 70_000) if dtype in ("int32", "float32") else (np.iinfo(dtype).min, np.iinfo(dtype).max)
        known = np.array([limits[0], 1, 2, limits[1]])
        x = known[x.astype(int)].astype(dtype)
    for missing, stride in ((None, 1), (2, 1), (2, 3)):
        classes = [int(v) for v in known if v != missing]
        with policy.use_tier(tier):
            found = fractions(x, size=3, stride=stride, nodata=missing)
            named = fractions(x, size=3, stride=stride, nodata=missing, classes=classes[::-1], of="window")
        assert list(found.classes) == classes
        np.testing.assert_array_equal(found.values, shares_of(x, 3, stride, classes, missing, False))
        np.testing.assert_array_equal(named.values, shares_of(x, 3, stride, classes[::-1], missing, True))


def test_windows_of_more_samples_than_a_count_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass for each class serves them, whatever the kernel would take."""
    monkeypatch.setattr("poolcli.analysis.fractions._MOST_COUNTED", 8)
    monkeypatch.setattr("poolcli.engine.prepared.PreparedPooling.run_counts", None)
    x = np.random.default_rng(8).integers(0, 3, (6, 6)).astype(np.uint8)
    with policy.use_tier("kernels"):
        found = fractions(x, size=3)
    np.testing.assert_array_equal(found.values, shares_of(x, 3, 3, [0, 1, 2], None, False))


@pytest.mark.parametrize(("classes", "size", "stride", "one_pass"), [
    (2, 31, 1, False), (5, 10, 1, False), (30, 3, 1, True), (30, 4, 4, True)])
def test_few_classes_of_windows_that_overlap_are_means(classes: int, size: int, stride: int, one_pass: bool,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """Running sums take the same however tall windows are; many classes are counted."""
    calls = []
    counted = PreparedPooling.run_counts

    def note(*given: Any) -> Any:
        calls.append(1)
        return counted(*given)

    monkeypatch.setattr(PreparedPooling, "run_counts", note)
    x = np.arange(48 * 48).reshape(48, 48) % classes
    with policy.use_tier("kernels"):
        fractions(x.astype(np.uint8), size=size, stride=stride)
    assert bool(calls) == one_pass


def test_named_classes_keep_their_order() -> None:
    """One that does not occur has the share 0; others do not count as classes, but as samples."""
    x = np.array([[1, 2], [2, 5]], np.uint8)
    found = fractions(x, classes=[5, 9, 2], size=2)
    assert found.classes == (5, 9, 2) and found.values.tolist() == [[[0.25, 0, 0.5]]]


def test_channels_stay_and_the_new_axis_is_last() -> None:
    """Whatever the layout."""
    x = np.random.default_rng(1).integers(0, 3, (2, 6, 8))
    found = fractions(x, size=2, layout="CHW")
    assert found.values.shape == (2, 3, 4, 3) and found.letters == "CHWK"
    for channel in range(2):
        np.testing.assert_array_equal(found.values[channel], fractions(x[channel], size=2, classes=[0, 1, 2]).values)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool"])
def test_classes_of_bytes_ascend_and_are_of_samples_that_are_there(dtype: str) -> None:
    """As those of a wider type, signs included; the nodata value is none of them, nor one that does not occur."""
    x = (np.random.default_rng(3).integers(0, 2, (6, 7)) * (1 if dtype == "bool" else 100)).astype(dtype)
    x[2, 3] = -7 % 256 if dtype == "uint8" else -7 if dtype == "int8" else True
    for nodata in (None, 100) if dtype != "bool" else (None,):
        wanted = sorted(set(x.astype(int).ravel().tolist()) - {nodata})
        assert list(fractions(x, size=2, nodata=nodata).classes) == wanted


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_padding_that_is_data_has_classes(mode: str) -> None:
    """As if the array had been padded; padding of the nodata value is missing."""
    x = np.random.default_rng(2).integers(0, 3, (5, 5)).astype(np.uint8)
    more = {"constant_values": 2} if mode == "constant" else {}
    padded = np.pad(x, 1, mode=mode, **more)  # type: ignore[call-overload]
    for nodata in (None, 2):
        found = fractions(x, classes=[0, 1], size=3, stride=2, padding=1, pad_mode=mode, nodata=nodata,
                          **({"pad_value": 2} if mode == "constant" else {}))  # type: ignore[arg-type]
        wanted = fractions(padded, classes=[0, 1], size=3, stride=2, nodata=nodata)
        np.testing.assert_array_equal(found.values, wanted.values)


def test_nan_is_a_sample_of_no_class() -> None:
    """Unless it is ignored."""
    x = np.array([[1.0, np.nan], [1.0, 2.5]])
    assert fractions(x, size=2).classes == (1, 2.5)
    assert fractions(x, size=2).values.tolist() == [[[0.5, 0.25]]]
    np.testing.assert_allclose(fractions(x, size=2, nan="ignore").values, [[[2 / 3, 1 / 3]]], rtol=1e-7)


@pytest.mark.parametrize(("options", "said"), [
    ({"limit": 2}, "more than 2 classes"), ({"classes": [1, 1]}, "named twice"), ({"classes": []}, "are missing"),
    ({"classes": [300]}, "no uint8 value"), ({"classes": [0], "nodata": 0}, "is the nodata value"),
    ({"of": "all"}, "of must be valid or window"), ({"dtype": "uint8"}, "none of shares"),
    ({"divisor": 3}, "goes not with fractions")])
def test_what_cannot_be_is_told(options: dict[str, object], said: str) -> None:
    """In one line."""
    with pytest.raises(poolcli.PoolError, match=said):
        fractions(np.arange(4, dtype=np.uint8).reshape(2, 2), **options)  # type: ignore[arg-type]


def masked_shares_of(x: np.ndarray, there: np.ndarray, weights: np.ndarray, size: int, stride: int, classes: list[int],
                     window: bool, least: Fraction | int | None) -> np.ndarray:
    """The same of samples that are there, each with its weight; NaN with fewer valid ones than asked for."""
    rows, columns = (range(0, n - size + 1, stride) for n in x.shape)
    found = np.full((len(rows), len(columns), len(classes)), np.nan, np.float32)
    for a, i in enumerate(rows):
        for b, j in enumerate(columns):
            part = np.s_[i : i + size, j : j + size]
            samples = list(zip(x[part].ravel().tolist(), there[part].ravel().tolist(), weights[part].ravel().tolist(),
                               strict=True))
            valid, whole = sum(w for _, shown, w in samples if shown), sum(w for *_, w in samples)
            number = sum(shown and w > 0 for _, shown, w in samples)
            few = number < (least or 0) if not isinstance(least, Fraction) else valid < whole * least
            total = whole if window else valid
            if total and (window or number) and not few:
                for k, one in enumerate(classes):
                    share = Fraction(sum(w for v, shown, w in samples if shown and v == one), total)
                    found[a, b, k] = np.float32(share)
    return found


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["uint8", "int16", "int32", "float64"]), st.integers(1, 4),
       st.integers(1, 3), st.sampled_from([None, 0, 3]), st.booleans(), st.booleans(),
       st.sampled_from([None, 1, 3, "40%"]), st.sampled_from(["kernels", "numpy"]))
def test_what_a_mask_hides_is_missing(seed: int, dtype: str, size: int, stride: int, nodata: int | None, window: bool,
                                      weighs: bool, least: int | str | None, tier: str) -> None:
    """Of any windows, with weights or without; classes are those that are shown, and counts are of these."""
    draws = np.random.default_rng(seed)
    x, mask = draws.integers(0, 5, (7, 9)).astype(dtype), draws.integers(0, 2, (7, 9))
    weights = draws.integers(0, 4, (7, 9)) if weighs else np.ones((7, 9), int)
    there = (mask != 0) & (x != (-1 if nodata is None else nodata))
    fewest = Fraction(40, 100) if least == "40%" else None if least is None else min(int(least), size * size)
    options: dict[str, Any] = {"size": size, "stride": stride, "nodata": nodata, "mask": mask,
                               "min_valid": "40%" if least == "40%" else fewest}
    classes = np.unique(x[there]).astype(int).tolist()
    with policy.use_tier(tier):
        found = fractions(x, of="window" if window else "valid", weights=weights if weighs else None, **options)
    assert list(found.classes) == classes
    wanted = masked_shares_of(x, there, weights, size, stride, classes, window, fewest)
    np.testing.assert_array_equal(found.values, wanted)
    if not weighs:
        with policy.use_tier(tier):
            counts = fractions(x, counts=True, **options).values
        np.testing.assert_array_equal(counts.sum(axis=-1), poolcli.pool(x, "count", **options))


@pytest.mark.parametrize("of", ["valid", "window"])
@pytest.mark.parametrize("weights", [None, np.ones((2, 4), int)])
def test_a_window_without_valid_samples_is_empty_where_one_must_be(of: Any, weights: Any) -> None:
    """Of all samples of a window each class has the share 0 where nobody asks for valid ones."""
    x, mask = np.array([[1, 1, 2, 2], [1, 2, 1, 2]]), np.array([[0, 0, 1, 0], [0, 0, 0, 0]])
    options: dict[str, Any] = {"size": 2, "mask": mask, "weights": weights, "of": of, "classes": [1, 2]}
    share = [0.0, 0.25 if of == "window" else 1.0]
    empty = [np.nan, np.nan] if of == "valid" else [0.0, 0.0]
    np.testing.assert_array_equal(fractions(x, **options).values, [[empty, share]])
    np.testing.assert_array_equal(fractions(x, min_valid=1, **options).values, [[[np.nan, np.nan], share]])


def test_weights_are_looked_at_once_for_all_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each class."""
    looked, look = [], valid_samples._find_largest
    monkeypatch.setattr(valid_samples, "_find_largest", lambda weights: looked.append(1) or look(weights))
    fractions(np.arange(16).reshape(4, 4), size=2, weights=np.ones((4, 4)), min_valid=1, of="window")
    assert len(looked) == 1


@pytest.mark.parametrize("tier", ["kernels", "numpy"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(("pad_value", "nodata"), [(2, None), (2, 2), (7, None)])
def test_padding_that_is_data_stands_before_a_mask(dtype: str, tier: str, pad_value: int, nodata: int | None) -> None:
    """A class of its own, none, or missing; a class that is hidden everywhere may be named."""
    draws = np.random.default_rng(4)
    x, mask = draws.integers(0, 2, (5, 5)).astype(dtype), draws.integers(0, 2, (5, 5)).astype(bool)
    classes = [1, 0, 3] if nodata == 2 else [1, 2, 0]
    padded, shown = np.pad(x, 1, constant_values=pad_value), np.pad(mask, 1, constant_values=nodata is None)
    for window in (False, True):
        with policy.use_tier(tier):
            found = fractions(x, classes=classes, size=3, stride=2, padding=1, pad_mode="constant", pad_value=pad_value,
                              nodata=nodata, mask=mask, of="window" if window else "valid")
        wanted = masked_shares_of(padded, shown, np.ones(padded.shape, int), 3, 2, classes, window, None)
        np.testing.assert_array_equal(found.values, wanted)


@pytest.mark.parametrize("tier", ["kernels", "numpy"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_padding_of_the_nodata_value_is_missing_where_nothing_else_is(dtype: str, tier: str) -> None:
    """It is part of no share of valid samples."""
    x = np.random.default_rng(5).integers(0, 2, (5, 5)).astype(dtype)
    padded = np.pad(x, 1, constant_values=9)
    with policy.use_tier(tier):
        found = fractions(x, size=3, stride=2, padding=1, pad_mode="constant", pad_value=9, nodata=9)
    np.testing.assert_array_equal(found.values, shares_of(padded, 3, 2, [0, 1], 9, False))


def test_a_mask_of_the_pooled_axes_and_of_many_classes() -> None:
    """It hides the same of every channel; 255 classes and more have numbers of two bytes."""
    x = np.arange(2 * 20 * 20, dtype=np.int16).reshape(2, 20, 20) % 300
    mask = np.random.default_rng(6).integers(0, 2, (20, 20))
    found = fractions(x, size=4, layout="CHW", mask=mask, limit=300)
    for channel in range(2):
        wanted = masked_shares_of(x[channel], mask != 0, np.ones(mask.shape, int), 4, 4, list(found.classes), False, 1)
        np.testing.assert_array_equal(found.values[channel], wanted)


@pytest.mark.parametrize(("options", "said"), [
    ({"mask": np.ones((3, 2), int)}, "the mask has the shape 3x2"), ({"mask": np.ones((2, 2))}, "a mask is of whole"),
    ({"weights": [[1, -1], [1, 1]]}, "at least 0"), ({"weights": [[1, 1], [1, 1]], "counts": True}, "have no weights"),
    ({"mask": [[0, 0], [0, 0]]}, "no sample is present"), ({"min_valid": 5}, "more than a window"),
    ({"min_valid": "0%"}, "min_valid must be")])
def test_wrong_masks_and_weights_are_told(options: dict[str, object], said: str) -> None:
    """In one line."""
    with pytest.raises(poolcli.PoolError, match=said):
        fractions(np.arange(4, dtype=np.uint8).reshape(2, 2), size=2, **options)  # type: ignore[arg-type]
