"""Back from windows to samples: which windows reach each place of an axis, and sums over them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows
from .run_parts import run_parts
from .unfold import window_positions

Array = NDArray[Any]
_MOST_VALUES, _COLUMNS = 1 << 15, 256
"""Of a block of the result, and along W: 256 kB of float64, which stay in the second cache with a few temporaries."""
_FEW = 3
"""Terms up to which they are added one by one."""


@dataclass(frozen=True, eq=False)
class AxisAdjoint:
    """For each place of an axis what reaches it: ``sources[q, j]`` with ``weights[q, j]``, 0 where there are fewer."""

    sources: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sources)

    @cached_property
    def runs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
        """The first source of each place and how many there are, where they follow each other and all weigh 1."""
        counts = (self.weights != 0).sum(axis=1)
        there = np.arange(self.sources.shape[1]) < counts[:, None]
        follow = (self.sources == self.sources[:, :1] + np.arange(self.sources.shape[1])) | ~there
        alike = bool(follow.all() and (self.weights == there).all())
        return (self.sources[:, 0], counts) if alike else None

    def reach(self, part: slice) -> slice:
        """From the first to the last source that reaches the places in ``part``."""
        some = self.sources[part][self.weights[part] != 0]
        return slice(int(some.min()), int(some.max()) + 1) if some.size else slice(0, 1)

    def sums(self, values: Array, axis: int, part: slice, origin: int = 0) -> Array:
        """For the places in ``part`` the weighted sum of what reaches them, in float64; values begin at ``origin``."""
        if self.runs is not None and self.sources.shape[1] > _FEW:
            first, counts = (one[part] for one in self.runs)
            return _sum_runs(values, np.maximum(first - origin, 0), counts, axis)
        sources, weights = np.maximum(self.sources[part] - origin, 0), self.weights[part]
        before: tuple[slice, ...] = (slice(None),) * axis
        total = np.zeros((*values.shape[:axis], len(sources), *values.shape[axis + 1 :]))
        for source, weight in zip(sources.T, weights.T, strict=True):
            some = np.flatnonzero(weight)  # what is not there counts nothing: infinity times 0 would be NaN
            if len(some):
                terms = _take_along(values, source[some], axis)
                if (weight[some] != 1).any():
                    terms = terms * weight[some].reshape(-1, *[1] * (values.ndim - 1 - axis))
                total[(*before, _as_slice(some))] += terms
        return total


def _sum_runs(values: Array, first: NDArray[np.int64], counts: NDArray[np.int64], axis: int) -> Array:
    """The sums of runs along an axis: of runs of 1, 2, 4 ... values, each the sum of two of the ones before.

    So 31 values take 8 additions, and no value has a part in a run that it is not in, as it has in cumulative sums:
    an infinity stays in its runs.
    """
    before: tuple[slice, ...] = (slice(None),) * axis
    begin, stop = int(first.min()), int((first + counts).max())
    level = values[(*before, slice(begin, stop))].astype(np.float64)
    at = first - begin
    total = np.zeros((*values.shape[:axis], len(first), *values.shape[axis + 1 :]))
    for bit in range(int(counts.max()).bit_length()):
        if bit:
            half = 1 << (bit - 1)
            level = level[(*before, slice(None, -half))] + level[(*before, slice(half, None))]
        some = np.flatnonzero(counts >> bit & 1)
        if len(some):
            total[(*before, _as_slice(some))] += _take_along(level, at[some], axis)
            at[some] += 1 << bit
    return total


def _take_along(values: Array, places: NDArray[np.int64], axis: int) -> Array:
    """The values at some places of an axis: a view where they follow each other."""
    found = _as_slice(places)
    return values[(slice(None),) * axis + (found,)] if isinstance(found, slice) else values.take(found, axis)


def _as_slice(places: NDArray[np.int64]) -> slice | NDArray[np.int64]:
    """Places that follow each other as a slice, which NumPy adds along four times as fast."""
    first, last = int(places[0]), int(places[-1])
    consecutive = last - first == len(places) - 1 and bool((np.diff(places) == 1).all())
    return slice(first, last + 1) if consecutive else places


def _build_adjoint(length: int, targets: Array, sources: Array, weights: Array) -> AxisAdjoint:
    """What reaches each of ``length`` places, from pairs of a place and a source; sources stay in their order."""
    order = np.argsort(targets, kind="stable")
    targets, sources, weights = targets[order], sources[order], weights[order]
    counts = np.bincount(targets, minlength=length)
    rank = np.arange(len(targets)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.zeros((length, max(int(counts.max(initial=0)), 1)), np.int64)
    shares = np.zeros(table.shape)
    table[targets, rank], shares[targets, rank] = sources, weights
    return AxisAdjoint(table, shares)


def window_adjoint(windows: Windows, weights: Array | None = None) -> AxisAdjoint:
    """The windows of each sample; ``weights`` are those of ``positions``' table, by default 1."""
    places, present = window_positions(windows)
    window, _ = np.nonzero(present)
    given = np.ones(len(window)) if weights is None else weights[present]
    return _build_adjoint(windows.length, places[present], window, given)


