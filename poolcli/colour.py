"""Colours as light: averages of light in place of sRGB codes, and transparent pixels that give no colour.

Two wishes, apart or together. With *premultiplied* alpha a mean weighs each colour by its alpha, and what chooses a
sample passes over pixels of alpha 0; a window without any colour gives 0. In *linear* light codes go through the sRGB
curve (IEC 61966-2-1) before they are pooled and back after it, with one rounding, at the end. Alpha is no light: it is
pooled as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import OptionError, PoolError
from .pooling import Pooling
from .reducers import REDUCERS

if TYPE_CHECKING:
    from .plans import Plan

Array = NDArray[Any]

MEANS = ("avg", "blur")
"""Reducers that weigh colours by their alpha."""
CHOOSE = ("max", "min", "median", "quantile", "mode")
"""Reducers for which a transparent pixel is absent."""
IN_LIGHT = ("avg", "blur", "median", "quantile", "gem", "mixed", "stochastic")
"""Reducers of light whose result is light."""
EITHER_WAY = ("max", "min", "mode", "subsample")
"""Reducers that take one sample, and the same one, whatever rising curve is laid over all."""
WITH_ALPHA = ("LA", "RGBA", "LA;16", "RGBA;16")
CODES = ("1", "L", "RGB", "I;16", "RGB;16", *WITH_ALPHA)
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
        name = pooling.reducer.name
        if self.linear and name not in (*IN_LIGHT, *EITHER_WAY):
            raise OptionError("linear", f"{name} of light is no light; it goes with {', '.join(IN_LIGHT)}, and changes "
                                        f"nothing for {', '.join(EITHER_WAY)}")
        if self.premultiplied and name not in (*MEANS, *CHOOSE):
            raise OptionError("alpha", f"{name} has no meaning for premultiplied colours; "
                                       f"{', '.join((*MEANS, *CHOOSE))} have")
        if self and (pooling.nodata is not None or pooling.pad_mode == "constant"):
            raise OptionError("linear" if self.linear else "alpha", "goes with neither --nodata nor a constant padding")


def pool(pooling: Pooling, array: Array, plan: Plan, mode: str | None, light: Light) -> Array:
    """Pool a picture of ``mode``, its channels on the last axis; the result has the dtype that ``pooling`` gives."""
    if mode not in CODES:
        raise PoolError(f"{mode or 'an array'} has no sRGB colours; --linear and --alpha premultiplied go with "
                        "pictures of grey and RGB")
    letters = plan.axes.letters
    if mode not in WITH_ALPHA:
        return colours(pooling, array, None, letters, light)
    if not letters.endswith("C"):
        raise PoolError(f"layout {letters} does not keep alpha apart; one that ends in C would work")
    alpha = array[..., -1:]
    found = colours(pooling, array[..., :-1], alpha, letters, light)
    return np.concatenate((found, pooled(pooling, alpha, letters)), axis=-1)


def colours(pooling: Pooling, codes: Array, alpha: Array | None, letters: str, light: Light) -> Array:
    """Pool the colours; ``alpha`` of each where they have one."""
    linear = light.linear and pooling.reducer.name in IN_LIGHT
    weighs = light.premultiplied and alpha is not None
    target = pooling.result_dtype(codes.dtype)
    if not linear and not weighs:
        return pooled(pooling, codes, letters)
    white = 1 if codes.dtype.kind == "b" else np.iinfo(codes.dtype).max
    x = curve(white)[codes.astype(np.intp)] if linear else codes
    if alpha is None or not weighs:
        values = pooled(free(pooling), x, letters)
    elif pooling.reducer.name in MEANS:
        if pooling.reducer.name == "avg" and not linear and target.kind in "iu":
            return exact_mean(pooling, codes, alpha, letters, target)
        values = weighted_mean(pooling, x, alpha, letters)
    else:
        seen = np.where(alpha == 0, np.nan, x.astype(np.float64))
        values = np.nan_to_num(pooled(replace(free(pooling), nan="ignore"), seen, letters), nan=0.0)
    return rounded(white * encoded(values) if linear else values, target, pooling.round)


def free(pooling: Pooling) -> Pooling:
    """The same in its own dtype, before any rounding."""
    return replace(pooling, dtype=None)


def pooled(pooling: Pooling, array: Array, letters: str) -> Array:
    """The plain pooling of an array that has the picture's axes."""
    return pooling.run(array, pooling.plan(array.shape, letters)).values


def exact_mean(pooling: Pooling, codes: Array, alpha: Array, letters: str, target: np.dtype[Any]) -> Array:
    """sum(alpha x) / sum(alpha) in whole numbers, rounded once; 0 without any alpha."""
    sums = replace(free(pooling), reducer=REDUCERS["sum"], parameters={})
    weights = pooled(sums, alpha, letters).astype(np.int64)
    totals = pooled(sums, codes.astype(np.uint32) * alpha, letters).astype(np.int64)
    quotients = DIVISIONS[pooling.round](totals, np.maximum(weights, 1))
    return saturated(np.where(weights == 0, 0, quotients), target)


def half_even(a: Array, b: Array) -> Array:
    """a / b to the nearest, ties to even."""
    q, r = np.divmod(a, b)
    up: Array = q + ((2 * r > b) | ((2 * r == b) & (q % 2 == 1)))
    return up


DIVISIONS: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType({
    "half-up": lambda a, b: (2 * a + b) // (2 * b),
    "half-even": half_even,
    "floor": lambda a, b: a // b,
    "ceil": lambda a, b: -(-a // b),
})


def weighted_mean(pooling: Pooling, x: Array, alpha: Array, letters: str) -> Array:
    """The mean of x, weighed by alpha and by what the reducer weighs with."""
    own = replace(free(pooling), parameters={**pooling.parameters, **PLAIN.get(pooling.reducer.name, {})})
    weights = pooled(own, alpha.astype(np.float64), letters)
    totals = pooled(own, x.astype(np.float64) * alpha, letters)
    return np.divide(totals, weights, out=np.zeros_like(totals), where=weights > 0)


PLAIN: Mapping[str, Mapping[str, Any]] = {"avg": {"divisor": None, "count_include_pad": False}}
"""A divisor falls out of a quotient."""


# The curve.


def curve(white: int) -> Array:
    """Light from 0 to 1 of each code from 0 to ``white``."""
    code = np.arange(white + 1) / white
    light: Array = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    return light


def encoded(light: Array) -> Array:
    """The code from 0 to 1 of light."""
    code: Array = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)
    return code


ROUNDINGS: Mapping[str, Callable[[Array], Array]] = MappingProxyType({
    "half-up": lambda v: np.floor(v) + (v - np.floor(v) >= 0.5),
    "half-even": np.rint,
    "floor": np.floor,
    "ceil": np.ceil,
})


def rounded(values: Array, target: np.dtype[Any], how: str) -> Array:
    """Codes in the dtype that is wanted."""
    if target.kind == "f":
        return values.astype(target)
    near = np.rint(values)
    # the curve and its inverse miss a whole code by some 1e-13, which floor and ceil would take for a difference
    snapped = np.where(np.abs(values - near) < 1e-9, near, values)
    return saturated(ROUNDINGS[how](snapped), target)


def saturated(values: Array, target: np.dtype[Any]) -> Array:
    """Whole numbers, those beyond the dtype at its ends."""
    limits = np.iinfo(target)
    return np.clip(values, limits.min, limits.max).astype(target)
