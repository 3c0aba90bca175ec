"""Fold windows along the axes of an array by NumPy: slices that are merged, spans that double, runs that are halved.

A state is one or two arrays; ``merge`` makes the state of two parts. Samples beyond the array are the fold's identity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.windows import Windows
from ..drivers.kernel_task import Array

_DIRECT = 8
"""Up to so many samples along an axis are merged one after another, from slices; more in spans that double."""

States = tuple[Array, ...]
Merge = Callable[[States, States], States]


def fold(state: States, windows: tuple[Windows, ...], merge: Merge, identity: tuple[Any, ...]) -> States:
    """Merge the samples of every window, one axis after another."""
    for axis, along in enumerate(windows, 1):
        if len(along.starts) != state[0].shape[axis] or along.distinct_sizes[-1] > 1:
            state = _fold_axis(state, axis, along, merge, identity)
    return state


def _fold_axis(state: States, axis: int, windows: Windows, merge: Merge, identity: tuple[Any, ...]) -> States:
    """Merge the samples of every window along one axis."""
    starts, step = windows.starts, windows.step
    if not (isinstance(starts, range) and windows.regular):
        return _fold_listed(state, axis, windows, merge, identity)
    size, count = windows.distinct_sizes[0], len(starts)
    stride, low = starts.step, starts[0]
    length = (count - 1) * stride + (size - 1) * step + 1
    state = _extend(state, axis, low, length, identity)
    if size <= _DIRECT or size * count <= length * size.bit_length():
        if size > _DIRECT and step == 1:
            return _fold_halving(state, axis, size, stride, count, merge)
        pick = tuple(slice(j * step, j * step + (count - 1) * stride + 1, stride) for j in range(size))
        result = _slice(state, axis, pick[0])
        for part in pick[1:]:
            result = merge(result, _slice(state, axis, part))
        return result
    return _slice(_fold_doubling(state, axis, size, step, merge), axis, slice(0, (count - 1) * stride + 1, stride))


def _slice(state: States, axis: int, part: slice) -> States:
    """A slice of every number of a state along an axis."""
    index = (slice(None),) * axis + (part,)
    return tuple(numbers[index] for numbers in state)


def _extend(state: States, axis: int, low: int, length: int, identity: tuple[Any, ...]) -> States:
    """The places low to low + length of an axis; the identity beyond the array."""
    n = state[0].shape[axis]
    if low >= 0 and low + length <= n:
        return _slice(state, axis, slice(low, low + length))
    before, after = max(0, -low), max(0, low + length - n)
    inner = _slice(state, axis, slice(max(0, low), min(n, low + length)))
    widths = [(0, 0)] * axis + [(before, after)] + [(0, 0)] * (state[0].ndim - axis - 1)
    return tuple(np.pad(numbers, widths, constant_values=none)
                 for numbers, none in zip(inner, identity, strict=True))


def _fold_doubling(state: States, axis: int, size: int, step: int, merge: Merge) -> States:
    """Windows of ``size`` samples at every place: spans of 1, 2, 4, ... samples, each from two of the one before."""
    span, covered = 1, 0
    result: States | None = None
    while True:
        if size & span:
            shifted = _slice(state, axis, slice(covered * step, None))
            if result is None:
                result = shifted
            else:
                n = shifted[0].shape[axis]
                result = merge(_slice(result, axis, slice(0, n)), shifted)
            covered += span
        if 2 * span > size:
            return result  # type: ignore[return-value]  # the last bit of size sets it
        n = state[0].shape[axis] - span * step
        state = merge(_slice(state, axis, slice(0, n)), _slice(state, axis, slice(span * step, None)))
        span *= 2


def _fold_halving(state: States, axis: int, size: int, stride: int, count: int, merge: Merge) -> States:
    """Windows that share few samples: each is laid out along an axis of its own, which is halved again and again."""
    views = np.lib.stride_tricks.sliding_window_view
    every = (slice(None),) * axis + (slice(0, (count - 1) * stride + 1, stride),)
    laid = tuple(views(numbers, size, axis=axis)[every] for numbers in state)
    rest: States | None = None
    while (n := laid[0].shape[-1]) > 1:
        if n % 2:
            odd = tuple(numbers[..., -1] for numbers in laid)
            rest = odd if rest is None else merge(rest, odd)
        laid = merge(tuple(numbers[..., : n // 2] for numbers in laid),
                     tuple(numbers[..., n // 2 : 2 * (n // 2)] for numbers in laid))
    last = tuple(numbers[..., 0] for numbers in laid)
    return last if rest is None else merge(last, rest)


def _fold_listed(state: States, axis: int, windows: Windows, merge: Merge, identity: tuple[Any, ...]) -> States:
    """Windows that lie at will: their first samples, then their second ones, ..."""
    first, count = windows.present
    result: States = ()
    for j in range(int(count.max())):
        at = np.minimum(first + j * windows.step, windows.length - 1)
        there = (count > j).reshape([-1 if i == axis else 1 for i in range(state[0].ndim)])
        part = tuple(np.where(there, np.take(numbers, at, axis=axis), none).astype(numbers.dtype, copy=False)
                     for numbers, none in zip(state, identity, strict=True))
        result = merge(result, part) if result else part
    return result


# Pairs of doubles, as in ``kernels/double_double.py``, over whole arrays.


def two_sum(a: Array, b: Array) -> States:
    """a + b and its rounding error."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def multiply(a: Array, b: Array) -> States:
    """a * b and its rounding error: ``double_double.product_in_range``."""
    p = a * b
    high = a * 134217729.0
    high = high - (high - a)
    d = b * 134217729.0
    d = d - (d - b)
    return p, ((high * d - p) + high * (b - d) + (a - high) * d) + (a - high) * (b - d)


def add_pairs(a: States, b: States) -> States:
    """The sum of two pairs."""
    s, e = two_sum(a[0], b[0])
    t, f = two_sum(a[1], b[1])
    e = e + t
    hi = s + e
    e = e - (hi - s) + f
    return hi + e, e - ((hi + e) - hi)


def merge_errors(a: States, b: States) -> States:
    """A sum of doubles, and the errors of its additions summed beside it."""
    s, e = two_sum(a[0], b[0])
    return s, (a[1] + b[1]) + e
