"""Which samples count, and how much each: masks, weights, and the least that a window must have of valid samples.

A mask is one more reason for a sample to be missing, beside NaN and nodata, so it goes the way of masked arrays: what
it hides gets a value that no other sample has. Weights lie beside the samples and are gathered with them. A sample of
weight 0 is missing too, whatever it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import import_module
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .core import axes, dtypes
from .core.plans import Plan, PlanPart, place_in
from .core.pool_options import as_python
from .core.reducers import REDUCERS, check_weighted
from .core.windowings import ALL, check_flag, parse_min_valid, per_axis
from .engine.prepared import PreparedPooling, Result, describe_unrepresentable
from .errors import OptionError, PoolError
from .masked import find_missing_values, pads_missing, pool_without
from .pooling import ELSEWHERE, Pooling, as_array, as_kind_of, check_out, prepare_cached

Array = NDArray[Any]


NO_WEIGHTS_OF_PADDING = "padding that is data has no weights; pad_mode exclude would work"

OF_DIVISOR = ("count_include_pad", "divisor")
"""Parameters that say what is divided by, which with weights is the weight."""


@dataclass(frozen=True, eq=False)
class ValidResult:
    """What a run gives: the result, how many valid samples each window has, or what share, and where they are too few.
    """

    values: Array
    indices: Array | None
    valid: Array | None
    few: NDArray[np.bool_] | None


@dataclass(frozen=True, eq=False)
class SampleRules:
    """What beside its value says whether a sample counts."""

    mask: Array | None = None
    """True, or a number that is not 0, where a sample counts; of the array's shape, or of that of its pooled axes."""
    weights: Array | None = None
    """How much it counts, at least 0; of either shape."""
    least: int | Fraction = 0
    """The valid samples that a window must have: a number, or a share of its samples; with weights, of its weight. 0:
    nobody asks."""
    origin: str = ""
    """Where the weights come from, ahead of what is said of one of them."""
    checked: _Weights | None = None
    """The weights of each sample, where several runs have them in common."""

    @property
    def given(self) -> bool:
        """Whether anything was asked."""
        return self.mask is not None or self.weights is not None or bool(self.least)

    def check_weights(self, pooling: Pooling, plan: Plan) -> SampleRules:
        """The same, its weights checked once for several runs; PoolError for what is none."""
        return self if self.weights is None else replace(self, checked=_check_weights(self, pooling, plan, None))


def pool(x: Any, reducer: str = "max", *, mask: Any = None, weights: Any = None, min_valid: Any = None,
         return_valid: Any = False, out: Any = None, return_indices: bool = False, **options: Any) -> Any:
    """Return ``poolcli.pool`` of the samples that count, and the indices and the numbers of them if they are wanted."""
    if isinstance(x, np.ma.MaskedArray):
        raise PoolError("mask, weights, min_valid and return_valid go with arrays that are not masked themselves; "
                        "x.filled(value) with mask=~x.mask would work")
    if (elsewhere := ELSEWHERE.get(type(x).__module__.partition(".")[0])) is not None:
        return import_module(elsewhere, __package__).pool(
            x, reducer, mask=mask, weights=weights, min_valid=min_valid, return_valid=return_valid, out=out,
            return_indices=return_indices, **options)
    array = as_array(x)
    wanted, counted = check_flag("return_indices", as_python(return_indices)), parse_return_valid(return_valid)
    pooling, settled = prepare_cached(array, reducer, options, False)
    plan = settled.plan
    rules = parse_rules(mask, weights, min_valid)
    if out is not None:
        check_out(out, plan.output_shape, find_result_dtype(
            pooling, array.dtype, None if rules.weights is None else rules.weights.dtype))
    found = run(pooling, array, plan, rules, return_indices=wanted, return_valid=counted is not None,
                shares=counted == SHARE, settled=settled)
    values = found.values
    if out is not None:
        out[...] = values
        values = out
    parts = [part for part, asked in ((found.indices, wanted), (found.valid, counted is not None))
             if asked and part is not None]
    results = tuple(part if part is out else as_kind_of(x, part) for part in (values, *parts))
    return results if parts else results[0]


def parse_rules(mask: Any, weights: Any, min_valid: Any = None) -> SampleRules:
    """Which samples count, by the keywords of ``pool``."""
    return SampleRules(None if mask is None else as_array(mask), None if weights is None else as_array(weights),
                       0 if min_valid is None else parse_min_valid(min_valid))


def parse_return_valid(value: Any) -> str | None:
    """What is told of valid samples: "number", "share", or nothing."""
    if isinstance(value, str):
        if value not in _VALID_FORMS:
            raise OptionError("return_valid", f"return_valid is True, False, number or share, not {value!r}")
        return value
    return _VALID_FORMS[0] if check_flag("return_valid", as_python(value)) else None


