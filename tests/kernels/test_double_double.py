"""Values held as two doubles, against fractions: sums, products, quotients, and the one rounding."""

from __future__ import annotations

import math
from fractions import Fraction
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolcli.core import dtypes
from poolcli.kernels import double_double as dd

MODERATE = st.one_of(
    st.floats(-(2.0**200), 2.0**200).filter(lambda x: x == 0 or abs(x) > 2.0**-200),
    st.integers(-(2**53), 2**53).map(float), st.sampled_from([0.5, -0.5, 1.0, 2.0**53, -(2.0**53)]))
WHOLE_PAIRS = st.integers(-(2**104), 2**104)


def exact(pair: tuple[float, float]) -> Fraction:
    """What a pair is."""
    return Fraction(pair[0]) + Fraction(pair[1])


def split(number: int | Fraction) -> tuple[float, float]:
    """A number as a pair, to the nearest."""
    hi = float(number)
    return hi, float(number - Fraction(hi))


def near(found: tuple[float, float], wanted: Fraction, bits: int = 100) -> bool:
    """Whether a pair is right but for so many bits, and normalised."""
    return abs(exact(found) - wanted) <= abs(wanted) / 2**bits and found[0] + found[1] == found[0]


@pytest.mark.parametrize("value", [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), -(2**63) + 1, 2**64 - 1])
def test_whole_numbers_of_64_bits_are_exact(value: int) -> None:
    """By any way of widening that is for them."""
    assert exact(dd.widen(value)) == value
    found = dd.widen(np.uint64(value) if value >= 0 else np.int64(value))
    assert exact(found) == value and found[0] == float(value)
    assert exact(dd.widen_long(value)) == value and dd.widen_long(value)[0] == float(value)


def test_floats_are_themselves() -> None:
    """Infinities and NaN too; a second part only where one is needed."""
    for value in (0.1, -2.5, inf, -inf, 1e30):
        assert dd.widen(value) == dd.widen_exact(value) == (value, 0.0)
        assert dd.double(np.float32(value)) == float(np.float32(value))
    assert isnan(dd.widen(nan)[0]) and dd.widen(nan)[1] == 0.0
    assert type(dd.double(np.float32(0.1))) is float
    buffer = np.arange(3)
    dd.fetch(buffer, 1)
    dd.fetch_to_write(buffer, 1)
    assert buffer.tolist() == [0, 1, 2]


@given(MODERATE, MODERATE)
def test_errors_of_sums_and_products_are_exact(a: float, b: float) -> None:
    """Together with the rounded result they are what the operation should have given."""
    assert exact(dd.two_sum(a, b)) == Fraction(a) + Fraction(b) and dd.two_sum(a, b)[0] == a + b
    large, small = sorted((a, b), key=abs, reverse=True)
    assert dd.fast_two_sum(large, small) == dd.two_sum(a, b)
    for product in (dd.two_product, dd.product_in_range):
        assert exact(product(a, b)) == Fraction(a) * Fraction(b) and product(a, b)[0] == a * b


@pytest.mark.parametrize(("a", "b"), [
    (1e302, 1e-100), (1e-100, 1e302), (-1e302, 1e-100), (1e-100, -1e302), (math.sqrt(1.79e308), math.sqrt(1.79e308)),
    (1e200, 1e200), (1e-10, 1e300), (inf, 2.0), (2.0, -inf), (1.7e308, 1.0)])
def test_a_product_too_large_to_be_split_has_no_second_part(a: float, b: float) -> None:
    """Halves of its factors would be infinite."""
    assert dd.two_product(a, b) == (a * b, 0.0)


@pytest.mark.parametrize(("a", "b"), [(1e290, 3e-100), (3e-100, -1e290), (1e144, 3e145)])
def test_large_products_that_can_be_split_are_exact(a: float, b: float) -> None:
    """Up to 1e290."""
    assert exact(dd.two_product(a, b)) == Fraction(a) * Fraction(b)


