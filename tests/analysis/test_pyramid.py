"""Levels of a pyramid, against poolings of the input sample by sample; arrays that are made of all levels."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.analysis.pyramid.pyramid_plan import plan_levels
from poolcli.pooling import parse_pooling


def noise(shape: tuple[int, ...], dtype: Any = np.uint8, seed: int = 1) -> Any:
    """Whole numbers from 0 to 255."""
    return np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)


def below(n: int, options: dict[str, Any], levels: int) -> list[list[set[int]]]:
    """For each level, the samples of an axis of n below each of its samples: by going down window by window."""
    found = [[{i} for i in range(n)]]
    for _ in range(levels):
        windows = poolcli.plan((len(found[-1]),), **options).windows[0]
        places = [range(int(a), int(b), windows.step) for a, b in zip(windows.starts, windows.stops, strict=True)]
        found.append([set().union(*(found[-1][p] for p in one if 0 <= p < windows.length)) for one in places])
    return found


TILING: list[dict[str, Any]] = [
    {"size": 2}, {"size": 3}, {"size": 2, "ceil_mode": True}, {"size": 3, "ceil_mode": True},
    {"size": 2, "padding": "same"}, {"size": 3, "padding": "same-lower"}, {"size": 2, "padding": 1},
    {"fractional": 1.5, "u": 0.3}, {"size": 4, "stride": 4, "ceil_mode": True}]


@pytest.mark.parametrize("options", TILING, ids=str)
@pytest.mark.parametrize("n", [13, 16, 19, 27])
def test_each_level_is_the_mean_of_all_samples_below(options: dict[str, Any], n: int) -> None:
    """Exactly, partial windows at the edges with what they hold: nothing drifts."""
    x = noise((n, n + 1))
    made = poolcli.pyramid(x, "avg", levels=2, **options)
    rows, columns = below(n, options, 2), below(n + 1, options, 2)
    for level in made.levels:
        assert level.exact
        for i, j in np.ndindex(level.values.shape):
            samples = [int(x[p, q]) for p in rows[level.number][i] for q in columns[level.number][j]]
            assert level.values[i, j] == float(Fraction(sum(samples), len(samples)))


@pytest.mark.parametrize(("reducer", "keywords"), [("max", {}), ("sum", {}), ("lp", {"p": 3}), ("lse", {})])
def test_other_exact_reducers(reducer: str, keywords: dict[str, Any]) -> None:
    """Level 2 of 2x2 windows is one pooling with 4x4."""
    x = noise((16, 20, 3), np.float32) / 64
    level = poolcli.pyramid(x, reducer, levels=2, **keywords).levels[2]
    assert np.array_equal(level.values, poolcli.pool(x, reducer, size=4, **keywords)) and level.exact


def test_rounded_once() -> None:
    """A level of whole numbers is the exact mean rounded, not the mean of rounded means."""
    x = noise((64, 48))
    made = poolcli.pyramid(x, "avg", levels=3, dtype="uint8")
    for level in made.levels[1:]:
        s = 2**level.number
        sums = x.reshape(64 // s, s, 48 // s, s).astype(int).sum(axis=(1, 3))
        assert np.array_equal(level.values, (2 * sums + s * s) // (2 * s * s))


def test_drift_is_what_pooling_stored_levels_would_do() -> None:
    """Level by level, each rounded: largest and mean difference, and how many differ."""
    x = noise((64, 64))
    made = poolcli.pyramid(x, "avg", levels=4, dtype="uint8")
    stored = x
    for level in made.levels[1:]:
        stored = poolcli.pool(stored, "avg", dtype="uint8")
        apart = np.abs(stored.astype(int) - level.values)
        assert level.drift is not None
        assert (level.drift.max, level.drift.mean) == (apart.max(), pytest.approx(apart.mean()))
        assert level.drift.share == (apart > 0).mean()
    assert made.levels[1].drift.share == 0 < made.levels[3].drift.share  # type: ignore[union-attr]
    assert poolcli.pyramid(x, levels=2, drift=False).levels[2].drift is None


@pytest.mark.parametrize(("reducer", "options"), [("median", {}), ("avg", {"size": 3, "stride": 2}), ("mode", {}),
                                                  ("blur", {"size": 4, "stride": 2, "padding": "same"})])
def test_other_levels_are_made_of_the_one_before(reducer: str, options: dict[str, Any]) -> None:
    """Unrounded, whatever type they are stored in."""
    x = noise((40, 33))
    plain = poolcli.pyramid(x, reducer, levels=3, **options)
    stored = poolcli.pyramid(x, reducer, levels=3, dtype="uint8", **options)
    before = x
    for one, other in zip(plain.levels[1:], stored.levels[1:], strict=True):
        rounded = poolcli.pool(before, reducer, dtype="uint8", **options)
        before = poolcli.pool(before, reducer, **options)
        assert np.array_equal(one.values, before) and np.array_equal(other.values, rounded) and not one.exact


def test_exact_or_repeated_may_be_asked_for() -> None:
    """A median of 4x4 instead of a median of medians; means of means instead of the mean."""
    x = noise((16, 16))
    assert np.array_equal(poolcli.pyramid(x, "median", levels=2, exact=True).levels[2].values,
                          poolcli.pool(x, "median", size=4))
    odd = noise((7, 7), np.float64)
    repeated = poolcli.pyramid(odd, "avg", levels=2, exact=False, ceil_mode=True).levels[2].values
    once = poolcli.pool(odd, "avg", ceil_mode=True)
    assert np.array_equal(repeated, poolcli.pool(once, "avg", ceil_mode=True))
    assert not np.array_equal(repeated, poolcli.pyramid(odd, "avg", levels=2, ceil_mode=True).levels[2].values)


def test_missing_samples() -> None:
    """A level's mean is that of the samples that are there, however they lie in the windows between."""
    x = noise((16, 16), np.float32)
    x[0:3, 0:3] = np.nan
    level = poolcli.pyramid(x, "avg", levels=2, nan="ignore").levels[2].values
    assert level[0, 0] == np.float32(math.fsum(x[:4, :4][~np.isnan(x[:4, :4])]) / 7)
    y = noise((8, 8))
    y[:2, :2], y[2, 2] = 0, 0
    for reducer, exact in (("avg", None), ("median", None), ("mode", None)):
        level = poolcli.pyramid(y, reducer, levels=2, nodata=0, dtype="uint8", exact=exact).levels[1].values
        assert level[0, 0] == 0 and level[1, 1] != 0
    made = poolcli.pyramid(y, "median", levels=2, nodata=0, dtype="uint8").levels
    there = [int(made[1].values[i, j]) for i, j in ((0, 1), (1, 0), (1, 1))]
    assert made[2].values[0, 0] == sorted(there)[1]


