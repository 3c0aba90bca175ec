"""Transforms of an array that a pooling may be averaged over: quarter turns, flips, circular shifts.

Turns act on the last two pooled axes, flips and shifts on every pooled axis; kept axes (batch, channels) stay.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.boxes import Box
from ...core.plans import Plan
from ...errors import OptionError, PoolError

Array = NDArray[Any]
_OVER = ("rot4", "flips", "d4")
_MOST_COPIES = 64
_SHIFT = re.compile(r"shift:([1-9][0-9]{0,3})")


@dataclass(frozen=True)
class Transform:
    """Flip some axes, then turn by quarters, or shift."""

    name: str
    turns: int = 0
    """Quarter turns from the last but one pooled axis to the last, as ``numpy.rot90``."""
    flips: tuple[int, ...] = ()
    """Axes of the array."""
    shifts: tuple[int, ...] = ()
    """For each pooled axis, how far its samples move; the last ones come round to the front."""

    def forward(self, array: Array, axes: Sequence[int], strides: Sequence[int] | None = None) -> Array:
        """The array transformed; with ``strides``, a pooled array as far as its windows are apart (rounded down)."""
        turned = np.flip(array, self.flips) if self.flips else array
        if self.turns:
            turned = np.rot90(turned, self.turns, axes=(axes[-2], axes[-1]))
        return np.roll(turned, self.steps(strides), tuple(axes)) if self.shifts else turned

    def back(self, array: Array, axes: Sequence[int], strides: Sequence[int]) -> Array:
        """A pooled array where it was before ``forward``; of a shift, whole strides."""
        turned = np.rot90(array, -self.turns, axes=(axes[-2], axes[-1])) if self.turns else array
        if self.flips:
            turned = np.flip(turned, self.flips)
        return np.roll(turned, [-step for step in self.steps(strides)], tuple(axes)) if self.shifts else turned

    def shape_before(self, shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
        """The shape of what flips and turns to this shape."""
        found = list(shape)
        if self.turns % 2:
            found[axes[-2]], found[axes[-1]] = found[axes[-1]], found[axes[-2]]
        return tuple(found)

    def box(self, box: Box, shape: Sequence[int], axes: Sequence[int]) -> Box:
        """Where a box of an array of this shape lies once that is flipped and turned."""
        found, lengths = list(box), list(shape)
        for axis in self.flips:
            found[axis] = (lengths[axis] - found[axis][1], lengths[axis] - found[axis][0])
        for _ in range(self.turns % 4):
            a, b = axes[-2], axes[-1]
            start, stop = found[b]
            found[a], found[b] = (lengths[b] - stop, lengths[b] - start), found[a]
            lengths[a], lengths[b] = lengths[b], lengths[a]
        return tuple(found)

    def steps(self, strides: Sequence[int] | None) -> list[int]:
        """The shifts in samples, or in windows."""
        return list(self.shifts) if strides is None else [
            shift // stride for shift, stride in zip(self.shifts, strides, strict=True)]


def check_over(over: Any) -> str:
    """The name of a set of transforms, or OptionError."""
    if isinstance(over, str) and (over in _OVER or _SHIFT.fullmatch(over)):
        return over
    raise OptionError("over", "over must be rot4 (quarter turns), flips, d4 (both) or shift:K, as in shift:3, not "
                              f"{over!r}")


def list_transforms(over: str, plan: Plan) -> tuple[Transform, ...]:
    """All of a set for a plan's array; the first leaves it as it is.

    rot4, flips and d4 are groups. shift:K, circular shifts by 0 ... K - 1 along each axis, is none: another shift leads
    out of the set, so what is made over it is nearly equivariant, or invariant, and no more.
    """
    axes, found = plan.axes.pooled, _SHIFT.fullmatch(over)
    if found:
        return _list_shifts(int(found[1]), plan)
    if over == "flips":
        some = itertools.chain.from_iterable(itertools.combinations(axes, n) for n in range(len(axes) + 1))
        return tuple(Transform(_name_flip(plan, one), flips=one) for one in some)
    if len(axes) < 2:
        raise PoolError(f"{over} turns two axes, and layout {plan.axes.letters} has one that is pooled; flips would "
                        "work")
    turned = [Transform(f"{90 * turns}°", turns) for turns in range(4)]
    last = plan.axes.letters[axes[-1]]
    mirrored = [Transform(f"flip {last}, {90 * turns}°", turns, (axes[-1],)) for turns in range(4)]
    return (*turned, *(mirrored if over == "d4" else ()))


def _name_flip(plan: Plan, axes: Sequence[int]) -> str:
    """flip HW."""
    return "flip " + "".join(plan.axes.letters[axis] for axis in axes) if axes else "as it is"


def _list_shifts(count: int, plan: Plan) -> tuple[Transform, ...]:
    """By 0 ... count - 1 along each pooled axis."""
    copies = count ** len(plan.axes.pooled)
    if copies > _MOST_COPIES:
        raise PoolError(f"shift:{count} over {len(plan.axes.pooled)} axes makes {copies} copies; at most "
                        f"{_MOST_COPIES} can be pooled")
    return tuple(Transform("shift " + ", ".join(map(str, by)), shifts=by)
                 for by in itertools.product(range(count), repeat=len(plan.axes.pooled)))


def window_strides(plan: Plan, over: str) -> tuple[int, ...]:
    """How far windows are apart along each pooled axis; of a single window, as long as the axis."""
    found = []
    for letter, windows in zip(plan.axes.pooled_letters, plan.windows, strict=True):
        steps = np.unique(np.diff(np.asarray(windows.starts)))
        if len(steps) > 1 and over.startswith("shift"):
            raise PoolError(f"windows along {letter} are not equally far apart, so a shift cannot be undone; a fixed "
                            "stride would work")
        found.append(int(steps[0]) if len(steps) else windows.length)
    return tuple(found)
