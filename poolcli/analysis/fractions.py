"""The share of each class in each window: of the number of its samples, or a mean of indicators, which both are exact.

The indicator of a class is 1 where a sample has it, else 0; its mean over a window is the share of the class, its sum
the number of its samples. A missing sample gets a third value, which is missing in turn. Behind a mask a sample is of
no class whatever its value, so samples get the numbers of their classes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import dtypes
from ..core.plans import Plan
from ..core.pool_options import Keywords
from ..core.reducers import REDUCERS
from ..drivers import policy, value_counts_driver
from ..engine.c_order import in_c_order
from ..engine.prepared import PreparedPooling
from ..errors import OptionError, PoolError
from ..masked import pads_missing
from ..pooling import Pooling, as_array, parse_pooling
from ..valid_samples import SampleRules, find_few, find_present, parse_rules, run

Array = NDArray[Any]
_OF = ("valid", "window")
"""What a share is a share of: the samples that are not missing, or all."""
_MOST_CLASSES = 256
"""Of classes that nobody named: as many as a byte has."""
_MISSING = 2
"""In an indicator, beside 0 and 1."""
_SPAN = 1 << 16
"""From the first class to the last of integers: their numbers are looked up, else they are searched for."""
_MOST_COUNTED = np.iinfo(np.int32).max
"""The largest window whose counts the kernel holds."""
_OF_SAMPLE_NS, _OF_RESULT_NS = 0.2, 2.4
"""About what a class takes for each sample and each result, by means of indicators."""
_BLOCK = 1 << 20
"""Samples that are looked through for classes at once."""


@dataclass(frozen=True, eq=False)
class ClassFractions:
    """The share of each class in each window.

    Attributes
    ----------
    values
        The pooled array with one more axis at its end, of classes: shares from 0 to 1, or numbers of samples.
    classes
        The classes of that axis, in its order.
    letters
        The layout letters of the result; "C" of the new axis, or "K" where the array has channels.
    plan
        Where the windows lie.

    Examples
    --------
    >>> found = fractions([[1, 1, 2, 3], [1, 2, 3, 3]], size=2)
    >>> found.values.shape, found.classes, found.letters, found.plan.output_shape
    ((1, 2, 3), (1, 2, 3), 'HWC', (1, 2))
    """

    values: Array
    classes: tuple[int | float, ...]
    letters: str
    plan: Plan


def fractions(x: ArrayLike, *, classes: Sequence[int | float] | None = None,
              of: Literal["valid", "window"] = "valid", counts: bool = False, limit: int = _MOST_CLASSES,
              mask: ArrayLike | None = None, weights: ArrayLike | None = None, min_valid: int | str | None = None,
              **options: Unpack[Keywords]) -> ClassFractions:
    """Find the share that each class has of each window.

    Parameters
    ----------
    x
        An array of classes: numbers that stand for something.
    classes
        Which of them, in this order. Default: all that occur, in ascending order.
    of
        A share of the samples that are not missing, or of all samples that the window has in the array.
    counts
        Numbers of samples, as int64, in place of shares.
    limit
        The most classes that may occur, where none are named.
    mask
        Samples count where it is not 0; of the array's shape, or of that of its pooled axes. What it hides is missing.
    weights
        How much each sample counts, at least 0, of either shape: shares are of the weight then.
    min_valid
        The least valid samples of a window, or the least share of them as in "50%", with weights of its weight. With
        fewer it has NaN for shares, and counts of 0.
    **options
        The keywords of ``pool`` for windows, missing samples and padding; ``dtype`` of shares is float32 by default.

    Returns
    -------
    ClassFractions
        ``values`` with an axis of classes at its end, ``classes``, and ``letters``. NaN are shares of a window without
        samples. A NaN is a sample of no class, unless it is ignored.

    Raises
    ------
    PoolError
        For what cannot be pooled, and more classes than the limit.

    Examples
    --------
    >>> import numpy as np
    >>> found = fractions(np.array([[1, 1, 2, 3], [1, 2, 3, 3]]), size=2)
    >>> found.classes, found.values.tolist()
    ((1, 2, 3), [[[0.75, 0.25, 0.0], [0.0, 0.25, 0.75]]])
    """
    return find_fractions(as_array(x), parse_pooling("avg", **options), classes, of=of, counts=counts, limit=limit,
                          rules=parse_rules(mask, weights, min_valid))


def find_fractions(array: Array, pooling: Pooling, classes: Sequence[int | float] | None = None, *, of: str = "valid",
                   counts: bool = False, limit: int = _MOST_CLASSES, layout: str | None = None,
                   rules: SampleRules | None = None) -> ClassFractions:
    """The same for a pooling that is settled; ``layout`` is used where it names none."""
    rules = rules or SampleRules()
    if of not in _OF:
        raise OptionError("of", f"of must be {' or '.join(_OF)}, not {of!r}")
    if wrong := [name for name in ("count_include_pad", "divisor") if pooling.parameters.get(name)]:
        raise OptionError(wrong[0], f"{wrong[0]} goes not with fractions, whose divisor is the number of samples")
    if pooling.dtype is not None and (counts or pooling.dtype.kind != "f"):
        raise OptionError("dtype", f"dtype {pooling.dtype} is none of shares, which are floats; counts are int64")
    if counts and rules.weights is not None:
        raise OptionError("counts", "counts are numbers of samples, which have no weights; shares would work")
    array = array.astype(dtypes.check_dtype(array.dtype), copy=False)
    pooling = pooling.for_axes(array.shape, layout)
    plan = pooling.plan(array.shape, layout)
    plan.check_whole_samples("fractions")
    missing = ~find_present(pooling, array, rules.mask, plan)
    asked = _check_classes(classes, array, pooling) if classes is not None else _list_classes(array, missing, limit)
    letters = plan.output_letters + ("K" if "C" in plan.output_letters else "C")
    dtype = np.dtype(np.int64 if counts else pooling.dtype or np.float32)
    left_out = of == _OF[0] and not counts
    try:
        if rules.weights is not None:
            values = _pool_weighted(array, asked, missing, left_out, replace(pooling, dtype=dtype), plan, rules)
        else:
            values = _pool_shown(array, asked, missing, left_out, pooling, plan, dtype, rules)
    except MemoryError:
        raise PoolError(f"not enough memory for the shares of {len(asked):,} classes; --classes for fewer, or larger "
                        "windows, would work") from None
    return ClassFractions(values, tuple(asked), letters, plan)


def _check_classes(classes: Sequence[int | float], array: Array, pooling: Pooling) -> list[int | float]:
    """The classes asked for, as numbers of the array's type; PoolError for what none of its samples can be."""
    found = [dtypes.parse_nodata(one) for one in classes]
    if not found:
        raise OptionError("classes", "classes are missing; 1,2,5 would work")
    if len(set(found)) < len(found):
        raise OptionError("classes", f"a class is named twice in {', '.join(map(str, found))}")
    for one in found:
        if not dtypes.holds(array.dtype, one) or one != one:
            raise PoolError(f"class {one} is no {array.dtype} value; classes that the samples can have would work")
        if one == pooling.missing():
            raise PoolError(f"class {one} is the nodata value, whose samples are missing; nodata none would count it")
    return found


