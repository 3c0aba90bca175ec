"""Properties that must hold for any geometry and any values, searched by hypothesis."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import assume, example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from reference import Options

import poolcli
from poolcli.core.reducers import REDUCERS
from poolcli.core.windows import Windows

lengths = st.integers(1, 12)
pads = st.integers(0, 4) | st.tuples(st.integers(0, 4), st.integers(0, 4)).map(lambda pair: (pair,))
ratios = st.integers(100, 450).map(lambda hundredths: f"{hundredths // 100}.{hundredths % 100:02}")
fixed = st.fixed_dictionaries(
    {"size": st.integers(1, 5)},
    optional={
        "stride": st.integers(1, 5),
        "dilation": st.integers(1, 3),
        "padding": pads | st.sampled_from(["same", "same-lower", "valid"]),
        "ceil_mode": st.booleans(),
    },
).filter(lambda options: not (options.get("ceil_mode") and "same" in str(options.get("padding"))))
adaptive = st.fixed_dictionaries({"adaptive": st.integers(1, 15) | st.just("all")})
fractional = st.fixed_dictionaries(
    {"fractional": ratios},
    optional={"seed": st.integers(0, 2**64 - 1), "random": st.booleans(), "overlapping": st.booleans()},
)
fractional_sized = st.fixed_dictionaries(
    {"fractional": ratios, "size": st.integers(1, 4)}, optional={"u": st.sampled_from(["0", "0.3", "0.99"])}
)
geometries = fixed | adaptive | fractional | fractional_sized | st.just({"size": "all"})


def axis_of(n: int, options: dict[str, Any]) -> reference.Axis | None:
    """The oracle's windows, or None where it refuses."""
    try:
        return reference.axes([n], Options(**options))[0]
    except ValueError:
        return None


def windows_of(n: int, options: dict[str, Any]) -> Windows | None:
    """The library's windows, or None where it refuses."""
    try:
        return poolcli.plan((n,), **options).windows[0]
    except poolcli.PoolError:
        return None


def positions(windows: Windows) -> list[list[int]]:
    """Every window's present positions, one by one."""
    first, count = windows.present
    return [[int(q) + j * windows.step for j in range(c)] for q, c in zip(first, count, strict=True)]


@given(lengths, geometries)
@example(1, {"size": 2, "dilation": 2, "padding": 1})
@example(4, {"size": 5, "stride": 2, "ceil_mode": True})
def test_windows_are_the_oracles(n: int, options: dict[str, Any]) -> None:
    """The library refuses what the oracle refuses, and else lays out the same windows."""
    want, got = axis_of(n, options), windows_of(n, options)
    assert (got is None) == (want is None)
    if got is not None and want is not None:
        assert positions(got) == [[q for q in window if want.present(q)] for window in want.windows]
        assert got.nominal().tolist() == [sum(map(want.nominal, window)) for window in want.windows]
        assert got.count_uncovered() == reference.uncovered(want)


@given(lengths, geometries)
def test_windows_go_forward_inside_the_axis(n: int, options: dict[str, Any]) -> None:
    """Starts and stops never go back, and every present position is a sample of the axis."""
    windows = windows_of(n, options)
    assume(windows is not None)
    assert all(0 <= q < n for window in positions(windows) for q in window)
    assert all(a <= b for edges in (windows.starts, windows.stops) for a, b in pairwise(edges))


@given(lengths, geometries, st.data())
def test_a_block_is_a_part_of_the_whole(n: int, options: dict[str, Any], data: st.DataObject) -> None:
    """Cut windows are the whole's windows: threads and tiles rest on it."""
    windows = windows_of(n, options)
    assume(windows is not None)
    start = data.draw(st.integers(0, len(windows)))
    stop = data.draw(st.integers(start, len(windows)))
    part = windows[start:stop]
    assert positions(part) == positions(windows)[start:stop]
    assert part.nominal().tolist() == windows.nominal().tolist()[start:stop]


@given(st.lists(lengths, min_size=1, max_size=3), geometries)
def test_the_plans_shape_is_the_results(shape: list[int], options: dict[str, Any]) -> None:
    """A plan, made without data, has the shape and the windows of the pooled array."""
    options = options | {"layout": "DHW"[-len(shape) :]}
    if isinstance(options.get("padding"), tuple):
        options["padding"] = options["padding"] * len(shape)
    try:
        plan = poolcli.plan(tuple(shape), **options)
    except poolcli.PoolError:
        with pytest.raises(poolcli.PoolError):
            poolcli.pool(np.zeros(shape, np.uint8), "max", **options)
        return
    assert poolcli.pool(np.zeros(shape, np.uint8), "max", **options).shape == plan.output_shape
    assert tuple(len(windows) for windows in plan.windows) == plan.output_shape
    uncovered = [reference.uncovered(axis) for axis in reference.axes(shape, Options(**options))]
    assert plan.uncovered == dict(zip(options["layout"], uncovered, strict=True))


def counted(n: int, k: int, s: int, d: int, before: int, after: int, ceil_mode: bool) -> int:
    """PyTorch's count of windows, window by window instead of by its formula."""
    padded, extent, count = n + before + after, d * (k - 1) + 1, 0
    while (count - 1) * s + extent < padded if ceil_mode else count * s + extent <= padded:
        count += 1
    return count - (ceil_mode and count > 0 and (count - 1) * s >= n + before)


