"""One small function for each peer: given what is asked, it returns a runner, whose result equals poolcli's.

Each is imported when it is asked for, and passed over where it is not installed. A peer that can write into a buffer
gets one. All run with one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .measure import Runner, threads

Array = NDArray[Any]

BLOCK = 1 << 17
"""Bytes for counted operations: they stay in the L2 cache, and the call is small beside them."""


@dataclass(frozen=True)
class Ask:
    """What a peer is asked to do."""

    x: Array
    reducer: str
    options: Mapping[str, Any]
    result: Array
    """What poolcli gives: the shape and dtype that are wanted."""

    @property
    def size(self) -> int:
        """The window's side."""
        return int(self.options.get("size", 2))

    @property
    def stride(self) -> int:
        """From window to window."""
        return int(self.options.get("stride") or self.size)

    def room(self) -> Array:
        """A buffer for the result, its memory in place."""
        return np.full_like(self.result, 1)


@dataclass(frozen=True)
class Peer:
    """A way to do the same work."""

    make: Callable[[Ask], Runner]
    needs: str = "numpy"
    off: float = 0.0
    """How far its values may be from poolcli's: absolute for integers, relative for floats."""
    margin: bool = False
    """It treats the picture's border in another way, so only windows inside are compared."""
    compares: bool = True
    """Its result is poolcli's; False for a copy and for what only counts operations."""

    def here(self) -> bool:
        """Whether it is installed."""
        return find_spec(self.needs) is not None

    def agrees(self, ask: Ask, theirs: Array) -> bool:
        """Whether the peer's result is poolcli's, as far as it promises."""
        cut = ask.size // 2 if self.margin else 0
        rows = slice(cut, ask.result.shape[0] - cut), slice(cut, ask.result.shape[1] - cut)
        a, b = (v[rows] if cut else v for v in (ask.result, theirs.reshape(ask.result.shape)))
        if a.dtype.kind == "f":
            return np.allclose(a, b, rtol=self.off, atol=self.off, equal_nan=True)
        return bool((np.abs(a.astype(np.int64) - b) <= self.off).all())


# What memory and arithmetic allow.


def copy(ask: Ask) -> Runner:
    """Copy the input: what reading and writing it once costs."""
    to = ask.x.copy()
    return lambda: np.copyto(to, ask.x)


