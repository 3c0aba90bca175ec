"""Run a short program of minima and maxima on the lanes of a row: many windows at once, a window a lane.

Instructions work on *slots*, runs of numbers in scratch space with one number for each lane, and are vector code: each
works on all lanes of a strip, short enough for the slots to stay in the nearest caches. One kernel serves windows of
any size, stride and rank; ``program.py`` writes the programs.

A block has up to two programs. The *whole* one is for strips whose windows have all their samples. The *partial* one is
for strips where samples are missing: beyond a border, because windows differ in size, because they are NaN or nodata. A
missing sample is the largest value of the order, so that the present ones come first when all are sorted; each lane
counts what it has and picks its own rank.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..double_double import Buffer, double, put_float, put_integer, widen
from ..order_statistics import LOWER, UPPER, between

LOAD, BOTH, LESSER, GREATER, NAN, START, RUN, COUNT, RANK, PICK, RUN_PRESENT, ZIP = range(12)
"""What an instruction does: LOAD samples; BOTH the lesser and the greater of a and b, or only the LESSER or GREATER;
NAN: a where that is NaN, else b; START counting runs of equal samples with a; RUN: count on, from b to a; COUNT the
present samples of a column; RANK: find each lane's rank from its count; PICK sample number HIGH of the order where it
is the lane's rank or the next; RUN_PRESENT: as RUN, for sample number HIGH where the lane has so many; ZIP: put a and
b, each HIGH times a strip's lanes, into one slot in turn."""

KIND, A, A_SHIFT, B, B_SHIFT, LOW, HIGH, REACH = range(8)
"""One instruction: the slots read, how many lanes further on, the slots written, how many lanes beyond the strip.
LOAD has the row in A and the phase in B; LOAD and COUNT have the number of the column's counter (HIGH, A)."""
FIELDS = 8

(LINES, CELLS, INNER, STRIDE, UNIT, OUT_APART, STRIP, ROOM, ROWS, STEPS, FIRST, FIRST_SHIFT, SECOND, SECOND_SHIFT,
 ROUNDING, PARTIAL_STEPS, PARTIAL_FIRST, COUNTERS, ORIGIN, LENGTH, REACH_SAMPLES, LISTED, MAY_MISS, SKIP_NAN,
 HAS_FILL, WHOLE_ROW, TILE_HIGH, TILE_WIDE, OUT_ROW, TOGETHER, PITCH, RESULTS) = range(32)
_RESULT = 4
"""For each further row of a tile, from RESULTS on: FIRST, FIRST_SHIFT, SECOND, SECOND_SHIFT."""
"""The whole numbers of one block. A line has CELLS lanes in groups of INNER; from one group to the next there are
STRIDE places of UNIT numbers in the input and OUT_APART numbers in the output. A strip has STRIP lanes, a slot ROOM. A
window has ROWS rows. STEPS instructions of the whole program (0: there is none), whose results stand in the slots FIRST
and SECOND, then PARTIAL_STEPS of the partial one, whose results stand in PARTIAL_FIRST and the slot after it, with
COUNTERS counters. The first lane's window begins at place ORIGIN (which may be negative) of LENGTH. A window reaches
over REACH_SAMPLES numbers of a row. LISTED windows are in a table (0: they are at equal distances): where each begins
in a row, where it ends, where its result goes in a line. MAY_MISS: samples may be NaN to be
skipped (SKIP_NAN) or nodata. WHOLE_ROW: where the parameters of whole windows begin. With the whole program a lane is a
tile of TILE_HIGH x TILE_WIDE windows, rows of the output being OUT_ROW apart. TOGETHER lines are one strip, each PITCH
lanes after the one before."""

ABSENT = -(1 << 62)
"""The offset of a row that a line's windows do not have."""

SHARE, WHOLE_SHARE, BITS, EVEN, ADDED = range(5)
"""What is between two ranks, a row for each count of present samples: the share of the way from the first to the
second, the same times 2^bits, the bits, whether ties go to the even neighbour, what is added before the bits are cut
off. The row of no samples has the quantile instead."""
PARAMS = 5
_SENTINEL, NODATA = range(2)
"""What stands for a missing sample, and the value that means one."""


