"""GeoTIFF: the tags that say where a raster lies (OGC 19-008r4), and what they are for a pooled raster.

The tags are taken as they are stored, by Pillow or by tifffile, and written by either. Keys and texts of the coordinate
reference system stay as they are to the byte; scale, tie points and transformation are recomputed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...core.place import AxisPlace, PlaceFacts
from ..tiff.tiff_storage import read_storage
from .affine import Affine, find_corner, is_usable, locate_first_centre, measure_pixel, pool_affine

if TYPE_CHECKING:
    from ...core.place import Place
    from ...core.plans import Plan
    from ..image_info import ImageInfo
    from ..images.pixels import Picture

SCALE, TIEPOINTS, TRANSFORMATION = 33550, 33922, 34264
KEYS, _KEY_DOUBLES, _KEY_TEXTS = 34735, 34736, 34737
_METADATA, _RPC = 42112, 50844
ASCII, _SHORT, _DOUBLE = 2, 3, 12
"""Types of TIFF fields."""
TYPES: Mapping[int, int] = {SCALE: _DOUBLE, TIEPOINTS: _DOUBLE, TRANSFORMATION: _DOUBLE, KEYS: _SHORT,
                            _KEY_DOUBLES: _DOUBLE, _KEY_TEXTS: ASCII, _METADATA: ASCII, _RPC: _DOUBLE}
"""The tags that are read, and the type of each."""

_MODEL_TYPE, _RASTER_TYPE, _CITATION = 1024, 1025, 1026
_GEOGRAPHIC, _ANGULAR_UNIT, _PROJECTED, _LINEAR_UNIT = 2048, 2054, 3072, 3076
_PIXEL_IS_POINT = 2
_USER_DEFINED = 32767
_UNITS = {9001: "metre", 9002: "foot", 9003: "US survey foot", 9102: "degree", 9101: "radian", 9105: "grad"}
_STATISTICS = re.compile(rb"\s*<Item\b[^>]*\bname=(?:\"STATISTICS_[A-Z_]+\"|'STATISTICS_[A-Z_]+')[^>]*>[^<]*</Item>")

_DESCRIPTIONS = re.compile(rb"\s*<Item\b[^>]*\brole=(?:\"description\"|'description')[^>]*>[^<]*</Item>")


_RPC_NOTE = "its rational polynomial coefficients (RPC) are left out: they are about the old pixels"


class _BrokenTags(Exception):
    """Tags that say nothing of use; the message says what is wrong with them."""


Field = tuple[int, int, "bytes | tuple[float, ...] | tuple[int, ...]"]
"""A tag, its type and its value: numbers, or the bytes of a text without the NUL at its end."""


@dataclass(frozen=True)
class _GeoTiff:
    """The georeference of one page of a TIFF."""

    rows: int
    """The number of the axis of rows in the array that was read; columns follow it."""
    affine: Affine | None = None
    """Of corners, whatever the file says a coordinate stands for."""
    scale: tuple[float, ...] = ()
    """Width, height and depth of a pixel, where the file has these in place of a transformation of sixteen numbers."""
    is_point: bool = False
    """Coordinates in the file are those of pixel centres (GTRasterTypeGeoKey 2)."""
    points: tuple[float, ...] = ()
    """Column, row, 0, x, y, z of the tie point that goes with the scale, or of ground control points."""
    keys: tuple[int, ...] = ()
    key_doubles: tuple[float, ...] = ()
    key_texts: bytes = b""
    metadata: bytes = b""
    """The XML of tag 42112, without statistics of the old pixels."""
    had_rpc: bool = False
    vertical: tuple[float, float] = (0.0, 0.0)
    """Scale and origin of z in the transformation."""

    kind = "GeoTIFF"

    def in_stack(self) -> _GeoTiff:
        """Return the same with an axis of pages before the rows."""
        return replace(self, rows=self.rows + 1)

    def facts(self, place: Place) -> PlaceFacts | None:
        """Return pixel size, unit, reference system and the first centre; None without an affine."""
        if self.affine is None or self._explain_unfit(place) is not None:
            return None
        rows, columns = self._axes(place)
        affine = pool_affine(self.affine, rows, columns)
        height, width = measure_pixel(affine)
        sizes = {rows.letter or "H": height, columns.letter or "W": width}
        return PlaceFacts(self.kind, self.crs(), self.unit(), sizes, locate_first_centre(affine))

    def losses(self, place: Place) -> tuple[str, ...]:
        """Name what a pooled raster cannot keep."""
        notes = [_RPC_NOTE] if self.had_rpc else []
        reason = self._explain_unfit(place)
        if reason is not None and (self.affine is not None or self.points):
            notes.append(f"its place is left out: {reason}")
        return tuple(notes)

    def _axes(self, place: Place) -> tuple[AxisPlace, AxisPlace]:
        return place.axis(self.rows), place.axis(self.rows + 1)

    def _explain_unfit(self, place: Place) -> str | None:
        """Why such a result has no place in this format, or None."""
        rows, columns = self._axes(place)
        if rows in place.squeezed or columns in place.squeezed:
            return "rows or columns were squeezed away"
        if rows.spacing is None or columns.spacing is None:
            return f"windows of several sizes along {place.uneven} lie unevenly, and GeoTIFF has one pixel size"
        return None

    def fields(self, place: Place) -> tuple[Field, ...]:
        """Return the tags of a result, in order."""
        return tuple((tag, TYPES[tag], value) for tag, value in sorted(self._list_tags(place)) if value)

    def _list_tags(self, place: Place) -> Iterator[tuple[int, bytes | tuple[float, ...] | tuple[int, ...]]]:
        yield _METADATA, self.metadata
        if self._explain_unfit(place) is not None:
            return
        yield from ((KEYS, self.keys), (_KEY_DOUBLES, self.key_doubles), (_KEY_TEXTS, self.key_texts))
        rows, columns = self._axes(place)
        if self.points:
            yield TIEPOINTS, self._move_points(self.points, rows, columns)
        if self.scale:
            height, width = (self._find_origin(axis)[0] for axis in (rows, columns))
            yield SCALE, (self.scale[0] * width, self.scale[1] * height, *self.scale[2:])
        elif self.affine is not None:
            yield TRANSFORMATION, self._pool_matrix(pool_affine(self.affine, rows, columns))

    def _pool_matrix(self, affine: Affine) -> tuple[float, ...]:
        a, b, c, d, e, f = affine
        if self.is_point:  # the file's coordinates are those of centres
            c, f = c + a / 2 + b / 2, f + d / 2 + e / 2
        scale_z, z = self.vertical
        return (a, b, 0.0, c, d, e, 0.0, f, 0.0, 0.0, scale_z, z, 0.0, 0.0, 0.0, 1.0)

    def _move_points(self, points: tuple[float, ...], rows: AxisPlace, columns: AxisPlace) -> tuple[float, ...]:
        """Points with their columns and rows counted in pixels of the result."""
        (step_y, start_y), (step_x, start_x) = (self._find_origin(axis) for axis in (rows, columns))
        moved = list(points)
        for i in range(0, len(points) - 5, 6):
            moved[i] = (points[i] - start_x) / step_x
            moved[i + 1] = (points[i + 1] - start_y) / step_y
        return tuple(moved)

    def _find_origin(self, axis: AxisPlace) -> tuple[float, float]:
        assert axis.spacing is not None
        step, start = axis.spacing if self.is_point else find_corner(axis)
        return float(step), float(start)

    def key(self, number: int) -> int | str | None:
        """Return the value of a GeoKey: a number, or a text; None where it is not there, or holds doubles."""
        for i in range(4, len(self.keys) - 3, 4):
            found, tag, count, value = self.keys[i : i + 4]
            if found == number and tag == 0:
                return value
            if found == number and tag == _KEY_TEXTS:
                return self.key_texts[value : value + count].decode("utf-8", "replace").strip("|\0 ")
        return None

    def crs(self) -> str | None:
        """Return the code of the coordinate reference system, or what the file calls it."""
        for number in (_PROJECTED, _GEOGRAPHIC):
            code = self.key(number)
            if isinstance(code, int) and 0 < code < _USER_DEFINED:
                return f"EPSG:{code}"
            if code is not None:
                break
        named = self.key(_CITATION)
        return named if isinstance(named, str) and named else None

    def unit(self) -> str | None:
        """Return the unit of the coordinates; of a projected system with a code it is the code's, which no tag says."""
        if self.key(_MODEL_TYPE) == 2:
            return _UNITS.get(_as_whole(self.key(_ANGULAR_UNIT)), "degree")
        return _UNITS.get(_as_whole(self.key(_LINEAR_UNIT)))


