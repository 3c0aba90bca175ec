"""Stages in a row: each planned on the shape and the type that the one before leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..core import axes, dtypes
from ..core.plans import Plan
from ..core.windows import Windows
from ..errors import LayoutError, OptionError, PoolError
from .receptive_field import find_reached
from .stages import Stage, with_named_axes


@dataclass(frozen=True)
class StagePlan:
    """A stage in its place: its plan, and which axis of the chain's input each axis of its own input is."""

    stage: Stage
    plan: Plan
    origin: tuple[int, ...]
    dtype: dtypes.Type

    def naming(self, number: int) -> _stage_errors:
        """A block in which a PoolError says which stage it is about."""
        return _stage_errors(f"stage {number}, {self.stage.title}, on {axes.describe(self.plan.input_shape)}")

    @property
    def result(self) -> dtypes.Type:
        """The dtype of its result."""
        return self.stage.pooling.result_dtype(self.dtype)


def plan_stages(shape: Sequence[int], stages: Sequence[Stage], layout: str | None,
                dtype: dtypes.Type, names: Sequence[str] = ()) -> list[StagePlan]:
    """Plan every stage on the output of the one before; axes keep their letters unless a stage names its own.

    ``names`` are those of the axes of the first input, beside their letters: lat, lon. Axes keep them too.
    """
    links: list[StagePlan] = []
    sizes, letters, origin = tuple(shape), layout, tuple(range(len(tuple(shape))))
    for stage in stages:
        with _stage_errors(f"stage {len(links) + 1}, {stage.title}, on {axes.describe(sizes)}"):
            known = stage.pooling.layout or letters or ""
            if not known and stage.pooling.window.is_named:
                known = axes.guess_layout(sizes)
            named_axes = [names[i] for i in origin] if len(names) == len(shape) else []
            stage = with_named_axes(stage, sizes, letters, named_axes)
            plan = stage.pooling.plan(sizes, axes.check_layout(letters) if letters else None)
        links.append(StagePlan(stage, plan, origin, dtype))
        squeezed = {i for i in plan.axes.pooled if plan.squeeze and plan.full_shape[i] == 1}
        origin = tuple(one for i, one in enumerate(origin) if i not in squeezed)
        named = "".join(letter for i, letter in enumerate(known) if i not in squeezed)
        letters = named if len(known) == len(sizes) else plan.output_letters  # what a stage keeps the next may pool
        sizes, dtype = plan.output_shape, links[-1].result
    return links


class _stage_errors:
    """Names the stage that a PoolError is about. Options that are wrong for any array pass as they are, and a
    layout that is missing, which is the input's."""

    def __init__(self, title: str) -> None:
        self.title = title

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        """The same error, with the stage before it."""
        if isinstance(error, PoolError) and not isinstance(error, (OptionError, LayoutError)):
            raise PoolError(f"{self.title}: {error}") from error


def _list_axis_windows(links: Sequence[StagePlan]) -> dict[int, list[Windows]]:
    """Of each axis of the chain's input that any stage pools: its windows, stage by stage."""
    chains: dict[int, list[Windows]] = {}
    for link in links:
        for i, windows in zip(link.plan.axes.pooled, link.plan.windows, strict=True):
            chains.setdefault(link.origin[i], []).append(windows)
    return chains


def count_unread(links: Sequence[StagePlan]) -> dict[str, int]:
    """For each pooled axis of the chain's input, by its letter: how many samples reach no output of the last stage."""
    first = links[0].plan
    return {first.axes.letters[i]: first.input_shape[i] - int(find_reached(chain).sum())
            for i, chain in sorted(_list_axis_windows(links).items())}
