"""Areas: windows that begin and end within samples, against fractions in plain Python."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import PoolError
from poolcli.core.boxes import input_box, subplan
from poolcli.core.place import Place
from poolcli.core.reducers import REDUCERS
from poolcli.drivers import policy

RNG = np.random.default_rng(5)
X = RNG.integers(0, 256, (13, 17)).astype(np.uint8)
ASKED: list[tuple[dict[str, Any], tuple[Fraction, Fraction]]] = [
    ({"area": (5, 4)}, (Fraction(13, 5), Fraction(17, 4))),
    ({"scale": 2.5}, (Fraction(5, 2), Fraction(5, 2))),
    ({"scale": ("8/3", 1)}, (Fraction(8, 3), Fraction(1))),
    ({"area": ("all", 1)}, (Fraction(1), Fraction(17))),
    ({"scale": "1.01"}, (Fraction(101, 100), Fraction(101, 100))),
]


def shares(n: int, ratio: Fraction) -> list[list[tuple[int, Fraction]]]:
    """For each window of an axis its samples, and the part of each that lies in it."""
    ends = [(i * ratio, (i + 1) * ratio) for i in range(int(n / ratio))]
    return [[(j, min(b, Fraction(j + 1)) - max(a, Fraction(j))) for j in range(math.floor(a), math.ceil(b))]
            for a, b in ends]


def weighed(x: np.ndarray, ratios: tuple[Fraction, Fraction]) -> list[list[tuple[int, Fraction]]]:
    """For each window its samples and their parts, as a product of both axes."""
    rows, columns = (shares(n, ratio) for n, ratio in zip(x.shape, ratios, strict=True))
    return [[(int(x[p, q]), u * v) for p, u in row for q, v in column] for row in rows for column in columns]


def value(reducer: str, samples: list[tuple[int, Fraction]]) -> Fraction | float:
    """The value of weighed integers, exact where it is rational."""
    total = sum(w for _, w in samples)
    mean = sum(x * w for x, w in samples) / total
    if reducer in ("avg", "sum"):
        return mean if reducer == "avg" else mean * total
    if reducer == "max":
        return max(x for x, _ in samples)
    if reducer == "var":
        return sum(w * (x - mean) ** 2 for x, w in samples) / total
    if reducer == "l2":
        return math.sqrt(sum(w * x * x for x, w in samples))
    ranked = np.quantile([x for x, _ in samples], 0.5, weights=[float(w) for _, w in samples], method="inverted_cdf")
    return float(ranked)


@pytest.mark.parametrize(("options", "ratios"), ASKED, ids=str)
@pytest.mark.parametrize("reducer", ["avg", "sum", "max", "var", "l2", "median"])
def test_samples_count_by_their_part(reducer: str, options: dict[str, Any], ratios: Any) -> None:
    """Exactly, where the value is rational: the nearest double of the fraction."""
    found = poolcli.pool(X, reducer, dtype="float64", **options).reshape(-1).tolist()
    wanted = [float(value(reducer, samples)) for samples in weighed(X, ratios)]
    assert found == (pytest.approx(wanted, rel=1e-14) if reducer == "l2" else wanted)


@pytest.mark.parametrize("how", ["half-up", "half-even", "floor", "ceil"])
def test_bytes_are_rounded_once(how: str) -> None:
    """From the exact fraction, by each rule; sums of whole numbers are floats unless a type is asked for."""
    rules: dict[str, Any] = {"half-up": lambda v: math.floor(v + Fraction(1, 2)), "half-even": round,
                             "floor": math.floor, "ceil": math.ceil}
    for options, ratios in ASKED:
        found = poolcli.pool(X, "avg", dtype="uint8", round=how, **options)
        assert found.reshape(-1).tolist() == [rules[how](value("avg", one)) for one in weighed(X, ratios)]
        with policy.use_tier("kernels"):
            sums = poolcli.pool(X, "sum", dtype="uint8", round=how, **options)
        wanted = [min(rules[how](value("sum", one)), 255) for one in weighed(X, ratios)]
        assert sums.reshape(-1).tolist() == wanted
    assert poolcli.pool(X, "sum", scale=2.5).dtype == np.float64


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64"])
@pytest.mark.parametrize("reducer", REDUCERS)
def test_whole_ratios_are_fixed_windows(reducer: str, dtype: str) -> None:
    """To the last bit, whichever of the two says them."""
    x = X[:12, :16].astype(dtype)
    wanted = poolcli.pool(x, reducer, size=(3, 4))
    for options in ({"scale": (3, 4)}, {"area": (4, 4)}):
        assert np.array_equal(poolcli.pool(x, reducer, **options), wanted)


def test_touched_samples_count_wholly() -> None:
    """All of them, or those whose middle lies in the window: each sample then belongs to one window at most."""
    x = np.arange(10)
    assert poolcli.pool(x, "max", scale=2.5).tolist() == [2, 4, 7, 9]
    assert poolcli.pool(x, "min", scale=2.5, touch="all").tolist() == [0, 2, 5, 7]
    assert poolcli.pool(x, "sum", scale=2.5, touch="all").tolist() == [3, 9, 18, 24]
    assert poolcli.pool(x, "sum", scale=2.5, touch="half").tolist() == [1, 9, 11, 24]
    assert poolcli.pool(np.ones(17), "sum", area=5, touch="half").sum() == 17


def test_missing_samples_have_no_part() -> None:
    """A mean is of what is there; masks go with areas, and numbers of valid samples are of those that are touched."""
    x = np.array([1, 2, 255, 4, 5], np.uint8)
    assert poolcli.pool(x, "avg", scale=2.5, nodata=255, dtype="float64").tolist() == [1.5, 4.5]
    found, valid = poolcli.pool(x, "avg", scale=2.5, mask=[1, 1, 0, 1, 1], return_valid=True)
    assert (found.tolist(), valid.tolist()) == ([1.5, 4.5], [2, 2])
    assert poolcli.pool(np.array([1, np.inf, 3, 4, 5.0]), "avg", scale=2.5).tolist() == [np.inf, 4.2]
    floats = RNG.random((9, 11, 3)).astype(np.float32)
    floats[2, 3] = np.nan
    means = poolcli.pool(floats, "avg", scale=1.6, nan="ignore", layout="HWC")
    assert means.shape == (5, 6, 3) and np.isfinite(means).all()


def test_parts_of_a_plan_are_the_whole() -> None:
    """A box of outputs on the samples that it needs: the same values to the last bit, at the same places."""
    pooling = poolcli.pooling.parse_pooling("avg", scale="7/3")
    plan = pooling.plan(X.shape)
    whole = pooling.run(X, plan).values
    for box in (((0, 2), (3, 7)), ((4, 5), (0, 1)), ((1, 5), (2, 6))):
        inputs = input_box(plan, box)
        part, place = subplan(plan, box, inputs)
        cut = tuple(slice(*ends) for ends in inputs)
        found = pooling.run(np.ascontiguousarray(X[cut]), part, part=place).values
        assert np.array_equal(found, whole[tuple(slice(*ends) for ends in box)])


def test_studies_take_areas_of_reducers_that_count_whole_samples() -> None:
    """Gradients and bounds are as of all samples that are touched; what counts by parts is refused in a line."""
    for study in (poolcli.grad, lambda x, *rest, **more: poolcli.bounds(x // 2, x, *rest, **more).high):
        found, wanted = (study(X, "max", scale="7/3", **more) for more in ({}, {"touch": "all"}))
        np.testing.assert_array_equal(found, wanted)
        with pytest.raises(poolcli.PoolError, match="does not know of samples that count by their part"):
            study(X, "avg", scale="7/3")


def test_places_are_evenly_spaced() -> None:
    """By the ratio, from the first window's middle on, whatever samples count; coordinates too."""
    for options in ({"scale": "5/2"}, {"scale": 2.5, "touch": "all"}):
        plan = poolcli.plan((10, 20), **options)
        place = Place.of(None, (10, 20)).pool(plan)
        assert [axis.spacing for axis in place.axes] == [(Fraction(5, 2), Fraction(3, 4))] * 2
        assert place.axes[0].average(np.arange(10.0)).tolist() == pytest.approx([0.75, 3.25, 5.75, 8.25])


