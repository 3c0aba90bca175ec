"""Reducers that compute: a formula on the samples of windows, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from threading import Lock

import numpy as np

from ...drivers.kernel_task import KernelTask
from .. import unfold
from ..run_parts import run_parts
from .argmax import route_to_winners
from .derivatives import DERIVATIVES, IN_OWN_DTYPE, WEIGHTED, Present, Slope
from .gradient_task import Array, Floats, GradientTask, with_reducer
from .separable import separable_gradient


def formula_gradient(task: GradientTask) -> Floats:
    """The slope of each sample in each window, times the window's upstream gradient."""
    apart = separable_gradient(task)
    return _add_slopes(task, DERIVATIVES[task.work.reducer.derivative]) if apart is None else apart


def differentiate_weighted(task: GradientTask) -> Floats:
    """The same of samples with weights, each as if it stood there so many times."""
    row, parameters = task.pooling.reducer, task.pooling.parameters
    if row.derivative in WEIGHTED:
        return _add_slopes(task, WEIGHTED[row.derivative])
    if row.derivative == "mix":
        share = parameters["weight"]
        mean = _add_slopes(replace(task, upstream=(1 - share) * task.upstream), WEIGHTED["average"])
        return mean + route_to_winners(task, with_reducer(task, "max"), share * task.upstream) if share else mean
    return _route_to_values(task)


def _add_slopes(task: GradientTask, slope: Slope) -> Floats:
    """A slope in each window, times its upstream gradient."""
    parameters = task.work.parameters

    def find_slopes(values: Array, present: Present, block: unfold.Block) -> Floats:
        found = slope(values if slope in IN_OWN_DTYPE else values.astype(np.float64), present, parameters)
        return found if task.weights is None or present is None else found * present

    return _add_windows(task, find_slopes)


def _route_to_values(task: GradientTask) -> Floats:
    """The upstream gradient of each window, to the first sample with a weight that is its value."""
    assert task.weights is not None
    plan = task.settled.plan
    values = task.settled.run_weighted(task.array, task.weights.astype(np.float64)).values
    picked = plan.axes.canonical(values.reshape(plan.full_shape))

    def find_slopes(values: Array, present: Present, block: unfold.Block) -> Floats:
        assert present is not None
        equal = (values.astype(picked.dtype) == picked[block]) & (present > 0)
        slopes = np.zeros(values.shape)
        np.put_along_axis(slopes, np.argmax(equal, axis=0)[None], 1.0, 0)
        slopes *= equal
        return slopes

    return _add_windows(task, find_slopes)


def _add_windows(task: GradientTask, find_slopes: Callable[[Array, Present, unfold.Block], Floats]) -> Floats:
    """Slopes found block by block, from its samples and which of them count or how much, times upstream gradients."""
    work = task.work
    weights = None if task.weights is None else task.settled.plan.axes.canonical(task.weights).astype(np.float64)
    found, lock = np.zeros(work.array.shape), Lock()
    axes = [unfold.window_positions(one) for one in work.windows]

    def add_block(block: unfold.Block) -> None:
        part = unfold.unfold_block(work.array, block, axes)
        present, values = _find_present(part, work), part.values
        share: Present = present
        if weights is not None:
            share = unfold.unfold_block(weights, block, axes).values
            share = share if present is None else np.where(present, share, 0)
        with np.errstate(all="ignore"):
            slopes = find_slopes(values, share, block)
            if values.dtype.kind == "f" and not work.skip_nan:
                undefined = np.isnan(values) if present is None else np.isnan(values) & present
                slopes = np.where(undefined.any(axis=0), np.nan, slopes)
            slopes *= task.upstream[block]
        if present is not None:
            slopes[~present] = 0
        part.add_to(found, slopes, lock)

    samples = prod(places.shape[1] for places, _ in axes)
    run_parts(add_block, list(unfold.split_blocks(work.output_shape, work.windows, samples)))
    return found


def _find_present(part: unfold.UnfoldedBlock, work: KernelTask) -> Array | None:
    """Which samples are present and not missing; None where all are."""
    present = None if part.whole else part.present
    missing = np.isnan(part.values) if work.skip_nan else None
    if work.nodata is not None:
        equal = part.values == work.nodata
        missing = equal if missing is None else missing | equal
    if missing is None:
        return present
    found: Array = ~missing if present is None else present & ~missing
    return found