def run(pooling: Pooling, array: Array, plan: Plan, rules: SampleRules, *, return_indices: bool = False,
        return_valid: bool = True, shares: bool = False, part: PlanPart | None = None,
        settled: PreparedPooling | None = None) -> ValidResult:
    """Pool the samples that count; a window with fewer valid ones than asked for has no value.

    How many there are, or their shares, is told where that is wanted, and where it decides. ``part`` says of which
    larger plan this one is a part, ``settled`` what calls before have prepared.
    """
    if return_indices:
        pooling.check_indices()
    if part is None:
        check_least(rules.least, pooling, plan)
    array = array.astype(dtypes.check_dtype(array.dtype), copy=False)
    weights = rules.checked
    if weights is None and rules.weights is not None:
        weights = _check_weights(rules, pooling, plan, part)
    present = find_present(pooling, array, rules.mask, plan)
    result = find_result_dtype(pooling, array.dtype, None if rules.weights is None else rules.weights.dtype)
    try:
        values = None if return_indices else _run_fold(pooling, array, plan, present, weights, result, part, settled)
        if values is not None and not return_valid and isinstance(rules.least, int) and rules.least <= 1:
            return ValidResult(values, None, None, None)
        if weights is not None:
            present = present & (weights.each != 0)
        found = Result(values, None) if values is not None else _pool_present(
            pooling, array, plan, present, weights, result, return_indices, part)
    except MemoryError:
        raise PoolError(f"not enough memory to pool an array of shape {axes.describe(array.shape)}") from None
    valid, least = _count(pooling, plan, present), rules.least
    few = valid == 0  # none at all is too few always
    if isinstance(least, int):
        few |= valid < least
    if shares or not isinstance(least, int):
        there, whole = _find_shares(pooling, plan, present, weights, valid)
        if not isinstance(least, int):
            few |= there * least.denominator < whole * least.numerator
        if shares:
            valid = np.divide(there, whole, out=np.zeros(there.shape), where=whole > 0)
    return _without_few(pooling, found, valid, few, result, part)


def _run_fold(pooling: Pooling, array: Array, plan: Plan, present: NDArray[np.bool_], weights: _Weights | None,
              result: dtypes.Type, part: PlanPart | None, settled: PreparedPooling | None) -> Array | None:
    """Pool by a fold of samples with their weights, those that do not count having none; None where none serves."""
    of_constant = pooling.pad_mode == "constant" and (pads_missing(pooling) or pooling.pad_value != 1)
    if of_constant or not (weights is not None or pooling.reducer.fold or pooling.reducer.weighted):
        return None
    each, largest = present.view(np.uint8), 1
    if weights is not None:
        each, largest = weights.each, weights.largest
        if not present.all():
            each = np.where(present, each, each.dtype.type(0))
    if pooling.nan == "error" or pooling.reducer.nonnegative:
        pooling.check_array(np.where(each != 0, array, array.dtype.type(1)), None if part is None else part.corner)
    if settled is None or settled.work.result != result:
        settled = replace(pooling, dtype=result).prepare(plan, array.dtype)
    return settled.run_folded(array, each, largest, part)


def _pool_present(pooling: Pooling, array: Array, plan: Plan, present: NDArray[np.bool_], weights: _Weights | None,
                  result: dtypes.Type, return_indices: bool, part: PlanPart | None) -> Result:
    """Pool with what is missing marked by a value that no other sample has."""
    base, marked = pool_without(pooling, array, ~present, result)
    if weights is None:
        return base.run(marked, plan, return_indices=return_indices, part=part)
    base.check_array(marked, None if part is None else part.corner)
    each = weights.each.astype(np.float64, copy=False)
    return base.prepare(plan, marked.dtype, return_indices).run_weighted(marked, each, part)


def mark_missing(pooling: Pooling, array: Array, plan: Plan,
                 rules: SampleRules) -> tuple[Pooling, Array, Array | None]:
    """A pooling that passes over samples that do not count, the array in which they are marked for it, and the weights
    of all samples where they have some; PoolError for rules that do not fit."""
    weights = None if rules.weights is None else _check_weights(rules, pooling, plan, None)
    present = find_present(pooling, array, rules.mask, plan)
    if weights is not None:
        present = present & (weights.each != 0)
    base, marked = pool_without(pooling, array, ~present, pooling.result_dtype(array.dtype))
    return base, marked, None if weights is None else weights.each


