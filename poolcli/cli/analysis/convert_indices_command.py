"""``poolcli convert-indices``: the same places, as another library numbers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import OptionError
from ...redact import printable
from .. import options, param_types
from .context import Answer, StudyContext
from .study import Study, file_options, output_option
from .unpool_command import INDEX_FORMATS, choice_option

if TYPE_CHECKING:
    from ...report import Plane


@dataclass(frozen=True)
class _Converted:
    """What was converted."""

    input: str
    output: str
    source: str
    target: str
    shape: tuple[int, ...]
    """Of the array that the indices point into."""
    layout: str
    indices: Any
    """The new ones, when they are few."""


def _answer(asked: StudyContext) -> Answer:
    """Read, convert, write."""
    from ...analysis.unpool.index_formats import convert_indices
    from ...core.axes import resolve
    from ...report import MOST_VALUES, cut_planes

    name, given = asked.the_file("where.npy"), asked.given
    for needed in ("shape", "output"):
        if given[needed] is None:
            raise OptionError(needed, f"{needed} is missing; --shape 1x3x8x8 -o converted.npy would work")
    source, target = given["from"] or INDEX_FORMATS[0], given["to"] or INDEX_FORMATS[0]
    letters = resolve(given["shape"], given["layout"] or options.default_layout(len(given["shape"]))).letters
    made = convert_indices(asked.load(name).array, source, target, given["shape"], letters)
    asked.write(given["output"], made)
    found = _Converted(name, given["output"], source, target, given["shape"], letters,
                       made if made.size <= MOST_VALUES else None)
    return Answer(found, lambda: _render(found, cut_planes(made, letters)))


def _render(found: _Converted, planes: tuple[Plane, ...]) -> list[Any]:
    """A line, and the new indices."""
    from ...core.axes import describe
    from ..display.report_table import plane, text

    said = f"indices into {describe(found.shape)} {found.layout}, {found.source} -> {found.target}"
    shown = [text(f"{printable(found.input)} -> {printable(found.output)}: {said}")]
    return shown + [part for one in planes for part in (text(f"values {one.label}".strip() + ":"), plane(one))]


_STUDY = Study(
    "convert-indices", "Renumber indices for PyTorch, ONNX or TensorFlow.",
    ["poolcli convert-indices where.npy --to onnx --shape 1x3x8x8 --layout NCHW -o onnx.npy"], _answer, usage="FILE",
    pools=False, files=[one for one in file_options() if one.name in ("overwrite", "key")],
    options=[choice_option("--from", INDEX_FORMATS, "FORMAT",
                           f"How FILE counts: {', '.join(INDEX_FORMATS)}. Default torch."),
             choice_option("--to", INDEX_FORMATS, "FORMAT", "How the result counts. Default torch."),
             options.option("--shape", type=param_types.lengths, metavar="SHAPE", help="Of what was pooled: 1x3x8x8."),
             *(one for one in options.values() if one.name == "layout"),
             output_option("A .npy file, or - for stdout.")])
command = _STUDY.command()
