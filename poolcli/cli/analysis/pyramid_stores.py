"""Pyramids of chunked arrays, and into them: an OME-Zarr group of levels, made chunk by chunk."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ...errors import OptionError, PoolError
from ...files.paths import urls
from ...files.paths.zarr_paths import ENDING, check_extra, is_store, is_store_name, strip_slashes
from ...redact import printable
from .. import options
from ..display.levels_table import WrittenLevel, WrittenLevels, render_levels
from .context import Answer, StudyContext, file_errors
from .pyramid_files import default_name, get_stage

if TYPE_CHECKING:
    from ...analysis.pyramid.pyramid_plan import LevelPlan
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
    from ...chunked import multiscale, run_array
    from ...chunked.executors import ThreadBackend
    from ...engine import threads

    with file_errors(name):
        volume = run_array.open_array(name, asked.given.get("key"), lambda: asked.load(name))
        pooling, level_plans = _plan_store(asked, volume)
    with file_errors(output):
        multiscale.write(pooling, volume, level_plans, output, backend=ThreadBackend(threads.count_threads()),
                         overwrite=bool(asked.given["overwrite"]))
    made = _record_levels(volume, pooling, level_plans, output)
    return Answer(WrittenLevels(name, pooling.reducer.name, level_plans[0].step.axes.letters, made),
                  lambda: render_levels(made))


def _check_store(asked: StudyContext, name: str, output: str) -> None:
    """Refuse what cannot work, before anything is opened."""
    for option, one in (("INPUT", name), ("output", output)):
        try:
            check_extra(printable(one))
        except PoolError as error:
            raise OptionError(option, str(error)) from None
    if urls.is_url(output):
        raise OptionError("output", f"{printable(output)} is a URL, and the levels of a chunked array go into a "
                                    f"folder; a name in one that ends in {ENDING} would work")
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
