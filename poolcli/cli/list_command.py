"""``poolcli list``: the tables of reducers and windowings as the code has them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from ..core.reducers import REDUCERS, Parameter
from ..core.windowings import WINDOWINGS
from .stdio import is_terminal

Rows = Sequence[Sequence[str]]


def _reducer_rows() -> Rows:
    """A row for each reducer."""
    return [(row.name, row.value, ", ".join(_format_parameter(p) for p in row.parameters), row.help)
            for row in REDUCERS.values()]


def _format_parameter(own: Parameter) -> str:
    """An option and its default."""
    name = "--" + own.name.replace("_", "-")
    return name if own.kind == "flag" or own.default is None else f"{name} ({own.default:g})"


def _windowing_rows() -> Rows:
    """A row for each windowing."""
    return [(row.name, row.windows, row.usage, row.help) for row in WINDOWINGS.values()]


TABLES = (("Reducers", ("reducer", "value", "parameters (default)", "what it does"), _reducer_rows),
          ("Windowings", ("windowing", "windows on an axis of n", "options", "what it does"), _windowing_rows))


def _format_columns(titles: Sequence[str], rows: Rows) -> str:
    """Columns of text, each as wide as it needs."""
    everything = [titles, *rows]
    widths = [max(len(row[i]) for row in everything) for i in range(len(titles))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in everything)
    return "\n".join(lines)


def print_rich(title: str, titles: Sequence[str], rows: Rows) -> None:
    """A table as wide as the terminal; long cells go on in the next line."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*titles, title=title, title_justify="left")
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*row)
    Console(markup=False, emoji=False, highlight=False).print(table)


def _make_document() -> dict[str, Any]:
    """Both tables as what JSON can hold: names, words, and what each takes."""
    reducers = [{"name": row.name, "help": row.help, "value": row.value, "picks": row.picks,
                 "nonnegative": row.nonnegative,
                 "parameters": [{"name": p.name, "kind": p.kind, "default": p.default, "accepts": p.accepts,
                                 "help": p.help} for p in row.parameters]} for row in REDUCERS.values()]
    windowings = [{"name": row.name, "help": row.help, "windows": row.windows, "usage": row.usage,
                   "options": list(row.options)} for row in WINDOWINGS.values()]
    return {"schema": 1, "reducers": reducers, "windowings": windowings}


def _print_tables(as_json: bool) -> None:
    """Print the reducers and the windowings, as tables or as one JSON document."""
    if as_json:
        import json

        click.echo(json.dumps(_make_document(), indent=1, allow_nan=False))
        return
    for title, titles, make in TABLES:
        if is_terminal(sys.stdout):
            print_rich(title, titles, make())
        else:
            click.echo(f"{title}\n\n{_format_columns(titles, make())}\n")


command = click.Command(
    "list", callback=_print_tables, help="Print the reducers and the windowings.",
    params=[click.Option(["--json", "as_json"], is_flag=True, help="One JSON document instead of the tables.")],
)
