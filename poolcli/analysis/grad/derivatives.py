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


def _window_max(x: Floats, present: Present) -> Floats:
    """The largest sample of each window, one axis kept."""
    found: Floats = np.max(x, axis=0, where=present, initial=-np.inf, keepdims=True)
    return found


def _window_sum(x: Floats, present: Present) -> Floats:
    """The sum of a window's samples, one axis kept."""
    found: Floats = np.sum(x, axis=0, where=present, keepdims=True)
    return found


def _count_present(present: Present) -> Floats:
    """How many samples each window has."""
    found: Floats = present.sum(axis=0, keepdims=True, dtype=np.float64)
    return found


def _differentiate_norm(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """sign(x) (|x| / y)^(p - 1), scaled by the largest |x|; 0 at x = 0. p = inf: the sign, at the first largest."""
    p = parameters[0]
    size = np.abs(x)
    m = _window_max(size, present)
    if p == np.inf:
        first = np.argmax(np.where(present, size, -1), axis=0, keepdims=True)
        found: Floats = np.sign(x) * (np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1)) == first)
        return found
    share = size / m
    y = _window_sum(share**p, present) ** (1 / p)
    return np.where(size > 0, np.sign(x) * (share / y) ** (p - 1), 0)


def _differentiate_gem(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(x / y)^(p - 1) / n; 0 for samples below eps, which count as it."""
    p, eps = parameters[0], parameters[1]
    z = np.maximum(x, eps)
    share = z / _window_max(z, present)
    n = _count_present(present)
    y = (_window_sum(share**p, present) / n) ** (1 / p)
    return np.where(x >= eps, (share / y) ** (p - 1) / n, 0)


def _evaluate_softmax(x: Floats, present: Present) -> Floats:
    """e^x / sum e^x."""
    e = np.where(present, np.exp(x - _window_max(x, present)), 0)
    found: Floats = e / _window_sum(e, present)
    return found


def _differentiate_lse(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """softmax(r x); of a negative r the small samples have the weight."""
    return _evaluate_softmax(parameters[0] * x, present)


def _differentiate_soft(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """w (1 + x - y), w = softmax(x): both paths, through the samples and through their weights."""
    w = _evaluate_softmax(x, present)
    y = _window_sum(np.where(w > 0, x * w, 0), present)
    return np.where(w > 0, w * (1 + x - y), 0)


def _differentiate_variance(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """2 (x - mean) / n."""
    n = _count_present(present)
    return 2 * (_subtract_mean(x, present, n) / n)


def _differentiate_std(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(x - mean) / (n std); 0 where all samples are equal."""
    n = _count_present(present)
    d = _subtract_mean(x, present, n)
    share = d / _window_max(np.abs(d), present)
    found = share / (n * np.sqrt(_window_sum(share**2, present) / n))
    return np.where(d == 0, 0, found)


def _subtract_mean(x: Floats, present: Present, n: Floats) -> Floats:
    """x - mean, where the first sample taken off before keeps large numbers with small differences exact."""
    first = np.take_along_axis(x, np.argmax(present, axis=0, keepdims=True), axis=0)
    d = x - first
    found: Floats = d - _window_sum(d, present) / n
    return found


def _differentiate_expected(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(2 x - y) / sum x; 0 where all samples are 0."""
    m = _window_max(x, present)
    share = x / m
    mass = _window_sum(share, present)
    y = _window_sum(share**2, present) / mass
    return np.where(m > 0, (2 * share - y) / mass, 0)


def _differentiate_quantile(x: Array, present: Present, parameters: Sequence[float]) -> Floats:
    """1 - g and g to the samples of ranks j and j + 1, j + g = (n - 1) q; among equal ones in their order.

    Takes the samples in their own dtype: float64 would make ties of large integers.
    """
    order = np.argsort(x, axis=0, kind="stable")
    if not present.all():  # absent ones last, the others in their order
        order = np.take_along_axis(order, np.argsort(~np.take_along_axis(present, order, 0), axis=0, kind="stable"), 0)
    h = np.maximum(_count_present(present) - 1, 0) * parameters[0]
    j = np.floor(h).astype(np.int64)
    g = h - j
    found = np.zeros(x.shape)
    np.put_along_axis(found, np.take_along_axis(order, j, 0), 1 - g, 0)
    after = np.take_along_axis(order, np.minimum(j + 1, len(x) - 1), 0)
    np.put_along_axis(found, after, np.take_along_axis(found, after, 0) + np.where(g > 0, g, 0), 0)
    return found


DERIVATIVES: Mapping[str, Slope] = {
    "norm": _differentiate_norm, "generalised_mean": _differentiate_gem, "log_mean_exp": _differentiate_lse,
    "softmax_mean": _differentiate_soft, "variance": _differentiate_variance, "deviation": _differentiate_std,
    "expected": _differentiate_expected, "quantile": _differentiate_quantile,
}
"""Formulas of one window, by the word of the reducer's row."""
IN_OWN_DTYPE = (_differentiate_quantile,)
"""Slopes that take samples in their own dtype."""
