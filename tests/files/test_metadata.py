"""What a picture carries beside its pixels: kept where it stays true, put right where it does not, or stripped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from files.pictures import noise
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from poolcli.files import Encoding, read, write

WIDTH, HEIGHT, MAKER_NOTE, TAKEN = 40962, 40963, 37500, 36867
ICC = bytes(16) + b"RGB " + bytes(108)
XMP = (b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6" exif:PixelXDimension="40" '
       b'dc:title="Sea"><tiff:Orientation>6</tiff:Orientation></rdf:Description></x:xmpmeta>')


def exif(maker_note: bytes = b"secret") -> Image.Exif:
    """Tags of a camera that was held upright."""
    tags = Image.Exif()
    tags[271], tags[33432], tags[274], tags[306] = "Maker", "Somebody", 6, "2024:01:02 03:04:05"
    tags[0x8769] = {TAKEN: "2024:01:02 03:04:05", WIDTH: 40, HEIGHT: 30, MAKER_NOTE: maker_note, 33434: 0.008}
    tags[0x8825] = {1: "N", 2: (47.0, 22.0, 3.0)}
    return tags


def photograph(path: Path, **options: Any) -> Path:
    """A photograph on its side with all that can be carried."""
    kept = {"exif": exif().tobytes(), "dpi": (300, 300), "icc_profile": ICC}
    Image.fromarray(noise("uint8", (30, 40, 3))).save(path, **kept, **options)
    return path


def again(source: Path, out: Path, **options: Any) -> Image.Image:
    """Pooled by subsampling and written."""
    loaded = read(source)
    write(out, np.ascontiguousarray(loaded.array[::2, ::2]), loaded.source, encoding=Encoding(**options))
    return Image.open(out)


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".tif"])
def test_exif_is_kept_and_put_right(kind: str, ending: str, tmp_path: Path) -> None:
    """Date, place, copyright and exposure stay; the orientation has been applied, and the size is the new one."""
    with again(photograph(tmp_path / f"a{kind}"), tmp_path / f"b{ending}") as image:
        tags = image.getexif()
        inner = tags.get_ifd(0x8769)
        assert image.size == (15, 20)
        assert (tags[271], tags[33432]) == ("Maker", "Somebody")
        assert tags.get(274, 1) == 1
        assert (inner[TAKEN], inner[WIDTH], inner[HEIGHT]) == ("2024:01:02 03:04:05", 15, 20)
        assert float(inner[33434]) == 0.008 and inner[MAKER_NOTE] == b"secret"
        assert tags.get_ifd(0x8825)[1] == "N"
        assert image.info["icc_profile"] == ICC


@pytest.mark.parametrize("kind", [".jpg", ".png", ".tif"])
def test_resolution_is_kept(kind: str, tmp_path: Path) -> None:
    """Dots per inch, which print shops read."""
    with again(photograph(tmp_path / f"a{kind}"), tmp_path / "b.png") as image:
        assert [round(one) for one in image.info["dpi"]] == [300, 300]


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
def test_xmp_is_kept_without_what_is_no_longer_true(ending: str, tmp_path: Path) -> None:
    """Orientation and sizes, as attributes and as elements."""
    with again(photograph(tmp_path / "a.jpg", xmp=XMP), tmp_path / f"b{ending}") as image:
        packet = image.info["xmp"]
        assert b'dc:title="Sea"' in packet
        assert b"Orientation" not in packet and b"Dimension" not in packet


def test_texts_are_kept(tmp_path: Path) -> None:
    """Of PNG by their keywords; a comment as a comment. Profiles that ImageMagick hides in texts are left out."""
    info = PngInfo()
    info.add_text("Author", "Änne")
    info.add_text("Comment", "by the sea")
    info.add_text("Raw profile type exif", "\nexif\n 4\n00000000")
    photograph(tmp_path / "a.png", pnginfo=info)
    with again(tmp_path / "a.png", tmp_path / "b.png") as image:
        image.load()
        assert image.text == {"Author": "Änne", "Comment": "by the sea"}  # type: ignore[attr-defined]
    with again(tmp_path / "b.png", tmp_path / "c.jpg") as image:
        assert image.info["comment"] == b"by the sea"


@pytest.mark.parametrize("ending", [".jpg", ".png", ".webp", ".tif"])
def test_strip_leaves_the_colour_profile(ending: str, tmp_path: Path) -> None:
    """Nothing else: no date, no place, no packet."""
    with again(photograph(tmp_path / "a.jpg", xmp=XMP, comment=b"x"), tmp_path / f"b{ending}", strip=True) as image:
        assert image.info["icc_profile"] == ICC
        assert not {"exif", "xmp", "comment"} & set(image.info)
        assert not {271, 33432, 0x8769, 0x8825} & set(image.getexif())


def test_a_thumbnail_of_the_old_picture_is_dropped(tmp_path: Path) -> None:
    """Viewers would show it, turned. It lies behind the tags, where no tag that is kept leads."""
    Image.fromarray(noise("uint8", (6, 8, 3))).save(tmp_path / "a.jpg", exif=exif().tobytes() + b"THUMBNAIL")
    assert b"THUMBNAIL" in (tmp_path / "a.jpg").read_bytes()
    with again(tmp_path / "a.jpg", tmp_path / "b.jpg") as image:
        assert image.getexif()[271] == "Maker"
    assert b"THUMBNAIL" not in (tmp_path / "b.jpg").read_bytes()


def test_exif_that_a_jpeg_cannot_hold_costs_the_makers_note(tmp_path: Path) -> None:
    """From a PNG, where it may be of any length."""
    Image.fromarray(noise("uint8", (6, 8, 3))).save(tmp_path / "a.png", exif=exif(bytes(70_000)).tobytes())
    with again(tmp_path / "a.png", tmp_path / "b.jpg") as image:
        assert image.getexif()[271] == "Maker" and MAKER_NOTE not in image.getexif().get_ifd(0x8769)


def test_damaged_exif_is_left_out(tmp_path: Path) -> None:
    """It says nothing about the pixels."""
    Image.fromarray(noise("uint8", (6, 8, 3))).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\xff\xff" + bytes(9))
    with again(tmp_path / "a.jpg", tmp_path / "b.jpg") as image:
        assert image.size == (4, 3)


def test_an_animation_keeps_its_comment(tmp_path: Path) -> None:
    """From its first frame."""
    from poolcli.files import Frames

    frames = [Image.fromarray(noise("uint8", (6, 8), seed)) for seed in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], comment=b"hello")
    loaded = read(tmp_path / "a.gif", frames=Frames())
    write(tmp_path / "b.gif", loaded.array, loaded.source)
    with Image.open(tmp_path / "b.gif") as image:
        assert image.info["comment"] == b"hello"
