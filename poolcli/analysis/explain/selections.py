"""Reducers that choose a sample, or a place among the sorted ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .exact_numbers import (
    Array,
    Number,
    add,
    divide,
    exact_sum,
    format_number,
    format_sample,
    join_terms,
    parenthesize,
    sum_products,
    to_float,
    to_number,
)
from .reasoning import PresentSamples, Reasoning, format_all, format_one, format_times


def explain_extreme(name: str, argument: Callable[[Array], Any],
                    adjective: str) -> Callable[[PresentSamples], Reasoning]:
    """The largest or the smallest sample, the first of equals."""
    def reason(w: PresentSamples) -> Reasoning:
        i = int(argument(w.x))
        ties = int((w.x == w.x[i]).sum())
        rule = (f"the {adjective}; it is there {format_times(ties)}, and the first wins" if ties > 1
                else f"the {adjective}")
        return Reasoning((f"{name}({format_all(w, ', ')})",), to_number(w.x[i]), winner=i, rule=rule)
    return reason


def explain_first(w: PresentSamples) -> Reasoning:
    """The first sample."""
    return Reasoning(("x_0",), to_number(w.x[0]), winner=0, rule="the first present sample")


def explain_mode(w: PresentSamples) -> Reasoning:
    """The most frequent value, the smallest of equals; the first sample that has it."""
    values, counts = np.unique(w.x, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found = [f"{format_sample(values[k])} {format_times(int(counts[k]))}" for k in order[:6]]
    left = [f"{len(order) - 6} more values"] if len(order) > 6 else []
    i = int(np.argmax(w.x == values[order[0]]))
    tied = int((counts == counts.max()).sum())
    rule = f"the smallest of {tied} values that are equally frequent" if tied > 1 else "the most frequent value"
    return Reasoning((f"most frequent({format_all(w, ', ')})",), to_number(w.x[i]), winner=i, rule=rule,
                     setup=(", ".join(found + left),))


def explain_draw(w: PresentSamples) -> Reasoning:
    """The first sample whose running sum exceeds t sum x; t is this output's own random number."""
    if w.parameters.get("expected"):
        return _explain_expected(w)
    x = w.x.astype(np.float64)
    if np.isinf(x).any():
        i = int(np.argmax(np.isinf(x)))
        return Reasoning(("inf takes all", "inf"), math.inf, winner=i, rule="the first infinity")
    scale = 1.0 if np.isfinite(np.cumsum(x)[-1]) else 2.0**-64
    reach = np.cumsum(x * scale)
    mass = float(reach[-1])
    beyond = reach > w.draw * mass
    i = int(np.argmax(beyond)) if beyond.any() else int(np.flatnonzero(x)[-1]) if x.any() else 0
    running = join_terms(len(x), lambda k: format_number(float(reach[k]) / scale), ", ")
    setup = (f"t = {format_number(w.draw)}, the random number of this output",
             f"t sum x = {format_number(w.draw)} * {format_number(mass / scale)} = "
             f"{format_number(w.draw * mass / scale)}",
             f"running sums: {running}")
    chances = x * scale / mass if mass else np.full(len(x), 1 / len(x))
    return Reasoning((f"x_{i}",), to_number(w.x[i]), chances, "p = x / sum x", i,
                     "the first whose running sum is more than t sum x", setup)


def _explain_expected(w: PresentSamples) -> Reasoning:
    """Sum x^2 / sum x."""
    if float(w.x.max()) in (0.0, math.inf):
        return Reasoning(("max x",), to_number(w.x.max()), rule="all are 0, or one is inf")
    squares, mass = sum_products(w.x, w.x), exact_sum(w.x)
    top = join_terms(len(w.x), lambda i: f"{parenthesize(format_one(w, i))}^2")
    return Reasoning((f"({top}) / ({format_all(w)})", f"{format_number(squares)} / {format_number(mass)}"),
                     divide(squares, mass),
                     w.x.astype(np.float64) / to_float(mass), "p = x / sum x")


def explain_quantile(w: PresentSamples) -> Reasoning:
    """The sample of rank (n - 1) q, or a point of the line between two ranks."""
    n, q = len(w.x), float(w.parameters.get("q", 0.5))
    order = np.argsort(w.x, kind="stable")
    h = (n - 1) * q
    j = min(math.floor(h), n - 1)
    a, b, g = w.x[order[j]], w.x[order[min(j + 1, n - 1)]], h - j
    shares = np.zeros(n)
    shares[order[j]] = 1.0 - g
    shares[order[min(j + 1, n - 1)]] += g
    head = (f"sorted: {_sort_samples(w.x[order], j)}",
            f"rank (n - 1) q = {n - 1} * {format_number(q)} = {format_number(h)}, counted from 0")
    if g == 0 or a == b:
        return Reasoning((f"sorted[{j}]",), to_number(a), shares, "weight", setup=head)
    return Reasoning((f"sorted[{j}] + (sorted[{j + 1}] - sorted[{j}]) * {format_number(g)}",
                      f"{format_sample(a)} + ({format_sample(b)} - {parenthesize(format_sample(a))}) * "
                      f"{format_number(g)}"),
                     _interpolate(to_number(a), to_number(b), g), shares, "weight", setup=head)


def _sort_samples(x: Array, j: int) -> str:
    """Sorted samples; of many those at the ends and those about rank j."""
    wanted = sorted({*range(2), *range(max(j - 2, 0), min(j + 4, len(x))), *range(max(len(x) - 2, 0), len(x))})
    wanted = list(range(len(x))) if len(x) <= 12 else [k for k in wanted if k < len(x)]
    parts = []
    for k, following in zip(wanted, [*wanted[1:], len(x)], strict=True):
        parts += [format_sample(x[k]), *(["..."] if following > k + 1 else [])]
    return " ".join(parts)


def _interpolate(a: Number, b: Number, g: float) -> Number:
    """a + (b - a) g; with an infinity by NumPy's two branches."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + (b - a) * Fraction(g)
    low, high = float(a), float(b)
    return high - (high - low) * (1 - g) if g >= 0.5 else low + (high - low) * g


def explain_range(w: PresentSamples) -> Reasoning:
    """Max x - min x."""
    high, low = w.x.max(), w.x.min()
    shares = np.zeros(len(w.x))
    shares[w.x.argmax()] += 1
    shares[w.x.argmin()] -= 1
    return Reasoning((f"max({format_all(w, ', ')}) - min(...)",
                      f"{format_sample(high)} - {parenthesize(format_sample(low))}"),
                     add(to_number(high), -to_number(low)), shares, "+1 the first largest, -1 the first smallest")
