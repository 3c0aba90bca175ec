"""Poolings one after another on an array, and what each of them made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from numpy.typing import ArrayLike, NDArray

from .. import report
from ..core import axes
from ..errors import PoolError
from ..masked import allow_any_fill
from ..pooling import Pooling, as_array
from ..report import Stats
from ..valid_samples import SampleRules, parse_rules
from ..valid_samples import run as run_valid
from .exact_stages import Fractions, pool_exactly, to_array
from .stage_plans import StagePlan, plan_stages
from .stages import as_stages

Array = NDArray[Any]


@dataclass(frozen=True)
class StageRecord:
    """What one stage did. The fields are those of a file's report, where they have the same names."""

    stage: str
    reducer: str
    parameters: Mapping[str, Any]
    windowing: str
    """The kind of windows."""
    layout: str
    windows: Mapping[str, Any]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    input_dtype: str
    output_dtype: str
    uncovered: Mapping[str, int]
    output_stats: Stats | None
    """Of its result; None where nobody looks."""
    seconds: float


@dataclass(frozen=True, eq=False)
class Chain:
    """The result of the last stage, and a record of each.

    Attributes
    ----------
    values
        The result: an array of the shape and dtype that the last ``pool`` gives.
    stages
        What each stage made, in order.

    Examples
    --------
    >>> import numpy as np
    >>> found = chain(np.arange(16.0).reshape(4, 4), ["max", "avg"], size=2)
    >>> found.values, [stage.output_shape for stage in found.stages]
    (array([[10.]]), [(2, 2), (1, 1)])
    """

    values: Array
    stages: tuple[StageRecord, ...] = field(default=())


def chain(x: ArrayLike, stages: Any, *, layout: str | None = None, mask: ArrayLike | None = None,
          weights: ArrayLike | None = None, min_valid: int | str | None = None, **shared: Any) -> Chain:
    """Pool an array by several stages, each on the result of the one before.

    The result is that of ``pool`` called for each in turn, but that means of whole numbers are handed on as exact
    fractions (``exact_stages.py``) to stages that average, add up or pick samples; other stages, and those with nodata
    or padding that is data, get the nearest float64. Only what a stage reads and what it makes is held.

    Parameters
    ----------
    x
        The array.
    stages
        Names of reducers, or pairs of name and keywords: ``["max", ("avg", {"size": 3})]``. A stage that says ``dtype``
        rounds to it.
    layout
        A letter for each axis of ``x``; later stages go on with what is left of them.
    mask, weights
        Which samples of ``x`` count for the first stage, and how much, as of ``pool``. For each later stage those
        values count that the one before has; they weigh the same, and are handed on as arrays, not as fractions.
    min_valid
        The valid samples that a window of any stage must have.
    **shared
        Keywords of ``pool`` for each stage that does not say its own.

    Returns
    -------
    Chain
        ``values``, the last result, and what each stage did.

    Raises
    ------
    PoolError
        Where a stage cannot pool what it gets; the message says which.

    Examples
    --------
    >>> import numpy as np
    >>> chain(np.arange(16.0).reshape(4, 4), ["max", "avg"], size=2).values
    array([[10.]])
    """
    array = as_array(x)
    links = plan_stages(array.shape, as_stages(stages, shared), layout, array.dtype)
    rules = None
    if mask is not None or weights is not None or min_valid is not None:
        rules = parse_rules(mask, weights, min_valid)
    try:
        return run_chain(array, links, rules=rules)
    except MemoryError:
        raise PoolError(f"not enough memory to pool an array of shape {axes.describe(array.shape)}") from None


def run_chain(array: Array, links: Sequence[StagePlan], look: bool = True, rules: SampleRules | None = None) -> Chain:
    """The same of stages that are planned; without ``look`` there are no statistics."""
    records, given = [], array
    handed_on: Array | Fractions = array
    for number, link in enumerate(links, 1):
        begun = perf_counter()
        pooling, last = link.stage.pooling, number == len(links)
        with link.naming(number):
            if rules is not None:
                assert not isinstance(handed_on, Fractions)
                handed_on, rules = _pool_valid(pooling, link, handed_on, rules, last)
            elif last and not isinstance(handed_on, Fractions):
                handed_on = pooling.run(handed_on, link.plan).values
            else:
                handed_on = pool_exactly(pooling, link.plan, handed_on)
        seconds = perf_counter() - begun
        given = to_array(handed_on) if look or last or not isinstance(handed_on, Fractions) else given
        shown = given if rules is None or rules.mask is None else given[rules.mask]  # the others hold a stand-in
        records.append(_record_stage(link, shown, seconds, look, rules is not None))
    return Chain(given, tuple(records))


def _pool_valid(pooling: Pooling, link: StagePlan, array: Array, rules: SampleRules,
                last: bool) -> tuple[Array, SampleRules]:
    """The values of a stage, and which of them count for the next one: those that have enough samples.

    What the others are is no matter until the last stage, whose missing values must have a place in its type.
    """
    found = run_valid(pooling if last else allow_any_fill(pooling), array, link.plan, rules)
    counts = None if pooling.reducer.empty_value is not None or found.few is None else ~found.few
    return found.values, SampleRules(None if counts is None else counts.reshape(found.values.shape), None, rules.least)


def _record_stage(link: StagePlan, values: Array, seconds: float, look: bool, some_count: bool) -> StageRecord:
    """What a stage did, by the values that it has; where only some samples count, a NaN is an empty window's."""
    pooling, plan = link.stage.pooling, link.plan
    stats = report.measure_samples(values, skip_nan=pooling.nan == "ignore" or some_count,
                                   nodata=pooling.nodata) if look else None
    return StageRecord(link.stage.title, pooling.reducer.name, report.list_parameters(pooling),
                       pooling.window.windowing.name, plan.axes.letters,
                       report.describe_windows(pooling, plan), plan.input_shape, plan.output_shape,
                       link.dtype.name, link.result.name, plan.uncovered, stats, round(seconds, 6))
