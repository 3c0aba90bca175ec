"""Who does the same as a case: one small function for each peer, which gives a runner, or None if it has no such thing.

Results are those of windows that lie wholly inside the array, in poolcli's shape. All run with one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from .dimensions import Array, Case

Runner = Callable[[], Any]


@dataclass(frozen=True)
class Peer:
    """A library, and what of it does the same."""

    name: str
    needs: str
    """The module without which it is left out."""
    make: Callable[[Case, Array], Runner | None]
    off: float = 1e-4
    """How far it may be from poolcli where it computes floats: relative to the largest value; integers are rounded."""
    compares: bool = True
    """Whether its result is poolcli's: not where ties are broken otherwise."""

    def here(self) -> bool:
        """Whether it is installed."""
        return find_spec(self.needs) is not None


NUMPY: Mapping[str, Any] = {"max": np.max, "min": np.min, "avg": np.mean, "sum": np.sum, "var": np.var, "std": np.std,
                            "median": np.median, "range": np.ptp}
NUMPY_WITHOUT_NAN: Mapping[str, Any] = {"max": np.nanmax, "min": np.nanmin, "avg": np.nanmean, "sum": np.nansum,
                                        "var": np.nanvar, "std": np.nanstd, "median": np.nanmedian}
EXACT = ("max", "min", "range", "median", "mode", "subsample")
"""Reducers whose values every peer gives to the last bit."""


def function_of(case: Case) -> Any:
    """NumPy's function for the reducer."""
    return {"none": NUMPY, "nan": NUMPY_WITHOUT_NAN, "nodata": {}}[case.missing].get(case.reducer)


