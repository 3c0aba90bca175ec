"""A study's data as what JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from ..report import to_plain as plain_value

_SCHEMA = 2
_MOST_VALUES = 1 << 20
"""Of an array in a document; a larger one is described by its shape and dtype."""


def to_document(study: str, data: Any) -> dict[str, Any]:
    """The whole document of a study."""
    return {"schema": _SCHEMA, "study": study, **_to_plain(data)}


def _to_plain(value: Any) -> Any:
    """Dataclasses as objects, arrays as nested lists, NaN and infinities as strings; hidden fields are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _to_plain(getattr(value, f.name)) for f in fields(value) if f.metadata.get("document", True)}
    if isinstance(value, np.ndarray):
        return _to_plain(value.tolist()) if value.size <= _MOST_VALUES else {"shape": list(value.shape),
                                                                             "dtype": value.dtype.name}
    if isinstance(value, np.generic):
        return _to_plain(value.item())
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, Mapping):
        return {str(name): _to_plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [_to_plain(one) for one in value]
    return plain_value(value)