def find_result_dtype(pooling: Pooling, of_samples: dtypes.Type, of_weights: dtypes.Type | None) -> dtypes.Type:
    """The result's dtype: of sums of integers a float where weights are no whole numbers."""
    dtype = pooling.result_dtype(of_samples)
    fractions = of_weights is not None and of_weights.kind == "f"
    return dtypes.FLOAT64 if fractions and pooling.dtype is None and pooling.reducer.result == "sum" and (
        dtype.kind != "f") else dtype


def find_errors_dtype(pooling: Pooling, dtype: dtypes.Type) -> dtypes.Type:
    """The dtype of standard errors: that of the values where it is a float."""
    result = pooling.result_dtype(dtype)
    return result if result.kind == "f" else dtypes.FLOAT64


def broadcast_samples(given: Array, plan: Plan, what: str) -> Array:
    """An array of the samples' shape from one of that shape, or of that of the pooled axes; PoolError for others."""
    check_shape(given.shape, plan, what)
    if given.shape == plan.input_shape:
        return given
    places = [n if i in plan.axes.pooled else 1 for i, n in enumerate(plan.input_shape)]
    return np.broadcast_to(given.reshape(places), plan.input_shape)


def broadcast_rules(rules: SampleRules, plan: Plan) -> SampleRules:
    """The same with a mask and weights of the samples' shape; PoolError for what does not fit."""
    if rules.mask is not None:
        check_mask_dtype(rules.mask.dtype)
    return replace(rules, mask=None if rules.mask is None else broadcast_samples(rules.mask, plan, "mask"),
                   weights=None if rules.weights is None else broadcast_samples(rules.weights, plan,
                                                                               "array of weights"))


def check_shape(shape: tuple[int, ...], plan: Plan, what: str) -> None:
    """PoolError for an array that has neither the samples' shape nor that of the pooled axes."""
    pooled = tuple(plan.input_shape[i] for i in plan.axes.pooled)
    if shape in (plan.input_shape, pooled):
        return
    other = "" if pooled == plan.input_shape else f" or {axes.describe(pooled)}, that of the pooled axes,"
    raise PoolError(f"the {what} has the shape {axes.describe(shape)}, the samples "
                    f"{axes.describe(plan.input_shape)}; that shape{other} would work")


def check_mask_dtype(dtype: dtypes.Type) -> None:
    """PoolError for a mask that is neither of whole numbers nor bool."""
    if dtype.kind not in "biu":
        raise PoolError(f"a mask is of whole numbers or bool, 0 where a sample does not count, not of {dtype}; "
                        "mask > 0 would work")


def find_present(pooling: Pooling, array: Array, mask: Array | None, plan: Plan) -> NDArray[np.bool_]:
    """Which samples neither a mask hides nor are missing by their value."""
    if mask is not None:
        check_mask_dtype(mask.dtype)
    shown = None if mask is None else broadcast_samples(mask, plan, "mask")
    if shown is not None and shown.dtype != np.bool_:
        shown = shown != 0
    missing = find_missing_values(array, pooling)
    if shown is None:
        return np.ones(array.shape, np.bool_) if missing is None else ~missing
    return shown if missing is None else shown & ~missing


def find_few(pooling: Pooling, plan: Plan, present: NDArray[np.bool_], least: int | Fraction) -> NDArray[np.bool_]:
    """Which windows have fewer valid samples than asked for, a number or a share of theirs."""
    check_least(least, pooling, plan)
    valid = _count(pooling, plan, present)
    if isinstance(least, int):
        return np.asarray(valid < least)
    whole = _count(pooling, plan, np.ones_like(present))
    return np.asarray(valid * least.denominator < whole * least.numerator)


class _Weights(NamedTuple):
    """Weights of each sample."""

    each: Array
    largest: int
    """At least the largest of them where all are whole numbers below 2^31, and the same for all of so many bits; -1
    where they are larger whole numbers, 0 elsewhere."""


def check_least(least: int | Fraction, pooling: Pooling, plan: Plan) -> None:
    """Refuse a least number of valid samples that no window can have, where all have one size."""
    sizes = per_axis(pooling.window.size, len(plan.windows), "size")
    if not isinstance(least, int) or not pooling.window.windowing.strided or ALL in sizes:
        return
    most = prod(windows.max_nominal() for windows in plan.windows)
    if least > most:
        raise PoolError(f"a least of {least} valid samples is more than a window of {axes.describe(sizes)} has; {most} "
                        "or less would work")


