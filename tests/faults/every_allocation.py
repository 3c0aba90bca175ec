#!/usr/bin/env python3
"""Let an allocation of a run fail: python tests/faults/every_allocation.py [--step 1.05] [--seed 0] [SCENARIO ...]

CPython's ``_testcapi.set_nomemory`` lets the N-th allocation from a moment on fail, and no other: of objects, of their
parts, of buffers. The moment is just before the command line is run, so that imports and planning are tried too.
A run has a million of them, hence N grows geometrically, by a factor and a seeded bit, until a run meets no N-th one.
The runs and the rules are those of ``every_call.py`` beside this file; in place of a line, a run may say nothing but
"out of memory". Prints a Markdown table and each line that breaks a rule; the exit code is 1 if there is one.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import every_call

FIRST = 1
START = """
import sys
import _testcapi
from poolcli.cli.main import start
number = int(sys.argv.pop(1))
_testcapi.set_nomemory(number, number + 1)
start()
"""
RUNS = ("picture", "batch", "stream", "indices", "zarr")
"""Of ``every_call``; a first run allocates mostly in LLVM, whose allocator is the C library's."""


def run(scenario: every_call.Scenario, folder: Path, cache: Path, number: int) -> every_call.Ended:
    """Run a scenario whose allocation of this number fails; whether the run had so many is not told."""
    command = [sys.executable, "-c", START, str(number), *scenario.arguments]
    with Path(folder, scenario.stdin or "/dev/null").open("rb") as stdin:
        try:
            done = subprocess.run(command, cwd=folder, stdin=stdin, capture_output=True,
                                  env=every_call.environment(cache), timeout=every_call.TIME_LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return every_call.Ended(None, b"", "", True)
    return every_call.Ended(done.returncode, done.stdout, done.stderr.decode(errors="replace"), True)


def take_once(reference: every_call.Reference, number: int) -> tuple[str, list[str]]:
    """Run a scenario with one failure; return its outcome and the rules it broke."""
    scenario = every_call.SCENARIOS[reference.name]
    with tempfile.TemporaryDirectory(prefix="every-allocation-") as top:
        folder = Path(top, "work")
        folder.mkdir()
        scenario.inputs(folder)
        old = every_call.contents(folder, scenario.outputs)
        ended = run(scenario, folder, reference.cache, number)
        left = [path.name for path in folder.rglob(f"{every_call.TEMPORARY}*")]
        found = every_call.contents(folder, scenario.outputs)
        what = list(every_call.broken_rules(scenario, "allocation", "", ended, old, reference, found, left))
        if ended.code or what:
            shutil.rmtree(folder)
            folder.mkdir()
            scenario.inputs(folder)
            again = every_call.run(scenario, folder, reference.cache, None)
            if again.code or every_call.contents(folder, scenario.outputs) != reference.files:
                what.append(f"the next run is not right: exit code {again.code}, {again.stderr[-200:]!r}")
    return "broken" if what else f"exit {ended.code}", what


def numbers(step: float, most: int, seed: int) -> Iterator[int]:
    """Give growing numbers of allocations, none twice."""
    chance = random.Random(seed)
    at, last = float(FIRST), 0
    while at <= most:
        if int(at) > last:
            last = int(at)
            yield last
        at = max(at * (1 + (step - 1) * 2 * chance.random()), at + chance.random())


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=", ".join(RUNS))
    parser.add_argument("--step", type=float, default=1.05, help="factor from one number to the next")
    parser.add_argument("--most", type=int, default=1_000_000, help="the last number")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    broken = 0
    with tempfile.TemporaryDirectory(prefix="every-allocation-") as top:
        print("| run | failures | outcomes |\n| --- | --: | --- |")
        for name in options.scenario or RUNS:
            reference = every_call.take_reference(name, Path(top))
            outcomes: Counter[str] = Counter()
            for number in numbers(options.step, options.most, options.seed):
                outcome, what = take_once(reference, number)
                outcomes[outcome] += 1
                broken += bool(what)
                for rule in what:
                    print(f"{name}: allocation {number}: {rule}", file=sys.stderr, flush=True)
            kinds = ", ".join(f"{kind}: {count}" for kind, count in sorted(outcomes.items()))
            print(f"| {name} | {sum(outcomes.values())} | {kinds} |", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
