"""All levels of a pyramid in one array: side by side as channels, or end to end as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...core import axes
from ...errors import PoolError
from ...pooling import as_array
from ...valid_samples import parse_rules
from ..stages import as_stage
from .pyramid import Level, iterate_levels
from .pyramid_plan import plan_levels

Array = NDArray[Any]


def hypercolumn(x: ArrayLike, reducer: Any = "avg", *, levels: int | None = None, smallest: int | None = None,
                exact: bool | None = None, layout: str | None = None, mask: ArrayLike | None = None,
                weights: ArrayLike | None = None, min_valid: int | str | None = None, **keywords: Any) -> Array:
    """Stack all levels of a pyramid, the input first, at the input's size, as channels.

    Each sample of the input gets the value of each level's sample whose centre is nearest (the earlier one of two).
    Hariharan and others, "Hypercolumns for Object Segmentation and Fine-grained Localization" (CVPR 2015), interpolate.

    Parameters
    ----------
    x
        The array.
    reducer, levels, smallest, exact, layout, mask, weights, min_valid
        As in ``pyramid``.
    **keywords
        The keywords of ``pool``.

    Returns
    -------
    numpy.ndarray
        The channels of level 0, then those of level 1 and so on, along the axis C; a last axis is added where there is
        none. The dtype is the one that holds all levels.

    Raises
    ------
    PoolError
        Where a level cannot be made.

    Examples
    --------
    >>> hypercolumn(np.arange(4.0).reshape(2, 2), "avg", levels=1)[1].tolist()
    [[2.0, 1.5], [3.0, 1.5]]
    """
    array, pooling = as_array(x), as_stage(reducer, keywords).pooling
    level_plans = plan_levels(array.shape, pooling, levels=levels, smallest=smallest, exact=exact, layout=layout)
    resolved = axes.resolve(array.shape, pooling.layout or layout)
    made = [one[0] for one in iterate_levels(array, pooling, level_plans, parse_rules(mask, weights, min_valid))]
    return stack_levels(made, resolved)


def stack_levels(made: Sequence[Level], resolved: axes.Axes) -> Array:
    """The levels at the first one's size, side by side along C; the result is the only array of that size."""
    place = resolved.letters.find("C")
    shape, channels = made[0].values.shape, 1 if place < 0 else made[0].values.shape[place]
    whole = list(shape)
    if place < 0:
        place, whole = len(shape), [*shape, 1]
    whole[place] = channels * len(made)
    out = np.empty(whole, np.result_type(*(level.values for level in made)))
    for number, level in enumerate(made):
        part: list[Any] = [slice(None)] * len(whole)
        part[place] = slice(number * channels, (number + 1) * channels)
        raised = _upsample_nearest(level, shape, resolved)
        out[tuple(part)] = raised if raised.ndim == out.ndim else raised[..., None]
    return out


def _upsample_nearest(level: Level, shape: Sequence[int], resolved: axes.Axes) -> Array:
    """A level at the input's size: each place takes the sample whose centre is nearest."""
    values = level.values
    for i, centres in zip(resolved.pooled, level.centres, strict=False):
        values = np.take(values, np.searchsorted((centres[1:] + centres[:-1]) / 2, np.arange(shape[i])), axis=i)
    return values


def spp(x: ArrayLike, reducer: Any = "max", *, bins: Sequence[int] = (1, 2, 4), layout: str | None = None,
        **keywords: Any) -> Array:
    """Pool to 1, 2, 4 ... windows a side, as one vector of known length: spatial pyramid pooling.

    He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition" (2014).

    Parameters
    ----------
    x
        The array.
    reducer
        The name of a reducer.
    bins
        Windows a side, grid by grid.
    layout
        A letter for each axis.
    **keywords
        The keywords of ``pool`` but for its windows.

    Returns
    -------
    numpy.ndarray
        (C sum m^d,) for an array without N, (N, C sum m^d) for one with it; d axes are pooled. The order: grid by grid
        as in ``bins``, within a grid channel by channel, within a channel window by window, the last axis fastest; so
        it is with adaptive poolings of NCHW that are flattened and concatenated.

    Raises
    ------
    PoolError
        For windows of the caller's own, and whatever ``pool`` refuses.

    Examples
    --------
    >>> spp(np.arange(16).reshape(4, 4), bins=(1, 2)).tolist()
    [15, 5, 7, 13, 15]
    """
    array, stage = as_array(x), as_stage(reducer, keywords)
    _check_bins(bins)
    parts = []
    for count in bins:
        pooling = as_stage((stage.reducer, {**stage.keywords, "adaptive": count})).pooling
        plan = pooling.plan(array.shape, layout)
        parts.append(_flatten_grid(pooling.run(array, plan).values, plan.axes.letters))
    return np.concatenate(parts, axis=-1)


def _check_bins(bins: Sequence[int]) -> None:
    """At least one whole number from 1."""
    if not bins or any(not isinstance(count, int) or isinstance(count, bool) or count < 1 for count in bins):
        raise PoolError(f"bins are whole numbers from 1, as in (1, 2, 4), not {bins!r}")


def _flatten_grid(values: Array, letters: str) -> Array:
    """A grid as a vector for each map: N, then everything else, channels before windows."""
    order = sorted(range(len(letters)), key=lambda i: ("NC".find(letters[i]) % 3, i))
    turned = values.transpose(order)
    return turned.reshape(turned.shape[0], -1) if "N" in letters else turned.reshape(-1)


