"""Differences and similarities of a block of two pictures in one pass (``kernels/similarity.py``), where that pays."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ... import jit
from ...drivers import policy
from ...kernels import similarity as kernel
from . import metrics

_SPEC = jit.KernelSpec(kernel.make_kernel, (metrics.WINDOW,), (*("float64",) * 3, "int64", "float64", "float64"))
_NANOSECONDS = 40.0
"""What NumPy takes for a sample."""


class SimilarityPass(NamedTuple):
    """How two pictures of two pooled axes are compared."""

    span: float
    offset: float
    similar: bool
    """Whether windows are compared."""

    def add_block(self, x: NDArray[Any], y: NDArray[Any], above: int, squares: metrics.RunningMean,
                  likeness: metrics.RunningMean) -> bool:
        """Add what blocks (rows, columns, channels) have in common, whose first ``above`` rows belong to windows only.

        False, and nothing is added, where NumPy is to do it: samples are missing, or the kernel is not worth compiling.
        """
        if policy.UncompiledKernel(_SPEC, 1e-6 * _NANOSECONDS * x.size).pays():
            return False
        rows, columns, inner = x.shape
        windows = rows >= metrics.WINDOW and self.similar
        found = np.zeros(3)
        geometry = np.array([rows, columns * inner, inner, above, windows], np.int64)
        params = np.array([*metrics.choose_constants(self.span), self.offset])
        room = np.empty(kernel.ROOM * (kernel.STRIP + (metrics.WINDOW - 1) * inner))
        jit.load(_SPEC)((np.ascontiguousarray(x), np.ascontiguousarray(y), found, geometry, params, room))
        if not np.isfinite(found).all():
            return False
        squares.add_sum(found[kernel.SQUARES], (rows - above) * columns * inner, found[kernel.LARGEST])
        if windows:
            across = columns - metrics.WINDOW + 1
            likeness.add_sum(found[kernel.SIMILAR], (rows - metrics.WINDOW + 1) * across * inner, 0.0)
        return True
