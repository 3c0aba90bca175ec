"""The derivative of a window's value by each of its samples, for reducers that compute; samples are the first axis.

A function takes the samples as float64 (0 where there is none), which of them are present, and the reducer's parameters
as its core has them. Where there is no derivative it gives the one-sided or symmetric choice that its docstring names;
what it gives for absent samples is no matter. Windows with an infinite value give NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float64]
Present = NDArray[np.bool_]
Slope = Callable[[Array, Present, Sequence[float]], Floats]


def largest(x: Floats, present: Present) -> Floats:
    """The largest sample of each window, one axis kept."""
    found: Floats = np.max(x, axis=0, where=present, initial=-np.inf, keepdims=True)
    return found


def total(x: Floats, present: Present) -> Floats:
    """The sum of a window's samples, one axis kept."""
    found: Floats = np.sum(x, axis=0, where=present, keepdims=True)
    return found


def count(present: Present) -> Floats:
    """How many samples each window has."""
    found: Floats = present.sum(axis=0, keepdims=True, dtype=np.float64)
    return found


def norm(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """sign(x) (|x| / y)^(p - 1), scaled by the largest |x|; 0 at x = 0. p = inf: the sign, at the first largest."""
    p = parameters[0]
    size = np.abs(x)
    m = largest(size, present)
    if p == np.inf:
        first = np.argmax(np.where(present, size, -1), axis=0, keepdims=True)
        found: Floats = np.sign(x) * (np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1)) == first)
        return found
    share = size / m
    y = total(share**p, present) ** (1 / p)
    return np.where(size > 0, np.sign(x) * (share / y) ** (p - 1), 0)


def generalised_mean(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(x / y)^(p - 1) / n; 0 for samples below eps, which count as it."""
    p, eps = parameters[0], parameters[1]
    z = np.maximum(x, eps)
    share = z / largest(z, present)
    n = count(present)
    y = (total(share**p, present) / n) ** (1 / p)
    return np.where(x >= eps, (share / y) ** (p - 1) / n, 0)


def softmax(x: Floats, present: Present) -> Floats:
    """e^x / sum e^x."""
    e = np.where(present, np.exp(x - largest(x, present)), 0)
    found: Floats = e / total(e, present)
    return found


def log_mean_exp(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """softmax(r x); of a negative r the small samples have the weight."""
    return softmax(parameters[0] * x, present)


def softmax_mean(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """w (1 + x - y), w = softmax(x): both paths, through the samples and through their weights."""
    w = softmax(x, present)
    y = total(np.where(w > 0, x * w, 0), present)
    return np.where(w > 0, w * (1 + x - y), 0)


def variance(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """2 (x - mean) / n."""
    n = count(present)
    return 2 * (centred(x, present, n) / n)


def deviation(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(x - mean) / (n std); 0 where all samples are equal."""
    n = count(present)
    d = centred(x, present, n)
    share = d / largest(np.abs(d), present)
    found = share / (n * np.sqrt(total(share**2, present) / n))
    return np.where(d == 0, 0, found)


def centred(x: Floats, present: Present, n: Floats) -> Floats:
    """x - mean, where the first sample taken off before keeps large numbers with small differences exact."""
    first = np.take_along_axis(x, np.argmax(present, axis=0, keepdims=True), axis=0)
    d = x - first
    found: Floats = d - total(d, present) / n
    return found


def expected(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(2 x - y) / sum x; 0 where all samples are 0."""
    m = largest(x, present)
    share = x / m
    mass = total(share, present)
    y = total(share**2, present) / mass
    return np.where(m > 0, (2 * share - y) / mass, 0)


def quantile(x: Array, present: Present, parameters: Sequence[float]) -> Floats:
    """1 - g and g to the samples of ranks j and j + 1, j + g = (n - 1) q; among equal ones in their order.

    Takes the samples in their own dtype: float64 would make ties of large integers.
    """
    order = np.argsort(x, axis=0, kind="stable")
    if not present.all():  # absent ones last, the others in their order
        order = np.take_along_axis(order, np.argsort(~np.take_along_axis(present, order, 0), axis=0, kind="stable"), 0)
    h = np.maximum(count(present) - 1, 0) * parameters[0]
    j = np.floor(h).astype(np.int64)
    g = h - j
    found = np.zeros(x.shape)
    np.put_along_axis(found, np.take_along_axis(order, j, 0), 1 - g, 0)
    after = np.take_along_axis(order, np.minimum(j + 1, len(x) - 1), 0)
    np.put_along_axis(found, after, np.take_along_axis(found, after, 0) + np.where(g > 0, g, 0), 0)
    return found


SLOPES: Mapping[str, Slope] = {
    "lp": norm, "l2": norm, "gem": generalised_mean, "lse": log_mean_exp, "soft": softmax_mean, "var": variance,
    "std": deviation, "stochastic": expected, "median": quantile, "quantile": quantile,
}
"""By the reducer's name; a stochastic one that draws picks a sample, and is none of these."""
EXACT = (quantile,)
"""Slopes that take samples in their own dtype."""
