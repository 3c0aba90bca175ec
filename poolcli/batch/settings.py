"""What is asked of a batch, and of each of its files: values only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..files import MAX_PIXELS, Encoding, Format, Frames
from ..files.arrays.literals import is_literal
from ..files.formats import DEFAULT_ENCODING
from ..files.paths import output_paths
from ..files.paths.globs import ALL, Globs
from ..files.paths.urls import AnyPath, Url, is_url
from ..files.paths.zarr_paths import STORE_MARKS, is_store, is_store_name
from ..redact import redact_secrets

if TYPE_CHECKING:
    from fractions import Fraction

    from ..chunked.executors import ChunkBackend

STDIO = output_paths.STDIO
DRY_RUN = "dry run: nothing was written"
_MAX_NAME_LENGTH = 40
"""Characters of a typed matrix that a report shows in place of a name."""
LOCAL = "local"
"""The scheduler that is no address: a cluster on this machine, for one run."""


class _LazyObjectExists:
    """Whether an object is there; who never asks imports nothing of it."""

    def __init__(self) -> None:
        self.found: Callable[[str], bool] | None = None

    def __call__(self, url: str) -> bool:
        """Ask."""
        from ..files.remote.object_exists import ObjectExists

        self.found = self.found or ObjectExists()
        return self.found(url)


_LUMA = "luma"
"""In the place of a file of scores: the brightness of red, green and blue decides."""
VALID_SHARE = "share"
"""Valid samples are told as what they are of the window; else as their number."""
INVERTED = "!"
"""Ahead of a mask's name: what is 0 in it counts."""


@dataclass(frozen=True)
class SampleFiles:
    """What was asked: names, or patterns with {stem}, {ext}, {reducer} or {parent}, as of outputs."""

    mask: str | None = None
    weights: str | None = None
    least: int | Fraction | None = None
    valid: str | None = None
    by: str | None = None
    """What decides which whole pixel wins: luma, the number of a channel, or a file of scores."""
    sigma: str | None = None
    errors: str | None = None
    """The standard errors of samples, and where those of results go."""
    shares: bool = False
    """Valid samples are written as shares of their window."""

    @property
    def has_boxes(self) -> bool:
        """Whether all that is asked can be done box by box."""
        return self.by is None and self.sigma is None

    def settle(self, source: str, reducer: str) -> SampleFiles:
        """The same with the names of one input's files."""
        found = self.name_files(Job(source), reducer)
        mask = found.get("mask")
        return replace(self, mask=INVERTED + mask if mask and (self.mask or "").startswith(INVERTED) else mask,
                       weights=found.get("weights"), by=found.get("by", self.by))

    def name_files(self, job: Job, reducer: str) -> dict[str, str]:
        """Each file of one input, by its option."""
        if job.beside is not None:
            return dict(job.beside)
        found = {}
        by = None if self.by is None or self.by == _LUMA or self.by.isdecimal() else self.by
        for option, pattern in (("mask", self.mask), ("weights", self.weights), ("valid-out", self.valid), ("by", by),
                                ("sigma", self.sigma), ("sigma-out", self.errors)):
            if pattern is not None:
                pattern = pattern.removeprefix(INVERTED) if option == "mask" else pattern
                found[option] = output_paths.OutputNamer(pattern, reducer)(job.source) or pattern
        return found


@dataclass(frozen=True)
class Settings:
    """How files are read and written; the same for every job."""

    output: str | None = None
    indices: str | None = None
    format: Format | None = None
    encoding: Encoding = DEFAULT_ENCODING
    key: str | None = None
    max_pixels: int = MAX_PIXELS
    memory: int | None = None
    """Bytes of samples that each process may hold; None: three quarters of what it may use."""
    allow_truncated: bool = False
    stream: bool = False
    """Arrays one after another on one stream."""
    linear: bool = False
    """Light in place of sRGB codes."""
    premultiplied: bool | None = None
    """Transparent pixels give no colour; None: of averages of pictures they do not."""
    heeds_nodata: bool = True
    """The nodata value that a file names is the default."""
    keeps_place: bool = True
    """What the file says of where its samples lie is carried on."""
    samples: SampleFiles | None = None
    """Masks and weights beside the inputs, the least of valid samples, and where their numbers go."""
    frames: Frames | int | None = None
    """Which pictures of a file; None: the first."""
    overwrite: bool = False
    skip_existing: bool = False
    in_place: bool = False
    dry_run: bool = False
    recursive: bool = False
    globs: Globs = ALL
    """Which files of a folder are wanted."""
    fail_fast: bool = False
    isolate: bool = False
    """Whole jobs in worker processes."""
    timeout: float | None = None
    """The most seconds that a worker may take for one."""
    scheduler: str | None = None
    """Of a Dask cluster, which does the jobs: its address, its file, or LOCAL."""
    again: bool = False
    """A job may have been done before, by a worker that was lost with its report. So whether there is anything to do
    was settled before it was sent, and an output that is there already with the same bytes is its own."""
    statistics: bool = True
    """Without them nobody looks at the report, and they cost a pass over the data."""
    notes: bool = True
    """Without them nobody is told of results that were clipped, and they are not counted."""
    backend: ChunkBackend | None = None
    """Where the chunks of an array are done; None: on threads here."""
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    present: Callable[[str], bool] = field(default_factory=_LazyObjectExists, compare=False)
    """Whether an object is there, by its URL."""

    def without_streams(self) -> Settings:
        """What another process may know."""
        return replace(self, stdin=None, stdout=None)

    def for_a_cluster(self) -> Settings:
        """What a worker of a cluster needs to know; names and folders are gone through before."""
        return replace(self.without_streams(), output=None, indices=None, scheduler=None, globs=ALL,
                       present=_LazyObjectExists(),
                       again=True)


