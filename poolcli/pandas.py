"""Series of pandas with a regular index: pooled along it, as ``rolling`` does, with every reducer and windowing.

``poolcli.pool`` leads here for a Series.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas

from .core.place import Place
from .core.pool_options import refuse_array_options
from .errors import PoolError
from .pooling import parse_pooling
from .pooling import pool as pool_array


def pool(x: Any, reducer: str = "max", *, out: Any = None, return_indices: bool = False, mask: Any = None,
         weights: Any = None, min_valid: Any = None, return_valid: Any = False, by: Any = None,
         sigma: Any = None, **options: Any) -> Any:
    """Pool a Series; the same values as ``poolcli.pool`` gives for its array.

    Parameters
    ----------
    x
        A Series whose index is evenly spaced: of whole numbers, dates, time differences or floats.
    reducer, **options
        As of ``poolcli.pool``.
    out, return_indices
        For arrays alone.
    mask, weights, min_valid, return_valid, by, sigma
        As of ``poolcli.pool``; a Series of them has the same index.

    Returns
    -------
    Series
        With ``return_valid`` a second one, of the numbers or shares of valid samples, with ``sigma`` of the errors.
        Its index is where the windows are centred: the middle between the first and the last sample of each, as if the
        index went on beyond its ends.

    Raises
    ------
    PoolError
        For whatever cannot be pooled.

    Examples
    --------
    >>> import pandas
    >>> days = pandas.Series([1.0, 5.0, 3.0, 7.0], pandas.date_range("2024-01-01", periods=4, freq="D"))
    >>> pool(days, "max", size=2).to_dict()
    {Timestamp('2024-01-01 12:00:00'): 5.0, Timestamp('2024-01-03 12:00:00'): 7.0}
    """
    if not isinstance(x, pandas.Series):
        raise PoolError(f"a {type(x).__name__} of pandas is no array of numbers; a column of it, such as x['name'], or "
                        "x.to_numpy() would work")
    refuse_array_options(out, return_indices, "goes with arrays, not with Series; x.to_numpy() would work")
    beside = {"mask": _fit_index(mask, x, "mask"), "weights": _fit_index(weights, x, "weights"),
              "min_valid": min_valid, "return_valid": return_valid, "by": _fit_index(by, x, "by"),
              "sigma": _fit_index(sigma, x, "sigma")}
    found = pool_array(x.to_numpy(), reducer, **options, **beside)
    plan = parse_pooling(reducer, **options).plan(x.shape)
    place = Place.of(None, x.shape).pool(plan)
    values, *second = found if isinstance(found, tuple) else (found,)
    if values.ndim != 1:
        return found
    index = _place_index(x.index, place.axes[0].centres())
    made = pandas.Series(values, index=index, name=x.name)
    if not second:
        return made
    return made, pandas.Series(second[0], index=index, name="valid" if sigma is None else "sigma")


def _fit_index(given: Any, x: Any, what: str) -> Any:
    """The array of what lies beside the samples; PoolError for a Series with another index."""
    if not isinstance(given, pandas.Series):
        return given
    if not given.index.equals(x.index):
        raise PoolError(f"{what} has another index than the samples; {what}.reindex(x.index), or {what}.to_numpy(), "
                        "would work")
    return given.to_numpy()


def _place_index(index: Any, centres: Any) -> Any:
    """Return the index at places that are counted in samples, halves among them; PoolError where it is not regular."""
    dates = isinstance(index, (pandas.DatetimeIndex, pandas.TimedeltaIndex))
    if dates:
        index = index.as_unit("ns")
    numbers = index.asi8 if dates else index.to_numpy()
    if numbers.dtype.kind not in "iuf" or not _is_regular(numbers):
        raise PoolError("the index of the series is not evenly spaced, so windows have no place on it; x.to_numpy(), "
                        "or x.reset_index(drop=True), would work")
    step = numbers[1] - numbers[0] if len(numbers) > 1 else numbers.dtype.type(1)
    if numbers.dtype.kind == "f":
        return pandas.Index(numbers[0] + step * centres, name=index.name)
    halves = np.rint(2 * centres).astype(np.int64) * int(step)
    if dates:
        found = int(numbers[0]) + halves // 2
        kind = "M8[ns]" if isinstance(index, pandas.DatetimeIndex) else "m8[ns]"
        made = pandas.Index(found.view(kind), name=index.name)
        return made if getattr(index, "tz", None) is None else made.tz_localize("UTC").tz_convert(index.tz)
    whole = not (halves % 2).any()
    return pandas.Index(int(numbers[0]) + (halves // 2 if whole else halves / 2), name=index.name)


def _is_regular(numbers: Any) -> bool:
    """Whether numbers are evenly spaced: whole ones exactly, floats to 1e-9 of a step."""
    steps = np.diff(numbers)
    if numbers.dtype.kind != "f" or not len(steps):
        return bool((steps == steps[:1]).all())
    return bool(np.isfinite(numbers).all() and (abs(steps - steps[0]) <= 1e-9 * abs(steps[0])).all())
