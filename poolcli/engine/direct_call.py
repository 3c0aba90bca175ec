"""Small arrays over and over: the kernel calls that a plan took are made again, with two new addresses.

Laying out buffers anew takes ten times as long as the kernel itself on a map of 32 x 32. So a plan that ran in a few
blocks, each by one call of a kernel, keeps these calls' arguments; the next array only changes where they read and
write. Median 3x3/1 of 500 x 500 bytes, with borders the calls of eight blocks, takes 0.06 ms so; laid out anew 0.31.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import jit
from ..core import dtypes
from ..core.plans import Plan
from ..drivers.kernel_task import KernelTask

Array = NDArray[Any]
_MOST_SAMPLES = 1 << 20
"""Samples of the largest array that is worth it: from there on kernels take much longer than their calls."""


_MOST_CALLS = 64
"""The most calls that are kept: a block beyond them is large enough for its call not to count."""
_MOST_BYTES = 1 << 22
"""Bytes of scratch space and tables that are kept for one plan: there may be 256 of them."""
_RECORDED_RUNS = {2, 3, 10, 100, 1000, 10000}
"""Which runs of a plan are looked at: the first may be the only one, and NumPy may do all before a kernel is ready."""


@dataclass
class CallHistory:
    """How often a plan ran the long way, and its kernel calls, once they are known."""

    runs: int = 0
    call: _DirectCall | None = None

    def wants_calls(self) -> bool:
        """Whether the run that begins is one of which the calls are kept."""
        return self.call is None and self.runs in _RECORDED_RUNS


def _find_address(array: Array) -> int:
    """Where an array's memory begins (``.ctypes.data`` takes four times as long)."""
    return int(array.__array_interface__["data"][0])


class _KernelCall(NamedTuple):
    """A call that was made, and which of its arrays are the plan's array, the result and the weights, if there are any.
    """

    function: Callable[..., int]
    arrays: Sequence[Array]
    places: tuple[int, ...]


class _DirectCall:
    """Kernel calls whose arguments are kept, but for the array, its weights and the result.

    ``idle`` holds lists of arguments that nobody uses: scratch space must not serve two threads.
    """

    def __init__(self, calls: Sequence[_KernelCall], result: tuple[tuple[int, ...], dtypes.Type]) -> None:
        self.shape, self.result_dtype = result
        self.functions = [(call.function, call.places) for call in calls]
        self.kept = [array for call in calls for i, array in enumerate(call.arrays)
                     if i not in call.places]  # their addresses are among the arguments
        self.idle = [[[_find_address(array) for array in call.arrays] for call in calls]]

    @property
    def kept_bytes(self) -> int:
        """How much memory the calls keep; blocks may share some of it."""
        return sum({id(array): array.nbytes for array in self.kept}.values())

    def run(self, array: Array, out: Array | None, weights: Array | None = None) -> Array | None:
        """Pool an array of the plan's shape and dtype, with weights of its shape if the calls were made with such; None
        where the long way must be gone.
        """
        if not array.flags.c_contiguous or not array.dtype.isnative:
            return None
        if weights is not None and not weights.flags.c_contiguous:
            return None
        if out is not None and (not out.flags.c_contiguous or np.may_share_memory(out, array)):
            return None
        try:
            all_arguments = self.idle.pop()
        except IndexError:
            return None
        result = np.empty(self.shape, self.result_dtype) if out is None else out
        given = [_find_address(one) for one in (array, result, weights) if one is not None]
        failed = 0
        for (function, places), arguments in zip(self.functions, all_arguments, strict=True):
            for place, address in zip(places, given, strict=True):
                arguments[place] = address
            if failed := function(*arguments):
                break
        self.idle.append(all_arguments)
        return None if failed else result


def may_repeat(plan: Plan, work: KernelTask, pad_mode: str) -> bool:
    """Whether a plan's arrays and results are read and written where they lie, and are small."""
    in_order = plan.axes.order == tuple(range(len(plan.axes.order)))
    as_given = dtypes.read_dtype(work.source) == work.source and work.written == work.result
    plain = pad_mode == "exclude" and not work.want_indices and not work.reducer.draws
    return in_order and as_given and plain and 0 < work.array.size <= _MOST_SAMPLES


def from_calls(calls: Sequence[jit.RecordedCall], work: KernelTask, values: Array,
               result: tuple[tuple[int, ...], dtypes.Type]) -> _DirectCall | None:
    """The direct call, if a run was a few calls of kernels and nothing beside them."""
    given = [_find_address(one) for one in (work.array, values, work.weights) if one is not None]
    found = [_kernel_call(function, arrays, given) for function, arrays in calls]
    kept = [call for call in found if call is not None]
    if not 0 < len(kept) == len(calls) <= _MOST_CALLS:
        return None
    direct = _DirectCall(kept, result)
    return direct if direct.kept_bytes <= _MOST_BYTES else None


def _kernel_call(function: Callable[..., int] | None, arrays: Sequence[Array], given: Sequence[int]
                 ) -> _KernelCall | None:
    """A call that can be made again: of machine code, on what is given as it lies."""
    addresses = [_find_address(array) for array in arrays]
    if function is None or any(addresses.count(one) != 1 for one in given):
        return None
    return _KernelCall(function, arrays, tuple(addresses.index(one) for one in given))
