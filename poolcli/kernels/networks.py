"""The network kernel: runs a short program of minima and maxima on the lanes of a row, many windows at once.

A lane is a window. The program's instructions work on *slots*, runs of numbers in scratch space with one number for
each lane, and are vector code: one works on all lanes of a strip, short enough for the slots to stay in the nearest
caches. One kernel serves windows of any size, stride and rank; ``programs.py`` writes the programs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .numerics import Buffer, double, put_float, put_integer, widen
from .ranks import between

LOAD, BOTH, LESSER, GREATER, NAN, START, RUN = range(7)
"""What an instruction does: bring samples; the lesser and the greater of a and b, or one of them; a where that is NaN
and b elsewhere; begin to count runs of equal samples with a; count on, from b to a."""

KIND, A, A_SHIFT, B, B_SHIFT, LOW, HIGH, REACH = range(8)
"""One instruction: the slots read, how many lanes further on, the slots written, how many lanes beyond the strip."""
FIELDS = 8

(LINES, CELLS, INNER, APART, UNIT, OUT_APART, STRIP, ROOM, STEPS, FIRST, FIRST_SHIFT, SECOND, SECOND_SHIFT,
 ROUNDING) = range(14)
"""The whole numbers of one block. A line has CELLS lanes, in groups of INNER that are APART in the input and OUT_APART
in the output; a phase is UNIT. A strip has STRIP lanes, a slot ROOM. The results stand in the slots FIRST, SECOND."""

SHARE, WHOLE_SHARE, BITS, EVEN = range(4)
"""What is between two ranks: the share of the way from the first to the second, the same times 2^bits, the bits, and
whether ties go to the even neighbour; then what is added before the bits are cut off."""
ADDED = 4


def load(src: Buffer, at: int, apart: int, inner: int, dst: Buffer, to: int, n: int) -> None:
    """dst[to :] = n samples in groups of ``inner``, ``apart`` from one group to the next.

    Cases with constants are vector code.
    """
    if apart == inner:
        for i in range(n):
            dst[to + i] = src[at + i]
    elif inner == 1 and apart == 2:
        for i in range(n):
            dst[to + i] = src[at + 2 * i]
    elif inner == 1:
        for i in range(n):
            dst[to + i] = src[at + apart * i]
    else:
        for k in range(n // inner):
            for c in range(inner):
                dst[to + k * inner + c] = src[at + k * apart + c]


def exchange(slots: Buffer, a: int, b: int, low: int, high: int, n: int) -> None:
    """slots[low :], slots[high :] = the lesser and the greater of n pairs."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[low + i] = x if x < y else y
        slots[high + i] = y if x < y else x


def lesser(slots: Buffer, a: int, b: int, low: int, n: int) -> None:
    """slots[low :] = the lesser of n pairs."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[low + i] = x if x < y else y


def greater(slots: Buffer, a: int, b: int, high: int, n: int) -> None:
    """slots[high :] = the greater of n pairs."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[high + i] = y if x < y else x


def keep_nan(slots: Buffer, a: int, b: int, to: int, n: int) -> None:
    """slots[to :] = the first of n pairs where it is NaN, else the second."""
    for i in range(n):
        x = slots[a + i]
        y = slots[b + i]
        slots[to + i] = x if x != x else y


def start_runs(slots: Buffer, a: int, best: int, room: int, n: int) -> None:
    """The best sample so far, the longest run and the one that goes on: three slots from ``best`` on."""
    for i in range(n):
        slots[best + i] = slots[a + i]
        slots[best + room + i] = 1
        slots[best + 2 * room + i] = 1


def count_runs(slots: Buffer, a: int, b: int, best: int, room: int, n: int) -> None:
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


def signed(x: Any) -> int:
    """An integer of up to 32 bits as a signed one of 64 (Numba makes uint8 a uint64, and that less another a float)."""
    return int(double(x))


# How a result is written, from the samples of one rank or two.


def end_sample(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, limits: Buffer, rounding: int) -> bool:
    """The sample itself."""
    dst[at] = a
    return True


def end_middle_up(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, limits: Buffer, rounding: int) -> bool:
    """The mean of two integers, a half rounded up."""
    dst[at] = (signed(a) + signed(b) + 1) >> 1
    return True


