"""``poolcli bounds``: what every output can become when each input moves within an interval of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...errors import OptionError
from ...redact import printable
from .. import options, param_types
from ..display.study_output import make_table
from .context import Answer, StudyContext
from .explain_command import load_sample_rules, sample_options
from .study import Study, output_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analysis.bounds.bounds import Bounds
    from ...analysis.stages import Stage
    from ...files import Loaded
    from ...valid_samples import SampleRules

    Array = NDArray[Any]

_HELP = """\
Bound every output for inputs that are not known exactly: each sample may lie anywhere within --eps of what the FILE
has, or between those of two files, LOW and HIGH. The bounds are certain; where they are exact, some input reaches
them."""

_EXAMPLES = (
    'poolcli bounds photo.png --eps 2 "max -k 2"      how far maxima move when each sample moves by up to 2',
    'poolcli bounds low.npy high.npy "avg -k 3 -s 2" -o both.npy',
    'poolcli bounds photo.png --eps 8 "soft -k 4" --heat widths.png',
)
_MOST_SHOWN = 36
"""Outputs whose bounds are printed one by one: a 6 x 6 map."""


def _answer(asked: StudyContext) -> Answer:
    """Read one file or two, bound, write what is asked for."""
    from ...analysis.bounds.bounds import bounds

    stage, loaded = asked.the_stage(), _first_input(asked)
    low, high = _read_intervals(asked, loaded)
    rules = _load_rules(asked, loaded)
    mask, weights = (None, None) if rules is None else (rules.mask, rules.weights)
    found = bounds(low, high, stage.reducer, **_collect_keywords(stage, asked.output, loaded), mask=mask,
                   weights=weights)
    notes = (*_write_bounds(asked, found, loaded.source), *_draw_heat(asked, found))
    return Answer(found, lambda: _render(stage, found), notes)


def _first_input(asked: StudyContext) -> Loaded:
    """The first file, once the number of files is right."""
    eps, names = asked.given.get("eps"), asked.names
    if len(names) not in (1, 2) or (len(names) == 1) != (eps is not None):
        raise OptionError("INPUT", "one file with --eps, or two files, LOW and HIGH, would work")
    if len(names) == 2 and asked.given.get("clip") is not None:
        raise OptionError("clip", "goes with --eps; LOW and HIGH are taken as they are")
    _check_output(asked.output)
    return asked.load(names[0])


def _check_output(target: str | None) -> None:
    """Refuse an output that holds one picture: there are two."""
    if target not in (None, "-") and "{bound}" not in str(target) and not str(target).lower().endswith(".npy"):
        raise OptionError("output", "low and high go into one .npy, or into two files such as out_{bound}.png; --heat "
                                    "FILE makes a picture of their widths")


def _read_intervals(asked: StudyContext, loaded: Loaded) -> tuple[Array, Array]:
    """The ends, of one file or of two."""
    from ...analysis.bounds.intervals import interval

    if asked.given.get("eps") is None:
        return loaded.array, asked.load(asked.names[1]).array
    return interval(loaded.array, asked.given["eps"], clip=asked.given.get("clip"),
                    nodata=asked.the_stage().pooling.missing())


def _collect_keywords(stage: Stage, output: str | None, loaded: Loaded) -> Mapping[str, Any]:
    """The stage's, and what the file settles: its layout, and for bounds that become pictures its dtype."""
    from ...files import format_of

    chosen = {"layout": loaded.layout, **stage.keywords}
    if output is not None and "{bound}" in output and not format_of(output).is_array:
        chosen.setdefault("dtype", loaded.array.dtype.newbyteorder("="))
    return chosen


def _load_rules(asked: StudyContext, loaded: Loaded) -> SampleRules | None:
    """Which samples count, and how much, by files of the input's shape or of that of its pooled axes."""
    pooling = asked.the_stage().pooling
    return load_sample_rules(asked, pooling, pooling.plan(loaded.array.shape, loaded.layout))


def _write_bounds(asked: StudyContext, found: Bounds, source: Any) -> tuple[str, ...]:
    """Both bounds: on a new first axis of one array, or apart in two files named by {bound}."""
    import numpy as np

    target = asked.output
    if target is None:
        return ()
    if "{bound}" in target:
        return tuple(note for name, values in (("low", found.low), ("high", found.high))
                     for note in asked.write(target.replace("{bound}", name), values, source))
    return asked.write(target, np.stack([found.low, found.high]))


def _draw_heat(asked: StudyContext, found: Bounds) -> tuple[str, ...]:
    """The picture of the widths."""
    target = asked.given.get("heat")
    if target is None:
        return ()
    from ...drawing import heat

    label = f"width of the bounds of {printable(asked.the_stage().title)}, in the unit of its values"
    return asked.write(target, heat.draw_labelled_heat(_flatten_widths(found), label, 0.0))


def _flatten_widths(found: Bounds) -> Array:
    """The widths as (H, W): the largest over batch, channels and a volume's depth; a sequence is one row."""
    import numpy as np

    pooled = [i for i, letter in enumerate(found.letters) if letter not in "NC"][-2:]
    over = tuple(i for i in range(found.low.ndim) if i not in pooled)
    with np.errstate(invalid="ignore"):
        widths = np.fmax.reduce(found.widths, axis=over) if over else found.widths
    return np.atleast_2d(widths)


def _render(stage: Stage, found: Bounds) -> Sequence[Any]:
    """For people."""
    from ..display.report_table import text

    rows = [("bounds", found.method), *_describe_certainty(found),
            ("outputs", f"{'x'.join(map(str, found.low.shape)) or 'one'} {found.low.dtype}"),
            ("width", f"{found.smallest:.6g} to {found.largest:.6g}, mean {found.mean:.6g}")]
    if found.widest is not None:
        low, high = found.low[found.widest], found.high[found.widest]
        rows.append(("widest at", f"{', '.join(map(str, found.widest))}: {low} to {high}"))
    made = [make_table(("pooling", stage.title), rows, left=2)]
    if 0 < found.low.size <= _MOST_SHOWN:
        import numpy as np

        made += [text(""), make_table(("output", "low", "high"), [
            (", ".join(map(str, at)), f"{found.low[at]}", f"{found.high[at]}") for at in np.ndindex(found.low.shape)])]
    return made


def _describe_certainty(found: Bounds) -> Sequence[tuple[str, str]]:
    """How good the bounds are, in this case."""
    share = "all" if found.exact else f"{found.share_exact:.1%}"
    rows = [("exact", f"{share} of the outputs" if found.exact or found.share_exact else "none; all are sound")]
    if found.rounded:
        rows.append(("rounding", "outward, since floats are computed with"))
    return rows


_OPTIONS = [
    options.option("--eps", type=param_types.number, metavar="E",
                   help="How far each sample may move, in its own units."),
    click.Option(["--clip"], type=param_types.number, nargs=2, metavar="LOW HIGH",
                 help="Samples stay between these. Default: the dtype's range."),
    *sample_options(),
    output_option("Both bounds: FILE.npy with low and high on a new first axis, or two files: out_{bound}.png."),
    options.option("--heat", type=options.path(), metavar="FILE",
                   help="A picture of how wide the bounds are, with its scale."),
]

_STUDY = Study("bounds", _HELP, _EXAMPLES, _answer, _OPTIONS, usage="FILE [HIGH] [STAGE]", formats=("heat",))
command = _STUDY.command()
