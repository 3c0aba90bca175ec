"""Hyperstacks of ImageJ and Fiji (.tif): planes with named axes, sizes of pixels, a time step, labels and colours.

tifffile reads them and writes a new description. The old one counts the old planes, and never goes on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import IO, TYPE_CHECKING, Any

from ...core.place import Place
from ...errors import PoolError
from ..formats import has_tifffile
from ..image_info import ImageInfo, Loaded
from ..images.pillow_open import silence_warnings
from .ome_tiff import OmeImage, choose_letters, read_planes

if TYPE_CHECKING:
    from ..image_info import Array

_HYPERSTACK = "TZCYXS"
"""The order of axes in a file; S are the colours of a pixel."""
_DTYPES = ("uint8", "uint16", "float32")
_OF_DISPLAY = ("mode", "loop", "min", "max")
_OF_CHANNELS = ("Ranges", "LUTs")
_OF_OLD_PIXELS = {"ROI": "regions of interest", "Overlays": "overlays"}
_X_RESOLUTION, _Y_RESOLUTION = 282, 283


@dataclass(frozen=True)
class _ImageJStack(OmeImage):
    """The georeference of a hyperstack: axes, sizes of pixels and the time step as OME has them, and more."""

    extra: Mapping[str, Any] = field(default_factory=dict)
    """How it is shown, and its texts, by tifffile's names."""
    labels: tuple[str, ...] = ()
    """Of planes, in their order."""
    lost: tuple[str, ...] = ()
    """What is about the old pixels."""

    kind = "ImageJ"

    def losses(self, place: Place) -> tuple[str, ...]:
        """Name axes that have no one size any more, labels of planes that are no more, and what lay on the pixels."""
        notes = super().losses(place)
        if self.labels and not _keeps_planes(self, place):
            notes = (*notes, "labels of planes are left out: its planes are others now")
        if not self.lost:
            return notes
        return (*notes, f"its {' and '.join(self.lost)} are left out: they are about the old pixels")


def _keeps_planes(stack: _ImageJStack, place: Place) -> bool:
    """Whether the planes of a result are those of the file."""
    return all(axis.is_whole for axis in (*place.axes, *place.squeezed) if stack.axes[axis.source] in "TZC")


# Reading.


def recognises(stream: IO[bytes]) -> bool:
    """Return whether a TIFF is one of ImageJ, by the description of its first page; False without tifffile."""
    from ..images.metadata import describes_pixels
    from ..tiff.tiff import read_first_tags

    try:
        return has_tifffile() and describes_pixels(read_first_tags(stream).get(270)) == "ImageJ"
    except Exception:  # reading it will say what is wrong
        return False


def read(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    """Read all planes; ``key`` has no meaning here."""
    import tifffile

    silence_warnings("tifffile")
    if key is not None:
        raise PoolError("an ImageJ TIFF has no arrays by name; without --key it would work")
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    with tifffile.TiffFile(stream, name=os.path.basename(name), _multifile=False) as file:
        series = file.series[0]
        array = read_planes(series, size, max_pixels)
        stack = _describe_stack(series.axes, file.imagej_metadata or {}, file.pages[0])
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    info = ImageInfo(name, "IMAGEJ", axes=tuple(stack.axes), place=Place.of(stack, array.shape))
    return Loaded(array, choose_letters(stack.axes), info)


def _describe_stack(axes: str, known: Mapping[str, Any], page: Any) -> _ImageJStack:
    """Read what a file says of its axes; sizes that are no positive numbers are none."""
    found = {"X": _size_of(page, _X_RESOLUTION), "Y": _size_of(page, _Y_RESOLUTION),
             "Z": _parse_positive(known.get("spacing")), "T": _parse_positive(known.get("finterval"))}
    sizes = {axis: size for axis, size in found.items() if size is not None and axis in axes}
    unit = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), str(known.get("unit", "pixel")))
    labels = known.get("Labels") or ()
    lost = tuple(words for name, words in _OF_OLD_PIXELS.items() if known.get(name))
    extra = {name: known[name] for name in (*_OF_DISPLAY, *_OF_CHANNELS, "Info") if name in known}
    return _ImageJStack(axes, sizes, {axis: "s" if axis == "T" else unit for axis in sizes}, None, {}, extra,
                        tuple(map(str, labels)) if isinstance(labels, (list, tuple)) else (str(labels),), lost)


def _size_of(page: Any, tag: int) -> float | None:
    """The size of a pixel: one over pixels in a unit."""
    found = page.tags.get(tag)
    if found is None or len(found.value) != 2 or not found.value[0]:
        return None
    return _parse_positive(found.value[1] / found.value[0])


def _parse_positive(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and isfinite(value) and value > 0 else None


# Writing.


def write(array: Array, source: ImageInfo, stream: IO[bytes], path: str) -> tuple[str, ...]:
    """Write a hyperstack, not compressed, as ImageJ does; samples are 8 or 16 bits or floats of 32."""
    import io

    import numpy as np
    import tifffile

    place = source.place
    if place is None or not isinstance(place.georeference, _ImageJStack):
        raise PoolError("nobody says what its axes are; .npy can hold it")
    stack = place.georeference
    axes = "".join(stack.axes[axis.source] for axis in place.axes)
    notes: tuple[str, ...] = ()
    if array.dtype.kind == "b":
        array = array.astype("uint8") * np.uint8(255)
    elif array.dtype.name not in _DTYPES:
        notes = (f"{array.dtype} is stored as float32: ImageJ has no other",)
        array = array.astype("float32")
    lengths = dict(zip(axes, array.shape, strict=True))
    if lengths.get("S", 3) != 3:
        raise PoolError(f"ImageJ holds colours of three samples, not {lengths['S']}; .npy can hold them")
    order = sorted(range(len(axes)), key=lambda i: _HYPERSTACK.index(axes[i]))
    stored = array.transpose(order).reshape([lengths.get(axis, 1) for axis in _HYPERSTACK])
    resolution, metadata = _describe_result(stack, place, lengths)
    whole = io.BytesIO()
    tifffile.imwrite(whole, np.ascontiguousarray(stored), imagej=True, metadata=metadata, resolution=resolution,
                     photometric="rgb" if "S" in axes else "minisblack", software=False)
    stream.write(whole.getbuffer())
    return notes


def _describe_result(stack: _ImageJStack, place: Place, lengths: Mapping[str, int]
                    ) -> tuple[tuple[float, float] | None, dict[str, Any]]:
    """Return pixels in a unit along X and Y, and what else there is to say, as tifffile takes them."""
    sizes, units = stack.pool(place)
    mixed = any(not axis.is_whole for axis in (*place.axes, *place.squeezed) if stack.axes[axis.source] == "C")
    extra = {name: value for name, value in stack.extra.items() if not mixed or name not in _OF_CHANNELS}
    found: dict[str, Any] = {"axes": _HYPERSTACK, **extra}
    unit = next((units[axis] for axis in "XYZ" if axis in units), None)
    # as ImageJ escapes the micro sign: descriptions are ASCII
    found |= {} if unit is None else {"unit": "".join(c if c.isascii() else f"\\u{ord(c):04X}" for c in unit)}
    found |= {name: sizes[axis] for axis, name in (("Z", "spacing"), ("T", "finterval")) if axis in sizes}
    if stack.labels and _keeps_planes(stack, place):
        found["Labels"] = list(stack.labels)
    known = [sizes.get(axis) for axis in "XY"]
    resolution = None if None in known else (1 / known[0], 1 / known[1])  # type: ignore[operator]
    return resolution, found
