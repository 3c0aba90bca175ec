"""Cores that compute: each returns a window's value as (hi, lo). The samples hold no NaN.

Sums run in pairs (about 106 bits, ``double_double.py``), so that averages of integers are exact and nothing drifts over
10^8 samples; powers and exponentials run in float64, scaled by the window's extreme so that nothing overflows.
"""

from __future__ import annotations

from math import atan2, cos, exp, isfinite, log, pi, sin, sqrt

from .double_double import (
    INFINITY,
    NOT_A_NUMBER,
    SHRINK,
    Pair,
    add,
    divide,
    fast_two_sum,
    multiply,
    to_double,
    two_product,
    two_sum,
    whole,
    widen,
)
from .general import Window

_LARGE = 2.0**480  # beyond it, and below its inverse, squares leave float64's range
_TINY = 2.0**-960
_LN2 = log(2.0)
_CANCELLED = 2.0**-48  # of a unit vector each: what is left of sums of sines and cosines that cancel
_LIGHT = 2.0**-200  # makes room for binomial weights, which add up to less than 2^64 along each of three axes


def _sum_scaled(window: Window, scale: float) -> Pair:
    """The sum of scale * x as a pair; scale is a power of two."""
    hi = 0.0
    lo = 0.0
    for i in range(window.n):
        a, b = widen(window.x[window.base + i])
        hi, e = two_sum(hi, a * scale)
        hi, lo = fast_two_sum(hi, lo + (e + b * scale))
    return hi, lo


def _sum_plain(window: Window) -> float:
    """The sum in plain doubles: what infinities among the samples come to."""
    s = 0.0
    for i in range(window.n):
        s += widen(window.x[window.base + i])[0]
    return s


def total(window: Window) -> Pair:
    """Sum x."""
    hi, lo = _sum_scaled(window, 1.0)
    if isfinite(hi) and isfinite(lo):
        return hi, lo
    hi, lo = _sum_scaled(window, SHRINK)
    if isfinite(hi) and isfinite(lo):
        return hi / SHRINK, lo / SHRINK
    return _sum_plain(window), 0.0


def _average_over(window: Window, divisor: float) -> Pair:
    """Sum x / divisor; right even where the sum itself overflows."""
    hi, lo = _sum_scaled(window, 1.0)
    if isfinite(hi) and isfinite(lo):
        return divide(hi, lo, divisor)
    hi, lo = _sum_scaled(window, SHRINK)
    if isfinite(hi) and isfinite(lo):
        hi, lo = divide(hi, lo, divisor)
        return hi / SHRINK, lo / SHRINK
    return _sum_plain(window) / divisor, 0.0


def count(window: Window) -> Pair:
    """How many samples there are."""
    return float(window.n), 0.0


def average(window: Window) -> Pair:
    """Sum x / divisor: ``params[1]`` if given, else the nominal count if ``params[0]``, else the present count."""
    if window.params[1] > 0.0:
        return _average_over(window, window.params[1])
    if window.params[0] > 0.0:
        return _average_over(window, float(window.nominal))
    return _average_over(window, float(window.n))


def _split_exponent(x: float) -> tuple[float, float]:
    """X >= 0 as a significand from 1/2 to below 1 and the exponent of two; 0 and infinity as themselves."""
    if x == 0.0 or x == INFINITY:
        return x, 0.0
    e = 0.0
    while x < 2.0**-64:
        x *= 2.0**64
        e -= 64.0
    while x >= 2.0**64:
        x *= 2.0**-64
        e += 64.0
    while x < 0.5:
        x *= 2.0
        e -= 1.0
    while x >= 1.0:
        x *= 0.5
        e += 1.0
    return x, e


def _root_of_product(significand: float, exponent: float, n: float) -> float:
    """(significand 2^exponent)^(1/n): the whole part of exponent / n is exact, and what goes through a logarithm is
    small.
    """
    if significand == 0.0 or not isfinite(significand):
        return significand
    q = whole(exponent / n)
    value = exp((log(significand) + (exponent - q * n) * _LN2) / n)
    scale = float(2.0 ** (q if q < 1000.0 else q - 1.0))
    return value * scale if q < 1000.0 else value * scale * 2.0


def largest(window: Window) -> Pair:
    """Max x."""
    x = window.x[window.base]
    for i in range(1, window.n):
        if window.x[window.base + i] > x:
            x = window.x[window.base + i]
    return widen(x)


