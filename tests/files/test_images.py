"""Pictures: what Pillow changes in silence is undone, noted or refused.

Named after the rows of the project's catalogue of faults: one row, one synthetic file.
"""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from files.pictures import chunk, noise, palette, png, png16, sample
from PIL import Image, ImageFile

from poolcli import files
from poolcli.errors import PoolError
from poolcli.files import DEFAULT_ENCODING, FORMATS, Encoding, ImageInfo, Loaded, Palette
from poolcli.files.images import encode
from poolcli.files.images.decode import read_image, sniff
from poolcli.files.images.encode import write_image
from poolcli.files.stderr_capture import capture_stderr, pillow_limits
from poolcli.optional_deps import lacking

tifffile = pytest.importorskip("tifffile")
NOTHING = ImageInfo("x", "NPY")


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encode with Pillow itself."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def read(data: bytes, name: str = "x", **options: Any) -> Loaded:
    """Read from memory."""
    return read_image(io.BytesIO(data), name, **options)


def written(array: Any, kind: str, source: ImageInfo = NOTHING, encoding: Encoding = DEFAULT_ENCODING) -> bytes:
    """Encode with poolcli."""
    stream = io.BytesIO()
    write_image(array, source, FORMATS[kind], stream, encoding)
    return stream.getvalue()


