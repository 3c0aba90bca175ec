"""The tall kernel: folds over windows that overlap down the rows, three merges a line whatever their height.

Each line is folded along itself once, for all the windows that it belongs to, and van Herk's and Gil and Werman's two
running folds take the place of the loop over a window's lines. Max 31x31/1 on 16 MP of uint8 is 2.2 times 3x3/1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .folds import Missing, Output, Scratch
from .numerics import Buffer
from .rows import (
    A0,
    A1,
    D0,
    D1,
    DOWN,
    FIRST,
    H0,
    H1,
    HAS_FILL,
    HAS_NODATA,
    INNER,
    LENGTH,
    LOW,
    OUT_D,
    OUT_H,
    OUT_W,
    ROUNDING,
    ROW,
    ROWS,
    SIZE,
    SKIP_NAN,
    START,
    STEP_W,
    STRIDE,
    TALL,
    TOP,
    W0,
    W1,
    Block,
    Fold,
    H,
    W,
    copy_row,
    end_windows,
    fill_row,
    fold_along,
    fold_lines,
    merge_rows,
)


def merge_into(fold: Any, b: int, to: int, n: int) -> None:
    """Merge the states at b into those at scratch[to :]."""
    for i in range(n):
        fold.save(fold.scratch, to + i, fold.merge(fold.load(fold.scratch, to + i), fold.load(fold.scratch, b + i)))


def pick_row(fold: Any, at: int, gap: int, inner: int, to: int, count: int) -> None:
    """scratch[to :] = the states of ``count`` windows, ``gap`` apart from ``at`` on, ``inner`` numbers each."""
    if gap == inner:
        copy_row(fold, at, to, count * inner)
    elif inner == 1 and gap == 2:
        for k in range(count):
            fold.save(fold.scratch, to + k, fold.load(fold.scratch, at + 2 * k))
    else:
        for k in range(count):
            for c in range(inner):
                fold.save(fold.scratch, to + k * inner + c, fold.load(fold.scratch, at + k * gap + c))


def line_of_windows(fold: Any, block: Block, identity: Any, a: int, d: int, d_size: int, h: int, to: int) -> None:
    """scratch[to :] = one line of samples folded along itself, a state for each window; the identity off the array."""
    geometry = block.geometry
    if h < 0 or h >= geometry[H]:
        fill_row(fold, identity, to, block.cells)
        return
    fold_lines(fold, block, a, d, d_size, h, 1)
    folded = fold_along(fold, block.kinds[0], geometry[STEP_W] * geometry[INNER], block.room, block.room)
    pick_row(fold, folded, geometry[STRIDE] * geometry[INNER], geometry[INNER], to, geometry[W1] - geometry[W0])


def tall_rows(fold: Any, end: Any, output: Output, block: Block, identity: Any, a: int, d: int, d_size: int, to: int,
              share: float, share_h: Buffer) -> bool:
    """Write a plane's rows of windows that overlap down the rows: three merges for each line, whatever their height.

    A ring holds as many lines as a window. From a line on, the ring's running fold from its end and the running fold of
    the lines that follow are merged to any window that starts within the ring (van Herk 1992, Gil and Werman 1993).
    """
    geometry, cells = block.geometry, block.cells
    tall, down, rows = geometry[TALL], geometry[DOWN], geometry[H1] - geometry[H0]
    running = ROWS * block.room + 1
    window = running + cells
    ring = window + cells
    top = geometry[TOP]
    good = True
    j = 0
    for t in range(tall):
        line_of_windows(fold, block, identity, a, d, d_size, top + t, ring + t * cells)
    while True:
        for t in range(tall - 2, -1, -1):
            merge_into(fold, ring + (t + 1) * cells, ring + t * cells, cells)
        for t in range(tall):
            if t > 0:
                line_of_windows(fold, block, identity, a, d, d_size, top + tall + t - 1, ring + (t - 1) * cells)
                if t == 1:
                    copy_row(fold, ring, running, cells)
                else:
                    merge_into(fold, ring + (t - 1) * cells, running, cells)
            if top + t == geometry[FIRST] + j * down:
                at = ring
                if t > 0:
                    merge_rows(fold, ring + t * cells, running, window, cells)
                    at = window
                good &= end_windows(fold, end, output, block, 0, at, geometry[INNER],
                                    to + j * geometry[OUT_W] * geometry[INNER], share * share_h[j])
                j += 1
                if j == rows:
                    return good
        line_of_windows(fold, block, identity, a, d, d_size, top + 2 * tall - 1, ring + (tall - 1) * cells)
        top += tall


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool]) -> Callable[..., int]:
    """Return the tall kernel of one fold; as ``rows.make_kernel``."""

    def pool_tall(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                  table_h: Buffer, table_w: Buffer, kinds: Buffer, share_d: Buffer, share_h: Buffer, share_w: Buffer,
                  params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer) -> int:
        fold = Fold(lift, merge, load, save, Scratch(first, second, third),
                    Missing(geometry[SKIP_NAN], geometry[HAS_NODATA], nodata[0], nodata[1]), params)
        output = Output(dst, fill[0], geometry[HAS_FILL], limits, geometry[ROUNDING], params)
        inner, low = geometry[INNER], geometry[LOW]
        left = max(low, 0)
        block = Block(src, geometry, table_w, kinds, share_w, geometry[LENGTH] * inner,
                      (geometry[W1] - geometry[W0]) * inner, left,
                      (min(low + geometry[LENGTH], geometry[W]) - left) * inner)
        identity = load(fold.scratch, ROWS * block.room)
        fill_row(fold, identity, 0, block.room)
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                plane = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0]
                to = (plane * geometry[OUT_W] + geometry[W0]) * inner
                good &= tall_rows(fold, end, output, block, identity, a, table_d[ROW * i + START],
                                  table_d[ROW * i + SIZE], to, share_d[i], share_h)
        return 0 if good else 1

    return pool_tall
