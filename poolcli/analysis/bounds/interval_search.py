"""Extremes of a reducer over a box, window by window: samples gathered, searched, and pooled again where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.plans import Plan
from ...engine.prepared import from_canonical
from ...errors import PoolError
from ...pooling import Pooling, parse_pooling
from .. import unfold
from ..run_parts import run_parts
from . import intervals
from .interval_extremes import Extreme, Extremes, same_for_all
from .outward_rounding import (
    HIGH,
    LOW,
    are_finite,
    convert_bounds,
    convert_values,
    error_margin,
    is_never_negative,
    move_outward,
    needs_outward_rounding,
)

Array = NDArray[Any]
Solve = Callable[[Array, Array, Any], Extremes]
"""From the low and high samples of windows, (samples, windows), and their draws, or the reducer's parameters."""
_AT_ONCE = 1 << 16
"""Samples searched at once: what is made of them stays in the second cache (var of 3 million: 0.9 s; 5 s with 2^18)."""
_NARROW_AT_ONCE = 1 << 20
"""Of at most 32 bits, where a search works on these as they are: the calls themselves take half as long as its work
with a quarter of that (std 3x3/1 of a photograph)."""


@dataclass(frozen=True, eq=False)
class _WindowColumns:
    """Windows of equally many samples side by side, (samples, windows), and which of their block they are."""

    low: Array
    high: Array
    at: NDArray[np.int64] | slice


def search_windows(pooling: Pooling, plan: Plan, low: Array, high: Array, solve: Solve,
                   narrow: bool = False) -> tuple[Array, Array, Array]:
    """The bounds of all outputs, and whether both ends of each are attained, for samples in any order.

    ``narrow`` searches work on samples of at most 32 bits as they are.
    """
    settled = pooling.prepare(plan, low.dtype)
    lower, upper = (settled.on(one) for one in (low, high))
    result = settled.work.result
    under, over = np.empty((2, *lower.output_shape), result)
    exact = np.zeros(lower.output_shape, np.bool_)
    axes = [unfold.window_positions(windows) for windows in lower.windows]

    def search(block: unfold.Block) -> None:
        a, b = (unfold.unfold_block(work.array, block, axes) for work in (lower, upper))
        drawn = None if lower.draws is None else lower.draws.reshape(lower.output_shape)[block].reshape(-1)
        found = _search_block(pooling, solve, a, b, drawn, result, at_once)
        for target, values in zip((under, over, exact), found, strict=True):
            target[block] = values.reshape(target[block].shape)

    samples = math.prod(places.shape[1] for places, _ in axes)
    at_once = _NARROW_AT_ONCE if narrow and low.dtype.itemsize <= 4 else 4 * _AT_ONCE
    run_parts(search, list(unfold.split_blocks(lower.output_shape, lower.windows, samples, at_once)))
    return from_canonical(under, plan), from_canonical(over, plan), from_canonical(exact, plan)


def _search_block(pooling: Pooling, solve: Solve, lower: unfold.UnfoldedBlock, upper: unfold.UnfoldedBlock,
                  drawn: Array | None, result: dtypes.Type, at_once: int) -> tuple[Array, Array, Array]:
    """The bounds of a block's windows, flat, and whether they are exact. Windows without a value get none."""
    low, high = (part.values.reshape(len(part.values), -1) for part in (lower, upper))
    none = np.isnan(low) if low.dtype.kind == "f" else None
    if pooling.missing() is None and not pooling.skips_nan() and lower.whole and (none is None or not none.any()):
        groups, lost = _cut_columns(low, high, at_once), np.zeros(low.shape[1], np.bool_)
    else:
        groups, lost = _group_present(pooling, low, high, lower.present.reshape(low.shape).copy(), none)
    found, exact = np.empty((2, low.shape[1]), result), np.ones(low.shape[1], np.bool_)
    found[:, lost] = _fill_value(pooling, result) if lost.any() else 0
    for part in groups:
        t = pooling.kernel_parameters() if drawn is None else drawn[part.at]
        found[0, part.at], found[1, part.at], exact[part.at] = _bound_columns(pooling, solve, part, t, result)
    return found[0], found[1], exact


