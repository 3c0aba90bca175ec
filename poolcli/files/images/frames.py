"""Files of several pictures: the pages of a document, the frames of an animation as they are seen.

Frames are stacked along a first axis N, so that one pooling serves them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...core.place import Place
from ...errors import PoolError
from ..image_info import AnimationTiming, ImageInfo, Loaded
from ..size_limits import check_total
from . import metadata
from .palettes import TooManyColours, quantise
from .pixels import find_rawmode, gather

if TYPE_CHECKING:
    from PIL import Image, ImageFile

    from ..formats import Format
    from ..image_info import Array, Palette
    from .pillow_open import Opener

    Prepare = Callable[[Array, ImageInfo, Format], tuple[Array, str, Palette | None]]

_SLIDE = 1000.0
"""Milliseconds of a page that becomes a frame."""
_LETTERS = {3: "NHW", 4: "NHWC"}


def count_frames(image: ImageFile.ImageFile) -> int:
    """How many frames an animation has, without the picture for those who show none."""
    return int(getattr(image, "n_frames", 1)) - _count_stills(image)


def _count_stills(image: ImageFile.ImageFile) -> int:
    return int(bool(image.info.get("default_image")))


def read_animation(file: Opener, numbers: range) -> Loaded:
    """The frames of these numbers, composited whole, disposal done; all of one mode, with their timing."""
    image = file.open()
    if find_rawmode(image).endswith(";16B"):
        raise PoolError("frames of 16 bits, of which Pillow keeps 8; --frames first would work")
    still = _count_stills(image)
    check_total(image.size, len(numbers), file.max_pixels)
    carried = metadata.read_metadata(image)
    frames, durations = [], []
    for number in range(still + numbers.stop):
        image.seek(number)
        image.load()
        if number - still in numbers:
            frames.append(gather(_convert_to_plain(image)))
            durations.append(float(image.info.get("duration") or 0))
    array, mode = _stack_frames(frames)
    timing = AnimationTiming(tuple(durations), _count_plays(image)) if len(frames) > 1 else None
    source = ImageInfo(file.name, file.kind, mode, image.info.get("icc_profile"), frames=len(frames), pages=len(frames),
                       timing=timing, metadata=carried)
    return Loaded(array, _LETTERS[array.ndim], source)


def _convert_to_plain(image: ImageFile.ImageFile) -> Image.Image:
    if image.has_transparency_data:
        return image.convert("RGBA")
    return image.convert("L") if image.mode in ("1", "L") else image.convert("RGB")


def _count_plays(image: ImageFile.ImageFile) -> int:
    """How often it is played: GIF says how often it is repeated, or nothing."""
    loop = image.info.get("loop")
    if image.format != "GIF":
        return int(loop or 0)
    return 1 if loop is None else int(loop) + 1 if loop else 0


def read_pages(file: Opener, numbers: range, read: Callable[[Opener], Loaded]) -> Loaded:
    """The pages of these numbers, each read by ``read``; PoolError where they are of several sizes or kinds."""
    chain = _open_chained(file)
    found: list[Loaded] = []
    for number in numbers:
        opener = replace(file, frame=number, ready=_seek_page(chain, number), image=None, counts=False, claimed=False)
        found.append(read(opener))
        check_total(found[0].array.shape[1::-1], len(numbers), file.max_pixels)
    kinds = {(page.array.shape, page.array.dtype, page.source.mode) for page in found}
    if len(kinds) > 1:
        raise PoolError(f"its pages are of {len(kinds)} sizes or kinds, and only like ones go together; "
                        "--frames N takes one page")
    import numpy as np

    array = np.stack([page.array for page in found])
    notes = tuple(note for note in found[0].source.notes if "frames" not in note)
    source = replace(found[0].source, pages=len(found), notes=notes, place=None)
    source = _with_place(source, found, array.shape)
    if len({repr(page.source.nodata) for page in found}) > 1:
        source = replace(source, nodata=None, notes=(*notes, "its pages name different nodata values, none is used; "
                                                     "--nodata V names one for all"))
    return Loaded(array, "N" + (found[0].layout or "HW"), source)


def _with_place(source: ImageInfo, found: Sequence[Loaded], shape: tuple[int, ...]) -> ImageInfo:
    """Give a stack the place of its pages, where all that have one have the same."""
    places = [page.source.place.georeference for page in found if page.source.place is not None]
    if not places:
        return source
    if any(place != places[0] for place in places):
        return replace(source, notes=(*source.notes, "its pages lie in different places, and none is kept; --frames N "
                                                     "takes one page"))
    return replace(source, place=Place.of(places[0].in_stack(), shape))


def _seek_page(chain: ImageFile.ImageFile | None, number: int) -> ImageFile.ImageFile | None:
    """The chain at a page, unless Pillow has no mode for that one."""
    if chain is None:
        return None
    try:
        chain.seek(number)
    except Exception:
        return None
    return chain


def _open_chained(file: Opener) -> ImageFile.ImageFile | None:
    """An image that goes from page to page, if Pillow has a mode for the first; else each page is opened by itself."""
    try:
        return file.open()
    except PoolError:
        raise
    except Exception:
        return None


def _stack_frames(frames: Sequence[Array]) -> tuple[Array, str]:
    """Frames of 1, 3 or 4 channels with as many as the one that has most, and their mode."""
    import numpy as np

    channels = max(1 if frame.ndim == 2 else frame.shape[2] for frame in frames)
    if channels == 1:
        return np.stack(frames), "L"
    return np.stack([_add_channels(frame, channels) for frame in frames]), {3: "RGB", 4: "RGBA"}[channels]


def _add_channels(frame: Array, channels: int) -> Array:
    import numpy as np

    colour = np.repeat(frame[..., None], 3, axis=2) if frame.ndim == 2 else frame
    if colour.shape[2] == channels:
        return colour
    return np.dstack((colour, np.full(colour.shape[:2], 255, "uint8")))


def one_frame(loaded: Loaded) -> Loaded:
    """The one picture of a stack of one."""
    place = None if loaded.source.place is None else loaded.source.place.first()
    source = replace(loaded.source, pages=None, timing=None, place=place)
    return Loaded(loaded.array[0], (loaded.layout or "NHW")[1:], source)


# Writing.


def frames_for(
    array: Array, source: ImageInfo, row: Format, prepared: Prepare
) -> tuple[list[tuple[Array, str, Palette | None]], str, tuple[str, ...]]:
    """Each frame as ``row`` takes it, the mode of all, and what is lost: GIF frames of too many colours lose some."""
    lost: tuple[str, ...] = ()
    frames = []
    for one in array:
        try:
            frames.append(prepared(one, source, row))
        except TooManyColours:
            frames.append(quantise(one))
            lost = ("lossy: GIF, some frames of more than 256 colours; .webp and .png can hold them",)
    modes = [mode for _, mode, _ in frames]
    return frames, next((mode for mode in modes if mode.endswith("A")), modes[0]), lost


def play_times(timing: AnimationTiming | None, row: Format, count: int, mode: str) -> dict[str, Any]:
    """How Pillow is told the timing, by format. Frames replace each other whole, their transparency included."""
    if not row.is_animated:
        return {}
    plays = 0 if timing is None else timing.plays
    return {"duration": [round(ms) for ms in _share_durations(timing, count)], **row.timing(plays, mode.endswith("A"))}


def _share_durations(timing: AnimationTiming | None, count: int) -> list[float]:
    """Milliseconds for ``count`` frames: the source's, or its time shared out where frames were pooled too."""
    if timing is None:
        return [_SLIDE] * count
    if len(timing.durations) == count:
        return list(timing.durations)
    return [sum(timing.durations) / count] * count

