"""Drive partial folds (``kernels/partial_fold.py``): for windows that are put together from what several reads hold.

Some folds may be put together in any grouping without a bit that differs: extremes, whole numbers in whole numbers, and
sums in pairs of doubles. These are exact for integers; of floats they hold 106 bits, of which a result keeps 53.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from ... import jit
from ...core import dtypes
from ...core.windows import Windows
from ...kernels.fold import finalizers
from ...kernels.fold import fold_states as fold_steps
from ...kernels.fold import partial_fold as kernel
from ..kernel_task import Array, KernelTask
from .fold_run import MOST_NUMBERS
from .fold_table import EXTREME_FOLDS, FOLDS, SUM_FOLDS, Extent, Fold, divisors, missing, of_pair

States = tuple[Array, ...]
"""The numbers of states, each as (outer, windows along D, H, W, inner)."""

@dataclass(frozen=True, eq=False)
class Merger:
    """A fold for the windows of a whole plan, of which parts are folded apart."""

    work: KernelTask
    fold: Fold

    @property
    def exact(self) -> bool:
        """Whether the grouping is free for certain; not so for sums of floats, in the last of 106 bits."""
        return self.work.array.dtype.kind != "f" or self.fold.grouping == "exact"

    @cached_property
    def names(self) -> list[str]:
        """The dtypes of states."""
        numbers = (*self.fold.dtypes, *(np.uint8,) * MOST_NUMBERS)[:MOST_NUMBERS]
        return [np.dtype(number).name for number in numbers]

    def states(self, array: Array, windows: tuple[Windows, Windows, Windows]) -> States:
        """The states of what a canonical array has of these windows."""
        work, (outer, *lengths, inner) = self.work, array.shape
        counts = [len(one) for one in windows]
        shape, room = (outer, *counts, inner), lengths[2] * inner
        held = self.room(room + prod(shape))
        value = 0 if work.nodata is None else work.nodata[0]
        nodata = np.array([value], array.dtype)
        geometry = np.array([outer, *lengths, inner, *counts, *(one.step for one in windows), work.skip_nan,
                             work.nodata is not None], np.int64)
        tables = [np.stack(one.present, 1) for one in windows]
        spec = jit.KernelSpec(kernel.make_states, self.fold.steps[:4], (
            array.dtype.name, array.dtype.name, *("int64",) * 4, "float64", *self.names))
        jit.load(spec)((array, nodata, geometry, *tables, self.parameters, *held))
        return tuple(one[room:].reshape(shape) for one in held[: len(self.fold.dtypes)])

    def merge(self, states: States, begun: NDArray[np.bool_], more: States, new: NDArray[np.bool_]) -> States:
        """Two parts of the same windows as one; ``begun`` and ``new`` tell which windows each has something of."""
        spec = jit.KernelSpec(kernel.make_merge, self.fold.steps[1:4], ("uint8", "uint8", "int64", *self.names))
        both = [np.concatenate([a.reshape(-1), b.reshape(-1)]) for a, b in zip(states, more, strict=True)]
        flags = (np.ascontiguousarray(np.broadcast_to(one, states[0].shape)).view(np.uint8) for one in (begun, new))
        count = states[0].size
        jit.load(spec)((*flags, np.array([count], np.int64), *self.with_unused(both)))
        return tuple(one[:count].reshape(states[0].shape) for one in both)

    def end(self, states: States, shares: NDArray[np.float64]) -> tuple[Array, NDArray[np.bool_]]:
        """The values, in the dtype that kernels write, and which of them are none for sure: sums that are not finite,
        windows without a sample that counts. ``shares`` are what sums are divided by.
        """
        work, shape = self.work, states[0].shape
        values, bad = np.empty(shape, work.written), np.zeros(shape, np.uint8)
        fill = np.zeros(1, values.dtype) if work.fill is None else work.fill
        numbers = np.array([values.size, work.fill is not None, work.rounding,
                            *dtypes.whole_limits(work.result)], np.int64)
        spec = jit.KernelSpec(kernel.make_ending, (self.fold.steps[2], self.fold.steps[4]), (
            values.dtype.name, values.dtype.name, "int64", *("float64",) * 3, "uint8", *self.names))
        flat = [np.ascontiguousarray(one).reshape(-1) for one in states]
        jit.load(spec)((values, fill, numbers, np.ascontiguousarray(np.broadcast_to(shares, shape)),
                        self.parameters, dtypes.limits(work.result), bad, *self.with_unused(flat)))
        return values, bad.view(np.bool_)

    @property
    def parameters(self) -> NDArray[np.float64]:
        """The reducer's."""
        return np.array([*self.work.parameters, 0.0, 0.0])

    @cached_property
    def shares(self) -> list[NDArray[np.float64]]:
        """For each axis a number for each window of the plan; their product is what its sum is divided by."""
        return divisors(self.work)

    def room(self, size: int) -> list[Array]:
        """Room for so many states, of no sample each."""
        full = [np.full(size, none, state) for none, state in zip(self.fold.none, self.fold.dtypes, strict=True)]
        return self.with_unused(full)

    def with_unused(self, held: list[Array]) -> list[Array]:
        """As many buffers as kernels take."""
        return [*held, *(np.zeros(1, np.uint8) for _ in range(MOST_NUMBERS - len(held)))]


def choose(work: KernelTask) -> Merger | None:
    """The fold by which a plan's windows may be put together from parts; None where each must be seen whole."""
    if work.reducer.fold not in FOLDS or work.want_indices or work.in_parts:
        return None
    extent = Extent(*(int(one.sizes.max()) for one in work.windows))
    fold = FOLDS[work.reducer.fold](work, extent)
    if fold is None:
        return None
    if fold.grouping == "rounded":
        return None
    sums = np.dtype(fold.dtypes[0]).kind in "iu" and work.reducer.fold not in EXTREME_FOLDS
    return _merge_wide(work) if sums and not _fits(work, extent) else Merger(work, fold)


def _fits(work: KernelTask, extent: Extent) -> bool:
    """Whether the sums of the largest window, of squares too, stay within 63 bits."""
    power = 1 if work.reducer.fold in SUM_FOLDS else 2
    return extent.samples << 8 * power * work.array.dtype.itemsize < 1 << 63


def _merge_wide(work: KernelTask) -> Merger | None:
    """Sums that outgrow 64 bits, in pairs; exact below 2^105."""
    if work.reducer.fold not in SUM_FOLDS or missing(work):
        return None
    return Merger(work, Fold(fold_steps.lift_pair, fold_steps.merge_pair, finalizers.mean_pair, of_pair(work),
                             (np.float64,) * 2, (0, 0), "pairs"))
