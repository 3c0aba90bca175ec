"""One pooling of one array with everything settled, and its blocks."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.dtypes import Type, write_dtype
from ..core.reducers import Reducer
from ..core.windows import Windows

Array = NDArray[Any]
Block = tuple[tuple[int, int], ...]
"""Ranges of outer planes and of windows along D, H and W."""
Runner = Callable[[Block], bool]
"""Runs one block; False if it is one for the general kernel."""


class UnrepresentableValue(Exception):
    """A value has no place in the result's dtype: NaN in an integer, with no nodata to stand for it."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index
        """The flat position in the canonical output."""


@dataclass(frozen=True, eq=False)
class KernelTask:
    """One canonical array and all that a run of it needs."""

    array: Array
    """(outer, D, H, W, inner), C-contiguous, of a dtype that kernels read."""
    windows: tuple[Windows, Windows, Windows]
    reducer: Reducer
    parameters: tuple[float, ...]
    source: Type
    """The dtype that the array had before it became what kernels read."""
    result: Type
    """The dtype of the result."""
    rounding: int = 0
    skip_nan: bool = False
    nodata: Array | None = None
    """A missing sample, in the array's dtype."""
    fill: Array | None = None
    """What a window without a value gives, in the dtype written."""
    draws: Array | None = None
    """A number in [0, 1) for each output."""
    weights: Array | None = None
    """How much each sample of the array counts, of its shape; as float64 for the general kernel, of any dtype for
    folds, which take the samples of weight 0 for missing ones and look for no others.
    """
    largest_weight: int = 0
    """At least the largest of them where all are whole numbers below 2^31, 1 of a mask; -1 where they are larger
    whole numbers, of which integers make exact results too; 0 where they may be any."""
    want_indices: bool = False
    indices: Array | None = None
    """Where the indices of a run are written, of the output's shape."""
    origin: int | None = None
    """Where the first window of the whole plan starts along H, in this array's rows, if this is a part of it."""

    def bare(self) -> KernelTask:
        """The work with a stand-in for its array, which it may have already: to be kept without the memory."""
        if not any(self.array.strides) and self.draws is None and self.weights is None:
            return self
        return replace(self, array=np.broadcast_to(np.zeros(1, self.array.dtype), self.array.shape), draws=None,
                       weights=None)

    @cached_property
    def output_shape(self) -> tuple[int, ...]:
        """(outer, windows along D, H, W, inner)."""
        return (self.array.shape[0], *(len(w.starts) for w in self.windows), self.array.shape[4])

    @cached_property
    def written(self) -> Type:
        """The dtype that a kernel writes, of which the result's is made at the end."""
        return write_dtype(self.result)

    @cached_property
    def largest_sizes(self) -> tuple[int, int, int]:
        """The most positions that a window has along D, H and W, overhang and all."""
        depth, height, width = (w.distinct_sizes[-1] for w in self.windows)
        return depth, height, width

    @cached_property
    def max_window_samples(self) -> int:
        """The samples of the largest window, at least 1; padding is not counted."""
        return prod(max(1, one.count_range()[1]) for one in self.windows)

    @cached_property
    def in_parts(self) -> bool:
        """Whether samples count by the part of them that lies in a window."""
        return self.reducer.takes_parts and any(w.weighs for w in self.windows)

    @property
    def whole(self) -> Block:
        """All of it as one block."""
        return tuple((0, n) for n in self.output_shape[:4])


class FastKernel(Protocol):
    """A kernel that is faster than the general one, on one array."""

    @property
    def milliseconds(self) -> float:
        """About how long one thread takes, by what a common machine does."""

    def blocks(self, threads: int) -> list[Block]:
        """All of the work, cut for so many threads; blocks that the kernel does not serve may be among them."""

    def runner(self) -> Runner:
        """A function that runs one block, with scratch space of its own."""


class KernelChoice(Protocol):
    """A faster kernel, chosen by types, geometry and size of a whole plan. Its parts run by the same choice."""

    def on(self, work: KernelTask, values: Array) -> FastKernel:
        """The kernel on the plan's array, or on a part of it."""


def cut(block: Block, sizes: Sequence[int]) -> list[Block]:
    """Cut a block into blocks of at most these sizes."""
    ranges = [[(i, min(i + size, stop)) for i in range(start, stop, size)]
              for (start, stop), size in zip(block, sizes, strict=True)]
    return list(itertools.product(*ranges))


def sizes_for(block: Block, most: int) -> list[int]:
    """Sizes of sub-blocks of at most ``most`` outputs (at least one), whole along the last axes where possible."""
    extents = [stop - start for start, stop in block]
    sizes = [1] * len(extents)
    for axis in reversed(range(len(extents))):
        sizes[axis] = max(1, min(extents[axis], most))
        most //= extents[axis] or 1
        if most < 1:
            break
    return sizes
