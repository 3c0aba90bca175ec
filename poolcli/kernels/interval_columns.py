"""The kernel of intervals in columns: which samples within them have the least and the largest pooled value.

A column is a window: ``low`` and ``high`` have a row for each of its samples. Columns are worked on so many at a time
that all that is made of them stays in the first caches, and every loop over them is vector code. What is found are
samples; they are pooled elsewhere, so that a bound is what ``pool`` gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .double_double import INFINITY, Buffer, double
from .vector_math import exponential

LANES = 128
"""Columns worked on at once: nine samples and what is made of them take 30 kB."""
_A, _B, _C, _D, _E, _F = range(6)
"""Lines of ``room`` for a number of each column."""
ROWS = 6
"""From there on two lines for each sample."""
_ROUNDS = 100
"""Dinkelbach's iteration takes 4 to 9."""
_TO_WHOLE = 6755399441055744.0  # 2^52 + 2^51: adding it rounds to a whole number (``floor`` is no vector code)
_SHIFT = 65536.0
"""An interval of 16-bit numbers as one whole number: the low end times this, and the high end."""


class _IntervalColumns(NamedTuple):
    """``m`` columns of ``n`` intervals each, rows ``apart`` from each other, the first at ``start``."""

    low: Buffer
    high: Buffer
    start: int
    apart: int
    n: int
    m: int
    room: Buffer
    exchanges: Buffer
    """Pairs of rows; put in order one after another they sort the rows."""
    pairs: int
    params: Buffer


