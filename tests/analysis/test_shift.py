"""How stable poolings are, on pictures whose answer is known, and by the definition written out slowly."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import poolcli
from poolcli import PoolError
from poolcli.analysis.shift.aliasing import compute_spectrum
from poolcli.analysis.shift.equivariance import blur_once, choose_shifts, measure_dense_changes
from poolcli.analysis.shift.shift import rank_rows

Array = NDArray[Any]

FOUR = ("max", "avg", "subsample", ("blur", {"size": 4, "stride": 2}))


def by_name(found: Any) -> dict[str, Any]:
    """Rows by their reducers."""
    return {row.reducer: row for row in found.rows}


def checkerboard(n: int = 32) -> Array:
    """The finest, of 0 and 1."""
    return (np.add.outer(np.arange(n), np.arange(n)) % 2).astype(float)


def zone_plate(n: int = 128) -> Array:
    """Rings whose frequency grows from 0 in the middle to 1/2 at the middle of each side."""
    y, x = np.mgrid[-n // 2 : n // 2, -n // 2 : n // 2] + 0.5
    return np.cos(np.pi * (x * x + y * y) / n)


def sine(frequency: float, n: int = 256) -> Array:
    """A wave along each row."""
    return np.sin(2 * np.pi * frequency * np.arange(n))[None].repeat(32, axis=0)


def test_a_constant_is_stable() -> None:
    """Nothing changes, nothing folds, everything is equally good; no quotient of nothing."""
    for value in (0.0, 7.3, -1e9):
        for row in poolcli.shift(np.full((20, 20), value)).rows:
            assert (row.score, row.worst, row.unchanged, row.equivariance, row.aliasing, row.rank) == (0, 0, 1, 0, 0, 1)
            assert all(blur.score == 0 and blur.aliasing == 0 and blur.gain is None for blur in row.blurred)


def test_the_finest_checkerboard() -> None:
    """Means and maxima of 2x2 see none of it; a stride alone takes all black or all white, by phase."""
    found = by_name(poolcli.shift(checkerboard(), FOUR))
    for name in ("max", "avg", "blur"):
        assert (found[name].score, found[name].aliasing, found[name].rank) == (0, 0, 1)
    alone = found["subsample"]
    assert alone.score == pytest.approx(2 / 3)  # two of the three phases swap black and white, (1, 1) does not
    assert alone.unchanged == pytest.approx(1 / 3) and alone.worst == 1
    assert alone.aliasing == pytest.approx(1, abs=1e-9) and alone.rank == 4
    assert all(blur.score == 0 and blur.gain == 1 for blur in alone.blurred)


@pytest.mark.parametrize(("frequency", "stride", "folds"), [
    (1 / 8, 2, 0), (3 / 16, 2, 0), (5 / 16, 2, 1), (3 / 8, 2, 1), (1 / 16, 4, 0), (3 / 16, 4, 1), (1 / 5, 2, 0),
    (1 / 3, 2, 1)])
def test_a_wave_folds_above_the_new_limit(frequency: float, stride: int, folds: int) -> None:
    """1 / (2 stride) cycles a sample is the limit; what a linear reducer leaves of a wave keeps its frequency."""
    for row in poolcli.shift(sine(frequency), ["subsample", "avg"], size=stride).rows:
        assert row.aliasing == pytest.approx(folds, abs=1e-4), row.stage


def test_two_waves_fold_by_their_share() -> None:
    """Amplitudes 3 below and 1 above give a tenth; a blur of m taps takes cos(pi f)^(2 m - 2) of each."""
    low, high = 1 / 16, 3 / 8
    x = 3 * sine(low) + sine(high)
    row = poolcli.shift(x, ["subsample"]).rows[0]
    assert row.aliasing == pytest.approx(1 / 10, abs=1e-4)
    for blur in row.blurred:
        kept = [a * a * np.cos(np.pi * f) ** (2 * blur.taps - 2) for a, f in ((3, low), (1, high))]
        assert blur.aliasing == pytest.approx(kept[1] / sum(kept), rel=0.03)  # a line is three bins wide


def test_a_zone_plate_ranks_reducers() -> None:
    """It has all frequencies: the wider the blur the less folds, a stride alone folds most; ranks say so."""
    found = by_name(poolcli.shift(zone_plate(), FOUR))
    order = sorted(found, key=lambda name: found[name].rank)
    assert order[0] == "blur" and order.index("avg") < order.index("subsample")
    assert order == sorted(found, key=lambda name: found[name].aliasing)
    assert found["blur"].score < found["avg"].score < found["subsample"].score
    for row in found.values():
        folded = [row.aliasing, *(blur.aliasing for blur in row.blurred)]
        assert folded == sorted(folded, reverse=True)


def test_a_blur_before_the_stride_is_the_blurs_own_row() -> None:
    """Subsampling after m taps is ``blur`` of m; the mean of 2x2 is the blur of 2."""
    x = np.random.default_rng(8).random((257, 257))
    taps = {blur.taps: blur for blur in poolcli.shift(x, ["subsample"]).rows[0].blurred}
    assert list(taps) == [2, 3, 4, 5, 6, 7]
    for m, blur in taps.items():
        row = poolcli.shift(x, [("blur", {"size": m, "stride": 2})]).rows[0]
        assert blur.score == pytest.approx(row.score, rel=0.02)  # the row has up to one cell more or less at the end
        assert blur.aliasing == pytest.approx(row.aliasing, rel=0.1, abs=0.003)  # blurred before the window
    mean = poolcli.shift(x, ["avg"]).rows[0]
    assert taps[2].aliasing == pytest.approx(mean.aliasing, rel=0.1)


@pytest.mark.parametrize("taps", [2, 3, 4, 5, 6, 7])
def test_means_of_neighbours_are_the_binomial_blur(taps: int) -> None:
    """m - 1 times, along both axes."""
    x = np.random.default_rng(1).random((12, 13, 2))
    found = x
    for _ in range(taps - 1):
        found = blur_once(found, (0, 1))
    assert found == pytest.approx(poolcli.pool(x, "blur", size=taps, stride=1), rel=1e-12)


def slowly(x: Array, reducer: str, strides: Sequence[int], most: Sequence[int], **keywords: Any) -> tuple[float, float]:
    """The score and the share of equal cells by the definition: pool x[t:], cut to the common size."""
    zero = poolcli.pool(x, reducer, stride=strides, **keywords).astype(float)
    all_moved = [poolcli.pool(x[tuple(slice(i, None) for i in t)], reducer, stride=strides, **keywords).astype(float)
                 for t in product(*(range(n + 1) for n in most)) if any(t)]
    common = np.min([y.shape for y in all_moved], axis=0)
    # a part that leaves room for one stride has the fewest windows
    room = [(n - max(s, m) - keywords["size"]) // s + 1 for n, s, m in zip(x.shape, strides, most, strict=True)]
    cut = tuple(slice(min(a, b)) for a, b in zip(common, room, strict=True))
    changes = np.array([np.abs(y[cut] - zero[cut]) for y in all_moved])
    return changes.mean() / (x.max() - x.min()), (changes == 0).mean()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["max", "min", "avg", "median", "subsample", "blur", "std", "mode"]),
       st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(1, 3), st.integers(1, 4),
       st.sampled_from(["uint8", "float32", "int16"]))
@settings(max_examples=40, deadline=None)
def test_scores_are_those_of_the_definition(seed: int, reducer: str, strides: tuple[int, int], size: int,
                                            most: int, dtype: str) -> None:
    """All phases, and a largest shift; whatever is pooled, moved by whole strides it is the same, moved."""
    x = np.random.default_rng(seed).integers(0, 9, (14, 17)).astype(dtype)
    whole = poolcli.shift(x, [reducer], size=size, stride=strides).rows[0]
    if max(strides) > 1:
        score, same = slowly(x, reducer, strides, [s - 1 for s in strides], size=size)
        assert whole.score == pytest.approx(score, rel=1e-9) and whole.unchanged == pytest.approx(same)
    else:
        assert whole.score == 0 and whole.unchanged is None and whole.shifts == 0
    farther = poolcli.shift(x, [reducer], size=size, stride=strides, max_shift=most).rows[0]
    score, same = slowly(x, reducer, strides, [most, most], size=size)
    assert farther.score == pytest.approx(score, rel=1e-9) and farther.unchanged == pytest.approx(same)
    assert farther.shifts == (most + 1) ** 2 - 1 and [d for d, _ in farther.by_shift] == list(range(1, most + 1))
    assert whole.equivariance == 0 and farther.equivariance == 0


@pytest.mark.parametrize("keywords", [
    {"size": 3, "stride": 2, "padding": 1}, {"size": 3, "stride": 2, "padding": "same"},
    {"size": 2, "stride": 3}, {"size": 3, "stride": 2, "dilation": 2}, {"size": 3, "stride": 2, "ceil_mode": True},
    {"size": 3, "stride": 2, "padding": 1, "pad_mode": "reflect"}, {"size": (4, 2)}])
@pytest.mark.parametrize("reducer", ["max", "avg", "lse", "median"])
def test_equivariance_is_exact_away_from_borders(reducer: str, keywords: dict[str, Any]) -> None:
    """Padding, dilation and partial windows touch border cells alone, and those are left out."""
    x = np.random.default_rng(2).normal(size=(40, 43, 3)).astype(np.float32)
    row = poolcli.shift(x, [reducer], **keywords).rows[0]
    assert row.equivariance == 0
    padded = "padding" in keywords or "ceil_mode" in keywords
    assert np.isnan(row.heat).any() == padded and np.isfinite(row.heat[1:-1, 1:-1]).all()


def test_what_draws_is_not_equivariant() -> None:
    """A drawn sample depends on the cell's number; the deviation is told."""
    x = np.random.default_rng(3).integers(1, 255, (32, 32), np.uint8)
    assert poolcli.shift(x, ["stochastic"]).rows[0].equivariance > 0


