"""The report for programs: JSON as one document or a line a file, and comma-separated values. schema.json has all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from fractions import Fraction
from io import StringIO
from typing import Any

from ..redact import printable
from .records import FileReport

SCHEMA = 2
_STATS = ("input_stats", "output_stats")
_COLUMNS = tuple(column for f in fields(FileReport) if f.metadata.get("document", True) and f.name != "values"
                 for column in ([f"{f.name}_{part}" for part in ("min", "mean", "max")] if f.name in _STATS
                                else [f.name]))
"""Of --csv: the fields of the document but for the values."""
_MOST_VALUES = 1 << 20
"""Of an array in a study's document; a larger one is described by its shape and dtype."""

JSON_START = f'{{"schema": {SCHEMA}, "files": ['
JSON_BETWEEN = ","
JSON_END = "\n]}\n"
"""The document goes out piece by piece as files end, so that memory stays flat whatever their number."""


def json_text(file: FileReport) -> str:
    """One file as JSON; undecodable bytes of a name come as \\udcXX."""
    return _dump(_to_plain(file))


def json_line(file: FileReport) -> str:
    """One file as a line that says its schema itself."""
    return _dump({"schema": SCHEMA, **_to_plain(file)}) + "\n"


def _dump(value: Mapping[str, Any]) -> str:
    """As JSON, which has no NaN."""
    import json  # 1 ms that most runs do without, as csv below

    return json.dumps(value, allow_nan=False)


def csv_head() -> str:
    """The titles."""
    return _csv_text(_COLUMNS)


def csv_line(file: FileReport) -> str:
    """One file as comma-separated values."""
    return _csv_text([_format_cell(column, _to_plain(file)) for column in _COLUMNS])


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


def study_document(study: str, data: Any) -> dict[str, Any]:
    """The whole document of a study, whose data are a dataclass or a mapping."""
    return {"schema": SCHEMA, "study": study, **_to_plain(data)}


def _to_plain(value: Any) -> Any:
    """What JSON can hold: dataclasses without hidden fields as objects, arrays as lists, NaN and infinities as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _to_plain(getattr(value, f.name)) for f in fields(value) if f.metadata.get("document", True)}
    if isinstance(value, Mapping):
        return {str(name): _to_plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [_to_plain(one) for one in value]
    if hasattr(value, "tolist"):  # an array or a number of NumPy's, which is not imported here
        return _to_plain(value.tolist()) if value.size <= _MOST_VALUES else {"shape": list(value.shape),
                                                                             "dtype": value.dtype.name}
    if isinstance(value, Fraction):
        return float(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
