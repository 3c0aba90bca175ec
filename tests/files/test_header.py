"""What a header says of an array is what reading it gives, and no pixel is decoded for it."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from poolcli import files
from poolcli.errors import PoolError


def turned(orientation: int) -> Image.Exif:
    """EXIF with this orientation."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_shapes_are_upright(tmp_path: Path, orientation: int, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photograph that lies on its side has its height and width as they are read."""
    path = tmp_path / f"picture.{kind}"
    Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(path, exif=turned(orientation))
    wanted = files.read(path).array.shape
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    found = files.load_header(path, max_pixels=files.MAX_PIXELS)
    assert found is not None and found.array.shape == wanted and found.layout == "HWC"


TIFFS = [("uint8", 1, {}), ("uint8", 3, {}), ("uint8", 4, {"extrasamples": ["unassalpha"]}), ("uint16", 1, {}),
         ("uint16", 3, {}), ("float32", 1, {}), ("int8", 1, {}), ("float64", 1, {}),
         ("uint8", 4, {"photometric": "separated"}),
         ("uint8", 1, {"photometric": "miniswhite"}), ("uint8", 3, {"planarconfig": "separate"}),
         ("uint16", 3, {"compression": "zlib", "tile": (16, 16)})]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(("dtype", "channels", "options"), TIFFS)
def test_tiff_by_its_tags(tmp_path: Path, dtype: str, channels: int, options: dict[str, Any], orientation: int,
                          monkeypatch: pytest.MonkeyPatch) -> None:
    """Shape and type are those that reading gives."""
    tifffile = pytest.importorskip("tifffile")
    array = np.zeros((5, 7, channels)[: 3 if channels > 1 else 2], dtype)
    if options.get("planarconfig") == "separate":
        array = array.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "x.tif", array, metadata=None, extratags=[(274, 3, 1, orientation, True)],
                     **{"photometric": "rgb" if channels >= 3 else "minisblack", **options})
    wanted = files.read(tmp_path / "x.tif")
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    found = files.load_header(tmp_path / "x.tif", max_pixels=files.MAX_PIXELS)
    assert found is not None or dtype == "float64"  # Pillow has no mode for it
    if found is not None:
        assert (found.array.shape, found.array.dtype, found.layout) == (wanted.array.shape, wanted.array.dtype,
                                                                        wanted.layout)
        assert found.source.mode == (wanted.source.mode if "CMYK" in (wanted.source.mode or "") else None)


def test_npz_by_its_header(tmp_path: Path) -> None:
    """Of the array that --key names, with read's errors."""
    np.savez(tmp_path / "x.npz", a=np.zeros((3, 4), "i2"), b=np.zeros(5))
    found = files.load_header(tmp_path / "x.npz", max_pixels=files.MAX_PIXELS, key="a")
    assert found is not None and (found.array.shape, found.array.dtype) == ((3, 4), "i2")
    with pytest.raises(PoolError, match="--key takes one of: a, b"):
        files.load_header(tmp_path / "x.npz", max_pixels=files.MAX_PIXELS)


def test_an_orientation_behind_the_pixels_is_not_guessed(tmp_path: Path) -> None:
    """Some programs write a PNG's EXIF last: then the header does not say."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(stream, "PNG", exif=turned(6))
    data = stream.getvalue()
    start = data.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(data[start : start + 4], "big")
    end = data.index(b"IEND") - 4
    path = tmp_path / "late.png"
    path.write_bytes(data[:start] + data[stop:end] + data[start:stop] + data[end:])
    assert files.read(path).array.shape == (7, 5)
    assert files.load_header(path, max_pixels=files.MAX_PIXELS) is None


def palette_picture(transparent: bool) -> Image.Image:
    """Seven columns of indices, four bits each in the file."""
    image = Image.fromarray(np.zeros((5, 7), np.uint8), "L").convert("P")
    if transparent:
        image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(("image", "indexed"), [
    (Image.new("1", (7, 5)), False), (Image.new("1", (7, 5)), True), (palette_picture(False), True),
    (palette_picture(True), True)], ids=["bits", "bits of a mask", "palette", "transparent"])
@pytest.mark.parametrize("ending", ["png", "bmp"])
def test_bits_and_palettes(tmp_path: Path, image: Image.Image, indexed: bool, ending: str,
                           monkeypatch: pytest.MonkeyPatch) -> None:
    """One-bit pixels are bool, and a palette's indices, where these are asked for, bytes."""
    path = tmp_path / f"x.{ending}"
    image.save(path)
    wanted = files.read(path, indexed=indexed)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    found = files.load_header(path, max_pixels=files.MAX_PIXELS, indexed=indexed)
    assert found is not None
    assert (found.array.shape, found.array.dtype, found.layout) == (wanted.array.shape, wanted.array.dtype, "HW")


