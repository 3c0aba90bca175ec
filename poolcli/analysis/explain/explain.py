"""One value of a pooling, explained: its window, the samples in it, the arithmetic, the rounding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from ... import report
from ...core.boxes import input_box, subplan
from ...core.plans import Plan, PlanPart
from ...core.reducers import REDUCERS
from ...errors import PoolError
from ...kernels.general import Window
from ...pooling import Pooling, as_array, parse_pooling
from ...valid_samples import SampleRules, broadcast_rules, parse_rules
from ...valid_samples import run as run_valid
from . import rounding_text
from .exact_numbers import Array, format_exact, format_number, to_number
from .explainers import EXPLAINERS, WEIGHTED_EXPLAINERS
from .explanation import Explanation, Winner
from .reasoning import PresentSamples, Reasoning
from .window_samples import STATES, WindowSamples, list_kept_lengths, read_window

if TYPE_CHECKING:
    from ...core.pool_options import Keywords

def explain(x: ArrayLike, reducer: str = "max", *, at: Sequence[int] | int | None = None, channel: int | None = None,
            batch: int | None = None, mask: ArrayLike | None = None, weights: ArrayLike | None = None,
            **options: Unpack[Keywords]) -> Explanation:
    """Tell how one value of ``pool(x, reducer, **options)`` comes about.

    Parameters
    ----------
    x
        The array.
    reducer
        The name of a reducer.
    at
        An index for each pooled axis of the result (before ``squeeze``), negative ones from the end. Default: the
        window in the middle.
    channel, batch
        Indices on the axes C and N. Default: 0.
    mask, weights
        Which samples count, and how much, as ``pool`` takes them.
    **options
        The keywords of ``pool``.

    Returns
    -------
    Explanation
        The window's samples, the formula with its numbers, the exact value and its rounding.

    Raises
    ------
    PoolError
        For whatever cannot be pooled, and where there is no such window.

    Examples
    --------
    >>> found = explain([[1, 3], [5, 6]], "avg", size=2)
    >>> found.steps, found.value, found.result.item()
    (('(1 + 3 + 5 + 6) / 4', '15 / 4', '3.75'), Fraction(15, 4), 3.75)
    """
    array, pooling = as_array(x), parse_pooling(reducer, **options)
    return explain_window(array, pooling, pooling.plan(array.shape), at, channel, batch, parse_rules(mask, weights))


def explain_window(array: Array, pooling: Pooling, plan: Plan, at: Sequence[int] | int | None = None,
                   channel: int | None = None, batch: int | None = None,
                   rules: SampleRules | None = None) -> Explanation:
    """``explain`` for a pooling that has been prepared and planned."""
    rules = None if rules is None or (rules.mask is None and rules.weights is None) else broadcast_rules(rules, plan)
    if rules is None:
        pooling.check_array(array)
    kept = {letter: _resolve_kept_index(letter, given, plan) for letter, given in (("N", batch), ("C", channel))
            if given is not None or letter in plan.axes.letters}
    place = _resolve_window(at, plan)
    cell = tuple(kept[letter] if letter in kept else place[plan.axes.pooled.index(i)]
                 for i, letter in enumerate(plan.axes.letters))
    result = _pool_window(pooling, plan, array, cell, rules)  # refuses what cannot be, weights below 0 among it
    window = read_window(pooling, plan, array, cell, rules)
    reasoning = _explain_window(pooling, plan, window, cell)
    has_none = not window.there.any() and reasoning.value != reasoning.value  # no sample, and no value for that
    dtype = result.dtype
    return Explanation(
        pooling.reducer.name, REDUCERS[pooling.reducer.name].value, report.list_parameters(pooling), plan.axes.letters,
        plan.full_shape, cell, place, kept, window.axes, window.values, window.states, STATES,
        int(window.there.sum()), window.nominal, reasoning.setup, reasoning.steps, reasoning.rule,
        _find_winner(pooling, window, reasoning), _lay_out_shares(window, reasoning.shares), reasoning.meaning,
        None if has_none else reasoning.value, "none" if has_none else format_exact(reasoning.value),
        _describe_rounding(pooling, window, reasoning, dtype), result, dtype.name, array.dtype.name)


# Which value.


def _resolve_window(at: Sequence[int] | int | None, plan: Plan) -> tuple[int, ...]:
    """The window on each pooled axis; PoolError where there is none."""
    letters = plan.axes.pooled_letters
    if at is None:
        return tuple((len(one) - 1) // 2 for one in plan.windows)
    given = (at,) if isinstance(at, (int, np.integer)) else tuple(at)
    if len(given) != len(letters):
        example = ",".join(str((len(one) - 1) // 2) for one in plan.windows)
        raise PoolError(f"at names {len(given)} {'index' if len(given) == 1 else 'indices'}, but {letters} "
                        f"{'is' if len(letters) == 1 else 'are'} pooled; {example} would work")
    return tuple(_check_index(i, len(one), f"window {i} of axis {letter}")
                 for i, one, letter in zip(given, plan.windows, letters, strict=True))


def _resolve_kept_index(letter: str, given: int | None, plan: Plan) -> int:
    """The index on a kept axis."""
    name = {"C": "channel", "N": "batch"}[letter]
    lengths = list_kept_lengths(plan)
    if letter not in lengths:
        raise PoolError(f"{name} {given} was asked for, but layout {plan.axes.letters} has no axis {letter}")
    return _check_index(0 if given is None else given, lengths[letter], f"{name} {given or 0}")


def _check_index(i: Any, n: int, what: str) -> int:
    """An index from 0 on, or PoolError."""
    if not isinstance(i, (int, np.integer)) or isinstance(i, bool) or not -n <= i < n:
        raise PoolError(f"there is no {what}; {f'0 to {n - 1}' if n else 'nothing'} would work, or -1 from the end"
                        if n else f"there is no {what}: the axis is empty")
    return int(i) % n


# How it comes about.


def _explain_window(pooling: Pooling, plan: Plan, window: WindowSamples, cell: tuple[int, ...]) -> Reasoning:
    """The arithmetic; NaN and empty windows first, for which no reducer has a rule of its own."""
    there = window.there
    x = np.asarray(window.values[there])
    if not len(x):
        empty = pooling.reducer.empty_value
        return Reasoning(("no sample is present",), math.nan if empty is None else Fraction(empty))
    if x.dtype.kind == "f" and pooling.reducer.nan_wins and np.isnan(x).any():
        last = int(np.flatnonzero(np.isnan(x))[-1])
        return Reasoning(("a NaN is in the window, and NaN wins (--nan propagate)",), math.nan,
                         winner=last if pooling.reducer.picks else None,
                         rule="the last NaN, as in PyTorch" if pooling.reducer.picks else "")
    each = window.weights if pooling.reducer.weighted else window.distances if pooling.reducer.central else None
    weights = None if each is None else each()[there]
    if window.given is not None:
        given = window.given[there]
        weights = given if weights is None else np.array(
            [Fraction(x) * Fraction(y) for x, y in zip(weights.tolist(), given.tolist(), strict=True)], object)
    draw = _draw_number(pooling, plan, cell) if pooling.reducer.draws else 0.0
    present = PresentSamples(x, window.nominal, weights, draw, pooling.parameters)
    explainers = EXPLAINERS if window.given is None else WEIGHTED_EXPLAINERS
    reason = explainers.get(pooling.reducer.explanation)
    with np.errstate(all="ignore"):  # infinities among the samples are as good as other numbers
        found = reason(present) if reason is not None else reason_by_core(pooling, present) if (
            window.given is None) else _reason_by_weighted_core(pooling, present)
    written = format_number(found.value)
    return found if found.steps[-1] == written else replace(found, steps=(*found.steps, written))


def _draw_number(pooling: Pooling, plan: Plan, cell: tuple[int, ...]) -> float:
    """This output's own random number."""
    alone, part = _isolate_output(plan, cell)
    return float(pooling.prepare(alone, np.uint8).draws(part).item())


