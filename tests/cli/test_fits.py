"""FITS: what astropy finds in our results lies where its windows lay in the input."""

from __future__ import annotations

import gzip
import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.calls import Call
from places import chain, pool_file

from poolcli import pool
from poolcli.errors import PoolError
from poolcli.files import read

astropy = pytest.importorskip("astropy")
from astropy.io import fits  # noqa: E402
from astropy.wcs import WCS  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning",
                                        "ignore::astropy.io.fits.verify.VerifyWarning")
SHAPE = (14, 18)
SKY = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.1, "CRVAL2": 2.2, "CRPIX1": 9.25, "CRPIX2": 6.5,
       "CUNIT1": "deg", "CUNIT2": "deg"}
SCALES: dict[str, dict[str, Any]] = {
    "CDELT": {"CDELT1": -1e-4, "CDELT2": 1.5e-4}, "CROTA": {"CDELT1": -1e-4, "CDELT2": 1.5e-4, "CROTA2": 20.0},
    "CD": {"CD1_1": -1e-4, "CD1_2": 2e-5, "CD2_1": 3e-5, "CD2_2": 1.1e-4},
    "PC": {"CDELT1": -1e-4, "CDELT2": 2e-4, "PC1_1": 0.8, "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8},
}


def image(path: Path, array: np.ndarray, **cards: Any) -> np.ndarray:
    """Write an image by astropy."""
    unit = fits.PrimaryHDU(array)
    for name, value in cards.items():
        unit.header[name] = value
    unit.writeto(path)
    return array


def samples(shape: tuple[int, ...] = SHAPE, dtype: str = "float32") -> np.ndarray:
    """Small numbers."""
    return np.random.default_rng(5).integers(0, 90, shape).astype(dtype)


@pytest.mark.parametrize("kind", SCALES)
def test_centres_are_those_of_windows(tmp_path: Path, kind: str) -> None:
    """In the sky, for random plans."""
    chance = random.Random(kind)
    image(tmp_path / "in.fits", samples(), **SKY, **SCALES[kind])
    before = WCS(fits.getheader(tmp_path / "in.fits"))
    for _ in range(15):
        stages, (rows, columns) = chain(chance, SHAPE, "HW")
        pool_file(tmp_path / "in.fits", tmp_path / "out.fits", stages)
        header = fits.getheader(tmp_path / "out.fits")
        assert (header["NAXIS2"], header["NAXIS1"]) == (len(rows), len(columns))
        there = WCS(header).wcs_pix2world([[len(columns) - 1, len(rows) - 1], [0, 0]], 0)
        expected = [[float(columns[-1]), float(rows[-1])], [float(columns[0]), float(rows[0])]]
        np.testing.assert_allclose(before.wcs_world2pix(there, 0), expected, atol=2e-8)  # 150 degrees in doubles


def test_cards_and_values(here: Call, tmp_path: Path) -> None:
    """Sums are as pool() has them, all cards stay but those of the array, and HISTORY tells of the windows."""
    array = image(tmp_path / "in.fits", samples(), **SKY, **SCALES["CDELT"], BUNIT="adu", OBJECT="M 51", LTV1=3.0,
                  DATAMAX=90.0)
    assert here("sum", "-k", "2", tmp_path / "in.fits", "-o", tmp_path / "out.fits.gz", "-q").code == 0
    with fits.open(tmp_path / "out.fits.gz") as file:
        np.testing.assert_array_equal(file[0].data, pool(array, "sum", size=2))
        header = file[0].header
    assert (header["BUNIT"], header["OBJECT"]) == ("adu", "M 51") and "pooled from 14 x 18" in str(header["HISTORY"])
    assert "LTV1" not in header and "DATAMAX" not in header


def test_spectra_are_kept(here: Call, tmp_path: Path) -> None:
    """Of a cube space is pooled; its spectral axis is what it was, unless --layout says more."""
    cards = {**SKY, **SCALES["CDELT"], "CTYPE3": "FREQ", "CRVAL3": 1.4e9, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz"}
    array = image(tmp_path / "in.fits", samples((6, 8, 10)), **cards)
    assert here("max", "-k", "2", tmp_path / "in.fits", "-o", tmp_path / "out.fits", "-q").code == 0
    with fits.open(tmp_path / "out.fits") as file:
        np.testing.assert_array_equal(file[0].data, pool(array, "max", size=2, layout="CHW"))
        assert (file[0].header["CRPIX3"], file[0].header["CDELT3"]) == (1, 1e6)
    assert here("avg", "-k", "3", "--layout", "Shw", tmp_path / "in.fits", "-o", tmp_path / "s.fits", "-q").code == 0
    assert WCS(fits.getheader(tmp_path / "s.fits")).wcs_pix2world([[0, 0, 0]], 0)[0, 2] == pytest.approx(1.401e9)


@pytest.mark.parametrize(("dtype", "cards", "expected"), [
    ("uint16", {}, "uint16"), ("int16", {"BLANK": 7}, "int16"), ("int16", {"BSCALE": 0.5, "BZERO": 3.0}, "float64")])
def test_stored_numbers(here: Call, tmp_path: Path, dtype: str, cards: dict[str, float], expected: str) -> None:
    """Unsigned ones, missing ones, scaled ones."""
    array = samples(dtype=dtype)
    unit = fits.PrimaryHDU(array)
    unit.writeto(tmp_path / "in.fits")
    with fits.open(tmp_path / "in.fits", mode="update", do_not_scale_image_data=True) as file:
        file[0].header.update(cards)
    assert here("max", "-k", "2", tmp_path / "in.fits", "-o", tmp_path / "out.fits", "-q").code == 0
    with fits.open(tmp_path / "out.fits", do_not_scale_image_data="BLANK" in cards) as file:
        values = file[0].data
        assert values.dtype.name == expected and file[0].header.get("BLANK") == cards.get("BLANK")
    meant = array * 0.5 + 3 if "BSCALE" in cards else array
    np.testing.assert_array_equal(values, pool(meant, "max", size=2, nodata=cards.get("BLANK")))


def test_hdus_and_compressed_images(here: Call, tmp_path: Path) -> None:
    """By name, by number, or the first that holds an image; .fz in and out."""
    array = samples(dtype="int32")
    units = [fits.PrimaryHDU(), fits.CompImageHDU(array, name="SCI"), fits.ImageHDU(array + 1, name="ERR")]
    fits.HDUList(units).writeto(tmp_path / "in.fits.fz")
    for key, added in (([], 0), (["--key", "ERR"], 1), (["--key", "2"], 1)):
        done = here("max", "-k", "2", *key, tmp_path / "in.fits.fz", "-o", tmp_path / "o.fits.fz", "--overwrite")
        assert done.code == 0
        with fits.open(tmp_path / "o.fits.fz") as file:
            np.testing.assert_array_equal(file[1].data, pool(array + added, "max", size=2))
    done = here("max", "--key", "SKY", tmp_path / "in.fits.fz", "-o", tmp_path / "x.fits")
    assert done.code == 1 and "there is no HDU SKY; there are 0 PRIMARY, 1 SCI, 2 ERR" in done.err


def test_what_cannot_be_kept_is_said(here: Call, tmp_path: Path) -> None:
    """Distortion, uneven windows, and world coordinates that astropy cannot parse."""
    sip = {**SKY, **SCALES["CD"], "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 2, "A_0_2": 1e-6,
           "B_ORDER": 2, "B_2_0": 1e-6}
    image(tmp_path / "sip.fits", samples(), **sip)
    image(tmp_path / "bad.fits", samples(), **{**SKY, "CD1_1": 0.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.0})
    done = here("max", "-k", "2", tmp_path / "sip.fits", "-o", tmp_path / "out.fits")
    header = fits.getheader(tmp_path / "out.fits")
    assert done.code == 0 and "the linear part is kept" in done.err
    assert header["CTYPE1"] == "RA---TAN" and "A_ORDER" not in header
    done = here("max", "--adaptive", "5", tmp_path / "sip.fits", "-o", tmp_path / "out.fits", "--overwrite")
    assert "its world coordinates are left out" in done.err and "CRPIX1" not in fits.getheader(tmp_path / "out.fits")
    done = here("max", "-k", "2", tmp_path / "bad.fits", "-o", tmp_path / "out.fits", "--overwrite")
    assert done.code == 0 and done.err.count("its world coordinates are left out") == 1
    assert "CTYPE1" not in fits.getheader(tmp_path / "out.fits")


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "value"), [("NAXIS1", 10**9), ("NAXIS", 900), ("BITPIX", 7), ("NAXIS2", -3),
                                             ("SIMPLE", "x"), ("NAXIS1", "x")])