def check_weighable(pooling: Pooling, plan: Plan) -> None:
    """OptionError where weights mean nothing."""
    if any(windows.weighs for windows in plan.windows):
        raise OptionError("weights", "samples of areas count by their part, not by weights too; touch would work")
    check_weighted(pooling.reducer)
    if pooling.pad_mode != "exclude":
        raise OptionError("weights", NO_WEIGHTS_OF_PADDING)
    if wrong := [name for name in OF_DIVISOR if pooling.parameters.get(name)]:
        raise OptionError("weights", f"what is divided by is the weight, so {wrong[0]} goes not with weights")


def _check_weights(rules: SampleRules, pooling: Pooling, plan: Plan, part: PlanPart | None) -> _Weights:
    """Weights for each sample; PoolError for what is none, and where they mean nothing."""
    weights = rules.weights
    assert weights is not None
    check_weighable(pooling, plan)
    weights = weights.astype(dtypes.check_dtype(weights.dtype), copy=False)
    high = _find_largest(weights)
    if high is None:
        check_shape(weights.shape, plan, "array of weights")
        at = tuple(int(i) for i in np.argwhere(~(np.isfinite(weights) & (weights >= 0)))[0])
        corner = None if part is None else part.corner
        if corner is not None and weights.shape != plan.input_shape:
            corner = tuple(corner[i] for i in plan.axes.pooled)
        raise PoolError(f"{rules.origin}weights are finite and at least 0, and the one at {place_in(at, corner)} is "
                        f"{weights[at]:g}")
    whole = weights.dtype.kind != "f" or _are_whole(weights)
    bounded = whole and high < _LARGEST_WHOLE
    if bounded:
        weights = weights.astype(np.min_scalar_type(int(high)), copy=False)
    elif weights.dtype != np.float32:
        weights = weights.astype(np.float64, copy=False)
    largest = max((1 << int(high).bit_length()) - 1, 2) if bounded else -1 if whole else 0
    return _Weights(broadcast_samples(weights, plan, "array of weights"), largest)


def _find_largest(weights: Array) -> int | float | None:
    """The largest of weights, 0 of none; None where one is negative, infinite or NaN.

    The bits of numbers that are none of these are in the order of the numbers, and below those of all others: one pass,
    0.28 ms for 1 MP of 64 bits, where the least and the largest take two.
    """
    if not weights.size:
        return 0
    high: int | float = weights.view(f"u{weights.itemsize}").max().view(weights.dtype).item()
    if weights.dtype.kind == "f" and high <= 0:  # -0.0 is no negative number, and its bits lie above all others
        high = weights.max().item() if weights.min() >= 0 else -1
    return high if 0 <= high < np.inf else None


def _are_whole(weights: Array) -> bool:
    """Whether floats are whole numbers; a few of them tell mostly (1 MP of fractions take 1 ms to look at)."""
    return all(bool((some == np.floor(some)).all()) for some in (weights[:1], weights))


SHARE = "share"
_VALID_FORMS = ("number", SHARE)
"""What may be told of valid samples: their number, or what they are of the window's samples, or of its weight."""
_LARGEST_WHOLE = 2**31
"""Whole numbers below it are summed as such."""


def make_counting(pooling: Pooling) -> Pooling:
    """What pools 1 for each sample that is there to how many a window has, padding that is data among them."""
    return replace(pooling, reducer=REDUCERS["sum"], parameters={}, nan="propagate", nodata=None, dtype=None,
                   pad_value=0 if pads_missing(pooling) else 1)


def _count(pooling: Pooling, plan: Plan, there: NDArray[np.bool_]) -> Array:
    """How many samples of each window are there."""
    return make_counting(pooling).run(there.view(np.uint8), plan.count_wholly()).values


def _find_shares(pooling: Pooling, plan: Plan, present: NDArray[np.bool_], weights: _Weights | None,
                 valid: Array) -> tuple[Array, Array]:
    """What of each window is valid, and all of it: samples, or their weights where they have some."""
    if weights is None:
        return valid, _count(pooling, plan, np.ones_like(present))
    total = replace(pooling, reducer=REDUCERS["sum"], parameters={}, nan="propagate", nodata=None, dtype=dtypes.FLOAT64)
    there = np.where(present, weights.each, weights.each.dtype.type(0))
    return total.run(there, plan).values, total.run(np.ascontiguousarray(weights.each), plan).values


def _without_few(pooling: Pooling, found: Result, valid: Array, few: NDArray[np.bool_],
                 dtype: dtypes.Type, part: PlanPart | None) -> ValidResult:
    """The result where windows with too few samples have none."""
    if few.any():
        fill = pooling.fill(dtype)
        if fill is None:
            raise describe_unrepresentable(place_in(np.argwhere(few)[0], None if part is None else part.first), dtype)
        found.values[few] = fill[0]
        if found.indices is not None:
            found.indices[few] = -1
    return ValidResult(found.values, found.indices, valid, few)
