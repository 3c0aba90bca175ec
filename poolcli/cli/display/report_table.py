"""The report as people read it: a table, or where that is too wide a block for each file, and the values below."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from ...core.windowings import WINDOWINGS
from ...redact import printable
from ...report import FileReport, Plane, short, short_stats
from ..stdio import SafeWriter, is_terminal, terminal_width
from .alignment import ASCII_ELLIPSIS, ELLIPSIS, NumberColumn, align_units, shorten_middle
from .summary import MANY_FILES

if TYPE_CHECKING:
    from rich.console import Console

ROWS_AT_ONCE = 100
"""Rows that are held before they are printed: memory stays flat for 100,000 files."""
MOST_PREVIEWS = 4
"""Files whose values are shown."""
UNLIMITED = 100_000
"""Columns of a pipe: as many as the longest name may need."""
_NARROWEST_NAME = 12
"""Columns to which a terminal may cut names; where that is too wide too, there is a block for each file."""
_NUMBERS = ("min", "mean", "max")
_TITLES = ("input\noutput", "shape", "type", "pool", "uncovered", *_NUMBERS, "time")
_FIRST_NUMBER = _TITLES.index("min")

Draw = Callable[[Sequence[FileReport], SafeWriter, bool | None], str]
"""Makes the text of some files for a stream, in colour or not."""


class Table:
    """The rows of a few files, printed at the end; of many, only if ``rows`` says so, as they come, a hundred at once.

    ``draw`` makes the text of some files; it is another than ours where a file has several rows.
    """

    shows_summary = True

    def __init__(self, pen: SafeWriter, colour: bool | None = None, draw: Draw | None = None,
                 rows: bool = False) -> None:
        self.pen, self.colour, self.draw, self.rows = pen, colour, draw or _RowPrinter(), rows
        self.files: list[FileReport] = []
        self.seen = 0

    def add(self, file: FileReport) -> None:
        """Keep it as long as its row may be printed; failed and skipped files have had their line on stderr."""
        self.seen += 1
        if file.status == "ok" and (self.rows or self.seen < MANY_FILES):
            self.files.append(file)
        if len(self.files) >= ROWS_AT_ONCE:
            self.print_rows()

    def print_rows(self) -> None:
        """Draw the rows that are held, and hold them no longer."""
        if self.files:
            self.pen.write(self.draw(self.files, self.pen, self.colour), flush=True)
        self.files = []

    def end(self, summary: str) -> None:
        """Draw the rows that are left and the summary; it is broken at words where a terminal is narrower."""
        if self.rows or self.seen < MANY_FILES:
            self.print_rows()
        if summary:
            self.pen.write((_wrap(summary, self.pen.stream) if is_terminal(self.pen.stream) else summary) + "\n")


def _wrap(text: str, stream: TextIO) -> str:
    """Break lines at words to the width of the terminal, but not between a number and its unit, nor at an arrow."""
    import re
    from textwrap import fill

    width = max(terminal_width(stream), 10)
    joined = re.sub(r"(?<=\d) (?=[\w(])| (?=->)|(?<=->) ", "\0", text)
    lines = (fill(line, width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)
             for line in joined.split("\n"))
    return "\n".join(lines).replace("\0", " ")


class _RowPrinter:
    """Draws the rows and the values of some files; the parts of a long table have the same columns and one heading."""

    def __init__(self) -> None:
        self.numbers = [NumberColumn() for _ in _NUMBERS]
        self.widths = [max(map(len, title.split("\n"))) for title in _TITLES]
        self.printed = 0

    def __call__(self, files: Sequence[FileReport], pen: SafeWriter, colour: bool | None) -> str:
        """Return the text: as wide as the terminal, or as wide as it takes where there is none."""
        page = Page(pen.stream)
        console = a_console(page, colour)
        matrices = self.matrices(files, console, page)
        shown = len(files) == 1 and files[0].output is None and matrices[0] is not None
        head = text(_format_heading(files[0])) if shown else self.fit_rows(files, console, page)
        parts = [head, *self.values(files, matrices)]
        self.printed += len(files)
        for part in parts:
            console.print(part)
        return page.getvalue()

    def fit_rows(self, files: Sequence[FileReport], console: Console, page: Page) -> Any:
        """The table; on a terminal with names as short as it takes, or blocks where that is not enough.

        A console that leads to no terminal is made as wide as the table is.
        """
        rows = self.align([_format_cells(file) for file in files])
        width, console.width = console.width, UNLIMITED
        table = self.table(rows)
        natural, longest = console.measure(table).maximum, _longest_line(row[0] for row in rows)
        if not page.isatty():
            return table
        console.width = width
        room = max(_NARROWEST_NAME, longest - max(0, natural - width))
        if natural - max(0, longest - room) > width:
            return _draw_blocks(files, apart=self.printed > 0)
        mark = ELLIPSIS if page.encoding.lower().startswith("utf") else ASCII_ELLIPSIS
        names = ["\n".join(shorten_middle(line, room, mark) for line in row[0].split("\n")) for row in rows]
        self.widths[0] = min(self.widths[0], room)
        return self.table([[name, *row[1:]] for name, row in zip(names, rows, strict=True)])

    def align(self, rows: Sequence[list[str]]) -> list[list[str]]:
        """Pad the cells of columns of numbers, and remember how wide each column is."""
        columns = [list(column) for column in zip(*rows, strict=True)]
        for i, numbers in enumerate(self.numbers, _FIRST_NUMBER):
            columns[i] = numbers.align(columns[i])
        columns[-1] = align_units(columns[-1])
        self.widths = [max(width, _longest_line(column)) for width, column in zip(self.widths, columns, strict=True)]
        return [[*row[:_FIRST_NUMBER], *map(_align_right, row[_FIRST_NUMBER:], self.widths[_FIRST_NUMBER:])]
                for row in zip(*columns, strict=True)]

    def table(self, rows: Iterable[Sequence[str]]) -> Any:
        """Two lines a file: what came in, and what went out."""
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0),
                      show_header=not self.printed)
        for i, (title, width) in enumerate(zip(_TITLES, self.widths, strict=True)):
            # rich would strip the blanks behind numbers that are justified to the right
            table.add_column(_align_right(title, width) if i >= _FIRST_NUMBER else title, no_wrap=True, min_width=width)
        for row in rows:
            table.add_row(*(text(cell) for cell in row))
        return table

    def values(self, files: Sequence[FileReport], matrices: Sequence[Any]) -> list[Any]:
        """The values of the first files, where there are not many; of small ones beside their inputs."""
        if self.printed or len(files) >= MANY_FILES:
            return []
        return [part for file, matrix in zip(files, matrices, strict=False)
                for part in value_parts(file, len(files) > 1, matrix)]

    def matrices(self, files: Sequence[FileReport], console: Console, page: Page) -> list[Any]:
        """A drawing of each of the first files that is small, None for others."""
        from .matrices import draw_grid

        width = console.width if page.isatty() else UNLIMITED
        unicode = page.encoding.lower().startswith("utf")
        return [None if file.grid is None else
                draw_grid(file.grid, width, colour=console.color_system is not None, unicode=unicode)
                for file in files[:MOST_PREVIEWS]]


def _format_heading(file: FileReport) -> str:
    """One line on a result that is shown and nothing else: what was pooled, and what came out."""
    left = f", {_format_uncovered(file)} in no window" if any((file.uncovered or {}).values()) else ""
    before, after = (f"{shape(sides)} {dtype}" for sides, dtype in ((file.input_shape, file.input_dtype),
                                                                    (file.output_shape, file.output_dtype)))
    return f"{reducer(file)} {windows(file)}: {before} -> {after}{left}"


def _align_right(cell: str, width: int) -> str:
    """Pad each line of a cell at its left."""
    return "\n".join(line.rjust(width) for line in cell.split("\n"))


def _longest_line(cells: Iterable[str]) -> int:
    """How many columns of a terminal the longest line of some cells takes."""
    from rich.cells import cell_len

    return max(cell_len(line) for cell in cells for line in cell.split("\n"))


class Page(StringIO):
    """What would be printed to a stream; it is the pen that writes it, and that knows of broken streams."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream, self._is_terminal = stream, is_terminal(stream)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich draws ASCII boxes where this is not UTF
        """The stream's."""
        return self.stream.encoding or "ascii"

    def isatty(self) -> bool:
        """The stream's."""
        return self._is_terminal