def test_labels_that_are_lost() -> None:
    """Against sets; missing ones are no labels."""
    x = noise((64, 64)) % 50
    for keywords, values in (({}, set(range(50))), ({"nodata": 7}, set(range(50)) - {7})):
        for level in poolcli.pyramid(x, "mode", levels=4, **keywords).levels[1:]:
            there = set(level.values.ravel().tolist())
            assert level.labels is not None
            assert set(level.labels.which) == values - there and level.labels.kept == len(values & there)
            assert level.labels.lost == len(values - there)
    assert poolcli.pyramid(x.astype(np.int64) - 9, "mode", levels=1).levels[1].labels is not None
    assert poolcli.pyramid(x, "avg", levels=1).levels[1].labels is None


@pytest.mark.parametrize("options", [*TILING, {"size": 3, "stride": 2, "padding": 1}], ids=str)
def test_scales_and_offsets_say_where_samples_are(options: dict[str, Any]) -> None:
    """Sample i of a level is centred at offset + i scale, where windows are whole and alike."""
    for level_plan in plan_levels((27, 4), parse_pooling("avg", **options), levels=2, layout="LC"):
        assert level_plan.scale[1] == 1 and level_plan.offset[1] == 0
        centres = [(min(one) + max(one)) / 2 for one in below(27, options, 2)[level_plan.number]]
        assert level_plan.centres()[0].tolist() == centres
        if options in TILING[:2]:
            assert centres == [level_plan.offset[0] + i * level_plan.scale[0] for i in range(len(centres))]


def test_how_many_levels() -> None:
    """A number of them, or as long as all sides have so many samples, or all there are."""
    x = noise((40, 100, 3))
    shapes = [level.values.shape for level in poolcli.pyramid(x, smallest=5).levels]
    assert shapes == [(40, 100, 3), (20, 50, 3), (10, 25, 3), (5, 12, 3)]
    assert poolcli.pyramid(x).levels[-1].values.shape == (1, 3, 3)
    assert poolcli.pyramid(x, ceil_mode=True).levels[-1].values.shape == (1, 1, 3)


