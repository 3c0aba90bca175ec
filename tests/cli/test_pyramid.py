"""``poolcli pyramid``: files of levels, one TIFF that others read, hypercolumns, spatial pyramids."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import SAMPLES, Call, Process, names, save_picture
from PIL import Image

import poolcli
from poolcli.files.tiff import tiff_pyramid

tifffile = pytest.importorskip("tifffile")


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A colour picture of 48 x 64."""
    return save_picture(tmp_path / "noise.png", np.random.default_rng(5).integers(0, 256, (48, 64, 3), np.uint8))


def pixels(path: Path) -> Any:
    """A picture's array."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_every_level_is_a_file(here: Call, noise: Path) -> None:
    """Beside the input by default; of the input's type, exact; the table says how far rounding would have gone."""
    found = here("pyramid", noise, "--levels", "3")
    assert found.code == 0 and "made of the input's samples" in found.out
    x = pixels(noise)
    for level, s in ((1, 2), (2, 4), (3, 8)):
        made = pixels(noise.with_name(f"noise_level{level}.png"))
        assert np.array_equal(made, poolcli.pool(x, "avg", size=s, dtype="uint8"))
    assert names(noise.parent) == ["noise.png", *(f"noise_level{i}.png" for i in (1, 2, 3))]
    differ = [line.split()[-1] for line in found.out.splitlines()[3:6]]
    assert differ[0] == "0%" and float(differ[2][:-1]) > 10


@pytest.mark.parametrize(("output", "wanted"), [
    ("out/", ["noise_level1.png", "noise_level2.png"]), ("out/{stem}-{level}{ext}", ["noise-1.png", "noise-2.png"]),
    ("out/{level}.npy", ["1.npy", "2.npy"]), ("out/l{level}.tif", ["l1.tif", "l2.tif"])])
def test_names(here: Call, noise: Path, monkeypatch: pytest.MonkeyPatch, output: str, wanted: list[str]) -> None:
    """A folder, or a pattern; an array has the type that pool gives, a picture its input's."""
    monkeypatch.chdir(noise.parent)
    document = json.loads(here("pyramid", noise, "-k", "4", "--levels", "2", "-o", output, "--json").out)
    assert names(noise.parent / "out") == wanted
    assert [Path(one["output"]).name for one in document["levels"][1:]] == wanted
    if output.endswith("npy"):
        assert np.array_equal(np.load(f"out/{wanted[0]}"), poolcli.pool(pixels(noise), "avg", size=4))
    else:
        assert document["levels"][2]["dtype"] == "uint8"
    assert document["levels"][2]["scale"] == [16, 16, 1] and document["levels"][2]["offset"] == [7.5, 7.5, 0]


@pytest.mark.parametrize("name", ["image.png", "gradient.png", "cutout.png", "labels.png", "bilevel.png", "volume.npy"])
def test_one_tiff_has_all_levels(here: Call, tmp_path: Path, name: str) -> None:
    """Others find them: tifffile as levels of one series, Pillow the full picture and its children."""
    stage = "mode" if name == "labels.png" else "avg"
    out = tmp_path / "out.tif"
    extra = ["--layout", "HWC"] if name == "volume.npy" else []
    found = here("pyramid", stage, SAMPLES / name, "--levels", "3", "-o", out, *extra)
    assert found.code == 0 and "out.tif: 3 levels" in found.out, found.err
    x = np.load(SAMPLES / name) if name.endswith("npy") else pixels(SAMPLES / name)
    x = np.where(x, np.uint8(255), np.uint8(0)) if x.dtype == bool else x
    made = poolcli.pyramid(x, stage, levels=3, dtype=x.dtype, layout="HWC"[:x.ndim])
    wanted = [level.values for level in made.levels]
    with tifffile.TiffFile(out) as file:
        (series,) = file.series
        assert series.is_pyramidal and all(np.array_equal(a.asarray(), b)
                                           for a, b in zip(series.levels, wanted, strict=True))
    if name.endswith("png"):
        with Image.open(out) as picture:
            children = [np.asarray(child) for child in picture.get_child_images()]
            assert np.array_equal(np.asarray(picture), wanted[0]) and getattr(picture, "n_frames", 1) == 1
        assert all(np.array_equal(a, b) for a, b in zip(children, wanted[1:], strict=True))
        if name == "labels.png":
            with tifffile.TiffFile(out) as file:
                assert not (file.pages[0].colormap % 257).any() and file.pages[0].colormap.max() > 60000
            with Image.open(out) as picture, Image.open(SAMPLES / name) as source:
                assert np.array_equal(picture.convert("RGB"), source.convert("RGB"))


