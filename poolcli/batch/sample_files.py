"""Masks, weights and scores from files beside each input, and where the numbers of valid samples go."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import files
from ..errors import PoolError
from ..files.paths import output_paths
from ..files.paths.urls import is_url
from ..files.paths.zarr_paths import is_store, is_store_name
from ..redact import printable, redact_secrets
from .settings import INVERTED, VALID_SHARE, Job, SampleFiles, Settings, file_mode, may_replace, must_keep
from .shared_arrays import SHARED_ARRAYS, identify_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..chunked.sample_sources import SampleSources
    from ..chunked.sources import ArraySource
    from ..core.plans import Plan
    from ..engine.prepared import Result
    from ..pooling import Pooling
    from ..valid_samples import SampleRules

    Array = NDArray[Any]

def check_valid_output(given: SampleFiles, job: Job, settings: Settings, reducer: str) -> None:
    """Refuse, before anything is read, to replace a file by the numbers of valid samples, or by errors."""
    if settings.again:  # it was settled before the job was sent
        return
    for option in ("valid-out", "sigma-out"):
        path = given.name_files(job, reducer).get(option)
        if path is not None and must_keep(Path(path), job, settings):
            raise PoolError(f"{printable(path)} exists; --overwrite would work")


def describe(given: SampleFiles, job: Job, reducer: str) -> dict[str, str]:
    """What was asked, for the report."""
    found = {option: redact_secrets(name) for option, name in given.name_files(job, reducer).items()}
    if given.mask is not None and given.mask.startswith(INVERTED):
        found["mask"] = INVERTED + found["mask"]
    found |= {"by": given.by} if given.by is not None and "by" not in found else {}
    least = given.least
    found |= {"valid-as": VALID_SHARE} if given.shares else {}
    return found if least is None else {
        **found, "min-valid": str(least) if isinstance(least, int) else f"{float(least * 100):g}%"}


def pool_valid(given: SampleFiles, task: Any, settings: Settings) -> tuple[Result, Array | None]:
    """Pool a job's samples that count; return the result, and the numbers of valid samples if they are wanted."""
    from ..engine.prepared import Result
    from ..valid_samples import run

    if given.by is not None:
        return _pool_whole_pixels(given, task, settings)
    rules = load_rules(given, task.job, task.pooling, task.plan, settings)
    counted = given.sigma is not None or "valid-out" in given.name_files(task.job, task.pooling.reducer.name)
    found = run(task.pooling, task.array, task.plan, rules, return_indices=task.job.indices is not None,
                return_valid=counted, shares=given.shares)
    if given.sigma is not None and found.few is not None:
        _write_errors(given, task, rules, found.few, settings)
    return Result(found.values, found.indices), found.valid


def _pool_whole_pixels(given: SampleFiles, task: Any, settings: Settings) -> tuple[Result, Array]:
    """Pool whole pixels by what decides; nobody asks for the numbers of valid samples."""
    from ..analysis import whole_pixels

    assert given.by is not None
    file = given.name_files(task.job, task.pooling.reducer.name).get("by")
    by = _load(given, "by", file, settings) if file is not None else _parse_by(given.by)
    mask = load_rules(given, task.job, task.pooling, task.plan, settings).mask
    found = whole_pixels.run(task.pooling, task.array, task.plan, by, mask)
    return found, found.values


def _parse_by(by: str) -> int | str:
    """What decides where no file does: the number of a channel, or luma."""
    return int(by) if by.isdecimal() else by


def _write_errors(given: SampleFiles, task: Any, rules: SampleRules, few: NDArray[Any], settings: Settings) -> None:
    """Write the standard errors of a job's results, where the results lie."""
    from dataclasses import replace

    from ..analysis.standard_errors import find_errors

    named = given.name_files(task.job, task.pooling.reducer.name)
    sigma = _load(given, "sigma", named["sigma"], settings)
    errors = find_errors(replace(task.pooling, dtype=None), task.array, task.plan, rules, sigma, few)
    known, path = task.source, named["sigma-out"]
    source = files.ImageInfo(path, known.format, place=known.place, axes=known.axes)
    is_array = files.format_of(path).is_array
    files.write(path, errors if is_array else task.arrange(errors), source, overwrite=settings.overwrite,
                again=settings.again)


def write_valid(given: SampleFiles, task: Any, valid: Array | None, settings: Settings) -> None:
    """Write the numbers of valid samples, or their shares, if they are wanted."""
    path = given.name_files(task.job, task.pooling.reducer.name).get("valid-out")
    if path is not None and valid is not None:
        files.write(path, valid.astype("float32" if given.shares else "uint32"), files.ImageInfo(path, "NPY"), "npy",
                    overwrite=settings.overwrite, again=settings.again)


def load_rules(given: SampleFiles, job: Job, pooling: Pooling, plan: Plan, settings: Settings) -> SampleRules:
    """Read the files that go with a job."""
    import numpy as np

    from ..valid_samples import SampleRules

    named = given.name_files(job, pooling.reducer.name)
    arrays = {option: _load(given, option, named[option], settings)
              for option in ("mask", "weights") if option in named}
    for option, array in arrays.items():
        _check_fits(option, named[option], array, plan, whole=given.by is not None)
    mask = arrays.get("mask")
    if mask is not None and mask.dtype.kind in "biu" and (given.mask or "").startswith(INVERTED):
        mask = np.equal(mask, 0)
    return SampleRules(mask, arrays.get("weights"), 0 if given.least is None else given.least,
                       _name_origin("weights", named))


