"""What a study was asked, and what it answers: arguments and options, its files, what to print."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ...batch import is_special
from ...core.reducers import REDUCERS, check_weighted
from ...core.windowings import parse_min_valid
from ...errors import OptionError, PoolError
from ...files import format_of
from ...files.paths import output_paths, urls
from ...redact import printable
from .. import options, stdio
from ..inputs import resolve_file_url

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analysis.stages import Stage
    from ...batch.settings import SampleFiles
    from ...files import Loaded

    Array = NDArray[Any]

STDIO = "-"
OUTPUT_OPTIONS = ("output", "heat", "map")
"""Those that take a file to write."""
PATHS = (*OUTPUT_OPTIONS, "indices", "upstream")
"""Those that take a file."""


class FileError(Exception):
    """A file cannot be read, pooled or written: one line, exit code 1."""

    def __init__(self, name: str, error: PoolError) -> None:
        super().__init__(name, error)
        self.name, self.error = name, error


@dataclass(frozen=True)
class Answer:
    """What a study found, in every form."""

    data: Any
    """A dataclass or mapping: the JSON document."""
    parts: Callable[[], Sequence[Any]]
    """What rich prints for people: Text and tables of Text, never markup."""
    notes: tuple[str, ...] = ()
    code: int = 0
    """Exit code."""
    problems: tuple[str, ...] = ()
    """Why the code is none that is good, a line each; said even when all else is quiet."""


@dataclass(frozen=True)
class StudyContext:
    """What was typed."""

    stages: tuple[Stage, ...]
    """The quoted calls, or the study's default, each with the command's own options filled in."""
    names: tuple[str, ...]
    """The other arguments: files, or shapes."""
    shared: Mapping[str, Any]
    """The command's own window and value options, as keywords."""
    given: Mapping[str, Any]
    """Every option by its name, as click has it."""
    read: list[str] = field(default_factory=list)
    """Names of files that have been read."""

    @property
    def output(self) -> str | None:
        """What ``-o`` got."""
        found: str | None = self.given.get("output")
        return found

    def the_file(self, such: str = "image.png") -> str:
        """The one file, or a usage error that gives an example."""
        if len(self.names) != 1:
            said = "is missing" if not self.names else f"takes one file, not {len(self.names)}"
            raise OptionError("INPUT", f"{said}; {click.get_current_context().command_path} {such} would work")
        return self.names[0]

    def the_stage(self) -> Stage:
        """The one stage, or a usage error."""
        if len(self.stages) != 1:
            raise OptionError("STAGE", f"takes one pooling, not {len(self.stages)}")
        return self.stages[0]

    def load(self, name: str, indexed: bool = False, *, keeps_nodata: bool = False) -> Loaded:
        """Read a file; FileError where that cannot be. ``indexed`` keeps the indices of a palette picture.

        A nodata value that the file names is noted and forgotten, unless the caller ``keeps_nodata`` to heed it.
        """
        from ... import files

        self.read.append(name)
        if name == STDIO and stdio.is_terminal(sys.stdin):
            raise OptionError("INPUT", "- is the terminal; a file name, or a pipe into poolcli, would work")
        with file_errors(name):
            if len(self.read) == 1:
                self._check_beside(name)
            loaded = files.read(name, key=self.given.get("key"), frames=self.given.get("frames"), indexed=indexed,
                                max_pixels=self.given.get("max_pixels") or files.MAX_PIXELS, stdin=sys.stdin.buffer)
        loaded = replace(loaded, layout=loaded.layout or options.default_layout(loaded.array.ndim))
        return self.with_alpha(loaded if keeps_nodata else self.with_nodata(loaded))

    @cached_property
    def beside(self) -> SampleFiles | None:
        """The mask and the weights that go with the first input, if there are some."""
        from ...batch.settings import SampleFiles

        mask, weights, least = (self.given.get(name) for name in ("mask", "weights", "min_valid"))
        if mask is None and weights is None and least is None:
            return None
        return SampleFiles(mask, weights, None if least is None else parse_min_valid(least))

    def _check_beside(self, name: str) -> None:
        """Refuse a mask and weights that mean nothing or, by both headers, do not go with an input, before that is
        read."""
        from ...analysis.stages import as_stage

        if self.beside is None:
            return
        pooling = (self.stages[0] if self.stages else as_stage("avg", self.shared)).pooling
        if self.beside.weights is not None:
            check_weighted(pooling.reducer)
        if name == STDIO or urls.is_url(name) or self.given.get("frames") is not None:
            return
        from ... import files
        from ...batch import Job, Settings
        from ...batch.sample_files import check_headers

        try:
            hollow = files.load_header(name, key=self.given.get("key"),
                                       max_pixels=self.given.get("max_pixels") or files.MAX_PIXELS)
            if hollow is None:
                return
            plan = pooling.plan(hollow.array.shape, hollow.layout or options.default_layout(hollow.array.ndim))
        except PoolError:
            return  # reading says what is wrong
        check_headers(self.beside, Job(name), plan, pooling, Settings())

    def with_alpha(self, loaded: Loaded) -> Loaded:
        """Note that a study averages a picture with transparency channel by channel."""
        if not any(REDUCERS[stage.reducer].average for stage in self.stages):
            return loaded
        from ...colour import list_alpha_notes

        notes = list_alpha_notes(loaded.array, loaded.source.mode, [REDUCERS[stage.reducer] for stage in self.stages])
        return replace(loaded, source=replace(loaded.source, notes=(*loaded.source.notes, *notes)))

    def with_nodata(self, loaded: Loaded) -> Loaded:
        """Note that a study takes no nodata value from the file, where none was given."""
        value = loaded.source.nodata
        if value is None or any("nodata" in stage.keywords for stage in self.stages) or "nodata" in self.shared:
            return loaded
        note = f"samples of {value} are data here, though the file names it as nodata; --nodata {value} leaves them out"
        notes = loaded.source.notes if self.given.get("nodata") else (*loaded.source.notes, note)
        return replace(loaded, source=replace(loaded.source, nodata=None, notes=notes))

    def write(self, target: str, array: Array, source: Any = None, encoding: Any = None) -> tuple[str, ...]:
        """Write an array to a file, or to ``-``; the ending says the format. Whole or not at all, never over an input.

        ``source`` is that of the file it came from, where modes and profiles should stay as they were. Returns notes.
        """
        from ... import files

        named = source or files.ImageInfo(target, "NPY")
        with file_errors(target):
            if target == STDIO:
                return files.write(sys.stdout.buffer, array, named)
            self.check_free(target)
            chosen = {} if encoding is None else {"encoding": encoding}
            return files.write(target, array, named, overwrite=bool(self.given.get("overwrite")), **chosen)

    def write_text(self, target: str, text: str) -> None:
        """Write a text to a file, or to ``-``: whole or not at all, never over an input."""
        from ... import files

        with file_errors(target):
            if target == STDIO:
                with files.explain_errors():
                    sys.stdout.buffer.write(text.encode())
                    sys.stdout.buffer.flush()
                return
            self.check_free(target)
            with files.atomic(target, overwrite=bool(self.given.get("overwrite"))) as stream:
                stream.write(text.encode())

    def check_outputs(self, source: str, targets: Mapping[str, str]) -> None:
        """Refuse outputs of a source, by their options, that cannot be written; and none where that is a stream."""
        if source == STDIO and self.output is None:
            raise OptionError("output", "output is missing; -o FILE says where the result goes")
        for option, target in targets.items():
            check_ending(option, target)
            with file_errors(target):
                self.check_free(target)

    def check_free(self, target: str) -> None:
        """Refuse to write over an input, or over what is there without --overwrite."""
        _check_free(target, (*self.names, *self.read), bool(self.given.get("overwrite")))


def apply_layout(stages: Sequence[Stage], loaded: Loaded) -> tuple[Stage, ...]:
    """Return the stages with the layout of a file that has one, where they name none."""
    from ...analysis.stages import with_layout

    return tuple(stages if loaded.layout is None else (with_layout(stage, loaded.layout) for stage in stages))


class file_errors:
    """Names the file that a PoolError is about. Options that are wrong for any file pass as usage errors."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        """PoolError becomes FileError."""
        if isinstance(error, PoolError) and not isinstance(error, OptionError):
            raise FileError(self.name, error) from error


# Outputs that cannot be written, found before a study reads or computes anything.


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


def _check_free(target: str, inputs: Iterable[str], overwrite: bool) -> None:
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
