"""Whole pixels: all channels of the sample that wins by a score, so that every pixel of the result is one of the input.

The score is one channel, the luma of red, green and blue, or another array. It is pooled by the reducer, which picks;
the indices of what it picked gather the pixels.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import axes, dtypes
from ..core.boxes import subplan
from ..core.plans import Plan, PlanPart, place_in
from ..core.pool_options import as_python
from ..core.windowings import check_flag
from ..engine.prepared import Result, describe_unrepresentable
from ..errors import OptionError, PoolError
from ..masked import find_missing, pool_without
from ..pooling import ELSEWHERE, Pooling, as_array, as_kind_of, check_out, parse_pooling

Array = NDArray[Any]
_LUMA = "luma"
_LUMA_WEIGHTS = 299, 587, 114
"""Thousandths of red, green and blue in luma (ITU-R BT.601, as Pillow and OpenCV turn colours to grey)."""


def pool(x: Any, reducer: str, *, by: Any, mask: Any = None, out: Any = None, return_indices: bool = False,
         **options: Any) -> Any:
    """Return ``poolcli.pool`` of whole pixels, and the indices if they are wanted."""
    elsewhere = ELSEWHERE.get(type(x).__module__.partition(".")[0])
    if elsewhere is not None:
        return import_module(elsewhere, "poolcli").pool(x, reducer, by=by, mask=mask, out=out,
                                                          return_indices=return_indices, **options)
    if isinstance(x, np.ma.MaskedArray):
        raise PoolError("by goes not with masked arrays; x.data, with mask=~x.mask of each pixel, would work")
    array = as_array(x)
    pooling = parse_pooling(reducer, **options).for_axes(array.shape)
    wanted = check_flag("return_indices", as_python(return_indices))
    plan = pooling.plan(array.shape)
    if out is not None:
        check_out(out, plan.output_shape, dtypes.check_dtype(array.dtype))
    given = as_python(by) if isinstance(by, np.generic) else by
    found = run(pooling, array, plan, given if isinstance(given, (str, int)) else as_array(given),
                None if mask is None else as_array(mask))
    values = as_kind_of(x, found.values)
    if out is not None:
        out[...] = found.values
        values = out
    return values if found.indices is None or not wanted else (values, as_kind_of(x, found.indices))


def check_pooling(pooling: Pooling, dtype: dtypes.Type) -> None:
    """Refuse reducers that pick nothing, and another type than that of the pixels."""
    pooling.check_indices()
    if pooling.dtype is not None and pooling.dtype != dtype:
        raise OptionError("dtype", f"whole pixels keep their type, which is {dtype}; without --dtype it would work")


def run(pooling: Pooling, array: Array, plan: Plan, by: int | str | Array, mask: Array | None = None,
        part: PlanPart | None = None) -> Result:
    """Pool whole pixels; a window without a pixel that counts has the missing value.

    ``part`` says of which larger plan this one is a part; indices count within it.
    """
    dtype = dtypes.check_dtype(array.dtype)
    check_pooling(pooling, dtype)
    array = array.astype(dtype, copy=False)
    letters = plan.axes.letters
    channel = letters.find("C")
    score = _find_score(array, channel, plan, by)
    if mask is not None:
        check_pixels(mask.shape, plan, "mask")
    missing = find_missing(array, np.zeros(array.shape, np.bool_), pooling)
    if channel >= 0:
        missing = np.any(missing, axis=channel, keepdims=True).squeeze(channel)
    if pooling.skips_nan() and score.dtype.kind == "f":
        missing |= np.isnan(score)
    if mask is not None:
        missing |= _broadcast(mask, missing.shape, plan) == 0
    of_score = replace(pooling, layout=None, squeeze=False, nodata=None, dtype=None,
                       nan="propagate" if pooling.nan == "ignore" else pooling.nan)
    of_score, score = pool_without(of_score, score, missing, score.dtype)
    whole = plan if part is None else part.of
    of_pixels = of_score.plan(_drop_axis(whole.input_shape, channel), letters.replace("C", ""))
    if part is not None:
        ends = [_drop_axis(one, channel) for one in (part.first, plan.full_shape, part.corner, plan.input_shape)]
        outputs, inputs = (tuple((i, i + n) for i, n in zip(*pair, strict=True)) for pair in (ends[:2], ends[2:]))
        of_pixels, part = subplan(of_pixels, outputs, inputs)
    picked = of_score.run(score, of_pixels, return_indices=True, part=part).indices
    assert picked is not None
    return _gather(array, picked, plan, pooling, part)


def _find_score(array: Array, channel: int, plan: Plan, by: int | str | Array) -> Array:
    """What decides, an array without channels; PoolError where there is none."""
    if isinstance(by, np.ndarray):
        dtypes.check_dtype(by.dtype)
        check_pixels(by.shape, plan, "score")
        return np.ascontiguousarray(_broadcast(by, _drop_axis(array.shape, channel), plan))
    check_by(by, plan)
    planes = np.moveaxis(array, channel, 0)
    if isinstance(by, int):
        return np.ascontiguousarray(planes[by])
    wide = planes.dtype if planes.dtype.kind == "f" and planes.itemsize > 2 else np.dtype(np.float64)
    if planes.dtype.kind in "biu" and planes.itemsize < 8:
        wide = np.dtype(np.int64)
    found: Array = sum(planes[i].astype(wide) * wide.type(weight) for i, weight in enumerate(_LUMA_WEIGHTS))
    return np.ascontiguousarray(found)


def check_by(by: int | str, plan: Plan) -> None:
    """Refuse luma, and the number of a channel, where there are no such channels."""
    channel = plan.axes.letters.find("C")
    if isinstance(by, str) and by != _LUMA:
        raise OptionError("by", f"by must be luma, the number of a channel, or an array of scores, not {by!r}")
    if channel < 0:
        raise PoolError(f"an array of layout {plan.axes.letters} has no channels, so by = {by} means nothing; an array "
                        "of scores would work")
    count = plan.input_shape[channel]
    if isinstance(by, int):
        if not 0 <= by < count:
            raise PoolError(f"there is no channel {by} of {count}, counted from 0")
    elif count not in (3, 4):
        raise PoolError(f"luma is of red, green and blue, and there are {count} channels; by = the number of one would "
                        "work")


def check_pixels(shape: tuple[int, ...], plan: Plan, what: str) -> None:
    """PoolError for an array that has neither one number for each pixel nor the shape of the pooled axes."""
    wanted = _drop_axis(plan.input_shape, plan.axes.letters.find("C"))
    if shape not in (wanted, tuple(plan.input_shape[i] for i in plan.axes.pooled)):
        raise PoolError(f"the {what} has the shape {axes.describe(shape)}, the pixels {axes.describe(wanted)}; that "
                        "shape, one number for each pixel, would work")


def _drop_axis(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """A shape without an axis; -1 is none."""
    return shape if axis < 0 else (*shape[:axis], *shape[axis + 1 :])


def _broadcast(given: Array, shape: tuple[int, ...], plan: Plan) -> Array:
    """An array of one number for each pixel, from one of that shape or of that of the pooled axes."""
    if given.shape == shape:
        return given
    places = [n if letter not in axes.KEPT and letter.isupper() else 1
              for n, letter in zip(shape, plan.axes.letters.replace("C", ""), strict=True)]
    return np.broadcast_to(given.reshape(places), shape)


def _gather(array: Array, picked: Array, plan: Plan, pooling: Pooling, part: PlanPart | None = None) -> Result:
    """The pixels at indices, each flat within its plane of pooled axes; ``part`` is one of a plan without channels."""
    letters = plan.axes.letters
    pooled = plan.axes.pooled
    channels = [i for i, letter in enumerate(letters) if letter == "C"]
    kept = [i for i in range(len(letters)) if i not in pooled and i not in channels]
    order = [*kept, *pooled, *channels]
    planes, samples = prod(array.shape[i] for i in kept), prod(array.shape[i] for i in pooled)
    pixels = array.transpose(order).reshape(planes, samples, -1)
    without = letters.replace("C", "")
    turned = picked.transpose([without.index(letters[i]) for i in (*kept, *pooled)])
    at = turned.reshape(planes, -1, 1)
    values = np.take_along_axis(pixels, np.maximum(at, 0), axis=1)
    gone = at[..., 0] < 0
    if gone.any():
        fill = pooling.fill(dtypes.check_dtype(array.dtype))
        if fill is None:
            first = place_in(np.argwhere(picked < 0)[0], None if part is None else part.first)
            raise describe_unrepresentable(first, array.dtype)
        values[gone] = fill[0]
    shape = [plan.full_shape[i] for i in order]
    inverse = sorted(range(len(order)), key=order.__getitem__)
    result = np.ascontiguousarray(values.reshape(shape).transpose(inverse)).reshape(plan.output_shape)
    return Result(result, picked)
