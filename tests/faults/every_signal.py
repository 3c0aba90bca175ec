#!/usr/bin/env python3
"""Let Ctrl-C or SIGTERM come at each moment of a run: python tests/faults/every_signal.py [--share 0.1] [SCENARIO ...]

Python looks for signals when a function begins and after a call of C code. A small library, made by the C compiler,
counts the events of CPython's profiler in the main thread, which are around those, and raises a signal at the N-th: at
the first, the last and one more event of each line. What other threads do meanwhile is met by --random runs, where the
signal comes at a time that is drawn. After each run this must hold:

* after Ctrl-C the exit code is 130 and standard error one line; after SIGTERM, or where the command line has not begun
  or has ended, the process has died of the signal in silence; or the run had ended;
* each output is the whole old file, the whole new one, or absent where there was none; a Zarr array is there or not;
* no temporary file is left.

Prints a Markdown table and each line that breaks a rule; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from every_call import SCENARIOS, TEMPORARY, Ended, Reference, Scenario, Server, contents, take_reference

SHIM = """
#include <signal.h>
typedef int (*trace)(void *, void *, int, void *);
extern void PyEval_SetProfile(trace, void *);
static long left;
static int sent;
static int note(void *self, void *frame, int what, void *argument) {
    if (left > 0 && --left == 0) raise(sent);
    return 0;
}
void begin(long number, int kind) { left = number; sent = kind; PyEval_SetProfile(note, 0); }
"""
BEGIN = "import ctypes; ctypes.PyDLL({!r}).begin({}, {})"
RECORD = """
import atexit, json, sys
places = []
def note(frame, event, argument):
    places.append((frame.f_code.co_filename, frame.f_lineno, event))
