"""Same kind in and out: tensors give tensors, arrays of other libraries their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import poolcli


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16", "int64", "bool"])
def test_tensors_of_pytorch(dtype: str) -> None:
    """On the CPU, of every dtype that both have, indices too."""
    torch = pytest.importorskip("torch")
    array = (np.arange(48).reshape(6, 8) % 7).astype(dtype)
    x = torch.from_numpy(array)
    made = poolcli.pool(x, "max", size=2)
    assert isinstance(made, torch.Tensor) and made.dtype == x.dtype
    np.testing.assert_array_equal(made.numpy(), poolcli.pool(array, "max", size=2))
    values, indices = poolcli.pool(x, "max", size=2, return_indices=True)
    assert isinstance(values, torch.Tensor) and indices.dtype == torch.int64
    made[0, 0] = 0  # it is nobody else's memory


class Foreign:
    """An array of a library that speaks DLPack and that nobody has heard of."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return self.array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)


def test_a_library_without_a_way_back() -> None:
    """Gives NumPy's array, as lists and numbers do."""
    x = np.arange(16.0).reshape(4, 4)
    for given in (Foreign(x), x.tolist()):
        made = poolcli.pool(given, "avg", size=2)
        assert type(made) is np.ndarray
        np.testing.assert_array_equal(made, poolcli.pool(x, "avg", size=2))


def test_out_is_given_back() -> None:
    """As it is, whatever the input was."""
    torch = pytest.importorskip("torch")
    out = np.empty((2, 2))
    assert poolcli.pool(torch.arange(16.0, dtype=torch.float64).reshape(4, 4), "avg", size=2, out=out) is out
