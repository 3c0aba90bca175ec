"""poolcli explain: one output value, its window, and the arithmetic in between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from ...redact import printable
from .. import options, param_types
from ..display.report_table import text
from ..display.study_output import make_table
from .context import Answer, StudyContext, check_page
from .study import Study

if TYPE_CHECKING:
    from ...analysis.explain.explanation import Explanation
    from ...analysis.explain.window_samples import AxisWindow
    from ...core.plans import Plan
    from ...files import Loaded
    from ...pooling import Pooling
    from ...valid_samples import SampleRules


def _answer(asked: StudyContext) -> Answer:
    """Explain one value of the file's pooling, as its reducer's command would pool it."""
    from ...analysis.explain.explain import explain_window

    if asked.output:
        check_page("html", asked.output)
    loaded, pooling, plan, notes = prepare_file(asked)
    rules = load_sample_rules(asked, pooling, plan)
    at, channel, batch = (asked.given[name] for name in ("at", "channel", "batch"))
    found = explain_window(loaded.array, pooling, plan, at, channel, batch, rules)
    if asked.output:
        asked.write_text(asked.output, _make_page(asked, loaded, pooling, plan, found, rules))
    return Answer(found, lambda: _render(asked, loaded, found), notes)


def load_sample_rules(asked: StudyContext, pooling: Pooling, plan: Plan) -> SampleRules | None:
    """The mask and the weights beside the first input, if there are some."""
    from ...batch import Job, Settings
    from ...batch.sample_files import load_rules

    return None if asked.beside is None else load_rules(asked.beside, Job(asked.names[0]), pooling, plan, Settings())


def prepare_file(asked: StudyContext) -> tuple[Loaded, Pooling, Plan, tuple[str, ...]]:
    """The file, and its pooling as the reducer's command has it: a picture keeps its dtype."""
    from ...batch.run_in_memory import for_picture

    pooling = asked.the_stage().pooling
    loaded = asked.load(asked.the_file(), indexed=pooling.reducer.takes_labels)
    if loaded.source.mode is not None:
        array, pooling = for_picture(loaded.array, pooling)
        loaded = replace(loaded, array=array)
    plan = pooling.plan(loaded.array.shape, loaded.layout)
    return loaded, pooling, plan, loaded.source.notes


def _make_page(asked: StudyContext, loaded: Loaded, pooling: Pooling, plan: Plan, found: Explanation,
               rules: SampleRules | None) -> str:
    """The page: a picture in its own colours."""
    import numpy as np

    from ...analysis.explain.page import build_page
    from ...files.images.palettes import expand_palette

    source, palette = loaded.source, None
    if source.palette is not None and loaded.array.ndim == 2:
        palette = expand_palette(np.arange(256, dtype=np.uint8), source.palette)
    return build_page(found, loaded.array, pooling, plan, _format_title(asked), source.mode, palette,
                      rules)


# For people.


def _render(asked: StudyContext, loaded: Loaded, found: Explanation) -> list[Any]:
    """A headline, the window on each axis, the samples, the arithmetic, the rounding."""
    from ..display.window_grids import WindowGrids

    made = [text(_format_headline(asked, loaded, found)), text(""), _make_axes_table(found.axes), text(""),
            WindowGrids(found, loaded.array)]
    if _shares_differ(found):
        made += [text(f"What each sample counts for ({found.shares_are}):"),
                 WindowGrids(found, loaded.array, shares=True)]
    return [*made, *_render_arithmetic(found)]


def _format_headline(asked: StudyContext, loaded: Loaded, found: Explanation) -> str:
    """Which value of what."""
    kept = "".join(f", {'channel' if letter == 'C' else 'batch'} {i} of {found.output_shape[place]}"
                   for letter, i in found.kept.items() for place in [found.layout.index(letter)])
    shape = "x".join(str(n) for n in loaded.array.shape)
    at = ", ".join(str(i) for i in found.at)
    return f"{_format_title(asked)} ({shape} {found.layout}, {found.input_dtype}) at ({at}){kept}"


def _format_title(asked: StudyContext) -> str:
    """What is pooled, and how."""
    return f"{printable(asked.the_stage().title)} of {printable(asked.the_file())}"


