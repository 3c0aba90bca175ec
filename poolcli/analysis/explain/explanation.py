"""What an explanation is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .exact_numbers import Array, Number
from .window_samples import AxisWindow


@dataclass(frozen=True)
class Winner:
    """The sample that is the result."""

    offset: tuple[int, ...]
    """Its place in the window, one number for each pooled axis."""
    place: tuple[int, ...]
    """Its position on each pooled axis; in padding that a pad mode has filled it may lie outside."""
    index: int | None
    """Flat in its plane, as ``pool(..., return_indices=True)`` tells; None where that tells none."""


@dataclass(frozen=True, eq=False)
class Explanation:
    """How one value of a result comes about. Arrays have an axis for each pooled one."""

    reducer: str
    formula: str
    parameters: Mapping[str, Any]
    layout: str
    """The letters of the array's axes."""
    output_shape: tuple[int, ...]
    """Before ``squeeze``."""
    cell: tuple[int, ...]
    """The index of this value in a result of that shape."""
    at: tuple[int, ...]
    """The same on the pooled axes only."""
    kept: Mapping[str, int]
    """Which channel and which member of the batch."""
    axes: tuple[AxisWindow, ...]
    values: Array = field(repr=False)
    """What stands at each position of the window; masked where there is nothing."""
    states: Array = field(repr=False)
    """Which of ``state_names`` each position is; the first two are samples, the others are left out."""
    state_names: tuple[str, ...]
    present: int
    """How many samples there are."""
    nominal: int
    """How many positions the window has with its padding; a ceil overhang does not count."""
    setup: tuple[str, ...]
    """What must be known first: samples in order, their mean, the random number."""
    steps: tuple[str, ...]
    """The formula with its numbers, each line equal to the one before."""
    rule: str
    """Why this sample, or this divisor."""
    winner: Winner | None
    shares: Array | None = field(repr=False)
    """What each position counts for; NaN where it is left out, None where one sample is all."""
    shares_are: str
    """What the shares are."""
    value: Number | None
    """Before rounding: a Fraction where the rule is rational, otherwise a float. None: no sample is present."""
    exact: str
    """The same as text, without loss."""
    rounding: str
    """What happens to it on its way into ``dtype``, in words."""
    result: Any
    """What ``pool`` gives there, a NumPy number."""
    dtype: str
    input_dtype: str
