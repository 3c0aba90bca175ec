"""What was done to each file, as values: the JSON document is one view, ``cli/display/report_table.py`` the other.

The exit code is a property of the whole report, so that it and the ``status`` fields always agree.
"""

from __future__ import annotations

from .document import (
    JSON_BETWEEN,
    JSON_END,
    JSON_START,
    SCHEMA,
    csv_head,
    csv_line,
    json_line,
    json_text,
    study_document,
)
from .grids import list_cells
from .previews import MOST_VALUES, cut_planes, short, short_stats
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
    describe_windows,
    list_parameters,
)
from .statistics import Tally, measure_samples

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
    "cut_planes",
    "describe_windows",
    "json_line",
    "json_text",
    "list_cells",
    "list_parameters",
    "measure_samples",
    "short",
    "short_stats",
    "study_document",
]
