"""Take windows that are one stretch of memory for windows of a series: whole planes, strips, blocks of whole rows.

So 4096 maps of 7 x 7 with a window each are a series with 4096 windows of 49 samples, side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import NamedTuple

import numpy as np

from .. import jit
from ..core.windows import Windows
from .kernel_task import Array, FastKernel, KernelChoice, KernelTask

_ONE = Windows(1, range(1), range(1, 2))


Shape = tuple[int, ...]
Axes = tuple[Windows, Windows, Windows]


class _Merging(NamedTuple):
    """Which axes are merged into the next: those of D and H from number ``kept`` on, and the kept axes in front."""

    kept: int
    with_outer: bool


@dataclass(frozen=True, eq=False)
class Flattened:
    """A kernel for the flattened work."""

    kernel: KernelChoice
    spec: jit.KernelSpec
    merging: _Merging
    """Which axes the whole plan merges. Parts of it merge the same ones, or a kernel would not know their windows."""
    laid: dict[tuple[Axes, Shape], tuple[Shape, Axes]] = field(default_factory=dict)
    """The last plan or part of one that was flattened: kernels know windows by their identity."""

    @property
    def plain_calls(self) -> bool:
        """Whether each block is one call, with nothing beside it that depends on the samples or on other blocks."""
        return bool(getattr(self.kernel, "plain_calls", False))

    def on(self, work: KernelTask, values: Array) -> FastKernel:
        """Return the kernel on an array."""
        flat = self.flatten(work)
        return self.kernel.on(flat, values.reshape(flat.output_shape))

    def flatten(self, work: KernelTask) -> KernelTask:
        """Return a work of the plan, or of a part of it, with fewer axes."""
        key = work.windows, work.array.shape
        if (found := self.laid.get(key)) is None:  # another thread may empty it meanwhile
            self.laid.clear()
            found = self.laid[key] = _merge_axes(work, self.merging)
        return _with_axes(work, *found)


def flatten(work: KernelTask) -> tuple[KernelTask, _Merging] | None:
    """Return the work with fewer axes, and which were merged; None where no axis can be merged into the next."""
    merging = _choose_merging(work)
    return None if merging is None else (_with_axes(work, *_merge_axes(work, merging)), merging)


def _choose_merging(work: KernelTask) -> _Merging | None:
    """Choose the axes that are merged into the next one; None where none can be."""
    outer, *lengths, inner = work.array.shape
    kept = 2
    while kept and _is_whole(work.windows[kept]) and _is_even(work.windows[kept - 1]):
        kept -= 1
    with_outer = kept == 0 and inner == 1 and outer > 1 and _is_whole(work.windows[0]) and not work.want_indices
    return _Merging(kept, with_outer) if with_outer or prod(lengths[kept:]) != lengths[-1] else None


def _merge_axes(work: KernelTask, merging: _Merging) -> tuple[Shape, Axes]:
    """Return the shape of the array with fewer axes, and their windows."""
    outer, *lengths, inner = work.array.shape
    axes = list(zip(lengths, work.windows, strict=True))
    length, windows = axes[-1]
    for above, its_windows in reversed(axes[merging.kept:2]):
        windows = _merge(its_windows, length)
        length *= above
    if merging.with_outer:
        windows = _merge(Windows(outer, range(outer), range(1, outer + 1)), length)
        outer, length = 1, outer * length
    (deep, of_d), (high, of_h) = axes[:merging.kept] + [(1, _ONE)] * (2 - merging.kept)
    return (outer, deep, high, length, inner), (of_d, of_h, windows)


def _with_axes(work: KernelTask, shape: Shape, windows: Axes) -> KernelTask:
    """Return the work with other axes."""
    flat = replace(work, array=_reshape(work.array, shape), windows=windows)
    return replace(flat, draws=None if work.draws is None else work.draws.reshape(flat.output_shape),
                   indices=None if work.indices is None else work.indices.reshape(flat.output_shape))


def _reshape(array: Array, shape: Shape) -> Array:
    """Return an array in another shape; a stand-in, whose samples are all one, without the memory."""
    return array.reshape(shape) if any(array.strides) else np.broadcast_to(array[(0,) * array.ndim], shape)


def _is_whole(windows: Windows) -> bool:
    """Return whether the one window of an axis is all of it."""
    return len(windows) == 1 and _is_even(windows) and int(windows.starts[0]) == 0 and (
        int(windows.stops[0]) == windows.length)


def _is_even(windows: Windows) -> bool:
    """Return whether windows are regular, without holes, and none reaches beyond the samples."""
    return (windows.regular and windows.step == 1 and not windows.before + windows.after
            and windows.starts[0] >= 0 and windows.stops[-1] <= windows.length)


def _merge(windows: Windows, length: int) -> Windows:
    """Return windows of an axis as those of it and the next one, whose ``length`` they have whole."""
    starts, stops = (range(ends.start * length, (ends.start + len(ends) * ends.step) * length, ends.step * length)
                     for ends in (windows.starts, windows.stops) if isinstance(ends, range))
    return Windows(windows.length * length, starts, stops)
