"""From one .npy to another, file or pipe, in bounded memory: blocks are read, pooled and written as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import progress
from ..core.plans import Plan
from ..files.arrays.npy import Header, check_size, header_bytes, write_all
from ..pooling import Pooling
from .sample_sources import SampleSources
from .slabs import (
    SlabCallback,
    SlabLayout,
    choose_slab_axis,
    count_slabs,
    pool_slabs,
    read_schedule,
    why_not_streamable,
)

Array = NDArray[Any]
T = TypeVar("T")

MIN_STREAM_BYTES = 1 << 26
"""A file from this size on is streamed; a smaller one is mapped and pooled whole, which is simpler and as fast."""


def ignore(array: Array) -> None:
    """Nobody looks."""


def why_not(pooling: Pooling, plan: Plan, header: Header) -> str | None:
    """Why this array cannot be pooled as it is read, or None."""
    if header.fortran_order and len(header.shape) > 1:
        return "its columns come first (Fortran order)"
    return why_not_streamable(pooling, plan, header.dtype.itemsize)


def pool_stream(pooling: Pooling, plan: Plan, header: Header, source: IO[bytes], target: IO[bytes],
                seen: Callable[[Array], None] = ignore, made: Callable[[Array], None] = ignore,
                check: SlabCallback | None = None, beside: SampleSources | None = None) -> None:
    """Pool the array whose data begins in ``source`` into ``target``, as .npy.

    Reads exactly the array, so that another may follow. ``seen`` is shown every block of samples and ``made`` every
    block of values, and ``check`` each slab with both. What is ``beside`` says which samples count. Raises PoolError as
    ``pool`` does, and where the source ends early.
    """
    cut = choose_slab_axis(pooling, plan, header.dtype.itemsize)
    write_all(target, header_bytes(pooling.result_dtype(header.dtype), plan.output_shape))
    slabs = pool_slabs(pooling, cut, _prefetch(_read_blocks(source, header, cut, seen)), check, beside)
    for values in progress.shown(slabs, count_slabs(cut)):
        write_all(target, np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
        made(values)
    target.flush()


def _read_blocks(source: IO[bytes], header: Header, cut: SlabLayout, seen: Callable[[Array], None]) -> Iterator[Array]:
    """The rows that the slabs ask for, read from the source; all others are read, seen, and dropped."""
    begun = 0
    for skip, count in read_schedule(cut):
        _skip_rows(source, header, cut, begun, skip, seen)
        rows = _read_rows(source, header, cut, begun + skip, count)
        seen(rows)
        begun += skip + count
        yield rows
    _skip_rows(source, header, cut, begun, cut.planes * cut.length - begun, seen)


def _skip_rows(source: IO[bytes], header: Header, cut: SlabLayout, begun: int, count: int,
               seen: Callable[[Array], None]) -> None:
    """Read and drop ``count`` rows."""
    for start in range(0, count, cut.most):
        seen(_read_rows(source, header, cut, begun + start, min(cut.most, count - start)))


def _read_rows(source: IO[bytes], header: Header, cut: SlabLayout, begun: int, count: int) -> Array:
    """The next ``count`` rows; ``begun`` have been read."""
    rows = np.empty((count, *cut.row_shape), header.dtype)
    _read_into(source, header, begun * cut.row_bytes, rows.reshape(-1).view(np.uint8).data)
    return rows


def _read_into(source: IO[bytes], header: Header, begun: int, room: memoryview) -> None:
    """Fill ``room`` from the source; PoolError where it ends before the header said."""
    done = 0
    while done < len(room):
        count = source.readinto(room[done:])  # type: ignore[attr-defined]
        if not count:
            check_size(header, begun + done)
        done += count


def _prefetch(items: Iterable[T]) -> Iterator[T]:
    """Yield the same items, the next one made in a thread while the last is used."""
    iterator, end = iter(items), object()
    reader = ThreadPoolExecutor(1)
    try:
        coming = reader.submit(next, iterator, end)
        while (item := coming.result()) is not end:
            coming = reader.submit(next, iterator, end)
            yield item  # type: ignore[misc]  # it is no end
    finally:
        reader.shutdown(wait=False)  # a pipe that says nothing would be waited for
