"""The lane kernel: reducers that compute, many windows side by side.

A tile of neighbouring windows is gathered so that slot p holds the p-th sample of every window; a core then works on
whole slots, and all its loops are vector code: soft 2x2/2 on 16 MP of float32 takes 27 ms, window by window 300. A NaN
or an infinity among the samples makes the value one: then the block is for the general kernel, which knows the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .elementary import cube_root, exponential, logarithm
from .numerics import Buffer, double, fetch

# The whole numbers of one block, by their place in ``geometry``; as in the row kernel, but the windows along W come in
# GROUPS of equal size, and a slot has room for ROOM lanes.
(D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, A0, A1, D0, D1, H0, H1, GROUPS, ROOM) = range(18)

ROW = 2
START, COUNT = 0, 1
"""One window of one axis in its table: its first sample and how many; along W its first sample and its number."""
GROUP = 4
FIRST, STOP, SIZE, APART = 0, 1, 2, 3
"""Windows FIRST to STOP of W's table have SIZE samples and start APART from one another, or where they will (0)."""

_SAFE = 4.0
"""Up to this power a float32, the largest and the smallest, stays in the range of a normal double."""

FETCHED = 16
"""Samples of a line of the cache, of 32 bits: gem 2x2/2 of 16 MP takes 22.5 ms without asking for them, 19.5 with."""
SPARE_SLOTS = 3
"""Slots that a core may write to, behind those of the samples."""


class Tile(NamedTuple):
    """n slots of m lanes, ``room`` apart, and the slots behind them: a core leaves its values in the first of those."""

    slots: Buffer
    n: int
    m: int
    room: int
    params: Buffer


class Group(NamedTuple):
    """The windows of one size along W."""

    src: Buffer
    table: Buffer
    first: int
    stop: int
    apart: int
    inner: int


class Box(NamedTuple):
    """How many samples a window has in each axis, and how far apart they are."""

    deep: int
    rows: int
    size: int
    plane: int
    line: int
    next: int


def gather(group: Group, at: int, k0: int, k1: int, channels: int, slots: Buffer, to: int) -> None:
    """slots[to :] = a sample of each window k0 ... k1, of so many channels."""
    src, table, apart, inner = group.src, group.table, group.apart, group.inner
    begin = at + table[ROW * k0 + START] * inner
    if channels == inner and apart == 1:
        for i in range((k1 - k0) * inner):
            slots[to + i] = double(src[begin + i])
    elif inner == 1 and apart > 0:
        for k in range(k1 - k0):
            slots[to + k] = double(src[begin + apart * k])
    else:
        for k in range(k0, k1):
            begin = at + table[ROW * k + START] * inner
            for c in range(channels):
                slots[to + (k - k0) * channels + c] = double(src[begin + c])


def gather_two(group: Group, at: int, k0: int, k1: int, slots: Buffer, to: int, and_to: int) -> None:
    """``gather`` for two neighbours of windows two samples apart: vector code, 0.3 ns a sample instead of 0.9."""
    src, begin = group.src, at + group.table[ROW * k0 + START]
    for k in range(k1 - k0):
        slots[to + k] = double(src[begin + 2 * k])
        slots[and_to + k] = double(src[begin + 2 * k + 1])


