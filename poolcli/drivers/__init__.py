"""Who drives which kernel: each file chooses one family of kernels by types and geometry, and lays out its buffers."""

from __future__ import annotations

from collections.abc import Mapping

QUICK: Mapping[str, tuple[str, ...]] = {
    "fold_choose": ("max", "min", "range", "avg", "sum", "l2", "lp", "gem", "mixed", "var", "std"),
    "histogram": ("median", "quantile"),
    "weighted": ("blur",),
    "slicing": ("subsample",),
    "network": ("median", "quantile", "mode"),
    "sliding": ("median", "quantile", "mode"),
    "tile": ("max", "min", "subsample", "stochastic", "lse", "soft", "mixed", "lp", "l2", "gem", "median", "quantile",
             "mode"),
}
"""The drivers that may be faster than the general one, in the order in which they are asked, and the reducers that each
may serve: so that a run imports only those that it needs (17 ms of 34 for a picture's maximum).
"""