def list_facts(found: files.Loaded) -> tuple[Any, ...]:
    """What is known of an array beside its samples."""
    source, place = found.source, found.source.place
    assert place is not None
    return (found.array.shape, found.array.dtype, found.layout, source.nodata, source.notes, place.georeference,
            [axis.spacing for axis in place.axes])


@pytest.mark.parametrize(("dtype", "slope", "packed"), [("int16", 1, False), ("uint8", 1, True), ("float32", 1, False),
                                                        ("int16", 0.5, True)])
def test_nifti_by_its_header(tmp_path: Path, dtype: str, slope: float, packed: bool,
                             monkeypatch: pytest.MonkeyPatch) -> None:
    """Shape, type, axes and place are those that reading gives; scaled numbers are float64."""
    nibabel = pytest.importorskip("nibabel")
    from poolcli.files.georef import nifti

    path = tmp_path / ("x.nii.gz" if packed else "x.nii")
    volume = nibabel.Nifti1Image(np.zeros((3, 4, 5), dtype), np.diag([2, 2, 3, 1]))
    volume.header.set_slope_inter(slope, 0)
    nibabel.save(volume, path)
    wanted = files.read(path)
    monkeypatch.setattr(nifti, "_read_samples", None)
    found = files.load_header(path, max_pixels=files.MAX_PIXELS)
    assert found is not None
    assert list_facts(found) == list_facts(wanted)
    with pytest.raises(PoolError, match="60 samples"):
        files.load_header(path, max_pixels=59)


@pytest.mark.parametrize("options", [{}, {"BZERO": 2**15}, {"BZERO": 7}, {"BSCALE": 0.5, "BLANK": -1}, {"BLANK": 3}],
                         ids=str)
@pytest.mark.parametrize("compressed", [False, True])
def test_fits_by_its_header(tmp_path: Path, options: dict[str, float], compressed: bool,
                            monkeypatch: pytest.MonkeyPatch) -> None:
    """Shape, type, missing value and place are those that reading gives; of a packed file nothing is said."""
    fits = pytest.importorskip("astropy.io.fits")
    from poolcli.files.georef import fits as module

    path, array = tmp_path / "x.fits", np.arange(20, dtype=np.int16).reshape(4, 5)
    unit = fits.CompImageHDU(array) if compressed else fits.PrimaryHDU(array)
    unit.header["CTYPE1"] = "VELO"
    fits.HDUList([unit] if not compressed else [fits.PrimaryHDU(), unit]).writeto(path)
    if not compressed:  # astropy would scale what it writes
        data = path.read_bytes()
        cards = "".join(f"{name:8}= {value:>20}".ljust(80) for name, value in options.items())
        end = data.index(b"END" + b" " * 77)
        path.write_bytes(data[:end] + cards.encode() + data[end : 2880 - len(cards)] + data[2880:])
    wanted = files.read(path)
    monkeypatch.setattr(module, "_np_native", None)
    found = files.load_header(path, max_pixels=files.MAX_PIXELS)
    assert found is not None
    assert list_facts(found) == list_facts(wanted)
    (tmp_path / "y.fits.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert files.load_header(tmp_path / "y.fits.gz", max_pixels=files.MAX_PIXELS) is None


def test_damaged_headers_of_modules_are_for_reading(tmp_path: Path) -> None:
    """Whatever a library raises there is said when the file is read."""
    pytest.importorskip("astropy")
    (tmp_path / "x.fits").write_bytes(b"SIMPLE  =                    T".ljust(80) + b"BITPIX  = x".ljust(2800))
    try:
        assert files.load_header(tmp_path / "x.fits", max_pixels=files.MAX_PIXELS) is None
    except PoolError as error:
        assert "\n" not in str(error)
