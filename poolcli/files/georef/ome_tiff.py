"""OME-TIFF (.ome.tif): stacks with named axes, physical sizes, channels and a time step.

tifffile reads the planes and writes a new OME-XML; the old one, which lists the old planes, never goes on.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from ...core.place import Place, PlaceFacts
from ...errors import PoolError
from ...redact import printable
from ..formats import DEFAULT_ENCODING
from ..image_info import ImageInfo, Loaded
from ..images.pillow_open import silence_warnings
from ..size_limits import claim_array
from ..tiff.tiff_extra import choose_codec
from ..tiff.tiff_storage import TiffStorage, choose_storage_options, read_storage

if TYPE_CHECKING:
    from ..image_info import Array

_MOST_XML = 1 << 24
"""Characters of a description that are parsed."""
_LETTERS = {"Y": "H", "X": "W", "C": "C"}
_SIZES = ("X", "Y", "Z")
_UNITS = {**dict.fromkeys(("um", "micron", "microns", "micrometer"), "\u00b5m"), "sec": "s", "inch": "in"}
"""What ImageJ calls units of OME."""


@dataclass(frozen=True)
class OmeImage:
    """The georeference of one image of an OME-TIFF."""

    axes: str
    """As OME has them: TZCYX; S are the samples of a pixel."""
    sizes: Mapping[str, float] = field(default_factory=dict)
    """Physical sizes by axis, and the time step of T."""
    units: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    channels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    """Names and colours, by the attribute of OME."""

    kind = "OME-TIFF"

    def in_stack(self) -> OmeImage:
        """Return the same: images are never stacked."""
        return self

    def facts(self, place: Place) -> PlaceFacts | None:
        """Return physical sizes and their units."""
        sizes, units = self.pool(place)
        letters = {self.axes[axis.source]: axis.letter or self.axes[axis.source]
                   for axis in (*place.axes, *place.squeezed)}
        return PlaceFacts(self.kind, None, None, {letters[axis]: size for axis, size in sizes.items()}, None,
                          {letters[axis]: unit for axis, unit in units.items() if axis in sizes})

    def losses(self, place: Place) -> tuple[str, ...]:
        """Name the axes that have no one size any more."""
        lost = "".join(axis for axis in self.sizes if axis not in self.pool(place)[0])
        return (f"physical sizes of {lost} are left out: its windows are of several sizes",) if lost else ()

    def pool(self, place: Place) -> tuple[dict[str, float], Mapping[str, str]]:
        """Return sizes and units of a result."""
        found = {}
        for axis in (*place.axes, *place.squeezed):
            name = self.axes[axis.source]
            if name in self.sizes and axis.spacing is not None:
                found[name] = self.sizes[name] * float(axis.spacing[0])
        return found, self.units


# Reading.


def read(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    """Read one image, all its planes: the first, or the one that ``key`` names or numbers."""
    import tifffile

    silence_warnings("tifffile")
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with tifffile.TiffFile(stream, name=os.path.basename(name), _multifile=False) as file:
        series = _choose_series(file, key)
        array = read_planes(series, size, max_pixels)
        image = _parse_image(file.ome_metadata or "", file.series.index(series), series.axes)
        page = series.pages[0]
        storage = read_storage(lambda tag: None if (one := page.tags.get(tag)) is None else one.value,
                               big=file.is_bigtiff)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    info = ImageInfo(name, "OME", key=key, axes=tuple(image.axes), storage=storage, place=Place.of(image, array.shape))
    return Loaded(array, choose_letters(image.axes), info)


def read_planes(series: Any, file_size: int, max_pixels: int) -> Array:
    """Read all planes of a series; PoolError for what cannot be pooled, or is damaged."""
    _check_planes(series, file_size, max_pixels)
    array: Array = series.asarray(maxworkers=1)
    if array.ndim != len(series.axes):  # damaged directories: tifffile names two axes of an array of three
        raise PoolError(f"broken TIFF: {array.ndim} axes of which {len(series.axes)} are named")
    return array


def _check_planes(series: Any, file_size: int, max_pixels: int) -> None:
    """Raise PoolError for planes that cannot be pooled, or are more than such a file or memory may hold."""
    if series.dtype is None or series.dtype.kind not in "biuf" or series.dtype.itemsize > 8:
        raise PoolError(f"its samples are {series.dtype}, which cannot be pooled; integers and floats can")
    size = math.prod(series.shape) * series.dtype.itemsize
    limit = max(file_size, 8 * max_pixels)
    if size > limit:
        raise PoolError(f"its planes take {size:,} bytes, more than {limit:,}; --max-pixels raises the limit")
    claim_array(series.shape, series.dtype.itemsize, max_pixels)


def _choose_series(file: Any, key: str | None) -> Any:
    """Return the image that is meant; PoolError where there is none."""
    if key is None:
        return file.series[0]
    found = [one for i, one in enumerate(file.series) if key in (str(i), one.name)]
    if not found:
        names = ", ".join(f"{i} {one.name}".strip() for i, one in enumerate(file.series))
        raise PoolError(f"there is no image {printable(key)}; there are {printable(names)}")
    return found[0]


def choose_letters(axes: str) -> str:
    """Return layout letters: Y and X are pooled, channels are C, small letters are kept.

    >>> choose_letters("TZCYX"), choose_letters("YXS"), choose_letters("ZCYXS")
    ('tzCHW', 'HWC', 'zCHWs')
    """
    known = _LETTERS if "C" in axes else {**_LETTERS, "S": "C"}
    return "".join(known.get(axis, axis.lower()) for axis in axes)


def _parse_image(xml: str, number: int, axes: str) -> OmeImage:
    """Read what the OME-XML says of one image; of damaged XML only the axes are known."""
    from xml.etree import ElementTree

    if not xml or len(xml) > _MOST_XML:
        return OmeImage(axes)
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return OmeImage(axes)
    images = [one for one in root if one.tag.endswith("}Image")]
    inside = list(images[number]) if number < len(images) else []
    pixels = next((one for one in inside if one.tag.endswith("}Pixels")), None)
    if pixels is None:
        return OmeImage(axes)
    wanted = {axis: f"PhysicalSize{axis}" for axis in _SIZES} | {"T": "TimeIncrement"}
    sizes = {axis: size for axis, name in wanted.items() if (size := _parse_positive(pixels.get(name))) is not None}
    units = {axis: str(pixels.get(f"{wanted[axis]}Unit", "s" if axis == "T" else "\u00b5m")) for axis in sizes}
    channels = [one for one in pixels if one.tag.endswith("}Channel")]
    found = {name: values for name in ("Name", "Color")
             if channels and all(values := tuple(one.get(name) for one in channels))}
    return OmeImage(axes, sizes, units, images[number].get("Name"), found)


def _parse_positive(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


# Writing.


def write(array: Array, source: ImageInfo, stream: IO[bytes], path: str) -> tuple[str, ...]:
    """Write one image with a new OME-XML, compressed and tiled as the input was."""
    import io
    from uuid import UUID

    import numpy as np
    import tifffile

    place = source.place
    image = place.georeference if place is not None and isinstance(place.georeference, OmeImage) else None
    if image is None or place is None:
        colours = source.mode is not None and array.ndim == 3 and array.shape[-1] in (3, 4)
        axes = "YXS" if colours else "TZCYX"[-array.ndim :]
        metadata: dict[str, Any] = {"axes": axes}
    else:
        axes = "".join(image.axes[axis.source] for axis in place.axes)
        metadata = {"axes": axes, **_describe(image, place, array.shape, axes)}
    if array.ndim > 5 or not axes:
        raise PoolError(f"OME-TIFF holds up to five axes, and the result has {array.ndim}; .npy can hold it")
    array = np.ascontiguousarray(array.astype("uint8") if array.dtype.kind == "b" else array)
    from hashlib import blake2b

    metadata["UUID"] = f"urn:uuid:{UUID(bytes=blake2b(array.view('u1').data, digest_size=16).digest(), version=5)}"
    storage = source.storage or TiffStorage()
    codec, notes = choose_codec(storage, DEFAULT_ENCODING)
    plane = array.shape[axes.index("Y") : axes.index("Y") + 2] if "YX" in axes else array.shape[-2:]
    options = choose_storage_options(storage, codec, plane, array.dtype)
    rgb = axes.endswith("S") and array.shape[-1] in (3, 4)
    whole = io.BytesIO()
    tifffile.imwrite(whole, array, ome=True, bigtiff=storage.big or array.nbytes > 2**32 - 2**25, metadata=metadata,
                     photometric="rgb" if rgb else "minisblack", software=False, **options)
    stream.write(whole.getbuffer())
    return notes


def _describe(image: OmeImage, place: Place, shape: tuple[int, ...], axes: str) -> dict[str, Any]:
    """Physical sizes, channels and name, as tifffile takes them."""
    sizes, units = image.pool(place)
    found: dict[str, Any] = {}
    for axis, size in sizes.items():
        name = "TimeIncrement" if axis == "T" else f"PhysicalSize{axis}"
        found |= {name: size, f"{name}Unit": _UNITS.get(units[axis], units[axis])}
    count = shape[axes.index("C")] if "C" in axes else 1
    channels = {name: list(values) for name, values in image.channels.items() if len(values) == count}
    return found | ({"Channel": channels} if channels else {}) | ({"Name": image.name} if image.name else {})
