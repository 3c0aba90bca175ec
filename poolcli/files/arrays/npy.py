"""Reading and writing .npy, from files and from pipes, believing nothing that a header says.

``numpy.load`` is not used: it cannot read a pipe, advises to unpickle, allocates what a header claims (7 TiB), and
loads some headers that lie. The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import ast
import io
import math
import os
import re
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol

from ...errors import PoolError
from ...redact import printable
from ..image_info import MAX_PIXELS
from ..size_limits import claim_array

if TYPE_CHECKING:
    import numpy as np

    from ..image_info import Array

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 65_536
_CHUNK = 1 << 24
_LENGTHS = {1: "<H", 2: "<I", 3: "<I"}
_DTYPES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_DESCR = re.compile(r"([<>|=]?)([a-zA-Z]\d+)")
_KINDS = {
    "O": "object",
    "S": "string",
    "a": "string",
    "U": "string",
    "V": "void",
    "M": "datetime",
    "m": "timedelta",
    "c": "complex",
    "f": "float",
}
# Text for which Python's parser prints a SyntaxWarning before it fails; no honest header has a backslash, or a number
# that runs into a keyword.
_NOISY = re.compile(r"\\|\d(?:and|else|for|i[fns]|not|or)")
_PYTHON_2_LONG = re.compile(r"(\d)L\b")


@dataclass(frozen=True, slots=True)
class Header:
    """What a .npy header promises: dtype, order, shape, where the data starts (bytes) and how long it is (bytes)."""

    dtype: np.dtype[Any]
    fortran_order: bool
    shape: tuple[int, ...]
    offset: int
    nbytes: int


def read_header(stream: IO[bytes], head: bytes = b"") -> Header:
    """Read a header and leave ``stream`` at the first data byte; PoolError when it is not one that can be pooled.

    ``head`` is what has been read of it already.
    """
    magic = head + _read_exactly(stream, 8 - len(head))
    if magic[:6] != MAGIC:
        raise PoolError("this is no .npy file: it does not begin with \\x93NUMPY; numpy.save writes one")
    if magic[6] not in _LENGTHS:
        raise PoolError(f"version {magic[6]} of the .npy format is unknown; numpy.save writes 1, 2 or 3")
    size_format = _LENGTHS[magic[6]]
    width = struct.calcsize(size_format)
    (size,) = struct.unpack(size_format, _read_exactly(stream, width))
    if size > _MAX_HEADER:
        raise PoolError(f"the .npy header claims {size:,} bytes, and {_MAX_HEADER:,} are the limit; "
                        "save the array anew")
    text = _read_exactly(stream, size).decode("utf-8" if magic[6] == 3 else "latin-1", "replace")
    return _parse_header(_parse_literal(text), 8 + width + size)


def _parse_literal(text: str) -> dict[Any, Any]:
    try:
        if _NOISY.search(text):
            raise ValueError("characters that no header has")
        fields = ast.literal_eval(_PYTHON_2_LONG.sub(r"\1", text.strip(" \0\n")))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError) as error:
        raise PoolError("the .npy header is not a Python dictionary; save the array anew") from error
    if not isinstance(fields, dict) or set(fields) != {"descr", "fortran_order", "shape"}:
        raise PoolError("the .npy header does not have exactly descr, fortran_order and shape; save the array anew")
    return fields


def _parse_header(fields: dict[Any, Any], offset: int) -> Header:
    dtype = _parse_dtype(fields["descr"])
    order, shape = fields["fortran_order"], _check_shape(fields["shape"])
    if not isinstance(order, bool):
        raise PoolError("the .npy header's fortran_order is neither True nor False; save the array anew")
    # In Python integers: NumPy's product wraps at 2**64, and 2**32 x 2**32 became 0.
    if math.prod(n or 1 for n in shape) * dtype.itemsize >= 2**63:
        raise PoolError(f"the .npy header claims the shape {_shorten(shape)}, more than any machine holds")
    return Header(dtype, order, shape, offset, math.prod(shape) * dtype.itemsize)


def _parse_dtype(descr: object) -> np.dtype[Any]:
    """Turn a descr into a dtype without showing hostile text to ``numpy.dtype``."""
    match = _DESCR.fullmatch(descr) if isinstance(descr, str) else None
    if descr in ("<V2", "|V2", ">V2", "bfloat16"):
        raise PoolError("two bytes that are no number of NumPy, as bfloat16 is saved; x.astype(numpy.float32) before "
                        "saving would work")
    if match is None or match[2] not in _DTYPES:
        raise PoolError(f"dtype {_dtype_name(descr)} cannot be pooled; bool, integers and float16 to float64 can")
    import numpy as np

    return np.dtype(match[1] + match[2])


def _dtype_name(descr: object) -> str:
    if isinstance(descr, list):
        return "structured"
    text = printable(str(descr))[:40]
    kind, bits = text.lstrip("<>|=")[:1], text.lstrip("<>|=")[1:]
    if kind in "fc" and bits.isdecimal():
        return f"{_KINDS[kind]}{8 * int(bits)}"
    return f"{_KINDS[kind]} ({text})" if kind in _KINDS else f"'{text}'"


def _check_shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple) or any(type(n) is not int or n < 0 for n in value):
        raise PoolError(f"the .npy header's shape {_shorten(value)} is no tuple of whole numbers; save the array anew")
    if not value:
        raise PoolError("the array is a single number (0-d) and pooling needs at least one axis")
    if len(value) > 64:
        raise PoolError(f"the array has {len(value)} axes, and NumPy has 64 at most")
    return value


def _shorten(value: object) -> str:
    text = printable(repr(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def read_npy(file: str | os.PathLike[str] | IO[bytes]) -> tuple[Array, tuple[str, ...]]:
    """Return the array of a .npy file, memory-mapped and read-only, and notes about the file.

    ``file`` is a path, or a regular file open at its start. The array has the shape, byte order and axis order of the
    header. PoolError when the file holds fewer bytes than its header claims; more is a note.
    """
    if isinstance(file, (str, os.PathLike)):
        with open(file, "rb") as stream:
            return read_npy(stream)
    header = read_header(file)
    left = file.seek(0, os.SEEK_END) - header.offset
    check_size(header, left)
    extra = left - header.nbytes
    return _map_file(file, header), ((f"{extra:,} bytes after the array ignored",) if extra else ())


def check_size(header: Header, present: int) -> None:
    """Raise PoolError when ``header`` claims more data than the ``present`` bytes."""
    if header.nbytes > present:
        raise PoolError(
            f"the header claims {header.nbytes:,} bytes of data, {max(present, 0):,} are there; the file is cut short"
        )


def _map_file(stream: IO[bytes], header: Header) -> Array:
    import mmap

    try:
        memory = mmap.mmap(stream.fileno(), header.offset + header.nbytes, access=mmap.ACCESS_READ)
    except (OSError, ValueError):  # no real file, a file system that cannot map, a file that has just shrunk
        stream.seek(header.offset)
        return fill(stream, header)
    return _map_array(header, memory, header.offset)


def release_pages(array: Array) -> None:
    """Let go of what a mapped array holds in memory; what is asked for again is read again."""
    import mmap

    memory: object = array.base
    if isinstance(memory, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        memory.madvise(mmap.MADV_DONTNEED)


def _map_array(header: Header, buffer: Any, offset: int = 0) -> Array:
    import numpy as np

    return np.ndarray(header.shape, header.dtype, buffer, offset, order="F" if header.fortran_order else "C")


def read_npy_stream(stream: IO[bytes], head: bytes = b"", max_pixels: int = MAX_PIXELS) -> Array:
    """Read one array from a stream that may be a pipe, and not one byte more: arrays can follow each other.

    ``head`` is what has been read of it already, at most the 8 bytes of magic and version.
    """
    return read_data(stream, read_header(stream, head), max_pixels)


def read_data(stream: IO[bytes], header: Header, max_pixels: int = MAX_PIXELS) -> Array:
    """Read the array whose header has been read; more than memory may hold is refused, for a pipe has no end."""
    claim_array(header.shape, header.dtype.itemsize, max_pixels)
    return fill(stream, header)


def fill(stream: IO[bytes], header: Header) -> Array:
    """Read the data in chunks: memory grows with what arrives, not with what a header claims."""
    data = bytearray()
    while len(data) < header.nbytes:
        chunk = stream.read(min(_CHUNK, header.nbytes - len(data)))
        if not chunk:
            check_size(header, len(data))
        data += chunk
    return _map_array(header, data)


def _read_exactly(stream: IO[bytes], count: int) -> bytes:
    """Read ``count`` bytes of a header."""
    data = read_upto(stream, count)
    if len(data) < count:
        raise PoolError("the file ends inside its .npy header; save the array anew")
    return data


def read_upto(stream: IO[bytes], count: int) -> bytes:
    """Read ``count`` bytes, over as many short reads as a pipe makes of them; fewer where it ends."""
    data = b""
    while len(data) < count and (chunk := stream.read(count - len(data))):
        data += chunk
    return data


def header_bytes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Return the bytes that begin a .npy file of a C-ordered array, the same as ``numpy.save`` writes.

    Always version 1: its 64 KB hold 64 axes of 19 digits many times over.
    """
    from numpy.lib import format as npy_format

    header = io.BytesIO()
    fields = {"descr": npy_format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    npy_format.write_array_header_1_0(header, fields)
    return header.getvalue()


def write_npy(array: Array, stream: IO[bytes]) -> None:
    """Write ``array`` to an open binary stream, which may be a pipe: native byte order, C order, version 1."""
    native = array.dtype.newbyteorder("=")
    write_all(stream, header_bytes(native, array.shape))
    for block in _cut_blocks(array):
        _write_block(block, native, stream)


def _cut_blocks(array: Array) -> list[Array]:
    """Cut along the first axis, so that the copy of a strided or swapped array stays near 16 MiB."""
    if not array.ndim or not array.size:
        return [array]
    rows = max(1, _CHUNK * len(array) // array.nbytes)
    return [array[i : i + rows] for i in range(0, len(array), rows)]


def _write_block(block: Array, dtype: np.dtype[Any], stream: IO[bytes]) -> None:
    import numpy as np

    if block.size:
        plain = np.ascontiguousarray(block, dtype)
        write_all(stream, plain.ravel().view(np.uint8).data)


class SupportsWrite(Protocol):
    """What takes bytes."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """Take some, and tell how many."""


def write_all(stream: SupportsWrite, data: bytes | memoryview) -> None:
    """Write every byte: a raw stream may take fewer than it was given and Linux takes 2 GiB at most."""
    view = memoryview(data)
    while view:
        written = stream.write(view[:_CHUNK])
        view = view[len(view[:_CHUNK]) if written is None else written :]
