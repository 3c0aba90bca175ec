"""From options to results: check what was asked, plan it, run it.

``pool`` and ``plan`` are the library's main functions. The command line uses the three steps apart: ``parse_pooling``
(no array), ``Pooling.plan`` (a shape), ``Pooling.run`` (the array).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Literal, Protocol, Unpack, overload
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .core import axes, dtypes
from .core.conventions import apply_convention
from .core.plans import Plan, PlanPart, check_memory, place_in
from .core.pool_options import (
    Keywords,
    WindowKeywords,
    as_python,
    check_names,
    show_keywords,
    value_fields,
)
from .core.reducers import REDUCERS, Reducer, check_windows, suggest_reducers
from .core.windowings import WindowOptions, check_flag, check_seed
from .drivers.kernel_task import KernelTask
from .engine.prepared import PreparedPooling, Result, plan_input
from .errors import OptionError, PoolError

Array = NDArray[Any]


@dataclass(frozen=True)
class Pooling:
    """What was asked, checked as far as it can be without an array."""

    reducer: Reducer
    parameters: Mapping[str, Any]
    """The reducer's own parameters and their values, as given or by default."""
    window: WindowOptions
    layout: str | None = None
    default_layouts: tuple[str, ...] = ()
    """Layouts of arrays that say nothing of their axes, by how many axes they name (POOLCLI_LAYOUT)."""
    squeeze: bool = False
    pad_mode: str = "exclude"
    pad_value: float = 0
    nan: str = "propagate"
    nodata: int | float | None = None
    dtype: dtypes.Type | None = None
    round: str = "half-up"
    seed: int = 0
    fills_nodata: bool = False
    """Whether floats too have the nodata value where a window has no sample, as rasters do; else NaN."""

    def for_axes(self, shape: Sequence[int], layout: str | None = None, names: Sequence[str] = ()) -> Pooling:
        """Settle values that were given by the names of axes for an array of this shape; PoolError for other names.

        ``layout`` is used where the user named none; ``names`` are those of the array's axes beside their letters.
        """
        if not self.window.is_named:
            return self
        letters = self.layout or layout or axes.pick_layout(self.default_layouts, len(shape))
        if letters is None and len(names) == len(shape):
            letters = "abdefghij"[: len(shape)]
        window, letters = self.window.for_axes(letters or axes.guess_layout(shape), names)
        return replace(self, window=window, layout=letters)

    def plan(self, shape: Sequence[int], layout: str | None = None, *, held: bool = True) -> Plan:
        """The windows for an array of this shape; ``layout`` is used where the user named none, and a result that is
        ``held`` in memory must fit there.
        """
        shape = tuple(int(n) for n in shape)
        if self.window.is_named:
            return self.for_axes(shape, layout).plan(shape, held=held)
        letters = self.layout or layout or axes.pick_layout(self.default_layouts, len(shape))
        resolved = axes.resolve(shape, letters)
        windows = self.window.windows([shape[i] for i in resolved.pooled])
        for number, one in enumerate(windows):
            empty = (one.on_padded_axis() if self.pad_mode != "exclude" else one).empty()
            if empty is not None:
                letter = resolved.pooled_letters[number]
                raise PoolError(f"window {empty} of axis {letter} lies wholly in the padding; less padding, a smaller "
                                "dilation, or a pad mode would work")
        plan = Plan(resolved, shape, windows, self.squeeze)
        if held:
            check_memory(plan)
        return plan

    def result_dtype(self, dtype: Any) -> dtypes.Type:
        """The result's dtype for an input dtype."""
        found = dtypes.result_dtype(self.reducer, dtypes.check_dtype(np.dtype(dtype)))
        in_parts = self.window.windowing.in_parts and self.window.touch is None and self.reducer.extensive
        return self.dtype or (dtypes.FLOAT64 if in_parts and found.kind != "f" else found)

    def run(self, array: Array, plan: Plan, *, out: Array | None = None, return_indices: bool = False,
            part: PlanPart | None = None) -> Result:
        """Pool the array by its plan, into ``out`` if given; ``part`` says of which larger plan it is a part."""
        self.check_array(array, None if part is None else part.corner)
        if return_indices:
            self.check_indices()
        settled = self.prepare(plan, array.dtype, return_indices)
        choice = None if part is None else self.choose(part.of, array.dtype, return_indices)
        return settled.run(array, out, choice, part)

    def choose(self, plan: Plan, dtype: Any, want_indices: bool) -> Any:
        """The kernel for a whole plan, which all parts of it run by: it is chosen once, as a network takes a while."""
        chosen = _choices.setdefault(plan, {})
        key = (self.reducer.name, tuple(self.parameters.items()), self.pad_mode, self.nan, str(self.nodata), self.dtype,
               self.round, self.fills_nodata, np.dtype(dtype), want_indices)
        if key not in chosen:
            chosen[key] = self.prepare(plan, dtype, want_indices).choice
        return chosen[key]

    def prepare(self, plan: Plan, dtype: Any, want_indices: bool = False) -> PreparedPooling:
        """What all runs of a plan on arrays of a dtype have in common; PoolError for a nodata value that is none."""
        dtype = dtypes.check_dtype(np.dtype(dtype))
        if self.nodata is not None and not dtypes.holds(dtype, self.nodata):
            raise PoolError(f"nodata {self.nodata} is no {dtype} value; a value of that type would work")
        array, windows = plan_input(plan, self.pad_mode != "exclude", dtypes.read_dtype(dtype))
        result, missing = self.result_dtype(dtype), self.missing()
        work = KernelTask(
            array, windows, self.reducer, self.kernel_parameters(), dtype, result,
            rounding=dtypes.ROUNDINGS[self.round],
            skip_nan=array.dtype.kind == "f" and self.skips_nan(),
            nodata=None if missing is None else dtypes.as_read(dtypes.scalar(dtype, missing)),
            fill=self.fill(result),
            want_indices=want_indices,
        )
        return PreparedPooling(plan, work, self.pad_mode, self.pad_value, self.seed)

    def missing(self) -> int | float | None:
        """The nodata value; a NaN is dealt with as NaN."""
        return None if self.nodata is None or self.nodata != self.nodata else self.nodata

    def skips_nan(self) -> bool:
        """Whether NaN counts as missing."""
        return self.nan == "ignore" or (self.nodata is not None and self.nodata != self.nodata)

    def kernel_parameters(self) -> tuple[float, ...]:
        """The reducer's parameters as its core reads them."""
        return (*self.reducer.presets, *(float(value or 0) for value in self.parameters.values()))

    def fill(self, result: dtypes.Type) -> Array | None:
        """What a window without a value gives: NaN in floats unless ``fills_nodata``, the nodata value in integers."""
        written = dtypes.write_dtype(result)
        if self.reducer.empty_value is not None:
            return dtypes.scalar(written, self.reducer.empty_value)
        if result.kind == "f" and not (self.fills_nodata and self.missing() is not None
                                       and dtypes.holds(result, self.nodata or 0)):
            return dtypes.scalar(written, float("nan"))
        if self.nodata is None or not dtypes.holds(result, self.nodata):
            return None
        return dtypes.scalar(written, self.nodata)

    def check_array(self, array: Array, corner: Sequence[int] | None = None) -> None:
        """Refuse values that this pooling has no meaning for; ``corner`` is where a part of an array begins."""
        if self.nan == "error" and array.dtype.kind == "f" and array.size and np.isnan(np.min(array)):
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