def make_kernel(find_least: Callable[..., None], find_most: Callable[..., None]) -> Callable[..., int]:
    """Return the kernel of two searches: a function over flat buffers, which returns 0.

    ``geometry`` has the numbers of samples, of columns and of exchanges; ``nested`` is told for each column whether
    what was found need not be the largest.
    """

    def find_extremes(low: Buffer, high: Buffer, least: Buffer, most: Buffer, nested: Buffer, exchanges: Buffer,
                      geometry: Buffer, params: Buffer, room: Buffer) -> int:
        n, columns = geometry[0], geometry[1]
        for part in range((columns + LANES - 1) // LANES):
            start = part * LANES
            m = min(LANES, columns - start)
            these = _IntervalColumns(low, high, start, columns, n, m, room, exchanges, geometry[2], params)
            find_least(these, least, nested)
            find_most(these, most, nested)
        return 0

    return find_extremes


# The variance of whole numbers of at most 16 bits; all sums are whole numbers that doubles hold.


def least_variance(these: _IntervalColumns, least: Buffer, _: Buffer) -> None:
    """All samples as near to c as they can be, where c is about their mean.

    The sum of what is nearest to c, minus n c, falls with c; so its root is found by halving, and of the whole numbers
    on both sides of it the better one is c.
    """
    n, m, room = these.n, these.m, these.room
    left, right, middle, total = _A * LANES, _B * LANES, _C * LANES, _D * LANES
    for i in range(m):
        room[left + i], room[right + i] = INFINITY, -INFINITY
    for p in range(n):
        at, lo, hi = these.start + p * these.apart, (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            a, b, first, last = double(these.low[at + i]), double(these.high[at + i]), room[left + i], room[right + i]
            room[lo + i], room[hi + i] = a, b
            room[left + i] = b if b < first else first
            room[right + i] = a if a > last else last
    widest = 0.0
    for i in range(m):
        widest = max(widest, room[right + i] - room[left + i])
    while widest >= 1.0:
        for i in range(m):
            room[middle + i] = _round((room[left + i] + room[right + i]) * 0.5 - 0.25)
        _sum_nearest(these, middle, total)
        for i in range(m):
            c = room[middle + i]
            above = room[total + i] >= n * c
            room[left + i] = c if above else room[left + i]
            room[right + i] = room[right + i] if above else c
        widest = _round(widest * 0.5 - 0.25)
    _choose_nearest(these, least)


def _sum_nearest(these: _IntervalColumns, c: int, total: int) -> None:
    """The sums of what is nearest to a number for each column."""
    n, m, room = these.n, these.m, these.room
    for i in range(m):
        room[total + i] = 0.0
    for p in range(n):
        lo, hi = (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            room[total + i] += _nearest(room[c + i], room[lo + i], room[hi + i])


def _round(x: float) -> float:
    """The nearest whole number, of numbers below 2^51."""
    return (x + _TO_WHOLE) - _TO_WHOLE


def _nearest(c: float, low: float, high: float) -> float:
    """What of an interval is nearest to c."""
    x = low if c < low else c
    return high if x > high else x


def _choose_nearest(these: _IntervalColumns, least: Buffer) -> None:
    """The samples nearest to the number on the left, or to the next one where those have the smaller variance."""
    n, m, room = these.n, these.m, these.room
    left, other = _A * LANES, _B * LANES
    sums, squares, other_sums, other_squares = _C * LANES, _D * LANES, _E * LANES, _F * LANES
    for i in range(m):
        room[sums + i] = room[squares + i] = room[other_sums + i] = room[other_squares + i] = 0.0
        room[other + i] = room[left + i] + 1.0
    for p in range(n):
        lo, hi = (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            a = _nearest(room[left + i], room[lo + i], room[hi + i])
            b = _nearest(room[other + i], room[lo + i], room[hi + i])
            room[sums + i] += a
            room[squares + i] += a * a
            room[other_sums + i] += b
            room[other_squares + i] += b * b
    for i in range(m):
        a = n * room[squares + i] - room[sums + i] * room[sums + i]
        b = n * room[other_squares + i] - room[other_sums + i] * room[other_sums + i]
        room[left + i] = room[left + i] if a <= b else room[other + i]
    for p in range(n):
        at, lo, hi = these.start + p * these.apart, (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            least[at + i] = _nearest(room[left + i], room[lo + i], room[hi + i])


def largest_variance(these: _IntervalColumns, most: Buffer, nested: Buffer) -> None:
    """The first few of the ordered intervals at their low ends, the rest at their high ends.

    That need not be the largest where an interval lies inside another; ``nested`` says so. ``params[0]`` is the least
    sample that there can be.
    """
    n, m, room, least = these.n, these.m, these.room, these.params[0]
    sums, squares, best, split = _A * LANES, _B * LANES, _C * LANES, _D * LANES
    for p in range(n):
        at, key = these.start + p * these.apart, (ROWS + p) * LANES
        for i in range(m):
            room[key + i] = (double(these.low[at + i]) - least) * _SHIFT + (double(these.high[at + i]) - least)
    for k in range(these.pairs):
        a, b = (ROWS + these.exchanges[2 * k]) * LANES, (ROWS + these.exchanges[2 * k + 1]) * LANES
        for i in range(m):
            x, y = room[a + i], room[b + i]
            room[a + i] = y if y < x else x
            room[b + i] = x if y < x else y
    for i in range(m):
        room[sums + i] = room[squares + i] = room[split + i] = 0.0
        nested[these.start + i] = 0
    for p in range(n):
        lo, hi = (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            a = _round((room[lo + i] + 0.25) * (1.0 / _SHIFT) - 0.5)
            b = room[lo + i] - a * _SHIFT
            room[lo + i], room[hi + i] = a, b
            room[sums + i] += b
            room[squares + i] += b * b
        if p:
            for i in range(m):
                nested[these.start + i] |= room[hi + i] < room[hi - LANES + i]
    for i in range(m):
        room[best + i] = n * room[squares + i] - room[sums + i] * room[sums + i]
    for p in range(n):
        lo, hi = (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            a, b = room[lo + i], room[hi + i]
            s, q = room[sums + i] + (a - b), room[squares + i] + (a * a - b * b)
            found, before, number = n * q - s * s, room[best + i], room[split + i]
            room[sums + i], room[squares + i] = s, q
            room[best + i] = found if found > before else before
            room[split + i] = p + 1.0 if found > before else number
    for p in range(n):
        at, lo, hi = these.start + p * these.apart, (ROWS + p) * LANES, (ROWS + n + p) * LANES
        for i in range(m):
            most[at + i] = (room[lo + i] if p < room[split + i] else room[hi + i]) + least


# Sum x w / sum w of weights that grow with the sample, by Dinkelbach's iteration.


def weigh_exponentially(x: float, top: float, sharpness: float) -> float:
    """e^(a x), over that of the largest sample."""
    return exponential(sharpness * (x - top))


def weigh_by_value(x: float, top: float, _: float) -> float:
    """X itself, over the largest sample."""
    return x / top


def make_descent(weigh: Callable[..., float]) -> Callable[..., None]:
    """Return the search for the least such mean."""

    def descend(these: _IntervalColumns, least: Buffer, _: Buffer) -> None:
        """Descend from the low ends: for a value y each sample is as near as it can be to ``params[1]`` y minus
        ``params[2]``, rounded up if ``params[3]`` says so."""
        n, m, room, params = these.n, these.m, these.room, these.params
        top, y, sums, weights, source, target = (_A * LANES, _B * LANES, _C * LANES, _D * LANES, _E * LANES,
                                                 _F * LANES)
        _find_largest(these, these.low, top)
        for i in range(m):
            room[source + i] = room[target + i] = -INFINITY
            room[y + i] = INFINITY
        for _step in range(_ROUNDS):
            for i in range(m):
                room[sums + i] = room[weights + i] = 0.0
            for p in range(n):
                at = these.start + p * these.apart
                for i in range(m):
                    x = _nearest(room[target + i], double(these.low[at + i]), double(these.high[at + i]))
                    weight = weigh(x, room[top + i], params[0])
                    room[sums + i] += (x - room[top + i]) * weight
                    room[weights + i] += weight
            better = 0
            for i in range(m):
                value, before = room[top + i] + room[sums + i] / room[weights + i], room[y + i]
                lower = value < before
                room[source + i] = room[target + i] if lower else room[source + i]
                room[y + i] = value if lower else before
                better |= lower
            if not better:
                break
            for i in range(m):
                aim = params[1] * room[y + i] - params[2]
                whole = _round(aim)
                whole = whole + 1.0 if whole < aim else whole
                room[target + i] = whole if params[3] > 0.0 else aim
        for p in range(n):
            at = these.start + p * these.apart
            for i in range(m):
                least[at + i] = _nearest(room[source + i], double(these.low[at + i]), double(these.high[at + i]))

    return descend


def make_ascent(weigh: Callable[..., float]) -> Callable[..., None]:
    """Return the search for the largest such mean."""

    def ascend(these: _IntervalColumns, most: Buffer, _: Buffer) -> None:
        """Ascend from the high ends; of each interval the end at which (x - y) w is larger."""
        n, m, room = these.n, these.m, these.room
        top, y, sums, weights, source = _A * LANES, _B * LANES, _C * LANES, _D * LANES, _E * LANES
        _find_largest(these, these.high, top)
        for i in range(m):
            room[y + i] = room[source + i] = -INFINITY
        for p in range(n):
            at, of_low, of_high = these.start + p * these.apart, (ROWS + p) * LANES, (ROWS + n + p) * LANES
            for i in range(m):
                room[of_low + i] = weigh(double(these.low[at + i]), room[top + i], these.params[0])
                room[of_high + i] = weigh(double(these.high[at + i]), room[top + i], these.params[0])
        for _step in range(_ROUNDS):
            for i in range(m):
                room[sums + i] = room[weights + i] = 0.0
            for p in range(n):
                at, of_low, of_high = these.start + p * these.apart, (ROWS + p) * LANES, (ROWS + n + p) * LANES
                for i in range(m):
                    lo, hi, low_weight, weight = (double(these.low[at + i]), double(these.high[at + i]),
                                                  room[of_low + i], room[of_high + i])
                    upper = _prefers_high(room[y + i], lo, hi, low_weight, weight)
                    x, weight = hi if upper else lo, weight if upper else low_weight
                    room[sums + i] += (x - room[top + i]) * weight
                    room[weights + i] += weight
            better = 0
            for i in range(m):
                value, before = room[top + i] + room[sums + i] / room[weights + i], room[y + i]
                higher = value > before
                room[source + i] = before if higher else room[source + i]
                room[y + i] = value if higher else before
                better |= higher
            if not better:
                break
        for p in range(n):
            at, of_low, of_high = these.start + p * these.apart, (ROWS + p) * LANES, (ROWS + n + p) * LANES
            for i in range(m):
                lo, hi = these.low[at + i], these.high[at + i]
                upper = _prefers_high(room[source + i], double(lo), double(hi), room[of_low + i], room[of_high + i])
                most[at + i] = hi if upper else lo

    return ascend


def _prefers_high(y: float, low: float, high: float, of_low: float, of_high: float) -> bool:
    """Whether (x - y) w is no less at the high end."""
    return (high >= y) | ((y - high) * of_high <= (y - low) * of_low)


def _find_largest(these: _IntervalColumns, ends: Buffer, top: int) -> None:
    """The largest of each column."""
    for i in range(these.m):
        these.room[top + i] = -INFINITY
    for p in range(these.n):
        at = these.start + p * these.apart
        for i in range(these.m):
            x, largest = double(ends[at + i]), these.room[top + i]
            these.room[top + i] = x if x > largest else largest
