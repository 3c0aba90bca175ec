"""The levels of a pyramid as plans: repeated pooling, or each level straight from the input.

Made from a shape alone, so that whoever writes levels block by block can run the plans too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...core import axes
from ...core.plans import Plan
from ...core.windowings import MOST, window_stride
from ...core.windows import Windows
from ...errors import OptionError, PoolError
from ...pooling import Pooling
from ..receptive_field import ReceptiveField, field_bounds

Ints = NDArray[np.int64]

_MOST_LEVELS = 64


@dataclass(frozen=True, eq=False)
class LevelPlan:
    """One level, from 1 on."""

    number: int
    step: Plan
    """On the level before."""
    whole: Plan | None
    """On the input: every window takes all samples below it. None where that is not what is asked for."""
    scale: tuple[float, ...]
    """For each axis of the array: samples of the input from one sample of the level to the next."""
    offset: tuple[float, ...]
    """For each axis: where the level's first sample is centred; the input's first sample is at 0."""
    chains: tuple[tuple[Windows, ...], ...]
    """For each pooled axis: the windows of all levels up to this one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The level's shape."""
        return self.step.output_shape

    def centres(self) -> tuple[NDArray[np.float64], ...]:
        """For each pooled axis: where the level's samples are centred, on the input."""
        return tuple((low + high) / 2 for low, high in map(field_bounds, self.chains))


def plan_levels(shape: Sequence[int], pooling: Pooling, *, levels: int | None = None, smallest: int | None = None,
                exact: bool | None = None, layout: str | None = None, held: bool = True) -> Iterator[LevelPlan]:
    """The levels above an input of this shape: so many, or as long as all pooled sides have ``smallest`` samples.

    With neither, as long as there is something left to pool. ``exact`` asks for plans on the input; None: for reducers
    that compose, where windows neither overlap nor leave gaps. PoolError where a level cannot be made, or would not
    fit into memory where levels are ``held`` there.
    """
    _check_counts(pooling, levels, smallest)
    first = pooling.plan(shape, layout, held=held)
    fields = [ReceptiveField()] * len(first.windows)
    plan, number = first, 1
    while levels is None or number <= levels:
        if number > 1:
            following = _plan_next(pooling, plan, number, levels is not None, held)
            if following is None:
                return
            plan = following
        if levels is None and _is_last(plan, number, smallest or 1):
            return
        fields = [field.through(one, pooling.window.find_stride(i, len(fields)) or window_stride(one))
                  for i, (field, one) in enumerate(zip(fields, plan.windows, strict=True))]
        yield _make_level(number, plan, first, pooling, fields, exact)
        number += 1


def _check_counts(pooling: Pooling, levels: int | None, smallest: int | None) -> None:
    """Refuse what makes no pyramid of any array."""
    if levels is not None and smallest is not None:
        raise OptionError("smallest", "goes without levels: one of them says where the pyramid ends")
    for name, value in (("levels", levels), ("smallest", smallest)):
        most = _MOST_LEVELS if name == "levels" else MOST
        if value is not None and (not isinstance(value, int) or not 1 <= value <= most):
            raise OptionError(name, f"{name} must be a whole number from 1 to {most}, not {value!r}")
    if pooling.squeeze:
        raise OptionError("squeeze", "a pyramid's levels keep their axes; without squeeze it would work")


def _plan_next(pooling: Pooling, before: Plan, number: int, must: bool, held: bool) -> Plan | None:
    """The next level's plan; None where there is none and need not be."""
    try:
        return pooling.plan(before.output_shape, before.output_letters, held=held)
    except PoolError as error:
        if not must:
            return None
        raise PoolError(f"level {number} cannot be made of level {number - 1}, which is "
                        f"{axes.describe(before.output_shape)}: {error}; so would levels={number - 1}") from error


def _is_last(plan: Plan, number: int, smallest: int) -> bool:
    """Whether a level is not wanted any more; PoolError where it is the first, or would never end."""
    too_small = any(len(one) < smallest for one in plan.windows)
    same = plan.output_shape == plan.input_shape
    if number == 1 and (too_small or same):
        why = f"has a side below {smallest}; a smaller one" if too_small else "is no smaller; a stride above 1"
        raise PoolError(f"level 1 of {axes.describe(plan.input_shape)} is {axes.describe(plan.output_shape)}, which "
                        f"{why} would work")
    return too_small or same or number > _MOST_LEVELS


def _make_level(number: int, plan: Plan, first: Plan, pooling: Pooling, fields: Sequence[ReceptiveField],
                exact: bool | None) -> LevelPlan:
    """A level, with its plan on the input where that is wanted."""
    chains = tuple(field.chain for field in fields)
    scale, offset = [1.0] * len(first.input_shape), [0.0] * len(first.input_shape)
    for i, field in zip(first.axes.pooled, fields, strict=True):
        scale[i], offset[i] = float(field.jump), float(field.start)
    reason = None if exact is False else _why_not_composable(pooling, chains)
    if exact and reason is not None:
        raise OptionError("exact", f"each level straight from the input needs windows that {reason}")
    wanted = exact or (exact is None and pooling.reducer.composes and reason is None)
    whole = replace(first, windows=tuple(_compose_windows(chain) for chain in chains)) if wanted else None
    return LevelPlan(number, plan, whole, tuple(scale), tuple(offset), chains)


def _why_not_composable(pooling: Pooling, chains: Sequence[Sequence[Windows]]) -> str | None:
    """What windows would have to be for a level to be made of the input's samples, or None."""
    if pooling.pad_mode != "exclude":
        return "pad nothing; padding that is data is not in the input"
    if pooling.parameters.get("count_include_pad") or pooling.parameters.get("divisor"):
        return "divide by what they hold, not by count_include_pad or divisor"
    if not all(_is_tiling(windows) for chain in chains for windows in chain):
        return "neither overlap nor leave gaps; a stride that is the size would work"
    return None


def _is_tiling(windows: Windows) -> bool:
    """Whether each window begins where the one before ends."""
    first, count = windows.present
    dense = windows.step == 1 or int(count.max(initial=0)) <= 1
    return dense and bool((first[1:] == first[:-1] + count[:-1]).all())


def _compose_windows(chain: Sequence[Windows]) -> Windows:
    """All samples of the input below each output of windows that tile: evenly spaced ranges where they are."""
    low, high = field_bounds(chain)
    n, size = chain[0].length, int(high[0] - low[0]) + 1
    sizes, steps = high - low + 1, np.diff(low)
    even = (steps == size).all() and (sizes[:-1] == size).all() and (sizes[-1] == size or high[-1] == n - 1)
    if not even or sizes[-1] > size:
        return Windows(n, low, high + 1)
    start, stop = int(low[0]), int(low[0]) + size * len(low)
    return Windows(n, range(start, stop, size), range(start + size, stop + size, size))
