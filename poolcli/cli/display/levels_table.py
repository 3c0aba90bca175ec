"""The levels of a pyramid as they were written: a record of each, and the table of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...redact import printable
from ..analysis.context import STDIO
from .formatting import format_percent, format_shape
from .study_output import make_table

if TYPE_CHECKING:
    from ...analysis.pyramid.pyramid import Drift, Labels


@dataclass(frozen=True)
class WrittenLevel:
    """A level as it was written; level 0 is the input."""

    number: int
    shape: tuple[int, ...]
    dtype: str
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    exact: bool
    drift: Drift | None
    labels: Labels | None
    output: str | None


@dataclass(frozen=True)
class WrittenLevels:
    """What became of all levels."""

    input: str
    reducer: str
    axes: str
    levels: tuple[WrittenLevel, ...]


def plain_text(text: str) -> Any:
    """Text that is never markup."""
    from .report_table import text as as_text

    return as_text(text)


def render_levels(made: Sequence[WrittenLevel]) -> list[Any]:
    """A row a level, with the columns that have something to tell; then what the numbers mean."""
    written = {one.output for one in made if one.number}
    columns: list[tuple[str, Callable[[WrittenLevel], str]]] = [("level", lambda one: str(one.number))]
    if len(written) > 1:
        columns.append(("output", lambda one: printable(one.output or "the input")))
    columns += [("shape", lambda one: format_shape(one.shape)), ("scale", lambda one: (
        "x".join(dict.fromkeys(f"{n:.4g}" for n in one.scale if n != 1)) or "1"))]
    drifts = any(one.drift is not None and one.drift.max for one in made)
    columns += _DRIFT if drifts else []
    columns += _LABELS if made[-1].labels is not None else []
    rows = [[cell(one) for _, cell in columns] for one in made]
    return [make_table([title for title, _ in columns], rows, left=3 if len(written) > 1 else 2),
            plain_text("\n".join(["", *_describe_levels(made, written, drifts)]))]


def _describe_levels(made: Sequence[WrittenLevel], written: set[str | None], drifts: bool) -> Iterator[str]:
    """What the table means, and where a single file is."""
    for one in made:
        if one.labels is not None and one.labels.lost:
            more = " ..." if one.labels.lost > _MOST_LOST else ""
            yield f"level {one.number} has lost {', '.join(map(str, one.labels.which[:_MOST_LOST]))}{more}"
    yield ("each level is made of the input's samples" if all(one.exact for one in made)
           else "each level is made of the one before, unrounded")
    if drifts:
        yield "off, mean off, differ: what pooling each level as it is stored would get wrong"
    if len(written) == 1:
        yield f"{', '.join(printable(name or STDIO) for name in written)}: {sum(one.number > 0 for one in made)} levels"


_MOST_LOST = 20
_DRIFT: list[tuple[str, Callable[[WrittenLevel], str]]] = [
    ("off", lambda one: f"{one.drift.max:.3g}" if one.drift else ""),
    ("mean off", lambda one: f"{one.drift.mean:.3g}" if one.drift else ""),
    ("differ", lambda one: format_percent(one.drift.share) if one.drift else "")]
_LABELS: list[tuple[str, Callable[[WrittenLevel], str]]] = [
    ("labels", lambda one: str(one.labels.kept) if one.labels else ""),
    ("lost", lambda one: str(one.labels.lost) if one.labels else "")]
"""Columns that some pyramids have."""