@pytest.mark.parametrize(("shape", "layout"), [((64,), "L"), ((40, 30), "HW"), ((40, 30, 3), "HWC"),
                                               ((3, 40, 30), "CHW"),
                                               ((2, 3, 40, 30), "NCHW"), ((12, 14, 16), "DHW")])
def test_layouts_say_the_same(shape: tuple[int, ...], layout: str) -> None:
    """Numbers of an array are those of its transpose; the heat map is that of the last two pooled axes."""
    x = np.random.default_rng(4).normal(size=shape)
    rows = poolcli.shift(x, ["max", "avg"], layout=layout).rows
    turned = poolcli.shift(np.ascontiguousarray(x.T), ["max", "avg"], layout=layout[::-1]).rows
    for a, b in zip(rows, turned, strict=True):
        assert a.score == pytest.approx(b.score) and a.aliasing == pytest.approx(b.aliasing)
        assert a.heat.ndim == 2 and a.rank == b.rank
        assert np.nanmean(a.heat) == pytest.approx(a.score)


def test_missing_samples_are_left_out() -> None:
    """NaN cells give no change; a spectrum with holes is none, of the other planes it is theirs."""
    x = np.random.default_rng(5).random((32, 32, 2))
    x[4:9, 5:7, 0] = np.nan
    row = poolcli.shift(x, ["avg"]).rows[0]
    assert np.isfinite(row.score) and row.aliasing == pytest.approx(poolcli.shift(x[..., 1], ["avg"]).rows[0].aliasing)
    alone = poolcli.shift(x[..., 0], ["avg", "max"])
    assert all(one.aliasing is None and one.rank is None and 0 < one.score < 1 for one in alone.rows)
    holes = np.where(np.isnan(x[..., 0]), -1, x[..., 0])
    assert poolcli.shift(holes, ["avg"], nodata=-1).rows[0].score == pytest.approx(
        poolcli.shift(x[..., 0], ["avg"], nan="ignore").rows[0].score)


