"""Windows along one axis: where each starts and stops, clipped or not, as plain whole numbers.

NumPy is imported where arrays are made: ``--help`` reads the layouts, which make these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Stretch:
    """Windows as equal stretches of an axis, which begin and end within samples: ``size`` and ``first`` are counted in
    parts, of which a sample has ``unit``.
    """

    size: int
    unit: int
    first: int = 0
    """Where the first window begins."""
    weighs: bool = True
    """Whether the first and the last sample of a window count by the part that lies in it."""

    def begins(self, count: int) -> Ints:
        """Where so many windows begin."""
        import numpy as np

        return self.first + self.size * np.arange(count, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of one axis. Window i has the positions starts[i], starts[i] + step, ... below stops[i].

    Positions run over the padded axis: 0 <= q < length are samples, ``before`` positions lie ahead of them and
    ``after`` behind; what stops[i] reaches beyond those is the overhang of ceil mode. Only samples are ever read.
    """

    length: int
    starts: range | Ints
    stops: range | Ints
    step: int = 1
    before: int = 0
    after: int = 0
    stretch: Stretch | None = None
    """Where windows begin and end within samples, if they do; starts and stops are of all samples that count."""

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, part: slice) -> Windows:
        """The windows of a block, on the same axis."""
        stretch = self.stretch
        if stretch is not None:
            stretch = replace(stretch, first=stretch.first + stretch.size * part.indices(len(self))[0])
        return Windows(self.length, self.starts[part], self.stops[part], self.step, self.before, self.after, stretch)

    @property
    def weighs(self) -> bool:
        """Whether samples count by parts."""
        return self.stretch is not None and self.stretch.weighs

    def count_wholly(self) -> Windows:
        """The same where every sample that a window touches counts wholly."""
        return replace(self, stretch=None if self.stretch is None else replace(self.stretch, weighs=False))

    def parts(self) -> tuple[Ints, Ints]:
        """How much of each sample of each window lies in it, one window after another, in parts of which a whole sample
        has ``stretch.unit``; and where each window's begin there.
        """
        import numpy as np

        first, count = self.present
        assert self.stretch is not None
        unit, begin = self.stretch.unit, self.stretch.begins(len(self))
        end = begin + self.stretch.size
        at = np.cumsum(count) - count
        found = np.full(int(count.sum()), unit, np.int64)
        found[at + count - 1] = end - (first + count - 1) * unit
        found[at] = np.minimum(end, (first + 1) * unit) - begin
        return found, at

    @cached_property
    def present(self) -> tuple[Ints, Ints]:
        """First sample of each window and how many it has (0: it lies in the padding). Clipping keeps the phase.

        Worked out once, as all that is cached here: a small picture's plan is asked ten times.
        """
        import numpy as np

        start, stop = as_array(self.starts), as_array(self.stops)
        first = start + ceil_div(np.maximum(-start, 0), self.step) * self.step
        count = ceil_div(np.minimum(stop, self.length) - first, self.step)
        return first, np.maximum(count, 0)

    def reach(self) -> tuple[int, int]:
        """The samples from the first start to the last stop, within the axis; O(1) for regular windows."""
        starts, stops = self.starts, self.stops
        if isinstance(starts, range) and isinstance(stops, range):
            return max(0, starts[0]), min(self.length, stops[-1])
        return max(0, int(as_array(starts).min())), min(self.length, int(as_array(stops).max()))

    def nominal(self) -> Ints:
        """How many positions each window has, padding included, overhang not."""
        import numpy as np

        stop = np.minimum(as_array(self.stops), self.length + self.after)
        result: Ints = ceil_div(stop - as_array(self.starts), self.step)
        return result

    def max_nominal(self) -> int:
        """The most positions that a window has, padding included, overhang not; O(1) for regular windows."""
        return int((self[:1] if self.regular else self).nominal().max())

    @cached_property
    def sizes(self) -> Ints:
        """How many positions each window has, overhang and all."""
        import numpy as np

        if self.regular:
            return np.full(len(self), self._size_of_regular())
        result: Ints = ceil_div(as_array(self.stops) - as_array(self.starts), self.step)
        return result

    def _size_of_regular(self) -> int:
        """How many positions each of regular windows has, overhang and all."""
        return int(ceil_div(self.stops[0] - self.starts[0], self.step))

    def offsets(self) -> Ints:
        """Which of its own positions a window's first sample is: more than 0 where padding was clipped off."""
        result: Ints = (self.present[0] - as_array(self.starts)) // self.step
        return result

    def reads(self) -> NDArray[np.bool_]:
        """Which samples of the axis lie in a window, as a boolean array of its length."""
        import numpy as np

        first, count = self.present
        first, count = first[count > 0], count[count > 0]
        rows = self.length // self.step + 2
        change = np.bincount(first, minlength=rows * self.step).astype(np.int64)
        change -= np.bincount(first + count * self.step, minlength=rows * self.step)
        # summing every step-th place counts the windows of each phase of the dilation apart
        covered = change.reshape(rows, self.step).cumsum(axis=0).ravel()[: self.length]
        result: NDArray[np.bool_] = covered > 0
        return result

    def count_uncovered(self) -> int:
        """How many samples of the axis lie in no window."""
        return self.length - int(self.reads().sum())

    @cached_property
    def regular(self) -> bool:
        """Whether all windows have one size and stand at equal distances."""
        starts, stops = self.starts, self.stops
        return isinstance(starts, range) and isinstance(stops, range) and starts.step == stops.step

    def edges(self) -> tuple[int, int]:
        """Split regular windows: those before the first number and from the second on may be clipped, none between."""
        assert isinstance(self.starts, range) and isinstance(self.stops, range)
        step, n = self.starts.step, len(self)
        head = min(n, max(0, ceil_div(-self.starts.start, step)))
        return head, min(n, max(head, (self.length - self.stops.start) // step + 1))

    def size_range(self) -> tuple[int, int]:
        """The fewest and the most positions that a window has, overhang and all."""
        sizes = self.distinct_sizes
        return sizes[0], sizes[-1]

    @cached_property
    def distinct_sizes(self) -> tuple[int, ...]:
        """The different numbers of positions that windows have, rising, overhang and all; O(1) for regular windows."""
        import numpy as np

        if self.regular:
            return (self._size_of_regular(),)
        ordered = np.sort(self.sizes)  # np.unique imports numpy.ma, 20 ms
        return tuple(ordered[np.append(True, ordered[1:] != ordered[:-1])].tolist())

    def count_range(self) -> tuple[int, int]:
        """The fewest and the most samples that a window has; of windows that are whole, one is looked at."""
        if not self.regular:
            counts = self.present[1]
            return int(counts.min()), int(counts.max())
        head, tail = self.edges()
        found = [self.count_at(i) for part in (range(head), range(head, min(head + 1, tail)), range(tail, len(self)))
                 for i in part]
        return min(found), max(found)

    def count_at(self, i: int) -> int:
        """How many samples one window has."""
        start, stop = int(self.starts[i]), min(int(self.stops[i]), self.length)
        first = start + ceil_div(max(-start, 0), self.step) * self.step
        return max(0, int(ceil_div(stop - first, self.step)))

    def empty(self) -> int | None:
        """The number of the first window without a sample, or None."""
        import numpy as np

        if self.regular:
            head, tail = self.edges()
            return next((i for part in (range(head), range(tail, len(self))) for i in part if not self.count_at(i)),
                        None)
        count = self.present[1]
        return None if count.all() else int(np.argmin(count))

    def on_padded_axis(self) -> Windows:
        """The same windows where the padding has been filled with samples (``pad_mode``)."""
        length = self.length + self.before + self.after
        return Windows(length, shift(self.starts, self.before), shift(self.stops, self.before), self.step)


def as_array(numbers: range | Ints) -> Ints:
    """A range or an array as an int64 array."""
    import numpy as np

    if isinstance(numbers, range):
        return np.arange(numbers.start, numbers.stop, numbers.step, dtype=np.int64)
    return numbers


def shift(numbers: range | Ints, by: int) -> range | Ints:
    """Every number plus ``by``."""
    if isinstance(numbers, range):
        return range(numbers.start + by, numbers.stop + by, numbers.step)
    return numbers + by


def ceil_div(a: Any, b: int) -> Any:
    """a / b rounded up, for whole numbers of any sign."""
    return -(-a // b)
