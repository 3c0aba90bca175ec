"""Labelled arrays of xarray: pooled by the names of their dimensions, with coordinates and attributes.

``poolcli.pool`` leads here for a DataArray. Importing this module gives every DataArray an accessor:

    import poolcli.xarray
    small = temperature.pool("avg", size={"lat": 2, "lon": 2})
"""

from __future__ import annotations

from typing import Any

import xarray

from .core.place import Place
from .core.pool_options import refuse_array_options
from .core.windowings import NAMED_DEFAULTS
from .errors import PoolError
from .files.georef.coordinates import choose_letters, pool_coordinates
from .pooling import parse_pooling
from .pooling import pool as pool_array


def pool(x: Any, reducer: str = "max", *, out: Any = None, return_indices: bool = False, mask: Any = None,
         weights: Any = None, min_valid: Any = None, return_valid: Any = False, by: Any = None, sigma: Any = None,
         **options: Any) -> Any:
    """Pool a DataArray; the same values as ``poolcli.pool`` gives for its array.

    Parameters
    ----------
    x
        A DataArray, of Dask's arrays too: then the result stays lazy.
    reducer, **options
        As of ``poolcli.pool``. Sizes and strides may be given by the names of dimensions: ``size={"x": 2}`` pools x and
        keeps all others. Without names rows and columns are pooled, as coordinates and names tell them; else the last
        two dimensions.
    out, return_indices
        For arrays alone.
    mask, weights, by, sigma
        As of ``poolcli.pool``, or DataArrays: of some of the dimensions of ``x``, in any order, with the same
        coordinates. Of whole pixels, which ``by`` gives, ``by`` and ``mask`` are without the channels.
    min_valid, return_valid
        As of ``poolcli.pool``.

    Returns
    -------
    DataArray
        With ``return_valid`` a second one, of the numbers or shares of valid samples, with ``sigma`` of the standard
        errors.
        Coordinates are means over the windows, name and attributes stay, and ``cell_methods`` says what was done.

    Raises
    ------
    PoolError
        For whatever cannot be pooled.

    Examples
    --------
    >>> import numpy as np, xarray
    >>> x = xarray.DataArray(np.arange(8.0), dims="t", coords={"t": np.arange(8) * 10.0})
    >>> pool(x, "avg", size=4).t.values.tolist()
    [15.0, 55.0]
    """
    if not isinstance(x, xarray.DataArray):
        raise PoolError(f"a {type(x).__name__} of xarray holds several arrays; one of them, such as x['name'], would "
                        "work")
    refuse_array_options(out, return_indices, "goes with arrays, not with DataArrays; x.values would work")
    dims = tuple(map(str, x.dims))
    letters = options.get("layout") or choose_letters(dims, x.coords)
    pooling = parse_pooling(reducer, **{**options, "layout": letters}).for_axes(x.shape, letters, dims)
    settled = {name: getattr(pooling.window, name) for name in NAMED_DEFAULTS if name in options}
    plan = pooling.plan(x.shape, held=False)
    channel = plan.axes.letters.find("C") if by is not None else -1
    pixels = x if channel < 0 else x.isel({x.dims[channel]: 0}, drop=True)
    beside = {"mask": _fit_dimensions(mask, pixels, "mask"), "weights": _fit_dimensions(weights, x, "weights"),
              "by": _fit_dimensions(by, pixels, "by"), "sigma": _fit_dimensions(sigma, x, "sigma"),
              "min_valid": min_valid, "return_valid": return_valid}
    found = pool_array(x.data, reducer, **{**options, **settled, "layout": pooling.layout}, **beside)
    place = Place.of(None, x.shape).pool(plan)
    coords = pool_coordinates(x.coords, dims, place)
    kept = [x.dims[axis.source] for axis in place.axes]
    attrs = dict(x.attrs)
    if pooling.reducer.cell_method and by is None:  # of a pixel that wins by something else it tells nothing
        methods = " ".join([*(f"{dims[i]}:" for i in plan.axes.pooled), pooling.reducer.cell_method])
        attrs["cell_methods"] = f"{attrs.get('cell_methods', '')} {methods}".strip()
    values, *second = found if isinstance(found, tuple) else (found,)
    made = xarray.DataArray(values, dims=kept, coords=coords, name=x.name, attrs=attrs)
    if not second:
        return made
    units = {name: value for name, value in x.attrs.items() if name == "units" and sigma is not None}
    return made, xarray.DataArray(second[0], dims=kept, coords=coords, attrs=units,
                                  name="valid" if sigma is None else "sigma")


def _fit_dimensions(given: Any, x: Any, what: str) -> Any:
    """The array of what lies beside the samples, its dimensions those of ``x``; PoolError for other dimensions or
    coordinates."""
    if not isinstance(given, xarray.DataArray):
        return given
    if unknown := [dim for dim in given.dims if dim not in x.dims]:
        raise PoolError(f"{what} has the dimension {unknown[0]}, and the samples have {', '.join(map(str, x.dims))}; "
                        "those, or some of them, would work")
    try:
        xarray.align(x, given, join="exact", copy=False)
    except ValueError:
        raise PoolError(f"{what} has other coordinates than the samples; {what}.reindex_like(x), or {what}.values, "
                        "would work") from None
    return given.broadcast_like(x).transpose(*x.dims).data


@xarray.register_dataarray_accessor("pool")
class PoolAccessor:
    """``x.pool("max", size={"x": 2})``: the same as ``poolcli.pool(x, "max", size={"x": 2})``."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __call__(self, reducer: str = "max", **options: Any) -> Any:
        """Pool it; parameters, result and errors are those of ``poolcli.pool``."""
        return pool(self._array, reducer, **options)