@dataclass(frozen=True)
class Job:
    """One input and where its results go."""

    source: str
    output: AnyPath | None = None
    """None: standard output."""
    format: Format | None = None
    indices: AnyPath | None = None
    problem: str | None = None
    """Why it cannot be done, as far as names tell."""
    notes: tuple[str, ...] = ()
    beside: Mapping[str, str] | None = None
    """Masks, weights and what goes with them by their options, where that is settled."""
    headers_seen: bool = False
    """Whether what headers tell was looked at before work began."""
    shown: bool = False
    """Its result is in the report, and written nowhere: of a matrix that was typed or piped as text."""

    @property
    def source_name(self) -> str:
        """The input as the report names it: of a URL not the secrets, of a typed matrix not more than its beginning."""
        if len(self.source) > _MAX_NAME_LENGTH and is_literal(self.source):
            return f"{self.source[: _MAX_NAME_LENGTH - 3]}..."
        return redact_secrets(self.source)

    @cached_property
    def writes_picture(self) -> bool:
        """Whether the output is a file of pictures: no stream and no array."""
        return self.format is not None and not self.format.is_array

    @property
    def output_folders(self) -> set[AnyPath]:
        """The folders in which results are written."""
        return {path.parent for path in (self.output, self.indices) if path is not None}

    def output_name(self) -> str | None:
        """The output as the report names it."""
        if self.output is None and (self.problem is not None or self.shown):
            return None
        return STDIO if self.output is None else redact_secrets(os.fspath(self.output))


def file_mode(path: str | AnyPath) -> int:
    """The type and permission bits of a file; 0 where there is none, or a name that no file can have.

    What a URL leads to is taken for a file that is there: reading it will tell.
    """
    if not isinstance(path, Path) and is_url(path):
        return stat.S_IFREG
    try:
        return Path(path).stat().st_mode
    except OSError:
        return 0


def is_folder(path: str) -> bool:
    """Whether an input is a folder of files; a chunked array is a folder that is none, and a URL never is."""
    known = os.path.isdir(path)  # noqa: PTH112  (Path raises for a name that no file can have)
    return known and not is_store(path) and not is_url(path)


def stands_for_many(url: str) -> bool:
    """Whether a URL stands for what is below it, or for what fits it as a pattern."""
    from ..files.remote import object_listing

    return object_listing.is_pattern(url) or object_listing.is_folder(url)


def is_special(path: str | AnyPath) -> bool:
    """Whether a path is a device, pipe or socket: it has no ending and takes .npy, as standard output does."""
    found = file_mode(path)
    return found != 0 and not stat.S_ISREG(found) and not stat.S_ISDIR(found)


def needs_all_samples(job: Job, settings: Settings) -> bool:
    """Whether something is wished that is done with arrays in memory only."""
    by_boxes = settings.samples is None or settings.samples.has_boxes
    return bool(job.indices is not None or settings.linear or settings.premultiplied or not by_boxes)


def must_keep(path: AnyPath, job: Job, settings: Settings) -> bool:
    """Whether there is a file, an object, or a chunked array that must not be replaced."""
    if isinstance(path, Url):
        name = os.fspath(path)
        names = [f"{name}/{mark}" for mark in STORE_MARKS] if is_store_name(name) else [name]
        return not may_replace(path, job, settings) and any(settings.present(one) for one in names)
    found = file_mode(path)
    there = stat.S_ISREG(found) or (stat.S_ISDIR(found) and is_store_name(path))
    return there and not may_replace(path, job, settings)


def may_replace(path: AnyPath, job: Job, settings: Settings) -> bool:
    """Whether an old file may give way."""
    if settings.overwrite:
        return True
    return settings.in_place and output_paths.identify(path) == output_paths.identify(job.source)
