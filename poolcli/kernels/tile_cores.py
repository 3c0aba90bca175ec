"""Cores in lanes: each computes a whole tile of windows (``tiles.py``), and every loop runs over the lanes of one slot.

A missing sample is a NaN. A core leaves its values in ``VALUE``, as a pair with ``LOW``, or the number of the slot that
it picks in ``PICK``. What is not finite is done again by the reducer's own core, so nothing here is clever about
infinities, or about scales where a power overflows.
"""

from __future__ import annotations

from collections.abc import Callable

from .double_double import (
    INFINITY,
    NOT_A_NUMBER,
    Buffer,
    add,
    divide,
    double,
    fast_two_sum,
    multiply,
    product_in_range,
    two_product,
    two_sum,
)
from .order_statistics import between, rank_of, topk_ranks, trimmed_ranks, unit_of_entropy, winsor_ranks
from .tiles import DRAW, LOW, PICK, PRESENT, SPARE_A, SPARE_B, SPARE_C, SPARE_D, VALUE, LaneTile, fill_slot
from .vector_math import cube_root, exponential, logarithm

_SAFE = 4.0
"""Up to this power a float32, the largest and the smallest, stays in the range of a normal double."""


def _is_larger(x: float, y: float) -> bool:
    """Whether x beats y as a maximum."""
    return x > y


def _is_smaller(x: float, y: float) -> bool:
    """Whether x beats y as a minimum."""
    return x < y


def _is_farther(x: float, y: float) -> bool:
    """Whether x beats y as the largest magnitude; of x and -x the positive one does."""
    return (abs(x) > abs(y)) | ((abs(x) == abs(y)) & (x > y))


def _is_there(x: float, y: float) -> bool:
    """Any sample beats those before it, and a missing one none."""
    return x == x


def _is_first(x: float, y: float) -> bool:
    """Nothing beats the first sample."""
    return False


# Picks.


def _pick_extreme(tile: LaneTile, beats: Callable[[float, float], bool]) -> None:
    """Pick the first of the samples that beat all others."""
    slots, room = tile.slots, tile.room
    value, pick = VALUE * room, PICK * room
    for i in range(tile.m):
        slots[value + i] = slots[tile.first + i]
        slots[pick + i] = 0.0
    for p in range(1, tile.n):
        at, number = tile.first + p * room, double(p)
        for i in range(tile.m):
            x, best, picked = slots[at + i], slots[value + i], slots[pick + i]
            wins = beats(x, best) | (best != best)
            slots[value + i] = x if wins else best
            slots[pick + i] = number if wins else picked


def maximum(tile: LaneTile) -> None:
    """Pick the first largest sample."""
    _pick_extreme(tile, _is_larger)


def minimum(tile: LaneTile) -> None:
    """Pick the first smallest sample."""
    _pick_extreme(tile, _is_smaller)


def first(tile: LaneTile) -> None:
    """Pick the first sample."""
    _pick_extreme(tile, _is_first)


def farthest(tile: LaneTile) -> None:
    """Pick the first sample of the largest magnitude."""
    _pick_extreme(tile, _is_farther)


def last(tile: LaneTile) -> None:
    """Pick the last sample."""
    _pick_extreme(tile, _is_there)


