"""The space that is walked: one table of dimensions, each with its values, how often they are met, and what is plain.

The weights are a guess of use: half of all windows are 2x2 or 3x3, 78 % are fixed, 92 % of the arrays lack nothing.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log2, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

import poolcli
from poolcli.core.reducers import REDUCERS
from poolcli.engine.prepared import PreparedPooling
from poolcli.pooling import parse_pooling

Array = NDArray[Any]
NODATA = 7
"""The value that stands for a missing sample."""
MISSING_SHARE = 0.02
"""How many samples are missing where any are."""
WHOLE = ("median", "quantile", "mode", "stochastic")
"""Reducers that must look at each of a window's samples; others fold them."""


@dataclass(frozen=True)
class Case:
    """What is pooled, and how: one value of each dimension."""

    reducer: str = "max"
    dtype: str = "uint8"
    layout: str = "HW"
    size: int = 1 << 20
    window: str = "2"
    stride: str = "size"
    memory: str = "contiguous"
    missing: str = "none"
    indices: bool = False
    result: str = "default"

    @property
    def letters(self) -> str:
        """The axes."""
        return LAYOUTS[self.layout][0]

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape: ``size`` samples in each plane of pooled axes."""
        letters, others = LAYOUTS[self.layout]
        pooled = sum(letter in "DHWL" for letter in letters)
        side = round(self.size ** (1 / pooled))
        return tuple(others.get(letter, side) for letter in letters)

    @property
    def pooled(self) -> tuple[int, ...]:
        """The numbers of the pooled axes."""
        return tuple(i for i, letter in enumerate(self.letters) if letter in "DHWL")

    @property
    def k(self) -> int | None:
        """The side of a fixed window; None of others."""
        return int(self.window) if self.window.isdigit() else None

    @property
    def step(self) -> int | None:
        """From window to window; None of windows that are not fixed."""
        return None if self.k is None else self.k if self.stride == "size" else int(self.stride)

    @property
    def options(self) -> dict[str, Any]:
        """poolcli's keywords."""
        found: dict[str, Any] = {"layout": self.letters, **window_keywords(self)}
        if self.missing == "nodata":
            found["nodata"] = NODATA
        if self.missing == "nan":
            found["nan"] = "ignore"
        if self.result != "default":
            found["dtype"] = self.dtype if self.result == "input" else self.result
        return found

    @property
    def name(self) -> str:
        """The case in words."""
        stride = "" if self.step is None else f"/{self.step}"
        usual = ("contiguous", "none", "default")
        extra = [word for word in (self.memory, self.missing, self.result) if word not in usual]
        extra += ["indices"] * self.indices
        shape = "x".join(str(n) for n in self.shape)
        return " ".join([f"{self.reducer} {self.window}{stride}, {self.dtype} {shape} {self.letters}", *extra])

    def make(self) -> Array:
        """The array: smooth with noise, as pictures are; not negative, some samples missing where they are to be."""
        rng = np.random.default_rng(7)
        noise = rng.random(self.shape, np.float32)
        x = np.asarray(noise if self.dtype.startswith("float") else noise * 100 + 10).astype(self.dtype)
        if self.missing != "none":
            absent = rng.random(self.shape, np.float32) < MISSING_SHARE
            x[absent] = NODATA if self.missing == "nodata" else np.nan
        return MEMORIES[self.memory](x)

    def prepare(self) -> PreparedPooling:
        """The case planned, without its array; PoolError where windows do not fit."""
        pooling = parse_pooling(self.reducer, **self.options)
        return pooling.prepare(pooling.plan(self.shape), np.dtype(self.dtype), self.indices)

    def pool(self, x: Array) -> Any:
        """Pool an array as the case asks."""
        return poolcli.pool(x, self.reducer, return_indices=self.indices, **self.options)

    def units(self) -> float:
        """The necessary work, in bytes: what is read and written once, and what each window needs beside that.

        A fold needs two to the power of so many samples in so many steps, a rank or a draw each sample of the window.
        """
        settled = self.prepare()
        outputs = prod(settled.plan.output_shape)
        samples = max(1.0, prod(float(np.mean(w.sizes)) for w in settled.plan.windows))
        itemsize = np.dtype(self.dtype).itemsize
        touched = min(prod(self.shape), outputs * samples)
        needed = outputs * (samples if self.reducer in WHOLE else log2(samples + 1))
        return itemsize * (touched + needed) + outputs * (settled.work.result.itemsize + 8 * self.indices)


