"""The report for programs: JSON as one document or a line a file, and comma-separated values. schema.json has all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from io import StringIO
from typing import Any

from ..redact import printable
from .records import FileReport, Stats

SCHEMA = 2
_STATS = ("input_stats", "output_stats")
_COLUMNS = tuple(column for f in fields(FileReport) if f.metadata.get("document", True) and f.name != "values"
                 for column in ([f"{f.name}_{part}" for part in ("min", "mean", "max")] if f.name in _STATS
                                else [f.name]))
"""Of --csv: the fields of the document but for the values."""

JSON_START = f'{{"schema": {SCHEMA}, "files": ['
JSON_BETWEEN = ","
JSON_END = "\n]}\n"
"""The document goes out piece by piece as files end, so that memory stays flat whatever their number."""


def _make_document(file: FileReport) -> dict[str, Any]:
    """One file's part of the document."""
    shown = (f.name for f in fields(file) if f.metadata.get("document", True))
    return {name: to_plain(getattr(file, name)) for name in shown}


def json_text(file: FileReport) -> str:
    """One file as JSON; undecodable bytes of a name come as \\udcXX."""
    return _dump(_make_document(file))


def json_line(file: FileReport) -> str:
    """One file as a line that says its schema itself."""
    return _dump({"schema": SCHEMA, **_make_document(file)}) + "\n"


def _dump(value: Mapping[str, Any]) -> str:
    """As JSON, which has no NaN."""
    import json  # 1 ms that most runs do without, as csv below

    return json.dumps(value, allow_nan=False)


def csv_head() -> str:
    """The titles."""
    return _csv_text(_COLUMNS)


def csv_line(file: FileReport) -> str:
    """One file as comma-separated values."""
    return _csv_text([_format_cell(column, _make_document(file)) for column in _COLUMNS])


def _csv_text(cells: Sequence[str]) -> str:
    """A line; quoted where it must be."""
    import csv

    page = StringIO()
    csv.writer(page, lineterminator="\n").writerow(cells)
    return page.getvalue()


def _format_cell(column: str, values: Mapping[str, Any]) -> str:
    """A value as text: lengths joined by x, notes by a semicolon, what has parts as JSON; nothing for null.

    Control characters are escaped, so that each file is one line for whatever reads it.
    """
    whole, _, part = column.rpartition("_")
    value = (values[whole] or {}).get(part) if whole in _STATS else values[column]
    if value is None:
        return ""
    if isinstance(value, list):
        return ("; " if column == "notes" else "x").join(printable(str(one)) for one in value)
    return _dump(value) if isinstance(value, dict) else printable(str(value))


def to_plain(value: Any) -> Any:
    """What JSON can hold: NaN and infinities as strings, records as objects."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Stats):
        return {"min": to_plain(value.min), "mean": to_plain(value.mean), "max": to_plain(value.max)}
    if isinstance(value, Mapping):
        return {name: to_plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(one) for one in value]
    if is_dataclass(value):
        return to_plain(vars(value))
    return value