def test_notes(here: Call, tmp_path: Path) -> None:
    """Of formats that lose something."""
    found = here("pyramid", SAMPLES / "photo.jpg", "--levels", "1", "-o", f"{tmp_path}/out/")
    assert found.err == "poolcli: note: lossy: JPEG of quality 95\n"


def test_large_levels_are_tiled(here: Call, tmp_path: Path) -> None:
    """And channels come last whatever their place in the array."""
    x = np.random.default_rng(2).integers(0, 256, (3, 300, 400), np.uint8)
    np.save(tmp_path / "x.npy", x)
    out = tmp_path / "out.tiff"
    assert here("pyramid", tmp_path / "x.npy", "--layout", "CHW", "--smallest", "40", "-o", out).code == 0
    with tifffile.TiffFile(out) as file:
        assert [level.shape for level in file.series[0].levels] == [(300, 400, 3), (150, 200, 3), (75, 100, 3)]
        assert file.pages[0].is_tiled and np.array_equal(file.pages[0].asarray(), x.transpose(1, 2, 0))


def test_labels_that_are_lost_are_told(here: Call, tmp_path: Path) -> None:
    """By their names; palettes are kept."""
    found = here("pyramid", "mode", SAMPLES / "labels.png", "-o", f"{tmp_path}/out/")
    assert "level 5 has lost 7\n" in found.out and "the one before, unrounded" in found.out
    with Image.open(tmp_path / "out" / "labels_level3.png") as picture:
        assert picture.mode == "P"
    found = here("pyramid", "mode", SAMPLES / "labels.png", "--exact", "--json", "-o", f"{tmp_path}/exact/")
    assert json.loads(found.out)["levels"][1]["labels"] == {"kept": 8, "lost": 0, "which": []}


def test_a_pipe_of_levels(process: Process) -> None:
    """.npy after .npy."""
    x = np.arange(64.0).reshape(8, 8)
    stream = io.BytesIO()
    np.save(stream, x)
    done = process("pyramid", "max", "-", "-o", "-", "--levels", "2", stdin=stream.getvalue())
    assert done.returncode == 0, done.stderr
    made = io.BytesIO(done.stdout)
    assert [np.load(made).tolist() for _ in range(2)] == [
        poolcli.pool(x, "max", size=2).tolist(), poolcli.pool(x, "max", size=4).tolist()]
    assert not made.read()


def test_hypercolumns_and_spatial_pyramids(here: Call, noise: Path) -> None:
    """Arrays as the library gives them: levels of a picture are of its type, a vector is of pool's."""
    assert here("pyramid", noise, "--levels", "2", "--hypercolumn").code == 0
    wanted = poolcli.hypercolumn(pixels(noise), levels=2, dtype="uint8")
    made = np.load(noise.with_name("noise_hypercolumn.npy"))
    assert made.dtype == np.uint8 and np.array_equal(made, wanted)
    document = json.loads(here("pyramid", noise, "--spp", "1,2,4", "--json").out)
    assert document["shape"] == [63] and document["reducer"] == "max"
    assert np.array_equal(np.load(noise.with_name("noise_spp.npy")), poolcli.spp(pixels(noise)))
    assert here("pyramid", "avg", noise, "--spp", "3", "--overwrite").code == 0
    assert np.array_equal(np.load(noise.with_name("noise_spp.npy")), poolcli.spp(pixels(noise), "avg", bins=(3,)))


