"""``poolcli haar``: an array taken apart into means and differences, and put together again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.choices import DTYPES
from ..errors import OptionError, PoolError
from ..redact import printable
from . import options, param_types
from .analysis.context import Answer, FileError, StudyContext, file_errors, name_output
from .analysis.study import Study, output_option
from .display.study_output import make_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..analysis.haar import HaarBands
    from ..files import Loaded

    Array = NDArray[Any]

_LOW, _SHAPE, _TYPE, _AXES, _LEVEL = "low", "shape", "like", "axes", "level"
"""The arrays of an .npz of bands: the means, the shape before, one sample of its dtype, the axes that were pooled, and
the differences of each level, from level1 on."""
_ALL_LEVELS = ".npz"
"""The ending of a file that holds bands of several sizes."""


@dataclass(frozen=True)
class _HaarReport:
    """What was read and written."""

    input: str
    output: str
    inverse: bool
    levels: int
    bands: tuple[str, ...]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_dtype: str
    output_dtype: str
    low: str | None
    """Where the means were written beside it."""
    exact: bool | None
    """Whether the inverse is the input to the last bit; None of an inverse."""
    error: float | None
    """The largest distance of the inverse from the input."""


def _answer(asked: StudyContext) -> Answer:
    """Take apart, or put together."""
    if asked.stages:
        raise OptionError("STAGE", "takes no pooling; poolcli haar image.png --levels 2 would work")
    return _put_together(asked) if asked.given["inverse"] else _take_apart(asked)


def _refuse_options(asked: StudyContext, names: Sequence[str], reason: str) -> None:
    """Raise OptionError for the first of these options that is given."""
    for name in names:
        if asked.given[name] is not None:
            raise OptionError(name, reason)


def _take_apart(asked: StudyContext) -> Answer:
    """Write the bands, and the means as a picture of their own if that is wanted."""
    from ..analysis.haar import haar, inverse_haar

    name, given = asked.the_file(), asked.given
    _refuse_options(asked, ("output_shape", "dtype"), "goes with --inverse of a stacked array")
    target, *low = _check_outputs(asked)
    if (given["levels"] or 1) > 1 and not target.lower().endswith(_ALL_LEVELS):
        raise OptionError("levels", f"{given['levels']} levels have bands of several sizes, which only .npz holds; "
                                    f"-o {printable(Path(target).stem)}.npz, or --levels 1, would work")
    loaded = asked.load(name)
    with file_errors(name):
        bands = haar(loaded.array, given["levels"] or 1, layout=given["layout"] or loaded.layout)
    back = inverse_haar(bands)
    error = _measure_error(loaded.array, back)
    notes = loaded.source.notes
    if target.lower().endswith(_ALL_LEVELS):
        _write_bands(asked, target, bands)
        shape = bands.low.shape
    else:
        stacked = bands.stack()
        notes = (*notes, *asked.write(target, stacked))
        shape = stacked.shape
    if low:
        notes = (*notes, *_write_low(asked, low[0], loaded, bands))
    found = _HaarReport(name, target, False, bands.levels, ("L" * len(bands.axes), *bands.names), bands.shape, shape,
                        bands.dtype.name, bands.low.dtype.name, low[0] if low else None, error == 0, error)
    return Answer(found, lambda: _render(found), notes)


def _put_together(asked: StudyContext) -> Answer:
    """Write the array that the bands were made of."""
    from ..analysis.haar import inverse_haar

    name = asked.the_file("image_haar.npz")
    _refuse_options(asked, ("levels", "low"), "goes not with --inverse, which has all levels from its file")
    if name.lower().endswith(_ALL_LEVELS):
        _refuse_options(asked, ("output_shape", "dtype"),
                        f"goes with --inverse of a stacked array; {_ALL_LEVELS} says it itself")
    _refuse_options(asked, ("layout",), "goes not with --inverse, which has the axes from its file")
    target, = _check_outputs(asked)
    bands = _read_bands(asked, name)
    with file_errors(name):
        back = inverse_haar(bands)
    notes = asked.write(target, back)
    found = _HaarReport(name, target, True, bands.levels, ("L" * len(bands.axes), *bands.names), bands.low.shape,
                        back.shape, bands.low.dtype.name, back.dtype.name, None, None, None)
    return Answer(found, lambda: _render(found), notes)


def _measure_error(array: Array, back: Array) -> float:
    """The largest distance of an array from another; NaN at the same places are equal."""
    import numpy as np

    same = (array == back) | ((array != array) & (back != back))
    if same.all():
        return 0.0
    with np.errstate(all="ignore"):
        return float(np.nanmax(np.abs(array[~same].astype(np.float64) - back[~same].astype(np.float64))))


def _name_outputs(asked: StudyContext) -> list[str]:
    """The output's name: beside the input by default; and that of the means."""
    from ..files.paths import output_paths

    name, low = asked.the_file(), asked.given["low"]
    pattern = "{stem}_inverse.npy" if asked.given["inverse"] else "{stem}_haar.npz"
    found = [name_output(name, asked.output, pattern, "haar")]
    return found if low is None else [*found, str(output_paths.name_output(name, low, "haar"))]


def _check_outputs(asked: StudyContext) -> list[str]:
    """The outputs' names, which can be written."""
    found = _name_outputs(asked)
    asked.check_outputs(asked.the_file(), dict(zip(("output", "low"), found, strict=False)))
    return found


