"""What a day compiles: calls in a process whose cache of kernels is empty, and the seconds it waits for compilers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Call = tuple[str, str, tuple[int, ...], dict[str, Any]]
ROOT = Path(__file__).parents[2]
TWO, THREE, SAME = {"size": 2}, {"size": 3, "stride": 2, "padding": 1}, {"stride": 1, "padding": "same"}
PHOTO, THUMB, SCAN, TERRAIN = (3000, 4000, 3), (200, 300, 3), (2400, 1700), (1200, 1200)
MAPS, VOLUME = (8, 64, 56, 56), (96, 128, 128)

DAY: Sequence[Call] = (
    *((reducer, "uint8", PHOTO, {**keywords, "dtype": "uint8", "layout": "HWC"}) for reducer, keywords in (
        ("avg", TWO), ("max", TWO), ("min", TWO), ("avg", {"size": 4}), ("blur", {"size": 3, "stride": 2}),
        ("median", {"size": 3, **SAME}), ("avg", {"size": 8}))),
    *((reducer, "uint8", THUMB, {**keywords, "dtype": "uint8", "layout": "HWC"}) for reducer, keywords in (
        ("avg", TWO), ("max", TWO), ("median", {"size": 3, **SAME}), ("avg", {"adaptive": 64}), ("avg", {"size": 3}))),
    *((reducer, "uint8", SCAN, keywords) for reducer, keywords in (
        ("median", {"size": 3, **SAME}), ("median", {"size": 5, **SAME}), ("min", {"size": 3, **SAME}),
        ("max", {"size": 3, **SAME}), ("min", {"size": 15, **SAME}), ("avg", {"size": 31, **SAME}))),
    *((reducer, "float32", TERRAIN, {**keywords, "nodata": -9999}) for reducer, keywords in (
        ("avg", {"size": 5}), ("max", {"size": 5}), ("min", {"size": 5}), ("std", {"size": 3, **SAME}),
        ("range", {"size": 3, **SAME}), ("median", {"size": 5}))),
    *((reducer, "uint8", (2000, 2000), keywords) for reducer, keywords in (
        ("mode", TWO), ("mode", {"size": 3, **SAME}), ("mode", {"size": 4}), ("subsample", TWO))),
    *((reducer, "uint16", (4, 1500, 1500), {**keywords, "layout": "CHW"}) for reducer, keywords in (
        ("avg", TWO), ("max", TWO), ("median", {"size": 3, **SAME}), ("avg", {"size": 10}), ("std", {"size": 10}))),
    *((reducer, "float32", MAPS, {**keywords, "layout": "NCHW"}) for reducer, keywords in (
        ("max", TWO), ("max", THREE), ("avg", TWO), ("avg", {"size": "all"}), ("max", {"adaptive": 7}),
        ("gem", {"size": "all"}))),
    *((reducer, "uint8", VOLUME, {**keywords, "layout": "DHW"}) for reducer, keywords in (
        ("avg", TWO), ("max", TWO), ("mode", TWO), ("subsample", TWO))),
    *((reducer, "float64", (200_000,), keywords) for reducer, keywords in (
        ("avg", {"size": 24}), ("max", {"size": 24}), ("avg", {"size": 101, **SAME}), ("std", {"size": 24}))),
)
"""47 calls on photographs, thumbnails, a scan, a terrain model, labels, a satellite's 16 bits, feature maps, a volume
and a series."""

SIDES = (3, 5, 7, 9, 11)


def growing(reducer: str) -> Sequence[Call]:
    """Windows of five sides on 4 MP of bytes."""
    return [(reducer, "uint8", (2048, 2048), {"size": k, **SAME, "dtype": "uint8"}) for k in SIDES]


GROUPS = {"a day of 47 calls": DAY, **{f"{name} k = 3 to 11, 4 MP": growing(name) for name in ("max", "avg", "median")}}


@dataclass(frozen=True)
class Pause:
    """What some calls waited for."""

    name: str
    kernels: int
    paused: float
    """CPU seconds spent on compiling."""
    worked: float
    """CPU seconds of everything else."""


def pause(name: str) -> Pause:
    """The pauses of a group of calls, in a process of its own with an empty cache."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", __name__, name]
        env = os.environ | {"POOLCLI_CACHE_DIR": folder, "POOLCLI_THREADS": "1"}
        done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return Pause(name, *json.loads(done.stdout))


def run_calls(calls: Sequence[Call]) -> tuple[int, float, float]:
    """Kernels compiled, CPU seconds spent on that, and CPU seconds of all else."""
    import numpy as np

    from poolcli import jit, pool

    built: list[float] = []
    build = jit._compile

    def timed_build(spec: jit.KernelSpec) -> Any:
        start = time.process_time()
        try:
            return build(spec)
        finally:
            built.append(time.process_time() - start)

    jit._compile = timed_build
    rng, worked = np.random.default_rng(7), 0.0
    for reducer, dtype, shape, keywords in calls:
        x = (rng.random(shape, np.float32) * 100).astype(dtype)
        start = time.process_time()
        pool(x, reducer, **keywords)
        worked += time.process_time() - start
    return len(built), sum(built), worked - sum(built)


def first_command() -> float:
    """CPU seconds of a new user's first command, 2x2 on 200 x 200: the whole process, an empty cache."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        Image.effect_noise((200, 200), 50).save(Path(folder, "in.png"))
        words = [sys.executable, "-m", "poolcli", "max", "in.png", "-o", "out.png", "--size", "2"]
        env = os.environ | {"POOLCLI_CACHE_DIR": str(Path(folder, "cache")), "PYTHONPATH": str(ROOT)}
        before = os.times()
        subprocess.run(words, cwd=folder, env=env, check=True, capture_output=True)
        after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


if __name__ == "__main__":
    print(json.dumps(run_calls(GROUPS[sys.argv[1]])))
