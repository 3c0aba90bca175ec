#!/usr/bin/env python3
"""The same bytes everywhere.

    python tests/faults/same_bytes.py [--cases 2000] [--seed 0] [--kernels FOLDER] [SETTING ...]

Random poolings of a dozen reducers and types, by windows of many sizes, strides, paddings and dilations, run in a
process for each setting: other processors' kernels, kernels that are not linked by the direct loader, one to eight
threads, blocks of other sizes, kernels as plain Python, NumPy in their place. Each result is compared with that of this
processor on one thread: the bytes must be the same. Two things may differ by a unit in the last place, as
RELIABILITY.md says: NumPy's floats, and powers, exponentials and logarithms by Python's library in place of LLVM's.
Kernels are compiled anew for each processor; --kernels keeps them. Prints a Markdown table, and each case that differs;
the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
SAMPLES = {
    "max": ("uint8", "float32"), "avg": ("uint8", "float32"), "sum": ("int32", "float64"), "median": ("uint8", "int16"),
    "std": ("float32",), "lp": ("float64",), "lse": ("float32",), "mode": ("uint8",), "geomean": ("float32",),
    "gem": ("float32",),
}
"""Of each reducer its types of samples. Few, for each pair is a kernel or several."""
POWERS = ("lp", "lse", "geomean", "gem")
"""Reducers of those with a function that each mathematical library rounds in its own way."""
LARGE = 20
"""One case in so many is large enough for eight threads; plain Python takes seconds for it and leaves it out."""
PLAIN_SAMPLES = 3_000
"""The most samples that plain Python pools here."""


@dataclass(frozen=True)
class Setting:
    """Where results are computed.

    Attributes
    ----------
    environment
        Variables beside those of all.
    block
        Samples, or windows, of a block; None: as each driver chooses.
    small
        Whether only small arrays are pooled.
    ulps
        By how many units in the last place floats may differ, and of which reducers.
    """

    environment: dict[str, str] = field(default_factory=dict)
    block: int | None = None
    small: bool = False
    ulps: tuple[int, Container[str]] = (0, ())


FIRST = "this processor"
SETTINGS = {
    FIRST: Setting(),
    **{name: Setting({"NUMBA_CPU_NAME": name}) for name in ("generic", "x86-64-v3", "x86-64-v4")},
    "not linked": Setting({"POOLCLI_NO_DIRECT_LOAD": "1"}),
    **{f"{count} threads": Setting({"POOLCLI_THREADS": str(count)}) for count in range(2, 9)},
    **{f"blocks of {size}": Setting(block=size) for size in (1, 100, 5_000)},
    "3 threads, blocks of 1000": Setting({"POOLCLI_THREADS": "3"}, block=1_000),
    "plain Python": Setting({"NUMBA_DISABLE_JIT": "1"}, small=True, ulps=(1, POWERS)),
    "NumPy": Setting({"SAME_BYTES_TIER": "numpy", "NUMBA_DISABLE_JIT": "1"}, small=True, ulps=(1, SAMPLES)),
}
NEEDS = {"x86-64-v3": "avx2", "x86-64-v4": "avx512vl"}
"""What /proc/cpuinfo must say for a processor's kernels to run."""
BLOCK_SIZES = re.compile(r"_?BLOCK_(SAMPLES|WINDOWS|PRODUCTS|COMPARED)")


class Case(NamedTuple):
    """A pooling of random samples."""

    reducer: str
    dtype: str
    shape: tuple[int, ...]
    keywords: dict[str, Any]
    seed: int

    def samples(self) -> np.ndarray:
        """Draw the samples; a third of the floats have a NaN."""
        chance = np.random.default_rng(self.seed)
        if self.dtype[0] != "f":
            info = np.iinfo(self.dtype)
            return chance.integers(info.min, info.max, self.shape, self.dtype, endpoint=True)
        array = chance.lognormal(0, 2, self.shape).astype(self.dtype)
        if self.seed % 3 == 0:
            array.flat[chance.integers(array.size)] = np.nan
        return array