def _cut_columns(low: Array, high: Array, at_once: int) -> Iterator[_WindowColumns]:
    """Windows whose samples are all there: side by side as they come, so many that they stay in the second cache."""
    if not are_finite(low, high):
        yield from _group_columns(low, high, np.ones(low.shape, np.bool_), np.ones(low.shape[1], np.bool_))
        return
    step = max(1, at_once // len(low))
    for at in range(0, low.shape[1], step):
        yield _WindowColumns(low[:, at : at + step], high[:, at : at + step], slice(at, at + step))


def _group_present(pooling: Pooling, low: Array, high: Array, there: NDArray[np.bool_],
                   none: NDArray[np.bool_] | None) -> tuple[Iterator[_WindowColumns], NDArray[np.bool_]]:
    """Windows of which samples may be missing, and which of them have no value; ``none`` says which samples are NaN."""
    none = np.zeros(low.shape, np.bool_) if none is None else none
    if pooling.missing() is not None or pooling.skips_nan():
        there &= ~intervals.is_missing(low, pooling.missing())
    lost = np.asarray((none & there).any(axis=0) | ~there.any(axis=0))
    return _group_columns(low, high, there, ~lost), lost


def _fill_value(pooling: Pooling, result: dtypes.Type) -> Any:
    """What a window without a value has for both bounds."""
    fill = pooling.fill(result)
    if fill is None:
        raise PoolError(f"a window's value is NaN or missing, and {result} has no place for it; a nodata value that "
                        f"{result} holds, or a float dtype, would work")
    return fill[0]


def _group_columns(low: Array, high: Array, there: NDArray[np.bool_],
                   wanted: NDArray[np.bool_]) -> Iterator[_WindowColumns]:
    """The windows by how many samples they have, those moved together; order is kept. Infinities are apart."""
    if not (there.all() and wanted.all()):
        order = np.argsort(~there, axis=0, kind="stable")
        low, high = (np.take_along_axis(part, order, axis=0) for part in (low, high))
    many = there.sum(axis=0)
    endless = ~(np.isfinite(low) & np.isfinite(high) | ~there).all(axis=0) if low.dtype.kind == "f" else None
    for count in np.unique(many[wanted]):
        chosen = wanted & (many == count)
        for group in [chosen] if endless is None else [chosen & ~endless, chosen & endless]:
            several = np.flatnonzero(group)
            step = max(1, _AT_ONCE // int(count))
            for start in range(0, len(several), step):
                at = several[start : start + step]
                yield _WindowColumns(low[:count, at], high[:count, at], at)


def _bound_columns(pooling: Pooling, solve: Solve, part: _WindowColumns, given: Array | Sequence[float],
                   result: dtypes.Type) -> tuple[Array, Array, Array]:
    """The bounds of windows side by side."""
    finite = are_finite(part.low, part.high)
    found = solve(part.low, part.high, given) if finite else _bound_infinite(pooling, part)
    (under, low_attained), (over, high_attained) = (_evaluate_extreme(pooling, extreme, side, part, result)
                                                    for extreme, side in ((found.low, LOW), (found.high, HIGH)))
    return under, over, found.low.exact & found.high.exact & low_attained & high_attained


def _bound_infinite(pooling: Pooling, part: _WindowColumns) -> Extremes:
    """With infinities: between the least sample and the largest, or all that a value on another scale can be."""
    if pooling.reducer.keeps_scale:
        low, high = part.low.min(axis=0, keepdims=True), part.high.max(axis=0, keepdims=True)
    else:
        least = 0.0 if is_never_negative(pooling) else -np.inf
        low, high = np.full((1, part.low.shape[1]), least), np.full((1, part.low.shape[1]), np.inf)
    return Extremes(same_for_all(low, False, "max"), same_for_all(high, False, "max"))


def _evaluate_extreme(pooling: Pooling, extreme: Extreme, side: int, part: _WindowColumns,
                      result: dtypes.Type) -> tuple[Array, NDArray[np.bool_] | bool]:
    """An extreme as the result's dtype: its samples pooled, or the bound beyond them. And whether it is what the
    samples pool to: whole numbers that are rounded down or up may be a step beyond."""
    dtype = dtypes.check_dtype(part.low.dtype)
    count = np.array([len(part.low)])
    beyond, attained = None, True
    if extreme.beyond is not None and not extreme.exact.all():
        beyond = convert_bounds(_round_outward(pooling, extreme.beyond, side, part), pooling, result, side)
    if extreme.by is not None:
        found = convert_values(extreme.samples[0], pooling, result)
    elif needs_outward_rounding(pooling, dtype, count):
        value = _pool_columns(pooling, extreme.samples, dtypes.FLOAT64)
        found = convert_bounds(_round_outward(pooling, value, side, part), pooling, result, side)
        if result.kind != "f":
            end = _pool_columns(pooling, extreme.samples, result)
            found = np.minimum(found, end) if side == LOW else np.maximum(found, end)
            attained = found == end
    else:
        found = _pool_columns(pooling, extreme.samples, result)
    return found if beyond is None else np.where(extreme.exact, found, beyond), attained


def _round_outward(pooling: Pooling, value: Array, side: int, part: _WindowColumns) -> Array:
    """Float64 values of windows rounded outward."""
    lo, hi = part.low.min(axis=0).astype(np.float64), part.high.max(axis=0).astype(np.float64)
    dtype = dtypes.check_dtype(part.low.dtype)
    by = error_margin(pooling, dtype, len(part.low), value, np.maximum(np.abs(lo), np.abs(hi)), hi - lo)
    return move_outward(value, by, side, are_finite(lo, hi))


def _pool_columns(pooling: Pooling, samples: Array, dtype: dtypes.Type) -> Array:
    """Columns of samples, each one window."""
    alone = replace(pooling, window=parse_pooling("max", size="all").window, layout="LC", squeeze=False,
                    pad_mode="exclude", nan="propagate", nodata=None, dtype=dtype)
    return alone.run(samples, alone.plan(samples.shape)).values.reshape(-1)
