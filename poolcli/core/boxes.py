"""A plan cut into boxes: ranges of outputs with the samples that they need. The parts are the whole, bit by bit.

Kernels are chosen for the whole plan (``Part.of``) and whatever depends on a place (draws, the groups of a sum, what
padding counts) is told where the part stands; so no value depends on how the plan was cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .plans import Plan, PlanPart
from .windows import Windows, shift

Range = tuple[int, int]
"""From the first to behind the last."""
Box = tuple[Range, ...]
"""One for each axis of an array, in its own order."""


def full_box(shape: Sequence[int]) -> Box:
    """All of an array of this shape."""
    return tuple((0, n) for n in shape)


def box_shape(ranges: Box) -> tuple[int, ...]:
    """The shape of what lies in the ranges."""
    return tuple(stop - start for start, stop in ranges)


def slices(ranges: Box) -> tuple[slice, ...]:
    """The ranges as NumPy takes them."""
    return tuple(slice(start, stop) for start, stop in ranges)


def input_box(plan: Plan, outputs: Box) -> Box:
    """The samples that these outputs need and not one row more, in each axis from the first to the last."""
    inputs = list(outputs)
    for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True):
        first, count = (numbers[slice(*outputs[axis])] for numbers in windows.present)
        some = count > 0
        last = first + (count - 1) * windows.step
        inputs[axis] = (int(first[some].min()), int(last[some].max()) + 1)
    return tuple(inputs)


def subplan(plan: Plan, outputs: Box, inputs: Box) -> tuple[Plan, PlanPart]:
    """The plan of these outputs on the array of these inputs, which hold at least what is needed; and its place."""
    windows = tuple(cut_windows(one[slice(*outputs[axis])], *inputs[axis])
                    for axis, one in zip(plan.axes.pooled, plan.windows, strict=True))
    first, corner = (tuple(start for start, _ in ranges) for ranges in (outputs, inputs))
    return replace(plan, input_shape=box_shape(inputs), windows=windows, squeeze=False), PlanPart(plan, first, corner)


def cut_windows(windows: Windows, start: int, stop: int) -> Windows:
    """The same windows on the samples start:stop of their axis; what lies beyond still counts as it did."""
    after = windows.length + windows.after - stop
    stretch = windows.stretch
    if stretch is not None:
        stretch = replace(stretch, first=stretch.first - start * stretch.unit)
    return Windows(stop - start, shift(windows.starts, -start), shift(windows.stops, -start), windows.step,
                   windows.before, after, stretch)
