"""TIFF pictures read box by box, through tifffile: strips and tiles are decoded one at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from math import ceil
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ...core import dtypes
from ...core.boxes import Box, box_shape
from ...core.memory_budget import budget
from ...core.place import Place
from ...errors import PoolError
from ..formats import has_tifffile, mode_of
from ..georef.geotiff import with_page_tags
from ..image_info import MAX_PIXELS, ImageInfo, Loaded, Palette
from ..images.decode import read_carried
from ..images.nodata import NODATA, with_nodata
from ..images.pillow_open import describe_cause, silence_warnings, sniff
from ..images.pixels import Picture
from ..stderr_capture import pillow_limits
from .tiff import first_of, read_first_tags
from .tiff_extra import INKS, read_tag

Array = NDArray[Any]

MIN_BYTES = 1 << 27
"""Samples of a picture that is read box by box: fewer are sooner read at once. All that have more pixels than
``MAX_PIXELS`` are above it.
"""
_MAX_SEGMENT_BYTES = 1 << 26
"""Samples of one strip or tile: a job holds one more than its samples."""
_BAND_BYTES = 1 << 22
"""What is read at once of a picture whose samples lie in one piece, not compressed."""
_GREY, _RGB, _PALETTE, _SEPARATED = 1, 2, 3, 5
_ORIENTATION = 274
_ALPHA = 2
"""Of tag 338: alpha that colours are not multiplied by."""


@dataclass(frozen=True)
class _TiffArray:
    """The first page of a TIFF file, opened in each process that reads it: (H, W), or (H, W, C)."""

    path: str

    @cached_property
    def opened(self) -> _OpenedPage:
        """The page, its directory read."""
        with _tiff_errors():
            return _OpenedPage(open(self.path, "rb"))

    def close(self) -> None:
        """Close the file, which a further look would open again."""
        opened = self.__dict__.pop("opened", None)
        if opened is not None:
            opened.stream.close()

    def __getstate__(self) -> dict[str, Any]:
        """It goes to another process by its name."""
        return {"path": self.path}

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Height and width, and channels where there are several."""
        page = self.opened.page
        size = (int(page.imagelength), int(page.imagewidth))
        return size if page.samplesperpixel == 1 else (*size, int(page.samplesperpixel))

    @cached_property
    def dtype(self) -> dtypes.Type:
        """That of the samples, in native byte order."""
        dtype: dtypes.Type = np.dtype(self.opened.page.dtype).newbyteorder("=")
        return dtype

    @property
    def chunks(self) -> tuple[int, ...]:
        """A tile or a strip; of samples that lie in one piece rows of some megabytes."""
        height, width = self.opened.segment
        return (height, width, *self.shape[2:])

    def read(self, ranges: Box) -> Array:
        """The samples of a box; what a sparse file has no tile for is its nodata value, or 0."""
        found = np.empty(box_shape(ranges), self.dtype)
        rows, columns = ranges[:2]
        channels = ranges[2] if len(ranges) == 3 else (0, 1)
        target = found if len(ranges) == 3 else found[..., None]
        with _tiff_errors():
            for (top, left, channel), block in self.opened.blocks(rows, columns, channels):
                place, taken = [], []
                for start, n, (first, last) in zip((top, left, channel), block.shape, (rows, columns, channels),
                                                   strict=True):
                    low, high = max(start, first), min(start + n, last)
                    place.append(slice(low - first, high - first))
                    taken.append(slice(low - start, high - start))
                target[tuple(place)] = block[tuple(taken)]
        return found

    def reaches(self, ranges: Box) -> Iterator[Box]:
        """The box itself: nothing is padded."""
        yield ranges


