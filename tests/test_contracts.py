"""What every reducer promises, whatever it computes: rows come from the whole REDUCERS table."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import reference

import poolcli
from poolcli.core.reducers import REDUCERS

NAN, INF = np.nan, np.inf
every_reducer = pytest.mark.parametrize("reducer", REDUCERS)


def sample(reducer: str, dtype: str = "float32", shape: tuple[int, ...] = (6, 7)) -> np.ndarray:
    """An array that the reducer can take."""
    return reference.made(shape, dtype, nonnegative=REDUCERS[reducer].nonnegative)


def whole(values: Any, reducer: str, given: str = "float64", **options: Any) -> Any:
    """Pool all values, given in some dtype, by one window, to a Python scalar."""
    return poolcli.pool(np.array(values, given), reducer, **{"size": "all"} | options).item()


# --- the input ---


@every_reducer
def test_input_is_untouched(reducer: str) -> None:
    """A read-only input is pooled, and is afterwards what it was."""
    x = sample(reducer)
    x.flags.writeable = False
    before = x.copy()
    poolcli.pool(x, reducer, size=3, stride=2)
    np.testing.assert_array_equal(x, before)


def offset_by_one_byte(x: np.ndarray) -> np.ndarray:
    """The same values at an address that is no multiple of their size."""
    raw = np.zeros(x.nbytes + 1, np.uint8)[1:]
    raw[:] = np.frombuffer(x.tobytes(), np.uint8)
    return raw.view(x.dtype).reshape(x.shape)


FORMS = {
    "fortran": np.asfortranarray,
    "every second of a larger one": lambda x: np.repeat(np.repeat(x, 2, 0), 2, 1)[::2, ::2],
    "negative strides": lambda x: np.ascontiguousarray(x[::-1, ::-1])[::-1, ::-1],
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "little-endian": lambda x: x.astype(x.dtype.newbyteorder("<")),
    "unaligned": offset_by_one_byte,
    "nested lists": lambda x: x.tolist(),
    "a subclass": lambda x: x.view(np.memmap),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["int64", "float64"])
@every_reducer
def test_form_in_memory_does_not_matter(reducer: str, dtype: str, form: str) -> None:
    """Order, strides, byte order and alignment change nothing; the result is native and C-contiguous."""
    x = sample(reducer, dtype)
    want = poolcli.pool(x, reducer, size=3, stride=2)
    got = poolcli.pool(FORMS[form](x), reducer, size=3, stride=2)
    np.testing.assert_array_equal(got, want, strict=True)
    assert got.dtype.isnative
    assert got.flags.c_contiguous
    assert type(got) is np.ndarray


@pytest.mark.parametrize("shape", [(0, 6, 7, 3), (2, 6, 7, 0)])
@every_reducer
def test_empty_batch(reducer: str, shape: tuple[int, ...]) -> None:
    """Nothing in a batch, or no channel, is an empty result of the right shape and dtype."""
    got = poolcli.pool(np.zeros(shape, np.uint8), reducer, size=2)
    full = poolcli.pool(np.zeros((2, 6, 7, 3), np.uint8), reducer, size=2)
    assert got.shape == (shape[0], 3, 3, shape[3])
    assert got.dtype == full.dtype


@pytest.mark.parametrize("shape", [(1, 1), (4, 5)])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@every_reducer
def test_window_of_one(reducer: str, dtype: str, shape: tuple[int, int]) -> None:
    """One sample a window: the oracle agrees, also on an array of one pixel."""
    x = sample(reducer, dtype, shape)
    got = poolcli.pool(x, reducer, size=1, stride=1)
    reference.assert_agrees(got, reference.pool(x, reducer, size=1, stride=1), x, reducer)


@pytest.mark.parametrize("dtype", ["bool", "float16"])
@every_reducer
def test_small_types(reducer: str, dtype: str) -> None:
    """bool counts True as 1; float16 is computed wider and rounded at the end."""
    x = sample(reducer, dtype)
    got = poolcli.pool(x, reducer, size=3, stride=2)
    reference.assert_agrees(got, reference.pool(x, reducer, size=3, stride=2), x, reducer)


# --- NaN, infinity, missing ---


@every_reducer
def test_nan_propagates(reducer: str) -> None:
    """A NaN is the result of its window and of no other; what keeps a place looks at its own sample only."""
    x = sample(reducer)
    clean = poolcli.pool(x, reducer)
    x[1, 1] = NAN
    got = poolcli.pool(x, reducer)
    assert np.isnan(got[0, 0]) == (REDUCERS[reducer].nan_wins or reducer == "last")  # which is that sample
    np.testing.assert_array_equal(got.ravel()[1:], clean.ravel()[1:])


@every_reducer
def test_nan_is_ignored(reducer: str) -> None:
    """With nan="ignore" a window pools what else it has, and is NaN when there is nothing else, or 0 of a count."""
    x = sample(reducer)
    x[0, 0] = x[2:4, 2:4] = NAN
    got = poolcli.pool(x, reducer, nan="ignore")
    reference.assert_agrees(got, reference.pool(x, reducer, nan="ignore"), x, reducer)
    empty = REDUCERS[reducer].empty_value
    assert np.isnan(got[1, 1]) if empty is None else got[1, 1] == empty


@every_reducer
def test_nan_is_an_error(reducer: str) -> None:
    """With nan="error" a NaN is refused, and its absence is not."""
    x = sample(reducer)
    np.testing.assert_array_equal(poolcli.pool(x, reducer, nan="error"), poolcli.pool(x, reducer))
    x[3, 4] = NAN
    with pytest.raises(poolcli.PoolError, match="NaN"):
        poolcli.pool(x, reducer, nan="error")


INFINITE = [
    [INF],
    [-INF],
    [INF, 1],
    [1, INF],
    [INF, INF],
    [INF, 0, 1, 2],
    [-INF, 1],
    [1, -INF],
    [-INF, -INF],
    [-INF, INF],
    [-INF, 1, 2],
]


INFINITE_ROWS = [
    (n, v) for n, row in REDUCERS.items() for v in INFINITE if min(v) >= 0 or not row.nonnegative
]


@pytest.mark.parametrize(("reducer", "values"), INFINITE_ROWS, ids=[f"{n}{v}" for n, v in INFINITE_ROWS])
def test_infinities_are_data(reducer: str, values: list[float]) -> None:
    """An infinity is a sample like any other: the result is what IEEE arithmetic or the limit says."""
    x = np.array(values)
    got = poolcli.pool(x, reducer, size="all")
    reference.assert_agrees(got, reference.pool(x, reducer, size="all"), x, reducer)


def test_all_minus_infinity() -> None:
    """The maximum of -inf everywhere is -inf, at the first sample."""
    values, indices = poolcli.pool(np.full((4, 4), -INF), "max", padding=1, return_indices=True)
    assert (values == -INF).all()
    assert indices.tolist() == [[0, 1, 3], [4, 5, 7], [12, 13, 15]]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_nodata_is_equal_in_the_inputs_dtype(dtype: str) -> None:
    """0.1 as nodata is the 0.1 that the dtype holds; NaN as nodata is every NaN."""
    assert whole([0.1, 3], "min", dtype, nodata=0.1) == 3
    assert whole([NAN, 3], "min", dtype, nodata=NAN) == 3


def test_window_with_nothing_present() -> None:
    """Nothing left is NaN in a float, nodata in an integer, and has no index."""
    assert np.isnan(whole([9, 9], "avg", "uint8", nodata=9))
    assert np.isnan(whole([9, 9], "max", "float32", nodata=9))
    assert whole([9, 9], "max", "uint8", nodata=9) == 9
    assert whole([9, 9], "sum", "uint8", nodata=9) == 9
    assert whole([NAN], "avg", "float32", nan="ignore", dtype="uint8", nodata=9) == 9
    _, index = poolcli.pool(np.array([[9, 9]], np.uint8), "max", size="all", nodata=9, return_indices=True)
    assert index.item() == -1


# --- the output ---


@every_reducer
def test_out_is_filled_and_returned(reducer: str) -> None:
    """`out` is what comes back, also when strided, with nothing written beside it."""
    x = sample(reducer)
    want = poolcli.pool(x, reducer)
    for out in (np.empty_like(want), np.full((6, 6), 77, want.dtype)[::2, ::-2]):
        assert poolcli.pool(x, reducer, out=out) is out
        np.testing.assert_array_equal(out, want)
    base = np.full((6, 6), 77, want.dtype)
    poolcli.pool(x, reducer, out=base[::2, ::2])
    assert (base[1::2] == 77).all()
    assert (base[:, 1::2] == 77).all()


def test_out_may_be_the_input() -> None:
    """Pooling onto a part of the input gives what it gives elsewhere."""
    x = np.arange(36.0).reshape(6, 6)
    want = poolcli.pool(x, "avg", size=3, stride=1)
    np.testing.assert_array_equal(poolcli.pool(x, "avg", size=3, stride=1, out=x[:4, :4]), want)


@pytest.mark.parametrize(
    "out",
    [np.empty((3, 3)), np.empty((3, 4), np.float32), np.empty((3, 3), ">f4"), [[0.0] * 3] * 3],
    ids=["dtype", "shape", "byte order", "no array"],
)
def test_out_must_fit(out: Any) -> None:
    """`out` of another shape or dtype is refused."""
    with pytest.raises(poolcli.PoolError, match="out"):
        poolcli.pool(sample("max"), "max", out=out)


# --- numbers ---

LOW, HIGH, TOP = -(2**63), 2**63 - 1, 2**64 - 1
KEEP = {"dtype": "int64"}
NUMBERS = [
    ("uint8 sums do not wrap", [255] * 1000, "sum", "uint8", {}, 255_000),
    ("int8 sums do not wrap", [-128] * 1000, "sum", "int8", {}, -128_000),
    ("bool sums count", [True] * 300, "sum", "bool", {}, 300),
    ("int64 sums saturate", [HIGH, 1], "sum", "int64", {}, HIGH),
    ("int64 sums saturate below", [LOW, -1], "sum", "int64", {}, LOW),
    ("uint64 sums saturate", [TOP, 1], "sum", "uint64", {}, TOP),
    ("a sum may leave int64 and come back", [HIGH, HIGH, LOW, LOW, 5], "sum", "int64", {}, 3),
    ("int64 sums keep every bit", [2**62 + 1, 2**61 + 1, -3], "sum", "int64", {}, 2**62 + 2**61 - 1),
    ("uint64 sums keep every bit", [TOP - 7, 2], "sum", "uint64", {}, TOP - 5),
    ("int64 averages beyond 2^53", [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 2], "avg", "int64", {}, 2.0**53 + 2),
    ("int64 averages into int64", [2**53, 2**53 + 1] * 2 + [2**53 + 1], "avg", "int64", KEEP, 2**53 + 1),
    ("int64 averages at the top", [HIGH, HIGH - 1, HIGH - 1], "avg", "int64", KEEP, HIGH - 1),
    ("int64 averages at the bottom", [LOW, LOW, LOW + 1], "avg", "int64", KEEP, LOW),
    ("int64 averages of both ends", [LOW, HIGH], "avg", "int64", {}, -0.5),
    ("uint64 averages at the top", [TOP, TOP, TOP - 1], "avg", "uint64", {"dtype": "uint64"}, TOP),
    ("a tie at the top goes up", [TOP, TOP - 1], "avg", "uint64", {"dtype": "uint64"}, TOP),
    ("a tie goes even", [TOP, TOP - 1], "avg", "uint64", {"dtype": "uint64", "round": "half-even"}, TOP - 1),
    ("int64 medians at the top", [HIGH, HIGH - 1], "median", "int64", KEEP, HIGH),
    ("int64 maxima keep every bit", [2**53, 2**53 + 1], "max", "int64", {}, 2**53 + 1),
    ("int64 modes keep every bit", [2**53 + 1, 2**53, 2**53 + 1], "mode", "int64", {}, 2**53 + 1),
    ("int64 ranges do not wrap", [LOW, HIGH], "range", "int64", {}, TOP),
    ("int8 ranges do not wrap", [-128, 127], "range", "int8", {}, 255),
    ("int8 medians do not wrap", [-128, 127], "median", "int8", {}, -0.5),
    ("int64 variance", [2**62, 2**62 + 2], "var", "int64", {}, 1.0),
    ("total cancellation", [1e16, 1, -1e16], "avg", "float64", {}, 1 / 3),
    ("total cancellation, summed", [1e16, 1, -1e16], "sum", "float64", {}, 1.0),
    ("variance of a large mean", [1e9, 1e9 + 1, 1e9 + 2], "var", "float64", {}, 2 / 3),
    ("a mean whose sum overflows", [1.7e308, 1.7e308], "avg", "float64", {}, 1.7e308),
    ("a mean whose sum overflows half way", [1.7e308, 1.7e308, -1.7e308], "avg", "float64", {}, 1.7e308 / 3),
    ("a sum that overflows half way", [1.7e308, 1.7e308, -1.7e308], "sum", "float64", {}, 1.7e308),
    ("a sum that overflows", [1.7e308, 1.7e308], "sum", "float64", {}, INF),
    ("a median between extremes", [-1.7e308, 1.7e308], "median", "float64", {}, 0.0),
    ("a weighted mean whose sum overflows", [1.7e308, 1.7e308, 1.7e308], "blur", "float64", {}, 1.7e308),
    ("a weighted mean whose sum overflows half way", [1e308, 1.5e308, -1e308], "blur", "float64", {}, 7.5e307),
    ("mixed of large values", [1.7e308, 1.7e308], "mixed", "float64", {}, 1.7e308),
    ("a norm of large values", [1e300, 1e300], "l2", "float64", {}, 2**0.5 * 1e300),
    ("a norm of small values", [1e-300, 1e-300], "l2", "float64", {}, 2**0.5 * 1e-300),
    ("a norm of the smallest", [5e-324], "l2", "float64", {}, 5e-324),
    ("gem of large values", [1e300, 1e300], "gem", "float64", {}, 1e300),
    ("gem of 255 to the 200th", [255, 255], "gem", "uint8", {"p": 200}, 255.0),
    ("lse of large values", [1000, 1000], "lse", "float64", {}, 1000.0),
    ("lse downward", [0, 1000], "lse", "float64", {"r": -1}, float(np.log(2))),
    ("soft beyond e^88", [88, 1000], "soft", "float32", {}, 1000.0),
    ("a variance beyond float64", [-1e200, 1e200], "var", "float64", {}, INF),
    ("a deviation of large values", [-1e200, 1e200], "std", "float64", {}, 1e200),
    ("a deviation of small values", [-1e-200, 1e-200], "std", "float64", {}, 1e-200),
    ("subnormal mean", [5e-324, 5e-324], "avg", "float64", {}, 5e-324),
    ("subnormal mean, float32", [1e-45, 3e-45], "avg", "float32", {}, float(np.float32(3e-45))),
    ("a draw of subnormals", [0, 0, 0, 5e-324], "stochastic", "float64", {}, 5e-324),
    ("a draw whose sum overflows", [0, 1.7e308, 1.7e308], "stochastic", "float64", {}, 1.7e308),
    ("float16 sums in between overflow", [60000, 60000, -60000], "sum", "float16", {}, 60000.0),
    ("float16 averages", [60000, 60000], "avg", "float16", {}, 60000.0),
    ("float16 sums overflow", [60000, 60000], "sum", "float16", {}, INF),
    ("0.49999999999999994 rounds to 0", [0.49999999999999994], "max", "float64", {"dtype": "uint8"}, 0),
    ("-0.5 rounds to 0 half-up", [-1, 0], "avg", "int8", {"dtype": "int8"}, 0),
    ("-1.5 rounds to -1 half-up", [-1, -2], "avg", "int8", {"dtype": "int8"}, -1),
    ("an infinity saturates", [INF], "max", "float32", {"dtype": "int64"}, HIGH),
    ("minus infinity saturates", [-INF], "max", "float32", {"dtype": "uint8"}, 0),
    ("a large float saturates", [1e30], "max", "float32", {"dtype": "uint64"}, TOP),
    ("blur of 1,100 samples", [1] * 1100, "blur", "float64", {}, 1.0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "reducer", "dtype", "options", "want"),
    [row[1:] for row in NUMBERS],
    ids=[row[0] for row in NUMBERS],
)
def test_number(values: list[Any], reducer: str, dtype: str, options: dict[str, Any], want: float) -> None:
    """A hard window has exactly the value that the rules give it, one ulp for powers and exponentials."""
    got = whole(values, reducer, dtype, **options)
    assert type(got) is type(want)
    if isinstance(want, float) and reducer not in reference.EXACT:
        assert got == pytest.approx(want, rel=1e-15, abs=0)
    else:
        assert got == want


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_averages_do_not_drift(dtype: str) -> None:
    """The mean of a million uniforms is exact to one ulp (naive summation is 125 ulp off)."""
    x = np.random.default_rng(0).random(10**6).astype(dtype)
    want = np.array(math.fsum(x.tolist()) / x.size, dtype)
    assert abs(poolcli.pool(x, "avg", size="all")[0] - want) <= np.spacing(want)


# --- errors ---

X = np.arange(42.0).reshape(6, 7)
ERRORS: list[tuple[str, Any, str, dict[str, Any], str]] = [
    ("unknown reducer", X, "maximum", {}, "maximum"),
    ("unknown option", X, "max", {"sizes": 2}, "sizes"),
    ("parameter of another reducer", X, "max", {"p": 3}, "p is a parameter of lp"),
    ("size 0", X, "max", {"size": 0}, "size"),
    ("negative stride", X, "max", {"stride": -1}, "stride"),
    ("dilation 0", X, "max", {"dilation": 0}, "dilation"),
    ("negative padding", X, "max", {"padding": -1}, "padding"),
    ("unknown padding", X, "max", {"padding": "full"}, "padding"),
    ("fractional size", X, "max", {"size": 2.5}, "size"),
    ("too many sizes", X, "max", {"size": (2, 2, 2)}, "size"),
    ("window larger than the array", X, "max", {"size": 8}, "8"),
    ("window in the padding", X, "max", {"size": 2, "padding": 2}, "padding"),
    ("two layouts", X, "max", {"adaptive": 3, "stride": 2}, "stride"),
    ("adaptive and fractional", X, "max", {"adaptive": 3, "fractional": 2}, "adaptive|fractional"),
    ("adaptive 0", X, "max", {"adaptive": 0}, "adaptive"),
    ("ratio below 1", X, "max", {"fractional": 0.9}, "fractional"),
    ("ratio above the axis", X, "max", {"fractional": 8}, "ratio"),
    ("u of 1", X, "max", {"fractional": 2, "u": 1}, "u must"),
    ("negative seed", X, "max", {"fractional": 2, "seed": -1}, "seed"),
    ("seed without draws", X, "max", {"seed": 1}, "seed"),
    ("pad mode without padding", X, "max", {"adaptive": 2, "pad_mode": "edge"}, "no padding"),
    ("unknown pad mode", X, "max", {"pad_mode": "zero"}, "pad_mode"),
    ("pad value without its mode", X, "max", {"pad_value": 1}, "pad_value"),
    ("layout of another length", X, "max", {"layout": "NCHW"}, "NCHW"),
    ("layout without a pooled axis", X, "max", {"layout": "NC"}, "NC"),
    ("layout in small letters", X, "max", {"layout": "hw"}, "hw"),
    ("layout that repeats a letter", X, "max", {"layout": "HH"}, "HH"),
    ("four pooled axes", np.zeros((2,) * 4), "max", {"layout": "ABDH"}, "ABDH"),
    ("six axes", np.zeros((1,) * 6), "max", {}, "6 axes"),
    ("no axis", np.array(1.0), "max", {}, "axis|axes"),
    ("empty pooled axis", np.zeros((0, 7)), "max", {"size": 1}, "0x7"),
    ("complex", X + 1j, "max", {}, "complex128"),
    ("object", X.astype(object), "max", {}, "object"),
    ("string", X.astype(str), "max", {}, "U"),
    ("datetime", X.astype("M8[s]"), "max", {}, "datetime64"),
    ("structured", np.zeros((4, 4), "i4,f4"), "max", {}, "f0"),
    ("ragged lists", [[1, 2], [3]], "max", {}, "array"),
    ("unknown dtype", X, "max", {"dtype": "uint7"}, "uint7"),
    ("complex result", X, "max", {"dtype": "complex64"}, "complex64"),
    ("unknown rounding", X, "avg", {"dtype": "uint8", "round": "up"}, "round"),
    ("unknown nan rule", X, "max", {"nan": "skip"}, "nan"),
    ("NaN into an integer", X * NAN, "max", {"dtype": "uint8"}, "NaN"),
    ("nodata outside the dtype", X.astype(np.uint8), "max", {"nodata": -1}, "nodata"),
    ("p of 0", X, "lp", {"p": 0}, "p must"),
    ("p that is NaN", X, "lp", {"p": NAN}, "p must"),
    ("infinite p of gem", X, "gem", {"p": INF}, "p must"),
    ("r of 0", X, "lse", {"r": 0}, "r must"),
    ("q above 1", X, "quantile", {"q": 1.1}, "q must"),
    ("weight below 0", X, "mixed", {"weight": -0.1}, "weight must"),
    ("divisor 0", X, "avg", {"divisor": 0}, "divisor must"),
    ("divisor 1.5", X, "avg", {"divisor": 1.5}, "divisor must"),
    ("a draw from a negative value", -X, "stochastic", {}, "-1.0 at"),
    ("indices of an average", X, "avg", {"return_indices": True}, "index|indices"),
    ("indices of padding", X, "max", {"pad_mode": "edge", "padding": 1, "return_indices": True}, "pad_mode"),
]


@pytest.mark.parametrize(
    ("x", "reducer", "options", "words"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS]
)
def test_error(x: Any, reducer: str, options: dict[str, Any], words: str) -> None:
    """What cannot be pooled is a PoolError that names what was wrong."""
    with pytest.raises(poolcli.PoolError, match=words):
        poolcli.pool(x, reducer, **options)


BEYOND_MEMORY = """
import resource, poolcli
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
try:
    poolcli.plan((6, 7), adaptive=10**9)