_choices: WeakKeyDictionary[Plan, dict[Any, Any]] = WeakKeyDictionary()
"""Kernels of whole plans, as long as these live."""

# What was asked, checked.


def parse_pooling(reducer: str, checked: WindowOptions | None = None, **options: Unpack[Keywords]) -> Pooling:
    """Check every option that can be checked without an array; OptionError names the one that is wrong.

    ``checked`` are the window options where ``check_windows`` has seen them already.
    """
    if reducer not in REDUCERS:
        near = suggest_reducers(str(reducer))
        would = f"{' or '.join(near)} would work" if near else f"there are {', '.join(REDUCERS)}"
        raise OptionError("reducer", f"there is no reducer {reducer!r}; {would}")
    row = REDUCERS[reducer]
    given = {name: as_python(value) for name, value in options.items() if value is not None}
    if "like" in given:
        given = apply_convention(reducer, given)
    check_names(row, given)
    seed = check_seed("seed", given.get("seed", 0))
    window = checked or check_windows(row, given)
    parameters = {p.name: p.check(given.get(p.name, p.default)) for p in row.parameters}
    if window.windowing.in_parts and window.touch is None and parameters.get("divisor"):
        raise OptionError("divisor", "areas are divided by the samples in them; adaptive windows take a divisor")
    for flag, variant in row.variants.items():
        row = variant if parameters[flag] else row
    return Pooling(row, parameters, window, seed=seed, **value_fields(given, window))


