"""Libraries that only some need, and the extras that bring them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

BRINGS: Mapping[str, str] = MappingProxyType({"aiohttp": "cloud", "astropy": "fits", "distributed": "dask",
                                              "fsspec": "cloud", "h5netcdf": "netcdf", "nibabel": "nifti",
                                              "pillow_heif": "heif", "pillow_jxl": "jxl",
                                              "s3fs": "cloud", "simplejpeg": "jpeg", "tifffile": "tiff",
                                              "xarray": "netcdf",
                                              "zarr": "zarr"})
"""Which extra brings a library."""


def lacking(*libraries: str) -> str | None:
    """Say which of some libraries is not installed and what brings it, or None; nothing is imported."""
    missing = next((name for name in libraries if find_spec(name) is None), None)
    if missing is None:
        return None
    return f'needs {missing}, which is not installed; pip install "poolcli[{BRINGS[missing]}]" would work'
