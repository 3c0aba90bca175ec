"""Outputs that cannot be written, found before a study reads or computes anything."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ...batch import STDIO, is_special
from ...errors import OptionError, PoolError
from ...files import format_of
from ...files.paths import output_paths, urls
from ...redact import printable
from ..inputs import resolve_file_url

OUTPUT_OPTIONS = ("output", "heat", "map")
"""Those that take a file to write."""
PATHS = (*OUTPUT_OPTIONS, "indices", "upstream")
"""Those that take a file."""


def local_path(name: str, option: str) -> str:
    """A file's name as it was typed, a file:// URL as the path that it is; OptionError of a URL that cannot work."""
    found = resolve_file_url(name, option)
    try:
        (urls.check_output if option in OUTPUT_OPTIONS else urls.check_url)(found)
    except PoolError as error:
        raise OptionError(option, str(error)) from None
    return found


def name_output(source: str, output: str | None, pattern: str, operation: str) -> str:
    """The output of one input, which has a name of its own beside it, and in a folder."""
    if output is None:
        output = "{parent}/" + pattern
    elif output_paths.is_folder(output) and not output_paths.is_pattern(output):
        output = f"{output.rstrip('/')}/{pattern}"
    return str(output_paths.name_output(source, output, operation) or STDIO)


def check_ending(option: str, target: str) -> None:
    """Raise OptionError for a name whose ending says no format that a study writes."""
    if target == STDIO:
        return
    if Path(target).is_dir():
        raise OptionError(option, f"{printable(target)} is a folder; a file in it would work")
    try:
        chunked = format_of(target).is_folder
    except PoolError as error:
        raise OptionError(option, f"{printable(target)}: {error}") from None
    if chunked:
        raise OptionError(option, f"{printable(target)}: chunked arrays are written by reducers and by pyramid; "
                                  "another ending would work")


def check_free(target: str, inputs: Iterable[str], overwrite: bool) -> None:
    """Raise PoolError for an output that is an input, or that exists and may not be written over."""
    if target == STDIO or is_special(target):
        return
    found = output_paths.identify(target)
    if found is not None and any(found == output_paths.identify(name) for name in inputs if name != STDIO):
        raise PoolError("is the input; another name would work")
    if os.path.lexists(target) and not Path(target).is_dir() and not overwrite:
        raise PoolError("exists; --overwrite would work")


def check_page(option: str, target: str) -> None:
    """Raise OptionError for a name that promises a picture or an array, where a page is written."""
    try:
        found = format_of(target).name
    except PoolError:
        return
    raise OptionError(option, f"{printable(target)}: a page is no {found}; a name that ends in .html would work")


def list_outputs(given: Mapping[str, Any]) -> dict[str, str]:
    """The outputs that were named, by their options."""
    return {option: given[option] for option in OUTPUT_OPTIONS if given.get(option) is not None}
