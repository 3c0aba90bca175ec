"""The keywords of ``pool``, once: their types for Python, and the checks that need no array."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from ..errors import OptionError
from . import axes, dtypes
from .choices import NAN_MODES, PAD_MODES, ROUNDINGS, suggest_keywords
from .reducers import REDUCERS, Reducer
from .windowings import WINDOW_KEYWORDS, WINDOWINGS, WindowOptions, check_flag

if TYPE_CHECKING:
    from fractions import Fraction

Size = int | Literal["all"] | Sequence[int | Literal["all"]] | Mapping[str, int | Literal["all"]]
Pad = int | tuple[int, int]

F = TypeVar("F", bound=Callable[..., Any])


def refuse_array_options(out: Any, return_indices: bool, reason: str) -> None:
    """Raise OptionError, with a reason, for what ``pool`` can do with arrays in memory alone."""
    if out is not None or return_indices:
        raise OptionError("out" if out is not None else "return_indices", reason)


class WindowKeywords(TypedDict, total=False):
    """The keywords that lay out the windows. One value, or one per pooled axis in axis order."""

    size: Size | None
    """Samples of a window: 2 by default; "all" is the whole axis. By the names of axes, as in ``{"H": 2, "W": 3}``,
    the axes that are named are pooled and all others kept; so with the options that follow."""
    stride: int | Sequence[int] | Mapping[str, int] | None
    """From window to window; the size by default."""
    padding: Pad | Sequence[Pad] | Mapping[str, Pad] | str | None
    """Positions ahead of and behind an axis: a number, (before, after), "same", "same-lower" or "valid"."""
    dilation: int | Sequence[int] | Mapping[str, int] | None
    """From sample to sample within a window."""
    ceil_mode: bool
    """Count windows rounding up: the last may reach beyond the padding."""
    adaptive: Size | None
    """How many windows; their sizes follow. "all" keeps the axis."""
    fractional: float | str | Fraction | Sequence[float | str | Fraction] | None
    """Input to output ratio, at least 1, read as the decimal written."""
    area: Size | None
    """How many windows, each of its exact share of the axis: samples at the ends count by their part."""
    scale: float | str | Fraction | Sequence[float | str | Fraction] | None
    """The same by samples a window, at least 1: a decimal or a ratio, as "8/3"."""
    touch: str | None
    """Samples of areas count wholly: "all" that are touched, or those with their middle inside, "half"."""
    overlapping: bool
    """Fractional windows share one sample with the next."""
    random: bool
    """Fractional steps in random order, instead of pseudorandom."""
    seed: int | None
    """Of fractional windows and stochastic draws: 0 by default."""
    u: float | str | Fraction | None
    """The offset in [0, 1) of pseudorandom fractional windows, in place of a seed."""
    layout: str | None
    """A capital letter for each axis: N and C are kept, every other is pooled. Needed from three axes on, unless the
    last one can only be the channels of pixels: at most 4, and shorter than the pooled ones."""


class Keywords(WindowKeywords, total=False):
    """Every keyword of ``pool``."""

    squeeze: bool
    """Drop pooled axes of length 1 from the result."""
    pad_mode: str
    """What padding is: exclude (no data, the default), constant, reflect, edge or wrap."""
    pad_value: float | None
    """The sample of ``pad_mode="constant"``: 0 by default."""
    nan: str
    """propagate (default), ignore or error."""
    nodata: float | None
    """The value of missing samples."""
    dtype: DTypeLike | None
    """The result's dtype; integers are rounded once from the exact value and saturate."""
    round: str
    """half-up (default), half-even, floor or ceil."""
    like: str | None
    """A system whose conventions are the defaults: torch, keras, onnx, pillow, opencv, skimage or scipy."""
    count_include_pad: bool
    divisor: int | None
    p: float | None
    q: float | None
    r: float | None
    eps: float | None
    weight: float | None
    expected: bool
    alpha: float | None
    beta: float | None
    n: int | None
    share: float | None
    period: float | None
    base: float | None


_DEFAULTS: Mapping[str, Any] = {"pad_mode": "exclude", "nan": "propagate", "round": "half-up", "squeeze": False,
                                "count_include_pad": False, "expected": False}
"""Of keywords that are not None where they are not given. Every window keyword is None then, and the reducer's own
parameters have the defaults of ``REDUCERS``."""


def show_keywords(keywords: type, function: F) -> F:
    """Have ``help`` and ``inspect.signature`` show keywords that a function takes as options.

    So a call stays quick: 26 keywords spelled out and gathered again take 3.4 us, a call of a small array 7 in all.
    """
    own = signature(function)
    given = [one for one in own.parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    shown = [Parameter(name, Parameter.KEYWORD_ONLY, default=_DEFAULTS.get(name), annotation=kind.__forward_arg__)
             for name, kind in keywords.__annotations__.items() if name not in own.parameters]
    cast(Any, function).__signature__ = own.replace(parameters=[*given, *shown])
    return function


def as_python(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's; anything else as it is."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def check_names(row: Reducer, given: Mapping[str, Any]) -> None:
    """Refuse keywords that do not exist or belong to other reducers."""
    own = {p.name for p in row.parameters}
    for name, value in given.items():
        if name in own or name in WINDOW_KEYWORDS or name in _CHECKS or name in ("pad_mode", "pad_value"):
            continue
        owners = [other.name for other in REDUCERS.values() if name in {p.name for p in other.parameters}]
        if not owners:
            near = suggest_keywords(name, [*Keywords.__annotations__, "out", "return_indices"])
            would = f"; {' or '.join(near)} would work" if near else ""
            raise OptionError(name, f"there is no option {name}{would}")
        if value is not False:
            raise OptionError(name, f"{name} is a parameter of {', '.join(owners)}, not of {row.name}")


def _check_pad_mode(given: Mapping[str, Any], window: WindowOptions) -> dict[str, Any]:
    """Pad mode and pad value, which go together and with padding."""
    mode, value = given.get("pad_mode", "exclude"), given.get("pad_value")
    one_of(PAD_MODES)("pad_mode", mode)
    if mode != "exclude" and not window.windowing.strided:
        strided = " and ".join(row.name for row in WINDOWINGS.values() if row.strided)
        raise OptionError("pad_mode", f"{window.windowing.name} windows have no padding; {strided} windows have")
    if value is not None and mode != "constant":
        raise OptionError("pad_value", f'pad_value goes with pad_mode "constant", not with "{mode}"')
    return {"pad_mode": mode, "pad_value": dtypes.parse_nodata(0 if value is None else value)}


def one_of(names: Sequence[str]) -> Any:
    """The check of an option that is one of some names."""
    def check(option: str, value: Any) -> Any:
        if value not in names:
            raise OptionError(option, f"{option} must be one of {', '.join(names)}, not {value!r}")
        return value
    return check


def value_fields(given: Mapping[str, Any], window: WindowOptions) -> dict[str, Any]:
    """Those that say how values are treated, checked."""
    checked = {name: check(name, given[name]) for name, check in _CHECKS.items() if name in given}
    return checked | _check_pad_mode(given, window)


_CHECKS: Mapping[str, Any] = {
    "layout": lambda option, value: axes.check_layout(value),
    "squeeze": check_flag,
    "nan": one_of(NAN_MODES),
    "nodata": lambda option, value: dtypes.parse_nodata(value),
    "dtype": lambda option, value: dtypes.parse_dtype(value),
    "round": one_of(ROUNDINGS),
}
