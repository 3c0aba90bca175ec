"""What all studies share: arguments, options, reading the file, printing the answer, writing pictures and arrays.

A study's own module says its options and turns ``Asked`` into an ``Answer``; nothing else there knows of click, streams
or exit codes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ...errors import OptionError, PoolError
from ...reducers import REDUCERS, Parameter
from ...studies.stages import PARAMETERS, check_owned
from ...text import printable
from .. import grammar, options, streams
from ..reduce import SectionedCommand
from . import outputs
from . import stages as calls

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...files import Loaded
    from ...studies.stages import Stage

    Array = NDArray[Any]

STDIO = "-"
FAILED = 1


class FileFailed(Exception):
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
class Asked:
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

    def load(self, name: str, indexed: bool = False) -> Loaded:
        """Read a file; FileFailed where that cannot be. ``indexed`` keeps the indices of a palette picture."""
        from ... import files

        self.read.append(name)
        if name == STDIO and streams.is_terminal(sys.stdin):
            raise OptionError("INPUT", "- is the terminal; a file name, or a pipe into poolcli, would work")
        with failing(name):
            return files.read(name, key=self.given.get("key"), frames=self.given.get("frames"), indexed=indexed,
                              max_pixels=self.given.get("max_pixels") or files.MAX_PIXELS, stdin=sys.stdin.buffer)

    def write(self, target: str, array: Array, source: Any = None, encoding: Any = None) -> tuple[str, ...]:
        """Write an array to a file, or to ``-``; the ending says the format. Whole or not at all, never over an input.

        ``source`` is that of the file it came from, where modes and profiles should stay as they were. Returns notes.
        """
        from ... import files

        named = source or files.Source(target, "NPY")
        with failing(target):
            if target == STDIO:
                return files.write(sys.stdout.buffer, array, named)
            self.keep_inputs(target)
            chosen = {} if encoding is None else {"encoding": encoding}
            return files.write(target, array, named, overwrite=bool(self.given.get("overwrite")), **chosen)

    def write_text(self, target: str, text: str) -> None:
        """Write a text to a file, or to ``-``: whole or not at all, never over an input."""
        from ... import files

        with failing(target):
            if target == STDIO:
                with files.explained():
                    sys.stdout.buffer.write(text.encode())
                    sys.stdout.buffer.flush()
                return
            self.keep_inputs(target)
            with files.atomic(target, overwrite=bool(self.given.get("overwrite"))) as stream:
                stream.write(text.encode())

    def keep_inputs(self, target: str) -> None:
        """Refuse to write over what was read, or over what is there without --overwrite."""
        outputs.check_free(target, self.read, bool(self.given.get("overwrite")))


class failing:
    """Names the file that a PoolError is about. Options that are wrong for any file pass as usage errors."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        """Nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        """PoolError becomes FileFailed."""
        if isinstance(error, PoolError) and not isinstance(error, OptionError):
            raise FileFailed(self.name, error) from error


@dataclass(frozen=True)
class Study:
    """A command that looks inside."""

    name: str
    help: str
    examples: Sequence[str]
    answer: Callable[[Asked], Answer]
    own: Sequence[click.Option] = ()
    usage: str = "FILE [STAGE]"
    default: Sequence[str] = ("max",)
    """The stages where none was typed."""
    pools: bool = True
    """Takes stages, and their options."""
    files: Sequence[click.Option] = field(default_factory=lambda: file_options())
    formats: Sequence[str] = outputs.OPTIONS
    """Options whose files have formats by their endings, none of them chunked."""

    def command(self) -> SectionedCommand:
        """It, for click."""
        taken = {one.name for one in self.own}
        every = (*options.windows(), *options.values(), *parameters()) if self.pools else ()
        shared = [one for one in every if one.name not in taken]
        files = [one for one in self.files if one.name not in taken]
        sections = [(self.name.capitalize(), list(self.own)), ("Of every stage that does not say it itself", shared),
                    ("Files", files), ("Report", report_options())]
        return SectionedCommand(self.name, self.help, list(self.examples), [one for one in sections if one[1]],
                                params=[click.Argument(["arguments"], nargs=-1, metavar=self.usage)], callback=self.run)

    def run(self, arguments: tuple[str, ...], **given: Any) -> int:
        """Parse, look, print."""
        if given.get("output") == STDIO and streams.is_terminal(sys.stdout):
            raise OptionError("output", "- is the terminal, and the data are binary; -o FILE, or a pipe, would work")
        asked = self.asked(arguments, given)
        from ..show import told_of_compiling

        try:
            self.check_outputs(asked)
            with failing(asked.names[0] if asked.names else self.name), told_of_compiling(not given["quiet"]):
                answer = self.answer(asked)
            return printed(self.name, answer, given)
        except FileFailed as failure:
            streams.complain(f"{printable(failure.name)}: {printable(str(failure.error))}")
            if options.debugging():
                raise failure.error from None
            return FAILED


    def check_outputs(self, asked: Asked) -> None:
        """Refuse what cannot be written before anything is computed; names that are made later are checked then."""
        for option, target in outputs.named(asked.given).items():
            if option in self.formats:
                outputs.check_ending(option, target)
            with failing(target):
                outputs.check_free(target, asked.names, bool(asked.given.get("overwrite")))

    def asked(self, arguments: Sequence[str], given: Mapping[str, Any]) -> Asked:
        """What was typed, the stages checked."""
        typed, names = calls.divided(arguments)
        taken = {one.name for one in self.own}
        shared = shared_keywords({name: value for name, value in given.items() if name not in taken})
        found = tuple(calls.stage(text, shared) for text in typed or (self.default if self.pools else ()))
        check_owned(found, shared)
        paths = {option: outputs.place(given[option], option) for option in outputs.PATHS if given.get(option)}
        return Asked(found, tuple(outputs.place(name, "INPUT") for name in names), shared, {**given, **paths})