def gather_line(group: Group, box: Box, at: int, k0: int, k1: int, channels: int, slots: Buffer, to: int,
                room: int) -> None:
    """A slot for each sample of one line of windows k0 ... k1; ask memory for the same of the next row of windows."""
    inner, apart = group.inner, group.apart
    below = at + box.rows * box.line + group.table[ROW * k0 + START] * inner
    for i in range((k1 - k0) * apart * inner // FETCHED):
        fetch(group.src, below + i * FETCHED)
    pairs = box.size // 2 if inner == 1 and apart == 2 and box.next == 1 else 0
    for w in range(pairs):
        gather_two(group, at + 2 * w, k0, k1, slots, to + 2 * w * room, to + (2 * w + 1) * room)
    for w in range(2 * pairs, box.size):
        gather(group, at + w * box.next, k0, k1, channels, slots, to + w * room)


def scatter(group: Group, k0: int, k1: int, channels: int, values: Buffer, at: int, dst: Buffer, to: int) -> bool:
    """Write the values of windows k0 ... k1 where they belong; whether all are finite."""
    inner = group.inner
    good = True
    for i in range((k1 - k0) * channels):
        good &= values[at + i] - values[at + i] == 0.0
    if group.apart > 0 and channels == inner:
        begin = to + group.table[ROW * k0 + COUNT] * inner
        for i in range((k1 - k0) * inner):
            dst[begin + i] = values[at + i]
        return good
    for k in range(k0, k1):
        for c in range(channels):
            dst[to + group.table[ROW * k + COUNT] * inner + c] = values[at + (k - k0) * channels + c]
    return good


# Cores. Each loop runs over the lanes of one slot.


def extreme(tile: Tile, beats: Callable[[float, float], bool], to: int) -> None:
    """Slot ``to`` = the sample of each window that beats all others."""
    slots, m = tile.slots, tile.m
    for i in range(m):
        slots[to + i] = slots[i]
    for p in range(1, tile.n):
        at = p * tile.room
        for i in range(m):
            slots[to + i] = slots[at + i] if beats(slots[at + i], slots[to + i]) else slots[to + i]


def above(x: float, y: float) -> bool:
    """Of two samples the larger wins."""
    return x > y


def below(x: float, y: float) -> bool:
    """Of two samples the smaller wins."""
    return x < y


def clear(tile: Tile, to: int) -> None:
    """Slot ``to`` = 0."""
    for i in range(tile.m):
        tile.slots[to + i] = 0.0


def total(tile: Tile, term: Callable[[float], float], to: int) -> None:
    """Slot ``to`` = the sum of term(x) over the samples of each window, four slots at a time."""
    slots, room = tile.slots, tile.room
    clear(tile, to)
    for k in range(tile.n // 4):
        at = 4 * k * room
        for i in range(tile.m):
            a = term(slots[at + i]) + term(slots[at + room + i])
            b = term(slots[at + 2 * room + i]) + term(slots[at + 3 * room + i])
            slots[to + i] += a + b
    for k in range(tile.n // 4 * 4, tile.n):
        for i in range(tile.m):
            slots[to + i] += term(slots[k * room + i])


def itself(x: float) -> float:
    """A term of a sum."""
    return x


def cube(x: float) -> float:
    """A term of a sum of cubes."""
    return x * x * x


def log_mean_exp(tile: Tile) -> None:
    """m + log(mean e^(r (x - m))) / r, m the largest for r > 0, else the smallest."""
    slots, m, r = tile.slots, tile.m, tile.params[0]
    out = tile.n * tile.room
    top = out + tile.room
    if r > 0.0:
        extreme(tile, above, top)
    else:
        extreme(tile, below, top)
    clear(tile, out)
    for p in range(tile.n):
        at = p * tile.room
        for i in range(m):
            slots[out + i] += exponential(r * (slots[at + i] - slots[top + i]))
    for i in range(m):
        slots[out + i] = slots[top + i] + logarithm(slots[out + i] / tile.n) / r


def softmax_mean(tile: Tile) -> None:
    """Sum x e^(x-m) / sum e^(x-m), m the largest."""
    slots, m = tile.slots, tile.m
    out = tile.n * tile.room
    top, mass = out + tile.room, out + 2 * tile.room
    extreme(tile, above, top)
    clear(tile, out)
    clear(tile, mass)
    for p in range(tile.n):
        at = p * tile.room
        for i in range(m):
            d = slots[at + i] - slots[top + i]
            weight = exponential(d)
            slots[mass + i] += weight
            slots[out + i] += d * weight
    for i in range(m):
        slots[out + i] = slots[top + i] + slots[out + i] / slots[mass + i]


def mixed(tile: Tile) -> None:
    """w max + (1 - w) mean."""
    slots, w = tile.slots, tile.params[0]
    out = tile.n * tile.room
    top = out + tile.room
    extreme(tile, above, top)
    total(tile, itself, out)
    for i in range(tile.m):
        slots[out + i] = w * slots[top + i] + (1.0 - w) * (slots[out + i] / tile.n)


def norm(tile: Tile) -> None:
    """(sum |x|^p)^(1/p)."""
    for i in range(tile.n * tile.room):
        tile.slots[i] = abs(tile.slots[i])
    power_mean(tile, tile.params[0], 1.0)


def generalised_mean(tile: Tile) -> None:
    """(mean max(x, eps)^p)^(1/p)."""
    least = tile.params[1]
    for i in range(tile.n * tile.room):
        x = tile.slots[i]
        tile.slots[i] = least if x < least else x
    power_mean(tile, tile.params[0], 1.0 / tile.n)


def power_mean(tile: Tile, p: float, share: float) -> None:
    """(share sum x^p)^(1/p) of samples that are not negative, scaled by the largest where powers could overflow."""
    slots, m = tile.slots, tile.m
    out = tile.n * tile.room
    if p == 3.0:
        total(tile, cube, out)
        for i in range(m):
            s = slots[out + i] * share
            slots[out + i] = cube_root(s) if s != 0.0 else 0.0
        return
    top, inverse = out + tile.room, out + 2 * tile.room
    clear(tile, top)
    if p > _SAFE:
        extreme(tile, above, top)
    for i in range(m):
        scale = slots[top + i] if slots[top + i] > 0.0 else 1.0
        slots[top + i] = scale
        slots[inverse + i] = 1.0 / scale
    clear(tile, out)
    for k in range(tile.n):
        at = k * tile.room
        for i in range(m):
            slots[out + i] += power(slots[at + i] * slots[inverse + i], p)
    for i in range(m):
        s = slots[out + i] * share
        root = s**0.5 if p == 2.0 else exponential(logarithm(s if s != 0.0 else 1.0) / p)
        slots[out + i] = slots[top + i] * root if s != 0.0 else 0.0


def power(x: float, p: float) -> float:
    """x^p for x >= 0."""
    if p == 2.0:
        return x * x
    y = exponential(p * logarithm(x if x != 0.0 else 1.0))
    return y if x != 0.0 else 0.0


def pool_group(core: Any, group: Group, box: Box, corner: int, dst: Buffer, to: int, slots: Buffer, room: int,
               params: Buffer) -> bool:
    """Write the windows of one row that have equal sizes, tile by tile; whether all their samples are finite."""
    n, inner = box.deep * box.rows * box.size, group.inner
    channels = min(inner, room)
    most = room // channels
    good = True
    for t in range((group.stop - group.first + most - 1) // most):
        k0 = group.first + t * most
        k1 = min(k0 + most, group.stop)
        for part in range((inner + channels - 1) // channels):
            c = part * channels
            lanes = min(channels, inner - c)
            for line in range(box.deep * box.rows):
                at = corner + c + line // box.rows * box.plane + line % box.rows * box.line
                gather_line(group, box, at, k0, k1, lanes, slots, line * box.size * room, room)
            core(Tile(slots, n, (k1 - k0) * lanes, room, params))
            good &= scatter(group, k0, k1, lanes, slots, n * room, dst, to + c)
    return good


def make_kernel(core: Callable[[Any], None]) -> Callable[..., int]:
    """Return the lane kernel of one core: a function over flat buffers.

    It returns 0, or 1 where some sample of the block is not finite.
    """

    def pool_lanes(src: Buffer, dst: Buffer, geometry: Buffer, table_d: Buffer, table_h: Buffer, table_w: Buffer,
                   groups: Buffer, params: Buffer, slots: Buffer) -> int:
        height, width, inner, room = geometry[H], geometry[W], geometry[INNER], geometry[ROOM]
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                for j in range(geometry[H1] - geometry[H0]):
                    d_size, h_size = table_d[ROW * i + COUNT], table_h[ROW * j + COUNT]
                    corner = ((a * geometry[D] + table_d[ROW * i]) * height + table_h[ROW * j]) * width * inner
                    to = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j
                    to *= geometry[OUT_W] * inner
                    for g in range(geometry[GROUPS]):
                        group = Group(src, table_w, groups[GROUP * g + FIRST], groups[GROUP * g + STOP],
                                      groups[GROUP * g + APART], inner)
                        box = Box(d_size, h_size, groups[GROUP * g + SIZE], geometry[STEP_D] * height * width * inner,
                                  geometry[STEP_H] * width * inner, geometry[STEP_W] * inner)
                        good &= pool_group(core, group, box, corner, dst, to, slots, room, params)
        return 0 if good else 1

    return pool_lanes
