"""The same windows with many reducers: what each keeps of the array, measured and shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite, ldexp
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import axes
from ...core.plans import Plan
from ...drawing.heat import enlarge
from ...drawing.sheet import draw_sheet
from ...errors import OptionError, PoolError
from ...masked import allow_any_fill
from ...pooling import as_array
from ...valid_samples import SampleRules, broadcast_rules, run
from .. import float_planes
from ..defaults import default_stages
from ..float_planes import FloatPlanes
from ..preview_images import Region, choose_region, read_region, to_bytes
from ..run_parts import run_parts
from ..stages import Stage, as_stages
from . import metrics
from .metrics import RunningMean
from .similarity_pass import SimilarityPass
from .upsampling import UPSAMPLINGS, SourceWindows, map_nearest, upsample, window_centres

Array = NDArray[Any]

TILE = 360
"""Samples along a side of what is shown: six tiles of it make a sheet that a screen holds."""
_LEAST_TILE = 180
"""Pixels of the longer side of a tile; smaller ones are enlarged."""


@dataclass(frozen=True, eq=False)
class ReducerScores:
    """What one pooling keeps. Errors are those of its result laid over the array again, sample by sample."""

    stage: str
    reducer: str
    shape: tuple[int, ...]
    dtype: str
    psnr: float | None
    """dB; inf where nothing was lost, None where the range is 0."""
    ssim: float | None
    """Mean structural similarity, 1 at most; None where a side has fewer than 7 samples, or the range is 0."""
    mean_squared_error: float | None
    largest_error: float | None
    noise_variance: float | None
    """Of the result itself; None where a side has fewer than 3 samples."""
    edge_energy: float | None
    """The result's mean squared slope as a share of the array's; None where that has none."""
    on_scale: bool
    """Whether its values are on the samples' own scale: a sum or a deviation is not."""
    picture: NDArray[np.uint8] = field(repr=False, metadata={"document": False})
    """The part that is shown, a byte a channel."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """An array, and what is left of it by several poolings.

    Attributes
    ----------
    shape, dtype
        Of the array.
    data_range
        The range R of the PSNR, in the unit of the samples.
    upsample
        How results were laid over the array again: nearest or bilinear.
    noise_variance
        The variance of the array's noise, in the unit of the samples squared; None where it cannot be told.
    mean_squared_slope
        Per sample of distance, summed over the pooled axes; None where it cannot be told.
    shown
        Which part the pictures show and how values became light, in words; empty: all as it is.
    rows
        What each pooling keeps, in the order in which they were asked for.
    picture
        The array as an (H, W, 3) picture of bytes.

    Examples
    --------
    >>> import numpy as np
    >>> found = compare(np.arange(256.0).reshape(16, 16), ["avg", "subsample"])
    >>> found.shape, found.data_range, [row.reducer for row in found.rows]
    ((16, 16), 255.0, ['avg', 'subsample'])
    >>> found.sheet().shape[2]
    3
    """

    shape: tuple[int, ...]
    dtype: str
    data_range: float
    upsample: str
    noise_variance: float | None
    mean_squared_slope: float | None
    shown: str
    rows: tuple[ReducerScores, ...]
    picture: NDArray[np.uint8] = field(repr=False, metadata={"document": False})

    def tiles(self) -> list[tuple[NDArray[np.uint8], str]]:
        """The array's picture and the poolings', equally large, with their labels."""
        found = [(self.picture, "the original")]
        for row in self.rows:
            said = "" if row.psnr is None or not row.on_scale else f", {row.psnr:.1f} dB"
            found.append((row.picture, row.stage + said))
        return found

    def sheet(self) -> NDArray[np.uint8]:
        """All tiles on one (H, W, 3) picture, small ones enlarged by whole pixels."""
        return draw_sheet([(enlarge(picture, _LEAST_TILE), label) for picture, label in self.tiles()])


_MOST = 1.7976931348623157e308


def compare(x: ArrayLike, stages: Any = None, *, upsample: str = "nearest", data_range: float | None = None,
            tile: int = TILE, mask: ArrayLike | None = None, **shared: Any) -> Comparison:
    """Pool an array in several ways and measure what each keeps.

    Each result is laid over the array again. Against that:

    - PSNR = 10 log10(R^2 / mean (x - y)^2), and the largest |x - y|, over all samples and channels together;
    - SSIM after Wang et al. 2004 (``metrics.compute_ssim``), windows of 7 along each pooled axis, mean over channels.

    Of array and result as they are:

    - the variance of the noise after Immerkaer 1996 (``metrics.estimate_noise_variance``);
    - edge energy: the mean of ((v[i + 1] - v[i]) / d)^2 along an axis, summed over the pooled axes; d is how far apart
      the windows' middles are, 1 for the array. A ramp keeps all of it, an ideal edge 1 / stride.

    NaN, infinities and nodata are left out of all means. Results are those of ``poolcli.pool``, so averages of integers
    are not rounded unless ``dtype`` says so.

    Parameters
    ----------
    x
        The array.
    stages
        Names of reducers, or pairs of name and keywords. Default: max, min, avg, median, subsample and a blur of about
        twice the window.
    upsample
        "nearest": every sample gets the value of the window whose middle is nearest (of two the lower); "bilinear":
        straight lines from middle to middle.
    data_range
        R, in units of the samples. Default: what the dtype spans for bool (1), 8 and 16 bits (255, 65535), else max -
        min of the finite samples.
    tile
        Pictures show the middle, at most so many samples of each side.
    mask
        Samples count where it is not 0; of the array's shape, or of that of its pooled axes. What it hides is no part
        of any window nor of any measure, and black in the pictures.
    **shared
        Keywords of ``pool`` for each stage that does not say its own.

    Returns
    -------
    Comparison
        A row of measures for each stage, and pictures to look at.

    Raises
    ------
    PoolError
        For whatever cannot be pooled.

    Examples
    --------
    >>> found = compare(np.arange(256.0).reshape(16, 16), ["avg", "subsample"])
    >>> [(row.reducer, round(row.psnr, 1)) for row in found.rows]
    [('avg', 30.1), ('subsample', 26.8)]
    """
    array = as_array(x)
    chosen = as_stages(default_stages(shared) if stages is None else stages, shared)
    _check_options(upsample, data_range, tile)
    plans = [stage.pooling.plan(array.shape) for stage in chosen]
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows is left out of the means
            return _compare_stages(array, chosen, plans, upsample, data_range, tile,
                                   None if mask is None else as_array(mask))
    except MemoryError:
        raise PoolError(f"not enough memory to compare poolings of shape {axes.describe(array.shape)}") from None


def _check_options(upsample: str, data_range: float | None, tile: int) -> None:
    """Raise OptionError for what cannot be."""
    if upsample not in UPSAMPLINGS:
        raise OptionError("upsample", f"upsample must be one of {', '.join(UPSAMPLINGS)}, not {upsample!r}")
    if data_range is not None and not (isinstance(data_range, (int, float)) and 0 < data_range < float("inf")):
        raise OptionError("data_range", f"data_range must be a number above 0, not {data_range!r}")
    if type(tile) is not int or tile < 1:
        raise OptionError("tile", f"tile must be a whole number >= 1, not {tile!r}")


def _compare_stages(array: Array, stages: Sequence[Stage], plans: Sequence[Plan], upsample: str,
                    data_range: float | None,
                    tile: int, mask: Array | None) -> Comparison:
    """All of it, a pooling on each thread, so that few results are in memory at a time."""
    first = plans[0].axes
    whole = array
    if mask is not None:
        shown = broadcast_rules(SampleRules(mask), plans[0]).mask
        array = np.where(shown != 0, array, np.float64(np.nan))
    subject = FloatPlanes.of(array, first, stages[0].pooling.missing())
    low, high = float_planes.sample_extent(subject)
    span = float(data_range or float_planes.choose_data_range(whole.dtype, low, high))
    black, white = float_planes.dtype_span(whole.dtype) or (low, high)
    exponent = float_planes.choose_exponent(low, high)
    noise, slope = _measure_texture(replace(subject, exponent=exponent),
                                    [np.ones(max(0, n - 1)) for n in subject.lengths])

    def score(which: tuple[Stage, Plan]) -> ReducerScores:
        stage, plan = which
        own = FloatPlanes.of(array, plan.axes, stage.pooling.missing(), low / 2 + high / 2, exponent)
        values = _pool_shown(whole, stage, plan, mask)
        picture = _render_result(values, stage, plan, (black, white), tile, whole.dtype.kind == "u")
        scores = _score_stage(stage, plan, own, values, span, upsample, slope, picture)
        return scores if mask is None else replace(scores, dtype=stage.pooling.result_dtype(whole.dtype).name)

    rows = run_parts(score, list(zip(stages, plans, strict=True)))
    part = choose_region(array.shape, first, tile)
    picture = to_bytes(read_region(array, part), black, white, whole.dtype.kind == "u")
    return Comparison(array.shape, whole.dtype.name, span, upsample, _scale_square(noise, exponent),
                      _scale_square(slope, exponent), _describe_view(whole, part, black, white),
                      tuple(rows), picture)


def _pool_shown(array: Array, stage: Stage, plan: Plan, mask: Array | None) -> Array:
    """A result; NaN of windows in which a mask hides every sample, whatever the dtype."""
    if mask is None:
        return stage.pooling.run(array, plan).values.reshape(plan.full_shape)
    found = run(allow_any_fill(stage.pooling), array, plan, SampleRules(mask))
    values = found.values
    if found.few is not None and found.few.any() and stage.pooling.reducer.empty_value is None:
        values = np.where(found.few, np.nan, values.astype(np.float64))
    return values.reshape(plan.full_shape)


def _render_result(values: Array, stage: Stage, plan: Plan, ends: tuple[float, float], tile: int,
                   alpha: bool) -> NDArray[np.uint8]:
    """A result's picture, as large as the array's; black and white are its own where it is on another scale."""
    if not stage.pooling.reducer.keeps_scale:
        ends = float_planes.sample_extent(FloatPlanes.of(values, plan.axes))
    laid = [map_nearest(one) for one in plan.windows]
    return to_bytes(read_region(values, choose_region(plan.input_shape, plan.axes, tile), laid), *ends, alpha)


def _score_stage(stage: Stage, plan: Plan, subject: FloatPlanes, values: Array, span: float, upsample: str,
                 slope: float | None,
                 picture: NDArray[np.uint8]) -> ReducerScores:
    """A row."""
    result = FloatPlanes.of(values, plan.axes, stage.pooling.missing(), subject.offset, subject.exponent)
    exponent = subject.exponent
    span = ldexp(min(span, _MOST), -exponent)
    squares, likeness = _measure_differences(subject, result, [UPSAMPLINGS[upsample](w) for w in plan.windows], span)
    noise, energy = _measure_texture(result, [np.diff(window_centres(w)) for w in plan.windows])
    share = None if energy is None or not slope else energy / slope
    return ReducerScores(stage.title, stage.reducer, values.shape, values.dtype.name,
                         metrics.compute_psnr(squares.value, span), likeness.value,
                         _scale_square(squares.value, exponent),
                         _scale_by_power(squares.largest ** 0.5, exponent) if squares.count else None,
                         _scale_square(noise, exponent), share,
                         stage.pooling.reducer.keeps_scale, picture)


def _scale_square(value: float | None, exponent: int) -> float | None:
    """A mean of squares in the array's own unit."""
    return None if value is None else _scale_by_power(value, 2 * exponent)


