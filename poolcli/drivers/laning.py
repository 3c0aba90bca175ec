"""Drive the lane kernel (``kernels/lanes.py``): which reducers compute side by side, and how windows are grouped."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import compiled, dtypes
from ..kernels import lanes as kernel
from ..windows import Windows
from ..work import Array, Block, Runner, Work, cut

CORES: Mapping[str, Callable[..., None]] = {
    "lse": kernel.log_mean_exp,
    "soft": kernel.softmax_mean,
    "mixed": kernel.mixed,
    "lp": kernel.norm,
    "l2": kernel.norm,
    "gem": kernel.generalised_mean,
}
"""The reducers that compute in lanes, each an optimisation of its core: equal results, by the tests' oracle."""
WHOLE = ("lse", "soft")
"""Of these the ones that are as good for whole numbers, where the result has all the digits of a double."""
MOST = 1024
"""Samples of a window beyond which there are too few lanes for vectors."""
SLOTS, LONGEST_SLOT = 1 << 15, 256
"""Doubles of a tile, a quarter of a second cache of 1 MB, and of a slot (gem 2x2/2: 19.5 ms, with 512 of them 23)."""
BLOCK_SAMPLES = 1 << 19
"""Samples read by one call: a NaN or an infinity sends so many to the general kernel."""


@dataclass(frozen=True, eq=False)
class Choice:
    """The lane kernel for a plan."""

    recipe: compiled.Recipe
    most: int
    """The samples of the largest window."""

    def on(self, work: Work, values: Array) -> Lanes:
        """The kernel on an array."""
        return Lanes(work, values, self)


def choose(work: Work) -> Choice | None:
    """The lane kernel where it serves: floats of up to 32 bits, for some reducers integers too, into a float."""
    dtype, name = work.array.dtype, work.reducer.name
    if name not in CORES or work.skip_nan or work.nodata is not None or work.want_indices:
        return None
    if dtypes.write_dtype(work.result).kind != "f" or dtype.itemsize > 4 or (dtype.kind != "f" and name not in WHOLE):
        return None
    if name == "lp" and not work.parameters[0] < np.inf:
        return None
    most = int(np.prod([int(w.present()[1].max()) for w in work.windows]))
    if most > MOST or work.array.size < most:
        return None
    arguments = (dtype.name, dtypes.write_dtype(work.result).name, *("int64",) * 5, "float64", "float64")
    return Choice(compiled.Recipe(kernel.make_kernel, (CORES[name],), arguments), most)


class Lanes:
    """The lane kernel on one array."""

    def __init__(self, work: Work, values: Array, choice: Choice) -> None:
        self.work, self.values, self.choice = work, values, choice
        self.tables = [np.stack(w.present(), 1) for w in work.windows[:2]]
        self.room = max(32, min(LONGEST_SLOT, SLOTS // choice.most))
        self.parts: dict[tuple[int, int], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    @property
    def milliseconds(self) -> float:
        """By samples that are read: 1 ns for each."""
        return 1e-6 * self.values.size * self.choice.most

    def blocks(self, threads: int) -> list[Block]:
        """Whole rows where they fit."""
        _, planes, rows, windows, inner = self.work.output_shape
        most = max(1, BLOCK_SAMPLES // (self.choice.most * inner))
        down = max(1, most // windows)
        return cut(self.work.whole, [max(1, down // (rows * planes)), max(1, down // rows), min(down, rows), most])

    def runner(self) -> Runner:
        """A function that runs one block; False where a sample is not finite."""
        run = compiled.load(self.choice.recipe)
        slots = np.zeros((self.choice.most + kernel.SPARE_SLOTS) * self.room)
        parameters = np.array([*self.work.parameters, 0.0])

        def run_block(block: Block) -> bool:
            if block[3] not in self.parts:
                self.parts[block[3]] = grouped(self.work.windows[2], block[3])
            table, groups = self.parts[block[3]]
            rows = [t[i0:i1] for t, (i0, i1) in zip(self.tables, block[1:3], strict=True)]
            return run((self.work.array, self.values, self.geometry(block, len(groups)), *rows, table, groups,
                        parameters, slots)) == 0

        return run_block

    def geometry(self, block: Block, groups: int) -> Array:
        """The whole numbers of one block, in the kernel's order."""
        work = self.work
        return np.array([*work.array.shape[1:], *work.output_shape[1:4], *(w.step for w in work.windows),
                         *itertools.chain(*block[:3]), groups, self.room], np.int64)


def grouped(windows: Windows, part: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The windows along W of a block as the kernel reads them: those of one size after another, and the groups."""
    first, count = (numbers[part[0] : part[1]] for numbers in windows.present())
    order = np.argsort(count, kind="stable")
    first, count = first[order], count[order]
    bounds = [0, *(np.flatnonzero(np.diff(count)) + 1).tolist(), len(count)]
    groups = [(i, j, int(count[i]), distance(first[i:j], order[i:j])) for i, j in itertools.pairwise(bounds)]
    return np.stack([first, order + part[0]], 1), np.array(groups, np.int64)


def distance(first: NDArray[Any], order: NDArray[Any]) -> int:
    """How far apart neighbouring windows start, where that is always the same; 0 where it is not."""
    if len(first) == 1:
        return 1
    apart = np.diff(first)
    return int(apart[0]) if (apart == apart[0]).all() and (np.diff(order) == 1).all() else 0
