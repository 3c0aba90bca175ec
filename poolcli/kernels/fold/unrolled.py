"""A small window's samples, merged where they lie: its size, stride and channels are constants of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..double_double import Buffer
from .finalizers import Output
from .fold_states import Scratch
from .rows import FoldSteps

PARTS = 8
"""The most parts that ``few`` merges."""


class SampleGrid(NamedTuple):
    """A fold, the samples it reads where they lie, and a window's place among them."""

    fold: FoldSteps
    src: Buffer
    plane: int
    """The distance of a window's planes and lines, and how many planes, lines and columns it has."""
    line: int
    deep: int
    rows: int
    size: int
    apart: int
    """From one window's start to the next, in pixels."""
    inner: int
    row: int
    """States of a scratch row."""
    spare: int
    """Columns beyond those of a chunk that are made where nothing is dealt out, for the windows' ends."""
    columns: Scratch
    """A row of columns before they are dealt out: buffers of its own, so that this is vector code."""


class Line(NamedTuple):
    """A row of windows: where pixel 0 of its first line lies, and how many planes and lines of a window it has."""

    at: int
    deep: int
    rows: int
    width: int
    total: int
    """Samples of the array up to here may be read, whether they count or not."""
    share: float
    """What a window's sum is divided by, but for its share along W."""
    share_w: Buffer
    k0: int
    """The windows from here up to k1 have equal shares."""
    k1: int


def sample(grid: Any, at: int, i: int) -> Any:
    """The state of line i of a column in one plane."""
    return grid.fold.lift(grid.fold, grid.src, at + i * grid.line)


def _plane(grid: Any, at: int, i: int) -> Any:
    """The state of a column in plane i."""
    return few(grid, sample, at + i * grid.plane, grid.rows)


def column(grid: Any, at: int, i: int) -> Any:
    """The state of a window's column i."""
    return few(grid, _plane, at + i * grid.inner, grid.deep)


def kept(grid: Any, at: int, i: int) -> Any:
    """The same from the scratch rows, one for each place that a column may have beside the start of a window."""
    row, beyond = i % grid.apart, i // grid.apart
    return grid.fold.load(grid.fold.scratch, row * grid.row + at + beyond * grid.inner)


def few(grid: Any, part: Callable[..., Any], at: int, n: int) -> Any:
    """The merged states of one to PARTS parts. No loop: one with a state in it would not become vector code."""
    if n <= 4:
        return _up_to_four(grid, part, at, 0, n)
    return grid.fold.merge(_up_to_four(grid, part, at, 0, 4), _up_to_four(grid, part, at, 4, n - 4))


def _up_to_four(grid: Any, part: Callable[..., Any], at: int, i: int, n: int) -> Any:
    """The merged states of one to four parts, from i on."""
    a = part(grid, at, i)
    if n == 1:
        return a
    b = part(grid, at, i + 1)
    if n == 2:
        return grid.fold.merge(a, b)
    c = part(grid, at, i + 2)
    if n == 3:
        return grid.fold.merge(grid.fold.merge(a, b), c)
    return grid.fold.merge(grid.fold.merge(a, b), grid.fold.merge(c, part(grid, at, i + 3)))


def clipped_window(grid: Any, at: int, deep: int, rows: int, size: int) -> Any:
    """The state of a window that has fewer samples than others."""
    state = sample(grid, at, 0)
    for i in range(deep):
        for j in range(rows):
            for k in range(1 if i + j == 0 else 0, size):
                state = grid.fold.merge(state, sample(grid, at + i * grid.plane + k * grid.inner, j))
    return state


def where_they_lie(grid: Any, line: Any, x: int, k: int, count: int, identity: Any, end: Any, end_full: Any,
                   output: Output, to: int, samples: int) -> bool:
    """Write ``count`` windows of ``samples`` samples from pixel x on, merged where they lie."""
    at = line.at + x * grid.inner
    good = True
    for j in range(count):
        for c in range(grid.inner):
            state = few(grid, column, at + j * grid.apart * grid.inner + c, grid.size)
            good &= end_full(state, float(samples), 0.5 / samples, output, to + j * grid.inner + c)
    return good
