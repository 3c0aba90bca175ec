"""One window of a plan: where it lies on each axis, which of its positions are samples, and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.windows import Windows, as_array
from ...drivers.general_driver import binomial, square_distances

if TYPE_CHECKING:
    from ...core.plans import Plan
    from ...pooling import Pooling
    from ...valid_samples import SampleRules

Array = NDArray[Any]

PRESENT, FILLED, PADDING, OVERHANG, NAN, NODATA, MASKED, WEIGHTLESS = range(8)
STATES = ("present", "filled padding", "padding", "overhang", "NaN, ignored", "nodata", "masked", "weight 0")
"""What a position of a window can be, by its number. The first two are samples; the others count for nothing."""
_SAMPLES = (PRESENT, FILLED)


@dataclass(frozen=True)
class AxisWindow:
    """The window on one axis. Its nominal positions are start, start + step, ... below stop; they may lie outside."""

    letter: str
    length: int
    """Samples of the axis."""
    windows: int
    """How many there are."""
    index: int
    """Which of them this is, from 0."""
    start: int
    stop: int
    step: int
    first: int
    """The first position that is a sample of the array."""
    count: int
    """So many positions are samples of the array, from ``first`` on."""
    before: int
    """Padding ahead of the axis, and behind it."""
    after: int

    @property
    def positions(self) -> range:
        """All of them."""
        return range(self.start, self.stop, self.step)


@dataclass(frozen=True, eq=False)
class WindowSamples:
    """One window with its samples. Arrays have an axis for each pooled one, as long as the window has positions."""

    axes: tuple[AxisWindow, ...]
    values: Array
    """Masked where there is nothing: padding that is no data, and overhang."""
    states: NDArray[np.uint8] = field(repr=False)
    """Which of ``STATES`` each position is."""
    given: Array | None = field(default=None, repr=False)
    """How much each position counts, of what has weights or counts by its part; None where all do the same."""

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which positions are samples."""
        return self.states <= FILLED

    @property
    def nominal(self) -> int:
        """How many positions count with their padding; overhang does not."""
        return int(np.prod([len(range(one.start, min(one.stop, one.length + one.after), one.step))
                            for one in self.axes]))

    def weights(self) -> Array:
        """The binomial weight of every position, up to a common factor."""
        found = np.ones(())
        for one in self.axes:
            size = len(one.positions)
            found = np.multiply.outer(found, binomial(size, 0, size))
        return found

    def distances(self) -> Array:
        """How far every position is from the middle, in half samples, squared."""
        found = np.zeros(())
        for one in self.axes:
            size = len(one.positions)
            found = np.add.outer(found, square_distances(size, 0, size, one.step))
        return found


def _locate_axis_window(letter: str, windows: Windows, index: int) -> AxisWindow:
    """The window of this number on one axis."""
    first, count = (int(part[0]) for part in windows[index : index + 1].present)
    return AxisWindow(letter, windows.length, len(windows), index, int(windows.starts[index]),
                      int(windows.stops[index]), windows.step, first, count, windows.before, windows.after)


def read_window(pooling: Pooling, plan: Plan, array: Array, cell: Sequence[int],
                rules: SampleRules | None = None) -> WindowSamples:
    """The window of an output; ``cell`` is its index in the result before it is squeezed.

    The mask and the weights of ``rules`` have the array's shape.
    """
    axes = tuple(_locate_axis_window(letter, windows, cell[i]) for letter, i, windows in
                 zip(plan.axes.pooled_letters, plan.axes.pooled, plan.windows, strict=True))
    at = tuple(slice(None) if i in plan.axes.pooled else cell[i] for i in range(array.ndim))
    plane = array[at]
    kinds = [_classify_positions(one) for one in axes]
    states = np.zeros((), np.uint8)
    for kind in kinds:
        states = np.maximum.outer(states, kind)
    places = [_map_positions(one, kind, pooling.pad_mode) for one, kind in zip(axes, kinds, strict=True)]
    values = dtypes.as_read(plane[np.ix_(*places)].astype(dtypes.check_dtype(array.dtype)))
    if array.dtype == np.float16:
        values = values.astype(np.float16)
    if pooling.pad_mode == "constant":
        values[states == PADDING] = pooling.pad_value
    if pooling.pad_mode != "exclude":
        states[states == PADDING] = FILLED
    outside = states > FILLED
    invented = states == FILLED if pooling.pad_mode == "constant" else np.zeros(states.shape, np.bool_)
    _mark_missing(pooling, values, states)
    given = _find_parts(plan, cell) if pooling.reducer.takes_parts else None
    if rules is not None and rules.weights is not None:
        given = np.where(outside, 0, rules.weights[at][np.ix_(*places)])
        states[(states <= FILLED) & (given == 0)] = WEIGHTLESS
    if rules is not None and rules.mask is not None:
        states[(states <= FILLED) & ~invented & (rules.mask[at][np.ix_(*places)] == 0)] = MASKED
    return WindowSamples(axes, np.ma.array(values, mask=outside), states, given)


def _find_parts(plan: Plan, cell: Sequence[int]) -> Array | None:
    """The part of each sample that lies in a window, as fractions; None where all count wholly."""
    if plan.count_wholly() is plan:
        return None
    found: Array = np.array(Fraction(1), object)
    for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True):
        one = windows[cell[axis] : cell[axis] + 1]
        parts = np.array([Fraction(1)] * int(one.present[1][0]), object)
        if one.weighs and one.stretch is not None:
            parts = np.array([Fraction(int(part), one.stretch.unit) for part in one.parts()[0]], object)
        found = np.multiply.outer(found, parts)
    return found


def _classify_positions(one: AxisWindow) -> NDArray[np.uint8]:
    """PRESENT, PADDING or OVERHANG for each position of an axis."""
    at = as_array(one.positions)
    kinds = np.where((at >= 0) & (at < one.length), PRESENT, PADDING)
    return np.where(at >= one.length + one.after, OVERHANG, kinds).astype(np.uint8)


def _map_positions(one: AxisWindow, kinds: NDArray[np.uint8], pad_mode: str) -> NDArray[np.int64]:
    """Where each position's value is read: its own place, or where the pad mode takes it from; 0 for no place."""
    at = as_array(one.positions)
    if pad_mode in ("exclude", "constant"):
        return np.where(kinds == PRESENT, at, 0)
    padded = np.pad(np.arange(one.length), (one.before, one.after), pad_mode)  # type: ignore[call-overload]
    return np.where(kinds == OVERHANG, 0, padded[np.where(kinds == OVERHANG, 0, at + one.before)])


def _mark_missing(pooling: Pooling, values: Array, states: NDArray[np.uint8]) -> None:
    """Tell NaN that is ignored, and nodata, from samples."""
    there = states <= FILLED
    missing = pooling.missing()
    if missing is not None:
        states[there & (values == dtypes.as_read(dtypes.scalar(values.dtype, missing))[0])] = NODATA
    if values.dtype.kind == "f" and pooling.skips_nan():
        states[there & np.isnan(values)] = NAN


def list_kept_lengths(plan: Plan) -> Mapping[str, int]:
    """The letters of the kept axes and their lengths."""
    return {letter: n for letter, n in zip(plan.axes.letters, plan.input_shape, strict=True) if letter in "NC"}
