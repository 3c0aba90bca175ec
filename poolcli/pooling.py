"""From options to results: check what was asked, plan it, run it.

``pool`` and ``plan`` are the library's main functions. The command line uses the three steps apart: ``prepare`` (no
array), ``Pooling.plan`` (a shape), ``Pooling.run`` (the array).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import axes, dtypes, engine
from .errors import OptionError, PoolError
from .keywords import Keywords, WindowKeywords, as_python, check_names, value_fields, window_keywords
from .layouts import WindowOptions, check_flag, check_seed, window_options
from .plans import Part, Plan, check_memory, place_in, runs
from .reducers import REDUCERS, Reducer
from .windows import Windows
from .work import NoPlace, Work

Array = NDArray[Any]


@dataclass(frozen=True)
class Result:
    """What a run gives."""

    values: Array
    indices: Array | None


@dataclass(frozen=True)
class Pooling:
    """What was asked, checked as far as it can be without an array."""

    reducer: Reducer
    parameters: Mapping[str, Any]
    """The reducer's own parameters and their values, as given or by default."""
    window: WindowOptions
    layout: str | None = None
    squeeze: bool = False
    pad_mode: str = "exclude"
    pad_value: float = 0
    nan: str = "propagate"
    nodata: int | float | None = None
    dtype: dtypes.Type | None = None
    round: str = "half-up"
    seed: int = 0

    def plan(self, shape: Sequence[int], layout: str | None = None) -> Plan:
        """The windows for an array of this shape; ``layout`` is used where the user named none."""
        shape = tuple(int(n) for n in shape)
        resolved = axes.resolve(shape, self.layout or layout)
        windows = self.window.windows([shape[i] for i in resolved.pooled])
        for letter, one in zip(resolved.pooled_letters(), windows, strict=True):
            empty = (one.on_padded_axis() if self.pad_mode != "exclude" else one).empty()
            if empty is not None:
                raise PoolError(f"window {empty} of axis {letter} lies wholly in the padding; less padding, a smaller "
                                "dilation, or a pad mode would work")
        plan = Plan(resolved, shape, windows, self.squeeze)
        check_memory(plan)
        return plan

    def result_dtype(self, dtype: Any) -> dtypes.Type:
        """The result's dtype for an input dtype."""
        return self.dtype or dtypes.result_dtype(self.reducer, dtypes.check_dtype(np.dtype(dtype)))

    def run(self, array: Array, plan: Plan, *, out: Array | None = None, return_indices: bool = False,
            part: Part | None = None) -> Result:
        """Pool the array by its plan, into ``out`` if given; ``part`` says of which larger plan it is a part."""
        self.check_array(array, None if part is None else part.corner)
        if return_indices:
            self.check_indices()
        work = self.work(array, plan, return_indices, part)
        whole = None if part is None else self.whole_work(part.of, array.dtype, return_indices)
        written = None if out is None else written_in_place(out, array, plan)
        try:
            values, indices = engine.run(work, written, whole)
        except NoPlace as failure:
            raise no_place(failure.index, work, plan, part) from None
        if written is None:
            result = restored(dtypes.as_result(values, work.result), plan)
            if out is not None:
                out[...] = result
        return Result(result if out is None else out, None if indices is None else restored(indices, plan))

    def whole_work(self, plan: Plan, dtype: dtypes.Type, want_indices: bool) -> Work:
        """The work of a whole plan whose array is not at hand: what kernels are chosen by."""
        stand_in = np.broadcast_to(np.zeros(1, dtypes.read_dtype(dtypes.check_dtype(dtype))),
                                   plan.axes.canonical_shape(plan.input_shape))
        windows = padded_axes(plan.windows)
        return Work(stand_in, windows, self.reducer, self.kernel_parameters(), dtypes.check_dtype(dtype),
                    self.result_dtype(dtype), rounding=dtypes.ROUNDINGS[self.round],
                    skip_nan=stand_in.dtype.kind == "f" and self.skips_nan(),
                    nodata=None if self.missing() is None else stand_in, want_indices=want_indices)

    def missing(self) -> int | float | None:
        """The nodata value; a NaN is dealt with as NaN."""
        return None if self.nodata is None or self.nodata != self.nodata else self.nodata

    def skips_nan(self) -> bool:
        """Whether NaN counts as missing."""
        return self.nan == "ignore" or (self.nodata is not None and self.nodata != self.nodata)

    def work(self, array: Array, plan: Plan, want_indices: bool, part: Part | None = None) -> Work:
        """Everything settled: axes, types, padding, missing samples, chance."""
        dtype = dtypes.check_dtype(array.dtype)
        result = self.result_dtype(dtype)
        canonical = dtypes.as_read(plan.axes.canonical(array).astype(dtype, copy=False))
        windows = padded_axes(plan.windows)
        if self.pad_mode != "exclude":
            canonical = self.padded(canonical, windows)
            windows = padded_axes(tuple(w.on_padded_axis() for w in windows))
        missing = self.missing()
        return Work(
            canonical, windows, self.reducer, self.kernel_parameters(), dtype, result,
            rounding=dtypes.ROUNDINGS[self.round],
            skip_nan=canonical.dtype.kind == "f" and self.skips_nan(),
            nodata=None if missing is None else dtypes.as_read(dtypes.scalar(dtype, missing)),
            fill=self.fill(result),
            draws=self.draws(plan, part) if self.reducer.draws else None,
            want_indices=want_indices,
            origin=None if part is None else part.origin,
        )

    def kernel_parameters(self) -> tuple[float, ...]:
        """The reducer's parameters as its core reads them."""
        return (*self.reducer.presets, *(float(value or 0) for value in self.parameters.values()))

    def padded(self, canonical: Array, windows: Sequence[Windows]) -> Array:
        """The canonical array with its padding filled in."""
        widths = [(0, 0), *((w.before, w.after) for w in windows), (0, 0)]
        if self.pad_mode != "constant":
            return np.pad(canonical, widths, self.pad_mode)  # type: ignore[call-overload, no-any-return]
        if not dtypes.holds(canonical.dtype, self.pad_value):
            raise PoolError(f"pad_value {self.pad_value} is no {canonical.dtype} value")
        return np.pad(canonical, widths, constant_values=self.pad_value)

    def fill(self, result: dtypes.Type) -> Array | None:
        """What a window without a value gives: NaN in a float, the nodata value in an integer."""
        written = dtypes.write_dtype(result)
        if result.kind == "f":
            return dtypes.scalar(written, float("nan"))
        if self.nodata is None or not dtypes.holds(result, self.nodata):
            return None
        return dtypes.scalar(written, self.nodata)

    def draws(self, plan: Plan, part: Part | None = None) -> Array:
        """A number in [0, 1) for each output: its own word of the generator, whatever the order of work."""
        words = np.empty(plan.full_shape, np.uint64)
        for place, first, count in runs(plan, part):
            source = np.random.Philox(key=self.seed + 2**64)
            source.advance(first // 4)  # a step of the generator is four words
            drawn = np.atleast_1d(source.random_raw(first % 4 + count))[first % 4 :]
            words[place] = drawn.reshape(words[place].shape)
        return np.ascontiguousarray(((words >> np.uint64(11)) * 2.0**-53).transpose(plan.axes.order))

    def check_array(self, array: Array, corner: Sequence[int] | None = None) -> None:
        """Refuse values that this pooling has no meaning for; ``corner`` is where a part of an array begins."""
        dtype = dtypes.check_dtype(array.dtype)
        if self.nodata is not None and not dtypes.holds(dtype, self.nodata):
            raise PoolError(f"nodata {self.nodata} is no {dtype} value; a value of that type would work")
        if self.nan == "error" and dtype.kind == "f" and array.size and np.isnan(np.min(array)):
            at = place_in(np.argwhere(np.isnan(array))[0], corner)
            raise PoolError(f'NaN at {at}; nan="ignore" or "propagate" would work')
        if self.reducer.nonnegative:
            self.check_nonnegative(array, corner)

    def check_nonnegative(self, array: Array, corner: Sequence[int] | None) -> None:
        """Refuse negative samples, except the nodata value."""
        if array.dtype.kind in "bu" or not array.size or np.fmin.reduce(array, axis=None) >= 0:
            return
        wrong = array < 0
        if self.nodata is not None:
            wrong &= array != dtypes.scalar(dtypes.check_dtype(array.dtype), self.nodata)
        if wrong.any():
            at = np.argwhere(wrong)[0]
            raise PoolError(f"{self.reducer.name} has no meaning for negative values, such as {array[tuple(at)]} at "
                            f"{place_in(at, corner)}; rectify them first, or declare them with nodata")

    def check_indices(self) -> None:
        """Refuse indices where none can be told."""
        if not self.reducer.picks:
            picks = ", ".join(name for name, row in REDUCERS.items() if row.picks)
            raise OptionError("return_indices", f"{self.reducer.name} picks no sample, so it has no indices; "
                                                f"those that do: {picks}")
        if self.pad_mode != "exclude":
            raise OptionError("return_indices", "padding that is data has no indices; pad_mode exclude would work")


# What was asked, checked.


def prepare(reducer: str, **options: Unpack[Keywords]) -> Pooling:
    """Check every option that can be checked without an array; OptionError names the one that is wrong."""
    if reducer not in REDUCERS:
        raise OptionError("reducer", f"there is no reducer {reducer!r}; there are {', '.join(REDUCERS)}")
    row = REDUCERS[reducer]
    given = {name: as_python(value) for name, value in options.items() if value is not None}
    check_names(row, given)
    own_seed = row.draws and not given.get("expected")
    seed = check_seed("seed", given.get("seed", 0))
    if own_seed and ("fractional" not in given or "u" in given):
        given.pop("seed", None)  # it is the draw's alone
    window = window_options(window_keywords(given))
    parameters = {p.name: p.check(given.get(p.name, p.default)) for p in row.parameters}
    for flag, variant in row.variants.items():
        row = variant if parameters[flag] else row
    return Pooling(row, parameters, window, seed=seed, **value_fields(given, window))


# Helpers of the run.


def written_in_place(out: Array, array: Array, plan: Plan) -> Array | None:
    """``out`` as kernels write it, or None where they cannot: strided, overlapping the input, or of another dtype."""
    in_order = plan.axes.order == tuple(range(len(plan.axes.order)))
    same = dtypes.write_dtype(out.dtype) == out.dtype and out.dtype.isnative and out.flags.c_contiguous
    if not (in_order and same and out.flags.aligned) or np.may_share_memory(out, array):
        return None
    return out.reshape(plan.axes.canonical_shape(plan.full_shape))


def padded_axes(windows: tuple[Windows, ...]) -> tuple[Windows, Windows, Windows]:
    """The windows along D, H and W; axes that the array does not have are one sample long."""
    one = Windows(1, range(1), range(1, 2))
    d, h, w = (one,) * (axes.MOST_POOLED - len(windows)) + windows
    return d, h, w


def restored(canonical: Array, plan: Plan) -> Array:
    """The canonical result in the shape the user expects."""
    return np.ascontiguousarray(plan.axes.restored(canonical, plan.full_shape)).reshape(plan.output_shape)


def no_place(index: int, work: Work, plan: Plan, part: Part | None) -> PoolError:
    """The error of a window whose value is NaN, or missing, where the result's dtype has neither."""
    canonical = np.unravel_index(index, work.output_shape)
    flat = np.ravel_multi_index(canonical, work.output_shape)
    shape = [plan.full_shape[i] for i in plan.axes.order]
    ordered = np.unravel_index(int(flat), shape)
    at = place_in([ordered[plan.axes.order.index(i)] for i in range(len(shape))], None if part is None else part.first)
    return PoolError(f"the value at {at} is NaN or missing, and {work.result} has no place for it; a nodata value that "
                     f"{work.result} holds, or a float dtype, would work")


# The library's two main functions.


@overload
def pool(x: ArrayLike, reducer: str = ..., *, out: Array | None = ..., return_indices: Literal[False] = ...,
         **options: Unpack[Keywords]) -> Array: ...
@overload
def pool(x: ArrayLike, reducer: str = ..., *, out: Array | None = ..., return_indices: Literal[True],
         **options: Unpack[Keywords]) -> tuple[Array, Array]: ...


def pool(x: ArrayLike, reducer: str = "max", *, out: Array | None = None, return_indices: bool = False,
         **options: Unpack[Keywords]) -> Array | tuple[Array, Array]:
    """Reduce each window of an array to one value.

    The layout letters say which axes are pooled; without ``layout`` they are L, HW, HWC, NHWC, NDHWC by the number of
    dimensions. Keywords are those of ``Keywords``: the windows' (``size``, ``stride``, ``padding``, ``dilation``,
    ``ceil_mode``; or ``adaptive``; or ``fractional``), how values are treated, and the reducer's own parameters.

    Returns an array with each pooled axis as long as it has windows, native and C-contiguous; ``out``, of exactly that
    shape and dtype, if given. With ``return_indices`` also where each value stood: flat within its plane of pooled
    axes, int64, -1 for none.

    >>> import numpy as np
    >>> pool(np.arange(16).reshape(4, 4), "max", size=2)
    array([[ 5,  7],
           [13, 15]])

    Raises PoolError for whatever cannot be pooled; nothing else.
    """
    array = as_array(x)
    pooling = prepare(reducer, **options)
    return_indices = check_flag("return_indices", as_python(return_indices))
    plan = pooling.plan(array.shape)
    try:
        if out is not None:
            check_out(out, plan, pooling.result_dtype(array.dtype))
        result = pooling.run(array, plan, out=out, return_indices=return_indices)
    except MemoryError:
        raise PoolError(f"not enough memory to pool an array of shape {axes.describe(array.shape)}") from None
    return result.values if result.indices is None else (result.values, result.indices)


def plan(shape: Sequence[int], **options: Unpack[WindowKeywords]) -> Plan:
    """Lay out windows over an array of this shape, without any array: ``plan((3, 224, 224), size=2, layout="CHW")``.

    Takes the window keywords of ``pool``; raises PoolError where they do not fit.
    """
    return prepare("max", **options).plan(shape)


def as_array(x: ArrayLike) -> Array:
    """What the user gave as an array of real numbers."""
    try:
        array = np.asarray(x)
    except (ValueError, TypeError) as error:
        raise PoolError(f"not an array: {error}") from None
    dtypes.check_dtype(array.dtype)
    return array


def check_out(out: Array, plan: Plan, dtype: dtypes.Type) -> None:
    """Refuse an ``out`` that is not exactly what the result will be."""
    if not isinstance(out, np.ndarray) or out.shape != plan.output_shape or out.dtype != dtype:
        raise PoolError(f"out must be an array of shape {axes.describe(plan.output_shape)} and dtype {dtype}")
    if not out.flags.writeable:
        raise PoolError("out is read-only")
