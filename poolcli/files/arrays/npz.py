"""Reading and writing .npz: one array out of a zip file, each member's header checked against its real size."""

from __future__ import annotations

import os
import zipfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from ...errors import PoolError
from ...redact import printable
from ..image_info import MAX_PIXELS
from ..size_limits import claim_array
from .npy import Header, check_size, fill, read_header, write_npy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..image_info import Array

# Deflate shrinks at most 1,032 times, so a real map of zeros comes near the ratio: both limits have to be passed.
MAX_RATIO = 1_000
MAX_INFLATED = 1 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)


def read_npz(file: str | os.PathLike[str] | IO[bytes], key: str | None = None,
             max_pixels: int = MAX_PIXELS) -> tuple[Array, str]:
    """Return one array of an .npz file and its name; PoolError when ``key`` is needed and missing, or names none."""
    with _open_member(file, key) as (member, header, name):
        claim_array(header.shape, header.dtype.itemsize, max_pixels)
        return fill(member, header), name


def npz_header(file: str | os.PathLike[str] | IO[bytes], key: str | None = None) -> tuple[Header, str]:
    """Return what the header of that array says, and its name."""
    with _open_member(file, key) as (_, header, name):
        return header, name


@contextmanager
def _open_member(file: str | os.PathLike[str] | IO[bytes], key: str | None) -> Iterator[tuple[IO[bytes], Header, str]]:
    with _zip_errors(), zipfile.ZipFile(file) as archive:
        name = _choose_array(archive.namelist(), key)
        info = archive.getinfo(name)
        if info.file_size > MAX_INFLATED and info.file_size > MAX_RATIO * info.compress_size:
            raise PoolError(
                f"{_strip_ending(name)} inflates from {info.compress_size:,} to {info.file_size:,} bytes, which looks "
                "like a zip bomb; save it as .npy"
            )
        with archive.open(info) as member:
            header = read_header(member)
            check_size(header, info.file_size - header.offset)
            yield member, header, _strip_ending(name)


@contextmanager
def _zip_errors() -> Iterator[None]:
    # zipfile and its decompressors raise ten kinds on damaged files: BadZipFile, zlib.error, RuntimeError when it is
    # encrypted, NotImplementedError, struct.error, ...
    try:
        yield
    except PoolError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise
        why = printable(str(error))[:100] or type(error).__name__
        raise PoolError(f"not a readable .npz file ({why}); save the arrays anew") from error


def _choose_array(names: list[str], key: str | None) -> str:
    arrays = [name for name in names if name.endswith(".npy")]
    listed = ", ".join(printable(_strip_ending(name)) for name in arrays[:20]) + ", ..." * (len(arrays) > 20)
    if key is not None:
        found = [name for name in arrays if key in (name, _strip_ending(name))]
        if not found:
            raise PoolError(f"no array is called '{printable(key)}'; --key takes one of: {listed or '(none)'}")
        return found[0]
    if len(arrays) == 1:
        return arrays[0]
    if not arrays:
        raise PoolError("the .npz file holds no array; numpy.savez writes one that does")
    raise PoolError(f"the .npz file holds {len(arrays)} arrays; --key takes one of: {listed}")


def _strip_ending(name: str) -> str:
    return name.removesuffix(".npy")


def write_npz(array: Array, stream: IO[bytes], key: str | None = None) -> None:
    """Write ``array`` as the one member ``key`` (arr_0) of an .npz file to an open stream, which may be a pipe."""
    write_arrays({key or "arr_0": array}, stream)


def write_arrays(arrays: Mapping[str, Array], stream: IO[bytes]) -> None:
    """Write arrays as the members of an .npz file, by their names, to an open stream, which may be a pipe."""
    with zipfile.ZipFile(stream, "w") as archive:
        for key, array in arrays.items():
            # A fixed date: the same array gives the same bytes at any hour and in any time zone.
            with archive.open(zipfile.ZipInfo(f"{key}.npy", _EPOCH), "w", force_zip64=True) as member:
                write_npy(array, member)
