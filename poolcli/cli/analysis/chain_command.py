"""``poolcli chain``: files through several poolings, with the file options of the reducers' commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ...analysis.stages import check_owned
from ...core.reducers import check_weighted
from ...errors import OptionError
from ...redact import printable
from ...report import FileReport, short_stats
from .. import options
from ..display.formatting import format_shape
from ..display.study_output import make_table
from ..reducer_command import SectionedCommand, share_cores
from . import stage_arguments as calls
from .study import collect_keywords, parameter_options

if TYPE_CHECKING:
    from ...analysis.chain import StageRecord
    from ...analysis.stages import Stage
    from ...batch.run_chain import ChainReport
    from ..stdio import SafeWriter

_NAME = "chain"
NOT_FOR_SEVERAL = {"indices": None, "stream": False, "isolate": False, "timeout": None, "scheduler": None,
                   "linear": False, "alpha": None}
"""Options of reducers' commands that are about one pooling; workers in other processes know of one only."""
SAMPLES = ("mask", "weights", "min_valid")
"""Options of which samples count, where there is more than one pooling."""


def _run_chain_command(arguments: tuple[str, ...], layout: str | None, **given: Any) -> int:
    """Parse, plan, pool, report."""
    typed, named = calls.split_arguments(arguments)
    stages = _parse_stages(typed, given)

    from ... import batch
    from ...batch.run_chain import ChainRun, ChainSpec
    from .. import validate
    from ..display import run_view
    from ..inputs import expand_globs, read_inputs

    given = {**given, **NOT_FOR_SEVERAL}
    if given["weights"] is not None:
        check_weighted(stages[0].pooling.reducer)
    inputs = expand_globs(named)
    settings = validate.make_settings(inputs, None, given)
    poolings = ChainSpec(stages, layout, options.default_layouts())
    planned = batch.plan_jobs(read_inputs(inputs, given), poolings, settings)
    settings = run_view.choose_statistics(given, settings, len(planned))
    workers = share_cores(given["jobs"], len(planned))
    return run_view.show_run(ChainRun(planned, poolings, settings, workers), planned, given, settings, _render)


def _parse_stages(typed: Sequence[str], given: dict[str, Any]) -> tuple[Stage, ...]:
    """The quoted calls, with the command's own options for what they do not say."""
    if not typed:
        raise OptionError("STAGE", 'is missing; poolcli chain "max -k 2" "avg -k 3 -s 2" image.png would work')
    shared = collect_keywords({**given, "layout": None})
    stages = tuple(calls.parse_stage(text, shared) for text in typed)
    check_owned(stages, shared)
    return stages


# For people.

_TITLES = ("stage", "shape", "type", "uncovered", "min", "mean", "max", "time")


def _render(files: Sequence[FileReport], pen: SafeWriter, colour: bool | None) -> str:
    """A table for each file, one row a stage; where that is too wide, one line a fact."""
    from ..display.report_table import MOST_PREVIEWS, UNLIMITED, Page, a_console, text, value_parts
    from ..stdio import is_terminal

    page = Page(pen.stream)
    console = a_console(page, colour)
    width, console.width = console.width, UNLIMITED
    tables = [make_table(_TITLES, _format_rows(file), left=4) for file in files]
    if is_terminal(pen.stream):
        wide = max(console.measure(one).maximum for one in tables) > width
        tables = [text(_render_lines(file)) for file in files] if wide else tables
        console.width = width
    for number, (file, one) in enumerate(zip(files, tables, strict=True)):
        console.print(text(("\n" if number else "") + f"{printable(file.input)} -> {printable(file.output or '-')}"))
        console.print(one)
        for part in value_parts(file, False) if number < MOST_PREVIEWS else ():
            console.print(part)
    return page.getvalue()


def _format_rows(file: FileReport) -> list[tuple[str, ...]]:
    """Cells of the table: the input, then every stage."""
    from ..display.report_table import duration

    chained: ChainReport = file  # type: ignore[assignment]  # Chains gives no others
    first = ("", f"{format_shape(file.input_shape or ())} {file.layout}", file.input_dtype or "", "",
             *short_stats(file.input_stats), "")
    return [first,
            *((f"{i} {printable(one.stage)}", format_shape(one.output_shape), one.output_dtype, _describe_unread(one),
               *short_stats(one.output_stats), duration(one.seconds))
              for i, one in enumerate(chained.stages, 1))]


def _describe_unread(one: StageRecord) -> str:
    """What no window of a stage reaches."""
    return ", ".join(f"{n} {letter}" for letter, n in one.uncovered.items() if n) or "none"


def _render_lines(file: FileReport) -> str:
    """The same facts, one after another."""
    return "\n".join(f"{row[0] or 'input'}: " + ", ".join(
        cell if name in ("shape", "type", "time") else f"{name} {cell}"
        for name, cell in zip(_TITLES[1:], row[1:], strict=True) if cell) for row in _format_rows(file))


def _option_sections() -> list[tuple[str, list[click.Option]]]:
    """The options by what they are about."""
    layout = options.option("--layout", type=options.layout, metavar="LETTERS",
                            help="A letter for each axis of the input; N and C are kept, every other is pooled.")
    shared = [one for one in (*options.windows(), *options.values(), *parameter_options()) if one.name != "layout"]
    return [("Of every stage that does not say it itself", shared), ("Input", [layout]),
            ("Which samples of the input count", [one for one in options.valid_samples() if one.name in SAMPLES]),
            *((title, [one for one in found if one.name not in NOT_FOR_SEVERAL])
              for title, found in (("Files", options.files()), ("Pictures", options.pictures()))),
            ("Report", options.report())]


command = SectionedCommand(
    _NAME, "Several poolings one after another: what one makes, the next one reads. Nothing is rounded between them.",
    ['poolcli chain "max -k 2" "avg -k 3 -s 2" image.png', 'poolcli chain "avg -k 2" "max -k 2" photos/ -o small/',
     'poolcli chain "blur -k 4 -s 2 --padding same" "max" - -o - < fmap.npy > small.npy'],
    _option_sections(),
    params=[click.Argument(["arguments"], nargs=-1, type=options.path(), metavar="STAGE... INPUT...")],
    callback=_run_chain_command)
