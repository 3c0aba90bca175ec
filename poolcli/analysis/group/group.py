"""Group pooling: over a stack of arrays, or over transformed copies of one.

Cohen and Welling, "Group Equivariant Convolutional Networks", arXiv 1602.07576: pooling over a group's copies, each
brought back, commutes with the group: a turned input gives the turned result. Laptev and others, "TI-Pooling", arXiv
1604.06318: not brought back, it is invariant. What reduces the copies is ``pool`` itself, over an axis on which they
are stacked.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import dtypes
from ...core.boxes import Box, box_shape, full_box, slices
from ...core.plans import Plan
from ...core.pool_options import Keywords
from ...core.reducers import REDUCERS
from ...core.windowings import WINDOW_KEYWORDS
from ...errors import OptionError, PoolError
from ...pooling import Pooling, as_array, parse_pooling
from ..exact_stages import Fractions, over_one_divisor, pool_exactly, to_array
from ..run_parts import run_parts
from ..stages import Stage, as_stage
from .pooled_copies import PlainCopy, PooledCopy
from .transforms import Transform, check_over, list_transforms, window_strides

Array = NDArray[Any]
_STACK = "stack"
_CHECKED, _PERIOD = 1 << 8, 840
"""Of longer axes the middle is checked, at least so many samples: of 9 transforms each pools every copy anew. They are
shorter by a multiple of 1 to 8, so that windows of usual strides leave out as many at the end."""
REDUCED_AT_ONCE = 1 << 22
"""Values of all copies that are stacked at once, 32 MB of float64: no copy is in memory as a whole. With a quarter of
that, planning so many boxes takes as long as pooling them."""
_MOST_CHECKED = 9
"""Transforms that a check tries: each pools every copy anew. All of rot4, flips, d4 and shift:3 in two axes."""


@dataclass(frozen=True)
class _Deviation:
    """How far pooling a transformed input is from what it should be: largest and mean |difference|."""

    transform: str
    largest: float
    mean: float
    plain_largest: float
    """The same of the pooling without the group."""
    plain_mean: float


@dataclass(frozen=True, eq=False)
class Group:
    """Pooled over a group.

    Attributes
    ----------
    reducer
        Of the windows of each copy, or "" where there were none: a stack without windows.
    by
        The reducer of the copies.
    over
        stack, rot4, flips, d4 or shift:K.
    members
        The transforms, or the numbers of the arrays.
    promise
        equivariant: a transformed input gives the transformed result; invariant: the same result; "" for a stack.
    exact
        The promise holds but for rounding and chance; over shift:K it nearly holds.
    values
        The result: an array of the shape that ``pool`` gives.
    checks
        How far the results of transformed inputs were from what was promised, one for each transform.
    largest, mean
        Over all checks, in the unit of the results; None where none was made.
    plain_largest, plain_mean
        The same of the pooling of the input alone.
    letters
        The layout letters of the result.
    checked_shape
        Of the middle of a large array, which is what was checked; None where all of it was, or nothing.

    Examples
    --------
    >>> import numpy as np
    >>> found = group(np.arange(16).reshape(4, 4), "subsample", over="rot4", size=2)
    >>> found.values.tolist(), found.by, found.promise, found.largest, found.plain_largest
    ([[2.5, 4.5], [10.5, 12.5]], 'avg', 'equivariant', 0.0, 5.0)
    """

    reducer: str
    by: str
    over: str
    members: tuple[str, ...]
    promise: str
    exact: bool
    values: Array
    checks: tuple[_Deviation, ...]
    largest: float | None
    mean: float | None
    plain_largest: float | None
    plain_mean: float | None
    letters: str = field(metadata={"document": False})
    checked_shape: tuple[int, ...] | None = None


@dataclass(frozen=True, eq=False)
class _GroupPooling:
    """How copies are pooled and reduced."""

    pooling: Pooling
    by: Pooling
    over: str
    invariant: bool

    def copies(self, array: Array) -> tuple[Plan, tuple[Transform, ...]]:
        """The plan of the array as it is, and the transforms."""
        plan = self.pooling.plan(array.shape)
        return plan, list_transforms(self.over, plan)

    def run(self, array: Array) -> Array:
        """Every copy transformed, pooled, brought back unless invariant; then reduced over the copies."""
        plan, copies = self.copies(array)
        apart = window_strides(plan, self.over)
        return _reduce_copies(self.by, [PooledCopy.of(self.pooling, array, one, plan.axes.pooled, apart, self.invariant)
                                        for one in copies])

    def plain(self, array: Array) -> Array:
        """Pooled without the group."""
        return self.pooling.run(array, self.pooling.plan(array.shape)).values


def group(x: ArrayLike, reducer: str = "max", *, over: str | None = None, by: Any = None,
          invariant: bool = False, check: bool = True, **options: Unpack[Keywords]) -> Group:
    """Pool over transformed copies of an array, or over a list of arrays.

    Each copy is pooled as ``pool(x, reducer, **options)`` but for ``dtype`` and ``squeeze``, which are of the result.
    It is brought back by the inverse transform, and the copies are reduced: the result is equivariant. A list is
    reduced element by element by the reducer itself; with window keywords each array is pooled first, then it is as
    with copies.

    Parameters
    ----------
    x
        An array, or a list of arrays of one shape and dtype.
    reducer
        The name of a reducer.
    over
        "rot4" (quarter turns of the last two pooled axes), "flips" (of every pooled axis), "d4" (turns and flips of the
        last two, 8 copies) or "shift:K" (circular shifts by 0 ... K - 1 along every pooled axis). None: a list.
    by
        What reduces the copies: a name, or name and parameters. Default: the same reducer, or avg where copies that
        agree would give something else, as in var.
    invariant
        Do not bring back. With one window over everything both are the same.
    check
        Measure the promise on this array (of axes longer than 1,095 samples on the middle): how far f(g x) is from g
        f(x), or from f(x), for up to 9 of the transforms g, beside the plain pooling.
    **options
        The keywords of ``pool``.

    Returns
    -------
    Group
        ``values``, what was done, and the checks.

    Raises
    ------
    PoolError
        Where copies have other shapes than the array (turns with windows that differ by axis), a shift cannot be
        brought back (windows that are not equally far apart), and for whatever ``pool`` refuses.

    Examples
    --------
    >>> group(np.arange(9).reshape(3, 3), "subsample", over="rot4", size=3).values
    array([[4.]])
    """
    windows = any(options.get(name) not in (None, False) for name in WINDOW_KEYWORDS)
    row = REDUCERS.get(reducer)
    same = (row is not None and row.agrees) or (over is None and not windows)
    pooling, reducing = _prepare_poolings(reducer, by or (None if same else "avg"), options)
    if over is None:
        return _pool_stack(x, pooling, reducing, windows)
    array = as_array(x)
    recipe = _GroupPooling(replace(pooling, dtype=None, squeeze=False), reducing, check_over(over), bool(invariant))
    plan, copies = recipe.copies(array)
    values = recipe.run(array)
    promise = "invariant" if invariant or all(len(one) == 1 for one in plan.windows) else "equivariant"
    checks = tuple(_measure_deviations(recipe, array, plan, promise, values)) if check else ()
    chance = pooling.reducer.draws or not reducing.reducer.any_order
    exact = not over.startswith("shift") and not chance
    found = _summarize_group(pooling, reducing, over, [one.name for one in copies], promise, exact, values, checks,
                             plan)
    part = _crop_middle(array, plan.axes.pooled).shape
    return replace(found, checked_shape=part if checks and part != array.shape else None)


def _summarize_group(pooling: Pooling, reducing: Pooling, over: str, members: Sequence[str], promise: str, exact: bool,
                     values: Array, checks: Sequence[_Deviation], plan: Plan) -> Group:
    """With the deviations summed up."""
    far = [max(values) if i % 2 == 0 else float(np.mean(values)) for i, values in enumerate(zip(*(
        (one.largest, one.mean, one.plain_largest, one.plain_mean) for one in checks), strict=True))]
    letters = plan.axes.letters
    if pooling.squeeze:
        gone = tuple(i for i in plan.axes.pooled if values.shape[i] == 1)
        values, letters = values.squeeze(gone), "".join(c for i, c in enumerate(letters) if i not in gone)
    largest, mean, plain_largest, plain_mean = far or (None,) * 4
    return Group(pooling.reducer.name, reducing.reducer.name, over, tuple(members), promise, exact, values,
                 tuple(checks), largest, mean, plain_largest, plain_mean, letters)


def _prepare_poolings(reducer: str, by: Any, options: Mapping[str, Any]) -> tuple[Pooling, Pooling]:
    """That of the windows, and that of the copies: one axis, all of it, with the first one's ways of values."""
    pooling = parse_pooling(reducer, **options)
    own = {p.name: options[p.name] for p in REDUCERS[reducer].parameters if options.get(p.name) is not None}
    stage: Stage = as_stage((reducer, own) if by is None else by)
    _ = stage.pooling
    known = {p.name for p in REDUCERS[stage.reducer].parameters}
    strange = [name for name in stage.keywords if name not in known]
    if strange:
        raise OptionError("by", f"{strange[0]} cannot be said of the reducer of the copies; its own parameters can")
    found = parse_pooling(stage.reducer, **{**stage.keywords, "size": "all", "layout": "GC"})
    nan = "ignore" if pooling.skips_nan() else "propagate"
    return pooling, replace(found, nan=nan, nodata=pooling.missing(), dtype=pooling.dtype, round=pooling.round,
                            seed=pooling.seed)


