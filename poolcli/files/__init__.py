"""Reading and writing: pictures, .npy and .npz, from paths and from streams.

Pillow is imported when a picture is read or written, and only then; nothing here imports NumPy before it is needed.
"""

from __future__ import annotations

import io
import os
import stat
import sys
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any

from ..errors import PoolError
from ..optional_deps import lacking
from .arrays.literals import find_wrong_cell, is_literal, is_nearly_literal
from .arrays.npy import (
    MAGIC,
    Header,
    check_size,
    read_data,
    read_header,
    read_npy,
    read_npy_stream,
    read_upto,
    release_pages,
    write_npy,
)
from .atomic import STANDARD_OUTPUT, atomic, atomic_folder, explain_errors
from .foreign import describe_foreign
from .formats import (
    DEFAULT_ENCODING,
    ENDINGS,
    FORMATS,
    KNOWN,
    Encoding,
    Format,
    choose_variant,
    find_format,
    format_named,
    format_of,
    holds,
    is_lossy,
    list_variants,
    settle_encoding,
)
from .georef.world_file import KIND as WORLD_FILE
from .georef.world_file import check_world_file, get_affine, with_world_file, write_world_file
from .header import load_header
from .image_info import MAX_PIXELS, Frames, ImageInfo, Loaded, Palette
from .images.arrow import pack, widen
from .images.decode import ending_note, read_image, sniff
from .images.pillow_open import describe_cause, image_kind
from .paths.urls import is_url, strip_query
from .size_limits import check_samples
from .stderr_capture import pillow_limits
from .tempfiles import remove, sweep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .image_info import Array
    from .tiff.tiff_tiles import TiledTiff

__all__ = [
    "ENDINGS",
    "FORMATS",
    "MAX_PIXELS",
    "STANDARD_OUTPUT",
    "Encoding",
    "Format",
    "Frames",
    "ImageInfo",
    "Loaded",
    "Palette",
    "atomic",
    "atomic_folder",
    "check_samples",
    "choose_variant",
    "describe_foreign",
    "explain_errors",
    "format_named",
    "format_of",
    "holds",
    "is_literal",
    "is_lossy",
    "load_header",
    "looks_like_text",
    "npy_data",
    "open_boxes",
    "open_tiled",
    "pack",
    "read",
    "read_data",
    "release_pages",
    "remove",
    "settle_encoding",
    "sweep",
    "widen",
    "write",
]


def read(
    path: str | os.PathLike[str],
    *,
    key: str | None = None,
    max_pixels: int = MAX_PIXELS,
    allow_truncated: bool = False,
    indexed: bool = False,
    frames: Frames | int | None = None,
    stdin: IO[bytes] | None = None,
    shared: bool = False,
) -> Loaded:
    """Read a picture, an array or text, by its first bytes; ``"-"`` is ``stdin`` (the process's own).

    Numbers where no such file is, ``"1 3; 5 6"``, are themselves the array. What a URL leads to is read as standard
    input is: in memory, whole.

    The array is (H, W) or (H, W, C) for pictures, of any shape for arrays; a .npy file is memory-mapped and may be
    big-endian, Fortran-ordered and read-only. ``key`` chooses within an .npz, ``indexed`` keeps palette indices;
    ``frames`` takes other pictures of a file than the first: one by its number, or several along a first axis N.
    With ``shared`` a picture may be the decoder's own memory: read-only, and RGB a view of three of four channels.
    Everything wrong with the file raises PoolError with a message that does not repeat its name.
    """
    name = os.fspath(path)
    options = {"max_pixels": max_pixels, "allow_truncated": allow_truncated, "indexed": indexed,
               "frames": frames, "shared": shared}
    if name == "-":
        return _from_stream(_open_stdin(stdin), name, key, options)
    if is_url(name):
        from .remote import fsspec_io

        with fsspec_io.open_object(name) as stream:
            loaded = _from_stream(stream, strip_query(name), key, options)
            return replace(loaded, source=replace(loaded.source, nbytes=stream.tell()))
    if is_literal(name):
        from .arrays.text_arrays import read_literal

        array, notes = read_literal(name)
        check_samples(array.shape, max_pixels)
        return Loaded(array, None, ImageInfo(name, "TEXT", notes=notes))
    try:
        with explain_errors("read"), open(path, "rb") as stream:
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                loaded = _from_file(stream, name, key, options)
                return loaded if loaded.source.place or not _has_world_file(loaded) else with_world_file(loaded, name)
            return _from_stream(stream, name, key, options)
    except PoolError as error:
        if isinstance(error.__cause__, FileNotFoundError) and (reason := _explain_missing(name)) is not None:
            raise PoolError(reason) from error.__cause__
        raise


