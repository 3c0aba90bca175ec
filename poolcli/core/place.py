"""Where the samples of an array lie in the world, and where those of its pooled result lie.

A ``Place`` is read with an array and written with its result. Pooling changes one thing only: where along the axes of
the file the centres of the samples are. So a place is a ``Georeference``, which a file format defines and pooling never
looks at, and for each axis the windows that were pooled so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from .windows import Windows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .plans import Plan

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_IDENTITY = (Fraction(1), Fraction(0))


@dataclass(frozen=True, eq=False)
class AxisPlace:
    """Where the samples of one axis are centred, counted in samples of the file's axis; its first sample is at 0."""

    source: int
    """The number of the axis in the array as the file gave it."""
    letter: str
    """Its layout letter; "" before any plan has named it."""
    length: int
    """Samples of the file's axis."""
    windows: tuple[Windows, ...] = ()
    """Those of each pooling so far, the first on the file's axis; none where the axis was never pooled."""

    def __len__(self) -> int:
        return len(self.windows[-1]) if self.windows else self.length

    @cached_property
    def spacing(self) -> tuple[Fraction, Fraction] | None:
        """The step between centres and the first centre, both exact; None where centres are not evenly spaced.

        The centre of a clipped window is that of the whole window, as if the axis went on.
        """
        step, first = _IDENTITY
        for windows in self.windows:
            one = _find_spacing(windows)
            if one is None:
                return None
            step, first = step * one[0], first + step * one[1]
        return step, first

    @property
    def is_whole(self) -> bool:
        """Whether nothing has moved: each sample is where one of the file was."""
        return self.spacing == _IDENTITY and len(self) == self.length

    def centres(self) -> Floats:
        """The centre of each sample; of windows that are not evenly spaced, midway between their outermost samples."""
        import numpy as np

        if self.spacing is None:
            low, high = self.reach()
            return np.asarray((low + high) / 2, np.float64)
        step, first = self.spacing
        return np.array([float(first + step * i) for i in range(len(self))])

    def reach(self) -> tuple[Ints, Ints]:
        """The first and the last sample of the file's axis that each sample was made of."""
        import numpy as np

        low = high = np.arange(self.length)
        for windows in self.windows:
            first, count = windows.present
            low, high = low[first], high[first + np.maximum(count - 1, 0) * windows.step]
        return low, high

    def average(self, coordinates: Floats) -> Floats:
        """Pool the coordinates of the file's samples: the mean over each whole window.

        Parameters
        ----------
        coordinates
            One finite number for each sample of the file's axis.

        Returns
        -------
        float64 array
            One for each sample of this axis. A window that reaches over an end counts the coordinates that would follow
            there at the spacing of the last two samples, so that evenly spaced coordinates stay evenly spaced.
        """
        found = coordinates
        for windows in self.windows:
            found = average_over(windows, found)
        return found


@dataclass(frozen=True)
class PlaceFacts:
    """A place as it is reported. Lengths are in the unit of the coordinates."""

    kind: str
    """The convention that the file follows: GeoTIFF, NIfTI ..."""
    crs: str | None
    """The coordinate reference system, or the space, as the file names it; None where it names none."""
    unit: str | None
    """Of the sizes; None where it is not known."""
    pixel_size: Mapping[str, float]
    """By layout letter: from one sample's centre to the next one's."""
    first_centre: tuple[float, ...] | None = None
    """World coordinates of the first sample's centre, in the file's order of them (x, y or lon, lat ...)."""
    units: Mapping[str, str] = field(default_factory=dict)
    """Units by layout letter, where axes differ."""


