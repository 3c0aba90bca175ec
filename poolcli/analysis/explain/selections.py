"""Reducers that choose a sample, or a place among the sorted ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .exact_numbers import Array, Number, as_float, listed, number, over, plus, products, shown, signed, text, total
from .reasoning import Present, Reasoning, often, sample, samples


def extreme(name: str, argument: Callable[[Array], Any], adjective: str) -> Callable[[Present], Reasoning]:
    """The largest or the smallest sample, the first of equals."""
    def reason(w: Present) -> Reasoning:
        i = int(argument(w.x))
        ties = int((w.x == w.x[i]).sum())
        rule = (f"the {adjective}; it is there {often(ties)}, and the first wins" if ties > 1 else f"the {adjective}")
        return Reasoning((f"{name}({samples(w, ', ')})",), number(w.x[i]), winner=i, rule=rule)
    return reason


def first(w: Present) -> Reasoning:
    """The first sample."""
    return Reasoning(("x_0",), number(w.x[0]), winner=0, rule="the first present sample")


def mode(w: Present) -> Reasoning:
    """The most frequent value, the smallest of equals; the first sample that has it."""
    values, counts = np.unique(w.x, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found = [f"{shown(values[k])} {often(int(counts[k]))}" for k in order[:6]]
    left = [f"{len(order) - 6} more values"] if len(order) > 6 else []
    i = int(np.argmax(w.x == values[order[0]]))
    tied = int((counts == counts.max()).sum())
    rule = f"the smallest of {tied} values that are equally frequent" if tied > 1 else "the most frequent value"
    return Reasoning((f"most frequent({samples(w, ', ')})",), number(w.x[i]), winner=i, rule=rule,
                     setup=(", ".join(found + left),))


def draw(w: Present) -> Reasoning:
    """The first sample whose running sum exceeds t sum x; t is this output's own random number."""
    if w.parameters.get("expected"):
        return expected(w)
    x = w.x.astype(np.float64)
    if np.isinf(x).any():
        i = int(np.argmax(np.isinf(x)))
        return Reasoning(("inf takes all", "inf"), math.inf, winner=i, rule="the first infinity")
    scale = 1.0 if np.isfinite(np.cumsum(x)[-1]) else 2.0**-64
    reach = np.cumsum(x * scale)
    mass = float(reach[-1])
    beyond = reach > w.draw * mass
    i = int(np.argmax(beyond)) if beyond.any() else int(np.flatnonzero(x)[-1]) if x.any() else 0
    running = listed(len(x), lambda k: text(float(reach[k]) / scale), ", ")
    setup = (f"t = {text(w.draw)}, the random number of this output",
             f"t sum x = {text(w.draw)} * {text(mass / scale)} = {text(w.draw * mass / scale)}",
             f"running sums: {running}")
    chances = x * scale / mass if mass else np.full(len(x), 1 / len(x))
    return Reasoning((f"x_{i}",), number(w.x[i]), chances, "p = x / sum x", i,
                     "the first whose running sum is more than t sum x", setup)


def expected(w: Present) -> Reasoning:
    """Sum x^2 / sum x."""
    if float(w.x.max()) in (0.0, math.inf):
        return Reasoning(("max x",), number(w.x.max()), rule="all are 0, or one is inf")
    squares, mass = products(w.x, w.x), total(w.x)
    top = listed(len(w.x), lambda i: f"{signed(sample(w, i))}^2")
    return Reasoning((f"({top}) / ({samples(w)})", f"{text(squares)} / {text(mass)}"), over(squares, mass),
                     w.x.astype(np.float64) / as_float(mass), "p = x / sum x")


def quantile(w: Present) -> Reasoning:
    """The sample of rank (n - 1) q, or a point of the line between two ranks."""
    n, q = len(w.x), float(w.parameters.get("q", 0.5))
    order = np.argsort(w.x, kind="stable")
    h = (n - 1) * q
    j = min(math.floor(h), n - 1)
    a, b, g = w.x[order[j]], w.x[order[min(j + 1, n - 1)]], h - j
    shares = np.zeros(n)
    shares[order[j]] = 1.0 - g
    shares[order[min(j + 1, n - 1)]] += g
    head = (f"sorted: {ranked(w.x[order], j)}", f"rank (n - 1) q = {n - 1} * {text(q)} = {text(h)}, counted from 0")
    if g == 0 or a == b:
        return Reasoning((f"sorted[{j}]",), number(a), shares, "weight", setup=head)
    return Reasoning((f"sorted[{j}] + (sorted[{j + 1}] - sorted[{j}]) * {text(g)}",
                      f"{shown(a)} + ({shown(b)} - {signed(shown(a))}) * {text(g)}"),
                     between(number(a), number(b), g), shares, "weight", setup=head)


def ranked(x: Array, j: int) -> str:
    """Sorted samples; of many those at the ends and those about rank j."""
    wanted = sorted({*range(2), *range(max(j - 2, 0), min(j + 4, len(x))), *range(max(len(x) - 2, 0), len(x))})
    wanted = list(range(len(x))) if len(x) <= 12 else [k for k in wanted if k < len(x)]
    parts = []
    for k, following in zip(wanted, [*wanted[1:], len(x)], strict=True):
        parts += [shown(x[k]), *(["..."] if following > k + 1 else [])]
    return " ".join(parts)


def between(a: Number, b: Number, g: float) -> Number:
    """a + (b - a) g; with an infinity by NumPy's two branches."""
    if isinstance(a, Fraction) and isinstance(b, Fraction):
        return a + (b - a) * Fraction(g)
    low, high = float(a), float(b)
    return high - (high - low) * (1 - g) if g >= 0.5 else low + (high - low) * g


def spread(w: Present) -> Reasoning:
    """Max x - min x."""
    high, low = w.x.max(), w.x.min()
    shares = np.zeros(len(w.x))
    shares[w.x.argmax()] += 1
    shares[w.x.argmin()] -= 1
    return Reasoning((f"max({samples(w, ', ')}) - min(...)", f"{shown(high)} - {signed(shown(low))}"),
                     plus(number(high), -number(low)), shares, "+1 the first largest, -1 the first smallest")
