"""Back to the size before pooling: values where they stood, or spread over their windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import axes as layouts
from ...core import dtypes
from ...core.dtypes import round_to
from ...core.plans import Plan, check_memory
from ...core.pool_options import one_of
from ...core.windowings import WINDOW_KEYWORDS, keep_axis
from ...engine.prepared import canonical_windows
from ...errors import OptionError, PoolError
from ...pooling import Pooling, as_array, parse_pooling
from .. import adjoint
from .index_formats import NONE, IndexedTensor, Ints, check_format, check_integers, index_error, to_plane

Array = NDArray[Any]
_LONG = 2**31
"""An axis on which any window fits: what its windows look like tells how long an axis of so many is."""


def unpool(values: ArrayLike, indices: ArrayLike | None = None, size: Any = None, stride: Any = None,
           padding: Any = None, output_shape: Sequence[int] | int | None = None, layout: str | None = None, *,
           spread: str | None = None, duplicates: str = "last", index_format: str = "torch", **others: Any) -> Array:
    """Undo a pooling as far as that goes: an array of the size before, ``values`` in it, 0 where nothing is known.

    Parameters
    ----------
    values
        What the pooling gave.
    indices
        Of the shape of ``values``: each value stands where its index says. ``pool(..., return_indices=True)`` gives
        both (Zeiler et al., "Adaptive Deconvolutional Networks", 2011). -1 is passed over.
    size, stride, padding
        The windows, as in ``pool``; also ``dilation``, ``ceil_mode``, ``adaptive`` or ``fractional``.
    output_shape
        The size before: all axes, or the pooled ones. Default: what fixed windows tell, (o - 1) s - before - after + k
        on an axis of o values; of ``same`` ones o s.
    layout
        A letter for each axis.
    spread
        Without indices: "nearest" gives every sample the value of its window, of several that whose middle is nearest
        (of two the first); "average" the mean of its windows' values, of integers as float64 or as ``dtype``, rounded
        as ``round`` says.
    duplicates
        What becomes of an index that several values have: last (as PyTorch on a CPU), first, sum (integers saturate),
        max, or error.
    index_format
        How indices count (``poolcli.convert_indices``); torch reads them in the plane of the result, onnx in the plane
        of the default size, and then by coordinates, as their operators do.
    **others
        More keywords of ``pool`` for the windows, ``dtype`` and ``round``.

    Returns
    -------
    numpy.ndarray
        Of the size before.

    Raises
    ------
    PoolError
        For shapes that do not fit, and for an index outside the plane.

    Examples
    --------
    >>> import numpy as np
    >>> unpool(np.array([[5, 7]]), np.array([[4, 6]]), size=2)
    array([[0, 0, 0, 0],
           [5, 0, 7, 0]])
    """
    asked = {"size": size, "stride": stride, "padding": padding, "layout": layout, **others}
    rule = one_of(tuple(DUPLICATES))("duplicates", duplicates)
    check_arguments(asked, indices is not None, spread)
    array = as_array(values)
    array = array.astype(dtypes.check_dtype(array.dtype), copy=False)
    pooling = parse_pooling("max", **asked)
    axes = layouts.resolve(array.shape, pooling.layout)
    default = None if output_shape is not None and index_format != "onnx" else _infer_shape(pooling, axes, array.shape)
    shape = _resolve_shape(output_shape, axes, array.shape) if output_shape is not None else default
    if shape is None:
        raise PoolError(f"{pooling.window.windowing.name} windows do not tell how large the array was; "
                        "an output_shape would work")
    check_memory(Plan(axes, shape, tuple(keep_axis(shape[i]) for i in axes.pooled)))
    if indices is None:
        pooling = replace(pooling, layout=axes.letters)
        return _spread_values(array, _plan_inverse(pooling, shape, array.shape), spread or "", pooling)
    row = check_format("index_format", index_format)
    flat = to_plane(_check_indices(indices, array.shape), IndexedTensor(axes, shape if default is None else default),
                    row)
    if default is not None and default != shape:
        flat = _move_indices(flat, IndexedTensor(axes, default), IndexedTensor(axes, shape))
    return _place_values(array, flat, IndexedTensor(axes, shape), rule)


# What was asked.


def check_arguments(asked: Mapping[str, Any], with_indices: bool, spread: str | None) -> None:
    """Indices or a way to spread, and only keywords that mean something then."""
    if spread is not None:
        one_of(tuple(SPREADS))("spread", spread)
    if with_indices == (spread is not None):
        said = ("does not go with indices; one of them would work" if with_indices else
                'is missing, and so are indices; nearest, average, or the indices of the values would work')
        raise OptionError("spread", f"spread {said}")
    for name, value in asked.items():
        if value is None or value is False or name in WINDOW_KEYWORDS or name == "layout":
            continue
        if name not in ("dtype", "round"):
            raise OptionError(name, f"{name} is no option of unpool; those of windows, layout, dtype and round are")
        if spread != "average":
            raise OptionError(name, f'{name} goes with spread "average"; all else keeps the dtype of the values')


def _infer_shape(pooling: Pooling, axes: layouts.Axes, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The shape before pooling that fixed and same windows tell, or None."""
    if not pooling.window.windowing.strided:
        return None
    found = list(shape)
    for i, windows in zip(axes.pooled, pooling.window.windows([_LONG] * len(axes.pooled)), strict=True):
        if len(windows) == 1 or isinstance(windows.starts, np.ndarray) or isinstance(windows.stops, np.ndarray):
            return None  # one window over the whole axis
        step, extent = windows.starts.step, windows.stops.start - windows.starts.start
        same = isinstance(pooling.window.padding, str)
        found[i] = shape[i] * step if same else (shape[i] - 1) * step - windows.before - windows.after + extent
        if found[i] < 1:
            raise PoolError(f"{shape[i]} windows with so much padding are of no axis; less padding would work")
    return tuple(found)