def _scale_by_power(value: float, exponent: int) -> float:
    """The value times two to a power; infinite beyond float64."""
    try:
        return ldexp(value, exponent)
    except OverflowError:
        return inf


def _measure_differences(subject: FloatPlanes, result: FloatPlanes, places: Sequence[SourceWindows],
                         span: float) -> tuple[RunningMean, RunningMean]:
    """Squared differences and similarities, block by block."""
    squares, likeness = RunningMean(), RunningMean()
    similar = span > 0 and min(subject.lengths) >= metrics.WINDOW
    offset = ldexp(subject.offset, -subject.exponent)
    one_pass = SimilarityPass(span, offset, similar) if subject.axes == 2 else None
    for number in range(subject.count):
        plane, pooled = subject.plane(number), result.plane(number)
        for start, stop in metrics.split_row_blocks(plane.shape):
            above = max(0, start - metrics.WINDOW + 1) if similar else start
            x = subject.floats(plane[above:stop])
            y = upsample(result.floats(_slice_pooled_rows(pooled, places[0], above, stop)),
                         (_offset_places(places[0], above, stop), *places[1:]))
            if one_pass is not None and one_pass.add_block(x, y, start - above, squares, likeness):
                continue
            difference = (x - y)[start - above:]
            squares.add(difference * difference)
            if similar and stop - above >= metrics.WINDOW:
                likeness.add(metrics.compute_ssim(x, y, span, subject.axes, offset))
    return squares, likeness


