"""The table as text, and BENCHMARKS.md with it."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .measure import Line

PACKAGES = ("poolcli", "numpy", "numba", "llvmlite", "pillow", "opencv-python-headless", "scikit-image", "torch",
            "onnxruntime")
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
HEAD = "| work | poolcli | rival | its time | ratio | target | met |"
RULE = "| --- | ---: | --- | ---: | ---: | ---: | --- |"
BUSY = 0.5
"""A load before the start from which figures deserve no trust."""


def row(line: Line) -> str:
    """A line of the table."""
    theirs = "" if line.theirs is None else number(line.theirs)
    ratio = "" if line.theirs is None else number(line.value)
    target = "" if line.target is None else f"<= {number(line.target)}"
    met = {True: "yes", False: "**no**", None: ""}[line.met]
    cells = (line.work, f"{number(line.ours)} {line.unit}", line.rival, theirs, ratio, target, met)
    return "| " + " | ".join(cells) + " |" + (f" {line.note}" if line.note else "")


def number(value: float) -> str:
    """Three digits that count."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def rows(lines: Iterable[Line]) -> Iterator[str]:
    """The table's text, a heading for each group, as the lines come."""
    group = None
    for line in lines:
        if line.group != group:
            group = line.group
            yield from ("", f"### {group[0].upper() + group[1:]}", "", HEAD, RULE)
        yield row(line)


def summary(lines: Sequence[Line]) -> list[str]:
    """How many targets are met, and those that are missed by most."""
    judged = [line for line in lines if line.target is not None]
    missed = sorted((line for line in judged if not line.met), key=excess, reverse=True)
    text = [f"{len(judged) - len(missed)} of {len(judged)} targets met."]
    if missed:
        text += ["", "Where poolcli loses, the furthest from its target first:", ""]
    return text + [f"- {line.work}: {number(excess(line))} times its target"
                   f"{' against ' + line.rival if line.rival else ''}" for line in missed]


def excess(line: Line) -> float:
    """How many times its target a line stands at."""
    return line.value / line.target if line.target else 0.0


def conditions(command: str) -> list[str]:
    """Machine, versions, command and date."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    found = {name: installed(name) for name in PACKAGES}
    return [
        f"- Machine: {processor()}, {os.cpu_count()} cores, {cache()}{platform.system()} {platform.machine()}",
        f"- Python {platform.python_version()}, " + ", ".join(f"{name} {v}" for name, v in found.items() if v),
        f"- Command: `{command}`",
        f"- Date: {datetime.datetime.now(datetime.UTC):%Y-%m-%d}",
        f"- Load at the start: {load:.1f}" + (": **the machine is busy, figures are noisy**" if load > BUSY else ""),
    ]


def installed(name: str) -> str:
    """The version of a package, or nothing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def processor() -> str:
    """The processor's name."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    features = " with AVX-512" if " avx512f " in text else " with AVX2" if " avx2 " in text else ""
    return (names[0] if names else "unknown processor") + features


def cache() -> str:
    """The size of the largest cache."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index3/size").read_text(encoding="utf-8")
        return f"{int(text.strip().removesuffix('K')) >> 10} MB of L3 cache, "
    except (OSError, ValueError):
        return ""


def write(path: Path, text: str) -> None:
    """Put the text where the file keeps its figures."""
    before, _, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}", encoding="utf-8")
