"""The kernel of quantiles by area: windows side by side, a lane each, of samples that count by their part in a window.

A slot has the p-th samples of all lanes, and another one their parts, whole numbers; both are sorted together. Windows
have as many slots as the largest: what a smaller one lacks has the part 0, as has a missing sample.
"""

from __future__ import annotations

from collections.abc import Callable

from .double_double import INFINITY, NOT_A_NUMBER, Buffer, double
from .tile_cores import merge_exchange
from .tiles import EXTRA, LAST_NAN, LOW, PRESENT, SPARE_A, SPARE_B, VALUE, LaneOutput, LaneTile, fill_slot, floor_narrow

# The whole numbers that describe one block of work, by their place in ``geometry``.
(D, H, W, INNER, OUT_D, OUT_H, OUT_W, A0, A1, D0, D1, H0, H1, W0, W1, LARGEST_D, LARGEST_H, LARGEST_W, ROOM, SKIP_NAN,
 HAS_NODATA, LOSSY, HAS_FILL, ROUNDING) = range(24)

TOGETHER = 32
"""Lanes are computed so many at once, those at the end with what was left there before: loops over single lanes after
the last whole vectors made medians of 2 MP by 579 x 579 areas take 15 ms for 11.
"""


def _gather(src: Buffer, tile: LaneTile, p: int, line: int, of_line: float, w: int, geometry: Buffer, k: int, c: int,
            starts: Buffer, parts: Buffer) -> None:
    """Fill slot p with place w of the windows from k on, in one line, and their channels from c on."""
    slots, inner, last, windows = tile.slots, geometry[INNER], geometry[W] - 1, geometry[OUT_W]
    to, and_to = tile.first + p * tile.room, tile.first + (tile.n + p) * tile.room
    if inner == 1:
        for i in range(tile.m):
            slots[to + i] = double(src[line + min(starts[k + i] + w, last)])
        for i in range(tile.m):
            slots[and_to + i] = of_line * parts[w * windows + k + i]
        return
    channels = min(inner - c, tile.m)
    for i in range(tile.m // channels):
        at, part = (line + min(starts[k + i] + w, last)) * inner + c, of_line * parts[w * windows + k + i]
        for channel in range(channels):
            slots[to + i * channels + channel] = double(src[at + channel])
            slots[and_to + i * channels + channel] = part


def _drop_missing(tile: LaneTile, skip_nan: int, has_nodata: int, nodata: float) -> None:
    """Give missing samples the part 0, and find lanes with a NaN that wins."""
    slots, lost = tile.slots, LAST_NAN * tile.room
    for p in range(tile.n):
        at, and_at = tile.first + p * tile.room, tile.first + (tile.n + p) * tile.room
        for i in range(tile.m):
            x, part, before = slots[at + i], slots[and_at + i], slots[lost + i]
            nan = x != x
            slots[lost + i] = 1.0 if nan & (part > 0.0) & (skip_nan == 0) else before
            slots[and_at + i] = 0.0 if nan | ((has_nodata != 0) & (x == nodata)) else part
            slots[at + i] = INFINITY if nan else x


def _exchange(tile: LaneTile, a: int, b: int) -> None:
    """Bring the smaller of two samples of each lane to the first place, with its part."""
    slots, away = tile.slots, tile.n * tile.room
    for i in range(tile.m):
        x, y, of_x, of_y = slots[a + i], slots[b + i], slots[a + away + i], slots[b + away + i]
        slots[a + i] = y if y < x else x
        slots[b + i] = x if y < x else y
        slots[a + away + i] = of_y if y < x else of_x
        slots[b + away + i] = of_x if y < x else of_y


def _select(tile: LaneTile) -> None:
    """Pick the smallest sample up to which there is the share q of the parts, of sorted ones."""
    slots, room, q = tile.slots, tile.room, tile.params[0]
    mass, least, below = PRESENT * room, SPARE_A * room, SPARE_B * room
    fill_slot(tile, PRESENT, 0.0)
    fill_slot(tile, SPARE_B, 0.0)
    for p in range(tile.n):
        at = tile.first + (tile.n + p) * room
        for i in range(tile.m):
            slots[mass + i] += slots[at + i]
    for i in range(tile.m):  # the least whole number that is the share q: a product is off by less than one
        n = slots[mass + i]
        t = floor_narrow(q * n) - 1.0
        t += 1.0 if t / n < q else 0.0
        t += 1.0 if t / n < q else 0.0
        t += 1.0 if t / n < q else 0.0
        slots[least + i] = t if t > 1.0 else 1.0
        slots[VALUE * room + i] = NOT_A_NUMBER
    for p in range(tile.n):
        at, and_at = tile.first + p * room, tile.first + (tile.n + p) * room
        for i in range(tile.m):
            x, part, before, value = slots[at + i], slots[and_at + i], slots[below + i], slots[VALUE * room + i]
            slots[VALUE * room + i] = x if before < slots[least + i] else value
            slots[below + i] = before + part
    for i in range(tile.m):
        value, lost = slots[VALUE * room + i], (slots[LAST_NAN * room + i] > 0.0) | (slots[mass + i] == 0.0)
        slots[VALUE * room + i] = NOT_A_NUMBER if lost else value


def _fill_empty(tile: LaneTile, output: LaneOutput, to: int) -> bool:
    """Write what windows without samples give; False if there is nothing that they could."""
    good = True
    for i in range(tile.m):
        if tile.slots[PRESENT * tile.room + i] == 0.0:
            output.dst[to + i] = output.fill[0]
            good &= output.has_fill != 0
    return good


def make_kernel(put: Callable[..., bool]) -> Callable[..., int]:
    """Return the kernel for one way of writing: a function over flat buffers.

    Parts of all windows' first places follow each other, then those of the second ones. It returns 0, or 1 where some
    window has no value.
    """

    def pool_area_ranks(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, starts_d: Buffer,
                        starts_h: Buffer, starts_w: Buffer, parts_d: Buffer, parts_h: Buffer, parts_w: Buffer,
                        params: Buffer, limits: Buffer, slots: Buffer) -> int:
        height, width, inner, room = geometry[H], geometry[W], geometry[INNER], geometry[ROOM]
        deep, high, wide = geometry[LARGEST_D], geometry[LARGEST_H], geometry[LARGEST_W]
        output = LaneOutput(dst, dst, fill, geometry[HAS_FILL], limits, geometry[ROUNDING])
        planes, rows, windows = geometry[D1] - geometry[D0], geometry[H1] - geometry[H0], geometry[W1] - geometry[W0]
        channels = min(inner, room)
        at_once = room // channels
        across = (windows + at_once - 1) // at_once
        pieces = across * ((inner + channels - 1) // channels)
        good = True
        for number in range((geometry[A1] - geometry[A0]) * planes * rows * pieces):
            of_row, piece = number // pieces, number % pieces
            a, i = geometry[A0] + of_row // rows // planes, geometry[D0] + of_row // rows % planes
            j = geometry[H0] + of_row % rows
            k, c = geometry[W0] + piece % across * at_once, piece // across * channels
            lanes = min(at_once, geometry[W1] - k) * min(channels, inner - c)
            n = deep * high * wide
            filled = LaneTile(slots, EXTRA * room, n, lanes, room, params, 1, 0)
            whole = (lanes + TOGETHER - 1) // TOGETHER * TOGETHER
            tile = LaneTile(slots, EXTRA * room, n, whole, room, params, 1, 0)
            for row in range(deep * high):
                d, h = row // high, row % high
                plane = a * geometry[D] + min(starts_d[i] + d, geometry[D] - 1)
                line = (plane * height + min(starts_h[j] + h, height - 1)) * width
                of_line = parts_d[d * geometry[OUT_D] + i] * parts_h[h * geometry[OUT_H] + j]
                for w in range(wide):
                    _gather(src, filled, row * wide + w, line, of_line, w, geometry, k, c, starts_w, parts_w)
            fill_slot(tile, LOW, 0.0)
            fill_slot(tile, LAST_NAN, 0.0)
            if geometry[LOSSY]:
                _drop_missing(tile, geometry[SKIP_NAN], geometry[HAS_NODATA], double(nodata[0]))
            merge_exchange(tile, tile.first, _exchange)
            _select(tile)
            to = (((a * geometry[OUT_D] + i) * geometry[OUT_H] + j) * geometry[OUT_W] + k) * inner + c
            good &= put(filled, output, dst, to)
            if geometry[LOSSY]:
                good &= _fill_empty(filled, output, to)
        return 0 if good else 1

    return pool_area_ranks
