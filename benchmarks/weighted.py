"""Masks, weights, shares of classes, several reducers and areas, each beside its plain form in the same run.

    python -m benchmarks.weighted          # 1 MP, CPU time of one thread with compiled kernels, the least of some runs
    python -m benchmarks.weighted --write  # and put the table into BENCHMARKS.md
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import poolcli
from benchmarks.measure import threads

PAGE = Path(__file__).resolve().parent.parent / "BENCHMARKS.md"
BEGIN, END = "<!-- weighted -->", "<!-- /weighted -->"
WINDOWS = ((2, 2), (3, 1), (10, 10))
"""Size and stride."""
FIVE = ["max", "min", "avg", "std", "range"]
AREAS = (1000, 579, 193)
"""Windows an axis of 1448 samples."""
_RUNS, _ENOUGH = 9, 0.6
"""Runs of each side, and CPU seconds after which there are no more."""

Call = Callable[[], Any]


def compare(plain: list[Call], other: Call) -> tuple[float, float]:
    """Milliseconds of the slowest of the plain calls and of the other one, in turns after one to warm up."""
    calls = [*plain, other]
    least = [np.inf] * len(calls)
    for call in calls:
        call()
    begun = time.process_time()
    for _ in range(_RUNS):
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            least[i] = min(least[i], time.process_time() - start)
        if time.process_time() - begun > _ENOUGH:
            break
    return 1e3 * max(least[:-1]), 1e3 * least[-1]


def rows(side: int) -> Iterator[tuple[str, str, list[tuple[float, float]], float]]:
    """What is asked, what it is compared with, both times for each window, and the target of their ratio."""
    rng = np.random.default_rng(0)
    shape = side, side
    mask = (rng.random(shape) < 0.8) | (np.indices(shape).sum(0) % 2 == 0)
    weights = {"uint8": rng.integers(1, 9, shape).astype(np.uint8), "int64": rng.integers(1, 9, shape),
               "float32": rng.random(shape).astype(np.float32)}

    def row(x: Any, reducer: str, plain: list[str], **given: Any) -> list[tuple[float, float]]:
        """Return both times of pooling with and without what is given, for each window."""
        found = []
        for size, stride in WINDOWS:
            windows: Any = {"size": size, "stride": stride}
            beside = [lambda name=name, windows=windows: poolcli.pool(x, name, **windows) for name in plain]
            found.append(compare(beside, lambda windows=windows: poolcli.pool(x, reducer, **windows, **given)))
        return found

    for dtype in ("uint8", "float32"):
        x: Any = rng.integers(0, 255, shape).astype(dtype)
        for reducer in ("avg", "max", "std"):
            yield f"{reducer} of {dtype}, mask", "plain", row(x, reducer, [reducer], mask=mask), 1.5
            for name, each in weights.items() if reducer != "max" else ():
                yield f"{reducer} of {dtype}, weights of {name}", "plain", row(x, reducer, [reducer], weights=each), 1.5
        yield f"five reducers of {dtype}", "the slowest", row(x, FIVE, FIVE), 1.5  # type: ignore[arg-type]
    for classes in (5, 30):
        x = rng.integers(0, classes, shape).astype(np.uint8)
        shares = []
        for size, stride in WINDOWS:
            windows: Any = {"size": size, "stride": stride}
            shares.append(compare([lambda x=x, windows=windows: poolcli.pool(x, "mode", **windows)],
                                  lambda x=x, windows=windows, classes=classes: poolcli.fractions(
                                      x, classes=range(classes), **windows)))
        yield f"fractions of {classes} classes of uint8", "mode", shares, 2.0
    for reducer in ("distinct", "entropy"):
        yield f"{reducer} of uint8", "mode", row(x, reducer, ["mode"]), 2.0


def areas(side: int) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Both times of medians by area and of adaptive windows, for each number of windows."""
    rng = np.random.default_rng(0)
    for dtype in ("uint8", "float32"):
        x: Any = rng.integers(0, 255, (side, side)).astype(dtype)
        yield dtype, [compare([lambda n=n, x=x: poolcli.pool(x, "median", adaptive=n)],
                              lambda n=n, x=x: poolcli.pool(x, "median", area=n))
                      for n in (count * side // 1448 for count in AREAS)]


def report(side: int) -> str:
    """Both tables."""
    heads = [f"{size}x{size}/{stride}" for size, stride in WINDOWS]
    lines = [f"| work on {side} x {side} | beside | {' | '.join(f'{head}, ms | ratio' for head in heads)} | target |",
             f"| --- | --- |{' ---: |' * (2 * len(heads) + 1)}"]
    with threads(1):
        for what, beside, found, target in rows(side):
            cells = " | ".join(f"{other:.2f} | {other / plain:.1f}" for plain, other in found)
            lines.append(f"| {what} | {beside} | {cells} | {target} |")
        lines += ["", f"| median by area | {' | '.join(f'into {n} x {n}, ms | of adaptive' for n in AREAS)} | target |",
                  f"| --- |{' ---: |' * (2 * len(AREAS) + 1)}"]
        for dtype, found in areas(side * 1448 // 1024):
            cells = " | ".join(f"{other:.1f} | {other / plain:.1f}" for plain, other in found)
            lines.append(f"| {dtype} | {cells} | 2.0 |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=1024)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    os.environ["POOLCLI_COMPILE"] = "always"
    found = report(asked.side)
    print(found)
    if asked.write:
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{found}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
