"""FITS images and cubes (.fits, .fits.gz, .fits.fz): the samples, the header's cards, and the world coordinates.

astropy parses and writes; what a header claims is checked before anything is allocated. Cards are carried on but for
those that describe the array itself; the linear part of the world coordinates is recomputed (Greisen and Calabretta
2002: pixel centres are whole numbers from 1).
"""

from __future__ import annotations

import gzip
import io
import math
import re
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ...core.place import Place, PlaceFacts
from ...errors import PoolError
from ...redact import printable
from ..image_info import ImageInfo, Loaded
from ..size_limits import check_samples, claim_array

if TYPE_CHECKING:
    from ...core.place import AxisPlace
    from ..image_info import Array

_KEPT_TYPES = re.compile(r"FREQ|ENER|WAVN|VRAD|WAVE|VOPT|ZOPT|AWAV|VELO|BETA|FELO|STOKES|TIME|UTC|TAI")
"""Axes that are not pooled by default: spectra, polarisations, time (papers III and IV of the FITS WCS)."""
_STRUCTURE = re.compile(r"SIMPLE|BITPIX|NAXIS\d*|EXTEND|XTENSION|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK|DATAMIN"
                        r"|DATAMAX|CHECKSUM|DATASUM")
_WORLD = re.compile(r"(CRPIX|CDELT|CRVAL|CTYPE|CUNIT|CROTA)\d+[A-Z]?|(CD|PC|PV|PS)\d+_\d+[A-Z]?|WCSAXES[A-Z]?")
_DISTORTION = re.compile(r"[AB]P?_(ORDER|DMAX|\d+_\d+)|[CD][PQ](DIS|ERR)\d[A-Z]?|[DC][PQ]\d.*|D2IM(DIS|ERR|ARR)?\d.*")
_NUMBERS = re.compile(r"(CRPIX|CDELT|CRVAL|CROTA)\d+[A-Z]?|(CD|PC)\d+_\d+[A-Z]?")
_PIXEL = re.compile(r"LTV\d|LTM\d_\d")
"""What another program noted about the place of these very pixels."""
_STORED = {"bool": "uint8", "int8": "int16", "float16": "float32"}
"""Types that FITS lacks, and those that hold them."""
_TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
"""Of stored samples, by BITPIX."""
_ALTERNATES = ("", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MOST_AXES = 8


@dataclass(frozen=True)
class _FitsHeader:
    """The georeference of an image: the cards of its header as one text of 80 characters each."""

    cards: str
    distorted: bool = False
    """World coordinates have a part that is not linear, which a result does not keep."""

    kind = "FITS"

    def in_stack(self) -> _FitsHeader:
        """Return the same: images are never stacked."""
        return self

    def header(self) -> Any:
        """Return the cards as astropy has them."""
        from astropy.io.fits import Header

        return Header.fromstring(self.cards)

    def facts(self, place: Place) -> PlaceFacts | None:
        """Return the sizes of a pixel in world units, the projection, and the first centre."""
        if place.uneven:
            return None
        header = self.pool(place)
        sizes, units = {}, {}
        for axis in (*place.axes, *place.squeezed):
            number = _axis_number(axis, place)
            size = _pixel_size(header, number)
            if size is None:
                continue
            letter = axis.letter or str(axis.source)
            sizes[letter] = size
            if isinstance(unit := header.get(f"CUNIT{number}"), str) and unit.strip():
                units[letter] = unit.strip()
        kinds = [str(header.get(f"CTYPE{i}", "")).strip() for i in range(1, len(sizes) + 1)]
        same = set(units.values())
        return PlaceFacts(self.kind, " ".join(kind for kind in kinds if kind) or None,
                          same.pop() if len(same) == 1 and len(units) == len(sizes) else None, sizes, None, units)

    def losses(self, place: Place) -> tuple[str, ...]:
        """Name what a result cannot keep."""
        notes = []
        if self.distorted and not all(axis.is_whole for axis in (*place.axes, *place.squeezed)):
            notes.append("of its world coordinates the linear part is kept: distortion (SIP, TPV, D2IM) is about the "
                         "old pixels")
        if place.uneven:
            notes.append(f"its world coordinates are left out: windows of several sizes along {place.uneven} lie "
                         "unevenly")
        return tuple(notes)

    def pool(self, place: Place) -> Any:
        """Return the cards of a result; those of the array itself are the writer's."""
        header = self.header()
        axes = {_axis_number(axis, place): axis for axis in (*place.axes, *place.squeezed)}
        if all(axis.is_whole for axis in axes.values()):
            return header
        is_tpv = any(str(header[name]).endswith("TPV") for name in header if re.fullmatch(r"CTYPE\d+", name))
        for name in [name for name in header if _DISTORTION.fullmatch(name) or _PIXEL.fullmatch(name)
                     or (is_tpv and re.fullmatch(r"PV\d+_\d+", name))]:
            header.remove(name, ignore_missing=True, remove_all=True)
        for letter in _ALTERNATES:
            self._pool_linear(header, letter, axes, bool(place.uneven))
        for name in [name for name in header if re.fullmatch(r"CTYPE\d+[A-Z]?", name)] if self.distorted else ():
            header[name] = re.sub("TPV$", "TAN", str(header[name]).removesuffix("-SIP"))
        return header

    @staticmethod
    def _pool_linear(header: Any, letter: str, axes: dict[int, AxisPlace], drops: bool) -> None:
        """CRPIX, CDELT, CD and PC of one description of the world."""
        known = [name for name in header
                 if re.fullmatch(rf"(CRPIX|CDELT|CRVAL|CTYPE|CUNIT|CROTA)\d+{letter}|(CD|PC)\d+_\d+{letter}", name)]
        if not known:
            return
        if drops:
            for name in known:
                header.remove(name, ignore_missing=True, remove_all=True)
            return
        steps = {number: float(axis.spacing[0]) for number, axis in axes.items() if axis.spacing is not None}
        firsts = {number: float(axis.spacing[1]) for number, axis in axes.items() if axis.spacing is not None}
        has_cd = any(name.startswith("CD") and not name.startswith("CDELT") for name in known)
        for number in axes:
            if steps[number] == 1 and firsts[number] == 0:
                continue
            reference = float(header.get(f"CRPIX{number}{letter}", 0.0))
            header[f"CRPIX{number}{letter}"] = (reference - 1 - firsts[number]) / steps[number] + 1
            if not has_cd:
                header[f"CDELT{number}{letter}"] = float(header.get(f"CDELT{number}{letter}", 1.0)) * steps[number]
        for name in known:
            matched = re.fullmatch(rf"(CD|PC)(\d+)_(\d+){letter}", name)
            if matched is None:
                continue
            i, j = int(matched[2]), int(matched[3])
            factor = steps.get(j, 1.0) if matched[1] == "CD" else steps.get(j, 1.0) / steps.get(i, 1.0)
            header[name] = float(header[name]) * factor


def _axis_number(axis: AxisPlace, place: Place) -> int:
    """The number of an axis in FITS, which counts the fastest first."""
    return len(place.axes) + len(place.squeezed) - axis.source


def _pixel_size(header: Any, number: int) -> float | None:
    """How far it is from a pixel to the next one along an axis, in the world."""
    try:
        column = [float(header[name]) for name in header if re.fullmatch(rf"CD\d+_{number}", name)]
        return math.hypot(*column) if column else abs(float(header[f"CDELT{number}"]))
    except (KeyError, TypeError, ValueError):
        return None


# Reading.


def read(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    """Read the image of one HDU: the one that ``key`` names or numbers, else the first that holds an image.

    Axes are in NumPy's order, the last one of the file first. Missing samples of whole numbers (BLANK) are the nodata
    value; where numbers are scaled they come as NaN.
    """
    from astropy.io import fits

    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    source: Any = _unpack(stream, 8 * max_pixels) if packed else stream
    with fits.open(source, mode="readonly", memmap=False, lazy_load_hdus=True, do_not_scale_image_data=True,
                   output_verify="ignore") as file:
        unit = _choose_unit(file, key)
        shape = _check_shape(unit, 8 * max_pixels if packed or _is_compressed(unit) else size)
        claim_array(shape, abs(int(unit.header.get("BITPIX", 8))) // 8, max_pixels)
        header = unit.header.copy()
        array, nodata = _apply_scale(_np_native(unit.data), header)
    if array.shape != shape:
        raise PoolError("its header and its samples disagree; save it again from the original")
    return _describe(array, header, nodata, name, key)


def read_header(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded | None:
    """Return what ``read`` would, with an array that has no memory behind it; None of a packed file."""
    import numpy as np
    from astropy.io import fits

    if stream.read(2) == b"\x1f\x8b":
        return None
    size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    with fits.open(stream, mode="readonly", memmap=False, lazy_load_hdus=True, do_not_scale_image_data=True,
                   output_verify="ignore") as file:
        unit = _choose_unit(file, key)
        shape = _check_shape(unit, 8 * max_pixels if _is_compressed(unit) else size)
        check_samples(shape, max_pixels)
        header = unit.header.copy()
    sample, nodata = _apply_scale(np.zeros(1, _TYPES[int(header["BITPIX"])]), header)
    return _describe(np.broadcast_to(sample[0], shape), header, nodata, name, key)


def _describe(array: Array, header: Any, nodata: int | None, name: str, key: str | None) -> Loaded:
    """Samples with what the header says of them."""
    georeference, notes = _read_georeference(header)
    info = ImageInfo(name, "FITS", notes=notes, key=key, nodata=nodata, place=Place.of(georeference, array.shape))
    return Loaded(array, _choose_letters(header, array.ndim), info)


def _unpack(stream: IO[bytes], limit: int) -> io.BytesIO:
    """The file as gzip packed it, of a bounded size."""
    whole = io.BytesIO()
    with gzip.GzipFile(fileobj=stream) as packed:
        while piece := packed.read(1 << 22):
            whole.write(piece)
            if whole.tell() > limit:
                raise PoolError(f"more than {limit:,} bytes in a packed file; --max-pixels raises the limit")
    whole.seek(0)
    return whole


def _is_compressed(unit: Any) -> bool:
    from astropy.io import fits

    return isinstance(unit, fits.CompImageHDU)


def _choose_unit(file: Any, key: str | None) -> Any:
    if key is not None:
        try:
            unit = file[int(key) if key.isdecimal() else key]
        except (KeyError, IndexError):
            names = ", ".join(f"{i} {one.name}".strip() for i, one in enumerate(file))
            raise PoolError(f"there is no HDU {printable(key)}; there are {printable(names)}") from None
        if not getattr(unit, "is_image", False) or not unit.shape:
            raise PoolError(f"HDU {printable(key)} holds no image; --key names one that does")
        return unit
    for unit in file:
        if getattr(unit, "is_image", False) and unit.shape and not isinstance(unit.shape, str):
            return unit
    raise PoolError("no HDU holds an image; tables are not pooled")


def _check_shape(unit: Any, limit: int) -> tuple[int, ...]:
    """The shape by the header, before anything is allocated for it."""
    shape = tuple(int(n) for n in unit.shape)
    bits = abs(int(unit.header.get("BITPIX", 8)))
    if len(shape) > _MOST_AXES or min(shape) < 1:
        raise PoolError(f"an image of {len(shape)} axes {shape[:9]}, which cannot be; save it again from the original")
    if math.prod(shape) * bits // 8 > limit:
        raise PoolError(f"its header promises {math.prod(shape) * bits // 8:,} bytes of samples, and {limit:,} can be "
                        "there")
    return shape


def _np_native(array: Array | None) -> Array:
    """The samples in this machine's byte order."""
    if array is None:
        raise PoolError("the HDU holds no samples")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _apply_scale(array: Array, header: Any) -> tuple[Array, int | None]:
    """What stored numbers mean, and the value of missing ones."""
    import numpy as np

    scale, zero = float(header.get("BSCALE", 1)), float(header.get("BZERO", 0))
    blank = header.get("BLANK") if array.dtype.kind in "iu" else None
    blank = int(blank) if isinstance(blank, int) else None
    if (scale, zero) == (1, 0):
        return array, blank
    unsigned = {("int16", 2.0**15): "uint16", ("int32", 2.0**31): "uint32", ("int64", 2.0**63): "uint64",
                ("uint8", -128.0): "int8"}.get((array.dtype.name, zero))
    if scale == 1 and unsigned is not None:
        sign = array.dtype.type(1 << 7) if unsigned == "int8" else np.iinfo(array.dtype).min
        return (array ^ sign).view(unsigned), None if blank is None else blank + int(zero)
    values = array.astype(np.float64) * scale + zero
    if blank is not None:
        values[array == blank] = np.nan
    return values, None


def _read_georeference(header: Any) -> tuple[_FitsHeader, tuple[str, ...]]:
    """The cards that a result keeps; world coordinates that astropy cannot parse are left out."""
    for name in [name for name in header if _STRUCTURE.fullmatch(name)]:
        header.remove(name, ignore_missing=True, remove_all=True)
    damaged = _drop_damaged(header)
    try:
        distorted = _parse_wcs(header)
    except Exception as error:  # astropy raises a dozen kinds of errors here
        for name in [name for name in header if _WORLD.fullmatch(name) or _DISTORTION.fullmatch(name)]:
            header.remove(name, ignore_missing=True, remove_all=True)
        why = printable(" ".join(str(error).split())[:120])
        return _FitsHeader(header.tostring()), (*damaged, f"its world coordinates are left out: {why}")
    return _FitsHeader(header.tostring(), distorted), damaged


def _drop_damaged(header: Any) -> tuple[str, ...]:
    """Leave out cards that astropy cannot parse or write, of which it would warn again and again; return a note."""
    dropped = [number for number, card in enumerate(header.cards) if not _is_whole(card)]
    for number in reversed(dropped):
        del header[number]
    return (f"damaged cards of its header are left out: {len(dropped)}",) if dropped else ()


def _is_whole(card: Any) -> bool:
    """Whether a card can be read as it stands, and written."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            again = type(card).fromstring(str(card))
            again.verify("exception")
            return bool((again.keyword, again.comment, again.value) == (card.keyword, card.comment, card.value))
        except Exception:  # astropy raises a dozen kinds of errors and warnings here
            return False


def _parse_wcs(header: Any) -> bool:
    """Parse the world coordinates, and say whether they are distorted."""
    from astropy.wcs import WCS

    kinds = [str(header[name]) for name in header if re.fullmatch(r"CTYPE\d+", name)]
    if any(name in header for name in ("A_ORDER", "CPDIS1", "D2IMDIS1", "D2IM1")) or any(
            kind.endswith(("-SIP", "TPV")) for kind in kinds):
        return True
    if wrong := [name for name in header if _NUMBERS.fullmatch(name) and isinstance(header[name], str)]:
        raise ValueError(f"{wrong[0]} is no number")
    WCS(header, fix=False).wcs.set()
    return False


def _choose_letters(header: Any, count: int) -> str:
    """Name the axes: the last two or three are pooled, and small letters stand for spectra, polarisations and time."""
    kept = [bool(_KEPT_TYPES.match(str(header.get(f"CTYPE{count - i}", "")).strip().upper())) for i in range(count)]
    if all(kept):
        kept = [False] * count
    free, pooled, letters = list("stuvwxyz"), list("WHD"), ""
    if sum(not one for one in kept) == 1:
        pooled = ["L"]
    for is_kept in reversed(kept):
        letters = (free.pop(0) if is_kept or not pooled else pooled.pop(0)) + letters
    return letters


# Writing.


def write(array: Array, source: ImageInfo, stream: IO[bytes], path: str) -> tuple[str, ...]:
    """Write one image: packed where the name ends in .gz, compressed without loss where it ends in .fz."""
    from astropy.io import fits

    array = array.astype(_STORED.get(array.dtype.name, array.dtype.name), copy=False)
    place, header = source.place, fits.Header()
    if place is not None and isinstance(place.georeference, _FitsHeader):
        header = place.georeference.pool(place)
        ordered = sorted((*place.axes, *place.squeezed), key=lambda axis: axis.source)
        array = array.reshape([len(axis) for axis in ordered])
        if any(not axis.is_whole for axis in ordered):
            header.add_history(f"poolcli: pooled from {' x '.join(str(axis.length) for axis in ordered)} samples")
    if path.lower().endswith(".fz"):
        kind = {"compression_type": "GZIP_2", "quantize_level": 0} if array.dtype.kind == "f" else {}
        unit: Any = fits.CompImageHDU(array, header, **kind)
        units = fits.HDUList([fits.PrimaryHDU(), unit])
    else:
        unit = fits.PrimaryHDU(array, header)
        units = fits.HDUList([unit])
    if source.nodata is not None and array.dtype.kind in "iu" and isinstance(source.nodata, int):
        unit.header["BLANK"] = source.nodata - int(unit.header.get("BZERO", 0))
    whole = io.BytesIO()
    units.writeto(whole, output_verify="silentfix")
    if path.lower().endswith(".gz"):
        with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0, filename="") as packed:
            packed.write(whole.getbuffer())
    else:
        stream.write(whole.getbuffer())
    return ()
