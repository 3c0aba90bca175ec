#!/usr/bin/env python3
"""Random command lines against the slow oracle: python tests/faults/fuzz_commands.py [--cases 2000] [--seed 0]

Each case is a whole command line: a reducer, windows, options, a file of some format and type or a pipe. All cases run
in one process, one after another, so that what leaks adds up. What comes out is read by NumPy or Pillow and compared

* with ``tests/reference.py``, plain Python loops in exact arithmetic, and
* with PyTorch, SciPy, scikit-image, xarray and GDAL (rasterio) where they are installed and define the same.

A command must refuse what the oracle refuses, by one line and exit code 1 or 2; nothing may end in a traceback or be
called unexpected. A case that fails is made smaller, option by option and row by row, for as long as it still fails,
and printed as lines to paste. At the end, memory and open files are compared with those after the first fifth.
NUMBA_DISABLE_JIT=1 and POOLCLI_COMPILE=always choose what runs: kernels as plain Python, or compiled from the first
call on.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import io
import os
import random
import resource
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))
import reference

DTYPES = (
    "bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64",
)
LAYOUTS = ("L", "LC", "HW", "HWC", "CHW", "NCHW", "DHW", "CDHW")
GROWTH = 32
"""Megabytes that a process may grow by after the first fifth: kernels are kept, and so many plans; files and arrays are
not. What the C library's allocator has been given back and holds for the next call does not count."""

Words = tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A command line and its input.

    Attributes
    ----------
    reducer
        The command.
    shape, dtype, layout, seed
        Of the array that is pooled, one letter an axis, and of its samples.
    container
        How the array is given: a row of ``CONTAINERS``.
    options
        Name -> (words of the command line, keywords of the oracle).
    """

    reducer: str
    shape: tuple[int, ...]
    dtype: str
    layout: str
    seed: int
    container: str
    options: dict[str, tuple[Words, dict[str, Any]]] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """What follows the command's name, without files."""
        layout = ["--layout", self.layout] if CONTAINERS[self.container].takes_layout else []
        return [*layout, *(word for words, _ in self.options.values() for word in words)]

    @property
    def keywords(self) -> dict[str, Any]:
        """The oracle's keywords."""
        known = {name: value for _, given in self.options.values() for name, value in given.items()}
        kept = {} if CONTAINERS[self.container].dtypes is None else {"dtype": self.dtype}
        return {**kept, "layout": self.layout, **known}


@dataclass(frozen=True)
class Container:
    """A way to give an array to a command and to have one back."""

    name: str
    save: Callable[[Path, np.ndarray], None]
    load: Callable[[Path], Any]
    dtypes: tuple[str, ...] | None = None
    """What it holds; a result has the type of its input then. None: everything, and results have their own type."""
    layouts: tuple[str, ...] = LAYOUTS
    takes_layout: bool = True
    words: Words = ()


def save_npz(path: Path, array: np.ndarray) -> None:
    """Write an array beside another one."""
    np.savez(path, other=np.zeros(3), it=array)


def save_picture(path: Path, array: np.ndarray) -> None:
    """Write a grey or colour picture by Pillow."""
    Image.fromarray(array).save(path)


def load_picture(path: Path) -> np.ndarray:
    """Read a picture by Pillow."""
    with Image.open(path) as picture:
        return np.asarray(picture)


CONTAINERS = {row.name: row for row in (
    Container("in.npy", np.save, np.load),
    Container("pipe", np.save, np.load),
    Container("in.npz", save_npz, np.load, words=("--key", "it")),
    Container("in.png", save_picture, load_picture, ("uint8",), ("HW", "HWC"), False),
    Container("in.tif", save_picture, load_picture, ("uint8", "uint16", "float32"), ("HW",), False),
    Container("in.bmp", save_picture, load_picture, ("uint8",), ("HW", "HWC"), False),
)}


# What is asked.


def by_axis(values: list[Any], form: Callable[[Any], str] = str) -> str:
    """Values an axis as words, one if all are the same."""
    words = [form(value) for value in values]
    return words[0] if len(set(words)) == 1 else "x".join(words)


