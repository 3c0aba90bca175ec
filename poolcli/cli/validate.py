"""What cannot work whatever the files are: found before one of them is opened, and before NumPy is imported."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import click

from .. import files, optional_deps
from ..batch import (
    LOCAL,
    STDIO,
    VALID_SHARE,
    SampleFiles,
    Settings,
    is_folder,
    is_special,
    stands_for_many,
    takes_several,
)
from ..core.reducers import REDUCERS, Reducer, check_weighted
from ..core.windowings import parse_min_valid
from ..errors import OptionError, PoolError
from ..files import Encoding, Format, Frames
from ..files.formats import TEXT_ENDINGS, find_format
from ..files.paths import output_paths, urls
from ..files.paths.globs import Globs
from ..files.paths.urls import is_url
from ..files.paths.zarr_paths import check_extra, is_store, is_store_name, strip_slashes
from ..redact import printable
from .display.report_writers import REPORT_WRITERS, report_format
from .inputs import find_lists, resolve_file_url
from .options import NO_NODATA
from .stdio import is_terminal


def make_settings(inputs: Sequence[str], row: Reducer | None, given: Mapping[str, Any]) -> Settings:
    """The file options as the batch takes them, checked; ``row`` is whose indices may be asked for."""
    given = {**given, **{option: resolve_file_url(given[option], option)
                         for option in ("output", "indices") if given[option]}}
    if given["output"] is not None and is_store_name(given["output"]):
        given = {**given, "output": strip_slashes(given["output"])}
    kept = {name: given[name] for name in ("output", "indices", "key", "allow_truncated", "overwrite", "skip_existing",
                                           "in_place", "dry_run", "recursive", "fail_fast", "isolate", "timeout",
                                           "stream", "scheduler", "memory")}
    named = {"format": given["file_format"], "max_pixels": given["max_pixels"] or files.MAX_PIXELS}
    wishes = ("quality", "compress_level", "compress", "palette", "strip")
    encoding = {name: given[name] for name in wishes if given[name] is not None}
    reports = report_format(given) is not None or not given["quiet"]
    frames, alpha = given["frames"], given["alpha"]  # a number is a reducer's own alpha
    made = Settings(**kept, **named, frames=Frames(*frames) if isinstance(frames, tuple) else frames,
                    linear=given["linear"], premultiplied=alpha == "premultiplied" if isinstance(alpha, str) else None,
                    heeds_nodata=given["nodata"] != NO_NODATA, keeps_place=given["place"] != "none",
                    encoding=Encoding(**encoding),
                    globs=Globs(given["include"], given["exclude"]),
                    statistics=reports, notes=reports, samples=_to_samples(row, given),
                    stdin=sys.stdin.buffer, stdout=sys.stdout.buffer)
    made = _apply_text_output(inputs, made, quiet=given["quiet"])
    _check_report(given)
    listed = find_lists(given)
    _check_lists(inputs, listed)
    _check_usage(inputs, bool(listed), row, made)
    _check_terminals(inputs, made.output, made.format)
    return made


def _to_samples(row: Reducer | None, given: Mapping[str, Any]) -> SampleFiles | None:
    """The files of masks and weights, and what goes with them; None where nothing was asked."""
    names = ("mask", "weights", "min_valid", "valid_out", "by", "sigma", "sigma_out", "valid_as")
    mask, weights, least, valid, by, sigma, errors, valid_as = (given.get(name) for name in names)
    if all(given.get(name) is None for name in names):
        return None
    if by is not None and (wrong := [name for name in names[1:4] if given.get(name) is not None]):
        raise OptionError("by", f"goes not with --{wrong[0].replace('_', '-')}; --mask would work with it")
    for name, pattern in (("mask", mask), ("weights", weights), ("valid_out", valid), ("by", by),
                          ("sigma", sigma), ("sigma_out", errors)):
        output_paths.check_fields(name, pattern)
        if pattern == STDIO:
            raise OptionError(name, "standard input and output carry the samples; a file name would work")
    if weights is not None and row is not None:
        check_weighted(row)
    if valid is not None and not valid.lower().endswith(".npy"):
        raise OptionError("valid_out", f"is written as .npy, and {printable(valid)} does not end so")
    if valid is not None and valid == given["output"]:
        raise OptionError("valid_out", f"and --output are both {printable(valid)}; another name would work")
    if (sigma is None) != (errors is None):
        missing = "sigma" if sigma is None else "sigma-out"
        raise OptionError("sigma" if errors is None else "sigma_out", f"goes with --{missing} FILE")
    if errors is not None and errors in (given["output"], valid):
        raise OptionError("sigma_out", f"{printable(errors)} is another output too; another name would work")
    if valid_as is not None and valid is None:
        raise OptionError("valid_as", "goes with --valid-out FILE")
    return SampleFiles(mask, weights, None if least is None else parse_min_valid(least), valid, by, sigma, errors,
                       shares=valid_as == VALID_SHARE)


def _check_samples(several: bool, settings: Settings) -> None:
    """Refuse what goes not with masks and weights, and one file for the numbers of several results."""
    if settings.samples is None:
        return
    several_outputs = settings.samples.valid is not None or settings.samples.sigma is not None
    if settings.stream and several_outputs:
        option = "valid_out" if settings.samples.valid is not None else "sigma_out"
        raise OptionError(option, "takes what goes with one result, and --stream has several; without that it would "
                                  "work")
    wrong = {"--linear": settings.linear, "--alpha premultiplied": settings.premultiplied}
    if named := [name for name, value in wrong.items() if value]:
        raise OptionError("mask", f"weights and least shares of samples go not with {named[0]}; without it they would "
                                  "work")
    for option, name in (("valid_out", settings.samples.valid), ("sigma_out", settings.samples.errors)):
        if several and name is not None and not output_paths.is_pattern(name):
            what = "numbers" if option == "valid_out" else "errors"
            raise OptionError(option, f"{printable(name)} takes the {what} of one result, and there may be several; "
                                      "a pattern with {stem} would work")


def _apply_text_output(inputs: Sequence[str], settings: Settings, *, quiet: bool) -> Settings:
    """The settings where the one input is text: its result is text where it goes to standard output.

    Without -o the report shows it; with --quiet there is none, and with --format the data are wanted.
    """
    if len(inputs) != 1 or settings.stream or (settings.isolate and inputs[0] == STDIO) or not _is_text(inputs[0]):
        return settings  # a worker process reads standard input itself: not a byte may be taken from it here
    bare = settings.output is None and _is_typed_text(inputs[0]) and (quiet or settings.format is not None)
    settings = replace(settings, output=STDIO) if bare else settings
    if settings.output == STDIO and settings.format is None:
        named = find_format(inputs[0]) or files.FORMATS["TEXT"]
        return replace(settings, format=named)
    return settings


def _is_text(name: str) -> bool:
    """Whether an input is text, as far as that can be told before it is read."""
    return _is_typed_text(name) or name.lower().endswith(TEXT_ENDINGS)


def _is_typed_text(name: str) -> bool:
    """Whether an input is a matrix on the command line, or text on standard input."""
    if name != STDIO:
        return files.is_literal(name)
    peek = getattr(sys.stdin.buffer, "peek", None)
    with suppress(OSError, ValueError):  # closed: reading it will say so
        return peek is not None and not is_terminal(sys.stdin) and files.looks_like_text(peek(12)[:12])
    return False


def _check_report(given: Mapping[str, Any]) -> None:
    """Refuse two reports at once."""
    asked = [f"--{name.removeprefix('as_')}" for name in (*REPORT_WRITERS, "table") if given[name]]
    if len(asked) > 1:
        raise OptionError(asked[0].strip("-"), f"and {asked[1]} exclude each other; one of them would work")
    for name in ("verbose", "table"):
        if given["quiet"] and given[name]:
            raise OptionError("quiet", f"and --{name} exclude each other; one of them would work")
    if given["timeout"] is not None and not given["isolate"]:
        raise OptionError("timeout", "goes with --isolate: what hangs can be ended only in a process of its own")


def _check_lists(inputs: Sequence[str], listed: Mapping[str, str]) -> None:
    """Refuse a run without inputs, and two uses of standard input."""
    if not inputs and not listed:
        raise OptionError("INPUT", f"is missing; {click.get_current_context().command_path} image.png would work")
    if [*inputs, *listed.values()].count(STDIO) > 1:
        raise OptionError("INPUT", "- can be read only once")


def explain_no_match(given: Mapping[str, Any]) -> str:
    """Why nothing may have matched."""
    if find_lists(given):
        return "the list has no names, and its folders no file whose ending is known"
    if given["include"] or given["exclude"]:
        return "the folders have no file whose ending is known and that --include and --exclude let through"
    return "the folders have no file whose ending is known; --recursive goes deeper, --include '*.csv' takes text"


def _check_terminals(inputs: Sequence[str], output: str | None, written: Format | None = None) -> None:
    """Refuse to read data that nobody will type, and to print data at somebody, unless they are text."""
    if STDIO in inputs and is_terminal(sys.stdin):
        raise OptionError("INPUT", "- is the terminal; a file name, numbers such as '1 3; 5 6', or a pipe into "
                                   "poolcli would work")
    if output == STDIO and is_terminal(sys.stdout) and not (written is not None and written.is_text):
        raise OptionError("output", "- is the terminal, and the data are binary; -o FILE, or a pipe, would work")


def _check_usage(inputs: Sequence[str], listed: bool, row: Reducer | None, settings: Settings) -> None:
    """Refuse what cannot work whatever the files are."""
    if settings.overwrite and settings.skip_existing:
        raise OptionError("overwrite", "overwrite and --skip-existing exclude each other; one of them would work")
    remote = [name for name in inputs if is_url(name)]
    _check_urls(remote, settings)
    one_file = settings.output or settings.indices or settings.samples or settings.stream
    several = bool(one_file and (listed or len(inputs) > 1 or any(map(is_folder, inputs))
                                 or any(map(stands_for_many, remote))))
    if settings.stream and any(name != STDIO and _is_text(name) for name in inputs):
        raise OptionError("stream", "takes .npy arrays one after another, and a text holds one matrix; without "
                                    "--stream it would work")
    _check_output(inputs, several, settings)
    _check_stores(inputs, settings)
    if settings.indices is not None and row is not None:
        _check_indices(several, row, settings.indices)
        if settings.linear or settings.premultiplied:
            raise OptionError("indices", "go with neither --linear nor --alpha premultiplied")
    _check_samples(several, settings)
    if settings.stream:
        _check_stream(several, settings)
    if settings.scheduler is not None:
        _check_scheduler(inputs, settings)


def _check_urls(remote: Sequence[str], settings: Settings) -> None:
    """Refuse URLs where the extra is missing, outputs on the web, and what takes files of this machine only."""
    named = [("INPUT", name, urls.check_url) for name in remote]
    named += [(option, name, urls.check_output) for option in ("output", "indices")
              if (name := getattr(settings, option)) is not None]
    for option, name, check in named:
        try:
            check(name)
        except PoolError as error:
            raise OptionError(option, str(error)) from None
    if settings.stream and any(is_url(name) for _, name, _ in named):
        raise OptionError("stream", "takes pipes and files of this machine, no URL")
    if settings.output is None and not settings.in_place:
        for name in remote:
            if urls.find_protocol(name) in urls.WEB:
                raise OptionError("output", f"is needed, for nothing can be written beside {printable(name)}")


def _check_stores(inputs: Sequence[str], settings: Settings) -> None:
    """Refuse chunked arrays where the extra is missing, and what is not done with them."""
    to_store = settings.output is not None and is_store_name(settings.output)
    named = [("INPUT", name) for name in inputs if is_store(name)]
    for option, name in [*named, *[("output", settings.output)] * to_store]:
        try:
            check_extra(printable(name or ""))
        except PoolError as error:
            raise OptionError(option, str(error)) from None
    wishes = {"indices": settings.indices, "linear": settings.linear, "alpha": settings.premultiplied}
    for option, wish in wishes.items():
        if to_store and wish:
            raise OptionError(option, "goes with no chunked output; an output that is a file would work")


def _check_stream(several: bool, settings: Settings) -> None:
    """Refuse what goes with one array at a time only."""
    if several:
        raise OptionError("stream", "takes one input, - or a file of several arrays")
    wrong = {"--indices": settings.indices, "--in-place": settings.in_place, "--isolate": settings.isolate,
             "--frames": settings.frames, "--key": settings.key, "--linear": settings.linear,
             "--alpha premultiplied": settings.premultiplied}
    if named := [name for name, value in wrong.items() if value]:
        raise OptionError("stream", f"and {named[0]} exclude each other; one of them would work")
    output = settings.output
    ending = output is None or output == STDIO or is_special(output) or output.lower().endswith(".npy")
    if not ending or (settings.format is not None and settings.format.name != "NPY"):
        raise OptionError("stream", "writes .npy: -o - or -o FILE.npy would work")


def _check_scheduler(inputs: Sequence[str], settings: Settings) -> None:
    """Refuse what a process on another machine cannot do, and a job that may not be done twice."""
    wrong = {"--stream": settings.stream, "--isolate": settings.isolate, "--in-place": settings.in_place}
    if named := [name for name, value in wrong.items() if value]:
        why = ": a job may be done twice there, and would pool its own result" if settings.in_place else ""
        raise OptionError("scheduler", f"and {named[0]} exclude each other{why}; one of them would work")
    if STDIO in inputs or settings.output == STDIO:
        raise OptionError("scheduler", "sends names, not data, so - goes not with it; a file name would work")
    check_scheduled_output(settings.scheduler, settings.output or "")
    if (reason := optional_deps.lacking("distributed")) is not None:
        raise OptionError("scheduler", reason)


def check_scheduled_output(scheduler: str | None, output: str) -> None:
    """Refuse a chunked array at a URL that a cluster elsewhere would write: it is a folder here until it is whole."""
    if scheduler not in (None, LOCAL) and is_url(output) and is_store_name(output):
        raise OptionError("scheduler", f"writes chunks into a folder of this machine before {printable(output)} is "
                                       f"uploaded, which workers elsewhere do not see; {LOCAL}, or a folder that all "
                                       "see, would work")


def _check_output(inputs: Sequence[str], several: bool, settings: Settings) -> None:
    """Refuse outputs that cannot take these inputs."""
    output = settings.output
    if output is None:
        if STDIO in inputs and not _is_typed_text(STDIO):
            raise OptionError("output", "is needed when - is the input; -o FILE or -o - would work")
        if settings.in_place and settings.format is not None:
            raise OptionError("format", "a file in its own place keeps its format; -o would work with it")
        return
    if several and not takes_several(output):
        raise OptionError("output", f"{printable(output)} takes one result, and there may be several; a folder with a "
                                    "slash at its end, or a pattern with {stem}, would work")
    if not takes_several(output):
        _check_ending(output, settings.format)


def _check_ending(output: str, wanted: Format | None) -> None:
    """Refuse an output whose ending says nothing, or another thing than --format."""
    if output == STDIO or is_special(output):
        return
    try:
        row = files.format_of(output)
    except PoolError as error:
        if wanted is None:
            raise OptionError("output", str(error)) from None
        return
    if wanted is not None and wanted is not row:
        raise OptionError("format", f"{wanted.name} and the ending of {printable(output)} disagree; one of them "
                                    "would work")


def _check_indices(several: bool, row: Reducer, indices: str) -> None:
    """Refuse places where indices cannot go."""
    if not row.picks:
        picks = ", ".join(name for name, one in REDUCERS.items() if one.picks)
        raise OptionError("indices", f"{row.name} picks no sample, so it has no indices; those that do: {picks}")
    if indices == STDIO:
        raise OptionError("indices", "standard output carries the values; a file name would work")
    if several and not takes_several(indices):
        raise OptionError("indices", f"{printable(indices)} takes the indices of one result, and there may be "
                                     "several; a folder with a slash at its end, or a pattern with {stem}, would work")
    if not output_paths.is_folder(indices) and not indices.lower().endswith(".npy") and not is_special(indices):
        raise OptionError("indices", f"are written as .npy, and {printable(indices)} does not end so")
