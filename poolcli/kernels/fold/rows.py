"""The row kernel: folds over windows that are small, or overlap, at the memory's speed.

The rows of a window are folded into one scratch row first: contiguous, whatever the channels, so it is vector code. The
row is then folded along itself by doubling (spans of 1, 2, 4, ... from two shifted copies), log2(size) passes for any
size and dilation, and the windows' places are picked from it. Positions in the padding hold the fold's identity, so
clipped windows cost nothing extra. ``small.py`` and ``van_herk.py`` are this kernel for two cases that are worth it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..double_double import Buffer
from .finalizers import Output
from .fold_states import Missing, Scratch

# The whole numbers of one block, by their place in ``geometry``. Places along W are counted from LOW, the first place
# that a window of the block has (below 0: padding); the block's scratch row has LENGTH of them. Windows K0:K1 of the
# block have equal counts. Where TALL, windows of that many rows start every DOWN rows from FIRST on, the rings at TOP.
# Where LISTED, windows lie at will: the row folded for each of the KINDS is kept, and a place counts from there.
# The scratch space has the state of no sample at IDENTITY. Integer results lie between LOWEST and HIGHEST.
(D, H, W, INNER, OUT_D, OUT_H, OUT_W, STEP_D, STEP_H, STEP_W, A0, A1, D0, D1, H0, H1, W0, W1,
 SKIP_NAN, HAS_NODATA, HAS_FILL, ROUNDING, LOW, LENGTH, K0, K1, STRIDE, KINDS, TALL, TOP, FIRST, DOWN,
 LISTED, STRETCHES, IDENTITY, LOWEST, HIGHEST) = range(37)

ROW = 2
START, SIZE = 0, 1
"""One window of one axis in its table: for D and H its first sample and how many, for W its place and its full size."""

ROWS = 5
"""Scratch rows for folding along a row: the folded samples, and four to go back and forth between."""


def scratch_size(length: int, inner: int, tall: int, listed: int) -> int:
    """How many states the scratch space must hold; the first beyond the rows is the identity."""
    return (ROWS + listed + tall) * length * inner + inner


def kept_row(kind: int, length: int) -> int:
    """Where the row of a kind is kept, in places."""
    return (ROWS + kind) * length + 1


class FoldSteps(NamedTuple):
    """The steps of a fold, and the room it works in."""

    lift: Callable[..., Any]
    merge: Callable[..., Any]
    load: Callable[..., Any]
    save: Callable[..., None]
    scratch: Scratch
    missing: Missing
    params: tuple[float, float]
    """Values: a buffer that is read in a loop might be written there too, for all that LLVM knows."""
    weights: Buffer
    """How much each sample counts, where that is asked."""


def fold_over(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any], save: Callable[..., None],
              scratch: Scratch, geometry: Buffer, nodata: Buffer, identity: int, params: Buffer) -> FoldSteps:
    """Return a fold from its steps and buffers; the state of no sample lies at ``identity``.

    ``nodata`` has the value of missing samples or, of a fold that reads them, a weight for each sample.
    """
    missing = Missing(geometry[SKIP_NAN], geometry[HAS_NODATA], nodata[0], load(scratch, identity))
    return FoldSteps(lift, merge, load, save, scratch, missing, (params[0], params[1]), nodata)


def output_to(dst: Buffer, fill: Buffer, geometry: Buffer, limits: Buffer, params: Buffer) -> Output:
    """Return what finalizers need to write to dst."""
    return Output(dst, fill[0], geometry[HAS_FILL], limits, geometry[ROUNDING], geometry[LOWEST], geometry[HIGHEST],
                  (params[0], params[1]))


def start_row(fold: Any, src: Buffer, at: int, to: int, n: int) -> None:
    """scratch[to :] = the states of n samples."""
    for i in range(n):
        fold.save(fold.scratch, to + i, fold.lift(fold, src, at + i))


def _start_two_rows(fold: Any, src: Buffer, at: int, and_at: int, to: int, n: int) -> None:
    """scratch[to :] = the merged states of two rows of n samples."""
    for i in range(n):
        a = fold.lift(fold, src, at + i)
        b = fold.lift(fold, src, and_at + i)
        fold.save(fold.scratch, to + i, fold.merge(a, b))


def add_row(fold: Any, src: Buffer, at: int, to: int, n: int) -> None:
    """Merge n samples into scratch[to :]."""
    for i in range(n):
        b = fold.lift(fold, src, at + i)
        fold.save(fold.scratch, to + i, fold.merge(fold.load(fold.scratch, to + i), b))


def add_four_rows(fold: Any, src: Buffer, at: int, apart: int, to: int, n: int) -> None:
    """Merge four rows of n samples into scratch[to :]: a state is read and written once for four samples."""
    for i in range(n):
        a = fold.merge(fold.load(fold.scratch, to + i), fold.lift(fold, src, at + i))
        b = fold.merge(a, fold.lift(fold, src, at + apart + i))
        c = fold.merge(b, fold.lift(fold, src, at + 2 * apart + i))
        fold.save(fold.scratch, to + i, fold.merge(c, fold.lift(fold, src, at + 3 * apart + i)))


def merge_rows(fold: Any, a: int, b: int, to: int, n: int) -> None:
    """scratch[to :] = the merged states at a and at b."""
    for i in range(n):
        fold.save(fold.scratch, to + i, fold.merge(fold.load(fold.scratch, a + i), fold.load(fold.scratch, b + i)))


def copy_row(fold: Any, a: int, to: int, n: int) -> None:
    """scratch[to :] = scratch[a :]."""
    for i in range(n):
        fold.save(fold.scratch, to + i, fold.load(fold.scratch, a + i))


def fill_row(fold: Any, identity: Any, to: int, n: int) -> None:
    """scratch[to :] = the identity."""
    for i in range(n):
        fold.save(fold.scratch, to + i, identity)


def _free_row(a: int, b: int, room: int) -> int:
    """A scratch row for folding that is neither a nor b."""
    row = room
    while row in (a, b):
        row += room
    return row


def _fold_along(fold: Any, size: int, step: int, room: int, n: int) -> int:
    """Fold the row at 0 along itself over windows of ``size`` samples ``step`` apart; return where the result is.

    Spans of 1, 2, 4, ... samples are doubled from row to row; those that make up ``size`` are merged as they come.
    """
    power = 0
    result = -1
    covered = 0
    span = 1
    while True:
        if size & span:
            if result < 0:
                result = power
            else:
                to = _free_row(power, result, room)
                merge_rows(fold, result, power + covered * step, to, n - (covered + span - 1) * step)
                result = to
            covered += span
        if 2 * span > size:
            return result
        to = _free_row(power, result, room)
        merge_rows(fold, power, power + span * step, to, n - (2 * span - 1) * step)
        power = to
        span *= 2


def _end_run(fold: Any, end: Any, output: Output, at: int, gap: int, inner: int, to: int, count: int, n: float) -> bool:
    """Write ``count`` windows of n samples each: states ``gap`` apart from ``at`` on, ``inner`` each, to dst[to :].

    The first three cases are the general one with constants that make it vector code: a map of one channel at its
    usual strides, and three channels.
    """
    inverse = 0.5 / n
    good = True
    if gap == inner:
        for i in range(count * inner):
            good &= end(fold.load(fold.scratch, at + i), n, inverse, output, to + i)
    elif inner == 1 and gap == 2:
        for k in range(count):
            good &= end(fold.load(fold.scratch, at + 2 * k), n, inverse, output, to + k)
    elif inner == 3 and gap == 6:
        for k in range(count):
            for c in range(3):
                good &= end(fold.load(fold.scratch, at + 6 * k + c), n, inverse, output, to + 3 * k + c)
    else:
        for k in range(count):
            for c in range(inner):
                good &= end(fold.load(fold.scratch, at + k * gap + c), n, inverse, output, to + k * inner + c)
    return good


class Block(NamedTuple):
    """What the rows of a block have in common."""

    src: Buffer
    geometry: Buffer
    table_w: Buffer
    kinds: Buffer
    share_w: Buffer
    room: int
    """Numbers in a scratch row."""
    cells: int
    """Numbers in a row of output."""
    left: int
    """The first sample of a row that counts."""
    n: int
    """Numbers from there on that count."""


def _fold_lines(fold: Any, block: Block, a: int, d: int, d_size: int, h: int, h_size: int) -> None:
    """Fold d_size x h_size lines of samples into scratch row 0."""
    geometry = block.geometry
    inner, width, step_h = geometry[INNER], geometry[W], geometry[STEP_H]
    to = (block.left - geometry[LOW]) * inner
    for i in range(d_size):
        plane = (a * geometry[D] + d + i * geometry[STEP_D]) * geometry[H]
        begun = 0
        if i == 0:
            at = ((plane + h) * width + block.left) * inner
            if h_size > 1:
                _start_two_rows(fold, block.src, at, at + step_h * width * inner, to, block.n)
            else:
                start_row(fold, block.src, at, to, block.n)
            begun = 2
        for j in range(begun, h_size):
            add_row(fold, block.src, ((plane + h + j * step_h) * width + block.left) * inner, to, block.n)


def _fold_long_lines(fold: Any, block: Block, a: int, d: int, d_size: int, h: int, h_size: int) -> None:
    """``_fold_lines`` in the same order, four lines at once: a long scratch row is read and written less."""
    geometry = block.geometry
    inner, width, step_h = geometry[INNER], geometry[W], geometry[STEP_H]
    to = (block.left - geometry[LOW]) * inner
    _fold_lines(fold, block, a, d, 1, h, min(h_size, 2))
    for i in range(d_size):
        plane = (a * geometry[D] + d + i * geometry[STEP_D]) * geometry[H]
        begun = min(h_size, 2) if i == 0 else 0
        fours = (h_size - begun) // 4
        for j in range(fours):
            at = ((plane + h + (begun + 4 * j) * step_h) * width + block.left) * inner
            add_four_rows(fold, block.src, at, step_h * width * inner, to, block.n)
        for j in range(begun + 4 * fours, h_size):
            add_row(fold, block.src, ((plane + h + j * step_h) * width + block.left) * inner, to, block.n)


def end_windows(fold: Any, end: Any, output: Output, block: Block, kind: int, at: int, gap: int, to: int,
                share: float) -> bool:
    """Write the windows of one size in a row; with ``gap`` 0 they lie where their table says, else ``gap`` apart."""
    geometry = block.geometry
    inner = geometry[INNER]
    good = True
    k = 0
    while k < geometry[W1] - geometry[W0]:
        count = geometry[K1] - geometry[K0] if k == geometry[K0] and geometry[K1] > k else 1
        if block.table_w[ROW * k + SIZE] == block.kinds[kind]:
            place = k * gap if gap else block.table_w[ROW * k + START] * inner
            apart = gap if gap else geometry[STRIDE] * inner
            n = share * block.share_w[k]
            good &= _end_run(fold, end, output, at + place, apart, inner, to + k * inner, count, n)
        k += count
    return good


def _end_listed(fold: Any, end: Any, output: Output, block: Block, to: int, share: float) -> bool:
    """Write a row of windows that lie at will, one after the other: a state for each, wherever it is kept."""
    inner, table = block.geometry[INNER], block.table_w
    good = True
    if inner == 1:
        for k in range(block.cells):
            n = share * block.share_w[k]
            good &= end(fold.load(fold.scratch, table[ROW * k + START]), n, 0.5 / n, output, to + k)
        return good
    for k in range(block.cells // inner):
        n = share * block.share_w[k]
        for c in range(inner):
            state = fold.load(fold.scratch, table[ROW * k + START] * inner + c)
            good &= end(state, n, 0.5 / n, output, to + k * inner + c)
    return good


def make_kernel(lift: Callable[..., Any], merge: Callable[..., Any], load: Callable[..., Any],
                save: Callable[..., None], end: Callable[..., bool], long: int = 0) -> Callable[..., int]:
    """Return the row kernel of one fold, made for ``long`` rows or not: a function over flat buffers.

    It returns 0, or 1 where some window of the block is one for the general kernel.
    """
    fold_some = _fold_long_lines if long else _fold_lines

    def pool_rows(src: Buffer, dst: Buffer, nodata: Buffer, fill: Buffer, geometry: Buffer, table_d: Buffer,
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
                d, d_size = table_d[ROW * i + START], table_d[ROW * i + SIZE]
                plane = (a * geometry[OUT_D] + geometry[D0] + i) * geometry[OUT_H] + geometry[H0]
                for j in range(geometry[H1] - geometry[H0]):
                    fold_some(fold, block, a, d, d_size, table_h[ROW * j + START], table_h[ROW * j + SIZE])
                    to = ((plane + j) * geometry[OUT_W] + geometry[W0]) * inner
                    share = share_d[i] * share_h[j]
                    for kind in range(geometry[KINDS]):
                        folded = _fold_along(fold, kinds[kind], geometry[STEP_W] * inner, block.room, block.room)
                        if geometry[LISTED]:
                            copy_row(fold, folded, kept_row(kind, geometry[LENGTH]) * inner, block.room)
                        else:
                            good &= end_windows(fold, end, output, block, kind, folded, 0, to, share)
                    if geometry[LISTED]:
                        good &= _end_listed(fold, end, output, block, to, share)
        return 0 if good else 1

    return pool_rows
