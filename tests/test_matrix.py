"""Every reducer over every windowing, in 1 to 3 dimensions, on every dtype: the library against the oracle.

Rows are derived from `REDUCERS` and `WINDOWINGS`; a reducer without an oracle, a windowing without options and a
parameter without a row fail a test that names them.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import reference

import poolcli
from poolcli.core.reducers import REDUCERS
from poolcli.core.windowings import WINDOWINGS
from poolcli.drivers.fold.fold_driver import LARGE

SHAPES = {1: ((2, 9, 2), "NLC"), 2: ((5, 6, 2), "HWC"), 3: ((2, 4, 5, 3), "CDHW")}
# kept axes in front, behind and between
MIXED = {
    1: ((6, 9, 5), ["NLC", "LNC", "NCL"]),
    2: ((5, 6, 4), ["HWC", "CHW", "HCW"]),
    3: ((4, 5, 3, 4), ["CDHW", "DHWC", "DCHW"]),
}
EVERY_DTYPE = ["bool", "float16", "float32", "float64"] + [
    f"{u}int{n}" for u in ("", "u") for n in (8, 16, 32, 64)
]
SOME_DTYPES = ["uint8", "int64", "float32", "float64"]
THOROUGH = ["max", "avg", "sum", "median"]  # the cores that most others share their reading and storing with

OPTIONS: dict[str, list[dict[str, Any]]] = {
    "fixed": [
        {},
        {"size": 3, "stride": 2, "padding": 1},
        {"size": 2, "stride": 1, "dilation": 2},
        {"size": 3, "stride": 2, "ceil_mode": True},
        {"size": 2, "stride": 3, "padding": ((1, 0),), "pad_mode": "reflect"},
    ],
    "same": [
        {"size": 3, "stride": 2, "padding": "same"},
        {"size": 2, "padding": "same-lower"},
        {"size": 3, "stride": 1, "dilation": 2, "padding": "same"},  # of 3 samples: 2, 1 and 2 are present
    ],
    "global": [{"size": "all"}],
    "adaptive": [{"adaptive": 2}, {"adaptive": 5}],
    "fractional": [
        {"fractional": 1.4, "seed": 3},
        {"fractional": 1.7, "u": 0.3, "overlapping": True},
        {"fractional": 1.5, "random": True},
        {"fractional": 1.3, "size": 2},
    ],
    "area": [{"scale": 2, "touch": "all"}, {"scale": 1.5, "touch": "all"}, {"area": 2, "touch": "half"}],
}
WINDOWING_ROWS = [
    pytest.param(options, id=f"{layout}{i}")
    for layout, rows in OPTIONS.items()
    for i, options in enumerate(rows)
]

PARAMETERS: list[tuple[str, dict[str, Any]]] = [
    ("avg", {"count_include_pad": True}),
    ("avg", {"divisor": 3}),
    ("avg", {"divisor": 5, "count_include_pad": True}),
    ("lp", {"p": 1}),
    ("lp", {"p": 1.5}),
    ("lp", {"p": 3}),
    ("lp", {"p": float("inf")}),
    ("gem", {"p": 1}),
    ("gem", {"p": 8.5, "eps": 0.5}),
    ("lse", {"r": 0.5}),
    ("lse", {"r": -2}),
    ("mixed", {"weight": 0}),
    ("mixed", {"weight": 0.25}),
    ("mixed", {"weight": 1}),
    ("quantile", {"q": 0}),
    ("quantile", {"q": 0.25}),
    ("quantile", {"q": 0.9}),
    ("quantile", {"q": 1}),
    ("stochastic", {"seed": 7}),
    ("stochastic", {"expected": True}),
    ("soft", {"alpha": 0}),
    ("soft", {"alpha": 0.25}),
    ("soft", {"alpha": -2}),
    ("ada", {"beta": 0}),
    ("ada", {"beta": 1}),
    ("topk", {"n": 1}),
    ("topk", {"n": 5}),
    ("trimmed", {"share": 0.3}),
    ("winsor", {"share": 0.25}),
    ("circmean", {"period": 24}),
    ("entropy", {"base": 2}),
]
ROUNDED = [
    ("avg", "uint8", "uint8"),
    ("avg", "int16", "int8"),
    ("avg", "float32", "uint8"),
    ("avg", "int64", "int64"),
    ("avg", "uint64", "uint64"),
    ("avg", "float64", "int16"),
    ("avg", "float64", "float16"),
    ("sum", "int8", "int8"),
    ("median", "uint8", "uint8"),
    ("median", "int64", "int64"),
    ("quantile", "int8", "int8"),
    ("topk", "uint8", "uint8"),
    ("trimmed", "int16", "int8"),
    ("mad", "uint8", "uint8"),
    ("mixed", "uint8", "uint8"),
    ("blur", "uint8", "uint8"),
    ("var", "uint8", "uint16"),
    ("max", "float32", "uint8"),
    ("max", "int64", "float32"),
]


def test_every_reducer_has_an_oracle() -> None:
    """A row in REDUCERS needs a line in ORACLES of tests/reference.py."""
    missing = [name for name in REDUCERS if name not in reference.ORACLES]
    assert not missing, f"give {missing} a line in ORACLES of tests/reference.py"


def test_every_windowing_has_options() -> None:
    """A row in WINDOWINGS needs a row in OPTIONS above."""
    missing = [name for name in WINDOWINGS if name not in OPTIONS]
    assert not missing, f"give {missing} a row in OPTIONS here"


def test_every_parameter_is_tried() -> None:
    """A parameter of a reducer needs a row in PARAMETERS above."""
    tried = {(name, parameter) for name, options in PARAMETERS for parameter in options}
    missing = {(row.name, p.name) for row in REDUCERS.values() for p in row.parameters} - tried
    assert not missing, f"give {missing} a row in PARAMETERS here"


def fitted(options: dict[str, Any], ndim: int) -> dict[str, Any]:
    """The options with their one (before, after) repeated for every pooled axis."""
    padding = options.get("padding")
    return options | {"padding": padding * ndim} if isinstance(padding, tuple) else options


def check(x: np.ndarray, reducer: str, **options: Any) -> None:
    """Pool twice and compare."""
    reference.assert_agrees(
        poolcli.pool(x, reducer, **options), reference.pool(x, reducer, **options), x, reducer
    )


def sample(reducer: str, ndim: int, dtype: str) -> tuple[np.ndarray, str]:
    """An array that the reducer can take, and its layout letters."""
    shape, letters = SHAPES[ndim]
    return reference.made(shape, dtype, nonnegative=REDUCERS[reducer].nonnegative), letters


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("options", WINDOWING_ROWS)
@pytest.mark.parametrize("dtype", SOME_DTYPES)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_matrix(reducer: str, dtype: str, options: dict[str, Any], ndim: int) -> None:
    """The library pools what the oracle pools."""
    x, letters = sample(reducer, ndim, dtype)
    check(x, reducer, layout=letters, **fitted(options, ndim))


@pytest.mark.parametrize("options", [{"size": 3, "stride": 2, "padding": 1}, {"adaptive": 2}], ids=str)
@pytest.mark.parametrize("dtype", EVERY_DTYPE)
@pytest.mark.parametrize("reducer", THOROUGH)
def test_every_dtype(reducer: str, dtype: str, options: dict[str, Any]) -> None:
    """Every dtype is read and stored as the oracle does; few windows, since each dtype has its kernels."""
    x, letters = sample(reducer, 2, dtype)
    check(x, reducer, layout=letters, **options)


@pytest.mark.parametrize("options", WINDOWING_ROWS)
@pytest.mark.parametrize(("reducer", "parameters"), PARAMETERS)
def test_parameters(reducer: str, parameters: dict[str, Any], options: dict[str, Any]) -> None:
    """Every parameter does what the oracle says, on integers and floats, over every windowing."""
    if "random" in options or {"u", "seed"} & options.keys() & parameters.keys():
        options = {"fractional": 1.4, "u": 0.5}
    for dtype in ("uint8", "float32"):
        x, letters = sample(reducer, 2, dtype)
        check(x, reducer, layout=letters, **fitted(options, 2), **parameters)


@pytest.mark.parametrize("rounding", reference.ROUNDINGS)
@pytest.mark.parametrize(("reducer", "given", "asked"), ROUNDED)
def test_rounding(reducer: str, given: str, asked: str, rounding: str) -> None:
    """An asked dtype is reached from the exact value in one rounding, and saturates."""
    x, letters = sample(reducer, 2, given)
    x = x % 9 if rounding == "half-even" and x.dtype.kind == "u" else x
    for options in ({"size": 2}, {"size": (2, 3), "stride": 1}):
        check(x, reducer, layout=letters, dtype=asked, round=rounding, **options)


PICKS = [name for name, row in REDUCERS.items() if row.picks]


@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("options", [row for row in WINDOWING_ROWS if "pad_mode" not in row.values[0]])
@pytest.mark.parametrize("reducer", PICKS)
def test_indices(reducer: str, options: dict[str, Any], ndim: int) -> None:
    """A pick tells its place, the first of equals, flat in its plane."""
    shape, layouts = MIXED[ndim]
    for dtype, letters in itertools.product(("uint8", "float32"), layouts):
        x = reference.made(shape, dtype, nonnegative=REDUCERS[reducer].nonnegative)
        got = poolcli.pool(x, reducer, layout=letters, return_indices=True, **options)
        want = reference.pool(x, reducer, layout=letters, return_indices=True, **options)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


@pytest.mark.parametrize("missing", [{"nan": "ignore"}, {"nan": "propagate"}, {"nan": "ignore", "nodata": 0}])
@pytest.mark.parametrize("options", WINDOWING_ROWS)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_missing_floats(reducer: str, options: dict[str, Any], missing: dict[str, Any]) -> None:
    """NaN is ignored or wins, and nodata is no sample: values, and the places of picks."""
    x = reference.made((6, 7), "float32", nonnegative=REDUCERS[reducer].nonnegative)
    rng = np.random.default_rng(1)
    x = np.where(rng.random(x.shape) < 0.3, rng.choice(np.array([np.nan, 0], np.float32), x.shape), x)
    check(x, reducer, **fitted(options, 2), **missing)
    if REDUCERS[reducer].picks and "pad_mode" not in options:
        got = poolcli.pool(x, reducer, return_indices=True, **options, **missing)[1]
        want = reference.pool(x, reducer, return_indices=True, **options, **missing)[1]
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("options", WINDOWING_ROWS)
@pytest.mark.parametrize("reducer", REDUCERS)
def test_missing_integers(reducer: str, options: dict[str, Any]) -> None:
    """An integer nodata is no sample; an empty window gives it back, or NaN where the result is float."""
    x = np.random.default_rng(2).choice(np.array([7, 7, 3, 200], np.uint8), (6, 7))
    check(x, reducer, nodata=7, **fitted(options, 2))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@pytest.mark.parametrize("ndim", SHAPES)
@pytest.mark.parametrize("reducer", ["max", "avg", "blur", "median", "subsample"])
def test_pad_modes(reducer: str, ndim: int, mode: str) -> None:
    """With a pad mode padding is data, also wider than the array and where ceil mode reaches beyond it."""
    x, letters = sample(reducer, ndim, "float32")
    value = {"pad_value": 2.5} if mode == "constant" else {}
    for options in (
        {"size": 4, "stride": 3, "padding": 7, "ceil_mode": True},
        {"size": 3, "padding": "same"},
    ):
        check(x, reducer, layout=letters, pad_mode=mode, **value, **options)


@pytest.mark.parametrize("layout", ["HWC", "CHW", "HCW", "NHW", "DHW"])
def test_squeeze(layout: str) -> None:
    """Pooled axes of length 1 go away when asked; kept axes stay, also of length 1."""
    x = reference.made((4, 1, 5), "uint8")
    for options in ({"size": "all"}, {"size": 1}, {"adaptive": "all"}):
        got = poolcli.pool(x, "max", layout=layout, squeeze=True, **options)
        want = reference.pool(x, "max", layout=layout, squeeze=True, **options)
        np.testing.assert_array_equal(got, want, strict=True)


WIDE = [
    ("blocks", {"size": 2}),
    ("blocks that leave a rest", {"size": (7, 8)}),
    ("odd overlap", {"size": 3, "stride": 1}),
    ("padded overlap", {"size": 3, "stride": 2, "padding": 1}),
    ("long", {"size": 31, "stride": 1}),
    ("long, padded, strided", {"size": 17, "stride": 3, "padding": 8}),
    ("one row", {"size": (1, 16), "stride": 1}),
    ("one column", {"size": (16, 1), "stride": (1, 2)}),
    ("holes", {"size": 4, "stride": 9}),
    ("dilated", {"size": 5, "stride": 1, "dilation": 3}),
    ("dilated, padded", {"size": (3, 2), "stride": 2, "padding": (4, 1), "dilation": (5, 2)}),
]
FOLDS = {"max": np.max, "min": np.min, "sum": np.sum, "avg": np.sum}


def numpy_fold(x: np.ndarray, reducer: str, options: dict[str, Any], filler: Any) -> np.ndarray:
    """Fold the windows of an HWC array by NumPy, one axis after the other; padding holds the filler."""
    for axis in (0, 1):
        size, dilation = either(options["size"], axis), either(options.get("dilation", 1), axis)
        stride, pad = (
            either(options.get("stride", options["size"]), axis),
            either(options.get("padding", 0), axis),
        )
        padded = np.pad(x, [(pad, pad) if a == axis else (0, 0) for a in range(3)], constant_values=filler)
        extent = (size - 1) * dilation + 1
        windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=axis)[..., ::dilation]
        x = FOLDS[reducer](windows[::stride] if axis == 0 else windows[:, ::stride], axis=-1)
    return x


def either(value: Any, axis: int) -> int:
    """An axis' own value, of one for both or one for each."""
    return int(value[axis] if isinstance(value, tuple) else value)


