"""The states of folds: reducers whose window value can be put together from parts, in any grouping.

A fold holds up to five numbers for a part of a window, its state. ``lift`` makes the state of one sample, ``merge``
that of two parts; a finalizer (``finalizers.py``) turns the state of a whole window into output. The fold kernels run
any fold over any windows; nothing here knows of windows. Where samples may be missing (NaN ignored, nodata)
``lift_present`` and ``merge_counted`` make another fold of any fold, whose last number counts the samples that are not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..double_double import Buffer, add, double, fast_two_sum, product_in_range, two_sum, widen
from ..vector_math import bits_of, exponential, from_bits, logarithm

_INFINITY, _NOT_A_NUMBER = np.inf, np.nan
_SMALL, _TINY = 2.0**-900, 2.0**-960
_LEAST_RATIO, _NORMAL = 2.0**-800, 2.0**-1022
ZERO_RATIO = 2.0**900
"""What stands for 1 / 0: more than all other reciprocals of a window together."""
_LARGEST_EXPONENT = 700.0  # e^700 and e^-700 are normal doubles
_LARGEST_EXACT = 2.0**48  # the square of a larger integer may not be a pair of doubles
_FAR = 2.0**480  # squares of differences of larger floats may overflow


Parameters = tuple[float, float]
"""A reducer's first two parameters; 0 where it has none."""


class Missing(NamedTuple):
    """Which samples do not count, and the state of those."""

    skip_nan: int
    has_nodata: int
    nodata: Any
    none: Any
    """The state of no sample; its numbers have the dtypes of states."""


class Scratch(NamedTuple):
    """Room for states: one buffer for each of their numbers."""

    first: Buffer
    second: Buffer
    third: Buffer
    fourth: Buffer
    fifth: Buffer


def load1(scratch: Scratch, i: int) -> Any:
    """Return the state at i, of one number."""
    return (scratch.first[i],)