def _as_whole(value: int | str | None) -> int:
    return value if isinstance(value, int) else 0


def list_georeference_fields(source: ImageInfo) -> tuple[Field, ...]:
    """Return the tags of a result; none where its source has no place that a TIFF holds."""
    place = source.place
    return place.georeference.fields(place) if place is not None and isinstance(place.georeference, _GeoTiff) else ()


# Reading.


def read_geotiff(tags: Callable[[int], Any], rows: int) -> tuple[_GeoTiff | None, tuple[str, ...]]:
    """Read the georeference of a page.

    Parameters
    ----------
    tags
        Gives the value of a tag: a number, a tuple of numbers, bytes, a text whose characters are bytes, or None.
    rows
        The number of the axis of rows in the array.

    Returns
    -------
    GeoTiff or None
        None where the page has no such tag, or none of use.
    tuple of str
        Notes of what was left out because it is broken.
    """
    values = {tag: value for tag in TYPES if (value := tags(tag)) is not None}
    if not values:
        return None, ()
    bare = _GeoTiff(rows, metadata=_without_statistics(_encode_text(values.get(_METADATA))), had_rpc=_RPC in values)
    try:
        found = _read_place(values, bare)
    except _BrokenTags as error:
        return bare if bare.metadata or bare.had_rpc else None, (f"its place is left out: {error}",)
    return found, ()


