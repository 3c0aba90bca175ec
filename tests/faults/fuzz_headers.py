#!/usr/bin/env python3
"""Damaged headers in one process: python tests/faults/fuzz_headers.py [--inputs 10000] [--seed 0] [FORMAT ...]

A small file of each format is written by the format's own library, a few of its first or last bytes are changed or its
end is cut off, and it is read as a command does, over and over; where it has a place, a result with the place of its
windows is written. What comes must be an array that its limit allows or a PoolError of one line, within two seconds; no
warning, no other exception. Prints a Markdown table and each input that breaks a rule, which is kept in the folder
--keep; the exit code is 1 if there is one. A format whose library is missing is left out.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from poolcli import files
from poolcli.errors import PoolError
from poolcli.pooling import parse_pooling

ARRAY = np.random.default_rng(0).integers(0, 250, (2, 3, 8, 10)).astype("uint16")
PLANE = ARRAY[0, 0].astype("uint8")
MAX_PIXELS = 1 << 20
SECONDS = 2.0
HEAD = 900
"""Bytes at either end of a file that are changed, where it has so many: headers, directories, indexes."""


def write_nifti(path: Path) -> None:
    """One volume."""
    import nibabel

    nibabel.Nifti1Image(ARRAY[0].astype("int16"), np.diag((2, 2, 3, 1))).to_filename(path)


def write_fits(path: Path) -> None:
    """One image with a place on the sky."""
    from astropy.io import fits

    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CDELT1": 0.1, "CDELT2": 0.1})
    fits.PrimaryHDU(ARRAY[0, 0].astype("int16"), header).writeto(path)


def write_netcdf(path: Path) -> None:
    """One variable with its coordinates."""
    import xarray

    xarray.Dataset({"air": (("lat", "lon"), ARRAY[0, 0].astype("float32"))},
                   {"lat": np.linspace(70, 0, 8), "lon": np.arange(10.0)}).to_netcdf(path, engine="h5netcdf")


def write_tifffile(path: Path) -> None:
    """OME-XML of four axes, or a hyperstack of ImageJ's."""
    import tifffile

    ome = path.name.endswith(".ome.tif")
    tifffile.imwrite(path, ARRAY, ome=ome, imagej=not ome, photometric="minisblack", metadata={"axes": "ZCYX"})


def write_geotiff(path: Path) -> None:
    """A plane with its place on the earth and a value for what is missing."""
    import rasterio

    with rasterio.open(path, "w", driver="GTiff", width=10, height=8, count=1, dtype="uint8", crs="EPSG:4326",
                       nodata=255, transform=rasterio.Affine(2, 0, 5, 0, -2, 50)) as file:
        file.write(PLANE, 1)


def write_picture(path: Path) -> None:
    """A grey picture."""
    Image.fromarray(PLANE).save(path)


FORMATS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "npy": ("x.npy", lambda path: np.save(path, ARRAY)),
    "npz": ("x.npz", lambda path: np.savez(path, it=ARRAY)),
    "text": ("x.csv", lambda path: np.savetxt(path, PLANE, "%d", ",")),
    **{name: (f"x.{name.lower()}", write_picture) for name in ("PNG", "TIFF", "BMP", "PGM", "GIF", "WebP", "JPEG")},
    "GeoTIFF": ("x.tif", write_geotiff), "OME-TIFF": ("x.ome.tif", write_tifffile), "ImageJ": ("x.tif", write_tifffile),
    "NIfTI": ("x.nii", write_nifti), "FITS": ("x.fits", write_fits), "NetCDF": ("x.nc", write_netcdf),
}


def damage(chance: random.Random, data: bytes) -> bytes:
    """A few bytes of the beginning or the end changed, or the end missing."""
    if chance.random() < 0.1:
        return data[: chance.randrange(len(data))]
    found, head = bytearray(data), min(len(data), HEAD)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(head) if chance.random() < 0.7 else len(found) - 1 - chance.randrange(head)
        found[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256), found[at] ^ 1 << chance.randrange(8)))
    return bytes(found)


def write_result(path: Path, loaded: files.Loaded) -> None:
    """Pool and write, by a name of the same ending: a result has the header of its input."""
    pooling = parse_pooling("max", size=2, layout=loaded.layout)
    plan = pooling.plan(loaded.array.shape)
    place = None if loaded.source.place is None else loaded.source.place.pool(plan)
    files.write(path.with_name(f"result-{path.name}"), pooling.run(loaded.array, plan).values,
                replace(loaded.source, place=place), overwrite=True)


def find_fault(path: Path) -> tuple[str | None, bool]:
    """What is wrong with how a file is read, and whether it was read at all."""
    start, fault, was_read = time.thread_time(), None, False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            loaded = files.read(path, max_pixels=MAX_PIXELS)
        if loaded.array.size > 4 * MAX_PIXELS:
            fault = f"{loaded.array.shape} is more than may be"
        if loaded.source.place is not None:
            loaded.source.place.facts()
            loaded.source.place.losses()
            write_result(path, loaded)
        was_read = True
    except PoolError as error:
        fault = "several lines" if "\n" in str(error) else None
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    took = time.thread_time() - start
    return fault or (f"took {took:.1f} s" if took > SECONDS else None), was_read


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("format", nargs="*", help=", ".join(FORMATS))
    parser.add_argument("--inputs", type=int, default=10_000, help="of each format")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="a folder for what breaks a rule")
    options = parser.parse_args()
    if unknown := set(options.format) - FORMATS.keys():
        parser.error(f"no format {unknown.pop()!r}; there are {', '.join(FORMATS)}")
    faults = 0
    print("| format | inputs | read | refused | wrong | ms each |\n| --- | --: | --: | --: | --: | --: |")
    for name in options.format or FORMATS:
        chance, ending = random.Random(f"{options.seed} {name}"), FORMATS[name][0]
        with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as top:
            path = Path(top, ending)
            try:
                FORMATS[name][1](path)
            except ImportError:
                continue
            data, read, wrong, start = path.read_bytes(), 0, 0, time.monotonic()
            for number in range(options.inputs):
                damaged = damage(chance, data)
                path.write_bytes(damaged)
                fault, was_read = find_fault(path)
                read += was_read
                if fault:
                    wrong += 1
                    print(f"{name} {number}: {fault}", file=sys.stderr, flush=True)
                    if options.keep:
                        options.keep.mkdir(parents=True, exist_ok=True)
                        (options.keep / f"{number}-{ending}").write_bytes(damaged)
        each = 1e3 * (time.monotonic() - start) / max(options.inputs, 1)
        refused = options.inputs - read - wrong
        print(f"| {name} | {options.inputs} | {read} | {refused} | {wrong} | {each:.2f} |", flush=True)
        faults += wrong
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
