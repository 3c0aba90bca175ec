"""Coordinates of labelled arrays, as CF and xarray have them, and what they are after pooling.

A coordinate along a pooled axis is the mean over each window, as ``coarsen`` of xarray gives it where windows are
whole; one of several pooled axes (a latitude by row and column) is averaged window by window. Bounds are those of the
first and the last sample.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...core.place import AxisPlace, Place
    from ..image_info import Array

_ROWS = re.compile(r"y|lat|latitude|nav_lat|rlat|northing|projection_y_coordinate|grid_latitude", re.IGNORECASE)
_COLUMNS = re.compile(r"x|lon|longitude|nav_lon|rlon|easting|projection_x_coordinate|grid_longitude", re.IGNORECASE)
_ENCODING = ("units", "calendar", "_FillValue", "bounds")
"""What of the way a coordinate is stored goes on."""


def choose_letters(dims: Sequence[str], coords: Mapping[Any, Any]) -> str:
    """Return layout letters: H and W of what lies in rows and columns, and small letters of what is kept.

    >>> choose_letters(("time", "lat", "lon"), {}), choose_letters(("a", "b"), {}), choose_letters(("t",), {})
    ('tHW', 'HW', 'L')
    """
    rows = next((dim for dim in dims if _is_like(dim, coords, _ROWS, "Y")), None)
    columns = next((dim for dim in dims if _is_like(dim, coords, _COLUMNS, "X")), None)
    if rows is None or columns is None:
        rows, columns = (dims[-2], dims[-1]) if len(dims) > 1 else (None, None)
    if len(dims) == 1:
        return "L"
    letters: list[str] = []
    for dim in dims:
        wanted = {rows: "H", columns: "W"}.get(dim)
        spare = (one for one in (str(dim)[:1].lower(), *"abdefgijklmopqrstuvxyz")
                 if one.isascii() and one.isalpha() and one not in "nchw" and one not in letters)
        letters.append(wanted or next(spare))
    return "".join(letters)


def _is_like(dim: str, coords: Mapping[Any, Any], names: re.Pattern[str], axis: str) -> bool:
    attrs = getattr(coords.get(dim), "attrs", {})
    return attrs.get("axis") == axis or bool(names.fullmatch(str(dim))) or bool(
        names.fullmatch(str(attrs.get("standard_name", ""))))


def pool_coordinates(coords: Mapping[Any, Any], dims: Sequence[str], place: Place) -> dict[Any, Any]:
    """Return the coordinates of a pooled array as xarray variables by name.

    Parameters
    ----------
    coords
        Those of the input, by name: anything with ``dims``, ``values`` and ``attrs``.
    dims
        The dimensions of the input, in order.
    place
        That of the result; axes are those of ``dims``.

    Returns
    -------
    dict
        All that still mean something: texts along a pooled axis do not.
    """
    import xarray

    axes = {dim: place.axis(i) for i, dim in enumerate(dims)}
    gone = {dims[axis.source] for axis in place.squeezed}
    bounds = {str(one.attrs.get("bounds", one.encoding.get("bounds"))) for one in coords.values()}
    found = {}
    for name, coord in coords.items():
        pooled = [dim for dim in coord.dims if dim in axes and not axes[dim].is_whole]
        values = _pool_bounds(coord, axes) if str(name) in bounds else _pool_coordinate(coord, axes, pooled)
        if values is None:
            continue
        kept = tuple(dim for dim in coord.dims if dim not in gone)
        values = values.reshape([n for n, dim in zip(values.shape, coord.dims, strict=True) if dim not in gone])
        dropped = ("units",) if pooled else ()  # whole hours may be half hours now
        encoding = {key: coord.encoding[key] for key in _ENCODING if key in coord.encoding and key not in dropped}
        found[name] = xarray.Variable(kept, values, coord.attrs, encoding)
    return found


def _pool_coordinate(coord: Any, axes: Mapping[str, AxisPlace], pooled: Sequence[str]) -> Array | None:
    """Average one coordinate over the windows of its pooled dimensions; None where an average means nothing."""
    import numpy as np

    values: Array = np.asarray(coord.values)
    if not pooled:
        return values
    dates = values.dtype.kind in "mM"
    if values.dtype.kind not in "iuf" and not dates:
        return None
    numbers = values.astype("int64") if dates else values
    base = numbers.reshape(-1)[0] if numbers.size else 0
    result = (numbers - base).astype(np.float64) if dates else numbers.astype(np.float64)
    for dim in pooled:
        result = np.apply_along_axis(axes[dim].average, coord.dims.index(dim), result)
    if dates:
        whole: Array = (base + np.rint(result).astype("int64")).astype(values.dtype)
        return whole
    found: Array = result.astype(values.dtype) if values.dtype.kind == "f" else result
    return found


def _pool_bounds(coord: Any, axes: Mapping[str, AxisPlace]) -> Array | None:
    """Return the lower bound of each window's first sample and the upper one of its last; None of other shapes."""
    import numpy as np

    values: Array = np.asarray(coord.values)
    if values.ndim != 2 or values.shape[1] != 2 or coord.dims[0] not in axes:
        return None
    low, high = axes[coord.dims[0]].reach()
    return np.stack((values[low, 0], values[high, 1]), axis=1)