def _load(src: Buffer, at: int, apart: int, inner: int, dst: Buffer, to: int, n: int) -> None:
    """Bring n samples in groups of ``inner``, ``apart`` from one group to the next, to dst[to :].

    Cases with constants are vector code.
    """
    if apart == inner:
        for i in range(n):
            dst[to + i] = src[at + i]
    elif inner == 1 and apart == 2:
        for i in range(n):
            dst[to + i] = src[at + 2 * i]
    elif inner == 1 and apart == 4:
        for i in range(n):
            dst[to + i] = src[at + 4 * i]
    elif inner == 1:
        for i in range(n):
            dst[to + i] = src[at + apart * i]
    else:
        for k in range(n // inner):
            for c in range(inner):
                dst[to + k * inner + c] = src[at + k * apart + c]


def _put_all(dst: Buffer, to: int, n: int, value: Any) -> None:
    """Set dst[to : to + n] to a value."""
    for i in range(n):
        dst[to + i] = value


def _load_listed(src: Buffer, at: int, table: Buffer, group: int, inner: int, dst: Buffer, to: int, n: int) -> None:
    """Bring a sample of each of n windows that ``table`` lists, all of which have it."""
    if inner == 1:
        for k in range(n):
            dst[to + k] = src[at + table[group + k]]
    else:
        for k in range(n // inner):
            for c in range(inner):
                dst[to + k * inner + c] = src[at + table[group + k] + c]


def _load_present(src: Buffer, source: int, offset: int, table: Buffer, listed: int, group: int, phase: int, inner: int,
                  dst: Buffer, to: int, n: int, missing: Buffer, may_miss: bool, skip_nan: bool, counts: Buffer,
                  counter: int) -> None:
    """Bring a sample of each of n windows that ``table`` lists, if they have it; count them."""
    for k in range(n // inner):
        place = table[group + k] + phase
        inside = offset != ABSENT and place < table[listed + group + k]
        for c in range(inner):
            x = src[source + offset + place + c] if inside else missing[_SENTINEL]
            absent = not inside or (may_miss and (x == missing[NODATA] or (skip_nan and x != x)))
            dst[to + k * inner + c] = missing[_SENTINEL] if absent else x
            counts[counter + k * inner + c] += 0 if absent else 1


def _set_missing(slots: Buffer, at: int, n: int, missing: Buffer, may_miss: bool, skip_nan: bool, counts: Buffer,
                 counter: int) -> None:
    """Put the sentinel in the place of missing samples, if there may be any; count the others."""
    nodata, sentinel = missing[NODATA], missing[_SENTINEL]
    for i in range(n):
        x = slots[at + i]
        absent = may_miss & ((x == nodata) | ((x != x) & skip_nan))
        slots[at + i] = sentinel if absent else x
        counts[counter + i] += 0 if absent else 1


def _any_missing(src: Buffer, at: int, n: int, nodata: Any, skip_nan: bool) -> bool:
    """Whether there is a missing sample among n."""
    found = 0
    for i in range(n):
        x = src[at + i]
        found |= 1 if (x == nodata) | ((x != x) & skip_nan) else 0
    return found != 0


def _zip_lanes(slots: Buffer, a: int, b: int, low: int, n: int) -> None:
    """Put n numbers of two slots into one, in turn."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[low + 2 * i] = x
        slots[low + 2 * i + 1] = y


def _exchange(slots: Buffer, a: int, b: int, low: int, high: int, n: int) -> None:
    """slots[low :], slots[high :] = the lesser and the greater of n pairs."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[low + i] = x if x < y else y
        slots[high + i] = y if x < y else x


def _lesser(slots: Buffer, a: int, b: int, low: int, n: int) -> None:
    """slots[low :] = the lesser of n pairs."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[low + i] = x if x < y else y


def _greater(slots: Buffer, a: int, b: int, high: int, n: int) -> None:
    """slots[high :] = the greater of n pairs."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[high + i] = y if x < y else x


def _keep_nan(slots: Buffer, a: int, b: int, to: int, n: int) -> None:
    """slots[to :] = the first of n pairs where it is NaN, else the second."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[to + i] = x if x != x else y


def _start_runs(slots: Buffer, a: int, best: int, room: int, n: int) -> None:
    """The best sample so far, the longest run and the one that goes on: three slots from ``best`` on."""
    for i in range(n):
        slots[best + i] = slots[a + i]
        slots[best + room + i] = 1
        slots[best + 2 * room + i] = 1


def _count_runs(slots: Buffer, a: int, b: int, best: int, room: int, n: int) -> None:
    """The same with one more sample (a) after its neighbour in order (b).

    Two loops, so that counts are compared as what they are kept in, not as the wider type that adding makes of them.
    All is read before anything is chosen: a load within a choice is a branch, and no vector code (3x3/1 of noise 26 ns
    a window instead of 0.6).
    """
    run = best + 2 * room
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        longer = slots[run + i] + 1
        slots[run + i] = longer if x == y else 1
    for i in range(n):
        x = slots[a + i]
        before = slots[best + i]
        going = slots[run + i]
        most = slots[best + room + i]
        slots[best + i] = x if going > most else before
        slots[best + room + i] = going if going > most else most


def _count_present_runs(slots: Buffer, a: int, b: int, best: int, room: int, n: int, number: int,
                        counts: Buffer, spare: int) -> None:
    """``_count_runs`` for sample ``number`` of the order, in the lanes that have so many samples.

    The number goes through a buffer, to be as narrow as a count: wider, it halves the lanes of an instruction.
    """
    run = best + 2 * room
    counts[spare] = number
    least = counts[spare]
    for i in range(n):
        longer = slots[run + i] + 1
        slots[run + i] = longer if slots[a + i] == slots[b + i] else 1
    for i in range(n):
        x = slots[a + i]
        before = slots[best + i]
        going = slots[run + i]
        most = slots[best + room + i]
        better = (going > most) & (counts[i] > least)
        slots[best + i] = x if better else before
        slots[best + room + i] = going if better else most


def _start_values(slots: Buffer, a: int, best: int, room: int, n: int) -> None:
    """How many different samples there are so far, of one: a slot at ``best``."""
    for i in range(n):
        slots[best + i] = 1


def _count_values(slots: Buffer, a: int, b: int, best: int, room: int, n: int) -> None:
    """The same with one more sample (a) after its neighbour in order (b)."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[best + i] = slots[best + i] + (0 if x == y else 1)


def _count_present_values(slots: Buffer, a: int, b: int, best: int, room: int, n: int, number: int, counts: Buffer,
                          spare: int) -> None:
    """``_count_values`` for sample ``number`` of the order, in the lanes that have so many samples."""
    counts[spare] = number
    least = counts[spare]
    for i in range(n):
        new = (slots[a + i] != slots[b + i]) & (counts[i] > least)
        slots[best + i] = slots[best + i] + (1 if new else 0)


KEYS, MOST_KEYED = 256, 11
"""How many keys there are, and the most samples of a window whose runs they tell apart."""


def step_key(run: int) -> int:
    """What a run that has become ``run`` long adds to a window's key.

    Of up to MOST_KEYED samples no two sets of lengths of runs have sums that are equal in their last eight bits.
    """
    return (run - 1) * (run + 5)


def _start_key(slots: Buffer, a: int, best: int, room: int, n: int) -> None:
    """The key of the lengths of all runs so far, and the run that goes on: two slots from ``best`` on."""
    for i in range(n):
        slots[best + i] = 0
        slots[best + room + i] = 1


def _add_key(slots: Buffer, a: int, b: int, best: int, room: int, n: int) -> None:
    """The same with one more sample (a) after its neighbour in order (b)."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        longer = slots[best + room + i] + 1
        slots[best + room + i] = longer if x == y else 1
    for i in range(n):
        slots[best + i] = slots[best + i] + step_key(slots[best + room + i])


def _add_present_key(slots: Buffer, a: int, b: int, best: int, room: int, n: int, number: int, counts: Buffer,
                     spare: int) -> None:
    """``_add_key`` for sample ``number`` of the order, in the lanes that have so many samples."""
    counts[spare] = number
    least = counts[spare]
    for i in range(n):
        longer = slots[best + room + i] + 1
        slots[best + room + i] = longer if slots[a + i] == slots[b + i] else 1
    for i in range(n):
        step = step_key(slots[best + room + i])
        slots[best + i] = slots[best + i] + (step if counts[i] > least else 0)


def _add_counts(counts: Buffer, counter: int, n: int) -> None:
    """Add the present samples of a column to each lane's."""
    for i in range(n):
        counts[i] += counts[counter + i]


def _find_ranks(counts: Buffer, ranks: int, q: float, n: int) -> None:
    """counts[ranks :] = the rank of the quantile q among each lane's present samples."""
    share = q if q < LOWER else q - LOWER if q < UPPER else q - UPPER
    up = 1 if q >= UPPER else 0
    for i in range(n):
        h = (counts[i] - 1.0) * share
        rank = int(h)
        counts[ranks + i] = rank + (up if h > rank else 0)


def _pick(slots: Buffer, a: int, best: int, room: int, n: int, number: int, counts: Buffer, ranks: int,
          spare: int) -> None:
    """Keep sample ``number`` of the order where it is the lane's rank (in ``best``) or the next (in the slot after)."""
    counts[spare], counts[spare + 1] = number, number - 1
    here, before = counts[spare], counts[spare + 1]
    for i in range(n):
        x = slots[a + i]
        first = slots[best + i]
        second = slots[best + room + i]
        rank = counts[ranks + i]
        slots[best + i] = x if rank == here else first
        slots[best + room + i] = x if rank == before else second


def signed(x: Any) -> int:
    """An integer of up to 32 bits as a signed one of 64 (Numba makes uint8 a uint64, and that less another a float)."""
    return int(double(x))


# How a result is written, from the samples of one rank or two.


def end_sample(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
                    rounding: int) -> bool:
    """The sample itself."""
    dst[at] = a
    return True


def end_key(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
            rounding: int) -> bool:
    """What a key stands for: ``params`` has KEYS values for each count of present samples."""
    dst[at] = params[row // PARAMS * KEYS + (signed(a) & (KEYS - 1))]
    return True


def end_middle_up(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
                    rounding: int) -> bool:
    """The mean of two integers, a half rounded up."""
    dst[at] = (signed(a) + signed(b) + 1) >> 1
    return True


def end_fixed(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
                    rounding: int) -> bool:
    """A point between two small integers whose share has few bits, in whole numbers."""
    bits = int(params[row + BITS])
    value = (signed(a) << bits) + (signed(b) - signed(a)) * int(params[row + WHOLE_SHARE])
    dst[at] = (value + int(params[row + ADDED]) + int(params[row + EVEN]) * ((value >> bits) & 1)) >> bits
    return True


def end_line(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
                    rounding: int) -> bool:
    """A point between two samples, where doubles are exact enough; from the nearer end, as infinities ask for."""
    x = double(a)
    y = double(b)
    g = params[row + SHARE]
    point = y - (y - x) * (1.0 - g) if g >= 0.5 else x + (y - x) * g
    dst[at] = x if x == y else point
    return True


def end_float(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
                    rounding: int) -> bool:
    """A point between any two samples, as a float."""
    hi, lo = widen(a) if a == b else between(widen(a), widen(b), params[row + SHARE])
    return put_float(dst, at, hi, lo)


def end_integer(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, row: int, limits: Buffer,
                    rounding: int) -> bool:
    """A point between any two samples, as an integer."""
    hi, lo = widen(a) if a == b else between(widen(a), widen(b), params[row + SHARE])
    return put_integer(dst, at, hi, lo, limits, rounding)


RANKS, MODES, VALUES, LENGTHS = range(4)
"""What is asked of samples in their order: some of them; of runs of equal ones the longest, how many, how long."""
_RUNS = ((_start_runs, _count_runs, _count_present_runs), (_start_runs, _count_runs, _count_present_runs),
         (_start_values, _count_values, _count_present_values), (_start_key, _add_key, _add_present_key))
"""START, RUN and RUN_PRESENT of each; ranks have none."""


def make_kernel(end: Callable[..., bool], whole: int, runs: int) -> Callable[..., int]:
    """Return the kernel for one way to write a result, of RANKS or of one of the others.

    Instructions do a multiple of ``whole`` lanes, whole vectors. The kernel returns 0, or 1 where some window of the
    block needs the general kernel.
    """
    start_runs, count_runs, count_present_runs = _RUNS[runs]

    def pool_network(src: Buffer, dst: Buffer, code: Buffer, offsets: Buffer, kinds: Buffer, sources: Buffer,
                     targets: Buffer, table: Buffer, geometry: Buffer, params: Buffer, limits: Buffer, missing: Buffer,
                     fill: Buffer, slots: Buffer, counts: Buffer) -> int:
        inner, unit, out_apart, rows = geometry[INNER], geometry[UNIT], geometry[OUT_APART], geometry[ROWS]
        stride, room, strip, steps = geometry[STRIDE], geometry[ROOM], geometry[STRIP], geometry[STEPS]
        apart = stride * unit
        skip_nan, may_miss, whole_row = geometry[SKIP_NAN] > 0, geometry[MAY_MISS] > 0, geometry[WHOLE_ROW]
        listed, rounding = geometry[LISTED], geometry[ROUNDING]
        ranks = (geometry[COUNTERS] + 1) * room
        spare = ranks + room
        good = True
        pitch = geometry[PITCH]
        line = 0
        while line < geometry[LINES]:
            together = min(geometry[TOGETHER], geometry[LINES] - line)
            cell = 0
            kind = kinds[line] * rows
            while cell < geometry[CELLS]:
                cells = min(strip, geometry[CELLS] - cell)
                n = cells + (together - 1) * pitch
                group = cell // inner
                base = sources[line] + (0 if listed > 0 else cell if apart == inner else group * apart)
                partial = steps == 0
                if may_miss and not partial:
                    begin, span = base, (n // inner - 1) * apart
                    if listed > 0:
                        begin += table[group]
                        span = table[group + n // inner - 1] - table[group]
                    span += geometry[REACH_SAMPLES]
                    for r in range(rows):
                        partial |= _any_missing(src, begin + offsets[kind + r], span, missing[NODATA], skip_nan)
                if partial:
                    _put_all(counts, 0, ranks, 0)
                for k in range(steps if partial else 0, steps + geometry[PARTIAL_STEPS] if partial else steps):
                    at = k * FIELDS
                    op = code[at + KIND]
                    low = code[at + LOW] * room
                    number = code[at + HIGH]
                    reach = n + code[at + REACH] * inner
                    count = (reach + whole - 1) // whole * whole
                    a = code[at + A] * room + code[at + A_SHIFT] * inner
                    b = code[at + B] * room + code[at + B_SHIFT] * inner
                    if op == BOTH:
                        _exchange(slots, a, b, low, number * room, count)
                    elif op == LESSER:
                        _lesser(slots, a, b, low, count)
                    elif op == GREATER:
                        _greater(slots, a, b, low, count)
                    elif op == NAN:
                        _keep_nan(slots, a, b, low, count)
                    elif op == COUNT:
                        _add_counts(counts, a, n)
                    elif runs and op == START:
                        start_runs(slots, a, low, room, count)
                    elif runs and op == RUN:
                        count_runs(slots, a, b, low, room, count)
                    elif runs and op == RUN_PRESENT:
                        count_present_runs(slots, a, b, low, room, count, number, counts, spare)
                    elif not runs and op == RANK:
                        _find_ranks(counts, ranks, params[0], count)
                    elif not runs and op == ZIP:
                        _zip_lanes(slots, a, b, low, number * ((n + whole - 1) // whole * whole))
                    elif not runs and op == PICK:
                        _pick(slots, a, low, room, count, number, counts, ranks, spare)
                    else:
                        offset = offsets[kind + code[at + A]]
                        phase = code[at + B]
                        counter = number * room
                        if listed > 0 and partial:
                            _load_present(src, base, offset, table, listed, group, phase * unit, inner, slots, low, n,
                                          missing, may_miss, skip_nan, counts, counter)
                        elif listed > 0:
                            for j in range(together):
                                _load_listed(src, sources[line + j] + offset + phase * unit, table, group, inner, slots,
                                             low + j * pitch, cells)
                        else:
                            begin, stop = 0, cells + code[at + REACH] * inner
                            if offset == ABSENT:
                                stop = 0
                                _put_all(slots, low, reach, missing[_SENTINEL])
                            elif partial:
                                place = geometry[ORIGIN] + group * stride + phase
                                stop = min(max(0, (geometry[LENGTH] - place + stride - 1) // stride) * inner, reach)
                                begin = min(max(0, (stride - 1 - place) // stride) * inner, stop)
                                _put_all(slots, low, reach, missing[_SENTINEL])
                            for j in range(together):
                                here = base + sources[line + j] - sources[line] + offset + phase * unit
                                _load(src, here + begin // inner * apart, apart, inner, slots, low + begin + j * pitch,
                                      stop - begin)
                            if partial:
                                _set_missing(slots, low + begin, stop - begin, missing, may_miss, skip_nan, counts,
                                             counter + begin)
                first, second = geometry[PARTIAL_FIRST] * room, (geometry[PARTIAL_FIRST] + 1) * room
                to = targets[line]
                if listed == 0:
                    to += cell * geometry[TILE_WIDE] if out_apart == inner else group * out_apart
                written = geometry[TILE_HIGH] if not partial else 0
                for y in range(written):
                    at = FIRST if y == 0 else RESULTS + (y - 1) * _RESULT
                    first = geometry[at] * room + geometry[at + 1] * inner
                    second = geometry[at + 2] * room + geometry[at + 3] * inner
                    for j in range(together if out_apart == inner and listed == 0 else 0):
                        here = to + targets[line + j] - targets[line] + y * geometry[OUT_ROW]
                        a = first + j * pitch * geometry[TILE_WIDE]
                        b = second + j * pitch * geometry[TILE_WIDE]
                        for i in range(cells * geometry[TILE_WIDE]):
                            good &= end(slots[a + i], slots[b + i], dst, here + i, params, whole_row, limits, rounding)
                for j in range(together if listed > 0 and not partial else 0):
                    for k in range(cells // inner):
                        here = targets[line + j] + table[2 * listed + group + k]
                        for c in range(inner):
                            i = j * pitch + k * inner + c
                            good &= end(slots[first + i], slots[second + i], dst, here + c, params, whole_row, limits,
                                        rounding)
                if partial or (out_apart != inner and listed == 0):
                    beside = 1 if out_apart == inner else out_apart  # only lanes along W are in groups
                    for i in range(n):
                        place = to + i * beside
                        if listed > 0:
                            place = to + table[2 * listed + group + i // inner] + i % inner
                        row = counts[i] * PARAMS if partial else whole_row
                        if row > 0:
                            last = slots[second + i] if params[row + SHARE] > 0.0 else slots[first + i]
                            good &= end(slots[first + i], last, dst, place, params, row, limits, rounding)
                        elif geometry[HAS_FILL] > 0:
                            dst[place] = fill[0]
                        else:
                            good = False
                cell += strip
            line += together
        return 0 if good else 1

    return pool_network
