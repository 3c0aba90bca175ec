"""Cores that pick a sample: each returns its number, 0 <= number < n. The samples hold no NaN."""

from __future__ import annotations

from .numerics import to_double, widen
from .windows import Window


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


def first(window: Window) -> int:
    """The first sample."""
    return 0


def draw(window: Window) -> int:
    """A sample drawn with probability x_i / sum x: the first whose running sum exceeds draw * sum.

    Zeiler and Fergus, "Stochastic Pooling", arXiv 1301.3557. Needs x >= 0, which the engine has checked.
    """
    mass = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        mass += to_double(hi, lo)
    reach = 0.0
    for i in range(window.n):
        hi, lo = widen(window.x[window.base + i])
        if hi + hi == hi and hi > 0.0:
            return i  # an infinity takes all
        reach += to_double(hi, lo)
        if reach > window.draw * mass and mass + mass != mass:
            return i
    return 0
