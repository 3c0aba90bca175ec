"""``poolcli compare``: the same windows with many reducers, side by side, and what each keeps in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING, Any

from ...analysis.defaults import default_stages, format_options, note_other_scale
from ...analysis.stages import Stage, as_stages
from ...redact import printable
from .. import options, param_types
from ..display.formatting import format_percent, format_shape
from ..display.study_output import make_table
from .context import Answer, StudyContext, apply_layout
from .explain_command import load_sample_rules, sample_options
from .study import Study, output_option

if TYPE_CHECKING:
    from ...analysis.compare.compare import Comparison, ReducerScores

UPSAMPLINGS = ("nearest", "bilinear")
"""The library has these names too, in a room that imports NumPy; a test holds them together."""


def _answer(asked: StudyContext) -> Answer:
    """Compare, and draw the sheet if it is wanted."""
    from ...analysis.compare.compare import TILE, compare
    from .context import file_errors

    name, stages = asked.the_file(), asked.stages or default_calls(asked.shared)
    loaded = asked.load(name)
    stages = apply_layout(stages, loaded)
    given = asked.given
    with file_errors(name):
        pooling = stages[0].pooling
        rules = load_sample_rules(asked, pooling, pooling.plan(loaded.array.shape, loaded.layout))
        found = compare(loaded.array, stages, upsample=given["upsample"] or "nearest", data_range=given["data_range"],
                        tile=given["tile"] or TILE, mask=None if rules is None else rules.mask)
    notes = [*loaded.source.notes, *_list_notes(found, bool(asked.output or given["preview"]))]
    if asked.output:
        notes += asked.write(asked.output, found.sheet())
    return Answer(found, lambda: _render(name, found, given["preview"]), tuple(notes))


def default_calls(shared: Mapping[str, Any]) -> tuple[Stage, ...]:
    """The usual reducers, their titles as they would be typed."""
    made = default_stages(shared)
    return tuple(replace(stage, text=stage.reducer + format_options(own))
                 for stage, (_, own) in zip(as_stages(made, shared), made, strict=True))


def _list_notes(found: Comparison, shown: bool) -> list[str]:
    """What one should know of the numbers and of the pictures."""
    scale = note_other_scale([row.reducer for row in found.rows])
    return ([scale] if scale else []) + ([f"the pictures show {found.shown}"] if shown and found.shown else [])


def _render(name: str, found: Comparison, preview: bool) -> list[Any]:
    """The pictures, what was measured, the table."""
    from ..display.report_table import text

    head = (f"{printable(name)}  {format_shape(found.shape)} {found.dtype}; range {found.data_range:.6g}, "
            f"laid over it again by {found.upsample}")
    titles = ("pooling", "PSNR dB", "SSIM", "worst", "noise", "edges")
    original = ("the original", "", "", "", _format_number(found.noise_variance), "100%" if found.mean_squared_slope
                else "-")
    rows = [original, *(_format_cells(row, _find_best(found.rows)) for row in found.rows)]
    return [*_render_pictures(found, preview), text(head), make_table(titles, rows)]


def _render_pictures(found: Comparison, preview: bool) -> list[Any]:
    """The tiles, if they are wanted."""
    from ..display.half_blocks import ImagePreview

    return [ImagePreview([(picture, printable(label)) for picture, label in found.tiles()])] if preview else []


def _find_best(rows: Sequence[ReducerScores]) -> dict[str, float]:
    """The best of each measure among those that can be compared; nothing where there is but one."""
    alike = [row for row in rows if row.on_scale]
    found = {name: [value for row in alike if (value := getattr(row, name)) is not None] for name in ("psnr", "ssim")}
    return {name: max(values) for name, values in found.items() if len(values) > 1}


def _format_cells(row: ReducerScores, highest: Mapping[str, float]) -> tuple[Any, ...]:
    """A row of the table; the best value of a column is bold."""
    from rich.text import Text

    from ..display.report_table import text

    def marked(name: str, shown: str) -> Any:
        value = getattr(row, name) if row.on_scale else None
        return text("-") if value is None else Text(shown, "bold" if value == highest.get(name) else "")

    psnr = "inf" if row.psnr == inf else f"{row.psnr or 0:.2f}"
    worst = f"{row.largest_error:.6g}" if row.on_scale and row.largest_error is not None else "-"
    edges = "-" if row.edge_energy is None else format_percent(row.edge_energy)
    return (printable(row.stage), marked("psnr", psnr), marked("ssim", f"{row.ssim or 0:.4f}"), worst,
            _format_number(row.noise_variance), edges)


def _format_number(value: float | None) -> str:
    """Four digits, or none."""
    return "-" if value is None else f"{value:.4g}"


def _list_options() -> Sequence[Any]:
    """The options of this command."""
    return [output_option("Write a sheet of all pictures with their names, the original among them."),
            options.flag("--preview", help="Show the pictures in the terminal."),
            options.option("--upsample", type=options.choice(UPSAMPLINGS), metavar="HOW",
                           help="How a result is laid over the original again: nearest (default) or bilinear."),
            options.option("--data-range", type=param_types.number, metavar="R",
                           help="The range of PSNR and SSIM. Default: that of bool, 8 and 16 bits, else max - min."),
            *(one for one in sample_options() if one.name == "mask"),
            options.option("--tile", type=param_types.positive, metavar="N",
                           help="Pictures show the middle, at most N samples of each side. Default 360.")]


_STUDY = Study(
    "compare", "The same windows with many reducers: pictures side by side, and what each keeps.",
    ["poolcli compare photo.jpg -k 4 -o sheet.png", 'poolcli compare photo.jpg --preview max avg "blur -k 4 -s 2"',
     "poolcli compare scan.npy --layout DHW --json median avg"],
    _answer, _list_options(), usage="FILE [STAGE]...", default=())
command = _STUDY.command()
