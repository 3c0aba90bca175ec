"""``poolcli warmup``: compile in advance what runs would compile one by one."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..core.reducers import REDUCERS
from . import stdio

if TYPE_CHECKING:
    from ..jit import KernelSpec

_HELP = "Compile the usual kernels in advance."
_DTYPES = ("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32",
           "float64")


def _warm_up(reducers: tuple[str, ...], dtypes: tuple[str, ...], every: bool, jobs: int | None, quiet: bool) -> int:
    """Find what is missing, compile it, say how many there are."""
    from .. import jit, warmup
    from ..engine import threads

    if not jit.is_enabled():
        stdio.print_error("nothing is compiled while NUMBA_DISABLE_JIT is set; without it warmup would work")
        return 1
    begun = time.perf_counter()
    chosen = every or reducers or dtypes
    wanted = warmup.list_specs(reducers or warmup.USUAL, dtypes or warmup.DTYPES) if chosen else warmup.list_day_specs()
    lacking = warmup.drop_cached(wanted)
    failures = [why for why in _compile_with_bar(lacking, jobs or threads.count_threads(), quiet) if why is not None]
    for why in dict.fromkeys(failures):
        stdio.print_error(why)
    if not quiet:
        done = len(lacking) - len(failures)
        click.echo(f"{done} compiled in {time.perf_counter() - begun:.1f} s, {len(wanted) - len(lacking)} were there"
                   f"{f', {len(failures)} failed' if failures else ''}: {jit.cache.get_folder()}")
    return 1 if failures else 0


def _compile_with_bar(lacking: Sequence[KernelSpec], jobs: int, quiet: bool) -> list[str | None]:
    """Compile, with a bar on stderr where somebody looks at it."""
    from .. import warmup

    if not lacking:
        return []
    work = warmup.compile_all(lacking, jobs)
    if quiet or not stdio.is_terminal(sys.stderr):
        return list(work)
    with click.progressbar(work, length=len(lacking), label="compiling", file=sys.stderr) as bar:
        return list(bar)


command = click.Command(
    "warmup", callback=_warm_up, help=f"{_HELP}\n\nWithout arguments those of an ordinary day, in about half a minute "
    "on two cores: max, min, avg and median of pictures of 8 bits and maps of float32. --all adds 16 bits, float64, "
    "windows over everything and what is fastest for large arrays, in some minutes; so does a reducer or a type, of "
    "its own. What is compiled already stays.",
    params=[
        click.Argument(["reducers"], nargs=-1, type=click.Choice(list(REDUCERS)), metavar="[REDUCER]..."),
        click.Option(["--dtype", "dtypes"], multiple=True, type=click.Choice(_DTYPES), metavar="TYPE",
                     help="Type of the samples, as in uint8; may be given several times."),
        click.Option(["--all", "every"], is_flag=True, help="Every kernel of max, min, avg and median."),
        click.Option(["--jobs", "-j"], type=click.IntRange(min=1), metavar="N", help="Processes. Default: the cores."),
        click.Option(["-q", "--quiet"], is_flag=True, help="Print errors only."),
    ],
)
