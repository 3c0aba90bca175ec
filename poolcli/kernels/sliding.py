"""Slide a window over the ranks of a tile: quantiles, modes and counts of values of large windows of any dtype.

The samples of a tile, fewer than 2^16, are sorted once. For a quantile each has a rank of its own, so a window is a set
of ranks, a bit each: 8 KB for any tile, always in the nearest cache. To go on by a column is to set and clear as many
bits as a column has samples; the sample wanted is then a few words from the one before, found by counting bits (Huang's
scheme, IEEE Trans. Acoust., Speech, Signal Process. 27 (1979), with bits in place of counts). 31x31/1 of float32 takes
0.15 us a window, where to gather and select took 9. For a mode, and for counts of values, equal samples share a rank,
and ranks have counts.
"""

from __future__ import annotations

from collections.abc import Callable

from .double_double import NOT_A_NUMBER, Buffer, add, double, product_in_range, put_integer
from .network.interpreter import PARAMS, SHARE, signed
from .order_statistics import rank_of

(DEEP, HIGH, WIDE, TARGET, OUT_DEEP, OUT_HIGH, OUT_WIDE, DEEP_APART, HIGH_APART, DEEP_STEP, HIGH_STEP, WIDE_STEP,
 RANKS, NAN_FROM, HAS_FILL, ROUNDING) = range(16)
"""The whole numbers of a tile: its windows along each axis; where the first result goes, and what lies between results
along each axis; what lies between neighbours in the tile along D and H; the dilations; how many ranks there are and
which is the first of NaN; whether a window without samples has a value; how an integer is rounded."""
ABSENT = 65535
"""The rank of a missing sample."""
_START, _COUNT, _ROW = 0, 1, 2
"""A window of one axis in its table: its first sample, in the tile's own numbers, and how many."""
WORD_BITS = 64
_PRESENT, _NANS, _WORD, _BELOW = range(4)
"""The state of a sliding window: its samples, those that are NaN, the word where the last result was found, and how
many of its samples are in the words before that."""
_SCANNED = 8
"""All counts are looked at for the greatest, in vector code, if they are at most so many times the window's samples."""


def _count_bits(x: int) -> int:
    """Return how many bits of a 64-bit word, a signed number, are set (Warren, Hacker's Delight, 5-1)."""
    y = x - ((x >> 1) & 0x5555555555555555)
    y = (y & 0x3333333333333333) + ((y >> 2) & 0x3333333333333333)
    y = (y + (y >> 4)) & 0x0F0F0F0F0F0F0F0F
    y += y >> 8
    y += y >> 16
    return (y + (y >> 32)) & 127


def _change_bits(ranks: Buffer, rows: Buffer, n: int, x: int, by: int, bits: Buffer, masks: Buffer, state: Buffer,
                 nan_from: int) -> None:
    """Take a column of n samples into the window (``by`` 1), or let it go (-1)."""
    border = state[_WORD] * WORD_BITS
    present = nans = below = 0
    for i in range(n):
        rank = signed(ranks[rows[i] + x])
        if rank != ABSENT:
            bits[rank >> 6] ^= masks[rank & 63]
            present += 1
            below += 1 if rank < border else 0
            nans += 1 if rank >= nan_from else 0
    state[_PRESENT] += by * present
    state[_BELOW] += by * below
    state[_NANS] += by * nans


def _find_rank(bits: Buffer, state: Buffer, wanted: int) -> int:
    """Return the rank in the tile of sample number ``wanted`` of the window; there is one."""
    word, below = state[_WORD], state[_BELOW]
    while below > wanted:
        word -= 1
        below -= _count_bits(int(bits[word]))
    inside = _count_bits(int(bits[word]))
    while below + inside <= wanted:
        below += inside
        word += 1
        inside = _count_bits(int(bits[word]))
    state[_WORD], state[_BELOW] = word, below
    left = int(bits[word])
    for _ in range(wanted - below):
        left &= left - 1
    return int(word * WORD_BITS + _count_bits((left & -left) - 1))


def _change_counts(ranks: Buffer, rows: Buffer, n: int, x: int, by: int, counts: Buffer, state: Buffer,
                   nan_from: int) -> None:
    """Take a column of n samples into the counts of a window (``by`` 1), or let it go (-1)."""
    for i in range(n):
        rank = signed(ranks[rows[i] + x])
        if rank != ABSENT:
            counts[rank] = signed(counts[rank]) + by
            state[_PRESENT] += by
            state[_NANS] += by if rank >= nan_from else 0


def _most_frequent(counts: Buffer, n: int) -> int:
    """Return the first of the greatest of n counts."""
    most = counts[0]
    for i in range(n):
        x = counts[i]
        most = x if x > most else most
    first = n
    for i in range(n):
        first = min(first, i) if counts[i] == most else first
    return first


