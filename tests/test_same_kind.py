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


class Namespace:
    """A library of the array API standard."""

    @staticmethod
    def from_dlpack(x: Any) -> Standard:
        """Take an array."""
        return Standard(np.from_dlpack(x))


class Standard:
    """An array of the standard: it speaks DLPack, names its library, and NumPy knows nothing else of it."""

    def __init__(self, array: Any, device: int = 1) -> None:
        self.array, self.kind = array, device
        self.device = "cpu" if device == 1 else "cuda:0"

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        return Namespace

    def __dlpack__(self, **options: Any) -> Any:
        assert self.kind == 1, "memory that nobody here can read"
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.kind, 0


def test_the_array_api_standard() -> None:
    """An array whose library names itself comes back as that library's, as JAX's and CuPy's do; indices too."""
    x = np.arange(24.0, dtype="float32").reshape(4, 6)
    values, indices = poolcli.pool(Standard(x), "max", size=2, return_indices=True)
    assert isinstance(values, Standard) and isinstance(indices, Standard)
    np.testing.assert_array_equal(values.array, poolcli.pool(x, "max", size=2))


def test_jax() -> None:
    """Where it is installed."""
    jax = pytest.importorskip("jax")
    made = poolcli.pool(jax.numpy.arange(16.0).reshape(4, 4), "avg", size=2)
    assert isinstance(made, jax.Array)
    np.testing.assert_array_equal(made, poolcli.pool(np.arange(16.0).reshape(4, 4), "avg", size=2))


class OnDevice:
    """An array of Numba or CuPy as older versions have them."""

    __cuda_array_interface__: dict[str, Any] = {}  # noqa: RUF012
    device = "cuda:0"


@pytest.mark.parametrize("given", [Standard(np.ones((4, 4)), 2), OnDevice()], ids=["DLPack", "CUDA's interface"])
def test_memory_of_another_device_is_refused(given: Any) -> None:
    """Before anything reads it, with what would work."""
    with pytest.raises(poolcli.PoolError, match=r"another device \(cuda:0\).*x\.cpu\(\)"):
        poolcli.pool(given, "max", size=2)
