"""``--like``: each system's own results on random geometries, by its rule."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import poolcli
from poolcli import PoolError
from poolcli.core.conventions import CONVENTIONS, list_differences

RNG = np.random.default_rng(13)
CASES = 6


def sides() -> Iterator[tuple[int, int, int]]:
    """Random sizes of an array and of a window."""
    for i in range(CASES):
        yield int(RNG.integers(5, 14)), int(RNG.integers(5, 14)), 1 + i % 4


def floats(*shape: int) -> np.ndarray:
    """Samples on both sides of 0."""
    return RNG.standard_normal(shape)


def grey(*shape: int) -> np.ndarray:
    """Bytes."""
    return RNG.integers(0, 256, shape).astype(np.uint8)


def test_torch() -> None:
    """Padding counts in a mean, a ceil overhang does not; the stride is the size."""
    torch = pytest.importorskip("torch")
    for height, width, size in sides():
        x, ceil, padding = floats(height, width), bool(RNG.integers(2)), int(RNG.integers(0, size // 2 + 1))
        stride = [None, 1, 2][RNG.integers(3)]
        options = {"size": size, "stride": stride, "padding": padding, "ceil_mode": ceil, "like": "torch"}
        asked = {"kernel_size": size, "stride": stride, "padding": padding, "ceil_mode": ceil}
        for name, layer in (("avg", torch.nn.AvgPool2d(**asked)), ("max", torch.nn.MaxPool2d(**asked))):
            wanted = layer(torch.from_numpy(x)[None])[0].numpy()
            np.testing.assert_allclose(poolcli.pool(x, name, **options),  # type: ignore[call-overload]
                                       wanted, rtol=1e-12, atol=1e-14)
    z = np.abs(floats(1, 8, 8))
    wanted = torch.nn.LPPool2d(3, 2)(torch.from_numpy(z))[0].numpy()
    np.testing.assert_allclose(poolcli.pool(z[0], "lp", p=3, size=2, like="torch"), wanted, rtol=1e-12, atol=1e-14)


def test_keras() -> None:
    """By its documentation: same has ceil(n / s) windows, the odd sample of padding behind, and none counts."""
    for height, width, size in sides():
        x, stride = floats(height, width), int(RNG.integers(1, 4))
        got = poolcli.pool(x, "avg", size=size, stride=stride, padding="same", like="keras")
        starts = []
        for n in x.shape:
            windows = -(-n // stride)
            before = max((windows - 1) * stride + size - n, 0) // 2
            starts.append([i * stride - before for i in range(windows)])
        wanted = [[x[max(i, 0) : i + size, max(j, 0) : j + size].mean() for j in starts[1]] for i in starts[0]]
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-14)


def test_onnx() -> None:
    """The stride is 1 unless it is given, in its reference implementation."""
    helper = pytest.importorskip("onnx.helper")
    evaluator = pytest.importorskip("onnx.reference").ReferenceEvaluator
    for height, width, size in sides():
        x = floats(height, width).astype(np.float32)
        for name, operator in (("max", "MaxPool"), ("avg", "AveragePool")):
            given, attributes = {}, {"kernel_shape": [size, size]}
            if RNG.integers(2):
                given, attributes = {"stride": 2}, {**attributes, "strides": [2, 2]}
            node = helper.make_node(operator, ["x"], ["y"], **attributes)
            wanted = evaluator(node).run(None, {"x": x[None, None]})[0][0, 0]
            got = poolcli.pool(x, name, size=size, like="onnx", **given)  # type: ignore[call-overload]
            np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


def test_pillow() -> None:
    """reduce to the bit where n is a power of two, else off by 1 at most; filters to the bit."""
    from PIL import Image, ImageFilter

    for height, width, size in sides():
        x = grey(height, width)
        image = Image.fromarray(x)
        got = poolcli.pool(x, "avg", size=size, dtype="uint8", like="pillow").astype(int)
        off = np.abs(got - np.asarray(image.reduce(size)).astype(int))
        assert off.max() <= (0 if size in (1, 2, 4) and height % size == width % size == 0 else 1)
        for name, kind in (("max", ImageFilter.MaxFilter), ("min", ImageFilter.MinFilter),
                           ("median", ImageFilter.MedianFilter)):
            got = poolcli.pool(x, name, size=3, dtype="uint8", like="pillow")
            np.testing.assert_array_equal(got, np.asarray(image.filter(kind(3))))


def test_opencv() -> None:
    """INTER_AREA at whole ratios, morphology of any size, medianBlur."""
    cv2 = pytest.importorskip("cv2")
    for height, width, size in sides():
        x = grey(height * size, width * size)
        wanted = cv2.resize(x, (width, height), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(poolcli.pool(x, "avg", size=size, dtype="uint8", like="opencv"), wanted)
        kernel = np.ones((size, size), np.uint8)
        np.testing.assert_array_equal(poolcli.pool(x, "max", size=size, like="opencv"), cv2.dilate(x, kernel))
        np.testing.assert_array_equal(poolcli.pool(x, "min", size=size, like="opencv"), cv2.erode(x, kernel))
        np.testing.assert_array_equal(poolcli.pool(x, "median", size=3, dtype="uint8", like="opencv"),
                                      cv2.medianBlur(x, 3))


def test_skimage() -> None:
    """The array is filled up with zeros, and these count."""
    measure = pytest.importorskip("skimage.measure")
    functions = {"max": np.max, "min": np.min, "avg": np.mean, "sum": np.sum, "median": np.median, "var": np.var,
                 "std": np.std}
    for height, width, size in sides():
        x, sizes = floats(height, width), (size, int(RNG.integers(1, 4)))
        for name, function in functions.items():
            wanted = measure.block_reduce(x, sizes, function)
            np.testing.assert_allclose(poolcli.pool(x, name, size=sizes, like="skimage"), wanted, rtol=1e-9, atol=1e-12)


def test_scipy() -> None:
    """Filters of any size; what they mirror at the ends is in the window already."""
    ndimage = pytest.importorskip("scipy.ndimage")
    for height, width, size in sides():
        x = floats(height, width)
        for name in ("max", "min"):
            wanted = getattr(ndimage, f"{name}imum_filter")(x, size)
            np.testing.assert_array_equal(poolcli.pool(x, name, size=size, like="scipy"), wanted)


def test_options_come_before_a_convention() -> None:
    """And what goes with fixed windows alone is left out elsewhere."""
    x = floats(9, 9)
    np.testing.assert_array_equal(poolcli.pool(x, "max", size=3, stride=3, like="onnx"), poolcli.pool(x, "max", size=3))
    np.testing.assert_array_equal(poolcli.pool(x, "avg", adaptive=4, like="torch"), poolcli.pool(x, "avg", adaptive=4))
    np.testing.assert_array_equal(poolcli.pool(x, "min", size="all", like="skimage"), x.min(keepdims=True))
    assert list_differences("skimage", "max", {"size": 3, "padding": 1}) == {}
    assert poolcli.plan((9, 9), size=3, layout="HW").output_shape == (3, 3)


@pytest.mark.parametrize("like", CONVENTIONS)
def test_every_reducer_of_a_row_pools(like: str) -> None:
    """No row names what is no option."""
    for reducer in CONVENTIONS[like].reducers:
        assert poolcli.pool(np.abs(floats(9, 9)), reducer, size=3, like=like).size  # type: ignore[call-overload]


def test_the_page_has_every_row() -> None:
    """Each system with each of its reducers and options."""
    page = (Path(__file__).parents[2] / "docs" / "conventions.md").read_text(encoding="utf-8")
    for name, row in CONVENTIONS.items():
        lines = "\n".join(line for line in page.splitlines() if line.startswith(f"| `{name}` "))
        for reducer, options in row.reducers.items():
            assert f"`{reducer}`" in lines, (name, reducer)
            assert all(option.replace("_", "-") in lines for option in options if option != "ceil_mode"), name


def test_what_cannot_be_is_told() -> None:
    """In one line, with what would work."""
    with pytest.raises(PoolError, match="like must be one of torch, keras"):
        poolcli.pool(np.ones((4, 4)), "max", like="caffe")
    with pytest.raises(PoolError, match="scipy has no rule for avg; those it has: max, min"):
        poolcli.pool(np.ones((4, 4)), "avg", like="scipy")
