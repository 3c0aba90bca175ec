"""How stable poolings are when the picture moves, and what their strides fold back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf, ldexp, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import axes
from ...core.plans import Plan
from ...drawing.heat import draw_heat, enlarge
from ...drawing.sheet import draw_sheet, shrink
from ...errors import OptionError, PoolError
from ...pooling import as_array, parse_pooling
from .. import float_planes
from ..defaults import default_stages
from ..float_planes import FloatPlanes
from ..preview_images import choose_region, read_region, to_bytes
from ..run_parts import run_parts
from ..stages import Stage, as_stages, with_layout
from .aliasing import Spectrum, compute_spectrum
from .equivariance import ChangeStatistics, ShiftedCrops, blur_once, choose_shifts, measure_dense_changes, to_floats

Array = NDArray[Any]
Floats = NDArray[np.float64]

_PLANE = 1 << 20
"""Samples of a plane that are looked at: 1024 x 1024, or as many along 1 or 3 axes."""
_WORK = 1 << 26
"""Samples that the largest windows of a plane have together at stride 1; a few seconds for the slowest kernels."""
_FEWEST = 4
"""Windows that go side by side into what is looked at, however large they are."""
_ALL = 1 << 22
"""Samples of all planes together; the float64 arrays of a stage are 32 MB each."""
_MOST_SHIFTS = 64
"""Shifts that are tried: all phases of strides up to 8x8 or 4x4x4; of larger strides so many, evenly chosen."""
_LARGEST = 465
"""The exponent of two, some 1e140, up to which the squares of a Fourier transform of 2^22 pooled values are below
float64's largest number. Larger values are divided first."""
_TAPS = (2, 3, 4, 5, 6, 7)
"""Of the blurs that are tried before the stride (Zhang has 1 to 7)."""
_LEAST_TILE = 256


@dataclass(frozen=True)
class _BlurredStability:
    """The same reducer at stride 1, a binomial blur, then the stride."""

    taps: int
    score: float
    aliasing: float | None
    gain: float | None
    """How much of the instability is gone: 1 - score / score without a blur; None where there was none."""


@dataclass(frozen=True, eq=False)
class Stability:
    """One pooling of an array that moves."""

    stage: str
    reducer: str
    stride: tuple[int, ...]
    shifts: int
    """How many shifts were tried."""
    score: float
    """The mean change of a cell as a share of the input's range: 0 is perfectly stable."""
    worst: float
    """The largest change as a share of the range."""
    unchanged: float | None
    """The share of cells, over all shifts, whose value is exactly the same."""
    by_shift: tuple[tuple[int, float], ...]
    """The score of the shifts by so many samples along the axis that moved most."""
    equivariance: float | None
    """The largest deviation for shifts by whole strides, in the values' own unit: 0 but for reducers that draw."""
    aliasing: float | None
    """The share of the energy that the stride folds (``Spectrum.aliasing``); None where samples are missing."""
    rank: int | None
    """By aliasing, 1 is the least."""
    blurred: tuple[_BlurredStability, ...]
    on_scale: bool
    heat: Floats = field(repr=False, metadata={"document": False})
    """(h, w): the mean change of each cell over shifts, channels and planes, as a share of the range; NaN: borders."""


