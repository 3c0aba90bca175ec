"""Ways of ending a fold: the state of a whole window becomes output.

Each writes the state of a window of n samples (or the divisor in their place). ``inverse`` is 1 / (2 n), given so that
it is computed once. False: this window is one for the general kernel.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np

from .folds import Output
from .numerics import add, divide, double, put_float, put_integer, to_double, two_product, two_sum, widen

_TO_WHOLE = 6755399441055744.0  # 2^52 + 2^51: adding and subtracting it rounds to a whole number, ties to even
_FEW, _FEW_WIDE = 1 << 22, 1 << 40


def end_sample(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The sample that won, in its own dtype."""
    output.dst[at] = state[0]
    return True


def end_sample_float(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The sample that won, into another dtype, a float."""
    hi, lo = widen(state[0])
    return put_float(output.dst, at, hi, lo)


def end_sample_integer(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The sample that won, into another dtype, an integer."""
    hi, lo = widen(state[0])
    return put_integer(output.dst, at, hi, lo, output.limits, output.rounding)


def end_present_sample(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The sample that won among those that count, or the fill value."""
    output.dst[at] = state[0] if state[1] else output.fill
    return bool(state[1]) or output.has_fill != 0


def end_range_float(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Largest minus smallest, into a float."""
    a, b = widen(state[0]), widen(state[1])
    hi, lo = add(a[0], a[1], -b[0], -b[1])
    return put_float(output.dst, at, hi, lo)


def end_range_unsigned(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Largest minus smallest of up to 32 bits, into the unsigned type of that width."""
    output.dst[at] = int(state[0]) - int(state[1])
    return True


def end_range_integer(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Largest minus smallest, into an integer."""
    a, b = widen(state[0]), widen(state[1])
    hi, lo = add(a[0], a[1], -b[0], -b[1])
    return put_integer(output.dst, at, hi, lo, output.limits, output.rounding)


def end_sum(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The sum as it is: integers in int64 or uint64 (32 bits times 2^31 samples fit), floats in a float."""
    output.dst[at] = state[0]
    return True


def end_mean(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Sum / n into a float: one division, correctly rounded while the sum is below 2^53."""
    output.dst[at] = double(state[0]) / n
    return True


def end_mean_near(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Sum / n of floats into a float of at most 32 bits: the product is off by less than two ulps of a double."""
    output.dst[at] = state[0] * (2.0 * inverse)
    return True


def end_mean_wide(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Sum / n into a float where the sum may exceed 2^53: a double of it would be rounded before the division."""
    hi, lo = widen(state[0])
    hi, lo = divide(hi, lo, n)
    output.dst[at] = to_double(hi, lo)
    return True


def end_mean_half_up(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Sum / n into an integer of the input's range: floor((2 sum + n) / 2 n), exact, as vector code on doubles.

    The quotient by the inverse is off by less than one, so adding 2^52 + 2^51 (which rounds to whole numbers) gives
    the floor or one more; the remainder, exact below 2^53, tells which.
    """
    q, _ = half_up(double(state[0]), n, inverse)
    output.dst[at] = int(q)
    return True


def end_mean_of_narrow(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """``end_mean_half_up`` of samples of up to 16 bits, up to 2^31 of them.

    (2 sum + n) / 2 n + 1 / 4 n is at least 1 / 4 n >= 2^-33 away from whole numbers, and computed with an error below
    2^-35 (three roundings of values below 2^17): so its floor is the one of (2 sum + n) / 2 n. 2^15 makes it positive.
    """
    output.dst[at] = int(double(state[0]) * (2.0 * inverse) + (32768.5 + 0.5 * inverse)) - 32768
    return True


def end_mean_half_even(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """As ``end_mean_half_up``, but a tie goes to the even neighbour."""
    q, tie = half_up(double(state[0]), n, inverse)
    half = q * 0.5
    odd = (half + _TO_WHOLE) - _TO_WHOLE != half
    output.dst[at] = int(q - 1.0 if tie and odd else q)
    return True


def half_up(total: float, n: float, inverse: float) -> tuple[float, bool]:
    """floor((2 total + n) / 2 n), and whether total / n was halfway between two whole numbers."""
    t = 2.0 * total + n
    q = (t * inverse + _TO_WHOLE) - _TO_WHOLE
    rest = t - q * (2.0 * n)
    return q - 1.0 if rest < 0.0 else q, rest == 0.0


def end_mean_of_few(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """``end_mean_half_up`` of up to 64 samples of uint8, n a constant of the kernel: all fits into 32 bits.

    With d = 2 n, t = 2 sum + n < 2^15 and m = ceil(2^22 / d) the quotient t / d is t m / 2^22, too large by less than
    t d / (d 2^22) <= 1 / d, so the floor is the same; t m < 2^31.
    """
    d = 2 * int(n)
    output.dst[at] = ((2 * int(state[0]) + int(n)) * ((_FEW + d - 1) // d)) >> 22
    return True


def end_mean_of_few_wide(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The same for 8 and 16 bits, signed or not, in 64 bits: t + 2^15 d < 2^24 is positive, and m = ceil(2^40 / d)."""
    d = 2 * int(n)
    t = 2 * int(state[0]) + int(n) + 32768 * d
    output.dst[at] = (t * ((_FEW_WIDE + d - 1) // d) >> 40) - 32768
    return True


def end_mean_integer(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Sum / n into an integer, by any rounding."""
    hi, lo = widen(state[0])
    hi, lo = divide(hi, lo, n)
    return put_integer(output.dst, at, hi, lo, output.limits, output.rounding)


def end_pair_mean_float(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Pair / n into a float; a sum that is not finite may have overflowed on the way."""
    hi, lo = two_sum(state[0], state[1])
    hi, lo = divide(hi, lo, n)
    output.dst[at] = to_double(hi, lo)
    return isfinite(state[0])


def end_pair_mean_integer(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Pair / n into an integer."""
    hi, lo = two_sum(state[0], state[1])
    hi, lo = divide(hi, lo, n)
    return put_integer(output.dst, at, hi, lo, output.limits, output.rounding) and isfinite(state[0])


def end_mean_present(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Sum / count of those that count, into a float."""
    output.dst[at] = double(state[0]) / double(state[1]) if state[1] else output.fill
    return bool(state[1]) or output.has_fill != 0


def end_mean_present_half_up(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The same into an integer of the input's range, rounded half up."""
    count = double(max(state[1], 1))
    q, _ = half_up(double(state[0]), count, 0.5 / count)
    output.dst[at] = int(q) if state[1] else output.fill
    return bool(state[1]) or output.has_fill != 0


def end_mean_present_of_four(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The same of up to four samples of uint8, in 16 bits: 2x2/2 of 16 MP takes 0.8 ms, by doubles 2.4.

    The floor of t / (2 count), t = 2 sum + count, is a shift but for three samples: there t <= 1533, and t 10923 / 2^16
    is larger than t / 6 by t / (3 2^16) < 1 / 6.
    """
    total, count = state
    t = np.uint16(2 * total + count)
    third = np.uint16((np.uint32(t) * 10923) >> 16)
    mean = np.uint16((count == 1) * (t >> 1) + (count == 2) * (t >> 2) + (count == 3) * third + (count == 4) * (t >> 3))
    output.dst[at] = mean if count else output.fill
    return count > 0 or output.has_fill != 0


def end_pair_mean_present(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """Pair / count of those that count, into a float."""
    hi, lo = divide(state[0], state[1], float(max(state[2], 1)))
    output.dst[at] = to_double(hi, lo) if state[2] else output.fill
    return isfinite(state[0]) and (bool(state[2]) or output.has_fill != 0)


def end_root(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The root of a sum of squares, into a float."""
    output.dst[at] = state[0] ** 0.5
    return True


def end_small_variance(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """(n sum x^2 - (sum x)^2) / n^2 into a float, where both products are whole numbers below 2^53: vector code."""
    s, q = double(state[0]), double(state[1])
    output.dst[at] = (n * q - s * s) / (n * n)
    return True


def end_small_deviation(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The root of that."""
    s, q = double(state[0]), double(state[1])
    output.dst[at] = ((n * q - s * s) / (n * n)) ** 0.5
    return True


def end_variance_float(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """(n sum x^2 - (sum x)^2) / n^2 of whole numbers, exact up to the division, into a float."""
    hi, lo = moments_variance(state, n)
    return put_float(output.dst, at, hi, lo)


def end_deviation_float(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The root of the variance, into a float."""
    hi, lo = moments_variance(state, n)
    output.dst[at] = to_double(hi, lo) ** 0.5
    return True


def moments_variance(state: Any, n: float) -> Any:
    """The variance of whole numbers from their count, sum and sum of squares."""
    s_hi, s_lo = two_product(double(state[0]), double(state[0]))
    q_hi, q_lo = two_product(double(state[1]), n)
    hi, lo = add(q_hi, q_lo, -s_hi, -s_lo)
    hi, lo = divide(hi, lo, n)
    return divide(hi, lo, n)


def end_spread(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The mean of squared distances into a float; NaN where the sum, and so the mean, is not finite."""
    output.dst[at] = state[2] * (2.0 * inverse) + (state[1] - state[1])
    return True


def end_root_of_spread(state: Any, n: float, inverse: float, output: Output, at: int) -> bool:
    """The root of that."""
    output.dst[at] = (state[2] * (2.0 * inverse) + (state[1] - state[1])) ** 0.5
    return True