@pytest.mark.parametrize(("options", "said"), [
    ({"scale": 0.5}, "scale must be a ratio of at least 1, not 0.5"),
    ({"scale": "3/4"}, "scale must be a ratio of at least 1, not 3/4"),
    ({"scale": "3/0"}, "scale must be a number, not '3/0'"),
    ({"area": 14}, "14 areas of an axis of 13 would be less than a sample each; adaptive windows repeat samples"),
    ({"area": 3, "scale": 2}, "area and scale say the same in two ways; one of them would work"),
    ({"scale": 2.5, "touch": "some"}, "touch is all or half, not 'some'"),
    ({"size": 2, "touch": "all"}, "touch goes with area windows, not with fixed windows"),
    ({"scale": 14}, "a scale of 14 leaves nothing of an axis of 13; it can be 13 at most"),
    ({"scale": 2.5, "divisor": 3}, "areas are divided by the samples in them; adaptive windows take a divisor"),
    ({"scale": 2.5, "weights": np.ones((13, 17))}, "samples of areas count by their part, not by weights too"),
])
def test_what_cannot_be_is_said(options: dict[str, Any], said: str) -> None:
    """In a line."""
    with pytest.raises(PoolError, match=said):
        poolcli.pool(X, "avg", **options)


def test_opencv_agrees() -> None:
    """Its areas, to its own rounding."""
    cv2 = pytest.importorskip("cv2")
    x = RNG.integers(0, 256, (60, 80)).astype(np.float32)
    resized = cv2.resize(x, (37, 23), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(poolcli.pool(x, "avg", area=(23, 37)), resized, rtol=2e-6)


@pytest.mark.parametrize(("shape", "areas"), [((35, 50), (14, 20)), ((24, 36), (9, 16)), ((40, 30), (16, 12))])
def test_gdal_agrees(shape: tuple[int, int], areas: tuple[int, int]) -> None:
    """``gdalwarp -r average`` and ``-r sum``, to the parts of samples that its coordinates resolve."""
    rasterio = pytest.importorskip("rasterio")
    from rasterio.warp import Resampling, reproject

    x = RNG.random(shape) * 100
    place, smaller = (rasterio.Affine(10 * wide, 0, 500_000, 0, -10 * high, 4_000_000) for high, wide in (
        (1, 1), (shape[0] / areas[0], shape[1] / areas[1])))
    for reducer, resampling in (("avg", Resampling.average), ("sum", Resampling.sum)):
        warped = np.zeros(areas)
        reproject(x, warped, src_transform=place, dst_transform=smaller, src_crs="EPSG:3857", dst_crs="EPSG:3857",
                  resampling=resampling)
        np.testing.assert_allclose(poolcli.pool(x, reducer, area=areas), warped, rtol=1e-9)
