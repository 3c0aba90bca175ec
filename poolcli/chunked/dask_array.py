"""Dask arrays stay lazy: a graph with a task for each block of the result, given the blocks that its windows reach.

Only this file knows of Dask, and only a Dask array leads to it.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise, product
from operator import getitem
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, box_shape, input_box, subplan
from ..core.plans import Plan, find_squeezed
from ..core.pool_options import refuse_array_options
from ..core.windowings import parse_min_valid
from ..engine import threads
from ..errors import PoolError
from ..pooling import Pooling, as_array, parse_pooling
from ..valid_samples import (
    SHARE,
    check_shape,
    check_weighable,
    find_result_dtype,
    make_counting,
    parse_return_valid,
)
from .sample_sources import SampleSources
from .sources import ArraySource, UnpaddedSource, pad_source

Array = NDArray[Any]
_Blocks = Mapping[tuple[int, ...], Array]
Edges = tuple[tuple[int, ...], ...]
"""For each axis where its blocks begin, and its end."""


def pool(x: Any, reducer: str = "max", *, out: Any = None, return_indices: bool = False, mask: Any = None,
         weights: Any = None, min_valid: Any = None, return_valid: Any = False, **options: Any) -> Any:
    """The same as ``poolcli.pool`` of the array's values, dtype and shape known at once, computed block by block.

    A block of the result is where the windows are that begin in one block of ``x``. Masks and weights are arrays of
    Dask, or in memory; the numbers of valid samples are as lazy as the values. Raises PoolError for what cannot be
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
    if mask is None and weights is None and min_valid is None and return_valid is False:
        return _build_dask_array([x], _BlockedPooling(pooling, plan, edges, x.dtype), (reducer, options))
    if weights is not None:
        check_weighable(pooling, plan)
    beside = {what: _fit_blocks(one, x, plan, what)
              for what, one in (("mask", mask), ("weights", weights)) if one is not None}
    rules = _BlockRules({what: one.dtype for what, one in beside.items()},
                        0 if min_valid is None else parse_min_valid(min_valid), parse_return_valid(return_valid))
    dtype = find_result_dtype(pooling, dtypes.check_dtype(x.dtype), rules.dtypes.get("weights"))
    blocked = _BlockedPooling(replace(pooling, dtype=dtype), plan, edges, x.dtype, rules)
    sources = rules.open(blocked, {})
    sources.check(pooling, plan)
    sources.pad(pooling, plan)
    return _build_dask_array([x, *beside.values()], blocked, (reducer, options, min_valid, return_valid))


def _fit_blocks(given: Any, x: Any, plan: Plan, what: str) -> Any:
    """A mask or weights as an array of Dask with the blocks of the samples; PoolError for what does not fit."""
    import dask.array

    lazy = given if isinstance(given, dask.array.Array) else dask.array.from_array(as_array(given))
    check_shape(lazy.shape, plan, "array of weights" if what == "weights" else what)
    if lazy.shape != x.shape:
        lazy = lazy[tuple(slice(None) if axis in plan.axes.pooled else None for axis in range(x.ndim))]
    return dask.array.broadcast_to(lazy, x.shape).rechunk(x.chunks)


@dataclass(frozen=True, eq=False)
class _BlockRules:
    """Which samples count, of arrays in blocks."""

    dtypes: Mapping[str, dtypes.Type]
    """Of the mask and of the weights, as far as there are such, in the order of their blocks."""
    least: int | Fraction
    counted: str | None
    """What is told of valid samples beside the values."""

    def open(self, blocked: _BlockedPooling, blocks: Mapping[str, _Blocks]) -> SampleSources:
        """The sources of a mask and weights of which some blocks are at hand."""
        found = {what: _BlockSource(blocked.edges, dtype, blocks.get(what, {})) for what, dtype in self.dtypes.items()}
        return SampleSources(found.get("mask"), found.get("weights"), self.least)


