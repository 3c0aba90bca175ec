"""The report as JSON: one view of the records, the table is the other."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .records import FileReport, Stats

SCHEMA = 1

JSON_START = f'{{"schema": {SCHEMA}, "files": ['
JSON_BETWEEN = ","
JSON_END = "\n]}\n"
"""The document goes out piece by piece as files end, so that memory stays flat whatever their number."""


def document(file: FileReport) -> dict[str, Any]:
    """One file's part of the document."""
    shown = (f.name for f in fields(file) if f.metadata.get("document", True))
    return {name: plain(getattr(file, name)) for name in shown}


def json_text(file: FileReport) -> str:
    """One file as JSON; undecodable bytes of a name come as \\udcXX."""
    return json.dumps(document(file), allow_nan=False)


def plain(value: Any) -> Any:
    """What JSON can hold: NaN and infinities as strings, records as objects."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Stats):
        return {"min": plain(value.min), "mean": plain(value.mean), "max": plain(value.max)}
    if isinstance(value, Mapping):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value
