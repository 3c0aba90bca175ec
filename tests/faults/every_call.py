#!/usr/bin/env python3
"""Let every system call of a run fail once.

    python tests/faults/every_call.py [--share 0.1] [--seed 0] [--minutes 9] [SCENARIO ...]

strace injects one failure into one call of a run (Linux, Debian's package strace): the first ``openat`` of each thread
gives EIO, in the next run the second, and so on for as many as a run without a failure has. Interpreter start-up is
left out: strace is attached to a process that waits at a pipe just before the command line is run. After each run this
must hold:

* it ended within the time limit, by an exit code that the README lists, and not by a signal;
* standard error has no traceback; where the exit code is not 0 it says why;
* each output is the whole old file, the whole new one, or absent where there was none; with exit code 0 it is new;
* no temporary file is left, unless the removal itself was what failed;
* where anything went wrong, the next run without a failure gives the right bytes.

Prints a Markdown table of outcomes by scenario and call, and each line that breaks a rule; the exit code is 1 if there
is one. All of it takes hours on two cores; --share takes a seeded part, and --minutes as many failures as that time
gives, in a seeded order; the table says of how many.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

TEMPORARY = ".poolcli-"
TIME_LIMIT = 120.0
EXIT_CODES = {0, 1, 2, 3, 4}
"""Those of the README that a failing call may lead to; 130 and 141 need a signal or a reader that leaves."""

START = """
import os, sys
from poolcli.cli.main import start
gate = int(sys.argv.pop(1))
os.write(gate, b" ")  # the interpreter has started
os.read(gate, 1)  # strace is attached meanwhile
os.close(gate)
start()
"""

FAILURES: dict[str, tuple[str, ...]] = {
    "openat": ("error=EIO", "error=EMFILE", "error=EACCES", "error=ENOMEM", "error=ESTALE", "error=EINTR"),
    "read": ("error=EIO", "error=EINTR", "error=ESTALE", "retval=0", "retval=1"),
    "pread64": ("error=EIO", "error=EINTR"),
    "write": ("error=EIO", "error=ENOSPC", "error=EINTR", "retval=1"),
    "pwrite64": ("error=EIO", "error=ENOSPC", "error=EINTR"),
    "fsync": ("error=EIO", "error=ENOSPC", "error=EINTR"),
    "fdatasync": ("error=EIO", "error=ENOSPC"),
    "/^rename": ("error=EIO", "error=ENOSPC", "error=EACCES"),
    "/^link": ("error=EIO", "error=EACCES"),
    "/^unlink": ("error=EIO", "error=EACCES"),
    "/^mkdir": ("error=EIO", "error=ENOSPC", "error=EACCES"),
    "/^(new)?fstat(at)?": ("error=EIO", "error=ENOMEM", "error=ESTALE"),
    "flock": ("error=EIO", "error=EINTR", "error=ENOLCK"),
    "mmap": ("error=ENOMEM",),
    "close": ("error=EIO", "error=EINTR"),
    "getdents64": ("error=EIO", "error=ESTALE"),
    "/^clone": ("error=ENOMEM", "error=EAGAIN"),
}
"""System calls, and how each is made to fail. ``retval`` is a short read or write: the kernel did nothing, and the
program is told that this many bytes went through."""

LIES = {"retval=0", "retval=1"}
"""Failures after which an output may be wrong and exit code 0 right: the kernel said that bytes were read or written
which were not. Such runs must end in order, but their files are not compared."""


@dataclass(frozen=True)
class Scenario:
    """A command line whose calls fail.

    Attributes
    ----------
    arguments
        Words after ``poolcli``.
    inputs
        Writes the inputs, and old outputs where there are any, into a folder.
    outputs
        Names of the files, or of folders of files, that the run writes.
    stdin
        A file of the folder that is standard input.
    stdout
        Whether standard output is data, compared as an output is.
    empty_cache
        Whether the run starts without a kernel.
    """

    arguments: tuple[str, ...]
    inputs: Callable[[Path], None]
    outputs: tuple[str, ...]
    stdin: str | None = None
    stdout: bool = False
    empty_cache: bool = False


def write_picture(folder: Path, name: str = "in.png", seed: int = 0) -> None:
    """Write a small grey picture of noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 36), dtype=np.uint8)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(folder / name)


