"""OME-Zarr multiscale metadata (NGFF 0.4 on Zarr 2, 0.5 on Zarr 3): which arrays are levels, where their samples lie.

https://ngff.openmicroscopy.org/0.4/ and /0.5/: a level's ``coordinateTransformations`` are one scale and perhaps one
translation, in that order; a sample i lies at i * scale + translation, which is the middle of its pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def multiscales(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first multiscale image of a group, by either version; None where there is none."""
    inside = attributes.get("ome")
    found = (inside if isinstance(inside, Mapping) else attributes).get("multiscales")
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, Mapping) else None


def paths(attributes: Mapping[str, Any]) -> list[str]:
    """The arrays of its levels, the largest first."""
    image = multiscales(attributes)
    levels = image.get("datasets") if image is not None else None
    if not isinstance(levels, list):
        return []
    return [str(level["path"]) for level in levels if isinstance(level, Mapping) and "path" in level]


# What the axes are.

KINDS = {"channel": "C", "time": "N"}
"""Axes that are kept, by their type."""
SPACE = {"z": "D", "y": "H", "x": "W", "d": "D", "h": "H", "w": "W", "depth": "D", "height": "H", "width": "W"}
NAMES = {**SPACE, "c": "C", "channel": "C", "channels": "C", "t": "N", "time": "N", "n": "N"}
"""Letters of axes that are known by their names."""


def letters(attributes: Mapping[str, Any], names: Sequence[str | None] | None, ndim: int) -> str | None:
    """The layout that metadata say: of OME axes, or of Zarr's dimension names; None where they say too little."""
    image = multiscales(attributes)
    axes = image.get("axes") if image is not None else None
    if isinstance(axes, list) and len(axes) == ndim:
        found = [letter_of(axis) for axis in axes]
    else:
        found = [NAMES.get(str(name).lower()) for name in names or ()]
    known = [letter for letter in found if letter is not None]
    pooled = [letter for letter in known if letter not in "NC"]
    good = len(known) == ndim == len(set(known)) and 1 <= len(pooled) <= 3
    return "".join(known) if good else None


def letter_of(axis: Any) -> str | None:
    """The letter of one OME axis: a name, as in version 0.3, or a name and perhaps a type."""
    if not isinstance(axis, Mapping):
        return NAMES.get(str(axis).lower())
    kind = axis.get("type")
    return KINDS.get(str(kind)) or NAMES.get(str(axis.get("name")).lower())