def tiff(array: Any, **options: Any) -> bytes:
    """Encode with tifffile, which holds what Pillow does not."""
    stream = io.BytesIO()
    tifffile.imwrite(stream, array, **options)
    return stream.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (9, 5)) -> Image.Image:
    """Return a Pillow image full of noise."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    array = noise("uint8", (size[1], size[0], channels)[: 3 if channels > 1 else 2])
    return Image.frombytes(mode, size, array.tobytes())


FILES = {
    "PNG": lambda: saved(picture(), "PNG"),
    "JPEG": lambda: saved(picture(), "JPEG"),
    "WEBP": lambda: saved(picture(size=(60, 60)), "WEBP", lossless=True),
    "TIFF": lambda: saved(picture(), "TIFF"),
    "GIF": lambda: saved(picture("L", (60, 60)), "GIF"),
    "BMP": lambda: saved(picture(), "BMP"),
    "PPM": lambda: saved(picture(), "PPM"),
}


# Reading


@pytest.mark.parametrize("kind", FILES)
def test_the_first_bytes_say_the_format(kind: str) -> None:
    """Every format is known without its name, and read."""
    data = FILES[kind]()
    assert sniff(data[:12]) == kind
    loaded = read(data)
    assert loaded.source.format == kind
    assert loaded.array.flags.c_contiguous
    assert loaded.layout == ("HW" if loaded.array.ndim == 2 else "HWC")


def test_empty_file(tmp_path: Path) -> None:
    """0 bytes: said so."""
    (tmp_path / "x.png").touch()
    with pytest.raises(PoolError, match=r"^empty file; "):
        files.read(tmp_path / "x.png")


@pytest.mark.parametrize("kind", FILES)
def test_truncated(kind: str) -> None:
    """Two thirds of a file fail, and the message names no file and is one line."""
    data = FILES[kind]()
    with pytest.raises(PoolError) as caught:
        read(data[: len(data) * 2 // 3], "name-of-the-file")
    assert "\n" not in str(caught.value) and "name-of-the-file" not in str(caught.value)
    assert "; " in str(caught.value)


def test_truncated_on_request() -> None:
    """The rows that are there come through when truncated files are allowed; Pillow's global switch is put back."""
    array = noise("uint8", (64, 64, 3))
    data = written(array, "PNG")
    loaded = read(data[: len(data) // 2], allow_truncated=True)
    assert np.array_equal(loaded.array[:20], array[:20])
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_wrong_ending_believes_the_bytes(tmp_path: Path) -> None:
    """A PNG called .jpg is read as PNG, with a note; so is an array called .png."""
    (tmp_path / "x.jpg").write_bytes(FILES["PNG"]())
    loaded = files.read(tmp_path / "x.jpg")
    assert loaded.source.format == "PNG"
    assert loaded.source.notes == ("holds PNG data in spite of its ending",)
    with (tmp_path / "y.png").open("wb") as stream:
        np.save(stream, np.ones(3))
    assert files.read(tmp_path / "y.png").source.notes == ("holds NPY data in spite of its ending",)


@pytest.mark.parametrize("data", [b"hello, world", b"<!DOCTYPE html>", b"\0\0\0\1Bud1\0\0", b"P", b"\x89PNG"])
def test_no_picture_named_explicitly(data: bytes) -> None:
    """Text, HTML, .DS_Store: what would work is said."""
    with pytest.raises(PoolError, match=r"not an image that poolcli reads; PNG, .* would work"):
        read(data)


@pytest.mark.parametrize("data", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"%PDF-1.7\n", b"<svg/>", b"8BPS\0\1"])
def test_no_ghostscript(data: bytes) -> None:
    """EPS, PDF, SVG, PSD called .png never reach a decoder: only the seven plugins exist, each called by name."""
    with pytest.raises(PoolError, match="not an image that poolcli reads"):
        read(data, "x.png")


def test_palettes_are_expanded() -> None:
    """Indices are no numbers: P gives RGB, P with tRNS gives RGBA, PA gives RGBA."""
    indices = noise("uint8", (5, 7)) % 200
    colours = np.frombuffer(palette().colours, "uint8").reshape(-1, 3)
    loaded = read(written(indices, "PNG", ImageInfo("x", "PNG", "P", palette=palette())))
    assert (loaded.source.mode, loaded.layout) == ("RGB", "HWC")
    assert np.array_equal(loaded.array, colours[indices])

    loaded = read(written(indices, "PNG", ImageInfo("x", "PNG", "P+A", palette=palette(True))))
    assert loaded.source.mode == "RGBA"
    assert np.array_equal(loaded.array[..., :3], colours[indices])
    assert np.array_equal(loaded.array[..., 3], np.where(indices == 3, 0, 255))

    both = np.dstack((indices, indices))
    loaded = read(written(both, "TIFF", ImageInfo("x", "TIFF", "PA", palette=palette())))
    assert np.array_equal(loaded.array, np.dstack((colours[indices], indices)))


@pytest.mark.parametrize("kind", ["PNG", "GIF", "TIFF", "BMP"])
def test_indices_on_request_keep_the_palette(kind: str) -> None:
    """mode and subsample pool the indices: read and written they stay indices of the same colours."""
    indices, source = sample("P")
    loaded = read(written(indices, kind, source), indexed=True)
    assert (loaded.source.mode, loaded.layout) == ("P", "HW")
    assert np.array_equal(loaded.array, indices)
    assert loaded.source.palette is not None and loaded.source.palette.colours[: 3 * 200] == palette().colours
    again = read(written(loaded.array, kind, loaded.source), indexed=True)
    assert np.array_equal(again.array, indices)
    assert again.source.palette == loaded.source.palette


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_indices_on_request_keep_transparency(kind: str) -> None:
    """The transparent colour is still the transparent colour, and still has its colour."""
    indices, source = sample("P+A")
    loaded = read(written(indices, kind, source), indexed=True)
    assert loaded.source.mode == "P+A"
    assert loaded.source.palette is not None and loaded.source.palette.alpha is not None
    assert loaded.source.palette.alpha[:200] == palette(True).alpha
    assert np.array_equal(loaded.array, indices)
    assert read(written(indices, kind, source)).source.mode == "RGBA"


@pytest.mark.parametrize(
    ("mode", "kind"), [("P", "WEBP"), ("P+A", "WEBP"), ("P", "PPM"), ("P+A", "TIFF"), ("PA", "PNG")]
)
def test_indices_are_expanded_for_a_format_without_palettes(mode: str, kind: str) -> None:
    """After pooling, indices become their colours where the output has no palettes."""
    array, source = sample(mode)
    table = palette(mode == "P+A")
    colours = np.frombuffer(table.colours, "uint8").reshape(-1, 3)[array[..., 0] if mode == "PA" else array]
    want = colours
    if mode == "P+A":
        want = np.dstack((colours, np.where(array == 3, 0, 255)))
    if mode == "PA":
        want = np.dstack((colours, array[..., 1]))
    assert np.array_equal(read(written(array, kind, source)).array, want)


def test_a_palette_shorter_than_its_indices_is_filled_up() -> None:
    """Colours beyond the palette are black, alpha beyond the table is opaque; one channel may be an axis."""
    source = ImageInfo("x", "PNG", "P+A", palette=Palette(bytes([9, 9, 9, 8, 8, 8]), b"\0"))
    got = read(written(np.array([[[0], [1], [2]]], "uint8"), "WEBP", source)).array
    assert got.tolist() == [[[9, 9, 9, 0], [8, 8, 8, 255], [0, 0, 0, 255]]]


def test_a_short_palette_reaches_the_highest_index() -> None:
    """Pillow packs as many bits as the palette needs: an index beyond it would lose its high bits."""
    source = ImageInfo("x", "PNG", "P", palette=Palette(bytes(9)))
    assert np.array_equal(read(written(np.array([[0, 200]], "uint8"), "PNG", source), indexed=True).array, [[0, 200]])


def test_gif_has_one_transparent_colour() -> None:
    """Half transparent palettes, or two transparent colours, are sent to PNG."""
    indices, _ = sample("P")
    for alpha in (bytes([128] * 200), bytes([0, 128]), bytes([0, 0, 255])):
        source = ImageInfo("x", "PNG", "P+A", palette=Palette(palette().colours, alpha))
        with pytest.raises(PoolError, match=r"GIF holds one fully transparent colour .*; \.png can hold it"):
            written(indices, "GIF", source)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_transparent_grey_is_found_after_stretching(depth: int) -> None:
    """tRNS names a sample of 1, 2 or 4 bits; Pillow 13 stretches the picture to 8 bits and forgets to stretch it."""
    top = 2**depth - 1
    row = (top << (8 - depth)).to_bytes(1, "big")  # one pixel of the highest level, then zeros
    width = 8 // depth if depth < 8 else 1
    loaded = read(png(width, 1, depth, 0, [row], chunk(b"tRNS", top.to_bytes(2, "big"))))
    assert loaded.source.mode == "LA"
    assert loaded.array[0, 0].tolist() == [255, 0]
    assert all(pixel == [0, 255] for pixel in loaded.array[0, 1:].tolist())


def test_transparent_colour_of_rgb_and_of_16_bits() -> None:
    """RGB becomes RGBA; 16-bit grey cannot, and says so."""
    data = png(2, 1, 8, 2, [bytes([1, 2, 3, 1, 2, 4])], chunk(b"tRNS", bytes([0, 1, 0, 2, 0, 3])))
    assert read(data).array.tolist() == [[[1, 2, 3, 0], [1, 2, 4, 255]]]
    loaded = read(png(1, 1, 16, 0, [b"\1\2"], chunk(b"tRNS", b"\1\2")))
    assert loaded.array.tolist() == [[258]]
    assert "16-bit" in loaded.source.notes[0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_bilevel_is_bool(kind: str) -> None:
    """True is one byte of 1: a bool array made of 0 and 255, as Pillow gives it, sums to 255 times the count."""
    array = noise("bool", (9, 11))
    loaded = read(written(array, kind))
    assert loaded.source.mode == "1"
    assert loaded.array.dtype == bool and set(np.unique(loaded.array.view("uint8"))) <= {0, 1}
    assert np.array_equal(loaded.array, array)


def test_16_bit_grey_is_kept_and_native() -> None:
    """I;16 and I;16B keep their bits; a big-endian file arrives in native order."""
    array = noise("uint16", (5, 7))
    for data in (written(array, "PNG"), tiff(array, byteorder=">"), tiff(array, byteorder="<", compression="zlib")):
        loaded = read(data)
        assert loaded.array.dtype == np.dtype("uint16") and loaded.array.dtype.isnative
        assert loaded.source.mode == "I;16"
        assert np.array_equal(loaded.array, array)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bit_colour_png_keeps_its_bits(channels: int) -> None:
    """Pillow gives 8 bits and says nothing; here both bytes of every sample come through."""
    array = noise("uint16", (5, 7, channels))
    loaded = read(png16(array))
    assert loaded.array.dtype == np.dtype("uint16")
    assert np.array_equal(loaded.array, array)


def test_16_bit_colour_png_with_a_transparent_colour_says_so() -> None:
    """No format holds 16-bit RGB with alpha."""
    loaded = read(png16(noise("uint16", (2, 2, 3)), chunk(b"tRNS", bytes(6))))
    assert loaded.source.notes == ("its one transparent colour is kept as colour: 16 bits",)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}, {"tile": (16, 16)}])
