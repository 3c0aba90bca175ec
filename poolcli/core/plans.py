"""Plans: where the windows lie and what shape comes out, made from a shape alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product, repeat
from math import prod
from typing import Any

from ..errors import PoolError
from . import axes
from .memory_budget import check_room
from .windows import Windows


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the windows lie and what shape comes out: geometry alone, made from a shape.

    Attributes
    ----------
    axes
        The layout, and which axes are pooled.
    input_shape
        The shape that it was made for.
    windows
        One for each pooled axis, in axis order.
    squeeze
        Pooled axes of length 1 are dropped from the result.
    full_shape, output_shape
        The result's shape before ``squeeze``, and after.
    output_letters
        The layout letters of the result.
    uncovered
        For each pooled axis' letter, how many of its samples no window reaches.
    coverage
        The share of samples that lie in at least one window, from 0 to 1.

    Examples
    --------
    >>> import poolcli
    >>> found = poolcli.plan((3, 5, 6), size=2, layout="CHW")
    >>> found.output_shape, found.output_letters, found.uncovered, found.coverage
    ((3, 2, 3), 'CHW', {'H': 1, 'W': 0}, 0.8)
    """

    axes: axes.Axes
    input_shape: tuple[int, ...]
    windows: tuple[Windows, ...]
    squeeze: bool = False

    @cached_property
    def full_shape(self) -> tuple[int, ...]:
        """The result's shape before ``squeeze``."""
        shape = list(self.input_shape)
        for i, windows in zip(self.axes.pooled, self.windows, strict=True):
            shape[i] = len(windows.starts)
        return tuple(shape)

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """The result's shape."""
        gone = find_squeezed(self)
        return tuple(n for i, n in enumerate(self.full_shape) if i not in gone)

    def check_whole_samples(self, study: str) -> None:
        """Refuse windows of which samples count by parts, for a study that knows of whole ones only."""
        if self.count_wholly() is not self:
            raise PoolError(f"{study} does not know of samples that count by their part; --touch all, or adaptive "
                            "windows, would work")

    def count_wholly(self) -> Plan:
        """The same where each sample counts wholly."""
        if not any(windows.weighs for windows in self.windows):
            return self
        return replace(self, windows=tuple(windows.count_wholly() for windows in self.windows))

    @cached_property
    def output_letters(self) -> str:
        """The layout letters of the result."""
        gone = find_squeezed(self)
        return "".join(letter for i, letter in enumerate(self.axes.letters) if i not in gone)

    @property
    def uncovered(self) -> dict[str, int]:
        """For each pooled axis' letter, how many of its samples no window reaches."""
        return dict(zip(self.axes.pooled_letters, (w.count_uncovered() for w in self.windows), strict=True))

    @property
    def coverage(self) -> float:
        """The share of samples that lie in at least one window."""
        share = 1.0
        for windows in self.windows:
            share *= 1 - windows.count_uncovered() / windows.length
        return share


@dataclass(frozen=True, eq=False)
class PlanPart:
    """Where a part of a plan stands in the whole."""

    of: Plan
    first: tuple[int, ...]
    """The number of its first output, along each axis."""
    corner: tuple[int, ...]
    """The number of its first sample, along each axis."""

    @property
    def origin(self) -> int:
        """Where the whole's first window along H starts, in the part's rows."""
        if len(self.of.windows) < 2:
            return 0
        return int(self.of.windows[-2].starts[0]) - self.corner[self.of.axes.pooled[-2]]


def place_in(at: Iterable[Any], corner: Sequence[int] | None) -> tuple[int, ...]:
    """A place in a part as the place in the whole."""
    return tuple(int(i) + j for i, j in zip(at, corner or repeat(0), strict=False))


def runs(plan: Plan, part: PlanPart | None) -> Iterator[tuple[tuple[int, ...], int, int]]:
    """The stretches of a plan's outputs that follow each other in the whole: where each is, its first flat number there
    and how many they are.
    """
    shape, whole = plan.full_shape, plan.full_shape if part is None else part.of.full_shape
    first = (0,) * len(shape) if part is None else part.first
    cut = max((axis for axis, n in enumerate(shape) if n != whole[axis]), default=0)
    behind = [prod(whole[axis + 1 :]) for axis in range(len(whole))]
    for place in product(*(range(n) for n in shape[:cut])):
        at = (*(i + j for i, j in zip(place, first, strict=False)), *first[cut:])
        yield place, sum(i * n for i, n in zip(at, behind, strict=True)), prod(shape[cut:])


def find_squeezed(plan: Plan) -> set[int]:
    """The axes that the result does not have."""
    return {axis for axis in plan.axes.pooled if plan.squeeze and plan.full_shape[axis] == 1}


def check_memory(plan: Plan) -> None:
    """Refuse a result larger than memory before anything is allocated; a sample is a byte at least."""
    check_room(prod(plan.full_shape), "a result of shape", plan.full_shape)
