"""Stacks that tifffile wrote, pooled, and read back by tifffile and scikit-image: never by ourselves."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from cli.calls import Call
from PIL import Image

from poolcli.batch.run_in_memory import picture_axes
from poolcli.files.images.metadata import describes_pixels

PAGES, HEIGHT, WIDTH = 24, 64, 80


def stack(dtype: str = "uint8") -> Any:
    """Noise of 24 pages."""
    noise = np.random.default_rng(3).integers(0, 250, (PAGES, HEIGHT, WIDTH), dtype=np.uint8)
    return noise.astype(dtype)


def halved(array: Any) -> Any:
    """The largest sample of each 2x2 block of the last two axes."""
    return np.maximum.reduce([array[..., y::2, x::2] for y in (0, 1) for x in (0, 1)])


WRITTEN: dict[str, dict[str, Any]] = {
    "shaped": {},
    "zlib": {"compression": "zlib"},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 2.0, "unit": "um"}, "resolution": (5, 5)},
    "ome": {"ome": True, "metadata": {"axes": "ZYX", "PhysicalSizeX": 0.108, "PhysicalSizeXUnit": "µm"}},
    "plain": {"metadata": None, "description": "A walk by the sea"},
}


@pytest.fixture
def run(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in the folder of the test's files."""
    monkeypatch.chdir(tmp_path)
    return here


@pytest.fixture
def complaints(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """What tifffile logs: of a description that is not about the pixels it complains, and raises nothing."""
    caplog.set_level(logging.WARNING, "tifffile")
    return caplog


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("kind", WRITTEN)
def test_a_pooled_stack_is_read_back_whole(kind: str, dtype: str, run: Call, tmp_path: Path,
                                           complaints: pytest.LogCaptureFixture) -> None:
    """All pages of the new size, by readers that others wrote, which have nothing to complain about."""
    tifffile.imwrite(tmp_path / "a.tif", stack(dtype), **WRITTEN[kind])
    complaints.clear()
    assert run("max", "-k", "2", "-q", "--frames", "all", "a.tif", "-o", "b.tif").code == 0
    assert run("max", "-k", "2", "-q", "a.tif", "-o", "first.tif").code == 0
    expected = halved(stack(dtype))
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), expected)
    # ImageJ's names of axes are read: without --frames all its planes are pooled (test_imagej.py)
    assert np.array_equal(tifffile.imread(tmp_path / "first.tif"), expected if kind == "imagej" else expected[0])
    assert complaints.messages == []
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages[0].dtype == dtype  # type: ignore[union-attr]
        assert file.pages[0].description == ("A walk by the sea" if kind == "plain" else "")  # type: ignore[union-attr]
        assert file.imagej_metadata is None and file.ome_metadata is None
        assert kind != "imagej" or 282 not in file.pages[0].tags  # type: ignore[union-attr]
    io = pytest.importorskip("skimage.io")
    assert np.array_equal(io.imread(tmp_path / "b.tif"), expected)


def test_colours_in_planes_are_read_back(run: Call, tmp_path: Path,
                                         complaints: pytest.LogCaptureFixture) -> None:
    """RGB of separate planes stays that, also where its description says the shape."""
    array = stack()[:3]
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", planarconfig="separate")
    assert run("max", "-k", "2", "-q", "a.tif", "-o", "b.tif").code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), halved(array))
    assert complaints.messages == []


def test_the_loss_of_a_description_is_told(run: Call, tmp_path: Path) -> None:
    """Of ImageJ's and OME's, with the result's other format as with --strip: nothing that was there is missed."""
    for kind, word in (("imagej", "ImageJ"), ("ome", "OME")):
        tifffile.imwrite(tmp_path / f"{kind}.tif", stack(), **WRITTEN[kind])
        said = run("max", "-k", "2", "--frames", "1", f"{kind}.tif", "-o", f"{kind}_b.tif").err
        assert f"its {word} description and resolution are left out" in said
        assert "left out" not in run("max", "-k", "2", "--frames", "1", f"{kind}.tif", "-o", f"{kind}.png").err
        assert word.encode() not in (tmp_path / f"{kind}.png").read_bytes()
    tifffile.imwrite(tmp_path / "a.tif", stack())
    assert "left out" not in run("max", "-k", "2", "a.tif", "-o", "b.tif").err


@pytest.mark.parametrize(("text", "program"), [
    ('{"shape": [24, 64, 80]}', "tifffile"), ('{"axes": "ZYX", "shape": [2, 3, 4]}', "tifffile"),
    ("shape=(24, 64, 80)", "tifffile"), ("ImageJ=1.54f\nimages=24\n", "ImageJ"),
    ("SCIFIO=0.42.0\naxes=X,Y\n", "SCIFIO"), ('<OME xmlns="http://www.openmicroscopy.org">', "OME"),
    ('<?xml version="1.0" encoding="UTF-8"?><!-- Warning: this comment -->\n<OME xmlns="x">', "OME"),
    ('<?xml version="1.0"?><ome:OME>', "OME"), ("Aperio Image Library v11\n46920x33014 [0,100]", "slide scanner"),
    ("A walk by the sea", None), ("ImageJ is a program", None), ("<p>OME</p>", None), ("", None), (7, None),
    ("{shape of things to come}", None),
])
def test_descriptions_of_pixels_are_told_from_words(text: object, program: str | None) -> None:
    """By how they begin."""
    assert describes_pixels(text) == program


