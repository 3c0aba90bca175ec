"""The maps that people learn pooling from, with the right numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poolcli

A = [[1, 3, 2, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16]]
B = [[1, 3, 2, 9], [5, 6, 1, 7], [4, 2, 8, 6], [3, 5, 7, 2]]

EXAMPLES = [
    ("A max", A, "max", {"size": 2, "stride": 2}, [[6, 8], [14, 16]]),
    ("A avg, where a widely read article prints 3.5", A, "avg", {"size": 2}, [[3.75, 5.25], [11.5, 13.5]]),
    ("A min", A, "min", {"size": 2}, [[1, 2], [9, 11]]),
    ("A global max", A, "max", {"size": "all"}, [[16]]),
    ("A global avg, where the article prints 7.5", A, "avg", {"size": "all"}, [[8.5]]),
    ("B max", B, "max", {"size": 2}, [[6, 9], [5, 8]]),
    ("B avg", B, "avg", {"size": 2}, [[3.75, 4.75], [3.5, 5.75]]),
    ("B min", B, "min", {"size": 2}, [[1, 1], [2, 2]]),
    ("B global max", B, "max", {"size": "all"}, [[9]]),
    ("B global avg", B, "avg", {"size": "all"}, [[4.4375]]),
    ("one window, avg", [[1.7, 0.9], [-0.2, 1.1]], "avg", {"size": 2}, [[0.875]]),
    ("one window, max", [[1.7, 0.9], [-0.2, 1.1]], "max", {"size": 2}, [[1.7]]),
    ("the default is 2x2, stride 2", A, "max", {}, [[6, 8], [14, 16]]),
    ("fractional, disjoint", [2, 4, 3, 1, 5, 2, 3], "max", {"fractional": 1.4, "u": 0.3}, [2, 4, 1, 5, 3]),
    (
        "fractional, overlapping",
        [2, 4, 3, 1, 5, 2, 3],
        "max",
        {"fractional": 1.4, "u": 0.3, "overlapping": True},
        [4, 4, 5, 5, 3],
    ),
]


@pytest.mark.parametrize(
    ("values", "reducer", "options", "want"), [row[1:] for row in EXAMPLES], ids=[row[0] for row in EXAMPLES]
)
def test_worked_example(values: Any, reducer: str, options: dict[str, Any], want: Any) -> None:
    """The map pools to exactly these numbers."""
    assert poolcli.pool(np.array(values), reducer, **options).tolist() == want


def test_indices_of_the_worked_map() -> None:
    """B's maxima are where a reader finds them, counted row by row."""
    _, indices = poolcli.pool(np.array(B), "max", size=2, return_indices=True)
    assert indices.tolist() == [[5, 3], [13, 10]]