@dataclass(frozen=True, eq=False)
class Shifts:
    """An array, and how its poolings change when it moves.

    Attributes
    ----------
    shape, dtype
        Of the array.
    looked_at
        The shape of the part that was looked at: the middle of the pooled axes.
    span
        max - min of that part, in the unit of the samples.
    rows
        The stability of each pooling, in the order in which they were asked for.
    picture
        The part as an (H, W, 3) picture of bytes.
    whole
        All of the array was looked at.

    Examples
    --------
    >>> import numpy as np
    >>> found = shift(np.arange(64.0).reshape(8, 8), ["avg"])
    >>> found.looked_at, found.whole, found.span, found.rows[0].reducer
    ((8, 8), True, 63.0, 'avg')
    """

    shape: tuple[int, ...]
    dtype: str
    looked_at: tuple[int, ...]
    span: float
    rows: tuple[Stability, ...]
    picture: NDArray[np.uint8] = field(repr=False, metadata={"document": False})

    @property
    def whole(self) -> bool:
        """Whether all of it was looked at."""
        return self.looked_at == self.shape

    def sheet(self) -> NDArray[np.uint8]:
        """The part and a heat map for each pooling, all of one scale, on one (H, W, 3) picture; light is unstable."""
        high = max((float(np.nanmax(row.heat)) for row in self.rows), default=0.0)
        maps = [(enlarge(draw_heat(row.heat, 0.0, high), _LEAST_TILE), f"{row.stage}, {100 * row.score:.2g}%")
                for row in self.rows]
        width = max(picture.shape[1] for picture, _ in maps)
        said = f"the original; lightest is {100 * high:.2g}%"
        return draw_sheet([(shrink(self.picture, max(width, *(picture.shape[0] for picture, _ in maps))), said), *maps])


def shift(x: ArrayLike, stages: Any = None, *, max_shift: int | None = None, crop: int | None = None,
          **shared: Any) -> Shifts:
    """Pool an array as it moves, and measure how much the results change.

    Each shift t in [0, s) along each pooled axis, or in [0, max_shift], gives y_t, the pooling of x[t:]; all are cut to
    one size. With y_0 that of no shift,

    - score = mean over t != 0 and cells of |y_t - y_0| / (max x - min x): 0 is perfectly stable (poolcli's own
      definition; Zhang, arXiv 1904.11486, scores trained networks);
    - unchanged: the share of cells that are exactly the same;
    - equivariance: the largest deviation of pooling x moved by whole strides from moving y: 0 in theory;
    - aliasing: the share of the energy that the stride folds back (``aliasing.py``), by which poolings are ranked;
    - the same for the reducer at stride 1, a binomial blur of 2 to 7 taps, and then the stride.

    Cells whose windows reach into padding are left out of all; so are values that are NaN or nodata. A large array is
    looked at in its middle, in as many planes as make 2^22 samples. Of more than 64 shifts so many are chosen evenly.

    Parameters
    ----------
    x
        The array.
    stages
        Names of reducers, or pairs of name and keywords, with fixed windows. Default: max, min, avg, median, subsample
        and a blur of about twice the window.
    max_shift
        The largest shift, in samples. Default: the stride less one.
    crop
        The most samples along each pooled axis. Default: 2^20 samples of a plane, fewer for windows of more than 64.
    **shared
        Keywords of ``pool`` for each stage that does not say its own.

    Returns
    -------
    Shifts
        A row of measures for each stage, ranked.

    Raises
    ------
    PoolError
        For whatever cannot be pooled, for windows without a stride, and where no sample is a number.

    Examples
    --------
    >>> x = np.random.default_rng(1).random((32, 32))
    >>> found = shift(x, ["avg", "subsample"])
    >>> [row.reducer for row in sorted(found.rows, key=lambda row: row.score)]
    ['avg', 'subsample']
    """
    array = as_array(x)
    chosen = as_stages(default_stages(shared) if stages is None else stages, shared)
    _check_options(max_shift, crop)
    first = chosen[0].pooling.plan(array.shape).axes
    for stage in chosen:
        _check_stage(stage, array, first)
    chosen = tuple(with_layout(stage, first.letters) for stage in chosen)  # a crop's shape may not be clear
    part = _crop_middle(array, first, crop or _choose_crop([stage.pooling.plan(array.shape) for stage in chosen]))
    subject = FloatPlanes.of(part, first, chosen[0].pooling.missing())
    if not any(np.isfinite(subject.floats(subject.plane(number))).any() for number in range(subject.count)):
        raise PoolError("no sample is there to change: all that are looked at are missing, NaN or infinite")
    low, high = float_planes.sample_extent(subject)
    try:
        rows = run_parts(lambda stage: _measure_stability(stage, part, (low, high), max_shift), chosen)
    except MemoryError:
        raise PoolError(f"not enough memory for shifts of shape {axes.describe(part.shape)}; a smaller crop would "
                        "work") from None
    ends = float_planes.dtype_span(array.dtype) or (low, high)
    picture = to_bytes(read_region(part, choose_region(part.shape, first, max(part.shape))), *ends,
                       array.dtype.kind == "u")
    return Shifts(array.shape, array.dtype.name, part.shape, high - low, tuple(rank_rows(rows)), picture)


