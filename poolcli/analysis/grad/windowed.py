"""Reducers that compute: a formula on the samples of windows, block by block."""

from __future__ import annotations

import numpy as np

from ...drivers.kernel_task import KernelTask
from .. import unfold
from .argmax import add_at_samples
from .derivatives import DERIVATIVES, IN_OWN_DTYPE
from .gradient_task import Array, Floats, GradientTask


def formula_gradient(task: GradientTask) -> Floats:
    """The slope of each sample in each window, times the window's upstream gradient."""
    work = task.work
    slope, parameters = DERIVATIVES[work.reducer.derivative], work.parameters
    found = np.zeros(work.array.shape)
    for part in unfold.unfold(work.array, work.windows):
        present, values = _find_present(part, work), part.values
        slopes = slope(values if slope in IN_OWN_DTYPE else values.astype(np.float64), present, parameters)
        if values.dtype.kind == "f" and not work.skip_nan:
            slopes = np.where((np.isnan(values) & present).any(axis=0), np.nan, slopes)
        add_at_samples(found, part.block, part.flat, present, slopes * task.upstream[part.block])
    return found


def _find_present(part: unfold.UnfoldedBlock, work: KernelTask) -> Array:
    """Which samples are present and not missing."""
    present: Array = part.present
    if work.skip_nan:
        present = present & ~np.isnan(part.values)
    if work.nodata is not None:
        present = present & (part.values != work.nodata)
    return present
