"""Which reducer is explained how; one that has no row is explained by its formula and its core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from . import powers, selections, sums
from .reasoning import Present, Reasoning

ARITHMETIC: Mapping[str, Callable[[Present], Reasoning]] = {
    "max": selections.extreme("max", np.argmax, "largest"),
    "min": selections.extreme("min", np.argmin, "smallest"),
    "avg": sums.average,
    "sum": sums.summed,
    "lp": powers.norm,
    "l2": powers.norm,
    "gem": powers.generalised_mean,
    "lse": powers.log_mean_exp,
    "soft": powers.softmax_mean,
    "mixed": sums.mixed,
    "stochastic": selections.draw,
    "median": selections.quantile,
    "quantile": selections.quantile,
    "mode": selections.mode,
    "var": sums.moment(rooted=False),
    "std": sums.moment(rooted=True),
    "range": selections.spread,
    "blur": sums.blur,
    "subsample": selections.first,
}
"""How each reducer is explained."""
