"""The rows about error: sums over 10^8 samples, against the exact value."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

import poolcli

from .measure import Line

STEP = 2.0**-24
"""Samples are whole multiples of it, so that their sum is known as a whole number."""
OFFSETS = {"from 0 to 1": 0.0, "from -1/2 to 1/2": 0.5}


def lines(samples: int) -> Iterator[Line]:
    """The error of a global sum and mean in units in the last place, at most 1."""
    edge = int(samples**0.5)
    steps = np.random.default_rng(7).integers(0, 1 << 24, (edge, edge), dtype=np.int32)
    for says, offset in OFFSETS.items():
        whole = steps - np.int32(offset / STEP)
        x = whole.astype(np.float32) * np.float32(STEP)
        exact = Fraction(int(whole.sum(dtype=np.int64))) * Fraction(STEP)
        for reducer, value in (("sum", exact), ("avg", exact / whole.size)):
            error = ulps(poolcli.pool(x, reducer, size="all")[0, 0], value)
            work = f"{reducer} global of {x.size:.0e} float32 {says}"
            yield Line("exactness", work, error, "", None, error, 1.0, "ulp")


def ulps(got: np.float32, exact: Fraction) -> float:
    """How far a float32 is from the exact value, in the distance of floats there."""
    return float(abs(Fraction(float(got)) - exact) / Fraction(float(np.spacing(np.abs(np.float32(float(exact)))))))
