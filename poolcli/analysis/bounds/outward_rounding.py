"""Rounding bounds outward: what pooling in floats may be off by, and results that are no nearer than that.

Sums run in pairs of doubles, or in up to 1024 plain additions of float32 samples; powers, exponentials and logarithms
in doubles. So the margins here are 2^-53 for each of so many steps, with room to spare. Where nothing rounds (a sample
is picked), or rounding is once and from the exact value (integers), there is no margin: rounding keeps order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.reducers import REDUCERS
from ...drivers.general_driver import MAX_EXACT_BINOMIALS
from ...drivers.kernel_task import KernelTask
from ...drivers.weighted_driver import AxisWeights
from ...pooling import Pooling, parse_pooling

Array = NDArray[Any]
LOW, HIGH = -1, 1
"""Which bound: the way that is outward."""
_UNIT = 2.0**-52
_PAIRS, _PLAIN = 2.0**-100, 2.0**-43
"""Of a pair's step; of all steps of a plain sum together, relative to the magnitudes
(``drivers/fold/fold_table.py``)."""
WEIGHTS = 2.0**-45
"""Of rounded weights together, relative to the largest sample: each is off by 2^-50 of the largest weight at most, and
windows of 4,000 taps have some 800 that are no less than that, which add up to 80 times the largest."""


def count_samples(work: KernelTask) -> NDArray[np.int64] | None:
    """How many samples windows have, each number at least once; None where missing samples make it unknown."""
    if work.skip_nan or work.nodata is not None:
        return None
    found = np.ones(1, np.int64)
    for one in work.windows:
        found = np.unique(np.multiply.outer(found, np.unique(one.present[1])))
    return found


def are_finite(*arrays: Array) -> bool:
    """Whether no infinity or NaN is among the samples."""
    return all(one.dtype.kind != "f" or bool(np.isfinite(one).all()) for one in arrays)


def needs_outward_rounding(pooling: Pooling, dtype: dtypes.Type, counts: NDArray[np.int64] | None) -> bool:
    """Whether values are rounded on the way, so that bounds must go outward; ``counts`` of samples, where known."""
    row = pooling.reducer
    if row.picks or (row.error_model == "power" and np.isinf(pooling.kernel_parameters()[0])):  # a magnitude is picked
        return False
    if dtype.kind != "f":
        most = int(counts.max(initial=1)) if counts is not None else 1 << 30
        apart = row.error_model in ("variance", "deviation") and most << 8 * dtype.itemsize <= 1 << 25  # by 1 / n^2
        return not (8 * dtype.itemsize <= row.exact_bits or apart)
    if row.error_model == "rank" and counts is not None:
        ranks = (counts - 1) * pooling.kernel_parameters()[0]
        return bool((ranks != np.floor(ranks)).any())
    return True


def rounds_weights(work: KernelTask) -> bool:
    """Whether binomial weights, or what they add up to in a window, are rounded on the way.

    Those of up to 54 taps are whole numbers of doubles; sums of the axes' sums are where their odd parts multiply to
    less than 2^53 (whole windows add up to powers of two), or all of them where samples may be missing.
    """
    if not work.reducer.weighted:
        return False
    if any(int(windows.sizes.max(initial=1)) > MAX_EXACT_BINOMIALS for windows in work.windows):
        return True
    totals = [np.unique(AxisWeights.of(windows).totals.astype(np.int64)) for windows in work.windows]
    if work.skip_nan or work.nodata is not None or int(work.windows[0].sizes.max(initial=1)) > 1:
        return math.prod(int(one.max()) for one in totals) > 1 << 53
    return math.prod(int((one // (one & -one)).max()) for one in totals) > 1 << 53


@dataclass(frozen=True, eq=False)
class _FloatBounds:
    """Float64 values that are bounds, and what their rounding depends on; arrays are of one shape."""

    pooling: Pooling
    dtype: dtypes.Type
    """Of the samples."""
    samples: int
    """Of the largest window."""
    value: Array
    far: Array
    """The largest magnitude in the window; for sums what the reducer makes of all magnitudes."""
    span: Array
    """The largest high minus the smallest low."""

    @property
    def whole(self) -> bool:
        """Whether samples are integers of 64 bits, which doubles do not tell apart."""
        return self.dtype.itemsize == 8 and self.dtype.kind != "f"

    @property
    def steps(self) -> float:
        """What so many operations in doubles lose, as a share."""
        return (self.samples + 16) * _UNIT

    @property
    def lost(self) -> Array:
        """What is lost where samples become doubles."""
        return np.asarray(self.far * 2 * _UNIT if self.whole else np.zeros(self.value.shape))

    @property
    def relative(self) -> Array:
        """What a sum of terms that are not negative is off by: a share of itself."""
        return np.asarray(np.abs(self.value) * self.steps)


@dataclass(frozen=True)
class _ErrorModel:
    """How far a float64 value may be from the formula's, both bounds' errors taken together."""

    margin: Callable[[_FloatBounds], Array]
    never_negative: bool = False
    """The formula gives nothing below 0."""
    of_largest: bool = False
    """What is lost depends on the largest magnitude in the window, not on what the reducer makes of magnitudes."""
    of_sums: bool = False
    """The formula is a sum of samples, each times a number, maybe over a number."""


def _sum_margin(given: _FloatBounds) -> Array:
    """Of sums in pairs of doubles, or of plain additions of so few that all of them lose no more than that; sums of
    float64 whose errors are added up apart are off by n^2 2^-106.
    """
    pairs = given.dtype.itemsize == 8 or given.dtype.kind != "f"
    steps = given.samples * max(1.0, given.samples / 64) if given.dtype.kind == "f" else given.samples
    return np.asarray(given.far * (steps * _PAIRS if pairs else _PLAIN))


def _power_margin(given: _FloatBounds) -> Array:
    """Of a root of a sum of powers: a share of itself, more of it for exponents below 1."""
    return np.asarray(given.relative * max(1.0, 1 / given.pooling.kernel_parameters()[0]) + given.lost)


def _variance_margin(given: _FloatBounds) -> Array:
    """Of a variance, which is off by more where samples are far from 0: their middle is off by 2^-48 of that."""
    far, lost = given.far, given.lost
    return np.asarray(given.relative + (16 * _UNIT * far) ** 2 + 8 * lost * (np.sqrt(np.abs(given.value)) + lost))


ERROR_MODELS: Mapping[str, _ErrorModel] = {
    "sum": _ErrorModel(_sum_margin, of_sums=True),
    "rank": _ErrorModel(lambda given: np.asarray(given.far * _PAIRS), of_largest=True),
    "ranks": _ErrorModel(lambda given: np.asarray(given.far * (given.samples * _PAIRS)), of_largest=True),
    "median_deviation": _ErrorModel(lambda given: np.asarray(given.far * 8 * _UNIT), never_negative=True),
    "difference": _ErrorModel(lambda given: np.asarray(given.far * _PAIRS), never_negative=True),
    "log_mean_exp": _ErrorModel(lambda given: np.full(given.value.shape,
                                                      given.steps / abs(given.pooling.parameters["r"]))),
    "softmax_mean": _ErrorModel(lambda given: np.asarray(2 * given.steps * given.span + given.lost)),
    "relative": _ErrorModel(lambda given: np.asarray(given.relative + given.lost), never_negative=True),
    "power": _ErrorModel(_power_margin, never_negative=True),
    "variance": _ErrorModel(_variance_margin, never_negative=True),
    "deviation": _ErrorModel(lambda given: np.asarray(given.relative + 16 * _UNIT * given.far + 4 * given.lost),
                             never_negative=True),
}
"""By the word of the reducer's row."""


