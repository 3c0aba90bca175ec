"""``python -m benchmarks``: the table of every target, from one run."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from .measure import QUICK, Budget, Line

PAGE = Path(__file__).parents[1] / "BENCHMARKS.md"


def main() -> int:
    """Run the rows, print each as it comes."""
    given = arguments()
    # with kernels wherever they serve: figures are those of the hundredth call, not of the first
    os.environ |= {"POOLCLI_THREADS": "1", "OMP_NUM_THREADS": "1", "POOLCLI_COMPILE": "always"}
    from . import table

    text = table.conditions("python -m benchmarks " + shlex.join(sys.argv[1:]))
    print("\n".join(text), flush=True)
    found: list[Line] = []
    for line in table.rows(kept(measured(given), found)):
        print(line, flush=True)
        text.append(line)
    ending = ["", *table.summary(found)]
    print("\n".join(ending))
    if given.json:
        given.json.write_text(json.dumps([{**asdict(line), "met": line.met} for line in found], indent=1))
    if given.write:
        table.write(PAGE, "\n".join(text + ending))
    return 0


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of the pixels, few rounds: no figures")
    parser.add_argument("--all", action="store_true", help="every row and rival, not only the telling ones")
    parser.add_argument("--only", default="", metavar="TEXT", help='rows that have it in "group: name"')
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the lines as JSON too")
    parser.add_argument("--write", action="store_true", help="put the table into BENCHMARKS.md")
    return parser.parse_args()


def measured(given: argparse.Namespace) -> Iterator[Line]:
    """The lines of every row asked for."""
    from . import cases, commands, exactness, folder, run

    for case in cases.chosen(given.all, given.only):
        if given.quick:
            case = case.scaled(kept=1 << 30, divide=2)
        yield from run.lines(case, QUICK if given.quick else Budget())
    if given.only in "exactness: global sum avg":
        yield from exactness.lines(10**6 if given.quick else 10**8)
    yield from commands.lines(given.only, quick=given.quick, every=given.all)
    yield from folder.lines(given.only, quick=given.quick, every=given.all)


def kept(lines: Iterator[Line], found: list[Line]) -> Iterator[Line]:
    """Keep the lines that pass."""
    for line in lines:
        found.append(line)
        yield line


if __name__ == "__main__":
    raise SystemExit(main())
