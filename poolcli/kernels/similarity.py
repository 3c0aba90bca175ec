"""The kernel of what two pictures have in common: squared differences, and the structural similarity of windows.

Sums of windows slide down the rows, a strip of columns at a time, so that they stay in the first caches and every loop
along a row is vector code: 5 ns a sample, where a dozen passes over arrays take 40.
"""

from __future__ import annotations

from collections.abc import Callable

from .double_double import Buffer, double

SQUARES, LARGEST, SIMILAR = range(3)
"""What is found: the sum of squared differences, the largest of them, and the sum of similarities."""
STRIP = 512
"""Columns, channels counted, of a strip."""
_X, _Y, _POWER, _SHARED, _SQUARES, _LARGEST, _SIMILAR = range(7)
ROOM = 7
"""Lines of scratch, each as long as a strip and the windows beyond its end."""


def make_kernel(window: int) -> Callable[..., int]:
    """Return the kernel for windows of so many rows and columns: a function over flat buffers, which returns 0.

    ``geometry``: rows, samples of a row, channels, rows above those whose differences count, and whether windows are
    compared. ``params``: the constants C1 and C2, and what was taken from all
    samples before.
    """

    def measure_similarity(x: Buffer, y: Buffer, found: Buffer, geometry: Buffer, params: Buffer, room: Buffer) -> int:
        rows, line, inner, above = geometry[0], geometry[1], geometry[2], geometry[3]
        beyond = (window - 1) * inner
        length = STRIP + beyond
        c1, c2, offset, share = params[0], params[1], params[2], 1.0 / (window * window)
        sx, sy, power, shared = _X * length, _Y * length, _POWER * length, _SHARED * length
        squares, largest, similar = _SQUARES * length, _LARGEST * length, _SIMILAR * length
        for strip in range((line + STRIP - 1) // STRIP):
            start = strip * STRIP
            m = min(STRIP, line - start)
            for j in range(m):
                room[squares + j] = room[largest + j] = room[similar + j] = 0.0
            for row in range(above, rows):
                at = row * line + start
                for j in range(m):
                    d = x[at + j] - y[at + j]
                    d = d * d
                    most = room[largest + j]
                    room[squares + j] += d
                    room[largest + j] = d if d > most else most
            windows = min(m, line - beyond - start) if geometry[4] else 0
            if windows > 0:
                for j in range(windows + beyond):
                    room[sx + j] = room[sy + j] = room[power + j] = room[shared + j] = 0.0
                for row in range(rows):
                    at = row * line + start
                    for j in range(windows + beyond):
                        a, b = x[at + j], y[at + j]
                        room[sx + j] += a
                        room[sy + j] += b
                        room[power + j] += a * a + b * b
                        room[shared + j] += a * b
                    if row >= window:
                        before = at - window * line
                        for j in range(windows + beyond):
                            a, b = x[before + j], y[before + j]
                            room[sx + j] -= a
                            room[sy + j] -= b
                            room[power + j] -= a * a + b * b
                            room[shared + j] -= a * b
                    if row >= window - 1:
                        for j in range(windows):
                            a = b = p = s = 0.0
                            for k in range(window):
                                a += room[sx + j + k * inner]
                                b += room[sy + j + k * inner]
                                p += room[power + j + k * inner]
                                s += room[shared + j + k * inner]
                            a, b = a * share, b * share
                            p, s = p * share - a * a - b * b, s * share - a * b
                            a, b = a + offset, b + offset
                            room[similar + j] += ((2.0 * a * b + c1) * (2.0 * s + c2)) / (
                                (a * a + b * b + c1) * (p + c2))
            for j in range(m):
                found[SQUARES] += room[squares + j]
                found[LARGEST] = max(double(found[LARGEST]), room[largest + j])
                found[SIMILAR] += room[similar + j]
        return 0

    return measure_similarity
