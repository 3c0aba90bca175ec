"""Zarr arrays, of version 2 and 3: the only file that knows the library. It is imported when an array is opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..core import dtypes
from ..core.boxes import Box, box_shape, slices
from ..errors import PoolError, lacks_memory, lost_memory_listeners
from ..files.paths.zarr_paths import check_extra
from ..redact import printable
from . import ome
from .executors import handle_lost_errors
from .sources import UnpaddedSource
from .zarr_metadata import DIMENSIONS, ArrayMetadata, Coordinate, dimension_names, is_coordinate, read_metadata

if TYPE_CHECKING:
    import zarr

Array = NDArray[Any]

_UNSAFE = ("pickle",)
"""Codecs that run what they read."""
_PATIENCE = 10.0
"""Seconds that a write which failed waits for the other chunks."""


@dataclass(frozen=True)
class ZarrArray(UnpaddedSource):
    """An array of a store, opened in each process that uses it; a source and a target of boxes."""

    path: str
    name: str = ""
    """Its path within the store."""
    writes: bool = False

    @cached_property
    def array(self) -> zarr.Array[Any]:
        """The array, its metadata checked."""
        check_extra(printable(self.path))
        import zarr

        with _zarr_errors("opened"):
            found = zarr.open_array(self.path, path=self.name, mode="r+" if self.writes else "r")
        _check_codecs(found)
        return found

    def __getstate__(self) -> dict[str, Any]:
        """It goes to another process by its name."""
        return {"path": self.path, "name": self.name, "writes": self.writes}

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""
        return tuple(self.array.shape)

    @cached_property
    def dtype(self) -> dtypes.Type:
        """Its dtype, of either byte order."""
        dtype = np.dtype(getattr(self.array, "dtype", object))
        dtypes.check_dtype(dtype)
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """The shape of a chunk."""
        return tuple(self.array.chunks)

    @property
    def version(self) -> int:
        """The version of the format."""
        return int(self.array.metadata.zarr_format)

    @property
    def names(self) -> tuple[str | None, ...] | None:
        """What the axes are called, if they are."""
        return dimension_names(self.array)

    def metadata(self) -> ArrayMetadata:
        """Read what the array says of itself, and what its group says of it."""
        import zarr

        with _zarr_errors("read"):
            group = zarr.open_group(self.path, mode="r") if self.name and "/" not in self.name else None
            if group is not None and ome.list_levels(dict(group.attrs)):
                group = None  # of levels, which are no variables
            return read_metadata(self.array, group)

    def read(self, ranges: Box) -> Array:
        """The samples of a box; what no chunk holds is the fill value."""
        with _zarr_errors("read"):
            found = np.asarray(self.array[slices(ranges)])
        return found.reshape(box_shape(ranges))

    def write(self, ranges: Box, values: Array) -> None:
        """Put values in their place."""
        if not Path(self.path).is_dir():  # a run that is cut short removes it, and writing would make it anew
            raise PoolError("cannot be written: its folder has gone")
        with _zarr_errors("written"):
            self.array[slices(ranges)] = values


def _wait_for_threads() -> None:
    """Wait for what zarr still does: it raises at the first file that fails, and at Ctrl-C, while threads write the
    other ones, and such a one makes its folder anew where that has been removed meanwhile.
    """
    from zarr.core.sync import sync

    async def wait_for_others() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=_PATIENCE)

    with suppress(Exception):  # what went wrong has been raised; this only tidies up
        sync(wait_for_others(), timeout=2 * _PATIENCE)  # the loop itself may have ended


@contextmanager
def _zarr_errors(done: str) -> Iterator[None]:
    """Whatever the library and its codecs raise, as one line."""
    if lost_memory_listeners:
        handle_lost_errors()
    try:
        try:
            yield
        except BaseException:  # Ctrl-C too
            if done == "written":
                _wait_for_threads()
            raise
    except (PoolError, MemoryError):
        raise
    except FileNotFoundError as error:
        raise PoolError(f"cannot be {done}: there is no Zarr array or group here") from error
    except OSError as error:
        raise PoolError(f"cannot be {done}: {error.strerror or _one_line(error)}") from error
    except Exception as error:  # codecs raise what they like
        if lacks_memory(error):
            raise MemoryError from error
        raise PoolError(f"cannot be {done} as Zarr: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    """What an error says, on one line that a terminal can show."""
    text = " ".join(str(error).split()) or type(error).__name__
    return printable(text if len(text) <= 200 else f"{text[:200]} ...")


def _check_codecs(array: zarr.Array[Any]) -> None:
    """Refuse an array whose reading would run a program that is in it."""
    metadata: dict[str, Any] = dict(array.metadata.to_dict())
    found = [*(metadata.get("filters") or ()), metadata.get("compressor"), *(metadata.get("codecs") or ())]
    named = [str(codec.get("id") or codec.get("name")) for codec in found if isinstance(codec, Mapping)]
    wrong = [name for name in named if name.rpartition(".")[2] in _UNSAFE]
    if wrong:
        raise PoolError(f"its codec {printable(wrong[0])} runs what it reads; an array written without it would work")


# Which array of a store.


def open_zarr(path: str, key: str | None) -> tuple[ZarrArray, tuple[str, ...]]:
    """The array that a store is, or holds: that of ``key``, the largest of its multiscales, or the only one; and notes
    for the report.
    """
    check_extra(printable(path))
    import zarr

    with _zarr_errors("read"):
        node = zarr.open(path, mode="r")
    if isinstance(node, zarr.Array):
        if key is not None:
            raise PoolError(f"is one array, and has no {printable(key)} in it; without --key it would work")
        return ZarrArray(path), ()
    with _zarr_errors("read"):
        name, notes = _choose_array(node, key)
    return ZarrArray(path, name), notes


def _choose_array(group: zarr.Group, key: str | None) -> tuple[str, tuple[str, ...]]:
    """The name of the array to pool, and what is said of the choice."""
    import zarr

    if key is not None:
        if not isinstance(group.get(key), zarr.Array):
            raise PoolError(f"has no array {printable(key)}; {_describe_keys(group)}")
        return key, ()
    levels = ome.list_levels(dict(group.attrs))
    if levels:
        return levels[0], (f"level {printable(levels[0])} of {len(levels)} is pooled; --key takes another",)
    names = sorted(name for name, array in group.arrays() if not is_coordinate(name, array))
    if len(names) != 1:
        raise PoolError(f"holds {len(names) or 'no'} arrays; {_describe_keys(group)}")
    return names[0], ()


def _describe_keys(group: zarr.Group) -> str:
    """Which keys would work."""
    names = sorted(name for name, _ in group.arrays())
    shown = ", ".join(printable(name) for name in names[:8])
    return f"--key with one of these would work: {shown}" if names else "a store with an array would work"


# Making arrays.


def create_array(folder: str, name: str, shape: Sequence[int], dtype: dtypes.Type, chunks: Sequence[int], version: int,
                 axes: Sequence[str | None] | None = None, attributes: Mapping[str, Any] | None = None,
                 fill_value: Any = 0) -> ZarrArray:
    """Make an array in a folder, with nothing in it yet; its chunks lie in nested folders where it is in a group."""
    import zarr

    known = dict(attributes or {})
    extra: dict[str, Any] = {}
    if axes is not None and version == 3:
        extra["dimension_names"] = list(axes)
    elif axes is not None and None not in axes:
        known[DIMENSIONS] = list(axes)
    if version == 2 and name:
        extra["chunk_key_encoding"] = {"name": "v2", "separator": "/"}
    with _zarr_errors("written"):
        zarr.create_array(store=os.fspath(folder), name=name or None, shape=tuple(shape), dtype=dtype,
                          chunks=tuple(chunks), zarr_format=version, fill_value=fill_value,  # type: ignore[arg-type]
                          attributes=known, **extra)
    return ZarrArray(os.fspath(folder), name, writes=True)


def create_group(folder: str, version: int, attributes: Mapping[str, Any]) -> None:
    """A new group in a folder, with its attributes."""
    import zarr

    with _zarr_errors("written"):
        zarr.create_group(store=os.fspath(folder), zarr_format=version,  # type: ignore[arg-type]
                          attributes=dict(attributes), overwrite=True)


def write_coordinate(folder: str, found: Coordinate, version: int) -> None:
    """Put the coordinates of an axis beside the array that has it."""
    made = create_array(folder, found.name, found.values.shape, found.values.dtype, (max(1, len(found.values)),),
                        version, [found.name], found.attributes, found.fill_value)
    made.write(((0, len(found.values)),), found.values)


def read_attributes(path: str) -> dict[str, Any]:
    """The attributes of a group or an array."""
    check_extra(printable(path))
    import zarr

    with _zarr_errors("read"):
        return dict(zarr.open(path, mode="r").attrs)
