"""Which reducer is explained how; one that has no row is explained by its formula and its core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from . import powers, selections, sums
from .reasoning import Present, Reasoning

ARITHMETIC: Mapping[str, Callable[[Present], Reasoning]] = {
    "max": selections.explain_extreme("max", np.argmax, "largest"),
    "min": selections.explain_extreme("min", np.argmin, "smallest"),
    "avg": sums.explain_avg,
    "sum": sums.explain_sum,
    "lp": powers.explain_norm,
    "l2": powers.explain_norm,
    "gem": powers.explain_gem,
    "lse": powers.explain_lse,
    "soft": powers.explain_soft,
    "mixed": sums.explain_mixed,
    "stochastic": selections.explain_draw,
    "median": selections.explain_quantile,
    "quantile": selections.explain_quantile,
    "mode": selections.explain_mode,
    "var": sums.explain_variance(rooted=False),
    "std": sums.explain_variance(rooted=True),
    "range": selections.explain_range,
    "blur": sums.explain_blur,
    "subsample": selections.explain_first,
}
"""How each reducer is explained."""
