"""The report as people read it: a table, or where that is too wide a block for each file, and the values below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from ..report import FileReport, Plane, Stats, short
from ..text import printable
from .streams import Pen, is_terminal

if TYPE_CHECKING:
    from rich.console import Console

MOST_ROWS = 100
"""Files shown one by one; of the others only their number, --json has all."""
MOST_PREVIEWS = 4
"""Files whose values are shown."""
UNLIMITED = 100_000
"""Columns of a pipe: as many as the longest name may need."""
NARROWEST_NAME = 12
"""Columns to which a terminal may fold names; where that is too wide too, there is a block for each file."""
NUMBERS = ("min", "mean", "max")


class Table:
    """Gathers the first files and prints them when all is done."""

    shows_summary = True

    def __init__(self, pen: Pen, colour: bool = True,
                 draw: Callable[[Sequence[FileReport], Pen, bool], str] | None = None) -> None:
        self.pen, self.colour, self.draw = pen, colour, draw or drawn
        self.files: list[FileReport] = []
        self.done = 0

    def add(self, file: FileReport) -> None:
        """Keep it, if it is one of the first; failed and skipped files have had their line on stderr."""
        if file.status != "ok":
            return
        self.done += 1
        if len(self.files) < MOST_ROWS:
            self.files.append(file)

    def end(self, summary: str) -> None:
        """Draw."""
        if self.files:
            self.pen.write(self.draw(self.files, self.pen, self.colour))
        if self.done > len(self.files):
            self.pen.write(f"... and {self.done - len(self.files):,} files more\n")
        if summary:
            self.pen.write(summary + "\n")


def drawn(files: Sequence[FileReport], pen: Pen, colour: bool) -> str:
    """The table and the values as text: as wide as the terminal, or as wide as it takes where there is none."""
    page = Page(pen.stream)
    console = a_console(page, colour)
    width, console.width = console.width, UNLIMITED
    table = as_table(files)
    natural = console.measure(table).maximum
    longest = max(len(line) for file in files for line in cells(file)[0].split("\n"))
    if is_terminal(pen.stream):
        console.width = width
        if natural - max(0, longest - NARROWEST_NAME) > width:
            table = blocks(files)
    values = [part for file in files[:MOST_PREVIEWS] for part in value_parts(file, len(files) > 1)]
    for part in (table, *values):
        console.print(part)
    return page.getvalue()


class Page(StringIO):
    """What would be printed to a stream; it is the pen that writes it, and that knows of broken streams."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]  # rich draws ASCII boxes where this is not UTF
        """The stream's."""
        return self.stream.encoding or "ascii"

    def isatty(self) -> bool:
        """The stream's."""
        return is_terminal(self.stream)


def a_console(page: Page, colour: bool) -> Console:
    """A console; what it gets are Text and tables of Text, in which it looks for no markup, emoji or numbers."""
    from rich.console import Console

    return Console(file=page, color_system="auto" if colour else None)


# A row for each file.


def as_table(files: Iterable[FileReport]) -> Any:
    """Two lines a file: what came in, and what went out."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("input\noutput", overflow="fold")
    for title in ("shape", "type", "pool", "uncovered"):
        table.add_column(title, no_wrap=True)
    for title in (*NUMBERS, "time"):
        table.add_column(title, justify="right", no_wrap=True)
    for file in files:
        table.add_row(*(text(cell) for cell in cells(file)))
    return table


def text(content: str) -> Any:
    """Text that is never markup."""
    from rich.text import Text

    return Text(content)


def cells(file: FileReport) -> list[str]:
    """The cells of a file's row."""
    return [f"{printable(file.input)}\n{printable(file.output or '-')}",
            arrow(f"{shape(file.input_shape)} {file.axes}", shape(file.output_shape)),
            arrow(file.input_dtype or "", file.output_dtype or "") + ("\nlossy" if file.lossy else ""),
            f"{reducer(file)}\n{windows(file)}",
            f"{uncovered(file)}\n{share(file)} read",
            *(number_pair(file, name) for name in NUMBERS),
            duration(file.seconds)]


def arrow(before: str, after: str) -> str:
    """Before and after, on two lines; one where nothing changed."""
    return before if before == after else f"{before}\n-> {after}"


def number_pair(file: FileReport, name: str) -> str:
    """A statistic before and after."""
    return "\n".join(number(stats, name) for stats in (file.input_stats, file.output_stats))


def number(stats: Stats | None, name: str) -> str:
    """One statistic."""
    return "-" if stats is None else short(getattr(stats, name))


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
    found = file.windows or {}
    if file.layout == "global":
        return "global"
    if file.layout == "adaptive":
        return f"adaptive {same(found['adaptive'])}"
    if file.layout == "fractional":
        return fractional(found)
    return fixed(found, file.layout == "same")


def fixed(found: Mapping[str, Any], is_same: bool) -> str:
    """Size, stride, and what else is not as always."""
    words = [same(found["size"])]
    if found["stride"] != found["size"]:
        words.append(f"stride {same(found['stride'])}")
    if is_same:
        words.append("same")
    elif any(side for sides in found["padding"] for side in sides):
        words.append(f"padding {same([pad(sides) for sides in found['padding']])}")
    if any(step != 1 for step in found["dilation"]):
        words.append(f"dilation {same(found['dilation'])}")
    if found["ceil"]:
        words.append("ceil")
    if found["pad_mode"] != "exclude":
        words.append(found["pad_mode"])
    return " ".join(words)


def pad(sides: Sequence[int]) -> str:
    """The padding of an axis as it is typed."""
    return str(sides[0]) if sides[0] == sides[1] else f"{sides[0]}:{sides[1]}"


def fractional(found: Mapping[str, Any]) -> str:
    """The ratio and what replays it."""
    chance = f"seed {found['seed']}" if "seed" in found else f"u {found['u']}"
    words = [f"fractional {same(found['fractional'])}", chance]
    return " ".join(words + [name for name in ("overlapping", "random") if found[name]])


def same(values: Sequence[Any]) -> str:
    """2x2, 3x2."""
    return "x".join(str(value) for value in values)


def uncovered(file: FileReport) -> str:
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


def blocks(files: Iterable[FileReport]) -> Any:
    """The same facts, one a line."""
    return text("\n\n".join("\n".join(f"{name}: {value}" for name, value in facts(file).items()) for file in files))


def facts(file: FileReport) -> dict[str, str]:
    """What there is to say of a file."""
    lossy = ", lossy" if file.lossy else ""
    known = {"file": f"{printable(file.input)} -> {printable(file.output or '-')}", "layout": file.axes or "",
             "shape": f"{shape(file.input_shape)} -> {shape(file.output_shape)}",
             "type": f"{file.input_dtype} -> {file.output_dtype}{lossy}", "pooling": f"{reducer(file)} {windows(file)}",
             "uncovered": f"{uncovered(file)}, {share(file)} read"}
    numbers = {name: number_pair(file, name).replace("\n", " -> ") for name in NUMBERS}
    return known | numbers | {"time": duration(file.seconds)}


# The values.


def value_parts(file: FileReport, named: bool) -> list[Any]:
    """The planes of a preview, each under its label."""
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
