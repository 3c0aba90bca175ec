"""Cores of samples that do not all count the same: ``weights`` has a number above 0 for each. Else as the others are.

Sums run in pairs of doubles, so that whole numbers with whole weights are exact; a weight of 1 for each sample gives
what the core without weights gives.
"""

from __future__ import annotations

from math import exp, isfinite, log, sqrt

from .arithmetic import largest, magnitude, power, root, smallest, weighted_mean
from .double_double import (
    INFINITY,
    NOT_A_NUMBER,
    SHRINK,
    Pair,
    add,
    divide,
    multiply,
    to_double,
    widen,
)
from .general import Window
from .order_statistics import copy, sort


def total(window: Window) -> Pair:
    """Sum w x."""
    hi, lo = _sum_scaled(window, 1.0)
    if isfinite(hi) and isfinite(lo):
        return hi, lo
    hi, lo = _sum_scaled(window, SHRINK)
    if isfinite(hi) and isfinite(lo):
        return hi / SHRINK, lo / SHRINK
    s = 0.0
    for i in range(window.n):
        s += widen(window.x[window.base + i])[0] * window.weights[i]
    return s, 0.0


def _sum_scaled(window: Window, scale: float) -> Pair:
    """The sum of scale w x; scale is a power of two."""
    s_hi = s_lo = 0.0
    for i in range(window.n):
        a, b = widen(window.x[window.base + i])
        a, b = multiply(a * scale, b * scale, window.weights[i], 0.0)
        s_hi, s_lo = add(s_hi, s_lo, a, b)
    return s_hi, s_lo


def _weigh_all(window: Window) -> Pair:
    """Sum w."""
    hi = lo = 0.0
    for i in range(window.n):
        hi, lo = add(hi, lo, window.weights[i], 0.0)
    return hi, lo


def _divide_pair(a: Pair, b: Pair) -> Pair:
    """a / b; exact where b is a double and the quotient a pair."""
    if b[1] == 0.0:
        return divide(a[0], a[1], b[0])
    q = a[0] / b[0]
    p_hi, p_lo = multiply(b[0], b[1], q, 0.0)
    rest_hi, rest_lo = add(a[0], a[1], -p_hi, -p_lo)
    return add(q, 0.0, to_double(rest_hi, rest_lo) / b[0], 0.0)


def average(window: Window) -> Pair:
    """Sum w x / sum w."""
    return weighted_mean(window)


def variance(window: Window) -> Pair:
    """Sum w (x - m)^2 / sum w with m the weighted mean, as (W sum w d^2 - (sum w d)^2) / W^2, d = x - x_0."""
    p_hi, p_lo = widen(window.x[window.base])
    s_hi = s_lo = q_hi = q_lo = 0.0
    for i in range(window.n):
        a, b = widen(window.x[window.base + i])
        if not isfinite(a):
            return NOT_A_NUMBER, 0.0
        a, b = add(a, b, -p_hi, -p_lo)
        c, d = multiply(a, b, window.weights[i], 0.0)
        s_hi, s_lo = add(s_hi, s_lo, c, d)
        a, b = multiply(a, b, c, d)
        q_hi, q_lo = add(q_hi, q_lo, a, b)
    w = _weigh_all(window)
    q_hi, q_lo = multiply(q_hi, q_lo, w[0], w[1])
    s_hi, s_lo = multiply(s_hi, s_lo, s_hi, s_lo)
    hi, lo = add(q_hi, q_lo, -s_hi, -s_lo)
    if hi < 0.0:
        return 0.0, 0.0
    return _divide_pair(_divide_pair((hi, lo), w), w)


def deviation(window: Window) -> Pair:
    """The root of the variance, in float64."""
    hi, lo = variance(window)
    return sqrt(to_double(hi, lo)), 0.0


def norm(window: Window) -> Pair:
    """(sum w |x|^p)^(1/p), p = ``params[0]``, scaled by the largest |x|."""
    m = 0.0
    for i in range(window.n):
        m = max(m, magnitude(widen(window.x[window.base + i])))
    p = window.params[0]
    if m == 0.0 or m == INFINITY or p == INFINITY:
        return m, 0.0
    s = 0.0
    for i in range(window.n):
        s += window.weights[i] * power(magnitude(widen(window.x[window.base + i])) / m, p)
    return m * root(s, p), 0.0


