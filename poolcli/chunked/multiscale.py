"""Pyramids in chunks: a group with every level as an array, and the metadata that say where their samples lie.

Which windows a level has is said from outside; here they are run, each level from the input or from the level before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from .. import files, progress
from ..analysis.pyramid.level_rules import LevelPlans, count_largest, make_mean, weighs_levels
from ..core import dtypes
from ..core.boxes import Box, full_box
from ..core.plans import Plan
from ..pooling import Pooling
from . import chunk_shapes, ome, stores
from .executors import ChunkBackend, map_ordered
from .level_sources import InputWeights, LevelSources, ScaledWeights
from .run_array import OpenedArray, prepare_run
from .run_box import BoxContext
from .sample_sources import SampleSources
from .sources import ArraySource
from .zarr_metadata import fit_attributes, fit_fill_value

_UNROUNDED_PREFIX = "between"
"""The array of a level as it is before it is rounded, while the next one is made of it."""
_LONGEST = 128
"""The side of a chunk where the input has none."""


class _PyramidLevel(LevelPlans, Protocol):
    """The plans of one level, and where it lies."""

    @property
    def scale(self) -> tuple[float, ...]:
        """Samples of the input from one sample to the next."""

    @property
    def offset(self) -> tuple[float, ...]:
        """Where the first sample is centred, on the input."""


def write(pooling: Pooling, volume: OpenedArray, level_plans: Sequence[_PyramidLevel], output: str, *,
          backend: ChunkBackend, overwrite: bool = False, beside: SampleSources | None = None) -> None:
    """Write the input as level 0 and a level for each of the plans, as an OME-Zarr group that appears when it is whole.

    Of a store that has metadata the axes, the scale and the place of the first sample are kept. PoolError where the
    axes are none of OME-Zarr's, or a level cannot be made. What is ``beside`` says which samples of the input count.
    """
    letters = level_plans[0].step.axes.letters
    place = ome.read_placement(volume.attributes, volume.path, letters)
    ome.check_axes(place.axes, letters)
    still = (1.0,) * len(letters), (0.0,) * len(letters)
    levels = [("0", *still),
              *((str(number), level_plan.scale, level_plan.offset) for number, level_plan in enumerate(level_plans, 1))]
    with files.atomic_folder(output, overwrite=overwrite) as folder:
        version = volume.version
        stores.create_group(folder, version, ome.multiscale_attributes(place, levels, pooling.reducer.name, version))
        writer = _PyramidWriter(pooling, volume, folder, tuple(str(axis["name"]) for axis in place.axes), backend)
        writer.copy(level_plans[0].step)
        before = unrounded = volume.source
        rules = writer.start_rules(beside, level_plans)
        for level_plan, beside_level in zip(level_plans, rules, strict=True):
            before, unrounded = writer.level(level_plan, before, unrounded, beside_level)
        for left in Path(folder).glob(f"{_UNROUNDED_PREFIX}*"):
            files.remove(str(left))


@dataclass(frozen=True, eq=False)
class _PyramidWriter:
    """What the levels have in common."""

    pooling: Pooling
    volume: OpenedArray
    folder: str
    names: tuple[str, ...]
    """Of the axes."""
    backend: ChunkBackend

    def start_rules(self, beside: SampleSources | None,
                    level_plans: Sequence[_PyramidLevel]) -> Iterator[SampleSources | None]:
        """Yield which samples count of what each level is made of: the input, or the level before."""
        yield beside if beside is None else beside.pad(self.pooling, level_plans[0].step)
        there: ArraySource | None = None
        whole: ArraySource | None = None
        for before, level_plan in pairwise(level_plans):
            if beside is None or level_plan.whole is not None:
                yield beside
                continue
            there = self.average_weights("there", before, there or self.weigh_input(beside, before.step, True))
            if isinstance(beside.least, Fraction):
                whole = self.average_weights("whole", before, whole or self.weigh_input(beside, before.step, False))
            weighs = weighs_levels(self.pooling.reducer, beside.weights is not None)
            made = LevelSources.of(there, whole, weighs, beside.least)
            there = made.there
            yield made

    def weigh_input(self, beside: SampleSources, plan: Plan, present: bool) -> ArraySource:
        """The weights of the input's samples, those that do not count at 0 if only what is ``present`` is wanted."""
        return InputWeights(self.volume.source, beside, self.pooling, plan, present)

    def average_weights(self, name: str, level: _PyramidLevel, weights: ArraySource) -> ArraySource:
        """The weights of a level by those of the level before."""
        name = f"{_UNROUNDED_PREFIX}_{name}{level.number}"
        mean = self.pool_level(name, make_mean(self.pooling), level.step, weights)
        return ScaledWeights(mean, count_largest(level.step))

    def level(self, level_plan: _PyramidLevel, before: ArraySource, unrounded: ArraySource,
              beside: SampleSources | None) -> tuple[ArraySource, ArraySource]:
        """Make a level; what the next one may be made of, as stored and as it was before it was rounded."""
        number = level_plan.number
        if level_plan.whole is None:
            stored = self.pool_level(str(number), self.pooling, level_plan.step, unrounded, beside)
            plain = replace(self.pooling, dtype=None)
            same = plain.result_dtype(unrounded.dtype) == stored.dtype or self.pooling.nodata is not None
            return stored, stored if same else self.pool_level(f"{_UNROUNDED_PREFIX}{number}", plain, level_plan.step,
                                                           unrounded, beside)
        own = self.pooling.result_dtype(self.volume.source.dtype) == dtypes.check_dtype(self.volume.source.dtype)
        again = beside is None and self.pooling.reducer.repeats_exactly and own
        source, plan = (before, level_plan.step) if again else (self.volume.source, level_plan.whole)
        stored = self.pool_level(str(number), self.pooling, plan, source, beside)
        return stored, stored

    def pool_level(self, name: str, pooling: Pooling, plan: Plan, source: ArraySource,
                   beside: SampleSources | None = None) -> stores.ZarrArray:
        """A level as an array of the group."""
        if beside is not None:
            pooling = replace(pooling, dtype=beside.find_result_dtype(pooling, source.dtype))
        ready = prepare_run(pooling, plan, source, self.backend, False, beside)
        target = self.array(name, plan.output_shape, pooling.result_dtype(source.dtype), ready.chunk)
        ready.run(self.backend, target)
        return target

    def copy(self, plan: Plan) -> None:
        """The input as level 0, in chunks as it has, or of 128 along each axis."""
        source = self.volume.source
        chunks = source.chunks if isinstance(source, stores.ZarrArray) else [min(n, _LONGEST) for n in source.shape]
        target = self.array("0", source.shape, dtypes.check_dtype(source.dtype), chunks)
        task = BoxContext(self.pooling, plan, source, target, self.backend.max_job_bytes, False)
        most = min(chunk_shapes.JOB_BYTES, task.most)
        boxes = list(chunk_shapes.split_along_chunks(full_box(source.shape), chunks, task.itemsize, most))
        for _ in progress.shown(map_ordered(self.backend, _copy_box, task, boxes), len(boxes)):
            pass

    def array(self, name: str, shape: Sequence[int], dtype: dtypes.Type, chunks: Sequence[int]) -> stores.ZarrArray:
        """A new array of the group."""
        known = self.volume.metadata
        return stores.create_array(self.folder, name, shape, dtype, chunks, self.volume.version, self.names,
                                   fit_attributes(known.attributes, self.volume.source.dtype, dtype),
                                   fit_fill_value(known.fill_value, dtype))


def _copy_box(task: BoxContext, box: Box) -> None:
    """One job of copying."""
    task.target.write(box, task.source.read(box))