@given(lengths, *(st.integers(1, 5),) * 2, st.integers(1, 3), *(st.integers(0, 3),) * 2, st.booleans())
def test_the_count_is_pytorchs(
    n: int, k: int, s: int, d: int, before: int, after: int, ceil_mode: bool
) -> None:
    """As many windows as PyTorch: in ceil mode the last starts inside the input or the padding before it."""
    padding = ((before, after),)
    windows = windows_of(
        n, {"size": k, "stride": s, "dilation": d, "padding": padding, "ceil_mode": ceil_mode}
    )
    want = counted(n, k, s, d, before, after, ceil_mode)
    if windows is not None:
        assert len(windows) == want
    elif want > 0:
        starts = [i * s - before for i in range(want)]
        assert any(all(not 0 <= start + j * d < n for j in range(k)) for start in starts)


@given(lengths, st.integers(1, 15))
def test_adaptive_windows_cover_all(n: int, m: int) -> None:
    """m adaptive windows leave no sample out and are as even as they can be; m = n is the identity."""
    windows = positions(windows_of(n, {"adaptive": m}))
    assert len(windows) == m
    assert {q for window in windows for q in window} == set(range(n))
    assert {len(window) for window in windows} <= set(range(max(n // m, 1), -(-n // m) + 2))
    assert positions(windows_of(n, {"adaptive": n})) == [[q] for q in range(n)]


@given(st.integers(1, 40), fractional)
def test_fractional_windows_are_a_partition(n: int, options: dict[str, Any]) -> None:
    """floor(n / ratio) windows of floor or ceil of n / count samples, side by side, or sharing one sample."""
    windows = windows_of(n, options)
    count = math.floor(n / Fraction(options["fractional"]))
    assert (windows is None) == (count < 1)
    if windows is None:
        return
    found = positions(windows)
    starts = [window[0] for window in found] + [n]
    steps = {b - a for a, b in pairwise(starts)}
    assert len(found) == count
    assert starts[0] == 0
    assert steps <= {n // count, -(-n // count)}
    shared = 1 if options.get("overlapping") else 0
    assert [window[-1] + 1 for window in found] == [min(start + shared, n) for start in starts[1:]]


@given(lengths, st.integers(1, 5), st.integers(1, 5))
def test_both_same_paddings_give_one_shape(n: int, k: int, s: int) -> None:
    """ "same" and "same-lower" have ceil(n / stride) windows and differ by one sample of padding at most."""
    upper, lower = (
        windows_of(n, {"size": k, "stride": s, "padding": name}) for name in ("same", "same-lower")
    )
    assert len(upper) == len(lower) == -(-n // s)
    assert (lower.before - upper.before, upper.after - lower.after) in {(0, 0), (1, 1)}


eighths = st.integers(-(2**20), 2**20).map(lambda i: i / 8)
floats = eighths | st.sampled_from([math.nan, math.inf, -math.inf, -0.0, 0.0, 1.0])
shapes = npst.array_shapes(min_dims=1, max_dims=2, min_side=2, max_side=5)
arrays = st.one_of(
    npst.arrays(np.uint8, shapes),
    npst.arrays(np.int64, shapes),
    npst.arrays(np.float32, shapes, elements=eighths),
    npst.arrays(np.float64, shapes, elements=floats),
)
missing = st.sampled_from([{}, {}, {"nan": "ignore"}, {"nodata": 0}, {"nodata": 1, "nan": "ignore"}])
steps = st.sampled_from(
    [
        {},
        {"size": 2, "stride": 1},
        {"size": "all"},
        {"adaptive": 3},
        {"size": 3, "padding": "same", "stride": 2},
    ]
)


@given(arrays, st.sampled_from(sorted(REDUCERS)), steps, missing)
def test_values_are_the_oracles(
    x: np.ndarray, reducer: str, options: dict[str, Any], extra: dict[str, Any]
) -> None:
    """Any small array pools to what the oracle says, or neither of them takes it."""
    options = options | extra
    try:
        want = reference.pool(x, reducer, **options)
    except ValueError:
        with pytest.raises(poolcli.PoolError):
            poolcli.pool(x, reducer, **options)
        return
    reference.assert_agrees(poolcli.pool(x, reducer, **options), want, x, reducer)


@pytest.mark.parametrize("rounding", reference.ROUNDINGS)
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("k", range(2, 10))
def test_averages_of_pixels_are_exact(k: int, dtype: str, rounding: str) -> None:
    """Not one averaged pixel is off: each is the exact mean, rounded once (Pillow errs in 11 % at 3x3)."""
    info = np.iinfo(dtype)
    x = np.random.default_rng(k).integers(info.min, info.max, (20 * k, 30 * k), dtype, endpoint=True)
    sums, n = x.reshape(20, k, 30, k).sum((1, 3), dtype=np.int64), k * k
    even = (2 * sums + n) // (2 * n)
    even -= ((2 * sums + n) % (2 * n) == 0) & (even % 2 == 1)
    want = {
        "half-up": (2 * sums + n) // (2 * n),
        "half-even": even,
        "floor": sums // n,
        "ceil": -(-sums // n),
    }
    got = poolcli.pool(x, "avg", size=k, dtype=dtype, round=rounding)
    np.testing.assert_array_equal(got, want[rounding])
