"""``python -m benchmarks.curves``: how the time grows, drawn into docs/images/curves.png with Pillow alone."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from .cases import MAP, Case, Data, Rival
from .measure import Budget
from .run import lines

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "curves.png"
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Curves:
    """One panel: named curves over one quantity."""

    title: str
    x: str
    y: str
    curves: Mapping[str, Points]


# Measuring.


def panel(title: str, x: str, rows: Sequence[tuple[float, str, Case]], budget: Budget,
          value: Callable[[float, Case], float], y: str) -> Curves:
    """Run rows of (position, name of poolcli's curve, case) into a panel; each rival has a curve of its own."""
    curves: dict[str, Points] = {}
    for at, name, case in rows:
        for line in lines(case, budget):
            curves.setdefault(name, []).append((at, value(line.ours, case)))
            if line.theirs is not None:
                curves.setdefault(line.rival, []).append((at, value(line.theirs, case)))
    return Curves(title, x, y, {name: sorted(set(points)) for name, points in curves.items()})


def per_sample(milliseconds: float, case: Case) -> float:
    """Nanoseconds for each sample of the input."""
    samples = 1
    for n in case.data.shape:
        samples *= n
    return 1e6 * milliseconds / samples


def case(reducer: str, options: Mapping[str, Any], data: Data, *rivals: Rival, threads: int = 1) -> Case:
    """A row for a curve."""
    return Case("curves", reducer, "", options, data, rivals, threads=threads)


def window_size(budget: Budget, edge: int) -> Curves:
    """Stride 1, windows from 3 to 127."""
    rows = []
    for k in (3, 5, 7, 11, 15, 23, 31, 47, 63, 95, 127):
        options, data = {"size": k, "stride": 1, "padding": "same"}, Data((edge, edge))
        rows.append((k, "poolcli max", case("max", options, data, Rival("OpenCV filter", says="OpenCV dilate"))))
        options = options | {"count_include_pad": True}
        rows.append((k, "poolcli avg", case("avg", options, data, Rival("OpenCV filter", says="OpenCV boxFilter"))))
    return panel("Window size, stride 1, uint8", "samples along a side", rows, budget, per_sample, "ns per sample")


def image_size(budget: Budget, edge: int) -> Curves:
    """Pictures from 64 x 64 on."""
    rivals = Rival("copy"), Rival("numpy slices", says="NumPy slices"), Rival("OpenCV area")
    edges = [n for n in (64, 128, 256, 512, 1024, 2048, 4096, 8192) if n <= 2 * edge]
    rows = [(n * n, "poolcli max", case("max", {"size": 2}, Data((n, n)), *rivals[:2])) for n in edges]
    rows += [(n * n, "poolcli avg", case("avg", {"size": 2}, Data((n, n)), *rivals[2:])) for n in edges]
    return panel("Image size, 2x2 windows, uint8", "samples", rows, budget, per_sample, "ns per sample")


def channels(budget: Budget, edge: int) -> Curves:
    """Channels last, from 1 to 64."""
    rows = []
    for c in (1, 2, 3, 4, 6, 8, 16, 32, 64):
        side = int(edge / c**0.5) // 2 * 2
        data = Data((side, side, c), layout="HWC")
        rows.append((c, "poolcli max 2x2/2", case("max", {"size": 2}, data, Rival("copy"))))
        rows.append((c, "poolcli max 31x31/1", case("max", {"size": 31, "stride": 1}, data)))
    return panel("Channels last, uint8", "channels", rows, budget, per_sample, "ns per sample")


def speed_up(budget: Budget, edge: int) -> Curves:
    """Threads, against one."""
    works = {"median 5x5/1": ("median", {"size": 5, "stride": 1}, Data((edge, edge), kind="picture")),
             "max 31x31/1": ("max", {"size": 31, "stride": 1}, Data((edge, edge))),
             "max 2x2/2 float32": ("max", {"size": 2}, MAP)}
    counts = range(1, (os.cpu_count() or 1) + 1)
    curves: dict[str, Points] = {"as many times as threads": [(n, n) for n in counts]}
    for name, (reducer, options, data) in works.items():
        times = [next(lines(case(reducer, options, data, threads=n), budget)).ours for n in counts]
        curves[name] = [(n, times[0] / t) for n, t in zip(counts, times, strict=True)]
    return Curves("Threads", "threads", "times as fast as one", curves)


# Drawing.


WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 800, 440, 80, 64, 220, 60
COLOURS = ("#0969da", "#cf222e", "#1a7f37", "#8250df", "#9a6700")
INK, GRID, PAPER = "#24292f", "#d0d7de", "#ffffff"


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis from one power of its base to another, on the picture from one pixel to another."""

    low: float
    high: float
    start: int
    stop: int

    def at(self, value: float) -> float:
        """The pixel of a value."""
        share = (log10(value) - log10(self.low)) / (log10(self.high) - log10(self.low))
        return self.start + share * (self.stop - self.start)

    def ticks(self) -> Iterator[float]:
        """1, 2, 5, 10, 20, ... as far as they are on the axis; only powers of ten where there are many."""
        steps = (1, 2, 5) if self.high / self.low < 1e4 else (1,)
        for power in range(floor(log10(self.low)), ceil(log10(self.high)) + 1):
            yield from (v for s in steps if self.low <= (v := s * 10.0**power) <= self.high)


def spanning(values: Sequence[float], start: int, stop: int) -> Axis:
    """An axis with room for the values."""
    return Axis(min(values) / 1.15, max(values) * 1.15, start, stop)


def draw(panels: Sequence[Curves], path: Path) -> None:
    """All panels in one picture, two in a row."""
    rows = -(-len(panels) // 2)
    picture = Image.new("RGB", (2 * WIDTH, rows * HEIGHT), PAPER)
    for i, one in enumerate(panels):
        picture.paste(drawn(one), (i % 2 * WIDTH, i // 2 * HEIGHT))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def drawn(one: Curves) -> Image.Image:
    """A panel."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    pen = ImageDraw.Draw(picture)
    points = [p for curve in one.curves.values() for p in curve]
    x = spanning([p[0] for p in points], LEFT, WIDTH - RIGHT)
    y = spanning([p[1] for p in points], HEIGHT - BOTTOM, TOP)
    frame(pen, one, x, y)
    for i, (name, curve) in enumerate(one.curves.items()):
        colour = COLOURS[i % len(COLOURS)]
        dots = [(x.at(a), y.at(b)) for a, b in curve]
        pen.line(dots, colour, 3, joint="curve")
        for a, b in dots:
            pen.ellipse((a - 4, b - 4, a + 4, b + 4), colour)
        pen.text((WIDTH - RIGHT + 16, TOP + 26 * i), name, colour, font(16))
    return picture


def frame(pen: ImageDraw.ImageDraw, one: Curves, x: Axis, y: Axis) -> None:
    """Title, grid and what the axes say."""
    pen.text((20, 10), one.title, INK, font(20))
    pen.text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 24), one.x, INK, font(16), anchor="mm")
    pen.text((20, TOP - 8), one.y, INK, font(14), anchor="lb")
    for value in x.ticks():
        pen.line((x.at(value), y.start, x.at(value), y.stop), GRID)
        pen.text((x.at(value), y.start + 8), written(value), INK, font(14), anchor="mt")
    for value in y.ticks():
        pen.line((x.start, y.at(value), x.stop, y.at(value)), GRID)
        pen.text((x.start - 8, y.at(value)), written(value), INK, font(14), anchor="rm")


def written(value: float) -> str:
    """A number at a tick."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def font(size: int) -> Any:
    """Pillow's own font."""
    return ImageFont.load_default(size)


def main() -> None:
    """Measure, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small pictures, few rounds")
    parser.add_argument("--output", type=Path, default=PICTURE)
    given = parser.parse_args()
    os.environ |= {"POOLCLI_THREADS": "1", "OMP_NUM_THREADS": "1"}
    budget, edge = (Budget(3, 0.05), 512) if given.quick else (Budget(25, 0.6), 4096)
    draw([curves(budget, edge) for curves in (window_size, image_size, channels, speed_up)], given.output)
    print(given.output)


if __name__ == "__main__":
    main()
