"""What would reach the samples that no window reaches: small changes of the options, each proven by planning it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...core.plans import Plan
from ...core.windowings import ALL, per_axis, window_options
from ...errors import PoolError
from ...pooling import Pooling
from ..receptive_field import common_extent

Changes = Mapping[str, Any]
_MOST_TRIED = 64
"""Paddings and sizes that are tried one after another."""
_MOST = 3


@dataclass(frozen=True)
class Suggestion:
    """A change of a pooling's options after which every sample lies in a window."""

    change: str
    """As it is typed: ``--ceil``, ``--padding 0:1``."""
    keywords: Mapping[str, Any]
    """The keywords that change, as ``pool`` takes them."""
    output_shape: tuple[int, ...]


def suggest(pooling: Pooling, plan: Plan) -> tuple[Suggestion, ...]:
    """Changes that reach all, the smallest first: what adds no padding, then little of it, then other windows.

    Empty where nothing is left out, and where none of the changes that are tried does it.
    """
    if not any(plan.uncovered.values()):
        return ()
    base = _window_keywords(pooling, plan)
    found: dict[str, Suggestion] = {}
    for changes in _iterate_candidates(pooling, plan, base):
        proven = _try_keywords(pooling, plan, {**base, **changes})
        if proven is not None:
            text = " ".join(format_option(name, value) for name, value in changes.items())
            found.setdefault(text, Suggestion(text, dict(changes), proven.output_shape))
        if len(found) == _MOST:
            break
    return tuple(found.values())


def _window_keywords(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """The window keywords as they are, with a value for each pooled axis where there may be several."""
    options, axes = pooling.window, len(plan.windows)
    given = {name: getattr(options, name) for name in options.windowing.options}
    if "padding" in given and not isinstance(options.padding, str):
        given["padding"] = tuple((w.before, w.after) for w in plan.windows)
    for name in {"size", "stride", "dilation"} & given.keys():
        given[name] = tuple(per_axis(given[name], axes, name))
    if given.get("stride"):
        given["stride"] = tuple(s or (1 if k == ALL else k)
                                for s, k in zip(given["stride"], given["size"], strict=True))
    return {name: value for name, value in given.items() if value not in (None, False) and value != (None,) * axes}


def _try_keywords(pooling: Pooling, plan: Plan, keywords: Changes) -> Plan | None:
    """The plan of the changed pooling if it reaches all; None otherwise."""
    try:
        changed = replace(pooling, window=window_options(keywords)).plan(plan.input_shape, plan.axes.letters)
    except PoolError:
        return None
    return None if any(changed.uncovered.values()) else changed


def _iterate_candidates(pooling: Pooling, plan: Plan, base: Changes) -> Iterator[Changes]:
    """What may help, in the order in which it is better."""
    windowing = pooling.window.windowing
    if "fractional" in windowing.options:
        yield from ({"size": size} for size in range(1, _MOST_TRIED))
    if not windowing.strided:
        return
    may_pad = "ceil_mode" in windowing.options
    ends = list(_read_to_end(plan, base)) if may_pad else []
    yield from ends
    for closer in _close_gaps(plan, base):
        yield closer
        if may_pad:
            yield from ({**closer, **end} for end in _read_to_end(plan, {**base, **closer}))


def _read_to_end(plan: Plan, base: Changes) -> Iterator[Changes]:
    """Ways to read on to the end: a partial window, padding behind, padding on both sides."""
    if not base.get("ceil_mode"):
        yield {"ceil_mode": True}
    missing = tuple(0 if size == ALL else (dilation * (size - 1) + 1 - one.length - sum(padding)) % stride
                    for one, size, stride, dilation, padding in zip(
                        plan.windows, base["size"], base["stride"], base["dilation"], base["padding"], strict=True))
    if any(missing):
        yield {"padding": tuple((b, a + more) for (b, a), more in zip(base["padding"], missing, strict=True))}
    for more in range(1, min(_MOST_TRIED, *(one for one in base["size"] if one != ALL), _MOST_TRIED)):
        yield {"padding": tuple((b + more, a + more) for b, a in base["padding"])}


def _close_gaps(plan: Plan, base: Changes) -> Iterator[Changes]:
    """Ways to leave no gaps between windows and within them: larger ones, closer ones, dense ones."""
    larger = tuple(k if k == ALL else max(k, s) for k, s in zip(base["size"], base["stride"], strict=True))
    closer = tuple(s if k == ALL else min(s, k) for k, s in zip(base["size"], base["stride"], strict=True))
    dense = (1,) * len(plan.windows)
    for changes in ({"size": larger}, {"stride": closer}, {"dilation": dense}, {"size": larger, "dilation": dense},
                    {"stride": dense}):
        changed = {name: value for name, value in changes.items() if value != base[name]}
        if changed and all(common_extent(one) is not None for one in plan.windows):
            yield changed


_NAMES = {"size": "--size", "stride": "--stride", "dilation": "--dilation", "padding": "--padding"}


def format_option(name: str, value: Any) -> str:
    """A keyword as it is typed."""
    if name == "ceil_mode":
        return "--ceil"
    parts = [_format_axis_value(one) for one in value] if isinstance(value, (tuple, list)) else [str(value)]
    return f"{_NAMES[name]} {parts[0] if len(set(parts)) == 1 else 'x'.join(parts)}"


def _format_axis_value(value: Any) -> str:
    """The value of one axis: a number, all, or before:after."""
    if isinstance(value, tuple):
        return str(value[0]) if value[0] == value[1] else f"{value[0]}:{value[1]}"
    return str(value)
