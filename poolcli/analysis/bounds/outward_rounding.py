"""Rounding bounds outward: what pooling in floats may be off by, and results that are no nearer than that.

Sums run in pairs of doubles, or in up to 1024 plain additions of float32 samples; powers, exponentials and logarithms
in doubles. So the margins here are 2^-53 for each of so many steps, with room to spare. Where nothing rounds (a sample
is picked), or rounding is once and from the exact value (integers), there is no margin: rounding keeps order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.reducers import REDUCERS
from ...pooling import Pooling, prepare
from ...work import Work

Array = NDArray[Any]
LOW, HIGH = -1, 1
"""Which bound: the way that is outward."""
UNIT = 2.0**-52
PAIRS, PLAIN = 2.0**-100, 2.0**-43
"""Of a pair's step; of all steps of a plain sum together, relative to the magnitudes (``drivers/fold_table.py``)."""
PICKS = ("max", "min", "subsample", "mode", "stochastic")
EXACT = ("avg", "sum", "median", "range")
"""Of integers, to the last bit."""
NEARLY = ("quantile", "mixed", "blur")
"""The same for integers of up to 32 bits: their weights take up to 53 of a pair's 106."""
SIZES = ("lp", "l2", "gem", "stochastic", "var", "std")
"""Sums of terms that are not negative: off by a share of themselves."""
NEVER_NEGATIVE = (*SIZES, "range")


def count_samples(work: Work) -> NDArray[np.int64] | None:
    """How many samples windows have, each number at least once; None where missing samples make it unknown."""
    if work.skip_nan or work.nodata is not None:
        return None
    found = np.ones(1, np.int64)
    for one in work.windows:
        found = np.unique(np.multiply.outer(found, np.unique(one.present()[1])))
    return found


def max_samples(work: Work) -> int:
    """Of the largest window."""
    return int(np.prod([int(one.present()[1].max(initial=1)) for one in work.windows]))


def are_finite(*arrays: Array) -> bool:
    """Whether no infinity or NaN is among the samples."""
    return all(one.dtype.kind != "f" or bool(np.isfinite(one).all()) for one in arrays)


def needs_outward_rounding(pooling: Pooling, dtype: dtypes.Type, counts: NDArray[np.int64] | None) -> bool:
    """Whether values are rounded on the way, so that bounds must go outward; ``counts`` of samples, where known."""
    name = pooling.reducer.name
    if name == "lp" and pooling.parameters["p"] == np.inf:
        return False
    if name in PICKS and not pooling.parameters.get("expected"):
        return False
    most = int(counts.max(initial=1)) if counts is not None else 1 << 30
    if dtype.kind != "f":
        small = name in NEARLY and dtype.itemsize < 8
        told_apart = name in ("var", "std") and most << 8 * dtype.itemsize <= 1 << 25  # two values differ by 1 / n^2
        return not (name in EXACT or small or told_apart)
    if name in ("median", "quantile") and counts is not None:
        ranks = (counts - 1) * quantile_share(pooling)
        return bool((ranks != np.floor(ranks)).any())
    return True


def quantile_share(pooling: Pooling) -> float:
    """The q of a median or quantile."""
    return pooling.kernel_parameters()[0]


def error_margin(pooling: Pooling, dtype: dtypes.Type, samples: int, value: Array, far: Array, span: Array) -> Array:
    """How far a float64 value may be from the formula's, both bounds' errors taken together.

    ``value`` is the bound, ``far`` the largest magnitude in its window (for sums what the reducer makes of all
    magnitudes), ``span`` the largest high minus the smallest low. All of one shape.
    """
    name, steps = pooling.reducer.name, (samples + 16) * UNIT
    if name in ("avg", "sum", "mixed", "blur"):
        return np.asarray(far * (samples * PAIRS if dtype.itemsize == 8 or dtype.kind != "f" else PLAIN))
    if name in ("median", "quantile", "range"):
        return np.asarray(far * PAIRS)
    if name == "lse":
        return np.full(value.shape, steps / abs(pooling.parameters["r"]))
    lost = far * 2 * UNIT if dtype.itemsize == 8 and dtype.kind != "f" else np.zeros(value.shape)  # as float64
    if name == "soft":
        return 2 * steps * span + lost
    p = pooling.kernel_parameters()[0] if name in ("lp", "l2", "gem") else 1.0
    relative: Array = np.abs(value) * steps * max(1.0, 1 / p)
    return relative + spread_margin(name, value, far, lost)


def spread_margin(name: str, value: Array, far: Array, lost: Array) -> Array:
    """What var and std lose where their samples are far from 0: the middle is off by 2^-48 of that."""
    if name == "std":
        return np.asarray(16 * UNIT * far + 4 * lost)
    if name == "var":
        return np.asarray((16 * UNIT * far) ** 2 + 8 * lost * (np.sqrt(np.abs(value)) + lost))
    return lost


def move_outward(values: Array, by: Array | float, way: int, finite: bool) -> Array:
    """Float64 values moved down (-1) or up (1) by a margin and one unit in the last place.

    Infinities stay, unless the data are all ``finite``: then the value has overflowed.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moved: Array = np.nextafter(values + way * np.asarray(by), way * np.inf)
        if finite:
            moved = np.where(np.isinf(values), np.nextafter(values, way * np.inf), moved)
        else:
            moved = np.where(np.isfinite(values), moved, values)
    return np.where(np.isnan(values), values, moved)


def convert_bounds(values: Array, pooling: Pooling, result: dtypes.Type, way: int) -> Array:
    """Float64 bounds as the result's dtype: floats outward, whole numbers as the pooling rounds."""
    if result.kind != "f":
        return convert_values(values, pooling, result)
    if pooling.reducer.name in NEVER_NEGATIVE:
        values = np.maximum(values, 0)
    with np.errstate(over="ignore"):
        narrow = values.astype(result)
    wrong = narrow > values if way < 0 else narrow < values
    return np.where(wrong, np.nextafter(narrow, result.type(way * np.inf)), narrow)


def convert_values(values: Array, pooling: Pooling, result: dtypes.Type) -> Array:
    """Each value pooled by itself: the one rounding, saturation and nodata of a result."""
    alone = replace(prepare("max", size=1, layout="L"), dtype=result, round=pooling.round, nodata=pooling.nodata,
                    reducer=REDUCERS["max"])
    if alone.nodata is not None and not dtypes.holds(values.dtype, alone.nodata):
        alone = replace(alone, nodata=None)
    flat = np.ascontiguousarray(values).reshape(-1)
    return alone.run(flat, alone.plan(flat.shape)).values.reshape(values.shape) if flat.size else values.astype(result)