@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour_tiff_keeps_its_bits(channels: int, options: dict[str, Any]) -> None:
    """Whatever order and compression."""
    array = noise("uint16", (20, 17, channels))
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    loaded = read(tiff(array, photometric="rgb", **extra, **options))
    assert np.array_equal(loaded.array, array)


def test_16_bit_cmyk_tiff_keeps_its_bits() -> None:
    """And stays CMYK."""
    array = noise("uint16", (9, 7, 4))
    loaded = read(tiff(array, photometric="separated"))
    assert loaded.source.mode == "CMYK;16" and np.array_equal(loaded.array, array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_white_as_0_is_turned_over(dtype: str) -> None:
    """A TIFF that counts ink: Pillow inverts 8 bits, and not 16, and either would be written as counting light."""
    array = noise(dtype, (9, 7))
    assert np.array_equal(read(tiff(array, photometric="miniswhite")).array, ~array)


def test_16_bit_ppm_keeps_its_bits() -> None:
    """P6 with maxval 65535."""
    array = noise("uint16", (5, 7, 3))
    loaded = read(b"P6\n7 5\n65535\n" + array.astype(">u2").tobytes())
    assert np.array_equal(loaded.array, array)
    with pytest.raises(PoolError, match="truncated PPM"):
        read(b"P6\n7 5\n65535\n" + bytes(100))
    with pytest.raises(PoolError, match="plain-text PPM of 16 bits"):
        read(b"P3\n1 1\n65535\n1 2 3\n")


@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "float32"])
def test_tiff_keeps_sign_width_and_order(dtype: str, compression: str | None, byteorder: Any) -> None:
    """Pillow 13 gives int8 as uint8, uint32 as int32, and swaps the bytes of compressed big-endian files."""
    array = noise(dtype, (9, 16))
    data = tiff(array, compression=compression, byteorder=byteorder, photometric="minisblack")
    loaded = read(data)
    assert loaded.array.dtype == np.dtype(dtype)
    assert np.array_equal(loaded.array, array)


