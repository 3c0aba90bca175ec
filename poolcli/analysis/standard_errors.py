"""Standard errors of sums and means of independent samples, each of which has one of its own.

Errors of independent samples add in squares: of a sum it is sqrt(sum s^2), of a mean that over what the sum is divided
by, and where samples have weights sqrt(sum w^2 s^2) over sum w (Bevington and Robinson, Data Reduction and Error
Analysis, 3.2). A root of a sum of squares is the norm ``l2``, which overflows nowhere.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.plans import Plan, PlanPart, place_in
from ..core.reducers import REDUCERS
from ..errors import OptionError, PoolError
from ..masked import find_missing
from ..pooling import ELSEWHERE, Pooling, as_array, as_kind_of, check_out, parse_pooling
from ..valid_samples import SampleRules, broadcast_samples, find_errors_dtype, parse_rules
from ..valid_samples import run as run_valid

Array = NDArray[Any]


def pool(x: Any, reducer: str, *, sigma: Any, mask: Any = None, weights: Any = None, min_valid: Any = None,
         out: Any = None, **options: Any) -> tuple[Any, Any]:
    """Return ``poolcli.pool`` of the samples that count, and the standard errors of its values."""
    elsewhere = ELSEWHERE.get(type(x).__module__.partition(".")[0])
    if elsewhere is not None:
        both: tuple[Any, Any] = import_module(elsewhere, "poolcli").pool(
            x, reducer, sigma=sigma, mask=mask, weights=weights, min_valid=min_valid, out=out, **options)
        return both
    if isinstance(x, np.ma.MaskedArray):
        raise PoolError("sigma goes not with masked arrays; x.data, with mask=~x.mask, would work")
    array = as_array(x)
    pooling = parse_pooling(reducer, **options).for_axes(array.shape)
    plan = pooling.plan(array.shape)
    rules = parse_rules(mask, weights, min_valid)
    errors_of = as_array(sigma)
    check_pooling(pooling)
    found = run_valid(pooling, array, plan, rules)
    assert found.few is not None
    errors = find_errors(pooling, array, plan, rules, errors_of, found.few)
    values = found.values
    if out is not None:
        check_out(out, values.shape, values.dtype)
        out[...] = values
        values = out
    return values if out is not None else as_kind_of(x, values), as_kind_of(x, errors)


def check_pooling(pooling: Pooling) -> None:
    """Refuse what has no errors of independent samples."""
    if not pooling.reducer.standard_error:
        names = ", ".join(name for name, row in REDUCERS.items() if row.standard_error)
        raise OptionError("sigma", f"{pooling.reducer.name} has no standard error here; those that have: {names}")
    if pooling.pad_mode != "exclude":
        raise OptionError("sigma", "padding that is data repeats samples, which are not independent then; pad_mode "
                                   "exclude would work")


def find_errors(pooling: Pooling, array: Array, plan: Plan, rules: SampleRules, sigma: Array,
                few: NDArray[np.bool_], part: PlanPart | None = None) -> Array:
    """The standard error of each value, NaN where there is none: where no sample, or too few, are valid.

    ``few`` says where; sigma has the array's shape, or that of its pooled axes. ``part`` says of which larger plan this
    one is a part.
    """
    check_pooling(pooling)
    plan.check_whole_samples("sigma")
    each = _check_sigma(broadcast_samples(sigma, plan, "array of errors"), part)
    shares = None
    if rules.weights is not None:
        shares = broadcast_samples(rules.weights, plan, "array of weights").astype(np.float64)
    missing = find_missing(array, np.zeros(array.shape, np.bool_), pooling)
    if rules.mask is not None:
        missing |= broadcast_samples(rules.mask, plan, "mask") == 0
    if shares is not None:
        missing |= shares == 0
        each = each * shares
    plain = replace(pooling, reducer=REDUCERS["l2"], parameters={}, nan="propagate", nodata=None, dtype=dtypes.FLOAT64)
    found: Array = plain.run(np.where(missing, 0.0, each), plan, part=part).values
    with np.errstate(all="ignore"):
        if pooling.reducer.result == "mean":
            found = found / _find_divisors(pooling, plain, plan, missing, shares, part)
        found = found.astype(find_errors_dtype(pooling, array.dtype))
    return np.where(few, found.dtype.type(np.nan), found)  # no assignment: squeezed to a number it takes none


def _find_divisors(pooling: Pooling, plain: Pooling, plan: Plan, missing: NDArray[np.bool_],
                   shares: Array | None, part: PlanPart | None) -> Array:
    """What each sum is divided by: how many samples there are, their weights, or what the reducer's options say."""
    there = np.where(missing, 0.0, 1.0 if shares is None else shares)
    total = replace(plain, reducer=REDUCERS["sum"]).run(there, plan, part=part).values
    if not any(pooling.parameters.values()):
        return total
    mean = replace(pooling, nan="propagate", nodata=None, dtype=dtypes.FLOAT64)
    return total / mean.run(there, plan, part=part).values


def _check_sigma(sigma: Array, part: PlanPart | None) -> NDArray[np.float64]:
    """Errors as float64; PoolError for one below 0. NaN is an error that nobody knows."""
    dtypes.check_dtype(sigma.dtype)
    each = sigma.astype(np.float64)
    if (each < 0).any():
        at = tuple(int(i) for i in np.argwhere(each < 0)[0])
        place = place_in(at, None if part is None else part.corner)
        raise PoolError(f"standard errors are at least 0, and the one at {place} is {each[at]:g}")
    return each
