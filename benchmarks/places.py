"""Files that know where they lie, made smaller: poolcli beside the tools of each field, from file to file.

``python -m benchmarks.places`` prints a table; ``--write`` puts it into BENCHMARKS.md. Needs rasterio, xarray, nibabel,
SimpleITK and astropy. Each way is a process of its own, so that its peak of memory is its own; CPU time is that of its
second run, without imports, and of all its threads. Values are compared with NumPy's, places with what the windows say.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = Path(__file__).parents[1] / "BENCHMARKS.md"
BEGIN, END = "<!-- places -->\n", "<!-- /places -->\n"
SIDE, BY = 10_000, 10
ROUNDS = 2
"""The least CPU time of so many processes counts."""
Array = NDArray[Any]
Facts = tuple[Array, tuple[float, ...] | None]
"""Values, and where the first pixel's centre lies beside how large a pixel is; None of a result without a place."""
MAP = (20.0, 0.0, 4e5, 0.0, -20.0, 5e6)


# The inputs.


def make_map(folder: Path) -> Path:
    """A land cover of patches with noise, tiled, not compressed."""
    import rasterio

    path, rng = folder / "map.tif", np.random.default_rng(0)
    patches = rng.integers(0, 12, (SIDE // 100, SIDE // 100), np.uint8).repeat(100, 0).repeat(100, 1) * np.uint8(20)
    with rasterio.open(path, "w", driver="GTiff", height=SIDE, width=SIDE, count=1, dtype="uint8", tiled=True,
                       blockxsize=512, blockysize=512, crs="EPSG:32633", transform=rasterio.Affine(*MAP)) as file:
        file.write(patches + rng.integers(0, 9, patches.shape, np.uint8), 1)
    return path


def make_scan(folder: Path) -> Path:
    """A volume of 16 bits."""
    import nibabel

    array = np.random.default_rng(0).integers(0, 2000, (256, 256, 192)).astype(np.int16)
    nibabel.Nifti1Image(array, np.diag([0.8, 0.8, 1.2, 1.0])).to_filename(folder / "scan.nii")
    return folder / "scan.nii"


def make_sky(folder: Path) -> Path:
    """Counts with linear world coordinates."""
    from astropy.io import fits

    unit = fits.PrimaryHDU(np.random.default_rng(0).poisson(20, (4096, 4096)).astype(np.float32))
    unit.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 2048.5, "CRPIX2": 2048.5, "CRVAL1": 150.0,
                        "CRVAL2": 2.0, "CDELT1": -1e-4, "CDELT2": 1e-4})
    unit.writeto(folder / "sky.fits")
    return folder / "sky.fits"


# The ways: from one file to another.


def pool_by(reducer: str, *options: str) -> Callable[[Path, Path], None]:
    """By poolcli's command, in this process, with compiled kernels."""
    def work(source: Path, target: Path) -> None:
        from poolcli.cli.main import run
        from poolcli.drivers import policy

        sys.argv = ["poolcli", reducer, *options, "-q", "--overwrite", str(source), "-o", str(target)]
        with policy.use_tier(policy.KERNELS):
            assert run() == 0
    return work


