"""The rows of the table: what is pooled, against whom, and the most that it may take of the rival's time.

A group is a line of the targets; ``BENCHMARKS.md`` says what each asks for. Rows that are ``telling`` run by default,
all of them with ``--all``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Data:
    """An input, made when it is needed."""

    shape: tuple[int, ...]
    dtype: str = "uint8"
    layout: str = "HW"
    kind: str = "noise"
    """noise, picture (smooth, with some noise), labels (patches of few values), holes (noise with NaN)."""

    def resized(self, kept: int, divide: float, least: int) -> Data:
        """Kept axes of at most ``kept``, pooled ones divided, down to ``least``."""
        lengths = zip(self.shape, self.layout, strict=True)
        return replace(self, shape=tuple(min(n, kept) if a in "NC" else min(n, max(least, int(n / divide)))
                                         for n, a in lengths))

    def make(self) -> Array:
        """The array."""
        rng = np.random.default_rng(7)
        noise = rng.random(self.shape, np.float32)
        if self.dtype.startswith("float"):
            noise -= 0.5
            if self.kind == "holes":
                noise[rng.random(self.shape, np.float32) < 0.05] = np.nan
            return noise.astype(self.dtype, copy=False)
        if self.kind == "noise":
            return (noise * (np.iinfo(self.dtype).max + 1.0)).astype(self.dtype)
        smooth = sum(np.sin(np.arange(n) / n * 20)[(slice(None), *[None] * (len(self.shape) - 1 - i))]
                     for i, n in enumerate(self.shape))
        if self.kind == "labels":
            return (smooth * 3 + 8 + (noise > 0.98)).astype(self.dtype)
        return (smooth * 40 + 120 + noise * 12).astype(self.dtype)


@dataclass(frozen=True, eq=False)
class Rival:
    """Who runs beside poolcli."""

    peer: str
    target: float | None = None
    """poolcli takes at most this many times as long; None: to be seen, no target."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The rival's options in place of the row's (``poolcli``), or how many operations."""
    says: str = ""
    """The rival in the table, if not the peer's name."""
    telling: bool = True
    """False: only with ``--all``."""


BESIDE: Mapping[str, Callable[[tuple[int, ...]], Array]] = {
    "mask": lambda shape: np.random.default_rng(8).random(shape, np.float32) * (np.arange(shape[-1]) % 2) < 0.5,
    "weights": lambda shape: np.random.default_rng(9).integers(1, 5, shape, np.uint8),
}
"""Arrays that go with the samples: three of four are shown, some of each window; weights are small whole numbers."""