def a_console(page: Page, colour: bool | None) -> Console:
    """A console; what it gets are Text and tables of Text, in which it looks for no markup, emoji or numbers."""
    from rich.console import Console

    # with both lengths given, rich does not take a dumb terminal for one of 80 columns
    forced = "truecolor" if os.environ.get("COLORTERM") in ("truecolor", "24bit") else "256"
    system: Any = "auto" if colour is None else forced if colour else None
    return Console(file=page, color_system=system, no_color=False if colour else None,
                   width=terminal_width(page.stream), height=25)


# A row for each file.


def text(content: str) -> Any:
    """Text that is never markup."""
    from rich.text import Text

    return Text(content)


def _format_cells(file: FileReport) -> list[str]:
    """The cells of a file's row."""
    return [f"{printable(file.input)}\n{printable(file.output or '-')}",
            _format_change(f"{shape(file.input_shape)} {file.layout}", shape(file.output_shape)),
            _format_change(file.input_dtype or "", file.output_dtype or "") + ("\nlossy" if file.lossy else ""),
            f"{reducer(file)}\n{windows(file)}",
            f"{_format_uncovered(file)}\n{share(file)} read",
            *number_pairs(file),
            duration(file.seconds)]


def _format_change(before: str, after: str) -> str:
    """Before and after, on two lines; one where nothing changed."""
    return before if before == after else f"{before}\n-> {after}"


