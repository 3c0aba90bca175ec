"""Masks, weights and scores that all files of a batch share: decoded once in a process, and kept while there is room.

A decoded one is known by its path and by what the system says of the file, so one that was replaced is read anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.memory_budget import budget, claim_nothing, reserve

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

_SHARE = 4
"""All that is kept takes at most this part of the memory budget: a quarter."""


class _SharedArray:
    """One of them, and the lock of who reads it while the others wait."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.array: Array | None = None


class SharedArrays:
    """Arrays by what they are known by, the one used last at the end."""

    def __init__(self) -> None:
        self._lock, self._known = threading.Lock(), OrderedDict[Hashable, _SharedArray]()

    def get(self, key: Hashable, read: Callable[[], Array]) -> Array:
        """The array, which nobody may write into; each job that uses it claims its memory, as if it had read it."""
        with self._lock:
            one = self._known.setdefault(key, _SharedArray())
            self._known.move_to_end(key)
        with one.lock, claim_nothing():  # a job that waited for room here would wait for those that wait for it
            if one.array is None:
                found = read()[...]
                found.flags.writeable = False
                one.array = found
        array = one.array
        self._forget_oldest()
        reserve(array.nbytes, "an array of shape", array.shape)
        return array

    def _forget_oldest(self) -> None:
        """Keep what is within the limit, those used last; not even the last one where it alone is more."""
        with self._lock:
            held = sum(one.array.nbytes for one in self._known.values() if one.array is not None)
            while held > budget() // _SHARE and self._known:
                _, gone = self._known.popitem(last=False)
                held -= 0 if gone.array is None else gone.array.nbytes

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._known.clear()


def identify_file(name: str) -> tuple[Any, ...] | None:
    """What tells a file from another, and from what it was; None where the system knows nothing of it."""
    try:
        found = Path(name).stat()
    except OSError:
        return None
    return str(Path(name).absolute()), found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


SHARED_ARRAYS = SharedArrays()
"""Of this process; a run forgets them at its end."""
