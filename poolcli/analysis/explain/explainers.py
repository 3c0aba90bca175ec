"""Which reducer is explained how; one that has no row is explained by its formula and its core."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from . import powers, selections, sums
from .reasoning import PresentSamples, Reasoning

EXPLAINERS: Mapping[str, Callable[[PresentSamples], Reasoning]] = {
    "largest": selections.explain_extreme("max", np.argmax, "largest"),
    "smallest": selections.explain_extreme("min", np.argmin, "smallest"),
    "average": sums.explain_avg,
    "total": sums.explain_sum,
    "norm": powers.explain_norm,
    "generalised_mean": powers.explain_gem,
    "log_mean_exp": powers.explain_lse,
    "softmax_mean": powers.explain_soft,
    "mix": sums.explain_mixed,
    "draw": selections.explain_draw,
    "quantile": selections.explain_quantile,
    "mode": selections.explain_mode,
    "variance": sums.explain_variance(rooted=False),
    "deviation": sums.explain_variance(rooted=True),
    "difference": selections.explain_range,
    "weighted": sums.explain_blur,
    "first": selections.explain_first,
}
"""How windows are explained, by the word of the reducer's row."""
WEIGHTED_EXPLAINERS: Mapping[str, Callable[[PresentSamples], Reasoning]] = {
    "average": sums.explain_weighted_avg,
    "total": sums.explain_weighted_sum,
    "weighted": sums.explain_weighted_blur,
}
"""The same where samples have weights."""