def copy_through(ask: Ask) -> Runner:
    """Copy so much that as many bytes are read and written as by the input and the result."""
    a = np.zeros((ask.x.nbytes + ask.result.nbytes) // 2, np.uint8)
    to = a.copy()
    return lambda: np.copyto(to, a)


def operations(function: np.ufunc, dtype: str) -> Callable[[Ask], Runner]:
    """NumPy's vector code for one operation, within the cache, as often as the reducer needs it."""
    def make(ask: Ask) -> Runner:
        per = ask.options
        count = per.get("per_output", 0) * ask.result.size + per.get("per_sample", 0) * ask.x.size
        a = np.linspace(0.1, 0.9, BLOCK // np.dtype(dtype).itemsize).astype(dtype)
        out = function(*[a] * function.nin)

        def run() -> None:
            for _ in range(round(count / a.size)):
                function(*[a] * function.nin, out=out)
        return run
    return make


def increments(ask: Ask) -> Runner:
    """One increment of a counter for each sample, as any histogram needs."""
    samples = ask.x.reshape(-1).astype(np.intp)
    return lambda: np.bincount(samples, minlength=256)


def partition(ask: Ask) -> Runner:
    """NumPy's partition of windows that were gathered beforehand."""
    k = ask.size
    rows, columns = ask.x.shape[0] // k * k, ask.x.shape[1] // k * k
    blocks = ask.x[:rows, :columns].reshape(rows // k, k, columns // k, k).transpose(0, 2, 1, 3)
    windows = np.ascontiguousarray(blocks).reshape(-1, k * k)
    rank = int((k * k - 1) * ask.options.get("q", 0.5))
    return lambda: np.partition(windows, rank, axis=1)[:, rank]


def poolcli_itself(ask: Ask) -> Runner:
    """poolcli with other options: another window, fewer threads."""
    import poolcli

    keywords = dict(ask.options)
    count = keywords.pop("threads", 1)
    out = poolcli.pool(ask.x, ask.reducer, **keywords)

    def run() -> Array:
        with threads(count):
            return poolcli.pool(ask.x, ask.reducer, out=out, **keywords)
    return run


# Peers.


def numpy_slices(ask: Ask) -> Runner:
    """The loop over shifted slices that people write."""
    function = {"max": np.maximum, "min": np.minimum}[ask.reducer]
    k, s, out = ask.size, ask.stride, ask.room()
    height, width = ((n - k) // s * s + 1 for n in ask.x.shape[:2])
    parts = [ask.x[i : i + height : s, j : j + width : s] for i in range(k) for j in range(k)]

    def run() -> Array:
        function(parts[0], parts[1], out=out)
        for part in parts[2:]:
            function(out, part, out=out)
        return out
    return run


def skimage_blocks(ask: Ask) -> Runner:
    """scikit-image's block_reduce."""
    from skimage.measure import block_reduce

    function = {"max": np.max, "min": np.min, "avg": np.mean}[ask.reducer]
    block = (ask.size, ask.size, *[1] * (ask.x.ndim - 2))
    return lambda: block_reduce(ask.x, block, function)


def pillow_reduce(ask: Ask) -> Runner:
    """Pillow's Image.reduce: means of blocks."""
    from PIL import Image

    picture = Image.fromarray(ask.x)
    return lambda: np.asarray(picture.reduce(ask.size))


def pillow_filter(ask: Ask) -> Runner:
    """Pillow's rank filters."""
    from PIL import Image, ImageFilter

    kinds = {"max": ImageFilter.MaxFilter, "min": ImageFilter.MinFilter, "median": ImageFilter.MedianFilter,
             "mode": ImageFilter.ModeFilter}
    picture, kind = Image.fromarray(ask.x), kinds[ask.reducer](ask.size)
    return lambda: np.asarray(picture.filter(kind))


def cv2_area(ask: Ask) -> Runner:
    """OpenCV's resize by areas: means of blocks."""
    cv2 = opencv()
    out = ask.room()
    return lambda: cv2.resize(ask.x, out.shape[1::-1], dst=out, interpolation=cv2.INTER_AREA)


def cv2_filter(ask: Ask) -> Runner:
    """OpenCV's filter for the same windows at stride 1: dilate, erode or boxFilter."""
    cv2 = opencv()
    out, size = ask.room(), (ask.size, ask.size)
    if ask.reducer == "avg":
        return lambda: cv2.boxFilter(ask.x, -1, size, dst=out, borderType=cv2.BORDER_CONSTANT)
    function = {"max": cv2.dilate, "min": cv2.erode}[ask.reducer]
    window = np.ones(size, np.uint8)
    return lambda: function(ask.x, window, dst=out)


def cv2_median(ask: Ask) -> Runner:
    """OpenCV's medianBlur."""
    cv2 = opencv()
    out = ask.room()
    return lambda: cv2.medianBlur(ask.x, ask.size, dst=out)


def opencv() -> Any:
    """The module, with one thread."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


def torch_pool(ask: Ask) -> Runner:
    """PyTorch on planes. Its functions make their own result."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    x, o = torch.from_numpy(ask.x), ask.options
    k, s, pad, apart = o.get("size"), ask.options.get("stride"), o.get("padding", 0), o.get("dilation", 1)
    calls: dict[str, Runner] = {
        "max": lambda: functional.max_pool2d(x, k, s, pad, apart),
        "avg": lambda: functional.avg_pool2d(x, k, s, pad, count_include_pad=False),
        "l2": lambda: functional.lp_pool2d(x, 2.0, k, s),
    }
    if "adaptive" in o or k == "all":
        function = {"max": functional.adaptive_max_pool2d, "avg": functional.adaptive_avg_pool2d}[ask.reducer]
        calls[ask.reducer] = lambda: function(x, o.get("adaptive", 1))

    def run() -> Array:
        with torch.inference_mode():
            return np.asarray(calls[ask.reducer]().numpy())
    return run


def onnx_node(ask: Ask) -> Any:
    """The operator for the work."""
    from onnx import helper

    name = {"max": "MaxPool", "avg": "AveragePool", "l2": "LpPool"}[ask.reducer]
    if ask.options.get("size") == "all":
        return helper.make_node("Global" + name, ["x"], ["y"])
    pad, apart = ask.options.get("padding", 0), ask.options.get("dilation", 1)
    return helper.make_node(name, ["x"], ["y"], kernel_shape=[ask.size] * 2, strides=[ask.stride] * 2, pads=[pad] * 4,
                            dilations=[apart] * 2)


def onnx_pool(ask: Ask) -> Runner:
    """ONNX Runtime on planes, from buffer to buffer."""
    import onnxruntime
    from onnx import helper

    kind = helper.np_dtype_to_tensor_dtype(ask.x.dtype)
    ends = [helper.make_tensor_value_info(name, kind, a.shape) for name, a in (("x", ask.x), ("y", ask.result))]
    graph = helper.make_graph([onnx_node(ask)], "pool", ends[:1], ends[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    binding, out = session.io_binding(), ask.room()
    binding.bind_input("x", "cpu", 0, ask.x.dtype, ask.x.shape, ask.x.ctypes.data)
    binding.bind_output("y", "cpu", 0, out.dtype, out.shape, out.ctypes.data)

    def run() -> Array:
        session.run_with_iobinding(binding)
        return out
    return run


PEERS: Mapping[str, Peer] = {
    "copy": Peer(copy, compares=False),
    "copy of input and result": Peer(copy_through, compares=False),
    "numpy exp": Peer(operations(np.exp, "float64"), compares=False),
    "numpy power": Peer(operations(np.power, "float64"), compares=False),
    "numpy minimum": Peer(operations(np.minimum, "uint8"), compares=False),
    "numpy minimum of 32 bits": Peer(operations(np.minimum, "uint32"), compares=False),
    "numpy multiply": Peer(operations(np.multiply, "float64"), compares=False),
    "numpy bincount": Peer(increments, compares=False),
    "numpy partition": Peer(partition, compares=False),
    "poolcli": Peer(poolcli_itself, compares=False),
    "numpy slices": Peer(numpy_slices),
    "scikit-image": Peer(skimage_blocks, "skimage", off=0.5),
    "Pillow reduce": Peer(pillow_reduce, "PIL"),
    "Pillow filter": Peer(pillow_filter, "PIL", margin=True),
    "OpenCV area": Peer(cv2_area, "cv2", off=1e-6),
    "OpenCV filter": Peer(cv2_filter, "cv2", off=1e-5),
    "OpenCV median": Peer(cv2_median, "cv2", margin=True),
    "PyTorch": Peer(torch_pool, "torch", off=1e-5),
    "ONNX Runtime": Peer(onnx_pool, "onnxruntime", off=1e-5),
}
"""Every rival by name. Those that do no pooling are what memory or arithmetic allow at best."""
