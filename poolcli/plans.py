"""Plans: where the windows lie and what shape comes out, made from a shape alone."""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import axes
from .errors import PoolError
from .windows import Windows


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the windows lie and what shape comes out: geometry alone, made from a shape."""

    axes: axes.Axes
    input_shape: tuple[int, ...]
    windows: tuple[Windows, ...]
    """One for each pooled axis, in axis order."""
    squeeze: bool = False

    @property
    def full_shape(self) -> tuple[int, ...]:
        """The result's shape before ``squeeze``."""
        shape = list(self.input_shape)
        for i, windows in zip(self.axes.pooled, self.windows, strict=True):
            shape[i] = len(windows)
        return tuple(shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The result's shape."""
        gone = {i for i in self.axes.pooled if self.squeeze and self.full_shape[i] == 1}
        return tuple(n for i, n in enumerate(self.full_shape) if i not in gone)

    @property
    def output_letters(self) -> str:
        """The layout letters of the result."""
        gone = {i for i in self.axes.pooled if self.squeeze and self.full_shape[i] == 1}
        return "".join(letter for i, letter in enumerate(self.axes.letters) if i not in gone)

    @property
    def uncovered(self) -> dict[str, int]:
        """For each pooled axis' letter, how many of its samples no window reaches."""
        return dict(zip(self.axes.pooled_letters(), (w.uncovered() for w in self.windows), strict=True))

    @property
    def coverage(self) -> float:
        """The share of samples that lie in at least one window."""
        share = 1.0
        for windows in self.windows:
            share *= 1 - windows.uncovered() / windows.length
        return share


@dataclass(frozen=True)
class Part:
    """Where a part of a plan stands in the whole."""

    of: Plan
    first_output: int
    """The flat index of its first output."""
    origin: int
    """Where the whole's first window along H starts, in the part's rows."""


def check_memory(plan: Plan) -> None:
    """Refuse a result larger than the machine's memory before anything is allocated."""
    outputs = 1
    for n in plan.full_shape:
        outputs *= n
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**63
    if outputs > memory:
        raise PoolError(f"a result of shape {axes.describe(plan.full_shape)} is larger than this machine's memory "
                        f"({memory >> 30} GiB)")