def _list_classes(array: Array, missing: NDArray[np.bool_], limit: int = _MOST_CLASSES) -> list[int | float]:
    """The classes that occur, in ascending order; PoolError for more than the limit."""
    flat, gone = array.reshape(-1), missing.reshape(-1)
    known, some_gone = flat[:0], bool(gone.any())
    for block in _split(flat.size):
        part = flat[block][~gone[block]] if some_gone else flat[block]
        known = np.union1d(known, _find_distinct(part))
        if len(known) > limit:
            raise PoolError(f"there are more than {limit:,} classes; --classes for those that are wanted, or a higher "
                            "--limit, would work")
    if not known.size:
        raise PoolError("no sample is present, so there are no classes; --classes for those that are wanted would work")
    return [int(one) if float(one).is_integer() else float(one) for one in known.tolist()]


def _find_distinct(samples: Array) -> Array:
    """The values that occur, NaN left out; those of bytes are counted: of 1 M in 1.4 ms, sorted in 3.3."""
    if samples.dtype.itemsize > 1:
        return np.unique(samples[samples == samples])
    occurs = np.bincount(samples.view(np.uint8), minlength=256)
    return np.flatnonzero(occurs).astype(np.uint8).view(samples.dtype)


def _split(size: int) -> Iterator[slice]:
    """Blocks of so many samples."""
    return (slice(start, start + _BLOCK) for start in range(0, size, _BLOCK))


