"""Inputs that a URL stands for: all below a prefix, or what fits a pattern, page by page as a store lists them."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import OptionError, PoolError
from ..files.paths import output_paths
from ..files.remote import object_listing
from ..redact import printable
from .jobs import Settings
from .lots import Lot, Notes


def listed(url: str, settings: Settings, notes: Notes, reducers: tuple[str, ...]) -> Iterator[Lot]:
    """The inputs below a URL; what goes wrong on the way is a lot of its own, and what was listed stays."""
    if settings.output is None and not settings.in_place:
        raise OptionError("output", f"is needed when a folder is the input, as {printable(url)} is; "
                                    "-o s3://BUCKET/FOLDER/ or -o FOLDER/ would work")
    root = url.rstrip("/") + "/"
    output = settings.output
    into_folder = output is not None and output_paths.is_folder(output)
    pages = object_listing.scan(root, recursive=settings.recursive, globs=settings.globs, note=notes.add,
                         unread=notes.add_unread, skip=[output] if output is not None and into_folder else [],
                         reducers=reducers if output is not None and not into_folder else ())
    try:
        for names in pages:
            yield Lot.of(names, root, root)
    except PoolError as error:
        yield Lot.of([url], problem=str(error))


def matched(pattern: str) -> Iterator[Lot]:
    """The inputs that fit a pattern, as if each had been named; without any the pattern itself is one that is not
    there."""
    found = False
    try:
        root, pages = object_listing.matching(pattern)
        for names in pages:
            found = True
            yield Lot.of(names, root)
    except PoolError as error:
        yield Lot.of([pattern], problem=str(error))
        return
    if not found:
        yield Lot.of([pattern], problem="no object fits the pattern")
