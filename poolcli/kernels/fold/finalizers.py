"""Finalizers: the state of a whole window becomes output.

Two parts make one. The first gives the window's value: a number as it is, a ratio (total, n, inverse) whose quotient is
the value, or a pair of doubles. ``inverse`` is 1 / (2 n), given so that it is computed once for a row of windows. The
second brings the value into the result's dtype, rounded once: a ratio into an integer as vector code, by its remainder,
whatever the rounding. Both give whether the value is certain; a window of which it is not is one for the general
kernel. A finalizer of windows whose count is a constant, or that fit into 16 bits, may do all of it at once.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, NamedTuple

import numpy as np

from ..double_double import (
    Buffer,
    add,
    divide,
    divide_in_range,
    double,
    fast_two_sum,
    multiply,
    product_in_range,
    to_double,
    two_product,
    two_sum,
    whole_of,
    widen,
)
from ..vector_math import bits_of, cube_root, exponential, from_bits, logarithm
from .fold_states import ZERO_RATIO, Parameters

_TO_WHOLE = 6755399441055744.0  # 2^52 + 2^51: adding and subtracting it rounds to a whole number, ties to even
_WHOLE_BITS = 0x4338000000000000  # its bits; those of a number added to it lie above
_ONE_BITS, _LN2 = 0x3FF0000000000000, 0.6931471805599453
_FEW, _FEW_WIDE = 1 << 22, 1 << 40
_LEAST = 1e-280  # below it a sum of powers may be of some that were clamped
_LARGEST_EXACT = 2.0**98
_FARTHEST = 2.0**51 - 1.0
_INFINITY = np.inf


class Output(NamedTuple):
    """Where results go, and what is needed to write them."""

    dst: Buffer
    fill: Any
    has_fill: int
    limits: Buffer
    rounding: int
    lowest: int
    """The bounds of an integer result, within those of int64."""
    highest: int
    params: Parameters


Value = Callable[[Any, float, float, Parameters], Any]
Convert = Callable[[Any, Output], tuple[Any, bool]]
Finalizer = Callable[[Any, float, float, Output, int], bool]


def finalize_all(value: Value, convert: Convert) -> Finalizer:
    """Return the finalizer of a fold in which all samples count."""

    def finalize(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
        number, good = convert(value(state, n, inverse, output.params), output)
        output.dst[at] = number
        return good

    return finalize


def finalize_present(value: Value, convert: Convert) -> Finalizer:
    """Return the finalizer of a fold whose state ends with a count of samples that is no divisor."""

    def finalize(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
        number, good = convert(value(state, n, inverse, output.params), output)
        gone = state[-1] == 0
        if gone:  # two statements: of a choice between uint64 and int64 Numba would make a double
            output.dst[at] = output.fill
        else:
            output.dst[at] = number
        return output.has_fill != 0 if gone else good

    return finalize


def finalize_counted(value: Value, convert: Convert) -> Finalizer:
    """Return the finalizer of a fold whose state ends with a count of samples that sums are divided by."""

    def finalize(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
        gone = state[-1] == 0
        count = 1.0 if gone else double(state[-1])
        number, good = convert(value(state, count, 0.5 / count, output.params), output)
        if gone:  # two statements: of a choice between uint64 and int64 Numba would make a double
            output.dst[at] = output.fill
        else:
            output.dst[at] = number
        return output.has_fill != 0 if gone else good

    return finalize


def finalize_four(value: Value, convert: Convert) -> Finalizer:
    """Return ``finalize_counted`` for the mean of at most four samples of uint8, rounded half up."""
    return finalize_mean_of_four


# Values.


def first_number(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the sample that won, or the sum, as it is."""
    return state[0]


