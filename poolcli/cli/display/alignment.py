"""Text cut and padded to the width of a column, in terminal cells: some characters take two, some none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ELLIPSIS, ASCII_ELLIPSIS = "…", "..."
_NUMBER = re.compile(r"([+-]?\d+)((?:\.\d+)?(?:e[+-]?\d+)?)\Z")


def shorten_middle(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """Cut the middle out of a text that takes more than ``width`` cells; its beginning and its end stay.

    >>> shorten_middle("holiday_in_the_mountains_0001.png", 21)
    'holiday_in…s_0001.png'
    """
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    room = max(0, width - len(ellipsis))
    return _take_cells(text, room // 2) + ellipsis + _take_cells(text[::-1], room - room // 2)[::-1]


def _take_cells(text: str, width: int) -> str:
    """The beginning of a text, as many whole characters as fit into ``width`` cells.

    >>> _take_cells("写真.png", 3)
    '写'
    """
    from itertools import accumulate

    from rich.cells import cell_len

    return text[: sum(end <= width for end in accumulate(map(cell_len, text)))]


class NumberColumn:
    """Pads the numbers of a column so that their decimal points stand below each other.

    It remembers the widest number, so that a table that is printed in several parts has the same columns in all.
    """

    def __init__(self) -> None:
        self.whole = self.fraction = 0

    def align(self, cells: Sequence[str]) -> list[str]:
        """Pad cells, each of one or several lines; what is no number, such as ``nan`` or ``-``, stands at the right.

        >>> NumberColumn().align(["9\\n63.7272", "0.5\\n-"])
        [' 9     \\n63.7272', ' 0.5   \\n      -']
        """
        lines = [line for cell in cells for line in cell.split("\n")]
        numbers = [match for line in lines if (match := _NUMBER.match(line))]
        self.whole = max((self.whole, *(len(match[1]) for match in numbers)))
        self.fraction = max((self.fraction, *(len(match[2]) for match in numbers)))
        words = (len(line) for line in lines if not _NUMBER.match(line))
        self.whole = max((self.whole, *(width - self.fraction for width in words)))
        return ["\n".join(map(self.pad, cell.split("\n"))) for cell in cells]

    def pad(self, line: str) -> str:
        """Pad one number, or one word, to the width of the column."""
        match = _NUMBER.match(line)
        if match is None:
            return line.rjust(self.whole + self.fraction)
        return match[1].rjust(self.whole) + match[2].ljust(self.fraction)


def align_units(cells: Iterable[str]) -> list[str]:
    """Pad quantities such as ``12.3 ms`` and ``1.36 s``, so that the units stand below each other.

    >>> align_units(["12.3 ms", "1.36 s"])
    ['12.3 ms', '1.36 s ']
    """
    parts = [cell.partition(" ") for cell in cells]
    width = max((len(unit) for _, _, unit in parts), default=0)
    return [f"{number}{space}{unit.ljust(width)}" for number, space, unit in parts]
