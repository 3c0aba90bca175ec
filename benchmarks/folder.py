"""Rows about a folder of photographs, JPEG to JPEG and PNG to PNG: what each program needs for one, on two cores.

Everybody is told the same quality and chroma subsampling. PNG is written as each program does by itself, so there the
size of the files says as much as the time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import photographs
from .commands import TITLES, located
from .measure import Line, Runner, time_run

GROUP = "folder"
COUNT = 60
TARGET = 1.0
"""No rival is faster."""
TURNS, MOST = 3, 20
"""Each rival takes so many turns, but none after so many seconds."""
PYTHON = shlex.quote(sys.executable)
OURS = f"{PYTHON} -m poolcli avg -k 2 FOLDER -o OUT/ --jobs 2"
XARGS = "ls FOLDER | xargs -P2 -I@"
RIVALS: Mapping[str, str] = {
    "vips": f"{XARGS} vips shrink FOLDER/@ 'OUT/@VIPS' 2 2",
    "magick": f"{XARGS} magick FOLDER/@ -scale 50% MAGICK OUT/@",
    "convert": f"{XARGS} convert FOLDER/@ -scale 50% MAGICK OUT/@",
    "gm": f"{XARGS} gm convert FOLDER/@ -scale 50% MAGICK OUT/@",
    "Pillow loop": f"{PYTHON} -m benchmarks.loops loop FOLDER OUT QUALITY",
    "Pillow, 2 threads": f"{PYTHON} -m benchmarks.loops Thread FOLDER OUT QUALITY",
    "Pillow, 2 processes": f"{PYTHON} -m benchmarks.loops Process FOLDER OUT QUALITY",
    "PyTorch loop": f"{PYTHON} -m benchmarks.loops torch FOLDER OUT QUALITY",
}


@dataclass(frozen=True)
class Kind:
    """What is written, and how each program is told."""

    name: str
    says: str
    words: Mapping[str, str]


KINDS = (
    Kind("jpeg", "JPEG to JPEG, quality 95, 4:4:4",
         {"QUALITY": "95", "VIPS": "[Q=95,subsample-mode=off]", "MAGICK": "-quality 95 -sampling-factor 4:4:4"}),
    Kind("jpeg", "JPEG to JPEG, quality 75, 4:2:0",
         {"QUALITY": "75", "VIPS": "[Q=75,subsample-mode=on]", "MAGICK": "-quality 75 -sampling-factor 4:2:0"}),
    Kind("png", "PNG to PNG", {"QUALITY": "", "VIPS": "", "MAGICK": ""}),
)


def lines(only: str, *, quick: bool, every: bool) -> Iterator[Line]:
    """Every row whose name has ``only`` in it; minutes, so they are asked for by ``--all`` or by name."""
    wanted = [kind for kind in KINDS if only in f"{GROUP}: {kind.says}"]
    if not wanted or not (every or only):
        return
    root = Path(tempfile.gettempdir()) / f"poolcli-photographs-{os.getuid()}-{8 if quick else COUNT}"
    make(root, 8 if quick else COUNT)
    for kind in wanted:
        yield from compared(kind, root)


def make(root: Path, count: int) -> None:
    """The photographs, unless an earlier run has left them; drawing sixty takes two minutes."""
    if not root.exists():
        unfinished = Path(tempfile.mkdtemp(dir=root.parent))
        photographs.make(unfinished, count)
        unfinished.rename(root)


def compared(kind: Kind, root: Path, turns: int = TURNS) -> Iterator[Line]:
    """A line for each rival that is installed: milliseconds and megabytes for one photograph."""
    with tempfile.TemporaryDirectory(dir=root) as name:
        folders = {rival: Path(name) / f"out{i}" for i, rival in enumerate(("", *here()))}
        runs = {rival: command({"": OURS, **RIVALS}[rival], kind, root, out) for rival, out in folders.items()}
        count = len(list((root / kind.name).iterdir()))
        least = {rival: 1e3 / count * seconds for rival, seconds in fastest(runs, turns).items()}
        sizes = {rival: total(out, count) / count / 1e6 for rival, out in folders.items()}
    for rival in here():
        note = f"{1e3 / least['']:.1f} and {1e3 / least[rival]:.1f} a second; {sizes['']:.3f} and {sizes[rival]:.3f} MB"
        yield Line(GROUP, kind.says, least[""], TITLES.get(rival, rival), least[rival], least[""] / least[rival],
                   TARGET, note=note)


def here() -> list[str]:
    """The rivals that can take part."""
    from importlib.util import find_spec

    programs = {"vips", "magick", "convert", "gm"}
    return [name for name in RIVALS
            if (located(name) if name in programs else name != "PyTorch loop" or find_spec("torch"))]


def command(text: str, kind: Kind, root: Path, out: Path) -> Runner:
    """A runner of a shell's line, into an empty folder."""
    words = {"FOLDER": str(root / kind.name), "OUT": str(out), **kind.words}
    if "poolcli" in text and kind.words["QUALITY"]:
        text += " --quality QUALITY"
    for word, meant in words.items():
        text = text.replace(word, meant)
    return lambda: run(text, out)


def run(text: str, out: Path) -> None:
    """Run a line that must end well; image programs get one thread each, there are two of them."""
    import subprocess

    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    environment = {**os.environ, "VIPS_CONCURRENCY": "1", "MAGICK_THREAD_LIMIT": "1"}
    environment.pop("POOLCLI_THREADS", None)
    environment.pop("OMP_NUM_THREADS", None)
    subprocess.run(text, shell=True, check=True, env=environment, stdout=subprocess.DEVNULL)


def fastest(runs: Mapping[str, Runner], turns: int) -> dict[str, float]:
    """The least seconds of each, in turns; the first counts too, for the slow ones get no other."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(turns):
        for name, once in runs.items():
            if sum(found[name]) < MOST:
                found[name].append(time_run(once))
    return {name: min(times) for name, times in found.items()}


def total(folder: Path, count: int) -> int:
    """The bytes of all files; every photograph must be among them."""
    sizes = [path.stat().st_size for path in folder.iterdir()]
    assert len(sizes) == count, folder
    return sum(sizes)
