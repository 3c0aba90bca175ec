"""Sums and quotients of samples as fractions, and numbers as text: what one window's arithmetic is written with."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Number = Fraction | float
"""Exact where the rule is rational; a float for powers, exponentials, infinities, and for very large windows."""

MOST_EXACT = 4096
"""Samples of a window up to which floats are summed as fractions: 10 ms. Integers are always exact."""
_CHUNK = 1 << 16
_DIGITS = 10
_TERMS, _HEAD, _TAIL = 9, 4, 2
"""A sum of up to 9 terms (3x3) is written whole; of a longer one its first 4 and its last 2."""


def is_finite_number(v: Number) -> bool:
    """Whether a number is neither infinite nor NaN; a fraction may be beyond any double."""
    return not isinstance(v, float) or math.isfinite(v)


def to_number(sample: Any) -> Number:
    """A sample, exactly."""
    value = sample.item() if isinstance(sample, np.generic) else sample
    return Fraction(value) if math.isfinite(value) else float(value)


def _is_finite(x: Array) -> bool:
    """Whether all samples are finite."""
    return x.dtype.kind != "f" or bool(np.isfinite(x).all())


def _iterate_samples(x: Array) -> Iterator[Any]:
    """Every sample as Python's number, some at a time: a list of 12 million takes 400 MB."""
    for start in range(0, len(x), _CHUNK):
        yield from x[start : start + _CHUNK].tolist()


def exact_sum(x: Array) -> Number:
    """Sum x: exact, or for many floats the exact sum rounded once; infinities as IEEE 754 has them."""
    if not _is_finite(x):
        return float(x.astype(np.float64).sum())
    if x.dtype.kind != "f":
        return Fraction(sum(_iterate_samples(x)))
    if len(x) <= MOST_EXACT:
        return sum(map(Fraction, x.tolist()), Fraction(0))
    return round_sum(x)


def round_sum(x: Array) -> Number:
    """The sum of float64 numbers, rounded once; a sum beyond float64 is infinite."""
    try:
        return to_number(math.fsum(_iterate_samples(x.astype(np.float64))))
    except OverflowError:
        return math.inf if float(np.sign(x).sum()) > 0 else -math.inf


def sum_products(a: Array, b: Array) -> Number:
    """Sum a b: exact for few, of doubles rounded once each for many. A zero factor drops its term."""
    kept = (a != 0) & (b != 0)
    if not _is_finite(a) or not _is_finite(b) or len(a) > MOST_EXACT:
        terms = a[kept].astype(np.float64) * b[kept].astype(np.float64)
        return round_sum(terms) if _is_finite(terms) else float(terms.sum())
    return sum((Fraction(u) * Fraction(v) for u, v in zip(a.tolist(), b.tolist(), strict=True)), Fraction(0))


def divide(a: Number, b: Number) -> Number:
    """a / b; exact for fractions."""
    return a / b if isinstance(a, Fraction) and isinstance(b, Fraction) else float(a) / float(b)


def add(a: Number, b: Number) -> Number:
    """a + b; exact for fractions."""
    return a + b if isinstance(a, Fraction) and isinstance(b, Fraction) else float(a) + float(b)


def multiply(a: Number, b: Number) -> Number:
    """a b; a zero drops an infinity."""
    if a == 0 or b == 0:
        return Fraction(0)
    return a * b if isinstance(a, Fraction) and isinstance(b, Fraction) else to_float(a) * to_float(b)


def to_float(v: Number) -> float:
    """The nearest double; infinite beyond the largest."""
    try:
        return float(v)
    except OverflowError:
        return math.inf if v > 0 else -math.inf


def square_root(v: Number) -> float:
    """The square root, also of a fraction that is beyond a double."""
    if not isinstance(v, Fraction) or v <= 0:
        return math.sqrt(v) if v >= 0 else math.nan
    half = (v.numerator.bit_length() - v.denominator.bit_length()) // 2
    return math.ldexp(math.sqrt(v / Fraction(4) ** half), half)


def subtract_extreme(x: Array, m: Number) -> Array:
    """x - m in float64, from the exact difference; m is one of the samples."""
    if x.dtype.kind in "iu" and x.dtype.itemsize == 8:
        return np.array([float(v - int(m)) for v in _iterate_samples(x)])
    difference: Array = x.astype(np.float64) - to_float(m)
    return difference


# Text.


def format_number(v: Fraction | float) -> str:
    """A number in up to ten digits, with ... where more follow; whole ones whole."""
    if not is_finite_number(v):
        return f"{float(v):g}"
    if -(2**64) < v < 2**64 and v == math.floor(v):
        return str(math.floor(v))
    near = to_float(v)
    if math.isinf(near):
        return f"{'-' if v < 0 else ''}2^{Fraction(v).numerator.bit_length() - 1}..."
    written = f"{near:.{_DIGITS}g}"
    digits, e, exponent = written.partition("e")
    return written if Fraction(written) == Fraction(v) else f"{digits}...{e}{exponent}"


def format_exact(v: Number | None) -> str:
    """A number without loss: in decimals where they end soon, as a fraction, or as a double's digits."""
    if v is None:
        return "none"
    written = format_number(v)
    if "..." not in written:
        return written
    if isinstance(v, Fraction) and v.denominator < 10**12 and abs(v.numerator) < 10**20:
        return f"{v.numerator}/{v.denominator}"
    return repr(to_float(v))


def format_sample(sample: Any) -> str:
    """A sample in seven digits, which a float32 needs."""
    value = sample.item() if isinstance(sample, np.generic) else sample
    return str(int(value)) if isinstance(value, int) else f"{value:.7g}"


def join_terms(count: int, term: Callable[[int], str], glue: str = " + ") -> str:
    """Terms joined; of many the middle is left out."""
    if count <= _TERMS:
        parts = [term(i) for i in range(count)]
    else:
        parts = [*(term(i) for i in range(_HEAD)), "...", *(term(i) for i in range(count - _TAIL, count))]
    joined = glue.join(parts)
    return joined.replace("+ -", "- ") if glue == " + " else joined


def parenthesize(written: str) -> str:
    """A negative number in parentheses."""
    return f"({written})" if written.startswith("-") else written
