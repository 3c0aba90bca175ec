"""Types: which are pooled, what results have, what is missing, and how numbers become whole."""

from __future__ import annotations

import warnings
from fractions import Fraction
from math import ceil, floor, inf, isnan, nan
from typing import Any

import numpy as np
import pytest

from poolcli import REDUCERS
from poolcli.core import dtypes
from poolcli.errors import OptionError, PoolError

WHOLE = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "float32", "float64")


@pytest.mark.parametrize("name", WHOLE + FLOATS)
def test_real_numbers_of_up_to_eight_bytes_are_pooled(name: str) -> None:
    """In any byte order, given as native; by their names too."""
    dtype = np.dtype(name)
    for order in "<>=":
        assert dtypes.check_dtype(dtype.newbyteorder(order)) == dtype and dtypes.check_dtype(dtype).isnative
    assert dtypes.check_dtype(dtype.newbyteorder("S")).isnative
    assert dtypes.parse_dtype(name) == dtype


@pytest.mark.parametrize("name", ["complex64", "longdouble", "U3", "S4", "O", "M8[s]", "m8[s]", "V3", "V8"])
def test_other_types_are_refused(name: str) -> None:
    """With those that can be."""
    with pytest.raises(PoolError) as caught:
        dtypes.check_dtype(np.dtype(name))
    assert str(caught.value) == f"dtype {np.dtype(name)} cannot be pooled; bool, (u)int8 to 64 and float16 to 64 can"
    with pytest.raises(OptionError, match="dtype must be bool") as refused:
        dtypes.parse_dtype(name)
    assert refused.value.option == "dtype"


def test_types_of_other_libraries_are_refused() -> None:
    """Even one whose kind says float; bfloat16, by name or by its two bytes, with what would work."""
    other = pytest.importorskip("ml_dtypes")
    for one in (other.float8_e5m2, other.int4):
        with pytest.raises(PoolError, match="cannot be pooled; bool,"):
            dtypes.check_dtype(np.dtype(one))
    with pytest.raises(PoolError, match=r"^bfloat16 cannot be pooled; x\.astype\(float32\) would work"):
        dtypes.check_dtype(np.dtype(other.bfloat16))
    with pytest.raises(PoolError, match=r"^two bytes that are no number of NumPy, perhaps bfloat16 cannot be pooled;"):
        dtypes.check_dtype(np.dtype("V2"))
    with pytest.raises(PoolError, match=r"^dtype .*cannot be pooled; bool,"):
        dtypes.check_dtype(np.dtype([("a", "u1"), ("b", "u1")]))


