"""Columns put in order by minima and maxima are what NumPy sorts."""

from __future__ import annotations

import numpy as np
import pytest

from poolcli.analysis.sort_rows import MOST_ROWS, list_exchanges, sort_rows


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64", "float32"])
def test_every_number_of_rows(dtype: str) -> None:
    """Ties included, and beyond the networks."""
    rng = np.random.default_rng(0)
    for count in (*range(1, 18), 31, MOST_ROWS, MOST_ROWS + 1):
        rows = rng.integers(0, 9, (count, 50)).astype(dtype)
        before = rows.copy()
        assert (sort_rows(rows) == np.sort(rows, axis=0)).all() and (rows == before).all()


def test_networks_are_small() -> None:
    """As many pairs as Batcher's merge exchange has."""
    assert [len(list_exchanges(n)) for n in (1, 2, 4, 9, 16)] == [0, 1, 5, 26, 63]
