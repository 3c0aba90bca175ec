"""What a run prints while it goes on and at its end: a table, a JSON document, a plan, or nothing.

The report goes to stdout, or to stderr when stdout carries data. Errors and notes go to stderr, one line each, unless
the JSON document is there: nothing else may be on its stream.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from .. import report
from ..batch import DRY_RUN, STDIO, Settings
from ..files.quiet import keep_stderr
from ..report import FileReport, Report
from ..text import printable
from . import streams
from .streams import Pen

COMPILING_AFTER = 0.3
"""Seconds until a run that shows nothing says why."""


class Body(Protocol):
    """One way to print reports."""

    def add(self, file: FileReport) -> None:
        """Take one file's report, when it is done."""

    def end(self, total: Report) -> None:
        """Print what is left."""


class Silent:
    """--quiet."""

    def add(self, file: FileReport) -> None:
        """Nothing."""

    def end(self, total: Report) -> None:
        """Nothing."""


class Json:
    """--json: each file as it ends."""

    def __init__(self, pen: Pen) -> None:
        self.pen, self.between = pen, "\n"
        pen.write(report.JSON_START)

    def add(self, file: FileReport) -> None:
        """The next element."""
        self.pen.write(self.between + report.json_text(file))
        self.between = report.JSON_BETWEEN + "\n"

    def end(self, total: Report) -> None:
        """The end of the document: whole even when the run was cut short."""
        self.pen.write(report.JSON_END)


class Names:
    """--dry-run: what would be written."""

    def __init__(self, pen: Pen) -> None:
        self.pen = pen

    def add(self, file: FileReport) -> None:
        """A line for each file that would be pooled."""
        if DRY_RUN in file.notes:
            self.pen.write(f"{printable(file.input)} -> {printable(file.output or STDIO)}\n")

    def end(self, total: Report) -> None:
        """Nothing is left."""


class View:
    """The report's body, the lines on stderr, and the exit code."""

    def __init__(self, body: Body, pen: Pen, lines: bool, notes: bool, debug: bool) -> None:
        self.body, self.pen = body, pen
        self.shows_lines, self.shows_notes, self.debug = lines, notes, debug
        self.total = Report()
        self.announcer = Announcer(notes)

    def __enter__(self) -> Self:
        """Listen to the compiler."""
        from .. import compiled

        compiled.announce = self.announcer.tell
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """End the report, of what was done when the run was cut short."""
        self.announcer.hush()
        self.body.end(self.total)
        self.complete = self.pen.close()

    def notes(self, notes: Iterable[tuple[str, str]]) -> None:
        """Say what is worth knowing of some names."""
        for name, text in notes if self.shows_notes else ():
            streams.complain(f"{printable(name)}: note: {printable(text)}")

    def of(self, files: Iterable[FileReport]) -> None:
        """Print each report as it comes."""
        for file in files:
            self.announcer.hush()
            self.total = self.total.plus(file)
            self.body.add(file)
            self.lines(file)
        if self.total.exit_code == report.NOTHING and self.shows_lines:
            streams.complain("nothing matched: the folders have no file whose ending is known; --recursive goes deeper")

    def lines(self, file: FileReport) -> None:
        """What stderr gets of one file."""
        if self.debug and file.cause is not None:
            import traceback

            traceback.print_exception(file.cause)
        if self.shows_lines and file.error is not None:
            streams.complain(f"{printable(file.input)}: {printable(file.error)}")
        said_elsewhere = (DRY_RUN, report.LOSSY)
        self.notes((file.input, note) for note in file.notes if not note.startswith(said_elsewhere))

    def exit_code(self) -> int:
        """The total's, and 1 where the report itself was lost."""
        return self.total.exit_code or (0 if self.complete else 1)


class Announcer:
    """Passes on what compiling has to say: that it goes on only when it takes a while, what went wrong at once."""

    def __init__(self, shows: bool) -> None:
        self.shows = shows
        self.timer: Any = None
        self.told: set[str] = set()

    def tell(self, text: str) -> None:
        """Called by ``compiled``."""
        if not self.shows or text in self.told:
            return
        self.told.add(text)
        if text.startswith("compiling"):
            from threading import Timer

            self.timer = Timer(COMPILING_AFTER, streams.complain, [f"{text} ..."])
            self.timer.daemon = True
            self.timer.start()
        else:
            streams.complain(text)

    def hush(self) -> None:
        """It is over."""
        if self.timer is not None:
            self.timer.cancel()


def view(given: Mapping[str, Any], settings: Settings, debug: bool) -> View:
    """The view that the report options ask for."""
    keep_stderr()
    stream = sys.stderr if settings.output == STDIO else sys.stdout
    pen = Pen(stream)
    alone = given["as_json"] and stream is sys.stderr
    return View(body(given, settings, pen), pen, lines=not alone, notes=not alone and not given["quiet"], debug=debug)


def body(given: Mapping[str, Any], settings: Settings, pen: Pen) -> Body:
    """What is printed of the reports."""
    if given["as_json"]:
        return Json(pen)
    if given["quiet"]:
        return Silent()
    if settings.dry_run:
        return Names(pen)
    from .table import Table

    return Table(pen, colour=not given["no_color"] and not os.environ.get("NO_COLOR"))
