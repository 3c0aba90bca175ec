"""What was asked and planned, in words and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..core.reducers import REDUCERS

if TYPE_CHECKING:
    from ..core.plans import Plan
    from ..pooling import Pooling

_KINDS: Mapping[str, Callable[[float], Any]] = {"float": float, "int": int, "flag": bool}


def parameters(pooling: Pooling) -> dict[str, Any]:
    """The reducer's own parameters, the seed if it draws, and the value options that are not at their defaults."""
    kinds = {p.name: _KINDS[p.kind] for p in REDUCERS[pooling.reducer.name].parameters}
    found = {name: None if value is None else kinds[name](value) for name, value in pooling.parameters.items()}
    if pooling.reducer.draws:
        found["seed"] = pooling.seed
    asked = {"nan": pooling.nan, "nodata": pooling.nodata, "round": pooling.round,
             "dtype": None if pooling.dtype is None else pooling.dtype.name}
    defaults = {"nan": "propagate", "nodata": None, "round": "half-up", "dtype": None}
    return found | {name: value for name, value in asked.items() if value != defaults[name]}


def windows(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """Where the windows lie: for each pooled axis in order, how many there are and what made them."""
    options = pooling.window
    found: dict[str, Any] = {"count": [len(w) for w in plan.windows], **options.windowing.record(options, plan.windows)}
    if options.windowing.strided:
        found["pad_mode"] = pooling.pad_mode
    if pooling.pad_mode == "constant":
        found["pad_value"] = pooling.pad_value
    return found
