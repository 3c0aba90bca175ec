"""The nodata value that a TIFF names (tag 42113): heeded, said, written to the result, and turned off."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from cli.calls import Call
from PIL import Image

TAG = 42113


@pytest.fixture
def run(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Call the command line in the folder of the test's files."""
    monkeypatch.chdir(tmp_path)
    return here


def raster(dtype: str = "float32", missing: float = -9999) -> Any:
    """4 x 4 of which the first block has no sample, the second one, the third all but one."""
    array = np.arange(1, 17, dtype=dtype).reshape(4, 4)
    array[:2, :2] = missing
    array[0, 2] = array[0, 3] = array[1, 2] = missing
    array[3, 1] = missing
    return array


def save(path: Path, array: Any, text: str, **options: Any) -> None:
    """Write a TIFF that names its nodata value, as GDAL does."""
    tifffile.imwrite(path, array, extratags=[(TAG, "s", 0, text, True)], metadata=None, **options)


def tag(path: Path) -> str | None:
    """The nodata value that a result names, by tifffile."""
    with tifffile.TiffFile(path) as file:
        texts = {page.tags[TAG].value if TAG in page.tags else None for page in file.pages}  # type: ignore[union-attr]
    assert len(texts) == 1
    return texts.pop()


def expected(array: Any, missing: float) -> list[list[float]]:
    """The mean of what is present in each block of 2 x 2, in plain arithmetic."""
    rows = []
    for y in (0, 2):
        blocks = [[float(v) for v in array[y:y + 2, x:x + 2].ravel() if v != missing] for x in (0, 2)]
        rows.append([sum(one) / len(one) if one else missing for one in blocks])
    return rows


@pytest.mark.parametrize("how", ["Pillow", "tifffile"])
def test_the_value_of_the_file_is_heeded(how: str, run: Call, tmp_path: Path) -> None:
    """By both readers (Pillow has no mode for float64); the result has it where nothing is, and names it."""
    dtype = "float32" if how == "Pillow" else "float64"
    save(tmp_path / "a.tif", raster(dtype), "-9999")
    done = run("avg", "-k", "2", "--json", "a.tif", "-o", "b.tif")
    assert done.code == 0
    assert tifffile.imread(tmp_path / "b.tif").tolist() == np.array(expected(raster(), -9999), dtype).tolist()
    assert tag(tmp_path / "b.tif") == "-9999"
    file = json.loads(done.out)["files"][0]
    note = "samples of -9999 count as missing: the file names it as nodata; --nodata none turns it off"
    assert file["notes"] == [note]
    assert file["parameters"]["nodata"] == -9999
    assert file["input_stats"]["min"] == 8 and file["output_stats"]["min"] == 8
    assert "a.tif: note: samples of -9999 count as missing" in run("avg", "-k", "2", "a.tif", "-o", "c.tif").err


def test_it_is_turned_off_and_overruled(run: Call, tmp_path: Path) -> None:
    """``none`` pools every sample and names nothing; a value of the user's comes before the file's."""
    save(tmp_path / "a.tif", raster("int16", -99), "-99")
    assert run("max", "-k", "2", "--nodata", "none", "a.tif", "-o", "b.tif").err == ""
    assert tifffile.imread(tmp_path / "b.tif").tolist() == [[-99, 8], [13, 16]] and tag(tmp_path / "b.tif") is None
    assert run("min", "-k", "2", "--nodata", "16", "a.tif", "-o", "c.tif").err == ""
    assert tifffile.imread(tmp_path / "c.tif").tolist() == [[-99, -99], [-99, 11]] and tag(tmp_path / "c.tif") == "16"
    assert run("max", "--nodata", "nothing", "a.tif", "-o", "d.tif").code == 2


def test_the_pages_of_a_stack(run: Call, tmp_path: Path) -> None:
    """All pages have the value; where they name different ones none is taken, and a note says that."""
    save(tmp_path / "a.tif", np.stack([raster("uint16", 0)] * 3), "0", photometric="minisblack")
    assert run("avg", "-k", "2", "--frames", "all", "a.tif", "-o", "b.tif").code == 0
    whole = np.floor(np.array(expected(raster("uint16", 0), 0)) + 0.5)
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), [whole] * 3) and tag(tmp_path / "b.tif") == "0"
    with tifffile.TiffWriter(tmp_path / "c.tif") as file:
        for text in ("0", "255"):
            file.write(raster("uint8", 0), extratags=[(TAG, "s", 0, text, True)], metadata=None)
    done = run("avg", "-k", "2", "--frames", "all", "c.tif", "-o", "d.tif")
    assert "its pages name different nodata values" in done.err and tag(tmp_path / "d.tif") is None


