"""OME-Zarr multiscale metadata (NGFF 0.4 on Zarr 2, 0.5 on Zarr 3): which arrays are levels, where their samples lie.

https://ngff.openmicroscopy.org/0.4/ and /0.5/: a level's ``coordinateTransformations`` are one scale and perhaps one
translation, in that order; a sample i lies at i * scale + translation, which is the middle of its pixel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import PoolError


def _find_multiscale(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The first multiscale image of a group, by either version; None where there is none."""
    inside = attributes.get("ome")
    found = (inside if isinstance(inside, Mapping) else attributes).get("multiscales")
    first = found[0] if isinstance(found, list) and found else None
    return first if isinstance(first, Mapping) else None


def list_levels(attributes: Mapping[str, Any]) -> list[str]:
    """The arrays of its levels, the largest first."""
    image = _find_multiscale(attributes)
    levels = image.get("datasets") if image is not None else None
    if not isinstance(levels, list):
        return []
    return [str(level["path"]) for level in levels if isinstance(level, Mapping) and "path" in level]


# What the axes are.

_KINDS = {"channel": "C", "time": "N"}
"""Axes that are kept, by their type."""
_SPACE = {"z": "D", "y": "H", "x": "W", "d": "D", "h": "H", "w": "W", "depth": "D", "height": "H", "width": "W",
          "lat": "H", "latitude": "H", "lon": "W", "longitude": "W"}
_NAMES = {**_SPACE, "c": "C", "channel": "C", "channels": "C", "band": "C", "t": "N", "time": "N", "n": "N"}
"""Letters of axes that are known by their names."""


def find_letters(attributes: Mapping[str, Any], names: Sequence[str | None] | None, ndim: int) -> str | None:
    """The layout that metadata say: of OME axes, or of Zarr's dimension names; None where they say too little."""
    image = _find_multiscale(attributes)
    axes = image.get("axes") if image is not None else None
    if isinstance(axes, list) and len(axes) == ndim:
        found = [_letter_of(axis) for axis in axes]
    else:
        found = [_NAMES.get(str(name).lower()) for name in names or ()]
    known = [letter for letter in found if letter is not None]
    pooled = [letter for letter in known if letter not in "NC"]
    good = len(known) == ndim == len(set(known)) and 1 <= len(pooled) <= 3
    return "".join(known) if good else None


def _letter_of(axis: Any) -> str | None:
    """The letter of one OME axis: a name, as in version 0.3, or a name and perhaps a type."""
    if not isinstance(axis, Mapping):
        return _NAMES.get(str(axis).lower())
    kind = axis.get("type")
    return _KINDS.get(str(kind)) or _NAMES.get(str(axis.get("name")).lower())


# Where samples lie.


@dataclass(frozen=True)
class _SpatialMetadata:
    """What metadata say of one array: its axes, how far apart its samples are, where the first one is."""

    axes: tuple[Mapping[str, Any], ...]
    scale: tuple[float, ...]
    translation: tuple[float, ...]
    rest: Mapping[str, Any]
    """What holds for all levels and stays as it is."""
    omero: Mapping[str, Any] | None = None
    """How its channels are shown."""


def read_placement(attributes: Mapping[str, Any], path: str, letters: str) -> _SpatialMetadata:
    """The place of an array of a group; without metadata samples are one apart, the first at 0."""
    image = _find_multiscale(attributes) or {}
    levels = [level for level in image.get("datasets") or () if isinstance(level, Mapping)]
    found = next((level for level in levels if str(level.get("path")) == path), {})
    steps = [step for step in found.get("coordinateTransformations") or () if isinstance(step, Mapping)]
    axes = image.get("axes")
    named = [dict(axis) for axis in axes if isinstance(axis, Mapping)] if isinstance(axes, list) else []
    rest = {key: image[key] for key in ("name", "coordinateTransformations") if key in image}
    omero = find_omero(attributes)
    return _SpatialMetadata(tuple(named) if len(named) == len(letters) else tuple(
        _NAMED.get(letter, {"name": letter.lower(), "type": "space"}) for letter in letters),
                            _read_transformation(steps, "scale", letters, 1.0),
                            _read_transformation(steps, "translation", letters, 0.0), rest, omero)


def find_omero(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How a group says that its channels are shown: names, colours, ranges; None where it does not."""
    inside = attributes.get("ome")
    found = (inside if isinstance(inside, Mapping) else attributes).get("omero")
    return found if isinstance(found, Mapping) else None


def _read_transformation(steps: Sequence[Mapping[str, Any]], kind: str, letters: str, none: float) -> tuple[float, ...]:
    """The numbers of one kind of transformation, a number for each axis."""
    found = next((step.get(kind) for step in steps if step.get("type") == kind), None)
    good = isinstance(found, list) and len(found) == len(letters) and all(isinstance(n, (int, float)) for n in found)
    return tuple(float(n) for n in found) if good and found is not None else (none,) * len(letters)


_NAMED: Mapping[str, Mapping[str, str]] = {
    "N": {"name": "t", "type": "time"}, "C": {"name": "c", "type": "channel"}, "D": {"name": "z", "type": "space"},
    "H": {"name": "y", "type": "space"}, "W": {"name": "x", "type": "space"}}
"""Axes by their letters, as OME names them."""
_ORDER = ("time", "channel", "space")
"""In which axes stand, by type."""


def check_axes(axes: Sequence[Mapping[str, Any]], letters: str) -> None:
    """Refuse axes that no multiscale image has: 2 or 3 of space, behind at most one of time and one of channels."""
    kinds = [str(axis.get("type", "space")) for axis in axes]
    places = [_ORDER.index(kind) if kind in _ORDER else 1 for kind in kinds]
    good = places == sorted(places) and kinds.count("space") in (2, 3) and len(axes) - kinds.count("space") <= 2
    if not good:
        raise PoolError(f"OME-Zarr has its axes as t, c, z, y, x, two or three of them in space, which {letters} is "
                        "not; an array with its channels first, or --layout with other letters, would work")


def multiscale_attributes(place: _SpatialMetadata, levels: Sequence[tuple[str, Sequence[float], Sequence[float]]],
                          method: str, version: int) -> dict[str, Any]:
    """The attributes of a multiscale group: for each level its path, and scale and offset on the first one.

    A level whose first sample is centred at ``offset`` of the first level's samples lies at translation + offset scale.
    """
    image = {
        "name": "pyramid", **place.rest, "axes": [dict(axis) for axis in place.axes], "type": method,
        "datasets": [{"path": path, "coordinateTransformations": [
            {"type": "scale", "scale": [a * b for a, b in zip(scale, place.scale, strict=True)]},
            {"type": "translation", "translation": [
                start + at * apart for start, at, apart in zip(place.translation, offset, place.scale, strict=True)]},
        ]} for path, scale, offset in levels]}
    shown = {} if place.omero is None else {"omero": dict(place.omero)}
    if version == 2:
        return {"multiscales": [{"version": "0.4", **image}], **shown}
    return {"ome": {"version": "0.5", "multiscales": [image], **shown}}
