"""Cores that order a window's samples: quantiles and the mode. The samples hold no NaN."""

from __future__ import annotations

from math import isfinite
from typing import Any

from .double_double import Buffer, Pair, add, multiply, two_sum, whole, widen
from .general import Window

_FEW = 24  # below it, insertion is faster than partition (uint8 and float32, 3x3 to 7x7)


def _insertion_sort(a: Buffer, low: int, high: int) -> None:
    """Sort a[low : high + 1] in place."""
    for i in range(low + 1, high + 1):
        x = a[i]
        j = i - 1
        while j >= low and a[j] > x:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = x


def _partition(a: Buffer, low: int, high: int, pivot: Any, equal: bool) -> int:
    """Move the samples of a[low : high + 1] below the pivot (or equal to it) to its front; return where others begin.

    Without a branch that depends on a sample: 31x31/31 of noise takes 4 ns a sample, by swaps from both ends 8.
    """
    stop = low
    for i in range(low, high + 1):
        x = a[i]
        a[i] = a[stop]
        a[stop] = x
        stop += 1 if (x == pivot if equal else x < pivot) else 0
    return stop


def select(a: Buffer, n: int, rank: int) -> None:
    """Move the sample of the given rank (0 is the smallest) to a[rank], smaller ones before it, larger ones after.

    The pivot's place comes from a congruential sequence, so that no input is quadratic by its order; its equals are put
    aside, so that none is by having few values.
    """
    low = 0
    high = n - 1
    seed = 12345
    while high - low > _FEW:
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        pivot = a[low + seed % (high - low + 1)]
        middle = _partition(a, low, high, pivot, False)
        if rank < middle:
            high = middle - 1
        else:
            low = _partition(a, middle, high, pivot, True)
            if rank < low:
                return
    _insertion_sort(a, low, high)


def _sort(a: Buffer, n: int) -> None:
    """Sort a[0 : n] in place (heapsort for many: no recursion, never quadratic)."""
    if n <= _FEW:
        _insertion_sort(a, 0, n - 1)
        return
    for start in range(n // 2 - 1, -1, -1):
        _sift(a, start, n)
    for end in range(n - 1, 0, -1):
        x = a[0]
        a[0] = a[end]
        a[end] = x
        _sift(a, 0, end)


def _sift(a: Buffer, parent: int, end: int) -> None:
    """Let a[parent] sink to its place in the heap a[0 : end]."""
    x = a[parent]
    child = 2 * parent + 1
    while child < end:
        if child + 1 < end and a[child + 1] > a[child]:
            child += 1
        if not a[child] > x:
            break
        a[parent] = a[child]
        parent = child
        child = 2 * parent + 1
    a[parent] = x


def _copy(window: Window) -> None:
    """Bring the samples into the scratch space."""
    for i in range(window.n):
        window.work[i] = window.x[window.base + i]


def quantile(window: Window) -> Pair:
    """The sample of rank h = (n - 1) q, q = ``params[0]``; between two ranks, a point of the line between them."""
    n = window.n
    h = (n - 1) * window.params[0]
    j = min(int(whole(h)), n - 1)
    _copy(window)
    select(window.work, n, j)
    a = window.work[j]
    g = h - j
    if g == 0.0 or j + 1 >= n:
        return widen(a)
    b = window.work[j + 1]
    for i in range(j + 2, n):
        if window.work[i] < b:
            b = window.work[i]
    if a == b:
        return widen(a)
    return between(widen(a), widen(b), g)


def between(a: Pair, b: Pair, g: float) -> Pair:
    """a + (b - a) g."""
    d_hi, d_lo = add(b[0], b[1], -a[0], -a[1])
    d_hi, d_lo = multiply(d_hi, d_lo, g, 0.0)
    hi, lo = add(a[0], a[1], d_hi, d_lo)
    if isfinite(hi) and isfinite(lo):
        return hi, lo
    if isfinite(a[0]) and isfinite(b[0]):  # b - a overflows, the value does not
        return two_sum(a[0] * (1.0 - g), b[0] * g)
    if g >= 0.5:  # NumPy's two branches, for infinities
        return b[0] - (b[0] - a[0]) * (1.0 - g), 0.0
    return a[0] + (b[0] - a[0]) * g, 0.0


def mode(window: Window) -> int:
    """The first sample of the most frequent value; of equally frequent ones, of the smallest."""
    _copy(window)
    _sort(window.work, window.n)
    best = window.work[0]
    most = 0
    run = 0
    for i in range(window.n):
        run = run + 1 if i > 0 and window.work[i] == window.work[i - 1] else 1
        if run > most:
            most = run
            best = window.work[i]
    for i in range(window.n):
        if window.x[window.base + i] == best:
            return i
    return 0