def _name_origin(option: str, named: Mapping[str, str]) -> str:
    """What stands ahead of a message about a mask, or about a weight."""
    return f"--{option} {printable(named[option])}: " if option in named else ""


def check_headers(given: SampleFiles, job: Job, plan: Plan, pooling: Pooling, settings: Settings) -> None:
    """Refuse, before any sample is read, what the headers of masks, weights, scores and errors tell: types, and other
    shapes.

    What cannot be read is refused too, and what no window of the plan can have.
    """
    from ..valid_samples import check_least

    named = given.name_files(job, pooling.reducer.name)
    if given.by is not None and "by" not in named:
        from ..analysis.whole_pixels import check_by

        check_by(_parse_by(given.by), plan)
    if given.least is not None:
        check_least(given.least, pooling, plan)
    for option, name in named.items():
        if option not in _ARRAYS:
            continue
        if not is_url(name) and not file_mode(name):
            raise PoolError(f"--{option} {printable(name)}: cannot be read: No such file or directory")
        try:
            hollow = None if is_url(name) else files.load_header(
                name, max_pixels=settings.max_pixels, indexed=option == "mask")
        except PoolError as error:
            raise PoolError(f"--{option} {printable(name)}: {error}") from error
        except OSError:
            hollow = None  # reading it says so
        if hollow is not None:
            _check_fits(option, name, hollow.array, plan, whole=given.by is not None)


_ARRAYS = {"mask": "mask", "weights": "array of weights", "by": "score", "sigma": "array of errors"}
"""Options whose files lie beside the samples, and what they are called."""


def _check_fits(option: str, name: str, array: Array, plan: Plan, whole: bool) -> None:
    """PoolError, with the file's name, for an array that has another shape than the samples, or than ``whole`` pixels,
    or a type that is none."""
    from ..analysis.whole_pixels import check_pixels
    from ..core.dtypes import check_dtype
    from ..valid_samples import check_mask_dtype, check_shape

    try:
        if option == "mask":
            check_mask_dtype(array.dtype)
        else:
            check_dtype(array.dtype)
        (check_pixels if whole else check_shape)(array.shape, plan, _ARRAYS[option])
    except PoolError as error:
        raise PoolError(f"--{option} {printable(name)}: {error}") from None


def open_sources(given: SampleFiles, job: Job, pooling: Pooling, settings: Settings) -> SampleSources:
    """The masks, weights, scores and errors of a job that is done box by box."""
    from ..chunked.run_array import open_array
    from ..chunked.sample_sources import ErrorsOutput, SampleSources, ValidOutput
    from ..chunked.score_sources import ErrorSources, PixelSources
    from ..chunked.sources import MemorySource

    named = given.name_files(job, pooling.reducer.name)

    def open_one(option: str) -> ArraySource | None:
        """The file of an option as a source of boxes; None where it was not given."""
        if option not in named:
            return None
        name = named[option]
        if not is_store(name) and not name.lower().endswith(".npy"):
            return MemorySource(_load(given, option, name, settings))
        try:
            return open_array(name, None, lambda: files.read(name)).source
        except PoolError as error:
            raise PoolError(f"--{option} {printable(name)}: {error}") from error

    name = named.get("valid-out")
    valid = None if name is None else ValidOutput(name, given.shares, may_replace(Path(name), job, settings))
    common = (open_one("mask"), open_one("weights"), 0 if given.least is None else given.least,
              (given.mask or "").startswith(INVERTED), _name_origin("mask", named), _name_origin("weights", named),
              valid)
    if given.by is not None:
        by = open_one("by")
        return PixelSources(*common, by=_parse_by(given.by) if by is None else by, of_by=_name_origin("by", named))
    if given.sigma is None:
        return SampleSources(*common)
    errors = named["sigma-out"]
    if not is_store_name(errors) and not errors.lower().endswith(".npy"):
        raise PoolError(f"--sigma-out {printable(errors)}: errors of a chunked result are written as .npy or .zarr")
    made = ErrorsOutput(errors, may_replace(Path(errors), job, settings))
    return ErrorSources(*common, errors=made, sigma=open_one("sigma"), of_sigma=_name_origin("sigma", named))


def _load(given: SampleFiles, option: str, name: str, settings: Settings) -> Array:
    """One array, decoded once where all inputs share it; PoolError names the option and the file."""
    known: tuple[Any, ...] | None = None
    if _is_shared(given, option):
        # of a store or an object nobody tells when it changes; a cluster's worker outlives the run
        by_name = is_url(name) or is_store(name)
        known = identify_file(name) if not by_name else None if settings.again else (name,)
    if known is None:
        return _read(option, name, settings)
    return SHARED_ARRAYS.get((*known, option == "mask", settings.max_pixels), lambda: _read(option, name, settings))


def _is_shared(given: SampleFiles, option: str) -> bool:
    """Whether every input has the same file: its name is neither a pattern nor a folder's."""
    asked: str | None = getattr(given, option)
    return asked is not None and not output_paths.is_pattern(asked) and not output_paths.is_folder(asked)


def _read(option: str, name: str, settings: Settings) -> Array:
    """One array from its file or store; PoolError names the option and the file."""
    try:
        if is_store(name):
            from ..chunked.run_array import load_array, open_array

            return load_array(open_array(name, None, lambda: files.read(name)))
        return files.read(name, max_pixels=settings.max_pixels, indexed=option == "mask").array
    except OSError as error:
        reason = error.strerror or error
        raise PoolError(f"--{option} {printable(os.fspath(name))}: cannot be read: {reason}") from error
    except PoolError as error:
        raise PoolError(f"--{option} {printable(os.fspath(name))}: {error}") from error
