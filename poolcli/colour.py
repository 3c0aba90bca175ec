"""Colours as light: averages of light in place of sRGB codes, and transparent pixels that give no colour.

Two wishes, apart or together. With *premultiplied* alpha a mean weighs each colour by its alpha, and what chooses a
sample passes over pixels of alpha 0; a window without any colour gives 0. In *linear* light codes go through the sRGB
curve (IEC 61966-2-1) before they are pooled and back after it, with one rounding, at the end. Alpha is no light: it is
pooled as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .core.reducers import REDUCERS, Reducer
from .errors import OptionError, PoolError
from .pooling import Pooling

if TYPE_CHECKING:
    from .core.plans import Plan

Array = NDArray[Any]

_WITH_ALPHA = ("LA", "RGBA", "LA;16", "RGBA;16")
_CODES = ("1", "L", "RGB", "I;16", "RGB;16", *_WITH_ALPHA)
"""Pictures whose samples are sRGB codes."""


@dataclass(frozen=True)
class Light:
    """What is wished of colours."""

    linear: bool = False
    premultiplied: bool = False

    def __bool__(self) -> bool:
        return self.linear or self.premultiplied

    def check(self, pooling: Pooling) -> None:
        """Raise OptionError where the pooling has no such meaning."""
        row = pooling.reducer
        if self.linear and not row.light:
            raise OptionError("linear",
                              f"{row.name} of light is no light; it goes with {_reducers_with('light', 'mixes')}, and "
                              f"changes nothing for {_reducers_with('light', 'keeps')}")
        if self.premultiplied and not row.alpha:
            raise OptionError("alpha", f"{row.name} has no meaning for premultiplied colours; "
                                       f"{_reducers_with('alpha', 'weighs', 'hides')} have")
        if self and not _is_free(pooling):
            raise OptionError("linear" if self.linear else "alpha", "goes with neither --nodata nor a constant padding")


def _reducers_with(trait: str, *values: str) -> str:
    """List the reducers of a trait."""
    return ", ".join(row.name for row in REDUCERS.values() if getattr(row, trait) in values)


def _is_free(pooling: Pooling) -> bool:
    """Whether no sample's value has a meaning of its own: such values do not survive a change of all samples."""
    return pooling.nodata is None and pooling.pad_mode != "constant"


def is_weighed_by_default(pooling: Pooling, mode: str | None, letters: str) -> bool:
    """Whether a picture of ``mode`` has its colours weighed by alpha where nothing was said of it: averages do.

    As Pillow, libvips and ImageMagick resize pictures with transparency. ``letters`` is the layout of its array.
    """
    return pooling.reducer.average and mode in _WITH_ALPHA and letters.endswith("C") and _is_free(pooling)


def is_transparent(array: Array) -> bool:
    """Whether any pixel of a picture with alpha, its channels last, is not opaque."""
    alpha = array[..., -1]
    return bool(alpha.size) and int(alpha.min()) < np.iinfo(array.dtype).max


def list_alpha_notes(array: Array, mode: str | None, reducers: Iterable[Reducer]) -> tuple[str, ...]:
    """Say that a picture with transparency is averaged channel by channel, where that is another result."""
    averages = [row.name for row in reducers if row.average]
    if not averages or mode not in _WITH_ALPHA or not is_transparent(array):
        return ()
    return (f"alpha is a channel like others here, where poolcli {averages[0]} weighs colours by it",)


def pool(pooling: Pooling, array: Array, plan: Plan, mode: str | None, light: Light) -> Array:
    """Pool a picture of ``mode``, its channels on the last axis; the result has the dtype that ``pooling`` gives."""
    if mode not in _CODES:
        raise PoolError(f"{mode or 'an array'} has no sRGB colours; --linear and --alpha premultiplied go with "
                        "pictures of grey and RGB")
    letters = plan.axes.letters
    if mode not in _WITH_ALPHA:
        return _pool_colours(pooling, array, None, letters, light)
    if not letters.endswith("C"):
        raise PoolError(f"layout {letters} does not keep alpha apart; one that ends in C would work")
    alpha = array[..., -1:]
    light = replace(light, premultiplied=light.premultiplied and is_transparent(array))  # weights all alike are none
    if not light:
        return _pool_like_picture(pooling, array, letters)
    found = _pool_colours(pooling, array[..., :-1], alpha, letters, light)
    return np.concatenate((found, _pool_like_picture(pooling, alpha, letters)), axis=-1)


