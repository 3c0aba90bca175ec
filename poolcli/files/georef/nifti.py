"""NIfTI-1 and NIfTI-2 volumes (.nii, .nii.gz): the samples, and the affines that say where they lie.

The header is parsed and written by nibabel; what it claims is checked before anything is allocated. nibabel's own
``rescale_affine`` is half a voxel off (nibabel#1366): the affines of a result are computed here, from its windows.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from ...core.place import Place, PlaceFacts
from ...errors import PoolError
from ..image_info import ImageInfo, Loaded
from ..size_limits import check_samples, claim_array

if TYPE_CHECKING:
    from ..image_info import Array

_LETTERS = "XYZtuvw"
"""Of the axes: space is pooled, time and what follows it is kept."""
_MOST_EXTENSION_BYTES = 1 << 26
"""Between header and samples."""
_SIZES = {348: 1, 540: 2}
_SPACES = {1: "scanner", 2: "aligned", 3: "Talairach", 4: "MNI152", 5: "template"}
_SPACE_UNITS = {1: "m", 2: "mm", 3: "um"}
_TIME_UNITS = {8: "s", 16: "ms", 24: "us", 32: "Hz", 40: "ppm", 48: "rad/s"}
_STORED = {"bool": "uint8", "float16": "float32"}
"""Types that NIfTI lacks, and those that hold them."""


@dataclass(frozen=True)
class _Nifti:
    """The georeference of a volume: its header as it stood in the file."""

    header: bytes
    version: int
    extensions: bytes = b""
    """What lay between header and samples."""

    kind = "NIfTI"

    def in_stack(self) -> _Nifti:
        """Return the same: volumes are never stacked."""
        return self

    def parse_header(self) -> Any:
        """Return the header as nibabel has it, in this machine's byte order."""
        return _parse(self.header, self.version).as_byteswapped("<")

    def facts(self, place: Place) -> PlaceFacts | None:
        """Return voxel sizes, their units, the space and the first centre; None where samples lie unevenly."""
        if place.uneven:
            return None
        header = self.pool(place)
        space, time = int(header["xyzt_units"]) & 7, int(header["xyzt_units"]) & 56
        units = {}
        sizes = {}
        for axis in (*place.axes, *place.squeezed):
            letter = axis.letter or _LETTERS[axis.source]
            if (unit := _SPACE_UNITS.get(space) if axis.source < 3 else _TIME_UNITS.get(time)) and axis.source < 4:
                units[letter] = unit
            if axis.source < 4:
                sizes[letter] = float(header["pixdim"][axis.source + 1])
        code = int(header["sform_code"]) or int(header["qform_code"])
        centre = tuple(float(one) for one in header.get_best_affine()[:3, 3])
        return PlaceFacts(self.kind, _SPACES.get(code), _SPACE_UNITS.get(space), sizes, centre, units)

    def losses(self, place: Place) -> tuple[str, ...]:
        """Name what a result cannot keep."""
        notes = []
        if place.uneven:
            notes.append(f"its place is left out: windows of several sizes along {place.uneven} lie unevenly, and "
                         "NIfTI has one affine")
        header = self.parse_header()
        if int(header["slice_code"]) and not place.axis(2).is_whole:
            notes.append("the times of its slices are left out: they are about the old slices")
        return tuple(notes)

    def pool(self, place: Place) -> Any:
        """Return the header of a result, of the same shape of axes; dtype and shape are the writer's."""
        import numpy as np

        header = self.parse_header()
        # an affine takes three axes, whatever the array has
        spatial = [place.axis(i).spacing if i < _count_axes(place) else (1, 0) for i in range(3)]
        if place.uneven:
            header["sform_code"] = header["qform_code"] = 0
            header["pixdim"][1:] = 1
        else:
            steps = np.array([float(one[0]) for one in spatial if one is not None])
            firsts = np.array([float(one[1]) for one in spatial if one is not None])
            if int(header["qform_code"]) > 0:
                quaternion = header.get_qform()
                moved = quaternion[:3, 3] + quaternion[:3, :3] @ firsts
                for name, value in zip(("qoffset_x", "qoffset_y", "qoffset_z"), moved, strict=True):
                    header[name] = value
            for name in ("srow_x", "srow_y", "srow_z"):
                row = header[name].astype(np.float64)
                header[name] = [*(row[:3] * steps), row[3] + row[:3] @ firsts]
            header["pixdim"][1:4] = header["pixdim"][1:4] * steps
            self._pool_time(header, place)
        if int(header["slice_code"]) and _count_axes(place) > 2 and not place.axis(2).is_whole:
            for name in ("slice_code", "slice_start", "slice_end", "slice_duration"):
                header[name] = 0
        return header

    @staticmethod
    def _pool_time(header: Any, place: Place) -> None:
        if _count_axes(place) < 4 or (spacing := place.axis(3).spacing) is None:
            return
        header["toffset"] = float(header["toffset"]) + float(spacing[1]) * float(header["pixdim"][4])
        header["pixdim"][4] = float(header["pixdim"][4]) * float(spacing[0])


