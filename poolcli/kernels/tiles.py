"""The tile kernel: many windows side by side, of any rows and planes, and a core that works on all of them at once.

A tile has a slot for each sample of a window and a lane for each window: slot p holds the p-th samples of all. Samples
are doubles, which hold every type of up to 32 bits, and float64; a missing sample (a NaN to be ignored, nodata, what a
clipped window lacks beside its neighbours) is a NaN. So borders, windows of several sizes and missing samples are one
case, a pick's index is the number of a slot, and all loops over lanes become vector code.

Windows of one size that lie evenly in a row are gathered as runs, whole vectors at a time. What is left, at borders or
where windows lie irregularly, is collected from all rows and gathered window by window.

What a core in lanes cannot do is done again by the reducer's own core, window by window: values that are not finite,
and, where the result is an integer, values so near to a rounding boundary that the last bits decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .double_double import CEIL, HALF_EVEN, HALF_UP, NOT_A_NUMBER, Buffer, double, fetch, put_integer, to_double
from .general import Window

# The whole numbers that describe one block of work, by their place in ``geometry``.
(D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, A0, A1, D0, D1, H0, H1, W0, W1, LARGEST_D, LARGEST_H,
 LARGEST_W, ROOM, NAN_WINS, HAS_NODATA, HAS_FILL, WANT_INDEX, DRAWS, ROUNDING, NEAR_TIES, PRECISE, SKIP_NAN,
 WEIGHED) = range(32)

START, COUNT, RUN, APART = 0, 1, 2, 3
"""A window of an axis in its table; RUN windows from it on have its COUNT and start APART from one another."""
ROW = 4

VALUE, LOW, PICK, PRESENT, LAST_NAN, DRAW, SPARE_A, SPARE_B, SPARE_C, SPARE_D = range(10)
"""The slots before those of the samples: the value as a pair, the number of the slot picked, how many samples are
present, the last slot with a NaN that wins (or -1), a number in [0, 1), and scratch for cores."""
EXTRA = 10
LANE = 7
"""Whole numbers for each lane: where its window starts in the array and in its plane, three counts, its output, and
where its next sample is."""
SOURCE, PLACE, COUNT_D, COUNT_H, COUNT_W, TARGET, NEXT = range(LANE)

_LEAST_RUN = 16
"""Lanes from which on a run is a tile of its own."""
_FETCHED = 16
"""Samples of a line of the cache, of 32 bits: gem 2x2/2 of 16 MP takes 22.5 ms without asking for them, 19.5 with."""


class LaneTile(NamedTuple):
    """n slots of m lanes, ``room`` apart, the first of them at ``first``."""

    slots: Buffer
    first: int
    n: int
    m: int
    room: int
    params: Buffer
    precise: int
    """Whether a value is wanted to more digits than float32 has."""
    weights: int
    """The first of n slots of the samples' weights, 0 for a missing one; 0 where they have none."""


class _Shape(NamedTuple):
    """How many samples windows have along each axis, and how far apart these lie in a plane."""

    deep: int
    high: int
    wide: int
    plane: int
    line: int
    next: int


def _offset(shape: _Shape, p: int) -> int:
    """How far the p-th sample of a window is from the first, in positions of a plane."""
    row = p // shape.wide
    return row // shape.high * shape.plane + row % shape.high * shape.line + p % shape.wide * shape.next