def blocks(case: Case, x: Array) -> tuple[Array, tuple[int, ...]]:
    """A view in which every window has axes of its own, and these axes."""
    k = case.k or 1
    shape: list[int] = []
    within: list[int] = []
    for i, n in enumerate(x.shape):
        if i in case.pooled:
            within.append(len(shape) + 1)
            shape += [n // k, k]
        else:
            shape.append(n)
    cut = x[tuple(slice(n // k * k) if i in case.pooled else slice(None) for i, n in enumerate(x.shape))]
    return cut.reshape(shape), tuple(within)


def is_plain(case: Case) -> bool:
    """Whether nothing is asked that peers do not have: nothing missing, no indices, the default result."""
    return case.missing == "none" and not case.indices and case.result in ("default", "input")


def numpy_reduce(case: Case, x: Array) -> Runner | None:
    """NumPy over a reshape, over whole axes, or a slice."""
    function = function_of(case)
    if case.indices or case.result != "default" or case.dtype == "float16":
        return None
    if case.reducer == "subsample" and case.step == case.k and case.k and case.missing == "none":
        view, _ = blocks(case, x)
        at = tuple(0 if i in blocks(case, x)[1] else slice(None) for i in range(view.ndim))
        return lambda: np.ascontiguousarray(view[at])
    if function is None:
        return None
    if case.window in ("global", "strip"):
        axes = case.pooled if case.window == "global" else case.pooled[-1:]
        return lambda: function(x, axis=axes, keepdims=True)
    if case.k is None or case.step != case.k:
        return None
    return lambda: function(*(lambda view, within: (view, within))(*blocks(case, x)))


def inside(case: Case, shape: Sequence[int]) -> tuple[slice, ...]:
    """Where the windows that lie inside have their results in a filter's."""
    k = case.k or 1
    return tuple(slice(k // 2, k // 2 + n - k + 1) if i in case.pooled else slice(None) for i, n in enumerate(shape))


def ndimage(case: Case, x: Array) -> Runner | None:
    """SciPy's filters."""
    from scipy import ndimage as module

    if case.step != 1 or case.k is None or not is_plain(case) or case.result == "input" or case.dtype == "float16":
        return None
    size = tuple(case.k if i in case.pooled else 1 for i in range(x.ndim))
    at = inside(case, x.shape)
    filters = {"max": module.maximum_filter, "min": module.minimum_filter, "median": module.median_filter}
    if case.reducer == "avg":
        output = None if x.dtype.kind == "f" else np.float64
        return lambda: module.uniform_filter(x, size, output=output)[at]
    if case.reducer not in filters or (case.reducer == "median" and case.k % 2 == 0):
        return None
    return lambda: filters[case.reducer](x, size)[at]


def binomial(k: int) -> Array:
    """The weights of a blur of one axis."""
    weights = np.ones(1)
    for _ in range(k - 1):
        weights = np.convolve(weights, [1, 1])
    return weights / weights.sum()


def opencv(case: Case, x: Array) -> Runner | None:
    """OpenCV's filters, and its area resize."""
    import cv2

    cv2.setNumThreads(1)
    if case.layout not in ("HW", "RGB", "RGBA") or case.k is None or not is_plain(case) or case.memory != "contiguous":
        return None
    if case.dtype not in ("uint8", "uint16", "float32"):
        return None
    keeps = case.dtype == "float32" or case.result == "input"
    if case.step == case.k and case.reducer == "avg" and keeps:
        height, width = (n // case.k for n in x.shape[:2])
        cut = x[: height * case.k, : width * case.k]
        return lambda: cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)
    return opencv_filter(cv2, case, x, keeps) if case.step == 1 else None


def opencv_filter(cv2: Any, case: Case, x: Array, keeps: bool) -> Runner | None:
    """OpenCV's filters at stride 1."""
    k, at = case.k or 1, inside(case, x.shape)
    if case.reducer in ("max", "min"):
        run, box = {"max": cv2.dilate, "min": cv2.erode}[case.reducer], np.ones((k, k), np.uint8)
        return lambda: run(x, box)[at]
    if case.reducer == "avg":
        return lambda: cv2.boxFilter(x, -1 if keeps else cv2.CV_64F, (k, k))[at]
    if case.reducer == "blur" and keeps:
        weights = binomial(k)
        return lambda: cv2.sepFilter2D(x, -1, weights, weights)[at]
    has_median = k % 2 == 1 and (k <= 5 or case.dtype == "uint8") and k > 1
    return (lambda: cv2.medianBlur(x, k)[at]) if case.reducer == "median" and has_median else None


def skimage(case: Case, x: Array) -> Runner | None:
    """scikit-image's block_reduce, and its rank filters of bytes."""
    if case.layout != "HW" or case.k is None or not is_plain(case) or case.result == "input":
        return None
    if case.step == case.k and case.reducer in NUMPY and not any(n % case.k for n in x.shape):
        from skimage.measure import block_reduce

        return lambda: block_reduce(x, case.k, NUMPY[case.reducer])
    names = {"median": "median", "max": "maximum", "min": "minimum"}
    if case.step != 1 or case.k % 2 == 0 or case.dtype != "uint8" or case.reducer not in names:
        return None
    from skimage.filters import rank

    box, at = np.ones((case.k, case.k), np.uint8), inside(case, x.shape)
    return lambda: getattr(rank, names[case.reducer])(x, box)[at]


def torch(case: Case, x: Array) -> Runner | None:
    """PyTorch's pooling of planes, volumes and series."""
    import torch as module

    module.set_num_threads(1)
    dims = len(case.pooled)
    if case.letters not in ("L", "HW", "DHW", "NCHW") or case.dtype not in ("float32", "float64"):
        return None
    if not x.flags.c_contiguous or case.missing != "none" or case.result not in ("default", "input"):
        return None
    tensor = module.from_numpy(x).reshape((1,) * max(0, 2 + dims - x.ndim) + x.shape)
    run = torch_function(module.nn.functional, case, dims)
    if run is None:
        return None
    if case.indices:
        return lambda: [part.numpy() for part in run(tensor)]
    return lambda: run(tensor).numpy()


def torch_function(f: Any, case: Case, dims: int) -> Callable[[Any], Any] | None:
    """PyTorch's function for the case."""
    fixed = {"max": "max_pool", "avg": "avg_pool", "lp": "lp_pool", "l2": "lp_pool"}
    if case.k is not None and case.reducer in fixed and (not case.indices or case.reducer == "max"):
        run = getattr(f, f"{fixed[case.reducer]}{dims}d")
        extra = {"return_indices": True} if case.indices else {}
        norm = (2.0,) if case.reducer in ("lp", "l2") else ()
        return lambda x: run(x, *norm, case.k, case.step, **extra)
    counts = {"adaptive": 7, "uneven": 30, "global": 1}
    if case.window not in counts or case.reducer not in ("max", "avg") or case.indices:
        return None
    return partial(getattr(f, f"adaptive_{case.reducer}_pool{dims}d"), output_size=counts[case.window])


def rolling(case: Case, names: Mapping[str, str]) -> str | None:
    """The name of a library's running function, where the case is a series at stride 1."""
    is_series = case.layout == "L" and case.step == 1 and case.k is not None
    return names.get(case.reducer) if is_series and is_plain_float(case) else None


def is_plain_float(case: Case) -> bool:
    """Whether samples are float32 or float64, missing where they are NaN, and nothing else is asked."""
    plain = case.missing != "nodata" and not case.indices and case.result == "default"
    return plain and case.dtype in ("float32", "float64")


BOTTLENECK = {"max": "move_max", "min": "move_min", "avg": "move_mean", "sum": "move_sum", "std": "move_std",
              "var": "move_var", "median": "move_median"}
NUMBAGG = {"avg": "move_mean", "sum": "move_sum"}


def moving(module_name: str, names: Mapping[str, str], case: Case, x: Array) -> Runner | None:
    """The running functions of bottleneck and numbagg."""
    name = rolling(case, names)
    if name is None or case.k is None:
        return None
    run, k = getattr(__import__(module_name), name), case.k
    least = 1 if case.missing == "nan" else k
    return lambda: run(x, window=k, min_count=least)[k - 1 :]


XARRAY = {"max": "max", "min": "min", "avg": "mean", "sum": "sum", "std": "std", "var": "var", "median": "median"}


def xarray(case: Case, x: Array) -> Runner | None:
    """xarray's coarsen, and its rolling windows of more than one dimension."""
    if not is_plain_float(case) or case.k is None or case.reducer not in XARRAY:
        return None
    from xarray import DataArray

    sides = {f"a{i}": case.k for i in case.pooled}
    array = DataArray(x, dims=[f"a{i}" for i in range(x.ndim)])
    if case.step == case.k:
        return lambda: getattr(array.coarsen(sides, boundary="trim"), XARRAY[case.reducer])().values
    if case.step != 1 or case.layout != "HW" or case.k > 7 or case.missing == "nan":
        return None
    return lambda: getattr(array.rolling(sides), XARRAY[case.reducer])().values[case.k - 1 :, case.k - 1 :]


def tinybrain(case: Case, x: Array) -> Runner | None:
    """tinybrain's pyramids."""
    names = {"avg": "downsample_with_averaging", "mode": "downsample_segmentation"}
    if case.layout != "HW" or case.window != "2" or case.step != 2 or case.missing != "none" or case.indices:
        return None
    if case.reducer not in names or (case.reducer == "avg" and case.result != "input" and case.dtype != "float32"):
        return None
    run, image = getattr(__import__("tinybrain"), names[case.reducer]), np.asfortranarray(x[:, :, None])
    return lambda: run(image, (2, 2, 1))[0][:, :, 0]


PEERS: Sequence[Peer] = (
    Peer("NumPy", "numpy", numpy_reduce),
    Peer("SciPy ndimage", "scipy", ndimage),
    Peer("OpenCV", "cv2", opencv),
    Peer("scikit-image", "skimage", skimage),
    Peer("PyTorch", "torch", torch),
    Peer("bottleneck", "bottleneck", partial(moving, "bottleneck", BOTTLENECK), off=1e-3),
    Peer("numbagg", "numbagg", partial(moving, "numbagg", NUMBAGG), off=1e-3),
    Peer("xarray", "xarray", xarray),
    Peer("tinybrain", "tinybrain", tinybrain, compares=False),
)
"""Every peer; those that are not installed are left out."""


@cache
def present(peers: tuple[Peer, ...]) -> tuple[Peer, ...]:
    """The peers that are installed."""
    return tuple(peer for peer in peers if peer.here())


def agrees(case: Case, peer: Peer, ours: Any, theirs: Any) -> bool:
    """Whether a peer's result is poolcli's: to the last bit where both are exact, else as near as it promises."""
    if not peer.compares:
        return True
    pairs = zip(ours, theirs, strict=True) if case.indices else [(ours, theirs)]
    return all(near(np.asarray(a), np.asarray(b), 0.0 if case.reducer in EXACT else peer.off) for a, b in pairs)


def near(a: Array, b: Array, off: float) -> bool:
    """Whether two results are the same, up to a share of the largest value; integers up to one where rounded."""
    if a.size != b.size:
        return False
    b = b.reshape(a.shape)
    if off == 0:
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f" and b.dtype.kind == "f"))
    largest = float(np.nanmax(np.abs(a), initial=1e-30)) if a.size else 0.0
    allowed = max(off * largest, 0.0 if a.dtype.kind == "f" else 1.0)
    return bool(np.allclose(a.astype(np.float64), b.astype(np.float64), rtol=0, atol=allowed, equal_nan=True))
