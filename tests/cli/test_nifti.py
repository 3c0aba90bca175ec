"""NIfTI: what nibabel and ITK find in our results lies where its windows lay in the input."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call
from places import chain, pool_file

from poolcli import pool
from poolcli.errors import PoolError
from poolcli.files import read

nibabel = pytest.importorskip("nibabel")
AFFINE = np.array([[-2.0, 0.25, 0, 90], [0.1, 2.5, 0.3, -126], [0, -0.2, 3, -72], [0, 0, 0, 1]])
SHAPE = (11, 13, 9)


def volume(path: Path, shape: tuple[int, ...] = SHAPE, dtype: str = "int16", version: int = 1,
           **fields: Any) -> np.ndarray:
    """Write a volume by nibabel, with an affine in both forms."""
    array = np.random.default_rng(2).integers(0, 90, shape).astype(dtype)
    image = (nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image)(array, AFFINE)
    image.set_sform(AFFINE, 4)
    image.set_qform(AFFINE, 1, strip_shears=True)
    image.header.set_xyzt_units("mm", "sec")
    for name, value in fields.items():
        image.header[name] = value
    image.to_filename(path)
    return array


@pytest.mark.parametrize(("version", "ending"), [(1, ".nii"), (1, ".nii.gz"), (2, ".nii")])
def test_centres_are_those_of_windows(tmp_path: Path, version: int, ending: str) -> None:
    """In both forms; NIfTI-1 keeps its affines in single precision, NIfTI-2 to 1e-9 of a voxel."""
    chance = random.Random(version)
    volume(tmp_path / f"in{ending}", version=version)
    before = nibabel.load(tmp_path / f"in{ending}")
    for _ in range(10):
        stages, centres = chain(chance, SHAPE, "XYZ")
        pool_file(tmp_path / f"in{ending}", tmp_path / f"out{ending}", stages)
        after = nibabel.load(tmp_path / f"out{ending}")
        assert after.shape == tuple(len(one) for one in centres)
        last = [len(one) - 1 for one in centres]
        for there, here in ((after.get_sform(), before.get_sform()), (after.get_qform(), before.get_qform())):
            found = np.linalg.solve(here, there @ [*last, 1])[:3]
            assert found == pytest.approx([float(one[-1]) for one in centres], abs=1e-9 if version == 2 else 1e-5)


def test_values_and_fields(here: Call, tmp_path: Path) -> None:
    """As pool() has them; codes, units, texts and extensions stay, and the command says where it lies."""
    array = volume(tmp_path / "in.nii.gz", descrip=b"a scan", intent_name=b"labels")
    done = here("mode", "-k", "2", tmp_path / "in.nii.gz", "--json")
    (file,) = json.loads(done.out)["files"]
    assert done.code == 0 and file["output"].endswith("in_mode.nii.gz") and file["layout"] == "XYZ"
    assert file["place"]["after"]["crs"] == "MNI152" and file["place"]["after"]["units"] == dict.fromkeys("XYZ", "mm")
    image = nibabel.load(tmp_path / "in_mode.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), pool(array, "mode", size=2, layout="DHW"))
    assert image.get_data_dtype() == np.int16
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (4, 1)
    assert bytes(image.header["descrip"]).startswith(b"a scan") and image.header.get_xyzt_units() == ("mm", "sec")
    sizes = nibabel.load(tmp_path / "in.nii.gz").header.get_zooms()
    assert image.header.get_zooms() == pytest.approx([2 * one for one in sizes])


def test_time_is_kept(here: Call, tmp_path: Path) -> None:
    """Of four axes three are pooled, unless --layout says more."""
    array = volume(tmp_path / "in.nii", (6, 8, 4, 5), slice_code=1)
    data = bytearray((tmp_path / "in.nii").read_bytes())
    data[92:96] = np.array([2.5], "<f4").tobytes()
    (tmp_path / "in.nii").write_bytes(data)
    done = here("max", "-k", "2", tmp_path / "in.nii", "-o", tmp_path / "out.nii")
    assert done.code == 0 and "times of its slices are left out" in done.err
    image = nibabel.load(tmp_path / "out.nii")
    np.testing.assert_array_equal(np.asarray(image.dataobj), pool(array, "max", size=2, layout="DHWN"))
    assert image.header.get_zooms()[3] == 2.5 and int(image.header["slice_code"]) == 0
    done = here("max", "-k", "5", "--layout", "xyzT", tmp_path / "in.nii", "-o", tmp_path / "time.nii")
    assert done.code == 0 and nibabel.load(tmp_path / "time.nii").header.get_zooms()[3] == 12.5


def test_in_itk(tmp_path: Path, here: Call) -> None:
    """The centre of the result is where the centre of the volume was."""
    itk = pytest.importorskip("SimpleITK")
    image = itk.GetImageFromArray(np.arange(8 * 6 * 10, dtype=np.float32).reshape(8, 6, 10))
    image.SetSpacing((0.5, 2, 1.25))
    image.SetOrigin((-3, 7, 11))
    itk.WriteImage(image, str(tmp_path / "in.nii.gz"))
    assert here("avg", "-k", "2", tmp_path / "in.nii.gz", "-o", tmp_path / "out.nii.gz", "-q").code == 0
    shrunk, expected = itk.ReadImage(str(tmp_path / "out.nii.gz")), itk.BinShrink(image, (2, 2, 2))
    assert shrunk.GetOrigin() == pytest.approx(expected.GetOrigin(), abs=1e-5)
    assert shrunk.GetSpacing() == pytest.approx(expected.GetSpacing())
    np.testing.assert_allclose(itk.GetArrayFromImage(shrunk), itk.GetArrayFromImage(expected), rtol=1e-6)


def test_a_slope_is_applied(tmp_path: Path, here: Call) -> None:
    """The result holds what the numbers mean."""
    array = volume(tmp_path / "in.nii")
    data = bytearray((tmp_path / "in.nii").read_bytes())
    data[112:120] = np.array([0.5, -10], "<f4").tobytes()
    (tmp_path / "in.nii").write_bytes(data)
    assert here("sum", "-k", "2", tmp_path / "in.nii", "-o", tmp_path / "out.nii", "-q").code == 0
    np.testing.assert_allclose(nibabel.load(tmp_path / "out.nii").get_fdata(),
                               pool(array * 0.5 - 10, "sum", size=2, layout="DHW"))


def test_levels_of_a_pyramid(tmp_path: Path, here: Call) -> None:
    """Are named with both parts of the ending, and know where they lie."""
    volume(tmp_path / "in.nii.gz", (8, 8, 8))
    done = here("pyramid", tmp_path / "in.nii.gz", "max -k 2", "--levels", "2", "-o", f"{tmp_path}/levels/")
    assert done.code == 0, done.err
    before = nibabel.load(tmp_path / "in.nii.gz").affine
    for level, centre in ((1, 0.5), (2, 1.5)):
        after = nibabel.load(tmp_path / f"levels/in_level{level}.nii.gz").affine
        assert np.linalg.solve(before, after[:, 3])[:3] == pytest.approx([centre] * 3, abs=1e-5)


def test_uneven_windows_have_no_affine(tmp_path: Path, here: Call) -> None:
    """And a note says so."""
    volume(tmp_path / "in.nii")
    done = here("max", "--adaptive", "4", tmp_path / "in.nii", "-o", tmp_path / "out.nii")
    assert done.code == 0 and "its place is left out: windows of several sizes along X lie" in done.err
    header = nibabel.load(tmp_path / "out.nii").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)


def test_arrays_and_volumes_become_each_other(tmp_path: Path, here: Call) -> None:
    """Types that NIfTI lacks are stored in the next larger one."""
    np.save(tmp_path / "x.npy", np.ones((4, 6, 8), bool))
    assert here("max", "-k", "2", "--layout", "DHW", tmp_path / "x.npy", "-o", tmp_path / "x.nii", "-q").code == 0
    assert nibabel.load(tmp_path / "x.nii").get_data_dtype() == np.uint8
    assert here("max", "-k", "2", tmp_path / "x.nii", "-o", tmp_path / "y.npy", "-q").code == 0
    assert np.load(tmp_path / "y.npy").shape == (1, 1, 2)


HOSTILE = {"dim huge": (40, np.array([7, 32767, 32767, 32767, 32767, 1, 1, 1], "<i2")),
           "rank": (40, np.array([99], "<i2")), "rank below 0": (40, np.array([-3], "<i2")),
           "empty": (42, np.array([0], "<i2")), "size": (0, np.array([7], "<i4")),
           "datatype": (70, np.array([9999], "<i2")), "complex": (70, np.array([32], "<i2")),
           "offset": (108, np.array([3e38], "<f4")), "offset nan": (108, np.array([np.nan], "<f4")),
           "magic": (344, np.array([0], "<i4")), "pair": (344, np.frombuffer(b"ni1\0", "u1"))}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("case", HOSTILE)
def test_headers_that_lie(tmp_path: Path, here: Call, case: str, packed: bool) -> None:
    """One line, exit code 1, and nothing is allocated for what is not there."""
    volume(tmp_path / "in.nii")
    data = bytearray((tmp_path / "in.nii").read_bytes())
    at, value = HOSTILE[case]
    data[at : at + value.nbytes] = value.tobytes()
    source = tmp_path / ("bad.nii.gz" if packed else "bad.nii")
    source.write_bytes(gzip.compress(bytes(data)) if packed else data)
    done = here("max", "-k", "2", source, "-o", tmp_path / "out.nii")
    assert done.code == 1 and done.err.count("\n") == 1 and not (tmp_path / "out.nii").exists(), done.err


def test_damage_of_any_kind(tmp_path: Path) -> None:
    """Any byte of the header may be wrong, and any part of the file missing."""
    chance = random.Random(3)
    volume(tmp_path / "in.nii", (4, 4, 4))
    whole = (tmp_path / "in.nii").read_bytes()
    for _ in range(100):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randint(1, 9)):
            data[chance.randrange(min(len(data), 352)) if data else 0 :][:1] = b""
            if data:
                data[chance.randrange(min(len(data), 352))] = chance.randrange(256)
        (tmp_path / "bad.nii").write_bytes(data)
        try:
            loaded = read(tmp_path / "bad.nii")
        except PoolError:
            continue
        assert loaded.array.size < 10_000
        if loaded.source.place is not None:
            loaded.source.place.facts()