def _pool_colours(pooling: Pooling, codes: Array, alpha: Array | None, letters: str, light: Light) -> Array:
    """Pool the colours; ``alpha`` of each where they have one."""
    linear = light.linear and pooling.reducer.light == "mixes"
    weighs = light.premultiplied and alpha is not None
    target = pooling.result_dtype(codes.dtype)
    if not linear and not weighs:
        return _pool_like_picture(pooling, codes, letters)
    white = 1 if codes.dtype.kind == "b" else np.iinfo(codes.dtype).max
    x = _srgb_to_light(white)[codes.astype(np.intp)] if linear else codes
    if alpha is None or not weighs:
        values = _pool_like_picture(_pool_unrounded(pooling), x, letters)
    elif pooling.reducer.alpha == "weighs":
        if not pooling.reducer.weighted and not linear and target.kind in "iu":
            return _pool_exact_mean(pooling, codes, alpha, letters, target)
        values = _pool_weighted_mean(pooling, x, alpha, letters)
    else:
        seen = np.where(alpha == 0, np.nan, x.astype(np.float64))
        values = np.nan_to_num(_pool_like_picture(replace(_pool_unrounded(pooling), nan="ignore"), seen, letters),
                               nan=0.0)
    return _round_codes(white * _light_to_srgb(values) if linear else values, target, pooling.round)


def _pool_unrounded(pooling: Pooling) -> Pooling:
    """The same in its own dtype, before any rounding."""
    return replace(pooling, dtype=None)


def _pool_like_picture(pooling: Pooling, array: Array, letters: str) -> Array:
    """The plain pooling of an array that has the picture's axes."""
    return pooling.run(array, pooling.plan(array.shape, letters)).values


def _pool_exact_mean(pooling: Pooling, codes: Array, alpha: Array, letters: str, target: np.dtype[Any]) -> Array:
    """sum(alpha x) / sum(alpha) in whole numbers, rounded once; 0 without any alpha."""
    sums = replace(_pool_unrounded(pooling), reducer=REDUCERS["sum"], parameters={})
    weights = _pool_like_picture(sums, alpha, letters).astype(np.int64)
    totals = _pool_like_picture(sums, codes.astype(np.uint32) * alpha, letters).astype(np.int64)
    quotients = _DIVISIONS[pooling.round](totals, np.maximum(weights, 1))
    return _saturate(np.where(weights == 0, 0, quotients), target)


def _divide_half_even(a: Array, b: Array) -> Array:
    """a / b to the nearest, ties to even."""
    q, r = np.divmod(a, b)
    up: Array = q + ((2 * r > b) | ((2 * r == b) & (q % 2 == 1)))
    return up


_DIVISIONS: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType({
    "half-up": lambda a, b: (2 * a + b) // (2 * b),
    "half-even": _divide_half_even,
    "floor": lambda a, b: a // b,
    "ceil": lambda a, b: -(-a // b),
})


def _pool_weighted_mean(pooling: Pooling, x: Array, alpha: Array, letters: str) -> Array:
    """The mean of x, weighed by alpha and by what the reducer weighs with."""
    # what the mean is divided by falls out of a quotient of two: a divisor, padding that counts
    own = replace(_pool_unrounded(pooling), parameters={one.name: one.default for one in pooling.reducer.parameters})
    weights = _pool_like_picture(own, alpha.astype(np.float64), letters)
    totals = _pool_like_picture(own, x.astype(np.float64) * alpha, letters)
    return np.divide(totals, weights, out=np.zeros_like(totals), where=weights > 0)


# The curve.


def _srgb_to_light(white: int) -> Array:
    """Light from 0 to 1 of each code from 0 to ``white``."""
    code = np.arange(white + 1) / white
    light: Array = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return light


def _light_to_srgb(light: Array) -> Array:
    """The code from 0 to 1 of light."""
    code: Array = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return code


_ROUNDINGS: Mapping[str, Callable[[Array], Array]] = MappingProxyType({
    "half-up": lambda v: np.floor(v) + (v - np.floor(v) >= 0.5),
    "half-even": np.rint,
    "floor": np.floor,
    "ceil": np.ceil,
})


def _round_codes(values: Array, target: np.dtype[Any], how: str) -> Array:
    """Codes in the dtype that is wanted."""
    if target.kind == "f":
        return values.astype(target)
    near = np.rint(values)
    # the curve and its inverse miss a whole code by some 1e-13, which floor and ceil would take for a difference
    snapped = np.where(np.abs(values - near) < 1e-9, near, values)
    return _saturate(_ROUNDINGS[how](snapped), target)


def _saturate(values: Array, target: np.dtype[Any]) -> Array:
    """Whole numbers, those beyond the dtype at its ends."""
    limits = np.iinfo(target)
    return np.clip(values, limits.min, limits.max).astype(target)
