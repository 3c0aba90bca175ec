"""Who drives which kernel: each file chooses one family of kernels by types and geometry, and lays out its buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.reducers import Reducer

FAST_DRIVERS: Mapping[str, Callable[[Reducer], bool]] = {
    "fold_choose": lambda row: bool(row.fold),
    "histogram": lambda row: row.sorts == "rank",
    "weighted": lambda row: row.weighted,
    "slicing": lambda row: row.slices,
    "network": lambda row: bool(row.sorts),
    "counting": lambda row: row.sorts == "runs",
    "sliding": lambda row: bool(row.sorts),
    "tile": lambda row: bool(row.lanes),
}
"""The drivers that may be faster than the general one, in the order in which they are asked, and whether each may serve
a reducer: so that a run imports only those that it needs (17 ms of 34 for a picture's maximum).
"""