def draw(tile: LaneTile) -> None:
    """Pick the first sample whose running sum exceeds ``DRAW`` times the sum; else the last that is not 0."""
    slots, room = tile.slots, tile.room
    value, pick, mass, reach = VALUE * room, PICK * room, SPARE_A * room, SPARE_B * room
    last, last_pick = SPARE_C * room, SPARE_D * room
    first(tile)
    _sum_terms(tile, _itself, SPARE_A)
    for i in range(tile.m):
        slots[reach + i] = 0.0
        slots[last + i] = slots[value + i]
        slots[last_pick + i] = slots[pick + i]
        slots[value + i] = NOT_A_NUMBER
    for p in range(tile.n):
        at, number = tile.first + p * room, double(p)
        for i in range(tile.m):
            x, drawn, picked, before = slots[at + i], slots[value + i], slots[pick + i], slots[reach + i]
            late, late_pick, goal = slots[last + i], slots[last_pick + i], slots[DRAW * room + i] * slots[mass + i]
            x = x if x == x else 0.0
            wins = (drawn != drawn) & (before + x > goal)
            slots[reach + i] = before + x
            slots[value + i] = x if wins else drawn
            slots[pick + i] = number if wins else picked
            slots[last + i] = x if x > 0.0 else late
            slots[last_pick + i] = number if x > 0.0 else late_pick
    for i in range(tile.m):
        drawn, picked, late, late_pick = slots[value + i], slots[pick + i], slots[last + i], slots[last_pick + i]
        drawn, picked = (late, late_pick) if drawn != drawn else (drawn, picked)
        slots[value + i] = drawn + (slots[mass + i] - slots[mass + i])  # not finite where the sum is not
        slots[pick + i] = picked


# Sums.


def _itself(x: float) -> float:
    """A term of a sum."""
    return x


def _cube(x: float) -> float:
    """A term of a sum of cubes."""
    return x * x * x


def _square(x: float) -> float:
    """A term of a sum of squares."""
    return x * x


