"""The ways to print reports: a document, lines, comma-separated values, names, or nothing. The table is another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ... import report
from ...batch import DRY_RUN, STDIO
from ...redact import printable
from ...report import FileReport
from ..stdio import SafeWriter


class ReportWriter(Protocol):
    """One way to print reports."""

    shows_summary: bool
    """Whether the summary is part of it."""

    def add(self, file: FileReport) -> None:
        """Take one file's report, when it is done."""

    def end(self, summary: str) -> None:
        """Print what is left; the summary is empty where there is but one file."""


class SilentWriter:
    """--quiet."""

    shows_summary = True
    """It is part of what is not shown."""

    def add(self, file: FileReport) -> None:
        """Nothing."""

    def end(self, summary: str) -> None:
        """Nothing."""


class _JsonWriter:
    """--json: one document, each file as it ends."""

    shows_summary = False

    def __init__(self, pen: SafeWriter) -> None:
        self.pen, self.between = pen, "\n"
        pen.write(report.JSON_START)

    def add(self, file: FileReport) -> None:
        """The next element."""
        self.pen.write(self.between + report.json_text(file))
        self.between = report.JSON_BETWEEN + "\n"

    def end(self, summary: str) -> None:
        """The end of the document: whole even when the run was cut short."""
        self.pen.write(report.JSON_END)


class _LineWriter:
    """--jsonl and --csv: a line for each file, written out as it ends."""

    shows_summary = False

    def __init__(self, pen: SafeWriter, head: str, line: Any) -> None:
        self.pen, self.line = pen, line
        pen.write(head, flush=True)

    def add(self, file: FileReport) -> None:
        """Its line."""
        self.pen.write(self.line(file), flush=True)

    def end(self, summary: str) -> None:
        """Nothing is left."""


class NameWriter:
    """--dry-run: what would be written."""

    shows_summary = False

    def __init__(self, pen: SafeWriter) -> None:
        self.pen = pen

    def add(self, file: FileReport) -> None:
        """A line for each file that would be pooled."""
        if DRY_RUN in file.notes:
            self.pen.write(f"{printable(file.input)} -> {printable(file.output or STDIO)}\n")

    def end(self, summary: str) -> None:
        """Nothing is left."""


REPORT_WRITERS: Mapping[str, Callable[[SafeWriter], ReportWriter]] = {
    "as_json": _JsonWriter,
    "as_jsonl": lambda pen: _LineWriter(pen, "", report.json_line),
    "as_csv": lambda pen: _LineWriter(pen, report.csv_head(), report.csv_line),
}
"""What programs read, by option."""


def report_format(given: Mapping[str, Any]) -> str | None:
    """The option that asks for a form for programs, if any."""
    return next((name for name in REPORT_WRITERS if given[name]), None)