def _write_bands(asked: StudyContext, target: str, bands: HaarBands) -> None:
    """Write an .npz that has all that the inverse wants."""
    import numpy as np

    from .. import files
    from ..files.arrays.npz import write_arrays

    arrays = {_LOW: bands.low, _SHAPE: np.array(bands.shape, np.int64), _TYPE: np.zeros(1, bands.dtype),
              _AXES: np.array(bands.axes, np.int64)}
    arrays |= {f"{_LEVEL}{i}": detail for i, detail in enumerate(bands.details, 1)}
    with file_errors(target), files.atomic(target, overwrite=bool(asked.given["overwrite"])) as stream:
        write_arrays(arrays, stream)


def _write_low(asked: StudyContext, target: str, loaded: Loaded, bands: HaarBands) -> tuple[str, ...]:
    """Write the means as the pooled input: of its dtype, in its place."""
    from ..analysis.haar import convert_low
    from ..pooling import plan

    place = loaded.source.place
    for _ in range(bands.levels if place is not None else 0):
        assert place is not None
        shape = tuple(len(axis) for axis in place.axes)
        sizes = tuple(min(2, shape[i]) for i in bands.axes)
        letters = asked.given["layout"] or loaded.layout
        place = place.pool(plan(shape, size=sizes, ceil_mode=True, layout=letters))
    return asked.write(target, convert_low(bands), replace(loaded.source, place=place, pages=None))


def _read_bands(asked: StudyContext, name: str) -> HaarBands:
    """The bands of an .npz, or of an array of one level; FileError for a file that holds none."""
    import numpy as np

    from .. import files
    from ..analysis.haar import HaarBands, list_bands, split_stacked

    asked.read.append(name)
    if not name.lower().endswith(_ALL_LEVELS):
        loaded = asked.load(name)
        with file_errors(name):
            return split_stacked(loaded.array, asked.given["output_shape"], asked.given["dtype"])

    def read(key: str) -> Array:
        return files.read(name, key=key).array

    with file_errors(name):
        try:
            shape, axes = (tuple(int(n) for n in read(key).reshape(-1)) for key in (_SHAPE, _AXES))
            low, dtype = read(_LOW), np.dtype(read(_TYPE).dtype)
        except PoolError as error:
            raise PoolError(f"is no file of bands, which poolcli haar writes: {error}") from error
        if not 1 <= len(axes) <= 3 or list(axes) != sorted({i for i in axes if 0 <= i < len(shape)}) or min(shape) < 0:
            raise PoolError(f"axes {axes} and shape {shape} do not go together")
        names, found = list_bands(len(axes)), []
        longest = max(shape[i] for i in axes)
        for number in range(1, max(longest - 1, 1).bit_length() + 1):
            try:
                found.append(read(f"{_LEVEL}{number}"))
            except PoolError:
                break
        if not found:
            raise FileError(name, PoolError(f"holds no {_LEVEL}1, so it is no file of bands; poolcli haar writes one"))
        return HaarBands(low, tuple(found), names, shape, dtype, axes)


def _render(found: _HaarReport) -> list[Any]:
    """What was done."""
    from ..core.axes import describe
    from .display.report_table import text

    head = text(f"{printable(found.input)} -> {printable(found.output)}: {describe(found.input_shape)} "
                f"{found.input_dtype} -> {describe(found.output_shape)} {found.output_dtype}")
    if found.inverse:
        return [head]
    inverse = "the input to the last bit" if found.exact else f"within {found.error:.3g} of the input"
    return [head, make_table(("levels", "bands", "inverse is"), [(str(found.levels), " ".join(found.bands), inverse)])]


_STUDY = Study(
    "haar", "Haar's wavelet: means and differences of neighbours, a pooling that loses nothing.",
    ["poolcli haar image.png --levels 3 -o bands.npz --low small.png",
     "poolcli haar --inverse bands.npz -o image.png",
     "poolcli haar photos/ --levels 2 -o bands/", "poolcli haar --inverse bands/*.npz -o 'back/{stem}.png'",
     "poolcli haar map.npy -o bands.npy"],
    _answer, usage="FILE...", default=(), pools=False, formats=(), name_outputs=_name_outputs,
    operation=lambda given: "inverse" if given["inverse"] else "haar",
    options=[options.option("--levels", type=param_types.positive, metavar="N",
                            help="How often the means are halved. Default 1."),
             options.flag("--inverse", help="Put bands together again."),
             options.option("--low", type=options.path(), metavar="FILE",
                            help="Write the means too, as the pooled input: of its type, in its place; of "
                                 "several files a pattern with {stem}."),
             options.option("--layout", type=options.layout, metavar="LETTERS",
                            help="A letter for each axis; N and C are kept, every other is halved."),
             options.option("--output-shape", type=param_types.lengths, metavar="SHAPE",
                            help="Of --inverse of a stacked array: the size before, 5x7. Default: even sides."),
             options.option("--dtype", type=options.choice(DTYPES), metavar="TYPE",
                            help="Of --inverse of a stacked array: the type before. Default: the array's."),
             output_option("Bands: .npz of all levels, or .npy of one level, its bands as channels; a FOLDER/, or a "
                           "pattern with {stem}. Default: "
                           "{stem}_haar.npz beside the input; of --inverse {stem}_inverse.npy.")])
command = _STUDY.command()