def _sum_terms(tile: LaneTile, term: Callable[[float], float], to: int) -> None:
    """Slot ``to`` = the sum of term(x) over the samples of each window, in order."""
    slots, room = tile.slots, tile.room
    fill_slot(tile, to, 0.0)
    for p in range(tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            y = term(slots[at + i])
            slots[to * room + i] += y if y == y else 0.0


def _sum_pairs(tile: LaneTile) -> None:
    """``VALUE`` and ``LOW`` = the sum of the samples of each window as a pair."""
    slots, room = tile.slots, tile.room
    value, low = VALUE * room, LOW * room
    fill_slot(tile, VALUE, 0.0)
    fill_slot(tile, LOW, 0.0)
    for p in range(tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            x = slots[at + i]
            x = x if x == x else 0.0
            hi, e = two_sum(slots[value + i], x)
            hi, lo = fast_two_sum(hi, slots[low + i] + e)
            slots[value + i] = hi
            slots[low + i] = lo


def _write_extreme(tile: LaneTile, beats: Callable[[float, float], bool], to: int) -> None:
    """Slot ``to`` = the sample of each window that beats all others."""
    slots, room = tile.slots, tile.room
    for i in range(tile.m):
        slots[to * room + i] = slots[tile.first + i]
    for p in range(1, tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            x, best = slots[at + i], slots[to * room + i]
            slots[to * room + i] = x if beats(x, best) | (best != best) else best


def mixed(tile: LaneTile) -> None:
    """w max + (1 - w) mean; where it is to be precise over one denominator, in pairs."""
    slots, room, w = tile.slots, tile.room, tile.params[0]
    value, low, top, present = VALUE * room, LOW * room, SPARE_A * room, PRESENT * room
    _write_extreme(tile, _is_larger, SPARE_A)
    if tile.precise:
        _sum_pairs(tile)
        rest_hi, rest_lo = two_sum(1.0, -w)  # 1 - w is no double for w = 0.1
        for i in range(tile.m):
            w_hi, w_lo = two_product(w, slots[present + i])
            a_hi, a_lo = multiply(slots[top + i], 0.0, w_hi, w_lo)
            b_hi, b_lo = multiply(slots[value + i], slots[low + i], rest_hi, rest_lo)
            hi, lo = add(a_hi, a_lo, b_hi, b_lo)
            slots[value + i], slots[low + i] = divide(hi, lo, slots[present + i])
        return
    _sum_terms(tile, _itself, VALUE)
    for i in range(tile.m):
        slots[value + i] = w * slots[top + i] + (1.0 - w) * (slots[value + i] / slots[present + i])


# Exponentials.


def write_base(tile: LaneTile, sharpness: float, to: int) -> None:
    """Slot ``to`` = the sample of each window that exponents are counted from, so that none is above 0."""
    if sharpness >= 0.0:
        _write_extreme(tile, _is_larger, to)
    else:
        _write_extreme(tile, _is_smaller, to)


def log_mean_exp(tile: LaneTile) -> None:
    """m + log(mean e^(r (x - m))) / r, m the largest for r > 0, else the smallest."""
    slots, room, r = tile.slots, tile.room, tile.params[0]
    value, top = VALUE * room, SPARE_A * room
    write_base(tile, r, SPARE_A)
    fill_slot(tile, VALUE, 0.0)
    for p in range(tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            x = slots[at + i]
            e = exponential(r * (x - slots[top + i]))
            slots[value + i] += e if x == x else 0.0
    for i in range(tile.m):
        mean = slots[value + i] / slots[PRESENT * room + i]
        slots[value + i] = slots[top + i] + logarithm(mean) / r + (slots[top + i] - slots[top + i])


def softmax_mean(tile: LaneTile) -> None:
    """Sum x e^(a (x-m)) / sum e^(a (x-m)), m the largest for a >= 0, else the smallest."""
    slots, room, sharpness = tile.slots, tile.room, tile.params[0]
    value, top, mass = VALUE * room, SPARE_A * room, SPARE_B * room
    write_base(tile, sharpness, SPARE_A)
    fill_slot(tile, VALUE, 0.0)
    fill_slot(tile, SPARE_B, 0.0)
    for p in range(tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            x = slots[at + i]
            d = x - slots[top + i]
            weight = exponential(sharpness * d)
            slots[mass + i] += weight if x == x else 0.0
            slots[value + i] += d * weight if x == x else 0.0
    for i in range(tile.m):
        slots[value + i] = slots[top + i] + slots[value + i] / slots[mass + i]


def expected(tile: LaneTile) -> None:
    """Sum x^2 / sum x, scaled by the largest."""
    slots, room = tile.slots, tile.room
    value, top, mass = VALUE * room, SPARE_A * room, SPARE_B * room
    _write_extreme(tile, _is_larger, SPARE_A)
    fill_slot(tile, VALUE, 0.0)
    fill_slot(tile, SPARE_B, 0.0)
    for p in range(tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            x = slots[at + i] / slots[top + i]
            x = x if x == x else 0.0
            slots[mass + i] += x
            slots[value + i] += x * x
    for i in range(tile.m):
        slots[value + i] = slots[top + i] * (slots[value + i] / slots[mass + i])


# Powers.


def _magnitude(x: float, least: float) -> float:
    """The sample as a norm takes it."""
    return abs(x)


def _at_least(x: float, least: float) -> float:
    """The sample as a generalised mean takes it; NaN stays NaN."""
    return least if x < least else x


def norm(tile: LaneTile) -> None:
    """(sum |x|^p)^(1/p)."""
    _power_mean(tile, _magnitude, 0)


def root_mean_square(tile: LaneTile) -> None:
    """(mean x^2)^(1/2)."""
    _power_mean(tile, _magnitude, 1)


def generalised_mean(tile: LaneTile) -> None:
    """(mean max(x, eps)^p)^(1/p)."""
    _power_mean(tile, _at_least, 1)


def _write_largest(tile: LaneTile, lift: Callable[[float, float], float], least: float, to: int) -> None:
    """Slot ``to`` = the largest lifted sample of each window."""
    slots, room = tile.slots, tile.room
    fill_slot(tile, to, 0.0)
    for p in range(tile.n):
        at = tile.first + p * room
        for i in range(tile.m):
            x, best = lift(slots[at + i], least), slots[to * room + i]
            slots[to * room + i] = x if x > best else best


def _power_mean(tile: LaneTile, lift: Callable[[float, float], float], mean: int) -> None:
    """(sum x^p)^(1/p) of lifted samples, or of their mean; scaled by the largest where powers could leave the range."""
    p, least = tile.params[0], tile.params[1]
    slots, room = tile.slots, tile.room
    value, top, inverse = VALUE * room, SPARE_A * room, SPARE_B * room
    fill_slot(tile, SPARE_A, 1.0)
    fill_slot(tile, SPARE_B, 1.0)
    if tile.precise or p > _SAFE:
        _write_largest(tile, lift, least, SPARE_A)
        for i in range(tile.m):
            scale = slots[top + i]
            scale = scale if scale > 0.0 else 1.0
            slots[top + i] = scale
            slots[inverse + i] = 1.0 / scale
    if p == 2.0:
        _sum_scaled_terms(tile, _square, lift, least)
    elif p == 3.0:
        _sum_scaled_terms(tile, _cube, lift, least)
    elif p == 1.0:
        _sum_scaled_terms(tile, _itself, lift, least)
    else:
        _sum_powers(tile, p, lift, least)
    if mean:
        for i in range(tile.m):
            slots[value + i] /= slots[PRESENT * room + i]
    if p == 3.0:
        for i in range(tile.m):
            s = slots[value + i]
            slots[inverse + i] = s
            slots[value + i] = cube_root(s) if s != 0.0 else 0.0
        if tile.precise:
            for i in range(tile.m):
                s, y = slots[inverse + i], slots[value + i]
                nearer = y - (y * y * y - s) / (3.0 * y * y)  # within one unit in the last place; 1 is exact
                slots[value + i] = nearer if s != 0.0 else 0.0
        for i in range(tile.m):
            slots[value + i] *= slots[top + i]
    elif p == 2.0:
        for i in range(tile.m):
            slots[value + i] = slots[top + i] * slots[value + i] ** 0.5
    elif p == 1.0:
        for i in range(tile.m):
            slots[value + i] *= slots[top + i]
    else:
        for i in range(tile.m):
            s = slots[value + i]
            y = exponential(logarithm(s if s != 0.0 else 1.0) / p)
            slots[value + i] = slots[top + i] * (y if s != 0.0 else 0.0)


def _sum_scaled_terms(tile: LaneTile, term: Callable[[float], float], lift: Callable[[float, float], float],
                      least: float) -> None:
    """``VALUE`` = the sum of term(x times ``SPARE_B``) over lifted samples, four slots at a time."""
    slots, room, value, inverse = tile.slots, tile.room, VALUE * tile.room, SPARE_B * tile.room
    fill_slot(tile, VALUE, 0.0)
    for k in range(tile.n // 4):
        at = tile.first + 4 * k * room
        for i in range(tile.m):
            scale = slots[inverse + i]
            a, b = lift(slots[at + i], least), lift(slots[at + room + i], least)
            c, d = lift(slots[at + 2 * room + i], least), lift(slots[at + 3 * room + i], least)
            a, b, c, d = term(a * scale), term(b * scale), term(c * scale), term(d * scale)
            a, b = a if a == a else 0.0, b if b == b else 0.0
            c, d = c if c == c else 0.0, d if d == d else 0.0
            slots[value + i] += (a + b) + (c + d)
    for k in range(tile.n // 4 * 4, tile.n):
        at = tile.first + k * room
        for i in range(tile.m):
            y = term(lift(slots[at + i], least) * slots[inverse + i])
            slots[value + i] += y if y == y else 0.0


def _sum_powers(tile: LaneTile, p: float, lift: Callable[[float, float], float], least: float) -> None:
    """``VALUE`` = the sum of (x times ``SPARE_B``)^p over lifted samples."""
    slots, room, value, inverse = tile.slots, tile.room, VALUE * tile.room, SPARE_B * tile.room
    fill_slot(tile, VALUE, 0.0)
    for k in range(tile.n):
        at = tile.first + k * room
        for i in range(tile.m):
            x = lift(slots[at + i], least) * slots[inverse + i]
            y = exponential(p * logarithm(x if x != 0.0 else 1.0))
            slots[value + i] += y if (x == x) & (x != 0.0) else 0.0


# Ranks. The samples are sorted behind the slots that hold them, by Batcher's merge exchange (Knuth, The Art of Computer
# Programming 3, 5.2.2, algorithm M), which takes any number of slots.


def sort(tile: LaneTile) -> None:
    """Copy the samples behind their slots and sort them there; missing ones come last."""
    slots, room, to = tile.slots, tile.room, tile.first + tile.n * tile.room
    for p in range(tile.n):
        for i in range(tile.m):
            x = slots[tile.first + p * room + i]
            slots[to + p * room + i] = x if x == x else INFINITY
    merge_exchange(tile, to, _exchange)


def merge_exchange(tile: LaneTile, to: int, exchange: Callable[[LaneTile, int, int], None]) -> None:
    """Sort the slots from one on by exchanges of two."""
    room = tile.room
    most = 1
    while 2 * most < tile.n:
        most *= 2
    p = most if tile.n > 1 else 0
    while p > 0:
        q, r, d = most, 0, p
        while d > 0:
            for k in range(tile.n - d):
                if (k & p) == r:
                    exchange(tile, to + k * room, to + (k + d) * room)
            r = p
            d = q - p
            q = q // 2
        p = p // 2


def _exchange(tile: LaneTile, a: int, b: int) -> None:
    """Bring the smaller of two samples of each lane to the first place."""
    slots = tile.slots
    for i in range(tile.m):
        x, y = slots[a + i], slots[b + i]
        slots[a + i] = y if y < x else x
        slots[b + i] = x if y < x else y


def quantile(tile: LaneTile) -> None:
    """The sample of rank (n - 1) q, n the samples that are present; between two ranks, a point of the line."""
    slots, room, q = tile.slots, tile.room, tile.params[0]
    to = tile.first + tile.n * room
    sort(tile)
    for i in range(tile.m):
        j, g = rank_of(max(int(slots[PRESENT * room + i]), 1), q)
        a = slots[to + j * room + i]
        hi, lo = a, 0.0
        if g != 0.0:
            b = slots[to + (j + 1) * room + i]
            if a != b:
                hi, lo = between((a, 0.0), (b, 0.0), g)
        slots[VALUE * room + i], slots[LOW * room + i] = hi, lo


def mode(tile: LaneTile) -> None:
    """Pick the first sample of the most frequent value; of equally frequent ones, of the smallest."""
    slots, room, to = tile.slots, tile.room, tile.first + tile.n * tile.room
    value, most, run = VALUE * room, SPARE_A * room, SPARE_B * room
    sort(tile)
    fill_slot(tile, SPARE_A, 1.0)
    fill_slot(tile, SPARE_B, 1.0)
    for i in range(tile.m):
        slots[value + i] = slots[to + i]
    for p in range(1, tile.n):
        at, number = to + p * room, double(p)
        for i in range(tile.m):
            x, before, length = slots[at + i], slots[at - room + i], slots[run + i] + 1.0
            longest, best = slots[most + i], slots[value + i]
            length = length if x == before else 1.0
            slots[run + i] = length
            wins = (length > longest) & (number < slots[PRESENT * room + i])
            slots[most + i] = length if wins else longest
            slots[value + i] = x if wins else best
    pick_value(tile)


def distinct(tile: LaneTile) -> None:
    """How many different samples there are."""
    slots, room, to, value = tile.slots, tile.room, tile.first + tile.n * tile.room, VALUE * tile.room
    sort(tile)
    fill_slot(tile, VALUE, 1.0)
    fill_slot(tile, LOW, 0.0)
    for p in range(1, tile.n):
        at, number = to + p * room, double(p)
        for i in range(tile.m):
            begins = (slots[at + i] != slots[at - room + i]) & (number < slots[PRESENT * room + i])
            slots[value + i] = slots[value + i] + (1.0 if begins else 0.0)


def entropy(tile: LaneTile) -> None:
    """-sum p log p over the different samples: a term where a run of equal ones ends."""
    slots, room, to = tile.slots, tile.room, tile.first + tile.n * tile.room
    value, run, unit = VALUE * room, SPARE_A * room, unit_of_entropy(tile.params)
    sort(tile)
    fill_slot(tile, VALUE, 0.0)
    fill_slot(tile, LOW, 0.0)
    fill_slot(tile, SPARE_A, 1.0)
    for i in range(tile.m):
        slots[SPARE_B * room + i] = logarithm(max(slots[PRESENT * room + i], 1.0))
    for p in range(1, tile.n + 1):
        at, number = to + min(p, tile.n - 1) * room, double(p)
        for i in range(tile.m):
            n, length = slots[PRESENT * room + i], slots[run + i]
            ends = (number == n) | ((number < n) & (slots[at + i] != slots[at - room + i]))
            term = length / max(n, 1.0) * (slots[SPARE_B * room + i] - logarithm(length)) * unit
            slots[value + i] = slots[value + i] + (term if ends else 0.0)
            slots[run + i] = 1.0 if ends else length + 1.0


def pick_value(tile: LaneTile) -> None:
    """Pick the first sample that has the value of its window."""
    slots, room = tile.slots, tile.room
    for p in range(tile.n - 1, -1, -1):
        at, number = tile.first + p * room, double(p)
        for i in range(tile.m):
            x, best, picked = slots[at + i], slots[VALUE * room + i], slots[PICK * room + i]
            slots[PICK * room + i] = number if x == best else picked


def ranked_sample(tile: LaneTile) -> None:
    """Pick the first sample that has the value of a rank."""
    quantile(tile)
    pick_value(tile)


def topk(tile: LaneTile) -> None:
    """The mean of the k largest."""
    _mean_of_ranks(tile, topk_ranks)


def trimmed(tile: LaneTile) -> None:
    """The mean without a share at each end."""
    _mean_of_ranks(tile, trimmed_ranks)


def winsorised(tile: LaneTile) -> None:
    """The mean where that share counts as the nearest sample that is left."""
    _mean_of_ranks(tile, winsor_ranks)


def _mean_of_ranks(tile: LaneTile, ranks: Callable[[int, Buffer], tuple[int, int, int]]) -> None:
    """The mean of the samples of some ranks, those at both ends so often more, in pairs."""
    slots, room, to = tile.slots, tile.room, tile.first + tile.n * tile.room
    value, low, begin, stop, times = VALUE * room, LOW * room, SPARE_A * room, SPARE_B * room, SPARE_C * room
    sort(tile)
    for i in range(tile.m):
        first, behind, again = ranks(max(int(slots[PRESENT * room + i]), 1), tile.params)
        slots[begin + i], slots[stop + i], slots[times + i] = double(first), double(behind - 1), 1.0 + double(again)
        slots[value + i], slots[low + i] = 0.0, 0.0
    for p in range(tile.n):
        at, number = to + p * room, double(p)
        for i in range(tile.m):
            first, behind = slots[begin + i], slots[stop + i]
            often = slots[times + i] if (number == first) | (number == behind) else 1.0
            often = 2.0 * often - 1.0 if first == behind else often
            x = slots[at + i] if (number >= first) & (number <= behind) else 0.0
            a, b = product_in_range(x, often)
            hi, e = two_sum(slots[value + i], a)
            hi, lo = fast_two_sum(hi, slots[low + i] + (e + b))
            slots[value + i], slots[low + i] = hi, lo
    for i in range(tile.m):
        n = (slots[stop + i] - slots[begin + i]) + (2.0 * slots[times + i] - 1.0)
        slots[value + i], slots[low + i] = divide(slots[value + i], slots[low + i], n)
