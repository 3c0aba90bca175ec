"""What became of each file and of the whole run, as values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..core.place import PlaceFacts
from ..core.reducers import REDUCERS
from ..errors import LayoutError

if TYPE_CHECKING:
    from ..core.plans import Plan
    from ..pooling import Pooling

LOSSY = "lossy"
"""How the note begins that what is read back from the output may differ from the result."""

Status = Literal["ok", "skipped", "failed"]
Number = int | float
Shapes = tuple[tuple[int, ...], tuple[int, ...]]
"""Before and after."""
Hidden = {"document": False}

_MOST_REASONS = _MOST_SHAPES = 100
"""Different reasons, and different shapes, that are counted one by one: memory stays flat."""

OK, FAILED, USAGE, SOME_FAILED, NOTHING = 0, 1, 2, 3, 4
"""Exit codes; of usage errors only one is found in a file: that it needs a layout."""


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
class CellGrid:
    """A small array of rows and columns, and its result, as text."""

    input: tuple[tuple[str, ...], ...]
    output: tuple[tuple[str, ...], ...]
    rows: tuple[int, ...] = ()
    """Rows before which a line parts windows; none where windows overlap."""
    columns: tuple[int, ...] = ()
    """The same for columns."""
    winners: frozenset[tuple[int, int]] = frozenset()
    """Row and column of each sample that a window picked."""


@dataclass(frozen=True)
class PlaceChange:
    """Where the samples of an input lie in the world, and where those of its result do; None where that is unknown."""

    before: PlaceFacts | None
    after: PlaceFacts | None


@dataclass(frozen=True)
class FileReport:
    """What became of one input. The fields are those of the JSON document, in its order."""

    input: str
    output: str | None
    status: Status
    error: str | None = None
    reducer: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    windowing: str | None = None
    """The kind of windows, a name of ``WINDOWINGS``: fixed, adaptive ..."""
    layout: str | None = None
    """The layout letters of the input: HWC."""
    windows: Mapping[str, Any] | None = None
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None
    input_dtype: str | None = None
    output_dtype: str | None = None
    uncovered: Mapping[str, int] | None = None
    place: PlaceChange | None = None
    """Where the file says nothing of one, or it is not wanted, None."""
    input_stats: Stats | None = None
    output_stats: Stats | None = None
    values: Any = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    preview: tuple[Plane, ...] = field(default=(), metadata=Hidden)
    grid: CellGrid | None = field(default=None, metadata=Hidden)
    """A small input beside its result, in place of the preview."""
    bytes_in: int = field(default=0, metadata=Hidden)
    """What was read of the input, as it lies in its file."""
    bytes_out: int = field(default=0, metadata=Hidden)
    """What the output takes as it lies in its file; 0 where that is not known: of a pipe, an object, a folder."""
    cause: BaseException | None = field(default=None, metadata=Hidden, compare=False)
    """For ``--debug``."""
    layout_error: LayoutError | None = field(default=None, metadata=Hidden, compare=False)
    """Where it failed because nobody said what its axes are."""
    stops: bool = field(default=False, metadata=Hidden)
    """Every next file would fail the same way: the disk is full."""

    @property
    def pixels(self) -> int:
        """Places of the input, whatever their channels."""
        lengths = zip(self.layout or "", self.input_shape or (), strict=True)
        return math.prod(n for letter, n in lengths if letter != "C") if self.layout else 0

    @property
    def shapes(self) -> Shapes | None:
        """The shapes before and after; None of a file that was not pooled."""
        if self.input_shape is None or self.output_shape is None:
            return None
        return self.input_shape, self.output_shape

    @property
    def lossy(self) -> bool:
        """Whether what is read back from the output may differ from the result."""
        return any(note.startswith(LOSSY) for note in self.notes)

    @property
    def coverage(self) -> float | None:
        """The share of samples that lie in at least one window."""
        if self.uncovered is None or self.input_shape is None or self.layout is None:
            return None
        lengths = dict(zip(self.layout, self.input_shape, strict=True))
        return math.prod(1 - n / lengths[letter] for letter, n in self.uncovered.items())


@dataclass(frozen=True)
class _Sizes:
    """Bytes before and after, of so many files of which both are known."""

    files: int = 0
    before: int = 0
    after: int = 0

    def plus(self, file: FileReport) -> _Sizes:
        """The same with one file more."""
        if not (file.bytes_in and file.bytes_out):
            return self
        return _Sizes(self.files + 1, self.before + file.bytes_in, self.after + file.bytes_out)


@dataclass(frozen=True)
class Report:
    """How a whole run went."""

    ok: int = 0
    skipped: int = 0
    failed: int = 0
    without_layout: int = 0
    """How many of the failed ones needed nothing but a layout."""
    pixels: int = 0
    bytes_in: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How often files failed for what; the first hundred reasons."""
    shapes: Mapping[Shapes, int] = field(default_factory=dict)
    """How many files that are done had which shapes; the first hundred shapes."""
    sizes: _Sizes = _Sizes()

    @classmethod
    def of(cls, files: Iterable[FileReport]) -> Report:
        """Count some files."""
        report = cls()
        for file in files:
            report = report.plus(file)
        return report

    def plus(self, file: FileReport) -> Report:
        """The same with one file more."""
        needs_layout = file.status == "failed" and file.layout_error is not None
        return replace(self, **{file.status: getattr(self, file.status) + 1}, pixels=self.pixels + file.pixels,
                       without_layout=self.without_layout + needs_layout,
                       bytes_in=self.bytes_in + file.bytes_in,
                       reasons=_count_key(self.reasons, file.error, _MOST_REASONS),
                       shapes=_count_key(self.shapes, file.shapes, _MOST_SHAPES), sizes=self.sizes.plus(file))

    @property
    def count(self) -> int:
        """All files."""
        return self.ok + self.skipped + self.failed

    @property
    def exit_code(self) -> int:
        """0 all done, 1 nothing written, 2 nothing for want of a layout, 3 some failed, 4 nothing matched."""
        if self.failed and self.failed == self.without_layout == self.count:
            return USAGE
        if self.failed:
            return SOME_FAILED if self.ok or self.skipped else FAILED
        return OK if self.ok or self.skipped else NOTHING


