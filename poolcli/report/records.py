"""What became of each file and of the whole run, as values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

LOSSY = "lossy"
"""How the note begins that what is read back from the output may differ from the result."""

Status = Literal["ok", "skipped", "failed"]
Number = int | float
Hidden = {"document": False}

MOST_REASONS = 100
"""Different reasons that are counted one by one: memory stays flat."""

OK, FAILED, SOME_FAILED, NOTHING = 0, 1, 3, 4
"""Exit codes; 2 is a usage error, which has no report."""


@dataclass(frozen=True)
class Stats:
    """Minimum, mean and maximum of the samples that are present; None where there are none."""

    min: Number | None
    mean: Number | None
    max: Number | None


@dataclass(frozen=True)
class Plane:
    """A part of an array to look at: rows of cells as text, "..." where something was left out."""

    label: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class FileReport:
    """What became of one input. The fields are those of the JSON document, in its order."""

    input: str
    output: str | None
    status: Status
    error: str | None = None
    reducer: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    layout: str | None = None
    """The name of the window layout: fixed, adaptive ..."""
    axes: str | None = None
    """The layout letters of the input: HWC."""
    windows: Mapping[str, Any] | None = None
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    input_dtype: str | None = None
    output_dtype: str | None = None
    uncovered: Mapping[str, int] | None = None
    input_stats: Stats | None = None
    output_stats: Stats | None = None
    values: Any = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    preview: tuple[Plane, ...] = field(default=(), metadata=Hidden)
    bytes_in: int = field(default=0, metadata=Hidden)
    """What was read of the input, as it lies in its file."""
    cause: BaseException | None = field(default=None, metadata=Hidden, compare=False)
    """For ``--debug``."""
    stops: bool = field(default=False, metadata=Hidden)
    """Every next file would fail the same way: the disk is full."""

    @property
    def pixels(self) -> int:
        """Places of the input, whatever their channels."""
        lengths = zip(self.axes or "", self.input_shape or (), strict=True)
        return math.prod(n for letter, n in lengths if letter != "C") if self.axes else 0

    @property
    def lossy(self) -> bool:
        """Whether what is read back from the output may differ from the result."""
        return any(note.startswith(LOSSY) for note in self.notes)

    @property
    def coverage(self) -> float | None:
        """The share of samples that lie in at least one window."""
        if self.uncovered is None or self.input_shape is None or self.axes is None:
            return None
        lengths = dict(zip(self.axes, self.input_shape, strict=True))
        return math.prod(1 - n / lengths[letter] for letter, n in self.uncovered.items())


@dataclass(frozen=True)
class Report:
    """How a whole run went."""

    ok: int = 0
    skipped: int = 0
    failed: int = 0
    pixels: int = 0
    bytes_in: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How often files failed for what; the first hundred reasons."""

    @classmethod
    def of(cls, files: Iterable[FileReport]) -> Report:
        """Count some files."""
        report = cls()
        for file in files:
            report = report.plus(file)
        return report

    def plus(self, file: FileReport) -> Report:
        """The same with one file more."""
        reasons = self.reasons
        if file.error is not None and (file.error in reasons or len(reasons) < MOST_REASONS):
            reasons = {**reasons, file.error: reasons.get(file.error, 0) + 1}
        return replace(self, **{file.status: getattr(self, file.status) + 1}, pixels=self.pixels + file.pixels,
                       bytes_in=self.bytes_in + file.bytes_in, reasons=reasons)

    @property
    def count(self) -> int:
        """All files."""
        return self.ok + self.skipped + self.failed

    @property
    def exit_code(self) -> int:
        """0 all done, 1 nothing written, 3 some failed, 4 nothing matched."""
        if self.failed:
            return SOME_FAILED if self.ok or self.skipped else FAILED
        return OK if self.ok or self.skipped else NOTHING
