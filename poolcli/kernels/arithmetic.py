"""Cores that compute: each returns a window's value as (hi, lo). The samples hold no NaN.

Sums run in pairs (about 106 bits, ``double_double.py``), so that averages of integers are exact and nothing drifts over
10^8 samples; powers and exponentials run in float64, scaled by the window's extreme so that nothing overflows.
"""

from __future__ import annotations

from math import exp, isfinite, log, sqrt

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
    widen,
)
from .general import Window

_LARGE = 2.0**480  # beyond it, and below its inverse, squares leave float64's range
_TINY = 2.0**-960
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


def average(window: Window) -> Pair:
    """Sum x / divisor: ``params[1]`` if given, else the nominal count if ``params[0]``, else the present count."""
    if window.params[1] > 0.0:
        return _average_over(window, window.params[1])
    if window.params[0] > 0.0:
        return _average_over(window, float(window.nominal))
    return _average_over(window, float(window.n))


def _largest(window: Window) -> Pair:
    """Max x."""
    x = window.x[window.base]
    for i in range(1, window.n):
        if window.x[window.base + i] > x:
            x = window.x[window.base + i]
    return widen(x)


def _smallest(window: Window) -> Pair:
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
    m_hi, m_lo = _largest(window)
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
    a_hi, a_lo = _largest(window)
    b_hi, b_lo = _smallest(window)
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
    """A power of two that brings the samples' differences to where their squares are in range."""
    widest = spread(window)[0]
    if widest > _LARGE:
        return 2.0**-540
    return 2.0**540 if widest < 1.0 / _LARGE else 1.0


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


def _magnitude(x: Pair) -> float:
    """|x| in float64."""
    return abs(to_double(x[0], x[1]))


def _power(x: float, p: float) -> float:
    """x^p for x >= 0, without a call for the usual exponents."""
    if p == 2.0:
        return x * x
    if p == 1.0:
        return x
    if p == 3.0:
        return x * x * x
    return float(x**p)


def _root(x: float, p: float) -> float:
    """x^(1/p) for x >= 0."""
    if p == 2.0:
        return sqrt(x)
    if p == 1.0:
        return x
    return float(x ** (1.0 / p))


def norm(window: Window) -> Pair:
    """(sum |x|^p)^(1/p), p = ``params[0]``, scaled by the largest |x|."""
    m = 0.0
    for i in range(window.n):
        m = max(m, _magnitude(widen(window.x[window.base + i])))
    p = window.params[0]
    if m == 0.0 or m == INFINITY or p == INFINITY:
        return m, 0.0
    s = 0.0
    for i in range(window.n):
        s += _power(_magnitude(widen(window.x[window.base + i])) / m, p)
    return m * _root(s, p), 0.0


def generalised_mean(window: Window) -> Pair:
    """(mean max(x, eps)^p)^(1/p), p and eps = ``params[0:2]``, scaled by the largest.

    Radenovic et al., "Fine-tuning CNN Image Retrieval with No Human Annotation", arXiv 1711.02512.
    """
    p, eps = window.params[0], window.params[1]
    hi, lo = _largest(window)
    m = max(to_double(hi, lo), eps)
    if m == INFINITY:
        return m, 0.0
    s = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        s += _power(max(to_double(hi, lo), eps) / m, p)
    return m * _root(s / window.n, p), 0.0


def log_mean_exp(window: Window) -> Pair:
    """m + log(mean exp(r (x - m))) / r, with m the max for r > 0 and the min for r < 0 (no exponent is positive).

    Pinheiro and Collobert, "From Image-level to Pixel-level Labeling", arXiv 1411.6228.
    """
    r = window.params[0]
    m_hi, m_lo = _largest(window) if r > 0.0 else _smallest(window)
    if not isfinite(m_hi):
        return m_hi, 0.0
    s = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        hi, lo = add(hi, lo, -m_hi, -m_lo)
        s += exp(r * hi)
    return add(m_hi, m_lo, log(s / window.n) / r, 0.0)


def softmax_mean(window: Window) -> Pair:
    """Sum x e^(x-m) / sum e^(x-m), m = max x. Stergiou et al., "SoftPool", arXiv 2101.00440."""
    m_hi, m_lo = _largest(window)
    if not isfinite(m_hi):
        return m_hi, 0.0
    s = 0.0
    mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        hi, lo = add(hi, lo, -m_hi, -m_lo)
        weight = exp(hi)
        if weight > 0.0:
            mass += weight
            s += hi * weight
    return add(m_hi, m_lo, s / mass, 0.0)


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
    hi, lo = _largest(window)
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