@given(WHOLE_PAIRS, WHOLE_PAIRS)
def test_sums_of_whole_numbers_are_exact(a: int, b: int) -> None:
    """Below 2^105."""
    a, b = int(exact(split(a))), int(exact(split(b)))
    found = dd.add(*split(a), *split(b))
    assert exact(found) == a + b and found[0] + found[1] == found[0]


def test_what_cancels_leaves_the_rest_whole() -> None:
    """The error of the second parts' sum too."""
    assert exact(dd.add(1.0, 2.0**-54, -1.0, 2.0**-120)) == Fraction(1, 2**54) + Fraction(1, 2**120)


@given(MODERATE, MODERATE, MODERATE, MODERATE)
def test_pairs_are_right_but_for_the_last_bits(a: float, b: float, c: float, d: float) -> None:
    """Of products and quotients of pairs."""
    x, y = split(Fraction(a) + Fraction(b) / 2**60), split(Fraction(c) + Fraction(d) / 2**60)
    assert near(dd.multiply(*x, *y), exact(x) * exact(y), 98)
    if d:
        assert near(dd.divide(*x, d), exact(x) / Fraction(d), 98)
        assert near(dd.divide_in_range(*x, d), exact(x) / Fraction(d), 98)


@given(st.integers(-(2**60), 2**60), st.integers(1, 2**20))
def test_a_quotient_that_is_a_pair_is_exact(quotient: int, divisor: int) -> None:
    """So a tie is a tie, whatever it is divided by."""
    for half in (0, Fraction(1, 2)):
        a = split((quotient + half) * divisor)
        if exact(a) == (quotient + half) * divisor:
            assert exact(dd.divide(*a, float(divisor))) == quotient + half
            assert exact(dd.divide_in_range(*a, float(divisor))) == quotient + half


def test_infinities_have_no_second_part() -> None:
    """A sum, product or quotient beyond all doubles is infinite, and one of opposite infinities no number."""
    assert dd.add(inf, 0.0, 1.0, 0.5) == dd.add(1.0, 0.5, inf, 0.0) == (inf, 0.0)
    assert dd.add(1.7e308, 0.0, 1.7e308, 0.0) == (inf, 0.0)
    assert isnan(dd.add(inf, 0.0, -inf, 0.0)[0]) and dd.add(inf, 0.0, -inf, 0.0)[1] == 0.0
    assert dd.multiply(inf, 0.0, 2.0, 0.0) == dd.multiply(1e200, 1e180, 1e200, 0.0) == (inf, 0.0)
    assert dd.divide(inf, 0.0, 3.0) == dd.divide(1e300, 0.0, 1e-300) == (inf, 0.0)
    assert isnan(dd.divide(inf, 0.0, inf)[0])


def test_a_pair_as_one_double() -> None:
    """Rounded; of an infinite one the first part, whatever the second is."""
    assert dd.to_double(1.0, 2.0**-53) == 1.0 and dd.to_double(1.0, 1.5 * 2.0**-53) == 1.0 + 2.0**-52
    assert dd.to_double(inf, nan) == dd.to_double(inf, -inf) == inf
    assert isnan(dd.to_double(nan, 0.0))


@pytest.mark.parametrize("x", [0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0**52 - 0.5, -(2.0**52) + 0.5, 2.0**52, 2.0**53,
                               -(2.0**52), 1e300, -1e300, 2.0**31 + 0.5, 1e-300, -1e-300])
def test_the_largest_whole_number_below(x: float) -> None:
    """As floor has it; infinities stay."""
    assert dd.whole(x) == math.floor(x)
    assert (dd.whole(inf), dd.whole(-inf)) == (inf, -inf) and isnan(dd.whole(nan))
    assert dd._is_odd(math.floor(x) * 1.0) is bool(math.floor(x) % 2)


RULES: dict[str, Any] = {"half-up": lambda v: math.floor(v + Fraction(1, 2)), "half-even": round, "floor": math.floor,
                         "ceil": math.ceil}
