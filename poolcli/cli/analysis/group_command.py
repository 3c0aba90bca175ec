"""``poolcli group``: pooling over a stack of files, or over transformed copies of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...core.reducers import REDUCERS
from ...errors import OptionError, PoolError
from .. import options
from ..display.formatting import format_shape
from ..display.study_output import make_table
from .context import Answer, StudyContext, file_errors
from .study import Study, output_option

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...analysis.group.group import Group
    from ...analysis.stages import Stage
    from ...files import Loaded

    Array = NDArray[Any]

_HELP = """\
Pool over a group. Several FILEs of one shape are reduced element by element, after the windows of the STAGE if it has
any. One FILE with --over is pooled in every turned, flipped or shifted copy; each result is brought back, and the
copies are reduced: a transformed picture gives the transformed result, and with --global the same result. The check
prints how far from that it is, beside plain pooling. A second STAGE says what reduces the copies."""
_EXAMPLES = (
    'poolcli group map.npy --over rot4 "max -k 3 -s 2" -o pooled.npy',
    'poolcli group photo.png --over d4 "subsample -k 2" avg      the second one reduces the copies',
    "poolcli group 1.png 2.png 3.png median -o still.png         what moves goes",
)
_PROMISES = {
    "equivariant": "equivariant: the transformed input gives the transformed result",
    "invariant": "invariant: the transformed input gives the same result",
}


def _answer(asked: StudyContext) -> Answer:
    """Read, pool over the group, write."""
    from ...analysis.group.group import group

    over = asked.given.get("over")
    stage, by = _split_keywords(asked)
    files = _read_inputs(asked, over)
    keywords = {"invariant": bool(asked.given["invariant"]),
                "check": not asked.given["no_check"], "over": over, "by": by, **_adapt_keywords(asked, stage, files[0])}
    found = group(files[0].array if over else [one.array for one in files], stage.reducer, **keywords)
    notes = () if asked.output is None else asked.write(asked.output, found.values, files[0].source)
    return Answer(found, lambda: _render(stage, found), notes)


def _split_keywords(asked: StudyContext) -> tuple[Stage, Any]:
    """The windows' pooling, and the copies' reducer with its own parameters."""
    if len(asked.stages) > 2:
        raise OptionError("STAGE", f"takes a pooling and the reducer of the copies, not {len(asked.stages)} stages")
    if len(asked.stages) == 1:
        return asked.stages[0], None
    second = asked.stages[1]
    own = {p.name for p in REDUCERS[second.reducer].parameters}
    return asked.stages[0], (second.reducer, {name: value for name, value in second.keywords.items() if name in own})


def _read_inputs(asked: StudyContext, over: str | None) -> list[Loaded]:
    """One file with --over, or several."""
    if bool(over) != (len(asked.names) == 1) or not asked.names:
        raise OptionError("INPUT", "one file with --over, or several files of one shape, would work")
    if not over and asked.given["invariant"]:
        raise OptionError("invariant", "goes with --over")
    files = [asked.load(name) for name in asked.names]
    for name, one in zip(asked.names, files, strict=True):
        with file_errors(name):
            _check_like(one.array, files[0].array, asked.names[0])
    return files


def _check_like(array: Array, first: Array, name: str) -> None:
    """Refuse an array that is not like the first one, by the files' names."""
    if array.shape != first.shape or array.dtype != first.dtype:
        raise PoolError(f"is {array.dtype} of {format_shape(array.shape)}, but {name} is {first.dtype} of "
                        f"{format_shape(first.shape)}; files of one shape and dtype would work")


def _adapt_keywords(asked: StudyContext, stage: Stage, first: Loaded) -> Mapping[str, Any]:
    """The stage's keywords; a result that becomes a picture has the picture's own dtype."""
    from ...files import format_of

    chosen = {"layout": first.layout, **stage.keywords}
    if asked.output not in (None, "-") and not format_of(str(asked.output)).is_array:
        chosen.setdefault("dtype", first.array.dtype.newbyteorder("="))
    return chosen


def _render(stage: Stage, found: Group) -> Sequence[Any]:
    """For people."""
    from ..display.report_table import text

    values = found.values
    members = f"{len(found.members)} {'copies' if found.promise else 'arrays'}"
    rows = [("over", f"{found.over}: {members}, reduced by {found.by}"),
            ("output", f"{'x'.join(map(str, values.shape)) or 'one'} {values.dtype}, {_value_range(values)}")]
    if found.promise:
        rows.insert(1, ("promise", _PROMISES[found.promise] + ("" if found.exact else "; here only nearly")))
    made = [make_table(("pooling", stage.title if found.reducer else "element by element"), rows, left=2)]
    if found.checks:
        made += [text(""), make_table(("how far from it", "largest", "mean", "plain largest", "plain mean"), [
            (one.transform, *(f"{x:.6g}" for x in (one.largest, one.mean, one.plain_largest, one.plain_mean)))
            for one in found.checks])]
    if found.checked_shape is not None:
        made.append(text(f"measured on the middle {format_shape(found.checked_shape)}"))
    return made


def _value_range(values: Any) -> str:
    """The least and the largest."""
    return f"{values.min()} to {values.max()}" if values.size else "empty"


_OPTIONS = [
    options.option("--over", metavar="GROUP",
                   help="Copies: rot4 (quarter turns), flips, d4 (both) or shift:K (circular, 0 to K - 1 an axis)."),
    options.flag("--invariant", help="Do not bring the copies back: the same result, not the transformed one."),
    click.Option(["--no-check"], is_flag=True, default=False, help="Do not measure how far from its promise it is."),
    output_option("Write the result: .npy, or a picture."),
]

_STUDY = Study("group", _HELP, _EXAMPLES, _answer, _OPTIONS, usage="FILE... [STAGE [BY]]")
command = _STUDY.command()
