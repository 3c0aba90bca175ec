"""The plain settings (size, stride, padding, ceil) that make a wanted shape of a given one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

from ...core import axes
from ...core.plans import Plan
from ...core.windowings import lay_fixed
from ...core.windows import Windows
from ...errors import OptionError, PoolError
from ...pooling import parse_pooling
from .suggestions import format_option

_MOST_SIZES = 256
"""Sizes that are looked at on an axis: the smallest that can do it first."""
_MOST_EACH = 16
"""Settings of an axis that are combined with those of another."""
_MOST_COMBINED = 4096


@dataclass(frozen=True)
class Setting:
    """Options that give the wanted shape, and what they leave out and share.

    Attributes
    ----------
    options
        As typed: ``--size 3 --stride 2 --padding 1``.
    keywords
        The same as keywords of ``pool``.
    uncovered
        Samples of each pooled axis that no window reaches, by its letter.
    coverage
        The share of samples that lie in at least one window, from 0 to 1.
    overlap
        The samples of all windows beyond the first reading of each, as a share of the input.

    Examples
    --------
    >>> found = settings_for((225, 225), (112, 112), most=1)[0]
    >>> found.options, found.keywords["size"], found.uncovered, found.coverage
    ('--size 3 --stride 2', (3, 3), {'H': 0, 'W': 0}, 1.0)
    """

    options: str
    keywords: Mapping[str, Any]
    uncovered: Mapping[str, int]
    coverage: float
    overlap: float


@dataclass(frozen=True, order=True)
class _AxisSetting:
    """One axis' windows; the smaller is the better one."""

    missing: float
    """The share of samples that no window reaches."""
    shared: float
    """How often samples are read again, as a share."""
    oddness: tuple[int, ...]
    """What is not as always: padding, a ceiling, a stride that is not the size; the size itself."""
    size: int
    stride: int
    pad: int
    ceil: bool
    needs_ceil: bool
    """Without a ceiling there would be another number of windows."""


@dataclass(frozen=True)
class _HeldSettings:
    """What a setting of one axis has to have; None where it is free."""

    size: int | None = None
    stride: int | None = None
    padding: int | None = None


def settings_for(shape: Sequence[int], target: Sequence[int], *, layout: str | None = None,
                 most: int = 10, **held: Any) -> tuple[Setting, ...]:
    """Find plain settings that pool an array of ``shape`` to ``target``.

    The search is bounded: symmetric padding of at most half a window, the 256 smallest sizes that can do it, or of
    large ones those that just read all. Every setting has been planned.

    Parameters
    ----------
    shape
        The lengths of the axes, in samples.
    target
        The number of windows along each pooled axis.
    layout
        A letter for each axis.
    most
        How many settings at most.
    **held
        ``size``, ``stride``, ``padding`` (symmetric) and ``ceil_mode=True``, where given, are those of every setting
        found.

    Returns
    -------
    tuple of Setting
        Best coverage first, then least overlap, then the simplest. Empty where only adaptive windows, or uneven
        padding, get there.

    Raises
    ------
    PoolError
        Where the number of axes is wrong, and for other keywords.

    Examples
    --------
    >>> [one.options for one in settings_for((225, 225), (112, 112), most=2)]
    ['--size 3 --stride 2', '--size 4 --stride 2 --ceil']
    """
    resolved = axes.resolve(tuple(shape), None if layout is None else axes.check_layout(layout))
    wanted = _check_target(target, resolved)
    lengths = [shape[i] for i in resolved.pooled]
    ceiling = bool(held.pop("ceil_mode", False))
    each = _parse_fixed(held, len(lengths))
    combined = sorted(one for ceil in ((True,) if ceiling else (False, True))
                      for one in islice(_combine_axes(lengths, wanted, ceil, each), _MOST_COMBINED)
                      if not ceil or ceiling or any(choice.needs_ceil for choice in one[1]))
    found: dict[str, Setting] = {}
    for _, choices in combined:
        setting = _plan_setting(choices, shape, resolved.letters, wanted)
        if setting is not None:
            found.setdefault(setting.options, setting)
        if len(found) >= most:
            break
    return tuple(found.values())


def _parse_fixed(given: Mapping[str, Any], axes_count: int) -> tuple[_HeldSettings, ...]:
    """What each axis has to have, of keywords as ``pool`` takes them; OptionError for what no plain setting has."""
    each: dict[str, tuple[int, ...]] = {}
    for name, value in given.items():
        if name not in ("size", "stride", "padding"):
            raise OptionError(name, "goes with stages, not with a target; size, stride, padding and ceil would work")
        numbers = tuple(value) if isinstance(value, (tuple, list)) else (value,) * axes_count
        numbers = tuple(one[0] if isinstance(one, (tuple, list)) and len(set(one)) == 1 else one for one in numbers)
        if len(numbers) != axes_count or any(type(one) is not int for one in numbers):
            raise OptionError(name, f"{value!r} is not one whole number, or one for each of the {axes_count} pooled "
                                    "axes, which is what a search for a target can hold on to")
        each[name] = numbers
    return tuple(_HeldSettings(**{name: numbers[axis] for name, numbers in each.items()}) for axis in range(axes_count))


def _check_target(target: Sequence[int], resolved: axes.Axes) -> tuple[int, ...]:
    """The wanted lengths, one for each pooled axis."""
    wanted = tuple(target)
    if len(wanted) != len(resolved.pooled):
        raise OptionError("target", f"{axes.describe(wanted)} has {len(wanted)} lengths, and {len(resolved.pooled)} "
                                    f"axes are pooled ({resolved.pooled_letters}); one for each would work")
    if any(not isinstance(n, int) or n < 1 for n in wanted):
        raise OptionError("target", f"lengths are whole numbers from 1, not {axes.describe(wanted)}")
    return wanted


