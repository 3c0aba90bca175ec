"""What an output of a chain of poolings sees of its input, axis by axis: receptive field, jump, first centre.

Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019. With windows of one
size k at a stride s, dilation d and a padding b before: r = r' + d (k - 1) j', start = start' + (d (k - 1) / 2 - b) j',
j = j' s, from r = 1, j = 1, start = 0. Dilation makes the field wider, which is easily forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows, as_array

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """What the outputs see of one axis. Output i sees ``size`` samples centred at ``start`` + i ``jump``."""

    size: int = 1
    """Samples, holes and padding included; of windows of several lengths the most, padding left out."""
    jump: float = 1
    """From centre to centre; of windows of several lengths on average."""
    start: float = 0
    """The first centre; sample 0 is at 0, so that between two samples is .5."""
    least: int = 1
    """The fewest samples; ``size`` where all windows are alike."""
    chain: tuple[Windows, ...] = ()
    """The windows so far."""
    even: bool = True
    """Whether all windows so far are alike; where some are not, Araujo's formula ends."""

    def through(self, windows: Windows, stride: int) -> ReceptiveField:
        """The field behind one pooling more; a lone window does not tell its stride."""
        extent, chain = common_extent(windows), (*self.chain, windows)
        if not self.even or extent is None:
            return _trace_field(chain)
        first = int(as_array(windows.starts[:1])[0])
        size, start = self.size + (extent - 1) * int(self.jump), self.start + ((extent - 1) / 2 + first) * self.jump
        return ReceptiveField(size, self.jump * stride, start, size, chain)


def _trace_field(chain: Sequence[Windows]) -> ReceptiveField:
    """The field of a chain window by window, on the samples that are there."""
    low, high = field_bounds(chain)
    centres, sizes = (low + high) / 2, high - low + 1
    jump = float(centres[-1] - centres[0]) / (len(centres) - 1) if len(centres) > 1 else float(sizes[0])
    return ReceptiveField(int(sizes.max()), jump, float(centres[0]), int(sizes.min()), tuple(chain), False)


def field_bounds(chain: Sequence[Windows]) -> tuple[Ints, Ints]:
    """The first and the last sample of the chain's input that each of its outputs sees."""
    low = high = np.arange(chain[0].length, dtype=np.int64)
    for windows in chain:
        first, count = windows.present
        low, high = low[first], high[first + (count - 1) * windows.step]
    return low, high


def common_extent(windows: Windows) -> int | None:
    """The positions from a window's first to its last, where all are alike and evenly spaced; else None."""
    starts, stops = windows.starts, windows.stops
    if isinstance(starts, range) and isinstance(stops, range) and starts.step == stops.step:
        return stops.start - starts.start
    return None


def find_reached(chain: Sequence[Windows]) -> NDArray[Any]:
    """Which samples of an axis reach an output of the whole chain, as a boolean array of its length.

    A sample whose window's value no later window reads is lost.
    """
    wanted: NDArray[Any] = np.ones(len(chain[-1]), np.bool_)
    for windows in reversed(chain):
        some = Windows(windows.length, as_array(windows.starts)[wanted], as_array(windows.stops)[wanted], windows.step,
                       windows.before, windows.after)
        wanted = some.reads()
    return wanted


def find_runs(mask: NDArray[Any]) -> list[tuple[int, int]]:
    """Where a boolean array is true: the first of each run, and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]
