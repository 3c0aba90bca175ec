"""Hyperstacks of ImageJ: axes from the file, sizes scaled, a new description that tifffile takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call

from poolcli import files
from poolcli.errors import PoolError

tifffile = pytest.importorskip("tifffile")
SHAPE = (2, 4, 3, 12, 20)
LABELS = [f"plane {i}" for i in range(24)]
METADATA = {"axes": "TZCYX", "spacing": 2.5, "unit": "\\u00B5m", "finterval": 3.0, "mode": "composite",
            "Labels": LABELS, "Ranges": (0.0, 900.0) * 3, "Info": "a walk",
            "LUTs": [np.arange(768, dtype="u1").reshape(3, 256)] * 3}


def stack(path: Path, shape: tuple[int, ...] = SHAPE, dtype: str = "uint16", **metadata: Any) -> np.ndarray:
    """Write a hyperstack by tifffile, its pixels 0.2 wide and 0.5 high."""
    array = np.random.default_rng(3).integers(0, 250, shape).astype(dtype)
    known = {name: value for name, value in {**METADATA, **metadata}.items() if value is not None}
    tifffile.imwrite(path, array, imagej=True, resolution=(5, 2), metadata=known)
    return array


def described(path: Path) -> tuple[np.ndarray, str, dict[str, Any], tuple[float, float]]:
    """Samples, axes, what the description says, and sizes of pixels, as tifffile has them."""
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        sizes = tuple(tags[tag].value[1] / tags[tag].value[0] for tag in (282, 283))
        return file.series[0].asarray(), file.series[0].axes, file.imagej_metadata, sizes


@pytest.mark.parametrize(("size", "by", "spacing", "sizes", "interval"), [
    ("2", (1, 1, 1, 2, 2), 2.5, (0.4, 1.0), 3.0), ("Z=2,Y=2", (1, 2, 1, 2, 1), 5.0, (0.2, 1.0), 3.0),
    ("T=2", (2, 1, 1, 1, 1), 2.5, (0.2, 0.5), 6.0)])
def test_axes_and_sizes(here: Call, tmp_path: Path, size: str, by: tuple[int, ...], spacing: float,
                        sizes: tuple[float, float], interval: float) -> None:
    """Y and X are pooled, or what is named; dtype, colours and ranges stay, and labels where the planes do."""
    array = stack(tmp_path / "in.tif")
    done = here("max", "-k", size, tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--json")
    assert done.code == 0, done.err
    values, axes, known, found = described(tmp_path / "out.tif")
    blocks = array.reshape([n for side, k in zip(SHAPE, by, strict=True) for n in (side // k, k)])
    np.testing.assert_array_equal(values, blocks.max((1, 3, 5, 7, 9)).squeeze())
    assert values.dtype == np.uint16 and axes == ("ZCYX" if by[0] == 2 else "TZCYX")
    assert found == pytest.approx(sizes) and known["spacing"] == spacing and known["unit"] == METADATA["unit"]
    assert known["finterval"] == interval and known["Ranges"] == METADATA["Ranges"] and known["Info"] == "a walk"
    np.testing.assert_array_equal(known["LUTs"][0], METADATA["LUTs"][0])
    same_planes = by[:3] == (1, 1, 1)
    assert (known.get("Labels") == LABELS) is same_planes
    notes = json.loads(done.out)["files"][0]["notes"]
    assert any("labels of planes are left out" in note for note in notes) is not same_planes


def test_mixed_channels_lose_their_colours(here: Call, tmp_path: Path) -> None:
    """Colours and ranges are each channel's."""
    stack(tmp_path / "in.tif")
    assert here("avg", "-k", "C=3", "--dtype", "float32", tmp_path / "in.tif", "-o", tmp_path / "out.tif").code == 0
    values, axes, known, _ = described(tmp_path / "out.tif")
    assert values.dtype == np.float32 and axes == "TZYX" and "Ranges" not in known and "LUTs" not in known


@pytest.mark.parametrize(("dtype", "options", "wanted"), [
    ("uint8", (), "uint8"), ("float32", (), "float32"), ("uint16", ("--dtype", "float64"), "float32")])
def test_types(here: Call, tmp_path: Path, dtype: str, options: tuple[str, ...], wanted: str) -> None:
    """The input's, as pictures have it; what ImageJ does not hold becomes float32."""
    stack(tmp_path / "in.tif", (6, 8), dtype, axes="YX", Labels=None, Ranges=None, LUTs=None)
    done = here("avg", "-k", "2", *options, tmp_path / "in.tif", "-o", tmp_path / "out.tif")
    assert done.code == 0, done.err
    assert described(tmp_path / "out.tif")[0].dtype == wanted
    assert ("stored as float32" in done.err) == bool(options)