@dataclass(frozen=True, eq=False)
class Case:
    """One row: poolcli's work and its rivals."""

    group: str
    reducer: str
    windows: str
    options: Mapping[str, Any]
    data: Data
    rivals: tuple[Rival, ...]
    threads: int = 1
    telling: bool = True
    why: str = ""
    """The argument for the target, where it rests on one."""

    @property
    def name(self) -> str:
        """The row in words."""
        shape = "x".join(str(n) for n in self.data.shape)
        kind = "" if self.data.kind == "noise" else f" {self.data.kind}"
        return f"{self.reducer} {self.windows}, {self.data.dtype}{kind} {shape} {self.data.layout}"

    def keywords(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """poolcli's keywords: means and ranks of integers keep the input's dtype, as with peers."""
        keeps = self.reducer in ("avg", "median", "quantile") and not self.data.dtype.startswith("float")
        beside = {name: BESIDE[name](self.data.shape) for name in options if name in BESIDE}
        return {"layout": self.data.layout, **({"dtype": self.data.dtype} if keeps else {}), **options, **beside}

    def scaled(self, kept: int, divide: float) -> Case:
        """The row on a smaller input: as few windows where their number is given, and room for those that need it."""
        every = (self.options, *(rival.options for rival in self.rivals))
        sizes = [(o.get("size", 0), "padding" in o or "ceil_mode" in o) for o in every if o.get("size") != "all"]
        least = max([12 if max(sizes, default=(0,))[0] < 31 else 6, *(2 + size for size, fits in sizes if not fits)])
        rivals = tuple(replace(rival, options=fewer(rival.options, divide)) for rival in self.rivals)
        return replace(self, data=self.data.resized(kept, divide, least), options=fewer(self.options, divide),
                       rivals=rivals)


def fewer(options: Mapping[str, Any], divide: float) -> Mapping[str, Any]:
    """The options for an input so many times smaller."""
    many = options.get("adaptive", 0)
    return {**options, "adaptive": max(7, int(many / divide))} if many > 7 else options


SMALL = {"2x2/2": ({"size": 2}, 1.0), "3x3/2 p1": ({"size": 3, "stride": 2, "padding": 1}, 1.5)}
"""Small windows, and their target in copies of the input."""

INPUTS = {
    "HW": {"uint8": (4096, 4096), "uint16": (4096, 4096), "float32": (4096, 4096)},
    "HWC3": {"uint8": (4096, 4096, 3), "uint16": (3072, 3584, 3), "float32": (2304, 2432, 3)},
    "HWC4": {"uint8": (4096, 4096, 4), "uint16": (2048, 4096, 4), "float32": (2048, 2048, 4)},
    "NCHW": {"uint8": (4, 64, 512, 512), "uint16": (2, 64, 512, 512), "float32": (1, 64, 512, 512)},
    "HWC64": {"uint8": (1024, 1024, 64), "uint16": (512, 1024, 64), "float32": (512, 512, 64)},
}
"""12 to 16 MP, or 64 MB."""

PLANES = Data((1, 64, 512, 512), "float32", "NCHW")
MAP = Data((4096, 4096), "float32")
PICTURE = Data((4096, 4096), kind="picture")
TORCH, ONNX = Rival("PyTorch", 1 / 5), Rival("ONNX Runtime", 1 / 1.5)


def small() -> Iterator[Case]:
    """Small windows: the memory's speed."""
    everything = product(SMALL.items(), INPUTS.items(), ("uint8", "uint16", "float32"), ("max", "min", "avg"))
    for (windows, (options, target)), (name, shapes), dtype, reducer in everything:
        data = Data(shapes[dtype], dtype, name.rstrip("0123456789"))
        telling = reducer != "min" and dtype != "uint16" and name in ("HW", "HWC3", "NCHW")
        telling = telling or (reducer == "max" and (dtype == "uint16") == (name == "HW") and dtype != "uint8")
        rivals = (Rival("copy", target), *small_rivals(reducer, windows, data))
        yield Case("small windows", reducer, windows, options, data, rivals, telling=telling)
    for reducer in ("max", "avg"):
        yield Case("small windows", reducer, "2x2/2", {"size": 2}, Data((8192, 8192)), (Rival("copy", 1.0),))


def small_rivals(reducer: str, windows: str, data: Data) -> Iterator[Rival]:
    """Who else does small windows."""
    if data.layout == "NCHW" and reducer != "min" and data.dtype == "float32":
        yield from (TORCH, ONNX)
    if data.layout == "NCHW" or windows != "2x2/2" or data.dtype == "uint16" or data.shape[-1] == 64:
        return
    if reducer == "avg":
        yield Rival("OpenCV area")
        if data.dtype == "uint8" and data.shape[-1] != 4:  # Pillow weighs colours by alpha
            yield Rival("Pillow reduce")
    else:
        yield Rival("numpy slices", telling=data.dtype == "uint8")
    if data.dtype == "uint8" and data.layout == "HW":
        yield Rival("scikit-image")


SIDES = (3, 5, 7, 15, 31, 63, 127)


def stride_one() -> Iterator[Case]:
    """Overlapping windows against OpenCV, and their growth."""
    inputs = (Data((4096, 4096)), Data((4096, 4096), "uint16"), MAP, Data((4096, 4096, 3), layout="HWC"))
    for data, reducer, k in product(inputs, ("max", "min", "avg"), SIDES):
        options = {"size": k, "stride": 1, "padding": "same"}
        if reducer == "avg":
            options |= {"count_include_pad": True}
        rivals = [Rival("OpenCV filter", 1.0)]
        if k == SIDES[-1]:
            rivals.append(Rival("poolcli", 4.0, {**options, "size": 3}, "poolcli 3x3/1"))
        sides = (31,) if data.layout == "HWC" else (3, 7, 31, 127)
        telling = reducer != "min" and data.dtype != "uint16" and k in sides
        yield Case("stride 1", reducer, f"{k}x{k}/1", options, data, tuple(rivals), telling=telling)


def medians() -> Iterator[Case]:
    """Medians of 8-bit pictures."""
    for k in (3, 5):
        rivals = (Rival("OpenCV median", 1.5), Rival("Pillow filter", telling=False))
        yield Case("median", "median", f"{k}x{k}/1", {"size": k, "stride": 1, "padding": "same"}, PICTURE, rivals)
    for k in (7, 9, 15, 31):
        options = {"size": k, "stride": 1, "padding": "same"}
        rivals = (Rival("OpenCV median"),)
        if k > 7:
            rivals += (Rival("poolcli", k / 7, {**options, "size": 7}, "poolcli 7x7/1"),)
        yield Case("median", "median", f"{k}x{k}/1", options, replace(PICTURE, shape=(1024, 1024)), rivals,
                   telling=k in (7, 15, 31))


def once(peer: str, says: str = "", **count: float) -> Rival:
    """The best that can be argued: three times that is the target."""
    return Rival(peer, 3.0, count, says)


MEMORY = "Each sample is read once, for a few operations that vector code hides behind reading: a copy of the input."
NETWORK = "A sorting network of {0} exchanges, two operations each, in vector code."
COSTLY = "{0} for each {1}; the rest is small beside it."


def arithmetic() -> Iterator[Case]:
    """Reducers that select or compute, against what memory and arithmetic allow."""
    two, labels = {"size": 2}, Data((4096, 4096), kind="labels")
    for data in (Data((4096, 4096)), MAP):
        for reducer in ("var", "l2", "median", "range"):
            grows = reducer in ("var", "l2") and data.dtype == "uint8"  # four bytes become eight
            rival = once("copy of input and result" if grows else "copy")
            yield Case("arithmetic", reducer, "2x2/2", two, data, (rival,), why=MEMORY)
        for reducer in ("lse", "soft"):
            why = COSTLY.format("One exponential", "sample")
            yield Case("arithmetic", reducer, "2x2/2", two, data, (once("numpy exp", per_sample=1),), why=why)
    three = {"size": 3, "stride": 1, "padding": "same"}
    quarter = replace(MAP, shape=(2048, 2048))
    rows = (
        ("std", "2x2/2", two, MAP, once("copy"), MEMORY),
        ("lp", "2x2/2 p=3", {"size": 2, "p": 3}, MAP, once("numpy power", per_output=1),
         COSTLY.format("One cube root", "window")),
        ("lp", "2x2/2 p=1.5", {"size": 2, "p": 1.5}, MAP, once("numpy power", per_sample=1),
         COSTLY.format("One power", "sample")),
        ("gem", "2x2/2", two, MAP, once("numpy power", per_output=1), COSTLY.format("One cube root", "window")),
        ("mode", "2x2/2", two, labels, once("copy"), MEMORY),
        ("mode", "3x3/1", three, labels, once("numpy minimum", per_output=81),
         "36 comparisons of two samples, 36 additions and 9 choices in vector code."),
        ("mode", "8x8/8", {"size": 8}, labels, once("numpy bincount"), "One increment of a histogram for each sample."),
        ("quantile", "2x2/2 q=0.25", {"size": 2, "q": 0.25}, Data((4096, 4096)), once("copy"), MEMORY),
        ("quantile", "3x3/1 q=0.25", {**three, "q": 0.25}, PICTURE, once("numpy minimum", per_output=50),
         NETWORK.format(25)),
        ("median", "3x3/1", three, quarter, once("numpy minimum of 32 bits", per_output=38), NETWORK.format(19)),
        ("median", "7x7/7", {"size": 7}, quarter, once("numpy partition"), "Selection from the gathered windows."),
        ("var", "7x7/1", {**three, "size": 7}, quarter, once("numpy multiply", per_output=20),
         "Sums and squares fold along rows and columns by doubling: about 20 operations on doubles."),
    )
    for reducer, windows, options, data, rival, why in rows:
        yield Case("arithmetic", reducer, windows, options, data, (rival,), why=why)


def frameworks() -> Iterator[Case]:
    """PyTorch and ONNX Runtime on planes, beyond the small windows."""
    small_maps = Data((8, 256, 56, 56), "float32", "NCHW")
    rows: tuple[tuple[str, str, dict[str, Any], Data, bool, bool], ...] = (
        ("max", "3x3/2 p1", {"size": 3, "stride": 2, "padding": 1}, small_maps, True, True),
        ("max", "3x3/1 p1", {"size": 3, "stride": 1, "padding": 1}, small_maps, True, True),
        ("avg", "3x3/1 p1", {"size": 3, "stride": 1, "padding": 1}, small_maps, True, False),
        ("max", "7x7/1 p3", {"size": 7, "stride": 1, "padding": 3}, small_maps, True, True),
        ("max", "3x3/2 dilation 2", {"size": 3, "stride": 2, "dilation": 2}, PLANES, True, False),
        ("l2", "2x2/2", {"size": 2}, PLANES, True, True),
        ("avg", "adaptive 7", {"adaptive": 7}, small_maps, False, True),
        ("avg", "global", {"size": "all"}, small_maps, True, True),
        ("avg", "global", {"size": "all"}, PLANES, True, True),
        ("max", "global", {"size": "all"}, PLANES, True, False),
        ("max", "31x31/1 p15", {"size": 31, "stride": 1, "padding": 15}, PLANES, True, False),
    )
    for reducer, windows, options, data, onnx, telling in rows:
        yield Case("frameworks", reducer, windows, options, data, (TORCH, ONNX) if onnx else (TORCH,), telling=telling)
    data = Data((4, 64, 512, 512), "uint8", "NCHW")
    yield Case("frameworks", "max", "2x2/2", {"size": 2}, data, (ONNX,), telling=False)


def layouts() -> Iterator[Case]:
    """Other ways to lay windows, against the plain window of the same size."""
    holes = replace(MAP, kind="holes")
    padded, valid, wide = {"size": 3, "stride": 2, "padding": 1}, {"size": 3, "stride": 2}, {"size": 31, "stride": 1}
    rows: tuple[tuple[str, dict[str, Any], Data, str, dict[str, Any]], ...] = (
        ("adaptive 2048", {"adaptive": 2048}, MAP, "2x2/2", {"size": 2}),
        ("adaptive 1500", {"adaptive": 1500}, MAP, "4x4/3", {"size": 4, "stride": 3}),
        ("fractional 2.5", {"fractional": 2.5}, MAP, "3x3/3", {"size": 3}),
        ("fractional 1.41 random", {"fractional": 1.41, "random": True}, MAP, "2x2/2", {"size": 2}),
        ("global", {"size": "all"}, PLANES, "512x512", {"size": 512, "ceil_mode": True}),
        ("global", {"size": "all"}, MAP, "2x2/2", {"size": 2}),
        ("3x3/1 dilation 2", {"size": 3, "stride": 1, "dilation": 2}, MAP, "3x3/1", {"size": 3, "stride": 1}),
        ("3x3/2 p1", padded, MAP, "3x3/2", valid),
        ("15x15/1 same", {"size": 15, "stride": 1, "padding": "same"}, MAP, "15x15/1", {"size": 15, "stride": 1}),
        ("2x2/2 ignoring NaN", {"size": 2, "nan": "ignore"}, holes, "2x2/2", {"size": 2}),
        ("3x3/2 ignoring NaN", {**valid, "nan": "ignore"}, holes, "3x3/2", valid),
        ("31x31/1 ignoring NaN", {**wide, "nan": "ignore"}, holes, "31x31/1", wide),
        ("2x2/2 nodata 0", {"size": 2, "nodata": 0}, Data((4096, 4096)), "2x2/2", {"size": 2}),
    )
    for (windows, options, data, says, plain), reducer in product(rows, ("max", "avg")):
        rival = Rival("poolcli", 2.0, plain, f"poolcli {says}")
        yield Case("layouts", reducer, windows, options, data, (rival,))


def beside() -> Iterator[Case]:
    """Masks and weights, against the same windows without."""
    five, three = {"size": 5}, {"size": 3, "stride": 1}
    for data, reducer, (says, plain) in product((Data((4096, 4096)), MAP), ("max", "avg", "var"),
                                                (("5x5/5", five), ("3x3/1", three))):
        for name in ("mask", "weights") if reducer != "max" else ("mask",):
            rival = Rival("poolcli", 1.5, plain, f"poolcli {says}")
            yield Case("masks and weights", reducer, f"{says} with {name}", {**plain, name: True}, data, (rival,),
                       telling=reducer != "var")
    yield Case("masks and weights", "median", "5x5/5 with mask", {**five, "mask": True}, PICTURE,
               (Rival("poolcli", 1.5, five, "poolcli 5x5/5"),))


def parallel() -> Iterator[Case]:
    """Two threads against one: a half more speed at least where arithmetic is the bound, never a loss."""
    bound, free = 1 / 1.7, 1.0
    rows: tuple[tuple[str, str, dict[str, Any], Data, float], ...] = (
        ("median", "5x5/1", {"size": 5, "stride": 1, "padding": "same"}, PICTURE, bound),
        ("max", "31x31/1", {"size": 31, "stride": 1, "padding": "same"}, PICTURE, bound),
        ("avg", "31x31/1", {"size": 31, "stride": 1, "padding": "same"}, MAP, bound),
        ("soft", "2x2/2", {"size": 2}, MAP, bound),
        ("avg", "global", {"size": "all"}, MAP, free),
        ("max", "2x2/2", {"size": 2}, MAP, free),
        ("max", "2x2/2", {"size": 2}, PICTURE, free),
    )
    for reducer, windows, options, data, target in rows:
        one = Rival("poolcli", target, {"threads": 1, **options}, "poolcli, one thread")
        yield Case("threads", reducer, windows, options, data, (one,), threads=2)


GROUPS = {
    "small windows": small, "stride 1": stride_one, "median": medians, "arithmetic": arithmetic,
    "frameworks": frameworks, "layouts": layouts, "masks and weights": beside,
    "threads": parallel,
}
CASES = tuple(case for rows in GROUPS.values() for case in rows())


def chosen(every: bool, only: str = "") -> list[Case]:
    """The rows to run: those that are telling, or all; of these, those whose group or name has ``only`` in it."""
    return [replace(case, rivals=tuple(r for r in case.rivals if every or r.telling)) for case in CASES
            if (every or case.telling) and only in f"{case.group}: {case.name}"]