def save1(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of one number."""
    scratch.first[i] = state[0]


def load2(scratch: Scratch, i: int) -> Any:
    """Return the state at i, of two numbers."""
    return scratch.first[i], scratch.second[i]


def save2(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of two numbers."""
    scratch.first[i] = state[0]
    scratch.second[i] = state[1]


def load3(scratch: Scratch, i: int) -> Any:
    """Return the state at i, of three numbers."""
    return scratch.first[i], scratch.second[i], scratch.third[i]


def save3(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of three numbers."""
    scratch.first[i] = state[0]
    scratch.second[i] = state[1]
    scratch.third[i] = state[2]


def load4(scratch: Scratch, i: int) -> Any:
    """Return the state at i, of four numbers."""
    return scratch.first[i], scratch.second[i], scratch.third[i], scratch.fourth[i]


def save4(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of four numbers."""
    scratch.first[i] = state[0]
    scratch.second[i] = state[1]
    scratch.third[i] = state[2]
    scratch.fourth[i] = state[3]


def load5(scratch: Scratch, i: int) -> Any:
    """Return the state at i, of five numbers."""
    return scratch.first[i], scratch.second[i], scratch.third[i], scratch.fourth[i], scratch.fifth[i]


def save5(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of five numbers."""
    scratch.first[i] = state[0]
    scratch.second[i] = state[1]
    scratch.third[i] = state[2]
    scratch.fourth[i] = state[3]
    scratch.fifth[i] = state[4]


def cast_like(x: Any, example: Any) -> Any:
    """Return x in the dtype of the example: vector code of narrow sums stays narrow then."""
    return type(example)(x)


# Reading: from a place to the state of the sample there.


def lift_at(lift: Callable[..., Any]) -> Callable[..., Any]:
    """Return what makes the state of the sample at a place."""

    def lift_sample_at(fold: Any, src: Buffer, at: int) -> Any:
        return lift(src[at], fold.missing, fold.params)

    return lift_sample_at


def lift_with_weight(lift: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same for a lift that takes a sample and its weight."""

    def lift_both_at(fold: Any, src: Buffer, at: int) -> Any:
        return lift((src[at], fold.weights[at]), fold.missing, fold.params)

    return lift_both_at


# Presence: parts that make a fold of samples that may be missing from any fold.


def lift_present(lift: Callable[..., Any], choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return the lift of a fold whose state counts the samples that are there behind all else."""

    def lift_if_present(x: Any, missing: Missing, params: Parameters) -> Any:
        gone = (missing.skip_nan and x != x) or (missing.has_nodata and x == missing.nodata)
        return choose(gone, missing.none, (*lift(x, missing, params), cast_like(1, missing.none[-1])))

    return lift_if_present


def lift_present_counted(lift: Callable[..., Any], choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return the lift of a fold whose state counts samples anyway, as its last number."""

    def lift_if_present(x: Any, missing: Missing, params: Parameters) -> Any:
        gone = (missing.skip_nan and x != x) or (missing.has_nodata and x == missing.nodata)
        return choose(gone, missing.none, lift(x, missing, params))

    return lift_if_present


def lift_unmasked(lift: Callable[..., Any], choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``lift_present`` for samples that are there where their weight is not 0, and all count the same."""

    def lift_if_unmasked(both: Any, missing: Missing, params: Parameters) -> Any:
        return choose(both[1] == 0, missing.none, (*lift(both[0], missing, params), cast_like(1, missing.none[-1])))

    return lift_if_unmasked


def lift_unmasked_counted(lift: Callable[..., Any], choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``lift_present_counted`` for the same."""

    def lift_if_unmasked(both: Any, missing: Missing, params: Parameters) -> Any:
        return choose(both[1] == 0, missing.none, lift(both[0], missing, params))

    return lift_if_unmasked


def lift_weighted(lift: Callable[..., Any], weigh: Callable[..., Any],
                  choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return the lift of a fold whose sums grow by samples times their weights; the count behind them, by weights."""

    def lift_times_weight(both: Any, missing: Missing, params: Parameters) -> Any:
        state = weigh(lift(both[0], missing, params), both[1])
        return choose(both[1] == 0, missing.none, (*state, cast_like(both[1], missing.none[-1])))

    return lift_times_weight


def lift_weighted_counted(lift: Callable[..., Any], weigh: Callable[..., Any],
                          choose: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same of a fold whose state counts samples anyway, as its last number."""

    def lift_times_weight(both: Any, missing: Missing, params: Parameters) -> Any:
        return choose(both[1] == 0, missing.none, weigh(lift(both[0], missing, params), both[1]))

    return lift_times_weight


def weigh_sum(state: Any, weight: Any) -> Any:
    """Return the state of one sample in a sum, times its weight."""
    return (cast_like(state[0] * cast_like(weight, state[0]), state[0]),)


def weigh_two_sums(state: Any, weight: Any) -> Any:
    """Return that in two sums."""
    times = cast_like(weight, state[0])
    return cast_like(state[0] * times, state[0]), cast_like(state[1] * times, state[1])


def weigh_pair(state: Any, weight: Any) -> Any:
    """Return that in a sum in pairs of doubles."""
    times = double(weight)
    hi, lo = product_in_range(state[0], times)
    return hi, lo + state[1] * times


def weigh_pair_alone(state: Any, weight: Any) -> Any:
    """Return the same with the lower half of the weight in front of the weight."""
    hi, lo = weigh_pair(state, weight)
    return hi, lo, 0.0


def merge_two_pairs(a: Any, b: Any) -> Any:
    """Return a sum in pairs, and one of weights, which has its lower half in front."""
    hi, lo = add(a[0], a[1], b[0], b[1])
    mass, rest = add(a[3], a[2], b[3], b[2])
    return hi, lo, rest, mass


def weigh_mixed(state: Any, weight: Any) -> Any:
    """Return that in a sum beside the largest sample."""
    return state[0], cast_like(state[1] * cast_like(weight, state[1]), state[1])


def weigh_mixed_pair(state: Any, weight: Any) -> Any:
    """Return the same, the sum in pairs."""
    hi, lo = weigh_pair((state[1], state[2]), weight)
    return state[0], hi, lo


def weigh_wide_moments(state: Any, weight: Any) -> Any:
    """Return that of an integer, and of its square as a pair; infinite where the integer's may not be exact."""
    hi, lo = weigh_pair((state[1], state[2]), weight)
    total = state[0] * double(weight)
    return total, _INFINITY if abs(total) > _LARGEST_EXACT else hi, lo


def weigh_spread(state: Any, weight: Any) -> Any:
    """Return that in a sum with squared distances from the mean, which one sample has none of, and the weight."""
    times = double(weight)
    return state[0] * times, 0.0, times


def weigh_wide_spread(state: Any, weight: Any) -> Any:
    """Return the same in pairs of doubles."""
    times = double(weight)
    hi, lo = product_in_range(state[0], times)
    return hi, lo, 0.0, 0.0, state[4] * times


def merge_counted(merge: Callable[..., Any]) -> Callable[..., Any]:
    """Return the merge of a fold whose states have a count behind those of another."""

    def merge_and_count(a: Any, b: Any) -> Any:
        return (*merge(a[:-1], b[:-1]), cast_like(a[-1] + b[-1], a[-1]))

    return merge_and_count


def merge_flagged(merge: Callable[..., Any]) -> Callable[..., Any]:
    """Return the merge of a fold whose states have a flag behind those of another: whether there was a sample."""

    def merge_and_flag(a: Any, b: Any) -> Any:
        return (*merge(a[:-1], b[:-1]), cast_like(a[-1] | b[-1], a[-1]))

    return merge_and_flag


def choose2(first: bool, a: Any, b: Any) -> Any:
    """Return one of two states of two numbers."""
    return a[0] if first else b[0], a[1] if first else b[1]


def choose3(first: bool, a: Any, b: Any) -> Any:
    """Return one of two states of three numbers."""
    return a[0] if first else b[0], a[1] if first else b[1], a[2] if first else b[2]


def choose4(first: bool, a: Any, b: Any) -> Any:
    """Return one of two states of four numbers."""
    return (a[0] if first else b[0], a[1] if first else b[1], a[2] if first else b[2], a[3] if first else b[3])


def choose5(first: bool, a: Any, b: Any) -> Any:
    """Return one of two states of five numbers."""
    return (a[0] if first else b[0], a[1] if first else b[1], a[2] if first else b[2], a[3] if first else b[3],
            a[4] if first else b[4])


# Extremes. A NaN wins: the instruction for `a if a > b else b` keeps one in b, the rest one in a.


def lift_sample(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return the sample itself."""
    return (x,)


def merge_max(a: Any, b: Any) -> Any:
    """Return the larger."""
    chosen = a[0] if a[0] > b[0] else b[0]
    return (a[0] if a[0] != a[0] else chosen,)


def merge_min(a: Any, b: Any) -> Any:
    """Return the smaller."""
    chosen = a[0] if a[0] < b[0] else b[0]
    return (a[0] if a[0] != a[0] else chosen,)


def lift_twice(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return the sample as largest and as smallest."""
    return x, x


def merge_range(a: Any, b: Any) -> Any:
    """Return the larger and the smaller."""
    return merge_max((a[0],), (b[0],))[0], merge_min((a[1],), (b[1],))[0]


# Sums.


def lift_sum(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return a sample to be summed in the state's dtype."""
    return (cast_like(x, missing.none[0]),)


def lift_one(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return 1 for any sample, to be summed in the state's dtype."""
    return (cast_like(1, missing.none[0]),)


def merge_sum(a: Any, b: Any) -> Any:
    """Return the sum."""
    return (cast_like(a[0] + b[0], a[0]),)


def merge_two_sums(a: Any, b: Any) -> Any:
    """Return two sums."""
    return cast_like(a[0] + b[0], a[0]), cast_like(a[1] + b[1], a[1])


def subtract_sum(a: Any, b: Any) -> Any:
    """Return a sum without what b has of it: exact for whole numbers."""
    return (cast_like(a[0] - b[0], a[0]),)


def subtract_two_sums(a: Any, b: Any) -> Any:
    """Return two sums without what b has of them."""
    return cast_like(a[0] - b[0], a[0]), cast_like(a[1] - b[1], a[1])


def subtract_three_sums(a: Any, b: Any) -> Any:
    """Return three sums without what b has of them."""
    return cast_like(a[0] - b[0], a[0]), cast_like(a[1] - b[1], a[1]), cast_like(a[2] - b[2], a[2])


def lift_pair(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return a sample to be summed in a pair of doubles."""
    return widen(x)


def merge_pair(a: Any, b: Any) -> Any:
    """Return the sum in pairs of doubles: exact for integers below 2^105."""
    return add(a[0], a[1], b[0], b[1])


def merge_errors(a: Any, b: Any) -> Any:
    """Return the sum of floats as a double, and the errors of its additions, summed in a double.

    A chain of m additions is off by m^2 2^-106 of sum|x| (Ogita, Rump, Oishi 2005, "Sum2"). Global avg of 16 MP of
    float32 takes 4 ms by it, by pairs that are normalised each time 10; avg 2x2 to 31x31 of float64 half of the time.
    """
    s, e = two_sum(a[0], b[0])
    return s, (a[1] + b[1]) + e


def lift_mixed(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return a sample as the largest, and to be summed in the state's dtype."""
    return x, cast_like(x, missing.none[1])


def merge_mixed(a: Any, b: Any) -> Any:
    """Return the larger, and the sum."""
    return merge_max((a[0],), (b[0],))[0], cast_like(a[1] + b[1], a[1])


def lift_mixed_pair(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return a sample as the largest, and to be summed in a pair of doubles."""
    hi, lo = widen(x)
    return x, hi, lo


def merge_mixed_pair(a: Any, b: Any) -> Any:
    """Return the larger, and the sum in pairs."""
    hi, lo = add(a[1], a[2], b[1], b[2])
    return merge_max((a[0],), (b[0],))[0], hi, lo


# Powers. One that has left the range of doubles is infinite, and its sum: that window is for another kernel.


def lift_norm(power: Callable[[float, float], float]) -> Callable[..., Any]:
    """Return the lift of a sum of powers of magnitudes; params[0] is the exponent."""

    def lift_magnitude(x: Any, missing: Missing, params: Parameters) -> Any:
        return (power(abs(double(x)), params[0]),)

    return lift_magnitude


def lift_at_least(power: Callable[[float, float], float]) -> Callable[..., Any]:
    """Return the lift of a sum of powers of samples, of which those below params[1] count as that."""

    def lift_clamped(x: Any, missing: Missing, params: Parameters) -> Any:
        hi = double(x)
        return (power(params[1] if hi < params[1] else hi, params[0]),)

    return lift_clamped


def power_one(x: float, p: float) -> float:
    """Return x."""
    return x


def power_two(x: float, p: float) -> float:
    """Return x^2 for x >= 0; infinite where it is too small to be exact."""
    y = x * x
    return _INFINITY if (y < _TINY) & (x > 0.0) else y


def power_three(x: float, p: float) -> float:
    """Return x^3 for x >= 0; infinite where it is too small to be exact."""
    y = x * x * x
    return _INFINITY if (y < _TINY) & (x > 0.0) else y


def power_any(x: float, p: float) -> float:
    """Return x^p for x >= 0; what is below e^-700 counts as that, and where all samples are the sum shows it."""
    t = p * logarithm(x if x > _SMALL else 1.0)
    y = exponential(-_LARGEST_EXPONENT if t < -_LARGEST_EXPONENT else t)
    y = _INFINITY if (t > _LARGEST_EXPONENT) | (x <= _SMALL) else y
    return y if (x > 0.0) & (x < _INFINITY) else x


# Means of ratios, of samples that are not negative.


def lift_reciprocal(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return 1 / x; for 0 what outweighs all others, and infinity where that is too near."""
    hi = double(x)
    inside = hi >= _LEAST_RATIO
    found = 1.0 / (hi if inside else 1.0)
    return (found if inside else hi if hi != hi else ZERO_RATIO if hi == 0.0 else _INFINITY,)


def lift_product(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return x as a significand from 1/2 to below 1 and an exponent of two; 0 and infinity as they are."""
    hi = double(x)
    small = hi < _NORMAL
    bits = bits_of(hi * 2.0**64 if small else hi)
    plain = (hi > 0.0) & (hi < _INFINITY)
    exponent = double(((bits >> 52) & 0x7FF) - 1022) - (64.0 if small else 0.0)
    significand = from_bits((bits & 0xFFFFFFFFFFFFF) | 0x3FE0000000000000)
    return significand if plain else hi, exponent if plain else 0.0


def merge_product(a: Any, b: Any) -> Any:
    """Return the product: two factors of at least 1/2 make one of at least 1/4."""
    y, e = a[0] * b[0], a[1] + b[1]
    small = y < 0.5
    return y * 2.0 if small else y, e - 1.0 if small else e


# Variances.


def lift_moments(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return x and x^2 of a small integer."""
    whole = cast_like(x, missing.none[0])
    return whole, cast_like(whole * whole, whole)


def lift_wide_moments(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return x, and x^2 as a pair of doubles, of an integer of 32 or 64 bits; infinite where that is not exact."""
    hi = double(x)
    square, low = product_in_range(hi, hi)
    return hi, _INFINITY if abs(hi) > _LARGEST_EXACT else square, low


def merge_wide_moments(a: Any, b: Any) -> Any:
    """Return the sum, and that of squares with its errors beside: exact while n times it is below 2^98."""
    s, e = two_sum(a[1], b[1])
    return a[0] + b[0], s, (a[2] + b[2]) + e


def lift_spread(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return sum, squared distances from the mean, and count of one float of up to 32 bits."""
    return double(x), 0.0, 1.0


def merge_spread(a: Any, b: Any) -> Any:
    """Return those of two parts: the distances grow by (n_b s_a - n_a s_b)^2 / n_a n_b (n_a + n_b), and nothing cancels
    (Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
    """
    n, d = a[2] + b[2], b[2] * a[0] - a[2] * b[0]
    q = a[2] * b[2] * n
    return a[0] + b[0], a[1] + b[1] + d * d * (1.0 / (q if q > 0.0 else 1.0)), n


def lift_wide_spread(x: Any, missing: Missing, params: Parameters) -> Any:
    """Return the same of a double, sum and distances as pairs; the count is no number where squares may overflow."""
    hi = double(x)
    return hi, 0.0, 0.0, 0.0, _NOT_A_NUMBER if (abs(hi) > _FAR) & (abs(hi) < _INFINITY) else 1.0


def merge_wide_spread(a: Any, b: Any) -> Any:
    """Return ``merge_spread`` in pairs of doubles; the count is no number where squares are too small to be exact."""
    n = a[4] + b[4]
    q = a[4] * b[4] * n
    q = q if q > 0.0 else 1.0
    p_hi, p_lo = product_in_range(b[4], a[0])
    q_hi, q_lo = product_in_range(a[4], b[0])
    d, e = two_sum(p_hi, -q_hi)
    d, e = fast_two_sum(d, e + ((p_lo - q_lo) + (b[4] * a[1] - a[4] * b[1])))
    t_hi, t_lo = product_in_range(d, d)
    grown = t_hi / q
    back_hi, back_lo = product_in_range(grown, q)
    rest = (((t_hi - back_hi) - back_lo) + (t_lo + 2.0 * d * e)) / q
    s, s_error = two_sum(a[0], b[0])
    m, m_error = two_sum(a[2], b[2])
    m, more = two_sum(m, grown)
    tiny = (t_hi < _SMALL) & (d != 0.0)
    return (s, (a[1] + b[1]) + s_error, m, (a[3] + b[3]) + ((m_error + more) + rest),
            _NOT_A_NUMBER if tiny else n)