def _make_axes_table(axes: tuple[AxisWindow, ...]) -> Any:
    """The window on each axis: where it would lie, and what of it is there."""
    rows = [(one.letter, f"{one.index} of {one.windows}", _format_stretch(one.start, len(one.positions), one.step),
             _format_stretch(one.first, one.count, one.step) if one.count else "none",
             f"{one.before}:{one.after}" if one.before or one.after else "none", str(one.length)) for one in axes]
    return make_table(("axis", "window", "positions", "inside", "padding", "length"), rows)


def _format_stretch(first: int, count: int, step: int) -> str:
    """From the first to the last position."""
    last = first + (count - 1) * step
    every = f", every {step}" if step > 1 and count > 1 else ""
    return f"{first} to {last}{every}" if count > 1 else str(first)


def _shares_differ(found: Explanation) -> bool:
    """Whether samples count differently, so that a grid of it says more than the arithmetic."""
    import numpy as np

    if found.shares is None or found.present < 2:
        return False
    return bool(np.nanmax(found.shares) - np.nanmin(found.shares) > 1e-12)


def _render_arithmetic(found: Explanation) -> list[Any]:
    """The formula, its numbers, and the result."""
    lines = [f"{found.reducer}: {found.formula}", *(f"  {line}" for line in found.setup),
             *(f"  {'  ' if i == 0 else '= '}{line}" for i, line in enumerate(found.steps))]
    if found.rule:
        lines.append(f"  {found.rule}")
    facts = [("samples", f"{found.present} present of {found.states.size} positions"),
             *([("winner", _describe_winner(found))] if found.winner else []),
             ("before rounding", found.exact), ("after", f"{_format_result(found)}  {found.dtype}: {found.rounding}")]
    return [text("\n".join(lines)), text(""), _make_facts_grid(facts)]


def _describe_winner(found: Explanation) -> str:
    """Where it stands."""
    assert found.winner is not None
    where = ", ".join(f"{one.letter} {i}" for one, i in zip(found.axes, found.winner.place, strict=True))
    return where if found.winner.index is None else f"{where}, index {found.winner.index} in its plane"


def _format_result(found: Explanation) -> str:
    """The result: the value itself where that is exact, otherwise in as many digits as its type needs."""
    result = found.result
    if result.dtype.kind != "f":
        return str(int(result))
    return found.exact if found.value == float(result) and "/" not in found.exact else str(result)


def _make_facts_grid(facts: list[tuple[str, str]]) -> Any:
    """Names and values in two columns; long values are folded."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in facts:
        made.add_row(text(name), text(value))
    return made


def _parse_at(value: str) -> tuple[int, ...]:
    """``1,1``: an index for each pooled axis, negative ones from the end."""
    parts = value.split(",")
    try:
        if not 1 <= len(parts) <= 3 or any(len(part.strip()) > 18 for part in parts):
            raise ValueError
        return tuple(int(part) for part in parts)
    except ValueError:
        raise click.BadParameter(f"{param_types.quote_input(value)} is no place; Y,X such as 3,5 or -1,-1 "
                                 "would work") from None


def _parse_index(value: str) -> int:
    """A whole number, negative from the end."""
    sign = value.startswith("-")
    return -param_types.parse_whole(value[1:]) if sign else param_types.parse_whole(value)


def sample_options() -> list[Any]:
    """The files that say which samples count, and how much."""
    return [options.option("--mask", metavar="FILE",
                           help="Samples count where it is not 0; !FILE: where it is 0. As of the reducer's command."),
            options.option("--weights", metavar="FILE", help="How much each sample counts, at least 0.")]


_STUDY = Study(
    "explain", "Explain one output value: its window, the samples in it, the arithmetic, the rounding.",
    ["poolcli explain image.png --at 3,5", 'poolcli explain image.png "avg -k 3 -s 2 --padding 1" --at 0,0',
     'poolcli explain fmap.npy "gem --global" --channel 2',
     'poolcli explain image.png "median -k 3" --html median.html'],
    _answer, formats=(),
    options=[options.option("--at", type=_parse_at, metavar="Y,X",
                            help="Which output: an index for each pooled axis, from 0; negative ones from the end. "
                            "Default: the one in the middle."),
             options.option("--html", "-o", "output", type=options.path(), metavar="PAGE",
                            help="Write a page on which the window can be moved, and reducer and windows changed."),
             *sample_options(),
             options.option("--channel", type=_parse_index, metavar="C", help="Of axis C. Default 0."),
             options.option("--batch", type=_parse_index, metavar="N", help="Of axis N. Default 0.")])
command = _STUDY.command()