def draw_cases(count: int, seed: int) -> Iterator[Case]:
    """Give random poolings that have a result."""
    chance = random.Random(seed)
    pairs = [(reducer, dtype) for reducer, dtypes in SAMPLES.items() for dtype in dtypes]
    for number in range(count):
        reducer, dtype = chance.choice(pairs)
        large = number % LARGE == 0
        height, width = (chance.randint(300, 500) if large else chance.randint(2, 40) for _ in range(2))
        size = [chance.randint(1, min(n, 7)) for n in (height, width)]
        keywords: dict[str, Any] = {"layout": "CHW", "size": tuple(size)}
        kind = chance.choice(("fixed", "fixed", "strided", "padded", "dilated", "adaptive", "global"))
        if kind == "global":
            keywords["size"] = "all"
        elif kind == "adaptive":
            del keywords["size"]
            keywords["adaptive"] = chance.randint(1, height), chance.randint(1, width)
        elif kind != "fixed":
            keywords["stride"] = chance.randint(1, 3), chance.randint(1, 3)
            keywords["ceil_mode"] = chance.random() < 0.5
            if kind == "padded":
                keywords["padding"] = tuple(chance.randint(0, n // 2) for n in size)
            if kind == "dilated":
                lengths = zip(size, (height, width), strict=True)
                keywords["dilation"] = tuple(2 if 2 * (k - 1) < n else 1 for k, n in lengths)
        if dtype[0] == "f" and chance.random() < 0.3:
            keywords["nan"] = "ignore"
        yield Case(reducer, dtype, (chance.randint(1, 3), height, width), keywords, chance.getrandbits(32))


def work(name: str, count: int, seed: int, path: Path) -> None:
    """Compute the results of all cases in one setting, and write them; an error is its text."""
    setting = SETTINGS[name]
    import poolcli
    from poolcli.drivers import policy
    from poolcli.engine import threads

    threads.MIN_MS_PER_THREAD = 1e-9
    if setting.block:
        for folder in ("drivers", "drivers/fold", "engine"):
            for file in (ROOT / "poolcli" / folder).glob("*.py"):
                module = import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))
                for constant in filter(BLOCK_SIZES.fullmatch, list(vars(module))):
                    setattr(module, constant, setting.block)
    results = {}
    with policy.use_tier(os.environ.get("SAME_BYTES_TIER", "kernels")):
        for number, case in enumerate(draw_cases(count, seed)):
            if setting.small and np.prod(case.shape) > PLAIN_SAMPLES:
                continue
            try:
                results[str(number)] = poolcli.pool(case.samples(), case.reducer, **case.keywords)
            except poolcli.PoolError as error:
                results[str(number)] = np.array(str(error))
    np.savez(path, **results)


def count_ulps(a: np.ndarray, b: np.ndarray) -> float:
    """Return the most units in the last place that two arrays differ by; infinity for other types, shapes or NaN."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return np.inf
    if a.tobytes() == b.tobytes():
        return 0
    if a.dtype.kind != "f" or (np.isfinite(a) != np.isfinite(b)).any():
        return np.inf
    finite = np.isfinite(a)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return np.inf
    a, b = a[finite], b[finite]
    apart = np.abs(a - b) / np.spacing(np.minimum(np.abs(a), np.abs(b)))
    return max(float(apart.max(initial=0)), 1.0)  # 0 and -0 differ, too


def run_setting(name: str, count: int, seed: int, kernels: Path, path: Path) -> dict[str, np.ndarray]:
    """Run a setting in a process of its own and return its results by the numbers of the cases."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(kernels), "POOLCLI_CACHE_DIR": str(kernels), "POOLCLI_THREADS": "1",
            "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", **SETTINGS[name].environment}
    words = ["--worker", name, "--cases", str(count), "--seed", str(seed), "--results", str(path)]
    subprocess.run([sys.executable, __file__, *words], env=kept, check=True)
    with np.load(path) as found:
        return dict(found)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("setting", nargs="*", help=", ".join(SETTINGS))
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kernels", type=Path, help="a folder that keeps the kernels")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--results", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.cases, options.seed, options.results)
        return 0
    flags = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").exists() else []
    cases, differ = list(draw_cases(options.cases, options.seed)), 0
    with tempfile.TemporaryDirectory(prefix="same-bytes-") as top:
        kernels, path = options.kernels or Path(top, "kernels"), Path(top, "results.npz")
        right = run_setting(FIRST, options.cases, options.seed, kernels, path)
        print("| setting | results | the same bytes | farthest, ulp |\n| --- | --: | --: | --: |")
        for name in options.setting or [one for one in SETTINGS if one != FIRST]:
            if NEEDS.get(name) and NEEDS[name] not in flags:
                print(f"| {name} | 0 | this processor cannot | |")
                continue
            found = run_setting(name, options.cases, options.seed, kernels, path)
            apart = {number: count_ulps(right[number], result) for number, result in found.items()}
            same, most = sum(not one for one in apart.values()), max(apart.values())
            print(f"| {name} | {len(found)} | {same} | {most:g} |", flush=True)
            allowed, reducers = SETTINGS[name].ulps
            for number in (key for key, one in apart.items()
                           if one > (allowed if cases[int(key)].reducer in reducers else 0)):
                differ += 1
                print(f"{name}: {apart[number]:g} ulp: {cases[int(number)]}", file=sys.stderr, flush=True)
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
