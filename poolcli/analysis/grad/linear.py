"""Reducers that are linear: the weights that they pool with hand the gradient back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...core import dtypes
from ...core.reducers import REDUCERS
from ...core.windows import Windows
from ...drivers.general_driver import binomial, table
from ...kernels.general import COUNT, WEIGHT
from .. import adjoint
from .argmax import route_to_winners
from .gradient_task import Array, Floats, GradientTask, run_task, with_reducer


def _apply_adjoint(task: GradientTask, weights: Sequence[Array | None], upstream: Array) -> Floats:
    """The upstream gradient, weighted, at all samples of each window."""
    reached = [adjoint.window_adjoint(one, weight) for one, weight in zip(task.work.windows, weights, strict=True)]
    found = np.empty(task.work.array.shape)
    adjoint.fill_adjoint(found, upstream, reached)
    if task.missing is not None:
        found[task.missing] = 0
    return found


def sum_gradient(task: GradientTask) -> Floats:
    """1 for each window."""
    return _apply_adjoint(task, [None] * 3, task.upstream)


def avg_gradient(task: GradientTask) -> Floats:
    """1 / divisor: what is said, the nominal count, or how many are present."""
    parameters, windows = task.pooling.parameters, task.work.windows
    if parameters.get("divisor"):
        return _apply_adjoint(task, [None] * 3, task.upstream / parameters["divisor"])
    if parameters.get("count_include_pad"):
        return _apply_adjoint(task, [None] * 3, task.upstream / _multiply_axes([w.nominal() for w in windows]))
    return _apply_adjoint(task, [None] * 3, _divide_by_counts(task, 1.0))


def _divide_by_counts(task: GradientTask, weight: float) -> Array:
    """The upstream gradient times a weight over how many samples each window has; 0 where it has none."""
    counts = _count_window_samples(task)
    shares = weight * task.upstream / counts
    return shares if task.missing is None else np.where(counts > 0, shares, 0)


def _count_window_samples(task: GradientTask) -> Array:
    """How many samples each window has."""
    if task.missing is None:
        return _multiply_axes([one.present[1] for one in task.work.windows])
    return _pool_presence(task, "sum")


def _pool_presence(task: GradientTask, reducer: str) -> Array:
    """A pooling of 1, or of its weight, where a sample is present and 0 where none is."""
    shape = task.work.array.shape
    there: Array = np.ones(shape, np.uint8) if task.missing is None else (~task.missing).view(np.uint8)
    if task.weights is not None:
        there = there * _to_canonical_weights(task)
    work = replace(task.work, array=there, reducer=REDUCERS[reducer], parameters=(), source=there.dtype,
                   result=dtypes.FLOAT64, skip_nan=False, nodata=None, fill=None, draws=None)
    return run_task(work)[0]


def _multiply_axes(lengths: Sequence[Array]) -> Array:
    """The product of a number for each window of D, H and W, shaped as a canonical result."""
    d, h, w = (np.asarray(one, np.float64) for one in lengths)
    product: Array = d[:, None, None, None] * h[:, None, None] * w[:, None]
    return product


def blur_gradient(task: GradientTask) -> Floats:
    """The binomial weight, times that of the sample where it has one, of present samples adding up to 1."""
    if task.missing is None and task.weights is None:
        return _apply_adjoint(task, [_binomial_weights(one) for one in task.work.windows], task.upstream)
    share = _pool_presence(task, "blur")
    upstream = np.where(share > 0, task.upstream / share, 0)
    found = _apply_adjoint(task, [_binomial_weights(one) for one in task.work.windows], upstream)
    return found if task.weights is None else found * _to_canonical_weights(task)


def _to_canonical_weights(task: GradientTask) -> Floats:
    """The samples' weights as a canonical array."""
    assert task.weights is not None
    found: Floats = task.settled.plan.axes.canonical(task.weights).astype(np.float64)
    return found


def _binomial_weights(windows: Windows) -> Floats:
    """(windows, samples): the weights along one axis, adding up to 1."""
    rows, every = table(windows, binomial)
    steps = np.arange(rows[:, COUNT].max())
    places = np.minimum(rows[:, WEIGHT, None] + steps, len(every) - 1)
    found = np.where(steps < rows[:, COUNT, None], every[places], 0)
    scaled: Floats = found / found.sum(axis=1, keepdims=True)
    return scaled


def mix_gradient(task: GradientTask) -> Floats:
    """Of the maximum and the mean, mixed as they are."""
    weight = task.pooling.parameters["weight"]
    mean = _apply_adjoint(task, [None] * 3, _divide_by_counts(task, 1 - weight))
    return mean + route_to_winners(task, with_reducer(task, "max"), weight * task.upstream) if weight else mean


def range_gradient(task: GradientTask) -> Floats:
    """+1 at the first maximum, -1 at the first minimum; a window with a NaN gives NaN to all of its samples."""
    found = route_to_winners(task, with_reducer(task, "max"),
                             task.upstream) - route_to_winners(task, with_reducer(task, "min"), task.upstream)
    if task.array.dtype.kind == "f":
        undefined = np.isnan(run_task(with_reducer(task, "max"))[0])
        if undefined.any():
            found[_apply_adjoint(task, [None] * 3, undefined.astype(np.float64)) > 0] = np.nan
    return found
