"""Reducers that compute: a formula on the samples of windows, block by block."""

from __future__ import annotations

from math import prod
from threading import Lock

import numpy as np

from ...drivers.kernel_task import KernelTask
from .. import unfold
from ..run_parts import run_parts
from .derivatives import DERIVATIVES, IN_OWN_DTYPE
from .gradient_task import Array, Floats, GradientTask
from .separable import separable_gradient


def formula_gradient(task: GradientTask) -> Floats:
    """The slope of each sample in each window, times the window's upstream gradient."""
    apart = separable_gradient(task)
    if apart is not None:
        return apart
    work = task.work
    slope, parameters = DERIVATIVES[work.reducer.derivative], work.parameters
    found, lock = np.zeros(work.array.shape), Lock()
    axes = [unfold.window_positions(one) for one in work.windows]

    def add_block(block: unfold.Block) -> None:
        part = unfold.unfold_block(work.array, block, axes)
        present, values = _find_present(part, work), part.values
        with np.errstate(all="ignore"):
            slopes = slope(values if slope in IN_OWN_DTYPE else values.astype(np.float64), present, parameters)
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