Key = TypeVar("Key")


def _count_key(counts: Mapping[Key, int], key: Key | None, most: int) -> Mapping[Key, int]:
    """The counts with one more of a key: None is no key, and of new ones no more than ``most`` are counted."""
    if key is None or (key not in counts and len(counts) >= most):
        return counts
    return {**counts, key: counts.get(key, 0) + 1}


_KINDS: Mapping[str, Callable[[float], Any]] = {"float": float, "int": int, "flag": bool}


def list_parameters(pooling: Pooling) -> dict[str, Any]:
    """The reducer's own parameters, the seed if it draws, and the value options that are not at their defaults."""
    kinds = {p.name: _KINDS[p.kind] for p in REDUCERS[pooling.reducer.name].parameters}
    found = {name: None if value is None else kinds[name](value) for name, value in pooling.parameters.items()}
    if pooling.reducer.draws:
        found["seed"] = pooling.seed
    asked = {"nan": pooling.nan, "nodata": pooling.nodata, "round": pooling.round,
             "dtype": None if pooling.dtype is None else pooling.dtype.name}
    defaults = {"nan": "propagate", "nodata": None, "round": "half-up", "dtype": None}
    return found | {name: value for name, value in asked.items() if value != defaults[name]}


def describe_windows(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """Where the windows lie: for each pooled axis in order, how many there are and what made them."""
    options = pooling.window
    counts = [plan.full_shape[axis] for axis in plan.axes.pooled]
    found: dict[str, Any] = {"count": counts, **options.windowing.record(options, plan.windows)}
    if options.windowing.strided:
        found["pad_mode"] = pooling.pad_mode
    if pooling.pad_mode == "constant":
        found["pad_value"] = pooling.pad_value
    return found
