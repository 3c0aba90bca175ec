"""The kernels that are made for a case, each against the general kernel on the same work, by the name of its path."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli import REDUCERS, drivers, pooling
from poolcli.drivers import policy, slicing_driver, tile_driver
from poolcli.drivers.fold import fold_driver
from poolcli.drivers.kernel_task import KernelChoice, KernelTask
from poolcli.engine import run, threads
from poolcli.kernels import double_double, tile_cores, tiles
from poolcli.kernels.fold import finalizers, irregular, ordered_floats, row_pairs, rows, small, van_herk

RNG = np.random.default_rng(5)
SAME = {"stride": 1, "padding": "same"}


def sample(dtype: str, shape: tuple[int, ...]) -> Any:
    """Noise over the dtype's range; floats of both signs."""
    if dtype.startswith("float"):
        return (RNG.standard_normal(shape) * 3).astype(dtype)
    bounds = np.iinfo(dtype)
    return RNG.integers(bounds.min, bounds.max, shape, dtype=dtype, endpoint=True)


def pooled(x: Any, reducer: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *,
           quick: bool) -> tuple[Any, list[Any]]:
    """The result, and what made the kernels that ran, by a quick kernel or by the general one."""
    made = []

    def choose(work: KernelTask) -> KernelChoice | None:
        choice = (fold_driver.choose(work) or tile_driver.choose(work)) if quick else None
        made.extend([] if choice is None else [choice.spec.make])
        return choice

    with monkeypatch.context() as patch:
        patch.setattr(fold_driver, "LARGE", 0)
        patch.setattr(run, "CHOICES", (choose,))
        pooling.cache_clear()
        return poolcli.pool(x, reducer, **options), made


def close(a: Any, b: Any) -> bool:
    """Equal, or for floats within 1 unit in the last place (float64 of sums and exponentials: a few)."""
    if a.dtype != b.dtype or a.dtype.kind != "f":
        return a.dtype == b.dtype and np.array_equal(a, b)
    tolerance = 1e-14 if a.dtype == np.float64 else float(np.finfo(a.dtype).eps)
    return bool(np.allclose(a.astype(float), b.astype(float), rtol=tolerance, atol=1e-14, equal_nan=True))


