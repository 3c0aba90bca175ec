"""What a run prints while it goes on and at its end: its report, errors, notes, a progress bar.

The report goes to stdout, or to stderr when stdout carries data. Errors and notes go to stderr, one line each, unless
what programs read is there: nothing else may be on its stream.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ... import report
from ...batch import DRY_RUN, STDIO, BatchRun, Settings
from ...files.stderr_capture import keep_stderr
from ...redact import printable
from ...report import FileReport, Report
from .. import options, stdio, validate
from ..error_messages import check_stop
from ..layout_hints import explain_layout
from ..stdio import SafeWriter, is_terminal
from .progress_bar import Bar, show_parts
from .report_writers import REPORT_WRITERS, NameWriter, ReportWriter, SilentWriter, report_format
from .summary import MANY_FILES, format_summary, unread_line

if TYPE_CHECKING:
    from ...batch.planning import JobPlan
    from ...batch.run_stats import StatsPlan

Drawn = Callable[[Sequence[FileReport], SafeWriter, bool | None], str]
_NOTES_OF_A_KIND = 3
"""Notes that differ by numbers only and have a line each, of many files."""
COMPILING_AFTER = 0.3
"""Seconds until a run that shows nothing says why."""


@dataclass(frozen=True)
class _Verbosity:
    """What is said on stderr beside the report."""

    errors: bool = True
    notes: bool = True
    files: bool = False
    """--verbose: a line for each file."""
    bar: bool = False
    colour: bool | None = None
    debug: bool = False


class _RunView:
    """The report's body, the lines on stderr, and the exit code."""

    def __init__(self, body: ReportWriter, pen: SafeWriter, talk: _Verbosity, expected: int,
                 given: Mapping[str, Any]) -> None:
        self.body, self.pen, self.talk, self.expected, self.given = body, pen, talk, expected, given
        self.total = Report()
        self.kinds: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.announcer = _CompileNotice(talk.notes)
        self.begun = perf_counter()
        self.bar: Bar | None = None
        self.unread: Mapping[str, int] = {}
        """Files of the folders that look like pictures and are not read, by their endings; for the summary."""

    def __enter__(self) -> Self:
        """Listen to the compiler."""
        from ... import jit

        jit.announce = self.announcer.tell
        if self.talk.bar and self.expected > 1:
            self.bar = Bar(self.expected, self.talk.colour)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End the report, of what was done when the run was cut short."""
        self.announcer.hush()
        if self.bar is not None:
            self.bar.stop()
        several = max(self.total.count, self.expected) > 1
        self.count_notes()
        text = format_summary(self.total, perf_counter() - self.begun, self.expected, self.unread) if several else ""
        self.body.end(text)
        if text and self.talk.files and not self.body.shows_summary:
            stdio.print_error(text)
        elif self.unread and self.talk.notes and not (text and self.body.shows_summary):
            stdio.print_error(unread_line(self.unread))
        self.complete = self.pen.close()

    def notes(self, notes: Iterable[tuple[str, str]]) -> None:
        """Say what is worth knowing of some names."""
        for name, text in notes if self.talk.notes else ():
            stdio.print_error(f"{printable(name)}: note: {printable(text)}")

    def follow(self, running: BatchRun) -> None:
        """Print each report as it comes; of a run that is cut short, also what was under way and is done."""
        try:
            with show_parts(self.talk.bar and self.expected == 1, self.talk.colour):
                for file in running:
                    if file.status == "failed":
                        check_stop()  # perhaps of the signal alone: a lock that was not taken, left
                    self.add(file)
                    check_stop()
        except BaseException:
            running.cancel()
            raise
        finally:
            for file in running.finish():
                self.add(file)
        if self.total.exit_code == report.NOTHING and self.talk.errors:
            stdio.print_error(f"nothing matched: {validate.explain_no_match(self.given)}")

    def add(self, file: FileReport) -> None:
        """Take one report."""
        self.announcer.hush()
        if file.layout_error is not None:
            self.total = self.total.plus(replace(file, error="needs --layout, for its shape is not clear"))
            file = replace(file, error=explain_layout(file.layout_error, file.input if self.expected > 1 else None))
        else:
            self.total = self.total.plus(file)
        self.body.add(file)
        self.lines(file)
        if self.bar is not None:
            self.bar.advance()

    def lines(self, file: FileReport) -> None:
        """What stderr gets of one file."""
        if self.talk.debug and file.cause is not None:
            stdio.print_traceback(file.cause)
        if self.talk.errors and file.error is not None:
            stdio.print_error(f"{printable(file.input)}: {printable(file.error)}")
        if self.talk.files and file.status == "ok" and DRY_RUN not in file.notes:
            stdio.print_error(f"{printable(file.input)} -> {printable(file.output or STDIO)}: {_describe_result(file)}")
        if file.status != "skipped" or self.expected < 2 or self.talk.files:  # of many skipped files the summary tells
            said_elsewhere = (DRY_RUN, report.LOSSY)
            self.notes((file.input, note) for note in file.notes
                       if not note.startswith(said_elsewhere) and self.is_told(note))

    def is_told(self, note: str) -> bool:
        """Whether a note has a line: of many files only the first notes of a kind have, unless each file has its own.

        Notes are of one kind where they differ by their numbers only.
        """
        if self.talk.files or self.expected < MANY_FILES:
            return True
        kind = re.sub(r"[\d,.]*\d", "#", note)
        self.kinds[kind] += 1
        self.examples[kind] = note
        return self.kinds[kind] <= _NOTES_OF_A_KIND

    def count_notes(self) -> None:
        """Say how many notes had no line."""
        for kind, count in self.kinds.items():
            if count > _NOTES_OF_A_KIND and self.talk.notes:
                stdio.print_error(f"{count - _NOTES_OF_A_KIND:,} files more have notes such as: "
                                  f"{printable(self.examples[kind])}")


def _describe_result(file: FileReport) -> str:
    """What became of a file, in a few words."""
    shapes = ("x".join(map(str, shape or ())) for shape in (file.input_shape, file.output_shape))
    return f"{' -> '.join(shapes)}, {file.seconds:.3g} s"


class _CompileNotice:
    """Passes on what compiling has to say: that it goes on only when it takes a while, what went wrong at once."""

    def __init__(self, shows: bool) -> None:
        self.shows = shows
        self.timers: list[Any] = []
        self.told: set[str] = set()

    def tell(self, text: str) -> None:
        """Called by ``jit``."""
        if not self.shows or text in self.told:
            return
        self.told.add(text)
        if text.startswith("compiling"):
            from threading import Timer

            timer = Timer(COMPILING_AFTER, stdio.print_error, [f"{text} ..."])
            timer.daemon = True
            timer.start()
            self.timers.append(timer)
        else:
            stdio.print_error(text)

    def hush(self) -> None:
        """It is over."""
        for timer in self.timers:
            timer.cancel()


@contextmanager
def announce_compiling(shows: bool) -> Iterator[None]:
    """Listen to the compiler for the length of a block."""
    from ... import jit

    announcer, before = _CompileNotice(shows), jit.announce
    jit.announce = announcer.tell
    try:
        yield
    finally:
        announcer.hush()
        jit.announce = before


def show_run(running: BatchRun, planned: JobPlan | StatsPlan, given: Mapping[str, Any], settings: Settings,
             drawn: Drawn | None = None) -> int:
    """Print reports as they come, as the report options ask; return the exit code."""
    with _make_view(given, settings, len(planned), drawn) as view:
        view.notes(planned.notes)
        view.unread = planned.notes.unread
        view.follow(running)
    return view.total.exit_code or (0 if view.complete else 1)  # 1 where the report itself was lost


def _make_view(given: Mapping[str, Any], settings: Settings, expected: int, drawn: Drawn | None) -> _RunView:
    """The view that the report options ask for; ``drawn`` makes another table than that of single poolings."""
    keep_stderr()
    stream = sys.stderr if settings.output == STDIO else sys.stdout
    pen = SafeWriter(stream)
    name, colour = report_format(given), options.wants_color(given)
    made = _make_writer(name, given, settings, pen, colour, drawn)
    alone = name is not None and stream is sys.stderr
    many_rows = _wants_rows(given) and expected >= MANY_FILES
    at_end = not settings.dry_run and name is None and not many_rows
    free = at_end or given["quiet"] or not is_terminal(stream)
    talk = _Verbosity(errors=not alone, notes=not alone and not given["quiet"], files=not alone and given["verbose"],
                      bar=not alone and not given["quiet"] and free and is_terminal(sys.stderr),
                      colour=colour, debug=options.wants_debug())
    return _RunView(made, pen, talk, expected, given)


def _make_writer(name: str | None, given: Mapping[str, Any], settings: Settings, pen: SafeWriter, colour: bool | None,
                 drawn: Drawn | None) -> ReportWriter:
    """What is printed of the reports; ``name`` is that of a format for programs."""
    if name is not None:
        return REPORT_WRITERS[name](pen)
    if given["quiet"]:
        return SilentWriter()
    if settings.dry_run:
        return NameWriter(pen)
    from .report_table import Table

    return Table(pen, colour, drawn, rows=_wants_rows(given))


def _wants_rows(given: Mapping[str, Any]) -> bool:
    """Whether the table has a row for each file, however many there are."""
    return bool(given["table"] or given["verbose"])


def choose_statistics(given: Mapping[str, Any], settings: Settings, expected: int) -> Settings:
    """The settings without statistics where the report of so many files shows none of them."""
    shown = expected < MANY_FILES or _wants_rows(given) or report_format(given) is not None
    return settings if shown else replace(settings, statistics=False)