def smallest(window: Window) -> Pair:
    """Min x."""
    x = window.x[window.base]
    for i in range(1, window.n):
        if window.x[window.base + i] < x:
            x = window.x[window.base + i]
    return widen(x)


def mixed(window: Window) -> Pair:
    """w max x + (1 - w) mean x, over one denominator: w n max + (1 - w) sum, so that a tie is seen as a tie.

    Yu et al., "Mixed Pooling for Convolutional Neural Networks", RSKT 2014.
    """
    w = window.params[0]
    n = float(window.n)
    if w == 0.0:
        return _average_over(window, n)
    m_hi, m_lo = largest(window)
    if w == 1.0:
        return m_hi, m_lo
    s_hi, s_lo = _sum_scaled(window, 1.0)
    w_hi, w_lo = two_product(w, n)
    a_hi, a_lo = multiply(m_hi, m_lo, w_hi, w_lo)
    rest_hi, rest_lo = two_sum(1.0, -w)  # 1 - w is no double for w = 0.1
    b_hi, b_lo = multiply(s_hi, s_lo, rest_hi, rest_lo)
    hi, lo = add(a_hi, a_lo, b_hi, b_lo)
    if isfinite(hi) and isfinite(lo):
        return divide(hi, lo, n)
    mean_hi, mean_lo = _average_over(window, n)
    return w * m_hi + (1.0 - w) * to_double(mean_hi, mean_lo), 0.0


def spread(window: Window) -> Pair:
    """Max x - min x."""
    a_hi, a_lo = largest(window)
    b_hi, b_lo = smallest(window)
    return add(a_hi, a_lo, -b_hi, -b_lo)


def variance(window: Window) -> Pair:
    """Mean (x - mean x)^2."""
    hi, lo = _variance_scaled(window, 1.0)
    if _TINY < hi < INFINITY:
        return hi, lo
    scale = _scale_of(window)
    hi, lo = _variance_scaled(window, scale)
    return to_double(hi, lo) / scale / scale, 0.0


def deviation(window: Window) -> Pair:
    """The root of the variance, in float64."""
    hi, lo = _variance_scaled(window, 1.0)
    if _TINY < hi < INFINITY:
        return sqrt(to_double(hi, lo)), 0.0
    scale = _scale_of(window)
    hi, lo = _variance_scaled(window, scale)
    return sqrt(to_double(hi, lo)) / scale, 0.0


def _scale_of(window: Window) -> float:
    """A power of two that brings the samples' differences to where their squares are in range; equal ones have none,
    and may be too large for more.
    """
    widest = spread(window)[0]
    if widest > _LARGE:
        return 2.0**-540
    return 2.0**540 if 0.0 < widest < 1.0 / _LARGE else 1.0


def _variance_scaled(window: Window, scale: float) -> Pair:
    """The variance of scale * x as (n sum d^2 - (sum d)^2) / n^2 with d = x - x_0; scale is a power of two.

    In pairs the cancellation costs at most log2(n) of 106 bits, since (x_0 - mean)^2 <= n var; whole numbers are exact.
    """
    p_hi, p_lo = widen(window.x[window.base])
    if not isfinite(p_hi):
        return NOT_A_NUMBER, 0.0
    s_hi = s_lo = q_hi = q_lo = 0.0
    for i in range(1, window.n):
        a, b = widen(window.x[window.base + i])
        a, b = add(a * scale, b * scale, -p_hi * scale, -p_lo * scale)
        s_hi, s_lo = add(s_hi, s_lo, a, b)
        a, b = multiply(a, b, a, b)
        q_hi, q_lo = add(q_hi, q_lo, a, b)
    n = float(window.n)
    q_hi, q_lo = multiply(q_hi, q_lo, n, 0.0)
    s_hi, s_lo = multiply(s_hi, s_lo, s_hi, s_lo)
    hi, lo = add(q_hi, q_lo, -s_hi, -s_lo)
    hi, lo = divide(hi, lo, n)
    return divide(hi, lo, n)


def magnitude(x: Pair) -> float:
    """|x| in float64."""
    return abs(to_double(x[0], x[1]))


def power(x: float, p: float) -> float:
    """x^p for x >= 0, without a call for the usual exponents."""
    if p == 2.0:
        return x * x
    if p == 1.0:
        return x
    if p == 3.0:
        return x * x * x
    return float(x**p)


