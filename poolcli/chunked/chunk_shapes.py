"""How a plan is cut into jobs: whole chunks of the output each, with as little read twice as memory allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import ceil, prod

from ..core.boxes import Box
from ..core.memory_budget import budget
from ..core.plans import Plan
from ..core.windows import Windows

JOB_BYTES = 1 << 26
"""Samples of one job where windows need no more: 64 MiB, which takes some 0.1 s to decode. Smaller jobs read more of
their neighbours' chunks, larger ones take more memory.
"""
CHUNK_BYTES = 1 << 20
"""The least that a chunk of the output holds, where there is so much: stores are slow at many small files."""
COPIES_PER_JOB = 8
"""How many times over a job may hold its samples: as read, in one piece, as kernels read them, as a kernel gathers
them, and what decoding takes.
"""
UNBOUNDED = 1 << 62


def max_job_bytes(workers: int) -> int:
    """The bytes of samples that one job of so many at once may hold, if its windows need them."""
    return max(1 << 20, budget() // (COPIES_PER_JOB * workers))


# Costs of boxes, by the plan alone.


def _samples_spanned(windows: Windows, count: int) -> int:
    """The most samples, from the first to the last, that ``count`` windows in a row need."""
    first, present = windows.present
    last = first + (present - 1) * windows.step
    count = min(count, len(windows))
    return int((last[count - 1 :] - first[: len(first) - count + 1]).max()) + 1


def _box_samples(plan: Plan, shape: Sequence[int]) -> list[int]:
    """The samples along each axis that a box of outputs of this shape needs at most."""
    needs = list(shape)
    for axis, windows in zip(plan.axes.pooled, plan.windows, strict=True):
        needs[axis] = _samples_spanned(windows, shape[axis])
    return needs


def box_bytes(plan: Plan, shape: Sequence[int], itemsize: int) -> int:
    """The bytes that a box of outputs of this shape needs at most."""
    return prod(_box_samples(plan, shape)) * itemsize


# Shapes of chunks and of jobs.


def choose_chunk_shape(plan: Plan, chunks: Sequence[int], itemsize: int, read: int,
                       most: int = JOB_BYTES) -> tuple[int, ...]:
    """The shape of the output's chunks: what an input chunk becomes, doubled until it is worth a file.

    ``itemsize`` is the result's, ``read`` the input's; no chunk needs more than ``most`` bytes of samples, unless what
    one input chunk becomes does already.
    """
    full = plan.full_shape
    shape = [max(1, min(n, round(chunk * n / max(length, 1))))
             for n, chunk, length in zip(full, chunks, plan.input_shape, strict=True)]
    while (prod(shape) * itemsize < CHUNK_BYTES
           and (larger := _double_shape(plan, shape, shape, read, most)) is not None):
        shape = larger
    return tuple(shape)


def choose_job_shape(plan: Plan, chunk: Sequence[int], read: int, jobs: int, most: int = JOB_BYTES) -> tuple[int, ...]:
    """The shape of a job's outputs: as many chunks as ``most`` bytes of samples allow, and at least so many jobs."""
    shape = list(chunk)
    while (larger := _double_shape(plan, shape, chunk, read, most)) is not None:
        if prod(ceil(n / m) for n, m in zip(plan.full_shape, larger, strict=True)) < jobs:
            break
        shape = larger
    return tuple(shape)


def _double_shape(plan: Plan, shape: Sequence[int], unit: Sequence[int], itemsize: int, most: int) -> list[int] | None:
    """The shape with one axis twice as long, that which needs the fewest samples; None where all need too many."""
    needs = _box_samples(plan, shape)
    for axis in sorted(range(len(shape)), key=needs.__getitem__):
        n = plan.full_shape[axis]
        longer = min(2 * shape[axis], ceil(n / unit[axis]) * unit[axis]) if shape[axis] < n else 0
        larger = [*shape[:axis], longer, *shape[axis + 1 :]]
        if longer and box_bytes(plan, larger, itemsize) <= most:
            return larger
    return None


def split_boxes(full: Sequence[int], shape: Sequence[int]) -> Iterator[Box]:
    """All boxes of that shape, in order; the last along an axis may be shorter."""
    axes = [[(i, min(i + m, n)) for i in range(0, n, m)] for n, m in zip(full, shape, strict=True)]
    yield from product(*axes)


def split_to_fit(plan: Plan, outputs: Box, itemsize: int, most: int) -> Iterator[Box]:
    """A box of outputs cut until each part needs at most ``most`` bytes of samples, or is one window."""
    shape = [stop - start for start, stop in outputs]
    if box_bytes(plan, shape, itemsize) <= most or prod(shape) <= 1:
        yield outputs
        return
    halves = {axis: [*shape[:axis], ceil(n / 2), *shape[axis + 1 :]] for axis, n in enumerate(shape) if n > 1}
    axis = min(halves, key=lambda one: box_bytes(plan, halves[one], itemsize))
    (start, stop), middle = outputs[axis], outputs[axis][0] + halves[axis][axis]
    for part in ((start, middle), (middle, stop)):
        yield from split_to_fit(plan, (*outputs[:axis], part, *outputs[axis + 1 :]), itemsize, most)


def split_along_chunks(needs: Box, chunks: Sequence[int], itemsize: int, most: int) -> Iterator[Box]:
    """A box of samples cut along chunk borders into parts of about ``most`` bytes at most, each chunk in one."""
    shape = list(chunks)
    room = [stop - start + chunk for (start, stop), chunk in zip(needs, chunks, strict=True)]
    for axis in reversed(range(len(shape))):
        while shape[axis] < room[axis] and 2 * prod(shape) * itemsize <= most:
            shape[axis] *= 2
    axes = []
    for (start, stop), n in zip(needs, shape, strict=True):
        edges = [start, *range((start // n + 1) * n, stop, n), stop]
        axes.append([(edges[i], edges[i + 1]) for i in range(len(edges) - 1)])
    yield from product(*axes)
