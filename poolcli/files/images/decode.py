"""Reading pictures through Pillow: what Pillow changes in silence is undone, noted, or refused."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import IO, TYPE_CHECKING

from ...core.place import Place
from ...errors import PoolError
from ..atomic import explain_errors
from ..formats import FORMATS, find_format
from ..image_info import MAX_FRAMES, MAX_PIXELS, MAX_STACK, Frames, ImageInfo, Loaded
from ..stderr_capture import guard_decoding
from ..tiff.tiff import read_tiff
from . import metadata
from .jpeg import decode_jpeg
from .jxl import read_jxl_header
from .netpbm import read_ppm
from .pillow_open import Opener, describe_cause, image_kind, sniff
from .pixels import Picture, combine_alpha, decode_plain, find_rawmode, gather, turn_upright, with_rawmode

if TYPE_CHECKING:
    from PIL import ImageFile

__all__ = ["read_image", "sniff"]

_ORIENTATION = 274


def read_image(
    stream: IO[bytes],
    name: str,
    *,
    max_pixels: int = MAX_PIXELS,
    allow_truncated: bool = False,
    indexed: bool = False,
    frames: Frames | int | None = None,
    shared: bool = False,
) -> Loaded:
    """Read a picture of a binary stream that can be sought: (H, W) or (H, W, C), native byte order.

    Palettes are expanded to their colours; ``indexed=True`` gives the indices instead and keeps the palette in the
    source. The EXIF orientation is applied. ``frames`` is the number of one picture, from 1, or Frames: those lie
    along a first axis N, as they are seen. With ``shared`` the array may be the decoder's own memory: read-only, and
    RGB a view of three of four channels. Everything wrong with the file raises PoolError, without ``name`` in it.
    """
    with guard_decoding(max_pixels, allow_truncated) as chatter:
        kind = image_kind(stream)
        asked = Opener(name, stream, kind, max_pixels, allow_truncated, indexed, shared=shared)
        try:
            return _read(asked) if frames is None else _read_frames(asked, frames)
        except PoolError:
            raise
        except Exception as error:  # hostile files draw eight kinds out of Pillow; a list of them would lack the ninth
            raise PoolError(_explain_errors(error, kind, chatter.first_line())) from error


def _read_frames(asked: Opener, frames: Frames | int) -> Loaded:
    """One picture of several, or a stack; a file of one picture gives that one, whatever may be asked of others."""
    from .frames import count_frames, one_frame, read_animation, read_pages

    first = None if FORMATS[asked.kind].is_animated else _read(asked)
    # What else a JPEG holds is a preview of the same picture.
    count = count_frames(asked.open()) if first is None else first.source.frames if FORMATS[asked.kind].pages else 1
    if first is not None and count == MAX_FRAMES:
        count = _count_frames(asked.open(), MAX_STACK)
        if count == MAX_STACK and (isinstance(frames, int) or frames.last is None):
            raise PoolError(f"{MAX_STACK:,} pages or more; --frames 1-1000 takes some of them")
    numbers = (Frames(frames, frames) if isinstance(frames, int) else frames).numbers(count)
    if count == 1:
        return first or _read(asked)
    if first is None:
        made = read_animation(asked, numbers)
        made = replace(made, source=replace(made.source, notes=ending_note(asked.name, asked.kind)))
    else:
        made = read_pages(replace(asked, image=None), numbers, _read)
        made = replace(made, source=replace(made.source, frames=count))
    return one_frame(made) if isinstance(frames, int) else made


def ending_note(name: str, kind: str) -> tuple[str, ...]:
    """Say so when the bytes are of another format than the ending; the bytes are believed."""
    named = find_format(name)
    return () if named is None or named.name == kind else (f"holds {kind} data in spite of its ending",)


def _read(file: Opener) -> Loaded:
    """One picture that is open: pixels upright, metadata and notes."""
    picture = _READERS.get(file.kind, _read_plain)(file)
    # Pillow turns TIFF itself, and tifffile's pages are turned where they are read.
    array = picture.array if FORMATS[file.kind].tagged else turn_upright(picture.array, _read_orientation(file.image))
    carried = None if file.image is None else metadata.read_metadata(file.image)  # before frames are counted: it seeks
    frames, more = (1, ()) if not file.counts else (
        _describe_frames(file.image, file.frame) if picture.frames is None else _list_notes(picture.frames, file.frame))
    source = ImageInfo(
        name=file.name,
        format=file.kind,
        mode=picture.mode,
        icc_profile=picture.icc_profile,
        palette=picture.palette,
        frames=frames,
        lossy=_is_lossy(file),
        progressive=file.image is not None and bool(file.image.info.get("progressive")),
        notes=(*ending_note(file.name, file.kind), *picture.notes, *more),
        metadata=carried,
        nodata=picture.nodata,
        place=None if picture.georeference is None else Place.of(picture.georeference, array.shape),
        storage=picture.storage,
    )
    return Loaded(array, "HW" if array.ndim == 2 else "HWC", source)


def _read_plain(file: Opener) -> Picture:
    # of formats with several frames Pillow may draw the next one into the memory of the first
    return decode_plain(file.open(), file.indexed, file.shared and not FORMATS[file.kind].frames)


def _read_jpeg(file: Opener) -> Picture:
    image = file.open()
    array = None if file.allow_truncated or file.frame else decode_jpeg(image, file.stream)
    if array is None:
        return decode_plain(image, file.indexed, file.shared)
    return Picture(array, image.mode, None, image.info.get("icc_profile"))


def _read_png(file: Opener) -> Picture:
    """16-bit colour comes in two halves; 16-bit grey with alpha lies like four 8-bit channels, and is read as such."""
    image = file.open()
    raw = find_rawmode(image)
    if raw == "LA;16B":
        image.tile = [tile._replace(args=with_rawmode(tile.args, "RGBA")) for tile in image.tile]
        image.load()
        halves = gather(image).astype("uint16")
        return Picture(halves[..., ::2] << 8 | halves[..., 1::2], "LA;16", None, image.info.get("icc_profile"))
    if raw in ("RGB;16B", "RGBA;16B"):
        array = combine_alpha(file, f"{raw[:-1]}L")
        keyed = "transparency" in image.info
        notes = ("its one transparent colour is kept as colour: 16 bits",) if keyed else ()
        return Picture(array, raw[:-1], None, image.info.get("icc_profile"), notes)
    return decode_plain(image, file.indexed)


def _read_deep(file: Opener) -> Picture:
    """Formats whose samples may have more bits than the 8 that come."""
    picture = decode_plain(file.open(), file.indexed)
    file.stream.seek(0)
    head = file.stream.read(_HEAD)
    at = head.find(b"av1C") if file.kind == "AVIF" else head.find(b"hvcC")
    if at < 0 or picture.mode == "I;16":
        return picture
    deep = head[at + 6] & 0x40 if file.kind == "AVIF" else head[at + 4 + 17] & 7
    return replace(picture, notes=(*picture.notes, "of more than 8 bits a sample 8 are kept")) if deep else picture


_HEAD = 1 << 16
"""Bytes in which the boxes that describe a picture lie."""


_READERS: Mapping[str, Callable[[Opener], Picture]] = MappingProxyType(
    {"JPEG": _read_jpeg, "PNG": _read_png, "TIFF": read_tiff, "PPM": read_ppm, "AVIF": _read_deep, "HEIF": _read_deep}
)


def _read_orientation(image: ImageFile.ImageFile | None) -> object:
    with suppress(Exception):  # a damaged EXIF block says nothing about the pixels
        return image.getexif().get(_ORIENTATION) if image is not None else None
    return None


def _describe_frames(image: ImageFile.ImageFile | None, frame: int = 0) -> tuple[int, tuple[str, ...]]:
    """Count the frames, and say which was taken; it is good whatever is wrong with the others."""
    if image is None:  # read without Pillow
        return 1, ()
    try:
        return _list_notes(_count_frames(image, MAX_FRAMES), frame)
    except Exception:
        return 1, ("what follows its first frame cannot be read",)


def read_carried(path: str, count: Callable[[], int]) -> tuple[metadata.Metadata | None, int, tuple[str, ...]]:
    """Read what a TIFF has beside the pixels of its first page, how many pages it has, and a note where it has several.

    ``count`` counts them where Pillow does not open the file.
    """
    with explain_errors("read"), open(path, "rb") as stream, guard_decoding(sys.maxsize, allow_truncated=False):
        opener = Opener(path, stream, "TIFF", sys.maxsize)
        try:
            image = opener.open()
        except Exception:  # a mode that it does not know
            return None, *_list_notes(count(), 0)
        return metadata.read_metadata(image), *_describe_frames(image)


def _list_notes(count: int, frame: int) -> tuple[int, tuple[str, ...]]:
    more = " or more" if count == MAX_FRAMES else ""
    which = f"number {frame + 1}" if frame else "the first"
    return count, (f"{which} of {count:,}{more} frames",) if count > 1 else ()


def _count_frames(image: ImageFile.ImageFile, most: int) -> int:
    """Count frames without decoding them; TIFF pages one by one and at most ``most``."""
    if image.format != "TIFF":
        return int(getattr(image, "n_frames", 1))
    for frame in range(1, most):
        try:
            image.seek(frame)
        except EOFError:
            return frame
    return most


def _is_lossy(file: Opener) -> bool:
    if file.kind == "WEBP":
        file.stream.seek(12)
        return file.stream.read(4) != b"VP8L"
    compression = file.image.info.get("compression") if file.image is not None else None
    if file.kind == "JXL":  # a JPEG that was packed is lossy too
        header = read_jxl_header(file.stream)
        return bool(getattr(file.image, "jpeg", False)) or (header is not None and header.lossy)
    return FORMATS[file.kind].lossy or compression in ("jpeg", "tiff_jpeg", "webp")


def _explain_errors(error: Exception, kind: str, chatter: str) -> str:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        return "more pixels than allowed; --max-pixels raises the limit"
    if isinstance(error, MemoryError):
        return f"not enough memory to decode this {kind} image; a machine with more would work"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return f"broken or truncated {kind} image ({describe_cause(error, chatter)}); save it again from the original"