Scored = tuple[tuple[float, float, int, tuple[int, ...]], tuple[_AxisSetting, ...]]


def _combine_axes(lengths: Sequence[int], wanted: Sequence[int], ceil: bool,
                  held: Sequence[_HeldSettings]) -> Iterator[Scored]:
    """Settings of all axes together: one for all; of each axis its own only where that one leaves something out."""
    each = [{(c.size, c.stride, c.pad): c for c in sorted(_search_axis(n, m, ceil, must))}
            for n, m, must in zip(lengths, wanted, held, strict=True)]
    alike = [tuple(one[key] for one in each) for key in each[0] if all(key in one for one in each)]
    yield from (_score_setting(group) for group in alike)
    if not any(sum(c.missing for c in group) == 0 for group in alike):
        yield from (_score_setting(group) for group in product(*(list(one.values())[:_MOST_EACH] for one in each)))


def _score_setting(group: tuple[_AxisSetting, ...]) -> Scored:
    """How good a setting is; one value for all axes is simpler than one for each."""
    uneven = len({(c.size, c.stride, c.pad) for c in group})
    return ((sum(c.missing for c in group), round(sum(c.shared for c in group), 9), uneven,
             tuple(sum(odd) for odd in zip(*(c.oddness for c in group), strict=True))), group)


def _search_axis(n: int, m: int, ceil: bool, held: _HeldSettings) -> Iterator[_AxisSetting]:
    """What makes m windows of an axis of n: for each size and padding the strides that do."""
    for size in _candidate_sizes(n, m) if held.size is None else (held.size,):
        pads = (0, 1, 2, 3, (size - 1) // 2, size // 2) if held.padding is None else (held.padding,)
        for pad in sorted({p for p in pads if 0 <= p <= size // 2}):
            free = held.stride is None
            for stride in _candidate_strides(n + 2 * pad - size, m, size, ceil) if free else (held.stride or 0,):
                windows = _make_windows(n, size, stride, pad, ceil)
                if windows is not None and len(windows) == m:
                    yield _score_windows(windows, size, stride, pad, ceil)


def _candidate_sizes(n: int, m: int) -> Sequence[int]:
    """Sizes that may do: the smallest ones, or where windows are large those about n - (m - 1) s, which read all."""
    smallest = max(1, n // (2 * m) if m > 1 else n - _MOST_SIZES + 1)
    if n // m <= _MOST_SIZES // 4:
        return range(smallest, min(n, smallest + _MOST_SIZES - 1) + 1)
    exact = {n - (m - 1) * stride for stride in range(n // m - 2, n // m + 3)}
    return sorted({size + more for size in exact for more in range(-2, 6) if 1 <= size + more <= n})


def _candidate_strides(room: int, m: int, size: int, ceil: bool) -> Sequence[int]:
    """Strides s with floor(room / s) = m - 1, or ceil; one window has the size as its stride."""
    if m == 1:
        return (size,) if room < size or ceil else ()
    if ceil:
        low, high = -(-room // (m - 1)), -(-room // max(m - 2, 1)) - (m > 2)
        return range(max(low, 1), min(high, low + 8) + 1)
    low, high = room // m + 1, room // (m - 1)
    return range(max(low, high - 8, 1), high + 1)


def _make_windows(n: int, size: int, stride: int, pad: int, ceil: bool) -> Windows | None:
    """The windows, if there are any; with padding of at most half a window none lies in it wholly."""
    try:
        windows = lay_fixed(n, size, stride, 1, pad, pad, ceil)
    except PoolError:
        return None
    return windows


def _score_windows(windows: Windows, size: int, stride: int, pad: int, ceil: bool) -> _AxisSetting:
    """How good they are."""
    n, m = windows.length, len(windows)
    beyond = (m - 1) * stride - pad + size - n  # positions of the last window behind the input
    reads = m * size - _sum_clipped(pad, stride, m) - _sum_clipped(beyond, stride, m)
    missing = n - reads if stride >= size else max(0, -beyond)
    shared = (reads - (n - missing)) / n
    needs = ceil and (n + 2 * pad - size) // stride + 1 != len(windows)
    oddness = (int(pad > 0) + int(ceil), pad, int(stride != size), size)
    return _AxisSetting(missing / n, round(shared, 9), oddness, size, stride, pad, ceil, needs)


def _sum_clipped(most: int, stride: int, m: int) -> int:
    """most + (most - s) + (most - 2 s) ..., as far as these are above 0, of at most m windows: lost at one end."""
    count = min(max(0, -(-most // stride)), m)
    return count * most - stride * count * (count - 1) // 2


def _plan_setting(group: Sequence[_AxisSetting], shape: Sequence[int], letters: str,
                  wanted: Sequence[int]) -> Setting | None:
    """The setting, if planning it gives what is wanted."""
    keywords: dict[str, Any] = {"size": tuple(c.size for c in group)}
    if any(c.stride != c.size for c in group):
        keywords["stride"] = tuple(c.stride for c in group)
    if any(c.pad for c in group):
        keywords["padding"] = tuple((c.pad, c.pad) for c in group)
    if group[0].ceil:
        keywords["ceil_mode"] = True
    plan: Plan = parse_pooling("max", layout=letters, **keywords).plan(shape)
    if tuple(len(one) for one in plan.windows) != tuple(wanted):
        return None
    reads = 1.0
    for one in plan.windows:
        reads *= float(one.present[1].sum()) / one.length
    return Setting(" ".join(format_option(name, value) for name, value in keywords.items()), keywords, plan.uncovered,
                   plan.coverage, max(0.0, reads - plan.coverage))
