"""Rows about whole processes: what a user of the command line waits for, and what memory it takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .measure import Budget, Line, Runner, race

GROUP = "whole process"
OWN = (sys.executable, "-m", "poolcli")
IMPORTS = "import click, numpy, PIL.Image"
RUNS = Budget(rounds=15, seconds=4)
FIRST_RUN = 2.5
"""Seconds that the first run on a machine may take."""
RESIDENT = 300.0
"""Megabytes that a stream of any length may take."""


@dataclass(frozen=True)
class Command:
    """A command against another one."""

    work: str
    ours: tuple[str, ...]
    rival: str
    theirs: tuple[str, ...]
    target: float | None = None


def imports(text: str) -> tuple[str, tuple[str, ...]]:
    """A Python process that only imports."""
    return f'python -c "{text}"', (sys.executable, "-c", text)


def starts(folder: Path) -> list[Command]:
    """What a start costs. The small picture has 320 x 480 pixels."""
    small, out = str(folder / "small.png"), ("-o", str(folder / "out.png"), "--overwrite")
    pool = (*OWN, "max", "-k", "2", small, *out)
    return [
        Command("poolcli --help", (*OWN, "--help"), *imports("import click"), 1.6),
        Command("poolcli max -k 2 -q small.png", (*pool, "-q"), *imports(IMPORTS), 1.6),
        Command("poolcli max -k 2 small.png, with the table", pool, *imports(IMPORTS), 1.9),
    ]


PROGRAMS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "avg -k 2": {
        "vips": ("shrink", "{input}", "{output}", "2", "2"),
        "magick": ("{input}", "-scale", "50%", "{output}"),
        "convert": ("{input}", "-scale", "50%", "{output}"),
        "gm": ("convert", "{input}", "-scale", "50%", "{output}"),
    },
    "max -k 3 -s 1 --padding same": {
        "vips": ("rank", "{input}", "{output}", "3", "3", "8"),
        "magick": ("{input}", "-statistic", "Maximum", "3x3", "{output}"),
        "convert": ("{input}", "-statistic", "Maximum", "3x3", "{output}"),
    },
    "median -k 3 -s 1 --padding same": {
        "vips": ("rank", "{input}", "{output}", "3", "3", "4"),
        "magick": ("{input}", "-statistic", "Median", "3x3", "{output}"),
        "convert": ("{input}", "-statistic", "Median", "3x3", "{output}"),
        "gm": ("convert", "{input}", "-median", "1", "{output}"),
    },
}
"""What image programs do for the same, one thread each."""
TITLES = {"convert": "ImageMagick 6", "magick": "ImageMagick", "gm": "GraphicsMagick"}


def beside(folder: Path) -> list[Command]:
    """Image programs on a picture of 12 MP without compression, and on the small one."""
    rows = []
    for options, programs in PROGRAMS.items():
        for picture in ("large.ppm", "small.png"):
            output = str(folder / f"out{Path(picture).suffix}")
            ours = (*OWN, *options.split(), "-q", str(folder / picture), "-o", output, "--overwrite")
            for program, words in programs.items():
                path = located(program)
                if path is not None:
                    theirs = (path, *(w.format(input=folder / picture, output=output) for w in words))
                    rows.append(Command(f"poolcli {options} {picture}", ours, TITLES.get(program, program), theirs))
    return rows


def located(program: str) -> str | None:
    """Return the path of an installed program; ``convert`` only where it is ImageMagick's and there is no ``magick``.

    Other programs are called convert too, Windows' for file systems among them.
    """
    if program != "convert":
        return shutil.which(program)
    path = None if shutil.which("magick") else shutil.which("convert-im6.q16") or shutil.which("convert")
    if path is None:
        return None
    said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)
    return path if said.returncode == 0 and "ImageMagick" in said.stdout else None


def lines(only: str, *, quick: bool, every: bool) -> Iterator[Line]:
    """Every row about whole processes whose name has ``only`` in it."""
    budget = Budget(rounds=3, seconds=1) if quick else RUNS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        for command in (*starts(folder), *(() if quick else beside(folder))):
            if only in f"{GROUP}: {command.work}":
                yield compared(command, budget)
        if only in f"{GROUP}: the first run ever":
            yield first_run(folder, 1 if quick else 5)
        if only in f"{GROUP}: a stream" and not quick:
            yield from streamed(folder, 8 if every else 2)


def prepare(folder: Path, large: tuple[int, int] = (3072, 4096)) -> None:
    """The pictures that the rows read."""
    rng = np.random.default_rng(7)
    smooth = np.add.outer(np.arange(large[0]) // 16, np.arange(large[1]) // 32)[:, :, None] + [0, 40, 80]
    large_picture = np.clip(smooth + rng.integers(0, 24, (*large, 3)), 0, 255).astype(np.uint8)
    Image.fromarray(large_picture).save(folder / "large.ppm")
    Image.fromarray(large_picture[:320, :480]).save(folder / "small.png")


def compared(command: Command, budget: Budget) -> Line:
    """One row: both commands in turns."""
    least = race({"ours": process(command.ours), "theirs": process(command.theirs)}, budget)
    return Line(GROUP, command.work, least["ours"], command.rival, least["theirs"], least["ours"] / least["theirs"],
                command.target)


def process(words: Sequence[str], **settings: str) -> Runner:
    """A runner of a process that must end well; image programs get one thread."""
    environment = {**os.environ, "VIPS_CONCURRENCY": "1", "MAGICK_THREAD_LIMIT": "1", **settings}
    return lambda: subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)


def first_run(folder: Path, times: int) -> Line:
    """A run with an empty cache, which compiles what pays."""
    def run() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as cache:
            process(words, POOLCLI_CACHE_DIR=cache, POOLCLI_COMPILE="")()

    words = (*OWN, "max", "-k", "2", "-q", str(folder / "small.png"), "-o", str(folder / "out.png"), "--overwrite")
    seconds = min(race({"": run}, Budget(times, 10 * FIRST_RUN)).values()) / 1e3
    return Line(GROUP, "the first run ever, compiling: poolcli max -k 2 -q small.png", seconds, "", None, seconds,
                FIRST_RUN, "s")


def streamed(folder: Path, gigabytes: int) -> Iterator[Line]:
    """A .npy that is larger than what a run may keep in memory, against ``cat``: file to file, and pipe to pipe."""
    source, out = folder / "large.npy", folder / "pooled.npy"
    fill(source, gigabytes)
    options = ("max", "-k", "2", "--layout", "NHW", "-q")
    words = (*OWN, *options, str(source), "-o", str(out), "--overwrite")
    work = f"a stream: poolcli max -k 2 --layout NHW of {gigabytes} GB"
    cat = shell('cat "$0" > "$1"', str(source), str(folder / "copied.npy"))
    yield compared(Command(f"{work}, file to file", words, "cat", cat, 2.0), Budget(2, 60))
    ours = shell('cat "$0" | "$@" | cat > /dev/null', str(source), *OWN, *options, "-", "-o", "-")
    theirs = shell('cat "$0" | cat | cat > /dev/null', str(source))
    yield compared(Command(f"{work}, pipe to pipe", ours, "cat", theirs, 2.0), Budget(2, 60))
    peak = resident(words)
    yield Line(GROUP, work, peak, "", None, peak, RESIDENT, "MB")


def fill(path: Path, gigabytes: int) -> None:
    """Planes of 64 MiB of noise; a file of holes would be read from nowhere."""
    plane = np.random.default_rng(7).random((4096, 4096), np.float32)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (16 * gigabytes, *plane.shape)})
        for _ in range(16 * gigabytes):
            file.write(plane)


def shell(script: str, *words: str) -> tuple[str, ...]:
    """A pipeline."""
    return ("sh", "-c", script, *words)


WATCHED = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def resident(words: Sequence[str]) -> float:
    """The most memory that a process has resident, in megabytes.

    Another process starts it, a small one: Linux counts what the parent had for the child, 2.8 GB after PyTorch.
    """
    run = subprocess.run([sys.executable, "-c", WATCHED, *words], check=True, stdout=subprocess.PIPE)
    return int(run.stdout) / (1e3 if sys.platform != "darwin" else 1e6)
