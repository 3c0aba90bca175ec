"""Writes the README's tables of reducers and windowings from the code: python docs/make_tables.py [--check]

With --check nothing is written, and the exit code is 1 where a table is not what the code says. The rows are those that
``poolcli list`` prints.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from poolcli.cli.list_command import TABLES, Rows
from poolcli.files.formats import FORMATS
from poolcli.optional_deps import BRINGS

README = Path(__file__).parents[1] / "README.md"
PROSE = ("what it does", "what is kept beside the samples")
"""Columns that are words; the others are formulas and options."""


def cell(title: str, text: str) -> str:
    """One cell: a bar would end it, so it is escaped."""
    escaped = text.replace("|", r"\|")
    return escaped if title in PROSE or not text else f"`{escaped}`"


def markdown(titles: Sequence[str], rows: Rows) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *([cell(*pair) for pair in zip(titles, row, strict=True)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def with_table(text: str, name: str, titles: Sequence[str], rows: Rows) -> str:
    """The text with a fresh table between the markers of a name."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, marker, rest = text.partition(start)
    _, second_marker, after = rest.partition(end)
    if not (marker and second_marker):
        raise SystemExit(f"{README.name} has no place for a table: {start} and {end}")
    return f"{before}{start}\n\n{markdown(titles, rows)}\n\n{end}{after}"


def renewed(text: str) -> str:
    """The text with fresh tables between its markers."""
    for _, titles, rows in TABLES:
        text = with_table(text, f"{titles[0]}s", titles, rows())
    return with_table(text, "formats", ("format", "endings", "extra", "what is kept beside the samples"), format_rows())


def format_rows() -> Rows:
    """A row for each format of files, in the order of the table of formats."""
    return [(row.name, " ".join(row.endings or FORMATS[row.variant_of or row.name].endings),
             "" if row.library is None else BRINGS[row.library], row.keeps) for row in FORMATS.values()]


def main() -> int:
    """Write or check."""
    old = README.read_text(encoding="utf-8")
    new = renewed(old)
    if "--check" not in sys.argv[1:]:
        README.write_text(new, encoding="utf-8")
    elif new != old:
        print("the tables in README.md are not what the code says; python docs/make_tables.py renews them")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