def _pool_shown(array: Array, classes: Sequence[int | float], missing: NDArray[np.bool_], left_out: bool,
                pooling: Pooling, plan: Plan, dtype: dtypes.Type, rules: SampleRules) -> Array:
    """Return the shares, or numbers, of samples that neither a mask hides nor are missing by their value."""
    few = find_few(pooling, plan, ~missing, rules.least) if rules.least else None
    if rules.mask is not None:
        number = len(classes) + 1
        array = _number_samples(dtypes.as_read(array), classes, np.dtype(np.uint8 if number < 1 << 8 else np.uint16))
        array[missing] = number
        pooling, classes = _renumber(pooling, classes), range(len(classes))
    hidden = missing if left_out and (missing.any() or _pads_missing(pooling)) else None
    values = _pool_classes(array, classes, hidden, pooling, plan, dtype)
    if few is not None:
        values[few] = np.nan if dtype.kind == "f" else 0
    return values


def _pool_weighted(array: Array, classes: Sequence[int | float], missing: NDArray[np.bool_], left_out: bool,
                   pooling: Pooling, plan: Plan, rules: SampleRules) -> Array:
    """Return what weight each class has of each window's: weighted means of indicators."""
    planes = []
    weighted = replace(pooling, nan="propagate", nodata=None, fills_nodata=False)
    rules = rules.check_weights(weighted, plan)
    few = None if left_out or not rules.least else run(
        weighted, np.ones(array.shape, np.uint8), plan, replace(rules, mask=~missing)).few
    for number in classes:
        indicator = (array == dtypes.scalar(array.dtype, number)[0]) & ~missing
        shown = replace(rules, mask=~missing) if left_out else replace(rules, mask=None, least=0)
        planes.append(run(weighted, indicator.view(np.uint8), plan, shown, return_valid=False).values)
    values = np.stack(planes, axis=-1)
    if few is not None:
        values[few] = np.nan
    return values


def _pads_missing(pooling: Pooling) -> bool:
    """Whether samples are missing that are padding."""
    return pooling.pad_mode == "constant" and pads_missing(pooling)


def _renumber(pooling: Pooling, classes: Sequence[int | float]) -> Pooling:
    """The same pooling of the numbers of classes: one more than the last has none, two more is missing."""
    padding = next((k for k, one in enumerate(classes) if one == pooling.pad_value), len(classes))
    gone = len(classes) + 1
    return replace(pooling, nan="propagate", nodata=gone, pad_value=gone if pads_missing(pooling) else padding)


