"""Reducers that compute in float64, scaled by the extreme so that nothing overflows: powers and exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from .exact_numbers import (
    Array,
    Number,
    add,
    format_exact,
    format_number,
    format_sample,
    join_terms,
    multiply,
    parenthesize,
    round_sum,
    subtract_extreme,
    to_float,
    to_number,
)
from .reasoning import PresentSamples, Reasoning, format_one


def _reason_in_doubles(steps: tuple[str, ...], value: Number, shares: Array | None = None, meaning: str = "",
                       setup: tuple[str, ...] = (), rule: str = "") -> Reasoning:
    """A reasoning whose value is not exact."""
    return Reasoning(steps, value, shares, meaning, rule=rule, setup=setup, exact=False)


def explain_norm(w: PresentSamples) -> Reasoning:
    """(sum |x|^p)^(1/p)."""
    p = float(w.parameters.get("p", 2.0))
    z = np.abs(w.x.astype(np.float64))
    m = float(z.max())
    if p == math.inf:
        terms = join_terms(len(z), lambda i: f"|{format_one(w, i)}|", ", ")
        return _reason_in_doubles((f"max({terms})",), m, (z == m) * 1.0, "1: is the largest")
    return _explain_power_mean(z, m, p, lambda i: f"|{format_one(w, i)}|^{format_number(p)}", Fraction(1))


def explain_gem(w: PresentSamples) -> Reasoning:
    """(mean max(x, eps)^p)^(1/p)."""
    p, eps = float(w.parameters["p"]), float(w.parameters["eps"])
    z = np.maximum(w.x.astype(np.float64), eps)
    low = int((w.x < eps).sum())
    found = _explain_power_mean(z, float(z.max()), p, lambda i: f"{format_sample(float(z[i]))}^{format_number(p)}",
                                Fraction(len(z)))
    rule = f"{low} of {len(z)} samples are below eps and count as {format_number(eps)}" if low else ""
    return _reason_in_doubles(found.steps, found.value, found.shares, found.meaning, found.setup, rule)


def _explain_power_mean(z: Array, m: float, p: float, term: Callable[[int], str], divisor: Fraction) -> Reasoning:
    """m (sum (z / m)^p / divisor)^(1/p): the p-norm (divisor 1) and the generalised mean."""
    tail = "" if divisor == 1 else f" / {divisor}"
    inside = f"({join_terms(len(z), term)}){tail}"
    written = f"({inside})^(1/{format_number(p)})" if tail else f"{inside}^(1/{format_number(p)})"
    if m in (0.0, math.inf):
        return _reason_in_doubles((written,), m, (z == m) / float((z == m).sum()), "share of the sum")
    scaled = (z / m) ** p
    s = to_float(round_sum(scaled))
    value = m * (s / float(divisor)) ** (1 / p)
    plain = float((z**p).sum())
    factor, inner = ("", plain) if 1e-300 < plain < math.inf else (f"{format_number(m)} ", s)
    bracketed = f"({format_number(inner)}{tail})" if tail or factor else format_number(inner)
    setup = (f"all divided by the largest, {format_number(m)}, lest it leaves float64's range",) if factor else ()
    return _reason_in_doubles((written, f"{factor}{bracketed}^(1/{format_number(p)})"), value, scaled / s,
                              "share of the sum of powers",
                              setup=setup)


def explain_lse(w: PresentSamples) -> Reasoning:
    """M + log(mean e^(r (x - m))) / r."""
    r = float(w.parameters["r"])
    name, m = ("max", to_number(w.x.max())) if r > 0 else ("min", to_number(w.x.min()))
    if not isinstance(m, Fraction):
        return _reason_in_doubles((f"{name} x is infinite",), m)
    exponents = r * subtract_extreme(w.x, m)
    grown = np.exp(exponents)
    s = to_float(round_sum(grown))
    log = math.log(s / len(grown)) / r
    terms = join_terms(len(grown), lambda i: f"e^{parenthesize(format_number(float(exponents[i])))}")
    return _reason_in_doubles(("m + log(mean e^(r (x - m))) / r",
                               f"{format_number(m)} + log(({terms}) / {len(grown)}) / {format_number(r)}",
                       f"{format_number(m)} + {parenthesize(format_number(log))}"), add(m, to_number(log)), grown / s,
                              "e^(r x) / sum e^(r x)",
                              (f"m = {name} x = {format_exact(m)}, so that nothing overflows",))


def explain_soft(w: PresentSamples) -> Reasoning:
    """Sum x e^(a (x - m)) / sum e^(a (x - m))."""
    alpha = float(w.parameters.get("alpha", 1.0))
    name, m = ("max", to_number(w.x.max())) if alpha >= 0 else ("min", to_number(w.x.min()))
    if not isinstance(m, Fraction):
        return _reason_in_doubles((f"{name} x is infinite",), m)
    away = subtract_extreme(w.x, m)
    exponents = alpha * away
    grown = np.exp(exponents)
    mass = to_float(round_sum(grown))
    kept = grown > 0
    gap = to_float(round_sum(away[kept] * grown[kept])) / mass
    top = join_terms(len(grown),
                     lambda i: f"{parenthesize(format_one(w, i))} e^{parenthesize(format_number(float(exponents[i])))}")
    bottom = join_terms(len(grown), lambda i: f"e^{parenthesize(format_number(float(exponents[i])))}")
    value = add(m, to_number(gap))
    power, share = ("x - m", "x") if alpha == 1 else ("alpha (x - m)", "(alpha x)")
    return _reason_in_doubles((f"sum x e^({power}) / sum e^({power})", f"({top}) / ({bottom})",
                       f"{format_number(multiply(value, to_number(mass)))} / {format_number(mass)}"), value, grown
                              / mass, f"e^{share} / sum e^{share}",
                              (f"m = {name} x = {format_exact(m)}, so that nothing overflows",))
