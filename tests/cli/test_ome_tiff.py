"""OME-TIFF: axes from the file, sizes scaled, a new OME-XML that other readers take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call

from poolcli import pool
from poolcli.errors import PoolError
from poolcli.files import read

tifffile = pytest.importorskip("tifffile")
METADATA = {"axes": "TZCYX", "PhysicalSizeX": 0.108, "PhysicalSizeXUnit": "\N{MICRO SIGN}m", "PhysicalSizeY": 0.2,
            "PhysicalSizeYUnit": "\N{MICRO SIGN}m", "PhysicalSizeZ": 0.5, "PhysicalSizeZUnit": "\N{MICRO SIGN}m",
            "TimeIncrement": 3.0, "TimeIncrementUnit": "s", "Channel": {"Name": ["DAPI", "GFP"], "Color": [255, 65535]}}


def stack(path: Path, shape: tuple[int, ...] = (2, 4, 2, 24, 40), **options: Any) -> np.ndarray:
    """Write a stack by tifffile."""
    array = np.random.default_rng(3).integers(0, 999, shape).astype("uint16")
    tifffile.imwrite(path, array, ome=True, photometric="minisblack", metadata=METADATA, **options)
    return array


def pixels(path: Path) -> Any:
    """What ome-types finds."""
    return pytest.importorskip("ome_types").from_tiff(path).images[0].pixels


@pytest.mark.parametrize(("size", "shape", "sizes"), [
    ("2", (2, 4, 2, 12, 20), (0.216, 0.4, 0.5)), ("Z=2,Y=2,X=4", (2, 2, 2, 12, 10), (0.432, 0.4, 1.0)),
    ("T=2", (1, 4, 2, 24, 40), (0.108, 0.2, 0.5))])
def test_axes_and_sizes(here: Call, tmp_path: Path, size: str, shape: tuple[int, ...],
                        sizes: tuple[float, ...]) -> None:
    """Y and X are pooled, or what is named; values are those of pool()."""
    array = stack(tmp_path / "in.ome.tif", compression="zlib", tile=(16, 16))
    done = here("max", "-k", size, tmp_path / "in.ome.tif", "--json")
    (file,) = json.loads(done.out)["files"]
    assert done.code == 0 and file["output"].endswith("in_max.ome.tif"), done.err
    found = pixels(tmp_path / "in_max.ome.tif")
    assert (found.size_t, found.size_z, found.size_c, found.size_y, found.size_x) == shape
    assert (found.physical_size_x, found.physical_size_y, found.physical_size_z) == pytest.approx(sizes)
    assert str(found.physical_size_x_unit.value) == "\N{MICRO SIGN}m"
    assert [channel.name for channel in found.channels] == ["DAPI", "GFP"]
    assert found.time_increment == pytest.approx(6 if size == "T=2" else 3)
    with tifffile.TiffFile(tmp_path / "in_max.ome.tif") as file:
        assert file.series[0].axes == "TZCYX"[5 - file.series[0].ndim :] or size == "T=2"
        assert file.pages[0].compression == 8
        values = file.series[0].asarray().reshape(shape)
    by = {"2": (1, 1, 1, 2, 2), "T=2": (2, 1, 1, 1, 1)}.get(size, (1, 2, 1, 2, 4))
    blocks = array.reshape([n for side, k in zip(array.shape, by, strict=True) for n in (side // k, k)])
    np.testing.assert_array_equal(values, blocks.max(axis=(1, 3, 5, 7, 9)))


def test_uneven_windows_have_no_size(here: Call, tmp_path: Path) -> None:
    """And a note says so."""
    stack(tmp_path / "in.ome.tif")
    done = here("max", "--adaptive", "7", tmp_path / "in.ome.tif", "-o", tmp_path / "out.ome.tif")
    assert done.code == 0 and "physical sizes of XY are left out" in done.err
    assert pixels(tmp_path / "out.ome.tif").physical_size_x is None


def test_the_same_bytes_again(here: Call, tmp_path: Path) -> None:
    """Nothing in a result is a matter of chance or of the clock."""
    stack(tmp_path / "in.ome.tif")
    for name in ("a", "b"):
        assert here("avg", "-k", "2", tmp_path / "in.ome.tif", "-o", tmp_path / f"{name}.ome.tif", "-q").code == 0
    assert (tmp_path / "a.ome.tif").read_bytes() == (tmp_path / "b.ome.tif").read_bytes()


def test_arrays_become_stacks(here: Call, tmp_path: Path) -> None:
    """Of up to five axes."""
    np.save(tmp_path / "x.npy", np.arange(240, dtype="float32").reshape(6, 5, 8))
    done = here("max", "-k", "2", "--layout", "NHW", tmp_path / "x.npy", "-o", tmp_path / "x.ome.tif")
    assert done.code == 0 and tifffile.imread(tmp_path / "x.ome.tif").shape == (6, 2, 4)
    assert here("max", "-k", "2", tmp_path / "x.ome.tif", "-o", tmp_path / "y.npy", "-q").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), pool(tifffile.imread(tmp_path / "x.ome.tif"), "max",
                                                                    size=2, layout="NHW"))


def test_damage_of_any_kind(tmp_path: Path) -> None:
    """One line, whatever bytes are wrong."""
    import random

    chance = random.Random(1)
    stack(tmp_path / "in.ome.tif", (1, 1, 2, 8, 8))
    whole = (tmp_path / "in.ome.tif").read_bytes()
    for _ in range(60):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.4 else whole)
        for _ in range(chance.randint(1, 20) if data else 0):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "bad.ome.tif").write_bytes(data)
        try:
            read(tmp_path / "bad.ome.tif")
        except PoolError as error:
            assert "\n" not in str(error)
