"""A pooling with all settled but the array: what runs on arrays of one shape and dtype have in common."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import axes, dtypes
from ..core.plans import Plan, PlanPart, place_in, runs
from ..core.windows import Windows
from ..drivers import policy
from ..drivers.kernel_task import KernelChoice, KernelTask, UnrepresentableValue
from ..errors import PoolError
from . import c_order, direct_call, run

Array = NDArray[Any]
_MOST_WEIGHTED = 2
"""Kinds of weights of which a plan keeps the kernel: a mask's, and others."""
Canonical = tuple[Windows, Windows, Windows]
_SINGLE = Windows(1, range(1), range(1, 2))
"""The window of an axis that an array lacks."""


@dataclass(frozen=True)
class Result:
    """What a run gives."""

    values: Array
    indices: Array | None


class _WeightedRuns(NamedTuple):
    """Runs of samples with weights of one kind: their kernel, None for the general one, and what runs before left."""

    choice: KernelChoice | None
    repeated: direct_call.CallHistory


@dataclass(frozen=True, eq=False)
class PreparedPooling:
    """A plan, and the work that it is for arrays of one dtype."""

    plan: Plan
    work: KernelTask
    """On a stand-in for the array: its shape, padding that is data included, and its dtype."""
    pad_mode: str = "exclude"
    pad_value: float = 0
    seed: int = 0
    repeated: direct_call.CallHistory = field(default_factory=direct_call.CallHistory)
    """What runs before have left."""
    weighted: dict[tuple[dtypes.Type, int], _WeightedRuns] = field(default_factory=dict)
    """The kernels of samples with weights, by the dtype of these and the largest one."""

    @cached_property
    def choice(self) -> KernelChoice | policy.Deferred | None:
        """The kernel for the whole plan, which parts of it run by too."""
        return run.choose_kernel(self.work) if self.work.array.size else None

    @cached_property
    def result(self) -> tuple[tuple[int, ...], dtypes.Type]:
        """The shape and the dtype of the result."""
        return self.plan.output_shape, self.work.result

    def run(self, array: Array, out: Array | None = None, choice: KernelChoice | policy.Deferred | None = None,
            part: PlanPart | None = None) -> Result:
        """Pool an array, into ``out`` if given, by a kernel of this plan, or of the one of which it is a part."""
        if part is None and self.repeated.call is not None:
            values = self.repeated.call.run(array, out)
            if values is not None:
                return Result(values, None)
        work, plan = self.on(array, part), self.plan
        written = None if out is None else _output_view(out, array, plan)
        try:
            if part is None:
                values, indices = self.run_whole(work, written)
            else:
                values, indices = run.run_task(work, written, choice, part.of.full_shape == plan.full_shape)
        except UnrepresentableValue as failure:
            raise _locate_unrepresentable(failure.index, work, plan, part) from None
        if written is None:
            result = from_canonical(c_order.as_result(values, work.result), plan)
            if out is not None:
                out[...] = result
        return Result(result if out is None else out, None if indices is None else from_canonical(indices, plan))

    def run_weighted(self, array: Array, weights: Array, part: PlanPart | None = None) -> Result:
        """Pool an array of which each sample has a weight, in float64, of the array's shape; padding is no data."""
        work = self.on(array)
        each = np.ascontiguousarray(self.plan.axes.canonical(weights))
        try:
            values, indices = run.run_task(replace(work, weights=each), None, None)
        except UnrepresentableValue as failure:
            raise _locate_unrepresentable(failure.index, work, self.plan, part) from None
        found = from_canonical(c_order.as_result(values, work.result), self.plan)
        return Result(found, None if indices is None else from_canonical(indices, self.plan))

    def run_folded(self, array: Array, weights: Array, largest: int, part: PlanPart | None = None) -> Array | None:
        """Pool an array by a fold, each sample with a weight, up to ``largest`` (``KernelTask.largest_weight``).

        Samples of weight 0 are missing, and no others are. None where a window is one for the general kernel.
        """
        known = self.weighted.get((weights.dtype, largest))
        if part is None and known is not None and known.repeated.call is not None:
            values = known.repeated.call.run(array, None, weights)
            if values is not None:
                return values
        each = c_order.in_c_order(weights.transpose(self.plan.axes.order), weights.dtype)
        each = each.reshape(self.plan.axes.canonical_shape(array.shape))
        if self.pad_mode != "exclude":
            each = self.pad(each)
        task = replace(self.on(array), weights=each, largest_weight=largest, skip_nan=False, nodata=None)
        known = known or self._choose_weighted(task)
        try:
            values = None if known.choice is None else self._run_chosen(task, known, part is None)
        except UnrepresentableValue as failure:
            raise _locate_unrepresentable(failure.index, task, self.plan, part) from None
        return None if values is None else from_canonical(c_order.as_result(values, self.work.result), self.plan)

    def _choose_weighted(self, task: KernelTask) -> _WeightedRuns:
        """The kernel of samples with such weights, None for the general one; kept."""
        assert task.weights is not None
        if len(self.weighted) >= _MOST_WEIGHTED:
            self.weighted.clear()
        found = _WeightedRuns(run.choose_fold(task), direct_call.CallHistory())
        return self.weighted.setdefault((task.weights.dtype, task.largest_weight), found)

    def _run_chosen(self, task: KernelTask, known: _WeightedRuns, whole: bool) -> Array | None:
        """Run that kernel; keep its calls as ``run_whole`` does."""
        history = known.repeated
        history.runs += whole
        if not (whole and history.wants_calls() and self.may_repeat and getattr(known.choice, "plain_calls", False)):
            return run.run_fold(task, known.choice)
        with jit.record_calls() as calls:
            values = run.run_fold(task, known.choice)
        if values is not None:
            history.call = direct_call.from_calls(calls, task, values, self.result)
        return values

    def run_counts(self, array: Array, choice: KernelChoice, classes: int, dtype: dtypes.Type) -> Array:
        """Pool an array into numbers of a new last axis, by a kernel that has no other behind it."""
        work = self.on(array)
        values = np.empty((*work.output_shape, classes), dtypes.write_dtype(dtype))
        jit.set_purpose("the kernel that counts classes")
        run.run_wholly(choice.on(work, values))
        order = self.plan.axes.order
        in_order = values.reshape([*(self.plan.full_shape[i] for i in order), classes])
        found = dtypes.as_result(np.moveaxis(in_order, range(len(order)), order), dtype)
        return np.ascontiguousarray(found).reshape(*self.plan.output_shape, classes)

    def run_whole(self, work: KernelTask, written: Array | None) -> tuple[Array, Array | None]:
        """Run the plan; keep the kernel's calls, if nothing goes beside them, from the second run on."""
        self.repeated.runs += 1
        if not (self.repeated.wants_calls() and self.may_repeat):
            return run.run_task(work, written, self.choice)
        kernel = self.choice.kernel if isinstance(self.choice, policy.Deferred) else self.choice
        plain_calls = getattr(kernel, "plain_calls", kernel is None)  # before the run, which may change it
        with jit.record_calls() as calls:
            values, indices = run.run_task(work, written, self.choice)
        if plain_calls:
            self.repeated.call = direct_call.from_calls(calls, work, values, self.result)
        return values, indices

    @cached_property
    def may_repeat(self) -> bool:
        """Whether calls of kernels may be kept."""
        return direct_call.may_repeat(self.plan, self.work, self.pad_mode)

    def on(self, array: Array, part: PlanPart | None = None) -> KernelTask:
        """The work on an array."""
        canonical = self.canonical(array)
        draws = self.draws(part) if self.work.reducer.draws else None
        return replace(self.work, array=canonical if self.pad_mode == "exclude" else self.pad(canonical),
                       draws=draws, origin=None if part is None else part.origin)

    def canonical(self, array: Array) -> Array:
        """The array in the shape, order and dtype that kernels read: a view where its memory allows."""
        if self.work.source == dtypes.BOOL:
            return dtypes.as_read(self.plan.axes.canonical(array).astype(self.work.source, copy=False))
        in_order = array.transpose(self.plan.axes.order)
        read = c_order.in_c_order(in_order, dtypes.read_dtype(self.work.source))
        return read.reshape(self.plan.axes.canonical_shape(array.shape))

    def pad(self, canonical: Array) -> Array:
        """The canonical array with its padding filled in."""
        widths = [(0, 0), *((w.before, w.after) for w in canonical_windows(self.plan)), (0, 0)]
        if self.pad_mode != "constant":
            return np.pad(canonical, widths, self.pad_mode)  # type: ignore[call-overload, no-any-return]
        if not dtypes.holds(canonical.dtype, self.pad_value):
            raise PoolError(f"pad_value {self.pad_value} is no {canonical.dtype} value")
        return np.pad(canonical, widths, constant_values=self.pad_value)

    def draws(self, part: PlanPart | None) -> Array:
        """A number in [0, 1) for each output: its own word of the generator, whatever the order of work."""
        words = np.empty(self.plan.full_shape, np.uint64)
        for place, first, count in runs(self.plan, part):
            source = np.random.Philox(key=self.seed + 2**64)
            source.advance(first // 4)  # a step of the generator is four words
            drawn = np.atleast_1d(source.random_raw(first % 4 + count))[first % 4 :]
            words[place] = drawn.reshape(words[place].shape)
        return np.ascontiguousarray(((words >> np.uint64(11)) * 2.0**-53).transpose(self.plan.axes.order))


def canonical_windows(plan: Plan, padded: bool = False) -> Canonical:
    """The windows along D, H and W, on axes with their padding or without; those that the array lacks are one long."""
    windows = tuple(w.on_padded_axis() for w in plan.windows) if padded else plan.windows
    d, h, w = (_SINGLE,) * (axes.MOST_POOLED - len(windows)) + windows
    return d, h, w


def plan_input(plan: Plan, padded: bool, dtype: dtypes.Type) -> tuple[Array, Canonical]:
    """An array of the shape and dtype that a kernel will read, without the memory, and its windows."""
    windows = canonical_windows(plan, padded)
    outer, *_, inner = plan.axes.canonical_shape(plan.input_shape)
    return np.broadcast_to(np.zeros(1, dtype), (outer, *(w.length for w in windows), inner)), windows


def _output_view(out: Array, array: Array, plan: Plan) -> Array | None:
    """``out`` as kernels write it, or None where they cannot: strided, overlapping the input, or of another dtype."""
    in_order = plan.axes.order == tuple(range(len(plan.axes.order)))
    same = dtypes.write_dtype(out.dtype) == out.dtype and out.dtype.isnative and out.flags.c_contiguous
    if not (in_order and same and out.flags.aligned) or np.may_share_memory(out, array):
        return None
    return out.reshape(plan.axes.canonical_shape(plan.full_shape))


def from_canonical(canonical: Array, plan: Plan) -> Array:
    """The canonical result in the shape the user expects."""
    return np.ascontiguousarray(plan.axes.restore(canonical, plan.full_shape)).reshape(plan.output_shape)


def _locate_unrepresentable(index: int, work: KernelTask, plan: Plan, part: PlanPart | None) -> PoolError:
    """The error of a window whose value is NaN, or missing, where the result's dtype has neither."""
    canonical = np.unravel_index(index, work.output_shape)
    flat = np.ravel_multi_index(canonical, work.output_shape)
    shape = [plan.full_shape[i] for i in plan.axes.order]
    ordered = np.unravel_index(int(flat), shape)
    at = place_in([ordered[plan.axes.order.index(i)] for i in range(len(shape))], None if part is None else part.first)
    return describe_unrepresentable(at, work.result)


def describe_unrepresentable(at: tuple[int, ...], result: dtypes.Type) -> PoolError:
    """The error of a value that is NaN or missing."""
    return PoolError(f"the value at {at} is NaN or missing, and {result} has no place for it; a nodata value that "
                     f"{result} holds, or a float dtype, would work")
