"""What a chain of poolings makes of a shape, without any array: sizes, receptive fields, bytes, what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ...core import dtypes
from ...core.place import Place, PlaceFacts
from ...core.windowings import window_stride
from ...core.windows import Windows
from ...errors import PoolError
from ..receptive_field import ReceptiveField, find_runs
from ..stage_plans import StagePlan, count_unread, plan_stages
from ..stages import as_stages
from .suggestions import Suggestion, suggest

_MOST_RUNS = 16
_MOST_LENGTH = 1 << 27
"""Of an axis: each of its windows is looked at, in some ten arrays of that length."""


@dataclass(frozen=True)
class AxisSurvey:
    """One pooled axis of one stage."""

    axis: str
    input: int
    output: int
    formula: str
    """Where the output's length comes from, with its numbers."""
    size: tuple[int, int]
    """Positions of the smallest and of the largest window, padding included."""
    overlap: int
    """The most samples that a window shares with the one before."""
    reads: float
    """In how many windows a sample lies, on average."""
    uncovered: int
    """Samples of this stage's input that lie in no window."""
    uncovered_at: tuple[tuple[int, int], ...]
    """Where they are, [first, last + 1); the first 16 runs."""
    receptive_field: int
    """Samples of the chain's input that an output sees, padding included; of windows of several lengths the most."""
    receptive_field_least: int
    jump: float
    """From an output's centre to the next one's, in samples of the chain's input; the mean where they differ."""
    first_centre: float
    """Where the first output's field is centred; the first sample is at 0."""


@dataclass(frozen=True)
class StageSurvey:
    """One pooling of a chain."""

    stage: str
    reducer: str
    windowing: str
    """The kind of windows."""
    layout: str
    """The layout letters of its input."""
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_dtype: str
    output_dtype: str
    values_in: int
    values_out: int
    bytes_in: int
    bytes_out: int
    kept: float
    """Values out of values in."""
    coverage: float
    """The share of its input's samples that lie in at least one window."""
    by_axis: tuple[AxisSurvey, ...]
    remedies: tuple[Suggestion, ...]
    """Changes that would reach every sample, the smallest first."""
    place: PlaceFacts | None = None
    """Where its result lies in the world, and how large its pixels are there; None where that is not known."""


@dataclass(frozen=True)
class Survey:
    """A chain of poolings, each on the output of the one before.

    Attributes
    ----------
    layout
        The layout letters of the input.
    input_shape, output_shape
        Of the first input and the last output.
    input_dtype, output_dtype
        Their dtypes, by name.
    values_in, values_out
        How many values they have.
    bytes_in, bytes_out
        Their sizes in bytes.
    kept
        ``values_out / values_in``.
    uncovered
        For each pooled axis of the input, how many samples reach no output of the last stage.
    coverage
        The share of the input's samples that reach an output of the last stage, from 0 to 1.
    stages
        What each pooling makes of the shape before it.

    Examples
    --------
    >>> found = survey((224, 224, 3), ["max", "avg"])
    >>> found.output_shape, found.bytes_in, found.bytes_out, found.kept, found.coverage
    ((56, 56, 3), 602112, 37632, 0.0625, 1.0)
    """

    layout: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_dtype: str
    output_dtype: str
    values_in: int
    values_out: int
    bytes_in: int
    bytes_out: int
    kept: float
    uncovered: Mapping[str, int]
    coverage: float
    stages: tuple[StageSurvey, ...]


