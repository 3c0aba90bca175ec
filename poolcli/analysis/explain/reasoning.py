"""What is reasoned about, and what a reasoning is; the words that all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .exact_numbers import Array, Number, format_sample, join_terms


@dataclass(frozen=True, eq=False)
class PresentSamples:
    """The present samples of one window, in C order, and what goes with them. At least one, and no NaN."""

    x: Array
    nominal: int
    """Positions of the unclipped window; a ceil overhang does not count."""
    weights: Array | None = None
    """Binomial weights, or squared distances from the middle, for reducers that need them."""
    draw: float = 0.0
    """A number in [0, 1), for reducers that draw."""
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Reasoning:
    """How a value comes about."""

    steps: tuple[str, ...]
    """The formula with its numbers; each line equals the one before it."""
    value: Number
    shares: Array | None = None
    """What each present sample counts for, by ``meaning``; None where one sample is all."""
    meaning: str = ""
    winner: int | None = None
    """The number of the sample that is the result."""
    rule: str = ""
    """Why it is this one, or what the divisor is."""
    setup: tuple[str, ...] = ()
    """What must be known before: the order of the samples, their mean, the random number."""
    exact: bool = True
    """Whether the value is the formula's own; powers and exponentials are computed in float64."""


def format_one(w: PresentSamples, i: int) -> str:
    """A sample as text."""
    return format_sample(w.x[i])


def format_all(w: PresentSamples, glue: str = " + ") -> str:
    """All samples as text."""
    return join_terms(len(w.x), lambda i: format_one(w, i), glue)


def format_times(count: int) -> str:
    """Once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