class _OpenedPage:
    """A page and how its samples are found in the file. Threads may read from it at the same time."""

    def __init__(self, stream: IO[bytes]) -> None:
        import tifffile

        silence_warnings("tifffile")
        self.stream, self.lock = stream, threading.Lock()
        try:
            file = tifffile.TiffFile(stream)
            self.page: Any = file.pages[0]
        except BaseException:
            stream.close()
            raise
        self.is_big = bool(file.is_bigtiff)

    @property
    def planes(self) -> int:
        """How many planes of one channel each lie one after another; 1 where the channels of a pixel lie together."""
        return int(self.page.shaped[0])

    @cached_property
    def in_one_piece(self) -> bool:
        """Whether all samples lie in the file as in memory."""
        page = self.page
        return (bool(page.is_contiguous) and page.dataoffsets[0] > 0 and page.predictor == 1 and page.fillorder == 1
                and sum(page.databytecounts) == page.nbytes)

    @cached_property
    def segment(self) -> tuple[int, int]:
        """Height and width of what is read at once."""
        page = self.page
        if self.in_one_piece:
            rows = max(1, _BAND_BYTES // max(1, self.row_bytes))
            return min(rows, page.imagelength), page.imagewidth
        if page.is_tiled:
            return page.tilelength, page.tilewidth
        return min(page.rowsperstrip, page.imagelength), page.imagewidth

    @property
    def row_bytes(self) -> int:
        """Of one plane."""
        return int(self.page.imagewidth * self.page.shaped[4] * self.page.dtype.itemsize)

    @property
    def segment_bytes(self) -> int:
        """Samples of one strip or tile, decoded."""
        height, width = self.segment
        return int(height * width * self.page.shaped[4] * self.page.dtype.itemsize)

    def blocks(self, rows: tuple[int, int], columns: tuple[int, int],
               channels: tuple[int, int]) -> Iterator[tuple[tuple[int, int, int], Array]]:
        """All blocks (H, W, C) that reach into a box, each with its first row, column and channel."""
        read = self._make_band_reader(rows) if self.in_one_piece else self._make_segment_reader(rows, columns)
        apart = self.planes > 1
        for plane in range(*channels) if apart else (0,):
            for (top, left), block in read(plane):
                yield (top, left, plane if apart else 0), block

    def _make_band_reader(self, rows: tuple[int, int]) -> Any:
        """A function of a plane that yields its rows, band by band, of a file without compression."""
        page, (height, _) = self.page, self.segment
        dtype = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)

        def read(plane: int) -> Iterator[tuple[tuple[int, int], Array]]:
            start = page.dataoffsets[0] + plane * page.imagelength * self.row_bytes
            for top in range(rows[0], rows[1], height):
                count = min(height, rows[1] - top)
                data = self._read_bytes(start + top * self.row_bytes, count * self.row_bytes)
                yield (top, 0), np.frombuffer(data, dtype).reshape(count, page.imagewidth, -1)
        return read

    def _make_segment_reader(self, rows: tuple[int, int], columns: tuple[int, int]) -> Any:
        """A function of a plane that yields those strips or tiles, decoded, that lie in rows and columns."""
        page, (height, width) = self.page, self.segment
        down, across = ceil(page.imagelength / height), ceil(page.imagewidth / width)

        def read(plane: int) -> Iterator[tuple[tuple[int, int], Array]]:
            for i in range(rows[0] // height, ceil(rows[1] / height)):
                for j in range(columns[0] // width, ceil(columns[1] / width)):
                    yield (i * height, j * width), self._decode_segment((plane * down + i) * across + j)
        return read

    def _decode_segment(self, number: int) -> Array:
        """The samples of a strip or tile; nodata where the file leaves it out."""
        page, (height, width) = self.page, self.segment
        offset, count = page.dataoffsets[number], page.databytecounts[number]
        data = self._read_bytes(offset, count) if offset and count else None
        found = page.decode(data, number, jpegtables=page.jpegtables, jpegheader=page.jpegheader)[0]
        if found is None:
            return np.full((height, width, page.shaped[4]), page.nodata, page.dtype)
        return np.asarray(found[0])

    def _read_bytes(self, offset: int, count: int) -> bytes:
        """So many bytes from an offset, whole; one thread at a time."""
        with self.lock:
            self.stream.seek(offset)
            data = self.stream.read(count)
        if len(data) < count:
            raise PoolError("broken or truncated TIFF image (the file ends before its samples do); save it again from "
                            "the original")
        return data


@contextmanager
def _tiff_errors() -> Iterator[None]:
    """Whatever tifffile and its codecs raise, as one line."""
    try:
        yield
    except (PoolError, MemoryError):
        raise
    except OSError as error:
        raise PoolError(f"cannot be read: {error.strerror or describe_cause(error, '')}") from error
    except Exception as error:  # codecs raise what they like
        raise PoolError(f"broken or truncated TIFF image ({describe_cause(error, '')}); save it again from the "
                        "original") from error


# Opening.


def _least_bytes() -> int:
    """Samples of a picture that is worth reading box by box: fewer where little memory may be held."""
    return min(MIN_BYTES, budget() // 8)


def is_large(path: str, max_pixels: int | None) -> bool:
    """Return whether a file is a TIFF whose first page is worth reading box by box, by its first directory alone.

    Of more than ``max_pixels`` it never is, where there is such a limit.
    """
    try:
        with open(path, "rb") as stream:
            if sniff(stream.read(12)) != "TIFF":
                return False
            with pillow_limits(max_pixels or MAX_PIXELS, False):  # Pillow warns of damaged tags
                tags = read_first_tags(stream)
        width, height, samples, bits = (first_of(tags.get(tag, 1)) for tag in (256, 257, 277, 258))
        enough = bool(width * height * samples * bits >= 8 * _least_bytes())
        return enough and (max_pixels is None or width * height <= max_pixels)
    except Exception:  # reading it will say what is wrong
        return False


def open_boxes(path: str, *, indexed: bool = False) -> tuple[_TiffArray, Loaded] | None:
    """Open a large TIFF that can be read box by box.

    Parameters
    ----------
    path
        A file.
    indexed
        Whether the indices of a palette are pooled, and not its colours.

    Returns
    -------
    tuple of _TiffArray and Loaded, or None
        The samples, and what ``files.read`` would give, with an array that has no memory behind it. None where the
        picture is small, or where reading it takes more than decoding its strips and tiles.
    """
    if not has_tifffile():
        return None
    source = _TiffArray(path)
    try:
        with _tiff_errors():
            if source.opened.page.nbytes >= _least_bytes() and _is_plain(source.opened, indexed):
                return source, _describe_source(source)
    except PoolError:  # reading it at once will say what is wrong
        pass
    source.close()
    return None


def _is_plain(opened: _OpenedPage, indexed: bool) -> bool:
    """Whether decoded samples are those of the picture, and any strip or tile fits into memory."""
    page = opened.page
    if page.dtype is None or page.dtype.kind not in "biuf" or page.bitspersample != 8 * page.dtype.itemsize:
        return False
    if page.dtype.itemsize > 8 or page.imagedepth != 1 or 0 in page.shaped:
        return False
    if page.is_imagej or read_tag(page, _ORIENTATION) not in (None, 1):
        return False
    if page.photometric == _PALETTE:
        usual = indexed and page.samplesperpixel == 1 and page.dtype == np.uint8
    else:
        usual = page.photometric in (_GREY, _RGB, _SEPARATED) and set(page.extrasamples) <= {0, _ALPHA}
    height, width = opened.segment
    count = ceil(page.imagelength / height) * ceil(page.imagewidth / width) * opened.planes
    whole = opened.in_one_piece or len(page.dataoffsets) == len(page.databytecounts) == count
    return bool(usual) and whole and opened.segment_bytes <= _MAX_SEGMENT_BYTES


def _describe_source(source: _TiffArray) -> Loaded:
    """What ``files.read`` would say of the picture, and an array without memory."""
    opened, path = source.opened, source.path
    page = opened.page
    hollow = np.broadcast_to(np.zeros((), source.dtype), source.shape)
    palette = None
    if page.photometric == _PALETTE:
        palette = Palette((np.asarray(page.colormap).T >> 8).astype(np.uint8).tobytes())
    picture = Picture(hollow, _find_mode(page, hollow), palette, page.iccprofile)
    picture = with_page_tags(picture, partial(read_tag, page), big=opened.is_big)
    tag = page.tags.get(NODATA)
    picture = with_nodata(picture, tag.value if tag else None)
    carried, frames, notes = read_carried(path, lambda: len(page.parent.pages))
    info = ImageInfo(path, "TIFF", picture.mode, picture.icc_profile, palette, frames,
                     lossy=page.compression in (6, 7, 34892, 50001), notes=(*picture.notes, *notes), metadata=carried,
                     nodata=picture.nodata, storage=picture.storage,
                     place=None if picture.georeference is None else Place.of(picture.georeference, source.shape))
    return Loaded(hollow, "HWC"[: len(source.shape)], info)


def _find_mode(page: Any, hollow: Array) -> str | None:
    """The mode of a picture; None where its channels are numbers beside each other."""
    extra = tuple(page.extrasamples)
    if page.photometric == _PALETTE:
        return "P"
    if page.photometric == _SEPARATED:
        return INKS.get(hollow.dtype.name) if hollow.shape[2:] == (4,) else None
    colours = 1 if page.photometric == _GREY else 3
    if page.samplesperpixel != colours + len(extra) or extra not in ((), (_ALPHA,)):
        return None
    return mode_of(hollow.dtype, hollow.shape)