@pytest.mark.parametrize(("fill", "keywords"), [(np.nan, {}), (np.inf, {}), (7, {"nodata": 7})])
def test_nothing_there_is_refused(fill: float, keywords: dict[str, Any]) -> None:
    """A score of 0 would call it stable."""
    with pytest.raises(PoolError, match="no sample is there"):
        poolcli.shift(np.full((16, 16), fill, np.float32), ["max"], **keywords)


def test_a_large_array_is_looked_at_in_its_middle() -> None:
    """By --crop, or by how large windows are; scores are those of the part."""
    x = np.random.default_rng(6).integers(0, 256, (1100, 1201), np.uint8)
    found = poolcli.shift(x, ["max"])
    assert found.looked_at == (1024, 1024) and not found.whole
    part = poolcli.shift(x[38:1062, 88:1112], ["max"])
    assert part.whole and part.rows[0].score == found.rows[0].score
    assert poolcli.shift(x, ["max"], crop=50).looked_at == (50, 50)
    assert poolcli.shift(x, ["max"], size=32).looked_at == (256, 256)
    many = np.zeros((1, 1024, 32, 256), np.float32)
    assert poolcli.shift(many, ["max"], layout="NCHW").looked_at == (1, 512, 32, 256)


def test_shifts_are_all_phases_or_evenly_chosen() -> None:
    """8 x 8 at most of two axes, the largest among them."""
    assert list(choose_shifts((1, 2), 64)) == [(0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    assert len(list(choose_shifts((7, 7), 64))) == 63
    many = list(choose_shifts((31, 31), 64))
    assert len(many) == 63 and (31, 31) in many and (0, 0) not in many


def test_dense_changes_agree_with_moved_pictures() -> None:
    """y_t[i] = z[t + i s], the identity that the blurs' scores rest on."""
    x = np.random.default_rng(7).random((20, 21))
    z = poolcli.pool(x, "median", size=3, stride=1)
    found = measure_dense_changes(z, (0, 1), (3, 2), [(2, 1), (0, 1)])
    by_hand = [np.abs(poolcli.pool(x[a:, b:], "median", size=3, stride=(3, 2))[:6, :9]
                      - poolcli.pool(x, "median", size=3, stride=(3, 2))[:6, :9]) for a, b in ((2, 1), (0, 1))]
    assert found.count == 108 and found.total == pytest.approx(np.sum(by_hand))


@given(st.integers(1, 33), st.integers(1, 20), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_energy_is_that_of_the_signal(h: int, w: int, seed: int) -> None:
    """Parseval: the spectrum's sum is the windowed samples', of odd and even sides, and no stride folds nothing."""
    x = np.random.default_rng(seed).normal(size=(h, w)) + 5
    found = compute_spectrum([x])
    assert found is not None
    weights = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (h, w)))
    rest = (x - (weights * x).sum() / weights.sum()) * weights
    if h * w > 1:
        assert found.energy.sum() / (h * w) == pytest.approx((rest ** 2).sum(), rel=1e-9, abs=1e-20)
    assert found.aliasing((1, 1)) == 0 and 0 <= found.aliasing((2, 3)) <= 1


def test_ranks_are_shared_by_equals() -> None:
    """1, 1, 3."""
    rows = poolcli.shift(checkerboard(), ["max", "avg", "subsample"]).rows
    assert [row.rank for row in rank_rows(rows)] == [1, 1, 3]


def test_a_sheet_of_heat_maps() -> None:
    """The part and a map for each pooling; where nothing moves it is dark."""
    x = np.zeros((64, 64))
    x[30:34, 31:36] = 1
    found = poolcli.shift(x, ["max", "avg"])
    assert found.rows[0].heat.shape == (31, 31) and found.rows[0].heat[:10].max() == 0
    assert found.rows[0].heat[13:18, 13:19].max() > 0.3
    sheet = found.sheet()
    assert sheet.dtype == np.uint8 and sheet.ndim == 3 and sheet.shape[1] > 2 * 256


@pytest.mark.parametrize("keywords", [
    {"adaptive": 3}, {"fractional": 1.5}, {"size": "all"}, {"max_shift": 0}, {"max_shift": 1.5}, {"crop": 0},
    {"size": 15}, {"max_shift": 15}, {"max_shift": 99}, {"size": 12, "stride": 12}, {"stages": ["max"], "q": 0.5}])
def test_what_cannot_be_shifted(keywords: dict[str, Any]) -> None:
    """PoolError that says why."""
    with pytest.raises(PoolError):
        poolcli.shift(np.arange(256.0).reshape(16, 16), **keywords)


def test_stages_need_one_layout() -> None:
    """Else their maps would not be of the same axes."""
    with pytest.raises(PoolError, match="one layout"):
        poolcli.shift(np.zeros((16, 16, 16)), [("max", {"layout": "DHW"}), ("avg", {"layout": "HWC"})])


def test_values_near_the_largest_float() -> None:
    """Their squares would be infinite; a constant is perfectly stable all the same."""
    for value in (1e139, 1.7e308):
        found = poolcli.shift(np.full((8, 8), value), "max").rows[0]
        assert (found.score, found.aliasing, found.equivariance) == (0, 0, 0)


@pytest.mark.parametrize("power", [-1000, -300, 300, 1020])
def test_the_unit_of_an_array_does_not_matter(power: int) -> None:
    """Scores and aliasing are shares: those of x 2^k are those of x."""
    x = np.random.default_rng(3).normal(size=(24, 24))
    plain, scaled = (poolcli.shift(one, ["avg"], size=2).rows[0] for one in (x, np.ldexp(x, power)))
    assert plain.aliasing and scaled.aliasing == pytest.approx(plain.aliasing, rel=1e-9)
    assert plain.score and (scaled.score, scaled.worst) == pytest.approx((plain.score, plain.worst), rel=1e-9)
    assert np.nanmax(np.abs(scaled.heat - plain.heat)) < 1e-9
