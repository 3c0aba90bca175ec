"""Bounds of sums and means of samples with weights: the ends pooled, and moved outward by what floats may lose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...core import dtypes
from ...core.plans import Plan
from ...core.reducers import REDUCERS, Reducer
from ...drivers.general_driver import MAX_EXACT_BINOMIALS
from ...errors import PoolError
from ...pooling import Pooling
from ...valid_samples import SampleRules, find_result_dtype
from ...valid_samples import run as run_valid
from . import intervals
from .outward_rounding import ERROR_MODELS, HIGH, LOW, Array, are_finite, convert_bounds, move_outward

_LOST = 2.0**-50
"""Of the magnitudes, for each sample: its product and its addition are each off by 2^-53 of them, in the sum and in the
mass that it is divided by; twice that for room."""


def bound_weighted_ends(pooling: Pooling, plan: Plan, low: Array, high: Array,
                        rules: SampleRules) -> tuple[Array, Array, Array, Array]:
    """Bounds of every output, which are exact, and which have no sample; of reducers that are sums."""
    _check_weighted(pooling, plan)
    assert rules.weights is not None
    result = find_result_dtype(pooling, low.dtype, rules.weights.dtype)
    rules = rules.check_weights(pooling, plan)
    missing = intervals.is_missing(low, pooling.missing())
    ends = intervals.avoid_nodata(low, high, ~missing, pooling.missing())
    far = np.abs(intervals.farthest_from_zero(low, high).astype(np.float64))
    far[missing] = np.nan
    in_doubles = replace(pooling, dtype=dtypes.FLOAT64)
    skips = pooling.skips_nan() or bool(missing.any())
    of_magnitudes = replace(in_doubles, nodata=None, nan="ignore" if skips else "propagate")
    margin = _LOST * (pooling.prepare(plan, low.dtype).work.max_window_samples + 16) * run_valid(
        of_magnitudes, far, plan, rules, return_valid=False).values
    found, finite = [], are_finite(low, high)
    for end, side in zip(ends, (LOW, HIGH), strict=True):
        pooled = run_valid(in_doubles, end, plan, rules)
        found.append(convert_bounds(move_outward(pooled.values, margin, side, finite), pooling, result, side))
    assert pooled.few is not None
    exact = np.ones(found[0].shape, np.bool_)
    if result.kind != "f":
        under, over = (run_valid(pooling, end, plan, rules, return_valid=False).values for end in ends)
        found = [np.minimum(found[0], under), np.maximum(found[1], over)]
        exact = (found[0] == under) & (found[1] == over)
    return found[0], found[1], exact, pooled.few


def _check_weighted(pooling: Pooling, plan: Plan) -> None:
    """PoolError for reducers with weights of which no bounds are known, and for weights that are rounded."""
    if not _is_weighted_sum(pooling.reducer):
        names = ", ".join(name for name, row in REDUCERS.items() if _is_weighted_sum(row))
        raise PoolError(f"of {pooling.reducer.name} with weights no certified bounds are known; those that have: "
                        f"{names}")
    if pooling.reducer.weighted and any(one.size_range()[1] > MAX_EXACT_BINOMIALS for one in plan.windows):
        raise PoolError(f"binomial weights of more than {MAX_EXACT_BINOMIALS} taps are rounded, and with weights "
                        "nobody says by how much; smaller windows would work")


def _is_weighted_sum(row: Reducer) -> bool:
    """Whether a reducer is a sum, or a mean, which never falls when a sample with a weight grows."""
    model = ERROR_MODELS.get(row.error_model)
    return row.monotone and row.weighted_core is not None and model is not None and model.of_sums
