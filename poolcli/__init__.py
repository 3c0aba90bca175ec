"""Pooling of images and feature maps: every reducer with every window layout, exact and fast.

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
    from .core.reducers import REDUCERS
    from .core.windowings import LAYOUTS
    from .pooling import plan, pool
    from .studies.bounds import bounds
    from .studies.chain import chain
    from .studies.compare import compare
    from .studies.ends import interval
    from .studies.explain import explain
    from .studies.grad import grad
    from .studies.group import group
    from .studies.index_formats import convert_indices
    from .studies.pyramid import pyramid
    from .studies.settings import settings_for
    from .studies.shift import shift
    from .studies.stacks import hypercolumn, spp
    from .studies.survey import survey
    from .studies.unpool import unpool

__version__ = "0.1.0"
__all__ = [
    "LAYOUTS",
    "REDUCERS",
    "PoolError",
    "__version__",
    "bounds",
    "chain",
    "compare",
    "convert_indices",
    "explain",
    "grad",
    "group",
    "hypercolumn",
    "interval",
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
    "LAYOUTS": "core.windowings",
    "REDUCERS": "core.reducers",
    "bounds": "studies.bounds",
    "chain": "studies.chain",
    "compare": "studies.compare",
    "convert_indices": "studies.index_formats",
    "explain": "studies.explain",
    "grad": "studies.grad",
    "group": "studies.group",
    "hypercolumn": "studies.stacks",
    "interval": "studies.ends",
    "plan": "pooling",
    "pool": "pooling",
    "pyramid": "studies.pyramid",
    "settings_for": "studies.settings",
    "shift": "studies.shift",
    "spp": "studies.stacks",
    "survey": "studies.survey",
    "unpool": "studies.unpool",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its room, once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    return found