def _pool_stack(x: Any, pooling: Pooling, reducing: Pooling, windows: bool) -> Group:
    """Arrays reduced element by element, after each has been pooled if it is asked for."""
    arrays = [as_array(one) for one in x] if isinstance(x, (list, tuple)) else []
    if not arrays:
        raise PoolError('a list of arrays is missing, or what one is to be transformed by; over="rot4" would work')
    first = arrays[0]
    for i, one in enumerate(arrays):
        if one.shape != first.shape or one.dtype.newbyteorder("=") != first.dtype.newbyteorder("="):
            raise PoolError(f"array {i} is {one.dtype} of shape {one.shape}, the first {first.dtype} of shape "
                            f"{first.shape}; arrays of one shape and dtype would work")
    alone = replace(pooling, dtype=None, squeeze=False)
    plan = (alone if windows else parse_pooling("max", size=1, layout=pooling.layout)).plan(first.shape)
    copies = [PooledCopy(alone, plan, one, Transform(""), (), ()) if windows else PlainCopy(one) for one in arrays]
    values = _reduce_copies(reducing, copies)
    found = _summarize_group(pooling, reducing, _STACK, [str(i) for i in range(len(arrays))], "", True, values, (),
                             plan)
    return found if windows else replace(found, reducer="")


def _reduce_copies(by: Pooling, copies: Sequence[PooledCopy | PlainCopy]) -> Array:
    """The copies stacked on an axis G, and that axis pooled: any reducer, box by box."""
    shape = copies[0].shape
    for one in copies:
        if one.shape != shape:
            raise PoolError(f"pooled copies have shapes {shape} and {one.shape}; windows that are alike along the axes "
                            "that are turned, and for an invariant result a square input, would work")
    if by.reducer.draws or not math.prod(shape):  # the numbers that it draws are counted from the first place on
        return _reduce_box(by, copies, full_box(shape))
    boxes = list(_split_boxes(shape, max(1, REDUCED_AT_ONCE // len(copies))))
    first = _reduce_box(by, copies, boxes[0])
    if len(boxes) == 1:
        return first
    found: Array = np.empty(shape, first.dtype)
    found[slices(boxes[0])] = first

    def reduce_one(box: Box) -> None:
        found[slices(box)] = _reduce_box(by, copies, box)

    run_parts(reduce_one, boxes[1:])
    return found


def _split_boxes(shape: Sequence[int], most: int) -> Iterator[Box]:
    """Cut an array into boxes of about so many values: the longest side is halved until they fit."""
    def cut(box: Box) -> Iterator[Box]:
        """Halve the box along its longest side until it is small enough."""
        lengths = box_shape(box)
        longest = max(range(len(lengths)), key=lambda axis: lengths[axis]) if lengths else 0
        if math.prod(lengths) <= most or lengths[longest] < 2:
            yield box
            return
        start, stop = box[longest]
        middle = (start + stop) // 2
        for part in ((start, middle), (middle, stop)):
            yield from cut((*box[:longest], part, *box[longest + 1 :]))
    return cut(full_box(shape))


def _reduce_box(by: Pooling, copies: Sequence[PooledCopy | PlainCopy], box: Box) -> Array:
    """Reduce the values of a box, from exact means where copies hand them on."""
    values = [one.values(box) for one in copies]
    arrays, divisor = over_one_divisor(values, 1 << 53)
    stacked = np.stack([one.reshape(-1) for one in arrays])
    if by.nodata is not None and not dtypes.holds(stacked.dtype, by.nodata):
        by = replace(by, nodata=None)
    plan = by.plan(stacked.shape)
    found = (by.run(stacked, plan).values if divisor is None
             else to_array(pool_exactly(by, plan, Fractions(stacked, divisor))))
    return found.reshape(arrays[0].shape)


# How far from the promise.


def _choose_checks(copies: Sequence[Transform]) -> Sequence[Transform]:
    """All but the first, which changes nothing; of many, some that are spread evenly."""
    rest = copies[1:]
    return rest if len(rest) <= _MOST_CHECKED else [rest[i * (len(rest) - 1) // (_MOST_CHECKED - 1)]
                                                    for i in range(_MOST_CHECKED)]


def _crop_middle(array: Array, axes: Sequence[int]) -> Array:
    """The middle of the pooled axes, of those that are longer than what is checked."""
    cut: list[slice] = [slice(None)] * array.ndim
    for axis in axes:
        less = _PERIOD * max(0, (array.shape[axis] - _CHECKED) // _PERIOD)
        cut[axis] = slice(less // 2, array.shape[axis] - (less - less // 2))
    return array[tuple(cut)]


def _measure_deviations(recipe: _GroupPooling, array: Array, plan: Plan, promise: str,
                        values: Array) -> Sequence[_Deviation]:
    """f(g x) beside g f(x), or f(x), for each g; f is the group's pooling, then the plain one.

    Of a large array it is the middle that is checked.
    """
    part = _crop_middle(array, plan.axes.pooled)
    if part.shape != array.shape:
        array, values = part, recipe.run(part)
    plan, copies = recipe.copies(array)
    some = _choose_checks(copies)
    axes, apart = plan.axes.pooled, window_strides(plan, recipe.over)
    plain = recipe.plain(array)

    def measure_copy(pool: Callable[[Array], Array], result: Array, one: Transform) -> tuple[float, float]:
        """How far the result of a transformed copy is from what was promised."""
        wanted = result if promise == "invariant" else one.forward(result, axes, apart)
        return _measure_difference(pool(one.forward(array, axes)), wanted)

    return [_Deviation(one.name, *measure_copy(recipe.run, values, one), *measure_copy(recipe.plain, plain, one))
            for one in some]


def _measure_difference(found: Array, wanted: Array) -> tuple[float, float]:
    """Largest and mean |difference|; equal infinities and NaN at the same places are equal."""
    if found.shape != wanted.shape:
        return np.inf, np.inf
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    apart = np.where(np.isnan(apart), np.inf, apart)
    return float(apart.max(initial=0)), float(apart.mean()) if apart.size else 0.0