def _resolve_shape(given: Sequence[int] | int, axes: layouts.Axes, shape: Sequence[int]) -> tuple[int, ...]:
    """``output_shape`` of all axes, from all of them or from the pooled ones."""
    try:
        lengths = tuple(int(n) for n in np.atleast_1d(np.asarray(given)))
        whole = bool((np.asarray(given) == np.asarray(lengths)).all())
    except (TypeError, ValueError):
        lengths, whole = (), False
    if not whole or not lengths or min(lengths) < 0:
        raise OptionError("output_shape", f"output_shape is a length for each axis, not {given!r}")
    full = list(shape)
    places = axes.pooled if len(lengths) == len(axes.pooled) else range(len(full))
    if len(lengths) != len(places):
        raise PoolError(f"output_shape {layouts.describe(lengths)} names {len(lengths)} axes, {axes.letters} has "
                        f"{len(full)}, {len(axes.pooled)} of them pooled")
    for i, n in zip(places, lengths, strict=True):
        full[i] = n
    if any(full[i] != n for i, n in enumerate(shape) if i not in axes.pooled):
        raise PoolError(f"output_shape {layouts.describe(full)} differs from the values' {layouts.describe(shape)} "
                        f"along an axis that is not pooled ({axes.letters})")
    layouts.resolve(full, axes.letters)
    return tuple(full)


def _check_indices(given: ArrayLike, shape: tuple[int, ...]) -> Ints:
    """Indices, one for each value."""
    found = check_integers(given)
    if found.shape != shape:
        raise PoolError(f"indices of shape {layouts.describe(found.shape)} do not go with values of shape "
                        f"{layouts.describe(shape)}; one for each value would work")
    return found


def _move_indices(flat: Ints, old: IndexedTensor, new: IndexedTensor) -> Ints:
    """Indices within a plane as those of the same coordinates in another; PoolError where it has none."""
    places = np.unravel_index(np.maximum(flat, 0), old.plane)
    wrong = flat != NONE
    wrong &= np.logical_or.reduce([place >= n for place, n in zip(places, new.plane, strict=True)])
    if wrong.any():
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise index_error(int(flat[at]), at, new)
    inside = [np.minimum(place, n - 1) for place, n in zip(places, new.plane, strict=True)]
    return np.where(flat == NONE, NONE, np.ravel_multi_index(inside, new.plane))


# Values where they stood.


def _place_values(values: Array, flat: Ints, tensor: IndexedTensor, rule: str) -> Array:
    """Zeros of the tensor's shape, each value at its index."""
    axes = tensor.axes
    given, at = axes.canonical(values), axes.canonical(flat)
    canonical = axes.canonical_shape(tensor.shape)
    try:
        result = np.zeros(canonical, values.dtype)
    except (MemoryError, ValueError):
        raise PoolError(f"not enough memory for an array of shape {layouts.describe(tensor.shape)}") from None
    planes = np.arange(canonical[0]).reshape(-1, 1, 1, 1, 1) * tensor.size
    places = (planes + at) * canonical[4] + np.arange(canonical[4])
    there = at != NONE
    chosen, where = (given.reshape(-1), places.reshape(-1)) if there.all() else (given[there], places[there])
    DUPLICATES[rule](result.reshape(-1), where, chosen)
    return np.ascontiguousarray(axes.restore(result, tensor.shape))