def _slice_pooled_rows(pooled: Array, places: SourceWindows, start: int, stop: int) -> Array:
    """Those rows of a result that samples start:stop of the first axis are made from."""
    return pooled[places.low[start] : places.high[stop - 1] + 1]


def _offset_places(places: SourceWindows, start: int, stop: int) -> SourceWindows:
    """The places of samples start:stop, counted from the first of ``_slice_pooled_rows``."""
    part, first = places[start:stop], places.low[start]
    return SourceWindows(part.low - first, part.high - first, part.weight)


def _measure_texture(subject: FloatPlanes, steps: Sequence[NDArray[np.float64]]) -> tuple[float | None, float | None]:
    """The noise's variance and the mean squared slope; ``steps`` are the distances along each axis."""
    rough, slopes = RunningMean(), [RunningMean() for _ in steps]
    for number in range(subject.count):
        plane = subject.plane(number)
        for start, stop in metrics.split_row_blocks(plane.shape):
            block = subject.floats(plane[max(0, start - 2):stop])
            if min(block.shape[:-1]) > 2:
                rough.add(metrics.second_differences(block, subject.axes))
            new = block[start - max(0, start - 2):] if subject.axes > 1 else block
            for axis, mean in enumerate(slopes):
                _add_squared_slopes(mean, block if axis == 0 else new, axis, steps[axis], start)
    found = [mean.value for mean in slopes if mean.value is not None]
    return metrics.estimate_noise_variance(rough.value, subject.axes), sum(found) if found else None


def _add_squared_slopes(mean: RunningMean, block: NDArray[np.float64], axis: int, steps: NDArray[np.float64],
                        start: int) -> None:
    """The squared slopes along an axis; along the first one only those that end in rows from ``start`` on."""
    if axis == 0:
        block = block[1:] if start > 1 else block
        steps = steps[max(0, start - 1):max(0, start - 1) + len(block) - 1]
    rises = np.diff(block, axis=axis)
    steps = np.where(steps == 0, np.nan, steps).reshape([-1 if i == axis else 1 for i in range(block.ndim)])
    mean.add((rises / steps) ** 2)


def _describe_view(array: Array, part: Region, black: float, white: float) -> str:
    """What the pictures show, where that is not everything as it is."""
    said = [part.words(array.shape)]
    channels = array.shape[part.axes.letters.find("C")] if "C" in part.axes.letters else 1
    if channels > 4 or (channels in (2, 4) and array.dtype.kind != "u"):
        said.append(f"channel 1 of {channels}")
    if float_planes.dtype_span(array.dtype) is None and isfinite(white):
        said.append(f"{black:.4g} is black and {white:.4g} white")
    return "; ".join(one for one in said if one)


