"""Cores that order a window's samples: quantiles, means of ranks and the mode. The samples hold no NaN."""

from __future__ import annotations

from math import isfinite, log
from typing import Any

from .double_double import (
    INFINITY,
    NOT_A_NUMBER,
    SHRINK,
    Buffer,
    Pair,
    add,
    divide,
    multiply,
    two_sum,
    whole,
    widen,
)
from .general import Window

LOWER, UPPER = 2.0, 4.0
"""Added to a quantile q: where (n - 1) q lies between two ranks the lower one is meant, or the upper."""
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


def sort(a: Buffer, n: int) -> None:
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


def copy(window: Window) -> None:
    """Bring the samples into the scratch space."""
    for i in range(window.n):
        window.work[i] = window.x[window.base + i]


def rank_of(n: int, q: float) -> tuple[int, float]:
    """The rank (n - 1) q of n samples, and how much of the way to the next; 0 where ``LOWER`` or ``UPPER`` is in q."""
    h = (n - 1) * (q if q < LOWER else q - LOWER if q < UPPER else q - UPPER)
    j = min(int(whole(h)), n - 1)
    share = h - j if j + 1 < n else 0.0
    if q < LOWER:
        return j, share
    return (j + 1 if q >= UPPER and share > 0.0 else j), 0.0


def quantile(window: Window) -> Pair:
    """The sample of rank h = (n - 1) q, q = ``params[0]``; between two ranks, a point of the line between them."""
    n = window.n
    j, g = rank_of(n, window.params[0])
    copy(window)
    select(window.work, n, j)
    a = window.work[j]
    if g == 0.0:
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


def ranked_sample(window: Window) -> int:
    """The first sample that has the value of a rank, by q = ``params[0]`` with ``LOWER`` or ``UPPER``."""
    copy(window)
    j, _ = rank_of(window.n, window.params[0])
    select(window.work, window.n, j)
    return _number_of(window, window.work[j])


def _number_of(window: Window, value: Any) -> int:
    """The number of the first sample that has a value; there is one."""
    for i in range(window.n):
        if window.x[window.base + i] == value:
            return i
    return 0


# Means of ranks: the samples from one rank to another, in order, and those at both ends once more.


def topk_ranks(n: int, params: Buffer) -> tuple[int, int, int]:
    """The first rank, the one behind the last, and how often each end is counted once more: the k largest of n."""
    return n - min(n, int(params[0])), n, 0