# The library's two main functions.


class _Lazy(Protocol):
    """An array of Dask's."""

    def __dask_graph__(self) -> Any:
        """Its tasks."""


ELSEWHERE: Mapping[str, str] = {"dask": ".chunked.dask_array", "xarray": ".xarray", "pandas": ".pandas"}
"""Libraries whose arrays are not in memory, or have names and places, and the room that pools them."""


@overload
def pool(x: _Lazy, reducer: str = ..., *, out: None = ..., return_indices: Literal[False] = ...,
         mask: Any = ..., weights: Any = ..., min_valid: int | str | None = ..., return_valid: bool | str = ...,
         by: Any = ..., sigma: Any = ..., **options: Unpack[Keywords]) -> Any: ...
@overload
def pool(x: ArrayLike | _Lazy, reducer: list[str] | tuple[str, ...], *, out: None = ...,
         return_indices: Literal[False] = ..., mask: ArrayLike | None = ..., weights: ArrayLike | None = ...,
         min_valid: int | str | None = ..., return_valid: Literal[False] = ..., **options: Unpack[Keywords],
         ) -> tuple[Any, ...]: ...
@overload
def pool(x: ArrayLike, reducer: str = ..., *, out: Array | None = ..., return_indices: Literal[False] = ...,
         mask: ArrayLike | None = ..., weights: ArrayLike | None = ..., min_valid: int | str | None = ...,
         return_valid: Literal[False] = ..., by: int | str | ArrayLike | None = ...,
         **options: Unpack[Keywords]) -> Array: ...
@overload
def pool(x: ArrayLike, reducer: str = ..., *, out: Array | None = ..., return_indices: Literal[True],
         mask: ArrayLike | None = ..., weights: ArrayLike | None = ..., min_valid: int | str | None = ...,
         return_valid: Literal[False] = ..., by: int | str | ArrayLike | None = ...,
         **options: Unpack[Keywords]) -> tuple[Array, Array]: ...
@overload
def pool(x: ArrayLike, reducer: str = ..., *, sigma: ArrayLike, out: Array | None = ...,
         return_indices: Literal[False] = ..., mask: ArrayLike | None = ..., weights: ArrayLike | None = ...,
         min_valid: int | str | None = ..., return_valid: Literal[False] = ...,
         **options: Unpack[Keywords]) -> tuple[Array, Array]: ...
@overload
def pool(x: ArrayLike, reducer: str = ..., *, out: Array | None = ..., return_indices: bool = ...,
         mask: ArrayLike | None = ..., weights: ArrayLike | None = ..., min_valid: int | str | None = ...,
         return_valid: Literal[True, "number", "share"], **options: Unpack[Keywords]) -> tuple[Array, ...]: ...


