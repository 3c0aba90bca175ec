"""A small input beside its result, with lines between the windows and the samples that were picked marked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text

    from ...report import CellGrid

_WINNER = "bold green"
_LINES, _ASCII_LINES = "│─┼", "|-+"
Piece = tuple[str, str]
"""A text, and its style for rich."""


def draw_grid(grid: CellGrid, width: int, *, colour: bool, unicode: bool) -> Text | None:
    """Return the two matrices side by side, or one below the other; None where ``width`` is too narrow for either.

    Without ``colour`` the picked samples are marked as ``*5*``.
    """
    from rich.text import Text

    marks = _LINES if unicode else _ASCII_LINES
    left = _draw_lines(grid.input, grid.rows, grid.columns, grid.winners, marks, colour)
    right = _draw_lines(grid.output, (), (), (), marks, colour)
    wide, other = _count_columns(left[0]), _count_columns(right[0])
    if max(wide, other) + 2 > width:
        return None
    below = [*left, [("", "")], [("->", "")], *right]
    lines = below if wide + other + 8 > width else _side_by_side(left, right)
    text = Text()
    for i, line in enumerate(lines):
        text.append("\n" if i else "")
        for piece, style in [("  ", ""), *line]:
            text.append(piece, style or None)
        text.rstrip()
    return text


def _draw_lines(cells: Iterable[tuple[str, ...]], rows: Collection[int], columns: Collection[int],
                winners: Collection[tuple[int, int]], marks: str, colour: bool) -> list[list[Piece]]:
    """The lines of one matrix, each as pieces of text with their styles."""
    table = list(cells)
    widths = [max(map(len, column)) + 2 for column in zip(*table, strict=True)]
    rule = "".join((marks[2] if j in columns else "") + marks[1] * n for j, n in enumerate(widths))
    lines: list[list[Piece]] = []
    for i, row in enumerate(table):
        if i in rows:
            lines.append([(rule, "dim")])
        line: list[Piece] = []
        for j, cell in enumerate(row):
            won = (i, j) in winners
            marked = f"*{cell}*" if won and not colour else f" {cell} "
            line += [(marks[0], "dim")] if j in columns else []
            line.append((marked.rjust(widths[j]), _WINNER if won else ""))
        lines.append(line)
    return lines


def _count_columns(line: Iterable[Piece]) -> int:
    return sum(len(piece) for piece, _ in line)


def _side_by_side(left: list[list[Piece]], right: list[list[Piece]]) -> list[list[Piece]]:
    """The shorter one in the middle of the taller one's height, an arrow between them."""
    tall = max(len(left), len(right))
    ends = [_centre_lines(side, tall) for side in (left, right)]
    return [[*one, (f"  {'->' if i == (tall - 1) // 2 else '  '}  ", ""), *other]
            for i, (one, other) in enumerate(zip(*ends, strict=True))]


def _centre_lines(lines: list[list[Piece]], tall: int) -> list[list[Any]]:
    blank = [(" " * _count_columns(lines[0]), "")]
    above = (tall - len(lines)) // 2
    return [*[blank] * above, *lines, *[blank] * (tall - len(lines) - above)]
