"""Affine maps from columns and rows to the world, and what pooling makes of them."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...core.place import AxisPlace

Affine = tuple[float, float, float, float, float, float]
"""(a, b, c, d, e, f): x = a column + b row + c, y = d column + e row + f; the first corner of the first pixel is at
(0, 0), as in GDAL, rasterio and the package affine."""


def find_corner(axis: AxisPlace) -> tuple[Fraction, Fraction]:
    """Return the step of an evenly spaced axis and where the first corner of its first sample is.

    Both are counted in samples of the file's axis, of which the first corner is at 0. The corner of a sample with
    centre c and step s is at c + 1/2 - s/2.
    """
    assert axis.spacing is not None
    step, first = axis.spacing
    return step, first + Fraction(1, 2) - step / 2


def pool_affine(affine: Affine, rows: AxisPlace, columns: AxisPlace) -> Affine:
    """Return the affine of a pooled raster.

    Parameters
    ----------
    affine
        That of the file.
    rows, columns
        Its two axes, both evenly spaced.

    Returns
    -------
    Affine
        A T(e) S(s), where s are the steps and e the corners of ``find_corner``.
    """
    (step_y, corner_y), (step_x, corner_x) = find_corner(rows), find_corner(columns)
    a, b, c, d, e, f = affine
    x0, y0, sx, sy = float(corner_x), float(corner_y), float(step_x), float(step_y)
    return (a * sx, b * sy, c + a * x0 + b * y0, d * sx, e * sy, f + d * x0 + e * y0)


def locate_first_centre(affine: Affine) -> tuple[float, float]:
    """Return the world coordinates (x, y) of the first pixel's centre."""
    a, b, c, d, e, f = affine
    return a / 2 + b / 2 + c, d / 2 + e / 2 + f


def measure_pixel(affine: Affine) -> tuple[float, float]:
    """Return how far it is from a pixel to the next one in its column, and in its row: height and width."""
    a, b, _, d, e, _ = affine
    return math.hypot(b, e), math.hypot(a, d)


def is_usable(affine: Affine) -> bool:
    """Return whether an affine places every pixel somewhere else: six finite numbers, and an area that is not 0."""
    a, b, _, d, e, _ = affine
    return all(map(math.isfinite, affine)) and a * e - b * d != 0