def window_keywords(case: Case) -> dict[str, Any]:
    """The keywords of the windows."""
    if case.step is not None:
        return {"size": case.k, "stride": case.step}
    strip = tuple(1 if i < len(case.pooled) - 1 else "all" for i in range(len(case.pooled)))
    return {"global": {"size": "all"}, "adaptive": {"adaptive": 7}, "uneven": {"adaptive": 30},
            "fractional": {"fractional": 1.5}, "strip": {"size": strip}}[case.window]


LAYOUTS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "HW": ("HW", {}), "RGB": ("HWC", {"C": 3}), "RGBA": ("HWC", {"C": 4}), "NCHW": ("NCHW", {"N": 2, "C": 8}),
    "HWC": ("HWC", {"C": 16}), "L": ("L", {}), "DHW": ("DHW", {}),
}
"""Axes, and the lengths of those that are not pooled."""

MEMORIES: Mapping[str, Callable[[Array], Array]] = {
    "contiguous": lambda x: x,
    "transposed": lambda x: np.asfortranarray(x),
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
}
"""How the array lies in memory."""


@dataclass(frozen=True)
class Dimension:
    """One thing that can be asked in several ways."""

    name: str
    weights: Mapping[Any, float]
    """How often each value is met."""
    plain: Callable[[Case], Any] | None = None
    """What is plain of it, beside such a case; None: nothing is."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """What must be plain with it."""


def plain_dtype(case: Case) -> str:
    """float32 in the place of floats, uint8 of all else."""
    return "float32" if case.dtype.startswith("float") else "uint8"


DIMENSIONS: Sequence[Dimension] = (
    Dimension("reducer", {
        "max": 20, "avg": 22, "median": 10, "min": 6, "mode": 5, "sum": 5, "std": 4, "var": 4, "blur": 4, "range": 3,
        "l2": 3, "subsample": 3, "quantile": 2, "lp": 2, "gem": 2, "lse": 2, "soft": 1, "mixed": 1, "stochastic": 1}),
    Dimension("dtype", {"uint8": 30, "float32": 28, "float64": 14, "uint16": 11, "int32": 5, "int16": 5, "int64": 4,
                        "float16": 3}, plain_dtype),
    Dimension("layout", {"HW": 30, "RGB": 20, "NCHW": 20, "RGBA": 8, "L": 10, "DHW": 6, "HWC": 6}, lambda case: "HW"),
    Dimension("size", {1 << 12: 10, 40_000: 20, 250_000: 25, 1 << 20: 35, 1 << 22: 10}, lambda case: 1 << 20),
    Dimension("window", {"2": 28, "3": 22, "4": 6, "5": 8, "7": 5, "8": 3, "15": 4, "31": 2, "global": 10,
                         "adaptive": 5, "uneven": 2, "fractional": 2, "strip": 3},
              lambda case: "2", {"stride": "size"}),
    Dimension("stride", {"size": 55, "1": 35, "2": 10}, lambda case: "size"),
    Dimension("memory", {"contiguous": 92, "transposed": 4, "strided": 4}, lambda case: "contiguous"),
    Dimension("missing", {"none": 92, "nodata": 5, "nan": 3}, lambda case: "none"),
    Dimension("indices", {False: 96, True: 4}, lambda case: False),
    Dimension("result", {"default": 84, "input": 12, "float32": 4}, lambda case: "default"),
)


def draw(rng: random.Random) -> Case:
    """A case that can be pooled."""
    while True:
        case = Case(**{d.name: rng.choices(list(d.weights), list(d.weights.values()))[0] for d in DIMENSIONS})
        case = consistent(case)
        if fits(case):
            return case


def consistent(case: Case) -> Case:
    """The case without what has no meaning for it."""
    changes: dict[str, Any] = {}
    if case.k is None:
        changes["stride"] = "size"
    if case.missing == "nan" and not case.dtype.startswith("float"):
        changes["missing"] = "nodata"
    if not REDUCERS[case.reducer].picks:
        changes["indices"] = False
    if prod(case.shape) > 1 << 24:
        changes["size"] = 250_000
    return replace(case, **changes)


def fits(case: Case) -> bool:
    """Whether poolcli takes it."""
    try:
        case.prepare()
    except poolcli.PoolError:
        return False
    return True


def neighbours(case: Case) -> Iterator[tuple[str, Case]]:
    """The case with one dimension made plain, for each that is not."""
    for dimension in DIMENSIONS:
        if dimension.plain is None or (plain := dimension.plain(case)) == getattr(case, dimension.name):
            continue
        near = consistent(replace(case, **{dimension.name: plain, **dimension.also}))
        if near != case and fits(near):
            yield dimension.name, near