def shared_keywords(given: Mapping[str, Any]) -> dict[str, Any]:
    """The command's own window, value and parameter options as keywords; each stage checks what goes with what."""
    names = (*options.WINDOW_KEYWORDS, *options.VALUE_KEYWORDS, *(one.name for one in own_parameters()))
    chosen = {name: given[name] for name in names if given.get(name) is not None and given.get(name) is not False}
    if given.get("global_windows"):
        chosen["size"] = "all"
    return chosen


def own_parameters() -> list[Parameter]:
    """Every parameter of a reducer, once."""
    return list({one.name: one for row in REDUCERS.values() for one in row.parameters}.values())


def parameters() -> list[click.Option]:
    """The reducers' own options; those of no stage that is asked for are refused."""
    made = []
    for one in own_parameters():
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
            options.option("--key", metavar="NAME", help="The array of an .npz file."),
            options.option("--frames", "frames", type=grammar.positive, metavar="N",
                           help="Which frame or page of several, from 1. Default: the first."),
            options.option("--max-pixels", type=grammar.positive, metavar="N",
                           help="Refuse larger pictures. Default 178956970.")]


def report_options() -> list[click.Option]:
    """What is printed."""
    return [options.flag("--json", "as_json", help="One JSON document instead of tables."),
            options.flag("--quiet", "-q", help="Print errors only."),
            options.flag("--no-color", help="No colours; NO_COLOR=1 does the same."), options.debug()]


def printed(name: str, answer: Answer, given: Mapping[str, Any]) -> int:
    """Print the answer where data are not, and give the exit code; 1 where that failed."""
    stream = sys.stderr if given.get("output") == STDIO else sys.stdout
    pen = streams.Pen(stream)
    if given["as_json"]:
        import json

        from ...studies.plain import document

        pen.write(json.dumps(document(name, answer.data), allow_nan=False) + "\n")
    elif not given["quiet"]:
        pen.write(drawn(answer.parts(), pen, not given["no_color"] and not os.environ.get("NO_COLOR")))
    for note in answer.notes if not given["quiet"] else ():
        streams.complain(f"note: {printable(note)}")
    for problem in answer.problems:
        streams.complain(printable(problem))
    return answer.code if pen.close() else FAILED


def drawn(parts: Sequence[Any], pen: streams.Pen, colour: bool) -> str:
    """The parts as text: as wide as the terminal, or as wide as it takes where there is none."""
    from ..table import UNLIMITED, Page, a_console

    page = Page(pen.stream)
    console = a_console(page, colour)
    if not streams.is_terminal(pen.stream):
        console.width = UNLIMITED
    for part in parts:
        console.print(part)
    return page.getvalue()


def table(titles: Sequence[str], rows: Sequence[Sequence[Any]], left: int = 1) -> Any:
    """A table of text: the first ``left`` columns to the left and folded where they must be, numbers to the right.

    Cells are str or rich Text; nothing in them is markup.
    """
    from rich import box
    from rich.table import Table

    from ..table import text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for i, title in enumerate(titles):
        made.add_column(text(title), justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(text(cell) if isinstance(cell, str) else cell for cell in row))
    return made
