"""Back from windows to samples: which windows reach each place of an axis, and sums over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.windows import Windows
from .unfold import window_positions

Array = NDArray[Any]
_MOST_VALUES = 1 << 20
"""Of a block of the result: 8 MB of float64, and its few temporaries."""


@dataclass(frozen=True, eq=False)
class _AxisAdjoint:
    """For each place of an axis what reaches it: ``sources[q, j]`` with ``weights[q, j]``, 0 where there are fewer."""

    sources: NDArray[np.int64]
    weights: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sources)

    def sums(self, values: Array, axis: int, part: slice) -> Array:
        """For the places in ``part`` the weighted sum of what reaches them, in float64."""
        values = np.moveaxis(values, axis, 0)
        terms = (self.term(values, sources, weights)
                 for sources, weights in zip(self.sources[part].T, self.weights[part].T, strict=True))
        total = next(terms)
        for one in terms:
            total += one
        return np.moveaxis(total, 0, axis)

    def term(self, values: Array, sources: Array, weights: Array) -> Array:
        """A source for each place; one that is not there counts nothing, whatever stands in its stead."""
        found: Array = values.take(sources, 0).astype(np.float64, copy=False)
        if (weights != 1).any():
            found[weights == 0] = 0  # at once: infinity times 0 would be NaN
            found *= weights.reshape(-1, *[1] * (values.ndim - 1))
        return found


def _build_adjoint(length: int, targets: Array, sources: Array, weights: Array) -> _AxisAdjoint:
    """What reaches each of ``length`` places, from pairs of a place and a source; sources stay in their order."""
    order = np.argsort(targets, kind="stable")
    targets, sources, weights = targets[order], sources[order], weights[order]
    counts = np.bincount(targets, minlength=length)
    rank = np.arange(len(targets)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.zeros((length, max(int(counts.max(initial=0)), 1)), np.int64)
    shares = np.zeros(table.shape)
    table[targets, rank], shares[targets, rank] = sources, weights
    return _AxisAdjoint(table, shares)


def window_adjoint(windows: Windows, weights: Array | None = None) -> _AxisAdjoint:
    """The windows of each sample; ``weights`` are those of ``positions``' table, by default 1."""
    places, present = window_positions(windows)
    window, _ = np.nonzero(present)
    given = np.ones(len(window)) if weights is None else weights[present]
    return _build_adjoint(windows.length, places[present], window, given)


def padding_adjoint(windows: Windows, mode: str) -> _AxisAdjoint:
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


def adjoint_blocks(values: Array, reached: Sequence[_AxisAdjoint]) -> Iterator[tuple[tuple[int, int, slice], Array]]:
    """The sums along D, H and W of a canonical array (outer, D, H, W, inner), in blocks of rows.

    Yields where in the canonical result (outer, D, rows) a block stands, and its sums (rows, W, inner) in float64.
    """
    along_d, along_h, along_w = reached
    shape = (len(values), *(len(one) for one in reached), values.shape[4])
    for o, d, rows in _split_rows(shape):
        part = along_d.sums(values[o], 0, slice(d, d + 1))[0]
        yield (o, d, rows), along_w.sums(along_h.sums(part, 0, rows), 1, slice(None))


def _split_rows(shape: Sequence[int]) -> Iterator[tuple[int, int, slice]]:
    """A canonical array in blocks of rows: outer, D, and a range of H."""
    outer, depth, height, width, inner = shape
    rows = max(1, _MOST_VALUES // max(1, width * inner))
    for o in range(outer):
        for d in range(depth):
            for start in range(0, height, rows):
                yield o, d, slice(start, min(height, start + rows))
