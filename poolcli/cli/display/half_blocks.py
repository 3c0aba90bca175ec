"""Pictures in the terminal: two pixels a letter, the upper as foreground of a half block, the lower as background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

UPPER = "\N{UPPER HALF BLOCK}"
_SHADES = " .:-=+*#%@"
"""Dark to light, where there are no colours; on a dark terminal, as half blocks would look."""
_LEAST, _GAP = 26, 2
"""Letters that a picture is wide at least where several stand side by side, and between two."""
_PIPE = 80
"""Letters a line where nobody's terminal is that wide."""


def _draw_half_blocks(picture: Picture) -> Any:
    """An (H, W, 3) picture as rich Text of W letters a line; the pixels are the caller's to make few enough."""
    from rich.style import Style
    from rich.text import Text

    made = Text(no_wrap=True)
    for y in range(0, picture.shape[0], 2):
        for x in range(picture.shape[1]):
            upper = "#{:02x}{:02x}{:02x}".format(*picture[y, x])
            lower = "#{:02x}{:02x}{:02x}".format(*picture[y + 1, x]) if y + 1 < picture.shape[0] else None
            made.append(UPPER, Style(color=upper, bgcolor=lower))
        made.append("\n")
    return made


def _draw_shades(picture: Picture) -> Any:
    """An (H, W, 3) picture as rich Text without colours: two rows a line, the luma as a letter of SHADES."""
    from rich.text import Text

    height = len(picture) // 2 * 2 or 1
    luma = picture[:height] @ [0.299, 0.587, 0.114]
    pairs = luma.reshape(-1, min(2, height), picture.shape[1]).mean(axis=1)
    steps = (pairs / 256 * len(_SHADES)).astype(int)
    return Text("\n".join("".join(_SHADES[i] for i in row) for row in steps) + "\n", no_wrap=True)


@dataclass(frozen=True, eq=False)
class ImagePreview:
    """Pictures with a label above each, as many side by side as the terminal has room for; something rich prints."""

    tiles: Sequence[tuple[Picture, str]]

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """Colours where there are any, letters elsewhere."""
        from rich.table import Table

        from ...drawing.sheet import shrink
        from .report_table import UNLIMITED, text

        width = _PIPE if options.max_width >= UNLIMITED else options.max_width
        columns = max(1, min(len(self.tiles), (width + _GAP) // (_LEAST + _GAP)))
        room = (width + _GAP) // columns - _GAP
        colours = console.color_system is not None and not console.no_color and not options.ascii_only
        drawn = _draw_half_blocks if colours else _draw_shades
        for start in range(0, len(self.tiles), columns):
            row = self.tiles[start : start + columns]
            page = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
            for _ in row:
                page.add_column(width=room, overflow="fold")
            page.add_row(*(text(label) for _, label in row))
            page.add_row(*(drawn(shrink(picture, room)) for picture, _ in row))
            yield page
