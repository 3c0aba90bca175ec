"""Who is to blame: the gradient of a pooling, sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import ArrayLike

from ...core import axes as layouts
from ...core import dtypes
from ...core.plans import Plan
from ...core.pool_options import Keywords
from ...core.reducers import REDUCERS, Reducer
from ...engine.prepared import canonical_windows
from ...errors import PoolError
from ...pooling import Pooling, as_array, parse_pooling
from ...valid_samples import SampleRules, mark_missing, parse_rules
from .. import adjoint
from . import argmax, linear
from .derivatives import DERIVATIVES
from .gradient_task import Array, Floats, GradientTask
from .windowed import differentiate_weighted, formula_gradient


def grad(x: ArrayLike, reducer: str = "max", upstream: ArrayLike | None = None, *, mask: ArrayLike | None = None,
         weights: ArrayLike | None = None, **options: Unpack[Keywords]) -> Array:
    """Return the gradient of sum(upstream * pool(x, reducer, ...)) by every sample of ``x``.

    max, min, mode, subsample and stochastic give all to the sample that ``return_indices`` names, so with ones the
    gradient counts how many windows each sample wins. mixed and range: of their parts. avg, sum, blur: the weights. All
    others by the formulas of ``derivatives.py``. Where there is no derivative: the first of equal extremes has it all
    (of NaN the last, as PyTorch), |x| at 0 has slope 0, std 0 where all samples are equal, expected 0 where all are 0,
    gem 1 from eps on. Overlapping windows add up; padding that is data (``pad_mode``) gives its share to the samples
    that it repeats.

    Parameters
    ----------
    x
        The array.
    reducer
        The name of a reducer whose derivative is known.
    upstream
        The gradient by every result, of the result's shape. Default: all ones.
    mask, weights
        Which samples count, and how much, as of ``pool``; those that do not have the gradient 0. Weights are taken as
        they are: the gradient is by samples alone.
    **options
        The keywords of ``pool``; ``dtype`` and ``round`` are passed over, for the gradient is that of the exact value.

    Returns
    -------
    numpy.ndarray
        Of the shape of ``x``: computed in float64, of the dtype of floats, float64 for all else. Samples that no window
        reaches, and missing ones, have 0.

    Raises
    ------
    PoolError
        For what ``pool`` cannot pool, and for an upstream of another shape.

    Examples
    --------
    >>> import numpy as np
    >>> grad(np.array([[1, 3], [2, 2]]), "max")
    array([[0., 1.],
           [0., 0.]])
    >>> grad(np.array([1.0, 3.0, 2.0]), "avg", size=2, stride=1)
    array([0.5, 1. , 0.5])
    """
    rules = None if mask is None and weights is None else parse_rules(mask, weights)
    return differentiate(as_array(x), parse_pooling(reducer, **options), upstream, rules=rules)


def differentiate(array: Array, pooling: Pooling, upstream: ArrayLike | None = None,
                  layout: str | None = None, rules: SampleRules | None = None) -> Array:
    """The gradient of a pooling that is settled, at an array; ``layout`` is used where the pooling names none."""
    dtype = dtypes.check_dtype(array.dtype)
    pooling = replace(pooling, dtype=None, round="half-up")
    gradient = find_gradient(pooling.reducer)
    plan = pooling.plan(array.shape, layout)
    if pooling.reducer.takes_parts:
        plan.check_whole_samples("grad")
    weights = None
    try:
        if rules is not None:
            pooling, array, weights = mark_missing(pooling, array.astype(dtype, copy=False), plan, rules)
            gradient = gradient if weights is None or pooling.reducer.weighted else differentiate_weighted
        pooling.check_array(array)
        task = GradientTask(pooling, pooling.prepare(plan, array.dtype), array, _to_canonical_upstream(upstream, plan),
                            weights)
        with np.errstate(all="ignore"):
            found = _fold_padding(gradient(task), plan, pooling.pad_mode)
    except MemoryError:
        raise PoolError(f"not enough memory for a gradient of shape {layouts.describe(array.shape)}") from None
    return np.ascontiguousarray(plan.axes.restore(found, array.shape), dtype if dtype.kind == "f" else np.float64)


Gradient = Callable[[GradientTask], Floats]
"""From a task to the gradient of the canonical array."""


def find_gradient(row: Reducer) -> Gradient:
    """How a reducer is differentiated, or PoolError."""
    if row.picks:
        return argmax.pick_gradient
    if row.derivative in GRADIENTS:
        return GRADIENTS[row.derivative]
    if row.derivative in DERIVATIVES:
        return formula_gradient
    raise PoolError(f"the gradient of {row.name} is not known; those that are: {', '.join(differentiable_reducers())}")


def differentiable_reducers() -> list[str]:
    """The reducers that have a gradient."""
    return [name for name, row in REDUCERS.items() if row.picks or row.derivative]


def _to_canonical_upstream(given: ArrayLike | None, plan: Plan) -> Array:
    """The gradient of the result as a canonical array."""
    canonical = plan.axes.canonical_shape(plan.full_shape)
    if given is None:
        return np.broadcast_to(1.0, canonical)
    array = as_array(given)
    if array.shape != plan.output_shape:
        raise PoolError(f"upstream has the shape {layouts.describe(array.shape)}, the result "
                        f"{layouts.describe(plan.output_shape)}; one number for each value would work")
    return plan.axes.canonical(array.reshape(plan.full_shape)).astype(np.float64)


def _fold_padding(found: Floats, plan: Plan, mode: str) -> Floats:
    """The gradient of the samples: that of padding goes to what it repeats."""
    windows = canonical_windows(plan)
    if mode == "exclude" or not any(one.before or one.after for one in windows):
        return found
    if mode == "constant":
        cuts = [slice(one.before, one.before + one.length) for one in windows]
        return found[(slice(None), *cuts)]
    result = np.empty((len(found), *(one.length for one in windows), found.shape[4]))
    adjoint.fill_adjoint(result, found, [adjoint.padding_adjoint(one, mode) for one in windows])
    return result


GRADIENTS: Mapping[str, Gradient] = {"constant": lambda task: np.zeros(task.work.array.shape),
                                     "average": linear.avg_gradient, "total": linear.sum_gradient,
                                     "weighted": linear.blur_gradient, "mix": linear.mix_gradient,
                                     "difference": linear.range_gradient}
"""Of reducers that neither pick a sample nor have a formula in DERIVATIVES, by the word of the reducer's row."""


def flatten_gradient(gradient: Array, layout: str | None = None) -> Array:
    """A gradient as a map of its last two pooled axes (one: a map of one row), the others added up, NaN left out."""
    axes = layouts.resolve(gradient.shape, layout)
    shown = axes.pooled[-2:]
    others = tuple(i for i in range(gradient.ndim) if i not in shown)
    summed: Array = np.asarray(np.sum(gradient, axis=others, dtype=np.float64, where=~np.isnan(gradient)))
    return summed.reshape(1, -1) if len(shown) == 1 else summed