OTHERS = [("float16", 1), ("float64", 1), ("int64", 1), ("float32", 3), ("int16", 3), ("uint8", 5), ("uint16", 2)]


def planes(array: Any, planar: str, photometric: str = "minisblack", **options: Any) -> bytes:
    """Encode (H, W, C) as one page, its channels side by side or in planes."""
    if array.shape[2] == 1:
        return tiff(array[..., 0], photometric=photometric)
    lying = array if planar == "contig" else np.ascontiguousarray(array.transpose(2, 0, 1))
    return tiff(lying, photometric=photometric, planarconfig=planar, **options)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(("dtype", "channels"), OTHERS)
def test_other_tiff_is_read_by_tifffile(dtype: str, channels: int, planar: str) -> None:
    """float16, float64, many channels: with the extra they are read, channels last, whichever way they lie."""
    array = noise(dtype, (9, 17, channels))
    loaded = read(planes(array, planar))
    assert loaded.array.dtype == np.dtype(dtype)
    assert np.array_equal(loaded.array.reshape(array.shape), array)


@pytest.mark.parametrize(("dtype", "channels"), OTHERS)
def test_other_tiff_without_the_extra_is_named(
    dtype: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without tifffile the message says what it is and what to install."""
    monkeypatch.setitem(sys.modules, "tifffile", None)
    array = noise(dtype, (9, 17, channels))
    data = planes(array, "contig")
    with pytest.raises(PoolError, match=rf"TIFF of {dtype} with {channels} .*pip install poolcli\[tiff\]"):
        read(data)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_planes_come_together(dtype: str, channels: int, compression: str | None) -> None:
    """Pillow reads 16-bit planes as 8-bit ones."""
    array = noise(dtype, (9, 17, channels))
    extra = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    data = planes(array, "separate", "rgb", compression=compression, **extra)
    assert np.array_equal(read(data).array, array)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_extra_channels_are_not_dropped(dtype: str, planar: str) -> None:
    """RGB with a fourth channel of no stated meaning: Pillow reads three."""
    array = noise(dtype, (9, 17, 4))
    data = planes(array, planar, "rgb", extrasamples=["unspecified"])
    assert np.array_equal(read(data).array, array)


def test_complex_tiff_and_odd_colour_spaces_are_refused() -> None:
    """tifffile would read them, and pooling could not."""
    with pytest.raises(PoolError, match="complex64 with 1 channel cannot be pooled"):
        read(tiff(np.ones((4, 4), "complex64")))
    data = tiff(noise("uint16", (4, 4)), photometric="palette", colormap=np.zeros((3, 65536), "uint16"))
    with pytest.raises(PoolError, match="with indices or an unusual colour space"):
        read(data)


def test_premultiplied_alpha_is_noted() -> None:
    """Pillow divides it out, which rounds."""
    array = np.full((2, 2, 4), 128, "uint8")
    loaded = read(tiff(array, photometric="rgb", extrasamples=["assocalpha"]))
    assert loaded.source.notes == ("premultiplied alpha divided out of the colours",)


def test_pgm_of_100_levels_is_noted() -> None:
    """Its white is 100; the output's is 255."""
    loaded = read(b"P5\n3 1\n100\n" + bytes([0, 50, 100]))
    assert loaded.array.tolist() == [[0, 128, 255]] and loaded.array.dtype == np.uint8
    assert loaded.source.notes == ("levels 0 to 100 stretched to 0 to 255",)
    assert read(b"P2\n3 1\n100\n0 50 100\n").source.notes == ("levels 0 to 100 stretched to 0 to 255",)


def test_pgm_of_65535_levels_is_uint16() -> None:
    """Pillow gives int32."""
    array = noise("uint16", (5, 7))
    for data in (
        b"P5\n7 5\n65535\n" + array.astype(">u2").tobytes(),
        b"P2\n7 5\n65535\n" + " ".join(map(str, array.ravel())).encode() + b"\n",
    ):
        loaded = read(data)
        assert (loaded.array.dtype, loaded.source.mode, loaded.source.notes) == (np.uint16, "I;16", ())
        assert np.array_equal(loaded.array, array)
    between = read(b"P5\n2 1\n1000\n" + np.array([500, 2000], ">u2").tobytes())
    assert between.array.tolist() == [[32768, 65535]]
    assert between.source.notes == ("levels 0 to 1000 stretched to 0 to 65535",)


def test_cmyk_stays_four_channels() -> None:
    """CMYK JPEG and TIFF are pooled as they are, and written as they were."""
    array = noise("uint8", (5, 7, 4))
    loaded = read(saved(Image.fromarray(array, "CMYK"), "TIFF"))
    assert loaded.source.mode == "CMYK" and np.array_equal(loaded.array, array)
    with Image.open(io.BytesIO(written(loaded.array, "TIFF", loaded.source))) as image:
        assert image.mode == "CMYK" and np.array_equal(np.asarray(image), array)
    flat = np.full((16, 16, 4), (10, 200, 60, 120), "uint8")
    loaded = read(written(flat, "JPEG", ImageInfo("x", "JPEG", "CMYK")))
    assert loaded.source.mode == "CMYK" and loaded.source.lossy
    assert np.abs(loaded.array.astype(int) - flat).max() <= 2


def test_ycbcr_becomes_rgb_and_lab_stays() -> None:
    """The mean of a hue is wrong; LAB is written back as LAB."""
    if int(PIL.__version__.split(".")[0]) >= 13:  # 12.3 takes such a file for a truncated one
        image = picture("RGB").convert("YCbCr")
        loaded = read(saved(image, "TIFF"))
        assert loaded.source.mode == "RGB"
        assert np.array_equal(loaded.array, np.asarray(image.convert("RGB")))
    array, source = sample("LAB")
    loaded = read(written(array, "TIFF", source))
    assert loaded.source.mode == "LAB" and np.array_equal(loaded.array, array)


def test_colour_under_alpha_0_is_data() -> None:
    """PNG, TIFF and WebP give it back; WebP does so only when told to be exact."""
    array = noise("uint8", (9, 9, 4))
    array[..., 3] = np.arange(9) % 2 * 255
    for kind in ("PNG", "TIFF", "WEBP"):
        assert np.array_equal(read(written(array, kind)).array, array)


def _frames(kind: str, count: int = 3, **options: Any) -> bytes:
    pictures = [
        picture("RGB", (20 + (kind == "MPO"), 20)).point(lambda v, i=i: (v + 70 * i) % 256) for i in range(count)
    ]
    return saved(pictures[0], kind, save_all=True, append_images=pictures[1:], **options)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG", "MPO"])
def test_the_first_of_several_frames(kind: str) -> None:
    """GIF, multi-page TIFF, WebP, APNG and MPO: the first, and a note with the count."""
    loaded = read(_frames(kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert loaded.source.frames == 3
    assert loaded.source.notes == ("the first of 3 frames",)
    assert loaded.source.format == ("JPEG" if kind == "MPO" else kind)
    if kind in ("TIFF", "WEBP", "PNG"):
        assert np.array_equal(loaded.array, np.asarray(picture("RGB", (20, 20))))


def test_frames_are_counted_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain of TIFF pages costs Pillow its square."""
    monkeypatch.setattr("poolcli.files.images.decode.MAX_FRAMES", 4)
    assert read(_frames("TIFF", 6)).source.notes == ("the first of 4 or more frames",)


def test_a_broken_second_frame_spoils_nothing() -> None:
    """The first is good, and that there is something else is said."""
    data = _frames("TIFF", 2)
    loaded = read(data[: len(data) // 2 + 40])
    assert np.array_equal(loaded.array, np.asarray(picture("RGB", (20, 20))))
    assert loaded.source.notes == ("what follows its first frame cannot be read",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_and_dropped(kind: str, orientation: int) -> None:
    """The picture stands upright before pooling, and the output has no tag to turn it again."""
    upright = np.zeros((16, 32, 3), "uint8")
    upright[:8, :16] = 255
    upright[8:, :16] = 90
    back = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, 1)
    stored = Image.fromarray(upright)
    methods = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF orientation -> PIL.Image.Transpose
    if back in methods:
        stored = stored.transpose(Image.Transpose(methods[back]))
    exif = Image.Exif()
    exif[274] = orientation
    loaded = read(saved(stored, kind, exif=exif, **({"quality": 100} if kind == "JPEG" else {})))
    assert loaded.array.shape == upright.shape
    assert loaded.array.flags.c_contiguous
    assert np.abs(loaded.array.astype(int) - upright).max() <= 40
    again = read(written(loaded.array, "PNG", loaded.source))
    assert np.array_equal(again.array, loaded.array)


def test_a_tifffile_page_is_turned_too() -> None:
    """What is read without Pillow stands upright as well."""
    array = noise("float64", (3, 5))
    loaded = read(tiff(array, extratags=[(274, 3, 1, 6, True)]))
    assert np.array_equal(loaded.array, np.rot90(array, -1))


@pytest.mark.parametrize("exif", [b"Exif\0\0nonsense", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\1\x12"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_does_not_fail_the_picture(kind: str, exif: bytes) -> None:
    """It says nothing about the pixels."""
    assert read(saved(picture(), kind, exif=exif)).array.shape == (5, 9, 3)


ICC = {space: bytes(16) + space + bytes(108) for space in (b"RGB ", b"GRAY", b"CMYK", b"Lab ")}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_icc_profile_is_kept_whatever_else_is_stripped(kind: str) -> None:
    """Colours mean the same; comments, GPS and the like travel unless they are not wanted."""
    exif = Image.Exif()
    exif[0x010E] = "secret words"
    loaded = read(saved(picture(), kind, icc_profile=ICC[b"RGB "], exif=exif))
    assert loaded.source.icc_profile == ICC[b"RGB "]
    data = written(loaded.array, kind, loaded.source)
    assert read(data).source.icc_profile == ICC[b"RGB "]
    assert b"secret words" in data
    stripped = written(loaded.array, kind, loaded.source, Encoding(strip=True))
    assert read(stripped).source.icc_profile == ICC[b"RGB "]
    assert b"secret words" not in stripped


def test_a_profile_of_another_colour_space_is_dropped() -> None:
    """One channel pooled out of three is no longer RGB."""
    source = ImageInfo("x", "PNG", "RGB", ICC[b"RGB "])
    assert read(written(noise("uint8", (5, 7)), "PNG", source)).source.icc_profile is None
    assert read(written(noise("uint8", (5, 7, 4)), "PNG", source)).source.icc_profile == ICC[b"RGB "]


def test_a_bomb_is_refused_from_the_header() -> None:
    """17,000 x 17,000 pixels in a file of 100 bytes: nothing is decoded, nothing is warned of."""
    bomb = png(17_000, 17_000, 8, 0, [b""])
    with pytest.raises(PoolError, match=r"^17000x17000 is more than 178,956,970 pixels; --max-pixels"):
        read(bomb)
    gif = b"GIF89a" + (60_000).to_bytes(2, "little") * 2 + b"\0\0\0,\0\0\0\0" + b"\x60\xea\x60\xea\0\2\0;"
    with pytest.raises(PoolError, match="--max-pixels"):
        read(gif)


def test_the_limit_is_exact_and_can_be_raised() -> None:
    """45 pixels pass a limit of 45, and not of 44; Pillow's own numbers are as before."""
    before = Image.MAX_IMAGE_PIXELS
    for kind, make in FILES.items():
        if kind in ("WEBP", "GIF"):
            continue
        assert read(make(), max_pixels=45).array.shape == (5, 9, 3)
        with pytest.raises(PoolError, match="9x5 is more than 44 pixels"):
            read(make(), max_pixels=44)
    assert before == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", FILES)
def test_no_warning_leaks_between_pillows_two_limits(kind: str) -> None:
    """Pillow warns from half of its limit on; here that is no warning, no error, in no thread."""
    data = FILES[kind]()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        pixels = 3_600 if kind in ("WEBP", "GIF") else 45
        assert read(data, max_pixels=pixels).array.size
    assert not seen


def test_webp_is_refused_before_its_canvas_is_made() -> None:
    """The canvas is allocated by opening; from 13.0 on Pillow's own check stands before that, with our limit."""
    newer = int(PIL.__version__.split(".")[0]) >= 13
    said = "more pixels than allowed" if newer else "60x60 is more than 1,000 pixels"
    with pytest.raises(PoolError, match=rf"^{said}; --max-pixels raises the limit"):
        read(FILES["WEBP"](), max_pixels=1_000)


def test_a_raised_limit_holds_for_pillow_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's own limit would refuse what --max-pixels allows."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    for make in FILES.values():
        assert read(make()).array.size
    assert Image.MAX_IMAGE_PIXELS == 10


def test_a_text_bomb_fails_its_file() -> None:
    """Pillow caps decompressed PNG text; the cap is a PoolError like all else."""
    import zlib

    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(80_000_000)))
    with pytest.raises(PoolError, match="Decompressed data too large"):
        read(png(1, 1, 8, 0, [b"\0"], text))


def _noisy_tiff() -> bytes:
    data = bytearray(tiff(noise("uint8", (64, 64)), compression="zlib"))
    at = bytes(data).index(b"\x78")  # the zlib stream begins with its compression method
    data[at + 2 : at + 40] = bytes(38)
    return bytes(data)


def test_libtiff_is_quoted_and_kept_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    """What libtiff prints to fd 2 belongs to that file's error, and not on the terminal."""
    with pytest.raises(PoolError, match=r"decoder error -2: .*Decoding error"):
        read(_noisy_tiff())
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_chatter_of_two_threads_is_nobodys() -> None:
    """Two at once share the capture; whose line it is cannot be told, so no error quotes it."""
    with capture_stderr() as one:
        os.write(2, b"alone\n")
        assert one.first_line() == "alone"
        with capture_stderr() as two:
            os.write(2, b"whose?\n")
            assert (one.first_line(), two.first_line()) == ("", "")


def test_a_closed_stderr_breaks_nothing(tmp_path: Path) -> None:
    """With fd 2 closed there is nothing to capture, and the picture that gets the number 2 is read all the same."""
    code = (
        "from poolcli import files\n"
        "loaded = files.read('a.png'); files.write('b.png', loaded.array, loaded.source); print(loaded.array.shape)"
    )
    array = noise("uint8", (200, 300, 3))
    (tmp_path / "a.png").write_bytes(written(array, "PNG"))
    command = f'exec "{sys.executable}" -c "$0" 2>&-'
    done = subprocess.run(["sh", "-c", command, code], cwd=tmp_path, stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"(200, 300, 3)\n"
    assert np.array_equal(read((tmp_path / "b.png").read_bytes()).array, array)


def test_a_stderr_closed_later_breaks_nothing() -> None:
    """There is nothing to put back then."""
    code = "import io, os, sys; from poolcli import files; data = io.BytesIO(sys.stdin.buffer.read()); os.close(2)\n"
    code += "print(files.read('-', stdin=data).array.shape)"
    done = subprocess.run([sys.executable, "-c", code], input=FILES["PNG"](), stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"(5, 9, 3)\n"


def test_python_keeps_its_stderr() -> None:
    """keep_stderr() gives sys.stderr a descriptor of its own: a progress bar is not swallowed by a capture."""
    code = (
        "import sys, os\nfrom poolcli.files.stderr_capture import capture_stderr, keep_stderr\nkeep_stderr()\n"
        "with capture_stderr():\n    print('mine', file=sys.stderr)\n    os.write(2, b'theirs')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stderr == b"mine\n"


def test_pillows_log_stays_off_stderr() -> None:
    """Without a handler, logging prints errors to stderr as a last resort."""
    data = planes(noise("uint8", (4, 4, 9)), "contig")
    code = (
        "from poolcli import files\nfrom poolcli.files.stderr_capture import keep_stderr\n"
        "keep_stderr()\nprint(files.read('-').array.shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"(4, 4, 9)\n", b"")


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (65_535, 1)])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "GIF"])
def test_thin_pictures(kind: str, size: tuple[int, int]) -> None:
    """1x1, 1xN, 65535x1."""
    array = noise("uint8", size)
    assert np.array_equal(read(written(array, kind)).array, array)


def test_decoding_is_the_same_on_many_threads() -> None:
    """Strict and lenient readers wait for each other: the switch that they need is global in Pillow."""
    whole = written(noise("uint8", (64, 64, 3)), "PNG")
    wrong: list[str] = []

    def work(lenient: bool) -> None:
        for _ in range(15):
            try:
                read(whole[: len(whole) // 2], allow_truncated=lenient)
            except PoolError:
                if lenient:
                    wrong.append("a lenient reader was refused")
            else:
                if not lenient:
                    wrong.append("a strict reader took half a picture")

    threads = [threading.Thread(target=work, args=(i % 2 == 0,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_the_gate_is_put_back_when_setting_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half set is undone, and the next one gets in."""
    before = Image.MAX_IMAGE_PIXELS
    with monkeypatch.context() as patch:
        patch.setattr(warnings, "filterwarnings", lambda *args, **kw: 1 / 0)
        with pytest.raises(ZeroDivisionError), pillow_limits(100, True):
            pass
    assert before == Image.MAX_IMAGE_PIXELS and ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert read(FILES["PNG"]()).array.shape == (5, 9, 3)


# Writing


def _exact(name: str, mode: str) -> Any:
    reason = lacking(library) if (library := FORMATS[name].library) else None
    return pytest.param(name, mode, marks=pytest.mark.skipif(reason is not None, reason=f"{name} {reason}"))


EXACT = [_exact(name, mode) for name, row in FORMATS.items() if not row.lossy for mode in sorted(row.modes)]


@pytest.mark.parametrize("pipe", [False, True])
@pytest.mark.parametrize(("kind", "mode"), EXACT)
def test_every_row_of_the_table_comes_back(kind: str, mode: str, pipe: bool) -> None:
    """Written and read again, the array and its mode are the same, into a file and into a pipe."""
    array, source = sample(mode)
    if kind == "GIF" and mode == "RGBA":
        array[..., 3] = 255
        array[0, 0] = (9, 9, 9, 0)
    if kind == "GIF" and mode == "LA":
        array[..., 1] = 255
        array[0, 0] = (9, 0)
    stream = _Pipe() if pipe else io.BytesIO()
    write_image(array, source, FORMATS[kind], stream)
    loaded = read(stream.getvalue(), indexed=mode in ("P", "P+A", "PA"))
    if (kind, mode) == ("GIF", "LA"):  # the colours of a palette are RGB
        array, mode = np.dstack((array[..., :1],) * 3 + (array[..., 1:],)), "RGBA"
    assert loaded.source.mode == mode
    assert loaded.array.dtype == array.dtype
    assert np.array_equal(loaded.array, array)


class _Pipe(io.BytesIO):
    """Neither seeks nor tells."""

    def seekable(self) -> bool:
        return False

    def seek(self, *args: Any) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


def test_writing_in_the_middle_of_a_stream() -> None:
    """TIFF offsets count from where the picture begins, and bytes that are there stay."""
    stream = io.BytesIO(b"before")
    stream.seek(6)
    array = noise("uint8", (5, 7))
    write_image(array, NOTHING, FORMATS["TIFF"], stream)
    assert stream.getvalue()[:6] == b"before"
    assert np.array_equal(read(stream.getvalue()[6:]).array, array)


@pytest.mark.parametrize("view", ["fortran", "negative", "swapped", "readonly", "one channel"])
def test_strided_arrays_are_written_alike(view: str) -> None:
    """Order, stride and byte order are no part of a picture."""
    array = noise("uint16", (5, 7))
    odd = {
        "fortran": np.asfortranarray(array),
        "negative": np.ascontiguousarray(array[::-1])[::-1],
        "swapped": array.astype(">u2"),
        "readonly": np.frombuffer(array.tobytes(), "uint16").reshape(5, 7),
        "one channel": array[..., np.newaxis],
    }[view]
    assert written(odd, "PNG") == written(array, "PNG")


def test_jpeg_quality_and_subsampling() -> None:
    """95 without chroma subsampling by default; --quality is obeyed."""
    array = noise("uint8", (64, 64, 3))
    data = written(array, "JPEG")
    with Image.open(io.BytesIO(data)) as image:
        assert image.layer == [(1, 1, 1, 0), (2, 1, 1, 1), (3, 1, 1, 1)]  # type: ignore[attr-defined]
    assert len(written(array, "JPEG", encoding=Encoding(quality=20))) < len(data) / 2
    assert np.abs(read(data).array.astype(int) - array).max() < 40


def test_jpeg_by_a_file_in_memory_has_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there so that threads run side by side; where there is none, or it is full, the result is the same."""
    array = noise("uint8", (37, 53, 3))
    data = written(array, "JPEG")
    monkeypatch.setattr(encode, "_file_in_memory", Full)
    assert written(array, "JPEG") == data
    monkeypatch.setattr(encode, "_file_in_memory", lambda: None)
    assert written(array, "JPEG") == data


class Full(io.BytesIO):
    """A file that loses its end."""

    def read(self, size: int | None = -1) -> bytes:
        """All but the last byte."""
        return super().read(size)[:-1]



def test_webp_lossy_on_request() -> None:
    """The default is lossless; without it the file is smaller and reads back as lossy."""
    array = noise("uint8", (64, 64, 3))
    data = written(array, "WEBP", encoding=Encoding(lossless=False))
    assert read(data).source.lossy and not read(written(array, "WEBP")).source.lossy
    assert len(data) < len(written(array, "WEBP"))


def test_gif_counts_colours_before_it_quantises() -> None:
    """256 colours are exact, 257 are refused; Pillow would pick the nearest of 256."""
    colours = np.arange(257, dtype="uint32").view("uint8").reshape(1, 257, 4)[..., :3]
    assert np.array_equal(read(written(colours[:, :256], "GIF")).array, colours[:, :256])
    with pytest.raises(PoolError, match=r"GIF holds 256 colours and the result has 257; \.png can hold it"):
        written(colours, "GIF")
    grey = np.repeat(np.arange(256, dtype="uint8")[None, :, None], 3, 2)
    assert np.array_equal(read(written(grey, "GIF")).array, grey), "a grey ramp must not come back as one channel"


@pytest.mark.parametrize("bad", ["float64", "uint32", "int64"])
def test_nothing_is_converted_in_silence(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """float64 -> F overflowed, uint32 became negative: refused before a byte is written."""
    monkeypatch.setattr("poolcli.files.formats.has_tifffile", lambda: False)
    stream = io.BytesIO()
    with pytest.raises(PoolError, match=r"TIFF cannot hold .*; \.npy can"):
        write_image(np.ones((3, 3), bad), NOTHING, FORMATS["TIFF"], stream)
    assert not stream.getvalue()


class _Full(io.RawIOBase):
    """A disk with room for 1,000 bytes, that takes part of a write before it refuses the next."""

    def __init__(self) -> None:
        self.left = 1_000

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self.left:
            raise OSError(28, "No space left on device")
        taken = min(self.left, len(data))
        self.left -= taken
        return taken


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_a_full_disk_is_an_error_with_its_errno(kind: str) -> None:
    """No short write passes for a whole one, and the errno is not lost in a message of Pillow's."""
    array = np.indices((200, 200)).sum(0).astype("uint8")
    array = np.dstack((array,) * 3) ^ noise("uint8", (200, 200, 1)) % 4
    with pytest.raises(OSError) as caught, io.BufferedWriter(_Full()) as stream:
        write_image(array, NOTHING, FORMATS[kind], stream)
        stream.flush()
    assert caught.value.errno == 28


@pytest.mark.parametrize(("kind", "mode"), [one for one in EXACT if one.values[0] != "GIF"])
def test_the_same_array_gives_the_same_bytes(kind: str, mode: str) -> None:
    """No clock, no random order in any output."""
    array, source = sample(mode)
    assert written(array, kind, source) == written(array, kind, source)


def test_gate_8_nothing_gathers_in_pillows_log(tmp_path: Path) -> None:
    """A hundred files add no more than one handler to it: they were 0.3 KB each, 30 MB of 100,000 files."""
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "a.png")
    for _ in range(100):
        files.read(tmp_path / "a.png")
    assert 1 <= len(logging.getLogger("PIL").handlers) < 50
