"""What was done to each file, as values: the JSON document is one view of them, ``cli/table.py`` draws the other.

The exit code is a property of the whole report, so that it and the ``status`` fields always agree.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from .reducers import REDUCERS

if TYPE_CHECKING:
    from fractions import Fraction

    from numpy.typing import NDArray

    from .plans import Plan
    from .pooling import Pooling
    from .windows import Windows

    Array = NDArray[Any]

SCHEMA = 1
MOST_VALUES = 1024
"""Larger results are not in the document: their file is."""

LOSSY = "lossy"
"""How the note begins that what is read back from the output may differ from the result."""

Status = Literal["ok", "skipped", "failed"]
Number = int | float
Hidden = {"document": False}

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
    cause: BaseException | None = field(default=None, metadata=Hidden, compare=False)
    """For ``--debug``."""
    stops: bool = field(default=False, metadata=Hidden)
    """Every next file would fail the same way: the disk is full."""

    def document(self) -> dict[str, Any]:
        """This file's part of the JSON document."""
        shown = (f.name for f in fields(self) if f.metadata.get("document", True))
        return {name: plain(getattr(self, name)) for name in shown}

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

    @classmethod
    def of(cls, files: Iterable[FileReport]) -> Report:
        """Count some files."""
        report = cls()
        for file in files:
            report = report.plus(file)
        return report

    def plus(self, file: FileReport) -> Report:
        """The same with one file more."""
        return replace(self, **{file.status: getattr(self, file.status) + 1})

    @property
    def exit_code(self) -> int:
        """0 all done, 1 nothing written, 3 some failed, 4 nothing matched."""
        if self.failed:
            return SOME_FAILED if self.ok or self.skipped else FAILED
        return OK if self.ok or self.skipped else NOTHING


# The JSON document.


JSON_START = f'{{"schema": {SCHEMA}, "files": ['
JSON_BETWEEN = ","
JSON_END = "\n]}\n"
"""The document goes out piece by piece as files end, so that memory stays flat whatever their number."""


def json_text(file: FileReport) -> str:
    """One file as JSON; undecodable bytes of a name come as \\udcXX."""
    return json.dumps(file.document(), allow_nan=False)


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


# What was asked and planned, in words and numbers.

KINDS: Mapping[str, Callable[[float], Any]] = {"float": float, "int": int, "flag": bool}


def parameters(pooling: Pooling) -> dict[str, Any]:
    """The reducer's own parameters, the seed if it draws, and the value options that are not at their defaults."""
    kinds = {p.name: KINDS[p.kind] for p in REDUCERS[pooling.reducer.name].parameters}
    found = {name: None if value is None else kinds[name](value) for name, value in pooling.parameters.items()}
    if pooling.reducer.draws:
        found["seed"] = pooling.seed
    asked = {"nan": pooling.nan, "nodata": pooling.nodata, "round": pooling.round,
             "dtype": None if pooling.dtype is None else pooling.dtype.name}
    defaults = {"nan": "propagate", "nodata": None, "round": "half-up", "dtype": None}
    return found | {name: value for name, value in asked.items() if value != defaults[name]}


def windows(pooling: Pooling, plan: Plan) -> dict[str, Any]:
    """Where the windows lie: for each pooled axis in order, how many there are and what made them."""
    options, name = pooling.window, pooling.window.layout.name
    found: dict[str, Any] = {"count": [len(w) for w in plan.windows]}
    if name in ("fixed", "same"):
        found |= {"size": [window_size(w) for w in plan.windows], "stride": [window_stride(w) for w in plan.windows],
                  "padding": [[w.before, w.after] for w in plan.windows], "dilation": [w.step for w in plan.windows],
                  "ceil": options.ceil_mode, "pad_mode": pooling.pad_mode}
    if name == "global":
        found["size"] = [w.length for w in plan.windows]
    if name == "adaptive":
        found["adaptive"] = [len(w) for w in plan.windows]
    if name == "fractional":
        found |= fractional(options, len(plan.windows))
    if pooling.pad_mode == "constant":
        found["pad_value"] = pooling.pad_value
    return found


def window_size(windows: Windows) -> int:
    """How many samples a fixed window has."""
    return int(windows.sizes()[0])


def window_stride(windows: Windows) -> int:
    """From window to window; a window over the whole axis has no next one, and its size says as much."""
    starts = windows.starts
    alone = len(windows) == 1 and window_size(windows) == windows.length
    return window_size(windows) if alone or not isinstance(starts, range) else starts.step


def fractional(options: Any, axes: int) -> dict[str, Any]:
    """What replays the draw: ratios, and the seed or u."""
    ratios = options.fractional if isinstance(options.fractional, tuple) else (options.fractional,) * axes
    sizes = options.size if isinstance(options.size, tuple) else (options.size,) * axes
    chance = {"seed": options.seed} if options.u is None else {"u": decimal(options.u)}
    return {"fractional": [decimal(ratio) for ratio in ratios], "size": list(sizes) if options.size else None,
            "overlapping": options.overlapping, "random": options.random, **chance}


def decimal(number: Fraction) -> float | str:
    """The decimal that was written: as a number where a float gives it back, as numerator/denominator elsewhere."""
    from fractions import Fraction

    near = float(number)
    return near if Fraction(repr(near)) == number else str(number)


# Statistics.

BLOCK = 1 << 18
"""Samples looked at together: they stay in the cache for all three sums (2 MB of float64)."""