@dataclass(frozen=True, eq=False)
class _BlockedPooling:
    """A pooling of an array in blocks: what all its tasks have in common."""

    pooling: Pooling
    plan: Plan
    edges: Edges
    dtype: dtypes.Type
    rules: _BlockRules | None = None

    def lay_out(self, blocks: Mapping[tuple[int, ...], Array]) -> tuple[Pooling, Plan, ArraySource]:
        """The pooling with its padding done, on an array of which these blocks are at hand."""
        return pad_source(self.pooling, self.plan, _BlockSource(self.edges, self.dtype, blocks))

    def outputs(self) -> Edges:
        """Where the blocks of the result begin: with the first window that begins in a block of the input."""
        found = list(self.edges)
        for axis, windows in zip(self.plan.axes.pooled, self.plan.windows, strict=True):
            first = np.maximum.accumulate(windows.present[0])
            begins = np.searchsorted(first, self.edges[axis][:-1])
            found[axis] = tuple(sorted({0, *(int(i) for i in begins if i < len(windows)), len(windows)}))
        return tuple(found)


def _build_dask_array(inputs: Sequence[Any], blocked: _BlockedPooling, token: Any) -> Any:
    """The graph: the common part once, and a task for each block of the result; of two results a pair.

    The first of the inputs are the samples, the others lie beside them in the same blocks.
    """
    from dask.base import tokenize

    edges, gone = blocked.outputs(), find_squeezed(blocked.plan)
    kept = [axis for axis in range(len(edges)) if axis not in gone]
    name = f"poolcli-{tokenize([one.name for one in inputs], token)}"
    graph: dict[Any, Any] = {f"{name}-plan": blocked}
    _, plan, source = blocked.lay_out({})
    for index in product(*(range(len(one) - 1) for one in edges)):
        outputs = tuple((one[i], one[i + 1]) for one, i in zip(edges, index, strict=True))
        places = sorted(_find_blocks(source, input_box(plan, outputs), blocked.edges))
        blocks = [[(one.name, *place) for place in places] for one in inputs]
        graph[name, *(index[axis] for axis in kept)] = (_run_block, f"{name}-plan", _BlockJob(outputs, tuple(places)),
                                                        *blocks)
    chunks = tuple(tuple(b - a for a, b in pairwise(edges[axis])) for axis in kept)
    dtype = blocked.pooling.result_dtype(blocked.dtype)
    counted = None if blocked.rules is None else blocked.rules.counted
    if counted is None:
        return _make_array(name, graph, inputs, chunks, dtype)
    keys = [key for key in graph if isinstance(key, tuple)]
    of_valid = dtypes.FLOAT64 if counted == SHARE else make_counting(blocked.pooling).result_dtype(np.dtype(np.uint8))
    return tuple(_make_array(f"{name}-{i}", {**graph, **{(f"{name}-{i}", *key[1:]): (getitem, key, i) for key in keys}},
                             inputs, chunks, found) for i, found in enumerate((dtype, of_valid)))


def _make_array(name: str, graph: dict[Any, Any], inputs: Sequence[Any], chunks: Any, dtype: dtypes.Type) -> Any:
    """An array of Dask whose blocks a graph makes."""
    from dask.array import Array as Made
    from dask.highlevelgraph import HighLevelGraph

    made = HighLevelGraph.from_collections(name, graph, dependencies=list(inputs))
    array: Any = Made
    return array(made, name, chunks, dtype=dtype, meta=np.empty((0,) * len(chunks), dtype))


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


def _run_block(blocked: _BlockedPooling, job: _BlockJob, blocks: list[Array], *beside: list[Array]) -> Any:
    """One task: values, and where that is wanted the numbers of valid samples."""
    held, *others = ({place: np.asarray(block) for place, block in zip(job.places, each, strict=True)}
                     for each in (blocks, *beside))
    pooling, plan, source = blocked.lay_out(held)
    inputs = input_box(plan, job.outputs)
    part, place = subplan(plan, job.outputs, inputs)
    shape = [b - a for axis, (a, b) in enumerate(job.outputs) if axis not in find_squeezed(plan)]
    with threads.use_one_thread():
        if blocked.rules is None:
            return pooling.run(source.read(inputs), part, part=place).values.reshape(shape)
        sources = blocked.rules.open(blocked, dict(zip(blocked.rules.dtypes, others, strict=True)))
        counted = blocked.rules.counted
        found = sources.pad(blocked.pooling, blocked.plan).pool_box(
            pooling, source.read(inputs), inputs, part, place, counted=counted is not None, shares=counted == SHARE)
    values = found.values.reshape(shape)
    if counted is None or found.valid is None:
        return values
    return values, found.valid.reshape(shape)


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

