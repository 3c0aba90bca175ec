"""Arithmetic on values held as two doubles, and the one rounding to a result's dtype.

A value is an unevaluated sum hi + lo with |lo| <= ulp(hi) / 2: about 106 bits, enough for the exact sum of 2^42 64-bit
integers and for the correctly rounded quotient by their count. Where hi is infinite or NaN, lo means nothing
(``s - s == 0`` is how vector code asks whether s is finite).
The error-free transformations are Knuth's (sum) and Dekker's (product), after Ogita, Rump, Oishi,
"Accurate sum and dot product", SIAM J. Sci. Comput. 26 (2005).
"""

from __future__ import annotations

from math import inf, isfinite, nan
from typing import Any

HALF_UP, HALF_EVEN, FLOOR, CEIL = 0, 1, 2, 3
"""The roundings, by the number that a kernel knows them by (``dtypes.ROUNDINGS`` has the names)."""

Buffer = Any
"""A flat buffer: a raw pointer when compiled, a 1-D NumPy array otherwise."""
Pair = tuple[float, float]

_SPLIT = 134217729.0  # 2^27 + 1: Veltkamp's constant for halving a 53-bit significand
_WIDE = 4294967296.0  # 2^32
_WHOLE = 4503599627370496.0  # 2^52: every double from here on is whole
_HUGE = 1e290  # a product beyond it may overflow in Dekker's split


def widen(x: Any) -> Pair:
    """Return the sample x exactly as (hi, lo). ``jit`` puts a typed version in its place."""
    hi = float(x)
    return (hi, float(int(x) - int(hi))) if isfinite(hi) else (hi, 0.0)


def fetch(buffer: Buffer, at: int) -> None:
    """Ask memory for buffer[at], to be used soon. ``jit`` puts an instruction in its place."""


def fetch_to_write(buffer: Buffer, at: int) -> None:
    """The same for a place that will be written."""


def widen_exact(x: Any) -> Pair:
    """``widen`` for the types that a double holds: everything but 64-bit integers."""
    return double(x), 0.0


def double(x: Any) -> float:
    """The sample as a double (Numba's ``float`` leaves a float32 what it is)."""
    return 1.0 * float(x)


def widen_long(x: Any) -> Pair:
    """``widen`` for 64-bit integers: two halves of 32 bits, each exact."""
    return fast_two_sum(float(x >> 32) * _WIDE, float(x & 0xFFFFFFFF))


def two_sum(a: float, b: float) -> Pair:
    """a + b and its rounding error."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def fast_two_sum(a: float, b: float) -> Pair:
    """``two_sum`` for |a| >= |b|."""
    s = a + b
    return s, b - (s - a)


def two_product(a: float, b: float) -> Pair:
    """a * b and its rounding error."""
    p = a * b
    if not abs(p) < _HUGE or abs(a) > _HUGE or abs(b) > _HUGE:
        return p, 0.0
    return product_in_range(a, b)


def product_in_range(a: float, b: float) -> Pair:
    """``two_product`` where nothing can be too large for Dekker's split: without a branch, so that it vectorises."""
    p = a * b
    c = _SPLIT * a
    ah = c - (c - a)
    al = a - ah
    c = _SPLIT * b
    bh = c - (c - b)
    bl = b - bh
    return p, ((ah * bh - p) + ah * bl + al * bh) + al * bl


def add(a_hi: float, a_lo: float, b_hi: float, b_lo: float) -> Pair:
    """(a) + (b): exact for whole numbers below 2^105."""
    s, e = two_sum(a_hi, b_hi)
    t, f = two_sum(a_lo, b_lo)
    hi, e = fast_two_sum(s, e + t)
    hi, lo = fast_two_sum(hi, e + f)
    return (hi, lo) if s - s == 0.0 else (s, 0.0)


