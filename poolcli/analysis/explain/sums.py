"""Reducers that are rational: sums, means, moments. Their values are exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np

from .exact_numbers import (
    MOST_EXACT,
    Number,
    add,
    divide,
    exact_sum,
    format_number,
    format_sample,
    join_terms,
    multiply,
    parenthesize,
    round_sum,
    square_root,
    sum_products,
    to_float,
    to_number,
)
from .reasoning import PresentSamples, Reasoning, format_all, format_one


def explain_sum(w: PresentSamples) -> Reasoning:
    """Sum x."""
    return Reasoning((format_all(w),), exact_sum(w.x), np.ones(len(w.x)), "weight")


def explain_avg(w: PresentSamples) -> Reasoning:
    """Sum x / divisor: the one given, the nominal count, or the present one."""
    n = len(w.x)
    given = w.parameters.get("divisor")
    padded = w.parameters.get("count_include_pad")
    divisor = int(given) if given else w.nominal if padded else n
    rule = ("--divisor" if given else "the positions of the window with its padding (--count-include-pad)" if padded
            else "the samples that are present")
    s = exact_sum(w.x)
    return Reasoning((f"({format_all(w)}) / {divisor}", f"{format_number(s)} / {divisor}"),
                     divide(s, Fraction(divisor)),
                     np.full(n, 1 / divisor), "weight", rule=f"divided by {divisor}, {rule}")


def explain_blur(w: PresentSamples) -> Reasoning:
    """Sum w x / sum w."""
    assert w.weights is not None
    weights = w.weights
    s, mass = sum_products(weights, w.x), exact_sum(weights)
    top = join_terms(len(w.x), lambda i: f"{format_number(float(weights[i]))}*{parenthesize(format_one(w, i))}")
    bottom = join_terms(len(w.x), lambda i: format_number(float(weights[i])))
    return Reasoning((f"({top}) / ({bottom})", f"{format_number(s)} / {format_number(mass)}"), divide(s, mass),
                     weights / to_float(mass), "w / sum w, binomial",
                     rule="weights of present samples only, so that padding does not darken")


def explain_weighted_avg(w: PresentSamples) -> Reasoning:
    """Sum w x / sum w, of weights that were given, or of parts of samples."""
    return replace(explain_blur(w), meaning="w / sum w", rule="divided by the weight of the samples that are present")


def explain_weighted_blur(w: PresentSamples) -> Reasoning:
    """Sum w b x / sum w b, of weights that were given times binomial ones."""
    return replace(explain_blur(w), meaning="w / sum w, binomial times given")


def explain_weighted_sum(w: PresentSamples) -> Reasoning:
    """Sum w x."""
    found = explain_blur(w)
    assert w.weights is not None
    return Reasoning((found.steps[0].partition(") / (")[0].removeprefix("("),), sum_products(w.weights, w.x),
                     w.weights.astype(np.float64), "weight")


def explain_mixed(w: PresentSamples) -> Reasoning:
    """W max x + (1 - w) mean x."""
    share, top, mean = Fraction(float(w.parameters["weight"])), w.x.max(), divide(exact_sum(w.x), Fraction(len(w.x)))
    value = add(multiply(share, to_number(top)), multiply(1 - share, mean))
    i = int(w.x.argmax())
    shares = np.full(len(w.x), float(1 - share) / len(w.x))
    shares[i] += float(share)
    a, b = format_number(share), format_number(1 - share)
    return Reasoning((f"{a} max({format_all(w, ', ')}) + {b} ({format_all(w)}) / {len(w.x)}",
                      f"{a} * {format_sample(top)} + {b} * {format_number(mean)}"), value, shares, "weight")


def _mean_and_variance(w: PresentSamples) -> tuple[Number, Number]:
    """The mean and the variance."""
    n = Fraction(len(w.x))
    mean = divide(exact_sum(w.x), n)
    if not isinstance(mean, Fraction):
        return mean, math.nan
    if len(w.x) > MOST_EXACT:
        return mean, divide(round_sum((w.x.astype(np.float64) - to_float(mean)) ** 2), n)
    return mean, sum(((Fraction(v) - mean) ** 2 for v in w.x.tolist()), Fraction(0)) / n


def explain_variance(rooted: bool) -> Callable[[PresentSamples], Reasoning]:
    """The variance, or its root."""
    def reason(w: PresentSamples) -> Reasoning:
        mean, var = _mean_and_variance(w)
        centre = parenthesize(format_number(mean))
        terms = join_terms(len(w.x), lambda i: f"({format_one(w, i)} - {centre})^2")
        inside = f"({terms}) / {len(w.x)}"
        steps = (f"sqrt({inside})", f"sqrt({format_number(var)})") if rooted else (
            inside, f"{format_number(multiply(var, Fraction(len(w.x))))} / {len(w.x)}")
        away = (w.x.astype(np.float64) - to_float(mean)) ** 2
        mass = float(away.sum())
        return Reasoning(steps, square_root(var) if rooted else var,
                         away / mass if 0 < mass < math.inf else np.zeros(len(w.x)), "share of sum (x - mean x)^2",
                         setup=(f"mean x = {format_number(mean)}",), exact=not rooted)
    return reason