def _gather_even(src: Buffer, at: int, tile: LaneTile, inner: int, channels: int, apart: int, to: int) -> None:
    """slots[to :] = a sample of each of the evenly spaced windows of a run."""
    slots = tile.slots
    if (apart == 1 and channels == inner) or tile.m == channels:
        for i in range(tile.m):
            slots[to + i] = double(src[at + i])
    elif inner == 1:
        for i in range(tile.m):
            slots[to + i] = double(src[at + apart * i])
    else:
        for k in range(tile.m // channels):
            for c in range(channels):
                slots[to + k * channels + c] = double(src[at + k * apart * inner + c])


def _gather_two(src: Buffer, at: int, tile: LaneTile, to: int) -> None:
    """``_gather_even`` for two neighbours of windows two samples apart: vector code, 0.3 ns a sample instead of 0.9."""
    slots, and_to = tile.slots, to + tile.room
    for k in range(tile.m):
        slots[to + k] = double(src[at + 2 * k])
        slots[and_to + k] = double(src[at + 2 * k + 1])


def _gather_run(src: Buffer, at: int, tile: LaneTile, shape: _Shape, inner: int, channels: int, apart: int) -> None:
    """Fill the slots of a run of windows; ask memory for the same of the next row of windows."""
    pairs = shape.wide // 2 if inner == 1 and apart == 2 and shape.next == 1 else 0
    for row in range(shape.deep * shape.high):
        line = at + _offset(shape, row * shape.wide) * inner
        to = tile.first + row * shape.wide * tile.room
        below = line + shape.high * shape.line * inner
        for i in range(tile.m * apart // _FETCHED):
            fetch(src, below + i * _FETCHED)
        for w in range(pairs):
            _gather_two(src, line + 2 * w, tile, to + 2 * w * tile.room)
        for w in range(2 * pairs, shape.wide):
            _gather_even(src, line + w * shape.next * inner, tile, inner, channels, apart, to + w * tile.room)


def _gather_lanes(src: Buffer, tile: LaneTile, shape: _Shape, inner: int, lanes: Buffer) -> None:
    """Fill the slots of windows anywhere, none of them clipped."""
    slots, room = tile.slots, tile.room
    for p in range(tile.n):
        beyond, to = _offset(shape, p) * inner, tile.first + p * room
        for i in range(tile.m):
            slots[to + i] = double(src[lanes[SOURCE * room + i] + beyond])


def _gather_clipped(src: Buffer, tile: LaneTile, shape: _Shape, inner: int, lanes: Buffer) -> None:
    """Fill the slots of windows anywhere, of several sizes; and find the last NaN that is a sample.

    Places first, then loads, then what is missing: but for the loads this is vector code, 1.5 ns a sample instead of 5.
    """
    slots, room = tile.slots, tile.room
    for p in range(tile.n):
        row, w = p // shape.wide, p % shape.wide
        d, h = row // shape.high, row % shape.high
        beyond, to, number = _offset(shape, p) * inner, tile.first + p * room, double(p)
        for i in range(tile.m):
            here = (d < lanes[COUNT_D * room + i]) & (h < lanes[COUNT_H * room + i]) & (w < lanes[COUNT_W * room + i])
            source = lanes[SOURCE * room + i]
            lanes[NEXT * room + i] = source + beyond if here else source
        for i in range(tile.m):
            slots[to + i] = double(src[lanes[NEXT * room + i]])
        for i in range(tile.m):
            here = (d < lanes[COUNT_D * room + i]) & (h < lanes[COUNT_H * room + i]) & (w < lanes[COUNT_W * room + i])
            x, last = slots[to + i], slots[LAST_NAN * room + i]
            slots[to + i] = x if here else NOT_A_NUMBER
            slots[LAST_NAN * room + i] = number if here & (x != x) else last


def _gather(src: Buffer, at: int, tile: LaneTile, shape: _Shape, inner: int, channels: int, apart: int, kind: int,
            lanes: Buffer) -> None:
    """Fill the slots of the windows of a run, or of those anywhere."""
    if kind == _RUN_TILE:
        _gather_run(src, at, tile, shape, inner, channels, apart)
    elif kind == _CLIPPED_TILE:
        _gather_clipped(src, tile, shape, inner, lanes)
    else:
        _gather_lanes(src, tile, shape, inner, lanes)


def no_weights(each: Buffer, at: int, tile: LaneTile, shape: _Shape, inner: int, channels: int, apart: int, kind: int,
               lanes: Buffer) -> None:
    """``weigh`` for samples that all count the same."""


def weigh(each: Buffer, at: int, tile: LaneTile, shape: _Shape, inner: int, channels: int, apart: int, kind: int,
          lanes: Buffer) -> None:
    """Fill the slots of weights, those of samples outside their window with NaN; a sample of no weight is missing."""
    of_weights = LaneTile(tile.slots, tile.weights, tile.n, tile.m, tile.room, tile.params, tile.precise, 0)
    _gather(each, at, of_weights, shape, inner, channels, apart, kind, lanes)
    slots, room = tile.slots, tile.room
    fill_slot(tile, LAST_NAN, -1.0)
    fill_slot(tile, PRESENT, 0.0)
    for p in range(tile.n):
        at, and_at, number = tile.first + p * room, tile.weights + p * room, double(p)
        for i in range(tile.m):
            x, weight, last = slots[at + i], slots[and_at + i], slots[LAST_NAN * room + i]
            there = weight > 0.0
            slots[at + i] = x if there else NOT_A_NUMBER
            slots[and_at + i] = weight if there else 0.0
            slots[PRESENT * room + i] += 1.0 if there else 0.0
            slots[LAST_NAN * room + i] = number if there & (x != x) else last


def _find_nans(tile: LaneTile) -> int:
    """Write the number of each lane's last NaN; return how many there are, which most often is none."""
    slots, last, found = tile.slots, LAST_NAN * tile.room, 0
    for p in range(tile.n):
        at = tile.first + p * tile.room
        for i in range(tile.m):
            x = slots[at + i]
            found += 1 if x != x else 0
    if found == 0:
        return 0
    for p in range(tile.n):
        at, number = tile.first + p * tile.room, double(p)
        for i in range(tile.m):
            x, before = slots[at + i], slots[last + i]
            slots[last + i] = number if x != x else before
    return found


def _drop_nodata(tile: LaneTile, nodata: float) -> None:
    """Make a NaN of every sample that is the nodata value."""
    slots = tile.slots
    for p in range(tile.n):
        at = tile.first + p * tile.room
        for i in range(tile.m):
            x = slots[at + i]
            slots[at + i] = NOT_A_NUMBER if x == nodata else x


def _count_present(tile: LaneTile) -> None:
    """Count the samples of each lane."""
    slots, present = tile.slots, PRESENT * tile.room
    fill_slot(tile, PRESENT, 0.0)
    for p in range(tile.n):
        at = tile.first + p * tile.room
        for i in range(tile.m):
            x = slots[at + i]
            slots[present + i] += 1.0 if x == x else 0.0


def fill_slot(tile: LaneTile, slot: int, value: float) -> None:
    """Write one number to all lanes of one of the slots before the samples."""
    for i in range(tile.m):
        tile.slots[slot * tile.room + i] = value


# What a core in lanes could not do.


def _settle(tile: LaneTile, core: Callable[..., Any], mend: Callable[..., None], near_ties: int, work: Buffer,
            weights: Buffer) -> None:
    """Do those lanes again whose value cannot be trusted."""
    slots, room = tile.slots, tile.room
    doubtful = 0
    for i in range(tile.m):
        x = slots[VALUE * room + i]
        doubtful += 0 if x - x == 0.0 else 1
    if doubtful or near_ties:
        for i in range(tile.m):
            x = slots[VALUE * room + i]
            if x - x != 0.0 or (near_ties and _is_near_tie(x)):
                mend(tile, i, core, work, weights)


def _lose(tile: LaneTile) -> None:
    """Give NaN to lanes with a NaN that wins, or without samples."""
    slots, room = tile.slots, tile.room
    for i in range(tile.m):
        last, empty = slots[LAST_NAN * room + i], slots[PRESENT * room + i] == 0.0
        hi, lo, pick = slots[VALUE * room + i], slots[LOW * room + i], slots[PICK * room + i]
        lost = empty | (last >= 0.0)
        slots[VALUE * room + i] = NOT_A_NUMBER if lost else hi
        slots[LOW * room + i] = 0.0 if lost else lo
        pick = -1.0 if empty else pick
        slots[PICK * room + i] = last if last >= 0.0 else pick


def _is_near_tie(x: float) -> bool:
    """Whether an error of a few units in the last place could change how x is rounded to a whole number."""
    twice = 2.0 * x
    if not abs(twice) < 1e15:
        return True
    nearest = double(int(twice + (0.5 if twice > 0.0 else -0.5)))
    return abs(twice - nearest) <= 1e-13 * abs(twice)


def _window_of(tile: LaneTile, lane: int, work: Buffer, weights: Buffer) -> Window:
    """The present samples of one lane, behind the scratch of a reducer's own core, and their weights."""
    n = 0
    for p in range(tile.n):
        x = tile.slots[tile.first + p * tile.room + lane]
        if x == x:
            work[tile.n + n] = x
            if tile.weights > 0:
                weights[n] = tile.slots[tile.weights + p * tile.room + lane]
            n += 1
    return Window(work, tile.n, n, 0, weights, tile.slots[DRAW * tile.room + lane], tile.params, work)


def mend_value(tile: LaneTile, lane: int, core: Callable[..., Any], work: Buffer, weights: Buffer) -> None:
    """Compute one window by the reducer's own core."""
    window = _window_of(tile, lane, work, weights)
    if window.n > 0:
        hi, lo = core(window)
        tile.slots[VALUE * tile.room + lane], tile.slots[LOW * tile.room + lane] = hi, lo


def mend_pick(tile: LaneTile, lane: int, core: Callable[..., Any], work: Buffer, weights: Buffer) -> None:
    """Pick a sample of one window by the reducer's own core."""
    window = _window_of(tile, lane, work, weights)
    if window.n > 0:
        left = core(window)
        for p in range(tile.n):
            x = tile.slots[tile.first + p * tile.room + lane]
            if x == x:
                if left == 0:
                    tile.slots[VALUE * tile.room + lane] = x
                    tile.slots[PICK * tile.room + lane] = double(p)
                left -= 1


# How values reach the output. False: a NaN has no place there, and nothing stands for it.


class LaneOutput(NamedTuple):
    """Where results go, and how."""

    dst: Buffer
    index: Buffer
    fill: Buffer
    has_fill: int
    limits: Buffer
    rounding: int


def put_floats(tile: LaneTile, output: LaneOutput, dst: Buffer, to: int) -> bool:
    """Write the values of a tile to neighbours in a float buffer."""
    slots, room, fill = tile.slots, tile.room, output.fill[0]
    for i in range(tile.m):
        value = to_double(slots[VALUE * room + i], slots[LOW * room + i])
        dst[to + i] = fill if slots[PRESENT * room + i] == 0.0 else value
    return True


def put_narrow(tile: LaneTile, output: LaneOutput, dst: Buffer, to: int) -> bool:
    """Round values to integers of up to 32 bits, saturated, as vector code."""
    slots, room, low, high = tile.slots, tile.room, output.limits[0], output.limits[2]
    fill, lost = double(output.fill[0]), 0
    for i in range(tile.m):
        hi, lo = slots[VALUE * room + i], slots[LOW * room + i]
        near = low - 2.0 if hi < low else hi
        near = high + 2.0 if near > high else near
        f = rounded_narrow(near, lo, output.rounding)
        f = low if f < low else f
        f = high if f > high else f
        lost += 0 if hi == hi else 1
        dst[to + i] = int(f if hi == hi else fill)
    return lost == 0 or output.has_fill != 0


def put_wide(tile: LaneTile, output: LaneOutput, dst: Buffer, to: int) -> bool:
    """Round values to integers of 64 bits, saturated."""
    slots, room = tile.slots, tile.room
    good = True
    for i in range(tile.m):
        if not put_integer(dst, to + i, slots[VALUE * room + i], slots[LOW * room + i], output.limits, output.rounding):
            dst[to + i] = output.fill[0]
            good = output.has_fill != 0
    return good


def rounded_narrow(hi: float, lo: float, rounding: int) -> float:
    """The pair rounded once to a whole number, for |hi| < 2^34: ``double_double.rounded`` without branches."""
    f = floor_narrow(hi)
    f = f - 1.0 if (f == hi) & (lo < 0.0) else f  # a fraction in hi is >= ulp(hi), so lo cannot lead out of [f, f + 1)
    rest = (hi - f) + lo
    beyond_half = ((hi - f) - 0.5) + lo
    odd = floor_narrow(f * 0.5) * 2.0 != f
    even_up = (beyond_half > 0.0) | ((beyond_half == 0.0) & odd)
    up = (rounding == CEIL) & (rest > 0.0)
    up |= (rounding == HALF_UP) & (beyond_half >= 0.0)
    up |= (rounding == HALF_EVEN) & even_up
    return f + 1.0 if up else f


def floor_narrow(x: float) -> float:
    """The largest whole number <= x, for |x| < 2^51."""
    t = (x + 6755399441055744.0) - 6755399441055744.0
    return t - 1.0 if t > x else t


def _list_offsets(tile: LaneTile, shape: _Shape, lanes: Buffer) -> None:
    """Write how far each slot's sample is from a window's first behind the numbers of lanes."""
    for p in range(tile.n):
        lanes[LANE * tile.room + p] = _offset(shape, p)


def _write_run_indices(tile: LaneTile, output: LaneOutput, to: int, place: int, channels: int, apart: int,
                       lanes: Buffer) -> None:
    """Write the indices of a run whose first window starts at ``place`` of its plane."""
    picks, listed = PICK * tile.room, LANE * tile.room
    if channels == 1:
        for i in range(tile.m):
            pick = int(tile.slots[picks + i])
            beyond = lanes[listed + (pick if pick >= 0 else 0)]
            output.index[to + i] = place + i * apart + beyond if pick >= 0 else -1
        return
    for k in range(tile.m // channels):
        for c in range(channels):
            i = k * channels + c
            pick = int(tile.slots[picks + i])
            output.index[to + i] = place + k * apart + lanes[listed + pick] if pick >= 0 else -1


def _scatter(tile: LaneTile, dst: Buffer, staging: Buffer, lanes: Buffer) -> None:
    """Copy the values of lanes anywhere to their places."""
    for i in range(tile.m):
        dst[lanes[TARGET * tile.room + i]] = staging[i]


def _write_lane_indices(tile: LaneTile, output: LaneOutput, lanes: Buffer) -> None:
    """Write the indices of lanes anywhere."""
    room = tile.room
    for i in range(tile.m):
        pick = int(tile.slots[PICK * room + i])
        place = lanes[PLACE * room + i] + lanes[LANE * room + pick] if pick >= 0 else -1
        output.index[lanes[TARGET * room + i]] = place


# The kernel.


def _reset(tile: LaneTile) -> None:
    """Clear what cores leave."""
    fill_slot(tile, LOW, 0.0)
    fill_slot(tile, PICK, 0.0)
    fill_slot(tile, LAST_NAN, -1.0)
    fill_slot(tile, PRESENT, double(tile.n))


def _compute(tile: LaneTile, core_in_lanes: Any, core: Any, mend: Any, clipped: int, geometry: Buffer, nodata: Buffer,
             work: Buffer, weights: Buffer) -> None:
    """Settle what is missing, unless weights tell, then let the core work."""
    lost = 1 if geometry[WEIGHED] else _settle_missing(tile, clipped, geometry, nodata)
    core_in_lanes(tile)
    _settle(tile, core, mend, geometry[NEAR_TIES], work, weights)
    if lost:
        _lose(tile)


def _settle_missing(tile: LaneTile, clipped: int, geometry: Buffer, nodata: Buffer) -> int:
    """Make a NaN of each missing sample, count the others; whether a window may have none, or a NaN that wins."""
    lossy = 1 if clipped or geometry[HAS_NODATA] or geometry[SKIP_NAN] else 0
    lost = lossy
    if geometry[NAN_WINS] == 0:
        fill_slot(tile, LAST_NAN, -1.0)
    elif clipped == 0:
        lost += _find_nans(tile)
    if geometry[HAS_NODATA]:
        _drop_nodata(tile, nodata[0])
    if lossy:
        _count_present(tile)
    return lost


def _collect(lanes: Buffer, room: int, at: int, shape: _Shape, source: int, place: int, target: int,
             inner: int) -> None:
    """Note a window, a lane for each channel."""
    for c in range(inner):
        lanes[SOURCE * room + at + c] = source + c
        lanes[PLACE * room + at + c] = place
        lanes[COUNT_D * room + at + c] = shape.deep
        lanes[COUNT_H * room + at + c] = shape.high
        lanes[COUNT_W * room + at + c] = shape.wide
        lanes[TARGET * room + at + c] = target + c


_RUN_TILE, _LANES_TILE, _CLIPPED_TILE = 1, 2, 3


def make_kernel(core_in_lanes: Callable[..., None], core: Callable[..., Any], mend: Callable[..., None],
                put: Callable[..., bool], take_weights: Callable[..., None]) -> Callable[..., int]:
    """Return the tile kernel of one reducer and one way of writing: a function over flat buffers.

    It returns 0, or 1 where some value has no place in the output's dtype. Each turn of its loop takes a window, or
    some of a run; there is one place where tiles are computed, so that the core is compiled once.
    """

    def pool_tiles(src: Buffer, dst: Buffer, fill: Buffer, staging: Buffer, index: Buffer, geometry: Buffer,
                   table_d: Buffer, table_h: Buffer, table_w: Buffer, lanes: Buffer, nodata: Buffer, draws: Buffer,
                   params: Buffer, limits: Buffer, slots: Buffer, work: Buffer, each: Buffer, weights: Buffer) -> int:
        height, width, inner, room = geometry[H], geometry[W], geometry[INNER], geometry[ROOM]
        output = LaneOutput(dst, index, fill, geometry[HAS_FILL], limits, geometry[ROUNDING])
        steps = geometry[STEP_D] * height * width, geometry[STEP_H] * width, geometry[STEP_W]
        largest = _Shape(geometry[LARGEST_D], geometry[LARGEST_H], geometry[LARGEST_W], steps[0], steps[1], steps[2])
        most = largest.deep * largest.high * largest.wide
        planes, rows = geometry[D1] - geometry[D0], geometry[H1] - geometry[H0]
        channels = min(inner, room)
        lines = (geometry[A1] - geometry[A0]) * planes * rows
        waiting = clipped = 0
        good = True
        for number in range(lines + 1):
            a, i = geometry[A0] + number // rows // planes, geometry[D0] + number // rows % planes
            j = geometry[H0] + number % rows
            deep, high = table_d[ROW * i + COUNT], table_h[ROW * j + COUNT]
            line = (table_d[ROW * i] * height + table_h[ROW * j]) * width
            origin = a * geometry[D] * height * width * inner
            row = ((a * geometry[OUT_D] + i) * geometry[OUT_H] + j) * geometry[OUT_W]
            k, c = geometry[W0], 0
            while k < geometry[W1]:
                kind, now, apart, some = 0, inner, 1, 1
                shape, place, to = largest, 0, 0
                if number == lines:  # what was collected last
                    kind = _LANES_TILE if waiting > 0 else 0
                    k = geometry[W1]
                else:
                    run = min(table_w[ROW * k + RUN], geometry[W1] - k)
                    shape = _Shape(deep, high, table_w[ROW * k + COUNT], steps[0], steps[1], steps[2])
                    place, to = line + table_w[ROW * k], (row + k) * inner
                    if run * inner < _LEAST_RUN:
                        _collect(lanes, room, waiting, shape, origin + place * inner, place, to, inner)
                        clipped |= deep * high * shape.wide < most
                        waiting += inner
                        kind = _LANES_TILE if waiting + inner > room else 0
                        k += 1
                    else:
                        kind, apart, some = _RUN_TILE, table_w[ROW * k + APART], min(run, room // channels)
                        now, to = min(channels, inner - c), to + c
                if kind == 0:
                    continue
                in_run = kind == _RUN_TILE
                shape = shape if in_run else largest
                n = shape.deep * shape.high * shape.wide
                tile = LaneTile(slots, EXTRA * room, n, some * now if in_run else waiting, room, params,
                                geometry[PRECISE], (EXTRA + 2 * n) * room if geometry[WEIGHED] else 0)
                _reset(tile)
                kind = _CLIPPED_TILE if clipped and not in_run else kind
                _gather(src, origin + place * inner + c, tile, shape, inner, now, apart, kind, lanes)
                take_weights(each, origin + place * inner + c, tile, shape, inner, now, apart, kind, lanes)
                if geometry[DRAWS]:
                    for lane in range(tile.m):
                        slots[DRAW * room + lane] = draws[to + lane if in_run else lanes[TARGET * room + lane]]
                _compute(tile, core_in_lanes, core, mend, 0 if in_run else clipped, geometry, nodata, work,
                         weights)
                if geometry[WANT_INDEX]:
                    _list_offsets(tile, shape, lanes)
                    if in_run:
                        _write_run_indices(tile, output, to, place, now, apart, lanes)
                    else:
                        _write_lane_indices(tile, output, lanes)
                good &= put(tile, output, dst if in_run else staging, to if in_run else 0)
                if in_run:
                    c = c + now if c + now < inner else 0
                    k += 0 if c > 0 else some
                else:
                    _scatter(tile, dst, staging, lanes)
                    waiting = clipped = 0
        return 0 if good else 1

    return pool_tiles