def root_mean_square(window: Window) -> Pair:
    """(sum w x^2 / sum w)^(1/2)."""
    w = _weigh_all(window)
    return norm(window)[0] / sqrt(to_double(w[0], w[1])), 0.0


def generalised_mean(window: Window) -> Pair:
    """(sum w max(x, eps)^p / sum w)^(1/p), p and eps = ``params[0:2]``."""
    p, eps = window.params[0], window.params[1]
    hi, lo = largest(window)
    m = max(to_double(hi, lo), eps)
    if m == INFINITY:
        return m, 0.0
    s = mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        s += window.weights[i] * power(max(to_double(hi, lo), eps) / m, p)
        mass += window.weights[i]
    return m * root(s / mass, p), 0.0


def log_mean_exp(window: Window) -> Pair:
    """m + log(sum w e^(r (x - m)) / sum w) / r, r = ``params[0]``."""
    r = window.params[0]
    m_hi, m_lo = largest(window) if r > 0.0 else smallest(window)
    if not isfinite(m_hi):
        return m_hi, 0.0
    s = mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        hi, lo = add(hi, lo, -m_hi, -m_lo)
        s += window.weights[i] * exp(r * hi)
        mass += window.weights[i]
    return add(m_hi, m_lo, (log(s) - log(mass)) / r, 0.0)


def softmax_mean(window: Window) -> Pair:
    """Sum w x e^(a (x - m)) / sum w e^(a (x - m)), a = ``params[0]``: local importance pooling, of weights e^logits."""
    sharpness = window.params[0]
    m_hi, m_lo = largest(window) if sharpness >= 0.0 else smallest(window)
    if not isfinite(m_hi):
        return m_hi, 0.0
    s = mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        hi, lo = add(hi, lo, -m_hi, -m_lo)
        weight = window.weights[i] * exp(sharpness * hi)
        if weight > 0.0:
            mass += weight
            s += hi * weight
    return add(m_hi, m_lo, s / mass, 0.0)


def mixed(window: Window) -> Pair:
    """b max + (1 - b) weighted mean, b = ``params[0]``."""
    b = window.params[0]
    mean_hi, mean_lo = weighted_mean(window)
    if b == 0.0:
        return mean_hi, mean_lo
    top_hi, top_lo = largest(window)
    if b == 1.0:
        return top_hi, top_lo
    a_hi, a_lo = multiply(top_hi, top_lo, b, 0.0)
    m_hi, m_lo = multiply(mean_hi, mean_lo, 1.0 - b, 0.0)
    return add(a_hi, a_lo, m_hi, m_lo)


def _weight_up_to(window: Window, value: float, rest: float) -> float:
    """The weight of the samples that are not larger than a value, which is a pair."""
    mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        if hi < value or (hi == value and lo <= rest):
            mass += window.weights[i]
    return mass


def quantile(window: Window) -> Pair:
    """The smallest sample up to which there is the share q = ``params[0]`` of the weight: NumPy's ``inverted_cdf``."""
    copy(window)
    sort(window.work, window.n)
    mass = 0.0
    for i in range(window.n):
        mass += window.weights[i]
    low, high = 0, window.n - 1
    while low < high:
        middle = (low + high) // 2
        hi, lo = widen(window.work[middle])
        if _weight_up_to(window, hi, lo) / mass >= window.params[0]:
            high = middle
        else:
            low = middle + 1
    return widen(window.work[low])


def mode(window: Window) -> int:
    """The first sample of the value that has most of the weight; of equal ones, of the smallest."""
    copy(window)
    sort(window.work, window.n)
    best = window.work[0]
    most = -1.0
    for i in range(window.n):
        if i == 0 or window.work[i] != window.work[i - 1]:
            votes = 0.0
            for j in range(window.n):
                if window.x[window.base + j] == window.work[i]:
                    votes += window.weights[j]
            if votes > most:
                most = votes
                best = window.work[i]
    for i in range(window.n):
        if window.x[window.base + i] == best:
            return i
    return 0