except poolcli.PoolError as error:
    print(error)
"""


def test_a_result_beyond_memory() -> None:
    """A result that cannot fit is refused while planning, before anything of its size is allocated."""
    assert "memory" in python(BEYOND_MEMORY)


GARBAGE: list[Any] = [
    -1,
    0,
    2.5,
    "x",
    "",
    (),
    [],
    (1, 2, 3, 4),
    ((1,),),
    {},
    NAN,
    INF,
    10**30,
    b"1",
    object(),
    True,
    X,
]
OWN = {p.name for row in REDUCERS.values() for p in row.parameters if p.kind != "flag"}
KEYWORDS = sorted(vars(reference.Options()).keys() | {"out"})


@pytest.mark.parametrize("name", KEYWORDS)
def test_garbage_is_a_pool_error(name: str) -> None:
    """Whatever an option is given, the library pools or raises PoolError, nothing else."""
    for row in REDUCERS.values():
        if name in OWN and name not in {p.name for p in row.parameters}:
            continue
        for value in GARBAGE:
            extra = {"fractional": 1.5} if name in ("seed", "u", "overlapping", "random") else {}
            try:
                poolcli.pool(X, row.name, **extra, **{name: value})
            except poolcli.PoolError as error:
                assert str(error)


# --- repeatable, on any threads, compiled or not ---

DRAW = """
import hashlib, numpy as np, poolcli
x = np.random.default_rng(0).random((2200, 2100), dtype=np.float32)
def digest(reducer, **options):
    return hashlib.sha256(poolcli.pool(x, reducer, **options).tobytes()).hexdigest()