def error_margin(pooling: Pooling, dtype: dtypes.Type, samples: int, value: Array, far: Array, span: Array) -> Array:
    """How far a float64 value may be from the formula's; the words are those of ``_FloatBounds``."""
    with np.errstate(over="ignore", invalid="ignore"):  # of values near the largest float; those are moved by a unit
        return ERROR_MODELS[pooling.reducer.error_model].margin(_FloatBounds(pooling, dtype, samples, value, far, span))


def is_never_negative(pooling: Pooling) -> bool:
    """Whether no value of the formula lies below 0."""
    model = ERROR_MODELS.get(pooling.reducer.error_model)
    return model is not None and model.never_negative


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
    if is_never_negative(pooling):
        values = np.maximum(values, 0)
    with np.errstate(over="ignore"):
        narrow = values.astype(result)
    wrong = narrow > values if way < 0 else narrow < values
    return np.where(wrong, np.nextafter(narrow, result.type(way * np.inf)), narrow)


def convert_values(values: Array, pooling: Pooling, result: dtypes.Type) -> Array:
    """Each value pooled by itself: the one rounding, saturation and nodata of a result."""
    alone = replace(parse_pooling("max", size=1, layout="L"), dtype=result, round=pooling.round, nodata=pooling.nodata,
                    reducer=REDUCERS["max"])
    if alone.nodata is not None and not dtypes.holds(values.dtype, alone.nodata):
        alone = replace(alone, nodata=None)
    flat = np.ascontiguousarray(values).reshape(-1)
    return alone.run(flat, alone.plan(flat.shape)).values.reshape(values.shape) if flat.size else values.astype(result)
