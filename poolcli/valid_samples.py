"""Which samples count, and how much each: masks, weights, and the least that a window must have of valid samples.

A mask is one more reason for a sample to be missing, beside NaN and nodata, so it goes the way of masked arrays: what
it hides gets a value that no other sample has. Weights lie beside the samples and are gathered with them. A sample of
weight 0 is missing too, whatever it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core import axes, dtypes
from .core.plans import Plan
from .core.pool_options import as_python
from .core.reducers import REDUCERS, name_weighted
from .core.windowings import check_flag, parse_min_valid
from .engine.prepared import Result, describe_unrepresentable
from .errors import OptionError, PoolError
from .masked import find_missing, pads_missing, pool_without
from .pooling import ELSEWHERE, Pooling, as_array, as_kind_of, check_out, parse_pooling

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class _ValidResult:
    """What a run gives: the result, and how many valid samples each window has."""

    values: Array
    indices: Array | None
    valid: Array


@dataclass(frozen=True, eq=False)
class SampleRules:
    """What beside its value says whether a sample counts."""

    mask: Array | None = None
    """True, or a number that is not 0, where a sample counts; of the array's shape, or of that of its pooled axes."""
    weights: Array | None = None
    """How much it counts, at least 0; of either shape."""
    least: int | Fraction = 1
    """The valid samples that a window must have: a number, or a share of its samples."""


def pool(x: Any, reducer: str = "max", *, mask: Any = None, weights: Any = None, min_valid: Any = None,
         return_valid: bool = False, out: Any = None, return_indices: bool = False, **options: Any) -> Any:
    """Return ``poolcli.pool`` of the samples that count, and the indices and the numbers of them if they are wanted."""
    if isinstance(x, np.ma.MaskedArray) or type(x).__module__.partition(".")[0] in ELSEWHERE:
        raise PoolError("mask, weights, min_valid and return_valid go with plain arrays in memory; of a masked array "
                        "x.filled(value) with mask=~x.mask would work, of others np.asarray(x)")
    array = as_array(x)
    pooling = parse_pooling(reducer, **options).for_axes(array.shape)
    wanted, counted = (check_flag(name, as_python(value)) for name, value in (
        ("return_indices", return_indices), ("return_valid", return_valid)))
    plan = pooling.plan(array.shape)
    rules = SampleRules(None if mask is None else as_array(mask), None if weights is None else as_array(weights),
                        1 if min_valid is None else parse_min_valid(min_valid))
    if out is not None:
        check_out(out, plan.output_shape, _result_dtype(pooling, array, rules))
    found = run(pooling, array, plan, rules, return_indices=wanted)
    values = found.values
    if out is not None:
        out[...] = values
        values = out
    parts = [part for part, asked in ((found.indices, wanted), (found.valid, counted)) if asked and part is not None]
    results = tuple(part if part is out else as_kind_of(x, part) for part in (values, *parts))
    return results if parts else results[0]


def run(pooling: Pooling, array: Array, plan: Plan, rules: SampleRules, *,
        return_indices: bool = False) -> _ValidResult:
    """Pool the samples that count; a window with fewer valid ones than asked for has no value."""
    if return_indices:
        pooling.check_indices()
    dtype = dtypes.check_dtype(array.dtype)
    array = array.astype(dtype, copy=False)
    weights = None if rules.weights is None else _check_weights(rules.weights, pooling, plan)
    missing = find_missing(array, _find_masked(rules.mask, plan), pooling)
    if weights is not None:
        missing |= weights == 0
    result = _result_dtype(pooling, array, rules)
    base, array = pool_without(pooling, array, missing, result)
    try:
        found = _run_either(base, array, plan, weights, return_indices)
    except MemoryError:
        raise PoolError(f"not enough memory to pool an array of shape {axes.describe(array.shape)}") from None
    valid, least = _count(pooling, plan, ~missing), rules.least
    if isinstance(least, int):
        few = valid < least
    else:
        few = valid * least.denominator < _count(pooling, plan, np.ones_like(missing)) * least.numerator
    return _without_few(pooling, found, valid, few | (valid == 0), result)  # none at all is too few always


