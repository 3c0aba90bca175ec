"""Damaged stacks, datasets and large TIFFs: a result or a PoolError, whatever a byte says, and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from poolcli import files
from poolcli.errors import PoolError
from poolcli.files.tiff import tiff_array

tifffile = pytest.importorskip("tifffile")
ARRAY = np.random.default_rng(0).integers(0, 250, (3, 2, 40, 48)).astype("uint16")
MAX_PIXELS = 1 << 20
ROUNDS = 150


def write_ome(path: Path) -> None:
    """OME-XML of four axes."""
    tifffile.imwrite(path, ARRAY, ome=True, photometric="minisblack",
                     metadata={"axes": "ZCYX", "PhysicalSizeX": 0.1, "PhysicalSizeZ": 2.0})


def write_imagej(path: Path) -> None:
    """A hyperstack with labels and ranges, which lie in a binary tag of their own."""
    tifffile.imwrite(path, ARRAY, imagej=True, resolution=(5, 2),
                     metadata={"axes": "ZCYX", "spacing": 2.0, "Labels": list("abcdef"), "Ranges": (0.0, 9.0) * 2})


def write_tiles(path: Path) -> None:
    """Tiles, compressed, read box by box."""
    tifffile.imwrite(path, ARRAY[0, 0], tile=(16, 16), compression="zlib")


def write_hdf5(path: Path) -> None:
    """Datasets of which one is in a group."""
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("h5netcdf")
    with h5py.File(path, "w") as file:
        file["a/b"] = ARRAY[0, 0]


def read_whole(path: Path, key: str | None = None) -> None:
    """Read as a command does; what comes is no more than may be."""
    loaded = files.read(path, max_pixels=MAX_PIXELS, key=key)
    assert loaded.array.nbytes <= 16 * MAX_PIXELS
    if loaded.source.place is not None:
        loaded.source.place.facts()
        loaded.source.place.losses()


def read_boxes(path: Path) -> None:
    """Every box of a file of which boxes can be read."""
    found = files.open_boxes(str(path))
    if found is None:
        return read_whole(path)
    source, loaded = found
    try:
        if loaded.array.size <= MAX_PIXELS:
            source.read(tuple((0, n) for n in source.shape))
    finally:
        source.close()


CASES: dict[str, tuple[str, Callable[[Path], None], Callable[[Path], None]]] = {
    "OME-TIFF": ("x.ome.tif", write_ome, read_whole), "ImageJ": ("x.tif", write_imagej, read_whole),
    "tiles": ("x.tif", write_tiles, read_boxes), "HDF5": ("x.h5", write_hdf5, lambda path: read_whole(path, "a/b")),
}


def damage(chance: np.random.Generator, data: bytes, head: int) -> bytes:
    """A few bytes of the beginning or the end changed, or the end missing."""
    found = bytearray(data)
    if chance.random() < 0.2:
        return bytes(found[: chance.integers(0, len(found))])
    for _ in range(chance.integers(1, 4)):
        at = int(chance.integers(0, head)) if chance.random() < 0.7 else len(found) - 1 - int(chance.integers(0, head))
        found[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, int(chance.integers(0, 256))])
    return bytes(found)


@pytest.mark.parametrize("case", CASES)
def test_damage_of_any_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Bytes of the header and the directory changed at random, and files cut short."""
    name, write, read = CASES[case]
    if case == "tiles":
        monkeypatch.setattr(tiff_array, "MIN_BYTES", 1)
    path = tmp_path / name
    write(path)
    data, chance, refused = path.read_bytes(), np.random.default_rng(7), 0
    read(path)
    for _ in range(ROUNDS):
        path.write_bytes(damage(chance, data, min(len(data) // 2, 900)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                read(path)
            except PoolError as error:
                refused += 1
                assert "\n" not in str(error)
    assert refused > 3  # else damage does none


@pytest.mark.parametrize("claim", ["huge picture", "huge tiles", "many tiles"])
def test_a_tiled_file_that_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, claim: str) -> None:
    """Sizes that are not there are refused, or not read: no box is larger than what was asked for."""
    monkeypatch.setattr(tiff_array, "MIN_BYTES", 1)
    write_tiles(tmp_path / "x.tif")
    tags = {"huge picture": {256: 2**31 - 16, 257: 2**31 - 16}, "huge tiles": {322: 2**20, 323: 2**20},
            "many tiles": {256: 2**28}}[claim]
    with tifffile.TiffFile(tmp_path / "x.tif", mode="r+") as file:
        for tag, value in tags.items():
            file.pages[0].tags[tag].overwrite(value, dtype=4)
    found = files.open_boxes(str(tmp_path / "x.tif"))
    assert found is None
    with pytest.raises(PoolError):
        read_whole(tmp_path / "x.tif")


@pytest.mark.parametrize("case", ["OME-TIFF", "ImageJ"])
def test_axes_that_are_not_those_of_the_planes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    """Of damaged directories tifffile names three axes of an array of four, or says so itself since 2026.11."""
    name, write, read = CASES[case]
    write(tmp_path / name)
    monkeypatch.setattr(tifffile.TiffPageSeries, "axes", property(lambda series: "ZYX"))
    with pytest.raises(PoolError, match=r"4 axes of which 3 are named|dimensions of axes and shape do not match"):
        read(tmp_path / name)


def test_axes_that_cannot_be_written(tmp_path: Path) -> None:
    """Of a damaged description tifffile names an axis I, which OME does not know: a result of it is one line."""
    tifffile.imwrite(tmp_path / "x.ome.tif", np.zeros((2, 3, 8, 10), np.uint16), ome=True,
                     photometric="minisblack", metadata={"axes": "ZCYX"})
    found = (tmp_path / "x.ome.tif").read_bytes()
    (tmp_path / "x.ome.tif").write_bytes(found.replace(b"<Pixels", b"<Pixelz"))
    loaded = files.read(tmp_path / "x.ome.tif")
    with pytest.raises(PoolError, match=r"cannot be written as OME .*; .npy can hold the samples"):
        files.write(tmp_path / "y.ome.tif", loaded.array, loaded.source)
    assert [path.name for path in tmp_path.iterdir()] == ["x.ome.tif"]
