"""A window inside its neighbourhood, as a grid for the terminal: signs say what colours say, so that both may lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

    from ...analysis.explain.explanation import Explanation
    from ...analysis.explain.window_samples import AxisWindow

_GAP = "..."
_MOST_ROWS, _MOST_COLUMNS, _MOST_SLICES = 13, 16, 3
_AROUND = 1
"""Positions of the neighbourhood shown on each side."""

_LEGEND = {"window": "[ ] in the window", "winner": "> < the winner", "filled": "~ padding filled by the pad mode",
           "left out": "{ } in the window, left out", "nothing": ". no sample there"}
_STYLES = {"window": "bold #ffffff on #1f5fae", "filled": "bold #ffffff on #2d7d7d",
           "winner": "bold #000000 on #f6c945", "left out": "red", "nothing": "dim", "around": "dim", "head": "cyan",
           "gap": "dim"}
Cell = tuple[str, str]
"""What is written, and what it is: a name of ``_STYLES``."""


class WindowGrids:
    """A grid for each slice of the window along its first axis of three; one for fewer axes."""

    def __init__(self, found: Explanation, array: Any, shares: bool = False) -> None:
        kept = {i: found.cell[i] for i, letter in enumerate(found.layout) if letter in found.kept}
        self.plane = array[tuple(kept.get(i, slice(None)) for i in range(array.ndim))]
        self.found = found
        self.shares = found.shares if shares else None
        self.beyond = 0 if shares else _AROUND

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Any]:
        """As wide as there is room."""
        from .report_table import text

        seen: set[str] = set()
        for title, offset, place in self.slices():
            if title:
                yield text(title)
            yield self.grid(offset, place, options.max_width, seen)
        used = [words for name, words in _LEGEND.items() if name in seen]
        yield text("   ".join(used) + "\n")

    def slices(self) -> list[tuple[str, tuple[int, ...], tuple[int, ...]]]:
        """The title of each grid, and the offset and the position along the first of three axes."""
        if len(self.found.axes) < 3:
            return [("", (), ())]
        first = self.found.axes[0]
        shown = _shorten(list(enumerate(first.positions)), _MOST_SLICES)
        return [(f"{first.letter} {item[1]}", (item[0],), (item[1],)) for item in shown if item is not None]

    def grid(self, offset: tuple[int, ...], place: tuple[int, ...], width: int, seen: set[str]) -> Any:
        """One grid."""
        axes = self.found.axes[-2:]
        rows = _shorten(_extend_positions(axes[0], self.beyond), _MOST_ROWS) if len(axes) == 2 else [None]
        columns = _extend_positions(axes[-1], self.beyond)
        taken = max(len(cell) for row in rows[:3] + rows[-3:] for column in columns[:4] + columns[-4:]
                    for cell in [self.cell(offset, place, row, column, len(axes))[0]])
        room = max(3, min(_MOST_COLUMNS, (width - 8) // (max(taken, 4) + 1)))
        shown = _shorten(columns, room)
        lines = [self.heading(axes, shown),
                 *(self.line(axes, offset, place, row, shown) for row in rows)]
        seen |= {kind for line in lines for _, kind in line}
        return _align_cells(lines)

    def heading(self, axes: Sequence[AxisWindow], columns: Sequence[int | None]) -> list[Cell]:
        """The letters of the axes and the numbers of the columns."""
        corner = "\\".join(one.letter for one in axes)
        return [(corner, "head"), *((_GAP if c is None else f"{c} ", "head") for c in columns)]

    def line(self, axes: Sequence[AxisWindow], offset: tuple[int, ...], place: tuple[int, ...], row: int | None,
             columns: Sequence[int | None]) -> list[Cell]:
        """One row, its number first."""
        if row is None and len(axes) == 2:
            return [(_GAP, "head"), *((_GAP, "gap") for _ in columns)]
        cells = [(_GAP, "gap") if c is None else self.cell(offset, place, row, c, len(axes)) for c in columns]
        return [("" if row is None else str(row), "head"), *cells]

    def cell(self, offset: tuple[int, ...], place: tuple[int, ...], row: int | None, column: int, axes: int) -> Cell:
        """What stands at a position, with the sign of what it is."""
        at = (*place, column) if axes == 1 else (*place, row or 0, column)
        inner = [_find_offset(one, i) for one, i in zip(self.found.axes[len(offset):], at[len(place):], strict=True)]
        if any(i is None for i in inner):
            return self.outside(at)
        return self.member((*offset, *(i for i in inner if i is not None)))

    def outside(self, at: tuple[int, ...]) -> Cell:
        """A neighbour of the window."""
        if self.shares is not None:
            return "", "around"
        if all(0 <= i < n for i, n in zip(at, self.plane.shape, strict=True)):
            return f"{_format_sample(self.plane[at])} ", "around"
        return ". ", "nothing"

    def member(self, offset: tuple[int, ...]) -> Cell:
        """A position of the window."""
        found, state = self.found, int(self.found.states[offset])
        if state in (2, 3):
            return "[.]", "nothing"
        if state > 1:
            return f"{{{_format_sample(found.values[offset])}}}", "left out"
        value = _format_sample(found.values[offset]) if self.shares is None else _format_share(self.shares[offset])
        if found.winner is not None and found.winner.offset == offset:
            return f">{value}<", "winner"
        return (f"[~{value}]", "filled") if state == 1 else (f"[{value}]", "window")


def _align_cells(lines: Sequence[Sequence[Cell]]) -> Any:
    """Cells in columns, numbers to the right."""
    from rich.text import Text

    made = Text(no_wrap=True)
    widths = [max(len(line[i][0]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        made.append("  ")
        for (written, kind), width in zip(line, widths, strict=True):
            made.append(" " * (width - len(written)))
            made.append(written, _STYLES[kind])
            made.append(" ")
        made.append("\n")
    return made


def _extend_positions(one: AxisWindow, beyond: int) -> list[int]:
    """The positions of a window on an axis and of its neighbourhood."""
    first = max(one.start - beyond, min(-one.before, one.start))
    last = min(one.positions[-1] + beyond, max(one.length + one.after - 1, one.positions[-1]))
    return list(range(first, last + 1))


def _shorten(items: Sequence[Any], most: int) -> list[Any]:
    """All of a few; of many the first and the last, with None between."""
    if len(items) <= most:
        return list(items)
    head = most // 2
    return [*items[:head], None, *items[len(items) - (most - head - 1):]]


def _find_offset(one: AxisWindow, position: int) -> int | None:
    """Which of the window's positions this is, or None."""
    return one.positions.index(position) if position in one.positions else None


def _format_share(value: Any) -> str:
    """A share of the whole, never rounded to nothing."""
    return f"{100 * value:.3g}%" if value == 0 or abs(value) >= 5e-6 else "<0.001%"


def _format_sample(value: Any) -> str:
    """A sample in six digits."""
    from ...report import short

    item = value.item()
    return short(int(item)) if isinstance(item, (bool, int)) else short(float(item))
