"""Cores in lanes (``tile_cores.py``) of samples that do not all count the same; weights are at least 0, and finite.

Where sums decide which sample it is they are made in the order of the window, as the reducer's own core makes them: so
both decide alike. A missing sample is a NaN, and its weight is 0.
"""

from __future__ import annotations

from .double_double import NOT_A_NUMBER, Pair, add, double, fast_two_sum, product_in_range, to_double, two_sum
from .tile_cores import pick_value, sort, write_base
from .tiles import LOW, PICK, PRESENT, SPARE_A, SPARE_B, SPARE_C, SPARE_D, VALUE, LaneTile, fill_slot
from .vector_math import exponential, logarithm

_LEAST_SHARE = 2.0**-900
"""Below it a share of the weight is for the reducer's own core: it may be no normal double."""


def log_mean_exp(tile: LaneTile) -> None:
    """m + log(sum w e^(r (x - m)) / sum w) / r, m the largest for r > 0, else the smallest."""
    slots, room, r = tile.slots, tile.room, tile.params[0]
    value, base, mass = VALUE * room, SPARE_A * room, SPARE_B * room
    write_base(tile, r, SPARE_A)
    fill_slot(tile, VALUE, 0.0)
    fill_slot(tile, SPARE_B, 0.0)
    for p in range(tile.n):
        at, and_at = tile.first + p * room, tile.weights + p * room
        for i in range(tile.m):
            x, weight = slots[at + i], slots[and_at + i]
            e = weight * exponential(r * (x - slots[base + i]))
            slots[mass + i] += weight
            slots[value + i] += e if x == x else 0.0
    for i in range(tile.m):
        share, m = slots[value + i] / slots[mass + i], slots[base + i]
        found = m + logarithm(share) / r + (m - m)
        slots[value + i] = found if share > _LEAST_SHARE else NOT_A_NUMBER


def softmax_mean(tile: LaneTile) -> None:
    """Sum w x e^(a (x - m)) / sum w e^(a (x - m)), m the largest for a >= 0, else the smallest."""
    slots, room, sharpness = tile.slots, tile.room, tile.params[0]
    value, base, mass = VALUE * room, SPARE_A * room, SPARE_B * room
    write_base(tile, sharpness, SPARE_A)
    fill_slot(tile, VALUE, 0.0)
    fill_slot(tile, SPARE_B, 0.0)
    for p in range(tile.n):
        at, and_at = tile.first + p * room, tile.weights + p * room
        for i in range(tile.m):
            x = slots[at + i]
            d = x - slots[base + i]
            weight = slots[and_at + i] * exponential(sharpness * d)
            slots[mass + i] += weight if x == x else 0.0
            slots[value + i] += d * weight if x == x else 0.0
    for i in range(tile.m):
        found = slots[base + i] + slots[value + i] / slots[mass + i]
        slots[value + i] = found if slots[mass + i] > _LEAST_SHARE else NOT_A_NUMBER


def variance(tile: LaneTile) -> None:
    """(W sum w d^2 - (sum w d)^2) / W^2, d = x - x_0, of integers of up to 32 bits; x_0 is the first sample.

    Products are pairs, and sums have the errors of their additions beside; equal samples give 0 exactly.
    """
    slots, room = tile.slots, tile.room
    square, square_low, total, total_low = VALUE * room, LOW * room, SPARE_A * room, SPARE_B * room
    mass, mass_low, origin = SPARE_C * room, SPARE_D * room, PICK * room
    for slot in (VALUE, LOW, SPARE_A, SPARE_B, SPARE_C, SPARE_D):
        fill_slot(tile, slot, 0.0)
    fill_slot(tile, PICK, NOT_A_NUMBER)
    for p in range(tile.n):
        at, and_at = tile.first + p * room, tile.weights + p * room
        for i in range(tile.m):
            x, first, weight = slots[at + i], slots[origin + i], slots[and_at + i]
            first = first if first == first else x
            d = x - first
            d = d if d == d else 0.0
            a, b = product_in_range(weight, d)
            c, e = product_in_range(a, d)
            w, w_error = two_sum(slots[mass + i], weight)
            s, s_error = two_sum(slots[total + i], a)
            q, q_error = two_sum(slots[square + i], c)
            slots[origin + i] = first
            slots[mass + i] = w
            slots[mass_low + i] += w_error
            slots[total + i] = s
            slots[total_low + i] += s_error + b
            slots[square + i] = q
            slots[square_low + i] += q_error + (e + b * d)
    for i in range(tile.m):
        w, w_lo = fast_two_sum(slots[mass + i], slots[mass_low + i])
        s, s_lo = fast_two_sum(slots[total + i], slots[total_low + i])
        q, q_lo = _multiply((w, w_lo), (slots[square + i], slots[square_low + i]))
        s, s_lo = _multiply((s, s_lo), (s, s_lo))
        hi, lo = add(q, q_lo, -s, -s_lo)
        hi, lo = (0.0, 0.0) if hi < 0.0 else (hi, lo)
        slots[VALUE * room + i], slots[LOW * room + i] = _divide(_divide((hi, lo), (w, w_lo)), (w, w_lo))