TIES = [whole + part for whole in (0, 1, -1, 2, 3, -2, 2**53 + 1, 2**60, 2**60 + 1, -(2**60) - 1, 2**70 + 2)
        for part in (0, Fraction(1, 2), Fraction(1, 2) - Fraction(1, 2**20), Fraction(1, 2) + Fraction(1, 2**20),
                     Fraction(1, 2**30), -Fraction(1, 2**30))]


@pytest.mark.parametrize("how", RULES)
def test_pairs_are_rounded_once(how: str) -> None:
    """Ties and what lies beside them, in either part; a tie between the parts too."""
    for number in [*TIES, Fraction(1, 2) - Fraction(1, 2**60), Fraction(1, 2) + Fraction(1, 2**60),
                   1 - Fraction(1, 2**60), 1 + Fraction(1, 2**70), -Fraction(1, 2**80)]:
        pair = split(number)
        assert exact(pair) == number
        found = dd.rounded(*pair, dtypes.ROUNDINGS[how])
        assert exact(found) == RULES[how](number), number


@pytest.mark.parametrize("name", ["uint8", "int8", "int16", "uint32", "int32", "uint64", "int64"])
@pytest.mark.parametrize("how", RULES)
def test_a_result_is_rounded_and_held_within_limits(name: str, how: str) -> None:
    """Once, to a whole number of the type; NaN is no number."""
    info, limits = np.iinfo(name), dtypes.limits(np.dtype(name))
    low, high = int(info.min), int(info.max)
    numbers = [*TIES, low, high, low - 1, high + 1, low - Fraction(1, 2), high + Fraction(1, 2), low + 1, high - 1,
               high - Fraction(1, 2), low * 4 - 3, high * 4 + 3, 2**32 - 1, 2**32, -(2**32), -(2**32) + 1,
               -(2**32) - Fraction(1, 2), 2**40 + 2**32 - 1, Fraction(-1, 2)]
    out = np.zeros(1, name)
    for number in numbers:
        pair = split(number)
        assert exact(pair) == number
        wanted = min(max(RULES[how](Fraction(number)), low), high)
        assert dd.whole_of(*pair, limits, dtypes.ROUNDINGS[how]) == wanted, number
        assert dd.put_integer(out, 0, *pair, limits, dtypes.ROUNDINGS[how]) is True and int(out[0]) == wanted
    for infinite, wanted in ((inf, high), (-inf, low)):
        assert dd.whole_of(infinite, nan, limits, dtypes.ROUNDINGS[how]) == wanted
    assert dd.put_integer(out, 0, nan, 0.0, limits, dtypes.ROUNDINGS[how]) is False


@given(st.integers(-(2**66), 2**66), st.integers(-9, 9))
def test_all_64_bits_of_a_whole_number_are_kept(number: int, eighths: int) -> None:
    """In pairs of any normalised form."""
    pair = split(Fraction(number) + Fraction(eighths, 8))
    for name in ("int64", "uint64"):
        low, high = int(np.iinfo(name).min), int(np.iinfo(name).max)
        wanted = min(max(math.floor(exact(pair)), low), high)
        assert dd.whole_of(*pair, dtypes.limits(np.dtype(name)), dd.FLOOR) == wanted


def test_floats_have_a_place_for_every_value() -> None:
    """NaN too."""
    out = np.zeros(2, np.float32)
    assert dd.put_float(out, 1, 1.0, 2.0**-24 + 2.0**-50) is True
    assert out.tolist() == [0.0, 1.0 + 2.0**-23]
    assert dd.put_float(out, 0, nan, 0.0) is True and isnan(out[0])


def test_a_shrunk_sum_of_the_largest_doubles_is_finite() -> None:
    """By a power of two, so that nothing is lost."""
    assert 0 < dd.SHRINK <= 2.0**-64 and math.frexp(dd.SHRINK)[0] == 0.5
    assert isnan(dd.NOT_A_NUMBER) and math.isinf(dd.INFINITY) and dd.INFINITY > 0