def root(x: float, p: float) -> float:
    """x^(1/p) for x >= 0."""
    if p == 2.0:
        return sqrt(x)
    if p == 1.0:
        return x
    return float(x ** (1.0 / p))


def norm(window: Window) -> Pair:
    """(sum |x|^p)^(1/p), p = ``params[0]``, scaled by the largest |x|."""
    return _norm_over(window, 1.0)


def _norm_over(window: Window, divisor: float) -> Pair:
    """(sum |x|^p / divisor)^(1/p)."""
    m = 0.0
    for i in range(window.n):
        m = max(m, magnitude(widen(window.x[window.base + i])))
    p = window.params[0]
    if m == 0.0 or m == INFINITY or p == INFINITY:
        return m, 0.0
    s = 0.0
    for i in range(window.n):
        s += power(magnitude(widen(window.x[window.base + i])) / m, p)
    return m * root(s / divisor, p), 0.0


def root_mean_square(window: Window) -> Pair:
    """(mean x^2)^(1/2), scaled by the largest |x|."""
    return _norm_over(window, float(window.n))


def geometric_mean(window: Window) -> Pair:
    """(prod x)^(1/n) of x >= 0: the product as a significand and an exponent, which loses 2^-53 a factor and nothing by
    its size; a sum of logarithms would lose as much of the largest of them.
    """
    significand, exponent = 1.0, 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        a, e = _split_exponent(to_double(hi, lo))
        significand, e2 = _split_exponent(significand * a)
        exponent += e + e2
    return _root_of_product(significand, exponent, float(window.n)), 0.0


def harmonic_mean(window: Window) -> Pair:
    """N / sum(1 / x) of x >= 0, scaled by the smallest; 0 where that is 0."""
    hi, lo = smallest(window)
    m = to_double(hi, lo)
    if m == 0.0 or m == INFINITY:
        return m, 0.0
    s_hi = s_lo = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        s_hi, s_lo = add(s_hi, s_lo, m / to_double(hi, lo), 0.0)
    return m * (window.n / to_double(s_hi, s_lo)), 0.0


def generalised_mean(window: Window) -> Pair:
    """(mean max(x, eps)^p)^(1/p), p and eps = ``params[0:2]``, scaled by the largest.

    Radenovic et al., "Fine-tuning CNN Image Retrieval with No Human Annotation", arXiv 1711.02512.
    """
    p, eps = window.params[0], window.params[1]
    hi, lo = largest(window)
    m = max(to_double(hi, lo), eps)
    if m == INFINITY:
        return m, 0.0
    s = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        s += power(max(to_double(hi, lo), eps) / m, p)
    return m * root(s / window.n, p), 0.0


def log_mean_exp(window: Window) -> Pair:
    """m + log(mean exp(r (x - m))) / r, with m the max for r > 0 and the min for r < 0 (no exponent is positive).

    Pinheiro and Collobert, "From Image-level to Pixel-level Labeling", arXiv 1411.6228.
    """
    r = window.params[0]
    m_hi, m_lo = largest(window) if r > 0.0 else smallest(window)
    if not isfinite(m_hi):
        return m_hi, 0.0
    s = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        hi, lo = add(hi, lo, -m_hi, -m_lo)
        s += exp(r * hi)
    return add(m_hi, m_lo, log(s / window.n) / r, 0.0)


def softmax_mean(window: Window) -> Pair:
    """Sum x e^(a (x-m)) / sum e^(a (x-m)), a = ``params[0]``, with m the max for a >= 0 and the min for a < 0.

    Stergiou et al., "SoftPool", arXiv 2101.00440 (a = 1); McFee et al., "AutoPool", arXiv 1804.10070.
    """
    return _softmax_mean_of(window, window.params[0])


def _softmax_mean_of(window: Window, sharpness: float) -> Pair:
    """``softmax_mean`` of a sharpness."""
    m_hi, m_lo = largest(window) if sharpness >= 0.0 else smallest(window)
    if not isfinite(m_hi):
        return m_hi, 0.0
    s = 0.0
    mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        hi, lo = add(hi, lo, -m_hi, -m_lo)
        weight = exp(sharpness * hi)
        if weight > 0.0:
            mass += weight
            s += hi * weight
    return add(m_hi, m_lo, s / mass, 0.0)


