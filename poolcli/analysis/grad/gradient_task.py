"""One array to differentiate at, and the gradient of its pooled values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.reducers import REDUCERS
from ...drivers.kernel_task import KernelTask
from ...engine import run as engine
from ...engine.prepared import PreparedPooling
from ...pooling import Pooling

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GradientTask:
    """One array, and the gradient of its pooled values."""

    pooling: Pooling
    settled: PreparedPooling
    array: Array
    upstream: Array
    """(outer, windows along D, H, W, inner) in float64; maybe a view on a single number."""
    weights: Array | None = None
    """How much each sample of the array counts, where not all count 1."""

    @cached_property
    def work(self) -> KernelTask:
        """The canonical array, padding that is data included, and its windows."""
        return self.settled.on(self.array)

    @cached_property
    def missing(self) -> Array | None:
        """Which samples of the canonical array are none, if there are any."""
        work = self.work
        found = np.zeros(work.array.shape, np.bool_)
        if work.skip_nan:
            found |= np.isnan(work.array)
        if work.nodata is not None:
            found |= work.array == work.nodata
        return found if found.any() else None


def run_task(work: KernelTask) -> tuple[Array, Array | None]:
    """Values and indices."""
    return engine.run_task(work, None, engine.choose_kernel(work) if work.array.size else None)


def with_reducer(task: GradientTask, reducer: str) -> KernelTask:
    """The same windows with another reducer, which keeps the dtype."""
    source = task.work.source
    return replace(task.work, reducer=REDUCERS[reducer], parameters=(), result=source, fill=task.pooling.fill(source))