def trimmed_ranks(n: int, params: Buffer) -> tuple[int, int, int]:
    """The same without a share of the samples, rounded down to a whole number of them, at each end."""
    cut = min(int(whole(params[0] * n)), (n - 1) // 2)
    return cut, n - cut, 0


def winsor_ranks(n: int, params: Buffer) -> tuple[int, int, int]:
    """The same where the samples that are cut off at an end count as the nearest one that is left."""
    cut = min(int(whole(params[0] * n)), (n - 1) // 2)
    return cut, n - cut, cut


def topk(window: Window) -> Pair:
    """The mean of the k largest, k = ``params[0]``; of all where there are fewer."""
    first, stop, again = topk_ranks(window.n, window.params)
    return _mean_of_ranks(window, first, stop, again)


def trimmed(window: Window) -> Pair:
    """The mean without the share ``params[0]`` of the samples at each end (Tukey)."""
    first, stop, again = trimmed_ranks(window.n, window.params)
    return _mean_of_ranks(window, first, stop, again)


def winsorised(window: Window) -> Pair:
    """The mean where those samples count as the nearest that is left (Winsor)."""
    first, stop, again = winsor_ranks(window.n, window.params)
    return _mean_of_ranks(window, first, stop, again)


def _mean_of_ranks(window: Window, first: int, stop: int, again: int) -> Pair:
    """The mean of the samples of the ranks from ``first`` to before ``stop``, in no order: both ends' values are found,
    what lies between them is summed, and what equals them counts as often as it has such a rank.
    """
    copy(window)
    select(window.work, window.n, first)
    low = window.work[first]
    select(window.work, window.n, stop - 1)
    high = window.work[stop - 1]
    if low == high:
        return widen(low)
    below = up_to_low = up_to_high = 0
    for i in range(window.n):
        x = window.x[window.base + i]
        below += 1 if x < high else 0
        up_to_low += 1 if x <= low else 0
    up_to_high = stop - below
    n = float(stop - first + 2 * again)
    lows, highs = float(up_to_low - first + again), float(up_to_high + again)
    hi, lo = _sum_between(window, low, high, lows, highs, 1.0)
    if isfinite(hi) and isfinite(lo):
        return divide(hi, lo, n)
    hi, lo = _sum_between(window, low, high, lows, highs, SHRINK)
    if isfinite(hi) and isfinite(lo):
        hi, lo = divide(hi, lo, n)
        return hi / SHRINK, lo / SHRINK
    return widen(low)[0] + widen(high)[0], 0.0  # infinite, or infinities of both signs


def _sum_between(window: Window, low: Any, high: Any, lows: float, highs: float, scale: float) -> Pair:
    """The sum of scale * x of the samples between two values, and of these so many times; scale is a power of two."""
    a, b = widen(low)
    s_hi, s_lo = multiply(a * scale, b * scale, lows, 0.0)
    a, b = widen(high)
    a, b = multiply(a * scale, b * scale, highs, 0.0)
    s_hi, s_lo = add(s_hi, s_lo, a, b)
    for i in range(window.n):
        x = window.x[window.base + i]
        if x > low and x < high:
            a, b = widen(x)
            s_hi, s_lo = add(s_hi, s_lo, a * scale, b * scale)
    return s_hi, s_lo


def median_deviation(window: Window) -> Pair:
    """The median of |x - median x|: the samples in order, taken from the middle outwards by how far away they are."""
    n = window.n
    copy(window)
    sort(window.work, n)
    middle = widen(window.work[(n - 1) // 2])
    if n % 2 == 0:
        middle = between(middle, widen(window.work[n // 2]), 0.5)
    if not isfinite(middle[0]):
        return NOT_A_NUMBER, 0.0
    left, right = (n - 1) // 2, (n - 1) // 2 + 1
    near = far = (0.0, 0.0)
    for _ in range(n // 2 + 1):
        near = far
        away = _distance(window, middle, left) if left >= 0 else (INFINITY, 0.0)
        beyond = _distance(window, middle, right) if right < n else (INFINITY, 0.0)
        if left >= 0 and (right >= n or away[0] < beyond[0] or (away[0] == beyond[0] and away[1] <= beyond[1])):
            far = away
            left -= 1
        else:
            far = beyond
            right += 1
    return far if n % 2 == 1 else between(near, far, 0.5)


def _distance(window: Window, middle: Pair, rank: int) -> Pair:
    """How far the sample of a rank is from the middle."""
    hi, lo = widen(window.work[rank])
    hi, lo = add(hi, lo, -middle[0], -middle[1])
    return (-hi, -lo) if hi < 0.0 or (hi == 0.0 and lo < 0.0) else (hi, lo)


def mode(window: Window) -> int:
    """The first sample of the most frequent value; of equally frequent ones, of the smallest."""
    copy(window)
    sort(window.work, window.n)
    best = window.work[0]
    most = 0
    run = 0
    for i in range(window.n):
        run = run + 1 if i > 0 and window.work[i] == window.work[i - 1] else 1
        if run > most:
            most = run
            best = window.work[i]
    return _number_of(window, best)


def distinct(window: Window) -> Pair:
    """How many different values there are; all NaN are one."""
    n = nans = 0
    for i in range(window.n):
        x = window.x[window.base + i]
        window.work[n] = x
        n += 1 if x == x else 0
        nans = 1 if x != x else nans
    sort(window.work, n)
    found = nans
    for i in range(n):
        found += 1 if i == 0 or window.work[i] != window.work[i - 1] else 0
    return float(found), 0.0


def entropy(window: Window) -> Pair:
    """-sum p log p over the values, p the share of the samples that have one; to the base ``params[0]``, 0 is e."""
    n = window.n
    copy(window)
    sort(window.work, n)
    found = 0.0
    run = 0
    for i in range(n):
        run += 1
        if i == n - 1 or window.work[i] != window.work[i + 1]:
            found += run / n * (log(float(n)) - log(float(run)))
            run = 0
    return found * unit_of_entropy(window.params), 0.0


def unit_of_entropy(params: Buffer) -> float:
    """What an entropy to the base e is multiplied by for the base ``params[0]``; 0 stands for e."""
    return 1.0 / log(params[0]) if params[0] > 0.0 else 1.0
