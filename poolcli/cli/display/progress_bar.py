"""How far a run is, on a terminal: a bar, files or parts of all, the rate, the time left, as far as there is room."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any

from .summary import format_scaled

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

_AFTER = 0.2
"""Seconds that a batch may take without one; rich is imported then, in a thread, and the first file is not kept
waiting."""
AFTER_OF_PARTS = 0.5
"""Seconds that one array may take without one."""
_WIDE, _MEDIUM = 60, 36
"""Columns for all of it, and for all but the bar."""


class Bar:
    """A bar that appears when a run takes a while, and leaves nothing behind."""

    def __init__(self, total: int, colour: bool | None, unit: str = "files", after: float = _AFTER) -> None:
        self.total, self.colour, self.unit = total, colour, unit
        self.done, self.over = 0, False
        self.lock = Lock()
        self.progress: Progress | None = None
        self.task: Any = None
        self.timer = Timer(after, self.show)
        self.timer.daemon = True
        self.timer.start()

    def show(self) -> None:
        """Draw from now on, in a thread of rich's; what is printed to stderr meanwhile goes above the bar."""
        made = _make_progress(self.colour, self.unit)
        with self.lock:
            if self.over:
                return
            self.progress = made
            self.task = made.add_task("", total=self.total, completed=self.done)
            made.start()

    def advance(self) -> None:
        """One more."""
        with self.lock:
            self.done += 1
            if self.progress is not None:
                self.progress.update(self.task, completed=self.done)

    def stop(self) -> None:
        """Wipe it away."""
        self.timer.cancel()
        with self.lock:
            self.over = True
            if self.progress is not None:
                self.progress.stop()


@contextmanager
def show_parts(shows: bool, colour: bool | None) -> Iterator[None]:
    """Draw a bar for the parts of each array that is pooled in a block: jobs of chunks, slabs, or blocks in memory.

    Of parts within parts only the outermost are counted.
    """
    from ... import progress

    live: list[Bar] = []

    def count_parts(parts: Iterator[Any], total: int) -> Iterator[Any]:
        return advance_bar(parts, total) if total > 1 and not live else parts

    def advance_bar(parts: Iterator[Any], total: int) -> Iterator[Any]:
        bar = Bar(total, colour, "parts", AFTER_OF_PARTS)
        live.append(bar)
        try:
            for part in parts:
                bar.advance()
                yield part
        finally:
            bar.stop()
            live.clear()

    before = progress.shown
    progress.shown = count_parts if shows else before
    try:
        yield
    finally:
        progress.shown = before
        for bar in live:
            bar.stop()


def _make_progress(colour: bool | None, unit: str) -> Progress:
    """The bar for this terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(file=sys.stderr, no_color=True if colour is False else None)
    return Progress(*choose_columns(console.width, unit), console=console, transient=True)


def choose_columns(width: int, unit: str) -> list[ProgressColumn]:
    """What there is room for."""
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TimeRemainingColumn
    from rich.text import Text

    class Rate(ProgressColumn):
        """How many a second since the beginning: reports come in bursts."""

        def render(self, task: Any) -> Text:
            taken = (task.elapsed or 0) + _AFTER
            return Text(f"{format_scaled(task.completed / taken)}{unit}/s", style="progress.data.speed")

    parts: list[ProgressColumn] = [MofNCompleteColumn(), TimeRemainingColumn(compact=True)]
    if width >= _MEDIUM:
        parts.insert(1, Rate())
    if width >= _WIDE:
        parts.insert(0, BarColumn())
    return parts