@partial(show_keywords, Keywords)
def pool(x: ArrayLike | _Lazy, reducer: str | list[str] | tuple[str, ...] = "max", *, out: Array | None = None,
         return_indices: bool = False,
         mask: ArrayLike | None = None, weights: ArrayLike | None = None, min_valid: int | str | None = None,
         return_valid: bool | str = False, by: int | str | ArrayLike | None = None, sigma: ArrayLike | None = None,
         **options: Unpack[Keywords]) -> Any:
    """Reduce each window of an array to one value.

    Parameters
    ----------
    x
        Anything that is an array of real numbers. Without ``layout`` one axis is L and two are HW; of more, the last is
        taken for channels where it has at most 4 and is shorter than the pooled ones, and is an error elsewhere.
    reducer
        The name of a row of ``poolcli.REDUCERS``, or a list of several, for a tuple of results; parameters go to those
        that have them.
    out
        An array for the result, of exactly its shape and dtype.
    return_indices
        Also tell where each value stood.
    mask
        Not 0 where a sample counts; of the array's shape, or of that of its pooled axes. All else is missing.
    weights
        How much each sample counts, at least 0, of either shape. Weighted quantiles are NumPy's ``inverted_cdf``.
    min_valid
        How many samples that are not missing a window must have, or what share of its samples, as in ``"50%"``; with
        weights, of its weight.
    return_valid
        Also tell how many they are; of "share" what share of the window's samples, with weights of its weight.
    by
        What decides which pixel wins, all of whose channels are the result, of a reducer that picks: the number of a
        channel from 0, "luma" (0.299 red + 0.587 green + 0.114 blue), or an array of a score for each pixel.
    sigma
        The standard error of each sample, at least 0, of the array's shape or that of its pooled axes. Samples are
        independent: of a sum the error is sqrt(sum s^2), of a mean that divided by n, with weights
        sqrt(sum w^2 s^2) / sum w.
    **options
        As the signature has them: the windows' (``size``, ``stride``, ``padding``, ``dilation``, ``ceil_mode``; or
        ``adaptive``; or ``fractional``), in samples; how values are treated; the reducer's own parameters.

    Returns
    -------
    array
        Each pooled axis is as long as it has windows; native and C-contiguous. With ``return_indices`` a pair: the
        values, and their indices, flat within the plane of pooled axes, int64, -1 for none; with ``return_valid`` the
        numbers of valid samples behind them, with ``sigma`` their standard errors. Arrays of Dask, masked
        arrays, tensors of PyTorch on the CPU, Series of pandas, DataArrays of xarray and arrays of other libraries that
        speak DLPack give their own kind.

    Raises
    ------
    PoolError
        For whatever cannot be pooled; nothing else.

    Examples
    --------
    >>> import numpy as np
    >>> pool(np.arange(16).reshape(4, 4), "max", size=2)
    array([[ 5,  7],
           [13, 15]])
    """
    if isinstance(reducer, (list, tuple)):
        if out is not None or return_indices or return_valid or by is not None or sigma is not None:
            raise OptionError("reducer", "of several reducers there are values alone, without out, indices, numbers of "
                                         "valid samples, by or sigma; one reducer would work")
        return _pool_several(x, tuple(reducer), {"mask": mask, "weights": weights, "min_valid": min_valid, **options})
    if sigma is not None:
        if by is not None or return_indices is not False or return_valid is not False:
            raise OptionError("sigma", "goes with neither by, return_indices nor return_valid")
        return import_module(".analysis.standard_errors", __package__).pool(
            x, reducer, sigma=sigma, mask=mask, weights=weights, min_valid=min_valid, out=out, **options)
    if by is not None:
        if weights is not None or min_valid is not None or return_valid is not False:
            raise OptionError("by", "goes with neither weights, min_valid nor return_valid; a mask would work")
        return import_module(".analysis.whole_pixels", __package__).pool(x, reducer, by=by, mask=mask, out=out,
                                                                         return_indices=return_indices, **options)
    if mask is not None or weights is not None or min_valid is not None or return_valid is not False:
        return import_module(".valid_samples", __package__).pool(
            x, reducer, mask=mask, weights=weights, min_valid=min_valid, return_valid=return_valid, out=out,
            return_indices=return_indices, **options)
    if type(x) is not np.ndarray and (
            elsewhere := ELSEWHERE.get(type(x).__module__.partition(".")[0])) is not None:
        return import_module(elsewhere, __package__).pool(x, reducer, out=out, return_indices=return_indices, **options)
    if _is_masked(x):
        return import_module(".masked", __package__).pool(x, reducer, out=out, return_indices=return_indices, **options)
    array = as_array(x)
    pooling, settled = prepare_cached(array, reducer, options, return_indices)
    try:
        if out is not None:
            check_out(out, *settled.result)
        pooling.check_array(array)
        result = settled.run(array, out)
    except MemoryError:
        raise PoolError(f"not enough memory to pool an array of shape {axes.describe(array.shape)}") from None
    values, indices = result.values, result.indices
    if out is None and type(x) is not np.ndarray:
        values, indices = as_kind_of(x, values), None if indices is None else as_kind_of(x, indices)
    return values if indices is None else (values, indices)