@dataclass
class Tally:
    """What stats need of the samples, block by block: an array need not be in memory at once."""

    skip_nan: bool = False
    nodata: Number | None = None
    least: list[Any] = field(default_factory=list)
    most: list[Any] = field(default_factory=list)
    count: int = 0
    total: Number = 0

    def add(self, array: Array) -> None:
        """Look at some samples."""
        for block in blocks(array):
            part = present(block, self.skip_nan, self.nodata)
            if part.size:
                self.least.append(part.min())
                self.most.append(part.max())
                self.count += part.size
                self.total += block_sum(part)

    def stats(self) -> Stats:
        """Minimum, mean and maximum of all of them."""
        if not self.count:
            return Stats(None, None, None)
        return Stats(extreme(self.least, min), self.total / self.count, extreme(self.most, max))


def stats(array: Array, *, skip_nan: bool = False, nodata: Number | None = None) -> Stats:
    """Minimum, mean and maximum of the present samples: no overflow, one pass over memory, exact for small integers."""
    tally = Tally(skip_nan, nodata)
    tally.add(array)
    found = tally.stats()
    if found.mean is None or found.min is None or found.max is None or math.isfinite(found.mean):
        return found
    scale = max(abs(found.min), abs(found.max))
    if not math.isfinite(scale):
        return found
    return replace(found, mean=scaled_mean(array, skip_nan, nodata, scale, tally.count))


def blocks(array: Array) -> Iterator[Array]:
    """All samples in pieces of at most BLOCK, in memory order where it has one."""
    import numpy as np

    if array.flags.f_contiguous and not array.flags.c_contiguous:
        array = array.T
    if array.flags.c_contiguous or array.ndim == 1:
        flat = array.reshape(-1)
        yield from (flat[i : i + BLOCK] for i in range(0, flat.size, BLOCK))
    else:
        for part in array:
            yield from blocks(np.ascontiguousarray(part) if part.size <= BLOCK else part)


def present(block: Array, skip_nan: bool, nodata: Number | None) -> Array:
    """The samples that count."""
    import numpy as np

    if nodata is not None and nodata == nodata:
        block = block[block != nodata]
    if block.dtype.kind == "f" and (skip_nan or (nodata is not None and nodata != nodata)):
        block = block[~np.isnan(block)]
    return block


def block_sum(block: Array) -> Number:
    """The sum: exact where 64 bits are enough for it, of doubles elsewhere."""
    import numpy as np

    if block.dtype.kind in "biu" and block.itemsize <= 4:
        return int(block.sum(dtype=np.int64))
    with np.errstate(over="ignore", invalid="ignore"):
        return float(block.sum(dtype=np.float64))


def extreme(found: list[Any], choose: Any) -> Number:
    """The extreme of the blocks' extremes; a NaN wins."""
    values: list[Number] = [value.item() for value in found]
    wrong = next((value for value in values if value != value), None)
    result: Number = choose(values) if wrong is None else wrong
    return int(result) if isinstance(result, bool) else result


def scaled_mean(array: Array, skip_nan: bool, nodata: Number | None, scale: float, count: int) -> float:
    """The mean of numbers whose sum is beyond float64."""
    parts = (present(block, skip_nan, nodata) for block in blocks(array))
    return math.fsum(float((part / scale).sum(dtype="f8")) for part in parts) / count * scale


# Values to look at.

SMALL = 7
"""Rows and columns up to here are shown whole."""
CORNER = 3
"""Of more, so many at each end; one less where a cell holds several channels."""
GAP = "..."


def preview(array: Array, letters: str) -> tuple[Plane, ...]:
    """A few planes of the last two pooled axes: small ones whole, large ones by their corners.

    A cell of a picture holds its channels together.
    """
    if not array.size:
        return ()
    if not letters:  # everything was pooled and squeezed away: one number
        array, letters = array.reshape(1), "L"
    inner = letters.endswith("C") and array.shape[-1] <= 4 and array.ndim > 1
    cells = array if inner else array[..., None]
    names = letters[:-1] if inner else letters
    grid = [i for i, letter in enumerate(names) if letter not in "NC"][-2:] or [len(names) - 1]
    outer = [i for i in range(len(names)) if i not in grid]
    ordered = cells.transpose(*outer, *grid, len(names))
    return tuple(plane(ordered, index, [names[i] for i in outer]) for index in outer_indices(ordered, len(outer)))


def outer_indices(ordered: Array, count: int) -> list[tuple[int, ...]]:
    """The first plane and the last."""
    shape = ordered.shape[:count]
    return [tuple(0 for _ in shape), tuple(n - 1 for n in shape)] if math.prod(shape) > 1 else [(0,) * count]


def plane(ordered: Array, index: tuple[int, ...], names: list[str]) -> Plane:
    """One plane as text."""
    one = ordered[index]
    one = one if one.ndim == 3 else one[None]
    corner = CORNER if one.shape[2] == 1 else CORNER - 1
    columns = ends(one.shape[1], corner)
    rows = [[GAP if row is None or column is None else cell(one[row, column]) for column in columns]
            for row in ends(one.shape[0], corner)]
    label = ", ".join(f"{name}={i}" for name, i in zip(names, index, strict=True))
    return Plane(label, tuple(tuple(row) for row in rows))


def ends(length: int, corner: int) -> list[int | None]:
    """All places of a short axis; the first and last of a long one, None between them."""
    if length <= max(SMALL if corner == CORNER else 2 * corner, 1):
        return list(range(length))
    return [*range(corner), None, *range(length - corner, length)]


def cell(samples: Array) -> str:
    """The channels of one place."""
    return " ".join(short(value) for value in samples.tolist())


def short(value: Number | None) -> str:
    """A number in six digits, which the mean of two 16-bit numbers needs; whole numbers whole."""
    if value is None:
        return "-"
    return str(int(value)) if isinstance(value, int) else f"{value:.6g}"