def first_as_ratio(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same as a ratio."""
    return double(state[0]), 1.0, 0.5


def first_as_pair(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same as a pair."""
    return widen(state[0])


def range_whole(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return largest minus smallest of up to 32 bits."""
    return int(state[0]) - int(state[1])


def range_ratio(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return largest minus smallest, rounded to a double."""
    return double(state[0]) - double(state[1]), 1.0, 0.5


def range_pair(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return largest minus smallest, exactly."""
    a, b = widen(state[0]), widen(state[1])
    return add(a[0], a[1], -b[0], -b[1])


def mean(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return sum / n, where a double holds the sum."""
    return double(state[0]), n, inverse


def mean_wide(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return sum / n where the sum may exceed 2^53: a double of it would be rounded before the division."""
    hi, lo = widen(state[0])
    return divide(hi, lo, n)


def mean_pair(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return pair / n."""
    hi, lo = two_sum(state[0], state[1])
    return divide(hi, lo, n)


def mean_by_pair(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return a sum in pairs over one of weights, of which n is the upper half: exact where the quotient is a pair."""
    hi, lo = two_sum(state[0], state[1])
    q, rest = divide(hi, lo, n)
    return fast_two_sum(q, rest - q * (state[2] / n))


def mean_narrow(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return floor((2 sum + n) / 2 n), which is rounded half up, of samples of up to 16 bits, up to 2^31 of them.

    (2 sum + n) / 2 n + 1 / 4 n is at least 1 / 4 n >= 2^-33 away from whole numbers, and computed with an error below
    2^-35 (three roundings of values below 2^17): so its floor is the one of (2 sum + n) / 2 n. 2^15 makes it positive.
    Avg 3x3/1 of 16 MP of bytes takes 4 ms by it, by remainders 13.
    """
    return int(double(state[0]) * (2.0 * inverse) + (32768.5 + 0.5 * inverse)) - 32768


def mean_narrow_down(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return floor(sum / n) of such samples, by the same reasoning."""
    return int(double(state[0]) * (2.0 * inverse) + (32768.0 + 0.5 * inverse)) - 32768


def mean_narrow_up(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return ceil(sum / n) = floor((sum - 1) / n) + 1 of such samples, by the same reasoning."""
    return int(double(state[0]) * (2.0 * inverse) + (32769.0 - 1.5 * inverse)) - 32768


def mean_few(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same of up to 64 samples of uint8, n a constant of the kernel: all fits into 32 bits.

    With d = 2 n, t = 2 sum + n < 2^15 and m = ceil(2^22 / d) the quotient t / d is t m / 2^22, too large by less than
    t d / (d 2^22) <= 1 / d, so the floor is the same; t m < 2^31.
    """
    d = 2 * int(n)
    return ((2 * int(state[0]) + int(n)) * ((_FEW + d - 1) // d)) >> 22


def mean_few_wide(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same for 8 and 16 bits, signed or not, in 64: t + 2^15 d < 2^24 is positive, m = ceil(2^40 / d)."""
    d = 2 * int(n)
    t = 2 * int(state[0]) + int(n) + 32768 * d
    return (t * ((_FEW_WIDE + d - 1) // d) >> 40) - 32768


def finalize_mean_of_four(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Write the mean, rounded half up, of the samples that count among four of uint8, in 16 bits: 2x2/2 of 16 MP takes
    0.8 ms by it, by doubles 2.4.

    The floor of t / (2 count), t = 2 sum + count, is a shift but for three samples: there t <= 1533, and t 10923 / 2^16
    is larger than t / 6 by t / (3 2^16) < 1 / 6.
    """
    total, count = state
    t = np.uint16(2 * total + count)
    third = np.uint16((np.uint32(t) * 10923) >> 16)
    value = (count == 1) * (t >> 1) + (count == 2) * (t >> 2) + (count == 3) * third + (count == 4) * (t >> 3)
    value = np.uint16(value)
    output.dst[at] = value if count else output.fill
    return count > 0 or output.has_fill != 0


def mixed(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return (w n max + (1 - w) sum) / n, where doubles hold the terms."""
    w = params[0]
    return w * n * double(state[0]) + (1.0 - w) * double(state[1]), n, inverse


def mixed_wide(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same in pairs."""
    hi, lo = widen(state[1])
    return _mixed_of(state[0], hi, lo, n, params[0])


def mixed_pair(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same of a sum in a pair."""
    hi, lo = two_sum(state[1], state[2])
    return _mixed_of(state[0], hi, lo, n, params[0])


def _mixed_of(largest: Any, s_hi: float, s_lo: float, n: float, w: float) -> Any:
    """Return (w n max + (1 - w) sum) / n in pairs; one weight that is 0 drops its term."""
    m_hi, m_lo = widen(largest)
    w_hi, w_lo = two_product(w, n)
    a_hi, a_lo = multiply(m_hi, m_lo, w_hi, w_lo)
    rest_hi, rest_lo = two_sum(1.0, -w)  # 1 - w is no double for w = 0.1
    b_hi, b_lo = multiply(s_hi, s_lo, rest_hi, rest_lo)
    hi, lo = add(a_hi, a_lo, b_hi, b_lo)
    return divide(hi, lo, n)


def root_one(s: float, p: float) -> float:
    """Return s."""
    return s


def root_two(s: float, p: float) -> float:
    """Return the square root of s."""
    root: float = s**0.5
    return root


def root_three(s: float, p: float) -> float:
    """Return the cube root of s, by one step of Newton's more."""
    y = cube_root(s if s > 0.0 else 1.0)
    y = y - (y - s / (y * y)) * (1.0 / 3.0)
    return y if s > 0.0 and s < _INFINITY else s


def root_any(s: float, p: float) -> float:
    """Return the root of s by its logarithm; infinite where powers were too small to tell."""
    y = exponential(logarithm(s if s > 0.0 else 1.0) / p)
    y = y if s > 0.0 and s < _INFINITY else s
    return _INFINITY if s > 0.0 and s < _LEAST else y


def norm(root: Callable[[float, float], float]) -> Value:
    """Return the value of a sum of powers."""

    def norm_of(state: Any, n: float, inverse: float, params: Parameters) -> Any:
        return root(state[0], params[0]), 1.0, 0.5

    return norm_of


def power_mean(root: Callable[[float, float], float]) -> Value:
    """Return the value of a mean of powers."""

    def power_mean_of(state: Any, n: float, inverse: float, params: Parameters) -> Any:
        return root(state[0] / n, params[0]), 1.0, 0.5

    return power_mean_of


def harmonic_mean(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return n / s of a sum of reciprocals: 0 where one is of 0, infinite where the sum does not tell."""
    s = state[0]
    unclear = (s == _INFINITY) | (s == 0.0)
    value = n / (1.0 if unclear else s)
    return _INFINITY if unclear else 0.0 if s >= ZERO_RATIO else value, 1.0, 0.5


def geometric_mean(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the n-th root of a product: the whole part of exponent / n is exact, and what goes through a logarithm is
    small; infinite where the product is.
    """
    y, e = state[0], state[1]
    plain = (y > 0.0) & (y < _INFINITY)
    q = (e / n + _TO_WHOLE) - _TO_WHOLE
    root = exponential((logarithm(y if plain else 1.0) + (e - q * n) * _LN2) / n)
    near = (q > -1000.0) & (q < 1000.0)
    scale = from_bits((bits_of(q + _TO_WHOLE) << 52) + _ONE_BITS)
    return root * (scale if near else _INFINITY) if plain else y, 1.0, 0.5


def of_farthest(value: Value) -> Value:
    """Return the value of the sample of the largest magnitude: of the largest and the smallest, the positive one if
    equal."""

    def farthest_of(state: Any, n: float, inverse: float, params: Parameters) -> Any:
        a, b = state[0], state[1]
        return value((a if (a >= -b) | (a != a) else b,), n, inverse, params)

    return farthest_of


def of_farthest_integer(value: Value) -> Value:
    """Return the same of integers, of which the smallest has no opposite: -b - 1 < a is -b <= a."""

    def farthest_of(state: Any, n: float, inverse: float, params: Parameters) -> Any:
        a, b = state[0], state[1]
        return value((a if (b >= 0) | (~b < a) else b,), n, inverse, params)

    return farthest_of


def variance_few(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return (n sum x^2 - (sum x)^2) / n^2, where both products are whole numbers below 2^53: vector code."""
    s, q = double(state[0]), double(state[1])
    return n * q - s * s, n * n, 0.5 / (n * n)


def variance_moments(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return (n sum x^2 - (sum x)^2) / n^2 of whole numbers, exact up to the division."""
    hi, lo = widen(state[1])
    return _variance_of(state[0], hi, lo, n)


def variance_wide(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same of a sum of squares in a pair; infinite where n times that may not be exact."""
    hi, lo = two_sum(state[1], state[2])
    v_hi, v_lo = _variance_of(state[0], hi, lo, n)
    return v_hi if n * hi < _LARGEST_EXACT else _INFINITY, v_lo


def _variance_of(s: Any, q_hi: float, q_lo: float, n: float) -> Any:
    """Return the variance from the sum, the sum of squares and the count, as vector code."""
    s_hi, s_lo = widen(s)
    p_hi, p_lo = product_in_range(s_hi, s_hi)
    r_hi, r_lo = product_in_range(q_hi, n)
    hi, lo = add(r_hi, r_lo + q_lo * n, -p_hi, -(p_lo + 2.0 * s_hi * s_lo))
    hi, lo = divide_in_range(hi, lo, n)
    return divide_in_range(hi, lo, n)


def variance_spread(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the mean of squared distances; NaN where the sum, and so the mean, is not finite."""
    return state[1] + (state[0] - state[0]), n, inverse


def variance_wide_spread(state: Any, n: float, inverse: float, params: Parameters) -> Any:
    """Return the same of pairs; infinite where the count is no number, which tells that it cannot be certain."""
    hi, lo = two_sum(state[2], state[3])
    hi, lo = divide(hi, lo, n)
    return _INFINITY if state[4] != state[4] else hi + (state[0] - state[0]), lo


def root_of_ratio(value: Value) -> Value:
    """Return the value that is the root of a ratio."""

    def root_of(state: Any, n: float, inverse: float, params: Parameters) -> Any:
        total, of, _ = value(state, n, inverse, params)
        return (total / of) ** 0.5, 1.0, 0.5

    return root_of


def root_of_pair(value: Value) -> Value:
    """Return the value that is the root of a pair, rounded to a double."""

    def root_of(state: Any, n: float, inverse: float, params: Parameters) -> Any:
        hi, lo = value(state, n, inverse, params)
        return to_double(hi, lo) ** 0.5, 1.0, 0.5

    return root_of


# Conversions.


def as_it_is(value: Any, output: Output) -> Any:
    """Write a number that is in the result's dtype, or surely in its range."""
    return value, True


def number_to_float(value: Any, output: Output) -> Any:
    """Write a number into another dtype, a float."""
    return double(value), True


def whole_to_integer(value: Any, output: Output) -> Any:
    """Write a whole number of at most int64 into another integer dtype."""
    value = output.lowest if value < output.lowest else value
    return output.highest if value > output.highest else value, True


def ratio_to_float(value: Any, output: Output) -> Any:
    """Write a quotient: one division, correctly rounded where both numbers are exact."""
    return value[0] / value[1], True


def ratio_to_near_float(value: Any, output: Output) -> Any:
    """Write a quotient into a float of at most 32 bits: the product is off by less than two ulps of a double."""
    return value[0] * (2.0 * value[2]), True


def finite_ratio_to_float(value: Any, output: Output) -> Any:
    """Write a quotient of which an infinite one is not certain; one that is no number is."""
    return value[0] / value[1], abs(value[0]) != _INFINITY


def sure_ratio_to_float(value: Any, output: Output) -> Any:
    """Write a quotient that is certain where it is finite."""
    return value[0] / value[1], value[0] - value[0] == 0.0


def ratio_to_integer(toward: Callable[[float, float, float], float]) -> Convert:
    """Return the conversion of a ratio to an integer, less than 2^51 away from 0 where the dtype has 64 bits.

    The quotient by the inverse is off by less than one, so adding 2^52 + 2^51 (which rounds to whole numbers) gives a
    whole number beside it; the remainder, exact below 2^53, tells which way to go. All of that is vector code.
    """

    def convert(value: Any, output: Output) -> Any:
        total, n, inverse = value
        low, high = max(double(output.lowest), -_FARTHEST), min(double(output.highest), _FARTHEST)
        q = total * (2.0 * inverse)
        q = low if q < low else high if q > high else q
        q = (q + _TO_WHOLE) - _TO_WHOLE
        q = toward(q, total - q * n, n)
        q = low if q < low else high if q > high else q
        good = total - total == 0.0
        return bits_of((q if good else 0.0) + _TO_WHOLE) - _WHOLE_BITS, good

    return convert


def pair_ratio_to_integer(toward: Callable[[float, float, float], float]) -> Convert:
    """Return the conversion of a pair of whole numbers over n to an integer of up to 32 bits, as vector code.

    As ``ratio_to_integer``, but the remainder is a pair too; where it lies is told by signs of sums, which are exact.
    """

    def convert(value: Any, output: Output) -> Any:
        hi, lo, n, inverse = value
        low, high = double(output.lowest), double(output.highest)
        q = hi * (2.0 * inverse)
        q = low if q < low else high if q > high else q
        q = (q + _TO_WHOLE) - _TO_WHOLE
        p, e = product_in_range(q, n)
        rest, least = hi - p, lo - e
        above, here, below = (rest - 0.5 * n) + least, rest + least, (rest + 0.5 * n) + least
        positive = 0.75 if above > 0.0 else 0.5 if above == 0.0 else 0.25
        negative = -0.75 if below < 0.0 else -0.5 if below == 0.0 else -0.25
        q = toward(q, positive if here > 0.0 else negative if here < 0.0 else 0.0, 1.0)
        q = low if q < low else high if q > high else q
        return bits_of(q + _TO_WHOLE) - _WHOLE_BITS, True

    return convert


def _half_up(q: float, rest: float, n: float) -> float:
    """Return q, or the whole number beside it that (q n + rest) / n is rounded to, a tie towards +infinity."""
    return q + (1.0 if 2.0 * rest >= n else 0.0) - (1.0 if 2.0 * rest < -n else 0.0)


def _half_even(q: float, rest: float, n: float) -> float:
    """Return the same, a tie towards the even one."""
    half = q * 0.5
    odd = (half + _TO_WHOLE) - _TO_WHOLE != half
    up = 2.0 * rest > n or (2.0 * rest == n and odd)
    down = 2.0 * rest < -n or (2.0 * rest == -n and odd)
    return q + (1.0 if up else 0.0) - (1.0 if down else 0.0)


def _downward(q: float, rest: float, n: float) -> float:
    """Return the same, always towards -infinity."""
    return q - 1.0 if rest < 0.0 else q


def _upward(q: float, rest: float, n: float) -> float:
    """Return the same, always towards +infinity."""
    return q + 1.0 if rest > 0.0 else q


ROUNDINGS = (_half_up, _half_even, _downward, _upward)
"""The ways of rounding, by the number that a kernel knows them by."""


def pair_to_float(value: Any, output: Output) -> Any:
    """Write a pair into a float; one that is not finite may have overflowed on the way."""
    return to_double(value[0], value[1]), isfinite(value[0])


def pair_or_nan_to_float(value: Any, output: Output) -> Any:
    """Write a pair of which only an infinite one is not certain."""
    return to_double(value[0], value[1]), abs(value[0]) != _INFINITY


def pair_to_integer(value: Any, output: Output) -> Any:
    """Write a pair into an integer of any size, by any rounding: exact, but no vector code."""
    good = isfinite(value[0])
    hi, lo = value if good else (0.0, 0.0)
    return whole_of(hi, lo, output.limits, output.rounding), good
