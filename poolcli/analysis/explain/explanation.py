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
    """How one value of a result comes about.

    Attributes
    ----------
    reducer, formula, parameters
        The name of the reducer, its formula in plain text, and its parameters by name.
    layout
        The letters of the array's axes.
    output_shape
        Before ``squeeze``.
    cell
        The index of this value in a result of that shape.
    at
        The same on the pooled axes only.
    kept
        Which channel and which member of the batch, by the letter of the axis.
    axes
        The window along each pooled axis.
    values
        What stands at each position of the window, with an axis for each pooled one; masked where there is nothing.
    states
        Of the same shape: which of ``state_names`` each position is.
    state_names
        The first two are samples, the others are left out.
    present
        How many samples there are.
    nominal
        How many positions the window has with its padding; a ceil overhang does not count.
    setup
        What must be known first: samples in order, their mean, the random number.
    steps
        The formula with its numbers, each line equal to the one before.
    rule
        Why this sample, or this divisor.
    winner
        The sample that was chosen; None where none is.
    shares
        What each position counts for, with the shape of ``values``; NaN where it is left out. None: one sample is all.
    shares_are
        What the shares are.
    value
        Before rounding: a Fraction where the rule is rational, otherwise a float. None: no sample is present.
    exact
        The same as text, without loss.
    rounding
        What happens to it on its way into ``dtype``, in words.
    result
        What ``pool`` gives there, a NumPy number.
    dtype, input_dtype
        Of the result and of the array.

    Examples
    --------
    >>> import poolcli
    >>> found = poolcli.explain([[1, 3], [5, 6]], "max", size=2)
    >>> found.present, found.winner.index, found.exact, found.result.item()
    (4, 3, '6', 6)
    """

    reducer: str
    formula: str
    parameters: Mapping[str, Any]
    layout: str
    output_shape: tuple[int, ...]
    cell: tuple[int, ...]
    at: tuple[int, ...]
    kept: Mapping[str, int]
    axes: tuple[AxisWindow, ...]
    values: Array = field(repr=False)
    states: Array = field(repr=False)
    state_names: tuple[str, ...]
    present: int
    nominal: int
    setup: tuple[str, ...]
    steps: tuple[str, ...]
    rule: str
    winner: Winner | None
    shares: Array | None = field(repr=False)
    shares_are: str
    value: Number | None
    exact: str
    rounding: str
    result: Any
    dtype: str
    input_dtype: str