def _has_world_file(loaded: Loaded) -> bool:
    """Whether one may lie beside it: of pictures alone, so that no other file costs a look."""
    row = FORMATS.get(loaded.source.format)
    return row is not None and WORLD_FILE in row.places


def open_boxes(path: str, *, max_pixels: int = MAX_PIXELS, indexed: bool = False) -> tuple[Any, Loaded] | None:
    """Open a picture that is read box by box.

    Parameters
    ----------
    path
        A name.
    max_pixels
        A limit below the default is kept; the default is about pictures that are read at once.
    indexed
        Whether indices of a palette are pooled.

    Returns
    -------
    tuple or None
        A source of boxes (``poolcli.chunked.sources.ArraySource``), to be closed, and what ``read`` would give,
        with an array that has no memory behind it. None of what is read at once: small pictures, other formats, pipes.
    """
    row = find_format(path)
    if row is None or row.boxes is None or is_url(path) or not os.path.isfile(path):
        return None
    module = import_module(f".{row.boxes}", __package__)
    if not module.is_large(path, max_pixels if max_pixels < MAX_PIXELS else None):
        return None
    found: tuple[Any, Loaded] | None = module.open_boxes(path, indexed=indexed)
    if found is None or found[1].source.place:
        return found
    return found[0], with_world_file(found[1], path)


def _explain_missing(name: str) -> str | None:
    """Say what a name may have been meant as for which there is no file: a pattern, or a matrix; None for a name."""
    from .paths.globs import MAGIC

    if not is_nearly_literal(name):
        return "no file fits the pattern" if any(sign in name for sign in MAGIC) else None
    wrong = _find_wrong(name)
    return None if wrong is None else f"no file has this name, and as a matrix it is wrong: {wrong}"


def _find_wrong(matrix: str) -> str | None:
    if not matrix.lstrip().startswith("["):
        wrong = find_wrong_cell(matrix)
        return None if wrong is None else f"{wrong}; '1 3; 5 6' would work"
    from .arrays.text_arrays import read_literal

    try:
        read_literal(matrix)
    except PoolError as error:
        return str(error)
    return None


def _open_stdin(stdin: IO[bytes] | None) -> IO[bytes]:
    if stdin is not None:
        return stdin
    if sys.stdin is None:
        raise PoolError("standard input is closed; a file name would work")
    return sys.stdin.buffer


def _from_file(stream: IO[bytes], name: str, key: str | None, options: dict[str, Any]) -> Loaded:
    """Read from a stream that can be sought: the first bytes, then the name, say which reader."""
    head = stream.read(12)
    kind = sniff(head)
    stream.seek(0)
    named = find_format(name)
    if (named is not None and named.module is not None and options["frames"] is None
        and kind in (None, named.name, named.container)):
        return _by_module(stream, name, named, key, options)
    if options["frames"] is None and (variant := _find_variant(stream, kind, options)) is not None:
        return _by_module(stream, name, variant, key, options)
    if kind in (None, "NPZ") and (reason := describe_foreign(name)) is not None:  # torch.save writes a ZIP too
        raise PoolError(reason)
    if (text := _text_format(kind, head, named)) is not None:
        return _from_text(stream, name, text, options["max_pixels"])
    if kind == "NPY":
        array, notes = read_npy(stream)
        check_samples(array.shape, options["max_pixels"])
        return Loaded(array, None, ImageInfo(name, kind, notes=(*ending_note(name, kind), *notes)))
    if kind == "NPZ":
        return _from_npz(stream, name, key, options["max_pixels"])
    return read_image(stream, name, **options)


