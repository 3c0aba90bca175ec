"""Haar's wavelet by lifting: a pooling that loses nothing, because the differences are kept beside the means.

Two neighbours a, b become their mean and their difference. Of whole numbers the mean is rounded down, and since a + b
and a - b are both even or both odd, the difference tells what was cut off (the S-transform: Said and Pearlman, IEEE
Trans. Image Process. 5, 1996). Along several axes it is done one after another; a last sample without a neighbour is
its own mean. Each level goes on with the means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..core import axes as layouts
from ..core import dtypes
from ..errors import OptionError, PoolError
from ..pooling import Array, as_array

_LONGEST_INTEGER = 4
"""Bytes of integers whose differences of differences have a type."""


@dataclass(frozen=True, eq=False)
class HaarBands:
    """An array's means and differences, from which it can be made again.

    Attributes
    ----------
    low
        The means: the pooled array, in the dtype of the differences.
    details
        The differences of each level, the first of the finest: with a last axis of the bands that ``names`` has. Where
        an axis was odd, those of its last sample are 0.
    names
        A letter for each pooled axis, in order: L of means along it, H of differences (HL: of differences of rows).
    shape, dtype
        Of the array before.
    axes
        Which of its axes were pooled.
    levels
        How often the means were halved.

    Examples
    --------
    >>> import numpy as np
    >>> bands = haar(np.zeros((4, 6), np.uint8), levels=2)
    >>> bands.low.shape, [detail.shape for detail in bands.details], bands.names, bands.levels
    ((1, 2), [(2, 3, 3), (1, 2, 3)], ('LH', 'HL', 'HH'), 2)
    """

    low: Array
    details: tuple[Array, ...]
    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: dtypes.Type
    axes: tuple[int, ...]

    @property
    def levels(self) -> int:
        """How often the means were halved."""
        return len(self.details)

    def stack(self) -> Array:
        """Return the bands of one level as channels: means, then differences, along a new last axis."""
        if self.levels != 1:
            raise PoolError(f"{self.levels} levels have bands of several sizes, which are no channels; levels=1, or "
                            "details, would work")
        return np.concatenate([self.low[..., None], self.details[0]], axis=-1)


def haar(x: ArrayLike, levels: int = 1, *, layout: str | None = None) -> HaarBands:
    """Take an array apart into means and differences of neighbours, so that ``inverse_haar`` gives it back.

    Parameters
    ----------
    x
        Whole numbers of up to 32 bits, bool, or floats.
    levels
        How often: each level halves the means of the one before, rounding lengths up.
    layout
        A letter for each axis, as in ``pool``.

    Returns
    -------
    HaarBands
        Of whole numbers int16, int32 or int64, exact; ``low`` lies between the samples. Of floats float64: exact as
        long as no sum or difference needs more than 53 bits, as those of float16 do not for 6 levels of two axes;
        else ``inverse_haar`` is within a few units in the last place of float64 of the largest sample.

    Raises
    ------
    PoolError
        For integers of 64 bits, and more levels than halve an axis.

    Examples
    --------
    >>> import numpy as np
    >>> bands = haar(np.array([[7, 4], [1, 2]], np.uint8))
    >>> bands.low.tolist(), bands.names, bands.details[0].tolist()
    ([[3]], ('LH', 'HL', 'HH'), [[[1, 4, 4]]])
    >>> inverse_haar(bands).tolist()
    [[7, 4], [1, 2]]
    """
    array = as_array(x)
    dtype = dtypes.check_dtype(array.dtype)
    wide = _find_wide_dtype(dtype)
    resolved = layouts.resolve(array.shape, layout)
    pooled = resolved.pooled
    _check_levels(levels, [array.shape[i] for i in pooled])
    low = array.astype(wide)
    details = []
    names = list_bands(len(pooled))
    with np.errstate(all="ignore"):  # infinities stay what they are, as far as they can
        for _ in range(levels):
            bands = {"": low}
            for axis in pooled:
                bands = {name + letter: part for name, band in bands.items()
                         for letter, part in zip("LH", _split_pairs(band, axis), strict=True)}
            details.append(np.stack([bands[name] for name in names], axis=-1))
            low = bands["L" * len(pooled)]
    return HaarBands(np.ascontiguousarray(low), tuple(details), names, array.shape, dtype, pooled)


def inverse_haar(bands: HaarBands) -> Array:
    """Give back the array that ``haar`` took apart, in its dtype.

    Parameters
    ----------
    bands
        What ``haar`` gave; changed means or differences give a changed array, whole numbers within its dtype's limits.

    Returns
    -------
    numpy.ndarray
        Of the shape and dtype that the array had.

    Raises
    ------
    PoolError
        For bands whose shapes do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.arange(15, dtype=np.uint8).reshape(3, 5)
    >>> bool((inverse_haar(haar(x, levels=2)) == x).all())
    True
    """
    for band in (bands.low, *bands.details):
        dtypes.check_dtype(band.dtype)
    low = bands.low.astype(np.int64 if bands.low.dtype.kind in "biu" else dtypes.FLOAT64)
    with np.errstate(all="ignore"):
        for detail, shape in zip(reversed(bands.details), reversed(_list_shapes(bands)), strict=True):
            low = _merge_level(low, detail, shape, bands)
    if bands.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return low.astype(bands.dtype)
    out = np.empty(low.shape, dtypes.write_dtype(bands.dtype))
    if low.dtype.kind == "f":
        low = dtypes.round_doubles(low, dtypes.ROUNDINGS["half-up"])
    dtypes.copy_saturated(low, out, bands.dtype)
    return dtypes.as_result(out, bands.dtype)


def convert_low(bands: HaarBands) -> Array:
    """The means in the dtype that the array had: whole numbers fit there, for means lie between the samples."""
    with np.errstate(over="ignore"):
        return bands.low.astype(bands.dtype)


def split_stacked(stacked: Array, shape: Sequence[int] | None = None, dtype: str | None = None) -> HaarBands:
    """Take an array with the bands of one level as its last axis for bands; PoolError where it cannot be one.

    ``shape`` and ``dtype`` are of the array before: by default even sides, and the bands' own dtype.
    """
    axes = {2: 1, 4: 2, 8: 3}.get(stacked.shape[-1] if stacked.ndim > 1 else 0)
    if axes is None or stacked.ndim != axes + 1:
        raise PoolError(f"an array of shape {layouts.describe(stacked.shape)} is no stack of bands, whose last axis "
                        "has 2, 4 or 8 of them for 1, 2 or 3 others; an .npz of poolcli haar would work")
    before = tuple(2 * n for n in stacked.shape[:-1]) if shape is None else tuple(shape)
    own = dtypes.check_dtype(stacked.dtype)
    return HaarBands(stacked[..., 0].astype(dtypes.FLOAT64 if own.kind == "f" else np.int64), (stacked[..., 1:],),
                     list_bands(axes), before, own if dtype is None else np.dtype(dtype), tuple(range(axes)))


def _find_wide_dtype(dtype: dtypes.Type) -> dtypes.Type:
    """The dtype of bands: a signed integer of twice the bits, which four differences of differences fit, or float64."""
    if dtype.kind == "f":
        return dtypes.FLOAT64
    if dtype.itemsize > _LONGEST_INTEGER:
        raise PoolError(f"differences of {dtype} need more than 64 bits; an array of int32, or of float64, would work")
    return np.dtype(f"i{2 * dtype.itemsize}")


def list_bands(axes: int) -> tuple[str, ...]:
    """The bands of differences, LH before HL before HH."""
    return tuple(name for name in map("".join, product("LH", repeat=axes)) if "H" in name)


def _check_levels(levels: int, lengths: Sequence[int]) -> None:
    """Refuse levels that halve nothing."""
    if isinstance(levels, bool) or not isinstance(levels, (int, np.integer)) or levels < 1:
        raise OptionError("levels", f"levels must be a whole number >= 1, not {levels!r}")
    most = max(max(lengths) - 1, 0).bit_length()
    if not most:
        raise PoolError(f"axes of {layouts.describe(lengths)} samples cannot be halved; one of 2 or more would work")
    if levels > most:
        raise PoolError(f"{levels} levels are too many for axes of {layouts.describe(lengths)} samples; up to {most} "
                        "would work")


def _slice(axis: int, *bounds: int | None) -> tuple[slice, ...]:
    """A slice of one axis."""
    return (*[slice(None)] * axis, slice(*bounds))


def _split_pairs(x: Array, axis: int) -> tuple[Array, Array]:
    """The means of pairs along an axis, and their differences; of a last one that is alone itself, and 0."""
    pairs = x.shape[axis] // 2
    a, b = x[_slice(axis, 0, 2 * pairs, 2)], x[_slice(axis, 1, None, 2)]
    high = np.zeros((*x.shape[:axis], x.shape[axis] - pairs, *x.shape[axis + 1 :]), x.dtype)
    low = high.copy()
    np.subtract(a, b, out=high[_slice(axis, pairs)])
    if x.dtype.kind == "f":
        low[_slice(axis, pairs)] = a * 0.5 + b * 0.5
    else:
        low[_slice(axis, pairs)] = b + (high[_slice(axis, pairs)] >> 1)
    low[_slice(axis, pairs, None)] = x[_slice(axis, 2 * pairs, None)]
    return low, high


def _merge_pairs(low: Array, high: Array, axis: int, length: int) -> Array:
    """The array whose pairs have these means and differences."""
    pairs = length // 2
    x = np.empty((*low.shape[:axis], length, *low.shape[axis + 1 :]), low.dtype)
    mean, difference = low[_slice(axis, pairs)], high[_slice(axis, pairs)]
    b = mean - (difference * 0.5 if low.dtype.kind == "f" else difference >> 1)
    x[_slice(axis, 1, None, 2)] = b
    x[_slice(axis, 0, 2 * pairs, 2)] = b + difference
    x[_slice(axis, 2 * pairs, None)] = low[_slice(axis, pairs, None)]
    return x


def _list_shapes(bands: HaarBands) -> list[tuple[int, ...]]:
    """The shape of the means before each level, the finest first; PoolError where a band has another."""
    shapes, shape = [], tuple(bands.shape)
    for number, detail in enumerate(bands.details, 1):
        shapes.append(shape)
        shape = tuple((n + 1) // 2 if i in bands.axes else n for i, n in enumerate(shape))
        if detail.shape != (*shape, len(bands.names)):
            raise PoolError(f"the differences of level {number} have the shape {layouts.describe(detail.shape)}, and "
                            f"{layouts.describe((*shape, len(bands.names)))} would go with the array's")
    if bands.low.shape != shape:
        raise PoolError(f"the means have the shape {layouts.describe(bands.low.shape)}, and "
                        f"{layouts.describe(shape)} would go with the array's")
    return shapes


def _merge_level(low: Array, detail: Array, shape: tuple[int, ...], bands: HaarBands) -> Array:
    """The means of the level below."""
    parts: dict[str, NDArray[np.generic]] = {"L" * len(bands.axes): low}
    parts |= {name: detail[..., i].astype(low.dtype, copy=False) for i, name in enumerate(bands.names)}
    for axis in reversed(bands.axes):
        parts = {name[:-1]: _merge_pairs(part, parts[name[:-1] + "H"], axis, shape[axis])
                 for name, part in parts.items() if name.endswith("L")}
    return parts[""]