def _run_either(base: Pooling, array: Array, plan: Plan, weights: Array | None, return_indices: bool) -> Result:
    """Pool with weights or without."""
    if weights is None:
        return base.run(array, plan, return_indices=return_indices)
    base.check_array(array)
    return base.prepare(plan, array.dtype, return_indices).run_weighted(array, weights)


def _result_dtype(pooling: Pooling, array: Array, rules: SampleRules) -> dtypes.Type:
    """The result's dtype: of sums of integers a float where weights are no whole numbers."""
    dtype = pooling.result_dtype(array.dtype)
    fractions = rules.weights is not None and rules.weights.dtype.kind == "f"
    return dtypes.FLOAT64 if fractions and pooling.dtype is None and pooling.reducer.result == "sum" and (
        dtype.kind != "f") else dtype


def _broadcast(given: Array, plan: Plan, what: str) -> Array:
    """An array of the samples' shape from one of that shape, or of that of the pooled axes; PoolError for others."""
    pooled = tuple(plan.input_shape[i] for i in plan.axes.pooled)
    if given.shape == plan.input_shape:
        return given
    if given.shape == pooled:
        places = [n if i in plan.axes.pooled else 1 for i, n in enumerate(plan.input_shape)]
        return np.broadcast_to(given.reshape(places), plan.input_shape)
    other = "" if pooled == plan.input_shape else f" or {axes.describe(pooled)}, that of the pooled axes,"
    raise PoolError(f"the {what} has the shape {axes.describe(given.shape)}, the samples "
                    f"{axes.describe(plan.input_shape)}; that shape{other} would work")


def _find_masked(mask: Array | None, plan: Plan) -> NDArray[np.bool_]:
    """Which samples a mask hides."""
    if mask is None:
        return np.zeros(plan.input_shape, np.bool_)
    if mask.dtype.kind not in "biu":
        raise PoolError(f"a mask is of whole numbers or bool, 0 where a sample does not count, not of {mask.dtype}; "
                        "mask > 0 would work")
    return np.asarray(_broadcast(mask, plan, "mask") == 0)


def _check_weights(weights: Array, pooling: Pooling, plan: Plan) -> NDArray[np.float64]:
    """Weights as float64 for each sample; PoolError for what is none, and where they mean nothing."""
    row = pooling.reducer
    if row.weighted_core is None:
        raise OptionError("weights", f"weights mean nothing to {row.name}; those that take them: {name_weighted()}")
    if pooling.pad_mode != "exclude":
        raise OptionError("weights", "padding that is data has no weights; pad_mode exclude would work")
    if wrong := [name for name in ("count_include_pad", "divisor") if pooling.parameters.get(name)]:
        raise OptionError("weights", f"what is divided by is the weight, so {wrong[0]} goes not with weights")
    each = _broadcast(weights, plan, "array of weights").astype(np.float64)
    wrong_ones = ~(np.isfinite(each) & (each >= 0))
    if wrong_ones.any():
        at = tuple(int(i) for i in np.argwhere(wrong_ones)[0])
        raise PoolError(f"weights are finite and at least 0, and the one at {at} is {each[at]:g}")
    return each


def _count(pooling: Pooling, plan: Plan, there: NDArray[np.bool_]) -> Array:
    """How many samples of each window are there, padding that is data among them."""
    count = replace(pooling, reducer=REDUCERS["sum"], parameters={}, nan="propagate", nodata=None, dtype=None,
                    pad_value=0 if pads_missing(pooling) else 1)
    return count.run(there.view(np.uint8), plan).values


def _without_few(pooling: Pooling, found: Result, valid: Array, few: NDArray[np.bool_],
                 dtype: dtypes.Type) -> _ValidResult:
    """The result where windows with too few samples have none."""
    if few.any():
        fill = pooling.fill(dtype)
        if fill is None:
            raise describe_unrepresentable(tuple(int(i) for i in np.argwhere(few)[0]), dtype)
        found.values[few] = fill[0]
        if found.indices is not None:
            found.indices[few] = -1
    return _ValidResult(found.values, found.indices, valid)