def write_batch(folder: Path) -> None:
    """Write five pictures, and five older results in their outputs' places."""
    for i in range(5):
        write_picture(folder, f"in/{i}.png", i)
        write_picture(folder, f"out/{i}.png", 10 + i)


def write_array(folder: Path) -> None:
    """Write a map of float32 as in.npy."""
    np.save(folder / "in.npy", np.random.default_rng(1).normal(size=(2, 24, 36)).astype(np.float32))


def write_zarr(folder: Path) -> None:
    """Write a chunked array of bytes as in.zarr."""
    import zarr

    noise = np.random.default_rng(2).integers(0, 256, (40, 60), dtype=np.uint8)
    zarr.create_array(str(folder / "in.zarr"), data=noise, chunks=(16, 16))


SCENARIOS = {
    "picture": Scenario(("max", "-k", "2", "in.png", "-o", "out.png"), write_picture, ("out.png",)),
    "batch": Scenario(("max", "-k", "2", "in", "-o", "out/", "--overwrite", "-j", "2"), write_batch, ("out",)),
    "stream": Scenario(("max", "-k", "2", "--layout", "CHW", "-", "-o", "-"), write_array, (), "in.npy", True),
    "indices": Scenario(("max", "-k", "2", "--layout", "CHW", "in.npy", "-o", "out.npy", "--indices", "at.npy"),
                        write_array, ("out.npy", "at.npy")),
    "zarr": Scenario(("max", "-k", "2", "in.zarr", "-o", "out.zarr"), write_zarr, ("out.zarr",)),
    "first": Scenario(("max", "-k", "2", "in.png", "-o", "out.png"), write_picture, ("out.png",), empty_cache=True),
}


class Ended(NamedTuple):
    """How a run ended. ``failed`` says whether the failure was injected, ``code`` is None beyond the time limit."""

    code: int | None
    stdout: bytes
    stderr: str
    failed: bool


class Reference(NamedTuple):
    """What a run without a failure does: its kernels, standard output and files."""

    name: str
    cache: Path
    stdout: bytes
    files: dict[str, bytes]


class Rule(NamedTuple):
    """A rule that a run broke, and the run."""

    scenario: str
    call: str
    number: int
    failure: str
    what: str


@dataclass
class Tally:
    """What was found: outcomes by scenario and call, the rules broken, and how many failures there are."""

    outcomes: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    broken: list[Rule] = field(default_factory=list)
    there_are: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)


def contents(folder: Path, names: Sequence[str]) -> dict[str, bytes]:
    """Read the files with these names, and all files below the folders with these names."""
    found = {}
    for name in names:
        path = folder / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.startswith(TEMPORARY):
                found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found


