"""Reducers that pick a sample, or are made of such: winner takes all."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

import numpy as np

from ...drivers.kernel_task import KernelTask
from .. import unfold
from ..run_parts import run_parts
from .gradient_task import Array, Floats, GradientTask, run_task


def pick_gradient(task: GradientTask) -> Floats:
    """All to the sample that a window is."""
    return route_to_winners(task, task.work, task.upstream)


def route_to_winners(task: GradientTask, work: KernelTask, upstream: Array) -> Floats:
    """The upstream gradient of each window, where its pick stands."""
    _, indices = run_task(replace(work, want_indices=True))
    assert indices is not None
    found, lock = np.zeros(work.array.shape), Lock()

    def add_block(block: unfold.Block) -> None:
        _add_at_samples(found, block, indices[block], indices[block] >= 0, upstream[block], lock)

    run_parts(add_block, list(unfold.split_blocks(work.output_shape, work.windows, 1)))
    return found


def _add_at_samples(found: Floats, block: unfold.Block, flat: Array, present: Array, values: Array, lock: Lock) -> None:
    """Add the values of a block of windows at the samples they belong to: ``flat`` in the plane of the block's first
    axis. A sample may have several; other threads add too, under the lock."""
    values = np.broadcast_to(values, flat.shape)
    inner = np.broadcast_to(np.arange(found.shape[4])[block[4]], flat.shape)
    if not present.all():
        flat, values, inner = flat[present], values[present], inner[present]
    if not flat.size:
        return
    low, high = int(flat.min()), int(flat.max()) + 1
    places = (flat - low) * found.shape[4] + inner
    plane = found[block[0]].reshape(-1, found.shape[4])[low:high]
    sums = np.bincount(places.reshape(-1), values.reshape(-1), plane.size).reshape(plane.shape)
    with lock:
        plane += sums
