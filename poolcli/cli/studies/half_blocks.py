"""Pictures in the terminal: two pixels a letter, the upper as foreground of a half block, the lower as background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

UPPER = "\N{UPPER HALF BLOCK}"


def half_blocks(picture: NDArray[np.uint8]) -> Any:
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
