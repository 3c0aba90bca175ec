"""Cores that pick a sample: each returns its number, 0 <= number < n. The samples hold no NaN."""

from __future__ import annotations

from .double_double import INFINITY, SHRINK, Pair, to_double, widen
from .general import Window


def maximum(window: Window) -> int:
    """The first largest sample."""
    best = 0
    x = window.x[window.base]
    for i in range(1, window.n):
        if window.x[window.base + i] > x:
            x = window.x[window.base + i]
            best = i
    return best


def minimum(window: Window) -> int:
    """The first smallest sample."""
    best = 0
    x = window.x[window.base]
    for i in range(1, window.n):
        if window.x[window.base + i] < x:
            x = window.x[window.base + i]
            best = i
    return best


def farthest(window: Window) -> int:
    """The first sample of the largest magnitude; of x and -x the positive one."""
    best = 0
    x = widen(window.x[window.base])
    for i in range(1, window.n):
        y = widen(window.x[window.base + i])
        a, b = _magnitude(x), _magnitude(y)
        if b[0] > a[0] or (b[0] == a[0] and (b[1] > a[1] or (b[1] == a[1] and y[0] > x[0]))):
            x = y
            best = i
    return best


def _magnitude(x: Pair) -> Pair:
    """|x|."""
    return (-x[0], -x[1]) if x[0] < 0.0 else x


def last(window: Window) -> int:
    """The last sample."""
    return window.n - 1


def centre(window: Window) -> int:
    """The sample nearest to the middle of its window, the first of equals; ``weights`` are squared distances."""
    best = 0
    for i in range(1, window.n):
        if window.weights[i] < window.weights[best]:
            best = i
    return best


def first(window: Window) -> int:
    """The first sample."""
    return 0


def draw(window: Window) -> int:
    """A sample drawn with probability x_i / sum x: the first whose running sum exceeds draw * sum.

    Zeiler and Fergus, "Stochastic Pooling", arXiv 1301.3557. Needs x >= 0, which has been checked.
    """
    scale = 1.0
    mass = 0.0
    for i in range(window.n):
        x = _sample(window, i)
        if x == INFINITY:
            return i  # it takes all
        mass += x
    if mass == INFINITY:  # finite samples whose sum is not
        scale = SHRINK
        mass = 0.0
        for i in range(window.n):
            mass += _sample(window, i) * scale
    reach = 0.0
    last = 0
    for i in range(window.n):
        x = _sample(window, i) * scale
        reach += x
        if reach > window.draw * mass:
            return i
        if x > 0.0:
            last = i
    return last  # draw * sum rounded up to the sum


def _sample(window: Window, i: int) -> float:
    """A sample in float64."""
    hi, lo = widen(window.x[window.base + i])
    return to_double(hi, lo)