def padding_adjoint(windows: Windows, mode: str) -> AxisAdjoint:
    """The places of the padded axis that are copies of each sample, and itself; ``mode`` is one of ``np.pad``."""
    origins = np.pad(np.arange(windows.length), (windows.before, windows.after), mode)  # type: ignore[call-overload]
    return _build_adjoint(windows.length, origins, np.arange(len(origins)), np.ones(len(origins)))


def nearest_windows(windows: Windows) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """For each sample the window, of those that hold it, whose middle is nearest (of two as near the first); or none.

    The second array tells which samples lie in a window.
    """
    places, present = window_positions(windows)
    window, _ = np.nonzero(present)
    middles = (np.asarray(windows.starts) + np.asarray(windows.stops) - 1) / 2
    order = np.argsort(np.abs(places[present] - middles[window]), kind="stable")
    every = _build_adjoint(windows.length, places[present][order], window[order], np.ones(len(window)))
    return every.sources[:, 0], every.weights[:, 0] > 0


Place = tuple[int, int, slice, slice]
"""A block of a canonical array: outer, D, and ranges of H and W."""


def fill_adjoint(found: Array, values: Array, reached: Sequence[AxisAdjoint],
                 finish: Callable[[Place, Array], Array] = lambda place, sums: sums) -> None:
    """Fill a canonical array (outer, D, H, W, inner) with the sums along D, H and W, block by block on threads.

    ``finish`` may change the sums (rows, columns, inner) of a place.
    """
    def fill_block(place: Place) -> None:
        found[place] = finish(place, sum_place(values, reached, place))

    run_parts(fill_block, list(split_places(found.shape)))


def sum_place(values: Array, reached: Sequence[AxisAdjoint], place: Place) -> Array:
    """The sums of one block (rows, columns, inner)."""
    (along_d, along_h, along_w), (o, d, rows, columns) = reached, place
    across = along_w.reach(columns)
    part = values[o, :, :, across]
    single = along_d.weights.tolist() == [[1.0]] and len(part) == 1
    plane = part[0] if single else along_d.sums(part, 0, slice(d, d + 1))[0]
    return along_w.sums(along_h.sums(plane, 0, rows), 1, columns, across.start)


def split_places(shape: Sequence[int]) -> Iterator[Place]:
    """A canonical array in blocks of rows and columns."""
    outer, depth, height, width, inner = shape
    columns = max(1, min(width, _COLUMNS))
    rows = max(1, _MOST_VALUES // max(1, columns * inner))
    for o, d, start, left in itertools.product(range(outer), range(depth), range(0, height, rows),
                                               range(0, width, columns)):
        yield o, d, slice(start, min(height, start + rows)), slice(left, min(width, left + columns))
