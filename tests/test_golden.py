"""PyTorch's pooling, frozen in `golden/torch.npz` by `golden/make_golden.py`, and ours must agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poolcli

GOLDEN = Path(__file__).with_name("golden") / "torch.npz"
META = json.loads(str(np.load(GOLDEN)["meta"]))
CASES = {case["name"]: case for case in META["cases"]}
# PyTorch's own powers are off by some units in the last place; all its other values here are exact.
RTOL = {"lp": 1e-13}


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Every array of the golden file, read once."""
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def keywords(case: dict[str, Any], x: np.ndarray) -> dict[str, Any]:
    """The case's keywords: JSON has lists where Python has tuples."""
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in case["options"].items()}
    return options | {"layout": META["layouts"][str(x.ndim - 2)]}


@pytest.mark.parametrize("name", CASES)
def test_values_are_pytorchs(name: str, golden: dict[str, np.ndarray]) -> None:
    """Maxima are PyTorch's bit for bit, averages to one unit in the last place, Lp to its tolerance."""
    case, x = CASES[name], golden[f"x_{CASES[name]['source']}"]
    want = golden[f"y_{name}"]
    got = poolcli.pool(x, case["reducer"], **keywords(case, x))
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    if case["reducer"] == "max":
        np.testing.assert_array_equal(got, want)
    elif case["reducer"] == "avg":
        np.testing.assert_array_max_ulp(got, want, maxulp=1)
    else:
        np.testing.assert_allclose(got, want, rtol=RTOL[case["reducer"]])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case["reducer"] == "max"])
def test_indices_are_pytorchs(name: str, golden: dict[str, np.ndarray]) -> None:
    """Flat indices in the plane are PyTorch's: padding not counted, first maximum, last NaN."""
    case, x = CASES[name], golden[f"x_{CASES[name]['source']}"]
    _, got = poolcli.pool(x, "max", return_indices=True, **keywords(case, x))
    np.testing.assert_array_equal(got, golden[f"i_{name}"])


def test_the_file_says_where_it_is_from() -> None:
    """The golden file names its tool, version and command, and has no case without values."""
    assert META["tool"] == "torch"
    assert META["version"].startswith("2.")
    assert META["command"].endswith("make_golden.py")
    assert {f"y_{name}" for name in CASES} <= set(np.load(GOLDEN).files)
