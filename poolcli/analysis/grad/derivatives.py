"""The derivative of a window's value by each of its samples, for reducers that compute; samples are the first axis.

A function takes the samples as float64 (0 where there is none), which of them are present (None: all), and the
reducer's parameters as its core has them. Of samples with weights these stand in the place of
who is present: each sample is taken for so many, and its slope is that of one of them. Where there is no derivative it
gives the one-sided or symmetric choice that its docstring names; what it gives for absent samples is no matter. Windows
with an infinite value give NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...kernels.order_statistics import topk_ranks, trimmed_ranks, winsor_ranks
from ..sort_rows import sort_rows

Array = NDArray[Any]
Floats = NDArray[np.float64]
There = NDArray[np.bool_]
Present = There | Floats | None
Slope = Callable[[Array, Present, Sequence[float]], Floats]


def _window_max(x: Floats, present: Present) -> Floats:
    """The largest sample of each window, one axis kept."""
    found: Floats = (x.max(axis=0, keepdims=True) if present is None
                     else np.max(x, axis=0, where=present != 0, initial=-np.inf, keepdims=True))
    return found


def _window_sum(x: Floats, present: Present) -> Floats:
    """The sum of a window's samples, one axis kept; of weighted ones that of products."""
    if present is not None and present.dtype != np.bool_:
        x = x * present
    found: Floats = (x.sum(axis=0, keepdims=True) if present is None
                     else np.sum(x, axis=0, where=present != 0, keepdims=True))
    return found


def _count_present(x: Floats, present: Present) -> Floats | float:
    """How many samples each window has, or their weights together."""
    if present is None:
        return float(len(x))
    found: Floats = present.sum(axis=0, keepdims=True, dtype=np.float64)
    return found


def _list_present(x: Array, present: Present) -> There:
    """Which samples are present, as an array."""
    return np.ones(x.shape, np.bool_) if present is None else present != 0


def _only_present(x: Floats, present: Present) -> Floats:
    """The samples, 0 where there is none."""
    return x if present is None else np.where(present != 0, x, 0)


