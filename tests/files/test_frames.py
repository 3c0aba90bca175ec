"""Files of several pictures: pages and frames are kept as they are seen, with their timing."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files.pictures import noise
from PIL import Image, ImageDraw

from poolcli.errors import PoolError
from poolcli.files import Frames, ImageInfo, read, write
from poolcli.files.image_info import AnimationTiming

ALL = Frames()
DURATIONS = [100, 200, 300, 50, 70]


def drawn(transparent: bool = False) -> list[Image.Image]:
    """A ball that rolls behind a box, on paper or on nothing."""
    frames = []
    for i in range(5):
        frame = Image.new("RGBA", (64, 48), (0, 0, 0, 0) if transparent else (240, 240, 220, 255))
        draw = ImageDraw.Draw(frame)
        draw.ellipse((i * 8, 8, i * 8 + 20, 30), fill=(200, 30, 30, 255))
        draw.rectangle((40, 30 + i, 60, 44), fill=(20, 40, 200, 255))
        frames.append(frame if transparent else frame.convert("RGB"))
    return frames


def saved(path: Path, frames: list[Image.Image], **options: Any) -> Path:
    """The file that Pillow makes of them."""
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    return path


def seen(path: Path) -> tuple[list[Any], list[Any], Any]:
    """What somebody sees: RGBA of each frame, hidden colours left out, its milliseconds, and the loop."""
    with Image.open(path) as image:
        frames, times = [], []
        for i in range(image.n_frames):
            image.seek(i)
            array = np.array(image.convert("RGBA"))
            frames.append(np.where(array[..., 3:] == 0, 0, array))
            times.append(image.info.get("duration"))
        return frames, times, image.info.get("loop")


SOURCES: dict[str, dict[str, Any]] = {
    "a.gif": {"duration": DURATIONS, "loop": 0},
    "a.webp": {"duration": DURATIONS, "loop": 0, "lossless": True, "exact": True},
    "a.png": {"duration": DURATIONS, "loop": 0},
}
CLEAR: dict[str, dict[str, Any]] = {"a.gif": {"disposal": 2}, "a.png": {"disposal": 1}}


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("name", SOURCES)
def test_an_animation_stays_what_it_was(name: str, ending: str, transparent: bool, tmp_path: Path) -> None:
    """From every format to every other: the same frames are seen, as long as before, and as often."""
    source = saved(tmp_path / name, drawn(transparent), **SOURCES[name], **(CLEAR.get(name, {}) if transparent else {}))
    loaded = read(source, frames=ALL)
    assert loaded.layout == "NHWC" and loaded.source.pages == 5
    out = tmp_path / f"out{ending}"
    write(out, loaded.array, loaded.source)
    (before, times, loop), (after, times_after, loop_after) = seen(source), seen(out)
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
    assert times_after == times == DURATIONS and loop_after == loop == 0


@pytest.mark.parametrize(("plays", "gif", "others"), [(0, 0, 0), (1, None, 1), (4, 3, 4)])
def test_how_often_it_is_played(plays: int, gif: int | None, others: int, tmp_path: Path) -> None:
    """GIF counts repetitions and says nothing of one play; APNG and WebP count plays."""
    array = np.stack([np.asarray(frame) for frame in drawn()])
    source = ImageInfo("x", "GIF", "RGB", pages=5, timing=AnimationTiming((100.0,) * 5, plays))
    for ending, loop in ((".gif", gif), (".png", others), (".webp", others)):
        path = tmp_path / f"x{ending}"
        write(path, array, source)
        assert seen(path)[2] == loop
        found = read(path, frames=ALL).source.timing
        assert found is not None and found.plays == plays


def test_a_picture_for_those_who_show_no_animation_is_no_frame(tmp_path: Path) -> None:
    """APNG may begin with one."""
    path = saved(tmp_path / "a.png", drawn(), duration=DURATIONS[1:], default_image=True)
    loaded = read(path, frames=ALL)
    assert loaded.source.pages == 4
    assert np.array_equal(loaded.array[0], np.asarray(drawn()[1]))


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "RGBA", "CMYK", "I;16"])
def test_pages_stay_pages(mode: str, tmp_path: Path) -> None:
    """Every kind of page that TIFF has comes back, all of them."""
    dtype, channels = {"1": ("bool", 1), "I;16": ("uint16", 1)}.get(mode, ("uint8", len(mode)))
    pages = [noise(dtype, (6, 7, channels)[: 3 if channels > 1 else 2], seed) for seed in range(3)]
    source = ImageInfo("x", "TIFF", "CMYK" if mode == "CMYK" else None, pages=3)
    write(tmp_path / "x.tif", np.stack(pages), source)
    loaded = read(tmp_path / "x.tif", frames=ALL)
    assert np.array_equal(loaded.array, np.stack(pages)) and loaded.array.dtype == dtype
    assert loaded.source.timing is None and loaded.layout in ("NHW", "NHWC")


def test_pages_that_pillow_does_not_read(tmp_path: Path) -> None:
    """16-bit colour and floats, page by page."""
    tifffile = pytest.importorskip("tifffile")
    for dtype in ("uint16", "float32"):
        pages = noise(dtype, (3, 5, 6, 3))
        tifffile.imwrite(tmp_path / f"{dtype}.tif", pages, photometric="rgb")
        loaded = read(tmp_path / f"{dtype}.tif", frames=ALL)
        assert np.array_equal(loaded.array, pages)
        assert read(tmp_path / f"{dtype}.tif").source.notes == ("the first of 3 frames",)
        assert np.array_equal(read(tmp_path / f"{dtype}.tif", frames=2).array, pages[1])


@pytest.mark.parametrize("name", ["a.gif", "a.tif"])
def test_one_frame_or_some(name: str, tmp_path: Path) -> None:
    """A number gives a picture, a range gives those from the first to the last of it; both count from 1."""
    path = saved(tmp_path / name, drawn())
    whole = read(path, frames=ALL).array
    one = read(path, frames=3)
    assert one.layout == "HWC" and one.source.pages is None and np.array_equal(one.array, whole[2])
    assert np.array_equal(read(path, frames=Frames(2, 4)).array, whole[1:4])
    with pytest.raises(PoolError, match="no frame 4-9: the file has 5"):
        read(path, frames=Frames(4, 9))


def test_a_file_of_one_picture_gives_that(tmp_path: Path) -> None:
    """So that --frames all may be said of a whole folder."""
    for name in ("x.jpg", "x.gif", "x.png", "x.tif"):
        drawn()[0].save(tmp_path / name)
        loaded = read(tmp_path / name, frames=ALL)
        assert loaded.source.pages is None and loaded.layout == "HWC"


def test_frames_are_capped(tmp_path: Path) -> None:
    """The limit on pixels is for all frames together, before one of them is decoded."""
    for name in ("a.gif", "a.tif"):
        path = saved(tmp_path / name, drawn())
        with pytest.raises(PoolError, match="5 frames of 64x48 are more than 10,000 pixels together"):
            read(path, frames=ALL, max_pixels=10_000)


def test_what_holds_one_picture_says_so(tmp_path: Path) -> None:
    """And names those that hold several."""
    source = ImageInfo("x", "GIF", "RGB", pages=3)
    with pytest.raises(PoolError, match=r"JPEG holds one picture, not 3; .png, .tif, .gif or .webp can"):
        write(tmp_path / "x.jpg", noise("uint8", (3, 4, 5, 3)), source)


@pytest.mark.parametrize("channels", [3, 4])
def test_gif_frames_of_many_colours_are_quantised_and_said_to_be(channels: int, tmp_path: Path) -> None:
    """An animated GIF has to become a GIF; what is lost is noted."""
    ramp = np.zeros((2, 32, 32, channels), np.uint8)
    ramp[..., 0], ramp[..., 1], ramp[..., 3:] = np.arange(32)[:, None] * 8, np.arange(32) * 8, 255
    ramp[1, :4, :4] = 0
    notes = write(tmp_path / "x.gif", ramp, ImageInfo("x", "GIF", pages=2, timing=AnimationTiming((100.0, 100.0))))
    assert notes and notes[0].startswith("lossy: GIF")
    frames, _, _ = seen(tmp_path / "x.gif")
    visible = ramp[1][4:, 4:, :3].astype(int)
    assert np.abs(frames[1][4:, 4:, :3] - visible).mean() < 8
    assert channels == 3 or not frames[1][:4, :4].any()


def test_pages_of_several_sizes_are_refused(tmp_path: Path) -> None:
    """They have no common array; one of them can be taken."""
    first, second = drawn()[:2]
    path = saved(tmp_path / "x.tif", [first, second.resize((30, 20))])
    with pytest.raises(PoolError, match="--frames N takes one page"):
        read(path, frames=ALL)
    assert read(path, frames=2).array.shape == (20, 30, 3)


def test_an_animation_into_a_pipe(tmp_path: Path) -> None:
    """Formats that Pillow writes by seeking are finished first."""
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    loaded = read(saved(tmp_path / "a.gif", drawn()), frames=ALL)
    for name in ("png", "tiff", "webp", "gif"):
        pipe = Pipe()
        write(pipe, loaded.array, loaded.source, name)
        (tmp_path / f"x.{name}").write_bytes(pipe.getvalue())
        assert np.array_equal(read(tmp_path / f"x.{name}", frames=ALL).array[..., :3], loaded.array)


WIDE = [("uint16", 3), ("uint16", 4), ("uint16", 2), ("uint16", 5), ("float32", 3), ("float64", 1), ("float16", 4),
        ("uint32", 1), ("int64", 2), ("uint8", 7), ("int16", 3)]


@pytest.mark.parametrize("pages", [None, 3])
@pytest.mark.parametrize(("dtype", "channels"), WIDE)
def test_tiff_of_what_pillow_has_no_mode_for(dtype: str, channels: int, pages: int | None, tmp_path: Path) -> None:
    """16-bit colour, floats, many channels: written with the extra, read back by tifffile itself and by poolcli."""
    tifffile = pytest.importorskip("tifffile")
    shape = (pages or 1, 6, 7, channels)
    array = noise(dtype, shape)[..., 0] if channels == 1 else noise(dtype, shape)
    array = array if pages else array[0]
    write(tmp_path / "x.tif", array, ImageInfo("x", "NPY", pages=pages))
    assert np.array_equal(tifffile.imread(tmp_path / "x.tif"), array)
    loaded = read(tmp_path / "x.tif", frames=ALL if pages else None)
    assert np.array_equal(loaded.array, array) and loaded.array.dtype == dtype


def test_16_bit_tiff_keeps_who_took_it(tmp_path: Path) -> None:
    """Texts, resolution and profile through the other writer."""
    pytest.importorskip("tifffile")
    icc = bytes(16) + b"RGB " + bytes(108)
    exif = Image.Exif()
    exif[271], exif[33432] = "Maker", "Somebody"
    Image.fromarray(noise("uint8", (5, 6, 3))).save(tmp_path / "a.jpg", exif=exif, icc_profile=icc, dpi=(300, 300))
    write(tmp_path / "b.tif", noise("uint16", (5, 6, 3)), read(tmp_path / "a.jpg").source)
    source = read(tmp_path / "b.tif").source
    assert source.icc_profile == icc and source.metadata is not None
    assert source.metadata.exif[271] == "Maker" and source.metadata.dpi == (300.0, 300.0)


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the formats that hold it as they are."""
    monkeypatch.setattr("poolcli.files.formats.has_tifffile", lambda: False)
    with pytest.raises(PoolError, match=r"; .png or .npy can, and .tif with pip install poolcli\[tiff\]"):
        write(tmp_path / "x.tif", noise("uint16", (5, 6, 3)), ImageInfo("x", "NPY"))