def _check_options(max_shift: int | None, crop: int | None) -> None:
    """Raise OptionError for what cannot be."""
    for name, value in (("max_shift", max_shift), ("crop", crop)):
        if value is not None and (type(value) is not int or value < 1):
            raise OptionError(name, f"{name} must be a whole number >= 1, not {value!r}")


def _check_stage(stage: Stage, array: Array, first: axes.Axes) -> None:
    """Refuse windows that have no stride, and another layout than the first stage's."""
    windowing = stage.pooling.window.windowing
    if not windowing.strided:
        raise PoolError(f"{windowing.name} windows follow the array and have no stride to shift by; fixed windows, "
                        "with a size and a stride, would work")
    if stage.pooling.plan(array.shape).axes != first:
        raise OptionError("layout", "all stages need one layout here")


def _choose_crop(plans: Sequence[Plan]) -> int:
    """How many samples of each pooled axis are looked at: fewer where windows are large."""
    sizes = [[int(windows.sizes[0]) for windows in plan.windows] for plan in plans]
    samples = min(_PLANE, _WORK // max(prod(one) for one in sizes))
    side: int = max(round(samples ** (1 / len(sizes[0]))), _FEWEST * max(max(one) for one in sizes))
    return side


def _crop_middle(array: Array, resolved: axes.Axes, side: int) -> Array:
    """At most so many samples of each pooled axis, from the middle; the first of N and C as far as there is room."""
    cut: list[slice] = [slice(None)] * array.ndim
    for axis in resolved.pooled:
        start = max(0, (array.shape[axis] - side) // 2)
        cut[axis] = slice(start, start + side)
    found = array[tuple(cut)]
    for letter in axes.KEPT:
        axis = resolved.letters.find(letter)
        if axis >= 0 and found.size > _ALL:
            room = max(1, _ALL // max(1, prod(found.shape) // found.shape[axis]))
            found = found[(slice(None),) * axis + (slice(room),)]
    return found


def _measure_stability(stage: Stage, part: Array, ends: tuple[float, float], max_shift: int | None) -> Stability:
    """One row, not yet ranked."""
    plan = stage.pooling.plan(part.shape)
    dense = _pool_at_stride_1(stage, part)
    exponent = _choose_exponent(dense)
    dense = np.ldexp(dense, -exponent) if exponent else dense
    span = ldexp(ends[1], -exponent) - ldexp(ends[0], -exponent)
    strides = tuple(_window_stride(plan, axis) for axis in range(len(plan.windows)))
    most = [s - 1 if max_shift is None else max_shift for s in strides]
    moves = list(choose_shifts(most, _MOST_SHIFTS))
    moved = ShiftedCrops.by(part, stage.pooling, strides, most, exponent)
    changes, summed = ChangeStatistics(), np.zeros(())
    for at in moves:
        change = moved.change(at)
        changes.add(change, max(at))
        summed = summed + change
    aliasing, blurs = _measure_blurs(dense, plan, strides, moves, span)
    by_shift = tuple((distance, total / count / span if count and span else 0.0)
                     for distance, (total, count) in sorted(changes.by_distance.items()))
    return Stability(stage.title, stage.reducer, strides, len(moves), changes.score(span),
                     changes.worst / span if span else 0.0, changes.same / changes.count if changes.count else None,
                     by_shift, _in_own_unit(moved.equivariance(), exponent), aliasing, None, blurs,
                     stage.pooling.reducer.keeps_scale,
                     _map_changes(moved, summed / (max(1, len(moves)) * (span or 1.0))))


def _window_stride(plan: Plan, axis: int) -> int:
    """From window to window; a single window has its size."""
    starts = plan.windows[axis].starts
    return int(starts[1] - starts[0]) if len(starts) > 1 else int(plan.windows[axis].sizes[0])


def _measure_blurs(dense: Floats, plan: Plan, strides: tuple[int, ...], moves: Sequence[tuple[int, ...]],
                   span: float) -> tuple[float | None, tuple[_BlurredStability, ...]]:
    """The aliasing of a stage, and what blurs before its stride would make of it; ``dense`` is it at stride 1."""
    pooled = plan.axes.pooled
    planes = FloatPlanes.of(dense, plan.axes)
    exponent = _exponent_of(dense)  # squares of 2^-1000 would be 0, and a share has no unit
    found = compute_spectrum(np.ldexp(planes.plane(o)[..., c], -exponent)
                             for o in range(planes.count) for c in range(planes.canonical.shape[4]))
    plain = measure_dense_changes(dense, pooled, strides, moves).score(span)
    rows = []
    for taps in _TAPS:
        if min(dense.shape[axis] for axis in pooled) < 2:
            break
        dense = blur_once(dense, pooled)
        changes = measure_dense_changes(dense, pooled, strides, moves)
        if changes.count or not moves:
            score = changes.score(span)
            rows.append(_BlurredStability(taps, score, _aliasing_of(found, strides, taps), 1 - score / plain
                                          if plain > 0 else None))
    return _aliasing_of(found, strides, 1), tuple(rows)


def _exponent_of(values: Floats) -> int:
    """The power of two just above all finite values; 0 of none."""
    largest = float(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
    return int(np.frexp(largest)[1])


def _aliasing_of(found: Spectrum | None, strides: Sequence[int], taps: int) -> float | None:
    """The aliasing, None of no spectrum."""
    return None if found is None else found.aliasing(strides, taps)


def _pool_at_stride_1(stage: Stage, part: Array) -> Floats:
    """The reducer's value of every window that lies in the array, wherever it starts."""
    plain = {name: value for name, value in stage.keywords.items()
             if name not in ("padding", "pad_mode", "pad_value", "ceil_mode", "squeeze")}
    pooling = parse_pooling(stage.reducer, **{**plain, "stride": 1})
    return to_floats(pooling.run(part, pooling.plan(part.shape)).values, pooling.missing())


def _choose_exponent(dense: Floats) -> int:
    """The power of two by which pooled values are divided where their squares would be infinite; 0 elsewhere."""
    exponent = _exponent_of(dense)
    return exponent if exponent > _LARGEST else 0


def _in_own_unit(value: float | None, exponent: int) -> float | None:
    """A value that was divided, as it was; infinite beyond float64."""
    if value is None or not exponent:
        return value
    try:
        return ldexp(value, exponent)
    except OverflowError:
        return inf


def _map_changes(moved: ShiftedCrops, changes: Floats) -> Floats:
    """Changes of inner cells as (h, w) of all cells, means over the other axes; NaN at the borders."""
    plan = moved.plan
    whole = np.full(plan.full_shape, np.nan)
    none = (0,) * len(plan.windows)
    whole[moved.cells(none, none)] = changes
    shown = plan.axes.pooled[-2:]
    others = tuple(i for i in range(whole.ndim) if i not in shown)
    missing = np.isnan(whole)
    count = (~missing).sum(axis=others)
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(missing, 0, whole).sum(axis=others) / np.where(count, count, np.nan)
    return found.reshape(-1, found.shape[-1])


def rank_rows(rows: Sequence[Stability]) -> list[Stability]:
    """The rows as given, the least aliasing first in rank; equal ones share a rank."""
    known = [row.aliasing for row in rows if row.aliasing is not None]
    return [replace(row, rank=None if row.aliasing is None else 1 + sum(one < row.aliasing for one in known))
            for row in rows]