def _pool_several(x: Any, reducers: tuple[str, ...], options: dict[str, Any]) -> tuple[Any, ...]:
    """Pool by each reducer, with those of the parameters that it has; all is checked before anything is pooled."""
    rows = [REDUCERS.get(name) for name in reducers]
    parameters = {one.name for row in rows if row is not None for one in row.parameters}
    calls = []
    for name, row in zip(reducers, rows, strict=True):
        own = set() if row is None else {one.name for one in row.parameters}
        calls.append({key: value for key, value in options.items() if key in own or key not in parameters})
        checked = {key: value for key, value in calls[-1].items() if key not in ("mask", "weights", "min_valid")}
        parse_pooling(name, **checked)
    return tuple(pool(x, name, **given) for name, given in zip(reducers, calls, strict=True))


def as_kind_of(x: Any, values: Array) -> Any:
    """Return an array as one of the library that ``x`` is of, where that speaks DLPack: of PyTorch, JAX, CuPy ...

    The memory is shared where the library can; a dtype that it lacks comes as NumPy's. Lists, and what is NumPy's own,
    stay NumPy's. Which library it is, an array of the array API standard says itself.
    """
    if isinstance(x, (np.ndarray, np.generic)) or not (hasattr(x, "__dlpack__") or hasattr(x, "__array_namespace__")):
        return values
    library: Any = sys.modules.get(type(x).__module__.partition(".")[0])
    with suppress(Exception):  # older versions of a library ask for one of the standard's
        library = x.__array_namespace__()
    for name in ("from_dlpack", "asarray"):
        try:
            return getattr(library, name)(values)
        except Exception:  # each library has its own error for a dtype that it lacks
            continue
    return values


@partial(show_keywords, WindowKeywords)
def plan(shape: Sequence[int], **options: Unpack[WindowKeywords]) -> Plan:
    """Lay out windows over an array of this shape, without any array: ``plan((3, 224, 224), size=2, layout="CHW")``.

    Parameters
    ----------
    shape
        The lengths of the axes, in samples.
    **options
        The window keywords of ``pool``, as the signature has them.

    Returns
    -------
    Plan
        The windows of each pooled axis, and the shape that comes out.

    Raises
    ------
    PoolError
        Where the windows do not fit the shape.

    Examples
    --------
    >>> plan((3, 224, 224), size=3, stride=2, padding=1, layout="CHW").output_shape
    (3, 112, 112)
    """
    return parse_pooling("max", **options).plan(shape)


def as_array(x: Any) -> Array:
    """What the user gave as an array of real numbers."""
    if getattr(x, "requires_grad", False):
        raise PoolError("a tensor that requires a gradient cannot be pooled; x.detach() would work")
    _check_device(x)
    try:
        array = np.from_dlpack(x) if _is_dlpack_only(x) else np.asarray(x)
    except Exception as error:  # an object's own conversion may raise anything
        raise PoolError(f"not an array: {error or type(error).__name__}{_what_would_work(x)}") from error
    dtypes.check_dtype(array.dtype)
    if _is_masked(x) and np.any(getattr(x, "mask", False)):
        raise PoolError("masked samples are missing for pool alone; x.filled(value), with nodata=value, would work")
    return array


def _is_dlpack_only(x: Any) -> bool:
    """Return whether NumPy takes an object by DLPack and by nothing else."""
    return not isinstance(x, np.ndarray) and hasattr(x, "__dlpack__") and not (
        hasattr(x, "__array__") or hasattr(x, "__array_interface__"))


_HOST_DEVICES = (1, 3, 11, 13)
"""Kinds of devices in DLPack whose memory the processor reads: its own, pinned for CUDA or ROCm, managed."""


def _check_device(x: Any) -> None:
    """Refuse an array in the memory of another device, before its library copies, raises or crashes."""
    kind: Any = None
    if not isinstance(x, np.ndarray):
        with suppress(Exception):  # reading it will say what is wrong
            kind = int(x.__dlpack_device__()[0])
        if kind is None and hasattr(x, "__cuda_array_interface__"):
            kind = 0
    if kind is not None and kind not in _HOST_DEVICES:
        raise PoolError(f"an array in the memory of another device ({getattr(x, 'device', 'CUDA')}) cannot be pooled; "
                        "x.cpu(), or its library's copy to the host, would work")


def _is_masked(x: Any) -> bool:
    """Return whether this is a masked array of NumPy's; numpy.ma need not be imported to know."""
    return isinstance(x, np.ndarray) and type(x) is not np.ndarray and hasattr(x, "_mask")


