"""Parts of a study's work, on threads: a study cuts what it looks at into parts, and each part is a call.

Parts are small enough for what is made of them to stay in the caches, so a study needs little more memory than its
result. What a part pools runs on the part's own thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from .. import progress
from ..engine import threads

Part = TypeVar("Part")
Found = TypeVar("Found")


def run_parts(work: Callable[[Part], Found], parts: Sequence[Part]) -> list[Found]:
    """Do all parts, each in some thread, and return what they gave, in order; after an error the rest are left.

    Progress is told part by part (``poolcli/progress.py``). What NumPy does about infinities and the like in the
    calling thread it does in these.
    """
    settings = np.geterr()

    def alone(part: Part) -> Found:
        with threads.use_one_thread(), np.errstate(**settings):
            return work(part)

    if len(parts) < 2 or threads.count_threads() < 2:
        return [work(part) for part in progress.shown(iter(parts), len(parts))]
    with ThreadPoolExecutor(threads.count_threads()) as pool:
        futures = [pool.submit(alone, part) for part in parts]
        try:
            return [future.result() for future in progress.shown(iter(futures), len(futures))]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
