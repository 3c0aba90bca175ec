"""Pooling of images and feature maps: every reducer with every windowing, exact and fast.

>>> import numpy as np
>>> import poolcli
>>> poolcli.pool(np.arange(16).reshape(4, 4), "avg", size=2)
array([[ 2.5,  4.5],
       [10.5, 12.5]])

The names are loaded when first used, so that ``poolcli --help`` need not import NumPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import PoolError

if TYPE_CHECKING:
    from .analysis.bounds.bounds import bounds
    from .analysis.bounds.intervals import interval
    from .analysis.chain import chain
    from .analysis.compare.compare import compare
    from .analysis.explain.explain import explain
    from .analysis.fractions import fractions
    from .analysis.grad.grad import grad
    from .analysis.group.group import group
    from .analysis.haar import haar, inverse_haar
    from .analysis.plan.find_settings import settings_for
    from .analysis.plan.survey import survey
    from .analysis.pyramid.hypercolumn import hypercolumn, spp
    from .analysis.pyramid.pyramid import pyramid
    from .analysis.shift.shift import shift
    from .analysis.unpool.index_formats import convert_indices
    from .analysis.unpool.unpool import unpool
    from .core.reducers import REDUCERS
    from .core.windowings import WINDOWINGS
    from .pooling import plan, pool

__version__ = "0.1.0"
__all__ = [
    "REDUCERS",
    "WINDOWINGS",
    "PoolError",
    "__version__",
    "bounds",
    "chain",
    "compare",
    "convert_indices",
    "explain",
    "fractions",
    "grad",
    "group",
    "haar",
    "hypercolumn",
    "interval",
    "inverse_haar",
    "plan",
    "pool",
    "pyramid",
    "settings_for",
    "shift",
    "spp",
    "survey",
    "unpool",
]

_HOMES = {
    "WINDOWINGS": "core.windowings",
    "REDUCERS": "core.reducers",
    "bounds": "analysis.bounds.bounds",
    "chain": "analysis.chain",
    "compare": "analysis.compare.compare",
    "convert_indices": "analysis.unpool.index_formats",
    "explain": "analysis.explain.explain",
    "fractions": "analysis.fractions",
    "grad": "analysis.grad.grad",
    "group": "analysis.group.group",
    "haar": "analysis.haar",
    "hypercolumn": "analysis.pyramid.hypercolumn",
    "interval": "analysis.bounds.intervals",
    "inverse_haar": "analysis.haar",
    "plan": "pooling",
    "pool": "pooling",
    "pyramid": "analysis.pyramid.pyramid",
    "settings_for": "analysis.plan.find_settings",
    "shift": "analysis.shift.shift",
    "spp": "analysis.pyramid.hypercolumn",
    "survey": "analysis.plan.survey",
    "unpool": "analysis.unpool.unpool",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return found
