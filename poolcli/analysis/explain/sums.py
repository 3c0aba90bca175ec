"""Reducers that are rational: sums, means, moments. Their values are exact fractions."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from .exact_numbers import (
    MOST_EXACT,
    Number,
    as_float,
    fsum,
    listed,
    number,
    over,
    plus,
    products,
    root,
    shown,
    signed,
    text,
    times,
    total,
)
from .reasoning import Present, Reasoning, sample, samples


def summed(w: Present) -> Reasoning:
    """Sum x."""
    return Reasoning((samples(w),), total(w.x), np.ones(len(w.x)), "weight")


def average(w: Present) -> Reasoning:
    """Sum x / divisor: the one given, the nominal count, or the present one."""
    n = len(w.x)
    given = w.parameters.get("divisor")
    padded = w.parameters.get("count_include_pad")
    divisor = int(given) if given else w.nominal if padded else n
    rule = ("--divisor" if given else "the positions of the window with its padding (--count-include-pad)" if padded
            else "the samples that are present")
    s = total(w.x)
    return Reasoning((f"({samples(w)}) / {divisor}", f"{text(s)} / {divisor}"), over(s, Fraction(divisor)),
                     np.full(n, 1 / divisor), "weight", rule=f"divided by {divisor}, {rule}")


def blur(w: Present) -> Reasoning:
    """Sum w x / sum w."""
    assert w.weights is not None
    weights = w.weights
    s, mass = products(weights, w.x), total(weights)
    top = listed(len(w.x), lambda i: f"{text(float(weights[i]))}*{signed(sample(w, i))}")
    bottom = listed(len(w.x), lambda i: text(float(weights[i])))
    return Reasoning((f"({top}) / ({bottom})", f"{text(s)} / {text(mass)}"), over(s, mass),
                     weights / as_float(mass), "w / sum w, binomial",
                     rule="weights of present samples only, so that padding does not darken")


def mixed(w: Present) -> Reasoning:
    """W max x + (1 - w) mean x."""
    share, top, mean = Fraction(float(w.parameters["weight"])), w.x.max(), over(total(w.x), Fraction(len(w.x)))
    value = plus(times(share, number(top)), times(1 - share, mean))
    i = int(w.x.argmax())
    shares = np.full(len(w.x), float(1 - share) / len(w.x))
    shares[i] += float(share)
    return Reasoning((f"{text(share)} max({samples(w, ', ')}) + {text(1 - share)} ({samples(w)}) / {len(w.x)}",
                      f"{text(share)} * {shown(top)} + {text(1 - share)} * {text(mean)}"), value, shares, "weight")


def variance_of(w: Present) -> tuple[Number, Number]:
    """The mean and the variance."""
    n = Fraction(len(w.x))
    mean = over(total(w.x), n)
    if not isinstance(mean, Fraction):
        return mean, math.nan
    if len(w.x) > MOST_EXACT:
        return mean, over(fsum((w.x.astype(np.float64) - as_float(mean)) ** 2), n)
    return mean, sum(((Fraction(v) - mean) ** 2 for v in w.x.tolist()), Fraction(0)) / n


def moment(rooted: bool) -> Callable[[Present], Reasoning]:
    """The variance, or its root."""
    def reason(w: Present) -> Reasoning:
        mean, var = variance_of(w)
        centre = signed(text(mean))
        terms = listed(len(w.x), lambda i: f"({sample(w, i)} - {centre})^2")
        inside = f"({terms}) / {len(w.x)}"
        steps = (f"sqrt({inside})", f"sqrt({text(var)})") if rooted else (
            inside, f"{text(times(var, Fraction(len(w.x))))} / {len(w.x)}")
        away = (w.x.astype(np.float64) - as_float(mean)) ** 2
        mass = float(away.sum())
        return Reasoning(steps, root(var) if rooted else var,
                         away / mass if 0 < mass < math.inf else np.zeros(len(w.x)), "share of sum (x - mean x)^2",
                         setup=(f"mean x = {text(mean)}",), exact=not rooted)
    return reason