RULES = {
    "input": dict(zip(WHOLE, WHOLE, strict=True)),
    "unsigned": {name: name.replace("int", "uint") if name.startswith("i") else name for name in WHOLE},
    "count": dict.fromkeys(WHOLE, "int64"),
    "sum": {name: "uint64" if name.startswith("u") else "int64" for name in WHOLE},
    "mean": dict.fromkeys(WHOLE, "float64"), "float": dict.fromkeys(WHOLE, "float64"),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_dtype_of_a_result_follows_from_its_rule(rule: str) -> None:
    """Floats stay as they are, but for counts."""
    row = next(row for row in REDUCERS.values() if row.result == rule)
    for name, wanted in RULES[rule].items():
        assert dtypes.result_dtype(row, np.dtype(name)) == wanted
    for name in FLOATS:
        assert dtypes.result_dtype(row, np.dtype(name)) == ("int64" if rule == "count" else name)


def test_what_kernels_read_and_write() -> None:
    """Bytes for bool; for float16 a type that holds it, and one that is rounded once."""
    for name in (*WHOLE, *FLOATS):
        dtype = np.dtype(name)
        assert dtypes.read_dtype(dtype) == {"bool": "uint8", "float16": "float32"}.get(name, name)
        assert dtypes.write_dtype(dtype) == {"bool": "uint8", "float16": "float64"}.get(name, name)
    any_bytes = np.array([0, 1, 2, 255], np.uint8).view(bool)
    assert dtypes.as_read(any_bytes).tolist() == [0, 1, 1, 1] and dtypes.as_read(any_bytes).dtype == np.uint8
    halves = dtypes.as_read(np.array([0.1], np.float16))
    assert halves.dtype == np.float32 and halves[0] == np.float16(0.1)
    same = np.arange(3.0)
    assert dtypes.as_read(same) is same and dtypes.as_result(same, same.dtype) is same
    flags = dtypes.as_result(np.array([0, 1], np.uint8), dtypes.BOOL)
    assert flags.dtype == bool and flags.tolist() == [False, True]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dtypes.as_result(np.array([1e9]), dtypes.FLOAT16).tolist() == [inf]


@pytest.mark.parametrize("name", WHOLE)
def test_limits_are_those_of_the_type(name: str) -> None:
    """As two doubles each, exactly; as whole numbers, no larger than int64 has them."""
    dtype = np.dtype(name)
    low, high = (0, 1) if name == "bool" else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    found = [Fraction(float(part)) for part in dtypes.limits(dtype)]
    assert (found[0] + found[1], found[2] + found[3]) == (low, high)
    assert dtypes.whole_limits(dtype) == (low, min(high, 2**63 - 1))


def test_floats_have_no_limits() -> None:
    """Infinities, and no whole numbers."""
    for name in FLOATS:
        assert dtypes.limits(np.dtype(name)).tolist() == [-inf, 0, inf, 0]
        assert dtypes.whole_limits(np.dtype(name)) == (0, 0)


@pytest.mark.parametrize(("value", "wanted"), [
    (0, 0), (True, 1), (-7, -7), (2**70, 2**70), (1.0, 1), (1.5, 1.5), (-1e30, int(-1e30)), ("5", 5), ("+5", 5),
    (" -5 ", -5), ("1e3", 1000), ("0.25", 0.25), ("123456789012345678901", 123456789012345678901), ("inf", inf),
    (-inf, -inf), (np.float32(2), 2), (np.uint8(3), 3)])
def test_nodata_is_a_number(value: Any, wanted: int | float) -> None:
    """A whole one where it is whole, however it is written, with all its digits."""
    found = dtypes.parse_nodata(value)
    assert found == wanted
    assert isinstance(found, float) is (wanted in (1.5, 0.25, inf, -inf))


def test_nodata_may_be_nan() -> None:
    """It is no number that equals itself."""
    assert isnan(dtypes.parse_nodata(nan)) and isnan(dtypes.parse_nodata("nan"))


@pytest.mark.parametrize("value", ["x", None, [], "", 10**400, "1" + 400 * "0", "--5"])
def test_what_is_no_nodata(value: Any) -> None:
    """Nor what is beyond all doubles: no sample has it."""
    with pytest.raises(OptionError, match="nodata must be a number, not") as caught:
        dtypes.parse_nodata(value)
    assert caught.value.option == "nodata"


@pytest.mark.parametrize(("name", "held", "not_held"), [
    ("bool", [0, 1, 1.0], [-1, 2, 0.5, nan, inf]), ("uint8", [0, 255, 3.0], [-1, 256, 2.5, nan, inf, -inf]),
    ("int16", [-(2**15), 2**15 - 1], [-(2**15) - 1, 2**15]), ("uint64", [2**64 - 1], [2**64, -1]),
    ("int64", [-(2**63), 2**63 - 1], [2**63, -(2**63) - 1]),
    ("float16", [nan, inf, -inf, 65504, 0.1], [65520, 1e5, -1e5]), ("float32", [3e38, nan, 2**100], [4e38, 10**39]),
    ("float64", [1e308, 2**1000, inf], [])])
def test_which_numbers_a_type_holds(name: str, held: list[Any], not_held: list[Any]) -> None:
    """Whole ones within its limits; of floats those that do not become infinite."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [dtypes.holds(np.dtype(name), one) for one in held] == [True] * len(held)
        assert [dtypes.holds(np.dtype(name), one) for one in not_held] == [False] * len(not_held)


def test_a_number_as_a_sample() -> None:
    """One, of that type, to the last bit."""
    found = [dtypes.scalar(np.dtype(name), number) for name, number in (
        ("uint64", 2**64 - 1), ("int64", -(2**63)), ("float32", 0.1), ("float16", 1e9), ("bool", 1))]
    assert [one.shape for one in found] == [(1,)] * 5
    assert [one.dtype.name for one in found] == ["uint64", "int64", "float32", "float16", "bool"]
    assert [one[0].item() for one in found] == [2**64 - 1, -(2**63), float(np.float32(0.1)), inf, True]


@pytest.mark.parametrize("how", dtypes.ROUNDINGS)
def test_doubles_are_rounded_as_fractions_are(how: str) -> None:
    """Ties, their neighbours, numbers of both signs and those beyond 2^53; infinities stay, in silence."""
    rules = {"half-up": lambda x: floor(x + Fraction(1, 2)), "half-even": round, "floor": floor, "ceil": ceil}
    ties = [sign * (whole + 0.5) for whole in (0, 1, 2, 3, 2**51) for sign in (1, -1)]
    values = np.array([*ties, *np.nextafter(ties, inf), *np.nextafter(ties, -inf), 0.0, 7.0, -7.0, 0.3, -0.3, 1e300])
    found = dtypes.round_doubles(values, dtypes.ROUNDINGS[how])
    assert [int(one) for one in found] == [rules[how](Fraction(float(one))) for one in values]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dtypes.round_doubles(np.array([inf, -inf]), dtypes.ROUNDINGS[how]).tolist() == [inf, -inf]
    assert dtypes.round_to(np.array([2.5, -0.5]), np.dtype("int8"), how).tolist() == [
        rules[how](Fraction(5, 2)), rules[how](Fraction(-1, 2))]


def test_halves_go_up_where_nothing_is_said() -> None:
    """The rule of always."""
    assert dtypes.round_to(np.array([2.5, -2.5]), np.dtype("int8")).tolist() == [3, -2]


@pytest.mark.parametrize("result", WHOLE)
@pytest.mark.parametrize("source", [*WHOLE[1:], "float32", "float64"])
def test_whole_numbers_are_held_within_limits(source: str, result: str) -> None:
    """The extremes of one type in the other, in a buffer of its own type and in one of bytes for bool."""
    low, high = dtypes.whole_limits(np.dtype(result))
    high = 2**64 - 1 if result == "uint64" else high
    if source.startswith("f"):
        values = np.array([-inf, -1e30, -3, 0, 1, 2, 100, float(low), float(high), 1e30, inf], source)
        wanted = [low if one <= float(low) else high if one >= float(high) else int(one) for one in values]
    else:
        bounds = np.iinfo(source)
        values = np.array([bounds.min, bounds.max, 0, 1, 2, 100, max(low, bounds.min), min(high, bounds.max)], source)
        wanted = [min(max(int(one), low), high) for one in values]
    out = np.zeros(len(values), "uint8" if result == "bool" else result)
    dtypes.copy_saturated(values, out, np.dtype(result))
    assert out.tolist() == wanted


def test_doubles_as_another_type() -> None:
    """Floats overflow to infinity in silence; integers saturate; NaN has no place in them."""
    values = np.array([1e300, -1e300, 2.5, 127.5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert dtypes.round_to(values, np.dtype("float32")).tolist() == [inf, -inf, 2.5, 127.5]
        assert dtypes.round_to(values, np.dtype("int8")).tolist() == [127, -128, 3, 127]
    assert dtypes.round_to(values, dtypes.FLOAT64) is values
    assert isnan(dtypes.round_to(np.array([nan]), np.dtype("float32"))[0])
    with pytest.raises(PoolError, match="a value is NaN, and int8 has no place for it; a float dtype would work"):
        dtypes.round_to(np.array([1.0, nan]), np.dtype("int8"))