FOLDED = [
    ("where they lie", small, "max", "uint8", {"size": 2}, (9, 134)),
    ("in line, clipped at every side", small, "avg", "float32", {"size": 3, **SAME}, (6, 70)),
    ("more channels than the small kernel is made for", rows, "max", "uint8", {"size": 2, "layout": "HWC"}, (6, 8, 5)),
    ("apart, and too large to be unrolled", rows, "max", "float32", {"size": 5}, (10, 40)),
    ("where they lie, three axes", small, "avg", "float32", {"size": 2, "layout": "DHW"}, (4, 6, 40)),
    ("in line: a stride less than the size", small, "max", "float32", {"size": 3, "stride": 2, "padding": 1}, (9, 135)),
    ("in line: pixels of four channels", small, "max", "uint8", {"size": 2}, (6, 70, 4)),
    ("in line: pixels of 16 bytes", small, "avg", "float32", {"size": 2}, (6, 30, 4)),
    ("in line: three channels", small, "avg", "uint8", {"size": 3, "stride": 2, "dtype": "uint8"}, (7, 50, 3)),
    ("in line: several stretches", small, "max", "uint8", {"size": 3, "stride": 2, "padding": 1}, (5, 2600)),
    ("in line: several stretches of pixels", small, "avg", "uint8", {"size": 4, "stride": 3}, (9, 900, 3)),
    ("in line: rows and ends clipped", small, "avg", "float32", {"size": 4, "stride": 2, "padding": 2}, (3, 3, 2)),
    ("in line: three axes", small, "min", "float32", {"size": 3, "stride": 2, "padding": 1, "layout": "DHW"},
     (5, 6, 70)),
    ("in line: sums of bytes", small, "avg", "uint8", {"size": 3, **SAME, "dtype": "uint8"}, (9, 1500)),
    ("in line: columns that neighbours share", small, "avg", "uint8", {"size": 5, **SAME, "dtype": "uint8"}, (9, 80)),
    ("the count a constant, in 32 bits", small, "avg", "uint8", {"size": 7, "stride": 1, "dtype": "uint8"}, (9, 90)),
    ("the count a constant, in 64 bits", small, "avg", "int16", {"size": 3, "dtype": "int16"}, (9, 90)),
    ("padding counted", small, "avg", "uint8", {"size": 3, "padding": 1, "count_include_pad": True}, (9, 8)),
    ("a divisor", small, "avg", "float32", {"size": 3, "stride": 2, "padding": 1, "divisor": 4}, (9, 80)),
    ("sums", small, "sum", "uint16", {"size": 4, "stride": 2, "padding": 1}, (9, 80)),
    ("nodata", small, "max", "uint8", {"size": 2, "nodata": 3}, (8, 90)),
    ("nodata, means rounded", small, "avg", "uint8", {"size": 2, "nodata": 3, "dtype": "uint8"}, (8, 90)),
    ("range into the unsigned type", small, "range", "int8", {"size": 2}, (8, 90)),
    ("small variances", small, "var", "uint8", {"size": 3, "stride": 1}, (8, 90)),
    ("small deviations", small, "std", "int16", {"size": 2}, (8, 90)),
    ("bands", row_pairs, "max", "float32", {"size": 7, **SAME}, (9, 700)),
    ("bands: several strips", row_pairs, "min", "uint8", {"size": 5, "stride": 1}, (10, 2600)),
    ("bands: narrow maps, clipped at every side", row_pairs, "min", "float64", {"size": 3, **SAME}, (7, 56)),
    ("bands: rows shorter than a vector", row_pairs, "max", "float32", {"size": (3, 2), "stride": 1}, (9, 5)),
    ("bands: one row of windows", row_pairs, "max", "int16", {"size": (5, 3), "stride": 1}, (5, 90)),
    ("bands: windows clipped on both sides", row_pairs, "min", "float32", {"size": 7, **SAME}, (2, 5)),
    ("bands: channels", row_pairs, "max", "uint8", {"size": 3, **SAME, "layout": "HWC"}, (7, 400, 5)),
    ("bands: three axes", row_pairs, "max", "float32", {"size": 3, **SAME, "layout": "DHW"}, (4, 6, 70)),
    ("bands: fewer planes than a window has", row_pairs, "min", "int64", {"size": 3, **SAME, "layout": "DHW"},
     (1, 6, 40)),
    ("distances where they lie", small, "var", "float32", {"size": 2}, (8, 90)),
    ("distances by columns", small, "std", "float32", {"size": 5, **SAME}, (9, 80)),
    ("distances, uneven", irregular, "var", "float32", {"fractional": 1.41}, (9, 700)),
    ("distances, rows", rows, "var", "float32", {"size": 9, "stride": 8, "padding": 2}, (20, 90)),
    ("distances, tall", van_herk, "std", "float32", {"size": 9, **SAME}, (20, 90)),
    ("distances of float16", small, "var", "float16", {"size": 2, "layout": "DHW"}, (4, 6, 40)),
    ("rows", rows, "max", "uint8", {"size": 9, "stride": 8}, (20, 90)),
    ("rows, long chains in pairs", rows, "avg", "float32", {"size": (1100, 2), "stride": (1100, 2)}, (1100, 8)),
    ("long rows", rows, "avg", "float32", {"size": (11, 700)}, (22, 701, 3)),
    ("long rows of several planes", rows, "max", "uint8", {"size": (3, 9, 2099), "layout": "DHW"}, (3, 9, 2100)),
    ("long rows, errors of additions", rows, "avg", "float32", {"size": (1100, 2048)}, (1100, 2049)),
    ("rows of windows at will", rows, "max", "float32", {"adaptive": (3, 37)}, (20, 90)),
    ("rows of windows at will, channels", rows, "avg", "uint8", {"fractional": 1.4, "random": True}, (9, 30, 3)),
    ("uneven: one sample or two", irregular, "avg", "float32", {"fractional": 1.41, "random": True}, (9, 700)),
    ("uneven: three sizes, the middle one at the end", irregular, "avg", "float32",
     {"fractional": (1, 1.5), "overlapping": True, "random": True, "seed": 2}, (9, 700)),
    ("uneven: one size", irregular, "min", "float64", {"fractional": 2.2, "size": 3}, (9, 701)),
    ("uneven: along the rows only", irregular, "avg", "uint8", {"adaptive": (4, 701), "dtype": "uint8"}, (8, 2003)),
    ("uneven: down the rows only", irregular, "range", "int16", {"adaptive": (5, 450)}, (9, 900)),
    ("uneven: more windows than samples", irregular, "max", "float32", {"adaptive": (12, 900)}, (9, 700)),
    ("uneven: pairs of doubles", irregular, "avg", "float64", {"adaptive": (4, 240)}, (9, 500)),
    ("uneven: channels", irregular, "avg", "float32", {"fractional": 1.4, "random": True}, (9, 290, 3)),
    ("uneven: many channels", irregular, "sum", "uint16", {"fractional": 2.5, "layout": "HWC"}, (9, 31, 65)),
    ("uneven: three axes", irregular, "max", "uint8", {"adaptive": (2, 4, 1500), "layout": "DHW"}, (4, 5, 2100)),
    ("uneven: nodata", irregular, "avg", "uint8", {"fractional": 1.7, "nodata": 3, "dtype": "uint8"}, (9, 1900)),
    ("uneven: a divisor", irregular, "avg", "float32", {"adaptive": (4, 300), "divisor": 3}, (9, 700)),
    ("uneven windows of many samples", rows, "max", "float32", {"adaptive": (2, 240)}, (11, 700)),
    ("uneven windows of nine columns", rows, "sum", "uint8", {"adaptive": 650, "layout": "W"}, (6001,)),
    ("uneven windows of nine lines", rows, "sum", "uint8", {"adaptive": (4, 1700)}, (35, 1700)),
    ("rows of dilated windows", rows, "sum", "float32", {"size": 3, "stride": 1, "dilation": 2}, (9, 30)),
    ("tall", van_herk, "max", "float32", {"size": 9, **SAME}, (20, 90)),
    ("tall, doubles", van_herk, "avg", "float32", {"size": 9, **SAME}, (20, 90)),
    ("tall, steps of every kind along a row", van_herk, "sum", "float32", {"size": (9, 127), **SAME}, (20, 200)),
    ("tall, strides", van_herk, "min", "float32", {"size": (17, 5), "stride": (3, 2), "padding": (8, 2)}, (60, 33)),
    ("tall, three axes", van_herk, "avg", "float32", {"size": (3, 13, 8), "stride": 1, "layout": "DHW"}, (6, 40, 20)),
    ("tall, dilated along rows", van_herk, "max", "int16", {"size": 12, "stride": 1, "dilation": (1, 3)}, (30, 70)),
    ("tall, channels", van_herk, "max", "uint8", {"size": 11, "stride": 1, "layout": "NHWC"}, (2, 30, 30, 5)),
    ("tall, a running row", van_herk, "avg", "uint8", {"size": (40, 3), "stride": (7, 2), "padding": (19, 1),
                                                       "dtype": "uint8"}, (90, 30, 3)),
    ("tall, a running row of planes, nodata", van_herk, "sum", "int16", {"size": (3, 13, 8), "stride": 1, "nodata": 3,
                                                                         "layout": "DHW"}, (6, 40, 20)),
    ("tall, two running sums", van_herk, "var", "uint8", {"size": 9, **SAME}, (20, 90)),
]