def multiply(a_hi: float, a_lo: float, b_hi: float, b_lo: float) -> Pair:
    """(a) * (b)."""
    p, e = two_product(a_hi, b_hi)
    hi, lo = fast_two_sum(p, e + (a_hi * b_lo + a_lo * b_hi))
    return (hi, lo) if p - p == 0.0 else (p, 0.0)


def divide(a_hi: float, a_lo: float, d: float) -> Pair:
    """(a) / d: exact where the quotient is a pair, so that a tie is seen as a tie."""
    q = a_hi / d
    p, e = two_product(q, d)
    hi, lo = fast_two_sum(q, (((a_hi - p) - e) + a_lo) / d)
    return (hi, lo) if q - q == 0.0 else (q, 0.0)


def divide_in_range(a_hi: float, a_lo: float, d: float) -> Pair:
    """``divide`` where nothing can be too large for Dekker's split, nor infinite: without a branch."""
    q = a_hi / d
    p, e = product_in_range(q, d)
    return fast_two_sum(q, (((a_hi - p) - e) + a_lo) / d)


def to_double(hi: float, lo: float) -> float:
    """The pair rounded to one double."""
    s = hi + lo
    return s if s == s else hi


def whole(x: float) -> float:
    """The largest whole number <= x, as a float (``math.floor`` is an int64 when compiled, and would wrap)."""
    if not abs(x) < _WHOLE:
        return x
    t = float(int(x))
    return t - 1.0 if t > x else t


def rounded(hi: float, lo: float, rounding: int) -> Pair:
    """The finite pair rounded once to a whole number, itself a pair of whole numbers."""
    f = whole(hi)
    g = whole(lo) if f == hi else 0.0  # a fraction in hi is >= ulp(hi), so lo cannot lead out of [f, f + 1)
    beyond_half = ((hi - f) - 0.5) + (lo - g)  # one rounding: its sign is exact
    up = False
    if rounding == HALF_UP:
        up = beyond_half >= 0.0
    elif rounding == HALF_EVEN:
        up = beyond_half > 0.0 or (beyond_half == 0.0 and _is_odd(f) != _is_odd(g))
    elif rounding == CEIL:
        up = (hi - f) + (lo - g) > 0.0
    return fast_two_sum(f, g + 1.0) if up else (f, g)


def _is_odd(f: float) -> bool:
    """Whether the whole number f is odd."""
    return whole(f * 0.5) != f * 0.5


def put_float(dst: Buffer, at: int, hi: float, lo: float) -> bool:
    """Write the value to a float buffer. Every value has a place there."""
    dst[at] = to_double(hi, lo)
    return True


def put_integer(dst: Buffer, at: int, hi: float, lo: float, limits: Buffer, rounding: int) -> bool:
    """Round the value, saturate it to ``limits`` (low, 0, high as a pair) and write it; False for a NaN."""
    if hi != hi:
        return False
    dst[at] = whole_of(hi, lo, limits, rounding)
    return True


def whole_of(hi: float, lo: float, limits: Buffer, rounding: int) -> int:
    """Return the value rounded and saturated to ``limits``, as the 64 bits of an integer, signed or not."""
    if isfinite(hi):
        f, g = rounded(hi, lo, rounding)
    else:
        f, g = hi, 0.0
    if f < limits[0] or (f == limits[0] and g < limits[1]):
        f, g = limits[0], limits[1]
    elif f > limits[2] or (f == limits[2] and g > limits[3]):
        f, g = limits[2], limits[3]
    upper = whole(f / _WIDE)
    rest = (f - upper * _WIDE) + g
    if rest < 0.0:
        upper -= 1.0
        rest += _WIDE
    elif rest >= _WIDE:
        upper += 1.0
        rest -= _WIDE
    return (int(upper) << 32) + int(rest)


SHRINK = 2.0**-64
"""A sum of fewer than 2^64 doubles, each times this, cannot overflow."""
NOT_A_NUMBER = nan
INFINITY = inf