def test_nothing_is_written_where_anything_cannot_be(here: Call, noise: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A level that exists, a format that cannot hold one, no tifffile: told before the first level."""
    noise.with_name("noise_level2.png").write_bytes(b"")
    found = here("pyramid", noise, "--levels", "2")
    assert found.code == 1 and "noise_level2.png: exists; --overwrite would work" in found.err
    assert not noise.with_name("noise_level1.png").exists()
    np.save(noise.with_name("x.npy"), np.zeros((8, 8)))
    found = here("pyramid", noise.with_name("x.npy"), "-o", noise.parent / "{level}.jpg")
    assert found.code == 1 and "1.jpg: JPEG cannot hold float64" in found.err
    monkeypatch.setattr(tiff_pyramid, "has_tifffile", lambda: False)
    found = here("pyramid", noise, "-o", noise.parent / "x.tif")
    assert found.code == 1 and 'pip install "poolcli[tiff]" would work' in found.err
    assert not noise.with_name("x.tif").exists()


@pytest.mark.parametrize(("given", "code", "said"), [
    (["--levels", "9"], 1, "noise.png: level 6 cannot be made of level 5, which is 1x2x3"),
    (["--levels", "2", "--smallest", "3"], 2, "--smallest: goes without levels"),
    (["--levels", "2", "-o", "x.png"], 2, "--output: x.png takes one level, and there are 2; {level} in it"),
    (["--hypercolumn", "--spp", "2"], 2, "--spp: and --hypercolumn exclude each other"),
    (["--spp", "2", "--levels", "2"], 2, "--levels: goes with levels, and --spp has grids"),
    (["--spp", "0"], 2, "--spp"), (["--spp", "2", "-k", "2"], 2, "--size: goes with fixed"),
    (["--hypercolumn", "-o", "x.png"], 2, "an array goes into .npy"), (["max", "avg"], 2, "takes one pooling, not 2"),
    (["avg -k 3 -s 2", "--exact"], 2, "neither overlap nor leave gaps"), (["--squeeze"], 2, "--squeeze")])
def test_what_is_wrong_is_said_in_one_line(
    here: Call, noise: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], code: int, said: str
) -> None:
    """And nothing is written."""
    monkeypatch.chdir(noise.parent)
    found = here("pyramid", noise, *given)
    assert (found.code, found.out) == (code, "") and said in found.err and found.err.count("\n") == 1, found.err
    assert names(noise.parent) == ["noise.png"]


def test_which_samples_count(here: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of levels in files, in one TIFF and of a hypercolumn; what has no meaning is one line."""
    monkeypatch.chdir(tmp_path)
    x, mask = np.random.default_rng(3).random((16, 16)).astype(np.float32), np.ones((16, 16), np.uint8)
    mask[:4, :5] = 0
    weights = np.random.default_rng(4).integers(1, 4, (16, 16))
    for name, array in (("x", x), ("m", mask), ("i", mask == 0), ("w", weights), ("l", mask[:2])):
        np.save(f"{name}.npy", array)
    words = ("pyramid", "x.npy", "--levels", "2", "--mask", "!i.npy", "--weights", "w.npy", "--min-valid", "60%")
    wanted = poolcli.pyramid(x, "avg", levels=2, mask=mask, weights=weights, min_valid="60%", size=2).levels
    assert here(*words, "-o", "out/").code == here(*words, "-o", "all.tif").code == 0
    for level in (1, 2):
        np.testing.assert_array_equal(np.load(f"out/x_level{level}.npy"), wanted[level].values)
        assert np.isnan(wanted[level].values).any()
    with tifffile.TiffFile("all.tif") as opened:
        np.testing.assert_array_equal(opened.series[0].levels[2].asarray(), wanted[2].values)
    assert here(*words, "--hypercolumn", "-o", "h.npy").code == 0
    np.testing.assert_array_equal(np.load("h.npy")[::4, ::4, 2], wanted[2].values)
    for more, said in ((("--mask", "l.npy"), "x.npy: --mask l.npy: the mask has the shape 2x16"),
                       (("--mask", "m.npy", "--spp", "1,2"), "--mask: goes with levels, and --spp has grids"),
                       (("--weights", "w.npy", "max"), "--weights: mean nothing to max"),
                       (("--mask", "m.npy", "--scale", "3/2"), "samples of areas count by their part")):
        done = here("pyramid", "x.npy", *more)
        assert done.code in (1, 2) and said in done.err and done.err.count("\n") == 1