def _keep_last(result: Array, where: Ints, values: Array) -> None:
    """In the order of the windows, each over the one before; NumPy promises that of one axis."""
    result[where] = values


def _keep_first(result: Array, where: Ints, values: Array) -> None:
    """The first stays."""
    result[where[::-1]] = values[::-1]


def _add_values(result: Array, where: Ints, values: Array) -> None:
    """The sum, integers saturating at the limits of their dtype."""
    if values.dtype.kind == "f":
        result[:] = np.bincount(where, values.astype(np.float64), len(result))
        return
    if values.dtype == np.bool_:
        result[where[values]] = True
        return
    limits = np.iinfo(values.dtype)
    total = np.zeros(len(result), f"{values.dtype.kind}8")
    np.add.at(total, where, values)
    about = np.bincount(where, values, len(result))  # where the 64 bits wrapped, this is 2^64 away
    total[about - total > 2.0**63] = limits.max
    total[total - about > 2.0**63] = limits.min
    result[:] = np.clip(total, limits.min, limits.max)


def _keep_largest(result: Array, where: Ints, values: Array) -> None:
    """The largest; a NaN wins."""
    result[where] = values
    np.maximum.at(result, where, values)


def _refuse_duplicates(result: Array, where: Ints, values: Array) -> None:
    """PoolError if there is one."""
    counts = np.bincount(where, minlength=len(result))
    if counts.max(initial=0) > 1:
        twice = int(np.argmax(counts > 1))
        raise PoolError(f"{counts[twice]} values have the index of sample {twice} (flat in the result); duplicates "
                        "last, first, sum or max would work")
    result[where] = values


DUPLICATES: Mapping[str, Callable[[Array, Ints, Array], None]] = {
    "last": _keep_last, "first": _keep_first, "sum": _add_values, "max": _keep_largest, "error": _refuse_duplicates,
}
"""What becomes of an index that several values have."""


# Values over their windows.


def _plan_inverse(pooling: Pooling, shape: Sequence[int], values: tuple[int, ...]) -> Plan:
    """The plan of the pooling that is undone."""
    plan = pooling.plan(shape)
    plan.check_whole_samples("unpool")
    if plan.full_shape != values:
        raise PoolError(f"these windows make {layouts.describe(plan.full_shape)} of {layouts.describe(shape)}, not "
                        f"{layouts.describe(values)}; another output_shape, or the windows that were used, would work")
    return plan


def _spread_values(values: Array, plan: Plan, how: str, pooling: Pooling) -> Array:
    """An array of the plan's input shape."""
    canonical = SPREADS[how](plan.axes.canonical(values), plan, pooling)
    return np.ascontiguousarray(plan.axes.restore(canonical, plan.input_shape))


def _spread_nearest(values: Array, plan: Plan, pooling: Pooling) -> Array:
    """The values of the nearest windows, 0 outside all of them."""
    result = values
    for axis, windows in enumerate(canonical_windows(plan), 1):
        sources, there = adjoint.nearest_windows(windows)
        result = result.take(sources, axis)
        np.moveaxis(result, axis, 0)[~there] = 0
    return result


def _spread_average(values: Array, plan: Plan, pooling: Pooling) -> Array:
    """The mean of the windows' values, 0 outside all of them."""
    reached = [adjoint.window_adjoint(windows) for windows in canonical_windows(plan)]
    counts = [np.maximum(one.weights.sum(axis=1), 1) for one in reached]
    dtype = pooling.dtype or (values.dtype if values.dtype.kind == "f" else dtypes.FLOAT64)
    result = np.empty((len(values), *(len(one) for one in reached), values.shape[4]), dtype)

    def finish(place: adjoint.Place, sums: Array) -> Array:
        _, d, rows, columns = place
        shares = counts[0][d] * counts[1][rows, None, None] * counts[2][columns, None]
        return round_to(sums / shares, dtype, pooling.round)

    adjoint.fill_adjoint(result, values, reached, finish)
    return result


SPREADS: Mapping[str, Callable[[Array, Plan, Pooling], Array]] = {"nearest": _spread_nearest,
                                                                  "average": _spread_average}
"""How a value without an index goes back over its window."""