def test_headers_that_lie(tmp_path: Path, here: Call, name: str, value: Any, packed: bool) -> None:
    """One line, exit code 1, and nothing is allocated for what is not there."""
    image(tmp_path / "in.fits", samples())
    data = bytearray((tmp_path / "in.fits").read_bytes())
    at = data.index(name.ljust(8).encode() + b"=")
    data[at + 10 : at + 30] = f"{value:>20}".encode()
    source = tmp_path / ("bad.fits.gz" if packed else "bad.fits")
    source.write_bytes(gzip.compress(bytes(data)) if packed else data)
    done = here("max", "-k", "2", source, "-o", tmp_path / "out.fits")
    assert done.code == 1 and done.err.count("\n") == 1 and not (tmp_path / "out.fits").exists(), done.err


def test_damage_of_any_kind(tmp_path: Path) -> None:
    """Any byte of the header may be wrong, and any part of the file missing."""
    chance = random.Random(3)
    image(tmp_path / "in.fits", samples((4, 4)), **SKY, **SCALES["PC"])
    whole = (tmp_path / "in.fits").read_bytes()
    for _ in range(60):
        data = bytearray(whole[: chance.randrange(len(whole))] if chance.random() < 0.3 else whole)
        for _ in range(chance.randint(1, 9) if data else 0):
            data[chance.randrange(min(len(data), 2000))] = chance.choice(b"0123456789 '=E.-xNAXIS/\0\xff")
        (tmp_path / "bad.fits").write_bytes(data)
        try:
            loaded = read(tmp_path / "bad.fits")
        except PoolError:
            continue
        assert loaded.array.size < 10_000


@pytest.mark.parametrize(("card", "note"), [
    (b"CDELT1  \x7f                0.25", "damaged cards of its header are left out: 1"),
    (b"CDELT1  = 'much'", "its world coordinates are left out: CDELT1 is no number"),
])
def test_a_damaged_card_is_left_out(tmp_path: Path, here: Call, card: bytes, note: str) -> None:
    """A note says so; astropy's warnings, and what it cannot write, do not come later."""
    whole = image(tmp_path / "in.fits", samples(), CDELT1=0.25, CDELT2=0.5)
    found = (tmp_path / "in.fits").read_bytes()
    at = found.index(b"CDELT1")
    (tmp_path / "in.fits").write_bytes(found[:at] + card.ljust(80) + found[at + 80 :])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = here("max", "-k", "2", tmp_path / "in.fits", "-o", tmp_path / "out.fits")
    assert (result.code, result.err) == (0, f"poolcli: {tmp_path / 'in.fits'}: note: {note}\n")
    assert np.array_equal(fits.getdata(tmp_path / "out.fits"), pool(whole, size=2))
