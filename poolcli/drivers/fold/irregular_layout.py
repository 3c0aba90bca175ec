"""Lay out a plan for the irregular kernel (``kernels/irregular.py``): the windows along W in stretches."""

from __future__ import annotations

from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from ...core.windows import Windows, as_array
from ...kernels.fold.unrolled import PARTS
from ..kernel_task import Array, Block, KernelTask
from .fold_run import FoldLayout, Prepared, RowWindows

_LINES = 12
"""Lines of the cache of a stretch, which are asked for at once: max fractional 2.5 of 16 MP of float32 takes 3.1 ms,
with 4 of them 3.9, with 16 4.1, with 32 5.5.
"""
_MOST_SAMPLES = 16
"""Samples of the largest window that the kernel is made for: those of larger ones are better shared."""


def constants_if_irregular(work: KernelTask) -> tuple[int, ...] | None:
    """What the irregular kernel is made for: planes of a window, lines and whether there may be one more, columns and
    how many sizes there are of these, samples in a line of the cache. None where it does not serve.
    """
    regular = all(isinstance(w.starts, range) for w in work.windows[1:])
    steady = all(w.step == 1 and not w.before + w.after for w in work.windows)
    (deep, deeper), (rows, more), (size, others) = map(_find_sizes, work.windows)
    most = deep, rows + more, size + others
    few = max(most) <= PARTS and prod(most) <= _MOST_SAMPLES
    if regular or not steady or deeper or more > 1 or others > 2 or not few or work.array.shape[3] < 2 * _pixels(work):
        return None
    return deep, rows, more, size, others + 1, 64 // work.array.itemsize


def _find_sizes(windows: Windows) -> tuple[int, int]:
    """The smallest size of an axis' windows, and how much larger the largest is."""
    smallest, largest = windows.distinct_sizes[0], windows.distinct_sizes[-1]
    return smallest, largest - smallest


def _pixels(work: KernelTask) -> int:
    """Pixels of a stretch."""
    return max(1, _LINES * 64 // int(work.array.itemsize * work.array.shape[4]))


class IrregularLayout(FoldLayout):
    """A plan of windows that lie at will."""

    def windows_across(self, extent: int, inner: int, apart: int, most: int) -> int:
        """All windows of a row are in one block; the kernel takes them stretch by stretch."""
        return len(self.work.windows[2])

    def buffers(self, block: Block) -> Prepared:
        """The buffers of a block."""
        across, table = self.stretches
        lines = [t[i0:i1] for t, (i0, i1) in zip(self.tables, block[1:3], strict=True)]
        shares = [s[i0:i1] for s, (i0, i1) in zip(self.shares[:2], block[1:3], strict=True)]
        share_of = np.ones(self.rows)
        share_of[self.work.windows[2].sizes - self.kinds[0]] = self.shares[2]
        return Prepared((*self.missing, self.geometry(block, across), *lines, across.places, table, *shares, share_of,
                         *self.ending), 1, 0)

    @property
    def rows(self) -> int:
        """How many sizes results are made of."""
        return int(self.kinds[-1] - self.kinds[0]) + 1

    def own(self) -> list[Array]:
        """A runner's room for results of every size."""
        return [np.empty(self.rows * self.stretches[0].length * self.work.array.shape[4], self.work.written)]

    @cached_property
    def stretches(self) -> tuple[RowWindows, NDArray[np.int64]]:
        """Where the result of each window is picked from, and the table of stretches."""
        width = self.work.windows[2]
        starts, kinds = as_array(width.starts), width.sizes - self.kinds[0]
        last = max(0, width.length - int(self.kinds[-1]) + 1)  # from here on the largest windows do not fit
        most = min(_pixels(self.work), last)
        places = most * kinds
        table, k = [], 0
        while k < len(starts) and starts[k] < last:
            left = min(int(starts[k]), last - most)
            stop = int(np.searchsorted(starts, left + most))
            places[k:stop] += starts[k:stop] - left
            table.append((k, stop, left, most))
            k = stop
        table += [(i, int(kinds[i]), int(starts[i]), 0) for i in range(k, len(starts))]
        return RowWindows(places, 0, most, (0, 0), False, len(table)), np.array(table, np.int64)
