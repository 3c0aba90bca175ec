"""Which objects a store has, for names that are asked for about in order."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from .fsspec_io import explain_remote_errors, find_object, is_s3

_PAGE = 1_000
"""The most names that S3 lists at once."""
_PAGES_KEPT = 4


class ObjectExists:
    """Which objects are there, for names that are asked for about in order: S3 is asked for a page from each that
    the last pages do not cover, so a thousand outputs cost one request and no memory."""

    def __init__(self) -> None:
        self.pages: OrderedDict[tuple[str, str], tuple[frozenset[str], str | None]] = OrderedDict()
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[type[ObjectExists], tuple[()]]:
        """Another process asks anew."""
        return ObjectExists, ()

    def __call__(self, url: str) -> bool:
        """Whether it is there. PoolError where nobody answers."""
        with explain_remote_errors("looked for"), self.lock:
            system, path = find_object(url)
            if not is_s3(system):
                return bool(system.exists(path))
            bucket, _, key = path.partition("/")
            covering = self._find_page(bucket, key)
            return key in (self._fetch_page(system, bucket, key) if covering is None else covering)

    def _find_page(self, bucket: str, key: str) -> frozenset[str] | None:
        for (where, first), (names, last) in self.pages.items():
            if where == bucket and first < key and key.startswith(first[: first.rfind("/") + 1]) and (
                    last is None or key <= last):
                return names
        return None

    def _fetch_page(self, system: Any, bucket: str, key: str) -> frozenset[str]:
        """A page of the key's folder that begins right before it."""
        before = key[:-1]
        answer = system.call_s3("list_objects_v2", Bucket=bucket, Prefix=key[: key.rfind("/") + 1], StartAfter=before,
                                MaxKeys=_PAGE, **system.req_kw)
        names = [one["Key"] for one in answer.get("Contents", ())]
        self.pages[bucket, before] = frozenset(names), names[-1] if answer.get("IsTruncated") else None
        while len(self.pages) > _PAGES_KEPT:
            self.pages.popitem(last=False)
        return self.pages[bucket, before][0]