def _multiply(a: Pair, b: Pair) -> Pair:
    """a b, of pairs of which nothing can be too large for Dekker's split: without a branch."""
    p, e = product_in_range(a[0], b[0])
    return fast_two_sum(p, e + (a[0] * b[1] + a[1] * b[0]))


def _divide(a: Pair, b: Pair) -> Pair:
    """a / b of such pairs."""
    q = a[0] / b[0]
    p, e = product_in_range(q, b[0])
    return fast_two_sum(q, ((((a[0] - p) - e) + a[1]) - q * b[1]) / b[0])


def deviation(tile: LaneTile) -> None:
    """The root of the variance, in float64."""
    variance(tile)
    slots, value, low = tile.slots, VALUE * tile.room, LOW * tile.room
    for i in range(tile.m):
        slots[value + i] = to_double(slots[value + i], slots[low + i]) ** 0.5
        slots[low + i] = 0.0


def quantile(tile: LaneTile) -> None:
    """The smallest sample up to which there is the share q of the weight; found by halves of the sorted samples."""
    slots, room, q, to = tile.slots, tile.room, tile.params[0], tile.first + tile.n * tile.room
    mass, below, low, high = SPARE_A * room, SPARE_B * room, SPARE_C * room, SPARE_D * room
    sort(tile)
    fill_slot(tile, SPARE_A, 0.0)
    fill_slot(tile, SPARE_C, 0.0)
    for i in range(tile.m):
        slots[high + i] = max(slots[PRESENT * room + i], 1.0) - 1.0
    for p in range(tile.n):
        and_at = tile.weights + p * room
        for i in range(tile.m):
            slots[mass + i] += slots[and_at + i]
    width = 1
    while width < tile.n:
        width *= 2
        for i in range(tile.m):
            middle = int(slots[low + i] + slots[high + i]) // 2
            slots[VALUE * room + i] = slots[to + middle * room + i]
        _sum_up_to(tile, SPARE_B)
        for i in range(tile.m):
            least, most = slots[low + i], slots[high + i]
            halfway = double(int(least + most) // 2)
            enough = (slots[below + i] / slots[mass + i] >= q) | (least == most)
            slots[low + i] = least if enough else halfway + 1.0
            slots[high + i] = halfway if enough else most
    for i in range(tile.m):
        slots[VALUE * room + i] = slots[to + int(slots[low + i]) * room + i]


def _sum_up_to(tile: LaneTile, to: int) -> None:
    """Slot ``to`` = the weight of the samples that are not larger than ``VALUE``."""
    slots, room = tile.slots, tile.room
    fill_slot(tile, to, 0.0)
    for p in range(tile.n):
        at, and_at = tile.first + p * room, tile.weights + p * room
        for i in range(tile.m):
            weight = slots[and_at + i]
            slots[to * room + i] += weight if slots[at + i] <= slots[VALUE * room + i] else 0.0


def mode(tile: LaneTile) -> None:
    """Pick the first sample of the value that has most of the weight; of equal ones, of the smallest."""
    slots, room = tile.slots, tile.room
    value, most, votes = VALUE * room, SPARE_A * room, SPARE_B * room
    fill_slot(tile, VALUE, NOT_A_NUMBER)
    fill_slot(tile, SPARE_A, -1.0)
    for p in range(tile.n):
        at = tile.first + p * room
        fill_slot(tile, SPARE_B, 0.0)
        for j in range(tile.n):
            beside, and_beside = tile.first + j * room, tile.weights + j * room
            for i in range(tile.m):
                weight = slots[and_beside + i]
                slots[votes + i] += weight if slots[beside + i] == slots[at + i] else 0.0
        for i in range(tile.m):
            x, best, many, before = slots[at + i], slots[value + i], slots[votes + i], slots[most + i]
            wins = (x == x) & ((many > before) | ((many == before) & (x < best)))
            slots[value + i] = x if wins else best
            slots[most + i] = many if wins else before
    pick_value(tile)