def _pool_classes(array: Array, classes: Sequence[int | float], missing: NDArray[np.bool_] | None, pooling: Pooling,
                  plan: Plan, dtype: dtypes.Type) -> Array:
    """Return the shares of each class in each window, or the numbers where ``dtype`` is an integer's, classes last.

    ``missing`` are the samples that shares are no shares of. All classes are counted in one pass; a kernel that is not
    compiled yet leaves the work to those of means, class by class, as long as that takes less. So it does where windows
    overlap much and classes are few: 2 classes in 31x31/1 take 6 ms a megapixel by means, counted 61.
    """
    numbers = np.arange(len(classes))
    gone = len(classes) + 1
    of_samples = dtypes.read_dtype(array.dtype)
    as_they_are = value_counts_driver.is_counted(of_samples)
    if as_they_are:
        numbers, nodata, padding = np.array(classes), pooling.missing(), pooling.pad_value
    else:
        of_samples, nodata = np.dtype(np.uint8 if gone < 1 << 8 else np.uint16), gone
        padding = _renumber(pooling, classes).pad_value
    counted = replace(pooling, reducer=REDUCERS["count"], parameters={}, nan="propagate", dtype=None, pad_value=padding,
                      nodata=None if missing is None else nodata).prepare(plan, of_samples)
    choice = value_counts_driver.choose_shares(counted.work, dtypes.write_dtype(dtype), numbers)
    outputs = float(np.prod(plan.output_shape))
    of_planes = 1e-6 * len(classes) * (array.size + 2 * choice.samples * outputs)
    if choice.estimate(counted.work) > len(classes) * 1e-6 * (_OF_SAMPLE_NS * array.size + _OF_RESULT_NS * outputs):
        return _pool_indicators(array, classes, missing, pooling, plan, dtype)
    uncompiled = policy.UncompiledKernel(choice.spec, of_planes)
    if choice.samples > _MOST_COUNTED or uncompiled.pays():
        with uncompiled.measure():
            return _pool_indicators(array, classes, missing, pooling, plan, dtype)
    samples = dtypes.as_read(array)
    if not as_they_are:
        samples = _number_samples(samples, classes, of_samples)
        if missing is not None:
            samples[missing] = gone
    return counted.run_counts(samples, choice, len(classes), dtype)


def _number_samples(array: Array, classes: Sequence[int | float], dtype: dtypes.Type) -> Array:
    """Return the number of each sample's class, one more than the last of those that have none."""
    count = len(classes)
    known = np.concatenate([dtypes.scalar(array.dtype, one) for one in classes])
    order = np.argsort(known)
    low, high = known[order[:1]], known[order[-1:]]
    if array.dtype.kind != "f" and (span := int(high[0]) - int(low[0]) + 1) <= _SPAN:
        of_value = np.full(span + 1, count, dtype)
        of_value[known - low] = np.arange(count)
        looked_up: Array = of_value[np.minimum((array - low).view(f"u{array.itemsize}"), span)]
        return looked_up
    at = np.minimum(np.searchsorted(known[order], array), count - 1)
    found: Array = np.where(known[order[at]] == array, order[at], count).astype(dtype)
    return found


def _pool_indicators(array: Array, classes: Sequence[int | float], missing: NDArray[np.bool_] | None, pooling: Pooling,
                     plan: Plan, dtype: dtypes.Type) -> Array:
    """Return the same by a mean of indicators for each class, or a sum. What these have in common is prepared once."""
    planes = np.empty((len(classes), *plan.output_shape), dtype)
    row = REDUCERS["avg" if dtype.kind == "f" else "sum"]
    shares = replace(pooling, reducer=row, parameters={one.name: one.default for one in row.parameters},
                     nan="propagate", nodata=None if missing is None else _MISSING, dtype=dtype,
                     fills_nodata=False)
    prepared: dict[int, PreparedPooling] = {}
    for plane, number in zip(planes, classes, strict=True):
        indicator = (array == dtypes.scalar(array.dtype, number)[0]).view(np.uint8)
        padding = int(pooling.pad_value == number)
        if missing is not None:
            indicator[missing] = _MISSING
            padding = _MISSING if pads_missing(pooling) else padding
        if padding not in prepared:
            prepared[padding] = replace(shares, pad_value=padding).prepare(plan, indicator.dtype)
        prepared[padding].run(indicator, out=plane)
    return np.ascontiguousarray(in_c_order(np.moveaxis(planes, 0, -1), dtype))
