"""``python -m benchmarks.studies``: every study on a photograph of 12 megapixels: time and memory of whole commands.

Each command is a process of its own, started as from a shell, with its kernels compiled before. Wall time counts the
decoding of a JPEG too; CPU is that of all threads together, which other work on the machine changes less.
"""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .photographs import scene

SIZE = (4000, 3000)
STUDIES = (
    'group --over d4 "median -k 3 -s 2"',
    'group --over rot4 "median -k 2"',
    'group --over rot4 "median -k 3 -s 2"',
    'group --over shift:3 "avg -k 2"',
    'group --over d4 "max -k 2"',
    'group --over d4 "std -k 3 -s 2" avg',
    'bounds --eps 2 "max -k 2"',
    'bounds --eps 2 "avg -k 3 -s 1"',
    'bounds --eps 2 "var -k 2"',
    'bounds --eps 2 "std -k 2"',
    'bounds --eps 2 "soft -k 2"',
    'bounds --eps 2 "mode -k 2"',
    'bounds --eps 2 "range -k 2"',
    'bounds --eps 2 "median -k 3 -s 2"',
    'bounds --eps 2 "std -k 3 -s 1"',
    'bounds --eps 2 "var -k 3 -s 2"',
    'bounds --eps 2 "soft -k 3 -s 2"',
    'bounds --eps 2 "mode -k 3 -s 2"',
    'bounds --eps 2 "range -k 3 -s 1"',
    'bounds --eps 2 "stochastic -k 2"',
    'bounds --eps 2 "stochastic --expected -k 2"',
    "shift -k 2",
    "shift -k 4",
    "shift -k 8",
    "shift -k 2 --max-shift 6",
    "compare -k 2",
    "compare -k 4 {all}",
    'grad "max -k 2"',
    'grad "median -k 2"',
    'grad "median -k 3 -s 1"',
    'grad "avg -k 3 -s 2"',
    'grad "std -k 7 -s 1"',
    'grad "soft -k 3 -s 1"',
    'grad "avg -k 31 -s 1"',
    'grad "blur -k 5 -s 1"',
    'grad "range -k 3 -s 2"',
    'grad "lp -k 3 -s 2"',
    'chain "avg -k 3" "avg -k 2"',
    'chain "max -k 2" "median -k 3 -s 1"',
    "pyramid --levels 5",
    'explain "avg -k 3 -s 2" --at 10,10',
    'plan "avg -k 3 -s 2"',
)


@dataclass(frozen=True)
class Taken:
    """What a command took."""

    wall: float
    cpu: float
    peak: float
    """Megabytes."""
    code: int
    error: str


def take(words: list[str], folder: Path) -> Taken:
    """Run a command in a folder and wait for it alone, so that what it took is known."""
    with (folder / "stderr").open("w+b") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=errors)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read().decode(errors="replace").strip().splitlines()
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode,
                 said[-1] if said else "")


def command_of(study: str, picture: str) -> list[str]:
    """The words of a study on a picture."""
    from poolcli.core.reducers import REDUCERS

    every = " ".join(name for name in REDUCERS)
    name, *rest = shlex.split(study.replace("{all}", every))
    made = [sys.executable, "-m", "poolcli", name, *rest, picture]
    return made + {"pyramid": ["-o", "levels/"], "chain": ["-o", "levels/"]}.get(name, [])


def best(study: str, picture: str, folder: Path, times: int) -> Taken:
    """The least of so many runs, after one that compiles."""
    found = []
    for _ in range(times + 1):
        subprocess.run(["rm", "-rf", str(folder / "levels")], check=True)
        found.append(take(command_of(study, picture), folder))
        if found[-1].code:
            return found[-1]
    last = found[1:] or found
    return Taken(min(one.wall for one in last), min(one.cpu for one in last), min(one.peak for one in last), 0, "")


def main() -> int:
    """Print a row for each study."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="studies that have it in their words")
    parser.add_argument("--times", type=int, default=2, metavar="N", help="runs of each, after one that compiles")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="another picture than the usual one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        picture = given.picture or folder / "photo.jpg"
        if not given.picture:
            scene(SIZE, 0).save(picture, quality=92)
        print("| study | wall s | CPU s | peak MB |\n| --- | ---: | ---: | ---: |")
        for study in STUDIES:
            if given.only in study:
                found = best(study, str(picture.absolute()), folder, given.times)
                said = f"exit {found.code}: {found.error}" if found.code else ""
                numbers = f"{found.wall:.2f} | {found.cpu:.2f} | {found.peak:.0f}"
                print(f"| `{study}` | {numbers} | {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
