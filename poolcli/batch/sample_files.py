"""Masks, weights and scores from files beside each input, and where the numbers of valid samples go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import files
from ..errors import PoolError
from ..redact import printable, redact_secrets
from .settings import INVERTED, Job, SampleFiles, Settings, must_keep

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..engine.prepared import Result
    from ..valid_samples import SampleRules

    Array = NDArray[Any]

def check_valid_output(given: SampleFiles, job: Job, settings: Settings, reducer: str) -> None:
    """Refuse, before anything is read, to replace a file by the numbers of valid samples, or by errors."""
    for option in ("valid-out", "sigma-out"):
        path = given.named(job.source, reducer).get(option)
        if path is not None and must_keep(Path(path), job, settings):
            raise PoolError(f"{printable(path)} exists; --overwrite would work")


def describe(given: SampleFiles, job: Job, reducer: str) -> dict[str, str]:
    """What was asked, for the report."""
    found = {option: redact_secrets(name) for option, name in given.named(job.source, reducer).items()}
    if given.mask is not None and given.mask.startswith(INVERTED):
        found["mask"] = INVERTED + found["mask"]
    found |= {"by": given.by} if given.by is not None and "by" not in found else {}
    least = given.least
    return found if least is None else {
        **found, "min-valid": str(least) if isinstance(least, int) else f"{float(least * 100):g}%"}


def pool_valid(given: SampleFiles, task: Any, settings: Settings) -> tuple[Result, Array | None]:
    """Pool a job's samples that count; return the result, and the numbers of valid samples if they are wanted."""
    from ..engine.prepared import Result
    from ..valid_samples import run

    if given.by is not None:
        return _pool_whole_pixels(given, task, settings)
    rules = _load_rules(given, task, settings)
    counted = given.sigma is not None or "valid-out" in given.named(task.job.source, task.pooling.reducer.name)
    found = run(task.pooling, task.array, task.plan, rules, return_indices=task.job.indices is not None,
                return_valid=counted)
    if given.sigma is not None and found.valid is not None:
        _write_errors(given, task, rules, found.valid, settings)
    return Result(found.values, found.indices), found.valid


def _pool_whole_pixels(given: SampleFiles, task: Any, settings: Settings) -> tuple[Result, Array]:
    """Pool whole pixels by what decides; nobody asks for the numbers of valid samples."""
    from ..analysis import whole_pixels

    assert given.by is not None
    file = given.named(task.job.source, task.pooling.reducer.name).get("by")
    by = _load("by", file, settings) if file is not None else int(given.by) if given.by.isdecimal() else given.by
    found = whole_pixels.run(task.pooling, task.array, task.plan, by, _load_rules(given, task, settings).mask)
    return found, found.values


def _write_errors(given: SampleFiles, task: Any, rules: SampleRules, valid: Array, settings: Settings) -> None:
    """Write the standard errors of a job's results, where the results lie."""
    from dataclasses import replace

    from ..analysis.standard_errors import find_errors

    named = given.named(task.job.source, task.pooling.reducer.name)
    sigma = _load("sigma", named["sigma"], settings)
    errors = find_errors(replace(task.pooling, dtype=None), task.array, task.plan, rules, sigma, valid)
    known, path = task.source, named["sigma-out"]
    source = files.ImageInfo(path, known.format, place=known.place, axes=known.axes)
    is_array = files.format_of(path).is_array
    files.write(path, errors if is_array else task.arrange(errors), source, overwrite=settings.overwrite,
                again=settings.again)


def write_valid(given: SampleFiles, task: Any, valid: Array | None, settings: Settings) -> None:
    """Write the numbers of valid samples, if they are wanted."""
    path = given.named(task.job.source, task.pooling.reducer.name).get("valid-out")
    if path is not None and valid is not None:
        files.write(path, valid.astype("uint32"), files.ImageInfo(path, "NPY"), "npy", overwrite=settings.overwrite,
                    again=settings.again)


def _load_rules(given: SampleFiles, task: Any, settings: Settings) -> SampleRules:
    """Read the files that go with a job."""
    import numpy as np

    from ..valid_samples import SampleRules

    named = given.named(task.job.source, task.pooling.reducer.name)
    arrays = {option: _load(option, named[option], settings) for option in ("mask", "weights") if option in named}
    mask = arrays.get("mask")
    if mask is not None and mask.dtype.kind in "biu" and (given.mask or "").startswith(INVERTED):
        mask = np.equal(mask, 0)
    return SampleRules(mask, arrays.get("weights"), 1 if given.least is None else given.least)


def _load(option: str, name: str, settings: Settings) -> Array:
    """One array; PoolError names the option and the file."""
    try:
        return files.read(name, max_pixels=settings.max_pixels, indexed=option == "mask").array
    except OSError as error:
        reason = error.strerror or error
        raise PoolError(f"--{option} {printable(os.fspath(name))}: cannot be read: {reason}") from error
    except PoolError as error:
        raise PoolError(f"--{option} {printable(os.fspath(name))}: {error}") from error
