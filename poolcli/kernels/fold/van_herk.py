"""The tall kernel: folds over windows that overlap down the rows, three merges a line whatever their height.

The lines of a window are folded first, by van Herk's and Gil and Werman's two running folds, and the row that comes out
along itself (``fold_row.py``). Max 31x31/1 on 16 MP of uint8 takes 3.3 ms, avg of float32 21;
with each line folded along itself first, by doubling, it was 4.6 and 29. Sums of whole numbers, from which a line can
be taken away again without an error, need one running row: two loads of samples a line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..double_double import Buffer
from .finalizers import Output
from .fold_row import fold_by_steps
from .fold_states import Scratch
from .rows import (
    A0,
    A1,
    D0,
    D1,
    DOWN,
    FIRST,
    H0,
    H1,
    IDENTITY,
    INNER,
    LENGTH,
    LOW,
    OUT_D,
    OUT_H,
    OUT_W,
    ROW,
    SIZE,
    START,
    STEP_D,
    STEP_W,
    TALL,
    TOP,
    W0,
    W1,
    Block,
    D,
    H,
    W,
    add_row,
    copy_row,
    end_windows,
    fill_row,
    fold_over,
    merge_rows,
    output_to,
)


def _with_row(fold: Any, src: Buffer, at: int, a: int, to: int, n: int) -> None:
    """scratch[to :] = the states at a, merged with n samples."""
    for i in range(n):
        b = fold.lift(fold, src, at + i)
        fold.save(fold.scratch, to + i, fold.merge(fold.load(fold.scratch, a + i), b))


def _run_on(fold: Any, src: Buffer, at: int, running: int, a: int, to: int, n: int) -> None:
    """Merge n samples into those running, and scratch[to :] = the states at a merged with these."""
    for i in range(n):
        b = fold.lift(fold, src, at + i)
        state = fold.merge(fold.load(fold.scratch, running + i), b)
        fold.save(fold.scratch, running + i, state)
        fold.save(fold.scratch, to + i, fold.merge(fold.load(fold.scratch, a + i), state))


class _PlaneLines(NamedTuple):
    """The lines of samples that the windows of a plane are made of."""

    block: Block
    first: int
    """Where line 0 of the first plane begins, from the first sample that counts on."""
    deep: int
    """Planes of a window."""
    to: int
    """The place of the first sample that counts in a scratch row."""


def _with_line(fold: Any, lines: _PlaneLines, h: int, a: int, to: int) -> None:
    """scratch[to :] = the states at a merged with line h of all planes, which may lie off the array."""
    geometry, n = lines.block.geometry, lines.block.n
    if h < 0 or h >= geometry[H]:
        if a != to:
            copy_row(fold, a, to, n)
        return
    line = geometry[W] * geometry[INNER]
    at = lines.first + h * line
    _with_row(fold, lines.block.src, at, a, to, n)
    for i in range(1, lines.deep):
        add_row(fold, lines.block.src, at + i * geometry[STEP_D] * geometry[H] * line, to, n)


def _run_on_line(fold: Any, lines: _PlaneLines, h: int, running: int, a: int, to: int) -> None:
    """Merge line h into those running, and scratch[to :] = the states at a merged with these."""
    geometry = lines.block.geometry
    if lines.deep == 1 and 0 <= h < geometry[H]:
        at = lines.first + h * geometry[W] * geometry[INNER]
        _run_on(fold, lines.block.src, at, running, a, to, lines.block.n)
        return
    _with_line(fold, lines, h, running, running)
    merge_rows(fold, a, running, to, lines.block.n)


def _tall_rows(fold: Any, subtract: Any, end: Any, output: Output, lines: _PlaneLines, to: int, share: float,
               share_h: Buffer) -> bool:
    """Write a plane's rows of windows that overlap down the rows: three merges for each line, whatever their height.

    A ring holds, for each line of a window but the first, the fold from there to the window's end. Merged with the
    running fold of the lines that follow it makes any window that starts there (van Herk 1992, Gil and Werman 1993).
    """
    block = lines.block
    geometry, room = block.geometry, block.room
    tall, unit = geometry[TALL], geometry[STEP_W] * geometry[INNER]
    running = geometry[IDENTITY] + geometry[INNER]
    top = geometry[TOP]
    good = True
    j = 0
    while True:
        fill_row(fold, fold.missing.none, running, block.n)
        _with_line(fold, lines, top + tall - 1, running, running + (tall - 1) * room)
        for t in range(tall - 2, 0, -1):
            _with_line(fold, lines, top + t, running + (t + 1) * room, running + t * room)
        for t in range(tall):
            starts = top + t == geometry[FIRST] + j * geometry[DOWN]
            if t == 0 and starts:
                _with_line(fold, lines, top, running + room, lines.to)
            elif starts:
                _run_on_line(fold, lines, top + tall + t - 1, running, running + t * room, lines.to)
            elif t > 0:
                _with_line(fold, lines, top + tall + t - 1, running, running)
            if starts:
                folded = fold_by_steps(fold, block.kinds, unit, room)
                good &= end_windows(fold, end, output, block, 0, folded, 0,
                                    to + j * geometry[OUT_W] * geometry[INNER], share * share_h[j])
                j += 1
                if j == geometry[H1] - geometry[H0]:
                    return good
        top += tall


def _exchange_row(fold: Any, subtract: Any, src: Buffer, at: int, gone: int, to: int, n: int) -> None:
    """Let n samples into scratch[to :] and take n others out."""
    for i in range(n):
        state = fold.merge(fold.load(fold.scratch, to + i), fold.lift(fold, src, at + i))
        fold.save(fold.scratch, to + i, subtract(state, fold.lift(fold, src, gone + i)))


def _take_row(fold: Any, subtract: Any, src: Buffer, at: int, to: int, n: int) -> None:
    """Take n samples out of scratch[to :]."""
    for i in range(n):
        state = subtract(fold.load(fold.scratch, to + i), fold.lift(fold, src, at + i))
        fold.save(fold.scratch, to + i, state)


def _move_lines(fold: Any, subtract: Any, lines: _PlaneLines, gone: int, come: int) -> None:
    """Let line ``come`` of all planes into scratch row 0 and take line ``gone`` out; below 0 or off the array: none."""
    geometry, n, src = lines.block.geometry, lines.block.n, lines.block.src
    line = geometry[W] * geometry[INNER]
    for i in range(lines.deep):
        plane = lines.first + i * geometry[STEP_D] * geometry[H] * line
        if gone >= 0 and 0 <= come < geometry[H]:
            _exchange_row(fold, subtract, src, plane + come * line, plane + gone * line, lines.to, n)
        elif 0 <= come < geometry[H]:
            add_row(fold, src, plane + come * line, lines.to, n)
        elif gone >= 0:
            _take_row(fold, subtract, src, plane + gone * line, lines.to, n)


def _running_rows(fold: Any, subtract: Any, end: Any, output: Output, lines: _PlaneLines, to: int, share: float,
                  share_h: Buffer) -> bool:
    """``_tall_rows`` for sums of whole numbers: row 0 holds those of all lines of a window."""
    block = lines.block
    geometry = block.geometry
    tall, first, unit = geometry[TALL], geometry[FIRST], geometry[STEP_W] * geometry[INNER]
    fill_row(fold, fold.missing.none, lines.to, block.n)
    for t in range(tall):
        _move_lines(fold, subtract, lines, -1, first + t)
    good = True
    for j in range(geometry[H1] - geometry[H0]):
        folded = fold_by_steps(fold, block.kinds, unit, block.room)
        good &= end_windows(fold, end, output, block, 0, folded, 0, to + j * geometry[OUT_W] * geometry[INNER],
                            share * share_h[j])
        if j + 1 < geometry[H1] - geometry[H0]:
            for t in range(geometry[DOWN]):
                _move_lines(fold, subtract, lines, first + t, first + tall + t)
            first += geometry[DOWN]
    return good


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool],
                subtract: Callable[..., Any] | int = 0) -> Callable[..., int]:
    """Return the tall kernel of one fold; as ``rows.make_kernel``. ``subtract`` takes a state out of another, if given.
    """
    fold_plane = _running_rows if subtract else _tall_rows

    def pool_tall(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
                  table_h: Buffer, table_w: Buffer, kinds: Buffer, share_d: Buffer, share_h: Buffer, share_w: Buffer,
                  params: Buffer, limits: Buffer, first: Buffer, second: Buffer, third: Buffer,
                   fourth: Buffer, fifth: Buffer) -> int:
        scratch = Scratch(first, second, third, fourth, fifth)
        fold = fold_over(lift, merge, load, save, scratch, geometry, nodata, geometry[IDENTITY], params)
        output = output_to(dst, fill, geometry, limits, params)
        inner, low = geometry[INNER], geometry[LOW]
        left = max(low, 0)
        block = Block(src, geometry, table_w, kinds, share_w, geometry[LENGTH] * inner,
                      (geometry[W1] - geometry[W0]) * inner, left,
                      (min(low + geometry[LENGTH], geometry[W]) - left) * inner)
        fill_row(fold, fold.missing.none, 0, block.room)
        good = True
        for a in range(geometry[A0], geometry[A1]):
            for i in range(geometry[D1] - geometry[D0]):
                plane = a * geometry[D] + table_d[ROW * i + START]
                lines = _PlaneLines(block, (plane * geometry[H] * geometry[W] + left) * inner, table_d[ROW * i + SIZE],
                                    (left - low) * inner)
                to = ((a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0]) * geometry[OUT_W]
                good &= fold_plane(fold, subtract, end, output, lines, (to + geometry[W0]) * inner, share_d[i], share_h)
        return 0 if good else 1

    return pool_tall