@pytest.mark.parametrize(("path", "kernel", "reducer", "dtype", "options", "shape"), FOLDED,
                         ids=[row[0] for row in FOLDED])
def test_folds(path: str, kernel: Any, reducer: str, dtype: str, options: dict[str, Any], shape: tuple[int, ...],
               monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel that is named runs, and gives what the general one gives."""
    x = sample(dtype, shape)
    if "nodata" in options:
        x %= 6
    found, made = pooled(x, reducer, options, monkeypatch, quick=True)
    wanted, _ = pooled(x, reducer, options, monkeypatch, quick=False)
    assert made == [kernel.make_kernel]
    assert close(found, wanted)


HARD = {
    "units in the last place": lambda shape: np.float32(1e6) * (1 + RNG.integers(0, 3, shape) * 2.0**-23),
    "nearly constant": lambda shape: np.where(RNG.random(shape) < 0.97, 0.7, 0.70001),
    "of every scale": lambda shape: RNG.standard_normal(shape) * 10.0 ** RNG.integers(-30, 19, shape),
    "not finite": lambda shape: np.where(RNG.random(shape) < 0.05, RNG.choice([np.nan, np.inf, -np.inf], shape), 1.5),
}


@pytest.mark.parametrize("samples", HARD)
@pytest.mark.parametrize("options", [{"size": 1}, {"size": 2}, {"size": 7, **SAME}, {"size": 12},
                                     {"adaptive": (5, 33)}])
def test_variances_of_hard_samples(samples: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances merged in any grouping lose nothing to cancellation: within one unit of the value from exact sums."""
    x = HARD[samples]((24, 90)).astype(np.float32)
    for reducer in ("var", "std"):
        found, made = pooled(x, reducer, options, monkeypatch, quick=True)
        wanted, _ = pooled(x, reducer, options, monkeypatch, quick=False)
        assert made[0].__module__ != tiles.__name__
        np.testing.assert_array_max_ulp(found, wanted, 1)


@pytest.mark.parametrize("reducer", ["max", "min", "avg"])
@pytest.mark.parametrize("nan", ["propagate", "ignore"])
def test_uneven_windows_of_what_is_no_number(reducer: str, nan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """NaN, infinities and zeros of both signs at any place of uneven windows, at the ends of lines too."""
    x = sample("float32", (9, 700))
    for i, value in enumerate((np.nan, np.inf, -np.inf, -0.0, 0.0)):
        x[RNG.random(x.shape) < 0.05] = value
        x[i, -1 - i % 2 :] = value
    options = {"fractional": 1.41, "random": True, "nan": nan}
    found, made = pooled(x, reducer, options, monkeypatch, quick=True)
    wanted, _ = pooled(x, reducer, options, monkeypatch, quick=False)
    assert made == [irregular.make_kernel]
    assert close(found, wanted)


def order(x: Any) -> Any:
    """Floats by size, -0.0 before 0.0; NaN after all others."""
    return sorted(x, key=lambda v: (v != v, v, not np.signbit(v)))


@np.errstate(over="ignore")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reducer", ["max", "min"])
def test_keys_are_in_the_order_of_floats(reducer: str, dtype: str) -> None:
    """A better float has a larger key, NaN of both signs have the largest, and each key gives its float's bits back."""
    info = np.finfo(dtype)
    whole = np.dtype(f"int{8 * info.dtype.itemsize}")
    numbers = [0.0, 1.0, -1.0, info.max, info.min, info.tiny, info.smallest_subnormal, np.inf]
    floats = np.array(order([*numbers, *(-np.array(numbers)), np.nan]), dtype)
    best_last = floats if reducer == "max" else np.append(floats[-2::-1], floats[-1:])
    lift, _, value = ordered_floats.STEPS[REDUCERS[reducer].fold, info.dtype.itemsize]
    found = [lift(bits, None, None)[0] for bits in best_last.view(whole)]
    assert found == sorted(found)
    assert found[0] == np.iinfo(whole).min
    assert all(a < b for a, b, x, y in zip(found, found[1:], best_last, best_last[1:], strict=False)
               if x.tobytes() != y.tobytes())
    negative = -best_last[-1:]
    assert np.isnan(negative[0])
    assert lift(negative.view(whole)[0], None, None)[0] > found[-2]
    back = np.empty(len(found), whole)
    for i, key in enumerate(found):
        back[i] = value((key,), 1.0, 0.5, back)
    assert back.tobytes() == best_last.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("reducer", ["max", "min"])
def test_bands_of_what_is_not_finite(reducer: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NaN of either sign wins everywhere, infinities are ordered, zeros of both signs are equal."""
    x = sample(dtype, (12, 150))
    for value in (np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.0):
        x[RNG.random(x.shape) < 0.04] = value
    options = {"size": (4, 3), "stride": 1}
    found, made = pooled(x, reducer, options, monkeypatch, quick=True)
    windows = np.lib.stride_tricks.sliding_window_view(x, (4, 3))
    assert made == [row_pairs.make_kernel]
    assert np.array_equal(found, (np.max if reducer == "max" else np.min)(windows, (2, 3)), equal_nan=True)


LAID_OUT = [
    ("regular", {"size": 2}, (7, 40)),
    ("overlapping, clipped", {"size": 3, **SAME}, (7, 40)),
    ("pairs and one more", {"size": 3, "stride": 2}, (7, 40)),
    ("dilated", {"size": 2, "stride": 3, "dilation": 2}, (9, 40)),
    ("channels", {"size": 2}, (6, 9, 3)),
    ("more channels than lanes", {"size": (5, 40), "stride": 1, "layout": "HWC"}, (6, 41, 300)),
    ("groups of sizes", {"adaptive": 5}, (8, 43)),
    ("starts at will", {"fractional": 1.4, "size": 2, "seed": 1}, (8, 43)),
    ("three axes", {"size": 2, "layout": "DHW"}, (4, 6, 8)),
]


@pytest.mark.parametrize("reducer", ["lse", "mixed"])
@pytest.mark.parametrize(("path", "options", "shape"), LAID_OUT, ids=[row[0] for row in LAID_OUT])
def test_tiles_lie_anywhere(path: str, options: dict[str, Any], shape: tuple[int, ...], reducer: str,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of every kind are gathered right and written where they belong."""
    monkeypatch.setattr(fold_driver, "choose", lambda work: None)
    x = sample("float32", shape)
    found, made = pooled(x, reducer, options, monkeypatch, quick=True)
    wanted, _ = pooled(x, reducer, options, monkeypatch, quick=False)
    assert made == [tiles.make_kernel]
    assert close(found, wanted)


COMPUTED = [
    ("lse", {"r": -0.5}), ("soft", {}), ("mixed", {"weight": 0.3}), ("lp", {"p": 1}), ("lp", {"p": 3}),
    ("lp", {"p": 0.7}), ("lp", {"p": 9.5}), ("l2", {}), ("gem", {}), ("gem", {"p": 40, "eps": 0.5}),
]


@pytest.mark.parametrize(("reducer", "parameters"), COMPUTED)
@pytest.mark.parametrize("scale", [1.0, 1e-38, 1e37])
def test_tiles_compute_what_cores_do(reducer: str, parameters: dict[str, float], scale: float,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """Every core in lanes gives what the reducer's own core gives, at both ends of float32 too; and beside zeros."""
    x = sample("float32", (6, 80)) * np.float32(scale)
    x[:2, :20] = 0
    options = {"size": 2, **parameters}
    monkeypatch.setitem(fold_driver.FOLDS, REDUCERS[reducer].fold, lambda work, window: None)
    found, made = pooled(x, reducer, options, monkeypatch, quick=True)
    wanted, _ = pooled(x, reducer, options, monkeypatch, quick=False)
    assert made == [tiles.make_kernel]
    assert close(found, wanted)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("reducer", ["lse", "soft", "mixed", "lp", "gem"])
def test_lanes_leave_what_is_not_finite(reducer: str, value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A NaN or an infinity anywhere in a window has the general kernel's result."""
    monkeypatch.setattr(fold_driver, "choose", lambda work: None)
    x = sample("float32", (6, 16))
    for position in ((0, 0), (0, 3), (3, 4), (5, 7)):
        x[position] = value
    found, _ = pooled(x, reducer, {"size": 2}, monkeypatch, quick=True)
    wanted, _ = pooled(x, reducer, {"size": 2}, monkeypatch, quick=False)
    assert close(found, wanted)


SLICED = [
    ("uint8", {"size": 2}, (9, 34)),
    ("float16", {"size": 3, **SAME}, (9, 34, 3)),
    ("float64", {"size": 3, "padding": 1, "dtype": "float32"}, (5, 9, 3)),
    ("uint64", {"size": (2, 3), "stride": 5, "dtype": "float32"}, (9, 34)),
    ("bool", {"size": 2, "dilation": 2, "stride": 3, "layout": "DHW"}, (6, 9, 10)),
    ("int32", {"adaptive": (5, 7)}, (12, 33, 2)),
    ("float32", {"fractional": 1.4, "random": True, "u": None}, (12, 33)),
    ("int8", {"size": "all", "layout": "NHW"}, (4, 5, 6)),
    ("float32", {"adaptive": (9, 12)}, (5, 7)),
    ("float32", {"size": 3, "stride": 2, "padding": 1, "dilation": 2, "nan": "ignore", "layout": "HWC"}, (23, 26, 2)),
    ("uint8", {"size": 3, "stride": 2, "nodata": 0}, (31, 40)),
    ("float32", {"size": 2, "nodata": np.inf}, (20, 18)),
    ("float32", {"size": 3, "stride": 2, "nan": "ignore", "nodata": np.inf}, (4, 90)),
]


@pytest.mark.parametrize(("dtype", "options", "shape"), SLICED)
def test_first_samples_are_slices(dtype: str, options: dict[str, Any], shape: tuple[int, ...],
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """Slicing gives the samples and the indices that the general kernel gives, NaN and infinities too."""
    x = (RNG.standard_normal(shape) * 40).astype(dtype)
    if dtype.startswith("float"):
        x[RNG.random(shape) < 0.3] = np.nan
        x[RNG.random(shape) < 0.1] = np.inf
    options = {key: value for key, value in options.items() if value is not None}
    choices: list[Any] = []
    monkeypatch.setattr(run, "CHOICES", (lambda work: choices.append(slicing_driver.choose(work)) or choices[-1],))
    found = poolcli.pool(x, "subsample", return_indices=True, **options)
    monkeypatch.setattr(run, "CHOICES", ())
    pooling.cache_clear()
    wanted = poolcli.pool(x, "subsample", return_indices=True, **options)
    assert choices != [None]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_first_samples_where_nearly_all_are_missing(dtype: str) -> None:
    """Another kernel looks for them then."""
    x = np.full((30, 33), 7, dtype)
    x[10:13, 20] = 5, 7, 4
    with policy.use_tier(policy.KERNELS):
        found = poolcli.pool(x, "subsample", size=3, nodata=7)
    expected = np.full((10, 11), 7 if dtype == "uint8" else np.nan, dtype)
    expected[3, 6], expected[4, 6] = 5, 4
    np.testing.assert_array_equal(found, expected)


class Refusing:
    """A kernel that refuses every block, and has written 42 everywhere but in the last column: there what is given."""

    spec = None
    milliseconds = 0.0

    def __init__(self, last: float) -> None:
        self.last = last

    def on(self, work: KernelTask, values: Any) -> Any:
        """Remember the array and its blocks."""
        self.work, self.values = work, values
        return self

    def blocks(self, threads: int) -> Any:
        """One block."""
        return [self.work.whole]

    def runner(self) -> Any:
        """A function that writes, and refuses."""
        def run_block(block: Any) -> bool:
            self.values[...] = 42
            self.values[:, :, :, -1] = self.last
            return False
        return run_block


@pytest.mark.parametrize(("dtype", "options", "kept"), [
    ("float32", {}, True),
    ("float64", {"nan": "ignore"}, True),
    ("float32", {"nan": "ignore", "dtype": "int16"}, False),
    ("int64", {"dtype": "int64"}, False),
])
def test_only_what_is_not_finite_is_repaired(dtype: str, options: dict[str, Any], kept: bool,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a refused block the general kernel does the windows without a finite float again; of integers it does all."""
    x = np.arange(64).reshape(8, 8).astype(dtype)
    wanted = poolcli.pool(x, "avg", size=2, **options)
    monkeypatch.setattr(run, "CHOICES", (lambda work: Refusing(np.nan if kept else 7),))
    pooling.cache_clear()
    found = poolcli.pool(x, "avg", size=2, **options)
    pooling.cache_clear()
    assert np.array_equal(found[:, -1], wanted[:, -1])
    assert np.array_equal(found[:, :-1], np.full((4, 3), 42) if kept else wanted[:, :-1])


BESIDE = [
    ("borders of small maps", {"size": 3, **SAME, "layout": "CHW"}, (9, 7, 7)),
    ("global averages of small maps", {"size": "all", "layout": "CHW"}, (70, 7, 7)),
    ("clipped at both ends, strided", {"size": 5, "stride": 3, "padding": 2, "ceil_mode": True}, (19, 90)),
    ("irregular, of channels", {"fractional": 2.5}, (11, 30, 3)),
    ("irregular, at random", {"fractional": 1.4, "random": True}, (18, 63)),
]
MISSING: list[dict[str, Any]] = [{}, {"nan": "ignore"}, {"nodata": 3}, {"nan": "ignore", "nodata": 3}]
IN_TILES = [
    ("max", "float32", {"return_indices": True}), ("min", "uint8", {"return_indices": True}),
    ("max", "float64", {"dtype": "int16", "return_indices": True}), ("subsample", "int16", {"return_indices": True}),
    ("stochastic", "float32", {"return_indices": True}), ("stochastic", "uint8", {"expected": True}),
    ("lse", "int32", {"r": -0.01}), ("soft", "uint8", {"dtype": "uint8"}), ("soft", "float64", {}),
    ("mixed", "uint8", {"dtype": "int16", "round": "half-even"}), ("mixed", "float32", {"dtype": "float64"}),
    ("lp", "float64", {"p": 3}), ("gem", "uint8", {"dtype": "uint8", "round": "floor"}),
    ("median", "float32", {}), ("quantile", "uint8", {"q": 0.3, "dtype": "uint8", "round": "ceil"}),
    ("mode", "float32", {"return_indices": True}), ("mode", "uint8", {"dtype": "int64"}),
]


@pytest.mark.parametrize("missing", MISSING, ids=["none", "NaN", "nodata", "both"])
@pytest.mark.parametrize(("reducer", "dtype", "given"), IN_TILES, ids=lambda part: str(part))
def test_tiles_give_what_the_general_kernel_does(reducer: str, dtype: str, given: dict[str, Any],
                                                 missing: dict[str, Any],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """Borders, irregular windows, missing samples, indices, every way of rounding: the general kernel's results."""
    monkeypatch.setattr(fold_driver, "FOLDS", {})
    for path, options, shape in BESIDE:
        x = sample(dtype, shape)
        x = np.abs(np.round(x)) % 6 if missing or reducer in ("mode", "stochastic") else x
        x = x.astype(dtype)
        if dtype.startswith("float") and missing:
            x[RNG.random(shape) < 0.1] = np.nan
            x[RNG.random(shape) < 0.02] = np.inf
        found, wanted = (attempt(x, reducer, {**options, **given, **missing}, monkeypatch, quick=quick)
                         for quick in (True, False))
        assert found[1] != [] or (reducer == "subsample" and not missing), path
        assert len(found[0]) == len(wanted[0])
        assert all(map(close, found[0], wanted[0])), path


def attempt(x: Any, reducer: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, *,
            quick: bool) -> tuple[Any, list[Any]]:
    """The values, and the indices if wanted, or the error as an array; and what made the kernels."""
    try:
        result, made = pooled(x, reducer, options, monkeypatch, quick=quick)
    except poolcli.PoolError as error:
        return (np.array([str(error)]),), [None]
    return (result if isinstance(result, tuple) else (result,)), made


@pytest.mark.parametrize("n", range(1, 20))
def test_sorting_in_lanes(n: int) -> None:
    """Any number of slots is sorted, what is missing last; checked by every pattern of 0 and 1 for up to 8 slots."""
    patterns = 1 << min(n, 8)
    samples = (np.arange(patterns) >> np.arange(n)[:, None] % 8 & 1).astype(float)
    slots = np.zeros((tiles.EXTRA + 2 * n, patterns))
    slots[tiles.EXTRA : tiles.EXTRA + n] = samples
    slots[tiles.EXTRA, ::3] = np.nan
    wanted = np.sort(np.where(np.isnan(slots), np.inf, slots)[tiles.EXTRA : tiles.EXTRA + n], 0)
    tile_cores.sort(tiles.LaneTile(slots.reshape(-1), tiles.EXTRA * patterns, n, patterns, patterns, np.zeros(1), 1, 0))
    assert np.array_equal(slots[tiles.EXTRA + n :], wanted)


@pytest.mark.parametrize("rounding", [double_double.HALF_UP, double_double.HALF_EVEN, double_double.FLOOR,
                                      double_double.CEIL])
def test_rounding_without_branches(rounding: int) -> None:
    """Pairs around every tie and every whole number are rounded as the pair is, once."""
    for hi in (-2.0, -1.5, -0.5, 0.0, 0.5, 1.0, 2.5, 0.49999999999999994, 254.5, 4294967294.5):
        for lo in (0.0, 1e-30, -1e-30):
            f, g = double_double.rounded(hi, lo, rounding)
            assert tiles.rounded_narrow(hi, lo, rounding) == f + g


def test_means_of_few_that_count() -> None:
    """Every sum of up to four bytes that count is rounded half up, exactly."""
    numbers, filled = np.arange(1021, dtype=np.uint16), np.zeros(1, np.uint8)
    output = finalizers.Output(np.zeros(1, np.uint8), filled[0], 1, np.zeros(4), 0, 0, 255, (0.0, 0.0))
    for count in range(1, 5):
        for total in numbers[: 255 * count + 1]:
            assert finalizers.finalize_mean_of_four((total, np.uint16(count)), 4.0, 0.125, output, 0)
            assert output.dst[0] == (2 * int(total) + count) // (2 * count)
    none = np.uint16(0), np.uint16(0)
    assert finalizers.finalize_mean_of_four(none, 4.0, 0.125, output, 0)
    assert not finalizers.finalize_mean_of_four(none, 4.0, 0.125, output._replace(has_fill=0), 0)


def test_a_row_of_clipped_windows_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no window has all its columns nothing is read beside the array."""
    x = sample("uint8", (40, 1))
    options = {"size": 3, "stride": 1, "padding": 1}
    found, _ = pooled(x, "max", options, monkeypatch, quick=True)
    wanted, _ = pooled(x, "max", options, monkeypatch, quick=False)
    assert close(found, wanted)


def test_drivers_are_asked_for_what_they_serve() -> None:
    """Rows name every fold and every core in lanes, and drivers are asked in an order that has all of them."""
    every = [row for one in REDUCERS.values() for row in (one, *one.variants.values())]
    assert {row.fold for row in every} - {""} == set(fold_driver.FOLDS)
    assert {row.lanes for row in every} - {""} == set(tile_driver.LANE_CORES)
    folder = Path(drivers.__file__).parent
    chooses = re.compile(r"def choose\(work: KernelTask\) -> \w+Choice \| None:")  # partial.py's gives a Merger
    found = {".".join(path.relative_to(folder).with_suffix("").parts)
             for path in folder.rglob("*.py") if chooses.search(path.read_text("utf-8"))}
    assert found == {*drivers.FAST_DRIVERS, *drivers.PART_DRIVERS}


THREADED = [("max", "uint8", {"size": 2}), ("max", "float32", {"size": 5, **SAME}),
            ("avg", "float32", {"size": 9, **SAME}), ("soft", "float32", {"size": 2}),
            ("median", "uint8", {"size": 3, **SAME})]


@pytest.mark.parametrize(("reducer", "dtype", "options"), THREADED)
def test_threads_change_nothing(reducer: str, dtype: str, options: dict[str, Any],
                                monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes by one thread and by three, which the smallest work would not get otherwise."""
    x = sample(dtype, (1100, 1000))
    monkeypatch.setattr(threads, "MIN_MS_PER_THREAD", 1e-9)
    monkeypatch.setattr(tile_driver, "BLOCK_SAMPLES", 1 << 17)
    found = []
    for count in ("1", "3"):
        monkeypatch.setenv("POOLCLI_THREADS", count)
        found.append(poolcli.pool(x, reducer, **options))
    assert found[0].tobytes() == found[1].tobytes()


def test_a_little_work_gets_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second thread costs more than it does here; where it pays it is started."""
    monkeypatch.setenv("POOLCLI_THREADS", "2")
    started: list[int] = []
    monkeypatch.setattr(threads, "run_in_threads", lambda work, count, shared, here: started.append(count) or work())
    x = sample("uint8", (1024, 1024))
    poolcli.pool(x, "max", size=2)
    assert started == [0]
    monkeypatch.setattr(threads, "MIN_MS_PER_THREAD", 1e-9)
    poolcli.pool(x, "max", size=2)
    assert started == [0, 1]
