"""What was asked and planned, in words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.reducers import REDUCERS

if TYPE_CHECKING:
    from fractions import Fraction

    from ..core.plans import Plan
    from ..core.windows import Windows
    from ..pooling import Pooling

KINDS: Mapping[str, Callable[[float], Any]] = {"float": float, "int": int, "flag": bool}


def parameters(pooling: Pooling) -> dict[str, Any]:
    """The reducer's own parameters, the seed if it draws, and the value options that are not at their defaults."""
    kinds = {p.name: KINDS[p.kind] for p in REDUCERS[pooling.reducer.name].parameters}
    found = {name: None if value is None else kinds[name](value) for name, value in pooling.parameters.items()}
    if pooling.reducer.draws:
        found["seed"] = pooling.seed
    asked = {"nan": pooling.nan, "nodata": pooling.nodata, "round": pooling.round,
             "dtype": None if pooling.dtype is None else pooling.dtype.name}
    defaults = {"nan": "propagate", "nodata": None, "round": "half-up", "dtype": None}
    return found | {name: value for name, value in asked.items() if value != defaults[name]}


def windows(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """Where the windows lie: for each pooled axis in order, how many there are and what made them."""
    options, name = pooling.window, pooling.window.windowing.name
    found: dict[str, Any] = {"count": [len(w) for w in plan.windows]}
    if name in ("fixed", "same"):
        found |= {"size": [window_size(w) for w in plan.windows], "stride": [window_stride(w) for w in plan.windows],
                  "padding": [[w.before, w.after] for w in plan.windows], "dilation": [w.step for w in plan.windows],
                  "ceil": options.ceil_mode, "pad_mode": pooling.pad_mode}
    if name == "global":
        found["size"] = [w.length for w in plan.windows]
    if name == "adaptive":
        found["adaptive"] = [len(w) for w in plan.windows]
    if name == "fractional":
        found |= fractional(options, len(plan.windows))
    if pooling.pad_mode == "constant":
        found["pad_value"] = pooling.pad_value
    return found


def window_size(windows: Windows) -> int:
    """How many samples a fixed window has."""
    return int(windows.sizes()[0])


def window_stride(windows: Windows) -> int:
    """From window to window; a window over the whole axis has no next one, and its size says as much."""
    starts = windows.starts
    alone = len(windows) == 1 and window_size(windows) == windows.length
    return window_size(windows) if alone or not isinstance(starts, range) else starts.step


def fractional(options: Any, axes: int) -> dict[str, Any]:
    """What replays the draw: ratios, and the seed or u."""
    ratios = options.fractional if isinstance(options.fractional, tuple) else (options.fractional,) * axes
    sizes = options.size if isinstance(options.size, tuple) else (options.size,) * axes
    chance = {"seed": options.seed} if options.u is None else {"u": decimal(options.u)}
    return {"fractional": [decimal(ratio) for ratio in ratios], "size": list(sizes) if options.size else None,
            "overlapping": options.overlapping, "random": options.random, **chance}


def decimal(number: Fraction) -> float | str:
    """The decimal that was written: as a number where a float gives it back, as numerator/denominator elsewhere."""
    from fractions import Fraction

    near = float(number)
    return near if Fraction(repr(near)) == number else str(number)