def _what_would_work(x: Any) -> str:
    """Return how a tensor that NumPy does not take becomes one that it takes; "" of all else."""
    if str(getattr(x, "dtype", "")).endswith("bfloat16"):
        return "; x.float() would work"
    on_device = getattr(getattr(x, "device", None), "type", "cpu") != "cpu"
    return "; x.cpu() would work" if on_device else ""


def check_out(out: Array, shape: tuple[int, ...], dtype: dtypes.Type) -> None:
    """Refuse an ``out`` that is not exactly what the result will be."""
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        raise PoolError(f"out must be an array of shape {axes.describe(shape)} and dtype {dtype}")
    if not out.flags.writeable:
        raise PoolError("out is read-only")


# What recent calls have in common.

CACHE_SIZE = 256
"""How many calls are remembered. A plan of regular windows holds no table of them: some 10 kB each."""
MOST_LISTED = 1 << 16
"""How many windows a plan may list one by one along an axis to be remembered."""

_prepared: dict[Any, tuple[Pooling, PreparedPooling]] = {}
_checked: dict[Any, Pooling] = {}
"""Poolings by what was asked: the next array may have another shape."""


def prepare_cached(array: Array, reducer: str, options: Mapping[str, Any],
                   return_indices: bool) -> tuple[Pooling, PreparedPooling]:
    """Check the options and plan, or find what the last call with the same options on such an array has prepared.

    After 64 MB have gone through the caches, Python's own code is no longer in them: checking, planning and choosing a
    kernel anew took 1.0 ms, where max 2x2/2 on those 64 MB takes 2.6.
    """
    try:
        key = _cache_key(reducer, array, options, return_indices)
        found = _prepared.get(key)
    except TypeError:
        return _prepare_call(array, reducer, options, return_indices)
    if found is None:
        found = _prepare_call(array, reducer, options, return_indices, (reducer, *key[_OPTIONS_IN_KEY:]))
        if len(_prepared) >= CACHE_SIZE:
            _prepared.clear()
        if all(windows.regular or len(windows) <= MOST_LISTED for windows in found[1].plan.windows):
            _prepared[key] = found
    return found


def _prepare_call(array: Array, reducer: str, options: Mapping[str, Any], return_indices: bool,
                  asked: Any = None) -> tuple[Pooling, PreparedPooling]:
    """Check the options and plan for such an array; ``asked`` is a key of what is the same for all arrays."""
    checked = _checked.get(asked) or parse_pooling(reducer, **options)
    if asked is not None:
        if len(_checked) >= CACHE_SIZE:
            _checked.clear()
        _checked[asked] = checked
    pooling = checked.for_axes(array.shape)
    return_indices = check_flag("return_indices", as_python(return_indices))
    if return_indices:
        pooling.check_indices()
    return pooling, pooling.prepare(pooling.plan(array.shape), array.dtype, return_indices)


def cache_clear() -> None:
    """Forget what recent calls have prepared."""
    _prepared.clear()
    _checked.clear()


_OPTIONS_IN_KEY = 4
"""From where on a key is about the options alone."""
_SIMPLE = (int, str, bool, type(None))
"""Types of which equal values are the same value, given that the types are."""


def _cache_key(reducer: str, array: Array, options: Mapping[str, Any], return_indices: bool) -> Any:
    """A key that only the very same call has: 1, 1.0 and True differ. TypeError for options that have none."""
    kinds: tuple[type, ...] = ()
    values = tuple(options.values())
    for value in values:
        kind = type(value)
        if kind not in _SIMPLE:
            values = tuple(map(_exact, values))
            break
        kinds = (*kinds, kind)
    indices = return_indices if type(return_indices) is bool else _exact(return_indices)
    return reducer, array.shape, array.dtype, indices, tuple(options), values, kinds


def _exact(value: Any) -> Any:
    """A value, or what stands for it, that equals only the very same one. TypeError for what has none."""
    kind = type(value)
    if kind in (tuple, list):
        return (kind, *map(_exact, value))
    if kind is float:
        return value.hex()
    if kind in _SIMPLE or isinstance(value, (type, np.dtype)):
        return kind, value
    raise TypeError