def environment(cache: Path) -> dict[str, str]:
    """Return an ordinary environment, with kernels in a folder of ours and NumPy on one thread."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(cache.parent), "LANG": "C.UTF-8", "POOLCLI_CACHE_DIR": str(cache),
            "POOLCLI_COMPILE": "always", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run(scenario: Scenario, folder: Path, cache: Path, inject: str | None, keep_log: bool = False) -> Ended:
    """Run a scenario's command in a folder.

    ``inject`` is strace's word for what fails, None for nothing; a word without a failure only traces. The log of
    strace is kept beside the folder where ``keep_log`` says so.
    """
    log = folder.parent / f"{folder.name}.strace"
    with Path(folder, scenario.stdin or "/dev/null").open("rb") as stdin, \
            tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        opener, gate = socket.socketpair()
        process = subprocess.Popen([sys.executable, "-c", START, str(gate.fileno()), *scenario.arguments], cwd=folder,
                                   stdin=stdin, stdout=stdout, stderr=stderr, env=environment(cache),
                                   pass_fds=[gate.fileno()])
        gate.close()
        opener.recv(1)
        tracer = None
        if inject:
            call, fails = inject.split(":")[0], [f"--inject={inject}"] if ":" in inject else []
            tracer = subprocess.Popen(["strace", "-f", "-o", str(log), "-p", str(process.pid), f"--trace={call}",
                                       *fails], stderr=subprocess.PIPE, text=True)
            assert tracer.stderr is not None
            if "attached" not in (line := tracer.stderr.readline()):
                process.kill()
                raise SystemExit(f"strace: {line.strip()}")
        opener.close()
        try:
            code: int | None = process.wait(TIME_LIMIT)
        except subprocess.TimeoutExpired:
            code = None
            process.kill()
            process.wait()
        failed = False
        if tracer:
            tracer.communicate(timeout=TIME_LIMIT)
            failed = "(INJECTED)" in log.read_text(errors="replace")
            if not keep_log:
                log.unlink()
        stdout.seek(0)
        stderr.seek(0)
        return Ended(code, stdout.read(), stderr.read().decode(errors="replace"), failed)


def broken_rules(scenario: Scenario, call: str, failure: str, ended: Ended, old: dict[str, bytes],
                 reference: Reference, found: dict[str, bytes], left: Sequence[str]) -> Iterator[str]:
    """Name what a run should not have done, from the files before it, after it, and the temporary ones left."""
    if ended.code is None:
        yield f"ran for more than {TIME_LIMIT:g} s"
        return
    if ended.code not in EXIT_CODES:
        yield f"exit code {ended.code}"
    if "Traceback" in ended.stderr:
        yield f"a traceback: {ended.stderr.strip().splitlines()[-1]}"
    if ended.code and not re.search(r"^poolcli: ", ended.stderr, re.MULTILINE) and call != "write":
        yield f"exit code {ended.code} without a reason: {ended.stderr[-200:]!r}"
    if "unexpected" in ended.stderr:
        yield f"not foreseen: {ended.stderr.strip().splitlines()[-1]}"
    if failure not in LIES:
        for name in sorted(old.keys() | reference.files.keys() | found.keys()):
            right = {reference.files.get(name)} if ended.code == 0 else {old.get(name), reference.files.get(name)}
            if found.get(name) not in right and not (ended.code and ".zarr/" in name):  # a store is whole or incomplete
                yield f"{name} is {'missing' if name not in found else 'damaged'}"
        if scenario.stdout and ended.code == 0 and ended.stdout != reference.stdout:
            yield "standard output is not the result"
    if left and not call.startswith("/^unlink"):
        yield f"left behind: {left[0]}"


def take_reference(name: str, top: Path) -> Reference:
    """Run a scenario without a failure; compiles its kernels."""
    scenario, folder = SCENARIOS[name], top / name
    folder.mkdir()
    scenario.inputs(folder)
    ended = run(scenario, folder, top / "kernels", None)
    assert ended.code == 0, ended
    return Reference(name, top / "kernels", ended.stdout, contents(folder, scenario.outputs))


def take_once(reference: Reference, call: str, number: int, failure: str, tally: Tally) -> bool:
    """Run a scenario with one failing call and check the rules; return False where the run had no such call."""
    scenario = SCENARIOS[reference.name]
    with tempfile.TemporaryDirectory(prefix="every-call-") as top:
        folder = Path(top, "work")
        folder.mkdir()
        scenario.inputs(folder)
        old = contents(folder, scenario.outputs)
        kernels = Path(top, "kernels") if scenario.empty_cache else reference.cache
        ended = run(scenario, folder, kernels, f"{call}:{failure}:when={number}")
        if not ended.failed:
            return False
        left = [path.name for path in folder.rglob(f"{TEMPORARY}*")]
        found = contents(folder, scenario.outputs)
        what = list(broken_rules(scenario, call, failure, ended, old, reference, found, left))
        if ended.code or what or scenario.empty_cache:
            shutil.rmtree(folder)
            folder.mkdir()
            scenario.inputs(folder)
            again = run(scenario, folder, kernels, None)
            same = again.stdout == reference.stdout or not scenario.stdout
            if again.code or not same or contents(folder, scenario.outputs) != reference.files:
                what.append(f"the next run is not right: exit code {again.code}, {again.stderr[-200:]!r}")
    with tally.lock:
        tally.outcomes.setdefault((reference.name, call), Counter())["broken" if what else f"exit {ended.code}"] += 1
        tally.broken += [Rule(reference.name, call, number, failure, rule) for rule in what]
    return True


def count_calls(name: str, top: Path, calls: Sequence[str], cache: Path) -> dict[str, int]:
    """Count the calls of a run: of each kind the most that one thread makes, for strace counts by thread."""
    scenario, folder = SCENARIOS[name], top / f"count-{name}"
    folder.mkdir()
    scenario.inputs(folder)
    run(scenario, folder, top / "no-kernels" if scenario.empty_cache else cache, ",".join(calls), keep_log=True)
    threads: Counter[tuple[str, str]] = Counter()
    for line in (top / f"{folder.name}.strace").read_text(errors="replace").splitlines():
        if found := re.match(r"(\d+) +(\w+)\(", line):
            thread, called = found.groups()
            threads.update((call, thread) for call in calls
                           if re.match(f"{call[1:]}" if call[0] == "/" else f"{call}$", called))
    return {call: max((count for (one, _), count in threads.items() if one == call), default=0) for call in calls}


def take_all(names: Sequence[str], calls: Sequence[str], share: float, seed: int, jobs: int, minutes: float) -> Tally:
    """Let each call of each scenario fail, or a seeded share of them, for as long as there is time."""
    tally, chance = Tally(), random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="every-call-") as top, ThreadPoolExecutor(jobs) as threads:
        references = [take_reference(name, Path(top)) for name in names]
        counts = [count_calls(one.name, Path(top), calls, one.cache) for one in references]
        every = [(reference, call, number, failure) for reference, count in zip(references, counts, strict=True)
                 for call in calls for number in range(1, count[call] + 1) for failure in FAILURES[call]]
        tally.there_are = Counter((reference.name, call) for reference, call, _, _ in every)
        chosen = chance.sample(every, math.ceil(share * len(every)))
        end = time.monotonic() + 60 * minutes

        def take(one: tuple[Reference, str, int, str]) -> None:
            if time.monotonic() < end:
                take_once(*one, tally)

        list(threads.map(take, chosen))
    return tally


def table(tally: Tally) -> Iterator[str]:
    """Return the lines of a Markdown table: runs by scenario, call and outcome."""
    kinds = sorted({kind for counts in tally.outcomes.values() for kind in counts})
    yield f"| run | call | failures | of | {' | '.join(kinds)} |"
    yield "| --- | --- | --: | --: |" + " --: |" * len(kinds)
    for (name, call), counts in sorted(tally.outcomes.items()):
        yield (f"| {name} | {call.strip('/^')} | {sum(counts.values())} | {tally.there_are[name, call]} | "
               f"{' | '.join(str(counts[kind] or '') for kind in kinds)} |")


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="*", help=", ".join(SCENARIOS))
    parser.add_argument("--call", action="append", choices=list(FAILURES), help="only this system call; repeatable")
    parser.add_argument("--share", type=float, default=1.0, help="of the calls that fail, 0 to 1")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=math.inf, help="after which no further call fails")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    if unknown := set(options.scenario) - SCENARIOS.keys():
        parser.error(f"no scenario {unknown.pop()!r}; there are {', '.join(SCENARIOS)}")
    tally = take_all(options.scenario or list(SCENARIOS), options.call or list(FAILURES), options.share, options.seed,
                     options.jobs, options.minutes)
    print("\n".join(table(tally)))
    for rule in tally.broken:
        print(f"{rule.scenario}: {rule.call.strip('/^')} {rule.number} {rule.failure}: {rule.what}", file=sys.stderr)
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())
