"""Who drives which kernel: each file chooses one family of kernels by types and geometry, and lays out its buffers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..core.reducers import Reducer

FAST_DRIVERS: Mapping[str, Callable[[Reducer], bool]] = {
    "fold.fold_driver": lambda row: bool(row.fold),
    "histogram_driver": lambda row: row.sorts == "rank",
    "weighted_driver": lambda row: row.weighted,
    "slicing_driver": lambda row: bool(row.slices),
    "network_driver": lambda row: bool(row.sorts),
    "counting_driver": lambda row: bool(row.sorts),
    "value_counts_driver": lambda row: row.sorts not in ("", "rank", "runs"),
    "sliding_driver": lambda row: bool(row.sorts),
    "tile_driver": lambda row: bool(row.lanes),
}
"""The drivers that may be faster than the general one, in the order in which they are asked, and whether each may serve
a reducer: so that a run imports only those that it needs (17 ms of 34 for a picture's maximum).
"""
PART_DRIVERS: Mapping[str, Callable[[Reducer], bool]] = {
    "weighted_driver": lambda row: row.weighted or bool(row.fold),
    "area_rank_driver": lambda row: row.sorts == "rank",
    "tile_driver": lambda row: row.weighted_core is not None,
}
"""The same where samples have weights, or count by their part in windows that end between samples."""
