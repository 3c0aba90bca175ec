"""The wide kernel: folds over windows that are long along a row and hardly overlap there.

A window's samples are merged run by run into one scratch row of RUN_BYTES, which stays in the first cache, four runs
at once; the row is then halved, and halved again, until one state is left. So a window of n samples takes n merges and
a few more, whatever its size: where a row is folded for windows at every place it takes n log2 n.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..double_double import Buffer
from .fold_states import Scratch
from .rows import (
    A0,
    A1,
    D0,
    D1,
    H0,
    H1,
    IDENTITY,
    INNER,
    LOW,
    OUT_D,
    OUT_H,
    OUT_W,
    ROW,
    SIZE,
    START,
    STEP_D,
    STEP_H,
    W0,
    W1,
    D,
    H,
    W,
    add_four_rows,
    add_row,
    fill_row,
    fold_over,
    output_to,
)

RUN_BYTES = 1 << 14
"""Bytes of the scratch row: half of a first cache (max of 16 M bytes takes 0.7 ms with a kilobyte, 0.4 with all)."""
MOST_ADDED = 1 << 10
"""States of the scratch row that have at least 16 bytes: for how many additions there are in a row."""


def _add_runs(fold: Any, src: Buffer, at: int, n: int, run: int) -> None:
    """Merge n neighbouring samples into the scratch row of ``run`` states."""
    runs = n // run
    for i in range(runs // 4):
        add_four_rows(fold, src, at + 4 * i * run, run, 0, run)
    for i in range(runs // 4 * 4, runs):
        add_row(fold, src, at + i * run, 0, run)
    add_row(fold, src, at + runs * run, 0, n - runs * run)


def _add_lines(fold: Any, src: Buffer, at: int, apart: int, lines: int, n: int, run: int) -> None:
    """Merge n samples of each of some lines into the scratch row."""
    fours = lines // 4 if n <= run else 0
    for i in range(fours):
        add_four_rows(fold, src, at + 4 * i * apart, apart, 0, n)
    for i in range(4 * fours, lines):
        _add_runs(fold, src, at + i * apart, n, run)


def _halve(fold: Any, n: int, inner: int) -> None:
    """Merge the states of n pixels into those of the first one."""
    while n > 1:
        half = (n + 1) // 2
        for i in range((n - half) * inner):
            merged = fold.merge(fold.load(fold.scratch, i), fold.load(fold.scratch, half * inner + i))
            fold.save(fold.scratch, i, merged)
        n = half


_SHORT, _LIGHT = 1 << 10, 1 << 13
"""Samples of a window up to which it is merged in eight states that stay in registers, where there are no channels: as
short as runs are then, loops take longer to begin than to run. Avg of 8192 maps of 14 x 14 of float32 takes 0.4 ms so
(as ``KernelSpec.bundled``; 0.7 without), by loops 1.0. The other for light folds, in 32 states: one addition waits for
the next less (avg and max of 256 maps of 28 x 28 of float32 27 and 21 us, in eight 49 and 72; of 56 x 56, by loops, 1.5
times as long). States of more numbers, or powers, leave no registers (var of float64 1.3 ms in eight, 2.0 in 32).
"""


def _count_short(table_w: Buffer, k: int, most: int, longest: int) -> int:
    """How many windows from k on are short, at most so many: their values are written by one loop of vector code."""
    count = 0
    while count < most and table_w[ROW * (k + count) + SIZE] <= longest:
        count += 1
    return count


def _part(fold: Any, src: Buffer, at: int) -> Any:
    """The state of a sample."""
    return fold.lift(fold, src, at)


def _eight(fold: Any, src: Buffer, at: int) -> Any:
    """The states of eight samples."""
    return (_part(fold, src, at), _part(fold, src, at + 1), _part(fold, src, at + 2), _part(fold, src, at + 3),
            _part(fold, src, at + 4), _part(fold, src, at + 5), _part(fold, src, at + 6), _part(fold, src, at + 7))


def _merge_eight(fold: Any, s: Any, t: Any) -> Any:
    """Eight states, each merged with another."""
    merge = fold.merge
    return (merge(s[0], t[0]), merge(s[1], t[1]), merge(s[2], t[2]), merge(s[3], t[3]), merge(s[4], t[4]),
            merge(s[5], t[5]), merge(s[6], t[6]), merge(s[7], t[7]))


def _start_eight(fold: Any) -> Any:
    """Eight states of no sample."""
    none = fold.missing.none
    return none, none, none, none, none, none, none, none


def _merge_light(fold: Any, src: Buffer, at: int, n: int) -> Any:
    """``_merge_short`` in 32 states."""
    s, t, u, v = _start_eight(fold), _start_eight(fold), _start_eight(fold), _start_eight(fold)
    for _ in range(n // 32):
        s = _merge_eight(fold, s, _eight(fold, src, at))
        t = _merge_eight(fold, t, _eight(fold, src, at + 8))
        u = _merge_eight(fold, u, _eight(fold, src, at + 16))
        v = _merge_eight(fold, v, _eight(fold, src, at + 24))
        at += 32
    return _add_eights(fold, src, at, n % 32, _merge_eight(fold, _merge_eight(fold, s, t), _merge_eight(fold, u, v)))


def _merge_short(fold: Any, src: Buffer, at: int, n: int) -> Any:
    """The state of n neighbouring samples."""
    return _add_eights(fold, src, at, n, _start_eight(fold))


def _add_eights(fold: Any, src: Buffer, at: int, n: int, s: Any) -> Any:
    """Eight states and n neighbouring samples, merged into one: halves onto halves, which is vector code."""
    merge = fold.merge
    for _ in range(n // 8):
        s = _merge_eight(fold, s, _eight(fold, src, at))
        at += 8
    a, b, c, d = merge(s[0], s[4]), merge(s[1], s[5]), merge(s[2], s[6]), merge(s[3], s[7])
    if n & 4:
        a, b = merge(a, _part(fold, src, at)), merge(b, _part(fold, src, at + 1))
        c, d = merge(c, _part(fold, src, at + 2)), merge(d, _part(fold, src, at + 3))
        at += 4
    if n & 2:
        a, b = merge(a, _part(fold, src, at)), merge(b, _part(fold, src, at + 1))
        at += 2
    if n & 1:
        c = merge(c, _part(fold, src, at))
    return merge(merge(a, c), merge(b, d))


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool], light: int = 0) -> Callable[..., int]:
    """Return the wide kernel of one fold, light or not; as ``rows.make_kernel``. The scratch row ends at IDENTITY."""
    longest = _LIGHT if light else _SHORT
    merge_short = _merge_light if light else _merge_short

    def pool_wide(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                  table_h: Buffer, table_w: Buffer, kinds: Buffer, share_d: Buffer, share_h: Buffer, share_w: Buffer,
                  params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer,
                  fourth: Buffer, fifth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        fold = fold_over(lift, merge, load, save, scratch, geometry, nodata, geometry[IDENTITY], params)
        output = output_to(dst, fill, geometry, limits, params)
        inner, run = geometry[INNER], geometry[IDENTITY]
        line = geometry[W] * inner
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                for j in range(geometry[H1] - geometry[H0]):
                    to = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0] + j
                    to = (to * geometry[OUT_W] + geometry[W0]) * inner
                    single = inner == 1 and table_d[ROW * i + SIZE] * table_h[ROW * j + SIZE] == 1
                    k, windows = 0, geometry[W1] - geometry[W0]
                    while k < windows:
                        count = _count_short(table_w, k, min(windows - k, run), longest) if single else 0
                        if count > 0:
                            at = (a * geometry[D] + table_d[ROW * i + START]) * geometry[H] + table_h[ROW * j + START]
                            low, width = geometry[LOW], geometry[W]
                            for m in range(count):
                                begin = max(low + table_w[ROW * (k + m) + START], 0)
                                stop = min(low + table_w[ROW * (k + m) + START] + table_w[ROW * (k + m) + SIZE], width)
                                fold.save(scratch, m, merge_short(fold, src, at * width + begin, stop - begin))
                            share = share_d[i] * share_h[j]
                            for m in range(count):
                                n = share * share_w[k + m]
                                good &= end(fold.load(scratch, m), n, 0.5 / n, output, to + k + m)
                            k += count
                            continue
                        begin = max(geometry[LOW] + table_w[ROW * k + START], 0)
                        stop = min(geometry[LOW] + table_w[ROW * k + START] + table_w[ROW * k + SIZE], geometry[W])
                        wide = (stop - begin) * inner
                        n = share_d[i] * share_h[j] * share_w[k]
                        to_window = to + k * inner
                        fill_row(fold, fold.missing.none, 0, min(wide, run))
                        for plane in range(table_d[ROW * i + SIZE]):
                            d = table_d[ROW * i + START] + plane * geometry[STEP_D]
                            at = ((a * geometry[D] + d) * geometry[H] + table_h[ROW * j + START]) * line + begin * inner
                            _add_lines(fold, src, at, geometry[STEP_H] * line, table_h[ROW * j + SIZE], wide, run)
                        _halve(fold, min(wide, run) // inner, inner)
                        for c in range(inner):
                            good &= end(fold.load(fold.scratch, c), n, 0.5 / n, output, to_window + c)
                        k += 1
        return 0 if good else 1

    return pool_wide