def _count_axes(place: Place) -> int:
    """How many axes the file has."""
    return len(place.axes) + len(place.squeezed)


def _parse(data: bytes, version: int) -> Any:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    return (Nifti1Header if version == 1 else Nifti2Header)(data, check=False)


# Reading.


def read(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    """Read a volume: axes X, Y, Z, then time and others, as the file counts them.

    Stored numbers that have a slope and an intercept come as what they mean, in float64.
    """
    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    source: Any = gzip.GzipFile(fileobj=stream) if packed else stream
    version, header, data = _read_header(source)
    shape, dtype, count = _check_shape(header, version)
    if packed and count * dtype.itemsize > 8 * max_pixels:
        raise PoolError(f"{count * dtype.itemsize:,} bytes in a packed file are more than {8 * max_pixels:,}; "
                        "--max-pixels raises the limit")
    claim_array(shape, dtype.itemsize, max_pixels)
    extensions = _read_extensions(source, header, len(data))
    array, notes = _apply_scale(_read_samples(source, shape, dtype, count), header)
    return _describe(array, header, _Nifti(data, version, extensions), name, notes)


def read_header(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    """Return what ``read`` would, with an array that has no memory behind it."""
    import numpy as np

    packed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    version, header, data = _read_header(gzip.GzipFile(fileobj=stream) if packed else stream)
    shape, dtype, _ = _check_shape(header, version)
    check_samples(shape, max_pixels)
    sample, notes = _apply_scale(np.zeros(1, dtype.newbyteorder("=")), header)
    return _describe(np.broadcast_to(sample[0], shape), header, _Nifti(data, version), name, notes)


def _describe(array: Array, header: Any, georeference: _Nifti, name: str, notes: tuple[str, ...]) -> Loaded:
    """Samples with what the header says of them."""
    place: Place | None = Place.of(georeference, array.shape)
    if not _is_usable(header):
        place, notes = None, (*notes, "its place is left out: its affine is no finite one that keeps voxels apart")
    return Loaded(array, _LETTERS[: array.ndim], ImageInfo(name, "NIFTI", notes=notes, place=place))


def _is_usable(header: Any) -> bool:
    """Whether the affines that the header declares place voxels anywhere."""
    import numpy as np

    try:
        affines = [get() for code, get in (("sform_code", header.get_sform), ("qform_code", header.get_qform))
                   if int(header[code]) > 0]
    except ValueError:  # a quaternion of more than unit length
        return False
    sizes = np.asarray(header["pixdim"][1:5], np.float64)
    return all(np.isfinite(one).all() and np.linalg.det(one) != 0 for one in affines) and bool(
        np.isfinite(sizes).all() and math.isfinite(float(header["toffset"])))


def _read_header(source: Any) -> tuple[int, Any, bytes]:
    data = source.read(348)
    size = int.from_bytes(data[:4], "little")
    size = size if size in _SIZES else int.from_bytes(data[:4], "big")
    version = _SIZES.get(size)
    if version is None or len(data) < 348:
        raise PoolError("no NIfTI volume: its header has another size than 348 or 540; save it again from the original")
    data += source.read(size - 348)
    if len(data) < size:
        raise PoolError("the header is cut off; save it again from the original")
    magic = data[4:8] if version == 2 else data[344:348]
    if magic[:2] == b"ni":
        raise PoolError("a NIfTI header whose samples are in another file; one .nii of both would work")
    if magic[:2] != b"n+":
        raise PoolError("no NIfTI volume: its magic number is missing; save it again from the original")
    return version, _parse(data, version), data


def _check_shape(header: Any, version: int) -> tuple[tuple[int, ...], Any, int]:
    """Shape, dtype and count, all of them believable; nothing is allocated before."""
    import numpy as np

    rank = int(header["dim"][0])
    shape = tuple(int(n) for n in header["dim"][1 : 1 + max(rank, 0)])
    if not 1 <= rank <= 7 or min(shape) < 1:
        raise PoolError(f"a NIfTI volume of {rank} axes {shape}, which cannot be; save it again from the original")
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    try:
        dtype = np.dtype(header.get_data_dtype())
    except Exception:
        raise PoolError(f"samples of type {int(header['datatype'])}, which is none of NIfTI's") from None
    if dtype.kind not in "iuf" or dtype.itemsize > 8:
        raise PoolError(f"samples of {dtype}, which cannot be pooled; integers and floats of up to 64 bits can")
    return shape, dtype, math.prod(shape)


def _read_extensions(source: Any, header: Any, read: int) -> bytes:
    offset = float(header["vox_offset"])
    if not (offset == 0 or read <= offset <= read + _MOST_EXTENSION_BYTES):
        raise PoolError(f"its samples begin at byte {offset:g}, which cannot be; save it again from the original")
    between = source.read(max(int(offset), read + 4) - read)
    return between[4:] if between[:1] not in (b"", b"\0") else b""


def _read_samples(source: Any, shape: tuple[int, ...], dtype: Any, count: int) -> Array:
    """The samples, piece by piece: a header that promises more than there is costs no memory."""
    import numpy as np

    wanted, data = count * dtype.itemsize, bytearray()
    while len(data) < wanted and (piece := source.read(min(wanted - len(data), 1 << 24))):
        data += piece
    if len(data) < wanted:
        raise PoolError(f"cut off: its header promises {wanted:,} bytes of samples, and there are {len(data):,}")
    array = np.frombuffer(data, dtype).reshape(shape, order="F")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _apply_scale(array: Array, header: Any) -> tuple[Array, tuple[str, ...]]:
    import numpy as np

    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if (slope in (0, 1) and inter == 0) or not (math.isfinite(slope) and math.isfinite(inter)) or slope == 0:
        return array, ()
    return array.astype(np.float64) * slope + inter, (f"stored numbers are taken as {slope:g} n + {inter:g}, as the "
                                                      "file says",)


# Writing.


def write(array: Array, source: ImageInfo, stream: IO[bytes], path: str) -> tuple[str, ...]:
    """Write a volume: NIfTI-1, or NIfTI-2 where the input was that or an axis is too long; .gz by its name."""
    import numpy as np

    array = array.astype(_STORED.get(array.dtype.name, array.dtype.name), copy=False)
    place = source.place
    shape = array.shape if place is None else tuple(
        len(axis) for axis in sorted((*place.axes, *place.squeezed), key=lambda axis: axis.source))
    if not 1 <= len(shape) <= 7:
        raise PoolError(f"NIfTI holds one to seven axes, and the result has {len(shape)}; .npy can hold it")
    header, extensions = _make_header(place, shape)
    header.set_data_dtype(array.dtype)
    header.set_data_shape(shape)
    header["scl_slope"], header["scl_inter"] = 1, 0
    header["cal_min"] = header["cal_max"] = 0
    data = header.binaryblock
    between = (b"\1\0\0\0" + extensions) if extensions else b"\0" * 4
    between += b"\0" * (-(len(data) + len(between)) % 16)
    header["vox_offset"] = len(data) + len(between)
    whole = np.ascontiguousarray(array.reshape(shape).T)
    little = whole.astype(whole.dtype.newbyteorder("<"), copy=False)
    if path.lower().endswith(".gz"):
        with gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0, filename="") as packed:
            _write_all(packed, header.binaryblock + between, little)
    else:
        _write_all(stream, header.binaryblock + between, little)
    return ()


def _write_all(stream: Any, head: bytes, samples: Array) -> None:
    stream.write(head)
    stream.write(samples.reshape(-1).view("u1").data)


def _make_header(place: Place | None, shape: tuple[int, ...]) -> tuple[Any, bytes]:
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    long = max(shape) > 32767
    if place is not None and isinstance(place.georeference, _Nifti):
        header = place.georeference.pool(place)
        if long and place.georeference.version == 1:
            header = Nifti2Header.from_header(header)
        header["magic"] = b"n+2" if isinstance(header, Nifti2Header) else b"n+1"
        return header, place.georeference.extensions
    fresh = (Nifti2Header if long else Nifti1Header)(endianness="<")
    fresh["magic"] = b"n+2" if long else b"n+1"
    return fresh, b""
