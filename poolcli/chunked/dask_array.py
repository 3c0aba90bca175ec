"""Dask arrays stay lazy: a graph with a task for each block of the result, given the blocks that its windows reach.

Only this file knows of Dask, and only a Dask array leads to it.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, box_shape, input_box, subplan
from ..core.plans import Plan, find_squeezed
from ..core.pool_options import refuse_array_options
from ..engine import threads
from ..errors import PoolError
from ..pooling import Pooling, parse_pooling
from .sources import ArraySource, UnpaddedSource, pad_source

Array = NDArray[Any]
Edges = tuple[tuple[int, ...], ...]
"""For each axis where its blocks begin, and its end."""


def pool(x: Any, reducer: str = "max", *, out: Any = None, return_indices: bool = False, **options: Any) -> Any:
    """The same as ``poolcli.pool`` of the array's values, dtype and shape known at once, computed block by block.

    A block of the result is where the windows are that begin in one block of ``x``. Raises PoolError for what cannot be
    pooled, and from ``compute`` for values that cannot.
    """
    import dask.array

    if not isinstance(x, dask.array.Array):
        raise PoolError(f"a {type(x).__module__}.{type(x).__name__} is no array; one of dask.array would work")
    refuse_array_options(out, return_indices,
                         "goes with arrays in memory, not with Dask's; its values, by compute(), would work")
    if any(n != n for n in x.shape):
        raise PoolError("a Dask array of unknown shape cannot be planned; x.compute_chunk_sizes() makes it known")
    pooling = parse_pooling(reducer, **options)
    plan = pooling.plan(x.shape, held=False)
    edges = tuple(tuple(int(n) for n in np.cumsum((0, *chunks))) for chunks in x.chunks)
    return _build_dask_array(x, _BlockedPooling(pooling, plan, edges, x.dtype), (reducer, options))


@dataclass(frozen=True, eq=False)
class _BlockedPooling:
    """A pooling of an array in blocks: what all its tasks have in common."""

    pooling: Pooling
    plan: Plan
    edges: Edges
    dtype: dtypes.Type

    def laid(self, blocks: Mapping[tuple[int, ...], Array]) -> tuple[Pooling, Plan, ArraySource]:
        """The pooling with its padding done, on an array of which these blocks are at hand."""
        return pad_source(self.pooling, self.plan, _BlockSource(self.edges, self.dtype, blocks))

    def outputs(self) -> Edges:
        """Where the blocks of the result begin: with the first window that begins in a block of the input."""
        found = list(self.edges)
        for axis, windows in zip(self.plan.axes.pooled, self.plan.windows, strict=True):
            first = np.maximum.accumulate(windows.present()[0])
            begins = np.searchsorted(first, self.edges[axis][:-1])
            found[axis] = tuple(sorted({0, *(int(i) for i in begins if i < len(windows)), len(windows)}))
        return tuple(found)


def _build_dask_array(x: Any, blocked: _BlockedPooling, token: Any) -> Any:
    """The graph: the common part once, and a task for each block of the result."""
    from dask.array import Array as Made
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    edges, gone = blocked.outputs(), find_squeezed(blocked.plan)
    kept = [axis for axis in range(len(edges)) if axis not in gone]
    name = f"poolcli-{tokenize(x.name, token)}"
    graph: dict[Any, Any] = {f"{name}-plan": blocked}
    _, plan, source = blocked.laid({})
    for index in product(*(range(len(one) - 1) for one in edges)):
        outputs = tuple((one[i], one[i + 1]) for one, i in zip(edges, index, strict=True))
        places = sorted(_find_blocks(source, input_box(plan, outputs), blocked.edges))
        blocks = [(x.name, *place) for place in places]
        graph[name, *(index[axis] for axis in kept)] = (_run_block, f"{name}-plan", _BlockJob(outputs, tuple(places)),
                                                        blocks)
    dtype = blocked.pooling.result_dtype(x.dtype)
    chunks = tuple(tuple(b - a for a, b in pairwise(edges[axis])) for axis in kept)
    made = HighLevelGraph.from_collections(name, graph, dependencies=[x])
    array: Any = Made
    return array(made, name, chunks, dtype=dtype, meta=np.empty((0,) * len(kept), dtype))


def _find_blocks(source: ArraySource, ranges: Box, edges: Edges) -> set[tuple[int, ...]]:
    """The blocks that a box touches."""
    touched = set()
    for box in source.reaches(ranges):
        touched |= set(product(*(range(bisect(one, start) - 1, bisect(one, stop - 1))
                                 for one, (start, stop) in zip(edges, box, strict=True))))
    return touched


@dataclass(frozen=True)
class _BlockJob:
    """One block of the result, and which blocks of the input it needs."""

    outputs: Box
    places: tuple[tuple[int, ...], ...]


def _run_block(blocked: _BlockedPooling, job: _BlockJob, blocks: list[Array]) -> Array:
    """One task."""
    held = {place: np.asarray(block) for place, block in zip(job.places, blocks, strict=True)}
    pooling, plan, source = blocked.laid(held)
    inputs = input_box(plan, job.outputs)
    part, place = subplan(plan, job.outputs, inputs)
    with threads.use_one_thread():
        values = pooling.run(source.read(inputs), part, part=place).values
    return values.reshape([n for axis, n in enumerate(values.shape) if axis not in find_squeezed(plan)])


@dataclass(frozen=True, eq=False)
class _BlockSource(UnpaddedSource):
    """An array of which some blocks are at hand."""

    edges: Edges
    type: dtypes.Type
    blocks: Mapping[tuple[int, ...], Array]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the array."""
        return tuple(one[-1] for one in self.edges)

    @property
    def dtype(self) -> dtypes.Type:
        """That of the array."""
        return self.type

    @property
    def chunks(self) -> tuple[int, ...]:
        """The largest block along each axis."""
        return tuple(max(b - a for a, b in pairwise(one)) for one in self.edges)

    def read(self, ranges: Box) -> Array:
        """A box put together from blocks; a view where one has it all."""
        places = sorted(_find_blocks(self, ranges, self.edges))
        if len(places) == 1:
            return self.blocks[places[0]][self.inside(places[0], ranges)]
        box = np.empty(box_shape(ranges), self.dtype)
        for place in places:
            to = tuple(slice(max(a, one[i]) - a, min(b, one[i + 1]) - a)
                       for i, one, (a, b) in zip(place, self.edges, ranges, strict=True))
            box[to] = self.blocks[place][self.inside(place, ranges)]
        return box

    def inside(self, place: tuple[int, ...], ranges: Box) -> tuple[slice, ...]:
        """What a box takes of a block."""
        return tuple(slice(max(a - one[i], 0), b - one[i])
                     for i, one, (a, b) in zip(place, self.edges, ranges, strict=True))

