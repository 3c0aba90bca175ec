"""From one .npy to another, file or pipe, in bounded memory: blocks are read, pooled and written as they come."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from math import prod
from typing import IO, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .files.npy import Header, check_size, header_bytes, write_all
from .pooling import Plan, Pooling
from .slabs import obstacle, pool_slabs, reads

Array = NDArray[Any]
T = TypeVar("T")

LEAST_BYTES = 1 << 26
"""A file from this size on is streamed; a smaller one is mapped and pooled whole, which is simpler and as fast."""


def why_not(pooling: Pooling, plan: Plan, header: Header) -> str | None:
    """Why this array cannot be pooled as it is read, or None."""
    if header.fortran_order and len(header.shape) > 1:
        return "its columns come first (Fortran order)"
    return obstacle(pooling, plan, header.dtype.itemsize)


def pool_stream(pooling: Pooling, plan: Plan, header: Header, source: IO[bytes], target: IO[bytes],
                seen: Callable[[Array, Array], None] = lambda samples, values: None) -> np.dtype[Any]:
    """Pool the array whose data begins in ``source`` into ``target``; return the result's dtype.

    Reads exactly the array, so that another may follow. ``seen`` is shown every block of samples, uncovered rows left
    out, and the values that it completed. Raises PoolError as ``pool`` does, and where the source ends early.
    """
    dtype = pooling.result_dtype(header.dtype)
    write_all(target, header_bytes(dtype, plan.output_shape))
    shown: queue.SimpleQueue[Array] = queue.SimpleQueue()

    def noted() -> Iterator[Array]:
        for block in ahead(blocks(source, header, plan)):
            shown.put(block)
            yield block

    for values in pool_slabs(pooling, plan, header.dtype, noted()):
        write_all(target, np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
        seen(shown.get(), values)
    return dtype


def blocks(source: IO[bytes], header: Header, plan: Plan) -> Iterator[Array]:
    """The rows that the plan's slabs ask for, read from the source; and the rest of the array, passed over."""
    row = header.dtype.itemsize * prod(header.shape[1:])
    begun = 0
    for skip, count in reads(plan, header.dtype.itemsize):
        pass_over(source, header, begun * row, skip * row)
        data = np.empty((count, *header.shape[1:]), header.dtype)
        read_into(source, header, (begun + skip) * row, data.reshape(-1).view(np.uint8).data)
        begun += skip + count
        yield data
    pass_over(source, header, begun * row, header.nbytes - begun * row)


def read_into(source: IO[bytes], header: Header, begun: int, room: memoryview) -> None:
    """Fill ``room`` from the source; PoolError where it ends before the header said."""
    done = 0
    while done < len(room):
        count = source.readinto(room[done:])  # type: ignore[attr-defined]
        if not count:
            check_size(header, begun + done)
        done += count


def pass_over(source: IO[bytes], header: Header, begun: int, count: int) -> None:
    """Read and drop ``count`` bytes."""
    room = memoryview(bytearray(min(count, 1 << 20)))
    while count > 0:
        read_into(source, header, begun, room[: min(count, len(room))])
        begun += len(room)
        count -= len(room)


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items, the next one made in a thread while the last is used."""
    made: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=1)
    gone = threading.Event()

    def offer(kind: str, item: Any) -> None:
        while not gone.is_set():
            try:
                made.put((kind, item), timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in items:
                offer("item", item)
            offer("end", None)
        except BaseException as error:
            offer("error", error)

    threading.Thread(target=make, daemon=True).start()
    try:
        while True:
            kind, item = made.get()
            if kind == "end":
                return
            if kind == "error":
                raise item
            yield item
    finally:
        gone.set()
