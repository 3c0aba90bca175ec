"""What all studies share: a command with its options, reading what was typed, running it.

A study's own module says its options and turns a ``StudyContext`` into an ``Answer``; nothing else there knows of
click, streams or exit codes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from ...analysis.stages import PARAMETERS, check_owned
from ...core.reducers import REDUCERS, Parameter
from ...core.windowings import WINDOW_KEYWORDS
from ...errors import LayoutError, OptionError
from ...redact import printable
from .. import options, param_types, stdio
from ..display.study_output import FAILED, print_answer
from ..error_messages import USAGE, check_stop
from ..inputs import expand_globs
from ..layout_hints import explain_layout
from ..reducer_command import SectionedCommand
from ..study_batch import batch_options, is_batch, run_batch
from . import stage_arguments as calls
from .context import (
    OUTPUT_OPTIONS,
    PATHS,
    STDIO,
    Answer,
    FileError,
    StudyContext,
    check_ending,
    file_errors,
    local_path,
)


@dataclass(frozen=True)
class Study:
    """A command that looks inside."""

    name: str
    help: str
    examples: Sequence[str]
    answer: Callable[[StudyContext], Answer]
    options: Sequence[click.Option] = ()
    usage: str = "FILE [STAGE]"
    default: Sequence[str] = ("max",)
    """The stages where none was typed."""
    pools: bool = True
    """Takes stages, and their options."""
    files: Sequence[click.Option] = field(default_factory=lambda: file_options())
    formats: Sequence[str] = OUTPUT_OPTIONS
    """Options whose files have formats by their endings, none of them chunked."""
    name_outputs: Callable[[StudyContext], Sequence[str]] | None = None
    """The names of one file's outputs, where several files may be named at once."""
    operation: Callable[[Mapping[str, Any]], str] | None = None
    """What these are named after, where that is not the study."""

    def command(self) -> SectionedCommand:
        """It, for click."""
        taken = {one.name for one in self.options}
        every = (*options.windows(), *options.values(), *parameter_options()) if self.pools else ()
        shared = [one for one in every if one.name not in taken]
        files = [one for one in self.files if one.name not in taken]
        files += batch_options() if self.name_outputs is not None else ()
        sections = [(self.name.capitalize(), list(self.options)),
                    ("Of every stage that does not say it itself", shared),
                    ("Files", files), ("Report", _report_options())]
        return SectionedCommand(self.name, self.help, list(self.examples), [one for one in sections if one[1]],
                                params=[click.Argument(["arguments"], nargs=-1, metavar=self.usage)], callback=self.run)

    def run(self, arguments: tuple[str, ...], **given: Any) -> int:
        """Parse, look, print."""
        if given.get("output") == STDIO and stdio.is_terminal(sys.stdout):
            raise OptionError("output", "- is the terminal, and the data are binary; -o FILE, or a pipe, would work")
        asked = self.make_context(arguments, given)
        from ..display.progress_bar import show_parts
        from ..display.run_view import announce_compiling

        shows = not given["quiet"]
        bar = show_parts(shows and stdio.is_terminal(sys.stderr), options.wants_color(given))
        try:
            if self.name_outputs is not None and is_batch(asked):
                with announce_compiling(shows), bar:
                    operation = self.name if self.operation is None else self.operation(given)
                    return run_batch(self.name, operation, asked, self.answer, self.name_outputs)
            self.check_outputs(asked)
            with file_errors(asked.names[0] if asked.names else self.name), announce_compiling(shows), bar:
                answer = self.answer(asked)
            return print_answer(self.name, answer, given)
        except FileError as failure:
            check_stop()
            error = failure.error
            unclear = isinstance(error, LayoutError)
            said = explain_layout(error) if isinstance(error, LayoutError) else printable(str(error))
            stdio.print_error(f"{printable(failure.name)}: {said}")
            if options.wants_debug():
                raise failure.error from None
            return USAGE if unclear else FAILED

    def check_outputs(self, asked: StudyContext) -> None:
        """Refuse what cannot be written before anything is computed; names that are made later are checked then."""
        for option in OUTPUT_OPTIONS:
            if (target := asked.given.get(option)) is None:
                continue
            if option in self.formats:
                check_ending(option, target)
            with file_errors(target):
                asked.check_free(target)

    def make_context(self, arguments: Sequence[str], given: Mapping[str, Any]) -> StudyContext:
        """What was typed, the stages checked."""
        typed, names = calls.split_arguments(arguments)
        taken = {one.name for one in self.options}
        shared = collect_keywords({name: value for name, value in given.items() if name not in taken})
        found = tuple(calls.parse_stage(text, shared) for text in typed or (self.default if self.pools else ()))
        check_owned(found, shared)
        paths = {option: local_path(given[option], option) for option in PATHS if given.get(option)}
        inputs = tuple(local_path(name, "INPUT") for name in expand_globs(names))
        return StudyContext(found, inputs, shared, {**given, **paths})


def collect_keywords(given: Mapping[str, Any]) -> dict[str, Any]:
    """The command's own window, value and parameter options as keywords; each stage checks what goes with what."""
    names = (*WINDOW_KEYWORDS, *options.VALUE_KEYWORDS, *(one.name for one in _own_parameters()))
    chosen = {name: given[name] for name in names if given.get(name) is not None and given.get(name) is not False}
    if chosen.get("nodata") == options.NO_NODATA:
        del chosen["nodata"]
    if given.get("global_windows"):
        chosen["size"] = "all"
    return chosen


def _own_parameters() -> list[Parameter]:
    """Every parameter of a reducer, once."""
    return list({one.name: one for row in REDUCERS.values() for one in row.parameters}.values())


def parameter_options() -> list[click.Option]:
    """The reducers' own options; those of no stage that is asked for are refused."""
    made = []
    for one in _own_parameters():
        found = options.parameter(one)
        found.help = f"Of {', '.join(PARAMETERS[one.name])}."
        made.append(found)
    return made


def output_option(help: str) -> click.Option:
    """``-o`` with what it is for in this study."""
    return options.option("--output", "-o", type=options.path(), metavar="OUT", help=help)


def file_options() -> list[click.Option]:
    """How the input is read and outputs are written."""
    return [options.flag("--overwrite", help="Replace outputs that exist."),
            options.key("The array of an .npz file."),
            options.option("--frames", "frames", type=param_types.positive, metavar="N",
                           help="Which frame or page of several, from 1. Default: the first."),
            options.option("--max-pixels", type=param_types.amount, metavar="N",
                           help="Refuse larger pictures, and arrays of more samples. Default 178956970, none for "
                                "arrays."),
            options.memory()]


def _report_options() -> list[click.Option]:
    """What is printed."""
    return [options.flag("--json", "as_json", help="One JSON document instead of tables."),
            options.flag("--quiet", "-q", help="Print errors only."),
            options.color(), options.debug()]
