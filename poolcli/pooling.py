"""From options to results: check what was asked, plan it, run it.

``pool`` and ``plan`` are the library's main functions. The command line uses the three steps apart: ``prepare`` (no
array), ``Pooling.plan`` (a shape), ``Pooling.run`` (the array).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from . import axes, dtypes, engine
from .errors import OptionError, PoolError
from .layouts import LAYOUTS, WindowOptions, check_flag, check_seed, window_options
from .reducers import REDUCERS, Reducer
from .windows import Windows
from .work import NoPlace, Work

if TYPE_CHECKING:
    from fractions import Fraction

Array = NDArray[Any]
Size = int | Literal["all"] | Sequence[int | Literal["all"]]
Pad = int | tuple[int, int]

PAD_MODES = ("exclude", "constant", "reflect", "edge", "wrap")
NAN_MODES = ("propagate", "ignore", "error")


class WindowKeywords(TypedDict, total=False):
    """The keywords that lay out the windows. One value, or one per pooled axis in axis order."""

    size: Size | None
    """Samples of a window: 2 by default; "all" is the whole axis."""
    stride: int | Sequence[int] | None
    """From window to window; the size by default."""
    padding: Pad | Sequence[Pad] | str | None
    """Positions ahead of and behind an axis: a number, (before, after), "same", "same-lower" or "valid"."""
    dilation: int | Sequence[int] | None
    """From sample to sample within a window."""
    ceil_mode: bool
    """Count windows rounding up: the last may reach beyond the padding."""
    adaptive: Size | None
    """How many windows; their sizes follow. "all" keeps the axis."""
    fractional: float | str | Fraction | Sequence[float | str | Fraction] | None
    """Input to output ratio, at least 1, read as the decimal written."""
    overlapping: bool
    """Fractional windows share one sample with the next."""
    random: bool
    """Fractional steps in random order, instead of pseudorandom."""
    seed: int | None
    """Of fractional windows and stochastic draws: 0 by default."""
    u: float | str | Fraction | None
    """The offset in [0, 1) of pseudorandom fractional windows, in place of a seed."""
    layout: str | None
    """A capital letter for each axis: N and C are kept, every other is pooled."""


class Keywords(WindowKeywords, total=False):
    """Every keyword of ``pool``."""

    squeeze: bool
    """Drop pooled axes of length 1 from the result."""
    pad_mode: str
    """What padding is: exclude (no data, the default), constant, reflect, edge or wrap."""
    pad_value: float | None
    """The sample of ``pad_mode="constant"``: 0 by default."""
    nan: str
    """propagate (default), ignore or error."""
    nodata: float | None
    """The value of missing samples."""
    dtype: DTypeLike | None
    """The result's dtype; integers are rounded once from the exact value and saturate."""
    round: str
    """half-up (default), half-even, floor or ceil."""
    count_include_pad: bool
    divisor: int | None
    p: float | None
    q: float | None
    r: float | None
    eps: float | None
    weight: float | None
    expected: bool


WINDOW_KEYWORDS = frozenset(WindowKeywords.__annotations__) - {"layout"}


@dataclass(frozen=True, eq=False)
class Plan:
    """Where the windows lie and what shape comes out: geometry alone, made from a shape."""

    axes: axes.Axes
    input_shape: tuple[int, ...]
    windows: tuple[Windows, ...]
    """One for each pooled axis, in axis order."""
    squeeze: bool = False

    @property
    def full_shape(self) -> tuple[int, ...]:
        """The result's shape before ``squeeze``."""
        shape = list(self.input_shape)
        for i, windows in zip(self.axes.pooled, self.windows, strict=True):
            shape[i] = len(windows)
        return tuple(shape)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The result's shape."""
        gone = {i for i in self.axes.pooled if self.squeeze and self.full_shape[i] == 1}
        return tuple(n for i, n in enumerate(self.full_shape) if i not in gone)

    @property
    def output_letters(self) -> str:
        """The layout letters of the result."""
        gone = {i for i in self.axes.pooled if self.squeeze and self.full_shape[i] == 1}
        return "".join(letter for i, letter in enumerate(self.axes.letters) if i not in gone)

    @property
    def uncovered(self) -> dict[str, int]:
        """For each pooled axis' letter, how many of its samples no window reaches."""
        return dict(zip(self.axes.pooled_letters(), (w.uncovered() for w in self.windows), strict=True))

    @property
    def coverage(self) -> float:
        """The share of samples that lie in at least one window."""
        share = 1.0
        for windows in self.windows:
            share *= 1 - windows.uncovered() / windows.length
        return share