def _most_frequent_sample(ranks: Buffer, rows: Buffer, n: int, begin: int, stop: int, step: int, counts: Buffer) -> int:
    """Return the lowest rank in a window that has the greatest count."""
    best = -1  # the count, then the rank from above
    x = begin
    while x < stop:
        for i in range(n):
            rank = signed(ranks[rows[i] + x])
            if rank != ABSENT:
                best = max(best, (signed(counts[rank]) << 16) + ABSENT - rank)
        x += step
    return ABSENT - (best & 0xFFFF)


def _list_rows(rows: Buffer, deep: Buffer, d: int, high: Buffer, h: int, geometry: Buffer) -> int:
    """List where the rows of the windows (d, h) begin in the tile; return how many there are."""
    n = 0
    for i in range(deep[d * _ROW + _COUNT]):
        at = (deep[d * _ROW + _START] + i * geometry[DEEP_STEP]) * geometry[DEEP_APART]
        for j in range(high[h * _ROW + _COUNT]):
            rows[n] = at + (high[h * _ROW + _START] + j * geometry[HIGH_STEP]) * geometry[HIGH_APART]
            n += 1
    return n


def make_kernel(end: Callable[..., bool]) -> Callable[..., int]:
    """Return the kernel of quantiles for one way to write a result.

    It returns 0, or 1 where some window of the tile needs the general kernel.
    """

    def pool_sliding(ranks: Buffer, values: Buffer, dst: Buffer, geometry: Buffer, deep: Buffer, high: Buffer,
                     wide: Buffer, params: Buffer, limits: Buffer, fill: Buffer, rows: Buffer, bits: Buffer,
                     masks: Buffer, state: Buffer, counts: Buffer) -> int:
        step, nan_from, rounding = geometry[WIDE_STEP], geometry[NAN_FROM], geometry[ROUNDING]
        good = True
        for d in range(geometry[DEEP]):
            for h in range(geometry[HIGH]):
                n = _list_rows(rows, deep, d, high, h, geometry)
                for i in range(geometry[RANKS] // WORD_BITS + 1):
                    bits[i] = 0
                state[_PRESENT], state[_NANS], state[_BELOW] = 0, 0, 0
                begin = stop = wide[_START]
                to = geometry[TARGET] + d * geometry[OUT_DEEP] + h * geometry[OUT_HIGH]
                for w in range(geometry[WIDE]):
                    start = wide[w * _ROW + _START]
                    beyond = start + wide[w * _ROW + _COUNT] * step
                    x = begin
                    while x < (min(start, stop) if step == 1 else stop):
                        _change_bits(ranks, rows, n, x, -1, bits, masks, state, nan_from)
                        x += step
                    x = max(stop, start) if step == 1 else start
                    while x < beyond:
                        _change_bits(ranks, rows, n, x, 1, bits, masks, state, nan_from)
                        x += step
                    begin, stop = start, beyond
                    if state[_PRESENT] == 0:
                        good &= geometry[HAS_FILL] > 0
                        dst[to] = fill[0]
                    else:
                        first = second = geometry[RANKS] - 1  # a NaN, if there is one in the window
                        params[SHARE] = 0.0
                        if state[_NANS] == 0:
                            low, share = rank_of(state[_PRESENT], params[PARAMS])
                            first = second = _find_rank(bits, state, low)
                            if share > 0.0:
                                params[SHARE] = share
                                second = _find_rank(bits, state, low + 1)
                        good &= end(values[first], values[second], dst, to, params, 0, limits, rounding)
                    to += geometry[OUT_WIDE]
        return 0 if good else 1

    return pool_sliding


def count_distinct(ranks: Buffer, rows: Buffer, n: int, begin: int, stop: int, step: int, counts: Buffer,
                   all_ranks: int, present: int, logs: Buffer) -> float:
    """Return how many ranks a window has, from the counts of all ranks."""
    found = 0
    for i in range(all_ranks):
        found += 1 if counts[i] != 0 else 0
    return float(found)


def find_entropy(ranks: Buffer, rows: Buffer, n: int, begin: int, stop: int, step: int, counts: Buffer, all_ranks: int,
                 present: int, logs: Buffer) -> float:
    """Return -sum p log p over a window's ranks: from all counts, or where these are many sample by sample.

    Summed as pairs of doubles: which way it goes depends on the tile, and a part must give the bits of the whole.
    """
    found, rest, whole = 0.0, 0.0, logs[present]
    if all_ranks <= _SCANNED * present:
        for i in range(all_ranks):
            count = signed(counts[i])
            term, less = product_in_range(float(count), whole - logs[count])
            found, rest = add(found, rest, term, less)
    else:
        x = begin
        while x < stop:
            for i in range(n):
                rank = signed(ranks[rows[i] + x])
                if rank != ABSENT:
                    found, rest = add(found, rest, whole - logs[signed(counts[rank])], 0.0)
            x += step
    return found / float(present) * double(logs[0])


def write_float(dst: Buffer, at: int, value: float, limits: Buffer, rounding: int) -> bool:
    """Write a number that is a float."""
    dst[at] = value
    return True


def write_integer(dst: Buffer, at: int, value: float, limits: Buffer, rounding: int) -> bool:
    """Write a number rounded to an integer; False for a NaN."""
    return put_integer(dst, at, value, 0.0, limits, rounding)


def make_counts_kernel(measure: Callable[..., float], write: Callable[..., bool], nan_wins: int) -> Callable[..., int]:
    """Return the kernel of what the counts of a window's ranks tell, for one way to write a number.

    ``nan_wins`` is 1 where a NaN makes the result NaN, and 0 where it is a value like others.
    """

    def pool_sliding_counts(ranks: Buffer, values: Buffer, dst: Buffer, geometry: Buffer, deep: Buffer, high: Buffer,
                            wide: Buffer, params: Buffer, limits: Buffer, fill: Buffer, rows: Buffer, bits: Buffer,
                            masks: Buffer, state: Buffer, counts: Buffer) -> int:
        step, nan_from, rounding = geometry[WIDE_STEP], geometry[NAN_FROM], geometry[ROUNDING]
        good = True
        for d in range(geometry[DEEP]):
            for h in range(geometry[HIGH]):
                n = _list_rows(rows, deep, d, high, h, geometry)
                for i in range(geometry[RANKS] + 1):
                    counts[i] = 0
                state[_PRESENT], state[_NANS] = 0, 0
                begin = stop = wide[_START]
                to = geometry[TARGET] + d * geometry[OUT_DEEP] + h * geometry[OUT_HIGH]
                for w in range(geometry[WIDE]):
                    start = wide[w * _ROW + _START]
                    beyond = start + wide[w * _ROW + _COUNT] * step
                    x = begin
                    while x < (min(start, stop) if step == 1 else stop):
                        _change_counts(ranks, rows, n, x, -1, counts, state, nan_from)
                        x += step
                    x = max(stop, start) if step == 1 else start
                    while x < beyond:
                        _change_counts(ranks, rows, n, x, 1, counts, state, nan_from)
                        x += step
                    begin, stop = start, beyond
                    if state[_PRESENT] == 0:
                        good &= geometry[HAS_FILL] > 0
                        dst[to] = fill[0]
                    else:
                        value = measure(ranks, rows, n, start, beyond, step, counts, geometry[RANKS], state[_PRESENT],
                                        params)
                        value = NOT_A_NUMBER if nan_wins and state[_NANS] > 0 else value
                        good &= write(dst, to, value, limits, rounding)
                    to += geometry[OUT_WIDE]
        return 0 if good else 1

    return pool_sliding_counts


def make_mode_kernel(end: Callable[..., bool]) -> Callable[..., int]:
    """Return the kernel of the mode for one way to write a result."""

    def pool_sliding_mode(ranks: Buffer, values: Buffer, dst: Buffer, geometry: Buffer, deep: Buffer, high: Buffer,
                          wide: Buffer, params: Buffer, limits: Buffer, fill: Buffer, rows: Buffer, bits: Buffer,
                          masks: Buffer, state: Buffer, counts: Buffer) -> int:
        step, nan_from, rounding = geometry[WIDE_STEP], geometry[NAN_FROM], geometry[ROUNDING]
        good = True
        for d in range(geometry[DEEP]):
            for h in range(geometry[HIGH]):
                n = _list_rows(rows, deep, d, high, h, geometry)
                for i in range(geometry[RANKS] + 1):
                    counts[i] = 0
                state[_PRESENT], state[_NANS] = 0, 0
                begin = stop = wide[_START]
                to = geometry[TARGET] + d * geometry[OUT_DEEP] + h * geometry[OUT_HIGH]
                for w in range(geometry[WIDE]):
                    start = wide[w * _ROW + _START]
                    beyond = start + wide[w * _ROW + _COUNT] * step
                    x = begin
                    while x < (min(start, stop) if step == 1 else stop):
                        _change_counts(ranks, rows, n, x, -1, counts, state, nan_from)
                        x += step
                    x = max(stop, start) if step == 1 else start
                    while x < beyond:
                        _change_counts(ranks, rows, n, x, 1, counts, state, nan_from)
                        x += step
                    begin, stop = start, beyond
                    if state[_PRESENT] == 0:
                        good &= geometry[HAS_FILL] > 0
                        dst[to] = fill[0]
                    else:
                        if state[_NANS] > 0:
                            best = geometry[RANKS] - 1
                        elif geometry[RANKS] <= _SCANNED * state[_PRESENT]:
                            best = _most_frequent(counts, geometry[RANKS])
                        else:
                            best = _most_frequent_sample(ranks, rows, n, start, beyond, step, counts)
                        good &= end(values[best], values[best], dst, to, params, 0, limits, rounding)
                    to += geometry[OUT_WIDE]
        return 0 if good else 1

    return pool_sliding_mode
