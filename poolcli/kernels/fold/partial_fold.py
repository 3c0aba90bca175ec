"""Folds over parts of windows: states that are kept, merged with those of other parts, and ended when all are there.

For windows that no memory holds at once. ``fold_states.py`` says what a state is; these are the three loops that a fold
of a window is made of, each a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..double_double import Buffer
from .finalizers import Output
from .fold_states import Missing, Scratch
from .rows import ROW, SIZE, START, FoldSteps, add_row, start_row

(OUTER, D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, SKIP_NAN, HAS_NODATA) = range(13)
"""The whole numbers of a part, by their place in ``geometry``; states lie behind the scratch row of W * INNER.
All of it holds the state of no sample at first.
"""

COUNT, HAS_FILL, ROUNDING, LOWEST, HIGHEST = range(5)
"""Those of merging and ending."""


def _fold_window(fold: Any, row: int, to: int, size: int, apart: int, inner: int) -> None:
    """The states at ``to`` from a folded row: ``size`` of them ``apart`` from ``row`` on, ``inner`` side by side."""
    for c in range(inner):
        fold.save(fold.scratch, to + c, fold.load(fold.scratch, row + c))
    for x in range(1, size):
        for c in range(inner):
            merged = fold.merge(fold.load(fold.scratch, to + c), fold.load(fold.scratch, row + x * apart + c))
            fold.save(fold.scratch, to + c, merged)


def make_states(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None]) -> Callable[..., int]:
    """Return the kernel that folds what a part has of each window; where that is nothing it writes nothing.

    The lines of a window are folded into one row, the row along itself.
    """

    def fold_parts(src: Buffer, nodata: Buffer, geometry: Buffer, table_d: Buffer, table_h: Buffer, table_w: Buffer,
                   params: Buffer, first: Buffer, second: Buffer, third: Buffer, fourth: Buffer, fifth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        missing = Missing(geometry[SKIP_NAN], geometry[HAS_NODATA], nodata[0], load(scratch, 0))
        fold = FoldSteps(lift, merge, load, save, scratch, missing, (params[0], params[1]), nodata)
        inner, height, deep = geometry[INNER], geometry[H], geometry[D]
        room = geometry[W] * inner
        for a in range(geometry[OUTER]):
            for i in range(geometry[OUT_D]):
                for j in range(geometry[OUT_H]):
                    lines = table_d[ROW * i + SIZE] * table_h[ROW * j + SIZE]
                    for line in range(lines):
                        d = table_d[ROW * i + START] + line // table_h[ROW * j + SIZE] * geometry[STEP_D]
                        h = table_h[ROW * j + START] + line % table_h[ROW * j + SIZE] * geometry[STEP_H]
                        at = ((a * deep + d) * height + h) * room
                        if line == 0:
                            start_row(fold, src, at, 0, room)
                        else:
                            add_row(fold, src, at, 0, room)
                    to = room + ((a * geometry[OUT_D] + i) * geometry[OUT_H] + j) * geometry[OUT_W] * inner
                    for k in range(geometry[OUT_W]):
                        if lines * table_w[ROW * k + SIZE] > 0:
                            _fold_window(fold, table_w[ROW * k + START] * inner, to + k * inner,
                                         table_w[ROW * k + SIZE], geometry[STEP_W] * inner, inner)
        return 0

    return fold_parts


def make_merge(merge: Callable[..., Any], load: Callable[..., Any], save: Callable[..., None]) -> Callable[..., int]:
    """Return the kernel that merges COUNT states behind the first COUNT into those, or puts them in their place.

    ``begun`` tells for each whether there is something to merge with, ``more`` whether there is something to merge.
    """

    def merge_parts(begun: Buffer, more: Buffer, numbers: Buffer, first: Buffer, second: Buffer, third: Buffer,
                    fourth: Buffer, fifth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        for i in range(numbers[COUNT]):
            if more[i] and begun[i]:
                save(scratch, i, merge(load(scratch, i), load(scratch, numbers[COUNT] + i)))
            elif more[i]:
                save(scratch, i, load(scratch, numbers[COUNT] + i))
        return 0

    return merge_parts


def make_ending(load: Callable[..., Any], end: Callable[..., bool]) -> Callable[..., int]:
    """Return the kernel that writes values from states; ``bad`` marks those that have none, or none for sure."""

    def end_parts(dst: Buffer, fill: Buffer, numbers: Buffer, shares: Buffer, params: Buffer, limits: Buffer,
                  bad: Buffer, first: Buffer, second: Buffer, third: Buffer, fourth: Buffer, fifth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        output = Output(dst, fill[0], numbers[HAS_FILL], limits, numbers[ROUNDING], numbers[LOWEST], numbers[HIGHEST],
                        (params[0], params[1]))
        for i in range(numbers[COUNT]):
            good = end(load(scratch, i), shares[i], 0.5 / shares[i], output, i)
            bad[i] = 0 if good else 1
        return 0

    return end_parts