def draw_windows(draw: random.Random, lengths: list[int]) -> dict[str, tuple[Words, dict[str, Any]]]:
    """Windows of one of the kinds, most of which the lengths allow."""
    kind = draw.choice(("fixed", "fixed", "fixed", "same", "global", "adaptive", "fractional"))
    axes = range(len(lengths))
    if kind == "global":
        return {"size": (("--global",), {"size": "all"})}
    if kind == "adaptive":
        counts = [draw.randint(1, n) for n in lengths]
        return {"adaptive": (("--adaptive", by_axis(counts)), {"adaptive": tuple(counts)})}
    if kind == "fractional":
        ratio = draw.choice(("1", "1.3", "1.41", "2", "2.5"))
        options = {"fractional": (("--fractional", ratio), {"fractional": ratio})}
        if draw.random() < 0.4:
            options["overlapping"] = ("--overlapping",), {"overlapping": True}
        if draw.random() < 0.4:
            options["random"] = ("--random",), {"random": True}
        seed = draw.randint(0, 99)
        return {**options, "seed": (("--seed", str(seed)), {"seed": seed})}
    sizes = [draw.randint(1, min(n + 1, 5)) for n in lengths]
    options = {"size": (("-k", by_axis(sizes)), {"size": tuple(sizes)})}
    if draw.random() < 0.7:
        strides = [draw.randint(1, 3) for _ in axes]
        options["stride"] = ("-s", by_axis(strides)), {"stride": tuple(strides)}
    if draw.random() < 0.2:
        spacing = [draw.randint(1, 2) for _ in axes]
        options["dilation"] = ("-d", by_axis(spacing)), {"dilation": tuple(spacing)}
    if kind == "same":
        word = draw.choice(("same", "same-lower"))
        options["padding"] = ("--padding", word), {"padding": word}
    elif draw.random() < 0.5:
        pads = [(draw.randint(0, k // 2), draw.randint(0, k // 2)) for k in sizes]
        options["padding"] = ("--padding", by_axis(pads, lambda pad: f"{pad[0]}:{pad[1]}")), {"padding": tuple(pads)}
    if kind == "fixed" and draw.random() < 0.3:
        options["ceil"] = ("--ceil",), {"ceil_mode": True}
    if "padding" in options and draw.random() < 0.4:
        mode = draw.choice(("constant", "reflect", "edge", "wrap"))
        options["pad_mode"] = ("--pad-mode", mode), {"pad_mode": mode}
    return options


PARAMETERS: dict[str, tuple[tuple[Words, dict[str, Any]], ...]] = {
    "avg": ((("--count-include-pad",), {"count_include_pad": True}), (("--divisor", "3"), {"divisor": 3})),
    "lp": ((("--p", "1"), {"p": 1}), (("--p", "3"), {"p": 3}), (("--p", "1.5"), {"p": 1.5})),
    "gem": ((("--p", "2"), {"p": 2}), (("--p", "4.5"), {"p": 4.5})),
    "lse": ((("--r", "0.5"), {"r": 0.5}), (("--r", "-2"), {"r": -2.0})),
    "mixed": ((("--weight", "0.25"), {"weight": 0.25}), (("--weight", "0.1"), {"weight": 0.1})),
    "quantile": tuple((("--q", q), {"q": float(q)}) for q in ("0", "0.1", "0.25", "0.75", "0.9", "1")),
    "stochastic": ((("--expected",), {"expected": True}),),
}
"""Options of reducers; a reducer that is not here has none or is run without."""


def draw_values(draw: random.Random, reducer: str, dtype: np.dtype[Any], own_type: bool) -> dict[str, Any]:
    """Options about values."""
    options: dict[str, tuple[Words, dict[str, Any]]] = {}
    if (rows := PARAMETERS.get(reducer)) and (reducer == "quantile" or draw.random() < 0.6):
        options["parameter"] = draw.choice(rows)
    if dtype.kind == "f" and draw.random() < 0.5:
        how = draw.choice(("propagate", "ignore", "ignore", "error"))
        options["nan"] = ("--nan", how), {"nan": how}
    if dtype.kind in "iu" and draw.random() < 0.25:
        value = draw.choice((0, 1, int(np.iinfo(dtype).max)))
        options["nodata"] = ("--nodata", str(value)), {"nodata": value}
    if own_type and draw.random() < 0.25:
        name = draw.choice(("uint8", "int16", "int32", "float32", "float64"))
        options["dtype"] = ("--dtype", name), {"dtype": name}
    if draw.random() < 0.25:
        how = draw.choice(("half-even", "floor", "ceil"))
        options["round"] = ("--round", how), {"round": how}
    return options


def draw_common(draw: random.Random) -> Case:
    """A command line for which other programs have a result too."""
    reducer, dtype = draw.choice(("max", "min", "avg", "median")), draw.choice(("uint8", "int32", "float32", "float64"))
    kind = draw.choice(tuple(PEERS))
    layout = draw.choice(("CHW", "NCHW", "CDHW") if kind == "torch" else ("L", "HW", "DHW"))
    pooled = [letter for letter in layout if letter not in "NC"]
    sizes = [draw.choice((1, 3, 5) if kind == "scipy" else (1, 2, 3, 4)) for _ in pooled]
    lengths = [k * draw.randint(1, 3) + (kind == "scipy") for k in sizes]
    options = {"size": (("-k", by_axis(sizes)), {"size": tuple(sizes)})}
    if kind == "scipy":
        mode = draw.choice(("reflect", "edge", "wrap"))
        options["stride"] = ("-s", "1"), {"stride": (1,) * len(sizes)}
        options["padding"] = ("--padding", "same"), {"padding": "same"}
        options["pad_mode"] = ("--pad-mode", mode), {"pad_mode": mode}
    elif kind == "torch":
        strides = [draw.randint(1, 3) for _ in sizes]
        options["stride"] = ("-s", by_axis(strides)), {"stride": tuple(strides)}
        reducer, dtype = draw.choice(("max", "avg")), draw.choice(("float32", "float64"))
        if draw.random() < 0.5:
            options["ceil"] = ("--ceil",), {"ceil_mode": True}
        if draw.random() < 0.5:
            pads = [(pad, pad) for pad in (draw.randint(0, k // 2) for k in sizes)]
            options["padding"] = ("--padding", by_axis([pad for pad, _ in pads])), {"padding": tuple(pads)}
            if reducer == "avg":
                options["count"] = ("--count-include-pad",), {"count_include_pad": True}
    rest = iter(lengths)
    shape = tuple(draw.randint(1, 3) if letter in "NC" else next(rest) for letter in layout)
    return Case(reducer, shape, dtype, layout, draw.randrange(1 << 30), draw.choice(("in.npy", "pipe")), options)


def draw_case(draw: random.Random) -> Case:
    """A command line that somebody might type; one in four is common enough that other programs have a result too."""
    if draw.random() < 0.25:
        return draw_common(draw)
    reducer = draw.choice(list(reference.ORACLES))
    container = CONTAINERS[draw.choice(("in.npy", "in.npy", "pipe", "in.npz", "in.png", "in.png", "in.tif", "in.bmp"))]
    dtype = draw.choice(container.dtypes or DTYPES)
    layout = draw.choice(container.layouts)
    kept = {"N": draw.randint(1, 2), "C": 3 if container.dtypes else draw.randint(1, 4)}
    longest = {1: 40, 2: 11, 3: 5}[sum(letter not in kept for letter in layout)]
    shape = tuple(kept.get(letter) or draw.randint(1, longest) for letter in layout)
    windows = draw_windows(draw, [n for n, letter in zip(shape, layout, strict=True) if letter not in kept])
    values = draw_values(draw, reducer, np.dtype(dtype), container.dtypes is None)
    return Case(reducer, shape, dtype, layout, draw.randrange(1 << 30), container.name, {**windows, **values})


def make_samples(case: Case) -> np.ndarray:
    """The case's array: ties, extremes, and for floats some NaN, infinities and zeros of both signs."""
    x = reference.made(case.shape, case.dtype, nonnegative=case.reducer in reference.NONNEGATIVE, seed=case.seed)
    draw = np.random.default_rng(case.seed)
    if x.dtype.kind == "f" and draw.random() < 0.5:
        odd = np.array([np.nan, 0.0, -0.0, np.inf, 1e-3], x.dtype)
        x = np.where(draw.random(x.shape) < 0.15, draw.choice(odd, x.shape), x)
    if case.dtype == "uint8" and draw.random() < 0.5:
        x = draw.integers(0, 256, x.shape, np.uint8)
    return np.asarray(x)


# What happens.


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    stderr: str
    result: np.ndarray | None


@contextmanager
def redirected(stdin: Path | None, folder: Path) -> Iterator[None]:
    """Meanwhile descriptors 0, 1 and 2 are files of a folder."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    outputs = [os.open(folder / name, flags) for name in ("stdout", "stderr")]
    opened = [os.open(stdin or os.devnull, os.O_RDONLY), *outputs]
    before = [os.dup(number) for number in range(3)]
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        for number, descriptor in enumerate(opened):
            os.dup2(descriptor, number)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for number, descriptor in enumerate(before):
            os.dup2(descriptor, number)
        for descriptor in (*opened, *before):
            os.close(descriptor)


def run_case(case: Case, folder: Path) -> Outcome:
    """Run the command in this process, in the folder."""
    from poolcli.cli import main

    container = CONTAINERS[case.container]
    piped = case.container == "pipe"
    given = folder / ("in.npy" if piped else container.name)
    result = folder / ("stdout" if piped else f"out{given.suffix}")
    for path in (given, result):
        path.unlink(missing_ok=True)
    container.save(given, make_samples(case))
    files = ["-", "-o", "-"] if piped else [given.name, "-o", result.name]
    sys.argv = ["poolcli", case.reducer, *case.words, *container.words, *files]
    os.chdir(folder)
    with redirected(given if piped else None, folder):
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))  # nothing left of the last case's
        code = main.run()
    stderr = Path(folder, "stderr").read_text(errors="replace")
    if code:
        return Outcome(code, stderr, None)
    loaded = container.load(result)
    if isinstance(loaded, np.lib.npyio.NpzFile):
        with loaded:
            loaded = loaded[loaded.files[0]]
    return Outcome(code, stderr, loaded)


asks_oracle = True
"""Whether results are compared; else only how runs end is looked at."""


def find_mishap(case: Case, folder: Path) -> tuple[str | None, Outcome | None]:
    """Run a case; what nobody should see of it, and how it ended."""
    try:
        outcome = run_case(case, folder)
    except BaseException as error:  # whatever escapes from the command line is the finding
        return f"{type(error).__name__} escaped: {error}", None
    if "Traceback" in outcome.stderr or "unexpected" in outcome.stderr or "Warning" in outcome.stderr:
        return f"exit code {outcome.code}: {outcome.stderr.strip()}", outcome
    if outcome.result is None and (outcome.code not in (1, 2) or len(outcome.stderr.strip().splitlines()) != 1):
        return f"exit code {outcome.code}: {outcome.stderr.strip()!r}", outcome
    return None, outcome


def find_fault(case: Case, folder: Path) -> str | None:
    """What is wrong with how a case ended; None if nothing is."""
    x = make_samples(case)
    if not asks_oracle:
        return find_mishap(case, folder)[0]
    with np.errstate(all="ignore"):
        try:
            want = reference.pool(x, case.reducer, **case.keywords)
        except ValueError as error:
            want = None
            refusal = str(error)
        except (OverflowError, ZeroDivisionError):
            return None  # the oracle has no answer
    mishap, outcome = find_mishap(case, folder)
    if mishap or outcome is None:
        return mishap
    if outcome.result is None:
        return None if want is None else f"refused: {outcome.stderr.strip()}"
    if want is None:
        return f"not refused: {refusal}"
    try:
        if case.reducer in reference.EXACT or outcome.result.dtype.kind == "f":
            reference.assert_agrees(outcome.result, want, x, case.reducer)
        else:
            check_rounded(case, x, outcome.result, want)
    except AssertionError as error:
        return f"against the oracle: {str(error).strip()}"
    return compare_peers(case, x, outcome.result)


def check_rounded(case: Case, x: np.ndarray, result: np.ndarray, want: np.ndarray) -> None:
    """Hold whole numbers of powers and exponentials to the oracle's value, which is a double itself: where that is
    beside a rounding's edge, either side of it is right.
    """
    assert (result.dtype, result.shape) == (want.dtype, want.shape)
    at_edge = result != want
    if not at_edge.any():
        return
    value = reference.pool(x, case.reducer, **{**case.keywords, "dtype": "float64", "nodata": None})
    scale = np.abs(x.astype(np.float64), where=np.isfinite(x), out=np.zeros(x.shape)).max(initial=1.0)
    offset = 0.0 if case.keywords.get("round") in ("floor", "ceil") else 0.5
    edge = np.abs(value - offset - np.rint(value - offset)) <= 1e-12 * scale
    assert (edge | ~at_edge).all(), f"{result[at_edge][:4]} for {value[at_edge][:4]}"


# Other programs.


def pool_by_torch(case: Case, x: np.ndarray) -> np.ndarray | None:
    """PyTorch's max_pool and avg_pool of float maps."""
    import torch
    from torch.nn import functional

    o = reference.Options(**case.keywords)
    axes = [n for n, letter in zip(x.shape, case.layout, strict=True) if letter not in "NC"]
    if case.layout not in ("CHW", "NCHW", "CDHW") or case.dtype not in ("float32", "float64"):
        return None
    if not np.isfinite(x).all():
        return None
    plain = o.pad_mode == "exclude" and o.adaptive is None and o.fractional is None and isinstance(o.size, tuple)
    pads = [reference.each(o.padding, i) for i in range(len(axes))]
    if not plain or o.dtype or any(isinstance(p, str) or (p and p[0] != p[1]) for p in map(as_pair, pads)):
        return None
    padding = [as_pair(p)[0] for p in pads]
    stride = o.size if o.stride is None else o.stride
    if any(2 * p > k for p, k in zip(padding, o.size, strict=True)):
        return None
    dilation = [reference.each(o.dilation, i) for i in range(len(axes))]
    given, geometry = torch.from_numpy(np.ascontiguousarray(x)), (list(o.size), list(stride), padding)
    if case.reducer == "max":
        return getattr(functional, f"max_pool{len(axes)}d")(given, *geometry, dilation, o.ceil_mode).numpy()
    if case.reducer == "avg" and set(dilation) == {1}:
        return getattr(functional, f"avg_pool{len(axes)}d")(
            given, *geometry, o.ceil_mode, o.count_include_pad, o.divisor).numpy()
    return None


def as_pair(pad: Any) -> Any:
    """A pad as two numbers; words stay what they are."""
    return pad if isinstance(pad, (str, tuple)) else (pad, pad)


def pool_by_scipy(case: Case, x: np.ndarray) -> np.ndarray | None:
    """SciPy's rank filters: windows of odd sizes at every sample, beyond the borders what pad modes invent."""
    from scipy import ndimage

    o = reference.Options(**case.keywords)
    filters = {"max": ndimage.maximum_filter, "min": ndimage.minimum_filter, "median": ndimage.median_filter}
    modes = {"reflect": "mirror", "edge": "nearest", "wrap": "wrap"}
    if case.layout not in ("L", "HW", "DHW") or case.reducer not in filters or o.pad_mode not in modes:
        return None
    if not isinstance(o.size, tuple) or any(k % 2 == 0 for k in o.size) or o.padding != "same":
        return None
    ones = (1,) * len(o.size)
    if o.dilation not in (1, ones) or o.stride != ones or o.dtype or o.nodata is not None:
        return None
    if x.dtype.kind not in "iuf" or x.dtype == np.float16 or not np.isfinite(x).all():
        return None
    if any(k // 2 >= n for k, n in zip(o.size, x.shape, strict=True)):
        return None  # SciPy's borders repeat differently there
    return np.asarray(filters[case.reducer](x, size=o.size, mode=modes[o.pad_mode]))


def pool_by_skimage(case: Case, x: np.ndarray) -> np.ndarray | None:
    """scikit-image's block_reduce, of blocks that divide the array."""
    from skimage.measure import block_reduce

    o = reference.Options(**case.keywords)
    functions = {"max": np.max, "min": np.min, "avg": np.mean, "median": np.median}
    if case.layout not in ("HW", "DHW") or case.reducer not in functions or set(case.options) - {"size", "stride"}:
        return None
    if not isinstance(o.size, tuple) or o.stride not in (None, o.size):
        return None
    if not np.isfinite(x).all() or x.dtype == np.float16:
        return None
    if any(n % k for n, k in zip(x.shape, o.size, strict=True)) or CONTAINERS[case.container].dtypes:
        return None
    return np.asarray(block_reduce(x, o.size, functions[case.reducer]))


def whole_blocks(case: Case, x: np.ndarray) -> tuple[int, ...] | None:
    """The size of windows that lie side by side in an array of finite numbers; None for any other case."""
    o = reference.Options(**case.keywords)
    if case.layout not in ("L", "HW", "DHW") or set(case.options) - {"size", "stride"} or not isinstance(o.size, tuple):
        return None
    if o.stride not in (None, o.size) or not np.isfinite(x).all() or x.dtype == np.float16:
        return None
    return None if CONTAINERS[case.container].dtypes else o.size


def pool_by_xarray(case: Case, x: np.ndarray) -> np.ndarray | None:
    """xarray's coarsen, which leaves out what fills no window."""
    import xarray

    functions = {"max": "max", "min": "min", "avg": "mean", "median": "median"}
    size = whole_blocks(case, x)
    if size is None or case.reducer not in functions:
        return None
    xarray.set_options(use_numbagg=False)  # it compiles, which the kernels' own switch NUMBA_DISABLE_JIT breaks
    array = xarray.DataArray(x.astype(np.float64))
    blocks = array.coarsen(dict(zip(array.dims, size, strict=True)), boundary="trim")
    return np.asarray(getattr(blocks, functions[case.reducer])())


def pool_by_gdal(case: Case, x: np.ndarray) -> np.ndarray | None:
    """GDAL's average resampling of floats to a whole part of their size."""
    import rasterio
    from rasterio.enums import Resampling

    size = whole_blocks(case, x)
    if size is None or case.layout != "HW" or case.reducer != "avg" or x.dtype.kind != "f":
        return None
    if any(n % k for n, k in zip(x.shape, size, strict=True)):
        return None
    profile = {"driver": "GTiff", "width": x.shape[1], "height": x.shape[0], "count": 1, "dtype": "float64",
               "transform": rasterio.Affine(2, 0, 0, 0, -2, 0)}
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(x.astype(np.float64), 1)
        with memory.open() as file:
            shape = tuple(n // k for n, k in zip(x.shape, size, strict=True))
            return np.asarray(file.read(1, out_shape=shape, resampling=Resampling.average))


PEERS = {"torch": pool_by_torch, "scipy": pool_by_scipy, "skimage": pool_by_skimage, "xarray": pool_by_xarray,
         "GDAL": pool_by_gdal}
compared: Counter[str] = Counter()
"""How many cases each peer had a result for."""


def compare_peers(case: Case, x: np.ndarray, result: np.ndarray) -> str | None:
    """What a peer finds wrong with a result: floats may differ by the rounding of its sums."""
    for name, pool in PEERS.items():
        try:
            want = pool(case, x)
        except ImportError:
            continue
        except (RuntimeError, ValueError):  # what the peer does not do
            continue
        if want is None:
            continue
        compared[name] += 1
        scale = float(np.abs(x.astype(np.float64)).max(initial=0.0))
        near = 64 * scale * float(np.finfo(np.float32 if x.dtype == np.float32 else np.float64).eps)
        if result.shape != want.shape or not np.allclose(result.astype(np.float64), want.astype(np.float64), 0, near):
            return f"against {name}: {result.shape} and {want.shape}, {result.ravel()[:6]} and {want.ravel()[:6]}"
    return None


# What is found.


def shrink(case: Case, folder: Path) -> Case:
    """A smaller case that fails too."""
    while True:
        for smaller in simplify(case):
            if find_fault(smaller, folder):
                case = smaller
                break
        else:
            return case


def simplify(case: Case) -> Iterator[Case]:
    """Cases that are simpler by one thing."""
    if case.container != "in.npy" and CONTAINERS[case.container].dtypes is None:
        yield replace(case, container="in.npy")
    for name in case.options:
        yield replace(case, options={key: value for key, value in case.options.items() if key != name})
    for i, n in enumerate(case.shape):
        for shorter in {n // 2, n - 1} - {0, n}:
            if case.layout[i] != "C" or CONTAINERS[case.container].dtypes is None:
                yield replace(case, shape=(*case.shape[:i], shorter, *case.shape[i + 1 :]))


def describe(case: Case, fault: str, folder: Path) -> str:
    """The case as lines to paste."""
    x = make_samples(case)
    container = CONTAINERS[case.container]
    name = "in.npy" if case.container == "pipe" else container.name
    array = f"np.array({x.tolist()!r}, {case.dtype!r})".replace("nan", "np.nan").replace("inf", "np.inf")
    save = f"np.save('in.npy', {array})" if container.dtypes is None else f"Image.fromarray({array}).save({name!r})"
    files = f"- -o - < {name} > out.npy" if case.container == "pipe" else f"{name} -o out{Path(name).suffix}"
    words = shlex.join(["poolcli", case.reducer, *case.words, *container.words])
    return (f"{fault}\n  python -c \"import numpy as np; from PIL import Image; {save}\"\n  {words} {files}\n"
            f"  oracle: {case.keywords}")


def resident_megabytes() -> float:
    """The memory of this process that is in use."""
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):  # glibc's: half of what is resident may be free
        trim(0)
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def count_open_files() -> int:
    """The descriptors of this process."""
    try:
        return len(list(Path("/proc/self/fd").iterdir()))
    except OSError:
        return 0


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-oracle", action="store_true", help="look only at how runs end, at memory and files")
    parser.add_argument("--most", type=int, default=5, help="stop after so many faults")
    options = parser.parse_args()
    global asks_oracle
    asks_oracle = not options.no_oracle
    faults: list[str] = []
    start, ends = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder, before = Path(name), (0.0, 0)
        for number in range(options.cases):
            if number == max(options.cases // 5, 1):
                before = resident_megabytes(), count_open_files()
            case = draw_case(random.Random(f"{options.seed} {number}"))
            fault = find_fault(case, folder)
            ends["faults" if fault else case.container] += 1
            if fault:
                small = shrink(case, folder)
                faults.append(describe(small, find_fault(small, folder) or fault, folder))
                print(f"case {number}: {faults[-1]}", flush=True)
            if len(faults) == options.most:
                break
        grown, opened = resident_megabytes() - before[0], count_open_files() - before[1]
        os.chdir("/")
    if options.cases >= 5 and not faults:
        if grown > GROWTH:
            faults.append(f"memory grew by {grown:.0f} MB")
        if opened > 0:
            faults.append(f"{opened} more files are open")
        print("\n".join(faults), end="\n" if faults else "")
    peers = ", ".join(f"{count} with {name}" for name, count in compared.items())
    print(f"{sum(ends.values())} command lines in {time.monotonic() - start:.0f} s: {dict(ends)}; compared "
          f"{peers or ('with the oracle only' if asks_oracle else 'with nothing')}; "
          f"memory {grown:+.0f} MB, open files {opened:+d}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
