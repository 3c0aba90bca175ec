"""An axis' windows in stretches of equal ones: what can be done side by side."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..windows import Windows

MOST_PIECES = 24
"""Stretches of equal windows along one axis; more, and windows are too irregular for lanes."""


@dataclass(frozen=True, eq=False)
class Stretch:
    """Neighbouring windows of one axis with equally many samples, at equal distances."""

    begin: int
    """The number of the first one."""
    starts: NDArray[np.int64]
    count: int
    apart: int
    """From one window's start to the next."""

    def __getitem__(self, part: slice) -> Stretch:
        """Some of the windows, by their numbers on the axis."""
        kept = slice(part.start - self.begin, part.stop - self.begin)
        return Stretch(part.start, self.starts[kept], self.count, self.apart)


def stretches(windows: Windows) -> list[Stretch] | None:
    """An axis cut where its windows change; None if there is an empty one, or if they do not lie at equal distances."""
    first, count = windows.present()
    bounds = [0, *(np.flatnonzero(np.diff(count)) + 1), len(count)]
    if len(bounds) > MOST_PIECES + 1 or not count.all():
        return None
    found = []
    for begin, stop in pairwise(int(bound) for bound in bounds):
        distances = np.diff(first[begin:stop])
        apart = int(distances[0]) if len(distances) else 1
        if apart < 1 or (distances != apart).any():
            return None
        found.append(Stretch(begin, first[begin:stop], int(count[begin]), apart))
    return found


def find(axis: list[Stretch], part: tuple[int, int]) -> Stretch:
    """The windows of a block, which lie in one stretch."""
    stretch = next(s for s in reversed(axis) if s.begin <= part[0])
    return stretch[part[0] : part[1]]
