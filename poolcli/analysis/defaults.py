"""What studies of several poolings look at where nobody says: a telling set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.reducers import REDUCERS
from ..core.windowings import WINDOW_KEYWORDS, window_options

_DEFAULT_REDUCERS = ("max", "min", "avg", "median", "subsample", "blur")
_KEYWORDS_WITH_BLUR = ("size", "seed")
"""Of windows: with any other a wider blur would not lie on the same grid, or would have to be told how."""


def default_stages(shared: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The usual reducers as (name, keywords); the blur has windows of about twice the size, on the same grid.

    A blur of 2 x 2 is the average. What it is for is windows that overlap: 4 x 4 at a stride of 2, the padding such
    that their middles are those of the others.
    """
    size = shared.get("size", 2)
    others = any(shared.get(name) for name in WINDOW_KEYWORDS if name not in _KEYWORDS_WITH_BLUR)
    if type(size) is not int or others or not window_options({"size": size}).windowing.strided:
        return [(name, {}) for name in _DEFAULT_REDUCERS]
    wide = 2 * size - size % 2
    blur = {"size": wide, "stride": size, "padding": (wide - size) // 2}
    return [(name, blur if REDUCERS[name].weighted and size > 1 else {}) for name in _DEFAULT_REDUCERS]


def format_options(keywords: Mapping[str, Any]) -> str:
    """Such keywords as options."""
    return "".join(f" --{name} {value}" for name, value in keywords.items())


def note_other_scale(names: list[str]) -> str | None:
    """A note about reducers that are on another scale, or None."""
    found = [name for name in names if not REDUCERS[name].keeps_scale]
    said = ", ".join(dict.fromkeys(found))
    return f"{said}: on another scale than the samples; errors compare unlike things" if found else None
