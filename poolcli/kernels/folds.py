"""Folds: reducers whose window value can be put together from parts, in any grouping.

A fold holds up to three numbers for a part of a window, its state. ``lift`` makes the state of one sample, ``merge``
that of two parts; a way of ending (``endings.py``) turns the state of a whole window into output. ``rows.py``,
``small.py``, ``uneven.py`` and ``tall.py`` run any fold over any windows; nothing here knows of windows. Where samples
may be missing (NaN ignored, nodata) the last number of the state counts those that are not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .numerics import Buffer, add, double, two_sum, widen


class Missing(NamedTuple):
    """Which samples do not count, and what takes their place where that is a sample."""

    skip_nan: int
    has_nodata: int
    nodata: Any
    identity: Any


class Scratch(NamedTuple):
    """Room for states: one buffer for each of their numbers."""

    first: Buffer
    second: Buffer
    third: Buffer


class Output(NamedTuple):
    """Where results go, and what is needed to write them."""

    dst: Buffer
    fill: Any
    has_fill: int
    limits: Buffer
    rounding: int
    params: Buffer


def load1(scratch: Scratch, i: int) -> Any:
    """The state at i, of one number."""
    return (scratch.first[i],)


def save1(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of one number."""
    scratch.first[i] = state[0]


def load2(scratch: Scratch, i: int) -> Any:
    """The state at i, of two numbers."""
    return scratch.first[i], scratch.second[i]


def save2(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of two numbers."""
    scratch.first[i] = state[0]
    scratch.second[i] = state[1]


def load3(scratch: Scratch, i: int) -> Any:
    """The state at i, of three numbers."""
    return scratch.first[i], scratch.second[i], scratch.third[i]


def save3(scratch: Scratch, i: int, state: Any) -> None:
    """Keep a state of three numbers."""
    scratch.first[i] = state[0]
    scratch.second[i] = state[1]
    scratch.third[i] = state[2]


# The largest and the smallest. A NaN wins: the instruction for `a if a > b else b` keeps one in b, the rest one in a.


def lift_sample(x: Any, missing: Missing, params: Buffer) -> Any:
    """The sample itself."""
    return (x,)


def merge_max(a: Any, b: Any) -> Any:
    """The larger."""
    chosen = a[0] if a[0] > b[0] else b[0]
    return (a[0] if a[0] != a[0] else chosen,)


def merge_min(a: Any, b: Any) -> Any:
    """The smaller."""
    chosen = a[0] if a[0] < b[0] else b[0]
    return (a[0] if a[0] != a[0] else chosen,)


def lift_present(x: Any, missing: Missing, params: Buffer) -> Any:
    """The sample, or the identity where it does not count, and whether it does."""
    gone = (missing.skip_nan and x != x) or (missing.has_nodata and x == missing.nodata)
    return (missing.identity, 0) if gone else (x, 1)


def merge_max_present(a: Any, b: Any) -> Any:
    """The larger of those that count; what does not is the identity."""
    return merge_max((a[0],), (b[0],))[0], a[1] | b[1]


def merge_min_present(a: Any, b: Any) -> Any:
    """The smaller of those that count."""
    return merge_min((a[0],), (b[0],))[0], a[1] | b[1]


def lift_twice(x: Any, missing: Missing, params: Buffer) -> Any:
    """The sample as largest and as smallest."""
    return x, x


def merge_range(a: Any, b: Any) -> Any:
    """The larger and the smaller."""
    return merge_max((a[0],), (b[0],))[0], merge_min((a[1],), (b[1],))[0]


# Sums.


def lift_integer(x: Any, missing: Missing, params: Buffer) -> Any:
    """An integer to be summed in an integer."""
    return (int(x),)


def lift_float(x: Any, missing: Missing, params: Buffer) -> Any:
    """A sample to be summed in a double."""
    return (double(x),)


def lift_pair(x: Any, missing: Missing, params: Buffer) -> Any:
    """A sample to be summed in a pair of doubles."""
    return widen(x)


def merge_sum(a: Any, b: Any) -> Any:
    """The sum."""
    return (a[0] + b[0],)


def merge_pair(a: Any, b: Any) -> Any:
    """The sum in pairs of doubles: nothing drifts over 10^8 samples."""
    return add(a[0], a[1], b[0], b[1])


def lift_integer_present(x: Any, missing: Missing, params: Buffer) -> Any:
    """An integer, and whether it counts."""
    gone = missing.has_nodata and x == missing.nodata
    return (0, 0) if gone else (int(x), 1)


def lift_narrow_present(x: Any, missing: Missing, params: Buffer) -> Any:
    """The same in 16 bits, told at every step: else vector code computes in 64."""
    here = np.uint16(not (missing.has_nodata and x == missing.nodata))
    return np.uint16(here * np.uint16(x)), here


def merge_narrow(a: Any, b: Any) -> Any:
    """The sum and the count in 16 bits."""
    return np.uint16(a[0] + b[0]), np.uint16(a[1] + b[1])


def lift_float_present(x: Any, missing: Missing, params: Buffer) -> Any:
    """A sample as a double, and whether it counts."""
    gone = (missing.skip_nan and x != x) or (missing.has_nodata and x == missing.nodata)
    return (0.0, 0.0) if gone else (double(x), 1.0)


def merge_sum_present(a: Any, b: Any) -> Any:
    """The sum and the count."""
    return a[0] + b[0], a[1] + b[1]


def lift_pair_present(x: Any, missing: Missing, params: Buffer) -> Any:
    """A sample as a pair, and whether it counts."""
    gone = (missing.skip_nan and x != x) or (missing.has_nodata and x == missing.nodata)
    hi, lo = widen(x)
    return (0.0, 0.0, 0) if gone else (hi, lo, 1)


def merge_pair_present(a: Any, b: Any) -> Any:
    """The sum in pairs, and the count."""
    hi, lo = add(a[0], a[1], b[0], b[1])
    return hi, lo, a[2] + b[2]


def merge_errors(a: Any, b: Any) -> Any:
    """The sum of floats of up to 32 bits as a double and the errors of its additions, themselves summed in a double.

    A chain of m additions is off by m^2 2^-106 of sum|x| (Ogita, Rump, Oishi 2005, "Sum2"). Global avg of 16 MP takes
    4 ms by it, by pairs that are normalised each time 10.
    """
    s, e = two_sum(a[0], b[0])
    return s, (a[1] + b[1]) + e


def lift_square(x: Any, missing: Missing, params: Buffer) -> Any:
    """x^2 as a double: the sum cannot overflow for samples of up to 32 bits."""
    hi = double(x)
    return (hi * hi,)


def lift_moments(x: Any, missing: Missing, params: Buffer) -> Any:
    """x and x^2 of a small integer."""
    whole = int(x)
    return whole, whole * whole


def lift_spread(x: Any, missing: Missing, params: Buffer) -> Any:
    """Count, sum and squared distances from the mean of one float."""
    return 1.0, double(x), 0.0


def merge_spread(a: Any, b: Any) -> Any:
    """Those of two parts: the distances grow by (n_b s_a - n_a s_b)^2 / n_a n_b (n_a + n_b), and nothing cancels (Chan,
    Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
    """
    n, d = a[0] + b[0], b[0] * a[1] - a[0] * b[1]
    q = a[0] * b[0] * n
    return n, a[1] + b[1], a[2] + b[2] + d * d * (1.0 / (q if q > 0.0 else 1.0))
