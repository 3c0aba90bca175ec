"""PyTorch's gradients and unpooling, frozen in `golden/undo.npz` by `golden/make_undo.py`, and ours must agree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import poolcli
from poolcli.analysis.grad.grad import differentiable_reducers

GOLDEN = Path(__file__).parents[1] / "golden" / "undo.npz"
META = json.loads(str(np.load(GOLDEN)["meta"]))
CASES = {case["name"]: case for case in META["cases"]}
UNPOOLED = [name for name, case in CASES.items() if case["reducer"] == "unpool"]


@pytest.fixture(scope="session")
def golden() -> dict[str, np.ndarray]:
    """Every array of the golden file, read once."""
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


def layout(x: np.ndarray) -> str:
    """The letters of PyTorch's axes."""
    found: str = META["layouts"][str(x.ndim - 1)]
    return found


@pytest.mark.parametrize("name", [name for name in CASES if name not in UNPOOLED])
def test_gradients_are_pytorchs(name: str, golden: dict[str, np.ndarray]) -> None:
    """Of every reducer that PyTorch can say, for an upstream gradient; sums of a few terms in another order."""
    case: dict[str, Any] = CASES[name]
    x, upstream = golden[f"x_{case['source']}"], golden[f"u_{name}"] / 8
    found = poolcli.grad(x, case["reducer"], upstream, layout=layout(x), **case["options"])
    np.testing.assert_allclose(found, golden[f"g_{name}"], rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", UNPOOLED)
def test_unpooling_is_pytorchs(name: str, golden: dict[str, np.ndarray]) -> None:
    """Values at their indices, at the size of the input."""
    x, wanted = golden[f"x_{CASES[name]['source']}"], golden[f"g_{name}"]
    found = poolcli.unpool(golden[f"v_{name}"], golden[f"i_{name}"], output_shape=wanted.shape, layout=layout(x))
    np.testing.assert_array_equal(found, wanted)


def test_the_file_says_where_it_is_from() -> None:
    """It names its tool, version and command, and has all but mode, which PyTorch differentiates by another index, and
    reducers that PyTorch does not have: test_grad.py holds those to differences.
    """
    assert META["tool"] == "torch" and META["version"].startswith("2.") and META["command"].endswith("make_undo.py")
    found = set(differentiable_reducers()) - {case["reducer"] for case in CASES.values()}
    assert found == {
        "mode", "absmax", "ada", "centre", "circmean", "count", "first", "geomean", "harmean", "last", "mad",
        "median-high", "median-low", "rms", "topk", "trimmed", "winsor"}, (
        "a reducer that PyTorch does not have is named here too")