print([
    digest("stochastic", seed=5),
    digest("max", fractional=1.414, seed=5),
    digest("max", fractional=1.414, seed=5, random=True),
    digest("avg", size=3, stride=2),
    digest("sum", size="all"),
])
"""
PLAIN = """
import json, sys, numpy as np, poolcli
calls = json.loads(sys.argv[1])
rng = np.random.default_rng(0)
made = {
    "uint8": rng.integers(0, 256, (5, 6), np.uint8),
    "int64": rng.integers(2**60, 2**62, (5, 6)),
    "float32": rng.random((5, 6), dtype=np.float32),
}
print(json.dumps([poolcli.pool(made[d], r, size=3, stride=2, padding=1).tobytes().hex() for r, d in calls]))
"""


def python(script: str, *arguments: str, **environment: str) -> str:
    """Run a script in a new process with these variables set, and return what it prints."""
    root = str(Path(poolcli.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        env=os.environ | {"PYTHONPATH": root} | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_threads_change_no_byte() -> None:
    """Draws and sums are the same bytes on one thread and on several, in one process and the next."""
    one, two, again = (python(DRAW, POOLCLI_THREADS=n) for n in "122")
    assert one == two == again


def test_draws_depend_on_the_seed_alone() -> None:
    """A seed gives one result every time, another seed another; the default is 0."""
    x = sample("stochastic", "float32", (40, 40))
    first = poolcli.pool(x, "stochastic", seed=3)
    np.testing.assert_array_equal(first, poolcli.pool(x, "stochastic", seed=3))
    np.testing.assert_array_equal(poolcli.pool(x, "stochastic"), poolcli.pool(x, "stochastic", seed=0))
    assert (first != poolcli.pool(x, "stochastic", seed=4)).any()


def test_draws_follow_their_probabilities() -> None:
    """Samples of 1 and 3 are drawn one to three (20,000 draws: five sigma is 0.016)."""
    x = np.tile(np.array([1.0, 3.0]), 20_000)
    share = (poolcli.pool(x, "stochastic", size=2) == 3).mean()
    assert abs(share - 0.75) < 0.016


def test_plain_python_equals_compiled() -> None:
    """Where nothing can be compiled the kernels run as they stand, and give the same bytes."""
    calls = json.dumps([(name, dtype) for name in REDUCERS for dtype in ("uint8", "int64", "float32")])
    assert python(PLAIN, calls, NUMBA_DISABLE_JIT="1") == python(PLAIN, calls)
