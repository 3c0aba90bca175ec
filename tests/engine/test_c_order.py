"""Arrays that do not lie in C order, and 16-bit floats, are read as NumPy reads them, to the last bit."""

import numpy as np
import pytest

from poolcli import pool
from poolcli.drivers import policy
from poolcli.drivers.fold import fold_driver, fold_run
from poolcli.engine import c_order

HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


@pytest.fixture(autouse=True)
def by_kernels():
    """Kernels run whatever they cost."""
    with policy.use_tier(policy.KERNELS):
        yield


def bits(x):
    """The bits of floats, all NaN alike."""
    return np.where(x == x, x, np.nan).view(f"u{x.itemsize}")


def test_every_half_is_read():
    """All 65,536 of them."""
    read = c_order.in_c_order(HALVES, np.dtype(np.float32))
    np.testing.assert_array_equal(bits(read), bits(HALVES.astype(np.float32)))


def test_halves_are_rounded_once():
    """Those beside a middle too, where a float32 between would be another tie."""
    exact = HALVES.astype(np.float64)
    finite = exact[np.isfinite(exact)]
    middle = (finite[:-1] + finite[1:]) / 2
    doubles = np.concatenate([exact, middle, np.nextafter(middle, np.inf), np.nextafter(middle, -np.inf),
                              [65519.99, 65520.0, 1e300, -1e300, 5e-324, 2.0**-25, -(2.0**-25)]])
    with np.errstate(over="ignore"):
        expected = doubles.astype(np.float16)
    np.testing.assert_array_equal(bits(c_order.as_result(doubles, np.dtype(np.float16))), bits(expected))


@pytest.mark.parametrize(("size", "stride"), [(2, 2), (3, 1), (15, 1)])
def test_a_series_in_many_blocks(monkeypatch, size, stride):
    """Blocks share what is alike; those at the borders are clipped."""
    monkeypatch.setattr(fold_driver, "LARGE", 0)
    monkeypatch.setattr(fold_run, "ROW_STATES", 64)
    monkeypatch.setattr(fold_run, "LONGEST", 1)
    monkeypatch.setattr(fold_run, "BLOCK_SAMPLES", 300)
    x = np.random.default_rng(5).integers(0, 256, 1001, np.uint8)
    padded = np.pad(x, size // 2)
    expected = [padded[i : i + size].max() for i in range(0, len(padded) - size + 1, stride)]
    np.testing.assert_array_equal(pool(x, "max", size=size, stride=stride, padding=size // 2), expected)


VIEWS = {
    "transposed": lambda x: x.T,
    "mirrored": lambda x: x.T[::-1, ::2],
    "mirrored in memory": lambda x: x[::-1, ::-1].T,
    "channels last": lambda x: x.reshape(4, 20, 30, -1).transpose(0, 3, 1, 2),
    "Fortran": lambda x: np.asfortranarray(x.reshape(3, 4, 20, -1)),
    "one line": lambda x: x.reshape(-1, 1, 2)[:, :, 1].T,
}


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32", "float64"])
def test_pixels_are_copied(dtype, channels):
    """Images whose rows and columns are exchanged, from memory that is not aligned to pixels too."""
    samples = np.random.default_rng(3).integers(0, 100, 60 * 70 * channels + 1).astype(dtype)
    for begin in (0, 1):
        x = samples[begin : begin + 60 * 70 * channels].reshape(60, 70, channels)
        for moved in (x.transpose(1, 0, 2), x[::-1, ::2].transpose(1, 0, 2), x.transpose(1, 0, 2)[..., : channels - 1]):
            copy = c_order.in_c_order(moved, moved.dtype)
            assert copy.flags.c_contiguous and copy.dtype == x.dtype
            np.testing.assert_array_equal(copy, moved)


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_copied(view):
    """Whatever order, step and direction."""
    x = VIEWS[view](np.random.default_rng(3).integers(0, 256, (120, 340), np.uint8))
    copy = c_order.in_c_order(x, x.dtype)
    assert copy.flags.c_contiguous
    np.testing.assert_array_equal(copy, x)


@pytest.mark.parametrize("dtype", ["float16", "uint8", ">f2"])
def test_results_are_those_of_a_copy(dtype):
    """By kernels and by NumPy."""
    x = np.random.default_rng(4).integers(0, 100, (150, 180)).astype(dtype)
    np.testing.assert_array_equal(pool(x.T, "max", size=3, stride=2), pool(x.T.copy(), "max", size=3, stride=2))
    small = pool(x.T, "avg", size=3, dtype=np.float16)
    with policy.use_tier(policy.NUMPY):
        np.testing.assert_array_equal(small, pool(x.T, "avg", size=3, dtype=np.float16))