def number_pairs(file: FileReport) -> list[str]:
    """Each statistic before and after."""
    return list(map("\n".join, zip(short_stats(file.input_stats), short_stats(file.output_stats), strict=True)))


def shape(shape: Sequence[int] | None) -> str:
    """480x320x3."""
    return "x".join(str(n) for n in shape or ())


def reducer(file: FileReport) -> str:
    """The reducer and its parameters."""
    given = (f"{name}={short(value) if isinstance(value, (int, float)) else value}"
             for name, value in file.parameters.items() if value is not None and value is not False)
    return " ".join([file.reducer, *given])


def windows(file: FileReport) -> str:
    """Where the windows lie, in a few words."""
    return "" if file.windowing is None else WINDOWINGS[file.windowing].words(file.windowing, file.windows or {})


def _format_uncovered(file: FileReport) -> str:
    """How many rows and columns no window reached."""
    left = [f"{n} {letter}" for letter, n in (file.uncovered or {}).items() if n]
    return ", ".join(left) or "none"


def share(file: FileReport) -> str:
    """The share of samples read, never rounded up to all."""
    coverage = file.coverage or 0.0
    percent = int(coverage * 1000) / 10
    return f"{percent:g}%"


def duration(seconds: float) -> str:
    """A time in three digits."""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


# A block for each file.


def _draw_blocks(files: Iterable[FileReport], apart: bool = False) -> Any:
    """The same facts, one a line; an empty line between files, and before the first if they are ``apart``."""
    lines = ("\n".join(f"{name}: {value}" for name, value in _list_facts(file).items()) for file in files)
    return text("\n" * apart + "\n\n".join(lines))


def _list_facts(file: FileReport) -> dict[str, str]:
    """What there is to say of a file."""
    lossy = ", lossy" if file.lossy else ""
    known = {"file": f"{printable(file.input)} -> {printable(file.output or '-')}", "layout": file.layout or "",
             "shape": f"{shape(file.input_shape)} -> {shape(file.output_shape)}",
             "type": f"{file.input_dtype} -> {file.output_dtype}{lossy}", "pooling": f"{reducer(file)} {windows(file)}",
             "uncovered": f"{_format_uncovered(file)}, {share(file)} read"}
    pairs = zip(_NUMBERS, number_pairs(file), strict=True)
    numbers = {name: pair.replace("\n", " -> ") for name, pair in pairs}
    return known | numbers | {"time": duration(file.seconds)}


# The values.


def value_parts(file: FileReport, named: bool, matrix: Any = None) -> list[Any]:
    """The planes of a preview, each under its label, or a drawing of the input beside its result."""
    if matrix is not None:
        title = f"{printable(file.input)} -> {printable(file.output or '-')}:" if named else ""
        return [text(title), matrix]
    parts = []
    for one in file.preview:
        title = " ".join(filter(None, (f"values of {printable(file.output or '-')}" if named else "values", one.label)))
        parts += [text(f"{title}:"), plane(one)]
    return parts


def plane(one: Plane) -> Any:
    """Cells in columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*one.rows, strict=True)]
    lines = ("  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in one.rows)
    return text("\n".join(lines))