_ORIENTATION = 274


def with_page_tags(picture: Picture, tags: Callable[[int], Any], *, big: bool) -> Picture:
    """Give a picture what the tags of its page say of its place and of how it is stored."""
    found, notes = read_geotiff(tags, rows=0)
    if found is not None and tags(_ORIENTATION) not in (None, 1):
        found, notes = None, ("its place is left out: the page is turned, and places are of rows as they are stored",)
    return replace(picture, georeference=found, storage=read_storage(tags, big=big), notes=(*picture.notes, *notes))


def _encode_text(value: object) -> bytes:
    """The bytes of a text; Pillow gives a character for each byte."""
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")
    return value.rstrip(b"\0") if isinstance(value, bytes) else b""


def _read_floats(value: object) -> tuple[float, ...]:
    """Numbers of a tag, whose type a broken file may have wrong."""
    values = value if isinstance(value, tuple) else (value,)
    return values if all(isinstance(one, (int, float)) for one in values) else ()


def _without_statistics(xml: bytes) -> bytes:
    kept = _STATISTICS.sub(b"", xml)
    return kept if b"<Item" in kept else b""


def _read_place(values: Mapping[int, Any], bare: _GeoTiff) -> _GeoTiff:
    """What the tags say of the place; _BrokenTags where they contradict themselves."""
    keys = tuple(n for n in _read_floats(values.get(KEYS, ())) if isinstance(n, int))
    _check_keys(keys, len(_read_floats(values.get(_KEY_DOUBLES, ()))), len(_encode_text(values.get(_KEY_TEXTS))))
    keyed = replace(bare, keys=keys, key_doubles=_read_floats(values.get(_KEY_DOUBLES, ())),
                    key_texts=_encode_text(values.get(_KEY_TEXTS)))
    is_point = keyed.key(_RASTER_TYPE) == _PIXEL_IS_POINT
    keyed = replace(keyed, is_point=is_point)
    scale, points = _read_floats(values.get(SCALE, ())), _read_floats(values.get(TIEPOINTS, ()))
    if matrix := _read_floats(values.get(TRANSFORMATION, ())):
        affine, vertical = _read_matrix(matrix)
        return replace(keyed, affine=_move_to_corner(affine, is_point), vertical=vertical)
    if not points:
        if scale:
            raise _BrokenTags("it has a pixel scale without a tie point")
        return keyed
    if len(points) < 6 or not all(map(math.isfinite, points)):
        raise _BrokenTags(f"its tie point is {_list_keys(points[:6])}")
    if not scale:
        return replace(keyed, points=points[: len(points) // 6 * 6])
    affine = _read_scale(scale, points)
    return replace(keyed, affine=_move_to_corner(affine, is_point), scale=scale[:3], points=points[:6])


def _read_scale(scale: tuple[float, ...], points: tuple[float, ...]) -> Affine:
    """The affine map of a pixel scale and the first tie point."""
    if len(scale) < 2:
        raise _BrokenTags("its pixel scale has one number")
    column, row, _, x, y, _ = points[:6]
    affine = (scale[0], 0.0, x - column * scale[0], 0.0, -scale[1], y + row * scale[1])
    if not is_usable(affine):
        raise _BrokenTags(f"its pixel scale is {_list_keys(scale)}")
    return affine


def _check_keys(keys: tuple[int, ...], doubles: int, texts: int) -> None:
    """Refuse a block of GeoKeys that points beyond itself."""
    if not keys:
        return
    if len(keys) < 4 or keys[0] != 1 or len(keys) < 4 + 4 * keys[3]:
        raise _BrokenTags("its GeoKeys are broken")
    for i in range(4, 4 + 4 * keys[3], 4):
        _, tag, count, value = keys[i : i + 4]
        room = {0: value + count, KEYS: len(keys), _KEY_DOUBLES: doubles, _KEY_TEXTS: texts + 1}.get(tag)
        if room is None or value + count > room:
            raise _BrokenTags("its GeoKeys are broken")


def _read_matrix(matrix: tuple[float, ...]) -> tuple[Affine, tuple[float, float]]:
    """The affine map of a transformation of 4 x 4 numbers, and its scale and offset along the vertical."""
    if len(matrix) < 16:
        raise _BrokenTags(f"its transformation has {len(matrix)} numbers in place of 16")
    affine = (matrix[0], matrix[1], matrix[3], matrix[4], matrix[5], matrix[7])
    if not is_usable(affine):
        raise _BrokenTags(f"its transformation is {_list_keys(affine)}")
    return affine, (matrix[10], matrix[11])


def _move_to_corner(affine: Affine, is_point: bool) -> Affine:
    """The map from corners of pixels, of one from their middles where a pixel is a point."""
    a, b, c, d, e, f = affine
    return (a, b, c - a / 2 - b / 2, d, e, f - d / 2 - e / 2) if is_point else affine


def _list_keys(numbers: tuple[float, ...]) -> str:
    return ", ".join(f"{n:g}" for n in numbers)


def place_bands(place: Place, plan: Plan, letters: str, names: Sequence[str]) -> Place:
    """Return where a pooled result lies whose channels have names; they are a last axis where the plan has none."""
    pooled = place.pool(plan)
    axis = letters.index("C") if letters == plan.output_letters else len(pooled.axes)
    bands = AxisPlace(-1, letters[axis], len(names))
    return _name_bands(replace(pooled, axes=(*pooled.axes[:axis], bands, *pooled.axes[axis + 1 :])), names)


def _name_bands(place: Place, names: Iterable[str]) -> Place:
    """Return a place whose raster has descriptions of its bands, as GDAL reads them; other formats have none."""
    from xml.sax.saxutils import escape

    known = place.georeference
    if not isinstance(known, _GeoTiff):
        return place
    items = "".join(f'<Item name="DESCRIPTION" sample="{i}" role="description">{escape(name)}</Item>'
                    for i, name in enumerate(names)).encode()
    head, end, tail = known.metadata.rpartition(b"</GDALMetadata>")
    head = _DESCRIPTIONS.sub(b"", head)
    metadata = head + items + end + tail if end else b"<GDALMetadata>" + items + b"</GDALMetadata>"
    return replace(place, georeference=replace(known, metadata=metadata))
