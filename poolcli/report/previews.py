"""Values to look at."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .records import Number, Plane, Stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MOST_VALUES = 1024
"""Larger results are not in the document: their file is."""
_SMALL = 7
"""Rows and columns up to here are shown whole."""
_CORNER = 3
"""Of more, so many at each end; one less where a cell holds several channels."""
_GAP = "..."


def cut_planes(array: Array, letters: str) -> tuple[Plane, ...]:
    """A few planes of the last two pooled axes: small ones whole, large ones by their corners.

    A cell of a picture holds its channels together.
    """
    if not array.size:
        return ()
    if not letters:  # everything was pooled and squeezed away: one number
        array, letters = array.reshape(1), "L"
    inner = letters.endswith("C") and array.shape[-1] <= 4 and array.ndim > 1
    cells = array if inner else array[..., None]
    names = letters[:-1] if inner else letters
    grid = [i for i, letter in enumerate(names) if letter not in "NC" and letter.isupper()][-2:] or [len(names) - 1]
    outer = [i for i in range(len(names)) if i not in grid]
    ordered = cells.transpose(*outer, *grid, len(names))
    kept = [names[i] for i in outer]
    return tuple(_make_plane(ordered, index, kept) for index in _outer_indices(ordered, len(outer)))


def _outer_indices(ordered: Array, count: int) -> list[tuple[int, ...]]:
    """The first plane and the last."""
    shape = ordered.shape[:count]
    return [tuple(0 for _ in shape), tuple(n - 1 for n in shape)] if math.prod(shape) > 1 else [(0,) * count]


def _make_plane(ordered: Array, index: tuple[int, ...], names: list[str]) -> Plane:
    """One plane as text."""
    one = ordered[index]
    one = one if one.ndim == 3 else one[None]
    corner = _CORNER if one.shape[2] == 1 else _CORNER - 1
    columns = _list_places(one.shape[1], corner)
    rows = [[_GAP if row is None or column is None else " ".join(map(short, one[row, column].tolist()))
             for column in columns]
            for row in _list_places(one.shape[0], corner)]
    label = ", ".join(f"{name}={i}" for name, i in zip(names, index, strict=True))
    return Plane(label, tuple(tuple(row) for row in rows))


def _list_places(length: int, corner: int) -> list[int | None]:
    """All places of a short axis; the first and last of a long one, None between them."""
    if length <= max(_SMALL if corner == _CORNER else 2 * corner, 1):
        return list(range(length))
    return [*range(corner), None, *range(length - corner, length)]


def short_stats(stats: Stats | None) -> tuple[str, str, str]:
    """Minimum, mean and maximum in six digits; dashes where there are none."""
    return ("-", "-", "-") if stats is None else (short(stats.min), short(stats.mean), short(stats.max))


def short(value: Number | None) -> str:
    """A number in six digits, which the mean of two 16-bit numbers needs; whole numbers whole."""
    if value is None:
        return "-"
    return str(int(value)) if isinstance(value, int) else f"{value:.6g}"
