"""What was done to each file, as values: the JSON document is one view, ``cli/display/report_table.py`` the other.

The exit code is a property of the whole report, so that it and the ``status`` fields always agree.
"""

from __future__ import annotations

from .document import JSON_BETWEEN, JSON_END, JSON_START, SCHEMA, csv_head, csv_line, json_line, json_text, plain
from .grids import grid
from .previews import MOST_VALUES, preview, short, short_stats
from .records import (
    FAILED,
    LOSSY,
    NOTHING,
    OK,
    SOME_FAILED,
    CellGrid,
    FileReport,
    Number,
    PlaceChange,
    Plane,
    Report,
    Stats,
    Status,
    parameters,
    windows,
)
from .statistics import Tally, stats

__all__ = [
    "FAILED",
    "JSON_BETWEEN",
    "JSON_END",
    "JSON_START",
    "LOSSY",
    "MOST_VALUES",
    "NOTHING",
    "OK",
    "SCHEMA",
    "SOME_FAILED",
    "CellGrid",
    "FileReport",
    "Number",
    "PlaceChange",
    "Plane",
    "Report",
    "Stats",
    "Status",
    "Tally",
    "csv_head",
    "csv_line",
    "grid",
    "json_line",
    "json_text",
    "parameters",
    "plain",
    "preview",
    "short",
    "short_stats",
    "stats",
    "windows",
]
