"""RGB as Pillow keeps it, pixels of four bytes of which the last means nothing: pooled as four channels, read as three.

Kernels take as long for four channels as for three, 0.20 and 0.19 ms a megapixel for averages of 2x2. Copying the three
takes 0.9. Nothing but the kernel sees the fourth channel.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import PoolError
from ..files import pack, widen

if TYPE_CHECKING:
    from ..engine.prepared import Result

T = TypeVar("T", bound=Any)
_MOST_READ = 4.0
"""How often a sample is read at most. Of 3x3 windows at stride 1, nine times, a third more work costs 0.6 ms a
megapixel of the 0.9 that the copy would."""


def unpack_channels(task: T, alone: bool) -> T:
    """The task with its samples as its kernel should read them.

    Four channels stay where ``alone``, that is where nothing but the kernel reads the samples, and where a third more
    work is less than a copy.
    """
    if widen(task.array) is None or (alone and _saves_time(task)):
        return task
    array = pack(task.array)
    return replace(task, loaded=replace(task.loaded, array=array), array=array)


def _saves_time(task: Any) -> bool:
    """Whether a kernel over four channels takes less than copying three of them."""
    pooling, plan = task.pooling, task.plan
    times_read = prod(len(windows) * windows.size_range()[1] / windows.length for windows in plan.windows)
    return (pooling.reducer.memory_bound and pooling.nodata is None and plan.axes.letters == "HWC"
            and task.job.indices is None and times_read <= _MOST_READ)


def pool_four(task: Any) -> Result | None:
    """Pool a view of three of four channels as four; None for any other array, and where the fourth is in the way."""
    wide = widen(task.array)
    if wide is None or task.job.indices is not None:
        return None
    try:
        plan = task.pooling.plan(wide.shape, task.plan.axes.letters)
        values = task.pooling.run(wide, plan, return_indices=False).values[..., :3]
    except PoolError:  # the three channels tell what is wrong with them
        return None
    from ..engine.prepared import Result

    return Result(values if task.job.writes_picture else pack(values), None)