@pytest.mark.parametrize(("keywords", "said"), [
    ({"levels": 4}, "level 4 cannot be made of level 3, which is 1x2: a window of 2 does not fit an axis of 1; "),
    ({"levels": 2, "smallest": 3}, "one of them says where the pyramid ends"), ({"levels": 0}, "from 1 to 64, not 0"),
    ({"smallest": 9}, "level 1 of 8x16 is 4x8, which has a side below 9"),
    ({"size": 1}, "which is no smaller; a stride above 1 would work"),
    ({"levels": 1, "squeeze": True}, "keep their axes"),
    ({"levels": 1, "size": 3, "stride": 2, "exact": True}, "neither overlap nor leave gaps"),
    ({"levels": 1, "exact": True, "count_include_pad": True}, "not by count_include_pad")])
def test_what_cannot_be_made(keywords: dict[str, Any], said: str) -> None:
    """PoolError, with what would work."""
    with pytest.raises(poolcli.PoolError, match=re.escape(said)):
        poolcli.pyramid(noise((8, 16)), "avg", **keywords)


@pytest.mark.parametrize(("shape", "layout", "axis"), [((8, 12), "HW", 2), ((8, 12, 3), "HWC", 2),
                                                       ((3, 8, 12), "CHW", 0),
                                                       ((2, 3, 8, 12), "NCHW", 1), ((8, 4, 4), "DHW", 3)])
def test_hypercolumns(shape: tuple[int, ...], layout: str, axis: int) -> None:
    """Each level repeated to the input's size, one behind the other along C."""
    x = noise(shape, np.float32)
    found = poolcli.hypercolumn(x, "avg", levels=2, layout=layout)
    parts = [x]
    for s in (2, 4):
        part = poolcli.pool(x, "avg", size=s, layout=layout)
        for i, letter in enumerate(layout):
            part = part if letter in "NC" else part.repeat(s, axis=i)
        parts.append(part)
    wanted = np.concatenate(parts, axis) if "C" in layout else np.stack(parts, axis)
    assert np.array_equal(found, wanted)


def test_hypercolumns_of_uneven_windows() -> None:
    """Each sample gets the level's sample whose centre is nearest."""
    x = np.arange(11.0)
    found = poolcli.hypercolumn(x, "avg", levels=1, size=3, ceil_mode=True)
    assert found.shape == (11, 2)
    centres, level = np.array([1, 4, 7, 9.5]), np.array([1, 4, 7, 9.5])
    assert found[:, 1].tolist() == [level[np.abs(centres - i).argmin()] for i in range(11)]


def test_the_earlier_of_two_nearest() -> None:
    """A sample midway between two centres, 1 and 3, takes the first."""
    found = poolcli.hypercolumn(np.arange(5.0), "avg", levels=1, size=3, stride=2)
    assert found[:, 1].tolist() == [1, 1, 1, 3, 3]


@pytest.mark.parametrize(("shape", "layout"), [((13, 10, 3), "HWC"), ((2, 3, 13, 10), "NCHW"), ((2, 9, 8, 3), "NHWC"),
                                               ((7, 9), "HW"), ((5, 6, 7), "DHW")])
def test_spatial_pyramids(shape: tuple[int, ...], layout: str) -> None:
    """Grid by grid, channel by channel, window by window; the length does not depend on the size."""
    x = noise(shape)
    found = poolcli.spp(x, "max", bins=(1, 3), layout=layout)
    order = [layout.index(letter) for letter in layout if letter in "NC"]
    order.sort(key=lambda i: "NC".index(layout[i]))
    moved = x.transpose(*order, *(i for i in range(len(layout)) if i not in order))
    batches = moved if "N" in layout else moved[None]
    batches = batches if "C" in layout else batches[:, None]
    for n, maps in enumerate(batches):
        wanted = []
        for m in (1, 3):
            for plane in maps:
                for cell in np.ndindex((m,) * plane.ndim):
                    part = tuple(slice(i * size // m, -(-(i + 1) * size // m))
                                 for i, size in zip(cell, plane.shape, strict=True))
                    wanted.append(plane[part].max())
        assert (found[n] if "N" in layout else found).tolist() == wanted


@pytest.mark.parametrize(("keywords", "said"), [({"bins": ()}, "bins are whole numbers"), ({"bins": (0,)}, "from 1"),
                                                ({"size": 2}, "size goes with")])
def test_what_spp_refuses(keywords: dict[str, Any], said: str) -> None:
    """No grids, or windows of one's own."""
    with pytest.raises(poolcli.PoolError, match=said):
        poolcli.spp(noise((8, 8)), **keywords)