def _differentiate_norm(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """sign(x) (|x| / y)^(p - 1), scaled by the largest |x|; 0 at x = 0. p = inf: the sign, at the first largest."""
    p = parameters[0]
    size = np.abs(x)
    m = _window_max(size, present)
    if p == np.inf:
        first = np.argmax(size if present is None else np.where(present, size, -1), axis=0, keepdims=True)
        found: Floats = np.sign(x) * (np.arange(len(x)).reshape(-1, *[1] * (x.ndim - 1)) == first)
        return found if present is None else found / np.where(present != 0, present, 1)  # whatever it weighs
    share = size / m
    y = _window_sum(share**p, present) ** (1 / p)
    return np.where(size > 0, np.sign(x) * (share / y) ** (p - 1), 0)


def _differentiate_gem(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(x / y)^(p - 1) / n; 0 for samples below eps, which count as it."""
    p, eps = parameters[0], parameters[1]
    z = np.maximum(x, eps)
    share = z / _window_max(z, present)
    n = _count_present(x, present)
    y = (_window_sum(share**p, present) / n) ** (1 / p)
    return np.where(x >= eps, (share / y) ** (p - 1) / n, 0)


def _evaluate_softmax(x: Floats, present: Present) -> Floats:
    """e^x / sum e^x."""
    e = _only_present(np.exp(x - _window_max(x, present)), present)
    found: Floats = e / _window_sum(e, present)
    return found


def _differentiate_lse(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """softmax(r x); of a negative r the small samples have the weight."""
    return _evaluate_softmax(parameters[0] * x, present)


def _differentiate_soft(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """w (1 + alpha (x - y)), w = softmax(alpha x): both paths, through the samples and through their weights."""
    alpha = parameters[0]
    w = _evaluate_softmax(alpha * x, present)
    if not np.isinf(x).any():
        found: Floats = w * (1 + alpha * (x - _window_sum(x * w, present)))
        return found
    y = _window_sum(np.where(w > 0, x * w, 0), present)
    return np.where(w > 0, w * (1 + alpha * (x - y)), 0)


def _differentiate_ada(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """Of the likeness to the mean m: w (1 + (x - y) ds/dx) + sum w (x - y) ds/dm / n, w = e^s / sum e^s, y its mean of
    the samples; and of SoftPool. Where x and m are 0 they are alike whatever they become.
    """
    beta, n = parameters[0], _count_present(x, present)
    m = _window_sum(x, present) / n
    squares = x * x + m * m
    safe = np.where(squares > 0, squares, 1)
    w = _evaluate_softmax(np.where(squares > 0, 2 * np.abs(x * m) / safe, 1), present)
    y = _window_sum(x * w, present)
    sign = np.sign(x * m)
    by_x = sign * 2 * m * (m * m - x * x) / safe**2
    by_m = sign * 2 * x * (x * x - m * m) / safe**2
    alike = w * (1 + (x - y) * by_x) + _window_sum(w * (x - y) * by_m, present) / n
    found: Floats = beta * alike + (1 - beta) * _differentiate_soft(x, present, (1.0,))
    return found


def _differentiate_rms(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """x / (n y); 0 where all samples are 0."""
    m = _window_max(np.abs(x), present)
    share = x / m
    n = _count_present(x, present)
    return np.where(m > 0, share / (n * np.sqrt(_window_sum(share**2, present) / n)), 0)


def _differentiate_geomean(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """y / (n x); 0 at x = 0, where the slope is infinite or there is none."""
    n, there = _count_present(x, present), _list_present(x, present)
    logs = np.where(there & (x > 0), np.log(np.where(x > 0, x, 1)), 0)
    zero = (there & (x == 0)).any(axis=0, keepdims=True)
    y = np.where(zero, 0, np.exp(_window_sum(logs, present) / n))
    return np.where(x > 0, y / (n * np.where(x > 0, x, 1)), np.where(n == 1, 1, 0))


def _differentiate_harmean(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(y / x)^2 / n; of a single 0 its slope is n, and that of all others 0."""
    n, there = _count_present(x, present), _list_present(x, present)
    least = np.min(x, axis=0, where=there, initial=np.inf, keepdims=True)
    zeros = (there & (x == 0)).sum(axis=0, keepdims=True)
    share = np.where(x > 0, least / np.where(x > 0, x, 1), 0)  # y / x = (least / x) n / sum(least / x)
    found = (share * n / np.where(zeros > 0, 1, _window_sum(share, present))) ** 2 / n
    return np.where(zeros > 0, np.where((x == 0) & (zeros == 1), n, 0), found)


def _differentiate_circmean(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """cos(2 pi (x - y) / p) / R, R the length of the sum of unit vectors; NaN where they cancel."""
    angle = x * (2 * np.pi / parameters[0])
    s, c = _window_sum(np.sin(angle), present), _window_sum(np.cos(angle), present)
    square = s * s + c * c
    cancelled = square <= (_count_present(x, present) * 2.0**-48) ** 2
    return np.where(cancelled, np.nan, (np.cos(angle) * c + np.sin(angle) * s) / square)


def _differentiate_ranks(ranks: Callable[[int, Sequence[float]], tuple[int, int, int]]) -> Slope:
    """The slope of a mean of ranks: equal parts to the samples of those ranks, among equal ones in their order, and to
    both ends what counts as them."""
    def slope(x: Array, present: Present, parameters: Sequence[float]) -> Floats:
        """The slope with respect to each sample of a window, windows along the second axis."""
        order = _order_present(x, present)
        counts = _list_present(x, present).sum(axis=0)
        weights = np.zeros((len(x), len(x) + 1))
        for n in np.unique(counts[counts > 0]).tolist():
            first, stop, again = ranks(n, parameters)
            weights[first:stop, n] = 1
            weights[first, n] += again
            weights[stop - 1, n] += again
            weights[:, n] /= weights[:, n].sum()
        found = np.zeros(x.shape)
        np.put_along_axis(found, order, weights[:, counts], 0)
        return found
    return slope


differentiate_topk = _differentiate_ranks(topk_ranks)
differentiate_trimmed = _differentiate_ranks(trimmed_ranks)
differentiate_winsor = _differentiate_ranks(winsor_ranks)


def _differentiate_mad(x: Array, present: Present, parameters: Sequence[float]) -> Floats:
    """The sign of x - m to the samples of the middle deviations, and against that to those of the median m."""
    wide = x.astype(np.float64)
    half = (0.5,)
    of_median = _differentiate_quantile(x, present, half)
    away = wide - _window_sum(np.where(of_median != 0, of_median * wide, 0), present)
    chosen = _differentiate_quantile(np.abs(away), present, half) * np.sign(away)
    return chosen - _window_sum(chosen, present) * of_median


def _differentiate_variance(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """2 (x - mean) / n."""
    n = _count_present(x, present)
    return 2 * (_subtract_mean(x, present, n) / n)


def _differentiate_std(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(x - mean) / (n std); 0 where all samples are equal."""
    n = _count_present(x, present)
    d = _subtract_mean(x, present, n)
    largest = _window_max(np.abs(d), present)
    share = d / np.where(largest == 0, 1, largest)
    total = np.sqrt(_window_sum(share * share, present) / n)
    share /= n * np.where(total == 0, 1, total)
    return share


def _subtract_mean(x: Floats, present: Present, n: Floats | float) -> Floats:
    """x - mean, where the first sample taken off before keeps large numbers with small differences exact."""
    first = x[:1] if present is None else np.take_along_axis(x, np.argmax(present, axis=0, keepdims=True), axis=0)
    d = x - first
    d -= _window_sum(d, present) / n
    return d


def _differentiate_expected(x: Floats, present: Present, parameters: Sequence[float]) -> Floats:
    """(2 x - y) / sum x; 0 where all samples are 0."""
    m = _window_max(x, present)
    share = x / m
    mass = _window_sum(share, present)
    y = _window_sum(share**2, present) / mass
    return np.where(m > 0, (2 * share - y) / mass, 0)


def _order_present(x: Array, present: Present) -> NDArray[np.intp]:
    """The samples of each window in order, absent ones last, equal ones as they are."""
    order = np.argsort(x, axis=0, kind="stable")
    if present is not None and not present.all():
        absent = np.take_along_axis(present, order, 0) == 0
        order = np.take_along_axis(order, np.argsort(absent, axis=0, kind="stable"), 0)
    return order


def _differentiate_quantile(x: Array, present: Present, parameters: Sequence[float]) -> Floats:
    """1 - g and g to the samples of ranks j and j + 1, j + g = (n - 1) q; among equal ones in their order.

    Takes the samples in their own dtype: float64 would make ties of large integers.
    """
    if present is None:
        return _weigh_ranks(x, (len(x) - 1) * parameters[0])
    order = _order_present(x, present)
    h = np.maximum(_count_present(x, present) - 1, 0) * parameters[0]
    j = np.floor(h).astype(np.int64)
    g = h - j
    found = np.zeros(x.shape)
    np.put_along_axis(found, np.take_along_axis(order, j, 0), 1 - g, 0)
    after = np.take_along_axis(order, np.minimum(j + 1, len(x) - 1), 0)
    np.put_along_axis(found, after, np.take_along_axis(found, after, 0) + np.where(g > 0, g, 0), 0)
    return found


def _weigh_ranks(x: Array, h: float) -> Floats:
    """The same where all windows have equally many samples: which sample has a rank, without sorting their places."""
    j = int(h)
    ordered, found = sort_rows(x), np.zeros(x.shape)
    for rank, weight in ((j, 1 - (h - j)), (j + 1, h - j)):
        if weight == 0:
            continue
        value = ordered[rank]
        count = np.int8 if len(x) < 128 else np.int64
        left = np.full(value.shape, rank, count)  # of equal samples the one that has so many of them before it
        for one in x:
            left -= (one < value).view(np.int8)
        for one, share in zip(x, found, strict=True):
            equal = one == value
            share += (equal & (left == 0)) * weight
            left -= equal.view(np.int8)
    return found


DERIVATIVES: Mapping[str, Slope] = {
    "norm": _differentiate_norm, "generalised_mean": _differentiate_gem, "log_mean_exp": _differentiate_lse,
    "softmax_mean": _differentiate_soft, "variance": _differentiate_variance, "deviation": _differentiate_std,
    "expected": _differentiate_expected, "quantile": _differentiate_quantile,
    "root_mean_square": _differentiate_rms, "geometric_mean": _differentiate_geomean,
    "harmonic_mean": _differentiate_harmean, "adaptive_mean": _differentiate_ada,
    "circular_mean": _differentiate_circmean, "topk": differentiate_topk,
    "trimmed": differentiate_trimmed, "winsorised": differentiate_winsor,
    "median_deviation": _differentiate_mad,
}
"""Formulas of one window, by the word of the reducer's row."""
WEIGHTED: Mapping[str, Slope] = {
    "average": lambda x, present, parameters: 1 / (np.zeros(x.shape) + _count_present(x, present)),
    "total": lambda x, present, parameters: np.ones(x.shape),
    **{name: DERIVATIVES[name] for name in ("norm", "generalised_mean", "log_mean_exp", "softmax_mean", "variance",
                                            "deviation", "root_mean_square")},
}
"""Formulas of samples with weights, by the word of the reducer's row; what has none here picks a sample."""
IN_OWN_DTYPE = (_differentiate_quantile, _differentiate_mad, differentiate_topk, differentiate_trimmed,
                differentiate_winsor)
"""Slopes that take samples in their own dtype."""
