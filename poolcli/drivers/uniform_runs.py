"""The windows of one axis as lanes see them: at equal distances or listed, of which size, and which are clipped."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows, as_array

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class AxisRuns:
    """One axis. Window i has places 0 to ``size`` - 1, of which those from ``present(i, i + 1)`` are samples."""

    windows: Windows
    size: int
    """The places of a window, on an irregular axis those of the largest."""
    stride: int
    """Samples from the start of one window to the next; 0 where windows differ in size or in distance."""
    skipped: int
    """Places at the start of each window that are beyond the border in all of them."""
    whole: tuple[int, int]
    """The windows that have all their samples: the first and one beyond the last. None on an irregular axis."""

    @classmethod
    def of(cls, windows: Windows) -> AxisRuns:
        """Find what the windows of an axis have in common."""
        size = _common_size(windows.starts, windows.stops)
        stride = _common_stride(windows.starts)
        count = len(windows)
        if not size or not stride:
            most = int(windows.present[1].max(initial=0))
            return cls(windows, most, 0, 0, (0, 0))
        places = -(-size // windows.step)
        stride = stride if count > 1 else size
        first, reach = int(windows.starts[0]), (places - 1) * windows.step + 1
        begin = min(count, max(0, -(first // stride)))
        whole = begin, max(begin, min(count, (windows.length - reach - first) // stride + 1))
        if whole[0] == whole[1]:  # a window larger than the axis: places that none of them has are left out
            places_present = cls(windows, places, stride, 0, (0, 0)).part(0, count).present()
            skipped = int(places_present[:, 0].min())
            return cls(windows, int(places_present[:, 1].max()) - skipped, stride, skipped, (0, 0))
        return cls(windows, places, stride, 0, whole)

    def part(self, begin: int, stop: int) -> AxisPart:
        """Return the windows of a range."""
        whole = self.whole[0] <= begin and stop <= self.whole[1]
        return AxisPart(self.windows[begin:stop], range(begin, stop), self.size, self.stride, self.skipped, whole)

    def parts(self, begin: int, stop: int) -> list[AxisPart]:
        """Return the windows of a range, irregular ones by their numbers of samples and in the order of the axis."""
        first, count = self.windows[begin:stop].present if not self.stride else (np.ones(0), np.zeros(1))
        if not count.all():
            return [self.part(begin, stop)]
        order = np.argsort(first, kind="stable")
        return [self.pick(begin + order[count[order] == n], n) for n in np.unique(count).tolist()]

    def pick(self, numbers: Ints, size: int) -> AxisPart:
        """Return windows of an irregular axis that have ``size`` samples."""
        first = self.windows.present[0][numbers]
        windows = Windows(self.windows.length, first, first + size * self.windows.step, self.windows.step)
        return AxisPart(windows, numbers, size, 0, 0, True)

    def counts(self) -> set[int]:
        """How many samples windows have."""
        begin, stop = self.whole
        edges = [self.windows[:begin].present[1], self.windows[stop:].present[1]]
        return {int(n) for n in np.unique(np.concatenate(edges))} | ({self.size} if stop > begin else set())


@dataclass(frozen=True, eq=False)
class AxisPart:
    """Some windows of an axis."""

    windows: Windows
    numbers: range | Ints
    """Which they are."""
    size: int
    """The places of a window, as ``AxisRuns`` has them, or of the largest of these."""
    stride: int
    skipped: int
    whole: bool
    """Whether each of these windows has all its places."""

    def present(self) -> Ints:
        """For each window, the first place that is a sample and one beyond the last."""
        count = self.windows.present[1]
        offset = self.windows.offsets() - self.skipped if self.stride else np.zeros(len(count), np.int64)
        return np.stack([offset, offset + count], 1)

    def starts(self) -> Ints:
        """Where place 0 of each window is, which may be before the axis; on an irregular axis a sample."""
        if not self.stride:
            return self.windows.present[0]
        return as_array(self.windows.starts) + self.skipped * self.windows.step

    def origin(self) -> int:
        """Where place 0 of the first window is."""
        return int(replace(self, windows=self.windows[:1]).starts()[0])


def _common_size(starts: range | Ints, stops: range | Ints) -> int:
    """The places from start to stop of every window; 0 if they differ."""
    if isinstance(starts, range) and isinstance(stops, range) and starts.step == stops.step:
        return stops.start - starts.start
    sizes = as_array(stops) - as_array(starts)
    return int(sizes[0]) if len(sizes) and (sizes == sizes[0]).all() else 0


def _common_stride(starts: range | Ints) -> int:
    """What lies between the starts of neighbours; 0 if that differs or is less than 1."""
    if isinstance(starts, range) or len(starts) < 2:
        return starts.step if isinstance(starts, range) and starts.step > 0 else int(len(starts) < 2)
    between = np.diff(starts)
    return int(between[0]) if between[0] > 0 and (between == between[0]).all() else 0