def _find_variant(stream: IO[bytes], kind: str | None, options: dict[str, Any]) -> Format | None:
    """The format of a file that looks like one of another, where it is one of those."""
    for row in list_variants(kind or ""):
        with pillow_limits(options["max_pixels"], options["allow_truncated"]):  # Pillow warns of damaged tags
            found = import_module(f".{row.module}", __package__).recognises(stream)
        stream.seek(0)
        if found:
            return row
    return None


def _by_module(stream: IO[bytes], name: str, row: Format, key: str | None, options: dict[str, Any]) -> Loaded:
    """Read what a module of its own reads, with the library that an extra brings."""
    import warnings

    if row.library is not None and (reason := lacking(row.library)):
        raise PoolError(f"{row.name} {reason}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of what they put right
        try:
            loaded: Loaded = import_module(f".{row.module}", __package__).read(stream, name, key, options["max_pixels"])
        except PoolError:
            raise
        except MemoryError:
            raise PoolError(f"not enough memory to read this {row.name} file; a machine with more would work") from None
        except Exception as error:  # hostile files draw any kind of error out of a library
            raise PoolError(f"broken or truncated {row.name} file ({describe_cause(error, '')}); save it again from "
                            "the original") from error
    return loaded


def _text_format(kind: str | None, head: bytes, row: Format | None) -> str | None:
    """Return the format of what is text: that of its ending where this is known, else by its first bytes."""
    if row is None:
        return "TEXT" if kind is None and looks_like_text(head) else None
    if not row.is_text:
        return None
    from .arrays.text_arrays import may_be_named_text

    return row.name if kind is None or may_be_named_text(head) else None


def looks_like_text(head: bytes) -> bool:
    """Return True when first bytes, of which ``sniff`` knows nothing, are those of a text."""
    if sniff(head) is not None:
        return False
    from .arrays.text_arrays import looks_like_text as looks

    return looks(head)


def _from_text(stream: IO[bytes], name: str, format: str, max_pixels: int, head: bytes = b"") -> Loaded:
    from .arrays.text_arrays import read_text

    array, notes = read_text(stream, head)
    check_samples(array.shape, max_pixels)
    return Loaded(array, None, ImageInfo(name, format, notes=notes))


def _from_npz(stream: IO[bytes], name: str, key: str | None, max_pixels: int) -> Loaded:
    from .arrays.npz import read_npz

    array, found = read_npz(stream, key, max_pixels)
    return Loaded(array, None, ImageInfo(name, "NPZ", notes=ending_note(name, "NPZ"), key=found))


def _from_stream(stream: IO[bytes], name: str, key: str | None, options: dict[str, Any]) -> Loaded:
    """Read from what may be a pipe: an array to its last byte, an image through a bounded copy that can be sought."""
    head = read_upto(stream, len(MAGIC))
    if head != MAGIC:
        head += read_upto(stream, 12 - len(head))
        if (text := _text_format(sniff(head), head, find_format(name))) is not None:
            return _from_text(stream, name, text, options["max_pixels"], head)
        if sniff(head) is None:  # said at once: what is no picture may have no end
            image_kind(io.BytesIO(head))
        return _from_file(_copy(head, stream, options["max_pixels"]), name, key, options)
    array = read_npy_stream(stream, head, options["max_pixels"])
    notes = ("bytes after the array are left unread",) if _more_follows(stream) else ()
    return Loaded(array, None, ImageInfo(name, "NPY", notes=(*ending_note(name, "NPY"), *notes)))


@contextmanager
def npy_data(
    path: str | os.PathLike[str], stdin: IO[bytes] | None = None, least: int = 0, certain: bool = False
) -> Iterator[tuple[Header, IO[bytes]] | None]:
    """Open a .npy of at least so many bytes, a regular file or standard input, at its data; None for anything else.

    Nothing has been taken from standard input then, so that ``read`` can follow. The header is checked against a
    file's real size. With ``certain`` standard input must be one. What the block raises passes as it is: a reader that
    has gone, a disk that is full.
    """
    if os.fspath(path) == "-":
        stream = _open_stdin(stdin)
        head = stream.peek(len(MAGIC))[: len(MAGIC)] if hasattr(stream, "peek") else b""
        yield (read_header(stream), stream) if certain or head == MAGIC else None
        return
    with ExitStack() as stack:
        yield _npy_file(path, least, stack)


def _npy_file(path: str | os.PathLike[str], least: int, stack: ExitStack) -> tuple[Header, IO[bytes]] | None:
    """The header of a .npy of at least so many bytes, and its stream; None of anything else."""
    with suppress(OSError):  # reading the file will tell what is wrong with it
        if not os.path.isfile(path) or os.path.getsize(path) < max(least, 1):
            return None
        stream = stack.enter_context(open(path, "rb"))  # noqa: SIM115  (the stack closes it)
        if sniff(stream.peek(12)) == "NPY":
            header = read_header(stream)
            check_size(header, os.path.getsize(path) - header.offset)
            return header, stream
    return None


def _copy(head: bytes, stream: IO[bytes], max_pixels: int) -> IO[bytes]:
    """The whole of a stream in memory; PoolError where it is longer than any picture of so many pixels."""
    limit = 8 * max_pixels + (1 << 24)  # 16-bit RGBA is 8 bytes a pixel; all other pictures are smaller
    copy = io.BytesIO(head)
    copy.seek(0, io.SEEK_END)
    while copy.tell() <= limit and (chunk := stream.read(1 << 20)):
        copy.write(chunk)
    if copy.tell() > limit:
        raise PoolError(f"more than {limit:,} bytes and no end; --max-pixels raises the limit, a file name has none")
    copy.seek(0)
    return copy


def _more_follows(stream: IO[bytes]) -> bool:
    """Tell whether there is another byte, without waiting for one and without taking it."""
    import select

    with suppress(OSError, ValueError, AttributeError):
        if stream.seekable():
            more = bool(stream.read(1))
            stream.seek(-1 if more else 0, io.SEEK_CUR)
            return more
        ready = select.select([stream.fileno()], [], [], 0)[0]
        return bool(ready) and bool(stream.peek(1))  # type: ignore[attr-defined]
    return False


def write(
    target: str | os.PathLike[str] | IO[bytes],
    array: Array,
    source: ImageInfo,
    format: Format | str | None = None,
    *,
    encoding: Encoding = DEFAULT_ENCODING,
    overwrite: bool = False,
    again: bool = False,
    checked: bool = False,
) -> tuple[str, ...]:
    """Write ``array`` to a path, whole or not at all, or to an open binary stream.

    ``format`` is a row of FORMATS or its name; by default the path's ending says it, and a stream gets .npy. An
    existing path is refused without ``overwrite``, but with ``again`` one of the same bytes is not. PoolError when the
    format cannot hold the array (whose caller may have ``checked`` that), or the target cannot be written (its cause is
    the OSError); BrokenPipeError passes. Returns notes about what was lost.
    """
    row = format_named(format) if isinstance(format, str) else format
    row = row or (format_of(target) if isinstance(target, (str, os.PathLike)) else FORMATS["NPY"])
    notes: tuple[str, ...] = ()
    placed = source.place is not None
    if placed:
        row = choose_variant(row, source.place_kind)
    if row.is_array or not checked:
        holds(row, array.dtype, array.shape, source.mode, source.pages)
    if placed:
        name = os.fspath(target) if isinstance(target, (str, os.PathLike)) else ""
        source, notes = _drop_lost_place(*source.fit_place(row, array.shape), name)
    if isinstance(target, (str, os.PathLike)):
        if placed:
            check_world_file(os.fspath(target), source, overwrite=overwrite, again=again)
        with atomic(target, overwrite=overwrite, again=again) as stream:
            lost = _encode(array, source, row, stream, encoding, os.fspath(target))
        if placed:
            write_world_file(os.fspath(target), source, overwrite=overwrite, again=again)
        return (*notes, *lost)
    with explain_errors(target=STANDARD_OUTPUT):
        lost = _encode(array, source, row, target, encoding)
        target.flush()
        return (*notes, *lost)


@contextmanager
def open_tiled(path: str | os.PathLike[str], shape: tuple[int, ...], dtype: Any, source: ImageInfo, *,
               encoding: Encoding = DEFAULT_ENCODING, overwrite: bool = False, again: bool = False
               ) -> Iterator[TiledTiff]:
    """Begin a tiled TIFF (H, W) or (H, W, C) that is written box by box; whole or not at all, as ``write`` writes.

    What it is opened as has notes about what was lost.
    """
    from .tiff.tiff_tiles import TiledTiff

    source, lost = _drop_lost_place(*source.fit_place(FORMATS["TIFF"], shape), os.fspath(path))
    check_world_file(os.fspath(path), source, overwrite=overwrite, again=again)
    with atomic(path, overwrite=overwrite, again=again) as stream:
        target = TiledTiff(stream, shape, dtype, source, encoding)
        target.notes = (*lost, *target.notes)
        yield target
        target.close()
    write_world_file(os.fspath(path), source, overwrite=overwrite, again=again)


def _drop_lost_place(source: ImageInfo, notes: tuple[str, ...], path: str) -> tuple[ImageInfo, tuple[str, ...]]:
    """Leave out the place of a picture that says it by a file beside it, where nothing can be beside the output."""
    if path.lower().endswith(KNOWN) or get_affine(source) is None:
        return source, notes
    return replace(source, place=None), (*notes, "its world file is left out: nothing can lie beside the output")


def _encode(array: Array, source: ImageInfo, row: Format, stream: IO[bytes], encoding: Encoding,
            path: str = "") -> tuple[str, ...]:
    """Write an array into a stream by the writer of a format; return notes of what was lost."""
    if row.name == "NPY":
        write_npy(array, stream)
    elif row.name == "NPZ":
        from .arrays.npz import write_npz

        write_npz(array, stream, source.key)
    elif row.separator is not None:
        from .arrays.delimited import write_text

        write_text(array, stream, row.separator)
    elif row.module is not None:
        return _write_by_module(array, source, row, stream, path)
    elif row.is_folder:
        raise PoolError(f"{row.name} is a folder of chunks, no stream of bytes; a name that ends in .zarr would work")
    else:
        from .images.encode import write_image

        return write_image(array, source, row, stream, encoding, checked=True)
    return ()


def _write_by_module(array: Array, source: ImageInfo, row: Format, stream: IO[bytes], path: str) -> tuple[str, ...]:
    if row.library is not None and (reason := lacking(row.library)):
        raise PoolError(f"{row.name} {reason}")
    try:
        notes: tuple[str, ...] = import_module(f".{row.module}", __package__).write(array, source, stream, path)
    except (PoolError, OSError, MemoryError):
        raise
    except Exception as error:  # what a damaged header says may be nothing that its own library writes
        raise PoolError(f"what its header says cannot be written as {row.name} ({describe_cause(error, '')}); .npy can "
                        "hold the samples") from error
    return notes
