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
from .context import Answer, Asked, failing
from .display.levels_table import Levels, Made, shown
from .pyramid_files import default, the_stage

if TYPE_CHECKING:
    from ...analysis.pyramid.pyramid_plan import Rung
    from ...chunked.run_array import OpenedArray
    from ...pooling import Pooling


def in_chunks(name: str, output: str | None) -> bool:
    """Whether a pyramid is one of chunked arrays."""
    return is_store(name) or (output is not None and is_store_name(output))


def levels(asked: Asked, name: str) -> Answer:
    """All levels in one group."""
    name = strip_slashes(name)
    output = strip_slashes(asked.output) if asked.output is not None else default(name, f"_levels{ENDING}")
    check(asked, name, output)
    from ... import engine
    from ...chunked import multiscale, run_array
    from ...chunked.executors import ThreadChunkExecutor

    with failing(name):
        volume = run_array.open_array(name, asked.given.get("key"), lambda: asked.load(name))
        pooling, ladder = planned(asked, volume)
    with failing(output):
        multiscale.write(pooling, volume, ladder, output, each=ThreadChunkExecutor(engine.thread_count()),
                         overwrite=bool(asked.given["overwrite"]))
    made = records(volume, pooling, ladder, output)
    return Answer(Levels(name, pooling.reducer.name, ladder[0].step.axes.letters, made), lambda: shown(made))


def check(asked: Asked, name: str, output: str) -> None:
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
    with failing(output):
        asked.read.append(name)
        asked.check_free(output)
        if os.path.lexists(output) and not asked.given["overwrite"]:
            raise PoolError("exists; --overwrite would work")


def planned(asked: Asked, volume: OpenedArray) -> tuple[Pooling, tuple[Rung, ...]]:
    """The pooling and its levels; they have the input's dtype unless --dtype says otherwise, as pictures do."""
    from ...analysis.pyramid.pyramid_plan import rungs
    from ...core import dtypes

    pooling = the_stage(asked, "avg").pooling
    if pooling.dtype is None:
        pooling = replace(pooling, dtype=dtypes.check_dtype(volume.source.dtype))
    exact = {"exact": True, "repeated": False}.get(asked.given["how"])
    layout = asked.given["layout"] or volume.letters or options.default_layout(len(volume.source.shape))
    return pooling, tuple(rungs(volume.source.shape, pooling, levels=asked.given["levels"], exact=exact, layout=layout,
                                smallest=asked.given["smallest"], held=False))


def records(volume: OpenedArray, pooling: Pooling, ladder: tuple[Rung, ...], output: str) -> tuple[Made, ...]:
    """What became of each level."""
    shape, dtype = volume.source.shape, volume.source.dtype
    still = (1.0,) * len(shape), (0.0,) * len(shape)
    result = pooling.result_dtype(dtype).name
    return (Made(0, shape, dtype.name, *still, True, None, None, None),
            *(Made(rung.number, rung.shape, result, rung.scale, rung.offset, rung.whole is not None, None, None, output)
              for rung in ladder))
