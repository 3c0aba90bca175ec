"""How many bytes of samples a run may hold, and the jobs that share them.

Whoever is about to hold samples says so first, by what a header promises: too many are refused in words, where the
system would kill the process. Jobs side by side wait for each other where all together are too many.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache

from ..errors import PoolError

_UNCOUNTED_BYTES = 1 << 26
"""Fewer are no matter where nobody set a limit, and cost no look at the machine."""
_CGROUPS, _OWN_GROUP = "/sys/fs/cgroup", "/proc/self/cgroup"


def _read_number(path: str) -> int | None:
    """The number that a file holds; None where there is no such file, or it says "max"."""
    with suppress(OSError, ValueError), open(path, encoding="ascii") as file:  # noqa: PTH123  (a path by its text)
        return int(file.read())
    return None


def _list_cgroup_files() -> Iterator[str]:
    """The files that may limit this process: of its control group, and of all those that this one is in."""
    groups = [(_CGROUPS, "memory.max", "/"), (f"{_CGROUPS}/memory", "memory.limit_in_bytes", "/")]
    with suppress(OSError, ValueError), open(_OWN_GROUP, encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            _, kinds, inner = line.rstrip("\n").split(":", 2)
            if kinds == "":
                groups.append((_CGROUPS, "memory.max", inner))
            elif "memory" in kinds.split(","):
                groups.append((f"{_CGROUPS}/memory", "memory.limit_in_bytes", inner))
    for root, name, inner in groups:
        parts = [part for part in inner.split("/") if part]
        for count in range(len(parts) + 1):
            yield "/".join([root, *parts[:count], name])


@lru_cache(1)
def available_memory() -> int:
    """Return the bytes that this process may use: the machine's, or fewer where a control group or ulimit says so."""
    bounds = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else [1 << 33]
    bounds += [found for path in _list_cgroup_files() if (found := _read_number(path)) is not None]
    with suppress(ImportError):
        import resource

        limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
        bounds += [limit for limit in limits if limit != resource.RLIM_INFINITY]
    return min(bounds)


class _ThreadClaim(threading.local):
    """What the job of this thread holds; None where there is no job."""

    held: int | None = None


class _ProcessClaims:
    """What all jobs of this process hold together, and how much they may."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.held = 0
        self.changed = threading.Condition()


_shared, _job = _ProcessClaims(), _ThreadClaim()


def budget() -> int:
    """Return the bytes that may be held: as many as the user said, or three quarters of what the process may use."""
    return _shared.limit if _shared.limit is not None else available_memory() // 4 * 3


def set_limit(most: int | None) -> None:
    """Let this process hold so many bytes of samples; None: three quarters of what it may use."""
    _shared.limit = most


@contextmanager
def limit_to(most: int | None) -> Iterator[None]:
    """Let this process hold so many bytes meanwhile."""
    before = _shared.limit
    set_limit(most if most is not None else before)
    try:
        yield
    finally:
        set_limit(before)


@contextmanager
def begin_job() -> Iterator[None]:
    """Give back at the end what is reserved meanwhile by this thread."""
    _job.held = 0
    try:
        yield
    finally:
        with _shared.changed:
            _shared.held -= _job.held
            _shared.changed.notify_all()
        _job.held = None


@contextmanager
def claim_nothing() -> Iterator[None]:
    """Hold what is read meanwhile for all jobs, and not for that of this thread: what is too much is refused still, and
    nobody is waited for."""
    held, _job.held = _job.held, None
    try:
        yield
    finally:
        _job.held = held


def check_room(count: int, what: str, shape: Sequence[int] = ()) -> None:
    """Raise PoolError for more bytes than may ever be held; ``what``, and a shape, begin the sentence."""
    if (count >= _UNCOUNTED_BYTES or _shared.limit is not None) and count > budget():
        named = f"{what} {'x'.join(map(str, shape))}" if shape else what
        raise PoolError(f"{named} takes {count:,} bytes of memory or more, and {budget():,} may be held; a higher "
                        "--memory would work where the machine has it")


def reserve(count: int, what: str, shape: Sequence[int] = ()) -> None:
    """Say that so many bytes will be held, until the job of this thread ends.

    A job that holds nothing yet waits until there is room, or nobody else holds any; one that holds some does not wait,
    so no two wait for each other.

    Raises
    ------
    PoolError
        They are more than may ever be held; ``what``, and a shape, begin the sentence.
    """
    check_room(count, what, shape)
    if _job.held is None or (count < _UNCOUNTED_BYTES and _shared.limit is None):
        return
    most = budget()
    with _shared.changed:
        if not _job.held:
            _shared.changed.wait_for(lambda: not _shared.held or _shared.held + count <= most)
        _shared.held += count
        _job.held += count