def end_fixed(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, limits: Buffer, rounding: int) -> bool:
    """A point between two small integers whose share has few bits, in whole numbers."""
    bits = int(params[BITS])
    value = (signed(a) << bits) + (signed(b) - signed(a)) * int(params[WHOLE_SHARE])
    dst[at] = (value + int(params[ADDED]) + int(params[EVEN]) * ((value >> bits) & 1)) >> bits
    return True


def end_line(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, limits: Buffer, rounding: int) -> bool:
    """A point between two samples, where doubles are exact enough; from the nearer end, as infinities ask for."""
    x = double(a)
    y = double(b)
    g = params[SHARE]
    point = y - (y - x) * (1.0 - g) if g >= 0.5 else x + (y - x) * g
    dst[at] = x if x == y else point
    return True


def end_float(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, limits: Buffer, rounding: int) -> bool:
    """A point between any two samples, as a float."""
    hi, lo = widen(a) if a == b else between(widen(a), widen(b), params[SHARE])
    return put_float(dst, at, hi, lo)


def end_integer(a: Any, b: Any, dst: Buffer, at: int, params: Buffer, limits: Buffer, rounding: int) -> bool:
    """A point between any two samples, as an integer."""
    hi, lo = widen(a) if a == b else between(widen(a), widen(b), params[SHARE])
    return put_integer(dst, at, hi, lo, limits, rounding)


def make_kernel(end: Callable[..., bool], whole: int) -> Callable[..., int]:
    """Return the kernel for one way to write a result. Instructions do a multiple of ``whole`` lanes, whole vectors.

    It returns 0, or 1 where some window of the block is one for the general kernel.
    """

    def pool_network(src: Buffer, dst: Buffer, code: Buffer, offsets: Buffer, sources: Buffer, targets: Buffer,
                     geometry: Buffer, params: Buffer, limits: Buffer, slots: Buffer) -> int:
        inner, apart, out_apart = geometry[INNER], geometry[APART], geometry[OUT_APART]
        unit, room, strip, steps = geometry[UNIT], geometry[ROOM], geometry[STRIP], geometry[STEPS]
        first = geometry[FIRST] * room + geometry[FIRST_SHIFT] * inner
        second = geometry[SECOND] * room + geometry[SECOND_SHIFT] * inner
        rounding = geometry[ROUNDING]
        good = True
        for line in range(geometry[LINES]):
            cell = 0
            while cell < geometry[CELLS]:
                n = min(strip, geometry[CELLS] - cell)
                base = sources[line] + (cell if apart == inner else cell // inner * apart)
                for k in range(steps):
                    at = k * FIELDS
                    kind = code[at + KIND]
                    low = code[at + LOW] * room
                    reach = n + code[at + REACH] * inner
                    count = (reach + whole - 1) // whole * whole
                    a = code[at + A] * room + code[at + A_SHIFT] * inner
                    b = code[at + B] * room + code[at + B_SHIFT] * inner
                    if kind == LOAD:
                        load(src, base + offsets[code[at + A]] + code[at + B] * unit, apart, inner, slots, low, reach)
                    elif kind == BOTH:
                        exchange(slots, a, b, low, code[at + HIGH] * room, count)
                    elif kind == LESSER:
                        lesser(slots, a, b, low, count)
                    elif kind == GREATER:
                        greater(slots, a, b, low, count)
                    elif kind == NAN:
                        keep_nan(slots, a, b, low, count)
                    elif kind == START:
                        start_runs(slots, a, low, room, count)
                    else:
                        count_runs(slots, a, b, low, room, count)
                if out_apart == inner:
                    to = targets[line] + cell
                    for i in range(n):
                        good &= end(slots[first + i], slots[second + i], dst, to + i, params, limits, rounding)
                else:
                    to = targets[line] + cell // inner * out_apart
                    for i in range(n // inner):
                        for c in range(inner):
                            good &= end(slots[first + i * inner + c], slots[second + i * inner + c], dst,
                                        to + i * out_apart + c, params, limits, rounding)
                cell += strip
        return 0 if good else 1

    return pool_network