def survey(shape: Sequence[int], stages: Any = "max", *, layout: str | None = None, dtype: Any = "float32",
           place: Place | None = None, **shared: Any) -> Survey:
    """Tell what poolings make, one after another, of an array of this shape and dtype, without any array.

    Receptive fields are those of Araujo, Norris and Sim (Distill 2019), with dilation and padding; where windows are of
    several lengths (adaptive, fractional) they are traced window by window.

    Parameters
    ----------
    shape
        The lengths of the axes, in samples.
    stages
        Names of reducers, or pairs of name and keywords: ``["max", ("avg", {"size": 3})]``.
    layout
        A letter for each axis of the first stage's input.
    dtype
        The dtype of the samples, by which bytes are counted: those of the arrays that ``pool`` gives.
    place
        Where the input lies in the world.
    **shared
        Keywords of ``pool`` for each stage that does not say its own.

    Returns
    -------
    Survey
        The output's shape, and for each stage its windows, formulas, receptive field, bytes and what is left out.

    Raises
    ------
    PoolError
        Where a stage does not fit; the message says which.

    Examples
    --------
    >>> found = survey((224, 224, 3), ("max", {"size": 3, "stride": 2, "padding": 1}))
    >>> found.output_shape, found.stages[0].by_axis[0].formula
    ((112, 112, 3), 'floor((224 + 1 + 1 - 3) / 2) + 1 = 112')
    """
    if max(shape, default=0) > _MOST_LENGTH:
        raise PoolError(f"an axis of {max(shape)} is longer than can be looked at; {_MOST_LENGTH} is the limit")
    links = plan_stages(shape, as_stages(stages, shared), layout, dtypes.parse_dtype(dtype))
    first, last = links[0], links[-1]
    letters, sizes = first.plan.axes.letters, first.plan.input_shape
    lost = count_unread(links)
    return Survey(letters, sizes, last.plan.output_shape, first.dtype.name, last.result.name,
                  **_measure_amounts(sizes, first.dtype, last.plan.output_shape, last.result), uncovered=lost,
                  coverage=prod(1 - n / sizes[letters.index(letter)] for letter, n in lost.items()),
                  stages=tuple(_survey_stages(links, place)))


def _survey_stages(links: Sequence[StagePlan], place: Place | None = None) -> list[StageSurvey]:
    """Every stage, its fields on top of those before."""
    fields: dict[int, ReceptiveField] = {}
    found = []
    for link in links:
        plan, pooling = link.plan, link.stage.pooling
        place = None if place is None else place.pool(plan)
        for number, (i, windows) in enumerate(zip(plan.axes.pooled, plan.windows, strict=True)):
            stride = pooling.window.find_stride(number, len(plan.windows)) or window_stride(windows)
            fields[link.origin[i]] = fields.get(link.origin[i], ReceptiveField()).through(windows, stride)
        found.append(StageSurvey(
            link.stage.title, pooling.reducer.name, pooling.window.windowing.name, plan.axes.letters, plan.input_shape,
            plan.output_shape, link.dtype.name, link.result.name,
            **_measure_amounts(plan.input_shape, link.dtype, plan.output_shape, link.result), coverage=plan.coverage,
            by_axis=tuple(_survey_axis(link, number, fields) for number in range(len(plan.windows))),
            remedies=suggest(pooling, plan), place=None if place is None else place.facts()))
    return found


def _survey_axis(link: StagePlan, number: int, fields: Mapping[int, ReceptiveField]) -> AxisSurvey:
    """One pooled axis of a stage, by its number among those that are pooled."""
    plan, windows = link.plan, link.plan.windows[number]
    field, sizes = fields[link.origin[plan.axes.pooled[number]]], windows.sizes
    missing = find_runs(~windows.reads())
    return AxisSurvey(
        plan.axes.pooled_letters[number], windows.length, len(windows),
        link.stage.pooling.window.formula(number, len(plan.windows), windows),
        (int(sizes.min()), int(sizes.max())),
        _max_overlap(windows), float(windows.present[1].sum()) / windows.length, windows.count_uncovered(),
        tuple(missing[:_MOST_RUNS]), field.size, field.least, field.jump, field.start)


def _max_overlap(windows: Windows) -> int:
    """The most samples that a window shares with the one before it."""
    first, count = windows.present
    if len(windows) < 2:
        return 0
    apart, step = np.diff(first), windows.step
    shared = count[:-1] - apart // step
    return int(np.where(apart % step == 0, np.maximum(np.minimum(shared, count[1:]), 0), 0).max())


def _measure_amounts(before: Sequence[int], dtype: dtypes.Type, after: Sequence[int], result: dtypes.Type) -> dict[str,
                                                                                                                   Any]:
    """Values and bytes in and out, and the share of values kept."""
    values_in, values_out = prod(before), prod(after)
    return {"values_in": values_in, "values_out": values_out, "bytes_in": values_in * dtype.itemsize,
            "bytes_out": values_out * result.itemsize, "kept": values_out / values_in if values_in else 1.0}