atexit.register(lambda: (sys.setprofile(None), open({!r}, "w").write(json.dumps(places[1:]))))
sys.setprofile(note)
"""
"""What is run before the command line; the first event noted is the end of ``setprofile``."""
RUNS_TO_TIME = 5


def write_volume(folder: Path) -> None:
    """Write a chunked array of three axes as in.zarr."""
    import zarr

    noise = np.random.default_rng(2).integers(0, 256, (3, 64, 96), dtype=np.uint8)
    zarr.create_array(str(folder / "in.zarr"), data=noise, chunks=(1, 32, 32), dimension_names=["c", "y", "x"])


def write_tiles(folder: Path) -> None:
    """Write a GeoTIFF in tiles."""
    import rasterio

    noise = np.random.default_rng(3).integers(0, 256, (128, 192), dtype=np.uint8)
    with rasterio.open(folder / "in.tif", "w", driver="GTiff", width=192, height=128, count=1, dtype="uint8",
                       crs="EPSG:4326", transform=rasterio.Affine(2, 0, 5, 0, -2, 50), tiled=True, blockxsize=64,
                       blockysize=64) as file:
        file.write(noise, 1)


def write_old_store(folder: Path) -> None:
    """Write in.zarr, and an older out.zarr."""
    import zarr

    SCENARIOS["zarr"].inputs(folder)
    zarr.create_array(str(folder / "out.zarr"), data=np.zeros((3, 3), np.uint8))


RUNS = {
    **{name: SCENARIOS[name] for name in ("picture", "batch", "stream", "indices", "zarr")},
    "overwritten zarr": Scenario(("max", "-k", "2", "in.zarr", "-o", "out.zarr", "--overwrite", "-j", "2"),
                                 write_old_store, ("out.zarr",)),
    "pyramid": Scenario(("pyramid", "in.zarr", "--levels", "2", "-o", "out.zarr"), write_volume, ("out.zarr",)),
    "tiles": Scenario(("avg", "-k", "2", "in.tif", "-o", "out.tif", "--memory", "1M"), write_tiles, ("out.tif",)),
    "isolate": replace(SCENARIOS["batch"], arguments=(*SCENARIOS["batch"].arguments, "--isolate")),
    "scheduler": replace(SCENARIOS["batch"], arguments=(*SCENARIOS["batch"].arguments, "--scheduler", "local")),
}
"""Runs that are interrupted."""


def build_shim(top: Path) -> Path:
    """Compile the library."""
    (top / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", top / "shim.so", top / "shim.c"], check=True)
    return top / "shim.so"


def list_events(reference: Reference, server: Server, top: Path) -> list[int]:
    """Number the events of a run: the first of each place, then the last, then one between."""
    path = top / f"{reference.name}.events"
    run_once(reference, server, prepare=RECORD.format(str(path)))
    numbers: dict[tuple[str, int, str], list[int]] = {}
    begun = 0
    for number, (file, line, event) in enumerate(json.loads(path.read_text()), 1):
        begun += event == "call" and file.endswith("cli/main.py")
        if begun > 1:  # before, ``start`` takes Ctrl-C from Python
            numbers.setdefault((file, line, event), []).append(number)
    picks: list[Callable[[list[int]], int]] = [lambda them: them[0], lambda them: them[-1],
                                               lambda them: them[len(them) // 2]]
    return list(dict.fromkeys(pick(them) for pick in picks for them in numbers.values()))


class Run(NamedTuple):
    """How a run ended, its outputs before and after, and what was left behind."""

    ended: Ended
    old: dict[str, bytes]
    found: dict[str, bytes]
    left: list[str]


def run_once(reference: Reference, server: Server, **how: Any) -> Run:
    """Run a scenario in a new folder."""
    scenario = RUNS[reference.name]
    with tempfile.TemporaryDirectory(prefix="every-signal-") as top:
        folder = Path(top, "work")
        folder.mkdir()
        scenario.inputs(folder)
        old = contents(folder, scenario.outputs)
        ended = server.run(scenario, folder, reference.cache, **how)
        left = [path.name for path in folder.rglob(f"{TEMPORARY}*")]
        return Run(ended, old, contents(folder, scenario.outputs), left)


def broken_rules(reference: Reference, sent: signal.Signals, run: Run) -> Iterator[str]:
    """Name what an interrupted run should not have done."""
    ended, old, found, new = run.ended, run.old, run.found, reference.files
    expected = {signal.SIGINT: (130, "poolcli: interrupted\n"), signal.SIGTERM: (-signal.SIGTERM, "")}[sent]
    said = "" if RUNS[reference.name].stdout else ended.stderr  # the report is there
    said = said or "".join(line for line in ended.stderr.splitlines(True) if line.startswith(("poolcli", "Tr", "Exc")))
    if (ended.code, said) not in (expected, (-sent, ""), (0, "")):
        yield f"ended with {ended.code} and {ended.stderr[-300:]!r}"
    if any(name.endswith(".zarr") for name in RUNS[reference.name].outputs):
        if found not in (old, new):
            yield "a store is neither old nor new"
    else:
        for name in old.keys() | new.keys() | found.keys():
            if found.get(name) not in (old.get(name), new.get(name)):
                yield f"{name} is neither old nor new"
    if ended.code == 0 and found != new:
        yield "it ended well without its outputs"
    if run.left:
        yield f"left behind: {run.left[0]}"


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=", ".join(RUNS))
    parser.add_argument("--share", type=float, default=1.0, help="of the events, 0 to 1")
    parser.add_argument("--random", type=int, default=0, help="runs of each scenario at times that are drawn")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has jobs in the background ignore it
    draw, broken = random.Random(options.seed), 0
    print("| run | events | signals at events | at random | outcomes | wrong |\n| --- | --: | --: | --: | --- | --: |")
    with tempfile.TemporaryDirectory(prefix="every-signal-") as top:
        shim = str(build_shim(Path(top)))
        for name in options.scenario or RUNS:
            reference = take_reference(name, RUNS[name], Path(top), ("ctypes",))
            server = Server(Path(top), reference.modules)
            start = time.monotonic()
            for _ in range(RUNS_TO_TIME):
                run_once(reference, server)
            seconds = (time.monotonic() - start) / RUNS_TO_TIME
            events = list_events(reference, server, Path(top))
            chosen = sorted(draw.sample(events, round(options.share * len(events))))
            outcomes: Counter[str] = Counter()
            wrong = 0
            for number in [*chosen, *[0] * options.random]:
                sent = draw.choice((signal.SIGINT, signal.SIGTERM))
                at = draw.uniform(0, seconds)
                run = run_once(reference, server, prepare=BEGIN.format(shim, number, int(sent))) if number else (
                    run_once(reference, server, seconds=at, kill=sent))
                what = list(broken_rules(reference, sent, run))
                outcomes[str(run.ended.code)] += 1
                wrong += bool(what)
                for rule in what:
                    print(f"{name}: {sent.name} at {number or f'{at:.4f} s'}: {rule}", file=sys.stderr, flush=True)
            server.close()
            told = ", ".join(f"{code}: {count}" for code, count in sorted(outcomes.items()))
            print(f"| {name} | {len(events)} | {len(chosen)} | {options.random} | {told} | {wrong} |", flush=True)
            broken += wrong
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