@pytest.mark.parametrize(("dtype", "text", "said"), [
    ("uint8", "-9999", "its nodata value -9999 is no uint8 value"), ("uint8", "nan", "value nan is no uint8"),
    ("uint8", "1.5", "no uint8 value"), ("float32", "nothing", "its nodata value nothing is no number"),
    ("float32", "1e300", "is no float32 value"),
])
def test_a_value_that_no_sample_can_have(dtype: str, text: str, said: str, run: Call, tmp_path: Path) -> None:
    """Is noted and not written; asked for by the user it is an error."""
    array = np.arange(16, dtype=dtype).reshape(4, 4)
    save(tmp_path / "a.tif", array, text)
    done = run("max", "-k", "2", "a.tif", "-o", "b.tif")
    assert done.code == 0 and said in done.err and tag(tmp_path / "b.tif") is None
    assert tifffile.imread(tmp_path / "b.tif").tolist() == [[5, 7], [13, 15]]
    if text == "-9999":
        assert run("max", "--nodata", "-9999", "a.tif", "-o", "c.tif").code == 1


@pytest.mark.parametrize(("text", "value"), [
    ("-3.4028234663852886e+38", np.finfo("f4").min), ("-3.40282346638529e+38", np.finfo("f4").min),
    ("0.1", np.float32(0.1)), ("nan", np.nan), (" -9999.0\0", -9999),
])
def test_texts_that_gdal_writes(text: str, value: float, run: Call, tmp_path: Path) -> None:
    """Fifteen digits of the smallest float32, a tenth that is rounded as the samples are, NaN, blanks."""
    array = np.full((4, 4), 5, "float32")
    array[0, 0] = array[2:, 2:] = value
    save(tmp_path / "a.tif", array, text)
    assert run("avg", "-k", "2", "a.tif", "-o", "b.tif").code == 0
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), np.array([[5, 5], [5, value]], "f4"), equal_nan=True)
    again = float(str(tag(tmp_path / "b.tif")))
    assert np.float32(again) == np.float32(value) or (np.isnan(again) and np.isnan(value))


def test_other_outputs(run: Call, tmp_path: Path) -> None:
    """Into arrays floats have NaN where nothing is, as from the library; a PNG has the value."""
    save(tmp_path / "a.tif", raster("uint8", 0), "0")
    assert run("avg", "-k", "2", "a.tif", "-o", "b.npy").code == 0
    assert np.isnan(np.load(tmp_path / "b.npy")[0, 0])
    assert run("avg", "-k", "2", "a.tif", "-o", "b.png").code == 0
    with Image.open(tmp_path / "b.png") as image:
        assert image.getpixel((0, 0)) == 0 and image.getpixel((1, 0)) == 8


def test_white_as_zero_and_palettes(run: Call, tmp_path: Path) -> None:
    """The value is of the stored samples: turned with them, and none of a palette's colours."""
    save(tmp_path / "a.tif", 255 - raster("uint8", 255), "0", photometric="miniswhite")
    assert run("max", "-k", "2", "a.tif", "-o", "b.tif").code == 0
    assert tag(tmp_path / "b.tif") == "255" and tifffile.imread(tmp_path / "b.tif").tolist() == [[255, 8], [13, 16]]
    table = np.zeros((3, 256), np.uint16)
    save(tmp_path / "p.tif", raster("uint8", 0), "0", photometric="palette", colormap=table)
    done = run("avg", "-k", "2", "p.tif", "-o", "q.tif")
    assert "its nodata value 0 is an index of the palette" in done.err
    assert run("mode", "-k", "2", "p.tif", "-o", "m.tif").code == 0 and tag(tmp_path / "m.tif") == "0"


def test_chains_heed_it_and_studies_say_that_they_do_not(run: Call, tmp_path: Path) -> None:
    """Every stage passes over it; explain takes what the command line says."""
    save(tmp_path / "a.tif", raster("uint8", 0), "0")
    done = run("chain", "max -k 2", "min -k 1", "a.tif", "-o", "b.tif")
    assert done.code == 0 and "samples of 0 count as missing" in done.err and tag(tmp_path / "b.tif") == "0"
    done = run("explain", "a.tif", "min -k 2", "--at", "0,1")
    assert "samples of 0 are data here" in done.err
    assert "nodata" not in run("explain", "a.tif", "min -k 2", "--at", "0,1", "--nodata", "none").err
