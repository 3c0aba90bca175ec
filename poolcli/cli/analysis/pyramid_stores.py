"""Pyramids of chunked arrays, and into them: an OME-Zarr group of levels, made chunk by chunk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import OptionError, PoolError
from ...files.paths.zarr_paths import ENDING, check_extra, is_store, is_store_name, strip_slashes
from ...redact import printable
from .. import options
from ..display.levels_table import WrittenLevel, WrittenLevels, render_levels
from ..validate import check_scheduled_output
from .context import Answer, StudyContext, file_errors
from .pyramid_files import default_name, get_stage

if TYPE_CHECKING:
    from ...analysis.pyramid.pyramid_plan import LevelPlan
    from ...chunked.executors import ChunkBackend
    from ...chunked.run_array import OpenedArray
    from ...pooling import Pooling


def is_chunked(name: str, output: str | None) -> bool:
    """Whether a pyramid is one of chunked arrays."""
    return is_store(name) or (output is not None and is_store_name(output))


def write_store(asked: StudyContext, name: str) -> Answer:
    """All levels in one group."""
    name = strip_slashes(name)
    output = strip_slashes(asked.output) if asked.output is not None else default_name(name, f"_levels{ENDING}")
    _check_store(asked, name, output)
    from ...analysis.pyramid.level_rules import check_levels
    from ...batch.sample_files import open_sources
    from ...batch.settings import Job, Settings
    from ...chunked import multiscale, run_array

    with file_errors(name):
        volume = run_array.open_array(name, asked.given.get("key"), lambda: asked.load(name))
        pooling, level_plans = _plan_store(asked, volume)
        beside = None if asked.beside is None else open_sources(asked.beside, Job(name), pooling, Settings())
        if beside is not None:
            check_levels(pooling, level_plans, beside.weights is not None)
            beside.check(pooling, level_plans[0].step)
    with file_errors(output), _open_backend(asked.given["scheduler"], volume) as backend:
        multiscale.write(pooling, volume, level_plans, output, backend=backend,
                         overwrite=bool(asked.given["overwrite"]), beside=beside)
    made = _record_levels(volume, pooling, level_plans, output)
    return Answer(WrittenLevels(name, pooling.reducer.name, level_plans[0].step.axes.letters, made),
                  lambda: render_levels(made))


@contextmanager
def _open_backend(scheduler: str | None, volume: OpenedArray) -> Iterator[ChunkBackend]:
    """Who does the jobs: threads here, or a cluster; what is in memory here is not sent."""
    from ...chunked.executors import ThreadBackend
    from ...chunked.sources import MemorySource
    from ...engine import threads

    if scheduler is None or isinstance(volume.source, MemorySource):
        yield ThreadBackend(threads.count_threads())
        return
    from ...batch.executors.dask_chunks import open_cluster

    with open_cluster(scheduler, threads.count_threads()) as backend:
        yield backend


def _check_store(asked: StudyContext, name: str, output: str) -> None:
    """Refuse what cannot work, before anything is opened."""
    for option, one in (("INPUT", name), ("output", output)):
        try:
            check_extra(printable(one))
        except PoolError as error:
            raise OptionError(option, str(error)) from None
    check_scheduled_output(asked.given["scheduler"], output)
    if not is_store_name(output):
        raise OptionError("output", f"{printable(output)}: the levels of a chunked array go into one group; a name "
                                    f"that ends in {ENDING} would work")
    with file_errors(output):
        asked.read.append(name)
        asked.check_free(output)
        if os.path.lexists(output) and not asked.given["overwrite"]:
            raise PoolError("exists; --overwrite would work")


def _plan_store(asked: StudyContext, volume: OpenedArray) -> tuple[Pooling, tuple[LevelPlan, ...]]:
    """The pooling and its levels; they have the input's dtype unless --dtype says otherwise, as pictures do."""
    from ...analysis.pyramid.pyramid_plan import plan_levels
    from ...core import dtypes

    pooling = get_stage(asked, "avg").pooling
    if pooling.dtype is None:
        pooling = replace(pooling, dtype=dtypes.check_dtype(volume.source.dtype))
    exact = {"exact": True, "repeated": False}.get(asked.given["how"])
    layout = asked.given["layout"] or volume.letters or options.default_layout(len(volume.source.shape))
    return pooling, tuple(plan_levels(volume.source.shape, pooling, levels=asked.given["levels"], exact=exact,
                                      layout=layout,
                                      smallest=asked.given["smallest"], held=False))


def _record_levels(volume: OpenedArray, pooling: Pooling, level_plans: tuple[LevelPlan, ...],
                   output: str) -> tuple[WrittenLevel, ...]:
    """What became of each level."""
    shape, dtype = volume.source.shape, volume.source.dtype
    still = (1.0,) * len(shape), (0.0,) * len(shape)
    result = pooling.result_dtype(dtype).name
    return (WrittenLevel(0, shape, dtype.name, *still, True, None, None, None),
            *(WrittenLevel(level_plan.number, level_plan.shape, result, level_plan.scale, level_plan.offset,
                           level_plan.whole is not None, None, None, output)
              for level_plan in level_plans))
