"""Printing what a study found: one JSON document, or tables as wide as the terminal, and the exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ...redact import printable
from .. import options, stdio
from ..analysis.context import STDIO, Answer

FAILED = 1


def print_answer(name: str, answer: Answer, given: Mapping[str, Any]) -> int:
    """Print the answer where data are not, and give the exit code; 1 where that failed."""
    stream = sys.stderr if given.get("output") == STDIO else sys.stdout
    pen = stdio.SafeWriter(stream)
    if given["as_json"]:
        import json

        from ...report import study_document

        pen.write(json.dumps(study_document(name, answer.data), allow_nan=False) + "\n")
    elif not given["quiet"]:
        pen.write(_draw_parts(answer.parts(), pen, options.wants_color(given)))
    for note in answer.notes if not given["quiet"] else ():
        stdio.print_error(f"note: {printable(note)}")
    for problem in answer.problems:
        stdio.print_error(printable(problem))
    return answer.code if pen.close() else FAILED


def _draw_parts(parts: Sequence[Any], pen: stdio.SafeWriter, colour: bool | None) -> str:
    """The parts as text: as wide as the terminal, or as wide as it takes where there is none."""
    from .report_table import UNLIMITED, Page, a_console

    page = Page(pen.stream)
    console = a_console(page, colour)
    if not stdio.is_terminal(pen.stream):
        console.width = UNLIMITED
    for part in parts:
        console.print(part)
    return page.getvalue()


def make_table(titles: Sequence[str], rows: Sequence[Sequence[Any]], left: int = 1) -> Any:
    """A table of text: the first ``left`` columns to the left and folded where they must be, numbers to the right.

    Cells are str or rich Text; nothing in them is markup.
    """
    from rich import box
    from rich.table import Table

    from .report_table import text

    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for i, title in enumerate(titles):
        made.add_column(text(title), justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        made.add_row(*(text(cell) if isinstance(cell, str) else cell for cell in row))
    return made