def identity(reducer: str, dtype: np.dtype) -> Any:
    """The value that padding may have without changing a fold."""
    if reducer in ("sum", "avg"):
        return 0
    low, high = (-np.inf, np.inf) if dtype.kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    return low if reducer == "max" else high


def check_fold(reducer: str, dtype: str, options: dict[str, Any], shape: tuple[int, int, int]) -> None:
    """Pool an array that is too large for the oracle, and fold it by NumPy."""
    x = reference.made(shape, dtype)
    if x.dtype.kind == "f":
        x = np.round(x * 8) / 8  # so that NumPy's sums are exact
        x.flat[::997] = np.nan
    wide = x.astype("float64" if x.dtype.kind == "f" else "int64") if reducer in ("sum", "avg") else x
    want = numpy_fold(wide, reducer, options, identity(reducer, x.dtype))
    got = poolcli.pool(x, reducer, **options)
    if reducer == "avg":
        counts = numpy_fold(np.ones_like(wide), reducer, options, 0)
        want = want / counts if got.dtype.kind == "f" else (2 * want + counts) // (2 * counts)
    reference.assert_agrees(got, want.astype(got.dtype), x, reducer)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("options", [row[1] for row in WIDE], ids=[row[0] for row in WIDE])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("reducer", FOLDS)
