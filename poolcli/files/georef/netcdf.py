"""NetCDF variables and HDF5 datasets (.nc, .h5): samples with named axes, coordinates and attributes.

xarray reads and writes. NetCDF-4 goes through h5netcdf; NetCDF-3 is read through SciPy, where that is installed. What a
header claims is checked before a sample is read.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from ...core.place import Place, PlaceFacts
from ...errors import PoolError
from ...optional_deps import lacking
from ...redact import printable
from ..image_info import ImageInfo, Loaded
from ..size_limits import claim_array
from .coordinates import choose_letters, pool_coordinates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..image_info import Array

_PACKING = ("dtype", "scale_factor", "add_offset", "_FillValue")
_COMPRESSION = ("zlib", "complevel", "shuffle", "fletcher32", "compression", "compression_opts")
_PHONY = "phony_dim_"
"""How h5netcdf begins the names of axes that have none."""
_REFERENCES = ("grid_mapping", "units", "calendar")
_MOST_COORDINATE_BYTES = 1 << 28


@dataclass(frozen=True, eq=False)
class _NetCdf:
    """The georeference of one variable: the dataset that it came from, without its samples."""

    name: str
    dims: tuple[str, ...]
    coords: Mapping[Any, Any]
    """Variables of xarray, held in memory."""
    attrs: Mapping[str, Any]
    encoding: Mapping[str, Any]
    dataset_attrs: Mapping[str, Any]

    kind = "NetCDF"

    def in_stack(self) -> _NetCdf:
        """Return the same: variables are never stacked."""
        return self

    def facts(self, place: Place) -> PlaceFacts | None:
        """Return the mean spacing of each axis that has a coordinate, its unit, and the first coordinates."""
        found = pool_coordinates({dim: self.coords[dim] for dim in self.dims if dim in self.coords}, self.dims, place)
        sizes, units, first = {}, {}, []
        for axis in place.axes:
            dim = self.dims[axis.source]
            coord = found.get(dim)
            if coord is None or coord.dtype.kind not in "iuf" or not coord.size:
                continue
            letter = axis.letter or dim
            values = coord.values
            sizes[letter] = float(abs(values[-1] - values[0]) / (len(values) - 1)) if len(values) > 1 else math.nan
            units[letter] = str(coord.attrs.get("units", ""))
            first.append(float(values[0]))
        known = {letter: unit for letter, unit in units.items() if unit}
        crs = str(self.encoding.get("grid_mapping", "")) or None
        return PlaceFacts(self.kind, crs, None, sizes, tuple(first), known)

    def losses(self, place: Place) -> tuple[str, ...]:
        """Name the coordinates that a result cannot keep."""
        found = pool_coordinates(self.coords, self.dims, place)
        lost = [str(name) for name in self.coords if name not in found]
        return (f"coordinates are left out that have no mean: {printable(', '.join(lost))}",) if lost else ()


# Reading.


def read(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    """Read the variable that ``key`` names, or the only one; packed and missing samples as what they mean."""
    import numpy as np
    import xarray

    head = stream.read(8)
    stream.seek(0)
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    engine = "scipy" if head[:3] == b"CDF" else "h5netcdf"
    if engine == "scipy" and _lacking_module("scipy"):
        raise PoolError("NetCDF-3 is read through SciPy, which is not installed; pip install scipy would work, or "
                        "nccopy -k netCDF-4")
    if engine == "h5netcdf" and (reason := lacking("h5netcdf")) is not None:
        raise PoolError(f"NetCDF {reason}")
    if engine == "h5netcdf":
        _silence_h5netcdf()
    # datasets in groups are named by their paths; those of plain HDF5 have axes without names
    group, _, key = (key or "").strip("/").rpartition("/")
    options: dict[str, Any] = {"group": group or None, "phony_dims": "sort"} if engine == "h5netcdf" else {}
    with xarray.open_dataset(stream, engine=engine, decode_coords="all", cache=False, **options) as dataset:
        variable = _choose_variable(dataset, key or None)
        array = dataset[variable]
        _check_size(array, max(size, 8 * max_pixels))
        claim_array(array.shape, array.dtype.itemsize, max_pixels)
        bounds = {one.encoding.get("bounds", one.attrs.get("bounds")) for one in dataset.coords.values()}
        coords = {coord: one for coord, one in dataset.coords.items()
                  if (set(one.dims) <= set(array.dims) or (coord in bounds and one.dims[0] in array.dims))
                  and coord != variable}
        _check_total(coords)
        values = np.asarray(array.values)
        kept = {coord: one.variable.load() for coord, one in coords.items()}
        georeference = _NetCdf(variable, tuple(map(str, array.dims)), kept, dict(array.attrs), dict(array.encoding),
                               dict(dataset.attrs))
    nameless = all(dim.startswith(_PHONY) for dim in georeference.dims)  # plain HDF5, as silent as .npy
    letters, axes = (None, ()) if nameless else (choose_letters(georeference.dims, kept), georeference.dims)
    info = ImageInfo(name, "NETCDF", key=variable, axes=axes, place=Place.of(georeference, values.shape))
    return Loaded(values, letters, info)


def _silence_h5netcdf() -> None:
    """Keep h5netcdf (1.8) from complaining on standard error, when it is freed, of a file that it could not open.

    Its finalizer reads an attribute that only a file that was opened has; the class gets one that says as much.
    """
    import h5netcdf

    if not hasattr(h5netcdf.File, "_writable"):
        h5netcdf.File._writable = False


def _lacking_module(name: str) -> bool:
    """Whether a module is not installed."""
    from importlib.util import find_spec

    return find_spec(name) is None


def _choose_variable(dataset: Any, key: str | None) -> str:
    """Return the name of the variable that is meant; PoolError where it is not clear, or not there."""
    names = [str(name) for name, one in dataset.data_vars.items() if one.ndim]
    if key is not None:
        if key not in dataset.variables:
            raise PoolError(f"there is no variable {printable(key)}; there are {printable(', '.join(names) or 'none')}")
        return key
    numeric = [name for name in names if dataset[name].dtype.kind in "biuf"]
    if len(numeric) != 1:
        several = f"{len(numeric)} variables: {printable(', '.join(numeric[:9]))}" if numeric else "no variable"
        raise PoolError(f"has {several} of numbers; --key names one")
    return numeric[0]


def _check_size(array: Any, limit: int) -> None:
    if array.dtype.kind not in "biuf":
        raise PoolError(f"variable {printable(str(array.name))} holds {array.dtype}, which cannot be pooled")
    if not array.ndim or array.ndim > 8:
        raise PoolError(f"variable {printable(str(array.name))} has {array.ndim} axes; one to eight can be pooled")
    if math.prod(array.shape) * array.dtype.itemsize > limit:
        raise PoolError(f"its header promises {math.prod(array.shape) * array.dtype.itemsize:,} bytes of samples, more "
                        f"than {limit:,}; --max-pixels raises the limit")


def _check_total(coords: Mapping[Any, Any]) -> None:
    if sum(math.prod(one.shape) * one.dtype.itemsize for one in coords.values()) > _MOST_COORDINATE_BYTES:
        raise PoolError(f"its coordinates take more than {_MOST_COORDINATE_BYTES:,} bytes")


# Writing.


def write(array: Array, source: ImageInfo, stream: IO[bytes], path: str) -> tuple[str, ...]:
    """Write one variable as NetCDF-4, with coordinates, attributes and packing where the values allow it."""
    import xarray

    if (reason := lacking("h5netcdf")) is not None:
        raise PoolError(f"NetCDF {reason}")
    place = source.place
    if place is None or not isinstance(place.georeference, _NetCdf):
        dims = tuple(f"dim_{i}" for i in range(array.ndim))
        dataset = xarray.Dataset({source.key or "values": (dims, array)})
        notes: tuple[str, ...] = ()
    else:
        dataset, notes = _make_dataset(array, place.georeference, place, source.cell_methods)
    with TemporaryDirectory() as folder:  # older h5netcdf writes to names only
        dataset.to_netcdf(Path(folder) / "result.nc", engine="h5netcdf")
        with (Path(folder) / "result.nc").open("rb") as made:
            while piece := made.read(1 << 22):
                stream.write(piece)
    return notes


def _make_dataset(array: Array, found: _NetCdf, place: Place, cell_methods: str) -> tuple[Any, tuple[str, ...]]:
    import xarray

    dims = [found.dims[axis.source] for axis in place.axes]
    attrs = dict(found.attrs)
    if cell_methods:
        attrs["cell_methods"] = f"{attrs.get('cell_methods', '')} {cell_methods}".strip()
    encoding, notes = _choose_encoding(array, found.encoding)
    variable = xarray.Variable(dims, array, attrs, encoding)
    coords = pool_coordinates(found.coords, found.dims, place)
    return xarray.Dataset({found.name: variable}, coords, found.dataset_attrs), notes


def _choose_encoding(array: Array, known: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return how a result is packed and compressed: as the input, unless its values do not fit that any more."""
    import numpy as np

    encoding = {name: known[name] for name in (*_COMPRESSION, *_REFERENCES) if known.get(name) is not None}
    packed = known.get("dtype")
    if packed is None or np.dtype(packed).kind not in "iu" or array.dtype.kind != "f":
        fill = known.get("_FillValue")
        if fill is not None and array.dtype.kind == "f":
            encoding["_FillValue"] = array.dtype.type(fill)
        return encoding, ()
    limits, present = np.iinfo(packed), array[np.isfinite(array)]
    scale, offset = float(known.get("scale_factor", 1)), float(known.get("add_offset", 0))
    if present.size:
        ends = sorted(((float(present.min()) - offset) / scale, (float(present.max()) - offset) / scale))
        if ends[0] < limits.min or ends[1] > limits.max:
            return encoding, (f"its packing as {np.dtype(packed)} is left out: results reach beyond it",)
    return encoding | {name: known[name] for name in _PACKING if known.get(name) is not None}, ()
