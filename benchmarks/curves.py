"""``python -m benchmarks.curves``: how the time grows, drawn into docs/images/curves.png with Pillow alone."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
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
    curves: dict[str, Points] = {"ideal": [(n, n) for n in counts]}
    for name, (reducer, options, data) in works.items():
        times = [next(lines(case(reducer, options, data, threads=n), budget)).ours for n in counts]
        curves[name] = [(n, times[0] / t) for n, t in zip(counts, times, strict=True)]
    return Curves("Threads", "threads", "times as fast as one", curves)


# Drawing.


WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 800, 480, 84, 92, 250, 76
FINE = 2
"""Drawn so many times larger, and made smaller: Pillow's lines have no soft edges of their own."""
OWN = ("#3b82f6", "#e5484d", "#a371f7")
OTHERS = ("#2da44e", "#bf8700", "#8b949e")
"""poolcli's curves, thick, and all others, thin. All colours stand out from white paper and from black."""
INK, GRID = "#7d8590", "#7d859048"
LINE = 26
"""The height of a line of text."""


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
    """All panels in one picture without paper, two in a row."""
    rows = -(-len(panels) // 2)
    picture = Image.new("RGBA", (2 * WIDTH, rows * HEIGHT))
    for i, one in enumerate(panels):
        picture.paste(drawn(one).reduce(FINE), (i % 2 * WIDTH, i // 2 * HEIGHT))
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, optimize=True)


def drawn(one: Curves) -> Image.Image:
    """A panel, in fine pixels."""
    picture = Image.new("RGBA", (FINE * WIDTH, FINE * HEIGHT), INK + "00")
    pen = ImageDraw.Draw(picture)
    points = [p for curve in one.curves.values() for p in curve]
    x = spanning([p[0] for p in points], FINE * LEFT, FINE * (WIDTH - RIGHT))
    y = spanning([p[1] for p in points], FINE * (HEIGHT - BOTTOM), FINE * TOP)
    frame(pen, one, x, y)
    colours = dict(coloured(one))
    for name, curve in one.curves.items():
        dots = [(x.at(a), y.at(b)) for a, b in curve]
        thick = FINE * (4 if is_own(name) else 2)
        pen.line(dots, colours[name], thick, joint="curve")
        for a, b in dots:
            pen.ellipse((a - thick, b - thick, a + thick, b + thick), colours[name])
    ends = {name: y.at(curve[-1][1]) for name, curve in one.curves.items()}
    for name, height in apart(ends, FINE * LINE).items():
        pen.text((x.stop + FINE * 16, height), name, colours[name], font(20), anchor="lm")
    return picture


def is_own(name: str) -> bool:
    """Whether a curve is poolcli's: those of the threads panel are, by their windows."""
    return name.startswith("poolcli") or name[-2:].isdigit() or "/" in name


def coloured(one: Curves) -> Iterator[tuple[str, str]]:
    """A colour for each curve."""
    own, others = cycle(OWN), cycle(OTHERS)
    for name in one.curves:
        yield name, next(own if is_own(name) else others)


def apart(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """The heights of labels, from the top, pushed down where they would lie on each other."""
    placed: dict[str, float] = {}
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        placed[name] = max(height, max(placed.values(), default=-least) + least)
    return placed


def frame(pen: ImageDraw.ImageDraw, one: Curves, x: Axis, y: Axis) -> None:
    """Title, grid and what the axes say."""
    pen.text((FINE * 20, FINE * 14), one.title, INK, font(26))
    pen.text(((x.start + x.stop) / 2, FINE * (HEIGHT - 22)), one.x, INK, font(20), anchor="mm")
    pen.text((FINE * 20, FINE * (TOP - 14)), one.y, INK, font(18), anchor="lb")
    for value in x.ticks():
        pen.line((x.at(value), y.start, x.at(value), y.stop), GRID, FINE)
        pen.text((x.at(value), y.start + FINE * 8), written(value), INK, font(18), anchor="mt")
    for value in y.ticks():
        pen.line((x.start, y.at(value), x.stop, y.at(value)), GRID, FINE)
        pen.text((x.start - FINE * 8, y.at(value)), written(value), INK, font(18), anchor="rm")


def written(value: float) -> str:
    """A number at a tick."""
    for size, unit in ((1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def font(size: int) -> Any:
    """Pillow's own font."""
    return ImageFont.load_default(FINE * size)


def main() -> None:
    """Measure, draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curves", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small pictures, few rounds")
    parser.add_argument("--output", type=Path, default=PICTURE)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    parser.add_argument("--redraw", type=Path, metavar="FILE", help="measure nothing, draw what --json wrote")
    given = parser.parse_args()
    panels = read(given.redraw) if given.redraw else measured(given.quick)
    if given.json:
        given.json.write_text(json.dumps([asdict(panel) for panel in panels]))
    draw(panels, given.output)
    print(given.output)


def read(path: Path) -> list[Curves]:
    """The panels of an earlier run."""
    return [Curves(**panel) for panel in json.loads(path.read_text(encoding="utf-8"))]


def measured(quick: bool) -> list[Curves]:
    """The panels of this machine."""
    os.environ |= {"POOLCLI_THREADS": "1", "OMP_NUM_THREADS": "1"}
    budget, edge = (Budget(3, 0.05), 512) if quick else (Budget(25, 0.6), 4096)
    return [curves(budget, edge) for curves in (window_size, image_size, channels, speed_up)]


if __name__ == "__main__":
    main()