@dataclass(frozen=True)
class Part:
    """Where a part of a plan stands in the whole."""

    of: Plan
    first_output: int
    """The flat index of its first output."""
    origin: int
    """Where the whole's first window along H starts, in the part's rows."""


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
        self.check_array(array)
        if return_indices:
            self.check_indices()
        work = self.work(array, plan, return_indices, part)
        whole = None if part is None else self.whole_work(part.of, array.dtype, return_indices)
        written = None if out is None else written_in_place(out, array, plan)
        try:
            values, indices = engine.run(work, written, whole)
        except NoPlace as failure:
            raise no_place(failure.index, work, plan) from None
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
            draws=self.draws(plan, 0 if part is None else part.first_output) if self.reducer.draws else None,
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

    def draws(self, plan: Plan, first: int = 0) -> Array:
        """A number in [0, 1) for each output: its own word of the generator, whatever the order of work."""
        source = np.random.Philox(key=self.seed + 2**64)
        source.advance(first // 4)  # a step of the generator is four words
        count = int(np.prod(plan.full_shape, dtype=np.int64))
        words = np.atleast_1d(source.random_raw(first % 4 + count))[first % 4 :]
        drawn = (words >> np.uint64(11)) * 2.0**-53
        return np.ascontiguousarray(drawn.reshape(plan.full_shape).transpose(plan.axes.order))

    def check_array(self, array: Array) -> None:
        """Refuse values that this pooling has no meaning for."""
        dtype = dtypes.check_dtype(array.dtype)
        if self.nodata is not None and not dtypes.holds(dtype, self.nodata):
            raise PoolError(f"nodata {self.nodata} is no {dtype} value; a value of that type would work")
        if self.nan == "error" and dtype.kind == "f" and array.size and np.isnan(np.min(array)):
            at = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
            raise PoolError(f'NaN at {at}; nan="ignore" or "propagate" would work')
        if self.reducer.nonnegative:
            self.check_nonnegative(array)

    def check_nonnegative(self, array: Array) -> None:
        """Refuse negative samples, except the nodata value."""
        if array.dtype.kind in "bu" or not array.size or np.fmin.reduce(array, axis=None) >= 0:
            return
        wrong = array < 0
        if self.nodata is not None:
            wrong &= array != dtypes.scalar(dtypes.check_dtype(array.dtype), self.nodata)
        if wrong.any():
            at = tuple(int(i) for i in np.argwhere(wrong)[0])
            raise PoolError(f"{self.reducer.name} has no meaning for negative values, such as {array[at]} at {at}; "
                            "rectify them first, or declare them with nodata")

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
    uses_seed = row.draws and not given.get("expected")
    drawn = "fractional" in given and "u" not in given
    if "seed" in given and uses_seed and not drawn:
        seed = check_seed("seed", given.pop("seed"))
    else:
        seed = check_seed("seed", given.get("seed", 0))
    window = window_options({name: value for name, value in given.items() if name in WINDOW_KEYWORDS})
    parameters = {p.name: p.check(given.get(p.name, p.default)) for p in row.parameters}
    for flag, variant in row.variants.items():
        row = variant if parameters[flag] else row
    pooling = Pooling(row, parameters, window, seed=seed)
    return replace(pooling, **{name: CHECKS[name](name, given[name]) for name in CHECKS if name in given},
                   **check_pad_mode(given, window))


def as_python(value: Any) -> Any:
    """NumPy's numbers and arrays as Python's; anything else as it is."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def check_names(row: Reducer, given: Mapping[str, Any]) -> None:
    """Refuse keywords that do not exist or belong to other reducers."""
    own = {p.name for p in row.parameters}
    for name, value in given.items():
        if name in own or name in WINDOW_KEYWORDS or name in CHECKS or name in ("pad_mode", "pad_value"):
            continue
        owners = [other.name for other in REDUCERS.values() if name in {p.name for p in other.parameters}]
        if not owners:
            raise OptionError(name, f"there is no option {name}")
        if value is not False:
            raise OptionError(name, f"{name} is a parameter of {', '.join(owners)}, not of {row.name}")


def check_pad_mode(given: Mapping[str, Any], window: WindowOptions) -> dict[str, Any]:
    """Pad mode and pad value, which go together and with padding."""
    mode, value = given.get("pad_mode", "exclude"), given.get("pad_value")
    one_of(PAD_MODES)("pad_mode", mode)
    if mode != "exclude" and window.layout is not LAYOUTS["fixed"] and window.layout is not LAYOUTS["same"]:
        raise OptionError("pad_mode", f"{window.layout.name} windows have no padding; fixed and same windows have")
    if value is not None and mode != "constant":
        raise OptionError("pad_value", f'pad_value goes with pad_mode "constant", not with "{mode}"')
    return {"pad_mode": mode, "pad_value": dtypes.parse_nodata(0 if value is None else value)}


def one_of(names: Sequence[str]) -> Any:
    """The check of an option that is one of some names."""
    def check(option: str, value: Any) -> Any:
        if value not in names:
            raise OptionError(option, f"{option} must be one of {', '.join(names)}, not {value!r}")
        return value
    return check


CHECKS: Mapping[str, Any] = {
    "layout": lambda option, value: axes.check_layout(value),
    "squeeze": check_flag,
    "nan": one_of(NAN_MODES),
    "nodata": lambda option, value: dtypes.parse_nodata(value),
    "dtype": lambda option, value: dtypes.parse_dtype(value),
    "round": one_of(tuple(dtypes.ROUNDINGS)),
}


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


def no_place(index: int, work: Work, plan: Plan) -> PoolError:
    """The error of a window whose value is NaN, or missing, where the result's dtype has neither."""
    canonical = np.unravel_index(index, work.output_shape)
    flat = np.ravel_multi_index(canonical, work.output_shape)
    shape = [plan.full_shape[i] for i in plan.axes.order]
    ordered = np.unravel_index(int(flat), shape)
    at = tuple(int(ordered[plan.axes.order.index(i)]) for i in range(len(shape)))
    return PoolError(f"the value at {at} is NaN or missing, and {work.result} has no place for it; a nodata value that "
                     f"{work.result} holds, or a float dtype, would work")


def check_memory(plan: Plan) -> None:
    """Refuse a result larger than the machine's memory before anything is allocated."""
    outputs = 1
    for n in plan.full_shape:
        outputs *= n
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**63
    if outputs > memory:
        raise PoolError(f"a result of shape {axes.describe(plan.full_shape)} is larger than this machine's memory "
                        f"({memory >> 30} GiB)")


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