def adaptive_mean(window: Window) -> Pair:
    """b sum x e^s / sum e^s + (1 - b) softmax_mean, b = ``params[0]``, s = 2 |x m| / (x^2 + m^2) with m the mean: how
    alike a sample and the mean are (Dice and Sorensen). Stergiou and Poppe, "AdaPool", arXiv 2111.00772.
    """
    share = window.params[0]
    top_hi, top_lo = _softmax_mean_of(window, 1.0)
    top = to_double(top_hi, top_lo)
    hi, lo = _average_over(window, float(window.n))
    mean = to_double(hi, lo)
    if share == 0.0 or not isfinite(mean) or not isfinite(top):
        return top + (mean - mean), 0.0
    s_hi = s_lo = mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        x = to_double(hi, lo)
        weight = exp(_likeness(x, mean))
        mass += weight
        a, b = two_product(x, weight)
        s_hi, s_lo = add(s_hi, s_lo, a, b)
    alike = to_double(s_hi, s_lo) / mass
    return share * alike + (1.0 - share) * top if share < 1.0 else alike, 0.0


def _likeness(x: float, y: float) -> float:
    """2 |x y| / (x^2 + y^2), by the ratio of the smaller to the larger magnitude; two zeros are alike."""
    a, b = abs(x), abs(y)
    if a == b:
        return 1.0
    r = a / b if a < b else b / a
    return 2.0 * r / (1.0 + r * r)


def circular_mean(window: Window) -> Pair:
    """The direction of the sum of unit vectors at the angles 2 pi x / p, p = ``params[0]``, as a number from 0 to below
    p; NaN where the vectors cancel, for then there is none. Mardia and Jupp, "Directional Statistics" (2000).
    """
    period = window.params[0]
    s = c = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        if not isfinite(hi):
            return NOT_A_NUMBER, 0.0
        turn = _fraction_of_turn(hi, lo, period)
        quarter = whole(4.0 * turn + 0.5)  # sine and cosine of multiples of a quarter turn are exact then
        angle = 2.0 * pi * (turn - 0.25 * quarter)
        a, b = sin(angle), cos(angle)
        if quarter == 1.0:
            a, b = b, -a
        elif quarter == 2.0:
            a, b = -a, -b
        elif quarter == 3.0:
            a, b = -b, a
        s += a
        c += b
    if sqrt(s * s + c * c) <= window.n * _CANCELLED:
        return NOT_A_NUMBER, 0.0
    found = atan2(s, c) / (2.0 * pi) * period
    found = found + period if found < 0.0 else found
    return found if found < period else 0.0, 0.0


def _fraction_of_turn(hi: float, lo: float, period: float) -> float:
    """(x mod p) / p: the remainders are exact, however large x is."""
    rest = hi % period + lo % period
    rest = rest - period if rest >= period else rest
    return rest / period


def weighted_mean(window: Window) -> Pair:
    """Sum w x / sum w over the present samples; right even where the sum itself overflows."""
    hi, lo, mass = _weighted_sum(window, 1.0)
    mean = divide(hi, lo, mass)
    if isfinite(mean[0]) and isfinite(mean[1]):
        return mean
    hi, lo, mass = _weighted_sum(window, _LIGHT)
    scaled = divide(hi, lo, mass)
    if isfinite(scaled[0]) and isfinite(scaled[1]):
        return scaled[0] / _LIGHT, scaled[1] / _LIGHT
    return mean


def _weighted_sum(window: Window, scale: float) -> tuple[float, float, float]:
    """Sum w x scale as a pair, and sum w."""
    s_hi = s_lo = w_hi = w_lo = 0.0
    for i in range(window.n):
        weight = window.weights[i]
        if weight > 0.0:
            a, b = widen(window.x[window.base + i])
            a, b = multiply(a * scale, b * scale, weight, 0.0)
            s_hi, s_lo = add(s_hi, s_lo, a, b)
            w_hi, w_lo = add(w_hi, w_lo, weight, 0.0)
    return s_hi, s_lo, to_double(w_hi, w_lo)


def expected(window: Window) -> Pair:
    """Sum p_i x_i with p_i = x_i / sum x: what ``draw`` gives in the mean. Zeiler and Fergus, arXiv 1301.3557."""
    hi, lo = largest(window)
    m = to_double(hi, lo)
    if m == 0.0 or m == INFINITY:
        return m, 0.0
    s = 0.0
    mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        x = to_double(hi, lo) / m
        mass += x
        s += x * x
    return m * (s / mass), 0.0