def test_a_volume_is_written_as_pages(run: Call, tmp_path: Path) -> None:
    """Planes are pages, not channels of one page; with channels too, and where channels come first."""
    np.save(tmp_path / "v.npy", stack())
    assert run("max", "-q", "--layout", "DHW", "-k", "2", "v.npy", "-o", "v.tif").code == 0
    deep = np.maximum(halved(stack())[::2], halved(stack())[1::2])
    assert np.array_equal(tifffile.imread(tmp_path / "v.tif"), deep)
    with tifffile.TiffFile(tmp_path / "v.tif") as file:
        assert len(file.pages) == PAGES // 2
    np.save(tmp_path / "c.npy", np.stack([stack()] * 3))
    assert run("max", "-q", "--layout", "CDHW", "-k", "2", "c.npy", "-o", "c.tif").code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "c.tif"), np.stack([deep] * 3, axis=-1))
    np.save(tmp_path / "f.npy", stack("float64"))
    assert run("max", "-q", "--layout", "DHW", "-k", "2", "f.npy", "-o", "f.tif").code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "f.tif"), deep)


@pytest.mark.parametrize("ending", ["png", "jpg", "gif"])
def test_a_volume_is_no_animation(ending: str, run: Call, tmp_path: Path) -> None:
    """Formats without pages refuse it, and say what would do."""
    np.save(tmp_path / "v.npy", stack())
    said = run("max", "-q", "--layout", "DHW", "-k", "2", "v.npy", "-o", f"v.{ending}")
    assert said.code == 1 and "the result has 12 planes; .tif would hold them as pages" in said.err
    assert not (tmp_path / f"v.{ending}").exists()


@pytest.mark.parametrize("layout", [(), ("--layout", "DHW")])
@pytest.mark.parametrize("squeeze", [(), ("--squeeze",)])
@pytest.mark.parametrize("ending", ["tif", "png"])
def test_a_stack_is_projected(ending: str, squeeze: tuple[str, ...], layout: tuple[str, ...], run: Call,
                              tmp_path: Path) -> None:
    """One window over all pages: a picture of the size of one. Three values say themselves that pages are an axis."""
    tifffile.imwrite(tmp_path / "a.tif", stack(), imagej=True)
    done = run("max", "-q", "--size", "allx1x1", *squeeze, *layout, "--frames", "all", "a.tif", "-o",
               f"b.{ending}")
    assert done.code == 0, done.err
    read = tifffile.imread if ending == "tif" else lambda path: np.asarray(Image.open(path))
    assert np.array_equal(read(tmp_path / f"b.{ending}"), stack().max(0))


def test_colour_stacks_are_pooled_in_depth(run: Call, tmp_path: Path) -> None:
    """Windows of three values go over pages, rows and columns; channels stay."""
    array = np.stack([stack(), 249 - stack(), stack() // 2], axis=-1)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb")
    assert run("max", "-q", "-k", "2x2x2", "--frames", "all", "a.tif", "-o", "b.tif").code == 0
    by_channel = [np.maximum(halved(one)[::2], halved(one)[1::2]) for one in np.moveaxis(array, -1, 0)]
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), np.stack(by_channel, axis=-1))


def test_a_stack_of_more_than_a_thousand_pages_is_read_whole(run: Call, tmp_path: Path) -> None:
    """Pages are counted as far as a thousand where the first is wanted, and to the end where all are."""
    array = np.arange(1_010, dtype=np.uint16)[:, None, None] * np.ones((1, 2, 2), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
    assert run("max", "-q", "-k", "2", "--frames", "all", "a.tif", "-o", "b.tif").code == 0
    assert tifffile.imread(tmp_path / "b.tif").ravel().tolist() == list(range(1_010))
    assert run("max", "-q", "-k", "2", "--frames", "1010", "a.tif", "-o", "c.tif").code == 0
    assert tifffile.imread(tmp_path / "c.tif").tolist() == [[1_009]]
    assert "the file has 1,010" in run("max", "-q", "-k", "2", "--frames", "1011", "a.tif", "-o", "d.tif").err


def test_axes_of_pictures() -> None:
    """Planes first, batches before depth, channels last; two axes or one are as they are."""
    for letters, expected in (("HW", "HW"), ("CL", "CL"), ("HWC", "HWC"), ("CHW", "HWC"), ("NCL", "NLC"),
                              ("CDHW", "DHWC"), ("DNHW", "NDHW"), ("NDCHW", "NDHWC")):
        order, leading = picture_axes(letters)
        assert "".join(letters[i] for i in order) == expected
        assert leading == max(len(letters.replace("C", "")) - 2, 0)