def test_colours(here: Call, tmp_path: Path) -> None:
    """RGB planes stay that."""
    array = np.random.default_rng(0).integers(0, 255, (3, 8, 10, 3), np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", array, imagej=True, resolution=(5, 2), metadata={"axes": "ZYXS"})
    assert here("max", "-k", "2", tmp_path / "in.tif", "-o", tmp_path / "out.tif").code == 0
    np.testing.assert_array_equal(described(tmp_path / "out.tif")[0], array.reshape(3, 4, 2, 5, 2, 3).max((2, 4)))


def test_chains_and_other_formats(here: Call, tmp_path: Path) -> None:
    """Stages compose; a format without such places says so; one plane by --frames is a picture as before."""
    array = stack(tmp_path / "in.tif")
    assert here("chain", "max -k 2", "max -k Z=2", tmp_path / "in.tif", "-o", tmp_path / "out.tif").code == 0
    values, _, known, sizes = described(tmp_path / "out.tif")
    assert known["spacing"] == 5.0 and sizes == pytest.approx((0.4, 1.0))
    np.testing.assert_array_equal(values, array.reshape(2, 2, 2, 3, 6, 2, 10, 2).max((2, 5, 7)))
    done = here("max", "-k", "2", tmp_path / "in.tif", "-o", tmp_path / "out.npy")
    assert "place (ImageJ) is left out" in done.err and np.load(tmp_path / "out.npy").shape == (2, 4, 3, 6, 10)
    assert here("max", "-k", "2", "--frames", "1", tmp_path / "in.tif", "-o", tmp_path / "out.png").code == 0


def test_what_lay_on_the_old_pixels(here: Call, tmp_path: Path) -> None:
    """Regions and overlays are left out, and named."""
    stack(tmp_path / "in.tif", Overlays=[b"Iout" + bytes(60)], ROI=[b"Iout" + bytes(60)])
    done = here("max", "-k", "2", tmp_path / "in.tif", "-o", tmp_path / "out.tif")
    assert done.code == 0 and "its regions of interest and overlays are left out" in done.err


@pytest.mark.parametrize("damage", [(b"images=24", b"images=99"), (b"slices=4", b"slices=-"),
                                    (b"unit=\\u00B5m", b"unit=\xff\xfe00Bm")])
def test_a_damaged_description(here: Call, tmp_path: Path, damage: tuple[bytes, bytes]) -> None:
    """A result or one line, never a traceback."""
    stack(tmp_path / "in.tif")
    data = (tmp_path / "in.tif").read_bytes()
    assert damage[0] in data
    (tmp_path / "in.tif").write_bytes(data.replace(*damage))
    done = here("max", "-k", "2", tmp_path / "in.tif", "-o", tmp_path / "out.tif")
    assert done.code in (0, 1) and "Traceback" not in done.err and "unexpected" not in done.err


def test_keys_are_refused(tmp_path: Path) -> None:
    """There are none."""
    stack(tmp_path / "in.tif")
    with pytest.raises(PoolError, match="without --key"):
        files.read(tmp_path / "in.tif", key="a")


def test_levels_in_a_folder(here: Call, tmp_path: Path) -> None:
    """Each a hyperstack with its own sizes; all in one file would be pictures, and is refused."""
    stack(tmp_path / "in.tif")
    done = here("pyramid", "max", "--levels", "2", tmp_path / "in.tif", "-o", f"{tmp_path}/levels/")
    assert done.code == 0, done.err
    for level, size in (1, (2, 4, 3, 6, 10)), (2, (2, 4, 3, 3, 5)):
        values, axes, known, sizes = described(tmp_path / "levels" / f"in_level{level}.tif")
        assert values.shape == size and axes == "TZCYX" and known["spacing"] == 2.5
        assert sizes == pytest.approx((0.2 * 2**level, 0.5 * 2**level))
    assert here("pyramid", "max", "--levels", "2", tmp_path / "in.tif", "-o", tmp_path / "one.tif").code == 1


def test_into_ome(here: Call, tmp_path: Path) -> None:
    """Axes and sizes go on, in the units of OME."""
    stack(tmp_path / "in.tif", unit="um")
    assert here("max", "-k", "2", tmp_path / "in.tif", "-o", tmp_path / "out.ome.tif").code == 0
    with tifffile.TiffFile(tmp_path / "out.ome.tif") as file:
        assert file.series[0].axes == "TZCYX"
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeZ"]) == pytest.approx((0.4, 2.5))
    assert pixels["PhysicalSizeXUnit"] == "\N{MICRO SIGN}m" and pixels["TimeIncrement"] == 3.0
