"""Reducers that compute in float64, scaled by the extreme so that nothing overflows: powers and exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from .exact_numbers import (
    Array,
    Number,
    as_float,
    distances,
    exactly,
    fsum,
    listed,
    number,
    plus,
    shown,
    signed,
    text,
    times,
)
from .reasoning import Present, Reasoning, sample


def in_doubles(steps: tuple[str, ...], value: Number, shares: Array | None = None, meaning: str = "",
               setup: tuple[str, ...] = (), rule: str = "") -> Reasoning:
    """A reasoning whose value is not exact."""
    return Reasoning(steps, value, shares, meaning, rule=rule, setup=setup, exact=False)


def norm(w: Present) -> Reasoning:
    """(sum |x|^p)^(1/p)."""
    p = float(w.parameters.get("p", 2.0))
    z = np.abs(w.x.astype(np.float64))
    m = float(z.max())
    if p == math.inf:
        terms = listed(len(z), lambda i: f"|{sample(w, i)}|", ", ")
        return in_doubles((f"max({terms})",), m, (z == m) * 1.0, "1: is the largest")
    return powered(z, m, p, lambda i: f"|{sample(w, i)}|^{text(p)}", Fraction(1))


def generalised_mean(w: Present) -> Reasoning:
    """(mean max(x, eps)^p)^(1/p)."""
    p, eps = float(w.parameters["p"]), float(w.parameters["eps"])
    z = np.maximum(w.x.astype(np.float64), eps)
    low = int((w.x < eps).sum())
    found = powered(z, float(z.max()), p, lambda i: f"{shown(float(z[i]))}^{text(p)}", Fraction(len(z)))
    rule = f"{low} of {len(z)} samples are below eps and count as {text(eps)}" if low else ""
    return in_doubles(found.steps, found.value, found.shares, found.meaning, found.setup, rule)


def powered(z: Array, m: float, p: float, term: Callable[[int], str], divisor: Fraction) -> Reasoning:
    """m (sum (z / m)^p / divisor)^(1/p): the p-norm (divisor 1) and the generalised mean."""
    tail = "" if divisor == 1 else f" / {divisor}"
    inside = f"({listed(len(z), term)}){tail}"
    written = f"({inside})^(1/{text(p)})" if tail else f"{inside}^(1/{text(p)})"
    if m in (0.0, math.inf):
        return in_doubles((written,), m, (z == m) / float((z == m).sum()), "share of the sum")
    scaled = (z / m) ** p
    s = as_float(fsum(scaled))
    value = m * (s / float(divisor)) ** (1 / p)
    plain = float((z**p).sum())
    factor, inner = ("", plain) if 1e-300 < plain < math.inf else (f"{text(m)} ", s)
    bracketed = f"({text(inner)}{tail})" if tail or factor else text(inner)
    setup = (f"all divided by the largest, {text(m)}, lest it leaves float64's range",) if factor else ()
    return in_doubles((written, f"{factor}{bracketed}^(1/{text(p)})"), value, scaled / s, "share of the sum of powers",
                      setup=setup)


def log_mean_exp(w: Present) -> Reasoning:
    """M + log(mean e^(r (x - m))) / r."""
    r = float(w.parameters["r"])
    name, m = ("max", number(w.x.max())) if r > 0 else ("min", number(w.x.min()))
    if not isinstance(m, Fraction):
        return in_doubles((f"{name} x is infinite",), m)
    exponents = r * distances(w.x, m)
    grown = np.exp(exponents)
    s = as_float(fsum(grown))
    log = math.log(s / len(grown)) / r
    terms = listed(len(grown), lambda i: f"e^{signed(text(float(exponents[i])))}")
    return in_doubles(("m + log(mean e^(r (x - m))) / r", f"{text(m)} + log(({terms}) / {len(grown)}) / {text(r)}",
                       f"{text(m)} + {signed(text(log))}"), plus(m, number(log)), grown / s, "e^(r x) / sum e^(r x)",
                      (f"m = {name} x = {exactly(m)}, so that nothing overflows",))


def softmax_mean(w: Present) -> Reasoning:
    """Sum x e^(x - m) / sum e^(x - m)."""
    m = number(w.x.max())
    if not isinstance(m, Fraction):
        return in_doubles(("max x is infinite",), m)
    away = distances(w.x, m)
    grown = np.exp(away)
    mass = as_float(fsum(grown))
    kept = grown > 0
    gap = as_float(fsum(away[kept] * grown[kept])) / mass
    top = listed(len(grown), lambda i: f"{signed(sample(w, i))} e^{signed(text(float(away[i])))}")
    bottom = listed(len(grown), lambda i: f"e^{signed(text(float(away[i])))}")
    value = plus(m, number(gap))
    return in_doubles(("sum x e^(x - m) / sum e^(x - m)", f"({top}) / ({bottom})",
                       f"{text(times(value, number(mass)))} / {text(mass)}"), value, grown / mass, "e^x / sum e^x",
                      (f"m = max x = {exactly(m)}, so that nothing overflows",))
