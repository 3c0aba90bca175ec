"""What a Zarr array says of itself beside its values, and what of that holds for the result of a pooling.

Attributes, names of axes and the fill value stay; coordinates of axes, as xarray and CF store them, are pooled too.
https://docs.xarray.dev/en/stable/internals/zarr-encoding-spec.html
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core.place import average_over

if TYPE_CHECKING:
    import zarr

    from ..core import dtypes
    from ..core.plans import Plan

DIMENSIONS = "_ARRAY_DIMENSIONS"
"""The attribute with the names of axes where Zarr itself has none, in version 2."""
_MAX_COORDINATES = 1 << 20
"""Coordinates of an axis that are read; an axis that is longer keeps none."""


@dataclass(frozen=True)
class ArrayMetadata:
    """What is known of an array beside its values."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    fill_value: Any = 0
    coordinates: tuple[Coordinate, ...] = ()
    """Of the axes of an array in a group."""
    group: Mapping[str, Any] | None = None
    """The attributes of the group that it is in as a variable; None where it is alone."""


@dataclass(frozen=True)
class Coordinate:
    """A 1-D array beside another, which says where the samples of one axis are. It has the name of that axis."""

    name: str
    values: NDArray[Any]
    attributes: Mapping[str, Any]
    fill_value: Any

    def pool(self, plan: Plan, axis: int) -> Coordinate | None:
        """The coordinates of the result: means over whole windows; None of what has no mean, or no axis any more."""
        if axis not in plan.axes.pooled:
            return self
        windows = plan.windows[plan.axes.pooled.index(axis)]
        if self.values.dtype.kind not in "iuf" or not len(windows) or not np.isfinite(self.values).all():
            return None
        found = average_over(windows, self.values.astype(np.float64))
        whole = self.values.dtype.kind in "iu" and bool((found == np.rint(found)).all())
        return Coordinate(self.name, found.astype(self.values.dtype) if whole else found,
                          fit_attributes(self.attributes, self.values.dtype, found.dtype), None)


def read_metadata(array: zarr.Array[Any], group: zarr.Group | None) -> ArrayMetadata:
    """Read what an array says of itself, and what lies beside it in its group."""
    names = dimension_names(array)
    own = {key: value for key, value in dict(array.attrs).items() if key != DIMENSIONS}
    if group is None or names is None:
        return ArrayMetadata(own, array.fill_value)
    found = [_read_coordinate(group, name, n) for name, n in zip(names, array.shape, strict=True) if name]
    return ArrayMetadata(own, array.fill_value, tuple(one for one in found if one is not None), dict(group.attrs))


def _read_coordinate(group: zarr.Group, name: str, length: int) -> Coordinate | None:
    """Read the coordinates of an axis; None where there are none."""
    import zarr

    found = group.get(name)
    if not isinstance(found, zarr.Array) or found.shape != (length,) or length > _MAX_COORDINATES:
        return None
    own = {key: value for key, value in dict(found.attrs).items() if key != DIMENSIONS}
    return Coordinate(name, np.asarray(found[...]), own, found.fill_value)


def dimension_names(array: zarr.Array[Any]) -> tuple[str | None, ...] | None:
    """What the axes are called, in the way of either version of the format; None where they have no names."""
    found: Any = getattr(array.metadata, "dimension_names", None) or array.attrs.get(DIMENSIONS)
    named = isinstance(found, Sequence) and not isinstance(found, str) and len(found) == len(array.shape)
    return tuple(None if name is None else str(name) for name in found) if named else None


def is_coordinate(name: str, array: zarr.Array[Any]) -> bool:
    """Whether an array of a group says where the samples of others are: it is 1-D and named as its axis."""
    return dimension_names(array) == (name,)


def fit_fill_value(value: Any, dtype: dtypes.Type) -> Any:
    """The fill value of a result: that of the input where the result's dtype holds it, else 0 (NaN of floats)."""
    try:
        held = np.asarray(value, dtype)[()]
    except (OverflowError, TypeError, ValueError):
        return 0
    same = held == value or (held != held and value != value)
    return held if bool(same) else 0


def fit_attributes(attributes: Mapping[str, Any], before: dtypes.Type, after: dtypes.Type) -> dict[str, Any]:
    """Attributes of a result: all of the input's, the fill value of CF in the form that its dtype has in Zarr 3."""
    fitted = dict(attributes)
    for name in ("_FillValue", "missing_value"):
        value = fitted.get(name)
        if value is None or before == after:
            continue
        number = _decode_number(value)
        if number is None or (after.kind in "iu" and fit_fill_value(number, after) != number):
            del fitted[name]
        elif name == "_FillValue" and (isinstance(value, str) or after.kind == "f"):
            fitted[name] = (base64.b64encode(struct.pack("<d", number)).decode("ascii") if after.kind == "f"
                            else int(number))
    return fitted


def _decode_number(value: Any) -> float | int | None:
    """A number as xarray stores it, plain or as the base64 of a little-endian double; None of anything else."""
    if isinstance(value, (int, float)):
        return value
    try:
        found: float = struct.unpack("<d", base64.b64decode(value, validate=True))[0]
        return found
    except (TypeError, ValueError, struct.error):
        return None
