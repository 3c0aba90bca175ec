"""Drive the folds of parts (``kernels/parts.py``): for windows that are put together from what several reads hold.

Some folds may be put together in any grouping without a bit that differs: extremes, whole numbers in whole numbers, and
sums in pairs of doubles. These are exact for integers; of floats they hold 106 bits, of which a result keeps 53.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import compiled, dtypes
from ..kernels import endings, folds
from ..kernels import parts as kernel
from ..windows import Windows
from ..work import Array, Work
from .foldable import FOLDS, TWO, Extent, Fold, missing, written
from .folded import divisors

States = tuple[Array, ...]
"""The numbers of states, each as (outer, windows along D, H, W, inner)."""

FREE: tuple[Callable[..., Any], ...] = (
    folds.merge_max, folds.merge_min, folds.merge_max_present, folds.merge_min_present, folds.merge_range,
    folds.merge_pair, folds.merge_pair_present, folds.merge_errors)
"""Merges whose grouping is free."""
FREE_SUMS = FREE[5:]
"""Those of them that sum pairs of doubles."""
WHOLE: tuple[Callable[..., Any], ...] = (folds.merge_sum, folds.merge_sum_present)
"""Those for which it is where the state is of whole numbers."""
IN_PAIRS: Mapping[bool, Callable[..., bool]] = {True: endings.end_pair_mean_float, False: endings.end_pair_mean_integer}


@dataclass(frozen=True, eq=False)
class Merger:
    """A fold for the windows of a whole plan, of which parts are folded apart."""

    work: Work
    fold: Fold

    @property
    def exact(self) -> bool:
        """Whether the grouping is free for certain; not so for sums of floats, in the last of 106 bits."""
        return self.work.array.dtype.kind != "f" or self.fold.steps[1] not in FREE_SUMS

    @cached_property
    def names(self) -> tuple[str, str, str]:
        """The dtypes of states."""
        a, b, c = (np.dtype(state).name for state in (*self.fold.states, np.uint8, np.uint8)[:3])
        return a, b, c

    def states(self, array: Array, windows: tuple[Windows, Windows, Windows]) -> States:
        """The states of what a canonical array has of these windows."""
        work, (outer, *lengths, inner) = self.work, array.shape
        counts = [len(one) for one in windows]
        shape, room = (outer, *counts, inner), lengths[2] * inner
        held = self.room(room + prod(shape))
        value = 0 if work.nodata is None else work.nodata[0]
        nodata = np.array([value, self.fold.identity[0]], array.dtype)
        geometry = np.array([outer, *lengths, inner, *counts, *(one.step for one in windows), work.skip_nan,
                             work.nodata is not None], np.int64)
        tables = [np.stack(one.present(), 1) for one in windows]
        recipe = compiled.Recipe(kernel.make_states, self.fold.steps[:4], (
            array.dtype.name, array.dtype.name, *("int64",) * 4, "float64", *self.names))
        compiled.load(recipe)((array, nodata, geometry, *tables, self.parameters, *held))
        return tuple(one[room:].reshape(shape) for one in held[: len(self.fold.states)])

    def merge(self, states: States, begun: NDArray[np.bool_], more: States, new: NDArray[np.bool_]) -> States:
        """Two parts of the same windows as one; ``begun`` and ``new`` tell which windows each has something of."""
        recipe = compiled.Recipe(kernel.make_merge, self.fold.steps[1:4], ("uint8", "uint8", "int64", *self.names))
        both = [np.concatenate([a.reshape(-1), b.reshape(-1)]) for a, b in zip(states, more, strict=True)]
        flags = (np.ascontiguousarray(np.broadcast_to(one, states[0].shape)).view(np.uint8) for one in (begun, new))
        count = states[0].size
        compiled.load(recipe)((*flags, np.array([count], np.int64), *self.three(both)))
        return tuple(one[:count].reshape(states[0].shape) for one in both)

    def end(self, states: States, shares: NDArray[np.float64]) -> tuple[Array, NDArray[np.bool_]]:
        """The values, in the dtype that kernels write, and which of them are none for sure: sums that are not finite,
        windows without a sample that counts. ``shares`` are what sums are divided by.
        """
        work, shape = self.work, states[0].shape
        values, bad = np.empty(shape, written(work)), np.zeros(shape, np.uint8)
        fill = np.zeros(1, values.dtype) if work.fill is None else work.fill
        numbers = np.array([values.size, work.fill is not None, work.rounding], np.int64)
        recipe = compiled.Recipe(kernel.make_ending, (self.fold.steps[2], self.fold.steps[4]), (
            values.dtype.name, values.dtype.name, "int64", *("float64",) * 3, "uint8", *self.names))
        flat = [np.ascontiguousarray(one).reshape(-1) for one in states]
        compiled.load(recipe)((values, fill, numbers, np.ascontiguousarray(np.broadcast_to(shares, shape)),
                               self.parameters, dtypes.limits(work.result), bad, *self.three(flat)))
        return values, bad.view(np.bool_)

    @property
    def parameters(self) -> NDArray[np.float64]:
        """The reducer's."""
        return np.array([*self.work.parameters, 0.0])

    @cached_property
    def shares(self) -> list[NDArray[np.float64]]:
        """For each axis a number for each window of the plan; their product is what its sum is divided by."""
        return divisors(self.work)

    def room(self, size: int) -> list[Array]:
        """Room for so many states, of no sample each."""
        full = [np.full(size, none, state) for none, state in zip(self.fold.identity, self.fold.states, strict=True)]
        return self.three(full)

    def three(self, held: list[Array]) -> list[Array]:
        """As many buffers as kernels take."""
        return [*held, *(np.zeros(1, np.uint8) for _ in range(3 - len(held)))]


def choose(work: Work) -> Merger | None:
    """The fold by which a plan's windows may be put together from parts; None where each must be seen whole."""
    if work.reducer.name not in FOLDS or work.want_indices:
        return None
    extent = Extent(*(int(one.sizes().max()) for one in work.windows))
    fold = FOLDS[work.reducer.name](work, extent)
    if fold is None:
        return None
    merge = fold.steps[1]
    if merge in WHOLE and np.dtype(fold.states[0]).kind in "iu":
        return Merger(work, fold) if fits(work, extent) else wide(work)
    return Merger(work, fold) if merge in FREE else None


def fits(work: Work, extent: Extent) -> bool:
    """Whether the sums of the largest window, of squares too, stay within 63 bits."""
    power = 1 if work.reducer.name in ("avg", "sum") else 2
    return extent.samples << 8 * power * work.array.dtype.itemsize < 1 << 63


def wide(work: Work) -> Merger | None:
    """Sums that outgrow 64 bits, in pairs; exact below 2^105."""
    if work.reducer.name not in ("avg", "sum") or missing(work):
        return None
    end = IN_PAIRS[written(work).kind == "f"]
    return Merger(work, Fold((folds.lift_pair, folds.merge_pair, *TWO, end), (np.float64,) * 2, (0, 0)))