def reason_by_core(pooling: Pooling, present: PresentSamples) -> Reasoning:
    """A reducer without arithmetic of its own: what its core makes of the samples, in plain Python."""
    return _reason_by(pooling.reducer.core, pooling, present)


def _reason_by_weighted_core(pooling: Pooling, present: PresentSamples) -> Reasoning:
    """The same of samples with weights, which are told."""
    assert present.weights is not None and pooling.reducer.weighted_core is not None
    weights = present.weights.astype(np.float64)
    found = _reason_by(pooling.reducer.weighted_core, pooling, replace(present, weights=weights))
    shares = weights / weights.sum()
    return replace(found, shares=shares, meaning="w / sum w", rule="each sample counts by its weight w",
                   exact=found.winner is not None)


def _reason_by(core: Callable[[Window], Any], pooling: Pooling, present: PresentSamples) -> Reasoning:
    """What a core makes of the samples."""
    n = len(present.x)
    weights = np.ones(n) if present.weights is None else present.weights
    parameters = np.array([*pooling.kernel_parameters(), 0.0])
    answer = core(Window(present.x, 0, n, present.nominal, weights, present.draw, parameters,
                         np.empty(n, present.x.dtype)))
    if pooling.reducer.picks:
        return Reasoning((pooling.reducer.value,), to_number(present.x[answer]), winner=answer)
    hi, lo = answer
    return Reasoning((pooling.reducer.value,), Fraction(hi) + Fraction(lo) if math.isfinite(hi) else hi)


