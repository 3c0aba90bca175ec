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

from ..analysis.whole_pixels import check_pixels
from ..core import dtypes
from ..core.boxes import Box, box_shape, input_box, subplan
from ..core.plans import Plan, find_squeezed
from ..core.pool_options import as_python, refuse_array_options
from ..core.windowings import parse_min_valid
from ..engine import threads
from ..errors import PoolError
from ..pooling import Pooling, as_array, parse_pooling
from ..valid_samples import (
    SHARE,
    check_shape,
    check_weighable,
    find_errors_dtype,
    make_counting,
    parse_return_valid,
)
from .sample_sources import SampleSources
from .score_sources import ErrorSources, PixelSources
from .sources import ArraySource, UnpaddedSource, pad_source

Array = NDArray[Any]
_Blocks = Mapping[tuple[int, ...], Array]
Edges = tuple[tuple[int, ...], ...]
"""For each axis where its blocks begin, and its end."""


def pool(x: Any, reducer: str = "max", *, out: Any = None, return_indices: bool = False, mask: Any = None,
         weights: Any = None, min_valid: Any = None, return_valid: Any = False, by: Any = None, sigma: Any = None,
         **options: Any) -> Any:
    """The same as ``poolcli.pool`` of the array's values, dtype and shape known at once, computed block by block.

    A block of the result is where the windows are that begin in one block of ``x``. Masks, weights, scores and errors
    are arrays of Dask, or in memory; numbers of valid samples and errors of results are as lazy as the values. Raises
    PoolError for what cannot be pooled, and from ``compute`` for values that cannot.
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
    beside = {what: one for what, one in (("mask", mask), ("weights", weights), ("by", by), ("sigma", sigma))
              if one is not None}
    if not beside and min_valid is None and return_valid is False:
        return _build_dask_array([x], _BlockedPooling(pooling, plan, edges, x.dtype), (reducer, options))
    if weights is not None:
        check_weighable(pooling, plan)
    channel = None if by is None else as_python(beside.pop("by")) if isinstance(by, (int, str, np.generic)) else None
    without = plan.axes.letters.find("C") if by is not None else -1
    beside = {what: _fit_blocks(one, x, plan, what, without) for what, one in beside.items()}
    second = _ERRORS if sigma is not None else parse_return_valid(return_valid)
    rules = _BlockRules({what: one.dtype for what, one in beside.items()},
                        0 if min_valid is None else parse_min_valid(min_valid), second, without, channel, pooling.dtype)
    blocked = _BlockedPooling(pooling, plan, edges, x.dtype, rules)
    sources = rules.open(blocked, {})
    sources.check(pooling, plan)
    sources.pad(pooling, plan)
    blocked = replace(blocked, pooling=replace(pooling, dtype=sources.find_result_dtype(
        pooling, dtypes.check_dtype(x.dtype))))
    return _build_dask_array([x, *beside.values()], blocked, (reducer, options, min_valid, second, channel))


_ERRORS = "errors"
"""What is told beside the values where samples have errors."""
_CALLED = {"weights": "array of weights", "by": "score", "sigma": "array of errors"}


def _fit_blocks(given: Any, x: Any, plan: Plan, what: str, without: int) -> Any:
    """What lies beside the samples as an array of Dask with their blocks, or ``without`` an axis those of whole pixels;
    PoolError for what does not fit."""
    import dask.array

    lazy = given if isinstance(given, dask.array.Array) else dask.array.from_array(as_array(given))
    (check_shape if without < 0 and what != "by" else check_pixels)(lazy.shape, plan, _CALLED.get(what, what))
    kept = [axis for axis in range(x.ndim) if axis != without]
    shape = tuple(x.shape[axis] for axis in kept)
    if lazy.shape != shape:
        lazy = lazy[tuple(slice(None) if axis in plan.axes.pooled else None for axis in kept)]
    return dask.array.broadcast_to(lazy, shape).rechunk(tuple(x.chunks[axis] for axis in kept))


@dataclass(frozen=True, eq=False)
class _BlockRules:
    """Which samples count, and what else lies beside them, of arrays in blocks."""

    types: Mapping[str, dtypes.Type]
    """Of mask, weights, scores and errors, as far as there are such, in the order of their blocks."""
    least: int | Fraction
    second: str | None
    """What is told beside the values: of valid samples, or errors."""
    without: int
    """The axis that they do not have, of whole pixels; -1: they have all."""
    channel: int | str | None
    """Which channel decides between pixels."""
    asked: dtypes.Type | None
    """The dtype asked for, which errors have too if it is a float."""

    def open(self, blocked: _BlockedPooling, blocks: Mapping[str, _Blocks]) -> SampleSources:
        """The sources of all that lies beside samples, of which some blocks are at hand."""
        edges = self.drop_axis(blocked.edges)
        found = {what: _BlockSource(edges, dtype, blocks.get(what, {})) for what, dtype in self.types.items()}
        common = found.get("mask"), found.get("weights"), self.least
        if self.channel is not None or "by" in found:
            return PixelSources(*common, by=found["by"] if self.channel is None else self.channel)
        return ErrorSources(*common, sigma=found["sigma"], dtype=self.asked) if "sigma" in found else SampleSources(
            *common)

    def drop_axis(self, each: tuple[Any, ...]) -> tuple[Any, ...]:
        """What there is for each axis, of those that it has."""
        return tuple(one for axis, one in enumerate(each) if axis != self.without)


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
        if self.rules is not None and self.rules.without >= 0:
            found[self.rules.without] = found[self.rules.without][:: len(found[self.rules.without]) - 1]
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
        blocks = [[(one.name, *(place if blocked.rules is None or one is inputs[0] else blocked.rules.drop_axis(place)))
                   for place in places] for one in inputs]
        graph[name, *(index[axis] for axis in kept)] = (_run_block, f"{name}-plan", _BlockJob(outputs, tuple(places)),
                                                        *blocks)
    chunks = tuple(tuple(b - a for a, b in pairwise(edges[axis])) for axis in kept)
    dtype = blocked.pooling.result_dtype(blocked.dtype)
    rules = blocked.rules
    if rules is None or rules.second is None:
        return _make_array(name, graph, inputs, chunks, dtype)
    keys = [key for key in graph if isinstance(key, tuple)]
    of_second = find_errors_dtype(replace(blocked.pooling, dtype=rules.asked), blocked.dtype) if (
        rules.second == _ERRORS) else dtypes.FLOAT64 if rules.second == SHARE else (
        make_counting(blocked.pooling).result_dtype(np.dtype(np.uint8)))
    return tuple(_make_array(f"{name}-{i}", {**graph, **{(f"{name}-{i}", *key[1:]): (getitem, key, i) for key in keys}},
                             inputs, chunks, found) for i, found in enumerate((dtype, of_second)))


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
    """One task: values, and where that is wanted the numbers of valid samples, or errors."""
    held = _hold_blocks(job.places, blocks)
    pooling, plan, source = blocked.lay_out(held)
    inputs = input_box(plan, job.outputs)
    part, place = subplan(plan, job.outputs, inputs)
    shape = [b - a for axis, (a, b) in enumerate(job.outputs) if axis not in find_squeezed(plan)]
    with threads.use_one_thread():
        if blocked.rules is None:
            return pooling.run(source.read(inputs), part, part=place).values.reshape(shape)
        rules, samples = blocked.rules, source.read(inputs)
        places = [rules.drop_axis(one) for one in job.places]
        others = {what: _hold_blocks(places, each) for what, each in zip(rules.types, beside, strict=True)}
        sources = rules.open(blocked, others).pad(blocked.pooling, blocked.plan)
        found = sources.pool_box(pooling, samples, inputs, part, place, counted=rules.second is not None,
                                 shares=rules.second == SHARE)
        second = sources.find_errors(pooling, samples, inputs, part, place, found) if (
            rules.second == _ERRORS) else found.valid
    values = found.values.reshape(shape)
    return values if rules.second is None or second is None else (values, second.reshape(shape))


def _hold_blocks(places: Sequence[tuple[int, ...]], blocks: Sequence[Array]) -> _Blocks:
    """The blocks at hand, by their places."""
    return {place: np.asarray(block) for place, block in zip(places, blocks, strict=True)}


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

