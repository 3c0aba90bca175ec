"""Which reducer is explained how; one that has no row is explained by its formula and its core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from . import picks, powers, sums
from .reasons import Present, Reasoning

ARITHMETIC: Mapping[str, Callable[[Present], Reasoning]] = {
    "max": picks.extreme("max", np.argmax, "largest"),
    "min": picks.extreme("min", np.argmin, "smallest"),
    "avg": sums.average,
    "sum": sums.summed,
    "lp": powers.norm,
    "l2": powers.norm,
    "gem": powers.generalised_mean,
    "lse": powers.log_mean_exp,
    "soft": powers.softmax_mean,
    "mixed": sums.mixed,
    "stochastic": picks.draw,
    "median": picks.quantile,
    "quantile": picks.quantile,
    "mode": picks.mode,
    "var": sums.moment(rooted=False),
    "std": sums.moment(rooted=True),
    "range": picks.spread,
    "blur": sums.blur,
    "subsample": picks.first,
}
"""How each reducer is explained."""