def test_larger_arrays(reducer: str, dtype: str, options: dict[str, Any], channels: int) -> None:
    """Rows longer than a vector register, windows of many rows: NumPy's strided windows agree."""
    check_fold(reducer, dtype, options, (70, 131, channels))


@pytest.mark.parametrize(
    ("reducer", "dtype", "options", "channels"),
    [
        pytest.param("max", "uint8", {"size": 2}, 3, id="small blocks"),
        pytest.param("max", "float32", {"size": 3, "stride": 2, "padding": 1}, 1, id="small, clipped, NaN"),
        pytest.param("avg", "uint8", {"size": 2, "dtype": "uint8"}, 4, id="small, whole averages"),
        pytest.param(
            "avg", "uint8", {"size": 3, "stride": 2, "padding": 1, "dtype": "uint8"}, 1, id="and clipped"
        ),
        pytest.param("avg", "float32", {"size": 3, "stride": 1, "layout": "HWC"}, 5,
                     id="small, more channels than constants"),
        pytest.param("sum", "int16", {"size": 4, "stride": 3}, 1, id="small sums"),
        pytest.param("min", "int16", {"size": (31, 3), "stride": 1}, 3, id="tall"),
        pytest.param("max", "float64", {"size": 17, "stride": 2, "padding": 8}, 1, id="tall, clipped, NaN"),
        pytest.param("avg", "uint8", {"size": 31, "stride": 1, "padding": 15}, 3, id="tall averages"),
        pytest.param("sum", "float32", {"size": (9, 64), "stride": (1, 5)}, 2, id="tall and long"),
    ],
)
def test_large_arrays(reducer: str, dtype: str, options: dict[str, Any], channels: int) -> None:
    """Kernels made for one size, or for tall windows, serve large arrays: NumPy's windows agree."""
    check_fold(reducer, dtype, options, (2 * LARGE // (500 * channels), 500, channels))
