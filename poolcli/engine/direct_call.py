"""Small arrays over and over: the one kernel call that a plan took is made again, with two new addresses.

Laying out buffers anew takes ten times as long as the kernel itself on a map of 32 x 32. So a plan that ran in one
block, by one call of one kernel, keeps that call's arguments; the next array only changes where it reads and writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.plans import Plan
from ..drivers.kernel_task import KernelChoice, KernelTask

Array = NDArray[Any]
_MOST_SAMPLES = 1 << 18
"""Samples of the largest array that is worth it: from there on the kernel takes longer than its call."""


RECORDED_RUNS = {2, 3, 10, 100, 1000, 10000}
"""Which runs of a plan are looked at: the first may be the only one, and NumPy may do all before a kernel is ready."""


@dataclass
class CallHistory:
    """How often a plan ran the long way, and its kernel call, once that is known."""

    runs: int = 0
    call: _DirectCall | None = None


def _address(array: Array) -> int:
    """Where an array's memory begins (``.ctypes.data`` takes four times as long)."""
    return int(array.__array_interface__["data"][0])


class _DirectCall:
    """A kernel call whose arguments are kept, but for the array and the result.

    ``idle`` holds lists of arguments that nobody uses: scratch space must not serve two threads.
    """

    def __init__(self, function: Callable[..., int], arrays: Sequence[Array], read: int, write: int,
                 result: tuple[tuple[int, ...], dtypes.Type]) -> None:
        self.function, self.read, self.write = function, read, write
        self.shape, self.result_dtype = result
        kept = [array for i, array in enumerate(arrays) if i not in (read, write)]
        self.kept = kept  # their addresses are among the arguments
        self.idle = [[_address(array) for array in arrays]]

    def run(self, array: Array, out: Array | None) -> Array | None:
        """Pool an array of the plan's shape and dtype; None where the long way must be gone."""
        if not array.flags.c_contiguous or not array.dtype.isnative:
            return None
        if out is not None and (not out.flags.c_contiguous or np.may_share_memory(out, array)):
            return None
        try:
            arguments = self.idle.pop()
        except IndexError:
            return None
        result = np.empty(self.shape, self.result_dtype) if out is None else out
        arguments[self.read], arguments[self.write] = _address(array), _address(result)
        failed = self.function(*arguments)
        self.idle.append(arguments)
        return None if failed else result


def may_repeat(plan: Plan, work: KernelTask, pad_mode: str) -> bool:
    """Whether a plan's arrays and results are read and written where they lie, and are small."""
    in_order = plan.axes.order == tuple(range(len(plan.axes.order)))
    as_given = dtypes.read_dtype(work.source) == work.source and dtypes.write_dtype(work.result) == work.result
    plain = pad_mode == "exclude" and not work.want_indices and not work.reducer.draws
    return in_order and as_given and plain and 0 < work.array.size <= _MOST_SAMPLES


def from_calls(calls: Sequence[jit.RecordedCall], choice: KernelChoice | None, work: KernelTask, values: Array,
               result: tuple[tuple[int, ...], dtypes.Type]) -> _DirectCall | None:
    """The direct call, if a run was one call of a kernel and nothing beside it."""
    if len(calls) != 1 or not getattr(choice, "single_call", choice is None):
        return None
    (function, arrays), = calls
    places = [_address(array) for array in arrays]
    source, target = _address(work.array), _address(values)
    if function is None or places.count(source) != 1 or places.count(target) != 1:
        return None
    return _DirectCall(function, arrays, places.index(source), places.index(target), result)
