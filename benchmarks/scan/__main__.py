"""``python -m benchmarks.scan``: a seeded walk through all that can be asked, for what is dear."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .walk import Comparison, Findings


def main(words: Sequence[str] | None = None) -> int:
    """Walk, or tell shares or pauses; print what was found."""
    given = arguments(words)
    os.environ |= {"POOLCLI_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    if given.share:
        print("\n".join(share_lines(given.seed, given.cases or 2000)))
    if given.pauses:
        for line in pause_lines():
            print(line, flush=True)
    if not (given.share or given.pauses):
        walked(given)
    return 0


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scan", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="which cases are drawn (1)")
    parser.add_argument("--cases", type=int, help="how many (100; of shares 2000)")
    parser.add_argument("--seconds", type=float, default=600, help="draw no case after so many seconds (600)")
    parser.add_argument("--worst", type=int, default=10, help="how many of the worst are printed (10)")
    parser.add_argument("--share", action="store_true", help="how much each kernel family serves, by plans alone")
    parser.add_argument("--pauses", action="store_true", help="what a day compiles, with an empty cache")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every comparison")
    parser.add_argument("--progress", action="store_true", help="name each case on stderr")
    return parser.parse_args(words)


def walked(given: argparse.Namespace) -> None:
    """Walk and tell."""
    from .walk import walk

    def tell(text: str) -> None:
        if given.progress:
            print(text, file=sys.stderr, flush=True)

    found = walk(given.seed, given.cases or 100, given.seconds, tell=tell)
    print("\n".join(summary(found, given.seed, given.worst)))
    if given.json:
        given.json.write_text(json.dumps(found.rows(), indent=1))


def summary(found: Findings, seed: int, worst: int) -> Iterator[str]:
    """The walk in words and tables."""
    from .peers import PEERS
    from .walk import DEAR, FAR, LOST

    lost, far = (sum(one.ratio > limit for one in found.peers) for limit in (LOST, FAR))
    missing = [peer.name for peer in PEERS if not peer.here()]
    yield f"Seed {seed}: {found.cases} cases, {len(found.near)} neighbours, {len(found.peers)} comparisons with peers."
    yield f"- {percent(found.cliffs, found.cases)} of the cases are {DEAR:g} times or more dearer than a neighbour"
    compared = len(found.peers)
    yield f"- {percent(lost, compared)} of the comparisons with peers are lost by more than {LOST:g} times ({lost})"
    yield f"- {percent(far, compared)} by more than {FAR:g} times ({far})"
    if found.met:
        middle = sorted(one.ratio for one in found.met)[len(found.met) // 2]
        yield f"- NumPy, until a kernel is compiled, takes {middle:.1f} times as long on {len(found.met)} small arrays"
    notes = {"results are wrong": found.wrong, "differ from a peer's": found.differing,
             "calls of peers fail": found.failed}
    for what, texts in notes.items():
        yield f"- {len(texts)} {what}" + "".join(f"\n  - {text}" for text in texts[:worst])
    yield f"- peers that are not installed: {', '.join(missing) or 'none'}"
    yield from table("dearest beside a neighbour", "plain", found.near, worst)
    yield from table("slowest beside a peer", "peer", found.peers, worst)


def table(title: str, against: str, rows: Sequence[Comparison], worst: int) -> Iterator[str]:
    """The worst of some comparisons."""
    yield from ("", f"The {title}:", "", f"| case | ms | {against} | its ms | times |",
                "| --- | ---: | --- | ---: | ---: |")
    for one in sorted(rows, key=lambda one: -one.ratio)[:worst]:
        mark = "" if one.agrees else " another result"
        ours, theirs = 1e3 * one.ours, 1e3 * one.theirs
        yield f"| {one.case} | {ours:.3g} | {one.against}{mark} | {theirs:.3g} | {one.ratio:.1f} |"


def percent(part: int, whole: int) -> str:
    """A share."""
    return f"{100 * part / max(1, whole):.1f} %"


def share_lines(seed: int, draws: int) -> Iterator[str]:
    """How much each family serves."""
    from .shares import first_tier, shares

    yield from (f"Seed {seed}, {draws} draws, by the plan alone:", "", "| kernel | share |", "| --- | ---: |")
    yield from (f"| {name} | {percent(count, draws)} |" for name, count in shares(seed, draws).most_common())
    yield from ("", f"NumPy serves {percent(first_tier(seed, draws), draws)} while no kernel is compiled.")


def pause_lines() -> Iterator[str]:
    """What waiting for compilers costs."""
    from .pauses import GROUPS, first_command, pause

    yield from ("CPU seconds, an empty cache:", "", "| calls | kernels | paused | work |",
                "| --- | ---: | ---: | ---: |")
    for name in GROUPS:
        one = pause(name)
        yield f"| {one.name} | {one.kernels} | {one.paused:.2f} | {one.worked:.2f} |"
    yield from ("", f"A new user's first command, 2x2 on 200 x 200: {first_command():.2f} s.")


if __name__ == "__main__":
    raise SystemExit(main())