def resample_by(name: str) -> Callable[[Path, Path], None]:
    """By GDAL's warper, as gdalwarp -r does it."""
    def work(source: Path, target: Path) -> None:
        import rasterio
        from rasterio.warp import Resampling, reproject

        with rasterio.open(source) as file:
            transform = file.transform * rasterio.Affine.scale(BY)
            profile = {**file.profile, "height": SIDE // BY, "width": SIDE // BY, "transform": transform}
            with rasterio.open(target, "w", **profile) as made:
                reproject(rasterio.band(file, 1), rasterio.band(made, 1), resampling=Resampling[name], num_threads=2)
    return work


def coarsen_by(name: str) -> Callable[[Path, Path], None]:
    """By xarray, read and written by rasterio, which is told where the result lies."""
    def work(source: Path, target: Path) -> None:
        import rasterio
        import xarray

        with rasterio.open(source) as file:
            data, profile = xarray.DataArray(file.read(1), dims=("y", "x")), file.profile
        small = getattr(data.coarsen(y=BY, x=BY), name)()
        profile |= {"height": SIDE // BY, "width": SIDE // BY,
                    "transform": profile["transform"] * rasterio.Affine.scale(BY)}
        with rasterio.open(target, "w", **profile) as made:
            made.write(np.floor(small.values + 0.5).astype("uint8"), 1)
    return work


def shrink(source: Path, target: Path) -> None:
    """By ITK's BinShrink."""
    import SimpleITK

    SimpleITK.WriteImage(SimpleITK.BinShrink(SimpleITK.ReadImage(str(source)), [2, 2, 2]), str(target))


def reduce_blocks(source: Path, target: Path) -> None:
    """By astropy's block_reduce, which leaves the header to the user; here it is left as it was."""
    from astropy.io import fits
    from astropy.nddata import block_reduce

    with fits.open(source) as units:
        fits.PrimaryHDU(block_reduce(units[0].data, 4), units[0].header).writeto(target, overwrite=True)


# What came out.


def look_at_map(path: Path) -> Facts:
    """By rasterio."""
    import rasterio

    with rasterio.open(path) as file:
        x, y = file.xy(0, 0)
        return file.read(1), (x, y, *file.res)


def look_at_scan(path: Path) -> Facts:
    """By SimpleITK."""
    import SimpleITK

    image = SimpleITK.ReadImage(str(path))
    return SimpleITK.GetArrayFromImage(image).T, (*image.GetOrigin(), *image.GetSpacing())


def look_at_sky(path: Path) -> Facts:
    """By astropy."""
    from astropy.io import fits
    from astropy.wcs import WCS

    with fits.open(path) as units:
        sky = WCS(units[0].header)
        corners = [float(one) for one in sky.wcs_pix2world([[0, 0], [1, 1]], 0).ravel()]
        return np.asarray(units[0].data), tuple(corners)


def blocks(array: Array, by: int) -> Array:
    """The samples of each block along a last axis."""
    sides = [n for side in array.shape for n in (side // by, by)]
    count = array.ndim
    order = (*range(0, 2 * count, 2), *range(1, 2 * count, 2))
    return array.reshape(sides).transpose(order).reshape(*(side // by for side in array.shape), -1)


def count_modes(samples: Array) -> Array:
    """The most frequent value of each block, the smallest of several."""
    best = np.zeros(samples.shape[:-1], np.int64)
    winner = np.zeros(samples.shape[:-1], samples.dtype)
    for value in np.unique(samples):
        count = (samples == value).sum(-1)
        winner[count > best] = value
        best = np.maximum(best, count)
    return winner


def round_half_up(exact: Array) -> Array:
    """To whole numbers, a half up."""
    return np.floor(exact + 0.5)


EXPECTED: dict[str, Callable[[Array], Array]] = {
    "map mean": lambda array: round_half_up(blocks(array, BY).sum(-1, dtype="i8") / BY**2),
    "map mode": lambda array: count_modes(blocks(array, BY)),
    "map median": lambda array: round_half_up(np.median(blocks(array, BY), axis=-1)),
    "scan mean": lambda array: round_half_up(blocks(array, 2).sum(-1, dtype="i8") / 8),
    "sky sum": lambda array: blocks(array, 4).sum(-1, dtype="f8"),
}
LOOKS = {"map": look_at_map, "scan": look_at_scan, "sky": look_at_sky}
MAKERS = {"map": make_map, "scan": make_scan, "sky": make_sky}
BYS = {"map": BY, "scan": 2, "sky": 4}
WAYS: dict[str, dict[str, Callable[[Path, Path], None]]] = {
    "map mean": {"poolcli": pool_by("avg", "-k", str(BY)), "GDAL warp": resample_by("average"),
                 "xarray coarsen": coarsen_by("mean")},
    "map mode": {"poolcli": pool_by("mode", "-k", str(BY)), "GDAL warp": resample_by("mode")},
    "map median": {"poolcli": pool_by("median", "-k", str(BY)), "GDAL warp": resample_by("med"),
                   "xarray coarsen": coarsen_by("median")},
    "scan mean": {"poolcli": pool_by("avg", "-k", "2", "--dtype", "int16"), "ITK BinShrink": shrink},
    "sky sum": {"poolcli": pool_by("sum", "-k", "4"), "astropy block_reduce": reduce_blocks},
}
TITLES = {"map mean": "GeoTIFF, 10,000 x 10,000 by 10, mean", "map mode": "the same, mode",
          "map median": "the same, median", "scan mean": "NIfTI, 256 x 256 x 192 by 2, mean",
          "sky sum": "FITS, 4096 x 4096 by 4, sum"}


def place_expected(kind: str, before: tuple[float, ...]) -> tuple[float, ...]:
    """Where a result lies: its first centre is that of the first window, its pixels are as many times larger."""
    by, count = BYS[kind], len(before) // 2
    if kind == "sky":  # two centres in the world; linear enough so near to each other
        step = [before[2 + i] - before[i] for i in range(2)]
        first = [before[i] + step[i] * (by - 1) / 2 for i in range(2)]
        return (*first, *(first[i] + step[i] * by for i in range(2)))
    signs = (1, -1) if kind == "map" else (-1, -1, 1)  # ITK counts to the left and to the back
    return (*(before[i] + signs[i] * before[count + i] * (by - 1) / 2 for i in range(count)),
            *(by * one for one in before[count:]))


def run_once(work: str, way: str, source: str, target: str) -> None:
    """Be the process of one way: print CPU seconds and the peak of memory in MB."""
    warnings.simplefilter("ignore")
    WAYS[work][way](Path(source), Path(target))  # imports, kernels, the file's pages
    Path(target).unlink()
    begun = time.process_time()
    WAYS[work][way](Path(source), Path(target))
    used = time.process_time() - begun
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(json.dumps({"cpu": used, "peak": int(status.partition("VmHWM:")[2].split()[0]) // 1024}))


def measure(work: str, source: Path, folder: Path) -> list[dict[str, Any]]:
    """A row for each way."""
    kind = work.split()[0]
    array, before = LOOKS[kind](source)
    assert before is not None
    expected, rows = EXPECTED[work](array), []
    for way in WAYS[work]:
        target, found = folder / f"out{source.suffix}", []
        for _ in range(ROUNDS):
            target.unlink(missing_ok=True)
            done = subprocess.run([sys.executable, "-m", "benchmarks.places", "--once", work, way, str(source),
                                   str(target)], stdout=subprocess.PIPE, check=True)
            found.append(json.loads(done.stdout.splitlines()[-1]))
        values, place = LOOKS[kind](target)
        wrong = float((values != expected).mean()) if values.shape == expected.shape else 1.0
        right = place is not None and np.allclose(place, place_expected(kind, before), rtol=1e-9, atol=1e-9)
        rows.append({"work": work, "way": way, "cpu": min(one["cpu"] for one in found),
                     "peak": min(one["peak"] for one in found), "wrong": wrong, "place": bool(right)})
    return rows


def write_table(rows: list[dict[str, Any]]) -> str:
    """As Markdown; times are ratios to poolcli's."""
    own = {row["work"]: row["cpu"] for row in rows if row["way"] == "poolcli"}
    lines = ["| work | way | CPU s | to poolcli's | peak MB | values that differ | place |",
             "| --- | --- | ---: | ---: | ---: | ---: | --- |"]
    for row in rows:
        lines.append(f"| {TITLES[row['work']] if row['way'] == 'poolcli' else ''} | {row['way']} | {row['cpu']:.2f} | "
                     f"{row['cpu'] / own[row['work']]:.1f} | {row['peak']} | {row['wrong']:.2%} | "
                     f"{'right' if row['place'] else 'wrong'} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure all, or be one of the processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into BENCHMARKS.md")
    parser.add_argument("--once", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once:
        run_once(*given.once)
        return
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as name:
        rows, sources = [], {kind: make(Path(name)) for kind, make in MAKERS.items()}
        for work in WAYS:
            rows += measure(work, sources[work.split()[0]], Path(name))
    table = write_table(rows)
    print(table)
    if given.write:
        page = PAGE.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
