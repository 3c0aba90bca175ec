"""``poolcli grad``: where a gradient goes, as numbers and as a heat map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import PoolError
from ...redact import printable
from .. import options
from ..display.study_output import make_table
from .context import STDIO, Answer, FileError, StudyContext
from .explain_command import sample_options
from .study import Study, output_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...report import Plane, Stats

    Array = NDArray[Any]

_LEAST = 256
"""Pixels of a heat map's longer side: smaller maps are enlarged."""
_STRIP = 16
"""A map of one axis is so many times as long as it is high."""


@dataclass(frozen=True)
class _GradientReport:
    """What was asked and what came back."""

    input: str
    pooling: str
    upstream: str | None
    output: str | None
    map: str | None
    layout: str
    shape: tuple[int, ...]
    dtype: str
    stats: Stats
    total: float
    """All of the gradient together."""
    zero: float | None
    """The share of samples that have none; None of no samples."""
    wins: dict[int, int] | None
    """How many samples win so many windows; only of a reducer that picks, without an upstream gradient."""
    values: Any
    """The gradient, when it is small."""


def _answer(asked: StudyContext) -> Answer:
    """Read, differentiate, write."""
    import numpy as np

    from ...analysis.grad.grad import differentiate
    from ...report import MOST_VALUES, cut_planes, measure_samples
    from .explain_command import load_sample_rules, prepare_file

    name, stage = asked.the_file(), asked.the_stage()
    loaded, pooling, plan, notes = prepare_file(asked)
    upstream = None if asked.given["upstream"] is None else asked.load(asked.given["upstream"]).array
    letters = plan.axes.letters
    made = differentiate(loaded.array, pooling, upstream, letters, load_sample_rules(asked, pooling, plan))
    _write_gradient(asked, made, letters)
    wins = _count_wins(made) if pooling.reducer.picks and upstream is None else None
    found = _GradientReport(name, stage.title, asked.given["upstream"], asked.output, asked.given["map"], letters,
                            made.shape,
                            made.dtype.name, measure_samples(made), float(made.sum(dtype=np.float64)),
                            float(np.mean(made == 0)) if made.size else None, wins,
                            made if made.size <= MOST_VALUES else None)
    return Answer(found, lambda: _render(found, cut_planes(made, letters)), notes)


def _count_wins(made: Array) -> dict[int, int]:
    """How many samples have each number of wins."""
    import numpy as np

    counts = np.bincount(made.astype(np.int64).reshape(-1))
    return {wins: int(samples) for wins, samples in enumerate(counts) if samples}


def _write_gradient(asked: StudyContext, made: Array, letters: str) -> None:
    """The numbers, or where the name is a picture's the map; and ``--map``."""
    from ...files import format_of

    label = f"gradient of {printable(asked.the_stage().title)}: change of the result for each unit of a sample"
    if asked.given["map"] is not None and format_of(asked.given["map"]).numpy:
        raise FileError(asked.given["map"], PoolError("a map is a picture; a name that ends in .png would work"))
    if asked.output is not None:
        numbers = asked.output == STDIO or format_of(asked.output).numpy
        asked.write(asked.output, made if numbers else _draw_map(made, letters, label))
    if asked.given["map"] is not None:
        asked.write(asked.given["map"], _draw_map(made, letters, label))


def _draw_map(made: Array, letters: str, label: str) -> Array:
    """The heat map with its scale: dark where least of the gradient goes, light where most does."""
    from ...analysis.grad.grad import flatten_gradient
    from ...drawing.heat import draw_labelled_heat

    flat = flatten_gradient(made, letters)
    if len(flat) == 1:
        flat = flat.repeat(max(1, flat.shape[1] // _STRIP), axis=0)
    return draw_labelled_heat(flat, label, least=_LEAST)


def _render(found: _GradientReport, planes: tuple[Plane, ...]) -> list[Any]:
    """What was asked, the numbers, the wins, the values."""
    from ...core.axes import describe
    from ...report import short, short_stats
    from ..display.report_table import plane, text

    stats = found.stats
    asked = f"{printable(found.input)}: {printable(found.pooling)}"
    zero = "-" if found.zero is None else f"{100 * found.zero:.3g}%"
    numbers = [*short_stats(stats), short(found.total), zero]
    shown = [text(f"{asked}, {describe(found.shape)} {found.layout}, {found.dtype}"),
             make_table(("min", "mean", "max", "sum", "zero"), [numbers], left=0)]
    if found.wins is not None:
        samples = sum(found.wins.values())
        rows = [(str(wins), f"{count:,}", f"{100 * count / samples:.3g}%") for wins, count in found.wins.items()]
        shown.append(make_table(("windows won", "samples", "share"), rows, left=0))
    return shown + [part for one in planes for part in (text(f"gradient {one.label}".strip() + ":"), plane(one))]


_STUDY = Study(
    "grad", "Where a gradient goes: what each sample has to do with the result. Without --upstream every value of the "
    "result has the gradient 1, so that a reducer which picks samples shows how many windows each one wins.",
    ["poolcli grad image.png \"max -k 3 -s 2\" -o wins.png",
     "poolcli grad map.npy \"lse --r 5 -k 2\" --layout CHW --upstream upstream.npy -o gradient.npy --map heat.png"],
    _answer,
    options=[options.option("--upstream", type=options.path(), metavar="FILE",
                            help="The gradient of the result: .npy of its shape. Default: all ones."),
             *sample_options(),
             output_option("The gradient as .npy, or - for stdout; a heat map where the name is a picture's."),
             options.option("--map", type=options.path(), metavar="FILE",
                            help="A heat map with its scale beside the numbers: heat.png.")])
command = _STUDY.command()