class Georeference(Protocol):
    """What a file says of where its samples lie, as its format has it. Immutable."""

    @property
    def kind(self) -> str:
        """The name of the convention: GeoTIFF, NIfTI ..."""

    def in_stack(self) -> Georeference:
        """Return the same of several such arrays that were stacked along a new first axis."""

    def facts(self, place: Place) -> PlaceFacts | None:
        """What there is to report of such an array; None where the format cannot say where its samples lie."""

    def losses(self, place: Place) -> tuple[str, ...]:
        """What the format cannot keep for such an array: a sentence for each, in the words of a note."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where the samples of an array lie: a georeference of the file, and what pooling has made of the file's axes.

    Examples
    --------
    >>> from poolcli import plan
    >>> place = Place.of(None, (480, 640)).pool(plan((480, 640), size=4))
    >>> [(str(step), str(first)) for step, first in (axis.spacing for axis in place.axes)]
    [('4', '3/2'), ('4', '3/2')]
    """

    georeference: Georeference
    axes: tuple[AxisPlace, ...]
    """One for each axis of the array."""
    squeezed: tuple[AxisPlace, ...] = ()
    """Axes of the file that the array no longer has: they were pooled to one sample and dropped."""

    @classmethod
    def of(cls, georeference: Any, shape: tuple[int, ...]) -> Place:
        """Give an array of this shape, as it was read, its place."""
        return cls(georeference, tuple(AxisPlace(i, "", int(n)) for i, n in enumerate(shape)))

    def pool(self, plan: Plan) -> Place:
        """Return the place of the result of a plan for this array.

        Parameters
        ----------
        plan
            A plan whose input has the shape of this place's array.

        Returns
        -------
        Place
            That of the result; chains of poolings compose.
        """
        windows = dict(zip(plan.axes.pooled, plan.windows, strict=True))
        axes = [replace(axis, letter=letter, windows=(*axis.windows, *((windows[i],) if i in windows else ())))
                for i, (axis, letter) in enumerate(zip(self.axes, plan.axes.letters, strict=True))]
        gone = {i for i in plan.axes.pooled if plan.squeeze and plan.full_shape[i] == 1}
        return replace(self, axes=tuple(axis for i, axis in enumerate(axes) if i not in gone),
                       squeezed=(*self.squeezed, *(axis for i, axis in enumerate(axes) if i in gone)))

    def axis(self, source: int) -> AxisPlace:
        """Return an axis by its number in the file's array, squeezed ones too."""
        return next(axis for axis in (*self.axes, *self.squeezed) if axis.source == source)

    def first(self) -> Place:
        """Return the place of the first array of a stack; the stack's axis counts as squeezed."""
        return replace(self, axes=self.axes[1:], squeezed=(*self.squeezed, self.axes[0]))

    def fits(self, shape: Sequence[int]) -> bool:
        """Return whether an array of this shape can be the one that lies here; axes of length 1 may be missing."""
        return [len(axis) for axis in self.axes if len(axis) != 1] == [n for n in shape if n != 1]

    def with_letters(self, letters: str) -> Place:
        """Return the same with layout letters, for a report on an array that is not pooled."""
        axes = (replace(axis, letter=letter) for axis, letter in zip(self.axes, letters, strict=True))
        return replace(self, axes=tuple(axes))

    @property
    def uneven(self) -> str:
        """The letters of the axes whose samples are not evenly spaced."""
        return "".join(axis.letter for axis in (*self.axes, *self.squeezed) if axis.spacing is None)

    def facts(self) -> PlaceFacts | None:
        """Return what there is to report; None where the format cannot say where the samples lie."""
        return self.georeference.facts(self)

    def losses(self) -> tuple[str, ...]:
        """Return a note for each thing that the file said and its result cannot keep."""
        return self.georeference.losses(self)


def _find_spacing(windows: Windows) -> tuple[Fraction, Fraction] | None:
    """Return the stride of windows and the centre of the first, in samples; None where sizes or strides differ.

    One window over the whole axis has its length as stride: its result takes the place of all samples.

    Examples
    --------
    >>> _find_spacing(Windows(9, range(-1, 8, 2), range(2, 11, 2)))
    (Fraction(2, 1), Fraction(0, 1))
    >>> _find_spacing(Windows(9, range(1), range(9, 10)))
    (Fraction(9, 1), Fraction(4, 1))
    """
    import numpy as np

    starts, stops = windows.starts, windows.stops
    if (stretch := windows.stretch) is not None:
        return (Fraction(stretch.size, stretch.unit),
                Fraction(2 * stretch.first + stretch.size - stretch.unit, 2 * stretch.unit))
    first, stop = int(starts[0]), int(stops[0])
    centre = Fraction(first + (-(-(stop - first) // windows.step) - 1) * windows.step + first, 2)
    if len(starts) == 1 and first == 0 and stop == windows.length:
        return Fraction(windows.length), centre
    if isinstance(starts, range) and isinstance(stops, range):
        return (Fraction(starts.step), centre) if starts.step == stops.step else None
    if len(starts) == 1:
        return Fraction(stop - first), centre
    steps = np.diff(starts)
    if (steps == steps[0]).all() and (np.diff(stops) == steps[0]).all():
        return Fraction(int(steps[0])), centre
    return None


def average_over(windows: Windows, coordinates: Floats) -> Floats:
    """Average coordinates over each window of an axis, continued at both ends by the spacing there."""
    import numpy as np

    n = len(coordinates)
    if windows.stretch is not None:
        size, unit = windows.stretch.size, windows.stretch.unit  # the middle of what begins and ends within samples
        middles = (windows.stretch.begins(len(windows)) + (size - unit) / 2) / unit
        found: Floats = np.interp(middles, np.arange(n), coordinates)
        return found
    starts = np.asarray(windows.starts, np.int64)
    counts = np.asarray(windows.sizes, np.int64)
    last = starts + (counts - 1) * windows.step
    before, after = max(0, -int(starts.min())), max(0, int(last.max()) - n + 1)
    spacing = (coordinates[1] - coordinates[0], coordinates[-1] - coordinates[-2]) if n > 1 else (0.0, 0.0)
    padded = np.concatenate((coordinates[0] - spacing[0] * np.arange(before, 0, -1), coordinates,
                             coordinates[-1] + spacing[1] * np.arange(1, after + 1)))
    result = np.empty(len(starts))
    for i, (start, count) in enumerate(zip(starts.tolist(), counts.tolist(), strict=True)):
        inside = padded[start + before : start + before + (count - 1) * windows.step + 1 : windows.step]
        # relative to the first: the mean of 10^9 seconds and a few keeps the few
        result[i] = inside[0] + (inside - inside[0]).mean()
    return result
