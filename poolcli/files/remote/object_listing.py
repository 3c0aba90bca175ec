"""Names of objects below a URL, page by page: all, or what fits a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

from ..formats import KNOWN
from ..paths.globs import MAGIC, Globs
from ..paths.scan import is_own_result, is_wanted, unread_picture
from ..paths.urls import find_protocol
from .fsspec_io import explain_remote_errors, find_object, is_s3

_PAGE = 1_000
"""The most names that S3 lists at once."""

Listing = Iterator[list[str]]


def is_folder(url: str) -> bool:
    """Whether a URL stands for all objects below it: by a slash at its end, or where its name has no known ending by
    what the store says. The web has no folders."""
    if url.endswith("/"):
        return find_protocol(url) not in ("http", "https")
    if url.lower().endswith(KNOWN) or is_pattern(url) or find_protocol(url) in ("http", "https"):
        return False
    with explain_remote_errors("looked for"):
        system, path = find_object(url)
        return bool(system.isdir(path))


def is_pattern(url: str) -> bool:
    """Whether a URL has ``*``, ``?`` or ``[`` where a store would not."""
    return find_protocol(url) not in (None, "http", "https") and any(sign in url for sign in MAGIC)


def list_matching(pattern: str) -> tuple[str, Listing]:
    """What a pattern stands for, as a shell would have it: ``*`` stops at slashes, ``**`` does not. The part before
    the first sign, up to a slash, and names below it in pages."""
    first = min(pattern.find(sign) for sign in MAGIC if sign in pattern)
    root = pattern[: pattern.rfind("/", 0, first) + 1]
    return root, _match(root, pattern[len(root) : first], pattern[len(root) :])


def _match(root: str, start: str, below: str) -> Listing:
    """The objects below a start that fit the rest of a pattern, page by page."""
    from fsspec.utils import glob_translate

    fits = re.compile(glob_translate(below)).match
    for names in _list_pages(root, start, deep="/" in below or "**" in below):
        if taken := [name for name in names if fits(name) and not name.endswith("/")]:
            yield taken


def list_objects(root: str, *, recursive: bool, skip: Collection[str], globs: Globs, reducers: Collection[str],
                 note: Callable[[str, str], None], unread: Callable[[str], None] | None = None) -> Listing:
    """Yield the objects below a URL with a slash at its end whose endings are known, page by page, as names below it.

    As ``scan.scan`` has it for folders. Where outputs lie beside inputs, all names are gone through at once, for
    x_max.png may be pages behind x.png.
    """
    pages = (_take(root, names, skip, globs, note, unread) for names in _list_pages(root, "", deep=recursive))
    if not reducers:
        yield from filter(None, pages)
        return
    names = [name for page in pages for name in page]
    ours = is_own_result(set(names), reducers)
    yield [name for name in names if name not in ours]


def _take(root: str, names: list[str], skip: Collection[str], globs: Globs,
          note: Callable[[str, str], None], unread: Callable[[str], None] | None = None) -> list[str]:
    """Those names of a page that are inputs; notes of names that are passed over, a call for each unread picture."""
    taken = []
    for name in names:
        parts = name.split("/")
        folders = ("/".join(parts[:i]) for i in range(1, len(parts)))
        if unread is not None and (ending := unread_picture(name, parts[-1], globs)):
            unread(ending)
        if not is_wanted(name, parts[-1], globs) or any(globs.drops(folder) for folder in folders):
            continue
        if any((root + name).startswith(one) for one in skip):
            continue
        if not {"", ".", ".."}.isdisjoint(parts):  # as a path it would lead elsewhere
            note(root + name, "its name is none that a file can have, so it is passed over")
            continue
        taken.append(name)
    return taken


def _list_pages(root: str, start: str, deep: bool) -> Listing:
    """Names of objects below a URL that ends in a slash, those that begin with ``start``; folders only as parts."""
    with explain_remote_errors("listed"):
        system, path = find_object(root)
        path = path.rstrip("/") + "/"
        if not is_s3(system):
            yield from _walk_folders(system, path, deep)
            return
        bucket, _, prefix = path.partition("/")
        more: dict[str, str] = {}
        while True:
            page = system.call_s3("list_objects_v2", Bucket=bucket, Prefix=prefix + start, MaxKeys=_PAGE,
                                  Delimiter="" if deep else "/", **more, **system.req_kw)
            yield [one["Key"][len(prefix) :] for one in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return
            more = {"ContinuationToken": page["NextContinuationToken"]}


def _walk_folders(system: Any, path: str, deep: bool) -> Listing:
    """The same where there are no pages: folder by folder."""
    for folder, _, names in system.walk(path, maxdepth=None if deep else 1, detail=False):
        before = f"{folder.rstrip('/')}/"[len(path) :]
        yield sorted(before + name for name in names)