def _find_winner(pooling: Pooling, window: WindowSamples, reasoning: Reasoning) -> Winner | None:
    """Where the sample that is the result stands."""
    if reasoning.winner is None:
        return None
    flat = int(np.flatnonzero(window.there)[reasoning.winner])
    offset = tuple(int(i) for i in np.unravel_index(flat, window.states.shape))
    place = tuple(one.positions[i] for one, i in zip(window.axes, offset, strict=True))
    told = pooling.reducer.picks and pooling.pad_mode == "exclude"
    index = int(np.ravel_multi_index(place, [one.length for one in window.axes])) if told else None
    return Winner(offset, place, index)


def _lay_out_shares(window: WindowSamples, shares: Array | None) -> Array | None:
    """Shares of samples at the positions of the window."""
    if shares is None:
        return None
    found = np.full(window.states.shape, np.nan)
    found[window.there] = shares
    return found


def _describe_rounding(pooling: Pooling, window: WindowSamples, reasoning: Reasoning, dtype: np.dtype[Any]) -> str:
    """The last step in words."""
    if reasoning.value == reasoning.value:
        return rounding_text.describe_conversion(reasoning.value, reasoning.exact, dtype, pooling.round)
    what = "NaN" if window.there.any() else "nothing"
    return f"{what} is NaN in {dtype}" if dtype.kind == "f" else f"{what} is the nodata value in {dtype}"


# What the library gives.


def _pool_window(pooling: Pooling, plan: Plan, array: Array, cell: tuple[int, ...], rules: SampleRules | None) -> Any:
    """The result at one place, to the last bit, from this window alone where its plan can be cut so."""
    if pooling.pad_mode != "exclude":  # padding that is data comes from anywhere
        whole = replace(plan, squeeze=False)
        found = pooling.run(array, whole) if rules is None else run_valid(pooling, array, whole, rules)
        return found.values[cell]
    alone, part = _isolate_output(plan, cell)
    inputs = tuple(slice(i, i + n) for i, n in zip(part.corner, alone.input_shape, strict=True))
    if rules is None:
        return pooling.run(array[inputs], alone, part=part).values.reshape(-1)[0]
    mask, weights = (None if one is None else one[inputs] for one in (rules.mask, rules.weights))
    cut = SampleRules(mask, weights, origin=rules.origin)
    return run_valid(pooling, array[inputs], alone, cut, part=part).values.reshape(-1)[0]


def _isolate_output(plan: Plan, cell: tuple[int, ...]) -> tuple[Plan, PlanPart]:
    """The part of a plan that is one output."""
    outputs = tuple((i, i + 1) for i in cell)
    return subplan(plan, outputs, input_box(plan, outputs))
