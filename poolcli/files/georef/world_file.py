"""World files: six numbers beside a picture that say where it lies (.pgw, .jgw, .tfw, .wld)."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...core.place import Place, PlaceFacts
from ...errors import PoolError
from ...redact import printable
from ..atomic import atomic
from .affine import Affine, is_usable, locate_first_centre, measure_pixel, pool_affine

if TYPE_CHECKING:
    from ..image_info import ImageInfo, Loaded

KIND = "world file"
_MOST_BYTES = 4096
"""Of six lines."""


@dataclass(frozen=True)
class _WorldFile:
    """The georeference of a picture beside which a world file lies."""

    affine: Affine
    """Of corners."""
    rows: int = 0
    """The number of the axis of rows; columns follow it."""

    kind = KIND

    def in_stack(self) -> _WorldFile:
        """Return the same with an axis of pages before the rows."""
        return replace(self, rows=self.rows + 1)

    def facts(self, place: Place) -> PlaceFacts | None:
        """Return the sizes of a pixel and the first centre, in whatever unit they are."""
        affine = self.pool(place)
        if affine is None:
            return None
        height, width = measure_pixel(affine)
        sizes = {place.axis(self.rows).letter or "H": height, place.axis(self.rows + 1).letter or "W": width}
        return PlaceFacts(KIND, None, None, sizes, locate_first_centre(affine))

    def losses(self, place: Place) -> tuple[str, ...]:
        """Say so where a result has no world file."""
        if self.pool(place) is not None:
            return ()
        return ("its world file is left out: windows of several sizes lie unevenly, or an axis was squeezed away",)

    def pool(self, place: Place) -> Affine | None:
        """Return the affine of a result; None where there is none."""
        rows, columns = place.axis(self.rows), place.axis(self.rows + 1)
        if rows in place.squeezed or columns in place.squeezed or rows.spacing is None or columns.spacing is None:
            return None
        return pool_affine(self.affine, rows, columns)


def _name_world_file(path: str) -> str:
    """Return the usual name: first and last letter of the ending, and w.

    >>> _name_world_file("map.png"), _name_world_file("map.TIFF")
    ('map.pgw', 'map.TFw')
    """
    stem, ending = os.path.splitext(path)
    return f"{stem}.{ending[1:2]}{ending[-1:]}w"


def with_world_file(loaded: Loaded, name: str) -> Loaded:
    """Give a picture the place that a world file beside it names; a broken one is a note."""
    stem, ending = os.path.splitext(name)
    for path in (_name_world_file(name), f"{stem}{ending}w", f"{stem}.wld"):
        if not os.path.isfile(path):
            continue
        affine = _read(path)
        if affine is None:
            note = f"its world file {printable(os.path.basename(path))} is left out: it has not six numbers of use"
            return replace(loaded, source=replace(loaded.source, notes=(*loaded.source.notes, note)))
        georeference = _WorldFile(affine, 0 if loaded.source.pages is None else 1)
        return replace(loaded, source=replace(loaded.source, place=Place.of(georeference, loaded.array.shape)))
    return loaded


def _read(path: str) -> Affine | None:
    """The affine of corners; the file has the coordinates of the first pixel's centre."""
    with suppress(OSError, ValueError):
        with open(path, "rb") as stream:
            text = stream.read(_MOST_BYTES).decode("ascii", "replace")
        a, d, b, e, c, f = (float(word.replace(",", ".")) for word in text.split()[:6])
        affine = (a, b, c - a / 2 - b / 2, d, e, f - d / 2 - e / 2)
        return affine if is_usable(affine) else None
    return None


def check_world_file(path: str, source: ImageInfo, *, overwrite: bool, again: bool) -> None:
    """Refuse, before a picture is written, to write over the world file of another one."""
    beside = _name_world_file(path)
    if get_affine(source) is not None and not (overwrite or again) and os.path.lexists(beside):
        raise PoolError(f"{printable(beside)} exists; --overwrite or --place none would work")


def write_world_file(path: str, source: ImageInfo, *, overwrite: bool, again: bool) -> None:
    """Write the six numbers of a result beside it, to the last bit."""
    affine = get_affine(source)
    if affine is None:
        return
    a, b, _, d, e, _ = affine
    text = "".join(f"{number!r}\n" for number in (a, d, b, e, *locate_first_centre(affine)))
    with atomic(_name_world_file(path), overwrite=overwrite, again=again) as stream:
        stream.write(text.encode())


def get_affine(source: ImageInfo) -> Affine | None:
    """Return the affine of a result that has a world file; None for all others."""
    place = source.place
    if place is None or not isinstance(place.georeference, _WorldFile):
        return None
    return place.georeference.pool(place)
